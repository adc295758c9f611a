//! The processor's instructions as bytes: in go operations and registers, out comes code
//! for x86-64 with AVX2 or AVX-512.
//!
//! Invariant: every instruction that is written here stands in the tests, with the bytes
//! that the GNU assembler gives it.
//!
//! Deliberately absent: all that generated loops do not use; so one index register, and
//! one way to write a distance.

/// A general register by its number.
pub(super) type Gpr = u8;
pub(super) const RCX: Gpr = 1;
pub(super) const RDX: Gpr = 2;
pub(super) const RBX: Gpr = 3;
pub(super) const RSI: Gpr = 6;
pub(super) const RDI: Gpr = 7;

/// The set of vector instructions, and the number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// AVX-512, else AVX2.
    pub(super) wide: bool,
    /// f64, else f32.
    pub(super) double: bool,
}

/// The last operand of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rm {
    Reg(u8),
    /// [base + rax].
    Indexed(Gpr),
    /// [base + distance].
    At(Gpr, i32),
    /// The constant of that number, behind the code.
    Constant(usize),
}

/// Which family an instruction belongs to: its opcode map and its mandatory prefix.
#[derive(Clone, Copy)]
struct Op {
    map: u8,
    prefix: u8,
    code: u8,
    /// The W bit.
    w: bool,
}

/// Lanes that a load, store or move leaves out: none, those outside a mask register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lanes {
    All,
    /// Of the mask register, the others becoming 0.
    Zeroed(u8),
    /// Of the mask register, the others staying as they are; or merged by a blend.
    Merged(u8),
}

/// Code under construction.
pub(super) struct Asm {
    pub(super) form: Form,
    pub(super) bytes: Vec<u8>,
    /// Place of a distance, place that it counts from, constant.
    fixups: Vec<(usize, usize, usize)>,
}

/// A forward jump whose distance is not known yet.
#[must_use]
pub(super) struct Jump(usize);

/// Functions of two vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    /// a > b ? a : b, so b where either is NaN.
    Max,
    /// a < b ? a : b.
    Min,
    And,
    Or,
    Xor,
}

/// Conditions of a comparison, by the processor's numbers; each has its opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cond {
    Eq = 0x00,
    Unordered = 0x03,
    NotEq = 0x04,
    Ordered = 0x07,
    Lt = 0x11,
    Le = 0x12,
    NotLt = 0x15,
    NotLe = 0x16,
}

impl Cond {
    pub(super) fn opposite(self) -> Cond {
        match self {
            Cond::Eq => Cond::NotEq,
            Cond::NotEq => Cond::Eq,
            Cond::Lt => Cond::NotLt,
            Cond::NotLt => Cond::Lt,
            Cond::Le => Cond::NotLe,
            Cond::NotLe => Cond::Le,
            Cond::Unordered => Cond::Ordered,
            Cond::Ordered => Cond::Unordered,
        }
    }
}

/// The three orders of a fused multiply-add d, s, r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fma {
    /// d = s·d + r
    Into213 = 0xA8,
    /// d = s·r + d
    Onto231 = 0xB8,
}

impl Two {
    pub(super) fn commutes(self) -> bool {
        matches!(self, Two::Add | Two::Mul | Two::And | Two::Or | Two::Xor)
    }
}

impl Asm {
    pub(super) fn new(form: Form) -> Asm {
        Asm { form, bytes: Vec::with_capacity(2048), fixups: Vec::new() }
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.bytes.len(), self.fixups.len())
    }

    /// Forgets what was written after the mark.
    pub(super) fn back(&mut self, (bytes, fixups): (usize, usize)) {
        self.bytes.truncate(bytes);
        self.fixups.truncate(fixups);
    }

    /// Bytes of a vector.
    pub(super) fn width(&self) -> usize {
        if self.form.wide { 64 } else { 32 }
    }

    /// An instruction whose prefix tells f32 from f64: `none` or `66`.
    fn float(&self, code: u8) -> Op {
        let double = self.form.double;
        Op { map: 1, prefix: u8::from(double), code, w: double && self.form.wide }
    }

    /// One of the maps 0F38 and 0F3A, whose W tells f32 from f64.
    fn typed(&self, map: u8, code: u8) -> Op {
        Op { map, prefix: 1, code, w: self.form.double }
    }

    /// The prefix, the opcode and the operands; `after` bytes follow.
    fn vector(
        &mut self,
        op: Op,
        reg: u8,
        second: u8,
        rm: Rm,
        lanes: Lanes,
        after: usize,
    ) {
        if self.form.wide {
            self.evex(op, reg, second, rm, lanes);
        } else {
            self.vex(op, reg, second, rm, true);
        }
        self.bytes.push(op.code);
        self.operand(reg, rm, after);
    }

    fn evex(&mut self, op: Op, reg: u8, second: u8, rm: Rm, lanes: Lanes) {
        let (x, b) = extension(rm);
        let not = |bit: u8, by: u8| (!bit & 1) << by;
        let (mask, zero) = match lanes {
            Lanes::All => (0, 0),
            Lanes::Zeroed(k) => (k, 0x80),
            Lanes::Merged(k) => (k, 0),
        };
        let first = not(reg >> 3, 7) | not(x, 6) | not(b, 5) | not(reg >> 4, 4) | op.map;
        let middle = u8::from(op.w) << 7 | (!second & 15) << 3 | 4 | op.prefix;
        let last = zero | 0x40 | not(second >> 4, 3) | mask;
        self.bytes.extend([0x62, first, middle, last]);
    }

    fn vex(&mut self, op: Op, reg: u8, second: u8, rm: Rm, long: bool) {
        let (x, b) = extension(rm);
        let not = |bit: u8, by: u8| (!bit & 1) << by;
        let first = not(reg >> 3, 7) | not(x, 6) | not(b, 5) | op.map;
        let middle = (!second & 15) << 3 | u8::from(long) << 2 | op.prefix;
        self.bytes.extend([0xC4, first, u8::from(op.w) << 7 | middle]);
    }

    /// The bytes that name the operands.
    fn operand(&mut self, reg: u8, rm: Rm, after: usize) {
        let reg = (reg & 7) << 3;
        match rm {
            Rm::Reg(r) => self.bytes.push(0xC0 | reg | r & 7),
            // With a distance of 0 in one byte, which every base register allows.
            Rm::Indexed(base) => self.bytes.extend([0x44 | reg, base & 7, 0]),
            Rm::At(base, distance) => {
                self.bytes.push(0x80 | reg | base & 7);
                self.bytes.extend(distance.to_le_bytes());
            }
            Rm::Constant(number) => {
                self.bytes.push(5 | reg);
                let place = self.bytes.len();
                self.fixups.push((place, place + 4 + after, number));
                self.bytes.extend([0; 4]);
            }
        }
    }

    pub(super) fn two(&mut self, two: Two, dst: u8, a: u8, b: Rm) {
        let code = match two {
            Two::Add => 0x58,
            Two::Sub => 0x5C,
            Two::Mul => 0x59,
            Two::Div => 0x5E,
            Two::Max => 0x5F,
            Two::Min => 0x5D,
            Two::And => 0x54,
            Two::Or => 0x56,
            Two::Xor => 0x57,
        };
        self.vector(self.float(code), dst, a, b, Lanes::All, 0);
    }

    pub(super) fn sqrt(&mut self, dst: u8, a: Rm) {
        self.vector(self.float(0x51), dst, 0, a, Lanes::All, 0);
    }

    /// To the nearest whole number, ties to even.
    pub(super) fn round(&mut self, dst: u8, a: Rm) {
        let op = Op { w: self.form.double && self.form.wide, ..self.typed(3, 8) };
        let op = Op { code: op.code + u8::from(self.form.double), ..op };
        self.vector(op, dst, 0, a, Lanes::All, 1);
        self.bytes.push(8);
    }

    /// The bits of each lane moved up, or down with zeros coming in.
    pub(super) fn shift(&mut self, up: bool, dst: u8, a: u8, by: u8) {
        let code = if self.form.double { 0x73 } else { 0x72 };
        let w = self.form.double && self.form.wide;
        let op = Op { map: 1, prefix: 1, code, w };
        self.vector(op, if up { 6 } else { 2 }, dst, Rm::Reg(a), Lanes::All, 1);
        self.bytes.push(by);
    }

    pub(super) fn fma(&mut self, order: Fma, dst: u8, second: u8, rm: Rm) {
        self.vector(self.typed(2, order as u8), dst, second, rm, Lanes::All, 0);
    }

    /// A comparison into a mask: a mask register of AVX-512, a vector of AVX2.
    pub(super) fn compare(&mut self, cond: Cond, dst: u8, a: u8, b: Rm) {
        self.vector(self.float(0xC2), dst, a, b, Lanes::All, 1);
        self.bytes.push(cond as u8);
    }

    /// yes where the mask is set, else no.
    pub(super) fn select(&mut self, mask: u8, dst: u8, yes: Rm, no: u8) {
        if self.form.wide {
            self.vector(self.typed(2, 0x65), dst, no, yes, Lanes::Merged(mask), 0);
        } else {
            let code = 0x4A + u8::from(self.form.double);
            let op = Op { w: false, ..self.typed(3, code) };
            self.vector(op, dst, no, yes, Lanes::All, 1);
            self.bytes.push(mask << 4);
        }
    }

    /// Both masks, or either.
    pub(super) fn masks(&mut self, both: bool, dst: u8, a: u8, b: u8) {
        if self.form.wide {
            let op =
                Op { map: 1, prefix: 0, code: if both { 0x41 } else { 0x45 }, w: false };
            self.vex(op, dst, a, Rm::Reg(b), true);
            self.bytes.push(op.code);
            self.operand(dst, Rm::Reg(b), 0);
        } else {
            self.two(if both { Two::And } else { Two::Or }, dst, a, Rm::Reg(b));
        }
    }

    pub(super) fn load(&mut self, dst: u8, from: Rm, lanes: Lanes) {
        self.vector(self.float(0x10), dst, 0, from, lanes, 0);
    }

    pub(super) fn store(&mut self, src: u8, to: Rm, lanes: Lanes) {
        self.vector(self.float(0x11), src, 0, to, lanes, 0);
    }

    /// AVX2's load of the lanes whose sign is set in `mask`.
    pub(super) fn load_part(&mut self, dst: u8, from: Rm, mask: u8) {
        let code = 0x2C + u8::from(self.form.double);
        let op = Op { w: false, ..self.typed(2, code) };
        self.vector(op, dst, mask, from, Lanes::All, 0);
    }

    /// AVX2's store of the lanes whose sign is set in `mask`.
    pub(super) fn store_part(&mut self, src: u8, to: Rm, mask: u8) {
        let code = 0x2E + u8::from(self.form.double);
        let op = Op { w: false, ..self.typed(2, code) };
        self.vector(op, src, mask, to, Lanes::All, 0);
    }

    /// A mask register to memory, or back.
    pub(super) fn keep_mask(&mut self, mask: u8, place: Rm, back: bool) {
        let code = if back { 0x90 } else { 0x91 };
        let op = Op { map: 1, prefix: 0, code, w: false };
        self.vex(op, mask, 0, place, false);
        self.bytes.push(op.code);
        self.operand(mask, place, 0);
    }

    /// A mask register from the low bits of ecx.
    pub(super) fn mask_from_ecx(&mut self, mask: u8) {
        let op = Op { map: 1, prefix: 0, code: 0x92, w: false };
        self.vex(op, mask, 0, Rm::Reg(RCX), false);
        self.bytes.push(op.code);
        self.operand(mask, Rm::Reg(RCX), 0);
    }

    /// A pointer from memory.
    pub(super) fn pointer(&mut self, dst: Gpr, base: Gpr, distance: i32) {
        self.bytes.extend([0x48 | dst >> 3 << 2, 0x8B]);
        self.operand(dst, Rm::At(base, distance), 0);
    }

    pub(super) fn push(&mut self, reg: Gpr) {
        self.one_byte(0x50, reg);
    }

    pub(super) fn pop(&mut self, reg: Gpr) {
        self.one_byte(0x58, reg);
    }

    fn one_byte(&mut self, code: u8, reg: Gpr) {
        if reg >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(code | reg & 7);
    }

    /// rax = 0.
    pub(super) fn start_count(&mut self) {
        self.bytes.extend([0x31, 0xC0]);
    }

    /// Jumps if this register is 0.
    pub(super) fn jump_if_zero(&mut self, reg: Gpr) -> Jump {
        self.bytes.extend([0x48, 0x85, 0xC0 | reg << 3 | reg, 0x0F, 0x84]);
        self.bytes.extend([0; 4]);
        Jump(self.bytes.len())
    }

    pub(super) fn land(&mut self, jump: Jump) {
        let distance = (self.bytes.len() - jump.0) as i32;
        self.bytes[jump.0 - 4..jump.0].copy_from_slice(&distance.to_le_bytes());
    }

    /// rax += a vector's bytes; back to `top` while it is below rdx.
    pub(super) fn count(&mut self, top: usize) {
        self.bytes.extend([0x48, 0x05]);
        self.bytes.extend((self.width() as i32).to_le_bytes());
        self.bytes.extend([0x48, 0x39, 0xD0, 0x0F, 0x82]);
        let distance = top as i32 - (self.bytes.len() + 4) as i32;
        self.bytes.extend(distance.to_le_bytes());
    }

    /// Clears the upper halves of the vector registers, as older code wants to find them.
    pub(super) fn leave_vectors(&mut self) {
        self.bytes.extend([0xC5, 0xF8, 0x77]);
    }

    pub(super) fn ret(&mut self) {
        self.bytes.push(0xC3);
    }

    /// Does nothing until the next place is a multiple of `align`.
    pub(super) fn align(&mut self, align: usize) {
        while !self.bytes.len().is_multiple_of(align) {
            self.bytes.push(0x90);
        }
    }

    /// Puts the constants behind the code, a vector each, and fills in where they are.
    pub(super) fn finish(&mut self, constants: &[u64]) {
        self.align(64);
        let start = self.bytes.len();
        for &constant in constants {
            let all = constant.to_le_bytes();
            let lane = if self.form.double { &all[..] } else { &all[..4] };
            let lanes = self.width() / lane.len();
            (0..lanes).for_each(|_| self.bytes.extend_from_slice(lane));
        }
        for (place, from, number) in std::mem::take(&mut self.fixups) {
            let distance = (start + number * self.width() - from) as i32;
            self.bytes[place..place + 4].copy_from_slice(&distance.to_le_bytes());
        }
    }
}

/// The fourth bits of index and base, or of a register operand.
fn extension(rm: Rm) -> (u8, u8) {
    match rm {
        Rm::Reg(r) => (r >> 4, r >> 3),
        Rm::Indexed(base) | Rm::At(base, _) => (0, base >> 3),
        Rm::Constant(_) => (0, 0),
    }
}
