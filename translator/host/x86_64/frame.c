/* SPDX-License-Identifier: MIT */
/* The common code of the cache: into translated code, out of it by every way there is, and around calls that keep all registers. */
#include "translator/host/x86_64/backend.h"

struct Backend backend;

const uint8_t x86_fp_flags[MXCSR_FLAGS + 1] = {
#define BITS(m) (((m) & 1 ? FPX_INVALID : 0) | ((m) & 4 ? FPX_DIVZERO : 0) | ((m) & 8 ? FPX_OVERFLOW : 0) | \
		 ((m) & 16 ? FPX_UNDERFLOW : 0) | ((m) & 32 ? FPX_INEXACT : 0))
#define ROW(m) BITS(m), BITS((m) + 1), BITS((m) + 2), BITS((m) + 3), BITS((m) + 4), BITS((m) + 5), BITS((m) + 6), BITS((m) + 7)
	ROW(0), ROW(8), ROW(16), ROW(24), ROW(32), ROW(40), ROW(48), ROW(56),
#undef ROW
#undef BITS
};

static const uint8_t saved[] = { RBX, RBP, R12, R13, R14, R15 };
/* With six registers pushed and the return address, the frame brings rsp back to a multiple of 16. */
enum { ENTER_FRAME = FRAME_SIZE + 8 };
_Static_assert((sizeof saved * 8 + 8 + ENTER_FRAME) % 16 == 0, "alignment of rsp in translated code");

static void push(struct Asm *as, int reg)
{
	asm_room(as);
	if (reg > 7)
		asm_8(as, 0x41);
	asm_8(as, 0x50 | (reg & 7));
}

static void pop(struct Asm *as, int reg)
{
	asm_room(as);
	if (reg > 7)
		asm_8(as, 0x41);
	asm_8(as, 0x58 | (reg & 7));
}

static void ret(struct Asm *as)
{
	asm_room(as);
	asm_8(as, 0xc3);
}

static struct Rm pin_mem(unsigned i) { return cpu_mem(backend.guest->globals[backend.pins[i]].offset); }

static void emit_enter(struct Asm *as)
{
	for (unsigned i = 0; i < sizeof saved; i++)
		push(as, saved[i]);
	asm_alu_imm(as, ALU_SUB, X_W, rm_reg(RSP), ENTER_FRAME);
	asm_lea(as, X_W, RBP, rm_mem(RDI, backend.bias));
	asm_mov(as, RAX, RSI);
	asm_mov_store(as, X_W, CPU_MEM(host_frame), RSP);
	asm_op(as, 0xae | X_0F, 3, CPU_MEM(host_fp_outer), 0);
	asm_op(as, 0xae | X_0F, 2, CPU_MEM(host_fp), 0);
	struct Rm top = CPU_MEM(host_fp);
	top.disp += 3;
	asm_op(as, 0x80, ALU_OR, top, 1);
	asm_8(as, FP_INSIDE >> 24);
	for (unsigned i = 0; i < backend.npins; i++)
		asm_mov_load(as, X_W, backend.pin_regs[i], pin_mem(i));
	if (backend.carrier != NOREG)
		asm_zero(as, backend.carrier);
	asm_op(as, 0xff, 4, rm_reg(RAX), 0);
}

static void store_pins(struct Asm *as)
{
	for (unsigned i = 0; i < backend.npins; i++)
		asm_mov_store(as, X_W, pin_mem(i), backend.pin_regs[i]);
}

/* Everything that leaves ends here. */
static void emit_leave(struct Asm *as, struct Common *c, ptrdiff_t exec_delta)
{
	c->leave_exit = as->p + exec_delta;
	pop(as, RAX);
	asm_op(as, 0x63 | X_W, RAX, rm_mem(RAX, 0), 0);
	asm_mov_imm(as, RCX, (uintptr_t)backend.meta_base);
	asm_alu(as, ALU_ADD, X_W, RAX, rm_reg(RCX));
	c->leave_site = as->p + exec_delta;
	asm_mov_load(as, X_W, RCX, rm_mem(RAX, offsetof(struct ExitSite, pc)));
	asm_mov_store(as, X_W, CPU_MEM(pc), RCX);
	uint8_t *to_common = asm_jump_short(as);

	c->leave_indirect = as->p + exec_delta;
	asm_zero(as, RAX);
	asm_here(as, to_common);
	asm_mov_store(as, X_W, CPU_MEM(leave_site), RAX);
	asm_op(as, 0xc7, 0, CPU_MEM(cause), 4);
	asm_32(as, CAUSE_NONE);
	store_pins(as);
	uint8_t *to_state = asm_jump_short(as);

	c->leave_raise = as->p + exec_delta;
	asm_zero(as, RAX);
	asm_mov_store(as, X_W, CPU_MEM(leave_site), RAX);
	asm_here(as, to_state);
	if (backend.carrier != NOREG)
		asm_mov_store(as, X_W, CPU_MEM(collected), backend.carrier);
	asm_op(as, 0xae | X_0F, 3, CPU_MEM(host_fp), 0);

	c->leave_fault = as->p + exec_delta;
	asm_op(as, 0xae | X_0F, 2, CPU_MEM(host_fp_outer), 0);
	asm_alu_imm(as, ALU_ADD, X_W, rm_reg(RSP), ENTER_FRAME);
	for (unsigned i = sizeof saved; i-- > 0;)
		pop(as, saved[i]);
	ret(as);
}

/* Called with rax = function and its old value in spill[7]; rsp is 8 off alignment. */
static void emit_call_saved(struct Asm *as)
{
	static const uint8_t keep[] = { RCX, RDX, RSI, RDI, R8, R9, R10, R11 };
	static const uint8_t args[] = { RDI, RSI, RDX, RCX, R8, R9 };
	enum { FRAME = NVEC * 16 + sizeof keep * 8 + 8 };
	_Static_assert((FRAME + 8) % 16 == 0, "alignment at the call");
	bool avx = x86_features & HAS_AVX;

	asm_alu_imm(as, ALU_SUB, X_W, rm_reg(RSP), FRAME);
	for (unsigned i = 0; i < sizeof keep; i++)
		asm_mov_store(as, X_W, rm_mem(RSP, i * 8), keep[i]);
	for (unsigned i = 0; i < NVEC; i++) {
		struct Rm rm = rm_mem(RSP, sizeof keep * 8 + i * 16);
		if (avx)
			asm_vex(as, 0x11 | X_0F, i, 0, rm, 0);
		else
			asm_op(as, 0x11 | X_0F, i, rm, 0);
	}
	for (unsigned i = 0; i < sizeof args; i++) {
		struct Rm rm = CPU_MEM(spill[0]);
		rm.disp += 8 * i;
		asm_mov_load(as, X_W, args[i], rm);
	}
	asm_op(as, 0xff, 2, rm_reg(RAX), 0);
	asm_mov_store(as, X_W, CPU_MEM(spill[0]), RAX);
	for (unsigned i = 0; i < NVEC; i++) {
		struct Rm rm = rm_mem(RSP, sizeof keep * 8 + i * 16);
		if (avx)
			asm_vex(as, 0x10 | X_0F, i, 0, rm, 0);
		else
			asm_op(as, 0x10 | X_0F, i, rm, 0);
	}
	for (unsigned i = 0; i < sizeof keep; i++)
		asm_mov_load(as, X_W, keep[i], rm_mem(RSP, i * 8));
	asm_alu_imm(as, ALU_ADD, X_W, rm_reg(RSP), FRAME);
	asm_mov_load(as, X_W, RAX, CPU_MEM(spill[7]));
	ret(as);
}

/* Called with rsp 8 off alignment: x86_hot() with its arguments in spill[]. */
static void emit_hot(struct Asm *as, const uint8_t *call_saved)
{
	struct Rm from = CPU_MEM(spill[0]), rax = from, top = CPU_MEM(host_fp);

	from.disp += 8;
	rax.disp += 7 * 8;
	top.disp += 3;
	asm_mov_store(as, X_W, rax, RAX);
	asm_mov_load(as, X_W, RAX, rm_mem(RSP, 0));
	asm_mov_store(as, X_W, from, RAX);
	asm_lea(as, X_W, RAX, cpu_mem(0));
	asm_mov_store(as, X_W, CPU_MEM(spill[0]), RAX);
	if (backend.carrier != NOREG) {
		asm_mov_store(as, X_W, CPU_MEM(collected), backend.carrier);
		asm_zero(as, backend.carrier);
	}
	asm_alu_imm(as, ALU_SUB, X_W, rm_reg(RSP), 8);
	asm_op(as, 0xae | X_0F, 3, CPU_MEM(host_fp), 0);
	asm_op(as, 0xae | X_0F, 2, CPU_MEM(host_fp_outer), 0);
	asm_mov_imm(as, RAX, (uintptr_t)x86_hot);
	asm_room(as);
	asm_8(as, 0xe8);
	asm_32(as, call_saved - (as->p + backend.exec_delta + 4));
	asm_op(as, 0xae | X_0F, 2, CPU_MEM(host_fp), 0);
	asm_op(as, 0x80, ALU_OR, top, 1);
	asm_8(as, FP_INSIDE >> 24);
	asm_alu_imm(as, ALU_ADD, X_W, rm_reg(RSP), 8);
	ret(as);
}

static void emit_pool(struct Asm *as)
{
	static const uint64_t pool[POOL_COUNT] = {
		[POOL_NAN32] = 0x7fc00000, [POOL_NAN64] = 0x7ff8000000000000,
		[POOL_SIGN32] = 0x80000000, [POOL_SIGN64] = 0x8000000000000000,
		[POOL_ABS32] = 0x7fffffff, [POOL_ABS64] = 0x7fffffffffffffff,
		[POOL_BOX] = 0xffffffff00000000,
	};
	for (unsigned i = 0; i < POOL_COUNT; i++) {
		asm_room(as);
		asm_64(as, pool[i]);
		asm_64(as, 0);
	}
}

static void emit_fp_control(struct Asm *as)
{
	for (unsigned flags = 0; flags <= FPX_ALL; flags++) {
		unsigned mxcsr = 0;
		while (x86_fp_flags[mxcsr] != flags)
			mxcsr++;
		asm_room(as);
		asm_32(as, mxcsr | mxcsr << MXCSR_MASKS | MXCSR_DM);
	}
}

static void align16(struct Asm *as)
{
	while ((uintptr_t)as->p & 15)
		asm_nop(as, 1);
}

bool x86_frame_init(struct CodeBuffer *buf, const char **why)
{
	struct Common *c = &backend.common;
	struct Asm as = { .start = buf->start, .p = buf->start, .end = buf->end };
	ptrdiff_t delta = buf->exec_delta;

	align16(&as);
	c->pool = as.p + delta;
	emit_pool(&as);
	c->fp_flags = as.p + delta;
	for (unsigned i = 0; i < sizeof x86_fp_flags; i++) {
		asm_room(&as);
		asm_8(&as, x86_fp_flags[i]);
	}
	align16(&as);
	c->fp_control = as.p + delta;
	emit_fp_control(&as);
	align16(&as);
	c->enter = as.p + delta;
	emit_enter(&as);
	align16(&as);
	emit_leave(&as, c, delta);
	align16(&as);
	c->store_pins = as.p + delta;
	store_pins(&as);
	ret(&as);
	align16(&as);
	c->call_saved = as.p + delta;
	emit_call_saved(&as);
	align16(&as);
	c->hot = as.p + delta;
	emit_hot(&as, c->call_saved);
	align16(&as);
	if (as.overflow) {
		*why = "the code cache is too small";
		return false;
	}
	buf->start = as.p;
	return true;
}
