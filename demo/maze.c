/* SPDX-License-Identifier: MIT */
/* The guest program of the quickstart: carves a maze, walks it breadth first, and draws the way out. It stands on no C library, so that
 * the executable kept beside this file is small and the same whoever builds it. */

enum {
	WIDTH = 37, HEIGHT = 11,                /* cells */
	COLUMNS = 2 * WIDTH + 1, ROWS = 2 * HEIGHT + 1,
	SYS_WRITE = 64, SYS_EXIT = 93,
	WALL = '#', OPEN = ' ', WAY = '.',
};

static char grid[ROWS][COLUMNS + 1];
static unsigned short stack[WIDTH * HEIGHT], came_from[WIDTH * HEIGHT];
static const int step_x[4] = { 1, 0, -1, 0 }, step_y[4] = { 0, 1, 0, -1 };
static unsigned long seed = 2017;

static long system_call(long number, long a, long b, long c)
{
	register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return a0;
}

/* The library functions that compilers call of themselves. */
void *memset(void *to, int byte, unsigned long length)
{
	for (char *p = to; length--; p++) {
		*p = byte;
		__asm__ volatile("" : : : "memory");
	}
	return to;
}

static __attribute__((noinline)) unsigned random_number(unsigned below)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (seed >> 33) % below;
}

static __attribute__((noinline)) int neighbour(int cell, int direction)
{
	int x = cell % WIDTH + step_x[direction], y = cell / WIDTH + step_y[direction];

	return x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT ? -1 : y * WIDTH + x;
}

static char *place(int cell)
{
	return &grid[2 * (cell / WIDTH) + 1][2 * (cell % WIDTH) + 1];
}

/* The character between CELL and the one beside it. */
static char *passage(int cell, int direction)
{
	return place(cell) + step_y[direction] * (COLUMNS + 1) + step_x[direction];
}

static __attribute__((noinline)) void carve(void)
{
	int depth = 1;

	stack[0] = 0;
	*place(0) = OPEN;
	while (depth) {
		int cell = stack[depth - 1], ways[4], count = 0;

		for (int d = 0; d < 4; d++) {
			int next = neighbour(cell, d);
			if (next >= 0 && *place(next) == WALL)
				ways[count++] = d;
		}
		if (!count) {
			depth--;
			continue;
		}
		int direction = ways[random_number(count)], next = neighbour(cell, direction);
		*passage(cell, direction) = OPEN;
		*place(next) = OPEN;
		stack[depth++] = next;
	}
}

/* Leaves in came_from, for each cell, one more than the direction in which it was entered. */
static __attribute__((noinline)) void explore(void)
{
	int head = 0, tail = 1;

	stack[0] = 0;
	came_from[0] = 1;
	while (head < tail) {
		int cell = stack[head++];

		for (int d = 0; d < 4; d++) {
			int next = neighbour(cell, d);
			if (next >= 0 && !came_from[next] && *passage(cell, d) != WALL) {
				came_from[next] = d + 1;
				stack[tail++] = next;
			}
		}
	}
}

static __attribute__((noinline)) int mark_way(void)
{
	int cell = WIDTH * HEIGHT - 1, steps = 0;

	*place(cell) = WAY;
	while (cell) {
		int back = (came_from[cell] - 1 + 2) % 4;
		*passage(cell, back) = WAY;
		cell = neighbour(cell, back);
		*place(cell) = WAY;
		steps++;
	}
	return steps;
}

static __attribute__((noinline)) void draw(int steps)
{
	static char line[] = "The way out takes     steps.\n";

	system_call(SYS_WRITE, 1, (long)grid, sizeof grid);
	for (int i = 20; steps; i--, steps /= 10)
		line[i] = '0' + steps % 10;
	system_call(SYS_WRITE, 1, (long)line, sizeof line - 1);
}

void _start(void)
{
	memset(grid, WALL, sizeof grid);
	for (int y = 0; y < ROWS; y++)
		grid[y][COLUMNS] = '\n';
	carve();
	explore();
	draw(mark_way());
	system_call(SYS_EXIT, 0, 0, 0);
	__builtin_unreachable();
}
