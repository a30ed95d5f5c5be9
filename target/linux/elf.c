/* SPDX-License-Identifier: MIT */
/* Reading of ELF headers into a plan, every number checked: the file may be hostile. */
#include "target/linux/elf.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

static bool read_bytes(const struct ElfSource *source, uint64_t offset, void *buf, size_t length)
{
	if (offset > source->size || length > source->size - offset)
		return false;
	memcpy(buf, (const char *)source->bytes + offset, length);
	return true;
}

static bool read_fd(const struct ElfSource *source, uint64_t offset, void *buf, size_t length)
{
	if (offset > source->size || length > source->size - offset)
		return false;
	for (size_t done = 0; done < length;) {
		ssize_t n = pread(source->fd, (char *)buf + done, length - done, offset + done);
		if (n <= 0)
			return false;
		done += n;
	}
	return true;
}

struct ElfSource elf_bytes(const void *bytes, size_t size)
{
	return (struct ElfSource){ .read = read_bytes, .bytes = bytes, .size = size, .fd = -1 };
}

struct ElfSource elf_fd(int fd, uint64_t size)
{
	return (struct ElfSource){ .read = read_fd, .fd = fd, .size = size };
}

bool elf_identify(const struct ElfSource *source, struct ElfPlan *plan, const char **why)
{
	/* e_ident, e_type and e_machine lie at the same place in files of both classes */
	unsigned char head[20];
	if (!source->read(source, 0, head, sizeof(head))) {
		*why = "too short for an ELF file";
		return false;
	}
	if (memcmp(head, ELFMAG, SELFMAG)) {
		*why = "not an ELF file";
		return false;
	}
	plan->class = head[EI_CLASS];
	plan->data = head[EI_DATA];
	plan->machine = plan->data == ELFDATA2MSB ? head[18] << 8 | head[19] : head[19] << 8 | head[18];
	return true;
}

static bool add_segment(struct ElfPlan *plan, const Elf64_Phdr *header, uint64_t file_size, const char **why)
{
	if (!header->p_memsz) {
		if (header->p_filesz)
			*why = "a segment has more bytes in the file than in memory";
		return !header->p_filesz;
	}
	const struct ElfSegment *last = plan->nsegments ? &plan->segments[plan->nsegments - 1] : NULL;
	const char *bad = NULL;
	if (plan->nsegments == ELF_SEGMENTS_MAX)
		bad = "too many segments";
	else if (header->p_filesz > header->p_memsz)
		bad = "a segment has more bytes in the file than in memory";
	else if (header->p_filesz && (header->p_offset > file_size || header->p_filesz > file_size - header->p_offset))
		bad = "the file is truncated: a segment reaches beyond its end";
	else if (header->p_vaddr >= ELF_LIMIT || header->p_memsz > ELF_LIMIT - header->p_vaddr)
		bad = "a segment lies outside the address space";
	else if (header->p_vaddr % PAGE != header->p_offset % PAGE)
		bad = "a segment's address and file offset disagree within the page";
	else if (last && header->p_vaddr < last->vaddr + last->memsz)
		bad = "segments overlap or are out of order";
	if (bad) {
		*why = bad;
		return false;
	}
	plan->segments[plan->nsegments++] = (struct ElfSegment){
		.vaddr = header->p_vaddr, .offset = header->p_offset, .filesz = header->p_filesz, .memsz = header->p_memsz,
		.prot = (header->p_flags & PF_R ? PROT_READ : 0) | (header->p_flags & PF_W ? PROT_WRITE : 0) | (header->p_flags & PF_X ? PROT_EXEC : 0),
	};
	if (header->p_align > plan->align && !(header->p_align & (header->p_align - 1)) && header->p_align <= 1 << 30)
		plan->align = header->p_align;
	return true;
}

static bool read_interpreter(const struct ElfSource *source, const Elf64_Phdr *header, struct ElfPlan *plan, const char **why)
{
	if (header->p_filesz < 2 || header->p_filesz > sizeof(plan->interpreter) ||
	    !source->read(source, header->p_offset, plan->interpreter, header->p_filesz) || plan->interpreter[header->p_filesz - 1]) {
		plan->interpreter[0] = 0;
		*why = "the name of its interpreter is malformed";
		return false;
	}
	if (!plan->interpreter[0])
		*why = "the name of its interpreter is empty";
	return plan->interpreter[0];
}

/* The program headers' own address: from the segment that holds them in the file. */
static uint64_t find_phdr(const struct ElfPlan *plan, uint64_t phoff, uint64_t size)
{
	for (unsigned i = 0; i < plan->nsegments; i++) {
		const struct ElfSegment *segment = &plan->segments[i];
		if (phoff >= segment->offset && phoff - segment->offset <= segment->filesz && size <= segment->filesz - (phoff - segment->offset))
			return segment->vaddr + (phoff - segment->offset);
	}
	return 0;
}

bool elf_parse(const struct ElfSource *source, struct ElfPlan *plan, const char **why)
{
	Elf64_Ehdr header;
	memset(plan, 0, sizeof(*plan));
	if (!elf_identify(source, plan, why))
		return false;
	*why = NULL;
	if (plan->class != ELFCLASS64 || plan->data != ELFDATA2LSB)
		*why = "not a 64-bit little-endian program";
	else if (!source->read(source, 0, &header, sizeof(header)))
		*why = "the file is truncated: its ELF header is cut";
	else if (header.e_ident[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT)
		*why = "of an unknown ELF version";
	else if (header.e_type == ET_REL)
		*why = "an object file, not a program";
	else if (header.e_type == ET_CORE)
		*why = "a core file, not a program";
	else if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		*why = "neither an executable nor a shared object";
	else if (header.e_phentsize != sizeof(Elf64_Phdr))
		*why = "its program headers have an unknown size";
	else if (!header.e_phnum || header.e_phnum > ELF_HEADERS_MAX / sizeof(Elf64_Phdr))
		*why = "it has no program headers, or too many";
	if (*why)
		return false;

	plan->fixed = header.e_type == ET_EXEC;
	plan->entry = header.e_entry;
	plan->phnum = header.e_phnum;
	plan->phentsize = header.e_phentsize;
	plan->align = PAGE;
	for (unsigned i = 0; i < plan->phnum; i++) {
		Elf64_Phdr program;
		uint64_t offset = header.e_phoff + i * sizeof(program);
		if (offset < header.e_phoff || !source->read(source, offset, &program, sizeof(program))) {
			*why = "the file is truncated: its program headers are cut";
			return false;
		}
		if (program.p_type == PT_LOAD) {
			if (!add_segment(plan, &program, source->size, why))
				return false;
		} else if (program.p_type == PT_INTERP && !plan->interpreter[0]) {
			if (!read_interpreter(source, &program, plan, why))
				return false;
		} else if (program.p_type == PT_GNU_STACK) {
			plan->exec_stack = program.p_flags & PF_X;
		}
	}
	if (!plan->nsegments) {
		*why = "it has nothing to load";
		return false;
	}
	const struct ElfSegment *last = &plan->segments[plan->nsegments - 1];
	plan->low = plan->segments[0].vaddr & ~(uint64_t)(PAGE - 1);
	plan->high = (last->vaddr + last->memsz + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	plan->phdr = find_phdr(plan, header.e_phoff, plan->phnum * sizeof(Elf64_Phdr));
	return true;
}
