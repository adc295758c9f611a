//! Text behind `data:` → [`DataSpec`]; reading cannot fail.
//!
//! In: text and its offset. Out: what could be read, and an error T1 for each word that does not
//! fit. Deliberately absent: whether files and columns exist.

use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::syntax::names::canonical;

use super::parts::{
    ITEMS, NO_TRANSFORM, ORDINAL, end_of_columns, is_transform_word, joined, one_char,
    opens_item, percent, selector, take_file, transform,
};
use super::words::{Word, split_items, words};
use super::{ColumnClause, DataSpec, HoldOut, Selector, Transform, nearest};

/// Reads what stands behind `data:`; `base` is its byte offset in the file.
///
/// Reading cannot fail: what does not fit becomes an error T1 with the nearest word, and the rest
/// of the line is still read.
#[must_use]
pub fn parse_data(text: &str, base: usize) -> (DataSpec, Vec<Diagnostic>) {
    let span = Span::new(base, base + text.trim_end().len());
    let spec = DataSpec { span, ..DataSpec::default() };
    let mut reader = Reader { base, spec, diagnostics: Vec::new() };
    for (index, item) in split_items(&words(text)).into_iter().enumerate() {
        let rest = if index == 0 { reader.file_first(item) } else { item };
        if !rest.is_empty() {
            reader.item(rest);
        }
    }
    (reader.spec, reader.diagnostics)
}

struct Reader {
    base: usize,
    spec: DataSpec,
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn span(&self, words: &[Word]) -> Span {
        match (words.first(), words.last()) {
            (Some(a), Some(b)) => Span::new(self.base + a.start, self.base + b.end),
            _ => self.spec.span,
        }
    }

    fn error(&mut self, words: &[Word], message: impl Into<String>) {
        let span = self.span(words);
        self.diagnostics.push(Diagnostic::error(Code::T1, span, message));
    }

    /// Takes the file off the first item and gives the rest.
    fn file_first<'w>(&mut self, item: &'w [Word]) -> &'w [Word] {
        let is_clause = item.get(1).is_some_and(|w| w.is("="));
        let is_item = item
            .first()
            .is_some_and(|w| w.is_sign() || (!w.quoted && opens_item(&w.text)));
        if item.is_empty() || is_clause || is_item {
            return item;
        }
        let (file, rest) = take_file(item);
        self.spec.file = Some(file);
        rest
    }

    fn item(&mut self, item: &[Word]) {
        let first = item[0].text.as_str();
        if item.get(1).is_some_and(|w| w.is("=")) {
            return self.clause(item);
        }
        let rest = &item[1..];
        match (first, rest.first().map(|w| w.text.as_str())) {
            _ if item[0].quoted => self.unknown(item),
            ("hold", Some("out")) => self.hold_out(&rest[1..], item),
            ("holdout", _) => self.hold_out(rest, item),
            ("no", Some("header")) => self.no_header(&rest[1..], item),
            ("validate", _) => self.file_item(rest, item, true),
            ("test", _) => self.file_item(rest, item, false),
            ("separator", _) => self.separator(rest, item),
            ("missing", _) => self.missing(rest, item),
            ("strip", _) => self.strip(rest, item),
            ("ordinal", _) => self.ordinal(rest, item),
            ("weight", _) => self.weight(rest, item),
            ("balanced", None) => self.spec.balanced = true,
            ("balanced", Some(_)) => {
                self.error(rest, "expected nothing behind `balanced`");
            }
            _ => self.unknown(item),
        }
    }

    fn unknown(&mut self, item: &[Word]) {
        let upto = if item.len() > 1 && matches!(item[0].text.as_str(), "hold" | "no") {
            2
        } else {
            1
        };
        let head = &item[..upto.min(item.len())];
        let found = head.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
        let span = self.span(head);
        let mut d = Diagnostic::error(
            Code::T1,
            span,
            format!("expected an item of the data: line, found `{found}`"),
        );
        d = match nearest(&found, ITEMS) {
            Some(word) if !found.starts_with(word) => d.fix(
                format!("did you mean `{word}`?"),
                vec![Edit { span, with: word.to_owned() }],
            ),
            _ => d.hint(
                "items: `symbol = columns`, hold out P %, validate FILE, test FILE, no header, \
                 separator, missing, strip, ordinal, weight, balanced; a file or column name \
                 with blanks or commas needs quotes",
            ),
        };
        self.diagnostics.push(d);
    }

    fn clause(&mut self, item: &[Word]) {
        if let Some(at) = item.iter().skip(3).position(|w| w.is("=")) {
            return self.two_clauses(&item[..at + 2], &item[at + 2..]);
        }
        let body = &item[2..];
        let cut = end_of_columns(body);
        let selectors = self.selectors(&body[..cut]);
        let transforms = self.transforms(&body[cut..]);
        if cut == 0 {
            let message = format!("expected columns behind `{} =`", item[0].text);
            return self.error(item, message);
        }
        let (symbol, span) = (canonical(&item[0].text), self.span(item));
        self.spec.columns.push(ColumnClause { symbol, selectors, transforms, span });
    }

    /// `x = a y = b`: the comma is missing, and both are read.
    fn two_clauses(&mut self, first: &[Word], second: &[Word]) {
        let span = self.span(&second[..1]);
        let message = format!("expected a comma before `{} =`", second[0].text);
        let edit = Edit { span: Span { end: span.start, ..span }, with: ", ".to_owned() };
        let d = Diagnostic::error(Code::T1, span, message);
        self.diagnostics.push(d.fix("put a comma between the clauses", vec![edit]));
        self.item(first);
        self.item(second);
    }

    fn selectors(&mut self, words: &[Word]) -> Vec<Selector> {
        let mut selectors = Vec::new();
        for word in words {
            match selector(word) {
                Ok(selector) => selectors.push(selector),
                Err(message) => self.error(std::slice::from_ref(word), message),
            }
        }
        selectors
    }

    fn transforms(&mut self, words: &[Word]) -> Vec<Transform> {
        let mut transforms = Vec::new();
        let mut after_slash = false;
        for word in words {
            if word.is("/") {
                if after_slash {
                    self.error(std::slice::from_ref(word), NO_TRANSFORM);
                }
                after_slash = true;
                continue;
            }
            // Words that cannot be columns need no slash before them.
            if !after_slash && !is_transform_word(word) {
                let found = &word.text;
                let message = format!(
                    "expected `/` or a comma, found `{found}`: columns stand before the `/`"
                );
                self.error(std::slice::from_ref(word), message);
                continue;
            }
            after_slash = false;
            match transform(word) {
                Ok(transform) => transforms.push(transform),
                Err((message, near)) => self.word_error(word, message, near),
            }
        }
        if after_slash {
            self.error(&words[words.len() - 1..], NO_TRANSFORM);
        }
        transforms
    }

    fn word_error(&mut self, word: &Word, message: String, near: Option<&str>) {
        let span = self.span(std::slice::from_ref(word));
        let mut d = Diagnostic::error(Code::T1, span, message);
        if let Some(near) = near {
            let edit = Edit { span, with: near.to_owned() };
            d = d.fix(format!("did you mean `{near}`?"), vec![edit]);
        }
        self.diagnostics.push(d);
    }

    fn hold_out(&mut self, words: &[Word], item: &[Word]) {
        let Some((percent, rest)) = percent(words) else {
            return self.error(
                item,
                "expected a share between 0 and 100, as in `hold out 20 %`",
            );
        };
        let mut hold = HoldOut { percent, stratified: false, last: false };
        for word in rest {
            match word.text.as_str() {
                "stratified" => hold.stratified = true,
                "last" => hold.last = true,
                "random" => {}
                found => {
                    let message =
                        format!("expected `stratified` or `last`, found `{found}`");
                    let near = nearest(found, ["stratified", "last"]);
                    self.word_error(word, message, near);
                }
            }
        }
        if hold.stratified && hold.last {
            self.error(item, "`stratified` and `last` exclude each other");
        }
        if self.spec.hold_out.replace(hold).is_some() {
            self.error(item, "`hold out` is given twice");
        }
    }

    fn no_header(&mut self, words: &[Word], item: &[Word]) {
        let words = match words {
            [first, more @ ..] if first.is("names") && !more.is_empty() => more,
            _ => words,
        };
        let names =
            words.iter().filter(|w| !w.is_sign()).map(|w| w.text.clone()).collect();
        if let Some(sign) = words.iter().find(|w| w.is_sign() && !"[],".contains(&w.text))
        {
            let message = format!("expected names of columns, found `{}`", sign.text);
            self.error(std::slice::from_ref(sign), message);
        }
        if self.spec.no_header.replace(names).is_some() {
            self.error(item, "`no header` is given twice");
        }
    }

    fn file_item(&mut self, words: &[Word], item: &[Word], validate: bool) {
        let name = &item[0].text;
        if words.is_empty() {
            return self.error(item, format!("expected a file behind `{name}`"));
        }
        let (file, rest) = take_file(words);
        if !rest.is_empty() {
            let message = format!(
                "expected one file behind `{name}` (a name with blanks needs quotes)"
            );
            self.error(rest, message);
        }
        let place = if validate { &mut self.spec.validate } else { &mut self.spec.test };
        if place.replace(file).is_some() {
            self.error(item, format!("`{name}` is given twice"));
        }
    }

    fn separator(&mut self, words: &[Word], item: &[Word]) {
        let sign = match words {
            [w] if matches!(w.text.as_str(), "tab" | "\\t") => Some('\t'),
            [w] => one_char(&w.text).filter(char::is_ascii),
            _ => None,
        };
        match sign {
            Some(sign) => self.spec.separator = Some(sign),
            None => self.error(
                item,
                "expected one ASCII character, as in `separator \";\"` or `separator tab`",
            ),
        }
    }

    fn missing(&mut self, words: &[Word], item: &[Word]) {
        if words.is_empty() || words.iter().any(Word::is_sign) {
            return self.error(item, "expected markers, as in `missing \"?\"`");
        }
        self.spec.missing.extend(words.iter().map(|w| w.text.clone()));
    }

    fn strip(&mut self, words: &[Word], item: &[Word]) {
        match words {
            [w] if !w.text.is_empty() => self.spec.strip = Some(w.text.clone()),
            _ => self.error(item, "expected characters in quotes, as in `strip \".\"`"),
        }
    }

    fn ordinal(&mut self, words: &[Word], item: &[Word]) {
        let [column, equals, levels @ ..] = words else {
            return self.error(item, ORDINAL);
        };
        let levels: Vec<String> = levels.split(|w| w.is("<")).map(joined).collect();
        if !equals.is("=") || levels.len() < 2 || levels.iter().any(String::is_empty) {
            return self.error(item, ORDINAL);
        }
        if let Some(twice) =
            levels.iter().enumerate().find(|(i, l)| levels[..*i].contains(l))
        {
            let message = format!("the level `{}` stands twice", twice.1);
            self.error(item, message);
        }
        self.spec.ordinals.push((column.text.clone(), levels));
    }

    fn weight(&mut self, words: &[Word], item: &[Word]) {
        match words {
            [w] if !w.is_sign() => self.spec.weight = Some(w.text.clone()),
            _ => self.error(item, "expected one column, as in `weight exposure`"),
        }
    }
}
