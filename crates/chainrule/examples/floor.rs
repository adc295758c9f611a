//! The planned training loop beside a plain one written by hand over `gemm`, nothing fused.
//!
//! `cargo run --release -p chainrule --example floor [threads [cell]]` prints milliseconds an
//! epoch of T1 (2-16-16-3, 3,000 rows), T2 (20-64-64-2, 100,000 rows) and T3 (784-128-10, 60,000
//! rows), all relu and Adam, in batches of several sizes, for both, and their ratio; `steps`
//! behind that, each step's time too. Data are drawn; only time is measured. `data=FOLDER` behind
//! that takes the x.npy and y.npy that `make bench` wrote there, so that a training by `fit` or by
//! the command can be held against the bare loop on the same numbers.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use std::sync::Arc;
use std::time::Instant;

use chainrule::graph::derived::{derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::lower::load;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::{Options, Purpose, plan};
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};
use chainrule_kernels::rng::Draws;
use chainrule_kernels::{Team, pages};

struct Cell {
    name: &'static str,
    widths: &'static [usize],
    rows: usize,
    batch: usize,
}

const CELLS: [Cell; 6] = [
    Cell { name: "T1 batch 10", widths: &[2, 16, 16, 3], rows: 3_000, batch: 10 },
    Cell { name: "T2 batch 32", widths: &[20, 64, 64, 2], rows: 100_000, batch: 32 },
    Cell { name: "T2 batch 256", widths: &[20, 64, 64, 2], rows: 100_000, batch: 256 },
    Cell { name: "T3 batch 32", widths: &[784, 128, 10], rows: 60_000, batch: 32 },
    Cell { name: "T3 batch 128", widths: &[784, 128, 10], rows: 60_000, batch: 128 },
    Cell { name: "T3 batch 512", widths: &[784, 128, 10], rows: 60_000, batch: 512 },
];

/// The network as a file.
fn text(widths: &[usize]) -> String {
    let last = widths.len() - 1;
    let mut t =
        format!("input a0 : {}\ntarget y : {} one-hot\n", widths[0], widths[last]);
    for l in 1..=last {
        t += &format!(
            "param W{l} : {}×{} ~ he, b{l} : {} = 0\n",
            widths[l],
            widths[l - 1],
            widths[l]
        );
    }
    for l in 1..last {
        t += &format!("z{l} = W{l} a{} + b{l}\na{l} = relu(z{l})\n", l - 1);
    }
    t += &format!("z{last} = W{last} a{} + b{last}\n", last - 1);
    t + &format!(
        "L = cross_entropy(y, softmax(z{last}))\noutput: z{last}\nminimize mean(L)\n"
    )
}

struct Data {
    x: Vec<f32>,
    classes: Vec<u32>,
    start: Vec<Vec<f32>>,
}

/// The numbers of an .npy file, four bytes each.
fn numbers(folder: &str, name: &str) -> impl Iterator<Item = [u8; 4]> {
    let bytes =
        std::fs::read(format!("{folder}/{name}")).expect("a folder of `make bench`");
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let all = bytes[header..].chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    all.collect::<Vec<_>>().into_iter()
}

fn data(c: &Cell) -> Data {
    let draws = Draws::new(1, 9);
    let (d, k) = (c.widths[0], c.widths[c.widths.len() - 1]);
    let mut x = pages::room(c.rows * d);
    let mut classes: Vec<u32> = Vec::new();
    if let Some(folder) =
        std::env::args().find_map(|a| a.strip_prefix("data=").map(String::from))
    {
        x.extend(numbers(&folder, "x.npy").map(f32::from_le_bytes).take(c.rows * d));
        classes.extend(numbers(&folder, "y.npy").map(u32::from_le_bytes).take(c.rows));
    } else {
        x.extend((0..c.rows * d).map(|i| draws.uniform(i as u64, 0, 0) as f32 - 0.5));
        let class = |i: usize| draws.below(k as u64, i as u64, 1, 0) as u32;
        classes.extend((0..c.rows).map(class));
    }
    let mut start = Vec::new();
    for w in c.widths.windows(2) {
        let scale = (2.0 / w[0] as f64).sqrt();
        let weight = |i: usize| (draws.normal(i as u64, w[1] as u32, 2) * scale) as f32;
        start.push((0..w[0] * w[1]).map(weight).collect());
        start.push(vec![0.0; w[1]]);
    }
    Data { x, classes, start }
}

/// Milliseconds of the best epoch, and the last loss.
fn timed(epochs: usize, mut epoch: impl FnMut(u64) -> f64) -> (f64, f64) {
    let (mut best, mut loss) = (f64::INFINITY, 0.0);
    for e in 0..epochs {
        let clock = Instant::now();
        loss = epoch(e as u64);
        best = best.min(clock.elapsed().as_secs_f64() * 1e3);
    }
    (best, loss)
}

fn planned(c: &Cell, data: &Data, threads: usize, epochs: usize) -> (f64, f64) {
    let module = load(&text(c.widths), &[]).module.expect("the file reads");
    let derived = derive(&module).expect("derives");
    let x = expand(&module, &derived, Form::Training);
    let find = |key: &str| module.symbol(key).expect("declared").id;
    let (input, target) = (find("a0"), find("y"));
    let index = [target];
    let sizes = module.dims.sizes.clone();
    let options = Options { sizes, rows: c.batch, index: &index, ..Options::default() };
    let clock = Instant::now();
    let plan = Arc::new(plan(&x, Purpose::Train, &options).expect("plans"));
    let lines = plan.describe(&x.named);
    let planning = clock.elapsed().as_secs_f64() * 1e3;
    let functions = prelude::functions();
    let call = parse_call(functions, "adam(lr = 1e-3)").expect("a call");
    let adam = rule(functions, &call, true).expect("a rule");
    let adam = Arc::new(UpdateRule::new(&adam).expect("plans"));
    let mut machine: Machine<f32> =
        Machine::new(plan, Arc::new(Team::new(threads))).with_rule(&adam);
    for (l, start) in data.start.chunks(2).enumerate() {
        let f64s = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        machine.set(find(&format!("W{}", l + 1)), &f64s(&start[0]));
        machine.set(find(&format!("b{}", l + 1)), &f64s(&start[1]));
    }
    if std::env::args().any(|a| a == "steps") {
        println!("  planned in {planning:.2} ms");
        for (line, time) in lines.iter().zip(machine.profile(1000)) {
            println!("  {:6.2} µs  {} -> {:?}", time * 1e6, line.what, line.names);
        }
        let best = |f: &mut dyn FnMut()| {
            let mut best = f64::INFINITY;
            for _ in 0..1000 {
                let clock = Instant::now();
                f();
                best = best.min(clock.elapsed().as_secs_f64());
            }
            best * 1e6
        };
        let rows: Vec<u32> =
            (0..c.batch as u32).map(|r| r * 97 % c.rows as u32).collect();
        let dense = BatchSource::Dense { values: &data.x, cols: c.widths[0] };
        println!("  {:6.2} µs  load", best(&mut || machine.load(input, dense, &rows)));
        println!("  {:6.2} µs  run", best(&mut || machine.run()));
        let fed = [(input, dense), (target, BatchSource::Index(&data.classes))];
        println!(
            "  {:6.2} µs  load and run",
            best(&mut || machine.run_rows(&fed, &rows))
        );
        let clock = Clock { t: 1.0, epoch: 1.0, total: 1.0, lr_scale: 0.0 };
        println!("  {:6.2} µs  update", best(&mut || machine.update(clock)));
        println!("  shared: {:?}", machine.shared());
        machine.reset_states();
    }
    let fed = [
        (input, BatchSource::Dense { values: &data.x, cols: c.widths[0] }),
        (target, BatchSource::Index(&data.classes)),
    ];
    let draws = Draws::new(1, 3);
    let mut t = 0.0;
    timed(epochs, |epoch| {
        let order = draws.permutation(epoch, c.rows);
        let mut sum = 0.0;
        for rows in order.chunks(c.batch) {
            t += 1.0;
            machine.run_to_learn(&fed, rows);
            sum += machine.scalar(x.objective).expect("kept") * rows.len() as f64;
            machine.update(Clock { t, epoch: 1.0, total: 1.0, lr_scale: 1.0 });
        }
        sum / c.rows as f64
    })
}

/// C = A B with row strides and column strides of A and B; C dense.
fn product(
    m: usize,
    n: usize,
    k: usize,
    c: &mut [f32],
    a: (&[f32], [usize; 2]),
    b: (&[f32], [usize; 2]),
) {
    assert!(c.len() >= m * n && a.0.len() >= m * k && b.0.len() >= k * n);
    // SAFETY: the lengths were checked, and the strides are those of dense matrices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.0.as_ptr(),
            a.1[1] as isize,
            a.1[0] as isize,
            b.0.as_ptr(),
            b.1[1] as isize,
            b.1[0] as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn by_hand(c: &Cell, data: &Data, epochs: usize) -> (f64, f64) {
    let (widths, layers) = (c.widths, c.widths.len() - 1);
    let mut params = data.start.clone();
    let zeros = || data.start.iter().map(|p| vec![0f32; p.len()]).collect::<Vec<_>>();
    let (mut grads, mut m1, mut m2) = (zeros(), zeros(), zeros());
    let mut a: Vec<Vec<f32>> = widths.iter().map(|w| vec![0f32; w * c.batch]).collect();
    let mut da = a.clone();
    let draws = Draws::new(1, 3);
    let mut t = 0;
    timed(epochs, |epoch| {
        let order = draws.permutation(epoch, c.rows);
        let mut sum = 0.0;
        for rows in order.chunks(c.batch) {
            let m = rows.len();
            for (i, &r) in rows.iter().enumerate() {
                let from = &data.x[r as usize * widths[0]..][..widths[0]];
                a[0][i * widths[0]..][..widths[0]].copy_from_slice(from);
            }
            for l in 0..layers {
                let (d, h) = (widths[l], widths[l + 1]);
                let (before, after) = a.split_at_mut(l + 1);
                product(
                    m,
                    h,
                    d,
                    &mut after[0],
                    (&before[l], [d, 1]),
                    (&params[2 * l], [1, d]),
                );
                for row in after[0][..m * h].chunks_mut(h) {
                    row.iter_mut().zip(&params[2 * l + 1]).for_each(|(z, b)| *z += b);
                    if l + 1 < layers {
                        row.iter_mut().for_each(|z| *z = z.max(0.0));
                    }
                }
            }
            let k = widths[layers];
            for (i, &r) in rows.iter().enumerate() {
                let (z, dz) = (&a[layers][i * k..][..k], &mut da[layers][i * k..][..k]);
                let top = z.iter().fold(f32::NEG_INFINITY, |t, &x| t.max(x));
                dz.iter_mut().zip(z).for_each(|(e, z)| *e = (z - top).exp());
                let total: f32 = dz.iter().sum();
                let class = data.classes[r as usize] as usize;
                sum += f64::from(total.ln() + top - z[class]);
                dz.iter_mut().for_each(|e| *e /= total * m as f32);
                dz[class] -= 1.0 / m as f32;
            }
            for l in (0..layers).rev() {
                let (d, h) = (widths[l], widths[l + 1]);
                product(
                    h,
                    d,
                    m,
                    &mut grads[2 * l],
                    (&da[l + 1], [1, h]),
                    (&a[l], [d, 1]),
                );
                grads[2 * l + 1].fill(0.0);
                for row in da[l + 1][..m * h].chunks(h) {
                    grads[2 * l + 1].iter_mut().zip(row).for_each(|(g, d)| *g += d);
                }
                if l > 0 {
                    let (before, after) = da.split_at_mut(l + 1);
                    product(
                        m,
                        d,
                        h,
                        &mut before[l],
                        (&after[0], [h, 1]),
                        (&params[2 * l], [d, 1]),
                    );
                    let gate = before[l][..m * d].iter_mut().zip(&a[l]);
                    gate.for_each(|(g, a)| *g = if *a > 0.0 { *g } else { 0.0 });
                }
            }
            t += 1;
            let (c1, c2) = (1.0 / (1.0 - 0.9f32.powi(t)), 1.0 / (1.0 - 0.999f32.powi(t)));
            for p in 0..params.len() {
                let state = m1[p].iter_mut().zip(&mut m2[p]);
                for ((w, g), (u, v)) in params[p].iter_mut().zip(&grads[p]).zip(state) {
                    *u = 0.9 * *u + 0.1 * g;
                    *v = 0.999 * *v + 0.001 * g * g;
                    *w -= 1e-3 * (*u * c1) / ((*v * c2).sqrt() + 1e-8);
                }
            }
        }
        sum / c.rows as f64
    })
}

fn main() {
    let threads = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(1);
    let only = std::env::args().nth(2).unwrap_or_default();
    for c in CELLS.iter().filter(|c| c.name.contains(&only)) {
        let data = data(c);
        let (hand, hand_loss) = by_hand(c, &data, 3);
        let (ours, loss) = planned(c, &data, threads, 3);
        println!(
            "{}: by hand {hand:.0} ms (loss {hand_loss:.5}), planned, {threads} threads {ours:.1} ms (loss {loss:.5}), ratio {:.2}",
            c.name,
            ours / hand
        );
    }
}
