//! Writing a file so that it is either the old one, or whole and new: bytes go aside, then a rename.
//!
//! In: a path and a function that writes. Out: the file, on the disk. Invariant: whatever fails
//! (no space, no permission, the writer itself), the path is as it was before and nothing is left
//! beside it. A crash can leave a `.tmp` file, never half a file under the name that was asked for. A link
//! stays one, and what is no file (a pipe, a device) is written into and never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Writes `path` aside, makes it durable, and puts it in place.
///
/// # Errors
/// [`Error::Write`] with the path that was asked for.
pub(crate) fn write_aside(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let fail = |source| Error::Write { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    let Some(path) = replaced(path) else {
        let file = OpenOptions::new().write(true).open(path).map_err(fail)?;
        return fill(file, write).map(drop).map_err(fail);
    };
    let (aside, file) = open_aside(&path).map_err(fail)?;
    let done = fill(file, write).and_then(|file| file.sync_all());
    let done = done.and_then(|()| fs::rename(&aside, &path));
    if done.is_err() {
        // The first failure is the one to tell; a second one here changes nothing.
        let _ = fs::remove_file(&aside);
    }
    done.map_err(fail)?;
    make_rename_durable(&path);
    Ok(())
}

/// Writes a file that is there whole and new, or as it was before. A link stays one, and what is no file (a
/// pipe, a device) is written into.
///
/// # Errors
/// [`Error::Write`] with the path.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_aside(path, |out| out.write_all(content))
}

/// The file that is replaced: behind links the one that they name. `None` for what is no file, and for what
/// the system names itself (`/dev/stdout` may be a file).
fn replaced(path: &Path) -> Option<PathBuf> {
    let system = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    match fs::metadata(path) {
        Ok(found) if system || !found.is_file() => None,
        Ok(_) => Some(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())),
        Err(_) => Some(path.to_owned()),
    }
}

fn fill(
    file: File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

/// A new file beside `path`; names already taken (by a crash, by a run at the same time) are
/// passed over.
fn open_aside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for n in 0..100 {
        let mut aside = std::ffi::OsString::from(".");
        aside.push(name);
        aside.push(format!(".{}-{n}.tmp", std::process::id()));
        let aside = path.with_file_name(aside);
        match OpenOptions::new().write(true).create_new(true).open(&aside) {
            Ok(file) => return Ok((aside, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(e),
        }
    }
    Err(taken)
}

/// The folder's own entry; where folders cannot be opened the rename alone has to do.
fn make_rename_durable(path: &Path) {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        fs::write(&path, "old").unwrap();
        let failed = write_aside(&path, |out| {
            out.write_all(&[7; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let failed = failed.unwrap_err();
        assert_eq!(failed.exit_status(), 3);
        assert!(failed.to_string().contains("m.safetensors"), "{failed}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(entries(folder.path()), ["m.safetensors"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_devices_are_written_into() {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str, to: &Path| {
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(to, &path).unwrap();
            path
        };
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        let to_file = link("to_file", &file);
        write_aside(&to_file, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        // By links of our own: were a device replaced, it would be the machine's.
        let full = link("full", Path::new("/dev/full"));
        if full.exists() {
            let failed = write_aside(&full, |out| out.write_all(b"x")).unwrap_err();
            assert_eq!(failed.exit_status(), 3);
            write_aside(&link("null", Path::new("/dev/null")), |out| out.write_all(b"x"))
                .unwrap();
            assert!(folder.path().join("null").is_symlink() && full.is_symlink());
        }
        assert!(to_file.is_symlink());
    }

    #[test]
    fn a_folder_in_the_way_or_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &Path| write_aside(path, |out| out.write_all(b"x"));
        assert_eq!(write(folder.path()).unwrap_err().exit_status(), 3);
        let missing = folder.path().join("none/m");
        assert_eq!(write(&missing).unwrap_err().exit_status(), 3);
        assert!(entries(folder.path()).is_empty());
    }

    #[test]
    fn the_new_file_replaces_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for text in ["one", "two"] {
            write_aside(&path, |out| out.write_all(text.as_bytes())).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(entries(folder.path()), ["a"]);
    }
}
