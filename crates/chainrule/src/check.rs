//! The gradient of the planned program against differences of the planned program, in f64.
//!
//! In: a module, its derived graph, rows of data if there are any (else stand-ins: small sizes
//! and drawn numbers). Out: a [`GradientCheck`]. What is checked is what is trained: the same
//! plan, run in f64. Directions random over all learned numbers, and single entries; a place
//! where two step widths or two sides disagree lies on a kink and is counted, not judged.

use std::sync::Arc;

use chainrule_graph::derived::{Derived, expand};
use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::expand::Purpose as Form;
use chainrule_graph::graph::NodeId;
use chainrule_graph::module::{Module, Symbol};
use chainrule_graph::shape::{Atom, Dim, Sizes};
use chainrule_graph::syntax::ast::{Layout, Mark, Role};
use chainrule_kernels::Team;
use chainrule_kernels::rng::Draws;

use crate::data::{Array, Dataset};
use crate::error::Error;
use crate::init;
use crate::memory;
use crate::model::{batch_dim, indices};
use crate::plan::{Options, Purpose, plan};
use crate::run::{BatchSource, Machine};

/// What came of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientCheck {
    /// Numbers that are learned.
    pub learned: usize,
    /// Random directions that were compared.
    pub directions: usize,
    /// Single entries that were compared.
    pub entries: usize,
    /// Comparisons that crossed a kink, or an overflow, and were left out.
    pub kinks: usize,
    /// The largest relative deviation.
    pub largest: f64,
    /// Where it was: `W1[2,3]`, or `direction 4`.
    pub place: String,
    /// Whether real rows were used, or stand-ins.
    pub real_data: bool,
}

/// Deviations above this are wrong: differences in f64 are good to about 1e-8.
pub const TOLERANCE: f64 = 1e-5;

impl GradientCheck {
    /// Whether gradient and differences agree.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.largest <= TOLERANCE
    }

    /// The finding M3 if they do not.
    #[must_use]
    pub fn diagnostic(&self) -> Option<Diagnostic> {
        (!self.passed()).then(|| {
            let text = format!(
                "the gradient check failed: at {} gradient and differences deviate by {:.1e}",
                self.place, self.largest
            );
            Diagnostic::error(Code::M3, Span::default(), text)
        })
    }
}

/// How many directions, and how many entries once more than [`MANY`] numbers are learned.
const DIRECTIONS: usize = 20;
const ENTRIES: usize = 200;
const MANY: usize = 2_000;
/// Rows of data that are used at most.
const ROWS: usize = 16;
/// Step width of the differences.
const WIDTH: f64 = 1e-5;
/// Purpose of the draws here.
const DRAW: u32 = 0x6368_6563;

/// Checks the planned gradient of everything learned; `None` if nothing is.
///
/// # Errors
/// If a size is not known or a start does not fit; a wrong gradient is no error here, see
/// [`GradientCheck::diagnostic`].
pub fn gradients(
    m: &Module,
    d: &Derived,
    data: Option<&Dataset>,
    seed: u64,
) -> Result<Option<GradientCheck>, Error> {
    if d.gradients.is_empty() {
        return Ok(None);
    }
    let sizes = all_sizes(m, data);
    let rows = data.map_or(5, |d| d.rows.min(ROWS)).max(1);
    let mut bench = Bench::new(m, d, data, sizes, rows, seed)?;
    let mut out = bench.compare(seed);
    out.real_data = data.is_some();
    Ok(Some(out))
}

/// Sizes known, taken from data, or small stand-ins, all different.
fn all_sizes(m: &Module, data: Option<&Dataset>) -> Sizes {
    let mut sizes = m.dims.sizes.clone();
    for s in &m.symbols {
        let found = data.and_then(|d| d.array(&s.key)).map(Array::cols);
        let dim = if m.layout == Layout::Rows { &s.shape.cols } else { &s.shape.rows };
        if let (Some(n), [Atom::Name(name)]) = (found, dim.atoms.as_slice()) {
            sizes.entry(name.clone()).or_insert(n.saturating_sub(dim.known));
        }
    }
    let mut next = [3, 5, 4, 7, 2, 6].into_iter().cycle();
    let batch = batch_dim(m);
    for s in &m.symbols {
        for dim in [&s.shape.rows, &s.shape.cols] {
            for atom in &dim.atoms {
                let Atom::Name(name) = atom else { continue };
                if batch.as_ref() != Some(name) {
                    sizes.entry(name.clone()).or_insert_with(|| next.next().unwrap_or(3));
                }
            }
        }
    }
    sizes
}

/// A machine with its numbers in place.
struct Bench<'a> {
    m: &'a Module,
    machine: Machine<f64>,
    objective: NodeId,
    sizes: Sizes,
    start: Vec<f64>,
}

impl<'a> Bench<'a> {
    fn new(
        m: &'a Module,
        d: &Derived,
        data: Option<&Dataset>,
        sizes: Sizes,
        rows: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let x = expand(m, d, Form::Training);
        let batch = batch_dim(m);
        let index = data.map_or_else(Vec::new, |data| indices(m, data));
        let options = Options {
            sizes: sizes.clone(),
            rows,
            index: &index,
            batch: batch.as_deref(),
            keep: &[],
            learned: &[],
        };
        let p = plan(&x, Purpose::Train, &options).map_err(Error::Diagnostics)?;
        memory::fits(&p, size_of::<f64>(), 0, 1)?;
        let machine = Machine::new(Arc::new(p), Arc::new(Team::single()));
        let objective = x.objective;
        let start = Vec::new();
        let mut bench = Self { m, machine, objective, sizes: sizes.clone(), start };
        bench.machine.batch(rows);
        bench.machine.set_random_key(seed, 1);
        bench.fill(data, &sizes, rows, seed)?;
        bench.start = bench.machine.parameters().to_vec();
        Ok(bench)
    }

    /// Every symbol gets its value: data, worked example, start, or drawn.
    fn fill(
        &mut self,
        data: Option<&Dataset>,
        sizes: &Sizes,
        rows: usize,
        seed: u64,
    ) -> Result<(), Error> {
        let order: Vec<u32> = (0..rows as u32).collect();
        for s in &self.m.symbols {
            if let Some(array) = data.and_then(|d| d.array(&s.key)) {
                let source = match array {
                    Array::Dense { cols, values } => {
                        BatchSource::Dense { values, cols: *cols }
                    }
                    Array::Index { index, .. } => BatchSource::Index(index),
                };
                self.machine.load(s.id, source, &order);
                continue;
            }
            let shape = self.shape(s, sizes, rows);
            let learned = self.m.trainable.contains(&s.id) && s.role == Role::Param;
            let values = match &s.value {
                Some(v) if !s.each && (v.rows, v.cols) == shape => v.data.clone(),
                _ if learned => init::start(s, sizes, seed)?.value.data,
                _ => drawn(s, self.m.layout, shape, if s.each { rows } else { 1 }, seed),
            };
            self.machine.set(s.id, &values);
        }
        Ok(())
    }

    /// Shape of one value, the batch dimension put in.
    fn shape(&self, s: &Symbol, sizes: &Sizes, rows: usize) -> (usize, usize) {
        let side = |d: &Dim| d.under(sizes).unwrap_or(rows);
        (side(&s.shape.rows), side(&s.shape.cols))
    }

    /// The objective with the parameters moved along a direction.
    fn value(&mut self, direction: &[(usize, f64)], h: f64) -> f64 {
        for &(i, v) in direction {
            self.machine.parameters_mut()[i] = self.start[i] + h * v;
        }
        self.machine.run();
        // Read before the numbers go back: the objective may be one of them.
        let value = self.machine.scalar(self.objective).unwrap_or(f64::NAN);
        for &(i, _) in direction {
            self.machine.parameters_mut()[i] = self.start[i];
        }
        value
    }

    /// The central difference; `None` across a kink: there two widths disagree, or, right on it, the
    /// slopes to both sides go on differing as the width shrinks.
    fn difference(&mut self, direction: &[(usize, f64)], scale: f64) -> Option<f64> {
        let here = self.value(direction, 0.0);
        let mut at = |h: f64| {
            let (up, down) = (self.value(direction, h), self.value(direction, -h));
            ((up - down) / (2.0 * h), ((up - here) - (here - down)).abs() / h)
        };
        let ((wide, far), (narrow, near)) = (at(WIDTH), at(WIDTH / 2.0));
        let same = (wide - narrow).abs() <= 1e-6 * scale.max(narrow.abs());
        // On a curve the bend halves with the width; on a kink it stays.
        let bent = near > 1e-4 * scale.max(narrow.abs()) && near > 0.75 * far;
        let smooth = same && !bent;
        // Beside a number there may be none: an overflow that says nothing of the gradient.
        let slope = (4.0 * narrow - wide) / 3.0;
        (smooth || !here.is_finite()).then_some(slope)
    }

    fn compare(&mut self, seed: u64) -> GradientCheck {
        self.machine.run();
        let gradient = self.machine.gradients().to_vec();
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let places: Vec<(usize, String)> = self.places();
        let mut out = GradientCheck {
            learned: places.len(),
            directions: 0,
            entries: 0,
            kinks: 0,
            largest: 0.0,
            place: String::new(),
            real_data: false,
        };
        let draws = Draws::new(seed, DRAW);
        for k in 0..DIRECTIONS {
            let direction = random_direction(&places, &draws, k as u32);
            out.directions += 1;
            self.one(
                &direction,
                &gradient,
                norm,
                format!("direction {}", k + 1),
                &mut out,
            );
        }
        for i in chosen(places.len(), &draws) {
            let (at, name) = &places[i];
            out.entries += 1;
            self.one(&[(*at, 1.0)], &gradient, norm, name.clone(), &mut out);
        }
        out
    }

    /// One comparison.
    fn one(
        &mut self,
        direction: &[(usize, f64)],
        gradient: &[f64],
        norm: f64,
        place: String,
        out: &mut GradientCheck,
    ) {
        let slope: f64 = direction.iter().map(|&(i, v)| gradient[i] * v).sum();
        let scale = slope.abs().max(1e-4 * norm).max(1e-9);
        let Some(found) = self.difference(direction, scale) else {
            out.kinks += 1;
            return;
        };
        let off = (found - slope).abs() / scale;
        if off > out.largest || !off.is_finite() {
            out.largest = if off.is_finite() { off } else { f64::INFINITY };
            out.place = place;
        }
    }

    /// Every learned number: its place in the machine and its name.
    fn places(&self) -> Vec<(usize, String)> {
        let mut out = Vec::new();
        for (id, start, len) in self.machine.plan().learned_slices() {
            let s = &self.m.symbols[id.0 as usize];
            let cols = s.shape.cols.under(&self.sizes).unwrap_or(1).max(1);
            let column = cols == 1;
            out.extend((0..len).map(|i| {
                let (r, c) = (i / cols + 1, i % cols + 1);
                let name = match (len, column) {
                    (1, _) => s.shown.clone(),
                    (_, true) => format!("{}[{r}]", s.shown),
                    _ => format!("{}[{r},{c}]", s.shown),
                };
                (start + i, name)
            }));
        }
        out
    }
}

/// A direction of length 1 over all learned numbers.
fn random_direction(
    places: &[(usize, String)],
    draws: &Draws,
    k: u32,
) -> Vec<(usize, f64)> {
    let entry = |i: usize| 2.0 * draws.uniform(i as u64, k, 1) - 1.0;
    let raw: Vec<(usize, f64)> =
        places.iter().enumerate().map(|(i, (at, _))| (*at, entry(i))).collect();
    let norm = raw.iter().map(|(_, v)| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    raw.into_iter().map(|(i, v)| (i, v / norm)).collect()
}

/// All entries, or some drawn ones if there are many.
fn chosen(n: usize, draws: &Draws) -> Vec<usize> {
    if n <= MANY {
        return (0..n).collect();
    }
    (0..ENTRIES as u64).map(|i| draws.below(n as u64, i, 0, 2) as usize).collect()
}

/// Stand-in numbers that keep to a symbol's mark.
fn drawn(
    s: &Symbol,
    layout: Layout,
    (rows, cols): (usize, usize),
    examples: usize,
    seed: u64,
) -> Vec<f64> {
    let draws = Draws::new(seed, DRAW);
    let uniform = |i: usize| draws.uniform(i as u64, s.id.0, 3);
    let n = rows * cols;
    let by_rows = layout == Layout::Rows;
    (0..n * examples)
        .map(|i| {
            let (e, r, c) = (i / n, i % n / cols, i % cols);
            let (place, of, which) = if by_rows { (c, cols, r) } else { (r, rows, c) };
            match s.mark {
                Some(Mark::OneHot) => f64::from(u8::from((e + which) % of == place)),
                Some(Mark::Distribution) => {
                    let total = (of * (of + 1) / 2) as f64;
                    ((place + e + which) % of + 1) as f64 / total
                }
                Some(Mark::Binary | Mark::MultiHot) => {
                    f64::from(u8::from(uniform(i) > 0.5))
                }
                None => 0.2 + 0.7 * uniform(i),
            }
        })
        .collect()
}
