/* SPDX-License-Identifier: MIT */
/* The hosts of a build for a machine that has no back end of its own. */
#include "translator/host/host.h"

const struct Host *const hosts[] = { &host_interp, NULL };
