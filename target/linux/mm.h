/* SPDX-License-Identifier: MIT */
/* The guest's address space: which pages it has mapped, with which rights, and which of them hold translated code.
 *
 * Guest addresses are host addresses. The guest's PROT_EXEC is never given to the host's pages; pages from which code was translated
 * lose the host's PROT_WRITE until somebody writes to them. */
#ifndef FORERUN_MM_H
#define FORERUN_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MM_PAGE = 4096 };

void mm_init(void);
/* The guest's mmap, with guest PROT_* and MAP_* (asm-generic values = this host's). Addresses it chooses lie below 2^38 where there is room, as Sv39 kernels do. Returns the
 * address or -errno. Fixed mappings over forerun's own memory fail with -ENOMEM. */
int64_t mm_mmap(uint64_t addr, size_t len, int prot, int flags, int fd, uint64_t offset);
int64_t mm_munmap(uint64_t addr, size_t len);
int64_t mm_mprotect(uint64_t addr, size_t len, int prot);
int64_t mm_mremap(uint64_t old, size_t old_len, size_t new_len, int flags, uint64_t new_addr);
int64_t mm_madvise(uint64_t addr, size_t len, int advice);
int64_t mm_brk(uint64_t addr);
void mm_set_brk(uint64_t start);
/* Guest PROT_* of the page at ADDR, -1 if the guest has nothing there. Any thread. */
int mm_prot(uint64_t addr);
/* Makes guest-writable pages in the range writable for the host (invalidating translated code): before the kernel writes there. True if any was not. */
bool mm_unprotect(uint64_t addr, size_t len);
bool mm_unprotect_all(void);
void mm_fork_prepare(void);
void mm_fork_done(bool child);

#endif
