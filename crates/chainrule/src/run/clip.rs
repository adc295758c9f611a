//! The global norm of the gradients, and clipping by it.
//!
//! In: gradients in their region. Out: their 2-norm; gradients scaled where it is above a
//! limit. Invariant: the same shards in the same order for any number of threads.

use std::sync::Arc;

use chainrule_kernels::{
    Access, Bin, Call, Inputs, Inst, Pass, Program, Real, Reduce, Reduction, Sequence,
    Slot, Src,
};

use crate::run::{CHUNK, Machine};

/// The two passes of clipping, once they are asked for: sums of squares, one per shard of
/// [`CHUNK`] gradients, and a product with one number.
#[derive(Debug)]
pub(crate) struct Clip<T> {
    squares: Option<Sequence<T>>,
    scale: Option<Sequence<T>>,
}

impl<T> Default for Clip<T> {
    fn default() -> Self {
        Self { squares: None, scale: None }
    }
}

impl<T: Real> Machine<T> {
    fn squares(&self) -> Sequence<T> {
        let (region, scratch) = (self.plan.region, self.scratch);
        let shard = |(i, from): (usize, usize)| {
            Call::Reduce(Reduction {
                kind: Reduce::AllSquares,
                rows: 1,
                cols: (region - from).min(CHUNK),
                src: Slot::new(region + from, region),
                dst: Slot::new(scratch + i, 1),
                scale: 1.0,
                accumulate: false,
            })
        };
        let calls: Vec<_> = (0..region).step_by(CHUNK).enumerate().map(shard).collect();
        T::sequence(&calls, &self.team)
    }

    fn scale(&self) -> Sequence<T> {
        let product = vec![Inst::Bin(Bin::Mul, Src::In(0), Src::Const(0))];
        let program = Program::new(product, vec![Access::Full], vec![Src::Reg(0)]);
        let region = self.plan.region;
        let place = vec![Slot::new(region, region)];
        let one = vec![T::from_f64(1.0)];
        let pass = Pass::new(Arc::new(program), (1, region), place.clone(), place, one);
        T::sequence(&[Call::Pass(pass)], &self.team)
    }

    /// The 2-norm of all gradients together.
    pub fn gradient_norm(&mut self) -> f64 {
        self.settle();
        let squares = self.clip.squares.take().unwrap_or_else(|| self.squares());
        let shards = self.plan.region.div_ceil(CHUNK);
        let arena = &mut self.memory[self.start..];
        T::run(&self.team, arena, &squares, &Inputs::NONE);
        let sums = &arena[self.scratch..][..shards];
        let norm = libm::sqrt(sums.iter().map(|s| s.to_f64()).sum());
        self.clip.squares = Some(squares);
        norm
    }

    /// Scales the gradients so that their norm is at most `limit`; the norm before.
    pub fn clip(&mut self, limit: f64) -> f64 {
        let norm = self.gradient_norm();
        if norm > limit {
            let mut scale = self.clip.scale.take().unwrap_or_else(|| self.scale());
            T::set_consts(&mut scale, 0, &[limit / norm]);
            let arena = &mut self.memory[self.start..];
            T::run(&self.team, arena, &scale, &Inputs::NONE);
            self.clip.scale = Some(scale);
        }
        norm
    }
}
