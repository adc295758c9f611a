//! What is wrong with a file as a whole: one symbol in two spellings (N2).

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Code, Diagnostic, Edit, Span};

use super::lines::Block;
use super::names;

/// `W1` and `W^{[1]}` in one file: the rarer spelling is reported, with edits to the other. Blocks that loops
/// have made are looked at, too: there `W_l` is `W1`.
pub(crate) fn one_spelling(text: &str, blocks: &[Block], out: &mut Vec<Diagnostic>) {
    let mut symbols: BTreeMap<String, BTreeMap<String, Vec<Span>>> = BTreeMap::new();
    let tokens = blocks.iter().flat_map(|b| &b.lines).flat_map(|l| &l.tokens);
    for (ident, span) in tokens.filter_map(|t| t.ident().map(|i| (i, t.span))) {
        let spellings = symbols.entry(names::merged(ident)).or_default();
        spellings.entry(ident.key.clone()).or_default().push(span);
    }
    for spellings in symbols.into_values().filter(|s| s.len() > 1) {
        report(text, &spellings, out);
    }
}

fn report(
    text: &str,
    spellings: &BTreeMap<String, Vec<Span>>,
    out: &mut Vec<Diagnostic>,
) {
    // The more frequent spelling stays; of two, the first in the text.
    let rank = |s: &(&String, &Vec<Span>)| (s.1.len(), std::cmp::Reverse(s.1[0]));
    let Some((main, places)) = spellings.iter().max_by_key(rank) else { return };
    let (main_span, main_text) = (places[0], places[0].of(text));
    let made = |(key, places): (&String, &Vec<Span>)| {
        places.iter().any(|p| names::canonical(p.of(text)) != *key)
    };
    if spellings.iter().any(made) {
        return report_made(spellings, main, out);
    }
    for (_, places) in spellings.iter().filter(|s| s.0 != main) {
        let written = places[0].of(text);
        let message =
            format!("`{written}` and `{main_text}` are one symbol in two spellings");
        let edit = |&span: &Span| Edit { span, with: main_text.to_string() };
        out.push(
            Diagnostic::error(Code::N2, places[0], message)
                .label(main_span, format!("`{main_text}` here"))
                .fix(
                    format!("write `{main_text}` everywhere"),
                    places.iter().map(edit).collect(),
                ),
        );
    }
}

/// Where a loop has made one of them, no edit says how its line should be written.
fn report_made(
    spellings: &BTreeMap<String, Vec<Span>>,
    main: &str,
    out: &mut Vec<Diagnostic>,
) {
    for (key, places) in spellings.iter().filter(|s| s.0 != main) {
        let message = format!("`{key}` and `{main}` are one symbol in two spellings");
        out.push(
            Diagnostic::error(Code::N2, places[0], message)
                .label(spellings[main][0], format!("`{main}` here"))
                .hint("write one of them everywhere, in loops as well"),
        );
    }
}

/// In the order of the text, each finding once (a loop repeats what it says of its body).
pub(crate) fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|d| (d.span, d.code));
    drop_echoes(diagnostics);
    let mut seen = BTreeSet::new();
    diagnostics.retain(|d| seen.insert((d.span, d.code, d.message.clone())));
}

/// A bracket that is never closed makes the end of its line unexpected: one slip, one finding.
fn drop_echoes(diagnostics: &mut Vec<Diagnostic>) {
    let mut open = false;
    diagnostics.retain(|d| {
        let echo = open
            && d.code == Code::P1
            && d.message.ends_with("found the end of the line");
        open = (open || d.message.ends_with("is never closed")) && !echo;
        !echo
    });
}
