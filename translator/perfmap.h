/* SPDX-License-Identifier: MIT */
/* The file by which perf(1) attributes time in translated code to guest functions. */
#ifndef FORERUN_PERFMAP_H
#define FORERUN_PERFMAP_H

#include <stdbool.h>

#include "translator/host/host.h"

/* Opens /tmp/perf-PID.map of the calling process, new; a line on stderr if it cannot be. Main thread, before the first translation; in a forked child under the
 * translation lock. */
void perfmap_open(void);
/* Whether it is open. */
bool perfmap_active(void);
/* Adds BLOCK. Under the translation lock. */
void perfmap_add(const struct Block *block);

#endif
