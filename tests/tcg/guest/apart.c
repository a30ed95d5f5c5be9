/* SPDX-License-Identifier: MIT */
/* A loop of two blocks, marked apart, and then one of marked calls beside a thread that makes others all the time. The marks are instructions without
 * effect: slti zero, zero, N. */
#include <pthread.h>
#include <stdio.h>

enum { ROUNDS = 3000, CALLS = 10000000 };

static volatile int started, stop;

static void __attribute__((noinline)) other(void)
{
	__asm__ volatile("nop");
}

static void __attribute__((noinline)) marked(void)
{
	__asm__ volatile("slti zero, zero, 3");
}

static void *call_others(void *data)
{
	while (!stop) {
		other();
		started = 1;
	}
	return data;
}

int main(void)
{
	pthread_t thread;
	long left = ROUNDS;

	/* each mark is the first of a block that is entered by jumps alone, the one that looks before there is one that counts */
	__asm__ volatile("j 1f\n"
			 ".balign 16\n"
			 "1: slti zero, zero, 1\n"
			 "j 2f\n"
			 ".balign 16\n"
			 "2: slti zero, zero, 2\n"
			 "addi %0, %0, -1\n"
			 "bnez %0, 1b" : "+r"(left));
	marked();
	pthread_create(&thread, NULL, call_others, NULL);
	while (!started)
		;
	for (int i = 1; i < CALLS; i++)
		marked();
	stop = 1;
	pthread_join(thread, NULL);
	puts("done");
	return 0;
}
