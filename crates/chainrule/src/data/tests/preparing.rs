//! What becomes of cells.

use super::*;
use crate::data::{Kind, Preparation, Step, read_from_bytes};

const ONE_HOT: Option<Mark> = Some(Mark::OneHot);

#[test]
fn numbers_stay_as_they_are_and_classes_are_sorted() {
    let loaded =
        csv("a,b,c\n1,2,z\n 3 , 4.5 ,y\n5,6,z\n", "a.csv, x = a b, y = c", ONE_HOT);
    let train = &loaded.prepared.train;
    assert_eq!(rows(train, "x"), [[1.0, 2.0], [3.0, 4.5], [5.0, 6.0]]);
    assert_eq!(rows(train, "y"), [[1.0], [0.0], [1.0]]);
    assert_eq!(loaded.prepared.preparation.class_names("y").unwrap(), ["y", "z"]);
    assert_eq!(train.weights, None);
    let lines = loaded.prepared.report.lines();
    assert_eq!(lines[0], "a.csv: 3 rows");
    assert_eq!(lines[2], "y: 1 column, 2 entries");
    assert_eq!(lines[3], "y in training: y 1, z 2");
}

#[test]
fn numeric_classes_and_categories_are_sorted_numerically() {
    let loaded = csv("a,y\n10,9\n9,10\n10,2\n", "a.csv, x = a, y = y", ONE_HOT);
    assert_eq!(loaded.prepared.preparation.class_names("y").unwrap(), ["2", "9", "10"]);
    assert_eq!(rows(&loaded.prepared.train, "y"), [[1.0], [2.0], [0.0]]);
}

#[test]
fn text_becomes_one_hot_and_missing_a_category_of_its_own() {
    let text = "c,y\nred,1\nblue,2\n,3\nred,4\n";
    let loaded = csv(text, "a.csv, x = c, y = y", None);
    let x = rows(&loaded.prepared.train, "x");
    assert_eq!(x, [[0., 1., 0.], [1., 0., 0.], [0., 0., 1.], [0., 1., 0.]]);
    let plan = loaded.prepared.preparation.symbol("x").unwrap();
    assert_eq!(plan.entries(), ["c=blue", "c=red", "c=(missing)"]);
    let lines = loaded.prepared.report.lines();
    assert!(
        lines.contains(&"c: 1 missing, a category of its own".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn a_missing_number_is_the_training_median() {
    let text = "a,y\n1,1\n4,2\nNA,3\n2,4\nnan,5\n";
    let loaded = csv(text, "a.csv, x = a, y = y", None);
    let x = rows(&loaded.prepared.train, "x");
    assert_eq!(x, [[1.0], [4.0], [2.0], [2.0], [2.0]]);
    let lines = loaded.prepared.report.lines();
    let said = "a: 2 missing, filled with the median 2";
    assert!(lines.contains(&said.to_owned()), "{lines:?}");
}

#[test]
fn statistics_come_from_the_training_part_only() {
    let text = "a,y\n1,1\n3,2\n1000,3\n2000,4\n";
    let line = "a.csv, x = a / standardized, y = y, hold out 50 % last";
    let loaded = csv(text, line, None);
    let (mean, std) = (2.0, 1.0);
    let plan = &loaded.prepared.preparation.symbols[0].columns[0].kind;
    let steps = vec![Step::Standardize { mean, std }];
    assert_eq!(*plan, Kind::Number { median: 2.0, steps });
    assert_eq!(rows(&loaded.prepared.train, "x"), [[-1.0], [1.0]]);
    assert_eq!(rows(&loaded.prepared.held_out.unwrap(), "x"), [[998.0], [1998.0]]);
}

#[test]
fn transforms_follow_each_other_and_are_undone_backwards() {
    let text = "a,y\n1,10\n2,100\n3,1000\n";
    let loaded = csv(text, "a.csv, x = a / 2, y = y / log / standardized", None);
    let preparation = &loaded.prepared.preparation;
    let mut y: Vec<f64> = rows(&loaded.prepared.train, "y").concat();
    assert!((y.iter().sum::<f64>()).abs() < 1e-12 && preparation.is_transformed("y"));
    preparation.undo("y", &mut y);
    for (found, expected) in y.iter().zip([10.0, 100.0, 1000.0]) {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found}");
    }
    assert_eq!(rows(&loaded.prepared.train, "x"), [[0.5], [1.0], [1.5]]);
}

#[test]
fn a_constant_column_is_divided_by_one_and_said() {
    let text = "a,b,y\n0.1,1,1\n0.1,2,2\n0.1,3,3\n";
    let loaded = csv(text, "a.csv, x = a b / standardized, y = y", None);
    assert_eq!(loaded.prepared.report.constant, ["a"]);
    assert!(rows(&loaded.prepared.train, "x").iter().all(|r| r[0].abs() < 1e-15));
}

#[test]
fn a_row_without_target_is_dropped_and_counted() {
    let loaded = csv("a,y\n1,u\n2,\n3,v\n", "a.csv, x = a, y = y", ONE_HOT);
    assert_eq!(loaded.prepared.train.origin, [0, 2]);
    let lines = loaded.prepared.report.lines();
    assert_eq!(lines[0], "a.csv: 3 rows, 1 dropped (target missing)");
}

#[test]
fn ordered_words_are_counted_from_zero() {
    let text = "c,y\nGood,1\nFair,2\nVery Good,3\n,4\nFair,5\n";
    let line = "a.csv, x = c, y = y, ordinal c = Fair < Good < Very Good";
    let loaded = csv(text, line, None);
    let x = rows(&loaded.prepared.train, "x").concat();
    assert_eq!(x, [1.0, 0.0, 2.0, 0.5, 0.0]);
}

#[test]
fn binary_targets_are_zero_and_one_in_sorted_order() {
    let loaded = csv("a,y\n1,yes\n2,no\n", "a.csv, x = a, y = y", Some(Mark::Binary));
    assert_eq!(rows(&loaded.prepared.train, "y"), [[1.0], [0.0]]);
    assert_eq!(loaded.prepared.preparation.class_names("y").unwrap(), ["no", "yes"]);
}

#[test]
fn one_hot_columns_become_an_index() {
    let text = "a,k1,k2,k3\n1,0,1,0\n2,0,0,1\n";
    let loaded = csv(text, "a.csv, x = a, y = k*", ONE_HOT);
    let y = loaded.prepared.train.array("y").unwrap();
    assert_eq!(*y, Array::Index { classes: 3, index: vec![1, 2] });
}

#[test]
fn distributions_and_multi_hot_stay_numbers() {
    let text = "a,k1,k2\n1,0.25,0.75\n2,1,0\n";
    let loaded = csv(text, "a.csv, x = a, y = k*", Some(Mark::Distribution));
    assert_eq!(rows(&loaded.prepared.train, "y"), [[0.25, 0.75], [1.0, 0.0]]);
    let text = "a,k1,k2\n1,1,1\n2,0,0\n";
    let loaded = csv(text, "a.csv, x = a, y = k*", Some(Mark::MultiHot));
    assert_eq!(rows(&loaded.prepared.train, "y"), [[1.0, 1.0], [0.0, 0.0]]);
}

#[test]
fn columns_are_chosen_by_name_glob_number_star_and_minus() {
    let text = "id,a1,a2,\"b c\",w,y\n1,2,3,4,5,6\n7,8,9,10,11,12\n";
    let first = |line: &str| {
        let loaded = csv(text, &format!("a.csv, {line}, y = y"), None);
        rows(&loaded.prepared.train, "x")[0].clone()
    };
    assert_eq!(first("x = a*"), [2.0, 3.0]);
    assert_eq!(first("x = 2..4"), [2.0, 3.0, 4.0]);
    assert_eq!(first("x = *"), [1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(first("x = * -id"), [2.0, 3.0, 4.0, 5.0]);
    assert_eq!(first("x = -id -a*"), [4.0, 5.0]);
    assert_eq!(first("x = *, weight w"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(first("x = \"b c\" a1 a1"), [4.0, 2.0]);
    assert_eq!(first("x = w, x = * / 2"), [5.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(first("x = 4"), [4.0]);
}

#[test]
fn weights_and_balanced_classes_multiply() {
    let text = "a,w,y\n1,1,u\n2,2,u\n3,1,u\n4,1,v\n";
    let line = "a.csv, x = a, y = y, weight w, balanced";
    let loaded = csv(text, line, ONE_HOT);
    let third = 4.0 / 6.0;
    assert_eq!(loaded.prepared.train.weights.unwrap(), [third, 2.0 * third, third, 2.0]);
}

#[test]
fn the_recipe_survives_json_to_the_last_bit_and_gives_the_same_numbers() {
    let text = "a,c,y\n0.1,u,1\n0.7,v,2\n,u,4\n1e-300,v,8\n";
    let line = "a.csv, x = a c / standardized, x = *, y = y / log / standardized";
    let line = line.replace("a c / standardized", "a / standardized");
    let loaded = csv(text, &line, None);
    let json = serde_json::to_string(&loaded.prepared.preparation).unwrap();
    let again: Preparation = serde_json::from_str(&json).unwrap();
    assert_eq!(again, loaded.prepared.preparation);
    let (dataset, _) = again.apply(&loaded.source, true).unwrap();
    assert_eq!(dataset, loaded.prepared.train);
}

#[test]
fn prediction_needs_no_target_and_no_order_of_columns_and_counts_the_unseen() {
    let loaded = csv("a,c,y\n1,u,1\n2,v,2\n4,u,3\n", "a.csv, x = *, y = y", None);
    let spec = DataSpec::default();
    let later = read_from_bytes(b"c,a\nw,\nv,7\n,8\n", "b.csv", &spec).unwrap();
    let (dataset, report) = loaded.prepared.preparation.apply(&later, false).unwrap();
    assert_eq!(rows(&dataset, "x"), [[2., 0., 0.], [7., 0., 1.], [8., 0., 0.]]);
    assert_eq!(
        report.lines()[1..],
        [
            "a: 1 missing, filled with the median 2",
            "c: 2 not met in training, as zeros (such as `w`)"
        ]
    );
}

#[test]
fn words_that_look_like_numbers_stay_words() {
    let text = "c,y\n1.10,1\n1.1,2\nx,3\n";
    let loaded = csv(text, "a.csv, x = c, y = y", None);
    let plan = loaded.prepared.preparation.symbol("x").unwrap();
    assert_eq!(plan.entries(), ["c=1.1", "c=1.10", "c=x"]);
    assert!(
        loaded.prepared.report.remarks[0].contains("taken as text, as `x` is no number")
    );
    let folder = Folder::with(&[("b.csv", b"c\n1.10\n1.1\n")]);
    let later = loaded.prepared.preparation.read(folder.path(), "b.csv").unwrap();
    let (dataset, _) = loaded.prepared.preparation.apply(&later, false).unwrap();
    assert_eq!(rows(&dataset, "x"), [[0., 1., 0.], [1., 0., 0.]]);
}

#[test]
fn hold_out_depends_on_the_seed_and_keeps_the_shares() {
    let text: String = (0..100).map(|i| format!("{i},{}\n", i % 4)).collect();
    let text = format!("a,y\n{text}");
    let folder = Folder::with(&[("a.csv", text.as_bytes())]);
    let symbols = [input("x"), target("y", ONE_HOT)];
    let line = spec("a.csv, x = a, y = y, hold out 20 % stratified");
    let held = |seed| {
        let loaded = load(folder.path(), &line, &symbols, seed).unwrap();
        assert_eq!(loaded.prepared.report.held_out, 20);
        loaded.prepared.held_out.unwrap()
    };
    assert_eq!(held(1), held(1));
    assert_ne!(held(1).origin, held(2).origin);
    let y = rows(&held(1), "y").concat();
    assert!((0..4).all(|c| y.iter().filter(|&&v| v == f64::from(c)).count() == 5));
}

#[test]
fn validation_and_test_files_use_the_same_recipe() {
    let folder = Folder::with(&[
        ("a.csv", b"a,y\n1,u\n3,v\n"),
        ("v.csv", b"y,a\nv,5\n"),
        ("t.csv", b"a,y\n7,u\n,\n"),
    ]);
    let line = spec("a.csv, x = a / standardized, y = y, validate v.csv, test t.csv");
    let loaded =
        load(folder.path(), &line, &[input("x"), target("y", ONE_HOT)], 0).unwrap();
    assert_eq!(rows(loaded.watched().unwrap(), "x"), [[3.0]]);
    let (test, report) = loaded.test.unwrap();
    assert_eq!((rows(&test, "x"), rows(&test, "y")), (vec![vec![5.0]], vec![vec![0.0]]));
    assert_eq!(report.dropped, 1);
}

#[test]
fn a_later_file_without_header_may_lack_the_target() {
    let folder = Folder::with(&[
        ("a.csv", b"u,1,2\nv,3,4\n"),
        ("b.csv", b"5,6\n"),
        ("c.csv", b"w,5,6\n"),
        ("d.csv", b"5,6,7,8\n"),
    ]);
    for line in
        ["a.csv, x = 2..3, y = 1, no header", "a.csv, x = *, y = k, no header k a b"]
    {
        let symbols = [input("x"), target("y", ONE_HOT)];
        let loaded = load(folder.path(), &spec(line), &symbols, 0).unwrap();
        let preparation = &loaded.prepared.preparation;
        for file in ["b.csv", "c.csv"] {
            let later = preparation.read(folder.path(), file).unwrap();
            let (data, _) = preparation.apply(&later, false).unwrap();
            assert_eq!(rows(&data, "x"), [[5.0, 6.0]], "{line} {file}");
        }
        let wrong = preparation.read(folder.path(), "d.csv").unwrap_err().to_string();
        assert!(wrong.contains("expected 3 columns, or 2 without the targets, found 4"));
    }
}

#[test]
fn many_columns_of_one_kind_share_a_line() {
    let names: Vec<String> = (1..=12).map(|i| format!("p{i}")).collect();
    let zeros = ["0"; 12].join(",");
    let text = format!("{},y\n{zeros},1\n{zeros},2\n", names.join(","));
    let loaded = csv(&text, "a.csv, x = p*, y = y", None);
    let lines = loaded.prepared.report.lines();
    let expected = "12 columns with one value only in the training part: p1, p2, p3, p4, p5, p6, \
                    p7, p8 and 4 more";
    assert_eq!(lines.last().unwrap(), expected);
}
