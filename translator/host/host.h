/* SPDX-License-Identifier: MIT */
/* What every host processor provides to the translator: struct Host. */
#ifndef FORERUN_HOST_H
#define FORERUN_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/guest.h"
#include "translator/ir.h"

struct Block;

/* Room in the code cache for one translation. The host writes at W what will run at W + EXEC_DELTA (the same memory, mapped twice:
 * never writable and executable at one address). Data that code never executes (fault tables) goes to META. */
struct CodeBuffer {
	uint8_t *start, *end;           /* writable addresses; at least start of room */
	ptrdiff_t exec_delta;           /* executable address minus writable address */
	uint8_t *meta, *meta_end;       /* ordinary memory, kept as long as the code */
};

enum EmitResult {
	EMIT_OK,
	EMIT_NO_ROOM,                   /* the buffer is too small: the cache flushes and tries again */
	EMIT_TOO_BIG,                   /* beyond the host's limits: the translator cuts the unit shorter and tries again */
};

/* A block or exit in the memory for META: bytes from where that begins, in units of 8. 0 is nothing. */
typedef uint32_t Place;
enum { PLACE_UNIT = 8, PLACE_FIRST = 2 };       /* none is before PLACE_FIRST */

/* Limits of one translation: bytes of code, and number of exits. */
enum { EXIT_PATCH_BITS = 20, EXIT_INDEX_BITS = 12 };

/* A place in a block's code that jumps out of it to a known guest address, and can be made to jump straight to that block. */
struct ExitSite {
	uint64_t pc;                    /* guest address */
	uint32_t patch : EXIT_PATCH_BITS;       /* offset from Block.code to the field to patch, host's own meaning */
	uint32_t index : EXIT_INDEX_BITS;       /* among the exits of its block */
	uint32_t stub;                  /* offset from Block.code where the unchained exit continues */
	Place target;                   /* block that it is chained to. Under the cache lock */
	Place next;                     /* other exit chained to the same target, by Block.incoming */
};

/* One translation. Lives in the cache until the next full flush. In memory its exits follow it, then the host's own tables, then the guest's
 * bytes (kept.c). There are many: every word counts. */
struct Block {
	uint64_t pc;                    /* guest address of the entry */
	const uint8_t *code;            /* executable entry; for the interpreter: its own program */
	uint32_t code_size;
	uint32_t guest_size;            /* bytes of guest code it was made from: those from pc on, but for regions */
	uint32_t meta_size;             /* bytes of the host's tables */
	uint16_t ninsns, nexits;
	uint8_t key;
	bool region;                    /* a whole loop; its code is anywhere */
	bool chosen;                    /* a region of what a census has shown (census.h) */
	bool valid;                     /* false once invalidated: not found any more, nothing jumps to it */
	bool lingers;                   /* not valid, but those who are in it may stay until its code changes */
	Place incoming;                 /* cache.c: exits that are chained to it */
	Place next_kept;                /* kept.c */
};
_Static_assert(sizeof(struct Block) % PLACE_UNIT == 0 && sizeof(struct ExitSite) % PLACE_UNIT == 0, "blocks and exits have places");

static inline struct ExitSite *block_exits(const struct Block *block) { return (struct ExitSite *)(block + 1); }
static inline const uint8_t *block_meta(const struct Block *block) { return (const uint8_t *)(block_exits(block) + block->nexits); }
static inline const uint8_t *block_source(const struct Block *block) { return block_meta(block) + block->meta_size; }
static inline struct Block *exit_block(const struct ExitSite *site) { return (struct Block *)(site - site->index) - 1; }

/* What the machine code of a function shows. */
struct FunctionFacts {
	bool leaf;                      /* a few instructions on integers and memory: it calls nothing, and leaves floating-point state alone */
	bool empty;                     /* it has no effect */
	bool constant;                  /* it has no effect, and returns VALUE */
	uint8_t reads;                  /* which of its first six arguments it looks at, bit by position */
	uint64_t value;
	/* What it is if the following holds; NULL: it needs nothing further. For IrCall.body; never freed */
	const void *body;
	uint8_t is_cpu, is_index;       /* arguments, bit by position, that are the struct Cpu of the cpu at work, and its index */
	uint8_t nstates;                /* guest registers that it reads, all of them plain ones: those of STATE */
	const struct Register *const *state;
	bool guarded;                   /* it may be called all the same, then as any function */
};

struct Host {
	const char *name;               /* "x86_64", "interp": -accel and -d */
	bool is_jit;                    /* code is machine code in the cache */

	/* Once, before the first translation, on the main thread: writes common code (enter, leave, ...) to BUF and advances
	 * BUF->start. Returns false if this machine's processor lacks what the host needs (WHY gets a static line). */
	bool (*init)(struct CodeBuffer *buf, const struct Guest *guest, const char **why);

	/* Allocates and emits the unit IR to BUF: fills in code, code_size, nexits, meta_size of BLOCK, which BUF->meta is right behind, and there its exits
	 * and tables; advances BUF->start and BUF->meta. Under the translation lock. TEXT, if not NULL, receives a listing with host addresses (-d out_asm). */
	enum EmitResult (*emit)(struct Ir *ir, struct CodeBuffer *buf, struct Block *block, struct _GString *text);

	/* Runs translated code of CPU from BLOCK until something needs the run loop; sets Cpu.cause, Cpu.pc, Cpu.leave_site (a struct ExitSite that may
	 * be chained to the block at Cpu.pc, or NULL; CAUSE_NONE). All guest state is in struct Cpu on return. */
	void (*enter)(struct Cpu *cpu, const struct Block *block);

	/* All translations have been forgotten, and no cpu is in one. NULL: it does not matter. */
	void (*flushed)(void);

	/* Makes SITE jump to BLOCK, or back to its stub if BLOCK is NULL. Under the cache lock, other threads running. */
	void (*chain)(struct ExitSite *site, struct Block *block);

	/* In a signal handler on the cpu's thread: host UCONTEXT faulted in BLOCK (NULL: in common code). Writes all guest state, exact for the guest
	 * instruction concerned, to CPU (pc included) and changes UCONTEXT so that Host.enter returns with Cpu.cause = CAUSE.
	 * Returns false if the host pc is not a recorded fault point (a bug of ours). */
	bool (*recover)(struct Cpu *cpu, const struct Block *block, void *ucontext, enum Cause cause);

	/* The guest pc of the instruction that host address PC belongs to, e.g. the return address of a probe's call; 0 if unknown.
	 * Async-signal-safe. */
	uint64_t (*guest_pc)(const struct Block *block, const void *pc);

	/* The function whose body, emitted in place of a call, host address PC belongs to; NULL: none. A fault there is that function's own.
	 * Async-signal-safe. NULL: the host emits none. */
	const void *(*inlined)(const struct Block *block, const void *pc);

	/* Reads the code of the function FN; false if it shows nothing. Under the translation lock. NULL: the host reads none. */
	bool (*examine)(const void *fn, struct FunctionFacts *facts);

	/* The floating-point exception flags (FPX_*) in Cpu.host_fp of a cpu outside translated code, or, if INSIDE, in the host's register now. */
	uint8_t (*fp_flags)(struct Cpu *cpu, bool inside);
	/* Sets flags and rounding mode of the guest: Cpu.fflags and Cpu.round have been changed by C code (outside or INSIDE a call). */
	void (*fp_update)(struct Cpu *cpu, bool inside);

	/* Looks at the host's SIGFPE in the thread of CPU, which is inside: true if it came of how translated code watches exception flags, and the
	 * instruction can be repeated. Async-signal-safe. NULL: no code does. */
	bool (*fp_trap)(struct Cpu *cpu, void *ucontext);

	/* Appends the assembler text of a block's code to TEXT, with the guest instructions it belongs to. */
	void (*disassemble)(const struct Block *block, const struct Ir *ir, struct _GString *text);
};

extern const struct Host host_x86_64, host_interp;

/* The hosts of this build, best first, NULL-terminated: host/<machine>/hosts.c. */
extern const struct Host *const hosts[];

/* The host in use; set once by translator_init(). */
extern const struct Host *host;

#endif
