/* SPDX-License-Identifier: MIT */
/* Compares what two runs of a random program printed.
 *
 * usage: compare FILE-A FILE-B
 *
 * Prints the first streams and registers that differ; exit status 0 if there is none, 1 if there is, 2 if a file cannot be compared. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/random/layout.h"

enum { SHOWN = 10 };

static uint8_t *read_all(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");

	if (!f) {
		perror(path);
		exit(2);
	}
	fseek(f, 0, SEEK_END);
	*size = ftell(f);
	rewind(f);
	uint8_t *data = malloc(*size + 1);
	if (fread(data, 1, *size, f) != *size)
		exit(2);
	fclose(f);
	return data;
}

static void name_of(unsigned offset, char *name, size_t size)
{
	if (offset < 256)
		snprintf(name, size, "x%u", offset / 8);
	else if (offset < 512)
		snprintf(name, size, "f%u", (offset - 256) / 8);
	else if (offset < 520)
		snprintf(name, size, "fcsr");
	else
		snprintf(name, size, "memory%+d", (int)(offset - STATE_MEMORY - SCRATCH_BASE) & ~7);
}

int main(int argc, char **argv)
{
	size_t size_a, size_b;

	if (argc != 3)
		return 2;
	uint8_t *a = read_all(argv[1], &size_a), *b = read_all(argv[2], &size_b);
	if (size_a != size_b || !size_a || size_a % STATE_SIZE) {
		printf("sizes differ or are wrong: %zu and %zu bytes\n", size_a, size_b);
		return 2;
	}
	unsigned shown = 0, differ = 0;
	for (size_t stream = 0; stream < size_a / STATE_SIZE; stream++) {
		unsigned here = 0;
		for (unsigned at = 0; at < STATE_SIZE; at += 8) {
			uint64_t x, y;
			memcpy(&x, a + stream * STATE_SIZE + at, 8);
			memcpy(&y, b + stream * STATE_SIZE + at, 8);
			if (x == y)
				continue;
			char name[24];
			name_of(at, name, sizeof name);
			if (shown++ < SHOWN)
				printf("stream %zu: %s is %016" PRIx64 " and %016" PRIx64 "\n", stream, name, x, y);
			here = 1;
		}
		differ += here;
	}
	printf("%zu streams, %u differ\n", size_a / STATE_SIZE, differ);
	return differ != 0;
}
