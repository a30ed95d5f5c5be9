/* SPDX-License-Identifier: MIT */
/* The portable host: interprets the optimised IR. It is how a new machine starts, and the judge of the other hosts, so it is plain before it is
 * fast.
 *
 * emit.c turns a unit into an array of steps with resolved operands (interp.h); run.c executes them. Globals stay in struct Cpu all the time, so
 * there is nothing to restore when a block is left, by whatever way.
 *
 * Faults. Round each access to guest memory Cpu.spill[0] holds the cause that a host fault there is for the guest (CAUSE_FAULT_LOAD or
 * CAUSE_FAULT_STORE), and 0 elsewhere, so that faults of helpers and plugins are told from the guest's on any host machine. recover() does not touch the
 * host's context: it jumps, out of the signal handler, to the sigsetjmp of the running enter(), which Cpu.host_frame points to. Floating point is
 * software's: Cpu.fflags has all flags, and the host's register is never looked at. */
#include <glib.h>

#include "translator/host/interp/interp.h"

static bool init(struct CodeBuffer *buf, const struct Guest *guest, const char **why)
{
	(void)buf;
	(void)guest;
	(void)why;
	return true;
}

static void chain(struct ExitSite *site, struct Block *block)
{
	struct Way *way = (struct Way *)(uintptr_t)(exit_block(site)->code + site->patch);
	__atomic_store_n(&way->chained, block ? (const struct Program *)block->code : NULL, __ATOMIC_RELEASE);
}

static uint64_t guest_pc(const struct Block *block, const void *pc)
{
	(void)block;
	(void)pc;
	return 0;       /* Cpu.pc is exact at every call */
}

static uint8_t fp_flags(struct Cpu *cpu, bool inside)
{
	(void)cpu;
	(void)inside;
	return 0;
}

static void fp_update(struct Cpu *cpu, bool inside)
{
	(void)cpu;
	(void)inside;
}

static void disassemble(const struct Block *block, const struct Ir *ir, struct _GString *text)
{
	const struct Program *program = (const struct Program *)block->code;

	g_string_append_printf(text, "%u steps, %u temporaries at %p\n", program->nsteps, program->ntemps, (const void *)program);
	ir_print(ir, "interpreted", text);
}

const struct Host host_interp = {
	.name = "interp",
	.is_jit = false,
	.init = init,
	.emit = interp_emit,
	.enter = interp_enter,
	.chain = chain,
	.recover = interp_recover,
	.guest_pc = guest_pc,
	.fp_flags = fp_flags,
	.fp_update = fp_update,
	.disassemble = disassemble,
};
