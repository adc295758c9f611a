//! The chain rule as a sum over paths, for networks of single numbers.
//!
//! In: a file whose equations are all numbers, its loss, a learned symbol. Out: one product of
//! derivatives for each way from the loss to the symbol: in derivatives, in the file's names, in
//! numbers. `None` where there are more ways than a reader follows.

use chainrule_graph::graph::{NodeId, Op};
use chainrule_graph::locals::{Factor, Locals, locals};
use chainrule_graph::module::Equation;
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind};

use super::context::Context;
use super::fill::Fill;
use super::numeric::{apart, terms, worth};
use super::worked::Worked;
use crate::explain::formula::{expr, op, paren, partial};

/// More ways than this are better read as δs.
const MOST_PATHS: usize = 6;

pub(super) struct Paths<'a> {
    cx: &'a Context<'a>,
    all: Locals,
    w: Worked,
    top: usize,
}

/// The sum over the ways to one symbol.
pub(super) struct Ways {
    /// Products of ∂/∂.
    pub derivatives: Expr,
    /// The same in the file's names.
    pub names: Expr,
    /// With numbers, then term by term; empty without values.
    pub numbers: Vec<Expr>,
    /// What the numbers come to.
    pub value: Option<f64>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(cx: &'a Context<'a>) -> Option<Self> {
        let (loss, _) = cx.loss()?;
        let top = cx.m.equations.iter().position(|e| e.node == loss)?;
        let all = locals(cx.m)?;
        let named = all.equations.iter().zip(&cx.m.equations);
        let names = named.map(|(n, e)| (*n, e.shown.clone())).collect();
        let round = cx.options.ask.round_each;
        let w = Worked::new(cx.m, all.graph.clone(), names, &cx.state, round);
        Some(Self { cx, all, w, top })
    }

    /// The ways to a symbol's node in the file's own graph.
    pub(super) fn to(&self, symbol: NodeId) -> Option<Ways> {
        let mut found = Vec::new();
        let leads =
            |e: &Equation| self.cx.m.graph.reachable(&[e.node])[symbol.0 as usize];
        let leads: Vec<bool> = self.cx.m.equations.iter().map(leads).collect();
        self.walk(self.top, (symbol, &leads), &mut Vec::new(), &mut found);
        // One equation alone has no path to write down.
        let short = found.iter().all(|way| way.len() == 1);
        if short || found.len() > MOST_PATHS {
            return None;
        }
        let sum = |side: &dyn Fn(&Factor, bool) -> Option<Expr>| -> Option<Expr> {
            let mut terms =
                found.iter().enumerate().map(|(k, p)| self.product(p, k == 0, side));
            let first = terms.next()??;
            terms.try_fold(first, |all, t| Some(op(BinaryOp::Add, all, t?)))
        };
        let derivatives = sum(&|f, _| Some(self.derivative(f)))?;
        let names = sum(&|f, _| Some(self.named(f)))?;
        let numbers = sum(&|f, first| self.number(f, first));
        let value = numbers.as_ref().and_then(worth);
        let digits = self.cx.digits;
        let numbers = numbers.map_or_else(Vec::new, |n| {
            let each = terms(&n, digits);
            vec![n, each]
        });
        Some(Ways { derivatives, names, numbers, value })
    }

    fn walk(
        &self,
        equation: usize,
        (symbol, leads): (NodeId, &[bool]),
        way: &mut Vec<Factor>,
        found: &mut Vec<Vec<Factor>>,
    ) {
        for f in self.all.factors.iter().filter(|f| f.equation == equation) {
            if found.len() > MOST_PATHS {
                return;
            }
            way.push(*f);
            if f.by == symbol {
                found.push(way.clone());
            } else if let Some(next) =
                self.cx.m.equations.iter().position(|e| e.node == f.by)
            {
                // What does not depend on the symbol is no way to it.
                if leads[next] {
                    self.walk(next, (symbol, leads), way, found);
                }
            }
            way.pop();
        }
    }

    /// The factors of one way; a 1 says nothing among others.
    fn product(
        &self,
        way: &[Factor],
        first: bool,
        side: &dyn Fn(&Factor, bool) -> Option<Expr>,
    ) -> Option<Expr> {
        let mut out: Option<Expr> = None;
        for f in way {
            let e = side(f, first && out.is_none())?;
            let one = matches!(e.kind, ExprKind::Number(v, _) if v == 1.0);
            let constant = matches!(self.all.graph[f.value].op, Op::Fill(..));
            if one && constant && way.len() > 1 {
                continue;
            }
            out = Some(match out {
                Some(all) => {
                    let numbers = worth(&all).is_some() && worth(&e).is_some();
                    op(if numbers { BinaryOp::Dot } else { BinaryOp::Space }, all, e)
                }
                None => e,
            });
        }
        // Alone it needs no bracket.
        Some(match out.map(|e| e.kind) {
            Some(ExprKind::Paren(x)) => *x,
            Some(kind) => expr(kind),
            None => self.cx.number(1.0),
        })
    }

    fn derivative(&self, f: &Factor) -> Expr {
        let top = &self.cx.m.equations[f.equation].shown;
        let by = match self.cx.name_of(f.by) {
            Some(name) => name,
            None => match self.cx.m.graph[f.by].op {
                Op::Symbol(s) => self.cx.symbols[s.0 as usize].clone(),
                _ => "?".to_owned(),
            },
        };
        partial(top, &by)
    }

    fn named(&self, f: &Factor) -> Expr {
        factor(self.cx.printer(&self.all.graph, &self.w.names).node(f.value))
    }

    /// A sum with its numbers, anything else as its value.
    fn number(&self, f: &Factor, first: bool) -> Option<Expr> {
        let node = &self.all.graph[f.value];
        let value = self.w.of(f.value, 0)?.data[0];
        let sum = matches!(
            node.op,
            Op::Binary(
                chainrule_graph::graph::Binary::Add | chainrule_graph::graph::Binary::Sub
            )
        );
        if sum && !self.w.names.contains_key(&f.value) {
            let fill = Fill { cx: self.cx, w: &self.w };
            let symbolic = self.cx.printer(&self.all.graph, &self.w.names).node(f.value);
            return fill.whole(f.value, &symbolic).into_iter().next().map(paren);
        }
        let e = self.cx.number(value);
        Some(if first { e } else { apart(e) })
    }
}

/// With a bracket if it is a sum, a case or has a sign.
fn factor(e: Expr) -> Expr {
    match e.kind {
        ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..)
        | ExprKind::Neg(_)
        | ExprKind::Cases(..) => paren(e),
        _ => e,
    }
}
