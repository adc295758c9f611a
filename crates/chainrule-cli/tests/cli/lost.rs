//! Nothing is lost: Ctrl-C, a kill at any moment, a disk that fills up, folders that close, clocks.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, Ran};
use crate::training::{CLASSES, place};

/// As [`CLASSES`], with state of each kind.
fn stateful(epochs: u32) -> String {
    CLASSES
        .replace("relu(W1 x + b1)", "dropout(relu(batch_norm(W1 x + b1)), 0.2)")
        .replace(
            "epochs 30",
            &format!("epochs {epochs}, keep best, checkpoint every 20 steps"),
        )
}

fn start(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command starts")
}

/// Waits until something is so; a minute is longer than any of it takes.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: never");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |t| t.lines().count())
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let mut kill = std::process::Command::new("kill");
    kill.args([name, &child.id().to_string()]);
    assert!(kill.status().expect("kill runs").success());
}

fn ended(child: Child) -> Ran {
    crate::support::ran(child.wait_with_output().expect("the command ends"))
}

/// The model, and the table without its seconds.
fn left(place: &Place, run: &str) -> (Vec<u8>, String) {
    let at = place.path().join(run);
    let model = std::fs::read(at.with_extension("safetensors")).expect("a model");
    let table = std::fs::read_to_string(at.join("epochs.csv")).expect("a table");
    let cut = |line: &str| line.rsplit_once(',').map(|(l, _)| l.to_owned() + "\n");
    (model, table.lines().filter_map(cut).collect())
}

fn train(place: &Place, args: &[&str]) -> Ran {
    place.run(&[&["train"], args, &["--quiet"]].concat())
}

/// How often the process is killed: a handful, or what `CHAINRULE_KILLS` says.
#[cfg(unix)]
fn kills() -> u64 {
    std::env::var("CHAINRULE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

#[cfg(unix)]
#[test]
fn a_run_killed_at_random_moments_ends_with_the_bits_of_one_never_killed() {
    let place = place();
    place.file("t.chain", stateful(500));
    let begun = Instant::now();
    assert_eq!(train(&place, &["t.chain", "--out", "whole"]).status, 0);
    let whole = begun.elapsed().as_millis() as u64;
    let want = left(&place, "whole/t-1");
    let (mut random, mut all) = (12345_u64, 0);
    for turn in 1..=kills() {
        let (out, run) = ("killed", format!("killed/t-{turn}"));
        let mut args = vec!["train", "t.chain", "--quiet", "--out", out];
        let mut killed = 0;
        // Two kills, each within the time that the whole takes, then to the end.
        for _ in 0..2 {
            let mut child = start(&place, &args);
            until("a folder", || {
                let over = child.try_wait().expect("a child").is_some();
                over || place.path().join(&run).join("epochs.csv").exists()
            });
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            std::thread::sleep(Duration::from_millis((random >> 33) % (whole * 2 / 3)));
            killed += u32::from(child.try_wait().expect("a child").is_none());
            signal_if_there(&mut child);
            args = vec!["train", "--resume", &run, "--quiet"];
        }
        all += killed;
        let ran = place.run(&args);
        assert_eq!(ran.status, 0, "turn {turn}, killed {killed} times: {ran:?}");
        assert!(left(&place, &run) == want, "turn {turn}, killed {killed} times");
    }
    assert!(all > 0, "each was over before it could be killed");
}

#[cfg(unix)]
fn signal_if_there(child: &mut Child) {
    // One that is over already cannot be killed, and that is no failure.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_how_to_go_on_and_that_is_the_whole() {
    let place = place();
    for (name, signal_name) in [("int", "-INT"), ("term", "-TERM")] {
        place.file("t.chain", stateful(500));
        let args = ["train", "t.chain", "--epochs", "100000000", "--out", name];
        let child = start(&place, &args);
        let table = place.path().join(name).join("t-1/epochs.csv");
        until("some epochs", || lines(&table) > 5);
        signal(&child, signal_name);
        let ran = ended(child);
        assert_eq!(ran.status, 130, "{ran:?}");
        let way = format!("go on with: chainrule train --resume {name}/t-1");
        assert!(ran.err.contains(&way), "{}", ran.err);
        let run = format!("{name}/t-1");
        let again = place.run(&["rerun", &run, "--quiet"]);
        assert_eq!(again.status, 0, "a stopped run can be repeated: {again:?}");
        let epochs = (lines(&table) + 20).to_string();
        let on = train(&place, &["--resume", &run, "--epochs", &epochs]);
        assert_eq!(on.status, 0, "{on:?}");
        let whole = train(&place, &["t.chain", "--epochs", &epochs, "--out", "whole"]);
        assert_eq!(whole.status, 0, "{whole:?}");
        let number = if name == "int" { 1 } else { 2 };
        assert!(left(&place, &run) == left(&place, &format!("whole/t-{number}")));
    }
}

#[test]
fn a_finished_run_is_said_to_be_so() {
    let place = place();
    assert_eq!(train(&place, &["t.chain"]).status, 0);
    let before = left(&place, "runs/t-1");
    let again = place.run(&["train", "--resume", "runs/t-1"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert!(
        again.out.contains("runs/t-1 is finished (all epochs done)"),
        "{}",
        again.out
    );
    let json =
        place.run(&["train", "--resume", "runs/t-1.safetensors", "--format", "json"]);
    assert_eq!(json.json()["finished"], true);
    assert!(left(&place, "runs/t-1") == before);
}

#[test]
fn a_rerun_says_equal_different_or_not_repeatable() {
    let place = place();
    assert_eq!(train(&place, &["t.chain"]).status, 0);
    assert_eq!(train(&place, &["t.chain", "--seed", "1", "--set", "H=9"]).status, 0);
    let equal = place.run(&["rerun", "runs/t-2", "--threads", "3", "-q"]);
    assert_eq!(equal.status, 0, "{equal:?}");
    assert!(equal.out.contains("runs/t-2: equal"), "{}", equal.out);
    let files = ["runs/t-1.safetensors", "runs/t-2.safetensors"];
    std::fs::copy(place.path().join(files[0]), place.path().join(files[1]))
        .expect("a copy");
    let other = place.run(&["rerun", "runs/t-2", "--format", "json"]);
    assert_eq!(other.status, 1, "{other:?}");
    let json = other.json();
    assert!(json["equal"] == false && json["history"] == serde_json::json!([]), "{json}");
    assert!(json["model"].to_string().contains("W1"), "{json}");
    place.file("t.csv", crate::training::table() + "1,2,small\n");
    let changed = place.run(&["rerun", "runs/t-1"]);
    assert_eq!(changed.status, 2, "{changed:?}");
    assert!(changed.err.contains("t.csv: expected the data"), "{}", changed.err);
    for nothing in ["runs", "runs/t-9", "t.csv"] {
        assert_eq!(place.run(&["rerun", nothing]).status, 2, "{nothing}");
        assert_eq!(place.run(&["train", "--resume", nothing]).status, 2, "{nothing}");
    }
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    let place = place();
    for args in [
        &["train", "t.chain", "--resume", "runs/t-1"][..],
        &["train", "--resume", "runs/t-1", "--seed", "3"],
        &["train", "--resume", "runs/t-1", "--set", "H=3"],
        &["train", "t.chain", "--checkpoint-every", "5"],
        &["train", "t.chain", "--checkpoint-every", "0 steps"],
    ] {
        assert_eq!(place.run(args).status, 2, "{args:?}");
    }
    let never = train(&place, &["t.chain", "--checkpoint-every", "never"]);
    assert_eq!(never.status, 0, "{never:?}");
    let left = std::fs::read_dir(place.path().join("runs/t-1")).expect("a folder");
    assert!(
        left.flatten().all(|e| !e.file_name().to_string_lossy().contains("checkpoint"))
    );
}

/// A small disk; only root can mount one.
#[cfg(target_os = "linux")]
struct Disk(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Disk {
    fn mount(place: &Place, size: &str) -> Option<Self> {
        let disk = place.path().join("disk");
        std::fs::create_dir(&disk).expect("a folder");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(&disk);
        mount.output().is_ok_and(|o| o.status.success()).then_some(Self(disk))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_leaves_the_last_checkpoint_and_the_run_goes_on_from_it() {
    let place = place();
    place.file("t.chain", stateful(2000));
    let Some(disk) = Disk::mount(&place, "8m") else {
        return crate::support::skipped("a small disk cannot be mounted here");
    };
    let mut child = start(&place, &["train", "t.chain", "-q", "--out", "disk"]);
    let run = disk.0.join("t-1");
    until("some epochs", || lines(&run.join("epochs.csv")) > 20);
    let filler = disk.0.join("filler");
    let mut fill = std::fs::File::create(&filler).expect("a file");
    // Whatever is free, and what old checkpoints set free on the way.
    until("the end", || {
        while fill.write(&[7; 1 << 12]).is_ok_and(|n| n > 0) {}
        child.try_wait().expect("a child").is_some()
    });
    drop(fill);
    let ran = ended(child);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("No space left"), "{}", ran.err);
    assert!(
        ran.err.contains("go on with: chainrule train --resume disk/t-1"),
        "{}",
        ran.err
    );
    std::fs::remove_file(&filler).expect("the filler");
    let on = train(&place, &["--resume", "disk/t-1"]);
    assert_eq!(on.status, 0, "{on:?}");
    assert_eq!(train(&place, &["t.chain", "--out", "whole"]).status, 0);
    assert!(left(&place, "disk/t-1") == left(&place, "whole/t-1"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_closes_on_the_way_stops_the_run_with_its_checkpoint() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let place = place();
    place.file("t.chain", stateful(500));
    let runs = place.path().join("runs");
    std::fs::create_dir(&runs).expect("a folder");
    if chown(&runs, Some(65534), Some(65534)).is_err() {
        return crate::support::skipped("nobody else to become here");
    }
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode))
            .expect("a folder");
    };
    open(place.path(), 0o755);
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.arg(env!("CARGO_BIN_EXE_chainrule"));
    command.args(["train", "t.chain", "-q", "--epochs", "100000000"]);
    command.current_dir(place.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(child) = command.spawn() else {
        return crate::support::skipped("nobody else to become here");
    };
    let run = runs.join("t-1");
    until("some epochs", || lines(&run.join("epochs.csv")) > 20);
    open(&run, 0o555);
    let ran = ended(child);
    open(&run, 0o755);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("Permission denied"), "{}", ran.err);
    let epochs = (lines(&run.join("epochs.csv")) + 20).to_string();
    let on = train(&place, &["--resume", "runs/t-1", "--epochs", &epochs]);
    assert_eq!(on.status, 0, "{on:?}");
    let whole = train(&place, &["t.chain", "--epochs", &epochs, "--out", "whole"]);
    assert_eq!(whole.status, 0, "{whole:?}");
    assert!(left(&place, "runs/t-1") == left(&place, "whole/t-1"));
}

/// What is left of a run that was stopped, without what it can go on from.
#[cfg(unix)]
fn parts(place: &Place) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![place.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => all.push(path.display().to_string()),
            }
        }
    }
    all.retain(|name| [".part", ".tmp"].iter().any(|end| name.ends_with(end)));
    all
}

#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_said_and_leaves_nothing_half_written() {
    let place = place();
    // In blocks of 512 or 1,024 bytes: enough for the equations, too little for the model.
    let wide = CLASSES.replace("H = 8", "H = 4000");
    let limited = |args: &str| {
        let mut shell = std::process::Command::new("sh");
        let program = env!("CARGO_BIN_EXE_chainrule");
        shell.arg("-c").arg(format!("ulimit -f 20 && exec {program} {args}"));
        crate::support::ran(shell.current_dir(place.path()).output().expect("a shell"))
    };
    place.file("t.chain", &wide);
    let ran = limited("train t.chain -q --epochs 2");
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("cannot write") && ran.err.contains("too large"), "{ran:?}");
    assert_eq!(place.names(), ["t.chain", "t.csv"], "no model, no run");
    // The same on the way: what was saved before the limit is whole.
    place
        .file("t.chain", wide.replace("epochs 30", "epochs 9, checkpoint every 1 steps"));
    let ran = limited("train t.chain -q");
    assert_eq!((ran.status, parts(&place).len()), (3, 0), "{ran:?}");
    // Results that go into a file are written or refused too.
    let ran = limited("functions --format json > out.json");
    assert_eq!(ran.status, 3, "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_at_once_and_loses_nothing_that_was_saved() {
    let place = place();
    place.file("t.chain", stateful(500));
    let args = ["train", "t.chain", "--epochs", "100000000"];
    let child = start(&place, &args);
    let table = place.path().join("runs/t-1/epochs.csv");
    until("some epochs", || lines(&table) > 5);
    signal(&child, "-INT");
    // It may be through already; then there is nobody left to hear the second one.
    let mut kill = std::process::Command::new("kill");
    let _ = kill.args(["-INT", &child.id().to_string()]).output();
    let ran = ended(child);
    assert_eq!(ran.status, 130, "{ran:?}");
    let epochs = (lines(&table) + 20).to_string();
    let on = train(&place, &["--resume", "runs/t-1", "--epochs", &epochs]);
    assert_eq!(on.status, 0, "{on:?}");
    let whole = train(&place, &["t.chain", "--epochs", &epochs, "--out", "whole"]);
    assert_eq!(whole.status, 0, "{whole:?}");
    assert!(left(&place, "runs/t-1") == left(&place, "whole/t-1"));
}

/// Where the first cannot be answered: nobody ever writes into the pipe that is read.
#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_what_does_not_hear_the_first() {
    let place = place();
    let pipe = place.path().join("pipe.csv");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|s| s.success()), "mkfifo");
    place.file("t.chain", CLASSES.replace("t.csv", "pipe.csv"));
    let mut child = start(&place, &["compare", "t.chain", "--vary", "lr=1,2"]);
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("a child").is_none(), "the first is only noted");
    signal(&child, "-INT");
    until("the end", || child.try_wait().expect("a child").is_some());
    let ran = ended(child);
    assert_eq!((ran.status, ran.out.as_str()), (130, ""), "{ran:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_changes_under_a_run_does_not_reach_it() {
    let place = place();
    place.file("t.chain", stateful(500));
    assert_eq!(train(&place, &["t.chain", "--out", "whole"]).status, 0);
    let child = start(&place, &["train", "t.chain", "--quiet", "--out", "changed"]);
    until("some epochs", || lines(&place.path().join("changed/t-1/epochs.csv")) > 2);
    place.file("t.csv", "nothing");
    place.file("t.chain", "nothing");
    let ran = ended(child);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(left(&place, "changed/t-1") == left(&place, "whole/t-1"));
    // What it was made of is no more, and that is said.
    assert_eq!(place.run(&["rerun", "changed/t-1"]).status, 2);
}
