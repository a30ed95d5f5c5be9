/* SPDX-License-Identifier: MIT */
/* System calls on memory: thin over mm.h. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "target/linux/mm.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

int64_t sys_brk(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_brk(a[0]);
}

int64_t sys_mmap(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_mmap(a[0], a[1], a[2], a[3], a[4], a[5]);
}

int64_t sys_munmap(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_munmap(a[0], a[1]);
}

int64_t sys_mprotect(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_mprotect(a[0], a[1], a[2]);
}

int64_t sys_pkey_mprotect(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return (int)a[3] == -1 ? mm_mprotect(a[0], a[1], a[2]) : -EINVAL;
}

int64_t sys_mremap(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_mremap(a[0], a[1], a[2], a[3], a[4]);
}

int64_t sys_madvise(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_madvise(a[0], a[1], a[2]);
}

int64_t sys_mincore(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	if (a[0] % MM_PAGE)
		return -EINVAL;
	if (a[1] && !mm_owns(a[0], (a[1] + MM_PAGE - 1) & ~(uint64_t)(MM_PAGE - 1)))
		return -ENOMEM;
	return host_syscall(SYS_mincore, a[0], a[1], a[2]);
}

int64_t sys_shmat(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_shmat(a[0], a[1], a[2]);
}

int64_t sys_shmdt(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return mm_shmdt(a[0]);
}

/* The guest has written instructions, by another mapping of the same memory if we have not seen it. The kernel flushes all, whatever the range; we take it for that of
 * either mapping. */
int64_t sys_riscv_flush_icache(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	if (a[2] & ~1ull)
		return -EINVAL;
	if (a[1] > a[0])
		mm_for_each_alias(a[0], a[1], cache_refresh);
	else
		cache_refresh(0, UINT64_MAX);
	return 0;
}

int64_t sys_riscv_hwprobe(struct Cpu *cpu, const uint64_t a[6])
{
	const struct LinuxAbi *abi = cpu->guest->linux_abi;
	return abi->arch_syscall ? abi->arch_syscall(cpu, abi->syscall_number(cpu), a) : -ENOSYS;
}
