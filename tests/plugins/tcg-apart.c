/* SPDX-License-Identifier: MIT */
/* A counter that one block adds to and another, translated before it, looks at; and one that only one of two threads adds to. One at a time, so that
 * either is the first that the translator sees. */
/* versions: 3 7 */
/* guest: apart */
/* args: what=looks what=calls */
#include "tcg.h"

enum { MARK = 0x00002013, ROUNDS = 3000, CALLS = 10000000 };    /* slti zero, zero, 0; as tests/tcg/guest/apart.c has them */

static struct qemu_plugin_scoreboard *score;
static qemu_plugin_u64 rounds;
static uint64_t looks, wrong, calls;
static bool counts_calls;

ON_EXEC(look)
{
	wrong += qemu_plugin_u64_get(rounds, vcpu) != looks;
	looks++;
}

ON_EXEC(call)
{
	calls++;
}

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint32_t code = 0;
		qemu_plugin_insn_data(insn, &code, sizeof code);
		if (code == (MARK | 1 << 20) && !counts_calls)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, look, QEMU_PLUGIN_CB_NO_REGS, NULL);
		else if (code == (MARK | 2 << 20) && !counts_calls)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, rounds, 1);
		else if (code == (MARK | 3 << 20) && counts_calls)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, call, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

ON_EXIT(ended)
{
	if (counts_calls)
		EXPECT(calls == CALLS);
	else
		EXPECT(wrong == 0 && looks == ROUNDS && qemu_plugin_u64_sum(rounds) == ROUNDS);
}

INSTALL
{
	counts_calls = !strcmp(argument(argc, argv, "what"), "calls");
	score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	rounds = qemu_plugin_scoreboard_u64(score);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}

/* stdout: done\n */
/* expect:
*/
