//! The loss over the epochs, drawn for a terminal.
//!
//! In: figures per epoch. Out: text. The training curve (a running mean over the batches) is dotted,
//! the held-out one solid, so that they differ without colours.

use chainrule::train::Epoch;

use crate::plot::{Line, Words, draw as plot};

/// Loss of training and of held-out rows; nothing for a single epoch.
pub(crate) fn draw(epochs: &[Epoch]) -> String {
    let points = |f: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<(f64, f64)> {
        epochs.iter().filter_map(|e| Some((e.epoch as f64, f(e)?))).collect()
    };
    let train = Line { points: points(&|e| Some(e.loss)), every: 4, mark: None };
    let held = Line { points: points(&|e| e.held_loss), every: 1, mark: None };
    let is_held = held.points.len() == epochs.len();
    let solid = if is_held { "   ⣀⣀ held out" } else { "" };
    let legend = format!("   ⡀⡀ training (running mean){solid}");
    let words = Words { figure: "loss", legend: &legend, places: "epochs", log: false };
    let lines = if is_held { vec![train, held] } else { vec![train] };
    plot(&lines, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(losses: &[f64]) -> Vec<Epoch> {
        let one = |(i, loss): (usize, &f64)| Epoch {
            epoch: i + 1,
            loss: *loss,
            held_loss: Some(loss * 1.1),
            ..Epoch::default()
        };
        losses.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_axis_is_logarithmic_over_a_decade_only() {
        assert!(draw(&epochs(&[2.0, 0.5, 0.1])).contains("logarithmic"));
        assert!(!draw(&epochs(&[2.0, 1.5, 1.0])).contains("logarithmic"));
    }

    #[test]
    fn odd_figures_are_drawn_or_left_out() {
        for losses in
            [&[1.0, 1.0][..], &[0.0, 1.0], &[-1.0, f64::NAN, 2.0], &[1e300, -1e300]]
        {
            assert!(draw(&epochs(losses)).lines().count() > 10, "{losses:?}");
        }
        assert_eq!(draw(&epochs(&[1.0])), "");
        assert_eq!(draw(&epochs(&[f64::NAN, f64::INFINITY])), "");
        assert_eq!(draw(&[]), "");
    }
}
