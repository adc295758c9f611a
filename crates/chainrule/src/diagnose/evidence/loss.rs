//! Which loss a file has, told by its values, and what the best constant answer makes of it.
//!
//! In: the loss of an example as written, its output and target. Out: [`Loss`]: a form and a factor.
//! Invariants: the form is told by evaluating, so a loss that is written out is seen like one that is
//! called by name; what agrees with no form is `Other`, never the nearest. Deliberately absent:
//! whether the loss suits the task.

use std::collections::BTreeMap;

use chainrule_graph::derived::primitives;
use chainrule_graph::diag::Span;
use chainrule_graph::eval::{Env, Value, eval_roots};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, NodeId, Op, SymId};
use chainrule_graph::module::Module;
use chainrule_graph::shape::{Atom, Sizes};
use chainrule_graph::value::Mat;

use crate::model::WEIGHT;

/// What a loss does with a target y and an output p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// −∑ y log p.
    CrossEntropy,
    /// −∑ y log(p / ∑p).
    CrossEntropyOfShares,
    /// −∑ (y log p + (1 − y) log(1 − p)).
    Binary,
    /// ∑ (y − p)².
    Squared,
    /// ∑ |y − p|.
    Absolute,
    /// The output does not change it.
    Flat,
    /// Something else.
    Other,
}

/// A form times a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Loss {
    pub(crate) form: Form,
    pub(crate) factor: f64,
}

type Formula = fn(&[f64], &[f64]) -> f64;
/// A target and an output.
type Pair = (Vec<f64>, Vec<f64>);

/// The forms, by what they make of a target and an output.
const FORMS: &[(Form, Formula)] = &[
    (Form::CrossEntropy, |y, p| -sum(y, p, |y, p| y * libm::log(p))),
    (Form::CrossEntropyOfShares, |y, p| {
        let all: f64 = p.iter().sum();
        -sum(y, p, |y, p| y * libm::log(p / all))
    }),
    (Form::Binary, |y, p| {
        -sum(y, p, |y, p| y * libm::log(p) + (1.0 - y) * libm::log(1.0 - p))
    }),
    (Form::Squared, |y, p| sum(y, p, |y, p| (y - p) * (y - p))),
    (Form::Absolute, |y, p| sum(y, p, |y, p| (y - p).abs())),
];

fn sum(y: &[f64], p: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    y.iter().zip(p).map(|(&y, &p)| f(y, p)).sum()
}

impl Loss {
    pub(crate) const OTHER: Self = Self { form: Form::Other, factor: 1.0 };

    /// The loss of a file between its output and the target beside it.
    pub(crate) fn of(m: &Module, output: NodeId, target: SymId, sizes: &Sizes) -> Self {
        let entries = sizes_of(m, target, sizes);
        let Some(loss) = m.objective.as_ref().and_then(|o| o.loss) else {
            return Self::OTHER;
        };
        let (Some(k), true) = (entries, m.graph.reachable(&[loss])[output.0 as usize])
        else {
            return Self::OTHER;
        };
        let pairs = samples(k.0 * k.1);
        let values = values(m, (loss, output, target), k, sizes, &pairs);
        values.map_or(Self::OTHER, |values| told(&pairs, &values))
    }

    /// The loss of one row against this output.
    pub(crate) fn row(self, y: &[f64], p: &[f64]) -> Option<f64> {
        let (_, formula) = FORMS.iter().find(|(form, _)| *form == self.form)?;
        Some(self.factor * formula(y, p))
    }

    /// The constant answer with the smallest mean loss over rows of targets, if there is a formula.
    pub(crate) fn constant(self, rows: &[Vec<f64>]) -> Option<Vec<f64>> {
        let columns = rows.first()?.len();
        let column = |c: usize| rows.iter().map(|r| r[c]).collect::<Vec<f64>>();
        let answer = |c: usize| match self.form {
            Form::Absolute => crate::diagnose::smooth::median(&column(c)),
            _ => column(c).iter().sum::<f64>() / rows.len() as f64,
        };
        let known = !matches!(self.form, Form::Flat | Form::Other);
        // Logarithms of 0 and 1 belong to classes that never occur: they cost nothing.
        let inside = |p: f64| match self.form {
            Form::Squared | Form::Absolute => p,
            _ => p.clamp(1e-12, 1.0 - 1e-12),
        };
        known.then(|| (0..columns).map(|c| inside(answer(c))).collect())
    }
}

/// Pairs of a target and an output, all entries inside (0, 1).
fn samples(k: usize) -> Vec<Pair> {
    let spread = |i: usize, salt: usize| {
        0.1 + 0.8 * ((i * 37 + salt * 53 + i * salt * 11) % 97) as f64 / 97.0
    };
    let one = |salt: usize| {
        let p: Vec<f64> = (0..k).map(|i| spread(i, salt)).collect();
        let y = (0..k).map(|i| match (salt % 3, k) {
            (0, 1) => f64::from(u8::from(salt.is_multiple_of(2))),
            (0, _) => f64::from(u8::from(i == salt % k)),
            _ => spread(i + 3, salt + 5),
        });
        (y.collect(), p)
    };
    (0..8).map(one).collect()
}

/// The form that explains the numbers.
fn told(pairs: &[Pair], values: &[f64]) -> Loss {
    if values.iter().any(|v| !v.is_finite()) {
        return Loss::OTHER;
    }
    if values.iter().all(|v| v.abs() < 1e-5) {
        return Loss { form: Form::Flat, factor: 0.0 };
    }
    let fits = |&(form, formula): &(Form, Formula)| {
        let own: Vec<f64> = pairs.iter().map(|(y, p)| formula(y, p)).collect();
        let norm: f64 = own.iter().map(|v| v * v).sum();
        if norm == 0.0 {
            // Over one entry a share is 1 and has no loss.
            return None;
        }
        let factor = own.iter().zip(values).map(|(a, b)| a * b).sum::<f64>() / norm;
        let size = values.iter().fold(0.0_f64, |s, v| s.max(v.abs()));
        let off = own.iter().zip(values).map(|(a, b)| (factor * a - b).abs());
        (off.fold(0.0, f64::max) < 1e-6 * size).then_some(Loss { form, factor })
    };
    FORMS.iter().find_map(fits).unwrap_or(Loss::OTHER)
}

fn sizes_of(m: &Module, target: SymId, sizes: &Sizes) -> Option<(usize, usize)> {
    m.symbols[target.0 as usize].shape.under(sizes)
}

/// The loss of each pair; the output is put in place of what the network would give.
fn values(
    m: &Module,
    (loss, output, target): (NodeId, NodeId, SymId),
    (rows, cols): (usize, usize),
    sizes: &Sizes,
    pairs: &[Pair],
) -> Option<Vec<f64>> {
    let (g, root) = cut(&m.graph, loss, output);
    let (g, roots) = primitives(m, &g, &[root], Purpose::Evaluation)?;
    let each = |side: fn(&Pair) -> Vec<f64>| {
        Value::Each(pairs.iter().map(|p| Mat::new(rows, cols, side(p))).collect())
    };
    let ones = pairs.iter().map(|_| Mat::scalar(1.0)).collect();
    let mut symbols = BTreeMap::from([(target, each(|p| p.0.clone()))]);
    symbols.extend(m.symbol(WEIGHT).map(|s| (s.id, Value::Each(ones))));
    let env = Env {
        symbols,
        slots: BTreeMap::from([(0, each(|p| p.1.clone()))]),
        sizes: sizes.clone(),
        examples: pairs.len(),
        ..Env::default()
    };
    let all = eval_roots(&g, &env, &roots);
    let value = all[roots[0].0 as usize].as_ref()?;
    Some((0..pairs.len()).map(|e| value.of(e).data[0]).collect())
}

/// The graph of `root` with a slot in place of `at`.
fn cut(g: &Graph, root: NodeId, at: NodeId) -> (Graph, NodeId) {
    let mut out = g.empty_like();
    let needed = g.reachable(&[root]);
    let mut map: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, node) in g.iter().filter(|(id, _)| needed[id.0 as usize]) {
        let new = match id == at {
            true => out.add(Op::Slot(0, node.shape.clone(), true), &[], Span::default()),
            false => {
                let args: Vec<NodeId> = node.args.iter().map(|a| map[a]).collect();
                out.add(node.op.clone(), &args, node.span)
            }
        };
        map.insert(id, new);
    }
    let root = map[&root];
    (out, root)
}

/// Sizes of all dimensions; what neither file nor data says is 3, for what holds whatever the size.
pub(crate) fn some_sizes(m: &Module, known: &Sizes) -> Sizes {
    let mut sizes = known.clone();
    for s in &m.symbols {
        for dim in [&s.shape.rows, &s.shape.cols] {
            for atom in &m.dims.resolve(dim).atoms {
                if let Atom::Name(name) = atom {
                    sizes.entry(name.clone()).or_insert(3);
                }
            }
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    fn loss(target: &str, line: &str) -> Loss {
        let text = format!(
            "input x : D\ntarget {target}\nparam W : K×D ~ he\nwhere D = 2\nŷ = W x\n\
             L = {line}\nminimize mean(L)\noutput: ŷ"
        );
        let text = if target.contains("K") { text } else { text.replace("K×D", "1×D") };
        let model = Model::parse(&text).expect("the file reads");
        let m = model.module();
        let sizes = some_sizes(m, &m.dims.sizes);
        Loss::of(m, m.output.unwrap(), m.symbol("y").unwrap().id, &sizes)
    }

    #[test]
    fn losses_are_told_by_what_they_do() {
        for (line, form, factor) in [
            ("half_mse(y, ŷ)", Form::Squared, 0.5),
            ("mse(y, ŷ)", Form::Squared, 1.0 / 3.0),
            ("7 (y − ŷ)ᵀ (y − ŷ)", Form::Squared, 7.0),
            ("mae(y, ŷ)", Form::Absolute, 1.0 / 3.0),
            ("cross_entropy(y, ŷ)", Form::CrossEntropy, 1.0),
            ("−sum(y ⊙ log(ŷ))", Form::CrossEntropy, 1.0),
            ("−sum(y ⊙ log(min(max(ŷ, 1e-7), 1)))", Form::CrossEntropy, 1.0),
            ("cross_entropy(y, ŷ / sum(ŷ))", Form::CrossEntropyOfShares, 1.0),
            ("bce(y, ŷ)", Form::Binary, 1.0),
            ("sum((y − ŷ)² ⊙ (y − ŷ)²)", Form::Other, 1.0),
        ] {
            let found = loss("y : K", line);
            assert_eq!(found.form, form, "{line}");
            assert!((found.factor - factor).abs() < 1e-9, "{line}: {found:?}");
        }
        assert_eq!(loss("y : 1", "cross_entropy(y, ŷ / sum(ŷ))").form, Form::Flat);
        assert_eq!(loss("y : 1", "bce(y, ŷ)").form, Form::Binary);
    }

    #[test]
    fn the_best_constant_answer_is_mean_or_median() {
        let rows: Vec<Vec<f64>> = [0.0, 0.0, 3.0].map(|v| vec![v]).into();
        let squared = Loss { form: Form::Squared, factor: 1.0 };
        assert_eq!(squared.constant(&rows), Some(vec![1.0]));
        assert_eq!(squared.row(&rows[2], &[1.0]), Some(4.0));
        let absolute = Loss { form: Form::Absolute, factor: 2.0 };
        assert_eq!(absolute.constant(&rows), Some(vec![0.0]));
        assert_eq!(Loss::OTHER.constant(&rows), None);
    }
}
