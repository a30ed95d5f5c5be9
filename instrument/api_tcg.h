/* SPDX-License-Identifier: MIT */
/* The TCG plugin interface's own state: what its files share. Internal to instrument/api_tcg*.c. */
#ifndef FORERUN_API_TCG_H
#define FORERUN_API_TCG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "instrument/loader.h"
#include "instrument/probe.h"
#include "translator/translator.h"

/* The declarations are those of the newest version; older shapes are told apart at run time. */
#include "plugins/include/qemu-plugin.h"

enum {
	TCG_VERSION_MIN = 0, TCG_VERSION_MAX = 7,
	TCG_VERSION_COPIES_DATA = 3,            /* qemu_plugin_insn_data() copies */
	TCG_VERSION_MINUS_ONE = 5,              /* register functions fail with -1 */
	TCG_VERSION_BOOL_REGISTERS = 6,         /* they return bool, and descriptors have is_readonly */
	TCG_VERSION_USERDATA = 7,               /* callbacks get user data in place of the id */
};
_Static_assert(QEMU_PLUGIN_VERSION == TCG_VERSION_MAX, "the header's default is what is served");

/* What a plugin registers one callback for. */
enum TcgEvent {
	TCG_INIT, TCG_EXIT, TCG_IDLE, TCG_RESUME, TCG_TRANS, TCG_SYSCALL, TCG_SYSCALL_RET, TCG_FILTER, TCG_DISCON, TCG_FLUSH, TCG_ATEXIT,
	TCG_EVENTS
};

/* Not changed once a plugin has it registered; replaced ones are kept until no callback can be in use. */
struct TcgCallback {
	void *fn;
	void *userdata;
	struct TcgCallback *retired;
};

/* What the code that runs may do with the current cpu: nothing; reach the guest's memory; and do with registers what the flags of callbacks say. */
enum TcgAccess { TCG_NO_CPU, TCG_MEMORY, TCG_NO_REGS, TCG_R_REGS, TCG_RW_REGS, TCG_RW_REGS_PC };

/* What Probe.mark says: enum TcgAccess, and this for a memory callback that may ask for the value. */
enum { TCG_IN_MEMORY = 8, TCG_ACCESS_MASK = 7 };
_Static_assert((int)TCG_RW_REGS_PC <= (int)TCG_ACCESS_MASK, "they fit");

enum TcgPhase { TCG_LOADED, TCG_INSTALLING, TCG_RUNNING, TCG_RESETTING, TCG_UNINSTALLING, TCG_GONE };

enum { TCG_TOLD_MAX = 96 };

struct TcgState {
	struct Subscriber subscriber;
	struct Plugin *plugin;
	struct TcgState *next;                  /* list of all, never shortened: an id once given stays known */
	qemu_plugin_id_t id;
	int version;                            /* that the library declares */
	char **argv;
	int argc;
	_Atomic(struct TcgCallback *) callbacks[TCG_EVENTS];
	struct TcgCallback *retired;            /* under the lock of registrations */
	atomic_int discon;                      /* set of enum qemu_plugin_discon_type */
	atomic_int phase;                       /* enum TcgPhase */
	atomic_bool closed;                     /* no callback begins any more, or not yet again */
	atomic_uint inflight;                   /* callbacks entered from C code that have not returned */
	atomic_bool waiting;                    /* the last of these finishes the uninstall or reset */
	struct TcgCallback done;                /* to be called then */
	const char *told[TCG_TOLD_MAX];         /* functions whose misuse the log has been told of; under the lock of messages */
	unsigned ntold;
};

/* A callback entered from C code, on the stack of its thread. */
struct TcgFrame {
	struct TcgState *state;
	struct TcgFrame *outer;
	struct Calling calling;                 /* what was running before */
	enum TcgAccess access;
	bool redirects;                         /* qemu_plugin_set_pc() may leave it */
};
extern _Thread_local struct TcgFrame *tcg_frame;        /* innermost; NULL: called by translated code, or not by us */

/* Enters a callback of STATE; false: it is closed, and nothing is to be done. NAME is the callback's for crash reports. */
bool tcg_enter(struct TcgFrame *frame, struct TcgState *state, enum TcgAccess access, const char *name);
void tcg_leave(struct TcgFrame *frame);
/* Leaves all callbacks of the thread, for a jump out of them. */
void tcg_leave_all(void);

/* What the calling code may do, and the cpu it may do it with (NULL: none). */
static inline enum TcgAccess tcg_access(struct Cpu **cpu)
{
	*cpu = cpu_current();
	if (!*cpu)
		return TCG_NO_CPU;
	return tcg_frame ? tcg_frame->access : (*cpu)->in_probe & TCG_ACCESS_MASK;
}

/* The callback that STATE has registered for EVENT, or NULL. */
const struct TcgCallback *tcg_callback(struct TcgState *state, enum TcgEvent event);
/* Registers it: tells the plugin's subscriber. */
void tcg_register(qemu_plugin_id_t id, enum TcgEvent event, void *fn, void *userdata, const char *function, const void *caller);
/* The plugin with that id. NULL, and a line in the log for FUNCTION, if there is none. */
struct TcgState *tcg_state(qemu_plugin_id_t id, const char *function, const void *caller);

/* Whether the guest has ended: exit callbacks and destructors are all that runs of plugins. */
bool tcg_ended(void);

/* Writes one line to the log that names the plugin that called FUNCTION and what is wrong; once for each plugin and function. CALLER is the return address
 * of FUNCTION. Any thread. */
void tcg_complain(const char *function, const void *caller, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define TCG_CALLER __builtin_return_address(0)

/* The subscriber's members. tcg_subscribe() sets those that EVENT needs; they stay. */
void tcg_subscribe(struct TcgState *state, enum TcgEvent event);
/* Whether the calling thread is in a translation callback. */
bool tcg_translating(void);
void tcg_on_translate(struct Subscriber *self, struct ProbeUnit *unit);

/* Makes ARGV of the options, by QEMU's rules. False with *ERROR. */
bool tcg_arguments(struct TcgState *state, char **error);

/* -- functions that are not the same in all versions ------------------------------------------------------------------- */

/* Makes the open library of STATE, and those it is linked with, call the functions that its version means. SCAN is of its file. False with *ERROR. */
bool tcg_bind(struct TcgState *state, const struct Scan *scan, char **error);

const void *tcg_insn_data_pointer(const struct qemu_plugin_insn *insn);                 /* until 2 */
int tcg_read_register_early(struct qemu_plugin_register *handle, GByteArray *buf);      /* 2 to 4 */
int tcg_read_register_int(struct qemu_plugin_register *handle, GByteArray *buf);        /* 5 */
int tcg_write_register_int(struct qemu_plugin_register *handle, GByteArray *buf);       /* 5 */
GArray *tcg_get_registers_short(void);                                                  /* until 5 */

/* Names that only old versions had. */
int qemu_plugin_n_vcpus(void);
int qemu_plugin_n_max_vcpus(void);
uint64_t qemu_plugin_hwaddr_device_offset(const struct qemu_plugin_hwaddr *haddr);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw, enum qemu_plugin_op op, void *ptr,
					  uint64_t imm);

/* Make known what functions do, for callbacks that are put in line. One thread. */
void tcg_explain_registers(void);
void tcg_explain_scoreboards(void);

/* Offset from struct Cpu of the cell, which the code that is being translated is going to use. 0 if there is none such, and a line in the log. */
uint32_t tcg_use_cell(qemu_plugin_u64 entry, const char *function, const void *caller);

#endif
