/* SPDX-License-Identifier: MIT */
/* Writing /tmp/perf-PID.map: a line "start size name" in hexadecimal for each block, as the kernel's tools/perf/Documentation/jit-interface.txt asks. */
#include "translator/perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "instrument/log.h"
#include "instrument/symbols.h"

static int fd = -1;

void perfmap_open(void)
{
	char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());

	if (fd >= 0)
		close(fd);
	unlink(path);
	/* behind the descriptors that guests use */
	int low = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	int high = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, 500) : -1;
	if (high >= 0)
		close(low);
	fd = high >= 0 ? high : low;
	if (fd < 0)
		report("-perfmap: cannot write %s: %s", path, g_strerror(errno));
	g_free(path);
}

bool perfmap_active(void)
{
	return fd >= 0;
}

void perfmap_add(const struct Block *block)
{
	uint64_t offset = 0;
	const char *symbol = symbol_lookup(block->pc, &offset);
	char line[512];
	int n = snprintf(line, sizeof line, "%" PRIxPTR " %x %s+0x%" PRIx64 "%s [guest 0x%" PRIx64 "]\n", (uintptr_t)block->code, block->code_size,
			 symbol ? symbol : "guest", symbol ? offset : block->pc, block->region ? " loop" : "", block->pc);

	/* one line, one write: whoever reads while we run sees whole lines */
	if (n > 0 && write(fd, line, MIN((size_t)n, sizeof line - 1)) < 0)
		close(fd), fd = -1;
}
