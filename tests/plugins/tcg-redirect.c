/* SPDX-License-Identifier: MIT */
/* Changes where the guest goes: replaces a system call's result, steps over another call by setting pc, and is told of a fault. */
/* versions: 6 7 */
/* guest: counted faults */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { GETPID = 172, CALL = 0x0ef, CALL_BITS = 0xfff };  /* jal ra, ... */

static int64_t seen = -1;
static bool faulted;
static unsigned calls;

static void say(const char *what, int64_t value)
{
	char line[80];

	snprintf(line, sizeof line, "%s: %" PRId64 "\n", what, value);
	qemu_plugin_outs(line);
}

/* Before a call of the guest's: not taken. */
static void step_over(unsigned vcpu, void *data)
{
	(void)vcpu;
	calls++;
	qemu_plugin_set_pc((uintptr_t)data + 4);
}

static void instrument(struct qemu_plugin_tb *tb)
{
	char *path = (char *)qemu_plugin_path_to_binary();
	bool counted = strstr(path, "/counted") != NULL;

	g_free(path);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		const char *symbol = qemu_plugin_insn_symbol(in);
		uint32_t opcode = 0;
		qemu_plugin_insn_data(in, &opcode, 4);
		if (counted && symbol && !strcmp(symbol, "_start") && (opcode & CALL_BITS) == CALL)
			qemu_plugin_register_vcpu_insn_exec_cb(in, step_over, QEMU_PLUGIN_CB_RW_REGS_PC,
							       (void *)(uintptr_t)qemu_plugin_insn_vaddr(in));
		if (symbol && !strcmp(symbol, "leaf"))
			qemu_plugin_outs("the call was taken\n");
	}
}

#if QEMU_PLUGIN_VERSION >= 7
#define ID
#define DATA , void *data
#define AND_DATA , NULL
#define UNUSED (void)data
typedef int64_t Result;
#else
#define ID qemu_plugin_id_t id,
#define DATA
#define AND_DATA
#define UNUSED (void)id
typedef uint64_t Result;
#endif

static bool filter(ID unsigned vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
		   uint64_t a8, Result *result DATA)
{
	(void)vcpu, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
	UNUSED;
	if (num != GETPID)
		return false;
	*result = 4711;
	return true;
}

static void returned(ID unsigned vcpu, int64_t num, int64_t ret DATA)
{
	(void)vcpu;
	UNUSED;
	if (num == GETPID)
		seen = ret;
}

static void discontinued(ID unsigned vcpu, enum qemu_plugin_discon_type type, uint64_t from_pc, uint64_t to_pc DATA)
{
	(void)vcpu;
	UNUSED;
	faulted = type == QEMU_PLUGIN_DISCON_EXCEPTION && from_pc && to_pc && from_pc != to_pc;
}

#if QEMU_PLUGIN_VERSION >= 7
static void translated(struct qemu_plugin_tb *tb, void *data)
{
	(void)data;
	instrument(tb);
}

static void at_exit(void *data)
{
	(void)data;
#else
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	instrument(tb);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id, (void)data;
#endif
	say("getpid", seen);
	say("faulted", faulted);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated AND_DATA);
	qemu_plugin_register_vcpu_syscall_filter_cb(id, filter AND_DATA);
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned AND_DATA);
	qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_ALL, discontinued AND_DATA);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* expect counted:
getpid: 4711
faulted: 0
*/
/* expect faults:
getpid: -1
faulted: 1
*/
