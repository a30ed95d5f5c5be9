/* SPDX-License-Identifier: MIT */
/* The files of /proc that must tell of the guest instead of forerun: /proc/self/maps and its kin, and /proc/cpuinfo. */
#include "target/linux/path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "instrument/log.h"
#include "target/linux/linux.h"
#include "target/linux/mm.h"

struct ProcSelf proc_self;

/* -- the texts ----------------------------------------------------------------------------------------------------------- */

static void maps_line(const struct MmRange *range, void *data)
{
	GString *text = data;
	gsize start = text->len;
	g_string_append_printf(text, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)range->start, (unsigned long long)range->end,
			       range->prot & PROT_READ ? 'r' : '-', range->prot & PROT_WRITE ? 'w' : '-', range->prot & PROT_EXEC ? 'x' : '-',
			       range->shared ? 's' : 'p', (unsigned long long)range->offset, major(range->dev), minor(range->dev),
			       (unsigned long long)range->ino);
	if (*range->path) {
		while (text->len - start < 73)
			g_string_append_c(text, ' ');
		for (const char *c = range->path; *c; c++)
			if (*c == '\n')
				g_string_append(text, "\\012");
			else
				g_string_append_c(text, *c);
	}
	g_string_append_c(text, '\n');
}

static void smaps_entry(const struct MmRange *range, void *data)
{
	GString *text = data;
	maps_line(range, text);
	g_string_append_printf(text, "Size:           %8llu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n"
			       "Rss:            %8u kB\nVmFlags:%s%s%s%s mr mw me%s\n", (unsigned long long)(range->end - range->start) / 1024, 0,
			       range->prot & PROT_READ ? " rd" : "", range->prot & PROT_WRITE ? " wr" : "", range->prot & PROT_EXEC ? " ex" : "",
			       range->shared ? " sh" : "", range->grows ? " gd" : "");
}

static void text_maps(GString *text)
{
	mm_for_each(maps_line, text);
}

void proc_log_maps(void)
{
	GString *text = g_string_new("guest memory:\n");

	text_maps(text);
	log_write(text->str, text->len);
	g_string_free(text, TRUE);
}

static void text_smaps(GString *text)
{
	mm_for_each(smaps_entry, text);
}

static void append_memory(GString *text, uint64_t start, uint64_t end)
{
	if (end <= start || end - start > 64 << 20)
		return;
	gsize old = text->len;
	g_string_set_size(text, old + (end - start));
	if (!mm_read_memory(NULL, start, text->str + old, end - start))
		g_string_set_size(text, old);
}

static void text_cmdline(GString *text)
{
	append_memory(text, proc_self.arg_start, proc_self.arg_end);
}

static void text_environ(GString *text)
{
	append_memory(text, proc_self.env_start, proc_self.env_end);
}

static void text_auxv(GString *text)
{
	g_string_append_len(text, (const char *)proc_self.auxv, proc_self.auxv_words * sizeof(proc_self.auxv[0]));
}

/* The host's line with the addresses of the guest: fields 26 to 28 and 45 to 51 as proc(5) numbers them. */
static void text_stat(GString *text)
{
	char *line = NULL;
	if (!g_file_get_contents("/proc/self/stat", &line, NULL, NULL))
		return;
	char *rest = strrchr(line, ')');
	if (!rest) {
		g_free(line);
		return;
	}
	g_string_append_len(text, line, rest + 1 - line);
	char **fields = g_strsplit(g_strchomp(rest + 2), " ", -1);
	for (unsigned i = 0; fields[i]; i++) {
		unsigned number = i + 3;
		const uint64_t values[][2] = {
			{ 26, linux_image.start_code }, { 27, linux_image.end_code }, { 28, proc_self.stack_start }, { 45, 0 }, { 46, 0 }, { 47, 0 },
			{ 48, proc_self.arg_start }, { 49, proc_self.arg_end }, { 50, proc_self.env_start }, { 51, proc_self.env_end },
		};
		bool done = false;
		for (unsigned j = 0; j < G_N_ELEMENTS(values); j++)
			if (values[j][0] == number) {
				g_string_append_printf(text, " %llu", (unsigned long long)values[j][1]);
				done = true;
			}
		if (!done)
			g_string_append_printf(text, " %s", fields[i]);
	}
	g_string_append_c(text, '\n');
	g_strfreev(fields);
	g_free(line);
}

static void text_cpuinfo(GString *text)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	for (long i = 0; i < count; i++) {
		char *about = g_strchomp(g_strdup(proc_self.cpuinfo ? proc_self.cpuinfo() : ""));
		g_string_append_printf(text, "processor\t: %ld\n%s\n\n", i, about);
		g_free(about);
	}
}

/* -- which path is which ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;               /* behind /proc/self/ or /proc/self/task/N/ */
	void (*text)(GString *text);
} files[] = {
	{ "maps", text_maps }, { "smaps", text_smaps }, { "cmdline", text_cmdline }, { "environ", text_environ }, { "auxv", text_auxv },
	{ "stat", text_stat },
};

/* Skips "N/" of a number that names this process or, if THREAD, one of its threads. */
static const char *skip_id(const char *path, bool thread)
{
	char *end, task[64];
	if (!isdigit((unsigned char)*path))
		return NULL;
	long id = strtol(path, &end, 10);
	if (*end != '/')
		return NULL;
	if (id != getpid()) {
		if (!thread)
			return NULL;
		snprintf(task, sizeof(task), "/proc/self/task/%ld", id);
		if (access(task, F_OK))
			return NULL;
	}
	return end + 1;
}

/* What follows the folder of this process in PATH, or NULL. */
static const char *own_file(const char *path)
{
	const char *rest = NULL;
	if (strncmp(path, "/proc/", 6))
		return NULL;
	path += 6;
	if (!strncmp(path, "self/", 5))
		rest = path + 5;
	else if (!strncmp(path, "thread-self/", 12))
		rest = path + 12;
	else
		rest = skip_id(path, false);
	if (rest && !strncmp(rest, "task/", 5)) {
		const char *file = skip_id(rest + 5, true);
		if (file)
			rest = file;
	}
	return rest;
}

bool proc_is_exe(const char *path)
{
	const char *file = own_file(path);
	return file && !strcmp(file, "exe");
}

int64_t proc_open(const char *path, int flags)
{
	void (*make)(GString *text) = NULL;
	const char *file = own_file(path);
	if (!strcmp(path, "/proc/cpuinfo"))
		make = text_cpuinfo;
	for (unsigned i = 0; file && i < G_N_ELEMENTS(files); i++)
		if (!strcmp(file, files[i].name))
			make = files[i].text;
	if (!make)
		return PROC_NOT_OURS;
	if ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)
		return -EACCES;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	int fd = memfd_create(file ? file : "cpuinfo", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0)
		return -errno;
	GString *text = g_string_new(NULL);
	make(text);
	gsize done = 0;
	while (done < text->len) {
		ssize_t n = write(fd, text->str + done, text->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	g_string_free(text, TRUE);
	fchmod(fd, 0444);
	lseek(fd, 0, SEEK_SET);
	return fd;
}
