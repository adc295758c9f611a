//! One turn of a loop: in go recorded operations, out come instructions, with values in
//! the processor's registers.
//!
//! A value stays in its register until its last reader. If none is free, the one that is
//! read again last makes room: forgotten if it lies in memory anyway, else kept there.
//! Constants stay in registers over all turns as far as there are enough.
//!
//! Invariant: everything is read before anything is stored, so a result may lie where an
//! operand does.

use super::encode::{Asm, Fma, Gpr, Lanes, RBX, RDI, RSI, Rm};
use super::trace::{Micro, Op, Tape};
use std::ops::Range;

/// The mask register of the last turn's lanes (AVX-512), and its vector (AVX2).
pub(super) const PART: u8 = 1;
pub(super) const PART_VECTOR: u8 = 15;
/// Registers that hold pointers to what lies along the loop, and one for those that find
/// no place in them.
pub(super) const POINTERS: [Gpr; 9] = [8, 9, 10, 11, RBX, 5, 12, 13, 14];
pub(super) const SPARE_POINTER: Gpr = 15;
/// Registers that a turn needs beside those that hold constants: three operands, a
/// result, and one to move.
const LEAST: usize = 5;

/// What a loop is made of.
pub(super) struct Plan<'a> {
    pub(super) tape: &'a Tape,
    /// Per value, where it is read: an operation's number, or one of the stores'.
    uses: Vec<Vec<usize>>,
    /// The values of the code's own constants.
    pub(super) constants: &'a [u64],
    /// The places of what lies along.
    pub(super) along: Vec<u16>,
    /// Values to hold over all turns, those read most first.
    pub(super) fixed: Vec<u32>,
    /// Bytes from one fixed operand to the next.
    pub(super) stride: usize,
    /// Where values may be kept, in bytes from the fixed operands.
    pub(super) room: Range<usize>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        tape: &'a Tape,
        constants: &'a [u64],
        stride: usize,
        room: Range<usize>,
    ) -> Plan<'a> {
        let count = tape.micros.len();
        let mut uses = vec![Vec::new(); count];
        for (k, &(value, _)) in tape.stores.iter().enumerate() {
            uses[value as usize].push(count + k);
        }
        let mut along: Vec<u16> = tape.stores.iter().map(|&(_, place)| place).collect();
        for (i, micro) in tape.micros.iter().enumerate().rev() {
            if uses[i].is_empty() {
                continue;
            }
            micro.args().iter().for_each(|&a| uses[a as usize].push(i));
            match micro.op {
                Op::Along(place) if !along.contains(&place) => along.push(place),
                _ => {}
            }
        }
        uses.iter_mut().for_each(|at| at.sort_unstable());
        let is_fixed = |&i: &u32| {
            let op = tape.micros[i as usize].op;
            let fixed = matches!(op, Op::Fixed(_) | Op::Constant(_));
            fixed && !uses[i as usize].is_empty()
        };
        let mut fixed: Vec<u32> = (0..count as u32).filter(is_fixed).collect();
        fixed.sort_by_key(|&i| std::cmp::Reverse(uses[i as usize].len()));
        Plan { tape, uses, constants, along, fixed, stride, room }
    }

    fn micro(&self, value: u32) -> Micro {
        self.tape.micros[value as usize]
    }

    /// How many values can be held over all turns.
    pub(super) fn most_held(&self, asm: &Asm) -> usize {
        self.fixed.len().min(vectors(asm).len() - LEAST)
    }

    /// Where a value that is never computed lies.
    fn source(&self, value: u32) -> Option<Home> {
        match self.micro(value).op {
            Op::Along(place) => Some(Home::Along(place)),
            Op::Fixed(place) => Some(Home::At(usize::from(place) * self.stride)),
            Op::Constant(bits) => {
                Some(Home::Constant(self.constants.iter().position(|&c| c == bits)?))
            }
            _ => None,
        }
    }
}

fn vectors(asm: &Asm) -> Range<u8> {
    if asm.form.wide { 0..32 } else { 0..PART_VECTOR }
}

/// Where in memory a value lies.
#[derive(Clone, Copy)]
enum Home {
    Along(u16),
    /// So many bytes behind the first fixed operand.
    At(usize),
    Constant(usize),
}

/// The registers while instructions are written.
pub(super) struct Turn<'a> {
    plan: &'a Plan<'a>,
    asm: &'a mut Asm,
    /// Whether only some lanes take part.
    part: bool,
    /// The operation that is being written.
    at: usize,
    register: Vec<Option<u8>>,
    home: Vec<Option<Home>>,
    /// Per register its value: vectors, then masks.
    owner: [Vec<Option<u32>>; 2],
    /// Whether a value stays in its register over all turns.
    held: Vec<bool>,
    room: Range<usize>,
    /// Loads and stores that more registers would have saved.
    pub(super) cost: usize,
}

impl<'a> Turn<'a> {
    /// Loads what is held over all turns.
    pub(super) fn prepare(plan: &Plan<'_>, asm: &mut Asm, held: usize) -> Option<()> {
        for (register, &value) in plan.fixed[..held].iter().enumerate() {
            let rm = fixed_rm(plan.source(value)?)?;
            asm.load(register as u8, rm, Lanes::All);
        }
        Some(())
    }

    /// Writes one turn. Gives its cost, or nothing if it needs too much room.
    pub(super) fn write(
        plan: &'a Plan<'a>,
        asm: &'a mut Asm,
        held: usize,
        part: bool,
    ) -> Option<usize> {
        let count = plan.tape.micros.len();
        let owner = [vec![None; vectors(asm).len()], vec![None; 8]];
        let home = (0..count as u32).map(|value| plan.source(value)).collect();
        let mut turn = Turn {
            plan,
            asm,
            part,
            at: 0,
            register: vec![None; count],
            home,
            owner,
            held: vec![false; count],
            room: plan.room.clone(),
            cost: 0,
        };
        for (register, &value) in plan.fixed[..held].iter().enumerate() {
            turn.own(value, register as u8);
            turn.held[value as usize] = true;
        }
        for (i, micro) in plan.tape.micros.iter().enumerate() {
            if !micro.is_source() && !plan.uses[i].is_empty() {
                turn.at = i;
                turn.operation(i as u32, *micro)?;
            }
        }
        for (k, &(value, place)) in plan.tape.stores.iter().enumerate() {
            turn.at = count + k;
            let register = turn.load(value, &[value])?;
            turn.store_along(register, place);
            turn.retire(&[value]);
        }
        Some(turn.cost)
    }

    fn class(&self, value: u32) -> usize {
        usize::from(self.asm.form.wide && self.plan.micro(value).is_mask())
    }

    fn own(&mut self, value: u32, register: u8) {
        let class = self.class(value);
        self.register[value as usize] = Some(register);
        self.owner[class][usize::from(register)] = Some(value);
    }

    fn next_use(&self, value: u32) -> Option<usize> {
        let uses = &self.plan.uses[value as usize];
        uses.get(uses.partition_point(|&use_| use_ <= self.at)).copied()
    }

    fn dies(&self, value: u32) -> bool {
        self.next_use(value).is_none() && !self.held[value as usize]
    }

    fn leave(&mut self, value: u32) {
        let class = self.class(value);
        if let Some(register) = self.register[value as usize].take() {
            self.owner[class][usize::from(register)] = None;
        }
    }

    /// Frees the registers of those that are read no more.
    fn retire(&mut self, values: &[u32]) {
        for &value in values {
            if self.dies(value) {
                self.leave(value);
            }
        }
    }

    /// A register for this value; those of `needed` stay where they are.
    fn take(&mut self, value: u32, needed: &[u32]) -> Option<u8> {
        let class = self.class(value);
        let registers = if class == 0 { vectors(self.asm) } else { PART + 1..8 };
        let mut free = registers.clone();
        let free = free.find(|&r| self.owner[class][usize::from(r)].is_none());
        let register = match free {
            Some(register) => register,
            None => {
                let owners = registers.filter_map(|r| self.owner[class][usize::from(r)]);
                let movable =
                    owners.filter(|v| !needed.contains(v) && !self.held[*v as usize]);
                let far = |v: &u32| (self.home[*v as usize].is_some(), self.next_use(*v));
                let farthest = movable.max_by_key(far)?;
                let register = self.register[farthest as usize]?;
                self.keep(farthest, register)?;
                register
            }
        };
        self.own(value, register);
        Some(register)
    }

    /// Leaves a value to memory, where it is written if it is not there.
    fn keep(&mut self, value: u32, register: u8) -> Option<()> {
        self.cost += 1;
        if self.home[value as usize].is_none() {
            let at = self.room.start;
            self.room.start += self.asm.width();
            if self.room.start > self.room.end {
                return None;
            }
            let rm = Rm::At(RSI, at as i32);
            if self.class(value) == 1 {
                self.asm.keep_mask(register, rm, false);
            } else {
                self.asm.store(register, rm, Lanes::All);
            }
            self.home[value as usize] = Some(Home::At(at));
        }
        self.leave(value);
        Some(())
    }

    /// The value in a register, loaded if it is not there.
    fn load(&mut self, value: u32, needed: &[u32]) -> Option<u8> {
        if let Some(register) = self.register[value as usize] {
            return Some(register);
        }
        let register = self.take(value, needed)?;
        self.load_into(register, value)?;
        Some(register)
    }

    fn load_into(&mut self, register: u8, value: u32) -> Option<()> {
        match self.home[value as usize]? {
            Home::Along(place) => self.load_along(register, place),
            home => {
                self.cost += 1;
                let rm = fixed_rm(home)?;
                if self.class(value) == 1 {
                    self.asm.keep_mask(register, rm, true);
                } else {
                    self.asm.load(register, rm, Lanes::All);
                }
            }
        }
        Some(())
    }

    fn along(&mut self, place: u16) -> Rm {
        let at = self.plan.along.iter().position(|&p| p == place);
        let pointer = at.and_then(|at| POINTERS.get(at).copied());
        Rm::Indexed(pointer.unwrap_or_else(|| {
            self.asm.pointer(SPARE_POINTER, RDI, pointer_at(place));
            SPARE_POINTER
        }))
    }

    fn load_along(&mut self, register: u8, place: u16) {
        let rm = self.along(place);
        match (self.part, self.asm.form.wide) {
            (false, _) => self.asm.load(register, rm, Lanes::All),
            (true, true) => self.asm.load(register, rm, Lanes::Zeroed(PART)),
            (true, false) => self.asm.load_part(register, rm, PART_VECTOR),
        }
    }

    fn store_along(&mut self, register: u8, place: u16) {
        let rm = self.along(place);
        match (self.part, self.asm.form.wide) {
            (false, _) => self.asm.store(register, rm, Lanes::All),
            (true, true) => self.asm.store(register, rm, Lanes::Merged(PART)),
            (true, false) => self.asm.store_part(register, rm, PART_VECTOR),
        }
    }

    /// The value as an instruction's last operand: from memory if it is read no more.
    /// To be used at once.
    fn last(&mut self, value: u32, needed: &[u32]) -> Option<Rm> {
        let home = self.home[value as usize];
        match (self.register[value as usize], home) {
            (Some(register), _) => Some(Rm::Reg(register)),
            (None, Some(Home::Along(place))) if self.dies(value) && !self.part => {
                Some(self.along(place))
            }
            (None, Some(home @ (Home::At(_) | Home::Constant(_))))
                if self.dies(value) =>
            {
                self.cost += 1;
                fixed_rm(home)
            }
            _ => self.load(value, needed).map(Rm::Reg),
        }
    }

    fn operation(&mut self, result: u32, micro: Micro) -> Option<()> {
        let args = micro.args();
        match (micro.op, args) {
            (Op::Two(two), &[a, b]) => {
                let held = |v: u32| self.register[v as usize].is_some();
                let swap = two.commutes() && !held(a) && held(b);
                let (a, b) = if swap { (b, a) } else { (a, b) };
                let first = self.load(a, args)?;
                let second = self.last(b, args)?;
                let dst = self.result(result, args)?;
                self.asm.two(two, dst, first, second);
            }
            (Op::Compare(cond), &[a, b]) => {
                let first = self.load(a, args)?;
                let second = self.last(b, args)?;
                let dst = self.result(result, args)?;
                self.asm.compare(cond, dst, first, second);
            }
            (Op::Masks(both), &[a, b]) => {
                let (first, second) = (self.load(a, args)?, self.load(b, args)?);
                let dst = self.result(result, args)?;
                self.asm.masks(both, dst, first, second);
            }
            (Op::Select, &[mask, yes, no]) => {
                let mask = self.load(mask, args)?;
                let no = self.load(no, args)?;
                let yes = self.last(yes, args)?;
                let dst = self.result(result, args)?;
                self.asm.select(mask, dst, yes, no);
            }
            (Op::Sqrt | Op::Round, &[a]) => {
                let a = self.last(a, args)?;
                let dst = self.result(result, args)?;
                match micro.op {
                    Op::Sqrt => self.asm.sqrt(dst, a),
                    _ => self.asm.round(dst, a),
                }
            }
            (Op::Shift(up), &[a]) => {
                let a = self.load(a, args)?;
                let dst = self.result(result, args)?;
                let by = if self.asm.form.double { 52 } else { 23 };
                self.asm.shift(up, dst, a, by);
            }
            (Op::Copy, &[a]) => self.copy(result, a, args).map(|_| ())?,
            (Op::MulAdd, &[a, b, c]) => self.mul_add(result, [a, b, c])?,
            _ => unreachable!("sources are not written"),
        }
        self.retire(args);
        Some(())
    }

    /// A register for a result, its operands' if they are read no more.
    fn result(&mut self, result: u32, args: &[u32]) -> Option<u8> {
        self.retire(args);
        self.take(result, args)
    }

    fn copy(&mut self, result: u32, a: u32, needed: &[u32]) -> Option<u8> {
        let dst = self.take(result, needed)?;
        match self.register[a as usize] {
            Some(register) => self.asm.load(dst, Rm::Reg(register), Lanes::All),
            None => self.load_into(dst, a)?,
        }
        Some(dst)
    }

    /// The result takes the place of an operand that is read no more, else of a copy.
    fn mul_add(&mut self, result: u32, args: [u32; 3]) -> Option<()> {
        let [a, b, c] = args;
        let once = |v: u32| args.iter().filter(|&&x| x == v).count() == 1;
        let spent =
            |turn: &Self, v: u32| turn.register[v as usize].is_some() && turn.dies(v);
        let [by_a, by_b, by_c] = args.map(|v| once(v) && spent(self, v));
        if by_a || by_b {
            let (gone, other) = if by_a { (a, b) } else { (b, a) };
            let second = self.load(other, &args)?;
            let last = self.last(c, &args)?;
            let dst = self.register[gone as usize]?;
            self.asm.fma(Fma::Into213, dst, second, last);
            self.leave(gone);
            self.own(result, dst);
            return Some(());
        }
        let in_memory = self.register[a as usize].is_none();
        let (a, b) = if in_memory { (b, a) } else { (a, b) };
        let second = self.load(a, &args)?;
        let needed = [a, b, c, result];
        let dst = if by_c {
            let dst = self.register[c as usize]?;
            let last = self.last(b, &needed)?;
            self.asm.fma(Fma::Onto231, dst, second, last);
            self.leave(c);
            dst
        } else {
            let dst = self.copy(result, c, &needed)?;
            let last = self.last(b, &needed)?;
            self.asm.fma(Fma::Onto231, dst, second, last);
            dst
        };
        self.own(result, dst);
        Some(())
    }
}

/// Where the table holds the pointer to a place.
pub(super) fn pointer_at(place: u16) -> i32 {
    i32::from(place) * 16
}

fn fixed_rm(home: Home) -> Option<Rm> {
    match home {
        Home::At(bytes) => Some(Rm::At(RSI, bytes as i32)),
        Home::Constant(number) => Some(Rm::Constant(number)),
        Home::Along(_) => None,
    }
}
