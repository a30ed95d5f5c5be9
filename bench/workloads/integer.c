/* SPDX-License-Identifier: MIT */
/* Workload: integer arithmetic and branches - Collatz lengths, a sieve, greatest common divisors. group: integer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char sieve[1 << 20];

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;

	for (unsigned round = 0; round < 2 * scale; round++) {
		for (unsigned long n = 1; n < 12000; n++)
			for (unsigned long v = n + round; v > 1; sum++)
				v = v & 1 ? 3 * v + 1 : v >> 1;
		if (round % 8 == 0) {
			memset(sieve, 1, sizeof sieve);
			for (unsigned i = 2; i * i < sizeof sieve; i++)
				if (sieve[i])
					for (unsigned j = i * i; j < sizeof sieve; j += i)
						sieve[j] = 0;
			for (unsigned i = 2; i < sizeof sieve; i++)
				sum += sieve[i];
		}
		for (unsigned i = 1; i < 20000; i++) {
			unsigned a = i * 7919 + round, b = i * 104729u + 1;
			while (b) {
				unsigned t = a % b;
				a = b;
				b = t;
			}
			sum += a;
		}
	}
	printf("%lu\n", sum);
	return 0;
}
