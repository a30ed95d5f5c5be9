/* SPDX-License-Identifier: MIT */
/* Test plugin: reads every register by name and number, writes some, computes with floating point. */
#include <string.h>

#include "plugins.h"
#include "regnum.h"

static volatile double sum = 1;
static bool done;

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

static void expect(bool good, const char *what)
{
	if (!good)
		qemulib_log("registers: WRONG: %s\n", what);
}

static uint64_t get(void *cpu, int id)
{
	uint64_t value = 0;
	expect(qemulib_read_register(cpu, (uint8_t *)&value, id) == 8, "size");
	return value;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	uint64_t old, new = 0x123456789abcdef0, value;

	sum = sum / 3;
	if (done)
		return;
	done = true;
	expect(get(cpu, RISCV64_PC_REGNUM) == pc, "pc");
	expect(get(cpu, RISCV64_ZERO_REGNUM) == 0, "zero");
	expect(qemulib_register_id("a0") == RISCV64_A0_REGNUM && qemulib_register_id("x10") == RISCV64_X10_REGNUM, "a0");
	expect(qemulib_register_id("ft0") == RISCV64_FT0_REGNUM && qemulib_register_id("f31") == RISCV64_FT11_REGNUM, "ft0");
	expect(qemulib_register_id("fcsr") == RISCV64_FCSR_REGNUM && qemulib_register_id("time") == RISCV64_TIME_REGNUM, "fcsr");
	expect(qemulib_register_id("priv") > 0 && get(cpu, qemulib_register_id("priv")) == 0, "priv");
	expect(qemulib_register_id("nonsense") == -1, "nonsense");
	expect(qemulib_read_register(cpu, (uint8_t *)&value, -1) == 0 && qemulib_read_register(cpu, (uint8_t *)&value, 99999) == 0, "range");
	expect(get(cpu, RISCV64_FRM_REGNUM) == 0, "frm");
	old = get(cpu, RISCV64_T6_REGNUM);
	expect(qemulib_write_register(cpu, (const uint8_t *)&new, RISCV64_T6_REGNUM) == 8 && get(cpu, RISCV64_T6_REGNUM) == new, "write");
	qemulib_write_register(cpu, (const uint8_t *)&old, RISCV64_T6_REGNUM);
	expect(qemulib_write_register(cpu, (const uint8_t *)&new, RISCV64_PC_REGNUM) == 0, "pc is not written");
	value = 2;
	expect(qemulib_write_register(cpu, (const uint8_t *)&value, RISCV64_FRM_REGNUM) == 0 && get(cpu, RISCV64_FRM_REGNUM) == 0, "frm stays");
	old = get(cpu, RISCV64_FFLAGS_REGNUM);
	value = old ^ 1;
	expect(qemulib_write_register(cpu, (const uint8_t *)&value, RISCV64_FFLAGS_REGNUM) == 8, "fflags");
	expect(get(cpu, RISCV64_FFLAGS_REGNUM) == value, "fflags changed");
	qemulib_write_register(cpu, (const uint8_t *)&old, RISCV64_FFLAGS_REGNUM);
	expect(strcmp(qemulib_get_arch_name(), "riscv64") == 0, "arch");
	expect(strcmp(qemulib_syscall_name(64), "write") == 0 && !qemulib_syscall_name(99999), "system call name");
}

void plugin_exit(void)
{
	qemulib_log("registers: %s\n", done ? "read" : "WRONG: never called");
}
