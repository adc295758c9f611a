//! [`DataSpec`] → the text behind `data:`, which reads back as the same.
//!
//! In: a specification. Out: one line, without `data:`. Quotes stand only where they are needed.

use std::fmt::Write as _;

use super::parts::{TRANSFORMS, opens_item};
use super::words::{SIGNS, is_minus};
use super::{ColumnClause, DataSpec, HoldOut, Selector, Transform};

/// Writes what stands behind `data:` on one line; [`super::parse_data`] reads it back.
#[must_use]
pub fn print_data(spec: &DataSpec) -> String {
    let mut items: Vec<String> = Vec::new();
    items.extend(spec.file.as_deref().map(file));
    items.extend(spec.columns.iter().map(clause));
    items.extend(spec.hold_out.as_ref().map(hold_out));
    items.extend(spec.validate.as_deref().map(|f| format!("validate {}", file(f))));
    items.extend(spec.test.as_deref().map(|f| format!("test {}", file(f))));
    items.extend(spec.no_header.as_deref().map(no_header));
    items.extend(spec.separator.map(separator));
    if !spec.missing.is_empty() {
        let markers: Vec<String> = spec.missing.iter().map(|m| quoted(m)).collect();
        items.push(format!("missing {}", markers.join(" ")));
    }
    items.extend(spec.strip.as_deref().map(|s| format!("strip {}", quoted(s))));
    items.extend(spec.ordinals.iter().map(|(column, levels)| ordinal(column, levels)));
    items.extend(spec.weight.as_deref().map(|w| format!("weight {}", word(w))));
    items.extend(spec.balanced.then(|| "balanced".to_owned()));
    items.join(", ")
}

fn clause(clause: &ColumnClause) -> String {
    let columns: Vec<String> = clause.selectors.iter().map(selector).collect();
    let mut text = format!("{} = {}", word(&clause.symbol), columns.join(" "));
    for transform in &clause.transforms {
        // Writing to a string cannot fail.
        let _ = match transform {
            Transform::Divide(number) => write!(text, " / {number}"),
            Transform::Standardized => write!(text, " / standardized"),
            Transform::Log => write!(text, " / log"),
        };
    }
    text
}

fn selector(selector: &Selector) -> String {
    match selector {
        Selector::Glob(name) => word(name),
        Selector::Exact(name) => quoted(name),
        Selector::Range(a, b) => format!("{a}..{b}"),
        Selector::Rest => "*".to_owned(),
        Selector::Exclude(name) => format!("-{}", word(name)),
    }
}

fn hold_out(hold: &HoldOut) -> String {
    let how = match (hold.stratified, hold.last) {
        (true, _) => " stratified",
        (false, true) => " last",
        (false, false) => "",
    };
    format!("hold out {} %{how}", hold.percent)
}

fn no_header(names: &[String]) -> String {
    let names: Vec<String> =
        names.iter().map(|n| if n == "names" { quoted(n) } else { word(n) }).collect();
    format!("no header {}", names.join(" ")).trim_end().to_owned()
}

fn separator(sign: char) -> String {
    match sign {
        '\t' => "separator tab".to_owned(),
        '"' => "separator '\"'".to_owned(),
        _ => format!("separator \"{sign}\""),
    }
}

fn ordinal(column: &str, levels: &[String]) -> String {
    let level = |level: &String| {
        let words: Vec<&str> = level.split(' ').collect();
        if words.iter().all(|w| is_bare(w)) { level.clone() } else { quoted(level) }
    };
    let levels: Vec<String> = levels.iter().map(level).collect();
    format!("ordinal {} = {}", word(column), levels.join(" < "))
}

fn file(joined: &str) -> String {
    let one = |name: &str| {
        let bare = is_bare(&name.replace('/', "")) && !opens_item(name) && name != "+";
        if bare { name.to_owned() } else { quoted(name) }
    };
    joined.split(" + ").map(one).collect::<Vec<_>>().join(" + ")
}

fn word(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { quoted(name) }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Whether a name reads back as one word without quotes.
pub(super) fn is_bare(name: &str) -> bool {
    let ends =
        |c: char| c.is_whitespace() || SIGNS.contains(&c) || matches!(c, '"' | '#');
    !name.is_empty()
        && !TRANSFORMS.contains(&name)
        && !name.contains(ends)
        && !name.starts_with(['\'', '+'])
        && !name.starts_with(is_minus)
}
