//! The lines of somebody's answers: `Q = value or formula (2 points)` → parts with their places.
//!
//! In: the text of the answers. Out: one [`Entry`] a line that says something, or why the line is
//! none. A chain `h = relu(2) = 2` has two sides. Deliberately absent: what the parts mean.

use chainrule_graph::diag::{Code, Diagnostic, Span};

/// A part of a line and its first byte in the text of the answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub text: String,
    pub at: usize,
}

impl Piece {
    /// The whole part as a place.
    pub(super) fn span(&self) -> Span {
        Span::new(self.at, self.at + self.text.len())
    }
}

/// A line of the answers.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// From 1.
    pub line: usize,
    /// As written, without comment and points.
    pub text: String,
    /// What it is worth.
    pub points: f64,
    /// Left side, then the sides to its right.
    pub parts: Result<(Piece, Vec<Piece>), Diagnostic>,
}

/// The lines that say something.
pub(super) fn read(answers: &str) -> Vec<Entry> {
    let text = answers.strip_prefix('\u{feff}').unwrap_or(answers);
    let mut at = answers.len() - text.len();
    let mut out = Vec::new();
    for (i, whole) in text.split('\n').enumerate() {
        let said = whole.split('#').next().unwrap_or("");
        if !said.trim().is_empty() {
            out.push(entry(said, at, i + 1));
        }
        at += whole.len() + 1;
    }
    out
}

fn entry(said: &str, at: usize, line: usize) -> Entry {
    let (said, points) = worth(said);
    let text = said.trim().to_owned();
    let mut cuts = equal_signs(said);
    let parts = match cuts.first() {
        Some(_) => {
            cuts.push((said.len(), said.len()));
            let mut from = 0;
            let mut pieces = cuts.iter().map(|&(start, end)| {
                let part = piece(said, from, start, at);
                from = end;
                part
            });
            let left = pieces.next();
            let right: Vec<Piece> = pieces.collect();
            left.filter(|l| {
                !l.text.is_empty() && right.iter().all(|p| !p.text.is_empty())
            })
            .map(|l| (l, right))
            .ok_or_else(|| no_entry(said, at))
        }
        None => Err(no_entry(said, at)),
    };
    Entry { line, text, points, parts }
}

fn no_entry(said: &str, at: usize) -> Diagnostic {
    let start = at + said.len() - said.trim_start().len();
    let span = Span::new(start, start + said.trim().len());
    let text = "expected `question = value or formula`";
    Diagnostic::error(Code::P1, span, text).hint(
        "such as z1 = [0.5; -1], dL/dW2 = (ŷ − y) a1ᵀ, or W2[1,2]' = 0.65 (2 points)",
    )
}

fn piece(said: &str, from: usize, to: usize, at: usize) -> Piece {
    let raw = &said[from..to];
    let start = from + raw.len() - raw.trim_start().len();
    Piece { text: raw.trim().to_owned(), at: at + start }
}

/// Takes `(2 points)` off the end; a line without it is worth one.
fn worth(said: &str) -> (&str, f64) {
    let trimmed = said.trim_end();
    let found = trimmed.strip_suffix(')').and_then(|body| {
        let open = body.rfind('(')?;
        let inside = body[open + 1..].trim();
        let number = inside.strip_suffix("points").or(inside.strip_suffix("point"))?;
        let points: f64 = number.trim().parse().ok()?;
        (points.is_finite() && points >= 0.0).then_some((&said[..open], points))
    });
    found.unwrap_or((said, 1.0))
}

/// Where `=`, `:=` or `≈` stands outside brackets; what follows an `if` is a condition.
fn equal_signs(said: &str) -> Vec<(usize, usize)> {
    let (mut depth, mut out) = (0_i32, Vec::new());
    let mut chars = said.char_indices().peekable();
    let mut before = ' ';
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |p| p.1);
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            'i' if before == ' ' && said[i..].starts_with("if ") => break,
            '≈' if depth == 0 => out.push((i, i + c.len_utf8())),
            '=' if depth == 0 && next != '=' && !"=<>!".contains(before) => {
                let start = if before == ':' { i - 1 } else { i };
                out.push((start, i + 1));
            }
            _ => {}
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(line: &str) -> Vec<String> {
        let entry = read(line).remove(0);
        let (left, right) = entry.parts.expect("an entry");
        std::iter::once(left).chain(right).map(|p| p.text).collect()
    }

    #[test]
    fn a_line_has_a_left_side_and_one_or_more_right_ones() {
        assert_eq!(sides("z1 = [1 2]  # by hand"), ["z1", "[1 2]"]);
        assert_eq!(sides("h ≈ relu(2.0) = 2"), ["h", "relu(2.0)", "2"]);
        assert_eq!(sides("w := 3"), ["w", "3"]);
        assert_eq!(sides("d = 1 if i = k else 0"), ["d", "1 if i = k else 0"]);
        assert_eq!(sides("a = relu(z, α = 2)"), ["a", "relu(z, α = 2)"]);
    }

    #[test]
    fn points_stand_at_the_end_in_brackets() {
        let all = read("a = 1 (2 points)\n\nb = f(2)\nc = 3 (1.5 point)");
        let points: Vec<f64> = all.iter().map(|e| e.points).collect();
        assert_eq!(points, [2.0, 1.0, 1.5]);
        assert_eq!(all[2].line, 4);
        assert_eq!(all[0].text, "a = 1");
    }

    #[test]
    fn what_is_no_answer_says_where() {
        let bad = read("a = 1\n  what is this\nb =\n= 2");
        let d = bad[1].parts.clone().expect_err("no answer");
        assert_eq!(d.span, Span::new(8, 20));
        assert!(bad[2].parts.is_err() && bad[3].parts.is_err());
    }
}
