//! A product of rows from outside, against gathering them and then the product.

use chainrule_kernels::{Call, Fed, Gather, Gemm, Inputs, Real, Slot, Team};

/// Rows of the source and of a batch, columns, units.
const SHAPES: [(usize, usize, usize, usize); 6] = [
    (9, 1, 20, 64),
    (40, 7, 33, 10),
    (300, 201, 130, 17),
    (64, 64, 784, 128),
    (460, 450, 600, 70),
    (5, 3, 1, 1),
];

/// Where things lie: gathered rows, weights (k×n), the result.
fn product(m: usize, k: usize, n: usize) -> Gemm {
    let (a, b) = (5, 5 + m * k);
    let (c, alpha, accumulate) = (b + k * n, 1.0, false);
    Gemm {
        m,
        n,
        k,
        a,
        a_rs: k,
        a_cs: 1,
        b,
        b_rs: n,
        b_cs: 1,
        c,
        c_rs: n,
        c_cs: 1,
        alpha,
        accumulate,
    }
}

/// The same numbers as the product of the transposes.
fn transposed(g: Gemm) -> Gemm {
    Gemm {
        m: g.n,
        n: g.m,
        a: g.b,
        a_rs: g.b_cs,
        a_cs: g.b_rs,
        b: g.a,
        b_rs: g.a_cs,
        b_cs: g.a_rs,
        c_rs: g.c_cs,
        c_cs: g.c_rs,
        ..g
    }
}

fn numbers<T: Real>(n: usize) -> Vec<T> {
    (0..n).map(|i| T::from_f64(((i * 37) % 101) as f64 / 50.0 - 1.0)).collect()
}

fn same_bits<T: Real>() {
    for (all, m, k, n) in SHAPES {
        let source: Vec<T> = numbers(all * k);
        let sources: &[&[T]] = &[&source];
        let first = (all - m) as u32;
        let in_turn: Vec<u32> = (first..all as u32).collect();
        let mixed: Vec<u32> = (0..m).map(|i| (i * 7 % all) as u32).collect();
        let g = product(m, k, n);
        let gather =
            Gather { source: 0, first: 0, rows: m, cols: k, dst: Slot::new(g.a, k) };
        let before: Vec<T> = numbers(g.c + m * n);
        for (rows, moved) in [(&in_turn, false), (&mixed, m > 1)] {
            let inputs = Inputs { sources: &sources, rows, ..Inputs::NONE };
            let run = |calls: &[Call<T>], team: &Team| {
                let mut arena = before.clone();
                T::run(team, &mut arena, &T::sequence(calls, team), &inputs);
                arena
            };
            let expected = run(&[Call::Gather(gather), Call::Gemm(g)], &Team::single());
            for (g, threads) in [(g, 1), (g, 2), (g, 3), (transposed(g), 2)] {
                let fed = Fed::new(gather, g).expect("its rows are gathered");
                let arena = run(&[Call::Fed(fed)], &Team::eager(threads));
                assert!(arena[g.c..] == expected[g.c..], "{m}×{k}×{n} by {threads}");
                // Rows in turn are read where they lie.
                let room = arena[5..5 + m * k] != before[5..5 + m * k];
                assert_eq!(room, moved, "{m}×{k}×{n} gathered");
            }
        }
    }
}

#[test]
fn bits_are_those_of_gathering_and_then_the_product() {
    same_bits::<f32>();
    same_bits::<f64>();
}

#[test]
fn what_reads_other_rows_is_left_alone() {
    let g = product(8, 4, 3);
    let gather = Gather { source: 0, first: 0, rows: 8, cols: 4, dst: Slot::new(g.a, 4) };
    assert!(Fed::new(gather, g).is_some());
    assert!(Fed::new(gather, Gemm { a: g.a + 1, ..g }).is_none(), "elsewhere");
    assert!(Fed::new(gather, Gemm { m: 7, ..g }).is_none(), "some of them");
    assert!(Fed::new(gather, Gemm { a_rs: 1, a_cs: 8, ..g }).is_none(), "turned");
}

#[test]
#[should_panic(expected = "row 9 of 9")]
fn a_row_that_is_not_there_is_refused() {
    let g = product(2, 4, 3);
    let gather = Gather { source: 0, first: 0, rows: 2, cols: 4, dst: Slot::new(g.a, 4) };
    let source: Vec<f32> = numbers(36);
    let sources: &[&[f32]] = &[&source];
    let inputs = Inputs { sources: &sources, rows: &[8, 9], ..Inputs::NONE };
    let team = Team::single();
    let fed = Fed::new(gather, g).expect("its rows are gathered");
    let mut arena: Vec<f32> = numbers(g.c + 6);
    f32::run(&team, &mut arena, &f32::sequence(&[Call::Fed(fed)], &team), &inputs);
}
