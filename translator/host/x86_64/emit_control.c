/* SPDX-License-Identifier: MIT */
/* Code for marks, branches, exits, exceptions and polling. */
#include <assert.h>
#include <limits.h>

#include "translator/host/x86_64/backend.h"

/* -- synchronising out of line ----------------------------------------------------------------------------------------------- */

void x86_store_pc(struct Gen *g, bool hot)
{
	uint64_t pc = g->pc;

	if (hot && g->pc_stored == pc)
		return;
	if (pc == (uint64_t)(int64_t)(int32_t)pc) {
		asm_op(g->as, 0xc7 | X_W, 0, CPU_MEM(pc), 4);
		asm_32(g->as, pc);
	} else {
		struct Rm high = CPU_MEM(pc);
		high.disp += 4;
		asm_op(g->as, 0xc7, 0, CPU_MEM(pc), 4);
		asm_32(g->as, pc);
		if (!hot || !g->pc_stored || g->pc_stored >> 32 != pc >> 32) {
			asm_op(g->as, 0xc7, 0, high, 4);
			asm_32(g->as, pc >> 32);
		}
	}
	if (hot)
		g->pc_stored = pc;
}

void x86_store_all(struct Gen *g)
{
	bool all = true;

	for (unsigned i = 0; i < backend.npins; i++)
		all &= g->var[backend.pins[i]].reg == backend.pin_regs[i];
	if (all && backend.npins)
		asm_call(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.store_pins);
	for (unsigned class = 0; class < 2; class++)
		for (int r = 0; r < 16; r++) {
			uint16_t v = g->owner[class][r];
			if (v == NOBODY || !ir_is_global(g->ir, v) || g->var[v].clean || (all && class == IR_INT && backend.base_home[v] != NOREG))
				continue;
			unsigned loose = g->var[v].loose;
			x86_store_var(g, v);
			g->var[v].clean = false;
			g->var[v].loose = loose;
		}
}

void x86_leave_fault_raise(struct Gen *g, unsigned cause)
{
	x86_emit_additions(g);
	x86_emit_late(g);
	x86_store_all(g);
	x86_store_pc(g, false);
	asm_op(g->as, 0xc7, 0, CPU_MEM(cause), 4);
	asm_32(g->as, cause);
	asm_jump(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.leave_raise);
}

/* -- exits ------------------------------------------------------------------------------------------------------------------------ */

/* Pads so that OPCODE bytes later the code is 4-byte aligned, in front of what begins at FROM (no fields in it). */
static void align_field(struct Asm *as, uint8_t *from, unsigned opcode)
{
	unsigned pad = -(asm_offset(as) + opcode) & 3;

	asm_room(as);
	if (!pad || as->overflow)
		return;
	size_t n = as->p - from;
	memmove(from + pad, from, n);
	as->p = from;
	asm_nop(as, pad);
	as->p += n;
}

/* The site whose field comes next in the current section, and its stub. Returns the stub's offset in the cold section. */
static uint32_t add_site(struct Gen *g, uint64_t pc, unsigned opcode)
{
	struct ExitSite *site = &g->sites[g->nsites];
	ptrdiff_t at = (uint8_t *)site - backend.meta_base;
	bool cold = g->as == &g->cold;
	/* a jump that precedes its own stub in the cold section: the stub comes right behind */
	uint32_t stub = asm_offset(&g->cold) + (cold ? opcode + 4 : 0);

	*site = (struct ExitSite){ .pc = pc, .patch = asm_offset(g->as) + opcode, .index = g->nsites, .stub = stub | (cold ? SITE_COLD : 0) };
	g->nsites++;
	struct Asm *as = g->as;
	if (as == &g->cold) {
		asm_jump(as, FIX_COLD, stub);
	}
	g->as = &g->cold;
	if (at == (int32_t)at) {
		asm_call(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.leave_exit);
		asm_32(g->as, at);
	} else {
		asm_mov_imm(g->as, RAX, (uintptr_t)site);
		asm_jump(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.leave_site);
	}
	g->as = as;
	return stub;
}

void x86_exit_jump(struct Gen *g, uint64_t pc)
{
	align_field(g->as, g->as->p, 1);
	if (g->as == &g->cold) {
		add_site(g, pc, 1);
	} else {
		uint32_t stub = add_site(g, pc, 1);
		asm_jump(g->as, FIX_COLD, stub);
	}
}

static void emit_exit(struct Gen *g, struct Ins *ins)
{
	x86_sync_home(g);
	x86_edge(g);
	x86_exit_jump(g, g->ir->exits[ins->imm].pc);
}

static void emit_exit_cond(struct Gen *g, struct Ins *ins)
{
	uint64_t pc = g->ir->exits[ins->imm].pc;

	if (ins->cond == COND_NEVER)
		return;
	if (ins->cond == COND_ALWAYS) {
		x86_emit_additions(g);
		x86_edge(g);
		x86_exit_jump(g, pc);
		return;
	}
	if (g->n + 1 < g->ir->nins && ir_op_info[ins[1].op].flags & OPF_EXIT && ins[1].op != IR_BR)
		x86_sync_home(g);       /* what comes next wants the same */
	uint8_t *from = g->as->p;
	enum Cc cc = x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]);
	if (x86_adds_nothing(g) && x86_edge_ready(g)) {
		align_field(g->as, from, 2);
		uint32_t stub = add_site(g, pc, 2);
		asm_jcc(g->as, cc, FIX_COLD, stub);
		return;
	}
	unsigned jump = x86_jcc_cold(g, cc);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	x86_emit_additions(g);
	x86_edge(g);
	x86_exit_jump(g, pc);
	x86_end_cold(g);
}

enum { JUMP_BITS = 4 };

/* Looks the address in register TARGET up in the cpu's jump cache, and leaves the unit for it; the state is as an edge wants it. */
static void jump_to(struct Gen *g, int target)
{
	int entry = target == RAX ? RCX : RAX, tag = target;
	unsigned align = backend.guest->insn_align;

	asm_mov_load(g->as, 0, entry, rm_reg(target));
	if (align < JUMP_BITS)
		asm_shift_imm(g->as, 4, 0, rm_reg(entry), JUMP_BITS - align);
	else if (align > JUMP_BITS)
		asm_shift_imm(g->as, 5, 0, rm_reg(entry), align - JUMP_BITS);
	asm_alu_imm(g->as, ALU_AND, 0, rm_reg(entry), (JUMPS_COUNT - 1) << JUMP_BITS);
	asm_alu(g->as, ALU_ADD, X_W, entry, CPU_MEM(jumps));
	if (g->ir->key) {
		tag = target == RDX ? RCX : RDX;
		asm_mov_imm(g->as, tag, jump_key(g->ir->key));
		asm_alu(g->as, ALU_XOR, X_W, tag, rm_reg(target));
	}
	asm_alu_store(g->as, ALU_CMP, X_W, rm_mem(entry, offsetof(struct Jump, tag)), tag);
	if (g->as == &g->cold) {
		uint8_t *miss = asm_jcc_short(g->as, CC_NE);
		asm_op(g->as, 0xff, 4, rm_mem(entry, offsetof(struct Jump, code)), 0);
		asm_here(g->as, miss);
	} else {
		unsigned miss = x86_jcc_cold(g, CC_NE);
		asm_op(g->as, 0xff, 4, rm_mem(entry, offsetof(struct Jump, code)), 0);
		x86_begin_cold(g);
		x86_cold_here(g, miss);
	}
	asm_mov_store(g->as, X_W, CPU_MEM(pc), target);
	asm_jump(g->as, FIX_ABSOLUTE, (uintptr_t)backend.common.leave_indirect);
}
_Static_assert(sizeof(struct Jump) == 1 << JUMP_BITS, "index arithmetic of jump_to");

static void emit_exit_indirect(struct Gen *g, struct Ins *ins)
{
	x86_sync_home(g);
	int target = x86_use(g, ins->a[0]);
	if (!x86_edge_ready(g)) {
		asm_mov(g->as, RDX, target);
		target = RDX;
		x86_edge(g);
	}
	jump_to(g, target);
	x86_end_cold(g);
}

static void emit_guard(struct Gen *g, struct Ins *ins)
{
	int target = x86_use(g, ins->a[0]);
	unsigned jump = x86_jcc_cold(g, x86_compare(g, IR_I64, COND_NE, ins->a[0], ins->a[1]));

	x86_begin_cold(g);
	x86_cold_here(g, jump);
	if (target != RDX)
		asm_mov(g->as, RDX, target);
	x86_leave_additions(g);
	x86_edge(g);
	jump_to(g, RDX);
	x86_end_cold(g);
}

/* -- inside the unit ---------------------------------------------------------------------------------------------------------------- */

static void emit_branch(struct Gen *g, struct Ins *ins)
{
	if (ins->op == IR_BRCOND && ins->cond == COND_NEVER)
		return;
	if (ins->op == IR_BRCOND && ins->cond < COND_ALWAYS && g->n + 2 < g->ir->nins && ins[1].op == IR_BR && ins[2].op == IR_LABEL && ins[2].imm == ins->imm) {
		/* a branch over a branch: the other way round */
		ins->cond ^= 1;
		ins->imm = ins[1].imm;
		ins[1].imm = ins[2].imm;
	}
	bool ready = x86_to_label(g, ins->imm);
	if (ins->op == IR_BR || ins->cond == COND_ALWAYS) {
		const struct Ins *next = ins + 1;
		if (g->nlate)
			x86_emit_late(g);
		if (!ready)
			x86_enter_version(g, ins->imm);
		if (g->n + 1 < g->ir->nins && next->op == IR_LABEL && next->imm == ins->imm)
			return;
		asm_jump(g->as, FIX_LABEL, ins->imm);
		return;
	}
	enum Cc cc = x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]);
	if (ready && !g->nlate) {
		asm_jcc(g->as, cc, FIX_LABEL, ins->imm);
		return;
	}
	unsigned jump = x86_jcc_cold(g, cc);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	if (g->nlate)
		x86_emit_late(g);
	if (!ready)
		x86_enter_version(g, ins->imm);
	asm_jump(g->as, FIX_LABEL, ins->imm);
	x86_end_cold(g);
}

static void emit_label(struct Gen *g, struct Ins *ins)
{
	if (g->n && !(ir_op_info[ins[-1].op].flags & OPF_EXIT) && !x86_to_label(g, ins->imm))
		x86_enter_version(g, ins->imm);
	g->labels[ins->imm] = asm_offset(g->as);
	g->compared.end = UINT_MAX;     /* who comes from elsewhere has other flags */
	g->pc_stored = 0;
	x86_at_label(g, ins->imm);
}

/* Counts in memory; the carry says that it is enough. */
void x86_emit_control(struct Gen *g, struct Ins *ins)
{
	switch (ins->op) {
	case IR_POLL:
		x86_record(g, RECORD_LOAD);
		asm_op(g->as, 0x84, RAX, cpu_mem(backend.poll_offset), 0);
		break;
	case IR_HEAT: x86_emit_heat(g, ins); break;
	case IR_LABEL: emit_label(g, ins); break;
	case IR_BR: case IR_BRCOND: emit_branch(g, ins); break;
	case IR_EXIT: emit_exit(g, ins); break;
	case IR_EXITCOND: emit_exit_cond(g, ins); break;
	case IR_EXITIND: emit_exit_indirect(g, ins); break;
	case IR_GUARD: emit_guard(g, ins); break;
	case IR_RAISE: x86_leave_fault_raise(g, ins->imm); break;
	}
}
