//! Figures of a training as an event file that TensorBoard reads while it grows.
//!
//! In: the loop's [`Event`]s. Out: `events.out.tfevents.<seconds>.chainrule.<process>.<n>`, one
//! record per epoch: a length and a message, each with its masked CRC-32C. Tags: `loss/train`,
//! `loss/held_out`, `<metric>/train`, `<metric>/held_out`, `learning_rate`, `gradient_norm`; the step
//! is the epoch. Invariants: a record is written in one piece and at once, so a reader never waits
//! for a buffer; a training that fails leaves no file. [`scalars`] reads such files, those of other
//! programs, too. Deliberately absent: histograms.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::error::Error;
use crate::train::{Begin, Epoch, Event};

/// `tensorflow.Event`, as far as it is written.
#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Figure>,
}

/// `tensorflow.Summary.Value`. The number is written even if it is 0.
#[derive(Clone, PartialEq, Message)]
struct Figure {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    /// Where TensorFlow 2 puts a scalar; never written.
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
}

/// `tensorflow.TensorProto`, as far as a scalar of it is read.
#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    doubles: Vec<f64>,
}

/// A number of an event file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) tag: String,
    pub(crate) step: i64,
    pub(crate) value: f64,
}

/// All scalars of an event file in their order, and whether the file ends inside a record (it is
/// being written, or was cut). Reading stops at the first record whose checksum does not fit.
pub(crate) fn scalars(bytes: &[u8]) -> (Vec<Scalar>, bool) {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let Some((message, after)) = unframed(rest) else { return (out, true) };
        rest = after;
        let Ok(record) = Record::decode(message) else { return (out, true) };
        for figure in record.summary.into_iter().flat_map(|s| s.value) {
            if let Some(value) = figure.number() {
                out.push(Scalar { tag: figure.tag, step: record.step, value });
            }
        }
    }
    (out, false)
}

/// The first record, and what follows it.
fn unframed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let n = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let whole = masked(crc32c(length)) == u32::from_le_bytes(*sum) && n <= rest.len();
    let (message, rest) = whole.then(|| rest.split_at(n))?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    (masked(crc32c(message)) == u32::from_le_bytes(*sum)).then_some((message, rest))
}

impl Figure {
    /// The number, if this is a scalar.
    fn number(&self) -> Option<f64> {
        let tensor = || match self.tensor.as_ref()? {
            Tensor { kind: 1, floats, .. } if floats.len() == 1 => {
                Some(f64::from(floats[0]))
            }
            Tensor { kind: 2, doubles, .. } if doubles.len() == 1 => Some(doubles[0]),
            Tensor { kind: 1, content, .. } => {
                Some(f64::from(f32::from_le_bytes(content[..].try_into().ok()?)))
            }
            Tensor { kind: 2, content, .. } => {
                Some(f64::from_le_bytes(content[..].try_into().ok()?))
            }
            _ => None,
        };
        self.simple_value.map(f64::from).or_else(tensor)
    }
}

/// An event file in the making; it is taken away again unless [`EventFile::finish`] is reached.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    began: f64,
    metric: Option<&'static str>,
    /// Folders that were made for it.
    made: Vec<PathBuf>,
    done: bool,
}

impl EventFile {
    /// Begins a file in the folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Write`]: no permission, no space.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        let fail = |source| Error::Write { path: folder.to_owned(), source };
        let made: Vec<PathBuf> = folder
            .ancestors()
            .filter(|f| !f.as_os_str().is_empty())
            .take_while(|f| !f.exists())
            .map(Path::to_owned)
            .collect();
        fs::create_dir_all(folder).map_err(fail)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (path, file) = open(folder, since.as_secs()).map_err(fail)?;
        let (began, metric, done) = (since.as_secs_f64(), None, false);
        let mut events = Self { path, file, began, metric, made, done };
        let file_version = Some("brain.Event:2".to_owned());
        events.put(&Record { wall_time: began, file_version, ..Record::default() })?;
        Ok(events)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down what happened, if it has figures.
    ///
    /// # Errors
    /// [`Error::Write`]: the disk is full.
    pub fn tell(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            Event::Start(Begin { metric, .. }) => {
                self.metric = *metric;
                Ok(())
            }
            Event::Epoch(epoch) => self.put(&Record {
                wall_time: self.began + epoch.seconds,
                step: epoch.epoch as i64,
                file_version: None,
                summary: Some(Summary { value: figures(epoch, self.metric) }),
            }),
            _ => Ok(()),
        }
    }

    /// From here on the file stays.
    ///
    /// # Errors
    /// [`Error::Write`]: the disk is full; the file is then taken away.
    pub fn finish(mut self) -> Result<PathBuf, Error> {
        self.file.sync_all().map_err(|e| self.fail(e))?;
        self.done = true;
        Ok(self.path.clone())
    }

    fn put(&mut self, record: &Record) -> Result<(), Error> {
        let framed = framed(&record.encode_to_vec());
        self.file.write_all(&framed).map_err(|e| self.fail(e))
    }

    fn fail(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

impl Drop for EventFile {
    fn drop(&mut self) {
        if !self.done {
            // Nothing can be done about a failure here, and the first one is already told.
            let _ = fs::remove_file(&self.path);
            for folder in &self.made {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// A new file; two trainings that begin at the same moment get two.
fn open(folder: &Path, seconds: u64) -> io::Result<(PathBuf, File)> {
    let process = std::process::id();
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for n in 0..100 {
        let name = format!("events.out.tfevents.{seconds}.chainrule.{process}.{n}");
        let path = folder.join(name);
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(e),
        }
    }
    Err(taken)
}

/// Tags and figures of an epoch; figures that there are not are left out.
fn figures(e: &Epoch, metric: Option<&str>) -> Vec<Figure> {
    let metric = match metric {
        Some("R²") => "r2",
        Some(name) => name,
        None => "metric",
    };
    let all = [
        ("loss/train".to_owned(), Some(e.loss)),
        ("loss/held_out".to_owned(), e.held_loss),
        (format!("{metric}/train"), e.metric),
        (format!("{metric}/held_out"), e.held_metric),
        ("learning_rate".to_owned(), e.lr),
        ("gradient_norm".to_owned(), e.gradient),
    ];
    let there = all.into_iter().filter_map(|(tag, v)| Some((tag, v?)));
    let figure = |(tag, v): (String, f64)| Figure {
        tag,
        simple_value: Some(v as f32),
        tensor: None,
    };
    there.map(figure).collect()
}

/// A record of a TFRecord file.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(message);
    out.extend(masked(crc32c(message)).to_le_bytes());
    out
}

/// The format's guard against checksums of checksums.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: a record has some hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, b: &u8| (0..8).fold(crc ^ u32::from(*b), |crc, _| bit(crc));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn every_epoch_is_on_the_disk_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/b");
        let mut events = EventFile::create(&root).unwrap();
        let epoch = |n| Event::Epoch(Epoch { epoch: n, loss: 0.5, ..Epoch::default() });
        let mut size = fs::metadata(events.path()).unwrap().len();
        for n in 1..=3 {
            events.tell(&epoch(n)).unwrap();
            let now = fs::metadata(events.path()).unwrap().len();
            assert!(now > size);
            size = now;
        }
        let path = events.finish().unwrap();
        let bytes = fs::read(path).unwrap();
        assert_eq!(&bytes[..8], (bytes_of_first() as u64).to_le_bytes());
        assert_eq!(bytes.len() as u64, size);
    }

    fn bytes_of_first() -> usize {
        // wall_time as 9 bytes, the version with tag and length.
        9 + 2 + "brain.Event:2".len()
    }

    #[test]
    fn what_was_written_is_read_and_a_cut_file_as_far_as_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path()).unwrap();
        for n in 1..=3 {
            let epoch = Epoch { epoch: n, loss: 0.5 / n as f64, ..Epoch::default() };
            events.tell(&Event::Epoch(epoch)).unwrap();
        }
        let bytes = fs::read(events.finish().unwrap()).unwrap();
        let (all, cut) = scalars(&bytes);
        let losses: Vec<f64> =
            all.iter().filter(|s| s.tag == "loss/train").map(|s| s.value).collect();
        assert_eq!((losses[1], losses.len(), cut), (0.25, 3, false));
        for n in 0..bytes.len() {
            let (some, cut) = scalars(&bytes[..n]);
            assert!(some.len() <= all.len() && some[..] == all[..some.len()]);
            assert!(cut || n == 0 || some.len() < all.len());
        }
        let mut changed = bytes.clone();
        changed[bytes.len() - 10] ^= 1;
        assert!(scalars(&changed).1);
    }

    #[test]
    fn a_training_that_fails_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        drop(EventFile::create(&folder.path().join("a/b")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::write(folder.path().join("a"), "in the way").unwrap();
        let said = EventFile::create(&folder.path().join("a/b")).unwrap_err();
        assert_eq!(said.exit_status(), 3);
    }
}
