//! Data, settings, models and folders that are in the way: the message names the file and the way
//! out, the status is that of docs/exit-status.md, and nothing is left behind.

#[cfg(target_os = "linux")]
use crate::support::skipped;
use crate::support::{Place, Ran};
use crate::training::{CLASSES, place, table};

/// Trains and sees to it that nothing was left.
fn refused(place: &Place, args: &[&str]) -> Ran {
    let before = place.names();
    let ran = place.run(&[&["train", "t.chain"], args].concat());
    assert_ne!(ran.status, 0, "{ran:?}");
    assert_ne!(ran.status, 101, "{ran:?}");
    assert_eq!(place.names(), before, "{ran:?}");
    ran
}

#[test]
fn tables_that_do_not_fit_are_refused_with_the_place() {
    let cases: [(&str, String, &str); 7] = [
        ("empty", String::new(), "t.csv"),
        ("only a header", "a,b,kind\n".to_owned(), "t.csv"),
        ("ragged", table() + "1.0,2.0\n", "line 122"),
        ("words among numbers", table() + "1.0,two,small\n", "two"),
        ("another header", table().replacen("a,b,kind", "a,c,kind", 1), "b"),
        ("one class", table().replace("large", "small"), "small"),
        ("one row", "a,b,kind\n1,2,small\n".to_owned(), "t.csv"),
    ];
    for (what, text, words) in cases {
        let place = Place::new();
        place.file("t.chain", CLASSES);
        place.file("t.csv", text);
        let ran = refused(&place, &[]);
        assert!(ran.status == 2, "{what}: {ran:?}");
        assert!(ran.err.contains(words), "{what}: {}", ran.err);
    }
}

#[test]
fn a_cell_that_is_no_number_is_said_or_filled_aloud() {
    for cell in ["NaN", "inf", ""] {
        let place = Place::new();
        place.file("t.chain", CLASSES);
        place.file("t.csv", table() + &format!("{cell},2.0,small\n"));
        let ran = place.run(&["train", "t.chain", "--epochs", "2"]);
        assert!([0, 2].contains(&ran.status), "{cell}: {ran:?}");
        let words = if ran.status == 0 { "missing" } else { "t.csv" };
        assert!(ran.err.contains(words), "{cell}: {}", ran.err);
    }
}

#[test]
fn a_class_that_training_never_saw_is_refused() {
    let place = place();
    place.file("v.csv", "a,b,kind\n1.0,2.0,huge\n");
    place.file("t.chain", CLASSES.replace("hold out 20 % stratified", "validate v.csv"));
    let ran = refused(&place, &[]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("huge") && ran.err.contains("v.csv"), "{}", ran.err);
}

#[test]
fn a_table_that_is_missing_is_named() {
    let place = Place::new();
    place.file("t.chain", CLASSES);
    let ran = refused(&place, &[]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("t.csv"), "{}", ran.err);
}

#[test]
fn settings_that_cannot_be_meant_are_refused_before_anything_is_read() {
    let cases = [
        (["--epochs", "0"], "epochs"),
        (["--epochs", "-3"], "epochs"),
        (["--batch", "many"], "batch"),
        (["--lr", "fast"], "lr"),
        (["--set", "HH=3"], "HH"),
        (["--set", "H"], "NAME=VALUE"),
        (["--target", "kind"], "--data"),
    ];
    for (args, words) in cases {
        let ran = refused(&place(), &args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_batch_larger_than_the_data_is_said_and_used() {
    let place = place();
    let ran = place.run(&["train", "t.chain", "--batch", "5000", "--epochs", "2"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("5000"), "{}", ran.err);
}

#[test]
fn a_constant_column_is_said() {
    let place = Place::new();
    place.file("t.chain", CLASSES);
    let all = table();
    let rows = all.lines().skip(1).map(|l| {
        let kind = l.rsplit(',').next().unwrap_or_default();
        format!("{},7,{kind}\n", l.split(',').next().unwrap_or_default())
    });
    place.file("t.csv", "a,b,kind\n".to_owned() + &rows.collect::<String>());
    let ran = place.run(&["train", "t.chain", "--epochs", "2"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.err.contains("one value"), "{}", ran.err);
}

#[test]
fn a_file_without_a_data_line_says_so() {
    let place = Place::new();
    let file: String = CLASSES
        .lines()
        .filter(|l| !l.starts_with("data:"))
        .map(|l| format!("{l}\n"))
        .collect();
    place.file("t.chain", file);
    let ran = refused(&place, &[]);
    assert!(ran.err.contains("data:"), "{}", ran.err);
}

#[test]
fn a_file_with_errors_is_drawn_not_trained() {
    let place = Place::new();
    place.file("t.chain", CLASSES.replace("W2 a1", "W2 x"));
    let ran = refused(&place, &[]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("error S1: the product W2 x does not fit"), "{}", ran.err);
    assert!(ran.err.contains("did you mean"), "{}", ran.err);
}

#[test]
fn models_that_are_cut_or_changed_in_one_bit_are_refused() {
    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "-q"]).status, 0);
    let model =
        std::fs::read(place.path().join("runs/t-1.safetensors")).expect("a model");
    let flipped = |at: usize| {
        let mut bytes = model.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("empty", Vec::new()),
        ("cut", model[..model.len() / 2].to_vec()),
        ("cut by one", model[..model.len() - 1].to_vec()),
        ("header", flipped(40)),
        ("length", flipped(0)),
        ("numbers", flipped(model.len() - 5)),
        ("text", b"not a model\n".to_vec()),
    ];
    for (what, bytes) in cases {
        place.file("bad.safetensors", bytes);
        for command in ["predict", "evaluate"] {
            let ran = place.run(&[command, "bad.safetensors", "t.csv"]);
            assert_eq!(ran.status, 2, "{what}: {ran:?}");
            assert!(ran.err.contains("bad.safetensors"), "{what}: {}", ran.err);
            assert_eq!(ran.out, "", "{what}");
        }
    }
    let missing = place.run(&["predict", "none.safetensors", "t.csv"]);
    assert_eq!(missing.status, 2, "{missing:?}");
}

#[test]
fn rows_that_do_not_fit_the_model_are_refused() {
    let place = place();
    assert_eq!(place.run(&["train", "t.chain", "-q"]).status, 0);
    let cases = [
        ("a,kind\n1,small\n", "b"),
        ("a,b\n1,x\n", "x"),
        ("", "new.csv"),
        ("a,b\n1\n", "line 2"),
    ];
    for (text, words) in cases {
        place.file("new.csv", text);
        let ran =
            place.run(&["predict", "runs/t-1.safetensors", "new.csv", "-o", "out.csv"]);
        assert_eq!(ran.status, 2, "{text:?}: {ran:?}");
        assert!(ran.err.contains(words), "{text:?}: {}", ran.err);
        assert!(!place.names().contains(&"out.csv".to_owned()));
    }
    place.file("new.csv", "a,b,kind\n1,2,huge\n");
    let unseen = place.run(&["evaluate", "runs/t-1.safetensors", "new.csv"]);
    assert_eq!(unseen.status, 2, "{unseen:?}");
    assert!(unseen.err.contains("huge"), "{}", unseen.err);
}

/// Somebody who may not write here: only root can become one, others are one already.
#[cfg(target_os = "linux")]
fn as_nobody(place: &Place, args: &[&str]) -> Option<Ran> {
    use std::os::unix::fs::PermissionsExt;
    let open =
        |mode| std::fs::set_permissions(place.path(), PermissionsExt::from_mode(mode));
    open(0o555).expect("the folder's permissions");
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_chainrule")).args(args).current_dir(place.path());
    let output = command.output();
    open(0o755).expect("the folder's permissions");
    let ran = crate::support::ran(output.ok()?);
    // Without the right to become somebody else there is nothing to see.
    (!ran.err.starts_with("setpriv")).then_some(ran)
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_permission_is_named_and_left_alone() {
    let place = place();
    let before = place.names();
    for args in [&["train", "t.chain"][..], &["new", "classifier"]] {
        let Some(ran) = as_nobody(&place, args) else {
            return skipped("nobody else to become here");
        };
        assert_eq!(ran.status, 3, "{ran:?}");
        assert!(ran.err.contains("Permission denied"), "{}", ran.err);
        assert_eq!(place.names(), before);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing() {
    let place = place();
    let disk = place.path().join("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let mut mount = std::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=16k", "none"]).arg(&disk);
    // Only root can mount; elsewhere the library's own tests stand for this.
    if !mount.output().is_ok_and(|o| o.status.success()) {
        return skipped("a small disk cannot be mounted here");
    }
    let ran = place
        .run(&["train", "t.chain", "--out", "disk", "--set", "H=4000", "--epochs", "1"]);
    let left = std::fs::read_dir(&disk).expect("the disk").count();
    let unmounted = std::process::Command::new("umount").arg(&disk).status();
    assert!(unmounted.is_ok_and(|s| s.success()));
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("No space left"), "{}", ran.err);
    assert_eq!(left, 0, "{ran:?}");
}
