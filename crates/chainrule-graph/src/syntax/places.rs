//! What a word of the text is for, where the words around it do not tell: from the tree.
//!
//! In: the tree of a file. Out: by byte of its text, the brackets that a power needs, the upper ends of
//! sums, and shapes. With the brackets each power is spelled by itself: of `x²^3` the sign takes all,
//! of `x^2^3` it takes 2, and `²` and `^2` are no longer one. Powers that have brackets or braces
//! already get none. Deliberately absent: how anything is spelled.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Span;
use crate::lower::children;

use super::ast::{
    BinaryOp, Declaration, DimExpr, Expr, ExprKind, File, Init, Param, ShapeExpr,
    StatementKind,
};

/// Where a bracket closes, and what it stands round.
pub(super) type Closing = (u32, Round);

/// What a bracket stands round.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Round {
    /// What is raised, or has an index.
    Base,
    /// A power that is an exponent.
    Exponent,
    /// What is raised of more than one sign: in LaTeX alone, which raises one.
    Raised,
}

/// What the tree knows of the text.
#[derive(Default)]
pub(super) struct Places {
    /// Brackets by where they open, the outermost first.
    opening: BTreeMap<u32, Vec<Closing>>,
    bounds: BTreeSet<u32>,
    /// First bytes of brackets round exponents, and their last ones: braces in LaTeX.
    braces: BTreeSet<u32>,
    /// Shapes: their first byte and their end.
    shapes: BTreeMap<u32, u32>,
    sizes: BTreeSet<u32>,
}

impl Places {
    /// Changes nothing in the file.
    pub(super) fn of(file: &mut File) -> Self {
        let mut places = Self::default();
        for s in &mut file.statements {
            expressions(&mut s.kind).into_iter().for_each(|e| places.expression(e));
            shapes(&s.kind).into_iter().for_each(|shape| places.shape(shape));
        }
        places
    }

    /// The brackets that open right before the word at this byte.
    pub(super) fn opening(&self, at: u32) -> &[Closing] {
        self.opening.get(&at).map_or(&[], Vec::as_slice)
    }

    /// Whether the word at this byte, raised, ends a sum and is no exponent.
    pub(super) fn is_bound(&self, at: u32) -> bool {
        self.bounds.contains(&at)
    }

    /// Whether the bracket at this byte stands round an exponent.
    pub(super) fn is_brace(&self, at: u32) -> bool {
        self.braces.contains(&at)
    }

    /// Whether the word at this byte is part of a shape.
    pub(super) fn in_shape(&self, at: u32) -> bool {
        self.shapes.range(..=at).next_back().is_some_and(|s| at < *s.1)
    }

    /// Whether the word at this byte is a size, or the first of a sum of them.
    pub(super) fn is_size(&self, at: u32) -> bool {
        self.sizes.contains(&at)
    }

    fn expression(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Binary(BinaryOp::Pow, base, exponent) => {
                if is_power(base) || matches!(base.kind, ExprKind::Transpose(_)) {
                    self.round(base.span, Round::Base);
                }
                match is_power(without_minus(exponent)) {
                    true => self.round(exponent.span, Round::Exponent),
                    false => self.raised(exponent),
                }
                // `W^{[1]^\top}` is the transpose of layer 1's W.
                if let ExprKind::Paren(inside) = &exponent.kind
                    && let ExprKind::Transpose(base) = &inside.kind
                    && matches!(base.kind, ExprKind::Matrix(_) | ExprKind::Stack(_))
                {
                    self.round(base.span, Round::Base);
                }
            }
            ExprKind::Transpose(base) | ExprKind::Element(base, _) if is_power(base) => {
                self.round(base.span, Round::Base);
            }
            ExprKind::Sum { to: Some(to), .. } => {
                self.bounds.insert(to.span.start);
                self.raised(to);
            }
            _ => {}
        }
        children(e).into_iter().for_each(|c| self.expression(c));
    }

    /// The copies of a loop's line stand at one place.
    fn round(&mut self, span: Span, what: Round) {
        let here = self.opening.entry(span.start).or_default();
        if !here.contains(&(span.end, what)) {
            here.push((span.end, what));
            here.sort_by_key(|c| std::cmp::Reverse(c.0));
        }
    }

    /// Braces in place of brackets, where they would not be read as a mark: `x^{(l)}`, `W^{[1]}`, `W^{T}`.
    fn raised(&mut self, e: &Expr) {
        if let ExprKind::Paren(inside) = &e.kind {
            let written = inside.span.start > e.span.start;
            let mark = match &inside.kind {
                ExprKind::Name(name) => name.key == "T",
                ExprKind::Paren(_) | ExprKind::Matrix(_) | ExprKind::Stack(_) => true,
                ExprKind::Transpose(_) | ExprKind::Element(..) => true,
                _ => false,
            };
            if written && !mark {
                self.braces.extend([e.span.start, e.span.end - 1]);
            }
            return;
        }
        // `\hat{y}` is several.
        let letter = |c: char| c.is_ascii() || ('Α'..='ω').contains(&c);
        let one_sign = match &e.kind {
            ExprKind::Number(_, text) => text.len() == 1,
            ExprKind::Name(name) => {
                name.key.chars().count() == 1 && name.key.chars().all(letter)
            }
            _ => false,
        };
        if !one_sign {
            self.round(e.span, Round::Raised);
        }
    }

    fn shape(&mut self, shape: &ShapeExpr) {
        self.shapes.insert(shape.span.start, shape.span.end);
        shape.dims.iter().for_each(|d| self.size(d));
    }

    fn size(&mut self, dim: &DimExpr) {
        match dim {
            DimExpr::Size(_, span) => drop(self.sizes.insert(span.start)),
            DimExpr::Name(name) => drop(self.sizes.insert(name.span.start)),
            DimExpr::Sum(terms, _) => terms.iter().for_each(|d| self.size(d)),
        }
    }
}

fn is_power(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Binary(BinaryOp::Pow, ..))
}

fn without_minus(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Neg(inner) => without_minus(inner),
        _ => e,
    }
}

fn shapes(kind: &StatementKind) -> Vec<&ShapeExpr> {
    match kind {
        StatementKind::Declare(all) => {
            all.iter().filter_map(|d| d.shape.as_ref()).collect()
        }
        StatementKind::Function(f) => {
            f.params.iter().filter_map(|p| p.shape.as_ref()).collect()
        }
        StatementKind::Optimizer(o) => {
            o.params.iter().filter_map(|p| p.shape.as_ref()).collect()
        }
        _ => Vec::new(),
    }
}

/// The expressions of a statement.
pub(super) fn expressions(kind: &mut StatementKind) -> Vec<&mut Expr> {
    match kind {
        StatementKind::Declare(all) => all.iter_mut().flat_map(start).collect(),
        StatementKind::Const(_, e)
        | StatementKind::Value(_, e)
        | StatementKind::Minimize(_, e) => vec![e],
        StatementKind::Equation(q) => vec![&mut q.value],
        StatementKind::Where(all) => all.iter_mut().map(|w| &mut w.1).collect(),
        StatementKind::Function(f) => {
            let more = [&mut f.computed, &mut f.derivative].into_iter().flatten();
            more.chain([&mut f.body]).chain(defaults(&mut f.params)).collect()
        }
        StatementKind::Optimizer(o) => {
            let lines = o.states.iter_mut().chain(&mut o.lines).map(|l| &mut l.1);
            lines.chain(defaults(&mut o.params)).collect()
        }
        StatementKind::Train(t) => {
            let calls = [&mut t.optimizer, &mut t.plateau].into_iter().flatten();
            calls.flat_map(|c| &mut c.args).map(|a| &mut a.value).collect()
        }
        StatementKind::Output(_)
        | StatementKind::Examples(_)
        | StatementKind::Trainable(_)
        | StatementKind::Data(_)
        | StatementKind::Precision(_)
        | StatementKind::Digits(_) => Vec::new(),
    }
}

/// How a parameter starts.
fn start(d: &mut Declaration) -> Vec<&mut Expr> {
    match &mut d.init {
        Some(Init::Draw(_, args, _)) => args.iter_mut().collect(),
        Some(Init::Fill(value)) => vec![value],
        None => Vec::new(),
    }
}

fn defaults(params: &mut [Param]) -> impl Iterator<Item = &mut Expr> {
    params.iter_mut().filter_map(|p| p.default.as_mut())
}
