//! Numbers and matrices as a reader wants them: rounded to so many digits, in the language's own
//! notation, large ones in part.

use chainrule::explain::formula::significant;
use chainrule::graph::value::Mat;

/// More rows or columns than this are left out in the middle.
const MOST: usize = 8;

/// How numbers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    /// Significant digits.
    pub digits: usize,
    /// Signs of ASCII only.
    pub ascii: bool,
}

impl Digits {
    /// `2.5`, `−0.000351`, `3.51e-7`, `∞`: never 0 for what is not 0.
    pub(crate) fn number(self, x: f64) -> String {
        let minus = if self.ascii { "-" } else { "−" };
        let sign = if x < 0.0 { minus } else { "" };
        match x.abs() {
            a if a.is_nan() => "NaN".to_owned(),
            a if a.is_infinite() && self.ascii => format!("{sign}inf"),
            a if a.is_infinite() => format!("{sign}∞"),
            a => format!("{sign}{}", significant(a, self.digits)),
        }
    }

    /// `[1 2; 3 4]`, or a number.
    pub(crate) fn matrix(self, m: &Mat) -> String {
        if m.is_scalar() {
            return self.number(m.data[0]);
        }
        let more = if self.ascii { "..." } else { "…" };
        let row = |i: usize| {
            let entry = |j: usize| self.number(m.at(i, j));
            shortened(m.cols, entry, more).join(" ")
        };
        format!("[{}]", shortened(m.rows, row, more).join("; "))
    }
}

/// All of `n` items, or the first and the last.
fn shortened(n: usize, item: impl Fn(usize) -> String, more: &str) -> Vec<String> {
    if n <= MOST {
        return (0..n).map(item).collect();
    }
    let mut out: Vec<String> = (0..MOST - 2).map(&item).collect();
    out.push(more.to_owned());
    out.push(item(n - 1));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_their_digits() {
        let d = Digits { digits: 4, ascii: false };
        let cases = [
            (0.0, "0"),
            (2.5, "2.5"),
            (-1.5, "−1.5"),
            (3.51e-5, "0.0000351"),
            (3.514_96e-7, "3.515e-7"),
            (1234.56, "1235"),
            (123_456.0, "123456"),
            (1e20, "1e20"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (x, text) in cases {
            assert_eq!(d.number(x), text);
        }
    }

    #[test]
    fn large_matrices_are_shown_in_part() {
        let d = Digits { digits: 3, ascii: true };
        let m = Mat::from_fn(1, 20, |_, j| j as f64);
        assert_eq!(d.matrix(&m), "[0 1 2 3 4 5 ... 19]");
    }
}
