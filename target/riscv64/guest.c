/* SPDX-License-Identifier: MIT */
/* riscv64 as the translator sees it: struct Guest, its globals, and the translation of one instruction. */
#include <elf.h>
#include <string.h>

#include "target/linux/abi.h"
#include "target/riscv64/translation.h"
#include "translator/translator.h"

#define X(n, name_) { name_, offsetof(struct Riscv64Cpu, x[n]), IR_I64 },
#define F(n, name_) { name_, offsetof(struct Riscv64Cpu, f[n]), IR_F64 },
static const struct IrGlobal globals[] = {
	X(1, "ra") X(2, "sp") X(3, "gp") X(4, "tp") X(5, "t0") X(6, "t1") X(7, "t2") X(8, "s0") X(9, "s1") X(10, "a0") X(11, "a1")
	X(12, "a2") X(13, "a3") X(14, "a4") X(15, "a5") X(16, "a6") X(17, "a7") X(18, "s2") X(19, "s3") X(20, "s4") X(21, "s5")
	X(22, "s6") X(23, "s7") X(24, "s8") X(25, "s9") X(26, "s10") X(27, "s11") X(28, "t3") X(29, "t4") X(30, "t5") X(31, "t6")
	F(0, "ft0") F(1, "ft1") F(2, "ft2") F(3, "ft3") F(4, "ft4") F(5, "ft5") F(6, "ft6") F(7, "ft7") F(8, "fs0") F(9, "fs1")
	F(10, "fa0") F(11, "fa1") F(12, "fa2") F(13, "fa3") F(14, "fa4") F(15, "fa5") F(16, "fa6") F(17, "fa7") F(18, "fs2")
	F(19, "fs3") F(20, "fs4") F(21, "fs5") F(22, "fs6") F(23, "fs7") F(24, "fs8") F(25, "fs9") F(26, "fs10") F(27, "fs11")
	F(28, "ft8") F(29, "ft9") F(30, "ft10") F(31, "ft11")
};
_Static_assert(sizeof globals / sizeof *globals == RISCV_NGLOBALS, "x1..x31, then f0..f31");

/* Hottest first, as compilers use them: they hand out a5 downwards for values of a moment, sp and the first arguments are everywhere,
 * then come the saved registers and what is left. gp and tp are nearly constant and read from memory. */
#define HOT(x) (RISCV_GLOBAL_X1 + (x) - 1)
static const uint8_t hot[] = {
	HOT(15), HOT(14), HOT(10), HOT(13), HOT(2), HOT(11), HOT(12), HOT(8), HOT(9), HOT(16), HOT(17), HOT(1), HOT(6), HOT(28),
	HOT(18), HOT(29), HOT(19), HOT(30), HOT(20), HOT(5), HOT(7), HOT(31), HOT(21), HOT(22), HOT(23), HOT(24), HOT(25), HOT(26),
	HOT(27), HOT(4), HOT(3),
};
_Static_assert(sizeof hot == 31, "every x register but x0");

static void reset(struct Cpu *cpu)
{
	struct Riscv64Cpu *riscv = riscv_cpu(cpu);

	memset(riscv->x, 0, sizeof riscv->x);
	memset(riscv->f, 0, sizeof riscv->f);
	riscv->reserved_size = 0;
	riscv->frm = ROUND_NE;
	cpu->pc = 0;
	cpu->fflags = 0;
	cpu->round = ROUND_NE;
	cpu->key = 0;
}

/* The reservation stays behind: an sc of another thread fails. */
static void copy(struct Cpu *to, const struct Cpu *from)
{
	struct Riscv64Cpu *a = riscv_cpu(to);
	const struct Riscv64Cpu *b = riscv_cpu_const(from);

	memcpy(a->x, b->x, sizeof a->x);
	memcpy(a->f, b->f, sizeof a->f);
	a->frm = b->frm;
	a->reserved_size = 0;
	to->pc = from->pc;
	to->key = from->key;
	cpu_set_fp(to, cpu_fflags((struct Cpu *)from), from->round);
}

static unsigned insn_length(const uint8_t *bytes, unsigned available)
{
	(void)available;
	return riscv_length(bytes[0]);
}

static enum TranslateResult translate_insn(struct Ir *ir, const struct IrInsn *insn)
{
	struct RiscvTranslation t = {
		.ir = ir, .opcode = insn->opcode, .pc = insn->pc, .next = insn->pc + insn->length, .insn = riscv_decode(insn->opcode),
	};

	if (!t.insn)
		return riscv_illegal(&t);
	t.o = riscv_operands(t.insn, t.opcode);
	return t.insn->translate(&t);
}

static uint32_t block_key(const struct Cpu *cpu)
{
	unsigned frm = riscv_cpu_const(cpu)->frm;

	return frm <= ROUND_MM ? frm : RISCV_KEY_RESERVED;
}

static uint8_t key_round(uint32_t key)
{
	return key <= ROUND_MM ? key : ROUND_NE;
}

static bool insn_polls(const struct IrInsn *insn)
{
	const struct RiscvInsn *row = riscv_decode(insn->opcode);

	if (!row)
		return false;
	if (row->translate == riscv_tr_jalr)
		return true;
	if (row->translate == riscv_tr_jal || row->translate == riscv_tr_branch)
		return riscv_operands(row, insn->opcode).imm <= 0;
	return false;
}

const struct Guest guest_riscv64 = {
	.name = "riscv64",
	.elf_machine = EM_RISCV,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2LSB,
	.insn_align = 1,
	.insn_max = 4,
	.cpu_size = sizeof(struct Riscv64Cpu),
	.globals = globals,
	.nglobals = RISCV_NGLOBALS,
	.hot = hot,
	.nhot = sizeof hot,
	.registers = riscv_registers,
	.nregisters = RISCV_NREGISTERS,
	.configure = riscv_configure,
	.cpu_help = riscv_cpu_help,
	.reset = reset,
	.copy = copy,
	.insn_length = insn_length,
	.translate_insn = translate_insn,
	.disassemble = riscv_disassemble,
	.block_key = block_key,
	.key_round = key_round,
	.insn_polls = insn_polls,
	.linux_abi = &riscv_linux_abi,
};
