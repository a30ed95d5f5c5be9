/* SPDX-License-Identifier: MIT */
/* Workload: loads and stores - pointer chasing, blocks copied, random access, bytes and halves. group: memory */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 1 << 16 };
static uint32_t next[CELLS];
static uint64_t table[CELLS];
static uint8_t bytes[1 << 18], copy[1 << 18];

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint64_t sum = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < CELLS; i++)
		next[i] = (i * 40503u + 12345) % CELLS;
	for (unsigned round = 0; round < 5 * scale; round++) {
		for (int i = 0; i < CELLS; i++)
			at = next[at];
		for (uint32_t i = 0, r = round; i < CELLS; i++) {
			r = r * 1664525 + 1013904223;
			table[r >> 16] += i;
		}
		for (unsigned i = 0; i + 2 < sizeof bytes; i += 3) {
			bytes[i] += i;
			*(volatile uint16_t *)(bytes + (i & ~1u)) ^= round;
		}
		memcpy(copy, bytes, sizeof copy);
		sum += at + table[round % CELLS] + copy[round];
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
