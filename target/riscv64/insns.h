/* SPDX-License-Identifier: MIT */
/* The table of riscv64 instructions as decoder, disassembler and tests read it. */
#ifndef FORERUN_RISCV64_INSNS_H
#define FORERUN_RISCV64_INSNS_H

#include <stdbool.h>
#include <stdint.h>

#include "target/guest.h"

enum RiscvExtension {
#define EXT(id, name, models, hwprobe, text) RISCV_EXT_##id,
#include "extensions.def"
	RISCV_EXT_ZFHMIN_D,     /* zfhmin and d: no name of its own */
	RISCV_EXT_COUNT
};

/* Where the operands of an instruction stand; the imaginary registers of the 16-bit formats (sp, ra, x0) count as operands. */
enum RiscvFormat {
	RISCV_FMT_NONE, RISCV_FMT_R, RISCV_FMT_R4, RISCV_FMT_AMO, RISCV_FMT_I, RISCV_FMT_SHIFT, RISCV_FMT_SHIFTW, RISCV_FMT_S,
	RISCV_FMT_B, RISCV_FMT_U, RISCV_FMT_J, RISCV_FMT_CSR, RISCV_FMT_FENCE,
	RISCV_FMT_CNONE, RISCV_FMT_CRESERVED, RISCV_FMT_CIW, RISCV_FMT_CL_W, RISCV_FMT_CL_D, RISCV_FMT_CS_W, RISCV_FMT_CS_D, RISCV_FMT_CI, RISCV_FMT_CLI,
	RISCV_FMT_CADDI16SP, RISCV_FMT_CLUI, RISCV_FMT_CB_SHIFT, RISCV_FMT_CB_IMM, RISCV_FMT_CA, RISCV_FMT_CJ, RISCV_FMT_CB,
	RISCV_FMT_CSHIFT, RISCV_FMT_CLWSP, RISCV_FMT_CLDSP, RISCV_FMT_CSWSP, RISCV_FMT_CSDSP, RISCV_FMT_CJR, RISCV_FMT_CJALR,
	RISCV_FMT_CMV, RISCV_FMT_CADD,
	RISCV_FMT_COUNT
};

/* The operands of one encoding. Fields that the format lacks hold what stands in those bits. */
struct RiscvOperands {
	uint8_t rd, rs1, rs2, rs3;
	uint8_t rm;             /* rounding mode field */
	int32_t imm;            /* sign-extended; U: already shifted; CSR: the register's number; FENCE: fm, pred, succ */
};

struct RiscvTranslation;

struct RiscvInsn {
	const char *name;
	uint32_t match, mask;   /* encodings: (opcode & mask) == match; the other bits are operands, to be filled at will */
	uint8_t format;         /* enum RiscvFormat */
	uint8_t extension;      /* enum RiscvExtension */
	uint8_t length;         /* bytes: 2 or 4 */
	bool reserved;          /* not an instruction: raises CAUSE_ILLEGAL */
	uint32_t argument;      /* of translate */
	enum TranslateResult (*translate)(struct RiscvTranslation *t);
	const char *text;       /* operands, see disassemble.c */
};
extern const struct RiscvInsn riscv_insns[];
extern const unsigned riscv_ninsns;

/* The extensions of the configured cpu. */
extern bool riscv_has[RISCV_EXT_COUNT];

/* Builds the decoder's index of the rows that the configured cpu has. Main thread, after riscv_has[] has been set, before any other function here. */
void riscv_decoder_build(void);
/* The row of the instruction OPCODE (16-bit ones in the low half), or NULL if the configured cpu has none. Any thread. */
const struct RiscvInsn *riscv_decode(uint32_t opcode);
/* Reads the operands of OPCODE, an encoding of INSN. */
struct RiscvOperands riscv_operands(const struct RiscvInsn *insn, uint32_t opcode);

/* Appends assembler text, see Guest.disassemble. */
void riscv_disassemble(uint64_t pc, const uint8_t *bytes, unsigned length, struct _GString *text);

static inline unsigned riscv_length(uint32_t opcode) { return (opcode & 3) == 3 ? 4 : 2; }

#endif
