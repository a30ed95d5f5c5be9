/* SPDX-License-Identifier: MIT */
/* Workload: calls and returns - Fibonacci, Ackermann, queens, trees. group: calls */
#include <stdio.h>
#include <stdlib.h>

struct Tree { struct Tree *left, *right; };
static struct Tree nodes[1 << 14];
static unsigned used;

__attribute__((noinline)) static unsigned long fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n)
{
	return !m ? n + 1 : ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static unsigned queens(unsigned all, unsigned columns, unsigned left, unsigned right)
{
	unsigned found = 0;

	if (columns == all)
		return 1;
	for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
		unsigned bit = free & -free;
		found += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
	}
	return found;
}

static struct Tree *grow(unsigned depth)
{
	struct Tree *t = &nodes[used++];

	t->left = depth ? grow(depth - 1) : NULL;
	t->right = depth ? grow(depth - 1) : NULL;
	return t;
}

static unsigned count(const struct Tree *t) { return t ? 1 + count(t->left) + count(t->right) : 0; }

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;

	for (unsigned round = 0; round < 18 * scale; round++) {
		sum += fibonacci(23) + ackermann(2, 200) + queens(255, 0, 0, 0);
		used = 0;
		sum += count(grow(12));
	}
	printf("%lu\n", sum);
	return 0;
}
