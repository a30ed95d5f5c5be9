/* SPDX-License-Identifier: MIT */
/* Atomics of every width between threads: add, exchange, compare and exchange, min and max, LR/SC loops, on shared memory too. */
/* expect:
add 800000
exchange
compare 400000
bits ff
max 799999 min 0
bytes 160 160
processes 200000
*/
#include "must.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 100000 };

static _Atomic long sum, compared, tokens = 1;
static _Atomic int bits, low = 1 << 30, high;
static _Atomic unsigned char bytes[2];

static void *work(void *argument)
{
	int self = (int)(intptr_t)argument;

	for (int i = 0; i < ROUNDS; i++) {
		sum++;
		if (i < ROUNDS / 2) {
			long old = atomic_load_explicit(&compared, memory_order_relaxed);
			while (!atomic_compare_exchange_weak(&compared, &old, old + 1))
				;
		}
		int value = self * ROUNDS + i, seen = high;
		while (seen < value && !atomic_compare_exchange_weak(&high, &seen, value))
			;
#ifdef __riscv
		__asm__ volatile("amomin.w zero, %1, %0" : "+A"(low) : "r"(value) : "memory");
#else
		seen = low;
		while (seen > value && !atomic_compare_exchange_weak(&low, &seen, value))
			;
#endif
		if (i < 20)
			atomic_fetch_add(&bytes[0], 1), atomic_fetch_add(&bytes[1], 1);
	}
	atomic_fetch_or(&bits, 1 << self);
	while (!atomic_exchange(&tokens, 0))
		;
	atomic_store(&tokens, 1);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	int status;

	for (int i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("add %ld\nexchange\ncompare %ld\nbits %x\nmax %d min %d\nbytes %d %d\n", sum, compared, bits, high, low, bytes[0], bytes[1]);

	_Atomic long *cell = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			for (int n = 0; n < ROUNDS; n++)
				(*cell)++;
			_exit(0);
		}
	while (wait(&status) > 0)
		MUST(status == 0);
	printf("processes %ld\n", *cell);
	return 0;
}
