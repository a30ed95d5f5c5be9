/* SPDX-License-Identifier: MIT */
/* Subscribers and the events they are told of. */
#include "instrument/probe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/fork.h"
#include "instrument/loader.h"
#include "instrument/log.h"
#include "instrument/pass.h"
#include "translator/translate.h"

/* Readers take the list as it is at one moment and never lock: a list is not changed once published. Old lists are few and small;
 * they stay, since a reader may be in one. */
struct List {
	struct List *old;
	unsigned count;
	struct Subscriber *subscriber[];
};

/* Which members some subscriber has: one test when nobody listens. */
enum {
	EVENT_TRANSLATE = 1, EVENT_CPU_INIT = 2, EVENT_CPU_EXIT = 4, EVENT_SYSCALL = 8, EVENT_SYSCALL_RETURN = 16, EVENT_EXCEPTION = 32,
	EVENT_FLUSH = 64,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* against other writers */
static _Atomic(struct List *) list;
static atomic_uint events;
static atomic_bool exited;              /* nobody is told of anything any more */
static struct List nobody;
static atomic_uint vcpus;
static _Atomic uint64_t drained;

_Thread_local struct Calling calling;

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, NULL);
}

static unsigned events_of(const struct Subscriber *s)
{
	return (s->on_translate ? EVENT_TRANSLATE : 0) | (s->on_cpu_init ? EVENT_CPU_INIT : 0) |
	       (s->on_cpu_exit ? EVENT_CPU_EXIT : 0) | (s->on_syscall ? EVENT_SYSCALL : 0) |
	       (s->on_syscall_return ? EVENT_SYSCALL_RETURN : 0) | (s->on_exception ? EVENT_EXCEPTION : 0) |
	       (s->on_flush ? EVENT_FLUSH : 0);
}

/* Publishes the present list without WITHOUT and with WITH before BEFORE or at its end; each may be NULL. */
static void change(struct Subscriber *without, struct Subscriber *with, struct Subscriber *before)
{
	pthread_mutex_lock(&lock);
	struct List *old = atomic_load(&list);
	unsigned count = old ? old->count : 0, wanted = 0;
	struct List *new = malloc(sizeof *new + (count + 1) * sizeof new->subscriber[0]);
	if (!new)
		abort();
	new->old = old;
	new->count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (with && old->subscriber[i] == before) {
			new->subscriber[new->count++] = with;
			with = NULL;
		}
		if (old->subscriber[i] != without)
			new->subscriber[new->count++] = old->subscriber[i];
	}
	if (with)
		new->subscriber[new->count++] = with;
	for (unsigned i = 0; i < new->count; i++)
		wanted |= events_of(new->subscriber[i]);
	atomic_store(&list, new);
	atomic_store(&events, wanted);
	pthread_mutex_unlock(&lock);
}

void subscriber_add(struct Subscriber *subscriber)
{
	change(NULL, subscriber, NULL);
}

void subscriber_add_before(struct Subscriber *subscriber, struct Subscriber *before)
{
	change(NULL, subscriber, before);
}

void subscriber_changed(void)
{
	unsigned wanted = 0;

	pthread_mutex_lock(&lock);
	const struct List *l = atomic_load(&list);
	for (unsigned i = 0; l && i < l->count; i++)
		wanted |= events_of(l->subscriber[i]);
	atomic_store(&events, wanted);
	pthread_mutex_unlock(&lock);
}

void subscriber_remove(struct Subscriber *subscriber)
{
	change(subscriber, NULL, NULL);
}

static bool wanted(unsigned event)
{
	return __builtin_expect((atomic_load_explicit(&events, memory_order_acquire) & event) != 0, 0);
}

bool instrument_active(void)
{
	return wanted(EVENT_TRANSLATE);
}

struct Calling calling_enter(const void *owner, const char *name)
{
	struct Calling outer = calling;

	calling = (struct Calling){ .owner = owner, .name = name };
	return outer;
}

void calling_leave(struct Calling outer)
{
	calling = outer;
}

/* Runs BODY with `s` each subscriber that has the member MEMBER; a crash in it is the plugin's. CPU: whose event it is, for callbacks that nothing else keeps
 * exclusive sections from; else NULL. */
#define FOR_EACH(event, cpu, member, title, body) do {                                                  \
	if (wanted(event)) {                                                                            \
		bool begun = (cpu) && cpu_callback_begin(cpu);                                          \
		const struct List *l = atomic_load(&exited) ? &nobody : atomic_load(&list);             \
		for (unsigned i = 0; i < l->count; i++) {                                               \
			struct Subscriber *s = l->subscriber[i];                                        \
			if (!s->member)                                                                 \
				continue;                                                               \
			struct Calling outer = calling_enter(s->owner, title);                          \
			body;                                                                           \
			calling_leave(outer);                                                           \
		}                                                                                       \
		if (begun)                                                                              \
			cpu_callback_end(cpu);                                                          \
	}                                                                                               \
} while (0)

void instrument_unit(struct Ir *ir, struct Cpu *cpu)
{
	struct ProbeUnit unit;

	if (!wanted(EVENT_TRANSLATE))
		return;
	pass_begin(&unit, ir, cpu);
	while (pass_next_block(&unit))
		FOR_EACH(EVENT_TRANSLATE, (struct Cpu *)NULL, on_translate, "translation callback", s->on_translate(s, &unit));
	pass_insert(&unit);
}

void instrument_cpu_init(struct Cpu *cpu)
{
	unsigned count = atomic_load(&vcpus);

	while (count <= cpu->index && !atomic_compare_exchange_weak(&vcpus, &count, cpu->index + 1))
		;
	cpu->instrument = cpu;          /* not NULL from here to the end that is told */
	FOR_EACH(EVENT_CPU_INIT, cpu, on_cpu_init, "cpu start callback", s->on_cpu_init(s, cpu));
}

void instrument_cpu_exit(struct Cpu *cpu)
{
	FOR_EACH(EVENT_CPU_EXIT, cpu, on_cpu_exit, "cpu end callback", s->on_cpu_exit(s, cpu));
	cpu->instrument = NULL;
}

unsigned instrument_vcpus(void)
{
	return atomic_load_explicit(&vcpus, memory_order_relaxed);
}

bool instrument_syscall(struct Cpu *cpu, int64_t number, const uint64_t args[6], uint64_t *result)
{
	bool skip = false;

	/* The first that replaces the call decides its result; the others are told of the call all the same. */
	FOR_EACH(EVENT_SYSCALL, cpu, on_syscall, "system call callback", {
		uint64_t value;
		if (s->on_syscall(s, cpu, number, args, &value) && !skip) {
			skip = true;
			*result = value;
		}
	});
	return skip;
}

void instrument_syscall_return(struct Cpu *cpu, int64_t number, int64_t result)
{
	FOR_EACH(EVENT_SYSCALL_RETURN, cpu, on_syscall_return, "system call return callback",
		 s->on_syscall_return(s, cpu, number, result));
}

void instrument_exception(struct Cpu *cpu, uint64_t from_pc)
{
	FOR_EACH(EVENT_EXCEPTION, cpu, on_exception, "exception callback", s->on_exception(s, cpu, from_pc));
}

uint64_t instrument_drained(void)
{
	return atomic_load(&drained);
}

void instrument_flush(void)
{
	/* what was made before that generation has been forgotten, and no cpu is in it */
	atomic_store(&drained, cache_generation());
	FOR_EACH(EVENT_FLUSH, (struct Cpu *)NULL, on_flush, "flush callback", s->on_flush(s));
}

static void nothing(void *data)
{
	(void)data;
}

void instrument_exit(void)
{
	const struct Cpu *cpu = cpu_current();

	if (atomic_exchange(&exited, true))
		return;
	/* What other threads have begun is to end before; but a plugin that ends the process in a callback may hold what they wait for. */
	if (cpu && !calling.owner && !cpu->running && !cpu->in_callback)
		cpu_exclusive(nothing, NULL);
	const struct List *l = atomic_load(&list);
	for (unsigned i = 0; l && i < l->count; i++)
		if (l->subscriber[i]->on_exit) {
			struct Calling outer = calling_enter(l->subscriber[i]->owner, "exit callback");
			l->subscriber[i]->on_exit(l->subscriber[i]);
			calling_leave(outer);
		}
	plugin_finish_all();
	fflush(NULL);
	log_flush();
}
