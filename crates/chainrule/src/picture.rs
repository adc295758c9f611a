//! What pictures of figures have in common: colours, lines, panels one above the other.
//!
//! In: points with names. Out: the text of an SVG file, equal for equal figures. Invariant: what is not
//! finite is left out. Deliberately absent: what is drawn, screens.

use std::sync::Arc;

use kuva::prelude::{Figure, Layout, LinePlot, Plot, ScatterPlot};
use kuva::render::layout::TickFormat;

/// Okabe and Ito (2008), told apart by colour-blind readers too; then again, dashed.
pub(crate) const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

const CLIP: &str = "kuva-clip-";

/// Places and figures, from left to right.
pub(crate) type Points = Vec<(f64, f64)>;

/// Something drawn over a pair of axes.
pub(crate) type Panel = (Vec<Plot>, Layout);

/// Lines over a pair of axes.
pub(crate) struct Lines {
    pub(crate) plots: Vec<Plot>,
    /// Whether the axis of figures is logarithmic, as it is where all are above 0.
    pub(crate) log: bool,
}

impl Lines {
    /// Lines with their names; each has its own colour, whatever of the others can be drawn.
    pub(crate) fn new(named: impl IntoIterator<Item = (String, Points)>) -> Self {
        let (mut plots, mut log) = (Vec::new(), true);
        for (i, (name, points)) in named.into_iter().enumerate() {
            let points: Points = points.into_iter().filter(|p| p.1.is_finite()).collect();
            if points.is_empty() {
                continue;
            }
            log &= points.iter().all(|p| p.1 > 0.0);
            let colour = COLOURS[i % COLOURS.len()];
            let line = LinePlot::new().with_data(points).with_color(colour);
            let line = line.with_stroke_width(2.0).with_legend(name);
            let again = i >= COLOURS.len();
            plots.push(if again { line.with_dashed().into() } else { line.into() });
        }
        Self { plots, log }
    }

    /// The lines over their axes.
    pub(crate) fn panel(self, x: &str, y: &str) -> Panel {
        let layout = Layout::auto_from_plots(&self.plots).with_x_label(x).with_y_label(y);
        (self.plots, if self.log { layout.with_log_y() } else { layout })
    }
}

/// Lines over a logarithmic axis of any depth (kuva's own ends at 1e-10); a figure of exactly 0 is
/// marked a decade below the least of the others. `None` where no figure is above 0.
pub(crate) fn decades(named: &[(String, Points)], x: &str, y: &str) -> Option<Panel> {
    let all = || named.iter().flat_map(|(_, points)| points).filter(|p| p.1.is_finite());
    let above = || all().map(|p| p.1).filter(|v| *v > 0.0);
    let (least, most) = (above().reduce(f64::min)?, above().reduce(f64::max)?);
    let below = libm::log10(least) - 1.0;
    let none: Points = all().filter(|p| p.1 == 0.0).map(|p| (p.0, below)).collect();
    let log = |(name, points): &(String, Points)| {
        let points = points.iter().filter(|p| p.1 > 0.0);
        (name.clone(), points.map(|p| (p.0, libm::log10(p.1))).collect())
    };
    let mut plots = Lines::new(named.iter().map(log)).plots;
    let low = libm::floor(if none.is_empty() { below + 1.0 } else { below });
    let high = libm::ceil(libm::log10(most)).max(low + 1.0);
    if !none.is_empty() {
        let dots = ScatterPlot::new().with_data(none).with_color(COLOURS[6]);
        plots.push(dots.with_size(5.0).with_legend("exactly 0").into());
    }
    let layout = Layout::auto_from_plots(&plots).with_x_label(x).with_y_label(y);
    let layout = layout.with_y_axis_min(low).with_y_axis_max(high);
    let step = libm::ceil((high - low) / 8.0);
    let tick = TickFormat::Custom(Arc::new(|v: f64| format!("1e{}", v.round())));
    Some((plots, layout.with_y_tick_step(step).with_y_tick_format(tick)))
}

/// Panels one above the other, each of this size, with one legend below.
pub(crate) fn stacked(panels: Vec<Panel>, (width, height): (f64, f64)) -> String {
    let n = panels.len();
    let (plots, layouts): (Vec<Vec<Plot>>, Vec<Layout>) = panels.into_iter().unzip();
    let figure = Figure::new(n, 1).with_plots(plots).with_layouts(layouts);
    svg(figure.with_cell_size(width, height).with_shared_legend_bottom())
}

/// The text of a figure.
pub(crate) fn svg(figure: Figure) -> String {
    renumbered(&kuva::backend::svg::SvgBackend.render_scene(&figure.render()))
}

/// kuva counts its clip paths over the whole life of the process; here they start from 0, so that
/// the same figures give the same file.
fn renumbered(svg: &str) -> String {
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
