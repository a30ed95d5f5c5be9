/* SPDX-License-Identifier: MIT */
/* The interpreter's program: what emit makes of a unit and enter runs. */
#ifndef FORERUN_INTERP_H
#define FORERUN_INTERP_H

#include <stddef.h>
#include <stdint.h>

#include "translator/host/host.h"

/* Where an operand lies: the low two bits choose a base, the rest is the byte offset from it (all are multiples of 4). */
enum { IN_CPU, IN_TEMPS, IN_CONSTS, IN_SELF, BASES };
enum { BASE_MASK = 3, TEMP_SIZE = 16 };

/* Opcodes: the rows of ops.def, twice: in IR_I64 (also all that have no narrower form) and in IR_I32/IR_F32. Then our own. */
enum Code {
#define OP(name, result, args, flags) CODE_##name, CODE_##name##_32,
#include "translator/ops.def"
#undef OP
	CODE_LOAD_128, CODE_STORE_128, CODE_MOV_128,
	CODE_SET_PC,            /* Cpu.pc = x: an instruction that follows may observe it */
	CODE_CLEAR,             /* the 8 bytes at d become 0 */
	CODE_COUNT
};

/* One step; programs are arrays of them in the code cache. */
struct Step {
	uint16_t code;          /* enum Code */
	uint8_t cond;           /* of the instruction */
	uint8_t spare;
	uint16_t mem;
	uint16_t op;            /* enum IrOp */
	uint32_t d, a[4];       /* operands */
	int32_t imm;            /* displacement, offset in struct Cpu, cause, or index of a step to go to */
	uint64_t x;             /* Cpu.pc, or the address of a Way or Called */
};
_Static_assert(sizeof(struct Step) == 40, "a step is five words");

/* A way out of a block to a known address. */
struct Way {
	uint64_t pc;
	const struct Program *chained;  /* of the block there, or NULL; written by Host.chain while others run */
	struct ExitSite *site;
};

/* A function to call. */
struct Called {
	void *fn;
	uint32_t nargs;
	uint32_t args[IR_MAXARGS];
};

/* What lies at Block.code. */
struct Program {
	uint32_t ntemps, nsteps;
	const uint64_t *consts;
	struct Step steps[];
};

/* emit.c, run.c: the members of host_interp */
enum EmitResult interp_emit(struct Ir *ir, struct CodeBuffer *buf, struct Block *block, struct _GString *text);
void interp_enter(struct Cpu *cpu, const struct Block *block);
bool interp_recover(struct Cpu *cpu, const struct Block *block, void *ucontext, enum Cause cause);

#endif
