/* SPDX-License-Identifier: MIT */
/* Guest program: eight threads hammer atomics, locks, signals and freshly written code for a number of seconds, and count what they did.
 *
 * usage: threads [SECONDS]
 *
 * Prints "ok" and exits 0 if all sums agree; what went wrong and 1 otherwise. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, PAGE = 4096 };

struct Worker {
	pthread_t thread;
	unsigned id;
	uint64_t rounds, calls, errors;
	_Atomic uint64_t signals_sent;          /* to this worker */
	_Atomic uint64_t signals_seen;
};

static struct Worker workers[THREADS];
static _Thread_local struct Worker *self;
static _Atomic uint64_t added, exchanged;
static _Atomic uint32_t word;
static _Atomic uint8_t byte;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded;
static atomic_bool stop;
static pthread_barrier_t barrier;

static void on_signal(int sig)
{
	(void)sig;
	if (self)
		atomic_fetch_add(&self->signals_seen, 1);
}

/* Writes "return VALUE" (0 <= VALUE < 2048) to CODE for the processor this is compiled for. */
static void write_function(void *code, unsigned value)
{
#if defined __riscv
	uint32_t insns[] = { 0x00000513 | value << 20, 0x00008067 };            /* li a0, VALUE; ret */
#elif defined __x86_64__
	uint8_t insns[] = { 0xb8, value, value >> 8, 0, 0, 0xc3 };              /* mov eax, VALUE; ret */
#elif defined __aarch64__
	uint32_t insns[] = { 0x52800000 | value << 5, 0xd65f03c0 };             /* mov w0, VALUE; ret */
#endif
	memcpy(code, insns, sizeof insns);
	__builtin___clear_cache((char *)code, (char *)code + sizeof insns);
}

/* Makes a page of code, calls it, rewrites it, calls it again, and drops it. */
static void generate_code(struct Worker *w)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		w->errors++;
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		unsigned value = (w->rounds * 4 + i * 7 + w->id) & 2047;
		void *at = page + (i & 1) * 64;
		write_function(at, value);
		if (((int (*)(void))at)() != (int)value)
			w->errors++;
		w->calls++;
	}
	munmap(page, PAGE);
}

static void *run(void *arg)
{
	struct Worker *w = self = arg;

	pthread_barrier_wait(&barrier);
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < 100; i++) {
			atomic_fetch_add(&added, 1);
			uint64_t old = atomic_load(&exchanged);
			while (!atomic_compare_exchange_weak(&exchanged, &old, old + 1))
				;
			atomic_fetch_xor(&word, 1u << w->id);
			atomic_fetch_add(&byte, 1);
		}
		pthread_mutex_lock(&mutex);
		guarded++;
		pthread_mutex_unlock(&mutex);
		if (w->rounds % 8 == 0)
			generate_code(w);
		struct Worker *other = &workers[(w->id + 1) % THREADS];
		if (w->rounds % 16 == 0 && pthread_kill(other->thread, SIGUSR1) == 0)
			atomic_fetch_add(&other->signals_sent, 1);
		w->rounds++;
	}
	pthread_barrier_wait(&barrier);         /* nobody ends while a neighbour may still send to it */
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? atoi(argv[1]) : 5;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	uint64_t rounds = 0, calls = 0, seen = 0, sent = 0, errors = 0;

	sigaction(SIGUSR1, &action, NULL);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].id = i;
		pthread_create(&workers[i].thread, NULL, run, &workers[i]);
	}
	pthread_barrier_wait(&barrier);
	struct timespec left = { .tv_sec = seconds };
	while (nanosleep(&left, &left) != 0)
		;
	atomic_store(&stop, 1);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		rounds += workers[i].rounds;
		calls += workers[i].calls;
		seen += workers[i].signals_seen;
		sent += workers[i].signals_sent;
		errors += workers[i].errors;
	}
	uint32_t expected_word = 0;
	for (unsigned i = 0; i < THREADS; i++)
		expected_word |= (workers[i].rounds * 100 & 1) << i;
	if (errors || added != rounds * 100 || exchanged != rounds * 100 || guarded != rounds || word != expected_word ||
	    byte != (uint8_t)(rounds * 100) || !seen || seen > sent) {
		printf("wrong: rounds %lu added %lu exchanged %lu guarded %lu word %x/%x byte %u signals %lu/%lu errors %lu\n",
		       rounds, added, exchanged, guarded, word, expected_word, byte, seen, sent, errors);
		return 1;
	}
	if (argc > 2)
		printf("%lu rounds, %lu calls of fresh code, %lu signals\n", rounds, calls, seen);
	puts("ok");
	return 0;
}
