/* SPDX-License-Identifier: MIT */
/* The table of riscv64 registers as logs, plugins and gdb see them, numbered as QEMU 10 numbers a cpu without vectors. */
#include "target/riscv64/cpu.h"
#include "translator/translator.h"

static uint64_t get_zero(struct Cpu *cpu) { (void)cpu; return 0; }
static void set_nothing(struct Cpu *cpu, uint64_t value) { (void)cpu; (void)value; }
static void set_fflags(struct Cpu *cpu, uint64_t value) { cpu_set_fp(cpu, value & 31, cpu->round); }
static uint64_t get_time(struct Cpu *cpu) { (void)cpu; return riscv_read_time(); }
static uint64_t get_cycle(struct Cpu *cpu) { (void)cpu; return riscv_read_cycle(); }

enum { GDB_F0 = 33, GDB_PRIV = 65, GDB_CSR = 66 };

#define CPU_FEATURE "org.gnu.gdb.riscv.cpu"
#define FPU_FEATURE "org.gnu.gdb.riscv.fpu"
#define VIRTUAL_FEATURE "org.gnu.gdb.riscv.virtual"
#define CSR_FEATURE "org.gnu.gdb.riscv.csr"

#define X(n, name_) { .name = name_, .offset = offsetof(struct Riscv64Cpu, x[n]), .size = 8, .global = RISCV_GLOBAL_X1 + (n) - 1, \
		      .gdb = (n), .feature = CPU_FEATURE },
#define F(n, name_) { .name = name_, .offset = offsetof(struct Riscv64Cpu, f[n]), .size = 8, .global = RISCV_GLOBAL_F0 + (n), \
		      .gdb = GDB_F0 + (n), .feature = FPU_FEATURE },
#define COMPUTED(name_, gdb_, feature_, read_only_, get_, set_) \
	{ .name = name_, .size = 8, .read_only = read_only_, .global = -1, .gdb = gdb_, .feature = feature_, .get = get_, .set = set_ },

const struct Register riscv_registers[] = {
	COMPUTED("zero", 0, CPU_FEATURE, false, get_zero, set_nothing)
	X(1, "ra") X(2, "sp") X(3, "gp") X(4, "tp") X(5, "t0") X(6, "t1") X(7, "t2") X(8, "fp") X(9, "s1") X(10, "a0") X(11, "a1")
	X(12, "a2") X(13, "a3") X(14, "a4") X(15, "a5") X(16, "a6") X(17, "a7") X(18, "s2") X(19, "s3") X(20, "s4") X(21, "s5")
	X(22, "s6") X(23, "s7") X(24, "s8") X(25, "s9") X(26, "s10") X(27, "s11") X(28, "t3") X(29, "t4") X(30, "t5") X(31, "t6")
	{ .name = "pc", .offset = offsetof(struct Cpu, pc), .size = 8, .global = -1, .gdb = 32, .feature = CPU_FEATURE },
	F(0, "ft0") F(1, "ft1") F(2, "ft2") F(3, "ft3") F(4, "ft4") F(5, "ft5") F(6, "ft6") F(7, "ft7") F(8, "fs0") F(9, "fs1")
	F(10, "fa0") F(11, "fa1") F(12, "fa2") F(13, "fa3") F(14, "fa4") F(15, "fa5") F(16, "fa6") F(17, "fa7") F(18, "fs2")
	F(19, "fs3") F(20, "fs4") F(21, "fs5") F(22, "fs6") F(23, "fs7") F(24, "fs8") F(25, "fs9") F(26, "fs10") F(27, "fs11")
	F(28, "ft8") F(29, "ft9") F(30, "ft10") F(31, "ft11")
	COMPUTED("priv", GDB_PRIV, VIRTUAL_FEATURE, true, get_zero, set_nothing)
	COMPUTED("fflags", GDB_CSR + RISCV_CSR_FFLAGS, CSR_FEATURE, false, riscv_read_fflags, set_fflags)
	COMPUTED("frm", GDB_CSR + RISCV_CSR_FRM, CSR_FEATURE, false, riscv_read_frm, riscv_set_frm)
	COMPUTED("fcsr", GDB_CSR + RISCV_CSR_FCSR, CSR_FEATURE, false, riscv_read_fcsr, riscv_set_fcsr)
	COMPUTED("cycle", GDB_CSR + RISCV_CSR_CYCLE, CSR_FEATURE, true, get_cycle, set_nothing)
	COMPUTED("time", GDB_CSR + RISCV_CSR_TIME, CSR_FEATURE, true, get_time, set_nothing)
	COMPUTED("instret", GDB_CSR + RISCV_CSR_INSTRET, CSR_FEATURE, true, get_cycle, set_nothing)
};
_Static_assert(sizeof riscv_registers / sizeof *riscv_registers == RISCV_NREGISTERS, "see cpu.h");
_Static_assert(GDB_CSR + RISCV_CSR_CYCLE == 3138, "the numbering of QEMU 10 without vectors");
