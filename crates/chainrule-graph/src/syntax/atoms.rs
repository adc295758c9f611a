//! Atoms: literals, names, calls, brackets, norms, sums.

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::ast::{Arg, BinaryOp, Expr, ExprKind, Name};
use super::expr::{PRODUCT, binary};
use super::parser::{Context, Parser, insert};
use super::token::{Tok, Token};

impl Parser<'_> {
    pub(crate) fn atom(&mut self) -> Expr {
        let start = self.here();
        let Some(token) = self.peek() else { return self.missing() };
        let kind = match &token.tok {
            Tok::Number(value, text) => self.number(*value, text),
            Tok::Name(_) => self.named(token),
            Tok::Sym("(") => self.paren(),
            Tok::Sym("[") => self.square(),
            Tok::Sym("‖") => self.norm(),
            Tok::Sym("|") => self.abs(),
            Tok::Sym("√") => self.root(token.span),
            Tok::Sym("∑") => self.plain_sum(token.span),
            Tok::Sym("∑_") => self.indexed_sum(),
            Tok::Sym("\\frac") => self.fraction(),
            Tok::Sym("{") if self.calls_in_braces() => self.call_in_braces(),
            Tok::Sym("{") => return self.braces(),
            Tok::Sym("cases{") => self.cases_environment(),
            _ => return self.missing(),
        };
        Expr { kind, span: self.since(start) }
    }

    fn missing(&mut self) -> Expr {
        self.expected("a value");
        Expr { kind: ExprKind::Error, span: self.here() }
    }

    fn number(&mut self, value: f64, text: &str) -> ExprKind {
        // The variable of a loop, of which an index is asked, is a number by now.
        let written = self.here().of(self.scope.text).starts_with('1');
        self.at += 1;
        let one = text == "1" && written;
        if one && self.glued() && self.is("[") && !self.context.literal {
            return self.indicator();
        }
        ExprKind::Number(value, text.to_string())
    }

    /// `1[z > 0]`.
    fn indicator(&mut self) -> ExprKind {
        self.at += 1;
        let context = Context { condition: true, ..Context::default() };
        let condition = self.inner(context);
        self.expect("]");
        ExprKind::Indicator(Box::new(condition))
    }

    fn named(&mut self, token: &Token) -> ExprKind {
        let Some(name) = self.name("a name") else { return ExprKind::Error };
        let bold_one = matches!(name.key.as_str(), "𝟏" | "𝟙");
        if bold_one && self.glued() && self.is("[") {
            return self.indicator();
        }
        let primes = self.primes();
        let function = self.is_function(&name.key) || self.is_setting_call(&name.key);
        if primes > 0 && !(function && self.is("(")) {
            self.prime_on_value(&name, function);
            return ExprKind::Name(name);
        }
        if !function && self.is_call_of_value() {
            return self.call_of_value(name);
        }
        if !function {
            return ExprKind::Name(name);
        }
        if self.is("(") {
            let args = self.arguments();
            return ExprKind::Call { func: name, primes, args };
        }
        self.call_without_brackets(name, token)
    }

    pub(crate) fn is_function(&self, key: &str) -> bool {
        !self.locals.iter().any(|l| l == key) && self.scope.is_function(key)
    }

    /// `{softmax}(z)` without a comment: braces of LaTeX leave no trace, so this is a call as well.
    fn calls_in_braces(&self) -> bool {
        let is = |by: usize, sym: &str| self.ahead(by).is_some_and(|t| t.is(sym));
        let name = self.ahead(1).and_then(Token::ident);
        let called = is(2, "}") && is(3, "(");
        let whole = self.ahead(2).map(|close| self.here().to(close.span));
        let bare = whole.is_some_and(|s| !s.of(self.scope.text).contains('#'));
        called && bare && name.is_some_and(|n| self.is_function(&n.key))
    }

    fn call_in_braces(&mut self) -> ExprKind {
        self.at += 1;
        let Some(func) = self.name("a name") else { return ExprKind::Error };
        self.at += 1;
        ExprKind::Call { func, primes: 0, args: self.arguments() }
    }

    fn is_setting_call(&self, key: &str) -> bool {
        let local = self.locals.iter().any(|l| l == key);
        self.calls && self.is("(") && !local && !self.scope.is_symbol(key)
    }

    /// `z(x, 2)`, `z(a = 1)`, `z()`: no product is written so.
    fn is_call_of_value(&self) -> bool {
        if !self.is("(") || self.peek().is_some_and(|t| t.space) {
            return false;
        }
        let named = self.ahead(1).is_some_and(|t| t.ident().is_some())
            && self.ahead(2).is_some_and(|t| t.is("="));
        if named || self.ahead(1).is_some_and(|t| t.is(")")) {
            return true;
        }
        let mut depth = 0usize;
        for token in &self.tokens[self.at..] {
            match token.tok {
                Tok::Sym("(" | "[" | "{") => depth += 1,
                Tok::Sym(")" | "]" | "}") => depth -= 1,
                Tok::Sym(",") if depth == 1 => return true,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        false
    }

    /// A symbol is G2 here; a name that nothing is known about is left to lowering.
    fn call_of_value(&mut self, func: Name) -> ExprKind {
        if self.locals.contains(&func.key) || self.scope.is_symbol(&func.key) {
            let message =
                format!("`{}` is a value, here it is called as a function", func.written);
            let diagnostic = Diagnostic::error(Code::G2, func.span, message);
            self.slip(diagnostic.hint("a product has one expression in its bracket"));
        }
        let args = self.arguments();
        ExprKind::Call { func, primes: 0, args }
    }

    fn primes(&mut self) -> u8 {
        let mut primes = 0u8;
        while self.glued() && self.eat("'") {
            primes = primes.saturating_add(1);
        }
        primes
    }

    fn prime_on_value(&mut self, name: &Name, function: bool) {
        let span = Span { start: name.span.end, end: self.previous().end };
        if function {
            let message = format!("the derivative `{}'` needs an argument", name.written);
            let hint = format!("write `{}'(z)`", name.written);
            return self.slip(Diagnostic::error(Code::P1, span, message).hint(hint));
        }
        let message = format!(
            "`{}` is not a function: `'` marks a derivative and is never a transpose",
            name.written
        );
        let edit = Edit { span, with: "ᵀ".to_string() };
        let diagnostic = Diagnostic::error(Code::P1, span, message);
        self.slip(diagnostic.fix("write the transpose as `ᵀ` (or `^T`)", vec![edit]));
    }

    /// `log ŷ`: a single name may follow; anything else needs brackets.
    fn call_without_brackets(&mut self, func: Name, token: &Token) -> ExprKind {
        // `ones` without a size is the column of ones that a derivation prints as 𝟏.
        if token.is_word("ones") {
            return ExprKind::Name(Name { key: "𝟏".to_string(), ..func });
        }
        let Some(next) = self.peek().filter(|t| self.starts_atom(t)) else {
            return ExprKind::Name(func);
        };
        let single = next.ident().is_some_and(|i| {
            self.locals.contains(&i.key) || !self.scope.is_function(&i.key)
        });
        if self.context.literal || next.is("[") && !next.space {
            return ExprKind::Name(func);
        }
        if !single {
            let start = next.span;
            let broken = self.broken;
            let value = self.guarded(Self::postfixes);
            self.broken = broken;
            self.needs_brackets(&func, start.to(value.span));
            let args = vec![Arg { name: None, value }];
            return ExprKind::Call { func, primes: 0, args };
        }
        let Some(name) = self.name("a name") else { return ExprKind::Error };
        let span = name.span;
        let value = Expr { kind: ExprKind::Name(name), span };
        self.single_name_only(&func, span);
        ExprKind::Call { func, primes: 0, args: vec![Arg { name: None, value }] }
    }

    fn needs_brackets(&mut self, func: &Name, span: Span) {
        let message = format!("a call of `{}` needs brackets", func.written);
        let gap = Span { start: func.span.end, end: span.start };
        let open = Edit { span: gap, with: "(".to_string() };
        let edits = vec![open, insert(span.end, ")")];
        let diagnostic = Diagnostic::error(Code::P1, span, message);
        self.slip(diagnostic.fix("write them", edits));
    }

    /// `log ŷ q` and `log ŷ²` can be read in two ways.
    fn single_name_only(&mut self, func: &Name, arg: Span) {
        let Some(next) = self.peek().filter(|_| !self.broken) else { return };
        let power = next.is("^") && self.transpose_mark(1).is_none()
            || matches!(next.tok, Tok::Power(_));
        if !power && !self.starts_atom(next) || next.is("[") && !next.space {
            return;
        }
        let (at, depth) = (self.at, self.depth);
        let broken = std::mem::replace(&mut self.broken, true);
        let mut end = arg.end;
        if power {
            self.at -= 1;
            self.postfixes();
        } else {
            self.factor();
        }
        end = end.max(self.previous().end);
        (self.at, self.depth, self.broken) = (at, depth, broken);
        let whole = func.span.to(Span { start: end, end });
        let of = |from: u32, to: u32| Span { start: from, end: to }.of(self.scope.text);
        let (f, shown) = (&func.written, whole.of(self.scope.text));
        let one = format!("{f}({}){}", of(arg.start, arg.end), of(arg.end, end));
        let many = format!("{f}({})", of(arg.start, end));
        let gap = Span { start: func.span.end, end: arg.start };
        let open = Edit { span: gap, with: "(".to_string() };
        let message = format!("`{shown}` can be read in two ways");
        self.report(
            Diagnostic::error(Code::G1, whole, message)
                .fix(format!("`{one}`"), vec![open.clone(), insert(arg.end, ")")])
                .fix(format!("`{many}`"), vec![open, insert(end, ")")]),
        );
    }

    /// `(a, β = 2)`.
    pub(crate) fn arguments(&mut self) -> Vec<Arg> {
        self.expect("(");
        let mut args = Vec::new();
        if self.eat(")") {
            return args;
        }
        loop {
            args.push(self.argument());
            if self.eat(")") {
                return args;
            }
            if !self.eat(",") {
                self.expected("`,` or `)`");
                return args;
            }
        }
    }

    fn argument(&mut self) -> Arg {
        let named = self.ahead(1).is_some_and(|t| t.is("="))
            && self.peek().is_some_and(|t| t.ident().is_some());
        let name = if named { self.name("a name") } else { None };
        self.at += usize::from(named);
        Arg { name, value: self.inner(Context::default()) }
    }

    fn paren(&mut self) -> ExprKind {
        self.at += 1;
        let condition = self.context.condition;
        let inner = self.inner(Context { condition, ..Context::default() });
        self.expect(")");
        ExprKind::Paren(Box::new(inner))
    }

    fn norm(&mut self) -> ExprKind {
        self.at += 1;
        let context = Context { bar: Some("‖"), ..Context::default() };
        let mut parts = vec![self.inner(context)];
        while self.eat(",") {
            parts.push(self.inner(context));
        }
        self.expect("‖");
        ExprKind::Norm(self.norm_kind(), parts)
    }

    /// `_1`, `_2`, `_F` after a norm; 2 and Frobenius are one.
    fn norm_kind(&mut self) -> u8 {
        if !(self.glued() && self.is("_")) {
            return 2;
        }
        self.at += 1;
        let braced = self.eat("{");
        let kind = match self.peek().map(|t| &t.tok) {
            Some(Tok::Number(_, text)) if text == "1" => 1,
            Some(Tok::Number(_, text)) if text == "2" => 2,
            Some(Tok::Name(ident)) if matches!(ident.key.as_str(), "F" | "2") => 2,
            _ => {
                self.expected("1, 2 or F as the kind of norm");
                return 2;
            }
        };
        self.at += 1;
        if braced {
            self.expect("}");
        }
        kind
    }

    fn abs(&mut self) -> ExprKind {
        self.at += 1;
        let inner = self.inner(Context { bar: Some("|"), ..Context::default() });
        self.expect("|");
        ExprKind::Abs(Box::new(inner))
    }

    fn root(&mut self, span: Span) -> ExprKind {
        self.at += 1;
        self.index_of_root();
        let value = if self.is("{") { self.braces() } else { self.guarded(Self::atom) };
        let value = match value.kind {
            ExprKind::Paren(inner) => *inner,
            _ => value,
        };
        let func = Name { key: "sqrt".to_string(), written: "√".to_string(), span };
        ExprKind::Call { func, primes: 0, args: vec![Arg { name: None, value }] }
    }

    /// `\sqrt[3]{x}`: no root but the square root is written so here.
    fn index_of_root(&mut self) {
        let Some(start) = self.peek().filter(|t| t.is("[")).map(|t| t.span) else {
            return;
        };
        let mut after = (1..).map_while(|k| Some((k, self.ahead(k)?)));
        let Some((k, end)) = after.find(|(_, t)| t.is("]")).map(|(k, t)| (k, t.span))
        else {
            return;
        };
        if self.ahead(k + 1).is_some_and(|t| t.is("{")) {
            let text = "a root with an index is not known here";
            let d = Diagnostic::error(Code::P1, start.to(end), text);
            self.report(d.hint("write it as a power: x^(1/3)"));
            self.at += k + 1;
        }
    }

    fn fraction(&mut self) -> ExprKind {
        self.at += 1;
        let above = self.braces();
        let below = self.braces();
        let start = above.span;
        let quotient = Expr {
            span: start.to(below.span),
            kind: binary(BinaryOp::Div, above, below),
        };
        ExprKind::Paren(Box::new(quotient))
    }

    /// `∑ e`: all entries; it reaches to the next `+` or `−`, as an indexed sum does.
    fn plain_sum(&mut self, span: Span) -> ExprKind {
        self.at += 1;
        let value = self.guarded(Self::summand);
        let func = Name { key: "sum".to_string(), written: "∑".to_string(), span };
        ExprKind::Call { func, primes: 0, args: vec![Arg { name: None, value }] }
    }

    fn summand(&mut self) -> Expr {
        self.binary(PRODUCT)
    }

    /// `∑_i e`, `∑_{i=1}^K e`, `∑_{j≠i} e`, `∑_{i,j} e`.
    fn indexed_sum(&mut self) -> ExprKind {
        self.at += 1;
        let braced = self.eat("{");
        let mut indices = Vec::new();
        while let Some(index) = self.name("an index") {
            indices.push(index);
            if !(braced && self.eat(",")) {
                break;
            }
        }
        let (mut from, mut except) = (None, None);
        if braced {
            if self.eat("=") {
                from = Some(Box::new(self.inner(Context::default())));
            } else if self.eat("≠") {
                except = Some(Box::new(self.inner(Context::default())));
            }
            self.expect("}");
        }
        let to = if self.eat("^") { Some(Box::new(self.bound())) } else { None };
        let locals = self.locals.len();
        self.locals.extend(indices.iter().map(|i| i.key.clone()));
        let body = self.guarded(Self::summand);
        self.locals.truncate(locals);
        let Some(index) = indices.pop() else { return ExprKind::Error };
        let body = Box::new(body);
        let inner = ExprKind::Sum { index, from, to, except, body };
        indices.into_iter().rev().fold(inner, |inner, index| {
            let span = self.since(index.span);
            let body = Box::new(Expr { kind: inner, span });
            ExprKind::Sum { index, from: None, to: None, except: None, body }
        })
    }

    fn bound(&mut self) -> Expr {
        if self.is("{") {
            let inside = self.braces();
            // A function's name is no call here.
            return match inside.kind {
                ExprKind::Paren(name) if matches!(name.kind, ExprKind::Name(_)) => *name,
                _ => inside,
            };
        }
        let start = self.here();
        match self.peek().map(|t| (t, &t.tok)) {
            Some((_, Tok::Number(value, text))) => {
                self.at += 1;
                Expr { kind: ExprKind::Number(*value, text.clone()), span: start }
            }
            Some((_, Tok::Name(_))) => match self.name("a name") {
                Some(name) => Expr { kind: ExprKind::Name(name), span: start },
                None => self.missing(),
            },
            Some((token, _)) if token.is("(") => {
                Expr { kind: self.paren(), span: self.since(start) }
            }
            _ => self.missing(),
        }
    }
}
