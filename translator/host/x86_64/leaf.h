/* SPDX-License-Identifier: MIT */
/* Machine code of short functions, read so that it can be emitted in place of a call.
 *
 * A leaf is straight-line code up to its `ret`, made of the forms that compilers use for small functions: moves, integer arithmetic,
 * memory operands relative to rip, fs or a register. It uses no stack, no register that calls keep, no vector register, and calls and jumps
 * nowhere. Emitted with its registers renamed, and with those of the arguments that it reads in place, it does what the call does, except
 * that registers other than the result are not changed. */
#ifndef FORERUN_X86_64_LEAF_H
#define FORERUN_X86_64_LEAF_H

#include "translator/host/x86_64/assembler.h"

enum { LEAF_INSNS = 12, LEAF_BYTES = 96 };
enum { LEAF_LOCK = 1, LEAF_FS = 2, LEAF_16 = 4, LEAF_MOV_IMM = 8 };

struct LeafInsn {
	uint32_t op;                    /* as asm_op() takes it; LEAF_MOV_IMM: the register RM gets IMM, whatever its size */
	uint8_t prefixes;               /* LEAF_* */
	uint8_t reg;                    /* register or digit */
	bool digit;                     /* REG is no register */
	uint8_t imm_size;               /* bytes of IMM behind the instruction */
	int64_t imm;
	struct Rm rm;                   /* registers are the function's own */
	uint16_t reads, writes;         /* registers, bit by number */
	bool effect;                    /* does more than writing WRITES */
	bool memory;                    /* accesses RM as memory */
};

struct Leaf {
	bool good;                      /* it is a leaf, else nothing below means anything */
	bool constant;                  /* it does nothing but return VALUE */
	bool adds;                      /* all it does is adding constants and arguments to cells at fixed addresses, see x86_leaf_addend() */
	bool memory;                    /* it accesses memory */
	uint64_t value;
	uint16_t reads, writes;         /* registers whose values at entry it reads, those it writes */
	unsigned n;
	struct LeafInsn insn[LEAF_INSNS];       /* what it does, without what has no effect for a caller that wants no result */
};

/* What the function at FN does. The answer stays valid until the next call. Under the translation lock. */
const struct Leaf *x86_leaf(const void *fn);
/* Of an instruction of Leaf.adds: what it adds to the cell at RM.target, of 8 bytes if the op has X_W, else of 4; without DIGIT, how many times its
 * register REG, which is an argument's. */
int64_t x86_leaf_addend(const struct LeafInsn *insn);
/* Whether all addresses that are relative to rip can be reached from code near FROM. */
bool x86_leaf_reachable(const struct Leaf *leaf, const void *from);
/* Appends the leaf; MAP gives for each register of the function the one to use. */
void x86_leaf_emit(struct Asm *as, const struct Leaf *leaf, const int8_t map[NREGS]);

#endif
