/* SPDX-License-Identifier: MIT */
/* Workload: floating point with branches - rays against spheres and a floor, with shadows and mirrors, in single precision. group: floating */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 48, HEIGHT = 36, SPHERES = 6, DEPTH = 3 };
struct Vector { float x, y, z; };
struct Sphere { struct Vector middle; float radius, mirror, shade; };
static struct Sphere spheres[SPHERES];
static const struct Vector light = { 0.48f, 0.8f, -0.36f };

static struct Vector add(struct Vector a, struct Vector b, float n) { return (struct Vector){ a.x + n * b.x, a.y + n * b.y, a.z + n * b.z }; }
static float dot(struct Vector a, struct Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }

/* The nearest sphere that the ray meets, SPHERES for the floor, -1 for the sky; *far is the distance. */
static int hit(struct Vector from, struct Vector way, float *far)
{
	int found = -1;

	*far = 1e9f;
	for (int i = 0; i < SPHERES; i++) {
		struct Vector to = add(spheres[i].middle, from, -1);
		float along = dot(to, way), square = spheres[i].radius * spheres[i].radius - dot(to, to) + along * along;
		if (square <= 0)
			continue;
		float t = along - sqrtf(square);
		if (t > 1e-3f && t < *far) {
			*far = t;
			found = i;
		}
	}
	if (way.y < 0) {
		float t = -(from.y + 1) / way.y;
		if (t > 1e-3f && t < *far) {
			*far = t;
			found = SPHERES;
		}
	}
	return found;
}

static float trace(struct Vector from, struct Vector way, int depth)
{
	float far, unused, shade, mirror = 0;
	int what = hit(from, way, &far);

	if (what < 0)
		return 0.3f + 0.4f * fmaxf(way.y, 0);
	struct Vector at = add(from, way, far), normal = { 0, 1, 0 };
	if (what == SPHERES) {
		shade = ((int)floorf(at.x) ^ (int)floorf(at.z)) & 1 ? 0.8f : 0.25f;
	} else {
		normal = add(at, spheres[what].middle, -1);
		normal = add((struct Vector){ 0, 0, 0 }, normal, 1 / spheres[what].radius);
		shade = spheres[what].shade;
		mirror = spheres[what].mirror;
	}
	float bright = dot(normal, light);
	if (bright < 0 || hit(at, light, &unused) >= 0)
		bright = 0;
	shade *= 0.2f + 0.8f * bright;
	if (mirror > 0 && depth)
		shade += mirror * trace(at, add(way, normal, -2 * dot(way, normal)), depth - 1);
	return shade;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;

	for (int i = 0; i < SPHERES; i++)
		spheres[i] = (struct Sphere){ { i * 1.3f - 3, (i % 3) * 0.7f - 0.5f, 4 + (i * 5 % 4) }, 0.5f + 0.1f * i, 0.15f * (i % 4), 0.4f + 0.1f * i };
	for (unsigned round = 0; round < 7 * scale; round++) {
		spheres[round % SPHERES].middle.x += 0.01f;
		for (int y = 0; y < HEIGHT; y++)
			for (int x = 0; x < WIDTH; x++) {
				struct Vector way = { (x - WIDTH / 2) * 0.03f, (HEIGHT / 2 - y) * 0.03f, 1 };
				way = add((struct Vector){ 0, 0, 0 }, way, 1 / sqrtf(dot(way, way)));
				float shade = trace((struct Vector){ 0, 0, 0 }, way, DEPTH);
				sum += (unsigned)(fminf(shade, 1) * 255);
			}
	}
	printf("%lu\n", sum);
	return 0;
}
