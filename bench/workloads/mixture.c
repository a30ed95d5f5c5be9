/* SPDX-License-Identifier: MIT */
/* Workload: what small embedded programs do - lists searched and sorted, an integer matrix product, a state machine over text, a CRC. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 200, SIZE = 12, TEXT = 512 };
struct Item { struct Item *next; int16_t key, index; };
enum State { START, SIGN, DIGITS, POINT, FRACTION, EXPONENT, EXPONENT_DIGITS, BAD, STATES };

static struct Item items[ITEMS];
static int16_t left[SIZE][SIZE], right[SIZE][SIZE];
static int32_t product[SIZE][SIZE];
static char text[TEXT + 1];

static uint16_t crc_byte(uint16_t crc, unsigned byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++)
		crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
	return crc;
}

static uint16_t crc_word(uint16_t crc, uint32_t word)
{
	for (int i = 0; i < 4; i++, word >>= 8)
		crc = crc_byte(crc, word & 255);
	return crc;
}

static int by_key(const struct Item *a, const struct Item *b) { return a->key - b->key; }
static int by_index(const struct Item *a, const struct Item *b) { return a->index - b->index; }

/* Merges runs of 1, 2, 4... items until one is left; stable. */
static struct Item *sort(struct Item *list, int (*order)(const struct Item *, const struct Item *))
{
	for (unsigned run = 1;; run *= 2) {
		struct Item *rest = list, *head = NULL, **tail = &head;
		unsigned merges = 0;
		while (rest) {
			struct Item *a = rest, *b = rest;
			unsigned in_a = 0, in_b = run;
			for (; in_a < run && b; in_a++)
				b = b->next;
			merges++;
			while (in_a || (in_b && b)) {
				struct Item **from = !in_a ? &b : !in_b || !b || order(a, b) <= 0 ? &a : &b;
				*(from == &a ? &in_a : &in_b) -= 1;
				*tail = *from;
				tail = &(*from)->next;
				*from = (*from)->next;
			}
			rest = b;
		}
		*tail = NULL;
		list = head;
		if (merges <= 1)
			return list;
	}
}

static struct Item *reverse(struct Item *list)
{
	struct Item *done = NULL;
	while (list) {
		struct Item *next = list->next;
		list->next = done;
		done = list;
		list = next;
	}
	return done;
}

static uint16_t lists(uint16_t crc, unsigned round)
{
	struct Item *list = NULL;

	for (int i = 0; i < ITEMS; i++) {
		items[i] = (struct Item){ list, (int16_t)((i * 7919u + round) * 31 & 1023), (int16_t)i };
		list = &items[i];
	}
	for (int wanted = 0; wanted < 64; wanted += 3) {
		const struct Item *at = list;
		while (at && (at->key & 63) != wanted)
			at = at->next;
		crc = crc_word(crc, at ? at->index : -1);
		list = reverse(list);
	}
	list = sort(list, by_key);
	for (const struct Item *at = list; at; at = at->next)
		crc = crc_byte(crc, at->key & 255);
	list = sort(list, by_index);
	return crc_word(crc, list->key);
}

static uint16_t matrix(uint16_t crc, unsigned round)
{
	for (int i = 0; i < SIZE; i++)
		for (int j = 0; j < SIZE; j++) {
			left[i][j] += round & 7;
			right[i][j] ^= i;
		}
	for (int i = 0; i < SIZE; i++)
		for (int j = 0; j < SIZE; j++) {
			int32_t sum = 0;
			for (int n = 0; n < SIZE; n++)
				sum += left[i][n] * right[n][j];
			product[i][j] = (sum >> 2 & 0xf) * (sum >> 5 & 0x7f);
		}
	for (int i = 0; i < SIZE; i++)
		crc = crc_word(crc, product[i][i]);
	return crc;
}

static enum State step(enum State state, char c)
{
	int digit = c >= '0' && c <= '9';

	switch (state) {
	case START: return digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : BAD;
	case SIGN: return digit ? DIGITS : c == '.' ? POINT : BAD;
	case DIGITS: return digit ? DIGITS : c == '.' ? FRACTION : c == 'e' ? EXPONENT : BAD;
	case POINT: return digit ? FRACTION : BAD;
	case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : BAD;
	case EXPONENT: return digit || c == '-' ? EXPONENT_DIGITS : BAD;
	case EXPONENT_DIGITS: return digit ? EXPONENT_DIGITS : BAD;
	default: return BAD;
	}
}

static uint16_t numbers(uint16_t crc, unsigned round)
{
	unsigned ends[STATES] = { 0 };
	enum State state = START;

	for (const char *p = text; *p; p++)
		if (*p == ',') {
			ends[state]++;
			state = START;
		} else {
			state = step(state, *p);
		}
	for (int i = 0; i < STATES; i++)
		crc = crc_word(crc, ends[i]);
	text[round * 37 % TEXT] = "0123456789+-.e,,"[round * 11 & 15];
	return crc;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint16_t crc = 0;

	for (int i = 0; i < TEXT; i++)
		text[i] = "5012,-3.5e7,+122,.5,7e-12,4.0,99x,T0.3"[i % 38];
	for (int i = 0; i < SIZE; i++)
		for (int j = 0; j < SIZE; j++) {
			left[i][j] = i * 3 - j;
			right[i][j] = j * 5 - i;
		}
	for (unsigned round = 0; round < 100 * scale; round++)
		crc = numbers(matrix(lists(crc, round), round), round);
	printf("%04x\n", crc);
	return 0;
}
