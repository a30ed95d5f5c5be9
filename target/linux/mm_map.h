/* SPDX-License-Identifier: MIT */
/* The map of the guest's address space as its two files share it: mm.c changes it, mm_code.c knows its code pages. */
#ifndef FORERUN_MM_MAP_H
#define FORERUN_MM_MAP_H

#include <pthread.h>
#include <sys/mman.h>

#include "target/linux/mm.h"

/* A file that mappings come from; counted. */
struct MmFile {
	unsigned references;
	dev_t dev;
	ino_t ino;
	char path[];
};

struct Mapping {
	uint64_t start, end;            /* page-aligned, start < end */
	uint64_t offset;                /* of START in FILE */
	struct MmFile *file;            /* or NULL */
	const char *label;              /* or NULL */
	int prot;                       /* the guest's PROT_READ | WRITE | EXEC */
	bool shared;
	bool grows;                     /* downwards, when the guest touches what is below: MAP_GROWSDOWN */
};

extern pthread_mutex_t mm_lock;

/* Under mm_lock: the mapping that holds ADDR, or NULL. */
struct Mapping *mm_find(uint64_t addr);
/* Under mm_lock: mapping number INDEX in ascending order, NULL behind the last. */
struct Mapping *mm_mapping(unsigned index);

static inline uint64_t page_down(uint64_t addr) { return addr & ~(uint64_t)(MM_PAGE - 1); }
static inline uint64_t page_up(uint64_t addr) { return page_down(addr + MM_PAGE - 1); }

/* What the host's page tables are told of the guest's PROT: no execution, but code must be readable to be translated. */
static inline int mm_host_prot(int prot)
{
	return (prot & (PROT_READ | PROT_WRITE)) | (prot & PROT_EXEC ? PROT_READ : 0);
}

/* Under mm_lock: forgets that pages of the range hold code or are write-protected because of it. True if any held code: the caller then
 * calls cache_invalidate() after unlocking. */
bool mm_forget_code(uint64_t start, uint64_t end);

#endif
