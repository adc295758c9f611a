//! Questions with letters for indices, `dŷ[k]/dz[i]`: every choice of numbers for the letters.
//!
//! In: a question with letters and a formula in them. Out: questions and formulas with numbers, in
//! which `i = k` is decided.

use std::collections::BTreeMap;

use chainrule_graph::functions::Functions;
use chainrule_graph::lower::is_builtin;
use chainrule_graph::module::Module;
use chainrule_graph::syntax::ast::{BinaryOp, Expr, ExprKind, Index as At, Name};
use chainrule_graph::syntax::print::{Style, print_expr};
use chainrule_graph::syntax::{element, parse_expression};

use super::recompute::node;
use crate::explain::question::{Asked, Index, Question, Target};

/// More choices than this say nothing new.
const MOST: usize = 64;

/// Numbers that each of so many letters takes: the first ones, so that letters are equal and
/// differ, and the last.
fn tried(letters: usize) -> usize {
    let most = |n: usize| n.checked_pow(letters as u32).is_some_and(|all| all <= MOST);
    (2..=MOST).take_while(|n| most(*n)).last().unwrap_or(2)
}

/// One choice of numbers.
pub(super) struct Numbered {
    /// "k = 1, i = 2".
    pub choice: String,
    pub question: String,
    pub formula: String,
}

/// The targets of a question.
fn targets(q: &Question) -> Vec<&Target> {
    match q {
        Question::Value(t) | Question::State(_, t) => vec![t],
        Question::Derivative(a, b) | Question::Difference(a, b, _) => vec![a, b],
        _ => Vec::new(),
    }
}

/// Whether an index of the question is a letter.
pub(super) fn has_letters(asked: &Asked) -> bool {
    let mut all = targets(&asked.question).into_iter().flat_map(|t| &t.index);
    all.any(|i| matches!(i, Index::Letter(_)))
}

/// All choices; none where a size is not known or the formula does not parse.
pub(super) fn numbered(
    m: &Module,
    asked: &Asked,
    formula: &str,
) -> Option<Vec<Numbered>> {
    let ranges = ranges(m, asked)?;
    let (expr, found) = parse_expression(formula, &known(&m.functions));
    let mut choices: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new()];
    let each = tried(ranges.len());
    for (letter, size) in &ranges {
        let with = |c: &BTreeMap<String, usize>, n: usize| {
            let mut c = c.clone();
            c.insert(letter.clone(), n);
            c
        };
        let numbers =
            || (1..=*size).filter(|n| *n < each || *n == *size || *size <= each);
        choices =
            choices.iter().flat_map(|c| numbers().map(move |n| with(c, n))).collect();
    }
    let one = |c: BTreeMap<String, usize>| {
        let said: Vec<String> =
            ranges.iter().map(|(l, _)| format!("{l} = {}", c[l])).collect();
        // What does not parse is told as it was written.
        let formula = match found.is_empty() {
            true => print_expr(&put(&expr, &c), Style::Unicode),
            false => formula.to_owned(),
        };
        Numbered { choice: said.join(", "), question: question(asked, &c), formula }
    };
    Some(choices.into_iter().map(one).collect())
}

fn known(functions: &Functions) -> impl Fn(&str) -> bool + '_ {
    |name| is_builtin(name) || functions.find(name).is_some()
}

/// Each letter, in order, and how far it runs.
fn ranges(m: &Module, asked: &Asked) -> Option<Vec<(String, usize)>> {
    let mut out: Vec<(String, usize)> = Vec::new();
    for t in targets(&asked.question) {
        let shape = &m.graph[node(m, &t.key)?].shape;
        let (r, c) = shape.under(&m.dims.sizes)?;
        let sides = match t.index.len() {
            1 if r == 1 => vec![c],
            _ => vec![r, c],
        };
        for (i, size) in t.index.iter().zip(sides) {
            let Index::Letter(l) = i else { continue };
            if !out.iter().any(|(known, _)| known == l) {
                out.push((l.clone(), size));
            }
        }
    }
    Some(out)
}

/// The question with numbers.
fn question(asked: &Asked, choice: &BTreeMap<String, usize>) -> String {
    let target = |t: &Target| {
        let index: Vec<String> = t
            .index
            .iter()
            .map(|i| match i {
                Index::All => ":".to_owned(),
                Index::At(n) => n.to_string(),
                Index::Letter(l) => {
                    choice.get(l).map_or_else(|| l.clone(), usize::to_string)
                }
            })
            .collect();
        match index.is_empty() {
            true => t.written.clone(),
            false => format!("{}[{}]", t.written, index.join(",")),
        }
    };
    match &asked.question {
        Question::Derivative(a, b) => format!("d{}/d{}", target(a), target(b)),
        Question::Difference(a, b, h) => format!("fd({}, {}, {h})", target(a), target(b)),
        Question::State(name, t) => format!("{name}({})", target(t)),
        Question::Value(t) => target(t),
        _ => String::new(),
    }
}

/// The formula with numbers: `ŷ_k` is an element, `i = k` is decided.
fn put(e: &Expr, c: &BTreeMap<String, usize>) -> Expr {
    let mut out = e.clone();
    out.kind = match &e.kind {
        ExprKind::Name(n) => match (c.get(&n.key), element(&n.key)) {
            (Some(number), _) => whole(*number),
            (None, Some((base, sub))) => subscripted(n, base, sub, c),
            (None, None) => e.kind.clone(),
        },
        ExprKind::Cases(v, cond, o) => match decided(cond, c) {
            Some(true) => put(v, c).kind,
            Some(false) => put(o, c).kind,
            None => {
                let [v, cond, o] = [v, cond, o].map(|x| Box::new(put(x, c)));
                ExprKind::Cases(v, cond, o)
            }
        },
        _ => {
            for child in chainrule_graph::lower::children_mut(&mut out) {
                *child = put(child, c);
            }
            return out;
        }
    };
    // A case may have had lower precedence than what stands round it.
    match (&e.kind, &out.kind) {
        (ExprKind::Cases(..), ExprKind::Binary(..) | ExprKind::Neg(_)) => {
            Expr { kind: ExprKind::Paren(Box::new(out.clone())), span: out.span }
        }
        _ => out,
    }
}

fn whole(n: usize) -> ExprKind {
    ExprKind::Number(n as f64, n.to_string())
}

/// `ŷ_k`, `W_{ij}` with letters that have numbers.
fn subscripted(n: &Name, base: &str, sub: &str, c: &BTreeMap<String, usize>) -> ExprKind {
    let single: Vec<String> = match sub.contains(',') {
        true => sub.split(',').map(str::to_owned).collect(),
        false => sub.chars().map(String::from).collect(),
    };
    let index = |s: &String| {
        let number = c.get(s).copied().or_else(|| s.parse().ok());
        number.map(|n| At::At(Expr { kind: whole(n), span: Default::default() }))
    };
    let numbers: Option<Vec<At>> = match c.get(sub) {
        Some(_) => index(&sub.to_owned()).map(|i| vec![i]),
        None => single.iter().map(index).collect(),
    };
    match numbers {
        Some(index) => {
            let name =
                Name { key: base.to_owned(), written: base.to_owned(), span: n.span };
            let base = Expr { kind: ExprKind::Name(name), span: n.span };
            ExprKind::Element(Box::new(base), index)
        }
        None => ExprKind::Name(n.clone()),
    }
}

/// A comparison of letters and numbers.
fn decided(e: &Expr, c: &BTreeMap<String, usize>) -> Option<bool> {
    let value = |e: &Expr| match &e.kind {
        ExprKind::Name(n) => c.get(&n.key).map(|n| *n as f64),
        ExprKind::Number(v, _) => Some(*v),
        _ => None,
    };
    match &e.kind {
        ExprKind::Paren(x) => decided(x, c),
        ExprKind::Binary(op, a, b) => {
            let (a, b) = (value(a)?, value(b)?);
            match op {
                BinaryOp::Eq => Some(a == b),
                BinaryOp::Ne => Some(a != b),
                BinaryOp::Lt => Some(a < b),
                BinaryOp::Le => Some(a <= b),
                BinaryOp::Gt => Some(a > b),
                BinaryOp::Ge => Some(a >= b),
                _ => None,
            }
        }
        _ => None,
    }
}
