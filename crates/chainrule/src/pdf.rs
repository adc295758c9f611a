//! A document of Typst's → PDF (feature `pdf`): set in this process, with fonts of its own.
//!
//! In: text that stands alone. Out: bytes of a tagged PDF that meets PDF/UA-1, the same ones each time.
//! Deliberately absent: files, packages, the fonts of the system, the time of day; a document sees
//! nothing but itself.

use crate::error::Error;

/// A format's text → what a file of it holds.
pub(crate) type Finish = fn(String) -> Result<Vec<u8>, Error>;

/// Most formats are their text.
pub(crate) const TEXT: Finish = |t| Ok(t.into_bytes());

/// A document of Typst's becomes pages.
pub(crate) const PDF: Finish = |t| pdf(&t);

/// The document as a PDF.
///
/// # Errors
/// [`Error::Usage`] in a build without the feature `pdf`.
#[cfg(not(feature = "pdf"))]
fn pdf(_: &str) -> Result<Vec<u8>, Error> {
    let message = "this build writes no PDF: build with --features pdf, or write typst, html or \
                   latex-document and print that";
    Err(Error::Usage { field: "pdf".to_owned(), message: message.to_owned() })
}

#[cfg(feature = "pdf")]
use set::pdf;

#[cfg(feature = "pdf")]
mod set {
    use std::sync::LazyLock;

    use typst::diag::{FileError, FileResult, SourceDiagnostic};
    use typst::foundations::{Bytes, Datetime, Duration};
    use typst::syntax::{FileId, Source};
    use typst::text::{Font, FontBook, FontInfo};
    use typst::utils::LazyHash;
    use typst::{Library, LibraryExt, World};
    use typst_kit::fonts::{FontStore, embedded};
    use typst_layout::PagedDocument;
    use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

    use super::Error;

    /// Those that pages are set with. New Computer Modern, whose regular cut is under the GPL, is not
    /// among them.
    const FAMILIES: [&str; 3] =
        ["Libertinus Serif", "New Computer Modern Math", "DejaVu Sans Mono"];

    /// Fonts that are read once.
    static FONTS: LazyLock<FontStore> = LazyLock::new(|| {
        let mut fonts = FontStore::new();
        let used =
            |(_, info): &(Font, FontInfo)| FAMILIES.contains(&info.family.as_str());
        fonts.extend(embedded().filter(used));
        fonts
    });

    static LIBRARY: LazyLock<LazyHash<Library>> =
        LazyLock::new(|| LazyHash::new(Library::default()));

    /// All that a document sees.
    struct Alone(Source);

    impl World for Alone {
        fn library(&self) -> &LazyHash<Library> {
            &LIBRARY
        }

        fn book(&self) -> &LazyHash<FontBook> {
            FONTS.book()
        }

        fn main(&self) -> FileId {
            self.0.id()
        }

        fn source(&self, id: FileId) -> FileResult<Source> {
            if id == self.0.id() {
                Ok(self.0.clone())
            } else {
                Err(FileError::AccessDenied)
            }
        }

        fn file(&self, _: FileId) -> FileResult<Bytes> {
            Err(FileError::AccessDenied)
        }

        fn font(&self, index: usize) -> Option<Font> {
            FONTS.font(index)
        }

        fn today(&self, _: Option<Duration>) -> Option<Datetime> {
            None
        }
    }

    pub(super) fn pdf(text: &str) -> Result<Vec<u8>, Error> {
        let world = Alone(Source::detached(text));
        let pages = typst::compile::<PagedDocument>(&world).output;
        let pages = pages.map_err(|all| refused(&all))?;
        let standards = PdfStandards::new(&[PdfStandard::Ua_1]);
        let standards = standards.map_err(|e| Error::Refused(e.message().to_string()))?;
        let options = PdfOptions { standards, ..PdfOptions::default() };
        typst_pdf::pdf(&pages, &options).map_err(|all| refused(&all))
    }

    /// What Typst says is about our document, not about the user's file.
    fn refused(all: &[SourceDiagnostic]) -> Error {
        let said: Vec<&str> = all.iter().map(|d| d.message.as_str()).collect();
        Error::Refused(format!("the PDF could not be set: {}", said.join("; ")))
    }
}
