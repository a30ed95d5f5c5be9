/* SPDX-License-Identifier: MIT */
/* What the passes of the optimiser share; see optimise.c. */
#ifndef FORERUN_OPTIMISE_H
#define FORERUN_OPTIMISE_H

#include <string.h>

#include "translator/ir.h"

/* What is known of a variable. */
struct Known {
	uint32_t version;
	uint32_t epoch;                 /* of Optimiser.epoch when the rest was written down; another: nothing is known */
	Ref copy;                       /* holds the same value in its low copy_bits, or REF_NONE */
	uint8_t copy_bits;
	uint8_t unsigned_width;         /* where there is a definition: how many low bits of the integer can be other than 0; 0: the definition tells */
	uint8_t signed_width;           /* then also: into how many bits, sign included, it fits */
	uint32_t copy_version;
	uint32_t def;                   /* index of the defining instruction, or NOWHERE */
	uint32_t def_versions[2];       /* of its first two operands then */
};

/* In a definition: the operand is what the variable defined held before. */
enum { REF_FORMER = 0x7ffd };

/* A shift by a constant; with a complementary one of the same value, the results put together are the value turned round. */
struct Shift {
	uint32_t index;                 /* of the instruction, or NOWHERE */
	uint32_t other;                 /* of the complementary one, or NOWHERE */
	Ref turned;                     /* the result of turning, computed ahead */
	uint32_t version, epoch;        /* of the value then */
};

/* A quotient, remainder or half of a product that has been computed ahead, with the other one. */
struct Twin {
	struct Ins ins;                 /* its result is in a temporary */
	uint32_t versions[2], epoch;
};

enum { SHIFTS = 8, TWINS = 4, PARTNER_MAX = 24, AHEAD_LEAST = 32 /* instructions there is room for to compute ahead */, NOWHERE = UINT32_MAX };

struct Optimiser {
	struct Ir *ir;
	struct Known *known;            /* by variable */
	unsigned nknown;                /* how many there is room for */
	uint32_t epoch;
	bool counts;                    /* something is added to a counter */
	const struct Ins *from, *end;   /* the current instruction as it stands in the unit as it was, and the end of that */
	struct Meeting *meetings;       /* by label */
	const Ref *constants;           /* ir_constants() if the unit has a loop, else NULL */
	unsigned out;                   /* Ir.nins while Ir.ins is written anew */
	uint32_t last;                  /* index of the last instruction written if it overwrites an operand and nothing but marks is behind it, else NOWHERE */
	struct Known former;            /* what was known of its result before */
	Ref absorbing;                  /* the result of the current instruction if that is also the last one's, and read by it only; else REF_NONE */
	struct Ins absorbed;            /* the last one, as definition() shows it */
	struct Shift shifts[SHIFTS];    /* the latest */
	struct Twin twins[TWINS];       /* likewise */
	unsigned next_shift, next_twin;
};

static inline uint32_t version_of(const struct Optimiser *o, Ref r)
{
	return ref_is_var(r) ? o->known[r].version : 0;
}

/* What is known of the condition of INS: 0, 1; else -1. */
int optimise_known_cond(const struct Optimiser *o, const struct Ins *ins);

/* fold.c: makes the current instruction INS simpler, by what is known; may change the one before, and add some ahead. */
void optimise_fold(struct Optimiser *o, struct Ins *ins);
/* The widths of what INS defines go to K. Only of those operations for which they depend on the operands, which INS may overwrite. */
void optimise_learn_widths(const struct Optimiser *o, const struct Ins *ins, struct Known *k);

/* -- what rules are made of (fold.c) */
/* Makes INS another one, with its result; true. */
bool optimise_become(struct Ins *ins, enum IrOp op, enum IrType type, Ref a, Ref b);
unsigned optimise_unsigned_width(const struct Optimiser *o, Ref r);     /* how many low bits of the integer R can be other than 0 */
unsigned optimise_signed_width(const struct Optimiser *o, Ref r);       /* into how many bits, sign included, it fits */
void optimise_know_width(struct Optimiser *o, Ref t, unsigned width);   /* temporary T, just computed ahead, has no more than WIDTH low bits other than 0 */
/* Whether there is room for COUNT instructions ahead of the current one. The unit is optimised in place as long as none is. */
bool optimise_has_room(struct Optimiser *o, unsigned count);
Ref optimise_temp(struct Optimiser *o);                                 /* a new one, which takes one of that room */
Ref optimise_ahead(struct Optimiser *o, enum IrOp op, enum IrType type, Ref a, Ref b);  /* has OP computed before the current instruction; the result */
void optimise_write_ahead(struct Optimiser *o, const struct Ins *ins);  /* likewise INS, which is pure */
/* What computed before what INS does, and still holds it, or NULL; and notes that INS, whose result is a temporary, did. */
const struct Ins *optimise_find_twin(const struct Optimiser *o, const struct Ins *ins);
void optimise_add_twin(struct Optimiser *o, const struct Ins *ins);

/* A rule: whether it has changed INS. */
typedef bool OptimiserRule(struct Optimiser *o, struct Ins *ins);
OptimiserRule optimise_divide;          /* fold_divide.c: by constants */

enum {
	OPS_WITH_WIDTHS = 1 << IR_MOV | 1 << IR_AND | 1 << IR_OR | 1 << IR_XOR | 1 << IR_ANDN | 1 << IR_NOT | 1 << IR_SHR | 1 << IR_SAR,
};
_Static_assert(IR_MOV < 31 && IR_AND < 31 && IR_OR < 31 && IR_XOR < 31 && IR_ANDN < 31 && IR_NOT < 31 && IR_SHR < 31 && IR_SAR < 31, "bits of an int");

static inline void optimise_learn_copy(const struct Optimiser *o, const struct Ins *ins, struct Known *k)
{
	Ref from = ins->a[0];

	if (from == ins->d || ins->type == IR_I32)
		return;
	/* a guest register is as near as the temporary it came from, and the temporary may end here */
	if (ir_is_global(o->ir, ins->d) && ref_is_var(from) && !ir_is_global(o->ir, from))
		return;
	k->copy = from;
	k->copy_bits = ins->type == IR_F32 ? 32 : ins->type == IR_V128 ? 128 : 64;
	k->copy_version = version_of(o, from);
}

/* INS, written at INDEX, has assigned its result. */
static inline void optimise_learn(struct Optimiser *o, const struct Ins *ins, uint32_t index)
{
	if (ins->d == REF_NONE)
		return;
	struct Known *k = &o->known[ins->d];
	uint32_t versions[2] = { version_of(o, ins->a[0]), version_of(o, ins->a[1]) };

	if ((ins->op < 31 && OPS_WITH_WIDTHS >> ins->op & 1) || ins->op == IR_SELECT)
		optimise_learn_widths(o, ins, k);
	else
		k->unsigned_width = 0;
	k->version++;
	k->epoch = o->epoch;
	k->copy = REF_NONE;
	k->def = ir_op_info[ins->op].flags & OPF_PURE || (ins->op == IR_LOAD && ir_type_class(ins->type) == IR_INT) ? index : NOWHERE;
	memcpy(k->def_versions, versions, sizeof versions);
	if (ins->op == IR_MOV)
		optimise_learn_copy(o, ins, k);
}

#endif
