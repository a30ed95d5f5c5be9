/* SPDX-License-Identifier: MIT */
/* Random control flow: inner loops, entered in their middle and left at their side; calls, nested, recursive and last ones, by both link registers and
 * through pointers; jump tables; tight loops that call small functions, of which some do not return to where they were called from, and large ones of which the data
 * decides what is executed.
 *
 * All of it ends: loops count down in registers that nothing else writes, functions call only those behind them, and recursion counts down too. A control stack of
 * its own, which tp points to, keeps return addresses and counters. Each piece adds a number of its own to s8, which so tells which way was taken. */
#include <stdbool.h>

#include "tests/random/generate.h"

enum { WAY = 24, COUNTER_INNER = 25, COUNTER = 26, DEPTH = 27, TEMP2 = 30, TEMP = 31 };
_Static_assert(FLOW_REGS == (1u << WAY | 1u << COUNTER_INNER | 1u << COUNTER | 1u << DEPTH | 1u << TEMP2 | 1u << TEMP | 1u << RA | 1u << TP | 1u << T0),
	       "streams leave our registers alone");

enum { MAX_FUNCTIONS = 5, CASES = 4 };

static struct Function {
	size_t at;
	unsigned link;                  /* RA or T0 */
	bool recursive;
} functions[MAX_FUNCTIONS];
static unsigned nfunctions;

/* What tight loops call: each does one thing that a function may do with the address it returns to. Each calls only those made before it. */
enum Trick { LEAF, LOOPS, SAVES, MOVES, SKIPS, UNWINDS, JUMPS, RECURS, TREE, LARGE, TRICKS };
enum { MAX_SMALL = 6 };
static struct Small {
	size_t at;
	enum Trick trick;
	unsigned link;
} small[MAX_SMALL];
static unsigned nsmall;

/* -- encoding ---------------------------------------------------------------------------------------------------------- */

static uint32_t branch(unsigned funct3, unsigned rs1, unsigned rs2, size_t from, size_t to)
{
	uint32_t d = (uint32_t)(to - from);

	return 0x63 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (d >> 11 & 1) << 7 | (d >> 1 & 15) << 8 | (d >> 5 & 63) << 25 | (d >> 12 & 1) << 31;
}

static uint32_t jal(unsigned rd, size_t from, size_t to)
{
	uint32_t d = (uint32_t)(to - from);

	return 0x6f | rd << 7 | (d >> 12 & 255) << 12 | (d >> 11 & 1) << 20 | (d >> 1 & 1023) << 21 | (d >> 20 & 1) << 31;
}

static uint32_t addi(unsigned rd, unsigned rs, int imm) { return i_type(0x13, 0, rd, rs, imm); }
static uint32_t jalr(unsigned rd, unsigned rs) { return i_type(0x67, 0, rd, rs, 0); }
static uint32_t ld(unsigned rd, unsigned base, int offset) { return i_type(0x03, 3, rd, base, offset); }
static uint32_t sd(unsigned rs, unsigned base, int offset) { return s_type(0x23, 3, base, rs, offset); }

/* Any register that streams own, and x0. */
static unsigned any(void)
{
	return below(24);
}

/* Room for a forward branch on random registers, to be given to land(). */
static size_t leave(void)
{
	static const unsigned functs[] = { 0, 1, 4, 5, 6, 7 };
	size_t at = code_size;

	put(branch(functs[below(6)], any(), any(), 0, 0), 4);
	return at;
}

static size_t leave_always(void)
{
	put(jal(ZERO, 0, 0), 4);
	return code_size - 4;
}

/* Lets the branch or jump at AT lead here. */
static void land(size_t at)
{
	uint32_t insn = code_word(at);

	patch(at, (insn & 0x7f) == 0x6f ? jal(insn >> 7 & 31, at, code_size) :
		  branch(insn >> 12 & 7, insn >> 15 & 31, insn >> 20 & 31, at, code_size));
}

static void put_mark(void)
{
	put(addi(WAY, WAY, (int)below(4096) - 2048), 4);
	if (below(4) == 0)
		put(i_type(0x13, 1, WAY, WAY, 1), 4);           /* slli */
}

static void put_block(void)
{
	put_mark();
	put_straight(1 + below(7));
}

/* -- pieces --------------------------------------------------------------------------------------------------------------- */

static void put_choice(void)
{
	size_t other = leave();

	put_block();
	if (below(2)) {
		size_t end = leave_always();
		land(other);
		put_block();
		land(end);
	} else {
		land(other);
	}
}

/* Jumps to one of some cases through a table of addresses. */
static void put_switch(void)
{
	size_t ends[CASES], cases[CASES], table;

	put(i_type(0x13, 7, TEMP, any(), CASES - 1), 4);        /* andi */
	put(i_type(0x13, 1, TEMP, TEMP, 3), 4);                 /* slli */
	size_t address = code_size;
	load_address(TEMP2, 0);
	put(0x33 | TEMP << 7 | TEMP << 15 | TEMP2 << 20, 4);    /* add */
	put(ld(TEMP, TEMP, 0), 4);
	put(jalr(ZERO, TEMP), 4);
	for (unsigned i = 0; i < CASES; i++) {
		cases[i] = code_size;
		put_block();
		ends[i] = leave_always();
	}
	while (code_size % 8)
		put(0x0001, 2);                                 /* c.nop */
	table = code_size;
	for (unsigned i = 0; i < CASES; i++)
		put_data(CODE_BASE + cases[i]);
	for (unsigned i = 0; i < CASES; i++)
		land(ends[i]);
	size_t end = code_size;
	code_size = address;
	load_address(TEMP2, CODE_BASE + table);
	code_size = end;
}

/* Calls one of the functions from FIRST on; nothing if there is none. */
static void put_call(unsigned first)
{
	if (first >= nfunctions)
		return;
	const struct Function *f = &functions[first + below(nfunctions - first)];

	if (f->recursive)
		put(addi(DEPTH, ZERO, 1 + below(5)), 4);
	switch (below(3)) {
	case 0:
		load_address(TEMP, CODE_BASE + f->at);
		put(jalr(f->link, TEMP), 4);
		break;
	case 1:                         /* the same through memory */
		load_address(TEMP, CODE_BASE + f->at);
		put(sd(TEMP, TP, 48), 4);
		put(ld(TEMP2, TP, 48), 4);
		put(jalr(f->link, TEMP2), 4);
		break;
	default:
		put(jal(f->link, code_size, f->at), 4);
	}
	/* the way back led here, and the link register is as it was */
	load_address(TEMP, CODE_BASE + code_size);
	put(0x40000033 | TEMP << 7 | f->link << 15 | TEMP << 20, 4);
	put(0x33 | WAY << 7 | WAY << 15 | TEMP << 20, 4);
}

/* Calls F. Behind it are two words that it may skip the first of. */
static void put_small_call(const struct Small *f)
{
	if (f->trick == RECURS || f->trick == TREE)
		put(addi(DEPTH, ZERO, 1 + below(4)), 4);
	if (below(4)) {
		put(jal(f->link, code_size, f->at), 4);
	} else {
		load_address(TEMP, CODE_BASE + f->at);
		put(jalr(f->link, TEMP), 4);
	}
	put(addi(WAY, WAY, (int)below(4096) - 2048), 4);
	put(addi(WAY, WAY, 1), 4);
}

/* Calls one of two functions, through a pointer that depends on data that may or may not change. */
static void put_pointer_call(const struct Small *a, const struct Small *b)
{
	size_t other;

	put(addi(DEPTH, ZERO, 2), 4);
	load_address(TEMP2, CODE_BASE + a->at);
	other = leave();
	if (a->link == b->link)
		load_address(TEMP2, CODE_BASE + b->at);
	land(other);
	put(jalr(a->link, TEMP2), 4);
	put(addi(WAY, WAY, (int)below(4096) - 2048), 4);
	put(addi(WAY, WAY, 1), 4);
}

/* Gives some registers constants, or one of few values as the data says: what a loop that leaves them alone may take for granted until it is otherwise. */
static void put_constants(void)
{
	for (unsigned n = below(4); n; n--) {
		unsigned rd = 10 + below(14);
		put(below(2) ? addi(rd, ZERO, (int)below(64) - 8) : i_type(0x13, 7, rd, any(), below(4)), 4);  /* andi */
	}
}

/* A tight loop with calls. */
static void put_calling_loop(unsigned counter)
{
	put_constants();
	put(addi(counter, ZERO, 8 + below(8)), 4);
	size_t top = code_size;
	for (unsigned i = 0, n = 1 + below(3); i < n; i++) {
		size_t over = below(3) == 0 ? leave() : 0;
		if (below(2))
			put_block();
		if (below(4))
			put_small_call(&small[below(nsmall)]);
		else
			put_pointer_call(&small[below(nsmall)], &small[below(nsmall)]);
		if (over)
			land(over);
	}
	put(addi(counter, counter, -1), 4);
	put(branch(1, counter, ZERO, code_size, top), 4);
}

static void put_pieces(unsigned count, unsigned level, unsigned first_callee);

/* A loop of at most TRIPS, a power of two, inside of LEVEL others. */
static void put_loop(unsigned level, unsigned trips, unsigned first_callee)
{
	unsigned counter = level ? COUNTER_INNER : COUNTER;
	size_t middle = 0, side = 0, next = 0, top;
	bool enters = below(4) == 0, exits = below(2), continues = below(3) == 0;

	put_constants();
	if (below(2)) {                 /* as often as the data says */
		put(i_type(0x13, 7, counter, any(), trips - 1), 4);
		put(addi(counter, counter, 1), 4);
	} else {
		put(addi(counter, ZERO, 1 + below(trips)), 4);
	}
	if (enters)
		middle = leave();
	top = code_size;
	put_block();
	if (exits)
		side = leave();
	if (enters)
		land(middle);
	put_pieces(1 + below(2), level + 1, first_callee ? nfunctions : 0);
	if (continues)
		next = leave();
	put_block();
	if (continues)
		land(next);
	put(addi(counter, counter, -1), 4);
	put(below(2) ? branch(1, counter, ZERO, code_size, top) : branch(4, ZERO, counter, code_size, top), 4);         /* bnez, bgtz */
	if (exits)
		land(side);
}

/* COUNT pieces in LEVEL loops, which may call functions from FIRST_CALLEE on. */
static void put_pieces(unsigned count, unsigned level, unsigned first_callee)
{
	for (unsigned i = 0; i < count; i++)
		switch (below(10)) {
		case 8: case 9:
			if (!first_callee && level < 2) {
				put_calling_loop(level ? COUNTER_INNER : COUNTER);
				break;
			}
			/* fall through */
		case 0: put_choice(); break;
		case 1: put_switch(); break;
		case 2: case 3: put_call(first_callee); break;
		case 4: case 5:
			if (level < 2) {
				put_loop(level, level ? 4 : 8, first_callee);
				break;
			}
			/* fall through */
		default: put_block();
		}
}

/* -- functions ------------------------------------------------------------------------------------------------------------------ */

enum { FRAME = 64 };

static void put_leaf(struct Function *f)
{
	put_block();
	if (below(2))
		put_choice();
	put(jalr(ZERO, f->link), 4);
}

/* One that calls those made before it, which stand behind it in the table; its last call may take its place. */
static void put_caller(struct Function *f, unsigned index)
{
	put(addi(TP, TP, FRAME), 4);
	put(sd(f->link, TP, 0), 4);
	put(sd(COUNTER, TP, 8), 4);
	put(sd(COUNTER_INNER, TP, 16), 4);
	put(sd(DEPTH, TP, 24), 4);
	put_pieces(1 + below(2), 1, index + 1);                 /* its loops do not call: time would grow with each level */
	if (f->recursive) {
		put(ld(DEPTH, TP, 24), 4);
		put(addi(DEPTH, DEPTH, -1), 4);
		size_t enough = code_size;
		put(branch(5, ZERO, DEPTH, 0, 0), 4);           /* blez */
		put(jal(f->link, code_size, f->at), 4);
		land(enough);
		put_block();
	}
	put(ld(f->link, TP, 0), 4);
	put(ld(COUNTER, TP, 8), 4);
	put(ld(COUNTER_INNER, TP, 16), 4);
	put(ld(DEPTH, TP, 24), 4);
	put(addi(TP, TP, -FRAME), 4);
	const struct Function *last = &functions[index + 1];
	if (index + 1 < nfunctions && last->link == f->link && !last->recursive && below(2)) {
		if (below(2)) {
			put(jal(ZERO, code_size, last->at), 4);
		} else {
			load_address(TEMP, CODE_BASE + last->at);
			put(jalr(ZERO, TEMP), 4);
		}
		return;
	}
	put(jalr(ZERO, f->link), 4);
}

static void put_small_body(void)
{
	put_mark();
	put_straight(below(4));
}

static void put_return(unsigned link)
{
	put(jalr(ZERO, link), 4);
}

/* Saves the link register, calls one of the COUNT functions before, and returns. */
static void put_saver(struct Small *f, unsigned count, bool recurs)
{
	put(addi(TP, TP, FRAME), 4);
	put(sd(f->link, TP, 0), 4);
	put_small_body();
	size_t over = below(3) == 0 ? leave() : 0;
	if (recurs) {
		put(addi(DEPTH, DEPTH, -1), 4);
		size_t enough = code_size;
		put(branch(5, ZERO, DEPTH, 0, 0), 4);           /* blez */
		put(jal(f->link, code_size, f->at), 4);
		put_small_body();
		land(enough);
	} else if (count) {
		put_small_call(&small[below(count)]);
	}
	if (over)
		land(over);
	put(ld(f->link, TP, 0), 4);
	put(addi(TP, TP, -FRAME), 4);
	put_return(f->link);
}

/* Calls itself from a loop, until all calls together are enough. */
static void put_tree(struct Small *f)
{
	put(addi(TP, TP, FRAME), 4);
	put(sd(f->link, TP, 0), 4);
	put(sd(COUNTER_INNER, TP, 8), 4);
	put_small_body();
	put(addi(COUNTER_INNER, ZERO, 1 + below(3)), 4);
	size_t top = code_size;
	put_small_body();
	put(addi(DEPTH, DEPTH, -1), 4);
	size_t enough = code_size;
	put(branch(5, ZERO, DEPTH, 0, 0), 4);                   /* blez */
	put(jal(f->link, code_size, f->at), 4);
	if (below(2))
		land(enough);
	put_small_body();
	put(addi(COUNTER_INNER, COUNTER_INNER, -1), 4);
	put(branch(1, COUNTER_INNER, ZERO, code_size, top), 4);
	if (code_word(enough) == branch(5, ZERO, DEPTH, 0, 0))
		land(enough);
	put(ld(COUNTER_INNER, TP, 8), 4);
	put(ld(f->link, TP, 0), 4);
	put(addi(TP, TP, -FRAME), 4);
	put_return(f->link);
}

/* Parts that are too large for a region together, of which the data may take few. */
static void put_large(struct Small *f)
{
	for (unsigned part = 2 + below(3); part-- > 0;) {
		size_t over = leave(), end = 0;
		for (unsigned i = 20 + below(60); i-- > 0;)
			put_mark();
		put_straight(below(4));
		if (below(3) == 0)
			end = leave_always();
		land(over);
		put_small_body();
		if (end)
			land(end);
	}
	put_return(f->link);
}

static void put_small(unsigned index)
{
	struct Small *f = &small[index];
	size_t other;

	*f = (struct Small){ .at = code_size, .link = below(4) ? RA : T0, .trick = below(TRICKS) };
	switch (f->trick) {
	case LEAF:
		put_small_body();
		if (below(2)) {
			other = leave();
			put_small_body();
			if (below(2))
				put_return(f->link);
			land(other);
			put_small_body();
		}
		put_return(f->link);
		break;
	case LOOPS:
		put(addi(TEMP, ZERO, 1 + below(3)), 4);
		size_t top = code_size;
		put_small_body();
		put(addi(TEMP, TEMP, -1), 4);
		put(branch(1, TEMP, ZERO, code_size, top), 4);
		put_return(f->link);
		break;
	case SAVES:
		put_saver(f, index, false);
		break;
	case RECURS:
		put_saver(f, index, true);
		break;
	case TREE:
		put_tree(f);
		break;
	case LARGE:
		put_large(f);
		break;
	case MOVES:
		put(addi(TEMP2, f->link, 0), 4);
		put(addi(f->link, ZERO, below(2048)), 4);
		put_small_body();
		if (below(2)) {
			put(addi(f->link, TEMP2, 0), 4);
			put_return(f->link);
		} else {
			put(jalr(ZERO, TEMP2), 4);
		}
		break;
	case SKIPS:                     /* returns one word further, always or as the data says; or with the lowest bit set, which does not matter */
		put_small_body();
		put(addi(TEMP, ZERO, 4), 4);
		if (below(2))
			put(i_type(0x13, 7, TEMP, any(), below(2) ? 4 : 1), 4);                 /* andi */
		put(0x33 | f->link << 7 | f->link << 15 | TEMP << 20, 4);                       /* add */
		put_return(f->link);
		break;
	case UNWINDS:                   /* calls a piece of itself, which may return for both */
		put(addi(TP, TP, FRAME), 4);
		put(sd(f->link, TP, 0), 4);
		put(jal(f->link, code_size, code_size + 16), 4);
		put(ld(f->link, TP, 0), 4);
		put(addi(TP, TP, -FRAME), 4);
		put_return(f->link);
		put_small_body();
		other = leave();
		put(ld(f->link, TP, 0), 4);
		put(addi(TP, TP, -FRAME), 4);
		land(other);
		put_return(f->link);
		break;
	case JUMPS:
		put_small_body();
		for (unsigned i = index; i-- > 0;)
			if (small[i].link == f->link && small[i].trick != RECURS && small[i].trick != TREE) {
				put(jal(ZERO, code_size, small[i].at), 4);
				return;
			}
		put_return(f->link);
		break;
	case TRICKS:
		break;
	}
}

void put_functions(void)
{
	size_t over = leave_always();

	nsmall = 0;
	for (unsigned i = 0; i < MAX_SMALL; i++) {
		put_small(i);
		nsmall++;
	}

	if (below(6) == 0)              /* so that something lies across two pages */
		while (code_size % 4096 < 4096 - 300)
			put(0x0001, 2);
	nfunctions = 1 + below(MAX_FUNCTIONS);
	for (unsigned i = nfunctions; i-- > 0;) {
		struct Function *f = &functions[i];
		*f = (struct Function){ .at = code_size, .link = below(3) ? RA : T0, .recursive = i + 2 == nfunctions && below(2) };
		if (i + 1 == nfunctions || below(3) == 0)
			f->recursive = false, put_leaf(f);
		else
			put_caller(f, i);
	}
	land(over);
}

void put_flow(void)
{
	put_pieces(2 + below(3), 0, 0);
}
