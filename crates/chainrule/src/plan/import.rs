//! From the graph of primitives to the planner's own, every size resolved.
//!
//! In: the graph, which nodes are wanted, sizes, the batch dimension's name, which symbols are
//! held as an index. Out: an `Ir` and where each node went. Invariant: batch norm is spelled
//! out here, so that nothing below knows it. Deliberately absent: calls (`expand` removed them).

use chainrule_graph::diag::{Code, Diagnostic};
use chainrule_graph::eval::NORM_EPSILON;
use chainrule_graph::graph::{Axis, Binary, Graph, Node, NodeId, Op, SymId, Unary};
use chainrule_graph::shape::{Dim, Shape, Sizes};

use crate::plan::ext::Ext;
use crate::plan::ir::{IOp, Id, Ir, Size};

/// What import needs to know besides the graph.
pub(crate) struct Context<'a> {
    pub(crate) sizes: &'a Sizes,
    pub(crate) batch: Option<&'a str>,
    pub(crate) index: &'a [SymId],
    /// An update rule: slots that the host knows, and the size of all others.
    pub(crate) rule: Option<(&'a [u32], Size)>,
}

/// Statistics of one batch-norm site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm {
    pub(crate) site: u32,
    pub(crate) mean: Id,
    pub(crate) variance: Id,
}

pub(crate) struct Imported {
    pub(crate) ir: Ir,
    /// Where each wanted node of the graph went.
    pub(crate) of: Vec<Option<Id>>,
    pub(crate) norms: Vec<Norm>,
}

/// Imports the wanted nodes.
pub(crate) fn import(
    g: &Graph,
    wanted: &[bool],
    context: &Context<'_>,
) -> Result<Imported, Vec<Diagnostic>> {
    let ir = Ir::default();
    let mut import =
        Import { context, out: Imported { ir, of: Vec::new(), norms: Vec::new() } };
    let mut wrong = Vec::new();
    for (id, node) in g.iter() {
        let place = match wanted[id.0 as usize] {
            true => import.node(node).map_err(|d| wrong.push(d)).ok(),
            false => None,
        };
        import.out.of.push(place);
        if !wrong.is_empty() {
            return Err(wrong);
        }
    }
    Ok(import.out)
}

struct Import<'a> {
    context: &'a Context<'a>,
    out: Imported,
}

type Found = Result<Id, Diagnostic>;

impl Import<'_> {
    fn node(&mut self, node: &Node) -> Found {
        let size = self.size(&node.shape, node)?;
        if node.each && (size[0].grows() || size[1].grows()) {
            let text = "the batch dimension stands inside the value of one example";
            return Err(Diagnostic::error(Code::S7, node.span, text));
        }
        let a: Vec<Id> = node.args.iter().map(|&x| self.arg(x)).collect();
        let ir = &mut self.out.ir;
        if node.op == Op::Unary(Unary::Floor) && !ir[a[0]].host {
            let text = "floor is for schedules: it has no kernel for data yet";
            return Err(Diagnostic::error(Code::T1, node.span, text));
        }
        Ok(match &node.op {
            Op::Unary(f) => ir.unary(*f, a[0]),
            Op::Binary(f) => ir.binary(*f, a[0], a[1]),
            Op::Select => ir.select(a[0], a[1], a[2]),
            Op::MatMul => ir.matmul(a[0], a[1]),
            Op::Transpose => ir.transpose(a[0]),
            Op::Sum(axis) => ir.sum(*axis, a[0]),
            Op::MaxOf(axis) => ir.extreme(IOp::Max, *axis, a[0]),
            Op::MinOf(axis) => ir.extreme(IOp::Min, *axis, a[0]),
            Op::MaxMask(axis) => mask(ir, IOp::MaxMask, *axis, a[0]),
            Op::MinMask(axis) => mask(ir, IOp::MinMask, *axis, a[0]),
            Op::Broadcast(axis, _) => ir.spread(*axis, a[0], size),
            Op::ExMean => ir.example_mean(a[0]),
            Op::BatchNorm(site) => {
                let parts = self.norm(*site, a[0]);
                self.out.ir.binary(Binary::Mul, parts.centred, parts.inverse)
            }
            Op::BatchNormGrad(site) => self.norm_gradient(*site, a[0], a[1]),
            Op::Slice(b) => {
                let at = [self.dim(&b.row, node)?, self.dim(&b.col, node)?];
                self.out.ir.intern(IOp::Slice(at), &a, size, false)
            }
            Op::Embed(b, _) => {
                let at = [self.dim(&b.row, node)?, self.dim(&b.col, node)?];
                self.out.ir.intern(IOp::Embed(at), &a, size, false)
            }
            Op::Diag => ir.intern(IOp::Diag, &a, size, false),
            Op::DiagPart => ir.intern(IOp::DiagPart, &a, size, false),
            Op::Stack => ir.intern(IOp::Stack, &a, size, false),
            _ => self.leaf(node, size)?,
        })
    }

    /// What has no arguments.
    fn leaf(&mut self, node: &Node, size: Size) -> Found {
        let ir = &mut self.out.ir;
        Ok(match &node.op {
            Op::Symbol(s) if self.context.index.contains(s) => {
                assert!(node.each && size[1].is_one(), "an index stands for a column");
                ir.intern(IOp::Index(*s), &[], size, true)
            }
            Op::Symbol(s) => ir.intern(IOp::Symbol(*s), &[], size, node.each),
            Op::Slot(n, ..) => match self.context.rule {
                Some((known, _)) if known.contains(n) => {
                    ir.intern(IOp::HostSlot(*n), &[], size, false)
                }
                Some((_, size)) => ir.intern(IOp::Slot(*n), &[], size, false),
                None => ir.intern(IOp::Slot(*n), &[], size, node.each),
            },
            Op::Fill(bits, _) => {
                let c = ir.number(f64::from_bits(*bits));
                ir.spread(Axis::All, c, size)
            }
            Op::Size(d) => {
                let e = self.dim(d, node)?;
                self.out.ir.extent(e)
            }
            Op::Examples => ir.extent(Ext::ROWS),
            Op::Eye(_) => ir.intern(IOp::Eye, &[], size, false),
            Op::Mask(site, p, _) => ir.intern(IOp::Mask(*site, *p), &[], size, true),
            Op::Running(site, variance, _) => {
                ir.intern(IOp::Running(*site, *variance), &[], size, false)
            }
            op => unreachable!("{op:?} is no primitive of a plan"),
        })
    }

    fn arg(&self, id: NodeId) -> Id {
        self.out.of[id.0 as usize].expect("an argument of a wanted node is wanted")
    }

    fn dim(&self, d: &Dim, node: &Node) -> Result<Ext, Diagnostic> {
        Ext::of(d, self.context.sizes, self.context.batch).ok_or_else(|| {
            let text = format!("the dimension {d} has no size yet");
            Diagnostic::error(Code::S8, node.span, text)
        })
    }

    fn size(&self, s: &Shape, node: &Node) -> Result<Size, Diagnostic> {
        Ok([self.dim(&s.rows, node)?, self.dim(&s.cols, node)?])
    }

    /// (z − mean z) and 1/√(var z + ε), shared by value and gradient of a site.
    fn norm(&mut self, site: u32, z: Id) -> NormParts {
        let ir = &mut self.out.ir;
        let mean = ir.example_mean(z);
        let centred = ir.binary(Binary::Sub, z, mean);
        let square = ir.binary(Binary::Mul, centred, centred);
        let variance = ir.example_mean(square);
        let epsilon = ir.number(NORM_EPSILON);
        let sum = ir.binary(Binary::Add, variance, epsilon);
        let root = ir.unary(Unary::Sqrt, sum);
        let one = ir.number(1.0);
        let inverse = ir.binary(Binary::Div, one, root);
        if self.out.norms.iter().all(|n| n.site != site) {
            self.out.norms.push(Norm { site, mean, variance });
        }
        NormParts { centred, inverse }
    }

    /// (g − mean g − ẑ ⊙ mean(g ⊙ ẑ)) / √(var + ε).
    fn norm_gradient(&mut self, site: u32, z: Id, g: Id) -> Id {
        let NormParts { centred, inverse } = self.norm(site, z);
        let ir = &mut self.out.ir;
        let hat = ir.binary(Binary::Mul, centred, inverse);
        let g_mean = ir.example_mean(g);
        let product = ir.binary(Binary::Mul, g, hat);
        let gz_mean = ir.example_mean(product);
        let along = ir.binary(Binary::Mul, hat, gz_mean);
        let off = ir.binary(Binary::Sub, g, g_mean);
        let rest = ir.binary(Binary::Sub, off, along);
        ir.binary(Binary::Mul, rest, inverse)
    }
}

struct NormParts {
    centred: Id,
    inverse: Id,
}

/// A mask has the argument's shape.
fn mask(ir: &mut Ir, of: fn(Axis) -> IOp, axis: Axis, a: Id) -> Id {
    let axis = ir.plain_axis(axis, a);
    let size = ir[a].size;
    ir.intern(of(axis), &[a], size, false)
}
