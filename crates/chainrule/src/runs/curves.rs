//! The curves of a run as SVG: loss over epochs, training and held out, and the metric below it.
//!
//! In: epochs. Out: text of an SVG file, equal for equal epochs. Figures that are not finite are
//! left out. Deliberately absent: screens; the terminal's curve is the face's.

use kuva::prelude::{Figure, Layout, LinePlot, Plot};

use crate::train::Epoch;

/// Blue and vermilion of Okabe and Ito (2008): told apart by colour-blind readers too.
const COLOURS: [&str; 2] = ["#0072b2", "#d55e00"];

const CLIP: &str = "kuva-clip-";

/// The curves of `epochs`; `metric` names the lower figure, if there is one.
#[must_use]
pub fn curves(epochs: &[Epoch], metric: Option<&str>) -> String {
    let loss = lines(epochs, |e| Some(e.loss), |e| e.held_loss);
    let scored = lines(epochs, |e| e.metric, |e| e.held_metric);
    let mut panels = vec![(loss, "loss")];
    panels.extend(metric.filter(|_| !scored.is_empty()).map(|name| (scored, name)));
    let (plots, layouts): (Vec<Vec<Plot>>, Vec<Layout>) =
        panels.into_iter().map(|(plots, name)| panel(plots, name)).unzip();
    let figure = Figure::new(plots.len(), 1).with_plots(plots).with_layouts(layouts);
    let figure = figure.with_cell_size(640.0, 300.0).with_shared_legend_bottom();
    let svg = kuva::backend::svg::SvgBackend.render_scene(&figure.render());
    renumbered(&svg)
}

/// kuva counts its clip paths over the whole life of the process; here they start from 0, so that
/// the same run gives the same file.
pub(crate) fn renumbered(svg: &str) -> String {
    let mut parts = svg.split(CLIP);
    let mut out = parts.next().unwrap_or("").to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (id, rest) = part.split_at(digits);
        let place = seen.iter().position(|s| *s == id).unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        out.push_str(&format!("{CLIP}{place}{rest}"));
    }
    out
}

fn panel(plots: Vec<Plot>, name: &str) -> (Vec<Plot>, Layout) {
    let layout = Layout::auto_from_plots(&plots).with_x_label("epoch").with_y_label(name);
    (plots, layout)
}

fn lines(
    epochs: &[Epoch],
    train: impl Fn(&Epoch) -> Option<f64>,
    held_out: impl Fn(&Epoch) -> Option<f64>,
) -> Vec<Plot> {
    let points = |f: &dyn Fn(&Epoch) -> Option<f64>| -> Vec<(f64, f64)> {
        let all = epochs.iter().filter_map(|e| Some((e.epoch as f64, f(e)?)));
        all.filter(|(_, y)| y.is_finite()).collect()
    };
    let both = [
        (points(&train), "training (running mean)", COLOURS[0]),
        (points(&held_out), "held out", COLOURS[1]),
    ];
    let drawn = both.into_iter().filter(|(points, ..)| !points.is_empty());
    let line = |(points, name, colour): (Vec<(f64, f64)>, &str, &str)| {
        let line = LinePlot::new().with_data(points).with_color(colour);
        line.with_stroke_width(2.0).with_legend(name).into()
    };
    drawn.map(line).collect()
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
