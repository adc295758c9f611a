//! Forms of a report: a table, each a function from what was found to text.
//!
//! In: a [`Marked`], the answers, a title. Out: text, and the bytes of a file. Deliberately absent: files
//! and terminals.

use super::{Marked, html, json, text, typst};
use crate::error::Error;
use crate::pdf::{Finish, PDF, TEXT};

/// A form of the report.
pub struct Form {
    /// What `--to` calls it.
    pub name: &'static str,
    /// Usual ending of a file.
    pub extension: &'static str,
    /// What was found, the answers and a title as text.
    pub write: fn(&Marked, &str, &str) -> String,
    /// The text as a file holds it.
    finish: Finish,
}

impl Form {
    /// The report as a file of this form holds it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a form that this build has not.
    pub fn bytes(
        &self,
        m: &Marked,
        answers: &str,
        title: &str,
    ) -> Result<Vec<u8>, Error> {
        (self.finish)((self.write)(m, answers, title))
    }

    /// Whether a file of it is text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.extension != "pdf"
    }
}

/// Every form.
pub const FORMS: &[Form] = &[
    Form { name: "text", extension: "txt", write: |m, a, _| text(m, a), finish: TEXT },
    Form { name: "html", extension: "html", write: html, finish: TEXT },
    Form { name: "typst", extension: "typ", write: typst, finish: TEXT },
    Form { name: "pdf", extension: "pdf", write: typst, finish: PDF },
    Form {
        name: "json",
        extension: "json",
        write: |m, a, _| format!("{:#}\n", json(m, a)),
        finish: TEXT,
    },
];
