/* SPDX-License-Identifier: MIT */
/* Workload: an interpreter of bytecode with a jump table, running a program of nested loops. group: calls */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUSH, LOAD, STORE, ADD, SUBTRACT, MULTIPLY, XOR, SHIFT, JUMP_IF, DUPLICATE, SWAP, DROP, HALT };

/* v0 counts down; inside, v1 counts down and v2 mixes. */
static const int16_t program[] = {
	PUSH, 400, STORE, 0,
	/*  4 */ PUSH, 100, STORE, 1,
	/*  8 */ LOAD, 2, PUSH, 31, MULTIPLY, LOAD, 1, ADD, DUPLICATE, SHIFT, 13, XOR, STORE, 2,
	/* 22 */ LOAD, 1, PUSH, 1, SUBTRACT, DUPLICATE, STORE, 1, JUMP_IF, 8,
	/* 32 */ LOAD, 0, PUSH, 1, SUBTRACT, DUPLICATE, STORE, 0, JUMP_IF, 4,
	HALT,
};

__attribute__((noinline)) static uint64_t run(uint64_t seed)
{
	uint64_t stack[16], variables[4] = { 0, 0, seed, 0 }, *sp = stack, t;

	for (const int16_t *pc = program;;) {
		switch (*pc++) {
		case PUSH: *sp++ = *pc++; break;
		case LOAD: *sp++ = variables[*pc++]; break;
		case STORE: variables[*pc++] = *--sp; break;
		case ADD: sp--; sp[-1] += *sp; break;
		case SUBTRACT: sp--; sp[-1] -= *sp; break;
		case MULTIPLY: sp--; sp[-1] *= *sp; break;
		case XOR: sp--; sp[-1] ^= *sp; break;
		case SHIFT: sp[-1] >>= *pc++; break;
		case JUMP_IF: pc = *--sp ? program + *pc : pc + 1; break;
		case DUPLICATE: *sp = sp[-1]; sp++; break;
		case SWAP: t = sp[-1]; sp[-1] = sp[-2]; sp[-2] = t; break;
		case DROP: sp--; break;
		case HALT: return variables[2];
		}
	}
}

int main(int argc, char **argv)
{
	unsigned scale = argc > 1 ? atoi(argv[1]) : 100;
	uint64_t v = 1;

	for (unsigned round = 0; round < 5 * scale; round++)
		v = run(v + round);
	printf("%llu\n", (unsigned long long)v);
	return 0;
}
