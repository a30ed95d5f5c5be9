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

/* A run of guest bytes. A block has one, from its pc on, and of that only the bytes are stored; a region has one for each gap less piece, and an empty
 * one behind the last. */
struct Run {
	uint64_t pc;
	uint32_t length;
	const uint8_t *bytes;
};

/* What precedes the bytes of a region's run. */
struct Header {
	int64_t offset;                 /* from the region's pc */
	uint64_t length;
};

enum {
	KEPT_BITS = 12,
	VERSIONS = 4,                   /* kept for one pc and key; more are of code that never comes back */
};

static Place kept[1 << KEPT_BITS];      /* newest first, by Block.next_kept */

static Place *bucket_of(uint64_t pc, uint32_t key)
{
	return &kept[(jump_tag(pc, key) >> 1) * 0x9e3779b97f4a7c15ull >> (64 - KEPT_BITS)];
}

/* -- what a block was made of --------------------------------------------------------------------------------------- */

static struct Run read_run(const struct Block *block, const uint8_t *p)
{
	struct Header header;

	memcpy(&header, p, sizeof header);
	return (struct Run){ .pc = block->pc + header.offset, .length = header.length, .bytes = p + sizeof header };
}

static struct Run first_run(const struct Block *block)
{
	if (block->region)
		return read_run(block, block_source(block));
	return (struct Run){ .pc = block->pc, .length = block->guest_size, .bytes = block_source(block) };
}

static struct Run next_run(const struct Block *block, const struct Run *run)
{
	return block->region ? read_run(block, run->bytes + run->length) : (struct Run){ .length = 0 };
}

/* Ends a run at TO with what it turned out to be; returns what is behind it. */
static uint8_t *write_run(uint8_t *to, struct Header header)
{
	memcpy(to, &header, sizeof header);
	return to + sizeof header + header.length;
}

/* Records the runs that a region was made of. */
static uint8_t *record_runs(uint8_t *to, const struct Block *block, const struct Ir *unit)
{
	uint64_t pc = unit->insns[0].pc;
	uint32_t length = 0;

	for (unsigned i = 0; i < unit->ninsns; i++) {
		const struct IrInsn *insn = &unit->insns[i];
		if (pc + length != insn->pc) {
			to = write_run(to, (struct Header){ pc - block->pc, length });
			pc = insn->pc;
			length = 0;
		}
		memcpy(to + sizeof(struct Header) + length, insn->bytes, insn->length);
		length += insn->length;
	}
	to = write_run(to, (struct Header){ pc - block->pc, length });
	return write_run(to, (struct Header){ .length = 0 });
}

bool kept_record(struct CodeBuffer *buf, struct Block *block, const struct Ir *unit, const struct Code *code)
{
	size_t header = block->region ? sizeof(struct Header) : 0;

	/* no instruction takes more than a header of its own and its bytes */
	if (buf->meta_end - buf->meta < (ptrdiff_t)((unit->ninsns + 2) * (header + sizeof unit->insns->bytes)))
		return false;
	if (block->region) {
		buf->meta = record_runs(buf->meta, block, unit);
	} else {
		g_assert(code->pc == block->pc && code->length >= block->guest_size);
		memcpy(buf->meta, code->bytes, block->guest_size);
		buf->meta += block->guest_size;
	}
	return true;
}

bool kept_matches(const struct Block *block)
{
	uint8_t now[256];

	for (struct Run run = first_run(block); run.length; run = next_run(block, &run))
		for (uint32_t at = 0; at < run.length;) {
			size_t step = MIN(run.length - at, sizeof now);
			if (translator.env->fetch(run.pc + at, now, step) != step || memcmp(now, run.bytes + at, step) != 0)
				return false;
			at += step;
		}
	return true;
}

/* -- the table -------------------------------------------------------------------------------------------------------- */

void kept_add(struct Block *block)
{
	Place *link = bucket_of(block->pc, block->key);
	unsigned versions = 0;

	block->next_kept = *link;
	*link = place_of(block);
	for (link = &block->next_kept; *link;) {
		struct Block *older = block_at(*link);
		if (older->pc == block->pc && older->key == block->key && ++versions >= VERSIONS)
			*link = older->next_kept;
		else
			link = &older->next_kept;
	}
}

unsigned kept_pages(const struct Block *block, uint64_t pages[BLOCK_PAGES])
{
	unsigned n = 0;

	for (struct Run run = first_run(block); run.length; run = next_run(block, &run))
		for (uint64_t page = run.pc / GUEST_PAGE; page <= (run.pc + run.length - 1) / GUEST_PAGE; page++) {
			unsigned i = 0;
			while (i < n && pages[i] != page)
				i++;
			if (i < n)
				continue;
			g_assert(n < BLOCK_PAGES);
			pages[n++] = page;
		}
	return n;
}

static void watch(const struct Block *block)
{
	for (struct Run run = first_run(block); run.length; run = next_run(block, &run))
		for (uint64_t page = run.pc & -(uint64_t)GUEST_PAGE; page < run.pc + run.length; page += GUEST_PAGE)
			translator.env->code_made(page);
}

bool kept_current(const struct Block *block)
{
	/* in this order, as for fetching: a byte that changed in between would be missed */
	watch(block);
	return kept_matches(block);
}

struct Block *kept_take(uint64_t pc, uint32_t key)
{
	struct Block *block;

	for (Place *link = bucket_of(pc, key); (block = block_at(*link)); link = &block->next_kept) {
		if (block->pc != pc || block->key != key)
			continue;
		if (kept_current(block)) {
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
