//! Which names are functions and which are symbols: found in one look over the heads of all
//! statements, because rule 4 (`f(..)` is a call iff f is a function) needs it while reading.

use std::collections::BTreeSet;

use super::lines::Block;
use super::names;
use super::token::{Tok, Token, outside_brackets, split};

/// What the file defines, and what is shipped.
pub(crate) struct Scope<'a> {
    shipped: &'a dyn Fn(&str) -> bool,
    /// The text that spans point into, for messages that repeat a piece of it.
    pub(crate) text: &'a str,
    /// Keys with a declaration, value, equation, size or constant.
    symbols: BTreeSet<String>,
    /// Keys of the file's own functions and of their other names.
    functions: BTreeSet<String>,
    /// The same, folded.
    folded: BTreeSet<String>,
}

impl<'a> Scope<'a> {
    /// A scope in which `shipped` alone decides.
    pub(crate) fn bare(shipped: &'a dyn Fn(&str) -> bool, text: &'a str) -> Self {
        let (symbols, functions) = (BTreeSet::new(), BTreeSet::new());
        Self { shipped, text, symbols, functions, folded: BTreeSet::new() }
    }

    pub(crate) fn of(
        blocks: &[Block],
        shipped: &'a dyn Fn(&str) -> bool,
        text: &'a str,
    ) -> Self {
        let mut scope = Self::bare(shipped, text);
        let mut aliases = Vec::new();
        for block in blocks {
            scope.look(block, &mut aliases);
        }
        // `where act = tanh`: an alias may itself be named by a later one.
        for (name, target) in aliases {
            if scope.is_function(&target) {
                scope.symbols.remove(&name);
                scope.add_function(name);
            }
        }
        scope
    }

    fn look(&mut self, block: &Block, aliases: &mut Vec<(String, String)>) {
        let tokens = block.joined();
        let Some(first) = tokens.first() else { return };
        if first.is_word("optimizer") {
            return;
        }
        if function_head(&tokens).is_some() {
            return self
                .add_function(first.ident().map_or(String::new(), |i| i.key.clone()));
        }
        for at in outside_brackets(&tokens, |t| t.ident().is_some()) {
            if let Some(ident) = tokens[at].ident().filter(|_| defines(&tokens, at)) {
                self.symbols.insert(ident.key.clone());
            }
        }
        if first.is_word("where") {
            for item in split(&tokens[1..], |t| t.is(",")) {
                if let [name, eq, target] = item
                    && let (Some(name), true, Some(target)) =
                        (name.ident(), eq.is("="), target.ident())
                {
                    aliases.push((name.key.clone(), target.key.clone()));
                }
            }
        }
    }

    fn add_function(&mut self, key: String) {
        self.folded.insert(names::fold(&key));
        self.functions.insert(key);
    }

    /// Whether the file gives this very key a meaning as a symbol.
    pub(crate) fn is_symbol(&self, key: &str) -> bool {
        self.symbols.contains(key)
    }

    /// Rule 4: the file's own function wins, then a symbol spelled exactly so, then a shipped
    /// function, compared without case and underscores.
    pub(crate) fn is_function(&self, key: &str) -> bool {
        if self.functions.contains(key) {
            return true;
        }
        if self.symbols.contains(key) {
            return false;
        }
        let folded = names::fold(key);
        self.folded.contains(&folded)
            || names::is_operation(&folded)
            || (self.shipped)(key)
            || (self.shipped)(&folded)
    }
}

/// The index after the closing bracket if `tokens` begin with `name(params) =`.
pub(crate) fn function_head(tokens: &[Token]) -> Option<usize> {
    tokens.first()?.ident()?;
    tokens.get(1).filter(|t| t.is("(") && !t.space)?;
    let mut depth = 0usize;
    let close = tokens.iter().position(|t| {
        match t.tok {
            Tok::Sym("(" | "[" | "{") => depth += 1,
            Tok::Sym(")" | "]" | "}") => depth = depth.saturating_sub(1),
            _ => return false,
        }
        depth == 0
    })?;
    let defined = tokens.get(close + 1)?.is("=");
    let params = split(&tokens[2..close], |t| t.is(","));
    let is_param = |p: &&[Token]| {
        p.first().is_some_and(|t| t.ident().is_some())
            && p.get(1).is_none_or(|t| t.is("=") || t.is(":"))
    };
    (defined && params.iter().all(is_param)).then_some(close + 1)
}

/// Whether the name at `at` (outside brackets) is what a statement or item is about.
fn defines(tokens: &[Token], at: usize) -> bool {
    const ROLES: &[&str] = &["input", "target", "param"];
    let starts = |words: &[&str]| tokens[0].word().is_some_and(|w| words.contains(&w));
    let item = at == 1 && starts(names::RESERVED) || at > 0 && tokens[at - 1].is(",");
    let marked = tokens.get(at + 1).is_some_and(|t| {
        ["=", ":=", ":", "~", "∈"].iter().any(|s| t.is(s)) || t.is_word("in")
    });
    let first = at == 0 && !starts(names::RESERVED);
    (first || item) && marked || item && starts(ROLES)
}
