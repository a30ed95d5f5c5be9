/* SPDX-License-Identifier: MIT */
/* Hot loops interrupted at random moments: whatever a handler is shown of registers and memory fits the pc it is shown, and what it changes there is what the
 * loop goes on with. The handler sets a timer for the next interruption, so that no rate is too high. Argument: interruptions of each loop. */
/* expect:
wide: enough, nothing wrong
nested: enough, nothing wrong
calls: enough, nothing wrong
changed: enough, nothing wrong
*/
#include "must.h"

#include <stdbool.h>
#include <time.h>

enum { WANTED = 1000, SECONDS = 20, FEW = 50 };         /* where time is short, few are enough */

static unsigned long seen, within, wrong, wanted = WANTED;
static bool changes;
static timer_t timer;

static uint64_t rnd(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

#if defined __riscv

/* -- wide: every register has a part in it ------------------------------------------------------------------------------------ *
 * Each round adds i to x1, x5 to x28 and 1 to f0 to f30, and stores each; x30 counts rounds, x31 is their number. */

__asm__(
	".option push\n.option norvc\n"
	".macro save op, fop\n"
	"	\\op ra, 640(sp)\n	.irp r, 0,1,2,3,4,5,6,7,8,9,10,11\n	\\op s\\r, 648+8*\\r(sp)\n	\\fop fs\\r, 744+8*\\r(sp)\n	.endr\n"
	".endm\n"
	".globl wide, wide_loop, wide_end\n"
	"wide:	addi sp, sp, -848\n	save sd, fsd\n	mv x31, a0\n	li x30, 0\n	fcvt.d.w f31, x30\n	sd x30, 600(sp)\n"
	"	.irp r, 1,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28\n"
	"	li x\\r, 100*\\r\n	sd x\\r, 8*\\r(sp)\n	.endr\n"
	"	.irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
	"	li x30, \\r\n	fcvt.d.l f\\r, x30\n	fsd f\\r, 256+8*\\r(sp)\n	.endr\n"
	"	li x30, 1\n	fcvt.d.l f31, x30\n	li x30, 0\n"
	"wide_loop:\n"
	"	ld x29, 600(sp)\n	addi x29, x29, 1\n	sd x29, 600(sp)\n	addi x30, x30, 1\n"
	"	.irp r, 1,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28\n"
	"	addi x\\r, x\\r, \\r\n	sd x\\r, 8*\\r(sp)\n	.endr\n"
	"	.irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
	"	fadd.d f\\r, f\\r, f31\n	fsd f\\r, 256+8*\\r(sp)\n	.endr\n"
	"	bne x30, x31, wide_loop\n"
	"wide_end:\n"
	"	mv a0, x30\n	ld a1, 600(sp)\n	save ld, fld\n	addi sp, sp, 848\n	ret\n"
	".option pop\n");

struct Rounds { uint64_t counted, run; };
struct Rounds wide(uint64_t rounds);
extern char wide_loop[], wide_end[];
static uint64_t skipped;

enum { WIDE_X = 4, WIDE_F = WIDE_X + 2 * 25 };          /* positions of the first instructions of both groups */

static void check_wide(ucontext_t *uc)
{
	uint64_t *x = (uint64_t *)uc->uc_mcontext.__gregs, at = (x[0] - (uintptr_t)wide_loop) / 4;
	uint64_t *cell = (uint64_t *)x[2], n = x[30] - (at > 3);
	double *f = (double *)uc->uc_mcontext.__fpregs.__d.__f, *fcell = (double *)(cell + 32);
	bool good = cell[75] + skipped == n + (at > 2);

	for (unsigned i = 1, k = WIDE_X; i <= 28; i == 1 ? i = 5 : i++, k += 2)
		good &= x[i] == i * (n + (at > k) + 100) && cell[i] == i * (n + (at > k + 1) + 100);
	for (unsigned i = 0, k = WIDE_F; i <= 30; i++, k += 2)
		good &= f[i] == (double)(i + n + (at > k)) && fcell[i] == (double)(i + n + (at > k + 1));
	wrong += !good;
	if (!changes)
		return;
	/* as if more rounds had been run, or the branch back had been taken */
	uint64_t more = rnd() % 500;
	if (n + more + 2 < x[31]) {
		for (unsigned i = 1; i <= 28; i == 1 ? i = 5 : i++)
			x[i] += i * more, cell[i] += i * more;
		for (unsigned i = 0; i <= 30; i++)
			f[i] += more, fcell[i] += more;
		x[30] += more;
		skipped += more;
		if (x[0] == (uintptr_t)wide_end - 4 && rnd() & 1)
			x[0] = (uintptr_t)wide_loop;
	}
}

static void run_wide(void)
{
	enum { ROUNDS = 20000 };

	skipped = 0;
	struct Rounds rounds = wide(ROUNDS);
	wrong += rounds.counted != ROUNDS || rounds.run + skipped != ROUNDS;
}

/* -- nested: two loops, two ways through the inner one ------------------------------------------------------------------------- *
 * s3 counts inner rounds, t0 those of this outer round, s2 outer rounds, s4 odd s3, fa0 is s3, fa2 counts even s3, the cell is the last odd s3, s5 the sum of s2. */

__asm__(
	".option push\n.option norvc\n"
	".globl nested, n_outer, n_inner, n_odd, n_even, n_joined, n_end\n"
	"nested:	addi sp, sp, -848\n	save sd, fsd\n	mv s6, a0\n	mv t2, a1\n	li s2, 0\n	li s3, 0\n	li s4, 0\n	li s5, 0\n"
	"	fcvt.d.l fa0, s2\n	fmv.d fa2, fa0\n	li t0, 1\n	fcvt.d.l fa1, t0\n	sd zero, 0(sp)\n"
	"n_outer:	addi s2, s2, 1\n	li t0, 0\n"
	"n_inner:	addi t0, t0, 1\n	addi s3, s3, 1\n	fadd.d fa0, fa0, fa1\n	andi t1, s3, 1\n	beqz t1, n_even\n"
	"n_odd:	addi s4, s4, 1\n	sd s3, 0(sp)\n	bltu t0, t2, n_inner\n	j n_joined\n"
	"n_even:	fadd.d fa2, fa2, fa1\n	nop\n	bltu t0, t2, n_inner\n"
	"n_joined:	add s5, s5, s2\n	blt s2, s6, n_outer\n"
	"n_end:	mv a0, s3\n	mv a1, s5\n	save ld, fld\n	addi sp, sp, 848\n	ret\n"
	".option pop\n");

struct Nested { uint64_t inner, sum; };
struct Nested nested(uint64_t outer, uint64_t inner);
extern char n_outer[], n_inner[], n_odd[], n_even[], n_joined[], n_end[];

static void check_nested(ucontext_t *uc)
{
	const uint64_t *x = (const uint64_t *)uc->uc_mcontext.__gregs;
	const double *f = (const double *)uc->uc_mcontext.__fpregs.__d.__f;
	uint64_t pc = x[0], t0 = x[5], t2 = x[7], s2 = x[18], s3 = x[19], s4 = x[20], s5 = x[21];
	uint64_t last = *(uint64_t *)x[2];
#define AT(label, index) ((uintptr_t)(label) + 4 * (index))
	bool first = pc <= AT(n_inner, 1);                      /* nothing of this inner round has reached s3 */
	bool odd = s3 & 1, added = first || pc > AT(n_inner, 2);
	bool counted = first || (odd ? pc > AT(n_odd, 0) : pc > AT(n_even, 0));
	bool stored = first || !odd || pc > AT(n_odd, 1);
	bool good = f[10] == (double)(s3 - !added);

	good &= s4 == (odd ? s3 / 2 + counted : s3 / 2);
	good &= f[12] == (double)(odd ? s3 / 2 : s3 / 2 - !counted);
	good &= last == (odd ? (stored ? s3 : s3 >= 2 ? s3 - 2 : 0) : s3 ? s3 - 1 : 0) || (s3 == 1 && !stored && last == 0);
	if (pc > AT(n_outer, 1))
		good &= s3 + (pc == AT(n_inner, 1)) == (s2 - 1) * t2 + t0;
	else
		good &= s3 == (s2 - (pc > AT(n_outer, 0))) * t2;
	uint64_t summed = pc > AT(n_joined, 0) || pc == AT(n_outer, 0) ? s2 : s2 - 1;
	good &= s5 == summed * (summed + 1) / 2;
	wrong += !good;
}

static void run_nested(void)
{
	enum { OUTER = 3000 };
	uint64_t inner = 1 + rnd() % 200;
	struct Nested is = nested(OUTER, inner);

	wrong += is.inner != OUTER * inner || is.sum != (uint64_t)OUTER * (OUTER + 1) / 2;
}

/* -- calls: a loop that calls a function, and another through a register with the other link register ---------------------------- *
 * s1 counts, s2 sums it, s3 grows by 5, fs0 counts, the cell is s1, s5 grows by 7. */

__asm__(
	".option push\n.option norvc\n"
	".globl calls, c_loop, c_leaf, c_other, c_end\n"
	"c_leaf:	add s2, s2, s1\n	addi s3, s3, 5\n	ret\n"
	"c_other:	fadd.d fs0, fs0, fs1\n	sd s1, 0(sp)\n	jr t0\n"
	"calls:	addi sp, sp, -848\n	save sd, fsd\n	mv s6, a0\n	la s4, c_other\n	li s1, 0\n	li s2, 0\n	li s3, 0\n	li s5, 0\n"
	"	sd zero, 0(sp)\n	fcvt.d.l fs0, s1\n	li t0, 1\n	fcvt.d.l fs1, t0\n"
	"c_loop:	addi s1, s1, 1\n	jal ra, c_leaf\n	jalr t0, 0(s4)\n	addi s5, s5, 7\n	bne s1, s6, c_loop\n"
	"c_end:	mv a0, s2\n	mv a1, s5\n	save ld, fld\n	addi sp, sp, 848\n	ret\n"
	".option pop\n");

struct Calls { uint64_t sum, sevens; };
struct Calls calls(uint64_t rounds);
extern char c_loop[], c_leaf[], c_other[], c_end[];

static void check_calls(ucontext_t *uc)
{
	const uint64_t *x = (const uint64_t *)uc->uc_mcontext.__gregs;
	const double *f = (const double *)uc->uc_mcontext.__fpregs.__d.__f;
	const uint64_t order[] = {
		AT(c_loop, 0), AT(c_loop, 1), AT(c_leaf, 0), AT(c_leaf, 1), AT(c_leaf, 2), AT(c_loop, 2),
		AT(c_other, 0), AT(c_other, 1), AT(c_other, 2), AT(c_loop, 3), AT(c_loop, 4),
	};
	unsigned at = 0;

	while (at < sizeof order / sizeof *order && order[at] != x[0])
		at++;
	uint64_t n = x[9] - (at > 0), sum = n + (at > 2);
	bool good = at < sizeof order / sizeof *order;
	good &= x[18] == sum * (sum + 1) / 2 && x[19] == 5 * (n + (at > 3)) && f[8] == (double)(n + (at > 6));
	good &= *(uint64_t *)x[2] == n + (at > 7) && x[21] == 7 * (n + (at > 9));
	good &= (at < 2 || x[1] == AT(c_loop, 2)) && (at < 6 || x[5] == AT(c_loop, 3));
	wrong += !good;
}

static void run_calls(void)
{
	enum { ROUNDS = 100000 };
	struct Calls is = calls(ROUNDS);

	wrong += is.sum != (uint64_t)ROUNDS * (ROUNDS + 1) / 2 || is.sevens != 7ul * ROUNDS;
}

static bool inside(uint64_t pc, const char *start, const char *end)
{
	return pc >= (uintptr_t)start && pc < (uintptr_t)end;
}

static void check(ucontext_t *uc)
{
	uint64_t pc = CONTEXT_PC(uc);

	within++;
	if (inside(pc, wide_loop, wide_end))
		check_wide(uc);
	else if (inside(pc, n_outer, n_end))
		check_nested(uc);
	else if (inside(pc, c_loop, c_end) || inside(pc, c_leaf, c_leaf + 24))
		check_calls(uc);
	else
		within--;
}

#else

static void spin(void) { for (volatile unsigned i = 0; i < 100000; i++) ; }
#define run_wide spin
#define run_nested spin
#define run_calls spin
static void check(ucontext_t *uc) { (void)uc; within++; }

#endif

static void arm(void)
{
	struct itimerspec next = { .it_value.tv_nsec = 500 + rnd() % 8000 };

	MUST(timer_settime(timer, 0, &next, NULL) == 0);
}

static void on_timer(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	seen++;
	check(context);
	if (within < wanted)
		arm();
}

static void interrupt(const char *name, void (*run)(void))
{
	struct timespec start, now;

	seen = within = wrong = 0;
	clock_gettime(CLOCK_MONOTONIC, &start);
	arm();
	do {
		run();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (within < wanted && (wanted > WANTED || now.tv_sec - start.tv_sec < SECONDS));
	printf("%s: %s, %s\n", name, within >= wanted || (wanted == WANTED && within >= FEW) ? "enough" : "too few",
	       wrong ? "WRONG" : "nothing wrong");
	if (wanted > WANTED)
		printf("  %lu interruptions, %lu of them in the loop, in %.1f s\n", seen, within,
		       now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	if (argc > 1)
		wanted = strtoul(argv[1], NULL, 0);
	handle(SIGUSR1, on_timer, SA_RESTART);
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	interrupt("wide", run_wide);
	interrupt("nested", run_nested);
	interrupt("calls", run_calls);
	changes = true;
	interrupt("changed", run_wide);
	return 0;
}
