/* SPDX-License-Identifier: MIT */
/* What every instruction set provides to the translator (struct Guest), the cpu it runs on (struct Cpu), and what the world
 * round the cpu provides (struct Environment: the Linux kernel in user mode, later a board). */
#ifndef FORERUN_GUEST_H
#define FORERUN_GUEST_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "translator/ir.h"

struct Block;
struct Cpu;
struct Task;
struct _GString;

/* Why a cpu cannot simply go on. Raised by RAISE, by a fault of translated code, or by cpu_raise(). Cpu.pc is the instruction
 * that caused it, which has not executed (CAUSE_SYSCALL too: the environment advances pc). */
enum Cause {
	CAUSE_NONE,
	CAUSE_SYSCALL,
	CAUSE_BREAKPOINT,
	CAUSE_ILLEGAL,                  /* Cpu.fault_addr: the opcode */
	CAUSE_FAULT_FETCH,              /* no executable code at Cpu.fault_addr */
	CAUSE_FAULT_LOAD,               /* Cpu.fault_addr: guest virtual address */
	CAUSE_FAULT_STORE,
	CAUSE_MISALIGNED_LOAD,
	CAUSE_MISALIGNED_STORE,
	CAUSE_FENCE_I,                  /* instruction memory may have changed; the environment advances pc */
	CAUSE_INTERRUPT,                /* not an exception: the cpu was asked to leave (cpu_interrupt) */
	CAUSE_COUNT
};

/* State every cpu has. A guest's own struct embeds it as its first member. Allocated by cpu_new() with the poll page and the
 * slots behind it in one reservation, so that translated code reaches all of it from one pointer. Fields belong to the cpu's
 * thread unless marked otherwise. */
struct Cpu {
	uint64_t pc;                    /* guest virtual address of the next instruction; exact outside translated code and where the IR says */
	uint32_t key;                   /* block key of the current state, kept by the guest: see Guest.block_key */
	uint8_t fflags;                 /* FPX_* accumulated by software; the rest may be in the host's register, see Host.fp_flags */
	uint8_t round;                  /* enum IrRound in force (ROUND_NE while the guest's mode is reserved) */
	uint8_t in_probe;               /* a plugin's callback runs on this thread */
	uint8_t running;                /* in Host.enter */
	uint32_t cause;                 /* enum Cause of the last leave */
	uint32_t host_fp;               /* the host's control/status register of the guest while outside translated code */
	uint32_t host_fp_outer;         /* the host's own, while inside */
	uint8_t host_fp_known;          /* host back end: exception flags in the host's register, if it knows them */
	uint8_t host_fp_traps;          /* host back end: how often that has changed under it */
	uint8_t unsure;                 /* host back end: what a callback's body took for granted may have changed since it was looked at */
	uint64_t fault_addr;
	int fault_signal, fault_code;   /* host signal and si_code of the last memory fault: SIGSEGV or SIGBUS */
	uint64_t spill[8];              /* scratch of the host back end */
	uint64_t collected;             /* likewise: what is to be added to a counter after leaving */
	void *host_frame;               /* stack pointer of translated code, for the host back end and crash reports */
	struct JumpCache *jumps;        /* recent targets of indirect branches */
	const void *leave_site;         /* host back end: the exit through which the last block was left, to be chained; or NULL */
	unsigned index;                 /* vcpu index as plugins see it: smallest free one when the cpu was made */
	atomic_uint interrupt;          /* any thread: not 0 means that the poll page is closed or about to be */
	const struct Guest *guest;
	const struct Environment *env;
	struct Task *task;              /* environment's own: the guest thread */
	sigjmp_buf *recover;            /* fault_guard(): where a host fault on guest memory in C code resumes, or NULL */
	sigjmp_buf exception;           /* where cpu_raise() resumes: the run loop */
	const void *probe_owner;        /* the plugin whose callback was last entered from C code, for crash reports */
	uint64_t mem_value[2];          /* value of the access a memory callback reports */
	struct Cpu *next;               /* list of all cpus, under the cache lock */
	uint32_t slots_used;
	struct Region *region;          /* internal to execute.c */
	void *instrument;               /* instrument/'s own per-cpu data */
	uint8_t in_callback;            /* a plugin's callback that C code called runs: cpu_callback_begin() */
	uint64_t reserved[4];
};

/* A register, as logs, plugins and gdb see it. */
struct Register {
	const char *name;               /* gdb's name */
	uint32_t offset;                /* bytes from the start of struct Cpu; of a computed register: 0 */
	uint8_t size;                   /* bytes as plugins read it */
	bool read_only;
	int16_t global;                 /* index in Guest.globals, or -1: the state is not a global */
	uint32_t gdb;                   /* number in the numbering of QEMU 10's gdb stub, reference/gdb-registers.md */
	const char *feature;            /* gdb feature, e.g. "org.gnu.gdb.riscv.cpu" */
	/* computed registers (x0, fcsr, ...): both functions, else both NULL. The host's flags have been folded into Cpu.fflags before. */
	uint64_t (*get)(struct Cpu *cpu);
	void (*set)(struct Cpu *cpu, uint64_t value);
};

/* How translate_insn ends. */
enum TranslateResult {
	TRANSLATE_NEXT,                 /* go on with the next instruction */
	TRANSLATE_END,                  /* the unit has been ended with an OPF_EXIT instruction */
};

struct Guest {
	const char *name;               /* "riscv64" as QEMU names it */
	uint16_t elf_machine;           /* EM_* */
	uint8_t elf_class;              /* ELFCLASS64 */
	uint8_t elf_data;               /* ELFDATA2LSB */
	uint8_t insn_align;             /* log2 of the alignment of instructions */
	uint8_t insn_max;               /* longest instruction in bytes, at most 15 */
	uint32_t cpu_size;              /* bytes of the guest's struct, struct Cpu included */
	const struct IrGlobal *globals;
	unsigned nglobals;
	const uint8_t *hot;             /* indices of integer globals, hottest first: hosts pin as many as they can */
	unsigned nhot;
	const struct Register *registers;
	unsigned nregisters;

	/* Sets the cpu model from a -cpu string ("rv64,zba=off"; NULL: the default), before any cpu exists. On a bad
	 * string returns false and one line for the user in *ERROR (to be g_free'd). */
	bool (*configure)(const char *model, char **error);
	/* Prints what -cpu help shows to stdout. */
	void (*cpu_help)(void);
	/* Brings a zeroed cpu to the state at exec. */
	void (*reset)(struct Cpu *cpu);
	/* Copies guest registers of FROM to a fresh cpu (fork of a thread). */
	void (*copy)(struct Cpu *to, const struct Cpu *from);

	/* The length in bytes of the instruction that starts with the AVAILABLE bytes (at least 1 << insn_align) at BYTES; may
	 * exceed AVAILABLE, then more must be fetched. */
	unsigned (*insn_length)(const uint8_t *bytes, unsigned available);
	/* Appends the IR of the instruction in the unit's last IrInsn (its MARK has been appended). Bytes that are no instruction of
	 * the cpu model give RAISE of CAUSE_ILLEGAL. Any thread, under the translation lock. Everything that depends on
	 * cpu state must be a function of ir->key. */
	enum TranslateResult (*translate_insn)(struct Ir *ir, const struct IrInsn *insn);
	/* Appends the assembler text of an instruction to TEXT, no newline; unknown bytes give ".2byte 0x..." or ".4byte 0x...". Any thread. */
	void (*disassemble)(uint64_t pc, const uint8_t *bytes, unsigned length, struct _GString *text);
	/* The part of the cpu's state that translation depends on (riscv64: the rounding mode), in at most 8 bits; 0 most of the time. */
	uint32_t (*block_key)(const struct Cpu *cpu);
	/* The enum IrRound that units of KEY run under, to be loaded into the host's register. */
	uint8_t (*key_round)(uint32_t key);
	/* Whether the instruction may branch backwards, return or jump indirectly - a place to POLL. */
	bool (*insn_polls)(const struct IrInsn *insn);

	const struct LinuxAbi *linux_abi;       /* target/linux/abi.h */
};

/* All guests, by name and by ELF header. NULL if there is none. */
const struct Guest *guest_by_name(const char *name);
const struct Guest *guest_by_elf(unsigned machine, unsigned class, unsigned data);
extern const struct Guest *const guests[];      /* NULL-terminated */
extern const struct Guest guest_riscv64;

/* The world round the cpus of a process. Any thread unless said otherwise. */
struct Environment {
	/* Copies LEN bytes of guest code at ADDR to BUF if all of it is mapped executable; returns the number of bytes copied from
	 * the start, less than LEN where executable memory ends. Never faults. */
	size_t (*fetch)(uint64_t addr, void *buf, size_t len);
	/* The translator has made code from the guest page at PAGE (address): until code_dropped(), the environment calls cache_invalidate()
	 * before any byte of it changes, by whatever way the environment can know of. Under the translation lock. */
	void (*code_made)(uint64_t page);
	void (*code_dropped)(uint64_t page);
	/* A host write fault at guest ADDR. If it is because of code_made() makes the page writable (having invalidated) and returns true: the
	 * access is then repeated. In a signal handler, on the faulting cpu's thread, not holding the translation lock. */
	bool (*code_written)(struct Cpu *cpu, uint64_t addr);
	/* Handles an exception (Cpu.cause, pc, fault_addr) between blocks, on the cpu's thread. Returns false when the thread is to end:
	 * cpu_run() then returns. */
	bool (*exception)(struct Cpu *cpu);
	/* The cpu left because of cpu_interrupt(): deliver what is pending. Same conditions and result. */
	bool (*interrupt)(struct Cpu *cpu);
	/* Copies between guest memory and BUF like a debugger: ignoring protections, never faulting; false if part is unmapped. Writing
	 * invalidates translated code. */
	bool (*read_memory)(struct Cpu *cpu, uint64_t addr, void *buf, size_t len);
	bool (*write_memory)(struct Cpu *cpu, uint64_t addr, const void *buf, size_t len);
};

#endif
