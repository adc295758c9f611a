//! `train:` and `data:` as text.

use super::super::ast::{Every, OptimizerCall, TrainSpec};
use super::super::settings::{DataSpec, print_data};
use super::Printer;
use super::statements::precision_word;

impl Printer {
    pub(super) fn data(&mut self, spec: &DataSpec) {
        self.text("data: ");
        self.text(&print_data(spec));
    }

    pub(super) fn train(&mut self, spec: &TrainSpec) {
        self.text("train: ");
        let mut items = Vec::new();
        items.extend(spec.optimizer.as_ref().map(|call| self.setting_call(call)));
        items.extend(spec.batch.map(|rows| match rows {
            0 => "batch full".to_string(),
            rows => format!("batch {rows}"),
        }));
        items.extend(spec.epochs.map(|n| format!("epochs {n}")));
        items.extend(spec.seed.map(|n| format!("seed {n}")));
        items.extend(spec.clip.map(|c| format!("clip {c:?}")));
        items.extend(spec.patience.map(|n| format!("patience {n}")));
        let keep = |best: bool| if best { "keep best" } else { "keep last" };
        items.extend(spec.keep_best.map(|best| keep(best).to_string()));
        items.extend(spec.stop_after.map(|s| format!("stop after {s:?} s")));
        let precision = spec.precision.map(precision_word);
        items.extend(precision.map(|word| format!("precision {word}")));
        if !spec.decay.is_empty() {
            items.push(format!("decay {}", spec.decay.join(" ")));
        }
        items.extend(spec.plateau.as_ref().map(|call| self.setting_call(call)));
        items.extend(spec.checkpoint.map(|every| match every {
            Every::Steps(n) => format!("checkpoint every {n} steps"),
            Every::Seconds(s) => format!("checkpoint every {s:?} s"),
            Every::Never => "checkpoint never".to_string(),
        }));
        self.text(&items.join(", "));
    }

    fn setting_call(&self, call: &OptimizerCall) -> String {
        let mut printer = Printer::new(self.style);
        printer.name(&call.name);
        if !call.args.is_empty() {
            printer.arguments(&call.args);
        }
        printer.out
    }
}
