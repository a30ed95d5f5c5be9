/* SPDX-License-Identifier: MIT */
/* ioctl: requests known by name or whose number tells the size of their argument go to the host; others are refused and leave a line in the log. */
#include "target/linux/ioctl.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/kd.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <linux/vt.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "instrument/log.h"
#include "target/linux/mm.h"
#include "target/linux/path.h"
#include "target/linux/syscalls.h"

static const struct IoctlRow rows[] = {
#define IOCTL(name, kind) { #name, (uint32_t)name, kind },
#include "target/linux/ioctls.def"
#undef IOCTL
};

const struct IoctlRow *ioctl_row(uint32_t request)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].request == request)
			return &rows[i];
	return NULL;
}

int64_t sys_ioctl(struct Cpu *cpu, const uint64_t a[6])
{
	uint32_t request = a[1];
	if (fd_is_own(a[0]))
		return -EBADF;
	if (!ioctl_row(request) && !_IOC_SIZE(request)) {
		static atomic_uint told[64];    /* by a hash: a line for each request, or nearly */
		unsigned hash = (request ^ request >> 11) % (64 * 32);
		if (!(atomic_fetch_or(&told[hash / 32], 1u << hash % 32) & 1u << hash % 32))
			log_printf("unknown ioctl request 0x%x on descriptor %d at 0x%llx: ENOTTY\n", request, (int)a[0], (unsigned long long)cpu->pc);
		return -ENOTTY;
	}
	if (_IOC_DIR(request) & _IOC_READ)
		mm_unprotect(a[2], _IOC_SIZE(request));
	return host_syscall_blocking(SYS_ioctl, (int)a[0], request, a[2]);
}
