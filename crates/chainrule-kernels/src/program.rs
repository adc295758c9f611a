//! Elementwise programs as text for the machine: in go instructions over inputs and
//! constants, out comes a [`Program`] with its registers placed.
//!
//! Invariant: instruction i defines register i and reads only earlier ones; a register's
//! place in working memory is reused only after its last reader.
//!
//! Deliberately absent: simplification. The caller's graph has done it.
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

use crate::arena::Slot;

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
    /// The constant of that number in [`FusedCall::consts`].
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
    /// function of [`FusedCall::key`], this `key`, the row (counted from
    /// [`FusedCall::first_row`]) and the column.
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

/// What one instruction does, in the form that the executor reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Move,
    Un(Un),
    Bin(Bin),
    MulAdd,
    Select,
    Uniform(usize),
}

/// One instruction with its operands as places in the executor's table (inputs, then
/// constants, then registers), its register, and the output that it is, if any.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) args: [u16; 3],
    /// The register's place in the table.
    pub(crate) dst: u16,
    /// The block of working memory that is the register's.
    pub(crate) block: u16,
    pub(crate) output: Option<u16>,
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
    pub(crate) steps: Vec<Step>,
    /// How many constants the instructions name.
    pub(crate) consts: usize,
    /// How many blocks of working memory the registers need.
    pub(crate) blocks: usize,
    /// Per output, the step that defines it.
    pub(crate) defined: Vec<usize>,
    /// Per input, the last step that reads it (0 if none does).
    pub(crate) last_read: Vec<usize>,
}

/// The place and the numbers for one run of a program over rows × cols.
#[derive(Clone, Copy, Debug)]
pub struct FusedCall<'a, T> {
    /// Rows of the outputs.
    pub rows: usize,
    /// Columns of the outputs.
    pub cols: usize,
    /// Where each input lies. Row, Col and Scalar inputs lie as 1×cols, rows×1, 1×1.
    pub inputs: &'a [Slot],
    /// Where each output goes: apart from all inputs and outputs, or the very same slot
    /// as a `Full` input.
    pub outputs: &'a [Slot],
    /// The constants.
    pub consts: &'a [T],
    /// Seed and step (or whatever tells one run's draws from another's).
    pub key: [u64; 2],
    /// The number of row 0 in the draws.
    pub first_row: u64,
}

impl Program {
    /// Places the registers of a program.
    ///
    /// # Panics
    /// If an instruction reads a register that is not defined before it, or an input
    /// that does not exist.
    pub fn new(insts: Vec<Inst>, inputs: Vec<Access>, outputs: Vec<Src>) -> Program {
        let raw = with_moves(&insts, &outputs);
        let consts = raw.iter().flat_map(|(_, args)| args.iter().flatten());
        let consts = consts.filter_map(|src| match src {
            Src::Const(c) => Some(usize::from(*c) + 1),
            Src::Reg(_) | Src::In(_) => None,
        });
        let consts = consts.max().unwrap_or(0);
        let defined = output_steps(&raw, &outputs, insts.len());
        let mut program = Program {
            steps: Vec::new(),
            blocks: 0,
            last_read: last_reads(&raw, inputs.len()),
            insts,
            inputs,
            outputs,
            consts,
            defined,
        };
        program.place(&raw);
        program
    }

    /// Gives each step its operands' places and its register a block.
    fn place(&mut self, raw: &[Raw]) {
        let last = self.register_lives(raw);
        let mut free: Vec<u16> = Vec::new();
        let mut blocks = vec![0u16; raw.len()];
        for (i, (op, args)) in raw.iter().enumerate() {
            for src in dying(args, &last, i) {
                free.push(blocks[src]);
            }
            blocks[i] = free.pop().unwrap_or_else(|| {
                self.blocks += 1;
                (self.blocks - 1) as u16
            });
            if last[i] == i {
                free.push(blocks[i]);
            }
            let output = self.defined.iter().position(|&step| step == i);
            self.steps.push(Step {
                op: *op,
                args: args.map(|src| src.map_or(0, |src| self.table_place(src, i))),
                dst: (self.inputs.len() + self.consts + i) as u16,
                block: blocks[i],
                output: output.map(|output| output as u16),
            });
        }
    }

    fn table_place(&self, src: Src, step: usize) -> u16 {
        let place = match src {
            Src::In(input) => {
                assert!(usize::from(input) < self.inputs.len(), "no input {input}");
                usize::from(input)
            }
            Src::Const(c) => self.inputs.len() + usize::from(c),
            Src::Reg(r) => {
                assert!(usize::from(r) < step, "register {r} read before it is defined");
                self.inputs.len() + self.consts + usize::from(r)
            }
        };
        u16::try_from(place).expect("a program of more than 65535 operands")
    }

    /// Per register its last reader; registers that are outputs live to the end.
    fn register_lives(&self, raw: &[Raw]) -> Vec<usize> {
        let mut last: Vec<usize> = (0..raw.len()).collect();
        for (i, (_, args)) in raw.iter().enumerate() {
            for src in args.iter().flatten() {
                if let Src::Reg(r) = src {
                    assert!(
                        usize::from(*r) < i,
                        "register {r} read before it is defined"
                    );
                    last[usize::from(*r)] = i;
                }
            }
        }
        for &step in &self.defined {
            last[step] = raw.len();
        }
        last
    }
}

type Raw = (Op, [Option<Src>; 3]);

/// The instructions, and a move for every output that is not a register of its own.
fn with_moves(insts: &[Inst], outputs: &[Src]) -> Vec<Raw> {
    let mut raw: Vec<Raw> = insts.iter().map(raw).collect();
    for (i, src) in outputs.iter().enumerate() {
        if needs_move(outputs, i) {
            raw.push((Op::Move, [Some(*src), None, None]));
        }
    }
    raw
}

fn needs_move(outputs: &[Src], i: usize) -> bool {
    !matches!(outputs[i], Src::Reg(_)) || outputs[..i].contains(&outputs[i])
}

fn raw(inst: &Inst) -> Raw {
    match *inst {
        Inst::Un(f, a) => (Op::Un(f), [Some(a), None, None]),
        Inst::Bin(f, a, b) => (Op::Bin(f), [Some(a), Some(b), None]),
        Inst::MulAdd(a, b, c) => (Op::MulAdd, [Some(a), Some(b), Some(c)]),
        Inst::Select(a, b, c) => (Op::Select, [Some(a), Some(b), Some(c)]),
        Inst::Uniform { key } => (Op::Uniform(key), [None; 3]),
    }
}

fn output_steps(raw: &[Raw], outputs: &[Src], insts: usize) -> Vec<usize> {
    let mut next = insts;
    let step = |(i, src): (usize, &Src)| match src {
        Src::Reg(r) if !needs_move(outputs, i) => usize::from(*r),
        Src::Reg(_) | Src::In(_) | Src::Const(_) => {
            next += 1;
            next - 1
        }
    };
    let steps: Vec<usize> = outputs.iter().enumerate().map(step).collect();
    assert!(steps.iter().all(|&step| step < raw.len()), "an output that is not defined");
    steps
}

fn last_reads(raw: &[Raw], inputs: usize) -> Vec<usize> {
    let mut last = vec![0; inputs];
    for (i, (_, args)) in raw.iter().enumerate() {
        for src in args.iter().flatten() {
            if let Src::In(input) = src {
                assert!(usize::from(*input) < inputs, "no input {input}");
                last[usize::from(*input)] = i;
            }
        }
    }
    last
}

/// The registers read for the last time by step i, each once.
fn dying(args: &[Option<Src>; 3], last: &[usize], i: usize) -> Vec<usize> {
    let registers = args.iter().flatten().filter_map(|src| match src {
        Src::Reg(r) => Some(usize::from(*r)),
        Src::In(_) | Src::Const(_) => None,
    });
    let mut dying: Vec<usize> = registers.filter(|&r| last[r] == i).collect();
    dying.sort_unstable();
    dying.dedup();
    dying
}
