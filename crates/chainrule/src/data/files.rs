//! Which files a `data:` line names, and whether they are still what they were.
//!
//! In: the line, the folder of the `.chain` file. Out: a [`DataFile`] each. Invariant: only the bytes
//! count, not names of folders nor times; read in blocks, and not at all where length and time of the
//! last change are noted and the same. What is no regular file (a pipe) has no
//! sum, as it cannot be read twice.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use chainrule_graph::syntax::settings::DataSpec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// A data file as it was when a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// As the `data:` line names it.
    pub file: String,
    /// SHA-256 of its bytes; `None` for what cannot be read twice.
    pub sha256: Option<String>,
    /// Of a file that is read into a cache: its length and when it was last changed. As long as both
    /// are the same, its bytes are not read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

/// What the system says of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its length.
    pub bytes: u64,
    /// When it was last changed: seconds and nanoseconds since 1970.
    pub modified: (u64, u32),
}

impl Stamp {
    /// Of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Self::new(&file.metadata()?)
    }

    fn new(about: &fs::Metadata) -> io::Result<Self> {
        let since = about.modified()?.duration_since(std::time::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        let modified = (since.as_secs(), since.subsec_nanos());
        Ok(Self { bytes: about.len(), modified })
    }
}

impl DataFile {
    /// The files of a line, in its order.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn all(folder: &Path, spec: &DataSpec) -> Result<Vec<Self>, Error> {
        let names = Self::names(spec).into_iter();
        names.map(|name| Self::new(folder, name)).collect()
    }

    /// The names of the files of a line, each once.
    pub(crate) fn names(spec: &DataSpec) -> Vec<String> {
        let lines = [&spec.file, &spec.validate, &spec.test];
        let parts = lines.into_iter().flatten().flat_map(|line| line.split(" + "));
        let mut names: Vec<String> = parts.map(|part| on_disk(part.trim())).collect();
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    fn new(folder: &Path, file: String) -> Result<Self, Error> {
        let path = folder.join(&file);
        let sha256 = sum(&path).map_err(|e| Error::read(&path, e))?;
        Ok(Self { file, sha256, stamp: None })
    }

    /// Whether the file is there and as it was.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Mismatch`] naming the file.
    pub fn unchanged(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(&self.file);
        let stamp = fs::metadata(&path).and_then(|about| Stamp::new(&about));
        if self.stamp.is_some() && self.stamp == stamp.ok() {
            return Ok(());
        }
        let now = Self::new(folder, self.file.clone())?;
        if now.sha256 == self.sha256 && self.sha256.is_some() {
            return Ok(());
        }
        let found = match now.sha256.is_some() && self.sha256.is_some() {
            true => "a file that has changed since",
            false => "something that cannot be read twice",
        };
        Err(Error::Mismatch {
            field: path.display().to_string(),
            expected: "the data that the run began with".into(),
            found: found.into(),
        })
    }
}

/// `x.npz` of `x.npz:key`.
pub(super) fn on_disk(part: &str) -> String {
    part.split_once(".npz:").map_or(part.to_owned(), |(stem, _)| format!("{stem}.npz"))
}

pub(super) fn sum(path: &Path) -> io::Result<Option<String>> {
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let (mut file, mut sum) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; 1 << 18];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Some(crate::store::hex(&sum.finalize()))),
            n => sum.update(&block[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_is_seen_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.csv"), "x,y\n1,2\n").unwrap();
        fs::write(at("b.npz"), "some").unwrap();
        let file = Some("a.csv + b.npz:key".to_owned());
        let spec = DataSpec { file, test: Some("a.csv".into()), ..DataSpec::default() };
        let all = DataFile::all(folder.path(), &spec).unwrap();
        assert_eq!(all.iter().map(|f| &*f.file).collect::<Vec<_>>(), ["a.csv", "b.npz"]);
        assert!(all.iter().all(|f| f.unchanged(folder.path()).is_ok()));
        fs::write(at("a.csv"), "x,y\n1,3\n").unwrap();
        let error = all[0].unchanged(folder.path()).unwrap_err();
        assert!(error.to_string().contains("a.csv: expected the data"), "{error}");
        fs::remove_file(at("b.npz")).unwrap();
        assert_eq!(all[1].unchanged(folder.path()).unwrap_err().exit_status(), 2);
    }
}
