/* SPDX-License-Identifier: MIT */
/* Fuzz target: whatever the bytes of a program file are, the reader of ELF headers refuses them or gives a plan that keeps its promises. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "target/linux/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ElfPlan plan;
	struct ElfSource source = elf_bytes(data, size);
	const char *why = NULL;
	uint64_t end = 0;

	memset(&plan, 0xa5, sizeof plan);
	if (!elf_identify(&source, &plan, &why)) {
		assert(why && *why);
		return 0;
	}
	why = NULL;
	if (!elf_parse(&source, &plan, &why)) {
		assert(why && *why && !strchr(why, '\n'));
		return 0;
	}
	assert(plan.nsegments > 0 && plan.nsegments <= ELF_SEGMENTS_MAX);
	assert(plan.align && !(plan.align & (plan.align - 1)));
	assert(memchr(plan.interpreter, 0, sizeof plan.interpreter));
	for (unsigned i = 0; i < plan.nsegments; i++) {
		const struct ElfSegment *s = &plan.segments[i];
		assert(s->filesz <= s->memsz && s->offset <= size && s->filesz <= size - s->offset);
		assert(s->vaddr >= end && s->vaddr < ELF_LIMIT && s->memsz <= ELF_LIMIT - s->vaddr);
		assert(plan.low <= s->vaddr && s->vaddr + s->memsz <= plan.high);
		end = s->vaddr + s->memsz;
	}
	return 0;
}
