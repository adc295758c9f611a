//! Statements and files as text.

use super::super::ast::{
    Declaration, DimExpr, Equation, File, Function, Init, Layout, Mark, Optimizer, Param,
    Precision, Role, ShapeExpr, Statement, StatementKind,
};
use super::{ADD, CASES, Printer, Style};

/// The text of a file: one statement after the other, a blank line round functions.
#[must_use]
pub fn print_file(file: &File, style: Style) -> String {
    let mut text = String::new();
    for statement in &file.statements {
        let block = matches!(
            statement.kind,
            StatementKind::Function(_) | StatementKind::Optimizer(_)
        );
        if block && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&print_statement(statement, style));
        text.push_str(if block { "\n\n" } else { "\n" });
    }
    text
}

/// The text of a statement, without a line end behind it.
#[must_use]
pub fn print_statement(statement: &Statement, style: Style) -> String {
    let mut printer = Printer::new(style);
    printer.statement(&statement.kind);
    printer.out
}

impl Printer {
    fn statement(&mut self, kind: &StatementKind) {
        match kind {
            StatementKind::Declare(items) => self.declare(items),
            StatementKind::Const(name, value) => {
                self.text("const ");
                self.defined(name, " = ", value);
            }
            StatementKind::Where(items) => {
                for (at, (name, value)) in items.iter().enumerate() {
                    self.text(if at > 0 { ", " } else { "where " });
                    self.defined(name, " = ", value);
                }
            }
            StatementKind::Value(name, value) => self.defined(name, " := ", value),
            StatementKind::Equation(equation) => self.equation(equation),
            StatementKind::Function(function) => self.function(function),
            StatementKind::Optimizer(optimizer) => self.optimizer(optimizer),
            StatementKind::Minimize(name, value) => {
                self.text("minimize ");
                match name {
                    Some(name) => self.defined(name, " = ", value),
                    None => self.expr(value, CASES, true),
                }
            }
            StatementKind::Output(name) => {
                self.text("output: ");
                self.name(name);
            }
            StatementKind::Examples(layout) => self.text(match layout {
                Layout::One => "examples: one",
                Layout::Columns => "examples: columns",
                Layout::Rows => "examples: rows",
            }),
            StatementKind::Trainable(names) => {
                self.text("trainable:");
                for name in names {
                    self.text(" ");
                    self.name(name);
                }
            }
            StatementKind::Data(spec) => self.data(spec),
            StatementKind::Train(spec) => self.train(spec),
            StatementKind::Precision(precision) => {
                self.text("precision: ");
                self.text(precision_word(*precision));
            }
            StatementKind::Digits(digits) => self.text(&format!("digits: {digits}")),
        }
    }

    fn defined(&mut self, name: &super::Name, sign: &str, value: &super::Expr) {
        self.name(name);
        self.text(sign);
        self.expr(value, CASES, true);
    }

    fn equation(&mut self, equation: &Equation) {
        self.name(&equation.name);
        if let Some(index) = &equation.index {
            // One place for both: it was written as a subscript.
            let subscript = index.span == equation.name.span && index.key.is_ascii();
            self.text(if subscript { "_" } else { "[" });
            self.name(index);
            self.text(if subscript { "" } else { "]" });
        }
        self.text(" = ");
        self.expr(&equation.value, CASES, true);
    }

    fn declare(&mut self, items: &[Declaration]) {
        let mut role = Role::None;
        for (at, item) in items.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            if item.role != role {
                role = item.role;
                self.text(match role {
                    Role::Input => "input ",
                    Role::Target => "target ",
                    Role::Param => "param ",
                    Role::None => "",
                });
            }
            self.declaration(item);
        }
    }

    fn declaration(&mut self, item: &Declaration) {
        self.name(&item.name);
        if let Some(shape) = &item.shape {
            self.text(" : ");
            self.shape(shape);
        }
        if let Some(mark) = item.mark {
            self.text(match mark {
                Mark::OneHot => " one-hot",
                Mark::Distribution => " distribution",
                Mark::Binary => " binary",
                Mark::MultiHot => " multi-hot",
            });
        }
        match &item.init {
            Some(Init::Draw(name, args, _)) => {
                self.text(" ~ ");
                self.text(name);
                if !args.is_empty() {
                    self.list(args);
                }
            }
            Some(Init::Fill(value)) => {
                self.text(" = ");
                self.expr(value, CASES, true);
            }
            None => {}
        }
    }

    fn list(&mut self, values: &[super::Expr]) {
        self.text("(");
        for (at, value) in values.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            self.expr(value, ADD, true);
        }
        self.text(")");
    }

    fn shape(&mut self, shape: &ShapeExpr) {
        let several = shape.dims.len() > 1;
        for (at, dim) in shape.dims.iter().enumerate() {
            if at > 0 {
                self.either("×", " x ");
            }
            self.dim(dim, several);
        }
    }

    fn dim(&mut self, dim: &DimExpr, inside: bool) {
        match dim {
            DimExpr::Size(size, _) => self.text(&size.to_string()),
            DimExpr::Name(name) => self.name(name),
            DimExpr::Sum(terms, _) => {
                self.text(if inside { "(" } else { "" });
                for (at, term) in terms.iter().enumerate() {
                    self.text(if at > 0 { " + " } else { "" });
                    self.dim(term, true);
                }
                self.text(if inside { ")" } else { "" });
            }
        }
    }

    /// Comments above a definition; in ASCII their other characters stay.
    fn comments(&mut self, about: &str, notes: &[(String, String)]) {
        if !about.is_empty() {
            self.text(&format!("# {about}\n"));
        }
        for (key, text) in notes {
            self.text(&format!("# {key}: {text}\n"));
        }
    }

    fn params(&mut self, params: &[Param]) {
        self.text("(");
        for (at, param) in params.iter().enumerate() {
            self.text(if at > 0 { ", " } else { "" });
            self.name(&param.name);
            if let Some(shape) = &param.shape {
                self.text(" : ");
                self.shape(shape);
            }
            if let Some(default) = &param.default {
                self.text(" = ");
                self.expr(default, CASES, true);
            }
        }
        self.text(")");
    }

    fn function(&mut self, function: &Function) {
        self.comments(&function.about, &function.notes);
        self.name(&function.name);
        self.params(&function.params);
        self.text(" = ");
        self.expr(&function.body, CASES, true);
        if let Some(computed) = &function.computed {
            self.text("\n  computed as ");
            self.expr(computed, CASES, true);
        }
        if let Some(derivative) = &function.derivative {
            self.text("\n  derivative ");
            self.expr(derivative, CASES, true);
        }
    }

    fn optimizer(&mut self, optimizer: &Optimizer) {
        self.comments(&optimizer.about, &optimizer.notes);
        self.text("optimizer ");
        self.name(&optimizer.name);
        if !optimizer.params.is_empty() {
            self.params(&optimizer.params);
        }
        self.text(":");
        for (name, value) in &optimizer.states {
            self.text("\n  state ");
            self.defined(name, " = ", value);
        }
        for (name, value) in &optimizer.lines {
            self.text("\n  ");
            self.name(name);
            self.either(" ← ", " <- ");
            self.expr(value, CASES, true);
        }
    }
}

pub(super) fn precision_word(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::F64 => "f64",
    }
}
