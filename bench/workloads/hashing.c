/* SPDX-License-Identifier: MIT */
/* Workload: rotations, multiplications and table look-ups of hash functions - SHA-256, CRC-32, a 64-bit mixer. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t k[64], crc_table[256], state[8];
static unsigned char data[1 << 14];

static uint32_t rotate(uint32_t v, int n) { return v >> n | v << (32 - n); }

/* The constants are the first bits of the fractions of cube roots of primes, by integer bisection. */
static void make_constants(void)
{
	unsigned n = 0;

	for (unsigned p = 2; n < 64; p++) {
		unsigned d = 2;
		while (d * d <= p && p % d)
			d++;
		if (d * d <= p)
			continue;
		unsigned __int128 low = 0, high = (unsigned __int128)8 << 32;
		while (high - low > 1) {
			unsigned __int128 middle = (low + high) / 2;
			if (middle * middle * middle > (unsigned __int128)p << 96)
				high = middle;
			else
				low = middle;
		}
		k[n++] = (uint32_t)low;
	}
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
		crc_table[i] = c;
	}
}

static void sha_block(const unsigned char *p)
{
	uint32_t w[64], v[8];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] + (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (int i = 0; i < 8; i++)
		v[i] = state[i];
	for (int i = 0; i < 64; i++) {
		uint32_t t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		uint32_t t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		for (int j = 7; j > 0; j--)
			v[j] = v[j - 1];
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		state[i] += v[i];
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint32_t crc = ~0u;
	uint64_t mixed = 1;

	make_constants();
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = i * i >> 3;
	for (unsigned round = 0; round < 12 * scale; round++) {
		for (unsigned i = 0; i < sizeof data; i += 64)
			sha_block(data + i);
		for (unsigned i = 0; i < sizeof data; i++)
			crc = crc_table[(crc ^ data[i]) & 255] ^ crc >> 8;
		for (unsigned i = 0; i < sizeof data; i++) {
			mixed = (mixed ^ data[i]) * 0x9e3779b97f4a7c15u;
			mixed ^= mixed >> 29;
		}
	}
	printf("%08x %08x %016llx\n", state[0], crc, (unsigned long long)mixed);
	return 0;
}
