/* SPDX-License-Identifier: MIT */
/* The intermediate representation, and its manual.
 *
 * A unit (struct Ir) is one translation: a guest block, later a region of blocks. It is a linear array of
 * instructions (struct Ins) over two kinds of variables:
 *
 *   globals      0 .. nglobals-1: guest registers, described by the guest's table of struct IrGlobal. They are
 *                assigned as often as the guest assigns them; outside translated code they live in struct Cpu.
 *   temporaries  nglobals .. nvars-1: made by ir_temp(), and dead at every LABEL.
 *
 * and constants, which are references with the bit IR_CONST. Every variable has a class: integer (64 bits) or vector
 * (128 bits, also home of f32 and f64). The type of an instruction says how much of a variable it uses.
 *
 * Each guest instruction opens with a MARK, then optionally a POLL. The instrument pass inserts its probes (CALL,
 * SLOTADD, ...) behind them or round the memory accesses that follow. For "addi a0, a0, 1; beqz a0, 0x10078" at 0x10074:
 *
 *     mark      0x10074  c.addi a0, a0, 1
 *     add.i64   a0 = a0, 1
 *     mark      0x10076  c.beqz a0, 0x10078
 *     exitcond.i64 eq a0, 0 -> 0x10078
 *     exit      -> 0x10078
 *
 * Exactness. At an instruction with OPF_FAULT, at POLL and HEAT, at RAISE and at a CALL with IRC_READS the values of all
 * globals are those the guest architecture defines at the last MARK (a guest instruction assigns its registers only after its last
 * fault). Passes may delay or drop an assignment only where none of these could see it.
 *
 * Ownership. A unit and all it points to live in the arena given to ir_new() and are dropped with it. Nothing here
 * is shared between threads: each translation has its own.
 */
#ifndef FORERUN_IR_H
#define FORERUN_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct Guest;

typedef uint16_t Ref;
enum {
	IR_CONST = 0x8000,      /* Ref bit: index of Ir.consts */
	REF_NONE = 0x7fff,
	IR_MAXVARS = 0x7000,
	IR_MAXCONSTS = 0x7000,
	IR_MAXARGS = 6,         /* of a CALL */
	IR_MAXGLOBALS = 256,    /* of a guest */
};

enum IrType { IR_I32, IR_I64, IR_F32, IR_F64, IR_V128, IR_NTYPES };
enum IrClass { IR_INT, IR_VEC };

enum IrOp {
#define OP(name, result, args, flags) IR_##name,
#include "ops.def"
#undef OP
	IR_NOPS
};

enum {
	OPF_PURE = 1, OPF_FAULT = 2, OPF_EXIT = 4, OPF_COND = 8, OPF_ROUND = 16, OPF_MEM = 32,
};

/* What the table says of an operation; index with enum IrOp. */
struct IrOpInfo {
	const char *name;       /* lower case */
	char result;            /* 'I' 'V' 'A' '-' */
	const char *args;
	uint8_t flags, nargs;
};
extern const struct IrOpInfo ir_op_info[IR_NOPS];

/* Conditions come in pairs: COND ^ 1 is the negation. */
enum IrCond {
	COND_EQ, COND_NE, COND_LT, COND_GE, COND_LTU, COND_GEU, COND_LE, COND_GT, COND_LEU, COND_GTU,
	COND_ALWAYS, COND_NEVER,
};

/* Rounding modes, numbered as IEEE 754 software and riscv's frm number them. */
enum IrRound { ROUND_NE, ROUND_TZ, ROUND_DN, ROUND_UP, ROUND_MM };

/* Exception flags of floating point, as riscv's fflags has them. */
enum { FPX_INEXACT = 1, FPX_UNDERFLOW = 2, FPX_OVERFLOW = 4, FPX_DIVZERO = 8, FPX_INVALID = 16, FPX_ALL = 31 };

/* Orders that a FENCE enforces: earlier kind before later kind. */
enum { IR_FENCE_RR = 1, IR_FENCE_RW = 2, IR_FENCE_WR = 4, IR_FENCE_WW = 8, IR_FENCE_ALL = 15 };

/* A memory access: Ins.mem. */
enum {
	MEM_8 = 0, MEM_16 = 1, MEM_32 = 2, MEM_64 = 3, MEM_128 = 4,
	MEM_SIZE = 7,           /* mask: log2 of the bytes */
	MEM_SIGNED = 8,         /* integer loads: sign-extend to 64 bits, else zero-extend */
	MEM_BE = 16,            /* big-endian */
	MEM_ALIGNED = 32,       /* misaligned raises CAUSE_MISALIGNED_LOAD/STORE, else it just works */
	MEM_ATOMIC = 64,        /* single-copy atomic where aligned; the atomic operations set it */
	MEM_SPACE = 0xf00,      /* mask: address space index; user mode knows only 0 */
};

struct Ins {
	uint8_t op;             /* enum IrOp */
	uint8_t type;           /* enum IrType */
	uint8_t cond;           /* enum IrCond, enum IrRound or IR_FENCE_* */
	uint8_t spare;
	uint16_t mem;           /* MEM_* */
	Ref d;                  /* variable defined, or REF_NONE */
	Ref a[4];               /* operands; REF_NONE behind the last */
	int32_t imm;
};
_Static_assert(sizeof(struct Ins) == 20, "an instruction is five words");

/* Ins.mem of BRCOND: what is to be done when it is taken may as well be out of line. */
enum { BRANCH_SELDOM = 1 };

/* A guest register that instructions name directly. */
struct IrGlobal {
	const char *name;
	uint32_t offset;        /* bytes from the start of struct Cpu */
	uint8_t type;           /* enum IrType: IR_I32/IR_I64 is class integer, IR_F64/IR_V128 class vector */
};

/* One guest instruction of a unit; MARK names it by index. */
struct IrInsn {
	uint64_t pc;            /* guest virtual address */
	uint32_t opcode;        /* for guests with instructions of at most 4 bytes, else 0 */
	uint8_t length;         /* bytes */
	uint8_t bytes[15];      /* in guest memory order */
};

/* A guest block of a unit: as the guest's code would run without regions. Its instructions lie one behind the other in Ir.insns. */
struct IrBlock {
	unsigned first;         /* index in Ir.insns */
};

/* Where a unit is left. */
enum IrExitHint { EXIT_JUMP, EXIT_CALL, EXIT_RETURN, EXIT_CALL_INDIRECT };
struct IrExit {
	uint64_t pc;            /* of EXIT and EXITCOND: the target */
	uint64_t link;          /* EXIT_CALL*: the return address */
	uint8_t hint;           /* enum IrExitHint */
};

/* A call out of translated code. Arguments are integers; vector values are passed through FBITS.
 * The function sees the cpu's globals in struct Cpu as IRC_READS and IRC_WRITES say. */
enum {
	IRC_READS = 1,          /* globals are stored before the call, and Cpu.pc is the current mark's pc */
	IRC_WRITES = 2,         /* globals are reloaded after it (implies IRC_READS) */
	IRC_RAISES = 4,         /* may leave by cpu_raise(): like OPF_FAULT, and Cpu.pc is current (implies IRC_READS) */
	IRC_PROBE = 8,          /* plugin code: may run at any length, crash, use floating point; see cpu_in_probe */
	IRC_FP = 16,            /* the function may disturb the host's floating-point control and status register */
	IRC_PURE = 32,          /* result depends on the arguments alone, and nothing else happens */
};
struct IrCall {
	void *fn;               /* uint64_t (*)(up to IR_MAXARGS of uint64_t), or void */
	const char *name;       /* for dumps and crash reports; outlives the unit */
	uint8_t flags;          /* IRC_* */
	uint8_t nargs;
	Ref args[IR_MAXARGS];   /* REF_CPU in place of a variable passes the struct Cpu pointer */
	void *owner;            /* probes: the plugin, for crash reports; else NULL */
	/* FunctionFacts.body: what the function does is emitted in place of the call; NULL: it is not that certain. The last NSTATES arguments are
	 * not the function's, but the guest registers that the body reads. If it is guarded, the rest says how the function is called */
	const void *body;
	uint8_t nstates;
	uint8_t index_args;     /* arguments, bit by position, that are Cpu.index when the function is called; the body does not read them */
	uint8_t mark;           /* what Cpu.in_probe says while it is; 0: it is left alone */
};
enum { REF_CPU = 0x7ffe };

/* Ins of CALL: d result or REF_NONE; called only if a[0] cond a[1], of type I64 (COND_ALWAYS: operands REF_NONE); the call is out of line else. */

struct Ir {
	struct Arena *arena;
	const struct Guest *guest;
	uint64_t pc;            /* guest address of the unit's entry */
	uint32_t key;           /* of the unit, see Guest.block_key */
	uint8_t round;          /* enum IrRound that the host's control register holds while the unit runs */
	uint64_t words;         /* the set of those globals below 64 that a host may take for sign-extended words at the entry, see assume_compared() */

	struct Ins *ins;
	unsigned nins, ins_cap;
	uint64_t *consts;
	unsigned nconsts, consts_cap;
	uint8_t *var_class;     /* enum IrClass, by variable */
	unsigned nglobals, nvars, vars_cap;
	bool vector_temps;      /* some temporary is a vector */
	struct IrInsn *insns;
	unsigned ninsns, insns_cap;
	struct IrBlock *blocks;         /* one, or the pieces of a region */
	unsigned nblocks, blocks_cap;
	struct IrExit *exits;
	unsigned nexits, exits_cap;
	struct IrCall *calls;
	unsigned ncalls, calls_cap;
	unsigned nlabels;
};

/* Makes an empty unit in ARENA for guest code at PC. Never fails (the arena aborts when memory is exhausted). Under the translation lock. */
struct Ir *ir_new(struct Arena *arena, const struct Guest *guest, uint64_t pc, uint32_t key);

/* -- building: each appends to the unit. A full table sets nothing; callers stay below by limiting a unit to 512 guest instructions */
Ref ir_const(struct Ir *ir, uint64_t value);            /* equal values give equal references */
Ref ir_temp(struct Ir *ir, enum IrClass class);
unsigned ir_label(struct Ir *ir);                       /* a new label number; place it with ir_emit_label */
struct Ins *ir_append(struct Ir *ir, enum IrOp op, enum IrType type);   /* operands REF_NONE; valid until the next append */
Ref ir_op1(struct Ir *ir, enum IrOp op, enum IrType type, Ref a);       /* result in a new temporary */
Ref ir_op2(struct Ir *ir, enum IrOp op, enum IrType type, Ref a, Ref b);
void ir_into1(struct Ir *ir, enum IrOp op, enum IrType type, Ref d, Ref a);     /* result in variable d */
void ir_into2(struct Ir *ir, enum IrOp op, enum IrType type, Ref d, Ref a, Ref b);
void ir_fp(struct Ir *ir, enum IrOp op, enum IrType type, enum IrRound round, Ref d, Ref a, Ref b, Ref c);      /* any OPF_ROUND op */
void ir_setcond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref d, Ref a, Ref b);
void ir_select(struct Ir *ir, enum IrType type, enum IrCond cond, Ref d, Ref a, Ref b, Ref c, Ref e);
void ir_load(struct Ir *ir, enum IrType type, unsigned mem, Ref d, Ref addr, int32_t disp);
void ir_store(struct Ir *ir, enum IrType type, unsigned mem, Ref addr, int32_t disp, Ref value);
void ir_atomic(struct Ir *ir, enum IrOp op, enum IrType type, unsigned mem, Ref d, Ref addr, Ref b, Ref c);
void ir_fence(struct Ir *ir, unsigned orders);
void ir_get(struct Ir *ir, unsigned mem, Ref d, uint32_t offset);
void ir_put(struct Ir *ir, unsigned mem, uint32_t offset, Ref value);
void ir_begin_block(struct Ir *ir);                     /* the next MARK begins a guest block, as the first does */
void ir_mark(struct Ir *ir, uint64_t pc, const void *bytes, unsigned length);
void ir_poll(struct Ir *ir);
void ir_emit_label(struct Ir *ir, unsigned label);
void ir_br(struct Ir *ir, unsigned label);
void ir_brcond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref a, Ref b, unsigned label);
void ir_exit(struct Ir *ir, uint64_t pc, enum IrExitHint hint, uint64_t link);
void ir_exit_cond(struct Ir *ir, enum IrType type, enum IrCond cond, Ref a, Ref b, uint64_t pc);
unsigned ir_exit_again(struct Ir *ir, unsigned exit);    /* the index of another exit like EXIT, for a copy of the instruction */
void ir_exit_indirect(struct Ir *ir, Ref target, enum IrExitHint hint, uint64_t link);
void ir_raise(struct Ir *ir, unsigned cause);
/* Appends a CALL; ARGS has NARGS references; D may be REF_NONE. Returns the call's record, valid until the next call is added. */
struct IrCall *ir_call(struct Ir *ir, Ref d, void *fn, const char *name, unsigned flags, unsigned nargs, const Ref *args);

/* -- reading */
static inline bool ref_is_const(Ref r) { return (r & IR_CONST) != 0; }
static inline bool ref_is_var(Ref r) { return r < IR_MAXVARS; }
static inline uint64_t ir_value(const struct Ir *ir, Ref r) { return ir->consts[r & ~IR_CONST]; }
static inline bool ir_is_global(const struct Ir *ir, Ref r) { return r < ir->nglobals; }
static inline enum IrClass ir_type_class(enum IrType t) { return t >= IR_F32 ? IR_VEC : IR_INT; }

/* Fills USES with pointers to all operands of INS that are variables or constants (those of a CALL's record too); returns how many, at
 * most 4 + IR_MAXARGS. */
unsigned ir_uses(struct Ir *ir, struct Ins *ins, Ref *uses[4 + IR_MAXARGS]);

/* Whether the guest state must be recoverable at INS (see "Exactness"). */
bool ir_observes(const struct Ir *ir, const struct Ins *ins);

/* Appends a readable listing of the unit to TEXT (a GString), TITLE first; for -d op, op_opt. */
struct _GString;
void ir_print(const struct Ir *ir, const char *title, struct _GString *text);
void ir_print_ins(const struct Ir *ir, const struct Ins *ins, struct _GString *text);

/* Checks the rules of this header: operand classes, definedness of temporaries, labels, a last instruction that exits. Aborts with the listing
 * and PASS, the name of the pass to blame, if one is broken. Debug builds run it after every pass. */
void ir_check(const struct Ir *ir, const char *pass);

/* optimise.c: constant and copy propagation, folding, dead code, dead writes of globals; in place, one forward and one backward pass. */
void ir_optimise(struct Ir *ir);

/* if_convert.c: branches of a region round cheap operations become selections; in place, before ir_optimise(). HARD says whether the branch at a guest address is so
 * hard to predict that COST operations in its place are faster: some are converted only then. */
void ir_if_convert(struct Ir *ir, bool (*hard)(uint64_t pc, unsigned cost));
/* The guest addresses of those branches, at most MAX, in PCS: returns how many. */
unsigned ir_if_questions(struct Ir *ir, uint64_t *pcs, unsigned max);

/* Drops what no way leads to from the unit, labels too. */
void ir_drop_unreachable(struct Ir *ir);

/* unroll.c: bodies of small innermost loops are there several times; in place, before ir_drop_polls(). */
void ir_unroll(struct Ir *ir);

/* polls.c: drops the POLLs of a region that no cycle needs, neither one in it nor one that goes through other units; in place, before ir_optimise(). */
void ir_drop_polls(struct Ir *ir);

#endif
