/* SPDX-License-Identifier: MIT */
/* Finding the blocks of a loop and laying them out as one unit.
 *
 * The search follows direct branches from the head, and calls into functions and out of them again. What can come back to the head belongs to the region; branches
 * to anything else leave it. A block belongs to a context: the calls that are open when it runs. So a function that is called from two places is
 * there twice, and where its return leads to is known, and need but be guarded. Indirect calls and jumps that nearly always lead to one place are guarded likewise.
 * Of functions only what has been executed is taken in, and only if that is little. A function that calls itself from the loop is no other one: such a call is a
 * branch to where it begins, and each of its returns may lead to behind each such call.
 *
 * Blocks stand in the order in which they run without jumps: by address, those of a function behind its call. One that only the end of the one
 * before leads to continues that, without a label between them. */
#include "translator/region.h"

#include <glib.h>
#include <string.h>

#include "translator/decode.h"
#include "translator/predict.h"
#include "translator/sites.h"

enum {
	MAX_PIECES = 32, MAX_INSNS = 320,               /* of the loop itself */
	MAX_CALLEE_PIECES = 32, MAX_CALLEE_INSNS = 192, /* of the functions that it calls */
	MAX_CALL_INSNS = 96,                            /* of these for one call, those of the calls in it included */
	MAX_PIECE_INSNS = 96,
	MAX_WAYS = 2,                                   /* out of a block, but for those by return to where the function called itself */
	MAX_LINKS = 4,                                  /* such places */
	MAX_QUESTIONS = 16,                             /* about branches */
	MAX_CONTEXTS = 16, MAX_DEPTH = 4, NO_CONTEXT = 0xff,
};
_Static_assert((int)MAX_CONTEXTS < (int)NO_CONTEXT && MAX_INSNS + MAX_CALLEE_INSNS <= (int)TRANSLATE_MAX_INSNS, "limits of a unit");

/* Open calls: the function of the loop is in the first context, others are in that of one call each. */
struct Context {
	uint64_t entry, link;           /* of the function called, and where it returns to */
	unsigned ninsns;
	uint8_t parent, depth;
	bool refused;                   /* too large */
};

/* Where a block may lead to. */
struct Way {
	uint64_t pc;
	uint8_t context;
	uint8_t exit;                   /* by which of its exits */
};

/* A block of the search. */
struct Piece {
	uint64_t pc, size;              /* guest bytes */
	unsigned ninsns;
	uint8_t context;
	uint8_t nways;
	bool falls;                     /* its last instruction takes the last of its ways, if any */
	bool returns;                   /* its last instruction returns from the function of the loop */
	bool loops;                     /* the head can be reached from here */
	bool labelled;
	struct Way way[MAX_WAYS];
	unsigned label;
};

struct Search {
	uint64_t head;
	uint32_t key;
	struct Arena *scratch;
	struct Cpu *cpu;                /* has seen where indirect jumps lead */
	enum { JUMPS, CALLS, SELF } follows;    /* also calls, also those of the function of the loop by itself */
	uint64_t self;                  /* where the function of the loop begins, if that is known to call itself */
	bool again;                     /* that has just become known */
	struct Way link[MAX_LINKS];     /* where such calls return to */
	unsigned nlinks;
	bool later;                     /* where an indirect jump leads to will be known later */
	uint64_t stale[MAX_PIECES + MAX_CALLEE_PIECES]; /* such jumps whose translations are to be forgotten */
	unsigned nstale;
	struct Piece piece[MAX_PIECES + MAX_CALLEE_PIECES];
	struct Context context[MAX_CONTEXTS];
	unsigned npieces, ncontexts;
	struct { unsigned pieces, insns; } left[2];     /* room for the loop itself, and for functions */
	struct Code code;
};

static struct Piece *find_piece(struct Search *s, struct Way way)
{
	for (unsigned i = 0; i < s->npieces; i++)
		if (s->piece[i].pc == way.pc && s->piece[i].context == way.context)
			return &s->piece[i];
	return NULL;
}

/* -- contexts ------------------------------------------------------------------------------------------------------- */

static uint8_t find_context(const struct Search *s, unsigned parent, uint64_t link)
{
	for (unsigned i = 1; i < s->ncontexts; i++)
		if (s->context[i].parent == parent && s->context[i].link == link)
			return i;
	return NO_CONTEXT;
}

static bool executed(const struct Search *s, uint64_t pc)
{
	return cache_had(pc, s->key);
}

/* Whether the function at ENTRY is one of those that CONTEXT is in. */
static bool recurses(const struct Search *s, unsigned context, uint64_t entry)
{
	for (; context; context = s->context[context].parent)
		if (s->context[context].entry == entry)
			return true;
	return false;
}

/* The context of the call of ENTRY from PARENT that returns to LINK, if it may be taken in. */
static uint8_t enter_context(struct Search *s, unsigned parent, uint64_t entry, uint64_t link)
{
	uint8_t found = find_context(s, parent, link);
	unsigned depth = s->context[parent].depth + 1;

	if (found != NO_CONTEXT)
		return found;
	if (s->follows < CALLS || s->ncontexts == MAX_CONTEXTS || depth > MAX_DEPTH || recurses(s, parent, entry) || !executed(s, entry) || !executed(s, link))
		return NO_CONTEXT;
	s->context[s->ncontexts] = (struct Context){ .entry = entry, .link = link, .parent = parent, .depth = depth };
	return s->ncontexts++;
}

static bool refused(const struct Search *s, unsigned context)
{
	for (; context; context = s->context[context].parent)
		if (s->context[context].refused)
			return true;
	return false;
}

/* NINSNS instructions come to CONTEXT, and to those that it is in. False: that is too much. */
static bool charge(struct Search *s, unsigned context, unsigned ninsns)
{
	bool callee = context != 0;

	if (!s->left[callee].pieces || s->left[callee].insns < ninsns)
		return false;
	s->left[callee].pieces--;
	s->left[callee].insns -= ninsns;
	for (; context; context = s->context[context].parent) {
		s->context[context].ninsns += ninsns;
		s->context[context].refused |= s->context[context].ninsns > MAX_CALL_INSNS;
	}
	return true;
}

/* -- the search ----------------------------------------------------------------------------------------------------- */

/* Where the indirect jump at PC leads to nearly always, or 0. */
static uint64_t usual_target(struct Search *s, uint64_t pc)
{
	uint64_t target;
	bool stale = false;

	/* who asks for it again in the same search is not to be told what has been seen since */
	for (unsigned i = 0; s->later && i < s->nstale; i++)
		if (s->stale[i] == pc)
			return 0;
	if (s->nstale == G_N_ELEMENTS(s->stale))
		return 0;
	s->later |= !site_target(s->cpu, pc, &target, &stale);
	if (stale)
		s->stale[s->nstale++] = pc;
	return target;
}

static bool is_exit(const struct Ins *ins)
{
	return ins->op == IR_EXIT || ins->op == IR_EXITCOND || ins->op == IR_EXITIND;
}

/* The function of the loop calls itself, from CONTEXT, and returns to PC. False: there are too many such places. */
static bool add_link(struct Search *s, uint64_t pc, unsigned context)
{
	for (unsigned i = 0; i < s->nlinks; i++)
		if (s->link[i].pc == pc && s->link[i].context == context)
			return true;
	if (s->nlinks == MAX_LINKS || !executed(s, pc))
		return false;
	s->link[s->nlinks++] = (struct Way){ .pc = pc, .context = context };
	return true;
}

/* Where the exit INS of PIECE leads to within the region, if it does. */
static bool way_of(struct Search *s, const struct Ir *ir, const struct Ins *ins, const struct Piece *piece, struct Way *way)
{
	const struct IrExit *exit = &ir->exits[ins->imm];

	*way = (struct Way){ .pc = exit->pc, .context = piece->context };
	if (ins->op == IR_EXITIND && exit->hint == EXIT_RETURN) {
		*way = (struct Way){ .pc = s->context[piece->context].link, .context = s->context[piece->context].parent };
		return piece->context != 0;
	}
	if (ins->op == IR_EXITIND) {
		/* it is the last instruction */
		way->pc = s->follows >= CALLS && executed(s, piece->pc) ? usual_target(s, ir->insns[ir->ninsns - 1].pc) : 0;
		if (!way->pc)
			return false;
	}
	if (exit->hint != EXIT_JUMP && s->follows == SELF && (way->pc == s->self || way->pc == s->head)) {
		way->context = 0;
		return add_link(s, exit->link, piece->context);
	}
	if (exit->hint != EXIT_JUMP)
		way->context = enter_context(s, piece->context, way->pc, exit->link);
	return way->context != NO_CONTEXT;
}

/* Adds the block at WAY to the search if it can be decoded and there is room. */
static void scan(struct Search *s, struct Way at)
{
	if (refused(s, at.context) || (at.context && !executed(s, at.pc)))
		return;
	arena_reset(s->scratch);
	struct Ir *ir = ir_new(s->scratch, translator.guest, at.pc, s->key);
	decode_fetch(&s->code, at.pc, MAX_PIECE_INSNS);
	size_t size = decode_block(ir, &s->code, MAX_PIECE_INSNS, false);
	if (!size || !charge(s, at.context, ir->ninsns))
		return;
	if (at.context && s->head - at.pc < size) {
		s->again = s->follows == SELF && s->self == s->head;
		if (s->again)
			s->self = s->context[at.context].entry;
		else
			s->context[at.context].refused = true;
		return;
	}
	struct Piece *piece = &s->piece[s->npieces++];
	*piece = (struct Piece){ .pc = at.pc, .context = at.context, .size = size, .ninsns = ir->ninsns };
	for (unsigned i = 0, exit = 0; i < ir->nins; i++) {
		struct Way way;
		if (!is_exit(&ir->ins[i]))
			continue;
		piece->falls = piece->nways < MAX_WAYS && way_of(s, ir, &ir->ins[i], piece, &way);
		way.exit = exit++;
		if (piece->falls)
			piece->way[piece->nways++] = way;
	}
	const struct Ins *last = &ir->ins[ir->nins - 1];
	piece->returns = !at.context && last->op == IR_EXITIND && ir->exits[last->imm].hint == EXIT_RETURN;
}

static unsigned count_ways(const struct Search *s, const struct Piece *piece)
{
	return piece->nways + (piece->returns ? s->nlinks : 0);
}

static struct Piece *next_piece(struct Search *s, const struct Piece *piece, unsigned way)
{
	return find_piece(s, way < piece->nways ? piece->way[way] : s->link[way - piece->nways]);
}

/* Follows all ways from the pieces that there are. */
static void follow(struct Search *s)
{
	unsigned npieces, nlinks;

	do {
		npieces = s->npieces;
		nlinks = s->nlinks;
		for (unsigned i = 0; i < s->npieces; i++)
			for (unsigned k = 0; k < count_ways(s, &s->piece[i]); k++)
				if (!next_piece(s, &s->piece[i], k))
					scan(s, k < s->piece[i].nways ? s->piece[i].way[k] : s->link[k - s->piece[i].nways]);
	} while (npieces != s->npieces || nlinks != s->nlinks);
}

/* Marks the pieces that the head can be reached from. */
static void find_loops(struct Search *s)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (unsigned i = 0; i < s->npieces; i++) {
			struct Piece *piece = &s->piece[i];
			if (piece->loops || refused(s, piece->context))
				continue;
			for (unsigned k = 0; k < count_ways(s, piece); k++) {
				struct Piece *next = next_piece(s, piece, k);
				piece->loops |= next == &s->piece[0] || (next && next->loops);
			}
			changed |= piece->loops;
		}
	}
}

static void search(struct Search *s)
{
	s->self = s->head;
	do {
		s->again = false;
		s->npieces = s->nlinks = 0;
		s->ncontexts = 1;
		s->left[false].pieces = MAX_PIECES, s->left[false].insns = MAX_INSNS;
		s->left[true].pieces = MAX_CALLEE_PIECES, s->left[true].insns = MAX_CALLEE_INSNS;
		scan(s, (struct Way){ .pc = s->head });
		follow(s);
	} while (s->again && !s->later);
	find_loops(s);
}

/* -- order ---------------------------------------------------------------------------------------------------------- */

/* Level LEVEL of the place where PIECE stands: of each open call where it returns to, then the piece's own address. */
static uint64_t place_at(const struct Search *s, const struct Piece *piece, unsigned level, bool *inside)
{
	unsigned context = piece->context;

	*inside = level < s->context[context].depth;
	if (!*inside)
		return piece->pc;
	while (s->context[context].depth > level + 1)
		context = s->context[context].parent;
	return s->context[context].link;
}

static bool stands_before(const struct Search *s, const struct Piece *a, const struct Piece *b)
{
	for (unsigned level = 0;; level++) {
		bool a_inside, b_inside;
		uint64_t x = place_at(s, a, level, &a_inside), y = place_at(s, b, level, &b_inside);
		if (x != y || !a_inside || !b_inside)
			return x < y || (x == y && a_inside && !b_inside);
	}
}

static void sort(struct Search *s)
{
	for (unsigned i = 1; i < s->npieces; i++) {
		struct Piece piece = s->piece[i];
		unsigned k = i;
		for (; k && stands_before(s, &piece, &s->piece[k - 1]); k--)
			s->piece[k] = s->piece[k - 1];
		s->piece[k] = piece;
	}
}

/* Finds the pieces that cannot just continue the one before. */
static void find_labelled(struct Search *s)
{
	bool reached[MAX_PIECES + MAX_CALLEE_PIECES] = { [0] = true };

	for (unsigned i = 0; i < s->npieces; i++)
		for (unsigned k = 0; k < count_ways(s, &s->piece[i]); k++) {
			struct Piece *next = next_piece(s, &s->piece[i], k);
			if (!next)
				continue;
			bool continues = next == &s->piece[i + 1] && s->piece[i].falls && k + 1 == s->piece[i].nways;
			next->labelled |= reached[next - s->piece] || !continues;
			reached[next - s->piece] = true;
		}
}

/* Whether the pieces are in few enough pages. */
static bool fits_pages(const struct Search *s)
{
	uint64_t pages[BLOCK_PAGES];
	unsigned n = 0;

	for (unsigned i = 0; i < s->npieces; i++)
		for (uint64_t page = s->piece[i].pc / GUEST_PAGE; page <= (s->piece[i].pc + s->piece[i].size - 1) / GUEST_PAGE; page++) {
			unsigned k = 0;
			while (k < n && pages[k] != page)
				k++;
			if (k == BLOCK_PAGES)
				return false;
			if (k == n)
				pages[n++] = page;
		}
	return true;
}

/* Drops what does not loop. False if nothing does. */
static bool keep_loops(struct Search *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->npieces; i++)
		if (s->piece[i].loops)
			s->piece[n++] = s->piece[i];
	s->npieces = n;
	return find_piece(s, (struct Way){ .pc = s->head }) != NULL;
}

/* The order of the unit: the head first. */
static void arrange(struct Search *s)
{
	sort(s);
	for (struct Piece first = s->piece[0]; first.pc != s->head || first.context; first = s->piece[0]) {
		memmove(s->piece, s->piece + 1, (s->npieces - 1) * sizeof first);
		s->piece[s->npieces - 1] = first;
	}
	find_labelled(s);
}

/* -- the unit ------------------------------------------------------------------------------------------------------- */

/* The return that comes last goes on at the places where the function called itself, if it leads there. */
static void return_to_links(struct Ir *ir, struct Search *s)
{
	struct Ins leave = ir->ins[--ir->nins];

	for (unsigned i = 0; i < s->nlinks; i++) {
		struct Piece *target = find_piece(s, s->link[i]);
		if (target)
			ir_brcond(ir, IR_I64, COND_EQ, leave.a[0], ir_const(ir, target->pc), target->label);
	}
	*ir_append(ir, leave.op, leave.type) = leave;
}

/* Turns the exits among the instructions from FROM on, of PIECE, that lead to pieces into branches and guards. */
static void redirect(struct Ir *ir, struct Search *s, const struct Piece *piece, unsigned from)
{
	const struct Way *way = piece->way, *end = way + piece->nways;

	for (unsigned i = from, exit = 0; way < end; i++) {
		struct Ins *ins = &ir->ins[i];
		if (!is_exit(ins) || way->exit != exit++)
			continue;
		struct Piece *target = find_piece(s, *way++);
		if (!target)
			continue;
		if (ins->op == IR_EXITIND) {
			Ref pc = ir_const(ir, target->pc);
			ins->op = IR_GUARD;
			ins->a[1] = pc;
			if (target->labelled)
				ir_br(ir, target->label);
		} else if (target->labelled) {
			ins->op = ins->op == IR_EXIT ? IR_BR : IR_BRCOND;
			ins->imm = target->label;
		} else {
			ir->nins = i;
		}
	}
	if (piece->returns)
		return_to_links(ir, s);
}

static bool covers(const struct Search *s, uint64_t pc)
{
	for (unsigned i = 0; i < s->npieces; i++)
		if (!s->piece[i].context && pc - s->piece[i].pc < s->piece[i].size)
			return true;
	return false;
}

/* Whether calls of the function by itself come back within the region: without that, it would be left on the way up of each that was taken on the way down. */
static bool comes_back(struct Search *s)
{
	bool returns = !s->nlinks;

	for (unsigned i = 0; i < s->nlinks; i++)
		if (!find_piece(s, s->link[i]))
			return false;
	for (unsigned i = 0; i < s->npieces; i++)
		returns |= s->piece[i].returns;
	return returns;
}

/* Finds the pieces of the unit: with all that can be taken in, or else with less. */
static bool find(struct Search *s, uint64_t branch)
{
	for (s->follows = translator.callees ? SELF : JUMPS;; s->follows--) {
		search(s);
		/* with less to follow there is no other way round */
		if (s->later || !keep_loops(s) || !covers(s, branch))
			return false;
		if (fits_pages(s) && comes_back(s))
			return true;
		if (s->follows == JUMPS)
			return false;
	}
}

/* Whether it is known of all branches of the unit how well they are predicted, as far as that matters; else it will be. */
static bool knows_branches(struct Ir *ir, struct Search *s)
{
	uint64_t pcs[MAX_QUESTIONS];
	unsigned n = ir_if_questions(ir, pcs, MAX_QUESTIONS);
	bool known = true;

	for (unsigned i = 0; i < n; i++) {
		bool stale = false;
		known &= predict_ask(pcs[i], &stale);
		if (stale)
			cache_forget_containing(pcs[i]);
	}
	s->later |= !known;
	return known;
}

bool region_decode(struct Ir *ir, struct Arena *scratch, struct Cpu *cpu, uint64_t branch, uint32_t *size, bool *later)
{
	static struct Search s;

	s.scratch = scratch;
	s.head = ir->pc;
	s.key = ir->key;
	s.cpu = cpu;
	s.later = false;
	s.nstale = 0;
	bool found = find(&s, branch);
	for (unsigned i = 0; i < s.nstale; i++)
		cache_forget_containing(s.stale[i]);
	*later = s.later;
	if (!found)
		return false;
	arrange(&s);
	*size = 0;
	for (unsigned i = 0; i < s.npieces; i++) {
		*size += s.piece[i].size;
		if (s.piece[i].labelled)
			s.piece[i].label = ir_label(ir);
	}
	for (unsigned i = 0; i < s.npieces; i++) {
		struct Piece *piece = &s.piece[i];
		decode_fetch(&s.code, piece->pc, MAX_PIECE_INSNS);
		if (piece->labelled)
			ir_emit_label(ir, piece->label);
		unsigned from = ir->nins;
		if (decode_block(ir, &s.code, piece->ninsns, false) != piece->size)
			return false;
		redirect(ir, &s, piece, from);
	}
	found = !translator.if_convert || knows_branches(ir, &s);
	*later = s.later;
	return found;
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
		if ((ins->op == IR_EXIT || ins->op == IR_EXITCOND) && (ir->exits[ins->imm].hint == EXIT_JUMP || ir->exits[ins->imm].hint == EXIT_CALL) && ir->exits[ins->imm].pc <= pc) {
			*head = ir->exits[ins->imm].pc;
			return true;
		}
	}
	return false;
}
