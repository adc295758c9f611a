//! Nothing is lost: a run in pieces ends with the bits of a run in one, whatever happened between.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use chainrule::runs::{Place, Recording, Run, rerun};
use chainrule::train::{Control, Event, Why};
use chainrule::{Error, Model, Options, Trained, store};
use tempfile::TempDir;

use crate::common::Draw;

/// A network of each kind of state: dropout, batch_norm, optimisers, controllers, number types.
const NETWORKS: [(&str, &str); 8] = [
    ("dropout(relu(W1 x + b1), 0.3)", "adam(lr = 0.01), batch 7, epochs 4, keep best"),
    ("relu(batch_norm(W1 x + b1))", "momentum(lr = 0.05), batch 7, epochs 4, clip 0.1"),
    ("tanh(W1 x + b1)", "rmsprop(lr = 0.01), batch 8, epochs 4, precision f64"),
    (
        "dropout(tanh(batch_norm(W1 x + b1)), 0.2)",
        "adamw(lr = 0.02), batch 9, epochs 6, plateau(factor = 0.5, patience = 1)",
    ),
    ("relu(W1 x + b1)", "sgd(lr = 3), batch 7, epochs 12, patience 2, keep best"),
    ("tanh(W1 x + b1)", "adam(lr = cosine(0.05)), batch full, epochs 9"),
    ("relu(batch_norm(W1 x + b1))", "nesterov(lr = 0.05), batch 1, epochs 2, keep best"),
    (
        "dropout(batch_norm(W1 x + b1), 0.5)",
        "adagrad(lr = 0.1), batch 11, epochs 5, precision f64, patience 1, clip 1",
    ),
];

/// A folder with a file of equations and its data.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new(layer: &str, train: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let mut table = "a,b,kind\n".to_owned();
        let mut draw = Draw(5);
        for _ in 0..60 {
            let (a, b) = (draw.value(), draw.value());
            let kind = if a + 0.5 * b + 0.2 * draw.value() > 0.0 { "up" } else { "down" };
            table.push_str(&format!("{a},{b},{kind}\n"));
        }
        fs::write(folder.path().join("t.csv"), table).unwrap();
        let text = format!(
            "input x : D\ntarget y : K one-hot\nparam W1 : H×D ~ he, b1 : H = 0\n\
             param W2 : K×H ~ glorot, b2 : K = 0\nwhere H = 6\na1 = {layer}\n\
             ŷ = softmax(W2 a1 + b2)\nL = cross_entropy(y, ŷ)\nminimize mean(L)\n\
             data: t.csv, x = a b standardized, y = kind, hold out 20 % stratified\n\
             train: {train}, seed 3\n"
        );
        fs::write(folder.path().join("t.chain"), text).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn model(&self, options: Options) -> Model {
        Model::from_file(self.at("t.chain"), options).unwrap()
    }

    /// Trains into `root` until the events are answered with a stop.
    fn train(
        &self,
        root: &str,
        options: Options,
        on_event: &mut dyn FnMut(&Event) -> Control,
    ) -> Result<PathBuf, Error> {
        let model = self.model(options);
        let data = model.load_data()?;
        let root = self.at(root);
        let place = Place { root: &root, stem: "t", file: Some("t.chain") };
        let done = Recording::start(&model, &data, place)?.complete(None, on_event)?;
        Ok(done.folder)
    }

    /// The run never stopped: its folder, and the steps it took.
    fn whole(&self) -> (PathBuf, u64) {
        let path = self.train("whole", Options::default(), &mut quiet).unwrap();
        let steps = Run::open(&path).unwrap().end().unwrap().steps;
        (path, steps)
    }
}

fn quiet(_: &Event) -> Control {
    Control::Continue
}

/// Answers the batch of this step with a stop.
fn stop_at(step: u64) -> impl FnMut(&Event) -> Control {
    move |event| match event {
        Event::Batch(b) if b.step == step => Control::Stop,
        _ => Control::Continue,
    }
}

/// Goes on; what was said, and the error if there is one.
fn go_on(
    path: &Path,
    options: Options,
    on_event: &mut dyn FnMut(&Event) -> Control,
) -> (Vec<String>, Result<(), Error>) {
    let mut said = Vec::new();
    let all = || {
        let run = Run::open(path)?;
        let model = run.model(options)?;
        run.unchanged()?;
        let data = model.load_data()?;
        let mut say = |words: &str| said.push(words.to_owned());
        let recording = Recording::go_on(&run, &model, &data, &mut say)?;
        recording.complete(None, on_event).map(|_| ())
    };
    let done = all();
    (said, done)
}

/// The bytes of the model beside a run folder, and the table without its seconds.
fn left(path: &Path) -> (Vec<u8>, String) {
    let model = fs::read(path.with_extension("safetensors")).unwrap();
    let table = fs::read_to_string(path.join("epochs.csv")).unwrap();
    let cut = |line: &str| line.rsplit_once(',').unwrap().0.to_owned() + "\n";
    (model, table.lines().map(cut).collect())
}

fn checkpoints(path: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
    let is_one =
        |p: &PathBuf| p.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-");
    let mut all: Vec<PathBuf> = all.filter(is_one).collect();
    all.sort_by_key(|p| {
        let name = p.file_stem().unwrap().to_str().unwrap();
        name["checkpoint-".len()..].parse::<u64>().unwrap()
    });
    all
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn interrupted_runs_end_with_the_bits_of_the_whole() {
    let mut draw = Draw(11);
    for (n, (layer, train)) in NETWORKS.iter().enumerate() {
        let project = Project::new(layer, train);
        let (whole, steps) = project.whole();
        for k in 0..5 {
            let root = format!("pieces{k}");
            let first = 1 + draw.next() % steps;
            let then = first + 1 + draw.next() % steps;
            let at = project.train(&root, Options::default(), &mut stop_at(first));
            let at = at.unwrap();
            // Another number of threads on the way changes nothing.
            let threads = 1 + draw.below(3);
            let two = Options::default().threads(threads);
            go_on(&at, two, &mut stop_at(then)).1.unwrap();
            let end = Run::open(&at).unwrap();
            if end.over().is_none() {
                go_on(&at, Options::default(), &mut quiet).1.unwrap();
            }
            let same = left(&at) == left(&whole);
            assert!(same, "network {n}, stopped at {first} and {then} of {steps}");
        }
    }
}

#[test]
fn a_run_killed_at_any_step_ends_with_the_bits_of_the_whole() {
    let mut draw = Draw(23);
    for (n, (layer, train)) in NETWORKS.iter().enumerate() {
        let project = Project::new(layer, train);
        let (whole, steps) = project.whole();
        for k in 0..3 {
            let (step, every) = (1 + draw.next() % steps, 1 + draw.next() % 6);
            let pace = format!("{every} steps");
            let options = Options::default()
                .checkpoint(chainrule::graph::syntax::ast::Every::read(&pace).unwrap());
            // What a kill would leave is what is there at that moment.
            let killed = project.at(&format!("killed{k}/t-1"));
            let from = project.at(&format!("runs{k}/t-1"));
            let mut at_that_moment = |event: &Event| {
                if matches!(event, Event::Batch(b) if b.step == step) {
                    copy(&from, &killed);
                }
                Control::Continue
            };
            project.train(&format!("runs{k}"), options, &mut at_that_moment).unwrap();
            let (said, done) = go_on(&killed, Options::default(), &mut quiet);
            done.unwrap();
            let over = step <= every;
            assert_eq!(said[0].contains("starting over"), over, "{said:?}");
            assert!(left(&killed) == left(&whole), "network {n}, killed at {step}");
        }
    }
}

/// Runs a project until step 12 with checkpoints at 5 and 10, and 12 from the stop.
fn stopped() -> (Project, PathBuf) {
    let project = Project::new(NETWORKS[0].0, NETWORKS[0].1);
    let every = chainrule::graph::syntax::ast::Every::Steps(5);
    let options = Options::default().checkpoint(every);
    let at = project.train("runs", options, &mut stop_at(12)).unwrap();
    (project, at)
}

#[test]
fn a_damaged_checkpoint_is_passed_over_aloud() {
    let (project, at) = stopped();
    let (whole, _) = project.whole();
    let all = checkpoints(&at);
    assert_eq!(all.len(), 2, "{all:?}");
    let mut bytes = fs::read(&all[1]).unwrap();
    let mut draw = Draw(3);
    for turn in 0..12 {
        let kept = project.at(&format!("again{turn}/t-1"));
        copy(&at, &kept);
        let bad = checkpoints(&kept).pop().unwrap();
        let bit = draw.below(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&bad, &bytes[..if turn % 2 == 0 { bytes.len() } else { bit / 8 }])
            .unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (said, done) = go_on(&kept, Options::default(), &mut quiet);
        done.unwrap();
        assert!(said[0].contains("passed over") && said[0].contains("checkpoint-12"));
        assert!(said[1].contains("going on after step 10"), "{said:?}");
        assert!(left(&kept) == left(&whole), "turn {turn}");
    }
    for path in &all {
        fs::write(path, "nothing").unwrap();
    }
    let error = go_on(&at, Options::default(), &mut quiet).1.unwrap_err();
    assert_eq!(error.exit_status(), 2);
    assert!(error.to_string().contains("none of its checkpoints"), "{error}");
}

#[test]
fn what_has_changed_is_refused_by_name() {
    let (project, at) = stopped();
    let refused = |name: &str, says: &str| {
        let error = go_on(&at, Options::default(), &mut quiet).1.expect_err(name);
        assert_eq!(error.exit_status(), 2, "{error}");
        let error = error.to_string();
        assert!(error.contains(name) && error.contains(says), "{error}");
    };
    for name in ["t.csv", "t.chain", "runs/t-1/equations.chain"] {
        let path = project.at(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.clone() + "\n").unwrap();
        refused(name.rsplit('/').next().unwrap(), "expected");
        fs::write(&path, text).unwrap();
    }
    let settings = at.join("settings.json");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("\"set\": []", "\"set\": [[\"H\", \"7\"]]"))
        .unwrap();
    refused("checkpoint-12", "settings");
    fs::write(&settings, &text).unwrap();
    fs::remove_file(project.at("t.csv")).unwrap();
    refused("t.csv", "cannot read");
}

#[test]
fn a_project_can_be_moved_as_a_whole() {
    let (project, at) = stopped();
    let (whole, _) = project.whole();
    let want = left(&whole);
    let moved = project.at("moved");
    fs::create_dir(&moved).unwrap();
    for name in ["t.csv", "t.chain", "runs"] {
        fs::rename(project.at(name), moved.join(name)).unwrap();
    }
    assert!(!at.exists());
    let at = moved.join("runs/t-1");
    go_on(&at, Options::default(), &mut quiet).1.unwrap();
    assert!(left(&at) == want);
}

#[test]
fn more_epochs_go_on_where_they_mean_the_same() {
    let project = Project::new("tanh(W1 x + b1)", "adam(lr = 0.01), batch 7, epochs 3");
    let (at, _) = project.whole();
    let fifty = || Options::default().set("epochs", 5);
    go_on(&at, fifty(), &mut quiet).1.unwrap();
    let want = project.train("five", fifty(), &mut quiet).unwrap();
    assert!(left(&at) == left(&want));
    let fewer = go_on(&at, Options::default().set("epochs", 4), &mut quiet).1;
    assert!(fewer.unwrap_err().to_string().contains("5 epochs are done already"));
    // A rate that depends on the number of all steps; a run that patience has ended.
    for (train, says) in [
        ("adam(lr = cosine(0.05)), batch 7, epochs 3", "depends on T"),
        ("sgd(lr = 100), batch 7, epochs 30, patience 1", "another reason"),
    ] {
        let project = Project::new("tanh(W1 x + b1)", train);
        let (at, _) = project.whole();
        let error = go_on(&at, Options::default().set("epochs", 60), &mut quiet).1;
        let error = error.expect_err(train).to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn one_process_at_a_time_works_on_a_run() {
    let project = Project::new(NETWORKS[0].0, NETWORKS[0].1);
    let said = Cell::new(None);
    let at = project.at("runs/t-1");
    let mut meanwhile = |event: &Event| {
        if matches!(event, Event::Batch(b) if b.step == 3) {
            said.set(go_on(&at, Options::default(), &mut quiet).1.err());
        }
        Control::Continue
    };
    project.train("runs", Options::default(), &mut meanwhile).unwrap();
    let error = said.take().expect("an error").to_string();
    assert!(error.contains("another process"), "{error}");
}

#[test]
fn a_run_done_again_is_equal_or_says_where_it_is_not() {
    let (project, at) = stopped();
    let again = |path: &Path| {
        let run = Run::open(path).unwrap();
        let model = run.model(Options::default()).unwrap();
        let data = model.load_data().unwrap();
        rerun(&run, &model, &data, &mut quiet)
    };
    let before = left(&at);
    let same = again(&at).unwrap();
    assert!(same.equal && same.notes.is_empty(), "a stopped run: {same:?}");
    let (whole, _) = project.whole();
    assert!(again(&whole).unwrap().equal);
    assert!(left(&at) == before, "nothing is written");
    // The model of another run in its place.
    fs::copy(whole.with_extension("safetensors"), at.with_extension("safetensors"))
        .unwrap();
    let other = again(&at).unwrap();
    assert!(!other.equal && other.history.is_empty(), "{other:?}");
    assert!(
        other.model.iter().any(|d| d.starts_with("W1: 12 of 12 numbers")),
        "{other:?}"
    );
    assert!(other.model.contains(&"end: another".to_owned()), "{other:?}");
    // Another figure in the table.
    let table = whole.join("epochs.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("\n2,14,0.", "\n2,14,1.")).unwrap();
    let other = again(&whole).unwrap();
    assert!(other.model.is_empty(), "{other:?}");
    assert!(other.history[0].contains("train_objective: from epoch 2"), "{other:?}");
    fs::remove_file(at.join("summary.json")).unwrap();
    assert!(again(&at).unwrap_err().to_string().contains("has not ended"));
}

#[test]
fn a_checkpoint_is_no_model() {
    let (_project, at) = stopped();
    let error = Trained::load(&checkpoints(&at)[0]).unwrap_err();
    assert!(error.to_string().contains("found a checkpoint"), "{error}");
}

#[test]
fn two_thousand_damaged_files_are_refused() {
    let (_project, at) = stopped();
    let mut draw = Draw(77);
    for file in [checkpoints(&at).pop().unwrap(), at.with_extension("safetensors")] {
        let whole = fs::read(&file).unwrap();
        assert!(store::decode(&whole, &file).is_ok());
        for turn in 0..1000 {
            let mut bad = whole.clone();
            let place = draw.below(whole.len());
            match turn % 4 {
                0 => bad.truncate(place),
                1 => bad.extend_from_slice(&whole[..place.max(1)]),
                2 => bad[place] ^= 1 << draw.below(8),
                _ => bad[place..].fill(0xa5),
            }
            if bad == whole {
                continue;
            }
            let error = store::decode(&bad, &file).expect_err("a damaged file");
            assert!(matches!(error, Error::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        }
    }
}

#[test]
fn the_threads_change_no_bit_of_five_networks_and_three_optimisers() {
    for optimiser in ["adam(lr = 0.01)", "momentum(lr = 0.05)", "rmsprop(lr = 0.01)"] {
        for layer in [
            "dropout(relu(W1 x + b1), 0.3)",
            "relu(batch_norm(W1 x + b1))",
            "tanh(W1 x + b1)",
            "dropout(silu(batch_norm(W1 x + b1)), 0.2)",
            "layer_norm(gelu(W1 x + b1))",
        ] {
            let project =
                Project::new(layer, &format!("{optimiser}, batch 17, epochs 3, clip 1"));
            let tensors = |threads: usize| {
                // Wide enough that the work is dealt to all of them.
                let options = Options::default().set("H", 300).threads(threads);
                let trained = project.model(options).fit_files(&mut quiet).unwrap();
                trained.tensors().to_vec()
            };
            let one = tensors(1);
            for threads in [2, 3, 8] {
                assert!(tensors(threads) == one, "{layer}, {optimiser}, {threads}");
            }
        }
    }
}

#[test]
fn a_run_that_turns_non_finite_does_so_in_pieces_too() {
    let project =
        Project::new("exp(W1 x + b1)", "sgd(lr = 0.01 · 1.2^t), batch 7, epochs 40");
    let (whole, steps) = project.whole();
    let run = Run::open(&whole).unwrap();
    assert!(matches!(run.end().unwrap().why, Why::NotFinite { .. }), "{:?}", run.end());
    for (k, back) in [1, 3, 9, 17].into_iter().enumerate() {
        let mut stop = stop_at(steps.checked_sub(back).expect("some finite steps"));
        let at = project.train(&format!("r{k}"), Options::default(), &mut stop).unwrap();
        go_on(&at, Options::default(), &mut quiet).1.unwrap();
        assert!(left(&at) == left(&whole), "stopped {back} steps before");
    }
}

#[test]
fn a_stop_after_counts_the_time_of_all_pieces() {
    let project = Project::new(
        "tanh(W1 x + b1)",
        "adam, batch 7, epochs 1000000, stop after 0.4 s, checkpoint every 10 s",
    );
    let begun = std::time::Instant::now();
    let half = |_: &Event| match begun.elapsed().as_secs_f64() > 0.2 {
        true => Control::Stop,
        false => Control::Continue,
    };
    let at = project.train("runs", Options::default(), &mut { half }).unwrap();
    let before = Run::open(&at).unwrap().end().unwrap().clone();
    assert_eq!(before.why, Why::Interrupted);
    go_on(&at, Options::default(), &mut quiet).1.unwrap();
    let run = Run::open(&at).unwrap();
    let end = run.end().unwrap();
    assert_eq!(end.why, Why::Time);
    assert!(end.seconds >= 0.4 && end.steps > before.steps, "{end:?}");
    // Ended by a clock, and repeated by the step.
    let model = run.model(Options::default()).unwrap();
    let data = model.load_data().unwrap();
    assert!(rerun(&run, &model, &data, &mut quiet).unwrap().equal);
}
