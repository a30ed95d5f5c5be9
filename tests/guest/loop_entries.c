/* SPDX-License-Identifier: MIT */
/* Hot loops whose registers hold the same at each entry, until they do not: divisors, bounds, shifts, tables, conditions, functions; in one thread, in several that
 * disagree at the same time, and in a child. */
/* expect:
the same 959ec097aa042efe
otherwise 0
threads 0
child 0
*/
#include "must.h"

#include <pthread.h>
#include <sys/wait.h>

enum { ENTRIES = 3000, THREADS = 4, N = 16 };

struct Parameters {
	unsigned long divisor;
	unsigned n, shift;
	int word, flag;
	const unsigned *table;
	unsigned long (*function)(unsigned long);
};

static const unsigned small[N] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3 };
static unsigned large[N];

static __attribute__((noinline)) unsigned long mix(unsigned long x) { return x * 5 ^ x >> 7; }
static __attribute__((noinline)) unsigned long turn(unsigned long x) { return x << 11 | x >> 53; }

/* Operands that no optimiser knows. */
static unsigned long unknown(unsigned long x)
{
	__asm__ volatile("" : "+r"(x));
	return x;
}

/* One round. */
static inline __attribute__((always_inline)) unsigned long step(const struct Parameters *p, unsigned long h, unsigned i)
{
	unsigned element = p->table[i % N];

	h += h / p->divisor + element % (unsigned)p->divisor;
	h ^= (unsigned long)element << p->shift;
	h += (unsigned long)(int)((unsigned)p->word * element);
	if (p->flag)
		h -= i;
	if (i == 5 + (unsigned)p->flag)
		h = ~h;
	return h;
}

/* All the parameters are in registers round the loop. */
static __attribute__((noinline)) unsigned long hot(struct Parameters p, unsigned long h)
{
	for (unsigned i = 0; i < p.n; i++)
		h = p.function(step(&p, h, i));
	return h;
}

/* The same without calls. */
static __attribute__((noinline)) unsigned long leaf(struct Parameters p, unsigned long h)
{
	for (unsigned i = 0; i < p.n; i++)
		h = step(&p, h, i);
	return h;
}

/* The same with a loop round it: it puts constants into registers where it begins anew. */
static __attribute__((noinline)) unsigned long nested(struct Parameters p, unsigned long h)
{
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < p.n; i++) {
			h = step(&p, h, i + k) / 81;
			h += h % 9 + h / (p.divisor + k) + i * 0x9e3779b97f4a7c15;
		}
	return h;
}

/* The same with one round in each call, so that no loop is hot. */
static __attribute__((noinline)) unsigned long slow(struct Parameters p, unsigned long h, int call)
{
	for (unsigned i = 0; i < p.n; i++) {
		struct Parameters q = { unknown(p.divisor), unknown(p.n), unknown(p.shift), unknown(p.word), unknown(p.flag), p.table, p.function };
		h = step(&q, h, unknown(i));
		if (call)
			h = q.function(h);
	}
	return h;
}

static __attribute__((noinline)) unsigned long slow_nested(struct Parameters p, unsigned long h)
{
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < p.n; i++) {
			struct Parameters q = { unknown(p.divisor), unknown(p.n), unknown(p.shift), unknown(p.word), unknown(p.flag), p.table, p.function };
			h = step(&q, h, unknown(i + k)) / unknown(81);
			h += h % unknown(9) + h / (q.divisor + k) + i * unknown(0x9e3779b97f4a7c15);
		}
	return h;
}

/* Parameters that differ from the usual ones in one thing. */
static struct Parameters other(unsigned which)
{
	struct Parameters p = { 10, 12, 5, -3, 0, small, mix };

	switch (which) {
	case 1: p.divisor = 7; break;
	case 2: p.n = 15; break;
	case 3: p.shift = 34; break;
	case 4: p.word = 1 << 30; break;
	case 5: p.flag = 1; break;
	case 6: p.table = large; break;
	case 7: p.function = turn; break;
	case 8: p.divisor = 0x123456789abc; break;
	}
	return p;
}

/* How often loops and their slow twins differ in ENTRIES entries, with parameters that EVERY entries are others. */
static unsigned differ(unsigned first, unsigned every)
{
	unsigned long h = first, wrong = 0;

	for (unsigned n = 0; n < ENTRIES; n++) {
		struct Parameters p = other(every ? n / every % 9 : first);
		unsigned long a = hot(p, h), b = leaf(p, h), c = nested(p, h);
		wrong += (a != slow(p, h, 1)) + (b != slow(p, h, 0)) + (c != slow_nested(p, h));
		h = a ^ b ^ c;
	}
	return wrong;
}

static void *run(void *first)
{
	unsigned long n = (unsigned long)first;

	return (void *)(unsigned long)(differ(n, 0) + differ(n, 1 + n));
}

int main(void)
{
	unsigned long h = 1, wrong = 0;
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < N; i++)
		large[i] = 0x9e3779b9u * (i + 1);
	for (unsigned n = 0; n < ENTRIES; n++)
		h += hot(other(0), h) ^ leaf(other(0), h) ^ nested(other(0), h);
	printf("the same %lx\n", h);
	printf("otherwise %u\n", differ(0, 500) + differ(0, 1));
	for (unsigned i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, run, (void *)(unsigned long)i) == 0);
	for (unsigned i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		wrong += (unsigned long)result;
	}
	printf("threads %lu\n", wrong);
	fflush(stdout);
	int status, pid = fork();
	if (!pid)
		_exit(differ(8, 0) + differ(8, 3) ? 1 : 0);
	waitpid(pid, &status, 0);
	printf("child %d\n", status);
	return 0;
}
