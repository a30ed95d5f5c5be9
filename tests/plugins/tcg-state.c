/* SPDX-License-Identifier: MIT */
/* Registers, memory and values of accesses, as each version has them: at "sb a1, 0(s0)" of the guest, its first "sd s1, 8(s0)", and its first "ecall". */
/* versions: 2 3 4 5 6 7 */
/* guest: counted */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { SB_A1 = 0x00b40023, SD_S1 = 0x00943423, ECALL = 0x73 };
#if QEMU_PLUGIN_VERSION >= 5
#define WRITES QEMU_PLUGIN_CB_RW_REGS
#else
#define WRITES QEMU_PLUGIN_CB_R_REGS
#endif

static GByteArray *buffer;
static struct qemu_plugin_register *a1, *s0, *a2;
static bool stored, called;

static void say(const char *what, uint64_t value)
{
	char line[80];

	snprintf(line, sizeof line, "%s: %" PRIx64 "\n", what, value);
	qemu_plugin_outs(line);
}

static struct qemu_plugin_register *find(GArray *array, const char *name)
{
	for (unsigned i = 0; i < array->len; i++) {
		qemu_plugin_reg_descriptor *d = &g_array_index(array, qemu_plugin_reg_descriptor, i);
		if (!strcmp(d->name, name))
			return d->handle;
	}
	return NULL;
}

static uint64_t read_one(struct qemu_plugin_register *handle)
{
	uint64_t value = 0;

	g_byte_array_set_size(buffer, 0);
#if QEMU_PLUGIN_VERSION >= 6
	if (!qemu_plugin_read_register(handle, buffer) || buffer->len != 8)
		return -1;
#else
	if (qemu_plugin_read_register(handle, buffer) != 8 || buffer->len != 8)
		return -1;
#endif
	memcpy(&value, buffer->data, 8);
	return value;
}

/* The byte that the guest stores next. */
static void at_sb(unsigned vcpu, void *data)
{
	static bool done;

	(void)vcpu, (void)data;
	if (done)
		return;
	done = true;
	say("a1", read_one(a1));
	g_byte_array_set_size(buffer, 0);
#if QEMU_PLUGIN_VERSION >= 4
	say("memory", qemu_plugin_read_memory_vaddr(read_one(s0), buffer, 16) ? buffer->data[8] : 0);
	say("nothing at 0", qemu_plugin_read_memory_vaddr(0, buffer, 8));
	say("no bytes", qemu_plugin_read_memory_vaddr(read_one(s0), buffer, 0));
#endif
}

static void at_sd(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)data;
	if (stored)
		return;
	stored = true;
	say("stored at", vaddr & 15);
	say("size", qemu_plugin_mem_size_shift(info));
#if QEMU_PLUGIN_VERSION >= 4
	qemu_plugin_mem_value value = qemu_plugin_mem_get_value(info);
	say("value", value.type == QEMU_PLUGIN_MEM_VALUE_U64 ? value.data.u64 : 0);
#else
	(void)info;
#endif
}

/* write(1, "hi\n", 3): of two bytes only, and with other ones. */
static void at_ecall(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	if (called)
		return;
	called = true;
	say("length", read_one(a2));
#if QEMU_PLUGIN_VERSION >= 5
	uint64_t address = read_one(a1), two = 2;
	g_byte_array_set_size(buffer, 0);
	g_byte_array_append(buffer, (const guint8 *)"Ho", 2);
	say("memory written", qemu_plugin_write_memory_vaddr(address, buffer));
	g_byte_array_set_size(buffer, 0);
	g_byte_array_append(buffer, (const guint8 *)&two, 8);
	say("register written", qemu_plugin_write_register(a2, buffer));
	say("length", read_one(a2));
#endif
}

static void instrument(struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		uint32_t opcode = 0;
#if QEMU_PLUGIN_VERSION >= 3
		qemu_plugin_insn_data(in, &opcode, sizeof opcode);
#else
		memcpy(&opcode, qemu_plugin_insn_data(in), qemu_plugin_insn_size(in));
#endif
		if (opcode == SB_A1)
			qemu_plugin_register_vcpu_insn_exec_cb(in, at_sb, QEMU_PLUGIN_CB_R_REGS, NULL);
		else if (opcode == SD_S1)
			qemu_plugin_register_vcpu_mem_cb(in, at_sd, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_W, NULL);
		else if (opcode == ECALL)
			qemu_plugin_register_vcpu_insn_exec_cb(in, at_ecall, WRITES, NULL);
	}
}

static void start(void)
{
	GArray *array = qemu_plugin_get_registers();

	a1 = find(array, "a1");
	a2 = find(array, "a2");
	s0 = find(array, "fp");
	for (unsigned i = 0; i < array->len; i++) {
		qemu_plugin_reg_descriptor *d = &g_array_index(array, qemu_plugin_reg_descriptor, i);
		g_byte_array_set_size(buffer, 0);
		if (qemu_plugin_read_register(d->handle, buffer) <= 0 || !buffer->len || !d->feature)
			qemu_plugin_outs(d->name);
#if QEMU_PLUGIN_VERSION >= 6
		if (d->is_readonly != (!strcmp(d->name, "pc") || !strcmp(d->name, "priv") || !strcmp(d->name, "time") || !strcmp(d->name, "cycle") || !strcmp(d->name, "instret")))
			qemu_plugin_outs(d->name);
#endif
	}
	say("registers", array->len > 65);
	g_array_free(array, TRUE);
}

#if QEMU_PLUGIN_VERSION >= 7
static void init(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	start();
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	instrument(tb);
}
#define AND_DATA , NULL
#else
static void init(qemu_plugin_id_t id, unsigned vcpu)
{
	(void)id, (void)vcpu;
	start();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	instrument(tb);
}
#define AND_DATA
#endif

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, init AND_DATA);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated AND_DATA);
	return 0;
}

/* expect counted 2 3:
registers: 1
a1: fffffffffffffffe
stored at: 8
size: 3
length: 3
*/
/* expect counted 4:
registers: 1
a1: fffffffffffffffe
memory: fb
nothing at 0: 0
no bytes: 0
stored at: 8
size: 3
value: 64
length: 3
*/
/* expect counted 5:
registers: 1
a1: fffffffffffffffe
memory: fb
nothing at 0: 0
no bytes: 0
stored at: 8
size: 3
value: 64
length: 3
memory written: 1
register written: 8
length: 2
*/
/* expect counted 6 7:
registers: 1
a1: fffffffffffffffe
memory: fb
nothing at 0: 0
no bytes: 0
stored at: 8
size: 3
value: 64
length: 3
memory written: 1
register written: 1
length: 2
*/
/* stdout 2 3 4: hi\n */
/* stdout 5 6 7: Ho */
