/* SPDX-License-Identifier: MIT */
/* Eight threads with atomics, mutexes, condition variables, barriers, reader-writer locks, once, thread-local data and cancellation. */
/* expect:
atomic: 800000
mutex: 400000
compare and swap: 160000
bytes: 80000 80000 80000 80000
thread-local: 8 of 8
condition: 2000 passed on
barrier: 100 rounds
rwlock: 0 torn
once: 1
cancelled: 1, cleaned up 1
results: 0 1 4 9 16 25 36 49
many: 1000
detached: 50
*/
#include "must.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS = 8 };

static atomic_long sum, swapped, detached;
static _Atomic unsigned char bytes[4];
static long locked, local_sum[THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local long local = 1;
static _Thread_local char big[5000];
static volatile long pair[2];
static int initialised, turn, passed, rounds, cleaned;
static atomic_int torn;

static void initialise(void) { initialised++; }
static void clean(void *data) { *(int *)data = 1; }

static void *work(void *data)
{
	long id = (long)data;

	pthread_once(&once, initialise);
	for (int i = 0; i < 100000; i++) {
		atomic_fetch_add(&sum, 1);
		local += id;
		if (i % 2) {
			pthread_mutex_lock(&mutex);
			locked++;
			pthread_mutex_unlock(&mutex);
		}
		if (i % 5 == 0) {
			long old = atomic_load(&swapped);
			while (!atomic_compare_exchange_weak(&swapped, &old, old + 1))
				;
		}
	}
	for (int i = 0; i < 40000; i++)
		atomic_fetch_add(&bytes[i % 4], 1);
	big[id] = 1;
	local_sum[id] = local;
	while (1) {
		pthread_mutex_lock(&mutex);
		while (turn % THREADS != id && passed < 2000)
			pthread_cond_wait(&condition, &mutex);
		if (passed >= 2000) {
			pthread_cond_broadcast(&condition);
			pthread_mutex_unlock(&mutex);
			break;
		}
		turn++;
		passed++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	for (int i = 0; i < 100; i++)
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			rounds++;
	for (int i = 0; i < 2000; i++) {
		if (i % 10 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			pair[1]++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			if (pair[0] != pair[1])
				torn++;
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return (void *)(id * id);
}

static void *sleep_for_ever(void *data)
{
	pthread_cleanup_push(clean, data);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *add_one(void *data)
{
	atomic_fetch_add((atomic_long *)data, 1);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS], lone;
	void *results[THREADS], *result;
	int good = 0;

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_join(threads[i], &results[i]) == 0);
	for (int i = 0; i < THREADS; i++)
		good += local_sum[i] == 1 + 100000l * i;
	printf("atomic: %ld\nmutex: %ld\ncompare and swap: %ld\nbytes:", sum, locked, swapped);
	for (int i = 0; i < 4; i++)
		printf(" %d", (unsigned char)(80000 - bytes[i]) == 0 ? 80000 : bytes[i]);
	printf("\nthread-local: %d of %d\ncondition: %d passed on\nbarrier: %d rounds\nrwlock: %d torn\nonce: %d\n", good, THREADS, passed, rounds, torn, initialised);
	MUST(pthread_create(&lone, NULL, sleep_for_ever, &cleaned) == 0);
	usleep(20000);
	MUST(pthread_cancel(lone) == 0 && pthread_join(lone, &result) == 0);
	printf("cancelled: %d, cleaned up %d\nresults:", result == PTHREAD_CANCELED, cleaned);
	for (int i = 0; i < THREADS; i++)
		printf(" %ld", (long)results[i]);
	printf("\n");

	atomic_long many = 0;
	for (int i = 0; i < 1000; i++) {
		MUST(pthread_create(&lone, NULL, add_one, &many) == 0);
		pthread_join(lone, NULL);
	}
	printf("many: %ld\n", many);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 50; i++)
		MUST(pthread_create(&lone, &attributes, add_one, &detached) == 0);
	while (detached < 50)
		usleep(1000);
	printf("detached: %ld\n", detached);
	return 0;
}
