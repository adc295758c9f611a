//! Elementwise programs as text for the machine: in go instructions over inputs and
//! constants, out comes a [`Program`] with its registers placed.
//!
//! Invariant: instruction i defines register i and reads only earlier ones.
//!
//! Deliberately absent: simplification, which the caller's graph has done, and the order
//! and places of the steps, which are [`crate::schedule`]'s.
//!
//! ```
//! use chainrule_kernels::{Access, Bin, Inst, Program, Src};
//! // θ − lr·g, with θ and g as inputs and lr as constant 0
//! let program = Program::new(
//!     vec![
//!         Inst::Bin(Bin::Mul, Src::In(1), Src::Const(0)),
//!         Inst::Bin(Bin::Sub, Src::In(0), Src::Reg(0)),
//!     ],
//!     vec![Access::Full, Access::Full],
//!     vec![Src::Reg(1)],
//! );
//! assert_eq!(program.outputs.len(), 1);
//! ```

use crate::native::Native;
use crate::schedule::Schedule;

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the functions")]
pub enum Un {
    Neg,
    Exp,
    Log,
    Log1p,
    Expm1,
    Sqrt,
    Erf,
    Sin,
    Cos,
    Tanh,
    Abs,
    /// −1, 0 or 1; NaN of NaN.
    Sign,
    Recip,
    Square,
    /// 1 of 0, else 0.
    Not,
}

/// A function of two numbers. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the functions")]
pub enum Bin {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    /// The larger; NaN if either is NaN.
    Max,
    /// The smaller; NaN if either is NaN.
    Min,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    /// 1 if neither is 0.
    And,
    /// 1 if not both are 0.
    Or,
    /// x·ln y; 0 where x is 0.
    XLogY,
    /// x/y; 0 where x is 0.
    XDivY,
}

/// Where an operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Src {
    /// The result of the instruction of that number.
    Reg(u16),
    /// The input of that number.
    In(u16),
    /// The constant of that number in the [`crate::Pass`].
    Const(u16),
}

/// One instruction; the i-th of a program defines register i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inst {
    /// f(a).
    Un(Un, Src),
    /// f(a, b).
    Bin(Bin, Src, Src),
    /// a·b + c, rounded once.
    MulAdd(Src, Src, Src),
    /// The second where the first is not 0, else the third; the other is not looked at.
    Select(Src, Src, Src),
    /// Uniform in [0, 1), a multiple of 2⁻²⁴ and so the same number in f32 and f64: a
    /// function of [`crate::Inputs::key`], this `key`, the row and the column.
    Uniform {
        /// Tells several draws of one program apart.
        key: usize,
    },
}

/// How an input is spread over rows × cols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// rows × cols.
    Full,
    /// 1 × cols, the same for every row.
    Row,
    /// rows × 1, one per row.
    Col,
    /// 1 × 1.
    Scalar,
}

impl Access {
    /// The shape of an input with this access.
    pub fn shape(self, rows: usize, cols: usize) -> (usize, usize) {
        match self {
            Access::Full => (rows, cols),
            Access::Row => (1, cols),
            Access::Col => (rows, 1),
            Access::Scalar => (1, 1),
        }
    }
}

/// An elementwise program with its registers placed. See the module's words.
#[derive(Clone, Debug)]
pub struct Program {
    /// The instructions, as given.
    pub insts: Vec<Inst>,
    /// How each input is spread.
    pub inputs: Vec<Access>,
    /// What is stored, each over all of rows × cols.
    pub outputs: Vec<Src>,
    pub(crate) schedule: Schedule,
    pub(crate) native: Native,
}

impl Program {
    /// Schedules a program and places its registers.
    ///
    /// # Panics
    /// If an instruction reads a register that is not defined before it, or an input
    /// that does not exist.
    pub fn new(insts: Vec<Inst>, inputs: Vec<Access>, outputs: Vec<Src>) -> Program {
        let schedule = Schedule::new(&insts, inputs.len(), &outputs);
        Program { insts, inputs, outputs, schedule, native: Native::new() }
    }

    /// The same program, walked step by step wherever it runs: for comparisons.
    #[must_use]
    pub fn walked(self) -> Program {
        Program { native: Native::off(), ..self }
    }
}
