//! Cells of a later table → the numbers that the network reads, as operators of ONNX.
//!
//! In: the recipe of a symbol. Out: N rows of numbers, and an input of the graph per column (one for
//! a whole symbol whose columns are entries of an array). Invariants: in double precision until the
//! last step, as [`crate::data`] does it; a missing number is the median, a missing word its own
//! category, an unseen word all zeros. What `predict` refuses (a class or level that training did not
//! see) becomes NaN, since ONNX has no errors for single cells. Deliberately absent: targets.

use std::mem::discriminant;

use super::build::{Build, ML};
use super::proto::{self, Attribute};
use crate::data::{ColumnPlan, Form, Kind, Preparation, Step, SymbolPlan};

/// The prepared rows of a symbol, N×D in the precision of the network.
pub(super) fn symbol(
    b: &mut Build,
    preparation: &Preparation,
    plan: &SymbolPlan,
    shown: &str,
) -> String {
    let array = plan.array.then(|| b.input(shown, proto::DOUBLE, plan.columns.len()));
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < plan.columns.len() {
        let run = alike(&plan.columns[at..]);
        let columns = &plan.columns[at..at + run];
        blocks.push(match (&columns[0].kind, &array) {
            (Kind::Number { .. }, Some(whole)) => {
                let cells = part(b, whole, at, run, plan.columns.len());
                numbers(b, &cells, columns)
            }
            (Kind::Number { .. }, None) => {
                let cells: Vec<String> =
                    columns.iter().map(|c| b.input(&c.name, proto::DOUBLE, 1)).collect();
                let cells = beside(b, &cells);
                numbers(b, &cells, columns)
            }
            (kind, _) => {
                Words { b, preparation, name: &columns[0].name }.entries(kind, plan.form)
            }
        });
        at += run;
    }
    let rows = beside(b, &blocks);
    let real = b.real();
    b.cast(&rows, real)
}

/// How many columns from the first on are numbers with the same kinds of steps; at least one.
fn alike(columns: &[ColumnPlan]) -> usize {
    let Kind::Number { steps: first, .. } = &columns[0].kind else { return 1 };
    let same = |c: &ColumnPlan| match &c.kind {
        Kind::Number { steps, .. } => same_steps(first, steps),
        _ => false,
    };
    columns.iter().take_while(|c| same(c)).count()
}

fn same_steps(a: &[Step], b: &[Step]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| discriminant(x) == discriminant(y))
}

/// Columns side by side.
pub(super) fn beside(b: &mut Build, parts: &[String]) -> String {
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    match names.as_slice() {
        [one] => (*one).to_owned(),
        all => b.with("Concat", all, vec![Attribute::int("axis", 1)]),
    }
}

/// Some columns of N rows.
pub(super) fn part(
    b: &mut Build,
    whole: &str,
    at: usize,
    len: usize,
    of: usize,
) -> String {
    if len == of {
        return whole.to_owned();
    }
    let (start, end) = (b.ints(&[at as i64]), b.ints(&[(at + len) as i64]));
    let axis = b.ints(&[1]);
    b.op("Slice", &[whole, &start, &end, &axis])
}

/// Numbers: the median where missing, then the steps, all columns at once.
fn numbers(b: &mut Build, cells: &str, columns: &[ColumnPlan]) -> String {
    let medians: Vec<f64> = columns.iter().map(|c| median(&c.kind)).collect();
    let steps: Vec<&[Step]> = columns.iter().map(|c| c.kind.steps()).collect();
    let medians = b.doubles("median", &[1, columns.len()], &medians);
    let missing = b.op("IsNaN", &[cells]);
    let filled = b.op("Where", &[&missing, &medians, cells]);
    apply(b, filled, &steps)
}

fn median(kind: &Kind) -> f64 {
    match kind {
        Kind::Number { median, .. } | Kind::Ordinal { median, .. } => *median,
        Kind::Category { .. } | Kind::Class { .. } => f64::NAN,
    }
}

/// The steps of columns whose steps are of the same kinds, in order.
fn apply(b: &mut Build, mut value: String, steps: &[&[Step]]) -> String {
    for k in 0..steps.first().map_or(0, |s| s.len()) {
        let all: Vec<Step> = steps.iter().map(|s| s[k]).collect();
        value = match all[0] {
            Step::Divide(_) => operate(b, "Div", &value, &by(&all)),
            Step::Log => b.op("Log", &[&value]),
            Step::Standardize { .. } => {
                let centred = operate(b, "Sub", &value, &means(&all));
                operate(b, "Div", &centred, &by(&all))
            }
        };
    }
    value
}

/// The steps of a prediction undone, last first; columns have steps of the same kinds.
pub(super) fn undo(b: &mut Build, mut value: String, steps: &[&[Step]]) -> String {
    for k in (0..steps.first().map_or(0, |s| s.len())).rev() {
        let all: Vec<Step> = steps.iter().map(|s| s[k]).collect();
        value = match all[0] {
            Step::Divide(_) => operate(b, "Mul", &value, &by(&all)),
            Step::Log => b.op("Exp", &[&value]),
            Step::Standardize { .. } => {
                let spread = operate(b, "Mul", &value, &by(&all));
                operate(b, "Add", &spread, &means(&all))
            }
        };
    }
    value
}

/// How many columns from the first on are undone together.
pub(super) fn undone_together(steps: &[&[Step]]) -> usize {
    steps.iter().take_while(|s| same_steps(steps[0], s)).count()
}

fn operate(b: &mut Build, op: &str, value: &str, row: &[f64]) -> String {
    let row = b.doubles("step", &[1, row.len()], row);
    b.op(op, &[value, &row])
}

fn by(steps: &[Step]) -> Vec<f64> {
    let one = |s: &Step| match s {
        Step::Divide(by) => *by,
        Step::Standardize { std, .. } => *std,
        Step::Log => 1.0,
    };
    steps.iter().map(one).collect()
}

fn means(steps: &[Step]) -> Vec<f64> {
    let one = |s: &Step| match s {
        Step::Standardize { mean, .. } => *mean,
        Step::Divide(_) | Step::Log => 0.0,
    };
    steps.iter().map(one).collect()
}

/// A column of levels: words, or numbers that stand for classes.
struct Words<'a> {
    b: &'a mut Build,
    preparation: &'a Preparation,
    name: &'a str,
}

impl Words<'_> {
    fn entries(mut self, kind: &Kind, form: Form) -> String {
        match kind {
            Kind::Category { categories, missing } => self.one_hot(categories, *missing),
            Kind::Class { classes } if form == Form::Classes => {
                let hot = self.one_hot(classes, false);
                self.where_known(&hot, &hot)
            }
            Kind::Class { classes } => {
                let hot = self.one_hot(classes, false);
                self.places(&hot, places(classes.len()))
            }
            Kind::Ordinal { levels, median, steps } => {
                let hot = self.one_hot(levels, true);
                let mut worth = places(levels.len());
                worth.push(*median);
                let value = self.places(&hot, worth);
                apply(self.b, value, &[steps])
            }
            Kind::Number { .. } => unreachable!("numbers go another way"),
        }
    }

    /// N×K: 1 at the level of the cell; the last column for missing cells, if it is asked for.
    fn one_hot(&mut self, levels: &[String], missing: bool) -> String {
        match self.preparation.text.iter().any(|t| t == self.name) {
            true => self.of_words(levels, missing),
            false => self.of_numbers(levels, missing),
        }
    }

    fn of_words(&mut self, levels: &[String], missing: bool) -> String {
        let absent = if missing { self.absent() } else { Vec::new() };
        let words = levels.iter().chain(&absent).map(String::as_str);
        let last = levels.len() as i64;
        let codes = (0..last).chain(absent.iter().map(|_| last)).collect();
        let cells = self.b.input(self.name, proto::STRING, 1);
        let place = self.b.node(
            ML,
            "LabelEncoder",
            &[&cells],
            vec![
                Attribute::strings("keys_strings", words),
                Attribute::ints("values_int64s", codes),
                Attribute::int("default_int64", -1),
            ],
        );
        let known = (0..last + i64::from(missing)).collect();
        let hot = self.b.node(
            ML,
            "OneHotEncoder",
            &[&place],
            vec![Attribute::ints("cats_int64s", known), Attribute::int("zeros", 1)],
        );
        let axis = self.b.ints(&[1]);
        let rows = self.b.op("Squeeze", &[&hot, &axis]);
        self.b.cast(&rows, proto::DOUBLE)
    }

    fn of_numbers(&mut self, levels: &[String], missing: bool) -> String {
        let number = |l: &String| l.parse().unwrap_or(f64::INFINITY);
        let numbers: Vec<f64> = levels.iter().map(number).collect();
        let cells = self.b.input(self.name, proto::DOUBLE, 1);
        let levels = self.b.doubles("levels", &[1, numbers.len()], &numbers);
        let equal = self.b.op("Equal", &[&cells, &levels]);
        let mut parts = vec![self.b.cast(&equal, proto::DOUBLE)];
        if missing {
            let nan = self.b.op("IsNaN", &[&cells]);
            parts.push(self.b.cast(&nan, proto::DOUBLE));
        }
        beside(self.b, &parts)
    }

    /// How a missing cell is written in the files of this model.
    fn absent(&self) -> Vec<String> {
        let usual = ["", "NA", "NaN", "nan", "NAN"].map(str::to_owned);
        let own = self.preparation.reading.missing.iter();
        usual.iter().chain(own).fold(Vec::new(), |mut all, marker| {
            if !all.contains(marker) {
                all.push(marker.clone());
            }
            all
        })
    }

    /// What the level of each row is worth; NaN for an unknown one.
    fn places(&mut self, hot: &str, worth: Vec<f64>) -> String {
        let table = self.b.doubles("levels", &[worth.len(), 1], &worth);
        let value = self.b.op("MatMul", &[hot, &table]);
        self.where_known(hot, &value)
    }

    fn where_known(&mut self, hot: &str, value: &str) -> String {
        let axis = self.b.ints(&[1]);
        let any = self.b.op("ReduceMax", &[hot, &axis]);
        let known = self.b.cast(&any, proto::BOOL);
        let nan = self.b.doubles("unknown", &[1, 1], &[f64::NAN]);
        self.b.op("Where", &[&known, value, &nan])
    }
}

fn places(n: usize) -> Vec<f64> {
    (0..n).map(|i| i as f64).collect()
}
