/* SPDX-License-Identifier: MIT */
/* Futexes and what belongs to them. Guest memory is host memory and guest threads are host threads, so words, owners, robust lists and priority inheritance
 * are the host kernel's business: a thread that ends has its list walked by the kernel before its tid is cleared. */
#include <errno.h>
#include <stddef.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "target/linux/mm.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Whether VAL2, where the timeout stands, is a count. */
static bool counts(int operation)
{
	switch (operation & FUTEX_CMD_MASK) {
	case FUTEX_REQUEUE: case FUTEX_CMP_REQUEUE: case FUTEX_WAKE_OP: case FUTEX_CMP_REQUEUE_PI:
		return true;
	default:
		return false;
	}
}

/* The kernel changes the word at a[0] or a[4] of some operations, which fails while the page holds translated code: the dispatcher then makes such pages writable
 * and repeats the call. */
int64_t sys_futex(struct Cpu *cpu, const uint64_t a[6])
{
	int operation = (int)a[1];
	(void)cpu;

	if (counts(operation))
		return host_syscall(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
	return host_syscall_blocking(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int64_t sys_futex_waitv(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return host_syscall_blocking(SYS_futex_waitv, a[0], a[1], a[2], a[3], a[4]);
}

int64_t sys_set_robust_list(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return host_syscall(SYS_set_robust_list, a[0], a[1]);
}

int64_t sys_get_robust_list(struct Cpu *cpu, const uint64_t a[6])
{
	uint64_t head, length;
	(void)cpu;

	long result = host_syscall(SYS_get_robust_list, a[0], &head, &length);
	if (result == 0 && !(guest_write(a[2], &length, sizeof length) && guest_write(a[1], &head, sizeof head)))
		return -EFAULT;
	return result;
}

/* Restartable sequences cannot be kept in translated code: a kernel without them. */
int64_t sys_rseq(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu, (void)a;
	return -ENOSYS;
}

/* Barriers between threads are the host's. Those for restartable sequences go with rseq; those that serialise instruction fetch this kernel does not offer, as riscv's
 * did not for long. */
int64_t sys_membarrier(struct Cpu *cpu, const uint64_t a[6])
{
	static const unsigned offered = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED |
					MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	unsigned command = (unsigned)a[0];
	(void)cpu;

	if (command & ~offered)
		return -EINVAL;
	long result = host_syscall(SYS_membarrier, a[0], a[1], a[2]);
	return command == MEMBARRIER_CMD_QUERY && result > 0 ? result & offered : result;
}
