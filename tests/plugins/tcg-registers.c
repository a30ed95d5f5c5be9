/* SPDX-License-Identifier: MIT */
/* Registers in callbacks of all kinds: what the flags allow, what is read is what is written, what is read-only stays, and the guest does not notice. */
/* versions: 2 4 5 6 7 */
/* guest: counted busy */
#include <stdatomic.h>

#include "tcg.h"

#if QEMU_PLUGIN_VERSION >= 6
#define SIZE(result, bytes) ((result) ? (int)(bytes) : 0)
#define FAILURE 0
#elif QEMU_PLUGIN_VERSION == 5
#define SIZE(result, bytes) (result)
#define FAILURE -1
#else
#define SIZE(result, bytes) (result)
#define FAILURE 0
#endif

static GArray *registers;
static struct qemu_plugin_register *pc, *a0, *zero;
static atomic_int reads, refusals, writes, pcs;
enum { OFTEN = 400 };

static qemu_plugin_reg_descriptor *descriptor(unsigned i)
{
	return &g_array_index(registers, qemu_plugin_reg_descriptor, i);
}

/* Reads all registers; RESULT: whether it has to work. */
static void read_all(bool works)
{
	GByteArray *buffer = g_byte_array_new();

	for (unsigned i = 0; i < registers->len; i++) {
		unsigned before = buffer->len;
		int result = qemu_plugin_read_register(descriptor(i)->handle, buffer);
		int size = buffer->len - before;
		EXPECT(works ? size > 0 && SIZE(result, size) == size : size == 0 && result == FAILURE);
	}
	g_byte_array_free(buffer, TRUE);
}

static uint64_t value_of(struct qemu_plugin_register *handle)
{
	GByteArray *buffer = g_byte_array_new();
	uint64_t value = 0;

	EXPECT(qemu_plugin_read_register(handle, buffer) > 0 && buffer->len == 8);
	memcpy(&value, buffer->data, 8);
	g_byte_array_free(buffer, TRUE);
	return value;
}

#if QEMU_PLUGIN_VERSION >= 5
static bool write_value(struct qemu_plugin_register *handle, uint64_t value)
{
	GByteArray *buffer = g_byte_array_new();

	g_byte_array_append(buffer, (const guint8 *)&value, 8);
	int result = qemu_plugin_write_register(handle, buffer);
	EXPECT(buffer->len == 8);
	g_byte_array_free(buffer, TRUE);
	EXPECT(SIZE(result, 8) == 8 || result == FAILURE);
	return result != FAILURE;
}

/* Writes each register that can be written with something else and then with what was there. */
static void write_all(void)
{
	for (unsigned i = 0; i < registers->len; i++) {
		GByteArray *buffer = g_byte_array_new(), *other = g_byte_array_new();
		const char *name = descriptor(i)->name;
		qemu_plugin_read_register(descriptor(i)->handle, buffer);
		g_byte_array_append(other, buffer->data, buffer->len);
		other->data[0] ^= 1;
		bool control = !strcmp(name, "fflags") || !strcmp(name, "frm") || !strcmp(name, "fcsr");
#if QEMU_PLUGIN_VERSION >= 6
		if (descriptor(i)->is_readonly) {
			EXPECT(!qemu_plugin_write_register(descriptor(i)->handle, other));
		} else
#endif
		if (!control && qemu_plugin_write_register(descriptor(i)->handle, other) > 0) {
			GByteArray *now = g_byte_array_new();
			qemu_plugin_read_register(descriptor(i)->handle, now);
			EXPECT(now->len == buffer->len);
			/* x0 takes anything and stays */
			EXPECT(!memcmp(now->data, descriptor(i)->handle == zero ? buffer->data : other->data, now->len));
			EXPECT(qemu_plugin_write_register(descriptor(i)->handle, buffer) > 0);
			writes++;
			g_byte_array_free(now, TRUE);
		}
		g_byte_array_free(buffer, TRUE);
		g_byte_array_free(other, TRUE);
	}
}
#endif

ON_EXEC(in_no_regs)
{
	if (refusals++ < OFTEN)
		read_all(false);
}

/* DATA: the instruction's address. */
ON_EXEC(in_r_regs)
{
	EXPECT(value_of(pc) == (uintptr_t)data && value_of(zero) == 0);
	pcs++;
	if (reads++ < OFTEN) {
		read_all(true);
#if QEMU_PLUGIN_VERSION >= 5
		EXPECT(!write_value(a0, 0));
#endif
	}
}

#if QEMU_PLUGIN_VERSION >= 5
ON_EXEC(in_rw_regs)
{
	static atomic_int times;

	if (times++ < OFTEN)
		write_all();
	EXPECT(!write_value(pc, 0x1000));
}
#endif

ON_MEM(in_mem)
{
	static atomic_int times;

	EXPECT(value_of(pc) == (uintptr_t)data);
	if (times++ < OFTEN)
		read_all(true);
}

ON_VCPU(started)
{
	if (!registers) {
		GArray *all = qemu_plugin_get_registers();
		for (unsigned i = 0; i < all->len; i++) {
			qemu_plugin_reg_descriptor *d = &g_array_index(all, qemu_plugin_reg_descriptor, i);
			EXPECT(d->handle && d->name && d->feature);
			pc = !strcmp(d->name, "pc") ? d->handle : pc;
			a0 = !strcmp(d->name, "a0") ? d->handle : a0;
			zero = !strcmp(d->name, "zero") ? d->handle : zero;
		}
		registers = all;
	}
	read_all(true);
}

ON_CALL(called)
{
	EXPECT(value_of(a0) == a1);
	read_all(true);
}

ON_RESULT(returned)
{
	EXPECT(value_of(a0) == (uint64_t)ret || ret < 0);
	read_all(true);
}

ON_TRANS(translated)
{
	read_all(true);
	EXPECT(value_of(pc) != 0);      /* not the block's, where a loop is translated as a whole */
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		void *address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, in_no_regs, QEMU_PLUGIN_CB_NO_REGS, NULL);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, in_r_regs, QEMU_PLUGIN_CB_R_REGS, address);
#if QEMU_PLUGIN_VERSION >= 5
		qemu_plugin_register_vcpu_insn_exec_cb(insn, in_rw_regs, QEMU_PLUGIN_CB_RW_REGS, NULL);
#endif
		qemu_plugin_register_vcpu_mem_cb(insn, in_mem, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_RW, address);
	}
	if (qemu_plugin_tb_n_insns(tb) > 1)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, in_r_regs, QEMU_PLUGIN_CB_R_REGS, (void *)(uintptr_t)qemu_plugin_tb_vaddr(tb));
}

ON_SIMPLE(flushed)
{
	read_all(false);
}

ON_EXIT(at_exit)
{
	read_all(false);
	EXPECT(pcs > 0 && refusals > 0 && (QEMU_PLUGIN_VERSION < 5 || writes > 60));
	say("ended");
}

INSTALL
{
	qemu_plugin_register_vcpu_init_cb(id, started WITH(NULL));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_vcpu_syscall_cb(id, called WITH(NULL));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned WITH(NULL));
	qemu_plugin_register_flush_cb(id, flushed WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* complaints: qemu_plugin_read_register qemu_plugin_write_register */
/* expect:
ended
*/
