/* SPDX-License-Identifier: MIT */
/* Observing conditional branches: who makes a region asks how well one is predicted; from then on blocks tell its outcomes to a small model of a branch predictor; the next
 * time the loop is found hot the answer is there, and the blocks tell no more.
 *
 * The model is two predictors of two-bit counters, one by the branch's own history and one by that of all observed branches. The better of the two counts: what follows a pattern
 * of either kind is easy for processors. */
#include "translator/predict.h"

enum {
	NBRANCHES = 64,                 /* direct-mapped */
	OWN_BITS = 8, ALL_BITS = 12,    /* of history */
	WRONG_COST = 64,                /* operations that take the time of a wrong guess: some 15 cycles */
	USUAL_ONE_IN = 16,              /* executions in the rounds that make a branch hot, at least */
	MAX_TRIES = 3,                  /* to see so many */
};

/* What translated code tells is written without a lock: threads may lose some of it. */
static struct Branch {
	uint64_t pc, generation;        /* cache_generation() when it was asked for */
	bool known, seldom;
	uint8_t tries;
	uint32_t loss;                  /* operations, for each execution: if known */
	uint32_t times, wrong_own, wrong_all;
	uint32_t history;
	uint8_t own[1 << OWN_BITS];
} branches[NBRANCHES];
static uint32_t history;                /* of all */
static uint8_t all[1 << ALL_BITS];

#define GET(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELAXED)

static struct Branch *slot_of(uint64_t pc) { return &branches[(pc * 0x9e3779b97f4a7c15ull) >> 58]; }
_Static_assert(NBRANCHES == 1 << (64 - 58), "the hash of an address is an index");

static bool is_current(const struct Branch *b) { return b->pc && b->generation == cache_generation(); }

/* Whether *COUNTER guesses wrong that a branch is TAKEN; trains it. */
static bool wrong(uint8_t *counter, bool taken)
{
	uint8_t now = GET(*counter);

	if (taken && now < 3)
		SET(*counter, now + 1);
	else if (!taken && now > 0)
		SET(*counter, now - 1);
	return now >> 1 != taken;
}

/* Called by translated code. */
static void observe(struct Branch *b, uint64_t taken)
{
	uint32_t own = GET(b->history), every = GET(history), hash = (b - branches) * 0x9e5;

	SET(b->times, GET(b->times) + 1);
	if (wrong(&b->own[own % (1 << OWN_BITS)], taken))
		SET(b->wrong_own, GET(b->wrong_own) + 1);
	if (wrong(&all[(every ^ hash) % (1 << ALL_BITS)], taken))
		SET(b->wrong_all, GET(b->wrong_all) + 1);
	SET(b->history, own << 1 | taken);
	SET(history, every << 1 | taken);
}

/* What the observations of B say. */
static void conclude(struct Branch *b)
{
	uint32_t times = GET(b->times), own = GET(b->wrong_own), every = GET(b->wrong_all);
	b->known = true;
	b->seldom = times <= heat_rounds() / USUAL_ONE_IN;
	b->loss = b->seldom ? 0 : (uint64_t)(own < every ? own : every) * WRONG_COST / times;
}

bool predict_ask(uint64_t pc, bool *stale)
{
	struct Branch *b = slot_of(pc);
	bool current = is_current(b), same = current && b->pc == pc;

	if (current && !same && !b->known)
		return true;            /* another is being observed in its place */
	if (same && (!b->known || !b->seldom || b->tries == MAX_TRIES)) {
		if (!b->known) {
			conclude(b);
			*stale = true;
		}
		return true;
	}
	/* what was not executed in one loop may be in another */
	*b = (struct Branch){ .pc = pc, .generation = cache_generation(), .tries = same ? b->tries + 1 : 1 };
	*stale = true;
	return false;
}

bool predict_hard(uint64_t pc, unsigned cost)
{
	const struct Branch *b = slot_of(pc);

	return is_current(b) && b->pc == pc && b->known && b->loss >= cost;
}

void predict_observe(struct Ir *ir, uint64_t pc, const struct Ins *branch)
{
	struct Branch *b = slot_of(pc);

	if (!is_current(b) || b->pc != pc || b->known)
		return;
	Ref taken = ir_temp(ir, IR_INT);
	ir_setcond(ir, branch->type, branch->cond, taken, branch->a[0], branch->a[1]);
	ir_call(ir, REF_NONE, observe, "observe branch", 0, 2, (Ref[]){ ir_const(ir, (uintptr_t)b), taken });
}
