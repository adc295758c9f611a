//! The formats: array files made by hand, and hostile ones.

use super::*;
use crate::data::{Cell, Source, read_from_bytes, read_source};

fn read(bytes: &[u8]) -> Result<Source, Error> {
    read_from_bytes(bytes, "a.bin", &DataSpec::default())
}

fn names(source: &Source) -> Vec<&str> {
    source.columns.iter().map(|c| c.name.as_str()).collect()
}

fn numbers(source: &Source, row: usize) -> Vec<f64> {
    let number = |c: &crate::data::RawColumn| match c.cell(row) {
        Cell::Number(v) => v,
        Cell::Missing | Cell::Text(_) => f64::NAN,
    };
    source.columns.iter().map(number).collect()
}

fn idx(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, kind, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|s| s.to_be_bytes()));
    bytes.extend(data);
    bytes
}

fn npy(element: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{element}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn idx_images_and_labels_stand_side_by_side() {
    let folder = Folder::with(&[
        ("images", &idx(8, &[2, 1, 3], &[1, 2, 3, 4, 5, 255])),
        ("labels", &idx(8, &[2], &[7, 3])),
    ]);
    let line = spec("images + labels, x = pixel* / 255, y = label");
    let symbols = [input("x"), target("y", Some(Mark::OneHot))];
    let loaded = load(folder.path(), &line, &symbols, 0).unwrap();
    assert_eq!(names(&loaded.source), ["pixel1", "pixel2", "pixel3", "label"]);
    assert_eq!(rows(&loaded.prepared.train, "x")[1], [4.0 / 255.0, 5.0 / 255.0, 1.0]);
    assert_eq!(rows(&loaded.prepared.train, "y"), [[1.0], [0.0]]);
    assert_eq!(loaded.prepared.preparation.class_names("y").unwrap(), ["3", "7"]);
}

#[test]
fn idx_numbers_of_every_type() {
    let two = |kind, data: &[u8]| numbers(&read(&idx(kind, &[1, 2], data)).unwrap(), 0);
    assert_eq!(two(0x09, &[0xff, 1]), [-1.0, 1.0]);
    assert_eq!(two(0x0b, &[0xff, 0xfe, 1, 0]), [-2.0, 256.0]);
    assert_eq!(two(0x0c, &[0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff]), [256.0, -1.0]);
    let floats: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(two(0x0d, &floats), [1.5, -2.0]);
    let doubles: Vec<u8> = [1.5_f64, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_eq!(two(0x0e, &doubles), [1.5, -2.0]);
}

#[test]
fn a_hostile_idx_header_is_refused_without_allocating() {
    let most = u32::MAX;
    for sizes in [&[most, most, most][..], &[most], &[1, most], &[0, most], &[3, 2], &[0]]
    {
        let said = read(&idx(8, sizes, &[1, 2, 3])).unwrap_err().to_string();
        assert!(said.contains("promises") || said.contains("no rows"), "{said}");
    }
    let said = read(&[0, 0, 8, 200, 0, 0]).unwrap_err().to_string();
    assert!(said.contains("the IDX header is cut short"), "{said}");
}

#[test]
fn npy_of_every_type_and_order() {
    let read = |element: &str, data: &[u8]| {
        let source =
            read_from_bytes(&npy(element, false, "(1, 2)", data), "f/a.npy", &spec(""));
        let source = source.unwrap_or_else(|e| panic!("{element}: {e}"));
        assert_eq!(names(&source), ["a1", "a2"]);
        numbers(&source, 0)
    };
    let le = |v: [f64; 2]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let be = |v: [f32; 2]| v.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    assert_eq!(read("<f8", &le([1.5, -2.0])), [1.5, -2.0]);
    assert_eq!(read(">f4", &be([1.5, -2.0])), [1.5, -2.0]);
    assert_eq!(read("<f2", &[0x00, 0x3e, 0x01, 0x80]), [1.5, -(0.5_f64.powi(24))]);
    assert_eq!(read("|u1", &[0, 255]), [0.0, 255.0]);
    assert_eq!(read("|i1", &[0x80, 1]), [-128.0, 1.0]);
    assert_eq!(read("<i2", &[0xff, 0xff, 0, 1]), [-1.0, 256.0]);
    assert_eq!(
        read("<u4", &[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        [1.0, 4_294_967_295.0]
    );
    assert_eq!(read("|b1", &[0, 1]), [0.0, 1.0]);
    let fortran = npy("|u1", true, "(2, 2)", &[1, 2, 3, 4]);
    let source = read_from_bytes(&fortran, "a.npy", &spec("")).unwrap();
    assert_eq!((numbers(&source, 0), numbers(&source, 1)), (vec![1., 3.], vec![2., 4.]));
}

#[test]
fn npy_text_and_a_single_column() {
    let text: Vec<u8> = ["no", "yes"]
        .iter()
        .flat_map(|w| w.chars().chain("\0".chars()).take(3))
        .flat_map(|c| (c as u32).to_le_bytes())
        .collect();
    let source =
        read_from_bytes(&npy("<U3", false, "(2,)", &text), "y.npy", &spec("")).unwrap();
    assert_eq!(names(&source), ["y"]);
    assert_eq!(source.columns[0].cell(1), Cell::Text("yes"));
}

#[test]
fn npy_headers_that_lie_are_refused() {
    for (element, shape, said) in [
        ("<f8", "(99999999999, 99999999999)", "promises"),
        ("<f8", "(2, 2)", "promises"),
        ("<f8", "()", "found the shape"),
        ("<c8", "(1,)", "entries of type `<c8`"),
        ("|O", "(1,)", "entries of type `|O`"),
    ] {
        let found = read(&npy(element, false, shape, &[0; 8])).unwrap_err().to_string();
        assert!(found.contains(said), "{found}");
    }
    let whole = npy("<f8", false, "(1,)", &[0; 8]);
    for length in 1..whole.len() {
        assert!(read(&whole[..length]).is_err());
    }
}

/// A zip of stored or deflated entries, as `numpy.savez` and `savez_compressed` write them.
fn zip(entries: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    use std::io::Write;
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let mut packed = data.clone();
        if deflate {
            let fast = flate2::Compression::fast();
            let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), fast);
            packer.write_all(data).unwrap();
            packed = packer.finish().unwrap();
        }
        let mut head =
            vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend((packed.len() as u32).to_le_bytes());
        head.extend((data.len() as u32).to_le_bytes());
        head.extend((name.len() as u16).to_le_bytes());
        head.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&head);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
    }
    let start = bytes.len() as u32;
    let size = directory.len() as u32;
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn npz_by_key_and_as_a_whole() {
    for deflate in [false, true] {
        let arrays = [
            ("X.npy", npy("|u1", false, "(2, 2)", &[1, 2, 3, 4])),
            ("y.npy", npy("|u1", false, "(2,)", &[5, 6])),
        ];
        let whole = zip(&arrays, deflate);
        let folder = Folder::with(&[("d.npz", &whole)]);
        let read = |file: &str| read_source(folder.path(), file, &spec(""));
        let source = read("d.npz").unwrap();
        assert_eq!(names(&source), ["X1", "X2", "y"]);
        assert_eq!(numbers(&source, 1), [3.0, 4.0, 6.0]);
        assert_eq!(names(&read("d.npz:y").unwrap()), ["y"]);
        let said = read("d.npz:z").unwrap_err().to_string();
        assert!(said.contains("expected the array `z`, found X, y"), "{said}");
        for length in 4..whole.len() - 2 {
            assert!(
                super::super::read_from_bytes(&whole[..length], "d", &spec("")).is_err()
            );
        }
    }
    let odd = [
        ("X.npy", npy("|u1", false, "(2,)", &[1, 2])),
        ("y.npy", npy("|u1", false, "(1,)", &[5])),
    ];
    let said = read(&zip(&odd, false)).unwrap_err().to_string();
    assert!(said.contains("different numbers of rows"), "{said}");
    let said = read(&zip(&[("sheet1.xml", vec![1])], false)).unwrap_err().to_string();
    assert!(said.contains("another zip file"), "{said}");
}

#[test]
fn files_side_by_side_need_the_same_rows_and_other_names() {
    let folder = Folder::with(&[
        ("a.csv", b"a,b\n1,2\n3,4\n"),
        ("b.csv", b"c\n5\n6\n"),
        ("c.csv", b"c\n5\n"),
        ("d.csv", b"a\n5\nx\n"),
    ]);
    let read = |file: &str| read_source(folder.path(), file, &spec(""));
    assert_eq!(names(&read("a.csv + b.csv").unwrap()), ["a", "b", "c"]);
    let said = read("a.csv + c.csv").unwrap_err().to_string();
    assert!(said.contains("c.csv: expected 2 rows as in a.csv, found 1"), "{said}");
    let said = read("a.csv + d.csv").unwrap_err().to_string();
    assert!(said.contains("two columns are called `a`"), "{said}");
}

#[test]
fn text_is_read_as_people_write_it() {
    let read = |text: &str, line: &str| {
        read_from_bytes(text.as_bytes(), "a.csv", &spec(line))
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let source = read("\u{feff}a, \"b\" ,c\r\n1, \"x, y\" ,\"say \"\"so\"\"\"\r\n", "")
        .columns
        .len();
    assert_eq!(source, 3, "the comma in quotes behind a blank");
    let source = read("a;b\n1.;x.\n?;y\n", "separator \";\", missing \"?\", strip \".\"");
    assert_eq!(source.columns[0].cell(0), Cell::Number(1.0));
    assert_eq!(source.columns[0].cell(1), Cell::Missing);
    assert_eq!(source.columns[1].cell(0), Cell::Text("x"));
    let source = read("\u{feff}a\tb\n1\t2\n", "separator tab");
    assert_eq!(names(&source), ["a", "b"]);
    let source = read(",a\n1,2\n", "");
    assert_eq!(names(&source), ["1", "a"]);
    let source = read("0,1,2\n5,6,7\n", "");
    assert_eq!(names(&source), ["0", "1", "2"]);
}
