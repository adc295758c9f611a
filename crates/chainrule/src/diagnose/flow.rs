//! Gradient flow: how large gradients are from layer to layer, and how far a step moves each layer.
//!
//! In: what was seen of a training, or of a run. Out: [`Flow`], plain data, and its picture. Invariant:
//! what was not watched (the steps of a run that is over) is not there. Deliberately absent: judgement;
//! `vanishing_gradient` is a rule.

use serde::Serialize;

use super::evidence::Evidence;
use crate::picture::{Panel, Points, decades, stacked};
use crate::train::Move;

/// Moments that are drawn: as many lines as can be told apart.
const MOST: usize = 5;
/// Names of more layers than this stand aslant.
const UPRIGHT: usize = 12;

/// Gradients and steps, layer by layer, at some moments of a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    /// The weights of the layers, in the order of the way forward.
    pub layers: Vec<String>,
    /// From the start to the end.
    pub moments: Vec<Moment>,
}

/// One of the moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// Epochs that were done; 0 before the first step.
    pub epoch: usize,
    /// Root mean square of the gradient of each layer's weights.
    pub gradients: Vec<f64>,
    /// How far the last step moved each layer's weights: root mean square of what it changed, for
    /// that of the weights; `None` where no step was watched.
    pub steps: Vec<Option<f64>>,
}

impl Flow {
    /// What was seen; `None` without a look into layers.
    pub(super) fn of(e: &Evidence<'_>) -> Option<Self> {
        let course = e.course.as_ref()?;
        let layers: Vec<String> =
            (0..e.network.layers.len()).map(|i| e.layer(i).to_owned()).collect();
        let moment = |(i, look): (usize, &super::evidence::scope::Look)| {
            let step = i.checked_sub(1).and_then(|i| course.moves.get(i));
            let epoch = match (i, step) {
                (0, _) => 0,
                (_, Some((epoch, _))) => *epoch,
                (_, None) => course.kept(),
            };
            let moves = step.map_or(&[][..], |(_, moves)| moves);
            let own = e.network.layers.iter().map(|l| {
                let own = moves.iter().find(|m| m.id == l.weights);
                own.filter(|m| m.weight > 0.0).map(|m: &Move| m.update / m.weight)
            });
            Moment { epoch, gradients: look.gradients.clone(), steps: own.collect() }
        };
        let moments: Vec<Moment> = course.looks.iter().enumerate().map(moment).collect();
        (!layers.is_empty() && !moments.is_empty()).then_some(Self { layers, moments })
    }

    /// Gradients from layer to layer, and below them the steps where they were watched, on
    /// logarithmic axes: an SVG file; `None` where all gradients are 0, or none is finite.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let gradients = self.panel("rms of the gradient", &|m, i| Some(m.gradients[i]));
        let steps = self.panel("a step, for the weights' size", &|m, i| m.steps[i]);
        let panels: Vec<Panel> = gradients.into_iter().chain(steps).collect();
        (!panels.is_empty()).then(|| stacked(panels, (720.0, 360.0)))
    }

    /// A line for each moment; `None` if no figure is above 0.
    fn panel(
        &self,
        figure: &str,
        of: &dyn Fn(&Moment, usize) -> Option<f64>,
    ) -> Option<Panel> {
        let n = self.layers.len();
        let line = |m: &&Moment| {
            let points = (0..n).filter_map(|i| Some(((i + 1) as f64, of(m, i)?)));
            (m.name(), points.collect())
        };
        let lines: Vec<(String, Points)> = self.drawn().iter().map(line).collect();
        let (plots, layout) = decades(&lines, "layer", figure)?;
        let layout = layout.with_x_axis_min(0.5).with_x_axis_max(n as f64 + 0.5);
        let layout = layout.with_x_categories(self.layers.clone());
        let many = n > UPRIGHT;
        Some((plots, if many { layout.with_x_tick_rotate(-45.0) } else { layout }))
    }

    /// Some moments, the first and the last among them.
    fn drawn(&self) -> Vec<&Moment> {
        let (n, most) = (self.moments.len(), MOST.min(self.moments.len()));
        let at = |k: usize| if most < 2 { 0 } else { k * (n - 1) / (most - 1) };
        (0..most).map(|k| &self.moments[at(k)]).collect()
    }
}

impl Moment {
    fn name(&self) -> String {
        match self.epoch {
            0 => "before the first step".to_owned(),
            epoch => format!("epoch {epoch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(gradients: &[&[f64]], steps: bool) -> Flow {
        let moment = |(epoch, own): (usize, &&[f64])| Moment {
            epoch,
            gradients: own.to_vec(),
            steps: own.iter().map(|g| steps.then_some(g / 10.0)).collect(),
        };
        let layers = (1..=gradients[0].len()).map(|i| format!("W{i}")).collect();
        Flow { layers, moments: gradients.iter().enumerate().map(moment).collect() }
    }

    #[test]
    fn layers_are_named_and_some_moments_drawn_with_the_ends() {
        let all: Vec<&[f64]> = vec![&[1e-14, 1e-3, 1.0]; 12];
        let svg = flow(&all, true).svg().unwrap();
        for words in [
            "W1",
            "W3",
            "before the first step",
            "epoch 11",
            "rms of the gradient",
            ">1e-14<",
        ] {
            assert!(svg.contains(words), "{words}");
        }
        assert_eq!(svg.matches(">epoch ").count(), MOST - 1, "{svg}");
        assert!(svg.contains("a step, for the weights") && !svg.contains("exactly 0"));
        assert!(
            !flow(&all, false).svg().unwrap().contains("a step,"),
            "no step was watched"
        );
    }

    #[test]
    fn a_gradient_of_nothing_is_marked_and_what_is_not_finite_left_out() {
        let svg = flow(&[&[0.0, 1e-3], &[f64::NAN, f64::INFINITY]], false).svg().unwrap();
        assert!(svg.contains("exactly 0") && !svg.contains("NaN"));
        assert!(!svg.contains("inf"));
        assert_eq!(flow(&[&[0.0, 0.0]], false).svg(), None);
    }
}
