/* SPDX-License-Identifier: MIT */
/* Bump allocation for one translation. */
#include "translator/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 256 << 10 };

static struct ArenaBlock *new_block(size_t size)
{
	struct ArenaBlock *block = malloc(sizeof *block + size);
	if (!block) {
		fputs("forerun: out of memory while translating\n", stderr);
		abort();
	}
	block->next = NULL;
	block->size = size;
	return block;
}

/* Takes the next block that is large enough, keeping those that are too small in the chain. */
void arena_advance(struct Arena *arena, size_t size)
{
	struct ArenaBlock **link = arena->current ? &arena->current->next : &arena->first;

	while (*link && (*link)->size < size)
		link = &(*link)->next;
	if (!*link)
		*link = new_block(size > BLOCK_SIZE ? size : BLOCK_SIZE);
	arena->current = *link;
	arena->used = 0;
}

void *arena_alloc(struct Arena *arena, size_t size)
{
	return memset(arena_alloc_raw(arena, size), 0, size);
}

void *arena_grow(struct Arena *arena, const void *p, size_t old, size_t size)
{
	void *q = arena_alloc_raw(arena, size);
	if (old)
		memcpy(q, p, old);
	return q;
}

void arena_reset(struct Arena *arena)
{
	arena->current = NULL;
	arena->used = 0;
}

void arena_free(struct Arena *arena)
{
	for (struct ArenaBlock *block = arena->first, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	arena->first = NULL;
	arena_reset(arena);
}
