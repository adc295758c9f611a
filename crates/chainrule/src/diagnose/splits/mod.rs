//! Whether two parts of the data come from the same source, and whether one gives the other away.
//!
//! In: two prepared parts with their recipe, or two tables. Out: [`Splits`]: a classifier that tries to
//! tell the parts apart, a test for each column and target, rows that stand in both, and findings.
//! Invariant: all tests of a split together call a random split of the same rows different in at most
//! [`LEVEL`] of the cases; each family of tests has its share of it, and each part of a file's its
//! share of that. Deliberately absent: rows on disk;
//! parts that are told apart on purpose (a split by time) are told apart here, too.
//!
//! ```
//! use chainrule::diagnose::splits;
//! use chainrule::table;
//!
//! let train: Vec<f64> = (0..200).map(f64::from).collect();
//! let held: Vec<f64> = (0..100).map(|i| f64::from(i) + 400.0).collect();
//! let (train, held) = (table(&[("x", 1, &train)])?, table(&[("x", 1, &held)])?);
//! let found = splits::of_tables(&train, &held, None, "the tables")?;
//! assert_eq!(found.findings[0].id, "distribution_shift");
//! # Ok::<(), chainrule::Error>(())
//! ```

mod chance;
mod classifier;
mod columns;
mod pooled;
mod twins;

use std::path::Path;

use serde::Serialize;

pub use classifier::Classifier;
pub use columns::ColumnTest;
pub use twins::{NEAR, Twins};

use super::{Finding, Severity};
use crate::data::{Dataset, Part, Parts, Preparation, Source, read_as, read_guessing};
use crate::error::Error;
use pooled::Pooled;

/// A random split is called different in at most this share of the cases.
pub const LEVEL: f64 = 0.01;
/// The shares of the families in it: classifier, columns, equal rows, near rows.
const SHARES: [f64; 4] = [0.3, 0.5, 0.1, 0.1];
/// Differences below these are found with many rows, and matter little: of the area, of a mean in
/// standard deviations, of a share.
const LITTLE: (f64, f64, f64) = (0.05, 0.1, 0.05);
/// As many are named in a sentence.
const NAMED: usize = 5;

/// Two parts held against each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Splits {
    /// Rows of training.
    pub train: usize,
    /// Rows of the other part.
    pub held: usize,
    /// How often a random split of these rows looks as odd, all tests together.
    pub p: f64,
    /// Below this p there is a finding.
    pub level: f64,
    /// What can be told from whole rows; `None` if a part has too few.
    pub classifier: Option<Classifier>,
    /// Column by column.
    pub columns: Vec<ColumnTest>,
    /// Rows that stand in training, too.
    pub equal: Twins,
    /// Rows that are near one of training: equal in words, and in numbers but for
    /// [`NEAR`] standard deviations.
    pub near: Twins,
    /// Columns that name rows, which were left out where rows are compared.
    pub naming: Vec<String>,
    /// `distribution_shift` and `split_leak`, if there is one.
    pub findings: Vec<Finding>,
}

/// Holds a part against the one that was trained on; `place` says where, in findings.
#[must_use]
pub fn of_parts(
    recipe: &Preparation,
    train: &Dataset,
    held: &Dataset,
    place: &str,
) -> Splits {
    of_pooled(&Pooled::of_parts(recipe, [train, held]), place, LEVEL)
}

/// Holds every other part in memory against the one that was trained on, by its name; of a pair so
/// many rows at most, drawn without a look at them. All pairs share the level.
#[must_use]
pub fn of_all(
    parts: &Parts<'_>,
    most: usize,
    place: &dyn Fn(&str) -> String,
) -> Vec<(&'static str, Splits)> {
    let memory = |(name, part)| match part {
        Part::Memory(data) => Some((name, data)),
        Part::Disk(_) => None,
    };
    let all: Vec<(&'static str, &Dataset)> =
        parts.named().into_iter().filter_map(memory).collect();
    let [("training", train), others @ ..] = all.as_slice() else { return Vec::new() };
    let level = LEVEL / others.len().max(1) as f64;
    let one = |&(name, held): &(&'static str, &Dataset)| {
        let [train, held] = pooled::drawn([train, held], most);
        let pooled = Pooled::of_parts(parts.preparation, [&train, &held]);
        (name, of_pooled(&pooled, &place(name), level))
    };
    others.iter().map(one).collect()
}

/// The same for two tables with the same columns.
///
/// # Errors
/// [`Error::Data`] for a column that the second has not, or not of the same kind; [`Error::Usage`] for
/// a target that the first has not.
pub fn of_tables(
    train: &Source,
    held: &Source,
    target: Option<&str>,
    place: &str,
) -> Result<Splits, Error> {
    Ok(of_pooled(&Pooled::of_tables([train, held], target)?, place, LEVEL))
}

/// The same for two files of which nothing is known; the second is read as the first.
///
/// # Errors
/// As [`of_tables`] and [`read_guessing`].
pub fn of_files(train: &str, held: &str, target: Option<&str>) -> Result<Splits, Error> {
    let folder = Path::new(".");
    let (first, spec) = read_guessing(folder, train)?;
    let words = first.columns.iter().filter(|c| c.is_text());
    let words: Vec<String> = words.map(|c| c.name.clone()).collect();
    let second = read_as(folder, held, &spec, &words)?;
    of_tables(&first, &second, target, held)
}

fn of_pooled(pooled: &Pooled, place: &str, level: f64) -> Splits {
    let (equal, near, naming) = twins::twins(pooled);
    let mut found = Splits {
        train: pooled.train,
        held: pooled.held(),
        p: 1.0,
        level,
        classifier: classifier::tell_apart(pooled),
        columns: columns::tests(pooled),
        equal,
        near,
        naming,
        findings: Vec::new(),
    };
    found.p = found.families().into_iter().fold(1.0, f64::min);
    found.findings.extend(found.leak(place));
    found.findings.extend(found.shift(place));
    found
}

impl Splits {
    /// p of each family, with regard to its share.
    fn families(&self) -> [f64; 4] {
        let told = self.classifier.as_ref().map_or(1.0, |c| c.p);
        let column = self.columns.iter().map(|c| c.adjusted).fold(1.0, f64::min);
        let all = [told, column, self.equal.p, self.near.p];
        std::array::from_fn(|i| all[i] / SHARES[i])
    }

    /// The columns that betray the split, those furthest apart first.
    #[must_use]
    pub fn betraying(&self) -> Vec<&ColumnTest> {
        let level = self.level * SHARES[1];
        let mut all: Vec<&ColumnTest> =
            self.columns.iter().filter(|c| c.adjusted < level).collect();
        all.sort_by(|a, b| b.apart.abs().total_cmp(&a.apart.abs()));
        all
    }

    fn shift(&self, place: &str) -> Option<Finding> {
        let [told, column, ..] = self.families();
        if told.min(column) >= self.level {
            return None;
        }
        let columns = self.betraying();
        let mut parts: Vec<String> =
            columns.iter().take(NAMED).map(|c| c.words()).collect();
        if columns.len() > NAMED {
            parts.push(format!("{} more columns", columns.len() - NAMED));
        }
        let told = self.classifier.as_ref().filter(|_| told < self.level);
        parts.extend(told.map(Classifier::words));
        let much = told.is_some_and(|c| c.auc - 0.5 > LITTLE.0)
            || columns.iter().any(|c| c.matters());
        let mut evidence = vec![("p", self.p), ("columns", columns.len() as f64)];
        if let Some(c) = &self.classifier {
            evidence.extend([
                ("auc", c.auc),
                ("auc_low", c.interval.0),
                ("auc_high", c.interval.1),
            ]);
        }
        Some(Finding {
            id: "distribution_shift",
            severity: if much { Severity::Warning } else { Severity::Note },
            place: place.to_owned(),
            message: format!(
                "the parts do not come from one source: {}",
                parts.join("; ")
            ),
            evidence,
            advice: "deal the rows at random (`hold out 20 %`, with classes \
                     `stratified`); if the parts differ on purpose, as in time, read every \
                     figure of this part as one about other data"
                .to_owned(),
        })
    }

    fn leak(&self, place: &str) -> Option<Finding> {
        let [.., equal, near] = self.families();
        let (twins, how) = match (equal < self.level, near < self.level) {
            (true, _) => (&self.equal, "stand in training, too"),
            (false, true) => (&self.near, "are nearly rows of training"),
            (false, false) => return None,
        };
        let named: Vec<String> = twins.pairs.iter().take(NAMED).map(named).collect();
        let more = match twins.rows.saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(Finding {
            id: "split_leak",
            severity: Severity::Warning,
            place: place.to_owned(),
            message: format!(
                "{} of {} rows {how}; of a random split of these rows it would be {:.1}: {}{more}",
                twins.rows,
                self.held,
                twins.expected,
                named.join(", ")
            ),
            evidence: vec![
                ("p", twins.p),
                ("equal", self.equal.rows as f64),
                ("equal_expected", self.equal.expected),
                ("near", self.near.rows as f64),
                ("near_expected", self.near.expected),
            ],
            advice:
                "take these rows out of one of the parts; figures of this part are too \
                     good by what was learned by heart"
                    .to_owned(),
        })
    }
}

/// "row 12 (row 3 of training)".
fn named(&(held, train): &(u32, u32)) -> String {
    format!("row {held} (row {train} of training)")
}

impl Classifier {
    fn words(&self) -> String {
        format!(
            "a classifier tells them apart with an AUC of {:.3} ({:.3} to {:.3}), by {}",
            self.auc,
            self.interval.0,
            self.interval.1,
            self.by.join(", ")
        )
    }
}

impl ColumnTest {
    /// What differs, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let kind = if self.target { "target " } else { "" };
        match &self.level {
            Some(level) => format!(
                "{kind}{}: `{level}` is {:.1} % of training and {:.1} % here",
                self.name,
                100.0 * self.train,
                100.0 * self.held
            ),
            None => format!(
                "{kind}{}: mean {:.4} in training and {:.4} here ({:+.2} standard deviations)",
                self.name, self.train, self.held, self.apart
            ),
        }
    }

    fn matters(&self) -> bool {
        let little = if self.level.is_some() { LITTLE.2 } else { LITTLE.1 };
        self.apart.abs() > little
    }
}

#[cfg(test)]
mod tests;
