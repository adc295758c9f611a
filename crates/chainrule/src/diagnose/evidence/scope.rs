//! A look into a network: what every unit does on some rows, and the gradient of each weight.
//!
//! In: weights of one moment, rows to train on. Out: a [`Look`]. Invariants: rows are spread evenly
//! over the part and the same for every look of a run; numbers are f64 whatever the run's are, so that
//! a look tells the network and not the rounding. Deliberately absent: training; what is too small.

use chainrule_graph::diag::Span;
use chainrule_graph::graph::{NodeId, Op, SymId};
use chainrule_graph::shape::Sizes;

use super::network::Network;
use super::table::spread;
use crate::data::{Dataset, Part, permutation};
use crate::error::Error;
use crate::init;
use crate::model::Model;
use crate::plan::Purpose;
use crate::train::{Fed, Meter, Planned, Weights, rms};

/// Rows of a look, at most; fewer where the network is large.
const ROWS: usize = 1024;
/// Multiplications of a look, about.
const WORK: usize = 400_000_000;

/// A hidden layer on the rows.
#[derive(Clone, Debug)]
pub(crate) struct Units {
    /// Its place among the layers.
    pub(crate) layer: usize,
    /// Of each unit, the share of rows where its slope is 0.
    pub(crate) flat: Vec<f64>,
    /// Of all rows and units, the share where the slope is below 1 % of the steepest.
    pub(crate) saturated: f64,
    /// The mean slope, in size.
    pub(crate) slope: f64,
    /// Of each unit, its largest argument.
    pub(crate) highest: Vec<f64>,
    /// Root mean square of the arguments.
    pub(crate) z: f64,
}

/// A network at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Root mean square of the gradient of each layer's weights.
    pub(crate) gradients: Vec<f64>,
    pub(crate) units: Vec<Units>,
    /// The standard deviation of the outputs' entries over the rows.
    pub(crate) output: f64,
    pub(crate) objective: f64,
    /// The loss of each row.
    pub(crate) losses: Vec<f64>,
    /// Rows of a batch at which noise and gradient are equally large (B1).
    pub(crate) noise: Option<f64>,
    /// Of each layer, units that are one: equal weights, equal gradients.
    pub(crate) twins: Vec<usize>,
}

/// Starts of a file by as many seeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Starts {
    pub(crate) tried: usize,
    /// Those with a layer whose units all have slope 0 on every row.
    pub(crate) dead: usize,
}

/// Starts that are looked at.
const STARTS: usize = 60;
/// If half of all units were off, layers would be dead less often than this: not worth a look.
const RARE: f64 = 0.02;

/// Into how many parts the rows of a look fall for the noise of gradients.
const PARTS: usize = 16;

/// Where to look, and with what.
pub(crate) struct Scope<'a> {
    model: &'a Model,
    sizes: Sizes,
    network: Network,
    meter: Meter<f64>,
    fed: Fed<'a, f64>,
    rows: Vec<u32>,
    /// Of each hidden layer: its place, the nodes of argument and slope, the steepest slope.
    hidden: Vec<(usize, NodeId, NodeId, f64)>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        model: &'a Model,
        network: &Network,
        sizes: &Sizes,
        train: &'a Dataset,
    ) -> Result<Self, Error> {
        let m = model.module();
        let mut open = model.clone();
        let derived = &mut open.derived;
        let mut hidden = Vec::new();
        for (i, layer) in network.layers.iter().enumerate() {
            let Some((f, call)) = &layer.act else { continue };
            let args = derived.graph[*call].args.clone();
            let op = Op::Deriv(f.function, 0);
            let slope = derived.graph.add(op, &args, Span::default());
            let name = m.symbols[layer.weights.0 as usize].shown.clone();
            hidden.push((i, f.steepest(m).unwrap_or(1.0)));
            derived.named.extend([(layer.z, name.clone()), (slope, name)]);
        }
        let entries = |id: &SymId| m.symbols[id.0 as usize].shape.under(sizes);
        let parameters: usize =
            m.trainable.iter().filter_map(entries).map(|(r, c)| r * c).sum();
        let most = (WORK / parameters.max(1)).clamp(32, ROWS);
        let rows: Vec<u32> =
            spread(train.rows, most).into_iter().map(|r| r as u32).collect();
        let mut planned = Planned::new(&open, sizes, train);
        planned.watched = true;
        let meter = Meter::<f64>::new(&planned, Purpose::Train, rows.len())?;
        let named = &meter.graph().named;
        let first = named.len() - 2 * hidden.len();
        let nodes = |k: usize| (named[first + 2 * k].0, named[first + 2 * k + 1].0);
        let hidden = hidden.iter().enumerate().map(|(k, &(i, steepest))| {
            let (z, slope) = nodes(k);
            (i, z, slope, steepest)
        });
        let hidden = hidden.collect();
        let part = Part::from(train);
        let fed = Fed::new(m, part, part.mean_weight()?, None);
        let (network, sizes) = (network.clone(), sizes.clone());
        Ok(Self { model, sizes, network, meter, fed, rows, hidden })
    }

    /// The weights that training begins with.
    pub(crate) fn start(&self) -> Result<Weights, Error> {
        self.start_of(self.model.settings().seed)
    }

    /// The weights that it would begin with by another seed.
    fn start_of(&self, seed: u64) -> Result<Weights, Error> {
        let m = self.model.module();
        let one = |id: &SymId| {
            let symbol = &m.symbols[id.0 as usize];
            Ok((*id, init::start(symbol, &self.sizes, seed)?.value.data))
        };
        m.trainable.iter().map(one).collect()
    }

    fn run(&mut self, weights: &Weights) {
        let machine = &mut self.meter.machine;
        weights.iter().for_each(|(id, values)| machine.set(*id, values));
        machine.set_random_key(self.model.settings().seed, 1);
        machine.run_rows(&self.fed, &self.rows);
    }

    fn hidden_units(&self) -> Vec<Units> {
        self.hidden.iter().map(|h| self.units(h)).collect()
    }

    pub(crate) fn look(&mut self, weights: &Weights) -> Look {
        self.run(weights);
        let (machine, x) = (&self.meter.machine, self.meter.graph());
        let gradient = |id: SymId| machine.unpacked(id, machine.gradients());
        let layers = || self.network.layers.iter().map(|l| l.weights);
        let own = |id: SymId| weights.iter().find(|(w, _)| *w == id).map(|(_, v)| v);
        let losses = x.loss.and_then(|n| machine.value(n)).unwrap_or_default();
        let mut output = Vec::new();
        self.meter.output(&mut output);
        let mut look = Look {
            gradients: layers()
                .map(|id| rms(&gradient(id).unwrap_or_default()))
                .collect(),
            units: self.hidden_units(),
            output: deviation(&output, self.rows.len()),
            objective: self.meter.figures().objective,
            losses,
            noise: None,
            twins: layers().map(|id| self.twins(id, own(id), gradient(id))).collect(),
        };
        look.noise = self.noise();
        look
    }

    /// How many starts of the file have a layer that passes nothing on for any row; only looked at
    /// where chance could do that: units of a layer that all draw the wrong side.
    pub(crate) fn starts(&mut self) -> Result<Option<Starts>, Error> {
        let alive = |layer: &Vec<f64>| 1.0 - libm::exp2(-(layer.len() as f64));
        let first = self.start()?;
        self.run(&first);
        let units = self.hidden_units();
        let bent = |flat: &&Vec<f64>| flat.iter().any(|share| *share > 0.0);
        let flat = units.iter().map(|u| &u.flat).filter(bent);
        if 1.0 - flat.map(alive).product::<f64>() < RARE {
            return Ok(None);
        }
        let seed = self.model.settings().seed;
        let mut starts = Starts { tried: STARTS, dead: 0 };
        for other in 0..STARTS as u64 {
            let weights = self.start_of(seed.wrapping_add(other))?;
            self.run(&weights);
            let dead = |u: &Units| u.flat.iter().all(|share| *share == 1.0);
            starts.dead += usize::from(self.hidden_units().iter().any(dead));
        }
        Ok(Some(starts))
    }

    /// The square of the whole gradient of what was run last.
    fn gradient_square(&self) -> f64 {
        let machine = &self.meter.machine;
        let one = |id: &SymId| machine.unpacked(*id, machine.gradients());
        let all = self.model.module().trainable.iter().filter_map(one);
        all.flatten().map(|g| g * g).sum()
    }

    /// The gradient noise scale after a run of all rows, from gradients of these rows and of parts
    /// of them (McCandlish et al. 2018, An Empirical Model of Large-Batch Training, appendix A.1):
    /// a mean over n rows has the expected square |G|² + S / n. Infinite where no gradient stands out.
    fn noise(&mut self) -> Option<f64> {
        let (all, part) = (self.rows.len(), self.rows.len() / PARTS);
        // Statistics of a batch would differ with its size.
        if part == 0 || !self.model.module().norms.is_empty() {
            return None;
        }
        let whole = self.gradient_square();
        let order = permutation(0, all);
        let mut parts = 0.0;
        for own in order.chunks_exact(part) {
            let rows: Vec<u32> = own.iter().map(|&i| self.rows[i as usize]).collect();
            self.meter.machine.run_rows(&self.fed, &rows);
            parts += self.gradient_square();
        }
        let parts = parts / (all / part) as f64;
        let share = 1.0 / part as f64 - 1.0 / all as f64;
        let noise = ((parts - whole) / share).max(0.0);
        let signal = whole - noise / all as f64;
        let scale = if signal > 0.0 { noise / signal } else { f64::INFINITY };
        (parts.is_finite() && parts > 0.0).then_some(scale)
    }

    fn units(
        &self,
        &(layer, z, slope, steepest): &(usize, NodeId, NodeId, f64),
    ) -> Units {
        let machine = &self.meter.machine;
        let (z, mut slopes) = (
            machine.value(z).unwrap_or_default(),
            machine.value(slope).unwrap_or_default(),
        );
        if slopes.len() < z.len() {
            // A slope that is the same everywhere is kept once.
            slopes = vec![slopes.first().copied().unwrap_or(0.0); z.len()];
        }
        let (rows, n) = (self.rows.len(), z.len() / self.rows.len().max(1));
        let of = |values: &[f64], u: usize| -> Vec<f64> {
            values.iter().skip(u).step_by(n.max(1)).copied().collect()
        };
        let flat = |u: usize| {
            of(&slopes, u).iter().filter(|s| **s == 0.0).count() as f64 / rows as f64
        };
        let low = slopes.iter().filter(|s| s.abs() < 0.01 * steepest).count();
        let slope =
            slopes.iter().map(|s| s.abs()).sum::<f64>() / slopes.len().max(1) as f64;
        let highest = |u: usize| of(&z, u).into_iter().fold(f64::NEG_INFINITY, f64::max);
        Units {
            layer,
            flat: (0..n).map(flat).collect(),
            saturated: low as f64 / slopes.len().max(1) as f64,
            slope,
            highest: (0..n).map(highest).collect(),
            z: rms(&z),
        }
    }

    /// Units of a layer that another one equals, in its weights and in its gradient: they stay one.
    fn twins(
        &self,
        id: SymId,
        own: Option<&Vec<f64>>,
        gradient: Option<Vec<f64>>,
    ) -> usize {
        let symbol = &self.model.module().symbols[id.0 as usize];
        let shape = symbol.shape.under(&self.sizes);
        let (Some(w), Some(g), Some((rows, cols))) = (own, gradient, shape) else {
            return 0;
        };
        let first_is_left = symbol
            .fans
            .as_ref()
            .is_none_or(|(fan_in, _)| fan_in.under(&self.sizes) == Some(cols));
        let (units, entries) = if first_is_left { (rows, cols) } else { (cols, rows) };
        let at = |u: usize, e: usize| match first_is_left {
            true => u * cols + e,
            false => e * cols + u,
        };
        let size = rms(&g);
        let same = |a: usize, b: usize| {
            (0..entries).all(|e| {
                let (i, j) = (at(a, e), at(b, e));
                w[i] == w[j] && (g[i] - g[j]).abs() <= 1e-9 * size.max(1e-300)
            })
        };
        if size == 0.0 {
            return 0;
        }
        (1..units).filter(|&u| same(0, u)).count()
    }
}

/// The standard deviation over the rows, in the mean over the entries.
fn deviation(output: &[f64], rows: usize) -> f64 {
    let n = output.len() / rows.max(1);
    let one = |c: usize| {
        let own: Vec<f64> = output.iter().skip(c).step_by(n).copied().collect();
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / own.len() as f64
    };
    libm::sqrt((0..n).map(one).sum::<f64>() / n.max(1) as f64)
}

/// The loss of each row of a part in evaluation mode, with these weights; `None` where running
/// statistics would be needed as well, or rows are not in memory.
pub(crate) fn row_losses(
    model: &Model,
    sizes: &Sizes,
    part: Part<'_>,
    weights: &Weights,
) -> Option<Vec<f64>> {
    let Part::Memory(data) = part else { return None };
    if !model.module().norms.is_empty() {
        return None;
    }
    let rows: Vec<u32> = spread(data.rows, ROWS).into_iter().map(|r| r as u32).collect();
    let planned = Planned::new(model, sizes, data);
    let mut meter = Meter::<f64>::new(&planned, Purpose::Evaluate, rows.len()).ok()?;
    weights.iter().for_each(|(id, values)| meter.machine.set(*id, values));
    let weight = part.mean_weight().ok()?;
    let fed = Fed::<f64>::new(model.module(), part, weight, None);
    meter.machine.run_rows(&fed, &rows);
    meter.machine.value(meter.graph().loss?)
}
