//! A comparison as pictures: losses, gradients of layers, costs of a step.
//!
//! In: groups of trials. Out: names and texts of SVG files, equal for equal figures. All groups are
//! drawn, the first seed of each; axes of losses and gradients are logarithmic where figures allow it;
//! what is not finite is left out. Deliberately absent: screens.

use kuva::prelude::{BarPlot, Figure, Layout, LinePlot, Plot};

use super::{Figures, Group};
use crate::runs::renumbered;
use crate::train::Epoch;

/// Okabe and Ito (2008), told apart by colour-blind readers too; then again, dashed.
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

type Points = Vec<(f64, f64)>;

/// `loss`, `gradients` and `cost`, each where there is something to draw.
#[must_use]
pub fn pictures(groups: &[Group]) -> Vec<(&'static str, String)> {
    let epochs = |place: &dyn Fn(&Epoch) -> f64, f: &Figures| -> Points {
        f.epochs.iter().map(|e| (place(e), e.loss)).collect()
    };
    let by_epoch = lines(groups, &|f| epochs(&|e| e.epoch as f64, f));
    let by_second = lines(groups, &|f| epochs(&|e| e.seconds, f));
    let layers = lines(groups, &|f| {
        let weights = f.gradients_at_start.iter().filter(|g| g.weights);
        weights.enumerate().map(|(i, g)| ((i + 1) as f64, g.norm)).collect()
    });
    let all = [
        ("loss", vec![(by_epoch, "epoch", "loss"), (by_second, "seconds", "loss")]),
        ("gradients", vec![(layers, "layer", "norm of the gradient of its weights")]),
    ];
    let mut out: Vec<(&str, String)> = Vec::new();
    for (name, panels) in all {
        if panels.iter().all(|(lines, ..)| !lines.is_empty()) {
            let panels = panels.into_iter().map(|(l, x, y)| panel(l, x, y)).collect();
            out.push((name, drawn(panels)));
        }
    }
    out.extend(costs(groups).map(|panel| ("cost", drawn(vec![panel]))));
    out
}

/// Lines with the largest and the smallest figure, and whether all are above 0.
struct Lines {
    plots: Vec<Plot>,
    log: bool,
}

impl Lines {
    fn is_empty(&self) -> bool {
        self.plots.is_empty()
    }
}

fn lines(groups: &[Group], points: &dyn Fn(&Figures) -> Points) -> Lines {
    let (mut plots, mut log) = (Vec::new(), true);
    for (i, group) in groups.iter().enumerate() {
        let all = group.trials.first().map(points).unwrap_or_default();
        let all: Points = all.into_iter().filter(|(_, y)| y.is_finite()).collect();
        if all.is_empty() {
            continue;
        }
        log &= all.iter().all(|(_, y)| *y > 0.0);
        let line = LinePlot::new().with_data(all).with_color(COLOURS[i % COLOURS.len()]);
        let line = line.with_stroke_width(2.0).with_legend(label(group));
        let again = i >= COLOURS.len();
        plots.push(if again { line.with_dashed().into() } else { line.into() });
    }
    Lines { plots, log }
}

/// "lr 0.01, batch 32".
fn label(group: &Group) -> String {
    let one = |(name, value): &(String, String)| format!("{name} {value}");
    group.set.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn panel(lines: Lines, x: &str, y: &str) -> (Vec<Plot>, Layout) {
    let layout = Layout::auto_from_plots(&lines.plots).with_x_label(x).with_y_label(y);
    let layout = if lines.log { layout.with_log_y() } else { layout };
    (lines.plots, layout)
}

/// Seconds of a step as bars.
fn costs(groups: &[Group]) -> Option<(Vec<Plot>, Layout)> {
    let cost = |g: &Group| Some((label(g), g.spread(|f| f.seconds_per_step)?.mean * 1e6));
    let bars: Vec<(String, f64)> = groups.iter().filter_map(cost).collect();
    if bars.is_empty() {
        return None;
    }
    let bars = BarPlot::new().with_bars(bars).with_color(COLOURS[0]);
    let plots: Vec<Plot> = vec![bars.with_horizontal(true).into()];
    let layout = Layout::auto_from_plots(&plots).with_x_label("microseconds a step");
    Some((plots, layout))
}

fn drawn(panels: Vec<(Vec<Plot>, Layout)>) -> String {
    let n = panels.len();
    let (plots, layouts): (Vec<Vec<Plot>>, Vec<Layout>) = panels.into_iter().unzip();
    let figure = Figure::new(n, 1).with_plots(plots).with_layouts(layouts);
    let figure = figure.with_cell_size(720.0, 360.0).with_shared_legend_bottom();
    renumbered(&kuva::backend::svg::SvgBackend.render_scene(&figure.render()))
}
