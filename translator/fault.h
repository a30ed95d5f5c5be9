/* SPDX-License-Identifier: MIT */
/* Host signals that translated code causes, as translator/ sees them, and signal actions as the host's kernel has them. */
#ifndef FORERUN_FAULT_H
#define FORERUN_FAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP; once. */
void fault_init(void);
/* Gives the calling thread an alternate signal stack if it has none. */
void fault_thread_init(void);

/* host/<machine>/ucontext.c: the program counter in a host ucontext, NULL where it is not known. Async-signal-safe. */
const void *ucontext_pc(const void *ucontext);

/* For functions that handlers of asynchronous signals call and that have atomic operations: ThreadSanitizer's version of one takes a lock, which the
 * interrupted code may hold. */
#if defined __has_attribute && __has_attribute(disable_sanitizer_instrumentation)
#define IN_SIGNAL_HANDLERS __attribute__((disable_sanitizer_instrumentation))
#else
#define IN_SIGNAL_HANDLERS __attribute__((no_sanitize("thread")))
#endif

/* A signal's action as the kernel is told of it, all 64 signals: the C library keeps two of them from its users, and sanitizers put handlers of their own before
 * ours, which block all signals and hold those back that come while we are in code they do not know. HANDLER is SIG_DFL, SIG_IGN or a function; flags
 * are SA_*, SA_SIGINFO is implied. */
struct KernelAction {
	void (*handler)(int sig, siginfo_t *info, void *ucontext);
	unsigned long flags;
	uint64_t mask;
};

/* host/<machine>/ucontext.c: sets (if NEW) and gives back (if OLD) the action of SIG: 0 or -errno. Async-signal-safe. */
int kernel_sigaction(int sig, const struct KernelAction *new, struct KernelAction *old);

#endif
