/* SPDX-License-Identifier: MIT */
/* For guest tests: what must hold, and what differs by machine in a signal's context. */
#ifndef MUST_H
#define MUST_H

#define _GNU_SOURCE             /* so this header stands first */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define MUST(condition) do { if (!(condition)) { printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); fflush(stdout); exit(1); } } while (0)

/* CONTEXT_PC: the program counter; CONTEXT_VALUE: a register that calls preserve. */
#if defined(__riscv)
#define CONTEXT_PC(u) (((ucontext_t *)(u))->uc_mcontext.__gregs[REG_PC])
#define CONTEXT_SP(u) (((ucontext_t *)(u))->uc_mcontext.__gregs[REG_SP])
#define CONTEXT_VALUE(u) (((ucontext_t *)(u))->uc_mcontext.__gregs[18])         /* s2 */
#elif defined(__x86_64__)
#define CONTEXT_PC(u) (((ucontext_t *)(u))->uc_mcontext.gregs[REG_RIP])
#define CONTEXT_SP(u) (((ucontext_t *)(u))->uc_mcontext.gregs[REG_RSP])
#define CONTEXT_VALUE(u) (((ucontext_t *)(u))->uc_mcontext.gregs[REG_R12])         /* r12 */
#endif

static inline void handle(int sig, void (*function)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = function, .sa_flags = SA_SIGINFO | flags };
	MUST(sigaction(sig, &action, NULL) == 0);
}

static inline void set_mask(int how, int sig)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, sig);
	MUST(sigprocmask(how, &set, NULL) == 0);
}

static inline int blocked(int sig)
{
	sigset_t set;
	MUST(sigprocmask(SIG_BLOCK, NULL, &set) == 0);
	return sigismember(&set, sig);
}

#endif
