//! The loops of elementwise programs: in go a step's operation and its operands for one
//! block, out comes its result for that block.
//!
//! Invariant: element i of the result is the operation of element i of the operands, with
//! the same bits in a whole vector, in the tail, and in a pair.

use crate::math;
use crate::program::{Bin, Un};
use crate::schedule::{First, Op, Second};
use crate::simd::Vector;
use crate::values::{bins, uns};

/// An operand for the current block.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Place<T> {
    pub(crate) start: *mut T,
    /// Elements from one vector to the next: 0 for one that is the same all along.
    pub(crate) step: usize,
}

/// The loop of one step: whole vectors, then what is left.
macro_rules! each {
    ($dst:ident, $n:ident, ($($arg:ident)+) => $value:expr) => {{
        let mut i = 0;
        $(let mut $arg = ($arg.start.cast_const(), $arg.step);)+
        // Two at a time: one alone is bound by the loop's own counting.
        while i + 2 * V::LANES <= $n {
            let first = {
                $(let $arg = V::load($arg.0);)+
                $value
            };
            let second = {
                $(let $arg = V::load($arg.0.add($arg.1));)+
                $value
            };
            first.store($dst.add(i));
            second.store($dst.add(i + V::LANES));
            $($arg.0 = $arg.0.add(2 * $arg.1);)+
            i += 2 * V::LANES;
        }
        if i + V::LANES <= $n {
            let value = {
                $(let $arg = V::load($arg.0);)+
                $value
            };
            value.store($dst.add(i));
            $($arg.0 = $arg.0.add($arg.1);)+
            i += V::LANES;
        }
        if i < $n {
            let part = V::part($n - i);
            let value = {
                $(let $arg = V::load_part($arg.0, part);)+
                $value
            };
            value.store_part($dst.add(i), part);
        }
    }};
}

/// The loops of all pairs: one per first and second.
macro_rules! pairs {
    (
        ($dst:ident, $n:ident, $t:ident, $first:expr, $second:expr);
        $($F:ident $f_args:tt $f:expr;)*
        => $seconds:tt
    ) => {
        match $first {
            $(First::$F => seconds!(($dst, $n, $t, $second) $f_args $f; $seconds),)*
        }
    };
}
macro_rules! seconds {
    (
        ($dst:ident, $n:ident, $t:ident, $second:expr) $f_args:tt $f:expr;
        { $($G:ident $g_args:tt $g:expr;)* }
    ) => {
        match $second {
            $(Second::$G => pair!($dst, $n, $t, $f_args $f, $g_args $g),)*
        }
    };
}
macro_rules! pair {
    (
        $dst:ident, $n:ident, $t:ident,
        ($($f_arg:ident)*) $f:expr, ($($g_arg:ident)*) $g:expr
    ) => {
        each!($dst, $n, ($($f_arg)* $($g_arg)*) => {
            let $t = $f;
            $g
        })
    };
}

/// # Safety
/// Each argument holds `n` elements, or one vector at step 0; `dst` has room for `n` and
/// is apart from each argument or the same.
#[inline(always)]
pub(crate) unsafe fn apply<V: Vector>(
    op: Op,
    dst: *mut V::E,
    args: [Place<V::E>; 5],
    n: usize,
) {
    let [a, b, c, ..] = args;
    let zero = V::c(0.0);
    // SAFETY: this function's condition.
    unsafe {
        match op {
            Op::Move => each!(dst, n, (a) => a),
            Op::MulAdd => each!(dst, n, (a b c) => a.fma(b, c)),
            Op::Select => each!(dst, n, (a b c) => V::select(a.eq(zero), c, b)),
            Op::Un(un) => apply_un::<V>(un, dst, a, n),
            Op::Bin(bin) => apply_bin::<V>(bin, dst, a, b, n),
            Op::Pair(first, second) => apply_pair::<V>((first, second), dst, args, n),
            Op::Uniform(_) | Op::Code(_) => {}
        }
    }
}

/// The loops of all functions of one kind.
macro_rules! loops {
    (@ $dst:ident $n:ident ($p:ident) ($a:ident) $value:expr) => {{
        let $a = $p;
        each!($dst, $n, ($a) => $value)
    }};
    (@ $dst:ident $n:ident ($p:ident $q:ident) ($a:ident $b:ident) $value:expr) => {{
        let ($a, $b) = ($p, $q);
        each!($dst, $n, ($a $b) => $value)
    }};
    (
        ($F:ident $f:ident $dst:ident $n:ident $places:tt)
        $($name:ident($($arg:ident)+) $value:expr;)*
    ) => {
        match $f {
            $($F::$name => loops!(@ $dst $n $places ($($arg)+) $value),)*
        }
    };
}

/// # Safety
/// As [`apply`].
#[inline(always)]
unsafe fn apply_un<V: Vector>(un: Un, dst: *mut V::E, x: Place<V::E>, n: usize) {
    // SAFETY: as `apply`.
    unsafe { uns!(loops! (Un un dst n (x))) }
}

/// # Safety
/// As [`apply`].
#[inline(always)]
unsafe fn apply_bin<V: Vector>(
    bin: Bin,
    dst: *mut V::E,
    x: Place<V::E>,
    y: Place<V::E>,
    n: usize,
) {
    // SAFETY: as `apply`.
    unsafe { bins!(loops! (Bin bin dst n (x y))) }
}

/// # Safety
/// As [`apply`].
#[inline(always)]
unsafe fn apply_pair<V: Vector>(
    (first, second): (First, Second),
    dst: *mut V::E,
    [a, b, c, d, e]: [Place<V::E>; 5],
    n: usize,
) {
    let zero = V::c(0.0);
    // SAFETY: as `apply`.
    unsafe {
        pairs! {
            (dst, n, t, first, second);
            Add (a b) a.add(b);
            Sub (a b) a.sub(b);
            Mul (a b) a.mul(b);
            Div (a b) a.div(b);
            MulAdd (a b c) a.fma(b, c);
            Sqrt (a) a.sqrt();
            Square (a) a.mul(a);
            Gt (a b) V::truth(b.lt(a));
            => {
                Add (d) t.add(d);
                Sub (d) t.sub(d);
                SubFrom (d) d.sub(t);
                Mul (d) t.mul(d);
                Div (d) t.div(d);
                Under (d) d.div(t);
                MulAdd (d e) t.fma(d, e);
                AddProduct (d e) d.fma(e, t);
                Select (d e) V::select(t.eq(zero), e, d);
                Max (d) t.max(d);
            }
        }
    }
}
