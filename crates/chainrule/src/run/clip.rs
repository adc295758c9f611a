//! The global norm of the gradients, and clipping by it.
//!
//! In: gradients in their region. Out: their 2-norm; gradients scaled where it is above a
//! limit. Invariant: the same shards in the same order for any number of threads.

use chainrule_kernels::{
    Access, Bin, FusedCall, Inst, Program, Real, Reduce, Reduction, Slot, Src, Un,
};

use crate::run::{CHUNK, Machine};

/// The two passes of clipping.
#[derive(Clone, Debug)]
pub(crate) struct Clip {
    square: Program,
    scale: Program,
}

impl Default for Clip {
    fn default() -> Self {
        let square = vec![Inst::Un(Un::Square, Src::In(0))];
        let scale = vec![Inst::Bin(Bin::Mul, Src::In(0), Src::Const(0))];
        let pass = |insts| Program::new(insts, vec![Access::Full], vec![Src::Reg(0)]);
        Self { square: pass(square), scale: pass(scale) }
    }
}

impl<T: Real> Machine<T> {
    /// The 2-norm of all gradients together.
    pub fn gradient_norm(&mut self) -> f64 {
        let (region, scratch) = (self.plan.region, self.scratch);
        let arena = &mut self.memory[self.start..];
        let mut sum = 0.0;
        for from in (0..region).step_by(CHUNK - 16) {
            let n = (region - from).min(CHUNK - 16);
            let (inputs, outputs) =
                ([Slot::new(region + from, n)], [Slot::new(scratch + 16, n)]);
            let call = call(n, &inputs, &outputs, &[]);
            T::fused(&self.team, arena, &self.clip.square, &call);
            let total = Reduction {
                kind: Reduce::AllSum,
                rows: 1,
                cols: n,
                src: outputs[0],
                dst: Slot::new(scratch, 1),
                scale: 1.0,
                accumulate: false,
            };
            T::reduce(&self.team, arena, &total);
            sum += arena[scratch].to_f64();
        }
        libm::sqrt(sum)
    }

    /// Scales the gradients so that their norm is at most `limit`; the norm before.
    pub fn clip(&mut self, limit: f64) -> f64 {
        let norm = self.gradient_norm();
        if norm > limit {
            let region = self.plan.region;
            let place = [Slot::new(region, region)];
            let factor = [T::from_f64(limit / norm)];
            let call = call(region, &place, &place, &factor);
            let arena = &mut self.memory[self.start..];
            T::fused(&self.team, arena, &self.clip.scale, &call);
        }
        norm
    }
}

fn call<'a, T>(
    n: usize,
    inputs: &'a [Slot],
    outputs: &'a [Slot],
    consts: &'a [T],
) -> FusedCall<'a, T> {
    FusedCall { rows: 1, cols: n, inputs, outputs, consts, key: [0; 2], first_row: 0 }
}
