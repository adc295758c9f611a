//! A product and the pass that uses it up, a few rows at a time: in go a [`Gemm`] and a
//! [`Pass`] over the numbers that it makes, out come the pass's results.
//!
//! A gradient that only the optimiser's update reads is made and used before it leaves the
//! nearest cache; the matrix as a whole is never written.
//!
//! Invariants: bits are those of the product followed by the pass. The product's result is
//! room of this kernel's: afterwards it holds no result. Each part takes its own rows of it.
//!
//! Deliberately absent: products that anything else reads.

use crate::arena::{Base, Slot, Touched};
use crate::fused::Pass;
use crate::matmul::{Gemm, NEAR};
use crate::sequence::{Call, Cut, Inputs, Part};
use crate::simd::{Forms, Isa};

/// Rows of a block: a tile's, so that a block of some hundred columns stays in 64 KiB.
const ROWS: usize = 12;
/// Numbers from which on this is better than one after the other: those that crowd others
/// out of the nearest cache.
const MANY: usize = 16 * 1024;

/// A product and its pass. See the module's words.
#[derive(Clone, Debug)]
pub struct Joint<T> {
    product: Gemm,
    /// 1 × m·n, which reads the product's result as it lies.
    pass: Pass<T>,
    /// The same block by block, with all products where the first one's is.
    blocks: Vec<(Gemm, Pass<T>)>,
}

#[allow(private_bounds, reason = "only this crate makes and runs them")]
impl<T: Forms> Joint<T> {
    /// A pass over one row, with the part of it that reads the product's result joined to the
    /// product; `None` if the result does not lie inside what the pass reads, or is small.
    pub(crate) fn around(product: &Gemm, pass: &Pass<T>) -> Option<Vec<Call<T>>> {
        let (m, n) = (product.m, product.n);
        let (len, dense) = (m * n, product.c_cs == 1 && product.c_rs == n);
        let inside = |slot: &Slot| {
            let at = product.c.checked_sub(slot.offset)?;
            (at + len <= pass.cols).then_some(at)
        };
        let at = pass.inputs.iter().find_map(inside)?;
        // By rows each part reads all of B, where by columns all of A, and half of what the
        // pass reads is then another part's.
        let dear = product.k.saturating_mul(n.saturating_sub(m)) / 2 > len / 4;
        // All of B is read for each block.
        let far = product.k.saturating_mul(n).saturating_mul(size_of::<T>()) > NEAR;
        if pass.rows != 1 || !dense || product.accumulate || len < MANY || dear || far {
            return None;
        }
        let rest = |from: usize, to: usize| {
            (to > from).then(|| Call::Pass(pass.cols(from, to - from)))
        };
        let joint = Joint::new(*product, pass.cols(at, len));
        let end = at + len;
        let calls = [rest(0, at), Some(Call::Joint(joint)), rest(end, pass.cols)];
        Some(calls.into_iter().flatten().collect())
    }

    fn new(product: Gemm, pass: Pass<T>) -> Joint<T> {
        let (rows, n) = (product.m, product.n);
        let blocks = rows.div_ceil(ROWS).max(1);
        let height = rows.div_ceil(blocks).max(1);
        let block = |first: usize| {
            let some = height.min(rows - first);
            let mut pass = pass.cols(first * n, some * n);
            for input in &mut pass.inputs {
                if input.offset == product.c + first * n {
                    input.offset = product.c;
                }
            }
            (Gemm { c: product.c, ..Part::<T>::rows(&product, first, some) }, pass)
        };
        let blocks = (0..rows).step_by(height).map(block).collect();
        Joint { product, pass, blocks }
    }

    /// Other constants for the pass.
    pub(crate) fn passes(&mut self) -> impl Iterator<Item = &mut Pass<T>> {
        self.blocks.iter_mut().map(|(_, pass)| pass).chain([&mut self.pass])
    }
}

impl<T: Forms> Part<T> for Joint<T> {
    /// # Panics
    /// As the product's and the pass's.
    fn check(&self) {
        Part::<T>::check(&self.product);
        self.pass.check();
        let (made, read) = (Part::<T>::touched(&self.product), self.pass.touched());
        let clash = read.writes.iter().any(|w| made.reads.iter().any(|r| r.meets(w)));
        assert!(!clash, "an update of what its gradient is made of");
    }

    fn touched(&self) -> Touched {
        let (made, used) = (Part::<T>::touched(&self.product), self.pass.touched());
        Touched {
            reads: [made.reads, used.reads].concat(),
            writes: [made.writes, used.writes].concat(),
        }
    }

    fn shape(&self) -> (usize, usize) {
        (self.product.m, 1)
    }

    fn work(&self) -> usize {
        Part::<T>::work(&self.product).saturating_add(self.pass.work())
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> Joint<T> {
        let n = self.product.n;
        let product = Part::<T>::rows(&self.product, first, rows);
        Joint::new(product, self.pass.cols(first * n, rows * n))
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, inputs: &Inputs<'_, T>) {
        for (product, pass) in &self.blocks {
            // SAFETY: blocks touch what the whole touches; the caller's condition.
            unsafe {
                product.run(base, isa, inputs);
                pass.run(base, isa, inputs);
            }
        }
    }
}
