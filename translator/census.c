/* SPDX-License-Identifier: MIT */
/* Counting blocks for one loop at a time: who would make a region of a large loop asks; from then on its blocks are translated with a count, until the loop is hot again, which is
 * soon. Each cpu has counts of its own: that on which the loop is hot knows enough. */
#include "translator/census.h"

#include <glib.h>
#include <string.h>

#include "translator/region.h"

enum {
	LONG = 4,                       /* times that a loop is hot before a census, so that start-up is spared it */
	ENOUGH = 16,                    /* one in so many of the rounds that make a loop hot will do */
	TRIES = 3,                      /* times that the loop is hot before what has been counted must do */
	PATIENCE = 6,                   /* times that other loops are hot meanwhile */
	SLOT_BITS = 8,
};
_Static_assert(CENSUS_COUNT < UINT8_MAX && CENSUS_COUNT < 1 << SLOT_BITS, "indices fit, and not all slots are taken");

static struct {
	uint64_t head;
	uint64_t pc[CENSUS_COUNT];
	uint8_t slot[1 << SLOT_BITS];   /* by hash of pc, the next ones where that is taken: index in pc, from 1 */
	uint32_t key;
	unsigned nblocks;               /* 0: there is no census */
	unsigned tries;                 /* times that the loop was hot since it began */
	unsigned waiting;               /* times that others were hot since this one was */
} census;

/* Loops that would have one, by heat_index(); a later one may take the place. It is hot with the other then, too, so that few share one. */
static struct Candidate {
	uint64_t head;
	unsigned times;                 /* that it was hot */
	bool renewed;                   /* it has had a second one */
} candidates[HEAT_COUNT];

static uint64_t *count_of(const struct Cpu *cpu, unsigned i)
{
	return (uint64_t *)((char *)cpu + cpu_census_offset(cpu->guest)) + i;
}

/* Where the index of the block at PC is, or would be. */
static uint8_t *slot_of(uint64_t pc)
{
	unsigned i = (pc * 0x9e3779b97f4a7c15ull) >> (64 - SLOT_BITS);

	while (census.slot[i] && census.pc[census.slot[i] - 1] != pc)
		i = (i + 1) % (1 << SLOT_BITS);
	return &census.slot[i];
}

/* Returns -1 if it is not counted. */
static int find_block(uint64_t pc)
{
	return census.nblocks ? *slot_of(pc) - 1 : -1;
}

static void clear(struct Cpu *cpu, void *data)
{
	(void)data;
	memset(count_of(cpu, 0), 0, CENSUS_COUNT * sizeof(uint64_t));
}

bool census_is_of(uint64_t head)
{
	return census.nblocks && census.head == head;
}

static bool is_enough(const struct Cpu *cpu)
{
	return *count_of(cpu, 0) >= heat_rounds() / ENOUGH;
}

bool census_runs(const struct Cpu *cpu, uint64_t head)
{
	return census_is_of(head) && !is_enough(cpu);
}

enum CensusState census_state(struct Cpu *cpu, uint64_t head)
{
	if (!census_is_of(head))
		return CENSUS_NONE;
	census.waiting = 0;
	return is_enough(cpu) || ++census.tries >= TRIES ? CENSUS_DONE : CENSUS_RUNS;
}

/* Whether the loop that is hot must wait for the other. That may never be hot again, or is so seldom that the time goes elsewhere. */
static bool goes_first(void)
{
	if (!census.nblocks)
		return false;
	if (census.waiting++ < PATIENCE)
		return true;
	region_give_up(census.head);
	census_end(census.head);
	return false;
}

bool census_delays(const struct Cpu *cpu, uint64_t head)
{
	return !census_is_of(head) && find_block(head) >= 0 && !is_enough(cpu) && goes_first();
}

static struct Candidate *candidate_of(uint64_t head)
{
	struct Candidate *candidate = &candidates[heat_index(head)];

	if (candidate->head != head)
		*candidate = (struct Candidate){ .head = head };
	return candidate;
}

bool census_is_outdated(const struct Block *region)
{
	if (!region->chosen || candidate_of(region->pc)->renewed)
		return false;
	return candidate_of(region->pc)->renewed = true;
}

bool census_waits(uint64_t head)
{
	struct Candidate *candidate = &candidates[heat_index(head)];

	if (candidate->head != head || !candidate->times || candidate->times + 1 >= LONG)
		return false;
	candidate->times++;
	return true;
}

bool census_begin(uint64_t head, uint32_t key)
{
	if (++candidate_of(head)->times < LONG || goes_first())
		return false;
	cpu_for_each(clear, NULL);
	census.head = head;
	census.key = key;
	census.tries = census.waiting = 0;
	memset(census.slot, 0, sizeof census.slot);
	census_add(head);
	return true;
}

void census_add(uint64_t pc)
{
	uint8_t *slot = slot_of(pc);

	if (census.nblocks == CENSUS_COUNT || *slot)
		return;
	struct Block *block = cache_find(pc, census.key);
	census.pc[census.nblocks++] = pc;
	*slot = census.nblocks;
	if (!block || block->chosen)
		return;
	/* a loop within this one becomes a region again */
	if (block->region)
		region_retry(pc);
	cache_forget_entry(block);
}

uint64_t census_block(unsigned i)
{
	return i < census.nblocks ? census.pc[i] : 0;
}

void census_end(uint64_t head)
{
	unsigned n = census.nblocks;

	if (!census_is_of(head))
		return;
	census.nblocks = 0;
	for (unsigned i = 0; i < n; i++) {
		struct Block *block = cache_find(census.pc[i], census.key);
		if (block && !block->region)
			cache_forget(block);
	}
}

bool census_times(const struct Cpu *cpu, uint64_t pc, uint64_t *times, uint64_t *rounds)
{
	int i = find_block(pc);

	if (i < 0)
		return false;
	*times = *count_of(cpu, i);
	*rounds = *count_of(cpu, 0);
	return true;
}

void census_count(struct Ir *ir, uint64_t pc)
{
	int i = find_block(pc);

	if (i < 0 || ir->key != census.key)
		return;
	uint32_t at = cpu_census_offset(ir->guest) + i * sizeof(uint64_t);
	Ref count = ir_temp(ir, IR_INT);
	ir_get(ir, MEM_64, count, at);
	ir_put(ir, MEM_64, at, ir_op2(ir, IR_ADD, IR_I64, count, ir_const(ir, 1)));
}
