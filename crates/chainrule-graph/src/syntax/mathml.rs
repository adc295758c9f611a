//! Tree → MathML Core: the content of a `<math>` element, without that element itself.
//!
//! In: a tree with the brackets that it needs, as for LaTeX. Out: well-formed markup of the elements
//! that browsers draw by themselves. Names keep their spelling: `W1` has an index, `ŷ` a hat, `∂L/∂W1`
//! is a fraction. Deliberately absent: line breaks (a page breaks between formulas), styles.

use unicode_normalization::UnicodeNormalization;

use super::ast::{Arg, BinaryOp, Expr, ExprKind, Index};
use super::{indexed, partial, parts};

/// An expression as the content of a `<math>` element.
#[must_use]
pub fn mathml(e: &Expr) -> String {
    row(&inner(e))
}

/// Text that no markup can hide in.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn row(inside: &str) -> String {
    format!("<mrow>{inside}</mrow>")
}

fn mo(sign: &str) -> String {
    format!("<mo>{}</mo>", escaped(sign))
}

fn mi(text: &str) -> String {
    format!("<mi>{}</mi>", escaped(text))
}

fn fenced(open: &str, inside: &str, close: &str) -> String {
    row(&format!("{}{inside}{}", mo(open), mo(close)))
}

fn inner(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Number(_, text) => number(text),
        ExprKind::Name(n) => name(&n.key),
        ExprKind::Paren(x) => fenced("(", &inner(x), ")"),
        ExprKind::Neg(x) => format!("<mo form=\"prefix\">−</mo>{}", mathml(x)),
        ExprKind::Not(x) => format!("{}{}", mo("¬"), mathml(x)),
        ExprKind::Binary(op, a, b) => binary(*op, a, b),
        ExprKind::Transpose(x) => {
            format!("<msup>{}<mo>⊤</mo></msup>", base(x))
        }
        ExprKind::Call { func, primes, args } => call(&func.key, *primes, args),
        ExprKind::Norm(p, parts) => {
            let inside: Vec<String> = parts.iter().map(mathml).collect();
            let norm = fenced("‖", &inside.join(&mo(",")), "‖");
            if *p == 1 { format!("<msub>{norm}<mn>1</mn></msub>") } else { norm }
        }
        ExprKind::Abs(x) => fenced("|", &inner(x), "|"),
        ExprKind::Sum { .. } => sum(e),
        ExprKind::Cases(v, c, o) => cases(v, c, o),
        ExprKind::Element(x, index) => {
            // An index of its own already: (z1)[2], not a second one below it.
            let whole = match &x.kind {
                ExprKind::Name(n) if indexed(&n.key) => fenced("(", &inner(x), ")"),
                _ => base(x),
            };
            format!("<msub>{whole}{}</msub>", row(&indices(index)))
        }
        ExprKind::Matrix(rows) => table(rows.iter().map(|r| r.iter().collect())),
        ExprKind::Stack(parts) => table(parts.iter().map(|p| vec![p])),
        ExprKind::Indicator(c) => {
            format!("<mn>𝟏</mn>{}", fenced("[", &inner(c), "]"))
        }
        ExprKind::Error => mi("?"),
    }
}

fn sum(e: &Expr) -> String {
    let ExprKind::Sum { index, from, to, except, body } = &e.kind else {
        return String::new();
    };
    let i = name(&index.key);
    let low = match (from, except) {
        (Some(f), _) => format!("{i}{}{}", mo("="), inner(f)),
        (_, Some(x)) => format!("{i}{}{}", mo("≠"), inner(x)),
        _ => i,
    };
    let sign = match to {
        Some(t) => {
            format!("<munderover><mo>∑</mo>{}{}</munderover>", row(&low), mathml(t))
        }
        None => format!("<munder><mo>∑</mo>{}</munder>", row(&low)),
    };
    format!("{sign}{}", mathml(body))
}

fn table<'a>(rows: impl Iterator<Item = Vec<&'a Expr>>) -> String {
    let cell = |e: &Expr| format!("<mtd>{}</mtd>", mathml(e));
    let line = |r: Vec<&Expr>| {
        format!("<mtr>{}</mtr>", r.into_iter().map(cell).collect::<String>())
    };
    let inside: String = rows.map(line).collect();
    fenced("[", &format!("<mtable>{inside}</mtable>"), "]")
}

/// `a if c else b`, chains as one list of cases.
fn cases(v: &Expr, c: &Expr, o: &Expr) -> String {
    let line = |v: &Expr, c: Option<&Expr>| {
        let when = c.map_or_else(
            || "<mtext>otherwise</mtext>".to_owned(),
            |c| format!("<mtext>if\u{a0}</mtext>{}", mathml(c)),
        );
        format!("<mtr><mtd>{}</mtd><mtd>{}</mtd></mtr>", mathml(v), row(&when))
    };
    let mut lines = line(v, Some(c));
    let mut rest = o;
    while let ExprKind::Cases(v, c, o) = &rest.kind {
        lines.push_str(&line(v, Some(c)));
        rest = o;
    }
    lines.push_str(&line(rest, None));
    row(&format!("{}<mtable class=\"cases\">{lines}</mtable>", mo("{")))
}

fn indices(index: &[Index]) -> String {
    let one = |i: &Index| match i {
        Index::All => mo(":"),
        Index::At(e) => inner(e),
        Index::Range(a, b) => format!("{}{}{}", inner(a), mo(":"), inner(b)),
    };
    index.iter().map(one).collect::<Vec<_>>().join(&mo(","))
}

/// What carries an exponent or index: a bracket round anything longer than a name.
fn base(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Name(_)
        | ExprKind::Number(..)
        | ExprKind::Paren(_)
        | ExprKind::Norm(..) => mathml(e),
        _ => fenced("(", &inner(e), ")"),
    }
}

/// Without a bracket that the notation makes needless.
fn bare(e: &Expr) -> String {
    match &e.kind {
        ExprKind::Paren(x) => mathml(x),
        _ => mathml(e),
    }
}

fn binary(op: BinaryOp, a: &Expr, b: &Expr) -> String {
    match op {
        BinaryOp::Div => format!("<mfrac>{}{}</mfrac>", bare(a), bare(b)),
        BinaryOp::Pow => format!("<msup>{}{}</msup>", base(a), bare(b)),
        _ => format!("{}{}{}", inner(a), mo(sign(op)), inner(b)),
    }
}

/// What stands between two sides in a book; nothing where their places say it.
pub(super) fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Div | BinaryOp::Pow => "",
        BinaryOp::Space | BinaryOp::At => "\u{2062}",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "−",
        BinaryOp::Odot => "⊙",
        BinaryOp::Dot | BinaryOp::Star => "·",
        BinaryOp::Cross => "×",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "≤",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => "≥",
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "≠",
        BinaryOp::And => "∧",
        BinaryOp::Or => "∨",
    }
}

fn call(func: &str, primes: u8, args: &[Arg]) -> String {
    let head = match func {
        "sqrt" if primes == 0 && args.len() == 1 => {
            return format!("<msqrt>{}</msqrt>", mathml(&args[0].value));
        }
        "sigmoid" => mi("σ"),
        _ => format!("<mi mathvariant=\"normal\">{}</mi>", escaped(func)),
    };
    let marks = "′".repeat(usize::from(primes));
    let head = match primes {
        0 => head,
        _ => format!("<msup>{head}{}</msup>", mo(&marks)),
    };
    let args: Vec<String> = args.iter().map(|a| mathml(&a.value)).collect();
    format!("{head}{}{}", mo("\u{2061}"), fenced("(", &args.join(&mo(",")), ")"))
}

fn number(text: &str) -> String {
    match text.split_once(['e', 'E']) {
        Some((m, p)) => {
            let minus =
                if p.starts_with('-') { "<mo form=\"prefix\">−</mo>" } else { "" };
            let power = p.trim_start_matches(['+', '-']);
            let ten = format!(
                "<msup><mn>10</mn>{}</msup>",
                row(&format!("{minus}<mn>{}</mn>", escaped(power)))
            );
            row(&format!("<mn>{}</mn>{}{ten}", escaped(m), mo("·")))
        }
        None => format!("<mn>{}</mn>", escaped(text)),
    }
}

/// A canonical name: letter, accent, index, layer mark; or a derivative.
fn name(key: &str) -> String {
    if let Some((top, by)) = partial(key) {
        let side = |e: &Expr| row(&format!("{}{}", mo("∂"), inner(e)));
        return format!("<mfrac>{}{}</mfrac>", side(&top), side(&by));
    }
    let (letters, sub, mark) = parts(key);
    let stem = stem(letters);
    match (sub.is_empty(), mark.is_empty()) {
        (true, true) => stem,
        (false, true) => format!("<msub>{stem}{}</msub>", index(sub)),
        (true, false) => format!("<msup>{stem}{}</msup>", index(mark)),
        _ => format!("<msubsup>{stem}{}{}</msubsup>", index(sub), index(mark)),
    }
}

fn index(text: &str) -> String {
    match text.chars().all(|c| c.is_ascii_digit()) {
        true => format!("<mn>{text}</mn>"),
        false => format!("<mtext>{}</mtext>", escaped(text)),
    }
}

/// One letter with its accent, or a word.
fn stem(letters: &str) -> String {
    let parts: Vec<char> = letters.nfd().collect();
    let accent = |c: char| match c {
        '\u{302}' => Some("^"),
        '\u{303}' => Some("~"),
        '\u{304}' => Some("¯"),
        '\u{307}' => Some("˙"),
        _ => None,
    };
    match parts[..] {
        [c, m] if accent(m).is_some() => {
            let over = escaped(accent(m).unwrap_or_default());
            let letter = mi(&c.to_string());
            format!(
                "<mover accent=\"true\">{letter}<mo stretchy=\"false\">{over}</mo></mover>"
            )
        }
        _ => mi(letters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_expression;

    fn written(text: &str) -> String {
        let known = |n: &str| matches!(n, "relu" | "log");
        let (e, found) = parse_expression(text, &known);
        assert!(found.is_empty(), "{found:?}");
        mathml(&e)
    }

    #[test]
    fn names_have_indices_and_hats() {
        assert_eq!(written("W1"), "<mrow><msub><mi>W</mi><mn>1</mn></msub></mrow>");
        let hat =
            "<mover accent=\"true\"><mi>y</mi><mo stretchy=\"false\">^</mo></mover>";
        assert_eq!(written("ŷ"), format!("<mrow>{hat}</mrow>"));
    }

    #[test]
    fn signs_of_markup_are_escaped() {
        assert!(written("1 if a < b else 0").contains("<mo>&lt;</mo>"));
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }

    /// Every element that is opened is closed, in order.
    #[test]
    fn what_is_written_is_well_formed() {
        for text in [
            "Wᵀ relu(z)² / (1 + ‖b‖)",
            "[1 -2; 3e-7 4]",
            "-∑_{i=1}^K y_i log(ŷ_i)",
            "a[2, :]",
        ] {
            let mut open: Vec<String> = Vec::new();
            for tag in written(text).split('<').skip(1) {
                let tag = tag.split('>').next().unwrap_or_default();
                let word =
                    tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
                if tag.starts_with('/') {
                    assert_eq!(open.pop().as_deref(), Some(word), "{text}");
                } else {
                    open.push(word.to_owned());
                }
            }
            assert!(open.is_empty(), "{text}: {open:?}");
        }
    }
}
