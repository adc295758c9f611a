//! The tree that the parser gives: what was written, with spans, before any meaning.
//!
//! Names are already canonical (`W_1`, `W₁`, `W_{1}` are one key); `for` loops are already
//! expanded; whether `f(x)` is a call is already decided (rule 4). Shapes, roles and layouts are
//! not looked at here.

use crate::diag::Span;

use super::settings::DataSpec;

/// A symbol's name: one canonical key, however it was spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Canonical spelling, NFC: `W1`, `ŷ`, `λ1`, `a_x`, `z^[1]`.
    pub key: String,
    /// As written in the file (`W_{1}`, `yhat`).
    pub written: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// In the order of the file.
    pub statements: Vec<Statement>,
}

/// One statement and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// The whole statement.
    pub span: Span,
}

/// The forms of language.md section 1.
#[allow(
    clippy::large_enum_variant,
    reason = "a file has tens of statements, not millions"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `input x : D`, `param W : H×D ~ he`, or a shape without a role `z : 4×1`.
    Declare(Vec<Declaration>),
    /// `const λ = 1e-4`.
    Const(Name, Expr),
    /// `where H = 128, act = tanh`: sizes of dimensions, or a function by another name.
    Where(Vec<(Name, Expr)>),
    /// `x := [2.0; -1.0]`.
    Value(Name, Expr),
    /// `z1 = W1 x + b1`, or over an index `ŷ_i = …`.
    Equation(Equation),
    /// `swish(z, β = 1) = z sigmoid(β z)`.
    Function(Function),
    /// `optimizer sgdm(lr = 0.01): …`.
    Optimizer(Optimizer),
    /// `minimize J = mean(L)`.
    Minimize(Option<Name>, Expr),
    /// `output: ŷ`.
    Output(Name),
    /// `examples: rows`.
    Examples(Layout),
    /// `trainable: W1 b1`.
    Trainable(Vec<Name>),
    /// `data: …`.
    Data(Box<DataSpec>),
    /// `train: …`.
    Train(Box<TrainSpec>),
    /// `precision: f64` on a line of its own.
    Precision(Precision),
    /// `digits: 6`, significant digits of display.
    Digits(u32),
}

/// What a symbol is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Data, known when predicting.
    Input,
    /// Data, known when training.
    Target,
    /// Learned.
    Param,
    /// Only a shape was given.
    None,
}

/// What is known about the entries of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// One entry is 1, the others 0.
    OneHot,
    /// Entries ≥ 0 that add to 1.
    Distribution,
    /// 0 or 1.
    Binary,
    /// Each entry 0 or 1.
    MultiHot,
}

/// One declared symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// Its role (role words carry over commas).
    pub role: Role,
    /// Its name.
    pub name: Name,
    /// `H×D`; absent where it is to be inferred.
    pub shape: Option<ShapeExpr>,
    /// `one-hot`, `binary`, …
    pub mark: Option<Mark>,
    /// `~ he` or `= 0`.
    pub init: Option<Init>,
    /// The whole item.
    pub span: Span,
}

/// How a parameter starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// `~ normal(0, 0.1)`: name in lower case (he, he_uniform, glorot, …), arguments.
    Draw(String, Vec<Expr>, Span),
    /// `= 0` or `= [1 2; 3 4]`.
    Fill(Expr),
}

/// A declared shape: one or two dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapeExpr {
    /// `[n]` (a column; a row in `rows`) or `[rows, columns]`.
    pub dims: Vec<DimExpr>,
    /// Where.
    pub span: Span,
}

/// A dimension as written.
#[derive(Clone, Debug, PartialEq)]
pub enum DimExpr {
    /// `4`.
    Size(usize, Span),
    /// `H`.
    Name(Name),
    /// `H + 1`, `D1 + D2`.
    Sum(Vec<DimExpr>, Span),
}

/// `z1 = W1 x + b1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// Left side.
    pub name: Name,
    /// The index of `ŷ_i = …`; the equation then runs over it.
    pub index: Option<Name>,
    /// Right side.
    pub value: Expr,
}

/// A function of the user's own, or of the prelude.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters, in order.
    pub params: Vec<Param>,
    /// The definition.
    pub body: Expr,
    /// `computed as …`: a stable form, equal wherever both are finite.
    pub computed: Option<Expr>,
    /// `derivative …` (entry by entry: with respect to the first argument) or, for a function of
    /// one example, the pullback in terms of `g`: optional, checked against the derived one.
    pub derivative: Option<Expr>,
    /// Structured comments beside it: `# source: …`, `# alias: …`, `# at: z = 0 -> 0.5`.
    pub notes: Vec<(String, String)>,
    /// The sentence of comment just above it, if any.
    pub about: String,
}

/// One parameter of a function or optimiser.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// `z : K`: then the function is one of a whole example.
    pub shape: Option<ShapeExpr>,
    /// `β = 1`.
    pub default: Option<Expr>,
}

/// An update rule, entry by entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// Its name.
    pub name: Name,
    /// Its arguments.
    pub params: Vec<Param>,
    /// `state v = 0`.
    pub states: Vec<(Name, Expr)>,
    /// `v ← μ v + g`, top to bottom.
    pub lines: Vec<(Name, Expr)>,
    /// Structured comments.
    pub notes: Vec<(String, String)>,
    /// The sentence of comment just above it, if any.
    pub about: String,
}

/// How a file writes many examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Equations speak of one example.
    #[default]
    One,
    /// Examples are columns of a matrix.
    Columns,
    /// Examples are rows of a matrix.
    Rows,
}

/// The number type of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Single.
    #[default]
    F32,
    /// Double.
    F64,
}

/// The `train:` line.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TrainSpec {
    /// `adam(lr = 1e-3)`: name and arguments (positional ones have no name).
    pub optimizer: Option<OptimizerCall>,
    /// `batch 32`; 0 stands for `full`.
    pub batch: Option<usize>,
    /// `epochs 30`.
    pub epochs: Option<usize>,
    /// `seed 0`.
    pub seed: Option<u64>,
    /// `clip 1.0`: largest global gradient norm.
    pub clip: Option<f64>,
    /// `patience 5`: epochs without a better validation loss before stopping.
    pub patience: Option<usize>,
    /// `keep best` (true) or `keep last` (false).
    pub keep_best: Option<bool>,
    /// `stop after 10 min`, in seconds.
    pub stop_after: Option<f64>,
    /// `precision f64`.
    pub precision: Option<Precision>,
    /// `decay W*`: what weight_decay acts on; empty = everything.
    pub decay: Vec<String>,
    /// `plateau(factor = 0.5, patience = 3)`: a controller of the loop.
    pub plateau: Option<OptimizerCall>,
    /// `checkpoint every 5 min`.
    pub checkpoint: Option<Every>,
    /// The whole line.
    pub span: Span,
}

/// How often a training that goes on is saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// `every 1000 steps`.
    Steps(u64),
    /// `every 5 min`.
    Seconds(f64),
    /// `never`.
    Never,
}

/// A call of an optimiser or schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerCall {
    /// Which.
    pub name: Name,
    /// With what.
    pub args: Vec<Arg>,
}

/// An expression and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `β` of `β = 2`.
    pub name: Option<Name>,
    /// Its value.
    pub value: Expr,
}

/// An index of `W[2, :]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// `:`.
    All,
    /// `2`, or `i` inside a sum.
    At(Expr),
    /// `2:4`, both ends included.
    Range(Expr, Expr),
}

/// Binary operations; `Space`, `At`, `Odot`, `Dot`, `Star`, `Cross`, `Div` share one level.
#[allow(missing_docs, reason = "the names are the operations")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    /// Juxtaposition: matrix product or scalar factor.
    Space,
    /// `@`, the same.
    At,
    /// `⊙`, `∘`, `.*`.
    Odot,
    /// `·`.
    Dot,
    /// `*`.
    Star,
    /// `×` in an expression.
    Cross,
    Div,
    Pow,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal, with its text (`1e-4`).
    Number(f64, String),
    /// A symbol, dimension, function name, or (inside a sum) an element such as `a_i`: the
    /// meaning is found when lowering.
    Name(Name),
    /// A bracket that was written.
    Paren(Box<Expr>),
    /// `−e`.
    Neg(Box<Expr>),
    /// `not e`.
    Not(Box<Expr>),
    /// Two operands; the span of the operator is what lies between theirs.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `Wᵀ`, `W^T`, `W.T`.
    Transpose(Box<Expr>),
    /// `f(a, b)`; `f'(a)` has one prime; `log ŷ` without brackets too.
    Call {
        /// The function's name as written.
        func: Name,
        /// Number of primes.
        primes: u8,
        /// Arguments.
        args: Vec<Arg>,
    },
    /// `‖a, b‖` and `‖e‖_1`; `p` is 1 or 2.
    Norm(u8, Vec<Expr>),
    /// `|e|`.
    Abs(Box<Expr>),
    /// `∑_{i=1}^K e`; `except` is the other index of `∑_{j≠i}`.
    Sum {
        /// The index.
        index: Name,
        /// First value (default 1).
        from: Option<Box<Expr>>,
        /// Last value (default: the common dimension).
        to: Option<Box<Expr>>,
        /// An index value that is left out.
        except: Option<Box<Expr>>,
        /// What is added.
        body: Box<Expr>,
    },
    /// `a if c else b`: value, condition, otherwise.
    Cases(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `W[2,1]`, `v[3]`.
    Element(Box<Expr>, Vec<Index>),
    /// `[1 2; 3 4]`: entries are numbers.
    Matrix(Vec<Vec<Expr>>),
    /// `[a; b]`: stacked.
    Stack(Vec<Expr>),
    /// `1[z > 0]`.
    Indicator(Box<Expr>),
    /// What could not be read; a diagnostic tells.
    Error,
}
