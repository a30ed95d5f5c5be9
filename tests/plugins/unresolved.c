/* SPDX-License-Identifier: MIT */
/* Test plugin: calls a function that nobody has. */
#include "plugins.h"

int function_that_nobody_has(void);

bool plugin_init(const char *args)
{
	return args && function_that_nobody_has();
}
