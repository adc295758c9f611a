//! Declarations: roles, shapes, marks, starts.

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::ast::{Declaration, DimExpr, Init, Mark, Name, Role, ShapeExpr};
use super::nearest::nearest;
use super::parser::Parser;
use super::token::{Tok, Token};

/// Ways to draw the start of a parameter.
const DRAWS: &[&str] = &[
    "he",
    "he_uniform",
    "glorot",
    "glorot_uniform",
    "lecun",
    "lecun_uniform",
    "normal",
    "uniform",
    "orthogonal",
];

/// Other names of the same draws.
const DRAW_ALIASES: &[(&str, &str)] = &[
    ("kaiming", "he"),
    ("kaiming_uniform", "he_uniform"),
    ("xavier", "glorot"),
    ("xavier_uniform", "glorot_uniform"),
];

impl Parser<'_> {
    /// `[role] item, [role] item, …`: a role carries over commas.
    pub(crate) fn declarations(&mut self) -> Vec<Declaration> {
        let mut role = Role::None;
        let mut items = Vec::new();
        while !self.done() {
            role = self.role().unwrap_or(role);
            let Some(item) = self.declaration(role) else { break };
            items.push(item);
            if !self.eat(",") {
                break;
            }
        }
        if self.done() && self.tokens.last().is_some_and(|t| t.is(","))
            || items.is_empty()
        {
            self.expected("a name");
        }
        items
    }

    fn role(&mut self) -> Option<Role> {
        let role = match self.peek()?.word()? {
            "input" => Role::Input,
            "target" => Role::Target,
            "param" => Role::Param,
            _ => return None,
        };
        self.at += 1;
        self.eat(":");
        Some(role)
    }

    fn declaration(&mut self, role: Role) -> Option<Declaration> {
        let start = self.here();
        let name = self.name("a name")?;
        let member = self.is("∈") || self.is_word("in");
        let shaped = self.is(":") || member;
        self.at += usize::from(shaped);
        let shape = if shaped { self.shape() } else { None };
        let mark = self.mark();
        let init = self.init();
        let span = self.since(start);
        self.only_params_start(role, &name, init.as_ref());
        Some(Declaration { role, name, shape, mark, init, span })
    }

    fn only_params_start(&mut self, role: Role, name: &Name, init: Option<&Init>) {
        let word = match role {
            Role::Param => return,
            Role::Input => "an input",
            Role::Target => "a target",
            Role::None => "a symbol without a role",
        };
        if init.is_none() {
            return;
        }
        let message = format!("`{}` is {word}: only a param has a start", name.written);
        let diagnostic = Diagnostic::error(Code::P1, self.previous(), message);
        self.slip(
            diagnostic.hint(format!("a value is given with `{} := …`", name.written)),
        );
    }

    /// `H×D`, `H x D`, `4×1`, `D`, `ℝ^{H×D}`.
    pub(crate) fn shape(&mut self) -> Option<ShapeExpr> {
        let start = self.here();
        if self.real_space() {
            let braced = self.eat("{");
            let dims = self.dims(!braced)?;
            if braced {
                self.expect("}");
            }
            return Some(ShapeExpr { dims, span: self.since(start) });
        }
        let dims = self.dims(false)?;
        Some(ShapeExpr { dims, span: self.since(start) })
    }

    /// `ℝ^`, `R^`, `{0, 1}^`: the set is read and forgotten.
    fn real_space(&mut self) -> bool {
        let letter = self.is_word("ℝ") || self.is_word("R");
        if letter && self.ahead(1).is_some_and(|t| t.is("^")) {
            self.at += 2;
            return true;
        }
        if !self.is("{") {
            return false;
        }
        let rest = &self.tokens[self.at..];
        let Some(close) = rest.iter().position(|t| t.is("}")) else { return false };
        let number = |t: &Token| matches!(t.tok, Tok::Number(..));
        let element = |t: &Token| number(t) || [",", "-", ".."].iter().any(|s| t.is(s));
        if !rest[1..close].iter().all(element) {
            return false;
        }
        let power = rest.get(close + 1).is_some_and(|t| t.is("^"));
        self.at += if power { close + 2 } else { 0 };
        power
    }

    fn dims(&mut self, one: bool) -> Option<Vec<DimExpr>> {
        let mut dims = vec![self.dim()?];
        while !one && self.times() {
            dims.push(self.dim()?);
        }
        if dims.len() > 2 {
            let message = "everything has two dimensions, rows × columns";
            self.slip(Diagnostic::error(Code::P1, self.previous(), message));
            dims.truncate(2);
        }
        Some(dims)
    }

    /// `×`, `*` or the letter x between two dimensions; `4x1` leaves `x1` as one word.
    fn times(&mut self) -> bool {
        if self.eat("×") || self.eat("*") {
            return true;
        }
        let next = |t: Option<&Token>| {
            t.is_some_and(|t| {
                matches!(t.tok, Tok::Number(..) | Tok::Name(_)) || t.is("(")
            })
        };
        if self.is_word("x") && next(self.ahead(1)) {
            self.at += 1;
            return true;
        }
        self.glued_size().is_some()
    }

    /// The digits of `x28` in `28x28`, `(D)x28`.
    fn glued_size(&self) -> Option<(String, Span)> {
        let before = self.at.checked_sub(1).map(|at| &self.tokens[at])?;
        let size = matches!(before.tok, Tok::Number(..)) || before.is(")");
        let token = self.peek().filter(|t| !t.space && size)?;
        let digits = token.word()?.strip_prefix('x')?;
        let span = Span { start: token.span.start + 1, end: token.span.end };
        let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        whole.then(|| (digits.to_owned(), span))
    }

    fn dim(&mut self) -> Option<DimExpr> {
        let start = self.here();
        let mut terms = vec![self.dim_term()?];
        while self.eat("+") {
            terms.push(self.dim_term()?);
        }
        match (terms.len(), terms.pop()) {
            (1, Some(term)) => Some(term),
            (_, Some(last)) => {
                terms.push(last);
                Some(DimExpr::Sum(terms, self.since(start)))
            }
            _ => None,
        }
    }

    fn dim_term(&mut self) -> Option<DimExpr> {
        if let Some((digits, span)) = self.glued_size() {
            self.at += 1;
            return self.size(digits.parse().ok()?, &digits, span);
        }
        let span = self.here();
        match self.peek().map(|t| &t.tok) {
            Some(Tok::Number(value, text)) => {
                self.at += 1;
                self.size(*value, text, span)
            }
            Some(Tok::Name(_)) => self.name("a dimension").map(DimExpr::Name),
            Some(Tok::Sym("(")) => self.dim_in_brackets(),
            _ => {
                self.expected("a dimension");
                None
            }
        }
    }

    fn dim_in_brackets(&mut self) -> Option<DimExpr> {
        if self.depth >= crate::limits::DEPTH {
            self.too_deep();
            return None;
        }
        self.at += 1;
        self.depth += 1;
        let dim = self.dim();
        self.depth -= 1;
        self.expect(")");
        dim
    }

    fn size(&mut self, value: f64, text: &str, span: Span) -> Option<DimExpr> {
        if value.fract() == 0.0 && (1.0..=4_294_967_295.0).contains(&value) {
            return Some(DimExpr::Size(value as usize, span));
        }
        let message = format!("a dimension is a whole number from 1, found `{text}`");
        self.slip(Diagnostic::error(Code::P1, span, message));
        None
    }

    fn mark(&mut self) -> Option<Mark> {
        let (mark, length) = self.mark_ahead()?;
        self.at += length;
        Some(mark)
    }

    fn mark_ahead(&self) -> Option<(Mark, usize)> {
        let word = |by: usize| self.ahead(by).and_then(Token::word);
        let compound = |first: &str| {
            let glued = |by: usize| self.ahead(by).is_some_and(|t| !t.space);
            word(0) == Some(first)
                && self.ahead(1).is_some_and(|t| t.is("-"))
                && word(2) == Some("hot")
                && glued(1)
                && glued(2)
        };
        if compound("one") {
            return Some((Mark::OneHot, 3));
        }
        if compound("multi") {
            return Some((Mark::MultiHot, 3));
        }
        let mark = match self.peek()?.ident()?.key.as_str() {
            "onehot" | "one_hot" => Mark::OneHot,
            "multihot" | "multi_hot" => Mark::MultiHot,
            "distribution" => Mark::Distribution,
            "binary" => Mark::Binary,
            _ => return None,
        };
        Some((mark, 1))
    }

    fn init(&mut self) -> Option<Init> {
        if self.eat("=") {
            return Some(Init::Fill(self.expression()));
        }
        if !self.eat("~") {
            return None;
        }
        let start = self.here();
        let name = self.name("the name of a draw, such as `he`")?;
        let mut args = Vec::new();
        if self.is("(") {
            args = self.arguments().into_iter().map(|a| a.value).collect();
        }
        let draw = name.key.to_ascii_lowercase();
        let alias = DRAW_ALIASES.iter().find(|a| a.0 == draw).map(|a| a.1.to_string());
        let draw = alias.unwrap_or(draw);
        if !DRAWS.contains(&draw.as_str()) {
            self.unknown_draw(&name, &draw);
        }
        Some(Init::Draw(draw, args, self.since(start)))
    }

    fn unknown_draw(&mut self, name: &Name, draw: &str) {
        let message = format!("no draw is named `{}`", name.written);
        let mut diagnostic = Diagnostic::error(Code::T1, name.span, message);
        diagnostic = match nearest(draw, DRAWS) {
            Some(near) => {
                let edit = Edit { span: name.span, with: near.to_string() };
                diagnostic.fix(format!("did you mean `{near}`?"), vec![edit])
            }
            None => diagnostic.hint(format!("there are {}", DRAWS.join(", "))),
        };
        self.report(diagnostic);
    }
}
