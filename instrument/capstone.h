/* SPDX-License-Identifier: MIT */
/* Host code as text, by capstone. It is loaded when it is first needed: it is as large as the rest of forerun, and most runs look at no host code. */
#ifndef FORERUN_CAPSTONE_H
#define FORERUN_CAPSTONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose code; the rows of capstone.c say what capstone calls it. */
enum CapstoneCode { CAPSTONE_NONE, CAPSTONE_X86_64 };

struct CapstoneInsn {
	size_t size;                            /* bytes */
	const char *mnemonic, *operands;        /* valid until the next capstone_read() or capstone_close() */
};

struct Capstone;

/* A reader of such code, for one thread at a time; close it. NULL: forerun was built without capstone, it is not there in the version that forerun was
 * built for, or the code is CAPSTONE_NONE. Any thread; not from signal handlers. */
struct Capstone *capstone_open(enum CapstoneCode code);
/* The instruction at the head of SIZE bytes that stand at ADDRESS; false: they begin with none. */
bool capstone_read(struct Capstone *capstone, const uint8_t *bytes, size_t size, uint64_t address, struct CapstoneInsn *insn);
/* NULL does nothing. */
void capstone_close(struct Capstone *capstone);

#endif
