/* SPDX-License-Identifier: MIT */
/* The table of ioctl requests, for the call and for -strace. */
#ifndef FORERUN_IOCTL_H
#define FORERUN_IOCTL_H

#include <stdint.h>

struct IoctlRow {
	const char *name;
	uint32_t request;
	const char *kind;
};
/* The row of REQUEST or NULL. */
const struct IoctlRow *ioctl_row(uint32_t request);

#endif
