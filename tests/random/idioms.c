/* SPDX-License-Identifier: MIT */
/* Sequences that compilers write and random instructions never are: what the optimiser and the hosts look for, and near misses of it. */
#include "tests/random/generate.h"

static const unsigned char conds[] = { 0, 1, 4, 5, 6, 7 }, functs[] = { 0, 4, 6, 7 };

/* Few registers, so that a result often overwrites an operand. */
static unsigned reg(void) { return 10 + below(5); }

static void put_r(unsigned word, unsigned funct7, unsigned funct3, unsigned rd, unsigned rs1, unsigned rs2)
{
	put((word ? 0x3b : 0x33) | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (uint32_t)funct7 << 25, 4);
}

enum { SHL = 1, SHR = 5, SAR = 0x405 };

static void put_shift(unsigned word, unsigned kind, unsigned rd, unsigned rs, unsigned count)
{
	put(i_type(word ? 0x1b : 0x13, kind & 7, rd, rs, (kind & 0x400) | (count & (word ? 31 : 63))), 4);
}

static void put_sext(unsigned rd, unsigned rs) { put(i_type(0x1b, 0, rd, rs, 0), 4); }

/* A field of a register: the low bits, moved or extended. */
static void put_field(void)
{
	static const unsigned char counts[] = { 32, 32, 48, 56, 33, 20 };
	unsigned count = counts[below(6)], middle = reg();

	put_shift(0, SHL, middle, reg(), count);
	put_shift(0, below(2) ? SHR : SAR, below(2) ? middle : reg(), middle, below(3) ? count - 4 + below(8) : count);
}

/* Turning a register round, its words too. */
static void put_turn(void)
{
	unsigned word = below(2), width = word ? 32 : 64, count = 1 + below(width - 1), from = reg(), left = reg(), right = reg();
	unsigned other = width - count + (below(8) == 0), left_first = below(2);

	if (left == right)
		right = 15;
	if (left_first) {
		put_shift(word, SHL, left, from, count);
		put_shift(word, SHR, right, left == from ? reg() : from, other);
	} else {
		put_shift(word, SHR, right, from, other);
		put_shift(word, SHL, left, from, count);
	}
	static const unsigned char functs[] = { 6, 6, 4, 0 };
	unsigned rd = below(2) ? left : reg();
	put_r(0, 0, functs[below(4)], rd, left, right);
	if (below(2))
		put_sext(reg(), rd);
}

/* Quotient and remainder, with something between, often by a constant. */
static void put_divisions(void)
{
	unsigned word = below(2), kind = below(2), a = reg(), b = reg(), first = below(2), n = below(3);

	if (below(2)) {         /* by a constant */
		put(i_type(0x13, 0, b, 0, below(2) ? (int)below(32) - 16 : (int)below(4096) - 2048), 4);
		if (below(4) == 0)
			put_shift(0, SHL, b, b, below(64));
	}
	put_r(word, 1, 4 + kind + 2 * first, reg(), a, b);
	for (unsigned i = 0; i < n; i++)
		put_r(below(2), below(2) ? 0x20 : 0, 0, reg(), reg(), reg());
	put_r(word, 1, 4 + kind + 2 * (below(8) ? !first : first), reg(), a, b);
}

/* An access to the scratch memory by a register that points there. */
static void put_access(void)
{
	int at = (int)below(64) * 8 - 256;

	if (below(2))
		put(i_type(0x03, 3, reg(), 8, at), 4);          /* ld */
	else
		put(s_type(0x23, 3, 8, reg(), at), 4);          /* sd */
}

/* Products longer than a register, with something between. */
static void put_product(void)
{
	unsigned a = reg(), b = reg(), first = below(2), high = 1 + below(3), turned = below(4) == 0;

	put_r(0, 1, first ? 0 : high, reg(), a, b);
	for (unsigned n = below(3); n; n--) {
		if (below(3))
			put_r(0, 0, 0, reg(), reg(), reg());
		else
			put_access();
	}
	put_r(0, 1, first ? high : 0, reg(), turned ? b : a, turned ? a : b);
}

/* Sums and differences longer than a register. */
static void put_carry(void)
{
	unsigned sum = reg(), a = reg(), carry = reg(), minus = below(4) == 0;

	put_r(0, minus ? 0x20 : 0, 0, sum, a, reg());
	put_r(0, 0, below(4) ? 3 : 2, carry, below(4) ? sum : a, below(4) ? a : sum);
	for (unsigned n = below(3); n; n--) {
		if (below(3))
			put_r(0, 0, below(2) ? 0 : 4, reg(), reg(), reg());
		else
			put_access();
	}
	switch (below(8)) {
	case 0: put(i_type(0x13, 3, carry, carry, 1), 4); break;        /* seqz */
	case 1: put_r(0, 0, 3, carry, 0, carry); break;                 /* snez */
	case 2: put(i_type(0x13, 3, carry, carry, 2 + below(9)), 4); break;
	case 3: put(i_type(0x13, 4, carry, carry, 1), 4); break;        /* of another one */
	}
	if (below(2))
		put_r(0, 0, 0, below(2) ? carry : reg(), carry, reg());
	else
		put_r(0, below(2) ? 0x20 : 0, 0, below(2) ? carry : reg(), reg(), carry);
	if (below(2))
		put_access();
}

/* The place of an element. */
static void put_index(void)
{
	unsigned index = reg();

	put_shift(0, SHL, index, reg(), below(5));
	put_r(0, 0, 0, below(2) ? index : reg(), index, reg());
}

/* Arithmetic of words, seen as words and as what they are extended to. */
static void put_words(void)
{
	unsigned d = reg();

	for (unsigned n = 1 + below(4); n; n--) {
		unsigned funct = functs[below(4)], word = funct == 0 && below(4);
		put_r(word, word && below(2) ? 0x20 : 0, funct, d, below(2) ? d : reg(), reg());
		if (below(3) == 0)
			put_shift(1, below(2) ? SHL : SAR, below(2) ? d : reg(), d, below(32));
	}
	if (below(2))
		put_sext(reg(), d);
	if (below(2))
		put_r(0, 0, 2 + below(2), reg(), d, reg());
}

/* A branch over less than eight instructions, of four bytes, from this one on. */
static void put_branch(unsigned cond, unsigned a, unsigned b, unsigned over) { put(0x63 | cond << 12 | a << 15 | b << 20 | 4 * over / 2 << 8, 4); }
static void put_jump(unsigned over) { put(0x6f | 4 * over / 2 << 21, 4); }

/* N operations, most of them cheap and on D, the others one in OTHERS. */
static void put_side(unsigned n, unsigned d, unsigned others)
{
	for (unsigned i = 0; i < n; i++) {
		unsigned rd = below(others) ? d : reg(), word = below(3) == 0;
		switch (below(12)) {
		case 0: put_r(word, 1, 0, rd, reg(), reg()); break;     /* mul */
		case 1: put_shift(word, below(2) ? SHL : SAR, rd, d, below(word ? 32 : 64)); break;
		case 2: put(i_type(0x13, 0, rd, reg(), (int)below(4096) - 2048), 4); break;
		case 3: put_sext(rd, reg()); break;
		default: put_r(0, 0, functs[below(4)], rd, d, reg());
		}
	}
}

/* A branch past a few operations, most of them cheap and on one register: what other processors have conditional moves for. */
static void put_short_branch(void)
{
	unsigned n = 1 + below(4), d = reg();

	put_branch(conds[below(6)], reg(), below(3) ? reg() : 0, n + 1);
	put_side(n, d, 8);
}

/* A branch with a few operations on either side. Sometimes both sides end in the same comparison, the other way round in one of them. */
static void put_two_sides(void)
{
	unsigned here = 1 + below(4), there = 1 + below(3), tail = below(2), d = reg(), again = below(2);
	unsigned cond = conds[below(6)], a = reg(), b = below(3) ? reg() : 0, end = conds[below(6)], x = reg(), y = below(4) ? reg() : 0;

	if (!tail) {
		put_branch(cond, a, b, here + 2);
		put_side(here, d, 2);
		put_jump(there + 1);
		put_side(there, d, 2);
		return;
	}
	/* to what comes behind the last operation, and to that */
	put_branch(cond, a, b, here + 3);
	put_side(here, d, 2);
	put_branch(end, x, y, there + 2 + again + 1);
	put_jump(there + 3 + again);
	put_side(there, d, 2);
	if (again) {
		put_branch(end, x, below(8) ? y : reg(), 2);
		put_jump(2);
	} else {
		put_branch(end ^ 1, x, below(8) ? y : reg(), 2);
	}
	put_r(0, 0, functs[below(4)], d, d, reg());
}

/* A loop of as many rounds as a constant says; of less than 32 whatever who comes into its middle brings. */
static void put_counted_loop(void)
{
	unsigned n = 1 + below(6), up = below(2), word = below(2), counter = 15, rounds = 1 + below(18);

	put(i_type(0x13, 0, counter, 0, up ? -(int)rounds : (int)rounds), 4);
	put_side(n, reg(), 3);
	if (below(3) == 0)
		put_r(0, 0, 0, reg(), counter, reg());
	else
		put_r(0, 0, 4, reg(), reg(), counter);
	put(i_type(word ? 0x1b : 0x13, 0, counter, counter, up ? 1 : -1), 4);
	put(i_type(0x13, 7, counter, counter, 31), 4);          /* andi */
	uint32_t back = -4 * (n + 3);
	put(0x63 | 1 << 12 | counter << 15 | (back >> 12 & 1) << 31 | (back >> 5 & 63) << 25 | (back >> 1 & 15) << 8 | (back >> 11 & 1) << 7, 4);
}

void put_idiom(void)
{
	static void (*const idioms[])(void) = {
		put_field, put_turn, put_divisions, put_product, put_carry, put_index, put_words, put_short_branch, put_two_sides, put_two_sides, put_two_sides, put_counted_loop,
	};

	idioms[below(sizeof idioms / sizeof *idioms)]();
}
