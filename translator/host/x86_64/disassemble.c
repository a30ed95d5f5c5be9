/* SPDX-License-Identifier: MIT */
/* Listings of host code under the guest instructions that it belongs to. */
#include <glib.h>
#include <inttypes.h>

#include "instrument/capstone.h"
#include "translator/host/x86_64/backend.h"

enum { MAX_MARKS = TRANSLATE_MAX_INSNS * 4 };

/* Where the guest instructions of the last block emitted begin; translation is under one lock. */
static struct {
	const struct Block *block;
	struct { uint32_t offset, insn; } at[MAX_MARKS];
	unsigned n;
} marks;

void x86_marks_begin(const struct Block *block)
{
	marks.block = block;
	marks.n = 0;
}

void x86_mark(uint32_t offset, uint32_t insn)
{
	if (marks.n < MAX_MARKS) {
		marks.at[marks.n].offset = offset;
		marks.at[marks.n++].insn = insn;
	}
}

static void guest_line(const struct Ir *ir, uint32_t insn, GString *text)
{
	if (insn == MARK_COLD) {
		g_string_append(text, "  -- out of line\n");
		return;
	}
	const struct IrInsn *i = &ir->insns[insn];

	g_string_append_printf(text, "  -- 0x%" PRIx64 "  ", i->pc);
	ir->guest->disassemble(i->pc, i->bytes, i->length, text);
	g_string_append_c(text, '\n');
}

void x86_disassemble(const struct Block *block, const struct Ir *ir, GString *text)
{
	struct Capstone *capstone = capstone_open(CAPSTONE_X86_64);
	struct CapstoneInsn insn;
	unsigned mark = 0, nmarks = block == marks.block ? marks.n : 0;

	g_string_append_printf(text, "0x%" PRIx64 " key %x: %u bytes at %p, %u of tables\n", block->pc, block->key, block->code_size,
			       (const void *)block->code, block->meta_size);
	const uint8_t *p = block->code;
	size_t left = block->code_size;
	uint64_t address = (uintptr_t)p;
	while (left) {
		uint32_t offset = p - block->code;
		for (; mark < nmarks && marks.at[mark].offset <= offset; mark++)
			guest_line(ir, marks.at[mark].insn, text);
		if (!capstone || !capstone_read(capstone, p, left, address, &insn)) {
			g_string_append_printf(text, "0x%016" PRIx64 ":  .byte 0x%02x\n", address, *p);
			p++;
			left--;
			address++;
			continue;
		}
		g_string_append_printf(text, "0x%016" PRIx64 ":  %-7s %s\n", address, insn.mnemonic, insn.operands);
		p += insn.size;
		left -= insn.size;
		address += insn.size;
		/* an exit's stub: the offset of its site follows */
		int32_t to;
		memcpy(&to, p - 4, 4);
		if (insn.size == 5 && p[-5] == 0xe8 && p + to == backend.common.leave_exit && left >= 4) {
			uint32_t site;
			memcpy(&site, p, 4);
			g_string_append_printf(text, "0x%016" PRIx64 ":  .long   0x%x\n", address, site);
			p += 4;
			left -= 4;
			address += 4;
		}
	}
	capstone_close(capstone);
}
