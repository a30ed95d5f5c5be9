/* SPDX-License-Identifier: MIT */
/* Executing the interpreter's programs. */
#include "translator/host/interp/interp.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>

#include "translator/host/interp/access.h"
#include "translator/ir_eval.h"
#include "translator/softfloat.h"
#include "translator/translate.h"

/* One activation of enter(), on its stack; Cpu.host_frame. */
struct Frame {
	sigjmp_buf fault;
};

bool interp_recover(struct Cpu *cpu, const struct Block *block, void *ucontext, enum Cause cause)
{
	struct Frame *frame = cpu->host_frame;

	(void)block;
	(void)ucontext;
	if (!cpu->spill[0] || !frame)
		return false;
	cpu->cause = cause == CAUSE_FAULT_LOAD || cause == CAUSE_FAULT_STORE ? cpu->spill[0] : cause;
	cpu->spill[0] = 0;
	siglongjmp(frame->fault, 1);
}

/* Opens and closes the part in which a host fault is the guest's. */
static inline void access_begin(struct Cpu *cpu, enum Cause cause)
{
	*(volatile uint64_t *)&cpu->spill[0] = cause;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void access_end(struct Cpu *cpu)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*(volatile uint64_t *)&cpu->spill[0] = 0;
}

/* Addresses of operands. */
struct Bases { uint8_t *base[BASES]; };

static inline void *at(const struct Bases *b, uint32_t operand)
{
	return b->base[operand & BASE_MASK] + (operand & ~(uint32_t)BASE_MASK);
}
static inline uint64_t get(const struct Bases *b, uint32_t operand) { uint64_t v; memcpy(&v, at(b, operand), 8); return v; }
static inline void set(const struct Bases *b, uint32_t operand, uint64_t v) { memcpy(at(b, operand), &v, 8); }

/* Whether the address is right for an access that insists; else the cpu has the exception. */
static bool aligned(struct Cpu *cpu, uint64_t addr, unsigned mem, enum Cause cause)
{
	if (!(mem & MEM_ALIGNED) || !(addr & ((1u << (mem & MEM_SIZE)) - 1)))
		return true;
	cpu->fault_addr = addr;
	cpu->cause = cause;
	return false;
}

static uint64_t call(const struct Bases *b, const struct Called *c)
{
	typedef uint64_t U;
	uint64_t v[IR_MAXARGS];

	for (unsigned i = 0; i < c->nargs; i++)
		v[i] = get(b, c->args[i]);
	switch (c->nargs) {
	case 0: return ((U (*)(void))c->fn)();
	case 1: return ((U (*)(U))c->fn)(v[0]);
	case 2: return ((U (*)(U, U))c->fn)(v[0], v[1]);
	case 3: return ((U (*)(U, U, U))c->fn)(v[0], v[1], v[2]);
	case 4: return ((U (*)(U, U, U, U))c->fn)(v[0], v[1], v[2], v[3]);
	case 5: return ((U (*)(U, U, U, U, U))c->fn)(v[0], v[1], v[2], v[3], v[4]);
	default: return ((U (*)(U, U, U, U, U, U))c->fn)(v[0], v[1], v[2], v[3], v[4], v[5]);
	}
}

static uint64_t get_state(const uint8_t *p, unsigned mem)
{
	uint64_t value = 0;

	memcpy(&value, p, 1u << (mem & MEM_SIZE));
	return access_extend(value, mem);
}

/* The program that an indirect exit to Cpu.pc goes on with, or NULL. */
static const struct Program *recent_jump(const struct Cpu *cpu)
{
	const struct Jump *jump = &cpu->jumps->entry[jump_index(cpu->pc, cpu->guest->insn_align)];

	return __atomic_load_n(&jump->tag, __ATOMIC_SEQ_CST) == jump_tag(cpu->pc, cpu->key) ? (const struct Program *)jump->code : NULL;
}

/* Leaves a block for a known address: the program to go on with, or NULL for the run loop. */
static const struct Program *take(struct Cpu *cpu, const struct Way *way)
{
	const struct Program *next = __atomic_load_n(&way->chained, __ATOMIC_ACQUIRE);

	cpu->pc = way->pc;
	if (next && !atomic_load_explicit(&cpu->interrupt, memory_order_relaxed))
		return next;
	cpu->leave_site = way->site;
	return NULL;
}

#define LOW(v) ((uint32_t)(v))
enum { UPPER_SIGN = 63 };
static const uint32_t canonical_nan32 = 0x7fc00000;

/* Operands of the step S in the bases B. */
#define A get(&b, s->a[0])
#define B get(&b, s->a[1])
#define C get(&b, s->a[2])
#define E get(&b, s->a[3])
#define SET(v) set(&b, s->d, (v))
#define CASE_INT(name) \
	case CODE_##name: SET(ir_eval(IR_##name, IR_I64, A, B)); break; \
	case CODE_##name##_32: SET(ir_eval(IR_##name, IR_I32, A, B)); break;
#define CASE_INT1(name) \
	case CODE_##name: SET(ir_eval(IR_##name, IR_I64, A, 0)); break; \
	case CODE_##name##_32: SET(ir_eval(IR_##name, IR_I32, A, 0)); break;
#define CASE_BOTH(name, v64, v32) \
	case CODE_##name: SET(v64); break; \
	case CODE_##name##_32: SET(v32); break;
#define CASE_FP1(name, fn) CASE_BOTH(name, sf_f64_##fn(cpu, A, s->cond), sf_f32_##fn(cpu, A, s->cond))
#define CASE_FP2(name, fn) CASE_BOTH(name, sf_f64_##fn(cpu, A, B, s->cond), sf_f32_##fn(cpu, A, B, s->cond))
#define CASE_FP3(name, fn) CASE_BOTH(name, sf_f64_##fn(cpu, A, B, C, s->cond), sf_f32_##fn(cpu, A, B, C, s->cond))
#define CASE_FPC(name, fn) CASE_BOTH(name, sf_f64_##fn(cpu, A, B), sf_f32_##fn(cpu, A, B))
#define CASE_FROM(name, from) CASE_BOTH(name, sf_##from##_to_f64(cpu, A, s->cond), sf_##from##_to_f32(cpu, A, s->cond))

/* Runs one program. Returns the one to go on with, or NULL with Cpu.cause, pc and leave_site set. TEMPS has room for the program's
 * temporaries. */
static const struct Program *run(struct Cpu *cpu, const struct Program *program, uint8_t *temps)
{
	uint64_t self = (uintptr_t)cpu;
	const struct Bases b = { { (uint8_t *)cpu, temps, (uint8_t *)(uintptr_t)program->consts, (uint8_t *)&self } };

	for (const struct Step *s = program->steps;; s++) {
		switch ((enum Code)s->code) {
		CASE_INT(ADD) CASE_INT(SUB) CASE_INT(MUL) CASE_INT(MULHS) CASE_INT(MULHU) CASE_INT(MULHSU)
		CASE_INT(DIVS) CASE_INT(DIVU) CASE_INT(REMS) CASE_INT(REMU)
		CASE_INT(AND) CASE_INT(OR) CASE_INT(XOR) CASE_INT(ANDN)
		CASE_INT(SHL) CASE_INT(SHR) CASE_INT(SAR) CASE_INT(ROTL) CASE_INT(ROTR)
		CASE_INT(CLMUL) CASE_INT(CLMULH)
		CASE_INT1(MOV) CASE_INT1(NEG) CASE_INT1(NOT)
		CASE_INT1(SEXT8) CASE_INT1(SEXT16) CASE_INT1(SEXT32) CASE_INT1(ZEXT8) CASE_INT1(ZEXT16) CASE_INT1(ZEXT32)
		CASE_INT1(CLZ) CASE_INT1(CTZ) CASE_INT1(POPCNT) CASE_INT1(BSWAP)
		CASE_BOTH(SETCOND, ir_eval_cond(s->cond, IR_I64, A, B), ir_eval_cond(s->cond, IR_I32, A, B))
		CASE_BOTH(SELECT, ir_eval_cond(s->cond, IR_I64, A, B) ? C : E, ir_eval_cond(s->cond, IR_I32, A, B) ? C : E)
		case CODE_MOV_128: memmove(at(&b, s->d), at(&b, s->a[0]), 16); break;

		case CODE_LOAD: case CODE_LOAD_32: case CODE_LOAD_128: {
			uint64_t addr = A + s->imm, value[2];
			if (!aligned(cpu, addr, s->mem, CAUSE_MISALIGNED_LOAD))
				return NULL;
			access_begin(cpu, CAUSE_FAULT_LOAD);
			if (s->code == CODE_LOAD_128)
				access_load128(addr, s->mem, value);
			else
				value[0] = access_load(addr, s->mem);
			access_end(cpu);
			memcpy(at(&b, s->d), value, s->code == CODE_LOAD_128 ? 16 : 8);
			break;
		}
		case CODE_STORE: case CODE_STORE_32: case CODE_STORE_128: {
			uint64_t addr = A + s->imm;
			if (!aligned(cpu, addr, s->mem, CAUSE_MISALIGNED_STORE))
				return NULL;
			uint64_t value[2] = { B };
			if (s->code == CODE_STORE_128)
				memcpy(value, at(&b, s->a[1]), 16);
			access_begin(cpu, CAUSE_FAULT_STORE);
			if (s->code == CODE_STORE_128)
				access_store128(addr, s->mem, value);
			else
				access_store(addr, s->mem, value[0]);
			access_end(cpu);
			break;
		}
#define CASE_ATOMIC(name) case CODE_##name: case CODE_##name##_32:
		CASE_ATOMIC(CMPXCHG) CASE_ATOMIC(XCHG) CASE_ATOMIC(FADDI) CASE_ATOMIC(FANDI) CASE_ATOMIC(FORI) CASE_ATOMIC(FXORI)
		CASE_ATOMIC(FMINS) CASE_ATOMIC(FMAXS) CASE_ATOMIC(FMINU) CASE_ATOMIC(FMAXU) {
			uint64_t addr = A + s->imm, third = s->op == IR_CMPXCHG ? C : 0, second = B;
			if (!aligned(cpu, addr, s->mem | MEM_ALIGNED, CAUSE_MISALIGNED_STORE))
				return NULL;
			access_begin(cpu, CAUSE_FAULT_STORE);
			uint64_t old = access_atomic(s->op, addr, s->mem, second, third);
			access_end(cpu);
			SET(old);
			break;
		}
		case CODE_FENCE: case CODE_FENCE_32: __atomic_thread_fence(__ATOMIC_SEQ_CST); break;
		CASE_BOTH(GET, get_state((uint8_t *)cpu + s->imm, s->mem), get_state((uint8_t *)cpu + s->imm, s->mem))
		case CODE_PUT: case CODE_PUT_32: {
			uint64_t value = A;
			memcpy((uint8_t *)cpu + s->imm, &value, 1u << (s->mem & MEM_SIZE));
			break;
		}

		CASE_FP2(FADD, add) CASE_FP2(FSUB, sub) CASE_FP2(FMUL, mul) CASE_FP2(FDIV, div) CASE_FP1(FSQRT, sqrt)
		CASE_FP3(FMADD, fmadd) CASE_FP3(FMSUB, fmsub) CASE_FP3(FNMSUB, fnmsub) CASE_FP3(FNMADD, fnmadd)
		CASE_FPC(FMIN, min) CASE_FPC(FMAX, max) CASE_FPC(FEQ, eq) CASE_FPC(FLT, lt) CASE_FPC(FLE, le)
		CASE_FP1(FCVT_I32, to_i32) CASE_FP1(FCVT_U32, to_u32) CASE_FP1(FCVT_I64, to_i64) CASE_FP1(FCVT_U64, to_u64)
		CASE_FROM(FCVTF_I32, i32) CASE_FROM(FCVTF_U32, u32) CASE_FROM(FCVTF_I64, i64) CASE_FROM(FCVTF_U64, u64)
		case CODE_FCVT_F32_F64: case CODE_FCVT_F32_F64_32: SET(sf_f64_to_f32(cpu, A, s->cond)); break;
		case CODE_FCVT_F64_F32: case CODE_FCVT_F64_F32_32: SET(sf_f32_to_f64(cpu, A, s->cond)); break;
		CASE_BOTH(FNEG, A ^ 1ull << UPPER_SIGN, LOW(A) ^ 1u << 31)
		CASE_BOTH(FABS, A & ~(1ull << UPPER_SIGN), LOW(A) & ~(1u << 31))
		CASE_BOTH(FCOPYSIGN, (A & ~(1ull << UPPER_SIGN)) | (B & 1ull << UPPER_SIGN), (LOW(A) & ~(1u << 31)) | (LOW(B) & 1u << 31))
		CASE_BOTH(FCLASS, sf_f64_class(A), sf_f32_class(A))
		CASE_BOTH(FBITS, A, LOW(A))
		CASE_BOTH(BITSF, A, LOW(A))
		CASE_BOTH(BOX32, A | ~0ull << 32, A | ~0ull << 32)
		CASE_BOTH(UNBOX32, A >> 32 == ~0u ? LOW(A) : canonical_nan32, A >> 32 == ~0u ? LOW(A) : canonical_nan32)

		CASE_BOTH(FXGET, cpu->fflags, cpu->fflags)
		case CODE_FXPUT: case CODE_FXPUT_32: cpu->fflags = A & 31; break;

		case CODE_SET_PC: cpu->pc = s->x; break;
		case CODE_CLEAR: SET(0); break;
		case CODE_MARK: case CODE_MARK_32: case CODE_LABEL: case CODE_LABEL_32: break;
		case CODE_POLL: case CODE_POLL_32:
			if (atomic_load_explicit(&cpu->interrupt, memory_order_relaxed)) {
				cpu->cause = CAUSE_INTERRUPT;
				return NULL;
			}
			break;
		case CODE_HEAT: case CODE_HEAT_32:
			if (__builtin_add_overflow(*(uint32_t *)((uint8_t *)cpu + s->imm), translator.heat_step,
						   (uint32_t *)((uint8_t *)cpu + s->imm)))
				translate_region(cpu, NULL);
			break;
		case CODE_BR: case CODE_BR_32: s = program->steps + s->imm - 1; break;
		case CODE_BRCOND: if (ir_eval_cond(s->cond, IR_I64, A, B)) s = program->steps + s->imm - 1; break;
		case CODE_BRCOND_32: if (ir_eval_cond(s->cond, IR_I32, A, B)) s = program->steps + s->imm - 1; break;
		case CODE_EXIT: case CODE_EXIT_32: return take(cpu, (const struct Way *)(uintptr_t)s->x);
		case CODE_EXITCOND:
			if (ir_eval_cond(s->cond, IR_I64, A, B))
				return take(cpu, (const struct Way *)(uintptr_t)s->x);
			break;
		case CODE_EXITCOND_32:
			if (ir_eval_cond(s->cond, IR_I32, A, B))
				return take(cpu, (const struct Way *)(uintptr_t)s->x);
			break;
		case CODE_GUARD: case CODE_GUARD_32:
			if (A == B)
				break;
			/* fallthrough */
		case CODE_EXITIND: case CODE_EXITIND_32:
			cpu->pc = A;
			return atomic_load_explicit(&cpu->interrupt, memory_order_relaxed) ? NULL : recent_jump(cpu);
		case CODE_RAISE: case CODE_RAISE_32:
			cpu->cause = s->imm;
			return NULL;
		case CODE_CALL: case CODE_CALL_32:
			if (s->cond == COND_ALWAYS || ir_eval_cond(s->cond, IR_I64, A, B)) {
				uint64_t result = call(&b, (const struct Called *)(uintptr_t)s->x);
				SET(result);
			}
			break;

		case CODE_SLOTADD: case CODE_SLOTADD_32: *(uint64_t *)((uint8_t *)cpu + s->imm) += A; break;
		case CODE_SLOTPUT: case CODE_SLOTPUT_32: *(uint64_t *)((uint8_t *)cpu + s->imm) = A; break;
		case CODE_HOSTADD: case CODE_HOSTADD_32: *(uint64_t *)(uintptr_t)B += A; break;
		CASE_BOTH(SLOTGET, *(uint64_t *)((uint8_t *)cpu + s->imm), *(uint64_t *)((uint8_t *)cpu + s->imm))
		case CODE_COUNT: assert(!"a step of no code");
		}
	}
}

/* Runs one block with room for its temporaries on the stack. */
static __attribute__((noinline)) const struct Program *run_block(struct Cpu *cpu, const struct Program *program)
{
	struct { _Alignas(16) uint8_t bytes[TEMP_SIZE]; } temps[program->ntemps];

	return run(cpu, program, temps[0].bytes);
}

static __attribute__((noinline)) void run_chain(struct Cpu *cpu, const struct Program *program)
{
	while (program)
		program = run_block(cpu, program);
}

void interp_enter(struct Cpu *cpu, const struct Block *block)
{
	struct Frame frame;

	cpu->cause = CAUSE_NONE;
	cpu->leave_site = NULL;
	cpu->spill[0] = 0;
	cpu->host_frame = &frame;
	if (!sigsetjmp(frame.fault, 0))
		run_chain(cpu, (const struct Program *)block->code);
	cpu->host_frame = NULL;
}
