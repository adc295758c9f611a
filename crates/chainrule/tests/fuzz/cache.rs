//! Target `cache`: prepared rows on disk whose checksum fits and whose directory does not.
//!
//! The sums keep accidents out; a directory that was written by somebody else must be refused by its
//! content, or name blocks that are there.

use std::fs;
use std::path::{Path, PathBuf};

use chainrule::data::{Caching, read_rows};
use chainrule::{Model, Options};

use super::FEW;
use super::engine::Target;
use super::mutate::Mutants;

const NET: &str = "input x : D\ntarget y : K one-hot\nparam W : K×D ~ glorot\n\
     ŷ = softmax(W x)\nL = cross_entropy(y, ŷ)\nminimize mean(L)\n\
     data: t.csv, x = * standardized, y = kind, hold out 20 %, balanced\n";

const WORDS: &[&str] = &[
    "\"rows\":",
    "\"block\":",
    "\"entries\":",
    "\"offsets\":[",
    "\"sums\":[",
    "\"kind\":\"index\"",
    "\"f32\"",
    "\"f64\"",
    "null",
    "[]",
    "{}",
    "0",
    "-1",
    "18446744073709551615",
    "true",
    ",",
];

/// Length of the directory, its sum, the magic.
const TRAILER: usize = 56;

fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let row = |i: usize| format!("{},{},{}\n", i * 7 % 11, ["a", "b"][i % 2], i % 3);
    let table: String = (0..40).map(row).collect();
    fs::write(folder.path().join("t.csv"), format!("n,word,kind\n{table}")).unwrap();
    let file = |precision: &str| {
        let text = format!("{NET}train: sgd, precision {precision}\n");
        let model = Model::parse_in(&text, folder.path(), Options::default()).unwrap();
        let cache = folder.path().join(precision);
        let caching = Caching { block: 100, ..Caching::new(&cache) };
        model.open_data(Some(&caching), &mut |_| {}).unwrap();
        let made = fs::read_dir(cache).unwrap().next().unwrap().unwrap();
        fs::read(made.path()).unwrap()
    };
    vec![file("f32"), file("f64")]
}

/// The bytes with a trailer that fits.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"{\"made_of\"";
    let begins = bytes.windows(MARK.len()).rposition(|w| w == MARK);
    let (Some(begins), Some(end)) = (begins, bytes.len().checked_sub(TRAILER)) else {
        return bytes;
    };
    if end < begins {
        return bytes;
    }
    let sum = chainrule::store::sha256(&bytes[begins..end]);
    let sum = (0..32).map(|i| u8::from_str_radix(&sum[2 * i..2 * i + 2], 16).unwrap());
    let magic = bytes[..16].to_vec();
    bytes.truncate(end);
    bytes.extend(((end - begins) as u64).to_le_bytes());
    bytes.extend(sum.collect::<Vec<u8>>());
    bytes.extend(magic);
    bytes
}

pub(crate) fn cache() -> Target {
    let mutants = Mutants {
        seeds: seeds(),
        words: WORDS,
        longest: 16 << 10,
        finish: |bytes, how| if how == 0 { bytes } else { signed(bytes) },
    };
    Target { name: "cache", mutants, read, most: FEW }
}

fn read(bytes: &[u8]) -> bool {
    thread_local! {
        static SCRATCH: (tempfile::TempDir, PathBuf) = scratch();
    }
    SCRATCH.with(|(_, path)| {
        fs::write(path, bytes).unwrap();
        read_rows(Path::new(path)).is_ok()
    })
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.rows");
    (folder, path)
}
