//! Each limit of docs/limits.md: what is at it is read, what is beyond it is refused, and the message
//! names the limit.

use std::io::Write;

use chainrule::data::{DataSpec, read_from_bytes};
use chainrule::graph::limits as texts;
use chainrule::graph::lower::load;
use chainrule::graph::syntax::parse;
use chainrule::{Error, limits};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::tables::{idx, npy, zip};

fn refusal(bytes: &[u8], name: &str) -> String {
    let read = read_from_bytes(bytes, name, &DataSpec::default());
    let error = read.expect_err("beyond the limit");
    assert!(matches!(error, Error::Data(_)));
    assert_eq!(error.exit_status(), 2);
    error.to_string()
}

/// Zeros, a block at a time: the test holds no more than the packed bytes.
fn packed_zeros(bytes: usize) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(b"a\n1\n").unwrap();
    let block = vec![b'\n'; 1 << 20];
    (0..bytes >> 20).for_each(|_| out.write_all(&block).unwrap());
    out.finish().unwrap()
}

#[test]
fn a_gzip_bomb_is_refused_at_the_limit() {
    let small = packed_zeros(200 << 20);
    assert!(small.len() < 2 << 20, "a small file");
    assert!(read_from_bytes(&small, "a.csv.gz", &DataSpec::default()).is_ok());
    let bomb = packed_zeros(2 << 30);
    let mut said = String::new();
    let peak = super::meter::peak(|| said = refusal(&bomb, "a.csv.gz"));
    assert!(said.contains(&limits::unpacked(bomb.len()).to_string()), "{said}");
    assert!(said.contains("gunzip"), "the way out: {said}");
    assert!(peak < 3 * limits::unpacked(bomb.len()), "{peak} bytes for {}", bomb.len());
}

#[test]
fn sizes_that_no_check_can_make_up_are_refused_unless_they_have_names() {
    let file = |size: &str, more: &str| {
        let text = format!(
            "input x : D\ntarget y : 1\nparam w : {size}×D = 0\n{more}L = (‖w x‖² − y)²\nminimize mean(L)\n"
        );
        chainrule::Model::parse(&text)
    };
    let mut refused = None;
    let peak = super::meter::peak(|| refused = file("900000000", "").err());
    let Some(Error::Diagnostics(found)) = refused else { panic!("{refused:?}") };
    assert!(found[0].message.contains("numbers in all values together"), "{found:?}");
    assert!(peak < 1 << 20, "{peak} bytes");
    let named = file("H", "where H = 900000000\n");
    assert!(named.is_ok(), "{:?}", named.err());
}

#[test]
fn an_archive_whose_entries_share_their_bytes_is_refused() {
    let zeros = vec![0; 4 << 20];
    let array = npy("<f8", "False", "(524288,)", &zeros);
    let names: Vec<String> = (0..80).map(|i| format!("{i}.npy")).collect();
    let entries: Vec<(&str, &[u8])> =
        names.iter().map(|n| (&n[..], &array[..])).collect();
    let said = refusal(&zip(&entries, true), "a.npz");
    assert!(said.contains(&limits::UNPACKED.to_string()), "{said}");
    assert!(said.contains(".npy"), "the way out: {said}");
}

#[test]
fn the_columns_of_a_table_are_counted() {
    let most = limits::COLUMNS;
    let text = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("c{i:x}")).collect();
        format!("{}\n{}\n", names.join(","), vec!["1"; n].join(","))
    };
    let read = |b: &[u8], name| read_from_bytes(b, name, &DataSpec::default());
    assert_eq!(read(text(most).as_bytes(), "a.csv").unwrap().columns.len(), most);
    let shape = format!("(1, {})", most + 1);
    let bytes = vec![1; most + 1];
    for (file, name) in [
        (text(most + 1).into_bytes(), "a.csv"),
        (idx(0x08, &[1, most as u32 + 1], &bytes), "a.idx"),
        (npy("|u1", "False", &shape, &bytes), "a.npy"),
    ] {
        assert!(refusal(&file, name).contains(&format!("limit is {most}")), "{name}");
    }
    assert!(read(&idx(0x08, &[1, most as u32], &bytes[1..]), "a.idx").is_ok());
}

#[test]
fn a_cell_of_text_has_a_length() {
    let cell = |n: usize| format!("a,b\n1,{}\n", "x".repeat(n));
    let read = |t: &str| read_from_bytes(t.as_bytes(), "a.csv", &DataSpec::default());
    assert!(read(&cell(limits::CELL)).is_ok());
    let said = refusal(cell(limits::CELL + 1).as_bytes(), "a.csv");
    assert!(said.contains("line 2, column b") && said.contains("quote"), "{said}");
}

#[test]
fn a_header_that_promises_more_than_the_file_holds_sets_nothing_aside() {
    let huge = u32::MAX;
    let files = [
        idx(0x08, &[huge, huge, huge], &[0; 16]),
        idx(0x0e, &[huge], &[0; 16]),
        npy("<f8", "False", "(18446744073709551615, 2)", &[0; 16]),
        npy("<U4611686018427387904", "False", "(4,)", &[0; 16]),
        npy("<f8", "False", "(4294967296, 4294967296)", &[0; 16]),
    ];
    for file in files {
        let peak = super::meter::peak(|| {
            refusal(&file, "a");
        });
        assert!(peak < 1 << 16, "{peak} bytes for {}", file.len());
    }
}

/// The message about a text; `None` if there is none.
fn told(text: &str) -> Option<String> {
    let parsed = parse(text, &|_| false, &[]);
    parsed.diagnostics.into_iter().next().map(|d| d.message)
}

#[test]
fn a_text_is_as_long_as_a_text_may_be() {
    let text = |n: usize| "#".repeat(n);
    assert_eq!(told(&text(texts::TEXT)), None);
    let said = told(&text(texts::TEXT + 1)).unwrap();
    assert!(said.contains(&texts::TEXT.to_string()), "{said}");
    assert!(load(&text(texts::TEXT + 1), &[]).module.is_none());
}

#[test]
fn brackets_and_operators_have_a_depth() {
    let nested = |n: usize| format!("z = {}x{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(told(&nested(texts::DEPTH - 1)), None);
    let said = told(&nested(texts::DEPTH + 1)).unwrap();
    assert!(said.contains(&format!("deeper than {}", texts::DEPTH)), "{said}");
    let sum = |n: usize| format!("z = x{}", " + x".repeat(n));
    assert_eq!(told(&sum(texts::OPERATORS - 1)), None);
    let said = told(&sum(texts::OPERATORS + 1)).unwrap();
    assert!(said.contains(&format!("at most {}", texts::OPERATORS)), "{said}");
}

#[test]
fn loops_have_ends() {
    let most = texts::REPEATS;
    let one = |n: i64| format!("for l = 1..{n}: z_l = 1");
    assert_eq!(told(&one(most)), None);
    let said = told(&one(most + 1)).unwrap();
    assert!(said.contains(&format!("at most {most}")), "{said}");
    let said = told("for l = 1..9999:\n  for k = 1..9999:\n    z_l = 2\n").unwrap();
    assert!(said.contains(&texts::WORDS.to_string()), "{said}");
    let within = |n: usize| {
        let heads: String = (0..n).map(|i| format!("for l{i} = 1..1: ")).collect();
        format!("{heads}z = 1")
    };
    assert_eq!(told(&within(texts::LOOPS)), None);
    assert!(told(&within(texts::LOOPS + 1)).is_some());
}

#[test]
fn a_worked_value_has_a_size() {
    let of = |n: usize| format!("v : {n}\nv := 1\ns = sum(v)\n");
    let said = |text: &str| {
        let found = load(text, &[]).diagnostics;
        found.into_iter().map(|d| d.message).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(said(&of(texts::ENTRIES)), "");
    let beyond = said(&of(texts::ENTRIES + 1));
    assert!(beyond.contains(&texts::ENTRIES.to_string()), "{beyond}");
}

#[test]
fn every_limit_stands_in_the_documentation() {
    let page = include_str!("../../../../docs/limits.md");
    for limit in limits::TEXTS.iter().chain(limits::FILES) {
        let row = format!("| {} | {} | {} |", limit.what, limit.most, limit.way_out);
        assert!(page.contains(&row), "docs/limits.md lacks: {row}");
    }
}
