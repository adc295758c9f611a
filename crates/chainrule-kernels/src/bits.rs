//! Tests only: every kernel gives the same bits in every form that this processor has and
//! on any number of threads.

use crate::arena::Slot;
use crate::fused::Pass;
use crate::matmul::{Gemm, reference};
use crate::program::{Access, Bin, Inst, Program, Src, Un};
use crate::reduce::{Reduce, Reduction};
use crate::sequence::{Call, Inputs, Sequence, run};
use crate::simd::{Forms, Isa, widest};
use crate::softmax::{RowSoft, Soft};
use crate::team::Team;
use std::sync::Arc;

pub(crate) const UNS: [Un; 15] = [
    Un::Neg,
    Un::Exp,
    Un::Log,
    Un::Log1p,
    Un::Expm1,
    Un::Sqrt,
    Un::Erf,
    Un::Sin,
    Un::Cos,
    Un::Tanh,
    Un::Abs,
    Un::Sign,
    Un::Recip,
    Un::Square,
    Un::Not,
];
pub(crate) const BINS: [Bin; 17] = [
    Bin::Add,
    Bin::Sub,
    Bin::Mul,
    Bin::Div,
    Bin::Pow,
    Bin::Max,
    Bin::Min,
    Bin::Lt,
    Bin::Le,
    Bin::Gt,
    Bin::Ge,
    Bin::Eq,
    Bin::Ne,
    Bin::And,
    Bin::Or,
    Bin::XLogY,
    Bin::XDivY,
];

/// Ordinary numbers, with the odd extreme among them.
fn numbers<T: Forms>(n: usize) -> Vec<T> {
    let odd =
        [0.0, -0.0, 1e-40, -1e-320, 1e30, -1e4, 88.8, -104.0, f64::INFINITY, f64::NAN];
    let number = |i: usize| match i % 23 {
        7 => odd[i / 23 % odd.len()],
        _ => ((i * 37) % 1013) as f64 / 127.0 - 4.0,
    };
    (0..n).map(|i| T::of(number(i))).collect()
}

/// Runs a call on this thread and this arena.
fn alone<T: Forms>(team: &Team, isa: Isa, arena: &mut [T], call: &Call<T>) {
    let sequence = Sequence::dealt(std::slice::from_ref(call), team.threads());
    let inputs = Inputs { key: [3, 4], ..Inputs::NONE };
    run(team, isa, arena, &sequence, &inputs);
}

/// A number's bits; all NaN are one, and so are 0 and the subnormal numbers of a sign, which some
/// forms move as they are and others as 0.
fn meaning(x: f64, is_f64: bool) -> u64 {
    let least = if is_f64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
    match x {
        x if x.is_nan() => 1,
        x if x.abs() < least => 0f64.copysign(x).to_bits(),
        x => x.to_bits(),
    }
}

/// Runs a call in every form and dealt to several teams, and compares the arenas' bits.
fn same_bits<T: Forms>(name: &str, arena: &[T], call: &Call<T>) {
    let kernel = |team: &Team, isa: Isa, arena: &mut [T]| alone(team, isa, arena, call);
    let bits = |arena: &[T]| -> Vec<u64> {
        arena.iter().map(|x| meaning(x.wide(), T::IS_F64)).collect()
    };
    let mut expected = arena.to_vec();
    kernel(&Team::single(), Isa::Portable, &mut expected);
    for threads in [1, 2, 3, 8] {
        let team = Team::new(threads);
        for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512] {
            if isa <= widest() {
                let mut got = arena.to_vec();
                kernel(&team, isa, &mut got);
                assert!(bits(&got) == bits(&expected), "{name} in {isa:?} on {threads}");
            }
        }
    }
}

fn elementwise<T: Forms>() {
    let (a, b, c) = (Src::In(0), Src::In(1), Src::In(2));
    let uns = UNS.map(|un| vec![Inst::Un(un, a)]);
    let bins = BINS.map(|bin| vec![Inst::Bin(bin, a, b)]);
    let more = [
        vec![Inst::MulAdd(a, b, c)],
        vec![Inst::Select(a, b, c)],
        vec![Inst::Uniform { key: 2 }],
        vec![Inst::Bin(Bin::Mul, a, b), Inst::Bin(Bin::Div, c, Src::Reg(0))],
    ];
    for insts in uns.into_iter().chain(bins).chain(more) {
        let name = format!("{insts:?}");
        let last = Src::Reg(insts.len() as u16 - 1);
        let access = vec![Access::Full, Access::Row, Access::Col];
        let program = Program::new(insts, access, vec![last]);
        for (rows, cols) in [(37, 3), (5, 131)] {
            let n = rows * cols;
            let pass = Pass::new(
                Arc::new(program.clone()),
                (rows, cols),
                vec![Slot::new(0, cols), Slot::new(n, cols), Slot::new(n + cols, 1)],
                vec![Slot::new(0, cols)],
                vec![],
            );
            let arena = numbers::<T>(n + cols + rows);
            same_bits(&name, &arena, &Call::Pass(pass));
        }
    }
}

#[test]
fn elementwise_steps_have_the_same_bits_everywhere() {
    elementwise::<f32>();
    elementwise::<f64>();
}

#[test]
fn a_long_program_has_the_same_bits_on_any_number_of_threads() {
    let insts = vec![
        Inst::Un(Un::Tanh, Src::In(0)),
        Inst::MulAdd(Src::Reg(0), Src::In(0), Src::In(1)),
        Inst::Bin(Bin::Sub, Src::Reg(1), Src::Const(0)),
    ];
    let program = Program::new(insts, vec![Access::Full, Access::Row], vec![Src::Reg(2)]);
    let (rows, cols) = (300, 300);
    let pass = Pass::new(
        Arc::new(program.clone()),
        (rows, cols),
        vec![Slot::new(0, cols), Slot::new(rows * cols, cols)],
        vec![Slot::new(0, cols)],
        vec![0.25f32],
    );
    same_bits("tanh", &numbers(rows * cols + cols), &Call::Pass(pass));
}

fn sums<T: Forms>() {
    for (rows, cols) in [(0, 3), (1, 1), (7, 15), (40, 16), (300, 17), (1000, 150)] {
        let arena: Vec<T> = numbers(rows * (cols + 1) + rows + cols + 1);
        for kind in [
            Reduce::RowSum,
            Reduce::RowMax,
            Reduce::ColSum,
            Reduce::AllSum,
            Reduce::AllSquares,
        ] {
            for stride in [cols, cols + 1] {
                let dst = Slot::new(rows * stride, 1);
                let (src, scale, accumulate) = (Slot::new(0, stride), 0.5, true);
                let r = Reduction { kind, rows, cols, src, dst, scale, accumulate };
                same_bits(&format!("{r:?}"), &arena, &Call::Reduce(r));
            }
        }
    }
}

#[test]
fn reductions_have_the_same_bits_everywhere() {
    sums::<f32>();
    sums::<f64>();
}

fn softs<T: Forms>() {
    for (rows, cols) in [(0, 3), (1, 1), (37, 2), (40, 10), (300, 33), (100, 1000)] {
        let n = rows * cols;
        for kind in [Soft::Max, Soft::LogMax, Soft::LogSumExp] {
            let width = if kind == Soft::LogSumExp { 1 } else { cols };
            let (src, dst) = (Slot::new(0, cols), Slot::new(n, width));
            let soft = RowSoft { kind, rows, cols, src, dst };
            same_bits(&format!("{kind:?}"), &numbers::<T>(2 * n), &Call::Soft(soft));
        }
    }
}

#[test]
fn softmaxes_have_the_same_bits_everywhere() {
    softs::<f32>();
    softs::<f64>();
}

fn products<T: Forms>() {
    for (m, n, k) in [(1, 1, 1), (5, 9, 2), (33, 35, 70), (17, 3, 600), (70, 130, 65)] {
        for turns in 0..16 {
            let (b, c) = (m * k, m * k + k * n);
            let pick = |bit: usize, yes, no| if turns & bit > 0 { yes } else { no };
            let (a_rs, a_cs) = pick(1, (1, m), (k, 1));
            let (b_rs, b_cs) = pick(2, (1, k), (n, 1));
            let (c_rs, c_cs) = pick(4, (1, m), (n, 1));
            let accumulate = turns & 8 > 0;
            let alpha = -0.5;
            let g = Gemm {
                m,
                n,
                k,
                a: 0,
                a_rs,
                a_cs,
                b,
                b_rs,
                b_cs,
                c,
                c_rs,
                c_cs,
                alpha,
                accumulate,
            };
            let arena: Vec<T> = (0..c + m * n)
                .map(|i| T::of(((i * 37) % 101) as f64 / 37.0 - 1.3))
                .collect();
            same_bits(&format!("{g:?}"), &arena, &Call::Gemm(g));
            let (mut expected, mut got) = (arena.clone(), arena);
            reference(&mut expected, &g);
            alone(&Team::single(), widest(), &mut got, &Call::Gemm(g));
            assert_eq!(got, expected, "{g:?}");
        }
    }
}

#[test]
fn matrix_products_have_the_same_bits_everywhere() {
    products::<f32>();
    products::<f64>();
}
