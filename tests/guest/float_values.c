/* SPDX-License-Identifier: MIT */
/* NaNs, boxes and exception flags wherever a program can see them: in memory, in integer registers, behind a change of sign, in a signal's frame; from
 * straight code and from loops long enough to be made regions. */
/* expect:
inf: 7ff8000000000000 7ff8000000000000 fff8000000000000 7ff0000000000000 0000000000000000 7ff0000000000000 0000000000000200 7ff8000000000000 flags 10
payload: 7ff8000000000000 7ff8000000000000 fff8000000000000 7ff8000000000123 0000000000000000 3ff0000000000000 0000000000000200 7ff8000000000000 flags 0
signaling: 7ff8000000000000 7ff8000000000000 fff8000000000000 7ff0000000000456 0000000000000000 3ff0000000000000 0000000000000200 7ff8000000000000 flags 10
negative: 7ff8000000000000 7ff8000000000000 fff8000000000000 3ff0000000000000 0000000000000000 7ff8000000000000 0000000000000200 7ff8000000000000 flags 0
zero times inf: fff0000000000000 7ff8000000000000 fff8000000000000 0000000000000000 0000000000000000 7ff0000000000000 0000000000000200 7ff8000000000000 flags 10
single inf: ffffffff7fc00000 ffffffff7fc00000 ffffffffffc00000 ffffffff7f800000 000000007fc00000 7ff8000000000000 0000000000000200 7ff8000000000000 flags 10
single payload: ffffffff7fc00000 ffffffff7fc00000 ffffffffffc00000 ffffffff7fc00123 000000007fc00000 7ff8000000000000 0000000000000200 7ff8000000000000 flags 0
no box: ffffffff7fc00000 ffffffff7fc00000 ffffffffffc00000 ffffffff7fc00000 000000007fc00000 7ff8000000000000 0000000000000200 7ff8000000000000 flags 0
single third: ffffffffc0000000 ffffffffc0000000 ffffffffbf800000 ffffffff3f800000 00000000c0000000 7ff8000000000000 0000000000000040 c000000000000000 flags 0
loop: 40d3884000000000 40d3884000000000 3ff0000000000000 flags 0
loop payload: 7ff8000000000000 7ff8000000000000 7ff8000000000123 flags 0
loop signaling skipped: 7ff0000000000456 7ff0000000000456 7ff0000000000456 flags 0
loop payload late: 7ff8000000000000 7ff8000000000000 fff8000000000789 flags 0
loop inf: 7ff8000000000000 7ff8000000000000 7ff0000000000000 flags 0
single loop: ffffffff459c4000 ffffffff3e800000 ffffffff3f000000 flags 0
single loop no box: ffffffff7fc00000 ffffffff3e800000 ffffffff3f000000 flags 0
single loop nan: ffffffff7fc00000 ffffffff3e800000 ffffffff3f000000 flags 10
single loop all no box: ffffffff7fc00000 ffffffff7fc00000 3ff0000000000000 flags 0
fault: 7ff8000000000000 7ff0000000000000 ffffffff41100000 fff0000000000000 flags 10
fault payload: 7ff8000000000000 7ff8000000000000 ffffffff3f800000 fff8000000000000 flags 0
fault numbers: 0000000000000000 3ff0000000000000 ffffffff3f800000 bff0000000000000 flags 0
exact: before 0 behind 0 left 0
inexact: before 0 behind 1 left 0
inexact kept: before 1e behind 1f left 1e
zero: before 1 behind 9 left 1
tiny exact: before 0 behind 0 left 0
tiny: before 0 behind 3 left 0
huge: before 0 behind 5 left 0
invalid: before 4 behind 14 left 4
*/
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { ROUNDS = 20000 };

static const uint64_t infinity = 0x7ff0000000000000, payload = 0x7ff8000000000123, signaling = 0x7ff0000000000456, one = 0x3ff0000000000000,
		      three = 0x4008000000000000, negative = 0xfff8000000000789;
static uint64_t seen[8];

static unsigned flags(void)
{
	unsigned f;

	__asm__ volatile("frflags %0; fsflags zero" : "=r"(f));
	return f;
}

static void show(const char *what, unsigned n)
{
	printf("%s:", what);
	for (unsigned i = 0; i < n; i++)
		printf(" %016lx", (unsigned long)seen[i]);
	printf(" flags %x\n", flags());
	memset(seen, 0, sizeof seen);
}

/* Arithmetic makes a NaN, and each way to look at it follows. */
static void chain(const char *what, uint64_t a, uint64_t b)
{
	__asm__ volatile("fmv.d.x fa0, %1; fmv.d.x fa1, %2; fsub.d fa2, fa0, fa1; fmul.d fa3, fa2, fa0; fadd.d fa4, fa3, fa1;"
			 "fsd fa2, 0(%0); fmv.x.d t0, fa3; sd t0, 8(%0); fneg.d fa5, fa4; fsd fa5, 16(%0); fsgnj.d fa6, fa0, fa4; fsd fa6, 24(%0);"
			 "fsw fa3, 32(%0); fmin.d fa7, fa4, fa1; fsd fa7, 40(%0); fclass.d t0, fa4; sd t0, 48(%0); fmadd.d fa2, fa0, fa1, fa4; fsd fa2, 56(%0)"
			 :: "r"(seen), "r"(a), "r"(b) : "t0", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "memory");
	show(what, 8);
}

/* The same in single precision; A and B may be no boxes. */
static void single_chain(const char *what, uint64_t a, uint64_t b)
{
	__asm__ volatile("fmv.d.x fa0, %1; fmv.d.x fa1, %2; fsub.s fa2, fa0, fa1; fmul.s fa3, fa2, fa0; fadd.s fa4, fa3, fa1;"
			 "fsd fa2, 0(%0); fmv.x.d t0, fa3; sd t0, 8(%0); fneg.s fa5, fa4; fsd fa5, 16(%0); fsgnj.s fa6, fa0, fa4; fsd fa6, 24(%0);"
			 "fsw fa3, 32(%0); fadd.d fa7, fa4, fa4; fsd fa7, 40(%0); fclass.s t0, fa4; sd t0, 48(%0); fcvt.d.s fa2, fa3; fsd fa2, 56(%0)"
			 :: "r"(seen), "r"(a), "r"(b) : "t0", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "memory");
	show(what, 8);
}

/* f0 comes as START and is made by arithmetic in all rounds but the first SKIP; it, a copy and a moved one are seen at the end. */
static void loop(const char *what, uint64_t start, uint64_t a, unsigned skip)
{
	unsigned rounds = ROUNDS;

	__asm__ volatile("fmv.d.x ft0, %1; fmv.d.x ft1, %2; fmv.d.x ft2, %1\n"
			 "1: blt zero, %3, 2f; fadd.d ft0, ft1, ft0; fmul.d ft0, ft0, ft1\n"
			 "2: fmv.d ft3, ft0; addi %3, %3, -1; addi %4, %4, -1; bnez %4, 1b\n"
			 "fsd ft0, 0(%0); fsd ft3, 8(%0); fsd ft2, 16(%0)"
			 : "+r"((uint64_t *){ seen }), "+r"(start), "+r"(a), "+r"(skip), "+r"(rounds) :: "ft0", "ft1", "ft2", "ft3", "memory");
	show(what, 3);
}

/* A sum of singles; the first START may be no box. */
static void single_loop(const char *what, uint64_t start, uint64_t a)
{
	unsigned rounds = ROUNDS;

	__asm__ volatile("fmv.d.x ft0, %1; fmv.d.x ft1, %2\n"
			 "1: fmul.s ft2, ft1, ft1; fadd.s ft0, ft0, ft2; addi %3, %3, -1; bnez %3, 1b\n"
			 "fsd ft0, 0(%0); fsd ft2, 8(%0); fsd ft1, 16(%0)"
			 : "+r"((uint64_t *){ seen }), "+r"(start), "+r"(a), "+r"(rounds) :: "ft0", "ft1", "ft2", "memory");
	show(what, 3);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
	for (unsigned i = 0; i < 4; i++)
		seen[i] = uc->uc_mcontext.__fpregs.__d.__f[i];
	uc->uc_mcontext.__gregs[REG_PC] += 4;
}

/* A loop that walks to the end of a page; the load behind it sees a NaN made before, and a single. */
static void fault(const char *what, uint64_t a, uint64_t b)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *from = page, *end = page + 4096 + 1;

	mprotect(page + 4096, 4096, PROT_NONE);
	sigaction(SIGSEGV, &action, NULL);
	for (unsigned times = 0; times < 3; times++) {
		from = page;
		__asm__ volatile("fmv.d.x ft1, %2; fmv.d.x ft4, %3; fcvt.s.d ft5, ft4\n"
				 "1: fsub.d ft0, ft1, ft1; fmul.d ft1, ft1, ft4; fmul.s ft2, ft5, ft5; fsgnjn.d ft3, ft1, ft1\n"
				 ".option push\n.option norvc\nlbu t0, 0(%0)\n.option pop\n"
				 "fadd.d ft6, ft0, ft1; addi %0, %0, 1; bne %0, %1, 1b"
				 : "+r"(from), "+r"(end), "+r"(a), "+r"(b) :: "t0", "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "memory");
	}
	munmap(page, 8192);
	show(what, 4);
}

/* Flags read round operations, over and over: none, then those of A / B, and what was there before. */
static void read_flags(const char *what, uint64_t a, uint64_t b, unsigned keep)
{
	unsigned long before = 0, behind = 0, rounds = ROUNDS;

	__asm__ volatile("fmv.d.x ft0, %2; fmv.d.x ft1, %3\n"
			 "1: frflags t0; or %0, %0, t0; fdiv.d ft2, ft0, ft1; frflags t1; or %1, %1, t1; fsflags %4; addi %5, %5, -1; bnez %5, 1b"
			 : "+r"(before), "+r"(behind), "+r"(a), "+r"(b), "+r"(keep), "+r"(rounds) :: "t0", "t1", "ft0", "ft1", "ft2");
	printf("%s: before %lx behind %lx left %x\n", what, before, behind, flags());
}

int main(void)
{
	chain("inf", infinity, infinity);
	chain("payload", payload, one);
	chain("signaling", signaling, one);
	chain("negative", one, negative);
	chain("zero times inf", 0, infinity);
	single_chain("single inf", 0xffffffff7f800000, 0xffffffff7f800000);
	single_chain("single payload", 0xffffffff7fc00123, 0xffffffff3f800000);
	single_chain("no box", one, 0xffffffff3f800000);
	single_chain("single third", 0xffffffff3f800000, 0xffffffff40400000);
	loop("loop", one, one, 0);
	loop("loop payload", payload, one, 0);
	loop("loop signaling skipped", signaling, one, ROUNDS);
	loop("loop payload late", negative, one, ROUNDS - 3);
	loop("loop inf", infinity, negative, 5000);
	single_loop("single loop", 0xffffffff00000000, 0xffffffff3f000000);
	single_loop("single loop no box", three, 0xffffffff3f000000);
	single_loop("single loop nan", 0xffffffff7f800001, 0xffffffff3f000000);
	single_loop("single loop all no box", three, one);
	fault("fault", infinity, three);
	fault("fault payload", payload, one);
	fault("fault numbers", one, one);
	read_flags("exact", one, one, 0);
	read_flags("inexact", one, three, 0);
	read_flags("inexact kept", one, three, 0x1e);
	read_flags("zero", one, 0, 1);
	read_flags("tiny exact", 2, one, 0);
	read_flags("tiny", 1, three, 0);
	read_flags("huge", 0x7fe0000000000000, 0x3fb0000000000001, 0);
	read_flags("invalid", 0, 0, 4);
	return 0;
}
