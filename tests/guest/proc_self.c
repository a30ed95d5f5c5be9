/* SPDX-License-Identifier: MIT */
/* The process as it sees itself: arguments, environment, auxiliary vector, and the files of /proc/self. */
/* args: one "two words" "" */
/* expect:
4 arguments [one] [two words] []
environment
auxiliary vector
exe
cmdline
auxv
maps
stat
status
fd
*/
#include "must.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static char *slurp(const char *path, size_t *size)
{
	static char text[1 << 18];
	int fd = open(path, O_RDONLY);
	ssize_t n, total = 0;

	MUST(fd >= 0);
	while ((n = read(fd, text + total, 1000)) > 0)
		total += n;
	MUST(n == 0 && close(fd) == 0 && total < (ssize_t)sizeof text - 1);
	text[total] = 0;
	if (size)
		*size = total;
	return text;
}

/* The permissions of the mapping with ADDRESS in /proc/self/maps into PERMISSIONS; the rest of the line after the inode is returned. */
static const char *mapping(const void *address, char permissions[5])
{
	static char name[PATH_MAX];
	unsigned long low, high, previous = 0;
	int at;

	for (char *line = strtok(slurp("/proc/self/maps", NULL), "\n"); line; line = strtok(NULL, "\n")) {
		MUST(sscanf(line, "%lx-%lx %4s %*x %*x:%*x %*u%n", &low, &high, permissions, &at) >= 3 && low < high && low >= previous);
		previous = high;
		if ((unsigned long)address >= low && (unsigned long)address < high)
			return strcpy(name, line + at + strspn(line + at, " "));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	char exe[PATH_MAX] = { 0 }, path[PATH_MAX], permissions[5];
	struct stat a, b;
	size_t size;

	printf("%d arguments [%s] [%s] [%s]\n", argc, argv[1], argv[2], argv[3]);
	MUST(!argv[argc] && environ == argv + argc + 1 && getenv("PATH") && setenv("ADDED", "x", 1) == 0 && !strcmp(getenv("ADDED"), "x"));
	puts("environment");

	MUST(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_PHDR) && getauxval(AT_PHNUM) > 2 && getauxval(AT_ENTRY) && getauxval(AT_CLKTCK) == 100);
	MUST(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid() && getauxval(AT_SECURE) == 0 && getauxval(AT_RANDOM));
	MUST(((Elf64_Phdr *)getauxval(AT_PHDR))->p_type != PT_NULL && *(char *)getauxval(AT_EXECFN));
#ifdef __riscv
	unsigned long letters = getauxval(AT_HWCAP);
	for (const char *c = "imafdc"; *c; c++)
		MUST(letters & 1UL << (*c - 'a'));
#endif
	puts("auxiliary vector");

	MUST(readlink("/proc/self/exe", exe, sizeof exe) > 0 && realpath(argv[0], path) && !strcmp(exe, path));
	MUST(stat("/proc/self/exe", &a) == 0 && stat(argv[0], &b) == 0 && a.st_ino == b.st_ino);
	snprintf(path, sizeof path, "/proc/%d/exe", getpid());
	memset(exe, 0, sizeof exe);
	MUST(readlink(path, exe, 4) == 4 && readlink("/proc/thread-self/exe", path, sizeof path) > 0);
	int fd = open("/proc/self/exe", O_RDONLY);
	Elf64_Ehdr header;
	MUST(read(fd, &header, sizeof header) == sizeof header && !memcmp(header.e_ident, ELFMAG, 4) && close(fd) == 0);
#ifdef __riscv
	MUST(header.e_machine == EM_RISCV);
#endif
	puts("exe");

	const char *c = slurp("/proc/self/cmdline", &size);
	size_t want = 0;
	for (int i = 0; i < argc; i++) {
		MUST(want < size && !strcmp(c + want, argv[i]));
		want += strlen(argv[i]) + 1;
	}
	MUST(want == size);
	puts("cmdline");

	Elf64_auxv_t *v = (Elf64_auxv_t *)slurp("/proc/self/auxv", &size);
	int n = 0, entry = 0;
	for (; v[n].a_type != AT_NULL; n++)
		entry += v[n].a_type == AT_ENTRY && v[n].a_un.a_val == getauxval(AT_ENTRY);
	MUST(entry == 1 && size % sizeof *v == 0);
	puts("auxv");

	const char *name;
	static int data = 1;
	char *map = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST((name = mapping((void *)main, permissions)) && !strcmp(permissions, "r-xp") && strstr(name, "proc_self"));
	MUST(mapping(&data, permissions) && !strcmp(permissions, "rw-p") && mapping(map, permissions) && !strcmp(permissions, "r--p"));
	MUST((name = mapping(&size, permissions)) && !strncmp(permissions, "rw", 2) && !strcmp(name, "[stack]"));
	MUST((name = mapping((char *)sbrk(4096), permissions)) && !strcmp(name, "[heap]") && !mapping((void *)8, permissions));
	MUST(munmap(map, 4096) == 0 && !mapping(map, permissions) && mapping(map + 4096, permissions));
	puts("maps");

	int pid, parent;
	char comm[64], state;
	unsigned long start, end, stack;
	const char *s = slurp("/proc/self/stat", &size);
	MUST(sscanf(s, "%d (%63[^)]) %c %d", &pid, comm, &state, &parent) == 4 && state == 'R');
	/* /proc may number processes as another pid namespace does */
	memset(exe, 0, sizeof exe);
	MUST(readlink("/proc/self", exe, sizeof exe - 1) > 0 && pid == atoi(exe) && (pid != getpid() || parent == getppid()));
	MUST(!strncmp(comm, "proc_self", 9));
	const char *field = strrchr(s, ')') + 2;
	for (int i = 3; i < 26; i++)
		field = strchr(field, ' ') + 1;
	MUST(sscanf(field, "%lu %lu %lu", &start, &end, &stack) == 3 && stack > (unsigned long)&size && stack - (unsigned long)&size < 1 << 20);
	puts("stat");
	MUST(strstr(slurp("/proc/self/status", NULL), "\nPid:\t") && strstr(slurp("/proc/self/comm", NULL), "proc_self") && slurp("/proc/self/limits", NULL));
	puts("status");
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd = open(".", O_RDONLY));
	MUST(readlink(path, exe, sizeof exe) > 0 && stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino);
	puts("fd");
	return 0;
}
