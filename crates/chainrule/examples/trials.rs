//! Thirty-two learning rates at once: how near is it to the time of its parts?
//!
//! `cargo run --release -p chainrule --example trials [workers [rates [epochs]]]` draws 100,000 rows
//! of 20 numbers, trains a 20-64-64-2 network with relu and Adam in batches of 256 with rates from
//! 1e-5 to 1, and prints the seconds of all together, of one alone on one thread, and the ratio of
//! the first to as many of the second on as many threads. 1 is the best there is. Where others use
//! the machine too, the ratio of processor seconds (Linux) says how much of that is ours.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use std::time::Instant;

use chainrule::data::Source;
use chainrule::train::{Control, Event};
use chainrule::trials::{Ended, Trial, Trials, product};
use chainrule::{Error, Model, Options, table};
use chainrule_kernels::rng::Draws;

const FILE: &str = "
input x : 20
target y : 2 one-hot
param W1 : 64×20 ~ he, b1 : 64 = 0
param W2 : 64×64 ~ he, b2 : 64 = 0
param W3 : 2×64 ~ glorot, b3 : 2 = 0
a1 = relu(W1 x + b1)
a2 = relu(W2 a1 + b2)
ŷ = softmax(W3 a2 + b3)
L = cross_entropy(y, ŷ)
minimize mean(L)
train: adam(lr = 1e-3), batch 256, seed 0
";

const ROWS: usize = 100_000;

/// Two classes on either side of a sphere.
fn data() -> Result<Source, Error> {
    let draws = Draws::new(1, 9);
    let x: Vec<f64> = (0..ROWS * 20).map(|i| draws.normal(i as u64, 0, 0)).collect();
    let outside =
        |row: &[f64]| f64::from(u8::from(row.iter().map(|v| v * v).sum::<f64>() > 19.3));
    let y: Vec<f64> = x.chunks(20).map(outside).collect();
    table(&[("x", 20, &x), ("y", 1, &y)])
}

/// Rates evenly apart on a logarithmic axis.
fn rates(n: usize) -> Vec<String> {
    let at = |i: usize| libm::pow(10.0, -5.0 + 5.0 * i as f64 / (n - 1).max(1) as f64);
    (0..n).map(|i| format!("{:e}", at(i))).collect()
}

/// Processor seconds of this process, where the system tells them (in hundredths).
fn processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit(')').next().unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Seconds and processor seconds of a piece of work.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (clock, before) = (Instant::now(), processor());
    let done = work();
    (done, clock.elapsed().as_secs_f64(), processor() - before)
}

fn main() -> Result<(), Error> {
    let given: Vec<usize> =
        std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let asked = |i: usize, usual: usize| given.get(i).copied().unwrap_or(usual);
    let (workers, n, epochs) = (asked(0, 2), asked(1, 32), asked(2, 10));
    let options = Options::default().set("epochs", epochs).threads(1);
    let model = Model::parse_with(FILE, options)?;
    let table = data()?;
    let train = |_| model.fit(&table, &mut |_| Default::default());
    // Once to warm up; then some, since ticks are coarse.
    train(0)?;
    let alone = || timed(|| (0..4).try_for_each(|i| train(i).map(|_| ())));
    let (_, seconds, ticks) = alone();
    let axes = [("lr".to_owned(), rates(n))];
    let trials = Trials::of_table(&model, &product(&axes), &table);
    let hear = |_: &Trial, _: &Event| Control::Continue;
    let close = |trial: &Trial, ended: Result<Ended<'_>, _>| {
        let loss = ended.ok().and_then(|e| Some(e.trained.history().last()?.loss));
        (trial.set[0].1.clone(), loss)
    };
    let (losses, all, all_ticks) = timed(|| trials.run(workers, &hear, &close));
    let (_, after, ticks_after) = alone();
    let (one, one_ticks) = ((seconds + after) / 8.0, (ticks + ticks_after) / 8.0);
    println!("one alone on one thread, with its data: {one:.3} s");
    println!("{n} on {workers} workers: {all:.2} s");
    let parts = n as f64 * one / workers as f64;
    println!("ratio to {n} × one / {workers}: {:.3}", all / parts);
    println!("ratio of processor seconds: {:.3}", all_ticks / (n as f64 * one_ticks));
    let ended = losses.into_iter().flatten();
    let best =
        ended.filter_map(|(lr, l)| Some((lr, l?))).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((lr, loss)) = best {
        println!("best: lr {lr}, loss {loss:.4}");
    }
    Ok(())
}
