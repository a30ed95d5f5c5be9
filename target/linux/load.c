/* SPDX-License-Identifier: MIT */
/* Finding a program, following "#!", and mapping it and its interpreter as planned by elf.c. */
#include "target/linux/load.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instrument/log.h"
#include "target/linux/abi.h"
#include "target/linux/mm.h"
#include "target/linux/path.h"
#include "target/linux/syscalls.h"
#include "target/linux/task.h"

enum { STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

struct LinuxImage linux_image;

static int status_of(int error)
{
	return error == ENOENT || error == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
}

/* -- finding --------------------------------------------------------------------------------------------------------------- */

/* Opens PATH if it is a file that may be executed: a descriptor, or -errno with a line in *ERROR. */
static int open_executable(const char *path, char **error)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result = 0;
	const char *why = NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		result = -errno;
	else if (S_ISDIR(st.st_mode))
		result = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		result = -EACCES, why = "not a regular file";
	else if (access(path, X_OK) < 0)
		result = -errno, why = errno == EACCES ? "it has no permission to be executed; chmod +x gives it" : NULL;
	if (!result)
		return fd;
	*error = g_strdup_printf("cannot run '%s': %s", path, why ? why : strerror(-result));
	if (fd >= 0)
		close(fd);
	return result;
}

/* Reads the interpreter and its one argument from the first line of a script, as fs/binfmt_script.c of Linux does. LINE holds what was
 * read, NUL behind. Returns 0, -ENOEXEC: malformed. */
static int split_script(char *line, bool cut, char **interpreter, char **argument)
{
	char *end = strchr(line, '\n'), *p = line + 2;
	if (end)
		*end = 0;
	p += strspn(p, " \t");
	*interpreter = p;
	p += strcspn(p, " \t");
	if (cut && !end && !*p)
		return -ENOEXEC;        /* the name itself did not fit */
	if (*p)
		*p++ = 0;
	p += strspn(p, " \t");
	size_t length = strlen(p);
	while (length && (p[length - 1] == ' ' || p[length - 1] == '\t'))
		p[--length] = 0;
	*argument = *p ? p : NULL;
	return **interpreter ? 0 : -ENOEXEC;
}

int load_follow_script(const char *path, char ***argv, char **final, char **error)
{
	enum { DEPTH_MAX = 5, LINE_MAX_KERNEL = 256 };
	char *current = g_strdup(path), buf[PATH_MAX];
	for (unsigned depth = 0;; depth++) {
		char line[LINE_MAX_KERNEL + 1], *interpreter = NULL, *argument = NULL;
		int fd = open_executable(current, error);
		if (fd < 0) {
			if (depth) {
				char *inner = *error;
				*error = g_strdup_printf("%s (the interpreter named in '%s')", inner, path);
				g_free(inner);
			}
			g_free(current);
			return fd;
		}
		ssize_t length = pread(fd, line, LINE_MAX_KERNEL, 0);
		if (length < 2 || line[0] != '#' || line[1] != '!') {
			*final = current;
			return fd;
		}
		close(fd);
		line[length] = 0;
		int result = split_script(line, length == LINE_MAX_KERNEL, &interpreter, &argument);
		if (result || depth == DEPTH_MAX) {
			*error = g_strdup_printf("cannot run '%s': %s", current, result ? "its #! line names no interpreter" : "too many scripts interpret each other");
			g_free(current);
			return result ? result : -ELOOP;
		}
		GPtrArray *vector = g_ptr_array_new();
		g_ptr_array_add(vector, g_strdup(interpreter));
		if (argument)
			g_ptr_array_add(vector, g_strdup(argument));
		g_ptr_array_add(vector, current);
		for (unsigned i = 1; (*argv)[0] && (*argv)[i]; i++)
			g_ptr_array_add(vector, (*argv)[i]);
		g_ptr_array_add(vector, NULL);
		g_free((*argv)[0]);
		g_free(*argv);
		*argv = (char **)g_ptr_array_free(vector, FALSE);
		current = g_strdup(path_resolve(interpreter, true, buf));
	}
}

/* The path of a program named on the command line: as it is if it has a slash or is in the current folder, else from PATH. g_free. */
static char *find_program(const char *name)
{
	char buf[PATH_MAX];
	if (strchr(name, '/')) {
		/* named as it is on the host; a program that only the sysroot has is found there */
		return g_strdup(access(name, F_OK) && *name == '/' ? path_resolve(name, true, buf) : name);
	}
	if (!access(name, F_OK))
		return g_strdup(name);
	const char *path = getenv("PATH");
	char **folders = g_strsplit(path ? path : "/usr/bin:/bin", ":", -1), *found = NULL;
	for (unsigned i = 0; folders[i] && !found; i++) {
		struct stat st;
		char *candidate = g_strdup_printf("%s/%s", *folders[i] ? folders[i] : ".", name);
		const char *resolved = path_resolve(candidate, true, buf);
		if (!stat(resolved, &st) && S_ISREG(st.st_mode) && !access(resolved, X_OK))
			found = g_strdup(resolved);
		g_free(candidate);
	}
	g_strfreev(folders);
	return found ? found : g_strdup(name);
}

/* What people call an ELF machine, as far as they are likely to meet it. */
static const char *machine_name(unsigned machine)
{
	static const struct { unsigned machine; const char *name; } names[] = {
		{ EM_386, "i386" }, { EM_X86_64, "x86_64" }, { EM_ARM, "arm" }, { EM_AARCH64, "aarch64" }, { EM_RISCV, "riscv" },
		{ EM_PPC, "powerpc" }, { EM_PPC64, "powerpc64" }, { EM_MIPS, "mips" }, { EM_S390, "s390x" }, { EM_SPARCV9, "sparc64" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "one it has no name for";
}

struct LinuxProgram *linux_open(const struct LinuxOptions *options, int argc, char **argv, char **error, int *status)
{
	if (!path_init(options->sysroot, error)) {
		*status = 1;
		return NULL;
	}
	char *name = find_program(argv[0]), *path = NULL;
	struct LinuxProgram *program = g_new0(struct LinuxProgram, 1);
	program->options = options;
	program->execfn = g_strdup(strchr(argv[0], '/') ? argv[0] : name);
	program->argv = g_new0(char *, argc + 1);
	for (int i = 0; i < argc; i++)
		program->argv[i] = g_strdup(i == 0 && options->argv0 ? options->argv0 : argv[i]);

	const char *why = NULL;
	struct stat st;
	int fd = load_follow_script(name, &program->argv, &path, error);
	g_free(name);
	if (fd < 0) {
		*status = status_of(-fd);
		goto fail;
	}
	int high = fd_dup_high(fd, F_DUPFD_CLOEXEC);     /* out of the way of plugins' and the guest's own descriptors */
	if (high >= 0) {
		close(fd);
		fd = high;
	}
	program->fd = fd;
	program->path = realpath(path, NULL);
	struct ElfSource source = elf_fd(fd, fstat(fd, &st) < 0 ? 0 : st.st_size);
	*status = STATUS_NOT_EXECUTABLE;
	if (!elf_identify(&source, &program->plan, &why)) {
		*error = g_strdup_printf("cannot run '%s': %s", path, why);
		goto close;
	}
	program->guest = guest_by_elf(program->plan.machine, program->plan.class, program->plan.data);
	if (!program->guest) {
		*error = g_strdup_printf("cannot run '%s': it is a program for an unsupported machine (%s, %s-bit)", path,
					 machine_name(program->plan.machine), program->plan.class == ELFCLASS64 ? "64" : "32");
		goto close;
	}
	if (!elf_parse(&source, &program->plan, &why)) {
		*error = g_strdup_printf("cannot run '%s': %s", path, why);
		goto close;
	}
	if (!program->path)
		program->path = g_strdup(path);
	g_free(path);
	return program;
close:
	close(fd);
fail:
	g_free(path);
	g_strfreev(program->argv);
	g_free(program->execfn);
	free(program->path);
	g_free(program);
	return NULL;
}

const struct Guest *linux_program_guest(const struct LinuxProgram *program)
{
	return program->guest;
}

/* -- mapping ----------------------------------------------------------------------------------------------------------------- */

/* Maps a segment: its part of the file, zeroes to the end of that page, and fresh pages for the rest. 0 or -errno. */
static int64_t map_segment(const struct ElfSegment *segment, uint64_t bias, int fd)
{
	uint64_t start = bias + segment->vaddr, page = start & ~(uint64_t)(MM_PAGE - 1), in_page = start - page;
	uint64_t file_end = start + segment->filesz, memory_end = start + segment->memsz;
	uint64_t fresh = (file_end + MM_PAGE - 1) & ~(uint64_t)(MM_PAGE - 1);
	if (segment->filesz) {
		bool pad = segment->memsz > segment->filesz && file_end % MM_PAGE;
		int64_t result = mm_mmap(page, in_page + segment->filesz, segment->prot | (pad ? PROT_WRITE : 0), MAP_PRIVATE | MAP_FIXED, fd,
					 segment->offset - in_page);
		if (result < 0)
			return result;
		if (pad) {
			memset((void *)file_end, 0, fresh - file_end);
			if (!(segment->prot & PROT_WRITE))
				mm_mprotect(page, fresh - page, segment->prot);
		}
	} else if (in_page == 0) {
		fresh = page;
	}
	if (memory_end <= fresh)
		return 0;
	int64_t result = mm_mmap(fresh, memory_end - fresh, segment->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return result < 0 ? result : 0;
}

/* Chooses where the file goes and maps all its segments: 0 or -errno. WISH: where to, 0: anywhere. */
static int64_t map_plan(const struct ElfPlan *plan, int fd, uint64_t wish, uint64_t *bias)
{
	uint64_t span = plan->high - plan->low;
	*bias = 0;
	if (plan->fixed) {
		int64_t result = plan->high > mm_layout.end ? -ENOMEM :
				 mm_mmap(plan->low, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
		if (result < 0)
			return result;
	} else {
		/* room for the alignment, given back afterwards */
		uint64_t room = span + plan->align - MM_PAGE;
		int64_t at = mm_mmap(wish, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (at < 0)
			return at;
		uint64_t start = (at - plan->low + plan->align - 1) / plan->align * plan->align + plan->low;
		if (start < (uint64_t)at || start + span > at + room)
			start = at;
		if (start > (uint64_t)at)
			mm_munmap(at, start - at);
		if (start + span < at + room)
			mm_munmap(start + span, at + room - (start + span));
		*bias = start - plan->low;
	}
	for (unsigned i = 0; i < plan->nsegments; i++) {
		int64_t result = map_segment(&plan->segments[i], *bias, fd);
		if (result < 0)
			return result;
	}
	/* what lies between segments belongs to nobody */
	uint64_t at = plan->low;
	for (unsigned i = 0; i < plan->nsegments; i++) {
		const struct ElfSegment *segment = &plan->segments[i];
		uint64_t start = segment->vaddr & ~(uint64_t)(MM_PAGE - 1);
		uint64_t end = (segment->vaddr + segment->memsz + MM_PAGE - 1) & ~(uint64_t)(MM_PAGE - 1);
		if (start > at)
			mm_munmap(*bias + at, start - at);
		if (end > at)
			at = end;
	}
	return 0;
}

/* Opens and reads the ELF interpreter. Its descriptor, or -1 with a line in *ERROR. */
static int open_interpreter(struct LinuxProgram *program, char **error, int *status)
{
	char buf[PATH_MAX];
	struct stat st;
	const char *name = program->plan.interpreter, *path = path_resolve(name, true, buf), *why = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		*status = status_of(errno);
		*error = g_strdup_printf("cannot run '%s': its interpreter '%s' cannot be opened: %s; -L names the folder with the libraries of %s", program->path,
					 name, strerror(errno), program->guest->name);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	struct ElfSource source = elf_fd(fd, st.st_size);
	bool good = elf_parse(&source, &program->interpreter, &why);
	if (good && program->interpreter.machine != program->plan.machine) {
		good = false;
		why = "it is for another machine";
	}
	if (!good) {
		*status = STATUS_NOT_EXECUTABLE;
		*error = g_strdup_printf("cannot run '%s': its interpreter '%s' is unusable: %s", program->path, path, why);
		close(fd);
		return -1;
	}
	return fd;
}

static bool map_trampoline(const struct LinuxAbi *abi)
{
	int64_t page = mm_mmap(0, MM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page < 0)
		return false;
	memcpy((void *)page, abi->trampoline, abi->trampoline_size);
	mm_mprotect(page, MM_PAGE, PROT_READ | PROT_EXEC);
	mm_label(page, "[vdso]");
	signal_trampoline = page;
	return true;
}

static void note_image(const struct LinuxProgram *program)
{
	linux_image = (struct LinuxImage){ .path = program->path, .load_bias = program->bias, .start_code = UINT64_MAX,
					   .entry = program->plan.entry + program->bias };
	for (unsigned i = 0; i < program->plan.nsegments; i++) {
		const struct ElfSegment *segment = &program->plan.segments[i];
		if (!(segment->prot & PROT_EXEC))
			continue;
		if (program->bias + segment->vaddr < linux_image.start_code)
			linux_image.start_code = program->bias + segment->vaddr;
		if (program->bias + segment->vaddr + segment->filesz > linux_image.end_code)
			linux_image.end_code = program->bias + segment->vaddr + segment->filesz;
	}
	if (linux_image.start_code == UINT64_MAX)
		linux_image.start_code = 0;
}

bool linux_load(struct LinuxProgram *program, char **error, int *status)
{
	const struct LinuxAbi *abi = program->guest->linux_abi;
	int interpreter = -1;
	if (program->plan.interpreter[0]) {
		interpreter = open_interpreter(program, error, status);
		if (interpreter < 0)
			return false;
	}
	if (program->options->strace)
		log_items |= LOG_STRACE;
	syscall_init();
	mm_init(stack_size(program->options));
	proc_self.exe = program->path;
	proc_self.cpuinfo = abi->cpuinfo;

	int64_t result = map_plan(&program->plan, program->fd, mm_layout.pie_base, &program->bias);
	if (result >= 0) {
		program->entry = program->plan.entry + program->bias;
		mm_set_brk(program->plan.high + program->bias);
		if (interpreter >= 0) {
			result = map_plan(&program->interpreter, interpreter, 0, &program->base);
			program->entry = program->interpreter.entry + program->base;
		}
	}
	if (result >= 0 && !map_trampoline(abi))
		result = -ENOMEM;
	if (result >= 0)
		result = stack_build(program);
	if (interpreter >= 0)
		close(interpreter);
	close(program->fd);
	program->fd = -1;
	if (result < 0) {
		*status = STATUS_NOT_EXECUTABLE;
		*error = g_strdup_printf("cannot run '%s': it cannot be mapped at 0x%llx to 0x%llx: %s", program->path,
					 (unsigned long long)(program->plan.low + program->bias), (unsigned long long)(program->plan.high + program->bias),
					 strerror(-result));
		if (result == -E2BIG) {
			g_free(*error);
			*error = g_strdup_printf("cannot run '%s': its arguments and environment do not fit on its stack; -s makes it larger", program->path);
		}
		return false;
	}
	note_image(program);
	fd_protect_own();
	const char *slash = strrchr(program->path, '/');
	prctl(PR_SET_NAME, slash ? slash + 1 : program->path, 0, 0, 0);
	return true;
}

/* -- which file an address belongs to ------------------------------------------------------------------------------------------- */

struct ModuleCall {
	void (*fn)(const char *path, uint64_t start, uint64_t end, uint64_t offset, void *data);
	void *data;
};

static void module_range(const struct MmRange *range, void *data)
{
	struct ModuleCall *call = data;
	if (range->prot & PROT_EXEC && range->path[0] == '/' && range->ino)
		call->fn(range->path, range->start, range->end, range->offset, call->data);
}

void linux_for_each_module(void (*fn)(const char *path, uint64_t start, uint64_t end, uint64_t offset, void *data), void *data)
{
	mm_for_each(module_range, &(struct ModuleCall){ fn, data });
}

struct ModuleSearch {
	uint64_t addr;
	struct MmRange found;
	char *path;
};

static void module_match(const struct MmRange *range, void *data)
{
	struct ModuleSearch *search = data;
	if (range->start <= search->addr && search->addr < range->end && range->path[0] == '/' && range->ino) {
		search->found = *range;
		search->path = g_strdup(range->path);
	}
}

bool linux_find_module(uint64_t addr, char **path, uint64_t *start, uint64_t *end, uint64_t *offset)
{
	struct ModuleSearch search = { .addr = addr };
	mm_for_each(module_match, &search);
	if (!search.path)
		return false;
	*path = search.path;
	*start = search.found.start;
	*end = search.found.end;
	*offset = search.found.offset;
	return true;
}
