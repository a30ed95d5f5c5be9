/* SPDX-License-Identifier: MIT */
/* Forgotten translations that become valid again when the guest's bytes are what they were. All under the translation lock. */
#ifndef FORERUN_KEPT_H
#define FORERUN_KEPT_H

#include "translator/translate.h"

struct Code;

/* Notes in BUF->meta the guest bytes that BLOCK was made of: those that CODE begins with, or, of a region, those of UNIT. False if there is no room. */
bool kept_record(struct CodeBuffer *buf, struct Block *block, const struct Ir *unit, const struct Code *code);
/* Whether the guest's executable memory has these bytes now. On a cpu's thread. */
bool kept_matches(const struct Block *block);

/* The same with the environment telling of changes of the block's pages from here on. */
bool kept_current(const struct Block *block);

/* The numbers of the pages that BLOCK's bytes are in, each once; returns how many. */
unsigned kept_pages(const struct Block *block, uint64_t pages[BLOCK_PAGES]);

/* BLOCK has been forgotten because its pages changed. */
void kept_add(struct Block *block);
/* A block for PC and KEY that matches, no longer kept; NULL: none. From here on the environment tells of changes of its pages. */
struct Block *kept_take(uint64_t pc, uint32_t key);
/* All kept ones are void. */
void kept_clear(void);

#endif
