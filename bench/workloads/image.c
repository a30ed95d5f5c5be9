/* SPDX-License-Identifier: MIT */
/* Workload: pictures of 8-bit samples - grey from colours, a blur, edges, contrast by histogram, half size, runs of one value. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 160, HEIGHT = 120 };
static uint8_t colours[HEIGHT][WIDTH][3], grey[HEIGHT][WIDTH], blurred[HEIGHT][WIDTH], edges[HEIGHT][WIDTH], half[HEIGHT / 2][WIDTH / 2];
static const int8_t kernel[5][5] = { { 1, 4, 6, 4, 1 }, { 4, 16, 24, 16, 4 }, { 6, 24, 36, 24, 6 }, { 4, 16, 24, 16, 4 }, { 1, 4, 6, 4, 1 } };

static void to_grey(void)
{
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			grey[y][x] = (77 * colours[y][x][0] + 150 * colours[y][x][1] + 29 * colours[y][x][2]) >> 8;
}

static void blur(void)
{
	for (int y = 2; y < HEIGHT - 2; y++)
		for (int x = 2; x < WIDTH - 2; x++) {
			int sum = 0;
			for (int i = 0; i < 5; i++)
				for (int j = 0; j < 5; j++)
					sum += kernel[i][j] * grey[y + i - 2][x + j - 2];
			blurred[y][x] = sum >> 8;
		}
}

static void find_edges(void)
{
	for (int y = 1; y < HEIGHT - 1; y++)
		for (int x = 1; x < WIDTH - 1; x++) {
			const uint8_t *above = &blurred[y - 1][x], *here = &blurred[y][x], *below = &blurred[y + 1][x];
			int across = above[1] + 2 * here[1] + below[1] - above[-1] - 2 * here[-1] - below[-1];
			int down = below[-1] + 2 * below[0] + below[1] - above[-1] - 2 * above[0] - above[1];
			int size = abs(across) + abs(down);
			edges[y][x] = size > 255 ? 255 : size;
		}
}

static void spread_contrast(void)
{
	unsigned counts[256] = { 0 }, sum = 0;
	uint8_t map[256];

	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			counts[grey[y][x]]++;
	for (int i = 0; i < 256; i++) {
		sum += counts[i];
		map[i] = sum * 255 / (WIDTH * HEIGHT);
	}
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			grey[y][x] = map[grey[y][x]];
}

static void halve(void)
{
	for (int y = 0; y < HEIGHT / 2; y++)
		for (int x = 0; x < WIDTH / 2; x++)
			half[y][x] = (edges[2 * y][2 * x] + edges[2 * y][2 * x + 1] + edges[2 * y + 1][2 * x] + edges[2 * y + 1][2 * x + 1] + 2) / 4;
}

static unsigned runs(void)
{
	unsigned n = 0;

	for (int y = 0; y < HEIGHT / 2; y++) {
		int last = -1;
		for (int x = 0; x < WIDTH / 2; x++) {
			int dark = half[y][x] < 40;
			n += dark != last;
			last = dark;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;

	for (unsigned round = 0; round < 8 * scale; round++) {
		for (int y = 0; y < HEIGHT; y++)
			for (int x = 0; x < WIDTH; x++) {
				colours[y][x][0] = x * 3 + round;
				colours[y][x][1] = x * y >> 4;
				colours[y][x][2] = (x - 80) * (x - 80) + (y - 60) * (y - 60) < 2500 ? 200 : y;
			}
		to_grey();
		spread_contrast();
		blur();
		find_edges();
		halve();
		sum += runs() + half[round % (HEIGHT / 2)][7];
	}
	printf("%lu\n", sum);
	return 0;
}
