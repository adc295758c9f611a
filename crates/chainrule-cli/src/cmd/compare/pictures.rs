//! Curves of the loss, the gradient of each layer, and the cost of a step, for a terminal.
//!
//! In: groups of trials. Out: text; each row of the table has a letter, which stands at the end of its
//! line. Above as many rows as there are letters for, nothing is drawn, and that is said. Of several
//! seeds the first is drawn.

use chainrule::trials::{Figures, Group};

use super::Compared;
use super::rows::{time, weights};
use crate::plot::{Line, Words, draw};
use crate::report::style;
use crate::table::pad;

/// More lines cannot be told apart.
const MOST: usize = 16;
/// Signs across for the largest cost.
const BAR: f64 = 40.0;

/// The letter of each row, if its lines are drawn.
pub(super) fn marks(groups: &[Group]) -> Vec<char> {
    match groups.len() {
        0..=MOST => ('a'..='z').take(groups.len()).collect(),
        _ => Vec::new(),
    }
}

/// All pictures.
pub(super) fn text(c: &Compared<'_>) -> String {
    let (groups, marks) = (c.groups, marks(c.groups));
    if marks.is_empty() {
        return format!(
            "{} rows are too many to draw here; --svg DIR draws them all\n",
            groups.len()
        );
    }
    let lines = |points: &dyn Fn(&Figures) -> Vec<(f64, f64)>| -> Vec<Line> {
        let one = |(g, mark): (&Group, &char)| {
            let points = g.trials.first().map(points).unwrap_or_default();
            Line { points, every: 1, mark: Some(*mark) }
        };
        groups.iter().zip(&marks).map(one).collect()
    };
    let losses = lines(&|f| f.epochs.iter().map(|e| (e.epoch as f64, e.loss)).collect());
    let gradients = lines(&|f| {
        weights(f).enumerate().map(|(i, g)| ((i + 1) as f64, g.norm)).collect()
    });
    let loss = Words { figure: "loss", legend: "", places: "epochs", log: true };
    let gradient = Words {
        figure: "norm of the gradient of each layer's weights before the first step",
        legend: "",
        places: "layers",
        log: true,
    };
    let all = [draw(&losses, &loss), draw(&gradients, &gradient), costs(groups, &marks)];
    all.into_iter().filter(|p| !p.is_empty()).map(|p| format!("\n{p}")).collect()
}

/// A bar for the seconds of a step: its length is in proportion.
fn costs(groups: &[Group], marks: &[char]) -> String {
    let cost = |g: &Group| g.spread(|f| f.seconds_per_step);
    let most = groups.iter().filter_map(cost).map(|s| s.mean).fold(0.0, f64::max);
    if most <= 0.0 {
        return String::new();
    }
    let dim = style::DIM;
    let mut out = format!("{:9}  {dim}cost of a step{dim:#}\n", "");
    for (group, mark) in groups.iter().zip(marks) {
        let cost = cost(group);
        let eighths = cost.map_or(0.0, |s| 8.0 * BAR * s.mean / most).ceil() as usize;
        let (whole, rest) = (eighths / 8, eighths % 8);
        let end = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][rest];
        let time = pad(&time(cost), 9);
        out.push_str(&format!("{time}{mark}┤{}{end}\n", "█".repeat(whole)));
    }
    out
}
