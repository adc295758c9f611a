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
use chainrule_graph::verify;

use super::backward::refused;
use super::context::Context;
use crate::explain::formula::{Formula, name, number};
use crate::explain::tree::{Block, Table, math, words};

/// Entries of one symbol that are compared.
const MOST: usize = 16;
/// More learned symbols than this are compared along common directions.
const MANY: usize = 200;
/// Steps of the differences, relative to the value.
const WIDTHS: [f64; 3] = [1e-4, 1e-5, 1e-6];
/// A deviation relative to the gradient's size that is no rounding any more.
const TOLERANCE: f64 = 1e-5;

pub(super) fn blocks(
    cx: &Context<'_>,
    untold: &[SymId],
) -> Result<Vec<Block>, Diagnostic> {
    let Ok(d) = derive(cx.m) else { return Ok(Vec::new()) };
    if d.gradients.is_empty() {
        return Ok(Vec::new());
    }
    let mut out = made_up(cx, untold, d.gradients.len());
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
        out.extend(here.compared(cx, &d, kink)?);
    }
    Ok(out)
}

/// What came of the check before there was a solution.
fn made_up(cx: &Context<'_>, untold: &[SymId], learned: usize) -> Vec<Block> {
    let note = verify::untold(cx.m, untold).map(|d| Block::Note(words(d.message)));
    let other = if note.is_some() { "Every other" } else { "Every" };
    let agree = Block::Words(words(format!(
        "{other} gradient agrees with differences of what is minimised at made-up numbers, to 1e-5 of its \
         size."
    )));
    note.into_iter().chain((untold.len() < learned).then_some(agree)).collect()
}

/// Objective and gradients as graphs of primitives, with the file's values.
struct Here {
    env: Env,
    form: Purpose,
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
        Some(Self { env, form, literal, objective: at[0], derived, gradients })
    }

    /// Of many symbols the entries are not looked at one by one.
    fn compared(
        &self,
        cx: &Context<'_>,
        d: &Derived,
        kink: bool,
    ) -> Result<Option<Block>, Diagnostic> {
        match d.gradients.len() > MANY {
            true => self.together(cx, d, kink),
            false => self.table(cx, d, kink),
        }
    }

    /// All gradients along directions through many symbols at once.
    fn together(
        &self,
        cx: &Context<'_>,
        d: &Derived,
        kink: bool,
    ) -> Result<Option<Block>, Diagnostic> {
        let untold = match verify::gradient_at(cx.m, d, self.env.clone(), self.form) {
            Err(wrong) if !kink => return Err(*wrong),
            Err(_) => return Ok(None),
            Ok(untold) => untold.len(),
        };
        let text = format!(
            "At the file's own values {} of {} gradients agree with differences as well, along directions \
             through many symbols at once, to 1e-5 of the size of each.",
            d.gradients.len() - untold,
            d.gradients.len()
        );
        Ok(Some(Block::Words(words(text))))
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
        let mut env = self.env.clone();
        let center = self.value(&env);
        let (mut compared, mut worst) = (0, 0.0_f64);
        for i in (0..x.data.len()).step_by(apart) {
            let mut at = |by: f64| {
                let mut moved = x.clone();
                moved.data[i] += by;
                env.symbols.insert(id, Value::Shared(moved));
                self.value(&env)
            };
            // A kink beside the value spoils wide differences; a wrong gradient spoils all.
            let mut least: Option<f64> = None;
            for h in steps(center, x.data[i], g.data[i]) {
                let Some(slope) = slope(&mut at, h) else { continue };
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

    fn value(&self, env: &Env) -> Option<f64> {
        let values = eval_roots(&self.literal, env, &[self.objective]);
        let mean = match values[self.objective.0 as usize].as_ref()? {
            Value::Shared(m) => m.data[0],
            Value::Each(all) => {
                all.iter().map(|m| m.data[0]).sum::<f64>() / all.len().max(1) as f64
            }
        };
        mean.is_finite().then_some(mean)
    }
}

/// Widths relative to the value; then one that moves what is minimised by as much, which shows a slope that
/// is small beside it: narrower steps drown in its rounding.
fn steps(center: Option<f64>, x: f64, g: f64) -> impl Iterator<Item = f64> {
    let size = x.abs().max(1.0);
    let wide = WIDTHS[0] * center.unwrap_or(0.0).abs() / g.abs();
    let wider = (wide.is_finite() && wide > WIDTHS[0] * size).then_some(wide);
    WIDTHS.into_iter().map(move |h| h * size).chain(wider)
}

/// A central difference with one extrapolation; `None` where two widths disagree (a kink).
fn slope(at: &mut impl FnMut(f64) -> Option<f64>, h: f64) -> Option<f64> {
    let wide = (at(h)? - at(-h)?) / (2.0 * h);
    let half = h / 2.0;
    let near = (at(half)? - at(-half)?) / h;
    let smooth = (wide - near).abs() <= 1e-4 * wide.abs().max(near.abs()).max(1e-3);
    smooth.then_some((4.0 * near - wide) / 3.0)
}
