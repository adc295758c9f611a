//! A thousand made-up files: every gradient against differences, every rewrite against the graph
//! before it, every printed gradient read back.

use chainrule::explain::{AskOptions, ask};
use chainrule::graph::derived::{self, derive, expand, symbol_node};
use chainrule::graph::eval::{Value, eval_roots};
use chainrule::graph::expand::Purpose;
use chainrule::graph::lower::load;
use chainrule::graph::module::Module;
use chainrule::graph::value::Mat;
use chainrule::graph::verify;

use crate::differences::{Function, Numbers, concrete, difference, env, value};

const FILES: u64 = 1000;

/// How a file writes its examples.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    One,
    Columns,
    Rows,
}

/// A file in the making.
struct Draft {
    n: Numbers,
    layout: Layout,
    text: String,
    params: Vec<String>,
}

impl Draft {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.n.below(all.len())]
    }

    fn chance(&mut self, of: usize) -> bool {
        self.n.below(of) == 0
    }

    /// `W1 : H×D` of a layer from `from` to `to`, its bias, and the product with `x`.
    fn affine(&mut self, i: usize, from: &str, to: &str, x: &str) -> String {
        let shape = match self.layout {
            Layout::Rows => format!("{from}×{to}"),
            _ => format!("{to}×{from}"),
        };
        self.line(&format!("param W{i} : {shape}, b{i} : {to}"));
        self.params.push(format!("W{i}"));
        self.params.push(format!("b{i}"));
        match self.layout {
            Layout::Rows => format!("{x} W{i} + b{i}"),
            _ => format!("W{i} {x} + b{i}"),
        }
    }

    /// An entry-by-entry value of `z`.
    fn bent(&mut self, z: &str, rest: &str) -> String {
        let call = self.pick(&[
            "relu",
            "tanh",
            "sigmoid",
            "leaky_relu",
            "elu",
            "selu",
            "softplus",
            "gelu",
            "gelu_tanh",
            "silu",
            "mish",
            "bend",
            "sin",
            "hard_sigmoid",
            "identity",
        ]);
        match self.n.below(10) {
            0 => format!("{z} if {z} > 0 else 0.1 {z}"),
            1 => format!("max({z}, 0.1)"),
            2 => format!("{call}({z}) ⊙ sigmoid({z})"),
            3 => format!("{call}({z}) + 0.3 {rest}"),
            4 => format!("{z} / (1 + |{z}|)"),
            5 => format!("sqrt(1 + {z}²) − exp(−{z}²)"),
            6 => format!("layer_norm({z})"),
            _ => format!("{call}({z})"),
        }
    }

    fn function(&mut self) {
        let body = self.pick(&[
            "z sigmoid(β z)",
            "z / (1 + |z|) if z > 0 else β z",
            "log(1 + exp(β z)) − 0.2 z",
            "tanh(z) − β z³ / 10",
            "max(z, β z / 5) + sin(z)",
        ]);
        self.line(&format!("bend(z, β = 1) = {body}"));
    }

    /// The loss of prediction scores `o`: lines, and what is minimised.
    fn loss(&mut self, o: &str) -> &'static str {
        let loss = self.n.below(8);
        let mark = match loss {
            0..=2 => " one-hot",
            3 => " multi-hot",
            _ => "",
        };
        let (shape, y) = match self.layout {
            Layout::One => ("K", "y"),
            Layout::Columns => ("K×m", "y"),
            Layout::Rows => ("m×K", "y"),
        };
        self.line(&format!("target {y} : {shape}{mark}"));
        match loss {
            0 => self.line(&format!("p = softmax({o})\nL = cross_entropy(y, p)")),
            1 if self.layout == Layout::One => {
                self.line(&format!("p = softmax({o})\nL = −∑ y log(p)"));
            }
            1 => self.line(&format!("L = hinge(y, {o})")),
            2 if self.layout == Layout::One => self.line(&format!(
                "p = exp({o}) / sum(exp({o}))\nL = −∑_{{i=1}}^K y_i log(p_i)"
            )),
            2 => self.line(&format!("p = softmax({o})\nL = half_mse(y, p)")),
            3 => self.line(&format!("p = sigmoid({o})\nL = bce(y, p)")),
            4 => self.line(&format!("L = half_mse(y, {o})")),
            5 => self.line(&format!("L = mse(y, tanh({o}))")),
            6 => self.line(&format!("L = huber(y, {o})")),
            _ => self.line(&format!("L = 1/2 ‖y − {o}‖²")),
        }
        if loss == 7 { "L" } else { "mean(L)" }
    }
}

fn generated(seed: u64) -> Draft {
    let mut d = Draft {
        n: Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        layout: Layout::One,
        text: String::new(),
        params: Vec::new(),
    };
    d.n.bits();
    d.layout = [Layout::One, Layout::One, Layout::Columns, Layout::Rows][d.n.below(4)];
    match d.layout {
        Layout::One => d.line("input x : D"),
        Layout::Columns => d.line("examples: columns\ninput x : D×m"),
        Layout::Rows => d.line("examples: rows\ninput x : m×D"),
    }
    d.function();
    let (mut h, mut from) = ("x".to_string(), "D".to_string());
    let depth = 1 + d.n.below(2);
    for i in 1..=depth {
        let z = d.affine(i, &from, &format!("H{i}"), &h);
        d.line(&format!("z{i} = {z}"));
        let again = format!("z{i}");
        let a = d.bent(&again, &again);
        d.line(&format!("a{i} = {a}"));
        (h, from) = (format!("a{i}"), format!("H{i}"));
        if d.chance(4) {
            d.line(&format!("h{i} = a{i} ⊙ tanh(z{i}) + a{i}"));
            h = format!("h{i}");
        }
    }
    let o = d.affine(9, &from, "K", &h);
    d.line(&format!("o = {o}"));
    let minimised = d.loss("o");
    let penalty = ["", " + 0.1/2 ‖W1‖²", " + 0.01 ‖W1‖_1", " + 0.1 ‖W1, W9‖"];
    let penalty = penalty[d.n.below(4)];
    let minimised = match (d.layout, minimised) {
        (Layout::One, "L") => "mean(L)",
        (_, m) => m,
    };
    d.line(&format!("minimize J = {minimised}{penalty}"));
    d
}

fn module(text: &str) -> Module {
    let loaded = load(text, &[]);
    loaded.module.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics))
}

fn close(a: &Mat, b: &Mat, tolerance: f64) -> bool {
    let near = |(x, y): (&f64, &f64)| (x - y).abs() <= tolerance * y.abs().max(1.0);
    a.data.len() == b.data.len() && a.data.iter().zip(&b.data).all(near)
}

/// Every entry of every gradient against differences; how many were compared.
fn against_differences(text: &str, m: &Module) -> usize {
    let d = derive(m).expect("a gradient");
    let e = expand(m, &d, Purpose::Evaluation);
    let objective = m.objective.as_ref().expect("an objective").node;
    let mut compared = 0;
    for (id, node) in &e.gradients {
        let by = symbol_node(&m.graph, *id).expect("a node");
        let found = eval_roots(&e.graph, &env(m), &[*node]);
        let found = found[node.0 as usize].as_ref().expect("a value").of(0).clone();
        let (x, mut f) = Function::new(m, objective, by).expect("a function");
        for i in 0..x.data.len() {
            let Some(slope) = difference(&mut f, &x, i) else { continue };
            compared += 1;
            let name = &m.symbols[id.0 as usize].shown;
            let off = (found.data[i] - slope[0]).abs();
            assert!(
                off <= 1e-6 * slope[0].abs().max(1.0),
                "{text}\n{name} entry {i}: {} by the gradient, {} by differences",
                found.data[i],
                slope[0]
            );
        }
    }
    compared
}

/// Values and gradients before and after all rewriting.
fn rewriting_keeps_values(text: &str, m: &Module) {
    let d = derive(m).expect("a gradient");
    let (raw, gradients) = derived::unsimplified(m).expect("a gradient");
    let env = env(m);
    let of = |g, n| match value(m, g, n, &env) {
        Some(Value::Shared(v)) => v,
        Some(Value::Each(all)) => all[0].clone(),
        None => panic!("{text}\nno value"),
    };
    for ((s, simple), (t, plain)) in d.gradients.iter().zip(&gradients) {
        assert_eq!(s, t);
        let (a, b) = (of(&d.graph, *simple), of(&raw, *plain));
        assert!(close(&a, &b, 1e-10), "{text}\n{:?} and {:?}", a.data, b.data);
    }
    for (e, (n, _)) in m.equations.iter().zip(&d.named) {
        let (a, b) = (of(&d.graph, *n), of(&m.graph, e.node));
        assert!(close(&a, &b, 1e-10), "{text}\n{}: {:?} {:?}", e.shown, a.data, b.data);
    }
}

/// A printed gradient as one more equation of the file; `None` where it has no such form.
fn read_back(draft: &Draft, m: &Module, top: &str, by: &str) -> Option<bool> {
    let question = [format!("d{top}/d{by}")];
    let reply = ask(m, &AskOptions::default(), &question).replies.remove(0);
    let answer = reply.answer.unwrap_or_else(|d| panic!("{}\n{}", draft.text, d.message));
    let said = answer.symbolic?;
    let chainrule::explain::Answered::Numbers(wanted) = answer.value else { return None };
    let longer = draft.text.replace("minimize", &format!("G = {said}\nminimize"));
    let loaded = load(&longer, &[]);
    let Some(mut again) = loaded.module else {
        let why = &loaded.diagnostics[0].message;
        let long = why.contains("at most 1000 operators");
        assert!(long || said.contains("put("), "{longer}\n{why}");
        return None;
    };
    for s in &mut again.symbols {
        s.value = m.symbol(&s.key).and_then(|o| o.value.clone());
    }
    again.dims.sizes = m.dims.sizes.clone();
    let node = again.equation("G").expect("the equation").node;
    let found = value(&again, &again.graph, node, &env(&again))?;
    assert!(
        close(found.of(0), &wanted, 1e-9),
        "{longer}\n{:?} read back, {:?} printed",
        found.of(0).data,
        wanted.data
    );
    Some(true)
}

#[test]
fn gradients_of_generated_files_agree_with_differences() {
    let (mut compared, mut read, mut asked) = (0, 0, 0);
    for seed in 0..FILES {
        let draft = generated(seed);
        let plain = module(&draft.text);
        let m = concrete(&plain, seed + 1);
        compared += against_differences(&draft.text, &m);
        rewriting_keeps_values(&draft.text, &m);
        let d = derive(&plain).expect("a gradient");
        let again = derive(&module(&format!("# the same\n\n{}", draft.text)));
        assert_eq!(d.fingerprint, again.expect("a gradient").fingerprint);
        if let Err(e) = verify::gradient(&plain, &d, seed) {
            panic!("{}\n{}", draft.text, e.message);
        }
        let top = if draft.layout == Layout::One { "L" } else { "J" };
        for by in &draft.params {
            asked += 1;
            read += usize::from(read_back(&draft, &m, top, by).is_some());
        }
    }
    #[allow(clippy::print_stderr, reason = "the measured counts belong in the log")]
    {
        eprintln!("{compared} entries compared, {read} of {asked} gradients read back");
    }
    assert!(compared > 20 * FILES as usize, "only {compared} entries were compared");
    assert!(read * 100 >= asked * 95, "only {read} of {asked} gradients read back");
}

/// Unicode, ASCII and LaTeX are three spellings of one graph.
#[test]
fn every_spelling_of_a_generated_file_has_the_same_fingerprint() {
    use chainrule::graph::lower::is_builtin;
    use chainrule::graph::prelude;
    use chainrule::graph::syntax::respell::{Spelling, respell};
    let known = |n: &str| is_builtin(n) || prelude::functions().find(n).is_some();
    let to = |text: &str, spelling| {
        respell(text, &known, spelling).unwrap_or_else(|d| panic!("{text}\n{d:#?}"))
    };
    let print = |text: &str| derive(&module(text)).expect("a gradient").fingerprint;
    for seed in 0..100 {
        let text = generated(seed).text;
        let (ascii, latex) = (to(&text, Spelling::Ascii), to(&text, Spelling::Latex));
        assert!(ascii.is_ascii(), "{ascii}");
        let back = to(&to(&latex, Spelling::Ascii), Spelling::Unicode);
        let there = print(&text);
        for other in [&ascii, &latex, &back] {
            assert_eq!(print(other), there, "{text}\n{other}");
        }
    }
}
