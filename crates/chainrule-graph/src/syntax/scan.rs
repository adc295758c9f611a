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

/// Commands that only dress the name in their argument.
pub(crate) const COMMANDS: &[&str] = &[
    "text",
    "mathrm",
    "mathbf",
    "mathit",
    "mathcal",
    "mathsf",
    "mathtt",
    "boldsymbol",
    "operatorname",
    "textbf",
    "textrm",
    "textit",
    "bm",
    "vec",
];

/// `\lambda`, `\hat{y}`, `\hat y`, `\mathbf{x}`, `\text{softmax}`.
fn scan_command(text: &str) -> Option<(String, usize)> {
    let body = text.strip_prefix('\\')?;
    let end = body.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if let Some(letter) = greek_command(name) {
        return Some((letter.to_string(), 1 + end));
    }
    if name == "ell" {
        return Some(('ℓ'.to_string(), 1 + end));
    }
    let rest = rest.strip_prefix('*').filter(|_| name == "operatorname").unwrap_or(rest);
    let (content, length) = argument(rest)?;
    let length = body.len() - end - rest.len() + length;
    let base = match name {
        "hat" | "widehat" => accent(&content, '\u{302}')?,
        "bar" | "overline" => accent(&content, '\u{304}')?,
        "tilde" | "widetilde" => accent(&content, '\u{303}')?,
        "mathbb" if content == "R" => "ℝ".to_string(),
        "mathbb" | "mathbf" | "boldsymbol" if content == "1" => "𝟏".to_string(),
        name if COMMANDS.contains(&name) => content,
        _ => return None,
    };
    // `sumz_` would be a name and the sign of an index.
    let first = base.chars().next().filter(|&c| is_letter(c) && !base.ends_with('_'));
    first.map(|_| (base, 1 + end + length))
}

fn accent(content: &str, mark: char) -> Option<String> {
    single_letter(content).then(|| format!("{content}{mark}").nfc().collect())
}

/// `{…}`, a command, or one letter after white space, with Greek commands replaced.
fn argument(text: &str) -> Option<(String, usize)> {
    let start = text.len() - text.trim_start_matches(' ').len();
    let (inner, length) = match text[start..].strip_prefix('{') {
        Some(rest) => {
            let close = closing(rest)?;
            (&rest[..close], start + close + 2)
        }
        None if text[start..].starts_with('\\') => {
            let (inner, length) = scan_command(&text[start..])?;
            return Some((inner, start + length));
        }
        None => {
            let c = text[start..].chars().next().filter(|_| start > 0)?;
            (&text[start..start + c.len_utf8()], start + c.len_utf8())
        }
    };
    // A name that is dressed twice: `\mathbf{\hat{y}}`.
    if let Some((dressed, end)) = scan_command(inner.trim())
        && end == inner.trim().len()
    {
        return Some((dressed, length));
    }
    let inner = plain(inner);
    let inner = inner.trim_matches([',', '.']).to_string();
    (!inner.is_empty() && inner.chars().all(|c| is_part(c) || c == '_'))
        .then_some((inner, length))
}

/// The brace that closes what was opened just before `text`, on its line.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            '\n' => return None,
            _ => {}
        }
    }
    None
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
            // `leaky\_relu`
            '\\' if rest[1..].starts_with('_') => {}
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

/// `^{[2]\top}`, `^{[2]T}`: the mark, how far it goes, and the length of the transpose behind it.
pub(crate) fn transposed_mark(text: &str) -> Option<(LayerMark, usize, usize)> {
    let forms = [("^{[", ']', true), ("^{(", ')', false)];
    let (open, close, square) = *forms.iter().find(|f| text.starts_with(f.0))?;
    let end = open.len() + text[open.len()..].find([close, '\n', '}', '#'])?;
    let after = text[end..].strip_prefix(close)?;
    let sign = after.trim_start_matches(['^', ' ']);
    let signs = ["\\top", "\\intercal", "⊤", "ᵀ", "T", "{\\top}", "{T}"];
    let rest = signs.iter().find_map(|s| sign.strip_prefix(s))?;
    let rest = rest.trim_start_matches(' ').strip_prefix('}')?;
    let inner = plain(&text[open.len()..end]);
    let fits =
        !inner.is_empty() && inner.chars().all(|c| is_part(c) || matches!(c, '+' | '-'));
    let to_mark = end + close.len_utf8();
    fits.then(|| {
        (LayerMark { square, text: inner }, to_mark, text.len() - rest.len() - to_mark)
    })
}
