/* SPDX-License-Identifier: MIT */
/* What an instruction set tells the Linux personality about its calling conventions and structures. */
#ifndef FORERUN_LINUX_ABI_H
#define FORERUN_LINUX_ABI_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct Cpu;

struct LinuxAbi {
	const char *machine;                    /* uname -m */
	unsigned syscall_column;                /* number column of syscalls.def */
	uint64_t (*hwcap)(void);                /* AT_HWCAP of the configured cpu */
	const char *(*cpuinfo)(void);           /* text of one processor's part of /proc/cpuinfo after its "processor : N" line; static */
	uint8_t syscall_length;                 /* bytes of the system call instruction */
	bool clone_tls_last;                    /* clone(flags, sp, parent_tid, child_tid, tls), else tls stands before child_tid */
	uint16_t signal_frame_size;             /* bytes of stack that push_signal() takes below an aligned SP */

	/* at CAUSE_SYSCALL */
	int64_t (*syscall_number)(const struct Cpu *cpu);
	void (*syscall_args)(const struct Cpu *cpu, uint64_t args[6]);
	void (*syscall_result)(struct Cpu *cpu, int64_t result);
	/* sets up registers at exec and in a new thread */
	void (*start)(struct Cpu *cpu, uint64_t pc, uint64_t sp);
	uint64_t (*stack_pointer)(const struct Cpu *cpu);
	void (*set_stack_pointer)(struct Cpu *cpu, uint64_t sp);
	void (*set_tls)(struct Cpu *cpu, uint64_t tls);

	/* Signals. Builds the frame of HANDLER on the stack at SP (the stack chosen; not yet aligned): siginfo, ucontext with MASK and the alternate stack STACK, return
	 * trampoline at RESTORER, and points the cpu at the handler. False if the stack cannot be written. */
	bool (*push_signal)(struct Cpu *cpu, uint64_t sp, int sig, const siginfo_t *info, uint64_t mask, const stack_t *stack,
			    uint64_t handler, uint64_t restorer);
	/* rt_sigreturn: restores registers, *MASK and *STACK from the frame. False if it cannot be read. */
	bool (*pop_signal)(struct Cpu *cpu, uint64_t *mask, stack_t *stack);
	/* Code of the return trampoline that the vDSO would provide; mapped at a page of its own in every guest. */
	const uint8_t *trampoline;
	uint32_t trampoline_size;
	/* arch-specific system calls (riscv_hwprobe, riscv_flush_icache): result or -ENOSYS */
	int64_t (*arch_syscall)(struct Cpu *cpu, int64_t number, const uint64_t args[6]);
};

#endif
