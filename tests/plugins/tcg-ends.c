/* SPDX-License-Identifier: MIT */
/* Resets itself, or has itself unloaded, in a callback of each kind and on a thread of its own, while the guest's threads are at work: nothing of what was
 * registered before may be called after the completion callback. */
/* versions: 7 */
/* guest: busy */
/* static */
/* args: how=reset,from=init how=reset,from=exit how=reset,from=trans how=reset,from=tb how=reset,from=insn how=reset,from=cond
 * how=reset,from=mem how=reset,from=call how=reset,from=filter how=reset,from=result how=reset,from=discon how=reset,from=each how=reset,from=thread
 * how=uninstall,from=init how=uninstall,from=exit how=uninstall,from=trans how=uninstall,from=tb how=uninstall,from=insn how=uninstall,from=cond
 * how=uninstall,from=mem how=uninstall,from=call how=uninstall,from=filter how=uninstall,from=result how=uninstall,from=discon
 * how=uninstall,from=each how=uninstall,from=thread how=uninstall,from=insn,twice=1 how=uninstall,from=thread,twice=1 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tcg.h"

enum { AFTER = 20 };    /* events */

static qemu_plugin_id_t self;
static char how[16], from[16];
static bool twice;      /* reset, and uninstall in the completion callback of that */
static atomic_int generation, events, asked, done_times, again, gone;
static struct qemu_plugin_scoreboard *score;

static void subscribe(void);

static void done(void *data)
{
	EXPECT(data == &done_times && ++done_times == 1);
	generation++;
	if (!strcmp(how, "reset")) {
		subscribe();
	} else if (twice && generation == 1) {
		done_times = 0;
		qemu_plugin_uninstall(self, done, &done_times);
		/* what is registered on the way out is ignored */
		subscribe();
	} else {
		gone = 1;
		subscribe();
	}
}

static void end(void)
{
	if (atomic_exchange(&asked, 1))
		return;
	if (!strcmp(how, "reset") || twice)
		qemu_plugin_reset(self, done, &done_times);
	else
		qemu_plugin_uninstall(self, done, &done_times);
	/* one at a time; on a thread of the plugin's own it is over already */
	if (strcmp(from, "thread"))
		qemu_plugin_reset(self, done, NULL);
}

/* Some event of the kind WHAT, registered in generation DATA. */
static void event(const char *what, void *data)
{
	EXPECT(!gone);
	EXPECT((intptr_t)data == generation);
	if (generation)
		again++;
	else if (!strcmp(what, from) && ++events >= (!strcmp(what, "init") || !strcmp(what, "exit") ? 3 : AFTER))
		end();
}

static void in_each(unsigned vcpu, void *data)
{
	(void)vcpu;
	event("each", data);
}

static void on_init(unsigned vcpu, void *data) { (void)vcpu; event("init", data); }
static void on_exit_of(unsigned vcpu, void *data) { (void)vcpu; event("exit", data); }
static void on_tb(unsigned vcpu, void *data) { (void)vcpu; event("tb", data); }
static void on_cond(unsigned vcpu, void *data) { (void)vcpu; event("cond", data); }
static void on_flush(void *data) { EXPECT((intptr_t)data == generation); }

static void on_insn(unsigned vcpu, void *data)
{
	(void)vcpu;
	event("insn", data);
	if (!strcmp(from, "each"))
		qemu_plugin_vcpu_for_each(self, in_each, data);
}

static void on_mem(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)info, (void)vaddr;
	event("mem", data);
}

static void on_trans(struct qemu_plugin_tb *tb, void *data)
{
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);

	event("trans", data);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_tb, QEMU_PLUGIN_CB_NO_REGS, data);
	qemu_plugin_register_vcpu_insn_exec_cb(first, on_insn, QEMU_PLUGIN_CB_NO_REGS, data);
	qemu_plugin_register_vcpu_insn_exec_cond_cb(first, on_cond, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_EQ,
						    qemu_plugin_scoreboard_u64(score), 0, data);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, data);
}

ON_CALL(on_call)
{
	event("call", data);
	if (!strcmp(from, "thread"))
		hold_guest(num, a1);
}

ON_RESULT(on_result) { event("result", data); }
ON_FILTER(on_filter) { event("filter", data); return false; }
ON_DISCON(on_discon) { event("discon", data); }

ON_EXIT(at_exit)
{
	EXPECT(!gone);
	EXPECT(!strcmp(how, "reset") && done_times == 1 && again > 0);
}

static void subscribe(void)
{
	void *data = (void *)(intptr_t)generation;

	qemu_plugin_register_vcpu_init_cb(self, on_init, data);
	qemu_plugin_register_vcpu_exit_cb(self, on_exit_of, data);
	qemu_plugin_register_vcpu_tb_trans_cb(self, on_trans, data);
	qemu_plugin_register_vcpu_syscall_cb(self, on_call, data);
	qemu_plugin_register_vcpu_syscall_ret_cb(self, on_result, data);
	qemu_plugin_register_vcpu_syscall_filter_cb(self, on_filter, data);
	qemu_plugin_register_vcpu_discon_cb(self, QEMU_PLUGIN_DISCON_ALL, on_discon, data);
	qemu_plugin_register_flush_cb(self, on_flush, data);
	qemu_plugin_register_atexit_cb(self, at_exit, data);
}

static void *own_thread(void *data)
{
	while (qemu_plugin_num_vcpus() < 3)
		usleep(100);
	event("thread", NULL);
	events = AFTER;
	event("thread", NULL);
	/* this code is still here, whatever has happened */
	EXPECT(!strcmp(how, "uninstall") ? gone : done_times == 1);
	release_guest();
	return data;
}

static void __attribute__((destructor)) unloaded(void)
{
	EXPECT(asked && done_times == 1 && generation == (twice ? 2 : 1));
	EXPECT(!gone == !strcmp(how, "reset"));
	say("unloaded");
}

INSTALL
{
	pthread_t thread;

	self = id;
	snprintf(how, sizeof how, "%s", argument(argc, argv, "how"));
	snprintf(from, sizeof from, "%s", argument(argc, argv, "from"));
	twice = *argument(argc, argv, "twice");
	score = qemu_plugin_scoreboard_new(8);
	subscribe();
	return !strcmp(from, "thread") ? pthread_create(&thread, NULL, own_thread, NULL) : 0;
}

/* stdout: 1\n */
/* expect:
unloaded
*/
