//! Measures chainrule: a task from `bench/run.py` in, figures out.
//!
//! What is measured is what a user of the library writes: `Model::parse`, `fit`, `predictor`, on
//! tables in memory; milliseconds of an epoch come from the events of training. Deliberately
//! absent: a loop of its own, and anything that the public face does not offer.
#![forbid(unsafe_code)]

#[path = "../../worker.rs"]
mod worker;

use std::path::Path;
use std::time::Instant;

use chainrule::data::{DataSpec, Source, read_source};
use chainrule::train::{Control, Event};
use chainrule::trials::{Ended, Trial, Trials, product};
use chainrule::{Model, Options, Trained, table};
use worker::{Fallible, Figures, Task};

fn model(task: &Task) -> Fallible<Model> {
    let path = task.text("file")?;
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let options = Options::default().threads(task.number("threads")?);
    Ok(Model::parse_with(&text, options)?)
}

fn arrays(task: &Task) -> Fallible<Source> {
    let folder = Path::new(task.text("data")?);
    Ok(read_source(folder, "x.npy + y.npy", &DataSpec::default())?)
}

fn train(task: &Task) -> Fallible<Figures> {
    let (model, data) = (model(task)?, arrays(task)?);
    let (mut ends, mut wrong) = (Vec::new(), None);
    let trained = model.fit(&data, &mut |event| {
        let Event::Epoch(epoch) = event else { return Control::Continue };
        ends.push(epoch.seconds);
        match task.goes_on(ends.len() - 1, epoch.seconds - ends[0]) {
            Ok(true) => Control::Continue,
            Ok(false) => Control::Stop,
            Err(e) => {
                wrong = Some(e);
                Control::Stop
            }
        }
    })?;
    if let Some(e) = wrong {
        return Err(e);
    }
    let ms = |pair: &[f64]| (pair[1] - pair[0]) * 1e3;
    let values = ends.windows(2).map(ms).collect();
    Ok(Figures { first: ends[0] * 1e3, values, loss: Some(last_loss(&trained, task)?) })
}

/// The mean loss of the first rows.
fn last_loss(trained: &Trained, task: &Task) -> Fallible<f64> {
    Ok(trained.evaluate(&first_rows(task, 2000)?)?.0.loss)
}

fn first_rows(task: &Task, rows: usize) -> Fallible<Source> {
    let (x, y) = task.data()?;
    let width = task.widths()?[0];
    let x: Vec<f64> = x[..rows * width].iter().map(|&v| f64::from(v)).collect();
    let y: Vec<f64> = y[..rows].iter().map(|&v| f64::from(v)).collect();
    Ok(table(&[("x", width, &x), ("y", 1, &y)])?)
}

/// Rows that a predictor is planned for: what they make stays in the caches.
const AT_ONCE: usize = 1000;

/// A network with the weights of one epoch, asked again and again.
fn predict(task: &Task) -> Fallible<Figures> {
    let trained =
        model(task)?.fit(&first_rows(task, 2000)?, &mut |event| match event {
            Event::Epoch(_) => Control::Stop,
            _ => Control::Continue,
        })?;
    let (rows, width): (usize, usize) = (task.number("rows")?, task.widths()?[0]);
    let x = task.data()?.0;
    let places = x.len() / width / rows;
    let mut predictor = trained.predictor::<f32>(rows.min(AT_ONCE))?;
    task.calls(|number| {
        let from = number % places * rows * width;
        std::hint::black_box(predictor.predict(&x[from..from + rows * width]));
        Ok(())
    })
}

/// Learning rates from 1e-5 to 1, at equal steps of their logarithm, all trained at once.
fn search(task: &Task) -> Fallible<Figures> {
    let (count, epochs): (usize, usize) =
        (task.number("count")?, task.number("count_epochs")?);
    let start = Instant::now();
    let data = arrays(task)?;
    let text = std::fs::read_to_string(task.text("file")?)?;
    let options = Options::default().set("epochs", epochs).threads(1);
    let model = Model::parse_with(&text, options)?;
    let rate = |i: usize| 10f64.powf(-5.0 + 5.0 * i as f64 / (count - 1) as f64);
    let axes = [("lr".to_owned(), (0..count).map(|i| rate(i).to_string()).collect())];
    let trials = Trials::of_table(&model, &product(&axes), &data);
    let hear = |_: &Trial, _: &Event| Control::Continue;
    let close = |_: &Trial, ended: Result<Ended<'_>, _>| {
        Some(ended.ok()?.trained.history().last()?.loss)
    };
    let losses = trials.run(task.number("threads")?, &hear, &close);
    let seconds = start.elapsed().as_secs_f64();
    let best = losses.into_iter().flatten().flatten().fold(f64::INFINITY, f64::min);
    Ok(Figures { first: 0.0, values: vec![seconds], loss: Some(best) })
}

fn main() -> Fallible<()> {
    let task = Task::read()?;
    let figures = match task.text("kind")? {
        "train" => train(&task)?,
        "rates" => search(&task)?,
        _ => predict(&task)?,
    };
    figures.tell(env!("CARGO_PKG_VERSION"));
    Ok(())
}
