/* SPDX-License-Identifier: MIT */
/* Faults: signal, code, address and program counter, each exact, and the program goes on where the handler says. */
/* expect:
load from nothing: SEGV_MAPERR, address 1, pc 1
store to nothing: SEGV_MAPERR, address 1, pc 1
load across into nothing: SEGV_MAPERR, address 1, pc 1
load without right: SEGV_ACCERR, address 1, pc 1
store without right: SEGV_ACCERR, address 1, pc 1
jump to nothing: SEGV_MAPERR, address 1, pc 1
jump to data: SEGV_ACCERR, address 1, pc 1
load behind the file: BUS_ADRERR, address 1, pc 1
store behind the file: BUS_ADRERR, address 1, pc 1
breakpoint: SIGTRAP, pc 1
illegal instruction: SIGILL, pc 1
kill: SIGSEGV SI_USER
made writable by the handler: 99
sum of 1000 faults: 1000
*/
#include "must.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__riscv)
#define LOAD(name) asm volatile(".option push\n.option norvc\n.globl " #name "_at, " #name "_on\n" #name "_at: ld %0, 0(%1)\n" #name "_on:\n.option pop" \
				: "=&r"(value) : "r"(at) : "memory")
#define STORE(name) asm volatile(".option push\n.option norvc\n.globl " #name "_at, " #name "_on\n" #name "_at: sd %0, 0(%1)\n" #name "_on:\n.option pop" \
				 : : "r"(value), "r"(at) : "memory")
#define PLAIN(name, text) asm volatile(".option push\n.option norvc\n.globl " #name "_at, " #name "_on\n" #name "_at: " text "\n" #name "_on:\n.option pop" \
				       : : : "memory")
#define JUMP "jr"
#define BREAK "ebreak"
#define ILLEGAL ".word 0xffffffff"
#else
#define LOAD(name) asm volatile(".globl " #name "_at, " #name "_on\n" #name "_at: movq (%1), %0\n" #name "_on:" : "=&r"(value) : "r"(at) : "memory")
#define STORE(name) asm volatile(".globl " #name "_at, " #name "_on\n" #name "_at: movq %0, (%1)\n" #name "_on:" : : "r"(value), "r"(at) : "memory")
#define PLAIN(name, text) asm volatile(".globl " #name "_at, " #name "_on\n" #name "_at: " text "\n" #name "_on:" : : : "memory")
#define JUMP "jmp *"
#define BREAK "int3"
#define ILLEGAL "ud2"
#endif

static volatile int sig_seen, code_seen, count;
static volatile uint64_t pc_seen, address_seen, resume;
static char *page_seen;

static void skip(int sig, siginfo_t *info, void *context)
{
	sig_seen = sig;
	code_seen = info->si_code;
	address_seen = (uintptr_t)info->si_addr;
	pc_seen = CONTEXT_PC(context);
	if (resume)
		CONTEXT_PC(context) = resume;
	count++;
}

static void permit(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	MUST(mprotect(page_seen, 4096, PROT_READ | PROT_WRITE) == 0);
}

static const char *name(void)
{
	if (sig_seen == SIGSEGV)
		return code_seen == SEGV_MAPERR ? "SEGV_MAPERR" : code_seen == SEGV_ACCERR ? "SEGV_ACCERR" : "SIGSEGV";
	if (sig_seen == SIGBUS)
		return code_seen == BUS_ADRERR ? "BUS_ADRERR" : "SIGBUS";
	return "?";
}

static void tell(const char *what, uint64_t address, uint64_t pc)
{
	printf("%s: %s, address %d, pc %d\n", what, name(), address_seen == address, pc_seen == pc);
}

#define EXTERN(name) extern char name##_at[], name##_on[];
EXTERN(load1) EXTERN(load2) EXTERN(load3) EXTERN(load4) EXTERN(store1) EXTERN(store2) EXTERN(store3) EXTERN(breakpoint) EXTERN(illegal)

__attribute__((noinline)) static void jump_to(void *target)
{
	extern char jump_on[];
	resume = (uintptr_t)jump_on;
	asm volatile(JUMP " %0\n.globl jump_on\njump_on:" : : "r"(target) : "memory");
}

int main(void)
{
	char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;
	char *lone = pages + 4096;
	long value = 99;
	FILE *file = tmpfile();

	MUST(pages != MAP_FAILED && file && ftruncate(fileno(file), 100) == 0);
	char *mapped = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	MUST(munmap(lone + 4096, 4096) == 0 && munmap(pages, 4096) == 0 && mapped != MAP_FAILED);
	handle(SIGSEGV, skip, 0);
	handle(SIGBUS, skip, 0);
	handle(SIGTRAP, skip, 0);
	handle(SIGILL, skip, 0);

	at = lone + 4096 + 24;
	resume = (uintptr_t)load1_on;
	LOAD(load1);
	tell("load from nothing", (uintptr_t)at, (uintptr_t)load1_at);
	resume = (uintptr_t)store1_on;
	STORE(store1);
	tell("store to nothing", (uintptr_t)at, (uintptr_t)store1_at);
	at = lone + 4096 - 3;
	resume = (uintptr_t)load2_on;
	LOAD(load2);
	tell("load across into nothing", (uintptr_t)lone + 4096, (uintptr_t)load2_at);
	MUST(mprotect(lone, 4096, PROT_NONE) == 0);
	at = lone + 8;
	resume = (uintptr_t)load3_on;
	LOAD(load3);
	tell("load without right", (uintptr_t)at, (uintptr_t)load3_at);
	MUST(mprotect(lone, 4096, PROT_READ) == 0);
	resume = (uintptr_t)store2_on;
	value = 99;
	STORE(store2);
	tell("store without right", (uintptr_t)at, (uintptr_t)store2_at);
	jump_to(lone + 4096 + 64);
	tell("jump to nothing", (uintptr_t)lone + 4096 + 64, (uintptr_t)lone + 4096 + 64);
	jump_to(lone + 16);
	tell("jump to data", (uintptr_t)lone + 16, (uintptr_t)lone + 16);
	at = mapped + 4096 + 8;
	resume = (uintptr_t)load4_on;
	LOAD(load4);
	tell("load behind the file", (uintptr_t)at, (uintptr_t)load4_at);
	resume = (uintptr_t)store3_on;
	value = 99;
	STORE(store3);
	tell("store behind the file", (uintptr_t)at, (uintptr_t)store3_at);

	resume = (uintptr_t)breakpoint_on;
	PLAIN(breakpoint, BREAK);
	/* x86-64 stands behind the instruction, others on it */
	printf("breakpoint: %s, pc %d\n", sig_seen == SIGTRAP ? "SIGTRAP" : "?", pc_seen == (uintptr_t)breakpoint_at || pc_seen == (uintptr_t)breakpoint_at + 1);
	resume = (uintptr_t)illegal_on;
	PLAIN(illegal, ILLEGAL);
	printf("illegal instruction: %s, pc %d\n", sig_seen == SIGILL ? "SIGILL" : "?", pc_seen == (uintptr_t)illegal_at);
	resume = 0;
	kill(getpid(), SIGSEGV);
	printf("kill: %s %s\n", sig_seen == SIGSEGV ? "SIGSEGV" : "?", code_seen == SI_USER ? "SI_USER" : "?");

	page_seen = lone;
	handle(SIGSEGV, permit, 0);
	*(volatile long *)(lone + 8) = 99;
	printf("made writable by the handler: %ld\n", *(long *)(lone + 8));
	handle(SIGSEGV, skip, 0);
	count = 0;
	at = lone + 4096;
	for (int i = 0; i < 1000; i++) {
		extern int again(char *at);
		again(at);
	}
	printf("sum of 1000 faults: %d\n", count);
	return 0;
}

__attribute__((noinline)) int again(char *at)
{
	extern char again_on[];
	long value;
	resume = (uintptr_t)again_on;
	LOAD(again);
	return (int)value;
}
