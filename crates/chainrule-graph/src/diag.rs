//! What the user wrote and what is wrong with it, as plain data; faces draw it.
//!
//! In: findings of parser, lowering and checks. Out: [`Diagnostic`] values with spans in bytes.
//! Deliberately absent: colours, terminal widths, printing.

/// A piece of the source text, in bytes; `start == end` is a place between two characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from byte `start` up to, not including, byte `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text of the span; empty if the span does not fit `text`.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// How bad it is: only an error changes the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Note,
    /// Suspicious, and the work goes on.
    Warning,
    /// The file cannot be used until this is mended.
    Error,
}

/// The catalogue of language.md section 7; `P` is text that is not a sentence of the language,
/// `T` a setting (data:, train:) that does not fit.
#[allow(missing_docs, reason = "each code is described by `about`")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    P1,
    S1,
    S2,
    S3,
    S4,
    S5,
    S6,
    S7,
    S8,
    N1,
    N2,
    N3,
    N4,
    G1,
    G2,
    M1,
    M2,
    M3,
    T1,
}

impl Code {
    /// Code and its one-line meaning, for the docs and `chainrule check --about`.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::P1 => "the text is not a statement of the language",
            Self::S1 => "a product does not fit",
            Self::S2 => "a sum or difference does not fit",
            Self::S3 => "an entry-by-entry operation does not fit",
            Self::S4 => "the loss is not a scalar",
            Self::S5 => "a value or data does not have the declared shape",
            Self::S6 => "two dimensions are forced to be equal",
            Self::S7 => "layouts of examples are mixed",
            Self::S8 => "a dimension is undetermined",
            Self::N1 => "an unknown name",
            Self::N2 => "one symbol in two spellings",
            Self::N3 => "assigned twice, a cycle, or used before it is defined",
            Self::N4 => "never used",
            Self::G1 => "ambiguous",
            Self::G2 => "a function used as a value, or a value as a function",
            Self::M1 => "a value outside the domain",
            Self::M2 => "a value on a kink",
            Self::M3 => "a gradient check failed",
            Self::T1 => "a setting that does not fit",
        }
    }
}

/// A label under a piece of text: "W2 is K×Da (line 8: W2 : K×Da)".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is said about it.
    pub text: String,
}

/// Replace the text of `span` by `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub with: String,
}

/// A way out; with edits when a machine can apply it (then the whole file type-checks after it).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Hint {
    /// In words.
    pub text: String,
    /// In edits of the source; empty if only words help.
    pub edits: Vec<Edit>,
}

/// One finding about what the user wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Which entry of the catalogue.
    pub code: Code,
    /// Lower case, expected then found, in the user's names.
    pub message: String,
    /// The place of the mistake; the line of it heads the report.
    pub span: Span,
    /// Further places, each with words.
    pub labels: Vec<Label>,
    /// Sentences without a place ("a product needs columns of the left = rows of the right").
    pub notes: Vec<String>,
    /// Ways out, best first.
    pub hints: Vec<Hint>,
}

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    /// A note.
    #[must_use]
    pub fn note(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, span, message.into())
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        let (labels, notes, hints) = (Vec::new(), Vec::new(), Vec::new());
        Self { severity, code, message, span, labels, notes, hints }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a sentence.
    #[must_use]
    pub fn with_note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds sentences.
    #[must_use]
    pub fn and_notes(mut self, all: Vec<String>) -> Self {
        self.notes.extend(all);
        self
    }

    /// Adds a way out in words.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(Hint { text: text.into(), edits: Vec::new() });
        self
    }

    /// Adds a way out that a machine can apply.
    #[must_use]
    pub fn fix(mut self, text: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.hints.push(Hint { text: text.into(), edits });
        self
    }
}

/// Whether any of them is an error.
#[must_use]
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// Line and column (both from 1; the column counts characters) of byte `at`.
#[must_use]
pub fn line_column(text: &str, at: u32) -> (usize, usize) {
    let at = (at as usize).min(text.len());
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}
