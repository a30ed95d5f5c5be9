/* SPDX-License-Identifier: MIT */
/* Forgotten translations that become valid again when the guest's bytes are what they were.
 *
 * Programs that make code write next to what they run, take rights away and give them back, and unmap and map the same library again: pages change, most of
 * their blocks do not. A forgotten block keeps its memory until the next full flush anyway, so it is noted here, and found before it would be translated
 * anew. What it was made of stands beside it and is compared byte by byte. */
#include "translator/kept.h"

#include <glib.h>
#include <string.h>

#include "translator/decode.h"

/* A run of guest bytes. A block has one, a region one for each gap less piece; the last is empty. */
struct Source {
	uint64_t pc;
	uint32_t length;
	uint8_t bytes[];
};

enum {
	KEPT_BITS = 12,
	VERSIONS = 4,                   /* kept for one pc and key; more are of code that never comes back */
	SOURCE_ALIGN = _Alignof(struct Source),
};

static struct Block *kept[1 << KEPT_BITS];      /* newest first, by Block.next_kept */

static struct Block **bucket_of(uint64_t pc, uint32_t key)
{
	return &kept[(jump_tag(pc, key) >> 1) * 0x9e3779b97f4a7c15ull >> (64 - KEPT_BITS)];
}

/* -- what a block was made of --------------------------------------------------------------------------------------- */

static struct Source *next_source(const struct Source *source)
{
	return (struct Source *)(((uintptr_t)source->bytes + source->length + SOURCE_ALIGN - 1) & -(uintptr_t)SOURCE_ALIGN);
}

bool kept_record(struct CodeBuffer *buf, struct Block *block, const struct Ir *unit)
{
	struct Source *source = (struct Source *)(((uintptr_t)buf->meta + SOURCE_ALIGN - 1) & -(uintptr_t)SOURCE_ALIGN);
	/* no instruction takes more than a header of its own and its bytes */
	size_t most = (unit->ninsns + 1) * (sizeof *source + sizeof unit->insns->bytes + SOURCE_ALIGN);

	if (buf->meta_end - (uint8_t *)source < (ptrdiff_t)most)
		return false;
	block->source = source;
	*source = (struct Source){ .pc = unit->ninsns ? unit->insns[0].pc : 0 };
	for (unsigned i = 0; i < unit->ninsns; i++) {
		const struct IrInsn *insn = &unit->insns[i];
		if (source->pc + source->length != insn->pc) {
			source = next_source(source);
			*source = (struct Source){ .pc = insn->pc };
		}
		memcpy(source->bytes + source->length, insn->bytes, insn->length);
		source->length += insn->length;
	}
	source = next_source(source);
	*source = (struct Source){ .length = 0 };
	buf->meta = source->bytes;
	return true;
}

bool kept_matches(const struct Block *block)
{
	uint8_t now[256];

	for (const struct Source *source = block->source; source->length; source = next_source(source))
		for (uint32_t at = 0; at < source->length;) {
			size_t step = MIN(source->length - at, sizeof now);
			if (translator.env->fetch(source->pc + at, now, step) != step || memcmp(now, source->bytes + at, step) != 0)
				return false;
			at += step;
		}
	return true;
}

/* -- the table -------------------------------------------------------------------------------------------------------- */

void kept_add(struct Block *block)
{
	struct Block **link = bucket_of(block->pc, block->key);
	unsigned versions = 0;

	block->next_kept = *link;
	*link = block;
	for (link = &block->next_kept; *link;) {
		if ((*link)->pc == block->pc && (*link)->key == block->key && ++versions >= VERSIONS)
			*link = (*link)->next_kept;
		else
			link = &(*link)->next_kept;
	}
}

static void watch(const struct Block *block)
{
	for (const struct Source *source = block->source; source->length; source = next_source(source))
		for (uint64_t page = source->pc & -(uint64_t)GUEST_PAGE; page < source->pc + source->length; page += GUEST_PAGE)
			translator.env->code_made(page);
}

struct Block *kept_take(uint64_t pc, uint32_t key)
{
	for (struct Block **link = bucket_of(pc, key), *block; (block = *link); link = &block->next_kept) {
		if (block->pc != pc || block->key != key)
			continue;
		/* in this order, as for fetching: a byte that changed in between would be missed */
		watch(block);
		if (kept_matches(block)) {
			*link = block->next_kept;
			return block;
		}
	}
	return NULL;
}

void kept_clear(void)
{
	memset(kept, 0, sizeof kept);
}
