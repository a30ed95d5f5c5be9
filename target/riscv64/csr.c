/* SPDX-License-Identifier: MIT */
/* Control and status registers: names, values, and the IR of the instructions that access them. */
#include <glib.h>
#include <time.h>

#include "target/riscv64/translation.h"
#include "translator/translator.h"

/* -- values -------------------------------------------------------------------------------------------------------- */

uint64_t riscv_read_fflags(struct Cpu *cpu)
{
	return cpu_fflags(cpu);
}

uint64_t riscv_read_frm(struct Cpu *cpu)
{
	return riscv_cpu(cpu)->frm;
}

uint64_t riscv_read_fcsr(struct Cpu *cpu)
{
	return riscv_read_frm(cpu) << 5 | cpu_fflags(cpu);
}

static void set_fp(struct Cpu *cpu, uint64_t fflags, uint64_t frm)
{
	riscv_cpu(cpu)->frm = frm & 7;
	cpu_set_fp(cpu, fflags & 31, (frm & 7) <= ROUND_MM ? frm & 7 : ROUND_NE);
}

void riscv_set_frm(struct Cpu *cpu, uint64_t frm)
{
	set_fp(cpu, cpu_fflags(cpu), frm);
}

void riscv_set_fcsr(struct Cpu *cpu, uint64_t fcsr)
{
	set_fp(cpu, fcsr, fcsr >> 5);
}

static uint64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

uint64_t riscv_read_time(void)
{
	return nanoseconds() / (1000000000 / RISCV_TIMEBASE);
}

uint64_t riscv_read_cycle(void)
{
	return nanoseconds();
}

/* -- names --------------------------------------------------------------------------------------------------------- */

static const struct { uint16_t number; const char *name; } csr_names[] = {
	{ RISCV_CSR_FFLAGS, "fflags" }, { RISCV_CSR_FRM, "frm" }, { RISCV_CSR_FCSR, "fcsr" }, { 0x015, "seed" },
	{ RISCV_CSR_CYCLE, "cycle" }, { RISCV_CSR_TIME, "time" }, { RISCV_CSR_INSTRET, "instret" },
	{ 0x008, "vstart" }, { 0x009, "vxsat" }, { 0x00a, "vxrm" }, { 0x00f, "vcsr" }, { 0xc20, "vl" }, { 0xc21, "vtype" },
	{ 0xc22, "vlenb" }, { 0xc03, "hpmcounter3" }, { 0xc04, "hpmcounter4" }, { 0xc05, "hpmcounter5" }, { 0xc06, "hpmcounter6" },
	{ 0xc07, "hpmcounter7" }, { 0xc08, "hpmcounter8" }, { 0xc09, "hpmcounter9" }, { 0xc0a, "hpmcounter10" },
	{ 0xc0b, "hpmcounter11" }, { 0xc0c, "hpmcounter12" }, { 0xc0d, "hpmcounter13" }, { 0xc0e, "hpmcounter14" },
	{ 0xc0f, "hpmcounter15" }, { 0xc10, "hpmcounter16" }, { 0xc11, "hpmcounter17" }, { 0xc12, "hpmcounter18" },
	{ 0xc13, "hpmcounter19" }, { 0xc14, "hpmcounter20" }, { 0xc15, "hpmcounter21" }, { 0xc16, "hpmcounter22" },
	{ 0xc17, "hpmcounter23" }, { 0xc18, "hpmcounter24" }, { 0xc19, "hpmcounter25" }, { 0xc1a, "hpmcounter26" },
	{ 0xc1b, "hpmcounter27" }, { 0xc1c, "hpmcounter28" }, { 0xc1d, "hpmcounter29" }, { 0xc1e, "hpmcounter30" },
	{ 0xc1f, "hpmcounter31" },
};

const char *riscv_csr_name(unsigned number)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(csr_names); i++)
		if (csr_names[i].number == number)
			return csr_names[i].name;
	return NULL;
}

/* -- instructions -------------------------------------------------------------------------------------------------- */

static uint64_t apply(unsigned operation, uint64_t old, uint64_t value)
{
	return operation == CSR_WRITE ? value : operation == CSR_SET ? old | value : old & ~value;
}

/* Function of a CALL: changes fflags, which is no part of the key; returns what it was. */
static uint64_t write_fflags(struct Cpu *cpu, uint64_t value, uint64_t operation)
{
	uint64_t old = cpu_fflags(cpu);

	cpu_set_fp(cpu, apply(operation, old, value) & 31, cpu->round);
	return old;
}

/* Function of a CALL with IRC_WRITES and IRC_RAISES: changes frm or fcsr, stores what it was in x register RD, and, if the running
 * unit's key is no longer right, goes on from NEXT through the run loop. */
static void write_rounding(struct Cpu *cpu, uint64_t csr, uint64_t value, uint64_t operation, uint64_t rd, uint64_t next)
{
	uint32_t key = cpu->guest->block_key(cpu);

	if (csr == RISCV_CSR_FRM) {
		uint64_t old = riscv_read_frm(cpu);
		riscv_set_frm(cpu, apply(operation, old, value));
		value = old;
	} else {
		uint64_t old = riscv_read_fcsr(cpu);
		riscv_set_fcsr(cpu, apply(operation, old, value));
		value = old;
	}
	if (rd)
		riscv_cpu(cpu)->x[rd] = value;
	if (cpu->guest->block_key(cpu) == key)
		return;
	cpu->key = cpu->guest->block_key(cpu);
	cpu->pc = next;
	cpu_redirect(cpu);
}

static void read_register(struct RiscvTranslation *t, unsigned number)
{
	Ref args[] = { REF_CPU }, d = riscv_rd(t);

	switch (number) {
	case RISCV_CSR_FFLAGS:
		ir_append(t->ir, IR_FXGET, IR_I64)->d = d;
		break;
	case RISCV_CSR_FRM:
		ir_get(t->ir, MEM_8, d, offsetof(struct Riscv64Cpu, frm));
		break;
	case RISCV_CSR_FCSR:
		ir_call(t->ir, d, (void *)riscv_read_fcsr, "read_fcsr", 0, 1, args);
		break;
	case RISCV_CSR_TIME:
		ir_call(t->ir, d, (void *)riscv_read_time, "read_time", 0, 0, NULL);
		break;
	default:
		ir_call(t->ir, d, (void *)riscv_read_cycle, "read_cycle", 0, 0, NULL);
	}
}

static bool register_exists(unsigned number)
{
	switch (number) {
	case RISCV_CSR_FFLAGS: case RISCV_CSR_FRM: case RISCV_CSR_FCSR:
		return riscv_has[RISCV_EXT_F];
	case RISCV_CSR_CYCLE: case RISCV_CSR_TIME: case RISCV_CSR_INSTRET:
		return riscv_has[RISCV_EXT_ZICNTR];
	default:
		return false;
	}
}

/* Set and clear with x0 or 0 do not write, which matters for registers that cannot be written. */
enum TranslateResult riscv_tr_csr(struct RiscvTranslation *t)
{
	unsigned number = t->o.imm, operation = t->insn->argument & CSR_OPERATION;
	bool writes = operation == CSR_WRITE || t->o.rs1 != 0, read_only = number >> 10 == 3;

	if (!register_exists(number) || (writes && read_only))
		return riscv_illegal(t);
	if (!writes) {
		read_register(t, number);
		return TRANSLATE_NEXT;
	}
	Ref value = t->insn->argument & CSR_IMMEDIATE ? riscv_const(t, t->o.rs1) : riscv_rs1(t);
	if (number == RISCV_CSR_FFLAGS && operation == CSR_WRITE) {
		Ref old = t->o.rd ? ir_temp(t->ir, IR_INT) : REF_NONE;
		if (t->o.rd)
			ir_append(t->ir, IR_FXGET, IR_I64)->d = old;
		ir_append(t->ir, IR_FXPUT, IR_I64)->a[0] = value;
		if (t->o.rd)
			ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), old);
	} else if (number == RISCV_CSR_FFLAGS) {
		Ref args[] = { REF_CPU, value, riscv_const(t, operation) };
		ir_call(t->ir, riscv_rd(t), (void *)write_fflags, "write_fflags", 0, 3, args);
	} else {
		Ref args[] = { REF_CPU, riscv_const(t, number), value, riscv_const(t, operation), riscv_const(t, t->o.rd),
			       riscv_const(t, t->next) };
		ir_call(t->ir, REF_NONE, (void *)write_rounding, "write_rounding", IRC_READS | IRC_WRITES | IRC_RAISES, 6, args);
		/* the block ends here, whether or not it is left: what counts its instructions when it begins must be right */
		ir_exit(t->ir, t->next, EXIT_JUMP, 0);
		return TRANSLATE_END;
	}
	return TRANSLATE_NEXT;
}
