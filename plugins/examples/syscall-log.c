/* SPDX-License-Identifier: MIT */
/* Logs the guest's system calls with names, arguments and results, found by the instruction that makes them.
 *
 * A call is logged when it returns, with the cpu that made it; one that does not return, when the guest ends. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugins.h"
#include "regnum.h"

const char plugin_description[] = "system calls with names, arguments and results";
const bool plugin_needs_is_static = true;

enum { CPUS = 1024, TEXT = 256, STRING = 48 };

/* How the arguments of well-known calls are shown: s string, d number, x hexadecimal. Others: six hexadecimal numbers. */
static const struct {
	const char *name, *kinds;
} known[] = {
	{ "brk", "x" }, { "chdir", "s" }, { "clone", "xxxxx" }, { "close", "d" }, { "dup", "d" }, { "dup3", "ddx" }, { "execve", "sxx" },
	{ "exit", "d" }, { "exit_group", "d" }, { "faccessat", "dsx" }, { "fcntl", "ddx" }, { "fstat", "dx" }, { "futex", "xddxxd" },
	{ "getcwd", "xd" }, { "getdents64", "dxd" }, { "getegid", "" }, { "geteuid", "" }, { "getgid", "" }, { "getpid", "" }, { "getppid", "" },
	{ "getrandom", "xdx" }, { "gettid", "" }, { "getuid", "" }, { "ioctl", "dxx" }, { "kill", "dd" }, { "lseek", "ddd" }, { "madvise", "xdd" },
	{ "mkdirat", "dsx" }, { "mmap", "xdxxdx" }, { "mprotect", "xdx" }, { "munmap", "xd" }, { "newfstatat", "dsxx" }, { "openat", "dsxx" },
	{ "pipe2", "xx" }, { "ppoll", "xdxx" }, { "prlimit64", "ddxx" }, { "read", "dxd" }, { "readlinkat", "dsxd" }, { "rt_sigaction", "dxxd" },
	{ "rt_sigprocmask", "dxxd" }, { "rt_sigreturn", "" }, { "set_robust_list", "xd" }, { "set_tid_address", "x" }, { "statx", "dsxxx" },
	{ "unlinkat", "dsx" }, { "wait4", "dxxx" }, { "write", "dxd" }, { "writev", "dxd" },
};

/* The call that a cpu is in. */
static struct Call {
	_Alignas(64) uint64_t back;     /* address of the instruction after it; 0: none */
	char text[TEXT];
} calls[CPUS];

static bool is_ecall(void *cpu, uint64_t pc)
{
	static const uint8_t ecall[4] = { 0x73, 0, 0, 0 };
	uint8_t bytes[4];

	return qemulib_read_memory(cpu, pc, bytes, sizeof bytes) == 0 && memcmp(bytes, ecall, sizeof ecall) == 0;
}

bool plugin_init(const char *args)
{
	(void)args;
	if (strcmp(qemulib_get_arch_name(), "riscv64") == 0)
		return true;
	fprintf(stderr, "syscall-log: only riscv64 guests are known, not %s\n", qemulib_get_arch_name());
	return false;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	return is_ecall(cpu, pc) || is_ecall(cpu, pc - 4);
}

static uint64_t read_register(void *cpu, int number)
{
	uint64_t value = 0;

	qemulib_read_register(cpu, (uint8_t *)&value, number);
	return value;
}

/* Appends a guest string in quotes. */
static size_t put_string(void *cpu, uint64_t addr, char *text, size_t room)
{
	char s[STRING + 1] = "";
	int n = 0;

	while (n < STRING && qemulib_read_memory(cpu, addr + n, (uint8_t *)&s[n], 1) == 0 && s[n]) {
		if (s[n] < ' ' || s[n] > '~')
			s[n] = '.';
		n++;
	}
	s[n] = 0;
	return snprintf(text, room, "\"%s\"%s", s, n == STRING ? "..." : "");
}

static void begin(struct Call *call, void *cpu)
{
	int64_t number = read_register(cpu, RISCV64_A7_REGNUM);
	const char *name = qemulib_syscall_name(number), *kinds = "xxxxxx";
	size_t n = name ? snprintf(call->text, TEXT, "%s(", name) : snprintf(call->text, TEXT, "syscall_%" PRId64 "(", number);

	for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].name, name) == 0)
			kinds = known[i].kinds;
	for (int i = 0; kinds[i] && n < TEXT; i++) {
		uint64_t value = read_register(cpu, RISCV64_A0_REGNUM + i);
		if (i)
			n += snprintf(call->text + n, TEXT - n, ", ");
		if (n >= TEXT)
			break;
		if (kinds[i] == 's')
			n += put_string(cpu, value, call->text + n, TEXT - n);
		else
			n += snprintf(call->text + n, TEXT - n, kinds[i] == 'd' ? "%" PRId64 : "0x%" PRIx64, value);
	}
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	int index = qemulib_get_cpuid(cpu);
	struct Call *call = &calls[index % CPUS];

	if (call->back == pc) {
		int64_t result = (int64_t)read_register(cpu, RISCV64_A0_REGNUM);
		bool address = result > INT32_MAX || result < -4095;
		qemulib_log(address ? "%d %s) = 0x%" PRIx64 "\n" : "%d %s) = %" PRId64 "\n", index, call->text, result);
		call->back = 0;
	}
	if (is_ecall(cpu, pc)) {
		if (call->back)
			qemulib_log("%d %s) = ?\n", index, call->text);
		begin(call, cpu);
		call->back = pc + 4;
	}
}

void plugin_exit(void)
{
	for (int i = 0; i < CPUS; i++)
		if (calls[i].back)
			qemulib_log("%d %s) = ?\n", i, calls[i].text);
}
