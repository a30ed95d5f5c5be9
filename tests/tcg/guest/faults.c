/* SPDX-License-Identifier: MIT */
/* A program that handles its own fault and goes on behind it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.__gregs[0] += 4;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	__asm__ volatile(".option push\n.option norvc\nsd zero, 0(zero)\n.option pop" ::: "memory");
	puts("behind");
	return 0;
}
