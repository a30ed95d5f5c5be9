/* SPDX-License-Identifier: MIT */
/* Reading of ELF headers into a plan of what is to be mapped where; no memory is mapped, nothing is assumed of the file. */
#ifndef FORERUN_ELF_H
#define FORERUN_ELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the bytes come from: READ copies LENGTH bytes from OFFSET or returns false. SIZE is the whole file's. */
struct ElfSource {
	bool (*read)(const struct ElfSource *source, uint64_t offset, void *buf, size_t length);
	uint64_t size;
	const void *bytes;              /* of elf_bytes() */
	int fd;                         /* of elf_fd() */
};
struct ElfSource elf_bytes(const void *bytes, size_t size);
struct ElfSource elf_fd(int fd, uint64_t size);

/* One PT_LOAD. Segments are ascending and do not overlap (their first and last pages may coincide); VADDR and OFFSET agree modulo the page size; OFFSET + FILESZ lies in the
 * file; VADDR + MEMSZ is below ELF_LIMIT. */
struct ElfSegment {
	uint64_t vaddr, offset, filesz, memsz;
	int prot;                       /* PROT_* */
};

enum { ELF_SEGMENTS_MAX = 128, ELF_HEADERS_MAX = 65536 };       /* bytes of program headers, as the kernel has it */
static const uint64_t ELF_LIMIT = 1ull << 47;

struct ElfPlan {
	unsigned machine, class, data;
	bool fixed;                     /* ET_EXEC: at its own addresses */
	bool exec_stack;
	uint64_t entry;
	uint64_t phdr;                  /* address of the program headers, 0 if they are in no segment */
	unsigned phnum, phentsize;
	uint64_t low, high;             /* page-aligned range of all segments */
	uint64_t align;                 /* of the bias: a power of two, at least the page */
	unsigned nsegments;
	struct ElfSegment segments[ELF_SEGMENTS_MAX];
	char interpreter[PATH_MAX];     /* "" : none */
};

/* Reads only what tells the guest: machine, class and data. False with a static reason in *WHY if it is no ELF file. */
bool elf_identify(const struct ElfSource *source, struct ElfPlan *plan, const char **why);
/* All of it, of a 64-bit little-endian program. False with a static reason in *WHY. */
bool elf_parse(const struct ElfSource *source, struct ElfPlan *plan, const char **why);

#endif
