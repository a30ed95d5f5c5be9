/* SPDX-License-Identifier: MIT */
/* The TCG plugin interface (qemu_plugin_*), versions 0 to 7: what a plugin built for forerun and for QEMU includes.
 *
 * A plugin is a shared library with an int qemu_plugin_version and a function qemu_plugin_install(). Install registers
 * callbacks for events; the most used event is a translation (qemu_plugin_register_vcpu_tb_trans_cb), in whose callback the plugin asks for
 * callbacks and counters at the instructions of the block.
 *
 *     #include <qemu-plugin.h>
 *     QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
 *     static void translated(struct qemu_plugin_tb *tb, void *data) { ... }
 *     QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
 *     {
 *             qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
 *             return 0;
 *     }
 *
 * Define QEMU_PLUGIN_VERSION before including this to get the declarations of an older version; a QEMU accepts only some, forerun all.
 *
 *     version  QEMU        what came
 *     0        4.2         the first
 *     1        6.0         hwaddr_phys_addr in place of hwaddr_device_offset
 *     2        9.0         scoreboards, reading registers; the inline functions with a pointer went
 *     3        9.1         insn_data copies; conditional callbacks, inline stores, time control
 *     4        9.2, 10.0   read_memory_vaddr, mem_get_value
 *     5        10.1, 10.2  writing memory and registers, discontinuities
 *     6        11.0        bool results of register functions, is_readonly, set_pc, system call filter
 *     7        11.1        callbacks take user data instead of the plugin's id
 *
 * Words used below. Contexts - where a function may be called:
 *     any       plugin code from qemu_plugin_install() on, threads of the plugin's own too
 *     trans     the translation callback, on its thread, with handles of this very call
 *     vcpu      callbacks that run for a vcpu: its start and end, translation, execution, memory, system calls, discontinuities
 *     mem       a memory callback
 * A call out of context fails as said at the function, and forerun writes one line with the plugin's and the function's name to its log.
 * Order: of several plugins the one loaded last is called first, and its instrumentation comes first at each place. Plugins of forerun's other interface
 * (plugins.h) run in the order of the command line, and so do the two kinds among each other: neighbours of this kind are turned round, nothing else.
 * In QEMU the order is that of registration; it is the same as long as plugins register in qemu_plugin_install().
 * Elsewhere than in QEMU: a new thread takes the smallest free vcpu index; a program counter read is that of the instruction, not of the block; what is
 * loaded and started before install is the guest's program; text of instructions is forerun's, its operands at column 24 as QEMU 10 has them.
 * Threads: callbacks of a vcpu run on the vcpu's host thread, and those of several at the same time; translation callbacks come one at a time.
 * Addresses are guest virtual addresses, sizes are bytes, if nothing else is said. */
#ifndef QEMU_QEMU_PLUGIN_H
#define QEMU_QEMU_PLUGIN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef QEMU_PLUGIN_VERSION
#define QEMU_PLUGIN_VERSION 7
#endif
#if QEMU_PLUGIN_VERSION < 0 || QEMU_PLUGIN_VERSION > 7
#error "QEMU_PLUGIN_VERSION: this header knows versions 0 to 7"
#endif

#if QEMU_PLUGIN_VERSION >= 2
#include <glib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What a plugin exports (qemu_plugin_version, qemu_plugin_install), what it keeps to itself, and what the host provides. */
#define QEMU_PLUGIN_EXPORT __attribute__((visibility("default")))
#define QEMU_PLUGIN_LOCAL __attribute__((visibility("hidden")))
#define QEMU_PLUGIN_API

/* -- life cycle ------------------------------------------------------------------------------------------------------ */

/* Stands for a loaded plugin. Do not look into it; it says nothing about order. */
typedef uint64_t qemu_plugin_id_t;

/* The version that the library was built for: the host reads it before anything else. */
extern QEMU_PLUGIN_EXPORT int qemu_plugin_version;

/* What a plugin is told of the world at its installation; valid during that call. */
typedef struct qemu_info_t {
	const char *target_name;        /* "riscv64" */
	struct {
		int min, cur;           /* versions that the host serves */
	} version;
	bool system_emulation;          /* false: one program, its system calls served by the host */
	union {
		struct {
			int smp_vcpus;  /* at the start */
			int max_vcpus;  /* ever */
		} system;               /* if system_emulation, else 0 */
	};
} qemu_info_t;

/* Provided by the plugin; called once, on the main thread, before the guest's first instruction and before there is a vcpu. ARGV has ARGC strings "name=value" from the
 * command line, in its order, no NULL behind; they last until the plugin is unloaded. Returns 0; anything else refuses, and the program ends with a line
 * that says so. qemu_plugin_uninstall() is not for use here. */
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

#if QEMU_PLUGIN_VERSION >= 7
typedef void (*qemu_plugin_udata_cb_t)(void *userdata);
#else
typedef void (*qemu_plugin_simple_cb_t)(qemu_plugin_id_t id);
typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);
typedef void (*qemu_plugin_vcpu_simple_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index);
#endif
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu_index, void *userdata);

/* Unloads the plugin: asks for it and returns; callbacks may still come until CB (may be NULL). With all vcpus stopped the plugin's callbacks and
 * instrumentation are dropped, CB is called, the library's destructors run (its memory stays: a thread of the plugin's own may be in it). What the plugin
 * registers meanwhile, and a second call, is ignored. Context: any but install, and nothing comes of it at the end. On a thread without a vcpu it has
 * happened when the function returns, unless that is called in a flush, reset or uninstall callback or another thread of the plugin's own is in a callback;
 * hold no lock that a callback takes. CB is called on that thread or a vcpu's. An unknown ID, or that of a plugin that is gone: nothing, a line in the log.
 *
 * Reset does the same without closing: CB may register anew. */
#if QEMU_PLUGIN_VERSION >= 7
QEMU_PLUGIN_API void qemu_plugin_uninstall(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_reset(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);
#else
QEMU_PLUGIN_API void qemu_plugin_uninstall(qemu_plugin_id_t id, qemu_plugin_simple_cb_t cb);
QEMU_PLUGIN_API void qemu_plugin_reset(qemu_plugin_id_t id, qemu_plugin_simple_cb_t cb);
#endif

/* -- events ------------------------------------------------------------------------------------------------------------ *
 * A plugin has one callback for each event: registering again replaces it, NULL removes it. Context of all registrations: any. An unknown id or a
 * plugin that is being unloaded: nothing happens. USERDATA is passed on and never looked at. */

/* A vcpu's start, before its first instruction, registers readable; its end (in user mode the end of a thread, not that of the process); before it
 * waits because the guest has nothing to do, and after (system mode only: accepted and never called in user mode). On the vcpu's thread. */
#if QEMU_PLUGIN_VERSION >= 7
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_exit_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata);
#else
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_exit_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_idle_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_resume_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
#endif

struct qemu_plugin_tb;          /* a translation block: valid in the translation callback */
struct qemu_plugin_insn;        /* one of its instructions: likewise */

/* A block has been decoded and is about to be made into host code: each time that happens after the registration, which drops no host code; so for the same
 * guest code again after a flush or for another state of the cpu. Forerun translates hot loops once more as a whole, and tells of each of their blocks then. On
 * the thread of the translating vcpu, whose registers are those at the block's start, or where it stood when the loop became hot. */
#if QEMU_PLUGIN_VERSION >= 7
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(struct qemu_plugin_tb *tb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb, void *userdata);
#else
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
#endif

/* Before a system call with its number and arguments (those that the guest's convention does not have are 0), and after it with its result (-errno on
 * error). No result comes of calls that do not return. User mode only. On the calling vcpu's thread, registers as the guest left them. */
#if QEMU_PLUGIN_VERSION >= 7
typedef void (*qemu_plugin_vcpu_syscall_cb_t)(unsigned int vcpu_index, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
					      uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8, void *userdata);
typedef void (*qemu_plugin_vcpu_syscall_ret_cb_t)(unsigned int vcpu_index, int64_t num, int64_t ret, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_cb_t cb, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_ret_cb_t cb, void *userdata);
#else
typedef void (*qemu_plugin_vcpu_syscall_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num, uint64_t a1, uint64_t a2,
					      uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
typedef void (*qemu_plugin_vcpu_syscall_ret_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num, int64_t ret);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_cb_t cb);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_ret_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_ret_cb_t cb);
#endif

/* Decides about a system call: true skips it, and the guest gets *SYSRET as its result. Asked after the plugin's own system call callback; of several
 * plugins that say true the first wins. The callback of the result is told of skipped calls too. */
#if QEMU_PLUGIN_VERSION >= 7
typedef bool (*qemu_plugin_vcpu_syscall_filter_cb_t)(unsigned int vcpu_index, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
						     uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8, int64_t *sysret,
						     void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_filter_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_filter_cb_t cb, void *userdata);
#elif QEMU_PLUGIN_VERSION == 6
typedef bool (*qemu_plugin_vcpu_syscall_filter_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, int64_t num, uint64_t a1, uint64_t a2,
						     uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8,
						     uint64_t *sysret);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_syscall_filter_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_syscall_filter_cb_t cb);
#endif

#if QEMU_PLUGIN_VERSION >= 5
/* Where execution goes on elsewhere than the program says. */
enum qemu_plugin_discon_type {
	QEMU_PLUGIN_DISCON_INTERRUPT = 1,       /* from outside; FROM_PC would have been next */
	QEMU_PLUGIN_DISCON_EXCEPTION = 2,       /* FROM_PC caused it and may never complete */
	QEMU_PLUGIN_DISCON_HOSTCALL = 4,        /* served outside the vcpu, at FROM_PC */
	QEMU_PLUGIN_DISCON_ALL = -1,
};
/* A vcpu took one of the kinds in the set TYPE; its state is that of the handler, TO_PC is the next instruction. In user mode forerun tells of
 * exceptions whose signal the guest handles (faults, illegal instructions, breakpoints), with TO_PC in the signal's handler; QEMU tells of none. */
#if QEMU_PLUGIN_VERSION >= 7
typedef void (*qemu_plugin_vcpu_discon_cb_t)(unsigned int vcpu_index, enum qemu_plugin_discon_type type, uint64_t from_pc, uint64_t to_pc,
					     void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_plugin_discon_type type,
							 qemu_plugin_vcpu_discon_cb_t cb, void *userdata);
#else
typedef void (*qemu_plugin_vcpu_discon_cb_t)(qemu_plugin_id_t id, unsigned int vcpu_index, enum qemu_plugin_discon_type type,
					     uint64_t from_pc, uint64_t to_pc);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_plugin_discon_type type,
							 qemu_plugin_vcpu_discon_cb_t cb);
#endif
#endif

/* The code cache has been emptied, with all vcpus stopped: instrumentation and its user data are no longer in use. On the thread that empties it: a vcpu's, or
 * one of a plugin's own. No register or memory access here. */
#if QEMU_PLUGIN_VERSION >= 7
QEMU_PLUGIN_API void qemu_plugin_register_flush_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);
#else
QEMU_PLUGIN_API void qemu_plugin_register_flush_cb(qemu_plugin_id_t id, qemu_plugin_simple_cb_t cb);
#endif

/* The end of the guest, however it comes, but for SIGKILL: once, on the thread that ends it. Other callbacks no longer come. Scoreboards can be read, and memory
 * unless the last thread has ended before; registers not. */
QEMU_PLUGIN_API void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);

/* -- vcpus -------------------------------------------------------------------------------------------------------------- */

/* Calls CB for each vcpu that has started and not ended, in no particular order, on the calling thread, before it returns; what CB may do is what the caller may.
 * CB NULL: nothing. An unknown id, or that of a plugin that is gone: nothing, a line in the log. Context: any. */
#if QEMU_PLUGIN_VERSION >= 7
QEMU_PLUGIN_API void qemu_plugin_vcpu_for_each(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata);
#else
QEMU_PLUGIN_API void qemu_plugin_vcpu_for_each(qemu_plugin_id_t id, qemu_plugin_vcpu_simple_cb_t cb);
#endif

#if QEMU_PLUGIN_VERSION >= 2
/* One more than the highest index that a vcpu ever had; 0 in install. In user mode a vcpu is a thread, and the index of an ended one is used again.
 * Context: any. */
QEMU_PLUGIN_API int qemu_plugin_num_vcpus(void);
#else
/* The vcpus of the machine at its start, and at most: -1 in user mode. Context: any. */
QEMU_PLUGIN_API int qemu_plugin_n_vcpus(void);
QEMU_PLUGIN_API int qemu_plugin_n_max_vcpus(void);
#endif

/* -- blocks and instructions: context trans --------------------------------------------------------------------------------- *
 * With a handle that is not of the running translation: 0, NULL or "" is returned, and the log gets a line. */

/* The number of instructions, at least 1; the address of the first. */
QEMU_PLUGIN_API size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
QEMU_PLUGIN_API uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
/* Instruction IDX, from 0 on; NULL beyond the last. */
QEMU_PLUGIN_API struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);

#if QEMU_PLUGIN_VERSION >= 3
/* Copies the instruction's bytes, in the order of guest memory, at most LEN; returns how many. DEST NULL: 0. */
QEMU_PLUGIN_API size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
#else
/* The instruction's bytes, in the order of guest memory, until the callback returns. */
QEMU_PLUGIN_API const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#endif
/* Its length, and its address. */
QEMU_PLUGIN_API size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
QEMU_PLUGIN_API uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
/* Where the host has the instruction: tells aliases of the same memory. Not for reading it. */
QEMU_PLUGIN_API void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
/* Its text, to be given to g_free() or free(); neither address nor newline. */
QEMU_PLUGIN_API char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);
/* The function that it is in, or NULL. The string lasts as long as the process. */
QEMU_PLUGIN_API const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *insn);

/* -- instrumentation: context trans ------------------------------------------------------------------------------------------ *
 * At one place, callbacks and operations run in the order of their registration; those of a block before those of its first instruction. They stay until
 * the block's translation is dropped (see flush), and so must CB and USERDATA. The callbacks run on the vcpu's thread. What there is not - a NULL callback, a
 * flag, a direction, an operation, a condition, a cell, a handle of another translation - registers nothing, and the log gets a line. */

/* What the callback does with registers: what is not promised is not brought up to date, and the register functions refuse it. */
enum qemu_plugin_cb_flags {
	QEMU_PLUGIN_CB_NO_REGS,
	QEMU_PLUGIN_CB_R_REGS,
	QEMU_PLUGIN_CB_RW_REGS,
#if QEMU_PLUGIN_VERSION >= 6
	QEMU_PLUGIN_CB_RW_REGS_PC,      /* and qemu_plugin_set_pc() */
#endif
};

enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };

/* Before each execution of the block; before each of the instruction, also one that then faults. */
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
							  enum qemu_plugin_cb_flags flags, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
							    enum qemu_plugin_cb_flags flags, void *userdata);

/* What an access was; asked with the functions below, in the callback. */
typedef uint32_t qemu_plugin_meminfo_t;
typedef void (*qemu_plugin_vcpu_mem_cb_t)(unsigned int vcpu_index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata);
/* After each access of the instruction that succeeded and has the direction RW, at VADDR. An atomic read-modify-write is a read, then a write. */
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_mem_cb_t cb,
						      enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *userdata);

enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64,     /* cell += imm */
#if QEMU_PLUGIN_VERSION >= 3
	QEMU_PLUGIN_INLINE_STORE_U64,   /* cell = imm */
#endif
};

#if QEMU_PLUGIN_VERSION < 2
/* Adds to *PTR, which all vcpus share: no call, and not atomic. PTR is writable, and stays so until the translation is
 * dropped; where it is not at the registration, that registers nothing, with a line in the log. */
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *ptr, uint64_t imm);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_op op, void *ptr, uint64_t imm);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
							  enum qemu_plugin_op op, void *ptr, uint64_t imm);
#else
/* An array with one element for each vcpu, present and future, all bytes 0 at first. What a vcpu leaves in its element at its end, the next with its index
 * finds. */
struct qemu_plugin_scoreboard;

/* A 64-bit cell in the element of each vcpu. */
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;                  /* from the element's start */
} qemu_plugin_u64;

/* ELEMENT_SIZE bytes for each vcpu. Never NULL: in forerun a process's scoreboards have 64 MiB for each vcpu, in lines of 64 bytes, and the program ends with
 * a line if that is not enough. What takes a scoreboard and gets something else, or one that has been freed, does nothing and writes a line to the log.
 * Context: any, the translation callback too. */
QEMU_PLUGIN_API struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
/* No instrumentation that uses it may be left: free it in the atexit callback, or in those of a flush, a reset or an uninstall. Elsewhere forerun writes a
 * line to the log; the handle is good for nothing then either, while the instrumentation goes on with memory that is nobody's until the next flush.
 * Context: any. */
QEMU_PLUGIN_API void qemu_plugin_scoreboard_free(struct qemu_plugin_scoreboard *score);
/* The element of vcpu VCPU_INDEX, below qemu_plugin_num_vcpus(); else NULL. In forerun it stays where it is; elsewhere until a vcpu starts. Context: any. */
QEMU_PLUGIN_API void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu_index);

/* The cell at the start of the element, or of a member of it. */
#ifdef __cplusplus
static inline qemu_plugin_u64 qemu_plugin_scoreboard_cell(struct qemu_plugin_scoreboard *score, size_t offset)
{
	qemu_plugin_u64 cell;
	cell.score = score;
	cell.offset = offset;
	return cell;
}
#define qemu_plugin_scoreboard_u64(score) qemu_plugin_scoreboard_cell(score, 0)
#define qemu_plugin_scoreboard_u64_in_struct(score, type, member) qemu_plugin_scoreboard_cell(score, offsetof(type, member))
#else
#define qemu_plugin_scoreboard_u64(score) ((qemu_plugin_u64){ (score), 0 })
#define qemu_plugin_scoreboard_u64_in_struct(score, type, member) ((qemu_plugin_u64){ (score), offsetof(type, member) })
#endif

/* Plain accesses to a vcpu's cell; the sum is over all indices below qemu_plugin_num_vcpus(). A cell that does not exist: nothing, and 0. Context: any. */
QEMU_PLUGIN_API void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t added);
QEMU_PLUGIN_API uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu_index);
QEMU_PLUGIN_API void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t val);
QEMU_PLUGIN_API uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);

/* Operations on the executing vcpu's cell in place of calls: the fastest instrumentation there is. */
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
								       qemu_plugin_u64 entry, uint64_t imm);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_op op,
									 qemu_plugin_u64 entry, uint64_t imm);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_mem_inline_per_vcpu(struct qemu_plugin_insn *insn, enum qemu_plugin_mem_rw rw,
								   enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t imm);
#endif

#if QEMU_PLUGIN_VERSION >= 3
/* How the cell compares to the constant, both unsigned. */
enum qemu_plugin_cond {
	QEMU_PLUGIN_COND_NEVER, QEMU_PLUGIN_COND_ALWAYS, QEMU_PLUGIN_COND_EQ, QEMU_PLUGIN_COND_NE,
	QEMU_PLUGIN_COND_LT, QEMU_PLUGIN_COND_LE, QEMU_PLUGIN_COND_GT, QEMU_PLUGIN_COND_GE,
};
/* The callbacks of above if "cell COND imm" holds for the executing vcpu's cell. NEVER registers nothing, ALWAYS the callback as such: ENTRY is not looked at. */
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
							       enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
							       qemu_plugin_u64 entry, uint64_t imm, void *userdata);
QEMU_PLUGIN_API void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn, qemu_plugin_vcpu_udata_cb_t cb,
								 enum qemu_plugin_cb_flags flags, enum qemu_plugin_cond cond,
								 qemu_plugin_u64 entry, uint64_t imm, void *userdata);
#endif

/* -- memory accesses: context mem --------------------------------------------------------------------------------------------- */

/* Its size as a power of two; whether the value is sign-extended, big-endian, stored (else loaded). */
QEMU_PLUGIN_API unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
QEMU_PLUGIN_API bool qemu_plugin_mem_is_sign_extended(qemu_plugin_meminfo_t info);
QEMU_PLUGIN_API bool qemu_plugin_mem_is_big_endian(qemu_plugin_meminfo_t info);
QEMU_PLUGIN_API bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);

#if QEMU_PLUGIN_VERSION >= 4
enum qemu_plugin_mem_value_type {
	QEMU_PLUGIN_MEM_VALUE_U8, QEMU_PLUGIN_MEM_VALUE_U16, QEMU_PLUGIN_MEM_VALUE_U32, QEMU_PLUGIN_MEM_VALUE_U64, QEMU_PLUGIN_MEM_VALUE_U128,
};
typedef struct {
	enum qemu_plugin_mem_value_type type;   /* which member of data holds */
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		struct {
			uint64_t low, high;
		} u128;
	} data;
} qemu_plugin_mem_value;
/* The value loaded or stored, as the host writes integers. Only for the access that the callback is about; outside memory callbacks 0. */
QEMU_PLUGIN_API qemu_plugin_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info);
#endif

/* What is behind an address: system mode; in user mode NULL, and of NULL the others say false, 0 and "Invalid". */
struct qemu_plugin_hwaddr;
QEMU_PLUGIN_API struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr);
QEMU_PLUGIN_API bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *haddr);
#if QEMU_PLUGIN_VERSION >= 1
QEMU_PLUGIN_API uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *haddr);
#else
QEMU_PLUGIN_API uint64_t qemu_plugin_hwaddr_device_offset(const struct qemu_plugin_hwaddr *haddr);
#endif
QEMU_PLUGIN_API const char *qemu_plugin_hwaddr_device_name(const struct qemu_plugin_hwaddr *haddr);

/* -- registers: context vcpu ------------------------------------------------------------------------------------------------------ */
#if QEMU_PLUGIN_VERSION >= 2

struct qemu_plugin_register;    /* a register of the cpu model, the same for all vcpus, as long as the process lasts */

typedef struct {
	struct qemu_plugin_register *handle;
	const char *name;               /* gdb's; lasts as long as the process */
	const char *feature;            /* gdb's feature that has it; may be NULL */
#if QEMU_PLUGIN_VERSION >= 6
	bool is_readonly;               /* writing it is refused */
#endif
} qemu_plugin_reg_descriptor;

/* All registers with a name, as a new GArray of descriptors: to be freed with g_array_free(array, TRUE). */
QEMU_PLUGIN_API GArray *qemu_plugin_get_registers(void);

/* Reading appends the register's bytes, in guest order, to BUF. Fails, BUF untouched, with a line in the log, without a vcpu, in a callback that was registered
 * with QEMU_PLUGIN_CB_NO_REGS, and for an unknown handle; so does either for BUF NULL. Writing sets the register from BUF, which has at least its size; it
 * needs QEMU_PLUGIN_CB_RW_REGS (or _PC), or a callback that has no such flags, and fails for read-only registers.
 * Results: true; until version 5 the register's size in bytes. Failure: false; -1 in version 5, 0 before. */
#if QEMU_PLUGIN_VERSION >= 6
QEMU_PLUGIN_API bool qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
QEMU_PLUGIN_API bool qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *buf);
/* Leaves the callback for good and goes on at VADDR, the instruction of the callback not executed. Needs QEMU_PLUGIN_CB_RW_REGS_PC, or a system call, its
 * filter or a discontinuity; anywhere else it cannot do what it is for, and the program ends with a line that says so. */
QEMU_PLUGIN_API void qemu_plugin_set_pc(uint64_t vaddr) __attribute__((noreturn));
#else
QEMU_PLUGIN_API int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buf);
#if QEMU_PLUGIN_VERSION == 5
QEMU_PLUGIN_API int qemu_plugin_write_register(struct qemu_plugin_register *handle, GByteArray *buf);
#endif
#endif
#endif

/* -- memory: context vcpu, and atexit -------------------------------------------------------------------------------------------------------------- */
#if QEMU_PLUGIN_VERSION >= 4
/* Sets the length of DATA to LEN and fills it from ADDR on. As a debugger does: protections are ignored, nothing faults. False where not all is mapped, the
 * contents are then undefined; false for LEN 0, nothing changes; false with a line in the log out of context, and for DATA NULL. */
QEMU_PLUGIN_API bool qemu_plugin_read_memory_vaddr(uint64_t addr, GByteArray *data, size_t len);
#endif
#if QEMU_PLUGIN_VERSION >= 5
/* The reverse, with all of DATA; translations of what is overwritten are dropped. False where not all is mapped, some may be written then; for no bytes; and,
 * with a line in the log, as above and in the translation callback, since that may be what is being translated (QEMU takes it there). */
QEMU_PLUGIN_API bool qemu_plugin_write_memory_vaddr(uint64_t addr, GByteArray *data);

enum qemu_plugin_hwaddr_operation_result {
	QEMU_PLUGIN_HWADDR_OPERATION_OK, QEMU_PLUGIN_HWADDR_OPERATION_ERROR, QEMU_PLUGIN_HWADDR_OPERATION_DEVICE_ERROR,
	QEMU_PLUGIN_HWADDR_OPERATION_ACCESS_DENIED, QEMU_PLUGIN_HWADDR_OPERATION_INVALID_ADDRESS,
	QEMU_PLUGIN_HWADDR_OPERATION_INVALID_ADDRESS_SPACE,
};
/* The same by physical address, and what physical address a virtual one has. System mode only: in user mode _ERROR, and false. */
QEMU_PLUGIN_API enum qemu_plugin_hwaddr_operation_result qemu_plugin_read_memory_hwaddr(uint64_t addr, GByteArray *data, size_t len);
QEMU_PLUGIN_API enum qemu_plugin_hwaddr_operation_result qemu_plugin_write_memory_hwaddr(uint64_t addr, GByteArray *data);
QEMU_PLUGIN_API bool qemu_plugin_translate_vaddr(uint64_t vaddr, uint64_t *hwaddr);
#endif

/* -- the rest: context any ---------------------------------------------------------------------------------------------------------- */

/* Writes STRING as it is to the log, in one piece, if the log item "plugin" is enabled (-d plugin). NULL: nothing, a line in the log. */
QEMU_PLUGIN_API void qemu_plugin_outs(const char *string);
/* Reads VAL as a boolean into *RET: on, yes, true, y; off, no, false, n. False, and *RET as it was, for anything else, and if one of the
 * three is NULL. NAME is that of the option. */
QEMU_PLUGIN_API bool qemu_plugin_bool_parse(const char *name, const char *val, bool *ret);

/* The guest's program: its path (absolute, to be given to g_free(); NULL in system mode), its code's bounds and entry where they are loaded (0 in system mode). In QEMU
 * only where a vcpu is at work. */
QEMU_PLUGIN_API const char *qemu_plugin_path_to_binary(void);
QEMU_PLUGIN_API uint64_t qemu_plugin_start_code(void);
QEMU_PLUGIN_API uint64_t qemu_plugin_end_code(void);
QEMU_PLUGIN_API uint64_t qemu_plugin_entry_code(void);

#if QEMU_PLUGIN_VERSION >= 3
/* Asks to be the one who sets the guest's clock: a token for the first to ask in system mode, else NULL. In user mode the time is the host's: NULL. */
QEMU_PLUGIN_API const void *qemu_plugin_request_time_control(void);
/* Advances the clock to TIME nanoseconds after the start. Without a token: nothing. */
QEMU_PLUGIN_API void qemu_plugin_update_ns(const void *handle, int64_t time);
#endif

#ifdef __cplusplus
}
#endif

#endif
