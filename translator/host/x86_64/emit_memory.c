/* SPDX-License-Identifier: MIT */
/* Code for guest memory, atomics, cpu state outside the globals, slots, and counters of plugins. */
#include <stdlib.h>

#include "translator/host/x86_64/backend.h"

static unsigned size_of(const struct Ins *ins) { return ins->mem & MEM_SIZE; }
static bool is_vec(const struct Ins *ins) { return ir_type_class(ins->type) == IR_VEC; }

/* The operand for address A + imm; guest addresses are host addresses. */
static struct Rm address(struct Gen *g, const struct Ins *ins)
{
	Ref index = ins->op == IR_LOAD ? ins->a[1] : ins->op == IR_STORE ? ins->a[2] : REF_NONE;

	if (index != REF_NONE && ref_is_const(ins->a[0]))       /* 0 */
		return rm_indexed(NOREG, x86_use(g, index), ins->spare >> INDEX_SCALE, ins->imm);
	if (ref_is_const(ins->a[0])) {
		uint64_t addr = ir_value(g->ir, ins->a[0]) + (int64_t)ins->imm;
		if ((int64_t)addr == (int32_t)addr)
			return rm_mem(NOREG, addr);
		int reg = x86_scratch(g, IR_INT);
		asm_mov_imm(g->as, reg, addr);
		return rm_mem(reg, 0);
	}
	int base = x86_use(g, ins->a[0]);
	return index == REF_NONE ? rm_mem(base, ins->imm) : rm_indexed(base, x86_use(g, index), ins->spare >> INDEX_SCALE, ins->imm);
}

/* A guest exception if the access is misaligned; changes no register. */
static void check_alignment(struct Gen *g, const struct Ins *ins, struct Rm mem, unsigned cause)
{
	unsigned mask = (1u << size_of(ins)) - 1;

	if (!mask)
		return;
	if (mem.base == NOREG && !(mem.disp & mask))
		return;
	unsigned jump;
	int t = NOREG;
	if (mem.base != NOREG && !(mem.disp & mask)) {
		asm_op(g->as, 0xf6 | X_BYTERM, 0, rm_reg(mem.base), 1);
		asm_8(g->as, mask);
	} else {
		t = x86_scratch(g, IR_INT);
		asm_lea(g->as, X_W, t, mem);
		asm_op(g->as, 0xf6 | X_BYTERM, 0, rm_reg(t), 1);
		asm_8(g->as, mask);
	}
	jump = x86_jcc_cold(g, CC_NE);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	/* the leaving code stores registers that must still be intact */
	int r = t;
	if (r == NOREG && mem.disp == 0) {
		r = mem.base;
	} else if (r == NOREG) {
		asm_mov_store(g->as, X_W, CPU_MEM(fault_addr), mem.base);
		asm_alu_imm(g->as, ALU_ADD, X_W, CPU_MEM(fault_addr), mem.disp);
	}
	if (r != NOREG)
		asm_mov_store(g->as, X_W, CPU_MEM(fault_addr), r);
	x86_leave_fault_raise(g, cause);
	x86_end_cold(g);
}

static void bswap(struct Gen *g, int reg, unsigned size)
{
	unsigned rex = (size == MEM_64 ? 8 : 0) | (reg > 7 ? 1 : 0);

	if (size == MEM_8)
		return;
	if (size == MEM_16) {
		asm_room(g->as);
		asm_8(g->as, 0x66);
		asm_op(g->as, 0xc1, 0, rm_reg(reg), 1);
		asm_8(g->as, 8);
		return;
	}
	asm_room(g->as);
	if (rex)
		asm_8(g->as, 0x40 | rex);
	asm_8(g->as, 0x0f);
	asm_8(g->as, 0xc8 | (reg & 7));
}

/* D = the low bytes of S, extended to 64 bits as the access says. */
static void extend(struct Gen *g, unsigned mem, int d, int s)
{
	static const unsigned op[2][4] = {
		{ 0xb6 | X_0F | X_BYTERM, 0xb7 | X_0F, 0x8b, 0x8b | X_W },
		{ 0xbe | X_0F | X_W | X_BYTERM, 0xbf | X_0F | X_W, 0x63 | X_W, 0x8b | X_W },
	};
	unsigned size = mem & MEM_SIZE;

	if (size == MEM_64)
		asm_mov(g->as, d, s);
	else
		asm_op(g->as, op[(mem & MEM_SIGNED) != 0][size], d, rm_reg(s), 0);
}

static void vec_memory(struct Gen *g, enum IrType type, bool store, int reg, struct Rm rm)
{
	unsigned op = (store ? 0x11 : 0x10) | X_0F | (type == IR_F32 ? X_F3 : type == IR_F64 ? X_F2 : 0);

	if (x86_features & HAS_AVX)
		asm_vex(g->as, op, reg, 0, rm, 0);
	else
		asm_op(g->as, op, reg, rm, 0);
}

static void emit_load_vec(struct Gen *g, struct Ins *ins, struct Rm rm)
{
	int d = ins->d == REF_NONE ? x86_scratch(g, IR_VEC) : x86_target(g, ins->d, NOREG, 0);

	if (ins->mem & MEM_BE && ins->type == IR_V128) {
		/* halves through integer registers, each reversed, in the other order */
		int t = x86_scratch(g, IR_INT), y = x86_scratch(g, IR_VEC);
		struct Rm high = rm;
		high.disp += 8;
		x86_record(g, RECORD_LOAD);
		asm_mov_load(g->as, X_W, t, rm);
		bswap(g, t, MEM_64);
		asm_op(g->as, 0x6e | X_0F | X_66 | X_W, y, rm_reg(t), 0);
		x86_record(g, RECORD_LOAD);
		asm_mov_load(g->as, X_W, t, high);
		bswap(g, t, MEM_64);
		asm_op(g->as, 0x6e | X_0F | X_66 | X_W, d, rm_reg(t), 0);
		asm_op(g->as, 0x6c | X_0F | X_66, d, rm_reg(y), 0);     /* punpcklqdq */
	} else if (ins->mem & MEM_BE) {
		int t = x86_scratch(g, IR_INT);
		unsigned w = ins->type == IR_F64 ? X_W : 0;
		x86_record(g, RECORD_LOAD);
		asm_mov_load(g->as, w, t, rm);
		bswap(g, t, w ? MEM_64 : MEM_32);
		asm_op(g->as, 0x6e | X_0F | X_66 | w, d, rm_reg(t), 0);
	} else {
		x86_record(g, RECORD_LOAD);
		vec_memory(g, ins->type, false, d, rm);
	}
	if (ins->d != REF_NONE) {
		x86_assign(g, ins->d, d);
		if (ins->spare & BOXED_RESULT)
			x86_know(g, ins->d, REP_SINGLE, REP_SINGLE);
	}
}

static void emit_load(struct Gen *g, struct Ins *ins)
{
	static const unsigned op[2][4] = {
		{ 0xb6 | X_0F, 0xb7 | X_0F, 0x8b, 0x8b | X_W },
		{ 0xbe | X_0F | X_W, 0xbf | X_0F | X_W, 0x63 | X_W, 0x8b | X_W },
	};
	unsigned size = size_of(ins);
	struct Rm rm = address(g, ins);

	if (ins->mem & MEM_ALIGNED)
		check_alignment(g, ins, rm, CAUSE_MISALIGNED_LOAD);
	if (is_vec(ins)) {
		emit_load_vec(g, ins, rm);
		return;
	}
	int reuse = ref_is_const(ins->a[0]) ? rm.base : x86_dying(g, 0);
	int d = ins->d == REF_NONE ? x86_scratch(g, IR_INT) : x86_target(g, ins->d, reuse, 0);
	x86_record(g, RECORD_LOAD);
	if (ins->mem & MEM_BE && size != MEM_8) {
		unsigned w = size == MEM_64 ? X_W : 0;
		if (x86_features & HAS_MOVBE && size != MEM_16) {
			asm_op(g->as, 0xf0 | X_0F38 | w, d, rm, 0);
		} else {
			asm_op(g->as, op[0][size], d, rm, 0);
			bswap(g, d, size);
		}
		if (ins->mem & MEM_SIGNED && size != MEM_64)
			extend(g, ins->mem, d, d);
	} else {
		asm_op(g->as, op[(ins->mem & MEM_SIGNED) != 0][size], d, rm, 0);
	}
	if (ins->d != REF_NONE)
		x86_assign(g, ins->d, d);
}

/* [RM] = register, SIZE bytes. */
static void store_reg(struct Gen *g, unsigned size, struct Rm rm, int reg)
{
	if (size == MEM_16) {
		asm_op(g->as, 0x89 | X_66, reg, rm, 0);
	} else {
		asm_op(g->as, size == MEM_8 ? 0x88 | X_BYTE : size == MEM_64 ? 0x89 | X_W : 0x89, reg, rm, 0);
	}
}

static void store_imm(struct Gen *g, unsigned size, struct Rm rm, int32_t imm)
{
	unsigned bytes = size == MEM_8 ? 1 : size == MEM_16 ? 2 : 4;

	asm_op(g->as, size == MEM_8 ? 0xc6 : size == MEM_16 ? 0xc7 | X_66 : size == MEM_64 ? 0xc7 | X_W : 0xc7, 0, rm, bytes);
	for (unsigned i = 0; i < bytes; i++)
		asm_8(g->as, imm >> 8 * i);
}

static void emit_store_vec(struct Gen *g, struct Ins *ins, struct Rm rm)
{
	int s = x86_vuse_low(g, ins->a[1], ins->type);

	if (!(ins->mem & MEM_BE)) {
		x86_record(g, RECORD_STORE);
		vec_memory(g, ins->type, true, s, rm);
		return;
	}
	int t = x86_scratch(g, IR_INT);
	unsigned w = ins->type == IR_F32 ? 0 : X_W, size = w ? MEM_64 : MEM_32;
	asm_op(g->as, 0x7e | X_0F | X_66 | w, s, rm_reg(t), 0);
	bswap(g, t, size);
	if (ins->type == IR_V128) {
		int y = x86_scratch(g, IR_VEC), u = x86_scratch(g, IR_INT);
		struct Rm high = rm;
		high.disp += 8;
		asm_op(g->as, 0x70 | X_0F | X_66, y, rm_reg(s), 1);     /* pshufd: halves exchanged */
		asm_8(g->as, 0x4e);
		asm_op(g->as, 0x7e | X_0F | X_66 | X_W, y, rm_reg(u), 0);
		bswap(g, u, MEM_64);
		x86_record(g, RECORD_STORE);
		store_reg(g, size, rm, u);
		x86_record(g, RECORD_STORE);
		store_reg(g, size, high, t);
	} else {
		x86_record(g, RECORD_STORE);
		store_reg(g, size, rm, t);
	}
}

static void emit_store(struct Gen *g, struct Ins *ins)
{
	unsigned size = size_of(ins);
	struct Rm rm = address(g, ins);

	if (ins->mem & MEM_ALIGNED)
		check_alignment(g, ins, rm, CAUSE_MISALIGNED_STORE);
	if (is_vec(ins)) {
		emit_store_vec(g, ins, rm);
		return;
	}
	if (ref_is_const(ins->a[1])) {
		uint64_t v = ir_value(g->ir, ins->a[1]);
		if (ins->mem & MEM_BE)
			v = size == MEM_16 ? __builtin_bswap16(v) : size == MEM_32 ? __builtin_bswap32(v) : size == MEM_64 ? __builtin_bswap64(v) : v;
		if (size != MEM_64 || v == (uint64_t)(int64_t)(int32_t)v) {
			x86_record(g, RECORD_STORE);
			store_imm(g, size, rm, v);
		} else {
			int t = x86_scratch(g, IR_INT);
			asm_mov_imm(g->as, t, v);
			x86_record(g, RECORD_STORE);
			store_reg(g, size, rm, t);
		}
		return;
	}
	int s = x86_use(g, ins->a[1]);
	if (ins->mem & MEM_BE && size != MEM_8) {
		if (x86_features & HAS_MOVBE) {
			x86_record(g, RECORD_STORE);
			asm_op(g->as, 0xf1 | X_0F38 | (size == MEM_64 ? X_W : size == MEM_16 ? X_66 : 0), s, rm, 0);
			return;
		}
		int t = x86_scratch(g, IR_INT);
		asm_mov(g->as, t, s);
		bswap(g, t, size);
		s = t;
	}
	x86_record(g, RECORD_STORE);
	store_reg(g, size, rm, s);
}

/* -- atomics ------------------------------------------------------------------------------------------------------------------- */

static void lock_prefix(struct Gen *g)
{
	asm_room(g->as);
	asm_8(g->as, 0xf0);
}

/* The result, read as bytes in guest order from REG, to the variable. */
static void assign_extended(struct Gen *g, struct Ins *ins, int reg)
{
	if (ins->d == REF_NONE)
		return;
	if (ins->mem & MEM_BE)
		bswap(g, reg, size_of(ins));
	int d = x86_target(g, ins->d, reg, 0);
	extend(g, ins->mem, d, reg);
	x86_assign(g, ins->d, d);
}

/* Address in a register that rax and the temporaries below are not. */
static struct Rm atomic_address(struct Gen *g, struct Ins *ins)
{
	struct Rm rm = address(g, ins);

	check_alignment(g, ins, rm, CAUSE_MISALIGNED_STORE);
	if (rm.base == RAX) {
		int t = x86_scratch(g, IR_INT);
		asm_mov(g->as, t, RAX);
		rm.base = t;
	}
	return rm;
}

static void emit_cmpxchg(struct Gen *g, struct Ins *ins)
{
	unsigned size = size_of(ins), w = size == MEM_64 ? X_W : 0;
	struct Rm rm = atomic_address(g, ins);
	int expected = x86_use(g, ins->a[1]), value = x86_use(g, ins->a[2]);

	if (value == RAX || ins->mem & MEM_BE) {
		int t = x86_scratch(g, IR_INT);
		if (t == RAX)
			t = x86_scratch(g, IR_INT);
		asm_mov(g->as, t, value);
		value = t;
		if (ins->mem & MEM_BE)
			bswap(g, value, size);
	}
	x86_take(g, RAX);
	asm_mov(g->as, RAX, expected);
	if (ins->mem & MEM_BE)
		bswap(g, RAX, size);
	x86_record(g, RECORD_STORE);
	lock_prefix(g);
	asm_op(g->as, 0xb1 | X_0F | w, value, rm, 0);
	assign_extended(g, ins, RAX);
}

/* XCHG and FADDI where the bytes are in host order: one instruction. */
static void emit_exchange(struct Gen *g, struct Ins *ins)
{
	unsigned w = size_of(ins) == MEM_64 ? X_W : 0;
	struct Rm rm = address(g, ins);

	check_alignment(g, ins, rm, CAUSE_MISALIGNED_STORE);
	int b = x86_use(g, ins->a[1]);
	if (ins->op == IR_FADDI && ins->d == REF_NONE) {
		x86_record(g, RECORD_STORE);
		lock_prefix(g);
		asm_alu_store(g->as, ALU_ADD, w, rm, b);
		return;
	}
	int t = x86_scratch(g, IR_INT);
	asm_mov(g->as, t, b);
	x86_record(g, RECORD_STORE);
	if (ins->op == IR_XCHG) {
		asm_op(g->as, 0x87 | w, t, rm, 0);
	} else {
		lock_prefix(g);
		asm_op(g->as, 0xc1 | X_0F | w, t, rm, 0);
	}
	assign_extended(g, ins, t);
}

/* t = old op b, old in rax, both in host order. */
static void combine(struct Gen *g, enum IrOp op, unsigned w, int t, int b)
{
	switch (op) {
	case IR_XCHG: asm_mov(g->as, t, b); break;
	case IR_FADDI: asm_alu(g->as, ALU_ADD, w, t, rm_reg(b)); break;
	case IR_FANDI: asm_alu(g->as, ALU_AND, w, t, rm_reg(b)); break;
	case IR_FORI: asm_alu(g->as, ALU_OR, w, t, rm_reg(b)); break;
	case IR_FXORI: asm_alu(g->as, ALU_XOR, w, t, rm_reg(b)); break;
	default: {
		/* take b where b is smaller or larger */
		enum Cc cc = op == IR_FMINS ? CC_L : op == IR_FMAXS ? CC_G : op == IR_FMINU ? CC_B : CC_A;
		asm_alu(g->as, ALU_CMP, w, b, rm_reg(t));
		asm_op(g->as, 0x40 | X_0F | w | cc, t, rm_reg(b), 0);
	}
	}
}

static void emit_fetch_loop(struct Gen *g, struct Ins *ins)
{
	static const uint8_t simple[IR_NOPS] = { [IR_FANDI] = ALU_AND, [IR_FORI] = ALU_OR, [IR_FXORI] = ALU_XOR };
	unsigned size = size_of(ins), w = size == MEM_64 ? X_W : 0;
	bool be = ins->mem & MEM_BE;

	if (ins->d == REF_NONE && simple[ins->op] && !be) {
		struct Rm rm = address(g, ins);
		check_alignment(g, ins, rm, CAUSE_MISALIGNED_STORE);
		int b = x86_use(g, ins->a[1]);
		x86_record(g, RECORD_STORE);
		lock_prefix(g);
		asm_alu_store(g->as, simple[ins->op], w, rm, b);
		return;
	}
	struct Rm rm = atomic_address(g, ins);
	int b = x86_use(g, ins->a[1]);
	if (b == RAX) {
		b = x86_scratch(g, IR_INT);
		asm_mov(g->as, b, RAX);
	}
	x86_take(g, RAX);
	int t = x86_scratch(g, IR_INT);
	x86_record(g, RECORD_STORE);
	asm_mov_load(g->as, w, RAX, rm);
	uint8_t *loop = g->as->p;
	asm_mov(g->as, t, RAX);
	if (be)
		bswap(g, t, size);
	combine(g, ins->op, w, t, b);
	if (be)
		bswap(g, t, size);
	x86_record(g, RECORD_STORE);
	lock_prefix(g);
	asm_op(g->as, 0xb1 | X_0F | w, t, rm, 0);
	uint8_t *jump = asm_jcc_short(g->as, CC_NE);
	jump[-1] = loop - jump;
	assign_extended(g, ins, RAX);
}

/* -- the rest ------------------------------------------------------------------------------------------------------------------- */

static void emit_fence(struct Gen *g, struct Ins *ins)
{
	if (!(ins->cond & IR_FENCE_WR))
		return;         /* every other order is the host's own */
	lock_prefix(g);
	asm_alu_imm(g->as, ALU_OR, 0, rm_mem(RSP, 0), 0);
}

static void emit_get(struct Gen *g, struct Ins *ins)
{
	static const unsigned op[2][4] = {
		{ 0xb6 | X_0F, 0xb7 | X_0F, 0x8b, 0x8b | X_W },
		{ 0xbe | X_0F | X_W, 0xbf | X_0F | X_W, 0x63 | X_W, 0x8b | X_W },
	};
	int d = x86_target(g, ins->d, NOREG, 0);
	asm_op(g->as, op[(ins->mem & MEM_SIGNED) != 0][size_of(ins)], d, cpu_mem(ins->imm), 0);
	x86_assign(g, ins->d, d);
}

static void emit_put(struct Gen *g, struct Ins *ins, unsigned size)
{
	int32_t imm;

	if (x86_imm32(g, ins->a[0], &imm) || (ref_is_const(ins->a[0]) && size != MEM_64))
		store_imm(g, size, cpu_mem(ins->imm), ir_value(g->ir, ins->a[0]));
	else
		store_reg(g, size, cpu_mem(ins->imm), x86_use(g, ins->a[0]));
}

int x86_ins_addition(struct Gen *g, const struct Ins *ins, struct Addition *addition)
{
	bool by_register = ref_is_var(ins->a[0]);
	int32_t imm = 1;

	if (!by_register && !x86_imm32(g, ins->a[0], &imm))
		return -1;
	*addition = (struct Addition){ .wide = true, .by_register = by_register, .amount = imm };
	if (ins->op == IR_SLOTADD) {
		addition->cell = (uint32_t)ins->imm;
		addition->in_cpu = true;
		return 1;
	}
	int64_t away = ref_is_const(ins->a[1]) ? (int64_t)(ir_value(g->ir, ins->a[1]) - (uintptr_t)g->exec) : INT64_MAX;
	addition->cell = ref_is_const(ins->a[1]) ? ir_value(g->ir, ins->a[1]) : 0;
	/* far enough from the limit that no place in the block matters */
	return llabs(away) < INT32_MAX / 2 ? 1 : -1;
}

static void emit_slot_add(struct Gen *g, struct Ins *ins)
{
	struct Addition addition;

	if (x86_ins_addition(g, ins, &addition) != 1)
		asm_alu_store(g->as, ALU_ADD, X_W, cpu_mem(ins->imm), x86_use(g, ins->a[0]));
	else if (addition.by_register)
		x86_add_register(g, addition, x86_use(g, ins->a[0]));
	else
		x86_add(g, addition);
}

static void emit_host_add(struct Gen *g, struct Ins *ins)
{
	struct Addition addition;
	int32_t imm;

	if (x86_ins_addition(g, ins, &addition) == 1) {
		if (addition.by_register)
			x86_add_selected(g, addition, x86_use(g, ins->a[0]));
		else
			x86_add(g, addition);
		return;
	}
	int addr = x86_use(g, ins->a[1]);
	if (x86_imm32(g, ins->a[0], &imm))
		asm_alu_imm(g->as, ALU_ADD, X_W, rm_mem(addr, 0), imm);
	else
		x86_add_unless_zero(g, rm_mem(addr, 0), X_W, x86_use(g, ins->a[0]));
}

void x86_emit_memory(struct Gen *g, struct Ins *ins)
{
	switch (ins->op) {
	case IR_LOAD: emit_load(g, ins); break;
	case IR_STORE:
		if (ref_is_const(ins->a[0]))    /* a probe may do that */
			g->checked = NULL;
		emit_store(g, ins);
		break;
	case IR_CMPXCHG: emit_cmpxchg(g, ins); break;
	case IR_XCHG: case IR_FADDI:
		if (ins->mem & MEM_BE)
			emit_fetch_loop(g, ins);
		else
			emit_exchange(g, ins);
		break;
	case IR_FANDI: case IR_FORI: case IR_FXORI: case IR_FMINS: case IR_FMAXS: case IR_FMINU: case IR_FMAXU:
		emit_fetch_loop(g, ins);
		break;
	case IR_FENCE: emit_fence(g, ins); break;
	case IR_GET: emit_get(g, ins); break;
	case IR_PUT: emit_put(g, ins, size_of(ins)); break;
	case IR_SLOTADD: emit_slot_add(g, ins); break;
	case IR_SLOTPUT: emit_put(g, ins, MEM_64); break;
	case IR_HOSTADD:
		g->checked = NULL;
		emit_host_add(g, ins);
		break;
	case IR_SLOTGET: {
		int d = x86_target(g, ins->d, NOREG, 0);
		asm_mov_load(g->as, X_W, d, cpu_mem(ins->imm));
		x86_assign(g, ins->d, d);
		break;
	}
	}
}
