/* SPDX-License-Identifier: MIT */
/* What the files of guest processes and threads share: process.c, thread.c, clone.c, exec.c; everybody else needs task.h alone. */
#ifndef FORERUN_LINUX_PROCESS_H
#define FORERUN_LINUX_PROCESS_H

#include "target/linux/task.h"

/* A copy of PARENT for a new guest thread or process: registers, mask, with a cpu of its own. ACTIONS has been counted for it. In no list yet. */
struct Task *task_copy(struct Task *parent, struct SignalActions *actions);
/* Frees a task that is in no list, its cpu and its use of its actions. */
void task_free(struct Task *task);

/* Adds to and removes from the list of the process's tasks. task_leave() returns true if it was the last. Signals blocked. */
void task_join(struct Task *task);
bool task_leave(struct Task *task);
/* Tells plugins that the vcpu ends, unless it is the process's only one: its end is that of the process. On the task's thread, before task_leave(). */
void task_tell_end(struct Task *task);

/* The end of a task whose cpu_run() has returned: of the thread, or with the last one the process. */
void task_end(struct Task *task);

/* What plugins, -d stats and log have to say before the process ends or executes another program. No cpu runs guest code any more. */
void process_report(void);
/* Where a task waits that is to run no more guest code; comes back only if process_resume_other_tasks() is called. Signals blocked. */
void process_park(struct Task *task);
/* Takes process_stop_other_tasks() back: the exec failed. */
void process_resume_other_tasks(void);

/* Round fork(): holds all locks of target/linux, translator and log. CHILD after it in the child, where TASK is the only one. */
void process_fork_prepare(struct Task *task);
void process_fork_done(struct Task *task, bool child);

/* Notes where forerun is and what it passes on to the programs that the guest executes; once. */
struct LinuxOptions;
void exec_init(const struct LinuxOptions *options);
void exec_free(struct Exec *exec);

/* Stacks of host threads and of processes that share our memory. */
enum { HOST_STACK_SIZE = 1 << 20 };
struct HostStack {
	void *base;                     /* HOST_STACK_SIZE bytes above a guard page */
	pid_t tid;                      /* the thread that was seen last on it: reused when it is gone */
	struct HostStack *next;
};
struct HostStack *host_stack_take(void);        /* NULL: no memory */
void host_stack_give(struct HostStack *stack, pid_t tid);       /* TID 0: nobody runs on it any more */

#endif
