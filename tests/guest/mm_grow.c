/* SPDX-License-Identifier: MIT */
/* Two threads that touch a growing mapping at the same time, by instructions and as a system call's buffer: both find it grown. */
/* expect:
stores
buffers
both
*/
#include "must.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
enum { ROUNDS = 500, REACH = 16 };

static char *place;                     /* of the mapping's first page */
static int zeroes;                      /* /dev/zero */

enum Way { STORES, BUFFERS, BOTH, WAYS };

/* Thread WHO, 0 or 1, touches a page below the mapping: mostly the one that the other touches, too. */
static void touch(enum Way way, int who, int round)
{
	char *at = place - (1 + (round + who * (round % 3 == 0)) % REACH) * PAGE + 64 * who;

	if (way == STORES || (way == BOTH && who == 0))
		*(volatile char *)at = 1;
	else
		MUST(read(zeroes, at, 8) == 8);
}

static void meet(void)
{
	static atomic_int count;
	int mine = atomic_fetch_add(&count, 1);

	for (int i = 1; atomic_load(&count) <= (mine | 1); i++)
		if (i % 1024 == 0)
			sched_yield();
}

static void *other(void *data)
{
	for (int round = 0; round < WAYS * ROUNDS; round++) {
		meet();
		touch(round / ROUNDS, 1, round);
		meet();
	}
	return data;
}

int main(void)
{
	static const char *const names[WAYS] = { "stores", "buffers", "both" };
	pthread_t thread;

	zeroes = open("/dev/zero", O_RDONLY);
	MUST(zeroes >= 0 && pthread_create(&thread, NULL, other, NULL) == 0);
	char *room = mmap(NULL, 1024 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(room != MAP_FAILED && munmap(room, 1024 * PAGE) == 0);
	place = room + 1000 * PAGE;
	for (int round = 0; round < WAYS * ROUNDS; round++) {
		MUST(mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0) == place);
		meet();
		touch(round / ROUNDS, 0, round);
		meet();
		MUST(munmap(place - REACH * PAGE, (REACH + 1) * PAGE) == 0);
		if (round % ROUNDS == ROUNDS - 1)
			puts(names[round / ROUNDS]);
	}
	MUST(pthread_join(thread, NULL) == 0);
	return 0;
}
