/* SPDX-License-Identifier: MIT */
/* Guest memory as the interpreter reaches it: single host accesses at the guest's address. */
#ifndef FORERUN_INTERP_ACCESS_H
#define FORERUN_INTERP_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "translator/ir.h"

/* Any of these may raise a host signal; the caller has marked the cpu (see interp.c). Where aligned, accesses up to 8 bytes are single-copy
 * atomic; misaligned ones just work. */

/* Loads as MEM says, extended to 64 bits; not MEM_128. */
uint64_t access_load(uint64_t addr, unsigned mem);
void access_store(uint64_t addr, unsigned mem, uint64_t value);
void access_load128(uint64_t addr, unsigned mem, uint64_t value[2]);
void access_store128(uint64_t addr, unsigned mem, const uint64_t value[2]);
/* The atomic operations CMPXCHG to FMAXU, sequentially consistent, at an aligned ADDR. B and C are the instruction's second and third operand;
 * returns the old value, extended as MEM says. */
uint64_t access_atomic(enum IrOp op, uint64_t addr, unsigned mem, uint64_t b, uint64_t c);
/* VALUE's low bytes extended to 64 bits as MEM says (size and sign). */
uint64_t access_extend(uint64_t value, unsigned mem);

#endif
