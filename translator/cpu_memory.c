/* SPDX-License-Identifier: MIT */
/* The memory of cpus: one reservation for each vcpu index, kept when its cpu ends, so that slots stay where they are and the next cpu with
 * the index finds them as they were left. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "translator/cpus.h"
#include "translator/translate.h"

enum {
	PAGE = 4096,
	CHUNK = 1024,                   /* indices in one part of the table */
	CHUNKS = 4096,                  /* more than threads of CPU_SLOTS_SIZE fit the address space */
};

typedef _Atomic(struct Cpu *) Entry;

static _Atomic(Entry *) table[CHUNKS];

struct Cpu *cpu_slots_of(unsigned index)
{
	Entry *chunk = index / CHUNK < CHUNKS ? atomic_load_explicit(&table[index / CHUNK], memory_order_acquire) : NULL;

	return chunk ? atomic_load_explicit(&chunk[index % CHUNK], memory_order_acquire) : NULL;
}

static bool enter(unsigned index, struct Cpu *cpu)
{
	if (index / CHUNK >= CHUNKS)
		return false;
	Entry *chunk = atomic_load(&table[index / CHUNK]);
	if (!chunk) {
		chunk = calloc(CHUNK, sizeof *chunk);
		if (!chunk)
			return false;
		atomic_store(&table[index / CHUNK], chunk);
	}
	atomic_store(&chunk[index % CHUNK], cpu);
	return true;
}

struct Cpu *cpu_memory_take(const struct Guest *guest, unsigned index)
{
	size_t size = cpu_slots_offset(guest) + (size_t)CPU_SLOTS_SIZE;
	struct Cpu *cpu = cpu_slots_of(index);

	if (cpu) {
		jumps_free(cpu->jumps); /* of a thread that did not come through a fork */
		memset(cpu, 0, guest->cpu_size);
	} else {
		cpu = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (cpu == MAP_FAILED)
			return NULL;
		if (!enter(index, cpu)) {
			munmap(cpu, size);
			return NULL;
		}
	}
	mprotect((char *)cpu + cpu_poll_offset(guest), PAGE, PROT_READ);
	return cpu;
}
