/* SPDX-License-Identifier: MIT */
/* System calls that wait for several descriptors, with a signal mask of their own, and epoll's structures. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "target/linux/mm.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

/* struct epoll_event of all machines but x86-64, where the host's is packed. */
struct GuestEpollEvent {
	uint32_t events, pad;
	uint64_t data;
};
_Static_assert(sizeof(struct GuestEpollEvent) == 16, "struct epoll_event");

enum { SIGSET_SIZE = 8 };

/* Reads the guest's signal set at ADDR: 0 or -errno. *GIVEN: there is one. */
static int64_t read_mask(uint64_t addr, uint64_t size, uint64_t *mask, bool *given)
{
	*given = addr;
	if (!addr)
		return 0;
	if (size != SIGSET_SIZE)
		return -EINVAL;
	return guest_read(mask, addr, sizeof(*mask)) ? 0 : -EFAULT;
}

int64_t sys_ppoll(struct Cpu *cpu, const uint64_t a[6])
{
	uint64_t mask, host_mask;
	bool given;
	int64_t result = read_mask(a[3], a[4], &mask, &given);
	if (result)
		return result;
	mm_unprotect(a[0], a[1] < INT_MAX ? a[1] * 8 : 0);
	if (!given)
		return host_syscall_blocking(SYS_ppoll, a[0], a[1], a[2], NULL, SIGSET_SIZE);
	if (!task_mask_begin(cpu->task, mask, &host_mask))
		return -GUEST_ERESTARTNOINTR;
	result = host_syscall_blocking(SYS_ppoll, a[0], a[1], a[2], &host_mask, SIGSET_SIZE);
	return task_mask_end(cpu->task, result);
}

int64_t sys_pselect6(struct Cpu *cpu, const uint64_t a[6])
{
	struct { uint64_t set, size; } pair = { 0, 0 };
	uint64_t mask, host_mask;
	bool given;
	if (a[5] && !guest_read(&pair, a[5], sizeof(pair)))
		return -EFAULT;
	int64_t result = read_mask(pair.set, pair.size, &mask, &given);
	if (result)
		return result;
	if (!given)
		return host_syscall_blocking(SYS_pselect6, (int)a[0], a[1], a[2], a[3], a[4], NULL);
	if (!task_mask_begin(cpu->task, mask, &host_mask))
		return -GUEST_ERESTARTNOINTR;
	pair.set = (uint64_t)&host_mask;
	result = host_syscall_blocking(SYS_pselect6, (int)a[0], a[1], a[2], a[3], a[4], &pair);
	return task_mask_end(cpu->task, result);
}

int64_t sys_epoll_ctl(struct Cpu *cpu, const uint64_t a[6])
{
	struct GuestEpollEvent from;
	struct epoll_event event;
	(void)cpu;
	if (a[1] == EPOLL_CTL_DEL)
		return host_syscall(SYS_epoll_ctl, (int)a[0], (int)a[1], (int)a[2], NULL);
	if (!guest_read(&from, a[3], sizeof(from)))
		return -EFAULT;
	event.events = from.events;
	event.data.u64 = from.data;
	return host_syscall(SYS_epoll_ctl, (int)a[0], (int)a[1], (int)a[2], &event);
}

/* TIMEOUT: milliseconds, or a timespec's guest address if PRECISE. */
static int64_t epoll_wait_masked(struct Task *task, const uint64_t a[6], bool precise)
{
	enum { EVENTS_MAX = 4096 };     /* at a time: the guest asks again for the rest */
	int max = (int)a[2];
	uint64_t mask, host_mask = 0;
	bool given;
	int64_t result = read_mask(a[4], a[5], &mask, &given);
	if (result)
		return result;
	if (max <= 0 || max > INT_MAX / 16)
		return -EINVAL;
	if (max > EVENTS_MAX)
		max = EVENTS_MAX;
	struct epoll_event few[64], *events = max <= 64 ? few : malloc(max * sizeof(*events));
	if (!events)
		return -ENOMEM;
	struct timespec timeout, *wait = NULL;
	if (precise && a[3]) {
		wait = &timeout;
		if (!guest_read(wait, a[3], sizeof(*wait))) {
			result = -EFAULT;
			goto out;
		}
	}
	if (given && !task_mask_begin(task, mask, &host_mask)) {
		result = -GUEST_ERESTARTNOINTR;
		goto out;
	}
	result = precise ? host_syscall_blocking(SYS_epoll_pwait2, (int)a[0], events, max, wait, given ? &host_mask : NULL, SIGSET_SIZE) :
			   host_syscall_blocking(SYS_epoll_pwait, (int)a[0], events, max, (int)a[3], given ? &host_mask : NULL, SIGSET_SIZE);
	if (given)
		result = task_mask_end(task, result);
	for (int64_t i = 0; i < result; i++) {
		struct GuestEpollEvent to = { .events = events[i].events, .data = events[i].data.u64 };
		if (!guest_write(a[1] + i * sizeof(to), &to, sizeof(to))) {
			result = i ? i : -EFAULT;
			break;
		}
	}
out:
	if (events != few)
		free(events);
	return result;
}

int64_t sys_epoll_pwait(struct Cpu *cpu, const uint64_t a[6])
{
	return epoll_wait_masked(cpu->task, a, false);
}

int64_t sys_epoll_pwait2(struct Cpu *cpu, const uint64_t a[6])
{
	return epoll_wait_masked(cpu->task, a, true);
}

int64_t sys_signalfd4(struct Cpu *cpu, const uint64_t a[6])
{
	uint64_t mask;
	(void)cpu;
	if (a[2] != SIGSET_SIZE)
		return -EINVAL;
	if (!guest_read(&mask, a[1], sizeof(mask)))
		return -EFAULT;
	mask = signal_host_mask(mask);
	return host_syscall(SYS_signalfd4, (int)a[0], &mask, SIGSET_SIZE, (int)a[3]);
}
