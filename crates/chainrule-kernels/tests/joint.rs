//! A product joined to the pass that uses it up, against one after the other.

use chainrule_kernels::{
    Access, Bin, Call, Gemm, Inputs, Inst, Pass, Program, Real, Slot, Src, Team,
};
use std::sync::Arc;

/// Where things lie: parameters, gradients, a state, each with something before and behind the
/// m×n in question, then the product's operands.
struct Places {
    around: [usize; 2],
    shape: (usize, usize, usize),
}

impl Places {
    fn line(&self) -> usize {
        self.around[0] + self.shape.0 * self.shape.1 + self.around[1]
    }

    /// gᵀ = δᵀ x, as a layer's gradient is.
    fn product(&self) -> Gemm {
        let ((m, n, k), line) = (self.shape, self.line());
        Gemm {
            m,
            n,
            k,
            a: 3 * line,
            a_rs: 1,
            a_cs: m,
            b: 3 * line + m * k,
            b_rs: n,
            b_cs: 1,
            c: line + self.around[0],
            c_rs: n,
            c_cs: 1,
            alpha: 1.0 / k as f64,
            accumulate: false,
        }
    }

    /// v = 0.9 v + g; θ = θ − 0.1 v.
    fn pass<T: Real>(&self) -> Pass<T> {
        let line = self.line();
        let program = Program::new(
            vec![
                Inst::MulAdd(Src::In(2), Src::Const(0), Src::In(1)),
                Inst::Bin(Bin::Mul, Src::Reg(0), Src::Const(1)),
                Inst::Bin(Bin::Sub, Src::In(0), Src::Reg(1)),
            ],
            vec![Access::Full; 3],
            vec![Src::Reg(2), Src::Reg(0)],
        );
        let slots = [0, line, 2 * line].map(|at| Slot::new(at, line)).to_vec();
        let out = vec![slots[0], slots[2]];
        let consts = [0.9, 0.1].map(T::from_f64).to_vec();
        Pass::new(Arc::new(program), (1, line), slots, out, consts)
    }

    fn arena<T: Real>(&self) -> Vec<T> {
        let (m, n, k) = self.shape;
        let numbers = 3 * self.line() + (m + n) * k;
        (0..numbers).map(|i| T::from_f64(((i * 37) % 101) as f64 / 50.0 - 1.0)).collect()
    }
}

fn same_bits<T: Real>() {
    for (around, shape) in
        [([0, 0], (128, 130, 7)), ([5, 48], (201, 97, 33)), ([64, 0], (129, 300, 64))]
    {
        let places = Places { around, shape };
        let (product, pass, line) = (places.product(), places.pass(), places.line());
        let mut expected: Vec<T> = places.arena();
        T::call(&Team::single(), &mut expected, Call::Gemm(product));
        T::call(&Team::single(), &mut expected, Call::Pass(pass.clone()));
        let calls = T::joined(&product, &pass).expect("large enough");
        for threads in [1, 2, 3, 5] {
            let team = Team::eager(threads);
            let mut arena: Vec<T> = places.arena();
            let sequence = T::sequence(&calls, &team);
            T::run(&team, &mut arena, &sequence, &Inputs::NONE);
            for (made, of) in [(0, "parameters"), (2 * line, "the state")] {
                let right = arena[made..made + line] == expected[made..made + line];
                assert!(right, "{of} of {shape:?} by {threads}");
            }
            assert!(arena[3 * line..] == expected[3 * line..], "operands");
        }
    }
}

#[test]
fn bits_are_those_of_the_product_and_then_the_pass() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn what_would_not_pay_or_does_not_meet_is_left_alone() {
    let joined = |places: &Places| f32::joined(&places.product(), &places.pass());
    let around = [0, 0];
    assert!(joined(&Places { around, shape: (10, 20, 8) }).is_none(), "small");
    assert!(joined(&Places { around, shape: (64, 784, 512) }).is_none(), "a long batch");
    assert!(
        joined(&Places { around, shape: (600, 520, 512) }).is_none(),
        "no near cache"
    );
    let places = Places { around, shape: (128, 130, 8) };
    let elsewhere = Gemm { c: 10 * places.line(), ..places.product() };
    assert!(f32::joined(&elsewhere, &places.pass()).is_none(), "another gradient");
    let across = Gemm { c_rs: 1, c_cs: 128, ..places.product() };
    assert!(f32::joined(&across, &places.pass()).is_none(), "turned");
}
