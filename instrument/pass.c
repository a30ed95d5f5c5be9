/* SPDX-License-Identifier: MIT */
/* The instrument pass: collects probes from the subscribers and writes the unit anew with them. */
#include "instrument/pass.h"

#include <assert.h>
#include <stddef.h>

#include "translator/arena.h"
#include "translator/host/host.h"

struct Attached {
	struct Probe probe;
	struct Attached *next;
};

_Static_assert((int)PROBE_MEMINFO_SHIFT == (int)MEM_SIZE, "the size of an access is passed on as it is");

/* -- what a subscriber sees and attaches ----------------------------------------------------------------------------- */

/* The accesses that an operation makes. */
static unsigned accesses_of(unsigned op)
{
	if (!(ir_op_info[op].flags & OPF_MEM))
		return 0;
	return op == IR_LOAD ? PROBE_LOADS : op == IR_STORE ? PROBE_STORES : PROBE_LOADS | PROBE_STORES;
}

void pass_begin(struct ProbeUnit *unit, struct Ir *ir, struct Cpu *cpu)
{
	unsigned n = ir->ninsns, at = 0;
	struct ProbeList *lists = arena_alloc(ir->arena, (3 * n + ir->nblocks) * sizeof *lists);

	*unit = (struct ProbeUnit){
		.ir = ir, .cpu = cpu, .accesses = arena_alloc(ir->arena, n + 1),
		.insn = lists, .before = lists + n, .after = lists + 2 * n, .block = lists + 3 * n, .at = -1u,
	};
	for (unsigned i = 0; i < ir->nins; i++) {
		if (ir->ins[i].op == IR_MARK)
			at = ir->ins[i].imm;
		unit->accesses[at] |= accesses_of(ir->ins[i].op);
	}
}

bool pass_next_block(struct ProbeUnit *unit)
{
	const struct Ir *ir = unit->ir;

	if (++unit->at == ir->nblocks)
		return false;
	unit->first = ir->blocks[unit->at].first;
	unit->ninsns = (unit->at + 1 < ir->nblocks ? ir->blocks[unit->at + 1].first : ir->ninsns) - unit->first;
	return true;
}

unsigned probe_ninsns(const struct ProbeUnit *unit)
{
	return unit->ninsns;
}

uint64_t probe_block_pc(const struct ProbeUnit *unit)
{
	return unit->ir->insns[unit->first].pc;
}

const struct IrInsn *probe_insn(const struct ProbeUnit *unit, unsigned index)
{
	assert(index < unit->ninsns);
	return &unit->ir->insns[unit->first + index];
}

struct Cpu *probe_cpu(const struct ProbeUnit *unit)
{
	return unit->cpu;
}

unsigned probe_insn_accesses(const struct ProbeUnit *unit, unsigned index)
{
	assert(index < unit->ninsns);
	return unit->accesses[unit->first + index];
}

void probe_attach(struct ProbeUnit *unit, enum ProbePlace place, unsigned index, const struct Probe *probe)
{
	assert(place == PROBE_BLOCK || index < unit->ninsns);
	if (probe->kind == PROBE_CALL && probe->cond == COND_NEVER)
		return;
	index += unit->first;
	struct ProbeList *list = place == PROBE_BLOCK ? &unit->block[unit->at] : place == PROBE_INSN ? &unit->insn[index] :
				 place == PROBE_MEM_BEFORE ? &unit->before[index] : &unit->after[index];
	struct Attached *a = arena_alloc(unit->ir->arena, sizeof *a);
	a->probe = *probe;
	if (!list->end)
		list->end = &list->first;
	*list->end = a;
	list->end = &a->next;
	unit->count++;
}

/* -- one probe ------------------------------------------------------------------------------------------------------- */

/* What the arguments of a probe are taken from. */
struct Site {
	uint64_t pc;
	Ref addr;               /* memory places only */
	unsigned mem;           /* Ins.mem of the access */
	bool is_store;
};

static Ref argument(struct Ir *ir, enum ProbeArg arg, const struct Probe *probe, const struct Site *site)
{
	switch (arg) {
	case ARG_CPU:
		return REF_CPU;
	case ARG_INDEX: {
		Ref index = ir_temp(ir, IR_INT);
		ir_get(ir, MEM_32, index, offsetof(struct Cpu, index));
		return index;
	}
	case ARG_PC:
		return ir_const(ir, site->pc);
	case ARG_DATA:
		return ir_const(ir, (uintptr_t)probe->data);
	case ARG_DATA2:
		return ir_const(ir, (uintptr_t)probe->data2);
	case ARG_VADDR:
		assert(site->addr != REF_NONE);
		return site->addr;
	case ARG_SIZE:
		return ir_const(ir, 1u << (site->mem & MEM_SIZE));
	case ARG_IS_STORE:
		return ir_const(ir, site->is_store);
	case ARG_MEMINFO:
		return ir_const(ir, (site->mem & MEM_SIZE) | (site->is_store ? PROBE_MEMINFO_STORE : 0) |
				    (site->mem & MEM_BE ? PROBE_MEMINFO_BE : 0) |
				    (!site->is_store && site->mem & MEM_SIGNED ? PROBE_MEMINFO_SIGNED : 0));
	case ARG_END:
		break;
	}
	assert(!"argument of a probe");
	return REF_NONE;
}

/* Whether the arguments of PROBE whose bits are in WHICH are all KIND. */
static bool all_are(const struct Probe *probe, unsigned which, enum ProbeArg kind)
{
	for (unsigned i = 0; i < IR_MAXARGS && probe->args[i] != ARG_END; i++)
		if (probe->args[i] == kind)
			which &= ~(1u << i);
	return !which;
}

static unsigned count_args(const struct Probe *probe)
{
	unsigned n = 0;

	while (n < IR_MAXARGS && probe->args[n] != ARG_END)
		n++;
	assert(probe->args[n] == ARG_END);
	return n;
}

/* The value of a plain register. */
static Ref register_value(struct Ir *ir, const struct Register *reg, const struct Site *site)
{
	if (reg->offset == offsetof(struct Cpu, pc))
		return ir_const(ir, site->pc);
	if (reg->global < 0) {
		Ref value = ir_temp(ir, IR_INT);
		ir_get(ir, MEM_64, value, reg->offset);
		return value;
	}
	if (ir_type_class(ir->guest->globals[reg->global].type) == IR_INT)
		return reg->global;
	return ir_op1(ir, IR_FBITS, IR_F64, reg->global);
}

/* Whether what FACTS say of the function of PROBE, which calls others, holds for this probe. */
static bool holds(const struct Probe *probe, const struct FunctionFacts *facts)
{
	return probe->cond == COND_ALWAYS && all_are(probe, facts->is_cpu, ARG_CPU) && all_are(probe, facts->is_index, ARG_INDEX) &&
	       (!facts->nstates || probe->access != PROBE_NOTHING) && count_args(probe) + facts->nstates <= IR_MAXARGS;
}

static void emit_call(struct Ir *ir, const struct Probe *probe, const struct Site *site)
{
	static const uint8_t access_flags[] = {
		[PROBE_NOTHING] = 0, [PROBE_REGISTERS] = IRC_READS, [PROBE_REGISTERS_WRITE] = IRC_READS | IRC_WRITES,
	};
	Ref args[IR_MAXARGS], slot = REF_NONE;
	unsigned n = count_args(probe), mark = probe->mark, flags = access_flags[probe->access] | (probe->fp ? IRC_FP : 0);
	struct FunctionFacts facts = { 0 };
	bool known = host && host->examine && host->examine(probe->fn, &facts);
	unsigned index_args = 0;
	bool sees_cpu = false;

	for (unsigned i = 0; i < n; i++)
		sees_cpu |= probe->args[i] == ARG_CPU && facts.reads >> i & 1;
	if (known && facts.body && (sees_cpu || !holds(probe, &facts)))
		known = false;
	if (known && facts.empty)
		return;
	/* a function that calls nothing else cannot ask for registers, and what it does not read need not be there */
	if (known && !facts.guarded) {
		flags = sees_cpu ? flags & ~IRC_FP : 0;
		mark = 0;
	}
	for (unsigned i = 0; i < n; i++) {
		bool read = !known || facts.reads >> i & 1, index = probe->args[i] == ARG_INDEX;
		args[i] = read || (facts.guarded && !index) ? argument(ir, probe->args[i], probe, site) : ir_const(ir, 0);
		index_args |= (!read && index) << i;
	}
	if (known && facts.body)
		for (unsigned i = 0; i < facts.nstates; i++)
			args[n + i] = register_value(ir, facts.state[i], site);
	if (probe->cond != COND_ALWAYS) {
		slot = ir_temp(ir, IR_INT);
		struct Ins *get = ir_append(ir, IR_SLOTGET, IR_I64);
		get->d = slot;
		get->imm = probe->slot;
	}
	if (known && facts.body) {
		struct IrCall *body = ir_call(ir, REF_NONE, probe->fn, probe->name, IRC_PROBE | flags, n + facts.nstates, args);
		body->owner = probe->owner;
		body->body = facts.body;
		body->nstates = facts.nstates;
		body->index_args = index_args;
		body->mark = mark;
		return;
	}
	if (mark)
		ir_put(ir, MEM_8, offsetof(struct Cpu, in_probe), ir_const(ir, mark));
	struct IrCall *call = ir_call(ir, REF_NONE, probe->fn, probe->name, IRC_PROBE | flags, n, args);
	call->owner = probe->owner;
	if (probe->cond != COND_ALWAYS) {
		Ref imm = ir_const(ir, probe->imm);
		struct Ins *ins = &ir->ins[ir->nins - 1];
		ins->cond = probe->cond;
		ins->a[0] = slot;
		ins->a[1] = imm;
	}
	if (mark)
		ir_put(ir, MEM_8, offsetof(struct Cpu, in_probe), ir_const(ir, 0));
}

/* In user mode the guest's address space is the host's, so that a guest access to a constant address reaches the plugin's memory. */
static void emit_host(struct Ir *ir, const struct Probe *probe)
{
	Ref addr = ir_const(ir, (uintptr_t)probe->data), value = ir_const(ir, probe->imm);

	if (probe->kind == PROBE_HOST_ADD) {
		struct Ins *ins = ir_append(ir, IR_HOSTADD, IR_I64);
		ins->a[0] = value;
		ins->a[1] = addr;
	} else {
		ir_store(ir, IR_I64, MEM_64, addr, 0, value);
	}
}

static void emit_probe(struct Ir *ir, const struct Probe *probe, const struct Site *site)
{
	if (probe->kind == PROBE_CALL) {
		emit_call(ir, probe, site);
		return;
	}
	if (probe->kind == PROBE_HOST_ADD || probe->kind == PROBE_HOST_STORE) {
		emit_host(ir, probe);
		return;
	}
	Ref value = ir_const(ir, probe->imm);
	struct Ins *ins = ir_append(ir, probe->kind == PROBE_SLOT_ADD ? IR_SLOTADD : IR_SLOTPUT, IR_I64);
	ins->a[0] = value;
	ins->imm = probe->slot;
}

static void emit_list(struct Ir *ir, const struct ProbeList *list, const struct Site *site)
{
	for (const struct Attached *a = list->first; a; a = a->next)
		emit_probe(ir, &a->probe, site);
}

/* -- memory accesses ------------------------------------------------------------------------------------------------------ */

/* How the value that an atomic operation stores follows from the one it loaded (x) and its operand (b). */
static const struct {
	bool known;
	uint8_t op;             /* enum IrOp of x, b; SELECT: x COND b ? x : b; MOV: b */
	uint8_t cond;
} stored_value[IR_NOPS] = {
	[IR_XCHG] = { true, IR_MOV, 0 },
	[IR_FADDI] = { true, IR_ADD, 0 },
	[IR_FANDI] = { true, IR_AND, 0 },
	[IR_FORI] = { true, IR_OR, 0 },
	[IR_FXORI] = { true, IR_XOR, 0 },
	[IR_FMINS] = { true, IR_SELECT, COND_LT },
	[IR_FMAXS] = { true, IR_SELECT, COND_GT },
	[IR_FMINU] = { true, IR_SELECT, COND_LTU },
	[IR_FMAXU] = { true, IR_SELECT, COND_GTU },
};

/* An access and its operands as they were before it. */
struct Access {
	struct Ins ins;
	Ref addr;               /* complete, or REF_NONE until address() makes it */
	Ref base, b, c;         /* a[0], a[1], a[2], safe from the result */
};

static bool any_wants(const struct ProbeList *list, unsigned direction, bool value)
{
	for (const struct Attached *a = list->first; a; a = a->next)
		if (a->probe.mem & direction && (!value || a->probe.want_value))
			return true;
	return false;
}

/* The guest address of the access; may be called before and after it. */
static Ref address(struct Ir *ir, struct Access *access)
{
	int32_t disp = access->ins.imm;

	if (access->addr != REF_NONE)
		return access->addr;
	if (ref_is_const(access->base))
		access->addr = ir_const(ir, ir_value(ir, access->base) + disp);
	else if (disp)
		access->addr = ir_op2(ir, IR_ADD, IR_I64, access->base, ir_const(ir, disp));
	else
		access->addr = access->base;
	return access->addr;
}

/* Copies an operand that the access overwrites. */
static Ref keep(struct Ir *ir, Ref operand, Ref result)
{
	return ref_is_var(operand) && operand == result ? ir_op1(ir, IR_MOV, IR_I64, operand) : operand;
}

static void put_value(struct Ir *ir, Ref value, unsigned word)
{
	ir_put(ir, MEM_64, offsetof(struct Cpu, mem_value) + 8 * word, value);
}

/* Puts a value of the class that TYPE says into Cpu.mem_value. */
static void put_typed(struct Ir *ir, struct Access *access, enum IrType type, Ref value)
{
	if (ir_type_class(type) == IR_INT) {
		put_value(ir, value, 0);
	} else if (type != IR_V128) {
		put_value(ir, ir_op1(ir, IR_FBITS, type, value), 0);
	} else {
		/* There is no operation for the halves of a vector: read back what has just been accessed. */
		for (unsigned half = 0; half < 2; half++) {
			Ref word = ir_temp(ir, IR_INT);
			ir_load(ir, IR_I64, MEM_64 | (access->ins.mem & (MEM_SPACE | MEM_BE)), word, address(ir, access), 8 * half);
			put_value(ir, word, access->ins.mem & MEM_BE ? 1 - half : half);
		}
	}
}

/* The value that an access stored. */
static void put_stored(struct Ir *ir, struct Access *access, Ref loaded)
{
	const struct Ins *ins = &access->ins;
	enum IrType type = (ins->mem & MEM_SIZE) == MEM_64 ? IR_I64 : IR_I32;
	Ref value;

	if (ins->op == IR_STORE) {
		put_typed(ir, access, ins->type, access->b);
		return;
	}
	if (ins->op == IR_CMPXCHG) {
		value = ir_temp(ir, IR_INT);
		ir_select(ir, type, COND_EQ, value, loaded, access->b, access->c, loaded);
	} else {
		assert(stored_value[ins->op].known);
		switch (stored_value[ins->op].op) {
		case IR_MOV:
			value = access->b;
			break;
		case IR_SELECT:
			value = ir_temp(ir, IR_INT);
			ir_select(ir, type, stored_value[ins->op].cond, value, loaded, access->b, loaded, access->b);
			break;
		default:
			value = ir_op2(ir, stored_value[ins->op].op, type, loaded, access->b);
		}
	}
	put_value(ir, value, 0);
}

/* The probes of LIST that want DIRECTION. */
static void emit_access(struct Ir *ir, const struct ProbeList *list, struct Access *access, uint64_t pc, unsigned direction)
{
	struct Site site = { .pc = pc, .mem = access->ins.mem, .is_store = direction == PROBE_STORES };

	for (const struct Attached *a = list->first; a; a = a->next)
		if (a->probe.mem & direction) {
			site.addr = address(ir, access);
			emit_probe(ir, &a->probe, &site);
		}
}

/* Emits the access INS with what goes before and after it. */
static void emit_memory(struct ProbeUnit *unit, const struct Ins *ins, unsigned index)
{
	struct Ir *ir = unit->ir;
	const struct ProbeList *before = &unit->before[index], *after = &unit->after[index];
	unsigned kinds = accesses_of(ins->op);
	uint64_t pc = ir->insns[index].pc;
	struct Access access = { .ins = *ins, .addr = REF_NONE, .base = ins->a[0], .b = ins->a[1], .c = ins->a[2] };
	Ref result = ins->d;

	for (unsigned direction = PROBE_LOADS; direction <= PROBE_STORES; direction <<= 1)
		if (kinds & direction)
			emit_access(ir, before, &access, pc, direction);
	bool after_load = kinds & PROBE_LOADS && any_wants(after, PROBE_LOADS, false);
	bool after_store = kinds & PROBE_STORES && any_wants(after, PROBE_STORES, false);
	bool load_value = after_load && any_wants(after, PROBE_LOADS, true);
	bool store_value = after_store && any_wants(after, PROBE_STORES, true);
	if (after_load || after_store)
		access.base = keep(ir, access.base, result);
	if (store_value) {
		access.b = keep(ir, access.b, result);
		access.c = keep(ir, access.c, result);
	}
	if ((load_value || (store_value && kinds & PROBE_LOADS)) && result == REF_NONE)
		result = ir_temp(ir, ir_type_class(ins->type));
	struct Ins *copy = ir_append(ir, ins->op, ins->type);
	*copy = *ins;
	copy->d = result;
	if (after_load) {
		if (load_value)
			put_typed(ir, &access, ins->type, result);
		emit_access(ir, after, &access, pc, PROBE_LOADS);
	}
	if (after_store) {
		if (store_value)
			put_stored(ir, &access, result);
		emit_access(ir, after, &access, pc, PROBE_STORES);
	}
}

/* -- the unit -------------------------------------------------------------------------------------------------------------- */

void pass_insert(struct ProbeUnit *unit)
{
	struct Ir *ir = unit->ir;
	const struct Ins *old = ir->ins;
	unsigned nold = ir->nins, index = 0, block = 0;

	if (!unit->count)
		return;
	ir->ins_cap = nold + 5 * unit->count + 16;
	ir->ins = arena_alloc(ir->arena, ir->ins_cap * sizeof *ir->ins);
	ir->nins = 0;
	for (unsigned i = 0; i < nold; i++) {
		if (accesses_of(old[i].op)) {
			emit_memory(unit, &old[i], index);
			continue;
		}
		*ir_append(ir, old[i].op, old[i].type) = old[i];
		if (old[i].op != IR_MARK)
			continue;
		index = old[i].imm;
		for (; i + 1 < nold && (old[i + 1].op == IR_POLL || old[i + 1].op == IR_HEAT); i++)
			*ir_append(ir, old[i + 1].op, old[i + 1].type) = old[i + 1];
		struct Site site = { .pc = ir->insns[index].pc, .addr = REF_NONE };
		if (block < ir->nblocks && index == ir->blocks[block].first)
			emit_list(ir, &unit->block[block++], &site);
		emit_list(ir, &unit->insn[index], &site);
	}
}
