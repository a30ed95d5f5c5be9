/* SPDX-License-Identifier: MIT */
/* Locks over a fork: the child has one thread, so none of them may be another's there. */
#ifndef FORERUN_FORK_H
#define FORERUN_FORK_H

#include <pthread.h>
#include <stdbool.h>

/* From now on LOCK is held while the process forks, after those that were named later, and free in parent and child when that is done. IN_CHILD, unless it is NULL, runs in the
 * child while it is held. From a constructor, a few at the most. */
void fork_keeps(pthread_mutex_t *lock, void (*in_child)(void));

/* What fork() of the C library does about these locks, for a process that the kernel's own call makes. CHILD: in the child. */
void fork_prepare(void);
void fork_done(bool child);

#endif
