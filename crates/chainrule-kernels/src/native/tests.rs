//! Tests only: instructions are the assembler's bytes, and code gives the bits of the
//! steps walked one by one.

use super::encode::*;


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
