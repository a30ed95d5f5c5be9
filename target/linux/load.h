/* SPDX-License-Identifier: MIT */
/* A program found and loaded: what load.c, stack.c and the first task know of it. */
#ifndef FORERUN_LOAD_H
#define FORERUN_LOAD_H

#include "target/linux/elf.h"
#include "target/linux/linux.h"

struct LinuxProgram {
	const struct LinuxOptions *options;
	const struct Guest *guest;
	int fd;                         /* the ELF file; -1 once loaded */
	char *path;                     /* its host path, absolute */
	char *execfn;                   /* the name it was called by: of a script, the script's */
	char **argv;                    /* NULL-terminated, the guest's */
	struct ElfPlan plan, interpreter;
	uint64_t bias, base;            /* of the program; of the interpreter, 0: none */
	uint64_t entry;                 /* first instruction: the interpreter's, if there is one */
	uint64_t stack;                 /* stack pointer for it */
};

/* What a file is to execve: follows "#!" lines from PATH (absolute or relative host path) through at most five files, changing ARGV (a NULL-terminated vector of
 * g_malloc'd strings, itself g_malloc'd) as the kernel does. Returns a descriptor of the ELF file, *FINAL its host path (g_free), or -errno with a line in
 * *ERROR. Any thread. */
int load_follow_script(const char *path, char ***argv, char **final, char **error);

/* Bytes for the first stack, from -s or RLIMIT_STACK. */
uint64_t stack_size(const struct LinuxOptions *options);
/* Maps the stack and puts arguments, environment and auxiliary vector on it: sets LinuxProgram.stack and fills in proc_self. 0 or -errno. */
int64_t stack_build(struct LinuxProgram *program);

#endif
