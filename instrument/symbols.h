/* SPDX-License-Identifier: MIT */
/* Names of guest addresses, from the symbol tables of the files that the guest has mapped. */
#ifndef FORERUN_SYMBOLS_H
#define FORERUN_SYMBOLS_H

#include <stdint.h>

/* The name of the function that contains guest virtual ADDR and, in *OFFSET (may be NULL), the bytes from its start. NULL: the address is in no
 * mapped file, or the file has no symbol there. The string lives as long as the process. Any thread; not from signal handlers. A file is read
 * once, when an address in it is first asked for. */
const char *symbol_lookup(uint64_t addr, uint64_t *offset);

#endif
