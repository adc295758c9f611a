//! The rules of differentiation that a derivation uses, each with its proof in two lines.
//!
//! A table: which operation it speaks of, what it says, why. `G` is the gradient of the loss by the
//! value that the operation gives. Formulas stand between backticks, in the language. A new rule is
//! one entry; the first that fits is taken.

use chainrule_graph::graph::{Axis, Binary, NodeId, Op, Unary};

use super::context::Context;
use crate::explain::tree::{Block, Fold, Inline, Level, words};

/// A rule.
pub(super) struct Differential {
    /// Its name, as a reason beside a line.
    pub name: &'static str,
    /// Whether argument number k of the node is differentiated by it.
    fits: fn(&Context<'_>, NodeId, usize) -> bool,
    /// What it says.
    pub says: &'static str,
    /// Why.
    pub proof: [&'static str; 2],
}

fn op<'a>(cx: &'a Context<'_>, n: NodeId) -> &'a Op {
    &cx.m.graph[n].op
}

fn scalar(cx: &Context<'_>, n: NodeId, k: usize) -> bool {
    cx.m.graph[cx.m.graph[n].args[k]].shape.is_scalar()
}

fn whole(cx: &Context<'_>, n: NodeId) -> bool {
    cx.m.graph[n].shape.is_scalar()
}

/// All rules, the special ones first.
pub(super) const RULES: &[Differential] = &[
    Differential {
        name: "product of numbers",
        fits: |cx, n, _| {
            let product = matches!(op(cx, n), Op::Binary(Binary::Mul) | Op::MatMul);
            product && whole(cx, n) && scalar(cx, n, 0) && scalar(cx, n, 1)
        },
        says: "`z = a b`: the gradient by `a` is `G b`, that by `b` is `G a`",
        proof: [
            "`dL` = `G dz` with `dz` = `da b + a db`",
            "what stands before `da` is the gradient by `a`: `G b`",
        ],
    },
    Differential {
        name: "left factor of a product",
        fits: |cx, n, k| *op(cx, n) == Op::MatMul && k == 0,
        says: "`Z = A B`: the gradient by `A` is `G Bᵀ`",
        proof: [
            "`dL` = `tr(Gᵀ dZ)` with `dZ` = `dA B`, so `dL` = `tr(Gᵀ dA B)` = `tr(B Gᵀ dA)`",
            "`tr(B Gᵀ dA)` = `tr((G Bᵀ)ᵀ dA)`: what is transposed before `dA` is the gradient, `G Bᵀ`",
        ],
    },
    Differential {
        name: "right factor of a product",
        fits: |cx, n, k| *op(cx, n) == Op::MatMul && k == 1,
        says: "`Z = A B`: the gradient by `B` is `Aᵀ G`",
        proof: [
            "`dL` = `tr(Gᵀ dZ)` with `dZ` = `A dB`, so `dL` = `tr(Gᵀ A dB)`",
            "`tr(Gᵀ A dB)` = `tr((Aᵀ G)ᵀ dB)`: the gradient is `Aᵀ G`, the transpose acts",
        ],
    },
    Differential {
        name: "term of a sum",
        fits: |cx, n, k| {
            *op(cx, n) == Op::Binary(Binary::Add)
                || *op(cx, n) == Op::Binary(Binary::Sub) && k == 0
        },
        says: "`Z = A + B`: the gradient passes unchanged, `G`",
        proof: [
            "`dL` = `tr(Gᵀ dZ)` with `dZ` = `dA + dB`",
            "`tr(Gᵀ dA)` + `tr(Gᵀ dB)`: both gradients are `G`",
        ],
    },
    Differential {
        name: "subtracted term",
        fits: |cx, n, k| *op(cx, n) == Op::Binary(Binary::Sub) && k == 1,
        says: "`Z = A - B`: the gradient by `B` is `-G`",
        proof: [
            "`dL` = `tr(Gᵀ dZ)` with `dZ` = `dA - dB`",
            "`tr((-G)ᵀ dB)` is the part with `dB`: the gradient is `-G`",
        ],
    },
    Differential {
        name: "product of each pair of entries",
        fits: |cx, n, k| {
            let other = 1 - k.min(1);
            *op(cx, n) == Op::Binary(Binary::Mul)
                && (!scalar(cx, n, k) || scalar(cx, n, other))
        },
        says: "`Z = A ⊙ B`: the gradient by `A` is `G ⊙ B`",
        proof: [
            "entry by entry `dL` is the sum of `G_i dZ_i` with `dZ_i` = `dA_i B_i + A_i dB_i`",
            "what stands before `dA_i` is `G_i B_i`: the gradient is `G ⊙ B`",
        ],
    },
    Differential {
        name: "one number times a matrix",
        fits: |cx, n, k| *op(cx, n) == Op::Binary(Binary::Mul) && scalar(cx, n, k),
        says: "`Z = s A`: the gradient by `s` is the sum of `G ⊙ A`",
        proof: [
            "`dL` = `tr(Gᵀ dZ)` with `dZ` = `ds A + s dA`",
            "`tr(Gᵀ A) ds`: one number, the sum of all entries of `G ⊙ A`",
        ],
    },
    Differential {
        name: "function of each entry",
        fits: |cx, n, _| match op(cx, n) {
            Op::Call(f, _) => cx.m.functions.is_entrywise(*f),
            Op::Unary(u) => *u != Unary::Neg,
            Op::Binary(Binary::Pow | Binary::Div | Binary::XDivY | Binary::XLogY) => true,
            Op::Binary(Binary::Max | Binary::Min) => true,
            _ => false,
        },
        says: "`A = f(Z)` entry by entry: the gradient by `Z` is `G ⊙ df`, with `df` the slope at each entry",
        proof: [
            "an entry of `A` moves with its own entry of `Z` only: `dA_i` = `df_i dZ_i`",
            "`dL` is the sum of `G_i df_i dZ_i`: what stands before `dZ_i` is the gradient's entry",
        ],
    },
    Differential {
        name: "softmax",
        fits: |cx, n, _| matches!(op(cx, n), Op::Call(..)),
        says: "`p = softmax(z)`: the gradient by `z` is `p ⊙ G - (pᵀ G) p`",
        proof: [
            "with `Z` the sum of all `exp(z_j)`, `dp_k` is `p_k dz_k` less `p_k` times the sum of all `p_j dz_j`: `dp` = `(diag(p) - p pᵀ) dz`",
            "`tr(Gᵀ dp)` = `tr(((diag(p) - p pᵀ) G)ᵀ dz)`, a symmetric matrix: it acts on `G`",
        ],
    },
    Differential {
        name: "sign",
        fits: |cx, n, _| *op(cx, n) == Op::Unary(Unary::Neg),
        says: "`Z = -A`: the gradient is `-G`",
        proof: ["`dZ` = `-dA`", "`tr(Gᵀ dZ)` = `tr((-G)ᵀ dA)`"],
    },
    Differential {
        name: "transpose",
        fits: |cx, n, _| *op(cx, n) == Op::Transpose,
        says: "`Z = Aᵀ`: the gradient is `Gᵀ`",
        proof: ["`dZ` = `dAᵀ`", "`tr(Gᵀ dAᵀ)` = `tr(dA G)` = `tr((Gᵀ)ᵀ dA)`"],
    },
    Differential {
        name: "sum of entries",
        fits: |cx, n, _| matches!(op(cx, n), Op::Sum(_)),
        says: "`s = sum(A)`: every entry gets the gradient of the sum",
        proof: [
            "`ds` is the sum of all `dA_i`",
            "what stands before `dA_i` is `G`, for every i",
        ],
    },
    Differential {
        name: "largest entry",
        fits: |cx, n, _| matches!(op(cx, n), Op::MaxOf(_) | Op::MinOf(_)),
        says: "`s = max(a)`: the largest entry gets the whole gradient, the others nothing",
        proof: [
            "near `a` the maximum is its largest entry and nothing else: `ds` = `da_k`",
            "what stands before `da_k` is `G`; the other entries do not appear",
        ],
    },
    Differential {
        name: "mean over the examples",
        fits: |cx, n, _| *op(cx, n) == Op::ExMean,
        says: "`J` is the mean of one `L` per example: the gradient is the mean of the examples' gradients",
        proof: [
            "with m examples `dJ` is the sum of all `dL_e`, divided by `m`",
            "so 1/m stands once, before the sum, and in no δ",
        ],
    },
    Differential {
        name: "repeated along the examples",
        fits: |cx, n, _| {
            matches!(op(cx, n), Op::Broadcast(Axis::Rows | Axis::Cols | Axis::All, _))
        },
        says: "what is repeated gets the sum of the gradients of its copies",
        proof: [
            "every copy moves by the same `db`",
            "`dL` is the sum of `G_j db` over the copies: the gradient is the sum of the `G_j`",
        ],
    },
    Differential {
        name: "part of a matrix",
        fits: |_, _, _| true,
        says: "what is taken or moved takes its gradient with it",
        proof: [
            "`dZ` has the entries of `dA` at other places",
            "each entry's gradient goes back to its place",
        ],
    },
];

/// Where a value is used on the way to what is differentiated: by which rule, in which equation. Each
/// pair once.
pub(super) fn uses(
    cx: &Context<'_>,
    source: NodeId,
    below: &[bool],
) -> Vec<(&'static Differential, usize)> {
    let mut out: Vec<(&'static Differential, usize)> = Vec::new();
    for (user, node) in cx.m.graph.iter().filter(|(id, _)| below[id.0 as usize]) {
        for (k, _) in node.args.iter().enumerate().filter(|(_, a)| **a == source) {
            let rule = RULES.iter().find(|r| (r.fits)(cx, user, k));
            let (Some(rule), Some(e)) = (rule, cx.owner(user)) else { continue };
            if !out.iter().any(|(r, at)| r.name == rule.name && *at == e) {
                out.push((rule, e));
            }
        }
    }
    out
}

/// "left factor of a product in (3)"; through equations that have no line of their own the way goes on
/// to the next that has.
pub(super) fn reason(
    cx: &Context<'_>,
    source: NodeId,
    lines: &[NodeId],
    below: &[bool],
) -> Vec<Inline> {
    let mut all = uses(cx, source, below);
    let mut next = 0;
    while let Some((_, e)) = all.get(next).copied() {
        let node = cx.m.equations[e].node;
        if node != source && !lines.contains(&node) && all.len() < 4 {
            for found in uses(cx, node, below) {
                if !all.iter().any(|(r, at)| r.name == found.0.name && *at == found.1) {
                    all.push(found);
                }
            }
        }
        next += 1;
    }
    let text =
        |(rule, e): &(&Differential, usize)| format!("{} in {}", rule.name, cx.label(*e));
    let all: Vec<String> = all.iter().map(text).collect();
    match all.len() {
        0 => Vec::new(),
        1..=4 => words(all.join("; ")),
        n => words(format!("{}; and {} more", all[..3].join("; "), n - 3)),
    }
}

/// `--why`: every rule that the sources are differentiated by, with its proof.
pub(super) fn proofs(
    cx: &Context<'_>,
    sources: &[NodeId],
    below: &[bool],
) -> Option<Block> {
    let used: Vec<&str> =
        sources.iter().flat_map(|s| uses(cx, *s, below)).map(|(r, _)| r.name).collect();
    let mut blocks = Vec::new();
    for rule in RULES.iter().filter(|r| used.contains(&r.name)) {
        let title = [words(format!("{}: ", rule.name)), cx.say(rule.says)].concat();
        let proof = rule.proof.iter().map(|p| Block::Words(cx.say(p))).collect();
        blocks.push(Block::Fold(Fold { level: Level::Brief, title, blocks: proof }));
    }
    let title = words(
        "Why: the rules used, proven with differentials (G is the gradient by what a rule gives)",
    );
    (!blocks.is_empty()).then_some(Block::Fold(Fold {
        level: Level::Brief,
        title,
        blocks,
    }))
}
