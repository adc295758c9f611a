//! Exercises with other numbers: nice ones, answered rightly, and a quiz that others can read.

use std::io::Write;
use std::process::{Command, Stdio};

use chainrule::exam::{Exam, Plan, exam, html, latex, moodle};
use chainrule::explain::write::{Look, writer};
use chainrule::explain::{Answered, AskOptions, ask};
use chainrule::graph::domain;
use chainrule::graph::lower::load;
use chainrule::graph::value::Mat;
use chainrule::mark::{mark, text};
use chainrule::{Error, Options};

pub(crate) const PART3: &str = include_str!("../../../../examples/exam-part3.chain");

/// Two layers with a softmax: no result is short.
pub(crate) const CLASSES: &str = "z = W x + b\nŷ = softmax(z)\nL = cross_entropy(y, ŷ)\n\
    x := [1; -2]\nW := [0.5 1; -1 0.2; 0 1]\nb := [0.1; 0; 0.3]\ny := [0; 1; 0]\n\
    trainable: W b\ntrain: sgd(lr = 0.1)\n";

pub(crate) fn made(file: &str, variants: usize, seed: u64, questions: &[&str]) -> Exam {
    let questions = questions.iter().map(|q| (*q).to_owned()).collect();
    let plan = Plan { variants, seed, questions, decimals: 4 };
    let made = exam(file, &Options::default(), &AskOptions::default(), &plan);
    made.unwrap_or_else(|e| panic!("{e:?}"))
}

#[test]
fn variants_differ_and_the_same_seed_gives_the_same_ones() {
    let e = made(PART3, 5, 7, &[]);
    assert_eq!(e, made(PART3, 5, 7, &[]));
    assert_ne!(e, made(PART3, 5, 8, &[]));
    let mut texts: Vec<&str> = e.variants.iter().map(|v| v.text.as_str()).collect();
    texts.push(PART3);
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 6);
}

/// Each variant is a file of its own: its answers are those of the library, no value sits on a
/// kink, and `mark` gives every point to the answers of the sheet.
#[test]
fn every_variant_is_a_file_that_answers_as_its_sheet_does() {
    for (file, exact) in [(PART3, true), (CLASSES, false)] {
        let e = made(file, 4, 3, &[]);
        assert_eq!(e.exact, exact);
        for v in &e.variants {
            let m = load(&v.text, &[]).module.expect("a file");
            assert!(domain::check(&m).is_empty(), "{}", v.text);
            let questions: Vec<String> =
                v.items.iter().map(|i| i.question.clone()).collect();
            let report = ask(&m, &AskOptions::default(), &questions);
            for (i, r) in v.items.iter().zip(report.replies) {
                let Ok(Answered::Numbers(value)) = r.answer.map(|a| a.value) else {
                    panic!("{}", i.question);
                };
                assert_eq!(value, i.value, "{}", i.question);
                let scaled = |x: &f64| (x * 1e4 - (x * 1e4).round()).abs() < 1e-6;
                assert!(
                    !exact || value.data.iter().all(scaled),
                    "{} {value:?}",
                    i.question
                );
            }
            let lines: Vec<String> = v
                .items
                .iter()
                .map(|i| format!("{} = {}", i.question, literal(&i.value)))
                .collect();
            let answers = lines.join("\n");
            let how = AskOptions::default();
            let marked = mark(&v.text, &Options::default(), &m, &how, &answers);
            assert!(marked.all_right(), "{}\n{}", v.text, text(&marked, &answers));
        }
    }
}

fn literal(m: &Mat) -> String {
    let row = |i: usize| {
        (0..m.cols).map(|j| format!("{:.4}", m.at(i, j))).collect::<Vec<_>>().join(" ")
    };
    format!("[{}]", (0..m.rows).map(row).collect::<Vec<_>>().join("; "))
}

#[test]
fn one_hot_values_stay_one_hot_and_signs_and_grids_stay() {
    let e = made(CLASSES, 6, 1, &["L"]);
    for v in &e.variants {
        let of = |name: &str| &v.given.iter().find(|g| g.0 == name).expect("given").1;
        assert_eq!(of("y").data.iter().sum::<f64>(), 1.0);
        assert!(
            of("b").data.iter().all(|x| *x >= 0.0 && *x <= 0.3 + 1e-12),
            "{:?}",
            of("b")
        );
        let grid = |x: &f64| (x / 0.1 - (x / 0.1).round()).abs() < 1e-9;
        assert!(of("W").data.iter().all(grid));
        assert!(of("x").data.iter().all(|x| x.fract() == 0.0 && *x != 0.0));
    }
}

#[test]
fn sheets_hold_questions_and_only_solutions_hold_answers() {
    let e = made(PART3, 2, 5, &["h3", "MSE", "dMSE/dw21", "w21'"]);
    let value = e.variants[0].items[1].value.data[0];
    let (questions, solutions) = (latex(&e, "Part_3", false), latex(&e, "Part_3", true));
    assert!(
        questions.contains("Part\\_3 (variant 1)")
            && questions.contains("\\frac{\\partial")
    );
    assert!(!questions.contains(&format!("${value}$")), "{questions}");
    assert!(solutions.contains(&format!("$= {value}$")), "{solutions}");
    let (questions, solutions) = (html(&e, "a <b>", false), html(&e, "a <b>", true));
    assert!(questions.contains("<h1>a &lt;b&gt;</h1>") && !questions.contains("<script"));
    assert!(questions.contains("<code>MSE =</code>"), "{questions}");
    assert!(solutions.contains(&format!(" = {value}</code>")), "{solutions}");
    assert!(questions.contains("sgd(lr = 0.1)"), "the rule of an update is said");
    let steps = writer("latex-document").expect("a writer");
    let steps = (steps.write)(&e.variants[0].solution, &Look::default());
    assert!(
        steps.contains("\\documentclass") && steps.contains(&value.to_string()),
        "{steps}"
    );
}

#[test]
fn what_cannot_be_varied_or_asked_is_refused() {
    let plan = Plan { variants: 1, seed: 0, questions: Vec::new(), decimals: 4 };
    let try_it = |file: &str, plan: &Plan| {
        exam(file, &Options::default(), &AskOptions::default(), plan)
            .expect_err("a refusal")
    };
    assert!(matches!(try_it("z = W x\nW : 2×2\nx : 2\n", &plan), Error::Refused(_)));
    let unknown = Plan { questions: vec!["q".to_owned()], ..plan.clone() };
    assert!(matches!(try_it(CLASSES, &unknown), Error::Diagnostics(_)));
    // 0 and 1 have so few products that they run out.
    let many = Plan { variants: 50, ..plan };
    assert!(matches!(try_it("z = 2 x\nx := 1\n", &many), Error::Refused(_)));
}

/// Python's own parser reads the quiz: the elements that docs/moodle.md lists and no others, numbers and
/// fields as Moodle's own patterns have them.
const READER: &str = r##"
import re, sys, json
import xml.etree.ElementTree as E
NUMBER = r"-?(?:(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?)"
FIELD = re.compile(r"\{([0-9]*):(?:NUMERICAL|NM):=(" + NUMBER + "):(" + NUMBER + r")\}")
COMMON = {"name", "questiontext", "generalfeedback", "penalty", "hidden"}
MORE = {"numerical": {"defaultgrade", "answer"}, "cloze": set()}
out = []
quiz = E.fromstring(sys.stdin.buffer.read())
assert quiz.tag == "quiz" and not quiz.attrib
for q in quiz:
    kind = q.get("type")
    assert q.tag == "question" and list(q.attrib) == ["type"], q.attrib
    assert sorted(c.tag for c in q) == sorted(COMMON | MORE[kind]), [c.tag for c in q]
    for words in ["questiontext", "generalfeedback"]:
        assert q.find(words).attrib == {"format": "html"}
    for words in ["name", "questiontext", "generalfeedback"]:
        assert [c.tag for c in q.find(words)] == ["text"] and q.find(words + "/text").text
    assert 0 <= float(q.find("penalty").text) <= 1 and q.find("hidden").text == "0"
    text = q.find("questiontext/text").text
    fields = [(v, t) for _, v, t in FIELD.findall(text)]
    assert not re.search(r"\{[0-9]*:", FIELD.sub("", text)), text
    if kind == "numerical":
        assert not fields and q.find("defaultgrade").text == "1"
        a = q.find("answer")
        assert a.get("fraction") == "100" and [c.tag for c in a] == ["text", "tolerance"]
        fields = [(a.find("text").text, a.find("tolerance").text)]
        assert all(re.fullmatch(NUMBER, n) for n in fields[0]), fields
    out.append({"type": kind, "fields": [[float(v), float(t)] for v, t in fields]})
print(json.dumps(out))
"##;

fn read_back(quiz: &str) -> Option<serde_json::Value> {
    let python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = python else {
        super::python::skipped("no python3 to read the quiz with");
        return None;
    };
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(quiz.as_bytes()).expect("python reads");
    drop(pipe);
    let done = child.wait_with_output().expect("python ends");
    assert!(done.status.success(), "{quiz}\n{}", String::from_utf8_lossy(&done.stderr));
    Some(serde_json::from_slice(&done.stdout).expect("JSON"))
}

#[test]
fn a_quiz_is_read_back_by_another_parser() {
    let e = made(CLASSES, 3, 2, &["z", "dL/dW", "L"]);
    let Some(all) = read_back(&moodle(&e, "Classes & <more> ]]>")) else { return };
    for (q, v) in all.as_array().expect("questions").iter().zip(&e.variants) {
        assert_eq!(q["type"], "cloze");
        let wanted: Vec<f64> =
            v.items.iter().flat_map(|i| i.value.data.clone()).collect();
        let fields = q["fields"].as_array().expect("fields");
        assert_eq!(fields.len(), wanted.len());
        for (f, x) in fields.iter().zip(wanted) {
            let (value, tolerance) =
                (f[0].as_f64().expect("a value"), f[1].as_f64().expect("one"));
            assert!((value - x).abs() <= tolerance && tolerance < 1e-3, "{f} for {x}");
        }
    }
    let single = made(PART3, 1, 2, &["MSE"]);
    let all = read_back(&moodle(&single, "One number")).expect("read before");
    assert_eq!(all[0]["type"], "numerical");
    let wanted = single.variants[0].items[0].value.data[0];
    assert_eq!(all[0]["fields"][0][0].as_f64(), Some(wanted));
}
