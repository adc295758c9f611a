//! Made-up points: a value for every symbol of a file, small sizes for its dimensions.
//!
//! In: a module, a seed. Out: values, the same ones each time. Invariant: values are as marks ask
//! (one-hot, adding to 1, 0 or 1), and a constant of the file stays what it is.

use std::collections::BTreeSet;

use crate::derived::facts;
use crate::eval::{Env, Value};
use crate::graph::{Graph, Op, SymId};
use crate::module::{Module, Symbol};
use crate::shape::{Atom, Dims, Sizes};
use crate::syntax::ast::{Layout, Mark, Role};
use crate::value::Mat;

/// Examples of the batch that is made up.
const EXAMPLES: usize = 3;

/// How values are drawn.
#[derive(Clone, Copy)]
pub(super) struct Draw {
    /// None below 0, for the sake of logarithms.
    pub positive: bool,
    /// Sizes lie between 0.1 and 0.9 of it.
    pub scale: f64,
}

/// A value for every symbol and mask.
pub(super) fn values(m: &Module, g: &Graph, sizes: &Sizes, seed: u64, draw: Draw) -> Env {
    let random = &mut Random::new(seed);
    let known = facts(m).sums_to_one;
    let examples = if m.symbols.iter().any(|s| s.each) { EXAMPLES } else { 1 };
    let mut env = Env { sizes: sizes.clone(), examples, ..Env::default() };
    for s in &m.symbols {
        let Some(mut one) = drawn(m, s, mark(s, &known), sizes, draw) else { continue };
        let value = match s.each {
            true => Value::Each((0..examples).map(|_| one(random)).collect()),
            false => Value::Shared(one(random)),
        };
        env.symbols.insert(s.id, value);
    }
    masks(g, &mut env, random);
    env
}

fn masks(g: &Graph, env: &mut Env, random: &mut Random) {
    for (_, n) in g.iter() {
        let Op::Mask(site, p, shape) = &n.op else { continue };
        let Some((r, c)) = shape.under(&env.sizes) else { continue };
        let keep = 1.0 - f64::from_bits(*p);
        let masks = (0..env.examples).map(|_| {
            let mut mask = Mat::filled(r, c, 0.0);
            for x in &mut mask.data {
                *x = if random.number(true) < 0.6 { 1.0 / keep } else { 0.0 };
            }
            mask
        });
        env.masks.insert(*site, masks.collect());
    }
}

/// Draws values of a symbol as its mark asks; a constant of the file stays what it is.
fn drawn<'m>(
    m: &'m Module,
    s: &'m Symbol,
    mark: Option<Mark>,
    sizes: &Sizes,
    draw: Draw,
) -> Option<impl FnMut(&mut Random) -> Mat + 'm> {
    let (r, c) = s.shape.under(sizes)?;
    let constant = s.role == Role::None && !m.trainable.contains(&s.id);
    let kept = s.value.as_ref().filter(|v| constant && v.is_scalar()).map(|v| v.data[0]);
    Some(move |random: &mut Random| match kept {
        Some(v) => Mat::filled(r, c, v),
        None => {
            let scale = if mark.is_none() { draw.scale } else { 1.0 };
            let data = (0..r * c).map(|_| scale * random.number(draw.positive)).collect();
            marked(Mat::new(r, c, data), mark, m.layout, random)
        }
    })
}

/// The module at a made-up point: stand-in sizes, one example, and a value for every symbol, as
/// its mark asks. An odd seed draws only positive numbers, for the sake of logarithms. What two
/// formulas have in common is seen there, whatever they look like.
#[must_use]
pub fn made_up(m: &Module, seed: u64) -> Module {
    let mut out = m.clone();
    out.dims.sizes = stand_ins(m, &m.graph);
    let mut random = Random::new(seed);
    let known = facts(m).sums_to_one;
    let draw = Draw { positive: seed % 2 == 1, scale: 1.0 };
    for (s, new) in m.symbols.iter().zip(&mut out.symbols) {
        let draw = drawn(m, s, mark(s, &known), &out.dims.sizes, draw);
        new.value = draw.map(|mut draw| draw(&mut random));
    }
    out
}

/// Small numbers for names: distinct primes, unless a name stands beside a number somewhere.
pub(super) fn stand_ins(m: &Module, g: &Graph) -> Sizes {
    let strict = Dims::default();
    let rigid = super::structure(g, &strict, false).is_ok();
    let mut sizes = if rigid { Sizes::new() } else { m.dims.sizes.clone() };
    let least = smallest(g);
    let primes: Vec<usize> =
        [3, 2, 5, 7, 11, 13].into_iter().filter(|p| *p >= least).collect();
    let mut next = 0;
    for (_, n) in g.iter() {
        for d in [&n.shape.rows, &n.shape.cols] {
            for a in &d.atoms {
                let Atom::Name(name) = a else { continue };
                if !sizes.contains_key(name) {
                    let size = primes.get(next % primes.len().max(1)).copied();
                    sizes.insert(name.clone(), size.unwrap_or(least));
                    next += 1;
                }
            }
        }
    }
    for (_, n) in g.iter() {
        if let Op::Size(d) = &n.op {
            for a in &d.atoms {
                if let Atom::Name(name) = a {
                    let known = m.dims.sizes.get(name).copied().unwrap_or(3);
                    sizes.entry(name.clone()).or_insert(known);
                }
            }
        }
    }
    sizes
}

/// The largest entry that is cut out by number.
fn smallest(g: &Graph) -> usize {
    let ends = g.iter().filter_map(|(_, n)| match &n.op {
        Op::Slice(b) | Op::Embed(b, _) => {
            let row = b.row.plus(&b.rows).number();
            row.max(b.col.plus(&b.cols).number())
        }
        _ => None,
    });
    ends.max().unwrap_or(1)
}

/// A symbol's mark; a worked value that is one-hot counts as one (rule 16).
fn mark(s: &Symbol, known: &BTreeSet<SymId>) -> Option<Mark> {
    s.mark.or(known.contains(&s.id).then_some(Mark::OneHot))
}

/// Entries as the mark says: one-hot, adding to 1, 0 or 1.
fn marked(mut v: Mat, mark: Option<Mark>, layout: Layout, random: &mut Random) -> Mat {
    let rows = layout == Layout::Rows;
    if rows {
        v = v.transposed();
    }
    match mark {
        Some(Mark::OneHot) => {
            v.data.iter_mut().for_each(|x| *x = 0.0);
            for j in 0..v.cols {
                let i = random.bits() as usize % v.rows;
                *v.at_mut(i, j) = 1.0;
            }
        }
        Some(Mark::Distribution) => {
            for j in 0..v.cols {
                let total: f64 = (0..v.rows).map(|i| v.at(i, j).abs()).sum();
                (0..v.rows).for_each(|i| *v.at_mut(i, j) = v.at(i, j).abs() / total);
            }
        }
        Some(Mark::Binary | Mark::MultiHot) => {
            v.data.iter_mut().for_each(|x| *x = f64::from(u8::from(*x > 0.4)));
        }
        None => {}
    }
    if rows { v.transposed() } else { v }
}

/// A deterministic stream of numbers.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9) + 1)
    }

    fn bits(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as u32
    }

    pub(super) fn signed(&mut self) -> f64 {
        f64::from(self.bits()) / f64::from(1_u32 << 30) - 1.0
    }

    /// Away from 0; only positive ones where a logarithm may want them.
    fn number(&mut self, positive: bool) -> f64 {
        let x = self.signed();
        let size = 0.1 + 0.8 * x.abs();
        if positive || x > 0.0 { size } else { -size }
    }
}
