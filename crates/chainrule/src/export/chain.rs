//! The file of equations with what was learned as values: `W1 := [0.5 −1; …]`.
//!
//! In: [`Trained`]. Out: its text, comments and all, with overrides of `--set` put in and one value
//! per parameter. Invariants: the text is read back before it is given away, and every value has the
//! bits of the model; what a value cannot hold (running statistics of batch_norm) is refused.
//! Deliberately absent: the preparation, which the `data:` line learns again from the same file.

use chainrule_graph::diag::Span;
use chainrule_graph::graph::Op;
use chainrule_graph::module::Module;
use chainrule_graph::syntax::ast::{Expr, File, Name, Statement, StatementKind};
use chainrule_graph::syntax::print::{Style, print_statement};
use chainrule_graph::syntax::{canonical, parse};

use super::csv::texts;
use crate::error::Error;
use crate::model::names::{Names, is_shipped};
use crate::model::{Model, Trained};
use crate::store::{Numbers, Tensor};

pub(super) fn write(trained: &Trained) -> Result<Vec<u8>, Error> {
    without_statistics(&trained.model.module)?;
    let model = &trained.model;
    let file = parse(model.equations(), &is_shipped, &[]).file;
    let mut edits = Edits::default();
    edits.overrides(model, &file);
    let tensors = trained.weights()?;
    for tensor in &tensors {
        edits.value(model, &file, tensor);
    }
    let text = edits.applied(model.equations());
    read_back(&text, &tensors)?;
    Ok(text.into_bytes())
}

fn refused(why: &str) -> Error {
    Error::Refused(format!("this network cannot be exported to chain: {why}"))
}

/// batch_norm's running mean and variance have no place in the language.
fn without_statistics(module: &Module) -> Result<(), Error> {
    let norm =
        |(_, n): &(_, &chainrule_graph::graph::Node)| matches!(n.op, Op::BatchNorm(_));
    let Some((id, _)) = module.graph.iter().find(norm) else { return Ok(()) };
    let holds = |e: &&chainrule_graph::module::Equation| {
        module.graph.reachable(&[e.node])[id.0 as usize]
    };
    let name =
        module.equations.iter().find(holds).map_or("an equation", |e| e.shown.as_str());
    Err(refused(&format!(
        "{name} uses batch_norm, whose running mean and variance cannot be written as values"
    )))
}

/// What stands where in the new text.
#[derive(Default)]
struct Edits {
    /// Places of the old text and what comes there.
    inside: Vec<(Span, String)>,
    /// New lines.
    behind: Vec<String>,
}

impl Edits {
    /// The settings that were given besides the file.
    fn overrides(&mut self, model: &Model, file: &File) {
        let named: Vec<(&Name, &Expr)> = file.statements.iter().flat_map(pairs).collect();
        let (names, mut done) = (Names::of(model.equations()), Vec::new());
        // Later ones win.
        for (name, value) in model.options().set.iter().rev() {
            let key = canonical(name);
            if names.slot(name).is_none() || done.contains(&key) {
                continue;
            }
            match named.iter().find(|(n, _)| n.key == key) {
                Some((_, old)) => self.inside.push((old.span, value.clone())),
                None => self.behind.push(format!("where {name} = {value}")),
            }
            done.push(key);
        }
        self.settings(model, file);
    }

    /// The `data:` and `train:` lines as they were carried out.
    fn settings(&mut self, model: &Model, file: &File) {
        if model.options().set.is_empty() {
            return;
        }
        let module = &model.module;
        let data = module.data.clone().map(|spec| StatementKind::Data(Box::new(spec)));
        let train = module.train.clone().map(|spec| StatementKind::Train(Box::new(spec)));
        for kind in data.into_iter().chain(train) {
            let same = std::mem::discriminant(&kind);
            let is_line = |s: &&Statement| std::mem::discriminant(&s.kind) == same;
            let old = file.statements.iter().find(is_line).map(|s| s.span);
            let new = Statement { kind, span: Span::default() };
            let line = print_statement(&new, Style::Unicode).trim_end().to_owned();
            match old {
                Some(span) => self.inside.push((span, line)),
                None => self.behind.push(line),
            }
        }
    }

    /// The value of a parameter, in the place of an old one.
    fn value(&mut self, model: &Model, file: &File, tensor: &Tensor) {
        let symbol = model.module.symbol(&tensor.name);
        let shown = symbol.map_or(tensor.name.as_str(), |s| s.shown.as_str());
        let literal = literal(tensor);
        let old = file.statements.iter().find_map(|s| match &s.kind {
            StatementKind::Value(name, old) if name.key == tensor.name => Some(old.span),
            _ => None,
        });
        match old {
            Some(span) => {
                // Its size may have been overridden; the learned value is what counts.
                self.inside.retain(|(at, _)| *at != span);
                self.inside.push((span, literal));
            }
            None => self.behind.push(format!("{shown} := {literal}")),
        }
    }

    fn applied(mut self, text: &str) -> String {
        self.inside.sort_by_key(|(span, _)| span.start);
        let mut out = text.to_owned();
        for (span, new) in self.inside.iter().rev() {
            out.replace_range(span.start as usize..span.end as usize, new);
        }
        if !out.ends_with('\n') {
            out.push('\n');
        }
        if !self.behind.is_empty() {
            out.push_str("\n# What was learned.\n");
        }
        self.behind.iter().for_each(|line| {
            out.push_str(line);
            out.push('\n');
        });
        out
    }
}

/// Names with the expressions that `--set` replaces.
fn pairs(statement: &Statement) -> Vec<(&Name, &Expr)> {
    match &statement.kind {
        StatementKind::Const(name, e) | StatementKind::Value(name, e) => vec![(name, e)],
        StatementKind::Where(items) => items.iter().map(|(n, e)| (n, e)).collect(),
        _ => Vec::new(),
    }
}

/// `[1 2; 3 4]`, a row per line; a column on one line.
fn literal(tensor: &Tensor) -> String {
    let all: Vec<String> = texts(tensor).collect();
    if let [one] = all.as_slice() {
        return one.clone();
    }
    let rows: Vec<String> =
        all.chunks(tensor.shape.1.max(1)).map(|r| r.join(" ")).collect();
    let between = if tensor.shape.1 == 1 { "; " } else { ";\n  " };
    format!("[{}]", rows.join(between))
}

/// The text says what the model says, to the last bit.
fn read_back(text: &str, tensors: &[Tensor]) -> Result<(), Error> {
    let model = Model::parse(text).map_err(|e| refused(&e.to_string()))?;
    for tensor in tensors {
        let value = model.module.symbol(&tensor.name).and_then(|s| s.value.as_ref());
        let same = value.is_some_and(|v| match &tensor.numbers {
            Numbers::F32(all) => {
                let read = v.data.iter().map(|&x| (x as f32).to_bits());
                read.eq(all.iter().map(|x| x.to_bits()))
            }
            Numbers::F64(all) => {
                let read = v.data.iter().map(|x| x.to_bits());
                read.eq(all.iter().map(|x| x.to_bits()))
            }
        });
        if !same {
            return Err(refused(&format!("{} does not read back as it is", tensor.name)));
        }
    }
    Ok(())
}
