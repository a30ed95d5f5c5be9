/* SPDX-License-Identifier: MIT */
/* Scoreboards of TCG plugins: arrays by vcpu index, kept in the slots behind each cpu. */
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/api_tcg.h"
#include "instrument/fork.h"
#include "instrument/log.h"
#include "translator/intrinsic.h"
#include "translator/translate.h"

/* A handle is not an address but a number, never that of another scoreboard: the line of slots where the elements are, how many there have been at that
 * line, and a tag that no address has. So it is known for what it is before anything is looked up through it. */
enum { LINE_BITS = 20, LINES = 1 << LINE_BITS, COUNT_BITS = 28, TAG = 0x5c0b };
_Static_assert((int64_t)LINES * SLOT_LINE == CPU_SLOTS_SIZE, "a handle for each");

struct Board {
	_Atomic uint64_t handle;        /* 0: freed, or not there yet */
	uint32_t count;                 /* there have been at this line */
	uint32_t slot;                  /* offset from struct Cpu */
	uint32_t size;                  /* bytes of an element */
	uint32_t next;                  /* line of the next that waits for its code to go, plus one */
	_Atomic uint64_t used;          /* generation of the code cache in which code began to use it, last, plus one; 0: none does */
	atomic_bool bound;              /* bodies of callbacks know its slots, and may have something to add: they are not given back */
};
static struct Board boards[LINES];      /* the pages of those not there are never touched */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t waiting;                /* line of the first of those freed whose code has not gone, plus one; 0: there is none */
static uint64_t swept;                  /* generation up to which they have been looked at */

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, NULL);
}

static uint64_t handle_of(const struct qemu_plugin_scoreboard *score)
{
	return (uintptr_t)score;
}

static uint64_t new_handle(uint32_t line, uint32_t count)
{
	return (uint64_t)TAG << (LINE_BITS + COUNT_BITS) | (uint64_t)(count & ((1u << COUNT_BITS) - 1)) << LINE_BITS | line;
}

/* The scoreboard with that handle, if there is one. */
static struct Board *board_of(const struct qemu_plugin_scoreboard *score)
{
	struct Board *board = &boards[handle_of(score) & (LINES - 1)];
	return score && atomic_load_explicit(&board->handle, memory_order_acquire) == handle_of(score) ? board : NULL;
}

static bool used_by_code(struct Board *board)
{
	return atomic_load(&board->used) > instrument_drained();
}

static void give_back(struct Board *board)
{
	if (!board->bound)
		probe_slots_free(board->slot, board->size);
}

/* Gives back the slots of those whose code has gone meanwhile. */
static void sweep(void)
{
	uint64_t drained = instrument_drained();

	if (swept == drained)
		return;
	swept = drained;
	for (uint32_t *link = &waiting; *link;) {
		struct Board *board = &boards[*link - 1];
		if (used_by_code(board)) {
			link = &board->next;
			continue;
		}
		*link = board->next;
		give_back(board);
	}
}

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size)
{
	pthread_mutex_lock(&lock);
	sweep();
	uint32_t slot = probe_slots_new(element_size);
	if (!slot) {
		pthread_mutex_unlock(&lock);
		report("no room for a scoreboard of %zu bytes for each vcpu: all of a process together have %d MiB", element_size,
		       CPU_SLOTS_SIZE >> 20);
		exit(EXIT_FAILURE);
	}
	uint32_t line = (slot - cpu_slots_offset(translator.guest)) / SLOT_LINE;
	struct Board *board = &boards[line];
	board->slot = slot;
	board->size = element_size;
	board->used = 0;
	board->bound = false;
	uint64_t handle = new_handle(line, ++board->count);
	atomic_store(&board->handle, handle);
	pthread_mutex_unlock(&lock);
	return (struct qemu_plugin_scoreboard *)(uintptr_t)handle;
}

/* Says what is wrong with a handle that is no scoreboard's. */
static __attribute__((noinline, cold)) void complain_of(const struct qemu_plugin_scoreboard *score, const char *function, const void *caller)
{
	const uint64_t handle = handle_of(score);
	const uint32_t line = handle & (LINES - 1), count = handle >> LINE_BITS & ((1u << COUNT_BITS) - 1);

	if (!score)
		tcg_complain(function, caller, "the scoreboard is NULL");
	else if (handle >> (LINE_BITS + COUNT_BITS) == TAG && count && count <= boards[line].count)
		tcg_complain(function, caller, "the scoreboard has been freed");
	else
		tcg_complain(function, caller, "%p is no scoreboard", (const void *)score);
}

void qemu_plugin_scoreboard_free(struct qemu_plugin_scoreboard *score)
{
	struct Board *board = board_of(score);
	uint64_t handle = handle_of(score);

	/* of two threads that free it, one does */
	if (!board || !atomic_compare_exchange_strong(&board->handle, &handle, 0)) {
		complain_of(score, __func__, TCG_CALLER);
		return;
	}
	pthread_mutex_lock(&lock);
	sweep();
	bool used = used_by_code(board);
	if (used) {
		board->next = waiting;
		waiting = board - boards + 1;
	} else {
		give_back(board);
	}
	pthread_mutex_unlock(&lock);
	if (used && !tcg_ended())
		tcg_complain(__func__, TCG_CALLER, "instrumentation uses the scoreboard; free it at the end, or when a flush or reset has dropped that");
}

static bool has_cell(const struct Board *board, size_t offset)
{
	return offset <= board->size && board->size - offset >= sizeof(uint64_t);
}

static __attribute__((noinline, cold)) void complain_of_offset(const struct Board *board, size_t offset, const char *function, const void *caller)
{
	tcg_complain(function, caller, "the cell at offset %zu is not in an element of %" PRIu32 " bytes", offset, board->size);
}

uint32_t tcg_use_cell(qemu_plugin_u64 entry, const char *function, const void *caller)
{
	struct Board *board = board_of(entry.score);

	if (board && has_cell(board, entry.offset)) {
		atomic_store(&board->used, cache_generation() + 1);
		return board->slot + entry.offset;
	}
	if (board)
		complain_of_offset(board, entry.offset, function, caller);
	else
		complain_of(entry.score, function, caller);
	return 0;
}

/* The memory of SCORE for a vcpu, from its element's start; NULL: there has been no such vcpu. */
static char *element(const struct qemu_plugin_scoreboard *score, unsigned vcpu, const char *function, const void *caller)
{
	const struct Board *board = board_of(score);
	struct Cpu *cpu;

	if (!board) {
		complain_of(score, function, caller);
		return NULL;
	}
	if (vcpu < instrument_vcpus() && (cpu = cpu_slots_of(vcpu)))
		return probe_slot(cpu, board->slot);
	tcg_complain(function, caller, "there is no vcpu %u; there have been %u", vcpu, instrument_vcpus());
	return NULL;
}

static __attribute__((noinline)) uint64_t *any_cell(qemu_plugin_u64 entry, unsigned vcpu, const char *function, const void *caller)
{
	const struct Board *board = board_of(entry.score);
	char *start = element(entry.score, vcpu, function, caller);

	if (!start || !board)
		return NULL;
	if (has_cell(board, entry.offset))
		return (uint64_t *)(void *)(start + entry.offset);
	complain_of_offset(board, entry.offset, function, caller);
	return NULL;
}

/* The same, quickly if it is the calling vcpu's own. */
static inline uint64_t *cell(qemu_plugin_u64 entry, unsigned vcpu, const char *function, const void *caller)
{
	struct Cpu *cpu = cpu_current();
	const struct Board *board = board_of(entry.score);

	if (cpu && cpu->index == vcpu && board && has_cell(board, entry.offset))
		return probe_slot(cpu, board->slot + entry.offset);
	return any_cell(entry, vcpu, function, caller);
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

/* The scoreboard that argument 0 is, if there is one: as long as it is that. */
static struct Board *explain_board(struct Call *call)
{
	uint64_t handle, alive;
	struct Board *board;

	if (!call->constant(call, 0, &handle))
		return NULL;
	board = board_of((const struct qemu_plugin_scoreboard *)(uintptr_t)handle);
	if (!board || !call->word(call, (uintptr_t)&board->handle, sizeof board->handle, &alive) || alive != handle)
		return NULL;
	atomic_store(&board->bound, true);
	return board;
}

/* The slot of the calling vcpu's own cell, which arguments 0 to 2 name; 0: none. */
static uint32_t explain_cell(struct Call *call)
{
	const struct Board *board = explain_board(call);
	uint64_t offset;

	if (!board || !call->constant(call, 1, &offset) || !call->is_index(call, 2) || !has_cell(board, offset))
		return 0;
	return board->slot + offset;
}

static bool explain_find(struct Call *call)
{
	const struct Board *board = explain_board(call);

	return board && call->is_index(call, 1) && call->give_slot_address(call, board->slot);
}

static bool explain_add(struct Call *call)
{
	uint32_t slot = explain_cell(call);
	return slot && call->slot_add(call, slot, 3);
}

static bool explain_get(struct Call *call)
{
	uint32_t slot = explain_cell(call);
	return slot && call->give_slot(call, slot);
}

static bool explain_set(struct Call *call)
{
	uint32_t slot = explain_cell(call);
	return slot && call->slot_store(call, slot, 3);
}

void tcg_explain_scoreboards(void)
{
	intrinsic_add((const void *)(uintptr_t)qemu_plugin_scoreboard_find, explain_find);
	intrinsic_add((const void *)(uintptr_t)qemu_plugin_u64_add, explain_add);
	intrinsic_add((const void *)(uintptr_t)qemu_plugin_u64_get, explain_get);
	intrinsic_add((const void *)(uintptr_t)qemu_plugin_u64_set, explain_set);
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
