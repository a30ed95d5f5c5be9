/* SPDX-License-Identifier: MIT */
/* Finds the row of an encoding through an index built once, and reads its operands. */
#include <assert.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "target/riscv64/insns.h"

bool riscv_has[RISCV_EXT_COUNT];

static inline uint32_t bits(uint32_t opcode, unsigned from, unsigned width)
{
	return opcode >> from & ((1u << width) - 1);
}

/* The index: rows by some bits of the opcode, those with more mask bits first. Lists of 16-bit instructions are chosen by quadrant, funct3 and the two next funct
 * fields. Lists of 32-bit instructions are chosen by major opcode and funct3; where rows also differ in the upper seven bits, by those. So the
 * index of what programs consist of is a few cache lines. */
enum { COARSE16 = 1 << 10, COARSE32 = 1 << 8, FINE32 = 1 << 7, SPLIT = 0x8000 };
static struct {
	uint16_t coarse32[COARSE32];    /* number of a list, or SPLIT + that of the first of FINE32 lists */
	unsigned nlists;
	uint16_t *start;                /* by list, and one behind the last; those of 16-bit instructions come first */
	uint16_t *rows;
} decoder;

static inline unsigned list16(uint32_t op) { return bits(op, 0, 2) | bits(op, 13, 3) << 2 | bits(op, 10, 3) << 5 | bits(op, 5, 2) << 8; }
static inline unsigned coarse32(uint32_t op) { return bits(op, 2, 5) | bits(op, 12, 3) << 5; }
static inline unsigned fine32(uint32_t op) { return bits(op, 25, 7); }
static inline unsigned list32(uint32_t op)
{
	unsigned list = decoder.coarse32[coarse32(op)];
	return list & SPLIT ? (list & ~SPLIT) + fine32(op) : list;
}

static int compare_rows(const void *a, const void *b)
{
	unsigned i = *(const uint16_t *)a, j = *(const uint16_t *)b;
	int fixed_i = __builtin_popcount(riscv_insns[i].mask), fixed_j = __builtin_popcount(riscv_insns[j].mask);

	return fixed_i != fixed_j ? fixed_j - fixed_i : (int)i - (int)j;
}

/* The next number behind I, of those below COUNT (a power of two) that agree with VALUE in the bits of MASK; COUNT or more: there is none. The first is
 * VALUE & MASK. list16() and its like only rearrange bits, so they turn a row's match and mask into such a VALUE and MASK. */
static unsigned next_agreeing(unsigned i, unsigned value, unsigned mask, unsigned count)
{
	unsigned next = (i | mask) + 1;

	return next >= count ? count : (next & ~mask) | (value & mask);
}
#define FOR_AGREEING(i, value, mask, count) \
	for (unsigned i = (value) & (mask); i < (count); i = next_agreeing(i, value, mask, count))

/* Puts ROW at AT[LIST] of the lists, or only counts it. */
static void put(uint16_t row, unsigned list, uint16_t *at)
{
	if (decoder.rows)
		decoder.rows[at[list]] = row;
	at[list]++;
}

/* Puts ROW on every list on which an opcode of it is looked for. */
static void put_row(uint16_t row, uint16_t *at)
{
	const struct RiscvInsn *insn = &riscv_insns[row];

	if (insn->length == 2) {
		FOR_AGREEING(list, list16(insn->match), list16(insn->mask), COARSE16)
			put(row, list, at);
		return;
	}
	FOR_AGREEING(coarse, coarse32(insn->match), coarse32(insn->mask), COARSE32) {
		unsigned list = decoder.coarse32[coarse];
		if (!(list & SPLIT)) {
			put(row, list, at);
			continue;
		}
		FOR_AGREEING(fine, fine32(insn->match), fine32(insn->mask), FINE32)
			put(row, (list & ~SPLIT) + fine, at);
	}
}

/* Numbers the lists of 32-bit instructions behind those of 16-bit ones. */
static void number_lists(const uint16_t *rows, unsigned nrows)
{
	memset(decoder.coarse32, 0, sizeof decoder.coarse32);
	for (unsigned i = 0; i < nrows; i++) {
		const struct RiscvInsn *insn = &riscv_insns[rows[i]];
		if (insn->length == 4 && fine32(insn->mask))
			FOR_AGREEING(coarse, coarse32(insn->match), coarse32(insn->mask), COARSE32)
				decoder.coarse32[coarse] = SPLIT;
	}
	decoder.nlists = COARSE16;
	for (unsigned coarse = 0; coarse < COARSE32; coarse++) {
		unsigned first = decoder.nlists;
		decoder.nlists += decoder.coarse32[coarse] & SPLIT ? FINE32 : 1;
		decoder.coarse32[coarse] |= first;
	}
	g_assert(decoder.nlists < SPLIT);
}

/* What was decoded last: the translator asks whether an instruction polls, then for its IR. */
static _Thread_local struct { uint32_t opcode; const struct RiscvInsn *row; } last;

void riscv_decoder_build(void)
{
	uint16_t *rows = g_new(uint16_t, riscv_ninsns);
	unsigned nrows = 0, total = 0;

	for (unsigned i = 0; i < riscv_ninsns; i++)
		if (riscv_has[riscv_insns[i].extension])
			rows[nrows++] = i;
	qsort(rows, nrows, sizeof *rows, compare_rows);
	number_lists(rows, nrows);
	g_free(decoder.start);
	g_free(decoder.rows);
	decoder.rows = NULL;
	uint16_t *at = decoder.start = g_new0(uint16_t, decoder.nlists + 1);
	for (unsigned i = 0; i < nrows; i++)
		put_row(rows[i], at);
	/* AT is where each list ends, and while the lists are filled where the next row goes: at last where it ends again */
	for (unsigned list = 0; list <= decoder.nlists; list++) {
		unsigned n = at[list];
		at[list] = total;
		total += n;
	}
	g_assert(total <= UINT16_MAX);
	decoder.rows = g_new(uint16_t, total);
	for (unsigned i = 0; i < nrows; i++)
		put_row(rows[i], at);
	memmove(at + 1, at, decoder.nlists * sizeof *at);
	at[0] = 0;
	g_free(rows);
	last.row = NULL;
}

const struct RiscvInsn *riscv_decode(uint32_t opcode)
{
	assert(decoder.start);
	if (last.row && last.opcode == opcode)
		return last.row;
	last.opcode = opcode;
	last.row = NULL;
	if ((opcode & 3) != 3)
		opcode &= 0xffff;
	unsigned list = (opcode & 3) == 3 ? list32(opcode) : list16(opcode);
	for (unsigned i = decoder.start[list]; i < decoder.start[list + 1]; i++) {
		const struct RiscvInsn *insn = &riscv_insns[decoder.rows[i]];
		if ((opcode & insn->mask) == insn->match)
			return last.row = insn;
	}
	return NULL;
}

/* -- operands ------------------------------------------------------------------------------------------------------ */

static inline int32_t sign_extend(uint32_t value, unsigned width)
{
	return (int32_t)(value << (32 - width)) >> (32 - width);
}

static int32_t immediate32(enum RiscvFormat format, uint32_t op)
{
	switch (format) {
	case RISCV_FMT_I:
		return (int32_t)op >> 20;
	case RISCV_FMT_SHIFT:
		return bits(op, 20, 6);
	case RISCV_FMT_SHIFTW:
		return bits(op, 20, 5);
	case RISCV_FMT_S:
		return (int32_t)(op & 0xfe000000) >> 20 | bits(op, 7, 5);
	case RISCV_FMT_B:
		return sign_extend(bits(op, 31, 1) << 12 | bits(op, 7, 1) << 11 | bits(op, 25, 6) << 5 | bits(op, 8, 4) << 1, 13);
	case RISCV_FMT_U:
		return op & 0xfffff000;
	case RISCV_FMT_J:
		return sign_extend(bits(op, 31, 1) << 20 | bits(op, 12, 8) << 12 | bits(op, 20, 1) << 11 | bits(op, 21, 10) << 1, 21);
	case RISCV_FMT_CSR:
	case RISCV_FMT_FENCE:
		return op >> 20;
	default:
		return 0;
	}
}

/* The immediates of 16-bit instructions that several formats share. */
static int32_t imm6(uint32_t op) { return sign_extend(bits(op, 12, 1) << 5 | bits(op, 2, 5), 6); }
static int32_t uimm6(uint32_t op) { return bits(op, 12, 1) << 5 | bits(op, 2, 5); }
static int32_t uimm_w(uint32_t op) { return bits(op, 10, 3) << 3 | bits(op, 6, 1) << 2 | bits(op, 5, 1) << 6; }
static int32_t uimm_d(uint32_t op) { return bits(op, 10, 3) << 3 | bits(op, 5, 2) << 6; }

enum { ZERO = 0, RA = 1, SP = 2 };

/* Loads, stores and the immediate formats of quadrants 0 and 2. */
static struct RiscvOperands operands16_memory(enum RiscvFormat format, uint32_t op)
{
	uint8_t low = 8 + bits(op, 2, 3), high = 8 + bits(op, 7, 3), rd = bits(op, 7, 5), rs2 = bits(op, 2, 5);

	switch (format) {
	case RISCV_FMT_CIW:
		return (struct RiscvOperands){ .rd = low, .rs1 = SP,
			.imm = bits(op, 11, 2) << 4 | bits(op, 7, 4) << 6 | bits(op, 6, 1) << 2 | bits(op, 5, 1) << 3 };
	case RISCV_FMT_CL_W:
		return (struct RiscvOperands){ .rd = low, .rs1 = high, .imm = uimm_w(op) };
	case RISCV_FMT_CL_D:
		return (struct RiscvOperands){ .rd = low, .rs1 = high, .imm = uimm_d(op) };
	case RISCV_FMT_CS_W:
		return (struct RiscvOperands){ .rs2 = low, .rs1 = high, .imm = uimm_w(op) };
	case RISCV_FMT_CS_D:
		return (struct RiscvOperands){ .rs2 = low, .rs1 = high, .imm = uimm_d(op) };
	case RISCV_FMT_CLWSP:
		return (struct RiscvOperands){ .rd = rd, .rs1 = SP, .imm = bits(op, 12, 1) << 5 | bits(op, 4, 3) << 2 | bits(op, 2, 2) << 6 };
	case RISCV_FMT_CLDSP:
		return (struct RiscvOperands){ .rd = rd, .rs1 = SP, .imm = bits(op, 12, 1) << 5 | bits(op, 5, 2) << 3 | bits(op, 2, 3) << 6 };
	case RISCV_FMT_CSWSP:
		return (struct RiscvOperands){ .rs2 = rs2, .rs1 = SP, .imm = bits(op, 9, 4) << 2 | bits(op, 7, 2) << 6 };
	default:
		assert(format == RISCV_FMT_CSDSP);
		return (struct RiscvOperands){ .rs2 = rs2, .rs1 = SP, .imm = bits(op, 10, 3) << 3 | bits(op, 7, 3) << 6 };
	}
}

static struct RiscvOperands operands16(enum RiscvFormat format, uint32_t op)
{
	uint8_t rd = bits(op, 7, 5), rs2 = bits(op, 2, 5), high = 8 + bits(op, 7, 3);

	switch (format) {
	case RISCV_FMT_CNONE:
	case RISCV_FMT_CRESERVED:
		return (struct RiscvOperands){ 0 };
	case RISCV_FMT_CI:
		return (struct RiscvOperands){ .rd = rd, .rs1 = rd, .imm = imm6(op) };
	case RISCV_FMT_CLI:
		return (struct RiscvOperands){ .rd = rd, .rs1 = ZERO, .imm = imm6(op) };
	case RISCV_FMT_CADDI16SP:
		return (struct RiscvOperands){ .rd = SP, .rs1 = SP,
			.imm = sign_extend(bits(op, 12, 1) << 9 | bits(op, 6, 1) << 4 | bits(op, 5, 1) << 6 | bits(op, 3, 2) << 7 |
					   bits(op, 2, 1) << 5, 10) };
	case RISCV_FMT_CLUI:
		return (struct RiscvOperands){ .rd = rd, .imm = imm6(op) * 4096 };
	case RISCV_FMT_CB_SHIFT:
		return (struct RiscvOperands){ .rd = high, .rs1 = high, .imm = uimm6(op) };
	case RISCV_FMT_CB_IMM:
		return (struct RiscvOperands){ .rd = high, .rs1 = high, .imm = imm6(op) };
	case RISCV_FMT_CA:
		return (struct RiscvOperands){ .rd = high, .rs1 = high, .rs2 = 8 + bits(op, 2, 3) };
	case RISCV_FMT_CJ:
		return (struct RiscvOperands){ .rd = ZERO,
			.imm = sign_extend(bits(op, 12, 1) << 11 | bits(op, 11, 1) << 4 | bits(op, 9, 2) << 8 | bits(op, 8, 1) << 10 |
					   bits(op, 7, 1) << 6 | bits(op, 6, 1) << 7 | bits(op, 3, 3) << 1 | bits(op, 2, 1) << 5, 12) };
	case RISCV_FMT_CB:
		return (struct RiscvOperands){ .rs1 = high, .rs2 = ZERO,
			.imm = sign_extend(bits(op, 12, 1) << 8 | bits(op, 10, 2) << 3 | bits(op, 5, 2) << 6 | bits(op, 3, 2) << 1 |
					   bits(op, 2, 1) << 5, 9) };
	case RISCV_FMT_CSHIFT:
		return (struct RiscvOperands){ .rd = rd, .rs1 = rd, .imm = uimm6(op) };
	case RISCV_FMT_CJR:
		return (struct RiscvOperands){ .rd = ZERO, .rs1 = rd };
	case RISCV_FMT_CJALR:
		return (struct RiscvOperands){ .rd = RA, .rs1 = rd };
	case RISCV_FMT_CMV:
		return (struct RiscvOperands){ .rd = rd, .rs1 = ZERO, .rs2 = rs2 };
	case RISCV_FMT_CADD:
		return (struct RiscvOperands){ .rd = rd, .rs1 = rd, .rs2 = rs2 };
	default:
		return operands16_memory(format, op);
	}
}

struct RiscvOperands riscv_operands(const struct RiscvInsn *insn, uint32_t opcode)
{
	if (insn->length == 2)
		return operands16(insn->format, opcode);
	return (struct RiscvOperands){
		.rd = bits(opcode, 7, 5), .rs1 = bits(opcode, 15, 5), .rs2 = bits(opcode, 20, 5), .rs3 = bits(opcode, 27, 5),
		.rm = bits(opcode, 12, 3), .imm = immediate32(insn->format, opcode),
	};
}
