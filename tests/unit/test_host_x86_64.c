/* SPDX-License-Identifier: MIT */
/* The x86-64 host against the interpreter: random units of every operation on random states, and the ways in and out of translated code. */
#include <check.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "translator/fault.h"
#include "translator/host/host.h"
#include "translator/host/x86_64/backend.h"
#include "translator/host/x86_64/leaf.h"
#include "translator/translate.h"

enum { NINT = 20, NFLOAT = 12, NWIDE = 4, MEMORY = 4096 + 64, ROOM = 4 << 20, SLOTS = 4 };

struct TestCpu {
	struct Cpu cpu;
	uint64_t x[NINT];
	uint64_t f[NFLOAT];
	uint64_t v[NWIDE][2];
	uint64_t state[4], seen, slot[SLOTS];
};

static struct IrGlobal globals[NINT + NFLOAT + NWIDE];
enum { F0 = NINT, V0 = NINT + NFLOAT };
static const uint8_t hot[] = { 3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 10 };
static void disassemble(uint64_t pc, const uint8_t *bytes, unsigned length, struct _GString *text)
{
	g_string_append_printf(text, "insn at %lx of %u bytes, first %02x", (long)pc, length, bytes[0]);
}
static struct Guest guest = {
	.name = "test", .elf_data = 1, .insn_align = 1, .cpu_size = sizeof(struct TestCpu), .globals = globals,
	.nglobals = G_N_ELEMENTS(globals), .hot = hot, .nhot = G_N_ELEMENTS(hot), .disassemble = disassemble,
};

static struct TestCpu *cpu;
static size_t cpu_room;
static struct JumpCache jumps;
static uint8_t *memory, *forbidden, *writable, *code_start, *meta;
static ptrdiff_t exec_delta;
static struct CodeBuffer x86_buf, interp_buf;
static struct Arena arena;
static struct Ir *ir;
static const struct Host *running;
static struct Block *running_block;

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	uint64_t poll = (uintptr_t)cpu + cpu_poll_offset(&guest), addr = (uintptr_t)info->si_addr;
	bool is_poll = addr >= poll && addr < poll + 4096;

	if (sig == SIGFPE && cpu->cpu.running && host_x86_64.fp_trap(&cpu->cpu, ucontext))
		return;
	cpu->cpu.fault_addr = addr;
	if (!cpu->cpu.running || !running->recover(&cpu->cpu, running_block, ucontext, is_poll ? CAUSE_INTERRUPT : CAUSE_FAULT_LOAD)) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

static void setup(void)
{
	const struct KernelAction action = { .handler = on_fault, .flags = SA_NODEFER };
	static char names[G_N_ELEMENTS(globals)][8];

	for (unsigned i = 0; i < G_N_ELEMENTS(globals); i++) {
		unsigned k = i < F0 ? i : i < V0 ? i - F0 : i - V0;
		snprintf(names[i], sizeof names[i], "%c%u", i < F0 ? 'x' : i < V0 ? 'f' : 'v', k);
		size_t offset = i < F0 ? offsetof(struct TestCpu, x[k]) : i < V0 ? offsetof(struct TestCpu, f[k]) : offsetof(struct TestCpu, v[k]);
		globals[i] = (struct IrGlobal){ names[i], offset, i < F0 ? IR_I64 : i < V0 ? IR_F64 : IR_V128 };
	}
	/* they are left by jumps, so no sanitizer may put its own before them */
	kernel_sigaction(SIGSEGV, &action, NULL);
	kernel_sigaction(SIGFPE, &action, NULL);
	cpu_room = cpu_poll_offset(&guest) + 8192;
	cpu = mmap(NULL, cpu_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cpu->cpu.guest = &guest;
	cpu->cpu.jumps = &jumps;
	for (unsigned i = 0; i < JUMPS_COUNT; i++)
		jumps.entry[i].tag = jump_none(i);
	memory = g_malloc0(MEMORY);
	forbidden = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("code", 0);
	ck_assert(ftruncate(fd, ROOM) == 0);
	writable = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* within reach of this program's functions and data */
	static unsigned times;
	void *near = (void *)(((uintptr_t)&cpu + (256 << 20) + 2 * ROOM * times++) & -(uintptr_t)4096);
	exec_delta = (uint8_t *)mmap(near, ROOM, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) - writable;
	close(fd);
	meta = g_malloc(ROOM);
	interp_buf.start = g_malloc(ROOM);
	interp_buf.end = interp_buf.start + ROOM;
	interp_buf.meta = g_malloc(ROOM);
	interp_buf.meta_end = interp_buf.meta + ROOM;
}

static void start_host(unsigned features)
{
	const char *why = NULL;

	x86_64_limit(features);
	x86_buf = (struct CodeBuffer){ writable, writable + ROOM, exec_delta, meta, meta + ROOM };
	ck_assert_msg(host_x86_64.init(&x86_buf, &guest, &why), "%s", why);
	code_start = x86_buf.start;
}

static void begin(uint64_t pc)
{
	arena_reset(&arena);
	x86_buf.start = code_start;
	x86_buf.meta = meta;
	ir = ir_new(&arena, &guest, pc, 0);
	ir->round = cpu->cpu.round;
	ir_mark(ir, pc, "\1\0\0", 4);
}

static struct Block *emit_with(const struct Host *h, GString *text)
{
	struct CodeBuffer interp = interp_buf, *buf = h == &host_interp ? &interp : &x86_buf;
	struct Block *block = memset(buf->meta, 0, sizeof *block);

	buf->meta = (uint8_t *)(block + 1);
	ir_check(ir, "test");
	block->pc = ir->pc;
	block->valid = true;
	ck_assert_int_eq(h->emit(ir, buf, block, text), EMIT_OK);
	return block;
}

static void run(const struct Host *h, struct Block *block)
{
	running = h;
	running_block = block;
	cpu->cpu.running = 1;
	cpu->cpu.cause = CAUSE_NONE;
	h->enter(&cpu->cpu, block);
	cpu->cpu.running = 0;
	ck_assert_uint_eq(_mm_getcsr() & ~63u, MXCSR_MASKED);
}

static Ref c(uint64_t value) { return ir_const(ir, value); }

/* -- random numbers and values -------------------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}
static unsigned below(unsigned n) { return (rnd() >> 33) % n; }
static bool one_in(unsigned n) { return below(n) == 0; }

static uint64_t any_int(void)
{
	switch (below(8)) {
	case 0: return below(4);
	case 1: return -(uint64_t)below(4);
	case 2: return (uint64_t)1 << below(64);
	case 3: return (int32_t)rnd();
	case 4: return ((uint64_t)1 << below(64)) - 1;
	case 5: return 0x7fffffffffffffffu + below(2);
	case 6: return 0x7fffffff + below(3);
	default: return rnd();
	}
}

static uint64_t any_f64(void)
{
	static const uint64_t special[] = {
		0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000001,
		0x7ff0000000000001, 1, 0x800fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000, 0xc1e0000000200000,
		0x41efffffffe00000, 0x43e0000000000000, 0xc3e0000000000000, 0x43f0000000000000, 0xbfe0000000000000, 0x3fe0000000000000, 0x41f0000000000000,
		0x380fffffffffffff, 0x36a0000000000000, 0xbfefffffffffffff, 0x41efffffffffffff, 0x47efffffefffffff, 0x47effffff0000000,
	};
	switch (below(4)) {
	case 0: case 1: return special[below(G_N_ELEMENTS(special))];
	case 2: return (rnd() & 0x800fffffffffffff) | (uint64_t)(1023 - 40 + below(110)) << 52;
	default: return rnd();
	}
}

static uint32_t any_f32(void)
{
	static const uint32_t special[] = {
		0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7f800001, 1, 0x807fffff, 0x00800000, 0x7f7fffff,
		0x4effffff, 0x4f000000, 0xcf000000, 0xcf000001, 0x4f7fffff, 0x4f800000, 0x5f000000, 0xdf000000, 0x5f800000, 0xbf000000, 0x3f7fffff,
	};
	switch (below(4)) {
	case 0: case 1: return special[below(G_N_ELEMENTS(special))];
	case 2: return (rnd() & 0x807fffff) | (uint32_t)(127 - 30 + below(90)) << 23;
	default: return rnd();
	}
}

static uint64_t any_float(void)
{
	return one_in(2) ? any_f64() : one_in(8) ? any_f32() : 0xffffffff00000000 | any_f32();
}

static void random_state(void)
{
	for (unsigned i = 0; i < NINT; i++)
		cpu->x[i] = any_int();
	for (unsigned i = 0; i < NFLOAT; i++)
		cpu->f[i] = any_float();
	for (unsigned i = 0; i < NWIDE; i++)
		cpu->v[i][0] = rnd(), cpu->v[i][1] = rnd();
	for (unsigned i = 0; i < 4; i++)
		cpu->state[i] = any_int();
	cpu->seen = 0;
	memset(cpu->slot, 0, sizeof cpu->slot);
	for (unsigned i = 0; i < MEMORY; i += 8) {
		uint64_t v = one_in(2) ? any_int() : any_float();
		memcpy(memory + i, &v, 8);
	}
}

/* -- functions that units call ---------------------------------------------------------------------------------------------------- */

static void clobber(void)
{
	__asm__ volatile("mov $0x5a5a5a5a5a5a5a5a, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%r8;"
			 "mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11; movq %%rax, %%xmm0; movq %%rax, %%xmm1; movq %%rax, %%xmm2;"
			 "movq %%rax, %%xmm3; movq %%rax, %%xmm4; movq %%rax, %%xmm5; movq %%rax, %%xmm6; movq %%rax, %%xmm7; movq %%rax, %%xmm8;"
			 "movq %%rax, %%xmm9; movq %%rax, %%xmm10; movq %%rax, %%xmm11; movq %%rax, %%xmm12; movq %%rax, %%xmm13; movq %%rax, %%xmm14;"
			 "movq %%rax, %%xmm15" ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			 "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

static uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x9e3779b97f4a7c15 + (h >> 29); }

static uint64_t fn_plain(uint64_t a, uint64_t b, uint64_t d, uint64_t e, uint64_t f, uint64_t g)
{
	uint64_t h = mix(mix(mix(mix(mix(mix(1, a), b), d), e), f), g);
	cpu->seen = mix(cpu->seen, h);
	clobber();
	return h;
}

static void see_globals(void)
{
	for (unsigned i = 0; i < sizeof cpu->x / 8; i++)
		cpu->seen = mix(cpu->seen, cpu->x[i]);
	for (unsigned i = 0; i < NFLOAT; i++)
		cpu->seen = mix(cpu->seen, cpu->f[i]);
	for (unsigned i = 0; i < NWIDE; i++)
		cpu->seen = mix(mix(cpu->seen, cpu->v[i][0]), cpu->v[i][1]);
	cpu->seen = mix(cpu->seen, cpu->cpu.pc);
	if (running == &host_x86_64) {
		const void *from = ((const void **)cpu->cpu.host_frame)[-1];
		ck_assert_uint_eq(running->guest_pc(running_block, from), cpu->cpu.pc);
	}
}

static uint64_t fn_reads(struct Cpu *self, uint64_t a, uint64_t b)
{
	ck_assert(self == &cpu->cpu);
	see_globals();
	clobber();
	return mix(a, b);
}

static uint64_t fn_writes(uint64_t a, struct Cpu *self, uint64_t b)
{
	ck_assert(self == &cpu->cpu);
	see_globals();
	for (unsigned i = 0; i < 6; i++)
		cpu->x[(a + 3 * i) % NINT] += b + i;
	cpu->f[a % NFLOAT] ^= b;
	cpu->v[b % NWIDE][1] += a;
	clobber();
	return mix(b, a);
}

static uint64_t fn_float(uint64_t a)
{
	ck_assert_uint_eq(_mm_getcsr() & ~63u, MXCSR_MASKED);
	volatile double x = 1, y = 3;
	x = x / y * (double)(a & 255);
	clobber();
	return a + (x > 5);
}

/* -- random units --------------------------------------------------------------------------------------------------------------------- */

enum Kind { K_INT, K_F64, K_F32, K_V128, KINDS };
static struct { Ref at[KINDS][64]; unsigned n[KINDS]; } temps;
static uint32_t reserved;               /* integer globals that loops count with */
static unsigned budget, insn_pc;

static void keep(enum Kind kind, Ref t)
{
	if (temps.n[kind] < 64)
		temps.at[kind][temps.n[kind]++] = t;
	else
		temps.at[kind][below(64)] = t;
}
static void forget_temps(void) { memset(&temps, 0, sizeof temps); }

static Ref int_var(void)
{
	return temps.n[K_INT] && one_in(3) ? temps.at[K_INT][below(temps.n[K_INT])] : below(NINT);
}
static Ref int_operand(void) { return one_in(5) ? c(any_int()) : int_var(); }
static Ref f64_operand(void) { return temps.n[K_F64] && one_in(2) ? temps.at[K_F64][below(temps.n[K_F64])] : F0 + below(NFLOAT); }
static Ref v128_operand(void) { return temps.n[K_V128] && one_in(3) ? temps.at[K_V128][below(temps.n[K_V128])] : V0 + below(NWIDE); }
static Ref f32_operand(void)
{
	if (temps.n[K_F32] && !one_in(4))
		return temps.at[K_F32][below(temps.n[K_F32])];
	Ref t = ir_op1(ir, IR_UNBOX32, IR_F32, f64_operand());
	keep(K_F32, t);
	return t;
}
static Ref float_operand(enum IrType type) { return type == IR_F64 ? f64_operand() : f32_operand(); }

static Ref int_result(void)
{
	if (one_in(3)) {
		Ref t = ir_temp(ir, IR_INT);
		return t;
	}
	for (;;) {
		unsigned r = below(NINT);
		if (!(reserved >> r & 1))
			return r;
	}
}
static void done_int(Ref d)
{
	if (!ir_is_global(ir, d))
		keep(K_INT, d);
}
/* A float result: f32 goes to temporaries and sometimes on, boxed, to a global. */
static Ref float_result(enum IrType type) { return type == IR_F32 || one_in(3) ? ir_temp(ir, IR_VEC) : F0 + below(NFLOAT); }
static void done_float(enum IrType type, Ref d)
{
	if (type == IR_F32) {
		keep(K_F32, d);
		if (one_in(2))
			ir_into1(ir, IR_BOX32, IR_F32, F0 + below(NFLOAT), d);
	} else if (!ir_is_global(ir, d)) {
		keep(K_F64, d);
	}
}

/* An address into MEMORY, aligned to ALIGN bytes; rarely a forbidden one. */
static Ref address(unsigned align, int32_t *disp)
{
	*disp = (int32_t)below(256) * 16 - 2048;
	if (align < 16)
		*disp += below(16 / align) * align;
	uint64_t base = (uintptr_t)memory + 2048;
	if (one_in(400))
		base = (uintptr_t)forbidden + 8192;
	if (one_in(4))
		return c(base);
	Ref t = ir_op2(ir, IR_AND, IR_I64, int_var(), c(15 & -(uint64_t)align));
	if (one_in(2)) {
		Ref d = int_result();
		ir_into2(ir, IR_ADD, IR_I64, d, t, c(base));
		done_int(d);
		return d;
	}
	return ir_op2(ir, IR_ADD, IR_I64, t, c(base));
}

static void gen_integer(void)
{
	static const uint8_t only64[] = { IR_SEXT32, IR_ZEXT32, IR_CLMUL, IR_CLMULH };
	unsigned op = IR_MOV + below(IR_SELECT - IR_MOV + 1);
	enum IrType type = one_in(3) ? IR_I32 : IR_I64;

	if (op == IR_SETCOND || op == IR_SELECT) {
		Ref a = int_operand(), b = int_operand(), x = int_operand(), y = int_operand(), d = int_result();
		unsigned cond = one_in(30) ? COND_ALWAYS + below(2) : below(COND_ALWAYS);
		if (op == IR_SETCOND)
			ir_setcond(ir, type, cond, d, a, b);
		else
			ir_select(ir, type, cond, d, a, b, x, y);
		done_int(d);
		return;
	}
	for (unsigned i = 0; i < sizeof only64; i++)
		if (op == only64[i])
			type = IR_I64;
	Ref a = int_operand(), b = ir_op_info[op].nargs > 1 ? int_operand() : REF_NONE, d = int_result();
	ir_into2(ir, op, type, d, a, b);
	done_int(d);
	if (one_in(3) && !ir_is_global(ir, d)) {
		Ref e = int_result();
		ir_into1(ir, IR_SEXT32, IR_I64, e, d);
		done_int(e);
	}
	if (one_in(8)) {
		Ref s = ir_op2(ir, IR_SHL, IR_I64, int_var(), c(below(5))), e = int_result();
		ir_into2(ir, IR_ADD, IR_I64, e, s, int_operand());
		done_int(e);
	}
}

static void gen_memory(void)
{
	int32_t disp;
	unsigned size = below(4), mem = size | (one_in(2) ? MEM_SIGNED : 0) | (one_in(6) ? MEM_BE : 0);

	switch (below(8)) {
	case 0: case 1: case 2: {
		bool aligned = one_in(8);
		Ref a = address(aligned && !one_in(20) ? 1 << size : 1, &disp), d = int_result();
		ir_load(ir, IR_I64, mem | (aligned ? MEM_ALIGNED : 0), one_in(20) ? REF_NONE : d, a, disp);
		if (ir->ins[ir->nins - 1].d != REF_NONE)
			done_int(d);
		break;
	}
	case 3: case 4: {
		bool aligned = one_in(8);
		Ref a = address(aligned && !one_in(20) ? 1 << size : 1, &disp);
		ir_store(ir, IR_I64, (mem & ~MEM_SIGNED) | (aligned ? MEM_ALIGNED : 0), a, disp, int_operand());
		break;
	}
	case 5: {
		unsigned which = below(3);
		enum IrType type = which == 0 ? IR_F32 : which == 1 ? IR_F64 : IR_V128;
		mem = (MEM_32 + which) | (mem & MEM_BE);
		Ref a = address(1, &disp);
		if (one_in(2)) {
			Ref d = type == IR_V128 ? (one_in(3) ? ir_temp(ir, IR_VEC) : V0 + below(NWIDE)) : float_result(type);
			ir_load(ir, type, mem, d, a, disp);
			if (type != IR_V128)
				done_float(type, d);
			else if (!ir_is_global(ir, d))
				keep(K_V128, d);
		} else {
			ir_store(ir, type, mem, a, disp, type == IR_V128 ? v128_operand() : float_operand(type));
		}
		break;
	}
	default: {
		unsigned op = IR_CMPXCHG + below(IR_FMAXU - IR_CMPXCHG + 1);
		size = MEM_32 + below(2);
		mem = size | (mem & ~MEM_SIZE) | MEM_ATOMIC;
		Ref a = address(one_in(40) ? 1 : 1 << size, &disp), b = int_operand(), x = int_operand(), d = int_result();
		if (op == IR_CMPXCHG && one_in(2)) {
			b = ir_temp(ir, IR_INT);
			ir_load(ir, IR_I64, mem & ~MEM_ATOMIC, b, a, disp);
		}
		ir_atomic(ir, op, IR_I64, mem, one_in(4) ? REF_NONE : d, a, b, op == IR_CMPXCHG ? x : REF_NONE);
		ir->ins[ir->nins - 1].imm = disp;
		if (ir->ins[ir->nins - 1].d != REF_NONE)
			done_int(d);
		break;
	}
	}
}

static unsigned any_round(void) { return one_in(8) ? below(5) : ir->round; }

static void gen_float(void)
{
	unsigned op = IR_FADD + below(IR_UNBOX32 - IR_FADD + 1);
	enum IrType type = one_in(2) ? IR_F64 : IR_F32;
	Ref d, a, b, x;

	switch (op) {
	case IR_FCVT_F32_F64:
		a = f64_operand();
		d = float_result(IR_F32);
		ir_fp(ir, op, IR_F32, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(IR_F32, d);
		return;
	case IR_FCVT_F64_F32:
		a = f32_operand();
		d = float_result(IR_F64);
		ir_fp(ir, op, IR_F64, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(IR_F64, d);
		return;
	case IR_FCVTF_I32: case IR_FCVTF_U32: case IR_FCVTF_I64: case IR_FCVTF_U64:
		a = int_operand();
		d = float_result(type);
		ir_fp(ir, op, type, any_round(), d, a, REF_NONE, REF_NONE);
		done_float(type, d);
		return;
	case IR_FEQ: case IR_FLT: case IR_FLE:
	case IR_FCVT_I32: case IR_FCVT_U32: case IR_FCVT_I64: case IR_FCVT_U64:
		a = float_operand(type);
		b = ir_op_info[op].nargs > 1 ? float_operand(type) : REF_NONE;
		d = int_result();
		ir_fp(ir, op, type, one_in(3) ? ROUND_TZ : any_round(), d, a, b, REF_NONE);
		done_int(d);
		return;
	case IR_FBITS: case IR_FCLASS:
		a = float_operand(type);
		d = int_result();
		ir_into1(ir, op, type, d, a);
		done_int(d);
		return;
	case IR_BITSF:
		a = int_operand();
		d = float_result(type);
		ir_into1(ir, op, type, d, a);
		done_float(type, d);
		return;
	case IR_BOX32:
		ir_into1(ir, op, IR_F32, F0 + below(NFLOAT), f32_operand());
		return;
	case IR_UNBOX32:
		f32_operand();
		return;
	}
	a = float_operand(type);
	b = ir_op_info[op].nargs > 1 ? float_operand(type) : REF_NONE;
	x = ir_op_info[op].nargs > 2 ? float_operand(type) : REF_NONE;
	d = float_result(type);
	if (ir_op_info[op].flags & OPF_ROUND)
		ir_fp(ir, op, type, any_round(), d, a, b, x);
	else
		ir_into2(ir, op, type, d, a, b);
	done_float(type, d);
}

/* Functions whose bodies are emitted in place of calls, and what they work on. */
uint64_t leaf_cells[8];
__asm__(
	".pushsection .text\n"
	"leaf_count: endbr64; addq $1, leaf_cells(%rip); ret\n"
	"leaf_count_far: lea leaf_cells(%rip), %rax; addq $1000, (%rax); ret\n"
	"leaf_count_down: decq leaf_cells+8(%rip); subl $3, leaf_cells+16(%rip); ret\n"
	"leaf_nothing: xor %eax, %eax; nopw 0(%rax,%rax); mov %rdi, %rdx; ret\n"
	"leaf_sum: movslq %esi, %rsi; add %rdi, %rsi; add %rsi, leaf_cells+24(%rip); ret\n"
	"leaf_mix: xor %eax, %eax; cmp %rsi, %rdi; setb %al; imul $77, %rdx, %rcx; lea (%rcx,%rax,4), %r9; xor %r8d, %r8d; mov %dil, %r8b\n"
	"	xor %r8, %r9; and $7, %edi; lea leaf_cells(%rip), %r11; xor %r9, 32(%r11); ret\n"
	"leaf_index: and $7, %edi; lea leaf_cells(%rip), %rax; add %rcx, (%rax,%rdi,8); movb %sil, 40(%rax); movw $9, 50(%rax); ret\n"
	"leaf_widths: movzbl %dl, %eax; movsbq %cl, %rcx; add %eax, %ecx; shl $3, %rcx; lock; xadd %rcx, leaf_cells+48(%rip)\n"
	"	not %rcx; mov %rcx, leaf_cells+56(%rip); ret\n"
	"leaf_select: mov $5, %eax; test %rdi, %rdi; cmovs %rsi, %rax; neg %rax; sbb %rdx, %rdx; adc %rax, leaf_cells+56(%rip); ret\n"
	"leaf_true: endbr64; mov $1, %eax; ret\n"
	"leaf_false: xor %eax, %eax; ret\n"
	"leaf_asks: mov leaf_cells(%rip), %al; ret\n"
	"leaf_wild: mov (%rdi), %rax; ret\n"
	"not_stack: push %rax; pop %rax; ret\n"
	"not_kept: mov %rdi, %rbx; ret\n"
	"not_straight: test %edi, %edi; je 1f; incl leaf_cells(%rip); 1: ret\n"
	"not_vector: pxor %xmm0, %xmm0; ret\n"
	"not_high: mov %ah, %al; ret\n"
	"not_leaf: jmp leaf_true\n"
	".popsection");
#define LEAF(name) extern const uint8_t name[]
LEAF(leaf_count); LEAF(leaf_count_far); LEAF(leaf_count_down); LEAF(leaf_nothing); LEAF(leaf_sum); LEAF(leaf_mix); LEAF(leaf_index);
LEAF(leaf_widths); LEAF(leaf_select); LEAF(leaf_true); LEAF(leaf_false); LEAF(leaf_asks); LEAF(leaf_wild); LEAF(not_stack); LEAF(not_kept);
LEAF(not_straight); LEAF(not_vector); LEAF(not_high); LEAF(not_leaf);
#undef LEAF

static void gen_leaf(void)
{
	static const uint8_t *const leaves[] = {
		leaf_count, leaf_count, leaf_count_far, leaf_count_down, leaf_nothing, leaf_sum, leaf_mix, leaf_index, leaf_widths, leaf_select,
	};
	Ref args[4];

	for (unsigned i = 0; i < 4; i++)
		args[i] = int_operand();
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaves[below(G_N_ELEMENTS(leaves))], "leaf", IRC_PROBE, 4, args);
}

static void gen_call(void)
{
	if (one_in(2)) {
		gen_leaf();
		return;
	}
	if (one_in(4)) {        /* flags: read, written, or kept over a comparison */
		unsigned kind = below(3);
		Ref a = float_operand(IR_F64), b = float_operand(IR_F64), old = kind ? below(NINT) : int_operand(), d = below(NINT);
		while ((kind && reserved >> old & 1) || reserved >> d & 1) {
			old = kind ? below(NINT) : old;
			d = below(NINT);
		}
		if (kind) {
			ir_append(ir, IR_FXGET, IR_I64)->d = old;
			ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
		}
		if (kind == 2) {
			ir_fp(ir, one_in(2) ? IR_FLT : IR_FLE, IR_F64, ROUND_NE, d, a, b, REF_NONE);
			ir_mark(ir, insn_pc += 2, "\1\0\0", 4);
		}
		if (kind != 1)
			ir_append(ir, IR_FXPUT, IR_I64)->a[0] = old;
		return;
	}
	Ref args[6], d = one_in(3) ? REF_NONE : int_result();
	for (unsigned i = 0; i < 6; i++)
		args[i] = int_operand();
	unsigned which = below(4);
	bool conditional = one_in(3);
	if (conditional)
		d = REF_NONE;
	if (which == 0) {
		ir_call(ir, d, fn_plain, "plain", 0, 6, args);
	} else if (which == 1) {
		args[0] = REF_CPU;
		ir_call(ir, d, fn_reads, "reads", IRC_READS | (one_in(3) ? IRC_PROBE | IRC_FP : 0), 3, args);
	} else if (which == 2) {
		args[1] = REF_CPU;
		if (reserved)
			ir_call(ir, d, fn_reads, "reads", IRC_READS, 3, (Ref[]){ REF_CPU, args[0], args[2] });
		else
			ir_call(ir, d, fn_writes, "writes", IRC_READS | IRC_WRITES, 3, args);
	} else {
		ir_call(ir, d, fn_float, "float", IRC_FP, 1, args);
	}
	if (conditional) {
		struct Ins *ins = &ir->ins[ir->nins - 1];
		ins->cond = below(COND_ALWAYS);
		Ref a = int_operand(), b = int_operand();
		ins = &ir->ins[ir->nins - 1];
		ins->a[0] = a;
		ins->a[1] = b;
	}
	if (d != REF_NONE)
		done_int(d);
}

static void gen_other(void)
{
	unsigned mem = below(4) | (one_in(2) ? MEM_SIGNED : 0);
	uint32_t state = offsetof(struct TestCpu, state) + 8 * below(4), slot = offsetof(struct TestCpu, slot) + 8 * below(SLOTS);
	Ref d;

	switch (below(9)) {
	case 0:
		d = int_result();
		ir_get(ir, mem, d, state);
		done_int(d);
		break;
	case 1: ir_put(ir, mem & ~MEM_SIGNED, state, int_operand()); break;
	case 2: ir_fence(ir, below(16)); break;
	case 3: case 4: {
		Ref a = one_in(2) ? c(1) : int_operand();
		struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->a[0] = a;
		ins->imm = slot;
		break;
	}
	case 5: {
		Ref a = int_operand();
		struct Ins *ins = ir_append(ir, IR_SLOTPUT, IR_I64);
		ins->a[0] = a;
		ins->imm = slot;
		break;
	}
	case 6: {
		d = int_result();
		struct Ins *ins = ir_append(ir, IR_SLOTGET, IR_I64);
		ins->d = d;
		ins->imm = slot;
		done_int(d);
		break;
	}
	case 7: {
		Ref a = v128_operand();
		d = one_in(2) ? ir_temp(ir, IR_VEC) : V0 + below(NWIDE);
		ir_into1(ir, IR_MOV, IR_V128, d, a);
		if (!ir_is_global(ir, d))
			keep(K_V128, d);
		break;
	}
	default: {
		Ref a = f64_operand();
		d = float_result(IR_F64);
		ir_into1(ir, IR_MOV, IR_F64, d, a);
		done_float(IR_F64, d);
	}
	}
}

static uint64_t near_pc(void) { return 0x400000 + 2 * below(1000); }

/* Units of floating point and loops for the most part: values go round a loop as arithmetic, loads and moves make them. */
static bool floats_only;

static unsigned choose_kind(void)
{
	static const uint8_t floats[] = { 0, 2, 2, 2, 16, 20, 24, 36 };

	return !floats_only ? below(40) : one_in(4) ? floats[below(G_N_ELEMENTS(floats))] : 25;
}

static void gen_sequence(unsigned depth, unsigned length)
{
	while (length-- && budget) {
		budget--;
		if (one_in(3)) {
			insn_pc += 2 + 2 * below(2);
			ir_mark(ir, insn_pc, "\1\0\0", 4);
			if (one_in(4))
				ir_poll(ir);
		}
		switch (choose_kind()) {
		case 0: case 1: if (depth < 3) {        /* skip a part */
			unsigned label = ir_label(ir);
			Ref a = int_operand(), b = int_operand();
			ir_brcond(ir, one_in(3) ? IR_I32 : IR_I64, below(COND_ALWAYS), a, b, label);
			gen_sequence(depth + 1, 1 + below(8));
			ir_emit_label(ir, label);
			forget_temps();
			break;
		}       /* fall through */
		case 2: if (depth < 2 && one_in(2)) {   /* a loop of a few rounds */
			unsigned label = ir_label(ir), counter;
			do
				counter = below(NINT);
			while (reserved >> counter & 1);
			reserved |= 1u << counter;
			ir_into1(ir, IR_MOV, IR_I64, counter, c(1 + below(4)));
			ir_emit_label(ir, label);
			forget_temps();
			gen_sequence(depth + 1, 1 + below(10));
			ir_into2(ir, IR_SUB, IR_I64, counter, counter, c(1));
			ir_brcond(ir, IR_I64, COND_NE, counter, c(0), label);
			reserved &= ~(1u << counter);
			break;
		}       /* fall through */
		case 3: if (one_in(3)) {
			Ref a = int_operand(), b = int_operand();
			ir_exit_cond(ir, one_in(3) ? IR_I32 : IR_I64, below(COND_ALWAYS), a, b, near_pc());
			break;
		}       /* fall through */
		case 4 ... 15: gen_integer(); break;
		case 16 ... 24: gen_memory(); break;
		case 25 ... 35: gen_float(); break;
		case 36: case 37: gen_call(); break;
		default: gen_other(); break;
		}
	}
}

static void gen_unit(void)
{
	cpu->cpu.round = below(5);
	begin(0x400000);
	insn_pc = 0x400000;
	forget_temps();
	reserved = 0;
	budget = 2 + below(one_in(10) ? 200 : 40);
	gen_sequence(0, budget);
	switch (below(5)) {
	case 0: {
		Ref to = one_in(2) ? ir_temp(ir, IR_INT) : below(NINT);
		ir_into2(ir, IR_AND, IR_I64, to, int_var(), c(-2ull));
		ir_exit_indirect(ir, to, EXIT_RETURN, 0);
		break;
	}
	case 1: ir_raise(ir, CAUSE_BREAKPOINT); break;
	default: {
		Ref a = int_operand(), b = int_operand();
		ir_exit_cond(ir, IR_I64, below(COND_ALWAYS), a, b, near_pc());
		ir_exit(ir, near_pc(), EXIT_JUMP, 0);
	}
	}
}

static void explain(const char *what, unsigned round, const char *listing)
{
	GString *text = g_string_new(NULL);

	ir_print(ir, "unit", text);
	fprintf(stderr, "%s\n%s\n%s in unit %u\n", text->str, listing, what, round);
}

/* COUNT random units under FEATURES. */
static void compare_hosts(unsigned features, unsigned count)
{
	start_host(features);
	for (unsigned round = 0; round < count; round++) {
		static struct TestCpu before, want;
		static uint8_t before_memory[MEMORY], want_memory[MEMORY];
		bool listing = getenv("TEST_LISTING") != NULL;

		gen_unit();
		struct Block *reference = emit_with(&host_interp, NULL);
		if (one_in(2))
			ir_optimise(ir);
		GString *text = g_string_new(NULL);
		if (listing)
			ir_print(ir, "before emission", text);
		struct Block *block = emit_with(&host_x86_64, listing ? text : NULL);
		for (unsigned again = 0; again < 2; again++) {
			random_state();
			host_x86_64.fp_update(&cpu->cpu, false);
			cpu->cpu.fflags = 0;
			cpu->cpu.pc = ir->pc;
			uint64_t want_cells[8];
			memset(leaf_cells, 0, sizeof leaf_cells);
			memcpy(&before, cpu, sizeof before);
			memcpy(before_memory, memory, MEMORY);
			run(&host_interp, reference);
			memcpy(&want, cpu, sizeof want);
			memcpy(want_cells, leaf_cells, sizeof leaf_cells);
			memset(leaf_cells, 0, sizeof leaf_cells);
			memcpy(want_memory, memory, MEMORY);

			memcpy(cpu, &before, sizeof before);
			memcpy(memory, before_memory, MEMORY);
			run(&host_x86_64, block);
			cpu->cpu.fflags |= host_x86_64.fp_flags(&cpu->cpu, false);
			const char *what = NULL;
			static char buffer[128];
			for (unsigned i = 0; i < NINT; i++)
				if (cpu->x[i] != want.x[i])
					what = buffer, snprintf(buffer, sizeof buffer, "x%u = %lx, not %lx", i, cpu->x[i], want.x[i]);
			for (unsigned i = 0; i < NFLOAT; i++)
				if (cpu->f[i] != want.f[i])
					what = buffer, snprintf(buffer, sizeof buffer, "f%u = %lx, not %lx", i, cpu->f[i], want.f[i]);
			if (memcmp(cpu->v, want.v, sizeof want.v))
				what = "v";
			if (memcmp(cpu->state, want.state, sizeof want.state))
				what = "state";
			if (memcmp(cpu->slot, want.slot, sizeof want.slot))
				what = "slots";
			if (memcmp(leaf_cells, want_cells, sizeof leaf_cells))
				what = "what leaves wrote";
			if (cpu->seen != want.seen)
				what = "what calls saw";
			if (cpu->cpu.fflags != want.cpu.fflags)
				what = buffer, snprintf(buffer, sizeof buffer, "flags = %x, not %x", cpu->cpu.fflags, want.cpu.fflags);
			if (memcmp(memory, want_memory, MEMORY))
				what = "memory";
			if (cpu->cpu.pc != want.cpu.pc || cpu->cpu.cause != want.cpu.cause)
				what = buffer, snprintf(buffer, sizeof buffer, "pc %lx cause %u, not %lx %u", cpu->cpu.pc, cpu->cpu.cause, want.cpu.pc, want.cpu.cause);
			if (cpu->cpu.cause && cpu->cpu.cause != CAUSE_BREAKPOINT && cpu->cpu.fault_addr != want.cpu.fault_addr)
				what = buffer, snprintf(buffer, sizeof buffer, "fault at %lx, not %lx, pc %lx", cpu->cpu.fault_addr, want.cpu.fault_addr, cpu->cpu.pc);
			if (what) {
				if (listing)
					explain(what, round, text->str);
				ck_abort_msg("features %x, unit %u, run %u: %s", features, round, again, what);
			}
		}
		g_string_free(text, TRUE);
	}
}

static unsigned random_count(void)
{
	const char *count = getenv("TEST_COUNT");
	return count ? atoi(count) : 3000;
}

static const unsigned feature_sets[] = {
	HAS_ALL, 0, HAS_ALL & ~HAS_FMA, HAS_ALL & ~(HAS_AVX | HAS_FMA), HAS_ALL & ~(HAS_BMI1 | HAS_BMI2 | HAS_LZCNT | HAS_MOVBE), HAS_BMI2 | HAS_AVX,
};

START_TEST(random_units)
{
	if (getenv("TEST_SEED"))
		seed += strtoull(getenv("TEST_SEED"), NULL, 0) * 0x9e3779b97f4a7c15;
	compare_hosts(feature_sets[_i], random_count());
}
END_TEST

START_TEST(random_float_loops)
{
	if (getenv("TEST_SEED"))
		seed += strtoull(getenv("TEST_SEED"), NULL, 0) * 0x9e3779b97f4a7c15;
	floats_only = true;
	compare_hosts(feature_sets[_i], random_count());
	floats_only = false;
}
END_TEST

/* -- ways in and out ----------------------------------------------------------------------------------------------------------------- */

START_TEST(chained_exits)
{
	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
	ir_into2(ir, IR_ADD, IR_I64, 15, 15, c(1));
	ir_exit_cond(ir, IR_I64, COND_LTU, 3, c(1000), 0x1000);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	ck_assert_uint_eq(block->nexits, 2);
	cpu->x[3] = cpu->x[15] = 0;
	run(&host_x86_64, block);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(block)[0]);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1000);
	ck_assert_uint_eq(cpu->x[3], 1);
	host_x86_64.chain(&block_exits(block)[0], block);
	run(&host_x86_64, block);
	ck_assert_uint_eq(cpu->x[3], 1000);
	ck_assert_uint_eq(cpu->x[15], 1000);
	ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
	ck_assert_ptr_eq(cpu->cpu.leave_site, &block_exits(block)[1]);
	host_x86_64.chain(&block_exits(block)[0], NULL);
	cpu->x[3] = 0;
	run(&host_x86_64, block);
	ck_assert_uint_eq(cpu->x[3], 1);
}
END_TEST

START_TEST(indirect_exits)
{
	start_host(HAS_ALL);
	for (uint32_t key = 0; key < 2; key++) {
		begin(0x1000);
		ir->key = key;
		ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
		ir_select(ir, IR_I64, COND_LTU, 17, 3, c(100), c(0x1000), c(0x2000));
		ir_exit_indirect(ir, 17, EXIT_RETURN, 0);
		struct Block *block = emit_with(&host_x86_64, NULL);
		struct Jump *jump = &jumps.entry[jump_index(0x1000, 1)];
		jump->tag = jump_none(jump - jumps.entry);
		cpu->x[3] = 0;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->cpu.pc, 0x1000);
		ck_assert_ptr_null(cpu->cpu.leave_site);
		jump->tag = jump_tag(0x1000, key);
		jump->code = block->code;
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->cpu.pc, 0x2000);
		ck_assert_uint_eq(cpu->x[3], 100);
		jump->tag = jump_none(jump - jumps.entry);
	}
}
END_TEST

/* A closed poll page leaves with the exact state of the polling instruction. */
START_TEST(polling)
{
	void *page = (char *)cpu + cpu_poll_offset(&guest);

	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_fp(ir, IR_FADD, IR_F64, ROUND_NE, F0, F0, F0, REF_NONE);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_poll(ir);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	cpu->cpu.round = 0;
	struct Block *block = emit_with(&host_x86_64, NULL);
	cpu->x[3] = 1;
	cpu->f[0] = 0x3ff0000000000000;
	ck_assert_int_eq(mprotect(page, 4096, PROT_NONE), 0);
	run(&host_x86_64, block);
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_INTERRUPT);
	ck_assert_uint_eq(cpu->cpu.pc, 0x1004);
	ck_assert_uint_eq(cpu->x[3], 6);
	ck_assert_uint_eq(cpu->f[0], 0x4000000000000000);
}
END_TEST

/* -- leaves ---------------------------------------------------------------------------------------------------------------------------- */

START_TEST(leaves)
{
	enum { A = 1 << RDI, B = 1 << RSI, D = 1 << RDX, E = 1 << RCX };
	static const struct {
		const uint8_t *fn;
		bool good, adds;
		unsigned n, reads;
		int64_t constant;       /* -1: none */
	} rows[] = {
		{ leaf_count, true, true, 1, 0, -1 },
		{ leaf_count_far, true, true, 1, 0, -1 },
		{ leaf_count_down, true, true, 2, 0, -1 },
		{ leaf_nothing, true, true, 0, 0, 0 },
		{ leaf_sum, true, false, 3, A | B, -1 },
		{ leaf_mix, true, false, 9, A | B | D, -1 },
		{ leaf_select, true, false, 6, A | B | D, -1 },
		{ leaf_true, true, true, 0, 0, 1 },
		{ leaf_false, true, true, 0, 0, 0 },
		{ leaf_asks, true, false, 1, 1 << RAX, -1 },
		{ leaf_wild, true, false, 1, A, -1 },
		{ not_stack, .constant = -1 }, { not_kept, .constant = -1 }, { not_straight, .constant = -1 }, { not_vector, .constant = -1 },
		{ not_high, .constant = -1 }, { not_leaf, .constant = -1 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct Leaf *leaf = x86_leaf(rows[i].fn);
		ck_assert_msg(leaf->good == rows[i].good, "row %u", i);
		if (!leaf->good)
			continue;
		ck_assert_msg(leaf->n == rows[i].n && leaf->reads == rows[i].reads && leaf->adds == rows[i].adds,
			      "row %u: %u instructions, reads %x, adds %d", i, leaf->n, leaf->reads, leaf->adds);
		ck_assert_msg(leaf->constant == (rows[i].constant >= 0), "row %u", i);
		if (leaf->constant)
			ck_assert_uint_eq(leaf->value, rows[i].constant);
	}
}
END_TEST

/* The same address, another function. */
START_TEST(leaf_replaced)
{
	uint8_t *code = writable;
	static const uint8_t gives[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
	struct FunctionFacts facts;

	for (unsigned value = 7; value < 9; value++) {
		memcpy(code, gives, sizeof gives);
		code[1] = value;
		ck_assert(host_x86_64.examine(code + exec_delta, &facts) && facts.constant && facts.empty && !facts.reads);
		ck_assert_uint_eq(facts.value, value);
	}
	code[0] = 0xe8;
	ck_assert(!host_x86_64.examine(code + exec_delta, &facts));
}
END_TEST

/* Additions are merged, and made up for where they are interrupted. */
START_TEST(merged_additions)
{
	void *page = (char *)cpu + cpu_poll_offset(&guest);

	start_host(HAS_ALL);
	begin(0x1000);
	for (unsigned i = 0; i < 10; i++) {
		struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->a[0] = c(3);
		ins->imm = offsetof(struct TestCpu, slot);
		ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_count, "leaf", IRC_PROBE, 0, NULL);
	}
	ir_poll(ir);
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_count, "leaf", IRC_PROBE, 0, NULL);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	ck_assert_uint_lt(block->code_size, 64);
	memset(leaf_cells, 0, sizeof leaf_cells);
	cpu->slot[0] = 0;
	run(&host_x86_64, block);
	ck_assert_uint_eq(leaf_cells[0], 11);
	ck_assert_uint_eq(cpu->slot[0], 30);
	ck_assert_int_eq(mprotect(page, 4096, PROT_NONE), 0);
	run(&host_x86_64, block);
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	ck_assert_uint_eq(cpu->cpu.cause, CAUSE_INTERRUPT);
	ck_assert_uint_eq(leaf_cells[0], 21);
	ck_assert_uint_eq(cpu->slot[0], 60);
}
END_TEST

/* What host address belongs to which function. */
START_TEST(inlined_bodies)
{
	start_host(HAS_ALL);
	begin(0x1000);
	ir_load(ir, IR_I64, MEM_64, 3, 4, 0);
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_call(ir, REF_NONE, (void *)(uintptr_t)leaf_wild, "leaf", IRC_PROBE, 1, (Ref[]){ 4 });
	ir_mark(ir, 0x1008, "\1\0\0", 4);
	ir_load(ir, IR_I64, MEM_64, 3, 4, 0);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	unsigned hits = 0, pcs = 0;
	for (unsigned i = 0; i < block->code_size; i++) {
		const void *fn = host_x86_64.inlined(block, block->code + i);
		ck_assert(!fn || fn == leaf_wild);
		hits += fn != NULL;
		pcs += fn && host_x86_64.guest_pc(block, block->code + i) == 0x1004;
	}
	ck_assert_uint_ge(hits, 3);
	ck_assert_uint_eq(pcs, hits);
	ck_assert_ptr_null(host_x86_64.inlined(block, block->code));
}
END_TEST

/* A loop that has made f0 by arithmetic when it comes round, but not on the first way in. */
START_TEST(signaling_nan_enters_loop)
{
	start_host(HAS_ALL);
	begin(0x400000);
	unsigned head = ir_label(ir), skip = ir_label(ir);
	ir_emit_label(ir, head);
	ir_brcond(ir, IR_I64, COND_EQ, 1, c(3), skip);
	ir_fp(ir, IR_FADD, IR_F64, ir->round, F0, F0 + 1, F0 + 2, REF_NONE);
	ir_emit_label(ir, skip);
	ir_into2(ir, IR_SUB, IR_I64, 1, 1, c(1));
	ir_brcond(ir, IR_I64, COND_NE, 1, 2, head);
	ir_exit(ir, 0x400100, EXIT_JUMP, 0);
	struct Block *block = emit_with(&host_x86_64, NULL);
	for (unsigned rounds = 1; rounds <= 3; rounds++) {
		cpu->x[1] = 3;
		cpu->x[2] = 3 - rounds;
		cpu->f[0] = 0x7ff0000000000001;
		cpu->f[1] = 0x3ff0000000000000;
		cpu->f[2] = 0x4000000000000000;
		cpu->cpu.fflags = 0;
		host_x86_64.fp_update(&cpu->cpu, false);
		run(&host_x86_64, block);
		ck_assert_uint_eq(cpu->f[0], rounds == 1 ? 0x7ff0000000000001 : 0x4008000000000000);
		ck_assert_uint_eq(host_x86_64.fp_flags(&cpu->cpu, false), 0);
	}
}
END_TEST

/* f0 = f1 OP f2, and the flags before and behind it; known flags and traps must not show, nor when traps have become too many. */
START_TEST(flags_read_before_and_behind)
{
	static const struct { enum IrOp op; uint64_t a, b; unsigned flags; } rows[] = {
		{ IR_FDIV, 0x3ff0000000000000, 0x4008000000000000, FPX_INEXACT },
		{ IR_FMUL, 0x0000000000000003, 0x3ff0000000000000, 0 },         /* tiny and exact */
		{ IR_FMUL, 0x0000000000000003, 0x3fe0000000000000, FPX_INEXACT | FPX_UNDERFLOW },
		{ IR_FDIV, 0x3ff0000000000000, 0, FPX_DIVZERO },
		{ IR_FMUL, 0x7fe0000000000000, 0x7fe0000000000000, FPX_INEXACT | FPX_OVERFLOW },
		{ IR_FMUL, 0x7ff0000000000000, 0, FPX_INVALID },
		{ IR_FADD, 0x3ff0000000000000, 0x3ff0000000000000, 0 },
	};

	start_host(HAS_ALL);
	cpu->cpu.round = ROUND_NE;
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		begin(0x400000);
		ir_append(ir, IR_FXGET, IR_I64)->d = 1;
		ir_fp(ir, rows[i].op, IR_F64, ROUND_NE, F0, F0 + 1, F0 + 2, REF_NONE);
		ir_append(ir, IR_FXGET, IR_I64)->d = 2;
		ir_exit(ir, 0x400100, EXIT_JUMP, 0);
		struct Block *block = emit_with(&host_x86_64, NULL);
		cpu->cpu.host_fp_traps = 0;
		for (unsigned times = 0; times < 2 * FP_TRAPS_MAX; times++) {
			if (times % 4 == 0) {
				cpu->cpu.fflags = 0;
				host_x86_64.fp_update(&cpu->cpu, false);
			}
			cpu->f[1] = rows[i].a;
			cpu->f[2] = rows[i].b;
			run(&host_x86_64, block);
			ck_assert_uint_eq(cpu->x[1], times % 4 ? rows[i].flags : 0);
			ck_assert_uint_eq(cpu->x[2], rows[i].flags);
			ck_assert_uint_eq(host_x86_64.fp_flags(&cpu->cpu, false), rows[i].flags);
		}
		ck_assert(cpu->cpu.host_fp_traps <= FP_TRAPS_MAX && (cpu->cpu.host_fp_traps || !rows[i].flags));
	}
}
END_TEST

START_TEST(rooms)
{
	start_host(HAS_ALL);
	for (size_t room = 0; room < 4096; room += 40) {
		begin(0x1000);
		for (unsigned i = 0; i < 40; i++)
			ir_into2(ir, IR_DIVS, IR_I64, below(NINT), below(NINT), below(NINT));
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		struct CodeBuffer buf = x86_buf;
		struct Block *block = (struct Block *)buf.meta;
		*block = (struct Block){ .pc = 0x1000 };
		buf.meta = (uint8_t *)(block + 1);
		buf.end = buf.start + room;
		memset(buf.end, 0xaa, 64);
		enum EmitResult result = host_x86_64.emit(ir, &buf, block, NULL);
		ck_assert(result == EMIT_OK || (result == EMIT_NO_ROOM && buf.start == x86_buf.start));
		for (unsigned i = 0; i < 64; i++)
			ck_assert_uint_eq(x86_buf.start[room + i], 0xaa);
	}
}
END_TEST

START_TEST(listings)
{
	GString *text = g_string_new(NULL);

	start_host(HAS_ALL);
	begin(0x1000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(5));
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	emit_with(&host_x86_64, text);
	ck_assert_ptr_nonnull(strstr(text->str, "insn at 1000"));
	ck_assert_ptr_nonnull(strstr(text->str, "add     rbx, 5"));
	g_string_free(text, TRUE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host_x86_64");
	TCase *tests = tcase_create("random");
	tcase_set_timeout(tests, 0);
	tcase_add_unchecked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, random_units, 0, G_N_ELEMENTS(feature_sets));
	tcase_add_loop_test(tests, random_float_loops, 0, G_N_ELEMENTS(feature_sets));
	suite_add_tcase(suite, tests);
	tests = tcase_create("ways");
	tcase_add_unchecked_fixture(tests, setup, NULL);
	tcase_add_test(tests, chained_exits);
	tcase_add_test(tests, indirect_exits);
	tcase_add_test(tests, polling);
	tcase_add_test(tests, leaves);
	tcase_add_test(tests, leaf_replaced);
	tcase_add_test(tests, merged_additions);
	tcase_add_test(tests, inlined_bodies);
	tcase_add_test(tests, signaling_nan_enters_loop);
	tcase_add_test(tests, flags_read_before_and_behind);
	tcase_add_test(tests, rooms);
	tcase_add_test(tests, listings);
	suite_add_tcase(suite, tests);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
