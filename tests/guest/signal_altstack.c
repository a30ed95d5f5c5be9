/* SPDX-License-Identifier: MIT */
/* Alternate signal stacks: their rules, handlers on them, and a stack overflow survived. */
/* expect:
none: disabled 1
too small: 1
bad flags: 1
handler on it: 1, SS_ONSTACK 1, change refused 1
nested handler stays: 1
afterwards: flags 0
without SA_ONSTACK: 0
autodisarm: disabled in handler 1, on stack 1, back 1
overflow caught: 3 times
disabled: 1
*/
#include "must.h"

#include <setjmp.h>
#include <sys/resource.h>

#define DISARM (1 << 31)

static char memory[65536] __attribute__((aligned(16)));
static volatile int on_stack, flags_in_handler, refused, nested_on_stack;
static sigjmp_buf out;

static int here_on_stack(void)
{
	char here;
	return &here >= memory && &here < memory + sizeof memory;
}

static void second(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	nested_on_stack = here_on_stack();
}

static void first(int sig, siginfo_t *info, void *context)
{
	stack_t now, other = { .ss_sp = memory, .ss_size = sizeof memory };
	(void)sig, (void)info, (void)context;

	on_stack = here_on_stack();
	MUST(sigaltstack(NULL, &now) == 0);
	flags_in_handler = now.ss_flags;
	refused = sigaltstack(&other, NULL) < 0 && errno == EPERM;
	raise(SIGUSR2);
}

static void overflow(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	if (here_on_stack())
		siglongjmp(out, 1);
	_Exit(2);
}

static void plain(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	on_stack = here_on_stack();
}

static void disarmed(int sig, siginfo_t *info, void *context)
{
	stack_t now;
	(void)sig, (void)info, (void)context;

	on_stack = here_on_stack();
	MUST(sigaltstack(NULL, &now) == 0);
	flags_in_handler = now.ss_flags;
}

__attribute__((noinline)) static int deep(volatile char *outer)
{
	volatile char room[4096];
	room[0] = outer[0];
	return room[0] ? 0 : deep(room) + room[0];
}

int main(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof memory }, now, bad = stack;
	volatile int caught = 0;

	MUST(sigaltstack(NULL, &now) == 0);
	printf("none: disabled %d\n", now.ss_flags == SS_DISABLE);
	bad.ss_size = 100;
	printf("too small: %d\n", sigaltstack(&bad, NULL) < 0 && errno == ENOMEM);
	bad = stack;
	bad.ss_flags = 77;
	printf("bad flags: %d\n", sigaltstack(&bad, NULL) < 0 && errno == EINVAL);

	MUST(sigaltstack(&stack, NULL) == 0);
	handle(SIGUSR1, first, SA_ONSTACK);
	handle(SIGUSR2, second, SA_ONSTACK);
	raise(SIGUSR1);
	printf("handler on it: %d, SS_ONSTACK %d, change refused %d\n", on_stack, flags_in_handler, refused);
	printf("nested handler stays: %d\n", nested_on_stack);
	MUST(sigaltstack(NULL, &now) == 0);
	printf("afterwards: flags %d\n", now.ss_flags);
	handle(SIGUSR1, plain, 0);
	raise(SIGUSR1);
	printf("without SA_ONSTACK: %d\n", on_stack);

	stack.ss_flags = DISARM;
	MUST(sigaltstack(&stack, NULL) == 0);
	handle(SIGUSR1, disarmed, SA_ONSTACK);
	raise(SIGUSR1);
	MUST(sigaltstack(NULL, &now) == 0);
	printf("autodisarm: disabled in handler %d, on stack %d, back %d\n", flags_in_handler == SS_DISABLE, on_stack,
	       now.ss_flags == DISARM && now.ss_sp == memory && now.ss_size == sizeof memory);

	stack.ss_flags = 0;
	MUST(sigaltstack(&stack, NULL) == 0);
	MUST(setrlimit(RLIMIT_STACK, &limit) == 0);
	handle(SIGSEGV, overflow, SA_ONSTACK);
	for (int i = 0; i < 3; i++)
		if (sigsetjmp(out, 1))
			caught++;
		else
			deep("");
	printf("overflow caught: %d times\n", caught);
	stack.ss_flags = SS_DISABLE;
	MUST(sigaltstack(&stack, NULL) == 0 && sigaltstack(NULL, &now) == 0);
	printf("disabled: %d\n", now.ss_flags == SS_DISABLE && now.ss_size == 0);
	return 0;
}
