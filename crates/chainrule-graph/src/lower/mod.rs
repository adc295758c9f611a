//! Tree → graph: names get meanings, shapes are checked, the objective is found.
//!
//! In: a tree (and overrides from the command line). Out: a [`Module`], or diagnostics whose
//! fixes type-check on the whole file. Invariant: a module without errors has no open shape.

mod calls;
mod declare;
mod expr;
mod messages;
mod objective;
pub(crate) mod sums;

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Span};
use crate::functions::Functions;
use crate::graph::{FuncId, Graph, NodeId};
use crate::module::Module;
use crate::shape::Dims;
use crate::syntax::ast::{File, Layout, Role, Statement, StatementKind};

pub use calls::is_builtin;
pub(crate) use expr::{Form, Mode, Scope};
pub use sums::{children, children_mut};

/// What a name of the file means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// A symbol or an equation's value.
    Node(NodeId),
    /// A dimension.
    Dim,
    /// An equation that could not be read: errors about it were reported already.
    Poisoned,
}

/// A value from the command line: `--set NAME=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Canonical name.
    pub name: String,
    /// A number, or the name of a function.
    pub value: String,
}

/// A file after reading: the module if there was no error, and everything that was noticed.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The checked file.
    pub module: Option<Module>,
    /// Errors, warnings, notes.
    pub diagnostics: Vec<Diagnostic>,
}

/// What lowering knows while it works. Also used by `grad` and `expand` to put bodies in.
pub(crate) struct Lowerer<'a> {
    pub g: &'a mut Graph,
    pub dims: &'a mut Dims,
    pub functions: &'a Functions,
    pub layout: Layout,
    pub names: BTreeMap<String, Meaning>,
    pub constants: BTreeSet<String>,
    pub used: BTreeSet<String>,
    pub diags: Vec<Diagnostic>,
    pub unfolding: Vec<FuncId>,
    /// Functions whose defaults are being read.
    pub defaults: Vec<FuncId>,
    pub dropouts: Vec<(f64, Span)>,
    pub norms: Vec<crate::shape::Shape>,
    pub weight: Option<NodeId>,
    pub example_loss: Option<NodeId>,
    /// Equations that come later: for "used before it is defined".
    pub later: Vec<String>,
    pub origins: Origins,
    /// The call whose body is being put in: nodes of the body stem from it.
    pub site: Option<Span>,
    /// Symbols that are targets.
    pub targets: BTreeSet<crate::graph::SymId>,
}

/// Where names come from, for messages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    /// Statement that declares or defines the name: its span and text.
    pub places: BTreeMap<String, Span>,
    /// Values of constants and worked examples that are single numbers.
    pub numbers: BTreeMap<String, f64>,
    /// The source text.
    pub text: String,
}

impl<'a> Lowerer<'a> {
    /// One that only puts function bodies into a graph.
    pub(crate) fn new(
        g: &'a mut Graph,
        dims: &'a mut Dims,
        functions: &'a Functions,
        layout: Layout,
    ) -> Self {
        Self {
            g,
            dims,
            functions,
            layout,
            names: BTreeMap::new(),
            constants: BTreeSet::new(),
            used: BTreeSet::new(),
            diags: Vec::new(),
            unfolding: Vec::new(),
            defaults: Vec::new(),
            dropouts: Vec::new(),
            norms: Vec::new(),
            weight: None,
            example_loss: None,
            later: Vec::new(),
            origins: Origins::default(),
            site: None,
            targets: BTreeSet::new(),
        }
    }

    pub(crate) fn is_constant(&self, key: &str) -> bool {
        self.constants.contains(key)
    }

    pub(crate) fn is_dim(&self, key: &str) -> bool {
        self.names.get(key) == Some(&Meaning::Dim)
    }

    /// The number that a node is, constants of the file included.
    pub(crate) fn known_number(&self, n: NodeId) -> Option<f64> {
        if let Some(v) = self.constant_value(n) {
            return Some(v);
        }
        let named = self.names.iter().find(|(_, m)| **m == Meaning::Node(n))?;
        self.origins.numbers.get(named.0).copied()
    }
}

/// Reads a whole file: parse, lower, and look for fixes.
#[must_use]
pub fn load(text: &str, overrides: &[Override]) -> Loaded {
    let mut loaded = load_without_fixes(text, overrides);
    crate::suggest::add_fixes(text, overrides, &mut loaded.diagnostics);
    loaded
}

/// Reads a whole file without looking for fixes.
#[must_use]
pub fn load_without_fixes(text: &str, overrides: &[Override]) -> Loaded {
    let sizes: Vec<(String, f64)> = overrides
        .iter()
        .filter_map(|o| Some((o.name.clone(), o.value.parse().ok()?)))
        .collect();
    let shipped = crate::prelude::functions();
    let is_function = |name: &str| is_builtin(name) || shipped.find(name).is_some();
    let parsed = crate::syntax::parse(text, &is_function, &sizes);
    let mut diagnostics = parsed.diagnostics;
    let stop = crate::diag::has_errors(&diagnostics);
    let (module, more) = lower(&parsed.file, text, overrides);
    if !stop {
        diagnostics.extend(more);
        diagnostics.extend(update_rule(&module));
        diagnostics.extend(data_line(&module));
    }
    let bad = crate::diag::has_errors(&diagnostics);
    diagnostics.sort_by_key(|d| (std::cmp::Reverse(d.severity), d.span.start));
    diagnostics.dedup();
    Loaded { module: if bad { None } else { Some(module) }, diagnostics }
}

/// What is wrong with the optimiser of the `train:` line.
fn update_rule(m: &Module) -> Vec<Diagnostic> {
    let call = m.train.as_ref().and_then(|t| t.optimizer.as_ref());
    call.and_then(|c| crate::optimizer::rule(&m.functions, c, true).err())
        .unwrap_or_default()
}

/// What is wrong with the names in the `data:` line: each clause speaks of an input or a target.
fn data_line(m: &Module) -> Vec<Diagnostic> {
    let wanted = m.symbols.iter();
    let wanted = wanted.filter(|s| matches!(s.role, Role::Input | Role::Target));
    let names: Vec<&str> = wanted.map(|s| s.key.as_str()).collect();
    let clauses = m.data.iter().flat_map(|d| &d.columns);
    let unknown = clauses.filter(|c| !names.contains(&c.symbol.as_str()));
    unknown
        .map(|c| {
            let (found, all) = (&c.symbol, names.join(", "));
            let text = match names.is_empty() {
                true => {
                    format!("`{found}` has columns, and nothing is an input or target")
                }
                false => format!("expected an input or target ({all}), found `{found}`"),
            };
            let d = Diagnostic::error(Code::T1, c.span, text);
            match crate::syntax::settings::nearest(found, names.iter().copied()) {
                Some(near) => d.hint(format!("did you mean `{near}`?")),
                None => d,
            }
        })
        .collect()
}

/// The statements of a kind, with their spans.
fn of_kind<'f, T>(
    file: &'f File,
    pick: impl Fn(&'f StatementKind) -> Option<T>,
) -> impl Iterator<Item = (T, Span)> {
    file.statements
        .iter()
        .filter_map(move |Statement { kind, span }| Some((pick(kind)?, *span)))
}

/// Whether a tree has no error: what fixes are tried with, faster than reading the text again.
pub(crate) fn fits(
    file: &File,
    text: &str,
    overrides: &[Override],
    functions: &Functions,
) -> bool {
    let (mut graph, mut dims) = (Graph::default(), Dims::default());
    let layout = layout(file);
    let mut lowerer = Lowerer::new(&mut graph, &mut dims, functions, layout);
    lowerer.origins.text = text.to_string();
    let mut draft = declare::Draft::new(file, layout);
    lowerer.declare(file, overrides, &mut draft);
    lowerer.equations(file, &mut draft);
    if crate::diag::has_errors(&lowerer.diags) {
        return false;
    }
    lowerer.objective(file, &mut draft);
    lowerer.finish(file, &mut draft);
    !crate::diag::has_errors(&lowerer.diags)
}

fn layout(file: &File) -> Layout {
    let said = of_kind(file, |k| match k {
        StatementKind::Examples(l) => Some(*l),
        _ => None,
    });
    said.last().map_or(Layout::One, |(l, _)| l)
}

/// A size that a later equation gives, where an earlier one was read with another.
fn too_late(text: &str, g: &Graph, n: NodeId) -> Diagnostic {
    let span = g[n].span;
    let written = text.get(span.start as usize..span.end as usize).unwrap_or("this");
    let message = format!("the sizes that are found for `{written}` do not go together");
    Diagnostic::error(Code::S8, span, message)
        .hint("say what the symbols in it are before they are used: param W : H×D")
}

/// The functions that a file sees: shipped ones and its own.
pub(crate) fn functions_of(file: &File, overrides: &[Override]) -> Functions {
    declare::functions(file, overrides).0
}

/// Tree → module; the module is meaningful only if there is no error among the diagnostics.
fn lower(file: &File, text: &str, overrides: &[Override]) -> (Module, Vec<Diagnostic>) {
    let mut graph = Graph::default();
    let mut dims = Dims::default();
    let (functions, mut diags) = declare::functions(file, overrides);
    let layout = layout(file);
    let mut lowerer = Lowerer::new(&mut graph, &mut dims, &functions, layout);
    lowerer.origins.text = text.to_string();
    let mut draft = declare::Draft::new(file, layout);
    lowerer.declare(file, overrides, &mut draft);
    lowerer.check_functions();
    lowerer.equations(file, &mut draft);
    lowerer.objective(file, &mut draft);
    lowerer.finish(file, &mut draft);
    diags.append(&mut lowerer.diags);
    let (dropouts, norms) = (lowerer.dropouts, lowerer.norms);
    graph.resolve(&dims);
    if !crate::diag::has_errors(&diags)
        && let Err((n, _)) = crate::verify::broken(&graph, &dims, false)
    {
        diags.push(too_late(text, &graph, n));
    }
    let norms = norms.iter().map(|s| dims.resolve_shape(s)).collect();
    (draft.module(file, graph, dims, functions, dropouts, norms), diags)
}
