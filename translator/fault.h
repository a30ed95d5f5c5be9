/* SPDX-License-Identifier: MIT */
/* Host signals that translated code causes, as translator/ sees them. */
#ifndef FORERUN_FAULT_H
#define FORERUN_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Installs the handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP; once. */
void fault_init(void);
/* Gives the calling thread an alternate signal stack if it has none. */
void fault_thread_init(void);

/* host/<machine>/ucontext.c: the program counter in a host ucontext, NULL where it is not known. Async-signal-safe. */
const void *ucontext_pc(const void *ucontext);

#endif
