/* SPDX-License-Identifier: MIT */
/* Resets itself while the guest's threads run, registers anew, and unloads itself; nothing may come after. */
/* versions: 0 1 2 7 */
/* guest: counted threads */
#include <stdatomic.h>
#include <stdlib.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { FIRST, RESET, SECOND, GONE };

static qemu_plugin_id_t self;
static atomic_int stage, blocks;

static void expect(bool good, const char *what)
{
	if (!good)
		qemu_plugin_outs(what);
}

#if QEMU_PLUGIN_VERSION >= 7
#define SIMPLE(name) static void name(void *data)
#define TRANS(name) static void name(struct qemu_plugin_tb *tb, void *data)
#define AND_DATA , NULL
#define UNUSED (void)data
#else
#define SIMPLE(name) static void name(qemu_plugin_id_t id)
#define TRANS(name) static void name(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
#define AND_DATA
#define UNUSED (void)id
#endif

SIMPLE(gone)
{
	UNUSED;
	stage = GONE;
	qemu_plugin_outs("uninstall done\n");
}

static void second(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	expect(stage == RESET || stage == SECOND, "a callback after the end\n");
	stage = SECOND;
	if (++blocks >= 20)
		qemu_plugin_uninstall(self, gone AND_DATA);
}

TRANS(translated_again)
{
	UNUSED;
	expect(stage == RESET || stage == SECOND, "a translation after the end\n");
	qemu_plugin_register_vcpu_tb_exec_cb(tb, second, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

SIMPLE(reset)
{
	UNUSED;
	stage = RESET;
	blocks = 0;
	qemu_plugin_outs("reset done\n");
	qemu_plugin_register_vcpu_tb_trans_cb(self, translated_again AND_DATA);
}

static void first(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	expect(stage == FIRST, "a callback of before the reset\n");
	if (++blocks >= 20)
		qemu_plugin_reset(self, reset AND_DATA);
}

TRANS(translated)
{
	UNUSED;
	expect(stage == FIRST, "a translation of before the reset\n");
	qemu_plugin_register_vcpu_tb_exec_cb(tb, first, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void __attribute__((destructor)) unloaded(void)
{
	qemu_plugin_outs("unloaded\n");
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	self = id;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated AND_DATA);
	return 0;
}

/* expect:
reset done
uninstall done
unloaded
*/
