/* SPDX-License-Identifier: MIT */
/* Blocks by pc and key: found without a lock by any thread, changed under the translation lock. */
#ifndef FORERUN_BLOCK_TABLE_H
#define FORERUN_BLOCK_TABLE_H

#include "translator/host/host.h"

/* Once, before anything else here. */
void block_table_init(void);
/* The valid block or NULL. Any thread, no lock, while its cpu counts as running translated code or the translation lock is held. */
struct Block *block_table_find(uint64_t pc, uint32_t key);
/* Adds a block that is complete and valid. Under the translation lock. */
void block_table_add(struct Block *block);
/* Removes it; it is no longer valid. Under the translation lock. */
void block_table_remove(struct Block *block);
/* Empties the table. Under the translation lock, no cpu running. */
void block_table_clear(void);

#endif
