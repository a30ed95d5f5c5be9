/* SPDX-License-Identifier: MIT */
/* Workload: threads that share nothing, each doing the same fixed work; the second argument says how many. group: threads */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 64, CELLS = 512 };
static unsigned scale = 100;
static uint64_t results[MOST][8];       /* a cache line each */

static void *work(void *number)
{
	uint64_t *result = number, v = 88172645463325252u;
	uint32_t counts[CELLS] = { 0 };

	for (unsigned round = 0; round < 600 * scale; round++)
		for (unsigned i = 0; i < CELLS; i++) {
			v ^= v << 13;
			v ^= v >> 7;
			v ^= v << 17;
			if (++counts[v % CELLS] & 64)
				v += i;
		}
	for (unsigned i = 0; i < CELLS; i++)
		v = v * 31 + counts[i];
	*result = v;
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t ids[MOST];

	if (argc > 1)
		scale = atoi(argv[1]);
	if (threads < 1 || threads > MOST)
		return 2;
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, results[i]))
			return 1;
	work(results[0]);
	for (unsigned i = 1; i < threads; i++)
		if (pthread_join(ids[i], NULL) || results[i][0] != results[0][0])
			return 1;
	printf("%016llx\n", (unsigned long long)results[0][0]);
	return 0;
}
