/* SPDX-License-Identifier: MIT */
/* Test plugin: logs when its end is told: plugin_exit, destructors, atexit, in this order and once each. */
#include <stdlib.h>

#include "plugins.h"

static void at_exit(void)
{
	qemulib_log("ends: atexit\n");
}

bool plugin_init(const char *args)
{
	qemulib_log("ends: init %s\n", args ? args : "(null)");
	return atexit(at_exit) == 0;
}

void plugin_exit(void)
{
	qemulib_log("ends: exit\n");
}

static void __attribute__((destructor)) destroy(void)
{
	qemulib_log("ends: destructor\n");
}
