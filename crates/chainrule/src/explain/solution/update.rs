//! Steps of an optimiser by hand: its own update equations, filled in.
//!
//! In: a file with values and an update rule. Out: for each step what moves, by which equations, to what;
//! the new loss. Invariant: every printed result is held against the number that the optimiser
//! computes; one that differs stops the solution. Deliberately absent: which rule it is; the user's
//! own are treated as those that ship.

use std::collections::BTreeMap;

use chainrule_graph::diag::Diagnostic;
use chainrule_graph::eval::Value;
use chainrule_graph::graph::SymId;
use chainrule_graph::syntax::ast::{Arg, Expr, ExprKind, Optimizer, OptimizerCall};
use chainrule_graph::value::Mat;

use super::backward::refused;
use super::cases::folded;
use super::context::Context;
use super::fill::Fill;
use super::numeric::worth;
use crate::explain::formula::{Formula, Relation, call, element, name, number, plain};
use crate::explain::state::{State, Stepper, learned, of_update, round_to, update_call};
use crate::explain::tree::{
    Block, Fold, Inline, Level, Table, because, line, math, words,
};

/// More lines than this: the first entry of each symbol stands for all.
const MOST_LINES: usize = 24;
/// More numbers than this are updated by a table only.
const MOST_ENTRIES: usize = 1000;
/// More steps than this are listed, not written out.
const MOST_STEPS: usize = 3;

pub(super) fn blocks(cx: &Context<'_>) -> Result<Vec<Block>, Diagnostic> {
    let o = &cx.options.ask;
    let frozen: Vec<String> =
        o.freeze.iter().map(|n| chainrule_graph::syntax::canonical(n)).collect();
    let moves = learned(cx.m, &frozen);
    let known = moves.iter().all(|(id, _)| cx.state.values.contains_key(id));
    if moves.is_empty() || !known || !cx.has_values() || cx.m.objective.is_none() {
        return Ok(Vec::new());
    }
    let Some(rule) = rule_call(cx)? else {
        let text = "No update rule is given: name one, as in --update \"sgd(lr = 0.1)\".";
        return Ok(vec![Block::Words(words(text))]);
    };
    let how = (o.round_each, o.training.is_some());
    let stepper = Stepper::new(cx.m, &rule, &frozen, o.steps, how)
        .map_err(|d| of_update(o.update.as_deref(), d))?;
    Update::new(cx, &stepper, &rule).map_or_else(|| Ok(Vec::new()), |u| u.blocks())
}

/// `--update`, else the file's own.
fn rule_call(cx: &Context<'_>) -> Result<Option<OptimizerCall>, Diagnostic> {
    match &cx.options.ask.update {
        Some(text) => update_call(cx.m, text).map(Some),
        None => Ok(cx.m.train.as_ref().and_then(|t| t.optimizer.clone())),
    }
}

struct Update<'a> {
    cx: &'a Context<'a>,
    stepper: &'a Stepper<'a>,
    call: &'a OptimizerCall,
    rule: &'a Optimizer,
}

impl<'a> Update<'a> {
    fn new(
        cx: &'a Context<'a>,
        stepper: &'a Stepper<'a>,
        call: &'a OptimizerCall,
    ) -> Option<Self> {
        let rule = cx.m.functions.optimizer(&call.name.written)?;
        Some(Self { cx, stepper, call, rule })
    }

    fn blocks(&self) -> Result<Vec<Block>, Diagnostic> {
        let steps = self.cx.options.ask.steps;
        let mut out = self.rule_lines();
        out.extend(self.decay());
        let mut state = self.cx.state.clone();
        let mut losses = vec![self.loss(&state)];
        for t in 1..=steps {
            let before = state.clone();
            let moved = self.stepper.gradients_at(&before)?;
            self.stepper.step(&mut state, t)?;
            losses.push(self.loss(&state));
            let all = self.cx.level() == Level::Every;
            let written = self.worked(t, &before, &moved, &state)?;
            if t <= MOST_STEPS || all || t == steps {
                out.extend(self.step(t, &before, &moved, &state, written, &losses));
            }
        }
        out.extend(self.losses(&losses));
        Ok(out)
    }

    /// The rule as its entry has it, with what it is called with.
    fn rule_lines(&self) -> Vec<Block> {
        let title = format!(
            "{}, per entry: θ the parameter, g its gradient",
            self.call.name.written
        );
        let mut out = vec![Block::Words(words(format!("{title}.")))];
        for (target, e) in &self.rule.lines {
            out.push(line(
                Formula::of(name(&target.key)).then(Relation::Becomes, e.clone()),
            ));
        }
        let shown = |(n, v): &(String, f64)| {
            let e = number(*v, self.cx.digits);
            Inline::Formula(Formula::of(name(n)).equals(e))
        };
        let last = self.cx.options.ask.steps.max(1);
        let (first, end) =
            (self.stepper.arguments(0, 1), self.stepper.arguments(0, last));
        let fixed: Vec<&(String, f64)> =
            first.iter().filter(|a| end.contains(a)).collect();
        let starts = self.stepper.starts(0);
        let mut said = Vec::new();
        for (k, a) in fixed.into_iter().chain(&starts).enumerate() {
            said.extend((k > 0).then(|| Inline::Words(", ".to_owned())));
            said.push(shown(a));
        }
        if !said.is_empty() {
            said.insert(0, Inline::Words("with ".to_owned()));
            let start = if starts.is_empty() { "" } else { " at the start" };
            said.push(Inline::Words(start.to_owned()));
            out.push(Block::Words(said));
        }
        if let Some(limit) = self.stepper.clip() {
            let text = format!(
                "Gradients are scaled so that their common norm is at most {limit} before the rule sees \
                 them."
            );
            out.push(Block::Words(words(text)));
        }
        out
    }

    /// L2 in the objective, in the gradient, or on the parameter itself.
    fn decay(&self) -> Option<Block> {
        let arguments = self.stepper.arguments(0, 1);
        let (_, rate) =
            arguments.iter().find(|(n, v)| n == "weight_decay" && *v != 0.0)?;
        let holds = |e: &Expr| plain(e).contains("weight_decay");
        let mut inside = self.rule.lines.iter().filter(|(t, _)| t.key != "θ");
        let adapts = inside.clone().count() > 0;
        let text = match (inside.any(|(_, e)| holds(e)), adapts) {
            (true, _) => format!(
                "Weight decay {rate} is L2 here: it is added to the gradient and goes through everything \
                 that the rule does to gradients."
            ),
            (false, true) => format!(
                "Weight decay {rate} is decoupled: it shrinks the parameter itself and takes no part in the \
                 means of the gradient, so that it is not divided by their size."
            ),
            (false, false) => format!(
                "Weight decay {rate}: for a plain step along the gradient, L2 in the gradient and decay of \
                 the parameter itself are the same."
            ),
        };
        Some(Block::Note(words(text)))
    }

    fn loss(&self, state: &State) -> Option<f64> {
        let o = self.cx.m.objective.as_ref()?;
        match state.value(self.cx.m, &self.cx.m.graph, o.node)? {
            Value::Shared(m) => m.data.first().copied(),
            Value::Each(all) => {
                let sum: f64 = all.iter().map(|m| m.data[0]).sum();
                Some(sum / all.len().max(1) as f64)
            }
        }
    }

    /// Every line of the rule for every entry; empty where they are too many. What comes out is held
    /// against what the optimiser computed.
    fn worked(
        &self,
        t: usize,
        before: &State,
        moved: &[(SymId, Mat)],
        after: &State,
    ) -> Result<Vec<Block>, Diagnostic> {
        let entries: usize = moved.iter().map(|(_, g)| g.data.len()).sum();
        if entries > MOST_ENTRIES {
            return Ok(Vec::new());
        }
        let all = entries * self.rule.lines.len() <= MOST_LINES;
        let all = all || self.cx.level() == Level::Every;
        let mut out = Vec::new();
        for (k, (id, g)) in moved.iter().enumerate() {
            for i in 0..g.data.len() {
                let new = after.values[id].data[i];
                let Some((lines, value)) = self.entry(k, *id, (g, i), t, before) else {
                    return Ok(Vec::new());
                };
                if (value - new).abs() > 1e-9 * (1.0 + new.abs()) {
                    let who = &self.cx.symbols[id.0 as usize];
                    return Err(refused(format!(
                        "step {t} takes {who} to {new}, by hand {value}"
                    )));
                }
                if all || i == 0 && out.len() < MOST_LINES {
                    out.extend(lines);
                }
            }
        }
        if self.cx.level() == Level::Brief {
            out.clear();
        } else if !all {
            let text =
                "The first entry of each stands for all; --every writes out the others.";
            out.push(Block::Words(words(text)));
        }
        Ok(out)
    }

    /// The rule's lines for one entry, and what θ comes to.
    fn entry(
        &self,
        k: usize,
        id: SymId,
        (g, i): (&Mat, usize),
        t: usize,
        before: &State,
    ) -> Option<(Vec<Block>, f64)> {
        let cx = self.cx;
        let theta = before.values.get(&id)?;
        let mut values: BTreeMap<String, f64> = BTreeMap::new();
        let arguments = self.stepper.arguments(k, t);
        let clock = [("t", t), ("epoch", t), ("T", cx.options.ask.steps)];
        values.extend(clock.map(|(n, v)| (n.to_owned(), v as f64)));
        values.extend(arguments.iter().cloned());
        let starts = self.stepper.starts(k);
        for (s, (state, start)) in starts.iter().enumerate() {
            let kept = before.memory.get(&id).map(|all| all[s].data[i]);
            values.insert(state.clone(), kept.unwrap_or(*start));
        }
        values.insert("θ".to_owned(), theta.data[i]);
        values.insert("g".to_owned(), g.data[i]);
        let at = (i / theta.cols, i % theta.cols);
        let shown = element(name(&cx.symbols[id.0 as usize]), theta, at);
        let fill = Fill { cx, w: &cx.file };
        let mut out = Vec::new();
        for (target, e) in &self.rule.lines {
            let short = folded(&silent(e, &arguments));
            let known: BTreeMap<String, Mat> =
                values.iter().map(|(n, v)| (n.clone(), Mat::scalar(*v))).collect();
            let filled = fill.filled(&short, &known, true);
            let mut value = worth(&filled)?;
            let own = target.key == "θ" || starts.iter().any(|(n, _)| *n == target.key);
            if let Some(n) = cx.options.ask.round_each.filter(|_| own) {
                value = round_to(value, n);
            }
            values.insert(target.key.clone(), value);
            let left = match target.key.as_str() {
                "θ" => shown.clone(),
                other => call(other, 0, vec![shown.clone()]),
            };
            let formula = Formula::of(left)
                .then(Relation::Becomes, filled)
                .value(&Mat::scalar(value), cx.digits);
            let formula = if target.key == "θ" { formula.boxed() } else { formula };
            out.push(line(formula));
        }
        Some((out, values["θ"]))
    }

    fn step(
        &self,
        t: usize,
        before: &State,
        moved: &[(SymId, Mat)],
        after: &State,
        written: Vec<Block>,
        losses: &[Option<f64>],
    ) -> Vec<Block> {
        let cx = self.cx;
        let mut blocks = self.scheduled(t);
        blocks.extend(written);
        let row = |(id, g): &(SymId, Mat)| {
            let shown = &cx.symbols[id.0 as usize];
            vec![
                math(Formula::of(name(shown))),
                cx.cell(shown, &before.values[id]),
                cx.cell(&format!("dL/d{shown}"), g),
                cx.cell(&format!("{shown}@{t}"), &after.values[id]),
            ]
        };
        let head = ["", "old", "gradient", "new"].map(str::to_owned).to_vec();
        blocks.push(Block::Table(Table { head, rows: moved.iter().map(row).collect() }));
        if let [.., Some(old), Some(new)] = losses {
            blocks.push(self.fell(*old, *new));
        }
        if cx.options.ask.steps == 1 {
            return blocks;
        }
        let title = words(format!("Step {t}"));
        vec![Block::Fold(Fold { level: Level::Brief, title, blocks })]
    }

    /// Arguments that change from step to step.
    fn scheduled(&self, t: usize) -> Vec<Block> {
        let last = self.cx.options.ask.steps.max(1);
        let (now, first, end) = (
            self.stepper.arguments(0, t),
            self.stepper.arguments(0, 1),
            self.stepper.arguments(0, last),
        );
        let moves = (0..now.len()).filter(|k| first.get(*k) != end.get(*k));
        let one = |k: usize| {
            let (n, v) = &now[k];
            let mut formula = Formula::of(name(n));
            if let Some(a) = self.given(n) {
                formula = formula.equals(a.clone());
            }
            let formula = formula.value(&Mat::scalar(*v), self.cx.digits);
            because(formula, words(format!("the schedule at step {t}")))
        };
        moves.map(one).collect()
    }

    /// What the call gives for an argument; one without a name is the first.
    fn given(&self, argument: &str) -> Option<&Expr> {
        let named = |a: &&Arg| a.name.as_ref().is_some_and(|x| x.key == argument);
        let all = &self.call.args;
        let given = all.iter().find(named);
        given.or_else(|| all.first().filter(|a| a.name.is_none())).map(|a| &a.value)
    }

    fn fell(&self, old: f64, new: f64) -> Block {
        let what = self.cx.m.objective.as_ref().map_or("", |o| o.shown.as_str());
        let d = self.cx.digits;
        let word = match new.partial_cmp(&old) {
            Some(std::cmp::Ordering::Less) => "it fell",
            Some(std::cmp::Ordering::Equal) => "it stayed",
            Some(std::cmp::Ordering::Greater) => "it rose: the step was too long",
            None => "it is no number any more",
        };
        Block::Words(vec![
            Inline::Formula(Formula::of(name(what))),
            Inline::Words(" was ".to_owned()),
            Inline::Formula(Formula::of(number(old, d))),
            Inline::Words(" and is now ".to_owned()),
            Inline::Formula(Formula::of(number(new, d))),
            Inline::Words(format!(": {word}.")),
        ])
    }

    /// The loss after each of several steps.
    fn losses(&self, losses: &[Option<f64>]) -> Option<Block> {
        if losses.len() < 3 || losses.len() > 60 {
            return None;
        }
        let d = self.cx.digits;
        let row = |(t, v): (usize, &Option<f64>)| {
            Some(vec![words(t.to_string()), math(Formula::of(number((*v)?, d)))])
        };
        let rows: Vec<Vec<Vec<Inline>>> =
            losses.iter().enumerate().filter_map(row).collect();
        let what = self.cx.m.objective.as_ref().map_or("loss", |o| o.shown.as_str());
        let head = vec!["after step".to_owned(), what.to_owned()];
        Some(Block::Table(Table { head, rows }))
    }
}

/// Arguments that are 0 put in, so that what they silence is not written.
fn silent(e: &Expr, arguments: &[(String, f64)]) -> Expr {
    if let ExprKind::Name(n) = &e.kind
        && arguments.iter().any(|(a, v)| *a == n.key && *v == 0.0)
    {
        return number(0.0, 1);
    }
    let mut out = e.clone();
    for child in chainrule_graph::lower::children_mut(&mut out) {
        *child = silent(child, arguments);
    }
    out
}
