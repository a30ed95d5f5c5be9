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

/* One translation on its way through the subscribers. All memory is the unit's arena. */
struct ProbeUnit {
	struct Ir *ir;
	struct Cpu *cpu;
	uint8_t *accesses;              /* by guest instruction: PROBE_LOADS | PROBE_STORES */
	struct ProbeList block;
	struct ProbeList *insn, *before, *after;        /* by guest instruction */
	unsigned count;                 /* probes attached in all */
};

void pass_begin(struct ProbeUnit *unit, struct Ir *ir, struct Cpu *cpu);
/* Rewrites the unit's instructions with the probes among them. */
void pass_insert(struct ProbeUnit *unit);

#endif
