/* SPDX-License-Identifier: MIT */
/* A made-up guest whose units the interpreter runs, for the tests of interpreter and optimiser. */
#ifndef FORERUN_TEST_CPU_H
#define FORERUN_TEST_CPU_H

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/guest.h"
#include "translator/fault.h"
#include "translator/host/host.h"
#include "translator/translate.h"

enum { NREGS = 6, NFREGS = 3, MEMORY = 64 };

struct TestCpu {
	struct Cpu cpu;
	uint64_t r[NREGS];
	uint64_t f[NFREGS];
	uint64_t wide[2];
	uint64_t slot, state;
};

#define R(n) { "r" #n, offsetof(struct TestCpu, r[n]), IR_I64 }
#define F(n) { "f" #n, offsetof(struct TestCpu, f[n]), IR_F64 }
static const struct IrGlobal test_globals[] = {
	R(0), R(1), R(2), R(3), R(4), R(5), F(0), F(1), F(2), { "v", offsetof(struct TestCpu, wide), IR_V128 },
};
#undef R
#undef F
enum { F0 = NREGS, V0 = NREGS + NFREGS };

static const struct Guest test_guest = {
	.name = "test", .elf_data = 1, .insn_align = 1, .cpu_size = sizeof(struct TestCpu), .globals = test_globals,
	.nglobals = G_N_ELEMENTS(test_globals),
};

static struct TestCpu *cpu;
static struct JumpCache jumps;
static uint8_t *memory, *forbidden;      /* MEMORY bytes; a page without access */
static uint8_t *code, *meta;
enum { ROOM = 1 << 20 };
static size_t code_used, meta_used;
static struct Arena arena;
static struct Ir *ir;

/* What fault.c does. */
static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	cpu->cpu.fault_addr = (uintptr_t)info->si_addr;
	if (!cpu->cpu.running || !host_interp.recover(&cpu->cpu, NULL, ucontext, CAUSE_FAULT_LOAD)) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

static void setup(void)
{
	const struct KernelAction action = { .handler = on_fault, .flags = SA_NODEFER };

	kernel_sigaction(SIGSEGV, &action, NULL);       /* left by jumps, so no sanitizer may put its own before it */
	cpu = g_new0(struct TestCpu, 1);
	cpu->cpu.guest = &test_guest;
	cpu->cpu.jumps = &jumps;
	for (unsigned i = 0; i < JUMPS_COUNT; i++)
		jumps.entry[i].tag = jump_none(i);
	memory = g_malloc0(MEMORY);
	forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	code = g_malloc(ROOM);
	meta = g_malloc(ROOM);
	code_used = meta_used = 0;
	ir = ir_new(&arena, &test_guest, 0x1000, 0);
	ir_mark(ir, 0x1000, "\1\0\0", 4);
}

static void teardown(void)
{
	g_free(cpu);
	g_free(memory);
	munmap(forbidden, 4096);
	g_free(code);
	g_free(meta);
	arena_free(&arena);
}

/* A new unit at PC. */
static inline void begin(uint64_t pc)
{
	ir = ir_new(&arena, &test_guest, pc, 0);
	ir_mark(ir, pc, "\1\0\0", 4);
}

static struct Block *emit_unit(void)
{
	struct Block *block = memset(meta + meta_used, 0, sizeof *block);
	struct CodeBuffer buf = { .start = code + code_used, .end = code + ROOM, .meta = (uint8_t *)(block + 1), .meta_end = meta + ROOM };

	ir_check(ir, "test");
	block->pc = ir->pc;
	block->valid = true;
	if (host_interp.emit(ir, &buf, block, NULL) != EMIT_OK)
		abort();
	code_used = buf.start - code;
	meta_used = (buf.meta - meta + 7) & ~(size_t)7;
	return block;
}

static void enter(const struct Block *block)
{
	cpu->cpu.running = 1;
	host_interp.enter(&cpu->cpu, block);
	cpu->cpu.running = 0;
}

static inline void run_unit(void)
{
	enter(emit_unit());
}

#endif
