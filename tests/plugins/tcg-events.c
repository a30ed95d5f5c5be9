/* SPDX-License-Identifier: MIT */
/* Events of vcpus and system calls: one callback each, replaced by a second registration, removed by NULL; user data; vcpu_for_each; indices. */
/* versions: 0 1 2 3 4 5 6 7 */
/* guest: counted threads faults */
#include <pthread.h>
#include <stdatomic.h>

#include "tcg.h"

enum { GETPID = 172, EXIT = 93, EXIT_GROUP = 94, MMAP = 222 };

static qemu_plugin_id_t self;
static atomic_int live[64], inits, exits, calls, results, first_insns, lasts, each_calls;
static int a, b;
#if QEMU_PLUGIN_VERSION >= 5
static atomic_int discons;
#endif
static atomic_bool removed_ran, translated_yet;

/* The user data of version 7. */
#if QEMU_PLUGIN_VERSION >= 7
#define IS(what) ((what) == USERDATA)
#else
#define IS(what) ((void)(what), USERDATA == NULL)
#endif

ON_VCPU(replaced) { removed_ran = true; }
ON_CALL(removed_call) { removed_ran = true; }
ON_RESULT(removed_result) { removed_ran = true; }
ON_TRANS(removed_trans) { removed_ran = true; }
ON_EXIT(removed_exit) { removed_ran = true; }
ON_VCPU(idle) { removed_ran = true; }

ON_VCPU(each)
{
	EXPECT(IS(&b));
	EXPECT(vcpu < 64 && live[vcpu] == 1);
	each_calls++;
}

ON_VCPU(started)
{
	EXPECT(IS(&a));
	EXPECT(vcpu < 64 && live[vcpu]++ == 0);
	inits++;
#if QEMU_PLUGIN_VERSION >= 2
	EXPECT(qemu_plugin_num_vcpus() > (int)vcpu && qemu_plugin_num_vcpus() <= 64);
	GArray *all = qemu_plugin_get_registers();
	GByteArray *buffer = g_byte_array_new();
	for (unsigned i = 0; i < all->len; i++) {
		unsigned before = buffer->len;
		/* appended, whatever is in the buffer */
		EXPECT(qemu_plugin_read_register(g_array_index(all, qemu_plugin_reg_descriptor, i).handle, buffer) > 0 && buffer->len > before);
	}
	g_array_free(all, TRUE);
	g_byte_array_free(buffer, TRUE);
#else
	EXPECT(qemu_plugin_n_vcpus() == -1 && qemu_plugin_n_max_vcpus() == -1);
#endif
	if (vcpu == 0) {
		EXPECT(!translated_yet);
		int before = each_calls;
		qemu_plugin_vcpu_for_each(self, each WITH(&b));
		EXPECT(each_calls > before);
	}
}

ON_VCPU(ended)
{
	EXPECT(IS(&a));
	EXPECT(vcpu > 0 && live[vcpu]-- == 1);  /* not for the first thread: the process ends with it */
	exits++;
}

ON_EXEC(at_entry)
{
	EXPECT(data == &b);
	first_insns++;
}

ON_TRANS(translated)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);
	const char *symbol = qemu_plugin_insn_symbol(insn);

	EXPECT(IS(&a));
	translated_yet = true;
	if (symbol && !strcmp(symbol, "_start"))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, at_entry, QEMU_PLUGIN_CB_NO_REGS, &b);
}

ON_CALL(called)
{
	EXPECT(IS(&a));
	calls++;
	EXPECT(a7 == 0 && a8 == 0);
	if (num == EXIT_GROUP || num == EXIT)
		lasts++;
}

ON_RESULT(returned)
{
	EXPECT(IS(&b));
	EXPECT(num != EXIT_GROUP && num != EXIT);
	results++;
}

#if QEMU_PLUGIN_VERSION >= 5
ON_DISCON(never)
{
	removed_ran = true;
}

ON_DISCON(broken)
{
	EXPECT(IS(&b));
	EXPECT(type == QEMU_PLUGIN_DISCON_EXCEPTION && from_pc && to_pc && from_pc != to_pc);
	discons++;
}
#endif

ON_EXIT(at_exit)
{
	EXPECT(data == &b);
	EXPECT(!removed_ran && inits > 0 && first_insns > 0 && lasts > 0);
	EXPECT(calls == results + lasts);
	EXPECT(exits == inits - 1 || exits == inits);
	int before = each_calls;
	qemu_plugin_vcpu_for_each(self, each WITH(&b));
	EXPECT(each_calls - before <= 1);
	say("%d started", inits);
#if QEMU_PLUGIN_VERSION >= 5
	say("%d discontinuities", discons);
#endif
}

INSTALL
{
	self = id;
	qemu_plugin_register_vcpu_init_cb(id, replaced WITH(NULL));
	qemu_plugin_register_vcpu_init_cb(id, started WITH(&a));
	qemu_plugin_register_vcpu_exit_cb(id, replaced WITH(NULL));
	qemu_plugin_register_vcpu_exit_cb(id, ended WITH(&a));
	qemu_plugin_register_vcpu_idle_cb(id, idle WITH(NULL));         /* never comes in user mode */
	qemu_plugin_register_vcpu_resume_cb(id, idle WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, removed_trans WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, NULL WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(&a));
	qemu_plugin_register_vcpu_syscall_cb(id, removed_call WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(&a));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, removed_result WITH(NULL));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned WITH(&b));
	qemu_plugin_register_atexit_cb(id, removed_exit, NULL);
	qemu_plugin_register_atexit_cb(id, at_exit, &b);
#if QEMU_PLUGIN_VERSION >= 5
	qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_ALL, never WITH(NULL));
	qemu_plugin_register_vcpu_discon_cb(id, QEMU_PLUGIN_DISCON_EXCEPTION, broken WITH(&b));
#endif
	qemu_plugin_vcpu_for_each(id, each WITH(&b));                   /* nobody is there yet */
	EXPECT(each_calls == 0);
	return 0;
}

/* expect counted 0 1 2 3 4:
1 started
*/
/* expect counted 5 6 7:
1 started
0 discontinuities
*/
/* expect faults 0 1 2 3 4:
1 started
*/
/* expect faults 5 6 7:
1 started
1 discontinuities
*/
/* expect threads 0 1 2 3 4:
33 started
*/
/* expect threads 5 6 7:
33 started
0 discontinuities
*/
