/* SPDX-License-Identifier: MIT */
/* The list of cpus and the sections that stop them all, as translator/ sees them. */
#ifndef FORERUN_CPUS_H
#define FORERUN_CPUS_H

#include "translator/translator.h"

/* Around Host.enter: between them the cpu runs translated code, and exclusive sections wait for it. cpus_enter returns false, without having
 * entered, if the cpu is to look at Cpu.interrupt first. */
bool cpus_enter(struct Cpu *cpu);
void cpus_leave(struct Cpu *cpu);
/* Whether a cpu that came out of translated code may enter it again with neither cpus_leave() nor cpus_enter(): nobody waits for it. */
bool cpus_may_stay(struct Cpu *cpu);

/* Reopens the poll page and clears Cpu.interrupt: before looking at what was pending. */
void cpus_clear_interrupt(struct Cpu *cpu);

/* Runs what cpu_exclusive_later() left. Outside translated code. */
void cpus_run_pending(void);

/* Whether ADDR is in the cpu's poll page. Async-signal-safe. */
bool cpus_in_poll_page(const struct Cpu *cpu, const void *addr);

/* Over fork() all other cpus are outside translated code, and these locks held, in this order: pending, gate, translation lock (cache.c takes it
 * between the two), list. */
void cpus_fork_prepare(void);
void cpus_fork_prepare_list(void);
void cpus_fork_done(bool child);

/* cpu_memory.c: memory for a cpu with that index: its state all 0, its slots as a cpu before it left them. NULL: there is none. Under the list lock. */
struct Cpu *cpu_memory_take(const struct Guest *guest, unsigned index);

#endif
