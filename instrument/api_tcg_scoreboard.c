/* SPDX-License-Identifier: MIT */
/* Scoreboards of TCG plugins: arrays by vcpu index, kept in the slots behind each cpu. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/api_tcg.h"
#include "instrument/log.h"
#include "translator/translator.h"

enum { SCOREBOARD_ALIVE = 0x5c04eb0d };

/* Neither given back to the C library nor used again, so that a handle of a freed one is known as such for ever. */
struct qemu_plugin_scoreboard {
	atomic_uint alive;              /* SCOREBOARD_ALIVE, or 0: freed */
	uint32_t slot;                  /* offset from struct Cpu */
	size_t size;                    /* bytes of an element */
};

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size)
{
	uint32_t slot = probe_slots_new(element_size);

	if (!slot) {
		report("no room for a scoreboard of %zu bytes for each vcpu: all of a process together have %d MiB", element_size,
		       CPU_SLOTS_SIZE >> 20);
		exit(EXIT_FAILURE);
	}
	struct qemu_plugin_scoreboard *score = g_new(struct qemu_plugin_scoreboard, 1);
	*score = (struct qemu_plugin_scoreboard){ .alive = SCOREBOARD_ALIVE, .slot = slot, .size = element_size };
	return score;
}

static bool alive(const struct qemu_plugin_scoreboard *score, const char *function, const void *caller)
{
	if (score && score->alive == SCOREBOARD_ALIVE)
		return true;
	tcg_complain(function, caller, "%s", score ? "the scoreboard has been freed" : "the scoreboard is NULL");
	return false;
}

void qemu_plugin_scoreboard_free(struct qemu_plugin_scoreboard *score)
{
	uint32_t is = SCOREBOARD_ALIVE;

	if (!alive(score, __func__, TCG_CALLER))
		return;
	/* of two threads that free it, one does */
	if (atomic_compare_exchange_strong(&score->alive, &is, 0))
		probe_slots_free(score->slot, score->size);
}

uint32_t tcg_cell(qemu_plugin_u64 entry)
{
	const struct qemu_plugin_scoreboard *score = entry.score;

	if (!score || score->alive != SCOREBOARD_ALIVE || entry.offset > score->size || score->size - entry.offset < sizeof(uint64_t))
		return 0;
	return score->slot + entry.offset;
}

/* The memory of SCORE for a vcpu, from its element's start; NULL: there has been no such vcpu. */
static char *element(const struct qemu_plugin_scoreboard *score, unsigned vcpu, const char *function, const void *caller)
{
	struct Cpu *cpu;

	if (!alive(score, function, caller))
		return NULL;
	if (vcpu < instrument_vcpus() && (cpu = cpu_slots_of(vcpu)))
		return probe_slot(cpu, score->slot);
	tcg_complain(function, caller, "there is no vcpu %u; there have been %u", vcpu, instrument_vcpus());
	return NULL;
}

static __attribute__((noinline)) uint64_t *any_cell(qemu_plugin_u64 entry, unsigned vcpu, const char *function, const void *caller)
{
	char *start = element(entry.score, vcpu, function, caller);

	if (!start)
		return NULL;
	if (entry.offset > entry.score->size || entry.score->size - entry.offset < sizeof(uint64_t)) {
		tcg_complain(function, caller, "the cell at offset %zu is not in an element of %zu bytes", entry.offset, entry.score->size);
		return NULL;
	}
	return (uint64_t *)(void *)(start + entry.offset);
}

/* The same, quickly if it is the calling vcpu's own. */
static inline uint64_t *cell(qemu_plugin_u64 entry, unsigned vcpu, const char *function, const void *caller)
{
	struct Cpu *cpu = cpu_current();
	const uint32_t slot = cpu && cpu->index == vcpu ? tcg_cell(entry) : 0;

	return slot ? probe_slot(cpu, slot) : any_cell(entry, vcpu, function, caller);
}

void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu_index)
{
	return element(score, vcpu_index, __func__, TCG_CALLER);
}

void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t added)
{
	uint64_t *p = cell(entry, vcpu_index, __func__, TCG_CALLER);

	if (p)
		*p += added;
}

uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu_index)
{
	const uint64_t *p = cell(entry, vcpu_index, __func__, TCG_CALLER);
	return p ? *p : 0;
}

void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu_index, uint64_t val)
{
	uint64_t *p = cell(entry, vcpu_index, __func__, TCG_CALLER);

	if (p)
		*p = val;
}

uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry)
{
	uint64_t sum = 0;
	unsigned count = instrument_vcpus();

	for (unsigned i = 0; i < count; i++) {
		const uint64_t *p = cell(entry, i, __func__, TCG_CALLER);
		if (!p)
			return 0;
		sum += *p;
	}
	return sum;
}
