//! Reductions, softmax and moves against plain sums in f64.

use chainrule_kernels::{Real, Reduce, Reduction, Slot, Take, Team};

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
            f32::reduce(&Team::single(), &mut arena, &r);
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
            f32::softmax(&team, &mut soft, rows, cols, src, src);
            f32::log_softmax(&team, &mut logs, rows, cols, src, dst);
            f32::logsumexp(&team, &mut lse, rows, cols, src, Slot::new(n, 1));
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
        f32::softmax(&team, &mut all, rows, cols, src, src);
        for i in [0, 1, 17, 49] {
            let mut one = values[i * cols..][..cols].to_vec();
            f32::softmax(&team, &mut one, 1, cols, src, src);
            assert_eq!(one, all[i * cols..][..cols]);
        }
    }
}

#[test]
fn picks_and_subtractions_touch_one_place_per_row() {
    let mut arena = numbers(12);
    let before = arena.clone();
    f32::gather_col(&mut arena, 3, Slot::new(0, 3), &[2, 0, 1], Slot::new(9, 1));
    assert_eq!(arena[9..], [before[2], before[3], before[7]]);
    f32::sub_at(&mut arena, 3, Slot::new(0, 3), &[2, 0, 1], Take::Scalar(1.0));
    f32::sub_at(&mut arena, 3, Slot::new(0, 3), &[0, 0, 0], Take::Col(Slot::new(9, 1)));
    assert_eq!(arena[0], before[0] - before[2]);
    assert_eq!(arena[2], before[2] - 1.0);
    assert_eq!(arena[3], before[3] - 1.0 - before[3]);
    assert_eq!(arena[8], before[8]);
}

#[test]
fn rows_are_gathered_transposed_and_filled() {
    let team = Team::new(2);
    let from = numbers(40);
    let mut arena = vec![0.0f32; 30];
    f32::gather_rows(&team, &mut arena, &from, 4, &[9, 0, 9], Slot::new(1, 5));
    assert_eq!(arena[1..5], from[36..]);
    assert_eq!(arena[6..10], from[..4]);
    assert_eq!(arena[11..15], from[36..]);
    f32::take_rows(&team, &mut arena, 3, 4, Slot::new(1, 5), &[1], Slot::new(20, 4));
    assert_eq!(arena[20..24], from[..4]);
    f32::fill(&mut arena, 2, 2, Slot::new(25, 3), 7.0);
    assert_eq!(arena[25..30], [7.0, 7.0, 0.0, 7.0, 7.0]);
    for (rows, cols) in SHAPES {
        let values = numbers(rows * cols);
        let mut arena = [values.clone(), vec![0.0; rows * cols]].concat();
        let (src, dst) = (Slot::new(0, cols), Slot::new(rows * cols, rows));
        f32::transpose(&team, &mut arena, rows, cols, src, dst);
        for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
            assert_eq!(arena[rows * cols + j * rows + i], values[i * cols + j]);
        }
    }
}

#[test]
#[should_panic(expected = "index 3 of 3")]
fn an_index_beyond_the_row_is_refused() {
    f32::sub_at(&mut numbers(9), 3, Slot::new(0, 3), &[3, 0, 1], Take::Scalar(1.0));
}
