/* SPDX-License-Identifier: MIT */
/* Short functions that can be copied into translated code instead of being called. Of such a callback the machine code is read: straight-line code of moves and
 * integer arithmetic on registers that calls may change, and on memory. It may save and restore the registers that calls keep, have a small frame, and call functions
 * whose effects are known (translator/intrinsic.h). Emitted with its registers renamed, it does what the call does, except that registers are
 * not changed. */
#ifndef FORERUN_X86_64_LEAF_H
#define FORERUN_X86_64_LEAF_H

#include "target/guest.h"
#include "translator/host/x86_64/assembler.h"
#include "translator/ir.h"

enum { LEAF_INSNS = 64, LEAF_BYTES = 256, LEAF_GUARDS = 10, LEAF_SLOTS = 4 };
enum { LEAF_LOCK = 1, LEAF_FS = 2, LEAF_16 = 4, LEAF_MOV_IMM = 8 };

/* Registers beside the function's own: its arguments, and the guest registers of Leaf.state; none of them is written. */
enum { LEAF_ARG = NREGS, LEAF_STATE = LEAF_ARG + IR_MAXARGS, LEAF_REGS = LEAF_STATE + IR_MAXARGS };
/* Bases of memory operands: the displacement is from struct Cpu, or from the stack pointer at entry. */
enum { LEAF_CPU = -3, LEAF_FRAME = -4 };
/* Bytes below the stack pointer at entry that may be used as memory. */
enum { LEAF_FRAME_SIZE = sizeof((struct Cpu *)0)->spill };

struct LeafInsn {
	uint32_t op;                    /* as asm_op() takes it; LEAF_MOV_IMM: the register RM gets IMM, whatever its size */
	uint8_t prefixes;               /* LEAF_* */
	uint8_t reg;                    /* register or digit */
	bool digit;                     /* REG is no register */
	uint8_t reg_use, rm_use;        /* what is done with the operands: LEAF_READS, LEAF_WRITES */
	uint8_t imm_size;               /* bytes of IMM behind the instruction */
	int64_t imm;
	struct Rm rm;                   /* registers are the function's own, or those above */
	uint32_t reads, writes;         /* registers, bit by number */
	bool effect;                    /* does more than writing WRITES */
	bool memory;                    /* accesses RM as memory */
	bool frame;                     /* makes an address of the frame, which nobody but dead code may use */
	bool flags_used;                /* somebody looks at the flags behind it */
};
enum { LEAF_READS = 1, LEAF_WRITES = 2 };

/* Memory that held VALUE when the code was read. Where it does not when the body runs, the function is to be called. */
struct LeafGuard {
	const void *addr;
	uint64_t value;
	uint8_t size;                   /* 4 or 8 */
};

struct Leaf {
	bool good;                      /* it is a leaf, else nothing below means anything */
	bool constant;                  /* it does nothing but return VALUE */
	bool adds;                      /* all it does is adding constants and arguments to cells at fixed addresses, see x86_leaf_addend() */
	bool fixed;                     /* it accesses no memory but at fixed addresses, and of the cpu */
	bool memory;                    /* it accesses memory */
	bool calls;                     /* the code calls functions: it is no leaf but as follows */
	uint8_t cpu_args, index_args;   /* arguments that must be the struct Cpu of the cpu at work, and its index, by position */
	uint8_t nstates, nguards, nslots;
	const struct Register *state[IR_MAXARGS];       /* guest registers that it reads */
	struct LeafGuard guard[LEAF_GUARDS];            /* to be looked at in this order */
	struct LeafGuard slot[LEAF_SLOTS];              /* words through which it calls, as the dynamic linker has set them */
	uint64_t value;
	uint32_t reads, writes;         /* registers whose values at entry it reads, those it writes */
	unsigned n;
	struct LeafInsn insn[LEAF_INSNS];       /* what it does, without what has no effect for a caller that wants no result */
};

/* What the function at FN does. The answer is never freed, and does not change. Under the translation lock. */
const struct Leaf *x86_leaf(const void *fn);

/* One instruction at P but `ret`, calls and what works on the stack pointer. Returns its end, or NULL if leaves have no such. Reads nothing beyond it: the function may
 * end with its page. */
const uint8_t *x86_leaf_decode(const uint8_t *p, struct LeafInsn *insn);
/* Sets `reads`, `writes`, `memory` and `effect` from the other members. */
void x86_leaf_note_uses(struct LeafInsn *insn);
/* Bytes of the operand RM. */
unsigned x86_leaf_size(const struct LeafInsn *insn);

/* Whether INSN adds a constant or an argument to a cell at a fixed address or of the cpu. */
bool x86_leaf_is_addition(const struct LeafInsn *insn);
/* Of such an instruction: what it adds to the cell at RM.target, of 8 bytes if the op has X_W, else of 4; without DIGIT, how many times its
 * register REG. */
int64_t x86_leaf_addend(const struct LeafInsn *insn);

#endif
