/* SPDX-License-Identifier: MIT */
/* Calls of every kind: recursion, pointers, switches, setjmp, variable arguments, qsort with a callback. */
/* dynamic */
/* expect:
ackermann 125
fibonacci 10946
hanoi 1023
pointers 3 -1 2 0
switch abcdz
setjmp 5
sum 15
sorted 1 2 3 5 8 13 21
*/
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned ackermann(unsigned m, unsigned n)
{
	return !m ? n + 1 : ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static unsigned hanoi(unsigned n) { return n ? 2 * hanoi(n - 1) + 1 : 0; }
static int add(int a, int b) { return a + b; }
static int subtract(int a, int b) { return a - b; }
static int multiply(int a, int b) { return a * b; }
static int divide(int a, int b) { return a / b; }

__attribute__((noinline)) static char letter(volatile int n)
{
	switch (n) {
	case 0: return 'a';
	case 1: return 'b';
	case 2: return 'c';
	case 3: return 'd';
	case 4: return 'e';
	case 5: return 'f';
	default: return 'z';
	}
}

static jmp_buf back;
__attribute__((noinline)) static void deep(int n)
{
	if (!n)
		longjmp(back, 5);
	deep(n - 1);
	__asm__ volatile("");
}

static int sum(int n, ...)
{
	va_list list;
	int total = 0;

	va_start(list, n);
	while (n--)
		total += va_arg(list, int);
	va_end(list);
	return total;
}

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int main(void)
{
	int (*volatile table[])(int, int) = { add, subtract, multiply, divide };
	int values[] = { 8, 1, 21, 3, 13, 2, 5 };

	printf("ackermann %u\nfibonacci %u\nhanoi %u\npointers", ackermann(3, 4), fibonacci(21), hanoi(10));
	for (int i = 0; i < 4; i++)
		printf(" %d", table[i](1, 2));
	printf("\nswitch %c%c%c%c%c\n", letter(0), letter(1), letter(2), letter(3), letter(-9));
	int n = setjmp(back);
	if (!n)
		deep(20);
	printf("setjmp %d\nsum %d\nsorted", n, sum(5, 1, 2, 3, 4, 5));
	qsort(values, 7, sizeof *values, compare);
	for (int i = 0; i < 7; i++)
		printf(" %d", values[i]);
	putchar('\n');
	return 0;
}
