/* SPDX-License-Identifier: MIT */
/* Counting what happens rarely enough to be counted, for -d stats. */
#ifndef FORERUN_STATISTICS_H
#define FORERUN_STATISTICS_H

#include <stdint.h>

#include "instrument/log.h"

/* Events by name. Those called "left" say why translated code was left. They count while -d stats is on. */
#define COUNTS(X) \
	X(COUNT_ENTER,          "entries of translated code") \
	X(COUNT_EXIT,           "left at direct exits") \
	X(COUNT_INDIRECT,       "left at indirect jumps") \
	X(COUNT_SYSCALL,        "left for system calls") \
	X(COUNT_EXCEPTION,      "left for other exceptions") \
	X(COUNT_INTERRUPT,      "left for interrupts") \
	X(COUNT_HOT,            "hot branches back") \
	X(COUNT_OTHERWISE,      "regions entered otherwise than assumed") \
	X(COUNT_LOOKUP,         "lookups beyond the table of recent targets")

enum Count {
#define ROW(count, name) count,
	COUNTS(ROW)
#undef ROW
	COUNT_COUNT
};

extern uint64_t statistics_counts[COUNT_COUNT];

/* Any thread. */
static inline void statistics_count(enum Count count)
{
	if (log_wants(LOG_STATS))
		__atomic_fetch_add(&statistics_counts[count], 1, __ATOMIC_RELAXED);
}

#endif
