/* SPDX-License-Identifier: MIT */
/* Guest threads and processes, their signals, and how system calls block: shared by the files of target/linux/.
 *
 * The model. A guest thread is a host thread with a struct Cpu and a struct Task; a guest process is a host process. The kernel does what it can:
 * it queues signals, chooses the thread for those sent to a process, orders realtime ones, stops and continues jobs, reaps children, walks robust lists and clears child tids.
 *
 * The host's signal mask of a thread is the guest's, but for the signals of timers that ring too fast (pace.c), and for the five synchronous signals (SEGV BUS ILL FPE TRAP),
 * which the host never blocks: their blocking is known to Task.signal_mask alone. A signal that the guest ignores or leaves to a harmless default is given to the host as such.
 * One that it handles, or would die of, comes to a host handler, which stores it in Task.captured, asks the cpu to leave translated code, and returns with all further signals blocked;
 * signal_deliver() at the next block boundary builds the guest's frame and opens the mask again. So at most one signal is between the kernel and the guest, and it is never
 * one that the guest blocks: calls that change the mask first look whether one was captured, and if so are repeated after its delivery.
 *
 * How a system call is restarted. SyscallFunctions return one of the special results below; the dispatcher then stores it in Task.restart and leaves the registers alone (pc is behind
 * the system call instruction, the first argument is still in its register), and signal_deliver() decides: with a handler to run, EINTR or back onto the instruction;
 * without one, always back. Host handlers are installed with SA_RESTART, so it is the host kernel that says which call is restartable in which state (socket timeouts
 * included): host_syscall_blocking() sees whether the kernel would have restarted it. */
#ifndef FORERUN_TASK_H
#define FORERUN_TASK_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/guest.h"
#include "target/linux/abi.h"
#include "translator/translator.h"

struct Exec;
struct HostStack;
struct SignalActions;

/* What pace.c knows of a thread whose timers ring. Sets of signals as in a mask. */
struct Pace {
	volatile uint64_t put_off;      /* those of timers that the host blocks for a while though the guest does not */
	uint64_t timers;                /* those of timers that the guest has ever taken */
	uint64_t taken;                 /* those of them that it took last and still blocks */
	int64_t opened;                 /* when it last went on behind one, ns */
	bool fast;                      /* the last one came soon after that */
	bool has_timer;                 /* the host's timer that ends the while */
	int timer;
};

/* One guest thread; it is one host thread. Fields belong to that thread unless marked otherwise. */
struct Task {
	struct Cpu *cpu;
	pid_t tid;
	/* Not 0: something waits for signal_deliver(). Set with any of captured, held_signals and exiting; the host signal handler sets it, and
	 * host_syscall_blocking() does not sleep while it is set. */
	volatile uint32_t attention;
	uint64_t signal_mask;           /* the guest's, bit n-1 is signal n; the host's is the same while the guest runs, less the synchronous ones,
	                                 * plus pace.put_off */
	stack_t alt_stack;              /* guest's sigaltstack; ss_size 0: none */
	siginfo_t captured;             /* the host signal taken from the kernel and not yet delivered to the guest */
	volatile bool has_captured;     /* while set, the host blocks all further asynchronous signals of this thread */
	bool restore_mask;              /* sigsuspend, ppoll...: saved_mask comes back after delivery */
	uint64_t saved_mask;
	struct Pace pace;               /* how fast timers ring */
	volatile uint64_t held_signals; /* synchronous signals sent by processes while the guest blocks them, and their siginfo */
	siginfo_t held[5];
	int restart;                    /* GUEST_E... of the last system call, 0: it has its result */
	atomic_bool exiting;            /* any thread: the process ends or execs, and this task is to run no more guest code */
	bool ended;                     /* exit(2) was called: cpu_run() is to return */
	int exit_status;                /* argument of exit(2) */
	bool vfork_child;               /* runs in the parent's memory until exec or exit, and is in no list of tasks */
	int64_t last_syscall;           /* number of the most recent call */
	struct SignalActions *actions;  /* what the process does on each signal, shared by its tasks */
	struct HostStack *host_stack;   /* of a thread made by clone; NULL: the host's own */
	struct Exec *exec;              /* the exec being done, exec.c */
	struct Task *next;              /* list of all tasks of the process, under the task lock */
};

static inline struct Task *task_current(void);

/* -- special results of system calls: never shown to the guest --------------------------------------------------------- */

enum {
	GUEST_ERESTARTSYS = 512,        /* restarted unless a handler without SA_RESTART runs */
	GUEST_ERESTARTNOINTR = 513,     /* always restarted */
	GUEST_ERESTARTNOHAND = 514,     /* restarted unless a handler runs */
	GUEST_ENORESULT = 520,          /* registers are as they should be (rt_sigreturn, exit) */
};
/* Whether RESULT is one of them: the dispatcher sets Task.restart = -result and no result register. The environment calls signal_deliver() after every system
 * call that leaves Task.restart or Task.attention set; the dispatcher need not. */
static inline bool syscall_special(int64_t result) { return result <= -GUEST_ERESTARTSYS && result >= -GUEST_ENORESULT; }

/* -- blocking -------------------------------------------------------------------------------------------------- */

/* The host system call NUMBER with up to six arguments: the result or -errno. For calls that cannot block for long. */
long host_syscall(long number, ...);
/* The same for calls that may block. If a signal for the guest was captured before the kernel is entered: -GUEST_ERESTARTNOINTR (the check and the syscall
 * instruction are one sequence, which the signal handler breaks off). If one interrupts the call: -GUEST_ERESTARTSYS where the kernel restarts
 * the call under SA_RESTART, else what the kernel returns (-EINTR or a partial result). All of these are returned to the dispatcher as they are. */
long host_syscall_blocking(long number, ...);

/* ppoll, pselect6, epoll_pwait(2) with the guest's signal mask MASK while they wait. Usage:
 *
 *     if (!task_mask_begin(task, mask, &host_mask))
 *             return -GUEST_ERESTARTNOINTR;
 *     result = host_syscall_blocking(SYS_ppoll, ..., &host_mask, 8);
 *     return task_mask_end(task, result);
 *
 * begin: gives in *HOST_MASK what the kernel is to be passed; false if a signal is to be delivered first. end: arranges that the old mask comes
 * back, after the handler where one is to run, and returns the call's result. */
bool task_mask_begin(struct Task *task, uint64_t mask, uint64_t *host_mask);
int64_t task_mask_end(struct Task *task, int64_t result);
/* What the host is told of a guest's set of signals: without the synchronous ones (signalfd). */
uint64_t signal_host_mask(uint64_t mask);

/* -- life cycle (process.c) --------------------------------------------------------------------------------- */
struct Task *task_new(struct Cpu *cpu);
/* Ends the whole process with an exit STATUS: instrument_exit(), log, _exit. */
void process_exit(int status) __attribute__((noreturn));
/* Ends it by signal SIG as the guest would die of it (core dump flag included): instrument_exit(), log, default action, kill. */
void process_die(int sig) __attribute__((noreturn));
/* What these two do first, for who ends the process by a call that does not return. The calling thread may do no more than make that call. */
void process_finish(void);
/* All other guest threads of the process stop running guest code for good; returns when none does (execve, exit). They may still be inside a host
 * system call. */
void process_stop_other_tasks(void);

/* -- signals (signal.c) ----------------------------------------------------------------------------------------- */
/* Host handlers, and the actions and mask inherited from whoever started us, for the first task: once, after translator_init(). */
void signal_init(struct Task *task);
/* Where the guest's signal handlers return to: the page with LinuxAbi.trampoline. linux_load() sets it. */
extern uint64_t signal_trampoline;
/* Sends the current task a synchronous signal for the exception in its cpu. */
void signal_fault(struct Task *task, int sig, int code, uint64_t addr);
/* Delivers captured and held signals: at a block boundary. False if the task is to end. */
bool signal_deliver(struct Task *task);
/* Blocks all asynchronous signals of the calling host thread, and opens the mask to that of TASK's guest. */
void signal_block_all(void);
void signal_open_mask(struct Task *task);
/* Before host execve: handlers to default, ignored stay ignored, the host's mask is the guest's. If it fails after all, signal_exec_failed() puts things back. */
void signal_exec(struct Task *task);
void signal_exec_failed(struct Task *task);

/* -- the rest of the personality -------------------------------------------------------------------------------------- */
bool linux_syscall(struct Cpu *cpu);                    /* syscall.c: CAUSE_SYSCALL; false if the task is to end */

static inline struct Task *task_current(void)
{
	struct Cpu *cpu = cpu_current();
	return cpu ? cpu->task : NULL;
}

#endif
