/* SPDX-License-Identifier: MIT */
/* A thread of the plugin's own: what may be called from any thread works, what needs a vcpu fails with a line; and so does everything once the plugin is
 * gone, but for its memory, in which the thread still is. */
/* versions: 5 7 */
/* guest: busy */
/* static */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tcg.h"

static qemu_plugin_id_t self;
static struct qemu_plugin_scoreboard *score;
static struct qemu_plugin_tb *some_tb;
static atomic_uint vcpus;
static atomic_bool gone, ready;

ON_VCPU(each) { EXPECT(vcpu < 4); vcpus++; }
ON_VCPU(too_late) { say("called when gone"); }
ON_SIMPLE(done) { gone = true; }
ON_EXIT(at_exit) { say("called when gone"); }

ON_TRANS(translated)
{
	some_tb = tb;
	ready = true;
}

ON_CALL(called)
{
	hold_guest(num, a1);
}

static void *own(void *data)
{
	qemu_plugin_u64 cell = qemu_plugin_scoreboard_u64(score);
	GByteArray *buffer = g_byte_array_new();
	uint64_t value;

	while (!ready || qemu_plugin_num_vcpus() < 2)
		usleep(100);
	qemu_plugin_u64_set(cell, 0, 5);
	qemu_plugin_u64_add(cell, 1, 7);
	EXPECT(qemu_plugin_u64_sum(cell) == 12 && qemu_plugin_u64_get(cell, 1) == 7 && qemu_plugin_scoreboard_find(score, 1));
	qemu_plugin_scoreboard_free(qemu_plugin_scoreboard_new(100));
	qemu_plugin_vcpu_for_each(self, each WITH(NULL));
	EXPECT(vcpus > 0);
	EXPECT(qemu_plugin_end_code() > qemu_plugin_start_code());
	say("on a thread of its own");
	GArray *registers = qemu_plugin_get_registers();
	EXPECT(registers->len > 65);
	struct qemu_plugin_register *handle = g_array_index(registers, qemu_plugin_reg_descriptor, 1).handle;
	qemu_plugin_read_register(handle, buffer);
	EXPECT(buffer->len == 0);
	g_byte_array_set_size(buffer, 8);
	qemu_plugin_write_register(handle, buffer);
	EXPECT(!qemu_plugin_write_memory_vaddr(0x10000, buffer));
	EXPECT(!qemu_plugin_read_memory_vaddr(0x10000, buffer, 8));
	EXPECT(qemu_plugin_read_memory_hwaddr(0, buffer, 8) == QEMU_PLUGIN_HWADDR_OPERATION_ERROR);
	EXPECT(qemu_plugin_write_memory_hwaddr(0, buffer) == QEMU_PLUGIN_HWADDR_OPERATION_ERROR);
	EXPECT(!qemu_plugin_translate_vaddr(0, &value));
	EXPECT(qemu_plugin_tb_n_insns(some_tb) == 0);
	EXPECT(qemu_plugin_request_time_control() == NULL);
	qemu_plugin_register_vcpu_syscall_ret_cb(self, NULL WITH(NULL));

	qemu_plugin_uninstall(self, done WITH(NULL));
	EXPECT(gone);
	qemu_plugin_register_vcpu_init_cb(self, too_late WITH(NULL));
	qemu_plugin_register_atexit_cb(self, at_exit, NULL);
	qemu_plugin_vcpu_for_each(self, too_late WITH(NULL));
	qemu_plugin_reset(self, done WITH(NULL));
	qemu_plugin_uninstall(self, done WITH(NULL));
	qemu_plugin_insn_size(NULL);
	release_guest();
	return data;
}

INSTALL
{
	pthread_t thread;

	self = id;
	score = qemu_plugin_scoreboard_new(8);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return pthread_create(&thread, NULL, own, NULL);
}

/* stdout: 1\n */
/* complaints: qemu_plugin_read_register qemu_plugin_write_register qemu_plugin_write_memory_vaddr qemu_plugin_read_memory_vaddr
 * qemu_plugin_tb_n_insns qemu_plugin_register_vcpu_init_cb qemu_plugin_register_atexit_cb qemu_plugin_vcpu_for_each qemu_plugin_reset
 * qemu_plugin_uninstall qemu_plugin_insn_size */
/* expect:
on a thread of its own
*/
