/* SPDX-License-Identifier: MIT */
/* Takes a lock, and keeps it for a while, in callbacks of all kinds: a child process must not be made while one holds it. */
/* versions: 1 7 */
/* guest: forks */
#include <pthread.h>
#include <unistd.h>

#include "tcg.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t events;

static void count(void)
{
	pthread_mutex_lock(&lock);
	events++;
	usleep(200);
	pthread_mutex_unlock(&lock);
}

ON_VCPU(started) { count(); }
ON_VCPU(ended) { count(); }
ON_CALL(called) { count(); }
ON_RESULT(returned) { count(); }

ON_TRANS(translated)
{
	pthread_mutex_lock(&lock);
	events++;
	pthread_mutex_unlock(&lock);
}

INSTALL
{
	qemu_plugin_register_vcpu_init_cb(id, started WITH(NULL));
	qemu_plugin_register_vcpu_exit_cb(id, ended WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(NULL));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	return 0;
}

/* stdout: 25 children\n */
