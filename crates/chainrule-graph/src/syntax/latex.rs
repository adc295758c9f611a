//! Tree → LaTeX (mathematics mode, `amsmath` and `amssymb`).
//!
//! In: a tree with the brackets that it needs. Out: text for a formula. Names keep their
//! spelling: `W1` is W_{1}, `ŷ` is \hat{y}, Greek letters are commands.

use super::ast::{BinaryOp, Expr, ExprKind, Index};

/// Greek letters and their commands.
static GREEK: &[(char, &str)] = &[
    ('α', "\\alpha"),
    ('β', "\\beta"),
    ('γ', "\\gamma"),
    ('δ', "\\delta"),
    ('ε', "\\varepsilon"),
    ('ζ', "\\zeta"),
    ('η', "\\eta"),
    ('θ', "\\theta"),
    ('ι', "\\iota"),
    ('κ', "\\kappa"),
    ('λ', "\\lambda"),
    ('μ', "\\mu"),
    ('ν', "\\nu"),
    ('ξ', "\\xi"),
    ('π', "\\pi"),
    ('ρ', "\\rho"),
    ('σ', "\\sigma"),
    ('τ', "\\tau"),
    ('υ', "\\upsilon"),
    ('φ', "\\varphi"),
    ('χ', "\\chi"),
    ('ψ', "\\psi"),
    ('ω', "\\omega"),
    ('Γ', "\\Gamma"),
    ('Δ', "\\Delta"),
    ('Θ', "\\Theta"),
    ('Λ', "\\Lambda"),
    ('Ξ', "\\Xi"),
    ('Π', "\\Pi"),
    ('Σ', "\\Sigma"),
    ('Φ', "\\Phi"),
    ('Ψ', "\\Psi"),
    ('Ω', "\\Omega"),
];

/// Functions that LaTeX has a command for.
const COMMANDS: [&str; 7] = ["exp", "log", "sin", "cos", "tanh", "max", "min"];

/// An expression as LaTeX.
#[must_use]
pub fn latex(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Number(_, text) => number(text),
        ExprKind::Name(n) => name(&n.key),
        ExprKind::Paren(x) => format!("\\left({}\\right)", latex(x)),
        ExprKind::Neg(x) => format!("-{}", latex(x)),
        ExprKind::Not(x) => format!("\\lnot {}", latex(x)),
        ExprKind::Binary(op, a, b) => binary(*op, a, b),
        ExprKind::Transpose(x) => format!("{}^{{\\top}}", base(x)),
        ExprKind::Call { func, primes, args } => {
            let named = |n: &super::ast::Name| format!("{} = ", name(&n.key));
            let argument = |a: &super::ast::Arg| {
                a.name.as_ref().map_or_else(String::new, named) + &latex(&a.value)
            };
            let args: Vec<String> = args.iter().map(argument).collect();
            let primes = "'".repeat(usize::from(*primes));
            format!("{}{primes}\\left({}\\right)", function(&func.key), args.join(", "))
        }
        ExprKind::Norm(p, parts) => {
            let inside: Vec<String> = parts.iter().map(latex).collect();
            let sub = if *p == 1 { "_1" } else { "" };
            format!("\\left\\lVert {}\\right\\rVert{sub}", inside.join(", "))
        }
        ExprKind::Abs(x) => format!("\\left|{}\\right|", latex(x)),
        ExprKind::Sum { index, from, to, except, body } => {
            let i = name(&index.key);
            let low = match (from, except) {
                (Some(f), _) => format!("{i}={}", latex(f)),
                (_, Some(x)) => format!("{i}\\neq {}", latex(x)),
                _ => i,
            };
            let high =
                to.as_ref().map_or(String::new(), |t| format!("^{{{}}}", latex(t)));
            format!("\\sum_{{{low}}}{high} {}", latex(body))
        }
        ExprKind::Cases(v, c, o) => cases(v, c, o),
        ExprKind::Element(x, index) => {
            // An index of its own already: (z1)[2], not a second one below it.
            let whole = match &x.kind {
                ExprKind::Name(n) if super::indexed(&n.key) => {
                    format!("{{\\left({}\\right)}}", latex(x))
                }
                _ => base(x),
            };
            format!("{whole}_{{{}}}", indices(index))
        }
        ExprKind::Matrix(rows) => {
            let rows: Vec<String> = rows.iter().map(|r| row(r)).collect();
            format!("\\begin{{bmatrix}}{}\\end{{bmatrix}}", rows.join(" \\\\ "))
        }
        ExprKind::Stack(parts) => {
            let parts: Vec<String> = parts.iter().map(latex).collect();
            format!("\\begin{{bmatrix}}{}\\end{{bmatrix}}", parts.join(" \\\\ "))
        }
        ExprKind::Indicator(c) => format!("\\mathbf{{1}}\\left[{}\\right]", latex(c)),
        ExprKind::Error => "?".to_string(),
    }
}

fn row(entries: &[Expr]) -> String {
    entries.iter().map(latex).collect::<Vec<_>>().join(" & ")
}

/// `a if c else b`, chains as one list of cases.
fn cases(v: &Expr, c: &Expr, o: &Expr) -> String {
    let mut lines = vec![format!("{} & \\text{{if }} {}", latex(v), latex(c))];
    let mut rest = o;
    while let ExprKind::Cases(v, c, o) = &rest.kind {
        lines.push(format!("{} & \\text{{if }} {}", latex(v), latex(c)));
        rest = o;
    }
    lines.push(format!("{} & \\text{{otherwise}}", latex(rest)));
    format!("\\begin{{cases}}{}\\end{{cases}}", lines.join(" \\\\ "))
}

fn indices(index: &[Index]) -> String {
    let one = |i: &Index| match i {
        Index::All => ":".to_string(),
        Index::At(e) => latex(e),
        Index::Range(a, b) => format!("{}:{}", latex(a), latex(b)),
    };
    index.iter().map(one).collect::<Vec<_>>().join(",")
}

/// What carries an exponent or index: braces round anything longer than a name.
fn base(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Name(_) | ExprKind::Number(..) | ExprKind::Paren(_) => {
            format!("{{{}}}", latex(e))
        }
        _ => format!("{{\\left({}\\right)}}", latex(e)),
    }
}

fn binary(op: BinaryOp, a: &Expr, b: &Expr) -> String {
    let (x, y) = (latex(a), latex(b));
    let sign = match op {
        BinaryOp::Div => return format!("\\frac{{{}}}{{{}}}", bare(a), bare(b)),
        // `^{T}` would be a transpose.
        BinaryOp::Pow if bare(b) == "T" => return format!("{}^{{(T)}}", base(a)),
        BinaryOp::Pow => return format!("{}^{{{}}}", base(a), bare(b)),
        BinaryOp::Space | BinaryOp::At => "\\,",
        BinaryOp::Add => " + ",
        BinaryOp::Sub => " - ",
        BinaryOp::Odot => " \\odot ",
        BinaryOp::Dot | BinaryOp::Star => " \\cdot ",
        BinaryOp::Cross => " \\times ",
        BinaryOp::Lt => " < ",
        BinaryOp::Le => " \\le ",
        BinaryOp::Gt => " > ",
        BinaryOp::Ge => " \\ge ",
        BinaryOp::Eq => " = ",
        BinaryOp::Ne => " \\neq ",
        BinaryOp::And => " \\land ",
        BinaryOp::Or => " \\lor ",
    };
    format!("{x}{sign}{y}")
}

/// Without a bracket that the notation makes needless.
fn bare(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Paren(x) => latex(x),
        _ => latex(e),
    }
}

fn number(text: &str) -> String {
    if matches!(text, "∞" | "NaN") {
        return if text == "∞" { "\\infty" } else { "\\mathrm{NaN}" }.to_string();
    }
    match text.split_once(['e', 'E']) {
        Some((m, p)) => format!("{m} \\cdot 10^{{{}}}", p.trim_start_matches('+')),
        None => text.to_string(),
    }
}

fn function(key: &str) -> String {
    if COMMANDS.contains(&key) {
        return format!("\\{key}");
    }
    match key {
        "sigmoid" => "\\sigma".to_string(),
        _ => format!("\\operatorname{{{}}}", key.replace('_', "\\_")),
    }
}

/// A function's name, so that it reads back as the same one.
pub(super) fn upright(key: &str) -> String {
    match COMMANDS.contains(&key) {
        true => format!("\\{key}"),
        false => format!("\\operatorname{{{}}}", key.replace('_', "\\_")),
    }
}

/// A symbol's name, so that it reads back as the same one: `W_{1}`, `\hat{y}`, `z^{[1]}`.
pub(super) fn symbol(key: &str) -> String {
    match key {
        "𝟏" => return "\\mathbf{1}".to_owned(),
        "ℝ" => return "\\mathbb{R}".to_owned(),
        _ => {}
    }
    let (rest, mark) = match key.split_once('^') {
        Some((rest, mark)) => (rest, format!("^{{{}}}", mark.trim_matches(['{', '}']))),
        None => (key, String::new()),
    };
    let (base, subs) = match rest.split_once('_') {
        Some((base, subs)) => (base, subs.trim_matches(['{', '}'])),
        None => (rest, ""),
    };
    // A mark may stand before the subscript: `z^[2]_k`.
    let (mark, late) = match mark.split_once('_') {
        Some((m, k)) => {
            (format!("{}}}", m.trim_end_matches('}')), k.trim_end_matches('}').to_owned())
        }
        None => (mark, String::new()),
    };
    let digits = base.find(|c: char| c.is_ascii_digit()).unwrap_or(base.len());
    let (letters, number) = base.split_at(digits);
    let greek = |text: &str| -> String {
        let command =
            |c: char| GREEK.iter().find(|g| g.0 == c).map(|g| format!("{} ", g.1));
        text.chars().map(|c| command(c).unwrap_or_else(|| c.to_string())).collect()
    };
    let letters = match letters.chars().count() {
        1 => stem(letters),
        _ if stem(letters).starts_with(['\\']) && single_accent(letters) => stem(letters),
        _ => format!("\\mathit{{{}}}", greek(letters).trim_end()),
    };
    let sub = |text: &str| match text.is_empty() {
        true => String::new(),
        false => format!("_{{{}}}", greek(text).trim_end()),
    };
    match subs.is_empty() {
        true => format!("{letters}{}{mark}{}", sub(number), sub(&late)),
        false => format!("{letters}{number}{}{mark}{}", sub(subs), sub(&late)),
    }
}

/// A letter with a mark above it that has no sign of its own.
fn single_accent(letters: &str) -> bool {
    use unicode_normalization::UnicodeNormalization;
    letters.nfd().filter(|c| c.is_alphabetic()).count() == 1
}

/// A canonical name: letter, accent, index, layer mark.
fn name(key: &str) -> String {
    if let Some((top, by)) = super::partial(key) {
        let (top, by) = (latex(&top), latex(&by));
        return format!("\\frac{{\\partial {top}}}{{\\partial {by}}}");
    }
    if key == "…" {
        return "\\dots".to_string();
    }
    let (letters, sub, mark) = super::parts(key);
    let letters = stem(letters);
    let sub = if sub.is_empty() { String::new() } else { format!("_{{{}}}", stem(sub)) };
    let mark = if mark.is_empty() { String::new() } else { format!("^{{{mark}}}") };
    format!("{letters}{sub}{mark}")
}

/// Letters with their accents as commands.
fn stem(letters: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let parts: Vec<char> = letters.nfd().collect();
    let mut out = String::new();
    let mut i = 0;
    let count = parts.iter().filter(|c| c.is_alphabetic()).count();
    while i < parts.len() {
        let letter = parts[i];
        let text = GREEK
            .iter()
            .find(|(g, _)| *g == letter)
            .map_or_else(|| letter.to_string(), |(_, c)| format!("{c} "));
        let accent = parts.get(i + 1).and_then(|c| match c {
            '\u{302}' => Some("\\hat"),
            '\u{303}' => Some("\\tilde"),
            '\u{304}' => Some("\\bar"),
            '\u{307}' => Some("\\dot"),
            _ => None,
        });
        match accent {
            Some(a) => {
                out.push_str(&format!("{a}{{{}}}", text.trim()));
                i += 2;
            }
            None => {
                out.push_str(&text);
                i += 1;
            }
        }
    }
    let out = out.trim_end().to_string();
    let plain = out.chars().all(|c| c.is_ascii_alphanumeric());
    if count > 1 && plain && !letters.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("\\mathit{{{out}}}");
    }
    out
}
