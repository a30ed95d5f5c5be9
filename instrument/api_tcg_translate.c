/* SPDX-License-Identifier: MIT */
/* TCG plugins at translation: blocks, instructions, and the instrumentation asked for them, as probes. */
#include <errno.h>
#include <glib.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instrument/api_tcg.h"
#include "instrument/symbols.h"
#include "translator/translate.h"

/* QEMU's disassembler begins operands here. */
enum { OPERAND_COLUMN = 24 };

/* The call of a translation callback that is under way. There is one at a time, under the translation lock. */
static struct {
	struct ProbeUnit *unit;
	struct TcgState *state;         /* whose callback runs */
	uint64_t call;                  /* counts the calls, from 1 on */
	unsigned count;                 /* of instructions */
} current;
static _Thread_local bool translating;  /* on this thread */

/* Handles are not addresses but numbers: the call, and the instruction in it from 1 on, 0 for the block. So those of other calls are recognised,
 * and nothing is looked up through them. */
enum { HANDLE_INSN_BITS = 16, HANDLE_INSN = (1 << HANDLE_INSN_BITS) - 1 };

static uintptr_t handle(unsigned insn)
{
	return current.call << HANDLE_INSN_BITS | insn;
}

void tcg_on_translate(struct Subscriber *self, struct ProbeUnit *unit)
{
	struct TcgState *state = self->data;
	const struct TcgCallback *callback;
	struct TcgFrame frame;

	if (!tcg_callback(state, TCG_TRANS) || !tcg_enter(&frame, state, TCG_RW_REGS, "translation callback"))
		return;
	if ((callback = tcg_callback(state, TCG_TRANS))) {
		current.unit = unit;
		current.state = state;
		current.count = probe_ninsns(unit);
		current.call++;
		g_assert(current.count < HANDLE_INSN);
		struct qemu_plugin_tb *tb = (struct qemu_plugin_tb *)handle(0);
		translating = true;
		if (state->version >= TCG_VERSION_USERDATA)
			((qemu_plugin_vcpu_tb_trans_cb_t)callback->fn)(tb, callback->userdata);
		else
			((void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *))callback->fn)(state->id, tb);
		translating = false;
		current.unit = NULL;
	}
	tcg_leave(&frame);
}

bool tcg_translating(void)
{
	return translating;
}

/* -- handles ----------------------------------------------------------------------------------------------------------------- */

/* What is wrong with a handle of a WHAT. */
static void complain_of(const void *given, const char *what, const char *function, const void *caller)
{
	if (!given)
		tcg_complain(function, caller, "the %s is NULL", what);
	else if (!translating)
		tcg_complain(function, caller, "only in a translation callback: the %s's handle is not valid behind it", what);
	else
		tcg_complain(function, caller, "the handle is not that of %s of this translation", what[0] == 'b' ? "the block" : "an instruction");
}

static bool tb_valid(const struct qemu_plugin_tb *tb, const char *function, const void *caller)
{
	if (translating && (uintptr_t)tb == handle(0))
		return true;
	complain_of(tb, "block", function, caller);
	return false;
}

static bool insn_valid(const struct qemu_plugin_insn *insn, const char *function, const void *caller)
{
	if (translating && (uintptr_t)insn - handle(1) < current.count)
		return true;
	complain_of(insn, "instruction", function, caller);
	return false;
}

/* The place of an instruction in its block. */
static unsigned index_of(const struct qemu_plugin_insn *insn)
{
	return ((uintptr_t)insn & HANDLE_INSN) - 1;
}

/* The instruction, or NULL. Also reports misuse. */
static const struct IrInsn *look(const struct qemu_plugin_insn *insn, const char *function, const void *caller)
{
	return insn_valid(insn, function, caller) ? probe_insn(current.unit, index_of(insn)) : NULL;
}

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb)
{
	return tb_valid(tb, __func__, TCG_CALLER) ? current.count : 0;
}

uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb)
{
	return tb_valid(tb, __func__, TCG_CALLER) ? probe_block_pc(current.unit) : 0;
}

struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx)
{
	return tb_valid(tb, __func__, TCG_CALLER) && idx < current.count ? (struct qemu_plugin_insn *)handle(idx + 1) : NULL;
}

size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);

	if (!i)
		return 0;
	if (!dest && len) {
		tcg_complain(__func__, TCG_CALLER, "the buffer is NULL");
		return 0;
	}
	len = MIN(len, i->length);
	memcpy(dest, i->bytes, len);
	return len;
}

const void *tcg_insn_data_pointer(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, "qemu_plugin_insn_data", TCG_CALLER);
	return i ? i->bytes : NULL;
}

size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);
	return i ? i->length : 0;
}

uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);
	return i ? i->pc : 0;
}

void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);
	return i ? (void *)(uintptr_t)i->pc : NULL;     /* user mode: guest addresses are the host's */
}

char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);
	GString *text = g_string_new(NULL);

	if (i) {
		translator.guest->disassemble(i->pc, i->bytes, i->length, text);
		gsize word = strcspn(text->str, " "), gap = strspn(text->str + word, " ");
		if (word < OPERAND_COLUMN && gap < OPERAND_COLUMN - word) {
			char spaces[OPERAND_COLUMN + 1];
			g_snprintf(spaces, sizeof spaces, "%*s", (int)(OPERAND_COLUMN - word - gap), "");
			g_string_insert(text, word + gap, spaces);
		}
	}
	return g_string_free(text, FALSE);
}

const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn)
{
	const struct IrInsn *i = look(insn, __func__, TCG_CALLER);
	return i ? symbol_lookup(i->pc, NULL) : NULL;
}

/* -- probes -------------------------------------------------------------------------------------------------------------------- */

/* A call of FN. What the library cannot look at for want of the function it need not be shown. */
static bool make_call(struct Probe *probe, void *fn, enum qemu_plugin_cb_flags flags, void *userdata, const char *name, const char *function,
		      const void *caller)
{
	const struct Plugin *plugin = current.state->plugin;
	bool reads = plugin->reads_registers || plugin->writes_registers || plugin->sets_pc;

	if (!fn) {
		tcg_complain(function, caller, "the callback is NULL");
		return false;
	}
	if ((unsigned)flags > QEMU_PLUGIN_CB_RW_REGS_PC) {
		tcg_complain(function, caller, "there are no callback flags %d", flags);
		return false;
	}
	*probe = (struct Probe){
		.kind = PROBE_CALL, .cond = COND_ALWAYS, .fp = plugin->uses_fp, .fn = fn, .data = userdata, .name = name,
		.owner = current.state->plugin, .args = { ARG_INDEX, ARG_DATA },
		.access = !reads || flags == QEMU_PLUGIN_CB_NO_REGS ? PROBE_NOTHING :
			  flags == QEMU_PLUGIN_CB_R_REGS ? PROBE_REGISTERS : PROBE_REGISTERS_WRITE,
		.mark = reads ? TCG_NO_REGS + flags : 0,
	};
	return true;
}
_Static_assert(TCG_NO_REGS + QEMU_PLUGIN_CB_R_REGS == TCG_R_REGS && TCG_NO_REGS + QEMU_PLUGIN_CB_RW_REGS == TCG_RW_REGS &&
	       TCG_NO_REGS + QEMU_PLUGIN_CB_RW_REGS_PC == TCG_RW_REGS_PC, "access is in the order of the flags");

/* Makes the call conditional. False: it is never made. */
static bool make_conditional(struct Probe *probe, enum qemu_plugin_cond cond, qemu_plugin_u64 entry, uint64_t imm, const char *function,
			     const void *caller)
{
	static const uint8_t conditions[] = {
		[QEMU_PLUGIN_COND_NEVER] = COND_NEVER, [QEMU_PLUGIN_COND_ALWAYS] = COND_ALWAYS, [QEMU_PLUGIN_COND_EQ] = COND_EQ,
		[QEMU_PLUGIN_COND_NE] = COND_NE, [QEMU_PLUGIN_COND_LT] = COND_LTU, [QEMU_PLUGIN_COND_LE] = COND_LEU,
		[QEMU_PLUGIN_COND_GT] = COND_GTU, [QEMU_PLUGIN_COND_GE] = COND_GEU,
	};

	if ((unsigned)cond >= G_N_ELEMENTS(conditions)) {
		tcg_complain(function, caller, "there is no condition %d", cond);
		return false;
	}
	probe->cond = conditions[cond];
	if (probe->cond == COND_NEVER || probe->cond == COND_ALWAYS)
		return probe->cond == COND_ALWAYS;
	probe->slot = tcg_use_cell(entry, function, caller);
	probe->imm = imm;
	return probe->slot != 0;
}

static bool valid_op(enum qemu_plugin_op op, const char *function, const void *caller)
{
	if (op == QEMU_PLUGIN_INLINE_ADD_U64 || op == QEMU_PLUGIN_INLINE_STORE_U64)
		return true;
	tcg_complain(function, caller, "there is no inline operation %d", op);
	return false;
}

static bool make_inline(struct Probe *probe, enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm, const char *function,
			const void *caller)
{
	if (!valid_op(op, function, caller))
		return false;
	*probe = (struct Probe){
		.kind = op == QEMU_PLUGIN_INLINE_ADD_U64 ? PROBE_SLOT_ADD : PROBE_SLOT_STORE, .imm = imm,
		.slot = tcg_use_cell(entry, function, caller), .owner = current.state->plugin,
	};
	return probe->slot != 0;
}

/* Whether the kernel can write the four bytes around ADDR: it adds 0, as one does who wakes nobody. */
static bool kernel_writes(uintptr_t addr)
{
	static uint32_t nobody;
	return syscall(SYS_futex, &nobody, FUTEX_WAKE_OP_PRIVATE, 0, NULL, addr & ~(uintptr_t)3, FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) >= 0 ||
	       errno != EFAULT;
}

/* Whether translated code could add to the cell at P. */
static bool writable(void *p)
{
	static void *last;      /* most libraries have few, and ask for one again and again; under the translation lock */

	if (p && p == last)
		return true;
	if (!kernel_writes((uintptr_t)p) || !kernel_writes((uintptr_t)p + sizeof(uint64_t) - 1))
		return false;
	last = p;
	return true;
}

static bool make_pointer_inline(struct Probe *probe, enum qemu_plugin_op op, void *ptr, uint64_t imm, const char *function,
				const void *caller)
{
	if (!valid_op(op, function, caller))
		return false;
	*probe = (struct Probe){
		.kind = op == QEMU_PLUGIN_INLINE_ADD_U64 ? PROBE_HOST_ADD : PROBE_HOST_STORE, .data = ptr, .imm = imm,
		.owner = current.state->plugin,
	};
	if (writable(ptr))
		return true;
	tcg_complain(function, caller, "no cell can be written at %p", ptr);
	return false;
}

/* -- blocks -------------------------------------------------------------------------------------------------------------------- */

void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb, enum qemu_plugin_cb_flags flags,
					  void *userdata)
{
	struct Probe probe;

	if (tb_valid(tb, __func__, TCG_CALLER) &&
	    make_call(&probe, cb, flags, userdata, "block execution callback", __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_BLOCK, 0, &probe);
}

void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb, enum qemu_plugin_cb_flags flags,
					       enum qemu_plugin_cond cond, qemu_plugin_u64 entry, uint64_t imm, void *userdata)
{
	struct Probe probe;

	if (tb_valid(tb, __func__, TCG_CALLER) &&
	    make_call(&probe, cb, flags, userdata, "conditional block callback", __func__, TCG_CALLER) &&
	    make_conditional(&probe, cond, entry, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_BLOCK, 0, &probe);
}

void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm)
{
	struct Probe probe;

	if (tb_valid(tb, __func__, TCG_CALLER) && make_inline(&probe, op, entry, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_BLOCK, 0, &probe);
}

void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *ptr, uint64_t imm)
{
	struct Probe probe;

	if (tb_valid(tb, __func__, TCG_CALLER) && make_pointer_inline(&probe, op, ptr, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_BLOCK, 0, &probe);
}

/* -- instructions ------------------------------------------------------------------------------------------------------------------ */

void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb, enum qemu_plugin_cb_flags flags,
					    void *userdata)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) &&
	    make_call(&probe, cb, flags, userdata, "instruction execution callback", __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_INSN, index_of(insn), &probe);
}

void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
						 enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond, qemu_plugin_u64 entry,
						 uint64_t imm, void *userdata)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) &&
	    make_call(&probe, cb, flags, userdata, "conditional instruction callback", __func__, TCG_CALLER) &&
	    make_conditional(&probe, cond, entry, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_INSN, index_of(insn), &probe);
}

void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, qemu_plugin_u64 entry,
							 uint64_t imm)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) && make_inline(&probe, op, entry, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_INSN, index_of(insn), &probe);
}

void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *ptr, uint64_t imm)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) && make_pointer_inline(&probe, op, ptr, imm, __func__, TCG_CALLER))
		probe_attach(current.unit, PROBE_INSN, index_of(insn), &probe);
}

/* -- memory accesses ------------------------------------------------------------------------------------------------------------------ */

static bool valid_direction(enum qemu_plugin_mem_rw rw, const char *function, const void *caller)
{
	if (rw == QEMU_PLUGIN_MEM_R || rw == QEMU_PLUGIN_MEM_W || rw == QEMU_PLUGIN_MEM_RW)
		return true;
	tcg_complain(function, caller, "there is no direction %d", rw);
	return false;
}

static void attach_memory(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw, struct Probe *probe)
{
	probe->mem = rw;
	if (probe->mem & probe_insn_accesses(current.unit, index_of(insn)))
		probe_attach(current.unit, PROBE_MEM_AFTER, index_of(insn), probe);
}
_Static_assert((int)QEMU_PLUGIN_MEM_R == (int)PROBE_LOADS && (int)QEMU_PLUGIN_MEM_W == (int)PROBE_STORES, "directions are numbered alike");

void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_mem_cb_t cb, enum qemu_plugin_cb_flags flags,
				      enum qemu_plugin_mem_rw rw, void *userdata)
{
	struct Probe probe;

	if (!insn_valid(insn, __func__, TCG_CALLER) || !valid_direction(rw, __func__, TCG_CALLER) ||
	    !make_call(&probe, cb, flags, userdata, "memory callback", __func__, TCG_CALLER))
		return;
	memcpy(probe.args, (const uint8_t[]){ ARG_INDEX, ARG_MEMINFO, ARG_VADDR, ARG_DATA, ARG_END }, 5);
	probe.want_value = current.state->plugin->reads_values;
	if (probe.want_value)
		probe.mark |= TCG_IN_MEMORY;
	attach_memory(insn, rw, &probe);
}

void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw, enum qemu_plugin_op op,
						   qemu_plugin_u64 entry, uint64_t imm)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) && valid_direction(rw, __func__, TCG_CALLER) &&
	    make_inline(&probe, op, entry, imm, __func__, TCG_CALLER))
		attach_memory(insn, rw, &probe);
}

void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw, enum qemu_plugin_op op, void *ptr,
					  uint64_t imm)
{
	struct Probe probe;

	if (insn_valid(insn, __func__, TCG_CALLER) && valid_direction(rw, __func__, TCG_CALLER) &&
	    make_pointer_inline(&probe, op, ptr, imm, __func__, TCG_CALLER))
		attach_memory(insn, rw, &probe);
}
