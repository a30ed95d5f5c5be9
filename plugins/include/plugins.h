/* SPDX-License-Identifier: MIT */
/* The plugin interface of 2017: a shared library that exports some of the functions below is called before the instructions, blocks and memory
 * accesses of a guest program.
 *
 *     cc -shared -fPIC $(pkg-config --cflags forerun-plugin) count.c -o libcount.so
 *     forerun -plugin file=./libcount.so,args="text" ./program
 *
 * A guest program runs in threads; each has a cpu of its own, an opaque `void *cpu`. It is valid while that thread lives, and may be passed to the
 * functions below on that thread only, in a callback. Addresses are guest virtual addresses in bytes.
 *
 * Everything here may run on several threads at once, except where a function says otherwise.
 *
 * Locks of the plugin's own are free to use, with one rule. `needs` is asked at translation under forerun's translation lock, which qemulib_flush() and
 * qemulib_write_memory() take, too. So do not call these two while holding a lock that one of the `needs` functions takes: let go of it first. All
 * other functions here may be called under any lock. Let no callback wait for another guest thread to make progress. */
#ifndef FORERUN_PLUGINS_H
#define FORERUN_PLUGINS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- what a plugin exports: all of it optional ------------------------------------------------------------------------- */

/* Called once, on the main thread, before any guest instruction; plugins in the order of the command line. ARGS is the text of args=, NULL if
 * there is none; it stays valid. Return false to refuse: forerun then ends with exit status 1 and says so. Say why on standard error. */
bool plugin_init(const char *args);

/* Called once when the guest ends, however it ends: by itself, by a signal, or by becoming another program (execve). On the ending
 * thread; other guest threads may still be in callbacks. May log. The library's destructors run after it. */
void plugin_exit(void);

/* Instructions. PC is the instruction's address. `needs` is asked when the instruction is translated, on the thread that will run it, one thread at a time.
 * If it returns false, nothing is called for this translation. If it returns true, it is asked again before each
 * execution, and if it then returns true, `before` is called: on the thread that executes, before the instruction. Registers and
 * memory are those that the guest's architecture defines there. (At translation, registers are those at the start of the block.) */
bool plugin_needs_before_insn(uint64_t pc, void *cpu);
void plugin_before_insn(uint64_t pc, void *cpu);

/* The same for translation blocks: runs of instructions that are entered at the first, which PC is the address of. Called before the
 * callback of that instruction. */
bool plugin_needs_before_tb(uint64_t pc, void *cpu);
void plugin_before_tb(uint64_t pc, void *cpu);

/* The same for memory accesses of the instruction at PC; `needs` is asked for instructions that may access memory. `before` is called for each access of SIZE
 * bytes at VADDR, which has not happened yet and may fault. An atomic read-modify-write (riscv's amo* and sc) is two accesses: a load, then a store.
 * Instruction fetches and what the kernel does in system calls are not accesses. */
bool plugin_needs_before_mem(uint64_t pc, void *cpu);
void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store);

/* Define it as true if the answers of all `needs` depend on the code alone: they are asked at translation only. */
extern const bool plugin_needs_is_static;

/* One line for -plugin help. */
extern const char plugin_description[];

/* -- what a plugin may call ---------------------------------------------------------------------------------------------- */

/* Adds text in the manner of printf to the log (-D FILE, else standard error). No newline is added; what a thread writes without one waits for the rest of its line.
 * Any thread, at any time from plugin_init on. */
void qemulib_log(const char *format, ...)
#ifdef __GNUC__
	__attribute__((format(printf, 1, 2)))
#endif
	;

/* Copies LEN bytes of guest memory at ADDR to BUF; ignores page protections, never faults. Returns 0, or -1 if some page is not mapped (BUF may be partly filled).
 * In callbacks. */
int qemulib_read_memory(void *cpu, uint64_t addr, uint8_t *buf, int len);

/* Copies LEN bytes at BUF to guest memory at ADDR; ignores page protections; translations of changed code are dropped (a block that runs is finished
 * first). Returns 0, or -1 if some page is not mapped (memory may be partly written). In callbacks. */
int qemulib_write_memory(void *cpu, uint64_t addr, const uint8_t *buf, int len);

/* Copies register REG (a number of regnum.h, or of qemulib_register_id) to BUF in the guest's byte order. Returns its size in bytes, at most 16;
 * 0 if there is no such register, then BUF is untouched. In callbacks, for the callback's own cpu. A plugin that does not import
 * this function pays nothing for it. */
int qemulib_read_register(void *cpu, uint8_t *buf, int reg);

/* Sets register REG from BUF, in the guest's byte order and the size that reading it gives; the instruction that follows sees it. Returns the size; 0, nothing changed, if there
 * is no such register, it is read-only, it is the program counter, or the value changes the rounding mode. In callbacks. */
int qemulib_write_register(void *cpu, const uint8_t *buf, int reg);

/* The number of the register that gdb calls NAME (riscv64: also x10, f10, s0); -1 if there is none. From plugin_init on. */
int qemulib_register_id(const char *name);

/* The guest's architecture as QEMU names it, e.g. "riscv64". A static string. From plugin_init on. */
const char *qemulib_get_arch_name(void);

/* The index of the cpu: 0 for the first thread; a new thread gets the smallest that no living thread has. In callbacks. */
int qemulib_get_cpuid(void *cpu);

/* The name of the function that contains ADDR, from the symbol table of the file mapped there; NULL if none is known. Valid as long as the process. It is a search:
 * not for every execution. Any thread, from plugin_init to plugin_exit. */
const char *qemulib_lookup_symbol(uint64_t addr);

/* The same; *OFFSET becomes the distance in bytes from the function's start. Unchanged if NULL is returned. */
const char *qemulib_lookup_symbol_offset(uint64_t addr, uint64_t *offset);

/* Drops all translations, so that `needs` is asked again: on this thread before its next block, on others at their next block boundary.
 * Any thread, also in callbacks. */
void qemulib_flush(void);

/* The name of system call NUMBER of the guest; NULL if it has none. A static string. From plugin_init on. */
const char *qemulib_syscall_name(int64_t number);

/* Calls FN for each executable mapping of a file that the guest has now: the file's path (valid during the call), the mapping's first address and the one behind
 * its last, and the offset of the first in the file. FN calls nothing of this header. In callbacks and in plugin_exit. */
typedef void qemulib_module_fn(const char *path, uint64_t start, uint64_t end, uint64_t offset, void *data);
void qemulib_for_each_module(qemulib_module_fn *fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
