//! A comparison as pictures: losses, gradients of layers, costs of a step.
//!
//! In: groups of trials. Out: names and texts of SVG files, equal for equal figures. All groups are
//! drawn, the first seed of each; axes of losses and gradients are logarithmic where figures allow it;
//! what is not finite is left out. Deliberately absent: screens.

use kuva::prelude::{BarPlot, Layout, Plot};

use super::{Figures, Group};
use crate::picture::{COLOURS, Lines, Panel, Points, decades, stacked};
use crate::train::Epoch;

/// Of a panel.
const SIZE: (f64, f64) = (720.0, 360.0);

/// `loss`, `gradients` and `cost`, each where there is something to draw.
#[must_use]
pub fn pictures(groups: &[Group]) -> Vec<(&'static str, String)> {
    let epochs = |place: &dyn Fn(&Epoch) -> f64, f: &Figures| -> Points {
        f.epochs.iter().map(|e| (place(e), e.loss)).collect()
    };
    let by_epoch = Lines::new(lines(groups, &|f| epochs(&|e| e.epoch as f64, f)));
    let by_second = Lines::new(lines(groups, &|f| epochs(&|e| e.seconds, f)));
    let layers = lines(groups, &|f| {
        let weights = f.gradients_at_start.iter().filter(|g| g.weights);
        weights.enumerate().map(|(i, g)| ((i + 1) as f64, g.norm)).collect()
    });
    let mut out: Vec<(&str, String)> = Vec::new();
    if !by_epoch.plots.is_empty() {
        let panels =
            vec![by_epoch.panel("epoch", "loss"), by_second.panel("seconds", "loss")];
        out.push(("loss", stacked(panels, SIZE)));
    }
    let layers = decades(&layers, "layer", "norm of the gradient of its weights");
    out.extend(layers.map(|panel| ("gradients", stacked(vec![panel], SIZE))));
    out.extend(costs(groups).map(|panel| ("cost", stacked(vec![panel], SIZE))));
    out
}

/// Points of the first seed of each group.
fn lines(groups: &[Group], points: &dyn Fn(&Figures) -> Points) -> Vec<(String, Points)> {
    let one = |g: &Group| (label(g), g.trials.first().map(points).unwrap_or_default());
    groups.iter().map(one).collect()
}

/// "lr 0.01, batch 32".
fn label(group: &Group) -> String {
    let one = |(name, value): &(String, String)| format!("{name} {value}");
    group.set.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Seconds of a step as bars.
fn costs(groups: &[Group]) -> Option<Panel> {
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
