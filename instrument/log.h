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
};

/* The items enabled; read freely, changed by log_set_items() and the monitor. */
extern unsigned log_items;
static inline bool log_wants(enum LogItem item) { return __builtin_expect((log_items & item) != 0, 0); }

/* Parses a -d list ("in_asm,exec"); "help" or an unknown item: returns false, and the caller prints log_help(). */
bool log_parse_items(const char *list, unsigned *items);
void log_help(void);

/* Opens the log: FILE with %d replaced by the process id (NULL: stderr). Before guest code runs. False with one line in *ERROR (g_free). */
bool log_open(const char *file, char **error);

/* Write text as one piece: lines of other threads stay outside it. Any thread; not from signal handlers. LOG_ALWAYS-style
 * (no item asked): callers test log_wants() first. */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
void log_write(const char *text, size_t length);

/* Writes out what is buffered. log_flush: before exit, exec, fork. log_flush_crash: async-signal-safe, takes no lock. */
void log_flush(void);
void log_flush_crash(void);
void log_fork_prepare(void);
void log_fork_done(bool child);

/* One line on stderr, "forerun: " first, newline last: errors for the user. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
