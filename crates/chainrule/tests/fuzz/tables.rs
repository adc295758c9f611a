//! Targets of data files: bytes → table → preparation → the same table applied again.
//!
//! `csv`, `gz`, `idx`, `npy`, `npz`; each has valid files of its format as seeds. Whatever is read
//! must be a table: names that differ, cells of every column in every row.

use std::io::Write;

use chainrule::data::{
    DataSpec, RawColumn, Source, SymbolInfo, Task, prepare, propose, read_from_bytes,
};
use chainrule::graph::syntax::ast::Mark;
use chainrule::graph::syntax::settings::parse_data;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::FEW;
use super::engine::Target;
use super::mutate::Mutants;

const CSV: &[&str] = &[
    "a,b,c\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n9,1,x\n2,2,y\n",
    "mpg;name\n18,5;\"chevrolet; \"\"malibu\"\"\"\n15;buick\n",
    "\u{feff}1.0,2.0,iris\r\n3.0,NA,rose\r\n,?,iris\r\n",
    "x\ty\n1\t2\n3\t4\n",
    "p0,p1,p2,digit\n0,16,3,0\n1,2,3,1\n4,4,4,2\n0,0,0,0\n1,1,1,1\n2,2,2,2\n",
    "id,when,class\n1,2024-01-02,007\n2,2024-01-03,a\n3,,b\n4,x,b\n",
];

const CSV_WORDS: &[&str] = &[
    ",", ";", "\t", "|", "\"", "\"\"", "\n", "\r\n", "\n\n", "NA", "NaN", "?", "inf",
    "-", "1e308", "-0", "007", " ", "é", "ŷ", "\u{feff}", "\u{200b}", ",,,,,,,,", "a,a",
    "0x1p3",
];

fn seeds_csv() -> Vec<Vec<u8>> {
    CSV.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn target(
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
) -> Target {
    let mutants = Mutants { seeds, words, longest: 4096, finish: |bytes, _| bytes };
    Target { name, mutants, read, most: 4 * FEW }
}

pub(crate) fn csv() -> Target {
    target("csv", seeds_csv(), CSV_WORDS)
}

pub(crate) fn gz() -> Target {
    let packed = seeds_csv().iter().map(|b| gzip(b)).collect();
    let mut target = target("gz", packed, &[]);
    target.mutants.seeds.extend(seeds_csv());
    // Changed text is packed anew half of the time, else only its checksum would be tried.
    target.mutants.finish = |bytes, how| match how % 2 {
        0 => gzip(&bytes),
        _ => bytes,
    };
    target
}

pub(crate) fn idx_files() -> Target {
    target("idx", seeds_idx(), &[])
}

pub(crate) fn npy_files() -> Target {
    target("npy", seeds_npy(), NPY_WORDS)
}

pub(crate) fn npz() -> Target {
    let mut target = target("npz", seeds_npz(), &["PK\u{1}\u{2}", "PK\u{5}\u{6}"]);
    target.mutants.seeds.extend(seeds_npy());
    target.mutants.words = NPY_WORDS;
    // A changed array is put into a whole archive, an archive is left as it is.
    target.mutants.finish = |bytes, how| match bytes.starts_with(b"PK") {
        true => bytes,
        false => zip(&[("a.npy", &bytes), ("b.npy", &bytes)], how % 2 == 0),
    };
    target
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// `type` as in the format; sizes as they stand in the header.
pub(crate) fn idx(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, sizes.len() as u8];
    sizes.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn seeds_idx() -> Vec<Vec<u8>> {
    let data: Vec<u8> = (0..96).collect();
    vec![
        idx(0x08, &[6, 4, 4], &data),
        idx(0x08, &[96], &data),
        idx(0x09, &[12, 8], &data),
        idx(0x0b, &[12, 4], &data),
        idx(0x0c, &[12, 2], &data),
        idx(0x0d, &[6, 4], &data),
        idx(0x0e, &[6, 2], &data),
    ]
}

const NPY_WORDS: &[&str] = &[
    "'descr': ",
    "'<f8'",
    "'>i2'",
    "'|u1'",
    "'<U3'",
    "'S4'",
    "'|O'",
    "'<c16'",
    "True",
    "False",
    "(",
    ")",
    ",",
    "'shape': ",
    "'fortran_order': ",
    "-1",
    "{",
    "}",
];

pub(crate) fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let head = format!(
        "{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n"
    );
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((head.len() as u16).to_le_bytes());
    bytes.extend(head.as_bytes());
    bytes.extend(data);
    bytes
}

fn seeds_npy() -> Vec<Vec<u8>> {
    let data: Vec<u8> = (0..96).collect();
    vec![
        npy("<f8", "False", "(6, 2)", &data),
        npy("<f4", "True", "(6, 4)", &data),
        npy("<f2", "False", "(12, 4)", &data),
        npy(">i4", "False", "(24,)", &data),
        npy("|u1", "False", "(6, 4, 4)", &data),
        npy("|b1", "False", "(96, 1)", &data),
        npy("<U4", "False", "(6, 1)", "a\0\0\0".repeat(24).as_bytes()),
        npy("|S8", "False", "(12,)", &b"ab\0\0\0\0\0\0".repeat(12)),
    ]
}

/// A whole zip archive of these entries.
pub(crate) fn zip(entries: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let packed = if deflated { deflate(bytes) } else { bytes.to_vec() };
        let mut about = vec![20, 0, 0, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        for n in [crc.sum(), packed.len() as u32, bytes.len() as u32] {
            about.extend(n.to_le_bytes());
        }
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0, 0]);
        let offset = out.len() as u32;
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&about);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&about);
        out.extend(name.as_bytes());
        out.extend(packed);
    }
    let (start, count) = (out.len() as u32, entries.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = DeflateEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn seeds_npz() -> Vec<Vec<u8>> {
    let arrays = seeds_npy();
    let two = |i: usize, j: usize| [("x.npy", &arrays[i][..]), ("y.npy", &arrays[j][..])];
    vec![zip(&two(0, 1), true), zip(&two(0, 4), false), zip(&two(2, 7), true)]
}

/// Ways in which a `data:` line may read a file.
const LINES: &[&str] = &[
    "f.csv",
    "f.csv, no header",
    "f.csv, separator \";\", missing \"?\"",
    "f.csv, strip \".%\"",
    "f.csv, separator tab, no header a b c",
];

fn read(bytes: &[u8]) -> bool {
    let mut accepted = false;
    for line in LINES {
        let (spec, found) = parse_data(line, 0);
        assert!(found.is_empty(), "{line}: {found:?}");
        let Ok(table) = read_from_bytes(bytes, "f.csv", &spec) else { continue };
        is_a_table(&table);
        accepted |= prepared(&table, &spec);
    }
    accepted
}

fn is_a_table(table: &Source) {
    assert!(table.rows > 0 && !table.columns.is_empty());
    let mut names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table.columns.len(), "names differ");
    let cells = |c: &RawColumn| (0..table.rows).filter(|&r| !c.is_missing(r)).count();
    std::hint::black_box(table.columns.iter().map(cells).sum::<usize>());
}

/// The recipe that is learned gives for the same rows the same numbers.
fn prepared(table: &Source, spec: &DataSpec) -> bool {
    let Ok(proposal) = propose(table, spec, None) else { return false };
    let mark = match proposal.task {
        Task::Binary => Some(Mark::Binary),
        Task::Classes => Some(Mark::OneHot),
        Task::Regression => None,
    };
    let of = |key: &str, target, mark| SymbolInfo {
        key: key.into(),
        target,
        rows: None,
        mark,
    };
    let symbols = [of("x", false, None), of("y", true, mark)];
    let Ok(p) = prepare(&proposal.spec, &symbols, table, 0) else { return false };
    let Ok((again, _)) = p.preparation.apply(table, true) else { return false };
    for (i, row) in p.train.origin.iter().enumerate() {
        let Some(j) = again.origin.iter().position(|r| r == row) else { continue };
        for ((key, a), (_, b)) in p.train.arrays.iter().zip(&again.arrays) {
            assert_eq!(entries(a, i), entries(b, j), "{key}, row {row}");
        }
    }
    true
}

/// As bits, so that what is not a number equals itself.
fn entries(array: &chainrule::data::Array, row: usize) -> Vec<u64> {
    use chainrule::data::Array;
    match array {
        Array::Index { index, .. } => vec![u64::from(index[row])],
        Array::Dense { cols, values } => {
            values[row * cols..(row + 1) * cols].iter().map(|v| v.to_bits()).collect()
        }
    }
}
