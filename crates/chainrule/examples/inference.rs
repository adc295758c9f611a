//! Time of a prediction: one row at a time, and 10,000 rows.
//!
//! `cargo run --release -p chainrule --example inference [threads] [rows]` prints the median of one
//! row in µs and the best of 10,000 rows, so many at once (1,000), in million rows per second for T2
//! (20-64-64-2 relu) and T3 (784-128-10 relu). Data are drawn; only time is measured.
#![allow(clippy::print_stdout, reason = "an example prints its figures")]

use std::time::Instant;

use chainrule::{Error, Model, Options, table};

fn network(widths: &[usize]) -> String {
    let last = widths.len() - 1;
    let mut t = format!("input a0 : {}\ntarget y : {}\n", widths[0], widths[last]);
    for (l, w) in widths.windows(2).enumerate() {
        let l = l + 1;
        t += &format!("param W{l} : {1}×{0} ~ he, b{l} : {1} = 0\n", w[0], w[1]);
        t += &format!("z{l} = W{l} a{} + b{l}\n", l - 1);
        t += &(if l < last { format!("a{l} = relu(z{l})\n") } else { String::new() });
    }
    t + &format!(
        "p = softmax(z{last})\nL = mse(y, p)\nminimize mean(L)\noutput: p\n\
         train: sgd(lr = 1e-9), batch full, epochs 1, seed 1\n"
    )
}

fn main() -> Result<(), Error> {
    let number = |i: usize| std::env::args().nth(i)?.parse().ok();
    let (threads, at_once) = (number(1).unwrap_or(1), number(2).unwrap_or(1000));
    for (name, widths) in [("T2", &[20, 64, 64, 2][..]), ("T3", &[784, 128, 10])] {
        let (d, k) = (widths[0], widths[widths.len() - 1]);
        let x: Vec<f64> = (0..4 * d).map(|i| (i * 37 % 101) as f64 / 101.0).collect();
        let data = table(&[("a0", d, &x), ("y", k, &vec![0.5; 4 * k])])?;
        let model =
            Model::parse_with(&network(widths), Options::default().threads(threads))?;
        let trained = model.fit(&data, &mut |_| Default::default())?;
        let rows: Vec<f32> =
            (0..10_000 * d).map(|i| (i * 37 % 1013) as f32 / 1013.0).collect();
        let mut one = trained.predictor::<f32>(1)?;
        let mut times: Vec<f64> = (0..20_000)
            .map(|i| {
                let row = &rows[i % 10_000 * d..][..d];
                let clock = Instant::now();
                std::hint::black_box(one.predict(row));
                clock.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let mut many = trained.predictor::<f32>(at_once)?;
        let best = (0..60)
            .map(|_| {
                let clock = Instant::now();
                std::hint::black_box(many.predict(&rows));
                clock.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        println!(
            "{name}: one row {:.2} µs (median), 10,000 rows {:.2} million rows/s (best)",
            times[times.len() / 2],
            1e-2 / best
        );
    }
    Ok(())
}
