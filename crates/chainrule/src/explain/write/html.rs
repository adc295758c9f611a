//! The tree as one HTML page: MathML Core, folds as `<details>`, no script, nothing fetched.
//!
//! Readable on a phone (formulas break between their sides, wide ones scroll by themselves), on
//! paper (folds open, black on white) and in the dark. Every formula carries its text (`alttext`) for those
//! who do not see it; headings go down one level at a time.

use chainrule_graph::syntax::mathml::escaped;
use chainrule_graph::syntax::print::Style;

use crate::explain::formula::Formula;
use crate::explain::tree::{Block, Explanation, Fold, Inline, Level, Line, Table};

const CSS: &str = "
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fffffd; --soft: #5c5f66; --line: #d9dade;
  --accent: #0b5c8a; --note: #fff4d6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e7ea; --paper: #17181b; --soft: #a3a7b0; --line: #3a3d44; --accent: #7cc4f0; --note: #3a3013; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 54rem; padding: 1rem 1.2rem 4rem; color: var(--ink);
  background: var(--paper); font: 1.05rem/1.6 Georgia, 'Times New Roman', serif; }
h1 { font-size: 1.5rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .2rem; border-bottom: 1px solid var(--line); }
p { margin: .5rem 0; }
math { font-size: 1.06em; }
.line { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .7rem; margin: .55rem 0; }
.line > .label { color: var(--soft); min-width: 2.2rem; }
.formula { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .35rem; max-width: 100%;
  min-width: 0; flex: 1 1 14rem; }
.formula math { max-width: 100%; overflow-x: auto; overflow-y: hidden; padding: .1rem 0; }
.result { display: flex; max-width: 100%; border: 1.5px solid var(--accent); border-radius: .3rem; padding: .1rem .5rem; }
.reason { color: var(--soft); font-size: .88em; }
.note { background: var(--note); border-left: 4px solid var(--accent); padding: .4rem .8rem; margin: .6rem 0; }
.scroll { overflow-x: auto; margin: .7rem 0; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; vertical-align: middle; }
thead th { color: var(--soft); font-weight: normal; font-size: .88em; border-bottom: 1px solid var(--line); }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid var(--line); }
tbody th { font-weight: normal; }
mtable.cases mtd { text-align: left; }
details { margin: .4rem 0 .6rem; padding-left: .8rem; border-left: 2px solid var(--line); }
summary { cursor: pointer; color: var(--accent); }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85em; }
@media (max-width: 36rem) { body { padding: .6rem .8rem 3rem; font-size: 1rem; }
  .line > .label { min-width: 0; } details { padding-left: .5rem; } }
@media print { :root { --ink: #000; --paper: #fff; --soft: #333; --line: #999; --accent: #000; --note: #fff; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  details::details-content { content-visibility: visible; display: block; block-size: auto; }
  .line, tr, .note { break-inside: avoid; } h2, summary { break-after: avoid; }
  .scroll, .formula math { overflow: visible; } .formula math { font-size: calc(1.06em * var(--fit, 1)); } }
";

pub(super) fn write(e: &Explanation) -> String {
    let title = escaped(&e.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for s in &e.sections {
        let (key, title) = (s.part.key(), s.part.title());
        out.push_str(&format!(
            "<section aria-labelledby=\"{key}\">\n<h2 id=\"{key}\">{title}</h2>\n"
        ));
        blocks(&s.blocks, &mut out);
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n");
    if let Some(f) = &e.fingerprint {
        out.push_str(&format!("<footer>Fingerprint of the graph: {f}</footer>\n"));
    }
    out + "</body>\n</html>\n"
}

fn blocks(all: &[Block], out: &mut String) {
    for b in all {
        match b {
            Block::Words(w) => out.push_str(&format!("<p>{}</p>\n", inline(w))),
            Block::Note(w) => {
                out.push_str(&format!("<p class=\"note\">{}</p>\n", inline(w)));
            }
            Block::Line(l) => line(l, out),
            Block::Table(t) => table(t, out),
            Block::Fold(f) => fold(f, out),
        }
    }
}

/// What everybody reads is open.
fn fold(f: &Fold, out: &mut String) {
    let open = if f.level == Level::Every { "" } else { " open" };
    out.push_str(&format!("<details{open}>\n<summary>{}</summary>\n", inline(&f.title)));
    blocks(&f.blocks, out);
    out.push_str("</details>\n");
}

fn line(l: &Line, out: &mut String) {
    out.push_str("<div class=\"line\">");
    if let Some(n) = &l.label {
        out.push_str(&format!("<span class=\"label\">{}</span>", escaped(n)));
    }
    out.push_str(&formula(&l.formula));
    if !l.reason.is_empty() {
        out.push_str(&format!("<span class=\"reason\">{}</span>", inline(&l.reason)));
    }
    out.push_str("</div>\n");
}

/// A `<math>` a side, so that a narrow screen may break between them, each with its text.
fn formula(f: &Formula) -> String {
    let parts = f.mathml();
    let texts = f.sides(Style::Unicode);
    let last = parts.len() - 1;
    let one = |(k, part): (usize, &String)| {
        let text = escaped(texts[k].trim());
        let fit = fit(texts[k].trim());
        let side =
            format!("<math displaystyle=\"true\"{fit} alttext=\"{text}\">{part}</math>");
        match f.boxed && k == last {
            true => format!("<span class=\"result\">{side}</span>"),
            false => side,
        }
    };
    let all: String = parts.iter().enumerate().map(one).collect();
    format!("<span class=\"formula\">{all}</span>")
}

/// Signs of a side that fit between the margins of a sheet.
const SHEET: usize = 75;

/// How much smaller a long side is on paper, where nothing scrolls; rows of a matrix stand below
/// each other.
fn fit(text: &str) -> String {
    match text.chars().count() {
        n if n > SHEET && !text.contains(';') => {
            format!(" style=\"--fit:{:.2}\"", SHEET as f64 / n as f64)
        }
        _ => String::new(),
    }
}

fn inline(all: &[Inline]) -> String {
    let one = |i: &Inline| match i {
        Inline::Words(t) => escaped(t),
        Inline::Formula(f) => {
            let text = escaped(&f.text(Style::Unicode));
            format!("<math alttext=\"{text}\">{}</math>", f.mathml().concat())
        }
    };
    all.iter().map(one).collect()
}

/// What a head that is a formula alone is called where tables are read aloud cell by cell.
fn named(c: &[Inline]) -> String {
    match c {
        [Inline::Formula(f)] => {
            format!(" aria-label=\"{}\"", escaped(&f.text(Style::Unicode)))
        }
        _ => String::new(),
    }
}

/// The first cell of a row is its head.
fn table(t: &Table, out: &mut String) {
    out.push_str("<div class=\"scroll\" tabindex=\"0\"><table>\n");
    if t.head.iter().any(|h| !h.is_empty()) {
        let head = |h: &String| match h.is_empty() {
            true => "<td></td>".to_owned(),
            false => format!("<th scope=\"col\">{}</th>", escaped(h)),
        };
        let all: String = t.head.iter().map(head).collect();
        out.push_str(&format!("<thead><tr>{all}</tr></thead>\n"));
    }
    out.push_str("<tbody>\n");
    for r in &t.rows {
        let cell = |(k, c): (usize, &Vec<Inline>)| match k {
            0 => format!("<th scope=\"row\"{}>{}</th>", named(c), inline(c)),
            _ => format!("<td>{}</td>", inline(c)),
        };
        let all: String = r.iter().enumerate().map(cell).collect();
        out.push_str(&format!("<tr>{all}</tr>\n"));
    }
    out.push_str("</tbody>\n</table></div>\n");
}
