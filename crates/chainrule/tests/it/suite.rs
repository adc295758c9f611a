//! Walks `suite/`: every case says in comments at its end what has to come out (see
//! suite/README.md). All cases run; all failures are listed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chainrule::explain::{Answer, Answered, AskOptions, Side, ask};
use chainrule::graph::diag::{Diagnostic, Severity, line_column};
use chainrule::graph::functions::Functions;
use chainrule::graph::lower::{is_builtin, load};
use chainrule::graph::module::Module;
use chainrule::graph::suggest;
use chainrule::graph::syntax::ast::{Arg, Expr, ExprKind, Index};
use chainrule::graph::syntax::parse_expression;
use chainrule::graph::value::Mat;

use crate::differences;

/// A diagnostic that has to be there, with what has to be in it.
struct Expected {
    severity: Severity,
    code: String,
    line: usize,
    text: String,
    /// `label`, `note`, `fix`, `hint` and its text.
    parts: Vec<(String, String)>,
}

/// What stands in the comments of a case.
#[derive(Default)]
struct Case {
    expected: Vec<Expected>,
    asks: Vec<(String, String)>,
    options: AskOptions,
}

fn read(text: &str) -> Result<Case, String> {
    let mut case = Case::default();
    for line in text.lines().filter_map(|l| l.strip_prefix("# ")) {
        if let Some(rest) = line.strip_prefix("expect: ") {
            case.expected.push(expected(rest)?);
        } else if let Some(rest) = line.strip_prefix("ask ") {
            let (q, a) = rest.split_once(" => ").ok_or(format!("no answer: {line}"))?;
            case.asks.push((q.trim().to_string(), a.trim().to_string()));
        } else if let Some(rest) = line.strip_prefix("with ") {
            flags(rest, &mut case.options)?;
        } else if let Some((key, rest)) = line.split_once(": ")
            && ["label", "note", "fix", "hint"].contains(&key)
        {
            let last = case.expected.last_mut().ok_or(format!("no expect: {line}"))?;
            last.parts.push((key.to_string(), rest.trim().to_string()));
        }
    }
    Ok(case)
}

/// `S1 line 3: the product`, `warning N4 line 3: b`.
fn expected(text: &str) -> Result<Expected, String> {
    let (head, said) = text.split_once(": ").unwrap_or((text, ""));
    let mut words: Vec<&str> = head.split_whitespace().collect();
    let severity = match words.first() {
        Some(&"warning") => Severity::Warning,
        Some(&"note") => Severity::Note,
        _ => Severity::Error,
    };
    if severity != Severity::Error {
        words.remove(0);
    }
    let [code, "line", line] = words.as_slice() else {
        return Err(format!("not an expectation: {text}"));
    };
    let line = line.parse().map_err(|_| format!("not a line: {text}"))?;
    let (code, text) = (code.to_string(), said.trim().to_string());
    Ok(Expected { severity, code, line, text, parts: Vec::new() })
}

fn flags(text: &str, options: &mut AskOptions) -> Result<(), String> {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (flag, tail) = rest.split_once(' ').ok_or(format!("flag alone: {text}"))?;
        let tail = tail.trim_start();
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(format!("quote: {text}"))?,
            None => tail.split_once(' ').unwrap_or((tail, "")),
        };
        rest = tail.trim_start();
        match flag {
            "--steps" => options.steps = value.parse().map_err(|_| text.to_string())?,
            "--update" => options.update = Some(value.to_string()),
            "--freeze" => {
                options.freeze = value.split(',').map(str::to_string).collect();
            }
            "--examples" => options.examples = Some(value.to_string()),
            other => return Err(format!("unknown flag {other}")),
        }
    }
    Ok(())
}

/// Spaces apart.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn check_expected(text: &str, all: &[Diagnostic], e: &Expected) -> Result<(), String> {
    let fits = |d: &&Diagnostic| {
        d.severity == e.severity
            && format!("{:?}", d.code) == e.code
            && line_column(text, d.span.start).0 == e.line
            && d.message.contains(&e.text)
    };
    let Some(d) = all.iter().find(fits) else {
        return Err(format!("no {} line {}: {}", e.code, e.line, e.text));
    };
    let mut wrong = String::new();
    for (kind, wanted) in &e.parts {
        if let Err(found) = check_part(text, all, d, kind, wanted) {
            let _ = write!(wrong, "\n    {kind}: {wanted}\n      found: {found}");
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}:{wrong}", d.message)) }
}

fn check_part(
    text: &str,
    all: &[Diagnostic],
    d: &Diagnostic,
    kind: &str,
    wanted: &str,
) -> Result<(), String> {
    let found: Vec<String> = match kind {
        "label" => d.labels.iter().map(|l| l.text.clone()).collect(),
        "note" => {
            let file = all.iter().filter(|n| n.severity == Severity::Note);
            d.notes.iter().cloned().chain(file.map(|n| n.message.clone())).collect()
        }
        "fix" => return check_fix(text, d, wanted),
        _ => {
            let hints = d.hints.iter().map(|h| {
                let edited = suggest::apply(text, &h.edits);
                format!("{} {}", h.text, if h.edits.is_empty() { "" } else { &edited })
            });
            hints.collect()
        }
    };
    let ok = found.iter().any(|f| f.contains(wanted));
    ok.then_some(()).ok_or(format!("{found:?}"))
}

/// The first hint that a machine can apply gives this line, and no error is left.
fn check_fix(text: &str, d: &Diagnostic, wanted: &str) -> Result<(), String> {
    let Some(hint) = d.hints.iter().find(|h| !h.edits.is_empty()) else {
        let words: Vec<&str> = d.hints.iter().map(|h| h.text.as_str()).collect();
        return Err(format!("no edit; hints: {words:?}"));
    };
    let edited = suggest::apply(text, &hint.edits);
    let same = |l: &str| bare(l.split('#').next().unwrap_or("")) == bare(wanted);
    if !edited.lines().any(same) {
        return Err(hint.text.clone());
    }
    let left = load(&edited, &[]).diagnostics;
    match left.iter().find(|d| d.severity == Severity::Error) {
        Some(d) => Err(format!("{}, and then: {}", hint.text, d.message)),
        None => Ok(()),
    }
}

/// A tree as text: brackets dropped, functions resolved, default arguments left out.
fn tree(e: &Expr, f: &Functions) -> String {
    let t = |e: &Expr| tree(e, f);
    match &e.kind {
        ExprKind::Paren(x) => t(x),
        ExprKind::Number(v, _) => format!("{v}"),
        ExprKind::Name(n) => n.key.clone(),
        ExprKind::Neg(x) => format!("(neg {})", t(x)),
        ExprKind::Not(x) => format!("(not {})", t(x)),
        ExprKind::Transpose(x) => format!("(T {})", t(x)),
        ExprKind::Abs(x) => format!("(abs {})", t(x)),
        ExprKind::Indicator(x) => format!("(one {})", t(x)),
        ExprKind::Binary(op, a, b) => format!("({op:?} {} {})", t(a), t(b)),
        ExprKind::Call { func, primes, args } => {
            format!("({}{primes}{})", func_name(&func.key, f), arguments(func, args, f))
        }
        ExprKind::Norm(p, parts) => {
            format!("(norm{p} {})", parts.iter().map(t).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Stack(parts) => {
            format!("(stack {})", parts.iter().map(t).collect::<Vec<_>>().join(" "))
        }
        ExprKind::Cases(a, c, b) => format!("(if {} {} {})", t(c), t(a), t(b)),
        ExprKind::Element(b, index) => {
            let index = index.iter().map(|i| match i {
                Index::All => ":".to_string(),
                Index::At(e) => t(e),
                Index::Range(a, b) => format!("{}:{}", t(a), t(b)),
            });
            format!("({}[{}])", t(b), index.collect::<Vec<_>>().join(","))
        }
        other => format!("{other:?}"),
    }
}

fn func_name(key: &str, f: &Functions) -> String {
    f.find(key).map_or_else(|| key.to_string(), |id| f.get(id).name.key.clone())
}

fn arguments(
    func: &chainrule::graph::syntax::ast::Name,
    args: &[Arg],
    f: &Functions,
) -> String {
    let params = f.find(&func.key).map(|id| f.get(id).params.clone()).unwrap_or_default();
    let mut out = String::new();
    for (i, a) in args.iter().enumerate() {
        let place = match &a.name {
            Some(n) => params.iter().position(|p| p.name.key == n.key),
            None => Some(i),
        };
        let p = place.and_then(|i| params.get(i));
        let value = tree(&a.value, f);
        let default = p.and_then(|p| p.default.as_ref()).map(|d| tree(d, f));
        if default.as_ref() != Some(&value) {
            let _ = write!(out, " {}={value}", place.unwrap_or(i));
        }
    }
    out
}

fn expression(text: &str, m: &Module) -> Result<Expr, String> {
    let known = |n: &str| is_builtin(n) || m.functions.find(n).is_some();
    let (e, wrong) = parse_expression(text, &known);
    match wrong.first() {
        Some(d) => Err(format!("`{text}` does not read: {}", d.message)),
        None => Ok(e),
    }
}

fn same_formula(found: &str, wanted: &str, m: &Module) -> Result<(), String> {
    let (a, b) = (expression(found, m)?, expression(wanted, m)?);
    let same = tree(&a, &m.functions) == tree(&b, &m.functions);
    same.then_some(()).ok_or(format!("{found}, expected {wanted}"))
}

/// The entries of a literal with half a unit of the last digit of each.
fn literal(e: &Expr) -> Option<Vec<Vec<(f64, f64)>>> {
    match &e.kind {
        ExprKind::Number(v, text) => {
            let half = match text.split_once('.') {
                Some((_, digits)) => {
                    0.5 * 10_f64.powi(-(digits.len() as i32)) * 1.000_001
                }
                None => 1e-9 * v.abs(),
            };
            Some(vec![vec![(*v, half)]])
        }
        ExprKind::Neg(x) => {
            let mut m = literal(x)?;
            m.iter_mut().flatten().for_each(|e| e.0 = -e.0);
            Some(m)
        }
        ExprKind::Matrix(rows) => {
            let row = |r: &Vec<Expr>| r.iter().map(|e| Some(literal(e)?[0][0])).collect();
            rows.iter().map(row).collect()
        }
        _ => None,
    }
}

fn same_value(found: &Mat, wanted: &str, m: &Module) -> Result<(), String> {
    let said = literal(&expression(wanted, m)?).ok_or(format!("no literal: {wanted}"))?;
    let flat: Vec<(f64, f64)> = said.iter().flatten().copied().collect();
    let shape = found.rows == said.len() && found.data.len() == flat.len();
    let close = |(f, (w, half)): (&f64, &(f64, f64))| (f - w).abs() <= half.max(1e-15);
    let same = shape && found.data.iter().zip(&flat).all(close);
    let shown = format!("{}×{} {:?}", found.rows, found.cols, found.data);
    same.then_some(()).ok_or(format!("{shown}, expected {wanted}"))
}

fn shape_text(a: &Answer) -> String {
    let side = |s: &Side| match s {
        Side::Size(n) => n.to_string(),
        Side::Name(n) => n.clone(),
    };
    a.shape.iter().map(side).collect::<Vec<_>>().join("×")
}

fn check_answer(
    q: &str,
    a: &Answer,
    wanted: &str,
    m: &Module,
    symbolic: bool,
) -> Result<(), String> {
    if q.starts_with("shape ") {
        let found = shape_text(a);
        return (found == wanted)
            .then_some(())
            .ok_or(format!("{found}, expected {wanted}"));
    }
    match (&a.value, &a.symbolic) {
        (Answered::Count(n), _) => {
            let same = n.to_string() == wanted;
            same.then_some(()).ok_or(format!("{n}, expected {wanted}"))
        }
        (_, Some(s)) if symbolic => same_formula(s, wanted, m),
        (Answered::Numbers(v), _) if !symbolic => same_value(v, wanted, m),
        (v, s) => Err(format!("{v:?} {s:?}, expected {wanted}")),
    }
}

fn run_asks(m: &Module, case: &Case, symbolic: bool, out: &mut Vec<String>) {
    let questions: Vec<String> = case.asks.iter().map(|(q, _)| q.clone()).collect();
    let report = ask(m, &case.options, &questions);
    for (reply, (q, wanted)) in report.replies.iter().zip(&case.asks) {
        let checked = match &reply.answer {
            Ok(a) => check_answer(q, a, wanted, m, symbolic),
            Err(d) => Err(d.message.clone()),
        };
        out.extend(checked.err().map(|e| format!("{q}: {e}")));
    }
    for (q, _) in &case.asks {
        out.extend(differences::of_question(m, q).err().map(|e| format!("{q}: {e}")));
    }
}

fn run(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).expect("a case reads");
    let case = read(&text)?;
    let loaded = load(&text, &[]);
    let mut out: Vec<String> = Vec::new();
    let mut all = loaded.diagnostics.clone();
    if let Some(m) = &loaded.module {
        all.extend(chainrule::graph::domain::check(m));
    }
    out.extend(case.expected.iter().filter_map(|e| check_expected(&text, &all, e).err()));
    for d in all.iter().filter(|d| d.severity == Severity::Error) {
        let line = line_column(&text, d.span.start).0;
        let code = format!("{:?}", d.code);
        if !case.expected.iter().any(|e| e.code == code && e.line == line) {
            out.push(format!("not expected: {code} line {line}: {}", d.message));
        }
    }
    let symbolic = path.parent().is_some_and(|p| p.ends_with("gradients"));
    match &loaded.module {
        Some(m) => run_asks(m, &case, symbolic, &mut out),
        None if !case.asks.is_empty() => out.push("questions about a broken file".into()),
        None => {}
    }
    if case.expected.is_empty() && case.asks.is_empty() {
        out.push("nothing is expected of this case".into());
    }
    if out.is_empty() { Ok(()) } else { Err(out.join("\n  ")) }
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../suite"));
    let mut all = Vec::new();
    for folder in ["errors", "gradients", "values"] {
        let files = std::fs::read_dir(root.join(folder)).expect("the suite is there");
        all.extend(files.map(|f| f.expect("an entry").path()));
    }
    all.retain(|p| p.extension().is_some_and(|e| e == "chain"));
    all.sort();
    all
}

#[test]
fn every_case_of_the_suite_holds() {
    let all = cases();
    assert!(all.len() >= 112, "only {} cases were found", all.len());
    let failed: Vec<String> = all
        .iter()
        .filter_map(|p| {
            Some(format!("{}:\n  {}", p.file_stem()?.display(), run(p).err()?))
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        all.len(),
        failed.join("\n")
    );
}

#[test]
fn a_wrong_expectation_is_noticed() {
    let m = load("x := [1; 2]\ns = sum(x)\n", &[]).module.expect("a file");
    let two = Mat::new(2, 1, vec![1.0, 2.0]);
    assert!(same_value(&two, "[1; 2]", &m).is_ok());
    for wrong in ["[1; 2.1]", "[1 2]", "[1; 2; 3]", "1"] {
        assert!(same_value(&two, wrong, &m).is_err(), "{wrong}");
    }
    assert!(same_formula("(relu(x))", "ReLU( x )", &m).is_ok());
    assert!(same_formula("leaky_relu(x)", "LeakyReLU(x, α = 0.01)", &m).is_ok());
    for wrong in ["leaky_relu(x, α = 0.1)", "relu'(x)", "−relu(x)", "x"] {
        assert!(same_formula("relu(x)", wrong, &m).is_err(), "{wrong}");
    }
}
