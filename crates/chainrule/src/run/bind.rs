//! Steps bound to a number of rows: every offset, size and constant as a plain number.
//!
//! In: a plan's steps, m, the host's numbers. Out: a [`Bound`] plan: sequences of kernels that
//! the team shares, and between them plain loops where no kernel reads what is there.
//! Deliberately absent: doing anything but in [`Bound::run`].

use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule_kernels::{
    Call, Copy, Fed, Fill, Gather, Gemm, Inputs, Pass, Pick, Real, Reduce, Reduction,
    RowSoft, Sequence, Slot, Soft, SubAt, Take, Team,
};

use crate::plan::ext::Ext;
use crate::plan::step::{self, Fold, Fused, Grid, Host, Product, Step, What, Work};
use crate::plan::view::{Rows, Spot, View};
use crate::run::pace::Way;
use crate::run::plain::{self, Plain};

/// A strided look at the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) offset: usize,
    pub(crate) size: [usize; 3],
    pub(crate) stride: [usize; 3],
}

/// A step with numbers for everything: one kernel or several in a row, or plain loops.
enum Ready<T> {
    Calls(Vec<Call<T>>),
    Plain(Plain),
}

/// Kernels in a row, or one plain step.
#[derive(Clone, Debug)]
enum Stretch<T> {
    Kernels(Sequence<T>),
    Plain(Plain),
}

/// A plan bound to a number of rows.
#[derive(Clone, Debug)]
pub(crate) struct Bound<T> {
    stretches: Vec<Stretch<T>>,
    /// Per step its stretch, its first call there, and how many.
    places: Vec<(usize, usize, usize)>,
}

/// Binds step after step.
pub(crate) struct Binder<'a, T> {
    bound: Bound<T>,
    calls: Vec<Call<T>>,
    /// Steps that other calls stand for.
    instead: BTreeMap<usize, Call<T>>,
    team: &'a Team,
}

impl<'a, T: Real> Binder<'a, T> {
    /// For a team.
    pub(crate) fn new(team: &'a Team) -> Self {
        let bound = Bound { stretches: Vec::new(), places: Vec::new() };
        Self { bound, calls: Vec::new(), instead: BTreeMap::new(), team }
    }

    /// Rows from outside: with the step that alone reads them, where there is one, else before all
    /// steps.
    pub(crate) fn gather(
        &mut self,
        binding: &Binding<'_>,
        gather: Gather,
        reader: Option<(usize, &Step)>,
    ) {
        let fed =
            reader.and_then(|(number, step)| match &binding.ready::<T>(&step.work) {
                Ready::Calls(calls) => match calls[..] {
                    [Call::Gemm(product)] => {
                        Some((number, Call::Fed(Fed::new(gather, product)?)))
                    }
                    _ => None,
                },
                Ready::Plain(_) => None,
            });
        match fed {
            Some((number, call)) => _ = self.instead.insert(number, call),
            None => self.calls.push(Call::Gather(gather)),
        }
    }

    pub(crate) fn steps(&mut self, binding: &Binding<'_>, steps: &[Step]) {
        for (number, step) in steps.iter().enumerate() {
            if let Some(call) = self.instead.remove(&number) {
                self.step(vec![call]);
                continue;
            }
            match binding.ready(&step.work) {
                Ready::Calls(more) => self.step(more),
                Ready::Plain(plain) => {
                    self.close();
                    self.bound.places.push((self.bound.stretches.len(), 0, 1));
                    self.bound.stretches.push(Stretch::Plain(plain));
                }
            }
        }
    }

    /// Kernels that are one step.
    pub(crate) fn step(&mut self, calls: Vec<Call<T>>) {
        let place = (self.bound.stretches.len(), self.calls.len(), calls.len());
        self.bound.places.push(place);
        self.calls.extend(calls);
    }

    fn close(&mut self) {
        if !self.calls.is_empty() {
            let sequence = T::sequence(&self.calls, self.team);
            self.bound.stretches.push(Stretch::Kernels(sequence));
            self.calls.clear();
        }
    }

    pub(crate) fn finish(mut self) -> Bound<T> {
        self.close();
        self.bound
    }
}

impl<T: Real> Bound<T> {
    /// Does every step.
    pub(crate) fn run(&self, team: &Team, arena: &mut [T], inputs: &Inputs<'_, T>) {
        for stretch in &self.stretches {
            match stretch {
                Stretch::Kernels(sequence) => T::run(team, arena, sequence, inputs),
                Stretch::Plain(plain) => plain::run(plain, arena, inputs.index),
            }
        }
    }

    /// Whether more than one thread has a part in it.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared().iter().any(|(threads, _)| *threads > 1)
    }

    /// Threads and waits of each stretch of kernels.
    pub(crate) fn shared(&self) -> Vec<(usize, usize)> {
        let shared = |stretch: &Stretch<T>| match stretch {
            Stretch::Kernels(sequence) => Some(sequence.shared()),
            Stretch::Plain(_) => None,
        };
        self.stretches.iter().filter_map(shared).collect()
    }

    /// Does one step, on this thread.
    pub(crate) fn run_one(&self, arena: &mut [T], step: usize, inputs: &Inputs<'_, T>) {
        let (stretch, first, n) = self.places[step];
        match &self.stretches[stretch] {
            Stretch::Plain(plain) => plain::run(plain, arena, inputs.index),
            Stretch::Kernels(sequence) => {
                (first..first + n).for_each(|i| T::run_one(arena, sequence, i, inputs));
            }
        }
    }

    /// Other constants for a step that is one pass, or parts of one; nothing is allocated.
    pub(crate) fn set_consts(&mut self, step: usize, values: &[f64]) {
        let (stretch, first, n) = self.places[step];
        if let Stretch::Kernels(sequence) = &mut self.stretches[stretch] {
            (first..first + n).for_each(|call| T::set_consts(sequence, call, values));
        }
    }
}

/// The same plan for the team and for one thread alone.
#[derive(Debug)]
pub(crate) struct Paced<T> {
    together: Bound<T>,
    alone: Option<Bound<T>>,
}

impl<T: Real> Paced<T> {
    /// `bind` binds for a team.
    pub(crate) fn new(team: &Team, bind: impl Fn(&Team) -> Bound<T>) -> Self {
        let together = bind(team);
        let alone = together.is_shared().then(|| bind(&Team::single()));
        Self { together, alone }
    }

    pub(crate) fn together(&self) -> &Bound<T> {
        &self.together
    }

    /// Whether there are two ways to go.
    pub(crate) fn is_shared(&self) -> bool {
        self.alone.is_some()
    }

    /// Does every step.
    pub(crate) fn run(
        &self,
        way: Way,
        team: &Team,
        arena: &mut [T],
        inputs: &Inputs<'_, T>,
    ) {
        let alone = self.alone.as_ref().filter(|_| way == Way::Alone);
        alone.unwrap_or(&self.together).run(team, arena, inputs);
    }

    /// See [`Bound::set_consts`].
    pub(crate) fn set_consts(&mut self, step: usize, values: &[f64]) {
        self.together.set_consts(step, values);
        if let Some(alone) = &mut self.alone {
            alone.set_consts(step, values);
        }
    }
}

/// The kernel of a fold.
fn folded<T>(
    (fold, way): (Fold, step::Way),
    (rows, cols): (usize, usize),
    (src, dst): (Slot, Slot),
    scale: f64,
) -> Call<T> {
    let kind = match (fold, way) {
        (Fold::Sum, step::Way::Rows) => Reduce::RowSum,
        (Fold::Sum, step::Way::Cols) => Reduce::ColSum,
        (Fold::Sum, step::Way::All) => Reduce::AllSum,
        (Fold::Max, _) => Reduce::RowMax,
        (fold, _) => {
            let max = fold == Fold::Softmax;
            let kind = if max { Soft::Max } else { Soft::LogSumExp };
            return Call::Soft(RowSoft { kind, rows, cols, src, dst });
        }
    };
    let accumulate = false;
    Call::Reduce(Reduction { kind, rows, cols, src, dst, scale, accumulate })
}

/// What binding looks at.
pub(crate) struct Binding<'a> {
    pub(crate) offset: &'a [usize],
    pub(crate) host: &'a [f64],
    pub(crate) m: usize,
}

impl Binding<'_> {
    fn at(&self, e: Ext) -> usize {
        e.at(self.m)
    }

    fn spot(&self, s: Spot) -> usize {
        self.offset[s.buf.0 as usize] + self.at(s.offset)
    }

    fn slot(&self, r: &Rows) -> Slot {
        Slot::new(self.spot(r.spot), self.at(r.stride))
    }

    pub(crate) fn look(&self, v: &View) -> Look {
        Look {
            offset: self.spot(v.spot),
            size: v.size.map(|e| self.at(e)),
            stride: v.stride.map(|e| self.at(e)),
        }
    }

    fn factor(&self, h: Option<Host>) -> f64 {
        h.map_or(1.0, |h| self.host[h])
    }

    /// A step that is a pass.
    pub(crate) fn pass<T: Real>(&self, f: &Fused) -> Pass<T> {
        let slots = |all: &[Rows]| all.iter().map(|r| self.slot(r)).collect();
        let consts = f.consts.iter().map(|&h| T::from_f64(self.host[h])).collect();
        let shape = (self.at(f.rows), self.at(f.cols));
        let (inputs, outputs) = (slots(&f.inputs), slots(&f.outputs));
        Pass::new(Arc::clone(&f.program), shape, inputs, outputs, consts)
    }

    pub(crate) fn gemm(&self, p: &Product) -> Gemm {
        let grid = |g: &Grid| (self.spot(g.spot), self.at(g.rs), self.at(g.cs));
        let ((a, a_rs, a_cs), (b, b_rs, b_cs), (c, c_rs, c_cs)) =
            (grid(&p.a), grid(&p.b), grid(&p.c));
        Gemm {
            m: self.at(p.m),
            n: self.at(p.n),
            k: self.at(p.k),
            a,
            a_rs,
            a_cs,
            b,
            b_rs,
            b_cs,
            c,
            c_rs,
            c_cs,
            alpha: self.factor(p.alpha),
            accumulate: false,
        }
    }

    /// The step for m rows.
    fn ready<T: Real>(&self, work: &Work) -> Ready<T> {
        let one = |call| Ready::Calls(vec![call]);
        match work {
            Work::Fused(f) => one(Call::Pass(self.pass(f))),
            Work::Product(p) => Ready::Calls(self.products(p)),
            Work::Fold { fold, way, rows, cols, src, dst, scale } => {
                let shape = (self.at(*rows), self.at(*cols));
                let slots = (self.slot(src), self.slot(dst));
                one(folded((*fold, *way), shape, slots, self.factor(*scale)))
            }
            Work::PlainFold { fold, over, src, dst, scale } => {
                Ready::Plain(Plain::Fold {
                    fold: *fold,
                    over: *over,
                    src: self.look(src),
                    dst: self.look(dst),
                    scale: self.factor(*scale),
                })
            }
            Work::Pick { index, cols, src, dst } => one(Call::Pick(Pick {
                index: (*index, 0),
                rows: self.m,
                cols: self.at(*cols),
                src: self.slot(src),
                dst: self.slot(dst),
            })),
            Work::SubAt { index, cols, dst, what } => one(Call::SubAt(SubAt {
                index: (*index, 0),
                rows: self.m,
                cols: self.at(*cols),
                dst: self.slot(dst),
                what: match what {
                    What::Number(h) => Take::Scalar(self.host[*h]),
                    What::PerRow(r) => Take::Col(self.slot(r)),
                },
            })),
            Work::OneHot { index, cols, dst } => {
                let (rows, cols, dst) = (self.m, self.at(*cols), self.slot(dst));
                Ready::Plain(Plain::OneHot { index: *index, rows, cols, dst })
            }
            Work::Fill { rows, cols, dst, value } => one(Call::Fill(Fill {
                rows: self.at(*rows),
                cols: self.at(*cols),
                dst: self.slot(dst),
                value: self.host[*value],
            })),
            Work::Copy { src, dst } => copy(self.look(src), self.look(dst)),
            Work::Eye { n, dst } => {
                Ready::Plain(Plain::Eye { n: self.at(*n), dst: self.slot(dst) })
            }
        }
    }

    /// The product; once per example where each has its own.
    fn products<T>(&self, p: &Product) -> Vec<Call<T>> {
        let first = self.gemm(p);
        let Some(again) = p.again else { return vec![Call::Gemm(first)] };
        let [a, b, c] = [again.a, again.b, again.c].map(|e| self.at(e));
        let nth = |e: usize| Gemm {
            a: first.a + e * a,
            b: first.b + e * b,
            c: first.c + e * c,
            accumulate: e > 0 && c == 0,
            ..first
        };
        (0..self.at(again.count)).map(|e| Call::Gemm(nth(e))).collect()
    }
}

/// A copy of rows that lie side by side is a kernel's; others take plain loops.
fn copy<T>(src: Look, dst: Look) -> Ready<T> {
    if src.offset == dst.offset && src.stride == dst.stride {
        return Ready::Calls(Vec::new());
    }
    let [examples, rows, cols] = dst.size;
    let dense = |l: &Look| cols == 1 || l.stride[2] == 1;
    let whole = |l: &Look| rows == 1 || l.stride[1] == cols;
    let both = |lies: &dyn Fn(&Look) -> bool| lies(&src) && lies(&dst);
    let one = |axis: usize, rows, cols| {
        let [src, dst] = [&src, &dst].map(|l| Slot::new(l.offset, l.stride[axis]));
        Ready::Calls(vec![Call::Copy(Copy { rows, cols, src, dst })])
    };
    match (both(&dense), examples) {
        (true, _) if both(&whole) => one(0, examples, rows * cols),
        (true, 1) => one(1, rows, cols),
        _ => Ready::Plain(Plain::Copy { src, dst }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_rows_is_copied_by_a_kernel() {
        let look = |offset, size, stride| Look { offset, size, stride };
        let kernel = |size, from, to| {
            let copy: Ready<f32> = copy(look(0, size, from), look(1000, size, to));
            matches!(copy, Ready::Calls(calls) if calls.len() == 1)
        };
        let (vectors, rows) = ([32, 10, 1], [10, 1, 0]);
        assert!(kernel(vectors, rows, rows));
        assert!(kernel(vectors, [16, 1, 0], rows), "vectors with gaps between them");
        assert!(kernel([4, 3, 5], [15, 5, 1], [15, 5, 1]), "a matrix an example");
        assert!(kernel([1, 3, 5], [0, 7, 1], [0, 5, 1]), "one matrix with gaps");
        assert!(!kernel([4, 3, 5], [15, 1, 3], [15, 5, 1]), "a matrix that is turned");
    }
}
