/* SPDX-License-Identifier: MIT */
/* The first stack of a program: arguments, environment and auxiliary vector, as the riscv64 kernel lays them out. */
#include "target/linux/load.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "target/linux/abi.h"
#include "target/linux/mm.h"
#include "target/linux/path.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

enum { STACK_DEFAULT = 8 << 20, STACK_LEAST = 128 << 10 };

uint64_t stack_size(const struct LinuxOptions *options)
{
	struct rlimit limit;
	uint64_t size = STACK_DEFAULT;
	if (options->stack_size)
		size = options->stack_size;
	else if (!getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < 64ull << 30)
		size = limit.rlim_cur;
	if (size < STACK_LEAST)
		size = STACK_LEAST;
	return (size + MM_PAGE - 1) & ~(uint64_t)(MM_PAGE - 1);
}

static uint64_t strings_size(char **strings, unsigned *count)
{
	uint64_t size = 0;
	for (*count = 0; strings[*count]; ++*count)
		size += strlen(strings[*count]) + 1;
	return size;
}

/* Copies the strings to AT and their addresses to WORDS, NULL behind; returns the address behind the last. */
static uint64_t put_strings(char **strings, uint64_t at, uint64_t **words)
{
	for (unsigned i = 0; strings[i]; i++) {
		size_t length = strlen(strings[i]) + 1;
		memcpy((void *)at, strings[i], length);
		*(*words)++ = at;
		at += length;
	}
	*(*words)++ = 0;
	return at;
}

/* The auxiliary vector but for its strings: pairs, AT_NULL last. Returns the number of words. */
static unsigned fill_auxv(const struct LinuxProgram *program, uint64_t random, uint64_t execfn, uint64_t *auxv)
{
	const struct LinuxAbi *abi = program->guest->linux_abi;
	const uint64_t entries[][2] = {
		{ AT_MINSIGSTKSZ, abi->signal_frame_size },
		{ AT_HWCAP, abi->hwcap() },
		{ AT_PAGESZ, MM_PAGE },
		{ AT_CLKTCK, sysconf(_SC_CLK_TCK) },
		{ AT_PHDR, program->plan.phdr ? program->plan.phdr + program->bias : 0 },
		{ AT_PHENT, program->plan.phentsize },
		{ AT_PHNUM, program->plan.phnum },
		{ AT_BASE, program->base },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, program->plan.entry + program->bias },
		{ AT_UID, getuid() },
		{ AT_EUID, geteuid() },
		{ AT_GID, getgid() },
		{ AT_EGID, getegid() },
		{ AT_SECURE, getauxval(AT_SECURE) },
		{ AT_RANDOM, random },
		{ AT_EXECFN, execfn },
		{ AT_NULL, 0 },
	};
	_Static_assert(sizeof(entries) <= sizeof(proc_self.auxv), "room in /proc/self/auxv");
	memcpy(auxv, entries, sizeof(entries));
	return sizeof(entries) / sizeof(uint64_t);
}

/* All of it is guest memory that no guest code has seen yet: it is written directly. */
int64_t stack_build(struct LinuxProgram *program)
{
	uint64_t size = stack_size(program->options), top = mm_layout.end;
	unsigned argc, envc;
	uint64_t arg_size = strings_size(program->argv, &argc), env_size = strings_size(program->options->environment, &envc);
	size_t execfn_size = strlen(program->execfn) + 1;

	uint64_t words = 1 + argc + 1 + envc + 1 + sizeof(proc_self.auxv) / sizeof(uint64_t);
	uint64_t need = arg_size + env_size + execfn_size + words * sizeof(uint64_t) + 256;
	if (need > size / 4 * 3)
		return -E2BIG;
	int prot = PROT_READ | PROT_WRITE | (program->plan.exec_stack ? PROT_EXEC : 0);
	int64_t mapped = mm_mmap(top - size, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE, -1, 0);
	if (mapped < 0)
		return mapped;
	mm_label(top - size, "[stack]");

	uint64_t execfn = top - 8 - execfn_size;
	memcpy((void *)execfn, program->execfn, execfn_size);
	uint64_t env = execfn - env_size, arg = env - arg_size, random = (arg & ~15ull) - 16;
	if (getrandom((void *)random, 16, 0) != 16)
		return -EIO;
	uint64_t sp = (random - words * sizeof(uint64_t)) & ~15ull;
	uint64_t *word = (uint64_t *)sp;
	*word++ = argc;
	proc_self.arg_start = arg;
	proc_self.arg_end = put_strings(program->argv, arg, &word);
	proc_self.env_start = env;
	proc_self.env_end = put_strings(program->options->environment, env, &word);
	proc_self.auxv_words = fill_auxv(program, random, execfn, proc_self.auxv);
	memcpy(word, proc_self.auxv, proc_self.auxv_words * sizeof(uint64_t));
	proc_self.stack_start = program->stack = sp;
	return 0;
}
