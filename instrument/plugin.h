/* SPDX-License-Identifier: MIT */
/* Loading, listing and ending plugin libraries of every API. */
#ifndef FORERUN_PLUGIN_H
#define FORERUN_PLUGIN_H

#include <stdbool.h>

/* Parses one -plugin argument and opens the library, or the libraries if it has several "file="; a bare name without '/' and ".so" is looked up in the installed folder (or
 * FORERUN_PLUGIN_PATH). "help" lists those with a line each and sets *HELP; "" is nothing. False with one line in *ERROR (g_free). No code of the plugin runs but constructors. */
bool plugin_option(const char *argument, bool *help, char **error);

/* Initialises all plugins in command-line order, before any guest instruction. False with one line in *ERROR. */
bool plugin_init_all(char **error);

/* The arguments of -plugin for passing on at execve, one for each library ("file=/absolute/path.so,args=..."): NULL-terminated, owned by the module. */
const char *const *plugin_options(void);

#endif
