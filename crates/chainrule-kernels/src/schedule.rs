//! From instructions to steps: in go a program's instructions, out come the steps that
//! the executor walks, with the places of their operands.
//!
//! A cheap instruction whose result is read once, by another cheap one, becomes one step
//! with it: the number then goes from one to the other in a register of the processor,
//! and a pass over working memory is saved. Bits are the same either way.
//!
//! [`crate::native`] joins more than two; its steps come from here as well.
//!
//! Invariants: a step reads registers of earlier steps only; a block of working memory is
//! given on only after its register's last reader; each output has a step of its own.

use crate::program::{Bin, Inst, Src, Un};

/// What one step does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Op {
    Move,
    Un(Un),
    Bin(Bin),
    MulAdd,
    Select,
    Uniform(usize),
    Pair(First, Second),
    /// Code made at run time, by its number.
    #[cfg_attr(
        not(all(target_arch = "x86_64", unix)),
        allow(dead_code, reason = "no code is made there")
    )]
    Code(u16),
}

/// The first of a pair, t = f(a, b, c).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum First {
    Add,
    Sub,
    Mul,
    Div,
    MulAdd,
    Sqrt,
    Square,
    Gt,
}

/// The second of a pair, of t and its other operands d and e.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Second {
    /// t + d
    Add,
    /// t − d
    Sub,
    /// d − t
    SubFrom,
    /// t·d
    Mul,
    /// t/d
    Div,
    /// d/t
    Under,
    /// t·d + e
    MulAdd,
    /// d·e + t
    AddProduct,
    /// d where t is not 0, else e
    Select,
    /// The larger of t and d.
    Max,
}

/// One step: its operands and its register as places in the executor's table (inputs,
/// then constants, then registers). Code knows its places itself.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) args: [u16; 5],
    pub(crate) dst: u16,
}

/// A program's steps. See the module's words.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) steps: Vec<Step>,
    /// How many constants the instructions name.
    pub(crate) consts: usize,
    /// How many registers the table has, some of them in no step.
    pub(crate) registers: usize,
    /// How many blocks of working memory the registers need.
    pub(crate) blocks: usize,
    /// The place of each register that has one, and its block.
    pub(crate) homes: Vec<(u16, u16)>,
    /// Per output, its place.
    pub(crate) results: Vec<u16>,
    /// Per output, the step that defines it.
    pub(crate) defined: Vec<usize>,
    /// Per input, the last step that reads it (0 if none does).
    pub(crate) last_read: Vec<usize>,
}

/// A step before its operands have places: what it reads, and the registers that it
/// defines.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) args: Vec<Option<Src>>,
    pub(crate) defines: Vec<usize>,
}

impl Node {
    fn new(op: Op, args: &[Src], register: usize) -> Node {
        let args = args.iter().copied().map(Some).collect();
        Node { op, args, defines: vec![register] }
    }

    fn of(register: usize, inst: &Inst) -> Node {
        match *inst {
            Inst::Un(f, a) => Node::new(Op::Un(f), &[a], register),
            Inst::Bin(f, a, b) => Node::new(Op::Bin(f), &[a, b], register),
            Inst::MulAdd(a, b, c) => Node::new(Op::MulAdd, &[a, b, c], register),
            Inst::Select(a, b, c) => Node::new(Op::Select, &[a, b, c], register),
            Inst::Uniform { key } => Node::new(Op::Uniform(key), &[], register),
        }
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = Src> + '_ {
        self.args.iter().flatten().copied()
    }

    pub(crate) fn registers(&self) -> impl Iterator<Item = usize> + '_ {
        self.sources().filter_map(|src| match src {
            Src::Reg(r) => Some(usize::from(r)),
            Src::In(_) | Src::Const(_) => None,
        })
    }

    /// The register of a node that defines one.
    fn register(&self) -> usize {
        self.defines[0]
    }
}

/// A program's nodes, node i defining register i, and the register of each output.
///
/// # Panics
/// If an operand does not exist, or is read before it is defined.
pub(crate) fn nodes(
    insts: &[Inst],
    inputs: usize,
    outputs: &[Src],
) -> (Vec<Node>, Vec<usize>) {
    let mut nodes: Vec<Node> =
        insts.iter().enumerate().map(|(i, inst)| Node::of(i, inst)).collect();
    let results = own_registers(&mut nodes, outputs);
    nodes.iter().for_each(|node| check(node, inputs));
    (nodes, results)
}

impl Schedule {
    /// One step per instruction or pair.
    pub(crate) fn new(insts: &[Inst], inputs: usize, outputs: &[Src]) -> Schedule {
        let (nodes, results) = nodes(insts, inputs, outputs);
        let registers = nodes.len();
        let operands = (inputs, constants(&nodes));
        Schedule::of(&pair_up(nodes, &results), registers, operands, &results)
    }

    /// These nodes as steps.
    pub(crate) fn of(
        nodes: &[Node],
        registers: usize,
        (inputs, consts): (usize, usize),
        results: &[usize],
    ) -> Schedule {
        let step_of = |register: &usize| {
            let step = nodes.iter().position(|node| node.defines.contains(register));
            step.expect("an output's step")
        };
        let mut schedule = Schedule {
            steps: Vec::new(),
            consts,
            registers,
            blocks: 0,
            homes: Vec::new(),
            results: results.iter().map(|r| (inputs + consts + r) as u16).collect(),
            defined: results.iter().map(step_of).collect(),
            last_read: last_reads(nodes, inputs),
        };
        schedule.place(nodes, inputs, results);
        schedule
    }

    /// Gives each step its operands' places and each register a block.
    fn place(&mut self, nodes: &[Node], inputs: usize, results: &[usize]) {
        let place = places(inputs, self.consts);
        let last = last_readers(nodes, self.registers, results);
        let mut free: Vec<u16> = Vec::new();
        let mut blocks = vec![0u16; self.registers];
        for (i, node) in nodes.iter().enumerate() {
            let mut dying: Vec<usize> =
                node.registers().filter(|&r| last[r] == i).collect();
            dying.sort_unstable();
            dying.dedup();
            free.extend(dying.into_iter().map(|r| blocks[r]));
            for &register in &node.defines {
                blocks[register] = free.pop().unwrap_or_else(|| {
                    self.blocks += 1;
                    (self.blocks - 1) as u16
                });
                self.homes.push((place(Src::Reg(register as u16)), blocks[register]));
            }
            let unread = node.defines.iter().filter(|&&r| last[r] <= i);
            free.extend(unread.map(|&r| blocks[r]));
            let mut args = [0; 5];
            if !matches!(node.op, Op::Code(_)) {
                let places = node.args.iter().map(|src| src.map_or(0, &place));
                args.iter_mut().zip(places).for_each(|(arg, place)| *arg = place);
            }
            let dst = place(Src::Reg(node.register() as u16));
            self.steps.push(Step { op: node.op, args, dst });
        }
        let places = inputs + self.consts + self.registers;
        assert!(places <= usize::from(u16::MAX), "a program of {places} operands");
    }
}

/// Where each operand is in the executor's table.
pub(crate) fn places(inputs: usize, consts: usize) -> impl Fn(Src) -> u16 {
    move |src| {
        let place = match src {
            Src::In(input) => usize::from(input),
            Src::Const(c) => inputs + usize::from(c),
            Src::Reg(r) => inputs + consts + usize::from(r),
        };
        place as u16
    }
}

fn check(node: &Node, inputs: usize) {
    for src in node.sources() {
        match src {
            Src::In(i) => assert!(usize::from(i) < inputs, "no input {i}"),
            Src::Reg(r) => {
                assert!(
                    usize::from(r) < node.register(),
                    "register {r} before its definition"
                );
            }
            Src::Const(_) => {}
        }
    }
}

/// The register of each output, with a move added for each that has none of its own.
fn own_registers(nodes: &mut Vec<Node>, outputs: &[Src]) -> Vec<usize> {
    let mut results: Vec<usize> = Vec::new();
    for src in outputs {
        let own = match src {
            Src::Reg(r) if !results.contains(&usize::from(*r)) => usize::from(*r),
            Src::Reg(_) | Src::In(_) | Src::Const(_) => {
                nodes.push(Node::new(Op::Move, &[*src], nodes.len()));
                nodes.len() - 1
            }
        };
        assert!(own < nodes.len(), "an output that is not defined");
        results.push(own);
    }
    results
}

/// Joins each cheap step with the only reader of its result, where that is cheap too.
fn pair_up(mut nodes: Vec<Node>, results: &[usize]) -> Vec<Node> {
    let mut readers = vec![0; nodes.len()];
    nodes.iter().flat_map(Node::registers).for_each(|r| readers[r] += 1);
    results.iter().for_each(|&r| readers[r] += 2);
    let mut i = 0;
    while i < nodes.len() {
        let reader = (i + 1..nodes.len())
            .find(|&j| nodes[j].registers().any(|r| r == nodes[i].register()));
        let joined = reader
            .filter(|_| readers[nodes[i].register()] == 1)
            .and_then(|j| Some((j, joined(&nodes[i], &nodes[j])?)));
        if let Some((j, node)) = joined {
            nodes[j] = node;
            nodes.remove(i);
        } else {
            i += 1;
        }
    }
    nodes
}

fn joined(first: &Node, second: &Node) -> Option<Node> {
    let (f, count) = match first.op {
        Op::Bin(Bin::Add) => (First::Add, 2),
        Op::Bin(Bin::Sub) => (First::Sub, 2),
        Op::Bin(Bin::Mul) => (First::Mul, 2),
        Op::Bin(Bin::Div) => (First::Div, 2),
        Op::Bin(Bin::Gt) => (First::Gt, 2),
        Op::MulAdd => (First::MulAdd, 3),
        Op::Un(Un::Sqrt) => (First::Sqrt, 1),
        Op::Un(Un::Square) => (First::Square, 1),
        _ => return None,
    };
    let t = Some(Src::Reg(first.register() as u16));
    let [a, b, c] = [0, 1, 2].map(|i| second.args.get(i).copied().flatten());
    let (g, rest) = match (second.op, a == t, b == t) {
        (Op::Bin(Bin::Add), true, _) => (Second::Add, [b, None]),
        (Op::Bin(Bin::Add), _, true) => (Second::Add, [a, None]),
        (Op::Bin(Bin::Sub), true, _) => (Second::Sub, [b, None]),
        (Op::Bin(Bin::Sub), _, true) => (Second::SubFrom, [a, None]),
        (Op::Bin(Bin::Mul), true, _) => (Second::Mul, [b, None]),
        (Op::Bin(Bin::Mul), _, true) => (Second::Mul, [a, None]),
        (Op::Bin(Bin::Div), true, _) => (Second::Div, [b, None]),
        (Op::Bin(Bin::Div), _, true) => (Second::Under, [a, None]),
        (Op::Bin(Bin::Max), true, _) => (Second::Max, [b, None]),
        (Op::MulAdd, true, _) => (Second::MulAdd, [b, c]),
        (Op::MulAdd, _, true) => (Second::MulAdd, [a, c]),
        (Op::MulAdd, false, false) => (Second::AddProduct, [a, b]),
        (Op::Select, true, _) => (Second::Select, [b, c]),
        _ => return None,
    };
    let firsts = first.args[..count].iter().copied();
    let args = firsts.chain([None, None]).take(3).chain(rest).collect();
    Some(Node { op: Op::Pair(f, g), args, defines: second.defines.clone() })
}

/// How many constants the nodes name.
pub(crate) fn constants(nodes: &[Node]) -> usize {
    let sources = nodes.iter().flat_map(Node::sources);
    let counts = sources.map(|src| match src {
        Src::Const(c) => usize::from(c) + 1,
        Src::Reg(_) | Src::In(_) => 0,
    });
    counts.max().unwrap_or(0)
}

/// Per register its last reader; 0 if none; outputs live to the end.
fn last_readers(nodes: &[Node], registers: usize, results: &[usize]) -> Vec<usize> {
    let mut last = vec![0; registers];
    for (i, node) in nodes.iter().enumerate() {
        node.registers().for_each(|r| last[r] = i);
    }
    results.iter().for_each(|&r| last[r] = nodes.len());
    last
}

fn last_reads(nodes: &[Node], inputs: usize) -> Vec<usize> {
    let mut last = vec![0; inputs];
    for (i, node) in nodes.iter().enumerate() {
        for src in node.sources() {
            if let Src::In(input) = src {
                last[usize::from(input)] = i;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_cheap_steps_is_taken_in_pairs() {
        use Src::{Const, In, Reg};
        let insts = [
            Inst::Bin(Bin::Sub, In(0), In(1)),
            Inst::MulAdd(Reg(0), Const(0), In(1)),
            Inst::Un(Un::Sqrt, Reg(1)),
            Inst::Bin(Bin::Div, In(0), Reg(2)),
        ];
        let schedule = Schedule::new(&insts, 2, &[Reg(3)]);
        let ops: Vec<Op> = schedule.steps.iter().map(|step| step.op).collect();
        let first = Op::Pair(First::Sub, Second::MulAdd);
        assert_eq!(ops, [first, Op::Pair(First::Sqrt, Second::Under)]);
        assert_eq!((schedule.blocks, schedule.last_read), (1, vec![1, 0]));
    }

    #[test]
    fn a_result_that_is_stored_or_read_twice_keeps_its_step() {
        use Src::{In, Reg};
        let insts = [
            Inst::Bin(Bin::Mul, In(0), In(0)),
            Inst::Bin(Bin::Add, Reg(0), Reg(0)),
            Inst::Bin(Bin::Add, Reg(1), In(0)),
        ];
        let schedule = Schedule::new(&insts, 1, &[Reg(1), Reg(2)]);
        assert_eq!(schedule.steps.len(), 3);
        assert_eq!(schedule.defined, [1, 2]);
    }
}
