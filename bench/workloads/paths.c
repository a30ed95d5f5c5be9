/* SPDX-License-Identifier: MIT */
/* Workload: tables and graphs - ways through a grid with a heap of distances, edit distance of texts, union of sets, a knapsack. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, CELLS = SIDE * SIDE, LENGTH = 160, LOAD = 1000 };
struct Open { uint32_t distance, cell; };
static uint8_t cost[CELLS];
static uint32_t distance[CELLS], parent[CELLS], best[LOAD + 1];
static struct Open heap[4 * CELLS];
static unsigned open;
static char first[LENGTH + 1], second[LENGTH + 1];

static void push(uint32_t far, uint32_t cell)
{
	unsigned at = open++;
	for (; at && heap[(at - 1) / 2].distance > far; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = (struct Open){ far, cell };
}

static struct Open pop(void)
{
	struct Open top = heap[0], last = heap[--open];
	unsigned at = 0;

	for (unsigned child; (child = 2 * at + 1) < open; at = child) {
		if (child + 1 < open && heap[child + 1].distance < heap[child].distance)
			child++;
		if (heap[child].distance >= last.distance)
			break;
		heap[at] = heap[child];
	}
	heap[at] = last;
	return top;
}

static uint32_t cheapest_way(unsigned from, unsigned to)
{
	memset(distance, 255, sizeof distance);
	open = 0;
	distance[from] = 0;
	push(0, from);
	while (open) {
		struct Open o = pop();
		if (o.cell == to)
			break;
		if (o.distance > distance[o.cell])
			continue;
		int x = o.cell % SIDE, y = o.cell / SIDE;
		static const int8_t steps[4][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 } };
		for (int i = 0; i < 4; i++) {
			int nx = x + steps[i][0], ny = y + steps[i][1];
			if (nx < 0 || ny < 0 || nx >= SIDE || ny >= SIDE)
				continue;
			uint32_t next = ny * SIDE + nx, far = o.distance + cost[next];
			if (far < distance[next]) {
				distance[next] = far;
				push(far, next);
			}
		}
	}
	return distance[to];
}

static unsigned edits(void)
{
	unsigned row[LENGTH + 1];

	for (unsigned j = 0; j <= LENGTH; j++)
		row[j] = j;
	for (unsigned i = 0; i < LENGTH; i++) {
		unsigned corner = row[0]++;
		for (unsigned j = 0; j < LENGTH; j++) {
			unsigned change = corner + (first[i] != second[j]), least = row[j] < row[j + 1] ? row[j] : row[j + 1];
			corner = row[j + 1];
			row[j + 1] = change < least + 1 ? change : least + 1;
		}
	}
	return row[LENGTH];
}

static uint32_t root(uint32_t at)
{
	while (parent[at] != at)
		at = parent[at] = parent[parent[at]];
	return at;
}

static unsigned islands(void)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < CELLS; i++)
		parent[i] = i;
	for (uint32_t i = 0; i < CELLS; i++) {
		if ((i + 1) % SIDE && (cost[i] & 1) == (cost[i + 1] & 1))
			parent[root(i)] = root(i + 1);
		if (i + SIDE < CELLS && (cost[i] & 1) == (cost[i + SIDE] & 1))
			parent[root(i)] = root(i + SIDE);
	}
	for (uint32_t i = 0; i < CELLS; i++)
		n += root(i) == i;
	return n;
}

static uint32_t knapsack(unsigned seed)
{
	memset(best, 0, sizeof best);
	for (unsigned i = 0; i < 24; i++) {
		unsigned weight = 20 + (seed + i * 37) % 90, value = 10 + i * 53 % 97;
		for (unsigned load = LOAD; load >= weight; load--)
			if (best[load - weight] + value > best[load])
				best[load] = best[load - weight] + value;
	}
	return best[LOAD];
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100, seed = 5;
	unsigned long sum = 0;

	for (unsigned i = 0; i < CELLS; i++) {
		seed = seed * 1103515245 + 12345;
		cost[i] = 1 + (seed >> 16) % 9;
	}
	for (unsigned i = 0; i < LENGTH; i++) {
		first[i] = 'a' + i * i % 7;
		second[i] = 'a' + (i * i + i / 9) % 7;
	}
	for (unsigned round = 0; round < 12 * scale; round++) {
		sum = sum * 3 + cheapest_way(round % CELLS, CELLS - 1 - round * 7 % CELLS) + edits() + islands() + knapsack(round);
		cost[round * 31 % CELLS] = 1 + round % 9;
		first[round % LENGTH] = 'a' + round % 7;
	}
	printf("%lu\n", sum);
	return 0;
}
