//! A value of the network in the making: its name in ONNX, its size, and what is only one entry yet.
//!
//! In: arguments. Out: the sizes of what is made of them. Deliberately absent: operators.

/// A size of an example's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Fixed(usize),
    /// The number of rows, in files that write a batch as a matrix.
    Rows,
}

pub(super) const ONE: Extent = Extent::Fixed(1);

/// A value in the making.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: String,
    /// Rows and columns of the graph.
    pub(super) size: [Extent; 2],
    /// Whether ONNX's tensor has that many; else it has 1, which serves all.
    pub(super) wide: [bool; 2],
    pub(super) each: bool,
    /// Whether it is of type bool.
    pub(super) truth: bool,
}

/// Why something cannot be written: the reason, put behind the name of its equation.
pub(super) type Found = Result<Value, String>;

pub(super) const OTHERS: &str =
    "it counts or adds over the rows, so a row's output would depend on the others";

/// An entry by entry value of its arguments.
pub(super) fn together(name: String, a: &[Value], size: [Extent; 2]) -> Value {
    let wide =
        |k: usize| size[k] == ONE || a.iter().any(|v| v.wide[k] && v.size[k] == size[k]);
    let each = a.iter().any(|v| v.each);
    Value { wide: [wide(0), wide(1)], each, ..shared(name, size) }
}

/// The same entries in a larger shape: left to ONNX's broadcasting.
pub(super) fn spread(a: &Value, size: [Extent; 2]) -> Value {
    let wide = |k: usize| size[k] == ONE || (a.wide[k] && a.size[k] == size[k]);
    Value { size, wide: [wide(0), wide(1)], ..a.clone() }
}

pub(super) fn shared(name: String, size: [Extent; 2]) -> Value {
    Value { name, size, wide: [true, true], each: false, truth: false }
}
