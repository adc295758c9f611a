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
        (["--threads", "0"], "threads"),
        (["--lr", "0"], "above 0"),
    ];
    for (args, words) in cases {
        let ran = refused(&place(), &args);
        assert_eq!(ran.status, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}

#[test]
fn every_command_that_reads_equations_answers_to_set_in_the_same_way() {
    let place = place();
    for command in ["check", "explain", "plan", "train"] {
        for (set, words) in [
            ("epoch=3", "did you mean epochs?"),
            ("holdd out=3 %", "did you mean hold out?"),
            ("QQQ=3", "there are H"),
            ("H=0", "--set H=0: expected a dimension's size"),
            ("H=1e30", "--set H=1e30: expected"),
            ("hold out=0 %", "between 0 and 100"),
            ("batch=-3", "found `-3`"),
        ] {
            let ran = place.run(&[command, "t.chain", "--set", set]);
            assert_eq!(ran.status, 2, "{command} {set}: {ran:?}");
            assert!(ran.err.contains(words), "{command} {set}: {}", ran.err);
        }
    }
    assert_eq!(place.names(), ["t.chain", "t.csv"]);
}

#[test]
fn items_of_the_data_line_can_be_set() {
    let place = place();
    place.file("other.csv", table());
    let run = |set: &str| {
        let ran = place.run(&["train", "t.chain", "--epochs", "1", "--set", set]);
        assert_eq!(ran.status, 0, "{set}: {ran:?}");
        ran.err
    };
    assert!(run("hold out=10 %").contains("12 held out"));
    assert!(run("hold_out=0.5").contains("60 held out"));
    assert!(run("hold out=none").contains("120 rows"));
    assert!(run("file=other.csv").contains("other.csv"));
    assert!(run("x=a").contains("x: 1 column"));
}

#[test]
fn what_no_memory_holds_is_refused_before_it_is_taken() {
    let known = std::fs::read_to_string("/proc/meminfo");
    if !known.is_ok_and(|info| info.contains("MemAvailable")) {
        return skipped_here("the system does not say how much memory is free");
    }
    let ran = refused(&place(), &["--set", "H=900000000"]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("bytes are needed") && ran.err.contains("are free"));
    let place = place();
    let args = ["explain", "t.chain", "--row", "1", "--ask", "ŷ", "--set", "H=900000000"];
    let ran = place.run(&args);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("smaller dimensions"), "{}", ran.err);
}

fn skipped_here(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

#[test]
fn settings_of_the_file_that_cannot_be_meant_are_told_with_their_place() {
    for (from, to, words) in [
        ("lr = 1e-2", "lr = -1", "expected a rate above 0, found -1"),
        ("lr = 1e-2", "lr = 0", "expected a rate above 0, found 0"),
        ("lr = 1e-2", "lr = cosin(0.1)", "did you mean `cosine`?"),
        ("seed 0", "seed -1", "a whole number from 0, found `-1`"),
        ("seed 0", "seed 0, clip -2", "above 0, found `-2`"),
        ("cross_entropy(", "CrossEntropyLoss(", "did you mean `cross_entropy`?"),
        ("x = ", "xx = ", "expected an input or target (x, y), found `xx`"),
    ] {
        let place = Place::new();
        place.file("t.csv", table());
        assert!(CLASSES.contains(from), "{from}");
        place.file("t.chain", CLASSES.replacen(from, to, 1));
        for (command, status) in [("check", 1), ("train", 2)] {
            let ran = place.run(&[command, "t.chain"]);
            assert_eq!(ran.status, status, "{command} {to}: {ran:?}");
            assert!(ran.err.contains(words), "{command} {to}: {}", ran.err);
            assert!(ran.err.contains("line "), "{command} {to}: {}", ran.err);
        }
    }
}

#[test]
fn a_file_without_data_is_told_the_line_to_add() {
    let place = Place::new();
    let data = CLASSES.lines().find(|l| l.starts_with("data:")).unwrap_or_default();
    place.file("t.chain", CLASSES.replace(data, ""));
    let ran = refused(&place, &[]);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.err.contains("data: FILE.csv, x = *, y = COLUMN"), "{}", ran.err);
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

/// What is typed beside a file is told at its own place, not at a line of the file.
#[test]
fn options_that_do_not_fit_are_named_and_no_line_of_the_file_is_shown() {
    let place = Place::new();
    let file = "x := 2\nL = x²\ntrainable: x\ntrain: sgd(lr = 0.1)\n";
    place.file("a.chain", file);
    place.file("empty.chain", "");
    for (args, words) in [
        (
            &["--update", "foo(lr = 1)"][..],
            "--update \"foo(lr = 1)\": no optimiser is called",
        ),
        (
            &["--update", "sgd(lr = -1)", "--ask", "x'"],
            "--update \"sgd(lr = -1)\": expected a rate",
        ),
        (&["--freeze", "Q"], "--freeze Q: the file has no symbol `Q`"),
        (&["--freeze", "Q", "--ask", "x'"], "--freeze Q: the file has no symbol `Q`"),
        (&["--ask", "fd(L, x, 1e-300)"], "do not move by a step that small"),
    ] {
        let ran = place.run(&[&["explain", "a.chain"], args].concat());
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(ran.err.contains(words) && !ran.err.contains("x := 2"), "{}", ran.err);
    }
    let ran = place.run(&["explain", "empty.chain"]);
    assert!(ran.status == 2 && ran.err.contains("nothing in it to explain"), "{ran:?}");
    let ran = place.run(&["exam", "a.chain", "--ask", "foo"]);
    assert!(ran.status == 2 && ran.err.contains("foo: `foo` is not known"), "{ran:?}");
    assert!(!ran.err.contains("x := 2"), "{}", ran.err);
}

/// What overflows beside its own value says nothing of its gradient.
#[test]
fn a_power_that_overflows_beside_its_value_is_no_wrong_gradient() {
    let place = Place::new();
    place.file("a.chain", "x := 1\nL = x^1e21\ntrainable: x\n");
    let ran = place.run(&["check", "a.chain"]);
    assert!(!ran.err.contains("gradient check failed"), "{ran:?}");
}
