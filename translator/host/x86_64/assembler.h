/* SPDX-License-Identifier: MIT */
/* Encoding of x86-64 instructions: operands, prefixes, and the places to be filled in once addresses are known. */
#ifndef FORERUN_X86_64_ASSEMBLER_H
#define FORERUN_X86_64_ASSEMBLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum Reg {
	RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
	NREGS, NOREG = -1, RIP_RELATIVE = -2,
};

/* An operation: opcode byte and how it is encoded. Map and pp are in VEX order, so one number serves both encodings. */
enum {
	X_W = 0x100,            /* 64-bit operands */
	X_0F = 0x200, X_0F38 = 0x400, X_0F3A = 0x600,
	X_66 = 0x800, X_F3 = 0x1000, X_F2 = 0x1800,
	X_BYTE = 0x2000,        /* the reg operand is a byte register */
	X_BYTERM = 0x4000,      /* the rm operand is, if it is a register */
};

/* Condition codes of jcc, setcc, cmovcc. */
enum Cc { CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G };

/* The digit of the arithmetic operations: opcodes are 8 * digit + form. */
enum Alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* A register or a memory operand. */
struct Rm {
	int8_t reg;             /* NOREG: memory */
	int8_t base;            /* NOREG: none; RIP_RELATIVE: TARGET is the address */
	int8_t index;           /* NOREG: none */
	uint8_t scale;          /* log2 */
	int32_t disp;
	const void *target;
};

enum FixTarget { FIX_ABSOLUTE, FIX_HOT, FIX_COLD, FIX_LABEL };

/* A 32-bit field relative to its own end (plus TRAIL bytes of the same instruction) to be filled in when all code is placed. */
struct Fix {
	uint32_t field;         /* offset in its section */
	bool cold;              /* its section */
	uint8_t trail;
	uint8_t kind;           /* enum FixTarget */
	uint64_t target;        /* executable address, offset in the section, or label */
};

enum { MAX_FIXES = 16384 };
struct Fixes {
	struct Fix fix[MAX_FIXES];
	unsigned n;
	bool full;
};

/* A section under construction. When it runs full, OVERFLOW is set and the bytes written are garbage within its bounds. */
struct Asm {
	uint8_t *start, *p, *end;
	struct Fixes *fixes;
	bool cold, overflow;
};

static inline struct Rm rm_reg(int reg) { return (struct Rm){ .reg = reg, .base = NOREG, .index = NOREG }; }
static inline struct Rm rm_mem(int base, int32_t disp) { return (struct Rm){ .reg = NOREG, .base = base, .index = NOREG, .disp = disp }; }
static inline struct Rm rm_indexed(int base, int index, unsigned scale, int32_t disp)
{
	return (struct Rm){ .reg = NOREG, .base = base, .index = index, .scale = scale, .disp = disp };
}
static inline struct Rm rm_at(const void *target)
{
	return (struct Rm){ .reg = NOREG, .base = RIP_RELATIVE, .index = NOREG, .target = target };
}

static inline uint32_t asm_offset(const struct Asm *as) { return as->p - as->start; }

/* Makes sure that one instruction fits; all emitters below begin with it. */
static inline void asm_room(struct Asm *as)
{
	if (as->end - as->p < 32) {
		as->overflow = true;
		as->p = as->start;
	}
}
static inline void asm_8(struct Asm *as, uint8_t v) { *as->p++ = v; }
static inline void asm_32(struct Asm *as, uint32_t v) { memcpy(as->p, &v, 4); as->p += 4; }
static inline void asm_64(struct Asm *as, uint64_t v) { memcpy(as->p, &v, 8); as->p += 8; }

/* Appends a 32-bit relative field. */
static inline void asm_fix(struct Asm *as, enum FixTarget kind, uint64_t target, unsigned trail)
{
	struct Fixes *f = as->fixes;
	if (f->n == MAX_FIXES) {
		f->full = true;
		f->n = 0;
	}
	f->fix[f->n++] = (struct Fix){ asm_offset(as), as->cold, trail, kind, target };
	asm_32(as, 0);
}

/* ModRM, SIB and displacement. */
static inline void asm_modrm(struct Asm *as, unsigned reg, struct Rm rm, unsigned trail)
{
	reg = (reg & 7) << 3;
	if (rm.reg != NOREG) {
		asm_8(as, 0xc0 | reg | (rm.reg & 7));
	} else if (rm.base == RIP_RELATIVE) {
		asm_8(as, reg | 5);
		asm_fix(as, FIX_ABSOLUTE, (uintptr_t)rm.target, trail);
	} else if (rm.base == NOREG) {
		asm_8(as, reg | 4);
		asm_8(as, rm.scale << 6 | (rm.index == NOREG ? 4 : rm.index & 7) << 3 | 5);
		asm_32(as, rm.disp);
	} else {
		unsigned mod = rm.disp == 0 && (rm.base & 7) != RBP ? 0 : rm.disp == (int8_t)rm.disp ? 0x40 : 0x80;
		if (rm.index != NOREG || (rm.base & 7) == RSP) {
			asm_8(as, mod | reg | 4);
			asm_8(as, rm.scale << 6 | (rm.index == NOREG ? 4 : rm.index & 7) << 3 | (rm.base & 7));
		} else {
			asm_8(as, mod | reg | (rm.base & 7));
		}
		if (mod == 0x40)
			asm_8(as, rm.disp);
		else if (mod == 0x80)
			asm_32(as, rm.disp);
	}
}

static inline unsigned rm_rex(struct Rm rm)
{
	if (rm.reg != NOREG)
		return rm.reg >> 3 & 1;
	return (rm.index > 7 ? 2 : 0) | (rm.base > 7 ? 1 : 0);
}

/* An instruction with a ModRM byte; TRAIL immediate bytes will follow. */
static inline void asm_op(struct Asm *as, unsigned op, unsigned reg, struct Rm rm, unsigned trail)
{
	static const uint8_t prefix[4] = { 0, 0x66, 0xf3, 0xf2 };
	asm_room(as);
	if (op & X_F2)
		asm_8(as, prefix[op >> 11 & 3]);
	unsigned rex = (op & X_W ? 8 : 0) | (reg > 7 ? 4 : 0) | rm_rex(rm);
	if (rex || (op & X_BYTE && reg > RBX) || (op & X_BYTERM && rm.reg > RBX))
		asm_8(as, 0x40 | rex);
	unsigned map = op >> 9 & 3;
	if (map)
		asm_8(as, 0x0f);
	if (map > 1)
		asm_8(as, map == 2 ? 0x38 : 0x3a);
	asm_8(as, op);
	asm_modrm(as, reg, rm, trail);
}

/* The same with VEX encoding and a third register. */
static inline void asm_vex(struct Asm *as, unsigned op, unsigned reg, unsigned vvvv, struct Rm rm, unsigned trail)
{
	asm_room(as);
	unsigned rex = rm_rex(rm), map = op >> 9 & 3, pp = op >> 11 & 3;
	unsigned low = (~vvvv & 15) << 3 | pp;
	if (map == 1 && !(op & X_W) && !rex) {
		asm_8(as, 0xc5);
		asm_8(as, (reg > 7 ? 0 : 0x80) | low);
	} else {
		asm_8(as, 0xc4);
		asm_8(as, (reg > 7 ? 0 : 0x80) | (rex & 2 ? 0 : 0x40) | (rex & 1 ? 0 : 0x20) | map);
		asm_8(as, (op & X_W ? 0x80 : 0) | low);
	}
	asm_8(as, op);
	asm_modrm(as, reg, rm, trail);
}

/* W below is X_W or 0: 64-bit or 32-bit (zero-extending) operands. */
static inline void asm_mov_load(struct Asm *as, unsigned w, int d, struct Rm rm) { asm_op(as, 0x8b | w, d, rm, 0); }
static inline void asm_mov_store(struct Asm *as, unsigned w, struct Rm rm, int s) { asm_op(as, 0x89 | w, s, rm, 0); }
static inline void asm_mov(struct Asm *as, int d, int s)
{
	if (d != s)
		asm_op(as, 0x8b | X_W, d, rm_reg(s), 0);
}
static inline void asm_lea(struct Asm *as, unsigned w, int d, struct Rm rm) { asm_op(as, 0x8d | w, d, rm, 0); }

/* d = value, leaving the flags alone. */
static inline void asm_mov_imm(struct Asm *as, int d, uint64_t value)
{
	asm_room(as);
	if (value == (uint32_t)value) {
		if (d > 7)
			asm_8(as, 0x41);
		asm_8(as, 0xb8 | (d & 7));
		asm_32(as, value);
	} else if ((int64_t)value == (int32_t)value) {
		asm_op(as, 0xc7 | X_W, 0, rm_reg(d), 4);
		asm_32(as, value);
	} else {
		asm_8(as, 0x48 | (d > 7));
		asm_8(as, 0xb8 | (d & 7));
		asm_64(as, value);
	}
}

static inline void asm_alu(struct Asm *as, enum Alu alu, unsigned w, int d, struct Rm s) { asm_op(as, (alu * 8 + 3) | w, d, s, 0); }
static inline void asm_alu_store(struct Asm *as, enum Alu alu, unsigned w, struct Rm d, int s) { asm_op(as, (alu * 8 + 1) | w, s, d, 0); }
static inline void asm_alu_imm(struct Asm *as, enum Alu alu, unsigned w, struct Rm d, int32_t imm)
{
	if (imm == (int8_t)imm) {
		asm_op(as, 0x83 | w, alu, d, 1);
		asm_8(as, imm);
	} else if (d.reg == RAX) {
		asm_room(as);
		if (w)
			asm_8(as, 0x48);
		asm_8(as, alu * 8 + 5);
		asm_32(as, imm);
	} else {
		asm_op(as, 0x81 | w, alu, d, 4);
		asm_32(as, imm);
	}
}
/* d = 0; changes the flags. */
static inline void asm_zero(struct Asm *as, int d) { asm_op(as, 0x31, d, rm_reg(d), 0); }

/* Group opcodes: DIGIT selects (shift group: 0 rol, 1 ror, 4 shl, 5 shr, 7 sar). */
static inline void asm_shift_imm(struct Asm *as, unsigned digit, unsigned w, struct Rm d, unsigned count)
{
	if (count == 1) {
		asm_op(as, 0xd1 | w, digit, d, 0);
	} else {
		asm_op(as, 0xc1 | w, digit, d, 1);
		asm_8(as, count);
	}
}

static inline void asm_jump(struct Asm *as, enum FixTarget kind, uint64_t target)
{
	asm_room(as);
	asm_8(as, 0xe9);
	asm_fix(as, kind, target, 0);
}
static inline void asm_call(struct Asm *as, enum FixTarget kind, uint64_t target)
{
	asm_room(as);
	asm_8(as, 0xe8);
	asm_fix(as, kind, target, 0);
}
static inline void asm_jcc(struct Asm *as, enum Cc cc, enum FixTarget kind, uint64_t target)
{
	asm_room(as);
	asm_8(as, 0x0f);
	asm_8(as, 0x80 | cc);
	asm_fix(as, kind, target, 0);
}
/* A short forward jump, to be ended by asm_here(). */
static inline uint8_t *asm_jcc_short(struct Asm *as, enum Cc cc)
{
	asm_room(as);
	asm_8(as, 0x70 | cc);
	asm_8(as, 0);
	return as->p;
}
static inline uint8_t *asm_jump_short(struct Asm *as)
{
	asm_room(as);
	asm_8(as, 0xeb);
	asm_8(as, 0);
	return as->p;
}
static inline void asm_here(struct Asm *as, uint8_t *jump)
{
	if (!as->overflow)
		jump[-1] = as->p - jump;
}

/* N bytes (0 .. 9) of no operation. */
static inline void asm_nop(struct Asm *as, unsigned n)
{
	static const uint8_t nops[9][9] = {
		{ 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0 }, { 0x0f, 0x1f, 0x40, 0 }, { 0x0f, 0x1f, 0x44, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0, 0 }, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
	};
	asm_room(as);
	if (n) {
		memcpy(as->p, nops[n - 1], n);
		as->p += n;
	}
}

#endif
