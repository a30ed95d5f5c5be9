/* SPDX-License-Identifier: MIT */
/* Guest threads and processes, their signals, and how system calls block: shared by the files of target/linux/. */
#ifndef FORERUN_TASK_H
#define FORERUN_TASK_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/guest.h"
#include "target/linux/abi.h"

/* One guest thread; it is one host thread. Fields belong to that thread. */
struct Task {
	struct Cpu *cpu;
	pid_t tid;
	uint64_t clear_child_tid;       /* guest address, 0: none */
	uint64_t signal_mask;           /* the guest's, bit n-1 is signal n; the host's is the same (less the synchronous ones) while the guest runs */
	stack_t alt_stack;              /* guest's sigaltstack */
	siginfo_t captured;             /* the host signal taken from the kernel and not yet delivered to the guest */
	bool has_captured;              /* while set, the host blocks all further asynchronous signals of this thread */
	bool restore_mask;              /* sigsuspend, ppoll...: saved_mask comes back after delivery */
	uint64_t saved_mask;
	atomic_bool exiting;            /* another thread asks this one to end (exec, exit_group) */
	bool vfork_child;               /* runs in the parent's memory until exec or exit */
	uint8_t syscall_restart;        /* enum SyscallRestart: the result register holds -EINTR of a call that syscall_again() can restart */
	uint64_t syscall_first;         /* first argument of the most recent call: what its result has overwritten */
	int64_t last_syscall;           /* number of the most recent call */
	struct Task *next;              /* list of all tasks of the process, under tasks_lock */
};

static inline struct Task *task_current(void);

/* -- blocking -------------------------------------------------------------------------------------------------- */

/* Special results of system call functions, negated like errno values and never shown to the guest. */
enum {
	GUEST_ERESTARTSYS = 512,        /* as -EINTR, but restarted as the row says although the row's function is its own */
	GUEST_ESIGRETURN = 513,         /* the registers are set already: no result is written */
	GUEST_EEXIT = 514,              /* the task ends */
};

/* What signal_deliver() does about an interrupted call: restart it by syscall_again() or leave -EINTR as its result. */
enum SyscallRestart {
	RESTART_none,                   /* no call was interrupted, or it returns EINTR in any case */
	RESTART_sa,                     /* restart unless a handler without SA_RESTART runs */
	RESTART_nohand,                 /* restart only if no handler runs */
	RESTART_sock,                   /* only in the table: none if the socket has a timeout, else sa */
};

/* The host system call NUMBER with up to six arguments: the result or -errno. For calls that cannot block for long. */
long host_syscall(long number, ...);
/* The same for calls that may block: if a signal for the guest is captured before the kernel sleeps, or interrupts the sleep, returns -EINTR without having
 * lost the wake-up (the check and the syscall instruction are one restartable sequence). The dispatcher turns -EINTR into a restart where the row says so. */
long host_syscall_blocking(long number, ...);

/* -- life cycle (process.c) ------------------------------------------------------------------------------------- */
struct Task *task_new(struct Cpu *cpu);
/* Ends the whole process with an exit STATUS: instrument_exit(), log, _exit. */
void process_exit(int status) __attribute__((noreturn));
/* Ends it by signal SIG as the guest would die of it (core dump flag included): instrument_exit(), log, default action, kill. */
void process_die(int sig) __attribute__((noreturn));
/* All other guest threads of the process leave; returns when the calling one is alone (execve). */
void process_stop_other_tasks(void);

/* -- signals (signal.c) ----------------------------------------------------------------------------------------- */
void signal_init(void);                                 /* host handlers, once */
/* Sends the current task a synchronous signal for the exception in its cpu. */
void signal_fault(struct Task *task, int sig, int code, uint64_t addr);
/* Delivers captured and pending signals: at a block boundary. False if the task is to end. */
bool signal_deliver(struct Task *task);
void signal_fork_child(struct Task *task);
void signal_exec(void);                                 /* handlers to default, ignored stay ignored, mask kept: before host execve */

/* -- the rest of the personality -------------------------------------------------------------------------------------- */
bool linux_syscall(struct Cpu *cpu);                    /* syscall.c: CAUSE_SYSCALL; false if the task is to end */
/* Sets the cpu back to the system call instruction of the call whose Task.syscall_restart is not RESTART_none, and clears that field. Before a signal frame is
 * pushed. */
void syscall_again(struct Task *task);

static inline struct Task *task_current(void)
{
	extern struct Cpu *cpu_current(void);
	struct Cpu *cpu = cpu_current();
	return cpu ? cpu->task : NULL;
}

#endif
