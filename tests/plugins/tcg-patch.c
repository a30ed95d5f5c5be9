/* SPDX-License-Identifier: MIT */
/* Changes, from a callback, a function that a hot loop calls, and so ends the loop. */
/* versions: 5 7 */
/* guest: patched */
#include "tcg.h"

enum { HOT = 200000 };

static GByteArray *buffer;
static unsigned calls;

/* At the beginning of the function at DATA. */
ON_EXEC(called)
{
	static const uint32_t li_a0_1 = 0x00100513;

	if (++calls != HOT)
		return;
	g_byte_array_append(buffer, (const void *)&li_a0_1, 4);
	EXPECT(qemu_plugin_write_memory_vaddr((uintptr_t)data + 4, buffer));
}

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t opcode = 0;
		qemu_plugin_insn_data(insn, &opcode, 4);
		if (opcode == 0x13)     /* nop */
			qemu_plugin_register_vcpu_insn_exec_cb(insn, called, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
	}
}

ON_EXIT(at_exit)
{
	say("%s", calls <= HOT + 2 ? "soon" : "late");
}

INSTALL
{
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* expect:
soon
*/
