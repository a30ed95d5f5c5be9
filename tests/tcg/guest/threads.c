/* SPDX-License-Identifier: MIT */
/* Threads that come and go, all busy, so that callbacks run at the same time and indices are used again. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

enum { ROUNDS = 8, THREADS = 4, STEPS = 20000 };

static _Atomic uint64_t total;

static void *work(void *data)
{
	uint64_t sum = 0;

	(void)data;
	for (volatile int i = 0; i < STEPS; i++)
		sum += i;
	total += sum;
	return NULL;
}

int main(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t thread[THREADS];
		for (int i = 0; i < THREADS; i++)
			pthread_create(&thread[i], NULL, work, NULL);
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
	}
	printf("%d\n", total == (uint64_t)ROUNDS * THREADS * STEPS * (STEPS - 1) / 2);
	return 0;
}
