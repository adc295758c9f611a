//! A product whose rows of A come from outside: in go a [`Gather`] and the one [`Gemm`] that reads
//! what it gathers, out comes the product.
//!
//! Rows that follow one another outside are read where they lie: the product's own loads then wait
//! for memory beside its arithmetic, where a copy would wait for it first.
//!
//! Invariants: bits are those of the gathering followed by the product. Where the rows would be
//! gathered is room of this kernel's: afterwards it holds no result. Each part takes its own rows.
//!
//! Deliberately absent: rows that anything else reads.

use crate::arena::{Base, Touched};
use crate::matmul::Gemm;
use crate::moves::Gather;
use crate::sequence::{Cut, Inputs, Part};
use crate::simd::{Forms, Isa};

/// A gathering and its product. See the module's words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fed {
    pub(crate) gather: Gather,
    /// A is what is gathered.
    product: Gemm,
}

impl Fed {
    /// The two as one; `None` unless one operand of the product is just what is gathered.
    #[must_use]
    pub fn new(gather: Gather, product: Gemm) -> Option<Fed> {
        let fits = |g: &Gemm| {
            (g.m, g.k, g.a, g.a_rs, g.a_cs)
                == (gather.rows, gather.cols, gather.dst.offset, gather.dst.row_stride, 1)
        };
        let either = [product, product.transposed()].into_iter().find(fits)?;
        Some(Fed { gather, product: either })
    }
}

impl<T: Forms> Part<T> for Fed {
    /// # Panics
    /// As the product's and the gathering's.
    fn check(&self) {
        Part::<T>::check(&self.gather);
        Part::<T>::check(&self.product);
    }

    fn touched(&self) -> Touched {
        let (rows, made) =
            (Part::<T>::touched(&self.gather), Part::<T>::touched(&self.product));
        Touched { reads: made.reads, writes: [rows.writes, made.writes].concat() }
    }

    fn shape(&self) -> (usize, usize) {
        (self.product.m, 1)
    }

    fn work(&self) -> usize {
        Part::<T>::work(&self.product).saturating_add(Part::<T>::work(&self.gather))
    }

    fn cuts(&self) -> &[Cut] {
        &[Cut::Rows]
    }

    fn rows(&self, first: usize, rows: usize) -> Fed {
        let gather = Part::<T>::rows(&self.gather, first, rows);
        Fed { gather, product: Part::<T>::rows(&self.product, first, rows) }
    }

    unsafe fn run(&self, base: Base<T>, isa: Isa, inputs: &Inputs<'_, T>) {
        let rows = &inputs.rows[self.gather.first..][..self.gather.rows];
        let in_turn = rows.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        // SAFETY: the caller's condition; rows that follow one another lie in the source one
        // after the other, which was checked for each of them.
        unsafe {
            match rows.first().filter(|_| in_turn) {
                Some(&first) => {
                    let source = inputs.sources.source(self.gather.source);
                    let rows = &source[first as usize * self.gather.cols..];
                    let product = Gemm { a_rs: self.gather.cols, ..self.product };
                    product.run_on(base, rows.as_ptr(), true, isa);
                }
                None => {
                    self.gather.run(base, isa, inputs);
                    self.product.run(base, isa, inputs);
                }
            }
        }
    }
}
