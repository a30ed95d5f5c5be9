/* SPDX-License-Identifier: MIT */
/* The log: -d items, -D file, and text that threads write to it without mixing. */
#ifndef FORERUN_LOG_H
#define FORERUN_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum LogItem {
	LOG_IN_ASM = 1 << 0, LOG_OP = 1 << 1, LOG_OP_OPT = 1 << 2, LOG_OUT_ASM = 1 << 3, LOG_EXEC = 1 << 4, LOG_CPU = 1 << 5,
	LOG_STRACE = 1 << 6, LOG_PLUGIN = 1 << 7, LOG_NOCHAIN = 1 << 8, LOG_PAGE = 1 << 9, LOG_UNIMP = 1 << 10,
	LOG_STATS = 1 << 11,
};

/* The items enabled; read freely, changed by log_set_items() and the monitor. */
extern unsigned log_items;
static inline bool log_wants(enum LogItem item) { return __builtin_expect((log_items & item) != 0, 0); }

/* Replaces the items enabled. Any thread. */
void log_set_items(unsigned items);

/* Parses a -d list ("in_asm,exec"); "help" or an unknown item: returns false, and the caller prints log_help(). */
bool log_parse_items(const char *list, unsigned *items);
/* The items with a line each, to stdout. */
void log_help(void);

/* Opens the log: FILE with %d replaced by the process id (NULL: stderr). FILE is emptied first; one written as "+FILE" is added to. Before guest code runs.
 * False with one line in *ERROR (g_free). A log file's descriptor is a high number and closed by exec. */
bool log_open(const char *file, char **error);

/* The -D argument under which a child started by execve adds to the same log ("+/absolute/name", %d kept); NULL: no -D.
 * Owned by the log. */
const char *log_forward_file(void);

/* The descriptor of the log file, which the guest must not see, close or replace; -1: the log goes to stderr. */
int log_descriptor(void);

/* Write text as one piece: lines of other threads stay outside it, and a line that a thread writes in pieces comes out whole, when
 * its end comes (or the thread's). Any thread; not from signal handlers. LOG_ALWAYS-style (no item asked): callers test log_wants() first. */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
void log_write(const char *text, size_t length);

/* Writes out what is buffered. log_flush: before exit, exec, and where SIGKILL is to be sent to oneself. log_flush_crash: async-signal-safe,
 * waits only briefly for other threads. */
void log_flush(void);
void log_flush_crash(void);

/* Round fork(): nothing buffered before it (stdio's streams included) is written twice, nothing is lost. CHILD after it in the child. */
void log_fork_prepare(void);
void log_fork_done(bool child);

/* One line on stderr, "forerun: " first, newline last: errors for the user. Any thread. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
