/* SPDX-License-Identifier: MIT */
/* For tests/tcg/texts: the text, bytes and size of each instruction of the function "table" that stands at 4 modulo 16. */
#include "tcg.h"

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const char *symbol = qemu_plugin_insn_symbol(insn);
		uint64_t address = qemu_plugin_insn_vaddr(insn);
		uint32_t opcode = 0;
		if (address % 16 != 4 || !symbol || strcmp(symbol, "table"))
			continue;
#if QEMU_PLUGIN_VERSION >= 3
		EXPECT(qemu_plugin_insn_data(insn, &opcode, 4) == qemu_plugin_insn_size(insn));
#else
		memcpy(&opcode, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
#endif
		/* read at translation: what is in memory there; and one memory has one place */
		EXPECT(!memcmp((const void *)(uintptr_t)address, &opcode, qemu_plugin_insn_size(insn)));
		EXPECT(qemu_plugin_insn_haddr(insn) != NULL);
		char *text = qemu_plugin_insn_disas(insn);
		say("%" PRIx64 " %x %s", address, opcode, text);
		free(text);
	}
}

INSTALL
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	return 0;
}
