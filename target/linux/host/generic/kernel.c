/* SPDX-License-Identifier: MIT */
/* System calls by way of the C library, for hosts without a folder of their own. A signal that arrives in the few instructions between the check of
 * host_syscall_blocking() and the kernel is delivered only when the call ends by itself. */
#include "target/linux/host/kernel.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "target/linux/task.h"

static long call(long number, va_list args)
{
	long a[6];

	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	return result == -1 ? -errno : result;
}

long host_syscall(long number, ...)
{
	va_list args;

	va_start(args, number);
	long result = call(number, args);
	va_end(args);
	return result;
}

long host_syscall_blocking(long number, ...)
{
	const volatile uint32_t *attention = task_attention();
	va_list args;

	if (*attention)
		return -GUEST_ERESTARTNOINTR;
	va_start(args, number);
	long result = call(number, args);
	va_end(args);
	return result == -EINTR && *attention ? -GUEST_ERESTARTSYS : result;
}

void kernel_break_off(void *ucontext)
{
	(void)ucontext;
}
