/* SPDX-License-Identifier: MIT */
/* What the parts of the generator of random programs share. */
#ifndef FORERUN_RANDOM_GENERATE_H
#define FORERUN_RANDOM_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/random/layout.h"

/* generate.c: random numbers, and code that grows at its end. Places in the code are offsets from CODE_BASE. */
uint64_t rnd(void);
unsigned below(unsigned n);
extern size_t code_size;
void put(uint32_t insn, unsigned length);
void patch(size_t at, uint32_t insn);                           /* of four bytes */
uint32_t code_word(size_t at);
void put_data(uint64_t value);
void load_address(unsigned rd, uint32_t value);                 /* 0 <= VALUE < 2^31 */
void put_straight(unsigned length);                             /* LENGTH random instructions, or a few more */
uint32_t i_type(unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, int imm);
uint32_t s_type(unsigned opcode, unsigned funct3, unsigned rs1, unsigned rs2, int imm);

/* flow.c: the functions that the next stream calls, with a jump over them, and its body: loops, calls, jumps. Uses FLOW_REGS. */
void put_functions(void);
void put_flow(void);

/* idioms.c: a few instructions as compilers put them together; a0 to a5. */
void put_idiom(void);

#endif
