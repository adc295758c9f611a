//! Fixes for shape errors, proven on the whole file: replace one operand by a symbol in scope,
//! transpose one, swap two; only what then type-checks everywhere is proposed.
//!
//! In: the text and its diagnostics. Out: hints added to them, best first. What ranks a fix: a
//! name that no equation uses is probably the one that was forgotten, wherever that is between
//! it and the failing line; an operand that stands elsewhere too is probably the one too many;
//! a transposed or swapped factor comes next; then names of the line's own layer and of nearby
//! lines.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Edit, Hint, Severity, Span, line_column};
use crate::functions::Functions;
use crate::lower::{Loaded, Override, children, children_mut, load_without_fixes};
use crate::syntax::ast::{Expr, ExprKind, File, Name, Statement, StatementKind};

/// How many fixes are shown, and how many are tried.
const SHOWN: usize = 6;
const TRIED: usize = 240;

/// Adds proven fixes to the shape errors of a file.
pub(crate) fn add_fixes(text: &str, overrides: &[Override], all: &mut [Diagnostic]) {
    let mut errors: Vec<Span> =
        all.iter().filter(|d| d.severity == Severity::Error).map(|d| d.span).collect();
    // A line of a loop fails in every round, at one place.
    errors.dedup();
    let shape =
        |d: &Diagnostic| matches!(d.code, Code::S1 | Code::S2 | Code::S3 | Code::S6);
    let wanted = |d: &&mut Diagnostic| d.severity == Severity::Error && shape(d);
    if errors.len() > 4 || !all.iter().any(shape) {
        return;
    }
    let source = Source::new(text, overrides);
    for d in all.iter_mut().filter(wanted) {
        source.add(d);
    }
}

/// Applies edits to a text (they do not overlap).
#[must_use]
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    let mut out = text.to_string();
    for e in sorted {
        out.replace_range(e.span.start as usize..e.span.end as usize, &e.with);
    }
    out
}

/// A name where it is used.
#[derive(Clone, Debug)]
struct Use {
    key: String,
    span: Span,
    /// The equation that it stands in.
    statement: Span,
    /// The index of the sum that it stands under.
    index: Option<String>,
    lhs: String,
}

impl Use {
    /// The symbol of an element: `y` of `y_i` under a sum over i.
    fn base(&self) -> &str {
        let index = self.index.as_ref().map(|i| format!("_{i}"));
        index.and_then(|i| self.key.strip_suffix(&i)).unwrap_or(&self.key)
    }

    /// How a name stands in this place: as an element under a sum.
    fn written_as(&self, k: &Known) -> String {
        match &self.index {
            Some(i) => format!("{}_{i}", k.written),
            None => k.written.clone(),
        }
    }
}

/// A name that could stand somewhere.
#[derive(Clone, Debug)]
struct Known {
    key: String,
    written: String,
    /// Where it gets its meaning; equations give it to later lines only.
    place: Span,
    equation: bool,
}

/// What the file says, as far as fixes need it.
struct Source<'t> {
    text: &'t str,
    overrides: &'t [Override],
    file: File,
    functions: Functions,
    uses: Vec<Use>,
    known: Vec<Known>,
    counts: BTreeMap<String, usize>,
    /// The letter of the file's loops.
    letter: Option<String>,
    /// Names that end their ranges, with the numbers: `a_N` is `a_10`.
    ends: Vec<(String, i64)>,
}

/// What a fix does; the order is the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Forgotten,
    Swapped,
    Transposed,
    Other,
}

/// A candidate edit with its rank: kind, single operand, distance, other layer, lines between.
struct Candidate {
    edits: Vec<Edit>,
    rank: (Kind, bool, usize, bool, usize),
}

impl<'t> Source<'t> {
    fn new(text: &'t str, overrides: &'t [Override]) -> Self {
        let shipped = crate::prelude::functions();
        let known = |n: &str| crate::lower::is_builtin(n) || shipped.find(n).is_some();
        let file = crate::syntax::parse(text, &known, &[]).file;
        let functions = crate::lower::functions_of(&file, overrides);
        let mut out = Self {
            text,
            overrides,
            file: File::default(),
            functions,
            uses: Vec::new(),
            known: Vec::new(),
            counts: BTreeMap::new(),
            letter: letter_of(text),
            ends: crate::syntax::loop_ends(text),
        };
        out.read(&file);
        out.file = file;
        out.families();
        out
    }

    fn read(&mut self, file: &File) {
        for Statement { kind, span } in &file.statements {
            match kind {
                StatementKind::Declare(items) => {
                    for d in items {
                        self.name(&d.name, false);
                    }
                }
                StatementKind::Value(n, _) | StatementKind::Const(n, _) => {
                    self.name(n, false);
                }
                StatementKind::Equation(e) => {
                    let before = self.uses.len();
                    let index = e.index.as_ref().map(|n| n.key.as_str());
                    uses_of(&e.value, (*span, &e.name.key), index, &mut self.uses);
                    for u in &self.uses[before..] {
                        *self.counts.entry(u.base().to_string()).or_default() += 1;
                    }
                    self.name(&e.name, true);
                }
                _ => {}
            }
        }
        // A line of a loop is read once a round; its text is there once.
        let mut seen = Vec::new();
        self.uses.retain(|u| {
            let new = !seen.contains(&u.span);
            seen.push(u.span);
            new
        });
    }

    fn name(&mut self, n: &Name, equation: bool) {
        if self.known.iter().all(|k| k.key != n.key) {
            let (key, written) = (n.key.clone(), self.with_end(n));
            self.known.push(Known { key, written, place: n.span, equation });
        }
    }

    /// `a_N` for the last of a loop's names: it stays the last when N changes.
    fn with_end(&self, n: &Name) -> String {
        let looped = n.span.of(self.text) != n.written;
        let last = |(end, number): &(String, i64)| {
            let base = n.written.strip_suffix(&format!("_{number}"))?;
            looped.then(|| format!("{base}_{end}"))
        };
        self.ends.iter().find_map(last).unwrap_or_else(|| n.written.clone())
    }

    /// `a_10` for `a_N`, as the tree calls it.
    fn with_number(&self, written: &str) -> String {
        let number = |(end, number): &(String, i64)| {
            Some(format!("{}_{number}", written.strip_suffix(&format!("_{end}"))?))
        };
        self.ends.iter().find_map(number).unwrap_or_else(|| written.to_owned())
    }

    /// In a line of a loop a name is written with the loop's letter: `W_l`, `a_{l-1}`.
    fn families(&mut self) {
        let Some(l) = self.letter.clone() else { return };
        let end = format!("_{l}");
        let mut bases: Vec<(String, Span)> = Vec::new();
        for (span, written) in crate::syntax::names_in(self.text) {
            let Some(base) = written.strip_suffix(&end) else { continue };
            if bases.iter().all(|(b, _)| b != base) {
                bases.push((base.to_string(), span));
            }
        }
        for (base, place) in bases {
            for written in [format!("{base}_{l}"), format!("{base}_{{{l}-1}}")] {
                let key = written.clone();
                self.known.push(Known { key, written, place, equation: false });
            }
        }
    }

    /// Whether a name is written with the loop's letter.
    fn has_letter(&self, written: &str) -> bool {
        let Some(l) = &self.letter else { return false };
        written.ends_with(&format!("_{l}")) || written.contains(&format!("_{{{l}"))
    }

    fn line(&self, span: Span) -> usize {
        line_column(self.text, span.start).0
    }

    fn add(&self, d: &mut Diagnostic) {
        let mut candidates = self.candidates(d);
        candidates.sort_by_key(|c| c.rank);
        let mut seen: Vec<String> = Vec::new();
        for c in candidates.into_iter().take(TRIED) {
            if seen.len() == SHOWN {
                break;
            }
            if let Some(file) = self.edited(&c.edits)
                && !crate::lower::fits(&file, self.text, self.overrides, &self.functions)
            {
                continue;
            }
            let edited = apply(self.text, &c.edits);
            if seen.contains(&edited) {
                continue;
            }
            let loaded = load_without_fixes(&edited, self.overrides);
            if loaded.module.is_none() {
                continue;
            }
            d.hints.push(self.hint(&loaded, c.edits, &edited));
            seen.push(edited);
        }
    }

    /// The tree with edits made in it, in every round of a loop; `None` where only the text can
    /// be edited.
    fn edited(&self, edits: &[Edit]) -> Option<File> {
        let touched = |s: &Statement, e: &Edit| {
            s.span.start <= e.span.start && e.span.end <= s.span.end
        };
        let mut file = self.file.clone();
        for e in edits {
            let mut done = false;
            for s in file.statements.iter_mut().filter(|s| touched(s, e)) {
                let StatementKind::Equation(q) = &mut s.kind else { return None };
                let with = self.in_round(&e.with, &q.name)?;
                let one = Edit { span: e.span, with };
                done |= edit_tree(&mut q.value, &one);
            }
            if !done {
                return None;
            }
        }
        Some(file)
    }

    /// `a_{l-1}` as it is called in the round of the equation of this name.
    fn in_round(&self, written: &str, lhs: &Name) -> Option<String> {
        let Some(l) = self.letter.as_ref().filter(|_| self.has_letter(written)) else {
            return Some(self.with_number(written));
        };
        if !lhs.span.of(self.text).ends_with(&format!("_{l}")) {
            return None;
        }
        let number = lhs.written.rsplit_once('_')?.1;
        let round: usize = number.trim_matches(['{', '}']).parse().ok()?;
        let before = format!("_{}", round.checked_sub(1)?);
        let text = written.replace(&format!("_{{{l}-1}}"), &before);
        Some(match text.strip_suffix(&format!("_{l}")) {
            Some(base) => format!("{base}_{round}"),
            None => text,
        })
    }

    /// "z2 = W2 a1 + b2      a1 is Da×1 (line 2); then z2 is K×1, and every later line fits".
    fn hint(&self, loaded: &Loaded, edits: Vec<Edit>, edited: &str) -> Hint {
        let line = edits.first().map_or(1, |e| self.line(e.span));
        let new = edited.lines().nth(line - 1).unwrap_or("");
        let new = new.split('#').next().unwrap_or("").trim();
        let why = explain(loaded, &edits, edited);
        Hint { text: format!("{new}{why}"), edits }
    }

    /// Every single edit that could help: in the failing line, and of forgotten names in the
    /// lines before it.
    fn candidates(&self, d: &Diagnostic) -> Vec<Candidate> {
        let mut out = Vec::new();
        let here: Vec<&Use> = self
            .uses
            .iter()
            .filter(|u| {
                u.statement.start <= d.span.start && d.span.end <= u.statement.end
            })
            .collect();
        let start = here.first().map_or(d.span.start, |u| u.statement.start);
        let line = self.line(d.span);
        // In a loop the line goes round: what stands later in it comes earlier, too.
        for u in self.uses.iter().filter(|u| self.line(u.statement) <= line) {
            let failing = u.statement.start == start;
            for k in self.known.iter().filter(|k| self.visible(k, u)) {
                out.extend(self.replacement(d, u, k, failing));
            }
        }
        for u in &here {
            out.extend(self.transposed(d, u));
        }
        for pair in here.windows(2) {
            out.extend(self.swapped(d, pair[0], pair[1]));
        }
        out
    }

    /// Whether a name has a meaning in the line of this use, and could be meant there: in a line
    /// of a loop nobody writes `a_3`, outside of one nobody writes `a_l`.
    fn visible(&self, k: &Known, u: &Use) -> bool {
        let statement = u.statement.of(self.text);
        let looped = match &self.letter {
            Some(l) => {
                statement.contains(&format!("_{l}"))
                    || statement.contains(&format!("_{{{l}"))
            }
            None => false,
        };
        let number = self.with_number(&k.written);
        let numbered = number.rsplit_once('_').is_some_and(|(base, n)| {
            n.chars().all(|c| c.is_ascii_digit())
                && self.known.iter().any(|o| {
                    self.has_letter(&o.written)
                        && o.written.rsplit_once('_').is_some_and(|(b, _)| b == base)
                })
        });
        let earlier = !k.equation || k.place.start < u.statement.start;
        let same = u.written_as(k) == u.span.of(self.text);
        let form =
            if self.has_letter(&k.written) { looped } else { !(looped && numbered) };
        earlier && !same && form
    }

    fn replacement(
        &self,
        d: &Diagnostic,
        u: &Use,
        k: &Known,
        failing: bool,
    ) -> Option<Candidate> {
        let count = |key: &str| self.counts.get(key).copied().unwrap_or(0);
        let written = |w: &str| self.uses.iter().any(|u| u.span.of(self.text) == w);
        let unused = match self.has_letter(&k.written) {
            true => !written(&k.written),
            false => count(&k.key) == 0,
        };
        if !failing && !unused {
            return None;
        }
        let kind = if unused { Kind::Forgotten } else { Kind::Other };
        let single = count(u.base()) < 2;
        let gap = self.line(k.place).abs_diff(self.line(u.span));
        let distance = if failing { distance_to(d, u.span) } else { 3 };
        let layer = digits(&u.lhs) != digits(&k.key);
        let edits = vec![Edit { span: u.span, with: u.written_as(k) }];
        Some(Candidate { edits, rank: (kind, single, distance, layer, gap) })
    }

    /// `W` as `Wᵀ`, or the transposition taken off; a row before a column.
    fn transposed(&self, d: &Diagnostic, u: &Use) -> Option<Candidate> {
        let after = self.text.get(u.span.end as usize..)?;
        let at = |len: usize| Span { start: u.span.end, end: u.span.end + len as u32 };
        let edit = match after {
            a if a.starts_with('ᵀ') => {
                Edit { span: at('ᵀ'.len_utf8()), with: String::new() }
            }
            a if a.starts_with("^T") => Edit { span: at(2), with: String::new() },
            a if a.starts_with(['^', '.', '[', '(', '\'']) => return None,
            _ => Edit { span: at(0), with: "ᵀ".to_string() },
        };
        let label = d.labels.iter().find(|l| l.span == u.span);
        let row = label.is_some_and(|l| l.text.contains(" is 1×"));
        let rank = (Kind::Transposed, !row, distance_to(d, u.span), false, 0);
        Some(Candidate { edits: vec![edit], rank })
    }

    /// Two factors that stand side by side, the other way round.
    fn swapped(&self, d: &Diagnostic, a: &Use, b: &Use) -> Option<Candidate> {
        let between = self.text.get(a.span.end as usize..b.span.start as usize)?;
        let side_by_side = between.chars().all(|c| c.is_whitespace() || c == '@');
        let kind = if side_by_side { Kind::Swapped } else { Kind::Other };
        let text = |u: &Use| u.span.of(self.text).to_string();
        let edits = vec![
            Edit { span: a.span, with: text(b) },
            Edit { span: b.span, with: text(a) },
        ];
        let distance = distance_to(d, a.span).max(distance_to(d, b.span));
        Some(Candidate { edits, rank: (kind, true, distance, true, 99) })
    }
}

/// The equation that an edit stands in, and what it then is.
fn defined_at(m: &crate::module::Module, edit: Span) -> Option<(String, String)> {
    let inside = |q: &&crate::module::Equation| {
        q.span.start <= edit.start && edit.start < q.span.end
    };
    let q = m.equations.iter().find(inside)?;
    Some((q.shown.clone(), m.graph[q.node].shape.to_string()))
}

/// "      a1 is Da×1 (line 2); then z2 is K×1, and every later line fits".
fn explain(loaded: &Loaded, edits: &[Edit], text: &str) -> String {
    let Some(m) = &loaded.module else { return String::new() };
    let [one] = edits else { return String::new() };
    let key = crate::syntax::canonical(&one.with);
    let found = m
        .equation(&key)
        .map(|q| (m.graph[q.node].shape.clone(), q.span))
        .or_else(|| m.symbol(&key).map(|s| (s.shape.clone(), s.span)));
    match found {
        Some((shape, span)) => {
            let (line, _) = line_column(text, span.start);
            let with = &one.with;
            let then = match defined_at(m, one.span) {
                Some((name, shape)) => {
                    format!("{name} is {shape}, and every later line fits")
                }
                None => "every later line fits".to_string(),
            };
            format!("      {with} is {shape} (line {line}); then {then}")
        }
        None => String::new(),
    }
}

/// 0 for a labelled operand of the error, 1 for another place of it, 2 elsewhere on the line.
fn distance_to(d: &Diagnostic, span: Span) -> usize {
    let holds = |o: Span| o.start <= span.start && span.end <= o.end;
    match () {
        () if d.labels.iter().any(|l| holds(l.span)) => 0,
        () if holds(d.span) => 1,
        () => 2,
    }
}

/// The letter of `for l = 1..3`.
fn letter_of(text: &str) -> Option<String> {
    // A comment may say "for" too.
    let said = text.lines().map(|l| l.split('#').next().unwrap_or_default());
    let (_, rest) = said.filter_map(|l| l.split_once("for ")).next()?;
    let (letter, _) = rest.split_once('=')?;
    let letter = letter.trim();
    let plain = !letter.is_empty() && letter.chars().all(char::is_alphabetic);
    plain.then(|| letter.to_string())
}

/// The layer that a name belongs to: the digits of `W2`.
fn digits(key: &str) -> String {
    key.chars().filter(char::is_ascii_digit).collect()
}

/// Makes one edit in an expression: another name, or a transposition behind one.
fn edit_tree(e: &mut Expr, edit: &Edit) -> bool {
    if let ExprKind::Name(n) = &mut e.kind {
        if e.span == edit.span {
            n.key = crate::syntax::canonical(&edit.with);
            n.written.clone_from(&edit.with);
            return true;
        }
        if e.span.end == edit.span.start && edit.with == "ᵀ" {
            let inner = e.clone();
            e.kind = ExprKind::Transpose(Box::new(inner));
            return true;
        }
    }
    children_mut(e).into_iter().any(|c| edit_tree(c, edit))
}

/// Every symbol of an expression, with the index that is open there.
fn uses_of(e: &Expr, at: (Span, &str), index: Option<&str>, out: &mut Vec<Use>) {
    if let ExprKind::Name(n) = &e.kind {
        let (key, span, statement) = (n.key.clone(), n.span, at.0);
        let (lhs, index) = (at.1.to_string(), index.map(str::to_string));
        out.push(Use { key, span, statement, lhs, index });
    }
    if let ExprKind::Sum { index, body, .. } = &e.kind {
        return uses_of(body, at, Some(&index.key), out);
    }
    for c in children(e) {
        uses_of(c, at, index, out);
    }
}
