/* SPDX-License-Identifier: MIT */
/* Which locks are held over a fork. */
#include "instrument/fork.h"

#include <stdlib.h>

enum { KEPT_MAX = 16 };

static struct Kept {
	pthread_mutex_t *lock;
	void (*in_child)(void);
} kept[KEPT_MAX];
static unsigned nkept;

static void in_parent(void) { fork_done(false); }
static void in_child(void) { fork_done(true); }

void fork_keeps(pthread_mutex_t *lock, void (*child)(void))
{
	if (nkept == KEPT_MAX)
		abort();
	if (!nkept)
		pthread_atfork(fork_prepare, in_parent, in_child);
	kept[nkept++] = (struct Kept){ lock, child };
}

void fork_prepare(void)
{
	for (unsigned i = nkept; i--;)
		pthread_mutex_lock(kept[i].lock);
}

void fork_done(bool child)
{
	for (unsigned i = 0; i < nkept; i++) {
		if (child && kept[i].in_child)
			kept[i].in_child();
		pthread_mutex_unlock(kept[i].lock);
	}
}
