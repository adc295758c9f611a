//! Operations on whole matrices as operators of ONNX.
//!
//! In: values as `network` holds them, transposed. Out: the same. Invariant: an operator that reads
//! single entries gets all of them ([`Network::wide`]); none reduces or cuts the rows of the data.

use chainrule_graph::graph::{Axis, Block};

use super::network::Network;
use super::proto::{self, Attribute};
use super::value::{Extent, Found, OTHERS, Value, shared};

impl Network<'_> {
    /// (A B)ᵀ = Bᵀ Aᵀ.
    pub(super) fn product(&mut self, a: &Value, b: &Value, size: [Extent; 2]) -> Found {
        if a.size[1] == Extent::Rows {
            return Err(OTHERS.into());
        }
        let (a, b) = (self.wide(a)?, self.wide(b)?);
        let name = self.build.op("MatMul", &[&b.name, &a.name]);
        Ok(Value { each: a.each || b.each, ..shared(name, size) })
    }

    pub(super) fn transpose(&mut self, a: &Value, size: [Extent; 2]) -> Value {
        let name = self.number(a);
        let order = if a.each { vec![0, 2, 1] } else { vec![1, 0] };
        let name =
            self.build.with("Transpose", &[&name], vec![Attribute::ints("perm", order)]);
        Value { wide: [a.wide[1], a.wide[0]], each: a.each, ..shared(name, size) }
    }

    pub(super) fn reduce(
        &mut self,
        op: &str,
        axis: Axis,
        a: &Value,
        size: [Extent; 2],
    ) -> Found {
        // Rows of the graph are the last axis here.
        let axes: &[i64] = match axis {
            Axis::All => &[-2, -1],
            Axis::Rows => &[-1],
            Axis::Cols => &[-2],
        };
        let over = |k: usize, at: i64| axes.contains(&at) && a.size[k] == Extent::Rows;
        if over(0, -1) || over(1, -2) {
            return Err(OTHERS.into());
        }
        let a = self.wide(a)?;
        let axes = self.build.ints(axes);
        let name = self.build.op(op, &[&a.name, &axes]);
        Ok(Value { each: a.each, ..shared(name, size) })
    }

    /// A column on the diagonal; picked, so that nothing infinite leaks beside it.
    pub(super) fn diagonal(&mut self, a: &Value, size: [Extent; 2]) -> Found {
        let a = self.wide(a)?;
        let (name, _) = self.eye(size)?;
        self.on_diagonal(&name, &a, size)
    }

    pub(super) fn diagonal_part(&mut self, a: &Value, size: [Extent; 2]) -> Found {
        let a = self.wide(a)?;
        let (name, _) = self.eye(a.size)?;
        let kept = self.on_diagonal(&name, &a, a.size)?;
        let axis = self.build.ints(&[-2]);
        let name = self.build.op("ReduceSum", &[&kept.name, &axis]);
        Ok(Value { each: a.each, ..shared(name, size) })
    }

    pub(super) fn on_diagonal(
        &mut self,
        eye: &str,
        a: &Value,
        size: [Extent; 2],
    ) -> Found {
        let here = self.build.cast(eye, proto::BOOL);
        let zero = self.build.number(0.0);
        let name = self.build.op("Where", &[&here, &a.name, &zero]);
        Ok(Value { each: a.each, ..shared(name, size) })
    }

    pub(super) fn slice(&mut self, block: &Block, a: &Value, size: [Extent; 2]) -> Found {
        let mut part = self.wide(a)?;
        let starts = [self.extent(&block.row)?, self.extent(&block.col)?];
        for (k, axis) in [(0, -1), (1, -2)] {
            if size[k] == a.size[k] {
                continue;
            }
            let (Extent::Fixed(from), Extent::Fixed(len)) = (starts[k], size[k]) else {
                return Err(OTHERS.into());
            };
            if a.size[k] == Extent::Rows {
                return Err(OTHERS.into());
            }
            let b = &mut *self.build;
            let (start, end) = (b.ints(&[from as i64]), b.ints(&[(from + len) as i64]));
            let axis = b.ints(&[axis]);
            part.name = b.op("Slice", &[&part.name, &start, &end, &axis]);
        }
        Ok(Value { each: a.each, ..shared(part.name, size) })
    }

    pub(super) fn stack(&mut self, a: &[Value], size: [Extent; 2]) -> Found {
        if size[0] == Extent::Rows {
            return Err(OTHERS.into());
        }
        let each = a.iter().any(|v| v.each);
        let mut parts = Vec::new();
        for v in a {
            let v = self.wide(v)?;
            parts.push(if each && !v.each { self.repeated(&v) } else { v.name });
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let name = self.build.with("Concat", &parts, vec![Attribute::int("axis", -1)]);
        Ok(Value { each, ..shared(name, size) })
    }

    /// A shared value once per row.
    pub(super) fn repeated(&mut self, v: &Value) -> String {
        let b = &mut *self.build;
        let rows = b.rows().unwrap_or_default();
        let ones = b.ints(&[1, 1]);
        let shape = b.with("Concat", &[&rows, &ones], vec![Attribute::int("axis", 0)]);
        b.op("Expand", &[&v.name, &shape])
    }

    /// The value as numbers with all its entries.
    pub(super) fn wide(&mut self, v: &Value) -> Found {
        let name = self.number(v);
        let mut out = Value { truth: false, name, ..v.clone() };
        if v.wide == [true, true] {
            return Ok(out);
        }
        let b = &mut *self.build;
        let mut sizes = Vec::new();
        for extent in [v.size[1], v.size[0]] {
            sizes.push(match extent {
                Extent::Fixed(n) => b.ints(&[n as i64]),
                Extent::Rows => b.rows().unwrap_or_default(),
            });
        }
        let axis = vec![Attribute::int("axis", 0)];
        let shape = b.with("Concat", &[&sizes[0], &sizes[1]], axis);
        out.name = b.op("Expand", &[&out.name, &shape]);
        out.wide = [true, true];
        Ok(out)
    }
}
