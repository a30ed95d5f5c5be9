/* SPDX-License-Identifier: MIT */
/* Subscribers, events and the instrument pass: which instructions it inserts where. */
#include <check.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instrument/fork.h"
#include "instrument/probe.h"
#include "tests/unit/suite.h"
#include "translator/arena.h"
#include "translator/ir.h"

struct FakeCpu {
	struct Cpu cpu;
	uint64_t r[2];
	double f;
};
enum { R0, R1, F0 };
static const struct IrGlobal globals[] = {
	{ "r0", offsetof(struct FakeCpu, r[0]), IR_I64 },
	{ "r1", offsetof(struct FakeCpu, r[1]), IR_I64 },
	{ "f0", offsetof(struct FakeCpu, f), IR_F64 },
};
static const struct Guest guest = { .name = "fake", .elf_data = 1, .globals = globals, .nglobals = 3 };
static struct FakeCpu cpu;
static struct Arena arena;

static void callback(void) {}

/* -- building and reading units ------------------------------------------------------------------------------------- */

static struct Ir *begin(void)
{
	return ir_new(&arena, &guest, 0x1000, 0);
}

static void mark(struct Ir *ir, uint64_t pc)
{
	ir_mark(ir, pc, "\x13\0\0", 4);
}

static void finish(struct Ir *ir)
{
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	ir_check(ir, "test");
}

/* The unit's operations by name, calls with the name of what they call. */
static char *operations(struct Ir *ir)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < ir->nins; i++) {
		if (i)
			g_string_append_c(text, ' ');
		g_string_append(text, ir->ins[i].op == IR_CALL ? ir->calls[ir->ins[i].imm].name : ir_op_info[ir->ins[i].op].name);
	}
	return g_string_free(text, FALSE);
}

/* What the subscriber under test attaches. */
static struct {
	enum ProbePlace place;
	unsigned index;
	struct Probe probe;
} wanted[8];
static unsigned nwanted, asked;

static void on_translate(struct Subscriber *self, struct ProbeUnit *unit)
{
	(void)self;
	asked++;
	for (unsigned i = 0; i < nwanted; i++)
		probe_attach(unit, wanted[i].place, wanted[i].index, &wanted[i].probe);
}

static struct Subscriber subscriber = { .on_translate = on_translate };

static struct Probe *want(enum ProbePlace place, unsigned index, const char *name)
{
	wanted[nwanted].place = place;
	wanted[nwanted].index = index;
	wanted[nwanted].probe = (struct Probe){
		.kind = PROBE_CALL, .cond = COND_ALWAYS, .fn = callback, .name = name, .mem = PROBE_LOADS | PROBE_STORES,
	};
	return &wanted[nwanted++].probe;
}

static void check_operations(struct Ir *ir, const char *expected)
{
	instrument_unit(ir, &cpu.cpu);
	ir_check(ir, "instrument");
	char *found = g_ascii_strdown(operations(ir), -1);
	ck_assert_str_eq(found, expected);
	g_free(found);
}

static struct IrCall *call_named(struct Ir *ir, const char *name)
{
	for (unsigned i = 0; i < ir->ncalls; i++)
		if (strcmp(ir->calls[i].name, name) == 0)
			return &ir->calls[i];
	ck_abort_msg("no call of %s", name);
	return NULL;
}

/* -- tests -------------------------------------------------------------------------------------------------------------- */

START_TEST(nobody_asked)
{
	struct Ir *ir = begin();

	subscriber_remove(&subscriber);
	ck_assert(!instrument_active());
	mark(ir, 0x1000);
	finish(ir);
	const struct Ins *before = ir->ins;
	check_operations(ir, "mark exit");
	ck_assert_ptr_eq(before, ir->ins);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(blocks_and_instructions)
{
	struct Ir *ir = begin();

	mark(ir, 0x1000);
	ir_poll(ir);
	ir_into2(ir, IR_ADD, IR_I64, R0, R0, ir_const(ir, 1));
	mark(ir, 0x1004);
	ir_into2(ir, IR_ADD, IR_I64, R1, R0, R1);
	finish(ir);
	want(PROBE_INSN, 1, "second")->args[0] = ARG_PC;
	want(PROBE_INSN, 0, "first");
	want(PROBE_BLOCK, 0, "block")->args[0] = ARG_PC;
	want(PROBE_INSN, 1, "again")->access = PROBE_REGISTERS_WRITE;
	want(PROBE_INSN, 0, "fp")->fp = true;
	want(PROBE_INSN, 0, "never")->cond = COND_NEVER;
	ck_assert(instrument_active());
	check_operations(ir, "mark poll block first fp add mark second again add exit");
	ck_assert_uint_eq(call_named(ir, "block")->flags, IRC_PROBE);
	ck_assert_uint_eq(call_named(ir, "fp")->flags, IRC_PROBE | IRC_FP);
	ck_assert_uint_eq(call_named(ir, "again")->flags, IRC_PROBE | IRC_READS | IRC_WRITES);
	ck_assert_uint_eq(ir_value(ir, call_named(ir, "block")->args[0]), 0x1000);
	ck_assert_uint_eq(ir_value(ir, call_named(ir, "second")->args[0]), 0x1004);
}
END_TEST

START_TEST(slots_and_conditions)
{
	struct Ir *ir = begin();
	struct Probe *p;

	mark(ir, 0x1000);
	finish(ir);
	p = want(PROBE_INSN, 0, "add");
	p->kind = PROBE_SLOT_ADD;
	p->slot = 4096;
	p->imm = 3;
	p = want(PROBE_INSN, 0, "store");
	p->kind = PROBE_SLOT_STORE;
	p->slot = 4104;
	p = want(PROBE_INSN, 0, "cond");
	p->cond = COND_GEU;
	p->slot = 4096;
	p->imm = 100;
	p->args[0] = ARG_INDEX;
	p->args[1] = ARG_DATA;
	p->data = &cpu;
	check_operations(ir, "mark slotadd slotput get slotget cond exit");
	ck_assert_int_eq(ir->ins[1].imm, 4096);
	ck_assert_uint_eq(ir_value(ir, ir->ins[1].a[0]), 3);
	ck_assert_int_eq(ir->ins[5].cond, COND_GEU);
	ck_assert_uint_eq(ir_value(ir, ir->ins[5].a[1]), 100);
	ck_assert_uint_eq(ir_value(ir, call_named(ir, "cond")->args[1]), (uintptr_t)&cpu);
}
END_TEST

/* A load over its own base: the address must be saved before, and is computed once. */
START_TEST(load_over_base)
{
	struct Ir *ir = begin();
	struct Probe *p;

	mark(ir, 0x1000);
	ir_load(ir, IR_I64, MEM_32 | MEM_SIGNED, R0, R0, 8);
	finish(ir);
	p = want(PROBE_MEM_AFTER, 0, "after");
	p->want_value = true;
	p->args[0] = ARG_VADDR;
	p->args[1] = ARG_SIZE;
	p->args[2] = ARG_IS_STORE;
	p->args[3] = ARG_MEMINFO;
	check_operations(ir, "mark mov load put add after exit");
	struct IrCall *call = call_named(ir, "after");
	ck_assert_uint_eq(ir->ins[4].a[0], ir->ins[1].d);
	ck_assert_uint_eq(call->args[0], ir->ins[4].d);
	ck_assert_uint_eq(ir_value(ir, call->args[1]), 4);
	ck_assert_uint_eq(ir_value(ir, call->args[2]), 0);
	ck_assert_uint_eq(ir_value(ir, call->args[3]), MEM_32 | PROBE_MEMINFO_SIGNED);
	ck_assert_int_eq(ir->ins[3].imm, offsetof(struct Cpu, mem_value));
}
END_TEST

START_TEST(before_accesses)
{
	struct Ir *ir = begin();
	struct Probe *p;

	mark(ir, 0x1000);
	ir_load(ir, IR_I64, MEM_64, R0, R1, 0);
	ir_store(ir, IR_I64, MEM_8, R1, -4, R0);
	mark(ir, 0x1004);
	ir_store(ir, IR_F64, MEM_64, ir_const(ir, 0x5000), 16, F0);
	finish(ir);
	want(PROBE_MEM_BEFORE, 0, "loads")->mem = PROBE_LOADS;
	p = want(PROBE_MEM_BEFORE, 0, "all");
	p->args[0] = ARG_VADDR;
	p = want(PROBE_MEM_BEFORE, 1, "second");
	p->args[0] = ARG_VADDR;
	check_operations(ir, "mark loads all load add all store mark second store exit");
	ck_assert_uint_eq(ir->calls[1].args[0], R1);
	ck_assert_uint_eq(ir_value(ir, call_named(ir, "second")->args[0]), 0x5010);
}
END_TEST

/* Values: a float load, a load without result, atomics whose result overwrites the operand. */
START_TEST(values)
{
	struct Ir *ir = begin();

	mark(ir, 0x1000);
	ir_load(ir, IR_F64, MEM_64, F0, R0, 0);
	mark(ir, 0x1004);
	ir_load(ir, IR_I64, MEM_64, REF_NONE, R0, 0);
	mark(ir, 0x1008);
	ir_atomic(ir, IR_FADDI, IR_I64, MEM_32 | MEM_SIGNED, R1, R0, R1, REF_NONE);
	mark(ir, 0x100c);
	ir_atomic(ir, IR_CMPXCHG, IR_I64, MEM_64, R0, R0, R1, ir_const(ir, 7));
	finish(ir);
	for (unsigned i = 0; i < 4; i++)
		want(PROBE_MEM_AFTER, i, "v")->want_value = true;
	instrument_unit(ir, &cpu.cpu);
	ir_check(ir, "instrument");
	char *text = g_ascii_strdown(operations(ir), -1);
	ck_assert_str_eq(text, "mark load fbits put v mark load put v mark mov faddi put v add put v "
			       "mark mov cmpxchg put v select put v exit");
	ck_assert_uint_ne(ir->ins[6].d, REF_NONE);
	ck_assert_int_eq(ir->ins[14].type, IR_I32);
	ck_assert_uint_eq(ir->ins[14].a[1], ir->ins[10].d);
	g_free(text);
}
END_TEST

static unsigned told[3];
static void on_init(struct Subscriber *self, struct Cpu *c) { (void)self, (void)c; told[0]++; }
static bool on_syscall(struct Subscriber *self, struct Cpu *c, int64_t n, const uint64_t *args, uint64_t *result)
{
	(void)c, (void)args;
	told[1]++;
	*result = (uintptr_t)self->data;
	return n == 7;
}
static void on_exit_event(struct Subscriber *self) { (void)self; told[2]++; }

START_TEST(events)
{
	struct Subscriber a = { .data = (void *)1, .on_cpu_init = on_init, .on_syscall = on_syscall, .on_exit = on_exit_event };
	struct Subscriber b = { .data = (void *)2, .on_syscall = on_syscall, .on_exit = on_exit_event };
	uint64_t args[6] = { 0 }, result = 0;

	instrument_cpu_init(&cpu.cpu);
	ck_assert_uint_eq(told[0], 0);
	subscriber_add(&a);
	subscriber_add(&b);
	instrument_cpu_init(&cpu.cpu);
	ck_assert_uint_eq(told[0], 1);
	ck_assert(!instrument_syscall(&cpu.cpu, 3, args, &result));
	ck_assert(instrument_syscall(&cpu.cpu, 7, args, &result));
	ck_assert_uint_eq(result, 1);
	ck_assert_uint_eq(told[1], 4);
	subscriber_remove(&a);
	ck_assert(instrument_syscall(&cpu.cpu, 7, args, &result));
	ck_assert_uint_eq(result, 2);
	instrument_exit();
	instrument_exit();
	ck_assert_uint_eq(told[2], 1);
}
END_TEST

static void subscribe(void) { subscriber_add(&subscriber); nwanted = asked = 0; }
static void unsubscribe(void) { subscriber_remove(&subscriber); arena_free(&arena); arena = (struct Arena){ 0 }; }

static pthread_mutex_t kept = PTHREAD_MUTEX_INITIALIZER;
static bool held_in_child;

static void look(void)
{
	held_in_child = pthread_mutex_trylock(&kept) == EBUSY;
}

static bool is_free(void)
{
	return pthread_mutex_trylock(&kept) == 0 && pthread_mutex_unlock(&kept) == 0;
}

START_TEST(locks_are_held_over_forks)
{
	int status;

	fork_keeps(&kept, look);
	fork_prepare();
	ck_assert(!is_free());
	fork_done(false);
	ck_assert(is_free() && !held_in_child);
	fork_prepare();
	fork_done(true);
	ck_assert(is_free() && held_in_child);
	held_in_child = false;
	pid_t pid = fork();
	if (pid == 0)
		_exit(!(held_in_child && is_free()));
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	ck_assert(is_free() && !held_in_child);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *pass = tcase_create("pass"), *rest = tcase_create("events");

	tcase_add_checked_fixture(pass, subscribe, unsubscribe);
	tcase_add_test(pass, nobody_asked);
	tcase_add_test(pass, blocks_and_instructions);
	tcase_add_test(pass, slots_and_conditions);
	tcase_add_test(pass, load_over_base);
	tcase_add_test(pass, before_accesses);
	tcase_add_test(pass, values);
	tcase_add_test(rest, events);
	tcase_add_test(rest, locks_are_held_over_forks);
	suite_add_tcase(suite, pass);
	suite_add_tcase(suite, rest);
	return run_suite(suite);
}
