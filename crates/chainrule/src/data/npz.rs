//! Several arrays of NumPy in one file (`.npz`, a zip) → [`Source`].
//!
//! In: bytes in memory, and a key or none. Out: the columns of that array; without a key all arrays
//! side by side, if they have the same number of rows. Stored and deflated entries; the sizes in
//! the directory are believed only as far as there are bytes. Deliberately absent: zip64, that is
//! entries above 4 GiB, and encryption.

use std::io::Read;

use flate2::read::DeflateDecoder;

use super::npy;
use super::source::{Source, bomb, too_wide};
use crate::error::{DataProblem, Error};
use crate::limits;

/// Reads the array `key`, or all.
pub(super) fn read(bytes: &[u8], name: &str, key: Option<&str>) -> Result<Source, Error> {
    let entries = directory(bytes).ok_or_else(|| {
        DataProblem::new(name, "the zip directory is cut short or damaged")
            .way_out("fetch or write the file again")
    })?;
    let arrays: Vec<&Entry> =
        entries.iter().filter(|e| e.name.ends_with(".npy")).collect();
    if arrays.is_empty() {
        return Err(DataProblem::new(
            name,
            "expected arrays of NumPy, found another zip file",
        )
        .way_out("save a spreadsheet as CSV; unpack an archive first")
        .into());
    }
    // Entries of a hostile archive may share their bytes: what they promise together counts.
    let wanted = arrays.iter().filter(|e| key.is_none_or(|key| e.key() == key));
    let promised = wanted.fold(0_usize, |sum, e| sum.saturating_add(e.promised()));
    let most = limits::unpacked(bytes.len());
    if promised > most {
        return Err(bomb(name, bytes.len(), most));
    }
    match key {
        Some(key) => one(bytes, name, key, &arrays),
        None => all(bytes, name, &arrays),
    }
}

fn one(bytes: &[u8], name: &str, key: &str, arrays: &[&Entry]) -> Result<Source, Error> {
    let Some(entry) = arrays.iter().find(|e| e.key() == key) else {
        let keys: Vec<&str> = arrays.iter().map(|e| e.key()).collect();
        let message = format!("expected the array `{key}`, found {}", keys.join(", "));
        return Err(DataProblem::new(name, message).into());
    };
    npy::read(&entry.unpack(bytes, name)?, &format!("{name}:{key}"), key)
}

fn all(bytes: &[u8], name: &str, arrays: &[&Entry]) -> Result<Source, Error> {
    let mut joined: Option<Source> = None;
    for entry in arrays {
        let array = npy::read(&entry.unpack(bytes, name)?, name, entry.key())?;
        let Some(before) = &mut joined else {
            joined = Some(array);
            continue;
        };
        if before.rows != array.rows {
            let message = format!(
                "the arrays have different numbers of rows: {} and, in `{}`, {}",
                before.rows,
                entry.key(),
                array.rows
            );
            let (first, other) = (arrays[0].key(), entry.key());
            let way_out = format!(
                "name those that belong together: {name}:{first} + …, or {name}:{other}"
            );
            return Err(DataProblem::new(name, message).way_out(way_out).into());
        }
        before.columns.extend(array.columns);
        if before.columns.len() > limits::COLUMNS {
            return Err(too_wide(name, before.columns.len()).into());
        }
    }
    joined.ok_or_else(|| DataProblem::new(name, "no arrays").into())
}

struct Entry {
    name: String,
    deflated: bool,
    packed: usize,
    size: usize,
    /// Of the local header.
    offset: usize,
}

impl Entry {
    fn key(&self) -> &str {
        self.name.trim_end_matches(".npy")
    }

    /// Bytes that it will take in memory.
    fn promised(&self) -> usize {
        if self.deflated { self.size } else { self.packed }
    }

    fn unpack(&self, bytes: &[u8], name: &str) -> Result<Vec<u8>, Error> {
        let fail = || {
            let message = format!("the array `{}` is cut short or damaged", self.key());
            Error::from(DataProblem::new(name, message).way_out("write the file again"))
        };
        let packed = self.packed_bytes(bytes).ok_or_else(fail)?;
        if !self.deflated {
            return Ok(packed.to_vec());
        }
        // One byte more than promised is asked for, so that a wrong size is seen; memory grows
        // with the data, not with the promise.
        let mut unpacked = Vec::new();
        let mut decoder = DeflateDecoder::new(packed).take(self.size as u64 + 1);
        decoder.read_to_end(&mut unpacked).map_err(|_| fail())?;
        if unpacked.len() == self.size { Ok(unpacked) } else { Err(fail()) }
    }

    fn packed_bytes<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let local = bytes.get(self.offset..)?;
        if !local.starts_with(b"PK\x03\x04") {
            return None;
        }
        let start = 30 + short(local, 26)? + short(local, 28)?;
        local.get(start..start.checked_add(self.packed)?)
    }
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()
}

/// The entries of the central directory.
fn directory(bytes: &[u8]) -> Option<Vec<Entry>> {
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let (count, mut at) = (short(bytes, end + 10)?, long(bytes, end + 16)?);
    let mut entries = Vec::new();
    for _ in 0..count {
        let head = bytes.get(at..)?;
        if !head.starts_with(b"PK\x01\x02") {
            return None;
        }
        let method = short(head, 10)?;
        let length = short(head, 28)?;
        let name = String::from_utf8_lossy(head.get(46..46 + length)?).into_owned();
        if !matches!(method, 0 | 8) {
            return None;
        }
        entries.push(Entry {
            name,
            deflated: method == 8,
            packed: long(head, 20)?,
            size: long(head, 24)?,
            offset: long(head, 42)?,
        });
        at = at.checked_add(46 + length + short(head, 30)? + short(head, 32)?)?;
    }
    Some(entries)
}
