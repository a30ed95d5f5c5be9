/* SPDX-License-Identifier: MIT */
/* The hosts of a build for x86-64. */
#include "translator/host/host.h"

const struct Host *const hosts[] = { &host_x86_64, &host_interp, NULL };
