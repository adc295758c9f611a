//! The same file in another spelling: Unicode, ASCII or LaTeX, word by word.
//!
//! In: a text that reads without an error. Out: the text with every word in the spelling asked for;
//! lines, white space and comments stay, but for the marks of LaTeX that only arrange. Invariant:
//! the new text reads as the same tree, which is looked at before it is given out. Deliberately
//! absent: any other layout than the author's.

use std::ops::Range;

use crate::diag::{Code, Diagnostic, Severity, Span};

use super::ast::{Expr, ExprKind, File};
use super::greek::ascii;
use super::latex;
use super::lexer::lex;
use super::names::{RESERVED, WORDS, canonical};
use super::parse;
use super::places::{Closing, Places, Round, expressions};
use super::print::{Style, ascii_number, can_be_raised, print_file};
use super::regroup::regrouped;
use super::scope::Scope;
use super::token::{Line, Tok, Token};

/// How words are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `ŷ = W1ᵀ x ⊙ a²`.
    Unicode,
    /// `y_hat = W1^T x .* a^2`.
    Ascii,
    /// `\hat{y} = W_{1}^{\top} x \odot a^{2}`.
    Latex,
}

/// The text in another spelling.
///
/// # Errors
/// What is wrong with the text; or, a bug of ours, that the new text would not read as the same.
pub fn respell(
    text: &str,
    shipped: &dyn Fn(&str) -> bool,
    spelling: Spelling,
) -> Result<String, Vec<Diagnostic>> {
    let mut before = parse(text, shipped, &[]);
    let errors = |all: Vec<Diagnostic>| -> Vec<Diagnostic> {
        all.into_iter().filter(|d| d.severity == Severity::Error).collect()
    };
    let wrong = errors(before.diagnostics);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let (lines, _) = lex(text);
    let places = Places::of(&mut before.file);
    let mut said = Vec::new();
    let blocks = super::lines::blocks(lines.clone(), &mut said);
    let blocks = super::expand::expand(blocks, &[], &mut said);
    let scope = Scope::of(&blocks, shipped, text);
    let known = |name: &str| scope.is_function(name);
    let out = Writer::new(text, &known, spelling, &places).all(&lines);
    let after = parse(&out, shipped, &[]);
    let wrong = errors(after.diagnostics);
    match wrong.first() {
        Some(d) => {
            Err(vec![mistaken(&format!("the new spelling is an error: {}", d.message))])
        }
        None if same(&before.file, &after.file) => Ok(out),
        None => Err(vec![changed(&before.file, &after.file)]),
    }
}

/// Trees without places, needless brackets, and the spelling of names and numbers.
fn same(a: &File, b: &File) -> bool {
    plain(a) == plain(b)
}

fn plain(file: &File) -> String {
    let mut file = file.clone();
    for s in &mut file.statements {
        for e in expressions(&mut s.kind) {
            unwrap(e);
        }
    }
    print_file(&file, Style::Ascii)
}

/// Takes brackets off that the tree does not need.
fn unwrap(e: &mut Expr) {
    while let ExprKind::Paren(inner) = &mut e.kind {
        let kind = std::mem::replace(&mut inner.kind, ExprKind::Error);
        e.kind = kind;
    }
    for child in crate::lower::children_mut(e) {
        unwrap(child);
    }
}

/// The first statement that would become another.
fn changed(a: &File, b: &File) -> Diagnostic {
    let shown = |f: &File| -> Vec<String> {
        let all = plain(f);
        all.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()
    };
    let (x, y) = (shown(a), shown(b));
    let none = "nothing".to_owned();
    let lines = 0..x.len().max(y.len());
    let pair = |i: usize| (x.get(i).unwrap_or(&none), y.get(i).unwrap_or(&none));
    let differ = lines.map(pair).find(|(p, q)| p != q);
    let said = differ.map_or_else(String::new, |(p, q)| format!(": `{p}` and `{q}`"));
    mistaken(&format!("the new spelling reads otherwise{said}"))
}

fn mistaken(what: &str) -> Diagnostic {
    let text = format!("chainrule is wrong here: {what}");
    Diagnostic::error(Code::M3, Span::default(), text)
        .hint("this is a mistake in chainrule, not in the file: please report it")
}

struct Writer<'a> {
    text: &'a str,
    spelling: Spelling,
    /// Whether a name is a function's.
    known: &'a dyn Fn(&str) -> bool,
    out: String,
    /// What the tree knows of the words.
    places: &'a Places,
    /// Brackets of powers that are open.
    open: Vec<Closing>,
    /// Where the last words begin that nothing stands between.
    run: Vec<usize>,
    /// The tokens of the line.
    line: Range<usize>,
    /// Brackets that are open in the text.
    within: Vec<&'static str>,
    /// Whether a loop counts in x, so that the letter is no sign.
    x_is_taken: bool,
}

/// So many words decide how the next one reads.
const RUN: usize = 4;

/// A word in its new spelling, and how many tokens it stands for.
struct Word {
    text: String,
    tokens: usize,
}

impl<'a> Writer<'a> {
    fn new(
        text: &'a str,
        known: &'a dyn Fn(&str) -> bool,
        spelling: Spelling,
        places: &'a Places,
    ) -> Self {
        Self {
            text,
            spelling,
            known,
            places,
            open: Vec::new(),
            out: String::new(),
            run: Vec::new(),
            line: 0..0,
            within: Vec::new(),
            x_is_taken: false,
        }
    }

    fn all(mut self, lines: &'a [Line]) -> String {
        // A group may reach over the lines.
        let tokens: Vec<Token> = lines.iter().flat_map(|l| l.tokens.clone()).collect();
        self.x_is_taken =
            tokens.windows(2).any(|t| t[0].is_word("for") && t[1].is_word("x"));
        let groups = match self.spelling {
            Spelling::Latex => vec![None; tokens.len()],
            _ => regrouped(self.text, &tokens, self.known),
        };
        let (mut at, mut i, mut end) = (0, 0, 0);
        for line in lines {
            self.line = end..end + line.tokens.len();
            end = self.line.end;
            while i < end {
                let gap = self.text.get(at..tokens[i].span.start as usize).unwrap_or("");
                // An index stands right behind what it is of.
                let index = groups[i].as_deref() == Some("[");
                if !(index && arranged(gap).trim().is_empty()) {
                    let begins = (i == self.line.start).then_some(line);
                    self.gap(gap, &tokens[i], begins);
                }
                self.opens(&tokens, i);
                let grouped = groups.get(i + 1).is_some_and(Option::is_some);
                let word = match &groups[i] {
                    Some(text) => Word { text: text.clone(), tokens: 1 },
                    None => self.word(&tokens, i, grouped),
                };
                self.put(&word.text);
                let read = &tokens[i..i + word.tokens];
                read.iter().for_each(|t| self.count(t));
                at = read.last().map_or(at, |t| t.span.end as usize);
                self.closes(at as u32);
                i += word.tokens;
            }
        }
        let rest = &self.text[at..];
        match self.spelling {
            Spelling::Latex => self.out.push_str(rest),
            _ => self.out.push_str(&arranged(rest)),
        }
        self.out
    }

    fn count(&mut self, token: &Token) {
        match token.tok {
            Tok::Sym(open @ ("(" | "[" | "{")) => self.within.push(open),
            Tok::Sym(")" | "]" | "}") => drop(self.within.pop()),
            _ => {}
        }
    }

    /// Brackets round the powers that begin with a token.
    fn opens(&mut self, tokens: &[Token], i: usize) {
        for &closing in self.places.opening(tokens[i].span.start) {
            // What stands in braces already does not begin behind its `^`.
            let raised = i > 0 && tokens[i - 1].is("^");
            if closing.1 == Round::Raised && !(raised && self.spelling == Spelling::Latex)
            {
                continue;
            }
            self.put(self.bracket(closing.1)[0]);
            self.open.push(closing);
        }
    }

    fn closes(&mut self, end: u32) {
        while let Some(closing) = self.open.pop_if(|c| c.0 <= end) {
            self.put(self.bracket(closing.1)[1]);
        }
    }

    /// LaTeX raises one word, or what stands in braces.
    fn bracket(&self, round: Round) -> [&'static str; 2] {
        match self.spelling {
            Spelling::Latex if round != Round::Base => ["{", "}"],
            _ => ["(", ")"],
        }
    }

    /// What stands before a token: white space, comments, and marks that only arrange.
    /// `begins` is the line that the token begins.
    fn gap(&mut self, gap: &str, token: &Token, begins: Option<&Line>) {
        if self.spelling == Spelling::Latex || matches!(token.tok, Tok::Raw(..)) {
            return self.between(gap);
        }
        let mut plain = arranged(gap);
        if begins.is_some_and(|l| l.aligned) {
            // A statement of a display begins a line of its own.
            self.out.push_str(plain.trim_end_matches([' ', '\t']));
            if self.out.trim().is_empty() {
                self.out.clear();
            } else if !self.out.ends_with('\n') {
                self.out.push('\n');
            }
            return self.run.clear();
        }
        let braces = self.within.last() == Some(&"{");
        let first = begins.filter(|_| !braces);
        let own = &gap[gap.rfind('\n').map_or(0, |i| i + 1)..];
        let goes_on = own.len() == gap.len() && !self.out.is_empty();
        if let Some(line) = first.filter(|_| goes_on || !own.trim().is_empty()) {
            // What stood before the statement, or ended the line before, only arranges.
            let lines = plain.rfind('\n').map_or(0, |i| i + 1);
            plain.truncate(lines);
            if lines == 0 && !self.out.is_empty() {
                plain.push('\n');
            }
            plain.push_str(&" ".repeat(line.indent));
        }
        if first.is_none() && plain.contains('\n') {
            // A line end within braces or brackets of LaTeX; a comment has to end all the same.
            plain = match plain.contains('#') {
                true => format!("{}\n  ", plain.trim_end()),
                false => " ".to_owned(),
            };
        }
        if self.out.ends_with(' ') {
            plain = plain.trim_start_matches(' ').to_owned();
        }
        self.between(&plain);
    }

    fn between(&mut self, gap: &str) {
        if !gap.is_empty() {
            self.run.clear();
            self.out.push_str(gap);
        }
    }

    /// Adds a word, apart from those before where they would become one.
    fn put(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let melts = self.run.first().is_some_and(|&at| melts(&self.out[at..], word));
        // `2^-1x` can be read in two ways, `2⁻¹x` in one.
        let letter = |c: char| super::names::is_letter(c) || c == '\\';
        let last = self.run.first().map_or("", |&at| &self.out[at..]);
        let raised = last.rsplit_once('^').map_or("", |(_, number)| number);
        let power = raised.replace('−', "-").parse::<f64>().is_ok();
        if melts || power && word.starts_with(letter) {
            self.between(" ");
        }
        if self.run.len() == RUN {
            self.run.remove(0);
        }
        self.run.push(self.out.len());
        self.out.push_str(word);
    }

    fn word(&self, tokens: &[Token], i: usize, grouped: bool) -> Word {
        let token = &tokens[i];
        let one = |text: String| Word { text, tokens: 1 };
        let own = || one(token.span.of(self.text).to_owned());
        // The settings have words of their own.
        let setting = ["train", "precision", "examples", "digits"];
        let kept = self.spelling == Spelling::Latex
            && setting.iter().any(|w| tokens[self.line.start].is_word(w));
        match &token.tok {
            _ if kept => own(),
            Tok::Number(value, text) => one(self.number(*value, text)),
            Tok::Name(_) => one(self.name(tokens, i)),
            Tok::Power(n) => one(self.power(*n)),
            Tok::Sym("^") => {
                let raised = if grouped { None } else { self.raised(tokens, i) };
                raised.unwrap_or_else(|| one("^".to_owned()))
            }
            Tok::Sym(sym) => one(self.sign(tokens, i, sym)),
            Tok::Newline | Tok::Raw(..) => own(),
        }
    }

    fn number(&self, value: f64, text: &str) -> String {
        match self.spelling {
            Spelling::Latex => match text.split_once(['e', 'E']) {
                Some((m, p)) => {
                    let p = p.trim_start_matches('+').replace(['−', '–'], "-");
                    format!("{m} \\cdot 10^{{{p}}}")
                }
                None if text.is_ascii() => text.to_owned(),
                None => format!("{value}"),
            },
            Spelling::Ascii => ascii_number(text).unwrap_or_else(|| format!("{value}")),
            _ => text.to_owned(),
        }
    }

    fn name(&self, tokens: &[Token], i: usize) -> String {
        let token = &tokens[i];
        let Some(ident) = token.ident() else { return String::new() };
        let word = token.word().unwrap_or_default();
        if RESERVED.contains(&word) || WORDS.contains(&word) {
            return word.to_owned();
        }
        let between = self.in_shape(token) && !self.places.is_size(token.span.start);
        // The letter between two sizes, or with the second one in one word: `28x28`.
        let sign = word.strip_prefix('x').filter(|_| between);
        if let Some(size) = sign.filter(|s| s.bytes().all(|b| b.is_ascii_digit())) {
            return match self.spelling {
                Spelling::Unicode => format!("×{size}"),
                Spelling::Latex if !size.is_empty() => format!("\\times {size}"),
                _ => word.to_owned(),
            };
        }
        match self.spelling {
            Spelling::Unicode => ident.key.clone(),
            Spelling::Ascii if ident.key == "ℝ" => "R".to_owned(),
            Spelling::Ascii => same_name(ascii(&ident.key), &ident.key),
            Spelling::Latex => self.latex_name(tokens, i, &ident.key),
        }
    }

    /// A function that is called stands upright; other words stay as they are.
    fn latex_name(&self, tokens: &[Token], i: usize, key: &str) -> String {
        let called = tokens.get(i + 1).is_some_and(|t| t.is("(") || t.is("'"));
        let known = (self.known)(key);
        let letters = key.chars().take_while(|c| c.is_alphabetic()).count();
        let whole = !key.contains('^');
        let own = tokens[i].span.of(self.text);
        match () {
            () if called && known && whole && letters > 1 => latex::upright(key),
            () if letters > 1 && own.is_ascii() => own.to_owned(),
            () => same_name(latex::symbol(key), key),
        }
    }

    fn power(&self, n: i32) -> String {
        match self.spelling {
            Spelling::Unicode => raised_digits(n),
            Spelling::Ascii => format!("^{n}"),
            Spelling::Latex => format!("^{{{n}}}"),
        }
    }

    /// `^T`, `^{\top}`, `^2`, `^{-1}`: a transpose or a power of one word.
    fn raised(&self, tokens: &[Token], i: usize) -> Option<Word> {
        let braced = tokens.get(i + 1).is_some_and(|t| t.is("{"));
        let inner = i + 1 + usize::from(braced);
        let first = tokens.get(inner)?;
        let end = |count: usize| -> Option<usize> {
            let last = tokens.get(inner + count - usize::from(!braced))?;
            let comment = tokens[i].span.to(last.span).of(self.text).contains('#');
            let close = !comment && (!braced || last.is("}"));
            close.then_some(inner + count + usize::from(braced) - i)
        };
        // The upper end of a sum is no power, nor are the sizes of `ℝ^2`.
        if self.places.is_bound(first.span.start) || self.in_shape(&tokens[i]) {
            return None;
        }
        if first.is("ᵀ") || first.is_word("T") {
            let count = end(1)?;
            return Some(Word {
                text: self.transpose(tokens.get(i + count)),
                tokens: count,
            });
        }
        let minus = usize::from(first.is("-"));
        let Tok::Number(value, text) = &tokens.get(inner + minus)?.tok else {
            return None;
        };
        let count = end(1 + minus)?;
        // Raised digits have no −0.
        let whole = can_be_raised(text) && (minus == 0 || text != "0");
        let mut opening = self.places.opening(tokens[i + 1].span.start).iter();
        let goes_on = opening.any(|c| c.1 != Round::Raised);
        if !whole || goes_on {
            return None;
        }
        let n = if minus > 0 { -(*value as i32) } else { *value as i32 };
        Some(Word { text: self.power(n), tokens: count })
    }

    fn in_shape(&self, token: &Token) -> bool {
        self.places.in_shape(token.span.start)
    }

    /// In ASCII, `T_1` would be a name.
    fn transpose(&self, next: Option<&Token>) -> String {
        let indexed = next.is_some_and(|t| t.is("_") && !t.space);
        match self.spelling {
            Spelling::Unicode => "ᵀ",
            Spelling::Ascii if indexed => "^{T}",
            Spelling::Ascii => "^T",
            Spelling::Latex => "^{\\top}",
        }
        .to_owned()
    }

    fn sign(&self, tokens: &[Token], i: usize, sym: &'static str) -> String {
        let own = tokens[i].span.of(self.text);
        let brace = self.spelling == Spelling::Latex
            && self.places.is_brace(tokens[i].span.start);
        match sym {
            "(" if brace => return "{".to_owned(),
            ")" if brace => return "}".to_owned(),
            // `^⊤` was written with its own sign for the height.
            "ᵀ" if i > 0 && tokens[i - 1].is("^") => return own.to_owned(),
            // In braces with a comment.
            "ᵀ" if i > 1 && tokens[i - 1].is("{") && tokens[i - 2].is("^") => {
                return own.to_owned();
            }
            "ᵀ" => return self.transpose(tokens.get(i + 1)),
            // What LaTeX groups with stays in LaTeX.
            _ if self.spelling == Spelling::Latex && own.starts_with('\\') => {
                return own.to_owned();
            }
            // `one-hot` is a word.
            "-" if i > 0 && ["one", "multi"].iter().any(|w| tokens[i - 1].is_word(w)) => {
                return own.to_owned();
            }
            "×" if self.spelling == Spelling::Ascii && self.in_shape(&tokens[i]) => {
                // A letter at the end of a line does not carry it on, and may be a loop's variable.
                return match () {
                    () if self.x_is_taken || i + 1 == self.line.end => "*",
                    () if tokens[i].space => "x",
                    () => " x ",
                }
                .to_owned();
            }
            "∑_" if self.spelling == Spelling::Ascii => {
                let plain = plain_index(&tokens[i + 1..]);
                return if plain { "sum_" } else { "\\sum_" }.to_owned();
            }
            _ => {}
        }
        let table = SIGNS.iter().find(|s| s.0 == sym);
        match (table, self.spelling) {
            (Some(s), Spelling::Unicode) => s.1.to_owned(),
            (Some(s), Spelling::Ascii) => s.2.to_owned(),
            (Some(s), Spelling::Latex) => s.3.to_owned(),
            (None, _) => sym.to_owned(),
        }
    }
}

/// Whether some word of both together reaches over the border between them.
fn melts(before: &str, word: &str) -> bool {
    let (lines, unknown) = lex(&format!("{before}{word}"));
    let border = before.len() as u32;
    let words = lines.iter().flat_map(|l| &l.tokens).map(|t| t.span);
    let mut spans = words.chain(unknown.iter().map(|d| d.span));
    spans.any(|s| s.start < border && border < s.end)
}

/// The spelling, if it reads back as the name; else the name as it is.
fn same_name(spelled: String, key: &str) -> String {
    if canonical(&spelled) == key || key == "𝟏" { spelled } else { key.to_owned() }
}

/// Whether `sum_` before an index is a sum's head in ASCII, and no name: before one letter, in braces
/// or without, and before braces with bounds.
fn plain_index(tokens: &[Token]) -> bool {
    // Of `sum_ i` the sign `sum_` is a name.
    if tokens.first().is_some_and(|t| t.space) {
        return false;
    }
    let braced = tokens.first().is_some_and(|t| t.is("{"));
    let inner = &tokens[usize::from(braced)..];
    let end = inner.iter().position(|t| t.is("}")).filter(|_| braced);
    let bounds = end.is_some_and(|end| inner[..end].iter().any(|t| t.is("=")));
    let one = inner.first().and_then(Token::ident);
    bounds || one.is_some_and(|n| ascii(&n.key).len() == 1)
}

fn raised_digits(n: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32('⁰' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or(c),
    };
    n.to_string().chars().map(digit).collect()
}

/// White space and comments of a gap; the marks that only arrange are taken out, and with them the
/// lines that held nothing else.
fn arranged(gap: &str) -> String {
    let lines: Vec<&str> = gap.split('\n').collect();
    let mut out: Vec<String> = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let code = line.split('#').next().unwrap_or("");
        let blanks: String = code.chars().filter(|c| c.is_whitespace()).collect();
        let removed = blanks != code;
        let comment = &line[code.len()..];
        let inner = i > 0 && i + 1 < lines.len();
        match removed {
            true if inner && comment.is_empty() => {}
            true if i + 1 < lines.len() && comment.is_empty() => out.push(String::new()),
            true => {
                let one = if blanks.is_empty() { "" } else { " " };
                out.push(format!("{one}{comment}"));
            }
            false => out.push((*line).to_owned()),
        }
    }
    out.join("\n")
}

/// A sign in Unicode, ASCII, LaTeX.
const SIGNS: &[(&str, &str, &str, &str)] = &[
    ("-", "−", "-", "-"),
    ("·", "·", "\\cdot", "\\cdot"),
    ("⊙", "⊙", ".*", "\\odot"),
    ("×", "×", "\\times", "\\times"),
    ("≤", "≤", "<=", "\\leq"),
    ("≥", "≥", ">=", "\\geq"),
    ("≠", "≠", "!=", "\\neq"),
    ("‖", "‖", "||", "\\|"),
    ("∈", "∈", "in", "\\in"),
    ("←", "←", "<-", "\\leftarrow"),
    ("~", "~", "~", "\\sim"),
    ("√", "√", "\\sqrt", "\\sqrt"),
    ("∑", "∑", "\\sum", "\\sum"),
    ("∑_", "∑_", "\\sum_", "\\sum_"),
    ("and", "and", "and", "\\land"),
    ("or", "or", "or", "\\lor"),
    ("not", "not", "not", "\\lnot"),
    ("%", "%", "%", "\\%"),
];
