/* SPDX-License-Identifier: MIT */
/* Basic-block vectors for SimPoint: for each interval of execution, how many instructions each block contributed.
 *
 * out=PATH: vectors of vcpu N go to PATH.N.bb. interval=N: instructions (100000000). */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "basic-block vectors for SimPoint (out=PATH, interval=N)";

/* A block is what begins at an address, numbered from 1 on as it is first seen. */
struct Block {
	uint64_t address;
	unsigned number;
	qemu_plugin_u64 insns;          /* of the present interval */
};

struct Vcpu {
	uint64_t insns;                 /* of the present interval */
	FILE *file;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *by_address;
static GPtrArray *blocks;
static struct qemu_plugin_scoreboard *vcpus;
static guint64 interval = 100000000;
static char *out;
static FILE *first;             /* the main thread's, opened before anything runs */

static FILE *open_file(unsigned index)
{
	char *path = g_strdup_printf("%s.%u.bb", out, index);
	FILE *file = fopen(path, "w");

	if (!file)
		fprintf(stderr, "tcg-bbv: cannot write '%s': %s\n", path, strerror(errno));
	g_free(path);
	return file;
}

static void vcpu_started(qemu_plugin_id_t id, unsigned index)
{
	struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, index);

	(void)id;
	if (!vcpu->file)
		vcpu->file = index ? open_file(index) : first;
}

/* The interval is full: after the block that filled it has been counted, before it runs. */
static void interval_done(unsigned index, void *data)
{
	struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, index);

	(void)data;
	pthread_mutex_lock(&lock);
	if (vcpu->file)
		fputc('T', vcpu->file);
	for (unsigned i = 0; i < blocks->len; i++) {
		struct Block *block = blocks->pdata[i];
		uint64_t insns = qemu_plugin_u64_get(block->insns, index);
		if (insns && vcpu->file)
			fprintf(vcpu->file, ":%u:%" PRIu64 " ", block->number, insns);
		qemu_plugin_u64_set(block->insns, index, 0);
	}
	pthread_mutex_unlock(&lock);
	if (vcpu->file)
		fputc('\n', vcpu->file);
	vcpu->insns -= interval;
}

static struct Block *block_at(uint64_t address)
{
	struct Block *block;

	pthread_mutex_lock(&lock);
	block = g_hash_table_lookup(by_address, &address);
	if (!block) {
		block = g_new0(struct Block, 1);
		block->address = address;
		block->number = blocks->len + 1;
		block->insns = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
		g_ptr_array_add(blocks, block);
		g_hash_table_insert(by_address, &block->address, block);
	}
	pthread_mutex_unlock(&lock);
	return block;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct Block *block = block_at(qemu_plugin_tb_vaddr(tb));
	qemu_plugin_u64 insns = qemu_plugin_scoreboard_u64_in_struct(vcpus, struct Vcpu, insns);
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, insns, n);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, block->insns, n);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, interval_done, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, insns, interval, NULL);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id, (void)data;
	for (int i = 0; i < qemu_plugin_num_vcpus(); i++) {
		struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, i);
		if (vcpu->file)
			fclose(vcpu->file);
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (g_str_has_prefix(argv[i], "out=") && argv[i][4])
			out = argv[i] + 4;
		else if (!g_str_has_prefix(argv[i], "interval=") || !g_ascii_string_to_unsigned(argv[i] + 9, 10, 1, INT64_MAX, &interval, NULL))
			return fprintf(stderr, "tcg-bbv: out=PATH and interval=N are what it takes, not '%s'\n", argv[i]), -1;
	}
	if (!out)
		return fprintf(stderr, "tcg-bbv: out=PATH is missing: vectors go to PATH.N.bb\n"), -1;
	if (!(first = open_file(0)))
		return -1;
	by_address = g_hash_table_new(g_int64_hash, g_int64_equal);
	blocks = g_ptr_array_new();
	vcpus = qemu_plugin_scoreboard_new(sizeof(struct Vcpu));
	qemu_plugin_register_vcpu_init_cb(id, vcpu_started);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
