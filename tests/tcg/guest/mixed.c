/* SPDX-License-Identifier: MIT */
/* Compiled code of many kinds without a C library, so that nothing depends on where it is run: recursion, sorting, text, tables of functions, floating point,
 * atomics, copies of all sizes, long straight code over page ends, system calls. */
typedef unsigned long word;

static long call(long number, long a, long b, long c)
{
	register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a7 __asm__("a7") = number;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
	return a0;
}

static unsigned random_state = 1;
static unsigned next(void) { return random_state = random_state * 1103515245 + 12345; }

static int numbers[500];
static char text[4000], copy[4096];
static double values[64];
static word cell;

__attribute__((noinline)) static word fibonacci(word n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

__attribute__((noinline)) static void sort(int *a, int n)
{
	if (n < 2)
		return;
	int pivot = a[n / 2], i = 0, j = n - 1;
	while (i <= j) {
		while (a[i] < pivot)
			i++;
		while (a[j] > pivot)
			j--;
		if (i <= j) {
			int t = a[i];
			a[i++] = a[j];
			a[j--] = t;
		}
	}
	sort(a, j + 1);
	sort(a + i, n - i);
}

#define COPY(type)                                                                                      \
	__attribute__((noinline)) static word copy_##type(unsigned n)                                   \
	{                                                                                               \
		word sum = 0;                                                                           \
		for (unsigned i = 0; i < n; i++)                                                        \
			sum += ((volatile type *)copy)[i] = ((volatile type *)text)[i];                 \
		return sum;                                                                             \
	}
typedef unsigned char byte;
typedef signed short half;
COPY(byte)
COPY(half)
COPY(int)
COPY(word)
static word (*const table[])(unsigned) = { copy_byte, copy_half, copy_int, copy_word };

__attribute__((noinline)) static double series(int n)
{
	double sum = 0;
	for (int i = 1; i <= n; i++) {
		values[i & 63] = 1.0 / i;
		sum += values[i & 63] * (i & 1 ? 1 : -1);
	}
	return sum;
}

__attribute__((noinline)) static int classify(unsigned c)
{
	switch (c & 7) {
	case 0: return 3;
	case 1: return cell & 1;
	case 2: return -7;
	case 3: return c >> 4;
	case 4: return 99;
	case 5: return c * 3;
	case 6: return c ^ 0x55;
	}
	return 0;
}

/* longer than a page, without a branch */
__attribute__((noinline)) static word straight(word x)
{
#define STEP "slli t0, %0, 3\n xor %0, %0, t0\n sd %0, 0(%1)\n ld t0, 0(%1)\n"
#define STEPS STEP STEP STEP STEP STEP STEP STEP STEP
#define MORE STEPS STEPS STEPS STEPS STEPS STEPS STEPS STEPS
	__asm__ volatile(MORE MORE MORE MORE MORE MORE : "+r"(x) : "r"(&cell) : "t0", "memory");
	return x;
}

void _start(void)
{
	word sum = fibonacci(15);

	for (int i = 0; i < 500; i++)
		numbers[i] = next() >> 8;
	sort(numbers, 500);
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = next() >> 16;
	for (unsigned i = 0; i < 40; i++)
		sum += table[i & 3](30 + i * 2);
	sum += (word)(series(1000) * 1e6);
	for (unsigned i = 0; i < 300; i++) {
		sum += classify(text[i]);
		__atomic_fetch_add(&cell, i, __ATOMIC_SEQ_CST);
		__atomic_fetch_or((int *)&cell, 1, __ATOMIC_RELAXED);
		word old = cell;
		__atomic_compare_exchange_n(&cell, &old, sum, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	for (int i = 0; i < 5; i++)
		sum += straight(sum);
	call(172, 0, 0, 0);
	call(64, 1, (long)"done\n", 5);
	call(64, 99, 0, 0);
	call(93, 0, 0, 0);
	for (;;)
		;
}
