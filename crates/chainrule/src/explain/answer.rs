//! Answers to single questions.
//!
//! In: a module, options, questions. Out: replies. A derivative is taken in the graph of the
//! file; its value comes from the literal evaluation of that very graph.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::derived::{derive, symbol_node};
use chainrule_graph::diag::{Code, Diagnostic, Severity, Span};
use chainrule_graph::domain;
use chainrule_graph::eval::Value;
use chainrule_graph::graph::{Block, Graph, NodeId, Op, SymId};
use chainrule_graph::module::Module;
use chainrule_graph::print::Printer;
use chainrule_graph::query::{self, Derivative};
use chainrule_graph::shape::{Dim, Shape};
use chainrule_graph::syntax::ast::{Expr, ExprKind, OptimizerCall};
use chainrule_graph::syntax::latex::latex;
use chainrule_graph::syntax::print::{Style, print_expr};
use chainrule_graph::value::Mat;
use chainrule_graph::verify;

use super::entries::{Entries, Place, Same};
use super::question::{self, Asked, Index, Question, Target, When, refused};
use super::state::{self, State, Stepper, learned, rounded};
use super::{Answer, Answered, AskOptions, Reply, Report, Side};

pub(super) fn ask(m: &Module, options: &AskOptions, questions: &[String]) -> Report {
    let parsed: Vec<Result<Asked, Diagnostic>> =
        questions.iter().map(|q| question::parse(q)).collect();
    let asker = Asker::new(m, options, &parsed);
    let mut touched = false;
    let replies = questions
        .iter()
        .zip(parsed)
        .map(|(text, asked)| {
            let answer = asked.and_then(|a| asker.answer(&a, text));
            touched |= answer.as_ref().is_ok_and(|a| finite(a) != Finite::All);
            let answer = answer.and_then(|a| asker.defined(a));
            Reply { ask: text.clone(), answer }
        })
        .collect();
    Report { replies, diagnostics: asker.told(touched) }
}

/// How many entries of an answer are numbers.
#[derive(Clone, Copy, PartialEq)]
enum Finite {
    All,
    Some,
    None,
}

fn finite(a: &Answer) -> Finite {
    let Answered::Numbers(m) = &a.value else { return Finite::All };
    match m.data.iter().filter(|v| v.is_finite()).count() {
        n if n == m.data.len() => Finite::All,
        0 => Finite::None,
        _ => Finite::Some,
    }
}

/// An update of more signs than this says less than its numbers.
const LONGEST: usize = 160;

struct Asker<'a> {
    m: &'a Module,
    options: &'a AskOptions,
    symbols: Vec<String>,
    frozen: Vec<String>,
    /// Values after k steps, for every k that is asked; or why there are none.
    states: Result<BTreeMap<usize, State>, Diagnostic>,
    stepper: Option<Result<Stepper<'a>, Diagnostic>>,
    /// Whether the file's gradients agree with differences: none is shown otherwise.
    checked: Result<(), Diagnostic>,
    /// M1: values of the file that leave a domain.
    outside: Vec<Diagnostic>,
    notes: Vec<Diagnostic>,
}

impl<'a> Asker<'a> {
    fn new(
        m: &'a Module,
        options: &'a AskOptions,
        asked: &[Result<Asked, Diagnostic>],
    ) -> Self {
        let frozen: Vec<String> = options
            .freeze
            .iter()
            .map(|n| chainrule_graph::syntax::canonical(n))
            .collect();
        let symbols = m.symbols.iter().map(|s| s.shown.clone()).collect();
        let mut out = Self {
            m,
            options,
            symbols,
            frozen,
            states: Ok(BTreeMap::new()),
            stepper: None,
            checked: Ok(()),
            outside: Vec::new(),
            notes: Vec::new(),
        };
        if asked.iter().flatten().any(needs_gradient) {
            out.checked = gradients_hold(m).map(|untold| {
                out.notes.extend(verify::untold(m, &untold));
            });
        }
        let ks: BTreeSet<usize> =
            asked.iter().flatten().map(|a| out.moment(a)).chain([0]).collect();
        if ks.iter().any(|k| *k > 0) {
            let total = ks.iter().copied().max().unwrap_or(1);
            out.stepper = Some(out.make_stepper(total));
            out.note_learned();
        }
        out.notes.extend(state::frozen_known(m, &options.freeze).err());
        out.states = out.run(&ks);
        let slopes = asked.iter().flatten().any(needs_gradient) || ks.len() > 1;
        out.look_at_values(slopes);
        out
    }

    /// M1 where a value leaves a domain; M2 where one sits on a kink and a slope is asked for.
    fn look_at_values(&mut self, slopes: bool) {
        let found = domain::check(self.m);
        let (outside, kinks): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|d| d.severity == Severity::Error);
        self.notes.extend(kinks.into_iter().filter(|_| slopes));
        self.outside = outside;
    }

    /// An answer, unless nothing in it is a number for the sake of a value outside its domain.
    fn defined(&self, a: Answer) -> Result<Answer, Diagnostic> {
        match self.outside.first().filter(|_| finite(&a) == Finite::None) {
            Some(reason) => Err(reason.clone()),
            None => Ok(a),
        }
    }

    /// Everything that was noticed; a value outside its domain is an error for those who asked for
    /// something that it touches, else a warning.
    fn told(self, touched: bool) -> Vec<Diagnostic> {
        let outside = self.outside.into_iter().map(|mut d| {
            d.severity = if touched { Severity::Error } else { Severity::Warning };
            d
        });
        outside.chain(self.notes).collect()
    }

    /// After how many steps a question looks.
    fn moment(&self, a: &Asked) -> usize {
        match (a.when, &a.question) {
            (When::At(k), _) => k,
            (When::Last, _) => self.options.steps,
            (When::Unsaid, Question::State(..)) => self.options.steps,
            (When::Unsaid, _) => 0,
        }
    }

    fn make_stepper(&self, total: usize) -> Result<Stepper<'a>, Diagnostic> {
        let call = self.update_call()?;
        let how = (self.options.round_each, self.options.training.is_some());
        let stepper = Stepper::new(self.m, &call, &self.frozen, total, how);
        stepper.map_err(|d| state::of_update(self.options.update.as_deref(), d))
    }

    fn update_call(&self) -> Result<OptimizerCall, Diagnostic> {
        if let Some(text) = &self.options.update {
            return state::update_call(self.m, text);
        }
        let said = self.m.train.as_ref().and_then(|t| t.optimizer.clone());
        said.ok_or_else(|| {
            let text = "which update rule? the file has no train: line";
            Diagnostic::error(Code::T1, Span::default(), text)
                .hint("say it: --update \"sgd(lr = 0.5)\"")
        })
    }

    /// In a bare file everything free moves: the output lists what.
    fn note_learned(&mut self) {
        if !self.m.bare || self.m.chosen {
            return;
        }
        let names: Vec<String> =
            learned(self.m, &self.frozen).into_iter().map(|(_, n)| n).collect();
        let text =
            format!("learned here, since nothing says otherwise: {}", names.join(", "));
        self.notes.push(Diagnostic::note(Code::T1, Span::default(), text));
    }

    fn run(&self, ks: &BTreeSet<usize>) -> Result<BTreeMap<usize, State>, Diagnostic> {
        let mut state = state::given(self.m, self.options.training)?;
        let mut out = BTreeMap::new();
        let last = ks.iter().copied().max().unwrap_or(0);
        for k in 0..=last {
            if k > 0 {
                match &self.stepper {
                    Some(Ok(s)) => s.step(&mut state, k)?,
                    // Questions about the start can be answered all the same; `state` tells why.
                    Some(Err(_)) => return Ok(out),
                    None => {}
                }
            }
            if ks.contains(&k) {
                out.insert(k, state.clone());
            }
        }
        Ok(out)
    }

    fn state(&self, k: usize) -> Result<&State, Diagnostic> {
        let states = self.states.as_ref().map_err(Clone::clone)?;
        if let Some(s) = states.get(&k) {
            return Ok(s);
        }
        match &self.stepper {
            Some(Err(d)) => Err(d.clone()),
            _ => Err(state::bug("a step was not taken")),
        }
    }

    fn answer(&self, a: &Asked, text: &str) -> Result<Answer, Diagnostic> {
        let k = self.moment(a);
        if needs_gradient(a) {
            self.checked.clone()?;
        }
        match &a.question {
            Question::Params => Ok(self.params()),
            Question::Shape(inner) => {
                let whole = self
                    .answer(&Asked { question: (**inner).clone(), when: a.when }, text)?;
                let said =
                    whole.shape.iter().map(side_text).collect::<Vec<_>>().join("×");
                let value = Answered::Unknown;
                Ok(Answer {
                    value,
                    symbolic: Some(said.clone()),
                    latex: Some(said),
                    ..whole
                })
            }
            Question::Value(t) => self.value(t, k, text),
            Question::Derivative(top, by) => self.derivative(top, by, k, text),
            Question::Difference(top, by, h) => self.difference(top, by, *h, k, text),
            Question::State(name, t) => self.memory(name, t, k, text),
        }
    }

    /// The node that a name means in the file's own graph.
    fn node(&self, t: &Target, text: &str) -> Result<NodeId, Diagnostic> {
        if let Some(e) = self.m.equation(&t.key) {
            return Ok(e.node);
        }
        if let Some(s) = self.m.symbol(&t.key) {
            return symbol_node(&self.m.graph, s.id)
                .ok_or_else(|| refused(text, "the symbol is not used"));
        }
        if let Some(o) = self.m.objective.as_ref().filter(|o| o.shown == t.written) {
            return Ok(o.node);
        }
        let names = self.m.equations.iter().map(|e| e.shown.as_str());
        let names: Vec<&str> =
            names.chain(self.symbols.iter().map(String::as_str)).collect();
        let span = Span::new(0, text.len());
        let d =
            Diagnostic::error(Code::N1, span, format!("`{}` is not known", t.written));
        Err(d.hint(format!("the file has {}", names.join(", "))))
    }

    fn params(&self) -> Answer {
        let learned = learned(self.m, &self.frozen);
        let shapes: Vec<Shape> = learned
            .iter()
            .map(|(id, _)| self.m.symbols[id.0 as usize].shape.clone())
            .collect();
        let sizes: Option<Vec<(usize, usize)>> =
            shapes.iter().map(|s| s.under(&self.m.dims.sizes)).collect();
        let terms: Vec<String> = shapes.iter().map(entry_count).collect();
        let symbolic = match &sizes {
            Some(all) => all.iter().map(|(r, c)| r * c).sum::<usize>().to_string(),
            None => terms.join(" + "),
        };
        let value = match &sizes {
            Some(all) => Answered::Count(all.iter().map(|(r, c)| r * c).sum()),
            None => Answered::Unknown,
        };
        let latex = Some(symbolic.clone());
        Answer {
            shape: [Side::Size(1), Side::Size(1)],
            value,
            symbolic: Some(symbolic),
            latex,
        }
    }

    fn side(&self, d: &Dim) -> Side {
        match d.under(&self.m.dims.sizes) {
            Some(n) => Side::Size(n),
            None => Side::Name(d.to_string()),
        }
    }

    /// The shape of a node, over the examples where they are asked for or given.
    fn shape(&self, g: &Graph, n: NodeId) -> [Side; 2] {
        let node = &g[n];
        let [r, c] = [self.side(&node.shape.rows), self.side(&node.shape.cols)];
        if !node.each || c != Side::Size(1) {
            return [r, c];
        }
        if let Some(m) = &self.options.examples {
            let m = m.parse().map_or_else(|_| Side::Name(m.clone()), Side::Size);
            return [r, m];
        }
        match &self.states {
            Ok(s) if s.get(&0).is_some_and(|s| s.examples > 1) => {
                [r, Side::Size(s[&0].examples)]
            }
            _ => [r, c],
        }
    }

    /// A value as one matrix: examples side by side.
    fn matrix(&self, v: Option<Value>) -> Answered {
        let Some(v) = v else { return Answered::Unknown };
        let m = match v {
            Value::Shared(m) => m,
            Value::Each(all) => side_by_side(&all),
        };
        Answered::Numbers(rounded(m, self.options.round_each))
    }

    fn value(&self, t: &Target, k: usize, text: &str) -> Result<Answer, Diagnostic> {
        let node = self.node(t, text)?;
        let d = query::value(self.m, node);
        if t.index.is_empty() {
            let (symbolic, latex) = self.form(t, k).unzip();
            let value = match self.state(k) {
                Ok(state) => self.matrix(state.value(self.m, &d.graph, d.root)),
                // Without numbers the form after a step is an answer all the same.
                Err(_) if k == 1 && symbolic.is_some() && self.moves(t) => {
                    Answered::Unknown
                }
                Err(reason) => return Err(reason),
            };
            let shape = self.shape(&self.m.graph, node);
            return Ok(Answer { shape, value, symbolic, latex });
        }
        let named = self.named(&d, true);
        self.entries(&d, d.top, &named, &t.index, k, text, Some(node))
    }

    /// Whether a step changes the symbol.
    fn moves(&self, t: &Target) -> bool {
        let all = learned(self.m, &self.frozen);
        all.iter().any(|(_, name)| *name == t.key)
    }

    /// What a name stands for after k steps: an equation is what it was, of values that have moved; a
    /// learned symbol is its update, as long as one step was made and it can be read.
    fn form(&self, t: &Target, k: usize) -> Option<(String, String)> {
        if let Some(e) = self.m.equation(&t.key) {
            return Some(self.definition(&e.text));
        }
        if k == 0 || !self.moves(t) {
            return Some(plain(&t.written));
        }
        let Some(Ok(stepper)) = self.stepper.as_ref().filter(|_| k == 1) else {
            return None;
        };
        let (graph, root, names) = stepper.first(self.m.symbol(&t.key)?.id)?;
        let printer = self.printer(&graph, &names);
        let text = printer.text(root, Style::Unicode);
        (text.chars().count() <= LONGEST).then(|| (text, latex(&printer.node(root))))
    }

    /// The right side of an equation, as written.
    fn definition(&self, text: &str) -> (String, String) {
        let functions = &self.m.functions;
        let known = |f: &str| {
            functions.find(f).is_some() || chainrule_graph::lower::is_builtin(f)
        };
        let (e, _) = chainrule_graph::syntax::parse_expression(text, &known);
        (text.to_string(), latex(&e))
    }

    /// The names of the file's equations; without that of the value itself where its entries
    /// are to be written out.
    fn named(&self, d: &Derivative, open: bool) -> BTreeMap<NodeId, String> {
        let mut names = d.names.clone();
        if open {
            names.remove(&d.top);
        }
        names
    }

    fn printer<'p>(
        &'p self,
        g: &'p Graph,
        names: &'p BTreeMap<NodeId, String>,
    ) -> Printer<'p> {
        Printer {
            graph: g,
            functions: &self.m.functions,
            symbols: &self.symbols,
            names: Cow::Borrowed(names),
            layout: self.m.layout,
        }
    }

    fn derivative(
        &self,
        top: &Target,
        by: &Target,
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        let (a, b) = (self.node(top, text)?, self.node(by, text)?);
        let mut m = self.m.clone();
        let numbers = |t: &Target| t.index.iter().all(|i| !matches!(i, Index::Letter(_)));
        let (mut a_node, mut rest) = (a, Vec::new());
        let columns = [a, b].iter().all(|n| m.graph[*n].shape.cols.is_one());
        let entries = columns && numbers(top) && numbers(by);
        if entries
            && !top.index.is_empty()
            && !by.index.is_empty()
            && let Some(d) = query::jacobian(&m, a, b)
        {
            let names = self.named(&d, false);
            let index = two(&top.index, &by.index);
            return self.entries(&d, d.root, &names, &index, k, text, None);
        }
        if !top.index.is_empty() && numbers(top) {
            a_node = self.slice(&mut m.graph, a, &top.index, text)?;
        } else {
            rest.clone_from(&top.index);
        }
        let scalar = m.graph[a_node].shape.is_scalar();
        if scalar && rest.is_empty() {
            return self.gradient(&m, a_node, b, by, k, text);
        }
        self.jacobian(&m, (a_node, &rest), (b, by), k, text)
    }

    /// A scalar by anything.
    fn gradient(
        &self,
        m: &Module,
        a: NodeId,
        b: NodeId,
        by: &Target,
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        let state = self.state(k)?;
        let mean = state.examples > 1 || self.options.examples.is_some();
        let d = query::gradient(m, a, b, mean);
        let names = self.named(&d, false);
        self.entries(&d, d.root, &names, &by.index, k, text, None)
    }

    /// A column by a column (or its entries by letters).
    fn jacobian(
        &self,
        m: &Module,
        (a, rest): (NodeId, &[Index]),
        (b, by): (NodeId, &Target),
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        let (s, t) = (m.graph[a].shape.clone(), m.graph[b].shape.clone());
        let line = |s: &Shape| s.rows.is_one() || s.cols.is_one();
        if !line(&s) || !line(&t) {
            let why = format!("{s} by {t}: say which entries, as in dA[1,2]/dB[1,1]");
            return Err(Diagnostic::error(Code::G2, Span::new(0, text.len()), why));
        }
        let closed =
            (s.cols.is_one() && t.cols.is_one()).then(|| query::jacobian(m, a, b));
        let index = [rest, &by.index].concat();
        match closed.flatten() {
            Some(d) => {
                let names = self.named(&d, false);
                let index = if index.is_empty() { index } else { two(rest, &by.index) };
                self.entries(&d, d.root, &names, &index, k, text, None)
            }
            None => self.jacobian_by_rows(m, a, b, &index, k, text),
        }
    }

    /// Row by row where there is no closed form.
    fn jacobian_by_rows(
        &self,
        m: &Module,
        a: NodeId,
        b: NodeId,
        index: &[Index],
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        if !index.is_empty() {
            return Err(refused(
                text,
                "this Jacobian has no closed form: ask for single entries",
            ));
        }
        let (s, t) = (m.graph[a].shape.clone(), m.graph[b].shape.clone());
        let long =
            |s: &Shape| if s.rows.is_one() { s.cols.clone() } else { s.rows.clone() };
        let (n, p) = (long(&s), long(&t));
        let shape = [self.side(&n), self.side(&p)];
        let Some(rows) = n.under(&m.dims.sizes) else {
            let value = Answered::Unknown;
            return Ok(Answer { shape, value, symbolic: None, latex: None });
        };
        let mut data = Vec::new();
        for i in 1..=rows {
            let mut one = m.clone();
            let at = self.slice(&mut one.graph, a, &[Index::At(i)], text)?;
            let d = query::gradient(&one, at, b, false);
            let Some(v) = self.state(k)?.value(&one, &d.graph, d.root) else {
                let value = Answered::Unknown;
                return Ok(Answer { shape, value, symbolic: None, latex: None });
            };
            data.extend(&v.of(0).data);
        }
        let cols = data.len() / rows.max(1);
        let value = Answered::Numbers(rounded(
            Mat::new(rows, cols, data),
            self.options.round_each,
        ));
        Ok(Answer { shape, value, symbolic: None, latex: None })
    }

    /// A node cut to entries given by numbers.
    fn slice(
        &self,
        g: &mut Graph,
        n: NodeId,
        index: &[Index],
        text: &str,
    ) -> Result<NodeId, Diagnostic> {
        let shape = g[n].shape.clone();
        let (r, c) = match index {
            [one] if shape.rows.is_one() && !shape.cols.is_one() => (&Index::All, one),
            [one] => (one, &Index::All),
            [r, c] => (r, c),
            _ => return Ok(n),
        };
        let (row, rows) = self.range(r, &shape.rows, text)?;
        let (col, cols) = self.range(c, &shape.cols, text)?;
        Ok(g.add(Op::Slice(Block { row, rows, col, cols }), &[n], Span::default()))
    }

    fn range(&self, i: &Index, d: &Dim, text: &str) -> Result<(Dim, Dim), Diagnostic> {
        match i {
            Index::At(n) => {
                if d.under(&self.m.dims.sizes).is_some_and(|size| *n > size) {
                    let why = format!("index {n} is outside 1..{d}");
                    return Err(Diagnostic::error(
                        Code::S5,
                        Span::new(0, text.len()),
                        why,
                    ));
                }
                Ok((Dim::size(n - 1), Dim::ONE))
            }
            _ => Ok((Dim::size(0), d.clone())),
        }
    }

    /// A whole derivative, or entries of it by numbers or letters.
    #[allow(
        clippy::too_many_arguments,
        reason = "one answer's parts, named at each call"
    )]
    fn entries(
        &self,
        d: &Derivative,
        root: NodeId,
        names: &BTreeMap<NodeId, String>,
        index: &[Index],
        k: usize,
        text: &str,
        own: Option<NodeId>,
    ) -> Result<Answer, Diagnostic> {
        let printer = self.printer(&d.graph, names);
        let letters = index.iter().any(|i| matches!(i, Index::Letter(_)));
        let mut g = d.graph.clone();
        let cut = if letters { root } else { self.slice(&mut g, root, index, text)? };
        let e = match (index.is_empty(), g[cut].shape.is_scalar() || letters) {
            (false, true) => self.entry(&printer, root, index),
            (false, false) => Printer { graph: &g, ..self.printer(&g, names) }.node(cut),
            _ => printer.node(root),
        };
        let value = match (letters, own) {
            (true, _) => Answered::Unknown,
            (false, Some(node)) => {
                let mut own = self.m.graph.clone();
                let at = self.slice(&mut own, node, index, text)?;
                self.matrix(self.state(k)?.value(self.m, &own, at))
            }
            (false, None) => self.matrix(self.state(k)?.value(self.m, &g, cut)),
        };
        let one = Side::Size(1);
        let shape = if letters { [one.clone(), one] } else { self.shape(&g, cut) };
        let symbolic = Some(print_expr(&e, Style::Unicode));
        Ok(Answer { shape, value, symbolic, latex: Some(latex(&e)) })
    }

    /// One entry in index form; with two letters by cases if they differ.
    fn entry(&self, printer: &Printer<'_>, root: NodeId, index: &[Index]) -> Expr {
        let place = |i: &Index| match i {
            Index::At(n) => Place::Number(*n),
            Index::Letter(l) => Place::Letter(l.clone()),
            Index::All => Place::Number(1),
        };
        let row = printer.graph[root].shape.rows.is_one();
        let (i, j) = match index {
            [one] if row => (Place::Number(1), place(one)),
            [one] => (place(one), Place::Number(1)),
            [r, c, ..] => (place(r), place(c)),
            [] => (Place::Number(1), Place::Number(1)),
        };
        let no = Entries { printer, same: Same::No }.entry(root, &i, &j);
        let (Place::Letter(a), Place::Letter(b)) = (&i, &j) else { return no };
        // Where both are one index, one letter says it.
        let yes = Entries { printer, same: Same::Yes }.entry(root, &i, &i);
        if print_expr(&yes, Style::Unicode) == print_expr(&no, Style::Unicode) || a == b {
            return yes;
        }
        cases(yes, b, a, no)
    }

    fn difference(
        &self,
        top: &Target,
        by: &Target,
        h: f64,
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        let a = self.node(top, text)?;
        let mut g = self.m.graph.clone();
        let a = self.slice(&mut g, a, &top.index, text)?;
        let Some(s) = self.m.symbol(&by.key) else {
            return Err(refused(text, "fd moves a symbol that has a value of its own"));
        };
        if !g[a].shape.is_scalar() {
            return Err(refused(text, "fd is of one number: give an entry"));
        }
        let state = self.state(k)?;
        let symbolic = Some(format!(
            "({0}({1} + {h}) − {0}({1} − {h})) / {2}",
            top.written,
            by.written,
            2.0 * h
        ));
        let shape = [self.side(&s.shape.rows), self.side(&s.shape.cols)];
        let Some(x) = state.values.get(&s.id) else {
            return Ok(Answer {
                shape,
                value: Answered::Unknown,
                latex: symbolic.clone(),
                symbolic,
            });
        };
        if x.data.iter().all(|v| v + h == *v) {
            return Err(refused(text, "its numbers do not move by a step that small"));
        }
        let value = self.central(state, &g, a, s.id, x, h);
        let value = match (value, by.index.as_slice()) {
            (Some(v), []) => Answered::Numbers(v),
            (Some(v), index) => Answered::Numbers(cut_value(&v, index)),
            (None, _) => Answered::Unknown,
        };
        let shape = match &value {
            Answered::Numbers(v) => [Side::Size(v.rows), Side::Size(v.cols)],
            _ => shape,
        };
        Ok(Answer { shape, value, latex: symbolic.clone(), symbolic })
    }

    /// (a(x + h) − a(x − h)) / 2h for every entry of x.
    fn central(
        &self,
        state: &State,
        g: &Graph,
        a: NodeId,
        id: SymId,
        x: &Mat,
        h: f64,
    ) -> Option<Mat> {
        let mut moved = state.clone();
        let mut out = x.clone();
        let total = |v: Value| match v {
            Value::Shared(m) => m.data[0],
            Value::Each(all) => {
                all.iter().map(|m| m.data[0]).sum::<f64>() / all.len() as f64
            }
        };
        for i in 0..x.data.len() {
            let mut at = |d: f64| {
                let mut y = x.clone();
                y.data[i] += d;
                moved.values.insert(id, y);
                moved.value(self.m, g, a).map(total)
            };
            out.data[i] = (at(h)? - at(-h)?) / (2.0 * h);
        }
        Some(out)
    }

    fn memory(
        &self,
        name: &str,
        t: &Target,
        k: usize,
        text: &str,
    ) -> Result<Answer, Diagnostic> {
        let Some(s) = self.m.symbol(&t.key) else {
            return Err(refused(text, "a state belongs to a learned symbol"));
        };
        let stepper = match &self.stepper {
            Some(Ok(s)) => s,
            Some(Err(d)) => return Err(d.clone()),
            None => return Err(refused(text, "no step was taken")),
        };
        let Some(place) = stepper.state_place(name, s.id) else {
            let known = stepper.states();
            let d = refused(
                text,
                &format!("`{name}` is no state of the rule for `{}`", t.written),
            );
            return Err(match known.is_empty() {
                true => d.hint("this rule has no state"),
                false => d.hint(format!("its states: {}", known.join(", "))),
            });
        };
        let state = self.state(k)?;
        let shape = [self.side(&s.shape.rows), self.side(&s.shape.cols)];
        let value = match state.memory.get(&s.id) {
            Some(all) => Answered::Numbers(cut_value(&all[place], &t.index)),
            None => Answered::Unknown,
        };
        Ok(Answer { shape, value, symbolic: None, latex: None })
    }
}

/// Entries of a value by numbers.
fn cut_value(v: &Mat, index: &[Index]) -> Mat {
    let all = |n: usize| (0..n).collect::<Vec<_>>();
    let pick = |i: &Index, n: usize| match i {
        Index::At(k) if *k <= n => vec![k - 1],
        _ => all(n),
    };
    let (rows, cols) = match index {
        [] => return v.clone(),
        [one] if v.rows == 1 => (all(1), pick(one, v.cols)),
        [one] => (pick(one, v.rows), all(v.cols)),
        [r, c, ..] => (pick(r, v.rows), pick(c, v.cols)),
    };
    Mat::from_fn(rows.len(), cols.len(), |i, j| v.at(rows[i], cols[j]))
}

/// Whether an answer rests on a derivative.
fn needs_gradient(a: &Asked) -> bool {
    let derives = matches!(a.question, Question::Derivative(..) | Question::State(..));
    derives || !matches!(a.when, When::Unsaid | When::At(0))
}

/// The gradients of the objective against differences at made-up numbers: nothing that rests
/// on a derivative is shown before this has been seen to hold. Symbols of which no made-up number tells
/// anything, as what is minimised overflows there.
///
/// # Errors
/// M3 with the symbol whose gradient is wrong.
pub fn gradients_hold(m: &Module) -> Result<Vec<SymId>, Diagnostic> {
    crate::memory::by_hand(m, &Default::default(), 1)?;
    match derive(m) {
        Ok(d) => verify::gradient(m, &d, 0).map_err(|d| *d),
        // Without an objective there is nothing to hold a derivative against here.
        Err(_) => Ok(Vec::new()),
    }
}

/// Index of the upper entry, then of the lower one.
fn two(top: &[Index], by: &[Index]) -> Vec<Index> {
    let one = |i: &[Index]| i.first().cloned().unwrap_or(Index::All);
    vec![one(top), one(by)]
}

fn side_by_side(all: &[Mat]) -> Mat {
    match all {
        [one] => one.clone(),
        _ => {
            let rows = all.first().map_or(0, |m| m.data.len());
            Mat::from_fn(rows, all.len(), |i, j| all[j].data[i])
        }
    }
}

fn side_text(s: &Side) -> String {
    match s {
        Side::Size(n) => n.to_string(),
        Side::Name(n) => n.clone(),
    }
}

fn entry_count(s: &Shape) -> String {
    match (s.rows.is_one(), s.cols.is_one()) {
        (true, _) => s.cols.to_string(),
        (_, true) => s.rows.to_string(),
        _ => format!("{} {}", s.rows, s.cols),
    }
}

fn plain(name: &str) -> (String, String) {
    let (e, _) = chainrule_graph::syntax::parse_expression(name, &|_| false);
    (name.to_string(), latex(&e))
}

/// `yes if i = k else no`.
fn cases(yes: Expr, i: &str, k: &str, no: Expr) -> Expr {
    let letter = |l: &str| plain_expr(l);
    let expr = |kind| Expr { kind, span: Span::default() };
    let equal = expr(ExprKind::Binary(
        chainrule_graph::syntax::ast::BinaryOp::Eq,
        Box::new(letter(i)),
        Box::new(letter(k)),
    ));
    expr(ExprKind::Cases(Box::new(yes), Box::new(equal), Box::new(no)))
}

fn plain_expr(name: &str) -> Expr {
    chainrule_graph::syntax::parse_expression(name, &|_| false).0
}
