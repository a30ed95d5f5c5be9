/* SPDX-License-Identifier: MIT */
/* The guest's kernel in user mode, as main.c sees it. */
#ifndef FORERUN_LINUX_H
#define FORERUN_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/guest.h"

/* What the command line says of the guest's world. Strings live as long as the process. */
struct LinuxOptions {
	const char *sysroot;            /* -L: folder tried first for absolute paths of the ELF interpreter and libraries; NULL */
	const char *argv0;              /* -0: argv[0] of the guest; NULL: the program as named */
	size_t stack_size;              /* -s, bytes; 0: 8 MiB or RLIMIT_STACK */
	char **environment;             /* NULL-terminated "name=value" of the guest */
	bool strace;                    /* -strace */
	const char *const *forward;     /* NULL-terminated forerun arguments to run this guest's children under (execve of guest programs) */
};

/* Finds the program named as a shell would (a name without '/' is taken as a path in the current folder first, then on PATH), follows "#!", opens it and reads its
 * ELF header, to tell which guest is wanted. No guest memory is touched. NULL with one line in *ERROR (g_free) and the shell's exit status (126, 127) in *STATUS. */
struct LinuxProgram *linux_open(const struct LinuxOptions *options, int argc, char **argv, char **error, int *status);
const struct Guest *linux_program_guest(const struct LinuxProgram *program);

/* Maps the program and its interpreter and builds the first stack, before any plugin or guest code runs: everything that is wrong with the file is found here.
 * False with *ERROR and *STATUS. After translator_init(). */
bool linux_load(struct LinuxProgram *program, char **error, int *status);

/* Runs the guest on the calling thread; returns its exit status when the last guest thread has ended (exit_group and fatal signals end the process
 * inside). instrument_exit() has been called. */
int linux_run(struct LinuxProgram *program);

extern const struct Environment linux_environment;

/* Facts of the main program for plugins and symbol lookup. Addresses are guest virtual. */
struct LinuxImage {
	const char *path;               /* host path of the main executable */
	uint64_t load_bias, start_code, end_code, entry;
};
extern struct LinuxImage linux_image;

/* Calls FN for each file-backed executable mapping of the guest: for symbols and coverage. Any thread. OFFSET is that of START in the file. */
void linux_for_each_module(void (*fn)(const char *path, uint64_t start, uint64_t end, uint64_t offset, void *data), void *data);
/* The file mapped at ADDR, its mapping's start, end and file offset; false if there is none. PATH gets a copy (g_free). */
bool linux_find_module(uint64_t addr, char **path, uint64_t *start, uint64_t *end, uint64_t *offset);

/* Name of a system call of GUEST, or NULL. */
const char *linux_syscall_name(const struct Guest *guest, int64_t number);

#endif
