//! The tree as a Typst document: what `typst compile` reads, and what the format `pdf` is set from.
//!
//! How things look stands once, in `solution.typ`, which every document begins with; below it stand
//! calls of its functions alone. Every formula carries its text, so that a PDF of it can be read aloud.

use chainrule_graph::syntax::print::Style;
use chainrule_graph::syntax::typst::{quoted, typst};

use crate::explain::formula::{Formula, Relation};
use crate::explain::tree::{Block, Explanation, Inline, Line, Table};

/// How a document looks.
pub(crate) const LOOK: &str = include_str!("solution.typ");

pub(super) fn write(e: &Explanation) -> String {
    let title = quoted(&e.title);
    let mut out = format!("{LOOK}\n#show: solution.with(title: {title})\n");
    for s in &e.sections {
        out.push_str(&format!("\n= {}\n", escaped(s.part.title())));
        blocks(&s.blocks, &mut out);
    }
    if let Some(f) = &e.fingerprint {
        out.push_str(&format!("\n#graph[{f}]\n"));
    }
    out
}

fn blocks(all: &[Block], out: &mut String) {
    for b in all {
        let text = match b {
            Block::Words(w) => format!("#par[{}]", inline(w)),
            Block::Note(w) => format!("#note[{}]", inline(w)),
            Block::Line(l) => line(l),
            Block::Table(t) => table(t),
            Block::Fold(f) => {
                let mut inside = String::new();
                blocks(&f.blocks, &mut inside);
                format!("#steps[{}][\n{inside}]", inline(&f.title))
            }
        };
        out.push_str(&text);
        out.push('\n');
    }
}

fn line(l: &Line) -> String {
    let mut out = String::from("#line(\n");
    if let Some(n) = &l.label {
        out.push_str(&format!("  label: [{}],\n", escaped(n)));
    }
    for side in sides(&l.formula) {
        out.push_str(&format!("  {side},\n"));
    }
    if !l.reason.is_empty() {
        out.push_str(&format!("  reason: [{}],\n", inline(&l.reason)));
    }
    out + ")"
}

/// A call of `side` for each; a result is framed.
pub(crate) fn sides(f: &Formula) -> Vec<String> {
    let texts = f.sides(Style::Unicode);
    let first = (String::new(), typst(&f.first));
    let rest = f.rest.iter().map(|(r, e)| (relation(*r).to_owned(), typst(e)));
    let one = |(k, (relation, body)): (usize, (String, String))| {
        let last = f.boxed && k == f.rest.len();
        let framed = if last { ", framed: true" } else { "" };
        let text = quoted(texts[k].trim());
        format!("side({text}, ${relation}$, ${body}${framed})")
    };
    std::iter::once(first).chain(rest).enumerate().map(one).collect()
}

fn relation(r: Relation) -> &'static str {
    r.sign(Style::Unicode)
}

fn inline(all: &[Inline]) -> String {
    let one = |i: &Inline| match i {
        Inline::Words(t) => escaped(t),
        Inline::Formula(f) => formula("f", f),
    };
    all.iter().map(one).collect()
}

/// A call with a formula and its text; the semicolon ends it, whatever sign follows.
fn formula(call: &str, f: &Formula) -> String {
    let rest = f.rest.iter().map(|(r, e)| format!(" {} {}", relation(*r), typst(e)));
    let body: String = std::iter::once(typst(&f.first)).chain(rest).collect();
    format!("#{call}({}, ${body}$);", quoted(&f.text(Style::Unicode)))
}

fn table(t: &Table) -> String {
    let heads: String = t.head.iter().map(|h| format!("[{}], ", escaped(h))).collect();
    let row = |r: &Vec<Vec<Inline>>| {
        let cell = |c: &Vec<Inline>| match &c[..] {
            [Inline::Formula(f)] => format!("[{}], ", formula("cell", f)),
            _ => format!("[{}], ", inline(c)),
        };
        let cells: String = r.iter().map(cell).collect();
        format!("  {}\n", cells.trim_end())
    };
    let all: String = t.rows.iter().map(row).collect();
    format!("#rows(({heads}),\n{all})")
}

/// Words as words: no sign of them is a command, none begins a list.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for (k, c) in text.chars().enumerate() {
        let plain = c.is_ascii_alphabetic() || ",.;!?()".contains(c) || !c.is_ascii();
        match c {
            c if c.is_whitespace() => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            // `1.` at the start of a line would be the number of a list.
            c if c.is_ascii_digit() && k > 0 || plain => out.push(c),
            c => out.extend(['\\', c]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sign_of_a_text_is_read_as_a_command() {
        assert_eq!(escaped("#let x = [1]"), "\\#let x \\= \\[1\\]");
        assert_eq!(escaped("1. a\n- b"), "\\1. a \\- b");
        assert_eq!(escaped("// @a <b> $c$"), "\\/\\/ \\@a \\<b\\> \\$c\\$");
    }
}
