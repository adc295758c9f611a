//! What an entry-by-entry function does to numbers, seen by its values: range, slope, straightness.
//!
//! In: a function of the table, prelude or the file's own. Out: its values and slopes on a grid.
//! Invariant: nothing is known of a function but its equation, so one that a user writes is seen
//! like a shipped one. Deliberately absent: judgement.

use std::collections::BTreeMap;

use chainrule_graph::derived::primitives;
use chainrule_graph::diag::Span;
use chainrule_graph::eval::{Env, Value, eval_roots};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{FuncId, Graph, NodeId, Op};
use chainrule_graph::module::Module;
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::value::Mat;

/// Where nothing bounds an argument, it is followed as far as this.
const FAR: f64 = 1e6;

/// A closed range of numbers; infinite where nothing bounds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    pub(crate) const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    pub(crate) fn new(low: f64, high: f64) -> Self {
        if low.is_nan() || high.is_nan() { Self::ALL } else { Self { low, high } }
    }

    /// The smallest interval that holds all of these.
    pub(crate) fn hull(values: &[f64]) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let broken = values.is_empty() || values.iter().any(|v| v.is_nan());
        if broken { Self::ALL } else { Self { low, high } }
    }

    pub(crate) fn is_bounded(self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }
}

/// An entry-by-entry function with its further arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entrywise {
    pub(crate) function: FuncId,
    /// The constants behind the first argument.
    rest: Vec<f64>,
}

impl Entrywise {
    /// The function of a call, if it is one of a single argument besides constants.
    pub(crate) fn of(m: &Module, g: &Graph, n: NodeId) -> Option<Self> {
        let Op::Call(function, _) = g[n].op else { return None };
        let rest: Option<Vec<f64>> =
            g[n].args[1..].iter().map(|a| g.constant(*a)).collect();
        let entrywise = m.functions.is_entrywise(function);
        rest.filter(|_| entrywise).map(|rest| Self { function, rest })
    }

    pub(crate) fn name<'m>(&self, m: &'m Module) -> &'m str {
        &m.functions.get(self.function).name.written
    }

    /// Values and slopes at these places.
    fn at(&self, m: &Module, xs: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        let mut g = m.graph.empty_like();
        let shape = Shape::column(Dim::size(xs.len()));
        let slot = g.add(Op::Slot(0, shape, false), &[], Span::default());
        let mut args = vec![slot];
        args.extend(self.rest.iter().map(|v| g.number(*v)));
        let value = g.add(Op::Call(self.function, None), &args, Span::default());
        let slope = g.add(Op::Deriv(self.function, 0), &args, Span::default());
        let (g, roots) = primitives(m, &g, &[value, slope], Purpose::Evaluation)?;
        let column = Value::Shared(Mat::new(xs.len(), 1, xs.to_vec()));
        let env =
            Env { slots: BTreeMap::from([(0, column)]), examples: 1, ..Env::default() };
        let all = eval_roots(&g, &env, &roots);
        let numbers = |n: NodeId| match all[n.0 as usize].as_ref()?.of(0) {
            one if one.is_scalar() => Some(vec![one.data[0]; xs.len()]),
            many => Some(many.data.clone()),
        };
        Some((numbers(roots[0])?, numbers(roots[1])?))
    }

    /// The range of its values over a range of its argument.
    pub(crate) fn range(&self, m: &Module, over: Interval) -> Interval {
        let xs: Vec<f64> =
            grid().into_iter().map(|x| x.clamp(over.low, over.high)).collect();
        let Some((values, _)) = self.at(m, &xs) else { return Interval::ALL };
        let hull = Interval::hull(&values);
        // What still grows at the end of the grid has no bound where the argument has none.
        let far = |at: f64| at.abs() > 100.0;
        let low = if far(hull.low) && !over.is_bounded() {
            f64::NEG_INFINITY
        } else {
            hull.low
        };
        let high =
            if far(hull.high) && !over.is_bounded() { f64::INFINITY } else { hull.high };
        Interval::new(low, high)
    }

    /// Whether its values lie on one straight line.
    pub(crate) fn is_straight(&self, m: &Module) -> bool {
        let xs: Vec<f64> = (-40..=40).map(|i| f64::from(i) / 8.0).collect();
        let Some((values, slopes)) = self.at(m, &xs) else { return false };
        let (first, size) =
            (slopes[0], values.iter().fold(1.0_f64, |s, v| s.max(v.abs())));
        let line = |x: f64| values[0] + first * (x - xs[0]);
        let off = xs.iter().zip(&values).map(|(&x, v)| (v - line(x)).abs());
        off.fold(0.0, f64::max) < 1e-9 * size
    }

    /// The largest slope, in size.
    pub(crate) fn steepest(&self, m: &Module) -> Option<f64> {
        let (_, slopes) = self.at(m, &grid())?;
        let finite = slopes.iter().map(|s| s.abs()).filter(|s| s.is_finite());
        finite.reduce(f64::max)
    }
}

/// Places close together around 0, and ever further apart away from it.
fn grid() -> Vec<f64> {
    let near = (-160..=160).map(|i| f64::from(i) / 8.0);
    let powers = (-24..=24).map(|i| libm::exp10(f64::from(i) / 4.0));
    let far = powers.flat_map(|x| [x, -x]).filter(|x| x.abs() <= FAR);
    near.chain(far).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_graph::lower::load;

    fn seen(body: &str) -> (Interval, bool, f64) {
        let text = format!(
            "f(z) = {body}\ninput x : 1\ntarget y : 1\nparam w : 1×1 ~ he\na = f(w x)\n\
             L = half_mse(y, a)\nminimize mean(L)"
        );
        let m = load(&text, &[]).module.expect("the file reads");
        let call = m.graph.iter().find_map(|(n, _)| Entrywise::of(&m, &m.graph, n));
        let f = call.expect("a call");
        (f.range(&m, Interval::ALL), f.is_straight(&m), f.steepest(&m).unwrap())
    }

    #[test]
    fn functions_show_range_straightness_and_slope() {
        let infinite = f64::INFINITY;
        for (body, low, high, straight, slope) in [
            ("sigmoid(z)", 0.0, 1.0, false, 0.25),
            ("tanh(z)", -1.0, 1.0, false, 1.0),
            ("max(0, z)", 0.0, infinite, false, 1.0),
            ("leaky_relu(z, 0.1)", -infinite, infinite, false, 1.0),
            ("elu(z)", -1.0, infinite, false, 1.0),
            ("3 z + 1", -infinite, infinite, true, 3.0),
            ("100 sigmoid(z)", 0.0, 100.0, false, 25.0),
        ] {
            let (range, is_straight, steepest) = seen(body);
            assert!(
                (range.low - low).abs() < 1e-9 || range.low == low,
                "{body} {range:?}"
            );
            assert!((range.high - high).abs() < 1e-6 || range.high == high, "{body}");
            assert_eq!(is_straight, straight, "{body}");
            assert!((steepest - slope).abs() < 1e-3, "{body}: {steepest}");
        }
    }
}
