/* SPDX-License-Identifier: MIT */
/* The x86-64 host: the ways in and out of translated code, functions emitted in line, flags, room and listings. */
#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/host_x86_64.h"
#include "tests/unit/suite.h"
#include "translator/cpus.h"
#include "translator/fault.h"
#include "translator/host/x86_64/leaf.h"
#include "translator/ir_eval.h"

/* -- ways in and out ----------------------------------------------------------------------------------------------------------------- */

START_TEST(chained_exits)
{
	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
	ir_into2(ir, IR_ADD, IR_I64, 15, 15, c(1));
	ir_exit_cond(ir, IR_I64, COND_LTU, 3, c(1000), 0x1000);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	ck_assert_uint_eq(block->nexits, 2);
	cpu->x[3] = cpu->x[15] = 0;
	run(&host_x86_64, block);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(block)[0]);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1000);
	ck_assert_uint_eq(cpu->x[3], 1);
	host_x86_64.chain(&block_exits(block)[0], block);
	run(&host_x86_64, block);
	ck_assert_uint_eq(cpu->x[3], 1000);
	ck_assert_uint_eq(cpu->x[15], 1000);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(block)[1]);
	host_x86_64.chain(&block_exits(block)[0], NULL);
	cpu->x[3] = 0;
	run(&host_x86_64, block);
	ck_assert_uint_eq(cpu->x[3], 1);
}
END_TEST

START_TEST(indirect_exits)
{
	start_host(HAS_ALL);
	for (uint32_t key = 0; key < 2; key++) {
		begin(0x1000);
		ir->key = key;
		ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
		ir_select(ir, IR_I64, COND_LTU, 17, 3, c(100), c(0x1000), c(0x2000));
		ir_exit_indirect(ir, 17, EXIT_RETURN, 0);
		struct Block *block = emit_with(&host_x86_64, NULL);
		struct Jump *jump = &jumps.entry[jump_index(0x1000, 1)];
		jump->tag = jump_none(jump - jumps.entry);
		cpu->x[3] = 0;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->cpu.pc, 0x1000);
		ck_assert_ptr_null(cpu->cpu.leave_site);
		jump->tag = jump_tag(0x1000, key);
		jump->code = block->code;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
		ck_assert_uint_eq(cpu->x[3], 100);
		jump->tag = jump_none(jump - jumps.entry);
	}
}
END_TEST

/* A closed poll page leaves with the exact state of the polling instruction. */
START_TEST(polling)
{
	void *page = (char *)cpu + cpu_poll_offset(&guest);

	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_fp(ir, IR_FADD, IR_F64, ROUND_NE, F0, F0, F0, REF_NONE);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_poll(ir);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	cpu->cpu.round = 0;
	struct Block *block = emit_with(&host_x86_64, NULL);
	cpu->x[3] = 1;
	cpu->f[0] = 0x3ff0000000000000;
	ck_assert_int_eq(mprotect(page, 4096, PROT_NONE), 0);
	run(&host_x86_64, block);
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_INTERRUPT);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1004);
	ck_assert_uint_eq(cpu->x[3], 6);
	ck_assert_uint_eq(cpu->f[0], 0x4000000000000000);
}
END_TEST

/* -- leaves ---------------------------------------------------------------------------------------------------------------------------- */

START_TEST(leaves)
{
	enum { A = 1 << LEAF_ARG, B = A << 1, D = A << 2, E = A << 3 };
	static const struct {
		const uint8_t *fn;
		bool good, adds;
		unsigned n, reads;
		int64_t constant;       /* -1: none */
	} rows[] = {
		{ leaf_count, true, true, 1, 0, -1 },
		{ leaf_count_far, true, true, 1, 0, -1 },
		{ leaf_count_down, true, true, 2, 0, -1 },
		{ leaf_nothing, true, true, 0, 0, 0 },
		{ leaf_sum, true, false, 3, A | B, -1 },
		{ leaf_mix, true, false, 9, A | B | D, -1 },
		{ leaf_select, true, false, 7, A | B | D, -1 },
		{ leaf_true, true, true, 0, 0, 1 },
		{ leaf_false, true, true, 0, 0, 0 },
		{ leaf_asks, true, false, 1, 1 << RAX, -1 },
		{ leaf_wild, true, false, 1, A, -1 },
		{ leaf_stack, true, true, 0, 0, -1 },
		{ not_kept, .constant = -1 }, { not_straight, .constant = -1 }, { not_vector, .constant = -1 },
		{ not_high, .constant = -1 }, { not_leaf, .constant = -1 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct Leaf *leaf = x86_leaf(rows[i].fn);
		ck_assert_msg(leaf->good == rows[i].good, "row %u", i);
		if (!leaf->good)
			continue;
		ck_assert_msg(leaf->n == rows[i].n && leaf->reads == rows[i].reads && leaf->adds == rows[i].adds,
			      "row %u: %u instructions, reads %x, adds %d", i, leaf->n, leaf->reads, leaf->adds);
		ck_assert_msg(leaf->constant == (rows[i].constant >= 0), "row %u", i);
		if (leaf->constant)
			ck_assert_uint_eq(leaf->value, rows[i].constant);
	}
}
END_TEST

/* What becomes of functions that call others. */
START_TEST(calling_leaves)
{
	static const struct {
		const uint8_t *fn;
		bool good, adds;
		unsigned n, states, guards;
	} rows[] = {
		{ api_one, true, true, 1, 1, 0 },
		{ api_float, true, true, 1, 1, 0 },
		{ api_two, true, .n = 7, .states = 2 },
		{ api_halves, true, .n = 6, .states = 1 },
		{ api_variable, true, .n = 7, .states = 1, .guards = 1 },
		{ api_count, true, true, 1, 0, 2 },
		{ api_sum, true, true, 1, 0, 3 },
		{ api_address, true, true, 2, 0, 2 },
		{ api_copy, true, .n = 5, .guards = 2 },
		{ .fn = not_escape }, { .fn = not_known }, { .fn = not_unbalanced }, { .fn = not_restored }, { .fn = not_explained },
		{ .fn = not_own }, { .fn = not_failure },
	};

	api_handle = handles;
	api_number = 3;
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct Leaf *leaf = x86_leaf(rows[i].fn);
		ck_assert_msg(leaf->good == rows[i].good, "row %u", i);
		if (leaf->good)
			ck_assert_msg(leaf->n == rows[i].n && leaf->nstates == rows[i].states && leaf->nguards == rows[i].guards &&
				      leaf->adds == rows[i].adds && leaf->calls, "row %u: %u instructions, %u registers, %u guards, adds %d", i,
				      leaf->n, leaf->nstates, leaf->nguards, leaf->adds);
	}
	/* what changes often is not taken for granted for ever; the answer stays what it was */
	const struct Leaf *first = x86_leaf(api_variable), *last = first;
	for (unsigned i = 0; i < 10000; i++) {
		api_number = i % 30;
		last = x86_leaf(api_variable);
	}
	ck_assert(!last->good && first->good && first->guard[0].value == 3);
	ck_assert(x86_leaf(api_one) == x86_leaf(api_one));
}
END_TEST

/* Bodies may store to the slots of any cpu, so nothing there is taken for granted: not even while the cpu is being made, when its memory is known and holds nothing. */
START_TEST(guards_beside_slots)
{
	translator.guest = &guest;
	struct Cpu *made = cpu_memory_take(&guest, 0);
	struct Handle *in_slots = (struct Handle *)(void *)((char *)made + cpu_slots_offset(&guest));

	ck_assert(made && !made->guest);
	api_handle = handles;
	const struct Leaf *leaf = x86_leaf(api_count);
	ck_assert(leaf->good && leaf->nguards == 2);
	*in_slots = handles[0];
	api_handle = in_slots;
	ck_assert(!x86_leaf(api_count)->good);
	api_handle = handles;
	ck_assert(x86_leaf(api_sum)->good);
}
END_TEST

/* The same address, another function. */
START_TEST(leaf_replaced)
{
	uint8_t *code = writable;
	static const uint8_t gives[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	struct FunctionFacts facts;

	for (unsigned value = 7; value < 9; value++) {
		memcpy(code, gives, sizeof gives);
		code[1] = value;
		ck_assert(host_x86_64.examine(code + exec_delta, &facts) && facts.constant && facts.empty && !facts.reads);
		ck_assert_uint_eq(facts.value, value);
	}
	code[0] = 0xe8;
	ck_assert(!host_x86_64.examine(code + exec_delta, &facts));
}
END_TEST

/* Nothing is read behind a function that is no leaf: it may end where nothing is mapped. */
START_TEST(leaf_at_end)
{
	static const struct { uint8_t code[8]; unsigned n; } rows[] = {
		{ { 0x53, 0xc3 }, 2 },                          /* push %rbx; ret */
		{ { 0xe8, 0xf0, 0xff, 0xff, 0xff }, 5 },        /* call to somewhere before */
		{ { 0xe9, 0xf0, 0xff, 0xff, 0xff }, 5 },        /* jmp likewise */
		{ { 0xcc }, 1 },
	};
	uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(pages != MAP_FAILED && mprotect(pages + 4096, 4096, PROT_NONE) == 0);
	memset(pages, 0xcc, 4096);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		uint8_t *fn = pages + 4096 - rows[i].n;
		memcpy(fn, rows[i].code, rows[i].n);
		ck_assert(!x86_leaf(fn)->good);
		ck_assert(!x86_leaf(fn)->good);
	}
	munmap(pages, 8192);
}
END_TEST

/* Additions are merged, and made up for where they are interrupted. */
START_TEST(merged_additions)
{
	void *page = (char *)cpu + cpu_poll_offset(&guest);

	start_host(HAS_ALL);
	begin(0x1000);
	for (unsigned i = 0; i < 10; i++) {
		struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->a[0] = c(3);
		ins->imm = offsetof(struct TestCpu, slot);
		ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_count, "leaf", IRC_PROBE, 0, NULL);
	}
	ir_poll(ir);
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_count, "leaf", IRC_PROBE, 0, NULL);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	ck_assert_uint_lt(block->code_size, 64);
	memset(leaf_cells, 0, sizeof leaf_cells);
	cpu->slot[0] = 0;
	run(&host_x86_64, block);
	ck_assert_uint_eq(leaf_cells[0], 11);
	ck_assert_uint_eq(cpu->slot[0], 30);
	ck_assert_int_eq(mprotect(page, 4096, PROT_NONE), 0);
	run(&host_x86_64, block);
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_INTERRUPT);
	ck_assert_uint_eq(leaf_cells[0], 21);
	ck_assert_uint_eq(cpu->slot[0], 60);
}
END_TEST

/* Where code that may look has been made before the first counter, the cache is to be emptied once as many units have counters, and then one is carried. */
START_TEST(counter_seen_late)
{
	translator.counters = true;
	start_host(HAS_ALL);
	host_x86_64.flushed();
	for (unsigned i = 0; i < 2; i++) {
		begin(0x1000);
		ir_call(ir, REF_NONE, (void *)(uintptr_t)not_vector, "looks", IRC_PROBE, 0, NULL);
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		emit_with(&host_x86_64, NULL);
	}
	for (unsigned times = 0; times < 4; times++) {
		begin(0x2000);
		struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->a[0] = c(3);
		ins->imm = offsetof(struct TestCpu, slot);
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		struct CodeBuffer buf = x86_buf;
		struct Block *block = memset(buf.meta, 0, sizeof *block);
		block->pc = 0x2000;
		buf.meta = (uint8_t *)(block + 1);
		enum EmitResult result = host_x86_64.emit(ir, &buf, block, NULL);
		ck_assert_int_eq(result, times == 1 ? EMIT_NO_ROOM : EMIT_OK);
		if (times == 1) {
			host_x86_64.flushed();
			continue;
		}
		cpu->slot[0] = 5;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->slot[0], 8);
		ck_assert(backend.carries == (times > 1) && !backend.carries_late && backend.carried.cell == offsetof(struct TestCpu, slot));
	}
	host_x86_64.flushed();
	ck_assert(!backend.carries);
	translator.counters = false;
}
END_TEST

/* What host address belongs to which function. */
START_TEST(inlined_bodies)
{
	start_host(HAS_ALL);
	begin(0x1000);
	ir_load(ir, IR_I64, MEM_64, 3, 4, 0);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_wild, "leaf", IRC_PROBE, 1, (Ref[]){ 4 });
	ir_mark(ir, 0x1008, "\1\0\0", 4);
	ir_load(ir, IR_I64, MEM_64, 3, 4, 0);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	unsigned hits = 0, pcs = 0;
	for (unsigned i = 0; i < block->code_size; i++) {
		const void *fn = host_x86_64.inlined(block, block->code + i);
		ck_assert(!fn || fn == leaf_wild);
		hits += fn != NULL;
		pcs += fn && host_x86_64.guest_pc(block, block->code + i) == 0x1004;
	}
	ck_assert_uint_ge(hits, 3);
	ck_assert_uint_eq(pcs, hits);
	ck_assert_ptr_null(host_x86_64.inlined(block, block->code));
}
END_TEST

/* A loop that has made f0 by arithmetic when it comes round, but not on the first way in. */
START_TEST(signaling_nan_enters_loop)
{
	start_host(HAS_ALL);
	begin(0x400000);
	unsigned head = ir_label(ir), skip = ir_label(ir);
	ir_emit_label(ir, head);
	ir_brcond(ir, IR_I64, COND_EQ, 1, c(3), skip);
	ir_fp(ir, IR_FADD, IR_F64, ir->round, F0, F0 + 1, F0 + 2, REF_NONE);
	ir_emit_label(ir, skip);
	ir_into2(ir, IR_SUB, IR_I64, 1, 1, c(1));
	ir_brcond(ir, IR_I64, COND_NE, 1, 2, head);
	ir_exit(ir, 0x400100, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	for (unsigned rounds = 1; rounds <= 3; rounds++) {
		cpu->x[1] = 3;
		cpu->x[2] = 3 - rounds;
		cpu->f[0] = 0x7ff0000000000001;
		cpu->f[1] = 0x3ff0000000000000;
		cpu->f[2] = 0x4000000000000000;
		cpu->cpu.fflags = 0;
		host_x86_64.fp_update(&cpu->cpu, false);
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->f[0], rounds == 1 ? 0x7ff0000000000001 : 0x4008000000000000);
		ck_assert_uint_eq(host_x86_64.fp_flags(&cpu->cpu, false), 0);
	}
}
END_TEST

/* f0 = f1 OP f2, and the flags before and behind it; known flags and traps must not show, nor when traps have become too many. */
START_TEST(flags_read_before_and_behind)
{
	static const struct { enum IrOp op; uint64_t a, b; unsigned flags; } rows[] = {
		{ IR_FDIV, 0x3ff0000000000000, 0x4008000000000000, FPX_INEXACT },
		{ IR_FMUL, 0x0000000000000003, 0x3ff0000000000000, 0 },         /* tiny and exact */
		{ IR_FMUL, 0x0000000000000003, 0x3fe0000000000000, FPX_INEXACT | FPX_UNDERFLOW },
		{ IR_FDIV, 0x3ff0000000000000, 0, FPX_DIVZERO },
		{ IR_FMUL, 0x7fe0000000000000, 0x7fe0000000000000, FPX_INEXACT | FPX_OVERFLOW },
		{ IR_FMUL, 0x7ff0000000000000, 0, FPX_INVALID },
		{ IR_FADD, 0x3ff0000000000000, 0x3ff0000000000000, 0 },
	};

	start_host(HAS_ALL);
	cpu->cpu.round = ROUND_NE;
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x400000);
		ir_append(ir, IR_FXGET, IR_I64)->d = 1;
		ir_fp(ir, rows[i].op, IR_F64, ROUND_NE, F0, F0 + 1, F0 + 2, REF_NONE);
		ir_append(ir, IR_FXGET, IR_I64)->d = 2;
		ir_exit(ir, 0x400100, EXIT_JUMP, 0);
		struct Block *block = emit_with(&host_x86_64, NULL);
		cpu->cpu.host_fp_traps = 0;
		for (unsigned times = 0; times < 2 * FP_TRAPS_MAX; times++) {
			if (times % 4 == 0) {
				cpu->cpu.fflags = 0;
				host_x86_64.fp_update(&cpu->cpu, false);
			}
			cpu->f[1] = rows[i].a;
			cpu->f[2] = rows[i].b;
			run(&host_x86_64, block);
			ck_assert_uint_eq(cpu->x[1], times % 4 ? rows[i].flags : 0);
			ck_assert_uint_eq(cpu->x[2], rows[i].flags);
			ck_assert_uint_eq(host_x86_64.fp_flags(&cpu->cpu, false), rows[i].flags);
		}
		ck_assert(cpu->cpu.host_fp_traps <= FP_TRAPS_MAX && (cpu->cpu.host_fp_traps || !rows[i].flags));
	}
}
END_TEST

/* The listing of the unit, which ends in a branch back to its start and so is a loop. */
static char *loop_listing(unsigned head)
{
	GString *text = g_string_new(NULL);

	ir_brcond(ir, IR_I64, COND_NE, 9, c(0), head);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	emit_with(&host_x86_64, text);
	return g_string_free(text, FALSE);
}

/* Carries are added where they are compared for, whatever is between and whatever the comparison is. */
START_TEST(carries_are_added)
{
	static const struct { enum IrOp op; enum IrCond cond; int64_t c; const char *want; } rows[] = {
		{ IR_ADD, COND_LTU, -1, "adc" }, { IR_ADD, COND_GEU, -1, "sbb" }, { IR_SUB, COND_LTU, -1, "sbb" }, { IR_SUB, COND_GEU, -1, "adc" },
		{ IR_ADD, COND_GTU, -1, "adc" }, { IR_ADD, COND_LEU, -1, "sbb" }, { IR_ADD, COND_EQ, 0, "adc" }, { IR_SUB, COND_NE, 0, "adc" },
		{ IR_ADD, COND_GTU, 7, "sbb" }, { IR_ADD, COND_LEU, 7, "adc" },
	};
	uint64_t *cell = (uint64_t *)(void *)memory;

	start_host(HAS_ALL);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		for (unsigned later = 0; later < 2; later++) {
			begin(0x1000);
			unsigned head = ir_label(ir);
			ir_emit_label(ir, head);
			ir_setcond(ir, IR_I64, rows[i].cond, 1, 2, rows[i].c < 0 ? 1 : c(rows[i].c));
			ir_mark(ir, 0x1004, "\1\0\0", 4);
			if (later)
				ir_store(ir, IR_I64, MEM_64, 10, 0, 11);
			ir_into2(ir, rows[i].op, IR_I64, 1, 3, 1);
			char *text = loop_listing(head);
			ck_assert_msg(strstr(text, rows[i].want) && !strstr(text, "\tset") && !strstr(text, " set"), "row %u\n%s", i, text);
			g_free(text);
		}
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x1000);
		ir_setcond(ir, IR_I64, rows[i].cond, 1, 2, rows[i].c < 0 ? 1 : c(rows[i].c));
		ir_into2(ir, rows[i].op, IR_I64, 1, 3, 1);
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		struct Block *block = emit_with(&host_x86_64, NULL);
		for (unsigned x = 0; x < 10; x++) {
			cpu->x[1] = 5;
			cpu->x[2] = x;
			cpu->x[3] = 100;
			bool set = ir_eval_cond(rows[i].cond, IR_I64, x, rows[i].c < 0 ? 5 : rows[i].c);
			run(&host_x86_64, block);
			ck_assert_msg(cpu->x[1] == (rows[i].op == IR_ADD ? 100u + set : 100u - set), "row %u of %u: %lu", i, x, cpu->x[1]);
		}
	}
	/* a fault between sees the bit */
	begin(0x1000);
	unsigned head = ir_label(ir);
	ir_emit_label(ir, head);
	ir_setcond(ir, IR_I64, COND_LTU, 1, 2, 1);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_store(ir, IR_I64, MEM_64, 10, 0, 11);
	ir_into2(ir, IR_ADD, IR_I64, 1, 3, 1);
	ir_into2(ir, IR_SUB, IR_I64, 9, 9, c(1));
	ir_brcond(ir, IR_I64, COND_NE, 9, c(0), head);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	for (unsigned less = 0; less < 2; less++)
		for (unsigned faults = 0; faults < 2; faults++) {
			cpu->x[1] = 5;
			cpu->x[2] = 5 - less;
			cpu->x[3] = 100;
			cpu->x[9] = 1;
			cpu->x[10] = (uintptr_t)(faults ? forbidden : memory);
			cpu->x[11] = 77;
			*cell = 0;
			run(&host_x86_64, block);
			ck_assert_uint_eq(cpu->cpu.cause == CAUSE_FAULT_STORE, faults);
			ck_assert_uint_eq(cpu->x[1], faults ? less : 100 + less);
			ck_assert_uint_eq(*cell, faults ? 0 : 77);
		}
}
END_TEST

/* A late value is exact at a fault where what it is made of is late, too, as an address with a base or without; it is not computed if that is assigned before
 * anybody looks. */
START_TEST(late_values_of_late_ones)
{
	start_host(HAS_ALL);
	for (unsigned based = 0; based < 2; based++) {
		begin(0x1000);
		unsigned head = ir_label(ir);
		ir_emit_label(ir, head);
		ir_into2(ir, IR_SHL, IR_I64, 3, 5, c(32));
		ir_into2(ir, IR_SHL, IR_I64, 5, 5, c(3));
		if (based)
			ir_into2(ir, IR_ADD, IR_I64, 5, 5, 6);
		ir_mark(ir, 0x1004, "\1\0\0", 4);
		ir_load(ir, IR_I64, MEM_64, 5, 5, 16);
		ir_into2(ir, IR_XOR, IR_I64, 3, 5, c(1));
		ir_into2(ir, IR_SUB, IR_I64, 9, 9, c(1));
		ir_brcond(ir, IR_I64, COND_NE, 9, c(0), head);
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		GString *text = g_string_new(NULL);
		struct Block *block = emit_with(&host_x86_64, text);
		ck_assert_msg(!strstr(text->str, "shl") && strstr(text->str, based ? "*8 + 0x10]" : "[r15*8 + 0x10]"), "%s", text->str);
		g_string_free(text, TRUE);
		for (unsigned faults = 0; faults < 2; faults++) {
			uint64_t at = (uintptr_t)(faults ? forbidden : memory);
			ck_assert_uint_eq(at & 7, 0);
			*(uint64_t *)(void *)(memory + 16) = 6;
			cpu->x[3] = 1;
			cpu->x[5] = at >> 3;
			cpu->x[6] = 0;
			cpu->x[9] = 1;
			run(&host_x86_64, block);
			ck_assert_uint_eq(cpu->cpu.cause == CAUSE_FAULT_LOAD, faults);
			ck_assert_uint_eq(cpu->x[5], faults ? at : 6);
			ck_assert_uint_eq(cpu->x[3], faults ? at >> 3 << 32 : 7);
		}
	}
}
END_TEST

/* Values that are late at a fault, in ways that depend on each other, are what the interpreter makes of them. */
START_TEST(late_values_at_faults)
{
	static struct TestCpu want;

	start_host(HAS_ALL);
	for (unsigned way = 0; way < 5; way++) {
		begin(0x1000);
		unsigned head = ir_label(ir);
		ir_emit_label(ir, head);
		switch (way) {
		case 0:         /* the first is in time again before the others are looked at */
			ir_into2(ir, IR_SHL, IR_I64, 1, 2, c(1));
			ir_into2(ir, IR_SHL, IR_I64, 3, 4, c(32));
			ir_into2(ir, IR_SHL, IR_I64, 4, 4, c(3));
			ir_into2(ir, IR_XOR, IR_I64, 1, 2, 6);
			break;
		case 1: case 2: /* a comparison with what is late, either way round */
			ir_into2(ir, IR_SHL, IR_I64, 3, 4, c(1));
			ir_setcond(ir, IR_I64, COND_LTU, 3, way == 1 ? 2 : 3, way == 1 ? 3 : 2);
			break;
		case 3:         /* what is made in two steps is made of what is late before the second, and with what is late behind it */
			ir_into2(ir, IR_SHL, IR_I64, 1, 2, c(3));
			ir_into2(ir, IR_SHL, IR_I64, 2, 2, c(1));
			ir_into2(ir, IR_ADD, IR_I64, 1, 1, 6);
			ir_into2(ir, IR_SHL, IR_I64, 6, 6, c(1));
			break;
		default:        /* in words, by the sign, with a constant */
			ir_setcond(ir, IR_I32, COND_LE, 3, 4, c(-7));
			ir_into2(ir, IR_SHL, IR_I64, 4, 4, c(9));
		}
		ir_mark(ir, 0x1004, "\1\0\0", 4);
		ir_load(ir, IR_I64, MEM_64, 7, 10, 0);
		for (unsigned i = 1; i < 7; i++)
			ir_into2(ir, IR_ADD, IR_I64, i, 7, c(i));
		ir_brcond(ir, IR_I64, COND_NE, 9, c(0), head);
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		struct Block *reference = emit_with(&host_interp, NULL), *block = emit_with(&host_x86_64, NULL);
		for (unsigned i = 0; i < 8; i++)
			for (unsigned host = 0; host < 2; host++) {
				memset(cpu->x, 0, sizeof cpu->x);
				cpu->x[2] = 12;
				cpu->x[4] = i & 1 ? -(uint64_t)i : 3 + i;
				cpu->x[6] = 77;
				cpu->x[10] = (uintptr_t)forbidden;
				run(host ? &host_x86_64 : &host_interp, host ? block : reference);
				ck_assert_uint_eq(cpu->cpu.cause, CAUSE_FAULT_LOAD);
				if (!host)
					want = *cpu;
				ck_assert_msg(!memcmp(want.x, cpu->x, sizeof want.x), "way %u of %u: %lx %lx %lx, not %lx %lx %lx", way, i, cpu->x[1], cpu->x[3], cpu->x[4],
					      want.x[1], want.x[3], want.x[4]);
			}
	}
}
END_TEST

/* Flags of a comparison do not outlive a label: who comes there from elsewhere does not have them. */
START_TEST(selections_behind_labels)
{
	start_host(HAS_ALL);
	begin(0x1000);
	unsigned head = ir_label(ir), out = ir_label(ir);
	ir_select(ir, IR_I64, COND_LTU, 1, 2, 3, 4, 1);
	ir_emit_label(ir, head);
	ir_select(ir, IR_I64, COND_LTU, 5, 2, 3, 4, 6);
	ir_brcond(ir, IR_I64, COND_EQ, 7, c(0), out);
	ir_into2(ir, IR_SUB, IR_I64, 2, 2, c(10));
	ir_into2(ir, IR_SUB, IR_I64, 7, 7, c(1));
	ir_br(ir, head);
	ir_emit_label(ir, out);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	for (unsigned i = 0; i < 4; i++) {
		cpu->x[1] = 1;
		cpu->x[2] = i & 2 ? 13 : 18;
		cpu->x[3] = 7;
		cpu->x[4] = 40;
		cpu->x[6] = 60;
		cpu->x[7] = i & 1;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->x[1], 1);
		ck_assert_uint_eq(cpu->x[5], i == 3 ? 40 : 60);
	}
}
END_TEST

/* What a late value is made of is assigned, and then somebody looks: so it is computed. */
START_TEST(late_values_whose_start_is_gone)
{
	start_host(HAS_ALL);
	begin(0x1000);
	unsigned head = ir_label(ir);
	ir_emit_label(ir, head);
	ir_into2(ir, IR_SHL, IR_I64, 3, 5, c(32));
	ir_load(ir, IR_I64, MEM_64, 5, 10, 0);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_load(ir, IR_I64, MEM_64, 4, 11, 0);
	ir_into2(ir, IR_XOR, IR_I64, 3, 5, c(1));
	ir_into2(ir, IR_SUB, IR_I64, 9, 9, c(1));
	ir_brcond(ir, IR_I64, COND_NE, 9, c(0), head);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	*(uint64_t *)(void *)memory = 6;
	cpu->x[5] = 2;
	cpu->x[9] = 1;
	cpu->x[10] = (uintptr_t)memory;
	cpu->x[11] = (uintptr_t)forbidden;
	run(&host_x86_64, block);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_FAULT_LOAD);
	ck_assert_uint_eq(cpu->x[3], (uint64_t)2 << 32);
	ck_assert_uint_eq(cpu->x[5], 6);
}
END_TEST

/* Both halves of a product are one multiplication, with each set of instructions; all ways round. */
START_TEST(products_in_pairs)
{
	static const uint64_t values[] = { 0, 1, 3, ~0ull, 1ull << 63, (1ull << 63) - 1, 0x123456789abcdef0, 0xfedcba9876543210 };
	static const unsigned features[] = { HAS_ALL, 0 };

	for (unsigned f = 0; f < 2; f++) {
		start_host(features[f]);
		for (unsigned high = IR_MULHS; high <= IR_MULHSU; high++)
			for (unsigned first = 0; first < 2; first++)
				for (unsigned d = 2; d < 20; d += 3) {
					begin(0x1000);
					ir_into2(ir, first ? IR_MUL : high, IR_I64, d, 0, 18);
					ir_into2(ir, first ? high : IR_MUL, IR_I64, 18, 0, 18);
					ir_exit(ir, 0x2000, EXIT_JUMP, 0);
					GString *text = g_string_new(NULL);
					struct Block *block = emit_with(&host_x86_64, text);
					char *one = strstr(text->str, "mul");
					ck_assert_msg(one && !strstr(one + 3, "mul"), "%s", text->str);
					g_string_free(text, TRUE);
					for (unsigned i = 0; i < G_N_ELEMENTS(values); i++)
						for (unsigned k = 0; k < G_N_ELEMENTS(values); k++) {
							uint64_t a = values[i], b = values[k], want = ir_eval(high, IR_I64, a, b);
							cpu->x[0] = a;
							cpu->x[18] = b;
							run(&host_x86_64, block);
							ck_assert_uint_eq(cpu->x[d], first ? a * b : want);
							ck_assert_uint_eq(cpu->x[18], first ? want : a * b);
						}
				}
	}
}
END_TEST

START_TEST(rooms)
{
	start_host(HAS_ALL);
	for (size_t room = 0; room < 4096; room += 40) {
		begin(0x1000);
		for (unsigned i = 0; i < 40; i++)
			ir_into2(ir, IR_DIVS, IR_I64, below(NINT), below(NINT), below(NINT));
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		struct CodeBuffer buf = x86_buf;
		struct Block *block = (struct Block *)buf.meta;
		*block = (struct Block){ .pc = 0x1000 };
		buf.meta = (uint8_t *)(block + 1);
		buf.end = buf.start + room;
		memset(buf.end, 0xaa, 64);
		enum EmitResult result = host_x86_64.emit(ir, &buf, block, NULL);
		ck_assert(result == EMIT_OK || (result == EMIT_NO_ROOM && buf.start == x86_buf.start));
		for (unsigned i = 0; i < 64; i++)
			ck_assert_uint_eq(x86_buf.start[room + i], 0xaa);
	}
}
END_TEST

START_TEST(listings)
{
	GString *text = g_string_new(NULL);

	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	emit_with(&host_x86_64, text);
	ck_assert_ptr_nonnull(strstr(text->str, "insn at 1000"));
	ck_assert_ptr_nonnull(strstr(text->str, "add     rbx, 5"));
	g_string_free(text, TRUE);
}
END_TEST
int main(void)
{
	Suite *suite = suite_create("host_x86_64");
	TCase *tests = tcase_create("ways");
	tcase_add_unchecked_fixture(tests, setup, NULL);
	tcase_add_test(tests, chained_exits);
	tcase_add_test(tests, indirect_exits);
	tcase_add_test(tests, polling);
	tcase_add_test(tests, leaves);
	tcase_add_test(tests, leaf_replaced);
	tcase_add_test(tests, leaf_at_end);
	tcase_add_test(tests, calling_leaves);
	tcase_add_test(tests, guards_beside_slots);
	tcase_add_test(tests, merged_additions);
	tcase_add_test(tests, counter_seen_late);
	tcase_add_test(tests, inlined_bodies);
	tcase_add_test(tests, signaling_nan_enters_loop);
	tcase_add_test(tests, flags_read_before_and_behind);
	tcase_add_test(tests, carries_are_added);
	tcase_add_test(tests, late_values_of_late_ones);
	tcase_add_test(tests, late_values_at_faults);
	tcase_add_test(tests, selections_behind_labels);
	tcase_add_test(tests, late_values_whose_start_is_gone);
	tcase_add_test(tests, products_in_pairs);
	tcase_add_test(tests, rooms);
	tcase_add_test(tests, listings);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
