/* SPDX-License-Identifier: MIT */
/* A made-up guest's cpu on the x86-64 host and on the interpreter: for the tests of that host. One thread. */
#ifndef TEST_HOST_X86_64_H
#define TEST_HOST_X86_64_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "translator/host/host.h"
#include "translator/host/x86_64/backend.h"
#include "translator/translate.h"

enum { NINT = 20, NFLOAT = 12, NWIDE = 4, MEMORY = 4096 + 64, ROOM = 4 << 20, SLOTS = 4 };

struct TestCpu {
	struct Cpu cpu;
	uint64_t x[NINT];
	uint64_t f[NFLOAT];
	uint64_t v[NWIDE][2];
	uint64_t state[4], seen, slot[SLOTS];
};
enum { F0 = NINT, V0 = NINT + NFLOAT };      /* globals: x0, f0 and v0 on */

extern struct Guest guest;
extern struct TestCpu *cpu;
extern struct JumpCache jumps;          /* the cpu's */
extern uint8_t *memory;                 /* MEMORY bytes for units */
extern uint8_t *forbidden;              /* 16 KiB that nobody may touch */
extern uint8_t *writable;               /* ROOM bytes of code, which run EXEC_DELTA bytes from there */
extern ptrdiff_t exec_delta;
extern struct CodeBuffer x86_buf;       /* what is left of it */
extern struct Ir *ir;                   /* the unit that begin() began */
extern const struct Host *running;      /* what run() runs */
extern struct Block *running_block;

/* Makes all of these: the fixture of a test case. */
void setup(void);
/* Starts the x86-64 host as if the processor had FEATURES (HAS_...) at the most. */
void start_host(unsigned features);
/* Begins a unit at PC, in place of the last one and of all code. */
void begin(uint64_t pc);
/* The unit as host H has it; the listing goes to TEXT unless that is NULL. */
struct Block *emit_with(const struct Host *h, GString *text);
/* Enters BLOCK. */
void run(const struct Host *h, struct Block *block);
/* A constant of the unit. */
Ref c(uint64_t value);

/* Random numbers, the same in each run: any 64 bits, one below N, true once in N times. */
extern uint64_t seed;
uint64_t rnd(void);
unsigned below(unsigned n);
bool one_in(unsigned n);

/* Functions whose bodies are emitted in place of calls, what they work on, and some that cannot be. */
extern uint64_t leaf_cells[8];
#define LEAF(name) extern const uint8_t name[]
LEAF(leaf_count); LEAF(leaf_count_far); LEAF(leaf_count_down); LEAF(leaf_nothing); LEAF(leaf_sum); LEAF(leaf_mix); LEAF(leaf_index);
LEAF(leaf_widths); LEAF(leaf_select); LEAF(leaf_true); LEAF(leaf_false); LEAF(leaf_asks); LEAF(leaf_wild); LEAF(leaf_stack); LEAF(not_kept);
LEAF(not_straight); LEAF(not_vector); LEAF(not_high); LEAF(not_leaf);

/* The same for functions that call others: their arguments are the cpu, its index, and two numbers. Registers by number are x, f, and then words of
 * TestCpu.state. */
LEAF(api_one); LEAF(api_float); LEAF(api_two); LEAF(api_halves); LEAF(api_variable); LEAF(api_count); LEAF(api_sum); LEAF(api_address); LEAF(api_copy);
LEAF(api_moves); LEAF(not_escape); LEAF(not_known); LEAF(not_unbalanced); LEAF(not_restored); LEAF(not_explained); LEAF(not_own); LEAF(not_failure);
#undef LEAF
/* What they take for granted: a slot of the cpu, handles[0] of these unless it is changed, and a register, 3. */
extern struct Handle {
	uint64_t slot;
} handles[2];
extern struct Handle *api_handle;
extern uint32_t api_number;
void add_intrinsics(void);
/* Changes all registers that calls may change. */
void clobber(void);

#endif
