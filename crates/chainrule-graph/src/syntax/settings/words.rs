//! Text behind `data:` → words with places.
//!
//! Words end at blanks and signs; quotes make a literal word; `#` at the start of a word begins a
//! comment. Any text is cut without an error.

/// A word of the line; signs (`, = / < [ ]`) are words of their own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
    /// `-"a b"`.
    pub(super) minus: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Word {
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text
    }

    pub(super) fn is_sign(&self) -> bool {
        !self.quoted && matches!(self.text.as_str(), "=" | "/" | "<" | "[" | "]" | ",")
    }
}

pub(super) const SIGNS: [char; 6] = [',', '=', '/', '<', '[', ']'];

/// Cuts the text into words. A slash ends a word only where no file name is possible: behind the
/// first `=` of an item.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    let mut clause = false;
    while let Some(c) = text[at..].chars().next() {
        let size = c.len_utf8();
        if c.is_whitespace() {
            at += size;
        } else if c == '#' {
            at = text[at..].find('\n').map_or(text.len(), |n| at + n);
        } else if SIGNS.contains(&c) && (c != '/' || clause) {
            clause = c == '=' || (clause && c != ',');
            words.push(plain_word(&text[at..at + size], at));
            at += size;
        } else {
            let word = one_word(text, at, clause);
            at = word.end;
            words.push(word);
        }
    }
    words
}

fn plain_word(text: &str, start: usize) -> Word {
    let end = start + text.len();
    Word { text: text.to_owned(), quoted: false, minus: false, start, end }
}

fn one_word(text: &str, at: usize, clause: bool) -> Word {
    let minus =
        text[at..].chars().next().filter(|&c| is_minus(c)).map_or(0, char::len_utf8);
    if text[at + minus..].starts_with(['"', '\'']) {
        let mut word = quoted_word(text, at + minus);
        word.start = at;
        word.minus = minus > 0;
        return word;
    }
    let ends =
        |c: char| c.is_whitespace() || (SIGNS.contains(&c) && (c != '/' || clause));
    let length = text[at..].find(ends).unwrap_or(text.len() - at);
    plain_word(&text[at..at + length], at)
}

/// A quoted word; a quote that is never closed ends with its line.
fn quoted_word(text: &str, start: usize) -> Word {
    let quote = text.as_bytes()[start];
    let mut inner = String::new();
    let mut at = start + 1;
    while let Some(c) = text[at..].chars().next().filter(|&c| c != '\n') {
        at += c.len_utf8();
        if c == quote as char {
            if text.as_bytes().get(at) != Some(&quote) {
                break;
            }
            at += 1;
        }
        inner.push(c);
    }
    Word { text: inner, quoted: true, minus: false, start, end: at }
}

pub(super) fn is_minus(c: char) -> bool {
    matches!(c, '-' | '−' | '–')
}

/// Cuts at commas outside square brackets.
pub(super) fn split_items(words: &[Word]) -> Vec<&[Word]> {
    let mut depth = 0_usize;
    words
        .split(|w| {
            if w.is("[") {
                depth += 1;
            } else if w.is("]") {
                depth = depth.saturating_sub(1);
            }
            depth == 0 && w.is(",")
        })
        .collect()
}
