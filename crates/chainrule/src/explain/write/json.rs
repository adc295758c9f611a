//! The tree as JSON: docs/explanation.md has the schema.

use chainrule_graph::syntax::print::Style;
use serde_json::{Value, json};

use crate::explain::formula::Formula;
use crate::explain::tree::{
    Block, Explanation, Fold, Inline, Level, Line, Section, Table,
};

/// Raised when a key changes its meaning or goes.
const VERSION: u32 = 1;

pub(super) fn tree(e: &Explanation) -> Value {
    json!({
        "version": VERSION,
        "title": e.title,
        "fingerprint": e.fingerprint,
        "sections": e.sections.iter().map(section).collect::<Vec<_>>(),
    })
}

fn section(s: &Section) -> Value {
    json!({ "part": s.part.key(), "title": s.part.title(), "blocks": blocks(&s.blocks) })
}

fn blocks(all: &[Block]) -> Vec<Value> {
    all.iter().map(block).collect()
}

fn block(b: &Block) -> Value {
    match b {
        Block::Words(w) => json!({ "kind": "words", "text": inlines(w) }),
        Block::Note(w) => json!({ "kind": "note", "text": inlines(w) }),
        Block::Line(l) => line(l),
        Block::Table(t) => table(t),
        Block::Fold(f) => fold(f),
    }
}

fn line(l: &Line) -> Value {
    json!({
        "kind": "line",
        "label": l.label,
        "formula": formula(&l.formula),
        "reason": inlines(&l.reason),
    })
}

fn table(t: &Table) -> Value {
    let row = |r: &Vec<Vec<Inline>>| r.iter().map(|c| inlines(c)).collect::<Vec<_>>();
    json!({
        "kind": "table",
        "head": t.head,
        "rows": t.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn fold(f: &Fold) -> Value {
    let level = match f.level {
        Level::Brief => "brief",
        Level::Usual => "usual",
        Level::Every => "every",
    };
    json!({
        "kind": "fold",
        "level": level,
        "title": inlines(&f.title),
        "blocks": blocks(&f.blocks),
    })
}

fn inlines(all: &[Inline]) -> Vec<Value> {
    let one = |i: &Inline| match i {
        Inline::Words(t) => json!({ "words": t }),
        Inline::Formula(f) => json!({ "formula": formula(f) }),
    };
    all.iter().map(one).collect()
}

fn formula(f: &Formula) -> Value {
    json!({
        "text": f.text(Style::Unicode),
        "ascii": f.text(Style::Ascii),
        "latex": f.latex(),
        "result": f.boxed,
    })
}
