//! A worked solution as a tree of plain data, which every writer draws.
//!
//! Sections in the order of a solution by hand, each with blocks: words, numbered lines, tables, notes,
//! and folds for what a reader may skip. Invariant: an [`Explanation`] is only made by
//! [`super::explain`], after its own check has passed. Deliberately absent: fonts, widths, colours.

use super::formula::Formula;

/// A whole solution.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What it is about: the names of the equations.
    pub title: String,
    /// In order; a section without anything to say is left out.
    pub sections: Vec<Section>,
    /// Of the graph that is explained, where there is an objective.
    pub fingerprint: Option<String>,
}

/// Which part of a solution.
#[allow(missing_docs, reason = "titles say it")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Given,
    Shapes,
    Collapse,
    Forward,
    Loss,
    Backward,
    Numbers,
    Update,
    Check,
}

impl Part {
    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Given => "Given",
            Self::Shapes => "Shapes",
            Self::Collapse => "Layers that are one",
            Self::Forward => "Forward",
            Self::Loss => "Loss",
            Self::Backward => "Backward, symbolic",
            Self::Numbers => "Backward, numbers",
            Self::Update => "Update",
            Self::Check => "Check",
        }
    }

    /// The word for programs.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Shapes => "shapes",
            Self::Collapse => "collapse",
            Self::Forward => "forward",
            Self::Loss => "loss",
            Self::Backward => "backward",
            Self::Numbers => "backward-numbers",
            Self::Update => "update",
            Self::Check => "check",
        }
    }
}

/// One part with its blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Which.
    pub part: Part,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// What a section is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Words(Vec<Inline>),
    /// A line of mathematics.
    Line(Line),
    /// Rows and columns.
    Table(Table),
    /// Something to watch: a unit that is off, a value that was rounded.
    Note(Vec<Inline>),
    /// Steps that may be skipped.
    Fold(Fold),
}

/// A line of mathematics with its number and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `(3)`: the equation's number.
    pub label: Option<String>,
    /// What it says.
    pub formula: Formula,
    /// Why: the rule, the equation that it comes from.
    pub reason: Vec<Inline>,
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The heads of its columns.
    pub head: Vec<String>,
    /// Its cells, row by row.
    pub rows: Vec<Vec<Vec<Inline>>>,
}

/// Steps below a title.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// For whom.
    pub level: Level,
    /// Its title.
    pub title: Vec<Inline>,
    /// The steps.
    pub blocks: Vec<Block>,
}

/// How much a solution says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Matrix lines only.
    Brief,
    /// And per entry.
    #[default]
    Usual,
    /// And each multiplication, whatever the length.
    Every,
}

/// Part of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    /// Words.
    Words(String),
    /// A formula among them.
    Formula(Formula),
}

/// Words alone.
pub(crate) fn words(text: impl Into<String>) -> Vec<Inline> {
    vec![Inline::Words(text.into())]
}

/// A formula alone.
pub(crate) fn math(f: Formula) -> Vec<Inline> {
    vec![Inline::Formula(f)]
}

/// A line without number or reason.
pub(crate) fn line(formula: Formula) -> Block {
    Block::Line(Line { label: None, formula, reason: Vec::new() })
}

/// A line with its reason.
pub(crate) fn because(formula: Formula, reason: Vec<Inline>) -> Block {
    Block::Line(Line { label: None, formula, reason })
}
