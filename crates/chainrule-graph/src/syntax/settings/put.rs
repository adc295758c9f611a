//! One item of a `data:` line put in place of the file's: `hold out` = `10 %`.
//!
//! In: a [`DataSpec`], the name and the new value as text. Out: the spec with that item changed; the
//! value is read as it is read in a file, so both answer a mistake with the same words. `none` takes
//! an item away. Deliberately absent: which symbols there are.

use crate::diag::Diagnostic;

use super::parts::ITEMS;
use super::{DataSpec, parse_data};

/// The names of the items, `file` included; `hold_out` and `hold out` are one.
pub const NAMES: [&str; 11] = [
    "file", ITEMS[0], ITEMS[1], ITEMS[2], ITEMS[3], ITEMS[4], ITEMS[5], ITEMS[6],
    ITEMS[7], ITEMS[8], ITEMS[9],
];

/// The item that is meant by a name as it is typed on a command line.
#[must_use]
pub fn item_of(name: &str) -> Option<&'static str> {
    let fold = |s: &str| s.to_lowercase().replace(['_', '-', ' '], "");
    NAMES.into_iter().find(|n| fold(n) == fold(name))
}

/// Puts another value for an item.
///
/// # Errors
/// What the value is read as does not fit; its places are of no file.
pub fn put_item(spec: &mut DataSpec, item: &str, value: &str) -> Result<(), Diagnostic> {
    if value == "none" {
        take_away(spec, item);
        return Ok(());
    }
    match (item, value) {
        ("balanced" | "no header", "yes") => read(item).map(|new| merge(spec, new)),
        ("balanced" | "no header", "no") => {
            take_away(spec, item);
            Ok(())
        }
        ("balanced", _) => {
            let text = format!("expected `yes` or `no`, found `{value}`");
            Err(Diagnostic::error(crate::diag::Code::T1, spec.span, text))
        }
        ("file", _) => read(&quoted(value)).map(|new| merge(spec, new)),
        ("validate" | "test" | "separator" | "strip" | "weight", _) => {
            read(&format!("{item} {}", quoted(value))).map(|new| merge(spec, new))
        }
        _ => read(&format!("{item} {value}")).map(|new| merge(spec, new)),
    }
}

/// Puts other columns for a symbol: `x` = `a b / standardized`.
///
/// # Errors
/// As [`put_item`].
pub fn put_columns(
    spec: &mut DataSpec,
    symbol: &str,
    value: &str,
) -> Result<(), Diagnostic> {
    let new = read(&format!("{symbol} = {value}"))?;
    let place = spec.columns.iter().position(|c| c.symbol == symbol);
    spec.columns.retain(|c| c.symbol != symbol);
    let at = place.unwrap_or(spec.columns.len()).min(spec.columns.len());
    spec.columns.splice(at..at, new.columns);
    Ok(())
}

/// A line of this one item.
fn read(text: &str) -> Result<DataSpec, Diagnostic> {
    let (spec, mut found) = parse_data(text, 0);
    match found.is_empty() {
        true => Ok(spec),
        false => Err(found.swap_remove(0)),
    }
}

/// As a literal word, whatever is in it.
fn quoted(value: &str) -> String {
    match value.starts_with(['"', '\'']) {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('"', "\"\"")),
    }
}

fn take_away(spec: &mut DataSpec, item: &str) {
    match item {
        "hold out" => spec.hold_out = None,
        "validate" => spec.validate = None,
        "test" => spec.test = None,
        "no header" => spec.no_header = None,
        "separator" => spec.separator = None,
        "missing" => spec.missing.clear(),
        "strip" => spec.strip = None,
        "ordinal" => spec.ordinals.clear(),
        "weight" => spec.weight = None,
        "balanced" => spec.balanced = false,
        _ => spec.file = None,
    }
}

/// What the new line says wins; of the orders, that of the same column.
fn merge(spec: &mut DataSpec, new: DataSpec) {
    let keep = |old: &mut Option<String>, new: Option<String>| {
        if new.is_some() {
            *old = new;
        }
    };
    keep(&mut spec.file, new.file);
    keep(&mut spec.validate, new.validate);
    keep(&mut spec.test, new.test);
    keep(&mut spec.strip, new.strip);
    keep(&mut spec.weight, new.weight);
    spec.hold_out = new.hold_out.or(spec.hold_out);
    spec.no_header = new.no_header.or_else(|| spec.no_header.take());
    spec.separator = new.separator.or(spec.separator);
    spec.balanced |= new.balanced;
    if !new.missing.is_empty() {
        spec.missing = new.missing;
    }
    spec.ordinals.retain(|(c, _)| new.ordinals.iter().all(|(n, _)| n != c));
    spec.ordinals.extend(new.ordinals);
}

#[cfg(test)]
mod tests {
    use super::super::print_data;
    use super::*;

    fn after(line: &str, name: &str, value: &str) -> String {
        let (mut spec, found) = parse_data(line, 0);
        assert!(found.is_empty(), "{found:?}");
        match item_of(name).map(|item| put_item(&mut spec, item, value)) {
            Some(Ok(())) => print_data(&spec),
            Some(Err(d)) => d.message,
            None => "no item".to_owned(),
        }
    }

    #[test]
    fn every_item_can_be_put_in_place_of_the_file_s() {
        let line = "a.csv, x = a, hold out 20 %";
        for (name, value, want) in [
            ("hold out", "10 %", "a.csv, x = a, hold out 10 %"),
            ("hold_out", "0.1", "a.csv, x = a, hold out 10 %"),
            ("hold-out", "25 last", "a.csv, x = a, hold out 25 % last"),
            ("hold out", "none", "a.csv, x = a"),
            ("file", "my b.csv", "\"my b.csv\", x = a, hold out 20 %"),
            ("test", "t.csv", "a.csv, x = a, hold out 20 %, test t.csv"),
            ("separator", ",", "a.csv, x = a, hold out 20 %, separator \",\""),
            ("separator", "tab", "a.csv, x = a, hold out 20 %, separator tab"),
            ("missing", "? NA", "a.csv, x = a, hold out 20 %, missing ? NA"),
            ("strip", ".", "a.csv, x = a, hold out 20 %, strip ."),
            ("weight", "w 1", "a.csv, x = a, hold out 20 %, weight \"w 1\""),
            ("balanced", "yes", "a.csv, x = a, hold out 20 %, balanced"),
            ("no_header", "yes", "a.csv, x = a, hold out 20 %, no header"),
            ("noheader", "a b", "a.csv, x = a, hold out 20 %, no header a b"),
            ("ordinal", "c = lo < hi", "ordinal c = lo < hi"),
        ] {
            let found = after(line, name, value);
            // The printer decides about quotes; what it prints reads back as the same.
            let same = |text: &str| print_data(&parse_data(text, 0).0);
            assert!(found == same(want) || found.contains(want), "{name}: {found}");
        }
    }

    #[test]
    fn what_does_not_fit_is_answered_as_in_a_file() {
        assert!(after("a.csv", "hold out", "0 %").contains("between 0 and 100"));
        assert!(after("a.csv", "separator", ";;").contains("one ASCII character"));
        assert!(after("a.csv", "balanced", "perhaps").contains("`yes` or `no`"));
        assert_eq!(after("a.csv", "holdd", "3"), "no item");
    }

    #[test]
    fn columns_of_a_symbol_are_put_in_its_place() {
        let (mut spec, _) = parse_data("a.csv, x = a, y = b", 0);
        assert_eq!(put_columns(&mut spec, "x", "c d / 2"), Ok(()));
        assert_eq!(print_data(&spec), "a.csv, x = c d / 2, y = b");
        assert!(put_columns(&mut spec, "x", "c / nothing").is_err());
    }
}
