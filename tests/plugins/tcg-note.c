/* SPDX-License-Identifier: MIT */
/* For tests/tcg/several, as several libraries: says of each event which plugin is told, and what a common cell says. NAME is its argument. Others: reset
 * (itself, at the first system call), thread (the same on a thread of its own), atflush=reset or uninstall, filter. */
#include <pthread.h>
#include <unistd.h>

#include "tcg.h"

static char name[32], atflush[16];
static qemu_plugin_id_t self;
static bool translated_once, executed_once, called_once, returned_once, resetting, threaded;

ON_VCPU(started) { say("%s init", name); }

ON_EXEC(in_tb)
{
	if (!executed_once)
		say("%s block", name);
}

ON_EXEC(in_insn)
{
	if (!executed_once)
		say("%s insn", name);
	executed_once = true;
}

#if QEMU_PLUGIN_VERSION >= 5
/* In the function "leaf", t6: what the plugin before has left there, and the last digit of the name for the next. */
ON_EXEC(in_leaf)
{
	static struct qemu_plugin_register *t6;
	GByteArray *buffer = g_byte_array_new();
	uint64_t value = name[strlen(name) - 1] - '0';

	if (!t6) {
		GArray *all = qemu_plugin_get_registers();
		for (unsigned i = 0; i < all->len; i++)
			if (!strcmp(g_array_index(all, qemu_plugin_reg_descriptor, i).name, "t6"))
				t6 = g_array_index(all, qemu_plugin_reg_descriptor, i).handle;
	}
	qemu_plugin_read_register(t6, buffer);
	say("%s leaf sees %d", name, buffer->data[0]);
	memcpy(buffer->data, &value, 8);
	qemu_plugin_write_register(t6, buffer);
	g_byte_array_free(buffer, TRUE);
}
#endif

ON_TRANS(translated)
{
#if QEMU_PLUGIN_VERSION >= 5
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const char *symbol = qemu_plugin_insn_symbol(insn);
		if (symbol && !strcmp(symbol, "leaf"))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, in_leaf, QEMU_PLUGIN_CB_RW_REGS, NULL);
	}
#endif
	if (!translated_once)
		say("%s trans", name);
	translated_once = true;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, in_tb, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, 0), in_insn, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

ON_SIMPLE(reset_done) { say("%s reset", name); }
ON_SIMPLE(gone) { say("%s gone", name); }

ON_SIMPLE(flushed)
{
	say("%s flush", name);
	if (!strcmp(atflush, "reset"))
		qemu_plugin_reset(self, reset_done WITH(NULL));
	if (!strcmp(atflush, "uninstall"))
		qemu_plugin_uninstall(self, gone WITH(NULL));
}

static void *own_thread(void *data)
{
	while (!held)
		usleep(100);
	qemu_plugin_reset(self, reset_done WITH(NULL));
	say("%s has done it", name);
	release_guest();
	return data;
}

ON_CALL(called)
{
	if (!called_once)
		say("%s call", name);
	called_once = true;
	hold_guest(num, threaded ? a1 : 0);
	if (resetting)
		qemu_plugin_reset(self, reset_done WITH(NULL));
	resetting = false;
}

ON_RESULT(returned)
{
	if (!returned_once)
		say("%s result", name);
	returned_once = true;
}

#if QEMU_PLUGIN_VERSION >= 6
/* Of several that replace a call the first one decides. */
ON_FILTER(filter)
{
	if (num == 172)
		say("%s filter", name);
	*sysret = name[0];
	return num == 172;
}
#endif

ON_EXIT(at_exit) { say("%s exit", name); }

INSTALL
{
	pthread_t thread;

	self = id;
	snprintf(name, sizeof name, "%s", argument(argc, argv, "name"));
	snprintf(atflush, sizeof atflush, "%s", argument(argc, argv, "atflush"));
	resetting = *argument(argc, argv, "reset");
	threaded = *argument(argc, argv, "thread");
	say("%s install", name);
	qemu_plugin_register_vcpu_init_cb(id, started WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(NULL));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned WITH(NULL));
	qemu_plugin_register_flush_cb(id, flushed WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
#if QEMU_PLUGIN_VERSION >= 6
	if (*argument(argc, argv, "filter"))
		qemu_plugin_register_vcpu_syscall_filter_cb(id, filter WITH(NULL));
#endif
	return threaded ? pthread_create(&thread, NULL, own_thread, NULL) : 0;
}
