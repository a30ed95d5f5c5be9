/* SPDX-License-Identifier: MIT */
/* Choosing, comparing and giving up what regions assume of registers at their entry. */
#include "translator/assume.h"

#include <string.h>

#include "translator/constants.h"
#include "translator/loops.h"
#include "translator/region.h"
#include "translator/statistics.h"
#include "translator/translate.h"

enum {
	CONSTANTS_MAX = 6,              /* each takes two host instructions at each entry */
	BOUND_MAX = 64,                 /* of counters of loops of few rounds */
	FAILURES_MAX = 4,               /* of one region, then nothing is assumed any more */
	HEADS = 512,
	GLOBALS = 64,                   /* the first of a guest, which may be assumed to be constant */
	REGISTERS = 11,                 /* that hosts keep globals in */
};

/* What is known of the entry of a region. Valid as long as no flush has changed what lies behind the addresses; until then no other head takes the place. */
static struct Head {
	uint64_t pc, generation;
	uint32_t key;
	uint8_t failures;
	bool seen;
	uint64_t before[GLOBALS];       /* if SEEN: what integer globals held then */
	struct Assumptions made;        /* by the region */
	uint64_t words;                 /* the set of what it assumes to be words */
	uint64_t refused[IR_MAXGLOBALS / 64];   /* bits of the globals that were otherwise */
	uint64_t no_words;              /* likewise */
} heads[HEADS];

/* NULL: another has the place. */
static struct Head *find_head(uint64_t pc, uint32_t key)
{
	struct Head *head = &heads[heat_index(pc) % HEADS];

	if (head->generation != cache_generation() || (!head->pc && !head->generation))
		*head = (struct Head){ .pc = pc, .key = key, .generation = cache_generation() };
	return head->pc == pc && head->key == key ? head : NULL;
}

static uint64_t value_of(const struct Guest *guest, const struct Cpu *cpu, Ref global)
{
	uint64_t value;

	memcpy(&value, (const char *)cpu + guest->globals[global].offset, sizeof value);
	return value;
}

static bool is_word(uint64_t value) { return value == (uint64_t)(int64_t)(int32_t)value; }

static bool is_refused(const struct Head *head, Ref global)
{
	return head->failures == FAILURES_MAX || head->refused[global / 64] >> global % 64 & 1;
}

bool assume_seen(const struct Cpu *cpu, uint64_t pc, uint32_t key)
{
	struct Head *head = find_head(pc, key);

	if (!head || head->seen)
		return true;
	head->seen = true;
	for (unsigned v = 0; v < cpu->guest->nglobals && v < GLOBALS; v++)
		head->before[v] = value_of(cpu->guest, cpu, v);
	return false;
}

/* -- choosing ------------------------------------------------------------------------------------------------------- */

/* What it gains if operand K of INS is a constant: in host instructions, and NARROW if it is but a register less. */
static unsigned gain(const struct Ins *ins, unsigned k, unsigned narrow)
{
	switch (ins->op) {
	case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: return k == 1 ? 16 : narrow;
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROTL: case IR_ROTR: return k == 1 ? 2 : narrow;
	case IR_BRCOND: case IR_EXITCOND: case IR_SETCOND: case IR_SELECT: return k < 2 && ref_is_const(ins->a[1 - k]) ? 2 : narrow;
	default: return narrow;
	}
}

/* Whether hosts may have too few registers for the integer globals that are used more often than the region is entered. */
static bool is_narrow(struct Ir *ir, const unsigned *weight, unsigned entry)
{
	bool *used = arena_alloc(ir->arena, ir->nvars);
	unsigned count = 0;

	for (unsigned n = 0; n < ir->nins; n++)
		for (unsigned k = 0; k < 5; k++) {
			Ref r = k < 4 ? ir->ins[n].a[k] : ir->ins[n].d;
			if (weight[n] > entry && ir_is_global(ir, r) && ir->var_class[r] == IR_INT && !used[r]) {
				used[r] = true;
				count++;
			}
		}
	return count > REGISTERS;
}

/* Whether operand K of INS, a branch back, may be what a loop of few rounds counts to: then these are known (unroll.c). */
static bool is_bound(const struct Ir *ir, const struct Cpu *cpu, const struct Ins *ins, unsigned k)
{
	return k < 2 && ir->var_class[ins->a[k]] == IR_INT && value_of(ir->guest, cpu, ins->a[k]) <= BOUND_MAX;
}

/* By global. *COST is what a comparison takes where the region is entered. */
static unsigned *count_gains(struct Ir *ir, const struct Cpu *cpu, unsigned *cost)
{
	const unsigned *weight = ir_loop_weights(ir, cost);
	unsigned *gains = arena_alloc(ir->arena, ir->nglobals * sizeof *gains);

	if (!weight)
		return gains;
	unsigned narrow = is_narrow(ir, weight, *cost);
	bool *placed = arena_alloc(ir->arena, ir->nlabels);
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (ins->op == IR_LABEL)
			placed[ins->imm] = true;
		for (unsigned k = 0; k < 4 && ins->a[k] != REF_NONE; k++)
			if (ir_is_global(ir, ins->a[k]))
				gains[ins->a[k]] += weight[n] * (ins->op == IR_BRCOND && placed[ins->imm] && is_bound(ir, cpu, ins, k) ? 2 : gain(ins, k, narrow));
	}
	return gains;
}

void assume_constants(struct Ir *ir, const struct Cpu *cpu, struct Assumptions *assumptions)
{
	const struct Head *head = find_head(ir->pc, ir->key);

	assumptions->n = 0;
	if (!head || !head->seen || ir->ins[0].op != IR_LABEL)
		return;
	const Ref *at = ir_constants(ir, true) + ir->ins[0].imm * ir->nglobals;
	unsigned cost = 0, *gains = count_gains(ir, cpu, &cost);
	for (unsigned v = 0; v < ir->nglobals; v++) {
		uint64_t value = ir->var_class[v] == IR_INT && v < GLOBALS ? value_of(ir->guest, cpu, v) : UINT64_MAX / 2;
		bool constant = at[v] == REF_ENTRY || (ref_is_const(at[v]) && ir_value(ir, at[v]) == value);
		if (!constant || !is_word(value) || head->before[v] != value || is_refused(head, v))
			gains[v] = 0;
	}
	while (assumptions->n < CONSTANTS_MAX) {
		unsigned best = 0;
		for (unsigned v = 1; v < ir->nglobals; v++)
			best = gains[v] > gains[best] ? v : best;
		if (gains[best] <= cost)
			return;
		gains[best] = 0;
		assumptions->list[assumptions->n++] = (struct Assumption){ .global = best, .value = head->before[best] };
	}
}

uint64_t assume_words(const struct Ir *ir, const struct Cpu *cpu)
{
	const struct Head *head = find_head(ir->pc, ir->key);
	uint64_t words = 0;

	if (!head || head->failures == FAILURES_MAX)
		return 0;
	for (unsigned v = 0; v < ir->nglobals && v < 64; v++)
		if (ir->var_class[v] == IR_INT && is_word(value_of(ir->guest, cpu, v)))
			words |= (uint64_t)1 << v;
	return words & ~head->no_words;
}

/* -- giving up ------------------------------------------------------------------------------------------------------ */

void assume_failed(struct Cpu *cpu, uint64_t pc, uint64_t key)
{
	statistics_count(COUNT_OTHERWISE);
	cache_lock();
	struct Head *head = find_head(pc, key);
	for (unsigned i = 0; head && i < head->made.n; i++) {
		const struct Assumption *a = &head->made.list[i];
		if (value_of(cpu->guest, cpu, a->global) != a->value)
			head->refused[a->global / 64] |= 1ull << a->global % 64;
	}
	for (uint64_t left = head ? head->words : 0; left; left &= left - 1)
		if (!is_word(value_of(cpu->guest, cpu, __builtin_ctzll(left))))
			head->no_words |= left & -left;
	if (head) {
		head->failures += head->failures < FAILURES_MAX;
		head->seen = false;
	}
	struct Block *block = cache_find(pc, key);
	if (block && block->region)
		cache_forget_entry(block);
	/* branches back that are not in it may have given up counting while it was there */
	region_retry(pc);
	cache_unlock();
}

/* -- the unit ------------------------------------------------------------------------------------------------------- */

static void compare(struct Ir *ir, const struct Assumption *a, unsigned failed)
{
	ir_brcond(ir, IR_I64, COND_NE, a->global, ir_const(ir, a->value), failed);
}

void assume_insert(struct Ir *ir, const struct Assumptions *assumptions)
{
	struct Head *head = find_head(ir->pc, ir->key);
	const struct Ins *old = ir->ins;
	unsigned nold = ir->nins;

	if (head)
		head->made.n = head->words = 0;
	if (!assumptions->n)
		return;
	unsigned failed = ir_label(ir);
	Ref args[] = { REF_CPU, ir_const(ir, ir->pc), ir_const(ir, ir->key) };
	head->made = *assumptions;
	ir->ins_cap = nold + 2 * assumptions->n + 8;
	ir->ins = arena_alloc_raw(ir->arena, ir->ins_cap * sizeof *ir->ins);
	ir->nins = 0;
	for (unsigned i = 0; i < assumptions->n; i++)
		compare(ir, &assumptions->list[i], failed);
	memcpy(ir->ins + ir->nins, old, nold * sizeof *old);
	ir->nins += nold;
	ir_emit_label(ir, failed);
	/* the state is that before the first instruction */
	ir_append(ir, IR_MARK, IR_I64)->imm = 0;
	ir_call(ir, REF_NONE, (void *)assume_failed, "assume_failed", IRC_READS | IRC_FP, 3, args);
	ir_exit(ir, ir->pc, EXIT_JUMP, 0);
}

void assume_compared(const struct Ir *ir, uint64_t words)
{
	struct Head *head = find_head(ir->pc, ir->key);

	if (head)
		head->words = words;
}
