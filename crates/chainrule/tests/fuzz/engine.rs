//! Runs a target: first its corpus, then bolero's mutants for a while.
//!
//! In: a [`Target`]. Out: nothing, or a panic that names the file with the input. Judged are panics,
//! memory beyond the target's bound, and inputs that take longer than [`SLOWEST`]. What fails is
//! written to the folder `fuzz` of the build; put it into `tests/corpus/<target>/` and it is tried
//! for ever. `CHAINRULE_FUZZ_SECONDS` is the time of each target.

use std::cell::RefCell;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::meter;
use super::mutate::{Input, Mutants};

/// A reader that is given whatever comes.
pub(crate) struct Target {
    /// Of its corpus and its reports.
    pub(crate) name: &'static str,
    pub(crate) mutants: Mutants,
    /// Reads an input and tells whether it was accepted; either is right, a panic is not.
    pub(crate) read: fn(&[u8]) -> bool,
    /// Bytes in memory for any input of the sizes that are made here.
    pub(crate) most: usize,
}

/// An input that takes longer hangs, even on a machine with other work.
const SLOWEST: Duration = Duration::from_secs(40);
/// In an ordinary test run.
const USUAL: Duration = Duration::from_millis(800);
/// As the command gives its own work; the system hands out only what is touched.
const STACK: usize = 256 << 20;

thread_local! {
    /// What is being read, for the case that the process ends in it.
    static NOW: RefCell<Option<(&'static str, Vec<u8>)>> = const { RefCell::new(None) };
}

/// Writes down the input that this thread is reading.
pub(crate) fn write_down(why: &str) {
    let Some((target, bytes)) = NOW.try_with(|now| now.take()).ok().flatten() else {
        return;
    };
    let path = save(target, &bytes);
    eprintln!("fuzz {target}: {why}; the input is in {}", path.display());
}

fn save(target: &str, bytes: &[u8]) -> PathBuf {
    let folder = folder_of(target);
    let path = folder.join(&chainrule::store::sha256(bytes)[..16]);
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes)).unwrap();
    path
}

/// Whole files of a folder, in the order of their names.
pub(crate) fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    paths.into_iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect()
}

/// What a run has to tell.
#[derive(Default)]
struct Figures {
    executions: u64,
    accepted: u64,
    slowest: Duration,
    peak: usize,
}

/// Runs a target on a thread of the stack that the command has.
pub(crate) fn run(target: Target) {
    let work = move || on_this_stack(target);
    let thread = thread::Builder::new().stack_size(STACK).spawn(work).unwrap();
    if let Err(cause) = thread.join() {
        panic::resume_unwind(cause);
    }
}

fn on_this_stack(mut target: Target) {
    let watch = Watch::new(target.name);
    let figures = Mutex::new(Figures::default());
    let begun = Instant::now();
    for (path, bytes) in corpus(target.name) {
        let tried = panic::catch_unwind(AssertUnwindSafe(|| {
            one(&target, &bytes, &watch, &figures);
        }));
        if let Err(cause) = tried {
            eprintln!("fuzz {}: in {}", target.name, path.display());
            panic::resume_unwind(cause);
        }
        target.mutants.seeds.push(bytes);
    }
    let (read, most, name) = (target.read, target.most, target.name);
    let one_of = Judge { name, read, most };
    bolero::check!(name = name)
        .with_generator(target.mutants)
        .with_test_time(time())
        .with_shrink_time(Duration::from_secs(5))
        .for_each(|input: &Input| one_of.judge(&input.0, &watch, &figures));
    let f = figures.into_inner().unwrap();
    eprintln!(
        "fuzz {name}: {} executions ({} accepted) in {:.1} s, slowest {:.2} s, most memory \
         {} KiB",
        f.executions,
        f.accepted,
        begun.elapsed().as_secs_f64(),
        f.slowest.as_secs_f64(),
        f.peak >> 10
    );
}

fn one(target: &Target, bytes: &[u8], watch: &Watch, figures: &Mutex<Figures>) {
    let judge = Judge { name: target.name, read: target.read, most: target.most };
    judge.judge(bytes, watch, figures);
}

/// Where a long run writes what it is about to read.
fn last_of(target: &str) -> Option<PathBuf> {
    std::env::var_os("CHAINRULE_FUZZ_SECONDS")?;
    let folder = folder_of(target);
    fs::create_dir_all(&folder).unwrap();
    Some(folder.join("last"))
}

fn folder_of(target: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target)
}

fn time() -> Duration {
    let asked = std::env::var("CHAINRULE_FUZZ_SECONDS").ok();
    asked.and_then(|s| s.parse().ok()).map_or(USUAL, Duration::from_secs_f64)
}

#[derive(Clone, Copy)]
struct Judge {
    name: &'static str,
    read: fn(&[u8]) -> bool,
    most: usize,
}

impl Judge {
    fn judge(self, bytes: &[u8], watch: &Watch, figures: &Mutex<Figures>) {
        NOW.replace(Some((self.name, bytes.to_vec())));
        if let Some(last) = &watch.last {
            fs::write(last, bytes).unwrap();
        }
        let begun = watch.begin(bytes);
        let mut tried = Ok(false);
        let peak = meter::peak(|| {
            let read = AssertUnwindSafe(|| (self.read)(bytes));
            tried = panic::catch_unwind(read);
        });
        watch.end();
        let accepted = tried.unwrap_or_else(|cause| {
            write_down("it panics");
            panic::resume_unwind(cause);
        });
        if peak > self.most {
            write_down(&format!("it takes {peak} bytes, more than {}", self.most));
            panic!("{}: {peak} bytes for {} of input", self.name, bytes.len());
        }
        let mut f = figures.lock().unwrap();
        f.executions += 1;
        f.accepted += u64::from(accepted);
        f.peak = f.peak.max(peak);
        f.slowest = f.slowest.max(begun.elapsed());
    }
}

/// Ends the process when one input takes too long: nothing else can stop a loop.
struct Watch {
    reading: Arc<Mutex<Option<(Instant, Vec<u8>)>>>,
    /// In long runs each input is written down first: an exhausted stack ends the process at once.
    last: Option<PathBuf>,
    /// Its end ends the watching thread.
    _alive: mpsc::Sender<()>,
}

impl Watch {
    fn new(target: &'static str) -> Self {
        let reading: Arc<Mutex<Option<(Instant, Vec<u8>)>>> = Arc::default();
        let seen = Arc::clone(&reading);
        let (alive, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            let pause = Duration::from_secs(1);
            while ended.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
                let reading = seen.lock().unwrap();
                if let Some((begun, bytes)) = &*reading
                    && begun.elapsed() > SLOWEST
                {
                    let path = save(target, bytes);
                    eprintln!("fuzz {target}: it hangs; see {}", path.display());
                    std::process::exit(101);
                }
            }
        });
        Self { reading, last: last_of(target), _alive: alive }
    }

    fn begin(&self, bytes: &[u8]) -> Instant {
        let now = Instant::now();
        *self.reading.lock().unwrap() = Some((now, bytes.to_vec()));
        now
    }

    fn end(&self) {
        *self.reading.lock().unwrap() = None;
    }
}
