//! `new`: every file that it writes fits, and it leaves files alone that are there.

use crate::support::Place;

#[test]
fn every_generated_file_type_checks() {
    let place = Place::new();
    let kinds: [&[&str]; 6] = [
        &["classifier"],
        &["classifier", "--classes", "2"],
        &["classifier", "--classes", "10", "--inputs", "784"],
        &["regressor"],
        &["regressor", "--outputs", "3", "--inputs", "5"],
        &["regressor", "--inputs", "1", "--activation", "selu"],
    ];
    for kind in kinds {
        for hidden in ["1", "64", "64,32", "8,8,8,8"] {
            let args =
                [&["new"], kind, &["--hidden", hidden, "-o", "n.chain", "--force"]];
            let ran = place.run(&args.concat());
            assert_eq!(ran.status, 0, "{kind:?} {hidden}: {ran:?}");
            let check = place.run(&["check", "n.chain", "--format", "json"]);
            assert_eq!(check.status, 0, "{kind:?} {hidden}: {check:?}");
            assert_eq!(check.json()["diagnostics"], serde_json::json!([]), "{kind:?}");
        }
    }
}

#[test]
fn a_file_that_is_there_stays() {
    let place = Place::new();
    place.file("classifier.chain", "mine");
    let ran = place.run(&["new", "classifier"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("classifier.chain") && ran.err.contains("--force"),
        "{}",
        ran.err
    );
    let kept = std::fs::read_to_string(place.path().join("classifier.chain"));
    assert_eq!(kept.expect("the file"), "mine");
    assert_eq!(place.names(), ["classifier.chain"]);
    assert_eq!(place.run(&["new", "classifier", "--force"]).status, 0);
    assert_eq!(place.names(), ["classifier.chain"]);
}

#[test]
fn a_file_goes_to_standard_output_if_asked_to() {
    let place = Place::new();
    let ran = place.run(&["new", "regressor", "-o", "-"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("half_mse(y, ŷ)"), "{}", ran.out);
    assert!(place.names().is_empty());
}

#[test]
fn sizes_that_make_no_network_are_refused() {
    let place = Place::new();
    let cases: [&[&str]; 5] = [
        &["classifier", "--classes", "1"],
        &["classifier", "--hidden", "0"],
        &["classifier", "--hidden", "a"],
        &["classifier", "--outputs", "2"],
        &["regressor", "--classes", "2"],
    ];
    for args in cases {
        let ran = place.run(&[&["new"], args].concat());
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(place.names().is_empty());
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let place = Place::new();
    let ran = place.run(&["new", "classifier", "-o", "no/such/c.chain"]);
    assert_eq!(ran.status, 3);
    assert!(ran.err.contains("no/such/c.chain"), "{}", ran.err);
}
