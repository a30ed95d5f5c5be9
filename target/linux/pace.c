/* SPDX-License-Identifier: MIT */
/* Keeps timers from taking all of a guest's time.
 *
 * To take a signal costs the guest some 10 µs more than on a processor. A timer that rings every 10 µs would have the next one pending at the end of each handler, and the
 * program would never get on. So where a timer's signal comes soon after the program went on behind the last one, the host goes on blocking the signals of timers when the
 * guest opens its mask again, for a TURN or until the end of a system call. The kernel keeps one of each pending and counts the others, as it does for any thread that is
 * slow. That a timer's signal comes at a certain moment is nothing that a program can know. A system call is an end because the guest may have sent itself a signal with
 * the same number; one that sleeps is interrupted by the end of the turn.
 *
 * The end of the turn is a timer of ours, whose signal is a synchronous one: the host blocks none of these, and so no number is lost to the guest. */
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "target/linux/signal.h"

enum {
	TURN = 20000,                   /* ns that the program has for itself behind a handler */
	SOON = 2 * TURN,                /* ns: signals further from each other leave it time enough */
};

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
#ifndef SIGEV_THREAD_ID
#define SIGEV_THREAD_ID 4
#endif

static const char mark;                 /* what our timer's signals carry */

static bool of_timer(const siginfo_t *info)
{
	int sig = info->si_signo;

	return info->si_code == SI_TIMER || (info->si_code == SI_KERNEL && (sig == SIGALRM || sig == SIGVTALRM || sig == SIGPROF));
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* Sets the timer of the calling thread to NS, 0: off. False if there is none to be had. */
static bool set_timer(struct Task *task, long ns)
{
	struct Pace *pace = &task->pace;
	struct itimerspec value = { .it_value.tv_nsec = ns };

	if (!pace->has_timer) {
		struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGTRAP, .sigev_value.sival_ptr = (void *)&mark };
		event.sigev_notify_thread_id = host_syscall(SYS_gettid);
		pace->has_timer = host_syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &pace->timer) == 0;
	}
	return pace->has_timer && host_syscall(SYS_timer_settime, pace->timer, 0, &value, NULL) == 0;
}

void pace_signal_taken(struct Task *task, const siginfo_t *info)
{
	if (!of_timer(info))
		return;
	task->pace.timers |= signal_bit(info->si_signo);
	task->pace.taken |= signal_bit(info->si_signo);
	task->pace.fast = now() - task->pace.opened < SOON;
}

void pace_mask_opens(struct Task *task)
{
	struct Pace *pace = &task->pace;
	uint64_t opened = pace->taken & ~task->signal_mask;

	if (!opened)
		return;
	pace->taken &= ~opened;
	pace->opened = now();
	if (!pace->fast)
		return;
	pace->put_off = pace->timers;           /* before the timer is set: a turn may be over at once */
	if (!set_timer(task, TURN))
		pace->put_off = 0;
}

/* The mask of the guest in place of *MASK, if that is the guest's and what is put off: not while all are blocked. Nothing is put off any longer. */
static bool stop(struct Task *task, uint64_t *mask)
{
	bool had = *mask == signal_host_mask(task->signal_mask | task->pace.put_off);

	task->pace.put_off = 0;
	*mask = signal_host_mask(task->signal_mask);
	return had;
}

void pace_end(struct Task *task)
{
	uint64_t none = 0, mask = 0;

	if (!task->pace.put_off)
		return;
	set_timer(task, 0);
	host_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, &mask, sizeof mask);
	if (stop(task, &mask))
		host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

/* The end of the turn interrupts the call, which the signal that comes then is a reason for: without one pending, there is to be no turn. */
void pace_call_sleeps(struct Task *task)
{
	uint64_t pending = 0;

	if (!task->pace.put_off)
		return;
	host_syscall(SYS_rt_sigpending, &pending, sizeof pending);
	if (!(pending & task->pace.put_off))
		pace_end(task);
}

bool pace_rang(struct Task *task, const siginfo_t *info, void *ucontext)
{
	sigset_t *set = &((ucontext_t *)ucontext)->uc_sigmask;
	uint64_t mask;

	if (info->si_code != SI_TIMER || info->si_value.sival_ptr != &mark)
		return false;
	memcpy(&mask, set, sizeof mask);
	if (stop(task, &mask))
		memcpy(set, &mask, sizeof mask);
	return true;
}

void pace_drop(struct Task *task)
{
	if (task->pace.has_timer)
		host_syscall(SYS_timer_delete, task->pace.timer);
	task->pace = (struct Pace){ 0 };
}
