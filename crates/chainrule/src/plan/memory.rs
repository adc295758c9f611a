//! One arena: a place for every buffer, temporaries sharing what is free.
//!
//! In: steps and buffers. Out: an offset per buffer and the arena's length, for the largest
//! number of rows. Invariant: learned symbols lie side by side, so do gradients, and each part
//! of the optimiser's state; all in one order, so that one pass updates everything. A temporary
//! lies from its first writer to its last reader; a pass writes over an operand that dies in it.
//! Deliberately absent: any allocation after this.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::lower::{Buffer, Kind};
use crate::plan::step::{Step, Work};
use crate::plan::view::Buf;

/// Every place starts at a multiple of this: a cache line of f32.
pub(crate) const ALIGN: usize = 16;

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) offset: Vec<usize>,
    pub(crate) len: usize,
}

pub(crate) fn aligned(n: usize) -> usize {
    n.next_multiple_of(ALIGN)
}

/// Lays out buffers; `fixed` kinds have their places already, up to `start`.
pub(crate) fn lay_out(
    buffers: &[Buffer],
    steps: &[Step],
    pinned: &BTreeSet<Buf>,
    fixed: &BTreeMap<Kind, usize>,
    start: usize,
    rows: usize,
) -> Memory {
    let mut layout = Layout {
        buffers,
        rows,
        offset: vec![usize::MAX; buffers.len()],
        free: Vec::new(),
        end: start,
        last: last_uses(buffers.len(), steps, pinned),
    };
    for (i, b) in buffers.iter().enumerate() {
        if b.kind != Kind::Temp {
            layout.offset[i] = fixed[&b.kind];
        }
    }
    for (at, step) in steps.iter().enumerate() {
        layout.step(at, step);
    }
    Memory { offset: layout.offset, len: layout.end }
}

/// The last step that touches each buffer; beyond all steps for pinned ones.
fn last_uses(n: usize, steps: &[Step], pinned: &BTreeSet<Buf>) -> Vec<usize> {
    let mut last = vec![0; n];
    for (at, step) in steps.iter().enumerate() {
        let (reads, writes) = step.work.buffers();
        reads.iter().chain(&writes).for_each(|b| last[b.0 as usize] = at);
    }
    pinned.iter().for_each(|b| last[b.0 as usize] = usize::MAX);
    last
}

struct Layout<'a> {
    buffers: &'a [Buffer],
    rows: usize,
    offset: Vec<usize>,
    /// Free places: offset and length.
    free: Vec<(usize, usize)>,
    end: usize,
    last: Vec<usize>,
}

impl Layout<'_> {
    fn len(&self, b: Buf) -> usize {
        aligned(self.buffers[b.0 as usize].len.at(self.rows).max(1))
    }

    fn temp(&self, b: Buf) -> bool {
        self.buffers[b.0 as usize].kind == Kind::Temp
    }

    fn step(&mut self, at: usize, step: &Step) {
        let (reads, writes) = step.work.buffers();
        let mut taken = BTreeSet::new();
        for &w in &writes {
            if self.offset[w.0 as usize] == usize::MAX {
                self.place(at, w, &step.work, &mut taken);
            }
        }
        let mut dead: Vec<Buf> = reads.into_iter().chain(writes).collect();
        dead.sort_unstable();
        dead.dedup();
        for b in dead {
            if self.temp(b) && self.last[b.0 as usize] == at && !taken.contains(&b) {
                self.release(self.offset[b.0 as usize], self.len(b));
            }
        }
    }

    fn place(&mut self, at: usize, w: Buf, work: &Work, taken: &mut BTreeSet<Buf>) {
        if let Some(r) = self.dying_operand(at, w, work, taken) {
            self.offset[w.0 as usize] = self.offset[r.0 as usize];
            taken.insert(r);
            return;
        }
        let len = self.len(w);
        let fit = self.free.iter().position(|&(_, n)| n >= len);
        self.offset[w.0 as usize] = match fit {
            Some(i) => {
                let (start, n) = self.free[i];
                self.free[i] = (start + len, n - len);
                start
            }
            None => {
                self.end += len;
                self.end - len
            }
        };
        self.free.retain(|&(_, n)| n > 0);
    }

    /// An operand of the pass that nobody reads after it, of the same length and lie.
    fn dying_operand(
        &self,
        at: usize,
        w: Buf,
        work: &Work,
        taken: &BTreeSet<Buf>,
    ) -> Option<Buf> {
        let Work::Fused(f) = work else { return None };
        let o = f.outputs.iter().position(|r| r.spot.buf == w)?;
        let fits = |&(i, r): &(usize, Buf)| {
            let same = self.buffers[r.0 as usize].len == self.buffers[w.0 as usize].len;
            let dies = self.temp(r) && self.last[r.0 as usize] == at;
            same && dies && !taken.contains(&r) && f.in_place(i, o)
        };
        let inputs = f.inputs.iter().map(|r| r.spot.buf).enumerate();
        inputs.collect::<Vec<_>>().iter().find(|x| fits(x)).map(|x| x.1)
    }

    fn release(&mut self, start: usize, len: usize) {
        self.free.push((start, len));
        self.free.sort_unstable();
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for &(start, len) in &self.free {
            match joined.last_mut() {
                Some((s, n)) if *s + *n == start => *n += len,
                _ => joined.push((start, len)),
            }
        }
        self.free = joined;
    }
}
