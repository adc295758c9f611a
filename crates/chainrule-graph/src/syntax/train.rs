//! The `train:` line: an optimiser call, then items in any order.
//!
//! Whether the optimiser exists is not known here; every other word is, and a wrong one is
//! answered with the nearest.

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::ast::{Every, Name, OptimizerCall, TrainSpec};
use super::nearest::nearest;
use super::parser::{Parser, insert};
use super::token::{Tok, Token};

/// First words of the items.
pub const ITEMS: &[&str] = &[
    "batch",
    "epochs",
    "seed",
    "clip",
    "patience",
    "keep",
    "stop",
    "precision",
    "decay",
    "plateau",
    "checkpoint",
];

/// Seconds of a unit of time.
const UNITS: &[(&str, f64)] = &[
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
];

impl Every {
    /// Reads `1000 steps`, `5 min` or `never`; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "never" {
            return Some(Self::Never);
        }
        let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = text[..unit].trim().parse().ok()?;
        Self::of(number, &text[unit..])
    }

    fn of(number: f64, unit: &str) -> Option<Self> {
        let whole = number.fract() == 0.0 && (1.0..1e18).contains(&number);
        match unit {
            "step" | "steps" => whole.then_some(Self::Steps(number as u64)),
            _ => {
                let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
                let time = number * seconds;
                (time > 0.0 && time.is_finite()).then_some(Self::Seconds(time))
            }
        }
    }
}

impl Parser<'_> {
    /// The items up to the end of the statement.
    pub(crate) fn train_items(&mut self, span: Span) -> TrainSpec {
        let mut spec = TrainSpec { span, ..TrainSpec::default() };
        // `lr = cosine(0.1)`: schedules are a table that reading does not know.
        self.calls = true;
        let mut seen: Vec<String> = Vec::new();
        while !self.done() {
            // One slip an item, not one a statement: the items do not depend on each other.
            self.broken = false;
            let start = self.here();
            self.item(&mut spec, &mut seen);
            self.end_of_item(start);
        }
        spec
    }

    /// The comma after an item; what stands before it unread is reported.
    fn end_of_item(&mut self, start: Span) {
        if self.done() || self.eat(",") {
            return;
        }
        if self.broken {
            return self.skip_item();
        }
        let word = self.peek().and_then(Token::word).unwrap_or_default();
        if ITEMS.contains(&word) {
            let message = format!("expected a comma before `{word}`");
            let comma = insert(self.previous().end, ",");
            let diagnostic = Diagnostic::error(Code::T1, self.here(), message);
            return self.report(diagnostic.fix("write it", vec![comma]));
        }
        let message = format!("expected a comma after the item, found {}", self.found());
        self.report(Diagnostic::error(Code::T1, start.to(self.here()), message));
        self.skip_item();
    }

    fn skip_item(&mut self) {
        let rest = &self.tokens[self.at.min(self.tokens.len())..];
        let comma = super::token::outside_brackets(rest, |t| t.is(","));
        self.at = comma.first().map_or(self.tokens.len(), |at| self.at + at + 1);
    }

    fn item(&mut self, spec: &mut TrainSpec, seen: &mut Vec<String>) {
        let Some(word) = self.peek().and_then(Token::word) else {
            // `sgd_momentum` has a subscript and is no item, but may be an optimiser.
            return self.optimizer_item(spec);
        };
        if ITEMS.contains(&word) {
            self.once(word, seen);
            self.at += 1;
            let _ = self.eat("=") || self.eat(":");
            return self.known_item(word, spec);
        }
        let call = self.ahead(1).is_none_or(|t| t.is("(") || t.is(","));
        if call { self.optimizer_item(spec) } else { self.unknown_item(word) }
    }

    fn once(&mut self, word: &str, seen: &mut Vec<String>) {
        if seen.iter().any(|s| s == word) {
            let message = format!("`{word}` is given twice");
            self.report(Diagnostic::error(Code::T1, self.here(), message));
        }
        seen.push(word.to_string());
    }

    fn known_item(&mut self, word: &str, spec: &mut TrainSpec) {
        match word {
            "batch" if self.eat_word("full") => spec.batch = Some(0),
            "batch" => spec.batch = self.size_of("1 or more rows, or `full`"),
            "epochs" => spec.epochs = self.size_of("1 or more epochs"),
            "patience" => spec.patience = self.size_of("1 or more epochs"),
            "seed" => spec.seed = self.count("a seed, a whole number from 0"),
            "clip" => spec.clip = self.positive("the largest gradient norm"),
            "keep" => spec.keep_best = self.choice(&[("best", true), ("last", false)]),
            "stop" => spec.stop_after = self.duration(),
            "precision" => spec.precision = self.precision(),
            "decay" => spec.decay = self.globs(),
            "checkpoint" => spec.checkpoint = self.every(),
            _ => {
                let span = self.previous();
                let key = "plateau".to_string();
                let name = Name { written: key.clone(), key, span };
                spec.plateau = Some(self.call_of(name));
            }
        }
    }

    fn size_of(&mut self, what: &str) -> Option<usize> {
        let here = self.here();
        let size = self.count(what)?;
        if size == 0 {
            let message = format!("expected {what}, found 0");
            self.slip(Diagnostic::error(Code::T1, here, message));
            return None;
        }
        usize::try_from(size).ok()
    }

    fn positive(&mut self, what: &str) -> Option<f64> {
        match self.peek().map(|t| &t.tok) {
            Some(Tok::Number(value, _)) if *value > 0.0 => {
                self.at += 1;
                Some(*value)
            }
            _ => {
                let found = self.found_number();
                let message = format!("expected {what}, above 0, found {found}");
                self.slip(Diagnostic::error(Code::T1, self.here(), message));
                None
            }
        }
    }

    /// `after 10 min`.
    fn duration(&mut self) -> Option<f64> {
        self.eat_word("after");
        let number = self.positive("a time, such as `10 min`")?;
        self.choice(UNITS).map(|unit| number * unit)
    }

    /// `every 1000 steps`, `every 5 min`, `never`.
    fn every(&mut self) -> Option<Every> {
        if self.eat_word("never") {
            return Some(Every::Never);
        }
        self.eat_word("every");
        let here = self.here();
        let number = self.positive("steps or a time, such as `1000 steps` or `5 min`")?;
        let unit = self.peek().and_then(Token::word).unwrap_or_default();
        let every = Every::of(number, unit);
        match every {
            Some(_) => self.at += 1,
            None => {
                let what =
                    "expected whole steps or a time, such as `1000 steps` or `5 min`";
                self.slip(Diagnostic::error(Code::T1, here, what));
            }
        }
        every
    }

    /// `W* b1`: words up to the comma.
    fn globs(&mut self) -> Vec<String> {
        let mut globs: Vec<String> = Vec::new();
        while let Some(token) = self.peek().filter(|t| !t.is(",")) {
            let text = match &token.tok {
                Tok::Name(ident) => ident.key.clone(),
                Tok::Sym("*") => "*".to_string(),
                Tok::Number(_, text) => text.clone(),
                _ => {
                    self.expected("names or globs such as `W*`");
                    break;
                }
            };
            self.at += 1;
            match globs.last_mut().filter(|_| !token.space) {
                Some(last) => last.push_str(&text),
                None => globs.push(text),
            }
        }
        globs
    }

    fn optimizer_item(&mut self, spec: &mut TrainSpec) {
        let Some(name) = self.name("an optimizer or an item such as `epochs 30`") else {
            self.at += 1;
            return;
        };
        if let Some(before) = &spec.optimizer {
            let message = format!(
                "a second optimizer, `{}`, after `{}`",
                name.key, before.name.key
            );
            let mut diagnostic = Diagnostic::error(Code::T1, name.span, message);
            if let Some(near) = nearest(&name.key, ITEMS) {
                let edit = Edit { span: name.span, with: near.to_string() };
                diagnostic =
                    diagnostic.fix(format!("did you mean `{near}`?"), vec![edit]);
            }
            self.report(diagnostic);
        }
        let call = self.call_of(name);
        spec.optimizer.get_or_insert(call);
    }

    fn call_of(&mut self, name: Name) -> OptimizerCall {
        let args = if self.is("(") { self.arguments() } else { Vec::new() };
        OptimizerCall { name, args }
    }

    fn unknown_item(&mut self, word: &str) {
        let span = self.here();
        let message = format!("`train:` has no item `{word}`");
        let mut diagnostic = Diagnostic::error(Code::T1, span, message);
        diagnostic = match nearest(word, ITEMS) {
            Some(near) => {
                let edit = Edit { span, with: near.to_string() };
                diagnostic.fix(format!("did you mean `{near}`?"), vec![edit])
            }
            None if self.ahead(1).is_some_and(|t| t.is("=")) => diagnostic
                .hint(format!("an argument stands in the call: `adam({word} = …)`")),
            None => diagnostic.hint(format!("there are {}", ITEMS.join(", "))),
        };
        self.report(diagnostic);
        self.broken = true;
    }
}
