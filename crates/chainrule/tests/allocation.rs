//! A step of training allocates nothing: counted by a global allocator of this test's own, on
//! all threads but the process's first, whose test harness keeps lists meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chainrule::graph::derived::{derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::lower::load;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::{Options, Purpose, plan};
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};
use chainrule::runs::record;
use chainrule::train::{Control, Event};
use chainrule::{Model, Options as Settings};
use chainrule_kernels::Team;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether this is the process's first thread; nobody knows elsewhere than on Linux, where
/// all threads count.
fn is_harness() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: two calls without conditions.
    return unsafe { libc::gettid() == libc::getpid() };
    #[cfg(not(target_os = "linux"))]
    false
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(usize::from(!is_harness()), Ordering::Relaxed);
        // SAFETY: the caller's own conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's own conditions.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NET: &str = "
input x : D
target y : K one-hot
param W1 : H×D ~ he, b1 : H = 0
param W2 : K×H ~ glorot, b2 : K = 0
a1 = dropout(relu(batch_norm(W1 x + b1)), 0.2)
L = cross_entropy(y, softmax(W2 a1 + b2))
minimize mean(L) + 1e-4/2 ‖W1‖²
where D = 20, H = 30, K = 4
";

/// One test at a time counts.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a test on a thread that counts, whatever thread the harness gave it.
fn counted(test: fn()) {
    let _alone = ALONE.lock();
    let before = COUNT.load(Ordering::Relaxed);
    if let Err(panic) = std::thread::spawn(test).join() {
        std::panic::resume_unwind(panic);
    }
    assert!(COUNT.load(Ordering::Relaxed) > before, "nothing was counted");
}

#[test]
fn the_loop_of_a_run_allocates_nothing_where_no_checkpoint_is_due() {
    counted(a_run);
}

fn a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |i: u32| format!("{},{},{}\n", i % 7, i % 11, (i % 7 + i % 11) % 3);
    let table: String = (0..800).map(row).collect();
    std::fs::write(folder.path().join("t.csv"), "a,b,kind\n".to_owned() + &table)
        .expect("a table");
    let text = NET.replace("D = 20, H = 30, K = 4", "H = 30")
        + "data: t.csv, x = a b, y = kind, hold out 10 %\ntrain: adam, batch 9, clip 1, \
           epochs 1, keep best\n";
    std::fs::write(folder.path().join("t.chain"), text).expect("a file");
    let model = Model::from_file(folder.path().join("t.chain"), Settings::default());
    let model = model.expect("a model");
    let data = model.load_data().expect("data");
    let mut counts = [0; 2];
    let mut count = |event: &Event| {
        if let Event::Batch(b) = event {
            match b.step {
                30 => counts[0] = COUNT.load(Ordering::Relaxed),
                78 => counts[1] = COUNT.load(Ordering::Relaxed),
                _ => {}
            }
        }
        Control::Continue
    };
    record(&model, &data, (folder.path(), "t"), None, &mut count).expect("a run");
    assert!(counts[0] > 0);
    assert_eq!(counts[1] - counts[0], 0);
}

#[test]
fn a_step_allocates_nothing_also_when_the_batch_gets_shorter() {
    counted(steps);
}

fn steps() {
    let module = load(NET, &[]).module.expect("the file reads");
    let x = expand(&module, &derive(&module).expect("derives"), Form::Training);
    let find = |key: &str| module.symbol(key).expect("declared").id;
    let (input, target) = (find("x"), find("y"));
    let index = [target];
    let sizes = module.dims.sizes.clone();
    let options = Options { sizes, rows: 256, index: &index, ..Options::default() };
    let plan = plan(&x, Purpose::Train, &options).expect("plans");
    let functions = prelude::functions();
    let call = parse_call(functions, "adam(lr = 0.1 · 0.95^epoch)").expect("a call");
    let adam = rule(functions, &call, true).expect("a rule");
    let adam = Arc::new(UpdateRule::new(&adam).expect("plans"));
    let mut machine: Machine<f32> =
        Machine::new(Arc::new(plan), Arc::new(Team::new(2))).with_rule(&adam);
    let values: Vec<f32> = (0..500 * 20).map(|i| (i % 17) as f32 / 17.0).collect();
    let classes: Vec<u32> = (0..500).map(|i| i % 4).collect();
    let rows: Vec<u32> = (0..500).collect();
    let fed = [
        (input, BatchSource::Dense { values: &values, cols: 20 }),
        (target, BatchSource::Index(&classes)),
    ];
    let mut step = |t: f64, rows: &[u32]| {
        machine.set_random_key(1, t as u64);
        machine.run_rows(&fed, rows);
        machine.clip(1e-3);
        machine.update(Clock { t, epoch: 1.0, total: 9.0, lr_scale: 1.0 });
        machine.scalar(x.objective).expect("kept")
    };
    // Each thread has its own parts, and gets its working memory at the first turn.
    for t in 0..80 {
        step(f64::from(t + 1), &rows[..if t % 2 == 0 { 256 } else { 244 }]);
    }
    let before = COUNT.load(Ordering::Relaxed);
    for t in 80..120 {
        step(f64::from(t + 1), &rows[..if t % 2 == 0 { 256 } else { 244 }]);
    }
    assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0);
}
