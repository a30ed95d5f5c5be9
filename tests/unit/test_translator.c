/* SPDX-License-Identifier: MIT */
/* Cpus, run loop and code cache, with a guest of a few instructions made up for it, on every host of this build. */
#include <check.h>
#include <glib.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "instrument/probe.h"
#include "target/guest.h"
#include "tests/unit/suite.h"
#include "translator/host/host.h"
#include "translator/kept.h"
#include "translator/region.h"
#include "translator/translate.h"
#include "translator/translator.h"

/* -- the guest ------------------------------------------------------------------------------------------------------ */

/* Four registers. Operands D are a signed byte, relative to the instruction.
 *
 *   i      r0 += 1
 *   a N    r0 += N
 *   j D    jump
 *   z D    r1 -= 1, jump if it is not 0 then
 *   o D    jump if r0 is odd
 *   k D    call: r2 = what is behind it, jump
 *   e      return: jump to r2
 *   r      jump to r2
 *   d      r0 /= r2
 *   s      store the low byte of r0 at r3
 *   l      load the byte at r3 to r0
 *   c      call a function that raises CAUSE_BREAKPOINT
 *   h      call the function on_helper
 *   x      raise CAUSE_SYSCALL: ends the run
 */
struct TestCpu {
	struct Cpu cpu;
	uint64_t r[4];
};

#define R(n) { "r" #n, offsetof(struct TestCpu, r[n]), IR_I64 }
static const struct IrGlobal globals[] = { R(0), R(1), R(2), R(3) };
#undef R
static const uint8_t hot[] = { 0, 1, 2, 3 };
static const struct Guest test_guest;

static uint64_t *registers(struct Cpu *cpu)
{
	return ((struct TestCpu *)cpu)->r;
}

static uint64_t raise_breakpoint(uint64_t cpu)
{
	cpu_raise((struct Cpu *)(uintptr_t)cpu, CAUSE_BREAKPOINT, 0);
}

static void (*on_helper)(struct Cpu *cpu);

static uint64_t call_helper(uint64_t cpu)
{
	on_helper((struct Cpu *)(uintptr_t)cpu);
	return 0;
}

static unsigned insn_length(const uint8_t *bytes, unsigned available)
{
	(void)available;
	return bytes[0] && strchr("ajzok", bytes[0]) ? 2 : 1;
}

static bool insn_polls(const struct IrInsn *insn)
{
	return insn->bytes[0] == 'r' || insn->bytes[0] == 'e' || (insn->length == 2 && insn->bytes[0] != 'a' && (int8_t)insn->bytes[1] <= 0);
}

static enum TranslateResult translate_insn(struct Ir *ir, const struct IrInsn *insn)
{
	static const Ref self[] = { REF_CPU };
	uint64_t target = insn->pc + (int8_t)insn->bytes[1], next = insn->pc + insn->length;

	switch (insn->bytes[0]) {
	case 'i':
		ir_into2(ir, IR_ADD, IR_I64, 0, 0, ir_const(ir, 1));
		return TRANSLATE_NEXT;
	case 'a':
		ir_into2(ir, IR_ADD, IR_I64, 0, 0, ir_const(ir, insn->bytes[1]));
		return TRANSLATE_NEXT;
	case 'j':
		ir_exit(ir, target, EXIT_JUMP, 0);
		return TRANSLATE_END;
	case 'z':
		ir_into2(ir, IR_SUB, IR_I64, 1, 1, ir_const(ir, 1));
		ir_exit_cond(ir, IR_I64, COND_NE, 1, ir_const(ir, 0), target);
		ir_exit(ir, next, EXIT_JUMP, 0);
		return TRANSLATE_END;
	case 'o':
		ir_exit_cond(ir, IR_I64, COND_NE, ir_op2(ir, IR_AND, IR_I64, 0, ir_const(ir, 1)), ir_const(ir, 0), target);
		ir_exit(ir, next, EXIT_JUMP, 0);
		return TRANSLATE_END;
	case 'k':
		ir_into1(ir, IR_MOV, IR_I64, 2, ir_const(ir, next));
		ir_exit(ir, target, EXIT_CALL, next);
		return TRANSLATE_END;
	case 'e':
		ir_exit_indirect(ir, 2, EXIT_RETURN, 0);
		return TRANSLATE_END;
	case 'd':
		ir_into2(ir, IR_DIVU, IR_I64, 0, 0, 2);
		return TRANSLATE_NEXT;
	case 'r':
		ir_exit_indirect(ir, 2, EXIT_JUMP, 0);
		return TRANSLATE_END;
	case 's':
		ir_store(ir, IR_I64, MEM_8, 3, 0, 0);
		return TRANSLATE_NEXT;
	case 'l':
		ir_load(ir, IR_I64, MEM_8, 0, 3, 0);
		return TRANSLATE_NEXT;
	case 'c':
		ir_call(ir, REF_NONE, raise_breakpoint, "raise_breakpoint", IRC_READS | IRC_RAISES, 1, self);
		return TRANSLATE_NEXT;
	case 'h':
		ir_call(ir, REF_NONE, call_helper, "call_helper", IRC_READS, 1, self);
		return TRANSLATE_NEXT;
	case 'x':
		ir_raise(ir, CAUSE_SYSCALL);
		return TRANSLATE_END;
	default:
		ir_raise(ir, CAUSE_ILLEGAL);
		return TRANSLATE_END;
	}
}

static void disassemble(uint64_t pc, const uint8_t *bytes, unsigned length, GString *text)
{
	(void)pc;
	g_string_append_printf(text, length == 2 ? "%c %d" : "%c", bytes[0], (int8_t)bytes[1]);
}

static void reset(struct Cpu *cpu) { memset(registers(cpu), 0, sizeof ((struct TestCpu *)0)->r); }
static uint32_t block_key(const struct Cpu *cpu) { (void)cpu; return 0; }
static uint8_t key_round(uint32_t key) { (void)key; return ROUND_NE; }

static const struct Guest test_guest = {
	.name = "test", .elf_data = 1, .insn_align = 0, .insn_max = 2, .cpu_size = sizeof(struct TestCpu),
	.globals = globals, .nglobals = G_N_ELEMENTS(globals), .hot = hot, .nhot = G_N_ELEMENTS(hot),
	.reset = reset, .insn_length = insn_length, .translate_insn = translate_insn, .disassemble = disassemble,
	.block_key = block_key, .key_round = key_round, .insn_polls = insn_polls,
};

/* -- its environment ------------------------------------------------------------------------------------------------- */

enum { PAGE = 4096, PAGES = 64 };

/* Memory of PAGES pages and, behind it, one that nobody may touch. Guest addresses are host addresses. */
static uint8_t *memory;
static uint64_t base, executable_end;
static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;
static bool has_code[PAGES], guarded[PAGES];

static atomic_uint interrupts, breakpoints;
static atomic_bool stop;

/* If not 0, the byte there is one of two, each time it is fetched the other: somebody writes it by way of another mapping. */
static uint64_t changing;
static uint8_t changes_to[2];

static size_t fetch(uint64_t addr, void *buf, size_t len)
{
	if (addr < base || addr >= executable_end)
		return 0;
	len = MIN(len, executable_end - addr);
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	if (changing && changing - addr < len) {
		uint8_t now = changes_to[0];
		((uint8_t *)buf)[changing - addr] = changes_to[0] = changes_to[1];
		changes_to[1] = now;
	}
	return len;
}

static void code_made(uint64_t addr)
{
	unsigned page = (addr - base) / PAGE;

	if (addr < base || page >= PAGES)
		return;
	pthread_mutex_lock(&pages_lock);
	has_code[page] = guarded[page] = true;
	mprotect(memory + page * PAGE, PAGE, PROT_READ);
	pthread_mutex_unlock(&pages_lock);
}

static void code_dropped(uint64_t addr)
{
	pthread_mutex_lock(&pages_lock);
	if (addr >= base && addr < base + PAGES * PAGE)
		has_code[(addr - base) / PAGE] = false;
	pthread_mutex_unlock(&pages_lock);
}

static bool code_written(struct Cpu *cpu, uint64_t addr)
{
	unsigned page = (addr - base) / PAGE;
	(void)cpu;

	if (addr < base || page >= PAGES)
		return false;
	pthread_mutex_lock(&pages_lock);
	bool ours = guarded[page];
	guarded[page] = false;
	mprotect(memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
	pthread_mutex_unlock(&pages_lock);
	if (ours)
		cache_invalidate(base + page * PAGE, PAGE);
	return ours;
}

/* What the guest writes, written by the test. */
static void poke(unsigned at, const void *bytes, size_t length)
{
	for (unsigned page = at / PAGE; page <= (at + length - 1) / PAGE; page++)
		code_written(NULL, base + page * PAGE);
	memcpy(memory + at, bytes, length);
}

static bool on_exception(struct Cpu *cpu)
{
	if (cpu->cause != CAUSE_BREAKPOINT)
		return false;
	breakpoints++;
	cpu->pc++;
	return true;
}

static bool on_interrupt(struct Cpu *cpu)
{
	(void)cpu;
	interrupts++;
	return !stop;
}

static bool copy_memory(struct Cpu *cpu, uint64_t addr, void *buf, size_t len)
{
	(void)cpu;
	memcpy(buf, (const void *)(uintptr_t)addr, len);
	return true;
}

/* What the environment was told of last, kept by the exception that ended the run on this thread. */
static _Thread_local struct { enum Cause cause; uint64_t pc, fault_addr; } ended;

static bool keep_exception(struct Cpu *cpu)
{
	bool go_on = on_exception(cpu);

	if (!go_on) {
		ended.cause = cpu->cause;
		ended.pc = cpu->pc;
		ended.fault_addr = cpu->fault_addr;
	}
	return go_on;
}

static bool write_memory(struct Cpu *cpu, uint64_t addr, const void *buf, size_t len)
{
	(void)cpu;
	poke(addr - base, buf, len);
	return true;
}

static const struct Environment environment = {
	.fetch = fetch, .code_made = code_made, .code_dropped = code_dropped, .code_written = code_written,
	.exception = keep_exception, .interrupt = on_interrupt, .read_memory = copy_memory, .write_memory = write_memory,
};

/* -- running ----------------------------------------------------------------------------------------------------------- */

/* Sets the translator up for host number WHICH of this build, with more -accel options. */
static void start(int which, const char *more)
{
	char *error = NULL, *accel = g_strconcat(hosts[which]->name, more, NULL);
	struct TranslatorOptions options = { .accel = accel };

	memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(memory != MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + PAGES * PAGE, PAGE, PROT_NONE), 0);
	base = (uintptr_t)memory;
	executable_end = base + PAGES * PAGE;
	memset(memory, 'x', PAGES * PAGE);
	memset(has_code, 0, sizeof has_code);
	memset(guarded, 0, sizeof guarded);
	interrupts = breakpoints = 0;
	stop = false;
	ck_assert_msg(translator_init(&options, &test_guest, &environment, &error), "%s", error);
	g_free(accel);
}

static struct Cpu *new_cpu(void)
{
	struct Cpu *cpu = cpu_new(&test_guest, &environment, NULL);

	cpu->pc = base;
	return cpu;
}

/* Runs a new cpu from the beginning of memory; returns r0. */
static uint64_t run_with(uint64_t r1, uint64_t r2, uint64_t r3)
{
	struct Cpu *cpu = new_cpu();

	registers(cpu)[1] = r1;
	registers(cpu)[2] = r2;
	registers(cpu)[3] = r3;
	cpu_run(cpu);
	uint64_t result = registers(cpu)[0];
	cpu_free(cpu);
	return result;
}

static struct CacheStatistics statistics(void)
{
	struct CacheStatistics s;

	cache_statistics(&s);
	return s;
}

struct Runner {
	pthread_t thread;
	struct Cpu *cpu;
};

static void *run_thread(void *data)
{
	struct Runner *runner = data;

	cpu_run(runner->cpu);
	return NULL;
}

static void run_in_thread(struct Runner *runner, uint64_t pc, uint64_t r1)
{
	runner->cpu = new_cpu();
	runner->cpu->pc = pc;
	registers(runner->cpu)[1] = r1;
	ck_assert_int_eq(pthread_create(&runner->thread, NULL, run_thread, runner), 0);
}

static void wait_until(atomic_uint *counter, unsigned value)
{
	for (unsigned waited = 0; atomic_load(counter) < value; waited++) {
		ck_assert_msg(waited < 200000, "no answer");
		g_usleep(waited < 100 ? 0 : 50);
	}
}

/* -- translating -------------------------------------------------------------------------------------------------------- */

START_TEST(a_line_of_code_is_one_block)
{
	start(_i, "");
	poke(0, "iia\005ix", 6);
	ck_assert_uint_eq(run_with(0, 0, 0), 8);
	ck_assert_int_eq(ended.cause, CAUSE_SYSCALL);
	ck_assert_uint_eq(ended.pc, base + 5);
	ck_assert_uint_eq(statistics().blocks, 1);
	ck_assert_uint_eq(statistics().guest_insns, 5);
	ck_assert_uint_eq(statistics().guest_bytes, 6);
	ck_assert(has_code[0]);
	const struct Block *block = cache_find(base, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(block->guest_size, 6);
	ck_assert_ptr_null(cache_find(base + 1, 0));
	ck_assert_ptr_null(cache_find(base, 1));
}
END_TEST

START_TEST(unknown_bytes_raise_with_exact_state)
{
	start(_i, "");
	poke(0, "ii?", 3);
	ck_assert_uint_eq(run_with(0, 0, 0), 2);
	ck_assert_int_eq(ended.cause, CAUSE_ILLEGAL);
	ck_assert_uint_eq(ended.pc, base + 2);
}
END_TEST

START_TEST(hot_loops_become_regions)
{
	start(_i, "");
	poke(0, "ij\003iix", 6);
	poke(4, "iz\xfb" "x", 4);
	ck_assert_uint_eq(run_with(100000, 0, 0), 200000);
	const struct Block *block = cache_find(base, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert(block->region);
	ck_assert_uint_eq(block->guest_size, 6);
	/* its code changes: the region goes with it */
	cache_invalidate(base + 4, 1);
	ck_assert_ptr_null(cache_find(base, 0));
}
END_TEST

static bool is_region(void)
{
	const struct Block *block = cache_find(base, 0);

	return block && block->region;
}

START_TEST(regions_that_assume_wrongly_go)
{
	start(_i, "");
	poke(0, "a\144dz\xfdx", 6);
	ck_assert_uint_eq(run_with(50, 3, 0), 49);
	ck_assert(!is_region());
	ck_assert_uint_eq(run_with(100000, 3, 0), 49);
	ck_assert(is_region());
	/* others that enter it with the same stay */
	uint64_t invalidations = statistics().invalidations;
	ck_assert_uint_eq(run_with(50, 3, 0), 49);
	ck_assert(is_region());
	ck_assert_uint_eq(statistics().invalidations, invalidations);
	ck_assert_uint_eq(run_with(50, 4, 0), 33);
	ck_assert(!is_region());
	/* the next one does without */
	ck_assert_uint_eq(run_with(100000, 4, 0), 33);
	ck_assert(is_region());
	invalidations = statistics().invalidations;
	ck_assert_uint_eq(run_with(50, 5, 0), 24);
	ck_assert_uint_eq(run_with(50, 3, 0), 49);
	ck_assert_uint_eq(run_with(50, 0, 0), UINT64_MAX);
	ck_assert(is_region());
	ck_assert_uint_eq(statistics().invalidations, invalidations);
	/* another program may be at the same address some day */
	cache_flush();
	ck_assert(!is_region());
	ck_assert_uint_eq(run_with(100000, 4, 0), 33);
	ck_assert_uint_eq(run_with(50, 3, 0), 49);
	ck_assert(!is_region());
}
END_TEST

START_TEST(regions_that_assume_wrongly_come_back)
{
	struct Cpu *cpu;

	start(_i, ",heat=64");
	poke(0, "a\144dz\xfdx", 6);
	poke(64, "j\xc0", 2);
	ck_assert_uint_eq(run_with(1000, 3, 0), 49);
	ck_assert(is_region());
	/* a branch back that is not in it is hot, too: it need not count any more */
	for (unsigned i = 0; i < 100; i++) {
		cpu = new_cpu();
		cpu->pc = base + 64;
		registers(cpu)[1] = 1;
		registers(cpu)[2] = 3;
		cpu_run(cpu);
		cpu_free(cpu);
	}
	ck_assert(is_region());
	ck_assert_uint_eq(run_with(50, 4, 0), 33);
	ck_assert(!is_region());
	ck_assert_uint_eq(run_with(1000, 4, 0), 33);
	ck_assert(is_region());
}
END_TEST

/* A loop at AT + 1, and the function that it calls at AT + 16: of that, what is at AT + 24 and takes more than fits in a region if r0 is odd, else WAY. Leaves 111 at least in r0, and
 * adds 2 or what WAY does in each round but the first. */
static void poke_large_function_at(unsigned at, const char *way)
{
	char large[112];

	memset(large, 'i', 111);
	large[111] = 'e';
	poke(at, "ik\017z\xfex", 6);
	poke(at + 16, "o\010", 2);
	poke(at + 18, way, 3);
	poke(at + 24, large, sizeof large);
}

static void poke_large_function(const char *way)
{
	poke_large_function_at(0, way);
}

START_TEST(of_large_functions_regions_have_what_is_executed)
{
	start(_i, "");
	poke_large_function("a\002e");
	ck_assert_uint_eq(run_with(100000, 0, 0), 112 + 2 * 99999);
	const struct Block *block = cache_find(base + 1, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert(block->region && block->chosen);
	ck_assert_uint_eq(block->ninsns, 5);
	/* nothing counts any more: what is executed again is translated again, and the region is left on the way that it has not */
	ck_assert_uint_eq(run_with(10, 0, 0), 112 + 2 * 9);
	ck_assert(cache_find(base + 1, 0) == block);
	/* it goes with the function's code */
	poke(19, "\004", 1);
	ck_assert_ptr_null(cache_find(base + 1, 0));
	ck_assert_uint_eq(run_with(100000, 0, 0), 112 + 4 * 99999);
}
END_TEST

START_TEST(regions_have_all_of_large_functions_that_is_executed)
{
	start(_i, "");
	/* each way in turn */
	poke_large_function("a\001e");
	ck_assert_uint_eq(run_with(100000, 0, 0), 112 * 50000 + 1);
	const struct Block *block = cache_find(base + 1, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert(block->region);
	ck_assert_uint_eq(block->ninsns, 5 + 112);
}
END_TEST

START_TEST(regions_follow_what_is_executed)
{
	char large[111];

	start(_i, "");
	memset(large, 'i', 110);
	large[110] = 'e';
	poke(PAGE, "k\017z\xfex", 5);
	poke(PAGE + 15, "o\010a\002e", 5);
	poke(PAGE + 23, large, sizeof large);
	/* begins with both ways, then takes one for long, then the other */
	poke(0, "ir", 2);
	ck_assert_uint_eq(run_with(10, base + PAGE, 0), 1 + 110 * 10);
	poke(0, "iir", 3);
	ck_assert_uint_eq(run_with(100000, base + PAGE, 0), 2 + 2 * 100000);
	ck_assert(cache_find(base + PAGE, 0)->chosen);
	ck_assert_uint_eq(cache_find(base + PAGE, 0)->ninsns, 5);
	poke(0, "ir", 2);
	ck_assert_uint_eq(run_with(100000, base + PAGE, 0), 1 + 110 * 100000);
	ck_assert(cache_find(base + PAGE, 0)->chosen);
	ck_assert_uint_eq(cache_find(base + PAGE, 0)->ninsns, 3 + 111);
	/* once only */
	poke(0, "iir", 3);
	ck_assert_uint_eq(run_with(100000, base + PAGE, 0), 2 + 2 * 100000);
	ck_assert_uint_eq(cache_find(base + PAGE, 0)->ninsns, 3 + 111);
}
END_TEST

/* Two loops that are hot in turn, of which little more is known than of one. */
START_TEST(each_large_loop_has_a_census)
{
	unsigned at[2] = { 0, PAGE };

	start(_i, ",heat=64");
	while (heat_index(base + at[1] + 1) % 64 != heat_index(base + 1) % 64 || heat_index(base + at[1] + 1) == heat_index(base + 1))
		at[1]++;
	for (unsigned k = 0; k < 2; k++)
		poke_large_function_at(at[k], "a\002e");
	for (unsigned i = 0; i < 100; i++) {
		struct Cpu *cpu = new_cpu();
		cpu->pc = base + at[i % 2];
		registers(cpu)[1] = 70;
		cpu_run(cpu);
		ck_assert_uint_eq(registers(cpu)[0], 112 + 2 * 69);
		cpu_free(cpu);
	}
	for (unsigned k = 0; k < 2; k++) {
		const struct Block *block = cache_find(base + at[k] + 1, 0);
		ck_assert_ptr_nonnull(block);
		ck_assert(block->region && block->chosen);
	}
}
END_TEST

START_TEST(without_a_census_loops_that_call_large_functions_are_blocks)
{
	start(_i, ",census=off");
	poke_large_function("a\002e");
	ck_assert_uint_eq(run_with(100000, 0, 0), 112 + 2 * 99999);
	ck_assert_uint_eq(statistics().regions, 0);
}
END_TEST

START_TEST(regions_are_of_one_version_of_changing_code)
{
	start(_i, ",heat=64");
	/* the jump at 2 leads to 8 or to 16 */
	poke(0, "a\002j\006", 4);
	poke(8, "iij\016", 4);
	poke(16, "j\010", 2);
	poke(24, "z\xe8x", 3);
	changing = base + 3;
	memcpy(changes_to, "\006\016", 2);
	run_with(1000, 0, 0);
	changing = 0;
	/* whichever is found unchanged later does what it says */
	poke(3, "\016", 1);
	ck_assert_uint_eq(run_with(10, 0, 0), 20);
	poke(3, "\006", 1);
	ck_assert_uint_eq(run_with(10, 0, 0), 40);
}
END_TEST

/* Whether the translator keeps what it knows of the indirect jumps at A and B in one place. */
static bool share_a_site(unsigned a, unsigned b)
{
	const uint64_t factor = 0x9e3779b97f4a7c15ull;

	return (base + a) * factor >> (64 - SITES_BITS) == (base + b) * factor >> (64 - SITES_BITS);
}

START_TEST(jumps_that_share_a_place_do_not_delay_regions)
{
	enum { FUNCTION = 110 };
	unsigned one = 13, other;

	start(_i, ",heat=64");
	/* a jump in the loop and one in the function that it calls twice */
	for (;; one++) {
		ck_assert_msg(one < FUNCTION - 2, "no two jumps share a place");
		for (other = FUNCTION + 5; other <= FUNCTION + 127 && !share_a_site(one, other); other++)
			;
		if (other <= FUNCTION + 127)
			break;
	}
	/* both are executed once; the loop: k z from 1 to 8 */
	poke(0, "ik", 2);
	poke(2, (char []){ FUNCTION - 1, 'o', one - 1 - 3, 'k', FUNCTION - 5, 'z', -6 }, 7);
	poke(one - 1, "ir", 2);
	poke(FUNCTION, (char []){ 'o', other - FUNCTION, 'e' }, 3);
	poke(other, "r", 1);
	ck_assert_uint_eq(run_with(2000, 0, 0), 2);
	const struct Block *block = cache_find(base + 1, 0);
	ck_assert_ptr_nonnull(block);
	ck_assert(block->region);
}
END_TEST

START_TEST(loops_are_chained)
{
	start(_i, ",regions=off");
	/* two blocks that jump to each other, 10000 times */
	poke(0, "ij\003iix", 6);
	poke(4, "iz\xfb" "x", 4);
	ck_assert_uint_eq(run_with(10000, 0, 0), 20000);
	ck_assert_uint_le(statistics().blocks, 3);
	ck_assert_uint_ge(statistics().chains, 2);
	ck_assert_uint_le(statistics().chains, 3);
}
END_TEST

START_TEST(without_chaining_the_result_is_the_same)
{
	start(_i, ",chain=off");
	poke(0, "ij\003iix", 6);
	poke(4, "iz\xfb" "x", 4);
	ck_assert_uint_eq(run_with(10000, 0, 0), 20000);
	ck_assert_uint_eq(statistics().chains, 0);
}
END_TEST

START_TEST(indirect_jumps_arrive)
{
	start(_i, "");
	poke(0, "iz\003xr", 5);
	ck_assert_uint_eq(run_with(5000, base, 0), 5000);
	ck_assert_uint_le(statistics().blocks, 3);
}
END_TEST

START_TEST(blocks_end_at_their_limit)
{
	start(_i, ",max-insns=3");
	poke(0, "iiiiiiix", 8);
	ck_assert_uint_eq(run_with(0, 0, 0), 7);
	ck_assert_uint_eq(statistics().blocks, 3);
	ck_assert_uint_eq(cache_find(base, 0)->ninsns, 3);
}
END_TEST

START_TEST(code_longer_than_a_page)
{
	enum { LENGTH = 5 * PAGE + 17 };

	start(_i, ",max-insns=512");
	char *code = g_malloc(LENGTH);
	memset(code, 'i', LENGTH);
	poke(0, code, LENGTH);
	g_free(code);
	ck_assert_uint_eq(run_with(0, 0, 0), LENGTH);
	ck_assert_uint_eq(statistics().guest_bytes, LENGTH + 1);
	for (unsigned page = 0; page < 6; page++) {
		const struct Block *block = cache_find(base + page * PAGE, 0);
		ck_assert_ptr_nonnull(block);
		ck_assert_uint_le(block->guest_size, 512);
		ck_assert(has_code[page]);
	}
}
END_TEST

START_TEST(an_instruction_reaches_into_the_next_page)
{
	uint64_t border;

	start(_i, "");
	border = base + PAGE - 1;
	poke(PAGE - 1, "a\007ix", 4);
	poke(0, "r", 1);
	ck_assert_uint_eq(run_with(0, border, 0), 8);
	/* it is the last of its block, which belongs to both pages */
	ck_assert_uint_eq(cache_find(border, 0)->ninsns, 1);
	ck_assert(has_code[0] && has_code[1]);
	poke(PAGE, "\011", 1);
	ck_assert_ptr_null(cache_find(border, 0));
	ck_assert_ptr_nonnull(cache_find(base, 0));
	ck_assert_uint_eq(run_with(0, border, 0), 10);
	poke(PAGE - 1, "x", 1);
	ck_assert_uint_eq(run_with(0, border, 0), 0);
}
END_TEST

START_TEST(executable_memory_ends)
{
	start(_i, "");
	executable_end = base + 10;
	poke(0, "iiiiiiiiiiii", 12);
	ck_assert_uint_eq(run_with(0, 0, 0), 10);
	ck_assert_int_eq(ended.cause, CAUSE_FAULT_FETCH);
	ck_assert_uint_eq(ended.pc, base + 10);
	ck_assert_uint_eq(ended.fault_addr, base + 10);
	/* an instruction that is there in part does not execute */
	poke(9, "a\007", 2);
	ck_assert_uint_eq(run_with(0, 0, 0), 9);
	ck_assert_int_eq(ended.cause, CAUSE_FAULT_FETCH);
	ck_assert_uint_eq(ended.pc, base + 9);
	/* nothing executable at all */
	executable_end = base;
	cache_flush();
	ck_assert_uint_eq(run_with(0, 0, 0), 0);
	ck_assert_int_eq(ended.cause, CAUSE_FAULT_FETCH);
	ck_assert_uint_eq(ended.fault_addr, base);
}
END_TEST

/* -- exceptions ------------------------------------------------------------------------------------------------------------ */

START_TEST(memory_faults_are_exact)
{
	uint64_t forbidden;

	start(_i, "");
	forbidden = base + PAGES * PAGE;
	poke(0, "iilii", 5);
	ck_assert_uint_eq(run_with(0, 0, forbidden + 5), 2);
	ck_assert_int_eq(ended.cause, CAUSE_FAULT_LOAD);
	ck_assert_uint_eq(ended.pc, base + 2);
	ck_assert_uint_eq(ended.fault_addr, forbidden + 5);
	poke(0, "iiisi", 5);
	ck_assert_uint_eq(run_with(0, 0, forbidden), 3);
	ck_assert_int_eq(ended.cause, CAUSE_FAULT_STORE);
	ck_assert_uint_eq(ended.pc, base + 3);
	ck_assert_uint_eq(ended.fault_addr, forbidden);
}
END_TEST

START_TEST(helpers_raise_with_exact_state)
{
	start(_i, "");
	/* raise in the middle of a block, 1000 times round */
	poke(0, "icicz\xfcx", 7);
	ck_assert_uint_eq(run_with(1000, 0, 0), 2000);
	ck_assert_uint_eq(breakpoints, 2000);
}
END_TEST

static uint64_t seen_r0, seen_pc;

static void look(struct Cpu *cpu)
{
	seen_r0 = registers(cpu)[0];
	seen_pc = cpu->pc;
	ck_assert_ptr_eq(cpu, cpu_current());
}

START_TEST(helpers_see_exact_state)
{
	start(_i, "");
	on_helper = look;
	poke(0, "iiihix", 6);
	ck_assert_uint_eq(run_with(0, 0, 0), 4);
	ck_assert_uint_eq(seen_r0, 3);
	ck_assert_uint_eq(seen_pc, base + 3);
}
END_TEST

static void redirect(struct Cpu *cpu)
{
	registers(cpu)[0] += 100;
	cpu->pc = base + 16;
	cpu_redirect(cpu);
}

START_TEST(helpers_redirect)
{
	start(_i, "");
	on_helper = redirect;
	poke(0, "ihiiiix", 7);
	poke(16, "iix", 3);
	ck_assert_uint_eq(run_with(0, 0, 0), 103);
	ck_assert_uint_eq(ended.pc, base + 18);
}
END_TEST

START_TEST(guarded_copies_fail_instead_of_faulting)
{
	char buf[16] = "0123456789abcde";

	start(_i, "");
	struct Cpu *cpu = new_cpu();
	uint64_t end = base + PAGES * PAGE;
	cpu_set_current(cpu);
	ck_assert(guest_write(base, buf, 16));
	memset(buf, 0, sizeof buf);
	ck_assert(guest_read(buf, base, 16));
	ck_assert_str_eq(buf, "0123456789abcde");
	ck_assert(!guest_read(buf, end - 8, 16));
	ck_assert(!guest_write(end - 8, buf, 16));
	ck_assert_int_eq(guest_strnlen(base, 100), 15);
	ck_assert_int_eq(guest_strnlen(base, 15), -1);
	memset(memory + PAGES * PAGE - 8, 'q', 8);
	ck_assert_int_eq(guest_strnlen(end - 8, 100), -1);
	/* a write to a page with code forgets the code */
	poke(0, "ix", 2);
	cpu_run(cpu);
	ck_assert(guarded[0]);
	ck_assert(guest_write(base, "ii", 2));
	ck_assert(!guarded[0]);
	ck_assert_ptr_null(cache_find(base, 0));
	cpu_free(cpu);
}
END_TEST

/* -- forgetting -------------------------------------------------------------------------------------------------------- */

START_TEST(invalid_blocks_are_not_found)
{
	start(_i, "");
	poke(0, "ij\x7f", 3);
	poke(128, "ix", 2);
	ck_assert_uint_eq(run_with(0, 0, 0), 2);
	ck_assert_ptr_nonnull(cache_find(base, 0));
	ck_assert_ptr_nonnull(cache_find(base + 128, 0));
	cache_invalidate(base + PAGE, PAGES * PAGE);
	ck_assert_ptr_nonnull(cache_find(base, 0));
	uint64_t before = statistics().invalidations;
	cache_invalidate(base + 1, 1);
	ck_assert_ptr_null(cache_find(base, 0));
	ck_assert_ptr_null(cache_find(base + 128, 0));
	ck_assert_uint_eq(statistics().invalidations, before + 2);
	ck_assert(!has_code[0]);
	ck_assert_uint_eq(run_with(0, 0, 0), 2);
}
END_TEST

START_TEST(chained_jumps_find_the_new_code)
{
	start(_i, "");
	/* page 0 jumps to page 1 and back; between two runs page 1 changes */
	poke(PAGE - 4, "ij\003", 3);
	poke(PAGE, "a\001z\xfax", 5);
	poke(0, "r", 1);
	for (unsigned step = 1; step < 50; step++) {
		uint8_t n = step;
		poke(PAGE + 1, &n, 1);
		ck_assert_uint_eq(run_with(100, base + PAGE - 4, 0), 100 * (1 + step));
	}
}
END_TEST

START_TEST(the_guest_writes_code)
{
	start(_i, "");
	/* r0 becomes 'i'; it is stored over the 'x' in the next block of the same page, and again, in a loop */
	poke(0, "a\x69sj\002", 5);
	poke(5, "x", 1);
	poke(6, "x", 1);
	ck_assert_uint_eq(run_with(0, 0, base + 5), 'i' + 1);
	ck_assert_uint_eq(ended.pc, base + 6);
	ck_assert_uint_eq(memory[5], 'i');
}
END_TEST

static void flush(struct Cpu *cpu)
{
	(void)cpu;
	cache_flush();
}

START_TEST(flush_from_a_callback)
{
	start(_i, "");
	on_helper = flush;
	poke(0, "ihiz\xfdx", 6);
	uint64_t generation = cache_generation();
	ck_assert_uint_eq(run_with(300, 0, 0), 600);
	ck_assert_uint_ge(cache_generation(), generation + 300);
}
END_TEST

static unsigned flushes_left;
static bool writes_too;

/* Forgets all when it is asked about the block behind the first, or writes to its page. */
static void flush_on_translate(struct Subscriber *self, struct ProbeUnit *unit)
{
	(void)self;
	if (probe_block_pc(unit) != base + 64 || !flushes_left)
		return;
	flushes_left--;
	if (writes_too)
		poke(65, &flushes_left, 1);
	else
		cache_flush();
}

START_TEST(flush_while_a_block_is_translated)
{
	static struct Subscriber flusher = { .on_translate = flush_on_translate };
	static const unsigned times[] = { 1, 2, 3, 50 };

	start(_i / 8, "");
	writes_too = _i & 4;
	flushes_left = times[_i & 3];
	subscriber_add(&flusher);
	poke(0, "ij\x3f", 3);
	poke(64, "a\x20x", 3);
	run_with(0, 0, 0);
	/* its page is watched as that of any block, and it is made of the bytes that are there now */
	const struct Block *block = cache_find(base + 64, 0);
	ck_assert(has_code[0] && guarded[0]);
	ck_assert(block && kept_matches(block));
	ck_assert_uint_eq(run_with(0, 0, 0), 1 + memory[65]);
	subscriber_remove(&flusher);
}
END_TEST

static size_t heap_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

START_TEST(blocks_that_go_and_come_back_take_no_memory)
{
	enum { STEP = 32, ROUNDS = 60 };

	start(_i, "");
	struct Cpu *cpu = new_cpu();
	size_t before = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned page = 0; page < PAGES; page++) {
			for (unsigned at = 0; at < PAGE; at += STEP) {
				cpu->pc = base + page * PAGE + at;
				cpu_run(cpu);
			}
			poke(page * PAGE, "x", 1);
		}
		if (round == 2)
			before = heap_used();
	}
	ck_assert_uint_ge(statistics().revivals, (ROUNDS - 2) * PAGES * (PAGE / STEP));
	ck_assert_uint_le(heap_used(), before + (256 << 10));
	cpu_free(cpu);
}
END_TEST

START_TEST(flush_while_others_run)
{
	struct Runner runners[3];
	enum { ROUNDS = 300000 };

	start(_i, "");
	poke(0, "iij\003", 4);
	poke(5, "iz\xfax", 4);
	for (unsigned i = 0; i < G_N_ELEMENTS(runners); i++)
		run_in_thread(&runners[i], base, ROUNDS);
	for (unsigned i = 0; i < 300; i++) {
		if (i & 1)
			cache_flush();
		else
			cache_invalidate(base, 1);
		g_usleep(200);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(runners); i++) {
		pthread_join(runners[i].thread, NULL);
		ck_assert_uint_eq(registers(runners[i].cpu)[0], 3ull * ROUNDS);
		cpu_free(runners[i].cpu);
	}
}
END_TEST

START_TEST(a_full_cache_is_flushed)
{
	struct Runner runners[2];

	start(_i, ",cache=1,max-insns=4");
	char *code = g_malloc(PAGES * PAGE);
	memset(code, 'i', PAGES * PAGE);
	code[PAGES * PAGE - 1] = 'x';
	poke(0, code, PAGES * PAGE);
	g_free(code);
	for (unsigned i = 0; i < G_N_ELEMENTS(runners); i++)
		run_in_thread(&runners[i], base, 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(runners); i++) {
		pthread_join(runners[i].thread, NULL);
		ck_assert_uint_eq(registers(runners[i].cpu)[0], PAGES * PAGE - 1);
		cpu_free(runners[i].cpu);
	}
	ck_assert_uint_ge(statistics().flushes, 1);
	ck_assert_uint_le(statistics().code_used, statistics().code_bytes);
}
END_TEST

/* -- stopping ---------------------------------------------------------------------------------------------------------- */

/* Endless loops, one for each kind of jump. */
static const struct { const char *name, *code; unsigned length; } endless[] = {
	{ "a jump to itself", "j\0", 2 },
	{ "two blocks", "ij\002ij\xfc", 6 },
	{ "an indirect jump", "r", 1 },
	{ "a counter that does not end", "z\0x", 3 },
};

static void stop_all(struct Runner *runners, unsigned count)
{
	stop = true;
	for (unsigned i = 0; i < count; i++)
		cpu_interrupt(runners[i].cpu);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(runners[i].thread, NULL);
		cpu_free(runners[i].cpu);
	}
}

static void interrupt_often(unsigned loop, unsigned times)
{
	struct Runner runner;

	poke(0, endless[loop].code, endless[loop].length);
	runner.cpu = new_cpu();
	registers(runner.cpu)[2] = base;
	ck_assert_int_eq(pthread_create(&runner.thread, NULL, run_thread, &runner), 0);
	for (unsigned i = 0; i < times; i++) {
		unsigned before = interrupts;
		cpu_interrupt(runner.cpu);
		wait_until(&interrupts, before + 1);
		if (i % 8 == 0)         /* let it enter translated code again */
			g_usleep(20);
	}
	/* without waiting for an answer: none may be lost for good */
	for (unsigned i = 0; i < times; i++)
		cpu_interrupt(runner.cpu);
	stop_all(&runner, 1);
}

START_TEST(endless_loops_are_interrupted)
{
	start(_i / G_N_ELEMENTS(endless), "");
	interrupt_often(_i % G_N_ELEMENTS(endless), 1000);
}
END_TEST

static _Atomic uint64_t probed;

static void count_probe(void)
{
	probed++;
}

static void attach_everywhere(struct Subscriber *self, struct ProbeUnit *unit)
{
	struct Probe probe = { .kind = PROBE_CALL, .cond = COND_ALWAYS, .fn = count_probe, .name = "count_probe" };

	(void)self;
	for (unsigned i = 0; i < probe_ninsns(unit); i++)
		probe_attach(unit, PROBE_INSN, i, &probe);
}
static struct Subscriber subscriber = { .on_translate = attach_everywhere };

START_TEST(probed_loops_are_interrupted)
{
	start(_i / G_N_ELEMENTS(endless), "");
	subscriber_add(&subscriber);
	interrupt_often(_i % G_N_ELEMENTS(endless), 200);
	subscriber_remove(&subscriber);
}
END_TEST

START_TEST(probes_run_once_for_each_instruction)
{
	struct Runner runner;

	start(_i, "");
	probed = 0;
	subscriber_add(&subscriber);
	poke(0, "ihiz\xfdx", 6);
	on_helper = look;
	ck_assert_uint_eq(run_with(1000, 0, 0), 2000);
	ck_assert_uint_eq(probed, 4001);
	/* however often the cpu leaves and comes back */
	probed = 0;
	poke(0, "iiiz\xfdx", 6);
	run_in_thread(&runner, base, 200000);
	for (unsigned i = 0; i < 500; i++) {
		cpu_interrupt(runner.cpu);
		g_usleep(20);
	}
	pthread_join(runner.thread, NULL);
	ck_assert_uint_eq(registers(runner.cpu)[0], 3 * 200000);
	ck_assert_uint_eq(probed, 4 * 200000 + 1);
	cpu_free(runner.cpu);
	subscriber_remove(&subscriber);
}
END_TEST

static atomic_uint inside, sections;
static atomic_bool overlapped, somebody_ran;

/* Where each runner's loop stores what it counts: bytes in a page without code. */
enum { RUNNERS = 4, COUNTS = (PAGES - 1) * PAGE };

static uint32_t counts_now(void)
{
	return __atomic_load_n((const uint32_t *)(memory + COUNTS), __ATOMIC_SEQ_CST);
}
_Static_assert(sizeof(uint32_t) == RUNNERS, "a byte for each");

static void section(void *data)
{
	(void)data;
	if (atomic_fetch_add(&inside, 1))
		overlapped = true;
	uint32_t before = counts_now();
	g_usleep(20);
	if (counts_now() != before)
		somebody_ran = true;
	sections++;
	inside--;
}

static void *ask_for_sections(void *data)
{
	for (unsigned i = 0; i < 100; i++) {
		if (data && i % 2)
			cpu_exclusive_later(section, NULL);
		else
			cpu_exclusive(section, NULL);
	}
	return NULL;
}

START_TEST(exclusive_sections_are_alone)
{
	struct Runner runners[RUNNERS];
	pthread_t askers[3];

	start(_i, "");
	inside = sections = 0;
	poke(0, "isj\xfe", 4);
	for (unsigned i = 0; i < G_N_ELEMENTS(runners); i++) {
		runners[i].cpu = new_cpu();
		registers(runners[i].cpu)[3] = base + COUNTS + i;
		ck_assert_int_eq(pthread_create(&runners[i].thread, NULL, run_thread, &runners[i]), 0);
	}
	uint32_t first = counts_now();
	for (unsigned waited = 0; counts_now() == first && waited < 10000; waited++)
		g_usleep(100);
	ck_assert_uint_ne(counts_now(), first);
	for (unsigned i = 0; i < G_N_ELEMENTS(askers); i++)
		pthread_create(&askers[i], NULL, ask_for_sections, i ? NULL : &inside);
	for (unsigned i = 0; i < G_N_ELEMENTS(askers); i++)
		pthread_join(askers[i], NULL);
	/* those left for later run when a cpu passes its run loop */
	cpu_interrupt(runners[0].cpu);
	wait_until(&sections, 300);
	stop_all(runners, G_N_ELEMENTS(runners));
	ck_assert(!overlapped);
	ck_assert(!somebody_ran);
	ck_assert_uint_eq(sections, 300);
}
END_TEST

static void ask_later(struct Cpu *cpu)
{
	if (registers(cpu)[0] & 1)
		cpu_exclusive_later(section, NULL);
	else
		ck_assert_uint_eq(sections, registers(cpu)[0] / 2);
}

START_TEST(later_sections_run_before_the_loop_goes_round)
{
	start(_i, "");
	inside = sections = 0;
	on_helper = ask_later;
	poke(0, "ihz\xfex", 5);
	ck_assert_uint_eq(run_with(200, 0, 0), 200);
	ck_assert_uint_eq(sections, 100);
}
END_TEST

static void ask_inside(void *data)
{
	unsigned *order = data;

	ck_assert(cpu_in_exclusive());
	if (++*order < 3)
		cpu_exclusive_later(ask_inside, data);
}

START_TEST(later_sections_of_a_thread_without_cpu_are_its_own)
{
	unsigned order = 0;

	start(_i, "");
	ck_assert(!cpu_current() && !cpu_in_exclusive());
	cpu_exclusive(ask_inside, &order);
	ck_assert_uint_eq(order, 3);
	ck_assert(!cpu_in_exclusive());
}
END_TEST

/* -- cpus ----------------------------------------------------------------------------------------------------------------- */

START_TEST(cpus_take_the_smallest_index)
{
	struct Cpu *cpu[4];

	start(_i, "");
	for (unsigned i = 0; i < 4; i++) {
		cpu[i] = new_cpu();
		ck_assert_uint_eq(cpu[i]->index, i);
	}
	cpu_free(cpu[1]);
	cpu_free(cpu[2]);
	cpu[1] = new_cpu();
	ck_assert_uint_eq(cpu[1]->index, 1);
	cpu[2] = new_cpu();
	ck_assert_uint_eq(cpu[2]->index, 2);
	for (unsigned i = 0; i < 4; i++)
		cpu_free(cpu[i]);
}
END_TEST

START_TEST(slots_are_zero_and_apart)
{
	start(_i, "");
	struct Cpu *one = new_cpu();
	uint32_t a = probe_slots_new(24), b = probe_slots_new(8);
	ck_assert_uint_ne(a, 0);
	ck_assert_uint_eq(a % 64, 0);
	ck_assert_uint_ge(b, a + 64);
	*(uint64_t *)probe_slot(one, a) = 5;
	struct Cpu *two = new_cpu();
	ck_assert_uint_eq(*(uint64_t *)probe_slot(two, a), 0);
	probe_slots_free(a, 24);
	ck_assert_uint_eq(probe_slots_new(64), a);
	ck_assert_uint_eq(*(uint64_t *)probe_slot(one, a), 0);
	ck_assert_uint_eq(probe_slots_new((size_t)CPU_SLOTS_SIZE + 1), 0);
	cpu_free(one);
	cpu_free(two);
}
END_TEST

/* Loops of a program's start wait, but not for ever; those of a program that has settled do not. */
START_TEST(loops_wait_while_code_is_new)
{
	ck_assert(!region_waits(0x7770000, 1000));
	ck_assert(!region_waits(0x7770000, 1016));
	for (unsigned i = 1; i <= 3; i++)
		ck_assert(region_waits(0x7770000, 1016 + 17 * i));
	ck_assert(!region_waits(0x7770000, 5000));
	ck_assert(!region_waits(0x7770010, 5000));
	ck_assert(region_waits(0x7770010, 5017));
	ck_assert(!region_waits(0x7770010, 5018));
}
END_TEST

int main(void)
{
	const struct { const TTest *test; unsigned variants; } tests[] = {
		{ a_line_of_code_is_one_block, 1 }, { unknown_bytes_raise_with_exact_state, 1 }, { loops_are_chained, 1 }, { hot_loops_become_regions, 1 },
		{ regions_that_assume_wrongly_go, 1 }, { regions_that_assume_wrongly_come_back, 1 },
		{ of_large_functions_regions_have_what_is_executed, 1 }, { regions_have_all_of_large_functions_that_is_executed, 1 },
		{ regions_follow_what_is_executed, 1 }, { each_large_loop_has_a_census, 1 }, { jumps_that_share_a_place_do_not_delay_regions, 1 },
		{ regions_are_of_one_version_of_changing_code, 1 },
		{ without_a_census_loops_that_call_large_functions_are_blocks, 1 },
		{ without_chaining_the_result_is_the_same, 1 }, { indirect_jumps_arrive, 1 }, { blocks_end_at_their_limit, 1 },
		{ code_longer_than_a_page, 1 }, { an_instruction_reaches_into_the_next_page, 1 }, { executable_memory_ends, 1 },
		{ memory_faults_are_exact, 1 }, { helpers_raise_with_exact_state, 1 }, { helpers_see_exact_state, 1 },
		{ helpers_redirect, 1 }, { guarded_copies_fail_instead_of_faulting, 1 }, { invalid_blocks_are_not_found, 1 },
		{ chained_jumps_find_the_new_code, 1 }, { the_guest_writes_code, 1 }, { flush_from_a_callback, 1 },
		{ flush_while_a_block_is_translated, 8 }, { blocks_that_go_and_come_back_take_no_memory, 1 },
		{ flush_while_others_run, 1 }, { a_full_cache_is_flushed, 1 },
		{ endless_loops_are_interrupted, G_N_ELEMENTS(endless) }, { probed_loops_are_interrupted, G_N_ELEMENTS(endless) },
		{ probes_run_once_for_each_instruction, 1 }, { exclusive_sections_are_alone, 1 },
		{ later_sections_run_before_the_loop_goes_round, 1 }, { later_sections_of_a_thread_without_cpu_are_its_own, 1 },
		{ loops_wait_while_code_is_new, 1 }, { cpus_take_the_smallest_index, 1 }, { slots_are_zero_and_apart, 1 },
	};
	Suite *suite = suite_create("translator");
	TCase *tc = tcase_create("hosts");
	unsigned nhosts = 0;

	while (hosts[nhosts])
		nhosts++;
	tcase_set_timeout(tc, 60);
	for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++)
		tcase_add_loop_test(tc, tests[i].test, 0, nhosts * tests[i].variants);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
