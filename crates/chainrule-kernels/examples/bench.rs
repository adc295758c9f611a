//! Times of the kernels beside plain loops and beside the `gemm` crate, in one run, so
//! that ratios can be read: `cargo run --release --example bench`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use chainrule_kernels::{
    Access, Bin, Call, Gemm, Inputs, Inst, Pass, Program, Real, Reduce, Reduction,
    RowSoft, Slot, Soft, Src, Team, Un, pages,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// The least of many times, in nanoseconds.
fn time(mut f: impl FnMut()) -> f64 {
    f();
    let start = Instant::now();
    f();
    let once = start.elapsed().as_nanos().max(1);
    let turns = (1_000_000 / once).clamp(1, 10_000) as u32;
    let mut best = f64::MAX;
    for _ in 0..if once > 50_000_000 { 5 } else { 25 } {
        let start = Instant::now();
        (0..turns).for_each(|_| f());
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(turns));
    }
    best
}

/// The least time of a call, made once and run again and again.
fn time_call(team: &Team, arena: &mut [f32], call: Call<f32>) -> f64 {
    let sequence = f32::sequence(&[call], team);
    time(|| f32::run(team, arena, &sequence, &Inputs::NONE))
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37) % 101) as f32 / 101.0 + 0.01).collect()
}

/// The prelude's Adam as it is planned: g, m, v, θ → m, v, θ.
fn adam() -> Program {
    use Src::{Const, In, Reg};
    Program::new(
        vec![
            Inst::Bin(Bin::Mul, Const(0), In(1)),
            Inst::MulAdd(Const(1), In(0), Reg(0)),
            Inst::Bin(Bin::Mul, Const(2), In(2)),
            Inst::Un(Un::Square, In(0)),
            Inst::MulAdd(Const(3), Reg(3), Reg(2)),
            Inst::Bin(Bin::Mul, Const(4), Reg(4)),
            Inst::Un(Un::Sqrt, Reg(5)),
            Inst::Bin(Bin::Add, Reg(6), Const(5)),
            Inst::Bin(Bin::Mul, Const(6), Reg(7)),
            Inst::Bin(Bin::Div, Reg(1), Reg(8)),
            Inst::MulAdd(Const(7), Reg(9), In(3)),
        ],
        vec![Access::Full; 4],
        vec![Reg(1), Reg(4), Reg(10)],
    )
}

#[inline(never)]
fn adam_loop(g: &[f32], m: &mut [f32], v: &mut [f32], t: &mut [f32], c: &[f32; 5]) {
    for i in 0..g.len() {
        m[i] += c[0] * (g[i] - m[i]);
        v[i] += c[1] * (g[i] * g[i] - v[i]);
        t[i] += c[4] * (m[i] / (v[i].sqrt() * c[2] + c[3]));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,fma")]
fn adam_wide(g: &[f32], m: &mut [f32], v: &mut [f32], t: &mut [f32], c: &[f32; 5]) {
    for (((g, m), v), t) in g.iter().zip(m).zip(v).zip(t) {
        *m = c[0].mul_add(*g - *m, *m);
        *v = c[1].mul_add(*g * *g - *v, *v);
        *t = c[4].mul_add(*m / v.sqrt().mul_add(c[2], c[3]), *t);
    }
}

/// Nanoseconds per entry of a program over rows × cols, walked step by step and as native
/// code. Inputs lie one after the other; one output lies behind them, several lie on the
/// last inputs.
fn both_ways(team: &Team, program: &Program, shape: (usize, usize)) -> [f64; 2] {
    let (rows, cols) = shape;
    let mut len = 0;
    let mut slots = Vec::new();
    for access in &program.inputs {
        let (rows, cols) = access.shape(rows, cols);
        slots.push(Slot::new(len, cols));
        len += rows * cols;
    }
    let onto = match program.outputs.len() {
        1 => vec![Slot::new(len, cols)],
        several => slots[slots.len() - several..].to_vec(),
    };
    let consts = [0.9f32, 0.1, 0.999, 0.001, 1.2, 1e-8, 0.9, -1e-3, 0.0];
    [program.clone().walked(), program.clone()].map(|program| {
        let mut arena = numbers(len + rows * cols);
        let pass = Pass::new(
            Arc::new(program),
            shape,
            slots.clone(),
            onto.clone(),
            consts.to_vec(),
        );
        time_call(team, &mut arena, Call::Pass(pass)) / (rows * cols) as f64
    })
}

fn bench_adam(team: &Team, n: usize) {
    let consts = [0.1f32, 0.001, 1.1, 1e-8, -1e-3];
    let [walked, code] = both_ways(team, &adam(), (1, n));
    let mut arena = numbers(4 * n);
    let (g, rest) = arena.split_at_mut(n);
    let (m, rest) = rest.split_at_mut(n);
    let (v, t) = rest.split_at_mut(n);
    let plain = time(|| adam_loop(g, m, v, t, black_box(&consts)));
    #[cfg(target_arch = "x86_64")]
    let wide = if std::is_x86_feature_detected!("avx512dq") {
        // SAFETY: the processor has it.
        time(|| unsafe { adam_wide(g, m, v, t, black_box(&consts)) })
    } else {
        plain
    };
    #[cfg(not(target_arch = "x86_64"))]
    let wide = plain;
    let per = n as f64;
    println!(
        "adam {n} on {}, ns/entry: steps {walked:.3}, code {code:.3}, compiled loop {:.3}, with AVX-512 {:.3}",
        team.threads(),
        plain / per,
        wide / per,
    );
}

/// What it costs to make a program's code: its first run over one entry.
fn bench_making(team: &Team) {
    let gelu = || {
        let x = Src::In(0);
        let insts = vec![
            Inst::Bin(Bin::Mul, x, Src::Const(0)),
            Inst::Un(Un::Erf, Src::Reg(0)),
            Inst::Bin(Bin::Add, Src::Reg(1), Src::Const(1)),
            Inst::Bin(Bin::Mul, Src::Reg(2), x),
        ];
        Program::new(insts, vec![Access::Full], vec![Src::Reg(3)])
    };
    let makers: [(&str, &dyn Fn() -> Program); 2] = [("adam", &adam), ("gelu", &gelu)];
    for (name, make) in makers {
        let [walked, code] = [false, true].map(|native| {
            time(|| {
                let program = if native { make() } else { make().walked() };
                let inputs: Vec<Slot> =
                    (0..program.inputs.len()).map(|i| Slot::new(i, 1)).collect();
                let outputs = (4..4 + program.outputs.len()).map(|i| Slot::new(i, 1));
                let (consts, outputs) = (vec![0.5f32; 9], outputs.collect());
                let pass = Pass::new(Arc::new(program), (1, 1), inputs, outputs, consts);
                let sequence = f32::sequence(&[Call::Pass(pass)], team);
                f32::run(team, &mut [0.5; 8], &sequence, &Inputs::NONE);
            })
        });
        println!(
            "{name}'s program, made and run once, µs: steps {:.1}, code {:.1}",
            walked / 1e3,
            code / 1e3
        );
    }
}

/// What a network computes between its products: forward and back.
fn bench_layers(rows: usize, cols: usize) {
    use Src::{Const, In, Reg};
    let one = |insts, inputs| {
        let insts: Vec<Inst> = insts;
        let last = Reg(insts.len() as u16 - 1);
        Program::new(insts, inputs, vec![last])
    };
    let (full, row) = (Access::Full, Access::Row);
    let relu = one(
        vec![Inst::Bin(Bin::Add, In(0), In(1)), Inst::Bin(Bin::Max, Reg(0), Const(8))],
        vec![full, row],
    );
    let gate = one(
        vec![Inst::Bin(Bin::Gt, In(0), Const(8)), Inst::Select(Reg(0), In(1), Const(8))],
        vec![full, full],
    );
    let silu = one(
        vec![
            Inst::Un(Un::Neg, In(0)),
            Inst::Un(Un::Exp, Reg(0)),
            Inst::Bin(Bin::Add, Reg(1), Const(0)),
            Inst::Bin(Bin::Div, In(0), Reg(2)),
        ],
        vec![full],
    );
    let team = Team::single();
    for (name, program) in [("bias, relu", relu), ("relu'", gate), ("silu", silu)] {
        let [walked, code] = both_ways(&team, &program, (rows, cols));
        println!("{rows}×{cols}, {name}, ns/entry: steps {walked:.3}, code {code:.3}");
    }
}

fn bench_un(un: Un, name: &str) {
    let program = Program::new(
        vec![Inst::Un(un, Src::In(0))],
        vec![Access::Full],
        vec![Src::Reg(0)],
    );
    let [walked, code] = both_ways(&Team::single(), &program, (1, 2048));
    println!("{name} 2048, ns/entry: steps {walked:.3}, code {code:.3}");
}

fn bench_draws(rows: usize, cols: usize) {
    let mut arena = numbers(rows * cols);
    let program = Program::new(vec![Inst::Uniform { key: 0 }], vec![], vec![Src::Reg(0)]);
    let team = Team::single();
    let ns = time_call(
        &team,
        &mut arena,
        Call::Pass(Pass::new(
            Arc::new(program.clone()),
            (rows, cols),
            vec![],
            vec![Slot::new(0, cols)],
            vec![],
        )),
    );
    println!("{rows}×{cols}, uniform draws: {:.3} ns/entry", ns / (rows * cols) as f64);
}

fn bench_rows(rows: usize, cols: usize) {
    let n = rows * cols;
    let mut arena = numbers(2 * n + rows + cols);
    let (src, dst) = (Slot::new(0, cols), Slot::new(n, cols));
    let team = Team::single();
    let mut soft = |kind, dst| {
        let soft = RowSoft { kind, rows, cols, src, dst };
        time_call(&team, &mut arena, Call::Soft(soft))
    };
    let (soft, lse) = (soft(Soft::Max, dst), soft(Soft::LogSumExp, Slot::new(2 * n, 1)));
    let mut sum = |kind| {
        let r = Reduction {
            kind,
            rows,
            cols,
            src,
            dst: Slot::new(2 * n, 1),
            scale: 1.0,
            accumulate: false,
        };
        time_call(&team, &mut arena, Call::Reduce(r))
    };
    let (row, col, all) = (sum(Reduce::RowSum), sum(Reduce::ColSum), sum(Reduce::AllSum));
    let per = |ns: f64| ns / n as f64;
    println!(
        "{rows}×{cols}, ns/entry: softmax {:.3}, logsumexp {:.3}, rowsum {:.3}, colsum {:.3}, sum {:.3}",
        per(soft),
        per(lse),
        per(row),
        per(col),
        per(all)
    );
}

/// One product: turns bit 0 and 1 lay A or B out transposed.
fn bench_gemm(teams: &[Team], (m, k, n): (usize, usize, usize), turns: usize) {
    let (b, c) = (m * k, m * k + k * n);
    let (a_rs, a_cs) = if turns & 1 == 1 { (1, m) } else { (k, 1) };
    let (b_rs, b_cs) = if turns & 2 == 2 { (1, k) } else { (n, 1) };
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
        c_rs: n,
        c_cs: 1,
        alpha: 1.0,
        accumulate: false,
    };
    let mut arena = pages::room(c + m * n);
    arena.extend(numbers(c + m * n));
    let flops = 2.0 * (m * n * k) as f64;
    let name = ["A·B", "Aᵀ·B", "A·Bᵀ", "Aᵀ·Bᵀ"][turns];
    print!("gemm {m}×{k}×{n} {name}, GFLOP/s:");
    for team in teams {
        let ns = time_call(team, &mut arena, Call::Gemm(g));
        print!(" {:.0} on {}", flops / ns, team.threads());
    }
    let ns = time(|| {
        let p = arena.as_mut_ptr();
        // SAFETY: the same places as above, inside the arena.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                p.add(c),
                1,
                n as isize,
                false,
                p,
                a_cs as isize,
                a_rs as isize,
                p.add(b),
                b_cs as isize,
                b_rs as isize,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    });
    println!("; the gemm crate {:.0} on 1", flops / ns);
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    println!("{:?}", chainrule_kernels::isa());
    let teams = [Team::single(), Team::new(2)];
    // One product, asked for as M×K×N: 128x784x128.
    let sizes: Vec<usize> =
        only.split('x').filter_map(|size| size.parse().ok()).collect();
    if let &[m, k, n] = sizes.as_slice() {
        return (0..3).for_each(|turns| bench_gemm(&teams, (m, k, n), turns));
    }
    if !only.contains("gemm") {
        for n in [5_500, 100_000] {
            teams.iter().for_each(|team| bench_adam(team, n));
        }
        bench_making(&teams[0]);
        for (un, name) in [
            (Un::Neg, "neg"),
            (Un::Exp, "exp"),
            (Un::Log, "log"),
            (Un::Tanh, "tanh"),
            (Un::Erf, "erf"),
            (Un::Sin, "sin"),
            (Un::Log1p, "log1p"),
        ] {
            bench_un(un, name);
        }
        for (rows, cols) in [(128, 10), (128, 64), (256, 128), (64, 1000)] {
            bench_layers(rows, cols);
        }
        bench_draws(128, 128);
        bench_draws(256, 3);
        for (rows, cols) in [(256, 2), (128, 10), (128, 64), (64, 1000)] {
            bench_rows(rows, cols);
        }
    }
    for shape in [
        (1, 64, 64),
        (1, 784, 128),
        (32, 20, 64),
        (32, 64, 64),
        (32, 64, 2),
        (128, 128, 10),
        (32, 784, 128),
        (128, 784, 128),
        (256, 64, 64),
        (512, 784, 128),
        (512, 1024, 1024),
        (512, 1000, 1000),
        (1024, 1024, 4096),
        (1024, 4096, 4096),
        (4096, 1024, 4096),
        (1024, 4096, 1000),
    ] {
        let (m, k, n) = shape;
        if only.contains("large") == (m * k * n > 1 << 31) || only == "gemm" {
            (0..3).for_each(|turns| bench_gemm(&teams, shape, turns));
        }
    }
}
