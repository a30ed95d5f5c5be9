/* SPDX-License-Identifier: MIT */
/* -strace: printing system calls in strace's form from the argument kinds of syscalls.def. */
#ifndef FORERUN_STRACE_H
#define FORERUN_STRACE_H

#include <glib.h>

#include "target/linux/syscalls.h"

/* One call being printed. READ copies guest memory: guest_read(), or a test's own. */
struct Strace {
	GString *text;
	const uint64_t *a;              /* six arguments */
	bool (*read)(void *to, uint64_t from, size_t len);
	bool after;                     /* the call has returned: what it wrote can be printed */
	int64_t result;                 /* then */
};

/* Appends "name(" and the arguments up to the first that is known only afterwards; returns that one's number. After the call strace_rest() appends the
 * others, ")" and the result. Pure but for READ. */
unsigned strace_begin(struct Strace *strace, const struct SyscallRow *row);
void strace_rest(struct Strace *strace, const struct SyscallRow *row, unsigned from);

/* Appends LENGTH bytes at most 32 of them as a C string in quotes, "..." behind if it was cut. */
void strace_quote(GString *text, const void *bytes, size_t length, bool cut);

/* Whether WORD (without colon) is a kind that strace_kinds.c knows. For tests. */
bool strace_knows(const char *word, size_t length);

/* The lines of the log: begun before the call, written after it. Lines of calls that may not return are written before it (as "<unfinished ...>" where they
 * may). On the task's thread. */
struct StraceLine *strace_enter(struct Task *task, const struct SyscallRow *row, int64_t number, const uint64_t a[6]);
void strace_leave(struct StraceLine *line, int64_t result);
void strace_abandon(struct StraceLine *line);

#endif
