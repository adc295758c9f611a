//! One side of a line against right values: at the values of the file, or at made-up ones.

use chainrule_graph::value::Mat;

use super::compare::{Fit, fit};
use super::number::Written;
use super::{Verdict, shown_apart};

/// Points at which formulas are compared.
pub(super) const POINTS: usize = 3;

/// One side of a line.
pub(super) enum Read {
    /// Numbers, for the values of the file.
    Literal(Written),
    /// Anything else.
    Formula(Formula),
}

/// A formula's value at each point.
pub(super) struct Formula {
    pub values: Vec<Option<Written>>,
    /// Whether it has names, or is a calculation with numbers.
    pub named: bool,
    /// Whether numbers were put in beside the names.
    pub mixed: bool,
    /// A step on the way to a number: it speaks of the values of the file.
    pub step: bool,
}

/// A side against right values; none where there is no point to compare at.
pub(super) fn against(
    side: &Read,
    right: &[Option<Mat>],
) -> Option<(Verdict, Vec<String>)> {
    match side {
        Read::Literal(w) => right[0].as_ref().map(|r| verdict(fit(r, w), r, w)),
        Read::Formula(f) => {
            let both = |p: usize| Some((right[p].as_ref()?, f.values[p].as_ref()?));
            let here = both(0).map(|(r, w)| verdict(fit(r, w), r, w));
            if !f.named || f.step && here.is_some() {
                return here;
            }
            let made_up = (1..right.len()).filter_map(both).take(POINTS);
            let fits: Vec<Fit> = made_up.map(|(r, w)| fit(r, w)).collect();
            if fits.is_empty() {
                return here;
            }
            if fits.iter().all(|f| *f == Fit::Exact) {
                return Some((Verdict::Right, Vec::new()));
            }
            if fits.contains(&Fit::Shape) {
                let words = vec!["it has another shape".to_owned()];
                return Some((Verdict::Wrong, words));
            }
            // With numbers in it, it may speak of the values of the file only.
            match here {
                Some((v, mut words)) if f.mixed && v != Verdict::Wrong => {
                    words.push("for the values of the file, not in general".to_owned());
                    Some((v, words))
                }
                Some((Verdict::Wrong, words)) => Some((Verdict::Wrong, words)),
                Some(_) => {
                    let words = "equal for the values of the file, but not in general";
                    Some((Verdict::Wrong, vec![words.to_owned()]))
                }
                None => Some((Verdict::Wrong, Vec::new())),
            }
        }
    }
}

fn verdict(f: Fit, right: &Mat, theirs: &Written) -> (Verdict, Vec<String>) {
    match f {
        Fit::Exact => (Verdict::Right, Vec::new()),
        Fit::Rounded => (Verdict::Rounded, Vec::new()),
        Fit::Shape => {
            let (r, c) = (theirs.value.rows, theirs.value.cols);
            let words = format!("{r}×{c} where {}×{} belongs", right.rows, right.cols);
            (Verdict::Wrong, vec![words])
        }
        Fit::Off(..) if right.is_scalar() => (Verdict::Wrong, Vec::new()),
        Fit::Off(i, j) => {
            // A list stands for a row as for a column, in the order of its entries.
            let same = theirs.value.cols == right.cols;
            let at = if same { i * right.cols + j } else { i.max(j) };
            let place = match right.cols {
                1 => format!("{}", at + 1),
                n => format!("{},{}", at / n + 1, at % n + 1),
            };
            let entry = |m: &Mat| m.data.get(at).copied().unwrap_or(f64::NAN);
            let (own, wanted) = shown_apart(entry(&theirs.value), entry(right));
            (Verdict::Wrong, vec![format!("entry [{place}] is {own}, expected {wanted}")])
        }
    }
}

/// A list or row in the shape of the right value.
pub(super) fn shaped(own: &Mat, right: Option<&Mat>) -> Mat {
    match right {
        Some(r) if r.data.len() == own.data.len() => {
            Mat::new(r.rows, r.cols, own.data.clone())
        }
        _ => own.clone(),
    }
}
