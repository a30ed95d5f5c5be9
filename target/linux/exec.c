/* SPDX-License-Identifier: MIT */
/* execve and execveat. A guest program is run by forerun anew, with the options it runs under now; a program of the host's own is executed as it is. What
 * the kernel would refuse is found out and told to the guest before the plugins are ended. */
#include "target/linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "target/linux/load.h"
#include "target/linux/path.h"
#include "target/linux/signal.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

/* -- forerun itself ------------------------------------------------------------------------------------------------------ */

static struct {
	char path[PATH_MAX];
	dev_t dev;
	ino_t ino;
	unsigned machine, class;        /* of the host's programs */
	const char *const *forward;
} self;

void exec_init(const struct LinuxOptions *options)
{
	struct stat st = { 0 };
	struct ElfPlan plan = { 0 };
	const char *why;
	ssize_t length = readlink("/proc/self/exe", self.path, sizeof self.path - 1);

	self.path[length > 0 ? length : 0] = 0;
	self.forward = options->forward;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0) {
		struct ElfSource source = elf_fd(fd, st.st_size);
		if (elf_identify(&source, &plan, &why)) {
			self.machine = plan.machine;
			self.class = plan.class;
		}
		self.dev = st.st_dev;
		self.ino = st.st_ino;
	}
	close(fd);
}

/* A path to execute forerun by: its name, so that it is listed under that, while the name still leads to it. */
static const char *self_path(void)
{
	struct stat st;

	return stat(self.path, &st) == 0 && st.st_dev == self.dev && st.st_ino == self.ino ? self.path : "/proc/self/exe";
}

/* -- what is to be executed ------------------------------------------------------------------------------------------------ */

/* All of a call of exec. Belongs to the task, whose process may share memory with its parent: task_free() frees what a successful exec left. */
struct Exec {
	char path[PATH_MAX];            /* host path */
	GPtrArray *argv, *envp;         /* strings of the guest's, not copied, and ours; NULL-terminated */
	char *made;                     /* a string of ours in argv */
	bool guest;
};

void exec_free(struct Exec *exec)
{
	if (!exec)
		return;
	g_ptr_array_free(exec->argv, TRUE);
	g_ptr_array_free(exec->envp, TRUE);
	g_free(exec->made);
	g_free(exec);
}

enum { STRING_MAX = 131072 };           /* MAX_ARG_STRLEN: bytes of one string, NUL included */

/* Appends the guest's vector of strings at ADDR (0: empty) and adds its size to *BYTES. 0 or -errno. */
static int64_t read_vector(uint64_t addr, GPtrArray *vector, uint64_t *bytes)
{
	for (; addr; addr += sizeof(uint64_t)) {
		uint64_t string;
		char first;
		if (!guest_read(&string, addr, sizeof string))
			return -EFAULT;
		if (!string)
			break;
		int64_t length = guest_strnlen(string, STRING_MAX);
		if (length < 0)
			return guest_read(&first, string, 1) && guest_read(&first, string + STRING_MAX - 1, 1) ? -E2BIG : -EFAULT;
		*bytes += length + 1 + sizeof(char *);
		g_ptr_array_add(vector, (void *)(uintptr_t)string);
	}
	return 0;
}

/* The room for arguments and environment, as the kernel reckons it. */
static uint64_t vectors_limit(void)
{
	enum { ARG_MAX_KERNEL = 131072, STACK_DEFAULT = 8 << 20 };
	uint64_t limit = STACK_DEFAULT / 4 * 3;

	if (limit_of_stack() / 4 < limit)
		limit = limit_of_stack() / 4;
	return limit < ARG_MAX_KERNEL ? ARG_MAX_KERNEL : limit;
}

/* Whether the ELF file FD is a guest's or the host's: 0 or -errno. */
static int64_t classify(int fd, bool *guest)
{
	struct ElfPlan plan;
	struct stat st;
	const char *why;
	char buf[PATH_MAX];

	if (fstat(fd, &st) != 0)
		return -errno;
	struct ElfSource source = elf_fd(fd, st.st_size);
	if (!elf_identify(&source, &plan, &why))
		return -ENOEXEC;
	*guest = !(plan.machine == self.machine && plan.class == self.class);
	if (!*guest)
		return 0;
	if (!guest_by_elf(plan.machine, plan.class, plan.data) || !elf_parse(&source, &plan, &why))
		return -ENOEXEC;
	if (*plan.interpreter && access(path_resolve(plan.interpreter, true, buf), F_OK) != 0)
		return -errno;
	return 0;
}

/* Finds out what the file at EXEC's path is. 0 or -errno. */
static int64_t look_at(struct Exec *exec)
{
	char **argv = g_new0(char *, 2), *final = NULL, *error = NULL;

	argv[0] = g_strdup("");
	int64_t result = load_follow_script(exec->path, &argv, &final, &error);
	if (result >= 0) {
		int fd = result;
		result = classify(fd, &exec->guest);
		close(fd);
	} else if (result == -EISDIR) {
		result = -EACCES;
	} else if (result == -EACCES && faccessat(AT_FDCWD, exec->path, X_OK, AT_EACCESS) == 0) {
		result = 0;             /* to be executed but not to be read: the host's, if anybody's */
	}
	g_strfreev(argv);
	g_free(final);
	g_free(error);
	return result;
}

/* -- doing it ----------------------------------------------------------------------------------------------------------------- */

/* Puts forerun and its options before the guest's arguments. */
static void prepend_self(struct Exec *exec, uint64_t *bytes)
{
	const char *argv0 = exec->argv->len ? exec->argv->pdata[0] : "";
	GPtrArray *argv = g_ptr_array_new();

	g_ptr_array_add(argv, "forerun");
	for (unsigned i = 0; self.forward && self.forward[i]; i++)
		g_ptr_array_add(argv, (void *)self.forward[i]);
	g_ptr_array_add(argv, "-0");
	g_ptr_array_add(argv, (void *)argv0);
	/* a name that begins with '-' is no option, one without '/' is not looked for on PATH */
	exec->made = strchr(exec->path, '/') ? NULL : g_strconcat("./", exec->path, NULL);
	g_ptr_array_add(argv, exec->made ? exec->made : exec->path);
	for (unsigned i = 0; i < argv->len; i++)
		*bytes += strlen(argv->pdata[i]) + 1 + sizeof(char *);
	for (unsigned i = 1; i < exec->argv->len; i++)
		g_ptr_array_add(argv, exec->argv->pdata[i]);
	g_ptr_array_free(exec->argv, TRUE);
	exec->argv = argv;
}

/* Everything is known to be in order. Returns -errno if the kernel thinks otherwise. */
static int64_t execute(struct Task *task, struct Exec *exec)
{
	bool alone = !task->vfork_child;

	log_flush();
	if (alone) {
		process_stop_other_tasks();
		process_report();
	}
	signal_exec(task);
	limit_pass_on();
	int64_t result = host_syscall(SYS_execve, exec->guest ? self_path() : exec->path, exec->argv->pdata, exec->envp->pdata);
	signal_exec_failed(task);
	if (alone)
		process_resume_other_tasks();
	return result;
}

static int64_t run_exec(struct Task *task, struct Exec *exec, uint64_t argv, uint64_t envp)
{
	uint64_t bytes = strlen(exec->path) + 1;
	int64_t result;

	/* the kernel looks for the file before it looks at the strings, but for bad pointers */
	if ((result = look_at(exec)) != 0 || (result = read_vector(argv, exec->argv, &bytes)) != 0 || (result = read_vector(envp, exec->envp, &bytes)) != 0)
		return result;
	if (exec->guest)
		prepend_self(exec, &bytes);
	if (bytes > vectors_limit())
		return -E2BIG;
	g_ptr_array_add(exec->argv, NULL);
	g_ptr_array_add(exec->envp, NULL);
	return execute(task, exec);
}

static struct Exec *new_exec(struct Task *task)
{
	exec_free(task->exec);
	task->exec = g_new0(struct Exec, 1);
	task->exec->argv = g_ptr_array_new();
	task->exec->envp = g_ptr_array_new();
	return task->exec;
}

/* Ends a call of exec that has failed. */
static int64_t fail_exec(struct Task *task, int64_t result)
{
	exec_free(task->exec);
	task->exec = NULL;
	signal_open_mask(task);
	return result;
}

int64_t sys_execve(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	char from[PATH_MAX], buf[PATH_MAX];

	if (!signal_hold(task))
		return -GUEST_ERESTARTNOINTR;
	struct Exec *exec = new_exec(task);
	int64_t result = path_read(a[0], from);
	if (result == 0 && !*from)
		result = -ENOENT;
	if (result == 0) {
		g_strlcpy(exec->path, path_resolve(from, true, buf), sizeof exec->path);
		result = run_exec(task, exec, a[1], a[2]);
	}
	return fail_exec(task, result);
}

/* A path that leads to the file FD now and in the next program. *KEPT: a descriptor that the next program inherits for it, or -1. */
static int64_t path_of_fd(int fd, char path[PATH_MAX], int *kept)
{
	char link[64];
	struct stat wanted, found;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	path[length] = 0;
	if (fstat(fd, &wanted) == 0 && stat(path, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino)
		return 0;
	*kept = fd_dup_high(fd, F_DUPFD);
	snprintf(path, PATH_MAX, "/proc/self/fd/%d", *kept);
	return *kept < 0 ? -errno : 0;
}

int64_t sys_execveat(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	int dirfd = (int)a[0], flags = (int)a[4], fd = -1, kept = -1;
	char from[PATH_MAX], buf[PATH_MAX];

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (!signal_hold(task))
		return -GUEST_ERESTARTNOINTR;
	struct Exec *exec = new_exec(task);
	int64_t result = path_read(a[1], from);
	if (result == 0 && !*from && !(flags & AT_EMPTY_PATH))
		result = -ENOENT;
	if (result == 0) {
		bool named = *from == '/' || (*from && dirfd == AT_FDCWD);
		fd = *from ? openat(dirfd, named ? path_resolve(from, true, buf) : from, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0)) :
			     fd_dup_high(dirfd, F_DUPFD_CLOEXEC);
		struct stat st;
		if (fd < 0 || fstat(fd, &st) != 0)
			result = -errno;
		else if (S_ISLNK(st.st_mode))
			result = -ELOOP;
		else if (named)
			g_strlcpy(exec->path, path_resolve(from, true, buf), sizeof exec->path);
		else
			result = path_of_fd(fd, exec->path, &kept);
	}
	if (result == 0)
		result = run_exec(task, exec, a[2], a[3]);
	if (fd >= 0)
		close(fd);
	if (kept >= 0)
		close(kept);
	return fail_exec(task, result);
}
