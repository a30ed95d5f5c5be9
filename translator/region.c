/* SPDX-License-Identifier: MIT */
/* Finding the blocks of a loop and laying them out as one unit.
 *
 * The search follows direct branches from the head. What can come back to the head belongs to the region; branches to anything else leave it.
 * Calls and indirect jumps are never followed, so a region is a loop of one function. All its blocks lie in two neighbouring pages, because a block
 * of the cache is found by at most two. */
#include "translator/region.h"

#include <glib.h>
#include <string.h>

#include "translator/decode.h"

enum { MAX_PIECES = 32, MAX_PIECE_INSNS = 96, MAX_INSNS = 320, MAX_SUCCESSORS = 2 };

/* A block of the search. */
struct Piece {
	uint64_t pc, size;              /* guest bytes */
	unsigned ninsns;
	uint64_t successor[MAX_SUCCESSORS];
	unsigned nsuccessors;
	bool loops;                     /* the head can be reached from here */
	unsigned label;
};

struct Search {
	struct Piece piece[MAX_PIECES];
	unsigned npieces, ninsns;
	struct Code code;
};

static struct Piece *find_piece(struct Search *s, uint64_t pc)
{
	for (unsigned i = 0; i < s->npieces; i++)
		if (s->piece[i].pc == pc)
			return &s->piece[i];
	return NULL;
}

static void add_successor(struct Piece *piece, uint64_t pc)
{
	if (piece->nsuccessors < MAX_SUCCESSORS)
		piece->successor[piece->nsuccessors++] = pc;
}

/* Adds the block at PC to the search if it can be decoded and there is room. */
static void scan(struct Search *s, struct Arena *scratch, uint64_t pc, uint32_t key)
{
	if (s->npieces == MAX_PIECES || s->ninsns >= MAX_INSNS)
		return;
	arena_reset(scratch);
	struct Ir *ir = ir_new(scratch, translator.guest, pc, key);
	decode_fetch(&s->code, pc, MAX_PIECE_INSNS);
	size_t size = decode_block(ir, &s->code, MAX_PIECE_INSNS, false);
	if (!size)
		return;
	struct Piece *piece = &s->piece[s->npieces++];
	*piece = (struct Piece){ .pc = pc, .size = size, .ninsns = ir->ninsns };
	s->ninsns += ir->ninsns;
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if ((ins->op == IR_EXIT || ins->op == IR_EXITCOND) && ir->exits[ins->imm].hint == EXIT_JUMP)
			add_successor(piece, ir->exits[ins->imm].pc);
	}
}

/* Whether PC is near enough to HEAD for both to be in two neighbouring pages, whatever comes between. */
static bool near_head(uint64_t pc, uint64_t head)
{
	return pc + GUEST_PAGE > head && head + GUEST_PAGE > pc;
}

static void search(struct Search *s, struct Arena *scratch, uint64_t head, uint32_t key)
{
	s->npieces = s->ninsns = 0;
	scan(s, scratch, head, key);
	for (unsigned i = 0; i < s->npieces; i++)
		for (unsigned k = 0; k < s->piece[i].nsuccessors; k++) {
			uint64_t pc = s->piece[i].successor[k];
			if (near_head(pc, head) && !find_piece(s, pc))
				scan(s, scratch, pc, key);
		}
	bool changed = true;
	while (changed) {
		changed = false;
		for (unsigned i = 0; i < s->npieces; i++) {
			struct Piece *piece = &s->piece[i];
			for (unsigned k = 0; k < piece->nsuccessors && !piece->loops; k++) {
				struct Piece *next = find_piece(s, piece->successor[k]);
				piece->loops = piece->successor[k] == head || (next && next->loops);
				changed |= piece->loops;
			}
		}
	}
}

static int by_address(const void *a, const void *b)
{
	const struct Piece *x = a, *y = b;

	return (x->pc > y->pc) - (x->pc < y->pc);
}

/* Keeps what loops, the head first and the others in the order of their addresses. False if nothing loops or it lies too far apart. */
static bool choose(struct Search *s, uint64_t head, uint64_t *start, uint32_t *size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->npieces; i++)
		if (s->piece[i].loops)
			s->piece[n++] = s->piece[i];
	s->npieces = n;
	if (!find_piece(s, head))
		return false;
	qsort(s->piece, n, sizeof *s->piece, by_address);
	uint64_t low = s->piece[0].pc, high = 0;
	for (unsigned i = 0; i < n; i++)
		high = MAX(high, s->piece[i].pc + s->piece[i].size);
	*start = low;
	*size = high - low;
	if ((high - 1) / GUEST_PAGE - low / GUEST_PAGE > 1)
		return false;
	while (s->piece[0].pc != head) {
		struct Piece first = s->piece[0];
		memmove(s->piece, s->piece + 1, (n - 1) * sizeof *s->piece);
		s->piece[n - 1] = first;
	}
	return true;
}

/* Turns the exits among the instructions from FROM on that lead to pieces into branches. */
static void redirect(struct Ir *ir, struct Search *s, unsigned from)
{
	for (unsigned i = from; i < ir->nins; i++) {
		struct Ins *ins = &ir->ins[i];
		if (ins->op != IR_EXIT && ins->op != IR_EXITCOND)
			continue;
		const struct IrExit *exit = &ir->exits[ins->imm];
		struct Piece *target = exit->hint == EXIT_JUMP ? find_piece(s, exit->pc) : NULL;
		if (!target)
			continue;
		ins->op = ins->op == IR_EXIT ? IR_BR : IR_BRCOND;
		ins->imm = target->label;
	}
}

static bool covers(const struct Search *s, uint64_t pc)
{
	for (unsigned i = 0; i < s->npieces; i++)
		if (pc - s->piece[i].pc < s->piece[i].size)
			return true;
	return false;
}

bool region_decode(struct Ir *ir, struct Arena *scratch, uint64_t branch, uint64_t *start, uint32_t *size)
{
	static struct Search s;

	search(&s, scratch, ir->pc, ir->key);
	if (!choose(&s, ir->pc, start, size) || !covers(&s, branch))
		return false;
	for (unsigned i = 0; i < s.npieces; i++)
		s.piece[i].label = ir_label(ir);
	for (unsigned i = 0; i < s.npieces; i++) {
		struct Piece *piece = &s.piece[i];
		decode_fetch(&s.code, piece->pc, MAX_PIECE_INSNS);
		ir_emit_label(ir, piece->label);
		unsigned from = ir->nins;
		if (decode_block(ir, &s.code, piece->ninsns, false) != piece->size)
			return false;
		redirect(ir, &s, from);
	}
	return true;
}

/* Direct-mapped, and valid as long as no flush has changed what lies behind the addresses. */
static struct { uint64_t head, generation; } given_up[1024];

void region_give_up(uint64_t head)
{
	unsigned slot = heat_index(head) % G_N_ELEMENTS(given_up);

	given_up[slot].head = head;
	given_up[slot].generation = cache_generation();
}

bool region_given_up(uint64_t head)
{
	unsigned slot = heat_index(head) % G_N_ELEMENTS(given_up);

	return given_up[slot].head == head && given_up[slot].generation == cache_generation();
}

bool region_head(uint64_t pc, uint32_t key, struct Arena *arena, uint64_t *head)
{
	static struct Code code;

	arena_reset(arena);
	struct Ir *ir = ir_new(arena, translator.guest, pc, key);
	decode_fetch(&code, pc, 1);
	if (!decode_block(ir, &code, 1, false))
		return false;
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if ((ins->op == IR_EXIT || ins->op == IR_EXITCOND) && ir->exits[ins->imm].hint == EXIT_JUMP && ir->exits[ins->imm].pc <= pc) {
			*head = ir->exits[ins->imm].pc;
			return true;
		}
	}
	return false;
}
