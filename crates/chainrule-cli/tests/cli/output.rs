//! Where things are written: pipes that close, disks that are full, colours.

use std::process::Stdio;

use crate::support::{Place, ran};

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = place
        .command(&["functions", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let ran = ran(child.wait_with_output().expect("the command ends"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut command = Place::new().command(&["functions"]);
    command.current_dir("/").stdout(full.expect("the device that is always full"));
    let ran = ran(command.output().expect("the command starts"));
    assert_eq!(ran.status, 3);
    assert!(ran.err.contains("cannot write the results"), "{}", ran.err);
}

/// By links of our own: were a device replaced, it would be the machine's.
#[cfg(target_os = "linux")]
#[test]
fn what_is_no_file_is_written_into_and_a_link_stays() {
    let place = Place::new();
    place.file("a.chain", "z = W1ᵀ x\n");
    let link = |name: &str, to: &str| {
        std::os::unix::fs::symlink(to, place.path().join(name)).expect("a link");
    };
    let fmt = |to: &str| place.run(&["fmt", "a.chain", "--to", "ascii", "-o", to]);
    link("full", "/dev/full");
    link("file", "there.chain");
    place.file("there.chain", "");
    let full = fmt("full");
    assert_eq!(full.status, 3, "{full:?}");
    assert_eq!(
        (fmt("file").status, fmt("/dev/stdout").out.as_str()),
        (0, "z = W1^T x\n")
    );
    let at = |name: &str| place.path().join(name);
    assert!(at("full").is_symlink() && at("file").is_symlink());
    let written = std::fs::read_to_string(at("there.chain")).expect("written");
    assert_eq!(written, "z = W1^T x\n");
}

#[test]
fn a_dash_is_standard_output() {
    let place = Place::new();
    place.file("a.chain", "z = W1ᵀ x\n");
    let ran = place.run(&["fmt", "a.chain", "--to", "ascii", "-o", "-"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "z = W1^T x\n"));
    place.file("b.chain", "a = 2\n");
    let told = place.run(&["explain", "b.chain"]).out;
    assert_eq!(place.run(&["explain", "b.chain", "-o", "-"]).out, told);
    assert_eq!(place.names(), ["a.chain", "b.chain"]);
}

#[test]
fn colours_come_only_where_they_are_wanted() {
    let place = Place::new();
    place.file("bad.chain", "a = b\n");
    let colored = |args: &[&str]| place.run(args).err.contains('\u{1b}');
    assert!(!colored(&["check", "bad.chain"]));
    assert!(!colored(&["check", "bad.chain", "--color", "never"]));
    assert!(colored(&["check", "bad.chain", "--color", "always"]));
    let plain = place.run(&["check", "bad.chain"]).err;
    let shown = place.run(&["check", "bad.chain", "--color", "always"]).err;
    assert_eq!(plain.lines().count(), shown.lines().count());
}
