/* SPDX-License-Identifier: MIT */
/* Per-cpu slots: which part of the room behind each struct Cpu is taken. */
#include <assert.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "instrument/fork.h"
#include "instrument/probe.h"
#include "translator/translate.h"

struct Gap {
	uint32_t start, size;           /* bytes from the start of the room, multiples of SLOT_LINE */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GArray *gaps;                    /* free again, sorted by start, never touching each other */
static uint32_t fresh;                  /* everything from here on has never been used and is zero in every cpu */

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, NULL);
}

/* In the cpus of all indices there have been. */
static void clear(uint32_t offset, size_t size)
{
	struct Cpu *cpu;

	for (unsigned index = 0; (cpu = cpu_slots_of(index)); index++)
		memset(probe_slot(cpu, offset), 0, size);
}

/* Takes SIZE bytes from the first gap that has them; false if none has. */
static bool take_gap(uint32_t size, uint32_t *start)
{
	for (unsigned i = 0; gaps && i < gaps->len; i++) {
		struct Gap *gap = &g_array_index(gaps, struct Gap, i);
		if (gap->size < size)
			continue;
		*start = gap->start;
		gap->start += size;
		gap->size -= size;
		if (!gap->size)
			g_array_remove_index(gaps, i);
		return true;
	}
	return false;
}

uint32_t probe_slots_new(size_t size)
{
	uint32_t base = cpu_slots_offset(translator.guest), start;

	if (size > CPU_SLOTS_SIZE)
		return 0;
	size = size ? (size + SLOT_LINE - 1) & -(size_t)SLOT_LINE : SLOT_LINE;
	pthread_mutex_lock(&lock);
	bool used = take_gap(size, &start);
	if (!used) {
		if (size > CPU_SLOTS_SIZE - fresh) {
			pthread_mutex_unlock(&lock);
			return 0;
		}
		start = fresh;
		fresh += size;
	}
	pthread_mutex_unlock(&lock);
	if (used)
		clear(base + start, size);
	return base + start;
}

void probe_slots_free(uint32_t offset, size_t size)
{
	uint32_t start = offset - cpu_slots_offset(translator.guest);
	unsigned i = 0;

	if (!offset)
		return;
	size = size ? (size + SLOT_LINE - 1) & -(size_t)SLOT_LINE : SLOT_LINE;
	pthread_mutex_lock(&lock);
	assert(start % SLOT_LINE == 0 && start + size <= fresh);
	if (!gaps)
		gaps = g_array_new(FALSE, FALSE, sizeof(struct Gap));
	while (i < gaps->len && g_array_index(gaps, struct Gap, i).start < start)
		i++;
	struct Gap gap = { .start = start, .size = size };
	g_array_insert_val(gaps, i, gap);
	struct Gap *g = &g_array_index(gaps, struct Gap, 0);
	if (i + 1 < gaps->len && g[i].start + g[i].size == g[i + 1].start) {
		g[i].size += g[i + 1].size;
		g_array_remove_index(gaps, i + 1);
	}
	if (i > 0 && g[i - 1].start + g[i - 1].size == g[i].start) {
		g[i - 1].size += g[i].size;
		g_array_remove_index(gaps, i);
	}
	pthread_mutex_unlock(&lock);
}
