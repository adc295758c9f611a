//! The worked solution of a file: what is given, forward, loss, backward, update, check.
//!
//! In: a checked module and how much to say. Out: an [`Explanation`]. Invariant: it is only made if the
//! file's gradients agree with differences, at made-up numbers and at its own, if every update that
//! is printed comes to the number that the optimiser computes, and if every line's numbers hold;
//! otherwise there is a diagnostic and nothing to write. Deliberately absent: how any of it looks (see `write`).

mod backward;
mod cases;
mod check;
mod collapse;
mod context;
mod fill;
mod forward;
mod given;
mod loss;
mod numeric;
mod paths;
mod rules;
mod shapes;
mod stable;
mod update;
mod worked;

pub use shapes::{equation_shapes, parameter_count};

use chainrule_graph::derived::derive;
use chainrule_graph::diag::Diagnostic;
use chainrule_graph::graph::NodeId;
use chainrule_graph::module::Module;
use chainrule_graph::syntax::print::Style;

use super::AskOptions;
use super::state;
use super::tree::{Block, Explanation, Level, Part, Section};
use context::Context;

/// How much a solution says, and of what.
#[derive(Clone, Debug, Default)]
pub struct SolutionOptions {
    /// Matrix lines, entries, or every multiplication.
    pub level: Level,
    /// With the proof of each rule.
    pub why: bool,
    /// Significant digits; default: the file's `digits:`, else 6.
    pub digits: Option<u32>,
    /// Update rule, steps, what is frozen, rounding, the training form.
    pub ask: AskOptions,
}

/// The worked solution of a file.
///
/// # Errors
/// M3 if a gradient does not pass its check (a mistake of ours, or in the file's own `derivative`
/// lines); an update rule that does not read; values that do not fit each other.
pub fn explain(m: &Module, options: &SolutionOptions) -> Result<Explanation, Diagnostic> {
    state::frozen_known(m, &options.ask.freeze)?;
    let untold = super::gradients_hold(m)?;
    crate::memory::by_hand(m, &m.dims.sizes, examples(m))?;
    let mut cx = Context::new(m, options)?;
    let fingerprint = as_it_runs(&mut cx);
    let check = check::blocks(&cx, &untold)?;
    let parts = [
        (Part::Given, given::blocks(&cx)),
        (Part::Shapes, shapes::blocks(&cx)),
        (Part::Collapse, collapse::blocks(&cx)?),
        (Part::Forward, forward::blocks(&cx)),
        (Part::Loss, loss::blocks(&cx)),
        (Part::Backward, backward::symbolic(&cx)),
        (Part::Numbers, backward::numbers(&cx)?),
        (Part::Update, update::blocks(&cx)?),
        (Part::Check, check),
    ];
    let section = |(part, blocks): (Part, Vec<Block>)| {
        (!blocks.is_empty()).then_some(Section { part, blocks })
    };
    let names: Vec<&str> = m.equations.iter().map(|e| e.shown.as_str()).collect();
    let title = match names.len() {
        0..=8 => format!("Worked solution: {}", names.join(", ")),
        n => format!("Worked solution: {} … {}", names[..3].join(", "), names[n - 1]),
    };
    let sections: Vec<Section> = parts.into_iter().filter_map(section).collect();
    // Rounded at each step, sides differ on purpose.
    let exact = options.ask.round_each.is_none();
    if let Some(line) = numeric::broken(&sections).filter(|_| exact) {
        let text = format!("a line does not hold: {}", line.text(Style::Unicode));
        return Err(backward::refused(text));
    }
    Ok(Explanation { title, sections, fingerprint })
}

/// How many examples the values hold; without values nothing is worked out.
fn examples(m: &Module) -> usize {
    let each = m.symbols.iter().filter(|s| s.each);
    each.filter_map(|s| Some(s.value.as_ref()?.cols)).max().unwrap_or(0)
}

/// The equations' values by the forms that run, which stay finite where what is written out
/// would not; the fingerprint of that graph.
fn as_it_runs(cx: &mut Context<'_>) -> Option<String> {
    let d = derive(cx.m).ok()?;
    if cx.options.ask.round_each.is_none() {
        let nodes: Vec<NodeId> = d.named.iter().map(|(n, _)| *n).collect();
        let values = cx.state.all_values(cx.m, &d.graph, &nodes);
        for (e, v) in cx.m.equations.iter().zip(values) {
            if let Some(v) = v {
                cx.file.put(e.node, v);
            }
        }
    }
    Some(d.fingerprint)
}
