//! Reductions, softmax and moves against plain sums in f64.

use chainrule_kernels::{
    Call, Fill, Gather, Inputs, Pick, Real, Reduce, Reduction, RowSoft, Slot, Soft,
    SubAt, Take, Team,
};

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37) % 101) as f32 / 20.0 - 2.0).collect()
}

fn close(got: f32, exact: f64) {
    assert!(
        (f64::from(got) - exact).abs() <= 1e-4 * exact.abs().max(1.0),
        "{got} {exact}"
    );
}

const SHAPES: [(usize, usize); 9] = [
    (1, 1),
    (3, 2),
    (20, 10),
    (17, 16),
    (5, 33),
    (4, 100),
    (1, 1000),
    (600, 3),
    (200, 70),
];

#[test]
fn sums_are_sums() {
    for (rows, cols) in SHAPES {
        let values = numbers(rows * cols);
        let at = |i: usize, j: usize| f64::from(values[i * cols + j]);
        let run = |kind| {
            let mut arena = [values.clone(), vec![1.0; rows + cols]].concat();
            let (src, dst) = (Slot::new(0, cols), Slot::new(rows * cols, 1));
            let (scale, accumulate) = (2.0, true);
            let r = Reduction { kind, rows, cols, src, dst, scale, accumulate };
            f32::call(&Team::single(), &mut arena, Call::Reduce(r));
            arena.split_off(rows * cols)
        };
        for (i, got) in run(Reduce::RowSum)[..rows].iter().enumerate() {
            close(*got, 1.0 + 2.0 * (0..cols).map(|j| at(i, j)).sum::<f64>());
        }
        for (i, got) in run(Reduce::RowMax)[..rows].iter().enumerate() {
            close(*got, 1.0 + 2.0 * (0..cols).map(|j| at(i, j)).fold(f64::MIN, f64::max));
        }
        for (j, got) in run(Reduce::ColSum)[..cols].iter().enumerate() {
            close(*got, 1.0 + 2.0 * (0..rows).map(|i| at(i, j)).sum::<f64>());
        }
        close(
            run(Reduce::AllSum)[0],
            1.0 + 2.0 * values.iter().map(|&x| f64::from(x)).sum::<f64>(),
        );
    }
}

#[test]
fn softmax_and_its_logarithms_hold_for_large_numbers_too() {
    for (rows, cols) in SHAPES {
        for shift in [0.0, 1000.0, -1000.0] {
            let values: Vec<f32> =
                numbers(rows * cols).iter().map(|x| x + shift).collect();
            let n = rows * cols;
            let (src, dst) = (Slot::new(0, cols), Slot::new(n, cols));
            let start = [values.clone(), vec![0.0; n]].concat();
            let team = Team::single();
            let (mut soft, mut logs, mut lse) = (values.clone(), start.clone(), start);
            let run = |arena: &mut [f32], kind, dst| {
                f32::call(
                    &team,
                    arena,
                    Call::Soft(RowSoft { kind, rows, cols, src, dst }),
                );
            };
            run(&mut soft, Soft::Max, src);
            run(&mut logs, Soft::LogMax, dst);
            run(&mut lse, Soft::LogSumExp, Slot::new(n, 1));
            for i in 0..rows {
                let row = &values[i * cols..][..cols];
                let top = row.iter().fold(f32::MIN, |a, &b| a.max(b));
                let sum: f64 = row.iter().map(|x| f64::from(x - top).exp()).sum();
                close(lse[n + i], f64::from(top) + sum.ln());
                for (j, x) in row.iter().enumerate() {
                    close(soft[i * cols + j], f64::from(x - top).exp() / sum);
                    close(logs[n + i * cols + j], f64::from(x - top) - sum.ln());
                }
            }
        }
    }
}

#[test]
fn a_row_alone_has_the_bits_that_it_has_among_others() {
    for cols in [2, 10, 33, 1000] {
        let rows = 50;
        let values = numbers(rows * cols);
        let (team, src) = (Team::new(2), Slot::new(0, cols));
        let mut all = values.clone();
        let run = |arena: &mut [f32], rows| {
            let soft = RowSoft { kind: Soft::Max, rows, cols, src, dst: src };
            f32::call(&team, arena, Call::Soft(soft));
        };
        run(&mut all, rows);
        for i in [0, 1, 17, 49] {
            let mut one = values[i * cols..][..cols].to_vec();
            run(&mut one, 1);
            assert_eq!(one, all[i * cols..][..cols]);
        }
    }
}

fn indexed(arena: &mut [f32], index: &[u32], call: Call<f32>) {
    let inputs = Inputs { index: &[index.to_vec()], ..Inputs::NONE };
    f32::run(&Team::single(), arena, &f32::sequence(&[call], &Team::single()), &inputs);
}

fn taken(what: Take) -> Call<f32> {
    let (rows, cols, dst) = (3, 3, Slot::new(0, 3));
    Call::SubAt(SubAt { index: (0, 0), rows, cols, dst, what })
}

#[test]
fn picks_and_subtractions_touch_one_place_per_row() {
    let mut arena = numbers(12);
    let before = arena.clone();
    let (src, dst) = (Slot::new(0, 3), Slot::new(9, 1));
    let pick = Pick { index: (0, 0), rows: 3, cols: 3, src, dst };
    indexed(&mut arena, &[2, 0, 1], Call::Pick(pick));
    assert_eq!(arena[9..], [before[2], before[3], before[7]]);
    indexed(&mut arena, &[2, 0, 1], taken(Take::Scalar(1.0)));
    indexed(&mut arena, &[0, 0, 0], taken(Take::Col(Slot::new(9, 1))));
    assert_eq!(arena[0], before[0] - before[2]);
    assert_eq!(arena[2], before[2] - 1.0);
    assert_eq!(arena[3], before[3] - 1.0 - before[3]);
    assert_eq!(arena[8], before[8]);
}

fn gathered(arena: &mut [f32], from: &[f32], rows: &[u32]) {
    let (source, first, dst) = (0, 0, Slot::new(1, 5));
    let gather = Gather { source, first, rows: rows.len(), cols: 4, dst };
    let team = Team::eager(2);
    let sequence = f32::sequence(&[Call::Gather(gather)], &team);
    let sources: &[&[f32]] = &[from];
    let inputs = Inputs { sources: &sources, rows, ..Inputs::NONE };
    f32::run(&team, arena, &sequence, &inputs);
}

#[test]
fn rows_are_gathered_and_filled() {
    let (from, mut arena) = (numbers(40), vec![0.0f32; 30]);
    gathered(&mut arena, &from, &[9, 0, 9]);
    assert_eq!(arena[1..5], from[36..]);
    assert_eq!(arena[6..10], from[..4]);
    assert_eq!(arena[11..15], from[36..]);
    let fill = Fill { rows: 2, cols: 2, dst: Slot::new(25, 3), value: 7.0 };
    f32::call(&Team::single(), &mut arena, Call::Fill(fill));
    assert_eq!(arena[25..30], [7.0, 7.0, 0.0, 7.0, 7.0]);
}

#[test]
#[should_panic(expected = "row 10 of 10")]
fn a_row_beyond_the_source_is_refused() {
    gathered(&mut [0.0; 30], &numbers(40), &[9, 10]);
}

#[test]
#[should_panic(expected = "index 3 of 3")]
fn an_index_beyond_the_row_is_refused() {
    indexed(&mut numbers(9), &[3, 0, 1], taken(Take::Scalar(1.0)));
}

#[test]
#[should_panic(expected = "13 elements of 9")]
fn an_arena_too_short_is_refused() {
    let fill = Fill { rows: 3, cols: 3, dst: Slot::new(0, 5), value: 7.0 };
    f32::call(&Team::single(), &mut [0.0; 9], Call::Fill(fill));
}
