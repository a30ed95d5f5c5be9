/* SPDX-License-Identifier: MIT */
/* Every access of a program that makes one of each kind: where, how long, signed or not, in which direction, and from version 4 on its value. */
/* versions: 0 2 4 7 */
/* guest: accesses */
#include "tcg.h"

static uint64_t base;   /* address of the first access: the first cell */

ON_MEM(accessed)
{
	unsigned shift = qemu_plugin_mem_size_shift(info);

	EXPECT(data == &base && vcpu == 0 && !qemu_plugin_mem_is_big_endian(info) && shift <= 3);
	/* what system mode has */
	struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);
	EXPECT(hwaddr == NULL && !qemu_plugin_hwaddr_is_io(hwaddr) && !strcmp(qemu_plugin_hwaddr_device_name(hwaddr), "Invalid"));
	EXPECT(qemu_plugin_hwaddr_device_name(hwaddr) == qemu_plugin_hwaddr_device_name(NULL));
#if QEMU_PLUGIN_VERSION >= 1
	EXPECT(qemu_plugin_hwaddr_phys_addr(hwaddr) == 0);
#else
	EXPECT(qemu_plugin_hwaddr_device_offset(hwaddr) == 0);
#endif
	if (!base)
		base = vaddr;
#if QEMU_PLUGIN_VERSION >= 4
	qemu_plugin_mem_value value = qemu_plugin_mem_get_value(info);
	EXPECT((unsigned)value.type == shift);
	uint64_t bits = value.type == QEMU_PLUGIN_MEM_VALUE_U8 ? value.data.u8 : value.type == QEMU_PLUGIN_MEM_VALUE_U16 ? value.data.u16 :
			value.type == QEMU_PLUGIN_MEM_VALUE_U32 ? value.data.u32 : value.data.u64;
	say("%s%u at %" PRIu64 "%s: %" PRIx64, qemu_plugin_mem_is_store(info) ? "store" : "load", 8 << shift, vaddr - base,
	    qemu_plugin_mem_is_sign_extended(info) ? " signed" : "", bits);
#else
	say("%s%u at %" PRIu64 "%s", qemu_plugin_mem_is_store(info) ? "store" : "load", 8 << shift, vaddr - base,
	    qemu_plugin_mem_is_sign_extended(info) ? " signed" : "");
#endif
}

/* Only those of one direction come to these. */
static uint64_t loads, stores;
ON_MEM(loaded) { EXPECT(!qemu_plugin_mem_is_store(info)); loads++; }
ON_MEM(stored) { EXPECT(qemu_plugin_mem_is_store(info)); stores++; }

#if QEMU_PLUGIN_VERSION < 2
static uint64_t counted[3];
#define COUNT(insn, rw, n) qemu_plugin_register_vcpu_mem_inline(insn, rw, QEMU_PLUGIN_INLINE_ADD_U64, &counted[n], 1)
#define COUNTED(n) counted[n]
#else
static struct qemu_plugin_scoreboard *score;
#define CELL(n) ((qemu_plugin_u64){ score, 8 * (n) })
#define COUNT(insn, rw, n) qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, rw, QEMU_PLUGIN_INLINE_ADD_U64, CELL(n), 1)
#define COUNTED(n) qemu_plugin_u64_sum(CELL(n))
#endif

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, &base);
		qemu_plugin_register_vcpu_mem_cb(insn, loaded, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_R, NULL);
		qemu_plugin_register_vcpu_mem_cb(insn, stored, QEMU_PLUGIN_CB_RW_REGS, QEMU_PLUGIN_MEM_W, NULL);
		COUNT(insn, QEMU_PLUGIN_MEM_R, 0);
		COUNT(insn, QEMU_PLUGIN_MEM_W, 1);
		COUNT(insn, QEMU_PLUGIN_MEM_RW, 2);
	}
}

ON_EXIT(at_exit)
{
	EXPECT(loads == COUNTED(0) && stores == COUNTED(1) && loads + stores == COUNTED(2));
	say("%" PRIu64 " loads, %" PRIu64 " stores", loads, stores);
}

INSTALL
{
#if QEMU_PLUGIN_VERSION >= 2
	score = qemu_plugin_scoreboard_new(24);
#endif
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* Worked out from the instruction set manual. A store-conditional is told of as an atomic operation: a load, then a store. */
/* expect 0 2:
load8 at 0 signed
load8 at 0
load16 at 0 signed
load16 at 0
load32 at 0 signed
load32 at 0
load64 at 0
store8 at 16
store16 at 18
store32 at 20
store64 at 24
load32 at 0
load64 at 0
store32 at 32
store64 at 40
load64 at 3
store16 at 49
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load32 at 64 signed
store32 at 64
load64 at 72
store64 at 72
load64 at 72
store64 at 72
load64 at 72
store64 at 72
load32 at 64 signed
load32 at 64 signed
store32 at 64
load64 at 72
load64 at 72
store64 at 72
26 loads, 21 stores
*/
/* expect 4 7:
load8 at 0 signed: f0
load8 at 0: f0
load16 at 0 signed: f1f0
load16 at 0: f1f0
load32 at 0 signed: f3f2f1f0
load32 at 0: f3f2f1f0
load64 at 0: f7f6f5f4f3f2f1f0
store8 at 16: 88
store16 at 18: 7788
store32 at 20: 55667788
store64 at 24: 1122334455667788
load32 at 0: f3f2f1f0
load64 at 0: f7f6f5f4f3f2f1f0
store32 at 32: f3f2f1f0
store64 at 40: f7f6f5f4f3f2f1f0
load64 at 3: faf9f8f7f6f5f4f3
store16 at 49: 7788
load32 at 64 signed: fffffffe
store32 at 64: 3
load32 at 64 signed: 3
store32 at 64: 6
load32 at 64 signed: 6
store32 at 64: 5
load32 at 64 signed: 5
store32 at 64: 1
load32 at 64 signed: 1
store32 at 64: 3
load32 at 64 signed: 3
store32 at 64: fffffff9
load32 at 64 signed: fffffff9
store32 at 64: 3
load32 at 64 signed: 3
store32 at 64: 3
load32 at 64 signed: 3
store32 at 64: fffffff9
load64 at 72: 5
store64 at 72: fffffffffffffffe
load64 at 72: fffffffffffffffe
store64 at 72: 3
load64 at 72: 3
store64 at 72: fffffffffffffff9
load32 at 64 signed: fffffff9
load32 at 64 signed: fffffff9
store32 at 64: 3
load64 at 72: fffffffffffffff9
load64 at 72: fffffffffffffff9
store64 at 72: 3
26 loads, 21 stores
*/
