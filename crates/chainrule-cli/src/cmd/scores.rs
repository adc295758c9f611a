//! The figures of an evaluation as tables: each beside its baseline, then by class.

use chainrule::Evaluation;
use chainrule::metrics::{ClassScores, NumberScores, OneClass, Scores};

use crate::numbers::Digits;
use crate::report::{clean, style, width};
use crate::table;

/// A confusion matrix of more classes does not fit a screen; the JSON holds it.
const MOST: usize = 20;

/// All figures.
pub(super) fn text(e: &Evaluation) -> String {
    let mut out = format!("rows  {}\nloss  {}\n\n", e.rows, number(e.loss));
    match &e.scores {
        None => {}
        Some(Scores::Classes(c)) => out.push_str(&classes(c)),
        Some(Scores::Labels { labels }) => {
            for (name, scores) in labels {
                let bold = style::STRONG;
                out.push_str(&format!(
                    "{bold}{}{bold:#}\n{}\n",
                    clean(name),
                    classes(scores)
                ));
            }
        }
        Some(Scores::Numbers(n)) => out.push_str(&numbers(n)),
    }
    out
}

fn number(v: f64) -> String {
    Digits { digits: 5, ascii: false }.number(v)
}

fn some(v: Option<f64>) -> String {
    v.map_or_else(|| "not defined".to_owned(), number)
}

fn percent(v: f64) -> String {
    format!("{:.2} %", 100.0 * v)
}

fn row(name: &str, ours: String, baseline: String) -> [String; 3] {
    [name.to_owned(), ours, baseline]
}

fn numbers(n: &NumberScores) -> String {
    let rows = [
        row("", "model".to_owned(), "the mean alone".to_owned()),
        row("R²", some(n.r2), some(n.baseline_r2)),
        row("RMSE", number(n.rmse), number(n.baseline_rmse)),
        row("MAE", number(n.mae), number(n.baseline_mae)),
    ];
    table::columns(0, &rows)
}

fn classes(c: &ClassScores) -> String {
    let mut rows = vec![
        row("", "model".to_owned(), "without a look at the row".to_owned()),
        row("accuracy", percent(c.accuracy), percent(c.baseline_accuracy)),
        row(
            "balanced accuracy",
            percent(c.balanced_accuracy),
            percent(c.baseline_balanced_accuracy),
        ),
        row("ROC AUC", some(c.roc_auc), some(c.baseline_roc_auc)),
    ];
    if let Some(loss) = c.log_loss {
        rows.push(row("log loss", number(loss), number(c.baseline_log_loss)));
    }
    let head = ["class", "precision", "recall", "F1", "rows"].map(str::to_owned);
    let by_class: Vec<[String; 5]> =
        std::iter::once(head).chain(c.classes.iter().map(one)).collect();
    let mut out = table::columns(0, &rows) + "\n" + &table::columns(0, &by_class);
    if c.classes.len() <= MOST {
        out.push_str(&format!("\n{}", confusion(c)));
    }
    out
}

fn one(c: &OneClass) -> [String; 5] {
    let share = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    [
        clean(&c.name),
        share(c.precision),
        share(c.recall),
        share(c.f1),
        c.support.to_string(),
    ]
}

/// Rows are the truth, columns what was predicted.
fn confusion(c: &ClassScores) -> String {
    let names: Vec<String> = c.classes.iter().map(|k| clean(&k.name)).collect();
    let cells = c.confusion.iter().flatten().map(usize::to_string);
    let widest = cells.chain(names.iter().cloned()).map(|t| width(&t)).max().unwrap_or(1);
    let right =
        |t: &str| format!("{}{t}", " ".repeat((widest + 2).saturating_sub(width(t))));
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|t| right(t)).collect();
        format!("{}{cells}\n", table::pad(name, widest))
    };
    let mut out =
        "confusion: rows are the truth, columns what was predicted\n".to_owned();
    out.push_str(&line("", names.clone()));
    for (name, row) in names.iter().zip(&c.confusion) {
        out.push_str(&line(name, row.iter().map(usize::to_string).collect()));
    }
    out
}
