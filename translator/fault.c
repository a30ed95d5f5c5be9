/* SPDX-License-Identifier: MIT */
/* Host faults: those of translated code become guest exceptions, those of guarded copies become failures, the rest is a crash. */
#include "translator/fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "instrument/probe.h"
#include "translator/cpus.h"
#include "translator/translate.h"

enum { ALT_STACK_SIZE = 64 << 10 };

bool (*fault_foreign)(int sig, siginfo_t *info, void *ucontext);

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

/* -- translated code ------------------------------------------------------------------------------------------------ */

/* A fault at host PC while CPU is in Host.enter. True if it was the guest's, and has been turned into its exception. */
static bool translated_fault(struct Cpu *cpu, int sig, siginfo_t *info, void *ucontext)
{
	const void *pc = ucontext_pc(ucontext);
	const struct Block *block = NULL;

	if (host->is_jit) {
		if (!cache_has_code(pc))
			return false;
		block = cache_find_code(pc);
	}
	if (sig != SIGSEGV && sig != SIGBUS)
		return false;
	if (cpus_in_poll_page(cpu, info->si_addr))
		return host->recover(cpu, block, ucontext, CAUSE_INTERRUPT);
	if (host->inlined && host->inlined(block, pc))
		return false;
	uint64_t addr = (uintptr_t)info->si_addr;
	if (sig == SIGSEGV && info->si_code == SEGV_ACCERR && cpu->env->code_written(cpu, addr))
		return true;
	cpu->fault_addr = addr;
	cpu->fault_signal = sig;
	cpu->fault_code = info->si_code;
	return host->recover(cpu, block, ucontext, CAUSE_FAULT_LOAD);
}

bool fault_handle(int sig, siginfo_t *info, void *ucontext)
{
	struct Cpu *cpu = cpu_current();

	if (!cpu || info->si_code <= 0)
		return false;
	/* in translated code, or in C code that it calls under its own control register */
	if (cpu->running && sig == SIGFPE && host->fp_trap && host->fp_trap(cpu, ucontext))
		return true;
	if (cpu->running && translated_fault(cpu, sig, info, ucontext))
		return true;
	if (cpu->recover && (sig == SIGSEGV || sig == SIGBUS)) {
		cpu->fault_addr = (uintptr_t)info->si_addr;
		cpu->fault_signal = sig;
		cpu->fault_code = info->si_code;
		siglongjmp(*cpu->recover, 1);
	}
	return false;
}

static void handler(int sig, siginfo_t *info, void *ucontext)
{
	if (fault_handle(sig, info, ucontext))
		return;
	if (info->si_code <= 0 && fault_foreign && fault_foreign(sig, info, ucontext))
		return;
	instrument_crash(sig, info->si_addr, ucontext, cpu_current());
}

void fault_init(void)
{
	/* It is left by jumps too: nothing may be blocked in it. One sent from outside may interrupt a call that is to be restarted. */
	struct KernelAction action = { .handler = handler, .flags = SA_ONSTACK | SA_NODEFER | SA_RESTART };

	for (unsigned i = 0; i < sizeof fault_signals / sizeof *fault_signals; i++)
		kernel_sigaction(fault_signals[i], &action, NULL);
}

static void free_stack(void *stack)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	sigaltstack(&off, NULL);
	munmap(stack, ALT_STACK_SIZE);
}

static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	pthread_key_create(&stack_key, free_stack);
}

void fault_thread_init(void)
{
	stack_t stack;

	if (sigaltstack(NULL, &stack) == 0 && !(stack.ss_flags & SS_DISABLE))
		return;
	stack = (stack_t){
		.ss_sp = mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		.ss_size = ALT_STACK_SIZE,
	};
	if (stack.ss_sp == MAP_FAILED || sigaltstack(&stack, NULL) != 0)
		abort();
	pthread_once(&stack_once, make_key);
	pthread_setspecific(stack_key, stack.ss_sp);
}

/* -- guarded copies -------------------------------------------------------------------------------------------------- */

#ifdef FORERUN_SANITIZED
/* The sanitizer's memcpy() judges addresses, and those of a guest may be anything. */
__attribute__((no_sanitize("address", "undefined"))) static void copy(void *to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((volatile char *)to)[i] = ((const volatile char *)from)[i];
}
#else
#define copy memcpy
#endif

/* Copies with faults guarded. The copy is repeated when the fault was a write to a page that the translator watches. */
static bool guarded_copy(void *to, const void *from, size_t len, bool writes_guest)
{
	struct Cpu *cpu = cpu_current();
	sigjmp_buf *outer = cpu->recover, here;
	volatile bool ok = false;

	while (sigsetjmp(here, 0)) {
		cpu->recover = outer;
		if (!writes_guest || !cpu->env->code_written(cpu, cpu->fault_addr))
			return false;
	}
	cpu->recover = &here;
	copy(to, from, len);
	ok = true;
	cpu->recover = outer;
	return ok;
}

bool guest_read(void *to, uint64_t from, size_t len)
{
	return guarded_copy(to, (const void *)(uintptr_t)from, len, false);
}

bool guest_write(uint64_t to, const void *from, size_t len)
{
	return guarded_copy((void *)(uintptr_t)to, from, len, true);
}

int64_t guest_strnlen(uint64_t addr, size_t max)
{
	struct Cpu *cpu = cpu_current();
	sigjmp_buf *outer = cpu->recover, here;

	if (sigsetjmp(here, 0)) {
		cpu->recover = outer;
		return -1;
	}
	cpu->recover = &here;
	size_t length = strnlen((const char *)(uintptr_t)addr, max);
	cpu->recover = outer;
	return length < max ? (int64_t)length : -1;
}
