//! What is said while training runs: a bar with rate and time left, or a line now and then.
//!
//! In: events. Out: words on standard error. The bar is only for somebody who watches; into a file go
//! about ten lines, whatever the number of epochs.

use std::fmt;

use chainrule::train::{Batch, Begin, Epoch, Event};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::numbers::Digits;
use crate::screen::Screen;

/// Lines that an unwatched training says.
const LINES: usize = 10;

/// The words of one training.
pub(crate) struct Progress<'s> {
    screen: &'s Screen,
    bar: Option<ProgressBar>,
    begin: Option<Begin>,
    quiet: bool,
}

impl<'s> Progress<'s> {
    pub(crate) fn new(screen: &'s Screen, quiet: bool) -> Self {
        Self { screen, bar: None, begin: None, quiet }
    }

    /// Says what there is to say.
    pub(crate) fn tell(&mut self, event: &Event) {
        match event {
            Event::Start(begin) => self.start(begin),
            Event::Batch(batch) => self.batch(batch),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::Note(words) => self.line(words),
            Event::End(_) => self.end(),
        }
    }

    fn line(&self, words: &str) {
        if self.quiet {
            return;
        }
        let say = || self.screen.say(&format!("{words}\n"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn start(&mut self, b: &Begin) {
        let held = match b.held_out {
            0 => String::new(),
            n => format!(", {n} watched"),
        };
        self.line(&format!(
            "training on {} rows{held}; {} numbers are learned; {} steps of {} rows an epoch, \
             {} epochs at most",
            b.rows, b.parameters, b.batches, b.batch, b.epochs
        ));
        self.begin = Some(b.clone());
        if self.screen.is_watched() && !self.quiet {
            self.bar = Some(bar(b));
        }
    }

    fn batch(&self, b: &Batch) {
        if let Some(bar) = &self.bar {
            if Some(b.step) == self.begin.as_ref().map(|begin| begin.done + 1) {
                // The plan was made until here: that is no part of the rate.
                bar.reset_eta();
            }
            bar.set_position(b.step);
        }
    }

    fn epoch(&mut self, e: &Epoch) {
        let Some(begin) = &self.begin else { return };
        let words = words(begin, e);
        match &self.bar {
            Some(bar) => bar.set_message(words),
            None => {
                let every = begin.epochs.div_ceil(LINES).max(1);
                if e.epoch == 1
                    || e.epoch.is_multiple_of(every)
                    || e.epoch == begin.epochs
                {
                    self.line(&words);
                }
            }
        }
    }

    /// Takes the bar away; what it said last is in the summary.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(b: &Begin) -> ProgressBar {
    let steps = b.epochs.saturating_mul(b.batches) as u64;
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let template = "{bar:24} {percent:>3} %  {rate}, {eta} left  {msg}";
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A word that cannot be drawn is missing from a bar, no more.
        let _ = write!(out, "{:.0} steps/s", state.per_sec());
    };
    bar.set_style(style.with_key("rate", rate));
    bar
}

/// "epoch 3/60  loss 0.31, accuracy 0.902  held out 0.29, accuracy 0.914".
fn words(begin: &Begin, e: &Epoch) -> String {
    let digits = Digits { digits: 4, ascii: false };
    let number = |v: f64| digits.number(v);
    let part = |name: &str, loss: f64, metric: Option<f64>| {
        let said = begin.metric.zip(metric);
        let metric = said.map(|(name, v)| format!(", {name} {}", number(v)));
        format!("  {name} {}{}", number(loss), metric.unwrap_or_default())
    };
    let mut out = format!("epoch {}/{}", e.epoch, begin.epochs);
    out.push_str(&part("loss", e.loss, e.metric));
    if let Some(loss) = e.held_loss {
        out.push_str(&part("held out", loss, e.held_metric));
    }
    out
}
