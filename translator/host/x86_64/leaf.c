/* SPDX-License-Identifier: MIT */
/* Reading the machine code of short functions; the contract is in leaf.h. */
#include "translator/host/x86_64/leaf.h"

#include <link.h>

/* -- decoding ------------------------------------------------------------------------------------------------------------- */

/* What an instruction does with an operand. */
enum { R = 1, W = 2, RW = R | W };

struct Reader {
	const uint8_t *p;               /* never read beyond the instruction at hand: the function may end with its page */
	unsigned rex;
	bool has_rex;
	uint64_t known[NREGS];          /* values of the registers in KNOWN_MASK */
	uint16_t known_mask;
};

static uint64_t immediate(struct Reader *r, unsigned size)
{
	int64_t v = size == 1 ? (int8_t)*r->p : 0;

	if (size == 2) {
		int16_t v16;
		memcpy(&v16, r->p, 2);
		v = v16;
	} else if (size == 4) {
		int32_t v32;
		memcpy(&v32, r->p, 4);
		v = v32;
	} else if (size == 8) {
		memcpy(&v, r->p, 8);
	}
	r->p += size;
	return v;
}

/* The registers that calls may change. */
static bool allowed(int reg)
{
	return (1 << RAX | 1 << RCX | 1 << RDX | 1 << RSI | 1 << RDI | 1 << R8 | 1 << R9 | 1 << R10 | 1 << R11) >> reg & 1;
}

/* ModRM, SIB and displacement; TRAIL bytes of immediate follow. False: not an operand of a leaf. */
static bool modrm(struct Reader *r, struct LeafInsn *insn, unsigned trail)
{
	uint8_t byte = *r->p++;
	unsigned mod = byte >> 6, low = byte & 7;

	insn->reg = (byte >> 3 & 7) | (r->rex & 4 ? 8 : 0);
	if (mod == 3) {
		insn->rm = rm_reg(low | (r->rex & 1 ? 8 : 0));
		return allowed(insn->rm.reg);
	}
	insn->rm = rm_mem(low | (r->rex & 1 ? 8 : 0), 0);
	if (low == RSP) {
		uint8_t sib = *r->p++;
		int index = (sib >> 3 & 7) | (r->rex & 2 ? 8 : 0), base = (sib & 7) | (r->rex & 1 ? 8 : 0);
		insn->rm.base = (sib & 7) == RBP && mod == 0 ? NOREG : base;
		insn->rm.index = index == RSP ? NOREG : index;
		insn->rm.scale = sib >> 6;
		if (insn->rm.base == NOREG)
			insn->rm.disp = immediate(r, 4);
	} else if (low == RBP && mod == 0) {
		int32_t disp = immediate(r, 4);
		insn->rm.base = RIP_RELATIVE;
		insn->rm.target = r->p + trail + disp;
	}
	if (mod)
		insn->rm.disp = immediate(r, mod == 1 ? 1 : 4);
	return (insn->rm.base < 0 || allowed(insn->rm.base)) && (insn->rm.index == NOREG || allowed(insn->rm.index));
}

/* Notes how registers are used. Writing less than 32 bits of a register keeps the rest, and so reads it. */
static bool uses(const struct Reader *r, struct LeafInsn *insn, unsigned reg_use, unsigned rm_use)
{
	bool narrow = insn->prefixes & LEAF_16;

	if (reg_use) {
		bool byte = insn->op & X_BYTE;
		if (!allowed(insn->reg) || (byte && !r->has_rex && insn->reg > RBX))
			return false;
		if (reg_use & R || byte || narrow)
			insn->reads |= 1 << insn->reg;
		if (reg_use & W)
			insn->writes |= 1 << insn->reg;
	} else {
		insn->digit = true;
	}
	if (insn->rm.reg != NOREG) {
		bool byte = insn->op & X_BYTERM;
		if (byte && !r->has_rex && insn->rm.reg > RBX)
			return false;
		if (rm_use & R || ((byte || narrow) && rm_use & W))
			insn->reads |= 1 << insn->rm.reg;
		if (rm_use & W)
			insn->writes |= 1 << insn->rm.reg;
		return !(insn->prefixes & LEAF_LOCK);
	}
	if (insn->rm.base >= 0)
		insn->reads |= 1 << insn->rm.base;
	if (insn->rm.index >= 0)
		insn->reads |= 1 << insn->rm.index;
	insn->memory = rm_use != 0;
	insn->effect = insn->memory;    /* a read too: it may fault */
	return !(insn->prefixes & LEAF_LOCK) || rm_use == RW;
}

/* The instructions with opcodes of two bytes. */
static bool decode_0f(struct Reader *r, struct LeafInsn *insn, unsigned w)
{
	uint8_t opcode = *r->p++;

	insn->op = opcode | X_0F | w;
	switch (opcode) {
	case 0x1f:      /* nop */
		return modrm(r, insn, 0) && (insn->rm = rm_reg(RAX), insn->digit = true, true);
	case 0x40 ... 0x4f:     /* cmovcc */
	case 0xaf:      /* imul */
		return modrm(r, insn, 0) && uses(r, insn, RW, R);
	case 0x90 ... 0x9f:     /* setcc */
		insn->op |= X_BYTERM;
		return modrm(r, insn, 0) && uses(r, insn, 0, W);
	case 0xb6: case 0xbe:   /* movzx, movsx from bytes */
		insn->op |= X_BYTERM;
		return modrm(r, insn, 0) && uses(r, insn, W, R);
	case 0xb7: case 0xbf:
		return modrm(r, insn, 0) && uses(r, insn, W, R);
	case 0xc1:      /* xadd */
		return modrm(r, insn, 0) && uses(r, insn, RW, RW);
	}
	return false;
}

/* One instruction but `ret`. False if leaves have no such. */
static bool decode(struct Reader *r, struct LeafInsn *insn)
{
	*insn = (struct LeafInsn){ .rm = rm_reg(RAX) };
	r->rex = 0;
	r->has_rex = false;
	for (unsigned i = 0; i < 3; i++, r->p++) {
		if (*r->p == 0xf0)
			insn->prefixes |= LEAF_LOCK;
		else if (*r->p == 0x64)
			insn->prefixes |= LEAF_FS;
		else if (*r->p == 0x66)
			insn->prefixes |= LEAF_16;
		else
			break;
	}
	if (*r->p >> 4 == 4) {
		r->rex = *r->p++ & 15;
		r->has_rex = true;
	}
	unsigned w = r->rex & 8 ? X_W : 0, word = insn->prefixes & LEAF_16 && !w ? 2 : 4;
	if (w)
		insn->prefixes &= ~LEAF_16;
	uint8_t opcode = *r->p++;
	insn->op = opcode | w;
	switch (opcode) {
	case 0x00 ... 0x3f: {
		unsigned alu = opcode >> 3, form = opcode & 7, keeps = alu == ALU_CMP ? R : RW;
		if (opcode == 0x0f)
			return decode_0f(r, insn, w);
		if (form > 5)
			return false;
		if (form > 3) {         /* al or eax and an immediate: the general form */
			insn->op = (form == 4 ? 0x80 | X_BYTERM : 0x81) | w;
			insn->reg = alu;
			insn->imm_size = form == 4 ? 1 : word;
			insn->imm = immediate(r, insn->imm_size);
			return uses(r, insn, 0, keeps);
		}
		if (!(form & 1))
			insn->op |= X_BYTE | X_BYTERM;
		if (!modrm(r, insn, 0))
			return false;
		bool same = insn->rm.reg == insn->reg && form & 1 && !(insn->prefixes & LEAF_16);
		if (same && (alu == ALU_XOR || alu == ALU_SUB))
			return uses(r, insn, W, W);
		return form & 2 ? uses(r, insn, keeps, R) : uses(r, insn, R, keeps);
	}
	case 0x63:      /* movsxd */
		return w && modrm(r, insn, 0) && uses(r, insn, W, R);
	case 0x69: case 0x6b:   /* imul by an immediate */
		insn->imm_size = opcode == 0x6b ? 1 : word;
		if (!modrm(r, insn, insn->imm_size) || !uses(r, insn, W, R))
			return false;
		break;
	case 0x80: case 0x81: case 0x83:
		insn->imm_size = opcode == 0x81 ? word : 1;
		if (opcode == 0x80)
			insn->op |= X_BYTERM;
		if (!modrm(r, insn, insn->imm_size))
			return false;
		insn->reg &= 7;
		if (!uses(r, insn, 0, insn->reg == ALU_CMP ? R : RW))
			return false;
		break;
	case 0x84: case 0x88: case 0x8a:
		insn->op |= X_BYTE | X_BYTERM;
		/* fall through */
	case 0x85: case 0x89: case 0x8b:        /* test, mov */
		if (!modrm(r, insn, 0))
			return false;
		return opcode < 0x88 ? uses(r, insn, R, R) : opcode < 0x8a ? uses(r, insn, R, W) : uses(r, insn, W, R);
	case 0x8d:      /* lea: fs does not count */
		return modrm(r, insn, 0) && insn->rm.reg == NOREG && !(insn->prefixes & (LEAF_FS | LEAF_LOCK)) && uses(r, insn, W, 0);
	case 0x90:      /* nop */
		insn->op = 0x1f | X_0F;
		insn->digit = true;
		return !(r->rex & 1) && !(insn->prefixes & LEAF_LOCK);
	case 0x98:      /* sign-extends rax in itself */
		insn->op = w ? 0x63 | X_W : 0xbf | X_0F;
		return insn->prefixes == 0 && uses(r, insn, W, R);
	case 0xb8 ... 0xbf:
		insn->prefixes |= LEAF_MOV_IMM;
		insn->rm = rm_reg((opcode & 7) | (r->rex & 1 ? 8 : 0));
		insn->imm = immediate(r, w ? 8 : 4);
		if (!w)
			insn->imm = (uint32_t)insn->imm;
		return insn->prefixes == LEAF_MOV_IMM && allowed(insn->rm.reg) && uses(r, insn, 0, W);
	case 0xc0: case 0xd0: case 0xc6: case 0xf6: case 0xfe:
		insn->op |= X_BYTERM;
		/* fall through */
	case 0xc1: case 0xd1: case 0xc7: case 0xf7: case 0xff: {
		unsigned digit = *r->p >> 3 & 7, use = RW;
		bool shift = opcode < 0xc2 || opcode == 0xd0 || opcode == 0xd1, move = opcode == 0xc6 || opcode == 0xc7;
		if (shift ? digit == 2 || digit == 3 || digit == 6 : move ? digit != 0 : opcode > 0xf7 ? digit > 1 :
			    digit != 0 && digit != 2 && digit != 3)
			return false;
		if (opcode < 0xc2)
			insn->imm_size = 1;
		else if (move || (opcode < 0xf8 && !shift && digit == 0))
			insn->imm_size = opcode & 1 ? word : 1;
		if (!modrm(r, insn, insn->imm_size))
			return false;
		if (move)
			use = W;
		else if (opcode < 0xf8 && !shift && digit == 0)
			use = R;
		insn->reg = digit;
		if (!uses(r, insn, 0, use))
			return false;
		break;
	}
	default:
		return false;
	}
	insn->imm = immediate(r, insn->imm_size);
	return true;
}

/* -- what is known at translation ------------------------------------------------------------------------------------------ */

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

static bool is_load(const struct LeafInsn *insn) { return insn->op == (0x8b | X_W) && !insn->prefixes && insn->memory; }
static bool is_lea(const struct LeafInsn *insn) { return (insn->op & ~X_W) == 0x8d && !insn->prefixes; }

static void set_constant(struct LeafInsn *insn, int reg, uint64_t value)
{
	*insn = (struct LeafInsn){ .prefixes = LEAF_MOV_IMM, .rm = rm_reg(reg), .digit = true, .imm = value, .writes = 1 << reg };
}

/* Puts in what is known, and learns what becomes known. */
static void propagate(struct Reader *r, struct LeafInsn *insn)
{
	int base = insn->rm.base;

	if (insn->rm.reg == NOREG && base >= 0 && insn->rm.index == NOREG && r->known_mask >> base & 1 && !(insn->prefixes & LEAF_FS)) {
		uint64_t target = r->known[base] + (int64_t)insn->rm.disp;
		insn->rm = rm_at((const void *)(uintptr_t)target);
		insn->reads &= ~(1 << base);
		if (!insn->digit && insn->reg == base && insn->op != (0x8b | X_W) && !is_lea(insn))
			insn->reads |= 1 << base;
	}
	bool at_fixed = insn->rm.reg == NOREG && insn->rm.base == RIP_RELATIVE;
	if (is_lea(insn) && at_fixed) {
		uint64_t value = (uintptr_t)insn->rm.target;
		set_constant(insn, insn->reg, insn->op & X_W ? value : (uint32_t)value);
	} else if (is_load(insn) && at_fixed && is_constant(insn->rm.target)) {
		uint64_t value;
		memcpy(&value, insn->rm.target, sizeof value);
		set_constant(insn, insn->reg, value);
	}
	r->known_mask &= ~insn->writes;
	bool clears = insn->op < 0x40 && !insn->digit && !insn->reads && insn->writes;
	if (insn->prefixes & LEAF_MOV_IMM || clears) {
		r->known[insn->rm.reg] = clears ? 0 : insn->imm;
		r->known_mask |= 1 << insn->rm.reg;
	}
}

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

/* Takes out what has no effect, given the registers LIVE at the end. */
static void remove_dead(struct Leaf *leaf, uint16_t live)
{
	bool flags = false, keep[LEAF_INSNS];
	unsigned n = 0;

	for (unsigned i = leaf->n; i-- > 0;) {
		const struct LeafInsn *insn = &leaf->insn[i];
		keep[i] = insn->effect || insn->writes & live || (flags && flags_of(insn) != FLAGS_KEPT);
		if (!keep[i])
			continue;
		if (flags_of(insn) == FLAGS_SET)
			flags = false;
		flags |= reads_flags(insn);
		live = (live & ~insn->writes) | insn->reads;
	}
	for (unsigned i = 0; i < leaf->n; i++)
		if (keep[i])
			leaf->insn[n++] = leaf->insn[i];
	leaf->n = n;
	leaf->reads = live;
}

static bool is_addition(const struct LeafInsn *insn)
{
	unsigned opcode = insn->op & 0xff;

	if (insn->prefixes || insn->rm.reg != NOREG || insn->rm.base != RIP_RELATIVE || insn->op & X_0F3A)
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

/* Returns how many bytes from FN on the answer depends on. */
static unsigned analyse(struct Leaf *leaf, const uint8_t *fn)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct Reader r = { .p = fn };
	unsigned at = 0;

	*leaf = (struct Leaf){ 0 };
	while (at < sizeof endbr64 && r.p[at] == endbr64[at])
		at++;
	if (at == sizeof endbr64)
		r.p += at;
	while (*r.p != 0xc3) {
		struct LeafInsn *insn = &leaf->insn[leaf->n];
		if (leaf->n == LEAF_INSNS || r.p - fn > LEAF_BYTES - 20 || !decode(&r, insn))
			return r.p - fn;
		propagate(&r, insn);
		leaf->n++;
	}
	unsigned length = r.p + 1 - fn;
	struct Leaf whole = *leaf;
	bool effect = false;
	remove_dead(&whole, 1 << RAX);
	for (unsigned i = 0; i < whole.n; i++)
		effect |= whole.insn[i].effect;
	leaf->constant = !effect && r.known_mask >> RAX & 1;
	leaf->value = r.known[RAX];
	remove_dead(leaf, 0);
	leaf->good = leaf->adds = true;
	for (unsigned i = 0; i < leaf->n; i++) {
		leaf->writes |= leaf->insn[i].writes;
		leaf->memory |= leaf->insn[i].memory;
		leaf->adds &= is_addition(&leaf->insn[i]);
	}
	return length;
}

const struct Leaf *x86_leaf(const void *fn)
{
	static struct {
		const void *fn;
		unsigned length;
		uint8_t bytes[LEAF_BYTES];      /* code may change: another library where one was unloaded */
		struct Leaf leaf;
	} cache[64], *entry;

	entry = &cache[((uintptr_t)fn >> 4 ^ (uintptr_t)fn >> 12) % (sizeof cache / sizeof *cache)];
	if (entry->fn != fn || memcmp(entry->bytes, fn, entry->length) != 0) {
		entry->fn = fn;
		entry->length = analyse(&entry->leaf, fn);
		memcpy(entry->bytes, fn, entry->length);
	}
	return &entry->leaf;
}

bool x86_leaf_reachable(const struct Leaf *leaf, const void *from)
{
	for (unsigned i = 0; i < leaf->n; i++) {
		const struct LeafInsn *insn = &leaf->insn[i];
		ptrdiff_t distance = (const uint8_t *)insn->rm.target - (const uint8_t *)from;
		if (insn->rm.reg == NOREG && insn->rm.base == RIP_RELATIVE &&
		    (distance > INT32_MAX - (64 << 20) || distance < INT32_MIN + (64 << 20)))
			return false;
	}
	return true;
}

void x86_leaf_emit(struct Asm *as, const struct Leaf *leaf, const int8_t map[NREGS])
{
	for (unsigned i = 0; i < leaf->n; i++) {
		const struct LeafInsn *insn = &leaf->insn[i];
		struct Rm rm = insn->rm;
		if (rm.reg != NOREG)
			rm.reg = map[rm.reg];
		else if (rm.base >= 0)
			rm.base = map[rm.base];
		if (rm.reg == NOREG && rm.index >= 0)
			rm.index = map[rm.index];
		if (insn->prefixes & LEAF_MOV_IMM) {
			asm_mov_imm(as, rm.reg, insn->imm);
			continue;
		}
		asm_room(as);
		if (insn->prefixes & LEAF_LOCK)
			asm_8(as, 0xf0);
		if (insn->prefixes & LEAF_FS)
			asm_8(as, 0x64);
		if (insn->prefixes & LEAF_16)
			asm_8(as, 0x66);
		asm_op(as, insn->op, insn->digit ? insn->reg : map[insn->reg], rm, insn->imm_size);
		for (unsigned k = 0; k < insn->imm_size; k++)
			asm_8(as, insn->imm >> 8 * k);
	}
}
