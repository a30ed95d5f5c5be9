/* SPDX-License-Identifier: MIT */
/* Memory for one translation: allocated by bumping a pointer, dropped whole. */
#ifndef FORERUN_ARENA_H
#define FORERUN_ARENA_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

struct ArenaBlock {
	struct ArenaBlock *next;
	size_t size;                    /* bytes of data */
	alignas(16) uint8_t data[];
};
enum { ARENA_ALIGN = 16 };

/* One thread uses an arena at a time. Blocks are kept over arena_reset(), so a warm arena never calls malloc. */
struct Arena {
	struct ArenaBlock *first, *current;
	size_t used;            /* bytes of current */
};

/* Returns SIZE zeroed bytes aligned to 16, valid until arena_reset(). Aborts when the host is out of memory. */
void *arena_alloc(struct Arena *arena, size_t size);

/* Makes a block with SIZE bytes of room current. */
void arena_advance(struct Arena *arena, size_t size);

/* The same with whatever is in the bytes. */
static inline void *arena_alloc_raw(struct Arena *arena, size_t size)
{
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (!arena->current || arena->current->size - arena->used < size)
		arena_advance(arena, size);
	void *p = arena->current->data + arena->used;
	arena->used += size;
	return p;
}

/* Returns a copy of the OLD bytes at P in room for SIZE bytes; in the rest is whatever is there. */
void *arena_grow(struct Arena *arena, const void *p, size_t old, size_t size);

/* Forgets everything allocated. */
void arena_reset(struct Arena *arena);

/* Frees the arena's memory. */
void arena_free(struct Arena *arena);

#endif
