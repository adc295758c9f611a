//! Cuts a program: in go its nodes, out come runs of steps, those that become one piece
//! of code each, and those that stay on their own.
//!
//! Invariant: a run reads only what earlier runs define. A step with code of its own is
//! computed as late as its readers allow, so that little waits in working memory.

use crate::program::Bin;
use crate::program::Un;
use crate::schedule::{Node, Op};

/// Nodes by their numbers, in the order of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Code(Vec<usize>),
    Own(usize),
}

/// Whether the step can be recorded.
fn has_code(node: &Node) -> bool {
    let own = matches!(
        node.op,
        Op::Uniform(_)
            | Op::Un(Un::Sin | Un::Cos)
            | Op::Bin(Bin::Pow)
            | Op::Pair(..)
            | Op::Code(_)
    );
    !own
}

/// The segments of a program; node i defines register i. What leads to no result is left
/// out.
pub(super) fn segments(nodes: &[Node], results: &[usize]) -> Vec<Segment> {
    let (turns, wanted) = (turns(nodes), wanted(nodes, results));
    let last = turns.iter().copied().max().unwrap_or(0);
    let mut found = Vec::new();
    for turn in 0..=last {
        let here = (0..nodes.len()).filter(|&i| wanted[i] && turns[i] == turn);
        if turn % 2 == 1 {
            found.extend(here.map(Segment::Own));
        } else {
            let run: Vec<usize> = here.collect();
            found.extend((!run.is_empty()).then_some(Segment::Code(run)));
        }
    }
    found
}

fn wanted(nodes: &[Node], results: &[usize]) -> Vec<bool> {
    let mut wanted = vec![false; nodes.len()];
    results.iter().for_each(|&r| wanted[r] = true);
    for (i, node) in nodes.iter().enumerate().rev() {
        if wanted[i] {
            node.registers().for_each(|r| wanted[r] = true);
        }
    }
    wanted
}

/// When each node is computed: code in even turns, the others in odd ones.
fn turns(nodes: &[Node]) -> Vec<usize> {
    let mut turns = vec![0; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        let ready = node.registers().map(|r| turns[r]).max().unwrap_or(0);
        let odd = usize::from(!has_code(node));
        turns[i] = if ready % 2 == odd { ready } else { ready + 1 };
    }
    let last = turns.iter().copied().max().unwrap_or(0);
    let mut limit = vec![last / 2 * 2; nodes.len()];
    for (i, node) in nodes.iter().enumerate().rev() {
        if has_code(node) {
            turns[i] = limit[i];
        }
        let before = turns[i] - usize::from(!has_code(node));
        for r in node.registers() {
            limit[r] = limit[r].min(before);
        }
    }
    turns
}

/// Per node, whether it is read outside its segment or is a result.
pub(super) fn leaving(
    nodes: &[Node],
    results: &[usize],
    segments: &[Segment],
) -> Vec<bool> {
    let mut of = vec![None; nodes.len()];
    for (number, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Code(run) => run.iter().for_each(|&i| of[i] = Some(number)),
            Segment::Own(i) => of[*i] = Some(number),
        }
    }
    let mut leaving = vec![false; nodes.len()];
    results.iter().for_each(|&r| leaving[r] = true);
    for (i, node) in nodes.iter().enumerate() {
        if of[i].is_some() {
            let outside = node.registers().filter(|&r| of[r] != of[i]);
            outside.for_each(|r| leaving[r] = true);
        }
    }
    leaving
}
