/* SPDX-License-Identifier: MIT */
/* Linux as the world round the cpus: which exception is which signal, and the first task's life. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "target/linux/load.h"
#include "target/linux/mm.h"
#include "target/linux/path.h"
#include "target/linux/process.h"
#include "target/linux/signal.h"
#include "translator/translator.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* A memory access that the host refused. RIGHTS: PROT_*, one of which it needs. */
static void memory_fault(struct Cpu *cpu, int rights)
{
	uint64_t addr = cpu->fault_addr;
	int prot = mm_prot(addr);

	if (prot < 0 && rights != PROT_EXEC && mm_grow(addr))
		return;
	if (prot < 0) {
		signal_fault(cpu->task, SIGSEGV, SEGV_MAPERR, addr);
	} else if (!(prot & rights)) {
		signal_fault(cpu->task, SIGSEGV, SEGV_ACCERR, addr);
	} else if (cpu->cause != CAUSE_FAULT_FETCH && cpu->fault_signal == SIGBUS) {
		signal_fault(cpu->task, SIGBUS, cpu->fault_code, addr);
	} else {
		/* The guest may: either another thread has just allowed it, and it is done again, or there is nothing behind the mapping. */
		void *page = (void *)(uintptr_t)(addr & ~(uint64_t)(MM_PAGE - 1));
		int advice = rights == PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
		if (rights == PROT_WRITE)
			mm_unprotect(addr, 1);
		if (madvise(page, MM_PAGE, advice) != 0 && errno != EINVAL)
			signal_fault(cpu->task, SIGBUS, BUS_ADRERR, addr);
	}
}

/* Delivers what a system call or an exception has left. False if the task is to end. */
static bool attend(struct Task *task)
{
	if (task->ended)
		return false;
	return task->attention || task->restart ? signal_deliver(task) : true;
}

/* Sets the pc behind the instruction that it stands on, which has just been executed. */
static void step_over(struct Cpu *cpu)
{
	uint8_t bytes[16];
	size_t length = mm_fetch(cpu->pc, bytes, sizeof bytes);

	if (length >= 1u << cpu->guest->insn_align)
		cpu->pc += cpu->guest->insn_length(bytes, length);
}

/* Numbers and codes as arch/riscv/kernel/traps.c and mm/fault.c of Linux have them: other causes than memory give the instruction's address. */
static bool exception(struct Cpu *cpu)
{
	struct Task *task = cpu->task;

	switch (cpu->cause) {
	case CAUSE_SYSCALL:
		linux_syscall(cpu);
		break;
	case CAUSE_BREAKPOINT:
		signal_fault(task, SIGTRAP, TRAP_BRKPT, cpu->pc);
		break;
	case CAUSE_ILLEGAL:
		signal_fault(task, SIGILL, ILL_ILLOPC, cpu->pc);
		break;
	case CAUSE_FAULT_FETCH:
		memory_fault(cpu, PROT_EXEC);
		break;
	case CAUSE_FAULT_LOAD:
		memory_fault(cpu, PROT_READ | PROT_WRITE | PROT_EXEC);
		break;
	case CAUSE_FAULT_STORE:
		memory_fault(cpu, PROT_WRITE);
		break;
	case CAUSE_MISALIGNED_LOAD:
	case CAUSE_MISALIGNED_STORE:
		signal_fault(task, SIGBUS, BUS_ADRALN, cpu->pc);
		break;
	case CAUSE_FENCE_I:
		/* other writes than those through other mappings of the memory have been seen */
		step_over(cpu);
		cache_refresh(0, UINT64_MAX);
		break;
	}
	return attend(task);
}

static bool interrupt(struct Cpu *cpu)
{
	return attend(cpu->task);
}

const struct Environment linux_environment = {
	.fetch = mm_fetch,
	.code_made = mm_code_made,
	.code_dropped = mm_code_dropped,
	.code_written = mm_code_written,
	.exception = exception,
	.interrupt = interrupt,
	.read_memory = mm_read_memory,
	.write_memory = mm_write_memory,
};

int linux_run(struct LinuxProgram *program)
{
	struct Cpu *cpu = cpu_new(program->guest, &linux_environment, NULL);
	struct Task *task = task_new(cpu);

	program->guest->linux_abi->start(cpu, program->entry, program->stack);
	task->actions = signal_actions_copy(NULL);
	task_join(task);
	cpu_set_current(cpu);
	exec_init(program->options);
	if (log_wants(LOG_PAGE))
		proc_log_maps();
	signal_init(task);
	instrument_cpu_init(cpu);
	cpu_run(cpu);

	int status = task->exit_status;
	signal_block_all();
	task_tell_end(task);
	if (!task_leave(task))
		for (;;)        /* the process goes on with its other threads */
			host_syscall(SYS_exit, status);
	process_report();
	return status & 0xff;
}
