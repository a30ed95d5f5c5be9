/* SPDX-License-Identifier: MIT */
/* Memory faults: SIGSEGV and SIGBUS with their codes and addresses, repaired in the handler or left by a jump; calls return EFAULT. */
/* expect:
unmapped: signal 11 code 1 at its address
read-only: signal 11 code 2 at its address
none: signal 11 code 2 at its address
beyond the file: signal 7 code 2 at its address
wild: signal 11 code 1 at its address
execute: signal 11 code 2 at its address
jump to nothing: signal 11 code 1 at its address
store across pages: signal 11 code 2 at its address
repaired 100 pages
a call gets EFAULT
a partial read stops at the edge
*/
#include "must.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL

static sigjmp_buf back;
static siginfo_t got;
static char *window;
static volatile int repairs;
static volatile int *volatile wild = (int *)0x18;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	char *at = info->si_addr;
	got = *info;
	if (window && at >= window && at < window + 100 * PAGE) {
		MUST(mprotect((char *)((uintptr_t)at & -PAGE), PAGE, PROT_READ | PROT_WRITE) == 0);
		repairs++;
		return;
	}
	siglongjmp(back, sig);
}

static void report(const char *name, void *at)
{
	printf("%s: signal %d code %d at %s\n", name, got.si_signo, got.si_code, got.si_addr == at ? "its address" : "another address");
}

#define FAULT(name, at, ...) do { if (!sigsetjmp(back, 1)) { __VA_ARGS__; puts(name ": no fault"); } else report(name, at); } while (0)

int main(void)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("f", O_RDWR | O_CREAT, 0600), pair[2];

	handle(SIGSEGV, on_fault, 0);
	handle(SIGBUS, on_fault, 0);
	MUST(ftruncate(fd, PAGE) == 0);
	char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(munmap(p + 3 * PAGE, PAGE) == 0 && mprotect(p + 2 * PAGE, PAGE, PROT_NONE) == 0 && mprotect(p + PAGE, PAGE, PROT_READ) == 0);

	volatile char *v = p;
	FAULT("unmapped", p + 3 * PAGE + 5, (void)v[3 * PAGE + 5]);
	FAULT("read-only", p + PAGE + 9, v[PAGE + 9] = 1);
	FAULT("none", p + 2 * PAGE, (void)v[2 * PAGE]);
	FAULT("beyond the file", m + PAGE + 1, m[PAGE + 1] = 1);
	FAULT("wild", (void *)0x18, *wild = 1);
	FAULT("execute", p, ((void (*)(void))p)());
	FAULT("jump to nothing", (void *)0x1000, ((void (*)(void))0x1000)());
	struct { uint64_t value; } __attribute__((packed)) *split = (void *)(p + PAGE - 4);
	FAULT("store across pages", p + PAGE, *(volatile uint64_t *)&split->value = -1);

	window = mmap(NULL, 100 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;
	for (int i = 0; i < 100; i++) {
		((volatile long *)(window + i * PAGE))[i] += i;
		sum += ((volatile long *)(window + i * PAGE))[i];
	}
	MUST(sum == 4950);
	printf("repaired %d pages\n", repairs);

	MUST(pipe(pair) == 0 && write(pair[1], "abcdefgh", 8) == 8);
	MUST(read(pair[0], p + 3 * PAGE, 4) == -1 && errno == EFAULT && read(pair[0], p + PAGE, 4) == -1 && errno == EFAULT);
	MUST(write(pair[1], p + 2 * PAGE, 4) == -1 && errno == EFAULT);
	puts("a call gets EFAULT");
	MUST(pwrite(fd, "0123456789", 10, 0) == 10);
	ssize_t n = pread(fd, p + PAGE - 4, 10, 0);
	MUST((n == 4 || (n == -1 && errno == EFAULT)));
	puts("a partial read stops at the edge");
	return 0;
}
