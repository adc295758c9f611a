//! A drawing as SVG: one file, no script, nothing loaded; dark on light, also on paper.

use chainrule_graph::syntax::mathml::escaped;

use super::{Box, Drawing, Kind, Label, Line, Measure};

/// Fonts whose signs all have one width.
const FONT: &str = "DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace";
const SIZE: i32 = 13;
const ROUND: i32 = 6;

/// The picture; made for [`Measure::PIXELS`].
#[must_use]
pub fn svg(d: &Drawing, title: &str) -> String {
    let (w, h) = (d.width, d.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         role=\"img\" font-family=\"{FONT}\" font-size=\"{SIZE}\">\n<title>{}</title>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" \
         markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8z\" fill=\"#5b6472\"/></marker></defs>\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
        escaped(title)
    );
    out.extend(d.lines.iter().map(line));
    out.extend(d.boxes.iter().map(one_box));
    out.extend(d.labels.iter().map(label));
    out.push_str("</svg>\n");
    out
}

/// Fill and border.
fn colors(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Input => ("#e3f0fd", "#2f6fb3"),
        Kind::Target => ("#fdf1dc", "#b3761f"),
        Kind::Free => ("#f0f0f2", "#777d88"),
        Kind::Equation => ("#f8f9fb", "#5b6472"),
        Kind::Output => ("#e6f6ea", "#2a8c4a"),
        Kind::Objective => ("#fbe7e7", "#b23b3b"),
    }
}

/// Level and upright pieces with rounded corners.
fn line(l: &Line) -> String {
    let p = &l.points;
    let mut path = format!("M{} {}", p[0].0, p[0].1);
    for k in 1..p.len() {
        let (x, y) = p[k];
        let Some(&(nx, ny)) = p.get(k + 1) else {
            path.push_str(&format!("L{x} {y}"));
            continue;
        };
        let (bx, by) = p[k - 1];
        let toward = |from: (i32, i32), to: (i32, i32)| {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let r = ROUND.min((dx.abs() + dy.abs()) / 2);
            (from.0 + r * dx.signum(), from.1 + r * dy.signum())
        };
        let (a, b) = (toward((x, y), (bx, by)), toward((x, y), (nx, ny)));
        path.push_str(&format!("L{} {}Q{x} {y} {} {}", a.0, a.1, b.0, b.1));
    }
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"#5b6472\" stroke-width=\"1.3\" marker-end=\"url(#tip)\"/>\n"
    )
}

fn one_box(b: &Box) -> String {
    let (fill, border) = colors(b.kind);
    let (a, m) = (b.area, Measure::PIXELS);
    let mut out = format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{fill}\" stroke=\"{border}\"/>\n",
        a.x, a.y, a.w, a.h
    );
    let rows = 1 + b.lines.len() as i32;
    let top = a.y + (a.h - rows * m.line) / 2;
    let text = |k: i32, words: &str, style: &str| {
        let y = top + k * m.line + m.line - 5;
        format!(
            "<text x=\"{}\" y=\"{y}\" text-anchor=\"middle\" {style}>{}</text>\n",
            a.x + a.w / 2,
            escaped(words)
        )
    };
    out.push_str(&text(0, &b.name, &format!("font-weight=\"bold\" fill=\"{border}\"")));
    for (k, l) in b.lines.iter().enumerate() {
        let fill = if k == 0 { "#1d2129" } else { "#6a7280" };
        out.push_str(&text(k as i32 + 1, l, &format!("fill=\"{fill}\"")));
    }
    out
}

fn label(l: &Label) -> String {
    format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"12\" fill=\"#3b4250\">{}</text>\n",
        l.area.x,
        l.area.y + l.area.h - 5,
        escaped(&l.text)
    )
}
