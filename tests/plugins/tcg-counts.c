/* SPDX-License-Identifier: MIT */
/* Counts instructions, blocks and accesses in every way that the version has, and system calls; in a static program the ways must agree. */
/* versions: 0 1 2 3 4 5 6 7 */
/* guest: counted threads */
/* qemu */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { SIZES = 4 };

static _Atomic uint64_t insns, reads[SIZES], writes[SIZES], calls, results, bytes;
static atomic_uint vcpus;
static _Atomic uint64_t sum;    /* of blocks' instructions */

#if QEMU_PLUGIN_VERSION < 2
static uint64_t inline_insns, inline_accesses;
#else
struct cells {
	uint64_t insns, accesses, wraps, seen;
};
static struct qemu_plugin_scoreboard *score;
static qemu_plugin_u64 cell_insns, cell_accesses, cell_wraps;
#endif

static void block(unsigned vcpu, void *data)
{
	(void)vcpu;
	sum += (uintptr_t)data;
}

static void insn(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	insns++;
}

static void access_done(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	unsigned size = qemu_plugin_mem_size_shift(info);

	(void)vcpu, (void)vaddr, (void)data;
	if (size < SIZES)
		(qemu_plugin_mem_is_store(info) ? writes : reads)[size]++;
}

#if QEMU_PLUGIN_VERSION >= 3
static void wrapped(unsigned vcpu, void *data)
{
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	(void)data;
	cells->wraps = 0;
	cells->seen++;
}
#endif

static void instrument(struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	qemu_plugin_register_vcpu_tb_exec_cb(tb, block, QEMU_PLUGIN_CB_NO_REGS, (void *)n);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		bytes += qemu_plugin_insn_size(in) ? 0 : 1;
		qemu_plugin_register_vcpu_insn_exec_cb(in, insn, QEMU_PLUGIN_CB_NO_REGS, NULL);
		qemu_plugin_register_vcpu_mem_cb(in, access_done, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
#if QEMU_PLUGIN_VERSION < 2
		qemu_plugin_register_vcpu_insn_exec_inline(in, QEMU_PLUGIN_INLINE_ADD_U64, &inline_insns, 1);
		qemu_plugin_register_vcpu_mem_inline(in, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, &inline_accesses, 1);
#else
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(in, QEMU_PLUGIN_INLINE_ADD_U64, cell_insns, 1);
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(in, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, cell_accesses, 1);
#if QEMU_PLUGIN_VERSION >= 3
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(in, QEMU_PLUGIN_INLINE_ADD_U64, cell_wraps, 1);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(in, wrapped, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, cell_wraps, 100, NULL);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(in, wrapped, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_NEVER, cell_wraps, 0, NULL);
#endif
#endif
	}
}

static void say(const char *what, uint64_t value)
{
	char line[80];

	snprintf(line, sizeof line, "%s: %" PRIu64 "\n", what, value);
	qemu_plugin_outs(line);
}

static void check(const char *what, bool good)
{
	if (!good)
		say(what, 0);
}

static void ended(void)
{
	uint64_t all = 0;

	for (int i = 0; i < SIZES; i++)
		all += reads[i] + writes[i];
#if QEMU_PLUGIN_VERSION < 2
	check("wrong: inline instructions", vcpus > 1 || insns == inline_insns);
	check("wrong: inline accesses", vcpus > 1 || all == inline_accesses);
	check("wrong: vcpus", qemu_plugin_n_vcpus() == -1 && qemu_plugin_n_max_vcpus() == -1);
#else
	check("wrong: inline instructions", insns == qemu_plugin_u64_sum(cell_insns));
	check("wrong: inline accesses", all == qemu_plugin_u64_sum(cell_accesses));
#if QEMU_PLUGIN_VERSION >= 3
	uint64_t counted = qemu_plugin_u64_sum(cell_wraps);
	for (int i = 0; i < qemu_plugin_num_vcpus(); i++)
		counted += 100 * ((struct cells *)qemu_plugin_scoreboard_find(score, i))->seen;
	check("wrong: conditional callback", insns == counted);
#endif
	qemu_plugin_scoreboard_free(score);
#endif
	check("wrong: instructions of blocks", insns == sum);
	check("wrong: sizes", bytes == 0);
	if (vcpus > 1) {
		qemu_plugin_outs("several vcpus\n");
		return;
	}
	say("instructions", insns);
	for (int i = 0; i < SIZES; i++) {
		char name[40];
		snprintf(name, sizeof name, "%d-byte reads", 1 << i);
		say(name, reads[i]);
		snprintf(name, sizeof name, "%d-byte writes", 1 << i);
		say(name, writes[i]);
	}
	say("system calls", calls);
	say("results", results);
}

#if QEMU_PLUGIN_VERSION >= 7
#define ID
#define DATA , void *data
#define NULL_DATA , NULL
#define USE (void)data
#else
#define ID qemu_plugin_id_t id,
#define DATA
#define NULL_DATA
#define USE (void)id
#endif

static void init(ID unsigned vcpu DATA)
{
	(void)vcpu;
	USE;
	vcpus++;
}

static void called(ID unsigned vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
		   uint64_t a8 DATA)
{
	(void)vcpu, (void)num, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
	USE;
	calls++;
}

static void returned(ID unsigned vcpu, int64_t num, int64_t ret DATA)
{
	(void)vcpu, (void)num, (void)ret;
	USE;
	results++;
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
	ended();
}
#else
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
	(void)argc, (void)argv;
	if (strcmp(info->target_name, "riscv64") || info->system_emulation || info->version.min > QEMU_PLUGIN_VERSION ||
	    info->version.cur < QEMU_PLUGIN_VERSION)
		return 1;
#if QEMU_PLUGIN_VERSION >= 2
	score = qemu_plugin_scoreboard_new(sizeof(struct cells));
	cell_insns = qemu_plugin_scoreboard_u64_in_struct(score, struct cells, insns);
	cell_accesses = qemu_plugin_scoreboard_u64_in_struct(score, struct cells, accesses);
	cell_wraps = qemu_plugin_scoreboard_u64_in_struct(score, struct cells, wraps);
	if (qemu_plugin_num_vcpus() != 0)
		return 2;
#endif
	qemu_plugin_register_vcpu_init_cb(id, init NULL_DATA);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated NULL_DATA);
	qemu_plugin_register_vcpu_syscall_cb(id, called NULL_DATA);
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned NULL_DATA);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* expect counted:
instructions: 1216
1-byte reads: 100
1-byte writes: 100
2-byte reads: 100
2-byte writes: 100
4-byte reads: 100
4-byte writes: 100
8-byte reads: 200
8-byte writes: 200
system calls: 3
results: 2
*/
/* expect threads:
several vcpus
*/
