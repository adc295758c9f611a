//! Target `model`: a model file whose checksum fits and whose content does not.
//!
//! The checksum keeps accidents out, not people: so changed files are signed anew and must be refused
//! by their content, or be a network that predicts.

use std::fs;
use std::path::PathBuf;

use chainrule::{Model, Trained, table};

use super::FEW;
use super::engine::Target;
use super::mutate::Mutants;

const NETS: &[&str] = &[
    "input x : D\ntarget y : 1 binary\n\
     param W1 : H×D ~ glorot, b1 : H = 0, W2 : 1×H ~ glorot, b2 : 1 = 0\nwhere H = 3\n\
     a = tanh(batch_norm(W1 x + b1))\nŷ = sigmoid(W2 a + b2)\n\
     L = binary_cross_entropy(y, ŷ)\nminimize mean(L)\ntrain: adam, batch 4, epochs 1\n",
    "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot, b : 1 = 0\nŷ = w x + b\n\
     L = half_mse(y, ŷ)\nminimize mean(L)\ntrain: sgd(lr = 0.1), epochs 1\n\
     data: f.csv, x = x* standardized, y = y standardized\n",
];

pub(crate) const WORDS: &[&str] = &[
    "\"shape\":[",
    "\"dtype\":\"F64\"",
    "\"data_offsets\":[",
    "null",
    "true",
    "{}",
    "[]",
    "{\\\"Number\\\":",
    "\\\"median\\\":",
    "\\\"steps\\\":[]",
    "\\\"Classes\\\"",
    "running/",
    "/mean",
    ",",
    "}",
    "]",
    "\\\"",
    "\\n",
    "[[[[[[[[",
    "1e999",
    "-1",
];

fn seeds() -> Vec<Vec<u8>> {
    let (folder, path) = scratch();
    let x = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let data = table(&[("x", 2, &x), ("y", 1, &[0.0, 1.0, 1.0, 0.0])]).unwrap();
    let file = |net: &&str| {
        let model = Model::parse(net).unwrap();
        model.fit(&data, &mut |_| Default::default()).unwrap().save(&path).unwrap();
        fs::read(&path).unwrap()
    };
    let files = NETS.iter().map(file).collect();
    drop(folder);
    files
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    (folder, path)
}

/// The bytes with a length of the header and a checksum that fit.
pub(crate) fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"\"sha256\":\"";
    let found = bytes.windows(MARK.len()).position(|w| w == MARK);
    let (Some(end), Some(at)) = (end_of_header(&bytes), found) else { return bytes };
    let at = at + MARK.len();
    if end < at + 64 {
        return bytes;
    }
    bytes[..8].copy_from_slice(&(end as u64 - 8).to_le_bytes());
    bytes[at..at + 64].fill(b'0');
    let sum = chainrule::store::sha256(&bytes);
    bytes[at..at + 64].copy_from_slice(sum.as_bytes());
    bytes
}

/// Where the object that begins behind the length ends, blanks behind it included.
fn end_of_header(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, &b) in bytes.iter().enumerate().skip(8) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    let blanks = bytes[at + 1..].iter().take_while(|&&b| b == b' ');
                    return Some(at + 1 + blanks.count());
                }
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn model() -> Target {
    let mutants = Mutants {
        seeds: seeds(),
        words: WORDS,
        longest: 16 << 10,
        finish: |bytes, how| if how == 0 { bytes } else { signed(bytes) },
    };
    Target { name: "model", mutants, read, most: 4 * FEW }
}

fn read(bytes: &[u8]) -> bool {
    thread_local! {
        static SCRATCH: (tempfile::TempDir, PathBuf) = scratch();
    }
    let path = SCRATCH.with(|(_, path)| path.clone());
    fs::write(&path, bytes).unwrap();
    let Ok(trained) = Trained::load(&path) else { return false };
    let trained = trained.threads(1);
    let columns = trained.input_columns().len();
    std::hint::black_box(trained.predict(&vec![0.5; columns * 3]).ok());
    let table = table(&[("x", 2, &[1.0, 0.0]), ("y", 1, &[1.0])]).unwrap();
    if let Ok(prediction) = trained.predict(&table) {
        std::hint::black_box((0..prediction.rows()).map(|i| prediction.class(i)).count());
    }
    std::hint::black_box(trained.evaluate(&table).ok());
    trained.save(&path).unwrap();
    Trained::load(&path).expect("what is saved can be read");
    true
}
