//! Holds a plan against the literal evaluation: one door for all tests of `plan` and `run`.
//!
//! In: a file's text and sizes, or a graph. Out: a panic that names the node that differs.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use chainrule::graph::derived::{Expanded, derive, expand};
use chainrule::graph::eval::{Env, Value, eval_roots};
use chainrule::graph::expand::Purpose as Form;
use chainrule::graph::graph::{Graph, NodeId, Op, SymId};
use chainrule::graph::lower::load;
use chainrule::graph::module::Module;
use chainrule::graph::shape::Sizes;
use chainrule::graph::syntax::ast::Mark;
use chainrule::graph::value::Mat;
use chainrule::plan::{Options, Plan, Purpose, plan};
use chainrule::run::{BatchSource, Machine};
use chainrule_kernels::{Real, Team};

/// A small generator of its own, so that cases never change.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let x = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^ (x >> 32)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// In (−1.5, 1.5), never close to 0.
    pub(crate) fn value(&mut self) -> f64 {
        let x = (self.next() >> 11) as f64 / (1u64 << 53) as f64 * 1.4 + 0.1;
        if self.next() & 1 == 0 { x } else { -x }
    }

    pub(crate) fn mat(&mut self, rows: usize, cols: usize) -> Mat {
        Mat::new(rows, cols, (0..rows * cols).map(|_| self.value()).collect())
    }
}

/// A case: a graph with its roots, values and sizes.
pub(crate) struct Case {
    pub(crate) x: Expanded,
    pub(crate) sizes: Sizes,
    pub(crate) m: usize,
    pub(crate) batch: Option<String>,
    pub(crate) values: BTreeMap<SymId, Value>,
    /// Classes of one-hot symbols.
    pub(crate) classes: BTreeMap<SymId, Vec<u32>>,
    pub(crate) running: BTreeMap<u32, (Mat, Mat)>,
    /// Roots besides objective, loss and gradients.
    pub(crate) keep: Vec<NodeId>,
}

pub(crate) fn module(text: &str) -> Module {
    let loaded = load(text, &[]);
    loaded.module.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// A case of a file in training form, with drawn values.
pub(crate) fn case(text: &str, sizes: &[(&str, usize)], m: usize, form: Form) -> Case {
    case_of(&module(text), sizes, m, form)
}

/// The same for a module.
pub(crate) fn case_of(
    module: &Module,
    sizes: &[(&str, usize)],
    m: usize,
    form: Form,
) -> Case {
    let derived = derive(module).expect("derives");
    let x = expand(module, &derived, form);
    let mut all = module.dims.sizes.clone();
    all.extend(sizes.iter().map(|(n, s)| ((*n).to_string(), *s)));
    let mut draw = Draw(7);
    let mut case = Case {
        x,
        sizes: all,
        m,
        batch: None,
        values: BTreeMap::new(),
        classes: BTreeMap::new(),
        running: BTreeMap::new(),
        keep: Vec::new(),
    };
    for s in &module.symbols {
        let (r, c) = s.shape.under(&case.sizes).expect("sizes");
        let one_hot = s.mark == Some(Mark::OneHot);
        let value = if one_hot {
            let classes: Vec<u32> = (0..m).map(|_| draw.below(r) as u32).collect();
            let mats = classes.iter().map(|&k| {
                Mat::from_fn(r, 1, |i, _| f64::from(u8::from(i == k as usize)))
            });
            let value = Value::Each(mats.collect());
            case.classes.insert(s.id, classes);
            value
        } else if s.mark == Some(Mark::Binary) {
            Value::Each((0..m).map(|_| Mat::filled(r, c, draw.below(2) as f64)).collect())
        } else if s.each {
            Value::Each((0..m).map(|_| draw.mat(r, c)).collect())
        } else {
            Value::Shared(draw.mat(r, c))
        };
        case.values.insert(s.id, value);
    }
    for (i, shape) in module.norms.iter().enumerate() {
        let (r, c) = shape.under(&case.sizes).expect("sizes");
        let (mean, var) = (draw.mat(r, c), draw.mat(r, c).map(f64::abs));
        case.running.insert(i as u32, (mean, var));
    }
    case
}

impl Case {
    pub(crate) fn masks(&self) -> Vec<NodeId> {
        let masks = self.x.graph.iter().filter(|(_, n)| matches!(n.op, Op::Mask(..)));
        masks.map(|(id, _)| id).collect()
    }

    pub(crate) fn plan(&self, purpose: Purpose, indexed: bool, keep: &[NodeId]) -> Plan {
        let index: Vec<SymId> =
            self.classes.keys().copied().filter(|_| indexed).collect();
        let options = Options {
            sizes: self.sizes.clone(),
            rows: self.m,
            index: &index,
            batch: self.batch.as_deref(),
            keep,
            learned: &[],
        };
        plan(&self.x, purpose, &options).unwrap_or_else(|d| panic!("{d:?}"))
    }

    /// A machine with the first `m` examples loaded.
    pub(crate) fn machine<T: Real>(
        &self,
        plan: Plan,
        team: usize,
        m: usize,
    ) -> Machine<T> {
        let mut machine = Machine::new(Arc::new(plan), Arc::new(Team::eager(team)));
        let rows: Vec<u32> = (0..m as u32).collect();
        machine.batch(m);
        for (&s, value) in &self.values {
            match (value, self.classes.get(&s)) {
                (_, Some(classes)) => {
                    machine.load(s, BatchSource::Index(classes), &rows);
                }
                (Value::Each(mats), _) => {
                    let cols = mats[0].data.len();
                    let values: Vec<T> = mats
                        .iter()
                        .flat_map(|m| m.data.iter().map(|&x| T::from_f64(x)))
                        .collect();
                    machine.load(s, BatchSource::Dense { values: &values, cols }, &rows);
                }
                (Value::Shared(mat), _) => machine.set(s, &mat.data),
            }
        }
        for (&site, (mean, var)) in &self.running {
            machine.set_running(site, false, &mean.data);
            machine.set_running(site, true, &var.data);
        }
        machine.set_random_key(3, 5);
        machine
    }

    pub(crate) fn env(&self, machine: Option<&Machine<f64>>, m: usize) -> Env {
        let cut = |v: &Value| match v {
            Value::Each(all) => Value::Each(all[..m].to_vec()),
            shared => shared.clone(),
        };
        let mut env = Env {
            symbols: self.values.iter().map(|(s, v)| (*s, cut(v))).collect(),
            sizes: self.sizes.clone(),
            examples: m,
            running: self.running.clone(),
            ..Env::default()
        };
        for id in self.masks() {
            let Op::Mask(site, ..) = self.x.graph[id].op else { continue };
            let (r, c) = self.x.graph[id].shape.under(&self.sizes).expect("sizes");
            let all = machine.and_then(|k| k.value(id)).expect("masks are kept");
            let mats = all.chunks(r * c).map(|d| Mat::new(r, c, d.to_vec())).collect();
            env.masks.insert(site, mats);
        }
        env
    }

    fn kept(&self) -> Vec<NodeId> {
        [self.masks(), self.keep.clone()].concat()
    }

    /// Planned f64 = `eval` for every root, nothing else.
    pub(crate) fn check_f64(&self, seed: u64) {
        let mut machine =
            self.machine::<f64>(self.plan(Purpose::Train, true, &self.keep), 1, self.m);
        machine.run();
        let roots = self.roots();
        let want = eval_roots(&self.x.graph, &self.env(None, self.m), &roots);
        for &r in &roots {
            let want = flat(want[r.0 as usize].as_ref().expect("a value"));
            let got = machine.value(r).expect("a kept root");
            let words = || format!("seed {seed} {}", self.words(r, true, self.m));
            near(&got, &want, 1e-10, 1e-3, &words);
        }
    }

    pub(crate) fn roots(&self) -> Vec<NodeId> {
        let mut roots = vec![self.x.objective];
        roots.extend(self.x.loss);

        roots.extend(self.x.gradients.iter().map(|(_, n)| *n));
        roots.extend(&self.keep);
        roots
    }

    /// Planned f64 = `eval` for every root; planned f32 is near.
    pub(crate) fn check(&self) {
        for indexed in [false, true] {
            self.check_at(indexed, self.m, 1);
        }
        if self.m > 2 && self.batch.is_none() {
            self.check_at(true, self.m - 1, 1);
            self.check_at(true, 1, 1);
        }
        self.same_bits();
    }

    pub(crate) fn check_at(&self, indexed: bool, m: usize, team: usize) {
        let keep = self.kept();
        let mut machine =
            self.machine::<f64>(self.plan(Purpose::Train, indexed, &keep), team, m);
        machine.run();
        let env = self.env(Some(&machine), m);
        let mut rounded: Machine<f32> =
            self.machine(self.plan(Purpose::Train, indexed, &keep), team, m);
        rounded.run();
        let roots = self.roots();
        let want = eval_roots(&self.x.graph, &env, &roots);
        for &r in &roots {
            let want = flat(want[r.0 as usize].as_ref().expect("a value"));
            let got = machine.value(r).expect("a kept root");
            let words = || self.words(r, indexed, m);
            near(&got, &want, 1e-10, 1e-3, &words);
            near(&rounded.value(r).expect("kept"), &want, 2e-4, 0.05, &words);
        }
    }

    fn words(&self, r: NodeId, indexed: bool, m: usize) -> String {
        let plan = self.plan(Purpose::Train, indexed, &self.kept());
        let lines: Vec<String> = plan
            .describe(&self.x.named)
            .iter()
            .map(|l| format!("  {} -> {:?} {:?}", l.what, l.names, l.note))
            .collect();
        let graph: Vec<String> = self
            .x
            .graph
            .iter()
            .map(|(i, n)| {
                format!("  {} = {:?} {:?} {} each {}", i.0, n.op, n.args, n.shape, n.each)
            })
            .collect();
        format!(
            "node {} (index {indexed}, {m} rows)\n{}\n{}",
            r.0,
            graph.join("\n"),
            lines.join("\n")
        )
    }

    /// All bits are equal for 1, 2, 3 and 8 threads.
    pub(crate) fn same_bits(&self) {
        let run = |team: usize| {
            let mut machine = self.machine::<f32>(
                self.plan(Purpose::Train, true, &self.keep),
                team,
                self.m,
            );
            machine.run();
            let bits = |r: NodeId| {
                let v = machine.value(r).expect("kept");
                v.into_iter().map(f64::to_bits).collect::<Vec<_>>()
            };
            self.roots().into_iter().map(bits).collect::<Vec<_>>()
        };
        let one = run(1);
        for team in [2, 3, 8] {
            assert!(run(team) == one, "bits differ with {team} threads");
        }
    }
}

pub(crate) fn flat(v: &Value) -> Vec<f64> {
    match v {
        Value::Shared(m) => m.data.clone(),
        Value::Each(all) => all.iter().flat_map(|m| m.data.iter().copied()).collect(),
    }
}

/// Equal to `tolerance` times the largest entry (at least the floor).
pub(crate) fn near(
    got: &[f64],
    want: &[f64],
    tolerance: f64,
    floor: f64,
    words: &dyn Fn() -> String,
) {
    assert_eq!(got.len(), want.len(), "{}", words());
    let scale = want.iter().fold(floor, |s, x| s.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let same =
            (g - w).abs() <= tolerance * scale || (g.is_nan() && w.is_nan()) || g == w;
        assert!(same, "entry {i}: planned {g}, literal {w}\n{}", words());
    }
}

/// A case from a graph built by hand.
pub(crate) fn built(
    graph: Graph,
    roots: &[NodeId],
    sizes: Sizes,
    m: usize,
    values: BTreeMap<SymId, Value>,
) -> Case {
    let x = Expanded {
        graph,
        objective: roots[0],
        loss: None,
        gradients: Vec::new(),
        named: Vec::new(),
        output: None,
    };
    let (classes, running) = (BTreeMap::new(), BTreeMap::new());
    Case { x, sizes, m, batch: None, values, classes, running, keep: Vec::new() }
}
