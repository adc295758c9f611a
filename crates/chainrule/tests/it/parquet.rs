//! Parquet: a table is the same table as CSV, in memory and on disk; what cannot be read is named.

use std::sync::Arc;

use chainrule::data::{DataSpec, Source, Window, read_from_bytes};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::cache::{NET, Project, TRAIN, equal};

const SCHEMA: &str = "message t {
    optional double a; required int64 n; required boolean yes; optional binary city (UTF8);
    required int32 day (DATE); required int32 price (DECIMAL(9, 2)); required binary kind (UTF8);
}";

/// Rows of the table as its cells of text.
fn row(i: usize) -> [String; 7] {
    let a = (i % 23) as f64 / 7.0 - 1.5;
    [
        if i % 6 == 2 { String::new() } else { a.to_string() },
        (i as i64 * 31 % 17 - 8).to_string(),
        (i % 2).to_string(),
        ["Oslo", "Rio", ""][i % 3].to_owned(),
        format!("1970-01-{:02}", i % 4 + 1),
        format!("{}.{:02}", i % 5, i % 100),
        if i * i % 7 > 2 { "up" } else { "down" }.to_owned(),
    ]
}

fn csv(rows: usize) -> String {
    let lines = (0..rows).map(|i| row(i).join(",") + "\n");
    "a,n,yes,city,day,price,kind\n".to_owned() + &lines.collect::<String>()
}

/// The same, in row groups of 70.
fn file(rows: usize, compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for first in (0..rows).step_by(70) {
        let all: Vec<[String; 7]> = (first..rows.min(first + 70)).map(row).collect();
        let mut group = writer.next_row_group().unwrap();
        let text =
            |s: &String| Some(ByteArray::from(s.as_str())).filter(|_| !s.is_empty());
        let day = |s: &String| s[8..].parse::<i32>().ok().map(|day| day - 1);
        let price = |s: &String| s.replace('.', "").parse::<i32>().ok();
        put::<DoubleType>(&mut group, &all, 0, true, |s| s.parse().ok());
        put::<Int64Type>(&mut group, &all, 1, false, |s| s.parse().ok());
        put::<BoolType>(&mut group, &all, 2, false, |s| Some(s == "1"));
        put::<ByteArrayType>(&mut group, &all, 3, true, text);
        put::<Int32Type>(&mut group, &all, 4, false, day);
        put::<Int32Type>(&mut group, &all, 5, false, price);
        put::<ByteArrayType>(&mut group, &all, 6, false, text);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[[String; 7]],
    column: usize,
    optional: bool,
    value: impl Fn(&String) -> Option<T::T>,
) {
    let cells: Vec<Option<T::T>> = rows.iter().map(|row| value(&row[column])).collect();
    let levels: Vec<i16> = cells.iter().map(|c| i16::from(c.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    let mut writer = group.next_column().unwrap().unwrap();
    let levels = optional.then_some(&levels[..]);
    writer.typed::<T>().write_batch(&values, levels, None).unwrap();
    writer.close().unwrap();
}

fn read(bytes: &[u8]) -> Result<Source, chainrule::Error> {
    read_from_bytes(bytes, "t.parquet", &DataSpec::default())
}

#[test]
fn a_table_of_parquet_has_the_cells_of_the_same_table_as_text() {
    let text = read_from_bytes(csv(200).as_bytes(), "t.csv", &DataSpec::default());
    let text = text.unwrap();
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let all = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::LZ4_RAW,
        zstd,
    ];
    for compression in all {
        let table = read(&file(200, compression)).unwrap();
        assert_eq!(table.rows, 200);
        for (ours, theirs) in table.columns.iter().zip(&text.columns) {
            assert_eq!(ours.name, theirs.name);
            for row in 0..200 {
                assert_eq!(ours.cell(row), theirs.cell(row), "{} {row}", ours.name);
            }
        }
    }
}

#[test]
fn a_run_on_parquet_is_the_run_on_text_in_memory_and_on_disk() {
    let line =
        |file: &str| format!("{file}, x = * standardized, y = kind, hold out 20 %");
    let text = Project::new(NET, &line("u.csv"), TRAIN);
    text.put("u.csv", csv(300));
    let packed = Project::new(NET, &line("u.parquet"), TRAIN);
    packed.put("u.parquet", file(300, Compression::SNAPPY));
    equal(&packed);
    let (text, packed) = (text.run(None).unwrap(), packed.run(None).unwrap());
    assert_eq!((text.epochs, text.parts), (packed.epochs, packed.parts));
}

#[test]
fn what_cannot_be_read_is_refused_by_its_name() {
    let nested =
        "message t { required double a; required group g { required double b; } }";
    let time = "message t { required double a; required int64 at (TIMESTAMP_MILLIS); }";
    for (schema, wanted) in
        [(nested, "column g.b: expected"), (time, "column at: expected")]
    {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), schema, Default::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                parquet::column::writer::ColumnWriter::Int64ColumnWriter(w) => {
                    w.write_batch(&[1, 2, 3], None, None).unwrap();
                }
                parquet::column::writer::ColumnWriter::DoubleColumnWriter(w) => {
                    w.write_batch(&[1.0, 2.0, 3.0], None, None).unwrap();
                }
                _ => panic!("another column"),
            }
            column.close().unwrap();
        }
        group.close().unwrap();
        let bytes = writer.into_inner().unwrap();
        let said = read(&bytes).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
        // On disk only what is asked for is read.
        let project = Project::new(NET, "t.parquet, x = a, y = a", TRAIN);
        project.put("t.parquet", &bytes);
        assert!(project.open(&project.caching(Window::Rows(9))).1.is_ok());
    }
}

#[test]
fn files_that_are_cut_or_altered_are_refused_or_read() {
    let whole = file(200, Compression::SNAPPY);
    for turn in 0..400 {
        let mut bad = whole.clone();
        let at = (turn * 7919 + 5) % bad.len();
        match turn % 2 {
            0 => bad.truncate(at.max(4)),
            _ => bad[at] ^= 1 << (turn % 8),
        }
        if let Err(error) = read(&bad) {
            assert_eq!(error.exit_status(), 2, "{at}: {error}");
        }
    }
}
