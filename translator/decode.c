/* SPDX-License-Identifier: MIT */
/* Decoding blocks: marks, polls, counts, and what the guest makes of each instruction. */
#include "translator/decode.h"

#include <glib.h>
#include <string.h>

#include "translator/region.h"

void decode_fetch(struct Code *code, uint64_t pc, unsigned max_insns)
{
	const struct Guest *guest = translator.guest;
	size_t want = MIN((size_t)max_insns * guest->insn_max, sizeof code->bytes);

	/* A block begins no instruction in a second page, but its last one may reach into it. */
	want = MIN(want, GUEST_PAGE - (pc & (GUEST_PAGE - 1)) + guest->insn_max - (1u << guest->insn_align));
	code->pc = pc;
	code->length = translator.env->fetch(pc, code->bytes, want);
	if (!code->length)
		return;
	/* From here on the environment tells of changes, so what is fetched now stays true until it does. What has been mapped behind it meanwhile has not been
	 * announced. */
	for (uint64_t page = pc & -(uint64_t)GUEST_PAGE; page < pc + code->length; page += GUEST_PAGE)
		translator.env->code_made(page);
	code->length = translator.env->fetch(pc, code->bytes, code->length);
}

/* The address that the instruction whose IR begins at INS may branch back to, or 0. */
static uint64_t backward_target(const struct Ir *ir, unsigned ins, uint64_t pc)
{
	for (; ins < ir->nins; ins++) {
		const struct Ins *i = &ir->ins[ins];
		if ((i->op == IR_EXIT || i->op == IR_EXITCOND) && ir->exits[i->imm].hint == EXIT_JUMP && ir->exits[i->imm].pc <= pc)
			return ir->exits[i->imm].pc;
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

size_t decode_block(struct Ir *ir, const struct Code *code, unsigned max_insns, bool counted)
{
	const struct Guest *guest = translator.guest;
	size_t at = 0, page_end = GUEST_PAGE - (code->pc & (GUEST_PAGE - 1));

	ir_begin_block(ir);
	for (unsigned n = 0; n < max_insns && at < page_end; n++) {
		size_t available = code->length - at;
		if (available < 1u << guest->insn_align)
			break;
		unsigned length = guest->insn_length(code->bytes + at, MIN(available, guest->insn_max));
		if (length > available)
			break;
		ir_mark(ir, code->pc + at, code->bytes + at, length);
		const struct IrInsn insn = ir->insns[ir->ninsns - 1];
		bool polls = guest->insn_polls(&insn);
		if (polls)
			ir_poll(ir);
		unsigned body = ir->nins;
		at += length;
		enum TranslateResult result = guest->translate_insn(ir, &insn);
		uint64_t target = polls && counted ? backward_target(ir, body, insn.pc) : 0;
		if (target && !region_given_up(target))
			insert_count(ir, body, target);
		if (result == TRANSLATE_END)
			return at;
	}
	if (at)
		ir_exit(ir, code->pc + at, EXIT_JUMP, 0);
	return at;
}
