/* SPDX-License-Identifier: MIT */
/* Finding the blocks of a loop and laying them out as one unit.
 *
 * The search follows direct branches from the head, and calls into functions and out of them again. What can come back to the head belongs to the region; branches
 * to anything else leave it. A block belongs to a context: the calls that are open when it runs. So a function that is called from two places is
 * there twice, and where its return leads to is known, and need but be guarded. Indirect calls and jumps that nearly always lead to one place are guarded likewise.
 * Of functions only what has been executed is taken in, and only if that is little. If there is more than fits, a census tells which blocks the loop executes, and the search is for
 * those alone; then nothing else counts. A function that calls itself from the loop is no other one: such a call is a
 * branch to where it begins, and each of its returns may lead to behind each such call.
 *
 * Blocks stand in the order in which they run without jumps: by address, those of a function behind its call. One that only the end of the one
 * before leads to continues that, without a label between them. */
#include "translator/region.h"

#include <glib.h>
#include <string.h>

#include "translator/census.h"
#include "translator/decode.h"
#include "translator/predict.h"
#include "translator/sites.h"

enum {
	MAX_PIECES = 32, MAX_INSNS = 320,               /* of the loop itself */
	MAX_CALLEE_PIECES = 32, MAX_CALLEE_INSNS = 192, /* of the functions that it calls */
	MAX_CALL_INSNS = 96,                            /* of these for one call, those of the calls in it included */
	MAX_RARE = 256, MIN_RARE = 32, RARE_STEP = 8,    /* after a census: once in so many rounds is often enough */
	MANY = 8,                                       /* rounds of a loop within another for each of that */
	MAX_PIECE_INSNS = 96,                           /* before a census; then those of the blocks counted */
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
	uint64_t hash;                  /* of these */
	unsigned ninsns;
	uint8_t context;
	uint8_t nways;
	bool falls;                     /* its last instruction takes the last of its ways, if any */
	bool branches;                  /* the last two exits are a branch and what comes behind it */
	bool turns;                     /* the first of these is the last of its ways: what comes behind leaves the region */
	uint8_t nexits;
	bool returns;                   /* its last instruction returns from the function of the loop */
	bool loops;                     /* the head can be reached from here */
	bool labelled;
	struct Way way[MAX_WAYS];
	unsigned label;
};

struct Search {
	uint64_t head, branch;          /* where the loop begins, and what closes it */
	uint32_t key;
	struct Arena *scratch;
	struct Cpu *cpu;                /* has seen where indirect jumps lead */
	enum { JUMPS, CALLS, SELF } follows;    /* also calls, also those of the function of the loop by itself */
	uint64_t self;                  /* where the function of the loop begins, if that is known to call itself */
	bool again;                     /* that has just become known */
	struct Way link[MAX_LINKS];     /* where such calls return to */
	unsigned nlinks;
	bool later;                     /* where an indirect jump leads to, or what is executed, will be known later */
	bool counted;                   /* there has been a census */
	unsigned rare;                  /* rounds of the loop in which a block is to be executed once */
	bool limited;                   /* there was no room for something that the loop calls */
	struct { uint64_t pc, target; bool stale; } asked[MAX_PIECES + MAX_CALLEE_PIECES]; /* such jumps; stale: their translations are to be forgotten */
	unsigned nasked;
	struct Piece piece[MAX_PIECES + MAX_CALLEE_PIECES];
	struct Context context[MAX_CONTEXTS];
	unsigned npieces, ncontexts;
	struct { unsigned pieces, insns; } left[2];     /* room for the loop itself, and for functions; after a census, for both */
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

/* Whether there is a block at PC that has been executed, or that the loop executes often enough if that is known. */
static bool executed(const struct Search *s, uint64_t pc)
{
	uint64_t times, rounds;

	if (s->counted && census_times(s->cpu, pc, &times, &rounds))
		return times * s->rare >= rounds;
	return cache_had(pc, s->key);
}

static bool in_loop(const struct Search *s, uint64_t pc)
{
	return pc - s->head <= s->branch - s->head;
}

/* There is no room for the piece at PC in CONTEXT, or for the function that returns to PC. What is not between head and branch, nor called from there, may not belong to the loop. */
static void find_limit(struct Search *s, unsigned context, uint64_t pc)
{
	for (; context; context = s->context[context].parent)
		pc = s->context[context].link;
	s->limited |= in_loop(s, pc);
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
	if (s->follows < CALLS || recurses(s, parent, entry) || !executed(s, entry) || !executed(s, link))
		return NO_CONTEXT;
	if (s->ncontexts == MAX_CONTEXTS || depth > MAX_DEPTH) {
		find_limit(s, parent, link);
		return NO_CONTEXT;
	}
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

/* The NINSNS instructions at PC come to CONTEXT, and to those that it is in. False: that is too much. */
static bool charge(struct Search *s, unsigned context, uint64_t pc, unsigned ninsns)
{
	bool callee = context != 0 && !s->counted;

	if (!s->left[callee].pieces || s->left[callee].insns < ninsns) {
		if (context || s->counted)
			find_limit(s, context, pc);
		return false;
	}
	s->left[callee].pieces--;
	s->left[callee].insns -= ninsns;
	for (; context; context = s->context[context].parent) {
		s->context[context].ninsns += ninsns;
		if (s->context[context].ninsns > MAX_CALL_INSNS && !s->counted) {
			s->context[context].refused = true;
			find_limit(s, context, pc);
		}
	}
	return true;
}

/* -- the search ----------------------------------------------------------------------------------------------------- */

/* Where the indirect jump at PC leads to nearly always, or 0. Each jump is asked for once, however often the search comes to it. */
static uint64_t usual_target(struct Search *s, uint64_t pc)
{
	uint64_t target;
	bool stale = false;

	/* asked again, it would tell what has been seen since, or take the place of another: a loop that has both might ask for ever */
	for (unsigned i = 0; i < s->nasked; i++)
		if (s->asked[i].pc == pc)
			return s->asked[i].target;
	if (s->nasked == G_N_ELEMENTS(s->asked))
		return 0;
	s->later |= !site_target(s->cpu, pc, &target, &stale);
	s->asked[s->nasked].pc = pc;
	s->asked[s->nasked].target = target;
	s->asked[s->nasked++].stale = stale;
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

static unsigned piece_insns(const struct Search *s)
{
	return s->counted ? translator.max_insns : MAX_PIECE_INSNS;
}

static uint64_t hash_bytes(const uint8_t *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	while (size--)
		hash = (hash ^ *bytes++) * 0x100000001b3ull;
	return hash;
}

/* Adds the block at WAY to the search if it can be decoded and there is room. */
static void scan(struct Search *s, struct Way at)
{
	if (refused(s, at.context) || ((at.context || s->counted) && !executed(s, at.pc)))
		return;
	arena_reset(s->scratch);
	struct Ir *ir = ir_new(s->scratch, translator.guest, at.pc, s->key);
	decode_fetch(&s->code, at.pc, piece_insns(s));
	size_t size = decode_block(ir, &s->code, piece_insns(s), false);
	if (!size || !charge(s, at.context, at.pc, ir->ninsns))
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
	piece->hash = hash_bytes(s->code.bytes, size);
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
	piece->nexits = ir->nexits;
	piece->branches = last->op == IR_EXIT && last[-1].op == IR_EXITCOND;
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
		s->again = s->limited = false;
		s->npieces = s->nlinks = 0;
		s->ncontexts = 1;
		s->left[false].pieces = MAX_PIECES, s->left[false].insns = MAX_INSNS;
		s->left[true].pieces = MAX_CALLEE_PIECES, s->left[true].insns = MAX_CALLEE_INSNS;
		if (s->counted)
			s->left[false].pieces += MAX_CALLEE_PIECES, s->left[false].insns += MAX_CALLEE_INSNS;
		scan(s, (struct Way){ .pc = s->head });
		follow(s);
	} while (s->again && !s->later);
	find_loops(s);
}

/* Searches for all that the loop executes, or for what it executes often if that is too much. */
static void search_often(struct Search *s)
{
	for (s->rare = MAX_RARE; search(s), s->counted && s->limited && !s->later && s->rare > MIN_RARE;)
		s->rare /= RARE_STEP;
}

enum { CALLED = 1, NEXT = 2 };

/* Adds to the census what has been executed of where the block at PC leads to: functions that it calls; what is behind it and its calls, in the loop alone if that is all. */
static void survey_block(struct Search *s, uint64_t pc, unsigned what)
{
	arena_reset(s->scratch);
	struct Ir *ir = ir_new(s->scratch, translator.guest, pc, s->key);
	decode_fetch(&s->code, pc, translator.max_insns);
	decode_block(ir, &s->code, translator.max_insns, false);
	for (unsigned i = 0; i < ir->nins; i++) {
		if (!is_exit(&ir->ins[i]))
			continue;
		const struct IrExit *exit = &ir->exits[ir->ins[i].imm];
		bool call = exit->hint == EXIT_CALL || exit->hint == EXIT_CALL_INDIRECT;
		uint64_t to = ir->ins[i].op == IR_EXITIND ? site_known_target(ir->insns[ir->ninsns - 1].pc) : exit->pc;
		if (call && to && what & CALLED && cache_had(to, s->key))
			census_add(to);
		if (call)
			to = exit->link;
		if (to && what & NEXT && (what & CALLED || in_loop(s, to)) && cache_had(to, s->key))
			census_add(to);
	}
}

/* Takes a census of the blocks between head and branch and of the functions that they call. */
static void survey(struct Search *s)
{
	uint64_t pc;
	unsigned n;

	s->later = true;
	if (!census_begin(s->head, s->key))
		return;
	for (n = 0; (pc = census_block(n)); n++)
		survey_block(s, pc, NEXT);
	for (unsigned i = 0; (pc = census_block(i)); i++)
		survey_block(s, pc, i < n ? CALLED : CALLED | NEXT);
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

/* The piece that PIECE leads to without a jump if it stands behind it, or NULL. */
static struct Piece *continuation(struct Search *s, const struct Piece *piece)
{
	return piece->nways && (piece->falls || piece->turns) ? next_piece(s, piece, piece->nways - 1) : NULL;
}

/* Places behind each piece the one that it leads to, if nothing else leads there. */
static void straighten(struct Search *s)
{
	static struct Piece order[MAX_PIECES + MAX_CALLEE_PIECES];
	unsigned ways_to[MAX_PIECES + MAX_CALLEE_PIECES] = { [0] = 1 }, n = 0;
	bool placed[MAX_PIECES + MAX_CALLEE_PIECES] = { false };

	for (unsigned i = 0; i < s->npieces; i++)
		for (unsigned k = 0; k < count_ways(s, &s->piece[i]); k++) {
			struct Piece *next = next_piece(s, &s->piece[i], k);
			if (next)       /* of the ways out of the function of the loop, some may not be there */
				ways_to[next - s->piece]++;
		}
	for (unsigned i = 0; i < s->npieces; i++)
		for (struct Piece *piece = &s->piece[i]; piece && !placed[piece - s->piece]; piece = continuation(s, piece)) {
			if (piece != &s->piece[i] && ways_to[piece - s->piece] > 1)
				break;
			placed[piece - s->piece] = true;
			order[n++] = *piece;
		}
	memcpy(s->piece, order, n * sizeof *order);
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
			bool continues = next == &s->piece[i + 1] && next == continuation(s, &s->piece[i]) && k + 1 == s->piece[i].nways;
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

/* Forgets the ways that leave the region. */
static void keep_ways(struct Search *s)
{
	for (unsigned i = 0; i < s->npieces; i++) {
		struct Piece *piece = &s->piece[i];
		unsigned n = 0, last = piece->nexits;
		for (unsigned k = 0; k < piece->nways; k++)
			if (find_piece(s, piece->way[k])) {
				last = piece->way[k].exit;
				piece->way[n++] = piece->way[k];
			}
		piece->nways = n;
		piece->falls = last + 1 == piece->nexits;
		piece->turns = piece->branches && last + 2 == piece->nexits;
	}
}

/* The order of the unit: the head first. */
static void arrange(struct Search *s)
{
	keep_ways(s);
	sort(s);
	for (struct Piece first = s->piece[0]; first.pc != s->head || first.context; first = s->piece[0]) {
		memmove(s->piece, s->piece + 1, (s->npieces - 1) * sizeof first);
		s->piece[s->npieces - 1] = first;
	}
	straighten(s);
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
		} else if (!target->labelled && piece->turns) {
			/* what leaves is taken if the branch is not */
			ins->cond ^= 1;
			ins->imm = ir->ins[--ir->nins].imm;
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

/* Whether the time goes to the loop itself: if it goes to loops within, these are better off as regions of their own. */
static bool is_worth_it(const struct Search *s)
{
	uint64_t times, rounds, all = 0, within = 0;

	for (unsigned i = 0; i < s->npieces; i++)
		if (census_times(s->cpu, s->piece[i].pc, &times, &rounds)) {
			unsigned copies = 0;
			for (unsigned k = 0; k < s->npieces; k++)
				copies += s->piece[k].pc == s->piece[i].pc;
			uint64_t executed = times * s->piece[i].ninsns / copies;
			all += executed;
			within += times / copies > rounds * MANY ? executed : 0;
		}
	return within * 3 <= all * 2;
}

/* Finds the pieces of the unit: with all that can be taken in, or else with less. */
static bool find(struct Search *s)
{
	for (s->follows = translator.callees ? SELF : JUMPS;; s->follows--) {
		search_often(s);
		/* with less to follow there is no other way round */
		if (s->later || !keep_loops(s) || !covers(s, s->branch) || (s->counted && (s->limited || !is_worth_it(s))))
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
	s.branch = branch;
	s.key = ir->key;
	s.cpu = cpu;
	s.later = false;
	s.nasked = 0;
	enum CensusState state = census_state(cpu, s.head);
	s.counted = state == CENSUS_DONE;
	*later = state == CENSUS_RUNS || (state == CENSUS_NONE && translator.census && census_waits(s.head));
	if (*later)
		return false;
	bool found = find(&s);
	for (unsigned i = 0; i < s.nasked; i++)
		if (s.asked[i].stale)
			cache_forget_containing(s.asked[i].pc);
	if (state == CENSUS_NONE && !found && s.limited && !s.later && translator.census)
		survey(&s);
	*later = s.later;
	if (!found || s.later)
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
		decode_fetch(&s.code, piece->pc, piece->ninsns);
		if (piece->labelled)
			ir_emit_label(ir, piece->label);
		unsigned from = ir->nins;
		if (decode_block(ir, &s.code, piece->ninsns, false) != piece->size || hash_bytes(s.code.bytes, piece->size) != piece->hash) {
			/* written meanwhile, by way of another mapping of the same memory */
			*later = true;
			return false;
		}
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

void region_retry(uint64_t head)
{
	if (region_given_up(head))
		given_up[heat_index(head) % G_N_ELEMENTS(given_up)].head = 0;
}

bool region_given_up(uint64_t head)
{
	unsigned slot = heat_index(head) % G_N_ELEMENTS(given_up);

	return given_up[slot].head == head && given_up[slot].generation == cache_generation();
}

bool region_waits(uint64_t head, uint64_t translated)
{
	enum { NEW = 16, TIMES = 3 };   /* translations since the loop was hot before; how often it may wait */
	static struct Loop { uint64_t head, translated; unsigned times; } loops[256];
	struct Loop *loop = &loops[heat_index(head) % G_N_ELEMENTS(loops)];
	uint64_t before = loop->translated;
	bool known = loop->head == head;

	if (!known)
		*loop = (struct Loop){ .head = head };
	loop->translated = translated;
	return known && translated - before > NEW && loop->times++ < TIMES;
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
