//! Equations in their order, the objective, the output, what is learned, what is never used.

use crate::diag::{Code, Diagnostic, Span};
use crate::graph::{NodeId, Op, SymId};
use crate::module::{Equation, Objective};
use crate::shape::Atom;
use crate::syntax::ast::{
    Equation as Written, Expr, ExprKind, File, Layout, Name, Role, StatementKind,
};

use super::declare::{Draft, canonical_text};
use super::expr::Scope;
use super::sums::children;
use super::{Lowerer, Meaning, of_kind};

/// Names that a loss usually has.
const LOSS_NAMES: [&str; 6] = ["L", "J", "C", "E", "loss", "cost"];

impl Lowerer<'_> {
    /// Every equation, in order.
    pub(crate) fn equations(&mut self, file: &File, draft: &mut Draft) {
        let all: Vec<(&Written, Span)> = of_kind(file, |k| match k {
            StatementKind::Equation(e) => Some(e),
            _ => None,
        })
        .collect();
        for (e, _) in &all {
            self.origins.places.entry(e.name.key.clone()).or_insert(e.name.span);
        }
        self.later = all.iter().rev().map(|(e, _)| e.name.key.clone()).collect();
        for (e, span) in &all {
            self.equation(e, *span, draft);
            self.later.pop();
        }
    }

    fn equation(&mut self, e: &Written, span: Span, draft: &mut Draft) {
        if let Some(d) = self.assigned_before(&e.name, draft) {
            self.error(d);
            return;
        }
        let scope = Scope::open();
        let before = self.dims.clone();
        let node = match &e.index {
            None => self.expr(&e.value, &scope),
            Some(index) => self.over_index(index, &e.value, &scope),
        };
        let node = node.and_then(|n| self.against_declared(&e.name, n, span, draft));
        if node.is_none() {
            *self.dims = before;
        }
        let meaning = node.map_or(Meaning::Poisoned, Meaning::Node);
        self.names.insert(e.name.key.clone(), meaning);
        let Some(node) = node else { return };
        draft.equations.push(Equation {
            key: e.name.key.clone(),
            shown: e.name.written.clone(),
            node,
            span,
            text: canonical_text(&e.value),
        });
    }

    fn assigned_before(&self, name: &Name, draft: &Draft) -> Option<Diagnostic> {
        let first = draft.equations.iter().find(|q| q.key == name.key).map(|q| q.span);
        let symbol = draft.symbols.iter().find(|s| s.key == name.key);
        let value =
            symbol.filter(|s| s.value.is_some() || s.role != Role::None).map(|s| s.span);
        let place = first.or(value)?;
        let text = format!("`{}` is assigned a second time", name.written);
        let d = Diagnostic::error(Code::N3, name.span, text)
            .label(place, format!("it has a meaning in line {}", self.line(place)));
        Some(d.hint("give the new value a name of its own"))
    }

    /// `z : 4×1` beside `z = …`: the declared shape is checked.
    fn against_declared(
        &mut self,
        name: &Name,
        node: NodeId,
        span: Span,
        draft: &mut Draft,
    ) -> Option<NodeId> {
        let Some(at) = draft.symbols.iter().position(|s| s.key == name.key) else {
            return Some(node);
        };
        let (declared, found) = (draft.symbols[at].shape.clone(), self.shape(node));
        let place = draft.symbols[at].span;
        if self.same(&declared, &found) {
            return Some(node);
        }
        let text = format!(
            "`{}` is declared {declared}, its equation gives {found}",
            name.written
        );
        self.error(Diagnostic::error(Code::S5, span, text).label(place, "declared here"))
    }

    /// What is minimised: said, or found.
    pub(crate) fn objective(&mut self, file: &File, draft: &mut Draft) {
        let said: Vec<((&Option<Name>, &Expr), Span)> = of_kind(file, |k| match k {
            StatementKind::Minimize(n, e) => Some((n, e)),
            _ => None,
        })
        .collect();
        if let [_, (_, second), ..] = said.as_slice() {
            let text = "a file minimises one objective; this is the second";
            self.error(Diagnostic::error(Code::N3, *second, text));
        }
        match said.first() {
            Some(((name, e), span)) => {
                self.said_objective(name.as_ref(), e, *span, draft);
            }
            None => self.found_objective(draft),
        }
    }

    fn said_objective(
        &mut self,
        name: Option<&Name>,
        e: &Expr,
        span: Span,
        draft: &mut Draft,
    ) {
        let scope = Scope { objective: draft.layout == Layout::One, ..Scope::open() };
        let Some(node) = self.expr(e, &scope) else { return };
        if let Some(d) = self.not_a_scalar(node, e) {
            self.error(d);
            return;
        }
        let shown = name.map_or_else(|| "J".to_string(), |n| n.written.clone());
        if let Some(n) = name {
            self.names.insert(n.key.clone(), Meaning::Node(node));
            draft.equations.push(Equation {
                key: n.key.clone(),
                shown: n.written.clone(),
                node,
                span,
                text: canonical_text(e),
            });
        }
        let loss = self.example_loss;
        draft.objective = Some(Objective { shown, node, loss, said: true, span });
    }

    /// S4: not a scalar, or one number per example without mean or sum.
    fn not_a_scalar(&self, node: NodeId, e: &Expr) -> Option<Diagnostic> {
        let s = self.shape(node);
        let each = self.g[node].each;
        if s.is_scalar() && !each {
            return None;
        }
        let text = match s.is_scalar() {
            true => {
                "the objective is a number for each example, not one number".to_string()
            }
            false => format!("the objective is {s}, not a number"),
        };
        let inside = e.span.of(&self.origins.text).to_string();
        let mut d = Diagnostic::error(Code::S4, e.span, text)
            .label(e.span, format!("{inside} is {s}"));
        for f in ["mean", "sum"] {
            let with = format!("{f}({inside})");
            let edit = crate::diag::Edit { span: e.span, with: with.clone() };
            d = d.fix(format!("minimize {with}"), vec![edit]);
        }
        Some(d)
    }

    /// Without `minimize`: the scalar named like a loss if there is one, else the last scalar.
    fn found_objective(&mut self, draft: &mut Draft) {
        let scalars: Vec<Equation> =
            draft.equations.iter().filter(|q| self.is_scalar(q.node)).cloned().collect();
        let named: Vec<&Equation> =
            scalars.iter().filter(|q| LOSS_NAMES.contains(&q.key.as_str())).collect();
        let found = match named.as_slice() {
            [one] => Some((*one).clone()),
            _ => scalars.last().cloned(),
        };
        let Some(q) = found else { return };
        let each = self.g[q.node].each;
        let node = if each { self.mean_over_examples(q.node, q.span) } else { q.node };
        draft.objective = Some(Objective {
            shown: q.shown,
            node,
            loss: each.then_some(q.node),
            said: false,
            span: q.span,
        });
    }

    /// Output, learned symbols, names never used, dimensions never found.
    pub(crate) fn finish(&mut self, file: &File, draft: &mut Draft) {
        draft.output = self.output(file, draft);
        draft.trainable = self.trainable(file, draft);
        self.undetermined(draft);
        let trains = of_kind(file, |k| matches!(k, StatementKind::Data(_)).then_some(()));
        if trains.count() > 0 {
            self.without_size(draft);
        }
        self.never_used(draft);
    }

    fn output(&mut self, file: &File, draft: &Draft) -> Option<NodeId> {
        let said = of_kind(file, |k| match k {
            StatementKind::Output(n) => Some(n),
            _ => None,
        })
        .last();
        if let Some((name, _)) = said {
            self.used.insert(name.key.clone());
            return match self.names.get(&name.key) {
                Some(Meaning::Node(n)) => Some(*n),
                Some(Meaning::Poisoned) => None,
                _ => {
                    let scope = Scope::open();
                    self.unknown(&name.key, &name.written, name.span, &scope, false)
                }
            };
        }
        let mut found = Vec::new();
        for (e, _) in of_kind(file, |k| match k {
            StatementKind::Equation(q) => Some(&q.value),
            StatementKind::Minimize(_, e) => Some(e),
            _ => None,
        }) {
            self.beside_target(e, draft, &mut found);
        }
        found.dedup();
        let named = |n: &NodeId| draft.equations.iter().any(|q| q.node == *n);
        let found: Vec<NodeId> = found.into_iter().filter(named).collect();
        match found.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// The argument beside a target in a loss, or the symbol subtracted from it.
    fn beside_target(&self, e: &Expr, draft: &Draft, out: &mut Vec<NodeId>) {
        let is_target = |x: &Expr| match &x.kind {
            ExprKind::Name(n) => {
                draft.symbols.iter().any(|s| s.key == n.key && (s.role == Role::Target))
            }
            _ => false,
        };
        let node = |x: &Expr| match &x.kind {
            ExprKind::Name(n) => match self.names.get(&n.key) {
                Some(Meaning::Node(id)) => Some(*id),
                _ => None,
            },
            _ => None,
        };
        match &e.kind {
            ExprKind::Call { args, .. }
                if args.len() >= 2 && is_target(&args[0].value) =>
            {
                out.extend(node(&args[1].value));
            }
            ExprKind::Binary(crate::syntax::ast::BinaryOp::Sub, a, b) => {
                if is_target(a) {
                    out.extend(node(b));
                } else if is_target(b) {
                    out.extend(node(a));
                }
            }
            ExprKind::Binary(_, a, b) if is_target(strip(a)) => {
                out.extend(logged(b, &node));
            }
            _ => {}
        }
        for c in children(e) {
            self.beside_target(c, draft, out);
        }
    }

    fn trainable(&mut self, file: &File, draft: &Draft) -> Vec<SymId> {
        let said: Vec<&Name> = of_kind(file, |k| match k {
            StatementKind::Trainable(names) => Some(names),
            _ => None,
        })
        .flat_map(|(n, _)| n)
        .collect();
        if !said.is_empty() {
            return said.iter().filter_map(|n| self.trainable_symbol(n, draft)).collect();
        }
        let params: Vec<SymId> = draft
            .symbols
            .iter()
            .filter(|s| s.role == Role::Param)
            .map(|s| s.id)
            .collect();
        if !draft.bare {
            return params;
        }
        let targets = self.loss_targets(file);
        draft
            .symbols
            .iter()
            .filter(|s| !self.is_constant(&s.key) && !targets.contains(&s.key))
            .map(|s| s.id)
            .collect()
    }

    fn trainable_symbol(&mut self, n: &Name, draft: &Draft) -> Option<SymId> {
        let found = draft.symbols.iter().find(|s| s.key == n.key).map(|s| s.id);
        if found.is_none() {
            let text =
                format!("`{}` is not a free symbol, so it cannot be learned", n.written);
            self.error(Diagnostic::error(Code::N1, n.span, text));
        }
        found
    }

    /// In a bare file: symbols that stand first in a loss are targets.
    fn loss_targets(&self, file: &File) -> Vec<String> {
        let mut out = Vec::new();
        for (e, _) in of_kind(file, |k| match k {
            StatementKind::Equation(q) => Some(&q.value),
            _ => None,
        }) {
            self.first_in_loss(e, &mut out);
        }
        out
    }

    fn first_in_loss(&self, e: &Expr, out: &mut Vec<String>) {
        if let ExprKind::Call { func, args, .. } = &e.kind
            && let Some(id) = self.functions.find(&func.key)
            && self
                .functions
                .get(id)
                .notes
                .iter()
                .any(|(k, v)| k == "kind" && v == "loss")
            && let Some(ExprKind::Name(n)) = args.first().map(|a| &a.value.kind)
        {
            out.push(n.key.clone());
        }
        children(e).into_iter().for_each(|c| self.first_in_loss(c, out));
    }

    /// S8: a shape that nothing determines.
    fn undetermined(&mut self, draft: &Draft) {
        for s in &draft.symbols {
            let shape = self.dims.resolve_shape(&s.shape);
            let open = [&shape.rows, &shape.cols]
                .into_iter()
                .any(|d| d.atoms.iter().any(|a| matches!(a, Atom::Var(_))));
            if open && !crate::diag::has_errors(&self.diags) {
                let text = format!("nothing determines the shape of `{}`", s.shown);
                let d = Diagnostic::error(Code::S8, s.span, text)
                    .hint(format!("declare it: {} : n×m", s.shown));
                self.diags.push(d);
            }
        }
    }

    /// S8: a file with data is trained, so a dimension that only parameters have needs a size.
    fn without_size(&mut self, draft: &Draft) {
        let names = |s: &crate::module::Symbol| {
            let shape = self.dims.resolve_shape(&s.shape);
            let atoms = [shape.rows.atoms, shape.cols.atoms].concat();
            atoms.into_iter().filter_map(|a| match a {
                Atom::Name(n) => Some(n),
                Atom::Var(_) => None,
            })
        };
        let param = |s: &&crate::module::Symbol| s.role == Role::Param;
        let data = draft.symbols.iter().filter(|s| !param(s));
        let mut known: Vec<String> = data.flat_map(names).collect();
        known.extend(self.dims.sizes.keys().cloned());
        let mut found = Vec::new();
        for s in draft.symbols.iter().filter(param) {
            for n in names(s).filter(|n| !known.contains(n)) {
                let text = format!("nothing says how large {n} is (`{}`)", s.shown);
                let d = Diagnostic::error(Code::S8, s.span, text)
                    .label(s.span, format!("{} is {}", s.shown, s.shape))
                    .hint(format!("give it a size: where {n} = 64"));
                if !found.iter().any(|(m, _)| *m == n) {
                    found.push((n, d));
                }
            }
        }
        self.diags.extend(found.into_iter().map(|(_, d)| d));
    }

    /// Equations in front of the objective that nothing refers to: they give nothing.
    fn idle_equations<'d>(&self, draft: &'d Draft) -> Vec<&'d Equation> {
        let Some(o) = &draft.objective else { return Vec::new() };
        let part = self.g.reachable(&[o.node]);
        let idle = |q: &&Equation| {
            !part[q.node.0 as usize]
                && !self.used.contains(&q.key)
                && q.span.start < o.span.start
                && draft.output != Some(q.node)
        };
        draft.equations.iter().filter(idle).collect()
    }

    /// N4: declared and never used.
    fn never_used(&mut self, draft: &Draft) {
        if crate::diag::has_errors(&self.diags) {
            return;
        }
        let used = |n: NodeId| self.g.iter().any(|(_, node)| node.args.contains(&n));
        for q in self.idle_equations(draft) {
            let text = format!("`{}` is never used", q.shown);
            self.diags.push(Diagnostic::warning(Code::N4, q.span, text));
        }
        for s in &draft.symbols {
            let node =
                self.g.iter().find(|(_, n)| n.op == Op::Symbol(s.id)).map(|(i, _)| i);
            let defined = draft.equations.iter().any(|q| q.key == s.key);
            if node.is_some_and(|n| !used(n)) && !self.used.contains(&s.key) && !defined {
                let text = format!("`{}` is never used", s.shown);
                self.diags.push(Diagnostic::warning(Code::N4, s.span, text));
            }
        }
    }
}

/// Without brackets and a minus in front.
fn strip(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Paren(x) | ExprKind::Neg(x) | ExprKind::Transpose(x) => strip(x),
        _ => e,
    }
}

/// The symbol inside `log ŷ` of a hand-written cross-entropy.
fn logged(e: &Expr, node: &dyn Fn(&Expr) -> Option<NodeId>) -> Option<NodeId> {
    match &e.kind {
        ExprKind::Paren(x) => logged(x, node),
        ExprKind::Call { func, args, .. } if func.key == "log" || func.key == "ln" => {
            node(&args.first()?.value)
        }
        _ => None,
    }
}
