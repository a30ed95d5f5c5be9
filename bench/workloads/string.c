/* SPDX-License-Identifier: MIT */
/* Workload: text - copying, searching, splitting into words, counting them in a hash table, sorting. group: integer */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 1 << 16, BUCKETS = 4096 };
struct Word { char text[16]; unsigned count; struct Word *next; };
static char text[TEXT + 1], copy[TEXT + 1];
static struct Word pool[20000], *buckets[BUCKETS], *sorted[20000];
static unsigned used;

static int by_count(const void *a, const void *b)
{
	const struct Word *x = *(struct Word *const *)a, *y = *(struct Word *const *)b;
	return x->count != y->count ? (x->count < y->count) - (x->count > y->count) : strcmp(x->text, y->text);
}

static void count_word(const char *word, size_t length)
{
	unsigned hash = 5381;

	if (length > 15)
		length = 15;
	for (size_t i = 0; i < length; i++)
		hash = hash * 33 + word[i];
	struct Word **at = &buckets[hash % BUCKETS];
	for (; *at; at = &(*at)->next)
		if (!strncmp((*at)->text, word, length) && !(*at)->text[length])
			break;
	if (!*at) {
		*at = &pool[used++];
		memcpy((*at)->text, word, length);
	}
	(*at)->count++;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100, seed = 1;
	unsigned long sum = 0;

	for (unsigned i = 0; i < TEXT; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned r = seed >> 16;
		text[i] = r % 5 == 0 ? ' ' : "etaoinshrdlu"[r / 5 % (r & 64 ? 4 : 12)];
	}
	for (unsigned round = 0; round < 3 * scale; round++) {
		used = 0;
		memset(buckets, 0, sizeof buckets);
		memset(pool, 0, sizeof pool);
		strcpy(copy, text);
		for (char *p = copy; *p; p++)
			*p = toupper(*p);
		for (const char *p = copy; (p = strstr(p, "TEA")); p++)
			sum++;
		for (char *p = copy; *p;) {
			size_t length = strcspn(p, " ");
			count_word(p, length);
			p += length + strspn(p + length, " ");
		}
		for (unsigned i = 0; i < used; i++)
			sorted[i] = &pool[i];
		qsort(sorted, used, sizeof *sorted, by_count);
		sum += sorted[0]->count + used;
		text[round % TEXT] ^= 1;
	}
	printf("%lu %s\n", sum, sorted[0]->text);
	return 0;
}
