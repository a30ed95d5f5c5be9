/* SPDX-License-Identifier: MIT */
/* From guest bytes to marks and IR: the first stage of the pipeline, for blocks and for the pieces of regions. */
#ifndef FORERUN_DECODE_H
#define FORERUN_DECODE_H

#include "translator/translate.h"

enum {
	DECODE_MAX_BYTES = TRANSLATE_MAX_INSNS * 4,     /* of guest code looked at for one block */
	GUEST_PAGE = 4096,
};

/* Guest code from one address on, fetched at once. */
struct Code {
	uint64_t pc;
	size_t length;                  /* bytes that are executable from PC on */
	uint8_t bytes[DECODE_MAX_BYTES];
};

/* Fetches what a block of MAX_INSNS at PC can consist of, having told the environment of the pages. Under the translation lock, on a cpu's thread. */
void decode_fetch(struct Code *code, uint64_t pc, unsigned max_insns);

/* Appends the guest instructions of CODE to IR, at most MAX_INSNS, up to the end of the block or of the page; always ends with an OPF_EXIT instruction. COUNTED: direct
 * branches backwards count how often they are reached (HEAT). Returns the number of bytes covered: 0 if there is not one whole instruction. */
size_t decode_block(struct Ir *ir, const struct Code *code, unsigned max_insns, bool counted);

#endif
