//! A graph of ONNX in the making: nodes, constants, and names that are used once.
//!
//! In: operators and the names of their arguments. Out: the name of each value, and in the end the
//! lists of a [`proto::Graph`]. Invariants: names of columns are taken first and never given to
//! anything else; equal constants are one. Deliberately absent: what the operators mean.

use std::collections::{BTreeMap, BTreeSet};

use super::proto::{self, Attribute, Node, Tensor, ValueInfo};

/// ONNX's operators for classic machine learning: encoders of words.
pub(super) const ML: &str = "ai.onnx.ml";

/// A graph in the making.
#[derive(Default)]
pub(super) struct Build {
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<Tensor>,
    pub(super) inputs: Vec<ValueInfo>,
    /// Whether the network counts in double precision.
    pub(super) double: bool,
    /// Names of the outputs, taken before the file's own.
    pub(super) outputs: [String; 3],
    used: BTreeSet<String>,
    known: BTreeMap<(i32, Vec<i64>, Vec<u8>), String>,
}

impl Build {
    pub(super) fn new(double: bool) -> Self {
        Self { double, ..Self::default() }
    }

    /// The number type of the network.
    pub(super) fn real(&self) -> i32 {
        if self.double { proto::DOUBLE } else { proto::FLOAT }
    }

    /// The name, or the name with a number that is still free.
    pub(super) fn fresh(&mut self, wish: &str) -> String {
        let mut name = wish.to_owned();
        let mut n = 1;
        while !self.used.insert(name.clone()) {
            n += 1;
            name = format!("{wish}_{n}");
        }
        name
    }

    /// Keeps a name for an input.
    pub(super) fn take(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// An input of N rows; the second time a name is asked for, it is the same input.
    pub(super) fn input(&mut self, name: &str, kind: i32, columns: usize) -> String {
        if self.inputs.iter().all(|i| i.name != name) {
            self.take(name);
            self.inputs.push(ValueInfo::rows(name, kind, Some(columns)));
        }
        name.to_owned()
    }

    /// A value: an operator over others.
    pub(super) fn op(&mut self, op: &str, args: &[&str]) -> String {
        self.node("", op, args, Vec::new())
    }

    /// The same with attributes.
    pub(super) fn with(
        &mut self,
        op: &str,
        args: &[&str],
        attribute: Vec<Attribute>,
    ) -> String {
        self.node("", op, args, attribute)
    }

    pub(super) fn node(
        &mut self,
        domain: &str,
        op: &str,
        args: &[&str],
        attribute: Vec<Attribute>,
    ) -> String {
        let name = self.fresh(&op.to_lowercase());
        self.nodes.push(Node {
            input: args.iter().map(|&a| a.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.to_owned(),
            attribute,
            domain: domain.to_owned(),
        });
        name
    }

    /// Whether the value was made last, so that nothing reads it yet.
    pub(super) fn is_last(&self, value: &str) -> bool {
        self.nodes.last().is_some_and(|n| n.output == [value])
    }

    /// Calls the value that was made last by a name that is taken for it.
    pub(super) fn call_last(&mut self, value: &str, name: &str) {
        debug_assert!(self.is_last(value), "{value} is read under its old name");
        if let Some(last) = self.nodes.last_mut() {
            last.output = vec![name.to_owned()];
            name.clone_into(&mut last.name);
        }
    }

    /// The value in another type.
    pub(super) fn cast(&mut self, value: &str, to: i32) -> String {
        self.with("Cast", &[value], vec![Attribute::int("to", to.into())])
    }

    /// A number of the network, as a 1×1 matrix.
    pub(super) fn number(&mut self, v: f64) -> String {
        self.reals("number", &[1, 1], &[v])
    }

    /// Numbers in the precision of the network.
    pub(super) fn reals(&mut self, wish: &str, dims: &[usize], all: &[f64]) -> String {
        if self.double {
            return self.doubles(wish, dims, all);
        }
        let raw = all.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
        self.constant(wish, proto::FLOAT, dims, raw)
    }

    /// What was learned: under its own name, also where it equals a constant.
    pub(super) fn parameter(
        &mut self,
        name: &str,
        dims: &[usize],
        all: &[f64],
    ) -> String {
        let known = std::mem::take(&mut self.known);
        let name = self.reals(name, dims, all);
        self.known = known;
        name
    }

    /// Numbers in double precision.
    pub(super) fn doubles(&mut self, wish: &str, dims: &[usize], all: &[f64]) -> String {
        let raw = all.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(wish, proto::DOUBLE, dims, raw)
    }

    /// Whole numbers: axes, sizes, places.
    pub(super) fn ints(&mut self, all: &[i64]) -> String {
        let raw = all.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant("ints", proto::INT64, &[all.len()], raw)
    }

    /// Words.
    pub(super) fn words(&mut self, wish: &str, all: &[&str]) -> String {
        let name = self.fresh(wish);
        self.constants.push(Tensor {
            dims: vec![all.len() as i64],
            data_type: Some(proto::STRING),
            string_data: all.iter().map(|w| w.as_bytes().to_vec()).collect(),
            name: name.clone(),
            raw_data: None,
        });
        name
    }

    fn constant(
        &mut self,
        wish: &str,
        kind: i32,
        dims: &[usize],
        raw: Vec<u8>,
    ) -> String {
        let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        // Large ones are parameters: each is there once, under its own name.
        let small = raw.len() <= 64;
        let key = (kind, dims.clone(), raw.clone());
        if let Some(name) = self.known.get(&key).filter(|_| small) {
            return name.clone();
        }
        let name = self.fresh(wish);
        if small {
            self.known.insert(key, name.clone());
        }
        self.constants.push(Tensor {
            dims,
            data_type: Some(kind),
            string_data: Vec::new(),
            name: name.clone(),
            raw_data: Some(raw),
        });
        name
    }

    /// The number of rows, as a list of one.
    pub(super) fn rows(&mut self) -> Option<String> {
        let first = self.inputs.first()?.name.clone();
        let part = vec![Attribute::int("start", 0), Attribute::int("end", 1)];
        Some(self.with("Shape", &[&first], part))
    }
}
