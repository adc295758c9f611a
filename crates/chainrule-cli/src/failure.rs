//! Why a command did not do its work, and the exit status that says so (docs/exit-status.md).
//!
//! In: what the library or the system said. Out: words on standard error, with `--format json` also
//! a document on standard output, and the status. A reader that went away is not a failure.

use std::io;
use std::sync::Arc;

use chainrule::Error;
use chainrule::graph::diag::Diagnostic;
use serde_json::json;

use crate::report;
use crate::screen::Screen;
use crate::source::Source;

/// Done.
pub(crate) const DONE: u8 = 0;
/// What the file says is wrong, or training turned non-finite.
pub(crate) const FINDINGS: u8 = 1;
/// Wrong use, or input that cannot be read or does not fit.
pub(crate) const USAGE: u8 = 2;
/// The world is in the way.
pub(crate) const WORLD: u8 = 3;
/// Somebody stopped it.
pub(crate) const INTERRUPTED: u8 = 130;
/// A bug of ours.
pub(crate) const BUG: u8 = 101;

/// What stopped a command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file of equations has errors; the status says whether to look for them was the task.
    Findings(Box<Source>, Vec<Diagnostic>, u8),
    /// Anything else that the library reports.
    Library(Arc<Error>),
    /// An argument that cannot be meant, with the way out.
    Usage(String),
    /// Standard output does not take the results.
    Output(io::Error),
}

/// How a command ends: with its status, or with what stopped it.
pub(crate) type Outcome = Result<u8, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(Arc::new(error))
    }
}

impl Failure {
    /// Puts the text beside findings about it, so that they can be drawn; with the status that they
    /// have for a command.
    pub(crate) fn about(source: &Source, status: u8) -> impl Fn(Error) -> Self {
        move |error| Self::about_shared(source, status)(Arc::new(error))
    }

    /// The same for an error that several have.
    pub(crate) fn about_shared(
        source: &Source,
        status: u8,
    ) -> impl Fn(Arc<Error>) -> Self {
        move |error| match &*error {
            Error::Diagnostics(found) => {
                Self::Findings(Box::new(source.clone()), found.clone(), status)
            }
            _ => Self::Library(error),
        }
    }

    /// Says it, and gives the exit status.
    pub(crate) fn tell(&self, screen: &Screen) -> u8 {
        match self {
            Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => return DONE,
            Self::Output(e) => screen.error(&format!("cannot write the results: {e}")),
            Self::Findings(source, found, _) => tell_findings(source, found, screen),
            Self::Usage(words) => tell_error(words, USAGE, screen),
            Self::Library(error) => tell_error(&error.to_string(), status(error), screen),
        }
        self.status()
    }

    fn status(&self) -> u8 {
        match self {
            Self::Findings(_, _, status) => *status,
            Self::Usage(_) => USAGE,
            Self::Output(_) => WORLD,
            Self::Library(error) => status(error),
        }
    }
}

/// The exit status of an error of the library.
fn status(error: &Error) -> u8 {
    u8::try_from(error.exit_status()).unwrap_or(WORLD)
}

fn tell_findings(source: &Source, found: &[Diagnostic], screen: &Screen) {
    if screen.json {
        let document = json!({ "diagnostics": report::json::all(&source.text, found) });
        // What cannot be written here was not asked for elsewhere: the status still tells.
        let _ = screen.document(&document);
    } else {
        screen.say(&report::draw::all(source, found));
    }
}

fn tell_error(message: &str, status: u8, screen: &Screen) {
    let message = report::clean(message);
    if screen.json {
        let document = json!({ "error": { "message": message, "status": status } });
        let _ = screen.document(&document);
    }
    screen.error(&message);
}
