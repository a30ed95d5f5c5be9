/* SPDX-License-Identifier: MIT */
/* Pages of each protection, and a function whose code others change: tells of them by arguments of getpid that it does not have. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

int answer(void);
__asm__(".text\n.option push\n.option norvc\n.balign 8\n.globl answer\n.type answer, @function\nanswer:\tli a0, 1\n\tret\n.option pop");

int main(void)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before = answer();

	memset(p, 'a', PAGE);
	memset(p + PAGE, 'b', PAGE);
	memset(p + 2 * PAGE, 'c', PAGE);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	mprotect(p + 2 * PAGE, PAGE, PROT_READ);
	munmap(p + 3 * PAGE, PAGE);
	syscall(SYS_getpid, p, answer);
	mprotect(p + PAGE, PAGE, PROT_READ);
	printf("%d %d %c%c%c%c\n", before, answer(), p[PAGE - 1], p[PAGE], p[PAGE + 1], p[2 * PAGE]);
	return 0;
}
