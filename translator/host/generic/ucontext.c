/* SPDX-License-Identifier: MIT */
/* Host signals where no more is known of the machine than the C library tells: no program counter, and signals 32 and 33 stay the C library's. */
#include <errno.h>
#include <string.h>

#include "translator/fault.h"

const void *ucontext_pc(const void *ucontext)
{
	(void)ucontext;
	return NULL;
}

int kernel_sigaction(int sig, const struct KernelAction *new, struct KernelAction *old)
{
	struct sigaction set = { .sa_flags = 0 }, got;

	if (new) {
		set.sa_sigaction = new->handler;
		set.sa_flags = (int)(new->flags | SA_SIGINFO) & ~SA_RESTART;
		sigemptyset(&set.sa_mask);
		memcpy(&set.sa_mask, &new->mask, sizeof new->mask);
	}
	if (sigaction(sig, new ? &set : NULL, old ? &got : NULL) != 0)
		return -errno;
	if (old) {
		*old = (struct KernelAction){ .handler = got.sa_sigaction, .flags = got.sa_flags };
		memcpy(&old->mask, &got.sa_mask, sizeof old->mask);
	}
	return 0;
}
