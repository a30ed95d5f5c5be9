/* SPDX-License-Identifier: MIT */
/* What a random program looks like, as generate.c writes it and compare.c and the probe plugins read it. */
#ifndef FORERUN_RANDOM_LAYOUT_H
#define FORERUN_RANDOM_LAYOUT_H

/* The state of one stream: x0-x31, f0-f31, fcsr, padding, scratch memory. */
enum {
	STATE_MEMORY = 528,             /* bytes from the start of a state to its scratch memory: 16-aligned */
	SCRATCH_SIZE = 1024,
	SCRATCH_BASE = 384,             /* where sp, s0 and s1 point in it */
	STATE_SIZE = STATE_MEMORY + SCRATCH_SIZE + 16,
};

/* The code: entry and exit of the program, then the streams. */
enum { CODE_BASE = 0x100000, STREAMS_BASE = CODE_BASE + 0x1000 };

/* The states of all streams, one behind the other. */
enum { DATA_BASE = 0x4000000 };

/* x registers by name. FLOW_REGS: streams with control flow need them to end, and nothing else writes them. FRAME_REGS: the same for all kinds of streams;
 * t1 is free within one, but state is loaded and stored through it. */
enum {
	ZERO = 0, RA = 1, SP = 2, GP = 3, TP = 4, T0 = 5, T1 = 6, S0 = 8, S1 = 9, A0 = 10, A1 = 11, A2 = 12, A7 = 17,
	FLOW_REGS = 1u << RA | 1u << TP | 1u << T0 | 1u << 24 | 1u << 25 | 1u << 26 | 1u << 27 | 1u << 30 | 1u << 31,
	FRAME_REGS = FLOW_REGS | 1u << ZERO | 1u << SP | 1u << GP | 1u << T0 | 1u << T1 | 1u << S0 | 1u << S1,
};

#endif
