//! The forward pass: each equation with its numbers, whole, then entry by entry.

use chainrule_graph::graph::NodeId;
use chainrule_graph::syntax::ast::Expr;

use super::context::Context;
use super::fill::Fill;
use super::stable;
use super::worked::Worked;
use crate::explain::formula::{Formula, element, name};
use crate::explain::tree::{Block, Fold, Level, Line, line, words};

/// More entries than this stay folded away, unless every one is asked for.
const MOST_ENTRIES: usize = 12;

pub(super) fn blocks(cx: &Context<'_>) -> Vec<Block> {
    let objective = cx.m.objective.as_ref().map(|o| o.node);
    let loss = [cx.loss().map(|(n, _)| n), objective];
    let mut out = Vec::new();
    for (i, e) in cx.m.equations.iter().enumerate() {
        if !loss.contains(&Some(e.node)) && cx.file.value(e.node).is_some() {
            let label = Some(cx.label(i));
            out.extend(value(cx, &cx.file, e.node, &e.shown, &cx.written(e), label));
        }
    }
    out.extend(stable::blocks(cx));
    out
}

/// A named value: `z1 = W1 x + b1 = [2 …] [1; …] + … = [3; …]`, then its entries.
pub(super) fn value(
    cx: &Context<'_>,
    w: &Worked,
    n: NodeId,
    called: &str,
    symbolic: &Expr,
    label: Option<String>,
) -> Vec<Block> {
    let printed = cx.printer(&w.graph, &w.names).inside(n);
    numbered(cx, w, n, called, (symbolic, &printed), label)
}

/// The same for a value whose symbolic side is the graph's own.
pub(super) fn value_of(
    cx: &Context<'_>,
    w: &Worked,
    n: NodeId,
    called: &str,
    symbolic: &Expr,
) -> Vec<Block> {
    numbered(cx, w, n, called, (symbolic, symbolic), None)
}

fn numbered(
    cx: &Context<'_>,
    w: &Worked,
    n: NodeId,
    called: &str,
    (symbolic, printed): (&Expr, &Expr),
    label: Option<String>,
) -> Vec<Block> {
    let Some(m) = w.mat(n) else { return Vec::new() };
    let fill = Fill { cx, w };
    let mut formula = Formula::of(name(called)).equals(symbolic.clone());
    if !cx.small(&m) {
        let reason = cx.summary(called, &m);
        return vec![Block::Line(Line { label, formula, reason })];
    }
    let mut sides = fill.whole(n, printed);
    if sides.is_empty() && m.is_scalar() {
        // A number over several examples: its calculation adds them up.
        sides = fill.entry(n, 0, (0, 0));
    }
    for side in sides {
        formula = formula.equals(side);
    }
    formula = cx.valued(formula, &m);
    let mut out = vec![Block::Line(Line { label, formula, reason: Vec::new() })];
    if !m.is_scalar() && cx.level() > Level::Brief {
        out.extend(entries(&fill, n, called, &m));
    } else if cx.level() == Level::Every {
        out.extend(multiplications(&fill, n, called, &m));
    }
    out
}

/// The entries' calculations, where they are more than the value itself.
pub(super) fn entries(
    fill: &Fill<'_>,
    n: NodeId,
    called: &str,
    m: &chainrule_graph::value::Mat,
) -> Option<Block> {
    let cx = fill.cx;
    let each = fill.w.graph[n].each && cx.examples() > 1;
    if m.data.len() > MOST_ENTRIES && cx.level() != Level::Every {
        return None;
    }
    let mut blocks = Vec::new();
    for k in 0..m.data.len() {
        let (i, j) = (k / m.cols, k % m.cols);
        let (example, at) = if each { (j, (i, 0)) } else { (0, (i, j)) };
        let sides = fill.entry(n, example, at);
        if sides.is_empty() {
            return None;
        }
        let left = element(name(called), m, (i, j));
        let formula = sides.into_iter().fold(Formula::of(left), Formula::equals);
        let x = chainrule_graph::value::Mat::scalar(m.at(i, j));
        let formula = cx.valued(formula, &x);
        if formula.rest.len() > 1 {
            blocks.push(line(formula));
        }
    }
    let title = match each {
        true => words("entry by entry; the second index is the example"),
        false => words("entry by entry"),
    };
    (!blocks.is_empty()).then_some(Block::Fold(Fold {
        level: Level::Usual,
        title,
        blocks,
    }))
}

/// A number's calculation with its products worked out.
fn multiplications(
    fill: &Fill<'_>,
    n: NodeId,
    called: &str,
    m: &chainrule_graph::value::Mat,
) -> Option<Block> {
    let sides = fill.entry(n, 0, (0, 0));
    let last = sides.last()?.clone();
    let formula = fill.cx.valued(Formula::of(name(called)).equals(last), m);
    let title = words("each multiplication");
    let several = formula.rest.len() > 1;
    several.then(|| {
        Block::Fold(Fold { level: Level::Every, title, blocks: vec![line(formula)] })
    })
}
