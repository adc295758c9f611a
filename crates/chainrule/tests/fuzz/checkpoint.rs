//! Target `checkpoint`: a run goes on from a checkpoint whose checksum fits and whose content does
//! not, or refuses it.

use std::fs;
use std::path::PathBuf;

use chainrule::runs::{Place, Recording, Run};
use chainrule::train::{Control, Event};
use chainrule::{Error, Model, Options};

use super::FEW;
use super::engine::Target;
use super::model::{WORDS, signed};
use super::mutate::Mutants;

const EQUATIONS: &str = "input x : D\ntarget y : K one-hot\n\
    param W1 : H×D ~ he, b1 : H = 0\nparam W2 : K×H ~ glorot, b2 : K = 0\nwhere H = 2\n\
    a1 = dropout(relu(batch_norm(W1 x + b1)), 0.3)\nŷ = softmax(W2 a1 + b2)\n\
    L = cross_entropy(y, ŷ)\nminimize mean(L)\n\
    data: t.csv, x = a b standardized, y = kind, hold out 20 % stratified\n\
    train: adam(lr = 0.01), batch 7, epochs 4, patience 3, keep best, seed 3\n";

/// A run that was interrupted, its checkpoint, and what is to be put back after each try.
struct Interrupted {
    _folder: tempfile::TempDir,
    path: PathBuf,
    checkpoint: PathBuf,
    bytes: Vec<u8>,
}

impl Interrupted {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let row =
            |i: usize| format!("{},{},{}\n", i % 7, i * 5 % 11, ["up", "down"][i % 2]);
        let rows: String = (0..30).map(row).collect();
        fs::write(folder.path().join("t.csv"), format!("a,b,kind\n{rows}")).unwrap();
        fs::write(folder.path().join("t.chain"), EQUATIONS).unwrap();
        let path = Self::train(&folder).unwrap();
        let entries = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path());
        let is_one = |p: &PathBuf| p.to_string_lossy().contains("checkpoint-");
        let checkpoint = entries.into_iter().filter(is_one).max().expect("a checkpoint");
        let bytes = fs::read(&checkpoint).unwrap();
        Self { _folder: folder, path, checkpoint, bytes }
    }

    fn train(folder: &tempfile::TempDir) -> Result<PathBuf, Error> {
        let model = Model::from_file(folder.path().join("t.chain"), Options::default())?;
        let data = model.load_data()?;
        let root = folder.path().join("runs");
        let place = Place { root: &root, stem: "t", file: Some("t.chain") };
        let mut epochs = 0;
        let mut stop = |event: &Event| {
            epochs += usize::from(matches!(event, Event::Epoch(_)));
            if epochs == 2 { Control::Stop } else { Control::Continue }
        };
        Ok(Recording::start(&model, &data, place)?.complete(None, &mut stop)?.folder)
    }

    /// Goes on with this as its only checkpoint.
    fn go_on(&self, bytes: &[u8]) -> Result<(), Error> {
        fs::write(&self.checkpoint, bytes).unwrap();
        let run = Run::open(&self.path)?;
        let model = run.model(Options { threads: 1, ..Options::default() })?;
        let data = model.load_data()?;
        let mut recording = Recording::go_on(&run, &model, &data, &mut |_| ())?;
        recording.train(&mut |_| Control::Continue)?;
        Ok(())
    }
}

pub(crate) fn checkpoint() -> Target {
    let whole = Interrupted::new();
    whole.go_on(&whole.bytes).expect("a whole checkpoint is gone on from");
    let mutants = Mutants {
        seeds: vec![whole.bytes],
        words: WORDS,
        longest: 32 << 10,
        finish: |bytes, how| if how == 0 { bytes } else { signed(bytes) },
    };
    Target { name: "checkpoint", mutants, read, most: 4 * FEW }
}

fn read(bytes: &[u8]) -> bool {
    thread_local! {
        static RUN: Interrupted = Interrupted::new();
    }
    let gone_on = RUN.with(|run| run.go_on(bytes).is_ok());
    RUN.with(|run| {
        for entry in fs::read_dir(&run.path).unwrap().map(|e| e.unwrap().path()) {
            if entry.to_string_lossy().contains("checkpoint-") {
                fs::remove_file(entry).unwrap();
            }
        }
    });
    gone_on
}
