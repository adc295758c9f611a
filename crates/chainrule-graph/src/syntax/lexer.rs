//! Characters → words, line by line.
//!
//! In: the text. Out: lines of tokens with spans into that very text, comments apart. Nothing is
//! normalised but names, so that spans stay true; `ᵀ` and `·` never get into a name. The `data:`
//! line stays raw, for file names and globs are no expressions.

use crate::diag::{Code, Diagnostic, Span};

use super::environments::{Open, Turn, ends_sentence};
use super::lookalikes::meaningless;
use super::names;
use super::nearest::nearest;
use super::signs::{COMMANDS, ESCAPES, FUNCTIONS, SILENT, SILENT_WITH_TEXT, SYMBOLS};
use super::token::{Comment, Line, Tok, Token};

/// The lines of `text` and what could not be read.
pub(crate) fn lex(text: &str) -> (Vec<Line>, Vec<Diagnostic>) {
    let mut lexer = Lexer { text, at: 0, diagnostics: Vec::new(), open: Vec::new() };
    let mut lines = Vec::new();
    if text.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    while lexer.at < text.len() {
        let line = lexer.line();
        lines.push(line);
    }
    lexer.report_open();
    (lines, lexer.diagnostics)
}

pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// LaTeX environments that are not closed yet, outermost first.
    pub(super) open: Vec<(Open, Span)>,
}

impl<'a> Lexer<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn line(&mut self) -> Line {
        let indent = if self.open.is_empty() { indent_of(self.rest()) } else { 0 };
        let mut line = Line { indent, aligned: !self.open.is_empty(), ..Line::default() };
        if let Some(colon) = data_start(self.rest()).filter(|_| self.open.is_empty()) {
            self.data_line(colon, &mut line);
            return line;
        }
        let mut space = true;
        loop {
            match self.rest().chars().next() {
                None => return line,
                Some('\n') if self.open.is_empty() => {
                    self.at += 1;
                    return line;
                }
                Some('#') => line.comment = Some(self.comment()),
                Some(c) if c.is_whitespace() => {
                    self.at += c.len_utf8();
                    space = true;
                }
                Some(_) => {
                    let before = line.tokens.len();
                    match self.environment(space, &mut line) {
                        Turn::End => return line,
                        Turn::Read => {}
                        Turn::Other => self.token(space, &mut line.tokens),
                    }
                    // A silent command (`\left`) leaves the white space before it in force.
                    space = space && line.tokens.len() == before;
                }
            }
        }
    }

    fn comment(&mut self) -> Comment {
        let end = self.rest().find('\n').unwrap_or(self.rest().len());
        let text = self.rest()[1..end].trim_end().to_string();
        self.at += end;
        Comment { text }
    }

    pub(super) fn push(
        &mut self,
        tok: Tok,
        length: usize,
        space: bool,
        out: &mut Vec<Token>,
    ) {
        let span = Span::new(self.at, self.at + length);
        self.at += length;
        out.push(Token { tok, span, space });
    }

    fn token(&mut self, space: bool, out: &mut Vec<Token>) {
        let rest = self.rest();
        if let Some(length) = sum_head(rest) {
            return self.sum_head(length, space, out);
        }
        if let Some((value, length)) = number(rest) {
            // The full stop of a formula that ends a sentence is no decimal point.
            let stop = !self.open.is_empty()
                && rest[..length].ends_with('.')
                && ends_sentence(&rest[length - 1..]);
            return self.number(value, length - usize::from(stop), space, out);
        }
        if let Some((power, length)) = raised(rest) {
            return self.push(Tok::Power(power), length, space, out);
        }
        if let Some(length) = raised_prime(rest) {
            return self.push(Tok::Sym("'"), length, space, out);
        }
        if rest.starts_with('\\') {
            return self.command(space, out);
        }
        if let Some((ident, length)) = names::scan(rest) {
            return self.name(ident, length, space, out);
        }
        if is_dot_t(rest) {
            return self.push(Tok::Sym("ᵀ"), 2, space, out);
        }
        if let Some(c) = rest.chars().next().filter(|&c| names::lowered(c).is_some()) {
            return self.loose_subscript(c, space, out);
        }
        match SYMBOLS.iter().find(|s| rest.starts_with(s.0)) {
            Some((written, sym)) => self.push(Tok::Sym(sym), written.len(), space, out),
            None => self.unknown(),
        }
    }

    /// `∑_i`, `Σ_{i=1}`, `sum_i`: the head alone; what follows `_` are tokens as usual.
    fn sum_head(&mut self, length: usize, space: bool, out: &mut Vec<Token>) {
        let lowered = self.rest()[length..].chars().next().and_then(names::lowered);
        let index = self.rest()[..length].ends_with('_')
            || lowered.is_some_and(|c| c.is_alphabetic());
        self.push(Tok::Sym(if index { "∑_" } else { "∑" }), length, space, out);
        if let Some(c) = self.rest().chars().next().and_then(names::lowered) {
            let ident = names::Ident::new(c.to_string(), Vec::new(), None);
            let length = self.rest().chars().next().map_or(1, char::len_utf8);
            self.push(Tok::Name(Box::new(ident)), length, false, out);
        }
    }

    fn number(&mut self, value: f64, length: usize, space: bool, out: &mut Vec<Token>) {
        let text = plain_number(&self.rest()[..length]);
        if !value.is_finite() {
            let span = Span::new(self.at, self.at + length);
            let message =
                format!("the number {text} is larger than any that can be held");
            self.diagnostics.push(Diagnostic::error(Code::P1, span, message));
        }
        self.push(Tok::Number(value, text), length, space, out);
    }

    /// `‖e‖₁`: a subscript that belongs to no name.
    fn loose_subscript(&mut self, c: char, space: bool, out: &mut Vec<Token>) {
        self.push(Tok::Sym("_"), 0, space, out);
        let plain = names::lowered(c).unwrap_or('0');
        let tok = match plain.to_digit(10) {
            Some(digit) => Tok::Number(f64::from(digit), digit.to_string()),
            None => Tok::Name(Box::new(names::Ident::new(
                plain.to_string(),
                Vec::new(),
                None,
            ))),
        };
        self.push(tok, c.len_utf8(), false, out);
    }

    fn command(&mut self, space: bool, out: &mut Vec<Token>) {
        let rest = self.rest();
        if let Some((written, sym)) = ESCAPES.iter().find(|e| rest.starts_with(e.0)) {
            match sym {
                Some(sym) => self.push(Tok::Sym(sym), written.len(), space, out),
                None => self.at += written.len(),
            }
            return;
        }
        let word = &rest[1..];
        let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        if SILENT.contains(&word) {
            // `\left.` is no sign at all.
            self.at += end + 1 + usize::from(after.starts_with('.'));
        } else if SILENT_WITH_TEXT.contains(&word) {
            let text = after.find('}').filter(|_| after.starts_with('{'));
            self.at += end + 1 + text.map_or(0, |t| t + 1);
        } else if let Some((_, sym)) = COMMANDS.iter().find(|c| c.0 == word) {
            self.push(Tok::Sym(sym), end + 1, space, out);
        } else if FUNCTIONS.contains(&word) {
            let ident = names::Ident::new(word.to_string(), Vec::new(), None);
            self.push(Tok::Name(Box::new(ident)), end + 1, space, out);
        } else if let Some((ident, length)) = names::scan(rest) {
            self.name(ident, length, space, out);
        } else {
            self.unknown_command(end + 1);
        }
    }

    /// A name; of `W^{[2]\top}` the transpose apart.
    fn name(
        &mut self,
        ident: names::Ident,
        length: usize,
        space: bool,
        out: &mut Vec<Token>,
    ) {
        let transposed = (ident.mark.is_none())
            .then(|| names::transposed_mark(&self.rest()[length..]))
            .flatten();
        let Some((mark, to_mark, rest)) = transposed else {
            return self.push(Tok::Name(Box::new(ident)), length, space, out);
        };
        let written = self.rest()[..length + to_mark].to_string();
        let mut ident = names::Ident::new(ident.base, ident.subs, Some(mark));
        ident.written = written;
        self.push(Tok::Name(Box::new(ident)), length + to_mark, space, out);
        self.push(Tok::Sym("ᵀ"), rest, false, out);
    }

    fn unknown_command(&mut self, length: usize) {
        let rest = self.rest();
        let argument =
            rest[length..].find('}').filter(|_| rest[length..].starts_with('{'));
        let command = &rest[..length];
        let span = Span::new(self.at, self.at + length);
        let known: Vec<&str> = (COMMANDS.iter().map(|c| c.0))
            .chain(FUNCTIONS.iter().copied())
            .chain(SILENT.iter().copied())
            .chain(names::COMMANDS.iter().copied())
            .collect();
        let message = format!("the LaTeX command `{command}` is not known here");
        let mut diagnostic = Diagnostic::error(Code::P1, span, message);
        if let Some(near) = nearest(&command[1..], &known) {
            let with = format!("\\{near}");
            let edits = vec![crate::diag::Edit { span, with: with.clone() }];
            diagnostic = diagnostic.fix(format!("did you mean `{with}`?"), edits);
        }
        self.diagnostics.push(diagnostic);
        self.at += length + argument.map_or(0, |a| a + 1);
    }

    /// One diagnostic for a run of characters that mean nothing here.
    fn unknown(&mut self) {
        let known = |c: char| {
            c.is_whitespace()
                || c == '#'
                || c.is_ascii_alphanumeric()
                || names::is_letter(c)
                || SYMBOLS.iter().any(|s| s.0.starts_with(c))
        };
        let rest = self.rest();
        let mut ends = rest.char_indices().skip(1).filter(|&(_, c)| known(c));
        let end = ends.next().map_or(rest.len(), |(at, _)| at);
        let span = Span::new(self.at, self.at + end);
        self.diagnostics.push(meaningless(&rest[..end], span));
        self.at += end;
    }

    /// The raw text after `data:`, over its continuation lines.
    fn data_line(&mut self, colon: usize, line: &mut Line) {
        let start = self.at + line_lead(self.rest());
        let word = names::Ident::new("data".to_string(), Vec::new(), None);
        let span = Span::new(start, start + 4);
        line.tokens.push(Token { tok: Tok::Name(Box::new(word)), span, space: true });
        self.at += colon + 1;
        let base = self.at;
        let mut raw = String::new();
        loop {
            let (piece, comment) = self.raw_line();
            let comma = piece.trim_end().ends_with(',');
            raw.push_str(&piece);
            if line.comment.is_none() {
                line.comment = comment;
            }
            let next = self.rest();
            let blank = next.lines().next().is_none_or(|l| l.trim().is_empty());
            if blank || !(comma || indent_of(next) > line.indent) {
                break;
            }
        }
        // The span leaves out the blanks of the last line's end.
        let used = raw.trim_end().len();
        let span = Span::new(base, base + used);
        raw.truncate(used);
        line.tokens.push(Token { tok: Tok::Raw(raw, base), span, space: true });
    }

    /// One line in which comment and line end are blanks, as many bytes as before.
    fn raw_line(&mut self) -> (String, Option<Comment>) {
        let rest = self.rest();
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = &rest[..end];
        self.at += end;
        let cut = comment_start(line).unwrap_or(line.len());
        let mut raw: String = line[..cut]
            .chars()
            .map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c })
            .collect();
        raw.push_str(&" ".repeat(line.len() - cut));
        let comment =
            line.get(cut + 1..).map(|t| Comment { text: t.trim_end().to_string() });
        (raw, comment)
    }
}

/// Where a comment begins on a raw line: `#` after white space or a comma, outside quotes.
fn comment_start(line: &str) -> Option<usize> {
    let mut quoted = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && (before.is_whitespace() || before == ',') => {
                return Some(at);
            }
            _ => {}
        }
        before = c;
    }
    None
}

fn line_lead(rest: &str) -> usize {
    let lead = |c: &char| c.is_whitespace() && *c != '\n';
    rest.chars().take_while(lead).map(char::len_utf8).sum()
}

/// Columns in front of the first word; a tab goes to the next multiple of four.
fn indent_of(rest: &str) -> usize {
    let mut columns = 0;
    for c in rest.chars() {
        match c {
            '\t' => columns = (columns / 4 + 1) * 4,
            '\n' => return columns,
            c if c.is_whitespace() => columns += 1,
            _ => return columns,
        }
    }
    columns
}

/// The byte of the colon if the line begins with `data:`.
fn data_start(rest: &str) -> Option<usize> {
    let lead = line_lead(rest);
    let after = rest[lead..].strip_prefix("data")?;
    let gap = line_lead(after);
    let colon = after[gap..].starts_with(':') && !after[gap..].starts_with(":=");
    colon.then_some(lead + 4 + gap)
}

fn is_dot_t(rest: &str) -> bool {
    rest.strip_prefix(".T")
        .is_some_and(|r| !r.starts_with(|c: char| names::is_letter(c) || c == '_'))
}

/// Length of `∑_`, `Σ_`, `sum_` when an index follows. `Σ_1` and `sum_loss` are names.
fn sum_head(rest: &str) -> Option<usize> {
    let signs = ["∑", "\\sum\\limits", "\\sum\\nolimits", "\\sum"];
    let sign = signs.iter().find(|h| rest.starts_with(**h));
    let letter = ["Σ", "sum"].iter().find(|h| rest.starts_with(**h));
    let head = sign.or(letter)?.len();
    let after = &rest[head..];
    let Some(sub) = after.strip_prefix('_') else {
        let lowered = after.chars().next().and_then(names::lowered);
        let index = lowered.is_some_and(|c| c.is_alphabetic());
        // A bare `∑ e` adds all entries: the head alone.
        return (index || sign.is_some()).then_some(head);
    };
    let mut chars = sub.chars();
    let first = chars.next()?;
    let one = names::is_letter(first)
        && !chars.next().is_some_and(|c| names::is_letter(c) || c.is_ascii_digit());
    let braced = first == '{' && {
        let inner: String = sub[1..].chars().take_while(|&c| c != '}').collect();
        // No name holds `=`, so an index with bounds may be a word, or dressed as one.
        let dressed = inner.trim_start().starts_with('\\');
        let bounds = match dressed {
            true => sub[1..].split_once('=').is_some_and(|(name, _)| is_dressed(name)),
            false => inner.contains('='),
        };
        let mut inner = inner.trim().chars();
        let letter = inner.next().is_some_and(names::is_letter) || dressed && bounds;
        letter && (bounds || !inner.next().is_some_and(|c| c.is_alphanumeric()))
    };
    let index = one || braced || sign.is_some();
    index.then_some(head + 1)
}

/// A name in a command, `\mathit{iŷ}`, and nothing else.
fn is_dressed(text: &str) -> bool {
    let text = text.trim();
    names::scan(text).is_some_and(|(_, length)| length == text.len())
}

/// A literal: `2`, `1e-4`, `.5`, `½`. A dot belongs to it unless it begins `..`, `.*` or `.T`.
fn number(rest: &str) -> Option<(f64, usize)> {
    let fraction = [("½", 0.5), ("¼", 0.25), ("¾", 0.75)];
    if let Some((sign, value)) = fraction.iter().find(|f| rest.starts_with(f.0)) {
        return Some((*value, sign.len()));
    }
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let mut at = digits(rest);
    let tail = &rest[at..];
    if tail.starts_with('.') && !tail[1..].starts_with(['.', '*', 'T']) {
        let after = digits(&tail[1..]);
        if at + after > 0 {
            at += 1 + after;
        }
    }
    if at == 0 {
        return None;
    }
    if let Some(tail) = rest[at..].strip_prefix(['e', 'E']) {
        let sign = usize::from(tail.starts_with(['+', '-']));
        let minus = tail.strip_prefix(['−', '–']);
        let (sign, power) = match minus {
            Some(power) => (tail.len() - power.len(), power),
            None => (sign, &tail[sign..]),
        };
        if digits(power) > 0 {
            at += 1 + sign + digits(power);
        }
    }
    let mut text = rest[..at].replace(['−', '–'], "-");
    // `1e-3 \cdot 10^{2}` is a product.
    let one = power_of_ten(&rest[at..]).filter(|_| !text.contains(['e', 'E']));
    if let Some((power, length)) = one {
        text.push_str(&format!("e{power}"));
        at += length;
    }
    text.parse().ok().map(|value| (value, at))
}

/// `1 \cdot 10^{-4}` and `1E-4` as `1e-4`; anything else as it is.
fn plain_number(text: &str) -> String {
    let end = text.find([' ', '\\']).unwrap_or(text.len());
    match power_of_ten(&text[end..]) {
        Some((power, _)) => format!("{}e{power}", &text[..end]),
        // `1.` before `.*` would be two dots.
        None if text.ends_with('.') => format!("{text}0"),
        None => text.replace('E', "e").replace("e+", "e"),
    }
}

/// ` \cdot 10^{-4}` behind a number, as LaTeX writes `e-4`: the power as it is written, and the length
/// of it all.
pub(super) fn power_of_ten(rest: &str) -> Option<(String, usize)> {
    let body = rest.trim_start_matches(' ');
    let body = ["\\cdot", "\\times"].iter().find_map(|sign| body.strip_prefix(sign))?;
    let body = body.trim_start_matches(' ').strip_prefix("10^{")?;
    let (power, after) = body.split_once('}')?;
    let power = power.replace('−', "-");
    let digits = power.strip_prefix(['-', '+']).unwrap_or(&power);
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    whole.then(|| (power, rest.len() - after.len()))
}

/// `^\prime`, `^{\prime}`.
fn raised_prime(rest: &str) -> Option<usize> {
    let forms = ["^\\prime", "^{\\prime}"];
    forms.iter().find(|f| rest.starts_with(**f)).map(|f| f.len())
}

/// `²`, `⁻¹`: a power in raised digits.
fn raised(rest: &str) -> Option<(i32, usize)> {
    let digit = |c: char| match c {
        '⁰' => Some(0),
        '¹' => Some(1),
        '²' => Some(2),
        '³' => Some(3),
        '⁴'..='⁹' => i32::try_from(c as u32 - '⁰' as u32).ok(),
        _ => None,
    };
    let (minus, body) = match rest.strip_prefix('⁻') {
        Some(body) => (true, body),
        None => (false, rest),
    };
    let mut length = rest.len() - body.len();
    let mut value = None::<i32>;
    for c in body.chars() {
        let Some(d) = digit(c) else { break };
        value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(d));
        length += c.len_utf8();
    }
    value.map(|v| (if minus { -v } else { v }, length))
}
