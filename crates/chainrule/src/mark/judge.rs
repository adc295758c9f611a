//! The verdict on each line, from the first to the last.
//!
//! In: the file, the lines. Out: a [`Mark`] each. A line is first held against the truth; if it
//! differs, against what follows from the author's own earlier lines: each wrong one alone, then
//! all of them, then also those that were only rounded.

use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::module::Module;
use chainrule_graph::syntax::{canonical, parse_expression};
use chainrule_graph::value::Mat;
use chainrule_graph::verify::made_up;

use super::against::{Formula, Read, against, shaped};
use super::compare::easy;
use super::formula::{self, Defined, File};
use super::letters;
use super::number::{Written, written};
use super::recompute::{Own, Recompute, moment, node};
use super::sheet::{self, Entry, Piece};
use super::{Mark, Marked, Verdict};
use crate::explain::question::{self, Asked, Question};
use crate::explain::{Answer, ask};

/// Made-up points that are tried, for some of them may lie outside of a domain.
const TRIES: u64 = 8;

/// Marks all lines.
pub(super) fn all(file: File<'_>, answers: &str) -> Marked {
    let entries = sheet::read(answers);
    let mut judge = Judge::new(file, &entries);
    let lines = entries.iter().map(|e| judge.line(e)).collect();
    Marked { lines }
}

/// A line that was read, with what its author has for it at each point.
struct Done {
    line: usize,
    asked: Asked,
    values: Vec<Option<Mat>>,
    verdict: Verdict,
    /// The value is easier to go on with than the right one.
    easy: bool,
}

pub(super) struct Judge<'a> {
    pub file: File<'a>,
    /// The file itself first, then made-up values.
    pub points: Vec<Module>,
    /// The most steps that any line asks for.
    total: usize,
    done: Vec<Done>,
    pub defined: Vec<Defined>,
}

/// How one side compares with the right values.
pub(super) struct Finding {
    pub verdict: Verdict,
    pub remarks: Vec<String>,
    pub from: Vec<usize>,
}

impl<'a> Judge<'a> {
    fn new(file: File<'a>, entries: &[Entry]) -> Self {
        let read = entries.iter().filter_map(|e| e.parts.as_ref().ok());
        let asked: Vec<Asked> =
            read.filter_map(|(left, _)| question::parse(&left.text).ok()).collect();
        let total = asked.iter().map(|a| moment(a, file.ask)).max().unwrap_or(0);
        let points = std::iter::once(file.module.clone());
        let points = points.chain((0..TRIES).map(|s| made_up(file.module, s))).collect();
        Self { file, points, total, done: Vec::new(), defined: Vec::new() }
    }

    fn line(&mut self, e: &Entry) -> Mark {
        let mut mark = Mark {
            line: e.line,
            text: e.text.clone(),
            verdict: Verdict::Unreadable,
            points: 0.0,
            of: e.points,
            remarks: Vec::new(),
            expected: None,
            formula: None,
            latex: None,
            from: Vec::new(),
            problem: None,
        };
        if let Err(problem) = self.read(e, &mut mark) {
            // What cannot be calculated is understood, and wrong.
            let shapes = [Code::S1, Code::S2, Code::S3, Code::S6, Code::S7];
            let wrong = shapes.contains(&problem.code);
            mark.verdict = if wrong { Verdict::Wrong } else { Verdict::Unreadable };
            mark.problem = Some(problem);
        }
        if mark.verdict == Verdict::Defined {
            mark.of = 0.0;
        }
        if mark.verdict.earns() {
            mark.points = mark.of;
        }
        mark
    }

    fn read(&mut self, e: &Entry, mark: &mut Mark) -> Result<(), Diagnostic> {
        let (left, sides) = e.parts.clone()?;
        let Some(asked) = self.question(&left)? else {
            let last = sides.last().cloned().unwrap_or(left.clone());
            self.define(&left, &last)?;
            mark.verdict = Verdict::Defined;
            return Ok(());
        };
        let finding = match &asked.question {
            Question::Shape(_) => self.shape(&left, &sides, mark)?,
            Question::Params => self.count(&left, &sides, mark)?,
            _ if letters::has_letters(&asked) => {
                self.by_letters(&asked, &left, &sides, mark)?
            }
            _ => self.compare(&asked, &left, &sides, e.line, mark)?,
        };
        mark.verdict = finding.verdict;
        mark.remarks = finding.remarks;
        mark.from = finding.from;
        Ok(())
    }

    /// What the left side asks; none if it is a new name.
    fn question(&self, left: &Piece) -> Result<Option<Asked>, Diagnostic> {
        let asked = question::parse(&left.text).map_err(|mut d| {
            d.span = left.span();
            d
        });
        let name = canonical(&left.text);
        let plain = parse_expression(&left.text, &|_| false);
        let is_name = plain.1.is_empty()
            && matches!(&plain.0.kind, chainrule_graph::syntax::ast::ExprKind::Name(_));
        match asked {
            Ok(a) => match &a.question {
                Question::Value(t) if node(self.file.module, &t.key).is_none() => {
                    match is_name && name == t.key {
                        true => Ok(None),
                        false => Err(unknown(left, &t.written)),
                    }
                }
                _ => Ok(Some(a)),
            },
            Err(d) => Err(d),
        }
    }

    /// A name for later lines.
    fn define(&mut self, left: &Piece, right: &Piece) -> Result<(), Diagnostic> {
        let key = canonical(&left.text);
        let (statement, values) = match written(&right.text) {
            Some(w) => {
                let rows: Vec<String> =
                    (0..w.value.rows).map(|i| literal_row(&w.value, i)).collect();
                let mut values = vec![None; self.points.len()];
                values[0] = Some(w.value);
                (format!("{} := [{}]\n", left.text, rows.join("; ")), values)
            }
            None => {
                let f = formula::read(self.file, &self.defined, right)?;
                let values = (0..self.points.len()).map(|p| self.at(&f, p)).collect();
                (format!("{} : {}\n", left.text, f.shape), values)
            }
        };
        let before = self.defined.clone();
        self.defined.retain(|d| d.key != key);
        self.defined.push(Defined { key, statement, values });
        // A name that the file has already, as a dimension, is refused here and not in each later
        // line that is read beside it.
        formula::read(self.file, &self.defined, left).map(|_| ()).inspect_err(|_| {
            self.defined = before;
        })
    }

    /// A formula's value at a point.
    pub(super) fn at(&self, f: &formula::Formula, p: usize) -> Option<Mat> {
        let point = &self.points[p];
        let defined = |key: &str| {
            self.defined.iter().find(|d| d.key == key).and_then(|d| d.values[p].clone())
        };
        let atom = |a: &formula::Atom| {
            let recompute = self.recompute(p, &[]);
            recompute.value(&a.asked)
        };
        f.value(point, self.file.ask, defined, atom)
    }

    fn recompute<'o>(&'o self, p: usize, own: &'o [Own]) -> Recompute<'o> {
        Recompute { m: &self.points[p], options: self.file.ask, total: self.total, own }
    }

    /// One side with what it is worth everywhere.
    fn side(&self, piece: &Piece) -> Result<Read, Diagnostic> {
        if let Some(w) = written(&piece.text) {
            return Ok(Read::Literal(w));
        }
        let f = formula::read(self.file, &self.defined, piece)?;
        let mut values: Vec<Option<Written>> =
            (0..self.points.len()).map(|p| self.at(&f, p).map(Written::exact)).collect();
        if let Some(here) = values[0].as_mut().filter(|_| f.decimals) {
            let at = |f: &formula::Formula| self.at(f, 0);
            here.half =
                formula::looseness(self.file, &self.defined, piece, &here.value, at);
        }
        let named = f.named || !f.uses.is_empty() || !f.atoms.is_empty();
        Ok(Read::Formula(Formula { values, named, mixed: f.numbers, step: false }))
    }

    /// A line about a quantity with entries.
    fn compare(
        &mut self,
        asked: &Asked,
        left: &Piece,
        sides: &[Piece],
        line: usize,
        mark: &mut Mark,
    ) -> Result<Finding, Diagnostic> {
        let answer = self.answer(left)?;
        let read: Result<Vec<Read>, Diagnostic> =
            sides.iter().map(|s| self.side(s)).collect();
        let mut read = read?;
        if matches!(read.last(), Some(Read::Literal(_))) {
            for side in &mut read {
                if let Read::Formula(f) = side {
                    f.step = true;
                }
            }
        }
        let question = [left.text.clone()];
        let formulas = read.iter().any(|s| matches!(s, Read::Formula(_)));
        let truth: Vec<Option<Mat>> = self
            .points
            .iter()
            .enumerate()
            .map(|(p, m)| match p == 0 || formulas {
                true => super::asked(m, self.file.ask, &question).remove(0),
                false => None,
            })
            .collect();
        let mut worst: Option<Finding> = None;
        for (side, piece) in read.iter().zip(sides) {
            let mut found =
                self.judge(asked, side, &truth).ok_or_else(|| match &truth[0] {
                    Some(_) => no_number(piece),
                    None => no_values(left),
                })?;
            if sides.len() > 1 && !found.verdict.holds() {
                found.remarks.insert(0, format!("this is about `{}`", piece.text));
            }
            let worse =
                worst.as_ref().is_none_or(|w| rank(found.verdict) > rank(w.verdict));
            if worse {
                worst = Some(found);
            }
        }
        let finding = worst.ok_or_else(|| no_values(left))?;
        if !matches!(finding.verdict, Verdict::Right) {
            mark.expected.clone_from(&truth[0]);
        }
        if !finding.verdict.holds() {
            mark.formula.clone_from(&answer.symbolic);
            mark.latex.clone_from(&answer.latex);
        }
        self.remember(asked, &read, &truth, line, finding.verdict);
        Ok(finding)
    }

    /// The library's answer, or why there is none, at the place in the answers.
    pub(super) fn answer(&self, left: &Piece) -> Result<Answer, Diagnostic> {
        let report =
            ask(self.file.module, self.file.ask, std::slice::from_ref(&left.text));
        let Some(reply) = report.replies.into_iter().next() else {
            return Err(no_values(left));
        };
        reply.answer.map_err(|mut d| {
            d.span = left.span();
            d.labels.clear();
            d
        })
    }

    fn remember(
        &mut self,
        asked: &Asked,
        sides: &[Read],
        truth: &[Option<Mat>],
        line: usize,
        verdict: Verdict,
    ) {
        let mut values: Vec<Option<Mat>> = vec![None; self.points.len()];
        for side in sides {
            match side {
                Read::Literal(w) => values[0] = Some(shaped(&w.value, truth[0].as_ref())),
                Read::Formula(f) => {
                    for (v, w) in values.iter_mut().zip(&f.values) {
                        if let Some(w) = w {
                            *v = Some(w.value.clone());
                        }
                    }
                }
            }
        }
        // What has not the shape of the quantity can stand in its place nowhere.
        for (own, right) in values.iter_mut().zip(truth) {
            let fits = |m: &Mat, r: &Mat| (m.rows, m.cols) == (r.rows, r.cols);
            if !matches!((&*own, right), (Some(m), Some(r)) if fits(m, r)) {
                *own = None;
            }
        }
        let easy = match (&values[0], &truth[0]) {
            (Some(own), Some(right)) => easy(own, right),
            _ => (1..self.points.len()).any(|p| match (&values[p], &truth[p]) {
                (Some(own), Some(right)) => easy(own, right),
                _ => false,
            }),
        };
        self.done.push(Done { line, asked: asked.clone(), values, verdict, easy });
    }

    /// The verdict on one side; none where there is nothing to compare with.
    fn judge(
        &self,
        asked: &Asked,
        side: &Read,
        truth: &[Option<Mat>],
    ) -> Option<Finding> {
        let first = against(side, truth)?;
        if first.0 != Verdict::Wrong {
            return Some(Finding {
                verdict: first.0,
                remarks: first.1,
                from: Vec::new(),
            });
        }
        for from in self.bases() {
            let expected = self.expected(asked, side, &from);
            let Some((verdict, _)) = against(side, &expected) else { continue };
            if verdict == Verdict::Wrong {
                continue;
            }
            let errors: Vec<&Done> = from
                .iter()
                .map(|i| &self.done[*i])
                .filter(|d| !d.verdict.holds())
                .collect();
            let lines: Vec<usize> = errors.iter().map(|d| d.line).collect();
            if errors.is_empty() {
                let remarks = vec!["from the author's own rounded values".to_owned()];
                return Some(Finding { verdict: Verdict::Rounded, remarks, from: lines });
            }
            let left_nothing = errors.iter().any(|d| d.easy)
                || expected.iter().zip(truth).any(|(e, t)| match (e, t) {
                    (Some(e), Some(t)) => easy(e, t),
                    _ => false,
                });
            let verdict = if left_nothing { Verdict::Trivial } else { Verdict::Carried };
            let remarks = vec![format!("follows from {}", said_lines(&lines))];
            return Some(Finding { verdict, remarks, from: lines });
        }
        Some(Finding { verdict: Verdict::Wrong, remarks: first.1, from: Vec::new() })
    }

    /// Which earlier lines to go on from: each wrong one, all of them, all lines.
    fn bases(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.done.len()).collect();
        let wrong: Vec<usize> =
            all.iter().copied().filter(|i| !self.done[*i].verdict.holds()).collect();
        let mut out: Vec<Vec<usize>> = wrong.iter().rev().map(|i| vec![*i]).collect();
        out.push(wrong);
        out.push(all);
        out.retain(|b| !b.is_empty());
        out.dedup();
        out
    }

    /// The quantity at each point as it follows from own lines.
    fn expected(&self, asked: &Asked, side: &Read, from: &[usize]) -> Vec<Option<Mat>> {
        let formula = matches!(side, Read::Formula(_));
        (0..self.points.len())
            .map(|p| {
                if p > 0 && !formula {
                    return None;
                }
                let others =
                    from.iter().map(|i| &self.done[*i]).filter(|d| d.asked != *asked);
                let own: Vec<Own> = others
                    .filter_map(|d| {
                        Some(Own { asked: d.asked.clone(), value: d.values[p].clone()? })
                    })
                    .collect();
                match own.is_empty() {
                    true => None,
                    false => self.recompute(p, &own).value(asked),
                }
            })
            .collect()
    }
}

fn rank(v: Verdict) -> usize {
    let order = [
        Verdict::Right,
        Verdict::Rounded,
        Verdict::Carried,
        Verdict::Trivial,
        Verdict::Wrong,
    ];
    order.iter().position(|o| *o == v).unwrap_or(order.len())
}

pub(super) fn plain(holds: bool) -> Finding {
    let verdict = if holds { Verdict::Right } else { Verdict::Wrong };
    Finding { verdict, remarks: Vec::new(), from: Vec::new() }
}

fn literal_row(m: &Mat, i: usize) -> String {
    (0..m.cols).map(|j| format!("{:?}", m.at(i, j))).collect::<Vec<_>>().join(" ")
}

/// "line 3", "lines 2 and 5".
fn said_lines(lines: &[usize]) -> String {
    let all: Vec<String> = lines.iter().map(usize::to_string).collect();
    match all.as_slice() {
        [one] => format!("line {one}"),
        [most @ .., last] => format!("lines {} and {last}", most.join(", ")),
        [] => String::new(),
    }
}

fn unknown(left: &Piece, name: &str) -> Diagnostic {
    Diagnostic::error(Code::N1, left.span(), format!("`{name}` is not known"))
        .hint("the left side is a question, as in --ask, or a new name")
}

fn no_number(side: &Piece) -> Diagnostic {
    let text = format!("`{}` has no finite value", side.text.trim());
    Diagnostic::error(Code::M1, side.span(), text)
        .hint("write a number that can be held, or a formula of the file's names")
}

pub(super) fn no_values(left: &Piece) -> Diagnostic {
    let text = format!("`{}` has no value here to compare with", left.text);
    let span: Span = left.span();
    Diagnostic::error(Code::S5, span, text)
        .hint("give the symbols values (x := …), or answer with a formula")
}
