/* SPDX-License-Identifier: MIT */
/* Decoding blocks: marks, polls, counts, and what the guest makes of each instruction. */
#include "translator/decode.h"

#include <glib.h>
#include <limits.h>
#include <string.h>

#include "translator/census.h"
#include "translator/predict.h"
#include "translator/region.h"
#include "translator/sites.h"

enum {
	FETCH_BYTES = 64,               /* at once: more than most blocks have */
	RECURSION_REACH = 256,          /* a call back over no more bytes may be of the function that it is in */
};

/* Fetches more bytes. False: there are none. */
static bool fetch_more(struct Code *code)
{
	uint64_t pc = code->pc + code->length;
	uint8_t *bytes = code->bytes + code->length;
	size_t n = translator.env->fetch(pc, bytes, MIN(code->limit - code->length, FETCH_BYTES));
	bool told = true;

	/* From here on the environment tells of changes, so what is fetched then stays true until it does. Pages with blocks have been announced. What has been
	 * mapped behind the bytes meanwhile has not. */
	for (uint64_t page = pc & -(uint64_t)GUEST_PAGE; page < pc + n; page += GUEST_PAGE)
		if (!cache_knows_page(page)) {
			translator.env->code_made(page);
			told = false;
		}
	if (!told)
		n = translator.env->fetch(pc, bytes, n);
	code->length += n;
	if (!n)
		code->limit = code->length;
	return n != 0;
}

void decode_fetch(struct Code *code, uint64_t pc, unsigned max_insns)
{
	const struct Guest *guest = translator.guest;
	size_t want = MIN((size_t)max_insns * guest->insn_max, sizeof code->bytes);

	/* A block begins no instruction in a second page, but its last one may reach into it. */
	code->limit = MIN(want, GUEST_PAGE - (pc & (GUEST_PAGE - 1)) + guest->insn_max - (1u << guest->insn_align));
	code->pc = pc;
	code->length = 0;
	fetch_more(code);
}

/* The length of the instruction at byte AT, all of which has been fetched, or 0. */
static unsigned whole_insn(struct Code *code, size_t at)
{
	const struct Guest *guest = translator.guest;

	for (;;) {
		size_t available = code->length - at;
		unsigned length = available < 1u << guest->insn_align ? UINT_MAX : guest->insn_length(code->bytes + at, MIN(available, guest->insn_max));
		if (length <= available)
			return length;
		if (!fetch_more(code))
			return 0;
	}
}

/* The address that the instruction whose IR begins at INS may branch back to, or 0. */
static uint64_t backward_target(const struct Ir *ir, unsigned ins, uint64_t pc)
{
	for (; ins < ir->nins; ins++) {
		const struct Ins *i = &ir->ins[ins];
		if (i->op != IR_EXIT && i->op != IR_EXITCOND)
			continue;
		const struct IrExit *exit = &ir->exits[i->imm];
		if (exit->pc <= pc && (exit->hint == EXIT_JUMP || (exit->hint == EXIT_CALL && translator.callees && pc - exit->pc < RECURSION_REACH)))
			return exit->pc;
	}
	return 0;
}

/* Inserts the HEAT of branches to TARGET as instruction AT, behind the POLL. */
static void insert_count(struct Ir *ir, unsigned at, uint64_t target)
{
	ir_append(ir, IR_HEAT, IR_I64);
	struct Ins count = ir->ins[ir->nins - 1];
	count.imm = cpu_heat_offset(ir->guest) + heat_index(target) * sizeof(uint32_t);
	memmove(&ir->ins[at + 1], &ir->ins[at], (ir->nins - 1 - at) * sizeof *ir->ins);
	ir->ins[at] = count;
}

/* Inserts what counts the targets of the indirect jump at PC, which comes last, if it has been asked for. */
static void count_target(struct Ir *ir, uint64_t pc)
{
	struct Ins jump = ir->ins[--ir->nins];

	site_count(ir, pc, jump.a[0]);
	*ir_append(ir, IR_EXITIND, jump.type) = jump;
}

/* Inserts what observes the conditional branch at PC, before its two exits, which come last, if that has been asked for. */
static void observe_branch(struct Ir *ir, uint64_t pc)
{
	struct Ins branch = ir->ins[ir->nins - 2], other = ir->ins[ir->nins - 1];

	ir->nins -= 2;
	predict_observe(ir, pc, &branch);
	*ir_append(ir, branch.op, branch.type) = branch;
	*ir_append(ir, other.op, other.type) = other;
}

size_t decode_block(struct Ir *ir, struct Code *code, unsigned max_insns, bool counted)
{
	const struct Guest *guest = translator.guest;
	size_t at = 0, page_end = GUEST_PAGE - (code->pc & (GUEST_PAGE - 1));

	ir_begin_block(ir);
	for (unsigned n = 0; n < max_insns && at < page_end; n++) {
		unsigned length = whole_insn(code, at);
		if (!length)
			break;
		ir_mark(ir, code->pc + at, code->bytes + at, length);
		const struct IrInsn insn = ir->insns[ir->ninsns - 1];
		bool polls = guest->insn_polls(&insn);
		if (polls)
			ir_poll(ir);
		if (counted && !n)
			census_count(ir, code->pc);
		unsigned body = ir->nins;
		at += length;
		enum TranslateResult result = guest->translate_insn(ir, &insn);
		uint64_t target = polls && counted ? backward_target(ir, body, insn.pc) : 0;
		if (target && !region_given_up(target))
			insert_count(ir, body, target);
		if (counted && ir->ins[ir->nins - 1].op == IR_EXITIND)
			count_target(ir, insn.pc);
		if (counted && ir->nins >= body + 2 && ir->ins[ir->nins - 2].op == IR_EXITCOND)
			observe_branch(ir, insn.pc);
		if (result == TRANSLATE_END)
			return at;
	}
	if (at)
		ir_exit(ir, code->pc + at, EXIT_JUMP, 0);
	return at;
}
