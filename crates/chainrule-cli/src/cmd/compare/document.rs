//! The comparison as JSON: every trial with all of its figures, and what several seeds have in common.

use chainrule::trials::{Figures, Group, Spread};
use serde_json::{Map, Value, json};

use super::Compared;

/// The document.
pub(super) fn of(c: &Compared<'_>) -> Value {
    let vary: Map<String, Value> =
        c.args.vary.iter().map(|v| (v.name.clone(), json!(v.values))).collect();
    let groups: Vec<Value> = c.groups.iter().map(group).collect();
    json!({
        "file": c.args.file.display().to_string(),
        "vary": vary,
        "seeds": c.args.seeds,
        "to_loss": c.args.to_loss,
        "metric": c.model.metric(),
        "rows": groups,
    })
}

fn group(g: &Group) -> Value {
    let spread = |f: &dyn Fn(&Figures) -> Option<f64>| json!(g.spread(f).map(of_spread));
    let trials: Vec<Value> = g.trials.iter().map(trial).collect();
    json!({
        "set": set(&g.set),
        "loss": spread(&|f| Some(f.kept.as_ref()?.loss)),
        "held_loss": spread(&|f| f.kept.as_ref()?.held_loss),
        "metric": spread(&|f| f.kept.as_ref()?.metric),
        "held_metric": spread(&|f| f.kept.as_ref()?.held_metric),
        "seconds_per_step": spread(&|f| f.seconds_per_step),
        "steps_to_loss": spread(&|f| Some(f.to_loss?.steps as f64)),
        "seconds_to_loss": spread(&|f| Some(f.to_loss?.seconds)),
        "trials": trials,
    })
}

fn of_spread(s: Spread) -> Value {
    json!({ "mean": s.mean, "deviation": s.deviation, "n": s.n })
}

/// A trial, its settings as an object.
fn trial(f: &Figures) -> Value {
    let mut value = json!(f);
    value["set"] = set(&f.set);
    value
}

fn set(set: &[(String, String)]) -> Value {
    let pairs = set.iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect())
}
