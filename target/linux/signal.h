/* SPDX-License-Identifier: MIT */
/* What the files of guest signals and processes share; everybody else needs task.h alone. */
#ifndef FORERUN_LINUX_SIGNAL_H
#define FORERUN_LINUX_SIGNAL_H

#include <pthread.h>

#include "target/linux/task.h"

enum {
	SIGNALS = 64,
	AUTODISARM = 1u << 31,          /* SS_AUTODISARM of the kernel: a flag of sigaltstack() */
};

static inline uint64_t signal_bit(int sig) { return 1ull << (sig - 1); }

/* Those that a processor raises: the host never blocks them. */
#define SYNCHRONOUS_SIGNALS (1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) | 1ull << (SIGILL - 1) | 1ull << (SIGTRAP - 1))
#define UNBLOCKABLE_SIGNALS (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))

static inline bool signal_synchronous(int sig) { return SYNCHRONOUS_SIGNALS >> (sig - 1) & 1; }

/* The guest has sent SIGABRT by a system call, to itself perhaps. Any thread. */
extern volatile bool signal_guest_aborts;

struct SignalAction {
	uint64_t handler;               /* guest address; 0: default, 1: ignore */
	uint64_t flags, mask;
};

/* The actions of a process. Counted: tasks made with CLONE_SIGHAND share one. */
struct SignalActions {
	pthread_mutex_t lock;           /* a leaf; taken with all signals blocked */
	unsigned users;
	struct SignalAction of[SIGNALS + 1];
};

struct SignalActions *signal_actions_share(struct SignalActions *actions);
struct SignalActions *signal_actions_copy(struct SignalActions *actions);
void signal_actions_drop(struct SignalActions *actions);
/* Sets the action of SIG for guest and host, gives back the old one in *OLD. Signals blocked. */
void signal_actions_set(struct SignalActions *actions, int sig, const struct SignalAction *new, struct SignalAction *old);
/* Handlers become the default, ignored signals stay so (CLONE_CLEAR_SIGHAND), and the host is told of all actions anew. */
void signal_actions_clear(struct SignalActions *actions);
/* Takes back the signals that the C library keeps from its users: after it has made a thread. */
void signal_actions_reclaim(struct SignalActions *actions);

/* Blocks all signals and tells whether the calling system call may go on to change the mask; false: a captured signal is to be delivered first, return -GUEST_ERESTARTNOINTR. */
bool signal_hold(struct Task *task);
/* Takes away the lowest held synchronous signal of SET into *INFO; false if there is none. */
bool signal_take_held(struct Task *task, uint64_t set, siginfo_t *info);
/* The kernel's force_sig_info(): the guest's action for INFO at once, death if it is blocked, ignored or default. Signals blocked. */
void signal_force(struct Task *task, const siginfo_t *info);
/* Timers that ring faster than the guest can take their signals, pace.c. The signal of one is delivered, a frame for it is built: */
void pace_signal_taken(struct Task *task, const siginfo_t *info);
/* The mask is about to be opened to that of the guest: looks which signals are to be put off. */
void pace_mask_opens(struct Task *task);
/* A system call that may sleep is about to be made. */
void pace_call_sleeps(struct Task *task);
/* Nothing is put off any longer, and the host is told if it has the guest's mask now. Not in a signal handler. */
void pace_end(struct Task *task);
/* In the host's handler of synchronous signals: whether INFO says that signals have been put off for long enough, which then ends with the handler. */
bool pace_rang(struct Task *task, const siginfo_t *info, void *ucontext);
/* The task ends: gives the host's timer back. Its own thread. */
void pace_drop(struct Task *task);

/* sigaltstack()'s second half: 0 or -errno. signal_calls.c */
int64_t signal_set_stack(struct Task *task, const stack_t *stack);
/* Whether SP lies on the alternate stack in force. */
bool signal_on_stack(const struct Task *task, uint64_t sp);

#endif
