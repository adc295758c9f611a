//! The characters of a name → its parts: letters, subscripts, layer mark, LaTeX commands.

use unicode_normalization::UnicodeNormalization;

use super::greek::greek_command;
use super::names::{
    Ident, LayerMark, is_letter, is_part, lowered, one_glyph, single_letter,
};

/// Reads a name at the start of `text`: its parts and its length in bytes.
pub(crate) fn scan(text: &str) -> Option<(Ident, usize)> {
    let (base, mut at) = match text.strip_prefix('\\') {
        Some(_) => scan_command(text)?,
        None => scan_base(text)?,
    };
    at += text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let base = if text.starts_with('\\') {
        let digits = text[..at].trim_start_matches(|c: char| !c.is_ascii_digit());
        format!("{base}{}", if digits.contains('}') { "" } else { digits })
    } else {
        base
    };
    let (mut subs, mut mark) = (Vec::new(), None);
    loop {
        if let Some((sub, length)) = scan_sub(&text[at..]) {
            subs.push(sub);
            at += length;
        } else if let Some((found, length)) =
            scan_mark(&text[at..]).filter(|_| mark.is_none())
        {
            mark = Some(found);
            at += length;
        } else {
            let mut ident = Ident::new(base, subs, mark);
            ident.written = text[..at].to_string();
            return Some((ident, at));
        }
    }
}

fn scan_base(text: &str) -> Option<(String, usize)> {
    text.chars().next().filter(|&c| is_letter(c))?;
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    Some((text[..end].nfc().collect(), end))
}

/// `\lambda`, `\hat{y}`, `\hat y`, `\mathbf{x}`, `\text{softmax}`.
fn scan_command(text: &str) -> Option<(String, usize)> {
    let body = text.strip_prefix('\\')?;
    let end = body.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if let Some(letter) = greek_command(name) {
        return Some((letter.to_string(), 1 + end));
    }
    let (content, length) = argument(rest)?;
    let base = match name {
        "hat" | "widehat" => accent(&content, '\u{302}')?,
        "bar" | "overline" => accent(&content, '\u{304}')?,
        "tilde" | "widetilde" => accent(&content, '\u{303}')?,
        "mathbb" if content == "R" => "ℝ".to_string(),
        "text" | "mathrm" | "mathbf" | "mathit" | "mathcal" | "boldsymbol"
        | "operatorname" | "textbf" => content,
        _ => return None,
    };
    let first = base.chars().next().filter(|&c| is_letter(c));
    first.map(|_| (base, 1 + end + length))
}

fn accent(content: &str, mark: char) -> Option<String> {
    single_letter(content).then(|| format!("{content}{mark}").nfc().collect())
}

/// `{…}` or one letter after white space, with Greek commands replaced.
fn argument(text: &str) -> Option<(String, usize)> {
    let (inner, length) = match text.strip_prefix('{') {
        Some(rest) => {
            let close = rest.find(['}', '\n'])?;
            (&rest[..close], close + 2)
        }
        None => {
            let start = text.len() - text.trim_start_matches(' ').len();
            let c = text[start..].chars().next().filter(|_| start > 0)?;
            (&text[start..start + c.len_utf8()], start + c.len_utf8())
        }
    };
    let inner = plain(inner);
    (!inner.is_empty() && inner.chars().all(|c| is_part(c) || c == '_'))
        .then_some((inner, length))
}

/// Text of braces without spaces, `\lambda` as `λ`, in NFC with the plain minus.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest.strip_prefix('\\').unwrap_or("");
        let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        if let Some(letter) = greek_command(&word[..end]) {
            out.push(letter);
            rest = &word[end..];
            continue;
        }
        match c {
            '−' | '–' => out.push('-'),
            c if c.is_whitespace() => {}
            c => out.push(one_glyph(c)),
        }
        rest = &rest[c.len_utf8()..];
    }
    out.nfc().collect()
}

fn scan_sub(text: &str) -> Option<(String, usize)> {
    if let Some(rest) = text.strip_prefix("_{") {
        let close = rest.find(['}', '\n', '{', '#'])?;
        let inner = plain(&rest[..close]);
        let fits = rest[close..].starts_with('}')
            && !inner.is_empty()
            && inner.chars().all(|c| is_part(c) || matches!(c, ',' | '+' | '-'));
        return fits.then_some((inner, close + 3));
    }
    if let Some(rest) = text.strip_prefix('_') {
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        if let Some((greek, length)) =
            rest.strip_prefix('\\').and_then(|_| scan_command(rest))
        {
            return Some((greek, length + 1));
        }
        return (end > 0).then(|| (plain(&rest[..end]), end + 1));
    }
    let run: Vec<(char, usize)> =
        text.chars().map_while(|c| lowered(c).map(|l| (l, c.len_utf8()))).collect();
    let digit = run.first()?.0.is_ascii_digit();
    let same = run.iter().take_while(|r| r.0.is_ascii_digit() == digit);
    let (sub, sizes): (String, Vec<usize>) = same.copied().unzip();
    Some((sub, sizes.iter().sum()))
}

fn scan_mark(text: &str) -> Option<(LayerMark, usize)> {
    let forms = [("^{[", "]}", true), ("^{(", ")}", false), ("^[", "]", true)];
    for (open, close, square) in forms {
        let Some(rest) = text.strip_prefix(open) else { continue };
        let end = rest.find(['\n', ']', ')', '}', '#'])?;
        let inner = plain(&rest[..end]);
        let fits = rest[end..].starts_with(close)
            && !inner.is_empty()
            && inner.chars().all(|c| is_part(c) || matches!(c, '+' | '-'));
        return fits.then(|| {
            (LayerMark { square, text: inner }, open.len() + end + close.len())
        });
    }
    None
}
