//! The gradient: each adjoint with the rule and the equation that it comes from, then in numbers.

use std::collections::BTreeMap;

use chainrule_graph::derived::derive;
use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::eval::Value;
use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::syntax::ast::ExprKind;

use super::cases;
use super::context::Context;
use super::forward;
use super::paths::Paths;
use super::rules;
use super::worked::Worked;
use crate::explain::derivation::{Step, steps};
use crate::explain::formula::{Formula, name, partial};
use crate::explain::state::bug;
use crate::explain::tree::{Block, Fold, Inline, Level, Table, because, words};

/// Symbolic lines, cases, paths, proofs.
pub(super) fn symbolic(cx: &Context<'_>) -> Vec<Block> {
    let Some((top, called)) = cx.loss() else { return Vec::new() };
    let own = steps(cx.m, top, &called).steps;
    let mut out: Vec<Block> =
        own.iter().map(|s| symbolic_line(cx, s, &own, (top, &called))).collect();
    if out.is_empty() {
        return vec![Block::Words(words("Nothing is learned: no gradient is needed."))];
    }
    out.extend(over_examples(cx, &own));
    let jacobians = cases::blocks(cx);
    if !jacobians.is_empty() && cx.level() > Level::Brief {
        let title = words("Jacobians, equation by equation");
        out.push(Block::Fold(Fold { level: Level::Usual, title, blocks: jacobians }));
    }
    out.extend(by_paths(cx, &own, &called));
    out.extend(rewrites(cx));
    if cx.options.why {
        let sources: Vec<NodeId> = own.iter().map(|s| s.source).collect();
        out.extend(rules::proofs(cx, &sources, &cx.m.graph.reachable(&[top])));
    }
    out
}

/// `δ2 = ∂L/∂z2 = ŷ − y`, or `∂L/∂W2 = δ2 a1ᵀ` framed.
fn symbolic_line(
    cx: &Context<'_>,
    s: &Step,
    all: &[Step],
    (node, top): (NodeId, &str),
) -> Block {
    let lines: Vec<NodeId> = all.iter().map(|s| s.source).collect();
    let formula =
        Formula::of(name(&s.left)).equals(partial(top, &s.of)).equals(s.right.clone());
    let formula = if s.learned { formula.boxed() } else { formula };
    because(formula, rules::reason(cx, s.source, &lines, &cx.m.graph.reachable(&[node])))
}

/// The gradients of what is minimised, where it is more than the loss of one example.
fn over_examples(cx: &Context<'_>, own: &[Step]) -> Vec<Block> {
    let Some(o) = cx.m.objective.as_ref().filter(|o| o.loss.is_some()) else {
        return Vec::new();
    };
    if Some(cx.m.graph[o.node].op.clone()) == Some(Op::ExMean) {
        return vec![Block::Words(cx.say(
            "These are the gradients of one example. Over m examples each learned symbol gets their \
             mean, `1/m` times the sum: `1/m` stands once, there, and in no δ.",
        ))];
    }
    let all = steps(cx.m, o.node, &o.shown).steps;
    let same = |s: &&Step| {
        let text = crate::explain::formula::plain(&s.right);
        s.learned
            || !own
                .iter()
                .any(|x| x.of == s.of && crate::explain::formula::plain(&x.right) == text)
    };
    let text = "Of what is minimised: the mean over the examples (1/m stands there, once, and in no δ) \
                and what is added to it";
    let title = words(text);
    let blocks = all
        .iter()
        .filter(same)
        .map(|s| symbolic_line(cx, s, &all, (o.node, &o.shown)))
        .collect();
    vec![Block::Fold(Fold { level: Level::Brief, title, blocks })]
}

/// The equalities that led from the graph as written to the one that is shown.
fn rewrites(cx: &Context<'_>) -> Option<Block> {
    let rules = derive(cx.m).ok()?.rules();
    let rows: Vec<Vec<Vec<Inline>>> =
        rules.into_iter().map(|r| vec![words(r.name), words(r.about)]).collect();
    let shown = !rows.is_empty() && cx.level() > Level::Brief;
    let table = Block::Table(Table { head: vec![String::new(); 2], rows });
    let fold =
        Fold { level: Level::Every, title: words("rewrites used"), blocks: vec![table] };
    shown.then_some(Block::Fold(fold))
}

/// The sum over paths, for a network of single numbers.
fn by_paths(cx: &Context<'_>, own: &[Step], top: &str) -> Option<Block> {
    if cx.level() == Level::Brief {
        return None;
    }
    let paths = Paths::new(cx)?;
    let line = |s: &Step| {
        let ways = paths.to(s.source)?;
        let formula =
            Formula::of(partial(top, &s.of)).equals(ways.derivatives).equals(ways.names);
        Some(crate::explain::tree::line(formula))
    };
    let blocks: Vec<Block> = own.iter().filter(|s| s.learned).filter_map(line).collect();
    let title = words("The chain rule as a sum over all paths from the loss");
    (!blocks.is_empty()).then_some(Block::Fold(Fold {
        level: Level::Usual,
        title,
        blocks,
    }))
}

/// The same lines with numbers.
pub(super) fn numbers(cx: &Context<'_>) -> Result<Vec<Block>, Diagnostic> {
    let Some((top, called)) = differentiated(cx).filter(|_| cx.has_values()) else {
        return Ok(Vec::new());
    };
    let all = steps(cx.m, top, &called);
    let round = cx.options.ask.round_each;
    let w = Worked::new(cx.m, all.graph, all.names, &cx.state, round);
    let mut out = Vec::new();
    for s in &all.steps {
        let mut blocks = forward::value_of(cx, &w, s.node, &s.left, &s.right);
        if matches!(s.right.kind, ExprKind::Name(_)) {
            blocks.truncate(1);
        }
        out.extend(blocks);
    }
    out.extend(off_units(cx));
    out.extend(path_numbers(cx, &all.steps, &w)?);
    Ok(out)
}

/// One example: its loss; several, or with a penalty: what is minimised.
fn differentiated(cx: &Context<'_>) -> Option<(NodeId, String)> {
    let o = cx.m.objective.as_ref()?;
    let plain = cx.m.graph[o.node].op == Op::ExMean && cx.examples() == 1;
    match o.loss {
        Some(_) if plain => cx.loss(),
        _ => Some((o.node, cx.name_of(o.node).unwrap_or_else(|| o.shown.clone()))),
    }
}

/// Every path with its numbers; they have to come to what the adjoints say.
fn path_numbers(
    cx: &Context<'_>,
    steps: &[Step],
    w: &Worked,
) -> Result<Option<Block>, Diagnostic> {
    let Some(paths) = Paths::new(cx).filter(|_| cx.level() > Level::Brief) else {
        return Ok(None);
    };
    let mut blocks = Vec::new();
    for s in steps.iter().filter(|s| s.learned) {
        let (Some(ways), Some(m)) = (paths.to(s.source), w.of(s.node, 0)) else {
            continue;
        };
        let Some(sum) = ways.value else { continue };
        let far = (sum - m.data[0]).abs() > 1e-9 * (1.0 + m.data[0].abs());
        if far && cx.options.ask.round_each.is_none() {
            return Err(bug(&format!("the paths to {} give {sum}", s.of)));
        }
        let formula = ways
            .numbers
            .into_iter()
            .fold(Formula::of(name(&s.left)).equals(ways.names), Formula::equals);
        blocks.push(crate::explain::tree::line(formula.value(m, cx.digits)));
    }
    let title = words("The same as a sum over all paths");
    let fold = Fold { level: Level::Usual, title, blocks };
    Ok((!fold.blocks.is_empty()).then_some(Block::Fold(fold)))
}

/// "unit 2 of a1 is off: its gradient is 0".
fn off_units(cx: &Context<'_>) -> Vec<Block> {
    let mut g = cx.m.graph.clone();
    let mut slopes: Vec<(NodeId, String, String)> = Vec::new();
    for e in &cx.m.equations {
        let node = cx.m.graph[e.node].clone();
        if let Op::Call(f, None) = node.op
            && cx.m.functions.is_entrywise(f)
        {
            let d = g.add(Op::Deriv(f, 0), &node.args, Span::default());
            let function = cx.m.functions.get(f).name.written.clone();
            slopes.push((d, e.shown.clone(), function));
        }
    }
    let w = Worked::new(cx.m, g, BTreeMap::new(), &cx.state, None);
    let mut out = Vec::new();
    for (n, name_of, function) in slopes {
        let off = match w.value(n) {
            Some(Value::Shared(m)) => vec![zeros(&m.data)],
            Some(Value::Each(all)) => all.iter().map(|m| zeros(&m.data)).collect(),
            None => continue,
        };
        let one = w.of(n, 0).is_some_and(chainrule_graph::value::Mat::is_scalar);
        for (example, units) in off.iter().enumerate().filter(|(_, u)| !u.is_empty()) {
            let place = match off.len() {
                1 => String::new(),
                _ => format!(" for example {}", example + 1),
            };
            out.push(Block::Note(said(&name_of, &function, units, one, &place)));
        }
        if out.len() > 8 {
            break;
        }
    }
    out
}

fn zeros(slopes: &[f64]) -> Vec<usize> {
    slopes.iter().enumerate().filter(|(_, x)| **x == 0.0).map(|(i, _)| i + 1).collect()
}

fn said(
    value: &str,
    function: &str,
    units: &[usize],
    one: bool,
    place: &str,
) -> Vec<Inline> {
    let all: Vec<String> = units.iter().take(8).map(usize::to_string).collect();
    let list = all.join(", ");
    let more = if units.len() > all.len() { ", …" } else { "" };
    let text = match (one, units.len()) {
        (true, _) => format!(" is off{place}"),
        (_, 1) => format!(": unit {list} is off{place}"),
        (_, n) => format!(": {n} units are off{place} ({list}{more})"),
    };
    let why = format!("{text}: the slope of {function} is 0 there, so its gradient is 0");
    let last = match units.len() {
        1 => ".",
        _ => " in these entries.",
    };
    vec![Inline::Formula(Formula::of(name(value))), Inline::Words(format!("{why}{last}"))]
}

/// What a solution says that does not pass its own check.
pub(super) fn refused(text: String) -> Diagnostic {
    Diagnostic::error(Code::M3, Span::default(), text)
        .hint("no solution is shown that does not pass its own check")
}
