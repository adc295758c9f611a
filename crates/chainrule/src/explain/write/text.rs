//! The tree as text for a terminal, Unicode or ASCII.
//!
//! Invariant: no line of words is wider than asked for; a formula breaks before a relation or a `+`, and
//! only what has no such place stands out. Columns of a table are as wide as what stands in them.

use chainrule_graph::syntax::print::Style;

use super::Look;
use super::ascii::plain;
use crate::explain::formula::Formula;
use crate::explain::tree::{Block, Explanation, Fold, Inline, Line, Table};

pub(super) fn write(e: &Explanation, look: &Look) -> String {
    let w = Text { look };
    let [on, off] = look.strong;
    let mut out = format!("{on}{}{off}\n", w.plain(&e.title));
    for s in &e.sections {
        out.push_str(&format!("\n{on}{}{off}\n", s.part.title()));
        for b in &s.blocks {
            w.block(b, 2, &mut out);
        }
    }
    if let Some(f) = &e.fingerprint {
        out.push_str(&format!("\n{on}fingerprint{off}  {f}\n"));
    }
    out
}

/// Columns of a screen; combining marks take none.
fn width(text: &str) -> usize {
    text.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).count()
}

struct Text<'a> {
    look: &'a Look,
}

impl Text<'_> {
    fn plain(&self, text: &str) -> String {
        match self.look.style {
            Style::Unicode => text.to_owned(),
            Style::Ascii => plain(text),
        }
    }

    fn inline(&self, all: &[Inline]) -> String {
        let one = |i: &Inline| match i {
            Inline::Words(t) => self.plain(t),
            Inline::Formula(f) => f.text(self.look.style),
        };
        all.iter().map(one).collect()
    }

    fn block(&self, b: &Block, indent: usize, out: &mut String) {
        match b {
            Block::Words(all) => self.paragraph(&self.inline(all), indent, indent, out),
            Block::Note(all) => {
                let text = format!("! {}", self.inline(all));
                self.paragraph(&text, indent, indent + 2, out);
            }
            Block::Line(l) => self.line(l, indent, out),
            Block::Table(t) => self.table(t, indent, out),
            Block::Fold(f) => self.fold(f, indent, out),
        }
    }

    fn fold(&self, f: &Fold, indent: usize, out: &mut String) {
        let [on, off] = self.look.dim;
        let title = self.inline(&f.title);
        let mut text = String::new();
        self.paragraph(&title, indent + 2, indent + 2, &mut text);
        out.push_str(&format!("{on}{}{off}\n", text.trim_end_matches('\n')));
        for b in &f.blocks {
            self.block(b, indent + 4, out);
        }
    }

    /// Words, broken at blanks.
    fn paragraph(&self, text: &str, first: usize, rest: usize, out: &mut String) {
        let mut line = " ".repeat(first);
        let mut empty = true;
        for word in text.split(' ').filter(|w| !w.is_empty()) {
            if !empty && width(&line) + 1 + width(word) > self.look.width {
                out.push_str(&line);
                out.push('\n');
                line = " ".repeat(rest);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        out.push_str(&line);
        out.push('\n');
    }

    /// A formula with its number before it and its reason behind or below it.
    fn line(&self, l: &Line, indent: usize, out: &mut String) {
        let label = l.label.as_ref().map_or(String::new(), |n| format!("{n:<4} "));
        let start = indent + width(&label);
        let lines = self.formula(&l.formula, start);
        let mut text = format!("{}{label}{}", " ".repeat(indent), lines[0]);
        for more in &lines[1..] {
            text.push_str(&format!("\n{}{more}", " ".repeat(start)));
        }
        let reason = self.inline(&l.reason);
        let last = text.rsplit('\n').next().map_or(0, width);
        let [on, off] = self.look.dim;
        if reason.is_empty() {
            out.push_str(&format!("{text}\n"));
        } else if lines.len() == 1 && last + 5 + width(&reason) <= self.look.width {
            out.push_str(&format!("{text}   {on}[{reason}]{off}\n"));
        } else {
            let mut below = String::new();
            self.paragraph(&format!("[{reason}]"), start + 2, start + 3, &mut below);
            out.push_str(&format!("{text}\n{on}{}{off}\n", below.trim_end_matches('\n')));
        }
    }

    /// One line if it fits, else a line a side, else broken at its sums.
    fn formula(&self, f: &Formula, start: usize) -> Vec<String> {
        let room = self.look.width.saturating_sub(start);
        let whole = f.text(self.look.style);
        if width(&whole) <= room {
            return vec![whole];
        }
        let sides = f.sides(self.look.style);
        let align = width(&sides[0]);
        let mut out = Vec::new();
        let mut line = sides[0].clone();
        for (k, side) in sides[1..].iter().enumerate() {
            if k > 0 {
                out.push(std::mem::replace(&mut line, " ".repeat(align.min(room / 3))));
            }
            line.push_str(side);
        }
        out.push(line);
        out.into_iter().flat_map(|l| broken(&l, room, align.min(room / 3) + 3)).collect()
    }

    fn table(&self, t: &Table, indent: usize, out: &mut String) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        if t.head.iter().any(|h| !h.is_empty()) {
            rows.push(t.head.iter().map(|h| self.plain(h)).collect());
        }
        let [on, off] = self.look.dim;
        let head = !rows.is_empty();
        rows.extend(t.rows.iter().map(|r| r.iter().map(|c| self.inline(c)).collect()));
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let wide =
            |k: usize| rows.iter().filter_map(|r| r.get(k)).map(|c| width(c)).max();
        let widths: Vec<usize> = (0..columns).map(|k| wide(k).unwrap_or(0)).collect();
        let total: usize = widths.iter().map(|w| w + 2).sum::<usize>() + indent;
        if total > self.look.width + 2 && columns > 2 {
            return self.stacked(&rows, head, indent, out);
        }
        for (i, row) in rows.iter().enumerate() {
            let mut line = " ".repeat(indent);
            for (k, cell) in row.iter().enumerate() {
                line.push_str(cell);
                line.push_str(&" ".repeat(widths[k] - width(cell) + 2));
            }
            let line = line.trim_end();
            match head && i == 0 {
                true => out.push_str(&format!("{on}{line}{off}\n")),
                false => out.push_str(&format!("{line}\n")),
            }
        }
    }

    /// A table that is too wide: a row's cells below each other, each behind its column's head.
    fn stacked(&self, rows: &[Vec<String>], head: bool, indent: usize, out: &mut String) {
        let names: &[String] = if head { &rows[0] } else { &[] };
        let wide = names.iter().skip(1).map(|n| width(n)).max().unwrap_or(0);
        for row in &rows[usize::from(head)..] {
            out.push_str(&format!("{}{}\n", " ".repeat(indent), row[0]));
            for (k, cell) in row.iter().enumerate().skip(1).filter(|(_, c)| !c.is_empty())
            {
                let name = names.get(k).map_or("", String::as_str);
                let start = indent + 4 + wide;
                let pad = " ".repeat(wide - width(name));
                let lines = broken(cell, self.look.width.saturating_sub(start), 2);
                out.push_str(&format!(
                    "{}{name}{pad}  {}\n",
                    " ".repeat(indent + 2),
                    lines[0]
                ));
                for l in &lines[1..] {
                    out.push_str(&format!("{}{l}\n", " ".repeat(start)));
                }
            }
        }
    }
}

/// Broken before a `+` or `−` between blanks, or a `;` of a matrix.
fn broken(line: &str, room: usize, indent: usize) -> Vec<String> {
    if width(line) <= room {
        return vec![line.to_owned()];
    }
    let mut out: Vec<String> = Vec::new();
    let mut now = String::new();
    for piece in pieces(line) {
        if width(&now) + width(piece.trim_end()) > room && !now.trim().is_empty() {
            out.push(now.trim_end().to_owned());
            now = " ".repeat(indent);
            now.push_str(piece.trim_start());
        } else {
            now.push_str(piece);
        }
    }
    out.push(now.trim_end().to_owned());
    out
}

/// A line cut before each sign of a sum and after each row of a matrix.
fn pieces(line: &str) -> Vec<&str> {
    let mut cuts = vec![0];
    for (sign, after) in [(" + ", 1), (" − ", 1), (" - ", 1), ("; ", 2), (" ⊙ ", 1)] {
        cuts.extend(line.match_indices(sign).map(|(i, _)| i + after));
    }
    cuts.push(line.len());
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|w| &line[w[0]..w[1]]).collect()
}
