/* SPDX-License-Identifier: MIT */
/* From guest bytes to marks and IR: the first stage of the pipeline, for blocks and for the pieces of regions. */
#ifndef FORERUN_DECODE_H
#define FORERUN_DECODE_H

#include "translator/translate.h"

enum {
	DECODE_MAX_BYTES = TRANSLATE_MAX_INSNS * 4,     /* of guest code looked at for one block */
	GUEST_PAGE = 4096,
};

/* Guest code from one address on, fetched as decoding needs it. */
struct Code {
	uint64_t pc;
	size_t length;                  /* bytes fetched, which are executable */
	size_t limit;                   /* more are not wanted, or not there */
	uint8_t bytes[DECODE_MAX_BYTES];
};

/* Prepares for a block of MAX_INSNS at PC and fetches its first bytes; Code.length is 0 if there are none. The environment is told of each page before what is
 * used is read from it. Under the translation lock until the last decode_block(), on a cpu's thread. */
void decode_fetch(struct Code *code, uint64_t pc, unsigned max_insns);

/* Appends the guest instructions of CODE to IR, at most MAX_INSNS, up to the end of the block or of the page; always ends with an OPF_EXIT instruction. COUNTED: direct
 * branches backwards count how often they are reached (HEAT), indirect jumps where they lead if that has been asked for (sites.h), and the block its executions
 * (census.h). Returns the number of bytes covered: 0 if there is not one whole instruction. */
size_t decode_block(struct Ir *ir, struct Code *code, unsigned max_insns, bool counted);

#endif
