/* SPDX-License-Identifier: MIT */
/* The x86-64 host against the interpreter: random units of every operation on random states. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

#include "tests/unit/host_x86_64.h"
#include "tests/unit/suite.h"

/* -- random values -------------------------------------------------------------------------------------------------------------- */

static uint64_t any_int(void)
{
	switch (below(8)) {
	case 0: return below(4);
	case 1: return -(uint64_t)below(4);
	case 2: return (uint64_t)1 << below(64);
	case 3: return (int32_t)rnd();
	case 4: return ((uint64_t)1 << below(64)) - 1;
	case 5: return 0x7fffffffffffffffu + below(2);
	case 6: return 0x7fffffff + below(3);
	default: return rnd();
	}
}

static uint64_t any_f64(void)
{
	static const uint64_t special[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001,
		0x7ff0000000000001, 1, 0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000, 0xc1e0000000200000,
		0x41efffffffe00000, 0x43e0000000000000, 0xc3e0000000000000, 0x43f0000000000000, 0xbfe0000000000000, 0x3fe0000000000000, 0x41f0000000000000,
		0x380fffffffffffff, 0x36a0000000000000, 0xbfefffffffffffff, 0x41efffffffffffff, 0x47efffffefffffff, 0x47effffff0000000,
	};
	switch (below(4)) {
	case 0: case 1: return special[below(G_N_ELEMENTS(special))];
	case 2: return (rnd() & 0x800fffffffffffff) | (uint64_t)(1023 - 40 + below(110)) << 52;
	default: return rnd();
	}
}

static uint32_t any_f32(void)
{
	static const uint32_t special[] = {
		0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 1, 0x807fffff, 0x00800000, 0x7f7fffff,
		0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5f000000, 0xdf000000, 0x5f800000, 0xbf000000, 0x3f7fffff,
	};
	switch (below(4)) {
	case 0: case 1: return special[below(G_N_ELEMENTS(special))];
	case 2: return (rnd() & 0x807fffff) | (uint32_t)(127 - 30 + below(90)) << 23;
	default: return rnd();
	}
}

static uint64_t any_float(void)
{
	return one_in(2) ? any_f64() : one_in(8) ? any_f32() : 0xffffffff00000000 | any_f32();
}

static void random_state(void)
{
	for (unsigned i = 0; i < NINT; i++)
		cpu->x[i] = any_int();
	for (unsigned i = 0; i < NFLOAT; i++)
		cpu->f[i] = any_float();
	for (unsigned i = 0; i < NWIDE; i++)
		cpu->v[i][0] = rnd(), cpu->v[i][1] = rnd();
	for (unsigned i = 0; i < 4; i++)
		cpu->state[i] = any_int();
	cpu->seen = 0;
	memset(cpu->slot, 0, sizeof cpu->slot);
	for (unsigned i = 0; i < MEMORY; i += 8) {
		uint64_t v = one_in(2) ? any_int() : any_float();
		memcpy(memory + i, &v, 8);
	}
}

/* -- functions that units call ---------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15 + (h >> 29); }

static uint64_t fn_plain(uint64_t a, uint64_t b, uint64_t d, uint64_t e, uint64_t f, uint64_t g)
{
	uint64_t h = mix(mix(mix(mix(mix(mix(1, a), b), d), e), f), g);
	cpu->seen = mix(cpu->seen, h);
	clobber();
	return h;
}

static void see_globals(void)
{
	for (unsigned i = 0; i < sizeof cpu->x / 8; i++)
		cpu->seen = mix(cpu->seen, cpu->x[i]);
	for (unsigned i = 0; i < NFLOAT; i++)
		cpu->seen = mix(cpu->seen, cpu->f[i]);
	for (unsigned i = 0; i < NWIDE; i++)
		cpu->seen = mix(mix(cpu->seen, cpu->v[i][0]), cpu->v[i][1]);
	cpu->seen = mix(cpu->seen, cpu->cpu.pc);
	if (running == &host_x86_64) {
		const void *from = ((const void **)cpu->cpu.host_frame)[-1];
		ck_assert_uint_eq(running->guest_pc(running_block, from), cpu->cpu.pc);
	}
}

static uint64_t fn_reads(struct Cpu *self, uint64_t a, uint64_t b)
{
	ck_assert(self == &cpu->cpu);
	see_globals();
	clobber();
	return mix(a, b);
}

static uint64_t fn_writes(uint64_t a, struct Cpu *self, uint64_t b)
{
	ck_assert(self == &cpu->cpu);
	see_globals();
	for (unsigned i = 0; i < 6; i++)
		cpu->x[(a + 3 * i) % NINT] += b + i;
	cpu->f[a % NFLOAT] ^= b;
	cpu->v[b % NWIDE][1] += a;
	clobber();
	return mix(b, a);
}

static uint64_t fn_float(uint64_t a)
{
	ck_assert_uint_eq(_mm_getcsr() & ~63u, MXCSR_MASKED);
	volatile double x = 1, y = 3;
	x = x / y * (double)(a & 255);
	clobber();
	return a + (x > 5);
}

/* -- random units --------------------------------------------------------------------------------------------------------------------- */

enum Kind { K_INT, K_F64, K_F32, K_V128, KINDS };
static struct { Ref at[KINDS][64]; unsigned n[KINDS]; } temps;
static uint32_t reserved;               /* integer globals that loops count with */
static unsigned budget, insn_pc;

static void keep(enum Kind kind, Ref t)
{
	if (temps.n[kind] < 64)
		temps.at[kind][temps.n[kind]++] = t;
	else
		temps.at[kind][below(64)] = t;
}
static void forget_temps(void) { memset(&temps, 0, sizeof temps); }

static Ref int_var(void)
{
	return temps.n[K_INT] && one_in(3) ? temps.at[K_INT][below(temps.n[K_INT])] : below(NINT);
}
static Ref int_operand(void) { return one_in(5) ? c(any_int()) : int_var(); }
static Ref f64_operand(void) { return temps.n[K_F64] && one_in(2) ? temps.at[K_F64][below(temps.n[K_F64])] : F0 + below(NFLOAT); }
static Ref v128_operand(void) { return temps.n[K_V128] && one_in(3) ? temps.at[K_V128][below(temps.n[K_V128])] : V0 + below(NWIDE); }
static Ref f32_operand(void)
{
	if (temps.n[K_F32] && !one_in(4))
		return temps.at[K_F32][below(temps.n[K_F32])];
	Ref t = ir_op1(ir, IR_UNBOX32, IR_F32, f64_operand());
	keep(K_F32, t);
	return t;
}
static Ref float_operand(enum IrType type) { return type == IR_F64 ? f64_operand() : f32_operand(); }

static Ref int_result(void)
{
	if (one_in(3)) {
		Ref t = ir_temp(ir, IR_INT);
		return t;
	}
	for (;;) {
		unsigned r = below(NINT);
		if (!(reserved >> r & 1))
			return r;
	}
}
static void done_int(Ref d)
{
	if (!ir_is_global(ir, d))
		keep(K_INT, d);
}
/* A float result: f32 goes to temporaries and sometimes on, boxed, to a global. */
static Ref float_result(enum IrType type) { return type == IR_F32 || one_in(3) ? ir_temp(ir, IR_VEC) : F0 + below(NFLOAT); }
static void done_float(enum IrType type, Ref d)
{
	if (type == IR_F32) {
		keep(K_F32, d);
		if (one_in(2))
			ir_into1(ir, IR_BOX32, IR_F32, F0 + below(NFLOAT), d);
	} else if (!ir_is_global(ir, d)) {
		keep(K_F64, d);
	}
}

static bool faulty;             /* addresses are forbidden more often in this unit */

/* An address into MEMORY, aligned to ALIGN bytes; rarely a forbidden one. */
static Ref address(unsigned align, int32_t *disp)
{
	*disp = (int32_t)below(256) * 16 - 2048;
	if (align < 16)
		*disp += below(16 / align) * align;
	uint64_t base = (uintptr_t)memory + 2048;
	if (one_in(faulty ? 40 : 400))
		base = (uintptr_t)forbidden + 8192;
	if (one_in(4))
		return c(base);
	Ref t = ir_op2(ir, IR_AND, IR_I64, int_var(), c(15 & -(uint64_t)align));
	if (one_in(2)) {
		Ref d = int_result();
		ir_into2(ir, IR_ADD, IR_I64, d, t, c(base));
		done_int(d);
		return d;
	}
	return ir_op2(ir, IR_ADD, IR_I64, t, c(base));
}

static void gen_integer(void)
{
	static const uint8_t only64[] = { IR_SEXT32, IR_ZEXT32, IR_CLMUL, IR_CLMULH };
	unsigned op = IR_MOV + below(IR_SELECT - IR_MOV + 1);
	enum IrType type = one_in(3) ? IR_I32 : IR_I64;

	if (op == IR_SETCOND || op == IR_SELECT) {
		Ref a = int_operand(), b = int_operand(), x = int_operand(), y = int_operand(), d = int_result();
		unsigned cond = one_in(30) ? COND_ALWAYS + below(2) : below(COND_ALWAYS);
		if (op == IR_SETCOND)
			ir_setcond(ir, type, cond, d, a, b);
		else
			ir_select(ir, type, cond, d, a, b, x, y);
		done_int(d);
		/* selections in a row that compare the same */
		while (op == IR_SELECT && one_in(2)) {
			Ref v = int_operand(), w = int_operand(), e = int_result();
			ir_select(ir, type, cond < COND_ALWAYS ? cond ^ below(2) : cond, e, a, b, v, w);
			done_int(e);
		}
		return;
	}
	for (unsigned i = 0; i < sizeof only64; i++)
		if (op == only64[i])
			type = IR_I64;
	Ref a = int_operand(), b = ir_op_info[op].nargs > 1 ? int_operand() : REF_NONE, d = int_result();
	ir_into2(ir, op, type, d, a, b);
	done_int(d);
	if (one_in(3) && !ir_is_global(ir, d)) {
		Ref e = int_result();
		ir_into1(ir, IR_SEXT32, IR_I64, e, d);
		done_int(e);
	}
	if (one_in(8)) {
		Ref s = ir_op2(ir, IR_SHL, IR_I64, int_var(), c(below(5))), e = int_result();
		ir_into2(ir, IR_ADD, IR_I64, e, s, int_operand());
		done_int(e);
	}
}

static void maybe_mark(void)
{
	if (one_in(2))
		ir_mark(ir, 0x400000, "\1\0\0", 4);
}

/* One of few, so that operands are overwritten and results are not seen. */
static Ref few(void)
{
	for (;;) {
		unsigned r = 8 + below(5);
		if (!(reserved >> r & 1))
			return r;
	}
}

/* An element of MEMORY by an index, the address in a register that is soon overwritten. */
static void gen_element(void)
{
	Ref index = 8 + below(2), base = few(), d = few();
	uint64_t at = one_in(faulty ? 20 : 200) ? (uintptr_t)forbidden + 4096 : (uintptr_t)memory + 1024;

	if (base == index || reserved & 0x1f00)
		return;
	ir_into2(ir, IR_AND, IR_I64, index, index, c(15));
	ir_into1(ir, IR_MOV, IR_I64, base, c(at));
	maybe_mark();
	Ref from = index, address = d;
	if (one_in(3)) {        /* an index of 32 bits */
		ir_into2(ir, IR_OR, IR_I64, index, index, c(1ull << 40));
		from = one_in(2) && d != base ? d : ir_temp(ir, IR_INT);
		ir_into1(ir, IR_ZEXT32, IR_I64, from, index);
	}
	if (one_in(3)) {
		ir_into2(ir, IR_ADD, IR_I64, address, one_in(2) ? from : base, from == index && one_in(2) ? from : base);
		ir_into2(ir, IR_AND, IR_I64, index, address, c(7));
		ir_into2(ir, IR_ADD, IR_I64, address, c(at), index);
	} else {
		ir_into2(ir, IR_SHL, IR_I64, address, from, c(below(5)));
		maybe_mark();
		while (address == base || base == index)
			base = few();
		ir_into1(ir, IR_MOV, IR_I64, base, c(at));
		ir_into2(ir, IR_ADD, IR_I64, address, one_in(2) ? address : base, address);
		if (ir->ins[ir->nins - 1].a[0] == address)
			ir->ins[ir->nins - 1].a[1] = base;
	}
	if (one_in(2))
		ir_into2(ir, IR_ADD, IR_I64, address, address, c(8 * below(8)));
	maybe_mark();
	unsigned mem = below(4) | (one_in(2) ? MEM_SIGNED : 0);
	if (one_in(3))
		ir_store(ir, IR_I64, mem & MEM_SIZE, address, below(64), few());
	else
		ir_load(ir, IR_I64, mem, one_in(2) ? address : few(), address, below(64));
	if (one_in(2))
		ir_load(ir, IR_I64, mem, address, address == base ? c((uintptr_t)memory) : c((uintptr_t)memory + 64), 0);
}

/* A load to one of few registers, sometimes of what is forbidden. */
static void gen_look(void)
{
	ir_load(ir, IR_I64, below(4), few(), c(one_in(faulty ? 10 : 100) ? (uintptr_t)forbidden + 4096 : (uintptr_t)memory + 8 * below(32)), 0);
}

/* What is emitted together: carries, scaled additions, both halves of products, quotients and remainders; and sums of words. */
static void gen_idiom(void)
{
	enum IrType type = one_in(2) ? IR_I32 : IR_I64;
	Ref a = few(), b = one_in(6) ? int_operand() : few(), d = one_in(4) ? ir_temp(ir, IR_INT) : few();

	switch (below(5)) {
	case 0:
		b = one_in(4) ? c(below(2)) : b;
		ir_setcond(ir, type, one_in(2) ? below(COND_ALWAYS) : COND_LTU, d, a, b);
		maybe_mark();
		for (unsigned n = below(3); n; n--) {
			if (one_in(3))
				gen_look();
			else
				ir_into2(ir, one_in(2) ? IR_ADD : IR_XOR, IR_I64, few(), few(), int_operand());
		}
		maybe_mark();
		ir_into2(ir, one_in(3) ? IR_SUB : IR_ADD, IR_I64, one_in(2) && ir_is_global(ir, d) ? d : few(), one_in(2) ? d : few(), one_in(2) ? d : few());
		if (one_in(2))
			gen_look();
		break;
	case 4: {
		unsigned high = IR_MULHS + below(3), first = below(2), turned = below(2);
		Ref e = one_in(2) ? ir_temp(ir, IR_INT) : few();
		if (one_in(3)) {
			b = c(3 + 2 * below(4));
			ir_into2(ir, IR_MUL, type, few(), a, b);
		}
		ir_into2(ir, first ? IR_MUL : high, IR_I64, d, a, b);
		ir_into2(ir, first ? high : IR_MUL, IR_I64, e, turned ? b : a, turned ? a : b);
		done_int(e);
		break;
	}
	case 1: {
		Ref sum = one_in(2) && ir_is_global(ir, d) ? d : few();
		ir_into2(ir, IR_SHL, IR_I64, d, a, c(below(5)));
		maybe_mark();
		ir_into2(ir, IR_ADD, IR_I64, sum, d, one_in(5) ? d : int_operand());
		break;
	}
	case 2: {
		unsigned op = one_in(2) ? IR_DIVS : IR_DIVU, rem = op + (IR_REMS - IR_DIVS), first = below(2);
		Ref e = one_in(2) ? ir_temp(ir, IR_INT) : few();
		b = one_in(4) ? c(-below(2)) : one_in(3) ? c(any_int()) : b;
		ir_into2(ir, first ? op : rem, type, d, a, b);
		ir_into2(ir, first ? rem : op, type, e, a, b);
		done_int(e);
		break;
	}
	default:
		for (unsigned n = 1 + below(4); n; n--) {
			Ref t = ir_op2(ir, one_in(2) ? IR_ADD : IR_SUB, IR_I32, few(), few());
			ir_into1(ir, IR_SEXT32, IR_I64, few(), t);
			maybe_mark();
		}
		return;
	}
	done_int(d);
}

/* Something with words in few registers, which is what keeps them loose: sums, logic, moves, comparisons, stores; and sometimes what reads more or makes no word. */
static void gen_words(void)
{
	static const uint8_t sums[] = { IR_ADD, IR_SUB, IR_MUL, IR_SHL, IR_SHR, IR_SAR, IR_AND, IR_ROTL, IR_NEG, IR_DIVU, IR_ADD, IR_SUB };
	static const uint8_t logic[] = { IR_AND, IR_OR, IR_XOR, IR_ANDN, IR_NOT, IR_MOV };
	Ref d = few(), a = few(), b = one_in(3) ? c((int32_t)any_int()) : few(), t;
	unsigned op;

	switch (below(16)) {
	case 0 ... 4:
		op = sums[below(G_N_ELEMENTS(sums))];
		t = one_in(8) ? d : ir_temp(ir, IR_INT);
		ir_into2(ir, op, IR_I32, t, a, op == IR_NEG ? REF_NONE : b);
		ir_into1(ir, IR_SEXT32, IR_I64, d, t);
		done_int(t);
		break;
	case 5: case 6: case 7:
		op = logic[below(G_N_ELEMENTS(logic))];
		t = one_in(4) ? ir_temp(ir, IR_INT) : d;
		ir_into2(ir, op, IR_I64, t, a, ir_op_info[op].nargs > 1 ? b : REF_NONE);
		done_int(t);
		break;
	case 8: ir_into1(ir, one_in(2) ? IR_SEXT32 : IR_SEXT8 + below(IR_ZEXT32 - IR_SEXT8 + 1), IR_I64, d, a); break;
	case 9: ir_select(ir, IR_I64, below(COND_ALWAYS), d, a, b, few(), few()); break;
	case 10: ir_setcond(ir, IR_I64, below(COND_ALWAYS), d, a, b); break;
	case 11: case 12: {
		uint64_t at = one_in(faulty ? 20 : 200) ? (uintptr_t)forbidden + 4096 : (uintptr_t)memory + 4 * below(64);
		if (one_in(2))
			ir_store(ir, IR_I64, below(MEM_64), c(at), 0, a);
		else
			ir_load(ir, IR_I64, one_in(5) ? below(4) : below(3) | MEM_SIGNED, d, c(at), 0);
		break;
	}
	case 13:
		if (one_in(2))
			ir_into2(ir, IR_SHR, IR_I32, d, a, c(below(2)));        /* a word if it is shifted at all */
		else
			ir_into1(ir, IR_SEXT32, IR_I64, a, a);
		break;
	case 14:
		op = one_in(2) ? IR_SHL : IR_ADD;
		ir_into2(ir, op, IR_I64, d, a, op == IR_SHL ? c(one_in(2) ? 30 + below(4) : below(64)) : b);
		if (one_in(2))
			ir_into1(ir, IR_SEXT32, IR_I64, one_in(2) ? d : few(), d);
		break;
	default:
		ir_exit_cond(ir, IR_I64, below(COND_ALWAYS), a, b, 0x400000 + 2 * below(1000));
	}
}

static void gen_memory(void)
{
	int32_t disp;
	unsigned size = below(4), mem = size | (one_in(2) ? MEM_SIGNED : 0) | (one_in(6) ? MEM_BE : 0);

	switch (below(8)) {
	case 0: case 1: case 2: {
		bool aligned = one_in(8);
		Ref a = address(aligned && !one_in(20) ? 1 << size : 1, &disp), d = int_result();
		ir_load(ir, IR_I64, mem | (aligned ? MEM_ALIGNED : 0), one_in(20) ? REF_NONE : d, a, disp);
		if (ir->ins[ir->nins - 1].d != REF_NONE)
			done_int(d);
		break;
	}
	case 3: case 4: {
		bool aligned = one_in(8);
		Ref a = address(aligned && !one_in(20) ? 1 << size : 1, &disp);
		ir_store(ir, IR_I64, (mem & ~MEM_SIGNED) | (aligned ? MEM_ALIGNED : 0), a, disp, int_operand());
		break;
	}
	case 5: {
		unsigned which = below(3);
		enum IrType type = which == 0 ? IR_F32 : which == 1 ? IR_F64 : IR_V128;
		mem = (MEM_32 + which) | (mem & MEM_BE);
		Ref a = address(1, &disp);
		if (one_in(2)) {
			Ref d = type == IR_V128 ? (one_in(3) ? ir_temp(ir, IR_VEC) : V0 + below(NWIDE)) : float_result(type);
			ir_load(ir, type, mem, d, a, disp);
			if (type != IR_V128)
				done_float(type, d);
			else if (!ir_is_global(ir, d))
				keep(K_V128, d);
		} else {
			ir_store(ir, type, mem, a, disp, type == IR_V128 ? v128_operand() : float_operand(type));
		}
		break;
	}
	default: {
		unsigned op = IR_CMPXCHG + below(IR_FMAXU - IR_CMPXCHG + 1);
		size = MEM_32 + below(2);
		mem = size | (mem & ~MEM_SIZE) | MEM_ATOMIC;
		Ref a = address(one_in(40) ? 1 : 1 << size, &disp), b = int_operand(), x = int_operand(), d = int_result();
		if (op == IR_CMPXCHG && one_in(2)) {
			b = ir_temp(ir, IR_INT);
			ir_load(ir, IR_I64, mem & ~MEM_ATOMIC, b, a, disp);
		}
		ir_atomic(ir, op, IR_I64, mem, one_in(4) ? REF_NONE : d, a, b, op == IR_CMPXCHG ? x : REF_NONE);
		ir->ins[ir->nins - 1].imm = disp;
		if (ir->ins[ir->nins - 1].d != REF_NONE)
			done_int(d);
		break;
	}
	}
}

static unsigned any_round(void) { return one_in(8) ? below(5) : ir->round; }

static void gen_float(void)
{
	unsigned op = IR_FADD + below(IR_UNBOX32 - IR_FADD + 1);
	enum IrType type = one_in(2) ? IR_F64 : IR_F32;
	Ref d, a, b, x;

	switch (op) {
	case IR_FCVT_F32_F64:
		a = f64_operand();
		d = float_result(IR_F32);
		ir_fp(ir, op, IR_F32, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(IR_F32, d);
		return;
	case IR_FCVT_F64_F32:
		a = f32_operand();
		d = float_result(IR_F64);
		ir_fp(ir, op, IR_F64, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(IR_F64, d);
		return;
	case IR_FCVTF_I32: case IR_FCVTF_U32: case IR_FCVTF_I64: case IR_FCVTF_U64:
		a = int_operand();
		d = float_result(type);
		ir_fp(ir, op, type, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(type, d);
		return;
	case IR_FEQ: case IR_FLT: case IR_FLE:
	case IR_FCVT_I32: case IR_FCVT_U32: case IR_FCVT_I64: case IR_FCVT_U64:
		a = float_operand(type);
		b = ir_op_info[op].nargs > 1 ? float_operand(type) : REF_NONE;
		d = int_result();
		ir_fp(ir, op, type, one_in(3) ? ROUND_TZ : any_round(), d, a, b, REF_NONE);
		done_int(d);
		return;
	case IR_FBITS: case IR_FCLASS:
		a = float_operand(type);
		d = int_result();
		ir_into1(ir, op, type, d, a);
		done_int(d);
		return;
	case IR_BITSF:
		a = int_operand();
		d = float_result(type);
		ir_into1(ir, op, type, d, a);
		done_float(type, d);
		return;
	case IR_BOX32:
		ir_into1(ir, op, IR_F32, F0 + below(NFLOAT), f32_operand());
		return;
	case IR_UNBOX32:
		f32_operand();
		return;
	}
	a = float_operand(type);
	b = ir_op_info[op].nargs > 1 ? float_operand(type) : REF_NONE;
	x = ir_op_info[op].nargs > 2 ? float_operand(type) : REF_NONE;
	d = float_result(type);
	if (ir_op_info[op].flags & OPF_ROUND)
		ir_fp(ir, op, type, any_round(), d, a, b, x);
	else
		ir_into2(ir, op, type, d, a, b);
	done_float(type, d);
}

static void gen_leaf(void)
{
	static const uint8_t *const leaves[] = {
		leaf_count, leaf_count, leaf_count_far, leaf_count_down, leaf_nothing, leaf_sum, leaf_mix, leaf_index, leaf_widths, leaf_select,
	};
	Ref args[4];

	for (unsigned i = 0; i < 4; i++)
		args[i] = int_operand();
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaves[below(G_N_ELEMENTS(leaves))], "leaf", IRC_PROBE, 4, args);
}

static void gen_api_leaf(void)
{
	static const uint8_t *const leaves[] = {
		api_one, api_one, api_float, api_two, api_halves, api_variable, api_count, api_count, api_sum, api_address, api_copy, api_moves,
	};
	void *fn = (void *)(uintptr_t)leaves[below(G_N_ELEMENTS(leaves))];
	struct FunctionFacts facts;
	Ref args[IR_MAXARGS] = { REF_CPU, ir_temp(ir, IR_INT), int_operand(), int_operand() };

	ir_get(ir, MEM_32, args[1], offsetof(struct Cpu, index));
	bool known = host_x86_64.examine(fn, &facts);
	for (unsigned i = 0; known && i < facts.nstates; i++) {
		const struct Register *reg = facts.state[i];
		args[4 + i] = reg->global >= 0 && reg->global < NINT ? (Ref)reg->global : ir_temp(ir, IR_INT);
		if (reg->global >= NINT)
			ir_into1(ir, IR_FBITS, IR_F64, args[4 + i], reg->global);
		else if (reg->global < 0)
			ir_get(ir, MEM_64, args[4 + i], reg->offset);
	}
	if (!known) {
		ir_call(ir, REF_NONE, fn, "called", IRC_PROBE | IRC_READS, 4, args);
		return;
	}
	unsigned index_args = !(facts.reads & 2) && one_in(2) ? 2 : 0;
	unsigned flags = !facts.guarded ? 0 : !reserved && one_in(3) ? IRC_WRITES | IRC_FP : IRC_READS;
	for (unsigned left = one_in(2) ? 1 : 3; left; left--) {         /* the second relies on the first */
		struct IrCall *call = ir_call(ir, REF_NONE, fn, "body", IRC_PROBE | flags, 4 + facts.nstates, args);
		call->body = facts.body;
		call->nstates = facts.nstates;
		call->mark = facts.guarded ? 5 : 0;
		call->index_args = index_args;
	}
}

static void gen_call(void)
{
	if (one_in(2)) {
		if (one_in(2))
			gen_leaf();
		else
			gen_api_leaf();
		return;
	}
	if (one_in(4)) {        /* flags: read, written, or kept over a comparison */
		unsigned kind = below(3);
		Ref a = float_operand(IR_F64), b = float_operand(IR_F64), old = kind ? below(NINT) : int_operand(), d = below(NINT);
		while ((kind && reserved >> old & 1) || reserved >> d & 1) {
			old = kind ? below(NINT) : old;
			d = below(NINT);
		}
		if (kind) {
			ir_append(ir, IR_FXGET, IR_I64)->d = old;
			ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
		}
		if (kind == 2) {
			ir_fp(ir, one_in(2) ? IR_FLT : IR_FLE, IR_F64, ROUND_NE, d, a, b, REF_NONE);
			ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
		}
		if (kind != 1)
			ir_append(ir, IR_FXPUT, IR_I64)->a[0] = old;
		return;
	}
	Ref args[6], d = one_in(3) ? REF_NONE : int_result();
	for (unsigned i = 0; i < 6; i++)
		args[i] = int_operand();
	unsigned which = below(4);
	bool conditional = one_in(3);
	if (conditional)
		d = REF_NONE;
	if (which == 0) {
		ir_call(ir, d, fn_plain, "plain", 0, 6, args);
	} else if (which == 1) {
		args[0] = REF_CPU;
		ir_call(ir, d, fn_reads, "reads", IRC_READS | (one_in(3) ? IRC_PROBE | IRC_FP : 0), 3, args);
	} else if (which == 2) {
		args[1] = REF_CPU;
		if (reserved)
			ir_call(ir, d, fn_reads, "reads", IRC_READS, 3, (Ref[]){ REF_CPU, args[0], args[2] });
		else
			ir_call(ir, d, fn_writes, "writes", IRC_READS | IRC_WRITES, 3, args);
	} else {
		ir_call(ir, d, fn_float, "float", IRC_FP, 1, args);
	}
	if (conditional) {
		struct Ins *ins = &ir->ins[ir->nins - 1];
		ins->cond = below(COND_ALWAYS);
		Ref a = int_operand(), b = int_operand();
		ins = &ir->ins[ir->nins - 1];
		ins->a[0] = a;
		ins->a[1] = b;
	}
	if (d != REF_NONE)
		done_int(d);
}

static void gen_other(void)
{
	unsigned mem = below(4) | (one_in(2) ? MEM_SIGNED : 0);
	uint32_t state = offsetof(struct TestCpu, state) + 8 * below(4), slot = offsetof(struct TestCpu, slot) + 8 * below(SLOTS);
	Ref d;

	switch (below(9)) {
	case 0:
		d = int_result();
		ir_get(ir, mem, d, state);
		done_int(d);
		break;
	case 1: ir_put(ir, mem & ~MEM_SIGNED, state, int_operand()); break;
	case 2: ir_fence(ir, below(16)); break;
	case 3: case 4: {
		Ref a = one_in(2) ? c(1) : int_operand();
		struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->a[0] = a;
		ins->imm = slot;
		break;
	}
	case 5: {
		Ref a = int_operand();
		struct Ins *ins = ir_append(ir, IR_SLOTPUT, IR_I64);
		ins->a[0] = a;
		ins->imm = slot;
		break;
	}
	case 6: {
		d = int_result();
		struct Ins *ins = ir_append(ir, IR_SLOTGET, IR_I64);
		ins->d = d;
		ins->imm = slot;
		done_int(d);
		break;
	}
	case 7: {
		Ref a = v128_operand();
		d = one_in(2) ? ir_temp(ir, IR_VEC) : V0 + below(NWIDE);
		ir_into1(ir, IR_MOV, IR_V128, d, a);
		if (!ir_is_global(ir, d))
			keep(K_V128, d);
		break;
	}
	default: {
		Ref a = f64_operand();
		d = float_result(IR_F64);
		ir_into1(ir, IR_MOV, IR_F64, d, a);
		done_float(IR_F64, d);
	}
	}
}

static uint64_t near_pc(void) { return 0x400000 + 2 * below(1000); }

/* Units of floating point and loops for the most part: values go round a loop as arithmetic, loads and moves make them. */
static bool floats_only;

/* Units of words and loops for the most part. */
static bool words_only;
enum { WORDS = 40 };

static unsigned choose_kind(void)
{
	static const uint8_t floats[] = { 0, 2, 2, 2, 16, 20, 24, 36 }, words[] = { 0, 0, 0, 2, 2, 2, 4, 6, 16, 36 };

	if (words_only)
		return one_in(4) ? words[below(G_N_ELEMENTS(words))] : WORDS;
	return !floats_only ? below(40) : one_in(4) ? floats[below(G_N_ELEMENTS(floats))] : 25;
}

static void gen_sequence(unsigned depth, unsigned length)
{
	while (length-- && budget) {
		budget--;
		if (one_in(3)) {
			insn_pc += 2 + 2 * below(2);
			ir_mark(ir, insn_pc, "\1\0\0", 4);
			if (one_in(4))
				ir_poll(ir);
		}
		switch (choose_kind()) {
		case 0: case 1: if (depth < 3) {        /* skip a part */
			unsigned label = ir_label(ir);
			Ref a = words_only ? few() : int_operand(), b = words_only && one_in(2) ? few() : int_operand();
			ir_brcond(ir, one_in(3) ? IR_I32 : IR_I64, below(COND_ALWAYS), a, b, label);
			if (one_in(2))
				ir->ins[ir->nins - 1].mem = BRANCH_SELDOM;
			if (one_in(3)) {        /* the other way round */
				unsigned over = label;
				label = ir_label(ir);
				ir_br(ir, label);
				ir_emit_label(ir, over);
				forget_temps();
			}
			gen_sequence(depth + 1, 1 + below(8));
			ir_emit_label(ir, label);
			forget_temps();
			break;
		}       /* fall through */
		case 2: if (depth < 2 && one_in(2)) {   /* a loop of a few rounds */
			unsigned label = ir_label(ir), counter;
			do
				counter = below(NINT);
			while (reserved >> counter & 1);
			reserved |= 1u << counter;
			ir_into1(ir, IR_MOV, IR_I64, counter, c(1 + below(4)));
			for (unsigned r = 8; words_only && r < 13; r++)
				if (!one_in(4) && !(reserved >> r & 1))
					ir_into1(ir, IR_SEXT32, IR_I64, r, r);
			ir_emit_label(ir, label);
			if (!one_in(8))
				ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
			forget_temps();
			gen_sequence(depth + 1, 1 + below(10));
			ir_into2(ir, IR_SUB, IR_I64, counter, counter, c(1));
			ir_brcond(ir, IR_I64, COND_NE, counter, c(0), label);
			if (one_in(2)) {        /* it may be unrolled */
				ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
				forget_temps();
			} else {
				ir_fence(ir, 0);
			}
			reserved &= ~(1u << counter);
			break;
		}       /* fall through */
		case 3: if (one_in(3)) {
			Ref a = int_operand(), b = int_operand();
			ir_exit_cond(ir, one_in(3) ? IR_I32 : IR_I64, below(COND_ALWAYS), a, b, near_pc());
			break;
		}       /* fall through */
		case 4: gen_element(); break;
		case 5: gen_idiom(); break;
		case 6 ... 15: gen_integer(); break;
		case 16 ... 24: gen_memory(); break;
		case 25 ... 35: gen_float(); break;
		case 36: case 37: gen_call(); break;
		case WORDS: gen_words(); break;
		default: gen_other(); break;
		}
	}
}

static void gen_unit(void)
{
	cpu->cpu.round = below(5);
	begin(0x400000);
	insn_pc = 0x400000;
	forget_temps();
	reserved = 0;
	faulty = one_in(3);
	budget = 2 + below(one_in(10) ? 200 : 40);
	gen_sequence(0, budget);
	switch (below(5)) {
	case 0: {
		Ref to = one_in(2) ? ir_temp(ir, IR_INT) : below(NINT);
		ir_into2(ir, IR_AND, IR_I64, to, int_var(), c(-2ull));
		ir_exit_indirect(ir, to, EXIT_RETURN, 0);
		break;
	}
	case 1: ir_raise(ir, CAUSE_BREAKPOINT); break;
	default: {
		Ref a = int_operand(), b = int_operand();
		ir_exit_cond(ir, IR_I64, below(COND_ALWAYS), a, b, near_pc());
		ir_exit(ir, near_pc(), EXIT_JUMP, 0);
	}
	}
}

static void explain(const char *what, unsigned round, const char *listing)
{
	GString *text = g_string_new(NULL);

	ir_print(ir, "unit", text);
	fprintf(stderr, "%s\n%s\n%s in unit %u\n", text->str, listing, what, round);
}

/* COUNT random units under FEATURES. */
static void compare_hosts(unsigned features, unsigned count)
{
	start_host(features);
	for (unsigned round = 0; round < count; round++) {
		static struct TestCpu before, want;
		static uint8_t before_memory[MEMORY], want_memory[MEMORY];
		bool listing = getenv("TEST_LISTING") != NULL;

		api_handle = handles;
		api_number = 3;
		gen_unit();
		struct Block *reference = emit_with(&host_interp, NULL);
		if (one_in(2)) {
			ir_unroll(ir);
			ir_check(ir, "unroll");
			ir_drop_polls(ir);
		}
		if (one_in(2))
			ir_optimise(ir);
		GString *text = g_string_new(NULL);
		if (listing)
			ir_print(ir, "before emission", text);
		struct Block *block = emit_with(&host_x86_64, listing ? text : NULL);
		for (unsigned again = 0; again < 2; again++) {
			random_state();
			host_x86_64.fp_update(&cpu->cpu, false);
			cpu->cpu.fflags = 0;
			cpu->cpu.pc = ir->pc;
			/* sometimes what bodies take for granted is not so */
			unsigned wrong = again ? below(4) : 0;
			uint64_t want_cells[8];
			api_handle = &handles[wrong & 1];
			api_number = wrong >> 1 ? 7 : 3;
			memset(leaf_cells, 0, sizeof leaf_cells);
			uint32_t number = api_number, want_number;
			memcpy(&before, cpu, sizeof before);
			memcpy(before_memory, memory, MEMORY);
			run(&host_interp, reference);
			memcpy(&want, cpu, sizeof want);
			memcpy(want_cells, leaf_cells, sizeof leaf_cells);
			want_number = api_number;
			api_number = number;
			memset(leaf_cells, 0, sizeof leaf_cells);
			memcpy(want_memory, memory, MEMORY);

			memcpy(cpu, &before, sizeof before);
			memcpy(memory, before_memory, MEMORY);
			run(&host_x86_64, block);
			cpu->cpu.fflags |= host_x86_64.fp_flags(&cpu->cpu, false);
			const char *what = NULL;
			static char buffer[128];
			for (unsigned i = 0; i < NINT; i++)
				if (cpu->x[i] != want.x[i])
					what = buffer, snprintf(buffer, sizeof buffer, "x%u = %lx, not %lx", i, cpu->x[i], want.x[i]);
			for (unsigned i = 0; i < NFLOAT; i++)
				if (cpu->f[i] != want.f[i])
					what = buffer, snprintf(buffer, sizeof buffer, "f%u = %lx, not %lx", i, cpu->f[i], want.f[i]);
			if (memcmp(cpu->v, want.v, sizeof want.v))
				what = "v";
			if (memcmp(cpu->state, want.state, sizeof want.state))
				what = "state";
			if (memcmp(cpu->slot, want.slot, sizeof want.slot))
				what = "slots";
			if (memcmp(leaf_cells, want_cells, sizeof leaf_cells))
				what = "what leaves wrote";
			if (api_number != want_number)
				what = "what leaves take for granted";
			if (cpu->seen != want.seen)
				what = "what calls saw";
			if (cpu->cpu.fflags != want.cpu.fflags)
				what = buffer, snprintf(buffer, sizeof buffer, "flags = %x, not %x", cpu->cpu.fflags, want.cpu.fflags);
			if (memcmp(memory, want_memory, MEMORY))
				what = "memory";
			if (cpu->cpu.pc != want.cpu.pc || cpu->cpu.cause != want.cpu.cause)
				what = buffer, snprintf(buffer, sizeof buffer, "pc %lx cause %u, not %lx %u", cpu->cpu.pc, cpu->cpu.cause, want.cpu.pc, want.cpu.cause);
			if (cpu->cpu.cause && cpu->cpu.cause != CAUSE_BREAKPOINT && cpu->cpu.fault_addr != want.cpu.fault_addr)
				what = buffer, snprintf(buffer, sizeof buffer, "fault at %lx, not %lx, pc %lx", cpu->cpu.fault_addr, want.cpu.fault_addr, cpu->cpu.pc);
			if (what) {
				if (listing)
					explain(what, round, text->str);
				ck_abort_msg("features %x, unit %u, run %u: %s", features, round, again, what);
			}
		}
		g_string_free(text, TRUE);
	}
}

static unsigned random_count(void)
{
	const char *count = getenv("TEST_COUNT");
	return count ? atoi(count) : 3000;
}

static const unsigned feature_sets[] = {
	HAS_ALL, 0, HAS_ALL & ~HAS_FMA, HAS_ALL & ~(HAS_AVX | HAS_FMA), HAS_ALL & ~(HAS_BMI1 | HAS_BMI2 | HAS_LZCNT | HAS_MOVBE), HAS_BMI2 | HAS_AVX,
};

START_TEST(random_units)
{
	if (getenv("TEST_SEED"))
		seed += strtoull(getenv("TEST_SEED"), NULL, 0) * 0x9e3779b97f4a7c15;
	compare_hosts(feature_sets[_i], random_count());
}
END_TEST

START_TEST(random_float_loops)
{
	if (getenv("TEST_SEED"))
		seed += strtoull(getenv("TEST_SEED"), NULL, 0) * 0x9e3779b97f4a7c15;
	floats_only = true;
	compare_hosts(feature_sets[_i], random_count());
	floats_only = false;
}
END_TEST

START_TEST(random_word_loops)
{
	if (getenv("TEST_SEED"))
		seed += strtoull(getenv("TEST_SEED"), NULL, 0) * 0x9e3779b97f4a7c15;
	words_only = true;
	compare_hosts(feature_sets[_i], random_count());
	words_only = false;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host_x86_64_random");
	TCase *tests = tcase_create("random");
	tcase_set_timeout(tests, 0);
	tcase_add_unchecked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, random_units, 0, G_N_ELEMENTS(feature_sets));
	tcase_add_loop_test(tests, random_float_loops, 0, G_N_ELEMENTS(feature_sets));
	tcase_add_loop_test(tests, random_word_loops, 0, G_N_ELEMENTS(feature_sets));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
