//! Where training starts: weights that are alike, too small, too large; an optimiser's ε.
//!
//! In: the first values of the weights. Out: findings. Invariant: the last layer may start small or at
//! 0. Deliberately absent: what becomes of it.

use chainrule_graph::value::Mat;

use super::{finding, short};
use crate::diagnose::evidence::Evidence;
use crate::diagnose::{Finding, Severity};

/// Layers but the last one, with their first values.
fn hidden<'e>(e: &'e Evidence<'_>) -> impl Iterator<Item = (usize, &'e Mat)> {
    let last = e.network.layers.len().saturating_sub(1);
    (0..last).filter_map(|i| Some((i, e.first_weights(i)?)))
}

pub(super) fn constant(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let mut layers = Vec::new();
    let mut proven = false;
    for (i, start) in hidden(e) {
        let same = start.data.iter().all(|v| *v == start.data[0]);
        let units = start.rows.max(start.cols);
        if !same || units < 2 {
            continue;
        }
        layers.push(e.layer(i));
        let twins = e.start.as_ref().map_or(0, |look| look.twins[i]);
        // All 0: nothing goes through, forward or back.
        proven |= twins > 0 || start.data[0] == 0.0;
    }
    if layers.is_empty() {
        return Vec::new();
    }
    let severity = if proven { Severity::Error } else { Severity::Warning };
    let equal =
        if proven { " and equal gradients: they stay one unit for ever" } else { "" };
    vec![
        finding("constant_init", severity, layers.join(", "))
            .says(format!(
                "all weights of {} start equal, so the units of the layer have equal values\
                 {equal}",
                layers.join(", ")
            ))
            .shows(&[("layers", layers.len() as f64)])
            .advises("draw them: ~ he in front of relu, ~ glorot in front of tanh or sigmoid"),
    ]
}

/// How far from the usual variance is far.
const FAR: f64 = 10.0;
/// Fewer entries have no variance to speak of.
const FEW: usize = 10;

pub(super) fn scale(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let mut off = Vec::new();
    for (i, layer) in e.network.layers.iter().enumerate() {
        let Some(start) = e.first_weights(i).filter(|s| s.data.len() >= FEW) else {
            continue;
        };
        let symbol = &e.model.module().symbols[layer.weights.0 as usize];
        let fans = symbol.fans.as_ref();
        let fans = fans.and_then(|(i, o)| Some((i.under(&e.sizes)?, o.under(&e.sizes)?)));
        let (fan_in, fan_out) = fans.unwrap_or((start.cols, start.rows));
        let (fan_in, fan_out) = (fan_in.max(1) as f64, fan_out.max(1) as f64);
        let square =
            start.data.iter().map(|v| v * v).sum::<f64>() / start.data.len() as f64;
        let (least, most) = ((1.0 / fan_in).min(2.0 / (fan_in + fan_out)), 2.0 / fan_in);
        let last = i + 1 == e.network.layers.len();
        let small = square < least / FAR && !last;
        let constant = start.data.iter().all(|v| *v == start.data[0]);
        if (small || square > FAR * most) && !constant {
            off.push((i, square, if small { square / least } else { square / most }));
        }
    }
    let far = |o: &(usize, f64, f64)| libm::log(o.2).abs();
    let Some(worst) = off.iter().max_by(|a, b| far(a).total_cmp(&far(b))) else {
        return Vec::new();
    };
    let names: Vec<&str> = off.iter().map(|o| e.layer(o.0)).collect();
    let (kind, effect) = match worst.2 < 1.0 {
        true => ("small", "signals and gradients shrink from layer to layer"),
        false => ("large", "units start saturated or far apart, and gradients grow"),
    };
    vec![
        finding("bad_init_scale", Severity::Warning, names.join(", "))
            .says(format!(
                "weights start {kind}: the mean square of {} is {}, {} times the usual for its \
                 size; {effect}",
                e.layer(worst.0),
                short(worst.1),
                short(worst.2)
            ))
            .shows(&[("mean_square", worst.1), ("ratio", worst.2)])
            .advises("~ he in front of relu, ~ glorot in front of tanh, sigmoid and outputs"),
    ]
}

/// Below this a gradient that is rounding alone makes a full step.
const EPSILON: f64 = 1e-10;

pub(super) fn epsilon(e: &Evidence<'_>, _: &[Finding]) -> Vec<Finding> {
    let Some(epsilon) = e.argument("ε").filter(|v| *v < EPSILON) else {
        return Vec::new();
    };
    vec![
        finding("adam_epsilon_too_small", Severity::Warning, "train")
            .says(format!(
                "ε is {}: where a gradient is next to 0, rounding alone makes steps as large as \
                 any, and with 0 it is 0 / 0",
                short(epsilon)
            ))
            .shows(&[("epsilon", epsilon)])
            .advises("1e-8 (1e-7 in Keras), or more where steps are restless"),
    ]
}
