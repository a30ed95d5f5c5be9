/* SPDX-License-Identifier: MIT */
/* Workload: calls through pointers - tables of functions and objects with methods. group: calls */
#include <stdio.h>
#include <stdlib.h>

struct Shape;
struct Methods { unsigned long (*area)(const struct Shape *); void (*grow)(struct Shape *, unsigned); };
struct Shape { const struct Methods *methods; unsigned a, b; };

static unsigned long box_area(const struct Shape *s) { return (unsigned long)s->a * s->b; }
static void box_grow(struct Shape *s, unsigned n) { s->a = (s->a + n) & 1023; }
static unsigned long triangle_area(const struct Shape *s) { return (unsigned long)s->a * s->b / 2; }
static void triangle_grow(struct Shape *s, unsigned n) { s->b = (s->b + n) & 1023; }
static unsigned long disc_area(const struct Shape *s) { return (unsigned long)s->a * s->a * 355 / 113; }
static void disc_grow(struct Shape *s, unsigned n) { s->a = (s->a ^ n) & 1023; }

static const struct Methods box = { box_area, box_grow }, triangle = { triangle_area, triangle_grow }, disc = { disc_area, disc_grow };
static unsigned long twice(unsigned long v) { return v * 2; }
static unsigned long next(unsigned long v) { return v + 1; }
static unsigned long flip(unsigned long v) { return v ^ v >> 7; }
static unsigned long less(unsigned long v) { return v - 3; }
static unsigned long (*const steps[])(unsigned long) = { twice, next, flip, less, next, flip, twice, flip };

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	static const struct Methods *const kinds[] = { &box, &triangle, &disc };
	static struct Shape shapes[64];
	unsigned long sum = 0, v = 1;

	for (unsigned i = 0; i < 64; i++)
		shapes[i] = (struct Shape){ kinds[i * 7 % 3], i + 1, 65 - i };
	for (unsigned round = 0; round < 15000 * scale; round++) {
		for (unsigned i = 0; i < 64; i++) {
			struct Shape *s = &shapes[i];
			s->methods->grow(s, round);
			sum += s->methods->area(s);
		}
		for (unsigned i = 0; i < 32; i++)
			v = steps[(v ^ i) & 7](v);
	}
	printf("%lu %lu\n", sum, v);
	return 0;
}
