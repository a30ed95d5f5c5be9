/* SPDX-License-Identifier: MIT */
/* The run loop: finds or makes the block at the cpu's pc, runs translated code, and hands what it cannot do to the environment. */
#include <fenv.h>
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "translator/cpus.h"
#include "translator/fault.h"
#include "translator/statistics.h"
#include "translator/translate.h"

/* -- dumps ------------------------------------------------------------------------------------------------------- */

static void dump_registers(struct Cpu *cpu)
{
	const struct Guest *guest = cpu->guest;
	GString *text = g_string_new(NULL);
	unsigned column = 0;

	for (unsigned i = 0; i < guest->nregisters; i++) {
		const struct Register *reg = &guest->registers[i];
		uint64_t value[2] = { 0, 0 };
		unsigned size = register_read(cpu, reg, value);
		if (!size)
			continue;
		g_string_append_printf(text, " %-8s ", reg->name);
		if (size > 8)
			g_string_append_printf(text, "%016" PRIx64, value[1]);
		g_string_append_printf(text, "%0*" PRIx64 "%s", (int)MIN(size, 8u) * 2, value[0],
				       ++column % 4 ? "" : "\n");
	}
	if (column % 4)
		g_string_append_c(text, '\n');
	log_write(text->str, text->len);
	g_string_free(text, TRUE);
}

static void dump_entry(struct Cpu *cpu, const struct Block *block)
{
	if (log_wants(LOG_EXEC))
		log_printf("Trace %u: %p [%016" PRIx64 "/%02x] %u insns\n", cpu->index, (const void *)block->code, block->pc,
			   block->key, block->ninsns);
	if (log_wants(LOG_CPU))
		dump_registers(cpu);
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

/* Lets indirect jumps to the cpu's pc find BLOCK from now on. */
static void remember_jump(struct Cpu *cpu, const struct Block *block)
{
	unsigned index = jump_index(cpu->pc, cpu->guest->insn_align);
	struct Jump *jump = &cpu->jumps->entry[index];

	__atomic_store_n(&jump->code, block->code, __ATOMIC_RELAXED);
	__atomic_store_n(&jump->tag, jump_tag(cpu->pc, cpu->key), __ATOMIC_SEQ_CST);
	/* whoever forgot the block meanwhile may have looked at this entry too early */
	if (!__atomic_load_n(&block->valid, __ATOMIC_SEQ_CST))
		__atomic_store_n(&jump->tag, jump_none(index), __ATOMIC_RELAXED);
}

/* The last exit is not to be chained to what runs next. Another cpu's full flush may do the same at this time. */
static void forget_leave_site(struct Cpu *cpu)
{
	__atomic_store_n(&cpu->leave_site, NULL, __ATOMIC_RELAXED);
}

/* Hands the exception in CPU to the environment. False if the thread ends. */
static bool raise_exception(struct Cpu *cpu)
{
	bool memory = cpu->cause == CAUSE_FAULT_LOAD || cpu->cause == CAUSE_FAULT_STORE;

	if (memory && cpu->fault_code == SI_KERNEL) {
		uint64_t addr;
		if (translate_fault_address(cpu, &addr))
			cpu->fault_addr = addr;
		cpu->fault_code = SEGV_MAPERR;
	}
	bool go_on = cpu->env->exception(cpu);
	cpu->cause = CAUSE_NONE;
	forget_leave_site(cpu);
	return go_on;
}

/* What is pending outside translated code. False if the thread ends. */
static bool attend(struct Cpu *cpu)
{
	cpus_run_pending();
	/* a closed page with the word clear is what a late cpu_interrupt() leaves */
	if (!atomic_load(&cpu->interrupt) && cpu->cause != CAUSE_INTERRUPT)
		return true;
	cpus_clear_interrupt(cpu);
	cpus_run_pending();
	/* a signal handler may run next, which is not where the last exit leads */
	forget_leave_site(cpu);
	return cpu->env->interrupt(cpu);
}

/* Why translated code was left, for -d stats. */
static void count_leave(const struct Cpu *cpu)
{
	static const uint8_t reasons[CAUSE_COUNT] = {
		[CAUSE_SYSCALL] = COUNT_SYSCALL, [CAUSE_INTERRUPT] = COUNT_INTERRUPT,
	};
	enum Count reason = reasons[cpu->cause];

	statistics_count(COUNT_ENTER);
	if (cpu->cause == CAUSE_NONE)
		reason = cpu->leave_site ? COUNT_EXIT : COUNT_INDIRECT;
	statistics_count(reason != COUNT_ENTER ? reason : COUNT_EXCEPTION);
}

/* The block at the cpu's pc, entered; NULL with Cpu.cause if there is none or the cpu is to leave. ENTERED: it counts as running translated code already. INDIRECT: the
 * last block was left by an indirect jump. */
static struct Block *next_block(struct Cpu *cpu, bool entered, bool indirect)
{
	struct Block *block = NULL;
	uint64_t generation = 0;

	for (;; entered = false) {
		if (!entered && !cpus_enter(cpu)) {
			cpu->cause = CAUSE_INTERRUPT;
			return NULL;
		}
		/* From here on no flush takes the memory of blocks away. One that has been translated may already have gone. */
		if (!block || generation != cache_generation() || !__atomic_load_n(&block->valid, __ATOMIC_ACQUIRE)) {
			statistics_count(COUNT_LOOKUP);
			cpu->key = cpu->guest->block_key(cpu);
			block = cache_find(cpu->pc, cpu->key);
		}
		if (block)
			break;
		cpus_leave(cpu);
		block = translate(cpu, cpu->pc, cpu->key, &generation);
		if (!block) {
			cpu->cause = CAUSE_FAULT_FETCH;
			return NULL;
		}
	}
	struct ExitSite *site = (struct ExitSite *)cpu->leave_site;
	if (site && translator.chain)
		cache_chain(site, block);
	else if (indirect && translator.chain && translator.indirect)
		remember_jump(cpu, block);
	forget_leave_site(cpu);
	return block;
}

/* Runs blocks until something is for the environment: Cpu.cause. */
static void run_blocks(struct Cpu *cpu)
{
	bool entered = false, indirect = false;

	cpu->cause = CAUSE_NONE;
	for (;;) {
		struct Block *block = next_block(cpu, entered, indirect);
		if (!block)
			return;
		if (log_wants(LOG_EXEC | LOG_CPU))
			dump_entry(cpu, block);
		host->enter(cpu, block);
		if (log_wants(LOG_STATS))
			count_leave(cpu);
		entered = cpu->cause == CAUSE_NONE && cpus_may_stay(cpu);
		if (!entered)
			cpus_leave(cpu);
		indirect = cpu->cause == CAUSE_NONE && !cpu->leave_site;
		if (cpu->cause != CAUSE_NONE || (!entered && atomic_load(&cpu->interrupt)))
			return;
	}
}

void cpu_run(struct Cpu *cpu)
{
	sigjmp_buf outer;
	fenv_t fp;

	cpu_set_current(cpu);
	fault_thread_init();
	fegetenv(&fp);
	memcpy(&outer, &cpu->exception, sizeof outer);
	if (sigsetjmp(cpu->exception, 0)) {
		/* C code called by translated code left by cpu_raise() or cpu_redirect(), with all guest state in the cpu. */
		cpu->in_probe = 0;
		if (cpu->in_callback)
			cpu_callback_end(cpu);
		if (cpu->running) {
			cpu->fflags |= host->fp_flags(cpu, true);
			fesetenv(&fp);
			host->fp_update(cpu, false);
			cpus_leave(cpu);
		}
		forget_leave_site(cpu);
	}
	for (;;) {
		if (cpu->cause != CAUSE_NONE && cpu->cause != CAUSE_INTERRUPT && !raise_exception(cpu))
			break;
		if (!attend(cpu))
			break;
		run_blocks(cpu);
	}
	memcpy(&cpu->exception, &outer, sizeof outer);
}

void cpu_raise(struct Cpu *cpu, enum Cause cause, uint64_t fault_addr)
{
	cpu->cause = cause;
	cpu->fault_addr = fault_addr;
	siglongjmp(cpu->exception, 1);
}

void cpu_redirect(struct Cpu *cpu)
{
	cpu->cause = CAUSE_NONE;
	siglongjmp(cpu->exception, 1);
}

/* -- floating point ------------------------------------------------------------------------------------------------- */

uint8_t cpu_fflags(struct Cpu *cpu)
{
	return cpu->fflags | host->fp_flags(cpu, cpu->running);
}

void cpu_set_fp(struct Cpu *cpu, uint8_t fflags, uint8_t round)
{
	cpu->fflags = fflags;
	cpu->round = round;
	host->fp_update(cpu, cpu->running);
}
