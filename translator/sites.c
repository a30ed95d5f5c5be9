/* SPDX-License-Identifier: MIT */
/* Observing indirect jumps: who makes a region asks for the target of one; from then on blocks count how often it is taken and how often to another address than the
 * time before; the next time the loop is found hot the answer is there, and the blocks count no more. */
#include "translator/sites.h"

/* What a cpu has seen of a jump; written by translated code. */
struct Seen {
	uint64_t target, times, changes, spare;
};
_Static_assert(sizeof(struct Seen) == CPU_SITE_SIZE, "room for what is seen");

/* By site_index(). */
static struct Site {
	uint64_t pc, generation;        /* cache_generation() when it was asked for */
	uint64_t target;
	bool known;
} sites[SITES_COUNT];

static unsigned site_index(uint64_t pc) { return (pc * 0x9e3779b97f4a7c15ull) >> (64 - SITES_BITS); }
static bool is_current(const struct Site *site) { return site->pc && site->generation == cache_generation(); }
static uint32_t offset_of(const struct Guest *guest, unsigned index) { return cpu_sites_offset(guest) + index * CPU_SITE_SIZE; }

/* The target that SEEN shows; 0 if the jump was taken in few of the rounds that make a branch hot, or to different places. */
static uint64_t usual_target(const struct Seen *seen)
{
	return seen->times * 16 >= heat_rounds() && (seen->changes - 1) * 16 <= seen->times ? seen->target : 0;
}

bool site_target(struct Cpu *cpu, uint64_t pc, uint64_t *target, bool *stale)
{
	unsigned index = site_index(pc);
	struct Site *site = &sites[index];
	struct Seen *seen = (struct Seen *)((char *)cpu + offset_of(cpu->guest, index));
	bool current = is_current(site);

	*target = 0;
	if (current && site->pc != pc && !site->known)
		return true;            /* another is being observed in its place */
	if (!current || site->pc != pc) {
		*site = (struct Site){ .pc = pc, .generation = cache_generation() };
		*seen = (struct Seen){ 0 };
		*stale = true;
		return false;
	}
	if (!site->known) {
		site->target = usual_target(seen);
		site->known = *stale = true;
	}
	*target = site->target;
	return true;
}

uint64_t site_known_target(uint64_t pc)
{
	const struct Site *site = &sites[site_index(pc)];

	return is_current(site) && site->pc == pc && site->known ? site->target : 0;
}

void site_count(struct Ir *ir, uint64_t pc, Ref target)
{
	unsigned index = site_index(pc);
	uint32_t at = offset_of(ir->guest, index);

	if (!is_current(&sites[index]) || sites[index].pc != pc || sites[index].known)
		return;
	Ref before = ir_temp(ir, IR_INT), changes = ir_temp(ir, IR_INT), times = ir_temp(ir, IR_INT), changed = ir_temp(ir, IR_INT);
	ir_get(ir, MEM_64, before, at + offsetof(struct Seen, target));
	ir_get(ir, MEM_64, changes, at + offsetof(struct Seen, changes));
	ir_get(ir, MEM_64, times, at + offsetof(struct Seen, times));
	ir_setcond(ir, IR_I64, COND_NE, changed, before, target);
	ir_put(ir, MEM_64, at + offsetof(struct Seen, target), target);
	ir_put(ir, MEM_64, at + offsetof(struct Seen, changes), ir_op2(ir, IR_ADD, IR_I64, changes, changed));
	ir_put(ir, MEM_64, at + offsetof(struct Seen, times), ir_op2(ir, IR_ADD, IR_I64, times, ir_const(ir, 1)));
}
