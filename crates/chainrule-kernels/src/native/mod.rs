//! Programs as native code: in goes a [`Program`], out comes, on its first run, a schedule
//! whose steps are loops of machine code as far as they can be, with all values between
//! the processor's registers and the operands' own places.
//!
//! The parts: [`segments`] cuts the program, [`trace`] records what a run of steps does,
//! [`assign`] gives values registers, [`encode`] writes instructions, [`memory`] lends
//! pages that can be run.
//!
//! Invariant: bits are those of the steps walked one by one, but for the sign and payload
//! of a NaN. Where code cannot be had (another processor or system, pages that the system
//! refuses, `CHAINRULE_NATIVE=off` in the environment), they are walked one by one.

mod assign;
mod encode;
mod memory;
mod segments;
#[cfg(test)]
mod tests;
mod trace;

use crate::apply::Place;
use crate::fused::BLOCK;
use crate::math;
use crate::program::{Access, Bin, Program, Src, Un};
use crate::schedule::{self, Node, Op, Schedule, constants, places};
use crate::simd::{Elem, Isa, Vector};
use crate::values::{bins, uns};
use assign::{PART, PART_VECTOR, POINTERS, Plan, SPARE_POINTER, Turn, pointer_at};
use encode::{Asm, Form, Gpr, Lanes, RCX, RDI, RDX, Rm};
use memory::Code;
use segments::{Segment, leaving, segments};
use std::sync::{Arc, OnceLock};
use trace::{Tape, Trace, record};

/// Code of at most so many bytes.
const MOST_CODE: usize = 1 << 20;
/// The registers that a called function gives back as they were, as pointers use them
/// after those that it need not.
const SAVED: [Gpr; 6] = [3, 5, 12, 13, 14, SPARE_POINTER];
const FREE_POINTERS: usize = POINTERS.len() + 1 - SAVED.len();

/// The code of a program, per number type, set of instructions, and way that columns are
/// spread; made when first asked for.
#[derive(Clone, Debug)]
pub(crate) struct Native(Option<Arc<[OnceLock<Option<Compiled>>; 8]>>);

/// A program's steps, and the code that they call.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) schedule: Schedule,
    code: Code,
    /// Where each loop starts.
    entries: Vec<usize>,
    wide: bool,
}

/// A loop: the table of places, the fixed operands, the bytes of all whole vectors, and
/// the lanes of a last turn (none: 0; AVX-512: their mask; AVX2: the place of a mask).
type Loop = unsafe extern "sysv64" fn(*const u8, *const u8, usize, usize);

impl Native {
    pub(crate) fn new() -> Native {
        static ON: OnceLock<bool> = OnceLock::new();
        let off = || std::env::var("CHAINRULE_NATIVE").is_ok_and(|value| value == "off");
        Native(ON.get_or_init(|| !off()).then(Arc::default))
    }

    /// Never any code.
    pub(crate) fn off() -> Native {
        Native(None)
    }

    /// The code of `program`; none if there is no code for these instructions or for any
    /// of its steps. `spread`: per-row inputs lie along, like all others.
    pub(crate) fn of<T: Elem>(
        &self,
        program: &Program,
        isa: Isa,
        spread: bool,
    ) -> Option<&Compiled> {
        if isa == Isa::Portable {
            return None;
        }
        let wide = isa == Isa::Avx512;
        let form = Form { wide, double: T::IS_F64 };
        let number =
            usize::from(wide) | usize::from(T::IS_F64) << 1 | usize::from(spread) << 2;
        let cell = &self.0.as_ref()?[number];
        cell.get_or_init(|| compile::<T>(program, form, spread)).as_ref()
    }
}

impl Compiled {
    /// Runs one loop over `n` elements.
    ///
    /// # Safety
    /// The table and the fixed operands are those of this program for `n` elements, the
    /// room behind them included, and the processor has the instructions.
    #[inline(always)]
    pub(crate) unsafe fn run<T>(
        &self,
        number: u16,
        places: *const Place<T>,
        fixed: *const T,
        n: usize,
    ) {
        const { assert!(size_of::<Place<T>>() == 16) };
        static PARTS: [i32; 16] =
            [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = n * size_of::<T>();
        let width = if self.wide { 64 } else { 32 };
        let rest = bytes % width;
        let part = match (rest, self.wide) {
            (0, _) => 0,
            (_, true) => (1 << (rest / size_of::<T>())) - 1,
            (_, false) => PARTS.as_ptr() as usize + width - rest,
        };
        let entry = self.code.at(self.entries[usize::from(number)]);
        // SAFETY: the code is a loop of that form; the caller's condition.
        unsafe {
            let run = std::mem::transmute::<*const u8, Loop>(entry);
            run(places.cast(), fixed.cast(), bytes - rest, part);
        }
    }
}

/// Everything that the recording of a segment has to know.
struct Source<'a> {
    program: &'a Program,
    nodes: &'a [Node],
    leaving: Vec<bool>,
    spread: bool,
}

fn compile<T: Elem>(program: &Program, form: Form, spread: bool) -> Option<Compiled> {
    let inputs = program.inputs.len();
    let (nodes, results) = schedule::nodes(&program.insts, inputs, &program.outputs);
    let cut = segments(&nodes, &results);
    let leaving = leaving(&nodes, &results, &cut);
    let source = Source { program, nodes: &nodes, leaving, spread };
    let tapes: Vec<Tape> = cut
        .iter()
        .filter_map(|segment| match segment {
            Segment::Code(run) => Some(source.record::<T>(run)),
            Segment::Own(_) => None,
        })
        .collect();
    let own = tapes.iter().flat_map(|tape| &tape.micros);
    let mut numbers: Vec<u64> = own
        .filter_map(|micro| match micro.op {
            trace::Op::Constant(bits) => Some(bits),
            _ => None,
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut asm = Asm::new(form);
    let consts = constants(&nodes);
    let fixed = inputs + consts;
    let stride = BLOCK * size_of::<T>();
    let mut entries = Vec::new();
    for tape in &tapes {
        let room = fixed * stride..(fixed + 1) * stride;
        let plan = Plan::new(tape, &numbers, stride, room);
        asm.align(64);
        entries.push(asm.bytes.len());
        cheapest(&plan, &mut asm)?;
    }
    asm.finish(&numbers);
    let small = !entries.is_empty() && asm.bytes.len() <= MOST_CODE;
    let code = small.then(|| Code::new(&asm.bytes))??;
    let steps = source.steps(&cut);
    let schedule = Schedule::of(&steps, nodes.len(), (inputs, consts), &results);
    Some(Compiled { schedule, code, entries, wide: form.wide })
}

/// The values of all functions of one kind.
macro_rules! values {
    (@ ($x:ident) ($a:ident) $value:expr) => {{
        let $a = $x;
        $value
    }};
    (@ ($x:ident $y:ident) ($a:ident $b:ident) $value:expr) => {{
        let ($a, $b) = ($x, $y);
        $value
    }};
    (($F:ident $f:ident $places:tt) $($name:ident($($arg:ident)+) $value:expr;)*) => {
        match $f {
            $($F::$name => values!(@ $places ($($arg)+) $value),)*
        }
    };
}

impl Source<'_> {
    /// What a run of nodes does, as recorded operations.
    fn record<T: Elem>(&self, run: &[usize]) -> Tape {
        let (inputs, consts) = (self.program.inputs.len(), constants(self.nodes));
        let place = places(inputs, consts);
        record(|| {
            let mut values: Vec<Option<Trace<T>>> = vec![None; self.nodes.len()];
            for &i in run {
                let value = |src: Src| match src {
                    Src::Reg(r) => values[usize::from(r)]
                        .unwrap_or_else(|| Trace::operand(place(src), true)),
                    Src::In(input) => {
                        let access = self.program.inputs[usize::from(input)];
                        Trace::operand(place(src), self.lies_along(access))
                    }
                    Src::Const(_) => Trace::operand(place(src), false),
                };
                let args: Vec<Trace<T>> = self.nodes[i].sources().map(value).collect();
                let result = result(self.nodes[i].op, &args);
                values[i] = Some(result);
            }
            for &i in run {
                if self.leaving[i] {
                    let value = values[i].expect("recorded above");
                    value.stored_at(place(Src::Reg(i as u16)));
                }
            }
        })
    }

    fn lies_along(&self, access: Access) -> bool {
        match access {
            Access::Full | Access::Row => true,
            Access::Col => self.spread,
            Access::Scalar => false,
        }
    }

    /// The program's steps, with one for each piece of code.
    fn steps(&self, cut: &[Segment]) -> Vec<Node> {
        let mut number = 0;
        let node = |segment: &Segment| match segment {
            Segment::Own(i) => self.nodes[*i].clone(),
            Segment::Code(run) => {
                let inside = |src: &Src| match src {
                    Src::Reg(r) => run.contains(&usize::from(*r)),
                    Src::In(_) | Src::Const(_) => false,
                };
                let all = run.iter().flat_map(|&i| self.nodes[i].sources());
                let args = all.filter(|src| !inside(src)).map(Some).collect();
                let defines = run.iter().copied().filter(|&i| self.leaving[i]).collect();
                number += 1;
                Node { op: Op::Code(number - 1), args, defines }
            }
        };
        cut.iter().map(node).collect()
    }
}

/// A step's value.
fn result<V: Vector>(op: Op, args: &[V]) -> V {
    match (op, args) {
        (Op::Move, &[a]) => a,
        (Op::MulAdd, &[a, b, c]) => a.fma(b, c),
        (Op::Select, &[a, b, c]) => V::select(a.eq(V::c(0.0)), c, b),
        (Op::Un(un), &[x]) => uns!(values! (Un un (x))),
        (Op::Bin(bin), &[x, y]) => bins!(values! (Bin bin (x y))),
        _ => unreachable!("{op:?} has no code"),
    }
}

/// Writes the loop with as many values held over all turns as costs least.
fn cheapest(plan: &Plan<'_>, asm: &mut Asm) -> Option<()> {
    let (start, most) = (asm.mark(), plan.most_held(asm));
    let mut best: Option<(usize, usize)> = None;
    for held in (0..=most).rev().step_by(1 + most / 6) {
        let cost = Turn::write(plan, asm, held, false);
        asm.back(start);
        if let Some(cost) = cost.filter(|&c| best.is_none_or(|(least, _)| c < least)) {
            best = Some((cost, held));
        }
        if cost == Some(0) {
            break;
        }
    }
    write(plan, asm, best?.1)
}

/// One loop, or nothing if it needs too much room.
fn write(plan: &Plan<'_>, asm: &mut Asm, held: usize) -> Option<()> {
    let pointers = POINTERS.iter().zip(&plan.along);
    // The spare pointer is the last of the saved, and used after all others.
    let saved = if plan.along.len() > POINTERS.len() {
        &SAVED[..]
    } else {
        &SAVED[..plan.along.len().saturating_sub(FREE_POINTERS)]
    };
    saved.iter().for_each(|&register| asm.push(register));
    pointers.for_each(|(&to, &place)| asm.pointer(to, RDI, pointer_at(place)));
    Turn::prepare(plan, asm, held)?;
    asm.start_count();
    let no_whole = asm.jump_if_zero(RDX);
    asm.align(32);
    let top = asm.bytes.len();
    Turn::write(plan, asm, held, false)?;
    asm.count(top);
    asm.land(no_whole);
    let no_part = asm.jump_if_zero(RCX);
    if asm.form.wide {
        asm.mask_from_ecx(PART);
    } else {
        asm.load(PART_VECTOR, Rm::At(RCX, 0), Lanes::All);
    }
    Turn::write(plan, asm, held, true)?;
    asm.land(no_part);
    asm.leave_vectors();
    saved.iter().rev().for_each(|&register| asm.pop(register));
    asm.ret();
    Some(())
}
