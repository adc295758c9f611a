//! Split tests on real data: the level they hold on random splits, and copies they find.
//!
//! The full count, 1,000 splits of each table, is
//! `cargo test -p chainrule --test it splits -- --ignored --nocapture`; docs/parts.md has its
//! figures. Skipped with a message where the owner's data are absent.

use std::path::Path;

use chainrule::data::{Array, Dataset, Prepared, SymbolInfo, prepare, read_source};
use chainrule::diagnose::splits::{self, Splits};
use chainrule::graph::syntax::settings::{DataSpec, HoldOut};
use chainrule::{Model, Options};

/// A table of the owner, to be split by seed.
struct Real {
    spec: DataSpec,
    symbols: Vec<SymbolInfo>,
    source: chainrule::data::Source,
}

impl Real {
    fn new(name: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared");
        if !folder.join("../../../../../shared/data").is_dir() {
            eprintln!("skipped: the owner's data are not here");
            return None;
        }
        let model = Model::from_file(folder.join(name), Options::default()).unwrap();
        let mut spec = model.module().data.clone().unwrap();
        let random = HoldOut { percent: 20.0, stratified: false, last: false };
        spec.hold_out = Some(random);
        let source = read_source(&folder, spec.file.as_ref().unwrap(), &spec).unwrap();
        Some(Self { spec, symbols: model.symbols(), source })
    }

    fn split(&self, seed: u64) -> (Prepared, Dataset) {
        let mut all = prepare(&self.spec, &self.symbols, &self.source, seed).unwrap();
        let held = all.held_out.take().unwrap();
        (all, held)
    }

    fn tested(&self, seed: u64) -> Splits {
        let (all, held) = self.split(seed);
        splits::of_parts(&all.preparation, &all.train, &held, "here")
    }

    /// Splits that were called different, by the first of their findings.
    fn alarms(&self, seeds: std::ops::Range<u64>) -> Vec<(u64, Splits)> {
        let tested = seeds.map(|seed| (seed, self.tested(seed)));
        tested.filter(|(_, s)| !s.findings.is_empty()).collect()
    }
}

/// Puts copies of training rows in place of the first held-out ones.
fn copied(train: &Dataset, held: &mut Dataset, rows: usize) {
    for (key, array) in &mut held.arrays {
        match (array, train.array(key)) {
            (Array::Dense { cols, values }, Some(Array::Dense { values: from, .. })) => {
                let n = rows * *cols;
                values[..n].copy_from_slice(&from[..n]);
            }
            (Array::Index { index, .. }, Some(Array::Index { index: from, .. })) => {
                index[..rows].copy_from_slice(&from[..rows]);
            }
            _ => panic!("arrays of one kind"),
        }
    }
}

#[test]
fn random_splits_of_real_data_give_no_alarm() {
    // At a level of one in a hundred, three alarms in 16 splits have p = 0.0005.
    for name in ["adult.chain", "diamonds.chain"] {
        let Some(real) = Real::new(name) else { return };
        let alarms = real.alarms(0..16);
        assert!(alarms.len() <= 2, "{name}: {:?}", alarms[0].1.findings);
    }
}

#[test]
#[ignore = "a quarter of an hour; docs/parts.md has its figures"]
fn of_a_thousand_random_splits_at_most_two_in_a_hundred_are_alarms() {
    for name in ["adult.chain", "diamonds.chain"] {
        let Some(real) = Real::new(name) else { return };
        let alarms = real.alarms(0..1000);
        for (seed, s) in &alarms {
            let ids: Vec<&str> = s.findings.iter().map(|f| f.id).collect();
            eprintln!("{name}, seed {seed}: p {:.4}, {ids:?}", s.p);
        }
        eprintln!("{name}: {} alarms in 1,000 random splits", alarms.len());
        assert!(alarms.len() <= 20);
    }
}

#[test]
fn one_copied_row_in_a_hundred_is_found_among_those_that_are_equal_by_nature() {
    for name in ["adult.chain", "diamonds.chain"] {
        let Some(real) = Real::new(name) else { return };
        let before = real.tested(3);
        assert!(before.findings.is_empty(), "{name}: {:?}", before.findings);
        let (all, mut held) = real.split(3);
        let rows = held.rows / 100;
        copied(&all.train, &mut held, rows);
        let s = splits::of_parts(&all.preparation, &all.train, &held, "here");
        assert_eq!(s.findings[0].id, "split_leak", "{name}: {s:?}");
        let pair = |i: usize| (held.origin[i] + 1, all.train.origin[i] + 1);
        // A row with twins of its own may be named with another of them.
        let named = (0..rows).filter(|&i| s.equal.pairs.contains(&pair(i))).count();
        eprintln!(
            "{name}: {} rows in both, {:.1} by chance; before {} and {:.1}",
            s.equal.rows, s.equal.expected, before.equal.rows, before.equal.expected
        );
        assert!(named * 100 >= rows * 95, "{named} of {rows}");
    }
}

#[test]
fn a_part_that_is_cut_off_sorted_data_is_told() {
    let Some(mut real) = Real::new("diamonds.chain") else { return };
    real.spec.hold_out = Some(HoldOut { percent: 20.0, stratified: false, last: true });
    let s = real.tested(0);
    assert_eq!(s.findings[0].id, "distribution_shift", "{s:?}");
    assert!(s.betraying().iter().any(|c| c.name == "price" && c.target));
    assert!(s.classifier.unwrap().auc > 0.8);
}
