//! The evaluation graph in primitives → operators of ONNX.
//!
//! In: the graph, the values of data symbols, parameters and running statistics. Out: the output's
//! value. A value r×c is held **as its transpose**: `[c, r]` where it is shared, `[N, c, r]` where
//! there is one per example. So `W x` becomes one product of all rows with a matrix, and a column is
//! a row of ONNX's broadcasting.
//!
//! Invariants: a constant stays 1×1 until something needs its entries ([`Value::wide`]); nothing
//! adds over the rows of the data, so a row's output does not depend on the others. Deliberately
//! absent: operations on whole matrices (`matrices`), preparation (`prepare`), what the output means
//! (`outputs`).

use std::collections::BTreeMap;

use chainrule_graph::derived::{self, Derived};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, Node, NodeId, Op, SymId};
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::syntax::ast::Layout;

use super::build::Build;
use super::primitives::{self, Recipe};
use super::proto::{self, Attribute};
use super::value::{Extent, Found, ONE, OTHERS, Value, shared, spread, together};
use crate::error::Error;
use crate::model::{Trained, batch_dim, data_symbols};
use crate::store::{Numbers, Tensor};

pub(super) struct Network<'a> {
    trained: &'a Trained,
    pub(super) build: &'a mut Build,
    /// Prepared data by symbol: N rows.
    data: BTreeMap<SymId, String>,
    /// What was learned or has a value.
    weights: Vec<Tensor>,
    batch: Option<String>,
    graph: Graph,
    output: NodeId,
    named: Vec<(NodeId, String)>,
    values: BTreeMap<NodeId, Value>,
}

impl<'a> Network<'a> {
    /// The network without its inputs.
    pub(super) fn new(trained: &'a Trained, build: &'a mut Build) -> Result<Self, Error> {
        let model = &trained.model;
        let d: &Derived = &model.derived;
        let Some(output) = d.output else {
            return Err(refused(
                "the file has no output: no equation stands by a target",
            ));
        };
        let mut roots = vec![output];
        roots.extend(d.named.iter().map(|(n, _)| *n));
        let made =
            derived::primitives(&model.module, &d.graph, &roots, Purpose::Evaluation);
        let Some((graph, at)) = made else {
            return Err(refused("a function's equation does not fit its arguments"));
        };
        let names = d.named.iter().map(|(_, shown)| shown.clone());
        let named = at[1..].iter().copied().zip(names).collect();
        let (data, values) = (BTreeMap::new(), BTreeMap::new());
        let batch = batch_dim(&model.module);
        let output = at[0];
        let weights = trained.weights()?;
        Ok(Self { trained, build, data, weights, batch, graph, output, named, values })
    }

    /// Keys of the data symbols that the output needs, in the order of the file.
    pub(super) fn needs(&self) -> Vec<String> {
        let needed = self.graph.reachable(&[self.output]);
        let all = data_symbols(&self.trained.model.module);
        let reads = |id: SymId| {
            let mut nodes = self.graph.iter().filter(|(n, _)| needed[n.0 as usize]);
            nodes.any(|(_, node)| node.op == Op::Symbol(id))
        };
        all.filter(|s| reads(s.id)).map(|s| s.key.clone()).collect()
    }

    /// Gives a data symbol its prepared rows, N×D.
    pub(super) fn feed(&mut self, key: &str, rows: String) {
        if let Some(s) = self.trained.model.module.symbol(key) {
            self.data.insert(s.id, rows);
        }
    }

    /// Writes everything that the output needs; its rows, and how many entries each has.
    pub(super) fn write(&mut self) -> Result<(String, usize), Error> {
        let needed = self.graph.reachable(&[self.output]);
        let graph = std::mem::take(&mut self.graph);
        let mut done = Ok(());
        for (id, node) in graph.iter().filter(|(id, _)| needed[id.0 as usize]) {
            done = self
                .node(node)
                .map(|value| self.keep(id, value))
                .map_err(|why| refused(&format!("{}: {why}", self.place(&graph, id))));
            if done.is_err() {
                break;
            }
        }
        self.graph = graph;
        done?;
        self.finish().map_err(|why| refused(&why))
    }

    /// Keeps a value, under the name of its equation if it has one.
    fn keep(&mut self, id: NodeId, mut value: Value) {
        let shown = self.named.iter().find(|(n, _)| *n == id).map(|(_, s)| s);
        // A value that only passes another one on is known under that one's name already.
        let new = self.build.is_last(&value.name)
            && self.values.values().all(|v| v.name != value.name);
        if let Some(shown) = shown.filter(|_| new) {
            let name = self.build.fresh(shown);
            self.build.call_last(&value.name, &name);
            value.name = name;
        }
        self.values.insert(id, value);
    }

    /// The equation that a node belongs to: the first that needs it.
    fn place(&self, graph: &Graph, id: NodeId) -> String {
        let holds = |n: NodeId| graph.reachable(&[n])[id.0 as usize];
        match self.named.iter().find(|(n, _)| holds(*n)) {
            Some((_, shown)) => format!("the equation of {shown}"),
            None => "the output".to_owned(),
        }
    }

    fn node(&mut self, node: &Node) -> Found {
        let size = self.size(&node.shape)?;
        let a: Vec<Value> = node.args.iter().map(|n| self.values[n].clone()).collect();
        match &node.op {
            Op::Unary(op) => {
                self.entries(primitives::of(primitives::UNARY, *op), &a, size)
            }
            Op::Binary(op) => {
                self.entries(primitives::of(primitives::BINARY, *op), &a, size)
            }
            Op::Select => self.select(&a, size),
            Op::MatMul => self.product(&a[0], &a[1], size),
            Op::Transpose => Ok(self.transpose(&a[0], size)),
            Op::Sum(axis) => self.reduce("ReduceSum", *axis, &a[0], size),
            Op::MaxOf(axis) => self.reduce("ReduceMax", *axis, &a[0], size),
            Op::MinOf(axis) => self.reduce("ReduceMin", *axis, &a[0], size),
            Op::Broadcast(..) => Ok(spread(&a[0], size)),
            Op::Diag => self.diagonal(&a[0], size),
            Op::DiagPart => self.diagonal_part(&a[0], size),
            Op::Slice(block) => self.slice(block, &a[0], size),
            Op::Stack => self.stack(&a, size),
            leaf => self.leaf(leaf, size),
        }
    }

    fn leaf(&mut self, op: &Op, size: [Extent; 2]) -> Found {
        match op {
            Op::Symbol(s) => self.symbol(*s, size),
            Op::Fill(bits, _) => Ok(self.fill(f64::from_bits(*bits), size)),
            Op::Size(d) => match self.extent(d)? {
                Extent::Fixed(n) => Ok(self.fill(n as f64, size)),
                Extent::Rows => Err(OTHERS.into()),
            },
            Op::Eye(_) => {
                let (name, _) = self.eye(size)?;
                Ok(shared(name, size))
            }
            Op::Running(site, variance, _) => {
                let kind = if *variance { "variance" } else { "mean" };
                self.tensor(&format!("running/{site}/{kind}"), size)
            }
            Op::Examples | Op::ExMean => Err(OTHERS.into()),
            other => Err(format!("{other:?} stands in gradients only")),
        }
    }

    // --- leaves

    fn symbol(&mut self, id: SymId, size: [Extent; 2]) -> Found {
        let module = &self.trained.model.module;
        let symbol = &module.symbols[id.0 as usize];
        let Some(rows) = self.data.get(&id).cloned() else {
            return self.tensor(&symbol.key, size);
        };
        let b = &mut *self.build;
        let (name, each) = match module.layout {
            Layout::One => {
                let axis = b.ints(&[1]);
                (b.op("Unsqueeze", &[&rows, &axis]), true)
            }
            Layout::Columns => (rows, false),
            Layout::Rows => (b.op("Transpose", &[&rows]), false),
        };
        Ok(Value { each, ..shared(name, size) })
    }

    /// What was learned, in the file's own shape and under its own name.
    fn tensor(&mut self, name: &str, size: [Extent; 2]) -> Found {
        let Some(tensor) = self.weights.iter().find(|t| t.name == name) else {
            return Err(format!("the model holds no value of {name}"));
        };
        let [Extent::Fixed(rows), Extent::Fixed(cols)] = size else {
            return Err(format!("{name} would have one entry per row of the data"));
        };
        if rows * cols != tensor.numbers.len() {
            return Err(format!("{name} is not {rows}×{cols}"));
        }
        let b = &mut *self.build;
        let stored = b.parameter(name, &[rows, cols], &numbers(tensor));
        Ok(shared(b.op("Transpose", &[&stored]), size))
    }

    fn fill(&mut self, v: f64, size: [Extent; 2]) -> Value {
        let name = self.build.number(v);
        spread(&shared(name, [ONE, ONE]), size)
    }

    /// The identity, and its size.
    pub(super) fn eye(&mut self, size: [Extent; 2]) -> Result<(String, usize), String> {
        let Extent::Fixed(n) = size[0] else { return Err(OTHERS.into()) };
        let entry = |i: usize| f64::from(u8::from(i / n == i % n));
        let all: Vec<f64> = (0..n * n).map(entry).collect();
        Ok((self.build.reals("eye", &[n, n], &all), n))
    }

    // --- entry by entry

    fn entries(
        &mut self,
        recipe: Option<Recipe>,
        a: &[Value],
        size: [Extent; 2],
    ) -> Found {
        let recipe = recipe.ok_or("a primitive that has no form in ONNX")?;
        let logic = matches!(recipe, Recipe::Logic(_));
        let names: Vec<String> = match logic {
            true => a.iter().map(|v| self.truth(v)).collect(),
            false => a.iter().map(|v| self.number(v)).collect(),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let b = &mut *self.build;
        let (name, truth) = match recipe {
            Recipe::Op(op) => (b.op(op, &names), false),
            Recipe::Compare(op) | Recipe::Logic(op) => (b.op(op, &names), true),
            Recipe::Made(make) => (make(b, &names), false),
        };
        Ok(Value { truth, ..together(name, a, size) })
    }

    fn select(&mut self, a: &[Value], size: [Extent; 2]) -> Found {
        let condition = self.truth(&a[0]);
        let (yes, no) = (self.number(&a[1]), self.number(&a[2]));
        let name = self.build.op("Where", &[&condition, &yes, &no]);
        Ok(together(name, a, size))
    }

    pub(super) fn number(&mut self, v: &Value) -> String {
        let real = self.build.real();
        if v.truth { self.build.cast(&v.name, real) } else { v.name.clone() }
    }

    fn truth(&mut self, v: &Value) -> String {
        if v.truth { v.name.clone() } else { self.build.cast(&v.name, proto::BOOL) }
    }

    // --- sizes

    fn size(&self, shape: &Shape) -> Result<[Extent; 2], String> {
        Ok([self.extent(&shape.rows)?, self.extent(&shape.cols)?])
    }

    pub(super) fn extent(&self, dim: &Dim) -> Result<Extent, String> {
        let dim = self.trained.model.module.dims.resolve(dim);
        let rows = |b: &String| dim == Dim::named(b);
        if self.batch.as_ref().is_some_and(rows) {
            return Ok(Extent::Rows);
        }
        let size = dim.under(&self.trained.sizes).map(Extent::Fixed);
        size.ok_or_else(|| format!("the dimension {dim} has no fixed size"))
    }

    // --- the end

    /// The output as N rows.
    fn finish(&mut self) -> Result<(String, usize), String> {
        let value = self.values[&self.output].clone();
        let value = self.wide(&value)?;
        let b = &mut *self.build;
        match (value.each, value.size) {
            (true, [Extent::Fixed(n), ONE]) => {
                let axis = b.ints(&[1]);
                Ok((b.op("Squeeze", &[&value.name, &axis]), n))
            }
            (true, [Extent::Fixed(r), Extent::Fixed(c)]) => {
                let perm = vec![Attribute::ints("perm", vec![0, 2, 1])];
                let rows = b.with("Transpose", &[&value.name], perm);
                let shape = b.ints(&[0, (r * c) as i64]);
                Ok((b.op("Reshape", &[&rows, &shape]), r * c))
            }
            (false, [Extent::Fixed(n), Extent::Rows]) => Ok((value.name, n)),
            (false, [Extent::Rows, Extent::Fixed(n)]) => {
                Ok((b.op("Transpose", &[&value.name]), n))
            }
            _ => Err("the output is not one value per row of the data".into()),
        }
    }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    match &tensor.numbers {
        Numbers::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
        Numbers::F64(v) => v.clone(),
    }
}

pub(super) fn refused(why: &str) -> Error {
    Error::Refused(format!("this network cannot be exported to onnx: {why}"))
}
