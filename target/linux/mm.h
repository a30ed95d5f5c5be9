/* SPDX-License-Identifier: MIT */
/* The guest's address space: which pages it has mapped, with which rights, and which of them hold translated code.
 *
 * Guest addresses are host addresses. The guest's PROT_EXEC is never given to the host's pages; pages from which code was translated
 * lose the host's PROT_WRITE until somebody writes to them.
 *
 * One lock guards it all; the functions here take it themselves. It may be taken under the translation lock, never the other way round, and nobody touches
 * guest memory while holding it: the handler of write faults on code pages takes it. */
#ifndef FORERUN_MM_H
#define FORERUN_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct Cpu;

enum { MM_PAGE = 4096 };

/* Where things go, as an Sv39 kernel has it; moved up as a whole where this process has something of its own there (sanitizers). Set by mm_init(). */
struct MmLayout {
	uint64_t base;                  /* 0 as a rule: the lowest guest address */
	uint64_t end;                   /* the end of guest addresses, and of the stack: base + 2^38 */
	uint64_t mmap_top;              /* mappings without a wish lie below */
	uint64_t pie_base;              /* where position-independent programs are loaded */
};
extern struct MmLayout mm_layout;

/* STACK_SIZE: bytes to keep free below the end of the address space for the first stack. Once, before all others. */
void mm_init(size_t stack_size);
/* The guest's mmap, with guest PROT_* and MAP_* (asm-generic values = this host's). Addresses it chooses lie below 2^38 where there is room, as Sv39 kernels do. Returns the
 * address or -errno. Fixed mappings over forerun's own memory fail with -ENOMEM. */
int64_t mm_mmap(uint64_t addr, size_t len, int prot, int flags, int fd, uint64_t offset);
int64_t mm_munmap(uint64_t addr, size_t len);
int64_t mm_mprotect(uint64_t addr, size_t len, int prot);
int64_t mm_mremap(uint64_t old, size_t old_len, size_t new_len, int flags, uint64_t new_addr);
int64_t mm_madvise(uint64_t addr, size_t len, int advice);
/* System V shared memory: ADDR 0 lets us choose. The address or -errno. */
int64_t mm_shmat(int id, uint64_t addr, int flags);
int64_t mm_shmdt(uint64_t addr);
int64_t mm_brk(uint64_t addr);
void mm_set_brk(uint64_t start);
/* Guest PROT_* of the page at ADDR, -1 if the guest has nothing there. Any thread. */
int mm_prot(uint64_t addr);
/* Whether all pages of the range are the guest's. Any thread. */
bool mm_owns(uint64_t addr, uint64_t len);
/* The guest touches ADDR, where it has nothing: makes a MAP_GROWSDOWN mapping above it reach down to there, if there is one and it may. True if such a
 * mapping has it now, by another thread's doing too. Any thread. */
bool mm_grow(uint64_t addr);
/* Names the mapping at ADDR in /proc/self/maps: "[stack]". LABEL is static. */
void mm_label(uint64_t addr, const char *label);
/* Makes guest-writable pages in the range writable for the host (invalidating translated code): before the kernel writes there. True if any was not. */
bool mm_unprotect(uint64_t addr, size_t len);
bool mm_unprotect_all(void);
void mm_fork_prepare(void);
void mm_fork_done(bool child);

/* One mapping as its users see it. PATH is the file's host path, or a label in brackets, or "". */
struct MmRange {
	uint64_t start, end, offset;
	int prot;
	bool shared, grows;
	dev_t dev;
	ino_t ino;
	const char *path;
};
/* Calls FN for every mapping in ascending order, from a copy taken at the call: FN may map and unmap. Any thread. */
void mm_for_each(void (*fn)(const struct MmRange *range, void *data), void *data);

/* Calls FN with address and length for the range [START, END), and for each range of executable memory that may be the same memory, mapped elsewhere. */
void mm_for_each_alias(uint64_t start, uint64_t end, void (*fn)(uint64_t addr, uint64_t len));

/* struct Environment's members of these names (target/guest.h). */
size_t mm_fetch(uint64_t addr, void *buf, size_t len);
void mm_code_made(uint64_t page);
void mm_code_dropped(uint64_t page);
bool mm_code_written(struct Cpu *cpu, uint64_t addr);
bool mm_read_memory(struct Cpu *cpu, uint64_t addr, void *buf, size_t len);
bool mm_write_memory(struct Cpu *cpu, uint64_t addr, const void *buf, size_t len);

#endif
