//! Where training starts: a matrix for each parameter.
//!
//! In: a parameter with its `~` or `=`, the sizes of the dimensions, a seed. Out: its first value.
//! Invariant: an entry is a function of (seed, the parameter's name, row, column), so that another
//! parameter, or another order in the file, changes nothing. Variances, with fan-in the dimension
//! that the parameter's first product sums over: he 2/in, glorot 2/(in + out), lecun 1/in; the
//! uniform kinds have the same variance. Deliberately absent: training.

use chainrule_graph::module::{Start, Symbol};
use chainrule_graph::shape::Sizes;
use chainrule_graph::value::Mat;
use chainrule_kernels::rng::Draws;

use crate::error::Error;

/// Draws for the start of parameters; other rooms have other numbers.
const PURPOSE: u32 = 1;

/// The kinds of start, as in the file, with what they take.
pub const STARTS: [(&str, &str); 9] = [
    ("he", ""),
    ("he_uniform", ""),
    ("glorot", ""),
    ("glorot_uniform", ""),
    ("lecun", ""),
    ("lecun_uniform", ""),
    ("normal", "μ, σ"),
    ("uniform", "a, b"),
    ("orthogonal", ""),
];

/// A parameter's first value, and how it was found where the file does not say it.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The value.
    pub value: Mat,
    /// What the summary says: `W1 starts ~ glorot, as the file says nothing`.
    pub note: Option<String>,
}

/// The first value of a parameter.
///
/// # Errors
/// [`Error::Usage`] if the start is unknown, its arguments do not fit, or a literal has another
/// shape than the parameter.
pub fn start(symbol: &Symbol, sizes: &Sizes, seed: u64) -> Result<Started, Error> {
    let (rows, cols) = symbol.shape.under(sizes).ok_or_else(|| {
        usage(symbol, format!("the size of its shape {} is not known", symbol.shape))
    })?;
    let place = Place { symbol, sizes, seed, rows, cols };
    match &symbol.start {
        Start::Draw(name, args) => place.draw(name, args).map(said),
        Start::Fill(value) => place.fill(value).map(said),
        Start::Unsaid => place.unsaid(),
    }
}

fn said(value: Mat) -> Started {
    Started { value, note: None }
}

fn usage(symbol: &Symbol, message: String) -> Error {
    Error::Usage { field: format!("param {}", symbol.shown), message }
}

struct Place<'a> {
    symbol: &'a Symbol,
    sizes: &'a Sizes,
    seed: u64,
    rows: usize,
    cols: usize,
}

impl Place<'_> {
    fn draw(&self, name: &str, args: &[f64]) -> Result<Mat, Error> {
        let (fan_in, fan_out) = self.fans();
        let variance = |kind: &str| match kind {
            "he" => 2.0 / fan_in,
            "glorot" => 2.0 / (fan_in + fan_out),
            _ => 1.0 / fan_in,
        };
        match (name, args) {
            ("he" | "glorot" | "lecun", []) => Ok(self.normal(0.0, variance(name))),
            ("he_uniform" | "glorot_uniform" | "lecun_uniform", []) => {
                let half = libm::sqrt(3.0 * variance(name.trim_end_matches("_uniform")));
                Ok(self.uniform(-half, half))
            }
            ("normal", &[mean, deviation]) if deviation >= 0.0 => {
                Ok(self.normal(mean, deviation * deviation))
            }
            ("uniform", &[low, high]) if low <= high => Ok(self.uniform(low, high)),
            ("orthogonal", []) => Ok(self.orthogonal()),
            _ => Err(self.refuse(name)),
        }
    }

    fn refuse(&self, name: &str) -> Error {
        let wanted = STARTS.iter().find(|(n, _)| *n == name);
        let message = match wanted {
            Some((n, "")) => format!("~ {n} takes no arguments"),
            Some((n, args)) => {
                format!(
                    "expected ~ {n}({args}) with σ ≥ 0 and a ≤ b, found other arguments"
                )
            }
            None => {
                let all: Vec<&str> = STARTS.iter().map(|(n, _)| *n).collect();
                format!("unknown start ~ {name}; there are {}", all.join(", "))
            }
        };
        usage(self.symbol, message)
    }

    /// Fan-in and fan-out; a parameter that is in no product is taken as the left factor of one.
    fn fans(&self) -> (f64, f64) {
        let known = self.symbol.fans.as_ref();
        let sizes =
            known.and_then(|(i, o)| Some((i.under(self.sizes)?, o.under(self.sizes)?)));
        let (fan_in, fan_out) = sizes.unwrap_or((self.cols, self.rows));
        (fan_in.max(1) as f64, fan_out.max(1) as f64)
    }

    fn draws(&self) -> (Draws, u64) {
        (Draws::new(self.seed, PURPOSE), hash(&self.symbol.key))
    }

    fn normal(&self, mean: f64, variance: f64) -> Mat {
        let ((draws, name), deviation) = (self.draws(), libm::sqrt(variance));
        Mat::from_fn(self.rows, self.cols, |i, j| {
            mean + deviation * draws.normal(name, i as u32, j as u32)
        })
    }

    fn uniform(&self, low: f64, high: f64) -> Mat {
        let (draws, name) = self.draws();
        Mat::from_fn(self.rows, self.cols, |i, j| {
            low + (high - low) * draws.uniform(name, i as u32, j as u32)
        })
    }

    /// Orthonormal columns, or rows where there are more columns than rows.
    fn orthogonal(&self) -> Mat {
        let drawn = self.normal(0.0, 1.0);
        if self.rows >= self.cols {
            orthonormal_rows(&drawn.transposed()).transposed()
        } else {
            orthonormal_rows(&drawn)
        }
    }

    fn fill(&self, value: &Mat) -> Result<Mat, Error> {
        if value.is_scalar() {
            return Ok(Mat::filled(self.rows, self.cols, value.data[0]));
        }
        if (value.rows, value.cols) == (self.rows, self.cols) {
            return Ok(value.clone());
        }
        let message = format!(
            "expected a value of {}×{}, found {}×{}",
            self.rows, self.cols, value.rows, value.cols
        );
        Err(usage(self.symbol, message))
    }

    /// Value of the worked example, else matrices ~ glorot and vectors 0.
    fn unsaid(&self) -> Result<Started, Error> {
        let shown = &self.symbol.shown;
        let (value, how) = match &self.symbol.value {
            Some(value) => (self.fill(value)?, "at its value `:=`"),
            None if self.rows > 1 && self.cols > 1 => {
                (self.draw("glorot", &[])?, "~ glorot")
            }
            None => (Mat::filled(self.rows, self.cols, 0.0), "at 0"),
        };
        let note =
            format!("{shown} starts {how}: the file has neither `~` nor `=` for it");
        Ok(Started { value, note: Some(note) })
    }
}

/// Gram–Schmidt, twice for the digits. The lengths taken out are positive, so the result is
/// distributed evenly over all orthonormal sets (Mezzadri 2007).
fn orthonormal_rows(m: &Mat) -> Mat {
    let mut out = m.clone();
    let width = m.cols;
    for i in 0..m.rows {
        let (before, rest) = out.data.split_at_mut(i * width);
        let row = &mut rest[..width];
        for _ in 0..2 {
            for other in before.chunks_exact(width) {
                let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
        }
        let length = libm::sqrt(row.iter().map(|a| a * a).sum());
        row.iter_mut().for_each(|a| *a /= length);
    }
    out
}

/// FNV-1a of the name: the same on every machine.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_graph::graph::SymId;
    use chainrule_graph::shape::{Dim, Shape};
    use chainrule_graph::syntax::ast::Role;

    fn param(rows: usize, cols: usize, start: Start) -> Symbol {
        Symbol {
            id: SymId(0),
            key: "W1".into(),
            shown: "W1".into(),
            role: Role::Param,
            mark: None,
            shape: Shape::new(Dim::size(rows), Dim::size(cols)),
            each: false,
            start,
            value: None,
            fans: None,
            span: Default::default(),
        }
    }

    fn drawn(rows: usize, cols: usize, name: &str, args: &[f64]) -> Mat {
        let symbol = param(rows, cols, Start::Draw(name.into(), args.to_vec()));
        start(&symbol, &Sizes::new(), 7).unwrap().value
    }

    fn moments(m: &Mat) -> (f64, f64) {
        let n = m.data.len() as f64;
        let mean = m.data.iter().sum::<f64>() / n;
        (mean, m.data.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
    }

    #[test]
    fn each_kind_has_its_variance() {
        let (rows, cols) = (300, 200);
        for (name, want) in [
            ("he", 2.0 / 200.0),
            ("he_uniform", 2.0 / 200.0),
            ("glorot", 2.0 / 500.0),
            ("glorot_uniform", 2.0 / 500.0),
            ("lecun", 1.0 / 200.0),
            ("lecun_uniform", 1.0 / 200.0),
        ] {
            let (mean, variance) = moments(&drawn(rows, cols, name, &[]));
            assert!((variance / want - 1.0).abs() < 0.02, "{name}: {variance}, {want}");
            assert!(mean.abs() < 0.02 * libm::sqrt(want), "{name}: {mean}");
        }
        let (mean, variance) = moments(&drawn(rows, cols, "normal", &[1.0, 0.5]));
        assert!((mean - 1.0).abs() < 0.01 && (variance - 0.25).abs() < 0.01);
        let u = drawn(rows, cols, "uniform", &[-1.0, 3.0]);
        assert!(u.data.iter().all(|v| (-1.0..3.0).contains(v)));
        assert!((moments(&u).0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn fan_in_is_what_the_product_sums_over() {
        let mut symbol = param(300, 200, Start::Draw("lecun".into(), vec![]));
        symbol.fans = Some((Dim::size(300), Dim::size(200)));
        let value = start(&symbol, &Sizes::new(), 7).unwrap().value;
        assert!((moments(&value).1 * 300.0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn orthogonal_is_orthonormal_both_ways() {
        for (rows, cols) in [(40, 25), (25, 40), (30, 30)] {
            let m = drawn(rows, cols, "orthogonal", &[]);
            let m = if rows >= cols { m.transposed() } else { m };
            for i in 0..m.rows {
                for k in 0..=i {
                    let dot: f64 = (0..m.cols).map(|j| m.at(i, j) * m.at(k, j)).sum();
                    let want = f64::from(u8::from(i == k));
                    assert!((dot - want).abs() < 1e-12, "{rows}×{cols}: {dot}");
                }
            }
        }
    }

    #[test]
    fn what_the_file_leaves_open_is_said() {
        let mut symbol = param(3, 2, Start::Unsaid);
        let started = start(&symbol, &Sizes::new(), 0).unwrap();
        assert!(started.note.unwrap().contains("~ glorot"));
        symbol.value = Some(Mat::filled(3, 2, 0.5));
        let started = start(&symbol, &Sizes::new(), 0).unwrap();
        assert_eq!(started.value, Mat::filled(3, 2, 0.5));
        let vector = start(&param(3, 1, Start::Unsaid), &Sizes::new(), 0).unwrap();
        assert_eq!(vector.value, Mat::filled(3, 1, 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let fails = |start_: Start| {
            start(&param(3, 2, start_), &Sizes::new(), 0).unwrap_err().to_string()
        };
        assert!(fails(Start::Draw("hee".into(), vec![])).contains("there are he,"));
        assert!(fails(Start::Draw("he".into(), vec![1.0])).contains("no arguments"));
        assert!(fails(Start::Draw("normal".into(), vec![0.0, -1.0])).contains("σ ≥ 0"));
        assert!(fails(Start::Fill(Mat::filled(2, 3, 0.0))).contains("3×2, found 2×3"));
        let seeds: Vec<Mat> = [1, 2]
            .map(|s| {
                let symbol = param(3, 2, Start::Draw("he".into(), vec![]));
                start(&symbol, &Sizes::new(), s).unwrap().value
            })
            .into();
        assert_ne!(seeds[0], seeds[1]);
    }
}
