/* SPDX-License-Identifier: MIT */
/* The interpreter: what each operation does, faults, calls, exits and chains. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

static Ref c(uint64_t value) { return ir_const(ir, value); }
static void end(void) { ir_exit(ir, 0x2000, EXIT_JUMP, 0); }

/* -- integers ----------------------------------------------------------------------------------------------------- */

static const struct { uint8_t op, type; uint64_t a, b, want; } integer_rows[] = {
	{ IR_MOV, IR_I64, 0xfedcba9876543210, 0, 0xfedcba9876543210 }, { IR_MOV, IR_I32, 0xfedcba9876543210, 0, 0x76543210 },
	{ IR_ADD, IR_I64, ~0ull, 2, 1 }, { IR_ADD, IR_I32, 0x1ffffffff, 2, 1 }, { IR_ADD, IR_I32, 0x7fffffff, 1, 0x80000000 },
	{ IR_SUB, IR_I64, 1, 2, ~0ull }, { IR_SUB, IR_I32, 1, 2, 0xffffffff },
	{ IR_MUL, IR_I64, 0x100000001, 0x100000001, 0x200000001 }, { IR_MUL, IR_I32, 0xffffffff, 0xffffffff, 1 },
	{ IR_MULHS, IR_I64, ~0ull, ~0ull, 0 }, { IR_MULHS, IR_I64, ~0ull, 1, ~0ull }, { IR_MULHS, IR_I32, 0x80000000, 2, 0xffffffff },
	{ IR_MULHU, IR_I64, ~0ull, ~0ull, ~0ull - 1 }, { IR_MULHU, IR_I32, 0xffffffff, 0xffffffff, 0xfffffffe },
	{ IR_MULHSU, IR_I64, ~0ull, ~0ull, ~0ull }, { IR_MULHSU, IR_I64, 2, 1ull << 63, 1 }, { IR_MULHSU, IR_I32, 0xffffffff, 0xffffffff, 0xffffffff },
	{ IR_DIVS, IR_I64, -7ull, 2, -3ull }, { IR_DIVS, IR_I64, 5, 0, ~0ull }, { IR_DIVS, IR_I64, 1ull << 63, ~0ull, 1ull << 63 },
	{ IR_DIVS, IR_I32, 0x80000000, 0xffffffff, 0x80000000 }, { IR_DIVS, IR_I32, 0xfffffff9, 2, 0xfffffffd }, { IR_DIVS, IR_I32, 5, 1ull << 32, 0xffffffff },
	{ IR_DIVU, IR_I64, -7ull, 2, 0x7ffffffffffffffc }, { IR_DIVU, IR_I64, 5, 0, ~0ull }, { IR_DIVU, IR_I32, 0xfffffff9, 2, 0x7ffffffc },
	{ IR_REMS, IR_I64, -7ull, 2, -1ull }, { IR_REMS, IR_I64, 5, 0, 5 }, { IR_REMS, IR_I64, 1ull << 63, ~0ull, 0 }, { IR_REMS, IR_I32, 0x80000000, 0xffffffff, 0 },
	{ IR_REMS, IR_I32, 0x80000005, 0, 0x80000005 }, { IR_REMU, IR_I64, 7, 0, 7 }, { IR_REMU, IR_I32, 0xffffffff, 16, 15 },
	{ IR_AND, IR_I64, 12, 10, 8 }, { IR_OR, IR_I32, ~0ull, 0, 0xffffffff }, { IR_XOR, IR_I64, 12, 10, 6 }, { IR_ANDN, IR_I64, 12, 10, 4 },
	{ IR_ANDN, IR_I32, ~0ull, 1, 0xfffffffe }, { IR_NEG, IR_I64, 1, 0, ~0ull }, { IR_NEG, IR_I32, 1, 0, 0xffffffff }, { IR_NOT, IR_I32, 0, 0, 0xffffffff },
	{ IR_SHL, IR_I64, 1, 63, 1ull << 63 }, { IR_SHL, IR_I64, 1, 64, 1 }, { IR_SHL, IR_I32, 3, 31, 0x80000000 }, { IR_SHL, IR_I32, 3, 32, 3 },
	{ IR_SHR, IR_I64, 1ull << 63, 63, 1 }, { IR_SHR, IR_I32, 0xf80000000, 31, 1 }, { IR_SAR, IR_I64, 1ull << 63, 63, ~0ull },
	{ IR_SAR, IR_I32, 0x80000000, 4, 0xf8000000 }, { IR_SAR, IR_I32, 0x80000000, 36, 0xf8000000 },
	{ IR_ROTL, IR_I64, 1ull << 63, 1, 1 }, { IR_ROTL, IR_I64, 5, 0, 5 }, { IR_ROTL, IR_I32, 0x80000001, 4, 0x18 }, { IR_ROTL, IR_I32, 5, 32, 5 },
	{ IR_ROTR, IR_I64, 1, 1, 1ull << 63 }, { IR_ROTR, IR_I32, 0x18, 4, 0x80000001 },
	{ IR_SEXT8, IR_I64, 0x180, 0, -128ull }, { IR_SEXT8, IR_I32, 0x180, 0, 0xffffff80 }, { IR_SEXT16, IR_I64, 0x8000, 0, -32768ull },
	{ IR_SEXT32, IR_I64, 0x180000000, 0, 0xffffffff80000000 }, { IR_ZEXT8, IR_I64, ~0ull, 0, 255 }, { IR_ZEXT16, IR_I32, ~0ull, 0, 65535 },
	{ IR_ZEXT32, IR_I64, ~0ull, 0, 0xffffffff }, { IR_CLZ, IR_I64, 0, 0, 64 }, { IR_CLZ, IR_I64, 1, 0, 63 }, { IR_CLZ, IR_I32, 1ull << 32, 0, 32 },
	{ IR_CLZ, IR_I32, 1, 0, 31 }, { IR_CTZ, IR_I64, 0, 0, 64 }, { IR_CTZ, IR_I32, 1ull << 33, 0, 32 }, { IR_CTZ, IR_I64, 1ull << 33, 0, 33 },
	{ IR_POPCNT, IR_I64, ~0ull, 0, 64 }, { IR_POPCNT, IR_I32, ~0ull, 0, 32 }, { IR_BSWAP, IR_I64, 0x0102030405060708, 0, 0x0807060504030201 },
	{ IR_BSWAP, IR_I32, 0x0102030405060708, 0, 0x08070605 },
	{ IR_CLMUL, IR_I64, 3, 3, 5 }, { IR_CLMUL, IR_I64, ~0ull, 2, ~1ull }, { IR_CLMULH, IR_I64, ~0ull, 2, 1 }, { IR_CLMULH, IR_I64, 1ull << 63, 1ull << 63, 1ull << 62 },
};

START_TEST(integer_operations)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(integer_rows); i++) {
		unsigned op = integer_rows[i].op, type = integer_rows[i].type;
		bool binary = ir_op_info[op].nargs == 2;
		begin(0x1000);
		code_used = meta_used = 0;
		ir_into2(ir, op, type, 2, 0, binary ? 1 : REF_NONE);
		ir_into2(ir, op, type, 3, c(integer_rows[i].a), binary ? c(integer_rows[i].b) : REF_NONE);
		end();
		cpu->r[0] = integer_rows[i].a;
		cpu->r[1] = integer_rows[i].b;
		run_unit();
		for (unsigned r = 2; r < 4; r++)
			ck_assert_msg(cpu->r[r] == integer_rows[i].want, "row %u (%s): %#lx, not %#lx", i, ir_op_info[op].name, cpu->r[r], integer_rows[i].want);
	}
}
END_TEST

START_TEST(every_integer_operation_has_a_row)
{
	for (unsigned op = IR_MOV; op <= IR_CLMULH; op++) {
		unsigned i = 0;
		while (i < G_N_ELEMENTS(integer_rows) && integer_rows[i].op != op)
			i++;
		ck_assert_msg(i < G_N_ELEMENTS(integer_rows), "%s", ir_op_info[op].name);
	}
}
END_TEST

START_TEST(conditions)
{
	/* columns: eq ne lt ge ltu geu le gt leu gtu always never */
	static const struct { uint8_t type; uint64_t a, b; const char *want; } rows[] = {
		{ IR_I64, 1, 1, "100101101010" }, { IR_I64, -1ull, 1, "011001100110" }, { IR_I64, 1, -1ull, "010110011010" },
		{ IR_I32, 1ull << 32, 0, "100101101010" }, { IR_I64, 1ull << 32, 0, "010101010110" }, { IR_I32, 0xffffffff, 1, "011001100110" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		for (unsigned cond = 0; cond <= COND_NEVER; cond++) {
			begin(0x1000);
			code_used = meta_used = 0;
			cpu->r[0] = rows[i].a;
			cpu->r[1] = rows[i].b;
			cpu->r[4] = 0;
			ir_setcond(ir, rows[i].type, cond, 2, 0, 1);
			ir_select(ir, rows[i].type, cond, 3, 0, 1, c(111ull << 40), c(222ull << 40));
			unsigned label = ir_label(ir);
			ir_brcond(ir, rows[i].type, cond, 0, 1, label);
			ir_into1(ir, IR_MOV, IR_I64, 4, c(1));
			ir_emit_label(ir, label);
			ir_exit_cond(ir, rows[i].type, cond, 0, 1, 0x3000);
			end();
			run_unit();
			bool want = rows[i].want[cond] == '1';
			ck_assert_msg(cpu->r[2] == want, "row %u condition %u", i, cond);
			ck_assert_uint_eq(cpu->r[3], (want ? 111ull : 222ull) << 40);
			ck_assert_uint_eq(cpu->r[4], !want);
			ck_assert_uint_eq(cpu->cpu.pc, want ? 0x3000 : 0x2000);
		}
}
END_TEST

/* -- memory --------------------------------------------------------------------------------------------------------- */

START_TEST(loads_and_stores)
{
	static const struct { unsigned mem; uint64_t want; } rows[] = {
		{ MEM_8, 0x81 }, { MEM_8 | MEM_SIGNED, 0xffffffffffffff81 }, { MEM_16, 0x8281 }, { MEM_16 | MEM_SIGNED, 0xffffffffffff8281 },
		{ MEM_32, 0x84838281 }, { MEM_32 | MEM_SIGNED, 0xffffffff84838281 }, { MEM_64, 0x8887868584838281 },
		{ MEM_16 | MEM_BE, 0x8182 }, { MEM_32 | MEM_BE | MEM_SIGNED, 0xffffffff81828384 }, { MEM_64 | MEM_BE, 0x8182838485868788 },
	};
	for (unsigned offset = 1; offset < 10; offset++)
		for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
			unsigned size = 1u << (rows[i].mem & MEM_SIZE);
			begin(0x1000);
			code_used = meta_used = 0;
			memset(memory, 0x11, MEMORY);
			for (unsigned b = 0; b < 8; b++)
				memory[offset + b] = 0x81 + b;
			cpu->r[0] = (uintptr_t)memory + offset + 100;
			ir_load(ir, IR_I64, rows[i].mem, 1, 0, -100);
			ir_store(ir, IR_I64, rows[i].mem & ~MEM_SIGNED, 0, -60, 1);
			end();
			run_unit();
			ck_assert_uint_eq(cpu->r[1], rows[i].want);
			ck_assert(!memcmp(memory + offset + 40, memory + offset, size));
			ck_assert_uint_eq(memory[offset + 40 + size], 0x11);
			ck_assert_uint_eq(memory[offset + 39], 0x11);
		}
}
END_TEST

START_TEST(vector_accesses)
{
	for (unsigned i = 0; i < MEMORY; i++)
		memory[i] = i;
	cpu->r[0] = (uintptr_t)memory;
	cpu->wide[1] = ~0ull;
	Ref t = ir_temp(ir, IR_VEC);
	ir_load(ir, IR_V128, MEM_128, V0, 0, 3);
	ir_into1(ir, IR_MOV, IR_V128, t, V0);
	ir_store(ir, IR_V128, MEM_128, 0, 40, t);
	ir_store(ir, IR_V128, MEM_128 | MEM_BE, 0, 24, t);
	ir_load(ir, IR_F32, MEM_32, V0, 0, 4);
	ir_load(ir, IR_F64, MEM_64, F0, 0, 5);
	end();
	run_unit();
	ck_assert(!memcmp(memory + 40, memory + 3, 16));
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(memory[24 + i], 18 - i);
	ck_assert_uint_eq(cpu->wide[0], 0x07060504);
	ck_assert_uint_eq(cpu->wide[1], 0);
	ck_assert_uint_eq(cpu->f[0], 0x0c0b0a0908070605);
}
END_TEST

START_TEST(atomics)
{
	static const struct { uint8_t op; unsigned mem; uint64_t old, b, c, result, now; } rows[] = {
		{ IR_XCHG, MEM_64, 5, 7, 0, 5, 7 }, { IR_XCHG, MEM_32 | MEM_SIGNED, 0x80000000, 7, 0, 0xffffffff80000000, 7 },
		{ IR_FADDI, MEM_32, 0xffffffff, 2, 0, 0xffffffff, 1 }, { IR_FADDI, MEM_64, ~0ull, 2, 0, ~0ull, 1 }, { IR_FANDI, MEM_64, 12, 10, 0, 12, 8 },
		{ IR_FORI, MEM_64, 12, 10, 0, 12, 14 }, { IR_FXORI, MEM_32, 12, 10, 0, 12, 6 },
		{ IR_FMINS, MEM_32 | MEM_SIGNED, 0xffffffff, 1, 0, ~0ull, 0xffffffff }, { IR_FMAXS, MEM_32 | MEM_SIGNED, 0xffffffff, 1, 0, ~0ull, 1 },
		{ IR_FMINU, MEM_32 | MEM_SIGNED, 0xffffffff, 1, 0, ~0ull, 1 }, { IR_FMAXU, MEM_32, 1, ~0ull, 0, 1, 0xffffffff },
		{ IR_FMINS, MEM_64, 1ull << 63, 1, 0, 1ull << 63, 1ull << 63 }, { IR_FMAXU, MEM_64, 1, 1ull << 63, 0, 1, 1ull << 63 },
		{ IR_CMPXCHG, MEM_64, 5, 5, 9, 5, 9 }, { IR_CMPXCHG, MEM_64, 5, 6, 9, 5, 5 },
		{ IR_CMPXCHG, MEM_32 | MEM_SIGNED, 0x80000000, 0xffffffff80000000, 9, 0xffffffff80000000, 9 },
		{ IR_CMPXCHG, MEM_32, 5, 5ull | 1ull << 40, 9, 5, 9 },
		{ IR_FADDI, MEM_32 | MEM_BE, 0x01000000, 2, 0, 1, 0x03000000 },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x1000);
		code_used = meta_used = 0;
		memcpy(memory + 8, &rows[i].old, 8);
		cpu->r[0] = (uintptr_t)memory;
		cpu->r[1] = rows[i].b;
		cpu->r[2] = rows[i].c;
		ir_atomic(ir, rows[i].op, IR_I64, rows[i].mem, 3, 0, 1, rows[i].op == IR_CMPXCHG ? 2 : REF_NONE);
		ir->ins[ir->nins - 1].imm = 8;
		ir_fence(ir, IR_FENCE_ALL);
		end();
		run_unit();
		uint64_t now;
		memcpy(&now, memory + 8, 8);
		if ((rows[i].mem & MEM_SIZE) == MEM_32)
			now = (uint32_t)now;
		ck_assert_msg(cpu->r[3] == rows[i].result && now == rows[i].now, "row %u: result %#lx, memory %#lx", i, cpu->r[3], now);
	}
}
END_TEST

START_TEST(misaligned_atomics_raise)
{
	cpu->r[0] = (uintptr_t)memory;
	cpu->r[1] = 77;
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_atomic(ir, IR_FADDI, IR_I64, MEM_64, 1, 0, c(1), REF_NONE);
	ir->ins[ir->nins - 1].imm = 4;
	end();
	run_unit();
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_MISALIGNED_STORE);
	ck_assert_uint_eq(cpu->cpu.fault_addr, (uintptr_t)memory + 4);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1004);
	ck_assert_uint_eq(cpu->r[1], 77);
	begin(0x1000);
	ir_load(ir, IR_I64, MEM_32 | MEM_ALIGNED, 1, 0, 2);
	end();
	run_unit();
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_MISALIGNED_LOAD);
}
END_TEST

START_TEST(faults_are_exact)
{
	static const struct { uint8_t op, cause; } rows[] = {
		{ IR_LOAD, CAUSE_FAULT_LOAD }, { IR_STORE, CAUSE_FAULT_STORE }, { IR_FADDI, CAUSE_FAULT_STORE }, { IR_CMPXCHG, CAUSE_FAULT_STORE },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x1000);
		ir_into1(ir, IR_MOV, IR_I64, 1, c(1));
		ir_mark(ir, 0x1004, "\1\0\0", 4);
		struct Ins *ins = ir_append(ir, rows[i].op, IR_I64);
		ins->mem = MEM_64;
		ins->imm = 16;
		ins->a[0] = 0;
		if (rows[i].op != IR_LOAD)
			ins->a[1] = 1;
		if (rows[i].op == IR_CMPXCHG)
			ins->a[2] = 1;
		if (rows[i].op != IR_STORE)
			ins->d = 1;
		ir_mark(ir, 0x1008, "\1\0\0", 4);
		ir_into1(ir, IR_MOV, IR_I64, 1, c(2));
		end();
		cpu->r[0] = (uintptr_t)forbidden;
		run_unit();
		ck_assert_uint_eq(cpu->cpu.cause, rows[i].cause);
		ck_assert_uint_eq(cpu->cpu.fault_addr, (uintptr_t)forbidden + 16);
		ck_assert_uint_eq(cpu->cpu.pc, 0x1004);
		ck_assert_uint_eq(cpu->r[1], 1);
		ck_assert_ptr_null(cpu->cpu.leave_site);
	}
}
END_TEST

static uint64_t crash(void)
{
	return *(volatile uint64_t *)forbidden;
}

START_TEST(faults_of_helpers_are_not_the_guests)
{
	ir_call(ir, 0, crash, "crash", IRC_READS, 0, NULL);
	end();
	run_unit();
}
END_TEST

/* -- calls, exits ------------------------------------------------------------------------------------------------------ */

static uint64_t seen[7], seen_pc;

static uint64_t take_six(uint64_t a, uint64_t b, uint64_t d, uint64_t e, uint64_t f, uint64_t g)
{
	uint64_t args[] = { a, b, d, e, f, g };
	memcpy(seen, args, sizeof args);
	seen_pc = cpu->cpu.pc;
	return 99;
}

static uint64_t take_none(void)
{
	seen[6]++;
	seen_pc = cpu->cpu.pc;
	return 1;
}

START_TEST(calls)
{
	Ref args[] = { REF_CPU, 0, 1, c(3), c(4), 2 }, t = ir_temp(ir, IR_INT);

	memset(seen, 0, sizeof seen);
	cpu->r[0] = 10;
	cpu->r[1] = 11;
	ir_into1(ir, IR_MOV, IR_I64, 2, c(12));
	ir_mark(ir, 0x1006, "\1\0", 2);
	ir_call(ir, t, take_six, "take_six", IRC_READS, 6, args);
	ir_into2(ir, IR_ADD, IR_I64, 3, t, c(1));
	ir_call(ir, REF_NONE, take_none, "take_none", 0, 0, NULL);
	ir->ins[ir->nins - 1].cond = COND_EQ;
	ir->ins[ir->nins - 1].a[0] = 0;
	ir->ins[ir->nins - 1].a[1] = 1;
	ir_call(ir, REF_NONE, take_none, "take_none", 0, 0, NULL);
	ir->ins[ir->nins - 1].cond = COND_LTU;
	ir->ins[ir->nins - 1].a[0] = 0;
	ir->ins[ir->nins - 1].a[1] = 1;
	end();
	run_unit();
	uint64_t want[] = { (uintptr_t)cpu, 10, 11, 3, 4, 12, 1 };
	for (unsigned i = 0; i < 7; i++)
		ck_assert_uint_eq(seen[i], want[i]);
	ck_assert_uint_eq(cpu->r[3], 100);
	ck_assert_uint_eq(seen_pc, 0x1006);
}
END_TEST

START_TEST(pc_is_exact_behind_labels)
{
	/* the call is reached both with and without the mark's pc set */
	unsigned label = ir_label(ir);
	cpu->r[0] = (uintptr_t)memory;
	ir_brcond(ir, IR_I64, COND_EQ, 1, c(0), label);
	ir_load(ir, IR_I64, MEM_64, 2, 0, 0);
	ir_emit_label(ir, label);
	ir_call(ir, REF_NONE, take_none, "take_none", IRC_READS, 0, NULL);
	end();
	cpu->cpu.pc = 0;
	run_unit();
	ck_assert_uint_eq(seen_pc, 0x1000);
}
END_TEST

START_TEST(loops_and_slots)
{
	static uint64_t told;
	unsigned label = ir_label(ir);
	ir_emit_label(ir, label);
	struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
	ins->imm = offsetof(struct TestCpu, slot);
	ins->a[0] = 0;
	ir_into2(ir, IR_SUB, IR_I64, 0, 0, c(1));
	ir_brcond(ir, IR_I64, COND_NE, 0, c(0), label);
	ins = ir_append(ir, IR_HOSTADD, IR_I64);
	ins->a[0] = c(40);
	ins->a[1] = c((uintptr_t)&told);
	ins = ir_append(ir, IR_HOSTADD, IR_I64);
	ins->a[0] = c(2);
	ins->a[1] = c((uintptr_t)&told);
	ins = ir_append(ir, IR_SLOTGET, IR_I64);
	ins->imm = offsetof(struct TestCpu, slot);
	ins->d = 1;
	ins = ir_append(ir, IR_SLOTPUT, IR_I64);
	ins->imm = offsetof(struct TestCpu, slot);
	ins->a[0] = c(6);
	ir_put(ir, MEM_16, offsetof(struct TestCpu, state) + 2, c(0x18001));
	ir_get(ir, MEM_16 | MEM_SIGNED, 2, offsetof(struct TestCpu, state) + 2);
	end();
	cpu->r[0] = 100;
	run_unit();
	ck_assert_uint_eq(cpu->r[1], 5050);
	ck_assert_uint_eq(cpu->slot, 6);
	ck_assert_uint_eq(told, 42);
	ck_assert_uint_eq(cpu->state, 0x80010000);
	ck_assert_uint_eq(cpu->r[2], 0xffffffffffff8001);
}
END_TEST

START_TEST(exits_chain)
{
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
	ir_exit_cond(ir, IR_I64, COND_GEU, 0, c(50), 0x3000);
	end();
	struct Block *first = emit_unit();
	begin(0x2000);
	ir_poll(ir);
	ir_into2(ir, IR_ADD, IR_I64, 1, 1, c(1));
	ir_exit(ir, 0x1000, EXIT_JUMP, 0);
	struct Block *second = emit_unit();

	ck_assert_uint_eq(first->nexits, 2);
	ck_assert_uint_eq(block_exits(first)[1].pc, 0x2000);
	enter(first);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_NONE);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(first)[1]);
	host_interp.chain(&block_exits(first)[1], second);
	enter(first);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1000);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(second)[0]);
	host_interp.chain(&block_exits(second)[0], first);
	enter(first);
	ck_assert_uint_eq(cpu->cpu.pc, 0x3000);
	ck_assert_uint_eq(cpu->r[0], 50);
	ck_assert_uint_eq(cpu->r[1], 48);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(first)[0]);
	host_interp.chain(&block_exits(second)[0], NULL);
	cpu->r[0] = 0;
	enter(first);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1000);

	/* an interrupt is seen at a chained exit, and at a poll with the poll's pc */
	cpu->cpu.interrupt = 1;
	enter(first);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_NONE);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	cpu->cpu.pc = 0;
	enter(second);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_INTERRUPT);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
}
END_TEST

START_TEST(indirect_exits_use_the_jump_cache)
{
	ir_exit_indirect(ir, 0, EXIT_RETURN, 0);
	struct Block *first = emit_unit();
	begin(0x2000);
	ir_raise(ir, CAUSE_BREAKPOINT);
	struct Block *second = emit_unit();

	cpu->r[0] = 0x2000;
	enter(first);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_NONE);
	ck_assert_ptr_null(cpu->cpu.leave_site);
	struct Jump *jump = &jumps.entry[jump_index(0x2000, test_guest.insn_align)];
	jump->tag = jump_tag(0x2000, 0);
	jump->code = second->code;
	enter(first);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_BREAKPOINT);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	cpu->cpu.key = 1;
	enter(first);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_NONE);
}
END_TEST

START_TEST(emit_says_when_room_is_short)
{
	end();
	for (size_t room = 0; room < 512; room += 16) {
		struct Block *block = (struct Block *)meta;
		*block = (struct Block){ .pc = 0x1000 };
		struct CodeBuffer buf = { .start = code, .end = code + room, .meta = (uint8_t *)(block + 1), .meta_end = meta + ROOM };
		memset(code, 0xcc, 1024);
		if (host_interp.emit(ir, &buf, block, NULL) == EMIT_OK)
			ck_assert(buf.start <= buf.end);
		ck_assert_uint_eq(code[room], 0xcc);
	}
	struct Block *block = (struct Block *)meta;
	struct CodeBuffer buf = { .start = code, .end = code + ROOM, .meta = (uint8_t *)(block + 1), .meta_end = (uint8_t *)(block + 1) + 8 };
	ck_assert_int_eq(host_interp.emit(ir, &buf, block, NULL), EMIT_NO_ROOM);
}
END_TEST

/* -- floating point ----------------------------------------------------------------------------------------------------- */

static uint64_t D(double d) { uint64_t bits; memcpy(&bits, &d, 8); return bits; }
static uint64_t S(float f) { uint32_t bits; memcpy(&bits, &f, 4); return bits; }

START_TEST(floating_point)
{
	static const struct { uint8_t op, type, round; double a, b, c, want; uint8_t flags; } rows[] = {
		{ IR_FADD, IR_F64, 0, 1.5, 2, 0, 3.5, 0 }, { IR_FADD, IR_F32, 0, 1.5, 2, 0, 3.5, 0 }, { IR_FSUB, IR_F64, 0, 1.5, 2, 0, -0.5, 0 },
		{ IR_FMUL, IR_F32, 0, 1.5, 2, 0, 3, 0 }, { IR_FDIV, IR_F64, ROUND_UP, 1, 3, 0, 0x1.5555555555556p-2, FPX_INEXACT },
		{ IR_FDIV, IR_F64, ROUND_DN, 1, 3, 0, 0x1.5555555555555p-2, FPX_INEXACT }, { IR_FSQRT, IR_F64, 0, 9, 0, 0, 3, 0 },
		{ IR_FSQRT, IR_F32, 0, 9, 0, 0, 3, 0 }, { IR_FMADD, IR_F64, 0, 2, 3, 1, 7, 0 }, { IR_FMSUB, IR_F64, 0, 2, 3, 1, 5, 0 },
		{ IR_FNMSUB, IR_F32, 0, 2, 3, 1, -5, 0 }, { IR_FNMADD, IR_F64, 0, 2, 3, 1, -7, 0 }, { IR_FMIN, IR_F64, 0, 2, 3, 0, 2, 0 },
		{ IR_FMAX, IR_F32, 0, 2, 3, 0, 3, 0 }, { IR_FNEG, IR_F64, 0, 2, 0, 0, -2, 0 }, { IR_FNEG, IR_F32, 0, 2, 0, 0, -2, 0 },
		{ IR_FABS, IR_F64, 0, -2, 0, 0, 2, 0 }, { IR_FABS, IR_F32, 0, -2, 0, 0, 2, 0 }, { IR_FCOPYSIGN, IR_F64, 0, 2, -3, 0, -2, 0 },
		{ IR_FCOPYSIGN, IR_F32, 0, -2, 3, 0, 2, 0 },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		bool single = rows[i].type == IR_F32;
		begin(0x1000);
		code_used = meta_used = 0;
		cpu->f[0] = single ? S(rows[i].a) : D(rows[i].a);
		cpu->f[1] = single ? S(rows[i].b) : D(rows[i].b);
		cpu->f[2] = single ? S(rows[i].c) : D(rows[i].c);
		cpu->cpu.fflags = 0;
		struct Ins *ins = ir_append(ir, rows[i].op, rows[i].type);
		ins->cond = rows[i].round;
		ins->d = F0;
		for (unsigned a = 0; a < ir_op_info[rows[i].op].nargs; a++)
			ins->a[a] = F0 + a;
		end();
		run_unit();
		ck_assert_msg(cpu->f[0] == (single ? S(rows[i].want) : D(rows[i].want)) && cpu->cpu.fflags == rows[i].flags, "row %u: %#lx", i, cpu->f[0]);
	}
}
END_TEST

START_TEST(conversions)
{
	const struct { uint8_t op, type; bool from_int, to_int; uint64_t a, want; } rows[] = {
		{ IR_FCVT_I32, IR_F64, 0, 1, D(-2), -2ull }, { IR_FCVT_U32, IR_F32, 0, 1, S(0x1p31f), 0xffffffff80000000 },
		{ IR_FCVT_I64, IR_F64, 0, 1, D(0x1p40), 1ull << 40 }, { IR_FCVT_U64, IR_F64, 0, 1, D(0x1p63), 1ull << 63 },
		{ IR_FCVTF_I32, IR_F64, 1, 0, 0xffffffff, D(-1) }, { IR_FCVTF_U32, IR_F64, 1, 0, ~0ull, D(0xffffffff) },
		{ IR_FCVTF_I64, IR_F32, 1, 0, ~0ull, S(-1) }, { IR_FCVTF_U64, IR_F64, 1, 0, 1ull << 63, D(0x1p63) },
		{ IR_FCVT_F32_F64, IR_F32, 0, 0, D(1.5), S(1.5) }, { IR_FCVT_F64_F32, IR_F64, 0, 0, S(1.5), D(1.5) },
		{ IR_FBITS, IR_F32, 0, 1, 0xffffffff12345678, 0x12345678 }, { IR_FBITS, IR_F64, 0, 1, 0xffffffff12345678, 0xffffffff12345678 },
		{ IR_BITSF, IR_F32, 1, 0, 0xffffffff12345678, 0x12345678 }, { IR_BITSF, IR_F64, 1, 0, 0xffffffff12345678, 0xffffffff12345678 },
		{ IR_FCLASS, IR_F64, 0, 1, 0x8000000000000001, 1 << 2 }, { IR_FCLASS, IR_F32, 0, 1, 0xffffffff7f800000, 1 << 7 },
		{ IR_BOX32, IR_F64, 0, 0, 0x12345678, 0xffffffff12345678 }, { IR_UNBOX32, IR_F32, 0, 0, 0xffffffff12345678, 0x12345678 },
		{ IR_UNBOX32, IR_F32, 0, 0, 0xfffffffe12345678, 0x7fc00000 },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x1000);
		code_used = meta_used = 0;
		cpu->r[0] = cpu->f[0] = rows[i].a;
		ir_into1(ir, rows[i].op, rows[i].type, rows[i].to_int ? 1 : F0 + 1, rows[i].from_int ? 0 : F0);
		end();
		run_unit();
		uint64_t got = rows[i].to_int ? cpu->r[1] : cpu->f[1];
		ck_assert_msg(got == rows[i].want, "row %u (%s): %#lx", i, ir_op_info[rows[i].op].name, got);
	}
	begin(0x1000);
	cpu->f[0] = D(1);
	cpu->f[1] = D(2);
	ir_fp(ir, IR_FEQ, IR_F64, 0, 1, F0, F0, REF_NONE);
	ir_fp(ir, IR_FLT, IR_F64, 0, 2, F0, F0 + 1, REF_NONE);
	ir_fp(ir, IR_FLE, IR_F64, 0, 3, F0 + 1, F0, REF_NONE);
	end();
	run_unit();
	ck_assert_uint_eq(cpu->r[1] << 2 | cpu->r[2] << 1 | cpu->r[3], 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("interp");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, integer_operations);
	tcase_add_test(all, every_integer_operation_has_a_row);
	tcase_add_test(all, conditions);
	tcase_add_test(all, loads_and_stores);
	tcase_add_test(all, vector_accesses);
	tcase_add_test(all, atomics);
	tcase_add_test(all, misaligned_atomics_raise);
	tcase_add_test(all, faults_are_exact);
	if (!getenv("CK_FORK") || strcmp(getenv("CK_FORK"), "no"))
		tcase_add_test_raise_signal(all, faults_of_helpers_are_not_the_guests, SIGSEGV);
	tcase_add_test(all, calls);
	tcase_add_test(all, pc_is_exact_behind_labels);
	tcase_add_test(all, loops_and_slots);
	tcase_add_test(all, exits_chain);
	tcase_add_test(all, indirect_exits_use_the_jump_cache);
	tcase_add_test(all, emit_says_when_room_is_short);
	tcase_add_test(all, floating_point);
	tcase_add_test(all, conversions);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
