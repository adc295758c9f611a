//! A file without a name, for numbers that are too many for memory.
//!
//! In: bytes. Out: the same bytes, from any place. Invariants: reads are positional, into buffers of the
//! caller; on Unix the file has no name from the first moment on, so that nothing is left behind even
//! by a process that is killed. Deliberately absent: memory maps.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// A temporary file.
#[derive(Debug)]
pub(crate) struct Scratch {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Scratch {
    /// In a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn new(folder: &Path) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{}-{n}.scratch", std::process::id()));
        let made = fs::create_dir_all(folder).and_then(|()| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
        });
        let file = made.map_err(|source| Error::Write { path: path.clone(), source })?;
        // Where a file in use keeps its name, it goes when this is dropped.
        let _ = fs::remove_file(&path);
        Ok(Self { file, path, len: 0 })
    }

    /// Adds bytes at the end; gives the place of the first.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<u64, Error> {
        let at = self.len;
        let fail = |source| Error::Write { path: self.path.clone(), source };
        self.file.write_all(bytes).map_err(fail)?;
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// Fills the buffer from a place on.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Error> {
        read_at(&self.file, at, into).map_err(|e| Error::read(&self.path, e))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Fills the buffer from a place of a file on.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, at: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

/// Fills the buffer from a place of a file on; nobody else moves in the file meanwhile.
#[cfg(not(unix))]
pub(crate) fn read_at(mut file: &File, at: u64, into: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(into)
}
