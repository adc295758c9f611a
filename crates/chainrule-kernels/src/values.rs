//! What each function of a program means: two tables from its name to operations of
//! [`Vector`]. The loops over blocks and the code made at run time are both made of them.
//!
//! Invariant: an entry's bits depend on its operands of the same lane alone.

/// The functions of one number, given to the macro `$do` after `$more`.
macro_rules! uns {
    ($do:ident! $more:tt) => {
        $do! { $more
            Neg(a) a.neg();
            Exp(a) math::exp(a);
            Log(a) math::log(a);
            Log1p(a) math::log1p(a);
            Expm1(a) math::expm1(a);
            Sqrt(a) a.sqrt();
            Erf(a) math::erf(a);
            Sin(a) math::sin(a);
            Cos(a) math::cos(a);
            Tanh(a) math::tanh(a);
            Abs(a) a.abs();
            Sign(a) {
                let signed = V::either(a.lt(V::c(0.0)), V::c(0.0).lt(a));
                V::select(signed, V::c(1.0).with_sign(a), a)
            };
            Recip(a) V::c(1.0).div(a);
            Square(a) a.mul(a);
            Not(a) V::truth(a.eq(V::c(0.0)));
        }
    };
}
pub(crate) use uns;

/// The functions of two numbers, given to the macro `$do` after `$more`.
macro_rules! bins {
    ($do:ident! $more:tt) => {
        $do! { $more
            Add(a b) a.add(b);
            Sub(a b) a.sub(b);
            Mul(a b) a.mul(b);
            Div(a b) a.div(b);
            Pow(a b) math::pow(a, b);
            Max(a b) a.max(b);
            Min(a b) a.min(b);
            Lt(a b) V::truth(a.lt(b));
            Le(a b) V::truth(a.le(b));
            Gt(a b) V::truth(b.lt(a));
            Ge(a b) V::truth(b.le(a));
            Eq(a b) V::truth(a.eq(b));
            Ne(a b) V::truth(V::not(a.eq(b)));
            And(a b) {
                V::truth(V::not(V::either(a.eq(V::c(0.0)), b.eq(V::c(0.0)))))
            };
            Or(a b) V::truth(V::not(V::both(a.eq(V::c(0.0)), b.eq(V::c(0.0)))));
            XLogY(a b) V::select(a.eq(V::c(0.0)), V::c(0.0), a.mul(math::log(b)));
            XDivY(a b) V::select(a.eq(V::c(0.0)), V::c(0.0), a.div(b));
        }
    };
}
pub(crate) use bins;
