//! `--vary NAME=VALUES` → a name with its values.
//!
//! In: `lr=1e-3,1e-2`, `N=2..20`, `optimizer=sgd(lr = 0.1, weight_decay = 0),adam`. Out: [`Vary`].
//! Commas inside of brackets and quotes belong to a value; `2..20` is every whole number from 2 to
//! 20. Deliberately absent: what the name means; the library knows.

use std::str::FromStr;

use chainrule::tune::space::pieces;

/// More values of one name are a mistake.
const MOST: i64 = 10_000;

/// A name and its values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Vary {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected NAME=VALUE,VALUE or NAME=2..20".to_owned();
        let (name, values) = text.split_once('=').ok_or_else(wrong)?;
        let name = name.trim().to_owned();
        let mut all = Vec::new();
        for value in pieces(values) {
            match range(value)? {
                Some(numbers) => all.extend(numbers),
                None => all.push(value.to_owned()),
            }
        }
        match name.is_empty() || all.iter().any(String::is_empty) {
            true => Err(wrong()),
            false => Ok(Self { name, values: all }),
        }
    }
}

/// The numbers of `2..20`.
fn range(text: &str) -> Result<Option<Vec<String>>, String> {
    let ends = text.split_once("..").map(|(a, b)| (a.trim().parse(), b.trim().parse()));
    let Some((Ok(from), Ok(to))) = ends else { return Ok(None) };
    let (from, to): (i64, i64) = (from, to);
    match to.checked_sub(from) {
        Some(0..MOST) => Ok(Some((from..=to).map(|n| n.to_string()).collect())),
        _ => Err(format!("{text}: expected a range such as 2..20")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        text.parse::<Vary>().unwrap().values
    }

    #[test]
    fn commas_in_brackets_belong_to_a_value() {
        assert_eq!(values("lr=1e-4, 1e-3"), ["1e-4", "1e-3"]);
        let rules = values("optimizer=sgd(lr = 0.1, weight_decay = 0),adam");
        assert_eq!(rules, ["sgd(lr = 0.1, weight_decay = 0)", "adam"]);
        assert_eq!(values("x=\"a, b\" c,d"), ["\"a, b\" c", "d"]);
    }

    #[test]
    fn a_range_is_every_whole_number() {
        assert_eq!(values("N=2..4,8"), ["2", "3", "4", "8"]);
        assert_eq!(values("N=3..3"), ["3"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["lr", "=3", "lr=", "lr=1,,2", "N=4..2", "N=1..1000000", ""] {
            assert!(text.parse::<Vary>().is_err(), "{text}");
        }
    }
}
