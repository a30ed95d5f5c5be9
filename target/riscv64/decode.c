/* SPDX-License-Identifier: MIT */
/* Finds the row of an encoding through an index built once, and reads its operands. */
#include <assert.h>
#include <glib.h>
#include <string.h>

#include "target/riscv64/insns.h"

bool riscv_has[RISCV_EXT_COUNT];

/* An index maps some bits of an opcode to the rows that fit them, rows with more mask bits first. */
struct Index {
	unsigned bits;                  /* of its values */
	unsigned (*of)(uint32_t opcode);
	uint32_t *start;                /* 1 << bits, and one behind: where the rows of a value begin in rows */
	uint16_t *rows;
};

static inline uint32_t bits(uint32_t opcode, unsigned from, unsigned width)
{
	return opcode >> from & ((1u << width) - 1);
}

/* The bits that tell rows apart: major opcode, funct3, funct7; of 16-bit instructions quadrant, funct3 and the two next funct fields. */
static inline unsigned index32_of(uint32_t op) { return bits(op, 2, 5) | bits(op, 12, 3) << 5 | bits(op, 25, 7) << 8; }
static inline unsigned index16_of(uint32_t op) { return bits(op, 0, 2) | bits(op, 13, 3) << 2 | bits(op, 10, 3) << 5 | bits(op, 5, 2) << 8; }

static struct Index index32 = { .bits = 15, .of = index32_of };
static struct Index index16 = { .bits = 10, .of = index16_of };

/* For each value of the index that INSN fits: counts it at START[value], or stores ROW there. */
static void index_add(struct Index *index, const struct RiscvInsn *insn, uint32_t *start, int row)
{
	unsigned match = index->of(insn->match), free_bits = index->of(~insn->mask);

	for (unsigned sub = free_bits;; sub = (sub - 1) & free_bits) {
		if (row < 0)
			start[match | sub]++;
		else
			index->rows[start[match | sub]++] = row;
		if (!sub)
			break;
	}
}

static int compare_rows(const void *a, const void *b)
{
	unsigned i = *(const uint16_t *)a, j = *(const uint16_t *)b;
	int fixed_i = __builtin_popcount(riscv_insns[i].mask), fixed_j = __builtin_popcount(riscv_insns[j].mask);

	return fixed_i != fixed_j ? fixed_j - fixed_i : (int)i - (int)j;
}

static void index_build(struct Index *index, unsigned length, const uint16_t *order)
{
	unsigned count = 1u << index->bits;
	uint32_t *start = g_new0(uint32_t, count + 1), *next = g_new(uint32_t, count + 1), total = 0;

	for (unsigned i = 0; i < riscv_ninsns; i++)
		if (riscv_insns[i].length == length && riscv_has[riscv_insns[i].extension])
			index_add(index, &riscv_insns[i], start, -1);
	for (unsigned i = 0; i <= count; i++) {
		uint32_t here = i < count ? start[i] : 0;
		start[i] = next[i] = total;
		total += here;
	}
	g_free(index->rows);
	index->rows = g_new(uint16_t, total + 1);
	for (unsigned i = 0; i < riscv_ninsns; i++)
		if (riscv_insns[order[i]].length == length && riscv_has[riscv_insns[order[i]].extension])
			index_add(index, &riscv_insns[order[i]], next, order[i]);
	g_free(index->start);
	index->start = start;
	g_free(next);
}

/* What was decoded last: the translator asks whether an instruction polls, then for its IR. */
static _Thread_local struct { uint32_t opcode; const struct RiscvInsn *row; } last;

void riscv_decoder_build(void)
{
	uint16_t *order = g_new(uint16_t, riscv_ninsns);

	for (unsigned i = 0; i < riscv_ninsns; i++)
		order[i] = i;
	qsort(order, riscv_ninsns, sizeof *order, compare_rows);
	index_build(&index32, 4, order);
	index_build(&index16, 2, order);
	g_free(order);
	last.row = NULL;
}

static inline const struct RiscvInsn *find_row(const struct Index *index, unsigned at, uint32_t opcode)
{
	for (uint32_t i = index->start[at]; i < index->start[at + 1]; i++) {
		const struct RiscvInsn *insn = &riscv_insns[index->rows[i]];
		if ((opcode & insn->mask) == insn->match)
			return insn;
	}
	return NULL;
}

const struct RiscvInsn *riscv_decode(uint32_t opcode)
{
	assert(index32.start);
	if (last.row && last.opcode == opcode)
		return last.row;
	last.opcode = opcode;
	return last.row = (opcode & 3) == 3 ? find_row(&index32, index32_of(opcode), opcode) : find_row(&index16, index16_of(opcode), opcode & 0xffff);
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
