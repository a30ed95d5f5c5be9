/* SPDX-License-Identifier: MIT */
/* What TCG plugins read and change of the guest: registers, memory, the values of accesses, the program counter. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/api_tcg.h"
#include "instrument/byte_array.h"
#include "instrument/log.h"
#include "target/linux/linux.h"
#include "translator/translate.h"

enum { REGISTER_BYTES = 16 };   /* the longest */

/* -- registers --------------------------------------------------------------------------------------------------------------- */

/* An element of what qemu_plugin_get_registers() gave before there was is_readonly. */
struct ShortDescriptor {
	struct qemu_plugin_register *handle;
	const char *name, *feature;
};
_Static_assert(sizeof(struct ShortDescriptor) == 24 && sizeof(qemu_plugin_reg_descriptor) == 32, "as plugins were compiled");

/* Handles are indices of the guest's table, plus one. */
static const struct Register *register_of(const struct qemu_plugin_register *handle)
{
	uintptr_t n = (uintptr_t)handle;
	return n && n <= translator.guest->nregisters ? &translator.guest->registers[n - 1] : NULL;
}

static bool is_readonly(const struct Register *reg)
{
	return reg->read_only || (reg->get && !reg->set) || (!reg->get && reg->offset == offsetof(struct Cpu, pc));
}

static GArray *descriptors(bool all_fields)
{
	const struct Guest *guest = translator.guest;
	GArray *array = g_array_new(FALSE, TRUE, all_fields ? sizeof(qemu_plugin_reg_descriptor) : sizeof(struct ShortDescriptor));

	for (unsigned i = 0; i < guest->nregisters; i++) {
		const struct Register *reg = &guest->registers[i];
		qemu_plugin_reg_descriptor d = {
			.handle = (struct qemu_plugin_register *)(uintptr_t)(i + 1), .name = reg->name, .feature = reg->feature,
			.is_readonly = is_readonly(reg),
		};
		if (all_fields)
			g_array_append_val(array, d);
		else
			g_array_append_vals(array, &(struct ShortDescriptor){ d.handle, d.name, d.feature }, 1);
	}
	return array;
}

GArray *qemu_plugin_get_registers(void)
{
	return descriptors(true);
}

GArray *tcg_get_registers_short(void)
{
	return descriptors(false);
}

/* Says why the calling code, which may do what HAVE says, may not do what wants ACCESS. */
static __attribute__((noinline, cold)) void refuse(bool known, enum TcgAccess have, enum TcgAccess access, const char *function, const void *caller)
{
	if (!known)
		tcg_complain(function, caller, "there is no register with this handle");
	else if (have < TCG_NO_REGS)
		tcg_complain(function, caller, "no vcpu is at work here; call it in a callback of a vcpu");
	else
		tcg_complain(function, caller, "the callback is registered with %s; register it with %s",
			     have == TCG_NO_REGS ? "QEMU_PLUGIN_CB_NO_REGS" : "QEMU_PLUGIN_CB_R_REGS",
			     access == TCG_R_REGS ? "QEMU_PLUGIN_CB_R_REGS" : "QEMU_PLUGIN_CB_RW_REGS");
}

/* The register, if the calling code may do with it what wants ACCESS; else NULL, and a line in the log. */
static inline const struct Register *permitted(struct qemu_plugin_register *handle, enum TcgAccess access, struct Cpu **cpu, const char *function,
					       const void *caller)
{
	const struct Register *reg = register_of(handle);
	enum TcgAccess have = tcg_access(cpu);

	if (G_LIKELY(reg && have >= access))
		return reg;
	refuse(reg != NULL, have, access, function, caller);
	return NULL;
}

static bool has_buffer(const GByteArray *buf, const char *function, const void *caller)
{
	if (!buf)
		tcg_complain(function, caller, "the buffer is NULL");
	return buf != NULL;
}

/* Bytes read, 0: none. */
static inline __attribute__((always_inline)) unsigned read_one(struct qemu_plugin_register *handle, GByteArray *buf, const void *caller)
{
	static const char function[] = "qemu_plugin_read_register";
	uint8_t bytes[REGISTER_BYTES];
	struct Cpu *cpu;
	const struct Register *reg = permitted(handle, TCG_R_REGS, &cpu, function, caller);

	if (!reg || !has_buffer(buf, function, caller))
		return 0;
	if (G_LIKELY(register_is_plain(cpu->guest, reg))) {
		uint64_t value;
		memcpy(&value, (const char *)cpu + reg->offset, sizeof value);
		byte_array_append_u64(buf, value);
		return sizeof value;
	}
	unsigned size = register_read_any(cpu, reg, bytes);
	g_byte_array_append(buf, bytes, size);
	return size;
}

/* Bytes written, 0: none. */
static unsigned write_one(struct qemu_plugin_register *handle, const GByteArray *buf, const void *caller)
{
	static const char function[] = "qemu_plugin_write_register";
	struct Cpu *cpu;
	const struct Register *reg = permitted(handle, TCG_RW_REGS, &cpu, function, caller);

	if (!reg || !has_buffer(buf, function, caller))
		return 0;
	if (buf->len < reg->size) {
		tcg_complain(function, caller, "%s has %u bytes and the buffer %u", reg->name, reg->size, buf->len);
		return 0;
	}
	if (register_write(cpu, reg, buf->data))
		return reg->size;
	tcg_complain(function, caller, "%s cannot be written%s", reg->name,
		     reg->offset == offsetof(struct Cpu, pc) && !reg->get ? "; qemu_plugin_set_pc goes on elsewhere" : "");
	return 0;
}

bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf)
{
	return read_one(handle, buf, TCG_CALLER) != 0;
}

int tcg_read_register_early(struct qemu_plugin_register *handle, GByteArray *buf)
{
	return read_one(handle, buf, TCG_CALLER);
}

int tcg_read_register_int(struct qemu_plugin_register *handle, GByteArray *buf)
{
	unsigned size = read_one(handle, buf, TCG_CALLER);
	return size ? (int)size : -1;
}

static bool explain_read(struct Call *call, uint64_t result)
{
	uint64_t handle, buf;
	const struct Register *reg;

	return call->constant(call, 0, &handle) && call->constant(call, 1, &buf) &&
	       (reg = register_of((const struct qemu_plugin_register *)(uintptr_t)handle)) && register_is_plain(translator.guest, reg) &&
	       byte_array_explain_append(call, buf, reg) && call->give_constant(call, result);
}

static bool explain_read_bool(struct Call *call) { return explain_read(call, true); }
static bool explain_read_size(struct Call *call) { return explain_read(call, sizeof(uint64_t)); }

void tcg_explain_registers(void)
{
	byte_array_init();
	intrinsic_add((const void *)(uintptr_t)qemu_plugin_read_register, explain_read_bool);
	intrinsic_add((const void *)(uintptr_t)tcg_read_register_int, explain_read_size);
	intrinsic_add((const void *)(uintptr_t)tcg_read_register_early, explain_read_size);
}

bool qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *buf)
{
	return write_one(handle, buf, TCG_CALLER) != 0;
}

int tcg_write_register_int(struct qemu_plugin_register *handle, GByteArray *buf)
{
	unsigned size = write_one(handle, buf, TCG_CALLER);
	return size ? (int)size : -1;
}

void qemu_plugin_set_pc(uint64_t vaddr)
{
	struct Cpu *cpu;
	bool may = tcg_access(&cpu) == TCG_RW_REGS_PC;

	/* callbacks entered from C code are left by a jump only where we know that nothing else is under way */
	for (struct TcgFrame *frame = tcg_frame; frame; frame = frame->outer)
		may &= frame->redirects;
	if (!may) {
		tcg_complain(__func__, TCG_CALLER, "not in this callback; register it with QEMU_PLUGIN_CB_RW_REGS_PC");
		report("a plugin called qemu_plugin_set_pc, which does not return, in a callback that cannot be left; see the log");
		exit(EXIT_FAILURE);
	}
	tcg_leave_all();
	calling_leave((struct Calling){ NULL, NULL });
	cpu->pc = vaddr;
	cpu_redirect(cpu);
}

/* -- memory ------------------------------------------------------------------------------------------------------------------- */

/* The cpu for an access to guest memory, or NULL. */
static struct Cpu *memory_cpu(const char *function, const void *caller)
{
	struct Cpu *cpu = cpu_current();

	if (cpu && !(tcg_frame && tcg_frame->access == TCG_NO_CPU))
		return cpu;
	tcg_complain(function, caller, "no vcpu is at work here; call it in a callback of a vcpu");
	return NULL;
}

bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t len)
{
	struct Cpu *cpu = memory_cpu(__func__, TCG_CALLER);

	if (!cpu || !has_buffer(data, __func__, TCG_CALLER) || !len)
		return false;
	if (len > G_MAXUINT / 2) {
		tcg_complain(__func__, TCG_CALLER, "%zu bytes are more than a GByteArray holds", len);
		return false;
	}
	g_byte_array_set_size(data, len);
	return cpu->env->read_memory(cpu, addr, data->data, len);
}

bool qemu_plugin_write_memory_vaddr(uint64_t addr, GByteArray *data)
{
	struct Cpu *cpu = memory_cpu(__func__, TCG_CALLER);

	if (cpu && tcg_translating()) {
		tcg_complain(__func__, TCG_CALLER, "not in a translation callback: the code may be what is being translated");
		return false;
	}
	return cpu && has_buffer(data, __func__, TCG_CALLER) && data->len && cpu->env->write_memory(cpu, addr, data->data, data->len);
}

enum qemu_plugin_hwaddr_operation_result qemu_plugin_read_memory_hwaddr(uint64_t addr, GByteArray *data, size_t len)
{
	(void)addr, (void)data, (void)len;
	return QEMU_PLUGIN_HWADDR_OPERATION_ERROR;
}

enum qemu_plugin_hwaddr_operation_result qemu_plugin_write_memory_hwaddr(uint64_t addr, GByteArray *data)
{
	(void)addr, (void)data;
	return QEMU_PLUGIN_HWADDR_OPERATION_ERROR;
}

bool qemu_plugin_translate_vaddr(uint64_t vaddr, uint64_t *hwaddr)
{
	(void)vaddr, (void)hwaddr;
	return false;
}

/* -- accesses ------------------------------------------------------------------------------------------------------------------ */

unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info)
{
	return info & PROBE_MEMINFO_SHIFT;
}

bool qemu_plugin_mem_is_sign_extended(qemu_plugin_meminfo_t info)
{
	return info & PROBE_MEMINFO_SIGNED;
}

bool qemu_plugin_mem_is_big_endian(qemu_plugin_meminfo_t info)
{
	return info & PROBE_MEMINFO_BE;
}

bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info)
{
	return info & PROBE_MEMINFO_STORE;
}

qemu_plugin_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info)
{
	struct Cpu *cpu = cpu_current();
	qemu_plugin_mem_value value = { .type = info & PROBE_MEMINFO_SHIFT };

	if (!cpu || tcg_frame || !(cpu->in_probe & TCG_IN_MEMORY)) {
		tcg_complain(__func__, TCG_CALLER, "no access is being told of: call it in a memory callback");
		return value;
	}
	switch (value.type) {
	case QEMU_PLUGIN_MEM_VALUE_U8: value.data.u8 = cpu->mem_value[0]; break;
	case QEMU_PLUGIN_MEM_VALUE_U16: value.data.u16 = cpu->mem_value[0]; break;
	case QEMU_PLUGIN_MEM_VALUE_U32: value.data.u32 = cpu->mem_value[0]; break;
	case QEMU_PLUGIN_MEM_VALUE_U64: value.data.u64 = cpu->mem_value[0]; break;
	case QEMU_PLUGIN_MEM_VALUE_U128:
		value.data.u128.low = cpu->mem_value[0];
		value.data.u128.high = cpu->mem_value[1];
		break;
	}
	return value;
}

/* -- what user mode does not have --------------------------------------------------------------------------------------------------- */

struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr)
{
	(void)info, (void)vaddr;
	return NULL;
}

bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *haddr)
{
	(void)haddr;
	return false;
}

uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *haddr)
{
	(void)haddr;
	return 0;
}

uint64_t qemu_plugin_hwaddr_device_offset(const struct qemu_plugin_hwaddr *haddr)
{
	(void)haddr;
	return 0;
}

const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *haddr)
{
	(void)haddr;
	return g_intern_static_string("Invalid");
}

const void *qemu_plugin_request_time_control(void)
{
	return NULL;
}

void qemu_plugin_update_ns(const void *handle, int64_t time)
{
	(void)handle, (void)time;
	if (log_wants(LOG_UNIMP))
		log_printf("user-mode can't control time\n");
}

/* -- the program ---------------------------------------------------------------------------------------------------------------------- */

void qemu_plugin_outs(const char *string)
{
	if (!string)
		tcg_complain(__func__, TCG_CALLER, "the string is NULL");
	else if (log_wants(LOG_PLUGIN))
		log_write(string, strlen(string));
}

const char *qemu_plugin_path_to_binary(void)
{
	return g_strdup(linux_image.path);
}

uint64_t qemu_plugin_start_code(void)
{
	return linux_image.start_code;
}

uint64_t qemu_plugin_end_code(void)
{
	return linux_image.end_code;
}

uint64_t qemu_plugin_entry_code(void)
{
	return linux_image.entry;
}
