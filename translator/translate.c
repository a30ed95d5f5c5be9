/* SPDX-License-Identifier: MIT */
/* THE pipeline: decode, instrument, optimise, allocate and emit, commit. */
#include "translator/translate.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "translator/census.h"
#include "translator/assume.h"
#include "translator/decode.h"
#include "translator/kept.h"
#include "translator/predict.h"
#include "translator/region.h"
#include "translator/statistics.h"

/* For those who use passes without translator_init(). */
struct Translator translator = {
#define TECHNIQUE(member, name, help, asks) .member = true,
#include "translator/techniques.def"
#undef TECHNIQUE
};

/* What the stages share of the translation under way; one at a time, under the translation lock. */
static struct Arena arena, scratch;
static bool busy;                       /* the arena is in use: a plugin that is asked about a block may not cause a translation */

/* -- dumps ------------------------------------------------------------------------------------------------------- */

static void dump_guest(const struct Ir *ir, bool region)
{
	GString *text = g_string_new(region ? "----------------\nIN: loop\n" : "----------------\nIN:\n");

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

/* What is to be translated. */
struct Request {
	struct Cpu *cpu;
	uint64_t pc;
	uint32_t key;
	bool region;                    /* the loop whose head is PC and that the branch at BRANCH closes, else the block at PC */
	uint64_t branch;
	bool later;                     /* result: there may be a region when the branch is hot again */
	struct Assumptions *assumptions;        /* of a region */
	unsigned max_insns;             /* of a block */
	struct Code *code;              /* of a block */
};

/* The first stage: false if there is no guest code. */
static bool decode(struct Ir *ir, struct Request *r, uint32_t *size)
{
	if (r->region) {
		if (!region_decode(ir, &scratch, r->cpu, r->branch, size, &r->later))
			return false;
		if (translator.assume)
			assume_constants(ir, r->cpu, r->assumptions);
		return true;
	}
	decode_fetch(r->code, r->pc, r->max_insns);
	*size = decode_block(ir, r->code, r->max_insns, translator.regions);
	return *size != 0;
}

/* Guest instructions of a block in which there is less to be gained than looking takes. */
enum { SHORT = 2 };

/* Translates to a block in the room BUF. NULL: RESULT says why, and nothing has been taken. */
static struct Block *build(struct Request *r, struct CodeBuffer *buf, enum EmitResult *result)
{
	uint32_t size;

	arena_reset(&arena);
	struct Ir *ir = ir_new(&arena, translator.guest, r->pc, r->key);
	if (!decode(ir, r, &size))
		return NULL;
	checked(ir, "decode");
	if (log_wants(LOG_IN_ASM))
		dump_guest(ir, r->region);
	if (log_wants(LOG_OP))
		dump_ir(ir, "OP:");
	if (instrument_active()) {
		instrument_unit(ir, r->cpu);
		checked(ir, "instrument");
	}
	if (r->region && translator.if_convert) {
		ir_if_convert(ir, predict_hard);
		checked(ir, "if-conversion");
	}
	if (r->region && translator.assume) {
		assume_insert(ir, r->assumptions);
		checked(ir, "assumptions");
		ir->words = assume_words(ir, r->cpu);
	}
	if (r->region && translator.unroll) {
		ir_unroll(ir);
		checked(ir, "unroll");
	}
	if (r->region && translator.polls) {
		ir_drop_polls(ir);
		checked(ir, "polls");
	}
	if (translator.optimise && (r->region || instrument_active() || ir->ninsns > SHORT)) {
		ir_optimise(ir);
		checked(ir, "optimise");
	}
	if (log_wants(LOG_OP_OPT))
		dump_ir(ir, "OP after instrumentation and optimisation:");

	struct Block *block = cache_new_block(buf);
	block->pc = r->pc;
	block->key = r->key;
	block->region = r->region;
	block->chosen = r->region && census_is_of(r->pc);
	block->guest_size = size;
	block->ninsns = ir->ninsns;
	GString *text = log_wants(LOG_OUT_ASM) ? g_string_new("OUT:\n") : NULL;
	*result = host->emit(ir, buf, block, text);
	if (text) {
		g_string_append_c(text, '\n');
		log_write(text->str, text->len);
		g_string_free(text, TRUE);
	}
	if (*result == EMIT_OK && !kept_record(buf, block, ir, r->code))
		*result = EMIT_NO_ROOM;
	return *result == EMIT_OK ? block : NULL;
}

/* The same under the translation lock, with one retry policy: what is too big is cut shorter, and a plugin that flushes or writes while it is asked makes the
 * answers stale, and what has been fetched no longer watched. */
static struct Block *translate_locked(struct Request *r, enum EmitResult *result)
{
	struct Block *block = NULL;

	for (unsigned tries = 0; tries < 12; tries++) {
		struct CodeBuffer buf;
		if (!cache_reserve(&buf)) {
			*result = EMIT_NO_ROOM;
			return NULL;
		}
		uint64_t changes = cache_changes();
		*result = EMIT_OK;
		block = build(r, &buf, result);
		if (!block && *result == EMIT_TOO_BIG && r->max_insns > 1) {
			r->max_insns = (MIN(r->max_insns, 64u) + 1) / 2;
			continue;
		}
		if (block && cache_changes() != changes && (tries < 2 || !kept_current(block)))
			continue;
		if (block)
			cache_commit(&buf, block);
		return block;
	}
	*result = EMIT_NO_ROOM;
	return NULL;
}

static struct Block *translate_block(struct Cpu *cpu, uint64_t pc, uint32_t key, enum EmitResult *result)
{
	static struct Code code;
	struct Request r = { .cpu = cpu, .pc = pc, .key = key, .max_insns = translator.max_insns, .code = &code };

	return translate_locked(&r, result);
}

/* Lets branches back to HEAD be hot again on CPU before they have been taken as often again. */
static void hot_soon(struct Cpu *cpu, uint64_t head)
{
	uint32_t *heat = (uint32_t *)((char *)cpu + cpu_heat_offset(cpu->guest)) + heat_index(head);
	uint32_t rounds = (((uint64_t)1 << 32) / translator.heat_step + 7) / 8;

	*heat = -(rounds * translator.heat_step);
}

void translate_region(struct Cpu *cpu, struct Block *block)
{
	struct Assumptions assumptions;
	struct Request r = { .cpu = cpu, .key = translator.guest->block_key(cpu), .region = true, .branch = cpu->pc, .assumptions = &assumptions };
	enum EmitResult result;

	statistics_count(COUNT_HOT);
	cache_lock();
	if (!busy && region_head(cpu->pc, r.key, &scratch, &r.pc)) {
		struct Block *old = cache_find(r.pc, r.key);
		busy = true;
		r.later = census_delays(cpu, r.pc);
		if (!r.later && old && census_is_outdated(old)) {
			cache_forget_entry(old);
			old = NULL;
		}
		bool wanted = !r.later && !region_given_up(r.pc) && !(old && old->region);
		bool starting = wanted && region_waits(r.pc, cache_translated());
		if (wanted && translator.assume && !assume_seen(cpu, r.pc, r.key)) {
			r.later = true;
			hot_soon(cpu, r.pc);
		} else if (starting) {
			r.later = true;
		} else if (wanted && translate_locked(&r, &result)) {
			if (old)
				cache_forget(old);
		} else if (census_runs(cpu, r.pc)) {
			hot_soon(cpu, r.pc);
		} else if (!r.later) {
			/* It stays blocks, or others outside of it lead to its head: they need not count any more. Each goes when it has counted enough. */
			region_give_up(r.pc);
			if (block)
				cache_forget(block);
			else
				cache_forget_containing(cpu->pc);
		}
		if (!r.later)
			census_end(r.pc);
		busy = false;
	}
	cache_unlock();
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
	decode_fetch(&code, cpu->pc, 1);
	struct Ir *ir = ir_new(&arena, translator.guest, cpu->pc, translator.guest->block_key(cpu));
	if (decode_block(ir, &code, 1, false))
		for (unsigned i = 0; i < ir->nins && !found; i++)
			if (ir_op_info[ir->ins[i].op].flags & OPF_MEM) {
				found = evaluate(ir, cpu, ir->ins[i].a[0], addr);
				*addr += ir->ins[i].imm;
			}
	cache_unlock();
	return found;
}

/* Empties the cache, unless another cpu that found it full has done so. DATA: the generation that was full. */
static void flush_all(void *data)
{
	if (cache_generation() == *(const uint64_t *)data)
		cache_flush_all();
}

struct Block *translate(struct Cpu *cpu, uint64_t pc, uint32_t key, uint64_t *generation)
{
	for (;;) {
		enum EmitResult result = EMIT_OK;
		cache_lock();
		uint64_t full = cache_generation();
		struct Block *block = cache_find(pc, key);
		if (!block && translator.keep && (block = kept_take(pc, key)))
			cache_revive(block);
		if (!block) {
			g_assert(!busy);
			busy = true;
			block = translate_block(cpu, pc, key, &result);
			busy = false;
		}
		if (block && cpu->leave_site && translator.chain) {
			cache_chain((struct ExitSite *)cpu->leave_site, block);
			__atomic_store_n(&cpu->leave_site, NULL, __ATOMIC_RELAXED);
		}
		*generation = cache_generation();
		cache_unlock();
		if (block || result == EMIT_OK) {
			if (!block)
				cpu->fault_addr = pc;
			return block;
		}
		/* full: a unit never fills an empty cache, so this ends */
		cpu_exclusive(flush_all, &full);
	}
}
