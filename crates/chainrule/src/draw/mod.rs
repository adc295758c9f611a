//! The network of a file as a picture: boxes, lines and labels with their places.
//!
//! In: a checked module and its text. Out: a [`Drawing`] of plain data, layers from left to right;
//! [`svg()`] and [`text()`] write it, the feature `png` paints it. Invariants: no two boxes or labels
//! overlap, no line runs through a box or a label, and the same file gives the same picture.
//! Deliberately absent: colours in the data, fonts, the size of a screen.

mod network;
mod place;
#[cfg(feature = "png")]
mod png;
mod sketch;
mod svg;
mod text;

#[cfg(feature = "png")]
pub use png::png;
pub use svg::svg;
pub use text::text;

use chainrule_graph::module::Module;

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Data that is known when predicting.
    Input,
    /// Data that is learned from.
    Target,
    /// Another symbol without an equation.
    Free,
    /// An equation.
    Equation,
    /// What `predict` reports.
    Output,
    /// What is minimised.
    Objective,
}

/// A rectangle, in the units of the measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Left.
    pub x: i32,
    /// Top.
    pub y: i32,
    /// Width.
    pub w: i32,
    /// Height.
    pub h: i32,
}

impl Area {
    /// Whether two rectangles share more than a border.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let apart = |a: i32, w: i32, b: i32, v: i32| a + w <= b || b + v <= a;
        !(apart(self.x, self.w, other.x, other.w)
            || apart(self.y, self.h, other.y, other.h))
    }
}

/// A box: a symbol or an equation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Box {
    /// What it stands for.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Lines below the name: the right side, then what is learned in it.
    pub lines: Vec<String>,
    /// Where it is.
    pub area: Area,
    /// Its layer, from 0.
    pub layer: usize,
}

/// A value that goes from one box to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The box where it comes from.
    pub from: usize,
    /// The box where it goes.
    pub to: usize,
    /// Its corners, from the one to the other; all pieces are level or upright.
    pub points: Vec<(i32, i32)>,
}

/// The shape of a value, beside the box that it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The box.
    pub of: usize,
    /// The shape.
    pub text: String,
    /// Where it is.
    pub area: Area,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Boxes, in the order of the file.
    pub boxes: Vec<Box>,
    /// Lines between them.
    pub lines: Vec<Line>,
    /// Labels beside them.
    pub labels: Vec<Label>,
    /// Width of all.
    pub width: i32,
    /// Height of all.
    pub height: i32,
}

/// How large things are.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Width of a sign.
    pub sign: i32,
    /// Height of a line of text.
    pub line: i32,
    /// Space between the border of a box and its text, across and down.
    pub pad: (i32, i32),
    /// Space between boxes of a layer.
    pub between: i32,
    /// Space between lines that run side by side.
    pub track: i32,
    /// Space round the whole.
    pub margin: i32,
}

impl Measure {
    /// Pixels of a picture, for a font of 13 px with signs of one width.
    pub const PIXELS: Self =
        Self { sign: 8, line: 18, pad: (10, 8), between: 26, track: 12, margin: 16 };
    /// Cells of a terminal.
    pub const CELLS: Self =
        Self { sign: 1, line: 1, pad: (2, 1), between: 1, track: 2, margin: 0 };
}

/// The picture of a module; `source` is the text that it was read from.
#[must_use]
pub fn draw(m: &Module, source: &str, measure: Measure) -> Drawing {
    place::place(network::network(m, source), measure)
}

/// The picture of bare equations, whose names nothing declares: without shapes. `None` where a
/// line cannot be read or is no equation.
#[must_use]
pub fn sketch(source: &str, measure: Measure) -> Option<Drawing> {
    sketch::sketch(source).map(|parts| place::place(parts, measure))
}

/// Columns that a text takes: marks above a letter take none.
pub(crate) fn columns(text: &str) -> i32 {
    let mark = |c: char| matches!(c, '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}');
    text.chars().filter(|c| !mark(*c)).count() as i32
}
