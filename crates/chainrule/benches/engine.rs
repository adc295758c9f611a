//! `cargo bench -p chainrule --bench engine`: what the engine is made of, each with its throughput.
//!
//! Groups: `matmul` (multiply-adds count as two operations), `elementwise` (entries of silu and of
//! Adam's update as programs), `softmax` (entries), `step` (rows of a training step and its update, on
//! one thread and on all), `predictor` (rows). Kernels run on one thread. What is measured is the same
//! as in `--example floor` and `--example inference`, with statistics and a memory of the last run
//! (`cargo bench … -- --save-baseline before`, then `-- --baseline before`).

use std::sync::Arc;

use chainrule::graph::derived::{derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::lower::load;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::{Options, Purpose, plan};
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};
use chainrule::{Model, table};
use chainrule_kernels::{
    Access, Bin, Call, Gemm, Inputs, Inst, Pass, Program, Real, RowSoft, Slot, Soft, Src,
    Team, Un,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37) % 101) as f32 / 101.0 + 0.01).collect()
}

/// One kernel on one thread.
fn kernel(
    c: &mut Criterion,
    group: &str,
    name: String,
    elements: u64,
    len: usize,
    call: Call<f32>,
) {
    let (team, mut arena) = (Team::single(), numbers(len));
    let sequence = f32::sequence(&[call], &team);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(elements));
    group.bench_function(BenchmarkId::from_parameter(name), |b| {
        b.iter(|| f32::run(&team, &mut arena, &sequence, &Inputs::NONE));
    });
    group.finish();
}

fn matmul(c: &mut Criterion) {
    for (m, k, n) in [(32, 64, 64), (256, 64, 64), (128, 784, 128), (512, 784, 128)] {
        let product = Gemm {
            m,
            n,
            k,
            a: 0,
            a_rs: k,
            a_cs: 1,
            b: m * k,
            b_rs: n,
            b_cs: 1,
            c: m * k + k * n,
            c_rs: n,
            c_cs: 1,
            alpha: 1.0,
            accumulate: false,
        };
        let len = m * k + k * n + m * n;
        let operations = 2 * (m * n * k) as u64;
        let name = format!("{m}x{k}x{n}");
        kernel(c, "matmul", name, operations, len, Call::Gemm(product));
    }
}

/// z σ(z).
fn silu() -> Program {
    use Src::{Const, In, Reg};
    let insts = vec![
        Inst::Un(Un::Neg, In(0)),
        Inst::Un(Un::Exp, Reg(0)),
        Inst::Bin(Bin::Add, Reg(1), Const(0)),
        Inst::Bin(Bin::Div, In(0), Reg(2)),
    ];
    Program::new(insts, vec![Access::Full], vec![Reg(3)])
}

/// The prelude's Adam as it is planned: g, m, v, θ → m, v, θ.
fn adam() -> Program {
    use Src::{Const, In, Reg};
    let insts = vec![
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
    ];
    Program::new(insts, vec![Access::Full; 4], vec![Reg(1), Reg(4), Reg(10)])
}

fn elementwise(c: &mut Criterion) {
    let consts = vec![0.9f32, 0.1, 0.999, 0.001, 1.2, 1e-8, 0.9, -1e-3];
    for n in [5_500, 100_000] {
        for (name, program) in [("silu", silu()), ("adam", adam())] {
            let inputs = program.inputs.len();
            let slots: Vec<Slot> = (0..inputs).map(|i| Slot::new(i * n, n)).collect();
            let onto = match program.outputs.len() {
                1 => vec![Slot::new(n, n)],
                several => slots[inputs - several..].to_vec(),
            };
            let pass = Pass::new(Arc::new(program), (1, n), slots, onto, consts.clone());
            let len = (inputs + 1) * n;
            let name = format!("{name} {n}");
            kernel(c, "elementwise", name, n as u64, len, Call::Pass(pass));
        }
    }
}

fn softmax(c: &mut Criterion) {
    for (rows, cols) in [(256, 2), (128, 10), (64, 1000)] {
        let n = rows * cols;
        let (src, dst) = (Slot::new(0, cols), Slot::new(n, cols));
        let soft = Call::Soft(RowSoft { kind: Soft::Max, rows, cols, src, dst });
        kernel(c, "softmax", format!("{rows}x{cols}"), n as u64, 2 * n, soft);
    }
}

/// A network of relu layers under softmax.
fn network(widths: &[usize]) -> String {
    let last = widths.len() - 1;
    let (d, k) = (widths[0], widths[last]);
    let mut text = format!("input a0 : {d}\ntarget y : {k} one-hot\n");
    for (l, w) in (1..).zip(widths.windows(2)) {
        let (from, to) = (w[0], w[1]);
        text += &format!("param W{l} : {to}×{from} ~ he, b{l} : {to} = 0\n");
        text += &format!("z{l} = W{l} a{} + b{l}\n", l - 1);
        text += &(if l < last { format!("a{l} = relu(z{l})\n") } else { String::new() });
    }
    text + &format!(
        "p = softmax(z{last})\nL = cross_entropy(y, p)\nminimize mean(L)\noutput: p\n\
         train: sgd(lr = 1e-9), batch full, epochs 1, seed 1\n"
    )
}

const T2: &[usize] = &[20, 64, 64, 2];
const T3: &[usize] = &[784, 128, 10];

/// A machine that trains the network with Adam, on rows that lie in its arena.
fn machine(widths: &[usize], batch: usize, threads: usize) -> Option<Machine<f32>> {
    let module = load(&network(widths), &[]).module?;
    let x = expand(&module, &derive(&module).ok()?, Form::Training);
    let (input, target) = (module.symbol("a0")?.id, module.symbol("y")?.id);
    let (index, sizes) = ([target], module.dims.sizes.clone());
    let options = Options { sizes, rows: batch, index: &index, ..Options::default() };
    let plan = Arc::new(plan(&x, Purpose::Train, &options).ok()?);
    let functions = prelude::functions();
    let call = parse_call(functions, "adam(lr = 1e-3)").ok()?;
    let adam = Arc::new(UpdateRule::new(&rule(functions, &call, true).ok()?).ok()?);
    let mut machine = Machine::new(plan, Arc::new(Team::new(threads))).with_rule(&adam);
    for id in &module.trainable {
        let n = machine.get(*id)?.len();
        let start: Vec<f64> =
            (0..n).map(|i| (i * 37 % 101) as f64 / 1e3 - 0.05).collect();
        machine.set(*id, &start);
    }
    let (values, rows) =
        (numbers(batch * widths[0]), (0..batch as u32).collect::<Vec<_>>());
    machine.load(input, BatchSource::Dense { values: &values, cols: widths[0] }, &rows);
    let classes = vec![1; batch];
    machine.load(target, BatchSource::Index(&classes), &rows);
    Some(machine)
}

fn step(c: &mut Criterion) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut threads = vec![1, cores];
    threads.dedup();
    let mut group = c.benchmark_group("step");
    for (name, widths, batch) in [("T2", T2, 32), ("T2", T2, 256), ("T3", T3, 128)] {
        group.throughput(Throughput::Elements(batch as u64));
        for &threads in &threads {
            let id = BenchmarkId::new(format!("{name} batch {batch}"), threads);
            let mut machine = machine(widths, batch, threads).expect("the network plans");
            let mut t = 0.0;
            group.bench_function(id, |b| {
                b.iter(|| {
                    t += 1.0;
                    machine.run();
                    machine.update(Clock { t, epoch: 1.0, total: 1e9, lr_scale: 1.0 });
                });
            });
        }
    }
    group.finish();
}

fn predictor(c: &mut Criterion) {
    let mut group = c.benchmark_group("predictor");
    for (name, widths) in [("T2", T2), ("T3", T3)] {
        let (d, k) = (widths[0], widths[widths.len() - 1]);
        let x: Vec<f64> = (0..2 * k * d).map(|i| (i * 37 % 101) as f64 / 101.0).collect();
        let y: Vec<f64> = (0..2 * k).map(|i| (i % k) as f64).collect();
        let data = table(&[("a0", d, &x), ("y", 1, &y)]).expect("a table");
        let model = Model::parse(&network(widths)).expect("the network reads");
        let trained = model.fit(&data, &mut |_| Default::default()).expect("trains");
        let trained = trained.threads(1);
        for rows in [1, 1_000] {
            let input = numbers(rows * d);
            let mut predictor = trained.predictor::<f32>(rows.min(250)).expect("plans");
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(BenchmarkId::new(name, rows), |b| {
                b.iter(|| std::hint::black_box(predictor.predict(&input)).len());
            });
        }
    }
    group.finish();
}

criterion_group!(engine, matmul, elementwise, softmax, step, predictor);
criterion_main!(engine);
