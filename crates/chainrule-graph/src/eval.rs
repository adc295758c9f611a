//! The reference: the literal value of every node in f64, one example after the other.
//!
//! In: a graph of primitives, values of symbols, sizes. Out: a value per node. Slow and obvious
//! on purpose; `plan` + `run` are held against it. Deliberately absent: calls (see `expand`).

use std::collections::BTreeMap;

use crate::graph::{Axis, Block, Graph, NodeId, Op, SymId};
use crate::ops::elementwise;
use crate::shape::{Shape, Sizes};
use crate::value::Mat;

/// A node's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The same for all examples.
    Shared(Mat),
    /// One per example.
    Each(Vec<Mat>),
}

impl Value {
    /// The value for example `e`.
    #[must_use]
    pub fn of(&self, e: usize) -> &Mat {
        match self {
            Self::Shared(m) => m,
            Self::Each(v) => &v[e],
        }
    }
}

/// What a graph needs from outside.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// Values of symbols.
    pub symbols: BTreeMap<SymId, Value>,
    /// Values of slots by number.
    pub slots: BTreeMap<u32, Value>,
    /// Sizes of named dimensions.
    pub sizes: Sizes,
    /// Number of examples.
    pub examples: usize,
    /// Dropout masks by site (training form), one per example.
    pub masks: BTreeMap<u32, Vec<Mat>>,
    /// Running mean and variance by batch-norm site (evaluation form).
    pub running: BTreeMap<u32, (Mat, Mat)>,
}

/// ε of batch_norm and layer_norm.
pub const NORM_EPSILON: f64 = 1e-5;

/// The value of every node; `None` where something that it needs is not in `env`.
#[must_use]
pub fn eval(g: &Graph, env: &Env) -> Vec<Option<Value>> {
    let mut values: Vec<Option<Value>> = Vec::with_capacity(g.len());
    for (id, _) in g.iter() {
        let value = node_value(g, id, env, &values);
        values.push(value);
    }
    values
}

/// The values of the nodes that `roots` need only; `None` elsewhere.
#[must_use]
pub fn eval_roots(g: &Graph, env: &Env, roots: &[NodeId]) -> Vec<Option<Value>> {
    eval_adjusted(g, env, roots, &|_, value| value)
}

/// The same, with every value passed through `adjust` before it is used any further: what a
/// calculation by hand does that rounds at each step.
#[must_use]
pub fn eval_adjusted(
    g: &Graph,
    env: &Env,
    roots: &[NodeId],
    adjust: &dyn Fn(NodeId, Value) -> Value,
) -> Vec<Option<Value>> {
    let needed = g.reachable(roots);
    let mut values: Vec<Option<Value>> = Vec::with_capacity(g.len());
    for (id, _) in g.iter() {
        let wanted = needed[id.0 as usize];
        let value = if wanted { node_value(g, id, env, &values) } else { None };
        values.push(value.map(|v| adjust(id, v)));
    }
    values
}

fn node_value(
    g: &Graph,
    id: NodeId,
    env: &Env,
    values: &[Option<Value>],
) -> Option<Value> {
    let node = &g[id];
    let args: Option<Vec<&Value>> =
        node.args.iter().map(|a| values[a.0 as usize].as_ref()).collect();
    let args = args?;
    match &node.op {
        Op::Symbol(s) => env.symbols.get(s).cloned(),
        Op::Slot(n, ..) => env.slots.get(n).cloned(),
        Op::Mask(site, ..) => env.masks.get(site).cloned().map(Value::Each),
        Op::Running(site, variance, _) => {
            let (mean, var) = env.running.get(site)?;
            Some(Value::Shared(if *variance { var.clone() } else { mean.clone() }))
        }
        Op::Examples => Some(Value::Shared(Mat::scalar(env.examples as f64))),
        Op::ExMean => Some(Value::Shared(example_mean(args[0], env.examples))),
        Op::BatchNorm(_) => Some(Value::Each(batch_norm(args[0], env.examples))),
        Op::BatchNormGrad(_) => {
            Some(Value::Each(batch_norm_grad(args[0], args[1], env.examples)))
        }
        op if node.each => {
            let one = |e| {
                let args: Vec<&Mat> = args.iter().map(|v| v.of(e)).collect();
                primitive(op, &args, &env.sizes)
            };
            (0..env.examples).map(one).collect::<Option<Vec<_>>>().map(Value::Each)
        }
        op => {
            let args: Vec<&Mat> = args.iter().map(|v| v.of(0)).collect();
            primitive(op, &args, &env.sizes).map(Value::Shared)
        }
    }
}

/// The value of one primitive on plain matrices; `None` where a size is not known.
fn primitive(op: &Op, a: &[&Mat], sizes: &Sizes) -> Option<Mat> {
    let dims = |s: &Shape| s.under(sizes);
    Some(match op {
        Op::Fill(bits, shape) => {
            let (r, c) = dims(shape)?;
            Mat::filled(r, c, f64::from_bits(*bits))
        }
        Op::Size(d) => Mat::scalar(d.under(sizes)? as f64),
        Op::Eye(d) => {
            let n = d.under(sizes)?;
            Mat::from_fn(n, n, |i, j| f64::from(u8::from(i == j)))
        }
        Op::Unary(u) => a[0].map(elementwise::unary(*u).value),
        Op::Binary(b) => zip(a, |v| (elementwise::binary(*b).value)(v[0], v[1])),
        Op::Select => zip(a, |v| if v[0] != 0.0 { v[1] } else { v[2] }),
        Op::MatMul => matmul(a[0], a[1]),
        Op::Transpose => a[0].transposed(),
        Op::Sum(axis) => reduce(a[0], *axis, |v| v.iter().sum()),
        Op::MaxOf(axis) => reduce(a[0], *axis, |v| extreme(v, |a, b| a > b).1),
        Op::MinOf(axis) => reduce(a[0], *axis, |v| extreme(v, |a, b| a < b).1),
        Op::MaxMask(axis) => mask(a[0], *axis, |a, b| a > b),
        Op::MinMask(axis) => mask(a[0], *axis, |a, b| a < b),
        Op::Broadcast(_, shape) => {
            let (r, c) = dims(shape)?;
            let m = a[0];
            Mat::from_fn(r, c, |i, j| {
                m.at(if m.rows == 1 { 0 } else { i }, if m.cols == 1 { 0 } else { j })
            })
        }
        Op::Diag => {
            let n = a[0].rows;
            Mat::from_fn(n, n, |i, j| if i == j { a[0].data[i] } else { 0.0 })
        }
        Op::DiagPart => Mat::from_fn(a[0].rows, 1, |i, _| a[0].at(i, i)),
        Op::Slice(b) => {
            let (row, rows, col, cols) = block(b, sizes)?;
            let fits = row + rows <= a[0].rows && col + cols <= a[0].cols;
            fits.then(|| Mat::from_fn(rows, cols, |i, j| a[0].at(row + i, col + j)))?
        }
        Op::Embed(b, shape) => {
            let ((r, c), (row, rows, col, cols)) = (dims(shape)?, block(b, sizes)?);
            let inside =
                |i, j| (row..row + rows).contains(&i) && (col..col + cols).contains(&j);
            Mat::from_fn(
                r,
                c,
                |i, j| {
                    if inside(i, j) { a[0].at(i - row, j - col) } else { 0.0 }
                },
            )
        }
        Op::Stack => {
            let data: Vec<f64> = a.iter().flat_map(|m| m.data.iter().copied()).collect();
            Mat::new(data.len() / a[0].cols.max(1), a[0].cols, data)
        }
        Op::Call(..) | Op::Deriv(..) => return None,
        Op::Symbol(_)
        | Op::Slot(..)
        | Op::Examples
        | Op::ExMean
        | Op::Mask(..)
        | Op::BatchNorm(_)
        | Op::BatchNormGrad(_)
        | Op::Running(..) => unreachable!("handled where examples are known"),
    })
}

fn block(b: &Block, sizes: &Sizes) -> Option<(usize, usize, usize, usize)> {
    Some((
        b.row.under(sizes)?,
        b.rows.under(sizes)?,
        b.col.under(sizes)?,
        b.cols.under(sizes)?,
    ))
}

/// Entry by entry over arguments of one shape, scalars serving all entries.
fn zip(a: &[&Mat], f: impl Fn(&[f64]) -> f64) -> Mat {
    let wide = a.iter().find(|m| !m.is_scalar()).unwrap_or(&a[0]);
    let entry = |m: &Mat, i: usize| if m.is_scalar() { m.data[0] } else { m.data[i] };
    let data = (0..wide.data.len()).map(|i| {
        let mut v = [0.0; 3];
        for (k, m) in a.iter().enumerate() {
            v[k] = entry(m, i);
        }
        f(&v[..a.len()])
    });
    Mat { rows: wide.rows, cols: wide.cols, data: data.collect() }
}

fn matmul(a: &Mat, b: &Mat) -> Mat {
    Mat::from_fn(a.rows, b.cols, |i, j| {
        (0..a.cols).map(|k| a.at(i, k) * b.at(k, j)).sum()
    })
}

/// Applies `f` to the entries that fall into each entry of the result.
fn reduce(m: &Mat, axis: Axis, f: impl Fn(&[f64]) -> f64) -> Mat {
    match axis {
        Axis::All => Mat::scalar(f(&m.data)),
        Axis::Rows => Mat::from_fn(1, m.cols, |_, j| f(&m.column(j).data)),
        Axis::Cols => {
            Mat::from_fn(m.rows, 1, |i, _| f(&m.data[i * m.cols..(i + 1) * m.cols]))
        }
    }
}

/// Place and value of the first entry that beats all others; NaN wins.
fn extreme(v: &[f64], better: impl Fn(f64, f64) -> bool) -> (usize, f64) {
    let start = (0, v.first().copied().unwrap_or(f64::NAN));
    v.iter().copied().enumerate().fold(start, |best, (i, x)| {
        if better(x, best.1) || (x.is_nan() && !best.1.is_nan()) { (i, x) } else { best }
    })
}

fn mask(m: &Mat, axis: Axis, better: impl Fn(f64, f64) -> bool + Copy) -> Mat {
    let mut out = Mat::filled(m.rows, m.cols, 0.0);
    match axis {
        Axis::All => out.data[extreme(&m.data, better).0] = 1.0,
        Axis::Rows => {
            for j in 0..m.cols {
                *out.at_mut(extreme(&m.column(j).data, better).0, j) = 1.0;
            }
        }
        Axis::Cols => {
            for i in 0..m.rows {
                let row = &m.data[i * m.cols..(i + 1) * m.cols];
                *out.at_mut(i, extreme(row, better).0) = 1.0;
            }
        }
    }
    out
}

fn example_mean(v: &Value, examples: usize) -> Mat {
    let mut sum = v.of(0).clone();
    if let Value::Each(all) = v {
        for m in &all[1..] {
            sum.data.iter_mut().zip(&m.data).for_each(|(s, x)| *s += x);
        }
        sum.data.iter_mut().for_each(|s| *s /= examples as f64);
    }
    sum
}

/// Mean and variance (divided by m) over the examples, per entry.
#[must_use]
pub fn batch_statistics(z: &Value, examples: usize) -> (Mat, Mat) {
    let mean = example_mean(z, examples);
    let square = |e| {
        let data = z.of(e).data.iter().zip(&mean.data).map(|(x, m)| (x - m) * (x - m));
        Mat::new(mean.rows, mean.cols, data.collect())
    };
    let var = example_mean(&Value::Each((0..examples).map(square).collect()), examples);
    (mean, var)
}

fn batch_norm(z: &Value, examples: usize) -> Vec<Mat> {
    let (mean, var) = batch_statistics(z, examples);
    let one = |e: usize| {
        let x = &z.of(e).data;
        let entry =
            |i: usize| (x[i] - mean.data[i]) / libm::sqrt(var.data[i] + NORM_EPSILON);
        Mat::new(mean.rows, mean.cols, (0..x.len()).map(entry).collect())
    };
    (0..examples).map(one).collect()
}

/// dz = (g − mean(g) − ẑ ⊙ mean(g ⊙ ẑ)) / √(var + ε), means over the examples.
fn batch_norm_grad(z: &Value, g: &Value, examples: usize) -> Vec<Mat> {
    let (_, var) = batch_statistics(z, examples);
    let hat = batch_norm(z, examples);
    let times = |e: usize| {
        let data = g.of(e).data.iter().zip(&hat[e].data).map(|(a, b)| a * b);
        Mat::new(var.rows, var.cols, data.collect())
    };
    let g_mean = example_mean(
        &Value::Each((0..examples).map(|e| g.of(e).clone()).collect()),
        examples,
    );
    let gz_mean =
        example_mean(&Value::Each((0..examples).map(times).collect()), examples);
    let one = |e: usize| {
        let entry = |i: usize| {
            let scale = libm::sqrt(var.data[i] + NORM_EPSILON);
            (g.of(e).data[i] - g_mean.data[i] - hat[e].data[i] * gz_mean.data[i]) / scale
        };
        Mat::new(var.rows, var.cols, (0..var.data.len()).map(entry).collect())
    };
    (0..examples).map(one).collect()
}
