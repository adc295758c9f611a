//! Single words of the `data:` line → what they mean: columns, transforms, shares, files.
//!
//! In: words. Out: values, or what was expected; the places are known to the caller.

use super::words::{Word, is_minus};
use super::{Selector, Transform, nearest};

/// The words that can open an item.
pub(super) const ITEMS: [&str; 10] = [
    "hold out",
    "validate",
    "test",
    "no header",
    "separator",
    "missing",
    "strip",
    "ordinal",
    "weight",
    "balanced",
];

/// Whether a word opens an item, and so is no file (unless in quotes).
pub(super) fn opens_item(word: &str) -> bool {
    word == "holdout" || ITEMS.iter().any(|i| i.split(' ').next() == Some(word))
}

pub(super) const NO_TRANSFORM: &str =
    "expected a number, `standardized` or `log` behind `/`";

/// Where the columns of a clause end: at the first `/`, or at words such as `standardized` behind
/// at least one column.
pub(super) fn end_of_columns(body: &[Word]) -> usize {
    let mut end = body.iter().position(|w| w.is("/")).unwrap_or(body.len());
    while end > 1 && is_transform_word(&body[end - 1]) {
        end -= 1;
    }
    end
}

pub(super) fn is_transform_word(word: &Word) -> bool {
    !word.quoted && TRANSFORMS.contains(&word.text.as_str())
}

/// The words for what is done to numbers; a column of that name needs quotes.
pub(super) const TRANSFORMS: [&str; 4] = ["standardized", "standardised", "log", "ln"];

pub(super) const ORDINAL: &str =
    "expected levels in rising order, as in `ordinal cut = Fair < Good < Ideal`";

pub(super) fn joined(words: &[Word]) -> String {
    words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// `a.csv + "b c.csv"`: the files, and what stands behind them.
pub(super) fn take_file(words: &[Word]) -> (String, &[Word]) {
    let mut end = 1;
    while words.get(end).is_some_and(|w| w.is("+")) && words.len() > end + 1 {
        end += 2;
    }
    (joined(&words[..end]), &words[end..])
}

/// `20 %`, `20%`, `20`; below 1 a number without the sign is a share, as nobody means 0.2 %.
pub(super) fn percent(words: &[Word]) -> Option<(f64, &[Word])> {
    let (first, rest) = words.split_first()?;
    let (number, share, rest) = match (first.text.strip_suffix('%'), rest) {
        (Some(number), _) => (number, false, rest),
        (None, [sign, rest @ ..]) if sign.is("%") => (first.text.as_str(), false, rest),
        (None, _) => (first.text.as_str(), true, rest),
    };
    let number: f64 = number.parse().ok()?;
    let percent = if share && number < 1.0 { 100.0 * number } else { number };
    (percent > 0.0 && percent < 100.0).then_some((percent, rest))
}

pub(super) fn one_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

pub(super) fn selector(word: &Word) -> Result<Selector, String> {
    let text = word.text.as_str();
    if word.is_sign() {
        return Err(format!("expected columns, found `{text}`"));
    }
    if text.is_empty() {
        return Err("expected the name of a column, found empty quotes".to_owned());
    }
    match (word.quoted, word.minus) {
        (true, true) => return Ok(Selector::Exclude(text.to_owned())),
        (true, false) => return Ok(Selector::Exact(text.to_owned())),
        _ => {}
    }
    if let Some(rest) = text.strip_prefix(is_minus).filter(|r| !r.is_empty()) {
        return Ok(Selector::Exclude(rest.to_owned()));
    }
    match parse_range(text) {
        Some((a, b)) if a == 0 || a > b => {
            Err(format!("expected a range counted from 1, as in `1..4`, found `{text}`"))
        }
        Some((a, b)) => Ok(Selector::Range(a, b)),
        None if text == "*" => Ok(Selector::Rest),
        None => Ok(Selector::Glob(text.to_owned())),
    }
}

/// `1..4`; `None` if it is not a range.
pub(super) fn parse_range(text: &str) -> Option<(usize, usize)> {
    let (a, b) = text.split_once("..")?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

pub(super) fn transform(
    word: &Word,
) -> Result<Transform, (String, Option<&'static str>)> {
    let text = word.text.as_str();
    match text {
        "standardized" | "standardised" => return Ok(Transform::Standardized),
        "log" | "ln" => return Ok(Transform::Log),
        _ => {}
    }
    match text.replace(is_minus, "-").parse::<f64>() {
        Ok(number) if number.is_finite() && number != 0.0 => {
            Ok(Transform::Divide(number))
        }
        Ok(_) => {
            Err((format!("expected a finite number other than 0, found `{text}`"), None))
        }
        Err(_) => Err((
            format!(
                "expected a number, `standardized` or `log` behind `/`, found `{text}`"
            ),
            nearest(text, ["standardized", "log"]),
        )),
    }
}
