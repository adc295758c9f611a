//! The curves of a run as SVG: loss over epochs, training and held out, and the metric below it.
//!
//! In: epochs. Out: text of an SVG file, equal for equal epochs. Figures that are not finite are
//! left out. Deliberately absent: screens; the terminal's curve is the face's.

use crate::picture::{Lines, stacked};
use crate::train::Epoch;

/// The curves of `epochs`; `metric` names the lower figure, if there is one.
#[must_use]
pub fn curves(epochs: &[Epoch], metric: Option<&str>) -> String {
    let loss = lines(epochs, |e| Some(e.loss), |e| e.held_loss);
    let scored = lines(epochs, |e| e.metric, |e| e.held_metric);
    let mut panels = vec![(loss, "loss")];
    panels.extend(metric.filter(|_| !scored.plots.is_empty()).map(|name| (scored, name)));
    let panels =
        panels.into_iter().map(|(lines, name)| lines.panel("epoch", name)).collect();
    stacked(panels, (640.0, 300.0))
}

fn lines(
    epochs: &[Epoch],
    train: impl Fn(&Epoch) -> Option<f64>,
    held_out: impl Fn(&Epoch) -> Option<f64>,
) -> Lines {
    let points = |f: &dyn Fn(&Epoch) -> Option<f64>| {
        epochs.iter().filter_map(|e| Some((e.epoch as f64, f(e)?))).collect()
    };
    let both =
        [("training (running mean)", points(&train)), ("held out", points(&held_out))];
    let lines = Lines::new(both.map(|(name, points)| (name.to_owned(), points)));
    Lines { log: false, ..lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(n: usize, loss: f64) -> Epoch {
        let metric = Some(1.0 - loss);
        let held_loss = Some(loss + 0.1);
        Epoch {
            epoch: n,
            loss,
            metric,
            held_loss,
            held_metric: metric,
            ..Epoch::default()
        }
    }

    #[test]
    fn curves_are_drawn_for_any_number_of_epochs() {
        for epochs in [0, 1, 2, 100] {
            let epochs: Vec<Epoch> =
                (1..=epochs).map(|n| epoch(n, 1.0 / n as f64)).collect();
            let svg = curves(&epochs, Some("accuracy"));
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            assert_eq!(svg, curves(&epochs, Some("accuracy")));
            assert_eq!(svg.contains("held out"), !epochs.is_empty());
        }
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        let svg =
            curves(&[epoch(1, 1.0), epoch(2, f64::NAN), epoch(3, f64::INFINITY)], None);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
