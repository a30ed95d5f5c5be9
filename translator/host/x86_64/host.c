/* SPDX-License-Identifier: MIT */
/* The x86-64 host: one unit from IR to code, and what the translator asks of a host. */
#include <assert.h>
#include <cpuid.h>
#include <glib.h>
#include <stdlib.h>
#include <xmmintrin.h>

#include "translator/host/x86_64/backend.h"
#include "translator/host/x86_64/leaf.h"

unsigned x86_features;
static unsigned features_mask = HAS_ALL;

void x86_64_limit(unsigned mask) { features_mask = mask; }

static unsigned detect(void)
{
	unsigned a, b, c, d, features = 0;

	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx"))
		features |= HAS_AVX;
	if (__builtin_cpu_supports("avx") && __builtin_cpu_supports("fma"))
		features |= HAS_FMA;
	if (__builtin_cpu_supports("avx512f"))
		features |= HAS_AVX512F;
	if (__get_cpuid(1, &a, &b, &c, &d))
		features |= (c & bit_POPCNT ? HAS_POPCNT : 0) | (c & bit_MOVBE ? HAS_MOVBE : 0) | (c & bit_PCLMUL ? HAS_CLMUL : 0) |
			    (c & bit_SSE4_1 ? HAS_SSE41 : 0);
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		features |= (b & bit_BMI ? HAS_BMI1 : 0) | (b & bit_BMI2 ? HAS_BMI2 : 0);
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		features |= c & bit_LZCNT ? HAS_LZCNT : 0;
	return features;
}

/* -- set-up ---------------------------------------------------------------------------------------------------------------------- */

/* Hosts' registers for the guest's hottest, first those that calls to C keep. A counter may want one of these. */
enum { CARRIER = R15 };
static const uint8_t pin_order[] = { RBX, R12, R13, R14, R15, RSI, RDI, R8, R9, R10, R11 };
_Static_assert(sizeof pin_order <= sizeof backend.pins, "room for the base map");

static bool init(struct CodeBuffer *buf, const struct Guest *guest, const char **why)
{
	if (guest->nglobals > 256 || !guest->nglobals) {
		*why = "the guest has more registers than this host can name";
		return false;
	}
	x86_features = detect() & features_mask;
	if (!(x86_features & HAS_AVX))
		x86_features &= ~(HAS_FMA | HAS_AVX512F);
	backend = (struct Backend){
		.guest = guest,
		.exec_delta = buf->exec_delta,
		.bias = guest->globals[0].offset + 128,
		.meta_base = buf->meta,
		.poll_offset = cpu_poll_offset(guest),
		.carrier = translator.counters && translator.carry ? CARRIER : NOREG,
	};
	memset(backend.base_home, NOREG, sizeof backend.base_home);
	for (unsigned i = 0, next = 0; i < guest->nhot; i++) {
		uint8_t v = guest->hot[i];
		if (ir_type_class(guest->globals[v].type) != IR_INT || backend.base_home[v] != NOREG)
			continue;
		next += next < sizeof pin_order && pin_order[next] == backend.carrier;
		if (next == sizeof pin_order)
			break;
		backend.pins[backend.npins] = v;
		backend.pin_regs[backend.npins++] = backend.base_home[v] = pin_order[next++];
	}
	memset(backend.entry_owner, 0xff, sizeof backend.entry_owner);
	for (unsigned v = 0; v < guest->nglobals; v++)
		backend.entry_var[v] = (struct Var){ .reg = backend.base_home[v], .home = backend.base_home[v], .slot = -1, .clean = backend.base_home[v] == NOREG };
	for (unsigned i = 0; i < backend.npins; i++) {
		backend.entry_owner[IR_INT][backend.pin_regs[i]] = backend.pins[i];
		backend.pinned_owner[backend.pin_regs[i]] = 0xffff;
		backend.pin_mask |= bit(backend.pin_regs[i]);
	}
	return x86_frame_init(buf, why);
}

/* -- one unit ---------------------------------------------------------------------------------------------------------------------- */

enum { COLD_SIZE = 1 << 20 };
static struct Gen gen;                  /* under the translation lock */
static uint8_t *cold_buffer;

static void emit_ins(struct Gen *g, struct Ins *ins)
{
	switch (ins->op) {
	case IR_MOV:
		if (ir_type_class(ins->type) == IR_VEC)
			x86_emit_float(g, ins);
		else
			x86_emit_integer(g, ins);
		break;
	case IR_ADD ... IR_SELECT: x86_emit_integer(g, ins); break;
	case IR_LOAD ... IR_PUT: case IR_SLOTADD: case IR_SLOTPUT: case IR_SLOTGET: case IR_HOSTADD: x86_emit_memory(g, ins); break;
	case IR_FADD ... IR_FXPUT: x86_emit_float(g, ins); break;
	case IR_CALL: x86_emit_call(g, ins); break;
	default: x86_emit_control(g, ins); break;
	}
}
_Static_assert(IR_MOV < IR_ADD && IR_SELECT + 1 == IR_LOAD && IR_PUT + 1 == IR_FADD && IR_FXPUT + 1 == IR_MARK && IR_SLOTADD == IR_CALL + 1,
	       "groups of emit_ins");

/* A temporary that only passes through an extension to a pinned global is computed there. */
static void fuse_extensions(struct Gen *g)
{
	struct Ir *ir = g->ir;

	for (unsigned n = 0; n + 1 < ir->nins; n++) {
		struct Ins *ins = &ir->ins[n], *next = ins + 1;
		if ((ins->spare | next->spare) & LATE || !ref_is_var(ins->d) || ir_is_global(ir, ins->d) || next->a[0] != ins->d || !ref_is_var(next->d) ||
		    g->var[next->d].home == NOREG || ir->var_class[next->d] != IR_INT || !(g->last[n + 1] & 1) || ins->op == IR_CALL)
			continue;
		if (!((next->op >= IR_SEXT8 && next->op <= IR_ZEXT32) || (next->op == IR_MOV && next->type == IR_I64)))
			continue;
		if (ir->var_class[ins->d] != IR_INT)
			continue;
		ins->d = next->d;
		next->a[0] = next->d;
		g->last[n + 1] &= ~1u;
	}
}

/* Whether INS may change places with SET, which comes before it: both are pure, and neither has to do with what the other defines. */
static bool independent(const struct Ir *ir, const struct Ins *ins, const struct Ins *set)
{
	if (!(ir_op_info[ins->op].flags & OPF_PURE) || ir->var_class[ins->d] != IR_INT || ins->d == set->d || ins->d == set->a[0] || ins->d == set->a[1])
		return false;
	for (unsigned k = 0; k < 4; k++)
		if (ins->a[k] == set->d)
			return false;
	return true;
}

/* Moves comparisons that make a carry down to the addition of that: the two become an addition with carry. */
static void sink_carries(struct Ir *ir)
{
	enum { REACH = 3 };

	for (unsigned n = 0; n + 2 < ir->nins; n++) {
		struct Ins set = ir->ins[n];
		unsigned way[REACH + 1] = { n }, steps = 0;
		struct Ins form = set;
		if (set.op != IR_SETCOND || !x86_as_carry(ir, &form))
			continue;
		for (unsigned i = n + 1; i < ir->nins && steps < REACH; i++) {
			const struct Ins *ins = &ir->ins[i];
			if (ins->op == IR_MARK)
				continue;
			if ((ins->op == IR_ADD && ins->a[0] == set.d) || ((ins->op == IR_ADD || ins->op == IR_SUB) && ins->a[1] == set.d)) {
				for (unsigned k = 0; k < steps; k++)
					ir->ins[way[k]] = ir->ins[way[k + 1]];
				ir->ins[way[steps]] = set;
				break;
			}
			if (!independent(ir, ins, &set))
				break;
			way[++steps] = i;
		}
	}
}

static void resolve(struct Gen *g, uint32_t cold_start)
{
	for (unsigned i = 0; i < g->fixes.n; i++) {
		const struct Fix *f = &g->fixes.fix[i];
		uint32_t at = f->field + (f->cold ? cold_start : 0);
		int64_t from = (intptr_t)g->exec + at + 4 + f->trail, to = 0;
		switch (f->kind) {
		case FIX_ABSOLUTE: to = f->target; break;
		case FIX_HOT: to = (intptr_t)g->exec + f->target; break;
		case FIX_COLD: to = (intptr_t)g->exec + cold_start + f->target; break;
		case FIX_LABEL:
			assert(g->labels[f->target] != UINT32_MAX);
			to = (intptr_t)g->exec + g->labels[f->target];
			break;
		}
		int32_t value = to - from;
		assert(value == to - from);
		memcpy(g->hot.start + at, &value, 4);
	}
}

/* Emission proper, into GEN's sections. */
static void emit_unit(struct Gen *g)
{
	struct Ir *ir = g->ir;

	x86_allocate_begin(g);
	fuse_extensions(g);
	if (g->trusted)
		x86_emit_trusted(g);
	for (g->n = 0; g->n < ir->nins; g->n++) {
		unsigned from = g->n;
		if (ir->ins[g->n].op == IR_MARK) {
			x86_emit_mark(g, &ir->ins[g->n]);
			continue;
		}
		if (g->nadditions || g->ncollectors)
			x86_settle(g, &ir->ins[g->n]);
		if (ir->ins[g->n].spare & LATE)
			x86_be_late(g, &ir->ins[g->n]);
		else
			emit_ins(g, &ir->ins[g->n]);
		x86_allocate_end_ins(g, &ir->ins[g->n]);
		for (; from <= g->n; from++)
			if (x86_is_word(&ir->ins[from]))
				x86_is_loose(g, ir->ins[from].d);
		if (ir_op_info[ir->ins[g->n].op].flags & OPF_EXIT)
			g->words = 0;
	}
}

static enum EmitResult emit(struct Ir *ir, struct CodeBuffer *buf, struct Block *block, struct _GString *text)
{
	struct Gen *g = &gen;
	/* fields that are patched are aligned relative to the start; loops run often enough to be worth more */
	unsigned align = ir->nlabels ? 16 : 4;
	uint8_t *start = (uint8_t *)(((uintptr_t)buf->start + align - 1) & -(uintptr_t)align);
	unsigned nsites;

	if (!cold_buffer) {
		cold_buffer = malloc(COLD_SIZE);
		assert(cold_buffer);
	}
	g->ir = ir;
	x86_fuse_singles(ir);
	if (ir->nlabels)
		sink_carries(ir);
	x86_make_versions(g);
	g->nlate = 0;
	g->words = g->trusted = 0;
	g->labels_words = NULL;
	if (translator.words)
		x86_find_words(g);
	if (translator.late && ir->nlabels)
		x86_find_late(g);
	nsites = ir->nexits * (g->known ? 2 : 1) + 1;   /* at most: each exit has a row, which a second version shares, and there is the entry's */
	if (buf->end - start < 256 || (uint8_t *)(block_exits(block) + nsites) > buf->meta_end)
		return EMIT_NO_ROOM;
	if (nsites >= 1 << EXIT_INDEX_BITS)
		return EMIT_TOO_BIG;
	g->hot = (struct Asm){ .start = start, .p = start, .end = buf->end, .fixes = &g->fixes };
	g->cold = (struct Asm){ .start = cold_buffer, .p = cold_buffer, .end = cold_buffer + COLD_SIZE, .fixes = &g->fixes, .cold = true };
	g->as = &g->hot;
	g->fixes.n = 0;
	g->fixes.full = false;
	g->exec = start + buf->exec_delta;
	g->pc = ir->pc;
	g->pc_stored = 0;
	g->nadditions = 0;
	g->restored = 0;
	g->compared.end = UINT_MAX;
	g->checked = NULL;
	g->too_big = false;
	g->labels = arena_alloc(ir->arena, (ir->nlabels + 1) * sizeof *g->labels);
	memset(g->labels, 0xff, (ir->nlabels + 1) * sizeof *g->labels);
	g->sites = block_exits(block);
	g->nsites = 0;
	x86_records_begin(g);
	g->listed = text != NULL;
	x86_marks_begin(g->listed ? block : NULL);
	emit_unit(g);

	if (backend.carries_late)       /* what is there may look at the counter where it is in a register */
		return EMIT_NO_ROOM;
	if (g->cold.overflow || g->fixes.full || g->too_big || asm_offset(&g->hot) + asm_offset(&g->cold) >= 1 << EXIT_PATCH_BITS)
		return EMIT_TOO_BIG;
	asm_nop(&g->hot, -asm_offset(&g->hot) & 3);
	if (g->hot.overflow || buf->end - g->hot.p < g->cold.p - g->cold.start)
		return EMIT_NO_ROOM;
	uint32_t cold_start = asm_offset(&g->hot);
	if (g->listed)
		x86_mark(cold_start, MARK_COLD);
	memcpy(g->hot.p, cold_buffer, g->cold.p - g->cold.start);
	g->hot.p += g->cold.p - g->cold.start;
	resolve(g, cold_start);

	uint8_t *records = (uint8_t *)(g->sites + g->nsites);
	uint32_t size = x86_records_end(g, cold_start, records, buf->meta_end);
	if (g->too_big)
		return EMIT_TOO_BIG;
	if (size == UINT32_MAX)
		return EMIT_NO_ROOM;
	for (unsigned i = 0; i < g->nsites; i++) {
		struct ExitSite *site = &g->sites[i];
		site->patch += site->stub & SITE_COLD ? cold_start : 0;
		site->stub = (site->stub & ~SITE_COLD) + cold_start;
	}
	block->code = g->exec;
	block->code_size = asm_offset(&g->hot);
	block->nexits = g->nsites;
	block->meta_size = size;
	buf->start = g->hot.p;
	buf->meta = records + size;
	if (text)
		x86_disassemble(block, ir, text);
	return EMIT_OK;
}

static void chain(struct ExitSite *site, struct Block *block)
{
	const uint8_t *from = exit_block(site)->code, *field = from + site->patch;
	const uint8_t *to = block ? block->code : from + site->stub;

	__atomic_store_n((int32_t *)(uintptr_t)(field - backend.exec_delta), (int32_t)(to - field - 4), __ATOMIC_RELEASE);
}

static bool examine(const void *fn, struct FunctionFacts *facts)
{
	const struct Leaf *leaf = x86_leaf(fn);

	if (!translator.inlines || !leaf->good)
		return false;
	*facts = (struct FunctionFacts){
		.leaf = true, .empty = leaf->n == 0 && !leaf->nguards, .constant = leaf->constant, .value = leaf->value, .body = leaf->calls ? leaf : NULL,
		.is_cpu = leaf->cpu_args, .is_index = leaf->index_args, .nstates = leaf->nstates, .state = leaf->state, .guarded = leaf->nguards,
	};
	for (unsigned i = 0; i < IR_MAXARGS; i++)
		facts->reads |= (leaf->reads >> (LEAF_ARG + i) & 1) << i;
	return true;
}

/* -- floating-point state -------------------------------------------------------------------------------------------------------------- */

static uint8_t fp_flags(struct Cpu *cpu, bool inside)
{
	(void)inside;           /* Cpu.host_fp itself says where its value is */
	return x86_fp_flags[(cpu->host_fp & FP_INSIDE ? _mm_getcsr() : cpu->host_fp) & 63];
}

static void fp_update(struct Cpu *cpu, bool inside)
{
	static const uint8_t control[] = { [ROUND_NE] = 0, [ROUND_TZ] = 3, [ROUND_DN] = 1, [ROUND_UP] = 2, [ROUND_MM] = 0 };
	uint32_t value = MXCSR_MASKED | (uint32_t)control[cpu->round] << 13;

	cpu->host_fp_known = 0;
	if (inside && cpu->host_fp & FP_INSIDE)
		_mm_setcsr(value);
	else
		cpu->host_fp = value;
}

void x86_deliver(struct Cpu *cpu)
{
	if (!cpu->collected)
		return;
	const struct Addition *to = &backend.carried;
	void *cell = to->in_cpu ? (char *)cpu + to->cell : (void *)(uintptr_t)to->cell;

	if (to->wide)
		*(uint64_t *)cell += cpu->collected;
	else
		*(uint32_t *)cell += cpu->collected;
	cpu->collected = 0;
}

static void flushed(void)
{
	backend.carries = backend.carries_late;
	backend.carries_none = backend.carries_late = false;
	backend.with_counter = backend.without = 0;
}

static void enter(struct Cpu *cpu, const struct Block *block)
{
	if (G_UNLIKELY((cpu->host_fp & (FP_INSIDE | MXCSR_DM)) != MXCSR_DM))
		fp_update(cpu, false);
	((void (*)(struct Cpu *, const void *))(uintptr_t)backend.common.enter)(cpu, block->code);
	x86_deliver(cpu);
}

const struct Host host_x86_64 = {
	.name = "x86_64",
	.is_jit = true,
	.init = init,
	.emit = emit,
	.enter = enter,
	.flushed = flushed,
	.chain = chain,
	.recover = x86_recover,
	.guest_pc = x86_guest_pc,
	.inlined = x86_inlined,
	.examine = examine,
	.fp_flags = fp_flags,
	.fp_update = fp_update,
	.fp_trap = x86_fp_trap,
	.disassemble = x86_disassemble,
};
