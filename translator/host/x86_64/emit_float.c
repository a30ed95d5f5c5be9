/* SPDX-License-Identifier: MIT */
/* Code for floating point: on the host's unit under the guest's rounding mode and sticky flags, with the corners where the host differs from
 * the guest out of line in software. */
#include "translator/host/x86_64/backend.h"
#include "translator/softfloat.h"

static bool avx(void) { return x86_features & HAS_AVX; }
static bool is_f64(const struct Ins *ins) { return ins->type == IR_F64; }

/* Whether INS asks for another rounding mode than the host's register holds, which has none to maximum magnitude. */
static bool rounds_otherwise(const struct Gen *g, const struct Ins *ins) { return ins->cond != g->ir->round || ins->cond == ROUND_MM; }

/* Prefix of a scalar operation. */
static unsigned scalar(enum IrType type) { return X_0F | (type == IR_F64 ? X_F2 : X_F3); }
/* Prefix of the packed forms that compare or work on bits. */
static unsigned packed(enum IrType type) { return X_0F | (type == IR_F64 ? X_66 : 0); }

/* d = a op b; without AVX, D must not be B unless it is A as well. */
static void op3(struct Gen *g, unsigned op, int d, int a, struct Rm b)
{
	if (avx()) {
		asm_vex(g->as, op, d, a, b, 0);
	} else {
		x86_vmov(g, d, a);
		asm_op(g->as, op, d, b.reg != NOREG && b.reg == a ? rm_reg(d) : b, 0);
	}
}

static void op2(struct Gen *g, unsigned op, int d, struct Rm b)
{
	if (avx())
		asm_vex(g->as, op, d, 0, b, 0);
	else
		asm_op(g->as, op, d, b, 0);
}

/* -- operands and results ---------------------------------------------------------------------------------------------------------- */

/* Type of the vector operands. */
static enum IrType operand_type(const struct Ins *ins)
{
	return ins->op == IR_FCVT_F64_F32 ? IR_F32 : ins->op == IR_FCVT_F32_F64 ? IR_F64 : ins->type;
}

/* D = the f32 in the register S of V, whose value may be no box. */
static void unbox(struct Gen *g, Ref v, int d, int s)
{
	if (g->var[v].clean) {
		struct Rm high = x86_var_mem(g, v);
		high.disp += 4;
		x86_vmov(g, d, s);
		asm_alu_imm(g->as, ALU_CMP, 0, high, -1);
	} else {
		int t = x86_scratch(g, IR_INT);
		op2(g, 0x7e | X_0F | X_66 | X_W, s, rm_reg(t));
		x86_vmov(g, d, s);
		asm_shift_imm(g->as, 5, X_W, rm_reg(t), 32);
		asm_alu_imm(g->as, ALU_CMP, 0, rm_reg(t), -1);
	}
	unsigned jump = x86_jcc_cold(g, CC_NE);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	x86_load_pool(g, d, POOL_NAN32);
	x86_back(g);
	x86_end_cold(g);
}

/* Whether operand K is a box that must be looked into. */
static bool must_unbox(const struct Gen *g, const struct Ins *ins, unsigned k)
{
	return ins->spare >> k & BOXED_ARG && !(g->var[ins->a[k]].know & REP_SINGLE);
}

static int use_unboxed(struct Gen *g, Ref v)
{
	int s = x86_vuse(g, v), d = x86_scratch(g, IR_VEC);

	unbox(g, v, d, s);
	return d;
}

/* A register with the number that operand K is, any NaN for a NaN. */
static int use_number(struct Gen *g, const struct Ins *ins, unsigned k)
{
	Ref v = ins->a[k];

	if (must_unbox(g, ins, k))
		return use_unboxed(g, v);
	return operand_type(ins) == IR_F64 && g->var[v].know & REP_SINGLE ? x86_vuse(g, v) : x86_vuse_loose(g, v);
}

static struct Rm use_number_rm(struct Gen *g, const struct Ins *ins, unsigned k)
{
	Ref v = ins->a[k];

	if (must_unbox(g, ins, k) || (operand_type(ins) == IR_F64 && g->var[v].know & REP_SINGLE))
		return rm_reg(use_number(g, ins, k));
	return x86_vuse_rm_loose(g, v);
}

/* The operands from 0 to N; one that comes twice is looked at once. */
static void use_numbers(struct Gen *g, const struct Ins *ins, int *reg, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		unsigned same = 0;
		while (ins->a[same] != ins->a[k])
			same++;
		reg[k] = same < k ? reg[same] : use_number(g, ins, k);
	}
}

/* The same with the sign and the bits of a NaN as they are. */
static int use_bits(struct Gen *g, const struct Ins *ins, unsigned k)
{
	return must_unbox(g, ins, k) ? use_unboxed(g, ins->a[k]) : x86_vuse_low(g, ins->a[k], ins->type);
}

/* The register of operand K if the result may overwrite it. */
static int dying(struct Gen *g, const struct Ins *ins, unsigned k)
{
	return must_unbox(g, ins, k) ? NOREG : x86_dying(g, k);
}

/* The result is in REG. KNOW and LOOSE: REP_ARITH or 0. */
static void assign(struct Gen *g, const struct Ins *ins, int reg, unsigned know, unsigned loose)
{
	bool single = ins->type == IR_F32;

	if (single && ins->spare & BOXED_RESULT) {
		know |= REP_SINGLE;
		loose |= REP_SINGLE;
	} else if (single && ir_is_global(g->ir, ins->d)) {
		x86_exact(g, reg, REP_SINGLE, loose);
		know = loose = 0;
	} else if (single) {
		know |= REP_SINGLE;
	}
	if (!translator.loose) {
		x86_exact(g, reg, know, loose);
		loose = 0;
	}
	x86_assign(g, ins->d, reg);
	x86_know(g, ins->d, know, loose);
}

/* -- software --------------------------------------------------------------------------------------------------------------------- */

/* By operation: the functions for f32 and f64, the number of operands, and whether they take a rounding mode. */
#define BOTH(name) { (const void *)sf_f32_##name, (const void *)sf_f64_##name }
static const struct {
	const void *fn[2];
	uint8_t nargs;
	bool round;
} soft[IR_NOPS] = {
	[IR_FADD] = { BOTH(add), 2, true },
	[IR_FSUB] = { BOTH(sub), 2, true },
	[IR_FMUL] = { BOTH(mul), 2, true },
	[IR_FDIV] = { BOTH(div), 2, true },
	[IR_FSQRT] = { BOTH(sqrt), 1, true },
	[IR_FMADD] = { BOTH(fmadd), 3, true },
	[IR_FMSUB] = { BOTH(fmsub), 3, true },
	[IR_FNMSUB] = { BOTH(fnmsub), 3, true },
	[IR_FNMADD] = { BOTH(fnmadd), 3, true },
	[IR_FMIN] = { BOTH(min), 2, false },
	[IR_FMAX] = { BOTH(max), 2, false },
	[IR_FCVT_F32_F64] = { { (const void *)sf_f64_to_f32, NULL }, 1, true },
	[IR_FCVT_F64_F32] = { { NULL, (const void *)sf_f32_to_f64 }, 1, true },
	[IR_FCVT_I32] = { BOTH(to_i32), 1, true },
	[IR_FCVT_U32] = { BOTH(to_u32), 1, true },
	[IR_FCVT_I64] = { BOTH(to_i64), 1, true },
	[IR_FCVT_U64] = { BOTH(to_u64), 1, true },
	[IR_FCVTF_I32] = { { (const void *)sf_i32_to_f32, (const void *)sf_i32_to_f64 }, 1, true },
	[IR_FCVTF_U32] = { { (const void *)sf_u32_to_f32, (const void *)sf_u32_to_f64 }, 1, true },
	[IR_FCVTF_I64] = { { (const void *)sf_i64_to_f32, (const void *)sf_i64_to_f64 }, 1, true },
	[IR_FCVTF_U64] = { { (const void *)sf_u64_to_f32, (const void *)sf_u64_to_f64 }, 1, true },
};

/* Calls the software function; operands in registers REG of the class the operation names. The result is in Cpu.spill[0]. */
static void call_soft(struct Gen *g, struct Ins *ins, const int *reg)
{
	struct CallArg args[5];
	unsigned n = 0, nargs = soft[ins->op].nargs;

	args[n++] = (struct CallArg){ .kind = ARG_CPU };
	for (unsigned k = 0; k < nargs; k++)
		args[n++] = (struct CallArg){ .kind = ir_op_info[ins->op].args[k] == 'V' ? ARG_VEC : ARG_INT, .reg = reg[k] };
	if (soft[ins->op].round)
		args[n++] = (struct CallArg){ .kind = ARG_VALUE, .value = ins->cond };
	x86_call_saved(g, soft[ins->op].fn[is_f64(ins)], args, n);
}

static void soft_result(struct Gen *g, struct Ins *ins, int d)
{
	if (ir_op_info[ins->op].result == 'V')
		op2(g, 0x10 | X_0F | X_F2, d, CPU_MEM(spill[0]));
	else
		asm_mov_load(g->as, X_W, d, CPU_MEM(spill[0]));
}

/* The whole operation in software, in line: another rounding mode than the host's register holds, or one the host has not. */
static void emit_soft(struct Gen *g, struct Ins *ins)
{
	int reg[3];

	if (ir_op_info[ins->op].args[0] == 'V')
		use_numbers(g, ins, reg, soft[ins->op].nargs);
	else
		reg[0] = x86_use(g, ins->a[0]);
	call_soft(g, ins, reg);
	int d = x86_target(g, ins->d, NOREG, 0);
	soft_result(g, ins, d);
	if (ir_op_info[ins->op].result == 'V')
		assign(g, ins, d, REP_ARITH, 0);
	else
		x86_assign(g, ins->d, d);
}

/* -- arithmetic ----------------------------------------------------------------------------------------------------------------------- */

static void emit_arithmetic(struct Gen *g, struct Ins *ins, unsigned opcode)
{
	unsigned op = opcode | scalar(ins->type);
	int a = use_number(g, ins, 0), d;

	if (ins->op == IR_FSQRT) {
		d = x86_target(g, ins->d, dying(g, ins, 0), 0);
		if (avx())
			asm_vex(g->as, op, d, a, rm_reg(a), 0);
		else
			asm_op(g->as, op, d, rm_reg(a), 0);
	} else {
		struct Rm b = ins->a[1] == ins->a[0] ? rm_reg(a) : use_number_rm(g, ins, 1);
		d = x86_target(g, ins->d, dying(g, ins, 0), avx() || b.reg == a ? 0 : bit(b.reg));
		op3(g, op, d, a, b);
	}
	assign(g, ins, d, REP_ARITH, REP_ARITH);
}

/* The host raises nothing for infinity times zero plus NaN, the guest does. So a NaN is looked at by software; the addend needs not be
 * kept for it, because with any quiet NaN in its place come the flags that the host may have left out and no wrong ones. */
static void emit_fused(struct Gen *g, struct Ins *ins)
{
	static const uint8_t form231[] = { 0xb9, 0xbb, 0xbd, 0xbf };
	_Static_assert(IR_FMSUB == IR_FMADD + 1 && IR_FNMSUB == IR_FMADD + 2 && IR_FNMADD == IR_FMADD + 3, "order of form231");
	int reg[3];

	if (!(x86_features & HAS_FMA)) {
		emit_soft(g, ins);
		return;
	}
	use_numbers(g, ins, reg, 3);
	int d = x86_target(g, ins->d, dying(g, ins, 2), bit(reg[0]) | bit(reg[1]));
	x86_vmov(g, d, reg[2]);
	asm_vex(g->as, form231[ins->op - IR_FMADD] | X_0F38 | X_66 | (is_f64(ins) ? X_W : 0), d, reg[0], rm_reg(reg[1]), 0);
	op2(g, 0x2e | packed(ins->type), d, rm_reg(d));
	unsigned jump = x86_jcc_cold(g, CC_P);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	x86_load_pool(g, d, is_f64(ins) ? POOL_NAN64 : POOL_NAN32);
	reg[2] = d;
	call_soft(g, ins, reg);
	soft_result(g, ins, d);
	x86_back(g);
	x86_end_cold(g);
	assign(g, ins, d, REP_ARITH, 0);
}

/* Unordered: software. Equal: the same number, or zeros of either sign. */
static void emit_min_max(struct Gen *g, struct Ins *ins)
{
	bool min = ins->op == IR_FMIN;
	int reg[2];

	use_numbers(g, ins, reg, 2);
	int d = x86_target(g, ins->d, NOREG, bit(reg[0]) | bit(reg[1]));
	op2(g, 0x2e | packed(ins->type), reg[0], rm_reg(reg[1]));
	unsigned unordered = x86_jcc_cold(g, CC_P), equal = x86_jcc_cold(g, CC_E);
	op3(g, (min ? 0x5d : 0x5f) | scalar(ins->type), d, reg[0], rm_reg(reg[1]));
	x86_begin_cold(g);
	x86_cold_here(g, unordered);
	call_soft(g, ins, reg);
	soft_result(g, ins, d);
	x86_back(g);
	x86_cold_here(g, equal);
	op3(g, (min ? 0x56 : 0x54) | packed(ins->type), d, reg[0], rm_reg(reg[1]));
	x86_back(g);
	x86_end_cold(g);
	assign(g, ins, d, REP_ARITH, 0);
}

/* Normal numbers in line, zeros out of it, the others by software. */
static void emit_class(struct Gen *g, struct Ins *ins)
{
	unsigned w = is_f64(ins) ? X_W : 0, width = is_f64(ins) ? 64 : 32, exponent = is_f64(ins) ? 11 : 8;
	int a = use_number(g, ins, 0);
	int d = x86_target(g, ins->d, NOREG, 0), t = x86_scratch(g, IR_INT);

	op2(g, 0x7e | X_0F | X_66 | w, a, rm_reg(t));
	asm_lea(g->as, w, d, rm_indexed(t, t, 0, 0));
	asm_shift_imm(g->as, 5, w, rm_reg(d), width - exponent);
	asm_alu_imm(g->as, ALU_SUB, 0, rm_reg(d), 1);
	asm_alu_imm(g->as, ALU_CMP, 0, rm_reg(d), (1 << exponent) - 3);
	unsigned jump = x86_jcc_cold(g, CC_A);
	asm_shift_imm(g->as, 7, w, rm_reg(t), width - 1);
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(t), 2 - 64);
	asm_lea(g->as, 0, d, rm_mem(t, 64));
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	asm_alu(g->as, ALU_ADD, w, t, rm_reg(t));       /* what is left of a zero, and its sign as the carry */
	uint8_t *other = asm_jcc_short(g->as, CC_NE);
	asm_alu(g->as, ALU_SBB, 0, t, rm_reg(t));
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(t), 8 - 16);
	asm_lea(g->as, 0, d, rm_mem(t, 16));
	x86_back(g);
	asm_here(g->as, other);
	x86_call_saved(g, is_f64(ins) ? (const void *)sf_f64_class : (const void *)sf_f32_class, &(struct CallArg){ .kind = ARG_VEC, .reg = a }, 1);
	asm_mov_load(g->as, X_W, d, CPU_MEM(spill[0]));
	x86_back(g);
	x86_end_cold(g);
	x86_assign(g, ins->d, d);
}

/* -- exception flags ---------------------------------------------------------------------------------------------------------------- */

/* D = the flags in MXCSR, which then are known, and traps tell if another comes; unless that has happened too often. T is free. */
static void read_flags(struct Gen *g, int d, int t)
{
	asm_op(g->as, 0xae | X_0F, 3, CPU_MEM(spill[0]), 0);
	asm_mov_load(g->as, 0, t, CPU_MEM(spill[0]));
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(t), MXCSR_FLAGS);
	asm_lea(g->as, X_W, d, rm_at(backend.common.fp_flags));
	asm_op(g->as, 0xb6 | X_0F, d, rm_indexed(d, t, 0, 0), 0);
	asm_op(g->as, 0x80, ALU_CMP, CPU_MEM(host_fp_traps), 1);
	asm_8(g->as, translator.traps ? FP_TRAPS_MAX : 0);
	uint8_t *jump = asm_jcc_short(g->as, CC_AE);
	asm_shift_imm(g->as, 4, 0, rm_reg(t), MXCSR_MASKS);
	asm_alu_imm(g->as, ALU_OR, 0, rm_reg(t), MXCSR_DM);
	asm_alu_imm(g->as, ALU_AND, 0, CPU_MEM(spill[0]), ~MXCSR_MASKED);
	asm_alu_store(g->as, ALU_OR, 0, CPU_MEM(spill[0]), t);
	asm_op(g->as, 0xae | X_0F, 2, CPU_MEM(spill[0]), 0);
	asm_op(g->as, 0x88 | X_BYTE, d, CPU_MEM(host_fp_known), 0);
	asm_op(g->as, 0x80, ALU_OR, CPU_MEM(host_fp_known), 1);
	asm_8(g->as, FP_KNOWN);
	asm_here(g->as, jump);
}

/* Reading MXCSR waits for all instructions before it. So what was read is kept as long as traps can tell that it still holds. */
static void emit_get_flags(struct Gen *g, struct Ins *ins)
{
	int d = x86_target(g, ins->d, NOREG, 0), t = x86_scratch(g, IR_INT);

	asm_op(g->as, 0xb6 | X_0F, d, CPU_MEM(host_fp_known), 0);
	asm_alu_imm(g->as, ALU_ADD, 0, rm_reg(d), -FP_KNOWN);
	unsigned jump = x86_jcc_cold(g, CC_AE);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	read_flags(g, d, t);
	x86_back(g);
	x86_end_cold(g);
	asm_op(g->as, 0xb6 | X_0F, t, CPU_MEM(fflags), 0);
	asm_alu(g->as, ALU_OR, 0, d, rm_reg(t));
	x86_assign(g, ins->d, d);
}

/* The flags become the low five bits of T, all of them in MXCSR, and are known. Destroys T and U. */
static void set_flags(struct Gen *g, int t, int u)
{
	static const uint8_t control[] = { [ROUND_NE] = 0, [ROUND_TZ] = 3, [ROUND_DN] = 1, [ROUND_UP] = 2, [ROUND_MM] = 0 };

	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(t), 31);
	asm_op(g->as, 0xc6, 0, CPU_MEM(fflags), 1);
	asm_8(g->as, 0);
	asm_op(g->as, 0x88 | X_BYTE, t, CPU_MEM(host_fp_known), 0);
	asm_op(g->as, 0x80, ALU_OR, CPU_MEM(host_fp_known), 1);
	asm_8(g->as, FP_KNOWN);
	asm_lea(g->as, X_W, u, rm_at(backend.common.fp_control));
	asm_mov_load(g->as, 0, t, rm_indexed(u, t, 2, 0));
	if (control[g->ir->round])
		asm_alu_imm(g->as, ALU_OR, 0, rm_reg(t), control[g->ir->round] << 13);
	asm_op(g->as, 0x80, ALU_CMP, CPU_MEM(host_fp_traps), 1);
	asm_8(g->as, translator.traps ? FP_TRAPS_MAX : 0);
	uint8_t *jump = asm_jcc_short(g->as, CC_B);
	asm_alu_imm(g->as, ALU_OR, 0, rm_reg(t), MXCSR_MASKED);
	asm_op(g->as, 0xc6, 0, CPU_MEM(host_fp_known), 1);
	asm_8(g->as, 0);
	asm_here(g->as, jump);
	asm_mov_store(g->as, 0, CPU_MEM(spill[0]), t);
	asm_op(g->as, 0xae | X_0F, 2, CPU_MEM(spill[0]), 0);
}

/* Mostly the flags are put back as they were read, and known to be still the same. */
static void emit_put_flags(struct Gen *g, struct Ins *ins)
{
	if (g->n == g->restored && g->restored)
		return;
	int t = x86_scratch(g, IR_INT), u = x86_scratch(g, IR_INT);
	if (ref_is_const(ins->a[0]))
		asm_mov_imm(g->as, t, ir_value(g->ir, ins->a[0]));
	else
		asm_mov(g->as, t, x86_use(g, ins->a[0]));
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(t), 31);
	asm_lea(g->as, 0, u, rm_mem(t, FP_KNOWN));
	asm_op(g->as, 0x3a | X_BYTE, u, CPU_MEM(host_fp_known), 0);
	unsigned others = x86_jcc_cold(g, CC_NE);
	asm_op(g->as, 0x80, ALU_CMP, CPU_MEM(fflags), 1);
	asm_8(g->as, 0);
	unsigned software = x86_jcc_cold(g, CC_NE);
	x86_begin_cold(g);
	x86_cold_here(g, others);
	x86_cold_here(g, software);
	set_flags(g, t, u);
	x86_back(g);
	x86_end_cold(g);
}

/* Whether flags are read, compared, and restored: how riscv compilers compare quietly. Only marks are between. */
static bool is_quiet(const struct Gen *g, const struct Ins *ins)
{
	return g->n >= 2 && g->n + 2 < g->ir->nins && ins[-2].op == IR_FXGET && ins[-1].op == IR_MARK && ins[1].op == IR_MARK &&
	       ins[2].op == IR_FXPUT && ins[2].a[0] == ins[-2].d && ins->d != ins[-2].d;
}

/* Compares numbers, which raises nothing; if there is a NaN the flags are restored out of line. */
static void emit_quiet_compare(struct Gen *g, struct Ins *ins)
{
	int reg[2];

	use_numbers(g, ins, reg, 2);
	int flags = x86_use(g, ins[2].a[0]), t = x86_scratch(g, IR_INT);
	int d = x86_target(g, ins->d, NOREG, bit(flags) | bit(t));
	op2(g, 0x2e | packed(ins->type), reg[1], rm_reg(reg[0]));
	unsigned jump = x86_jcc_cold(g, CC_P);
	asm_op(g->as, (0x90 | (ins->op == IR_FLT ? CC_A : CC_AE)) | X_0F | X_BYTERM, 0, rm_reg(d), 0);
	asm_op(g->as, 0xb6 | X_0F | X_BYTERM, d, rm_reg(d), 0);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	asm_mov(g->as, t, flags);
	set_flags(g, t, d);
	asm_zero(g->as, d);
	x86_back(g);
	x86_end_cold(g);
	x86_assign(g, ins->d, d);
	g->restored = g->n + 2;
}

static void emit_compare(struct Gen *g, struct Ins *ins)
{
	if (ins->op != IR_FEQ && is_quiet(g, ins)) {
		emit_quiet_compare(g, ins);
		return;
	}
	unsigned predicate = ins->op == IR_FEQ ? 0 : ins->op == IR_FLT ? 1 : 2;
	int reg[2];

	use_numbers(g, ins, reg, 2);
	int t = x86_scratch(g, IR_VEC);
	if (avx()) {
		asm_vex(g->as, 0xc2 | scalar(ins->type), t, reg[0], rm_reg(reg[1]), 1);
	} else {
		x86_vmov(g, t, reg[0]);
		asm_op(g->as, 0xc2 | scalar(ins->type), t, rm_reg(reg[1]), 1);
	}
	asm_8(g->as, predicate);
	int d = x86_target(g, ins->d, NOREG, 0);
	op2(g, 0x7e | X_0F | X_66, t, rm_reg(d));       /* movd */
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(d), 1);
	x86_assign(g, ins->d, d);
}

/* -- conversions ---------------------------------------------------------------------------------------------------------------------- */

static void emit_between(struct Gen *g, struct Ins *ins)
{
	int a = use_number(g, ins, 0);
	int d = x86_target(g, ins->d, dying(g, ins, 0), 0);
	unsigned op = 0x5a | X_0F | (ins->op == IR_FCVT_F32_F64 ? X_F2 : X_F3);

	if (avx())
		asm_vex(g->as, op, d, a, rm_reg(a), 0);
	else
		asm_op(g->as, op, d, rm_reg(a), 0);
	assign(g, ins, d, REP_ARITH, REP_ARITH);
}

/* A scratch register with the operand in A rounded to an integer in the mode that INS asks for; raises nothing but for a signaling NaN. */
static int round_first(struct Gen *g, const struct Ins *ins, int a)
{
	static const uint8_t mode[] = { [ROUND_NE] = 0, [ROUND_TZ] = 3, [ROUND_DN] = 1, [ROUND_UP] = 2 };
	enum { SUPPRESS_INEXACT = 8 };
	unsigned op = (is_f64(ins) ? 0x0b : 0x0a) | X_0F3A | X_66;
	int t = x86_scratch(g, IR_VEC);

	if (avx())
		asm_vex(g->as, op, t, a, rm_reg(a), 1);
	else
		asm_op(g->as, op, t, rm_reg(a), 1);
	asm_8(g->as, mode[ins->cond] | SUPPRESS_INEXACT);
	return t;
}

/* To an integer. Signed: the host's answer for all it cannot represent is the minimum, which software then looks at again. Unsigned: by
 * the signed conversion if the operand's bits, as an unsigned number, are below those of the range's end (no sign, no NaN). In another
 * rounding mode than the unit's, a conversion of the operand follows that of the rounded one, for it is inexact where rounding is. */
static void emit_to_integer(struct Gen *g, struct Ins *ins)
{
	static const uint64_t end[2][2] = {     /* [64-bit result][f64]: 2^32 - 256 and 2^32 - 1, 2^63 */
		{ 0x4f7fffff, 0x41efffffffe00000 }, { 0x5f000000, 0x43e0000000000000 },
	};
	bool is_signed = ins->op == IR_FCVT_I32 || ins->op == IR_FCVT_I64;
	bool result64 = ins->op == IR_FCVT_I64 || ins->op == IR_FCVT_U64;
	bool twice = ins->cond != ROUND_TZ && rounds_otherwise(g, ins);
	int a = use_number(g, ins, 0), from = twice ? round_first(g, ins, a) : a;
	unsigned w = is_f64(ins) ? X_W : 0, result_w = result64 || !is_signed ? X_W : 0, jump;
	unsigned truncate = 0x2c | scalar(ins->type) | result_w, convert = twice || ins->cond == ROUND_TZ ? truncate : truncate + 1;
	int d = x86_target(g, ins->d, NOREG, 0), t = is_signed && !twice ? NOREG : x86_scratch(g, IR_INT);

	if (is_signed) {
		op2(g, convert, d, rm_reg(from));
		asm_alu_imm(g->as, ALU_CMP, result_w, rm_reg(d), 1);
		jump = x86_jcc_cold(g, CC_O);
	} else {
		op2(g, 0x7e | X_0F | X_66 | w, a, rm_reg(d));
		asm_mov_imm(g->as, t, end[result64][is_f64(ins)]);
		asm_alu(g->as, ALU_CMP, w, d, rm_reg(t));
		jump = x86_jcc_cold(g, CC_AE);
		op2(g, convert, d, rm_reg(from));
	}
	if (twice)
		op2(g, truncate, t, rm_reg(a));
	if (!result64)
		asm_op(g->as, 0x63 | X_W, d, rm_reg(d), 0);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	call_soft(g, ins, &a);
	soft_result(g, ins, d);
	x86_back(g);
	x86_end_cold(g);
	x86_assign(g, ins->d, d);
}

static bool always_exact(const struct Ins *ins)
{
	return ins->type == IR_F64 && (ins->op == IR_FCVTF_I32 || ins->op == IR_FCVTF_U32);
}

/* Jumps out of line if the integer A may be inexact in the type of INS. */
static unsigned leave_if_long(struct Gen *g, const struct Ins *ins, int a)
{
	bool is_signed = ins->op == IR_FCVTF_I32 || ins->op == IR_FCVTF_I64;
	unsigned w = ins->op == IR_FCVTF_I64 || ins->op == IR_FCVTF_U64 ? X_W : 0, bits = is_f64(ins) ? 53 : 24;
	int t = x86_scratch(g, IR_INT);

	if (is_signed) {
		asm_mov_imm(g->as, t, (uint64_t)1 << bits);
		asm_alu(g->as, ALU_ADD, w, t, rm_reg(a));
	} else {
		asm_mov_load(g->as, w, t, rm_reg(a));
	}
	asm_shift_imm(g->as, 5, w, rm_reg(t), bits + is_signed);
	return x86_jcc_cold(g, CC_NE);
}

static void emit_from_integer(struct Gen *g, struct Ins *ins)
{
	bool wide = ins->op != IR_FCVTF_I32, may_leave = false;
	int a = x86_use(g, ins->a[0]), from = ins->op == IR_FCVTF_U32 ? x86_scratch(g, IR_INT) : a;
	int d = x86_target(g, ins->d, NOREG, 0);
	unsigned jump = 0, op = 0x2a | scalar(ins->type) | (wide ? X_W : 0);

	if (rounds_otherwise(g, ins) && !always_exact(ins)) {
		jump = leave_if_long(g, ins, a);
		may_leave = true;
	} else if (ins->op == IR_FCVTF_U64) {
		asm_op(g->as, 0x85 | X_W, a, rm_reg(a), 0);
		jump = x86_jcc_cold(g, CC_S);
		may_leave = true;
	}
	if (ins->op == IR_FCVTF_U32)
		asm_mov_load(g->as, 0, from, rm_reg(a));
	if (avx()) {
		asm_vex(g->as, 0x57 | X_0F, d, d, rm_reg(d), 0);
		asm_vex(g->as, op, d, d, rm_reg(from), 0);
	} else {
		asm_op(g->as, 0x57 | X_0F, d, rm_reg(d), 0);
		asm_op(g->as, op, d, rm_reg(from), 0);
	}
	if (may_leave) {
		x86_begin_cold(g);
		x86_cold_here(g, jump);
		call_soft(g, ins, &a);
		soft_result(g, ins, d);
		x86_back(g);
		x86_end_cold(g);
	}
	assign(g, ins, d, REP_ARITH, 0);
}

/* -- bits ------------------------------------------------------------------------------------------------------------------------------- */

/* d = a OP mask. */
static void emit_mask(struct Gen *g, struct Ins *ins, unsigned opcode, enum Pool mask)
{
	int a = use_bits(g, ins, 0);
	int d = x86_target(g, ins->d, dying(g, ins, 0), 0);

	op3(g, opcode | X_0F, d, a, rm_at(pool_at(mask)));
	assign(g, ins, d, 0, 0);
}

static void emit_copysign(struct Gen *g, struct Ins *ins)
{
	int a = use_bits(g, ins, 0), b = use_bits(g, ins, 1), t = x86_scratch(g, IR_VEC);

	op3(g, 0x54 | X_0F, t, b, rm_at(pool_at(is_f64(ins) ? POOL_SIGN64 : POOL_SIGN32)));
	int d = x86_target(g, ins->d, dying(g, ins, 0), 0);
	op3(g, 0x54 | X_0F, d, a, rm_at(pool_at(is_f64(ins) ? POOL_ABS64 : POOL_ABS32)));
	op3(g, 0x56 | X_0F, d, d, rm_reg(t));
	assign(g, ins, d, 0, 0);
}

/* D = A with all that is known of it. */
static void copy(struct Gen *g, struct Ins *ins)
{
	Ref v = ins->a[0];
	unsigned know = g->var[v].know, loose = g->var[v].loose;
	int a = x86_vuse_loose(g, v);
	/* what comes from memory is exact */
	if (a != g->var[v].reg)
		loose = 0;
	int d = x86_target(g, ins->d, x86_dying(g, 0), 0);

	x86_vmov(g, d, a);
	x86_assign(g, ins->d, d);
	x86_know(g, ins->d, know, loose);
}

static void emit_vmov(struct Gen *g, struct Ins *ins)
{
	if (ins->d != ins->a[0])
		copy(g, ins);
}

/* BOX32, UNBOX32. Either may have a global as its operand that boxes the value. */
static void emit_rebox(struct Gen *g, struct Ins *ins)
{
	Ref v = ins->a[0];
	bool to_box = ins->op == IR_BOX32, from_box = !to_box || ins->spare & BOXED_ARG;

	if (from_box && !(g->var[v].know & REP_SINGLE)) {
		int s = x86_vuse(g, v), d = x86_target(g, ins->d, NOREG, bit(s));
		unbox(g, v, d, s);
		x86_assign(g, ins->d, d);
		x86_know(g, ins->d, REP_SINGLE, to_box ? REP_SINGLE : 0);
		return;
	}
	copy(g, ins);
	struct Var *var = &g->var[ins->d];
	var->know |= REP_SINGLE;
	if (!to_box)
		var->loose &= ~REP_SINGLE;
	else if (!from_box)
		var->loose |= REP_SINGLE;
}

static void emit_bits(struct Gen *g, struct Ins *ins)
{
	unsigned w = is_f64(ins) ? X_W : 0;

	if (ins->op == IR_FBITS) {
		struct Rm a = g->var[ins->a[0]].loose ? rm_reg(x86_vuse_low(g, ins->a[0], ins->type)) : x86_vuse_rm_loose(g, ins->a[0]);
		int d = x86_target(g, ins->d, NOREG, 0);
		if (a.reg == NOREG)
			asm_mov_load(g->as, w, d, a);
		else
			op2(g, 0x7e | X_0F | X_66 | w, a.reg, rm_reg(d));
		x86_assign(g, ins->d, d);
		return;
	}
	bool zero = ref_is_const(ins->a[0]) && ir_value(g->ir, ins->a[0]) == 0;
	struct Rm a = ref_is_const(ins->a[0]) ? rm_reg(NOREG) : x86_use_rm(g, ins->a[0]);
	int d = x86_target(g, ins->d, NOREG, 0);
	if (zero) {
		op3(g, 0x57 | X_0F, d, d, rm_reg(d));
	} else {
		if (ref_is_const(ins->a[0]))
			a = rm_reg(x86_use(g, ins->a[0]));
		op2(g, 0x6e | X_0F | X_66 | w, d, a);
	}
	assign(g, ins, d, zero ? REP_ARITH : 0, 0);
}

/* -- all ---------------------------------------------------------------------------------------------------------------------------------- */

/* Whether the host computes INS under the rounding mode asked for. */
static bool host_rounds(const struct Gen *g, const struct Ins *ins)
{
	if (!translator.host_float && soft[ins->op].nargs)
		return false;
	switch (ins->op) {
	case IR_FMIN: case IR_FMAX: case IR_FEQ: case IR_FLT: case IR_FLE: case IR_FCVT_F64_F32:
		return true;
	case IR_FCVTF_I32: case IR_FCVTF_U32: case IR_FCVTF_I64: case IR_FCVTF_U64:
		return true;
	case IR_FCVT_I32: case IR_FCVT_U32: case IR_FCVT_I64: case IR_FCVT_U64:
		if (ins->cond == ROUND_TZ || (ins->cond != ROUND_MM && x86_features & HAS_SSE41))
			return true;
		break;
	}
	return !rounds_otherwise(g, ins);
}

void x86_emit_float(struct Gen *g, struct Ins *ins)
{
	if (ir_op_info[ins->op].flags & OPF_ROUND && !host_rounds(g, ins)) {
		emit_soft(g, ins);
		return;
	}
	switch (ins->op) {
	case IR_MOV: emit_vmov(g, ins); break;
	case IR_FADD: emit_arithmetic(g, ins, 0x58); break;
	case IR_FSUB: emit_arithmetic(g, ins, 0x5c); break;
	case IR_FMUL: emit_arithmetic(g, ins, 0x59); break;
	case IR_FDIV: emit_arithmetic(g, ins, 0x5e); break;
	case IR_FSQRT: emit_arithmetic(g, ins, 0x51); break;
	case IR_FMADD: case IR_FMSUB: case IR_FNMSUB: case IR_FNMADD: emit_fused(g, ins); break;
	case IR_FMIN: case IR_FMAX: emit_min_max(g, ins); break;
	case IR_FEQ: case IR_FLT: case IR_FLE: emit_compare(g, ins); break;
	case IR_FCLASS: emit_class(g, ins); break;
	case IR_FNEG: emit_mask(g, ins, 0x57, is_f64(ins) ? POOL_SIGN64 : POOL_SIGN32); break;
	case IR_FABS: emit_mask(g, ins, 0x54, is_f64(ins) ? POOL_ABS64 : POOL_ABS32); break;
	case IR_FCOPYSIGN: emit_copysign(g, ins); break;
	case IR_FCVT_F32_F64: case IR_FCVT_F64_F32: emit_between(g, ins); break;
	case IR_FCVT_I32: case IR_FCVT_U32: case IR_FCVT_I64: case IR_FCVT_U64: emit_to_integer(g, ins); break;
	case IR_FCVTF_I32: case IR_FCVTF_U32: case IR_FCVTF_I64: case IR_FCVTF_U64: emit_from_integer(g, ins); break;
	case IR_FBITS: case IR_BITSF: emit_bits(g, ins); break;
	case IR_BOX32: case IR_UNBOX32: emit_rebox(g, ins); break;
	case IR_FXGET: emit_get_flags(g, ins); break;
	case IR_FXPUT: emit_put_flags(g, ins); break;
	}
}
