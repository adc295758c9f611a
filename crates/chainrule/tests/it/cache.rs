//! Data on disk: a run through a cache is a run in memory, bit for bit, as far as the window goes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chainrule::data::{Caching, Data, Part, Window};
use chainrule::runs::{Place, Recording, Run, rerun};
use chainrule::train::{Control, Event};
use chainrule::{Error, Evaluation, Model, Options, limits};
use tempfile::TempDir;

use crate::common::Draw;

pub(crate) const NET: &str = "input x : D\ntarget y : K one-hot\nparam W1 : H×D ~ he, b1 : H = 0\n\
     param W2 : K×H ~ glorot, b2 : K = 0\nwhere H = 6\na1 = dropout(relu(W1 x + b1), 0.2)\n\
     ŷ = softmax(W2 a1 + b2)\nL = cross_entropy(y, ŷ)\nminimize mean(L)\n";
const LINE: &str = "t.csv, x = * -id -w standardized, y = kind";
pub(crate) const TRAIN: &str = "adam(lr = 0.01), batch 7, epochs 3, seed 3, keep best";

/// A folder with a file of equations and its data.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn new(net: &str, data: &str, train: &str) -> Self {
        let project = Self { folder: TempDir::new().unwrap() };
        project.put("t.csv", table(400, 5));
        project.put("later.csv", table(90, 6));
        project.put("t.chain", format!("{net}data: {data}\ntrain: {train}\n"));
        project
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.at(name), content).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn model(&self) -> Model {
        Model::from_file(self.at("t.chain"), Options::default()).unwrap()
    }

    /// A cache of small blocks, so that a few hundred rows are many.
    pub(crate) fn caching(&self, window: Window) -> Caching {
        Caching { window, block: 300, ..Caching::new(self.at("cache")) }
    }

    pub(crate) fn open(&self, caching: &Caching) -> (Vec<String>, Result<Data, Error>) {
        let mut said = Vec::new();
        let mut say = |words: &str| said.push(words.to_owned());
        let data = self.model().open_data(Some(caching), &mut say);
        (said, data)
    }

    /// The only cache that was made.
    fn cache(&self) -> PathBuf {
        let mut all: Vec<PathBuf> =
            fs::read_dir(self.at("cache")).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// Trains; the model file, the epochs without seconds, the figures of all parts.
    pub(crate) fn run(&self, caching: Option<&Caching>) -> Result<Left, Error> {
        let model = self.model();
        let data = model.open_data(caching, &mut |_| {})?;
        let parts = data.parts();
        let root = self.at("runs");
        let place = Place { root: &root, stem: "t", file: Some("t.chain") };
        let done =
            Recording::start(&model, parts, place)?.complete(None, &mut |_| go())?;
        let (bytes, epochs) = left(&done.folder);
        let report = parts.reports().flat_map(|report| report.lines()).collect();
        Ok(Left { bytes, epochs, report, parts: done.summary.parts })
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Left {
    pub(crate) bytes: Vec<u8>,
    pub(crate) epochs: String,
    report: Vec<String>,
    pub(crate) parts: Vec<(String, Evaluation)>,
}

fn go() -> Control {
    Control::Continue
}

/// The bytes of the model beside a run folder, and the table without its seconds.
fn left(path: &Path) -> (Vec<u8>, String) {
    let model = fs::read(path.with_extension("safetensors")).unwrap();
    let table = fs::read_to_string(path.join("epochs.csv")).unwrap();
    let cut = |line: &str| line.rsplit_once(',').unwrap().0.to_owned() + "\n";
    (model, table.lines().map(cut).collect())
}

/// Numbers, words, missing cells of both and of the target, quotes, blank lines, a column of words
/// that begins with numbers.
fn table(rows: usize, seed: u64) -> String {
    let mut text = "a,b,c,city,grade,kind,w,id\n".to_owned();
    let mut draw = Draw(seed);
    for i in 0..rows {
        let (a, b) = (draw.value(), draw.value());
        let kind = ["up", "down", "side"][(a + b > 0.0) as usize + (i % 9 == 0) as usize];
        let city = ["Oslo", "\"Rio, Brazil\"", "", "x \"\"y", "NA"][i % 5];
        let grade = ["low", "mid", "high"][i % 3];
        let code = if i < 150 { (i % 4).to_string() } else { format!("n{}", i % 4) };
        let kind = if i % 50 == 49 { "" } else { kind };
        let b = if i % 11 == 3 { String::new() } else { b.to_string() };
        let w = 0.5 + (i % 4) as f64;
        text.push_str(&format!("{a},{b},{code},{city},{grade},{kind},{w},row {i}\n"));
        text.push_str(if i % 40 == 0 { "\n  \n" } else { "" });
    }
    text
}

/// Runs in memory and through a cache whose window holds all rows.
pub(crate) fn equal(project: &Project) {
    let memory = project.run(None).unwrap();
    let disk = project.run(Some(&project.caching(Window::Rows(1_000_000)))).unwrap();
    assert_eq!(memory.report, disk.report);
    assert_eq!(memory.epochs, disk.epochs);
    assert_eq!(memory.parts, disk.parts);
    assert!(memory.bytes == disk.bytes, "the model files differ");
}

#[test]
fn a_window_that_holds_all_rows_gives_the_bits_of_a_run_in_memory() {
    let lines = [
        format!("{LINE}, hold out 20 % stratified, ordinal grade = low < mid < high"),
        format!("{LINE}, hold out 30 %, balanced, weight w"),
        format!("{LINE}, hold out 10 % last, test later.csv"),
        format!("{LINE}, validate later.csv, test later.csv, weight 7"),
        "t.csv, x = a b / 3 standardized, y = kind".to_owned(),
    ];
    for line in lines {
        equal(&Project::new(NET, &line, TRAIN));
        equal(&Project::new(NET, &line, "sgd, batch full, epochs 3, precision f64"));
    }
}

#[test]
fn numbers_and_labels_are_measured_on_disk_as_in_memory() {
    let head = "input x : D\nparam W1 : K×D ~ glorot, b1 : K = 0\n";
    let numbers = "target y : K\nŷ = W1 x + b1\nL = half_mse(y, ŷ)\nminimize mean(L)\n";
    let yes_or_no = "target y : K binary\nŷ = sigmoid(W1 x + b1)\n\
                     L = binary_cross_entropy(y, ŷ)\nminimize mean(L)\n";
    let line = "t.csv, x = a city, y = b w standardized, hold out 20 %";
    let project = Project::new(&format!("{head}{numbers}"), line, TRAIN);
    project.put("t.csv", table(300, 2).replace(",,", ",0.25,"));
    equal(&project);
    let project = Project::new(
        &format!("{head}{yes_or_no}"),
        "t.csv, x = a b, y = city, hold out 20 %, weight w",
        TRAIN,
    );
    project.put("t.csv", table(300, 2).replace("\"Rio, Brazil\"", "Oslo"));
    equal(&project);
}

#[test]
fn packed_text_arrays_and_files_side_by_side_are_read_alike() {
    let project = Project::new(NET, &LINE.replace("t.csv", "t.csv.gz"), TRAIN);
    let mut packed =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(table(400, 5).as_bytes()).unwrap();
    project.put("t.csv.gz", packed.finish().unwrap());
    equal(&project);
    for fortran in [false, true] {
        let line = "x.npy + k.npy, x = x* standardized, y = k, hold out 20 %";
        let project = Project::new(NET, line, TRAIN);
        project.put("x.npy", array(300, 3, fortran));
        project.put("k.npy", labels(300));
        equal(&project);
    }
}

/// An array of f64, row by row or column by column.
fn array(rows: usize, columns: usize, fortran: bool) -> Vec<u8> {
    let value = |r: usize, c: usize| ((r * 7 + c * 3) % 23) as f64 / 7.0 - 1.0;
    let entry = |i: usize| match fortran {
        true => value(i % rows, i / rows),
        false => value(i / columns, i % columns),
    };
    let order = if fortran { "True" } else { "False" };
    let data = (0..rows * columns).flat_map(|i| entry(i).to_le_bytes());
    npy("<f8", order, &format!("({rows}, {columns})"), data.collect())
}

fn labels(rows: usize) -> Vec<u8> {
    let data = (0..rows).map(|r| (r * r % 3) as u8).collect();
    npy("|u1", "False", &format!("({rows},)"), data)
}

fn npy(kind: &str, fortran: &str, shape: &str, data: Vec<u8>) -> Vec<u8> {
    let head = format!(
        "{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"
    );
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.into_bytes());
    file.extend(data);
    file
}

#[test]
fn a_smaller_window_is_another_order_of_the_same_rows_and_always_the_same() {
    let project = Project::new(NET, &format!("{LINE}, hold out 20 %"), TRAIN);
    let memory = project.run(None).unwrap();
    let small = project.caching(Window::Rows(60));
    let first = project.run(Some(&small)).unwrap();
    assert_ne!(memory.bytes, first.bytes);
    let again = project.run(Some(&small)).unwrap();
    assert_eq!(first, again);
    // Batches larger than the window, too: rows of several windows make one.
    let tiny = project.caching(Window::Rows(1));
    assert_eq!(project.run(Some(&tiny)).unwrap(), project.run(Some(&tiny)).unwrap());
    let (_, data) = project.open(&tiny);
    let data = data.unwrap();
    let Part::Disk(train) = data.parts().train else { panic!("on disk") };
    assert!(train.block_rows() < 7 && train.window() == 1, "{}", train.block_rows());
}

/// Answers the batch of this step with a stop.
fn stop_at(step: u64) -> impl FnMut(&Event) -> Control {
    move |event| match event {
        Event::Batch(b) if b.step == step => Control::Stop,
        _ => Control::Continue,
    }
}

/// Goes on, with the cache that the run knows.
fn go_on(path: &Path, on_event: &mut dyn FnMut(&Event) -> Control) -> Result<(), Error> {
    let run = Run::open(path)?;
    let model = run.model(Options::default())?;
    run.unchanged()?;
    let data = model.open_data(run.caching()?.as_ref(), &mut |_| {})?;
    let recording = Recording::go_on(&run, &model, data.parts(), &mut |_| {})?;
    recording.complete(None, on_event).map(|_| ())
}

fn begin(project: &Project, root: &str, window: Window, stop: u64) -> PathBuf {
    let model = project.model();
    let (_, data) = project.open(&project.caching(window));
    let (data, root) = (data.unwrap(), project.at(root));
    let place = Place { root: &root, stem: "t", file: Some("t.chain") };
    let recording = Recording::start(&model, data.parts(), place).unwrap();
    recording.complete(None, &mut stop_at(stop)).unwrap().folder
}

#[test]
fn a_run_that_stops_in_the_middle_of_an_epoch_goes_on_to_the_same_bits() {
    let project = Project::new(NET, &format!("{LINE}, hold out 20 %"), TRAIN);
    for (i, window) in [Window::Rows(60), Window::Rows(2), Window::Bytes(1 << 20)]
        .into_iter()
        .enumerate()
    {
        let whole = begin(&project, &format!("whole{i}"), window, u64::MAX);
        let steps = Run::open(&whole).unwrap().end().unwrap().steps;
        for stop in [1, 17, 44, 45, 46, steps - 1] {
            let path = begin(&project, &format!("pieces{i}-{stop}"), window, stop);
            go_on(&path, &mut stop_at(stop + 13)).unwrap();
            if stop + 13 < steps {
                // The cache is gone: it is made anew, and nothing is different.
                fs::remove_file(project.cache()).unwrap();
                go_on(&path, &mut |_| go()).unwrap();
            }
            assert!(left(&path) == left(&whole), "{window:?}, stopped at {stop}");
        }
        let run = Run::open(&whole).unwrap();
        let model = run.model(Options::default()).unwrap();
        let data = model.open_data(run.caching().unwrap().as_ref(), &mut |_| {});
        let data = data.unwrap();
        assert!(rerun(&run, &model, data.parts(), &mut |_| go()).unwrap().equal);
    }
}

#[test]
fn data_that_has_changed_is_refused_by_a_run_and_read_anew_by_a_new_one() {
    let project = Project::new(NET, LINE, TRAIN);
    let path = begin(&project, "runs", Window::Rows(50), 5);
    let caching = project.caching(Window::Rows(50));
    let (said, _) = project.open(&caching);
    assert!(said[0].contains("used again"), "{said:?}");
    // Touched, with the same bytes: the same data.
    project.put("t.csv", table(400, 5));
    assert!(project.open(&caching).0[0].contains("used again"));
    project.put("t.csv", table(400, 5).replacen("Oslo", "Bonn", 1));
    let error = go_on(&path, &mut |_| go()).unwrap_err();
    assert!(error.to_string().contains("t.csv: expected the data"), "{error}");
    assert_eq!(error.exit_status(), 2);
    let (said, data) = project.open(&caching);
    assert!(said[0].contains("t.csv has changed since"), "{said:?}");
    assert!(data.unwrap().parts().report.lines()[0].contains("400 rows"));
    project.cache();
}

#[test]
fn a_cache_that_is_cut_or_altered_is_made_anew() {
    let project = Project::new(NET, &format!("{LINE}, hold out 20 %"), TRAIN);
    let caching = project.caching(Window::Rows(60));
    let whole = project.run(Some(&caching)).unwrap();
    let bytes = fs::read(project.cache()).unwrap();
    for turn in 0..40 {
        let mut bad = bytes.clone();
        let at = (turn * 7919 + 13) % bad.len();
        match turn % 2 {
            0 => bad.truncate(at),
            _ => bad[at] ^= 1 << (turn % 8),
        }
        fs::write(project.cache(), bad).unwrap();
        let (said, data) = project.open(&caching);
        assert!(said[0].contains("made anew"), "{at}: {said:?}");
        assert!(data.is_ok());
        assert!(fs::read(project.cache()).unwrap().len() > 1000);
    }
    assert_eq!(project.run(Some(&caching)).unwrap(), whole);
}

#[test]
fn a_cache_that_breaks_under_a_run_stops_it_and_loses_nothing() {
    let project = Project::new(NET, &format!("{LINE}, hold out 20 %"), TRAIN);
    let whole = begin(&project, "whole", Window::Rows(40), u64::MAX);
    let model = project.model();
    let (_, data) = project.open(&project.caching(Window::Rows(40)));
    let (data, root) = (data.unwrap(), project.at("broken"));
    let place = Place { root: &root, stem: "t", file: Some("t.chain") };
    let mut recording = Recording::start(&model, data.parts(), place).unwrap();
    let path = recording.folder().path().to_owned();
    let cache = project.cache();
    let mut breaks = |event: &Event| {
        if matches!(event, Event::Batch(b) if b.step == 20) {
            let mut bytes = fs::read(&cache).unwrap();
            let end = bytes.len() / 2;
            bytes[16..end].fill(0);
            fs::write(&cache, bytes).unwrap();
        }
        Control::Continue
    };
    let error = recording.train(&mut breaks).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("is not what was written"), "{error}");
    drop(recording);
    go_on(&path, &mut |_| go()).unwrap();
    assert!(left(&path) == left(&whole));
}

#[test]
fn what_does_not_fit_is_refused_as_in_memory_and_leaves_nothing() {
    let cases = [
        ("t.csv", "a,b\n1,2\n3\n", "expected 2 fields, found 1"),
        ("t.csv", "a,b\n1,2\n3,\"x\n", "a quote opens here and is never closed"),
        ("t.csv", "a,b\n", "no rows below the header"),
        ("t.csv", "", "the file is empty"),
        ("t.csv", "a,a\n1,2\n", "two columns are called `a`"),
        ("t.csv", "a,b\n1,up\nx,down\n2,up\n", "expected a number, found `x`"),
        ("t.csv", "a,b\n1,up\n", "expected at least 2 rows"),
        ("t.csv", "a,b\n1,\n2,\n", "misses a target"),
        ("t.csv", "a;b\n1;2\n", "separator \";\""),
    ];
    for (name, text, wanted) in cases {
        let line = "t.csv, x = a / standardized, y = b";
        let project = Project::new(NET, line, TRAIN);
        project.put(name, text);
        let memory = project.model().load_data().unwrap_err().to_string();
        let (_, data) = project.open(&project.caching(Window::Rows(9)));
        let disk = data.unwrap_err().to_string();
        assert!(disk.contains(wanted), "{disk}");
        assert_eq!(memory, disk);
        let left = fs::read_dir(project.at("cache")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{text}");
    }
    let project = Project::new(NET, LINE, TRAIN);
    project.put("cache", "a file in the way");
    let (_, data) = project.open(&project.caching(Window::Rows(9)));
    assert_eq!(data.unwrap_err().exit_status(), 3);
}

#[test]
fn words_and_lines_without_end_are_refused_at_their_limits() {
    let project = Project::new(NET, "t.csv, x = a, y = kind", TRAIN);
    let words = |n: usize| {
        let rows = (0..n).map(|i| format!("w{i},{}\n", i % 2));
        format!("a,kind\n{}", rows.collect::<String>())
    };
    project.put("t.csv", words(limits::WORDS + 1));
    let caching = project.caching(Window::Rows(9));
    let said = project.open(&caching).1.unwrap_err().to_string();
    assert!(said.contains(&limits::WORDS.to_string()), "{said}");
    assert!(said.contains("column a") && said.contains("`-a`"), "{said}");
    // What nobody asks for may have as many as it likes.
    let other = Project::new(NET, "t.csv, x = kind, y = kind", TRAIN);
    other.put("t.csv", words(limits::WORDS + 1));
    assert!(other.open(&other.caching(Window::Rows(9))).1.is_ok());
    let mut open = b"a,kind\n1,0\n\"".to_vec();
    open.resize(limits::LINE + 100, b'x');
    open.extend(b"\n");
    open.resize(2 * limits::LINE + 100, b'y');
    project.put("t.csv", open);
    let said = project.open(&caching).1.unwrap_err().to_string();
    assert!(said.contains(&limits::LINE.to_string()), "{said}");
    assert!(said.contains("line 3"), "{said}");
}
