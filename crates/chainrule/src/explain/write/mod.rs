//! Writers of a worked solution: a table of formats, each a function from the tree to text.
//!
//! In: an [`Explanation`] and how it is to look. Out: text, and the bytes of a file. Invariant: the tree is all that a writer
//! sees, so nothing is shown that has not passed the solution's check. Deliberately absent: files and
//! terminals; whoever calls says how wide a line is and how a heading is made to stand out.

mod ascii;
mod html;
mod json;
pub(crate) mod latex;
mod markdown;
mod text;
pub(crate) mod typst;

use chainrule_graph::syntax::print::Style;

use super::tree::Explanation;
use crate::error::Error;
use crate::pdf::{Finish, PDF, TEXT};

/// How the text for a terminal looks; the other formats do not ask.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Unicode or ASCII alone.
    pub style: Style,
    /// Columns of a line.
    pub width: usize,
    /// What stands before and after a heading.
    pub strong: [&'static str; 2],
    /// What stands before and after a reason.
    pub dim: [&'static str; 2],
}

impl Default for Look {
    fn default() -> Self {
        Self { style: Style::Unicode, width: 100, strong: ["", ""], dim: ["", ""] }
    }
}

/// A format.
pub struct Writer {
    /// What `--to` calls it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Usual ending of a file.
    pub extension: &'static str,
    /// The tree as text.
    pub write: fn(&Explanation, &Look) -> String,
    /// The text as a file holds it.
    finish: Finish,
}

impl Writer {
    /// The tree as a file of this format holds it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a format that this build has not.
    pub fn bytes(&self, e: &Explanation, look: &Look) -> Result<Vec<u8>, Error> {
        (self.finish)((self.write)(e, look))
    }

    /// Whether a file of it is text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.extension != "pdf"
    }
}

/// Every format.
pub const WRITERS: &[Writer] = &[
    Writer {
        name: "text",
        about: "for a terminal, as wide as it is",
        extension: "txt",
        write: text::write,
        finish: TEXT,
    },
    Writer {
        name: "markdown",
        about: "with formulas between $",
        extension: "md",
        write: |e, _| markdown::write(e),
        finish: TEXT,
    },
    Writer {
        name: "latex",
        about: "a fragment to include (amsmath, amssymb)",
        extension: "tex",
        write: |e, _| latex::fragment(e),
        finish: TEXT,
    },
    Writer {
        name: "latex-document",
        about: "a whole document of the exam class",
        extension: "tex",
        write: |e, _| latex::document(e),
        finish: TEXT,
    },
    Writer {
        name: "html",
        about: "one page with MathML, for screen, phone and paper",
        extension: "html",
        write: |e, _| html::write(e),
        finish: TEXT,
    },
    Writer {
        name: "typst",
        about: "a document of Typst",
        extension: "typ",
        write: |e, _| typst::write(e),
        finish: TEXT,
    },
    Writer {
        name: "pdf",
        about: "pages for paper, tagged for reading aloud (a build with --features pdf)",
        extension: "pdf",
        write: |e, _| typst::write(e),
        finish: PDF,
    },
    Writer {
        name: "json",
        about: "the whole tree, for programs",
        extension: "json",
        write: |e, _| format!("{:#}\n", json::tree(e)),
        finish: TEXT,
    },
];

/// The format of this name.
#[must_use]
pub fn writer(name: &str) -> Option<&'static Writer> {
    WRITERS.iter().find(|w| w.name == name)
}

/// The tree as JSON, for documents that hold more than it.
#[must_use]
pub fn tree_json(e: &Explanation) -> serde_json::Value {
    json::tree(e)
}
