//! Data on disk, as users meet it: `--cache`, what is said, what is refused, and how much memory it takes.

use std::time::Duration;

use crate::support::{Place, Ran};
use crate::training::{CLASSES, place};

/// Rows enough for some blocks of a cache.
fn large(place: &Place, rows: u32) {
    let mut text = "a,b,kind\n".to_owned();
    for i in 0..rows {
        let (a, b) = (f64::from(i * 37 % 1013) / 100.0, f64::from(i * 53 % 977) / 100.0);
        let kind = if a + 0.5 * b > 7.0 { "large" } else { "small" };
        text.push_str(&format!("{a},{b},{kind}\n"));
    }
    place.file("t.csv", text);
    place.file("t.chain", CLASSES.replace("batch 16, epochs 30", "batch 500, epochs 4"));
}

fn model(place: &Place, run: &str) -> Vec<u8> {
    let path = place.path().join(run).with_extension("safetensors");
    std::fs::read(path).expect("a model")
}

fn well(ran: Ran) -> Ran {
    assert_eq!(ran.status, 0, "{ran:?}");
    ran
}

#[test]
fn a_cache_is_made_once_used_again_and_gives_the_bits_of_memory() {
    let place = place();
    well(place.run(&["train", "t.chain", "--out", "memory"]));
    let first = well(place.run(&["train", "t.chain", "--out", "disk", "--cache", "c"]));
    assert!(first.err.contains("t.csv is read into c/t-"), "{}", first.err);
    assert!(
        first.err.contains("120 rows, 96 for training, 24 held out"),
        "{}",
        first.err
    );
    assert!(first.out.contains("held out (24 rows): loss"), "{}", first.out);
    let again = well(place.run(&["train", "t.chain", "--out", "disk", "--cache", "c"]));
    assert!(again.err.contains(".rows: used again"), "{}", again.err);
    let memory = model(&place, "memory/t-1");
    assert!(memory == model(&place, "disk/t-1") && memory == model(&place, "disk/t-2"));
    // Another split is another cache; a window without a folder has its own place.
    let seed = ["train", "t.chain", "--out", "disk", "--cache", "c", "--seed", "5"];
    assert!(well(place.run(&seed)).err.contains("is read into"));
    let window = ["train", "t.chain", "--out", "w", "--cache-window", "40 rows"];
    let ran = well(place.run(&window));
    assert!(ran.err.contains("is read into w/cache/t-"), "{}", ran.err);
    let json = well(place.run(&[&seed[..], &["--format", "json"]].concat()));
    assert_eq!(json.json()["parts"][0]["part"], "held out");
    let quiet = well(place.run(&[&seed[..], &["--quiet"]].concat()));
    assert_eq!(quiet.err, "");
    assert!(well(place.run(&["rerun", "w/t-1"])).out.contains("equal"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = place();
    let refused = |args: &[&str], words: &str| {
        let ran = place.run(&[&["train"], args].concat());
        assert_eq!(ran.status, 2, "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    };
    for window in ["0", "-3", "many", "5 parsecs", "1.5 GiB"] {
        refused(
            &["t.chain", &format!("--cache-window={window}")],
            "expected rows or a size",
        );
    }
    refused(&["t.chain", "--cache", "c", "--no-cache"], "cannot be used with");
    well(place.run(&["train", "t.chain", "--out", "memory"]));
    let more = ["--resume", "memory/t-1", "--epochs", "40", "--cache", "c"];
    refused(&more, "the run was trained from memory");
    refused(&["--resume", "memory/t-1", "--cache-window", "9"], "cannot be used with");
    if !cfg!(feature = "parquet") {
        place.file("t.csv", b"PAR1 and more");
        refused(&["t.chain", "--cache", "c"], "--features parquet");
        refused(&["t.chain"], "--features parquet");
    }
    let folder = place.path().join("file");
    std::fs::write(&folder, "in the way").expect("a file");
    let ran = place.run(&["train", "t.chain", "--cache", "file"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.err.contains("cannot write file"), "{}", ran.err);
}

#[test]
fn a_run_on_disk_goes_on_after_a_kill_and_not_on_other_data() {
    let place = Place::new();
    large(&place, 60_000);
    let cache = ["--cache", "c", "--cache-window", "20000", "--quiet"];
    let args =
        |out: &'static str| [&["train", "t.chain", "--out", out], &cache[..]].concat();
    well(place.run(&args("whole")));
    let pieces = [&args("pieces")[..], &["--checkpoint-every", "30 steps"]].concat();
    let mut child = place.command(&pieces).spawn().expect("the command starts");
    let run = place.path().join("pieces/t-1");
    let checkpoint = || {
        let names = std::fs::read_dir(&run).into_iter().flatten().flatten();
        names.map(|e| e.file_name()).any(|n| {
            let name = n.to_string_lossy();
            name.starts_with("checkpoint-") && name.ends_with(".safetensors")
        })
    };
    while !checkpoint() && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    well(place.run(&["train", "--resume", "pieces/t-1", "--quiet"]));
    assert!(model(&place, "whole/t-1") == model(&place, "pieces/t-1"));
    // The cache may be elsewhere, or gone.
    std::fs::remove_dir_all(place.path().join("c")).expect("the cache");
    let more = ["train", "--resume", "pieces/t-1", "--epochs", "5", "--cache", "d"];
    assert!(well(place.run(&more)).err.contains("is read into d/t-"));
    large(&place, 59_000);
    let more = ["train", "--resume", "pieces/t-1", "--epochs", "6"];
    let ran = place.run(&more);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(
        ran.err.contains("t.csv: expected the data that the run began with"),
        "{ran:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn data_too_large_for_memory_is_put_on_disk_and_said() {
    let place = place();
    // A file with holes: it has a length and takes no room.
    let hole = std::fs::File::create(place.path().join("t.csv")).expect("a file");
    hole.set_len(1 << 43).expect("a long file");
    let ran = place.run(&["train", "t.chain", "--out", "o"]);
    assert!(ran.err.contains("it is read through a cache on disk"), "{ran:?}");
    assert!(ran.err.contains("a record of more than"), "{ran:?}");
    assert_eq!(ran.status, 2);
    assert_eq!(place.names(), ["t.chain", "t.csv"]);
}

/// The most memory that a training took, in kB.
#[cfg(target_os = "linux")]
fn peak(place: &Place, args: &[&str]) -> u64 {
    let mut child = place.command(args).spawn().expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kb = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = peak.max(kb.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(child.wait().expect("a child").success());
    peak
}

/// The most of several trainings: a look every few milliseconds can miss a peak, and never
/// sees too high a one.
#[cfg(target_os = "linux")]
fn peak_of_several(place: &Place, args: &[&str]) -> u64 {
    (0..3).map(|_| peak(place, args)).max().unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_while_the_file_grows_tenfold() {
    let place = Place::new();
    let cache = ["--cache", "c", "--cache-window", "100 kB", "--epochs", "1", "--quiet"];
    let on_disk = [&["train", "t.chain"], &cache[..]].concat();
    let in_memory = ["train", "t.chain", "--epochs", "1", "--quiet"];
    large(&place, 60_000);
    let small = [peak_of_several(&place, &on_disk), peak_of_several(&place, &in_memory)];
    large(&place, 600_000);
    let large = [peak_of_several(&place, &on_disk), peak_of_several(&place, &in_memory)];
    let said =
        format!("on disk and in memory: {small:?} kB, ten times the rows {large:?} kB");
    let grown = [0, 1].map(|of| large[of].saturating_sub(small[of]));
    // What is read once, by pages, may be counted with the process: a few MB, once.
    assert!(grown[0] < grown[1] / 4, "{said}");
}
