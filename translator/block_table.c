/* SPDX-License-Identifier: MIT */
/* The table of blocks by pc and key: open addressing with a part of the hash in each entry, so that most searches touch one line of the table and
 * the block.
 *
 * A table that is three quarters full is replaced by another one. Readers may be in the old one until all cpus are stopped: they miss what came later, and
 * what they find there that has been removed since is not valid. */
#include "translator/block_table.h"

#include <assert.h>
#include <glib.h>
#include <stdatomic.h>
#include <string.h>

#include "translator/translate.h"

enum { FIRST_BITS = 10, REMOVED = 1 };
_Static_assert(REMOVED < (int)PLACE_FIRST, "no place of a block");

struct Table {
	unsigned bits, used;            /* entries that are not 0 */
	struct Table *older;
	_Atomic uint64_t entry[];       /* hash_of(), and the place; 0: none, and the end of searches */
};

static _Atomic(struct Table *) current;
static bool asked;                      /* for free_older() */

static struct Table *new_table(unsigned bits, struct Table *older)
{
	struct Table *table = g_malloc0(sizeof *table + sizeof *table->entry * ((size_t)1 << bits));

	table->bits = bits;
	table->older = older;
	return table;
}

void block_table_init(void)
{
	atomic_store(&current, new_table(FIRST_BITS, NULL));
}

static size_t mask(const struct Table *table) { return ((size_t)1 << table->bits) - 1; }
static uint32_t hash_of(uint64_t pc, uint32_t key) { return (jump_tag(pc, key) >> 1) * 0x9e3779b97f4a7c15ull >> 32; }
static size_t home(const struct Table *table, uint32_t hash) { return hash >> (32 - table->bits); }
static uint64_t new_entry(uint32_t hash, Place place) { return (uint64_t)hash << 32 | place; }
static uint32_t entry_hash(uint64_t entry) { return entry >> 32; }
static uint64_t load(const struct Table *table, size_t i) { return atomic_load_explicit(&table->entry[i], memory_order_relaxed); }

struct Block *block_table_find(uint64_t pc, uint32_t key)
{
	struct Table *table = atomic_load_explicit(&current, memory_order_acquire);
	uint32_t hash = hash_of(pc, key);
	uint64_t entry;

	for (size_t i = home(table, hash); (entry = atomic_load_explicit(&table->entry[i], memory_order_acquire)); i = (i + 1) & mask(table)) {
		if (entry_hash(entry) != hash || (Place)entry == REMOVED)
			continue;
		struct Block *block = block_at((Place)entry);
		if (block->pc == pc && block->key == key && __atomic_load_n(&block->valid, __ATOMIC_ACQUIRE))
			return block;
	}
	return NULL;
}

static void insert(struct Table *table, uint64_t entry)
{
	size_t i = home(table, entry_hash(entry));
	uint64_t there;

	while ((there = load(table, i)) && (Place)there != REMOVED)
		i = (i + 1) & mask(table);
	table->used += !there;
	atomic_store_explicit(&table->entry[i], entry, memory_order_release);
}

/* A table with what is left in OLD and as much room again. */
static struct Table *replacement(struct Table *old)
{
	size_t live = 0;

	for (size_t i = 0; i <= mask(old); i++)
		live += (Place)load(old, i) > REMOVED;
	struct Table *table = new_table(live > mask(old) / 3 ? old->bits + 1 : old->bits, old);
	for (size_t i = 0; i <= mask(old); i++)
		if ((Place)load(old, i) > REMOVED)
			insert(table, load(old, i));
	return table;
}

static void free_chain(struct Table *table)
{
	while (table->older) {
		struct Table *older = table->older;
		table->older = older->older;
		g_free(older);
	}
}

/* Nobody runs translated code: who searches now holds the lock. */
static void free_older(void *data)
{
	(void)data;
	cache_lock();
	asked = false;
	free_chain(atomic_load_explicit(&current, memory_order_relaxed));
	cache_unlock();
}

void block_table_add(struct Block *block)
{
	struct Table *table = atomic_load_explicit(&current, memory_order_relaxed);

	insert(table, new_entry(hash_of(block->pc, block->key), place_of(block)));
	if (table->used <= mask(table) / 4 * 3)
		return;
	struct Table *next = replacement(table);
	atomic_store_explicit(&current, next, memory_order_release);
	/* Tables that grow are together no larger than the last; of others there may be any number, as blocks go and come back without a full flush. */
	if (next->bits == table->bits && !asked) {
		asked = true;
		cpu_exclusive_later(free_older, NULL);
	}
}

void block_table_remove(struct Block *block)
{
	struct Table *table = atomic_load_explicit(&current, memory_order_relaxed);
	uint64_t entry = new_entry(hash_of(block->pc, block->key), place_of(block));
	size_t i = home(table, entry_hash(entry));

	while (load(table, i) != entry) {
		assert(load(table, i));
		i = (i + 1) & mask(table);
	}
	atomic_store_explicit(&table->entry[i], REMOVED, memory_order_release);
}

void block_table_clear(void)
{
	struct Table *table = atomic_load_explicit(&current, memory_order_relaxed);

	free_chain(table);
	table->used = 0;
	for (size_t i = 0; i <= mask(table); i++)
		atomic_store_explicit(&table->entry[i], 0, memory_order_relaxed);
}
