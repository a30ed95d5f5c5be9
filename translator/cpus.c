/* SPDX-License-Identifier: MIT */
/* The cpus of the process: making them, asking them to leave translated code, and stopping them all. */
#include "translator/cpus.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "translator/fault.h"
#include "translator/host/host.h"
#include "translator/translate.h"

enum { PAGE = 4096 };

struct Pending {
	struct Pending *next;
	void (*fn)(void *data);
	void *data;
};

static struct {
	pthread_mutex_t list_lock;      /* leaf: nothing is locked under it */
	struct Cpu *first;
	pthread_mutex_t gate;           /* of the three below */
	pthread_cond_t left, opened;    /* a cpu left translated code; the exclusive section ended */
	_Atomic bool closed;            /* an exclusive section runs or waits for the cpus to leave */
	pthread_mutex_t pending_lock;   /* held by who runs what is pending; before the gate */
	_Atomic(struct Pending *) pending;
	atomic_uint npending;           /* asked for and not yet done: those being run are no longer in the list */
} cpus = {
	.list_lock = PTHREAD_MUTEX_INITIALIZER, .gate = PTHREAD_MUTEX_INITIALIZER, .pending_lock = PTHREAD_MUTEX_INITIALIZER,
	.left = PTHREAD_COND_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER,
};

_Thread_local struct Cpu *cpu_of_thread;
static _Thread_local bool alone;        /* in the function of an exclusive section */

/* -- making ------------------------------------------------------------------------------------------------------ */

static size_t state_size(const struct Guest *guest)
{
	return (guest->cpu_size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

uint32_t cpu_poll_offset(const struct Guest *guest)
{
	return state_size(guest);
}

uint32_t cpu_heat_offset(const struct Guest *guest)
{
	return state_size(guest) + PAGE;
}

uint32_t cpu_sites_offset(const struct Guest *guest)
{
	return cpu_heat_offset(guest) + HEAT_COUNT * sizeof(uint32_t);
}

uint32_t cpu_census_offset(const struct Guest *guest)
{
	return cpu_sites_offset(guest) + SITES_COUNT * CPU_SITE_SIZE;
}

uint32_t cpu_slots_offset(const struct Guest *guest)
{
	return cpu_census_offset(guest) + CENSUS_COUNT * sizeof(uint64_t);
}

static void *poll_page(const struct Cpu *cpu)
{
	return (char *)cpu + cpu_poll_offset(cpu->guest);
}

struct JumpCache *jumps_new(void)
{
	struct JumpCache *jumps = mmap(NULL, sizeof *jumps, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (jumps == MAP_FAILED)
		return NULL;
	jumps->entry[0].tag = jump_none(0);
	return jumps;
}

void jumps_free(struct JumpCache *jumps)
{
	if (jumps)
		munmap(jumps, sizeof *jumps);
}

/* The smallest index that no cpu has. Under the list lock. */
static unsigned free_index(void)
{
	for (unsigned index = 0;; index++) {
		struct Cpu *cpu = cpus.first;
		while (cpu && cpu->index != index)
			cpu = cpu->next;
		if (!cpu)
			return index;
	}
}

struct Cpu *cpu_new(const struct Guest *guest, const struct Environment *env, struct Task *task)
{
	struct JumpCache *jumps = jumps_new();

	pthread_mutex_lock(&cpus.list_lock);
	unsigned index = free_index();
	struct Cpu *cpu = cpu_memory_take(guest, index);
	if (!cpu || !jumps) {
		fputs("forerun: out of memory for another cpu\n", stderr);
		abort();
	}
	cpu->jumps = jumps;
	cpu->guest = guest;
	cpu->env = env;
	cpu->task = task;
	guest->reset(cpu);
	host->fp_update(cpu, false);
	cpu->index = index;
	cpu->next = cpus.first;
	cpus.first = cpu;
	pthread_mutex_unlock(&cpus.list_lock);
	return cpu;
}

void cpu_free(struct Cpu *cpu)
{
	/* a process that shared our memory may have been killed in translated code, and somebody waits for it to leave */
	cpu->in_callback = 0;
	cpus_leave(cpu);
	if (cpu_of_thread == cpu)
		cpu_of_thread = NULL;
	pthread_mutex_lock(&cpus.list_lock);
	jumps_free(cpu->jumps);
	cpu->jumps = NULL;
	struct Cpu **link = &cpus.first;
	while (*link != cpu)
		link = &(*link)->next;
	*link = cpu->next;              /* from here on, the next cpu with the index may have the memory */
	pthread_mutex_unlock(&cpus.list_lock);
}

void cpu_set_current(struct Cpu *cpu)
{
	cpu_of_thread = cpu;
}

void cpu_for_each(void (*fn)(struct Cpu *cpu, void *data), void *data)
{
	pthread_mutex_lock(&cpus.list_lock);
	for (struct Cpu *cpu = cpus.first; cpu; cpu = cpu->next)
		fn(cpu, data);
	pthread_mutex_unlock(&cpus.list_lock);
}

/* -- interrupting ------------------------------------------------------------------------------------------------- */

IN_SIGNAL_HANDLERS void cpu_interrupt(struct Cpu *cpu)
{
	if (!atomic_exchange(&cpu->interrupt, 1))
		mprotect(poll_page(cpu), PAGE, PROT_NONE);
}

void cpus_clear_interrupt(struct Cpu *cpu)
{
	/* A cpu_interrupt() round this leaves the page open and the word set, or the page closed and the word clear. The first is found by the next
	 * look at the word; the second makes translated code leave with CAUSE_INTERRUPT, upon which the caller comes here again. */
	atomic_store(&cpu->interrupt, 0);
	mprotect(poll_page(cpu), PAGE, PROT_READ);
}

bool cpus_in_poll_page(const struct Cpu *cpu, const void *addr)
{
	const char *page = poll_page(cpu);

	return (const char *)addr >= page && (const char *)addr < page + PAGE;
}

/* -- stopping all --------------------------------------------------------------------------------------------------- */

bool cpus_enter(struct Cpu *cpu)
{
	__atomic_store_n(&cpu->running, 1, __ATOMIC_SEQ_CST);
	if (!atomic_load(&cpus.closed) && !atomic_load(&cpu->interrupt))
		return true;
	cpus_leave(cpu);
	pthread_mutex_lock(&cpus.gate);
	while (atomic_load(&cpus.closed))
		pthread_cond_wait(&cpus.opened, &cpus.gate);
	pthread_mutex_unlock(&cpus.gate);
	return false;
}

static void tell_who_waits(void)
{
	if (atomic_load(&cpus.closed)) {
		pthread_mutex_lock(&cpus.gate);
		pthread_cond_broadcast(&cpus.left);
		pthread_mutex_unlock(&cpus.gate);
	}
}

void cpus_leave(struct Cpu *cpu)
{
	__atomic_store_n(&cpu->running, 0, __ATOMIC_SEQ_CST);
	tell_who_waits();
}

bool cpu_callback_begin(struct Cpu *cpu)
{
	if (cpu->running || cpu->in_callback)
		return false;
	for (;;) {
		__atomic_store_n(&cpu->in_callback, 1, __ATOMIC_SEQ_CST);
		if (!atomic_load(&cpus.closed))
			return true;
		cpu_callback_end(cpu);
		pthread_mutex_lock(&cpus.gate);
		while (atomic_load(&cpus.closed))
			pthread_cond_wait(&cpus.opened, &cpus.gate);
		pthread_mutex_unlock(&cpus.gate);
	}
}

void cpu_callback_end(struct Cpu *cpu)
{
	__atomic_store_n(&cpu->in_callback, 0, __ATOMIC_SEQ_CST);
	tell_who_waits();
}

bool cpus_may_stay(struct Cpu *cpu)
{
	/* who closes the gate interrupts the cpus that he finds running */
	return !atomic_load(&cpu->interrupt) && !atomic_load(&cpus.closed);
}

static void ask_to_leave(struct Cpu *cpu, void *data)
{
	unsigned *running = data;

	if (cpu == cpu_of_thread)
		return;
	if (__atomic_load_n(&cpu->running, __ATOMIC_SEQ_CST)) {
		++*running;
		cpu_interrupt(cpu);
	} else if (__atomic_load_n(&cpu->in_callback, __ATOMIC_SEQ_CST)) {
		++*running;
	}
}

/* Returns holding the gate, when no other cpu is in translated code or a callback and none enters them. Until open_gate(). */
static void close_gate(void)
{
	pthread_mutex_lock(&cpus.gate);
	while (atomic_load(&cpus.closed))
		pthread_cond_wait(&cpus.opened, &cpus.gate);
	atomic_store(&cpus.closed, true);
	for (;;) {
		unsigned running = 0;
		cpu_for_each(ask_to_leave, &running);
		if (!running)
			break;
		pthread_cond_wait(&cpus.left, &cpus.gate);
	}
}

static void open_gate(void)
{
	atomic_store(&cpus.closed, false);
	pthread_cond_broadcast(&cpus.opened);
	pthread_mutex_unlock(&cpus.gate);
}

static void run_alone(void (*fn)(void *data), void *data)
{
	close_gate();
	alone = true;
	fn(data);
	alone = false;
	open_gate();
}

bool cpu_in_exclusive(void)
{
	return alone;
}

void cpu_exclusive(void (*fn)(void *data), void *data)
{
	run_alone(fn, data);
	/* what FN left for later has no cpu to wait for */
	while (!cpu_of_thread && atomic_load(&cpus.pending))
		cpus_run_pending();
}

static void interrupt_first(struct Cpu *cpu, void *data)
{
	bool *done = data;

	if (!*done)
		cpu_interrupt(cpu);
	*done = true;
}

void cpu_exclusive_later(void (*fn)(void *data), void *data)
{
	struct Pending *pending = malloc(sizeof *pending);
	bool done = false;

	if (!pending)
		abort();
	*pending = (struct Pending){ .fn = fn, .data = data, .next = atomic_load(&cpus.pending) };
	atomic_fetch_add(&cpus.npending, 1);
	while (!atomic_compare_exchange_weak(&cpus.pending, &pending->next, pending))
		;
	if (cpu_of_thread)
		cpu_interrupt(cpu_of_thread);
	else
		cpu_for_each(interrupt_first, &done);   /* a thread that is no guest's: somebody has to do it */
}

void cpus_run_pending(void)
{
	if (!atomic_load(&cpus.npending))
		return;
	/* What another thread has taken out of the list is done when the lock is ours: nobody passes here before what he asked for. */
	pthread_mutex_lock(&cpus.pending_lock);
	struct Pending *list = atomic_exchange(&cpus.pending, NULL), *in_order = NULL;
	while (list) {
		struct Pending *next = list->next;
		list->next = in_order;
		in_order = list;
		list = next;
	}
	while (in_order) {
		struct Pending *next = in_order->next;
		run_alone(in_order->fn, in_order->data);
		atomic_fetch_sub(&cpus.npending, 1);
		free(in_order);
		in_order = next;
	}
	pthread_mutex_unlock(&cpus.pending_lock);
}

/* No cpu is in translated code over the fork, so that the child finds no plugin's lock held by a thread that it does not have. */
void cpus_fork_prepare(void)
{
	pthread_mutex_lock(&cpus.pending_lock);
	close_gate();
}

void cpus_fork_prepare_list(void)
{
	pthread_mutex_lock(&cpus.list_lock);
}

void cpus_fork_done(bool child)
{
	if (child) {
		/* only the forking thread is left; the others' cpus keep their memory, which nobody uses */
		cpus.first = cpu_of_thread;
		if (cpu_of_thread)
			cpu_of_thread->next = NULL;
		pthread_cond_init(&cpus.left, NULL);
		pthread_cond_init(&cpus.opened, NULL);
	}
	pthread_mutex_unlock(&cpus.list_lock);
	open_gate();
	pthread_mutex_unlock(&cpus.pending_lock);
}
