/* SPDX-License-Identifier: MIT */
/* Reading the machine code of short functions; the contract is in leaf.h.
 *
 * The code is walked once, with what is known of the values in registers and in memory. Registers that hold an argument, a guest register or a constant are replaced by
 * these where they are read, addresses by what they are; then what has no effect is taken out. What a call needs to know of memory that may change becomes a guard, and
 * the walk begins again with what that says. */
#include <dlfcn.h>
#include <glib.h>
#include <link.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "translator/host/x86_64/leaf.h"
#include "translator/intrinsic.h"
#include "translator/translate.h"

/* -- what is known ---------------------------------------------------------------------------------------------------------- */

enum Kind {
	UNKNOWN,
	CONSTANT,
	WHOLE, LOW,             /* register V of those that are not written, or its low 32 bits */
	FRAME,                  /* address: the stack pointer at entry plus V */
	IN_CPU,                 /* address: struct Cpu plus V */
	WORD,                   /* the SIZE bytes that were at V at entry */
	KEPT,                   /* what register V, one of those that calls keep, had at entry */
};

struct Value {
	uint8_t kind, size;
	uint64_t v;
};

/* What has been stored at an address, of the space that KIND says: CONSTANT for fixed ones, or FRAME. */
struct Content {
	uint8_t kind, size;
	int64_t at;
	struct Value value;
};

enum { MAX_CONTENTS = 48 };

struct Walk {
	struct Call call;               /* first: what `explain` is given */
	struct Leaf *leaf;
	const uint8_t *p;
	struct Value value[NREGS];
	struct Content contents[MAX_CONTENTS];
	unsigned ncontents;
	bool wild;                      /* something has been stored nobody knows where */
	bool assumes;                   /* there may be guards */
};

static struct Value value_of(const struct Walk *w, int reg)
{
	return reg < NREGS ? w->value[reg] : (struct Value){ .kind = WHOLE, .v = reg };
}

static struct Value constant(uint64_t v) { return (struct Value){ .kind = CONSTANT, .v = v }; }

struct Query {
	uintptr_t addr;
	bool found;
};

static int in_relro(struct dl_phdr_info *info, size_t size, void *data)
{
	struct Query *q = data;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr;
		if (h->p_type == PT_GNU_RELRO && q->addr >= start && q->addr + 8 <= ((start + h->p_memsz) & -(uintptr_t)4096))
			q->found = true;
	}
	return q->found;
}

/* Whether the 8 bytes at ADDR are constant since the library was loaded: where compilers put addresses of other libraries' objects. */
static bool is_constant(const void *addr)
{
	struct Query q = { .addr = (uintptr_t)addr };

	dl_iterate_phdr(in_relro, &q);
	return q.found;
}

/* The address that an entry of a dynamic section gives: some loaders have added where the library is, some have not. */
static uintptr_t address_in(const struct dl_phdr_info *info, ElfW(Addr) address)
{
	return address < info->dlpi_addr ? info->dlpi_addr + address : address;
}

static int in_plt(struct dl_phdr_info *info, size_t size, void *data)
{
	const ElfW(Dyn) *entry = NULL;
	const ElfW(Rela) *rel = NULL;
	size_t bytes = 0, kind = 0;
	struct Query *q = data;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; entry && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_JMPREL)
			rel = (const void *)address_in(info, entry->d_un.d_ptr);
		else if (entry->d_tag == DT_PLTRELSZ)
			bytes = entry->d_un.d_val;
		else if (entry->d_tag == DT_PLTREL)
			kind = entry->d_un.d_val;
	for (size_t i = 0; rel && kind == DT_RELA && i < bytes / sizeof *rel; i++)
		q->found |= info->dlpi_addr + rel[i].r_offset == q->addr;
	return q->found;
}

/* Whether only the dynamic linker sets the 8 bytes at ADDR, and not a program: a pointer to a function may be a variable, too. */
static bool is_linkers(const void *addr)
{
	struct Query q = { .addr = (uintptr_t)addr };

	return is_constant(addr) || dl_iterate_phdr(in_plt, &q);
}

/* Memory that need not be mapped. */
static bool peek(uint64_t addr, unsigned size, uint64_t *value)
{
	struct iovec to = { value, size }, from = { (void *)(uintptr_t)addr, size };

	*value = 0;
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)size;
}

/* Whether the bytes are where bodies may store without naming their address. The cpus may be such as other threads are making now. */
static bool in_slots(uint64_t addr)
{
	const struct Cpu *cpu;

	for (unsigned index = 0; (cpu = cpu_slots_of(index)); index++)
		if (addr - (uintptr_t)cpu < cpu_slots_offset(translator.guest) + CPU_SLOTS_SIZE)
			return true;
	return false;
}

static const struct LeafGuard *find_guard(const struct Leaf *leaf, uint64_t addr, unsigned size)
{
	for (unsigned i = 0; i < leaf->nguards; i++)
		if ((uintptr_t)leaf->guard[i].addr == addr && leaf->guard[i].size == size)
			return &leaf->guard[i];
	return NULL;
}

/* Takes for granted that memory holds at entry what it holds now. */
static bool assume(struct Walk *w, uint64_t addr, unsigned size, uint64_t *value)
{
	const struct LeafGuard *guard = find_guard(w->leaf, addr, size);

	if (guard) {
		*value = guard->value;
		return true;
	}
	if (!w->assumes || w->leaf->nguards == LEAF_GUARDS || in_slots(addr) || !peek(addr, size, value))
		return false;
	w->leaf->guard[w->leaf->nguards++] = (struct LeafGuard){ .addr = (const void *)(uintptr_t)addr, .value = *value, .size = size };
	return true;
}

/* The address space of a memory operand, a fixed address or an offset at *AT; UNKNOWN: it may be anywhere. */
static enum Kind space_of(const struct LeafInsn *insn, int64_t *at)
{
	*at = insn->rm.disp;
	if (insn->prefixes & LEAF_FS || insn->rm.index != NOREG)
		return UNKNOWN;
	switch (insn->rm.base) {
	case LEAF_FRAME: return FRAME;
	case LEAF_CPU: return IN_CPU;
	case RIP_RELATIVE: *at = (intptr_t)insn->rm.target; return CONSTANT;
	}
	return UNKNOWN;
}

static struct Value load(const struct Walk *w, enum Kind space, int64_t at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = w->ncontents; i-- > 0;) {
		const struct Content *c = &w->contents[i];
		if (c->kind == space && c->at == at && c->size == size)
			return c->value;
		if (c->kind == space && c->at < at + size && at < c->at + c->size)
			return (struct Value){ 0 };
	}
	if (space != CONSTANT || w->wild || (size != 4 && size != 8))
		return (struct Value){ 0 };
	const struct LeafGuard *guard = find_guard(w->leaf, at, size);
	if (guard)
		return constant(guard->value);
	if (is_constant((const void *)(uintptr_t)at)) {
		memcpy(&value, (const void *)(uintptr_t)at, size);
		return constant(value);
	}
	return (struct Value){ .kind = WORD, .size = size, .v = at };
}

static void store(struct Walk *w, enum Kind space, int64_t at, unsigned size, struct Value value)
{
	if (space == UNKNOWN || space == IN_CPU || w->ncontents == MAX_CONTENTS) {
		for (unsigned i = 0; i < w->ncontents; i++)
			if (w->contents[i].kind == CONSTANT || w->ncontents == MAX_CONTENTS)
				w->contents[i].value = (struct Value){ 0 };
		w->wild |= space != IN_CPU;     /* what is assumed is not in the cpu */
		return;
	}
	w->contents[w->ncontents++] = (struct Content){ .kind = space, .size = size, .at = at, .value = value };
}

/* -- one instruction ------------------------------------------------------------------------------------------------------- */

static bool is_move(const struct LeafInsn *insn, unsigned opcode)
{
	return (insn->op & ~X_W) == opcode && !insn->prefixes;
}

static void set_constant(struct LeafInsn *insn, int reg, uint64_t value)
{
	*insn = (struct LeafInsn){
		.prefixes = LEAF_MOV_IMM, .rm = rm_reg(reg), .digit = true, .rm_use = LEAF_WRITES, .imm = value, .writes = 1u << reg,
	};
}

/* The address of a memory operand, by what is known of its registers. */
static void find_address(const struct Walk *w, struct LeafInsn *insn)
{
	struct Rm *rm = &insn->rm;

	if (rm->base >= 0 && rm->index == NOREG && !(insn->prefixes & LEAF_FS)) {
		struct Value base = value_of(w, rm->base);
		int64_t at = base.v + (int64_t)rm->disp;
		if (base.kind == CONSTANT)
			*rm = rm_at((const void *)(uintptr_t)at);
		else if ((base.kind == FRAME || base.kind == IN_CPU) && at == (int32_t)at)
			*rm = rm_mem(base.kind == FRAME ? LEAF_FRAME : LEAF_CPU, at);
	}
	if (rm->base >= 0 && value_of(w, rm->base).kind == WHOLE)
		rm->base = value_of(w, rm->base).v;
	if (rm->index >= 0 && value_of(w, rm->index).kind == WHOLE)
		rm->index = value_of(w, rm->index).v;
}

/* What a move of SIZE bytes makes of VALUE. */
static struct Value moved(struct Value value, unsigned size)
{
	if (size == 8 || (value.kind == WORD && value.size == 4) || value.kind == LOW)
		return value;
	if (size == 4 && value.kind == CONSTANT)
		return constant((uint32_t)value.v);
	if (size == 4 && value.kind == WHOLE)
		return (struct Value){ .kind = LOW, .v = value.v };
	return (struct Value){ 0 };
}

/* The value that INSN gives the register it writes. */
static struct Value result(const struct Walk *w, const struct LeafInsn *insn)
{
	int64_t at = 0;
	enum Kind space = insn->rm.reg == NOREG ? space_of(insn, &at) : UNKNOWN;
	bool clears = insn->op < 0x40 && !insn->digit && !insn->reads && insn->writes;

	if (insn->prefixes & LEAF_MOV_IMM)
		return constant(insn->imm);
	if (clears)
		return constant(0);
	if (is_move(insn, 0x8d) && insn->op & X_W && space != UNKNOWN)
		return (struct Value){ .kind = space, .v = at };
	if (is_move(insn, 0x8b) && space != UNKNOWN)
		return moved(load(w, space, at, x86_leaf_size(insn)), x86_leaf_size(insn));
	if (is_move(insn, 0x8b) && insn->rm.reg != NOREG)
		return moved(value_of(w, insn->rm.reg), x86_leaf_size(insn));
	if (is_move(insn, 0x89) && insn->rm.reg != NOREG)
		return moved(value_of(w, insn->reg), x86_leaf_size(insn));
	return (struct Value){ 0 };
}

/* Reads what is known in place of what is named. */
static void substitute(const struct Walk *w, struct LeafInsn *insn)
{
	int64_t at = 0;

	if (insn->rm.reg == NOREG && insn->rm_use == LEAF_READS && insn->op & X_W && x86_leaf_size(insn) == 8) {
		enum Kind space = space_of(insn, &at);
		struct Value value = space == UNKNOWN ? (struct Value){ 0 } : load(w, space, at, 8);
		if (value.kind == WHOLE)
			insn->rm = rm_reg(value.v);
	}
	if (insn->reg_use == LEAF_READS && value_of(w, insn->reg).kind == WHOLE)
		insn->reg = value_of(w, insn->reg).v;
	if (insn->rm.reg != NOREG && insn->rm_use == LEAF_READS && value_of(w, insn->rm.reg).kind == WHOLE)
		insn->rm.reg = value_of(w, insn->rm.reg).v;
	if (!(insn->prefixes & LEAF_MOV_IMM))
		x86_leaf_note_uses(insn);
}

/* What INSN stores, with operand REG as it was before anything was put in its place. */
static struct Value stored(const struct Walk *w, const struct LeafInsn *insn, unsigned size)
{
	if (is_move(insn, 0x89))
		return moved(value_of(w, insn->reg), size);
	if (is_move(insn, 0xc7))
		return constant(size == 8 ? (uint64_t)insn->imm : (uint32_t)insn->imm);
	return (struct Value){ 0 };
}

/* Appends INSN to the leaf, and learns what it does. */
static bool append(struct Walk *w, struct LeafInsn insn)
{
	int64_t at = 0;

	if (insn.rm.reg == NOREG)
		find_address(w, &insn);
	struct Value value = result(w, &insn);
	if (value.kind == CONSTANT && (is_move(&insn, 0x8b) || is_move(&insn, 0x8d))) {
		set_constant(&insn, insn.reg, insn.op & X_W ? value.v : (uint32_t)value.v);
	} else if (value.kind == KEPT && is_move(&insn, 0x8b) && insn.rm.reg == NOREG) {
		w->value[insn.reg] = value;     /* nobody may look at it, so it need not be there */
		return true;
	} else {
		substitute(w, &insn);
	}
	if (insn.rm.reg == NOREG) {
		enum Kind space = space_of(&insn, &at);
		unsigned size = x86_leaf_size(&insn);
		insn.frame = space == FRAME && !insn.memory;
		if (insn.rm_use & LEAF_WRITES)
			store(w, space, at, size, stored(w, &insn, size));
	}
	for (int reg = 0; reg < NREGS; reg++)
		if (insn.writes >> reg & 1)
			w->value[reg] = value;
	if (insn.reg_use & insn.rm_use & LEAF_WRITES && insn.rm.reg != NOREG && insn.rm.reg != insn.reg)
		return false;           /* two results */
	if (w->leaf->n == LEAF_INSNS)
		return false;
	w->leaf->insn[w->leaf->n++] = insn;
	return true;
}

/* Makes and appends an instruction of those that the walk needs itself: register REG, which is read or written, and operand RM. */
static bool append_move(struct Walk *w, unsigned op, int reg, unsigned reg_use, struct Rm rm, unsigned rm_use)
{
	struct LeafInsn insn = { .op = op, .reg = reg, .rm = rm, .reg_use = reg_use, .rm_use = rm_use };

	x86_leaf_note_uses(&insn);
	return append(w, insn);
}

static bool append_immediate(struct Walk *w, unsigned op, unsigned digit, struct Rm rm, unsigned rm_use, int32_t imm)
{
	struct LeafInsn insn = { .op = op, .reg = digit, .digit = true, .rm = rm, .rm_use = rm_use, .imm = imm, .imm_size = 4 };

	x86_leaf_note_uses(&insn);
	return append(w, insn);
}

/* -- calls -------------------------------------------------------------------------------------------------------------------- */

static const uint8_t arg_regs[IR_MAXARGS] = { RDI, RSI, RDX, RCX, R8, R9 };

static struct Walk *walk_of(struct Call *call) { return (struct Walk *)call; }
static struct Value argument(struct Call *call, unsigned arg) { return walk_of(call)->value[arg_regs[arg]]; }

static bool word(struct Call *call, uint64_t addr, unsigned size, uint64_t *value)
{
	struct Walk *w = walk_of(call);
	struct Value v = load(w, CONSTANT, addr, size);

	*value = v.v;
	return v.kind == CONSTANT || (v.kind == WORD && assume(w, addr, size, value));
}

static bool constant_argument(struct Call *call, unsigned arg, uint64_t *value)
{
	struct Value v = argument(call, arg);

	*value = v.v;
	/* what was at an address at entry need not be there now */
	return v.kind == CONSTANT || (v.kind == WORD && assume(walk_of(call), v.v, v.size, value));
}

/* Whether ARG is one of the function's own, whose bit is put into *WHICH then. */
static bool passed_on(struct Call *call, unsigned arg, bool low, uint8_t *which)
{
	struct Value v = argument(call, arg);

	if ((v.kind != WHOLE && !(low && v.kind == LOW)) || v.v < LEAF_ARG || v.v >= LEAF_ARG + IR_MAXARGS)
		return false;
	*which |= 1 << (v.v - LEAF_ARG);
	return true;
}

static bool is_cpu(struct Call *call, unsigned arg) { return passed_on(call, arg, false, &walk_of(call)->leaf->cpu_args); }
static bool is_index(struct Call *call, unsigned arg) { return passed_on(call, arg, true, &walk_of(call)->leaf->index_args); }

static struct Rm operand(struct Address a)
{
	return a.arg == NO_ARGUMENT ? rm_at((const void *)(uintptr_t)a.disp) : rm_mem(arg_regs[a.arg], a.disp);
}

static bool store_register(struct Call *call, struct Address to, const struct Register *reg)
{
	struct Walk *w = walk_of(call);
	struct Leaf *leaf = w->leaf;
	unsigned i = 0;

	while (i < leaf->nstates && leaf->state[i] != reg)
		i++;
	if (i == IR_MAXARGS)
		return false;
	leaf->state[i] = reg;
	leaf->nstates = MAX(leaf->nstates, i + 1);
	return append_move(w, 0x89 | X_W, LEAF_STATE + i, LEAF_READS, operand(to), LEAF_WRITES);
}

static bool store_constant(struct Call *call, struct Address to, unsigned size, uint64_t value)
{
	if (size == 8 && value != (uint64_t)(int64_t)(int32_t)value)
		return false;
	return append_immediate(walk_of(call), 0xc7 | (size == 8 ? X_W : 0), 0, operand(to), LEAF_WRITES, value);
}

/* An operation of a slot and an argument: in the form REG, or, for constants, IMMEDIATE. */
static bool on_slot(struct Call *call, uint32_t slot, unsigned arg, unsigned reg, unsigned immediate, unsigned use)
{
	struct Value v = argument(call, arg);

	if (v.kind == CONSTANT && v.v == (uint64_t)(int64_t)(int32_t)v.v)
		return append_immediate(walk_of(call), immediate, 0, rm_mem(LEAF_CPU, slot), use, v.v);
	return append_move(walk_of(call), reg, arg_regs[arg], LEAF_READS, rm_mem(LEAF_CPU, slot), use);
}

static bool slot_add(struct Call *call, uint32_t slot, unsigned arg)
{
	return on_slot(call, slot, arg, 0x01 | X_W, 0x81 | X_W, LEAF_READS | LEAF_WRITES);
}

static bool slot_store(struct Call *call, uint32_t slot, unsigned arg)
{
	return on_slot(call, slot, arg, 0x89 | X_W, 0xc7 | X_W, LEAF_WRITES);
}

static bool give_constant(struct Call *call, uint64_t value)
{
	struct LeafInsn insn;

	set_constant(&insn, RAX, value);
	return append(walk_of(call), insn);
}

static bool give_slot(struct Call *call, uint32_t slot)
{
	return append_move(walk_of(call), 0x8b | X_W, RAX, LEAF_WRITES, rm_mem(LEAF_CPU, slot), LEAF_READS);
}

static bool give_slot_address(struct Call *call, uint32_t slot)
{
	return append_move(walk_of(call), 0x8d | X_W, RAX, LEAF_WRITES, rm_mem(LEAF_CPU, slot), 0);
}

/* The pointer in the word at P + 4 + the displacement there, through which the code calls: as the dynamic linker has set it, or as it is now. NULL: it cannot be
 * taken for granted. */
static const void *through_word(struct Walk *w, const uint8_t *p)
{
	struct Leaf *leaf = w->leaf;
	int32_t disp;
	uint64_t target;

	memcpy(&disp, p, 4);
	const void *at = p + 4 + disp;
	if (!is_linkers(at))
		return word(&w->call, (uintptr_t)at, sizeof target, &target) ? (const void *)(uintptr_t)target : NULL;
	memcpy(&target, at, sizeof target);
	if (leaf->nslots == LEAF_SLOTS)
		return NULL;
	leaf->slot[leaf->nslots++] = (struct LeafGuard){ .addr = at, .value = target, .size = sizeof target };
	return (const void *)(uintptr_t)target;
}

/* The function that code at P calls or jumps to, with an entry of the linkage table looked through; *LENGTH: of the instruction. NULL: it does neither. */
static const void *callee(struct Walk *w, const uint8_t *p, bool jump, unsigned *length)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	const uint8_t *start = p;
	int32_t disp;

	p += *p == 0xf2 || *p == 0x67;          /* bnd; padding of calls that the linker made shorter */
	if (p[0] == 0xff && p[1] == (jump ? 0x25 : 0x15)) {
		*length = p + 6 - start;
		return through_word(w, p + 2);
	}
	if (*p != (jump ? 0xe9 : 0xe8))
		return NULL;
	memcpy(&disp, p + 1, 4);
	*length = p + 5 - start;
	const uint8_t *target = p + 5 + disp;
	if (intrinsic_find(target))
		return target;
	p = target;
	for (unsigned i = 0; i < sizeof endbr64 && *p == endbr64[i]; i++)
		p++;
	p += *p == 0xf2;
	return p[0] == 0xff && p[1] == 0x25 ? through_word(w, p + 2) : target;
}

static bool emulate_call(struct Walk *w, const void *fn)
{
	static const struct Call operations = {
		.constant = constant_argument, .word = word, .is_cpu = is_cpu, .is_index = is_index, .store_register = store_register,
		.store_constant = store_constant, .slot_add = slot_add, .slot_store = slot_store, .give_constant = give_constant,
		.give_slot = give_slot, .give_slot_address = give_slot_address,
	};
	Explain *explain = intrinsic_find(fn);

	w->leaf->calls = true;
	w->call = operations;
	if (!explain)
		return false;
	w->value[RAX] = (struct Value){ 0 };
	if (!explain(&w->call))
		return false;
	for (unsigned i = 0; i < sizeof arg_regs; i++)
		w->value[arg_regs[i]] = (struct Value){ 0 };
	w->value[R10] = w->value[R11] = (struct Value){ 0 };
	return true;
}

/* Whether the code at P reports a smashed stack, which it is not. */
static bool is_stack_failure(struct Walk *w, const uint8_t *p)
{
	unsigned length, slots = w->leaf->nslots;
	const void *fn = callee(w, p, false, &length);

	if (!fn)
		w->leaf->nslots = slots;
	return fn && fn == dlsym(RTLD_DEFAULT, "__stack_chk_fail");
}

/* -- the walk ----------------------------------------------------------------------------------------------------------------- */

static bool push(struct Walk *w, int reg)
{
	struct Value value = w->value[reg];

	w->value[RSP].v -= 8;
	if (value.kind == KEPT) {
		store(w, FRAME, w->value[RSP].v, 8, value);
		return true;
	}
	return append_move(w, 0x89 | X_W, reg, LEAF_READS, rm_mem(RSP, 0), LEAF_WRITES);
}

static bool pop(struct Walk *w, int reg)
{
	bool good = append_move(w, 0x8b | X_W, reg, LEAF_WRITES, rm_mem(RSP, 0), LEAF_READS);

	w->value[RSP].v += 8;
	return good;
}

/* Pushes, pops, and moves the stack pointer; *DONE: it was that. */
static bool on_stack(struct Walk *w, bool *done)
{
	const uint8_t *p = w->p;
	bool high = *p == 0x41;
	int32_t amount;

	*done = true;
	p += high;
	if (*p >> 4 == 5) {
		int reg = (*p & 7) | high << 3;
		w->p = p + 1;
		return reg != RSP && (*p & 8 ? pop(w, reg) : push(w, reg));
	}
	*done = !high && p[0] == 0x48 && (p[1] == 0x83 || p[1] == 0x81) && (p[2] == 0xec || p[2] == 0xc4);
	if (!*done)
		return true;
	if (p[1] == 0x83)
		amount = (int8_t)p[3];
	else
		memcpy(&amount, p + 3, 4);
	w->value[RSP].v += p[2] == 0xec ? -(int64_t)amount : amount;
	w->p = p + (p[1] == 0x83 ? 4 : 7);
	return true;
}

/* Looks at a branch; *DONE: there was one, and it is never taken. */
static bool on_branch(struct Walk *w, bool *done)
{
	const uint8_t *p = w->p, *target;
	int32_t disp;

	*done = true;
	if (*p >> 4 == 7) {
		w->p = p + 2;
		target = w->p + (int8_t)p[1];
	} else if (p[0] == 0x0f && p[1] >> 4 == 8) {
		memcpy(&disp, p + 2, 4);
		w->p = p + 6;
		target = w->p + disp;
	} else {
		*done = false;
		return true;
	}
	return is_stack_failure(w, target);
}

/* Whether calls keep REG. */
static bool is_kept(int reg) { return reg == RBX || reg == RBP || reg >= R12; }

static bool returns(const struct Walk *w)
{
	for (int reg = 0; reg < NREGS; reg++)
		if (is_kept(reg) && (w->value[reg].kind != KEPT || w->value[reg].v != (uint64_t)reg))
			return false;
	return w->value[RSP].v == 0;
}

/* Walks the code from w->p to behind its end. False: it is no leaf, because of the instruction that w->p is at, or has just passed when another one follows. */
static bool walk(struct Walk *w)
{
	const uint8_t *start = w->p;
	struct LeafInsn insn;
	unsigned length;
	bool done;

	while (*w->p != 0xc3) {
		const void *fn;
		if (w->p - start > LEAF_BYTES - 32)
			return false;
		if (!on_stack(w, &done) || (!done && !on_branch(w, &done)))
			return false;
		if (done)
			continue;
		if ((fn = callee(w, w->p, true, &length))) {
			if (!emulate_call(w, fn) || !returns(w))
				return false;
			w->p += length;
			return true;
		}
		if ((fn = callee(w, w->p, false, &length))) {
			if (!emulate_call(w, fn))
				return false;
			w->p += length;
			continue;
		}
		const uint8_t *next = x86_leaf_decode(w->p, &insn);
		if (!next || !append(w, insn))
			return false;
		w->p = next;
	}
	if (!returns(w))
		return false;
	w->p++;
	return true;
}

static void begin(struct Walk *w, const uint8_t *fn)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	unsigned at = 0;

	while (at < sizeof endbr64 && fn[at] == endbr64[at])
		at++;
	w->p = fn + (at == sizeof endbr64 ? at : 0);
	w->ncontents = 0;
	w->wild = false;
	w->leaf->n = w->leaf->nstates = w->leaf->nslots = 0;
	w->leaf->cpu_args = w->leaf->index_args = 0;
	w->leaf->calls = false;
	for (int reg = 0; reg < NREGS; reg++)
		w->value[reg] = is_kept(reg) ? (struct Value){ .kind = KEPT, .v = reg } : (struct Value){ 0 };
	w->value[RSP] = (struct Value){ .kind = FRAME };
	for (unsigned i = 0; i < IR_MAXARGS; i++)       /* for what changes them; others read the arguments themselves */
		append_move(w, 0x8b | X_W, arg_regs[i], LEAF_WRITES, rm_reg(LEAF_ARG + i), LEAF_READS);
}

/* -- what has an effect --------------------------------------------------------------------------------------------------------- */

/* What the instruction does to the flags: nothing, something, or it sets all. */
enum { FLAGS_KEPT, FLAGS_CHANGED, FLAGS_SET };

static unsigned flags_of(const struct LeafInsn *insn)
{
	unsigned opcode = insn->op & 0xff;

	if (insn->prefixes & LEAF_MOV_IMM)
		return FLAGS_KEPT;
	if (insn->op & X_0F3A)
		return opcode == 0xaf || opcode == 0xc1 ? FLAGS_CHANGED : FLAGS_KEPT;
	switch (opcode) {
	case 0x63: case 0x88 ... 0x8d: case 0xc6: case 0xc7:
		return FLAGS_KEPT;
	case 0x00 ... 0x3f: case 0x80 ... 0x85:
		return FLAGS_SET;
	case 0xf6: case 0xf7:
		return insn->reg == 2 ? FLAGS_KEPT : FLAGS_SET;
	}
	return FLAGS_CHANGED;
}

static bool reads_flags(const struct LeafInsn *insn)
{
	unsigned opcode = insn->op & 0xff, map = insn->op & X_0F3A;

	if (insn->prefixes & LEAF_MOV_IMM)
		return false;
	if (map)
		return (opcode >= 0x40 && opcode <= 0x4f) || (opcode >= 0x90 && opcode <= 0x9f);
	if (insn->digit && opcode >= 0x80 && opcode <= 0x83)
		return insn->reg == ALU_ADC || insn->reg == ALU_SBB;
	return opcode < 0x40 && (opcode >> 3 == ALU_ADC || opcode >> 3 == ALU_SBB);
}

/* Bytes of the frame, from the stack pointer at entry downwards. */
typedef unsigned __int128 FrameMask;
enum { FRAME_TRACKED = 128 };

/* Those that INSN accesses; all if they are not tracked. */
static FrameMask frame_bytes(const struct LeafInsn *insn)
{
	unsigned size = x86_leaf_size(insn);
	int at = -insn->rm.disp;

	if (insn->rm.reg != NOREG || insn->rm.base != LEAF_FRAME || !insn->memory)
		return 0;
	if (at < (int)size || at > FRAME_TRACKED)
		return ~(FrameMask)0;
	return (((FrameMask)1 << size) - 1) << (at - size);
}

/* Takes out what has no effect, given the registers LIVE at the end. */
static void remove_dead(struct Leaf *leaf, uint32_t live)
{
	bool flags = false, keep[LEAF_INSNS];
	FrameMask frame = 0;
	unsigned n = 0;

	for (unsigned i = leaf->n; i-- > 0;) {
		struct LeafInsn *insn = &leaf->insn[i];
		FrameMask bytes = frame_bytes(insn);
		bool effect = bytes ? insn->rm_use & LEAF_WRITES && bytes & frame : insn->effect;
		keep[i] = effect || insn->writes & live || (flags && flags_of(insn) != FLAGS_KEPT);
		if (!keep[i])
			continue;
		insn->flags_used = flags;
		if (flags_of(insn) == FLAGS_SET)
			flags = false;
		flags |= reads_flags(insn);
		live = (live & ~insn->writes) | insn->reads;
		if (insn->rm_use == LEAF_WRITES && ~bytes)
			frame &= ~bytes;
		if (insn->rm_use & LEAF_READS)
			frame |= bytes;
	}
	for (unsigned i = 0; i < leaf->n; i++)
		if (keep[i])
			leaf->insn[n++] = leaf->insn[i];
	leaf->n = n;
	leaf->reads = live;
}

bool x86_leaf_is_addition(const struct LeafInsn *insn)
{
	unsigned opcode = insn->op & 0xff;

	if (insn->prefixes || insn->rm.reg != NOREG || (insn->rm.base != RIP_RELATIVE && insn->rm.base != LEAF_CPU) || insn->op & X_0F3A ||
	    insn->flags_used)
		return false;
	if (!insn->digit)
		return (opcode == 0x01 || opcode == 0x29) && !(insn->op & X_0F);
	if (opcode == 0x81 || opcode == 0x83)
		return insn->reg == ALU_ADD || insn->reg == ALU_SUB;
	return opcode == 0xff && insn->reg <= 1;
}

int64_t x86_leaf_addend(const struct LeafInsn *insn)
{
	if (!insn->digit)
		return (insn->op & 0xff) == 0x29 ? -1 : 1;
	if ((insn->op & 0xff) == 0xff)
		return insn->reg ? -1 : 1;
	return insn->reg == ALU_SUB ? -insn->imm : insn->imm;
}

/* -- the function ---------------------------------------------------------------------------------------------------------- */

/* No more registers than there are at any time. */
enum { MAX_REGS = 9 };

/* Takes out what has no effect, and sees whether the rest can be emitted. */
static void finish(struct Leaf *leaf, const struct Walk *w)
{
	static struct Leaf whole;
	bool effect = false;
	uint32_t forbidden = 1u << RSP;

	whole = *leaf;
	remove_dead(&whole, 1 << RAX);
	for (unsigned i = 0; i < whole.n; i++)
		effect |= whole.insn[i].effect;
	leaf->constant = !effect && !leaf->calls && w->value[RAX].kind == CONSTANT;
	leaf->value = w->value[RAX].v;
	remove_dead(leaf, 0);
	leaf->good = leaf->adds = leaf->fixed = true;
	leaf->writes = 0;
	leaf->memory = false;
	for (unsigned i = 0; i < leaf->n; i++) {
		const struct LeafInsn *insn = &leaf->insn[i];
		bool frame = insn->rm.reg == NOREG && insn->rm.base == LEAF_FRAME;
		int64_t at = 0;
		leaf->writes |= insn->writes;
		leaf->memory |= insn->memory && !frame;
		leaf->adds &= x86_leaf_is_addition(insn) && (insn->digit || insn->reg >= LEAF_ARG);
		enum Kind space = space_of(insn, &at);
		leaf->fixed &= !insn->memory || (space != UNKNOWN && !(space == CONSTANT && in_slots(at)));
		if (insn->frame || (frame && (insn->rm.disp < -(int)LEAF_FRAME_SIZE || insn->rm.disp + (int)x86_leaf_size(insn) > 0)))
			leaf->good = false;
	}
	for (int reg = 0; reg < NREGS; reg++)
		forbidden |= is_kept(reg) ? 1u << reg : 0;
	if (leaf->reads & forbidden || __builtin_popcount(leaf->reads | leaf->writes) > MAX_REGS)
		leaf->good = false;
}

/* Returns how many bytes from FN on the answer depends on. */
static unsigned analyse(struct Leaf *leaf, const uint8_t *fn, bool assumes)
{
	static struct Walk w;
	unsigned guards;
	bool good;

	memset(leaf, 0, sizeof *leaf);
	w.leaf = leaf;
	w.assumes = assumes;
	do {
		guards = leaf->nguards;
		begin(&w, fn);
		good = walk(&w);
	} while (leaf->nguards != guards);
	if (good)
		finish(leaf, &w);
	return MIN(w.p + !good - fn, LEAF_BYTES);
}

/* -- what has been read --------------------------------------------------------------------------------------------------------- */

/* How often an answer that depends on memory may change before it is taken to be no use. */
enum { MAX_CHANGES = 8, LOOK_AGAIN = 64 };

struct Entry {
	const struct Leaf *leaf;
	unsigned asked, changes, length;
	uint8_t bytes[LEAF_BYTES];      /* code may change: another library where one was unloaded */
};

static bool is_current(const struct Entry *e, const void *fn)
{
	const struct Leaf *leaf = e->leaf;

	if (!leaf || memcmp(e->bytes, fn, e->length) != 0)
		return false;
	for (unsigned i = 0; i < leaf->nslots; i++)
		if (memcmp(leaf->slot[i].addr, &leaf->slot[i].value, sizeof(uint64_t)) != 0)
			return false;
	return true;
}

/* Memory that guards look at may have changed, and what was of no use then may be of some. */
static bool look_again(struct Entry *e)
{
	e->asked++;
	return e->leaf->calls && e->changes < MAX_CHANGES && (e->asked % LOOK_AGAIN == 0 || !(e->asked & (e->asked - 1)));
}

/* Whether two answers about the same code are the same. */
static bool is_same(const struct Leaf *a, const struct Leaf *b)
{
	bool same = a->good == b->good && a->nguards == b->nguards;

	for (unsigned i = 0; same && i < a->nguards; i++)
		same = a->guard[i].addr == b->guard[i].addr && a->guard[i].value == b->guard[i].value;
	return same;
}

const struct Leaf *x86_leaf(const void *fn)
{
	static GHashTable *entries;
	static struct Leaf fresh;

	if (!entries)
		entries = g_hash_table_new(NULL, NULL);
	struct Entry *e = g_hash_table_lookup(entries, fn);
	if (!e) {
		e = g_new0(struct Entry, 1);
		g_hash_table_insert(entries, (void *)(uintptr_t)fn, e);
	}
	if (!is_current(e, fn))
		e->leaf = NULL, e->asked = e->changes = 0;
	if (e->leaf && !look_again(e))
		return e->leaf;
	e->length = analyse(&fresh, fn, e->changes < MAX_CHANGES);
	memcpy(e->bytes, fn, e->length);
	if (e->leaf && is_same(e->leaf, &fresh))
		return e->leaf;
	e->changes += e->leaf != NULL;
	if (e->changes == MAX_CHANGES)
		analyse(&fresh, fn, false);
	size_t size = offsetof(struct Leaf, insn) + (fresh.good ? fresh.n : 0) * sizeof fresh.insn[0];
	struct Leaf *leaf = g_malloc(size);     /* the old one may be in use: it stays */
	memcpy(leaf, &fresh, size);
	return e->leaf = leaf;
}
