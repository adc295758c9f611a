//! `chainrule evaluate FILE --folds K`: how good a file's training is, by cross-validation.
//!
//! In: a file of equations with its data. Out: figures of each fold, mean and spread of each metric.
//! Invariant: nothing is kept on disk, and results do not depend on the number of workers.

use std::path::Path;
use std::sync::Arc;

use chainrule::train::{Control, Event};
use chainrule::trials::{
    Ended, FoldFigures, Folds, Metric, Spread, Status, Trial, Trials,
};
use chainrule::{Error, Model};
use serde_json::json;

use super::Sets;
use crate::failure::{DONE, FINDINGS, Failure, INTERRUPTED, Outcome, USAGE};
use crate::numbers::Digits;
use crate::report::clean;
use crate::screen::Screen;
use crate::source::Source;
use crate::{interrupt, table};

const DIGITS: Digits = Digits { digits: 4, ascii: false };

pub(super) fn run(
    file: &Path,
    folds: usize,
    set: &Sets,
    workers: usize,
    screen: &Screen,
) -> Outcome {
    let source = Source::read(file)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(file, set.options()).map_err(&located)?;
    model.settings().check().map_err(&located)?;
    interrupt::listen();
    let hear = |_: &Trial, _: &Event| match interrupt::asked() {
        true => Control::Stop,
        false => Control::Continue,
    };
    let close = |trial: &Trial, ended: Result<Ended<'_>, Arc<Error>>| {
        let figures = FoldFigures::of(trial, ended);
        if let Ok(figures) = &figures {
            screen.say(&clean(&format!("{}/{folds}  {}\n", figures.fold, told(figures))));
        }
        figures
    };
    let ran = Trials::of_folds(&model, folds).run(workers, &hear, &close);
    let all: Result<Vec<FoldFigures>, Arc<Error>> = ran.into_iter().flatten().collect();
    let all = Folds::of(all.map_err(Failure::about_shared(&source, USAGE))?);
    match screen.json {
        true => {
            let mut document = json!(all);
            document["file"] = json!(file.display().to_string());
            document["seed"] = json!(model.settings().seed);
            screen.document(&document)?;
        }
        false => screen.print(&clean(&text(&all)))?,
    }
    let done = all.folds.iter().filter(|f| f.status == Status::Done).count();
    Ok(match (interrupt::asked(), done == folds) {
        (true, _) => INTERRUPTED,
        (false, true) => DONE,
        (false, false) => FINDINGS,
    })
}

/// A line about a fold.
fn told(f: &FoldFigures) -> String {
    match (&f.status, &f.evaluation) {
        (Status::Done, Some(e)) => match &e.scores {
            None => format!("loss {}", DIGITS.number(e.loss)),
            Some(scores) => {
                let (name, value) = scores.headline();
                format!("loss {}, {name} {}", DIGITS.number(e.loss), DIGITS.number(value))
            }
        },
        (Status::Diverged { equation, step }, _) => {
            format!("diverged in step {step}: {equation}")
        }
        _ => "interrupted".to_owned(),
    }
}

fn text(all: &Folds) -> String {
    let head = ["fold", "rows learned from", "rows", "epoch", ""].map(str::to_owned);
    let row = |f: &FoldFigures| {
        let rows = f.evaluation.as_ref().map_or("–".to_owned(), |e| e.rows.to_string());
        [f.fold.to_string(), f.train_rows.to_string(), rows, f.epoch.to_string(), told(f)]
    };
    let rows: Vec<[String; 5]> =
        std::iter::once(head).chain(all.folds.iter().map(row)).collect();
    let spread = |s: &Spread| {
        // What is equal in every fold differs by rounding alone.
        let deviation = s.deviation.filter(|d| *d > 1e-12 * s.mean.abs()).unwrap_or(0.0);
        let deviation = Digits { digits: 2, ..DIGITS }.number(deviation);
        format!("{} ± {deviation}", DIGITS.number(s.mean))
    };
    let head = ["", "model", "without a look at the row"].map(str::to_owned);
    let metric = |m: &Metric| {
        let baseline = m.baseline.as_ref().map_or(String::new(), spread);
        [m.name.clone(), spread(&m.model), baseline]
    };
    let metrics: Vec<[String; 3]> =
        std::iter::once(head).chain(all.metrics.iter().map(metric)).collect();
    let note = "± standard deviation over the folds\n";
    format!("{}\n{}{note}", table::columns(0, &rows), table::columns(0, &metrics))
}
