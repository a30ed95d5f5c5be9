/* SPDX-License-Identifier: MIT */
/* Workload: numbers of 1024 bits - products with carries of 64-bit words, powers by a modulus, decimal digits of factorials. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 16, LONG = 64 };
typedef unsigned __int128 Wide;

static uint64_t modulus[WORDS], inverse;        /* minus the modulus's inverse, by 2 to the 64 */

static int subtract(uint64_t *a, const uint64_t *b)
{
	uint64_t borrow = 0;
	for (int i = 0; i < WORDS; i++) {
		uint64_t d = a[i] - b[i], r = d - borrow;
		borrow = (a[i] < b[i]) | (d < borrow);
		a[i] = r;
	}
	return borrow;
}

static int compare(const uint64_t *a, const uint64_t *b)
{
	for (int i = WORDS; i--;)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* RESULT = a * b / 2 to the 1024, by the modulus (Montgomery, one word at a time). */
static void multiply(uint64_t *result, const uint64_t *a, const uint64_t *b)
{
	uint64_t t[WORDS + 2] = { 0 };

	for (int i = 0; i < WORDS; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < WORDS; j++) {
			Wide w = (Wide)a[j] * b[i] + t[j] + carry;
			t[j] = w;
			carry = w >> 64;
		}
		Wide top = (Wide)t[WORDS] + carry;
		t[WORDS] = top;
		t[WORDS + 1] = top >> 64;
		uint64_t m = t[0] * inverse;
		carry = ((Wide)m * modulus[0] + t[0]) >> 64;
		for (int j = 1; j < WORDS; j++) {
			Wide w = (Wide)m * modulus[j] + t[j] + carry;
			t[j - 1] = w;
			carry = w >> 64;
		}
		top = (Wide)t[WORDS] + carry;
		t[WORDS - 1] = top;
		t[WORDS] = t[WORDS + 1] + (uint64_t)(top >> 64);
	}
	if (t[WORDS] || compare(t, modulus) >= 0)
		subtract(t, modulus);
	memcpy(result, t, WORDS * sizeof *t);
}

static void power(uint64_t *result, const uint64_t *base, uint64_t exponent)
{
	uint64_t square[WORDS];

	memcpy(square, base, sizeof square);
	memcpy(result, base, sizeof square);
	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			multiply(result, result, square);
		multiply(square, square, square);
	}
}

/* The sum of the decimal digits of n!, and how many they are. */
static unsigned long digits(unsigned n)
{
	uint64_t value[LONG] = { 1 };
	int used = 1;
	unsigned long sum = 0;

	for (unsigned i = 2; i <= n; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < used; j++) {
			Wide w = (Wide)value[j] * i + carry;
			value[j] = w;
			carry = w >> 64;
		}
		if (carry)
			value[used++] = carry;
	}
	while (used) {
		uint64_t rest = 0;
		for (int j = 2 * used; j--;) {  /* by halves of words, so that a machine's own division will do */
			uint64_t part = rest << 32 | (value[j / 2] >> (j & 1) * 32 & 0xffffffff), q = part / 1000000000;
			rest = part % 1000000000;
			value[j / 2] = j & 1 ? q << 32 | (value[j / 2] & 0xffffffff) : (value[j / 2] & ~0xffffffffull) | q;
		}
		while (used && !value[used - 1])
			used--;
		for (int k = 0; k < 9; k++, rest /= 10)
			sum += rest % 10 + 1;
	}
	return sum;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint64_t base[WORDS], result[WORDS], sum = 0, seed = 3;

	for (int i = 0; i < WORDS; i++) {
		modulus[i] = seed = seed * 6364136223846793005u + 1442695040888963407u;
		base[i] = seed ^ seed >> 29;
	}
	modulus[0] |= 1;
	modulus[WORDS - 1] |= 1ull << 63;
	base[WORDS - 1] >>= 1;
	for (int i = 0; i < 6; i++)
		inverse = inverse ? inverse * (2 + modulus[0] * inverse) : -modulus[0];
	if (inverse * modulus[0] != (uint64_t)-1)
		return 1;
	for (unsigned round = 0; round < 50 * scale; round++) {
		power(result, base, 0x9e3779b97f4a7c15 ^ round);
		sum = sum * 31 + result[round % WORDS];
		memcpy(base, result, sizeof base);
		sum += digits(60 + round % 120);
	}
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}
