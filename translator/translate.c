/* SPDX-License-Identifier: MIT */
/* THE pipeline: decode, instrument, optimise, allocate and emit, commit. */
#include "translator/translate.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "instrument/log.h"
#include "instrument/probe.h"

enum {
	FETCH_MAX = TRANSLATE_MAX_INSNS * 4,      /* bytes of guest code looked at for one block */
	PAGE = 4096,
};

struct Translator translator;

/* What the stages share of the translation under way; one at a time, under the translation lock. */
static struct Arena arena;
static bool busy;                       /* the arena is in use: a plugin that is asked about a block may not cause a translation */

/* -- decode ------------------------------------------------------------------------------------------------------ */

/* Guest code of a block, fetched at once. */
struct Code {
	uint8_t bytes[FETCH_MAX];
	size_t length;                  /* bytes that are executable, from the block's pc */
};

static void fetch_code(struct Code *code, uint64_t pc, unsigned max_insns)
{
	const struct Guest *guest = translator.guest;
	size_t want = MIN((size_t)max_insns * guest->insn_max, sizeof code->bytes);

	/* A block begins no instruction in a second page, but its last one may reach into it. */
	want = MIN(want, PAGE - (pc & (PAGE - 1)) + guest->insn_max - (1u << guest->insn_align));
	code->length = translator.env->fetch(pc, code->bytes, want);
}

/* Appends the guest instructions from PC on to IR, at most MAX_INSNS, to the end of the block. Returns false if there is not one whole
 * instruction to execute. */
static bool decode(struct Ir *ir, const struct Code *code, unsigned max_insns)
{
	const struct Guest *guest = translator.guest;
	size_t at = 0, page_end = PAGE - (ir->pc & (PAGE - 1));

	while (ir->ninsns < max_insns && at < page_end) {
		size_t available = code->length - at;
		if (available < 1u << guest->insn_align)
			break;
		unsigned length = guest->insn_length(code->bytes + at, MIN(available, guest->insn_max));
		if (length > available)
			break;
		ir_mark(ir, ir->pc + at, code->bytes + at, length);
		const struct IrInsn insn = ir->insns[ir->ninsns - 1];
		if (guest->insn_polls(&insn))
			ir_poll(ir);
		at += length;
		if (guest->translate_insn(ir, &insn) == TRANSLATE_END)
			return true;
	}
	if (!at)
		return false;
	ir_exit(ir, ir->pc + at, EXIT_JUMP, 0);
	return true;
}

/* -- dumps ------------------------------------------------------------------------------------------------------- */

static void dump_guest(const struct Ir *ir)
{
	GString *text = g_string_new("----------------\nIN:\n");

	for (unsigned i = 0; i < ir->ninsns; i++) {
		const struct IrInsn *insn = &ir->insns[i];
		g_string_append_printf(text, "0x%08" PRIx64 ":  ", insn->pc);
		g_string_append_printf(text, "%0*x%*s  ", insn->length * 2, insn->opcode, 8 - insn->length * 2, "");
		translator.guest->disassemble(insn->pc, insn->bytes, insn->length, text);
		g_string_append_c(text, '\n');
	}
	g_string_append_c(text, '\n');
	log_write(text->str, text->len);
	g_string_free(text, TRUE);
}

static void dump_ir(const struct Ir *ir, const char *title)
{
	GString *text = g_string_new(NULL);

	ir_print(ir, title, text);
	g_string_append_c(text, '\n');
	log_write(text->str, text->len);
	g_string_free(text, TRUE);
}

static void checked(const struct Ir *ir, const char *pass)
{
#ifdef FORERUN_DEBUG
	ir_check(ir, pass);
#else
	(void)ir;
	(void)pass;
#endif
}

/* -- the pipeline -------------------------------------------------------------------------------------------------- */

/* Translates CODE to a block in the room BUF. NULL: RESULT says why, and nothing has been taken. */
static struct Block *build(struct Cpu *cpu, uint64_t pc, uint32_t key, const struct Code *code, unsigned max_insns,
			   struct CodeBuffer *buf, enum EmitResult *result)
{
	arena_reset(&arena);
	struct Ir *ir = ir_new(&arena, translator.guest, pc, key);

	if (!decode(ir, code, max_insns))
		return NULL;
	checked(ir, "decode");
	if (log_wants(LOG_IN_ASM))
		dump_guest(ir);
	if (log_wants(LOG_OP))
		dump_ir(ir, "OP:");
	if (instrument_active()) {
		instrument_unit(ir, cpu);
		checked(ir, "instrument");
	}
	if (translator.optimise) {
		ir_optimise(ir);
		checked(ir, "optimise");
	}
	if (log_wants(LOG_OP_OPT))
		dump_ir(ir, "OP after instrumentation and optimisation:");

	struct Block *block = cache_new_block(buf);
	const struct IrInsn *last = &ir->insns[ir->ninsns - 1];
	block->pc = pc;
	block->key = key;
	block->guest_size = last->pc + last->length - pc;
	block->ninsns = ir->ninsns;
	GString *text = log_wants(LOG_OUT_ASM) ? g_string_new("OUT:\n") : NULL;
	*result = host->emit(ir, buf, block, text);
	if (text) {
		g_string_append_c(text, '\n');
		log_write(text->str, text->len);
		g_string_free(text, TRUE);
	}
	return *result == EMIT_OK ? block : NULL;
}

/* Tells the environment of all pages that CODE covers, before their bytes are read. */
static void announce(uint64_t pc, size_t length)
{
	for (uint64_t page = pc & -(uint64_t)PAGE; page < pc + length; page += PAGE)
		translator.env->code_made(page);
}

/* The same under the translation lock, with one retry policy: a plugin that flushes while it is asked makes the answers stale. */
static struct Block *translate_locked(struct Cpu *cpu, uint64_t pc, uint32_t key, enum EmitResult *result)
{
	static struct Code code;
	struct Block *block = NULL;
	unsigned max_insns = translator.max_insns;

	fetch_code(&code, pc, max_insns);
	if (!code.length)
		return NULL;
	announce(pc, code.length);
	fetch_code(&code, pc, max_insns);
	for (unsigned tries = 0; tries < 12; tries++) {
		struct CodeBuffer buf;
		if (!cache_reserve(&buf)) {
			*result = EMIT_NO_ROOM;
			return NULL;
		}
		uint64_t generation = cache_generation();
		*result = EMIT_OK;
		block = build(cpu, pc, key, &code, max_insns, &buf, result);
		if (!block && *result == EMIT_TOO_BIG && max_insns > 1) {
			max_insns = (MIN(max_insns, 64u) + 1) / 2;
			continue;
		}
		if (block && cache_generation() != generation && tries < 2)
			continue;
		if (block)
			cache_commit(&buf, block);
		break;
	}
	return block;
}

/* -- after a fault ------------------------------------------------------------------------------------------------ */

/* The value of R at the start of the unit's only instruction: globals as the cpu has them, and sums of such. */
static bool evaluate(const struct Ir *ir, const struct Cpu *cpu, Ref r, uint64_t *value)
{
	if (ref_is_const(r)) {
		*value = ir_value(ir, r);
		return true;
	}
	if (ir_is_global(ir, r)) {
		memcpy(value, (const char *)cpu + ir->guest->globals[r].offset, sizeof *value);
		return true;
	}
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		uint64_t a, b;
		if (ins->d == r)
			return ins->op == IR_ADD && evaluate(ir, cpu, ins->a[0], &a) &&
			       evaluate(ir, cpu, ins->a[1], &b) && (*value = a + b, true);
	}
	return false;
}

bool translate_fault_address(const struct Cpu *cpu, uint64_t *addr)
{
	static struct Code code;
	bool found = false;

	cache_lock();
	arena_reset(&arena);
	fetch_code(&code, cpu->pc, 1);
	struct Ir *ir = ir_new(&arena, translator.guest, cpu->pc, translator.guest->block_key(cpu));
	if (decode(ir, &code, 1))
		for (unsigned i = 0; i < ir->nins && !found; i++)
			if (ir_op_info[ir->ins[i].op].flags & OPF_MEM) {
				found = evaluate(ir, cpu, ir->ins[i].a[0], addr);
				*addr += ir->ins[i].imm;
			}
	cache_unlock();
	return found;
}

static void flush_all(void *data)
{
	(void)data;
	cache_flush_all();
}

struct Block *translate(struct Cpu *cpu, uint64_t pc, uint32_t key)
{
	for (;;) {
		enum EmitResult result = EMIT_OK;
		cache_lock();
		struct Block *block = cache_find(pc, key);
		if (!block) {
			g_assert(!busy);
			busy = true;
			block = translate_locked(cpu, pc, key, &result);
			busy = false;
		}
		cache_unlock();
		if (block || result == EMIT_OK) {
			if (!block)
				cpu->fault_addr = pc;
			return block;
		}
		/* full: a unit never fills an empty cache, so this ends */
		cpu_exclusive(flush_all, NULL);
	}
}
