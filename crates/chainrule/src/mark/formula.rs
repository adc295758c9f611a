//! A formula of somebody's answer → its value at a point, in the names of the file.
//!
//! In: the text of a formula, the file, names that earlier lines defined. Out: [`Formula`], which
//! gives a value for each module with values; or what is wrong with it, at its place in the
//! answers. The formula is read as an equation more of the file, so that names, functions, shapes
//! and messages are those of the language; derivatives and updated values (`dL/dz2`, `W2'`) stand
//! in it as symbols of their shape.

use chainrule_graph::diag::{Code, Diagnostic, Hint, Label, Span, has_errors};
use chainrule_graph::module::Module;
use chainrule_graph::syntax::{canonical, element, names_in};
use chainrule_graph::value::Mat;

use super::number;
use super::recompute::node;
use super::sheet::Piece;
use crate::explain::question::{self, Asked, Question};
use crate::explain::{AskOptions, Side, ask};
use crate::model::Options;

/// The file that is answered about.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    pub text: &'a str,
    pub options: &'a Options,
    pub ask: &'a AskOptions,
    pub module: &'a Module,
}

/// A name that a line of the answers defined.
#[derive(Clone, Debug)]
pub(super) struct Defined {
    pub key: String,
    /// The statement that makes the language know it.
    pub statement: String,
    /// Its value at each point.
    pub values: Vec<Option<Mat>>,
}

/// A derivative or updated value inside a formula.
#[derive(Clone, Debug)]
pub(super) struct Atom {
    name: String,
    pub question: String,
    pub asked: Asked,
}

/// A formula that the language understands.
#[derive(Debug)]
pub(super) struct Formula {
    module: Module,
    pub atoms: Vec<Atom>,
    /// Keys of defined names that it uses.
    pub uses: Vec<String>,
    /// Whether it has a name at all, or is a calculation with numbers.
    pub named: bool,
    /// Decimal numbers in it that the file does not have.
    pub decimals: bool,
    /// Numbers other than those of a rule (1, 2, ½): values were put in.
    pub numbers: bool,
    /// How to write its shape.
    pub shape: String,
}

/// The name under which the formula stands in the file.
const NAME: &str = "marked_answer";

/// Reads a formula.
pub(super) fn read(
    file: File<'_>,
    defined: &[Defined],
    piece: &Piece,
) -> Result<Formula, Diagnostic> {
    let found = atoms(file.module, defined, &piece.text);
    let mut text = format!("{}\n", file.text);
    for a in &found {
        text.push_str(&declaration(file, &a.atom).map_err(|d| at_place(d, piece))?);
    }
    for d in defined {
        text.push_str(&d.statement);
    }
    let lead = format!("{NAME} = ");
    text.push_str(&lead);
    let (body, segments) = replaced(piece, &found, text.len());
    text.push_str(&body);
    text.push('\n');
    let loaded = file.options.load(&text);
    let places = Places { piece, segments: &segments, found: &found };
    let loaded = loaded.map_err(|e| plain(piece, &e.to_string()))?;
    if has_errors(&loaded.diagnostics) {
        let first = loaded.diagnostics.into_iter().next();
        return Err(
            first.map_or_else(|| plain(piece, "not understood"), |d| places.moved(d))
        );
    }
    let module = loaded.module.ok_or_else(|| plain(piece, "not understood"))?;
    let root = module.equation(NAME).ok_or_else(|| plain(piece, "not understood"))?.node;
    let names: Vec<String> =
        names_in(&body).into_iter().map(|(_, n)| canonical(&n)).collect();
    let used = |d: &&Defined| names.contains(&d.key);
    let base =
        |n: &String| element(n).map_or_else(|| n.clone(), |(base, _)| base.to_owned());
    let named =
        names.iter().any(|n| [n, &base(n)].iter().any(|n| node(&module, n).is_some()));
    let shape = &module.graph[root].shape;
    let side = |d: &dyn std::fmt::Display| bracketed(&d.to_string());
    let shape = format!("{}×{}", side(&shape.rows), side(&shape.cols));
    Ok(Formula {
        atoms: found.into_iter().map(|a| a.atom).collect(),
        uses: defined.iter().filter(used).map(|d| d.key.clone()).collect(),
        named,
        numbers: has_numbers(&piece.text),
        decimals: !own_decimals(file.text, &piece.text).is_empty(),
        shape,
        module,
    })
}

impl Formula {
    /// Its value where the symbols have the values of `point` and atoms and defined names those
    /// that `value` gives.
    pub(super) fn value(
        &self,
        point: &Module,
        ask: &AskOptions,
        defined: impl Fn(&str) -> Option<Mat>,
        atom: impl Fn(&Atom) -> Option<Mat>,
    ) -> Option<Mat> {
        let mut m = self.module.clone();
        m.dims.sizes.clone_from(&point.dims.sizes);
        for s in &mut m.symbols {
            if let Some(there) = point.symbol(&s.key) {
                s.value.clone_from(&there.value);
            } else if let Some(a) =
                self.atoms.iter().find(|a| canonical(&a.name) == s.key)
            {
                s.value = Some(atom(a)?);
            } else if self.uses.contains(&s.key) {
                s.value = Some(defined(&s.key)?);
            }
        }
        let report = super::asked(&m, ask, &[NAME.to_owned()]);
        report.into_iter().next().flatten()
    }
}

/// Half of what the rounding of the decimals in a calculation can make of its result: each number
/// that the file does not have is moved by half a unit of its last digit, one after the other.
pub(super) fn looseness(
    file: File<'_>,
    defined: &[Defined],
    piece: &Piece,
    value: &Mat,
    at: impl Fn(&Formula) -> Option<Mat>,
) -> Vec<f64> {
    let mut out = vec![0.0; value.data.len()];
    for (start, end, half) in own_decimals(file.text, &piece.text) {
        let moved = format!(
            "{}({} + {half:e}){}",
            &piece.text[..start],
            &piece.text[start..end],
            &piece.text[end..]
        );
        let moved = Piece { text: moved, at: piece.at };
        let Some(v) = read(file, defined, &moved).ok().and_then(|f| at(&f)) else {
            continue;
        };
        for (o, (a, b)) in out.iter_mut().zip(v.data.iter().zip(&value.data)) {
            *o += (a - b).abs();
        }
    }
    out
}

/// Numbers with two decimals or more that the file does not have: place and half unit.
fn own_decimals(file: &str, text: &str) -> Vec<(usize, usize, f64)> {
    let digit = |c: char| c.is_ascii_digit() || c == '.';
    let known: Vec<&str> = file.split(|c| !digit(c)).collect();
    let (mut out, mut before, mut from) = (Vec::new(), ' ', 0);
    while let Some(i) = text[from..].find(digit).map(|i| i + from) {
        let end = text[i..].find(|c| !digit(c)).map_or(text.len(), |e| e + i);
        before = text[..i].chars().next_back().unwrap_or(before);
        let own = &text[i..end];
        let decimals = own.split_once('.').map_or(0, |(_, d)| d.len());
        let alone = !before.is_alphanumeric() && before != '_';
        if alone && decimals >= 2 && !known.contains(&own) {
            out.extend(number::number(own).map(|(_, half)| (i, end, half)));
        }
        from = end;
    }
    out
}

/// Whether a number other than 0, 1, 2 and ½ stands in it by itself.
fn has_numbers(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || c == '.';
    let (mut before, mut word) = (' ', String::new());
    for c in text.chars().chain([' ']) {
        if digit(c) && (!word.is_empty() || !(before.is_alphanumeric() || before == '_'))
        {
            word.push(c);
        } else if !word.is_empty() {
            if !["0", "1", "2", "0.5", "1.0", "2.0"].contains(&word.as_str()) {
                return true;
            }
            word.clear();
        }
        before = c;
    }
    false
}

fn plain(piece: &Piece, message: &str) -> Diagnostic {
    Diagnostic::error(Code::P1, piece.span(), message)
}

fn at_place(mut d: Diagnostic, piece: &Piece) -> Diagnostic {
    d.span = piece.span();
    d.labels.clear();
    d
}

/// A sum of dimensions in a shape stands in brackets.
fn bracketed(side: &str) -> String {
    if side.contains('+') {
        format!("({})", side.replace('+', " + "))
    } else {
        side.into()
    }
}

/// A statement that declares a symbol of the shape that the question's answer has.
fn declaration(file: File<'_>, atom: &Atom) -> Result<String, Diagnostic> {
    let report = ask(file.module, file.ask, std::slice::from_ref(&atom.question));
    let answer = report.replies.into_iter().next().map(|r| r.answer);
    let Some(answer) = answer.transpose()? else { return Ok(String::new()) };
    let side = |s: &Side| match s {
        Side::Size(n) => n.to_string(),
        Side::Name(n) => bracketed(n),
    };
    // Over several examples the shape that is told is that of all of them.
    let each = per_example(file.module, &atom.asked);
    let cols = if each { "1".to_owned() } else { side(&answer.shape[1]) };
    let role = if each { "input " } else { "" };
    Ok(format!("{role}{} : {}×{cols}\n", atom.name, side(&answer.shape[0])))
}

/// Whether a quantity has one value per example.
fn per_example(m: &Module, asked: &Asked) -> bool {
    let each = |key: &str| node(m, key).is_some_and(|n| m.graph[n].each);
    match &asked.question {
        Question::Value(t) => each(&t.key),
        Question::Derivative(_, by) => each(&by.key),
        _ => false,
    }
}

/// An atom and its place in the formula.
struct Found {
    start: usize,
    end: usize,
    atom: Atom,
}

/// `dL/dW2[1,2]`, `∂L/∂z1`, `W2'`, `L@3` in a formula.
fn atoms(m: &Module, defined: &[Defined], text: &str) -> Vec<Found> {
    let names = names_in(text);
    let known =
        |key: &str| node(m, key).is_some() || defined.iter().any(|d| d.key == key);
    let by_name = |written: &str| -> bool {
        let rest = written.strip_prefix('d').or_else(|| written.strip_prefix('∂'));
        !known(&canonical(written))
            && rest.is_some_and(|r| node(m, &canonical(r)).is_some())
    };
    let (mut out, mut from): (Vec<Found>, usize) = (Vec::new(), 0);
    for (i, (span, written)) in names.iter().enumerate() {
        let start = span.start as usize;
        if start < from {
            continue;
        }
        let next = names.get(i + 1).filter(|_| by_name(written));
        let joined = |next: &Span| {
            let between = text[span.end as usize..next.start as usize].trim();
            let index = between.strip_suffix('/').map(str::trim_end);
            index.is_some_and(|i| i.is_empty() || i.starts_with('[') && i.ends_with(']'))
        };
        let end = match next.filter(|(s, w)| joined(s) && by_name(w)) {
            Some((s, _)) => with_index(text, s.end as usize),
            None => match moment(text, span.end as usize) {
                Some(end) if node(m, &canonical(written)).is_some() => end,
                _ => continue,
            },
        };
        let end = moment(text, end).unwrap_or(end);
        let question = text[start..end].to_owned();
        let Ok(asked) = question::parse(&question) else { continue };
        let name = format!("asked_{}", letters(out.len()));
        out.push(Found { start, end, atom: Atom { name, question, asked } });
        from = end;
    }
    out
}

/// a, b, …, z, aa, …: names without digits.
fn letters(mut n: usize) -> String {
    let mut out = String::from("q");
    loop {
        out.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
        if n == 0 {
            return out;
        }
    }
}

/// The end of `[2,1]` if it stands here.
fn with_index(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let close = rest.find(']').filter(|_| rest.starts_with('['));
    let index = close.filter(|&c| {
        rest[1..c].chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ':' | ' '))
    });
    index.map_or(at, |c| at + c + 1)
}

/// The end of `'`, `[1]'` or `@3` if it stands here.
fn moment(text: &str, at: usize) -> Option<usize> {
    let after = with_index(text, at);
    let rest = &text[after..];
    if let Some(prime) = rest.chars().next().filter(|c| matches!(c, '\'' | '′')) {
        let end = after + prime.len_utf8();
        return (!text[end..].starts_with('(')).then_some(end);
    }
    let steps = rest.strip_prefix('@')?;
    let digits = steps.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(after + 1 + digits)
}

/// A stretch of the formula: where it is in the text that is read, and where in the answers.
struct Segment {
    read: (usize, usize),
    written: (usize, usize),
    verbatim: bool,
}

/// The formula with names for its atoms.
fn replaced(piece: &Piece, found: &[Found], mut at: usize) -> (String, Vec<Segment>) {
    let (mut body, mut segments, mut from) = (String::new(), Vec::new(), 0);
    let mut push = |part: &str, (start, end): (usize, usize), verbatim: bool| {
        body.push_str(part);
        let written = (piece.at + start, piece.at + end);
        segments.push(Segment { read: (at, at + part.len()), written, verbatim });
        at += part.len();
    };
    for f in found {
        push(&piece.text[from..f.start], (from, f.start), true);
        push(&f.atom.name, (f.start, f.end), false);
        from = f.end;
    }
    push(&piece.text[from..], (from, piece.text.len()), true);
    (body, segments)
}

/// Brings messages about the text that was read back to the answers.
struct Places<'a> {
    piece: &'a Piece,
    segments: &'a [Segment],
    found: &'a [Found],
}

impl Places<'_> {
    fn moved(&self, d: Diagnostic) -> Diagnostic {
        let span = self.span(d.span).unwrap_or_else(|| self.piece.span());
        let mut out = Diagnostic::error(d.code, span, self.words(&d.message));
        for l in d.labels {
            match self.span(l.span) {
                Some(span) => out.labels.push(Label { span, text: self.words(&l.text) }),
                None => out.notes.push(self.words(&l.text)),
            }
        }
        out.notes.extend(d.notes.iter().map(|n| self.words(n)));
        let said = d.hints.iter().filter(|h| !h.text.contains(NAME));
        let hint = |h: &Hint| Hint { text: self.words(&h.text), edits: Vec::new() };
        out.hints = said.map(hint).collect();
        out
    }

    /// The place in the answers; none for one in the file.
    fn span(&self, s: Span) -> Option<Span> {
        let first = self.segments.first()?.read.0;
        if (s.start as usize) < first {
            return None;
        }
        let place = |at: usize, end: bool| {
            let here = |g: &&Segment| at <= g.read.1 && (at < g.read.1 || end);
            let g = self.segments.iter().find(here).or(self.segments.last())?;
            Some(match (g.verbatim, end) {
                (true, _) => {
                    g.written.0
                        + at.saturating_sub(g.read.0).min(g.written.1 - g.written.0)
                }
                (false, true) => g.written.1,
                (false, false) => g.written.0,
            })
        };
        Some(Span::new(place(s.start as usize, false)?, place(s.end as usize, true)?))
    }

    /// With the questions in place of the names that stand for them.
    fn words(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for f in self.found {
            out = out.replace(&f.atom.name, &f.atom.question);
        }
        out
    }
}
