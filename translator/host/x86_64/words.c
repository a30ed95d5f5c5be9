/* SPDX-License-Identifier: MIT */
/* Words: 32-bit values that stay unextended in their registers, through branches and round loops.
 *
 * A guest that keeps words as 64-bit numbers with the sign extends every sum of words, often in the chain that a loop waits for. A global may be *loose* instead: the low
 * half of its register (or memory, wherever the allocator has it) is that of its value, the upper half anything, and the value is the extension of the low one. Whoever reads no
 * more than that takes it as it is; fault records and ways out extend it. To extend a register that is exact changes nothing, so all that matters of a point is which
 * globals *may* be loose there.
 *
 *     add.i32   t = a4, a3                 add.i32   a4 = a4, a3
 *     sext32    a4 = t                     mov       a4 = a4         WORD: loose from here on
 *     brcond.i64.ne a4, a5 L0              brcond.i32.ne a4, a5 L0
 *
 * Data flow over the unit finds them. Forward: which variables are words, so that extending them is right and comparing their low halves enough. Backward: of which globals more
 * than the low half is read before they are assigned again, which also are those that are no words at a label on the way. What remains is loose; forward again: where.
 *
 * A block without labels is left often: there, ways out find all exact, and only values that are assigned again within it are loose.
 *
 * At the entry of a region the globals can be anything. They are taken for words until it is known which of that has been made use of. These are compared with their
 * extensions at the entry, and a region for which that has failed is forgotten, and made anew without that assumption. */
#include <assert.h>
#include <string.h>

#include "translator/assume.h"
#include "translator/host/x86_64/backend.h"

/* What is known of a variable, as a set: it is a word if these globals are words at the unit's entry. */
#define ALWAYS ((uint64_t)0)
#define NEVER (~(uint64_t)0)
enum { MAX_WORDS = 63, MAX_INS = 4096 };        /* globals that may be words, so that no set of them is NEVER; instructions of a unit */

/* What has been found of an instruction. */
enum {
	COMPARES_WORDS = 1,     /* operands 0 and 1 are words */
	MAKES_WORD = 2,
	LOW_WANTED = 4,         /* nobody reads more of the result than the low half */
	UNOBSERVED = 8,         /* it is assigned again before somebody could see the state */
};

struct Search {
	struct Gen *g;
	struct Ir *ir;
	uint64_t *word;         /* by variable */
	uint64_t *at;           /* the same by label and global */
	uint64_t *full, *observed;      /* by label, globals: more than the low half is read behind it; the state can be seen there */
	struct WordsAt *labels;
	uint8_t *found;         /* by instruction */
	bool *temp;             /* by variable, of temporaries: full, or loose */
	uint64_t full_now, observed_now, seen_now, loose_now;
	bool changed;
};

static bool may_be_word(const struct Ir *ir, Ref r) { return ir_is_global(ir, r) && r < MAX_WORDS && ir->var_class[r] == IR_INT; }
static uint64_t word_bit(const struct Ir *ir, Ref r) { return may_be_word(ir, r) ? (uint64_t)1 << r : 0; }
static bool is_temp(const struct Ir *ir, Ref r) { return ref_is_var(r) && !ir_is_global(ir, r); }
static unsigned nwords(const struct Ir *ir) { return ir->nglobals < MAX_WORDS ? ir->nglobals : MAX_WORDS; }

/* The labels that a way to LABEL may lead to: it, and if values are tested there, its twin. */
static unsigned destinations(const struct Gen *g, unsigned label, unsigned to[2])
{
	to[0] = label;
	to[1] = label - g->nknown;
	return g->known && label >= g->nknown ? 2 : 1;
}

/* -- forward: what is a word ---------------------------------------------------------------------------------------------------- */

static uint64_t word_of(const struct Search *s, Ref r)
{
	if (!ref_is_const(r))
		return s->word[r];
	uint64_t value = ir_value(s->ir, r);
	return value == (uint64_t)(int64_t)(int32_t)value ? ALWAYS : NEVER;
}

static bool const_between(const struct Ir *ir, Ref r, uint64_t low, uint64_t high)
{
	return ref_is_const(r) && ir_value(ir, r) >= low && ir_value(ir, r) <= high;
}

/* Whether INS makes a word of whatever its operands are. */
static bool always_word(const struct Ir *ir, const struct Ins *ins)
{
	bool wide = ins->type == IR_I64;

	switch (ins->op) {
	case IR_SEXT8: case IR_SEXT16:
		return wide;
	case IR_SEXT32: case IR_ZEXT8: case IR_ZEXT16: case IR_SETCOND: case IR_CLZ: case IR_CTZ: case IR_POPCNT:
	case IR_FEQ: case IR_FLT: case IR_FLE: case IR_FCLASS: case IR_FCVT_I32: case IR_FCVT_U32:
		return true;
	case IR_AND:
		return const_between(ir, ins->a[0], 0, INT32_MAX) || const_between(ir, ins->a[1], 0, INT32_MAX);
	case IR_SHR:
		return wide ? const_between(ir, ins->a[1], 33, 63) : const_between(ir, ins->a[1], 1, 31);
	case IR_SAR:
		return wide && const_between(ir, ins->a[1], 32, 63);
	case IR_LOAD: case IR_CMPXCHG ... IR_FMAXU:
		return (ins->mem & MEM_SIZE) < MEM_32 || ((ins->mem & MEM_SIZE) == MEM_32 && ins->mem & MEM_SIGNED);
	default:
		return false;
	}
}

/* What is known of the integer that INS makes. */
static uint64_t word_made(const struct Search *s, const struct Ins *ins)
{
	if (always_word(s->ir, ins))
		return ALWAYS;
	if (ins->op == IR_SELECT)
		return word_of(s, ins->a[2]) | word_of(s, ins->a[3]);
	if (ins->type != IR_I64)
		return NEVER;
	switch (ins->op) {
	case IR_MOV: case IR_NOT: case IR_SAR:
		return word_of(s, ins->a[0]);
	case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN:
		return word_of(s, ins->a[0]) | word_of(s, ins->a[1]);
	default:
		return NEVER;
	}
}

static void meet_words(struct Search *s, unsigned label)
{
	unsigned to[2], n = destinations(s->g, label, to);

	while (n--) {
		uint64_t *at = s->at + to[n] * nwords(s->ir);
		for (unsigned v = 0; v < nwords(s->ir); v++) {
			s->changed |= (s->word[v] & ~at[v]) != 0;
			at[v] |= s->word[v];
		}
	}
}

/* Goes past INS; REACHED: control comes to it, or behind it. */
static void step_words(struct Search *s, const struct Ins *ins, bool *reached)
{
	const struct Ir *ir = s->ir;

	if (ins->op == IR_LABEL) {
		if (*reached)
			meet_words(s, ins->imm);
		memcpy(s->word, s->at + ins->imm * nwords(ir), nwords(ir) * sizeof *s->word);
		*reached = true;
		return;
	}
	if (!*reached)
		return;
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		meet_words(s, ins->imm);
	if (ins->op == IR_BRCOND && ins->cond == COND_NE && ins->type == IR_I64 && ir_is_global(ir, ins->a[0]) && ref_is_const(ins->a[1]))
		s->word[ins->a[0]] &= word_of(s, ins->a[1]);    /* goes on if it is that */
	if (ins->op == IR_CALL && ir->calls[ins->imm].flags & IRC_WRITES)
		memset(s->word, 0xff, nwords(ir) * sizeof *s->word);
	if (ref_is_var(ins->d) && ir->var_class[ins->d] == IR_INT)
		s->word[ins->d] = word_made(s, ins);
	*reached = !(ir_op_info[ins->op].flags & OPF_EXIT);
}

static void begin_words(struct Search *s)
{
	for (unsigned v = 0; v < s->ir->nglobals; v++)
		s->word[v] = word_bit(s->ir, v) & s->ir->words ? word_bit(s->ir, v) : NEVER;
}

static bool compares(const struct Ins *ins)
{
	return (ir_op_info[ins->op].flags & OPF_COND) && ins->op != IR_CALL && ins->type == IR_I64 && ins->cond < COND_ALWAYS;
}

/* Finds which variables are words. */
static void find_words(struct Search *s)
{
	struct Ir *ir = s->ir;
	bool reached;

	do {
		s->changed = false;
		reached = true;
		begin_words(s);
		for (unsigned n = 0; n < ir->nins; n++)
			step_words(s, &ir->ins[n], &reached);
	} while (s->changed);
	reached = true;
	begin_words(s);
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (ins->op == IR_MARK)
			continue;
		if (compares(ins) && word_of(s, ins->a[0]) != NEVER && word_of(s, ins->a[1]) != NEVER)
			s->found[n] |= COMPARES_WORDS;
		step_words(s, ins, &reached);
		if (ref_is_var(ins->d) && ir->var_class[ins->d] == IR_INT && s->word[ins->d] != NEVER)
			s->found[n] |= MAKES_WORD;
	}
}

/* -- backward: of what the low half is enough --------------------------------------------------------------------------------------- */

/* Whether the low half of what INS makes depends on the low half of operand K alone. */
static bool keeps_low(const struct Ins *ins, unsigned k)
{
	switch (ins->op) {
	case IR_MOV: case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN: case IR_NOT:
	case IR_ADD: case IR_SUB: case IR_MUL: case IR_NEG:
		return true;
	case IR_SELECT:
		return k >= 2;
	default:
		return false;
	}
}

/* Whether INS, of which FOUND is known, makes a value that may be loose where its operands are. */
static bool passes_on(const struct Ins *ins, unsigned found)
{
	return found & LOW_WANTED && keeps_low(ins, 2) && found & (MAKES_WORD | UNOBSERVED);
}

/* Whether INS can do with the low half of operand K. */
static bool low_is_enough(const struct Ir *ir, const struct Ins *ins, unsigned found, unsigned k)
{
	if (x86_reads_word(ir, ins, k) || (found & COMPARES_WORDS && k < 2))
		return true;
	if (ins->op == IR_SHL || ins->op == IR_SHR || ins->op == IR_SAR)
		return k == 1;
	return passes_on(ins, found) && keeps_low(ins, k);
}

static void want(struct Search *s, Ref r, bool full)
{
	uint64_t global = word_bit(s->ir, r);

	s->seen_now |= global;
	if (full && global)
		s->full_now |= global;
	else if (full && ref_is_var(r))
		s->temp[r] = true;
}

/* What a way to LABEL is wanted to bring. */
static void want_at(struct Search *s, unsigned label)
{
	unsigned to[2], n = destinations(s->g, label, to);

	while (n--) {
		s->full_now |= s->full[to[n]];
		s->observed_now |= s->observed[to[n]];
		s->seen_now |= s->labels[to[n]].seen;
	}
}

/* At the label INS all is known of what is behind it. */
static void settle_label(struct Search *s, const struct Ins *ins)
{
	const uint64_t *at = s->at + ins->imm * nwords(s->ir);

	for (unsigned v = 0; v < nwords(s->ir); v++)
		if (at[v] == NEVER)
			s->full_now |= s->observed_now & word_bit(s->ir, v);
	s->changed |= s->full[ins->imm] != s->full_now || s->observed[ins->imm] != s->observed_now || s->labels[ins->imm].seen != s->seen_now;
	s->full[ins->imm] = s->full_now;
	s->observed[ins->imm] = s->observed_now;
	s->labels[ins->imm].seen = s->seen_now;
	memset(s->temp + s->ir->nglobals, 0, s->ir->nvars - s->ir->nglobals);
}

/* Where control goes from INS, or who sees the state there. */
static void look_around(struct Search *s, const struct Ins *ins)
{
	const struct Ir *ir = s->ir;
	bool call = ins->op == IR_CALL;

	if (ir_op_info[ins->op].flags & OPF_EXIT)
		s->full_now = s->observed_now = s->seen_now = 0;
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		want_at(s, ins->imm);
	else if (ir_op_info[ins->op].flags & OPF_EXIT || ins->op == IR_EXITCOND || ins->op == IR_GUARD || ir_observes(ir, ins))
		s->observed_now = s->seen_now = NEVER;
	/* who looks and comes back finds all exact; ways out of a block are too many for code of their own */
	if ((call && ir_observes(ir, ins)) || ins->op == IR_HEAT ||
	    (!ir->nlabels && (ir_op_info[ins->op].flags & OPF_EXIT || ins->op == IR_EXITCOND || ins->op == IR_GUARD)))
		s->full_now = NEVER;
}

static void step_back(struct Search *s, unsigned n)
{
	const struct Ir *ir = s->ir;
	const struct Ins *ins = &ir->ins[n];

	if (ins->op == IR_LABEL) {
		settle_label(s, ins);
		want_at(s, ins->imm);
		return;
	}
	if (ref_is_var(ins->d)) {
		uint64_t d = word_bit(ir, ins->d);
		bool full = d ? (s->full_now & d) != 0 : ir_is_global(ir, ins->d) || s->temp[ins->d];
		s->found[n] = (s->found[n] & ~(LOW_WANTED | UNOBSERVED)) | (full ? 0 : LOW_WANTED) | (s->observed_now & d ? 0 : UNOBSERVED);
		s->full_now &= ~d;
		s->observed_now &= ~d;
		s->seen_now &= ~d;
		if (!d)
			s->temp[ins->d] = false;
	}
	look_around(s, ins);
	for (unsigned k = 0; k < 4 && ins->a[k] != REF_NONE; k++)
		if (ref_is_var(ins->a[k]))
			want(s, ins->a[k], !low_is_enough(ir, ins, s->found[n], k));
	if (ins->op == IR_CALL)
		for (unsigned k = 0; k < ir->calls[ins->imm].nargs; k++)
			if (ref_is_var(ir->calls[ins->imm].args[k]))
				want(s, ir->calls[ins->imm].args[k], true);
}

static void find_wanted(struct Search *s)
{
	do {
		s->changed = false;
		s->full_now = s->observed_now = s->seen_now = 0;
		for (unsigned n = s->ir->nins; n-- > 0;)
			if (s->ir->ins[n].op != IR_MARK)
				step_back(s, n);
	} while (s->changed);
}

/* -- forward: where what is loose ---------------------------------------------------------------------------------------------------- */

static bool is_loose(const struct Search *s, Ref r)
{
	return is_temp(s->ir, r) ? s->temp[r] : (s->loose_now & word_bit(s->ir, r)) != 0;
}

/* Whether what INS makes may be loose: an extension that is left out, or made of what is. */
static bool makes_loose(const struct Search *s, const struct Ins *ins, unsigned found)
{
	if (ins->op == IR_SEXT32)
		return found & LOW_WANTED;
	bool any = false;
	for (unsigned k = ins->op == IR_SELECT ? 2 : 0; k < 4; k++)
		any |= is_loose(s, ins->a[k]);
	return any && passes_on(ins, found);
}

static void bring_loose(struct Search *s, unsigned label)
{
	unsigned to[2], n = destinations(s->g, label, to);

	while (n--) {
		uint64_t now = s->labels[to[n]].loose | (s->loose_now & s->labels[to[n]].seen);
		s->changed |= now != s->labels[to[n]].loose;
		s->labels[to[n]].loose = now;
	}
}

static void step_loose(struct Search *s, const struct Ins *ins, unsigned found)
{
	const struct Ir *ir = s->ir;

	if (ins->op == IR_LABEL || ins->op == IR_BR || ins->op == IR_BRCOND)
		bring_loose(s, ins->imm);
	if (ins->op == IR_LABEL)
		s->loose_now = s->labels[ins->imm].loose;
	if (ir_op_info[ins->op].flags & OPF_EXIT)
		s->loose_now = 0;
	if (!ref_is_var(ins->d) || ir->var_class[ins->d] != IR_INT)
		return;
	bool loose = makes_loose(s, ins, found);
	s->loose_now = (s->loose_now & ~word_bit(ir, ins->d)) | (loose ? word_bit(ir, ins->d) : 0);
	if (is_temp(ir, ins->d))
		s->temp[ins->d] = loose;
}

static void find_loose(struct Search *s)
{
	do {
		s->changed = false;
		s->loose_now = 0;
		for (unsigned n = 0; n < s->ir->nins; n++)
			if (s->ir->ins[n].op != IR_MARK)
				step_loose(s, &s->ir->ins[n], s->found[n]);
	} while (s->changed);
}

/* -- the unit ----------------------------------------------------------------------------------------------------------------------------- */

/* Makes INS what it can be. Returns what has been made use of to know that. */
static uint64_t change(const struct Search *s, struct Ins *ins, unsigned found)
{
	const struct Ir *ir = s->ir;
	uint64_t used = 0;

	if (ins->op == IR_LABEL)
		for (uint64_t left = s->labels[ins->imm].loose & s->observed[ins->imm]; left; left &= left - 1)
			used |= s->at[ins->imm * nwords(ir) + __builtin_ctzll(left)];
	bool loose = ref_is_var(ins->d) && ir->var_class[ins->d] == IR_INT && makes_loose(s, ins, found);
	if (loose && ir_is_global(ir, ins->d)) {
		used |= found & UNOBSERVED ? ALWAYS : word_made(s, ins);
		ins->spare |= WORD;
	}
	if (found & COMPARES_WORDS && (is_loose(s, ins->a[0]) || is_loose(s, ins->a[1]))) {
		used |= word_of(s, ins->a[0]) | word_of(s, ins->a[1]);
		ins->type = IR_I32;
	}
	if (loose && ins->op == IR_SEXT32)
		ins->op = IR_MOV;
	return used;
}

/* Changes what can be changed. Returns what has been made use of. */
static uint64_t change_all(struct Search *s)
{
	bool reached = true;
	uint64_t used = 0;

	s->loose_now = 0;
	begin_words(s);
	for (unsigned n = 0; n < s->ir->nins; n++) {
		struct Ins *ins = &s->ir->ins[n], before = *ins;
		if (ins->op == IR_MARK || (!reached && ins->op != IR_LABEL))
			continue;
		used |= change(s, ins, s->found[n]);
		step_loose(s, &before, s->found[n]);
		step_words(s, &before, &reached);
	}
	assert(used != NEVER);
	return used;
}

/* Whether there are extensions to be left out: in a block, which is executed less often, that takes some to be worth it. */
static bool is_worth_it(const struct Ir *ir)
{
	enum { SOME = 8 };
	unsigned count = 0;

	/* most blocks are shorter; what adds words has two instructions of the guest for each */
	if (!ir->nlabels && ir->ninsns < 2 * SOME)
		return false;
	for (unsigned n = 0; n < ir->nins; n++)
		count += ir->ins[n].op == IR_SEXT32;
	return ir->nins <= MAX_INS && count >= (ir->nlabels ? 1 : SOME);
}

void x86_find_words(struct Gen *g)
{
	struct Ir *ir = g->ir;
	struct Search s = { .g = g, .ir = ir };

	g->labels_words = NULL;
	g->trusted = 0;
	if (!is_worth_it(ir))
		return;
	s.word = arena_alloc(ir->arena, ir->nvars * sizeof *s.word);
	s.at = arena_alloc(ir->arena, ir->nlabels * nwords(ir) * sizeof *s.at);
	s.full = arena_alloc(ir->arena, ir->nlabels * sizeof *s.full);
	s.observed = arena_alloc(ir->arena, ir->nlabels * sizeof *s.observed);
	g->labels_words = s.labels = arena_alloc(ir->arena, ir->nlabels * sizeof *s.labels);
	s.found = arena_alloc(ir->arena, ir->nins);
	s.temp = arena_alloc(ir->arena, ir->nvars);
	find_words(&s);
	find_wanted(&s);
	find_loose(&s);
	g->trusted = change_all(&s);
}

/* -- emission ------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t loose_bit(const struct Gen *g, Ref r) { return ir_is_global(g->ir, r) && r < MAX_WORDS ? (uint64_t)1 << r : 0; }

void x86_is_loose(struct Gen *g, Ref d)
{
	g->words |= loose_bit(g, d);
}

void x86_in_full(struct Gen *g, Ref d)
{
	g->words &= ~loose_bit(g, d);
}

void x86_words_to_label(const struct Gen *g, unsigned label)
{
	unsigned to[2], n = destinations(g, label, to);
	uint64_t words = g->words;

	/* what is late now will have been computed */
	for (unsigned i = 0; i < g->nlate; i++)
		words &= ~loose_bit(g, g->late[i]->d);
	while (words && n--)
		assert(!(words & g->labels_words[to[n]].seen & ~g->labels_words[to[n]].loose));
}

void x86_emit_words(struct Gen *g)
{
	for (uint64_t left = g->words; left; left &= left - 1) {
		Ref v = __builtin_ctzll(left);
		const struct Var *var = &g->var[v];
		bool home = var->home != NOREG && var->reg != NOREG;    /* a copy may be in rax, and be of no use then */
		int reg = home ? var->reg : RAX;
		asm_op(g->as, 0x63 | X_W, reg, home ? rm_reg(reg) : x86_var_mem(g, v), 0);
		if (!home || var->clean)
			asm_mov_store(g->as, X_W, x86_var_mem(g, v), reg);
	}
}

void x86_extend_words(struct Cpu *cpu, uint64_t words)
{
	for (; words; words &= words - 1) {
		char *at = (char *)cpu + backend.guest->globals[__builtin_ctzll(words)].offset;
		int64_t value = *(int32_t *)at;
		memcpy(at, &value, sizeof value);
	}
}

/* -- the entry ------------------------------------------------------------------------------------------------------------------------------ */

void x86_emit_trusted(struct Gen *g)
{
	struct CallArg args[] = {
		{ .kind = ARG_CPU }, { .kind = ARG_VALUE, .value = g->ir->pc }, { .kind = ARG_VALUE, .value = g->ir->key },
	};

	assume_compared(g->ir, g->trusted);
	x86_begin_cold(g);
	uint32_t failed = asm_offset(g->as);
	x86_store_all(g);
	x86_call_outside(g, assume_failed, args, 3);
	x86_edge(g);
	x86_exit_jump(g, g->ir->pc);
	x86_end_cold(g);
	for (uint64_t left = g->trusted; left; left &= left - 1) {
		Ref v = __builtin_ctzll(left);
		struct Rm rm = g->var[v].reg != NOREG ? rm_reg(g->var[v].reg) : x86_var_mem(g, v);
		asm_op(g->as, 0x63 | X_W, RAX, rm, 0);
		asm_alu(g->as, ALU_CMP, X_W, RAX, rm);
		asm_jcc(g->as, CC_NE, FIX_COLD, failed);
	}
}
