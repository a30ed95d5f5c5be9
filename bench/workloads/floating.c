/* SPDX-License-Identifier: MIT */
/* Workload: floating point - bodies under gravity, a matrix product, Mandelbrot, a Fourier sum. group: floating */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 6, SIZE = 48 };
static double position[BODIES][3], speed[BODIES][3], mass[BODIES];
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void step(double dt)
{
	for (int i = 0; i < BODIES; i++)
		for (int j = i + 1; j < BODIES; j++) {
			double d[3], square = 0.01;
			for (int n = 0; n < 3; n++) {
				d[n] = position[i][n] - position[j][n];
				square += d[n] * d[n];
			}
			double pull = dt / (square * sqrt(square));
			for (int n = 0; n < 3; n++) {
				speed[i][n] -= d[n] * mass[j] * pull;
				speed[j][n] += d[n] * mass[i] * pull;
			}
		}
	for (int i = 0; i < BODIES; i++)
		for (int n = 0; n < 3; n++)
			position[i][n] += dt * speed[i][n];
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	double sum = 0;
	unsigned long inside = 0;

	for (int i = 0; i < BODIES; i++) {
		mass[i] = 1 + i * 0.25;
		for (int n = 0; n < 3; n++)
			position[i][n] = (i * 7 + n * 3) % 11 - 5;
	}
	for (int i = 0; i < SIZE; i++)
		for (int j = 0; j < SIZE; j++) {
			a[i][j] = (i - j) * 0.01;
			b[i][j] = (i + j) * 0.02;
		}
	for (unsigned round = 0; round < 9 * scale; round++) {
		for (int i = 0; i < 800; i++)
			step(0.001);
		for (int i = 0; i < SIZE; i++)
			for (int j = 0; j < SIZE; j++) {
				double total = 0;
				for (int n = 0; n < SIZE; n++)
					total += a[i][n] * b[n][j];
				c[i][j] = total;
			}
		sum += c[round % SIZE][7];
		for (int y = 0; y < 24; y++)
			for (int x = 0; x < 60; x++) {
				float zr = 0, zi = 0, cr = x * 0.05f - 2.2f, ci = y * 0.1f - 1.2f;
				int n = 0;
				for (; n < 60 && zr * zr + zi * zi < 4; n++) {
					float t = zr * zr - zi * zi + cr;
					zi = 2 * zr * zi + ci;
					zr = t;
				}
				inside += n == 60;
			}
	}
	printf("%.6f %.6f %lu\n", sum, position[0][0], inside);
	return 0;
}
