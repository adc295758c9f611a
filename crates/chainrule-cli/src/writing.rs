//! Content → a file that is there whole or not at all.
//!
//! Written beside its place under another name, then renamed: a full disk or a stop leaves what was
//! there before, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chainrule::Error;

use crate::failure::Failure;

/// Writes the file; one that is there is refused unless `over` is set.
pub(crate) fn whole(
    path: &Path,
    content: impl AsRef<[u8]>,
    over: bool,
) -> Result<(), Failure> {
    if !over && path.symlink_metadata().is_ok() {
        let words = "a file of this name is there; --force writes over it";
        return Err(Failure::Usage(format!("{}: {words}", path.display())));
    }
    let aside = aside(path);
    let written = write(&aside, content.as_ref()).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // What could not be created cannot be taken away either; the first error is the one to tell.
        let _ = fs::remove_file(&aside);
    }
    written.map_err(failed(path))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |source| Error::Write { path: path.to_owned(), source }.into()
}

/// `folder/.name.1234.part` for `folder/name`.
fn aside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
