//! The listing of a plan: every step with the equations and gradient nodes that it computes.
//!
//! In: a plan and the shown names of nodes. Out: one [`StepLine`] per step, as data; faces draw
//! it. Deliberately absent: times (see `run`).

use std::collections::BTreeMap;

use chainrule_graph::graph::NodeId;

use crate::plan::Plan;
use crate::plan::ext::Ext;
use crate::plan::step::{Fold, Fused, Way, Work};

/// One step as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLine {
    /// What is done: "product 32×20 · 20×64", "one pass of 3 operations over 32×64".
    pub what: String,
    /// Shown names of what it stores; `#12` for nodes without a name.
    pub names: Vec<String>,
    /// The nodes of the graph that it stores.
    pub nodes: Vec<NodeId>,
    /// Numbers that it writes, for the largest batch.
    pub writes: usize,
    /// What a reader should know: "materialises one-hot".
    pub note: Option<&'static str>,
}

impl Plan {
    /// Every step, in order.
    #[must_use]
    pub fn describe(&self, names: &[(NodeId, String)]) -> Vec<StepLine> {
        let names: BTreeMap<NodeId, &str> =
            names.iter().map(|(n, s)| (*n, s.as_str())).collect();
        let line = |work: &Work, ids: &[crate::plan::ir::Id]| {
            let source = |id: &crate::plan::ir::Id| self.sources.get(id.0 as usize);
            let nodes: Vec<NodeId> =
                ids.iter().filter_map(source).flatten().copied().collect();
            let shown = |n: &NodeId| names.get(n).map(|s| (*s).to_string());
            let mut shown: Vec<String> = nodes.iter().filter_map(shown).collect();
            if shown.is_empty() {
                shown = nodes.first().map(|n| format!("#{}", n.0)).into_iter().collect();
            }
            let (what, writes, note) = self.words(work);
            StepLine { what, names: shown, nodes, writes, note }
        };
        self.steps.iter().map(|s| line(&s.work, &s.ids)).collect()
    }

    fn words(&self, work: &Work) -> (String, usize, Option<&'static str>) {
        let at = |e: Ext| e.at(self.rows);
        let grid = |r: Ext, c: Ext| format!("{}×{}", at(r), at(c));
        let all = |s: &[Ext; 3]| s.iter().map(|e| at(*e)).product::<usize>();
        match work {
            Work::Fused(f) => (pass(f, &grid(f.rows, f.cols)), self.stored(f), None),
            Work::Product(p) => {
                let (m, n, k) = (at(p.m), at(p.n), at(p.k));
                let times = p.again.map(|a| format!(", {} times", at(a.count)));
                let slow = p.again.map(|_| "one example after the other");
                let what =
                    format!("product {m}×{k} · {k}×{n}{}", times.unwrap_or_default());
                (what, m * n, slow)
            }
            Work::Fold { fold, way, rows, cols, .. } => {
                let written = match (way, fold) {
                    (_, Fold::Softmax) => at(*rows) * at(*cols),
                    (Way::Rows, _) => at(*rows),
                    (Way::Cols, _) => at(*cols),
                    (Way::All, _) => 1,
                };
                (format!("{} {}", folded(*fold, *way), grid(*rows, *cols)), written, None)
            }
            Work::PlainFold { fold, dst, .. } => {
                let what = format!("{} by plain loops", folded(*fold, Way::All));
                (what, all(&dst.size), Some("no kernel for this direction"))
            }
            Work::Pick { cols, .. } => {
                (format!("pick one of {} per row", at(*cols)), self.rows, None)
            }
            Work::SubAt { cols, .. } => {
                (format!("subtract at one of {} per row", at(*cols)), self.rows, None)
            }
            Work::OneHot { cols, .. } => {
                let n = self.rows * at(*cols);
                ("one-hot".to_string(), n, Some("materialises one-hot"))
            }
            Work::Fill { rows, cols, .. } => {
                (format!("fill {}", grid(*rows, *cols)), at(*rows) * at(*cols), None)
            }
            Work::Copy { dst, .. } => ("copy".to_string(), all(&dst.size), None),
            Work::Eye { n, .. } => {
                (format!("identity {}", grid(*n, *n)), at(*n) * at(*n), None)
            }
        }
    }

    fn stored(&self, f: &Fused) -> usize {
        f.outputs.len() * f.rows.at(self.rows) * f.cols.at(self.rows)
    }
}

fn pass(f: &Fused, grid: &str) -> String {
    let n = f.program.insts.len();
    format!("one pass of {n} operation{} over {grid}", if n == 1 { "" } else { "s" })
}

fn folded(fold: Fold, way: Way) -> &'static str {
    match (fold, way) {
        (Fold::Sum, Way::Rows) => "row sums of",
        (Fold::Sum, Way::Cols) => "column sums of",
        (Fold::Sum, Way::All) => "sum of",
        (Fold::Max, _) => "maxima of",
        (Fold::Min, _) => "minima of",
        (Fold::MaxMask, _) => "places of maxima of",
        (Fold::MinMask, _) => "places of minima of",
        (Fold::LogSumExp, _) => "log-sum-exp of",
        (Fold::Softmax, _) => "softmax of",
    }
}
