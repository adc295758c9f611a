//! The search as JSON: every trial with all of its figures, the best, the good ranges.

use chainrule::runs::Recorded;
use chainrule::tune::best;
use chainrule::tune::record::Kept;
use serde_json::{Map, Value, json};

use super::Found;

/// The document.
pub(super) fn of(found: &Found<'_>, trained: Option<&Recorded>) -> Value {
    let axes = found.study.axes.iter();
    let search: Map<String, Value> =
        axes.clone().map(|a| (a.name.clone(), a.distribution())).collect();
    let good: Map<String, Value> = axes
        .filter(|a| a.is_number())
        .filter_map(|a| Some((a.name.clone(), json!(found.good(a)?))))
        .collect();
    let best = best::best(found.trials);
    let trials: Vec<Value> =
        found.trials.iter().enumerate().map(|(k, t)| trial(found, k, t)).collect();
    let run = trained.map(|t| {
        json!({ "model": t.model.display().to_string(), "run": t.folder.display().to_string(),
            "summary": t.summary.lines, "end": t.trained.end() })
    });
    json!({
        "file": found.args.file.display().to_string(),
        "search": search,
        "seed": found.args.seed,
        "study": found.kept.as_ref().map(|k| &k.0),
        "storage": found.kept.as_ref().map(|k| &k.1),
        "rungs": found.study.plan.rungs,
        "folds": found.study.plan.folds,
        "metric": found.model.metric(),
        "trials": trials,
        "best": best.map(|k| json!({ "trial": k, "set": set(found, k) })),
        "good": good,
        "trained": run,
    })
}

fn trial(found: &Found<'_>, number: usize, kept: &Kept) -> Value {
    let stage = format!("{:?}", kept.place.stage).to_lowercase();
    let curve: Vec<Value> = kept.curve.iter().map(|&(e, l)| json!([e, l])).collect();
    json!({ "trial": number, "set": set(found, number), "stage": stage,
        "losses": kept.place.losses, "figures": kept.facts, "curve": curve })
}

fn set(found: &Found<'_>, number: usize) -> Value {
    let pairs =
        found.set(number).iter().map(|(name, value)| (name.clone(), json!(value)));
    Value::Object(pairs.collect())
}
