/* SPDX-License-Identifier: MIT */
/* Short callbacks that call the interface through a pointer of the plugin's own, with a buffer, a register and a scoreboard of which there are others later: each
 * call must use what is there then. Callbacks that are not short change them, and say what must come of it. */
/* versions: 3 7 */
/* guest: counted faults */
#include <glib.h>

#include "tcg.h"

enum { BOARDS = 3, PERIOD = 61 };

static qemu_plugin_u64 boards[BOARDS], board;
static uint64_t counted[BOARDS], elsewhere, want[BOARDS], want_elsewhere, calls;

static __attribute__((noinline)) void count_elsewhere(qemu_plugin_u64 cell, unsigned vcpu, uint64_t n)
{
	(void)cell, (void)vcpu;
	elsewhere += n;
}

static void (*add)(qemu_plugin_u64, unsigned, uint64_t) = qemu_plugin_u64_add;

ON_EXEC(count) { add(board, vcpu, 1); }

static struct qemu_plugin_register *registers[65], *which;
static GByteArray *buffer;
static uint64_t value, length;

ON_EXEC(read_it)
{
	g_byte_array_set_size(buffer, 0);
	qemu_plugin_read_register(which, buffer);
	value = *(const uint64_t *)(const void *)buffer->data;
	length = buffer->len;
}

/* Before the short ones. */
ON_EXEC(change)
{
	unsigned turn = ++calls / PERIOD;

	/* one thing at a time, and back to what it was */
	if (calls % PERIOD == 0) {
		add = turn % 4 == 1 ? count_elsewhere : qemu_plugin_u64_add;
		board = boards[turn % 4 == 3 ? turn / 4 % BOARDS : 0];
		which = registers[turn % 3 == 1 ? turn * 7 % 65 : 10];
		if (turn % 3 == 0) {
			g_byte_array_free(buffer, TRUE);
			buffer = g_byte_array_new();
			g_byte_array_set_size(buffer, turn % 2 ? 4 : 64);
		}
	}
	if (add == count_elsewhere)
		want_elsewhere++;
	else
		want[turn % 4 == 3 ? turn / 4 % BOARDS : 0]++;
}

/* Behind them. */
ON_EXEC(compare)
{
	GByteArray *own = g_byte_array_new();

	EXPECT(qemu_plugin_read_register(which, own));
	EXPECT(length == 8 && memcmp(own->data, &value, 8) == 0);
	g_byte_array_free(own, TRUE);
	value = 0xbad;
}

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, change, QEMU_PLUGIN_CB_NO_REGS, NULL);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, count, QEMU_PLUGIN_CB_NO_REGS, NULL);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, read_it, QEMU_PLUGIN_CB_R_REGS, NULL);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, compare, QEMU_PLUGIN_CB_R_REGS, NULL);
	}
}

ON_VCPU(started)
{
	GArray *all = qemu_plugin_get_registers();

	for (unsigned i = 0; i < sizeof registers / sizeof *registers; i++)
		registers[i] = g_array_index(all, qemu_plugin_reg_descriptor, i).handle;
	which = registers[10];
	g_array_free(all, TRUE);
}

ON_EXIT(ended)
{
	EXPECT(calls > 3 * PERIOD);
	for (unsigned i = 0; i < BOARDS; i++) {
		counted[i] = qemu_plugin_u64_sum(boards[i]);
		EXPECT(counted[i] == want[i]);
	}
	EXPECT(elsewhere == want_elsewhere);
}

INSTALL
{
	for (unsigned i = 0; i < BOARDS; i++)
		boards[i] = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(8));
	board = boards[0];
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, started WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}

/* expect:
*/
