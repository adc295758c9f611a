//! One line of a file, with marks below pieces of it and words beside the marks.
//!
//! ```text
//!   z2 = W2 x + b2
//!        ^^ ^   W2 is K×Da   (line 8: W2 : K×Da)
//!               x  is Dx×1   (line 6)
//! ```
//! In: the line and marked ranges of its bytes. Out: rows of text. Marks are as wide as the text
//! that they stand under on a screen (ŷ may be two characters and is one column wide).

use unicode_width::UnicodeWidthChar;

use super::{style, visible, width};

/// Lines of more columns are shown in part, round the first mark.
const WIDEST: usize = 110;
/// What is shown of such a line before its first mark.
const BEFORE: usize = 30;

/// A marked piece of the line, in bytes, and what is said about it.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub start: usize,
    pub end: usize,
    pub words: Option<String>,
}

/// The piece of a line that is shown, and where it begins.
struct Window {
    text: String,
    /// First byte of the line that is shown.
    from: usize,
    /// Columns before it ("…").
    lead: usize,
}

/// The line, the marks, the words; each row is indented by two.
pub(super) fn draw(line: &str, marks: &[Mark], color: anstyle::Style) -> String {
    let mut marks = marks.to_vec();
    marks.sort_by_key(|m| (m.start, m.end));
    let window = window(line, marks.first().map_or(0, |m| m.start));
    let mut out = format!("  {}\n", window.text);
    let (row, end) = mark_row(line, &marks, &window);
    out.push_str(&format!("  {color}{row}{color:#}"));
    let words: Vec<&str> = marks.iter().filter_map(|m| m.words.as_deref()).collect();
    for (i, words) in aligned(&words).iter().enumerate() {
        match i {
            0 => out.push_str("   "),
            _ => out.push_str(&" ".repeat(end + 5)),
        }
        out.push_str(words);
        out.push('\n');
    }
    if words.is_empty() {
        out.push('\n');
    }
    out
}

fn window(line: &str, first: usize) -> Window {
    let indent = line.len() - line.trim_start().len();
    let trimmed = line.trim();
    if width(trimmed) <= WIDEST {
        let text = trimmed.chars().map(visible).collect();
        return Window { text, from: indent, lead: 0 };
    }
    let before = line.get(..first).unwrap_or("").char_indices().rev();
    let from = before.take(BEFORE).last().map_or(first, |(at, _)| at).max(indent);
    let tail = line.get(from..).unwrap_or("").trim_end();
    let shown: String = tail.chars().map(visible).take(WIDEST).collect();
    let after = if shown.chars().count() < tail.chars().count() { "…" } else { "" };
    let (mark, lead) = if from > indent { ("…", 1) } else { ("", 0) };
    Window { text: format!("{mark}{shown}{after}"), from, lead }
}

/// `     ^^ ^` and its width.
fn mark_row(line: &str, marks: &[Mark], window: &Window) -> (String, usize) {
    let mut row = " ".repeat(window.lead);
    let limit = width(&window.text);
    let last = marks.iter().map(|m| m.end.max(m.start + 1)).max().unwrap_or(0);
    let shown = line.char_indices().skip_while(|(at, _)| *at < window.from);
    let beyond = (line.len()..last.max(line.len())).map(|at| (at, ' '));
    for (at, c) in shown.chain(beyond) {
        let hit = marks.iter().any(|m| m.start <= at && at < m.end.max(m.start + 1));
        let columns = visible(c).width().unwrap_or(0);
        if row.len() + columns > limit.max(1) + usize::from(at >= line.len()) {
            break;
        }
        row.push_str(&if hit { "^" } else { " " }.repeat(columns));
    }
    row.truncate(row.trim_end().len());
    if row.is_empty() {
        row.push('^');
    }
    let end = row.len();
    (row, end)
}

/// Words of the form "W2 is K×Da (line 8)" stand below each other part by part.
fn aligned(words: &[&str]) -> Vec<String> {
    let parts: Option<Vec<[&str; 3]>> = words.iter().map(|w| parts(w)).collect();
    let dim = style::DIM;
    let Some(parts) = parts.filter(|p| p.iter().any(|[_, _, from]| !from.is_empty()))
    else {
        return words.iter().map(|w| (*w).to_owned()).collect();
    };
    let widest = |k: usize| parts.iter().map(|p| width(p[k])).max().unwrap_or(0);
    let (name, shape) = (widest(0), widest(1));
    let row = |[a, b, from]: &[&str; 3]| {
        let a = crate::table::pad(a, name);
        let text = format!("{a} is {}", crate::table::pad(b, shape));
        match from.is_empty() {
            true => text.trim_end().to_owned(),
            false => format!("{text}   {dim}{from}{dim:#}"),
        }
    };
    parts.iter().map(row).collect()
}

/// "W2", "K×Da", "(line 8: W2 : K×Da)".
fn parts(words: &str) -> Option<[&str; 3]> {
    let (name, rest) = words.split_once(" is ")?;
    match rest.split_once(" (line ") {
        Some((shape, _)) => Some([name, shape, &rest[shape.len() + 1..]]),
        None if rest.contains('×') => Some([name, rest, ""]),
        None => None,
    }
}
