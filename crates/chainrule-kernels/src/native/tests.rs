//! Tests only: instructions are the assembler's bytes, and code gives the bits of the
//! steps walked one by one.

use super::encode::*;
use crate::arena::{Base, Slot};
use crate::bits::{BINS, UNS};
use crate::fused::Pass;
use crate::program::{Access, Bin, Inst, Program, Src, Un};
use crate::sequence::{Inputs, Part};
use crate::simd::{Forms, Isa, widest};
use std::sync::Arc;

const WIDE32: Form = Form { wide: true, double: false };
const WIDE64: Form = Form { wide: true, double: true };
const NARROW32: Form = Form { wide: false, double: false };
const NARROW64: Form = Form { wide: false, double: true };

type Case = (Form, &'static str, fn(&mut Asm), &'static str);

/// What the GNU assembler makes of these lines, told to write VEX prefixes in three bytes
/// and distances as `encode` does.
#[rustfmt::skip]
const INSTRUCTIONS: &[Case] = &[
    (WIDE32, "vaddps zmm17, zmm9, zmm30", |a| a.two(Two::Add, 17, 9, Rm::Reg(30)), "6281344858ce"),
    (WIDE64, "vaddpd zmm1, zmm2, [r12+rax]", |a| a.two(Two::Add, 1, 2, Rm::Indexed(12)), "62d1ed48584c0400"),
    (NARROW32, "vaddps ymm9, ymm2, ymm11", |a| a.two(Two::Add, 9, 2, Rm::Reg(11)), "c4416c58cb"),
    (NARROW64, "vaddpd ymm1, ymm12, [rbp+rax]", |a| a.two(Two::Add, 1, 12, Rm::Indexed(5)), "c4e11d584c0500"),
    (WIDE32, "vsubps zmm3, zmm31, [rsi+0x12345]", |a| a.two(Two::Sub, 3, 31, Rm::At(RSI, 0x12345)), "62f104405c9e45230100"),
    (NARROW64, "vsubpd ymm3, ymm1, [rsi+0x12345]", |a| a.two(Two::Sub, 3, 1, Rm::At(RSI, 0x12345)), "c4e1755c9e45230100"),
    (WIDE64, "vmulpd zmm3, zmm1, zmm2", |a| a.two(Two::Mul, 3, 1, Rm::Reg(2)), "62f1f54859da"),
    (NARROW32, "vmulps ymm3, ymm1, ymm2", |a| a.two(Two::Mul, 3, 1, Rm::Reg(2)), "c4e17459da"),
    (WIDE32, "vdivps zmm3, zmm1, zmm2", |a| a.two(Two::Div, 3, 1, Rm::Reg(2)), "62f174485eda"),
    (NARROW64, "vdivpd ymm3, ymm1, ymm2", |a| a.two(Two::Div, 3, 1, Rm::Reg(2)), "c4e1755eda"),
    (WIDE64, "vmaxpd zmm3, zmm1, zmm2", |a| a.two(Two::Max, 3, 1, Rm::Reg(2)), "62f1f5485fda"),
    (NARROW32, "vminps ymm3, ymm1, ymm2", |a| a.two(Two::Min, 3, 1, Rm::Reg(2)), "c4e1745dda"),
    (WIDE32, "vandps zmm3, zmm1, zmm2", |a| a.two(Two::And, 3, 1, Rm::Reg(2)), "62f1744854da"),
    (WIDE64, "vorpd zmm3, zmm1, zmm2", |a| a.two(Two::Or, 3, 1, Rm::Reg(2)), "62f1f54856da"),
    (NARROW64, "vxorpd ymm3, ymm1, ymm2", |a| a.two(Two::Xor, 3, 1, Rm::Reg(2)), "c4e17557da"),
    (WIDE32, "vsqrtps zmm20, [r8+rax]", |a| a.sqrt(20, Rm::Indexed(8)), "62c17c4851640000"),
    (WIDE64, "vsqrtpd zmm20, zmm21", |a| a.sqrt(20, Rm::Reg(21)), "62a1fd4851e5"),
    (NARROW32, "vsqrtps ymm2, ymm14", |a| a.sqrt(2, Rm::Reg(14)), "c4c17c51d6"),
    (WIDE32, "vrndscaleps zmm2, zmm14, 8", |a| a.round(2, Rm::Reg(14)), "62d37d4808d608"),
    (WIDE64, "vrndscalepd zmm2, zmm14, 8", |a| a.round(2, Rm::Reg(14)), "62d3fd4809d608"),
    (NARROW32, "vroundps ymm2, ymm14, 8", |a| a.round(2, Rm::Reg(14)), "c4c37d08d608"),
    (NARROW64, "vroundpd ymm2, ymm14, 8", |a| a.round(2, Rm::Reg(14)), "c4c37d09d608"),
    (WIDE32, "vpslld zmm18, zmm29, 23", |a| a.shift(true, 18, 29, 23), "62916d4072f517"),
    (WIDE64, "vpsllq zmm2, zmm14, 52", |a| a.shift(true, 2, 14, 52), "62d1ed4873f634"),
    (WIDE32, "vpsrld zmm2, zmm14, 23", |a| a.shift(false, 2, 14, 23), "62d16d4872d617"),
    (WIDE64, "vpsrlq zmm18, zmm14, 52", |a| a.shift(false, 18, 14, 52), "62d1ed4073d634"),
    (NARROW32, "vpslld ymm2, ymm14, 23", |a| a.shift(true, 2, 14, 23), "c4c16d72f617"),
    (NARROW64, "vpsrlq ymm12, ymm4, 52", |a| a.shift(false, 12, 4, 52), "c4e11d73d434"),
    (WIDE32, "vfmadd213ps zmm1, zmm22, [rsi+64]", |a| a.fma(Fma::Into213, 1, 22, Rm::At(RSI, 64)), "62f24d40a88e40000000"),
    (WIDE64, "vfmadd231pd zmm1, zmm22, zmm23", |a| a.fma(Fma::Onto231, 1, 22, Rm::Reg(23)), "62b2cd40b8cf"),
    (NARROW32, "vfmadd231ps ymm1, ymm2, ymm3", |a| a.fma(Fma::Onto231, 1, 2, Rm::Reg(3)), "c4e26db8cb"),
    (NARROW64, "vfmadd213pd ymm1, ymm2, [r9+rax]", |a| a.fma(Fma::Into213, 1, 2, Rm::Indexed(9)), "c4c2eda84c0100"),
    (WIDE32, "vcmpps k5, zmm22, zmm3, 0x11", |a| a.compare(Cond::Lt, 5, 22, Rm::Reg(3)), "62f14c40c2eb11"),
    (WIDE64, "vcmppd k7, zmm2, zmm3, 3", |a| a.compare(Cond::Unordered, 7, 2, Rm::Reg(3)), "62f1ed48c2fb03"),
    (NARROW32, "vcmpps ymm5, ymm2, ymm3, 0", |a| a.compare(Cond::Eq, 5, 2, Rm::Reg(3)), "c4e16cc2eb00"),
    (NARROW64, "vcmppd ymm5, ymm2, ymm3, 0x16", |a| a.compare(Cond::NotLe, 5, 2, Rm::Reg(3)), "c4e16dc2eb16"),
    (WIDE32, "vblendmps zmm20{k3}, zmm4, zmm5", |a| a.select(3, 20, Rm::Reg(5), 4), "62e25d4b65e5"),
    (WIDE64, "vblendmpd zmm20{k3}, zmm24, zmm25", |a| a.select(3, 20, Rm::Reg(25), 24), "6282bd4365e1"),
    (NARROW32, "vblendvps ymm10, ymm4, ymm5, ymm13", |a| a.select(13, 10, Rm::Reg(5), 4), "c4635d4ad5d0"),
    (NARROW64, "vblendvpd ymm10, ymm4, ymm5, ymm13", |a| a.select(13, 10, Rm::Reg(5), 4), "c4635d4bd5d0"),
    (WIDE32, "kandw k2, k3, k4", |a| a.masks(true, 2, 3, 4), "c4e16441d4"),
    (WIDE64, "korw k2, k3, k4", |a| a.masks(false, 2, 3, 4), "c4e16445d4"),
    (NARROW32, "vorps ymm2, ymm3, ymm4", |a| a.masks(false, 2, 3, 4), "c4e16456d4"),
    (NARROW64, "vandpd ymm2, ymm3, ymm4", |a| a.masks(true, 2, 3, 4), "c4e16554d4"),
    (WIDE32, "vmovups zmm17, [r13+rax]", |a| a.load(17, Rm::Indexed(13), Lanes::All), "62c17c48104c0500"),
    (WIDE32, "vmovups zmm17{k1}{z}, [r14+rax]", |a| a.load(17, Rm::Indexed(14), Lanes::Zeroed(1)), "62c17cc9104c0600"),
    (WIDE64, "vmovupd zmm7{k1}{z}, [rbx+rax]", |a| a.load(7, Rm::Indexed(RBX), Lanes::Zeroed(1)), "62f1fdc9107c0300"),
    (NARROW64, "vmovupd ymm7, ymm8", |a| a.load(7, Rm::Reg(8), Lanes::All), "c4c17d10f8"),
    (WIDE64, "vmovupd [r15+rax]{k1}, zmm31", |a| a.store(31, Rm::Indexed(15), Lanes::Merged(1)), "6241fd49117c0700"),
    (WIDE32, "vmovups [r15+rax], zmm31", |a| a.store(31, Rm::Indexed(15), Lanes::All), "62417c48117c0700"),
    (NARROW32, "vmovups [r15+rax], ymm12", |a| a.store(12, Rm::Indexed(15), Lanes::All), "c4417c11640700"),
    (NARROW32, "vmaskmovps ymm3, ymm15, [r15+rax]", |a| a.load_part(3, Rm::Indexed(15), 15), "c4c2052c5c0700"),
    (NARROW64, "vmaskmovpd ymm3, ymm15, [r15+rax]", |a| a.load_part(3, Rm::Indexed(15), 15), "c4c2052d5c0700"),
    (NARROW32, "vmaskmovps [r15+rax], ymm15, ymm12", |a| a.store_part(12, Rm::Indexed(15), 15), "c442052e640700"),
    (NARROW64, "vmaskmovpd [r15+rax], ymm15, ymm12", |a| a.store_part(12, Rm::Indexed(15), 15), "c442052f640700"),
    (WIDE32, "kmovw [rsi+0x1040], k6", |a| a.keep_mask(6, Rm::At(RSI, 0x1040), false), "c4e17891b640100000"),
    (WIDE32, "kmovw k6, [rsi+0x1040]", |a| a.keep_mask(6, Rm::At(RSI, 0x1040), true), "c4e17890b640100000"),
    (WIDE32, "kmovw k1, ecx", |a| a.mask_from_ecx(1), "c4e17892c9"),
    (NARROW32, "vmovups ymm15, [rcx+0x0]", |a| a.load(15, Rm::At(RCX, 0), Lanes::All), "c4617c10b900000000"),
    (WIDE32, "mov r12, [rdi+0x110]", |a| a.pointer(12, RDI, 0x110), "4c8ba710010000"),
    (WIDE32, "mov rbp, [rdi+0x110]", |a| a.pointer(5, RDI, 0x110), "488baf10010000"),
    (WIDE32, "push rbx", |a| a.push(RBX), "53"),
    (WIDE32, "push r12", |a| a.push(12), "4154"),
    (WIDE32, "pop r15", |a| a.pop(15), "415f"),
    (WIDE32, "xor eax, eax", |a| a.start_count(), "31c0"),
    (WIDE32, "vzeroupper", |a| a.leave_vectors(), "c5f877"),
    (WIDE32, "ret", |a| a.ret(), "c3"),
];

#[test]
fn every_instruction_has_the_assemblers_bytes() {
    for (form, text, write, expected) in INSTRUCTIONS {
        let mut asm = Asm::new(*form);
        write(&mut asm);
        let got: String = asm.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&got, expected, "{text}");
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn number<T: Forms>(&mut self) -> T {
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            1e-40,
            -1e-310,
            3e38,
            -1e300,
            f64::MIN_POSITIVE,
            88.8,
            -104.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            5e-324,
            1e-45,
            2.0,
        ];
        let plain = self.below(20_001) as f64 / 1000.0 - 10.0;
        T::of(if self.below(4) == 0 { self.pick(&special) } else { plain })
    }
}

/// How many of each: what a program reads, computes and stores.
#[derive(Clone, Copy)]
struct Size {
    inputs: usize,
    consts: usize,
    insts: usize,
    /// Every so many instructions, one that has no code.
    own: usize,
}

fn random_program(dice: &mut Dice, size: Size) -> Program {
    let all = [Access::Full, Access::Full, Access::Row, Access::Col, Access::Scalar];
    let inputs: Vec<Access> = (0..size.inputs).map(|_| dice.pick(&all)).collect();
    let mut insts = Vec::new();
    for i in 0..size.insts {
        let operand = |dice: &mut Dice| match dice.below(8) {
            0 | 1 if size.inputs > 0 => Src::In(dice.below(size.inputs) as u16),
            2 if size.consts > 0 => Src::Const(dice.below(size.consts) as u16),
            3..=5 if i > 0 => Src::Reg((i - 1 - dice.below(i.min(4))) as u16),
            _ if i > 0 => Src::Reg(dice.below(i) as u16),
            _ => Src::In(0),
        };
        let [a, b, c] = [0; 3].map(|_| operand(dice));
        let own = size.own > 0 && dice.below(size.own) == 0;
        insts.push(match (own, dice.below(5)) {
            (true, 0) => Inst::Uniform { key: i },
            (true, 1) => Inst::Bin(Bin::Pow, a, b),
            (true, _) => Inst::Un(dice.pick(&[Un::Sin, Un::Cos]), a),
            (_, 0) => Inst::Un(dice.pick(&UNS), a),
            (_, 1 | 2) => Inst::Bin(dice.pick(&BINS), a, b),
            (_, 3) => Inst::MulAdd(a, b, c),
            _ => Inst::Select(a, b, c),
        });
    }
    let mut outputs: Vec<Src> = vec![Src::Reg(size.insts as u16 - 1)];
    for _ in 0..dice.below(4) {
        outputs.push(match dice.below(6) {
            0 => Src::In(dice.below(size.inputs) as u16),
            _ => Src::Reg(dice.below(size.insts) as u16),
        });
    }
    Program::new(insts, inputs, outputs)
}

/// Places for everything, some outputs on inputs, and an arena to hold it.
fn random_pass<T: Forms>(
    dice: &mut Dice,
    program: Program,
    (rows, cols): (usize, usize),
    consts: usize,
) -> (Pass<T>, Vec<T>) {
    let mut len = dice.below(20);
    let mut slot = |dice: &mut Dice, rows: usize, cols: usize| {
        let stride = cols + if dice.below(3) == 0 { dice.below(9) } else { 0 };
        let offset = len + dice.below(3);
        len = offset + rows * stride;
        Slot::new(offset, stride)
    };
    let place = |access: &Access| {
        let (rows, cols) = access.shape(rows, cols);
        slot(dice, rows, cols)
    };
    let inputs: Vec<Slot> = program.inputs.iter().map(place).collect();
    let mut full: Vec<usize> = (0..inputs.len()).collect();
    full.retain(|&i| program.inputs[i] == Access::Full);
    let outputs: Vec<Slot> = (0..program.outputs.len())
        .map(|_| match full.pop() {
            Some(input) if dice.below(2) == 0 => inputs[input],
            _ => slot(dice, rows, cols),
        })
        .collect();
    let consts: Vec<T> = (0..consts).map(|_| dice.number()).collect();
    let arena = (0..len + 64).map(|_| dice.number()).collect();
    let program = Arc::new(program);
    (Pass::new(program, (rows, cols), inputs, outputs, consts), arena)
}

fn run<T: Forms>(pass: &Pass<T>, arena: &[T], isa: Isa) -> Vec<u64> {
    let mut arena = arena.to_vec();
    Part::<T>::check(pass);
    // SAFETY: checked, and every place lies in the arena.
    unsafe { Part::<T>::run(pass, Base(arena.as_mut_ptr()), isa, &Inputs::NONE) };
    let bits = |x: &T| if x.wide().is_nan() { 1 } else { x.wide().to_bits() };
    arena.iter().map(bits).collect()
}

fn same_as_walked<T: Forms>(dice: &mut Dice, size: Size, shape: (usize, usize)) {
    let program = random_program(dice, size);
    same::<T>(dice, program, size.consts, shape);
}

fn same<T: Forms>(
    dice: &mut Dice,
    program: Program,
    consts: usize,
    shape: (usize, usize),
) {
    let text = format!("{:?} {:?} {:?}", program.insts, program.inputs, program.outputs);
    let has_own_steps = program.insts.iter().any(|inst| {
        let un = matches!(inst, Inst::Un(Un::Sin | Un::Cos, _));
        un || matches!(inst, Inst::Uniform { .. } | Inst::Bin(Bin::Pow, ..))
    });
    let (pass, arena) = random_pass::<T>(dice, program, shape, consts);
    let mut walked = pass.clone();
    walked.program = Arc::new(Program::clone(&pass.program).walked());
    for isa in [Isa::Avx2, Isa::Avx512] {
        if isa <= widest() {
            let (got, expected) = (run(&pass, &arena, isa), run(&walked, &arena, isa));
            let at = (0..got.len()).find(|&i| got[i] != expected[i]);
            assert_eq!(at, None, "{isa:?}, {shape:?}, {} of {text}", T::IS_F64);
            let code = pass.program.native.of::<T>(&pass.program, isa, false);
            assert!(code.is_some() || has_own_steps, "{isa:?}: no code for {text}");
        }
    }
}

#[test]
fn more_masks_than_registers_are_kept_elsewhere() {
    let compare =
        |i: u16| Inst::Bin(BINS[7 + usize::from(i) % 6], Src::In(0), Src::Const(i));
    let choose = |i: u16| {
        let last = if i == 0 { Src::In(1) } else { Src::Reg(11 + i) };
        Inst::Select(Src::Reg(i % 12), last, Src::Const(11 - i % 12))
    };
    let insts: Vec<Inst> = (0..12).map(compare).chain((0..24).map(choose)).collect();
    let inputs = vec![Access::Full, Access::Full];
    let program = Program::new(insts, inputs, vec![Src::Reg(35)]);
    let mut dice = Dice(9);
    same::<f32>(&mut dice, program.clone(), 12, (1, 333));
    same::<f64>(&mut dice, program, 12, (1, 333));
}

#[test]
fn code_gives_the_bits_of_steps_walked_one_by_one() {
    let mut dice = Dice(7);
    for turn in 0..600 {
        let size = Size {
            inputs: 1 + dice.below(7),
            consts: dice.below(6),
            insts: 1 + dice.below(if turn % 4 == 0 { 40 } else { 9 }),
            own: if turn % 3 == 0 { 4 } else { 0 },
        };
        let shape = match turn % 3 {
            0 => (1, 1 + dice.below(1100)),
            1 => (1 + dice.below(30), 1 + dice.below(40)),
            _ => (1 + dice.below(4), 1 + dice.below(600)),
        };
        same_as_walked::<f32>(&mut dice, size, shape);
        same_as_walked::<f64>(&mut dice, size, shape);
    }
}

#[test]
fn more_values_than_registers_and_pointers_are_kept_elsewhere() {
    let mut dice = Dice(8);
    for turn in 0..30 {
        let own = if turn % 3 == 0 { 9 } else { 0 };
        let size = Size { inputs: 25, consts: 30, insts: 60, own };
        same_as_walked::<f32>(&mut dice, size, (3, 137));
        same_as_walked::<f64>(&mut dice, size, (3, 137));
    }
}
