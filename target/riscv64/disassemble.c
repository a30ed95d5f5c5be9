/* SPDX-License-Identifier: MIT */
/* Assembler text of riscv64 instructions, in the manner of GNU objdump.
 *
 * In the operand texts of insns.def these letters stand for operands; all else is copied:
 *   d s t      x registers rd, rs1, rs2              D S T R    f registers rd, rs1, rs2, rs3
 *   j o        immediate, memory offset: decimal     >          shift amount: hexadecimal
 *   u          upper 20 bits: hexadecimal            p          branch target: absolute address
 *   m          rounding mode, with its comma, unless it is the dynamic one
 *   P Q        predecessor and successor of a fence  E Z        control register, 5-bit immediate
 */
#include <glib.h>
#include <string.h>

#include "target/riscv64/cpu.h"

static const char x_names[32][5] = {
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
static const char f_names[32][5] = {
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
	"fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

enum AliasCondition { ANY, SAME };
struct Alias {
	const char *name;
	uint32_t match, mask;
	enum AliasCondition condition;
	const char *text;
};
static const struct Alias aliases[] = {
#define ALIAS(name, match, mask, condition, text) { name, match, mask, condition, text },
#include "target/riscv64/insns.def"
};

static const struct Alias *find_alias(uint32_t opcode, const struct RiscvOperands *o)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
		const struct Alias *alias = &aliases[i];
		if (riscv_length(alias->match) == riscv_length(opcode) && (opcode & alias->mask) == alias->match &&
		    (alias->condition == ANY || o->rs1 == o->rs2))
			return alias;
	}
	return NULL;
}

static void append_fence(GString *text, unsigned set)
{
	static const char letters[] = "wroi";

	if (!set)
		g_string_append(text, "unknown");
	for (int i = 3; i >= 0; i--)
		if (set >> i & 1)
			g_string_append_c(text, letters[i]);
}

static void append_operand(GString *text, char letter, uint64_t pc, const struct RiscvOperands *o)
{
	static const char modes[8][9] = { ",rne", ",rtz", ",rdn", ",rup", ",rmm", ",unknown", ",unknown", "" };

	switch (letter) {
	case 'd': g_string_append(text, x_names[o->rd]); break;
	case 's': g_string_append(text, x_names[o->rs1]); break;
	case 't': g_string_append(text, x_names[o->rs2]); break;
	case 'D': g_string_append(text, f_names[o->rd]); break;
	case 'S': g_string_append(text, f_names[o->rs1]); break;
	case 'T': g_string_append(text, f_names[o->rs2]); break;
	case 'R': g_string_append(text, f_names[o->rs3]); break;
	case 'j':
	case 'o': g_string_append_printf(text, "%d", o->imm); break;
	case '>': g_string_append_printf(text, "0x%x", o->imm); break;
	case 'u': g_string_append_printf(text, "0x%x", (uint32_t)o->imm >> 12); break;
	case 'p': g_string_append_printf(text, "0x%" G_GINT64_MODIFIER "x", pc + (int64_t)o->imm); break;
	case 'm': g_string_append(text, modes[o->rm]); break;
	case 'P': append_fence(text, o->imm >> 4 & 15); break;
	case 'Q': append_fence(text, o->imm & 15); break;
	case 'Z': g_string_append_printf(text, "%u", o->rs1); break;
	case 'E':
		if (riscv_csr_name(o->imm))
			g_string_append(text, riscv_csr_name(o->imm));
		else
			g_string_append_printf(text, "0x%x", o->imm);
		break;
	default:
		g_string_append_c(text, letter);
	}
}

/* The mnemonic of a row: that of a 16-bit one has no "c."; an atomic one says its order. */
static void append_mnemonic(GString *text, const struct RiscvInsn *insn, uint32_t opcode)
{
	static const char *const orders[4] = { "", ".rl", ".aq", ".aqrl" };

	g_string_append(text, insn->length == 2 ? insn->name + 2 : insn->name);
	if (insn->format == RISCV_FMT_AMO)
		g_string_append(text, orders[opcode >> 25 & 3]);
}

void riscv_disassemble(uint64_t pc, const uint8_t *bytes, unsigned length, GString *text)
{
	uint32_t opcode = 0;

	for (unsigned i = 0; i < length && i < 4; i++)
		opcode |= (uint32_t)bytes[i] << 8 * i;
	const struct RiscvInsn *insn = length >= 2 && length >= riscv_length(opcode) ? riscv_decode(opcode) : NULL;
	if (insn && insn->length == 2)
		opcode &= 0xffff;
	if (!insn || insn->format == RISCV_FMT_CRESERVED) {
		if (length >= 4 && riscv_length(opcode) == 4)
			g_string_append_printf(text, ".4byte  0x%x", opcode);
		else
			g_string_append_printf(text, ".2byte  0x%x", opcode & 0xffff);
		return;
	}

	struct RiscvOperands o = riscv_operands(insn, opcode);
	const struct Alias *alias = find_alias(opcode, &o);
	gsize start = text->len;
	const char *operands = alias ? alias->text : insn->text;
	if (alias) {
		g_string_append(text, alias->name);
	} else if (*operands == '=') {
		operands++;
		for (; *operands != ' '; operands++)
			g_string_append_c(text, *operands);
		operands++;
	} else {
		append_mnemonic(text, insn, opcode);
	}
	if (!*operands)
		return;
	do
		g_string_append_c(text, ' ');
	while (text->len - start < 8);
	for (; *operands; operands++)
		append_operand(text, *operands, pc, &o);
}
