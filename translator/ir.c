/* SPDX-License-Identifier: MIT */
/* Building units of the intermediate representation. */
#include "translator/ir.h"

#include <assert.h>
#include <string.h>

#include "target/guest.h"

_Static_assert((COND_EQ ^ 1) == COND_NE && (COND_LT ^ 1) == COND_GE && (COND_LTU ^ 1) == COND_GEU &&
	       (COND_LE ^ 1) == COND_GT && (COND_LEU ^ 1) == COND_GTU && (COND_ALWAYS ^ 1) == COND_NEVER,
	       "conditions come in pairs");
_Static_assert(IR_NOPS <= 256, "an operation fits Ins.op");
_Static_assert((int)IR_MAXVARS <= (int)REF_CPU && (int)REF_CPU < (int)REF_NONE && (int)REF_NONE < (int)IR_CONST, "references do not overlap");

const struct IrOpInfo ir_op_info[IR_NOPS] = {
#define OP(name, result, args, flags) [IR_##name] = { #name, #result[0], args, flags, sizeof args - 1 },
#include "translator/ops.def"
#undef OP
};

static void *more_room(struct Ir *ir, void *p, unsigned count, unsigned *cap, size_t size)
{
	*cap = *cap ? *cap * 2 : 64;
	return arena_grow(ir->arena, p, count * size, *cap * size);
}

/* Makes room for one more element of SIZE bytes in the table P of COUNT; doubles it. */
static inline void *room(struct Ir *ir, void *p, unsigned count, unsigned *cap, size_t size)
{
	return count < *cap ? p : more_room(ir, p, count, cap, size);
}

/* The classes of the globals of GUEST, which most units share. */
static const uint8_t *global_classes(const struct Guest *guest)
{
	static const struct Guest *of;
	static uint8_t class[IR_MAXGLOBALS];

	if (of != guest) {
		assert(guest->nglobals <= IR_MAXGLOBALS);
		for (unsigned i = 0; i < guest->nglobals; i++)
			class[i] = ir_type_class(guest->globals[i].type);
		of = guest;
	}
	return class;
}

/* A unit with the tables that it begins with: enough for most blocks. */
struct Start {
	struct Ir ir;
	struct Ins ins[64];
	struct IrInsn insns[32];
	struct IrExit exits[8];
	struct IrBlock blocks[2];
	uint64_t consts[32];
};

#define BEGIN_WITH(start, table) ((start)->ir.table = (start)->table, (start)->ir.table##_cap = sizeof (start)->table / sizeof *(start)->table)

struct Ir *ir_new(struct Arena *arena, const struct Guest *guest, uint64_t pc, uint32_t key)
{
	struct Start *start = arena_alloc_raw(arena, sizeof *start);
	struct Ir *ir = &start->ir;

	*ir = (struct Ir){ .nins = 0 };
	BEGIN_WITH(start, ins);
	BEGIN_WITH(start, insns);
	BEGIN_WITH(start, exits);
	BEGIN_WITH(start, blocks);
	BEGIN_WITH(start, consts);
	ir->arena = arena;
	ir->guest = guest;
	ir->pc = pc;
	ir->key = key;
	ir->round = guest->key_round ? guest->key_round(key) : ROUND_NE;
	ir->nglobals = ir->nvars = guest->nglobals;
	ir->vars_cap = ir->nvars + 64;
	ir->var_class = arena_alloc_raw(arena, ir->vars_cap);
	memcpy(ir->var_class, global_classes(guest), guest->nglobals);
	return ir;
}

Ref ir_const(struct Ir *ir, uint64_t value)
{
	/* Units have few constants and repeat the latest ones. */
	for (unsigned i = ir->nconsts; i-- > 0 && ir->nconsts - i <= 32;)
		if (ir->consts[i] == value)
			return IR_CONST | i;
	for (unsigned i = 0; i + 32 < ir->nconsts; i++)
		if (ir->consts[i] == value)
			return IR_CONST | i;
	assert(ir->nconsts < IR_MAXCONSTS);
	ir->consts = room(ir, ir->consts, ir->nconsts, &ir->consts_cap, sizeof *ir->consts);
	ir->consts[ir->nconsts] = value;
	return IR_CONST | ir->nconsts++;
}

Ref ir_temp(struct Ir *ir, enum IrClass class)
{
	assert(ir->nvars < IR_MAXVARS);
	ir->var_class = room(ir, ir->var_class, ir->nvars, &ir->vars_cap, 1);
	ir->var_class[ir->nvars] = class;
	ir->vector_temps |= class == IR_VEC;
	return ir->nvars++;
}

unsigned ir_label(struct Ir *ir)
{
	return ir->nlabels++;
}

static inline struct Ins *append(struct Ir *ir, enum IrOp op, enum IrType type)
{
	ir->ins = room(ir, ir->ins, ir->nins, &ir->ins_cap, sizeof *ir->ins);
	struct Ins *ins = &ir->ins[ir->nins++];
	*ins = (struct Ins){ .op = op, .type = type, .d = REF_NONE, .a = { REF_NONE, REF_NONE, REF_NONE, REF_NONE } };
	return ins;
}

struct Ins *ir_append(struct Ir *ir, enum IrOp op, enum IrType type)
{
	return append(ir, op, type);
}

/* The class of the value that OP defines in TYPE. */
static enum IrClass result_class(enum IrOp op, enum IrType type)
{
	char result = ir_op_info[op].result;
	return result == 'V' || (result == 'A' && ir_type_class(type) == IR_VEC) ? IR_VEC : IR_INT;
}

void ir_into1(struct Ir *ir, enum IrOp op, enum IrType type, Ref d, Ref a)
{
	struct Ins *ins = ir_append(ir, op, type);
	ins->d = d;
	ins->a[0] = a;
}

void ir_into2(struct Ir *ir, enum IrOp op, enum IrType type, Ref d, Ref a, Ref b)
{
	struct Ins *ins = ir_append(ir, op, type);
	ins->d = d;
	ins->a[0] = a;
	ins->a[1] = b;
}

Ref ir_op1(struct Ir *ir, enum IrOp op, enum IrType type, Ref a)
{
	Ref d = ir_temp(ir, result_class(op, type));
	ir_into1(ir, op, type, d, a);
	return d;
}

Ref ir_op2(struct Ir *ir, enum IrOp op, enum IrType type, Ref a, Ref b)
{
	Ref d = ir_temp(ir, result_class(op, type));
	ir_into2(ir, op, type, d, a, b);
	return d;
}

void ir_fp(struct Ir *ir, enum IrOp op, enum IrType type, enum IrRound round, Ref d, Ref a, Ref b, Ref c)
{
	struct Ins *ins = ir_append(ir, op, type);
	assert(ir_op_info[op].flags & OPF_ROUND);
	ins->cond = round;
	ins->d = d;
	ins->a[0] = a;
	ins->a[1] = b;
	ins->a[2] = c;
}

void ir_setcond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref d, Ref a, Ref b)
{
	struct Ins *ins = ir_append(ir, IR_SETCOND, type);
	ins->cond = cond;
	ins->d = d;
	ins->a[0] = a;
	ins->a[1] = b;
}

void ir_select(struct Ir *ir, enum IrType type, enum IrCond cond, Ref d, Ref a, Ref b, Ref c, Ref e)
{
	struct Ins *ins = ir_append(ir, IR_SELECT, type);
	ins->cond = cond;
	ins->d = d;
	ins->a[0] = a;
	ins->a[1] = b;
	ins->a[2] = c;
	ins->a[3] = e;
}

void ir_load(struct Ir *ir, enum IrType type, unsigned mem, Ref d, Ref addr, int32_t disp)
{
	struct Ins *ins = ir_append(ir, IR_LOAD, type);
	ins->mem = mem;
	ins->d = d;
	ins->a[0] = addr;
	ins->imm = disp;
}

void ir_store(struct Ir *ir, enum IrType type, unsigned mem, Ref addr, int32_t disp, Ref value)
{
	struct Ins *ins = ir_append(ir, IR_STORE, type);
	ins->mem = mem;
	ins->a[0] = addr;
	ins->a[1] = value;
	ins->imm = disp;
}

void ir_atomic(struct Ir *ir, enum IrOp op, enum IrType type, unsigned mem, Ref d, Ref addr, Ref b, Ref c)
{
	struct Ins *ins = ir_append(ir, op, type);
	ins->mem = mem | MEM_ATOMIC | MEM_ALIGNED;
	ins->d = d;
	ins->a[0] = addr;
	ins->a[1] = b;
	ins->a[2] = c;
}

void ir_fence(struct Ir *ir, unsigned orders)
{
	ir_append(ir, IR_FENCE, IR_I64)->cond = orders;
}

void ir_get(struct Ir *ir, unsigned mem, Ref d, uint32_t offset)
{
	struct Ins *ins = ir_append(ir, IR_GET, IR_I64);
	ins->mem = mem;
	ins->d = d;
	ins->imm = offset;
}

void ir_put(struct Ir *ir, unsigned mem, uint32_t offset, Ref value)
{
	struct Ins *ins = ir_append(ir, IR_PUT, IR_I64);
	ins->mem = mem;
	ins->a[0] = value;
	ins->imm = offset;
}

void ir_begin_block(struct Ir *ir)
{
	if (ir->nblocks && ir->blocks[ir->nblocks - 1].first == ir->ninsns)
		return;
	ir->blocks = room(ir, ir->blocks, ir->nblocks, &ir->blocks_cap, sizeof *ir->blocks);
	ir->blocks[ir->nblocks++] = (struct IrBlock){ .first = ir->ninsns };
}

static uint32_t little_endian(const uint8_t *b) { return b[0] | b[1] << 8 | b[2] << 16 | (uint32_t)b[3] << 24; }
static uint32_t big_endian(const uint8_t *b) { return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]; }

void ir_mark(struct Ir *ir, uint64_t pc, const void *bytes, unsigned length)
{
	if (!ir->nblocks)
		ir_begin_block(ir);
	ir->insns = room(ir, ir->insns, ir->ninsns, &ir->insns_cap, sizeof *ir->insns);
	struct IrInsn *insn = &ir->insns[ir->ninsns];
	*insn = (struct IrInsn){ .pc = pc, .length = length };
	assert(length <= sizeof insn->bytes);
	memcpy(insn->bytes, bytes, length);
	if (length <= 4)
		insn->opcode = ir->guest->elf_data == 2 ? big_endian(insn->bytes) >> (32 - 8 * length) : little_endian(insn->bytes);
	append(ir, IR_MARK, IR_I64)->imm = ir->ninsns++;
}

void ir_poll(struct Ir *ir)
{
	ir_append(ir, IR_POLL, IR_I64);
}

void ir_emit_label(struct Ir *ir, unsigned label)
{
	ir_append(ir, IR_LABEL, IR_I64)->imm = label;
}

void ir_br(struct Ir *ir, unsigned label)
{
	ir_append(ir, IR_BR, IR_I64)->imm = label;
}

/* Appends a branch or exit that compares. */
static struct Ins *conditional(struct Ir *ir, enum IrOp op, enum IrType type, enum IrCond cond, Ref a, Ref b)
{
	struct Ins *ins = ir_append(ir, op, type);
	ins->cond = cond;
	ins->a[0] = a;
	ins->a[1] = b;
	return ins;
}

void ir_brcond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref a, Ref b, unsigned label)
{
	conditional(ir, IR_BRCOND, type, cond, a, b)->imm = label;
}

/* Adds a row to the unit's exits and returns its index. */
static unsigned add_exit(struct Ir *ir, uint64_t pc, enum IrExitHint hint, uint64_t link)
{
	ir->exits = room(ir, ir->exits, ir->nexits, &ir->exits_cap, sizeof *ir->exits);
	ir->exits[ir->nexits] = (struct IrExit){ .pc = pc, .link = link, .hint = hint };
	return ir->nexits++;
}

unsigned ir_exit_again(struct Ir *ir, unsigned exit)
{
	const struct IrExit of = ir->exits[exit];

	return add_exit(ir, of.pc, of.hint, of.link);
}

void ir_exit(struct Ir *ir, uint64_t pc, enum IrExitHint hint, uint64_t link)
{
	ir_append(ir, IR_EXIT, IR_I64)->imm = add_exit(ir, pc, hint, link);
}

void ir_exit_cond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref a, Ref b, uint64_t pc)
{
	conditional(ir, IR_EXITCOND, type, cond, a, b)->imm = add_exit(ir, pc, EXIT_JUMP, 0);
}

void ir_exit_indirect(struct Ir *ir, Ref target, enum IrExitHint hint, uint64_t link)
{
	struct Ins *ins = ir_append(ir, IR_EXITIND, IR_I64);
	ins->a[0] = target;
	ins->imm = add_exit(ir, 0, hint, link);
}

void ir_raise(struct Ir *ir, unsigned cause)
{
	ir_append(ir, IR_RAISE, IR_I64)->imm = cause;
}

struct IrCall *ir_call(struct Ir *ir, Ref d, void *fn, const char *name, unsigned flags, unsigned nargs, const Ref *args)
{
	assert(nargs <= IR_MAXARGS);
	ir->calls = room(ir, ir->calls, ir->ncalls, &ir->calls_cap, sizeof *ir->calls);
	struct IrCall *call = &ir->calls[ir->ncalls];
	*call = (struct IrCall){ .fn = fn, .name = name, .flags = flags, .nargs = nargs };
	if (flags & (IRC_WRITES | IRC_RAISES))
		call->flags |= IRC_READS;
	for (unsigned i = 0; i < nargs; i++)
		call->args[i] = args[i];
	struct Ins *ins = ir_append(ir, IR_CALL, IR_I64);
	ins->imm = ir->ncalls++;
	ins->d = d;
	ins->cond = COND_ALWAYS;
	return call;
}

unsigned ir_uses(struct Ir *ir, struct Ins *ins, Ref *uses[4 + IR_MAXARGS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++)
		if (ref_is_var(ins->a[i]) || ref_is_const(ins->a[i]))
			uses[n++] = &ins->a[i];
	if (ins->op == IR_CALL) {
		struct IrCall *call = &ir->calls[ins->imm];
		for (unsigned i = 0; i < call->nargs; i++)
			if (ref_is_var(call->args[i]) || ref_is_const(call->args[i]))
				uses[n++] = &call->args[i];
	}
	return n;
}

bool ir_observes(const struct Ir *ir, const struct Ins *ins)
{
	if (ir_op_info[ins->op].flags & OPF_FAULT)
		return true;
	switch (ins->op) {
	case IR_POLL:
	case IR_HEAT:
	case IR_RAISE:
		return true;
	case IR_CALL:
		return ir->calls[ins->imm].flags & (IRC_READS | IRC_WRITES | IRC_RAISES);
	default:
		return false;
	}
}

void ir_drop_unreachable(struct Ir *ir)
{
	bool *wanted = arena_alloc(ir->arena, ir->nlabels), changed = true;

	memset(wanted, 0, ir->nlabels);
	while (changed) {
		bool reached = true;
		changed = false;
		for (unsigned i = 0; i < ir->nins; i++) {
			const struct Ins *ins = &ir->ins[i];
			if (ins->op == IR_LABEL)
				reached |= wanted[ins->imm];
			if (reached && (ins->op == IR_BR || ins->op == IR_BRCOND) && !wanted[ins->imm])
				wanted[ins->imm] = changed = true;
			if (ir_op_info[ins->op].flags & OPF_EXIT)
				reached = false;
		}
	}
	bool reached = true;
	unsigned n = 0;
	struct Ins mark = { .op = IR_LABEL };   /* the last MARK that was dropped, or none */
	for (unsigned i = 0; i < ir->nins; i++) {
		struct Ins ins = ir->ins[i];
		if (ins.op == IR_LABEL) {
			if (!wanted[ins.imm])
				continue;
			/* what follows belongs to the last mark, reachable or not */
			if (!reached && mark.op == IR_MARK)
				ir->ins[n++] = mark;
			reached = true;
		}
		if (reached)
			ir->ins[n++] = ins;
		else if (ins.op == IR_MARK)
			mark = ins;
		if (reached && ir_op_info[ins.op].flags & OPF_EXIT) {
			reached = false;
			mark.op = IR_LABEL;
		}
	}
	ir->nins = n;
}
