//! Clauses of the `data:` line and the columns of a table → which columns make which symbol.
//!
//! In: [`DataSpec`], the model's symbols, a table. Out: per symbol its columns in order, each with
//! its transforms. A word is a column's name, else a glob, else a number counted from 1. What does
//! not fit is about what the user wrote, so it is a diagnostic on the clause.

use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::syntax::settings::{
    ColumnClause, DataSpec, Selector, Transform, nearest,
};

use super::SymbolInfo;
use super::source::Source;
use crate::error::Error;

/// One column of a symbol.
#[derive(Clone, Debug)]
pub(super) struct Pick<'a> {
    /// Its place in the table.
    pub(super) column: usize,
    /// What the clause does to numbers.
    pub(super) transforms: &'a [Transform],
    /// Whether the clause names this very column (not by `*` or a glob).
    pub(super) named: bool,
    /// The clause.
    pub(super) span: Span,
}

/// The columns of each symbol, in the order of `symbols`.
///
/// # Errors
/// [`Error::Diagnostics`] with T1 for unknown columns and symbols, and symbols without columns.
pub(super) fn select<'a>(
    spec: &'a DataSpec,
    symbols: &[SymbolInfo],
    source: &Source,
) -> Result<Vec<Vec<Pick<'a>>>, Error> {
    let mut selection = Selection { source, used: vec![false; source.columns.len()] };
    let mut problems = unknown_symbols(spec, symbols);
    problems.extend(selection.mark_used(spec));
    let mut picks = vec![Vec::new(); symbols.len()];
    for clause in &spec.columns {
        let Some(at) = symbols.iter().position(|s| s.key == clause.symbol) else {
            continue;
        };
        match selection.clause(clause) {
            Ok(found) => extend(&mut picks[at], found),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        let empty = symbols.iter().zip(&picks).filter(|(_, p)| p.is_empty());
        problems.extend(empty.map(|(symbol, _)| without_columns(spec, symbol)));
    }
    if problems.is_empty() { Ok(picks) } else { Err(Error::Diagnostics(problems)) }
}

/// A column that is named twice for one symbol stands once, at its first place.
fn extend<'a>(picks: &mut Vec<Pick<'a>>, more: Vec<Pick<'a>>) {
    for pick in more {
        if picks.iter().all(|p| p.column != pick.column) {
            picks.push(pick);
        }
    }
}

fn unknown_symbols(spec: &DataSpec, symbols: &[SymbolInfo]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for clause in &spec.columns {
        let name = clause.symbol.as_str();
        if symbols.iter().any(|s| s.key == name) {
            continue;
        }
        let known = || symbols.iter().map(|s| s.key.as_str());
        let names = known().collect::<Vec<_>>().join(", ");
        let message = format!("expected an input or target ({names}), found `{name}`");
        let d = Diagnostic::error(Code::T1, clause.span, message);
        problems.push(match nearest(name, known()) {
            Some(near) => d.hint(format!("did you mean `{near}`?")),
            None => d,
        });
    }
    problems
}

fn without_columns(spec: &DataSpec, symbol: &SymbolInfo) -> Diagnostic {
    let key = &symbol.key;
    let message = format!("the data: line says no columns for `{key}`");
    let way_out = if symbol.target {
        format!("add `{key} = COLUMN`")
    } else {
        format!("add `{key} = *` for all columns that are not used elsewhere")
    };
    Diagnostic::error(Code::T1, spec.span, message).hint(way_out)
}

struct Selection<'s> {
    source: &'s Source,
    /// Named by a clause, other than by `*`, or as the weight.
    used: Vec<bool>,
}

impl Selection<'_> {
    fn mark_used(&mut self, spec: &DataSpec) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let of_symbols = spec.columns.iter().flat_map(|c| &c.selectors);
        let of_symbols = of_symbols.filter(|s| **s != Selector::Rest);
        let mut columns: Vec<usize> =
            of_symbols.flat_map(|s| self.selector(s).unwrap_or_default()).collect();
        if let Some(weight) = &spec.weight {
            match self.word(weight) {
                Some(found) => columns.extend(found),
                None => problems.push(self.unknown(weight, spec.span)),
            }
        }
        for (name, _) in &spec.ordinals {
            if self.word(name).is_none() {
                problems.push(self.unknown(name, spec.span));
            }
        }
        for column in columns {
            self.used[column] = true;
        }
        problems
    }

    fn clause<'a>(&self, clause: &'a ColumnClause) -> Result<Vec<Pick<'a>>, Diagnostic> {
        let mut picks: Vec<Pick<'a>> = Vec::new();
        let all = [Selector::Rest];
        let excluding =
            clause.selectors.iter().all(|s| matches!(s, Selector::Exclude(_)));
        let extra = if excluding { &all[..] } else { &[] };
        for selector in extra.iter().chain(&clause.selectors) {
            let found =
                self.selector(selector).map_err(|w| self.unknown(w, clause.span))?;
            let named = self.is_named(selector);
            let (transforms, span) = (clause.transforms.as_slice(), clause.span);
            let pick = |column| Pick { column, transforms, named, span };
            extend(&mut picks, found.into_iter().map(pick).collect());
        }
        for selector in &clause.selectors {
            if let Selector::Exclude(name) = selector {
                let out =
                    self.word(name).ok_or_else(|| self.unknown(name, clause.span))?;
                picks.retain(|p| !out.contains(&p.column));
            }
        }
        if picks.is_empty() {
            let message = format!("no column is left for `{}`", clause.symbol);
            return Err(Diagnostic::error(Code::T1, clause.span, message));
        }
        Ok(picks)
    }

    fn is_named(&self, selector: &Selector) -> bool {
        match selector {
            Selector::Glob(name) => !name.contains('*') || self.place(name).is_some(),
            Selector::Exact(_) | Selector::Range(..) => true,
            Selector::Rest | Selector::Exclude(_) => false,
        }
    }

    /// The columns that a selector adds; the word itself if there are none.
    fn selector<'w>(&self, selector: &'w Selector) -> Result<Vec<usize>, &'w str> {
        let count = self.source.columns.len();
        match selector {
            Selector::Exact(name) => self.place(name).map(|p| vec![p]).ok_or(name),
            Selector::Glob(name) => self.word(name).ok_or(name),
            Selector::Range(a, b) if *b <= count => Ok((*a - 1..*b).collect()),
            Selector::Range(..) => Err(".."),
            Selector::Rest => Ok((0..count).filter(|&c| !self.used[c]).collect()),
            Selector::Exclude(_) => Ok(Vec::new()),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.source.columns.iter().position(|c| c.name == name)
    }

    /// A name, else a glob, else a number or range; `None` if nothing matches.
    fn word(&self, word: &str) -> Option<Vec<usize>> {
        if let Some(place) = self.place(word) {
            return Some(vec![place]);
        }
        let count = self.source.columns.len();
        if word.contains('*') {
            let found: Vec<usize> = (0..count)
                .filter(|&c| matches(word, &self.source.columns[c].name))
                .collect();
            return Some(found).filter(|f| !f.is_empty());
        }
        let (a, b) = word.split_once("..").unwrap_or((word, word));
        let (a, b): (usize, usize) = (a.parse().ok()?, b.parse().ok()?);
        (1 <= a && a <= b && b <= count).then(|| (a - 1..b).collect())
    }

    fn unknown(&self, word: &str, span: Span) -> Diagnostic {
        let (file, names) =
            (&self.source.name, || self.source.columns.iter().map(|c| &*c.name));
        if word == ".." {
            let message = format!(
                "expected columns within 1..{} of {file}",
                self.source.columns.len()
            );
            return Diagnostic::error(Code::T1, span, message);
        }
        let message = format!("{file} has no column `{word}`");
        let d = Diagnostic::error(Code::T1, span, message);
        match nearest(word, names()) {
            Some(near) => d.hint(format!("did you mean `{near}`?")),
            None => d.with_note(format!("it has {}", listed(names(), 20))),
        }
    }
}

/// Some names, and how many more there are.
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>, most: usize) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether a glob matches: `*` stands for any run of characters.
fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}
