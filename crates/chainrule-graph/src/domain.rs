//! Values of a worked example that leave a domain (M1) or sit on a kink (M2).
//!
//! In: a module with `:=` values. Out: one error per equation that first becomes infinite or NaN,
//! a note per value on a kink. The stable forms are looked at, as they run: `log(softmax(z))` is
//! finite wherever it should be. Deliberately absent: files without values; training has its own
//! watch.

use crate::derived::readable;
use crate::diag::{Code, Diagnostic, Span};
use crate::eval::{Env, Value, eval_roots};
use crate::expand;
use crate::graph::{Binary, FuncId, Graph, NodeId, Op, Unary};
use crate::module::Module;
use crate::ops::elementwise;
use crate::value::Mat;

/// What the worked values of a file run into.
#[must_use]
pub fn check(m: &Module) -> Vec<Diagnostic> {
    if m.symbols.iter().all(|s| s.value.is_none()) {
        return Vec::new();
    }
    let roots: Vec<NodeId> = m.equations.iter().map(|e| e.node).collect();
    let (graph, roots) = readable(m, &roots);
    let Some(values) = values(m, &graph, &roots) else { return Vec::new() };
    let look = Look { m, graph, values };
    let mut out = look.outside(&roots);
    if out.is_empty() {
        out = look.kinks(&roots);
    }
    out
}

/// The values of the file's symbols, as `eval` takes them.
#[must_use]
pub fn worked(m: &Module) -> Env {
    let sizes = m.dims.sizes.clone();
    let each = m.symbols.iter().filter(|s| s.each);
    let examples = each.filter_map(|s| Some(s.value.as_ref()?.cols)).max().unwrap_or(1);
    let mut env = Env { sizes, examples, ..Env::default() };
    for s in &m.symbols {
        let Some(v) = &s.value else { continue };
        let full = match s.shape.under(&env.sizes) {
            Some((r, c)) if v.is_scalar() => Mat::filled(r, c, v.data[0]),
            _ => v.clone(),
        };
        let value = match s.each {
            true => {
                Value::Each((0..examples).map(|j| full.column(j % full.cols)).collect())
            }
            false => Value::Shared(full),
        };
        env.symbols.insert(s.id, value);
    }
    env
}

/// The value of every node that the roots need, calls included.
fn values(m: &Module, g: &Graph, roots: &[NodeId]) -> Option<Vec<Option<Value>>> {
    let needed = g.reachable(roots);
    let all: Vec<NodeId> = g.iter().map(|(id, _)| id).collect();
    let all: Vec<NodeId> = all.into_iter().filter(|n| needed[n.0 as usize]).collect();
    let mut dims = m.dims.clone();
    let (p, at) = expand::calls(g, &m.functions, m.layout, &mut dims, &all)?;
    let (p, at) = expand::evaluation(&p, &at);
    let found = eval_roots(&p, &worked(m), &at);
    let mut out = vec![None; g.len()];
    for (n, a) in all.iter().zip(&at) {
        out[n.0 as usize].clone_from(&found[a.0 as usize]);
    }
    Some(out)
}

struct Look<'a> {
    m: &'a Module,
    graph: Graph,
    values: Vec<Option<Value>>,
}

impl Look<'_> {
    fn matrices(&self, n: NodeId) -> Vec<&Mat> {
        match &self.values[n.0 as usize] {
            Some(Value::Shared(m)) => vec![m],
            Some(Value::Each(all)) => all.iter().collect(),
            None => Vec::new(),
        }
    }

    fn entries(&self, n: NodeId) -> impl Iterator<Item = f64> {
        self.matrices(n).into_iter().flat_map(|m| m.data.iter().copied())
    }

    fn finite(&self, n: NodeId) -> bool {
        self.entries(n).all(f64::is_finite)
    }

    /// M1: where the first value of an equation stops being finite. What an untaken case or a
    /// maximum leaves out does not count: the equation's own value decides.
    fn outside(&self, roots: &[NodeId]) -> Vec<Diagnostic> {
        let mut out: Vec<Diagnostic> = Vec::new();
        for (e, &root) in self.m.equations.iter().zip(roots) {
            if self.finite(root) {
                continue;
            }
            let needed = self.graph.reachable(&[root]);
            let first = self.graph.iter().find(|(id, n)| {
                needed[id.0 as usize]
                    && !self.finite(*id)
                    && n.args.iter().all(|a| self.finite(*a))
            });
            let Some((id, node)) = first else { continue };
            let inside = e.span.start <= node.span.start && node.span.end <= e.span.end;
            let span = if inside { node.span } else { e.span };
            if out.iter().all(|d| d.span != span) && (inside || out.is_empty()) {
                out.push(Diagnostic::error(Code::M1, span, self.reason(id)));
            }
        }
        out
    }

    fn reason(&self, n: NodeId) -> String {
        let node = &self.graph[n];
        let bad = |i: usize, ok: &dyn Fn(f64) -> bool| {
            self.entries(node.args[i]).find(|x| !ok(*x)).unwrap_or(0.0)
        };
        match &node.op {
            Op::Unary(u) => {
                let def = elementwise::unary(*u);
                let x = bad(0, &|x| (def.domain)(x) && (def.value)(x).is_finite());
                format!("{} has no finite value at {x}", def.name)
            }
            Op::Binary(Binary::Div | Binary::XDivY) => "a division by 0".to_string(),
            Op::Binary(Binary::XLogY) => match bad(1, &|p| p > 0.0) {
                0.0 => "log has no finite value at 0: what y says is true has \
                        probability 0"
                    .to_string(),
                p => format!("log has no finite value at {p}"),
            },
            Op::Call(f, _) => {
                let name = &self.m.functions.get(*f).name.written;
                format!("{name} has no finite value here")
            }
            _ => "this value is not finite".to_string(),
        }
    }

    /// M2: values on a kink of something that is differentiated.
    fn kinks(&self, roots: &[NodeId]) -> Vec<Diagnostic> {
        let needed = self.graph.reachable(roots);
        let mut out = Vec::new();
        for (id, node) in self.graph.iter().filter(|(id, _)| needed[id.0 as usize]) {
            let said = match &node.op {
                Op::Call(f, None) if self.m.functions.is_entrywise(*f) => {
                    self.kink_of_call(*f, id)
                }
                Op::Unary(Unary::Abs) => {
                    let zero = self.entries(node.args[0]).any(|x| x == 0.0);
                    zero.then(|| ("|…|".to_string(), 0.0))
                }
                Op::Binary(Binary::Max | Binary::Min) => self.tie(&node.args),
                _ => None,
            };
            let Some((name, at)) = said else { continue };
            let span = self.inside_file(node.span);
            let text = format!(
                "{name} has a kink at {at}, and a value sits on it: the derivative \
                 is that of the branch taken"
            );
            out.push(Diagnostic::note(Code::M2, span, text));
        }
        out
    }

    fn inside_file(&self, span: Span) -> Span {
        let holds = |s: Span| s.start <= span.start && span.end <= s.end;
        match self.m.equations.iter().any(|e| holds(e.span)) {
            true => span,
            false => self.m.equations.last().map_or(span, |e| e.span),
        }
    }

    fn tie(&self, args: &[NodeId]) -> Option<(String, f64)> {
        let (a, b): (Vec<f64>, Vec<f64>) =
            (self.entries(args[0]).collect(), self.entries(args[1]).collect());
        let n = a.len().max(b.len());
        let pick = |v: &[f64], i: usize| v.get(i % v.len().max(1)).copied();
        let tied =
            (0..n).find(|&i| pick(&a, i).is_some() && pick(&a, i) == pick(&b, i))?;
        Some(("max or min".to_string(), pick(&a, tied)?))
    }

    /// The first entry of a function's argument where the slopes of both sides differ.
    fn kink_of_call(&self, f: FuncId, n: NodeId) -> Option<(String, f64)> {
        let args = &self.graph[n].args;
        let rest: Option<Vec<f64>> =
            args[1..].iter().map(|a| self.entries(*a).next()).collect();
        let rest = rest?;
        let curve = Curve::new(self.m, f)?;
        let at = self.entries(args[0]).find(|&z| curve.bends(z, &rest))?;
        Some((self.m.functions.get(f).name.written.clone(), at))
    }
}

/// An entry-by-entry function on single numbers.
pub(crate) struct Curve {
    graph: Graph,
    root: NodeId,
}

impl Curve {
    pub(crate) fn new(m: &Module, f: FuncId) -> Option<Self> {
        let mut graph = m.graph.empty_like();
        let count = m.functions.get(f).params.len() as u32;
        let slot = |k| Op::Slot(k, crate::shape::Shape::SCALAR, false);
        let args: Vec<NodeId> =
            (0..count).map(|k| graph.add(slot(k), &[], Span::default())).collect();
        let call = graph.add(Op::Call(f, None), &args, Span::default());
        let mut dims = m.dims.clone();
        let (graph, at) =
            expand::calls(&graph, &m.functions, m.layout, &mut dims, &[call])?;
        Some(Self { graph, root: at[0] })
    }

    fn at(&self, z: f64, rest: &[f64]) -> Option<f64> {
        let mut env = Env { examples: 1, ..Env::default() };
        for (k, v) in std::iter::once(&z).chain(rest).enumerate() {
            env.slots.insert(k as u32, Value::Shared(Mat::scalar(*v)));
        }
        let all = eval_roots(&self.graph, &env, &[self.root]);
        Some(all[self.root.0 as usize].as_ref()?.of(0).data[0])
    }

    /// Whether the slopes to the left and right differ: at a kink the bend does not shrink
    /// with the step.
    fn bends(&self, z: f64, rest: &[f64]) -> bool {
        let bend = |h: f64| {
            let (a, b, c) =
                (self.at(z - h, rest)?, self.at(z, rest)?, self.at(z + h, rest)?);
            Some((a - 2.0 * b + c).abs() / h)
        };
        let scale = 1e-6 * z.abs().max(1.0);
        match (bend(scale), bend(16.0 * scale)) {
            (Some(near), Some(far)) => near > 1e-3 && near > 0.5 * far,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::diag::Code;

    fn codes(text: &str) -> Vec<Code> {
        let m = crate::lower::load(text, &[]).module.expect("a file");
        super::check(&m).iter().map(|d| d.code).collect()
    }

    #[test]
    fn only_kinks_and_not_curves_are_noted() {
        assert_eq!(codes("x := [0; 2]\na = relu(x)\n"), [Code::M2]);
        assert_eq!(codes("x := [0; 2]\na = elu(x)\n"), []);
        assert_eq!(codes("x := [1; 2]\na = relu(x)\n"), []);
        assert_eq!(codes("x := 0\na = |x|\n"), [Code::M2]);
    }

    #[test]
    fn what_is_not_taken_may_be_infinite() {
        assert_eq!(codes("x := 1\na = x if x > 0 else x / (1 − x)\n"), []);
        assert_eq!(codes("x := 1\na = x / (1 − x)\n"), [Code::M1]);
    }
}
