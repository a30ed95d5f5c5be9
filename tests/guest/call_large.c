/* SPDX-License-Identifier: MIT */
/* Hot loops that call functions which are too large for a region, and of which they execute little: other parts in each phase, some now and then, some that call back, and
 * inner loops of any length; a fault in the middle of it sees what it should. */
/* expect:
moves 7d15505bc006e778
steps 0 62b6ba118ce4fa47
steps 1 17adaae4cdcb386a
steps 2 672ec48963631d5a
mixed ef151239009273f4
sorted 7960d32ba77dfa26
faults 3000 sum 4501500
*/
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROUNDS = 45000 };

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x100000001b3;
	return h ^ h >> 29;
}

/* As a hash moves its state: the length and the place differ by phase. */
static uint64_t moves(void)
{
	static unsigned char state[256];
	uint64_t h = 1;

	for (unsigned i = 0; i < sizeof state; i++)
		state[i] = i * 7;
	for (unsigned phase = 0; phase < 4; phase++) {
		volatile unsigned length = (unsigned[]){ 28, 5, 100, 64 }[phase], to = (unsigned[]){ 4, 1, 0, 8 }[phase], from = (unsigned[]){ 0, 3, 9, 16 }[phase];
		for (unsigned i = 0; i < ROUNDS / 4; i++) {
			memmove(state + to, state + from, length + (i % 1024 == 1023));
			state[from] = h;
			h = mix(h, state[to + 3]);
		}
	}
	return h;
}

#define TWICE(x) x x
#define LONG_PART(k) TWICE(TWICE(TWICE(a = a * 3 + b + (k); b ^= a >> 7; c += b << 3; )))

/* A large function of many parts. */
static __attribute__((noinline)) uint64_t step(uint64_t which, uint64_t a, uint64_t (*call)(uint64_t))
{
	uint64_t b = a + 1, c = a ^ 5;

	if (which & 1) {
		LONG_PART(1)
	}
	if (which & 2) {
		LONG_PART(2)
	} else {
		c += a;
	}
	if (which & 4) {
		for (uint64_t n = a % 5; n > 0; n--)
			c = c * 5 + n;
	}
	if (which & 8) {
		LONG_PART(3)
		a += call(b);
	}
	switch (which >> 4 & 3) {
	case 1: LONG_PART(4) break;
	case 2: b += c; break;
	case 3: return a ^ b;
	}
	return a + b + c;
}

static __attribute__((noinline)) uint64_t plain(uint64_t x) { return x * 7 + 1; }
static __attribute__((noinline)) uint64_t again(uint64_t x) { return x & 8 ? x : step(4, x, plain) + 1; }

static uint64_t steps(unsigned phase)
{
	static const unsigned char usual[3] = { 0x20, 0x04, 0x08 }, other[3] = { 0x1b, 0x39, 0x06 };
	uint64_t h = phase;

	for (unsigned i = 0; i < ROUNDS; i++)
		h = mix(h, step(i % 777 == 5 ? other[phase] : usual[phase], h & 0xffff, phase == 2 ? again : plain));
	return h;
}

/* No way is usual. */
static uint64_t mixed(void)
{
	uint64_t h = 3;

	for (unsigned i = 0; i < ROUNDS / 3; i++)
		h = mix(h, step(h >> 13 & 63, h & 0xff, h & 1 ? again : plain));
	return h;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t sorted(void)
{
	static uint32_t list[300];
	uint64_t h = 9;

	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < 300; i++)
			list[i] = h = mix(h, i);
		qsort(list, 300, sizeof *list, by_value);
		for (unsigned i = 0; i < 300; i++)
			h = mix(h, list[i]);
	}
	return h;
}

/* A fault in the large function, when the loop is hot. */
static sigjmp_buf back;
static volatile uint64_t *cell;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static __attribute__((noinline)) uint64_t look(uint64_t which, uint64_t x, volatile uint64_t *from)
{
	uint64_t a = x, b = 1, c = 2;

	if (which & 1) {
		LONG_PART(5)
	}
	a += *from;
	if (which & 2) {
		LONG_PART(6)
	}
	return a + (which & 3 ? b + c : 0);
}

static void faults(void)
{
	volatile unsigned n = 0;
	volatile uint64_t sum = 0, i = 0;
	uint64_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGSEGV, on_fault);
	look(3, 1, pages);
	munmap(pages + 512, 4096);
	cell = pages;
	while (i < ROUNDS) {
		if (sigsetjmp(back, 1)) {
			n++;
			sum = sum + i / 15;
		}
		while (i < ROUNDS) {
			uint64_t now = i;
			i = now + 1;
			if (look(0, now, now % 15 == 14 ? cell + 512 : cell) != now)
				printf("wrong at %u\n", (unsigned)now);
		}
	}
	printf("faults %u sum %llu\n", n, (unsigned long long)sum);
}

int main(void)
{
	printf("moves %016llx\n", (unsigned long long)moves());
	for (unsigned phase = 0; phase < 3; phase++)
		printf("steps %u %016llx\n", phase, (unsigned long long)steps(phase));
	printf("mixed %016llx\n", (unsigned long long)mixed());
	printf("sorted %016llx\n", (unsigned long long)sorted());
	faults();
	return 0;
}
