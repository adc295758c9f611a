//! Functions and optimisers of the user's own, with the comments that describe them.

use crate::diag::{Code, Diagnostic};

use super::ast::{Expr, Function, Name, Optimizer, Param, Statement, StatementKind};
use super::lines::Block;
use super::parser::Parser;
use super::scope::function_head;
use super::statements::Reader;
use super::token::{Comment, Token, split};

impl Reader<'_> {
    /// `name(params) = body`, then `computed as …` and `derivative …` on lines below.
    pub(crate) fn function(
        &self,
        diagnostics: &mut Vec<Diagnostic>,
        out: &mut Vec<Statement>,
    ) {
        let parts = function_parts(self.block);
        let head = function_head(&parts[0].1).unwrap_or(1);
        let mut parser = Parser::new(&parts[0].1, self.scope, diagnostics);
        let Some(name) = parser.name("a name") else { return };
        let params = parser.params();
        parser.at = head + 1;
        let locals: Vec<String> = params.iter().map(|p| p.name.key.clone()).collect();
        parser.locals.clone_from(&locals);
        let body = parser.expression();
        parser.finish();
        let (mut computed, mut derivative) = (None, None);
        for (kind, tokens) in &parts[1..] {
            let mut parser = Parser::new(tokens, self.scope, diagnostics);
            parser.locals.clone_from(&locals);
            // The gradient that arrives at a function of one example.
            if params.iter().any(|p| p.shape.is_some()) {
                parser.locals.push("g".to_string());
            }
            let slot =
                if *kind == Part::Computed { &mut computed } else { &mut derivative };
            if slot.is_some() {
                parser.expected("one such line");
            }
            *slot = Some(parser.expression());
            parser.finish();
        }
        let (about, notes) = describe(self.block);
        let function =
            Function { name, params, body, computed, derivative, notes, about };
        out.push(Statement { kind: StatementKind::Function(function), span: self.span });
    }

    /// `optimizer name(params):` with `state v = 0` and `v ← …` below.
    pub(crate) fn optimizer(
        &self,
        diagnostics: &mut Vec<Diagnostic>,
        out: &mut Vec<Statement>,
    ) {
        let head = self.block.first();
        let mut parser = Parser::new(head, self.scope, diagnostics);
        parser.at = 1;
        let Some(name) = parser.name("the name of the optimizer") else { return };
        let params = if parser.is("(") { parser.params() } else { Vec::new() };
        parser.expect(":");
        let (broken, rest) = (parser.broken, parser.at);
        let mut rule = Rule { states: Vec::new(), lines: Vec::new(), locals: Vec::new() };
        rule.locals.extend(params.iter().map(|p| p.name.key.clone()));
        rule.locals.extend(["θ", "g", "t", "T", "epoch"].map(str::to_string));
        let body = self.block.body();
        let lines = body.iter().map(|l| l.tokens.as_slice());
        let lines: Vec<&[Token]> = std::iter::once(&head[rest..]).chain(lines).collect();
        if !broken {
            for tokens in lines.iter().flat_map(|l| split(l, |t| t.is(";"))) {
                self.rule_line(tokens, &mut rule, diagnostics);
            }
        }
        if rule.lines.is_empty() && !broken {
            let message =
                format!("the optimizer `{}` has no line that updates θ", name.written);
            let diagnostic = Diagnostic::error(Code::P1, name.span, message);
            diagnostics.push(diagnostic.hint("write `θ ← θ − lr g` below it, indented"));
        }
        let (about, notes) = describe(self.block);
        let Rule { states, lines, .. } = rule;
        let optimizer = Optimizer { name, params, states, lines, notes, about };
        out.push(Statement {
            kind: StatementKind::Optimizer(optimizer),
            span: self.span,
        });
    }

    fn rule_line(
        &self,
        tokens: &[Token],
        rule: &mut Rule,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if tokens.is_empty() {
            return;
        }
        let mut parser = Parser::new(tokens, self.scope, diagnostics);
        parser.locals.clone_from(&rule.locals);
        let state = parser.is_word("state")
            && parser.ahead(1).is_some_and(|t| t.ident().is_some());
        parser.at = usize::from(state);
        loop {
            let Some(name) = parser.name("a name") else { return };
            if !(parser.eat("=") || !state && parser.eat("←")) {
                return parser.expected(if state { "`=`" } else { "`←`" });
            }
            rule.locals.push(name.key.clone());
            let value = parser.expression();
            if state {
                rule.states.push((name, value));
            } else {
                rule.lines.push((name, value));
            }
            if !(state && parser.eat(",")) {
                break;
            }
        }
        parser.finish();
    }
}

struct Rule {
    states: Vec<(Name, Expr)>,
    lines: Vec<(Name, Expr)>,
    locals: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Body,
    Computed,
    Derivative,
}

/// The body and the lines below it, each with its own tokens.
fn function_parts(block: &Block) -> Vec<(Part, Vec<Token>)> {
    let mut parts: Vec<(Part, Vec<Token>)> = vec![(Part::Body, Vec::new())];
    for line in &block.lines {
        let tokens = &line.tokens;
        let word = |at: usize, w: &str| tokens.get(at).is_some_and(|t| t.is_word(w));
        let skip = match () {
            () if word(0, "computed") && word(1, "as") => {
                parts.push((Part::Computed, Vec::new()));
                2
            }
            () if word(0, "derivative") && !parts[0].1.is_empty() => {
                parts.push((Part::Derivative, Vec::new()));
                1
            }
            () => 0,
        };
        if let Some((_, last)) = parts.last_mut() {
            last.extend(tokens[skip..].iter().cloned());
        }
    }
    parts
}

impl Parser<'_> {
    /// `(z : K, β = 1)`.
    pub(crate) fn params(&mut self) -> Vec<Param> {
        self.expect("(");
        let mut params = Vec::new();
        if self.eat(")") {
            return params;
        }
        loop {
            let Some(name) = self.name("a parameter") else { return params };
            let shape = if self.eat(":") { self.shape() } else { None };
            let default = if self.eat("=") { Some(self.expression()) } else { None };
            params.push(Param { name, shape, default });
            if self.eat(")") {
                return params;
            }
            if !self.eat(",") {
                self.expected("`,` or `)`");
                return params;
            }
        }
    }
}

/// The sentence above and the `key: text` comments above, beside and below.
fn describe(block: &Block) -> (String, Vec<(String, String)>) {
    let mut about: Vec<String> = Vec::new();
    let mut notes: Vec<(String, String)> = Vec::new();
    for comment in &block.above {
        match note(comment) {
            Some(note) => notes.push(note),
            None if is_continuation(comment) && !notes.is_empty() => {
                extend(&mut notes, comment);
            }
            None => about.push(comment.text.trim().to_string()),
        }
    }
    for comment in &block.beside {
        match note(comment) {
            Some(note) => notes.push(note),
            None if is_continuation(comment) => extend(&mut notes, comment),
            None => {}
        }
    }
    (about.join(" ").trim().to_string(), notes)
}

fn extend(notes: &mut [(String, String)], comment: &Comment) {
    if let Some(last) = notes.last_mut() {
        last.1.push(' ');
        last.1.push_str(comment.text.trim());
    }
}

/// `# source: …` with one lower-case word before the colon.
fn note(comment: &Comment) -> Option<(String, String)> {
    let (key, text) = comment.text.trim().split_once(':')?;
    let word = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (word && !is_continuation(comment))
        .then(|| (key.to_string(), text.trim().to_string()))
}

/// Three blanks after `#` go on with the note above.
fn is_continuation(comment: &Comment) -> bool {
    comment.text.starts_with("   ")
}
