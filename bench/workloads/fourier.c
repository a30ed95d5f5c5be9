/* SPDX-License-Identifier: MIT */
/* Workload: signals in floating point - fast Fourier transforms there and back, a recursive filter, a cosine transform of 8x8 tiles. group: floating */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 1024, TILE = 8 };
static double re[N], im[N], cosines[N], sines[N];
static float cosine8[TILE][TILE];

static void transform(int back)
{
	for (unsigned i = 1, j = 0; i < N; i++) {
		unsigned bit = N >> 1;
		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double r = re[i], m = im[i];
			re[i] = re[j], im[i] = im[j];
			re[j] = r, im[j] = m;
		}
	}
	for (unsigned size = 2; size <= N; size *= 2)
		for (unsigned start = 0; start < N; start += size)
			for (unsigned k = 0; k < size / 2; k++) {
				unsigned a = start + k, b = a + size / 2, turn = k * (N / size);
				double c = cosines[turn], s = back ? sines[turn] : -sines[turn];
				double r = re[b] * c - im[b] * s, m = re[b] * s + im[b] * c;
				re[b] = re[a] - r, im[b] = im[a] - m;
				re[a] += r, im[a] += m;
			}
}

static float tile(unsigned round)
{
	float in[TILE][TILE], half[TILE][TILE], sum = 0;

	for (int y = 0; y < TILE; y++)
		for (int x = 0; x < TILE; x++)
			in[y][x] = (float)((x * 31 + y * 17 + round) & 255) - 128;
	for (int y = 0; y < TILE; y++)
		for (int u = 0; u < TILE; u++) {
			float t = 0;
			for (int x = 0; x < TILE; x++)
				t += in[y][x] * cosine8[u][x];
			half[y][u] = t;
		}
	for (int v = 0; v < TILE; v++)
		for (int u = 0; u < TILE; u++) {
			float t = 0;
			for (int y = 0; y < TILE; y++)
				t += half[y][u] * cosine8[v][y];
			sum += (float)(int)(t / (4 + u + v));
		}
	return sum;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	const double turn = 6.283185307179586;
	double sum = 0;

	for (unsigned i = 0; i < N; i++) {
		cosines[i] = cos(turn * i / N);
		sines[i] = sin(turn * i / N);
		re[i] = (i * 37 % 101) - 50.0;
	}
	for (int u = 0; u < TILE; u++)
		for (int x = 0; x < TILE; x++)
			cosine8[u][x] = (float)(cos(turn / 32 * (2 * x + 1) * u) * (u ? 0.5 : 0.35355339));
	for (unsigned round = 0; round < 32 * scale; round++) {
		double one = 0, two = 0;
		transform(0);
		for (unsigned i = 0; i < N; i++) {      /* away with the upper half, and back */
			double keep = i < N / 4 || i > N - N / 4 ? 1.0 / N : 0.5 / N;
			re[i] *= keep, im[i] *= keep;
		}
		transform(1);
		for (unsigned i = 0; i < N; i++) {      /* a resonance */
			double out = re[i] + 1.6 * one - 0.81 * two;
			two = one, one = out;
			sum += fabs(out) > 40 ? 1 : 0;
			re[i] += (i & 31) == round % 32 ? 25 : 0;
			im[i] = 0;
		}
		for (unsigned i = 0; i < 24; i++)
			sum += tile(round * 24 + i);
	}
	/* libm's cosine may differ in its last digit between machines, so few digits are shown */
	printf("%.3g\n", sum);
	return 0;
}
