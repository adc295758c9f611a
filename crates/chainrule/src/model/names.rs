//! The names of a file that another value can be put for, each with what it takes.
//!
//! In: text. Out: [`Names`]. Invariant: a name stands once, in the order of the file. Deliberately
//! absent: settings; their names are those of the lines they stand in.

use chainrule_graph::functions::Functions;
use chainrule_graph::lower;
use chainrule_graph::syntax::ast::{DimExpr, Expr, ExprKind, File, Name, StatementKind};
use chainrule_graph::syntax::settings::nearest;
use chainrule_graph::syntax::{self, canonical};

/// What a name takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// A dimension: a whole number.
    Size,
    /// `where act = relu`: a function.
    Function,
    /// `where K = D`: nothing, the other one has the size.
    Same(String),
    /// A constant or a worked value.
    Number,
}

/// All of them.
pub(crate) struct Names {
    all: Vec<(Name, Slot)>,
    functions: Vec<String>,
}

impl Names {
    pub(crate) fn of(text: &str) -> Self {
        let file = syntax::parse(text, &is_shipped, &[]).file;
        let mut out = Self { all: Vec::new(), functions: Vec::new() };
        let dims = declared(&file);
        for statement in &file.statements {
            match &statement.kind {
                StatementKind::Const(name, _) | StatementKind::Value(name, _) => {
                    out.add(name, Slot::Number);
                }
                StatementKind::Where(items) => {
                    items.iter().for_each(|(n, e)| out.add(n, slot(e, &dims)));
                }
                StatementKind::Function(f) => out.functions.push(f.name.written.clone()),
                _ => {}
            }
        }
        dims.iter().for_each(|d| out.add(d, Slot::Size));
        out
    }

    fn add(&mut self, name: &Name, slot: Slot) {
        if self.all.iter().all(|(n, _)| n.key != name.key) {
            self.all.push((name.clone(), slot));
        }
    }

    /// Canonical name and slot of what was typed.
    pub(crate) fn slot(&self, typed: &str) -> Option<(&str, &Slot)> {
        let key = canonical(typed);
        let (name, slot) = self.all.iter().find(|(n, _)| n.key == key)?;
        Some((&name.key, slot))
    }

    pub(crate) fn shown(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(n, _)| n.written.as_str())
    }

    pub(crate) fn is_function(&self, name: &str) -> bool {
        is_shipped(name) || self.functions.iter().any(|f| f == name)
    }

    pub(crate) fn near_function(&self, name: &str) -> Option<String> {
        let shipped: &Functions = chainrule_graph::prelude::functions();
        let shipped = shipped.all.iter().map(|f| f.name.written.as_str());
        let own = self.functions.iter().map(String::as_str);
        nearest(name, own.chain(shipped)).map(str::to_owned)
    }
}

/// Whether the name is a function that a file need not define.
pub(crate) fn is_shipped(name: &str) -> bool {
    let shipped: &Functions = chainrule_graph::prelude::functions();
    lower::is_builtin(name) || shipped.find(name).is_some()
}

/// What a `where` item takes.
fn slot(value: &Expr, dims: &[Name]) -> Slot {
    match &value.kind {
        ExprKind::Name(n) if dims.iter().any(|d| d.key == n.key) => {
            Slot::Same(n.written.clone())
        }
        ExprKind::Name(_) => Slot::Function,
        _ => Slot::Size,
    }
}

/// The dimensions of all declared shapes.
fn declared(file: &File) -> Vec<Name> {
    let mut all = Vec::new();
    for statement in &file.statements {
        if let StatementKind::Declare(items) = &statement.kind {
            let shapes = items.iter().filter_map(|d| d.shape.as_ref());
            shapes.for_each(|s| s.dims.iter().for_each(|d| names(d, &mut all)));
        }
    }
    all
}

fn names(dim: &DimExpr, into: &mut Vec<Name>) {
    match dim {
        DimExpr::Size(..) => {}
        DimExpr::Name(name) => into.push(name.clone()),
        DimExpr::Sum(parts, _) => parts.iter().for_each(|d| names(d, into)),
    }
}
