//! The tree as LaTeX: a fragment for a sheet of one's own, or a document of the `exam` class.
//!
//! Needs `amsmath` and `amssymb` alone. A line of mathematics is an `align*` with a line a side; words
//! keep to ASCII and commands, so that every engine reads them.

use chainrule_graph::syntax::latex::latex;
use chainrule_graph::syntax::print::Style;

use crate::explain::formula::Formula;
use crate::explain::tree::{
    Block, Explanation, Fold, Inline, Line, Part, Section, Table,
};

/// To be included where `amsmath` and `amssymb` are loaded.
pub(super) fn fragment(e: &Explanation) -> String {
    let mut out =
        format!("% {}\n% needs \\usepackage{{amsmath,amssymb}}\n", comment(&e.title));
    for s in &e.sections {
        out.push_str(&format!("\\subsection*{{{}}}\n", escaped(s.part.title())));
        blocks(&s.blocks, &mut out);
    }
    out
}

/// The question with what is given, and a solution for each part.
pub(super) fn document(e: &Explanation) -> String {
    let mut out = String::from(PREAMBLE);
    out.push_str(&format!(
        "\\begin{{document}}\n\\begin{{center}}\\Large {}\\end{{center}}\n\\begin{{questions}}\n\\question\n",
        escaped(&e.title)
    ));
    let (given, rest): (Vec<&Section>, Vec<&Section>) =
        e.sections.iter().partition(|s| s.part == Part::Given);
    for s in given {
        blocks(&s.blocks, &mut out);
    }
    if !rest.is_empty() {
        out.push_str("\\begin{parts}\n");
        for s in rest {
            out.push_str(&format!(
                "\\part {}\n\\begin{{solution}}\n",
                escaped(s.part.title())
            ));
            blocks(&s.blocks, &mut out);
            out.push_str("\\end{solution}\n");
        }
        out.push_str("\\end{parts}\n");
    }
    out.push_str("\\end{questions}\n");
    if let Some(f) = &e.fingerprint {
        out.push_str(&format!("\\hfill{{\\footnotesize graph {f}}}\n"));
    }
    out + "\\end{document}\n"
}

const PREAMBLE: &str = r"\documentclass[answers,a4paper,11pt]{exam}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\unframedsolutions
\renewcommand{\solutiontitle}{}
\allowdisplaybreaks
\setcounter{MaxMatrixCols}{20}
\setlength{\parindent}{0pt}
\emergencystretch=3em
\AtBeginDocument{\abovedisplayskip=5pt plus 2pt \belowdisplayskip=5pt plus 2pt
  \abovedisplayshortskip=3pt \belowdisplayshortskip=3pt}
";

fn blocks(all: &[Block], out: &mut String) {
    for b in all {
        match b {
            Block::Words(w) => out.push_str(&format!("{}\\par\n", inline(w))),
            Block::Note(w) => {
                out.push_str(&format!("\\textbf{{Note.}} {}\\par\n", inline(w)));
            }
            Block::Line(l) => line(l, out),
            Block::Table(t) => table(t, out),
            Block::Fold(f) => fold(f, out),
        }
    }
}

fn fold(f: &Fold, out: &mut String) {
    out.push_str(&format!("\\par\\smallskip\\textit{{{}}}\\par\n", inline(&f.title)));
    blocks(&f.blocks, out);
}

fn line(l: &Line, out: &mut String) {
    let tag = l
        .label
        .as_ref()
        .map_or(String::new(), |n| format!(" \\tag{{{}}}", n.trim_matches(['(', ')'])));
    let body = sides(&l.formula);
    out.push_str(&format!("\\begin{{align*}}\n{body}{tag}\n\\end{{align*}}\n"));
    if !l.reason.is_empty() {
        out.push_str(&format!("\\hfill{{\\small {}}}\\par\n", inline(&l.reason)));
    }
}

/// Signs of a formula that keep to one line.
const ONE_LINE: usize = 64;

/// Sides below each other, joined at their relations; a result is framed.
pub(super) fn sides(f: &Formula) -> String {
    if f.rest.len() < 2 || f.text(Style::Unicode).chars().count() <= ONE_LINE {
        return framed(f, &f.latex());
    }
    let mut out = latex(&f.first);
    for (k, (relation, e)) in f.rest.iter().enumerate() {
        let last = k + 1 == f.rest.len();
        let side = latex(e);
        let side = if last { framed(f, &side) } else { side };
        let gap = if k == 0 { " " } else { " \\\\\n" };
        out.push_str(&format!("{gap}&{} {side}", relation.latex()));
    }
    out
}

/// In a frame if it is a result.
pub(super) fn framed(f: &Formula, body: &str) -> String {
    if f.boxed { format!("\\boxed{{{body}}}") } else { body.to_owned() }
}

fn inline(all: &[Inline]) -> String {
    let one = |i: &Inline| match i {
        Inline::Words(t) => escaped(t),
        Inline::Formula(f) => format!("${}$", f.latex()),
    };
    all.iter().map(one).collect()
}

fn table(t: &Table, out: &mut String) {
    let columns = "l".repeat(t.head.len());
    let row = |cells: Vec<String>| format!("{} \\\\[2pt]\n", cells.join(" & "));
    out.push_str(&format!(
        "\\begin{{center}}\\small\n\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n"
    ));
    if t.head.iter().any(|h| !h.is_empty()) {
        let bold = |h: &String| format!("\\textbf{{{}}}", escaped(h));
        out.push_str(&row(t.head.iter().map(bold).collect()));
        out.push_str("\\hline\n");
    }
    for r in &t.rows {
        out.push_str(&row(r.iter().map(|c| cell(c)).collect()));
    }
    out.push_str("\\end{tabular}\n\\end{center}\n");
}

/// Long words in a cell are broken.
fn cell(c: &[Inline]) -> String {
    let long = |i: &Inline| matches!(i, Inline::Words(t) if t.chars().count() > 50);
    match c.iter().any(long) {
        true => format!("\\parbox[t]{{0.6\\linewidth}}{{\\raggedright {}}}", inline(c)),
        false => inline(c),
    }
}

/// A comment keeps to one line.
fn comment(text: &str) -> String {
    escaped(text).replace('\n', " ")
}

/// Words as commands: nothing of the user's text is read as LaTeX.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().map(sign).collect()
}

fn sign(c: char) -> String {
    let command = match c {
        '\\' => "\\textbackslash{}",
        '{' => "\\{",
        '}' => "\\}",
        '$' => "\\$",
        '&' => "\\&",
        '#' => "\\#",
        '%' => "\\%",
        '_' => "\\_",
        '^' => "\\textasciicircum{}",
        '~' => "\\textasciitilde{}",
        '"' => "''",
        '<' => "$<$",
        '>' => "$>$",
        '|' => "$|$",
        '−' => "$-$",
        '×' => "$\\times$",
        '·' => "$\\cdot$",
        '⊙' => "$\\odot$",
        '‖' => "$\\Vert$",
        '²' => "${}^2$",
        'ᵀ' => "${}^\\top$",
        '∂' => "$\\partial$",
        '≠' => "$\\neq$",
        '≈' => "$\\approx$",
        '≥' => "$\\ge$",
        '≤' => "$\\le$",
        '∞' => "$\\infty$",
        '←' => "$\\leftarrow$",
        '…' => "\\dots{}",
        '′' => "'",
        c if c.is_ascii() && !c.is_control() || c == '\n' => return c.to_string(),
        // Letters of Latin alphabets that no formula marks so: é, ß.
        '\u{c0}'..='\u{ff}' => return c.to_string(),
        // Letters as the formulas write them: Greek, accents.
        c if c.is_alphabetic() => return letter(&c.to_string()),
        c if ('\u{300}'..='\u{36f}').contains(&c) => return String::new(),
        _ => "?",
    };
    command.to_owned()
}

/// A letter that is not ASCII, as a formula.
fn letter(text: &str) -> String {
    format!("${}$", latex(&crate::explain::formula::name(text)))
}
