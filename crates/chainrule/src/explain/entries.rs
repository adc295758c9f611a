//! Entries of a matrix expression in index form: `(ŷ[2] − y[2]) a1[1]`, or by cases i = k, i ≠ k.
//!
//! In: a node and two indices (numbers or letters). Out: a tree for the case of equal indices
//! and one for the other; where no rule applies the entry of the whole expression is named.

use chainrule_graph::graph::{Axis, Binary, NodeId, Op, Unary};
use chainrule_graph::print::Printer;
use chainrule_graph::syntax::ast::{Arg, BinaryOp, Expr, ExprKind, Index, Name};
use chainrule_graph::syntax::print::{Style, print_expr};

/// An index as a tree: a number or a letter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Number(usize),
    Letter(String),
}

impl Place {
    fn expr(&self) -> Expr {
        match self {
            Self::Number(n) => number(*n as f64),
            Self::Letter(l) => name(l),
        }
    }
}

/// Whether two indices are equal, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Same {
    Yes,
    No,
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Default::default() }
}

fn named(text: &str) -> Name {
    Name { key: text.to_string(), written: text.to_string(), span: Default::default() }
}

fn name(text: &str) -> Expr {
    expr(ExprKind::Name(named(text)))
}

fn number(v: f64) -> Expr {
    expr(ExprKind::Number(v, chainrule_graph::print::number_text(v)))
}

fn is_number(e: &Expr, v: f64) -> bool {
    matches!(e.kind, ExprKind::Number(w, _) if w == v)
}

/// Walks a matrix expression down to entries.
pub(crate) struct Entries<'a> {
    pub printer: &'a Printer<'a>,
    /// Whether the two letters of the question stand for one number.
    pub same: Same,
}

impl Entries<'_> {
    /// Entry (i, j) of a node.
    pub(crate) fn entry(&self, n: NodeId, i: &Place, j: &Place) -> Expr {
        let node = &self.printer.graph[n];
        let arg = |k: usize| node.args[k];
        if node.shape.is_scalar() && !matches!(node.op, Op::Binary(_) | Op::Unary(_)) {
            return self.printer.node(n);
        }
        if self.printer.names.contains_key(&n) || matches!(node.op, Op::Symbol(_)) {
            return self.element(n, i, j);
        }
        match &node.op {
            Op::Fill(bits, _) => number(f64::from_bits(*bits)),
            Op::Eye(_) => number(f64::from(u8::from(self.equal(i, j)))),
            Op::Diag if self.equal(i, j) => self.entry(arg(0), i, &Place::Number(1)),
            Op::Diag => number(0.0),
            Op::Unary(Unary::Neg) => negative(self.entry(arg(0), i, j)),
            Op::Unary(u) => {
                let f = chainrule_graph::ops::elementwise::unary(*u).name;
                call(f, 0, vec![self.entry(arg(0), i, j)])
            }
            Op::Binary(b) => self.binary(*b, arg(0), arg(1), i, j),
            Op::Call(f, None) if self.printer.functions.is_entrywise(*f) => {
                self.function(*f, 0, &node.args, i, j)
            }
            Op::Deriv(f, _) => self.function(*f, 1, &node.args, i, j),
            Op::Transpose => self.entry(arg(0), j, i),
            Op::MatMul => self.product(arg(0), arg(1), i, j),
            Op::Broadcast(axis, _) => {
                let one = Place::Number(1);
                let (i, j) = match axis {
                    Axis::All => (&one, &one),
                    Axis::Rows => (&one, j),
                    Axis::Cols => (i, &one),
                };
                self.entry(arg(0), i, j)
            }
            Op::Select => expr(ExprKind::Cases(
                Box::new(self.entry(arg(1), i, j)),
                Box::new(self.entry(arg(0), i, j)),
                Box::new(self.entry(arg(2), i, j)),
            )),
            _ => self.element(n, i, j),
        }
    }

    fn equal(&self, i: &Place, j: &Place) -> bool {
        match (i, j) {
            (Place::Number(a), Place::Number(b)) => a == b,
            (Place::Letter(a), Place::Letter(b)) if a == b => true,
            _ => self.same == Same::Yes,
        }
    }

    /// `W[i, j]`, `v[i]`, or the name of a scalar.
    fn element(&self, n: NodeId, i: &Place, j: &Place) -> Expr {
        let shape = &self.printer.graph[n].shape;
        let base = self.printer.node(n);
        if shape.is_scalar() {
            return base;
        }
        let at = |p: &Place| Index::At(p.expr());
        let index = match (shape.rows.is_one(), shape.cols.is_one()) {
            (_, true) => vec![at(i)],
            (true, _) => vec![at(j)],
            _ => vec![at(i), at(j)],
        };
        let plain = matches!(base.kind, ExprKind::Name(_) | ExprKind::Call { .. });
        let base = if plain { base } else { paren(base) };
        expr(ExprKind::Element(Box::new(base), index))
    }

    fn binary(&self, b: Binary, x: NodeId, y: NodeId, i: &Place, j: &Place) -> Expr {
        let (p, q) = (self.entry(x, i, j), self.entry(y, i, j));
        match b {
            Binary::Add => sum(p, q),
            Binary::Sub => difference(p, q),
            Binary::Mul => times(p, q),
            Binary::Div | Binary::XDivY => op(BinaryOp::Div, tight(p), atom(q)),
            Binary::Pow => op(BinaryOp::Pow, atom(p), atom(q)),
            Binary::XLogY => times(p, call("log", 0, vec![q])),
            Binary::Max => call("max", 0, vec![p, q]),
            Binary::Min => call("min", 0, vec![p, q]),
            Binary::Lt => op(BinaryOp::Lt, p, q),
            Binary::Le => op(BinaryOp::Le, p, q),
            Binary::Gt => op(BinaryOp::Gt, p, q),
            Binary::Ge => op(BinaryOp::Ge, p, q),
            Binary::Eq => op(BinaryOp::Eq, p, q),
            Binary::Ne => op(BinaryOp::Ne, p, q),
            Binary::And => op(BinaryOp::And, p, q),
            Binary::Or => op(BinaryOp::Or, p, q),
        }
    }

    fn function(
        &self,
        f: chainrule_graph::graph::FuncId,
        primes: u8,
        args: &[NodeId],
        i: &Place,
        j: &Place,
    ) -> Expr {
        let whole = match primes {
            0 => self.printer.inside_call(f, 0, args),
            _ => self.printer.inside_call(f, 1, args),
        };
        let ExprKind::Call { func, args: mut shown, .. } = whole.kind else {
            return whole;
        };
        for (k, a) in shown.iter_mut().enumerate() {
            a.value = self.entry(args[k.min(args.len() - 1)], i, j);
        }
        expr(ExprKind::Call { func, primes, args: shown })
    }

    /// (A B)[i, j]: one product where the inner dimension is 1, else the sum over it.
    fn product(&self, a: NodeId, b: NodeId, i: &Place, j: &Place) -> Expr {
        let one = Place::Number(1);
        if self.printer.graph[a].shape.cols.is_one() {
            return times(self.entry(a, i, &one), self.entry(b, &one, j));
        }
        let used = [i, j].map(|p| print_expr(&p.expr(), Style::Unicode));
        let letter =
            ["j", "l", "n", "r"].into_iter().find(|l| !used.iter().any(|u| u == l));
        let letter = letter.unwrap_or("s");
        let inner = Place::Letter(letter.to_string());
        let outer = Entries { printer: self.printer, same: Same::No };
        let body = times(outer.entry(a, i, &inner), outer.entry(b, &inner, j));
        expr(ExprKind::Sum {
            index: named(letter),
            from: None,
            to: None,
            except: None,
            body: Box::new(body),
        })
    }
}

fn call(f: &str, primes: u8, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|value| Arg { name: None, value }).collect();
    expr(ExprKind::Call { func: named(f), primes, args })
}

fn paren(e: Expr) -> Expr {
    expr(ExprKind::Paren(Box::new(e)))
}

fn op(o: BinaryOp, a: Expr, b: Expr) -> Expr {
    expr(ExprKind::Binary(o, Box::new(a), Box::new(b)))
}

/// With a bracket unless it is a name, number, call or element.
fn atom(e: Expr) -> Expr {
    let loose = matches!(
        e.kind,
        ExprKind::Binary(..)
            | ExprKind::Neg(_)
            | ExprKind::Cases(..)
            | ExprKind::Sum { .. }
    );
    if loose { paren(e) } else { e }
}

/// With a bracket if it is a sum or looser.
fn tight(e: Expr) -> Expr {
    let loose = match &e.kind {
        ExprKind::Binary(o, ..) => {
            !matches!(o, BinaryOp::Space | BinaryOp::Odot | BinaryOp::Div | BinaryOp::Pow)
        }
        ExprKind::Neg(_) | ExprKind::Cases(..) | ExprKind::Sum { .. } => true,
        _ => false,
    };
    if loose { paren(e) } else { e }
}

fn negative(e: Expr) -> Expr {
    if is_number(&e, 0.0) {
        return e;
    }
    if let ExprKind::Neg(x) = e.kind {
        return *x;
    }
    chainrule_graph::print::negative(tight(e))
}

fn sum(p: Expr, q: Expr) -> Expr {
    match () {
        () if is_number(&p, 0.0) => q,
        () if is_number(&q, 0.0) => p,
        () => op(BinaryOp::Add, p, q),
    }
}

/// p − q, with a − a b written as a (1 − b).
fn difference(p: Expr, q: Expr) -> Expr {
    if is_number(&q, 0.0) {
        return p;
    }
    if is_number(&p, 0.0) {
        return negative(q);
    }
    if let ExprKind::Binary(BinaryOp::Space, a, b) = &q.kind
        && print_expr(a, Style::Unicode) == print_expr(&p, Style::Unicode)
    {
        let rest = op(BinaryOp::Sub, number(1.0), tight((**b).clone()));
        return op(BinaryOp::Space, p, paren(rest));
    }
    op(BinaryOp::Sub, p, tight(q))
}

fn times(p: Expr, q: Expr) -> Expr {
    if is_number(&p, 0.0) || is_number(&q, 0.0) {
        return number(0.0);
    }
    if is_number(&p, 1.0) {
        return q;
    }
    if is_number(&q, 1.0) {
        return p;
    }
    if let ExprKind::Neg(x) = p.kind {
        return negative(times(*x, q));
    }
    let q = match q.kind {
        ExprKind::Binary(BinaryOp::Space | BinaryOp::Odot, ..) => paren(q),
        _ => tight(q),
    };
    op(BinaryOp::Space, tight(p), q)
}
