/* SPDX-License-Identifier: MIT */
/* The state of one random stream as generate.c lays it and compare.c reads it: x0-x31, f0-f31, fcsr, padding, scratch memory. */
#ifndef FORERUN_RANDOM_LAYOUT_H
#define FORERUN_RANDOM_LAYOUT_H

enum {
	STATE_MEMORY = 528,             /* bytes from the start of a state to its scratch memory: 16-aligned */
	SCRATCH_SIZE = 1024,
	SCRATCH_BASE = 384,             /* where sp, s0 and s1 point in it */
	STATE_SIZE = STATE_MEMORY + SCRATCH_SIZE + 16,
};

#endif
