/* SPDX-License-Identifier: MIT */
/* Test plugin: refuses to start. */
#include "plugins.h"

bool plugin_init(const char *args)
{
	(void)args;
	return false;
}
