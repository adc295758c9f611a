//! Exports, judged by the programs that they are for: onnxruntime and Python's safetensors.
//!
//! The tables are walked: every shipped function, and every primitive that a file can write, stands
//! in a network of its own, over rows in the interior, at kinks and far out.

use std::path::Path;

use chainrule::data::{Cell, RawColumn, Source};
use chainrule::export::{FORMATS, format};
use chainrule::graph::prelude;
use chainrule::graph::syntax::ast::Function;
use chainrule::train::Control;
use chainrule::{Error, Model, Prediction, Trained, table};

use crate::common::Draw;
use crate::python::check;

fn trained(text: &str, data: &Source) -> Trained {
    let model = Model::parse(text).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    let trained = model.fit(data, &mut |_| Control::Continue);
    trained.unwrap_or_else(|e| panic!("{text}\n{e}"))
}

/// A prediction as `chainrule predict` writes it.
fn csv(p: &Prediction) -> String {
    let mut out = String::new();
    if p.classes.is_some() {
        out.push_str("label,");
    }
    out += &(p.names.join(",") + "\n");
    for i in 0..p.rows() {
        let numbers: Vec<String> = p.row(i).iter().map(f64::to_string).collect();
        let class = p.class(i).map(str::to_owned);
        out +=
            &class.into_iter().chain(numbers).collect::<Vec<_>>().join(",").to_string();
        out.push('\n');
    }
    out
}

/// The cells of a table as a CSV file.
fn cells(source: &Source) -> String {
    let names: Vec<&str> = source.columns.iter().map(|c| c.name.as_str()).collect();
    let mut text = names.join(",") + "\n";
    for row in 0..source.rows {
        let word = |c: &RawColumn| match c.cell(row) {
            Cell::Missing => String::new(),
            Cell::Number(v) => v.to_string(),
            Cell::Text(word) => word.to_owned(),
        };
        let all: Vec<String> = source.columns.iter().map(word).collect();
        text += &(all.join(",") + "\n");
    }
    text
}

/// Puts a case where `check.py onnx-all` finds it.
fn put(folder: &Path, name: &str, trained: &Trained, source: &Source) {
    let predicted = trained.predict(source).unwrap_or_else(|e| panic!("{name}: {e}"));
    let path = folder.join(format!("{name}.onnx"));
    let exported = trained.export(format("onnx").unwrap(), &path);
    exported.unwrap_or_else(|e| panic!("{name}: {e}"));
    std::fs::write(path.with_extension("rows.csv"), cells(source)).unwrap();
    std::fs::write(path.with_extension("csv"), csv(&predicted)).unwrap();
}

fn judge(folder: &Path, tolerance: &str, at_least: usize) {
    let args = ["onnx-all", folder.to_str().unwrap(), "--tolerance", tolerance];
    if let Some(said) = check(&args) {
        eprintln!("{}", said.trim());
        let models: usize = said.split(' ').next().unwrap().parse().unwrap();
        assert!(models >= at_least, "{said}");
    }
}

/// One number in, one out; nothing moves, so that the values are those of the function itself.
fn network(body: &str, precision: &str) -> String {
    format!(
        "input x : 1\ntarget y : 1\nparam W : 3×1 = 1, V : 1×3 = 1\n{body}\n\
         L = mse(y, ŷ)\nminimize mean(L)\nprecision: {precision}\n\
         train: sgd(lr = 1e-30), batch full, epochs 1"
    )
}

/// From −50 to 50 and at the kinks.
fn points() -> Vec<f64> {
    let mut all: Vec<f64> = (-160..=160).map(|i| f64::from(i) / 3.2).collect();
    all.extend([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 1e-6, -1e-6]);
    all
}

fn kind(f: &Function) -> &str {
    let note = f.notes.iter().find(|(k, _)| k == "kind");
    note.map_or("", |(_, v)| v.as_str())
}

/// A network around a shipped function; `None` for those that no network holds.
fn around(f: &Function) -> Option<String> {
    let name = &f.name.written;
    Some(match kind(f) {
        "schedule" => return None,
        "loss" => format!(
            "q = softmax([x; 0; −x])\np = softmax(W x ⊙ [0.1; 0.2; −0.3])\nŷ = {name}(q, p)"
        ),
        "activation" => format!("ŷ = V {name}(W x)"),
        _ => format!("ŷ = sum(V ⊙ {name}([x; −x/2; 0.3])ᵀ)"),
    })
}

fn functions(precision: &str, tolerance: &str) {
    let folder = tempfile::tempdir().unwrap();
    let data = table(&[("x", 1, &[0.5, 1.0]), ("y", 1, &[1.0, 2.0])]).unwrap();
    let points = table(&[("x", 1, &points())]).unwrap();
    let mut walked = 0;
    for f in &prelude::functions().all {
        let Some(body) = around(f) else { continue };
        let t = trained(&network(&body, precision), &data);
        put(folder.path(), &f.name.key, &t, &points);
        walked += 1;
    }
    assert!(walked >= 27, "{walked} functions");
    judge(folder.path(), tolerance, walked);
}

#[test]
fn every_shipped_function_is_the_same_in_onnxruntime() {
    functions("f32", "1e-5");
    // Erf has single precision there, everything else double.
    functions("f64", "1e-6");
}

/// Bodies that between them use every primitive that can stand in an output.
const PRIMITIVES: [(&str, &str); 14] = [
    ("exp_log", "z = W x\nŷ = sum(exp(−|z|) + log(1 + z²))"),
    ("stable", "z = W x\nŷ = sum(log1p(exp(−|z|)) + expm1(−|z|))"),
    ("small", "z = 1e-6 W x\nŷ = 1e6 sum(log1p(z) + expm1(z))"),
    ("large", "z = |W x|\nŷ = sum(log1p(1e9 z) − log1p(z))"),
    ("root_erf", "z = W x\nŷ = sum(sqrt(|z|) + erf(z))"),
    ("waves", "z = W x\nŷ = sum(sin(z) + cos(z) + tanh(z))"),
    ("powers", "z = W x\nŷ = sum(z² + z³ − (1 + |z|)^0.3) / 1000 + sum(1/(1 + z²))"),
    ("truth", "z = W x\nŷ = sum((1 if z > 1 and not (z ≥ 20) else −1) + sign(z))"),
    ("cases", "z = W x\nŷ = sum(z if z < −2 or z = 0 else (2 z if z ≤ 3 else −z))"),
    ("differs", "z = W x\nŷ = sum(1[z ≠ 0]) + sum(max(z, 1) − min(z, 2))"),
    ("parts", "z = [x; W x; 2]\nŷ = z[1:2]ᵀ z[3:4] − z[5] + max(z) − min(z)"),
    ("outer", "z = W x\nA = z zᵀ\nŷ = sum(A) / 3 + max(A) + A[1,2] + Vᵀ[2] sum(A[2,:])"),
    ("size", "z = W x\nŷ = mean(z) + ‖z‖_1 + mean(z zᵀ)"),
    ("constant", "z = W x\nŷ = sum(V)/3 + sum([1; 2; 3] ⊙ z) + 0 x"),
];

#[test]
fn every_primitive_is_the_same_in_onnxruntime() {
    let folder = tempfile::tempdir().unwrap();
    let data = table(&[("x", 1, &[0.5, 1.0]), ("y", 1, &[1.0, 2.0])]).unwrap();
    let points = table(&[("x", 1, &points())]).unwrap();
    for (name, body) in PRIMITIVES {
        let t = trained(&network(body, "f32"), &data);
        put(folder.path(), name, &t, &points);
        let t = trained(&network(body, "f64"), &data);
        put(folder.path(), &format!("{name}_f64"), &t, &points);
    }
    judge(folder.path(), "1e-5", 2 * PRIMITIVES.len());
}

/// Rows of three numbers and what stands beside them.
fn rows(n: usize) -> Vec<f64> {
    let mut draw = Draw(11);
    (0..n * 3).map(|_| 3.0 * draw.value()).collect()
}

fn columns(all: &[f64]) -> [Vec<f64>; 3] {
    [0, 1, 2].map(|c| all.iter().skip(c).step_by(3).copied().collect())
}

const HEAD: &str = "input x : D\ntarget y : K {mark}\nparam W1 : H×D ~ he, b1 : H = 0\n\
                    param W2 : K×H ~ glorot, b2 : K = 0\nwhere H = 8\n";
const TAIL: &str =
    "\nminimize mean(L)\ntrain: adam(lr = 1e-2), batch 16, epochs 3, seed 1";

/// Networks of every kind of target and layer over three columns.
fn kinds() -> Vec<(&'static str, String)> {
    let of =
        |mark: &str, body: &str| format!("{}{body}{TAIL}", HEAD.replace("{mark}", mark));
    let classes = "L = cross_entropy(y, ŷ)";
    vec![
        (
            "norm",
            of(
                "one-hot",
                &format!(
                    "a = relu(batch_norm(W1 x + b1))\nd = dropout(a, 0.3)\n\
                     ŷ = softmax(W2 d + b2)\n{classes}"
                ),
            ),
        ),
        (
            "layer",
            of(
                "one-hot",
                &format!(
                    "a = gelu(layer_norm(W1 x + b1))\nŷ = softmax(W2 a + b2)\n{classes}"
                ),
            ),
        ),
        (
            "double",
            format!(
                "precision: f64\n{}",
                of(
                    "one-hot",
                    &format!("a = tanh(W1 x + b1)\nŷ = softmax(W2 a + b2)\n{classes}")
                )
            ),
        ),
        (
            "many",
            of("multi-hot", "a = silu(W1 x + b1)\nŷ = sigmoid(W2 a + b2)\nL = bce(y, ŷ)"),
        ),
        (
            "shares",
            of(
                "distribution",
                &format!("a = elu(W1 x + b1)\nŷ = softmax(W2 a + b2)\n{classes}"),
            ),
        ),
        ("numbers", of("", "a = mish(W1 x + b1)\nŷ = W2 a + b2\nL = mse(y, ŷ)")),
    ]
}

#[test]
fn every_kind_of_target_and_layer_is_the_same_in_onnxruntime() {
    let folder = tempfile::tempdir().unwrap();
    let x = rows(64);
    let [a, b, c] = columns(&x);
    for (name, text) in kinds() {
        let hot = |i: usize| match name {
            "many" => {
                [f64::from(a[i] > 0.0), f64::from(b[i] > 0.0), f64::from(c[i] > 0.0)]
            }
            "shares" => [0.25, 0.25, 0.5],
            "numbers" => [a[i], b[i] + c[i], a[i] * b[i]],
            _ => [0, 1, 2].map(|k| f64::from(u8::from(k == i % 3))),
        };
        let y: Vec<f64> = (0..64).flat_map(hot).collect();
        let data = table(&[("x", 3, &x), ("y", 3, &y)]).unwrap();
        let t = trained(&text, &data);
        put(folder.path(), name, &t, &table(&[("x", 3, &x)]).unwrap());
    }
    for layout in ["columns", "rows"] {
        let t = in_layout(layout);
        put(folder.path(), layout, &t, &table(&[("X", 3, &x)]).unwrap());
    }
    judge(folder.path(), "1e-5", 8);
}

/// Columns of every kind, two of them called like parts of the graph; rows with missing cells.
fn mixed(n: usize, unseen: bool) -> Source {
    let x = columns(&rows(n));
    let gap = |i: usize, every: usize| unseen && i.is_multiple_of(every);
    let word = |i: usize, all: &[&'static str]| all[i * 7 % all.len()];
    let number = |c: usize, every: usize| -> Vec<f64> {
        (0..n).map(|i| if gap(i, every) { f64::NAN } else { x[c][i] }).collect()
    };
    let city = (0..n).map(|i| match i {
        _ if i % 11 == 3 => None,
        _ if gap(i, 5) => Some("elsewhere"),
        _ => Some(word(i, &["Bern", "New York", "Ürümqi", "3"])),
    });
    let size =
        (0..n).map(|i| (i % 9 != 4).then(|| word(i, &["small", "medium", "large"])));
    let kind = |i: usize| if x[0][i] + x[1][i] > 0.0 { "yes" } else { "no" };
    let positive = (0..n).map(|i| 0.5 + x[2][i].abs()).collect();
    let class = (0..n).map(|i| (i % 3) as f64 * 1.5).collect();
    let flag = (0..n).map(|i| Some(word(i, &["off", "on"])));
    let all = vec![
        RawColumn::numbers("label", number(0, 4)),
        RawColumn::numbers("z", number(1, 6)),
        RawColumn::words("city", city),
        RawColumn::numbers("positive", positive),
        RawColumn::words("size", size),
        RawColumn::numbers("class", class),
        RawColumn::words("flag", flag),
        RawColumn::words("kind", (0..n).map(|i| Some(kind(i)))),
    ];
    Source::from_columns("mixed", all).unwrap()
}

const MIXED: &str = "input x : D\ninput c : C one-hot\ninput f : 1 binary\ntarget y : 1 binary\n\
                     param W : H×D ~ he, U : H×C ~ he, v : H ~ he, w : 1×H ~ he\nwhere H = 6\n\
                     z = tanh(W x + U c + v f)\nŷ = sigmoid(w z)\nL = bce(y, ŷ)\n\
                     minimize mean(L)\n\
                     data: mixed, x = label / 2 standardized, x = z city, \
                     x = positive log standardized, x = size standardized, c = class, f = flag, \
                     y = kind, ordinal size = small < medium < large\n\
                     train: adam(lr = 1e-2), batch 16, epochs 3, seed 1";

#[test]
fn raw_columns_of_every_kind_are_prepared_the_same_in_onnxruntime() {
    let folder = tempfile::tempdir().unwrap();
    let t = trained(MIXED, &mixed(64, false));
    put(folder.path(), "mixed", &t, &mixed(50, true));
    judge(folder.path(), "1e-5", 1);
}

/// The same network over a batch that is written as a matrix.
fn in_layout(layout: &str) -> Trained {
    let (shapes, lines) = match layout {
        "columns" => (
            "input X : D×m\ntarget Y : 1×m\nparam W1 : H×D ~ he, b1 : H = 0, w2 : 1×H ~ he",
            "A = tanh(W1 X + b1)\nP = w2 A",
        ),
        _ => (
            "input X : m×D\ntarget Y : m×1\nparam W1 : D×H ~ he, b1 : 1×H = 0, w2 : H×1 ~ he",
            "A = tanh(X W1 + b1)\nP = A w2",
        ),
    };
    let text = format!(
        "examples: {layout}\n{shapes}\nwhere H = 4\n{lines}\nJ = 1/m ‖P − Y‖²\n\
         minimize J\noutput: P\ntrain: sgd(lr = 1e-2), batch 8, epochs 2"
    );
    let x = rows(64);
    let y: Vec<f64> = x.chunks(3).map(|r| r[0] - r[2]).collect();
    trained(&text, &table(&[("X", 3, &x), ("Y", 1, &y)]).unwrap())
}

#[test]
fn every_format_gives_equal_bytes_for_equal_models() {
    let x = rows(64);
    let y: Vec<f64> = x.chunks(3).map(|r| r[0] * r[1]).collect();
    let data = table(&[("x", 3, &x), ("y", 1, &y)]).unwrap();
    let text = &kinds()[5].1;
    let (one, two) = (trained(text, &data), trained(text, &data));
    for f in FORMATS {
        let bytes = one.exported(f).unwrap();
        assert!(!bytes.is_empty());
        assert!(bytes == two.exported(f).unwrap(), "{}", f.name);
    }
}

/// The text of a `.chain` export.
fn chain(t: &Trained) -> String {
    String::from_utf8(t.exported(format("chain").unwrap()).unwrap()).unwrap()
}

#[test]
fn the_equations_with_their_values_predict_the_same() {
    for precision in ["f32", "f64"] {
        let text = format!(
            "# A comment stays.\nprecision: {precision}\ninput x : 3\ntarget y : 1\n\
             param W : H×3 ~ he, V : 1×H ~ he, c : 1\nwhere H = 9   # and this one\n\
             c := 2\nŷ = V tanh(W x) + c\nL = mse(y, ŷ)\nminimize mean(L)\n\
             train: adam(lr = 0.1), epochs 2"
        );
        let x = rows(16);
        let y: Vec<f64> = x.chunks(3).map(|r| r[0]).collect();
        let data = table(&[("x", 3, &x), ("y", 1, &y)]).unwrap();
        let options = chainrule::Options::default().set("H", 4).set("lr", 0.05);
        let model = Model::parse_with(&text, options).unwrap();
        let t = model.fit(&data, &mut |_| Control::Continue).unwrap();
        let out = chain(&t);
        assert!(out.starts_with("# A comment stays.\n"), "{out}");
        assert!(out.contains("where H = 4   # and this one"), "{out}");
        assert!(out.contains("lr = 0.05") && !out.contains("c := 2\n"), "{out}");
        let again = Model::parse(&out).unwrap();
        for tensor in t.tensors() {
            let value = again.module().symbol(&tensor.name).unwrap().value.clone();
            assert_eq!(value.unwrap().data.len(), tensor.numbers.len());
        }
    }
}

#[test]
fn what_a_format_cannot_hold_names_its_equation() {
    let (_, norm) = &kinds()[0];
    let x = rows(64);
    let y: Vec<f64> = (0..64)
        .flat_map(|i| [0, 1, 2].map(|k| f64::from(u8::from(k == i % 3))))
        .collect();
    let data = table(&[("x", 3, &x), ("y", 3, &y)]).unwrap();
    let refused = |t: &Trained, name: &str| {
        let said = t.exported(format(name).unwrap()).unwrap_err();
        assert!(matches!(said, Error::Refused(_)), "{said}");
        said.to_string()
    };
    let said = refused(&trained(norm, &data), "chain");
    assert!(said.contains("a uses batch_norm"), "{said}");

    let text = "examples: columns\ninput X : D×m\ntarget Y : 1×m\nparam w : 1×D ~ he\n\
                mu = 1/m sum(X)\nP = w X + mu\nJ = 1/m ‖P − Y‖²\nminimize J\noutput: P\n\
                train: sgd(lr = 1e-2), batch full, epochs 1";
    let y: Vec<f64> = x.chunks(3).map(|r| r[0]).collect();
    let t = trained(text, &table(&[("X", 3, &x), ("Y", 1, &y)]).unwrap());
    let said = refused(&t, "onnx");
    assert!(said.contains("the equation of mu") && said.contains("rows"), "{said}");
}

#[test]
fn a_failed_export_leaves_the_old_file() {
    let x = rows(8);
    let y: Vec<f64> = x.chunks(3).map(|r| r[0]).collect();
    let data = table(&[("x", 3, &x), ("y", 1, &y)]).unwrap();
    let t = trained(&kinds()[5].1, &data);
    let folder = tempfile::tempdir().unwrap();
    let said = t.export(&FORMATS[0], folder.path().join("none/m")).unwrap_err();
    assert_eq!(said.exit_status(), 3);
    let path = folder.path().join("m");
    t.export(&FORMATS[0], &path).unwrap();
    t.export(&FORMATS[2], &path).unwrap();
    assert!(std::fs::read(&path).unwrap().starts_with(b"parameter,row,column,value\n"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
