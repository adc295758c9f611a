//! The tree as Markdown with formulas between `$`, as GitHub, Jupyter and pandoc read them.

use crate::explain::formula::Formula;
use crate::explain::tree::{Block, Explanation, Fold, Inline, Line, Table};

pub(super) fn write(e: &Explanation) -> String {
    let mut out = format!("# {}\n", escaped(&e.title));
    for s in &e.sections {
        out.push_str(&format!("\n## {}\n\n", s.part.title()));
        blocks(&s.blocks, 3, &mut out);
    }
    if let Some(f) = &e.fingerprint {
        out.push_str(&format!("\nFingerprint of the graph: `{f}`\n"));
    }
    out
}

fn blocks(all: &[Block], depth: usize, out: &mut String) {
    for b in all {
        match b {
            Block::Words(w) => out.push_str(&format!("{}\n\n", inline(w))),
            Block::Note(w) => out.push_str(&format!("> **Note:** {}\n\n", inline(w))),
            Block::Line(l) => line(l, out),
            Block::Table(t) => table(t, out),
            Block::Fold(f) => fold(f, depth, out),
        }
    }
}

fn fold(f: &Fold, depth: usize, out: &mut String) {
    out.push_str(&format!("{} {}\n\n", "#".repeat(depth.min(6)), inline(&f.title)));
    blocks(&f.blocks, depth + 1, out);
}

/// What a Markdown reader would take for its own signs.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '|' | '$' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn inline(all: &[Inline]) -> String {
    let one = |i: &Inline| match i {
        Inline::Words(t) => escaped(t),
        Inline::Formula(f) => format!("${}$", f.latex()),
    };
    all.iter().map(one).collect()
}

fn line(l: &Line, out: &mut String) {
    let label = l.label.as_ref();
    let tag = label
        .map_or(String::new(), |n| format!(" \\tag{{{}}}", n.trim_matches(['(', ')'])));
    out.push_str(&format!("$$\n{}{tag}\n$$\n\n", aligned(&l.formula)));
    if !l.reason.is_empty() {
        out.push_str(&format!("*{}*\n\n", inline(&l.reason)));
    }
}

/// A line a side where there are several.
fn aligned(f: &Formula) -> String {
    let body = super::latex::sides(f);
    match body.contains('\n') {
        false => body,
        true => format!("\\begin{{aligned}}\n{body}\n\\end{{aligned}}"),
    }
}

fn table(t: &Table, out: &mut String) {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&row(t.head.iter().map(|h| escaped(h)).collect()));
    out.push_str(&row(t.head.iter().map(|_| "---".to_owned()).collect()));
    for r in &t.rows {
        // A bar inside a formula would end the cell.
        let cell =
            |c: &Vec<Inline>| inline(c).replace(" | ", " \\mid ").replace('\n', " ");
        out.push_str(&row(r.iter().map(cell).collect()));
    }
    out.push('\n');
}
