//! Lines over a common axis, drawn with braille dots for a terminal.
//!
//! In: lines of points. Out: text of a fixed size, each line with a colour and, if it has one, a letter
//! at its end, so that lines differ without colours too. The axis is logarithmic where the figures
//! span more than a decade, or where that is asked for and all are above 0. What is not finite is
//! left out.

use anstyle::{AnsiColor, Style};

use crate::numbers::Digits;
use crate::report::style;
use crate::table::pad;

/// Characters across; each holds two dots.
const COLUMNS: usize = 60;
/// Characters down; each holds four dots.
const ROWS: usize = 12;
/// Characters of a figure beside the axis: `0.0000276`.
const LABEL: usize = 9;
/// Room for letters behind the last dots.
const MARGIN: usize = 8;

/// Told apart on dark and on light.
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Blue,
    AnsiColor::Red,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
    AnsiColor::Yellow,
];

/// Points from left to right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Places and figures.
    pub points: Vec<(f64, f64)>,
    /// Every how many dots one is drawn: 1 is solid.
    pub every: usize,
    /// The letter at its end, and its colour with it.
    pub mark: Option<char>,
}

/// The words round a picture.
pub(crate) struct Words<'a> {
    /// What the figures are.
    pub figure: &'a str,
    /// What is said behind it.
    pub legend: &'a str,
    /// What is counted from left to right.
    pub places: &'a str,
    /// Whether the axis is to be logarithmic for less than a decade too.
    pub log: bool,
}

/// The picture; nothing where there are not two places and two figures.
pub(crate) fn draw(lines: &[Line], words: &Words<'_>) -> String {
    let all = || lines.iter().flat_map(|l| l.points.iter().copied());
    let figures = || all().map(|(_, y)| y).filter(|y| y.is_finite());
    let span = Span::of(all().map(|(x, _)| x));
    if figures().count() < 2 || span.low >= span.high {
        return String::new();
    }
    let axis = Axis::of(figures(), words.log);
    let mut grid = Grid::default();
    for line in lines {
        grid.line(line, &axis, &span);
    }
    for line in lines {
        grid.letter(line, &axis, &span);
    }
    text(&grid, &axis, &span, words)
}

/// From places to columns of dots.
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        Self { low, high: values.fold(f64::NEG_INFINITY, f64::max) }
    }

    /// The place of a column of dots.
    fn at(&self, column: usize) -> f64 {
        let part = column as f64 / (2 * COLUMNS - 1) as f64;
        self.low + (self.high - self.low) * part
    }

    /// The column of dots of a place.
    fn column(&self, x: f64) -> usize {
        let part = (x - self.low) / (self.high - self.low);
        (part * (2 * COLUMNS - 1) as f64).round() as usize
    }
}

/// From figures to dots.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone, log: bool) -> Self {
        let Span { low, high } = Span::of(values);
        Self { low, high, log: low > 0.0 && (log || high > 10.0 * low) }
    }

    /// 0 at the bottom, 1 at the top. The logarithm is only drawn: its last bits do not matter.
    fn place(&self, v: f64) -> f64 {
        let (low, high, v) = match self.log {
            true => (self.low.ln(), self.high.ln(), v.ln()),
            false => (self.low, self.high, v),
        };
        if high > low { (v - low) / (high - low) } else { 0.5 }
    }

    /// The figure at a height.
    fn at(&self, height: f64) -> f64 {
        match self.log {
            true => self.low * (self.high / self.low).powf(height),
            false => self.low + (self.high - self.low) * height,
        }
    }

    /// The row of dots of a figure, from the bottom.
    fn row(&self, v: f64) -> usize {
        (self.place(v).clamp(0.0, 1.0) * (4 * ROWS - 1) as f64).round() as usize
    }
}

/// Eight dots as bits, and whose they are; or a letter.
#[derive(Clone, Copy, Default)]
struct Cell {
    bits: u8,
    letter: Option<char>,
    colour: Option<AnsiColor>,
}

struct Grid {
    cells: [[Cell; COLUMNS + MARGIN]; ROWS],
}

impl Default for Grid {
    fn default() -> Self {
        Self { cells: [[Cell::default(); COLUMNS + MARGIN]; ROWS] }
    }
}

impl Grid {
    /// Marks every `every`-th dot of a line; steep parts are filled up if it is solid.
    fn line(&mut self, line: &Line, axis: &Axis, span: &Span) {
        let mut before = None;
        for column in (0..2 * COLUMNS).step_by(line.every.max(1)) {
            let Some(v) = between(&line.points, span.at(column), axis) else {
                before = None;
                continue;
            };
            let y = axis.row(v);
            let from = if line.every == 1 { before.unwrap_or(y) } else { y };
            for y in from.min(y)..=from.max(y) {
                self.dot(column, y, line.mark.map(colour));
            }
            before = Some(y);
        }
    }

    /// `y` counts from the bottom.
    fn dot(&mut self, x: usize, y: usize, colour: Option<AnsiColor>) {
        const BITS: [[u8; 2]; 4] =
            [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        let down = 4 * ROWS - 1 - y;
        let cell = &mut self.cells[down / 4][x / 2];
        cell.bits |= BITS[down % 4][x % 2];
        cell.colour = colour;
    }

    /// Writes the letter behind the last finite point, further right where another stands.
    fn letter(&mut self, line: &Line, axis: &Axis, span: &Span) {
        let last = line.points.iter().rfind(|(_, y)| y.is_finite());
        let (Some(&(x, y)), Some(mark)) = (last, line.mark) else { return };
        let row = &mut self.cells[(4 * ROWS - 1 - axis.row(y)) / 4];
        let from = span.column(x) / 2 + 1;
        if let Some(cell) = row[from..].iter_mut().find(|c| c.letter.is_none()) {
            *cell = Cell { letter: Some(mark), colour: Some(colour(mark)), bits: 0 };
        }
    }
}

/// The colour of a letter.
fn colour(mark: char) -> AnsiColor {
    COLOURS[mark as usize % COLOURS.len()]
}

/// The figure at a place, on the straight line that is drawn between two points.
fn between(points: &[(f64, f64)], x: f64, axis: &Axis) -> Option<f64> {
    let next = points.iter().position(|(at, _)| *at >= x)?;
    let (x1, y1) = points[next];
    let (x0, y0) = points[next.saturating_sub(1)];
    if next == 0 && x1 > x {
        return None;
    }
    let part = if x1 > x0 { (x - x0) / (x1 - x0) } else { 1.0 };
    let height = axis.place(y0) + (axis.place(y1) - axis.place(y0)) * part;
    height.is_finite().then(|| axis.at(height))
}

fn text(grid: &Grid, axis: &Axis, span: &Span, words: &Words<'_>) -> String {
    let digits = Digits { digits: 3, ascii: false };
    let dim = style::DIM;
    let scale = if axis.log { ", logarithmic" } else { "" };
    let (figure, legend) = (words.figure, words.legend);
    let mut out = format!("{:LABEL$}  {dim}{figure}{scale}{legend}{dim:#}\n", "");
    for (i, row) in grid.cells.iter().enumerate() {
        let label = match i {
            0 | 6 | 11 => digits.number(axis.at(1.0 - i as f64 / (ROWS - 1) as f64)),
            _ => String::new(),
        };
        let used = row.iter().rposition(|c| c.bits != 0 || c.letter.is_some());
        let signs: String = row[..used.map_or(0, |n| n + 1)].iter().map(sign).collect();
        out.push_str(&format!("{} ┤{signs}\n", pad(&label, LABEL)));
    }
    let (first, end) = (span.low.to_string(), span.high.to_string());
    out.push_str(&format!("{:LABEL$} └{}\n", "", "─".repeat(COLUMNS)));
    let gap = " ".repeat(COLUMNS.saturating_sub(first.len() + end.len()));
    let places = words.places;
    out + &format!("{:LABEL$}  {dim}{first}{gap}{end} {places}{dim:#}\n", "")
}

fn sign(cell: &Cell) -> String {
    let sign = match (cell.letter, cell.bits) {
        (Some(letter), _) => letter,
        (None, 0) => return " ".to_owned(),
        (None, bits) => char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '),
    };
    match cell.colour {
        Some(colour) => {
            let style = Style::new().fg_color(Some(colour.into()));
            format!("{style}{sign}{style:#}")
        }
        None => sign.to_string(),
    }
}

/// Single points, over one number.
pub(crate) struct Points<'a> {
    /// Values and figures, in any order.
    pub all: &'a [(f64, f64)],
    /// What the value is.
    pub name: &'a str,
    /// Whether values lie on a logarithmic axis.
    pub log: bool,
    /// A range to be marked below.
    pub good: Option<(f64, f64)>,
}

/// The picture; nothing where there are not two values. What is not finite is a cross at the upper
/// edge.
pub(crate) fn scatter(points: &Points<'_>) -> String {
    // The logarithm is only drawn: its last bits do not matter.
    let place = |x: f64| if points.log { x.ln() } else { x };
    let finite = || points.all.iter().map(|p| p.1).filter(|y| y.is_finite());
    let (values, span) = (
        Span::of(points.all.iter().map(|p| p.0)),
        Span::of(points.all.iter().map(|p| place(p.0))),
    );
    if finite().count() < 2 || span.low >= span.high {
        return String::new();
    }
    let (axis, mut grid) = (Axis::of(finite(), false), Grid::default());
    for &(x, y) in points.all {
        let column = span.column(place(x)) / 2;
        let (row, sign) = match y.is_finite() {
            true => ((4 * ROWS - 1 - axis.row(y)) / 4, '●'),
            false => (0, '×'),
        };
        let colour = if y.is_finite() { AnsiColor::Blue } else { AnsiColor::Red };
        grid.cells[row][column] =
            Cell { bits: 0, letter: Some(sign), colour: Some(colour) };
    }
    let words = Words { figure: "loss", legend: "", places: "", log: false };
    let picture = text(&grid, &axis, &values, &words);
    let (body, _) = picture.trim_end().rsplit_once('\n').unwrap_or((&picture, ""));
    let digits = Digits { digits: 3, ascii: false };
    let (first, end) = (digits.number(values.low), digits.number(values.high));
    let gap = " ".repeat(COLUMNS.saturating_sub(first.len() + end.len()));
    let scale = if points.log { ", logarithmic" } else { "" };
    let good = points.good.map_or(String::new(), |(low, high)| {
        let (from, to) = (span.column(place(low)) / 2, span.column(place(high)) / 2);
        let bar = "━".repeat(to - from + 1);
        format!("{:1$}{bar} good\n", "", LABEL + 2 + from)
    });
    let (dim, name) = (style::DIM, points.name);
    format!("{body}\n{good}{:LABEL$}  {dim}{first}{gap}{end} {name}{scale}{dim:#}\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words<'static> =
        Words { figure: "loss", legend: "", places: "epochs", log: false };

    fn line(mark: char, ys: &[f64]) -> Line {
        let points = ys.iter().enumerate().map(|(i, y)| (i as f64, *y)).collect();
        Line { points, every: 1, mark: Some(mark) }
    }

    /// Without colours.
    fn plain(lines: &[Line]) -> String {
        anstream::adapter::strip_str(&draw(lines, &WORDS)).to_string()
    }

    #[test]
    fn each_line_ends_in_its_letter_at_its_height() {
        let text = plain(&[
            line('a', &[1.0, 0.9, 0.8]),
            line('b', &[1.0, 0.1, 0.01]),
            line('c', &[1.0, 0.9, 0.8]),
        ]);
        let rows: Vec<&str> = text.lines().collect();
        let (top, low) = (rows.iter().position(|r| r.ends_with("ac")), rows[12]);
        assert!(top.is_some_and(|t| t < 3) && low.ends_with('b'), "{text}");
    }

    #[test]
    fn a_shorter_line_has_its_letter_where_it_ends() {
        let text =
            plain(&[line('a', &[1.0, 2.0]), line('b', &[1.0, 1.5, 1.0, 1.0, 1.5])]);
        let row = text.lines().find(|r| r.contains('a') && r.contains('┤')).unwrap();
        assert!(row.chars().position(|c| c == 'a').unwrap() < 30, "{text}");
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        assert_eq!(plain(&[line('a', &[f64::NAN, f64::INFINITY])]), "");
        assert_eq!(plain(&[line('a', &[1.0])]), "");
        let text = plain(&[line('a', &[1.0, f64::NAN, 3.0, f64::INFINITY])]);
        assert!(!text.contains("NaN") && text.contains('a'), "{text}");
    }
}
