//! One block of lines → statements: the forms of the language's section 1.
//!
//! The first word, or the first sign after a name, decides which form it is; a table of forms
//! would hide that most of them have a grammar of their own.

use crate::diag::{Code, Diagnostic, Edit, Severity, Span};

use super::ast::{Equation, Layout, Name, Precision, Statement, StatementKind};
use super::lines::Block;
use super::names;
use super::nearest::nearest;
use super::parser::Parser;
use super::scope::{Scope, function_head};
use super::settings;
use super::token::{Tok, Token, outside_brackets, split};

/// The statements of a block.
pub(crate) fn statements(
    block: &Block,
    scope: &Scope,
    diagnostics: &mut Vec<Diagnostic>,
    out: &mut Vec<Statement>,
) {
    let tokens = block.joined();
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
    let span = first.span.to(last.span);
    if misused_word(&tokens, diagnostics) {
        return;
    }
    let reader = Reader { block, tokens: &tokens, scope, span };
    match first.word().map(modern) {
        Some("input" | "target" | "param") => reader.declare(diagnostics, out),
        Some("const" | "where") => reader.constants(diagnostics, out),
        Some("minimize") => reader.minimize(diagnostics, out),
        Some("optimizer") => reader.optimizer(diagnostics, out),
        Some(word @ ("examples" | "output" | "precision" | "digits" | "trainable")) => {
            reader.setting(word, diagnostics, out);
        }
        Some("data") => reader.data(diagnostics, out),
        Some("train") => reader.train(diagnostics, out),
        _ if function_head(&tokens).is_some() => reader.function(diagnostics, out),
        _ => reader.named(diagnostics, out),
    }
}

/// British spelling is welcome where a statement begins.
fn modern(word: &str) -> &str {
    match word {
        "minimise" => "minimize",
        "optimiser" => "optimizer",
        word => word,
    }
}

/// `data = 3`: a reserved word where a symbol's name should be.
fn misused_word(tokens: &[Token], diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(word) = tokens[0].word().filter(|w| names::RESERVED.contains(w)) else {
        return false;
    };
    let used = tokens.get(1).is_some_and(|t| {
        ["=", ":=", "←", "'", "+", "-", "*", "/", "^", "ᵀ"].iter().any(|s| t.is(s))
    });
    if used {
        let message = format!("`{word}` begins a statement and cannot name a symbol");
        let diagnostic = Diagnostic::error(Code::P1, tokens[0].span, message);
        diagnostics
            .push(diagnostic.hint(format!("choose another name, such as `{word}1`")));
    }
    used
}

/// One block on its way to statements.
pub(crate) struct Reader<'a> {
    pub(crate) block: &'a Block,
    pub(crate) tokens: &'a [Token],
    pub(crate) scope: &'a Scope<'a>,
    pub(crate) span: Span,
}

impl Reader<'_> {
    fn push(&self, kind: StatementKind, out: &mut Vec<Statement>) {
        out.push(Statement { kind, span: self.span });
    }

    fn declare(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        let declarations = parser.declarations();
        parser.finish();
        self.push(StatementKind::Declare(declarations), out);
    }

    /// `const a = 1, b = 2` and `where H = 128, act = tanh`.
    fn constants(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        let is_const = parser.eat_word("const");
        parser.at = 1;
        parser.eat(":");
        let mut items = Vec::new();
        while let Some(name) = parser.name("a name") {
            if !parser.expect("=") {
                break;
            }
            items.push((name, parser.expression()));
            if !parser.eat(",") {
                break;
            }
        }
        parser.finish();
        if !is_const {
            return self.push(StatementKind::Where(items), out);
        }
        for (name, value) in items {
            let span = name.span.to(value.span);
            out.push(Statement { kind: StatementKind::Const(name, value), span });
        }
    }

    fn minimize(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        parser.at = 1;
        parser.eat(":");
        let mut name = None;
        if parser.ahead(1).is_some_and(|t| t.is("=")) {
            name = parser.name("a name");
            parser.at += 1;
        }
        let value = parser.expression();
        parser.finish();
        self.push(StatementKind::Minimize(name, value), out);
    }

    fn setting(
        &self,
        word: &str,
        diagnostics: &mut Vec<Diagnostic>,
        out: &mut Vec<Statement>,
    ) {
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        parser.at = 1;
        parser.eat(":");
        let kind = match word {
            "output" => parser.name("a name").map(StatementKind::Output),
            "trainable" => Some(StatementKind::Trainable(parser.names())),
            "examples" => parser.layout().map(StatementKind::Examples),
            "precision" => parser.precision().map(StatementKind::Precision),
            _ => parser
                .count("a number of digits")
                .map(|n| StatementKind::Digits(u32::try_from(n).unwrap_or(u32::MAX))),
        };
        parser.finish();
        if let Some(kind) = kind {
            self.push(kind, out);
        }
    }

    fn data(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let Some(Tok::Raw(text, base)) = self.tokens.get(1).map(|t| &t.tok) else {
            let message = "expected `data: FILE, …`";
            return diagnostics.push(Diagnostic::error(Code::P1, self.span, message));
        };
        let (spec, found) = settings::parse_data(text, *base);
        diagnostics.extend(found);
        self.push(StatementKind::Data(Box::new(spec)), out);
    }

    fn train(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        parser.at = 1;
        parser.eat(":");
        let spec = parser.train_items(self.span);
        self.push(StatementKind::Train(Box::new(spec)), out);
    }

    /// A statement that begins with a name: equation, value, or shape without a role.
    fn named(&self, diagnostics: &mut Vec<Diagnostic>, out: &mut Vec<Statement>) {
        let sign = |t: &Token| {
            ["=", ":=", ":", "∈", "←", "~"].iter().any(|s| t.is(s)) || t.is_word("in")
        };
        // A symbol may well be named `in`.
        let signs = outside_brackets(self.tokens, sign);
        let Some(&at) = signs.iter().find(|&&at| at > 0) else {
            return self.no_form(diagnostics);
        };
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        match &self.tokens[at].tok {
            Tok::Sym("=" | ":=") => {
                while parser.assignment(out) {}
                parser.finish();
            }
            Tok::Sym("←") => {
                let message = "an update `←` stands in the lines of an optimizer";
                let span = self.tokens[at].span;
                let diagnostic = Diagnostic::error(Code::P1, span, message);
                diagnostics.push(diagnostic.hint("an equation is written with `=`"));
            }
            Tok::Sym("~") => {
                let message = "`~` draws the start of a param";
                let span = self.tokens[at].span;
                let edit = super::parser::insert(self.span.start, "param ");
                let diagnostic = Diagnostic::error(Code::P1, span, message);
                diagnostics.push(diagnostic.fix("declare it as a param", vec![edit]));
            }
            _ => {
                let declarations = parser.declarations();
                parser.finish();
                out.push(Statement {
                    kind: StatementKind::Declare(declarations),
                    span: self.span,
                });
            }
        }
    }

    fn no_form(&self, diagnostics: &mut Vec<Diagnostic>) {
        // What cannot be read as an expression either is reported as that.
        let errors = diagnostics.len();
        let mut parser = Parser::new(self.tokens, self.scope, diagnostics);
        parser.expression();
        parser.finish();
        if diagnostics[errors..].iter().any(|d| d.severity == Severity::Error) {
            return;
        }
        let message =
            "expected a statement: `name = …`, `name : shape`, or a word such as `input`";
        let mut diagnostic = Diagnostic::error(Code::P1, self.span, message);
        let word = self.tokens[0].word().unwrap_or_default();
        if let Some(near) = nearest(word, names::RESERVED) {
            let edit = Edit { span: self.tokens[0].span, with: near.to_string() };
            diagnostic = diagnostic.fix(format!("did you mean `{near}`?"), vec![edit]);
        }
        diagnostics.push(diagnostic);
    }
}

impl Parser<'_> {
    /// `z = …` or `x := …`; true if another follows after a comma.
    fn assignment(&mut self, out: &mut Vec<Statement>) -> bool {
        let start = self.here();
        let Some(mut name) = self.name("a name") else { return false };
        let mut index = self.left_index();
        let value = self.is(":=");
        if !value && !self.is("=") {
            let message = format!(
                "the left side of an equation is one name, found {}",
                self.found()
            );
            self.slip(Diagnostic::error(Code::P1, self.here(), message));
            return false;
        }
        self.at += 1;
        let right = self.at;
        if index.is_none() && !value {
            index = self.subscript_index(&mut name, right);
        }
        let locals = self.locals.len();
        self.locals.extend(index.iter().map(|i| i.key.clone()));
        let expr = self.expression();
        self.locals.truncate(locals);
        let kind = match (value, index) {
            (true, _) => StatementKind::Value(name, expr),
            (false, index) => {
                StatementKind::Equation(Equation { name, index, value: expr })
            }
        };
        out.push(Statement { kind, span: self.since(start) });
        let more = self.is(",")
            && self.ahead(1).is_some_and(|t| t.ident().is_some())
            && self.ahead(2).is_some_and(|t| t.is("=") || t.is(":="));
        self.at += usize::from(more);
        more
    }

    /// `ŷ[i] = …`.
    fn left_index(&mut self) -> Option<Name> {
        if !(self.is("[") && self.ahead(2).is_some_and(|t| t.is("]"))) {
            return None;
        }
        self.at += 1;
        let index = self.name("an index");
        self.at += 1;
        index
    }

    /// `ŷ_i = exp(z_i) / Z`: a subscript is an index if the right side has an element with it
    /// whose base is a symbol of the file. `h_t = W_h x` with a symbol `W_h` has none.
    fn subscript_index(&self, name: &mut Name, right: usize) -> Option<Name> {
        let (base, sub) = names::element(&name.key)?;
        let single = sub.chars().count() == 1 && sub.chars().all(names::is_letter);
        let used = self.tokens[right..].iter().filter_map(Token::ident).any(|ident| {
            let parts = names::element(&ident.key);
            parts.is_some_and(|(b, s)| {
                self.scope.is_symbol(b)
                    && !self.scope.is_symbol(&ident.key)
                    && s.split(',')
                        .any(|s| s == sub || s.chars().any(|c| sub.starts_with(c)))
            })
        });
        if !(single && used) {
            return None;
        }
        let index =
            Name { key: sub.to_string(), written: sub.to_string(), span: name.span };
        name.key = base.to_string();
        Some(index)
    }

    /// Names with spaces or commas between.
    fn names(&mut self) -> Vec<Name> {
        let mut found = Vec::new();
        while !self.done() {
            match self.name("a name") {
                Some(name) => found.push(name),
                None => break,
            }
            self.eat(",");
        }
        found
    }

    fn layout(&mut self) -> Option<Layout> {
        let forms =
            [("one", Layout::One), ("columns", Layout::Columns), ("rows", Layout::Rows)];
        self.choice(&forms)
    }

    pub(crate) fn precision(&mut self) -> Option<Precision> {
        self.choice(&[("f32", Precision::F32), ("f64", Precision::F64)])
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&mut self, forms: &[(&str, T)]) -> Option<T> {
        let word = self.peek().and_then(Token::word).unwrap_or_default();
        if let Some((_, value)) = forms.iter().find(|f| f.0 == word) {
            self.at += 1;
            return Some(*value);
        }
        let words: Vec<&str> = forms.iter().map(|f| f.0).collect();
        let message = format!("expected {}, found {}", words.join(" or "), self.found());
        let mut diagnostic = Diagnostic::error(Code::T1, self.here(), message);
        if let Some(near) = nearest(word, &words) {
            let edit = Edit { span: self.here(), with: near.to_string() };
            diagnostic = diagnostic.fix(format!("did you mean `{near}`?"), vec![edit]);
        }
        self.slip(diagnostic);
        None
    }

    /// A whole number from 0.
    pub(crate) fn count(&mut self, what: &str) -> Option<u64> {
        match self.peek().map(|t| &t.tok) {
            Some(Tok::Number(value, _))
                if value.fract() == 0.0 && *value < 9_007_199_254_740_992.0 =>
            {
                self.at += 1;
                Some(*value as u64)
            }
            _ => {
                let found = self.found_number();
                let message = format!("expected {what}, found {found}");
                self.slip(Diagnostic::error(Code::T1, self.here(), message));
                None
            }
        }
    }

    /// What stands here; a minus together with the number behind it.
    pub(crate) fn found_number(&self) -> String {
        let sign = self.peek().filter(|t| t.is("-"));
        match (sign, self.ahead(1).map(|t| &t.tok)) {
            (Some(_), Some(Tok::Number(_, text))) => format!("`-{text}`"),
            _ => self.found(),
        }
    }
}

/// A block of ordinary statements, cut at `;`.
pub(crate) fn cut(block: &Block) -> Vec<Block> {
    let tokens = block.joined();
    let pieces: Vec<&[Token]> =
        split(&tokens, |t| t.is(";")).into_iter().filter(|p| !p.is_empty()).collect();
    if pieces.len() < 2 {
        return vec![block.clone()];
    }
    pieces.into_iter().map(|piece| Block::of(piece.to_vec())).collect()
}
