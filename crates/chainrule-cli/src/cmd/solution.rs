//! What `explain` asks when nobody asks anything: every value, every gradient; the rewrites as JSON.
//!
//! In: a checked file. Out: questions for the library's own interface. The solution as a text is the
//! library's ([`chainrule::explain::explain`]) with its writers; nothing is drawn here.

use chainrule::explain::{Line, derivation};
use chainrule::graph::derived::Derived;
use chainrule::graph::module::{Equation, Module};
use chainrule::graph::simplify::Rule;
use serde_json::{Value, json};

/// What has to be asked: every value, and the loss by everything that the derivation names.
pub(super) fn questions(m: &Module) -> Vec<String> {
    let symbols = m.symbols.iter().map(|s| s.shown.clone());
    let equations = m.equations.iter().map(|e| e.shown.clone());
    let loss = loss(m).map(|l| l.shown.clone());
    let gradients = loss.into_iter().flat_map(|l| {
        let by = move |line: Line| format!("d{l}/d{}", line.of);
        derivation(m).into_iter().map(by)
    });
    symbols.chain(equations).chain(gradients).collect()
}

/// The equation of the loss: of one example, if the objective is a mean of one.
fn loss(m: &Module) -> Option<&Equation> {
    let o = m.objective.as_ref()?;
    let node = o.loss.unwrap_or(o.node);
    m.equations.iter().find(|e| e.node == node)
}

/// The equalities that led from the graph as written to the one that is shown.
pub(super) fn rewrites_json(d: &Derived) -> Value {
    let rule = |r: &Rule| json!({ "name": r.name, "says": r.about });
    d.rules().into_iter().map(rule).collect()
}
