/* SPDX-License-Identifier: MIT */
/* For test plugins of the TCG interface that are built for every version: callbacks declared alike, whatever they are called with. */
#ifndef TESTS_PLUGINS_TCG_H
#define TESTS_PLUGINS_TCG_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* ON_SIMPLE(name) { ... } and so on declare callbacks. Within them USERDATA is what was registered with WITH(data), NULL before version 7, where only some
 * callbacks have it. */
#if QEMU_PLUGIN_VERSION >= 7
#define WITH(data) , (data)
#define USERDATA data
#define ON_SIMPLE(name) static void name(void *data __attribute__((unused)))
#define ON_EXIT(name) static void name(void *data __attribute__((unused)))
#define ON_VCPU(name) static void name(unsigned vcpu __attribute__((unused)), void *data __attribute__((unused)))
#define ON_TRANS(name) static void name(struct qemu_plugin_tb *tb __attribute__((unused)), void *data __attribute__((unused)))
#define ON_CALL(name)                                                                                                           \
	static void name(unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), uint64_t a1 __attribute__((unused)), \
			 uint64_t a2 __attribute__((unused)), uint64_t a3 __attribute__((unused)), uint64_t a4 __attribute__((unused)), \
			 uint64_t a5 __attribute__((unused)), uint64_t a6 __attribute__((unused)), uint64_t a7 __attribute__((unused)), \
			 uint64_t a8 __attribute__((unused)), void *data __attribute__((unused)))
#define ON_RESULT(name)                                                                                                         \
	static void name(unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), int64_t ret __attribute__((unused)), \
			 void *data __attribute__((unused)))
#define ON_FILTER(name)                                                                                                         \
	static bool name(unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), uint64_t a1 __attribute__((unused)), \
			 uint64_t a2 __attribute__((unused)), uint64_t a3 __attribute__((unused)), uint64_t a4 __attribute__((unused)), \
			 uint64_t a5 __attribute__((unused)), uint64_t a6 __attribute__((unused)), uint64_t a7 __attribute__((unused)), \
			 uint64_t a8 __attribute__((unused)), int64_t *sysret __attribute__((unused)), void *data __attribute__((unused)))
#define ON_DISCON(name)                                                                                                         \
	static void name(unsigned vcpu __attribute__((unused)), enum qemu_plugin_discon_type type __attribute__((unused)),      \
			 uint64_t from_pc __attribute__((unused)), uint64_t to_pc __attribute__((unused)),                      \
			 void *data __attribute__((unused)))
#else
#define WITH(data)
#define USERDATA NULL
#define ID qemu_plugin_id_t id __attribute__((unused))
#define ON_SIMPLE(name) static void name(ID)
#define ON_EXIT(name) static void name(ID, void *data __attribute__((unused)))
#define ON_VCPU(name) static void name(ID, unsigned vcpu __attribute__((unused)))
#define ON_TRANS(name) static void name(ID, struct qemu_plugin_tb *tb __attribute__((unused)))
#define ON_CALL(name)                                                                                                           \
	static void name(ID, unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), uint64_t a1 __attribute__((unused)), \
			 uint64_t a2 __attribute__((unused)), uint64_t a3 __attribute__((unused)), uint64_t a4 __attribute__((unused)), \
			 uint64_t a5 __attribute__((unused)), uint64_t a6 __attribute__((unused)), uint64_t a7 __attribute__((unused)), \
			 uint64_t a8 __attribute__((unused)))
#define ON_RESULT(name)                                                                                                         \
	static void name(ID, unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), int64_t ret __attribute__((unused)))
#define ON_FILTER(name)                                                                                                         \
	static bool name(ID, unsigned vcpu __attribute__((unused)), int64_t num __attribute__((unused)), uint64_t a1 __attribute__((unused)), \
			 uint64_t a2 __attribute__((unused)), uint64_t a3 __attribute__((unused)), uint64_t a4 __attribute__((unused)), \
			 uint64_t a5 __attribute__((unused)), uint64_t a6 __attribute__((unused)), uint64_t a7 __attribute__((unused)), \
			 uint64_t a8 __attribute__((unused)), uint64_t *sysret __attribute__((unused)))
#define ON_DISCON(name)                                                                                                         \
	static void name(ID, unsigned vcpu __attribute__((unused)), enum qemu_plugin_discon_type type __attribute__((unused)),  \
			 uint64_t from_pc __attribute__((unused)), uint64_t to_pc __attribute__((unused)))
#endif
/* These are the same in all versions. */
#define ON_EXEC(name) static void name(unsigned vcpu __attribute__((unused)), void *data __attribute__((unused)))
#define ON_MEM(name)                                                                                                            \
	static void name(unsigned vcpu __attribute__((unused)), qemu_plugin_meminfo_t info __attribute__((unused)),             \
			 uint64_t vaddr __attribute__((unused)), void *data __attribute__((unused)))
#define INSTALL                                                                                                                 \
	QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id __attribute__((unused)),                                 \
						   const qemu_info_t *info __attribute__((unused)), int argc __attribute__((unused)), \
						   char **argv __attribute__((unused)))

/* One line to the log. */
static inline void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	strcat(line, "\n");
	qemu_plugin_outs(line);
}

/* A line only if something is wrong. */
#define EXPECT(condition) do { if (!(condition)) say("line %d: not %s", __LINE__, #condition); } while (0)

/* The value of the argument NAME, or "". */
static inline const char *argument(int argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], name, n) && argv[i][n] == '=')
			return argv[i] + n + 1;
	return "";
}

/* For a plugin with a thread of its own that has to be done before the program ends. tests/tcg/guest/busy.c tells before its end, by an otherwise useless
 * argument of getpid, of a word that keeps it alive while it is not 0; the word's guest address is the host's. */
static int *_Atomic held;
static _Atomic int let_go;

static inline void hold_guest(int64_t num, uint64_t a1)
{
	if (num == 172 && a1) {
		held = (int *)(uintptr_t)a1;
		*(volatile int *)held = 1;
		if (let_go)
			*(volatile int *)held = 0;
	}
}

static inline void release_guest(void)
{
	let_go = 1;
	if (held)
		*(volatile int *)held = 0;
}

#endif
