//! Plans: a graph of primitives as steps over one arena, laid out once.
//!
//! In: an expanded graph, sizes, the largest number of rows. Out: a [`Plan`], which
//! [`crate::run`] carries out in f32 or f64. Invariant: a plan knows no number type, makes no
//! matrix per example where a product over the batch does, and leaves nothing to allocate.
//! Deliberately absent: simplification for readers (graph), the optimiser (`run::update`).

mod build;
mod describe;
mod emit;
pub(crate) mod ext;
pub(crate) mod fuse;
mod heavy;
pub(crate) mod import;
pub(crate) mod ir;
pub(crate) mod lower;
mod mean;
pub(crate) mod memory;
mod onehot;
mod order;
mod softmax;
pub(crate) mod step;
pub(crate) mod view;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chainrule_graph::derived::{Expanded, symbol_node};
use chainrule_graph::diag::{Diagnostic, Span};
use chainrule_graph::graph::{Binary, Graph, NodeId, Op, SymId};
use chainrule_graph::shape::Sizes;

pub use describe::StepLine;

use crate::plan::ext::Ext;
use crate::plan::import::{Context, Imported, import};
use crate::plan::ir::{IOp, Id, Ir};
use crate::plan::lower::{Buffer, Kind, Lower};
use crate::plan::memory::{Memory, aligned, lay_out};
use crate::plan::step::{HostOp, Step, Work};
use crate::plan::view::View;

/// How far running statistics of batch norm keep what they have.
pub const MOMENTUM: f64 = 0.9;

/// What a plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Objective, loss and gradients (the output where it is kept); running statistics move.
    Train,
    /// Objective, loss and output.
    Evaluate,
    /// The output only.
    Forward,
}

/// What to plan, besides the graph.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// Sizes of the named dimensions.
    pub sizes: Sizes,
    /// The most rows (examples) of one run.
    pub rows: usize,
    /// One-hot symbols that are held as an index.
    pub index: &'a [SymId],
    /// The dimension that is the number of rows, in files that write a batch as a matrix.
    pub batch: Option<&'a str>,
    /// Nodes whose values are wanted besides those of the purpose.
    pub keep: &'a [NodeId],
    /// Symbols that an optimiser changes, where the gradients do not say so.
    pub learned: &'a [SymId],
}

/// Steps over one arena.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) host_ops: Vec<HostOp>,
    pub(crate) memory: Memory,
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) rows: usize,
    pub(crate) learned: Vec<SymId>,
    /// Learned symbols and gradients: offset and length of each inside its region.
    pub(crate) slices: Vec<(usize, usize)>,
    /// Length of the region of learned symbols, of gradients, of one part of the state.
    pub(crate) region: usize,
    pub(crate) symbols: BTreeMap<SymId, View>,
    /// Symbols that one product reads and nothing else, with that step: their rows need not be
    /// copied to where it reads them.
    pub(crate) lent: BTreeMap<SymId, usize>,
    pub(crate) index: Vec<SymId>,
    /// Columns of each index symbol.
    pub(crate) classes: Vec<usize>,
    pub(crate) values: BTreeMap<NodeId, View>,
    pub(crate) running: BTreeMap<(u32, bool), View>,
    /// Which nodes of the graph each node of the planner stands for.
    pub(crate) sources: Vec<Vec<NodeId>>,
}

/// Plans an expanded graph.
///
/// # Errors
/// If a size is not known, or the batch dimension stands inside the value of one example.
pub fn plan(
    x: &Expanded,
    purpose: Purpose,
    options: &Options<'_>,
) -> Result<Plan, Vec<Diagnostic>> {
    let roots = roots(x, purpose, options.keep);
    let gradients: &[_] = if purpose == Purpose::Train { &x.gradients } else { &[] };
    let mut learned: Vec<SymId> = x.gradients.iter().map(|(s, _)| *s).collect();
    learned.extend(
        options.learned.iter().filter(|s| !x.gradients.iter().any(|(g, _)| g == *s)),
    );
    crate::memory::countable(&x.graph, &options.sizes, options.rows)
        .map_err(|d| vec![d])?;
    let graph = with_places(&x.graph, &learned);
    let turned = purpose == Purpose::Forward;
    Planner::new(&graph, options, learned, roots, gradients)?.plan(turned)
}

/// The graph with a node for every learned symbol: one that nothing reads was simplified away, and
/// still has a value, a gradient (0) and a place in the model file.
fn with_places<'g>(graph: &'g Graph, learned: &[SymId]) -> Cow<'g, Graph> {
    let mut out = Cow::Borrowed(graph);
    for &s in learned {
        if symbol_node(&out, s).is_none() {
            out.to_mut().add(Op::Symbol(s), &[], Span::default());
        }
    }
    out
}

fn roots(x: &Expanded, purpose: Purpose, keep: &[NodeId]) -> Vec<NodeId> {
    let mut roots = keep.to_vec();
    if purpose != Purpose::Train {
        roots.extend(x.output);
    }
    if purpose != Purpose::Forward {
        roots.extend([x.objective].into_iter().chain(x.loss));
    }
    if purpose == Purpose::Train {
        roots.extend(x.gradients.iter().map(|(_, n)| *n));
    }
    roots.sort_unstable();
    roots.dedup();
    roots
}

struct Planner<'a> {
    graph: &'a Graph,
    options: &'a Options<'a>,
    learned: Vec<SymId>,
    roots: Vec<NodeId>,
    gradients: &'a [(SymId, NodeId)],
    imported: Imported,
}

impl<'a> Planner<'a> {
    fn new(
        graph: &'a Graph,
        options: &'a Options<'a>,
        learned: Vec<SymId>,
        roots: Vec<NodeId>,
        gradients: &'a [(SymId, NodeId)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut wanted = graph.reachable(&roots);
        // A learned symbol has a place even if nothing reads it.
        for (id, node) in graph.iter() {
            if let Op::Symbol(s) = node.op {
                wanted[id.0 as usize] |= learned.contains(&s);
            }
        }
        let context = Context {
            sizes: &options.sizes,
            batch: options.batch,
            index: options.index,
            rule: None,
        };
        let imported = import(graph, &wanted, &context)?;
        Ok(Self { graph, options, learned, roots, gradients, imported })
    }

    fn id(&self, n: NodeId) -> Id {
        self.imported.of[n.0 as usize].expect("a root is imported")
    }

    fn plan(mut self, turned: bool) -> Result<Plan, Vec<Diagnostic>> {
        let mut running = Vec::new();
        if !self.gradients.is_empty() {
            for n in self.imported.norms.clone() {
                for (variance, batch) in [(false, n.mean), (true, n.variance)] {
                    let next = moved(&mut self.imported.ir, n.site, variance, batch);
                    running.push((Kind::Running(n.site, variance), next));
                }
            }
        }
        let mut ids: Vec<Id> = self.roots.iter().map(|&n| self.id(n)).collect();
        ids.extend(running.iter().map(|(_, id)| *id));
        let sources = self.sources();
        let mut ir = std::mem::take(&mut self.imported.ir);
        let fusion = fuse::fuse(&mut ir, &ids);
        let index = self.options.index.to_vec();
        let mut lower = Lower::new(&mut ir, &fusion, &self.learned, &index);
        lower.turned = turned;
        lower.preset = running.iter().map(|(kind, id)| (*id, *kind)).collect();
        for (s, n) in self.gradients {
            let id = self.imported.of[n.0 as usize].expect("a root is imported");
            let number = self.learned.iter().position(|l| l == s).expect("learned");
            lower.preset.entry(id).or_insert(Kind::Gradient(number));
        }
        lower.run();
        let states: Vec<Id> = running.iter().map(|(_, id)| *id).collect();
        for step in &mut lower.steps {
            step.once = step.ids.iter().any(|id| states.contains(id));
        }
        let mut plan = self.finish(lower, sources)?;
        // A training's rows are read again for the gradient, or to find what is no number.
        if turned {
            plan.lent = plan.read_once();
        }
        Ok(plan)
    }

    /// Which nodes of the graph each planner's node stands for.
    fn sources(&self) -> Vec<Vec<NodeId>> {
        let mut sources = vec![Vec::new(); self.imported.ir.nodes.len()];
        for (n, id) in self.imported.of.iter().enumerate() {
            if let Some(id) = id {
                sources[id.0 as usize].push(NodeId(n as u32));
            }
        }
        sources
    }

    fn finish(
        &self,
        mut lower: Lower<'_>,
        sources: Vec<Vec<NodeId>>,
    ) -> Result<Plan, Vec<Diagnostic>> {
        let values: BTreeMap<NodeId, View> =
            self.roots.iter().map(|&n| (n, lower.view(self.id(n)))).collect();
        let mut values = values;
        for (s, n) in self.gradients {
            let number = self.learned.iter().position(|l| l == s).expect("learned");
            let view = self.gradient_home(&mut lower, number, *n);
            values.insert(*n, view);
        }
        let (mut symbols, mut index_sizes) = (BTreeMap::new(), BTreeMap::new());
        for (n, node) in self.graph.iter() {
            if let (Op::Symbol(s), Some(id)) = (&node.op, self.imported.of[n.0 as usize])
            {
                match lower.ir[id].op {
                    IOp::Index(_) => {
                        index_sizes
                            .insert(*s, lower.ir[id].size[0].at(self.options.rows));
                    }
                    _ => {
                        symbols.insert(*s, lower.view(id));
                    }
                }
            }
        }
        Ok(self.laid_out(lower, sources, values, symbols, &index_sizes))
    }

    /// The gradient in its own place, row by row: copied there if it lies elsewhere.
    fn gradient_home(&self, lower: &mut Lower<'_>, number: usize, n: NodeId) -> View {
        let id = self.id(n);
        let view = lower.view(id);
        let size = lower.ir[id].axes();
        let own = lower.buffers[view.spot.buf.0 as usize].kind == Kind::Gradient(number);
        if own && view == View::dense(view.spot.buf, size) {
            return view;
        }
        let buf = lower.buffer(Kind::Gradient(number), view::product(&size));
        let dst = View::dense(buf, size);
        lower.push(Work::Copy { src: view.spread(size), dst }, &[]);
        dst
    }

    fn laid_out(
        &self,
        lower: Lower<'_>,
        sources: Vec<Vec<NodeId>>,
        values: BTreeMap<NodeId, View>,
        symbols: BTreeMap<SymId, View>,
        index_sizes: &BTreeMap<SymId, usize>,
    ) -> Plan {
        let rows = self.options.rows;
        let Lower { buffers, steps, host_ops, .. } = lower;
        let steps = order::ordered(steps);
        let (fixed, slices, region, end) =
            regions(&buffers, &self.learned, &symbols, rows);
        let pinned: BTreeSet<_> = values.values().map(|v| v.spot.buf).collect();
        let memory = lay_out(&buffers, &steps, &pinned, &fixed, end, rows);
        let running = buffers.iter().enumerate().filter_map(|(i, b)| match b.kind {
            Kind::Running(site, variance) => {
                let size = [Ext::ONE, b.len, Ext::ONE];
                Some(((site, variance), View::dense(view::Buf(i as u32), size)))
            }
            _ => None,
        });
        let running = running.collect();
        let classes = self.options.index.iter();
        let classes = classes.map(|s| index_sizes.get(s).copied().unwrap_or(0)).collect();
        Plan {
            steps,
            host_ops,
            memory,
            rows,
            learned: self.learned.clone(),
            slices,
            region,
            symbols,
            lent: BTreeMap::new(),
            index: self.options.index.to_vec(),
            classes,
            values,
            running,
            sources,
            buffers,
        }
    }
}

impl Plan {
    /// Symbols of which no value is kept and that a single step reads, a product.
    fn read_once(&self) -> BTreeMap<SymId, usize> {
        let reader = |view: &View| {
            let buf = view.spot.buf;
            let reads = |step: &Step| step.work.buffers().0.contains(&buf);
            let mut readers = self.steps.iter().enumerate().filter(|(_, s)| reads(s));
            let (number, step) = readers.next()?;
            let alone = readers.next().is_none() && matches!(step.work, Work::Product(_));
            let kept = self.values.values().any(|v| v.spot.buf == buf);
            (alone && !kept).then_some(number)
        };
        let all = self.symbols.iter();
        all.filter_map(|(s, view)| Some((*s, reader(view)?))).collect()
    }
}

/// The running statistic after a batch.
fn moved(ir: &mut Ir, site: u32, variance: bool, batch: Id) -> Id {
    let size = ir[batch].size;
    let old = ir.intern(IOp::Running(site, variance), &[], size, false);
    let (keep, take) = (ir.number(MOMENTUM), ir.number(1.0 - MOMENTUM));
    let (a, b) = (ir.binary(Binary::Mul, keep, old), ir.binary(Binary::Mul, take, batch));
    ir.binary(Binary::Add, a, b)
}

type Regions = (BTreeMap<Kind, usize>, Vec<(usize, usize)>, usize, usize);

/// Places of everything that keeps its place: learned symbols, gradients, then the rest.
fn regions(
    buffers: &[Buffer],
    learned: &[SymId],
    symbols: &BTreeMap<SymId, View>,
    rows: usize,
) -> Regions {
    let len = |b: &Buffer| b.len.at(rows);
    let mut fixed = BTreeMap::new();
    let (mut slices, mut region) = (Vec::new(), 0);
    for s in learned {
        let n = symbols.get(s).map_or(0, |v| len(&buffers[v.spot.buf.0 as usize]));
        slices.push((region, n));
        region += aligned(n);
    }
    for (i, (start, _)) in slices.iter().enumerate() {
        fixed.insert(Kind::Learned(i), *start);
        fixed.insert(Kind::Gradient(i), region + start);
    }
    let mut end = 2 * region;
    for b in buffers {
        if b.kind != Kind::Temp && !fixed.contains_key(&b.kind) {
            fixed.insert(b.kind, end);
            end += aligned(len(b));
        }
    }
    (fixed, slices, region, end)
}

impl Plan {
    /// Each learned symbol's first place in [`Machine::parameters`] and its number of entries.
    ///
    /// [`Machine::parameters`]: crate::run::Machine::parameters
    pub fn learned_slices(&self) -> impl Iterator<Item = (SymId, usize, usize)> {
        self.learned.iter().zip(&self.slices).map(|(s, (at, len))| (*s, *at, *len))
    }

    /// Symbols that an optimiser changes, in the order of the regions.
    #[must_use]
    pub fn learned(&self) -> &[SymId] {
        &self.learned
    }

    /// Elements of the arena (an optimiser's state comes on top).
    #[must_use]
    pub fn arena(&self) -> usize {
        self.memory.len
    }

    /// The most rows of one run.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }
}
