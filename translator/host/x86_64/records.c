/* SPDX-License-Identifier: MIT */
/* What a block's tables say of its host addresses: where the guest state is at each point that may fault, and which guest instruction called.
 *
 * A table is a stream of records in ascending code offsets:
 *   number   (offset - previous offset) << 3 | state follows << 2 | enum Record
 *   number   guest pc - previous guest pc, zigzag (the first from Block.pc)
 *   state    16-bit mask of base pins that are in memory alone; count; count pairs of vector global and register, whose memory is stale
 * Numbers have 7 bits per byte, low first. Without a state the previous record's holds, at first: all pins at home, no vectors. */
#include <glib.h>
#include <ucontext.h>

#include "translator/host/x86_64/backend.h"

enum { MAX_STATE = 2 + 1 + 2 * NVEC, TABLE_SIZE = 256 << 10, MAX_COLD = 8192 };

/* The table under construction; translation is under one lock. */
static struct {
	uint8_t bytes[TABLE_SIZE];
	unsigned n;
	uint32_t offset;
	uint64_t pc;
	uint8_t state[MAX_STATE];
	unsigned state_size;
	struct { uint32_t offset; uint64_t pc; } cold[MAX_COLD];
	unsigned ncold;
	bool full;
} table;

void x86_records_begin(struct Gen *g)
{
	table.n = table.ncold = 0;
	table.offset = 0;
	table.pc = g->ir->pc;
	memset(table.state, 0, 3);
	table.state_size = 3;
	table.full = false;
}

static void put_number(uint64_t v)
{
	do {
		table.bytes[table.n++] = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);
		v >>= 7;
	} while (v);
}

static unsigned capture(struct Gen *g, uint8_t *state)
{
	unsigned away = 0, n = 3;

	for (unsigned i = 0; i < backend.npins; i++)
		if (g->var[backend.pins[i]].reg == NOREG)
			away |= 1u << i;
	for (int r = 0; r < NVEC; r++) {
		uint16_t v = g->owner[IR_VEC][r];
		if (v != NOBODY && ir_is_global(g->ir, v) && !g->var[v].clean) {
			state[n++] = v;
			state[n++] = r;
		}
	}
	state[0] = away;
	state[1] = away >> 8;
	state[2] = (n - 3) / 2;
	return n;
}

static void put_record(uint32_t offset, uint64_t pc, enum Record kind, const uint8_t *state, unsigned size)
{
	if (table.n + 32 + MAX_STATE > TABLE_SIZE) {
		table.full = true;
		return;
	}
	int64_t delta = pc - table.pc;
	bool changed = size && (size != table.state_size || memcmp(state, table.state, size));
	put_number((uint64_t)(offset - table.offset) << 3 | (unsigned)changed << 2 | kind);
	put_number((uint64_t)delta << 1 ^ (uint64_t)(delta >> 63));
	if (changed) {
		memcpy(table.bytes + table.n, state, size);
		table.n += size;
		memcpy(table.state, state, size);
		table.state_size = size;
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
	uint8_t state[MAX_STATE];
	put_record(offset, g->pc, kind, state, kind == RECORD_CALL ? 0 : capture(g, state));
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
	uint64_t pc;
	enum Record kind;
	const uint8_t *state;
};

static uint64_t get_number(struct Reader *r)
{
	uint64_t v = 0;
	unsigned shift = 0;

	do
		v |= (uint64_t)(*r->p & 0x7f) << shift, shift += 7;
	while (*r->p++ & 0x80);
	return v;
}

static void read_start(struct Reader *r, const struct Block *block)
{
	static const uint8_t initial[3];

	*r = (struct Reader){ .p = block->meta, .end = block->meta + block->meta_size, .pc = block->pc, .state = initial };
}

static bool read_next(struct Reader *r)
{
	if (r->p >= r->end)
		return false;
	uint64_t v = get_number(r), pc = get_number(r);
	r->offset += v >> 3;
	r->kind = v & 3;
	r->pc += pc >> 1 ^ -(pc & 1);
	if (v & 4) {
		r->state = r->p;
		r->p += 3 + 2 * r->state[2];
	}
	return true;
}

/* Where ucontext keeps the registers, by number. */
static const uint8_t greg_index[NREGS] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

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
		found = r.offset == offset && r.kind != RECORD_CALL;
	if (!found)
		return false;
	unsigned away = r.state[0] | r.state[1] << 8;
	for (unsigned i = 0; i < backend.npins; i++)
		if (!(away >> i & 1))
			memcpy((char *)cpu + backend.guest->globals[backend.pins[i]].offset, &regs[greg_index[backend.pin_regs[i]]], 8);
	for (unsigned i = 0; i < r.state[2]; i++) {
		const struct IrGlobal *global = &backend.guest->globals[r.state[3 + 2 * i]];
		memcpy((char *)cpu + global->offset, &uc->uc_mcontext.fpregs->_xmm[r.state[4 + 2 * i]], global->type == IR_V128 ? 16 : 8);
	}
	cpu->pc = r.pc;
	cpu->cause = cause == CAUSE_FAULT_LOAD && r.kind == RECORD_STORE ? CAUSE_FAULT_STORE : cause;
	cpu->leave_site = NULL;
	cpu->host_fp = uc->uc_mcontext.fpregs->mxcsr & 0xffff;
	regs[REG_RIP] = (uintptr_t)backend.common.leave_fault;
	regs[REG_RSP] = (uintptr_t)cpu->host_frame;
	regs[REG_RBP] = (uintptr_t)cpu + backend.bias;
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
