//! `chainrule diagnose --splits`: whether parts of the data come from one source.
//!
//! In: a file of equations, whose own parts are held against what it trains on; or two tables. Out: the
//! tests with their figures, and findings.

use std::path::{Path, PathBuf};

use chainrule::data::Parts;
use chainrule::diagnose::splits::{self, Splits, Twins};
use chainrule::{Model, Options};
use serde_json::json;

use super::diagnose::{documents, status, told};
use super::{say_report, text_of};
use crate::failure::{Failure, Outcome, USAGE};
use crate::report::{clean, style};
use crate::screen::Screen;
use crate::source::Source;
use crate::table;

pub(super) fn run(paths: &[PathBuf], target: Option<&str>, screen: &Screen) -> Outcome {
    let all = match paths {
        [one] if is_table(one) => {
            let words = "one table has no parts: name two, or a file of equations";
            return Err(Failure::Usage(words.to_owned()));
        }
        [file] if target.is_none() => of_file(file, screen)?,
        [train, held] => {
            let found = splits::of_files(text_of(train)?, text_of(held)?, target)?;
            let title = format!("{} against {}", train.display(), held.display());
            vec![(title, found)]
        }
        _ => {
            let words = "--target belongs to two tables; a file says its target itself";
            return Err(Failure::Usage(words.to_owned()));
        }
    };
    let findings: Vec<_> = all.iter().flat_map(|(_, s)| s.findings.clone()).collect();
    match screen.json {
        true => screen.document(&all.iter().map(|(t, s)| document(t, s)).collect())?,
        false => {
            let texts: Vec<String> = all.iter().map(|(t, s)| story(t, s)).collect();
            screen.print(&texts.join("\n"))?;
        }
    }
    Ok(status(&findings))
}

fn is_table(path: &Path) -> bool {
    let tables = ["csv", "tsv", "gz", "npy", "npz", "parquet"];
    path.extension().is_some_and(|e| tables.iter().any(|t| e == *t))
}

/// Each part of the file's data beside the one that it trains on.
fn of_file(file: &Path, screen: &Screen) -> Result<Vec<(String, Splits)>, Failure> {
    let source = Source::read(file)?;
    let located = Failure::about(&source, USAGE);
    let model = Model::from_file(file, Options::default()).map_err(&located)?;
    let loaded = model.load_data().map_err(&located)?;
    let parts = Parts::from(&loaded);
    parts.reports().for_each(|report| say_report(report, screen));
    let name = file.display();
    let all = splits::of_all(&parts, usize::MAX, &|part| format!("{name}, {part}"));
    if all.is_empty() {
        let words = format!(
            "{name}: the data: line names one part; add `hold out 20 %` or `validate FILE`"
        );
        return Err(Failure::Usage(words));
    }
    let titled = |(part, found)| (format!("{name}: training against {part}"), found);
    Ok(all.into_iter().map(titled).collect())
}

fn document(title: &str, splits: &Splits) -> serde_json::Value {
    let mut document = json!(splits);
    document["parts"] = json!(title);
    document["findings"] = documents(&splits.findings);
    document
}

fn story(title: &str, s: &Splits) -> String {
    let bold = style::STRONG;
    let mut out = format!(
        "{bold}{}{bold:#}: {} and {} rows\n{}",
        clean(title),
        s.train,
        s.held,
        table::columns(2, &rows(s))
    );
    if !s.naming.is_empty() {
        let names = clean(&s.naming.join(", "));
        out.push_str(&format!(
            "  note: each cell of {names} is another; not looked at in rows\n"
        ));
    }
    match s.findings.is_empty() {
        true => out.push_str("  nothing to report: a random split looks like this\n"),
        false => s.findings.iter().for_each(|f| out.push_str(&told(f))),
    }
    out
}

fn rows(s: &Splits) -> Vec<[String; 3]> {
    let p =
        |p: f64| if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") };
    let row =
        |what: &str, words: String, chance: String| [what.to_owned(), words, chance];
    let mut out = Vec::new();
    match &s.classifier {
        None => out.push(row("classifier", "too few rows".into(), String::new())),
        Some(c) => {
            let (low, high) = c.interval;
            let auc = format!("AUC {:.3} ({low:.3} to {high:.3})", c.auc);
            out.push(row("classifier", auc, p(c.p)));
        }
    }
    let least = s.columns.iter().min_by(|a, b| a.adjusted.total_cmp(&b.adjusted));
    if let Some(column) = least {
        let words = format!("{}, the oddest is {}", s.columns.len(), clean(&column.name));
        out.push(row("columns", words, p(column.adjusted)));
    }
    let twins = |t: &Twins| format!("{}, by chance {:.1}", t.rows, t.expected);
    out.push(row("equal rows", twins(&s.equal), p(s.equal.p)));
    out.push(row("near rows", twins(&s.near), p(s.near.p)));
    out.push(row("all together", String::new(), p(s.p)));
    out
}
