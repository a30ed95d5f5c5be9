/* SPDX-License-Identifier: MIT */
/* What a block's tables say of its host addresses: where the guest state is at each point that may fault, and which guest instruction called.
 *
 * A table is a stream of records in ascending code offsets:
 *   number   (offset - previous offset) << 3 | state follows << 2 | enum Record
 *   number   guest pc - previous guest pc, zigzag (the first from Block.pc)
 *   number   of an inlined body: address of the function - that of the previous one, zigzag
 *   state    16-bit mask of base pins that are not in their register; count; count pairs of a global whose memory is stale and the register it is in
 *            instead: of a vector register | loose << 4 | (know & REP_SINGLE) << 6, of an integer one | STATE_INTEGER;
 *            if the mask has STATE_WORDS: a number, the set of loose words; if it has STATE_LATE: what x86_write_late() writes; if it has STATE_ADDITIONS: count, and for each addition to be made its amount, zigzag, or register << 3 | it is a register << 2 |
 *            wide << 1 | cell is in the cpu, and the cell - that of the previous one, zigzag
 * Numbers have 7 bits per byte, low first. Without a state the previous record's holds, at first: all pins at home, no vectors. */
#include <glib.h>
#include <ucontext.h>

#include "translator/host/x86_64/backend.h"

enum {
	STATE_ADDITIONS = 0x8000, STATE_LATE = 0x4000, STATE_WORDS = 0x2000, STATE_INTEGER = 0x80,
	MAX_STATE = 2 + 1 + 2 * (NVEC + NREGS) + 10 + 1 + 20 * (MAX_ADDITIONS + MAX_COLLECTORS) + MAX_LATE_SIZE,
	TABLE_SIZE = 256 << 10, MAX_COLD = 8192,
};

/* The table under construction; translation is under one lock. */
static struct {
	uint8_t bytes[TABLE_SIZE];
	unsigned n;
	uint32_t offset;
	uint64_t pc, fn;
	uint8_t state[MAX_STATE];
	unsigned state_size;
	bool initial;                   /* that state is the one at a block's entry */
	struct { uint32_t offset; uint64_t pc; } cold[MAX_COLD];
	unsigned ncold;
	bool full;
} table;

void x86_records_begin(struct Gen *g)
{
	table.n = table.ncold = 0;
	table.offset = 0;
	table.pc = g->ir->pc;
	table.fn = 0;
	memset(table.state, 0, 3);
	table.state_size = 3;
	table.initial = true;
	table.full = false;
}

/* Returns the number of bytes, at most 10. */
static unsigned write_number(uint8_t *to, uint64_t v)
{
	unsigned n = 0;

	do {
		to[n++] = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);
		v >>= 7;
	} while (v);
	return n;
}

static void put_number(uint64_t v) { table.n += write_number(table.bytes + table.n, v); }
static uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }

static unsigned write_addition(uint8_t *to, const struct Addition *a, uint64_t source, uint64_t *cell_before)
{
	unsigned n = write_number(to, source << 2 | (unsigned)a->wide << 1 | a->in_cpu);

	n += write_number(to + n, zigzag(a->cell - *cell_before));
	*cell_before = a->cell;
	return n;
}

static bool is_initial(struct Gen *g) { return x86_as_at_entry(g) && x86_adds_nothing(g); }

static unsigned capture(struct Gen *g, uint8_t *state)
{
	unsigned away = 0, n = 3;

	if (is_initial(g)) {
		memset(state, 0, n);
		return n;
	}
	for (unsigned i = 0; i < backend.npins; i++)
		if (g->var[backend.pins[i]].reg != backend.pin_regs[i])
			away |= 1u << i;
	for (int r = 0; r < NREGS; r++) {
		uint16_t v = g->owner[IR_INT][r];
		if (v != NOBODY && ir_is_global(g->ir, v) && !g->var[v].clean && backend.base_home[v] != r) {
			state[n++] = v;
			state[n++] = STATE_INTEGER | r;
		}
	}
	for (int r = 0; r < NVEC; r++) {
		uint16_t v = g->owner[IR_VEC][r];
		if (v != NOBODY && ir_is_global(g->ir, v) && !g->var[v].clean) {
			state[n++] = v;
			state[n++] = r | g->var[v].loose << 4 | (g->var[v].know & REP_SINGLE) << 6;
		}
	}
	state[2] = (n - 3) / 2;
	if (g->words) {
		away |= STATE_WORDS;
		n += write_number(state + n, g->words);
	}
	if (g->nlate) {
		away |= STATE_LATE;
		n += x86_write_late(g, state + n);
	}
	if (!x86_adds_nothing(g)) {
		uint64_t before = 0;
		away |= STATE_ADDITIONS;
		state[n++] = g->nadditions + g->ncollectors - g->ncarried;
		for (unsigned i = 0; i < g->nadditions; i++)
			n += write_addition(state + n, &g->additions[i], zigzag(g->additions[i].amount) << 1, &before);
		for (unsigned i = g->ncarried; i < g->ncollectors; i++)
			n += write_addition(state + n, &g->collectors[i].of, g->collectors[i].reg << 1 | 1, &before);
	}
	state[0] = away;
	state[1] = away >> 8;
	return n;
}

static void put_record(uint32_t offset, uint64_t pc, enum Record kind, const uint8_t *state, unsigned size)
{
	if (table.n + 32 + MAX_STATE > TABLE_SIZE) {
		table.full = true;
		return;
	}
	bool changed = size && (size != table.state_size || memcmp(state, table.state, size));
	put_number((uint64_t)(offset - table.offset) << 3 | (unsigned)changed << 2 | kind);
	put_number(zigzag(pc - table.pc));
	if (changed) {
		memcpy(table.bytes + table.n, state, size);
		table.n += size;
		memcpy(table.state, state, size);
		table.state_size = size;
		table.initial = false;
	}
	table.offset = offset;
	table.pc = pc;
}

void x86_record(struct Gen *g, enum Record kind)
{
	uint32_t offset = asm_offset(g->as);

	if (g->as == &g->cold) {
		if (table.ncold == MAX_COLD) {
			table.full = true;
			return;
		}
		table.cold[table.ncold].offset = offset;
		table.cold[table.ncold++].pc = g->pc;
		return;
	}
	if (kind == RECORD_CALL || (table.initial && is_initial(g))) {
		put_record(offset, g->pc, kind, NULL, 0);
		return;
	}
	uint8_t state[MAX_STATE];
	put_record(offset, g->pc, kind, state, capture(g, state));
}

void x86_record_inline(struct Gen *g, const void *fn)
{
	put_record(asm_offset(g->as), g->pc, RECORD_INLINE, NULL, 0);
	if (!table.full)
		put_number(zigzag((uintptr_t)fn - table.fn));
	table.fn = (uintptr_t)fn;
}

uint32_t x86_records_end(struct Gen *g, uint32_t cold_start, uint8_t *meta, uint8_t *end)
{
	for (unsigned i = 0; i < table.ncold; i++)
		put_record(cold_start + table.cold[i].offset, table.cold[i].pc, RECORD_CALL, NULL, 0);
	g->too_big |= table.full;
	if (meta + table.n > end)
		return UINT32_MAX;
	memcpy(meta, table.bytes, table.n);
	return table.n;
}

/* -- reading ----------------------------------------------------------------------------------------------------------------------- */

struct Reader {
	const uint8_t *p, *end;
	uint32_t offset;
	uint64_t pc, fn;
	enum Record kind;
	const uint8_t *state;
};

static uint64_t read_number(const uint8_t **p)
{
	uint64_t v = 0;
	unsigned shift = 0;

	do
		v |= (uint64_t)(**p & 0x7f) << shift, shift += 7;
	while (*(*p)++ & 0x80);
	return v;
}

static uint64_t unzigzag(uint64_t v) { return v >> 1 ^ -(v & 1); }

/* Where ucontext keeps the registers, by number. */
static const uint8_t greg_index[NREGS] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* Makes the additions of a state's list at P, in CPU if it is not NULL, with the host's registers REGS; returns its end. */
static const uint8_t *make_additions(const uint8_t *p, struct Cpu *cpu, const greg_t *regs)
{
	uint64_t cell = 0;

	for (unsigned left = *p++; left; left--) {
		uint64_t head = read_number(&p);
		bool in_register = head & 4;
		cell += unzigzag(read_number(&p));
		if (!cpu)
			continue;
		uint64_t amount = in_register ? (uint64_t)regs[greg_index[head >> 3]] : unzigzag(head >> 3);
		if (!amount)
			continue;
		char *at = head & 1 ? (char *)cpu + cell : (char *)(uintptr_t)cell;
		if (head & 2)
			*(uint64_t *)at += amount;
		else
			*(uint32_t *)at += amount;
	}
	return p;
}

static unsigned state_mask(const uint8_t *state) { return state[0] | state[1] << 8; }

static void read_start(struct Reader *r, const struct Block *block)
{
	static const uint8_t initial[3];

	*r = (struct Reader){ .p = block_meta(block), .end = block_meta(block) + block->meta_size, .pc = block->pc, .state = initial };
}

static bool read_next(struct Reader *r)
{
	if (r->p >= r->end)
		return false;
	uint64_t v = read_number(&r->p);
	r->offset += v >> 3;
	r->kind = v & 3;
	r->pc += unzigzag(read_number(&r->p));
	if (r->kind == RECORD_INLINE)
		r->fn += unzigzag(read_number(&r->p));
	if (v & 4) {
		r->state = r->p;
		r->p += 3 + 2 * r->state[2];
		if (state_mask(r->state) & STATE_WORDS)
			read_number(&r->p);
		if (state_mask(r->state) & STATE_LATE)
			r->p += x86_late_size(r->p);
		if (state_mask(r->state) & STATE_ADDITIONS)
			r->p = make_additions(r->p, NULL, NULL);
	}
	return true;
}

/* The 64-bit value that BITS in a register stand for; HOW: of the record, without the register. */
static uint64_t exact_value(uint64_t bits, unsigned how)
{
	unsigned loose = how >> 4 & 3;
	bool single = how >> 6;

	if (loose & REP_ARITH && single && (bits & 0x7fffffff) > 0x7f800000)
		bits = (bits & ~(uint64_t)0xffffffff) | 0x7fc00000;
	else if (loose & REP_ARITH && !single && (bits & INT64_MAX) > 0x7ff0000000000000)
		bits = 0x7ff8000000000000;
	return loose & REP_SINGLE ? bits | (uint64_t)0xffffffff << 32 : bits;
}

static void recover_vector(struct Cpu *cpu, const struct IrGlobal *global, const void *xmm, unsigned how)
{
	uint64_t value;

	memcpy((char *)cpu + global->offset, xmm, global->type == IR_V128 ? 16 : 8);
	memcpy(&value, xmm, sizeof value);
	value = exact_value(value, how);
	memcpy((char *)cpu + global->offset, &value, sizeof value);
}

bool x86_recover(struct Cpu *cpu, const struct Block *block, void *ucontext, enum Cause cause)
{
	ucontext_t *uc = ucontext;
	greg_t *regs = uc->uc_mcontext.gregs;
	struct Reader r;
	bool found = false;

	if (!block)
		return false;
	uint32_t offset = (const uint8_t *)regs[REG_RIP] - block->code;
	read_start(&r, block);
	while (!found && read_next(&r))
		found = r.offset == offset && r.kind <= RECORD_STORE;
	if (!found)
		return false;
	unsigned away = state_mask(r.state);
	for (unsigned i = 0; i < backend.npins; i++)
		if (!(away >> i & 1))
			memcpy((char *)cpu + backend.guest->globals[backend.pins[i]].offset, &regs[greg_index[backend.pin_regs[i]]], 8);
	for (unsigned i = 0; i < r.state[2]; i++) {
		const struct IrGlobal *global = &backend.guest->globals[r.state[3 + 2 * i]];
		unsigned how = r.state[4 + 2 * i];
		if (how & STATE_INTEGER)
			memcpy((char *)cpu + global->offset, &regs[greg_index[how & 15]], 8);
		else
			recover_vector(cpu, global, &uc->uc_mcontext.fpregs->_xmm[how & 15], how);
	}
	const uint8_t *rest = r.state + 3 + 2 * r.state[2];
	if (away & STATE_WORDS)
		x86_extend_words(cpu, read_number(&rest));
	if (away & STATE_LATE) {
		x86_follow_late(cpu, rest);
		rest += x86_late_size(rest);
	}
	if (away & STATE_ADDITIONS)
		make_additions(rest, cpu, regs);
	cpu->pc = r.pc;
	cpu->cause = cause == CAUSE_FAULT_LOAD && r.kind == RECORD_STORE ? CAUSE_FAULT_STORE : cause;
	cpu->leave_site = NULL;
	cpu->host_fp = uc->uc_mcontext.fpregs->mxcsr & 0xffff;
	if (backend.carrier != NOREG)
		cpu->collected = regs[greg_index[backend.carrier]];
	regs[REG_RIP] = (uintptr_t)backend.common.leave_fault;
	regs[REG_RSP] = (uintptr_t)cpu->host_frame;
	regs[REG_RBP] = (uintptr_t)cpu + backend.bias;
	return true;
}

/* While flags are known those not raised are unmasked. The first instruction that raises one is repeated with all masked, and with the flags as they
 * were: those of a trap are not all that the instruction raises, and a tiny exact result raises one that it must not. */
bool x86_fp_trap(struct Cpu *cpu, void *ucontext)
{
	ucontext_t *uc = ucontext;
	uint32_t *mxcsr = &uc->uc_mcontext.fpregs->mxcsr, before = *mxcsr >> MXCSR_MASKS & MXCSR_FLAGS;

	if ((*mxcsr & MXCSR_MASKED) == MXCSR_MASKED)
		return false;
	*mxcsr = (*mxcsr & ~(uint32_t)MXCSR_FLAGS) | before | MXCSR_MASKED;
	cpu->host_fp_known = 0;
	if (cpu->host_fp_traps < FP_TRAPS_MAX)
		cpu->host_fp_traps++;
	return true;
}

uint64_t x86_guest_pc(const struct Block *block, const void *pc)
{
	struct Reader r;
	uint64_t before = 0;

	if (!block || (const uint8_t *)pc < block->code || (const uint8_t *)pc > block->code + block->code_size)
		return 0;
	uint32_t offset = (const uint8_t *)pc - block->code;
	read_start(&r, block);
	while (read_next(&r)) {
		if (r.offset == offset)
			return r.pc;
		if (r.offset > offset)
			break;
		before = r.pc;
	}
	return before;
}

const void *x86_inlined(const struct Block *block, const void *pc)
{
	struct Reader r;
	uint64_t fn = 0;

	if (!block || (const uint8_t *)pc < block->code || (const uint8_t *)pc >= block->code + block->code_size)
		return NULL;
	uint32_t offset = (const uint8_t *)pc - block->code;
	read_start(&r, block);
	while (read_next(&r) && r.offset <= offset) {
		if (r.offset == offset && r.kind <= RECORD_STORE)
			return NULL;
		fn = r.kind == RECORD_INLINE ? r.fn : 0;
	}
	return (const void *)(uintptr_t)fn;
}
