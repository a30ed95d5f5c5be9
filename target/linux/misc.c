/* SPDX-License-Identifier: MIT */
/* System calls that tell of the machine and the process: uname, limits, prctl, and System V semaphores' one structure of their own. */
#include <errno.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "target/linux/mm.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

/* Names newer than this machine's headers may be. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_RISCV_V_SET_CONTROL
#define PR_RISCV_V_SET_CONTROL 69
#define PR_RISCV_V_GET_CONTROL 70
#endif
#ifndef PR_RISCV_SET_ICACHE_FLUSH_CTX
#define PR_RISCV_SET_ICACHE_FLUSH_CTX 71
#endif

int64_t sys_uname(struct Cpu *cpu, const uint64_t a[6])
{
	struct utsname name;
	if (uname(&name) < 0)
		return -errno;
	memset(name.machine, 0, sizeof(name.machine));
	snprintf(name.machine, sizeof(name.machine), "%s", cpu->guest->linux_abi->machine);
	return guest_write(a[0], &name, sizeof(name)) ? 0 : -EFAULT;
}

int64_t sys_restart_syscall(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu, (void)a;
	return -EINTR;          /* nothing to restart: interrupted calls go back onto their own instruction */
}

/* -- limits ---------------------------------------------------------------------------------------------------------------- */

/* Limits of the address space would hit forerun's code cache before the guest: what the guest sets of them is remembered and told again, not enforced. */
static const int kept_resources[] = { RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK };
static struct rlimit kept[3];
static bool kept_set[3];
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

void limit_fork_prepare(void) { pthread_mutex_lock(&kept_lock); }
void limit_fork_done(void) { pthread_mutex_unlock(&kept_lock); }

static int kept_index(uint64_t resource)
{
	for (unsigned i = 0; i < 3; i++)
		if (resource == (uint64_t)kept_resources[i])
			return i;
	return -1;
}

static int64_t limits(pid_t pid, uint64_t resource, uint64_t new_addr, uint64_t old_addr)
{
	struct rlimit new, old;
	int index = pid == 0 || pid == getpid() ? kept_index(resource) : -1;
	if (new_addr && !guest_read(&new, new_addr, sizeof(new)))
		return -EFAULT;
	if (index < 0) {
		int64_t result = host_syscall(SYS_prlimit64, pid, (int)resource, new_addr ? &new : NULL, old_addr ? &old : NULL);
		return result || !old_addr ? result : guest_write(old_addr, &old, sizeof(old)) ? 0 : -EFAULT;
	}
	int64_t result = host_syscall(SYS_prlimit64, 0, (int)resource, NULL, &old);
	if (result)
		return result;
	pthread_mutex_lock(&kept_lock);
	if (kept_set[index])
		old = kept[index];
	if (new_addr) {
		if (new.rlim_cur > new.rlim_max)
			result = -EINVAL;
		else if (new.rlim_max > old.rlim_max && geteuid())
			result = -EPERM;
		else
			kept[index] = new, kept_set[index] = true;
	}
	pthread_mutex_unlock(&kept_lock);
	if (!result && old_addr && !guest_write(old_addr, &old, sizeof(old)))
		result = -EFAULT;
	return result;
}

uint64_t limit_of_stack(void)
{
	int index = kept_index(RLIMIT_STACK);
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	pthread_mutex_lock(&kept_lock);
	if (kept_set[index])
		limit = kept[index];
	else
		getrlimit(RLIMIT_STACK, &limit);
	pthread_mutex_unlock(&kept_lock);
	return limit.rlim_cur;
}

void limit_pass_on(void)
{
	int index = kept_index(RLIMIT_STACK);

	if (kept_set[index])
		setrlimit(RLIMIT_STACK, &kept[index]);
}

int64_t sys_prlimit64(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return limits(a[0], a[1], a[2], a[3]);
}

int64_t sys_getrlimit(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return limits(0, a[0], 0, a[1]);
}

int64_t sys_setrlimit(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return a[1] ? limits(0, a[0], a[1], 0) : -EFAULT;
}

/* -- prctl ------------------------------------------------------------------------------------------------------------------ */

int64_t sys_prctl(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	switch ((int)a[0]) {
	/* would change what forerun itself may do, or are of another processor */
	case PR_SET_SECCOMP:
	case PR_GET_SECCOMP:
	case PR_SET_MM:
	case PR_SET_TSC:
	case PR_GET_TSC:
	case PR_SET_SYSCALL_USER_DISPATCH:
	case PR_SET_MDWE:
	case PR_GET_MDWE:
	case PR_RISCV_V_SET_CONTROL:
	case PR_RISCV_V_GET_CONTROL:
	case PR_SET_FPEMU:
	case PR_GET_FPEMU:
	case PR_SET_FPEXC:
	case PR_GET_FPEXC:
	case PR_SET_ENDIAN:
	case PR_GET_ENDIAN:
	case PR_SET_UNALIGN:
	case PR_GET_UNALIGN:
		return -EINVAL;
	case PR_RISCV_SET_ICACHE_FLUSH_CTX:
		return 0;       /* translations follow the memory, whatever thread writes it */
	default:
		return host_syscall(SYS_prctl, (int)a[0], a[1], a[2], a[3], a[4]);
	}
}

/* -- semaphores -------------------------------------------------------------------------------------------------------------- */

/* semid64_ds of asm-generic; x86-64 has a spare word behind each time. */
struct GuestSemid {
	struct ipc_perm perm;
	int64_t otime, ctime;
	uint64_t nsems, unused[2];
};
_Static_assert(sizeof(struct ipc_perm) == 48 && sizeof(struct GuestSemid) == 88, "semid64_ds of asm-generic");

int64_t sys_semctl(struct Cpu *cpu, const uint64_t a[6])
{
	int command = (int)a[2] & ~0x100;       /* IPC_64 */
	struct semid_ds host = { 0 };
	struct GuestSemid guest = { 0 };
	bool set = command == IPC_SET, get = command == IPC_STAT || command == SEM_STAT || command == 20 /* SEM_STAT_ANY */;
	(void)cpu;
	if (!set && !get)
		return host_syscall(SYS_semctl, (int)a[0], (int)a[1], command, a[3]);
	if (set) {
		if (!guest_read(&guest, a[3], sizeof(guest)))
			return -EFAULT;
		host.sem_perm = guest.perm;
	}
	int64_t result = host_syscall(SYS_semctl, (int)a[0], (int)a[1], command, &host);
	if (result < 0 || set)
		return result;
	guest = (struct GuestSemid){ .perm = host.sem_perm, .otime = host.sem_otime, .ctime = host.sem_ctime, .nsems = host.sem_nsems };
	return guest_write(a[3], &guest, sizeof(guest)) ? result : -EFAULT;
}
