//! One pass over memory: entry-by-entry values as a kernel program.
//!
//! In: the values that a unit stores. Out: instructions over stored operands, with a·b + c
//! rounded once, squares and inverses as such. Invariant: operands are rows with dense columns,
//! spread over the pass as a whole, by row, by column or as one number; an operand that lies
//! otherwise is copied first. Deliberately absent: the choice of what is computed together.

use std::sync::Arc;

use chainrule_graph::graph::{Binary, Unary};
use chainrule_kernels::{Access, Bin, Inst, Program, Src, Un};

use crate::plan::ext::Ext;
use crate::plan::ir::{IOp, Id};
use crate::plan::lower::Lower;
use crate::plan::step::{Fused, Host, Work};
use crate::plan::view::{Rows, View, order};

/// How the three axes are walked as rows and columns.
#[derive(Clone, Copy)]
struct Space {
    size: [Ext; 3],
    order: [usize; 3],
    /// How many of the axes are rows.
    split: usize,
}

impl Space {
    fn rows(&self) -> &[usize] {
        &self.order[..self.split]
    }

    fn cols(&self) -> &[usize] {
        &self.order[self.split..]
    }

    fn extents(&self) -> (Ext, Ext) {
        let of =
            |axes: &[usize]| axes.iter().fold(Ext::ONE, |p, &a| p.times(self.size[a]));
        (of(self.rows()), of(self.cols()))
    }

    /// How a view serves this space, if it lies so that a kernel can read it.
    fn access(&self, view: &View) -> Option<(Access, Rows)> {
        let view = view.spread(self.size);
        let (down, along) = (view.joined(self.rows())?, view.joined(self.cols())?);
        let (rows, cols) = self.extents();
        let at = Rows { spot: view.spot, stride: down };
        let repeated = |stride: Ext, size: Ext| stride == Ext::ZERO && !size.is_one();
        match (repeated(down, rows), repeated(along, cols)) {
            (true, true) => Some((Access::Scalar, at)),
            (false, true) if rows.is_one() => Some((Access::Scalar, at)),
            (true, false) if cols.is_one() => Some((Access::Scalar, at)),
            (false, true) => Some((Access::Col, at)),
            _ if along != Ext::ONE && !cols.is_one() => None,
            (true, false) => Some((Access::Row, at)),
            (false, false) => Some((Access::Full, at)),
        }
    }
}

struct Emit {
    space: Space,
    insts: Vec<Inst>,
    accesses: Vec<Access>,
    inputs: Vec<Rows>,
    consts: Vec<Host>,
    /// Node → where its value is.
    known: Vec<(Id, Src)>,
    /// How often each node of the tree is read inside it.
    uses: Vec<(Id, usize)>,
}

/// The pass that stores these values, and the copies that it needs, as steps.
pub(crate) fn fused(lower: &mut Lower<'_>, out: &[Id]) -> Work {
    let tree = tree(lower, out);
    let space = choose(lower, out, &tree);
    let (accesses, inputs, consts) = (Vec::new(), Vec::new(), Vec::new());
    let uses = uses(lower, out, &tree);
    let mut emit = Emit {
        space,
        insts: Vec::new(),
        accesses,
        inputs,
        consts,
        known: Vec::new(),
        uses,
    };
    for &id in &tree {
        emit.node(lower, id, out);
    }
    let sources: Vec<Src> = out.iter().map(|&o| emit.get(o)).collect();
    let outputs = out.iter().map(|&o| {
        let view = lower.view(o);
        let (_, at) = space.access(&view).expect("what is stored lies dense");
        at
    });
    let outputs = outputs.collect();
    let (rows, cols) = space.extents();
    let Emit { insts, accesses, inputs, consts, .. } = emit;
    let program = Arc::new(Program::new(insts, accesses, sources));
    Work::Fused(Fused { program, rows, cols, inputs, outputs, consts })
}

/// The nodes computed in the pass, arguments first.
fn tree(lower: &Lower<'_>, out: &[Id]) -> Vec<Id> {
    let mut found = out.to_vec();
    let mut at = 0;
    while at < found.len() {
        let n = found[at];
        for &a in &lower.ir[n].args {
            if lower.inlined(a, n) && !found.contains(&a) {
                found.push(a);
            }
        }
        at += 1;
    }
    found.sort_unstable();
    found
}

/// The operands of the pass that are neither computed in it nor numbers of the host.
fn operands(lower: &Lower<'_>, tree: &[Id]) -> Vec<Id> {
    let args = tree.iter().flat_map(|&n| lower.ir[n].args.iter().copied());
    let mut found: Vec<Id> =
        args.filter(|a| !tree.contains(a) && !lower.ir[*a].host).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// One row per example first; else one row per line of each example's matrix.
fn choose(lower: &mut Lower<'_>, out: &[Id], tree: &[Id]) -> Space {
    let size = lower.ir[out[0]].axes();
    let of = |split| Space { size, order: order(size), split };
    let operands = operands(lower, tree);
    let views: Vec<View> = operands.iter().map(|&o| lower.view(o)).collect();
    let fits = |s: &Space| views.iter().all(|v| s.access(v).is_some());
    let draws = tree.iter().any(|&n| matches!(lower.ir[n].op, IOp::Mask(..)));
    if !fits(&of(1)) && fits(&of(2)) && !draws {
        return of(2);
    }
    for (id, view) in operands.into_iter().zip(views) {
        if of(1).access(&view).is_none() {
            lower.copy_for_pass(id, view.spread(size));
        }
    }
    of(1)
}

fn uses(lower: &Lower<'_>, out: &[Id], tree: &[Id]) -> Vec<(Id, usize)> {
    let count = |id: Id| {
        let inside = tree.iter().flat_map(|&n| &lower.ir[n].args).filter(|&&a| a == id);
        inside.count() + usize::from(out.contains(&id))
    };
    tree.iter().map(|&id| (id, count(id))).collect()
}

impl Emit {
    fn get(&self, id: Id) -> Src {
        let found = self.known.iter().find(|(n, _)| *n == id);
        found.map(|(_, s)| *s).expect("arguments are emitted first")
    }

    fn push(&mut self, inst: Inst) -> Src {
        self.insts.push(inst);
        Src::Reg(self.insts.len() as u16 - 1)
    }

    /// The operand, made an input or constant at its first use.
    fn src(&mut self, lower: &mut Lower<'_>, id: Id) -> Src {
        if let Some((_, s)) = self.known.iter().find(|(n, _)| *n == id) {
            return *s;
        }
        let src = if lower.ir[id].host {
            self.number(lower.host(id))
        } else {
            let view = lower.view(id);
            let (access, at) =
                self.space.access(&view).expect("`choose` has copied what does not fit");
            self.accesses.push(access);
            self.inputs.push(at);
            Src::In(self.inputs.len() as u16 - 1)
        };
        self.known.push((id, src));
        src
    }

    fn number(&mut self, host: Host) -> Src {
        let at = self.consts.iter().position(|&c| c == host);
        let at = at.unwrap_or_else(|| {
            self.consts.push(host);
            self.consts.len() - 1
        });
        Src::Const(at as u16)
    }

    fn node(&mut self, lower: &mut Lower<'_>, id: Id, out: &[Id]) {
        if self.waits_for_sum(lower, id, out) {
            return;
        }
        let args = lower.ir[id].args.clone();
        let op = lower.ir[id].op.clone();
        let src = match op {
            IOp::Unary(f) => {
                let a = self.src(lower, args[0]);
                self.unary(f, a)
            }
            IOp::Binary(f) => self.binary(lower, f, args[0], args[1], out),
            IOp::Select => {
                let v: Vec<Src> = args.iter().map(|&a| self.src(lower, a)).collect();
                self.push(Inst::Select(v[0], v[1], v[2]))
            }
            IOp::ExpSub => {
                let (a, b) = (self.src(lower, args[0]), self.src(lower, args[1]));
                let d = self.push(Inst::Bin(Bin::Sub, a, b));
                self.push(Inst::Un(Un::Exp, d))
            }
            IOp::Mask(site, p) => self.mask(lower, site, f64::from_bits(p)),
            op => unreachable!("{op:?} is not entry by entry"),
        };
        self.known.push((id, src));
    }

    fn mask(&mut self, lower: &mut Lower<'_>, site: u32, p: f64) -> Src {
        let [p_, zero, keep] = [p, 0.0, 1.0 / (1.0 - p)].map(|x| {
            let id = lower.ir.number(x);
            lower.host(id)
        });
        let (p_, zero, keep) = (self.number(p_), self.number(zero), self.number(keep));
        let u = self.push(Inst::Uniform { key: site as usize });
        let dropped = self.push(Inst::Bin(Bin::Lt, u, p_));
        self.push(Inst::Select(dropped, zero, keep))
    }

    fn unary(&mut self, f: Unary, a: Src) -> Src {
        self.push(Inst::Un(un(f), a))
    }

    fn binary(
        &mut self,
        lower: &mut Lower<'_>,
        f: Binary,
        a: Id,
        b: Id,
        out: &[Id],
    ) -> Src {
        match f {
            Binary::Mul if a == b => {
                let x = self.src(lower, a);
                self.push(Inst::Un(Un::Square, x))
            }
            Binary::Div if lower.ir.constant(a) == Some(1.0) => {
                let x = self.src(lower, b);
                self.push(Inst::Un(Un::Recip, x))
            }
            Binary::Add if self.waits_for_sum(lower, b, out) => {
                self.mul_add(lower, b, a, false)
            }
            Binary::Add if self.waits_for_sum(lower, a, out) => {
                self.mul_add(lower, a, b, false)
            }
            Binary::Sub
                if self.waits_for_sum(lower, b, out) && self.host_first(lower, b) =>
            {
                self.mul_add(lower, b, a, true)
            }
            _ => {
                let (x, y) = (self.src(lower, a), self.src(lower, b));
                self.push(Inst::Bin(bin(f), x, y))
            }
        }
    }

    fn host_first(&self, lower: &Lower<'_>, product: Id) -> bool {
        lower.ir[lower.ir[product].args[0]].host
    }

    /// ± x·y + c for the product node `product` = x·y (minus: x is the host's).
    fn mul_add(&mut self, lower: &mut Lower<'_>, product: Id, c: Id, minus: bool) -> Src {
        let (x, y) = (lower.ir[product].args[0], lower.ir[product].args[1]);
        let x = if minus { lower.ir.unary(Unary::Neg, x) } else { x };
        let (x, y, c) = (self.src(lower, x), self.src(lower, y), self.src(lower, c));
        self.push(Inst::MulAdd(x, y, c))
    }

    /// Whether this product is computed only as part of the one sum that reads it.
    fn waits_for_sum(&self, lower: &Lower<'_>, id: Id, out: &[Id]) -> bool {
        let node = &lower.ir[id];
        let product = node.op == IOp::Binary(Binary::Mul) && node.args[0] != node.args[1];
        let once = self.uses.iter().any(|&(n, uses)| n == id && uses == 1);
        product && once && !out.contains(&id) && self.read_by_sum(lower, id)
    }

    fn read_by_sum(&self, lower: &Lower<'_>, id: Id) -> bool {
        let reader =
            self.uses.iter().map(|(n, _)| *n).find(|n| lower.ir[*n].args.contains(&id));
        let Some(reader) = reader else { return false };
        let (op, args) = (&lower.ir[reader].op, &lower.ir[reader].args);
        match op {
            // Of two products in one sum the second is the one that waits.
            IOp::Binary(Binary::Add) => {
                let other = if args[0] == id { args[1] } else { args[0] };
                id != other && (args[1] == id || !self.could_wait(lower, args[1]))
            }
            IOp::Binary(Binary::Sub) => args[1] == id && self.host_first(lower, id),
            _ => false,
        }
    }

    fn could_wait(&self, lower: &Lower<'_>, id: Id) -> bool {
        let node = &lower.ir[id];
        let once = self.uses.iter().any(|&(n, uses)| n == id && uses == 1);
        node.op == IOp::Binary(Binary::Mul) && node.args[0] != node.args[1] && once
    }
}

fn un(f: Unary) -> Un {
    match f {
        Unary::Neg => Un::Neg,
        Unary::Exp => Un::Exp,
        Unary::Log => Un::Log,
        Unary::Log1p => Un::Log1p,
        Unary::Expm1 => Un::Expm1,
        Unary::Sqrt => Un::Sqrt,
        Unary::Erf => Un::Erf,
        Unary::Sin => Un::Sin,
        Unary::Cos => Un::Cos,
        Unary::Tanh => Un::Tanh,
        Unary::Abs => Un::Abs,
        Unary::Sign => Un::Sign,
        Unary::Not => Un::Not,
        Unary::Floor => unreachable!("import refuses floor of data"),
    }
}

fn bin(f: Binary) -> Bin {
    match f {
        Binary::Add => Bin::Add,
        Binary::Sub => Bin::Sub,
        Binary::Mul => Bin::Mul,
        Binary::Div => Bin::Div,
        Binary::Pow => Bin::Pow,
        Binary::Max => Bin::Max,
        Binary::Min => Bin::Min,
        Binary::Lt => Bin::Lt,
        Binary::Le => Bin::Le,
        Binary::Gt => Bin::Gt,
        Binary::Ge => Bin::Ge,
        Binary::Eq => Bin::Eq,
        Binary::Ne => Bin::Ne,
        Binary::And => Bin::And,
        Binary::Or => Bin::Or,
        Binary::XLogY => Bin::XLogY,
        Binary::XDivY => Bin::XDivY,
    }
}
