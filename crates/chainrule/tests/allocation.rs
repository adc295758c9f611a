//! A step of training allocates nothing: counted by a global allocator of this test's own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chainrule::graph::derived::{derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::lower::load;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::{Options, Purpose, plan};
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};
use chainrule_kernels::Team;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
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

#[test]
fn a_step_allocates_nothing_also_when_the_batch_gets_shorter() {
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
