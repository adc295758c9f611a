//! Elementwise programs against a plain reading of the same instructions.

use chainrule_kernels::{
    Access, Bin, Call, Inputs, Inst, Pass, Program, Real, Slot, Src, Team, Un,
};
use std::sync::Arc;

/// Sizes around the lanes and blocks of every form.
const SIZES: [usize; 14] = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 511, 513, 1500];

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + seed * 13) % 29) as f32 / 7.0 - 2.0).collect()
}

fn sgd() -> Program {
    Program::new(
        vec![
            Inst::Un(Un::Neg, Src::In(1)),
            Inst::MulAdd(Src::Reg(0), Src::Const(0), Src::In(0)),
        ],
        vec![Access::Full, Access::Full],
        vec![Src::Reg(1)],
    )
}

#[test]
fn an_update_in_place_is_the_plain_update_at_every_size() {
    for n in SIZES {
        let mut arena = numbers(2 * n + 3, 1);
        let expected: Vec<f32> =
            (0..n).map(|i| (-arena[n + 1 + i]).mul_add(0.25, arena[i])).collect();
        let pass = Pass::new(
            Arc::new(sgd().clone()),
            (1, n),
            vec![Slot::new(0, n), Slot::new(n + 1, n)],
            vec![Slot::new(0, n)],
            vec![0.25],
        );
        let after = arena[n..].to_vec();
        f32::call(&Team::single(), &mut arena, Call::Pass(pass));
        assert_eq!(arena[..n], expected);
        assert_eq!(arena[n..], after);
    }
}

#[test]
fn rows_columns_and_scalars_are_spread_at_every_shape() {
    let program = Program::new(
        vec![
            Inst::MulAdd(Src::In(0), Src::In(1), Src::In(2)),
            Inst::Bin(Bin::Sub, Src::Reg(0), Src::In(3)),
        ],
        vec![Access::Full, Access::Row, Access::Col, Access::Scalar],
        vec![Src::Reg(1)],
    );
    for rows in [1, 2, 5, 70] {
        for cols in [1, 2, 3, 10, 16, 17, 127, 128, 130, 600] {
            for stride in [cols, cols + 3] {
                let mut arena = numbers(rows * stride + cols + rows + 1 + rows * cols, 3);
                let (row, col) = (rows * stride, rows * stride + cols);
                let (scalar, out) = (col + rows, col + rows + 1);
                let before = arena.clone();
                let pass = Pass::new(
                    Arc::new(program.clone()),
                    (rows, cols),
                    vec![
                        Slot::new(0, stride),
                        Slot::new(row, cols),
                        Slot::new(col, 1),
                        Slot::new(scalar, 1),
                    ],
                    vec![Slot::new(out, cols)],
                    vec![],
                );
                f32::call(&Team::single(), &mut arena, Call::Pass(pass));
                for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
                    let product =
                        before[i * stride + j].mul_add(before[row + j], before[col + i]);
                    assert_eq!(arena[out + i * cols + j], product - before[scalar]);
                }
                assert_eq!(arena[..out], before[..out]);
            }
        }
    }
}

#[test]
fn select_does_not_let_the_other_branch_through() {
    let program = Program::new(
        vec![
            Inst::Un(Un::Log, Src::In(0)),
            Inst::Bin(Bin::Gt, Src::In(0), Src::Const(0)),
            Inst::Select(Src::Reg(1), Src::Reg(0), Src::Const(0)),
        ],
        vec![Access::Full],
        vec![Src::Reg(2)],
    );
    let mut arena = vec![-1.0f64, 0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0, 0.0];
    let pass = Pass::new(
        Arc::new(program.clone()),
        (1, 4),
        vec![Slot::new(0, 4)],
        vec![Slot::new(4, 4)],
        vec![0.0],
    );
    f64::call(&Team::single(), &mut arena, Call::Pass(pass));
    assert_eq!(arena[4..], [0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn two_outputs_may_swap_their_inputs_in_place() {
    let program = Program::new(
        vec![],
        vec![Access::Full, Access::Full],
        vec![Src::In(1), Src::In(0)],
    );
    let mut arena = numbers(2000, 5);
    let before = arena.clone();
    let slots = [Slot::new(0, 1000), Slot::new(1000, 1000)];
    let pass = Pass::new(
        Arc::new(program.clone()),
        (1, 1000),
        slots.to_vec(),
        slots.to_vec(),
        vec![],
    );
    f32::call(&Team::single(), &mut arena, Call::Pass(pass));
    assert_eq!(arena[..1000], before[1000..]);
    assert_eq!(arena[1000..], before[..1000]);
}

fn draws(rows: usize, cols: usize, key: [u64; 2], threads: usize) -> Vec<f32> {
    let program = Program::new(vec![Inst::Uniform { key: 3 }], vec![], vec![Src::Reg(0)]);
    let mut arena = vec![0.0f32; rows * cols];
    let out = vec![Slot::new(0, cols)];
    let pass = Pass::new(Arc::new(program), (rows, cols), vec![], out, vec![]);
    let team = Team::eager(threads);
    let sequence = f32::sequence(&[Call::Pass(pass)], &team);
    let inputs = Inputs { key, ..Inputs::NONE };
    f32::run(&team, &mut arena, &sequence, &inputs);
    arena
}

#[test]
fn a_draw_depends_on_its_row_and_column_alone() {
    for cols in [1, 3, 5, 100, 700] {
        let all = draws(500, cols, [1, 2], 1);
        assert!(all.iter().all(|u| (0.0..1.0).contains(u)));
        assert_eq!(draws(500, cols, [1, 2], 3), all);
        assert_eq!(draws(10, cols, [1, 2], 1), all[..10 * cols]);
        assert_ne!(draws(500, cols, [1, 3], 1), all);
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        assert!((mean - 0.5).abs() < 0.1);
    }
}

#[test]
#[should_panic(expected = "overlaps")]
fn an_output_across_an_input_is_refused() {
    let mut arena = vec![0.0f32; 20];
    let pass = Pass::new(
        Arc::new(sgd().clone()),
        (1, 8),
        vec![Slot::new(0, 8), Slot::new(8, 8)],
        vec![Slot::new(4, 8)],
        vec![1.0],
    );
    f32::call(&Team::single(), &mut arena, Call::Pass(pass));
}
