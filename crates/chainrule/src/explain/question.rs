//! Reads a question of `--ask`: which quantity, of which entries, after how many steps.
//!
//! In: text such as `dL/dW2[2,1]@3`. Out: [`Asked`], or a diagnostic. Whether the names exist is
//! not looked at here.

use chainrule_graph::diag::{Code, Diagnostic, Span};
use chainrule_graph::syntax::canonical;

/// One index of an element.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Index {
    /// `:`.
    All,
    /// `2`, from 1.
    At(usize),
    /// `k`: any entry.
    Letter(String),
}

/// A symbol, or entries of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    /// Canonical name.
    pub key: String,
    /// As written.
    pub written: String,
    /// Its entries; empty = all.
    pub index: Vec<Index>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Question {
    /// How many numbers are learned.
    Params,
    /// `shape z1`.
    Shape(Box<Question>),
    /// A symbol or an element.
    Value(Target),
    /// `dA/dB`, `J(A, B)`.
    Derivative(Target, Target),
    /// `fd(A, B, h)`: central difference.
    Difference(Target, Target, f64),
    /// `m(θ)`: an optimiser's state for a parameter.
    State(String, Target),
}

/// A question and after how many steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub question: Question,
    pub when: When,
}

/// As many steps are done by hand, and no more: each is a pass over all examples.
const STEPS: usize = 100_000;

/// After how many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Nothing was said: before the first step (a state: after the last).
    Unsaid,
    /// `@k`.
    At(usize),
    /// `'`: after all steps.
    Last,
}

/// Reads one question.
pub(crate) fn parse(text: &str) -> Result<Asked, Diagnostic> {
    let whole = text.trim();
    if let Some(rest) = whole.strip_prefix("shape ") {
        let inner = parse_once(rest)?;
        let question = Question::Shape(Box::new(inner.question));
        return Ok(Asked { question, when: inner.when });
    }
    parse_once(whole)
}

/// Reads a question that is not about the shape of another.
fn parse_once(text: &str) -> Result<Asked, Diagnostic> {
    let (body, when) = moment(text.trim())?;
    let question = question(body)?;
    Ok(Asked { question, when })
}

/// Takes `'` or `@k` off: at the end, or between a name and its index.
fn moment(text: &str) -> Result<(String, When), Diagnostic> {
    if let Some((body, k)) = text.rsplit_once('@') {
        let (k, index) = match k.find('[') {
            Some(i) => (&k[..i], &k[i..]),
            None => (k, ""),
        };
        let k = k
            .trim()
            .parse()
            .map_err(|_| refused(text, "after @ stands a whole number"))?;
        if k > STEPS {
            return Err(refused(text, &format!("after @ stands {STEPS} at most")));
        }
        return Ok((format!("{}{index}", body.trim()), When::At(k)));
    }
    for prime in ['\'', '′'] {
        if let Some(body) = text.strip_suffix(prime) {
            return Ok((body.trim().to_string(), When::Last));
        }
        let inner = format!("{prime}[");
        if text.contains(&inner) {
            return Ok((text.replacen(&inner, "[", 1), When::Last));
        }
    }
    Ok((text.to_string(), When::Unsaid))
}

pub(crate) fn refused(text: &str, why: &str) -> Diagnostic {
    let span = Span::new(0, text.len());
    Diagnostic::error(Code::P1, span, format!("`{text}` is not a question: {why}")).hint(
        "ask for a symbol (a1), an entry (W2[2,1]), a derivative (dL/dW2), an updated value (W2'), \
         a state (m(θ)), fd(J, θ, 0.01), shape z1, or params",
    )
}

fn question(text: String) -> Result<Question, Diagnostic> {
    if text == "params" {
        return Ok(Question::Params);
    }
    if let Some(inside) = arguments(&text, "fd") {
        let parts: Vec<&str> = split_top(inside);
        let [a, b, h] = parts.as_slice() else {
            return Err(refused(&text, "fd takes a quantity, a symbol and a step width"));
        };
        let h = h.trim().parse::<f64>().ok().filter(|h| *h > 0.0 && h.is_finite());
        let h = h.ok_or_else(|| refused(&text, "the step width is a number above 0"))?;
        return Ok(Question::Difference(target(a)?, target(b)?, h));
    }
    if let Some(inside) = arguments(&text, "J") {
        let parts = split_top(inside);
        if let [a, b] = parts.as_slice() {
            return Ok(Question::Derivative(target(a)?, target(b)?));
        }
    }
    if let Some((a, b)) = derivative(&text) {
        return Ok(Question::Derivative(target(a)?, target(b)?));
    }
    if let Some((name, inside)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        return Ok(Question::State(canonical(name.trim()), target(inside)?));
    }
    Ok(Question::Value(target(&text)?))
}

/// What stands between the brackets of `name( … )`.
fn arguments<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.strip_prefix(name)?.trim_start().strip_prefix('(')?.strip_suffix(')')
}

/// Splits at commas outside square brackets.
fn split_top(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut out) = (0_i32, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    out.push(&text[from..]);
    out
}

/// `dA/dB`, `∂A/∂B`.
fn derivative(text: &str) -> Option<(&str, &str)> {
    let (a, b) = text.split_once('/')?;
    let strip = |s: &'_ str| -> Option<usize> {
        let t = s.trim_start();
        let cut = t.strip_prefix('d').or_else(|| t.strip_prefix('∂'))?;
        Some(s.len() - cut.len())
    };
    let (i, j) = (strip(a)?, strip(b)?);
    let (a, b) = (a[i..].trim(), b[j..].trim());
    (!a.is_empty() && !b.is_empty()).then_some((a, b))
}

fn target(text: &str) -> Result<Target, Diagnostic> {
    let text = text.trim();
    let text = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(text);
    let (name, index) = match text.split_once('[').filter(|(n, _)| !n.ends_with('^')) {
        Some((name, rest)) => {
            let inside =
                rest.strip_suffix(']').ok_or_else(|| refused(text, "`]` is missing"))?;
            (name.trim(), indices(text, inside)?)
        }
        None => split_layer_mark(text)?,
    };
    let named = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '\\');
    if !named || name.contains(char::is_whitespace) {
        return Err(refused(text, "it does not begin with a name"));
    }
    Ok(Target { key: canonical(name), written: name.to_string(), index })
}

/// `W^[1][2,1]`: the mark belongs to the name.
fn split_layer_mark(text: &str) -> Result<(&str, Vec<Index>), Diagnostic> {
    let marked = text.split_once("^[").or_else(|| text.split_once("^{["));
    let Some((_, rest)) = marked else { return Ok((text, Vec::new())) };
    let close = if text.contains("^{[") { "]}" } else { "]" };
    let Some(end) = rest.find(close) else { return Err(refused(text, "`]` is missing")) };
    let cut = text.len() - rest.len() + end + close.len();
    let (name, tail) = text.split_at(cut);
    match tail.trim().strip_prefix('[') {
        Some(inside) => {
            let inside = inside
                .strip_suffix(']')
                .ok_or_else(|| refused(text, "`]` is missing"))?;
            Ok((name, indices(text, inside)?))
        }
        None => Ok((name, Vec::new())),
    }
}

fn indices(text: &str, inside: &str) -> Result<Vec<Index>, Diagnostic> {
    let all: Result<Vec<Index>, Diagnostic> =
        inside.split(',').map(|part| index(text, part.trim())).collect();
    let all = all?;
    if all.len() > 2 {
        return Err(refused(text, "an element has one or two indices"));
    }
    Ok(all)
}

fn index(text: &str, part: &str) -> Result<Index, Diagnostic> {
    if part == ":" {
        return Ok(Index::All);
    }
    if let Ok(n) = part.parse::<usize>() {
        return match n {
            0 => Err(refused(text, "elements count from 1")),
            n => Ok(Index::At(n)),
        };
    }
    let letter = part.chars().all(char::is_alphabetic) && !part.is_empty();
    match letter {
        true => Ok(Index::Letter(part.to_string())),
        false => Err(refused(text, "an index is a number from 1, a letter or `:`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(q: &str) -> Target {
        target(q).expect("a target")
    }

    #[test]
    fn steps_have_a_bound_and_a_shape_has_no_shape() {
        assert!(parse("L@100000").is_ok());
        let said = |text: &str| parse(text).unwrap_err().message;
        assert!(said("L@100001").contains("100000 at most"), "{}", said("L@100001"));
        assert!(parse("shape z1").is_ok());
        assert!(parse(&"shape ".repeat(100_000)).is_err());
    }

    #[test]
    fn every_form_of_a_question_is_read() {
        let value = |q| parse(q).expect("a question").question;
        assert_eq!(value("a1"), Question::Value(name("a1")));
        assert_eq!(
            value("dL/dW2[2,1]"),
            Question::Derivative(name("L"), name("W2[2,1]"))
        );
        assert_eq!(value("∂L/∂W2"), Question::Derivative(name("L"), name("W2")));
        assert_eq!(value("J(s, z)"), Question::Derivative(name("s"), name("z")));
        assert_eq!(value("m(θ)"), Question::State("m".into(), name("θ")));
        assert_eq!(
            value("fd(J, θ, 0.01)"),
            Question::Difference(name("J"), name("θ"), 0.01)
        );
        assert_eq!(parse("x@3").expect("a question").when, When::At(3));
        assert_eq!(parse("W2'").expect("a question").when, When::Last);
        assert_eq!(parse("W2'[1,2]").expect("a question").when, When::Last);
    }

    #[test]
    fn what_is_no_question_says_so() {
        for bad in ["", "W[0]", "W[1,2,3]", "x@y", "fd(J, θ)", "1+1", "W[1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
