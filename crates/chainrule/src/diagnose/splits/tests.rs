//! What the split tests have to find, and what they must not.

use chainrule_kernels::rng::Draws;

use super::*;
use crate::data::RawColumn;

/// A table of normal numbers, ten columns, words in an eleventh; `shift` is added to column 4.
fn table(seed: u64, rows: usize, shift: f64) -> Source {
    let draws = Draws::new(seed, 9);
    let column = |c: u32| -> Vec<f64> {
        let add = if c == 4 { shift } else { 0.0 };
        (0..rows).map(|r| draws.normal(r as u64, c, 0) + add).collect()
    };
    let mut columns: Vec<RawColumn> =
        (0..10).map(|c| RawColumn::numbers(format!("c{c}"), column(c))).collect();
    let words = ["red", "green", "blue"];
    let word = |r| Some(words[draws.below(3, r as u64, 10, 0) as usize]);
    columns.push(RawColumn::words("colour", (0..rows).map(word)));
    Source::from_columns("the table", columns).unwrap()
}

fn ids(found: &Splits) -> Vec<&'static str> {
    found.findings.iter().map(|f| f.id).collect()
}

#[test]
fn half_a_standard_deviation_in_one_of_ten_columns_is_found_and_named() {
    let mut found = 0;
    for seed in 0..40 {
        let (train, held) = (table(2 * seed, 1000, 0.0), table(2 * seed + 1, 300, 0.5));
        let splits = of_tables(&train, &held, None, "here").unwrap();
        let named = splits.betraying().first().is_some_and(|c| c.name == "c4");
        found += usize::from(ids(&splits).contains(&"distribution_shift") && named);
    }
    assert!(found >= 36, "{found} of 40");
}

#[test]
fn parts_of_one_source_give_no_alarm() {
    // At the level of one in a hundred more than four of a hundred have p = 0.003.
    let alarm = |seed: u64| {
        let (train, held) = (table(1000 + seed, 400, 0.0), table(5000 + seed, 150, 0.0));
        !ids(&of_tables(&train, &held, None, "here").unwrap()).is_empty()
    };
    let alarms = (0..100).filter(|&seed| alarm(seed)).count();
    assert!(alarms <= 4, "{alarms} of 100");
}

#[test]
fn a_hundredth_of_the_rows_copied_is_found_and_named() {
    let (train, held) = (table(1, 1000, 0.0), table(2, 300, 0.0));
    let copied = |from: &RawColumn, to: &RawColumn| {
        let cell = |r: usize| if r < 10 { from.cell(37 * r) } else { to.cell(r) };
        match from.is_text() {
            false => {
                let number = |r| match cell(r) {
                    crate::data::Cell::Number(v) => v,
                    _ => f64::NAN,
                };
                RawColumn::numbers(&from.name, (0..300).map(number).collect())
            }
            true => RawColumn::words(
                &from.name,
                (0..300).map(|r| match cell(r) {
                    crate::data::Cell::Text(word) => Some(word),
                    _ => None,
                }),
            ),
        }
    };
    let columns = train.columns.iter().zip(&held.columns).map(|(a, b)| copied(a, b));
    let held = Source::from_columns("the copy", columns.collect()).unwrap();
    let found = of_tables(&train, &held, None, "here").unwrap();
    assert_eq!(ids(&found), ["split_leak"]);
    let want: Vec<(u32, u32)> = (0..10).map(|r| (r + 1, 37 * r + 1)).collect();
    assert_eq!(found.equal.pairs, want);
    let said = &found.findings[0].message;
    assert!(said.contains("10 of 300 rows") && said.contains("row 2 (row 38"), "{said}");
}

#[test]
fn tables_that_do_not_belong_together_are_refused() {
    let (train, held) = (table(1, 30, 0.0), table(2, 30, 0.0));
    let refused = |a: &Source, b: &Source, target| {
        of_tables(a, b, target, "here").unwrap_err().to_string()
    };
    assert!(refused(&train, &held, Some("price")).contains("no column `price`"));
    let mut less = held.clone();
    less.columns.pop();
    assert!(refused(&train, &less, None).contains("colour"));
    let mut other = held.clone();
    other.columns[10] = RawColumn::numbers("colour", vec![1.0; 30]);
    assert!(refused(&train, &other, None).contains("expected words"));
}

#[test]
fn several_other_parts_share_the_level() {
    let text = "input x : D\ntarget y : 1\nparam w : 1×D ~ glorot\nŷ = w x\nL = half_mse(y, ŷ)\n\
        minimize mean(L)\ndata: d.csv, x = c0 c1, y = c4, hold out 20 %\ntrain: sgd, epochs 1";
    let model = crate::Model::parse(text).unwrap();
    let p = model.prepare(&table(1, 400, 0.0)).unwrap();
    let (other, _) = p.preparation.apply(&table(2, 300, 0.0), true).unwrap();
    let report = crate::data::Report::default();
    let parts = |test| Parts {
        preparation: &p.preparation,
        report: &p.report,
        train: (&p.train).into(),
        held_out: p.held_out.as_ref().map(Into::into),
        validate: None,
        test,
        files: &[],
        caching: None,
    };
    let of = |parts: Parts<'_>, most| of_all(&parts, most, &|name| name.to_owned());
    let one = of(parts(None), usize::MAX);
    let two = of(parts(Some(((&other).into(), &report))), usize::MAX);
    assert_eq!((one.len(), one[0].0, one[0].1.level), (1, "held out", LEVEL));
    assert_eq!((two.len(), two[1].0, two[1].1.level), (2, "test", LEVEL / 2.0));
    assert_eq!((two[0].1.p, two[1].1.train, two[1].1.held), (one[0].1.p, 320, 300));
    let few = of(parts(None), 200);
    assert_eq!((few[0].1.train, few[0].1.held), (120, 80));
}
