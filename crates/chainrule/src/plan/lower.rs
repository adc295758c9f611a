//! From units to steps: each stored value gets a buffer, each unit the kernels that fill it.
//!
//! In: the planner's graph and its units. Out: [`Step`]s over buffers without addresses.
//! Invariant: a step reads only what given values or earlier steps hold. Transposes, parts and
//! repetition are strides, never steps, unless a kernel cannot read them. Deliberately absent:
//! products and folds (`heavy`), passes (`emit`), addresses (`memory`).

use std::collections::BTreeMap;

use chainrule_graph::graph::SymId;

use crate::plan::emit;
use crate::plan::ext::Ext;
use crate::plan::fuse::{Fusion, Unit};
use crate::plan::ir::{INode, IOp, Id, Ir};
use crate::plan::step::{Host, HostOp, Step, Work};
use crate::plan::view::{Buf, Rows, View, order, product};

/// What a buffer is for; all but `Temp` keep their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A learned symbol: its number among them.
    Learned(usize),
    /// Its gradient.
    Gradient(usize),
    /// Any other symbol.
    Given(SymId),
    /// A slot of an update rule.
    Slot(u32),
    Running(u32, bool),
    Temp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) kind: Kind,
    pub(crate) len: Ext,
}

/// The state of lowering.
pub(crate) struct Lower<'a> {
    pub(crate) ir: &'a mut Ir,
    pub(crate) fusion: &'a Fusion,
    pub(crate) learned: &'a [SymId],
    pub(crate) index: &'a [SymId],
    /// Values that are to lie in a place of their own.
    pub(crate) preset: BTreeMap<Id, Kind>,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) steps: Vec<Step>,
    pub(crate) host_ops: Vec<HostOp>,
    hosts: BTreeMap<Id, Host>,
    home: BTreeMap<Id, View>,
    /// Operands copied for the pass that is being made.
    copied: BTreeMap<Id, View>,
    /// The unit that is being lowered.
    now: usize,
    /// Weights lie by columns: a product over few rows then reads them one after the other.
    pub(crate) turned: bool,
}

impl<'a> Lower<'a> {
    pub(crate) fn new(
        ir: &'a mut Ir,
        fusion: &'a Fusion,
        learned: &'a [SymId],
        index: &'a [SymId],
    ) -> Self {
        Self {
            ir,
            fusion,
            learned,
            index,
            preset: BTreeMap::new(),
            buffers: Vec::new(),
            steps: Vec::new(),
            host_ops: Vec::new(),
            hosts: BTreeMap::new(),
            home: BTreeMap::new(),
            copied: BTreeMap::new(),
            now: 0,
            turned: false,
        }
    }

    /// Makes the steps of every unit.
    pub(crate) fn run(&mut self) {
        let fusion = self.fusion;
        for (now, Unit { out, entry }) in fusion.units.iter().enumerate() {
            self.now = now;
            if *entry {
                out.iter().for_each(|&o| self.give_home(o));
                let work = emit::fused(self, out);
                self.push(work, out);
                self.copied.clear();
            } else {
                self.heavy(out[0]);
            }
        }
    }

    pub(crate) fn push(&mut self, work: Work, ids: &[Id]) {
        self.steps.push(Step { work, ids: ids.to_vec(), once: false });
    }

    pub(crate) fn buffer(&mut self, kind: Kind, len: Ext) -> Buf {
        self.buffers.push(Buffer { kind, len });
        Buf(self.buffers.len() as u32 - 1)
    }

    /// A buffer for the node's value, dense.
    pub(crate) fn give_home(&mut self, id: Id) {
        let size = self.ir[id].axes();
        let kind = self.preset.get(&id).copied().unwrap_or(Kind::Temp);
        let buf = self.buffer(kind, product(&size));
        self.home.insert(id, View::dense(buf, size));
    }

    /// Makes the node's value lie where another one does, which it overwrites.
    pub(crate) fn share_home(&mut self, id: Id, with: View) {
        self.home.insert(id, with);
    }

    /// Where the node's value lies: for given values the place is made at the first look.
    pub(crate) fn view(&mut self, id: Id) -> View {
        if let Some(view) = self.copied.get(&id).or_else(|| self.home.get(&id)) {
            return *view;
        }
        let node = self.ir[id].clone();
        let of = |lower: &mut Self| lower.view(node.args[0]);
        match node.op {
            IOp::Transpose => of(self).transposed(),
            IOp::Slice(at) => of(self).part(at, node.size),
            IOp::Broadcast(_) => of(self).spread(node.axes()),
            IOp::DiagPart => of(self).diagonal(),
            IOp::Symbol(s) => {
                let learned = self.learned.iter().position(|&l| l == s);
                self.given(id, learned.map_or(Kind::Given(s), Kind::Learned))
            }
            IOp::Slot(n) => self.given(id, Kind::Slot(n)),
            IOp::Running(site, variance) => self.given(id, Kind::Running(site, variance)),
            op => unreachable!("{op:?} is read before it is stored"),
        }
    }

    fn given(&mut self, id: Id, kind: Kind) -> View {
        let [each, rows, cols] = self.ir[id].axes();
        let buf = self.buffer(kind, product(&[each, rows, cols]));
        let view = if self.turned && self.only_weighs(id) {
            View::dense(buf, [each, cols, rows]).transposed()
        } else {
            View::dense(buf, [each, rows, cols])
        };
        self.home.insert(id, view);
        view
    }

    /// Whether the node is a W of nothing but products W x.
    fn only_weighs(&self, id: Id) -> bool {
        let matrix = self.ir[id].size.iter().all(|s| !s.is_one()) && !self.ir[id].each;
        let mut readers = self.ir.nodes.iter().filter(|n| n.args.contains(&id));
        let product = |n: &INode| matches!(n.op, IOp::MatMul) && n.args[1] != id;
        matrix && readers.all(product)
    }

    /// Whether `a` is computed inside the pass that computes its reader `n`.
    pub(crate) fn inlined(&self, a: Id, n: Id) -> bool {
        let (arg, reader) = (&self.ir[a], &self.ir[n]);
        let here = || {
            let unit = self.fusion.stored.get(a.0 as usize).copied().flatten();
            unit.is_none() || unit == Some(self.now)
        };
        reader.is_entry() && arg.is_entry() && arg.axes() == reader.axes() && here()
    }

    /// The node as a number of the host.
    pub(crate) fn host(&mut self, id: Id) -> Host {
        if let Some(&h) = self.hosts.get(&id) {
            return h;
        }
        let node = self.ir[id].clone();
        let args = node.args.iter().map(|&a| self.host(a)).collect();
        self.host_ops.push(HostOp { op: node.op, args });
        let h = self.host_ops.len() - 1;
        self.hosts.insert(id, h);
        h
    }

    /// A dense copy of a view, for kernels that need one.
    pub(crate) fn densed(&mut self, src: View) -> View {
        let buf = self.buffer(Kind::Temp, product(&src.size));
        let dst = View::dense(buf, src.size);
        self.push(Work::Copy { src, dst }, &[]);
        dst
    }

    /// Copies an operand of the coming pass, which cannot read it as it lies.
    pub(crate) fn copy_for_pass(&mut self, id: Id, src: View) {
        let dense = self.densed(src);
        self.copied.insert(id, dense);
    }

    /// The view as rows of examples × everything else, copied if it does not lie so.
    pub(crate) fn example_rows(&mut self, view: View) -> (View, Rows) {
        let rest = |v: &View| [order(v.size)[1], order(v.size)[2]];
        if let Some(rows) = view.as_rows(&[0], &rest(&view)) {
            return (view, rows);
        }
        let dense = self.densed(view);
        let rows = dense.as_rows(&[0], &rest(&dense)).expect("dense");
        (dense, rows)
    }
}
