//! The model file: everything that a trained network is, in one file that any safetensors reader
//! opens.
//!
//! In: [`Stored`] and a path. Out: the file, and [`Stored`] again. The file is
//! `length of the header (8 bytes) · header (JSON) · tensors`; the header's `__metadata__` holds
//! format, equations, settings, preparation, class names, fingerprint, versions and a SHA-256 over
//! all bytes of the file with the 64 places of that sum written as zeros. So every byte is covered.
//!
//! Invariants: a file that is not whole is never half believed; what is allocated is bounded by
//! the bytes that are there; equal models give equal bytes (so the header is written here: the
//! `safetensors` crate keeps metadata in a hash map, whose order changes from run to run; it does
//! read and validate here). Deliberately absent: what the parts mean; see [`crate::model`].

mod aside;
mod header;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use chainrule_kernels::Real;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::limits::HEADER;

pub use aside::write_whole;

pub(crate) use aside::write_aside;

/// The newest format that is written and read here.
pub const FORMAT: u32 = 1;

/// The fact that only a checkpoint has: its place in the training.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// The places of the checksum, while it is made.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One array of numbers with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// `W1`, or `running/0/mean`.
    pub name: String,
    /// Rows and columns.
    pub shape: (usize, usize),
    /// Entries, row by row.
    pub numbers: Numbers,
}

/// Entries in the precision of the run.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Single.
    F32(Vec<f32>),
    /// Double.
    F64(Vec<f64>),
}

impl Numbers {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn width(&self) -> usize {
        match self {
            Self::F32(_) => 4,
            Self::F64(_) => 8,
        }
    }

    pub(crate) fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
        }
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        // Blocks, so that a large tensor is not copied whole.
        match self {
            Self::F32(v) => v.chunks(1024).try_for_each(|c| {
                out.write_all(
                    &c.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
                )
            }),
            Self::F64(v) => v.chunks(1024).try_for_each(|c| {
                out.write_all(
                    &c.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(),
                )
            }),
        }
    }
}

/// The number type of a run, as it is stored.
pub(crate) trait Number: Real {
    fn numbers(values: &[f64]) -> Numbers;
    /// `None` if they are of the other type.
    fn values(numbers: &Numbers) -> Option<Vec<Self>>;
}

impl Number for f32 {
    fn numbers(values: &[f64]) -> Numbers {
        Numbers::F32(values.iter().map(|&v| v as f32).collect())
    }

    fn values(numbers: &Numbers) -> Option<Vec<Self>> {
        if let Numbers::F32(v) = numbers { Some(v.clone()) } else { None }
    }
}

impl Number for f64 {
    fn numbers(values: &[f64]) -> Numbers {
        Numbers::F64(values.to_vec())
    }

    fn values(numbers: &Numbers) -> Option<Vec<Self>> {
        if let Numbers::F64(v) = numbers { Some(v.clone()) } else { None }
    }
}

/// What a model file holds. Texts that other rooms make (JSON) pass through unread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// The `.chain` file as trained.
    pub equations: String,
    /// What was overridden in it (`--set`), in order.
    pub settings: Vec<(String, String)>,
    /// Preprocessing as JSON.
    pub preparation: String,
    /// Names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
    /// Fingerprint of the graph that was trained.
    pub fingerprint: String,
    /// The chainrule that wrote the file.
    pub version: String,
    /// Further facts (seed, summary, baseline), each a text by name, sorted.
    pub facts: Vec<(String, String)>,
    /// Parameters by name, then `running/<site>/mean` and `running/<site>/variance`.
    pub tensors: Vec<Tensor>,
}

/// Writes the file aside, then puts it in place.
///
/// # Errors
/// [`Error::Write`]: the disk is full, the folder is missing or closed; nothing is left behind.
pub fn save(stored: &Stored, path: &Path) -> Result<(), Error> {
    let unwritable = |source| Error::Write { path: path.to_owned(), source };
    let signed = signed(stored).map_err(unwritable)?;
    write_aside(path, |out| body(stored, &signed, out))
}

/// The bytes of the file that [`save`] would write.
///
/// # Errors
/// Those of writing to memory: none.
pub(crate) fn bytes(stored: &Stored) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    body(stored, &signed(stored)?, &mut out)?;
    Ok(out)
}

/// The header with its checksum.
fn signed(stored: &Stored) -> io::Result<String> {
    let mut sum = Hashing(Sha256::new());
    body(stored, &header::write(stored, BLANK), &mut sum)?;
    Ok(header::write(stored, &hex(&sum.0.finalize())))
}

fn body(stored: &Stored, header: &str, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    stored.tensors.iter().try_for_each(|t| t.numbers.write(out))
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of some bytes as 64 hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Reads a model file, whole or not at all.
///
/// # Errors
/// [`Error::Read`] if it cannot be opened, [`Error::Corrupt`] if one bit is not as it was written,
/// [`Error::Newer`] if a newer chainrule wrote it.
pub fn load(path: &Path) -> Result<Stored, Error> {
    decode(&read(path)?, path)
}

/// As [`load`], from bytes in memory; `path` stands in messages.
///
/// # Errors
/// As [`load`], without those of opening.
pub fn decode(bytes: &[u8], path: &Path) -> Result<Stored, Error> {
    let corrupt = |what: String| Error::Corrupt { path: path.to_owned(), what };
    let header = check_whole(bytes).map_err(corrupt)?;
    let found = header::format(&header).map_err(corrupt)?;
    if found > FORMAT {
        return Err(Error::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    let mut stored = header::read(&header).map_err(corrupt)?;
    stored.tensors = tensors(bytes).map_err(corrupt)?;
    Ok(stored)
}

/// The bytes of the file; no more is set aside than the file has.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let fail = |source| Error::read(path, source);
    let file = File::open(path).map_err(fail)?;
    let known = file.metadata().map_err(fail)?;
    if known.is_dir() {
        return Err(fail(io::ErrorKind::IsADirectory.into()));
    }
    let mut bytes = Vec::new();
    let size = usize::try_from(known.len()).unwrap_or(usize::MAX);
    bytes.try_reserve_exact(size).map_err(|_| fail(io::ErrorKind::OutOfMemory.into()))?;
    file.take(known.len()).read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// The header's metadata, once the checksum over all bytes holds.
fn check_whole(bytes: &[u8]) -> Result<serde_json::Value, String> {
    let cut = || "it is cut short".to_owned();
    let length = bytes.first_chunk::<8>().ok_or_else(cut)?;
    let length = u64::from_le_bytes(*length);
    if length > HEADER as u64 {
        return Err("it is no safetensors file, or its first bytes are damaged".into());
    }
    let end = 8 + length as usize;
    let header = bytes.get(8..end).ok_or_else(cut)?;
    let (from, sum) = header::checksum(header)
        .ok_or("it has no checksum of chainrule; was it written by another program?")?;
    let mut hash = Sha256::new();
    hash.update(&bytes[..8 + from]);
    hash.update(BLANK);
    hash.update(&bytes[8 + from + BLANK.len()..]);
    if hex(&hash.finalize()).as_bytes() != sum {
        let what = "its checksum does not fit: it is cut short or was altered";
        return Err(what.into());
    }
    let value: serde_json::Value = serde_json::from_slice(header)
        .map_err(|e| format!("its header cannot be read ({e})"))?;
    Ok(value["__metadata__"].clone())
}

fn tensors(bytes: &[u8]) -> Result<Vec<Tensor>, String> {
    let said = |e: safetensors::SafeTensorError| format!("its tensors do not fit ({e})");
    let whole = SafeTensors::deserialize(bytes).map_err(said)?;
    let mut all: Vec<_> = whole.iter().collect();
    // In the order of the file; the crate's own order is that of a hash map.
    all.sort_by_key(|(name, view)| {
        (view.data().as_ptr() as usize, view.data().len(), *name)
    });
    all.into_iter().map(|(name, view)| tensor(name, &view)).collect()
}

fn tensor(
    name: &str,
    view: &safetensors::tensor::TensorView<'_>,
) -> Result<Tensor, String> {
    let &[rows, cols] = view.shape() else {
        return Err(format!("the tensor {name} does not have two dimensions"));
    };
    let data = view.data();
    let numbers = match view.dtype() {
        Dtype::F32 => Numbers::F32(floats(data, f32::from_le_bytes)),
        Dtype::F64 => Numbers::F64(floats(data, f64::from_le_bytes)),
        other => return Err(format!("the tensor {name} has numbers of type {other:?}")),
    };
    Ok(Tensor { name: name.to_owned(), shape: (rows, cols), numbers })
}

fn floats<T, const N: usize>(data: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|b| from(*b)).collect()
}

#[cfg(test)]
mod tests;
