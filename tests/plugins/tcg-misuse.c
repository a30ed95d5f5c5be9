/* SPDX-License-Identifier: MIT */
/* Calls functions where they may not be called: each fails as documented, and the log says so once. */
/* versions: 4 5 7 */
/* guest: counted */
#include <inttypes.h>
#include <stdio.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static qemu_plugin_id_t self;
static struct qemu_plugin_tb *kept_tb;
static struct qemu_plugin_insn *kept_insn;
static struct qemu_plugin_register *some;
static struct qemu_plugin_scoreboard *score;
static GByteArray *buffer;

#if QEMU_PLUGIN_VERSION >= 7
#define AND_DATA , NULL
#else
#define AND_DATA
#endif

static void say(const char *what, int64_t value)
{
	char line[80];

	snprintf(line, sizeof line, "%s: %" PRId64 "\n", what, value);
	qemu_plugin_outs(line);
}

static void unwelcome(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	qemu_plugin_outs("never\n");
}

static void block(unsigned vcpu, void *data)
{
	static int times;

	(void)vcpu, (void)data;
	if (times++ > 1)
		return;
	say("instructions of a block of before", qemu_plugin_tb_n_insns(kept_tb));
	say("size of an instruction of before", qemu_plugin_insn_size(kept_insn));
	qemu_plugin_register_vcpu_insn_exec_cb(kept_insn, unwelcome, QEMU_PLUGIN_CB_NO_REGS, NULL);
	say("register", qemu_plugin_read_register(some, buffer));
	say("bytes", buffer->len);
#if QEMU_PLUGIN_VERSION >= 5
	g_byte_array_set_size(buffer, 8);
	say("written", qemu_plugin_write_register(some, buffer));
	g_byte_array_set_size(buffer, 0);
#endif
	say("element", qemu_plugin_scoreboard_find(score, 1000) != NULL);
	say("cell", qemu_plugin_u64_get(qemu_plugin_scoreboard_u64(score), 1000));
}

static void instrument(struct qemu_plugin_tb *tb)
{
	kept_tb = tb;
	kept_insn = qemu_plugin_tb_get_insn(tb, 0);
	if (qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb)))
		qemu_plugin_outs("an instruction too many\n");
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, (qemu_plugin_u64){ score, 4 }, 1);
}

static void ended(void)
{
	say("register at the end", qemu_plugin_read_register(some, buffer));
	say("memory at the end", qemu_plugin_read_memory_vaddr(0x10000, buffer, 1));
	qemu_plugin_reset(self, NULL AND_DATA);         /* too late */
	qemu_plugin_scoreboard_free(score);
	say("cell of what is freed", qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64(score)));
}

#if QEMU_PLUGIN_VERSION >= 7
static void init(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	some = g_array_index(qemu_plugin_get_registers(), qemu_plugin_reg_descriptor, 1).handle;
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	instrument(tb);
}

static void at_exit(void *data)
{
	(void)data;
	ended();
}
#else
static void init(qemu_plugin_id_t id, unsigned vcpu)
{
	(void)id, (void)vcpu;
	some = g_array_index(qemu_plugin_get_registers(), qemu_plugin_reg_descriptor, 1).handle;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	instrument(tb);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id, (void)data;
	ended();
}
#endif

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	self = id;
	buffer = g_byte_array_new();
	score = qemu_plugin_scoreboard_new(8);
	qemu_plugin_uninstall(id, NULL AND_DATA);
	qemu_plugin_register_vcpu_init_cb(id, init AND_DATA);
	qemu_plugin_register_vcpu_init_cb(id + 1, NULL AND_DATA);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated AND_DATA);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* complaints: qemu_plugin_uninstall qemu_plugin_reset qemu_plugin_register_vcpu_init_cb qemu_plugin_tb_n_insns qemu_plugin_insn_size
 * qemu_plugin_register_vcpu_insn_exec_cb qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu qemu_plugin_read_register qemu_plugin_scoreboard_find
 * qemu_plugin_u64_get qemu_plugin_u64_sum qemu_plugin_write_register */
/* expect counted 4:
instructions of a block of before: 0
size of an instruction of before: 0
register: 0
bytes: 0
element: 0
cell: 0
instructions of a block of before: 0
size of an instruction of before: 0
register: 0
bytes: 0
element: 0
cell: 0
register at the end: 0
memory at the end: 1
cell of what is freed: 0
*/
/* expect counted 5:
instructions of a block of before: 0
size of an instruction of before: 0
register: -1
bytes: 0
written: -1
element: 0
cell: 0
instructions of a block of before: 0
size of an instruction of before: 0
register: -1
bytes: 0
written: -1
element: 0
cell: 0
register at the end: -1
memory at the end: 1
cell of what is freed: 0
*/
/* expect counted 7:
instructions of a block of before: 0
size of an instruction of before: 0
register: 0
bytes: 0
written: 0
element: 0
cell: 0
instructions of a block of before: 0
size of an instruction of before: 0
register: 0
bytes: 0
written: 0
element: 0
cell: 0
register at the end: 0
memory at the end: 1
cell of what is freed: 0
*/
