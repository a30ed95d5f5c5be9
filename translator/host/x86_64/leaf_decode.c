/* SPDX-License-Identifier: MIT */
/* Decoding the instructions of short functions; the contract is in leaf.h. */
#include "translator/host/x86_64/leaf.h"

/* What an instruction does with an operand. */
enum { R = LEAF_READS, W = LEAF_WRITES, RW = R | W };

struct Reader {
	const uint8_t *p;
	unsigned rex;
	bool has_rex;
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

/* ModRM, SIB and displacement; TRAIL bytes of immediate follow. False: not an operand of a leaf. */
static bool modrm(struct Reader *r, struct LeafInsn *insn, unsigned trail)
{
	uint8_t byte = *r->p++;
	unsigned mod = byte >> 6, low = byte & 7;

	insn->reg = (byte >> 3 & 7) | (r->rex & 4 ? 8 : 0);
	if (mod == 3) {
		insn->rm = rm_reg(low | (r->rex & 1 ? 8 : 0));
		return true;
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
	return true;
}

void x86_leaf_note_uses(struct LeafInsn *insn)
{
	bool narrow = insn->prefixes & LEAF_16;

	/* writing less than 32 bits of a register keeps the rest, and so reads it */
	insn->reads = insn->writes = 0;
	if (insn->reg_use && (insn->reg_use & R || insn->op & X_BYTE || narrow))
		insn->reads |= 1u << insn->reg;
	if (insn->reg_use & W)
		insn->writes |= 1u << insn->reg;
	if (insn->rm.reg != NOREG) {
		if (insn->rm_use & R || ((insn->op & X_BYTERM || narrow) && insn->rm_use & W))
			insn->reads |= 1u << insn->rm.reg;
		if (insn->rm_use & W)
			insn->writes |= 1u << insn->rm.reg;
		insn->memory = insn->effect = false;
		return;
	}
	if (insn->rm.base >= 0)
		insn->reads |= 1u << insn->rm.base;
	if (insn->rm.index >= 0)
		insn->reads |= 1u << insn->rm.index;
	insn->memory = insn->rm_use != 0;
	/* a read has one too, for it may fault, but where nobody but the compiler puts things */
	bool quiet = insn->prefixes & LEAF_FS && insn->rm.base == NOREG && insn->rm.index == NOREG;
	insn->effect = insn->memory && (insn->rm_use & W || (!quiet && insn->rm.base != LEAF_FRAME && insn->rm.base != LEAF_CPU));
}

unsigned x86_leaf_size(const struct LeafInsn *insn)
{
	unsigned opcode = insn->op & 0xff;

	if (insn->op & X_BYTERM)
		return 1;
	if (insn->op & X_0F && (opcode == 0xb7 || opcode == 0xbf))
		return 2;
	if (!(insn->op & X_0F) && opcode == 0x63)
		return 4;
	return insn->op & X_W ? 8 : insn->prefixes & LEAF_16 ? 2 : 4;
}

/* Notes how operands are used. */
static bool uses(const struct Reader *r, struct LeafInsn *insn, unsigned reg_use, unsigned rm_use)
{
	insn->reg_use = reg_use;
	insn->rm_use = rm_use;
	insn->digit = !reg_use;
	if (reg_use && insn->op & X_BYTE && !r->has_rex && insn->reg > RBX)
		return false;
	if (insn->rm.reg != NOREG && insn->op & X_BYTERM && !r->has_rex && insn->rm.reg > RBX)
		return false;
	x86_leaf_note_uses(insn);
	if (insn->writes >> RSP & 1)
		return false;
	if (insn->rm.reg != NOREG)
		return !(insn->prefixes & LEAF_LOCK);
	return !(insn->prefixes & LEAF_LOCK) || rm_use == RW;
}

/* The instructions with opcodes of two bytes. */
static bool decode_0f(struct Reader *r, struct LeafInsn *insn, unsigned w)
{
	uint8_t opcode = *r->p++;

	insn->op = opcode | X_0F | w;
	switch (opcode) {
	case 0x1f:      /* nop */
		return modrm(r, insn, 0) && (insn->rm = rm_reg(RAX), uses(r, insn, 0, 0));
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

static bool decode(struct Reader *r, struct LeafInsn *insn)
{
	*insn = (struct LeafInsn){ .rm = rm_reg(RAX) };
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
		if (same && (alu == ALU_XOR || alu == ALU_SUB))         /* whatever it was */
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
		return insn->prefixes == LEAF_MOV_IMM && uses(r, insn, 0, W);
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

const uint8_t *x86_leaf_decode(const uint8_t *p, struct LeafInsn *insn)
{
	struct Reader r = { .p = p };

	return decode(&r, insn) ? r.p : NULL;
}
