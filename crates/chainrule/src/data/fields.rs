//! Text → records of fields, as people write CSV.
//!
//! In: text and the separator. Out: one record at a time, with the line on which it begins. Blanks
//! round fields go, also those before a quote; a quoted field may hold separators, ends of lines and
//! doubled quotes; blank lines are passed over (so in a table of one column they
//! are no missing cells). A quote inside a bare field is a letter (`5"`).
//! Written here, not taken from a library, since libraries take a quote behind a blank for a
//! letter and lose the line of an unclosed quote.

use std::borrow::Cow;

/// Reads records from the front of a text.
pub(crate) struct Records<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    separator: u8,
}

/// A quote that opens in this line and is never closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unclosed(pub(crate) u32);

impl<'a> Records<'a> {
    /// From the start of the text; a byte order mark is passed over. The separator is ASCII.
    pub(crate) fn new(text: &'a str, separator: u8) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, at: 0, line: 1, separator }
    }

    /// From the middle of a text whose lines before were counted.
    pub(super) fn go_on(text: &'a str, separator: u8, line: u32) -> Self {
        Self { text, at: 0, line, separator }
    }

    /// How far it has read, and the line there.
    pub(super) fn place(&self) -> (usize, u32) {
        (self.at, self.line)
    }

    /// Puts the fields of the next record into `fields` and gives its line; `None` at the end.
    pub(crate) fn next(
        &mut self,
        fields: &mut Vec<Cow<'a, str>>,
    ) -> Result<Option<u32>, Unclosed> {
        while self.at < self.text.len() {
            let line = self.line;
            fields.clear();
            let mut more = true;
            while more {
                let field;
                (field, more) = self.field()?;
                fields.push(field);
            }
            let blank = matches!(fields.as_slice(), [only] if only.is_empty());
            if !blank {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// One field, and whether another follows in the record.
    fn field(&mut self) -> Result<(Cow<'a, str>, bool), Unclosed> {
        let bytes = self.text.as_bytes();
        let separator = self.separator;
        let blank = |b: &u8| (*b == b' ' || *b == b'\t') && *b != separator;
        let start = self.at;
        let first = bytes[start..]
            .iter()
            .position(|b| !blank(b))
            .map_or(bytes.len(), |n| start + n);
        if bytes.get(first) == Some(&b'"') {
            return self.quoted(first + 1);
        }
        let ends = |b: &u8| *b == separator || *b == b'\n';
        let end = bytes[start..].iter().position(ends).map_or(bytes.len(), |n| start + n);
        self.at = end;
        let more = self.end_of_field();
        Ok((Cow::Borrowed(self.text[start..end].trim()), more))
    }

    /// A field whose opening quote stands before `start`.
    fn quoted(&mut self, start: usize) -> Result<(Cow<'a, str>, bool), Unclosed> {
        let opened = self.line;
        let mut inner = Cow::Borrowed("");
        let mut from = start;
        loop {
            let Some(n) = self.text[from..].find('"') else {
                return Err(Unclosed(opened));
            };
            let piece = &self.text[from..from + n];
            self.line += piece.bytes().filter(|&b| b == b'\n').count() as u32;
            from += n + 1;
            inner += piece;
            if self.text[from..].starts_with('"') {
                inner += "\"";
                from += 1;
                continue;
            }
            break;
        }
        // Letters behind the closing quote belong to the field.
        let separator = self.separator;
        let rest = &self.text.as_bytes()[from..];
        let ends = |b: &u8| *b == separator || *b == b'\n';
        self.at = from + rest.iter().position(ends).unwrap_or(rest.len());
        inner += self.text[from..self.at].trim_end();
        let trimmed = match inner {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        Ok((trimmed, self.end_of_field()))
    }

    /// Steps over the separator (true) or the end of the line or text (false).
    fn end_of_field(&mut self) -> bool {
        match self.text.as_bytes().get(self.at) {
            Some(&b) if b == self.separator => {
                self.at += 1;
                true
            }
            Some(_) => {
                self.at += 1;
                self.line += 1;
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(u32, Vec<String>)> {
        let mut records = Records::new(text, b',');
        let (mut fields, mut found) = (Vec::new(), Vec::new());
        while let Some(line) = records.next(&mut fields).unwrap() {
            found.push((line, fields.iter().map(ToString::to_string).collect()));
        }
        found
    }

    fn one(text: &str) -> Vec<String> {
        all(text).remove(0).1
    }

    #[test]
    fn fields_are_trimmed_and_quotes_open_behind_blanks() {
        assert_eq!(one("a , \"b, c\" ,d"), ["a", "b, c", "d"]);
        assert_eq!(one("\"say \"\"so\"\"\",5\""), ["say \"so\"", "5\""]);
        assert_eq!(one("a,,\n"), ["a", "", ""]);
        assert_eq!(one("\"\",\"a\"b"), ["", "ab"]);
        assert_eq!(one("ä,“ö”"), ["ä", "“ö”"]);
    }

    #[test]
    fn lines_are_counted_through_blank_lines_and_quotes() {
        let found = all("\u{feff}a,b\r\n\r\n\"1\n2\",3\n4,5");
        let lines: Vec<u32> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5]);
        assert_eq!(found[2].1, ["4", "5"]);
        assert_eq!(all("\n\n  \n"), []);
    }

    #[test]
    fn an_unclosed_quote_names_its_line() {
        let mut records = Records::new("a\n\"b\nc\n", b',');
        let mut fields = Vec::new();
        assert_eq!(records.next(&mut fields), Ok(Some(1)));
        assert_eq!(records.next(&mut fields), Err(Unclosed(2)));
    }
}
