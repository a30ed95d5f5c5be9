/* SPDX-License-Identifier: MIT */
/* Listings of units, for -d op and op_opt and for failed checks. */
#include <ctype.h>
#include <glib.h>
#include <inttypes.h>

#include "target/guest.h"
#include "translator/ir.h"

static const char *const type_names[IR_NTYPES] = { "i32", "i64", "f32", "f64", "v128" };
static const char *const cond_names[] = {
	"eq", "ne", "lt", "ge", "ltu", "geu", "le", "gt", "leu", "gtu", "always", "never",
};
static const char *const round_names[] = { "rne", "rtz", "rdn", "rup", "rmm" };

/* NAMES[INDEX], also for units whose fields are wrong. */
static const char *name_of(const char *const *names, unsigned count, unsigned index)
{
	return index < count ? names[index] : "?";
}

static void print_ref(const struct Ir *ir, Ref r, GString *text)
{
	if (r == REF_NONE)
		g_string_append(text, "-");
	else if (r == REF_CPU)
		g_string_append(text, "cpu");
	else if (ref_is_const(r)) {
		uint64_t value = ir_value(ir, r);
		if (value + 4096 < 8192)
			g_string_append_printf(text, "%" PRId64, (int64_t)value);
		else
			g_string_append_printf(text, "0x%" PRIx64, value);
	} else if (ir_is_global(ir, r))
		g_string_append(text, ir->guest->globals[r].name);
	else
		g_string_append_printf(text, "t%u", r - ir->nglobals);
}

static void print_mem(unsigned mem, GString *text)
{
	g_string_append_printf(text, ".%s%u%s%s%s", mem & MEM_SIGNED ? "s" : "u", 8u << (mem & MEM_SIZE),
			       mem & MEM_BE ? ".be" : "", mem & MEM_ALIGNED ? ".aligned" : "",
			       mem & MEM_ATOMIC ? ".atomic" : "");
	if (mem & MEM_SPACE)
		g_string_append_printf(text, ".space%u", (mem & MEM_SPACE) >> 8);
}

static void print_call(const struct Ir *ir, const struct Ins *ins, GString *text)
{
	const struct IrCall *call = &ir->calls[ins->imm];

	g_string_append_printf(text, " %s(", call->name);
	for (unsigned i = 0; i < call->nargs; i++) {
		if (i)
			g_string_append(text, ", ");
		print_ref(ir, call->args[i], text);
	}
	g_string_append(text, ")");
	static const struct { uint8_t flag; const char *name; } flags[] = {
		{ IRC_READS, "reads" }, { IRC_WRITES, "writes" }, { IRC_RAISES, "raises" },
		{ IRC_PROBE, "probe" }, { IRC_FP, "fp" }, { IRC_PURE, "pure" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++)
		if (call->flags & flags[i].flag)
			g_string_append_printf(text, " %s", flags[i].name);
}

/* What follows the mnemonic's types: condition, rounding mode or orders. */
static void print_modifier(const struct Ins *ins, GString *text)
{
	unsigned flags = ir_op_info[ins->op].flags;

	if (flags & OPF_COND || (ins->op == IR_CALL && ins->cond != COND_ALWAYS))
		g_string_append_printf(text, ".%s", name_of(cond_names, G_N_ELEMENTS(cond_names), ins->cond));
	else if (flags & OPF_ROUND)
		g_string_append_printf(text, ".%s", name_of(round_names, G_N_ELEMENTS(round_names), ins->cond));
	else if (ins->op == IR_FENCE)
		for (unsigned i = 0; i < 4; i++)
			if (ins->cond & 1u << i)
				g_string_append_printf(text, ".%s", &"rr\0rw\0wr\0ww"[3 * i]);
	if (flags & OPF_MEM || ins->op == IR_GET || ins->op == IR_PUT)
		print_mem(ins->mem, text);
}

void ir_print_ins(const struct Ir *ir, const struct Ins *ins, GString *text)
{
	const struct IrOpInfo *info = &ir_op_info[ins->op];
	char *name = g_ascii_strdown(info->name, -1);

	if (ins->op == IR_MARK) {
		const struct IrInsn *insn = &ir->insns[ins->imm];
		g_string_append_printf(text, " -- 0x%" PRIx64 "  ", insn->pc);
		if (ir->guest->disassemble)
			ir->guest->disassemble(insn->pc, insn->bytes, insn->length, text);
		g_free(name);
		return;
	}
	gsize start = text->len;
	g_string_append_printf(text, "    %s", name);
	g_free(name);
	if (info->result != '-' || info->nargs)
		g_string_append_printf(text, ".%s", name_of(type_names, IR_NTYPES, ins->type));
	print_modifier(ins, text);
	do
		g_string_append_c(text, ' ');
	while (text->len - start < 24);
	if (ins->d != REF_NONE) {
		print_ref(ir, ins->d, text);
		g_string_append(text, " =");
	}
	for (unsigned i = 0; i < 4 && ins->a[i] != REF_NONE; i++) {
		g_string_append(text, i ? ", " : " ");
		print_ref(ir, ins->a[i], text);
	}
	switch (ins->op) {
	case IR_CALL:
		print_call(ir, ins, text);
		break;
	case IR_LABEL: case IR_BR: case IR_BRCOND:
		g_string_append_printf(text, " L%d%s", ins->imm, ins->op == IR_BRCOND && ins->mem & BRANCH_SELDOM ? " (seldom)" : "");
		break;
	case IR_EXIT: case IR_EXITCOND:
		g_string_append_printf(text, " -> 0x%" PRIx64, ir->exits[ins->imm].pc);
		/* fallthrough */
	case IR_EXITIND: case IR_GUARD: {
		static const char *const hints[] = { "", " (call)", " (return)", " (indirect call)" };
		g_string_append(text, hints[ir->exits[ins->imm].hint]);
		break;
	}
	case IR_RAISE:
		g_string_append_printf(text, " cause %d", ins->imm);
		break;
	case IR_GET: case IR_PUT: case IR_HEAT: case IR_SLOTADD: case IR_SLOTPUT: case IR_SLOTGET:
		g_string_append_printf(text, " [cpu+0x%x]", (unsigned)ins->imm);
		break;
	default:
		if (ins->imm)
			g_string_append_printf(text, ", %+d", ins->imm);
	}
}

void ir_print(const struct Ir *ir, const char *title, GString *text)
{
	g_string_append_printf(text, "%s 0x%" PRIx64, title, ir->pc);
	if (ir->key)
		g_string_append_printf(text, " key %u", ir->key);
	g_string_append_c(text, '\n');
	for (unsigned i = 0; i < ir->nins; i++) {
		ir_print_ins(ir, &ir->ins[i], text);
		g_string_append_c(text, '\n');
	}
}
