/* SPDX-License-Identifier: MIT */
/* The rows of syscalls.def as data, and the functions they name. */
#ifndef FORERUN_SYSCALLS_H
#define FORERUN_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "target/guest.h"
#include "target/linux/task.h"

/* A system call of the guest: six arguments, result or -errno, or one of the special results of task.h (GUEST_E...). On the task's thread, between
 * blocks, Cpu.pc behind the system call instruction. */
typedef int64_t SyscallFunction(struct Cpu *cpu, const uint64_t a[6]);

/* Names of syscalls.def that stand for no function of their own. */
SyscallFunction pass, pass_blocking, absent;
#define SYSCALL(name, generic, function, restart, arguments, result) SyscallFunction function;
#include "target/linux/syscalls.def"
#undef SYSCALL

enum SyscallRestart { RESTART_none, RESTART_host, RESTART_nohand };

struct SyscallRow {
	const char *name;
	int number;                     /* the guest's */
	int host_number;                /* SYS_name, -1 if the host has none */
	SyscallFunction *function;
	uint8_t restart;                /* enum SyscallRestart */
	const char *arguments;          /* kinds, separated by blanks */
	const char *result;
};

extern const struct SyscallRow syscall_rows[];
extern const unsigned syscall_rows_count;

/* The row of guest number NUMBER, or NULL. Any thread. */
const struct SyscallRow *syscall_row(int64_t number);

/* Reads the argument kinds; once, before the first call. */
void syscall_init(void);
/* The guest's limit on stacks in bytes, which is not the host's once the guest has set it. Any thread. */
uint64_t limit_of_stack(void);
/* Makes that limit the host's, for the program that takes over. */
void limit_pass_on(void);
/* Hold and release what the two need round fork(), so that no other thread has it then. */
void limit_fork_prepare(void);
void limit_fork_done(void);
/* mm_unprotect() for the buffers of an array of COUNT iovecs at IOV. */
void syscall_unprotect_iov(uint64_t iov, uint64_t count);

#endif
