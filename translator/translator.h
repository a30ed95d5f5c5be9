/* SPDX-License-Identifier: MIT */
/* The translator as the rest of the program sees it: cpus, running them, translating, and forgetting translations. */
#ifndef FORERUN_TRANSLATOR_H
#define FORERUN_TRANSLATOR_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/guest.h"

struct Block;

struct TranslatorOptions {
	const char *accel;              /* "jit", "interp", NULL: the best this machine has; "jit,name=value" (see -accel help) */
	unsigned max_insns;             /* guest instructions per block, 1 .. 512; 0: the default */
	bool no_chain;                  /* -d nochain: every block returns to the run loop */
	bool counters;                  /* plugins are loaded, which may count what is executed */
	bool perfmap;                   /* write what perf(1) needs to name translated code */
	size_t cache_size;              /* bytes of code cache, 0: the default */
};

/* Sets up code cache, host and fault handlers for GUEST in ENV; main thread, once, before any cpu. On failure returns false and one
 * line in *ERROR (g_free). */
bool translator_init(const struct TranslatorOptions *options, const struct Guest *guest, const struct Environment *env, char **error);
/* What -accel help prints. */
void translator_accel_help(void);

/* -- cpus ---------------------------------------------------------------------------------------------------------- */

enum {
	CPU_SLOTS_SIZE = 64 << 20,      /* bytes of address space per cpu for slots; memory is used as slots are touched */
};

/* Makes a cpu, reset; aborts when the host is out of memory. Any thread. */
struct Cpu *cpu_new(const struct Guest *guest, const struct Environment *env, struct Task *task);
/* Frees it; its thread no longer runs it. */
void cpu_free(struct Cpu *cpu);
/* The memory behind which the slots of vcpu INDEX are, whether or not a cpu has the index now; NULL if none ever had. It stays, and the next cpu with the
 * index finds the slots as they are. The struct Cpu itself may be zero, about to be made by another thread. Any thread. */
struct Cpu *cpu_slots_of(unsigned index);
/* The cpu that the calling thread runs, or NULL. cpu_run sets it; a new thread may set it earlier by itself. */
extern _Thread_local struct Cpu *cpu_of_thread;         /* set by cpu_set_current() alone */
static inline struct Cpu *cpu_current(void) { return cpu_of_thread; }
void cpu_set_current(struct Cpu *cpu);
/* Calls FN for every cpu, under the cpu list lock. */
void cpu_for_each(void (*fn)(struct Cpu *cpu, void *data), void *data);

/* Runs the cpu on the calling thread from Cpu.pc until Environment.exception or .interrupt says that the thread ends. May be nested (vfork). */
void cpu_run(struct Cpu *cpu);

/* Makes CPU leave translated code at the next block boundary or POLL and call Environment.interrupt. Any thread, also from
 * a signal handler. */
void cpu_interrupt(struct Cpu *cpu);

/* Leaves the C code that translated code called (an IRC_RAISES helper) with a guest exception; does not return. */
void cpu_raise(struct Cpu *cpu, enum Cause cause, uint64_t fault_addr) __attribute__((noreturn));
/* Leaves a probe or helper and continues the guest at the state now in CPU (its pc has been set). Does not return. */
void cpu_redirect(struct Cpu *cpu) __attribute__((noreturn));

/* Stops all other cpus at a block boundary (or outside translated code), runs FN alone, lets them go on. Waits for other such sections. Not from a
 * signal handler, not under the cache lock, not from a probe, not from such a section. */
void cpu_exclusive(void (*fn)(void *data), void *data);
/* Whether the calling thread is in FN: cpu_exclusive_later() is for it, and on a thread without a cpu is done when the section's cpu_exclusive() returns. */
bool cpu_in_exclusive(void);
/* The same, asked for from anywhere (a probe too): FN runs on some cpu's thread before the calling cpu's next block begins. */
void cpu_exclusive_later(void (*fn)(void *data), void *data);

/* Around callbacks of plugins that C code makes on the cpu's thread: like translated code, they are not interrupted by exclusive sections (nor cut in two by
 * fork()) but waited for. False: they are waited for already, and there is nothing to end. cpu_redirect() in between ends it too. */
bool cpu_callback_begin(struct Cpu *cpu);
void cpu_callback_end(struct Cpu *cpu);

/* Floating-point flags of the guest, wherever they are. */
uint8_t cpu_fflags(struct Cpu *cpu);
/* Sets flags and rounding mode; the guest's key may change with them, so the current block must end after it. */
void cpu_set_fp(struct Cpu *cpu, uint8_t fflags, uint8_t round);

/* -- the code cache ------------------------------------------------------------------------------------------------- */

/* Forgets all blocks that overlap guest [ADDR, ADDR + LEN). Any thread, also from the fault handler; not under the translation lock. Cpus that run one of
 * these blocks finish it. */
void cache_invalidate(uint64_t addr, uint64_t len);
/* Forgets those of the range that would be translated from other bytes than they were: after writes that the environment has not told of, by another mapping
 * of the same memory. On a cpu's thread, outside translated code. */
void cache_refresh(uint64_t addr, uint64_t len);
/* Forgets all blocks, now for the calling cpu's next block and before it, for the others at their next boundary. Any thread, also from a probe. */
void cache_flush(void);
/* Holds and releases the translation lock round fork(); CHILD after it in the child. */
void translator_fork_prepare(void);
void translator_fork_done(bool child);

struct CacheStatistics {
	size_t code_bytes, code_used, meta_used;        /* of the cache as it is now */
	/* since the start, forks' parents included: what was translated (regions are blocks too), the memory it took, padding included, and events */
	uint64_t blocks, regions, guest_bytes, guest_insns, host_bytes, meta_bytes, flushes, invalidations, revivals, chains;
};
void cache_statistics(struct CacheStatistics *statistics);
/* Writes these and the counts of the run loop to the log, a line "name: number" each, if -d stats asks for them. At the end of the process, when no cpu
 * runs any more. */
void translator_log_statistics(void);

/* -- faults --------------------------------------------------------------------------------------------------------- */

/* Handles host signal SIG (SEGV, BUS, FPE, ILL, TRAP) if it comes from translated code or from guarded C code: returns true, and the
 * signal handler is to return. False: not ours (sent by a process, or a bug). fault.c installs the handlers for these signals and calls fault_foreign for the rest. */
bool fault_handle(int sig, siginfo_t *info, void *ucontext);

/* What a synchronous-looking signal that is none is given to (kill -SEGV from outside); returns true if taken. The environment sets it. */
extern bool (*fault_foreign)(int sig, siginfo_t *info, void *ucontext);

/* Copies between guest memory and ours. Return false if part of the guest range is not accessible (part may have been
 * copied). Any thread with a current cpu; not from signal handlers. They respect the guest's page protections as the host has them, and write to pages that
 * hold translated code by way of Environment.code_written. */
bool guest_read(void *to, uint64_t from, size_t len);
bool guest_write(uint64_t to, const void *from, size_t len);
/* Length of the string at ADDR, not above MAX; -1 if not accessible or longer. */
int64_t guest_strnlen(uint64_t addr, size_t max);

#endif
