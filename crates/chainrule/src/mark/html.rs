//! A report as one HTML file: no script, nothing loaded, readable without colours.

use chainrule_graph::syntax::mathml::escaped;

use super::text::{below, sum, worth};
use super::{Mark, Marked, Verdict};

/// The page.
#[must_use]
pub fn html(marked: &Marked, answers: &str, title: &str) -> String {
    let rows: String = marked.lines.iter().map(|l| row(l, answers)).collect();
    let sum = sum(marked);
    let title = escaped(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <p class=\"sum\">{sum}</p>\n<table>\n<thead><tr><th scope=\"col\">line</th>\
         <th scope=\"col\">answer</th><th scope=\"col\">found</th><th scope=\"col\">points</th>\
         </tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</main>\n</body>\n</html>\n"
    )
}

const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #8884; }
td.number, th:last-child { text-align: right; white-space: nowrap; }
code { font: 15px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
ul { margin: .2rem 0 0; padding-left: 1.1rem; }
.verdict { font-weight: 600; border-left: .35rem solid; padding-left: .5rem; display: inline-block; }
.right { border-color: #2a8c4a; } .carried { border-color: #b07a00; }
.wrong { border-color: #c22f2f; } .other { border-color: #888; }
@media (max-width: 36rem) { th, td { padding: .3rem .25rem; } }
@media print { body { margin: 0; } }
";

fn class(v: Verdict) -> &'static str {
    match v {
        Verdict::Right | Verdict::Rounded => "right",
        Verdict::Carried => "carried",
        Verdict::Trivial | Verdict::Wrong => "wrong",
        Verdict::Defined | Verdict::Unreadable => "other",
    }
}

fn row(l: &Mark, answers: &str) -> String {
    let more: String =
        below(l, answers).iter().map(|t| format!("<li>{}</li>", escaped(t))).collect();
    let more = if more.is_empty() { more } else { format!("<ul>{more}</ul>") };
    format!(
        "<tr><td class=\"number\">{}</td><td><code>{}</code></td><td><span class=\"verdict {}\">{}</span>\
         {more}</td><td class=\"number\">{}</td></tr>\n",
        l.line,
        escaped(&l.text),
        class(l.verdict),
        l.verdict.words(),
        worth(l)
    )
}
