/* SPDX-License-Identifier: MIT */
/* The dispatch of system calls: from the guest's registers through the row of syscalls.def to the host or a function, and back. */
#include "target/linux/syscalls.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "target/linux/linux.h"
#include "target/linux/mm.h"
#include "target/linux/path.h"
#include "target/linux/signal.h"
#include "target/linux/strace.h"
#include "translator/translator.h"

/* Calls that this machine's headers may not know; from 424 on a number is the same everywhere. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_map_shadow_stack
#define SYS_map_shadow_stack 453
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#define SYS_futex_wait 455
#define SYS_futex_requeue 456
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#define SYS_listmount 458
#endif
#ifndef SYS_lsm_get_self_attr
#define SYS_lsm_get_self_attr 459
#define SYS_lsm_set_self_attr 460
#define SYS_lsm_list_modules 461
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif
#ifndef SYS_file_getattr
#define SYS_file_getattr 468
#define SYS_file_setattr 469
#endif
#ifndef SYS_riscv_hwprobe
#define SYS_riscv_hwprobe (-1)
#endif
#ifndef SYS_riscv_flush_icache
#define SYS_riscv_flush_icache (-1)
#endif
#ifndef SYS_renameat
#define SYS_renameat (-1)
#endif

/* -- the table ------------------------------------------------------------------------------------------------------- */

enum Row {
#define SYSCALL(name, generic, function, restart, arguments, result) ROW_##name,
#include "target/linux/syscalls.def"
#undef SYSCALL
	ROWS
};

const struct SyscallRow syscall_rows[] = {
#define SYSCALL(name, generic, function, restart, arguments, result) \
	{ #name, generic, SYS_##name, function, RESTART_##restart, arguments, result },
#include "target/linux/syscalls.def"
#undef SYSCALL
};
const unsigned syscall_rows_count = ROWS;

/* Row number + 1 by the guest's number. */
static const uint16_t by_number[] = {
#define SYSCALL(name, generic, function, restart, arguments, result) [generic] = ROW_##name + 1,
#include "target/linux/syscalls.def"
#undef SYSCALL
};

const struct SyscallRow *syscall_row(int64_t number)
{
	if (number < 0 || (uint64_t)number >= sizeof(by_number) / sizeof(by_number[0]) || !by_number[number])
		return NULL;
	return &syscall_rows[by_number[number] - 1];
}

const char *linux_syscall_name(const struct Guest *guest, int64_t number)
{
	const struct SyscallRow *row = syscall_row(number);
	(void)guest;
	return row ? row->name : NULL;
}

/* What a pass does about an argument beforehand, from the words of SyscallRow.arguments. */
enum Prepare { PREPARE_NONE, PREPARE_RPATH, PREPARE_LRPATH, PREPARE_OUT, PREPARE_IOV_OUT, PREPARE_MSGHDR_OUT };
static struct Plan {
	uint8_t prepare[6];             /* enum Prepare */
	uint8_t length[6];              /* the argument after the colon */
	uint8_t flags;                  /* number of the at_flags argument + 1, or 0 */
	bool any;
} plans[ROWS];

static void plan_word(struct Plan *plan, unsigned index, const char *word, size_t length)
{
	static const struct { const char *word; uint8_t prepare; } words[] = {
		{ "rpath", PREPARE_RPATH }, { "lrpath", PREPARE_LRPATH }, { "out", PREPARE_OUT }, { "iov_out", PREPARE_IOV_OUT },
		{ "msghdr_out", PREPARE_MSGHDR_OUT },
	};
	const char *colon = memchr(word, ':', length);
	if (colon) {
		plan->length[index] = colon[1] - '0';
		length = colon - word;
	}
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == length && !memcmp(words[i].word, word, length)) {
			plan->prepare[index] = words[i].prepare;
			plan->any = true;
		}
	if (length == strlen("at_flags") && !memcmp(word, "at_flags", length))
		plan->flags = index + 1;
}

void syscall_init(void)
{
	for (unsigned row = 0; row < ROWS; row++) {
		const char *word = syscall_rows[row].arguments;
		for (unsigned i = 0; i < 6 && *word; i++) {
			size_t length = strcspn(word, " ");
			plan_word(&plans[row], i, word, length);
			word += length;
			word += strspn(word, " ");
		}
	}
}

/* -- passing on to the host -------------------------------------------------------------------------------------------- */

/* Only names of the table: invoke() knows them. */
int64_t pass(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu, (void)a;
	return -ENOSYS;
}

int64_t pass_blocking(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu, (void)a;
	return -EAGAIN;         /* unlike pass(), lest a linker fold them: their addresses tell them apart */
}

int64_t absent(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu, (void)a;
	return -ENOSYS;
}

void syscall_unprotect_iov(uint64_t iov, uint64_t count)
{
	for (uint64_t i = 0; i < count && i < IOV_MAX; i++) {
		struct iovec entry;
		if (!guest_read(&entry, iov + i * sizeof(entry), sizeof(entry)))
			return;
		mm_unprotect((uint64_t)entry.iov_base, entry.iov_len);
	}
}

static void unprotect_msghdr(uint64_t addr)
{
	struct msghdr header;
	if (!guest_read(&header, addr, sizeof(header)))
		return;
	syscall_unprotect_iov((uint64_t)header.msg_iov, header.msg_iovlen);
	mm_unprotect((uint64_t)header.msg_control, header.msg_controllen);
}

static int64_t pass_row(const struct SyscallRow *row, const uint64_t arguments[6])
{
	const struct Plan *plan = &plans[row - syscall_rows];
	uint64_t a[6];
	char path[PATH_MAX];
	memcpy(a, arguments, sizeof(a));
	for (unsigned i = 0; plan->any && i < 6; i++) {
		uint64_t length = a[plan->length[i]];
		switch (plan->prepare[i]) {
		case PREPARE_RPATH:
		case PREPARE_LRPATH: {
			bool follow = plan->prepare[i] == PREPARE_RPATH && !(plan->flags && a[plan->flags - 1] & 0x100 /* AT_SYMLINK_NOFOLLOW */);
			int64_t error = path_lookup(&a[i], follow, path);
			if (error)
				return error;
			break;
		}
		case PREPARE_OUT:
			mm_unprotect(a[i], length);
			break;
		case PREPARE_IOV_OUT:
			syscall_unprotect_iov(a[i], length);
			break;
		case PREPARE_MSGHDR_OUT:
			unprotect_msghdr(a[i]);
			break;
		}
	}
	if (row->host_number < 0)
		return -ENOSYS;
	return row->function == pass ? host_syscall(row->host_number, a[0], a[1], a[2], a[3], a[4], a[5]) :
				       host_syscall_blocking(row->host_number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int64_t invoke(const struct SyscallRow *row, struct Cpu *cpu, const uint64_t a[6])
{
	if (row->function == pass || row->function == pass_blocking)
		return pass_row(row, a);
	return row->function(cpu, a);
}

/* What may be the matter when a call returns EFAULT: pages from which the host has taken rights, or nothing yet where an argument points below a stack that
 * grows. True if something has been done about it. */
static bool remedy(const uint64_t a[6])
{
	bool done = mm_unprotect_all();

	for (unsigned i = 0; i < 6; i++)
		if (mm_grow(a[i]))
			done = true;
	return done;
}

/* Says once for each number that we do not know it. */
static int64_t unknown(struct Cpu *cpu, int64_t number)
{
	static atomic_uint told[1024 / 32];
	uint64_t bit = number >= 0 && number < 1024 ? number : 1023;
	unsigned mask = 1u << bit % 32;
	if (!(atomic_fetch_or(&told[bit / 32], mask) & mask))
		log_printf("unknown system call %lld of %s at 0x%llx: ENOSYS\n", (long long)number, cpu->guest->name, (unsigned long long)cpu->pc);
	return -ENOSYS;
}

/* -- from and to the guest --------------------------------------------------------------------------------------------- */

bool linux_syscall(struct Cpu *cpu)
{
	const struct LinuxAbi *abi = cpu->guest->linux_abi;
	struct Task *task = cpu->task;
	int64_t number = abi->syscall_number(cpu), result;
	uint64_t a[6], forced;
	abi->syscall_args(cpu, a);
	cpu->pc += abi->syscall_length;
	task->last_syscall = number;
	task->restart = 0;
	uint64_t put_off = task->pace.put_off;

	const struct SyscallRow *row = syscall_row(number);
	bool skip = instrument_syscall(cpu, number, a, &forced);
	struct StraceLine *line = log_wants(LOG_STRACE) ? strace_enter(task, row, number, a) : NULL;
	if (skip) {
		result = forced;
	} else if (!row) {
		result = unknown(cpu, number);
	} else {
		result = invoke(row, cpu, a);
		if (result == -EFAULT && remedy(a))
			result = invoke(row, cpu, a);
	}

	if (put_off && result != -GUEST_ENORESULT)      /* what the call has sent this thread comes before it returns */
		pace_end(task);

	/* not every host can tell which of the two its kernel meant */
	if (row && row->restart == RESTART_nohand && (result == -EINTR || result == -GUEST_ERESTARTSYS))
		result = -GUEST_ERESTARTNOHAND;

	/* a special result leaves the registers alone; signal_deliver() goes on from Task.restart */
	int64_t shown = result;
	if (syscall_special(result)) {
		task->restart = -result;
		if (result == -GUEST_ENORESULT) {
			abi->syscall_args(cpu, a);
			shown = a[0];
		}
	} else {
		abi->syscall_result(cpu, result);
	}
	if (task->ended)
		strace_abandon(line);
	else
		strace_leave(line, shown);
	if (!task->ended)
		instrument_syscall_return(cpu, number, syscall_special(shown) ? -EINTR : shown);
	return !task->ended;
}
