/* SPDX-License-Identifier: MIT */
/* State of a riscv64 cpu, its control registers, and its configuration: shared by the files of target/riscv64/. */
#ifndef FORERUN_RISCV64_CPU_H
#define FORERUN_RISCV64_CPU_H

#include "target/guest.h"
#include "target/riscv64/insns.h"

enum {
	RISCV_FRM_DYNAMIC = 7,                  /* rm field: take the mode from frm */
	RISCV_KEY_RESERVED = 5,                 /* block key while frm holds a reserved mode; else the key is frm */
	RISCV_CACHE_BLOCK = 64,                 /* bytes, of cbo.* */
	RISCV_TIMEBASE = 10000000,              /* Hz of the time register */
};

struct Riscv64Cpu {
	struct Cpu common;
	uint64_t x[32];                         /* x[0] stays 0 */
	uint64_t f[32];                         /* narrower values are NaN-boxed */
	uint64_t reserved_addr;                 /* of the last lr; valid while reserved_size is not 0 */
	uint64_t reserved_value;                /* what it loaded, sign-extended */
	uint8_t reserved_size;                  /* bytes, 0: no reservation */
	uint8_t frm;                            /* 0..7 as the guest wrote it; Cpu.round is the mode in force */
};
_Static_assert(offsetof(struct Riscv64Cpu, common) == 0, "struct Cpu comes first");

static inline struct Riscv64Cpu *riscv_cpu(struct Cpu *cpu) { return (struct Riscv64Cpu *)cpu; }
static inline const struct Riscv64Cpu *riscv_cpu_const(const struct Cpu *cpu) { return (const struct Riscv64Cpu *)cpu; }

/* Numbers of globals: x1..x31, then f0..f31. */
enum { RISCV_GLOBAL_X1 = 0, RISCV_GLOBAL_F0 = 31, RISCV_NGLOBALS = 63 };

/* -- csr.c */

enum { RISCV_CSR_FFLAGS = 1, RISCV_CSR_FRM = 2, RISCV_CSR_FCSR = 3, RISCV_CSR_CYCLE = 0xc00, RISCV_CSR_TIME = 0xc01, RISCV_CSR_INSTRET = 0xc02 };

/* Name of a control register as assemblers write it, NULL if it has none. */
const char *riscv_csr_name(unsigned number);
/* The value of a counter or floating-point register, on the cpu's thread: outside translated code, or as the function of a CALL. */
uint64_t riscv_read_fflags(struct Cpu *cpu);
uint64_t riscv_read_frm(struct Cpu *cpu);
uint64_t riscv_read_fcsr(struct Cpu *cpu);
uint64_t riscv_read_time(void);         /* ticks of RISCV_TIMEBASE */
uint64_t riscv_read_cycle(void);        /* nanoseconds: a cpu of 1 GHz */
/* Set them on the cpu's thread; within translated code the caller sees to it that the block is left when the key changes. */
void riscv_set_frm(struct Cpu *cpu, uint64_t frm);
void riscv_set_fcsr(struct Cpu *cpu, uint64_t fcsr);

/* -- model.c: the -cpu string */
bool riscv_configure(const char *model, char **error);
void riscv_cpu_help(void);
/* The isa string of the configured cpu as the kernel writes it. Static. */
const char *riscv_isa_string(void);
/* Bits of RISCV_HWPROBE_KEY_IMA_EXT_0 of the configured cpu. */
uint64_t riscv_hwprobe_extensions(void);

extern const struct LinuxAbi riscv_linux_abi;
enum { RISCV_NREGISTERS = 32 + 1 + 32 + 1 + 6 };       /* x, pc, f, priv, control registers */
extern const struct Register riscv_registers[RISCV_NREGISTERS];

#endif
