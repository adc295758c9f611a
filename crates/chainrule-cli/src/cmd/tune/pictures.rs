//! The loss over each number that was searched, for a terminal; its good range is marked below.
//!
//! In: trials. Out: text. What diverged stands at the upper edge as a cross.

use chainrule::tune::best::{self, Good};
use chainrule::tune::space::Axis;

use super::Found;
use crate::plot::{Points, scatter};

/// All pictures.
pub(super) fn text(found: &Found<'_>) -> String {
    let one = |axis: &Axis| {
        let good = found.good(axis).map(|g| (g.low, g.high));
        let points = Points {
            all: &found.points(axis),
            name: &axis.name,
            log: axis.is_log(),
            good,
        };
        scatter(&points)
    };
    let axes = found.study.axes.iter().filter(|a| a.is_number());
    axes.map(one).filter(|p| !p.is_empty()).map(|p| format!("\n{p}")).collect()
}

impl Found<'_> {
    /// Values of an axis with their losses.
    pub(super) fn points(&self, axis: &Axis) -> Vec<(f64, f64)> {
        best::points(axis, &|k| self.set(k).clone(), self.trials)
    }

    /// Where a number is good.
    pub(super) fn good(&self, axis: &Axis) -> Option<Good> {
        best::good(&self.points(axis))
    }
}
