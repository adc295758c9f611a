//! The matrix product against the plain reading of its words, and its bits.

use chainrule_kernels::{Call, Gemm, Inputs, Real, Team};

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 37.0 - 1.3).collect()
}

/// A (m×k), B (k×n), C (m×n) one after the other, rows contiguous.
fn plain(m: usize, n: usize, k: usize) -> Gemm {
    let (b, c) = (m * k, m * k + k * n);
    Gemm {
        m,
        n,
        k,
        a: 0,
        a_rs: k,
        a_cs: 1,
        b,
        b_rs: n,
        b_cs: 1,
        c,
        c_rs: n,
        c_cs: 1,
        alpha: 1.0,
        accumulate: false,
    }
}

/// The same with each operand by choice transposed in memory.
fn laid_out(m: usize, n: usize, k: usize, turns: usize) -> Gemm {
    let mut g = plain(m, n, k);
    if turns & 1 == 1 {
        (g.a_rs, g.a_cs) = (1, m);
    }
    if turns & 2 == 2 {
        (g.b_rs, g.b_cs) = (1, k);
    }
    if turns & 4 == 4 {
        (g.c_rs, g.c_cs) = (1, m);
    }
    if turns & 8 == 8 {
        (g.alpha, g.accumulate) = (0.5, true);
    }
    g
}

/// An element of C in the order that the module promises.
fn element(arena: &[f32], g: &Gemm, i: usize, j: usize) -> f32 {
    let mut c = if g.accumulate { arena[g.c + i * g.c_rs + j * g.c_cs] } else { 0.0 };
    for start in (0..g.k).step_by(512) {
        let chain = (start..g.k.min(start + 512)).fold(0.0f32, |chain, k| {
            let b = arena[g.b + k * g.b_rs + j * g.b_cs];
            arena[g.a + i * g.a_rs + k * g.a_cs].mul_add(b, chain)
        });
        c = (g.alpha as f32).mul_add(chain, c);
    }
    c
}

fn agrees(team: &Team, g: &Gemm) {
    agrees_at(team, g, 1);
}

/// Looks at every `every`-th element.
fn agrees_at(team: &Team, g: &Gemm, every: usize) {
    let before = numbers(g.m * g.k + g.k * g.n + g.m * g.n, g.m + g.n);
    let mut arena = before.clone();
    f32::call(team, &mut arena, Call::Gemm(*g));
    assert_eq!(arena[..g.c], before[..g.c]);
    let all = (0..g.m).flat_map(|i| (0..g.n).map(move |j| (i, j)));
    for (i, j) in all.step_by(every) {
        let got = arena[g.c + i * g.c_rs + j * g.c_cs];
        assert_eq!(
            got.to_bits(),
            element(&before, g, i, j).to_bits(),
            "{g:?} [{i}, {j}]"
        );
    }
}

#[test]
fn every_small_shape_and_layout_is_the_reference_to_the_bit() {
    let team = Team::single();
    for m in [0, 1, 2, 3, 4, 7, 11, 12, 13, 25] {
        for n in [0, 1, 2, 10, 15, 16, 17, 33, 64, 130] {
            for k in [0, 1, 2, 3, 17] {
                (0..16).for_each(|turns| agrees(&team, &laid_out(m, n, k, turns)));
            }
        }
    }
}

#[test]
fn large_shapes_are_the_reference_on_any_number_of_threads() {
    for threads in [1, 2, 3, 8] {
        let team = Team::new(threads);
        for (m, n, k) in [(64, 64, 513), (200, 70, 64), (5, 700, 1100), (300, 3, 600)] {
            [0, 1, 2, 4, 9, 14]
                .iter()
                .for_each(|&t| agrees(&team, &laid_out(m, n, k, t)));
        }
    }
}

#[test]
fn bands_of_rows_and_blocks_of_columns_are_the_reference_too() {
    for threads in [1, 3] {
        // Rows that fall into the same sets of a cache, so that both operands are packed.
        for (m, n, k) in [(512, 1061, 768), (193, 1030, 20), (385, 40, 1025)] {
            for turns in [0, 1, 2, 4, 9, 14] {
                agrees_at(&Team::new(threads), &laid_out(m, n, k, turns), 23);
            }
        }
    }
}

#[test]
fn pieces_that_threads_claim_are_the_product_of_one_thread() {
    let (m, n, k) = (4096, 1024, 512);
    let first = plain(m, n, k);
    // The second reads all of what the first writes, and is large enough to be claimed as well.
    let (b, c) = (first.c + m * n, first.c + m * n + n * k);
    let second = Gemm { a: first.c, b, c, ..plain(m, k, n) };
    let start = numbers(c, 3);
    let made = |threads: usize| {
        let team = Team::new(threads);
        let sequence = f32::sequence(&[Call::Gemm(first), Call::Gemm(second)], &team);
        assert_eq!(sequence.shared(), (threads, threads - 1), "one waits for the other");
        let mut arena = start.clone();
        arena.resize(c + m * k, 0.0);
        f32::run(&team, &mut arena, &sequence, &Inputs::NONE);
        arena.split_off(first.c).into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone = made(1);
    for turn in 0..2 {
        assert!(made(2) == alone, "in turn {turn}");
    }
}

#[test]
fn a_row_alone_has_the_bits_that_it_has_among_others() {
    for (n, k) in [(1, 784), (10, 128), (16, 2), (64, 64), (128, 784), (300, 1300)] {
        let row = |m: usize, threads: usize| {
            let g = plain(m, n, k);
            let mut arena = numbers(m * k, 1);
            arena[..k].copy_from_slice(&numbers(k, 5));
            arena.extend(numbers(k * n, 2));
            arena.extend(vec![0.0; m * n]);
            f32::call(&Team::eager(threads), &mut arena, Call::Gemm(g));
            arena[g.c..g.c + n].iter().map(|c| c.to_bits()).collect::<Vec<_>>()
        };
        let alone = row(1, 1);
        for m in [2, 7, 64, 1000] {
            for threads in [1, 2, 3, 8] {
                assert_eq!(row(m, threads), alone, "{m} × {n} × {k} on {threads}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "overlaps")]
fn a_result_across_an_operand_is_refused() {
    let mut g = plain(4, 4, 4);
    g.c = 20;
    f32::call(&Team::single(), &mut numbers(64, 0), Call::Gemm(g));
}
