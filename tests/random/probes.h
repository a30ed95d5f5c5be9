/* SPDX-License-Identifier: MIT */
/* What the plugins that put probes at random places share: the choice, which a seed and an instruction's address decide, and the account of what was seen.
 *
 * Everything in the account follows from the order in which the guest executes instructions, and from nothing else: not from how code is cut into blocks, nor from
 * how often it is translated. So all ways of running a program must print the same account. A model prints it too: the same plugin with every instruction
 * instrumented in one way, which asks itself at each execution what the probes chosen there would have done. */
#ifndef FORERUN_RANDOM_PROBES_H
#define FORERUN_RANDOM_PROBES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/random/layout.h"

static uint64_t seed;
static bool trace;              /* print each event */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t z = (a ^ b * 0x9e3779b97f4a7c15ull) + 0x632be59bd9b4e019ull;

	z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9ull;
	return z ^ (z >> 32);
}

/* What the choice for PC and the kind of probe KIND is made from. */
static inline uint64_t lot(uint64_t pc, unsigned kind)
{
	return mix(mix(seed, kind), pc);
}

/* Whether there is a probe of KIND at PC: everywhere, nowhere, or here and there, as the seed has it for that kind. */
static inline bool chosen(uint64_t pc, unsigned kind)
{
	static const uint8_t of_16[] = { 0, 1, 2, 4, 8, 16 };

	return lot(pc, kind) >> 60 < of_16[mix(seed, kind + 1000) % sizeof of_16];
}

/* Whether a probe at PC may change guest registers. */
static inline bool may_write(uint64_t pc)
{
	return pc >= STREAMS_BASE;
}

/* Whether a probe may change the memory at VADDR: streams use it as data only. */
static inline bool is_scratch(uint64_t vaddr)
{
	return vaddr >= DATA_BASE && (vaddr - DATA_BASE) % STATE_SIZE - STATE_MEMORY < SCRATCH_SIZE;
}

/* An x register that a probe may write. */
static inline unsigned writable(uint64_t random)
{
	unsigned reg = random % 32;

	while (FRAME_REGS >> reg & 1)
		reg = (reg + 1) % 32;
	return reg;
}

/* -- the account ------------------------------------------------------------------------------------------------------ */

enum { EVENTS = 24 };
struct Account {
	uint64_t count, hash;
} account[EVENTS];
static uint64_t all_hash, wrong;
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Something has been seen: an event of KIND at PC with VALUE. */
static inline void note(unsigned kind, const char *name, uint64_t pc, uint64_t value)
{
	account[kind].count++;
	account[kind].hash = mix(account[kind].hash, mix(pc, value));
	all_hash = mix(all_hash, account[kind].hash);
	if (trace)
		say("%s %" PRIx64 " %016" PRIx64 "\n", name, pc, value);
}

/* Something that can never be: the runner looks for WRONG. */
static inline void complain(const char *what, uint64_t pc, uint64_t value)
{
	if (wrong++ < 10)
		say("WRONG: %s at %" PRIx64 " (%" PRIx64 ")\n", what, pc, value);
}

static inline void print_account(const char *const names[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		say("%-10s %12" PRIu64 " %016" PRIx64 "\n", names[i], account[i].count, account[i].hash);
	say("%-10s %12s %016" PRIx64 "\n", "in order", "", all_hash);
}

#endif
