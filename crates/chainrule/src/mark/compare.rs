//! Two values side by side: equal, equal up to rounding, or where they part.

use chainrule_graph::value::Mat;

use super::number::Written;

/// What a comparison gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fit {
    /// Every entry.
    Exact,
    /// Every entry within half a unit of its last digit.
    Rounded,
    /// The first entry that differs, from 0.
    Off(usize, usize),
    /// Another shape.
    Shape,
}

/// How close two results of one calculation in f64 are, seen from the largest entry.
const SAME: f64 = 1e-8;

/// Holds somebody's value against the right one.
pub(super) fn fit(right: &Mat, theirs: &Written) -> Fit {
    let Some(right) = aligned(right, theirs) else { return Fit::Shape };
    let largest = right.data.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let mut out = Fit::Exact;
    for (k, (a, b)) in theirs.value.data.iter().zip(&right.data).enumerate() {
        let apart = (a - b).abs();
        let half = theirs.half[k];
        // A value that was written down is exact to the last bit or so; one that was calculated
        // here carries what its own order of adding leaves.
        let slack = if half > 0.0 { 1e-13 * b.abs() } else { SAME * largest.max(1e-6) };
        if apart <= slack {
            continue;
        }
        if apart.is_nan() || apart > half * (1.0 + 1e-6) + 1e-13 * b.abs() {
            return Fit::Off(k / right.cols, k % right.cols);
        }
        out = Fit::Rounded;
    }
    out
}

/// The right value in the shape in which it was answered: numbers of a column may stand in a list
/// or a row, and the other way round.
fn aligned(right: &Mat, theirs: &Written) -> Option<Mat> {
    let (r, c) = (theirs.value.rows, theirs.value.cols);
    let line = |m: &Mat| m.rows == 1 || m.cols == 1;
    let written = theirs.list || theirs.half.iter().all(|h| *h > 0.0);
    match (right.rows, right.cols) == (r, c) {
        true => Some(right.clone()),
        false
            if written
                && line(right)
                && line(&theirs.value)
                && right.data.len() == r * c =>
        {
            Some(Mat::new(r, c, right.data.clone()))
        }
        false => None,
    }
}

/// Whether a value is easier to go on with than the right one: nothing but 0, 1 and −1, or no
/// number at all, where the right one has more to say.
pub(super) fn easy(own: &Mat, right: &Mat) -> bool {
    let simple =
        |x: &f64| !x.is_finite() || [-1.0, 0.0, 1.0].iter().any(|s| (x - s).abs() < 1e-9);
    own.data.iter().all(simple) && !right.data.iter().all(simple)
}

#[cfg(test)]
mod tests {
    use super::super::number::written;
    use super::*;

    fn against(text: &str, right: &[f64]) -> Fit {
        let right = Mat::new(right.len(), 1, right.to_vec());
        fit(&right, &written(text).expect("numbers"))
    }

    #[test]
    fn rounding_is_half_a_unit_of_the_last_digit() {
        assert_eq!(against("0.5", &[0.5]), Fit::Exact);
        assert_eq!(against("0.59", &[0.593_27]), Fit::Rounded);
        assert_eq!(against("0.60", &[0.593_27]), Fit::Off(0, 0));
        assert_eq!(against("[1; 2.1]", &[1.0, 2.0]), Fit::Off(1, 0));
        assert_eq!(against("0.05", &[0.045]), Fit::Rounded);
    }

    #[test]
    fn a_column_may_be_listed_and_a_matrix_may_not_change_its_shape() {
        assert_eq!(against("(1, 2)", &[1.0, 2.0]), Fit::Exact);
        assert_eq!(against("[1 2]", &[1.0, 2.0]), Fit::Exact);
        assert_eq!(against("[1 2; 3 4]", &[1.0, 2.0, 3.0, 4.0]), Fit::Shape);
        assert_eq!(against("1", &[1.0, 1.0]), Fit::Shape);
    }

    #[test]
    fn a_value_that_makes_the_rest_trivial_is_seen() {
        let (half, zero) = (Mat::scalar(0.5), Mat::scalar(0.0));
        assert!(easy(&zero, &half) && !easy(&half, &zero) && !easy(&zero, &zero));
    }
}
