//! Gradients against differences of the literal evaluation, at made-up points.
//!
//! In: a module and its derived graph. Out: per symbol whether both agree. Invariants: along a direction
//! through several symbols each counts as much as any other, so that none hides behind a larger one, and
//! the tolerance is that of one symbol alone; what a comparison decides (`z > 0`) stays decided as at
//! the point itself while it is moved, for a derivative is that of the branch taken; a gradient is called
//! wrong by a symbol's own direction only.

use std::cell::{OnceCell, RefCell};

use super::points::{Draw, Random, stand_ins, values};
use crate::derived::{Derived, primitives};
use crate::eval::{Env, Value, eval_adjusted, eval_roots};
use crate::expand::{self, Purpose};
use crate::graph::{Binary, Graph, NodeId, Op, SymId, Unary};
use crate::module::Module;
use crate::shape::Sizes;
use crate::value::Mat;

/// What is known of a symbol's gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    Agrees,
    /// The slope by the gradient, and by differences.
    Differs(f64, f64),
    /// No point told.
    Untold,
}

/// What one point says.
enum Said {
    Agrees,
    Differs(f64, f64),
    /// The gradient is no number where everything else is one.
    NotFinite(f64),
    Nothing,
}

/// Sizes of values, and points of each. Where values of size one overflow (towers of exponentials), smaller
/// or larger ones may not.
const SCALES: [f64; 6] = [1.0, 1.0, 0.25, 0.0625, 8.0, 8.0];
const OF_EACH: usize = 4;
const POINTS: usize = SCALES.len() * OF_EACH;
/// Points that have to agree, where so many tell.
const ENOUGH: usize = 2;
/// Widths of the differences, and how much narrower they are once more, for the sake of kinks.
const WIDTHS: [f64; 3] = [4e-4, 2e-4, 1e-4];
const NARROWER: [f64; 2] = [1.0, 0.1];
/// A slope below so much of the objective's value drowns in its rounding.
const SMALLEST: f64 = 1e-4;
/// A symbol whose slope is smaller is moved further, but not beyond so much.
const FURTHEST: f64 = 10.0;
/// Largest deviation of a symbol's slope, relative to it.
const TOLERANCE: f64 = 1e-5;
/// Differences that disagree by more than so much tell nothing.
const ROUGH: f64 = 1e-6;

/// The literal objective and the derived gradients, each in a graph of primitives.
pub(super) struct Check<'a> {
    m: &'a Module,
    symbols: Vec<SymId>,
    seed: u64,
    sizes: Sizes,
    literal: Graph,
    objective: NodeId,
    derived: Graph,
    gradients: Vec<NodeId>,
    points: [OnceCell<Option<Point>>; POINTS],
}

/// Values of everything at one point.
struct Point {
    env: Env,
    center: f64,
    /// What comparisons decide here, by node of the literal graph.
    decided: Vec<Option<Value>>,
    /// The largest value on the way to the objective: whether all are finite, and what rounding is worth.
    largest: f64,
    gradients: Vec<Option<Mat>>,
}

/// Symbols that are moved at once: place of the gradient, start, direction, slope along it.
struct Moved {
    id: SymId,
    start: Mat,
    direction: Vec<f64>,
    slope: f64,
}

impl<'a> Check<'a> {
    /// At made-up values.
    pub(super) fn new(
        m: &'a Module,
        d: &Derived,
        objective: NodeId,
        seed: u64,
    ) -> Option<Self> {
        let mut dims = m.dims.clone();
        let (literal, at) =
            expand::calls(&m.graph, &m.functions, m.layout, &mut dims, &[objective])?;
        Self::of(m, d, (literal, at[0]), Purpose::Training, seed)
    }

    /// At given values alone.
    pub(super) fn given(
        m: &'a Module,
        d: &Derived,
        objective: NodeId,
        (env, purpose): (Env, Purpose),
    ) -> Option<Self> {
        let (literal, at) = primitives(m, &m.graph, &[objective], purpose)?;
        let mut out = Self::of(m, d, (literal, at[0]), purpose, 0)?;
        let mut point = out.measured(env);
        out.points = std::array::from_fn(|_| OnceCell::from(point.take()));
        Some(out)
    }

    fn of(
        m: &'a Module,
        d: &Derived,
        (literal, objective): (Graph, NodeId),
        purpose: Purpose,
        seed: u64,
    ) -> Option<Self> {
        let roots: Vec<NodeId> = d.gradients.iter().map(|(_, n)| *n).collect();
        let (derived, gradients) = primitives(m, &d.graph, &roots, purpose)?;
        let sizes = stand_ins(m, &literal);
        let symbols = d.gradients.iter().map(|g| g.0).collect();
        let points = Default::default();
        Some(Self {
            m,
            symbols,
            seed,
            sizes,
            literal,
            objective,
            derived,
            gradients,
            points,
        })
    }

    /// What is known of each of these gradients.
    pub(super) fn held(&self, ks: &[usize]) -> Vec<(usize, Held)> {
        let points = self.first();
        match points.is_empty() {
            true => ks.iter().map(|k| (*k, Held::Untold)).collect(),
            false => self.halved(&points, ks),
        }
    }

    /// All at once; where that does not tell, either half.
    fn halved(&self, points: &[usize], ks: &[usize]) -> Vec<(usize, Held)> {
        match ks {
            [k] => vec![(*k, self.alone(*k))],
            _ if ks.is_empty() || self.together(points, ks) => {
                ks.iter().map(|k| (*k, Held::Agrees)).collect()
            }
            _ => {
                let (few, others) = ks.split_at(ks.len() / 2);
                [self.halved(points, few), self.halved(points, others)].concat()
            }
        }
    }

    /// Points at which what is minimised is a number, as many as are to agree: with signs that differ, and
    /// all positive, where no unit of relu is off.
    fn first(&self) -> Vec<usize> {
        (0..POINTS).filter(|t| self.point(*t).is_some()).take(ENOUGH).collect()
    }

    fn together(&self, points: &[usize], ks: &[usize]) -> bool {
        points.iter().all(|t| matches!(self.says(*t, ks), Said::Agrees))
    }

    /// The first points that tell decide; a gradient that is no number wherever all else is one is wrong.
    fn alone(&self, k: usize) -> Held {
        let (mut agree, mut otherwise) = (0, Held::Untold);
        for t in 0..POINTS {
            match self.says(t, &[k]) {
                Said::Agrees => agree += 1,
                Said::Differs(found, expected) => return Held::Differs(found, expected),
                Said::NotFinite(expected) => {
                    otherwise = Held::Differs(f64::NAN, expected);
                }
                Said::Nothing => {}
            }
            if agree == ENOUGH {
                break;
            }
        }
        if agree > 0 { Held::Agrees } else { otherwise }
    }

    fn point(&self, t: usize) -> Option<&Point> {
        self.points[t].get_or_init(|| self.made(t)).as_ref()
    }

    fn made(&self, t: usize) -> Option<Point> {
        let seed = self.seed + t as u64;
        let draw = Draw { positive: seed % 2 == 1, scale: SCALES[t / OF_EACH] };
        self.measured(values(self.m, &self.literal, &self.sizes, seed, draw))
    }

    /// `None` where what is minimised is no number.
    fn measured(&self, env: Env) -> Option<Point> {
        let all = eval_roots(&self.literal, &env, &[self.objective]);
        let center = mean(all[self.objective.0 as usize].as_ref()?)?;
        let largest = all.iter().flatten().map(largest).fold(0.0, f64::max);
        let decides = |(node, value): ((NodeId, &crate::graph::Node), Option<Value>)| {
            value.filter(|_| is_decision(&node.1.op))
        };
        let decided = self.literal.iter().zip(all).map(decides).collect();
        let found = eval_roots(&self.derived, &env, &self.gradients);
        let gradient = |n: &NodeId| Some(found[n.0 as usize].as_ref()?.of(0).clone());
        let gradients = self.gradients.iter().map(gradient).collect();
        Some(Point { env, center, decided, largest, gradients })
    }

    fn says(&self, t: usize, ks: &[usize]) -> Said {
        let Some(point) = self.point(t) else { return Said::Nothing };
        let moved: Option<Vec<Moved>> =
            ks.iter().map(|k| self.moved(point, *k)).collect();
        let Some(mut moved) = moved else { return Said::Nothing };
        let floor = SMALLEST * point.center.abs().max(1.0);
        let least = moved.iter().fold(f64::INFINITY, |a, s| a.min(s.slope.abs()));
        let counts = least.max(floor);
        for s in &mut moved {
            s.stretch(counts);
        }
        let along = NARROWER.iter().map(|n| self.along(point, &moved, counts, *n));
        let told = along.into_iter().find(|said| !matches!(said, Said::Nothing));
        told.unwrap_or(Said::Nothing)
    }

    /// A direction for one symbol, the same one whatever others are moved.
    fn moved(&self, point: &Point, k: usize) -> Option<Moved> {
        let id = self.symbols[k];
        let Some(Value::Shared(start)) = point.env.symbols.get(&id) else { return None };
        let mut random = Random::new(self.seed ^ ((k as u64 + 1) << 20));
        let direction: Vec<f64> = start.data.iter().map(|_| random.signed()).collect();
        let gradient = point.gradients[k].as_ref()?;
        let slope = gradient.data.iter().zip(&direction).map(|(a, b)| a * b).sum();
        Some(Moved { id, start: start.clone(), direction, slope })
    }

    fn along(&self, point: &Point, moved: &[Moved], counts: f64, narrower: f64) -> Said {
        let Some(d) = self.differences(point, moved, narrower) else {
            return Said::Nothing;
        };
        let found: f64 = moved.iter().map(|s| s.slope).sum();
        if !found.is_finite() {
            return match point.largest.is_finite() && d.slope.is_finite() {
                true => Said::NotFinite(d.slope),
                false => Said::Nothing,
            };
        }
        let scale = if moved.len() == 1 { counts.max(d.slope.abs()) } else { counts };
        if (found - d.slope).abs() <= TOLERANCE * scale {
            return Said::Agrees;
        }
        let off = (found - d.slope).abs() - TOLERANCE * scale;
        let far = off > 10.0 * self.noise(point) / (narrower * WIDTHS[2]);
        match far && d.smooth(scale) {
            true => Said::Differs(found, d.slope),
            false => Said::Nothing,
        }
    }

    /// How far what is minimised moves if every value that is worked out is off by its last digit: little, unless
    /// digits cancel, as in `log(1 − p)` for p next to 1. Differences cannot tell what is less.
    fn noise(&self, point: &Point) -> f64 {
        let shaken = |seed: u64| {
            let random = RefCell::new(Random::new(seed));
            let shake = |n: NodeId, value: Value| match &point.decided[n.0 as usize] {
                Some(decided) => decided.clone(),
                // What is given is exact: the 2 of a square is no 2.0000000000000004.
                None if self.literal[n].args.is_empty() => value,
                None => off_by_the_last_digit(value, &mut random.borrow_mut()),
            };
            let all = eval_adjusted(&self.literal, &point.env, &[self.objective], &shake);
            let value = all[self.objective.0 as usize].as_ref().and_then(mean);
            value.map_or(f64::INFINITY, |v| (v - point.center).abs())
        };
        (0..6).map(shaken).fold(f64::EPSILON * point.largest, f64::max)
    }

    fn differences(
        &self,
        point: &Point,
        moved: &[Moved],
        narrower: f64,
    ) -> Option<Differences> {
        let mut env = point.env.clone();
        let mut at = |t: f64| {
            env.symbols.extend(moved.iter().map(|s| (s.id, s.at(t))));
            self.objective(point, &env)
        };
        let (mut slopes, mut bends) = ([0.0; 3], [0.0; 3]);
        for (k, h) in WIDTHS.iter().map(|h| h * narrower).enumerate() {
            let (up, down) = (at(h)?, at(-h)?);
            slopes[k] = (up - down) / (2.0 * h);
            bends[k] = (up - 2.0 * point.center + down).abs() / h;
        }
        let wide = (4.0 * slopes[1] - slopes[0]) / 3.0;
        let slope = (4.0 * slopes[2] - slopes[1]) / 3.0;
        Some(Differences { slope, wide, bends: [bends[1], bends[2]] })
    }

    /// What is minimised, with what comparisons decided at the point.
    fn objective(&self, point: &Point, env: &Env) -> Option<f64> {
        let decided = |n: NodeId, value: Value| {
            point.decided[n.0 as usize].clone().unwrap_or(value)
        };
        let all = eval_adjusted(&self.literal, env, &[self.objective], &decided);
        mean(all[self.objective.0 as usize].as_ref()?)
    }
}

impl Moved {
    /// Moved so far that the slope is as steep as that, if that is not too far.
    fn stretch(&mut self, counts: f64) {
        let by = counts / self.slope.abs();
        if by.is_finite() || self.slope == 0.0 {
            let by = by.min(FURTHEST);
            self.direction.iter_mut().for_each(|d| *d *= by);
            self.slope *= by;
        }
    }

    fn at(&self, t: f64) -> Value {
        let moved = self.start.data.iter().zip(&self.direction).map(|(x, d)| x + t * d);
        Value::Shared(Mat::new(self.start.rows, self.start.cols, moved.collect()))
    }
}

/// A slope by differences, and what tells whether it is one.
struct Differences {
    slope: f64,
    /// The same from wider differences.
    wide: f64,
    /// Second differences over the width, of a wider and a narrower one.
    bends: [f64; 2],
}

impl Differences {
    /// Differences that disagree among themselves tell of a kink, not of the gradient.
    fn smooth(&self, scale: f64) -> bool {
        let [wide, near] = self.bends;
        let bent = near > 0.75 * wide && wide > 1e-2 * scale;
        (self.wide - self.slope).abs() <= ROUGH * scale && !bent
    }
}

/// What jumps, and is flat elsewhere.
fn is_decision(op: &Op) -> bool {
    use Binary as B;
    match op {
        Op::Binary(b) => {
            matches!(b, B::Lt | B::Le | B::Gt | B::Ge | B::Eq | B::Ne | B::And | B::Or)
        }
        Op::Unary(u) => matches!(u, Unary::Sign | Unary::Floor | Unary::Not),
        _ => false,
    }
}

fn off_by_the_last_digit(mut v: Value, random: &mut Random) -> Value {
    let all = match &mut v {
        Value::Shared(m) => std::slice::from_mut(m),
        Value::Each(all) => &mut all[..],
    };
    for x in all.iter_mut().flat_map(|m| &mut m.data) {
        *x *= 1.0 + 2.0 * f64::EPSILON * random.signed();
    }
    v
}

/// Over the examples; `None` where it is no number.
fn mean(v: &Value) -> Option<f64> {
    let value = match v {
        Value::Shared(m) => m.data[0],
        Value::Each(all) => {
            all.iter().map(|m| m.data[0]).sum::<f64>() / all.len().max(1) as f64
        }
    };
    value.is_finite().then_some(value)
}

/// The largest entry; infinite where one is no number.
fn largest(v: &Value) -> f64 {
    let one = |m: &Mat| {
        let sizes =
            m.data.iter().map(|x| if x.is_nan() { f64::INFINITY } else { x.abs() });
        sizes.fold(0.0, f64::max)
    };
    match v {
        Value::Shared(m) => one(m),
        Value::Each(each) => each.iter().map(one).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derived::derive;
    use crate::lower::load;

    fn both(text: &str) -> (Module, Derived) {
        let loaded = load(text, &[]);
        let m =
            loaded.module.unwrap_or_else(|| panic!("{text}: {:?}", loaded.diagnostics));
        let d = derive(&m).expect("a gradient");
        (m, d)
    }

    fn check<'a>(m: &'a Module, d: &Derived, seed: u64) -> Check<'a> {
        let objective = m.objective.as_ref().expect("an objective").node;
        Check::new(m, d, objective, seed).expect("it expands")
    }

    fn all(d: &Derived) -> Vec<usize> {
        (0..d.gradients.len()).collect()
    }

    /// The k-th gradient a thousandth too large.
    fn slipped(d: &Derived, k: usize) -> Derived {
        let mut bad = d.clone();
        let c = bad.graph.number(1.001);
        bad.gradients[k].1 = bad.graph.binary(Binary::Mul, c, d.gradients[k].1);
        bad
    }

    fn layers(n: usize, act: &str) -> String {
        format!(
            "input x : D\ntarget y : D\nparam W_l : D×D for l = 1..{n}\nparam b_l : D for l = 1..{n}\n\
             where D = 3\na_0 = x\nfor l = 1..{n}: a_l = {act}(W_l a_{{l-1}} + b_l)\n\
             L = half_mse(y, a_{n})\nminimize mean(L)\n"
        )
    }

    /// Values overflow at most of the first points, or the slopes on the way do, and nothing is wrong.
    #[test]
    fn towers_of_exponentials_pass() {
        let towers = [
            "exp(exp(W x))",
            "exp(exp(exp(W x + b)))",
            "exp(exp(exp(exp(W x))))",
            "exp(exp(exp(exp(exp(W x + b)))))",
            "exp(−exp(exp(exp(exp(W x)))))",
            "1 / (1 + exp(exp(exp(exp(5 W x)))))",
            "log(1 + exp(exp(exp(exp(W x + b)))))",
            "tanh(exp(exp(exp(exp(2 W x + b)))))",
        ];
        for tower in towers {
            let text = format!(
                "input x : D\ntarget y : 1\nparam W : 1×D, b : 1\nwhere D = 3\nŷ = {tower} + b\n\
                 L = half_mse(y, ŷ)\nminimize mean(L)\n"
            );
            let (m, d) = both(&text);
            for seed in 0..40 {
                for (k, held) in check(&m, &d, seed).held(&all(&d)) {
                    // Five are a number only where the innermost is nearly 0.
                    let unknown = tower.contains("W x + b))))") && held == Held::Untold;
                    assert!(unknown || held == Held::Agrees, "{tower}, {k}, seed {seed}");
                }
            }
            // Where a tower is 0 or 1 throughout, no slope is seen; that by b is nothing beside a large one.
            if !tower.starts_with("exp(exp") || tower.contains("b))))") {
                continue;
            }
            let held = check(&m, &slipped(&d, 0), 0).held(&all(&d));
            assert!(matches!(held[0].1, Held::Differs(..)), "{tower}: {held:?}");
        }
    }

    /// 1 − p has few digits left where p is next to 1: differences are wrong there, not the gradient.
    #[test]
    fn where_digits_cancel_nothing_is_called_wrong() {
        let text = "input x : D\ntarget y : K multi-hot\nparam W1 : H×D, b1 : H, W2 : H×H, b2 : H\n\
            param W3 : K×H, b3 : K\nwhere D = 5, H = 7, K = 2\nz1 = W1 x + b1\na1 = relu(z1)\n\
            h1 = a1 ⊙ tanh(z1) + a1\nz2 = W2 h1 + b2\no = W3 z2 + b3\np = sigmoid(o)\n\
            L = −sum(y ⊙ log(p) + (1 − y) ⊙ log(1 − p))\nminimize mean(L)\n";
        let (m, d) = both(text);
        for seed in 0..150 {
            for (k, held) in check(&m, &d, seed).held(&all(&d)) {
                assert!(!matches!(held, Held::Differs(..)), "{k}, seed {seed}: {held:?}");
            }
        }
    }

    /// Six exponentials are no number anywhere; that is said.
    #[test]
    fn what_overflows_everywhere_is_told_to_be_unknown() {
        let tower = "w := 1\nL = exp(exp(exp(exp(exp(exp(w² + 1))))))\ntrainable: w\n";
        let (m, d) = both(tower);
        assert_eq!(check(&m, &d, 0).held(&[0]), [(0, Held::Untold)]);
        let said = super::super::untold(&m, &[m.trainable[0]]).expect("a note");
        assert!(said.message.contains("the gradient by w could not be held"), "{said:?}");
    }

    /// A gradient that is no number where every value is one is no overflow.
    #[test]
    fn a_gradient_that_is_never_a_number_is_wrong() {
        let (m, mut d) =
            both("input x : D\nparam W : 1×D\nL = (W x)²\nminimize mean(L)\n");
        let shape = d.graph[d.gradients[0].1].shape.clone();
        d.gradients[0].1 = d.graph.fill(f64::NAN, shape);
        assert!(matches!(check(&m, &d, 0).held(&[0])[0].1, Held::Differs(..)));
    }

    /// All at once are held as strictly as each alone, at kinks, where gradients vanish and where they grow.
    #[test]
    fn a_symbol_among_many_is_held_as_strictly_as_alone() {
        for act in ["relu", "tanh", "sigmoid", "identity", "abs"] {
            let (m, d) = both(&layers(10, act));
            let right = check(&m, &d, 0).held(&all(&d));
            assert!(right.iter().all(|h| h.1 == Held::Agrees), "{act}: {right:?}");
            let mut wrong = 0;
            for k in all(&d) {
                let bad = slipped(&d, k);
                let check = check(&m, &bad, 0);
                let alone = check.alone(k);
                let held = check.held(&all(&d));
                if matches!(alone, Held::Differs(..)) {
                    assert_eq!(held[k].1, alone, "{act}, {k}");
                    wrong += 1;
                }
                let others = held.iter().filter(|h| h.0 != k);
                assert!(
                    others.clone().all(|h| h.1 == Held::Agrees),
                    "{act}, {k}: {held:?}"
                );
            }
            assert!(wrong >= 10, "{act}: {wrong} of {}", d.gradients.len());
        }
    }
}
