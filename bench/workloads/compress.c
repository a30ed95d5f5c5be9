/* SPDX-License-Identifier: MIT */
/* Workload: a compressor and its reverse - matches found by hash chains, then prefix codes by frequency, bit by bit. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 16, HASHES = 1 << 13, LONGEST = 258, SHORTEST = 4, DEPTH = 16, SYMBOLS = 256 };

static uint8_t input[SIZE], packed[2 * SIZE], coded[2 * SIZE + 1024], unpacked[2 * SIZE], output[SIZE];
static int32_t heads[HASHES], chain[SIZE];

static unsigned hash(const uint8_t *p)
{
	return (p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24) * 2654435761u >> 19;
}

/* Literals go out as a count below 128 and the bytes, matches as 128 + length's low bits, length's rest, and the distance. */
static size_t match(const uint8_t *from, size_t size, uint8_t *to)
{
	uint8_t *start = to, *literals = NULL;

	memset(heads, -1, sizeof heads);
	for (size_t at = 0; at < size;) {
		unsigned best = SHORTEST - 1, distance = 0;
		if (at + SHORTEST <= size) {
			unsigned limit = size - at < LONGEST ? size - at : LONGEST, tries = DEPTH;
			for (int32_t old = heads[hash(from + at)]; old >= 0 && tries--; old = chain[old]) {
				unsigned n = 0;
				while (n < limit && from[old + n] == from[at + n])
					n++;
				if (n > best) {
					best = n;
					distance = at - old;
				}
			}
		}
		unsigned step = distance ? best : 1;
		if (distance) {
			*to++ = 128 | (best & 127);
			*to++ = best >> 7;
			*to++ = distance & 255;
			*to++ = distance >> 8;
			literals = NULL;
		} else {
			if (!literals || *literals == 127) {
				literals = to++;
				*literals = 0;
			}
			++*literals;
			*to++ = from[at];
		}
		for (; step; step--, at++)
			if (at + SHORTEST <= size) {
				unsigned h = hash(from + at);
				chain[at] = heads[h];
				heads[h] = at;
			}
	}
	return to - start;
}

static size_t copy_matches(const uint8_t *from, size_t size, uint8_t *to)
{
	const uint8_t *end = from + size;
	uint8_t *start = to;

	while (from < end)
		if (*from < 128) {
			unsigned n = *from++;
			while (n--)
				*to++ = *from++;
		} else {
			unsigned n = (from[0] & 127) | from[1] << 7, distance = from[2] | from[3] << 8;
			for (from += 4; n--; to++)
				*to = *(to - distance);
		}
	return to - start;
}

/* Code lengths by joining the two rarest again and again; LENGTH of unused symbols is 0. */
static void lengths(const uint32_t *counts, uint8_t *length)
{
	uint32_t weight[2 * SYMBOLS];
	int parent[2 * SYMBOLS], live[SYMBOLS], n = 0, next = SYMBOLS;

	for (int i = 0; i < SYMBOLS; i++)
		if (counts[i]) {
			weight[i] = counts[i];
			live[n++] = i;
		}
	while (n > 1) {
		for (int k = 0; k < 2; k++) {
			int least = k;
			for (int i = k + 1; i < n; i++)
				if (weight[live[i]] < weight[live[least]])
					least = i;
			int t = live[k];
			live[k] = live[least];
			live[least] = t;
		}
		weight[next] = weight[live[0]] + weight[live[1]];
		parent[live[0]] = parent[live[1]] = next;
		live[0] = next++;
		live[1] = live[--n];
	}
	for (int i = 0; i < SYMBOLS; i++) {
		length[i] = 0;
		if (counts[i])
			for (int at = i; at != live[0]; at = parent[at])
				length[i]++;
	}
}

/* Codes in order of length, then symbol. FIRST and BASE, by length: first code, and its place in ORDER. */
static void codes(const uint8_t *length, uint64_t *code, uint64_t *first, unsigned *base, uint8_t *order)
{
	uint64_t next = 0;
	unsigned place = 0;

	for (unsigned n = 1; n < 64; n++) {
		next <<= 1;
		first[n] = next;
		base[n] = place;
		for (int i = 0; i < SYMBOLS; i++)
			if (length[i] == n) {
				order[place++] = i;
				code[i] = next++;
			}
	}
	base[64] = place;
}

static size_t encode(const uint8_t *from, size_t size, uint8_t *to)
{
	uint32_t counts[SYMBOLS] = { 0 };
	uint64_t code[SYMBOLS], first[64], bits = 0;
	unsigned base[65], held = 0;
	uint8_t order[SYMBOLS], *length = to, *out = to + SYMBOLS;

	for (size_t i = 0; i < size; i++)
		counts[from[i]]++;
	lengths(counts, length);
	codes(length, code, first, base, order);
	for (size_t i = 0; i < size; i++) {
		bits = bits << length[from[i]] | code[from[i]];
		for (held += length[from[i]]; held >= 8; held -= 8)
			*out++ = bits >> (held - 8);
	}
	*out++ = held ? bits << (8 - held) : 0;
	return out - to;
}

static void decode(const uint8_t *from, size_t size, uint8_t *to)
{
	uint64_t code[SYMBOLS], first[64];
	unsigned base[65], bit = 0;
	uint8_t order[SYMBOLS];

	codes(from, code, first, base, order);
	for (from += SYMBOLS; size--;) {
		uint64_t value = 0;
		for (unsigned n = 1;; n++, bit++) {
			value = value << 1 | (from[bit >> 3] >> (7 - (bit & 7)) & 1);
			if (value - first[n] < base[n + 1] - base[n]) {
				*to++ = order[base[n] + (value - first[n])];
				bit++;
				break;
			}
		}
	}
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100, seed = 1;
	unsigned long sum = 0;
	static const char *const words[] = { "the ", "translator ", "block", "s of ", "code; ", "return ", "(value)", "\n\t", "if (", "index", "++", "0x" };

	for (size_t i = 0; i < SIZE;) {
		seed = seed * 1103515245 + 12345;
		const char *word = words[(seed >> 16) % 12];
		if (seed >> 30 == 3)
			input[i++] = seed >> 20;
		for (; *word && i < SIZE; word++)
			input[i++] = *word;
	}
	for (unsigned round = 0; round < 2 * scale; round++) {
		size_t packed_size = match(input, SIZE, packed), coded_size = encode(packed, packed_size, coded);
		decode(coded, packed_size, unpacked);
		if (copy_matches(unpacked, packed_size, output) != SIZE || memcmp(input, output, SIZE))
			return 1;
		sum = sum * 31 + coded_size;
		for (int i = 0; i < 64; i++)
			input[(round * 64 + i) * 97 % SIZE] += round;
	}
	printf("%lu\n", sum);
	return 0;
}
