//! Each way in which data does not fit: what is said, and the way out.

use super::*;
use crate::data::read_from_bytes;

const ONE_HOT: Option<Mark> = Some(Mark::OneHot);
const PLAIN: &str = "a.csv, x = a, y = y";

#[track_caller]
fn expect(found: &str, parts: &[&str]) {
    for part in parts {
        assert!(found.contains(part), "expected `{part}` in: {found}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let folder = Folder::with(&[]);
    let symbols = [input("x"), target("y", None)];
    let e = load(folder.path(), &spec(PLAIN), &symbols, 0).unwrap_err();
    expect(&e.to_string(), &["cannot read", "a.csv"]);
    assert_eq!(e.exit_status(), 2);
    let e = load(folder.path(), &spec("x = a, y = y"), &symbols, 0).unwrap_err();
    expect(&message(&e), &["T1", "names no file"]);
}

#[test]
fn an_empty_file_and_one_of_a_header_only() {
    expect(&said("", PLAIN, None), &["a.csv: the file is empty"]);
    expect(&said("\n\n", PLAIN, None), &["a.csv: no row"]);
    expect(&said("a,y\n", PLAIN, None), &["a.csv: no rows below the header"]);
}

#[test]
fn a_ragged_row() {
    let found = said("a,y\n1,2\n\n3\n", PLAIN, None);
    expect(&found, &["a.csv, line 4: expected 2 fields, found 1"]);
    let found = said("a,y\n\"1\n\",2\n3,4,5\n", PLAIN, None);
    expect(&found, &["line 4: expected 2 fields, found 3"]);
    let found = said("a,y\r\n1,2\r\n\r\n3\r\n", PLAIN, None);
    expect(&found, &["line 4: expected 2 fields, found 1"]);
}

#[test]
fn a_quote_that_is_never_closed() {
    let found = said("a,y\n1,2\n\"3,4\n5,6\n", PLAIN, None);
    expect(&found, &["a.csv, line 3: a quote opens here and is never closed"]);
}

#[test]
fn two_columns_of_one_name() {
    let found = said("a,y,a\n1,2,3\n1,2,3\n", PLAIN, None);
    expect(&found, &["two columns are called `a`: number 1 and number 3", "rename"]);
}

#[test]
fn an_unknown_column() {
    let text = "alpha,y\n1,2\n3,4\n";
    let found = said(text, "a.csv, x = alhpa, y = y", None);
    expect(&found, &["T1 a.csv has no column `alhpa`", "did you mean `alpha`?"]);
    let found = said(text, "a.csv, x = q*, y = y", None);
    expect(&found, &["no column `q*`", "it has alpha, y"]);
    expect(
        &said(text, "a.csv, x = 1..9, y = y", None),
        &["columns within 1..2 of a.csv"],
    );
    expect(&said(text, "a.csv, x = *, y = y, weight w", None), &["no column `w`"]);
    expect(&said(text, "a.csv, x = * -zz, y = y", None), &["no column `zz`"]);
    expect(&said(text, "a.csv, x = -alpha, y = y", None), &["no column is left for `x`"]);
}

#[test]
fn an_unknown_symbol_and_one_without_columns() {
    let text = "a,y\n1,2\n3,4\n";
    let found = said(text, "a.csv, x = a, y = y, z = a", None);
    expect(&found, &["expected an input or target (x, y), found `z`"]);
    expect(&said(text, "a.csv, y = y", None), &["no columns for `x`", "add `x = *`"]);
}

#[test]
fn a_class_that_training_did_not_see() {
    let text = "a,y\n1,u\n2,v\n3,u\n4,w\n";
    let found = said(text, "a.csv, x = a, y = y, hold out 25 % last", ONE_HOT);
    let expected =
        "line 5, column y: expected a class of the training part (u, v), found `w`";
    expect(&found, &[expected, "stratified"]);
}

#[test]
fn too_few_rows() {
    expect(&said("a,y\n1,2\n", PLAIN, None), &["expected at least 2 rows, found 1"]);
    let found = said("a,y\n1,\n2,\n", PLAIN, None);
    expect(&found, &["no rows left: each of the 2 rows misses a target"]);
    let found = said("a,y\n1,2\n2,3\n", "a.csv, x = a, y = y, hold out 50 %", None);
    expect(&found, &["leaves 1 for training and 1 held out"]);
}

#[test]
fn a_gzip_file_cut_short_or_damaged() {
    use std::io::Write;
    let mut packer =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all("a,y\n1,2\n3,4\n".repeat(50).as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let said = |bytes: &[u8]| {
        read_from_bytes(bytes, "a.csv.gz", &DataSpec::default()).unwrap_err().to_string()
    };
    for length in 3..packed.len() {
        expect(&said(&packed[..length]), &["a.csv.gz: the gzip file is cut short"]);
    }
    let mut damaged = packed.clone();
    damaged[15] ^= 0xff;
    expect(&said(&damaged), &["the gzip file is"]);
}

#[test]
fn text_that_is_not_utf8() {
    let found = |bytes: &[u8]| {
        read_from_bytes(bytes, "a.csv", &DataSpec::default()).unwrap_err().to_string()
    };
    let latin = found(b"a,y\n1,2\nm\xfcll,3\n");
    expect(&latin, &["a.csv, line 3: expected text in UTF-8, found the byte 0xfc"]);
    expect(&found(b"\xff\xfea\0,\0"), &["found text in UTF-16", "UTF-8"]);
    if !cfg!(feature = "parquet") {
        let words = ["found a Parquet file", "`--features parquet`"];
        expect(&found(b"PAR1...."), &words);
    }
}

#[test]
fn a_wrong_separator_and_a_missing_header() {
    let found = said("a;y\n1;2\n3;4\n", PLAIN, None);
    expect(
        &found,
        &["only one column found with the separator `,`", "`separator \";\"`"],
    );
    let found = said("a,y\n1,2\n", "a.csv, x = a, y = y, separator \";\"", None);
    expect(&found, &["write `separator \",\"`"]);
    let found = said("7.4,0.7,5\n7.8,0.88,5\n", PLAIN, None);
    expect(&found, &["line 1: expected names of columns, found numbers", "`no header`"]);
    let found = said("1,2\n3,4\n", "a.csv, x = a, y = y, no header a b y", None);
    expect(&found, &["expected 3 columns, the names behind `no header`, found 2"]);
}

#[test]
fn a_word_among_numbers() {
    let text = "a,y\n1,2\n3,4\n5,6\noops,8\n";
    let found = said(text, "a.csv, x = a / standardized, y = y", None);
    expect(
        &found,
        &["a.csv, line 5, column a: expected a number, found `oops`", "missing"],
    );
    let found = said(text, "a.csv, x = * / standardized, y = y", None);
    expect(&found, &["line 5, column a: expected a number, found `oops`"]);
    let text = "a,y\n1.5,2\n\"3,5\",4\n5,6\n";
    expect(
        &said(text, "a.csv, x = a / 2, y = y", None),
        &["`3,5` (numbers are written with"],
    );
    let found = said("a,y\n1,u\n2,v\n", PLAIN, None);
    expect(&found, &["line 2, column y: expected a number, found `u`", "`one-hot`"]);
    expect(&said("a,y\n1,2\ninf,4\n", PLAIN, None), &["expected a number, found `inf`"]);
    let text = "a,y\n1,2\n3,4\n5,6\noops,8\n";
    let found = said(text, "a.csv, x = a, y = y, hold out 25 % last", None);
    expect(
        &found,
        &["line 5, column a: expected a number, found `oops`", "held numbers"],
    );
}

#[test]
fn values_outside_a_transform_or_an_order() {
    let text = "a,y\n1,2\n0,4\n";
    let found = said(text, "a.csv, x = a / log, y = y", None);
    expect(&found, &["line 3, column a: `/ log` needs numbers above 0, found 0"]);
    let text = "c,y\nlow,2\nmid,4\n";
    let found = said(text, "a.csv, x = c, y = y, ordinal c = low < high", None);
    expect(&found, &["line 3, column c: expected a level (low < high), found `mid`"]);
    let text = "a,y\n1,u\n2,v\n";
    expect(&said(text, "a.csv, x = a, y = y / log", ONE_HOT), &["`y` is a class"]);
    let text = "a,b,y\n,1,2\n,3,4\n";
    expect(
        &said(text, "a.csv, x = *, y = y", None),
        &["no cell of the training", "`-a`"],
    );
}

#[test]
fn targets_that_break_their_mark() {
    let text = "a,k1,k2\n1,1,0\n2,1,1\n";
    let line = "a.csv, x = a, y = k*";
    let found = said(text, line, ONE_HOT);
    expect(&found, &["line 3: `y`: expected one entry 1 and the others 0, found 1 1"]);
    let found = said(text, line, Some(Mark::Distribution));
    expect(&found, &["expected entries ≥ 0 that add to 1, found 1 1"]);
    let found = said(&text.replace("2,1,1", "2,3,1"), line, Some(Mark::MultiHot));
    expect(&found, &["expected entries 0 or 1, found 3 1"]);
    let found = said("a,y\n1,u\n2,v\n3,w\n", PLAIN, Some(Mark::Binary));
    expect(
        &found,
        &["expected two values in the training part, found 3 (u, v, w)", "one-hot"],
    );
    expect(&said("a,y\n1,u\n2,u\n", PLAIN, ONE_HOT), &["found only `u`"]);
    let found = said("a,y\n1,2\n3,4\n", "a.csv, x = a, y = y, balanced", None);
    expect(&found, &["T1 `balanced` needs a target"]);
    let line = "a.csv, x = a, y = y, hold out 20 % stratified";
    expect(&said("a,y\n1,2\n3,4\n", line, None), &["T1 `stratified` needs a target"]);
}

#[test]
fn a_declared_size_that_the_data_does_not_have() {
    let folder = Folder::with(&[("a.csv", b"a,c,y\n1,u,2\n3,v,4\n")]);
    let x = SymbolInfo { rows: Some(2), ..input("x") };
    let line = spec("a.csv, x = a c, y = y");
    let e = load(folder.path(), &line, &[x, target("y", None)], 0).unwrap_err();
    expect(
        &message(&e),
        &["S5 `x` is declared with 2 entries, the data gives 3", "c=u, c=v"],
    );
}

#[test]
fn weights_that_are_none() {
    let line = "a.csv, x = a, y = y, weight w";
    let found = said("a,y,w\n1,2,1\n3,4,-1\n", line, None);
    expect(&found, &["line 3, column w: expected a weight ≥ 0, found `-1`"]);
    expect(&said("a,y,w\n1,2,1\n3,4,\n", line, None), &["found nothing"]);
}

#[test]
fn a_later_file_that_lacks_a_column_or_has_a_word() {
    let loaded = csv("age,y\n1,2\n3,4\n", "a.csv, x = age, y = y", None);
    let apply = |bytes: &[u8]| {
        let later = read_from_bytes(bytes, "b.csv", &DataSpec::default()).unwrap();
        loaded.prepared.preparation.apply(&later, false).unwrap_err().to_string()
    };
    let found = apply(b"Age\n5\n");
    expect(
        &found,
        &["b.csv: expected the column `age`", "did you mean to call `Age` so?"],
    );
    let found = apply(b"age\n5\nfive\n");
    expect(&found, &["b.csv, line 3, column age: expected a number, found `five`"]);
}
