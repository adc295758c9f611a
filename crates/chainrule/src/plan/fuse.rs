//! Which values are stored, and which are computed together.
//!
//! In: the planner's graph and its roots. Out: [`Unit`]s in the order of the run: one heavy
//! operation, or several entry-by-entry values of one size as one pass over memory.
//! Invariant: whatever a unit reads is stored by an earlier one. Entry-by-entry values that
//! only one pass reads are never stored; cheap ones are computed again where two do.

use chainrule_graph::graph::{Binary, Unary};

use crate::plan::ir::{IOp, Id, Ir};

/// What one step computes.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// The stored values; several only where they are entry by entry.
    pub(crate) out: Vec<Id>,
    pub(crate) entry: bool,
}

/// Most values that one pass stores; most stored values that it reads.
const MOST_OUT: usize = 8;
const MOST_IN: usize = 24;

pub(crate) struct Fusion {
    pub(crate) units: Vec<Unit>,
    /// Per node: the unit that stores it.
    pub(crate) stored: Vec<Option<usize>>,
    /// How many nodes and roots read each stored node.
    pub(crate) readers: Vec<usize>,
}

/// Finds the units of everything that the roots need.
pub(crate) fn fuse(ir: &mut Ir, roots: &[Id]) -> Fusion {
    let roots: Vec<Id> = roots.iter().map(|&r| base(ir, r)).collect();
    share_softmax(ir, &roots);
    take_scales(ir, &roots);
    let needed = ir.needed(&roots);
    let mut marks = Marks::new(ir, needed);
    roots.iter().for_each(|&r| marks.force(r));
    for id in ir.ids().rev() {
        marks.visit(id);
    }
    let kept = marks.kept();
    let mut groups = Groups {
        ir,
        kept: &kept,
        units: Vec::new(),
        stored: vec![None; kept.len()],
        reads: Vec::new(),
    };
    for id in ir.ids() {
        if kept[id.0 as usize] {
            groups.place(id);
        }
    }
    let Groups { units, stored, reads, .. } = groups;
    let mut readers = vec![0; kept.len()];
    reads.iter().flatten().chain(&roots).for_each(|r| readers[r.0 as usize] += 1);
    Fusion { units, stored, readers }
}

/// The node whose entries a view shows.
pub(crate) fn base(ir: &Ir, mut id: Id) -> Id {
    while ir[id].is_view() {
        id = ir[id].args[0];
    }
    id
}

/// Where logsumexp(z) is computed anyway, softmax(z) = exp(z − logsumexp z) joins a pass.
fn share_softmax(ir: &mut Ir, roots: &[Id]) {
    let needed = ir.needed(roots);
    for id in ir.ids().filter(|id| needed[id.0 as usize]) {
        let IOp::Softmax(_) = ir[id].op else { continue };
        let lse = base(ir, ir[id].args[1]);
        if needed[lse.0 as usize] {
            ir.nodes[id.0 as usize].op = IOp::ExpSub;
        }
    }
}

/// h·(A B) and h·∑ take the host factor h into the product or sum itself.
fn take_scales(ir: &mut Ir, roots: &[Id]) {
    let needed = ir.needed(roots);
    let mut uses = vec![0usize; ir.nodes.len()];
    roots.iter().for_each(|r| uses[r.0 as usize] += 1);
    for id in ir.ids().filter(|id| needed[id.0 as usize] && !ir[*id].host) {
        ir.used_args(id).iter().for_each(|a| uses[a.0 as usize] += 1);
    }
    for id in ir.ids().filter(|id| needed[id.0 as usize]) {
        let node = &ir[id];
        if node.op != IOp::Binary(Binary::Mul) || node.host {
            continue;
        }
        let (h, x) = (node.args[0], node.args[1]);
        let linear =
            matches!(ir[x].op, IOp::MatMul | IOp::ExMatMul | IOp::ExSum | IOp::Sum(_));
        if ir[h].host && linear && uses[x.0 as usize] == 1 && ir[x].scale.is_none() {
            let mut inner = ir[x].clone();
            inner.scale = Some(h);
            ir.nodes[id.0 as usize] = inner;
        }
    }
}

/// Whose pass computes an entry-by-entry node.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Nobody,
    One(Id),
    Many,
}

/// The walk from the roots that decides what is stored.
struct Marks<'a> {
    ir: &'a Ir,
    needed: Vec<bool>,
    forced: Vec<bool>,
    owner: Vec<Owner>,
    stored: Vec<bool>,
}

impl<'a> Marks<'a> {
    fn new(ir: &'a Ir, needed: Vec<bool>) -> Self {
        let n = needed.len();
        let (forced, stored) = (vec![false; n], vec![false; n]);
        Self { ir, needed, forced, stored, owner: vec![Owner::Nobody; n] }
    }

    fn force(&mut self, id: Id) {
        let id = base(self.ir, id);
        self.forced[id.0 as usize] = true;
    }

    fn visit(&mut self, id: Id) {
        let (i, ir) = (id.0 as usize, self.ir);
        let node = &ir[id];
        if !self.needed[i] || node.host || node.is_view() || node.is_leaf() {
            return;
        }
        if node.is_entry() {
            let many = self.owner[i] == Owner::Many && !cheap(ir, id);
            self.stored[i] = self.forced[i] || many;
            let owner = if self.stored[i] { Owner::One(id) } else { self.owner[i] };
            self.entry_args(id, owner);
        } else if !matches!(node.op, IOp::Index(_)) {
            let args = match node.op {
                IOp::Pick | IOp::SubAt => &node.args[1..],
                _ => ir.used_args(id),
            };
            let number = |a: &Id| matches!(node.op, IOp::SubAt) && ir[*a].host;
            args.iter().filter(|a| !number(a)).for_each(|&a| self.force(a));
        }
    }

    fn entry_args(&mut self, id: Id, owner: Owner) {
        let ir = self.ir;
        for &a in &ir[id].args {
            let arg = &ir[a];
            if arg.is_entry() && arg.axes() == ir[id].axes() {
                let old = self.owner[a.0 as usize];
                let new = if old == Owner::Nobody || old == owner {
                    owner
                } else {
                    Owner::Many
                };
                self.owner[a.0 as usize] = new;
            } else if !ir[a].host {
                self.force(a);
            }
        }
    }

    /// What has a place in memory: given values apart.
    fn kept(&self) -> Vec<bool> {
        let kept = |id: Id| {
            let (i, node) = (id.0 as usize, &self.ir[id]);
            let wanted = self.needed[i] || self.forced[i];
            match node.op {
                _ if !wanted || node.is_view() || node.is_leaf() => false,
                IOp::Index(_) => self.forced[i],
                _ if node.host => self.forced[i],
                _ if node.is_entry() => self.stored[i],
                _ => true,
            }
        };
        self.ir.ids().map(kept).collect()
    }
}

/// One plain operation on stored values: computing it again costs less than storing it.
fn cheap(ir: &Ir, id: Id) -> bool {
    use Binary::{Add, And, Eq, Ge, Gt, Le, Lt, Max, Min, Mul, Ne, Or, Sub};
    let plain = match ir[id].op {
        IOp::Unary(f) => matches!(f, Unary::Neg | Unary::Abs | Unary::Sign | Unary::Not),
        IOp::Binary(f) => {
            matches!(
                f,
                Add | Sub | Mul | Max | Min | Lt | Le | Gt | Ge | Eq | Ne | And | Or
            )
        }
        _ => false,
    };
    let args = &ir[id].args;
    let full = args.iter().filter(|&&a| ir[a].axes() == ir[id].axes()).count();
    plain && full <= 1 && args.iter().all(|&a| !ir[a].is_entry())
}

/// The order of the units, and which values join one pass.
struct Groups<'a> {
    ir: &'a Ir,
    kept: &'a [bool],
    units: Vec<Unit>,
    stored: Vec<Option<usize>>,
    /// Per unit, the stored and given values that it reads.
    reads: Vec<Vec<Id>>,
}

impl Groups<'_> {
    fn place(&mut self, id: Id) {
        let reads = self.inputs(id);
        let entry = self.ir[id].is_entry();
        let joined = if entry { self.partner(id, &reads) } else { None };
        let unit = joined.unwrap_or_else(|| {
            self.units.push(Unit { out: Vec::new(), entry });
            self.reads.push(Vec::new());
            self.units.len() - 1
        });
        self.units[unit].out.push(id);
        for r in reads {
            if self.stored[r.0 as usize] != Some(unit) && !self.reads[unit].contains(&r) {
                self.reads[unit].push(r);
            }
        }
        self.stored[id.0 as usize] = Some(unit);
    }

    /// A pass that this value can join: of one size, reading or making something that this
    /// value reads too, and late enough that all it reads is there.
    fn partner(&self, id: Id, reads: &[Id]) -> Option<usize> {
        let axes = self.ir[id].axes();
        let fits = |&u: &usize| {
            let unit = &self.units[u];
            let ready =
                reads.iter().all(|r| self.stored[r.0 as usize].is_none_or(|s| s <= u));
            let common = reads.iter().any(|&r| {
                self.stored[r.0 as usize] == Some(u)
                    || (self.ir[r].axes() == axes && self.reads[u].contains(&r))
            });
            unit.entry
                && self.ir[unit.out[0]].axes() == axes
                && ready
                && common
                && unit.out.len() < MOST_OUT
                && self.reads[u].len() + reads.len() <= MOST_IN
        };
        // A value of the same unit seen through a view is not there yet.
        let plain = |&u: &usize| !self.viewed(id, u);
        (0..self.units.len()).rev().find(|u| fits(u) && plain(u))
    }

    /// Whether the value's tree reads something of unit `u` other than entry for entry.
    fn viewed(&self, id: Id, u: usize) -> bool {
        let axes = self.ir[id].axes();
        let mut todo = vec![id];
        while let Some(n) = todo.pop() {
            for &a in &self.ir[n].args {
                let b = base(self.ir, a);
                if self.stored[b.0 as usize] == Some(u) {
                    if a != b || self.ir[b].axes() != axes {
                        return true;
                    }
                } else if self.inlined(a, n) {
                    todo.push(a);
                }
            }
        }
        false
    }

    /// Whether `a` is computed inside the pass that computes its reader `n`.
    fn inlined(&self, a: Id, n: Id) -> bool {
        let (arg, reader) = (&self.ir[a], &self.ir[n]);
        reader.is_entry()
            && arg.is_entry()
            && !self.kept[a.0 as usize]
            && arg.axes() == reader.axes()
    }

    /// The stored and given values that computing `id` reads.
    fn inputs(&self, id: Id) -> Vec<Id> {
        let (mut found, mut todo) = (Vec::new(), vec![id]);
        while let Some(n) = todo.pop() {
            if self.ir[n].host {
                continue;
            }
            for &a in self.ir.used_args(n) {
                if self.inlined(a, n) {
                    todo.push(a);
                    continue;
                }
                let b = base(self.ir, a);
                let held =
                    matches!(self.ir[b].op, IOp::Index(_)) && !self.kept[b.0 as usize];
                let constant = self.ir[b].host && !self.kept[b.0 as usize];
                if !held && !constant && !found.contains(&b) {
                    found.push(b);
                }
            }
        }
        found
    }
}
