/* SPDX-License-Identifier: MIT */
/* Hot loops over words that registers bring along which are no words: sums, bounds and values that only pass through, first words and then anything. A fault in the
 * loop shows all of them. */
/* expect:
words: 0 wrong
bounds: 0 wrong
anything: 0 wrong
words again: 0 wrong
fault: 0 wrong
*/
#include "must.h"

#include <stdbool.h>
#include <sys/mman.h>

enum { ROUNDS = 20000, SOME = 50 };

/* In and out: a sum of words, a bound of one, a value that a round assigns if its number is a multiple of eight, how many rounds are left, a word to add, where
 * to load another from, one behind the other. */
struct State {
	uint64_t sum, bound, passing, left, add;
	const int32_t *at;
};

static uint64_t word(uint64_t v) { return (uint64_t)(int64_t)(int32_t)v; }

static const int32_t *forbidden;        /* where it cannot load from */

/* Returns why it ended: 1 no rounds are left, 2 the sum is the bound, 3 the sum is below what is passed through, 4 it cannot load. */
static unsigned model(struct State *s)
{
	for (;;) {
		s->sum = word(s->sum + s->add);
		if (s->at == forbidden)
			return 4;
		s->sum = word(s->sum + (uint64_t)(int64_t)*s->at++);
		if ((s->left & 7) == 0)
			s->passing = word(s->sum ^ 0x40000000);
		if (--s->left == 0)
			return 1;
		if (s->sum == s->bound)
			return 2;
		if ((int64_t)s->sum < (int64_t)s->passing && (s->left & 1023) == 5)
			return 3;
	}
}

#if defined __riscv
__asm__(
	".globl loop, loop_load\n"
	"loop:	ld a1, 0(a0)\n	ld a2, 8(a0)\n	ld a3, 16(a0)\n	ld a4, 24(a0)\n	ld a5, 32(a0)\n	ld a6, 40(a0)\n"
	"1:	addw a1, a1, a5\n"
	"loop_load:	lw t0, 0(a6)\n	addw a1, a1, t0\n	addi a6, a6, 4\n"
	"	andi t1, a4, 7\n	bnez t1, 2f\n	lui t2, 0x40000\n	xor a3, a1, t2\n"
	"2:	addi a4, a4, -1\n	li a7, 1\n	beqz a4, 3f\n	li a7, 2\n	beq a1, a2, 3f\n"
	"	andi t1, a4, 1023\n	addi t1, t1, -5\n	li a7, 3\n	bnez t1, 1b\n	bge a1, a3, 1b\n"
	"3:	sd a1, 0(a0)\n	sd a2, 8(a0)\n	sd a3, 16(a0)\n	sd a4, 24(a0)\n	sd a6, 40(a0)\n	mv a0, a7\n	ret\n");
unsigned loop(struct State *s);
extern char loop_load[];
#else
#define loop model
#endif

static uint64_t rnd(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

static int32_t values[ROUNDS];

/* The number of differences between the loop and its model from START. */
static unsigned differs(struct State start)
{
	struct State a = start, b = start;
	unsigned why = loop(&a), wanted = model(&b);

	return why != wanted || memcmp(&a, &b, sizeof a) != 0;
}

static uint64_t anything(void)
{
	uint64_t v = rnd() << 31 ^ rnd();

	return rnd() % 3 ? word(v) : rnd() % 2 ? v : (uint32_t)v;
}

static void words(const char *name)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < SOME; i++)
		wrong += differs((struct State){ word(rnd()), word(rnd() * 2), word(rnd() * 2), ROUNDS, word(rnd() * 2), values });
	printf("%s: %u wrong\n", name, wrong);
}

/* The sum comes to the low half of the bound, in a round before there is a new value that passes through. */
static void bounds(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < SOME; i++) {
		uint64_t sum = word(rnd()), bound = ((sum + 3 * 5 + 0 + 1 + 2) & 0xffffffff) | (uint64_t)(1 + i % 2) << 32;
		wrong += differs((struct State){ sum, bound, ~bound << 20, 7, 5, values });
		wrong += differs((struct State){ sum | (uint64_t)1 << 40, word(bound), bound << 8, 7, 5, values });
		wrong += differs((struct State){ sum, word(bound), (uint64_t)1 << 33 | i, 1, 5, values });
		wrong += differs((struct State){ sum, bound, (uint64_t)-1 << 33 | i, ROUNDS / 8, 5, values });
	}
	printf("bounds: %u wrong\n", wrong);
}

static void mixed(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < 4 * SOME; i++)
		wrong += differs((struct State){ anything(), anything(), anything(), 1 + rnd() % (ROUNDS / 4), anything(), values });
	printf("anything: %u wrong\n", wrong);
}

/* -- a page that cannot be read until then */

static struct State seen;

#if defined __riscv
static void on_fault(int sig, siginfo_t *info, void *context)
{
	unsigned long *x = ((ucontext_t *)context)->uc_mcontext.__gregs;

	(void)sig;
	MUST(x[0] == (uintptr_t)loop_load && info->si_addr == forbidden);
	seen = (struct State){ x[11], x[12], x[13], x[14], x[15], (const int32_t *)x[16] };
	MUST(mprotect((void *)forbidden, 4096, PROT_READ) == 0);
}
#endif

static void fault(void)
{
	unsigned wrong = 0;
	char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(pages != MAP_FAILED);
	for (unsigned i = 0; i < SOME; i++) {
		const int32_t *from = (int32_t *)(pages + 4096) - 1 - rnd() % 1000;
		uint64_t add = i % 2 ? 3 : word(rnd() * 2), passing = i % 4 ? 0 : anything();
		struct State start = { word(rnd() * 2), anything(), passing, 1000 + rnd() % 1000, add, from }, first = start;
#if defined __riscv
		struct State s = start;
		forbidden = (int32_t *)(pages + 4096);
		handle(SIGSEGV, on_fault, 0);
		MUST(mprotect((void *)forbidden, 4096, PROT_NONE) == 0);
		loop(&s);
		if (model(&first) == 4)
			wrong += memcmp(&seen, &first, sizeof seen) != 0;
		MUST(mprotect((void *)forbidden, 4096, PROT_READ) == 0);
		forbidden = NULL;
#endif
		wrong += differs(start);
	}
	printf("fault: %u wrong\n", wrong);
}

int main(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		values[i] = (int32_t)i;
	words("words");
	bounds();
	mixed();
	words("words again");
	fault();
	return 0;
}
