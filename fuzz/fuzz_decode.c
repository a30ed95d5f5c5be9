/* SPDX-License-Identifier: MIT */
/* Fuzz target: any bytes as riscv64 code decode, disassemble and translate to IR that passes the checks, before and after optimising. */
#include <assert.h>
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "target/guest.h"
#include "translator/arena.h"
#include "translator/ir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 512 };    /* bytes of one unit */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct Guest *guest = &guest_riscv64;
	static bool configured;
	static struct Arena arena;
	char *error = NULL;
	uint64_t pc = 0x10000;

	if (!configured) {
		bool good = guest->configure(NULL, &error);
		assert(good);
		configured = true;
	}
	/* The first byte chooses the rounding mode that the unit is translated for, as far as the guest has such a key. */
	if (size < 3)
		return 0;
	uint32_t key = data[0] % 6;
	data++, size--;
	if (size > MOST)
		size = MOST;

	GString *text = g_string_new(NULL);
	struct Ir *ir = ir_new(&arena, guest, pc, key);
	bool ended = false;
	while (size >= 2 && !ended) {
		unsigned length = guest->insn_length(data, size);
		assert(length >= 2 && length <= guest->insn_max && length % 2 == 0);
		if (length > size)
			break;
		g_string_truncate(text, 0);
		guest->disassemble(pc, data, length, text);
		assert(text->len > 0 && !strchr(text->str, '\n'));
		ir_mark(ir, pc, data, length);
		ended = guest->translate_insn(ir, &ir->insns[ir->ninsns - 1]) == TRANSLATE_END;
		pc += length;
		data += length, size -= length;
	}
	if (ir->ninsns) {
		if (!ended)
			ir_exit(ir, pc, EXIT_JUMP, 0);
		ir_check(ir, "translate");
		ir_optimise(ir);
		ir_check(ir, "optimise");
		g_string_truncate(text, 0);
		ir_print(ir, "unit", text);
	}
	g_string_free(text, TRUE);
	arena_reset(&arena);
	return 0;
}
