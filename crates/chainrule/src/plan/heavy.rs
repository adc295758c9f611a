//! Steps that are not entry by entry: products, folds, picks, moves.
//!
//! In: one node and the views of its arguments. Out: its steps. Invariant: a product over a
//! batch is one matrix product wherever strides allow; only a product of two matrices per
//! example is done example by example.

use chainrule_graph::graph::Axis;

use crate::plan::ext::Ext;
use crate::plan::ir::{IOp, Id};
use crate::plan::lower::Lower;
use crate::plan::step::{Again, Fold, Grid, Host, Product, Way, What, Work};
use crate::plan::view::{View, order};

impl Lower<'_> {
    /// Makes the steps of one heavy node.
    pub(crate) fn heavy(&mut self, id: Id) {
        let node = self.ir[id].clone();
        let a = node.args.clone();
        if matches!(node.op, IOp::SubAt) {
            return self.sub_at(id, a[0], a[1], a[2]);
        }
        self.give_home(id);
        let dst = self.view(id);
        let scale = node.scale.map(|h| self.host(h));
        match node.op {
            _ if node.host => {
                let value = self.host(id);
                let dst = dst.as_rows(&[0], &[1, 2]).expect("dense");
                self.push(
                    Work::Fill { rows: Ext::ONE, cols: Ext::ONE, dst, value },
                    &[id],
                );
            }
            IOp::MatMul => self.product(id, a[0], a[1], scale),
            IOp::ExMatMul => self.product_over_examples(id, a[0], a[1], scale),
            IOp::ExSum => self.fold(id, a[0], Fold::Sum, [true, false, false], scale),
            IOp::Sum(axis) => self.fold(id, a[0], Fold::Sum, over(axis), scale),
            IOp::Max(axis) => self.fold(id, a[0], Fold::Max, over(axis), None),
            IOp::Min(axis) => self.fold(id, a[0], Fold::Min, over(axis), None),
            IOp::MaxMask(axis) => self.fold(id, a[0], Fold::MaxMask, over(axis), None),
            IOp::MinMask(axis) => self.fold(id, a[0], Fold::MinMask, over(axis), None),
            IOp::LogSumExp(axis) => {
                self.fold(id, a[0], Fold::LogSumExp, over(axis), None);
            }
            IOp::Softmax(axis) => self.fold(id, a[0], Fold::Softmax, over(axis), None),
            IOp::Pick => {
                let (index, src) = (self.index_of(a[0]), self.view(a[1]));
                let (src, rows) = self.example_rows(src);
                let dst = dst.as_rows(&[0], &[1, 2]).expect("dense");
                let cols = src.extent(&[1, 2]);
                self.push(Work::Pick { index, cols, src: rows, dst }, &[id]);
            }
            IOp::Index(_) => {
                let (index, cols) = (self.index_of(id), node.size[0]);
                let dst = dst.as_rows(&[0], &[1, 2]).expect("dense");
                self.push(Work::OneHot { index, cols, dst }, &[id]);
            }
            IOp::Eye => {
                let dst = dst.as_rows(&[1], &[2]).expect("dense");
                self.push(Work::Eye { n: node.size[0], dst }, &[id]);
            }
            IOp::Stack => self.stack(id, &a, dst),
            IOp::Embed(at) => {
                let size = self.ir[a[0]].size;
                self.put(id, a[0], dst, dst.part(at, size));
            }
            IOp::Diag => self.put(id, a[0], dst, dst.diagonal()),
            op => unreachable!("{op:?} has no step"),
        }
    }

    fn index_of(&self, id: Id) -> usize {
        let IOp::Index(s) = self.ir[id].op else { unreachable!("an index symbol") };
        self.index.iter().position(|&i| i == s).expect("a known index symbol")
    }

    /// v with s taken off at y; on the spot if nobody else reads v.
    fn sub_at(&mut self, id: Id, y: Id, v: Id, s: Id) {
        let alone = self.fusion.readers.get(v.0 as usize) == Some(&1);
        let stored = self.fusion.stored.get(v.0 as usize).is_some_and(Option::is_some);
        let preset = self.preset.contains_key(&id);
        let view = self.view(v);
        if alone && stored && !preset {
            self.share_home(id, view);
        } else {
            self.give_home(id);
            let dst = self.view(id);
            self.push(Work::Copy { src: view, dst }, &[]);
        }
        let what = if self.ir[s].host {
            What::Number(self.host(s))
        } else {
            let s = self.view(s);
            What::PerRow(s.as_rows(&[0], &[1, 2]).expect("a number per example"))
        };
        let (dst, rest) = (self.view(id), [1, 2]);
        let rows = dst.as_rows(&[0], &rest).expect("dense");
        let (index, cols) = (self.index_of(y), dst.extent(&rest));
        self.push(Work::SubAt { index, cols, dst: rows, what }, &[id]);
    }

    fn stack(&mut self, id: Id, args: &[Id], dst: View) {
        let mut row = Ext::ZERO;
        for &a in args {
            let (src, size) = (self.view(a), self.ir[a].size);
            let dst = dst.part([row, Ext::ZERO], size);
            row = row.plus(size[0]);
            let src = src.spread(dst.size);
            self.push(Work::Copy { src, dst }, &[id]);
        }
    }

    /// Zeros everywhere, and the argument at the place `into`.
    fn put(&mut self, id: Id, a: Id, dst: View, into: View) {
        let zero = self.ir.number(0.0);
        let value = self.host(zero);
        let o = order(dst.size);
        let rows = dst.as_rows(&[0], &o[1..]).expect("dense");
        let cols = dst.extent(&[1, 2]);
        self.push(Work::Fill { rows: dst.size[0], cols, dst: rows, value }, &[]);
        let src = self.view(a).spread(into.size);
        self.push(Work::Copy { src, dst: into }, &[id]);
    }

    /// A B for all examples at once, if strides allow.
    fn product(&mut self, id: Id, a: Id, b: Id, alpha: Option<Host>) {
        let (va, vb, vc) = (self.view(a), self.view(b), self.view(id));
        let each = (self.ir[a].each, self.ir[b].each);
        let work = match each {
            (false, false) => simple(&va, &vb, &vc, alpha),
            (false, true) if vb.size[2].is_one() => columns(&va, &vb, &vc, alpha),
            (true, false) => lines(&va, &vb, &vc, alpha),
            _ => None,
        };
        let work = work.unwrap_or_else(|| one_by_one(&va, &vb, &vc, alpha, vc.stride[0]));
        self.push(Work::Product(work), &[id]);
    }

    /// Σ over examples of A B: the examples are one more summed dimension.
    fn product_over_examples(&mut self, id: Id, a: Id, b: Id, alpha: Option<Host>) {
        let (va, vb, vc) = (self.view(a), self.view(b), self.view(id));
        let sum = |va: &View, vb: &View| {
            let (down, along) = (vb.joined(&[0, 1])?, va.joined(&[0, 2])?);
            Some(Product {
                m: va.size[1],
                n: vb.size[2],
                k: va.extent(&[0, 2]),
                a: Grid { spot: va.spot, rs: va.stride[1], cs: along },
                b: Grid { spot: vb.spot, rs: down, cs: vb.stride[2] },
                c: grid(&vc, 1, 2),
                alpha,
                again: None,
            })
        };
        let work =
            sum(&va, &vb).unwrap_or_else(|| one_by_one(&va, &vb, &vc, alpha, Ext::ZERO));
        self.push(Work::Product(work), &[id]);
    }

    /// A fold over some of the three axes: by a kernel where they lie together.
    fn fold(&mut self, id: Id, a: Id, fold: Fold, over: [bool; 3], scale: Option<Host>) {
        let (src, dst) = (self.view(a), self.view(id));
        let work = kernel_fold(fold, over, &src, &dst, scale);
        self.push(work.unwrap_or(Work::PlainFold { fold, over, src, dst, scale }), &[id]);
    }
}

fn over(axis: Axis) -> [bool; 3] {
    match axis {
        Axis::All => [false, true, true],
        Axis::Rows => [false, true, false],
        Axis::Cols => [false, false, true],
    }
}

fn grid(v: &View, rows: usize, cols: usize) -> Grid {
    Grid { spot: v.spot, rs: v.stride[rows], cs: v.stride[cols] }
}

fn simple(a: &View, b: &View, c: &View, alpha: Option<Host>) -> Option<Product> {
    let (m, n, k) = (a.size[1], b.size[2], a.size[2]);
    let (a, b, c) = (grid(a, 1, 2), grid(b, 1, 2), grid(c, 1, 2));
    Some(Product { m, n, k, a, b, c, alpha, again: None })
}

/// W x for columns x of all examples: X Wᵀ.
fn columns(w: &View, x: &View, c: &View, alpha: Option<Host>) -> Option<Product> {
    let (m, n, k) = (x.size[0], w.size[1], w.size[2]);
    let (a, b, c) = (grid(x, 0, 1), grid(w, 2, 1), grid(c, 0, 1));
    Some(Product { m, n, k, a, b, c, alpha, again: None })
}

/// A B with the lines of all examples' A under one another.
fn lines(a: &View, b: &View, c: &View, alpha: Option<Host>) -> Option<Product> {
    let (down, out) = (a.joined(&[0, 1])?, c.joined(&[0, 1])?);
    Some(Product {
        m: a.extent(&[0, 1]),
        n: b.size[2],
        k: a.size[2],
        a: Grid { spot: a.spot, rs: down, cs: a.stride[2] },
        b: grid(b, 1, 2),
        c: Grid { spot: c.spot, rs: out, cs: c.stride[2] },
        alpha,
        again: None,
    })
}

/// One product per example, written apart or (c = 0) added up.
fn one_by_one(a: &View, b: &View, c: &View, alpha: Option<Host>, step: Ext) -> Product {
    let again = Again { count: Ext::ROWS, a: a.stride[0], b: b.stride[0], c: step };
    let one = simple(a, b, c, alpha).expect("always possible");
    Product { again: Some(again), ..one }
}

/// The fold as rows or columns of one matrix, if its axes lie so.
fn kernel_fold(
    fold: Fold,
    over: [bool; 3],
    src: &View,
    dst: &View,
    scale: Option<Host>,
) -> Option<Work> {
    let wide = |v: &View| {
        let axes = order(v.size).into_iter().filter(|&a| !v.size[a].is_one());
        axes.collect::<Vec<usize>>()
    };
    let axes = wide(src);
    let kept: Vec<usize> = axes.iter().copied().filter(|&a| !over[a]).collect();
    let gone: Vec<usize> = axes.iter().copied().filter(|&a| over[a]).collect();
    let soft = matches!(fold, Fold::LogSumExp | Fold::Softmax);
    let (way, top, side) = if kept.is_empty() && fold == Fold::Sum {
        (Way::All, Vec::new(), gone)
    } else if axes.starts_with(&kept) && (soft || matches!(fold, Fold::Sum | Fold::Max)) {
        (Way::Rows, kept, gone)
    } else if axes.starts_with(&gone) && fold == Fold::Sum {
        (Way::Cols, gone, kept)
    } else {
        return None;
    };
    let rows_in = src.as_rows(&top, &side)?;
    let rows_out = match (way, fold) {
        (Way::Rows, Fold::Softmax) => dst.as_rows(&top, &side)?,
        (Way::Rows, _) => dst.as_rows(&top, &[])?,
        (Way::Cols, _) => dst.as_rows(&[], &side)?,
        (Way::All, _) => dst.as_rows(&[], &[])?,
    };
    let (rows, cols) = (src.extent(&top), src.extent(&side));
    Some(Work::Fold { fold, way, rows, cols, src: rows_in, dst: rows_out, scale })
}
