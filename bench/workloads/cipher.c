/* SPDX-License-Identifier: MIT */
/* Workload: ciphers - ChaCha20's additions and rotations, AES-128 by tables made here. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 12 };
static uint8_t data[SIZE], box[256];
static uint32_t table[4][256], keys[44];

static uint32_t rotate(uint32_t v, int n) { return v << n | v >> (32 - n); }
static uint8_t twice(uint8_t v) { return v << 1 ^ (v & 128 ? 0x1b : 0); }

static void quarter(uint32_t *s, int a, int b, int c, int d)
{
	s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b]; s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d]; s[b] = rotate(s[b] ^ s[c], 7);
}

static void chacha(const uint32_t key[8], const uint32_t nonce[3], uint32_t counter, uint8_t *p, size_t size)
{
	for (size_t at = 0; at < size; at += 64, counter++) {
		uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, s[16];
		memcpy(start + 4, key, 32);
		start[12] = counter;
		memcpy(start + 13, nonce, 12);
		memcpy(s, start, sizeof s);
		for (int i = 0; i < 10; i++) {
			quarter(s, 0, 4, 8, 12);
			quarter(s, 1, 5, 9, 13);
			quarter(s, 2, 6, 10, 14);
			quarter(s, 3, 7, 11, 15);
			quarter(s, 0, 5, 10, 15);
			quarter(s, 1, 6, 11, 12);
			quarter(s, 2, 7, 8, 13);
			quarter(s, 3, 4, 9, 14);
		}
		for (int i = 0; i < 16; i++) {
			uint32_t v = s[i] + start[i];
			for (int b = 0; b < 4; b++)
				p[at + 4 * i + b] ^= v >> 8 * b;
		}
	}
}

/* The substitution: the inverse in the field, by powers of 3, then an affine map. */
static void make_tables(const uint8_t key[16])
{
	uint8_t power[256], log[256], round = 1;

	for (int i = 0, v = 1; i < 255; i++) {
		power[i] = v;
		log[v] = i;
		v ^= twice(v);
		v &= 255;
	}
	for (int i = 0; i < 256; i++) {
		uint8_t v = i ? power[(255 - log[i]) % 255] : 0, s = v;
		for (int n = 1; n < 5; n++)
			s ^= v << n | v >> (8 - n);
		box[i] = s ^ 0x63;
		uint8_t b = box[i], two = twice(b);
		table[0][i] = (uint32_t)two << 24 | (uint32_t)b << 16 | b << 8 | (two ^ b);
		for (int n = 1; n < 4; n++)
			table[n][i] = rotate(table[n - 1][i], 24);
	}
	for (int i = 0; i < 44; i++) {
		uint32_t v = i ? keys[i - 1] : 0;
		if (i < 4) {
			keys[i] = (uint32_t)key[4 * i] << 24 | key[4 * i + 1] << 16 | key[4 * i + 2] << 8 | key[4 * i + 3];
			continue;
		}
		if (i % 4 == 0) {
			v = rotate(v, 8);
			v = (uint32_t)box[v >> 24] << 24 | box[v >> 16 & 255] << 16 | box[v >> 8 & 255] << 8 | box[v & 255];
			v ^= (uint32_t)round << 24;
			round = twice(round);
		}
		keys[i] = keys[i - 4] ^ v;
	}
}

static void aes(uint32_t s[4])
{
	uint32_t t[4];

	for (int i = 0; i < 4; i++)
		s[i] ^= keys[i];
	for (int round = 1; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			t[i] = table[0][s[i] >> 24] ^ table[1][s[(i + 1) & 3] >> 16 & 255] ^ table[2][s[(i + 2) & 3] >> 8 & 255] ^
			       table[3][s[(i + 3) & 3] & 255] ^ keys[4 * round + i];
		memcpy(s, t, sizeof t);
	}
	for (int i = 0; i < 4; i++)
		t[i] = ((uint32_t)box[s[i] >> 24] << 24 | box[s[(i + 1) & 3] >> 16 & 255] << 16 | box[s[(i + 2) & 3] >> 8 & 255] << 8 |
			box[s[(i + 3) & 3] & 255]) ^ keys[40 + i];
	memcpy(s, t, sizeof t);
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint8_t key[16];
	uint32_t long_key[8], nonce[3] = { 1, 2, 3 }, block[4], sum[4] = { 0 };

	for (int i = 0; i < 16; i++)
		key[i] = i;
	make_tables(key);
	/* the example of FIPS 197, C.1 */
	for (uint32_t i = 0; i < 4; i++)
		block[i] = 0x00112233 + i * 0x44444444;
	aes(block);
	if (block[0] != 0x69c4e0d8 || block[3] != 0x70b4c55a)
		return 1;
	for (uint32_t i = 0; i < 8; i++)
		long_key[i] = i * 0x01010101;
	for (unsigned round = 0; round < 60 * scale; round++) {
		chacha(long_key, nonce, round, data, SIZE);
		for (unsigned at = 0; at < SIZE; at += 16) {
			memcpy(block, data + at, 16);
			for (int i = 0; i < 4; i++)
				block[i] ^= sum[i];
			aes(block);
			memcpy(sum, block, 16);
		}
	}
	printf("%08x %08x %08x %08x\n", sum[0], sum[1], sum[2], sum[3]);
	return 0;
}
