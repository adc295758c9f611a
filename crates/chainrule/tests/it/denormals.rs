//! Numbers near 0 cost no more than others.

use std::sync::Arc;
use std::time::Instant;

use chainrule::graph::derived::{derive, expand};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::lower::load;
use chainrule::graph::optimizer::{parse_call, rule};
use chainrule::graph::prelude;
use chainrule::plan::{Options, Purpose, plan};
use chainrule::run::{BatchSource, Clock, Machine, UpdateRule};
use chainrule_kernels::Team;

const FILE: &str = "input x : 20\ntarget y : 2 one-hot\n\
    param W1 : 64×20 ~ he, b1 : 64 = 0, W2 : 64×64 ~ he, b2 : 64 = 0, W3 : 2×64 ~ he\n\
    a1 = relu(W1 x + b1)\na2 = relu(W2 a1 + b2)\nL = cross_entropy(y, softmax(W3 a2))\n\
    minimize mean(L)\n";

const ROWS: usize = 32;

/// A training of `FILE` with Adam on fixed rows, at step `t`.
struct Training {
    machine: Machine<f32>,
    biases: [chainrule::graph::graph::SymId; 2],
    t: f64,
}

impl Training {
    fn new() -> Self {
        let module = load(FILE, &[]).module.unwrap();
        let x = expand(&module, &derive(&module).unwrap(), Form::Training);
        let find = |key: &str| module.symbol(key).unwrap().id;
        let (index, sizes) = ([find("y")], module.dims.sizes.clone());
        let options = Options { sizes, rows: ROWS, index: &index, ..Options::default() };
        let plan = Arc::new(plan(&x, Purpose::Train, &options).unwrap());
        let functions = prelude::functions();
        let call = parse_call(functions, "adam(lr = 1e-4)").unwrap();
        let adam = rule(functions, &call, true).unwrap();
        let adam = Arc::new(UpdateRule::new(&adam).unwrap());
        let mut machine = Machine::new(plan, Arc::new(Team::single())).with_rule(&adam);
        for key in ["W1", "W2", "W3"] {
            let n = machine.get(find(key)).unwrap().len();
            let start = |i: usize| ((i * 7919 % 1009) as f64 / 1009.0 - 0.5) * 0.5;
            machine.set(find(key), &(0..n).map(start).collect::<Vec<_>>());
        }
        let values: Vec<f32> =
            (0..20 * ROWS).map(|i| (i * 31 % 17) as f32 / 17.0 - 0.5).collect();
        let classes: Vec<u32> = (0..ROWS as u32).map(|i| i % 2).collect();
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        let dense = BatchSource::Dense { values: &values, cols: 20 };
        machine.load(find("x"), dense, &rows);
        machine.load(find("y"), BatchSource::Index(&classes), &rows);
        Self { machine, biases: [find("b1"), find("b2")], t: 0.0 }
    }

    /// Seconds of so many steps.
    fn steps(&mut self, n: usize) -> f64 {
        let clock = Instant::now();
        for _ in 0..n {
            self.t += 1.0;
            self.machine.run();
            let (t, epoch, total) = (self.t, 1.0, 1e9);
            self.machine.update(Clock { t, epoch, total, lr_scale: 1.0 });
        }
        clock.elapsed().as_secs_f64()
    }

    /// From now on half of all hidden units give 0 for every row.
    fn kill_half(&mut self) {
        for id in self.biases {
            let mut bias = self.machine.get(id).unwrap();
            bias.iter_mut().step_by(2).for_each(|b| *b = -1e6);
            self.machine.set(id, &bias);
        }
    }

    fn count(&self, is: fn(&f32) -> bool) -> usize {
        self.machine.states().iter().filter(|v| is(v)).count()
    }
}

/// What Adam remembers of a unit that died fades to 0, and does not stop at numbers that slow the processor.
/// The bound is that of a machine with other work on it; 1.1 is what a quiet one has to show.
#[test]
fn dead_units_make_no_step_slower() {
    let (mut alive, mut half) = (Training::new(), Training::new());
    for t in [&mut alive, &mut half] {
        t.steps(50);
    }
    half.kill_half();
    for t in [&mut alive, &mut half] {
        t.steps(5_000);
    }
    let faded = |t: &Training| t.count(|v| *v == 0.0);
    assert!(faded(&half) > 1_000, "{} numbers are 0", faded(&half));
    // Some units are dead from the start, as they are under relu.
    assert!(4 * faded(&alive) < faded(&half), "{}", faded(&alive));
    assert_eq!(half.count(|v| v.is_subnormal()), 0);
    let (mut live, mut dead) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..100 {
        live = live.min(alive.steps(20));
        dead = dead.min(half.steps(20));
    }
    let ratio = dead / live;
    eprintln!("a step with half of the units dead: {ratio:.3} of one with all alive");
    assert!(ratio < 1.25, "{ratio}");
}
