/* SPDX-License-Identifier: MIT */
/* Calls from translated code to C: in line with the caller-saved registers put away, or out of line with all registers kept. */
#include "translator/host/x86_64/backend.h"

static void fp_out(struct Gen *g)
{
	asm_op(g->as, 0xae | X_0F, 3, CPU_MEM(host_fp), 0);
	asm_op(g->as, 0xae | X_0F, 2, CPU_MEM(host_fp_outer), 0);
}

static void fp_in(struct Gen *g)
{
	struct Rm top = CPU_MEM(host_fp);

	asm_op(g->as, 0xae | X_0F, 2, CPU_MEM(host_fp), 0);
	top.disp += 3;
	asm_op(g->as, 0x80, ALU_OR, top, 1);
	asm_8(g->as, FP_INSIDE >> 24);
}

static bool switches_fp(const struct IrCall *call) { return call->flags & (IRC_FP | IRC_RAISES); }
static bool reads_globals(const struct IrCall *call) { return call->flags & (IRC_READS | IRC_WRITES | IRC_RAISES); }

/* The callee may have changed every global. */
static void forget_values(struct Gen *g)
{
	for (unsigned v = 0; v < g->ir->nglobals; v++)
		g->var[v].know = g->var[v].loose = 0;
}

/* -- out of line ------------------------------------------------------------------------------------------------------------------- */

static struct Rm spill_mem(unsigned i)
{
	struct Rm rm = CPU_MEM(spill[0]);
	rm.disp += 8 * i;
	return rm;
}

/* Leaves rax clobbered until the call. */
static void pass_saved(struct Gen *g, const struct CallArg *args, unsigned nargs)
{
	asm_mov_store(g->as, X_W, spill_mem(7), RAX);
	for (unsigned i = 0; i < nargs; i++)
		if (args[i].kind == ARG_INT)
			asm_mov_store(g->as, X_W, spill_mem(i), args[i].reg);
		else if (args[i].kind == ARG_VEC && x86_features & HAS_AVX)
			asm_vex(g->as, 0x11 | X_0F | X_F2, args[i].reg, 0, spill_mem(i), 0);
		else if (args[i].kind == ARG_VEC)
			asm_op(g->as, 0x11 | X_0F | X_F2, args[i].reg, spill_mem(i), 0);
	for (unsigned i = 0; i < nargs; i++) {
		if (args[i].kind == ARG_VALUE && args[i].value == (uint64_t)(int64_t)(int32_t)args[i].value) {
			asm_op(g->as, 0xc7 | X_W, 0, spill_mem(i), 4);
			asm_32(g->as, args[i].value);
			continue;
		}
		if (args[i].kind == ARG_CPU)
			asm_lea(g->as, X_W, RAX, cpu_mem(0));
		else if (args[i].kind == ARG_VALUE)
			asm_mov_imm(g->as, RAX, args[i].value);
		else if (args[i].kind == ARG_MEM)
			asm_mov_load(g->as, args[i].narrow ? 0 : X_W, RAX, args[i].mem);
		else
			continue;
		asm_mov_store(g->as, X_W, spill_mem(i), RAX);
	}
}

static void call_thunk(struct Gen *g, const void *fn)
{
	asm_mov_imm(g->as, RAX, (uintptr_t)fn);
	asm_call(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.call_saved);
	x86_record(g, RECORD_CALL);
}

void x86_call_saved(struct Gen *g, const void *fn, const struct CallArg *args, unsigned nargs)
{
	pass_saved(g, args, nargs);
	call_thunk(g, fn);
}

void x86_call_outside(struct Gen *g, const void *fn, const struct CallArg *args, unsigned nargs)
{
	pass_saved(g, args, nargs);
	fp_out(g);
	call_thunk(g, fn);
	fp_in(g);
}

static void set_mark(struct Gen *g, const struct IrCall *call, uint8_t mark)
{
	if (!call->mark)
		return;
	asm_op(g->as, 0xc6, 0, CPU_MEM(in_probe), 1);
	asm_8(g->as, mark);
}

void x86_emit_cold_call(struct Gen *g, const unsigned *jumps, unsigned njumps, const struct IrCall *call)
{
	struct CallArg args[IR_MAXARGS];
	unsigned nargs = call->nargs - call->nstates;

	x86_begin_cold(g);
	for (unsigned i = 0; i < njumps; i++)
		x86_cold_here(g, jumps[i]);
	x86_flush_collectors(g);
	for (unsigned i = 0; i < nargs; i++) {
		Ref r = call->args[i];
		if (call->index_args >> i & 1)
			args[i] = (struct CallArg){ .kind = ARG_MEM, .mem = CPU_MEM(index), .narrow = true };
		else if (r == REF_CPU)
			args[i] = (struct CallArg){ .kind = ARG_CPU };
		else if (ref_is_const(r))
			args[i] = (struct CallArg){ .kind = ARG_VALUE, .value = ir_value(g->ir, r) };
		else if (g->var[r].reg != NOREG)
			args[i] = (struct CallArg){ .kind = ARG_INT, .reg = g->var[r].reg };
		else
			args[i] = (struct CallArg){ .kind = ARG_MEM, .mem = x86_var_mem(g, r) };
	}
	if (reads_globals(call)) {
		x86_store_all(g);
		x86_store_pc(g, false);
	}
	pass_saved(g, args, nargs);
	set_mark(g, call, call->mark);
	if (switches_fp(call))
		fp_out(g);
	call_thunk(g, call->fn);
	if (switches_fp(call))
		fp_in(g);
	set_mark(g, call, 0);
	if (call->body) {
		asm_op(g->as, 0xc6, 0, CPU_MEM(unsure), 1);
		asm_8(g->as, 1);
	}
	if (call->flags & IRC_WRITES)
		for (unsigned class = 0; class < 2; class++)
			for (int r = 0; r < 16; r++) {
				uint16_t v = g->owner[class][r];
				if (v != NOBODY && ir_is_global(g->ir, v))
					x86_load_var(g, v, r);
			}
	x86_back(g);
	x86_end_cold(g);
	if (call->flags & IRC_WRITES)
		forget_values(g);
	if (reads_globals(call))
		g->pc_stored = 0;
}

static void emit_conditional(struct Gen *g, struct Ins *ins, const struct IrCall *call)
{
	if (call->flags & IRC_WRITES)   /* the way past the call must agree with the one behind it */
		x86_exact_all(g);
	x86_collect_additions(g);
	enum Cc cc = x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]);
	unsigned jump = x86_jcc_cold(g, cc);
	x86_emit_cold_call(g, &jump, 1, call);
}

void x86_emit_heat(struct Gen *g, struct Ins *ins)
{
	g->checked = NULL;      /* plugins are called for a new translation */
	x86_collect_additions(g);
	asm_op(g->as, 0x81, 0, cpu_mem(ins->imm), 4);
	asm_32(g->as, translator.heat_step);
	unsigned jump = x86_jcc_cold(g, CC_B);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	x86_flush_collectors(g);
	x86_store_all(g);
	asm_call(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.hot);
	x86_record(g, RECORD_CALL);
	x86_back(g);
	x86_end_cold(g);
	g->pc_stored = 0;
}

void x86_hot(struct Cpu *cpu)
{
	const void *from = (const void *)(uintptr_t)cpu->spill[1];
	struct Block *block = cache_find_code(from);

	x86_deliver(cpu);
	cpu->pc = x86_guest_pc(block, from);
	translate_region(cpu, block);
}

/* -- in line --------------------------------------------------------------------------------------------------------------------------- */

static const uint8_t arg_regs[IR_MAXARGS] = { RDI, RSI, RDX, RCX, R8, R9 };

/* Moves arguments that are in registers all at once, then loads the others. */
static void pass_arguments(struct Gen *g, const struct IrCall *call)
{
	int from[IR_MAXARGS];
	struct Rm mem[IR_MAXARGS];
	unsigned pending = 0;

	for (unsigned i = 0; i < call->nargs; i++) {
		Ref r = call->args[i];
		from[i] = ref_is_var(r) ? g->var[r].reg : NOREG;
		if (from[i] != NOREG && from[i] != arg_regs[i])
			pending |= 1u << i;
		if (ref_is_var(r) && from[i] == NOREG)
			mem[i] = x86_var_mem(g, r);
	}
	while (pending) {
		bool moved = false;
		for (unsigned i = 0; i < call->nargs; i++) {
			if (!(pending >> i & 1))
				continue;
			bool wanted = false;
			for (unsigned k = 0; k < call->nargs; k++)
				wanted |= k != i && pending >> k & 1 && from[k] == arg_regs[i];
			if (wanted)
				continue;
			asm_mov(g->as, arg_regs[i], from[i]);
			pending &= ~(1u << i);
			moved = true;
		}
		if (moved)
			continue;
		/* only cycles are left: turn one of them by one place */
		unsigned i = __builtin_ctz(pending);
		int a = arg_regs[i], b = from[i];
		asm_op(g->as, 0x87 | X_W, a, rm_reg(b), 0);
		for (unsigned k = 0; k < call->nargs; k++)
			if (pending >> k & 1)
				from[k] = from[k] == a ? b : from[k] == b ? a : from[k];
		for (unsigned k = 0; k < call->nargs; k++)
			if (pending >> k & 1 && from[k] == arg_regs[k])
				pending &= ~(1u << k);
	}
	for (unsigned i = 0; i < call->nargs; i++) {
		Ref r = call->args[i];
		if (r == REF_CPU)
			asm_lea(g->as, X_W, arg_regs[i], cpu_mem(0));
		else if (ref_is_const(r) && ir_value(g->ir, r) == 0)
			asm_zero(g->as, arg_regs[i]);
		else if (ref_is_const(r))
			asm_mov_imm(g->as, arg_regs[i], ir_value(g->ir, r));
		else if (from[i] == NOREG)
			asm_mov_load(g->as, X_W, arg_regs[i], mem[i]);
	}
}

/* Whether V is read after the call. */
static bool survives(struct Gen *g, const struct IrCall *call, Ref v)
{
	for (unsigned k = 0; k < call->nargs; k++)
		if (call->args[k] == v)
			return !(g->last[g->n] >> (LAST_ARG + k) & 1);
	return true;
}

/* Puts away what the callee may destroy, and what it reads. */
static void put_away(struct Gen *g, const struct IrCall *call)
{
	for (int r = 0; r < NREGS; r++) {
		uint16_t v = g->owner[IR_INT][r];
		if (v == NOBODY)
			continue;
		if (ir_is_global(g->ir, v) ? caller_saved(r) || reads_globals(call) : caller_saved(r) && survives(g, call, v))
			x86_store_var(g, v);
	}
	for (int r = 0; r < NVEC; r++)
		if (g->owner[IR_VEC][r] != NOBODY)
			x86_store_var(g, g->owner[IR_VEC][r]);
}

static void forget(struct Gen *g, const struct IrCall *call)
{
	for (int r = 0; r < NREGS; r++) {
		uint16_t v = g->owner[IR_INT][r];
		if (v != NOBODY && (caller_saved(r) || (call->flags & IRC_WRITES && ir_is_global(g->ir, v))))
			x86_drop(g, IR_INT, r);
	}
	for (int r = 0; r < NVEC; r++)
		x86_drop(g, IR_VEC, r);
	if (call->flags & IRC_WRITES) {
		g->pc_stored = 0;
		forget_values(g);
	}
}

void x86_emit_call(struct Gen *g, struct Ins *ins)
{
	const struct IrCall *call = &g->ir->calls[ins->imm];

	if (x86_emit_leaf(g, ins))
		return;
	g->checked = NULL;
	if (ins->a[0] != REF_NONE && ins->cond < COND_ALWAYS) {
		emit_conditional(g, ins, call);
		return;
	}
	if (ins->cond == COND_NEVER)
		return;
	if (!(call->flags & IRC_PURE))
		x86_make_additions(g);
	put_away(g, call);
	pass_arguments(g, call);
	if (reads_globals(call))
		x86_store_pc(g, true);
	if (switches_fp(call))
		fp_out(g);
	ptrdiff_t distance = (const uint8_t *)call->fn - g->exec;
	if (distance > INT32_MAX - (64 << 20) || distance < INT32_MIN + (64 << 20)) {
		asm_mov_imm(g->as, RAX, (uintptr_t)call->fn);
		asm_op(g->as, 0xff, 2, rm_reg(RAX), 0);
	} else {
		asm_call(g->as, FIX_ABSOLUTE, (uintptr_t)call->fn);
	}
	x86_record(g, RECORD_CALL);
	if (switches_fp(call))
		fp_in(g);
	forget(g, call);
	if (ins->d != REF_NONE)
		x86_assign(g, ins->d, RAX);
}
