/* SPDX-License-Identifier: MIT */
/* The instrument pass: internal to instrument/. */
#ifndef FORERUN_PASS_H
#define FORERUN_PASS_H

#include "instrument/probe.h"

struct Attached;

/* Probes at one place of one instruction, in the order of their attachment. */
struct ProbeList {
	struct Attached *first, **end;
};

/* One translation on its way through the subscribers, who see one of its blocks at a time. All memory is the unit's arena. */
struct ProbeUnit {
	struct Ir *ir;
	struct Cpu *cpu;
	unsigned first, ninsns;         /* the block shown now: guest instructions of the unit */
	struct ProbeList *block;        /* by block of the unit; the others by guest instruction */
	unsigned at;                    /* index of the block shown now */
	uint8_t *accesses;              /* PROBE_LOADS | PROBE_STORES */
	struct ProbeList *insn, *before, *after;
	unsigned count;                 /* probes attached in all */
};

void pass_begin(struct ProbeUnit *unit, struct Ir *ir, struct Cpu *cpu);
/* Shows the next block of the unit, beginning with the first. False: that was the last. */
bool pass_next_block(struct ProbeUnit *unit);
/* Rewrites the unit's instructions with the probes among them. */
void pass_insert(struct ProbeUnit *unit);

#endif
