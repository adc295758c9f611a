//! The solution's own check: every gradient against differences of what is minimised, here.
//!
//! In: a file. Out: for each learned symbol how many entries were compared and the largest deviation.
//! Invariant: one that does not agree is an error, and no solution is made. Values on a kink, and
//! values that leave a domain, are said instead.

use chainrule_graph::derived::{Derived, derive, primitives};
use chainrule_graph::diag::{Diagnostic, Severity};
use chainrule_graph::domain;
use chainrule_graph::eval::{Env, Value, eval_roots};
use chainrule_graph::expand::Purpose;
use chainrule_graph::graph::{Graph, NodeId, SymId};
use chainrule_graph::value::Mat;

use super::backward::refused;
use super::context::Context;
use crate::explain::formula::{Formula, name, number};
use crate::explain::tree::{Block, Table, math, words};

/// Entries of one symbol that are compared.
const MOST: usize = 16;
/// Steps of the differences, relative to the value.
const WIDTHS: [f64; 3] = [1e-4, 1e-5, 1e-6];
/// A deviation relative to the gradient's size that is no rounding any more.
const TOLERANCE: f64 = 1e-5;

pub(super) fn blocks(cx: &Context<'_>) -> Result<Vec<Block>, Diagnostic> {
    let Ok(d) = derive(cx.m) else { return Ok(Vec::new()) };
    if d.gradients.is_empty() {
        return Ok(Vec::new());
    }
    let made_up = Block::Words(words(
        "Every gradient agrees with differences of what is minimised at made-up numbers, to 1e-5 of its \
         size.",
    ));
    let mut out = vec![made_up];
    let found = domain::check(cx.m);
    if found.iter().any(|d| d.severity == Severity::Error) {
        let text = "The file's own values leave a domain: nothing can be compared there.";
        out.push(Block::Note(words(text)));
        return Ok(out);
    }
    let kink = !found.is_empty();
    if kink {
        let text =
            "A value sits on a kink: differences disagree with either slope there.";
        out.push(Block::Note(words(text)));
    }
    if let Some(here) = Here::new(cx, &d) {
        out.extend(here.table(cx, &d, kink)?);
    }
    Ok(out)
}

/// Objective and gradients as graphs of primitives, with the file's values.
struct Here {
    env: Env,
    literal: Graph,
    objective: NodeId,
    derived: Graph,
    gradients: Vec<NodeId>,
}

impl Here {
    fn new(cx: &Context<'_>, d: &Derived) -> Option<Self> {
        if !cx.has_values() {
            return None;
        }
        let o = cx.m.objective.as_ref()?;
        let training = cx.state.masks.is_some();
        let form = if training { Purpose::Training } else { Purpose::Evaluation };
        let (literal, at) = primitives(cx.m, &cx.m.graph, &[o.node], form)?;
        let roots: Vec<NodeId> = d.gradients.iter().map(|g| g.1).collect();
        let (derived, gradients) = primitives(cx.m, &d.graph, &roots, form)?;
        let env = cx.state.env(cx.m);
        Some(Self { env, literal, objective: at[0], derived, gradients })
    }

    fn table(
        &self,
        cx: &Context<'_>,
        d: &Derived,
        kink: bool,
    ) -> Result<Option<Block>, Diagnostic> {
        let mut rows = Vec::new();
        let values = eval_roots(&self.derived, &self.env, &self.gradients);
        for (k, (id, _)) in d.gradients.iter().enumerate() {
            let shown = &cx.symbols[id.0 as usize];
            let g = values[self.gradients[k].0 as usize].as_ref();
            let (Some(Value::Shared(g)), Some(Value::Shared(x))) =
                (g, self.env.symbols.get(id))
            else {
                continue;
            };
            let (compared, worst) = self.compare(*id, g, x);
            if worst > TOLERANCE && !kink {
                let text = format!(
                    "the gradient by `{shown}` does not pass its check: it differs from a difference \
                     quotient by {worst:e} of its size"
                );
                return Err(refused(text));
            }
            rows.push(vec![
                math(Formula::of(name(shown))),
                words(format!("{compared} of {}", g.data.len())),
                math(Formula::of(number(worst, 2))),
            ]);
        }
        let head = ["gradient by", "entries compared here", "largest deviation"];
        let table = Table { head: head.map(str::to_owned).to_vec(), rows };
        Ok((!table.rows.is_empty()).then_some(Block::Table(table)))
    }

    /// How many entries were compared, and the largest deviation relative to the gradient's size.
    fn compare(&self, id: SymId, g: &Mat, x: &Mat) -> (usize, f64) {
        let size = g.data.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let apart = x.data.len().div_ceil(MOST).max(1);
        let (mut compared, mut worst) = (0, 0.0_f64);
        for i in (0..x.data.len()).step_by(apart) {
            // A kink beside the value spoils wide differences; a wrong gradient spoils all.
            let mut least: Option<f64> = None;
            for h in WIDTHS {
                let Some(slope) = self.slope(id, x, i, h) else { continue };
                let scale = size.max(slope.abs()).max(1e-3);
                let far = (g.data[i] - slope).abs() / scale;
                least = Some(least.map_or(far, |l| l.min(far)));
                if far <= TOLERANCE {
                    break;
                }
            }
            let Some(least) = least else { continue };
            compared += 1;
            worst = worst.max(least);
        }
        (compared, worst)
    }

    /// A central difference with one extrapolation; `None` where two widths disagree (a kink).
    fn slope(&self, id: SymId, x: &Mat, i: usize, h: f64) -> Option<f64> {
        let h = h * x.data[i].abs().max(1.0);
        let wide = (self.at(id, x, i, h)? - self.at(id, x, i, -h)?) / (2.0 * h);
        let half = h / 2.0;
        let near = (self.at(id, x, i, half)? - self.at(id, x, i, -half)?) / h;
        let smooth = (wide - near).abs() <= 1e-4 * wide.abs().max(near.abs()).max(1e-3);
        smooth.then_some((4.0 * near - wide) / 3.0)
    }

    fn at(&self, id: SymId, x: &Mat, i: usize, by: f64) -> Option<f64> {
        let mut moved = x.clone();
        moved.data[i] += by;
        let mut env = self.env.clone();
        env.symbols.insert(id, Value::Shared(moved));
        let values = eval_roots(&self.literal, &env, &[self.objective]);
        let mean = match values[self.objective.0 as usize].as_ref()? {
            Value::Shared(m) => m.data[0],
            Value::Each(all) => {
                all.iter().map(|m| m.data[0]).sum::<f64>() / all.len().max(1) as f64
            }
        };
        mean.is_finite().then_some(mean)
    }
}
