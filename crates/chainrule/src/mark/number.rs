//! Numbers as somebody wrote them: their value, and how far the last digit written lets it be off.
//!
//! In: text such as `0.59`, `−3.5e-2`, `[1 2; 3 4]`, `(2, −0.5)`. Out: [`Written`], or nothing: then
//! it is a formula. Each entry has the half unit of its own last digit.

use chainrule_graph::value::Mat;

/// A value with what its digits leave open.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub value: Mat,
    /// Half a unit of the last digit, entry by entry; 0 where nothing was rounded.
    pub half: Vec<f64>,
    /// A list in round brackets, which is neither a row nor a column.
    pub list: bool,
}

impl Written {
    /// A value that was not rounded.
    pub(super) fn exact(value: Mat) -> Self {
        let half = vec![0.0; value.data.len()];
        Self { value, half, list: false }
    }
}

/// Reads a literal.
pub(super) fn written(text: &str) -> Option<Written> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return matrix(inside);
    }
    let round = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    if let Some(inside) = round.filter(|t| t.contains(',')) {
        let all: Option<Vec<(f64, f64)>> = inside.split(',').map(number).collect();
        let (data, half): (Vec<f64>, Vec<f64>) = all?.into_iter().unzip();
        return Some(Written { value: Mat::new(data.len(), 1, data), half, list: true });
    }
    let (value, half) = number(text)?;
    Some(Written { value: Mat::scalar(value), half: vec![half], list: false })
}

fn matrix(inside: &str) -> Option<Written> {
    let rows: Option<Vec<Vec<(f64, f64)>>> = inside.split(';').map(row).collect();
    let rows = rows?;
    let cols = rows.first()?.len();
    if cols == 0 || rows.iter().any(|r| r.len() != cols) {
        return None;
    }
    let count = rows.len();
    let (data, half) = rows.into_iter().flatten().unzip();
    Some(Written { value: Mat::new(count, cols, data), half, list: false })
}

/// Entries between spaces or commas.
fn row(text: &str) -> Option<Vec<(f64, f64)>> {
    text.split([',', ' ', '\t']).filter(|t| !t.is_empty()).map(number).collect()
}

/// `−0.35`, `3.5e-4`, `3.5·10^-4`: the value and half a unit of its last digit.
pub(super) fn number(text: &str) -> Option<(f64, f64)> {
    let plain: String =
        text.chars().map(|c| if matches!(c, '−' | '–') { '-' } else { c }).collect();
    // Spaces belong behind a sign and round `·10^`; others part two numbers.
    let plain = match plain.trim().strip_prefix('-') {
        Some(rest) => format!("-{}", rest.trim_start()),
        None => plain.trim().to_owned(),
    };
    let power = ['·', '×', '*'].iter().find_map(|c| plain.split_once(*c));
    let plain = match power.map(|(m, p)| (m.trim_end(), p.trim_start())) {
        Some((m, p)) => format!("{m}e{}", p.strip_prefix("10^")?.trim_start()),
        None => plain,
    };
    let (mantissa, exponent) = match plain.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.trim_matches(['{', '}']).parse::<i32>().ok()?),
        None => (plain.as_str(), 0),
    };
    let digits = mantissa.trim_start_matches(['-', '+']);
    let shape = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !shape || !digits.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let decimals = digits.split_once('.').map_or(0, |(_, d)| d.len());
    let value: f64 = format!("{mantissa}e{exponent}").parse().ok()?;
    let last: f64 =
        format!("0.5e{}", i64::from(exponent) - decimals as i64).parse().ok()?;
    value.is_finite().then_some((value, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_knows_its_last_digit() {
        for (text, value, half) in [
            ("0.59", 0.59, 0.005),
            ("−3", -3.0, 0.5),
            ("3.51e-5", 3.51e-5, 0.5e-7),
            ("3.5·10^−4", 3.5e-4, 0.5e-5),
            (".7", 0.7, 0.05),
            ("- 2.0", -2.0, 0.05),
            ("3.5 · 10^{-4}", 3.5e-4, 0.5e-5),
        ] {
            assert_eq!(number(text), Some((value, half)), "{text}");
        }
        for text in
            ["", "-", "1/2", "x", "1e", "0x1", "1.2.3", "inf", "1e999", "0.5 6", "1 2"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn matrices_and_lists_are_read_and_formulas_are_not() {
        let m = written("[1 -2.5; 0,3]").expect("a matrix");
        assert_eq!((m.value.rows, m.value.cols), (2, 2));
        assert_eq!(m.half, [0.5, 0.05, 0.5, 0.5]);
        assert!(written("(2, −0.5)").is_some_and(|w| w.list && w.value.rows == 2));
        for text in ["[1 2; 3]", "[]", "[a; b]", "(2)", "2 x", "[1 [2]]"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
