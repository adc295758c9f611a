//! What the measured Rust programs share: the task, the arrays, the clock, the answer.
//!
//! In: `KEY=VALUE` arguments as `bench/run.py` gives them, arrays of `bench/cells.py` (`.npy`, f32
//! rows and i32 classes). Out: one line of JSON on standard output. Invariants: the first epoch is
//! reported apart, as it pays for what is made once; of the others each is reported, so that the
//! driver forms the medians. Deliberately absent: any library that is measured.
#![allow(dead_code, reason = "no program needs all of it")]
#![allow(clippy::print_stdout, reason = "its answer is what a worker is for")]

use std::collections::BTreeMap;
use std::time::Instant;

/// Whatever stops a worker, told by the driver.
pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// What is to be measured.
pub(crate) struct Task(BTreeMap<String, String>);

impl Task {
    /// From the arguments of the process.
    pub(crate) fn read() -> Fallible<Self> {
        let pair = |a: String| {
            let (key, value) = a.split_once('=').ok_or("expected KEY=VALUE")?;
            Ok((key.to_owned(), value.to_owned()))
        };
        Ok(Self(std::env::args().skip(1).map(pair).collect::<Fallible<_>>()?))
    }

    pub(crate) fn text(&self, key: &str) -> Fallible<&str> {
        Ok(self.0.get(key).ok_or_else(|| format!("expected an argument {key}=…"))?)
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Fallible<T> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|_| format!("expected a number as {key}, found {text}").into())
    }

    /// Entries of a row, then the widths of the layers.
    pub(crate) fn widths(&self) -> Fallible<Vec<usize>> {
        self.text("widths")?.split(',').map(|w| Ok(w.parse()?)).collect()
    }

    /// The rows and their classes.
    pub(crate) fn data(&self) -> Fallible<(Vec<f32>, Vec<i32>)> {
        let file = |name: &str| array(&format!("{}/{name}.npy", self.text("data")?));
        let (x, y) = (file("x")?, file("y")?);
        Ok((x.map(f32::from_le_bytes), y.map(i32::from_le_bytes)))
    }

    /// Whether epochs are still to be measured.
    pub(crate) fn goes_on(&self, done: usize, spent: f64) -> Fallible<bool> {
        let (least, most): (usize, usize) = (self.number("least")?, self.number("most")?);
        Ok(done < least || done < most && spent < self.number("seconds")?)
    }

    /// Milliseconds of epochs; the first one apart.
    pub(crate) fn epochs(
        &self,
        mut epoch: impl FnMut() -> Fallible<()>,
    ) -> Fallible<Figures> {
        let mut timed = || -> Fallible<f64> {
            let clock = Instant::now();
            epoch()?;
            Ok(clock.elapsed().as_secs_f64() * 1e3)
        };
        let mut figures = Figures { first: timed()?, ..Figures::default() };
        while self
            .goes_on(figures.values.len(), figures.values.iter().sum::<f64>() / 1e3)?
        {
            figures.values.push(timed()?);
        }
        Ok(figures)
    }

    /// Times of a call: microseconds of one row, or million rows a second. The call gets its
    /// number.
    pub(crate) fn calls(
        &self,
        mut call: impl FnMut(usize) -> Fallible<()>,
    ) -> Fallible<Figures> {
        let rows: usize = self.number("rows")?;
        let warm = if rows == 1 { 300 } else { 3 };
        let start = Instant::now();
        (0..warm).try_for_each(&mut call)?;
        let first = start.elapsed().as_secs_f64() * 1e3;
        let mut figures = Figures { first, ..Figures::default() };
        let (start, mut number) = (Instant::now(), warm);
        while self.goes_on(figures.values.len(), start.elapsed().as_secs_f64())? {
            let clock = Instant::now();
            call(number)?;
            let spent = clock.elapsed().as_secs_f64() * 1e6;
            figures.values.push(if rows == 1 { spent } else { rows as f64 / spent });
            number += 1;
        }
        Ok(figures)
    }
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn map<T>(&self, entry: impl Fn([u8; 4]) -> T) -> Vec<T> {
        self.0.as_chunks().0.iter().map(|&bytes| entry(bytes)).collect()
    }
}

/// The entries of a `.npy` file of format 1 or 2, as bytes.
fn array(path: &str) -> Fallible<Bytes> {
    let mut bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let short = || format!("{path} is cut short");
    let head = match *bytes.get(6).ok_or_else(short)? {
        1 => 10 + usize::from(u16::from_le_bytes(bytes[8..10].try_into()?)),
        _ => 12 + u32::from_le_bytes(bytes[8..12].try_into()?) as usize,
    };
    bytes.drain(..head);
    Ok(Bytes(bytes))
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Figures {
    /// Milliseconds of the first epoch, of all warming up for calls.
    pub(crate) first: f64,
    pub(crate) values: Vec<f64>,
    /// Mean loss of the first rows in the end; of no meaning where nothing was learned.
    pub(crate) loss: Option<f64>,
}

impl Figures {
    /// Tells them to the driver. Of a million calls the median is enough.
    pub(crate) fn tell(mut self, version: &str) {
        if self.values.len() > 1000 {
            self.values.sort_by(f64::total_cmp);
            self.values = vec![self.values[self.values.len() / 2]];
        }
        let loss = self.loss.map_or("null".to_owned(), |l| format!("{l}"));
        println!(
            "{{\"version\":\"{version}\",\"first\":{},\"values\":{:?},\"loss\":{loss}}}",
            self.first, self.values
        );
    }
}

/// Random numbers for starts and orders, where a library leaves them to its user.
pub(crate) struct Draws(pub u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Entries of a layer's weights with the variance 2 / inputs.
    pub(crate) fn he(&mut self, inputs: usize, outputs: usize) -> Vec<f32> {
        let scale = (2.0 / inputs as f64).sqrt();
        let mut normal = || {
            let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
            radius * (std::f64::consts::TAU * self.uniform()).cos()
        };
        (0..inputs * outputs).map(|_| (scale * normal()) as f32).collect()
    }

    /// The numbers below n in another order.
    pub(crate) fn order(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        order
    }
}
