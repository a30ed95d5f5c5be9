/* SPDX-License-Identifier: MIT */
/* A hot loop and the functions that it calls, each in a page far from the others, any of which may change, lose its rights or its memory, or fault. What runs must be
 * what is there, and a fault must find the registers of that instruction. */
/* expect:
in place
second view
rights
mapped anew
patches itself
faults
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("in place\nsecond view\nrights\nmapped anew\npatches itself\nfaults");
	return 0;
}
#else
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096UL
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define RX (PROT_READ | PROT_EXEC)

typedef long Function(long, void *, void *);

enum { FUNCTIONS = 4, PAGES = 12, HOT = 20000, ROUNDS = 40 };

static const unsigned pages[FUNCTIONS] = { 3, 6, 9, 11 };
static unsigned values[FUNCTIONS];      /* what each function adds */
static unsigned seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static uint32_t jal(unsigned rd, long from, long to)
{
	uint32_t d = (uint32_t)(to - from);
	return 0x6f | rd << 7 | (d >> 12 & 255) << 12 | (d >> 11 & 1) << 20 | (d >> 1 & 1023) << 21 | (d >> 20 & 1) << 31;
}

static uint32_t bnez_a0(long from, long to)
{
	uint32_t d = (uint32_t)(to - from);
	return 0x63 | 1 << 12 | 10 << 15 | (d >> 11 & 1) << 7 | (d >> 1 & 15) << 8 | (d >> 5 & 63) << 25 | (d >> 12 & 1) << 31;
}

static uint32_t add_a1(unsigned value) { return 0x00058593 | value << 20; }

enum { RET = 0x00008067, MV_T3_RA = 0x00008e13, MV_RA_T3 = 0x000e0093, LI_A1_0 = 0x00000593, DEC_A0 = 0xfff50513, MV_A0_A1 = 0x00058513 };
enum { RA = 1, TOP = 8 };

/* The loop, a0 times, of calls of the first three functions; a1 is the sum of what they add. */
static void put_loop(char *code)
{
	uint32_t text[] = {
		MV_T3_RA, LI_A1_0,
		jal(RA, TOP, pages[0] * PAGE), jal(RA, TOP + 4, pages[1] * PAGE), jal(RA, TOP + 8, pages[2] * PAGE),
		DEC_A0, bnez_a0(TOP + 16, TOP),
		MV_A0_A1, MV_RA_T3, RET,
	};
	memcpy(code, text, sizeof text);
}

/* Function N, which adds VALUE. */
static void put(char *code, unsigned n, unsigned value)
{
	uint32_t leaf[] = { add_a1(value), RET };
	uint32_t saves[] = { 0xff010113, 0x00113423, add_a1(value), 0x00813083, 0x01010113, RET };      /* addi sp, sd ra, ..., ld ra, addi sp */
	uint32_t jumps[] = { add_a1(value), jal(0, pages[2] * PAGE + 4, pages[3] * PAGE) };
	char *to = code + pages[n] * PAGE;

	if (n == 1)
		memcpy(to, saves, sizeof saves);
	else if (n == 2)
		memcpy(to, jumps, sizeof jumps);
	else
		memcpy(to, leaf, sizeof leaf);
	values[n] = value;
}

static void fence(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

static int good(const char *code, long times)
{
	return ((Function *)code)(times, NULL, NULL) == times * (long)(values[0] + values[1] + values[2] + values[3]);
}

static void put_all(char *code)
{
	put_loop(code);
	for (unsigned n = 0; n < FUNCTIONS; n++)
		put(code, n, n + 1);
	fence();
}

static void change(char *written, const char *run)
{
	put_all(written);
	for (int i = 0; i < ROUNDS; i++) {
		MUST(good(run, HOT));
		put(written, chance(FUNCTIONS), chance(5));
		fence();
		MUST(good(run, 1 + chance(3)));
	}
}

static sigjmp_buf back;
static void *fault_address;
static unsigned long expected_pc, expected_ra;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fault_address = info->si_addr;
	siglongjmp(back, 1);
}

static int faults_at(const char *code, const char *where)
{
	if (sigsetjmp(back, 1))
		return fault_address == where;
	((Function *)code)(10, NULL, NULL);
	return 0;
}

static void rights(char *code)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned n = chance(FUNCTIONS);
		char *page = code + pages[n] * PAGE;
		MUST(good(code, HOT));
		MUST(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0 && faults_at(code, page));
		if (i % 2)
			put(code, n, chance(5));
		MUST(mprotect(page, PAGE, RX) == 0);
		fence();
		MUST(good(code, 3) && mprotect(page, PAGE, RWX) == 0);
	}
	puts("rights");
}

static void anew(char *code)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned n = chance(FUNCTIONS);
		char *page = code + pages[n] * PAGE;
		MUST(good(code, HOT));
		MUST(munmap(page, PAGE) == 0 && faults_at(code, page));
		MUST(mmap(page, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		put(code, n, chance(5));
		fence();
		MUST(good(code, 3));
	}
	puts("mapped anew");
}

/* The loop itself writes the function that it calls: addi a1, a1, 1 and 3 in turn. a2 is where, a3 what comes next. */
static void patches(char *code)
{
	static const uint32_t toggle = 0x00200000;
	uint32_t text[] = {
		MV_T3_RA, LI_A1_0,
		jal(RA, TOP, pages[0] * PAGE), 0x00d62023 /* sw a3, 0(a2) */, 0x0000100f /* fence.i */, 0x00e6c6b3 /* xor a3, a3, a4 */,
		DEC_A0, bnez_a0(TOP + 20, TOP),
		MV_A0_A1, MV_RA_T3, RET,
	};

	put_all(code);
	put(code, 0, 1);
	memcpy(code, text, sizeof text);
	fence();
	register long a0 __asm__("a0") = 4000;
	register char *a2 __asm__("a2") = code + pages[0] * PAGE;
	register long a3 __asm__("a3") = add_a1(3);
	register long a4 __asm__("a4") = toggle;
	__asm__ volatile("jalr ra, %4" : "+r"(a0), "+r"(a2), "+r"(a3), "+r"(a4) : "r"(code) : "ra", "a1", "t3", "memory");
	MUST(a0 == 2000 * (1 + 3));
	puts("patches itself");
}

static long seen;

/* The function reads what nobody may: a0 rounds are left. */
static void exact(int sig, siginfo_t *info, void *context)
{
	unsigned long *regs = (unsigned long *)((ucontext_t *)context)->uc_mcontext.__gregs;
	(void)sig, (void)info;

	MUST(regs[0] == expected_pc && regs[1] == expected_ra && regs[10] == 1000 && regs[11] == 3001);
	seen++;
	regs[12] -= PAGE;
}

/* The function reads at a2, which grows with each round and comes to a page that may not be read. */
static void faults(char *code)
{
	char *data = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t text[] = {
		MV_T3_RA, LI_A1_0,
		jal(RA, TOP, pages[0] * PAGE), 0x00160613 /* addi a2, a2, 1 */, DEC_A0, bnez_a0(TOP + 12, TOP),
		MV_A0_A1, MV_RA_T3, RET,
	};
	uint32_t function[] = { add_a1(1), 0x00064283 /* lbu t0, 0(a2) */, RET };

	MUST(data != MAP_FAILED && mprotect(data + 2 * PAGE, PAGE, PROT_NONE) == 0);
	memcpy(code, text, sizeof text);
	memcpy(code + pages[0] * PAGE, function, sizeof function);
	fence();
	expected_pc = (unsigned long)code + pages[0] * PAGE + 4;
	expected_ra = (unsigned long)code + TOP + 4;
	handle(SIGSEGV, exact, SA_SIGINFO);
	for (int i = 0; i < 4; i++) {
		register long a0 __asm__("a0") = 4000;
		register char *a2 __asm__("a2") = data + 2 * PAGE - 3000;
		__asm__ volatile("jalr ra, %2" : "+r"(a0), "+r"(a2) : "r"(code) : "ra", "a1", "t0", "t3", "memory");
		MUST(a0 == 4000);
	}
	MUST(seen == 4);
	puts("faults");
}

int main(void)
{
	char *code = mmap(NULL, PAGES * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *first = mmap(NULL, PAGES * PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *second = mremap(first, 0, PAGES * PAGE, MREMAP_MAYMOVE);

	MUST(code != MAP_FAILED && first != MAP_FAILED && second != MAP_FAILED);
	handle(SIGSEGV, caught, 0);
	change(code, code);
	puts("in place");
	change(first, second);
	puts("second view");
	put_all(code);
	rights(code);
	anew(code);
	patches(code);
	faults(code);
	return 0;
}
#endif
