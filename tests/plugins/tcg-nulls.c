/* SPDX-License-Identifier: MIT */
/* Passes NULL, and numbers that mean nothing, wherever they can be passed. */
/* versions: 1 5 7 */
/* guest: counted */
#include <sys/mman.h>

#include "tcg.h"

ON_EXEC(never)
{
	say("a callback nobody asked for");
}

ON_MEM(never_mem)
{
	say("a callback nobody asked for");
}

#if QEMU_PLUGIN_VERSION >= 5
static struct qemu_plugin_scoreboard *score;
static GByteArray *buffer;
static struct qemu_plugin_register *a0;
static bool done;

/* Whether it failed as the version says it does. */
#if QEMU_PLUGIN_VERSION >= 6
#define FAILED(result) ((result) == false)
#else
#define FAILED(result) ((result) == -1)
#endif

ON_EXEC(once)
{
	uint8_t before[8];

	if (done)
		return;
	done = true;
	EXPECT(FAILED(qemu_plugin_read_register(NULL, buffer)) && buffer->len == 0);
	EXPECT(FAILED(qemu_plugin_read_register((struct qemu_plugin_register *)(uintptr_t)100000, buffer)));
	EXPECT(FAILED(qemu_plugin_read_register(a0, NULL)));
	EXPECT(!FAILED(qemu_plugin_read_register(a0, buffer)) && buffer->len == 8);
	memcpy(before, buffer->data, 8);
	g_byte_array_set_size(buffer, 7);
	memset(buffer->data, 0x55, 7);
	EXPECT(FAILED(qemu_plugin_write_register(a0, buffer)));
	g_byte_array_set_size(buffer, 0);
	EXPECT(FAILED(qemu_plugin_write_register(a0, buffer)));
	EXPECT(FAILED(qemu_plugin_write_register(a0, NULL)));
	EXPECT(FAILED(qemu_plugin_write_register(NULL, buffer)));
	EXPECT(!FAILED(qemu_plugin_read_register(a0, buffer)) && !memcmp(buffer->data, before, 8));
	EXPECT(!qemu_plugin_read_memory_vaddr(0x10000, NULL, 8));
	EXPECT(!qemu_plugin_read_memory_vaddr(0x10000, buffer, SIZE_MAX));
	EXPECT(!qemu_plugin_write_memory_vaddr(0x10000, NULL));
	g_byte_array_set_size(buffer, 0);
	EXPECT(!qemu_plugin_write_memory_vaddr(0x10000, buffer));
	EXPECT(qemu_plugin_mem_get_value(3).data.u64 == 0);     /* no access */
	EXPECT(qemu_plugin_scoreboard_find(NULL, 0) == NULL);
	qemu_plugin_u64_add((qemu_plugin_u64){ NULL, 0 }, 0, 1);
	qemu_plugin_u64_set((qemu_plugin_u64){ score, 8 }, 0, 1);
	EXPECT(qemu_plugin_u64_get((qemu_plugin_u64){ score, SIZE_MAX }, 0) == 0);
	EXPECT(qemu_plugin_u64_sum((qemu_plugin_u64){ NULL, 0 }) == 0);
	EXPECT(qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64(score)) == 0);
	qemu_plugin_scoreboard_free(NULL);
	qemu_plugin_update_ns(NULL, 5);
}

ON_VCPU(started)
{
	GArray *all = qemu_plugin_get_registers();

	for (unsigned i = 0; i < all->len; i++)
		if (!strcmp(g_array_index(all, qemu_plugin_reg_descriptor, i).name, "a0"))
			a0 = g_array_index(all, qemu_plugin_reg_descriptor, i).handle;
	g_array_free(all, TRUE);
}
#endif

ON_TRANS(translated)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);

	EXPECT(qemu_plugin_tb_n_insns(NULL) == 0 && qemu_plugin_tb_vaddr(NULL) == 0 && qemu_plugin_tb_get_insn(NULL, 0) == NULL);
	EXPECT(qemu_plugin_insn_size(NULL) == 0 && qemu_plugin_insn_vaddr(NULL) == 0);
	EXPECT(qemu_plugin_insn_haddr(NULL) == NULL && qemu_plugin_insn_symbol(NULL) == NULL);
	EXPECT(!*qemu_plugin_insn_disas(NULL));
	qemu_plugin_register_vcpu_tb_exec_cb(NULL, never, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, NULL, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_insn_exec_cb(insn, NULL, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_insn_exec_cb(insn, never, (enum qemu_plugin_cb_flags)4, NULL);
	qemu_plugin_register_vcpu_mem_cb(insn, NULL, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
	qemu_plugin_register_vcpu_mem_cb(insn, never_mem, QEMU_PLUGIN_CB_NO_REGS, (enum qemu_plugin_mem_rw)0, NULL);
#if QEMU_PLUGIN_VERSION < 2
	EXPECT(qemu_plugin_insn_data(NULL) == NULL);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, NULL, 1);
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, NULL, 1);
	qemu_plugin_register_vcpu_mem_inline(insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, NULL, 1);
	/* what cannot be written: no memory, a constant, and a cell of which half is there */
	static const uint64_t constant = 1;
	static char *page;
	if (!page) {
		page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(page + 4096, 4096, PROT_READ);
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, (void *)8, 1);
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, (void *)0x4141414141414141, 1);
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, (void *)(uintptr_t)&constant, 1);
	for (int i = 1; i < 8; i++)
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, page + 4096 - i, 1);
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, page + 4096 - 8, 1);
#else
	uint8_t byte;
	qemu_plugin_u64 none = { NULL, 0 }, good = qemu_plugin_scoreboard_u64(score);
	EXPECT(qemu_plugin_insn_data(NULL, &byte, 1) == 0 && qemu_plugin_insn_data(insn, NULL, 1) == 0);
	EXPECT(qemu_plugin_insn_data(insn, &byte, 1) == 1 && qemu_plugin_insn_data(insn, &byte, 0) == 0);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, none, 1);
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, (enum qemu_plugin_op)2, good, 1);
	qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, (enum qemu_plugin_mem_rw)4, QEMU_PLUGIN_INLINE_ADD_U64, good, 1);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_EQ, none, 0, NULL);
	qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, never, QEMU_PLUGIN_CB_NO_REGS, (enum qemu_plugin_cond)8, good, 0, NULL);
	/* never looked at: whether there is such a cell */
	qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_NEVER, none, 0, NULL);
	qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, once, QEMU_PLUGIN_CB_RW_REGS, QEMU_PLUGIN_COND_ALWAYS, none, 0, NULL);
#endif
}

ON_EXIT(at_exit)
{
	bool value = true;

	EXPECT(!qemu_plugin_bool_parse(NULL, "off", &value) && !qemu_plugin_bool_parse("x", NULL, &value) && value);
	EXPECT(!qemu_plugin_bool_parse("x", "off", NULL));
	EXPECT(!qemu_plugin_hwaddr_is_io(NULL) && qemu_plugin_hwaddr_phys_addr(NULL) == 0);
	qemu_plugin_outs(NULL);
	qemu_plugin_outs("");
	say("ended");
}

INSTALL
{
#if QEMU_PLUGIN_VERSION >= 5
	score = qemu_plugin_scoreboard_new(8);
	buffer = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, started WITH(NULL));
#endif
	/* NULL where it means something: remove, do nothing */
	qemu_plugin_register_vcpu_exit_cb(id, NULL WITH(NULL));
	qemu_plugin_vcpu_for_each(id, NULL WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* complaints: qemu_plugin_tb_n_insns qemu_plugin_tb_vaddr qemu_plugin_tb_get_insn qemu_plugin_insn_size qemu_plugin_insn_vaddr
 * qemu_plugin_insn_haddr qemu_plugin_insn_symbol qemu_plugin_insn_disas qemu_plugin_insn_data qemu_plugin_register_vcpu_tb_exec_cb
 * qemu_plugin_register_vcpu_insn_exec_cb qemu_plugin_register_vcpu_mem_cb qemu_plugin_register_vcpu_tb_exec_inline
 * qemu_plugin_register_vcpu_insn_exec_inline qemu_plugin_register_vcpu_mem_inline qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu
 * qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu qemu_plugin_register_vcpu_mem_inline_per_vcpu
 * qemu_plugin_register_vcpu_tb_exec_cond_cb qemu_plugin_register_vcpu_insn_exec_cond_cb qemu_plugin_read_register
 * qemu_plugin_write_register qemu_plugin_read_memory_vaddr qemu_plugin_write_memory_vaddr qemu_plugin_mem_get_value
 * qemu_plugin_scoreboard_find qemu_plugin_scoreboard_free qemu_plugin_u64_add qemu_plugin_u64_set qemu_plugin_u64_get qemu_plugin_u64_sum
 * qemu_plugin_outs */
/* expect:
ended
*/
