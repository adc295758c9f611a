//! A search as a picture: the loss over each number that was searched, its good range shaded.
//!
//! In: points of one axis. Out: the text of an SVG file, equal for equal figures. What diverged stands
//! at the upper edge. Deliberately absent: screens.

use kuva::prelude::{Layout, Plot, ScatterPlot};
use kuva::render::annotations::ShadedRegion;

use super::best::Good;
use super::space::Axis;
use crate::picture::{COLOURS, stacked};

/// The picture; `None` where there is nothing to draw. Points as [`super::best::points`] gives them.
#[must_use]
pub fn picture(axis: &Axis, points: &[(f64, f64)], good: Option<Good>) -> Option<String> {
    let finite: Vec<(f64, f64)> =
        points.iter().copied().filter(|p| p.1.is_finite()).collect();
    let top = finite.iter().map(|p| p.1).reduce(f64::max)?;
    let lost: Vec<(f64, f64)> =
        points.iter().filter(|p| !p.1.is_finite()).map(|p| (p.0, top)).collect();
    let log = finite.iter().all(|p| p.1 > 0.0);
    let dots = |points: Vec<(f64, f64)>, colour: &str, label: &str| -> Plot {
        let plot = ScatterPlot::new().with_data(points).with_color(colour).with_size(5.0);
        plot.with_legend(label).into()
    };
    let mut plots = vec![dots(finite, COLOURS[0], "loss")];
    if !lost.is_empty() {
        plots.push(dots(lost, COLOURS[1], "diverged"));
    }
    let mut layout = Layout::auto_from_plots(&plots);
    layout = layout.with_x_label(axis.name.as_str()).with_y_label("loss");
    layout = if axis.is_log() { layout.with_log_x() } else { layout };
    layout = if log { layout.with_log_y() } else { layout };
    if let Some(good) = good {
        layout = layout.with_shaded_region(
            ShadedRegion::vertical(good.low, good.high).with_color(COLOURS[2]),
        );
    }
    Some(stacked(vec![(plots, layout)], (720.0, 400.0)))
}
