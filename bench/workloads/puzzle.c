/* SPDX-License-Identifier: MIT */
/* Workload: puzzles by sets of bits - sudoku with the fewest candidates first, placing queens, generations of life. group: integer */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64 };
static uint16_t rows[9], columns[9], boxes[9];
static uint8_t cells[81];
static unsigned long tried;
static uint64_t world[SIDE];

static const char *const grids[] = {
	"53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
	"...26.7.168..7..9.19...45..82.1...4...46.29...5...3.28..93...74.4..5..367.3.18...",
	"8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..",
};

static int bits(unsigned v)
{
	int n = 0;
	for (; v; v &= v - 1)
		n++;
	return n;
}

static unsigned box(unsigned cell) { return cell / 27 * 3 + cell % 9 / 3; }

static void toggle(unsigned cell, uint16_t bit)
{
	rows[cell / 9] ^= bit;
	columns[cell % 9] ^= bit;
	boxes[box(cell)] ^= bit;
}

static int solve(void)
{
	int best = 10;
	unsigned at = 0, choice = 0;

	for (unsigned i = 0; i < 81 && best > 1; i++)
		if (!cells[i]) {
			unsigned open = 511 & ~(rows[i / 9] | columns[i % 9] | boxes[box(i)]);
			int n = bits(open);
			if (n < best) {
				best = n;
				at = i;
				choice = open;
			}
		}
	if (best == 10)
		return 1;
	for (; choice; choice &= choice - 1) {
		unsigned bit = choice & -choice;
		tried++;
		toggle(at, bit);
		cells[at] = bits(bit - 1) + 1;
		if (solve())
			return 1;
		toggle(at, bit);
		cells[at] = 0;
	}
	return 0;
}

static unsigned long sudoku(const char *grid)
{
	unsigned long sum = 0;

	memset(rows, 0, sizeof rows);
	memset(columns, 0, sizeof columns);
	memset(boxes, 0, sizeof boxes);
	for (unsigned i = 0; i < 81; i++) {
		cells[i] = grid[i] == '.' ? 0 : grid[i] - '0';
		if (cells[i])
			toggle(i, 1 << (cells[i] - 1));
	}
	if (!solve())
		return 0;
	for (unsigned i = 0; i < 81; i++)
		sum = sum * 7 + cells[i];
	return sum;
}

/* Queens on a board of N rows, with a stack of its own instead of recursion. */
static unsigned queens(unsigned n)
{
	unsigned all = (1u << n) - 1, taken[16] = { 0 }, left[16] = { 0 }, right[16] = { 0 }, open[16], found = 0;
	int row = 0;

	for (open[0] = all; row >= 0;) {
		if (!open[row]) {
			row--;
			continue;
		}
		unsigned bit = open[row] & -open[row];
		open[row] ^= bit;
		if (row == (int)n - 1) {
			found++;
			continue;
		}
		taken[row + 1] = taken[row] | bit;
		left[row + 1] = (left[row] | bit) << 1;
		right[row + 1] = (right[row] | bit) >> 1;
		row++;
		open[row] = all & ~(taken[row] | left[row] | right[row]);
	}
	return found;
}

/* One generation on a torus, 64 cells at a time: neighbours added up in planes of bits. */
static void live(void)
{
	uint64_t next[SIDE];

	for (int y = 0; y < SIDE; y++) {
		uint64_t ones = 0, twos = 0, fours = 0;
		for (int dy = -1; dy <= 1; dy++) {
			uint64_t row = world[(y + dy) & (SIDE - 1)];
			uint64_t around[3] = { row << 1 | row >> 63, dy ? row : 0, row >> 1 | row << 63 };
			for (int i = 0; i < 3; i++) {
				uint64_t carry = ones & around[i];
				ones ^= around[i];
				fours |= twos & carry;
				twos ^= carry;
			}
		}
		next[y] = twos & ~fours & (ones | world[y]);
	}
	memcpy(world, next, sizeof world);
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	unsigned long sum = 0;

	for (int y = 0; y < SIDE; y++)
		world[y] = (y + 1) * 0x9e3779b97f4a7c15u;
	for (unsigned round = 0; round < 5 * scale; round++) {
		sum += sudoku(grids[0]) + sudoku(grids[1]);
		if (round % 4 == 0)
			sum += sudoku(grids[2]);
		sum += queens(8);
		for (int i = 0; i < 60; i++)
			live();
		sum += bits(world[round % SIDE]);
	}
	printf("%lu %lu\n", sum, tried);
	return 0;
}
