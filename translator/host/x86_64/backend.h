/* SPDX-License-Identifier: MIT */
/* The insides of the x86-64 host, shared by its files.
 *
 * Boundary convention. While translated code runs, rbp points into struct Cpu (BACKEND.bias bytes behind its start, so that the
 * guest's first globals have short displacements), rsp is Cpu.host_frame (16-byte aligned, SPILL_SLOTS of scratch above it), and MXCSR
 * is the guest's. At a block's entry and exits each global of the base pin map is in its host register and nowhere else; all other globals are in
 * struct Cpu. rax, rcx and rdx are free. With plugins, BACKEND.carrier holds what is to be added to a counter: 0 behind indirect jumps, and where other code
 * could look.
 *
 * Inside a unit a variable is in a register, in memory, or both:
 *   pinned global     in its home register, or away: in memory alone (after a call, or when the register was wanted). Units with loops
 *                     have a map of their own, which entry and exits convert to
 *   other integer     written through to memory; a register may hold a copy
 *   other vector      written back at the unit's edges, at calls and when its register is wanted
 *   temporary         in a register, or spilled to the frame
 * In loops a global may be late (late.c): what is where the rules above say is what it held before, and a recipe makes the value of that.
 * Or it is a loose word (words.c): what is there has the low half of the value, which is the extension of that.
 * At a LABEL and before a branch to one: pinned globals at home, all else in memory, temporaries dead, values exact but for what Gen.known and Gen.labels_words say.
 */
#ifndef FORERUN_X86_64_BACKEND_H
#define FORERUN_X86_64_BACKEND_H

#include "translator/host/host.h"
#include "translator/host/x86_64/assembler.h"
#include "translator/translate.h"

/* -- features of the processor ---------------------------------------------------------------------------------- */

enum {
	HAS_AVX = 1, HAS_FMA = 2, HAS_BMI1 = 4, HAS_BMI2 = 8, HAS_LZCNT = 16, HAS_POPCNT = 32, HAS_MOVBE = 64, HAS_CLMUL = 128,
	HAS_SSE41 = 256, HAS_AVX512F = 512,
	HAS_ALL = 1023,
};
/* What code generation may use: what the processor has, and not masked by x86_64_limit(). */
extern unsigned x86_features;
/* For tests, before init: never use features outside MASK. */
void x86_64_limit(unsigned mask);

/* -- what init() made --------------------------------------------------------------------------------------------- */

enum { NVEC = 16, SPILL_SLOTS = 128, FRAME_SIZE = SPILL_SLOTS * 16 };
/* Cpu.host_fp has this bit while its value is in MXCSR instead. */
#define FP_INSIDE 0x80000000u
/* MXCSR has flags in its low six bits, and for each the bit that masks its exception MXCSR_MASKS bits above. That of denormal operands, which the guest
 * has not, is always masked: a Cpu.host_fp without it has never been set. */
enum { MXCSR_MASKED = 0x1f80, MXCSR_MASKS = 7, MXCSR_DM = 0x100 };
/* Cpu.host_fp_known has this bit while the flags are known, see emit_get_flags(). */
enum { FP_KNOWN = 0x80, FP_TRAPS_MAX = 100 };

/* Constants in the common code, each in 16 bytes: low lane the value, the rest zero. */
enum Pool { POOL_NAN32, POOL_NAN64, POOL_SIGN32, POOL_SIGN64, POOL_ABS32, POOL_ABS64, POOL_BOX, POOL_COUNT };

/* Executable addresses of the common code. */
struct Common {
	const uint8_t *enter;           /* void (struct Cpu *, const void *code) */
	const uint8_t *leave_exit;      /* called from a stub that is followed by the offset of its ExitSite from BACKEND.meta_base */
	const uint8_t *leave_site;      /* rax: the struct ExitSite */
	const uint8_t *leave_indirect;  /* Cpu.pc is set, pinned globals at home */
	const uint8_t *leave_raise;     /* Cpu.pc and cause are set, all globals in memory */
	const uint8_t *leave_fault;     /* the same, and Cpu.host_fp and collected are */
	const uint8_t *store_pins;      /* called: stores the base map's registers; keeps all registers */
	const uint8_t *call_saved;      /* called: spill[0] = rax(spill[0] .. spill[5]); keeps all registers but flags, rax is spill[7] after it */
	const uint8_t *hot;             /* called from where a branch back has been counted hot, all globals in memory; keeps all registers */
	const uint8_t *pool;
	const uint8_t *fp_flags;        /* copy of x86_fp_flags */
	const uint8_t *fp_control;      /* by FPX_*: four bytes, MXCSR with those flags, and the exceptions of the others unmasked */
};

/* An addition to a memory cell that has been put off: nothing can look at the cell yet. At fault points recover() makes up for it. */
struct Addition {
	uint64_t cell;          /* host address, or offset in struct Cpu */
	bool in_cpu;
	bool wide;              /* 8 bytes, else 4 */
	bool by_register;       /* how many times a register that goes with this */
	bool looks;             /* nothing is added, but somebody looks at the cell or sets it */
	int32_t amount;
};

/* Where a variable is while a unit is emitted. */
struct Var {
	int8_t reg;             /* of its class, or NOREG */
	int8_t home;            /* register it is pinned to, or NOREG */
	bool clean;             /* memory holds the value */
	uint8_t know;           /* vectors: what is known of the value, REP_* */
	uint8_t loose;          /* vectors: in what the register differs from the value, REP_*; never more than know says */
	int16_t slot;           /* spill slot of a temporary, or -1 */
};
enum { NOBODY = 0xffff };

struct Backend {
	const struct Guest *guest;
	struct Common common;
	ptrdiff_t exec_delta;
	int32_t bias;
	const uint8_t *meta_base;
	int8_t base_home[256];          /* by global: register of the base pin map, or NOREG */
	uint8_t pins[16], pin_regs[16]; /* the base map: globals and their registers */
	uint16_t entry_owner[2][16];    /* Gen.owner at a block's entry */
	uint16_t pinned_owner[16];      /* all ones for the registers of the base map, else 0 */
	struct Var entry_var[256];      /* likewise Gen.var of the globals */
	unsigned npins;
	uint32_t pin_mask;              /* registers of the base map */
	uint32_t jumps_offset, poll_offset;
	int8_t carrier;                 /* register that carries what is to be added to the cell of CARRIED from unit to unit, or NOREG */
	bool carries;                   /* there is such a cell: the first counter seen since the cache was empty */
	bool carries_none;              /* there will be none until the cache is empty: a unit without one has code that could look at it */
	bool carries_late;              /* counters were seen behind such a unit: the cache is to be emptied, and then there is one from the start */
	unsigned with_counter, without; /* units that have and have not, until it is known */
	struct Addition carried;
};
extern struct Backend backend;

/* FPX_* by the exception flags of MXCSR. */
enum { MXCSR_FLAGS = 63 };
extern const uint8_t x86_fp_flags[MXCSR_FLAGS + 1];

/* Writes the common code; false with *WHY if there is no room. */
bool x86_frame_init(struct CodeBuffer *buf, const char **why);

/* -- one unit -------------------------------------------------------------------------------------------------------- */

/* What is known of a vector variable's value, and what its register need not show of it. Arithmetic leaves a NaN as the host makes it and the upper
 * half of a single as it happens to be; both are put right where somebody can see the bits: a store, a move to an integer, memory of the state, a
 * fault, a change of sign. Memory of a global is always exact; the spill slot of a temporary is as its register was. */
enum {
	REP_SINGLE = 1,         /* a boxed f32, or a temporary's f32; loose: the upper half is anything */
	REP_ARITH = 2,          /* a NaN is the canonical one; loose: it is any quiet NaN */
};

/* In ExitSite.stub while offsets are not final, all of which count from the cold section: ExitSite.patch does, too. */
#define SITE_COLD 0x80000000u

/* Bits of Gen.last, by instruction: the operand's variable is not used again (temporaries: is dead); for the result: not read again in the unit. */
enum { LAST_ARG = 4 /* first of a CALL's arguments */, LAST_RESULT = 15 };

/* A register that collects additions to one cell through a region, or, the first of them if Backend.carries, from unit to unit. */
struct Collector {
	struct Addition of;     /* without the amount */
	int8_t reg;             /* what is still to be added */
};
enum { MAX_ADDITIONS = 4, MAX_COLLECTORS = 3, MAX_CALL_CELLS = 80 };

/* How to compute what a late value of global D is: START (a global or a constant), then each step with its operand. */
enum { MAX_LATE = 6, MAX_STEPS = 4, MAX_RECIPES = 1024 };
struct Step {
	uint8_t op, type, cond;
	Ref operand;                    /* a global, a constant of 32 bits with the sign, or REF_NONE */
};
struct Recipe {
	Ref d, start;
	uint8_t nsteps;
	struct Step step[MAX_STEPS];
};

/* Sets of globals by label: those that may be loose words, and those of which something behind it could tell what they are. */
struct WordsAt {
	uint64_t loose, seen;
};

struct Gen {
	struct Ir *ir;
	struct Asm hot, cold, *as;      /* as: where emitters write now */
	struct Fixes fixes;
	const uint8_t *exec;            /* where hot.start will run */
	struct Var *var;
	uint16_t owner[2][16];          /* by class and register: the variable, or NOBODY */
	uint32_t homes[2];              /* by class: registers somebody is pinned to */
	uint32_t reserved;              /* integer registers that no variable is ever in */
	uint32_t locked[2];             /* registers in use by the current instruction */
	uint16_t *last;
	unsigned n;                     /* index of the current instruction */
	bool listed;                    /* the unit is to be disassembled at once */
	uint64_t pc;                    /* of the current mark */
	uint64_t pc_stored;             /* what Cpu.pc is known to hold, or 0 */
	uint32_t *labels;               /* hot offsets, or UINT32_MAX */
	bool *unassigned;               /* by global, if there are labels: what memory holds at the unit's entry is the value throughout */
	bool regions;                   /* has backward branches: the globals used most are pinned */
	const uint8_t *known;           /* NULL, or what is known at the labels of the second version, by label - nknown and global */
	unsigned nknown;                /* labels of the first version */
	uint32_t slots[SPILL_SLOTS / 32];
	struct ExitSite *sites;
	unsigned nsites;
	uint16_t pinned[48];            /* all variables with a home */
	unsigned npinned;
	struct Addition additions[MAX_ADDITIONS];
	unsigned nadditions;
	struct Collector collectors[MAX_COLLECTORS];
	unsigned ncollectors, ncarried;
	const struct Leaf *checked;     /* what its guards say holds if Cpu.unsure is 0, or NULL */
	uint64_t words;                 /* globals that may be loose words now */
	uint64_t trusted;               /* globals that are words at the unit's entry, which has to make sure of it */
	const struct WordsAt *labels_words;
	struct Recipe *recipes;
	unsigned nrecipes;
	const struct Recipe *late[MAX_LATE];    /* values that are late now */
	unsigned nlate;
	struct {
		unsigned end;           /* hot offset behind the last selection, whose flags are still there if nothing was written since, or UINT_MAX */
		uint8_t type, cond;     /* of its comparison */
		Ref a, b;
		enum Cc cc;
	} compared;
	unsigned restored;              /* index of an FXPUT that has been seen to, or 0 */
	bool too_big;
};

static inline struct Rm cpu_mem(int32_t offset) { return rm_mem(RBP, offset - backend.bias); }
#define CPU_MEM(field) cpu_mem(offsetof(struct Cpu, field))
static inline const void *pool_at(enum Pool p) { return backend.common.pool + p * 16; }
static inline bool caller_saved(int reg) { return !(reg == RBX || reg >= R12); }
static inline unsigned bit(int reg) { return reg < 0 ? 0 : 1u << reg; }

/* A jump to code that will be out of line; x86_cold_here() in that code. */
static inline unsigned x86_jcc_cold(struct Gen *g, enum Cc cc)
{
	asm_jcc(g->as, cc, FIX_COLD, 0);
	return g->fixes.n - 1;
}
static inline void x86_cold_here(struct Gen *g, unsigned jump) { g->fixes.fix[jump].target = asm_offset(&g->cold); }
static inline void x86_begin_cold(struct Gen *g) { g->as = &g->cold; }
static inline void x86_end_cold(struct Gen *g) { g->as = &g->hot; }
/* In cold code: back to where hot code now ends. */
static inline void x86_back(struct Gen *g) { asm_jump(g->as, FIX_HOT, asm_offset(&g->hot)); }

/* -- allocate.c. Registers returned are locked until the end of the instruction. CLASS as enum IrClass */
void x86_allocate_begin(struct Gen *g);         /* pin map, liveness, state at entry */
void x86_allocate_end_ins(struct Gen *g, const struct Ins *ins);
bool x86_is_last(const struct Gen *g, unsigned operand);        /* of the current instruction */
int x86_scratch(struct Gen *g, enum IrClass class);
void x86_take(struct Gen *g, int reg);          /* a certain integer register, for scratch */
int x86_use(struct Gen *g, Ref r);              /* integer variable or constant in a register */
struct Rm x86_use_rm(struct Gen *g, Ref r);     /* or, for a variable, memory */
int x86_vuse(struct Gen *g, Ref r);             /* the register shows the exact value */
int x86_vuse_low(struct Gen *g, Ref r, enum IrType type);       /* it does in the low bits that TYPE names */
int x86_vuse_loose(struct Gen *g, Ref r);       /* it is as loose as the variable is */
struct Rm x86_vuse_rm_loose(struct Gen *g, Ref r);
void x86_know(struct Gen *g, Ref d, unsigned know, unsigned loose);     /* of D, which has just been assigned */
/* The register to compute variable D in: its home, or REUSE (register of a dying operand, or NOREG), or a free one; none of AVOID. */
int x86_target(struct Gen *g, Ref d, int reuse, unsigned avoid);
/* D's new value is in REG (of its class): binds, moves home, writes through. */
void x86_assign(struct Gen *g, Ref d, int reg);
/* D's new value has been written to its memory. */
void x86_assigned_memory(struct Gen *g, Ref d);
/* The register of operand K of the current instruction if the result may overwrite it (its variable ends here), else NOREG. */
int x86_dying(struct Gen *g, unsigned operand);
struct Rm x86_var_mem(struct Gen *g, Ref v);
void x86_store_var(struct Gen *g, Ref v);       /* makes memory current; the register keeps the value */
void x86_load_var(struct Gen *g, Ref v, int reg);       /* emits the load; no change of state */
void x86_drop(struct Gen *g, enum IrClass class, int reg);
/* Pinned at home, all else in memory, and values as LABEL wants them. False: that is to be tested, by x86_enter_version(), and all are exact. */
bool x86_to_label(struct Gen *g, unsigned label);
/* Goes on behind this code if values are as LABEL, of the second version, wants them, else to its twin. Destroys rax, rcx
 * and temporaries. */
void x86_enter_version(struct Gen *g, unsigned label);
void x86_at_label(struct Gen *g, unsigned label);
bool x86_as_at_entry(const struct Gen *g);      /* in a unit without loops: pinned globals at home, and no others but in memory */
bool x86_edge_ready(struct Gen *g);             /* leaving the unit here needs no code */
void x86_edge(struct Gen *g);                   /* emits that code; no change of state */
void x86_sync_home(struct Gen *g);              /* makes the edge ready, keeping the state */
void x86_vmov(struct Gen *g, int d, int s);
void x86_exact(struct Gen *g, int reg, unsigned know, unsigned loose);  /* puts right the register of a variable; changes the flags */
void x86_exact_all(struct Gen *g);               /* those of all globals, and makes it the state */
void x86_load_pool(struct Gen *g, int d, enum Pool p);

/* -- singles.c: f32 operations come to name the globals that box their operands and results, which Ins.spare says by these bits. */
enum { BOXED_ARG = 1 /* << operand */, BOXED_RESULT = 16 };
void x86_fuse_singles(struct Ir *ir);
/* -- versions.c: sets Gen.known and appends the second version to the unit if there is to be one. */
void x86_make_versions(struct Gen *g);

/* -- late.c. In Ins.spare: LATE, nothing is emitted, Ins.imm is the recipe from here on or NO_RECIPE. Loads and stores get an index, operand 1 or 2, that is to be
 * shifted left by the bits from INDEX_SCALE on. */
enum { LATE = 32, INDEX_SCALE = 6, NO_RECIPE = -1 };
/* ADD and SUB: operand 1 is no number, but the bit that COND says of operands 1 and 2 as integers of type Ins.mem; COND is LTU or GEU. */
enum { WITH_CARRY = 8 };
void x86_find_late(struct Gen *g);              /* in loops; before registers are allocated */
void x86_be_late(struct Gen *g, const struct Ins *ins);         /* INS, which is late, comes next */
void x86_in_time(struct Gen *g, Ref d);         /* D has been assigned; if anything is late */
/* Computes them, and loose words, on a way out: no change of state. Destroys rax. */
void x86_emit_late(struct Gen *g);
enum { MAX_LATE_SIZE = 2 + MAX_LATE * (8 + MAX_STEPS * 7) };
unsigned x86_write_late(const struct Gen *g, uint8_t *to);      /* for a record; returns the bytes written */
unsigned x86_late_size(const uint8_t *from);
void x86_follow_late(struct Cpu *cpu, const uint8_t *from);     /* all other globals of CPU are exact */

/* Whether INS looks at no more than the low 32 bits of operand K. */
bool x86_reads_word(const struct Ir *ir, const struct Ins *ins, unsigned k);

/* -- words.c. In Ins.spare, if the type is an integer: WORD, what is assigned is a loose word. */
enum { WORD = 16 };
static inline bool x86_is_word(const struct Ins *ins) { return ins->spare & WORD && ir_type_class(ins->type) == IR_INT; }
void x86_find_words(struct Gen *g);             /* before what is late */
void x86_emit_trusted(struct Gen *g);           /* at the entry, once registers are what they are at the first label */
void x86_is_loose(struct Gen *g, Ref d);        /* D has been assigned a loose one */
void x86_in_full(struct Gen *g, Ref d);         /* D has been assigned */
void x86_words_to_label(const struct Gen *g, unsigned label);   /* asserts that what is loose may be at LABEL */
void x86_emit_words(struct Gen *g);             /* extends them, on a way out: no change of state. Destroys rax */
void x86_extend_words(struct Cpu *cpu, uint64_t words);         /* those in the set, in CPU */

/* -- emit_*.c: code for Ir.ins[Gen.n]; one that takes in the instruction behind it advances Gen.n */
void x86_emit_integer(struct Gen *g, struct Ins *ins);
void x86_emit_memory(struct Gen *g, struct Ins *ins);
void x86_emit_float(struct Gen *g, struct Ins *ins);
void x86_emit_control(struct Gen *g, struct Ins *ins);
void x86_emit_call(struct Gen *g, struct Ins *ins);
/* A call that the NJUMPS jumps JUMPS into the cold section lead to: that path keeps everything, so that the fast one loses nothing, and comes back to where hot code
 * now ends. */
void x86_emit_cold_call(struct Gen *g, const unsigned *jumps, unsigned njumps, const struct IrCall *call);

/* -- emit_leaf.c */
/* Emits what the function does in place of the call INS, if that can be done. */
bool x86_emit_leaf(struct Gen *g, const struct Ins *ins);
/* The cells that the call INS adds to, or looks at or sets, if that is all that it does with memory, and it does not look at those it adds to: how many, or -1. */
int x86_call_cells(struct Gen *g, const struct Ins *ins, struct Addition cells[MAX_CALL_CELLS]);

extern const uint8_t x86_condition_code[];     /* by enum IrCond, enum Cc */
enum IrCond x86_swap_cond(enum IrCond cond);    /* for operands the other way round */
/* Makes the comparison SET one by LTU or GEU of a variable as operand 0, if there is one that is the same. */
bool x86_as_carry(struct Ir *ir, struct Ins *set);
/* Compares for the current instruction; returns the condition code for COND. */
enum Cc x86_compare(struct Gen *g, enum IrType type, enum IrCond cond, Ref a, Ref b);
bool x86_imm32(struct Gen *g, Ref r, int32_t *imm);     /* constant that fits a sign-extended immediate */
/* Calls FN with operands and constants, keeping all state; the result is in Cpu.spill[0]. rax is clobbered in no way. The operand in a register
 * is given by class and register. */
struct CallArg {
	enum { ARG_INT, ARG_VEC, ARG_VALUE, ARG_MEM, ARG_CPU } kind;
	int reg;
	uint64_t value;
	struct Rm mem;
	bool narrow;            /* 32 bits of it */
};
void x86_call_saved(struct Gen *g, const void *fn, const struct CallArg *args, unsigned nargs);
/* The same with MXCSR as C code wants it. */
void x86_call_outside(struct Gen *g, const void *fn, const struct CallArg *args, unsigned nargs);
void x86_emit_heat(struct Gen *g, struct Ins *ins);
void x86_leave_fault_raise(struct Gen *g, unsigned cause);      /* a guest exception from here; no change of state */
void x86_exit_jump(struct Gen *g, uint64_t pc);         /* leaves the unit for PC; the state is as an edge wants it */
void x86_store_all(struct Gen *g);              /* stores all stale globals; no change of state, no register used */
void x86_store_pc(struct Gen *g, bool hot);     /* Cpu.pc = the current mark's; HOT: in line, so that later code may rely on it */

void x86_deliver(struct Cpu *cpu);              /* Cpu.collected goes where it belongs */

/* A branch back in the code at the return address spill[1] has been counted hot. On the cpu's thread, called from translated code. */
void x86_hot(struct Cpu *cpu);

/* -- additions.c. They change the flags, and no register. */
/* Puts off an addition, or makes it now. */
void x86_add(struct Gen *g, struct Addition addition);
/* Adds integer register REG, or subtracts it if the amount is negative. */
void x86_add_register(struct Gen *g, struct Addition addition, int reg);
/* The same where REG may hold 0: the cell is not written then, since it may be another thread's. */
void x86_add_selected(struct Gen *g, struct Addition addition, int reg);
void x86_add_unless_zero(struct Gen *g, struct Rm cell, unsigned wide, int reg);        /* WIDE: X_W or 0 */
bool x86_is_late(const struct Gen *g, const struct Addition *cell);     /* whether something is still to be added to it */
bool x86_cells_overlap(const struct Addition *a, const struct Addition *b);
void x86_emit_additions(struct Gen *g);         /* emits those put off, on a way out; no change of state */
void x86_leave_additions(struct Gen *g);        /* emits those and all that is collected, on a way out by an indirect jump; no change of state */
void x86_make_additions(struct Gen *g);         /* makes all for good */
bool x86_adds_nothing(const struct Gen *g);     /* whether x86_emit_additions() has nothing to do */
void x86_collect_additions(struct Gen *g);      /* as far as that needs no memory for those that are collected */
void x86_flush_collectors(struct Gen *g);       /* the rest, also on a way that comes back: no change of state */
void x86_choose_carried(struct Gen *g);         /* if there is none yet */
/* The counters of a region that are worth a register, those with most USES first, by the WEIGHT of each instruction. None if something in it looks at counters. */
unsigned x86_find_collectors(struct Gen *g, const unsigned *weight, struct Collector *found, unsigned *uses);
/* What the SLOTADD or HOSTADD INS adds to, and how much: 1, or -1 if the cell or the number is out of reach. */
int x86_ins_addition(struct Gen *g, const struct Ins *ins, struct Addition *addition);
void x86_settle(struct Gen *g, const struct Ins *ins);  /* makes them if INS, which comes next and is no MARK, may look at or leave them behind; if there are any */

/* -- records.c */
enum Record { RECORD_LOAD, RECORD_STORE, RECORD_CALL, RECORD_INLINE };
void x86_records_begin(struct Gen *g);
void x86_record(struct Gen *g, enum Record kind);       /* the next instruction emitted is a fault point; or the last one a call */
void x86_record_inline(struct Gen *g, const void *fn);  /* what follows is the body of FN */
/* Copies the tables to META; returns the number of bytes, or UINT32_MAX if there is no room below END. */
uint32_t x86_records_end(struct Gen *g, uint32_t cold_start, uint8_t *meta, uint8_t *end);
bool x86_recover(struct Cpu *cpu, const struct Block *block, void *ucontext, enum Cause cause);
uint64_t x86_guest_pc(const struct Block *block, const void *pc);
const void *x86_inlined(const struct Block *block, const void *pc);

bool x86_fp_trap(struct Cpu *cpu, void *ucontext);

/* -- disassemble.c */
void x86_marks_begin(const struct Block *block);        /* NULL: of one that is not listed */
enum { MARK_COLD = 0x7fffffff };        /* in place of an instruction: the code out of line begins */
void x86_mark(uint32_t offset, uint32_t insn);
static inline void x86_emit_mark(struct Gen *g, const struct Ins *ins)
{
	g->pc = g->ir->insns[ins->imm].pc;
	if (g->listed)
		x86_mark(asm_offset(g->as), ins->imm);
}
void x86_disassemble(const struct Block *block, const struct Ir *ir, struct _GString *text);

#endif
