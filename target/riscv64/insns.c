/* SPDX-License-Identifier: MIT */
/* The table of riscv64 instructions, made of insns.def. */
#include "target/riscv64/insns.h"
#include "target/riscv64/translation.h"

#define INSN(name_, match_, mask_, format_, extension_, translation_, argument_, text_) \
	{ .name = name_, .match = match_, .mask = mask_, .format = RISCV_FMT_##format_, .extension = RISCV_EXT_##extension_, \
	  .length = ((match_) & 3) == 3 ? 4 : 2, .reserved = (uint32_t)(argument_) == RESERVED, \
	  .argument = argument_, .translate = riscv_tr_##translation_, .text = text_ },

const struct RiscvInsn riscv_insns[] = {
#include "target/riscv64/insns.def"
};
const unsigned riscv_ninsns = sizeof riscv_insns / sizeof *riscv_insns;
