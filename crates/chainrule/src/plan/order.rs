//! The order of steps: what each example does by itself first, then what adds up over examples.
//!
//! In: steps in an order that works. Out: the same steps, so ordered that as few as can be stand
//! between one that threads can share by examples and another: threads wait for each other
//! where sums over examples begin and where their results are read, not at every layer's
//! gradient. Invariant: what touched a buffer before another that writes it, or wrote it
//! before another that reads it, still does; steps of one level keep their order. Deliberately
//! absent: threads, and what anything costs.

use std::collections::BTreeMap;

use crate::plan::ext::Ext;
use crate::plan::step::{Step, Way, Work};
use crate::plan::view::Buf;

/// Orders the steps by level: how often one has to change between the two kinds before it.
pub(crate) fn ordered(steps: Vec<Step>) -> Vec<Step> {
    let mut touched: BTreeMap<Buf, Touched> = BTreeMap::new();
    let leveled = steps.into_iter().map(|step| (level(&mut touched, &step), step));
    let mut leveled: Vec<(usize, Step)> = leveled.collect();
    leveled.sort_by_key(|(level, _)| *level);
    leveled.into_iter().map(|(_, step)| step).collect()
}

/// The highest levels of steps that read and that wrote a buffer.
#[derive(Default)]
struct Touched {
    read: usize,
    written: usize,
}

/// Even levels are of steps that each example does by itself, odd ones of those that mix examples.
fn level(touched: &mut BTreeMap<Buf, Touched>, step: &Step) -> usize {
    let (reads, writes) = step.work.buffers();
    let at = |b: &Buf| touched.get(b);
    let read = reads.iter().filter_map(at).map(|t| t.written);
    let written = writes.iter().filter_map(at).map(|t| t.read.max(t.written));
    let least = read.chain(written).max().unwrap_or(0);
    let level = match step.work.mixes() {
        Some(mixes) if (least % 2 == 1) != mixes => least + 1,
        _ => least,
    };
    for b in &reads {
        let t = touched.entry(*b).or_default();
        t.read = t.read.max(level);
    }
    for b in &writes {
        let t = touched.entry(*b).or_default();
        t.written = t.written.max(level);
    }
    level
}

impl Work {
    /// Whether one result is made of several examples; `None` if examples have no part in it.
    fn mixes(&self) -> Option<bool> {
        let of = |mixes: bool, sizes: &[Ext]| {
            (mixes || sizes.iter().any(|s| s.grows())).then_some(mixes)
        };
        match self {
            Self::Fused(f) => of(false, &[f.rows, f.cols]),
            Self::Product(p) => {
                let summed = p.again.filter(|again| again.c == Ext::ZERO);
                of(p.k.grows() || summed.is_some_and(|a| a.count.grows()), &[p.m, p.n])
            }
            Self::Fold { way, rows, cols, .. } => {
                let over = match way {
                    Way::Rows => cols.grows(),
                    Way::Cols => rows.grows(),
                    Way::All => rows.grows() || cols.grows(),
                };
                of(over, &[*rows, *cols])
            }
            Self::PlainFold { over, src, .. } => {
                let gone = |(&over, size): (&bool, &Ext)| over && size.grows();
                of(over.iter().zip(&src.size).any(gone), &src.size)
            }
            Self::Copy { dst, .. } => of(false, &dst.size),
            Self::Fill { rows, cols, .. } => of(false, &[*rows, *cols]),
            Self::Pick { .. } | Self::SubAt { .. } | Self::OneHot { .. } => Some(false),
            Self::Eye { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chainrule_graph::derived::{derive, expand};
    use chainrule_graph::expand::Purpose as Form;
    use chainrule_graph::lower::load;

    use crate::plan::{Options, Purpose, plan};

    /// Which steps mix examples, in the order of the plan; those that examples have no part in
    /// are left out.
    fn mixing(text: &str) -> Vec<bool> {
        let module = load(text, &[]).module.expect("the file reads");
        let x = expand(&module, &derive(&module).expect("derives"), Form::Training);
        let sizes = module.dims.sizes.clone();
        let options = Options { sizes, rows: 4, ..Options::default() };
        let plan = plan(&x, Purpose::Train, &options).expect("plans");
        plan.steps.iter().filter_map(|step| step.work.mixes()).collect()
    }

    const LAYERS: &str = "input a0 : 5\ntarget y : 3\n\
        param W1 : 7×5 ~ he, b1 : 7 = 0, W2 : 6×7 ~ he, b2 : 6 = 0, W3 : 3×6 ~ he, b3 : 3 = 0\n\
        a1 = tanh(W1 a0 + b1)\na2 = tanh(W2 a1 + b2)\na3 = W3 a2 + b3\n";

    #[test]
    fn sums_over_examples_come_last_in_a_step() {
        let kinds = mixing(&format!("{LAYERS}minimize mean(‖a3 − y‖²)\n"));
        let first = kinds.iter().position(|mixes| *mixes).expect("gradients are sums");
        assert!(kinds.len() - first >= 6, "six gradients: {kinds:?}");
        assert!(kinds[first..].iter().all(|mixes| *mixes), "{kinds:?}");
    }

    #[test]
    fn what_reads_a_sum_over_examples_still_comes_behind_it() {
        let text = LAYERS.replace("a2 = tanh(", "a2 = batch_norm(");
        let kinds = mixing(&format!("{text}minimize mean(‖a3 − y‖²)\n"));
        let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
        // Mean, variance, and their gradients, each behind what every example does by itself.
        assert!((3..=9).contains(&changes), "{changes} changes in {kinds:?}");
    }
}
