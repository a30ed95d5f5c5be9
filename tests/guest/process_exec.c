/* SPDX-License-Identifier: MIT */
/* execve of itself: arguments, environment, what is kept and what is not; its errors, which must come back to a program that still works. */
/* expect:
arguments: [zero] [one] [] [three four] [-x]
environment: A=1 B=
mask kept: 1
ignored kept: 1, handler to default: 1
pending kept: 1
close-on-exec: closed 1, other open 1
pid kept: 1
stack limit kept: 1
no file: ENOENT
empty name: ENOENT
no folder: ENOTDIR
folder: EACCES
no permission: EACCES
no program: ENOEXEC
bad pointers: EFAULT EFAULT EFAULT
too long: E2BIG
name too long: ENAMETOOLONG
loop: ELOOP
still working: handler 1
script: [first arg] [script] [one] [two]
script of a script: [script2] [x]
script, interpreter missing: ENOENT
fexecve: [zero] [f]
execveat, folder: [zero] [at]
relative: [zero] [rel]
no arguments: 1
-dash: [zero] [d]
chain: 10
*/
#include "must.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char self[4096];
static volatile int handled;
static char *volatile nowhere = (char *)16;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	handled++;
}

static const char *error(int result)
{
	static const struct { int number; const char *name; } names[] = {
		{ ENOENT, "ENOENT" }, { ENOTDIR, "ENOTDIR" }, { EACCES, "EACCES" }, { ENOEXEC, "ENOEXEC" }, { EFAULT, "EFAULT" }, { E2BIG, "E2BIG" },
		{ ENAMETOOLONG, "ENAMETOOLONG" }, { ELOOP, "ELOOP" },
	};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (result == -1 && errno == names[i].number)
			return names[i].name;
	return strerror(errno);
}

static void show(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("%s[%s]", i ? " " : "", argv[i]);
	printf("\n");
}

/* What the program does when it has been executed: by argv[0] or argv[1]. */
static int executed(int argc, char **argv)
{
	struct sigaction ignored, caught;
	struct rlimit stack;
	sigset_t pending;

	if (!strcmp(argv[0], "zero")) {
		if (argc == 5) {
			printf("arguments: ");
			show(argc, argv);
			printf("environment:");
			for (char **p = environ; *p; p++)
				printf(" %s", *p);
			printf("\n");
			return 0;
		}
		show(argc, argv);
		return 0;
	}
	if (!strcmp(argv[0], "kept")) {
		sigaction(SIGHUP, NULL, &ignored);
		sigaction(SIGUSR1, NULL, &caught);
		sigpending(&pending);
		printf("mask kept: %d\n", blocked(SIGUSR2) && blocked(SIGSEGV) && !blocked(SIGUSR1));
		printf("ignored kept: %d, handler to default: %d\n", ignored.sa_handler == SIG_IGN, caught.sa_handler == SIG_DFL);
		printf("pending kept: %d\n", sigismember(&pending, SIGUSR2));
		printf("close-on-exec: closed %d, other open %d\n", fcntl(atoi(argv[1]), F_GETFD) < 0, fcntl(atoi(argv[2]), F_GETFD) == 0);
		printf("pid kept: %d\n", getpid() == atoi(argv[3]));
		printf("stack limit kept: %d\n", getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur == 5 << 20);
		return 0;
	}
	if (!strcmp(argv[0], "chain")) {
		char number[16], *args[] = { "chain", number, NULL };
		int n = atoi(argv[1]);
		if (n == 10)
			return n;
		snprintf(number, sizeof number, "%d", n + 1);
		execv("/proc/self/exe", args);
		return 99;
	}
	/* called as an interpreter: the first argument says which script */
	if (argc > 2 && !strcmp(argv[1], "first arg")) {
		printf("script: [%s] [%s]", argv[1], strrchr(argv[2], '/') ? strrchr(argv[2], '/') + 1 : argv[2]);
		for (int i = 3; i < argc; i++)
			printf(" [%s]", argv[i]);
		printf("\n");
		return 0;
	}
	if (argc > 1 && strstr(argv[1], "script")) {
		printf("script of a script: [%s]", strstr(argv[argc - 2], "script2"));
		printf(" [%s]\n", argv[argc - 1]);
		return 0;
	}
	return 1;
}

static pid_t begin(void)
{
	fflush(stdout);
	return fork();
}

static int end(pid_t pid)
{
	int status;
	MUST(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void make(const char *name, const char *text, int mode)
{
	FILE *file = fopen(name, "w");
	MUST(file && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(name, mode) == 0);
}

static void kept(void)
{
	char numbers[3][16], *args[] = { "kept", numbers[0], numbers[1], numbers[2], NULL };
	int closed = open("/dev/null", O_RDONLY | O_CLOEXEC), stays = open("/dev/null", O_RDONLY);

	struct rlimit stack;

	MUST(getrlimit(RLIMIT_STACK, &stack) == 0);
	stack.rlim_cur = 5 << 20;
	MUST(setrlimit(RLIMIT_STACK, &stack) == 0);
	signal(SIGHUP, SIG_IGN);
	handle(SIGUSR1, note, 0);
	set_mask(SIG_BLOCK, SIGUSR2);
	set_mask(SIG_BLOCK, SIGSEGV);
	raise(SIGUSR2);
	snprintf(numbers[0], 16, "%d", closed);
	snprintf(numbers[1], 16, "%d", stays);
	snprintf(numbers[2], 16, "%d", getpid());
	execv(self, args);
	_exit(1);
}

static void errors(void)
{
	char *args[] = { "x", NULL }, *empty[] = { NULL };
	static char huge[200000], name[5000];
	char *long_args[] = { "x", huge, NULL };

	printf("no file: %s\n", error(execv("nothing-here", args)));
	printf("empty name: %s\n", error(execv("", args)));
	printf("no folder: %s\n", error(execv("/dev/null/x", args)));
	printf("folder: %s\n", error(execv("/", args)));
	make("plain", "just text\n", 0644);
	printf("no permission: %s\n", error(execv("./plain", args)));
	chmod("plain", 0755);
	printf("no program: %s\n", error(execv("./plain", args)));
	printf("bad pointers: %s", error(execve(nowhere, args, empty)));
	printf(" %s", error(execve(self, (char **)nowhere, empty)));
	args[0] = nowhere;
	printf(" %s\n", error(execve(self, args, empty)));
	memset(huge, 'x', sizeof huge - 1);
	printf("too long: %s\n", error(execv(self, long_args)));
	memset(name, 'x', sizeof name - 1);
	printf("name too long: %s\n", error(execv(name, long_args)));
	MUST(symlink("loop", "loop") == 0);
	printf("loop: %s\n", error(execv("loop", args)));
	unlink("loop");
	handle(SIGUSR1, note, 0);
	raise(SIGUSR1);
	printf("still working: handler %d\n", handled);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/execXXXXXX", text[5000];
	char *plain[] = { "zero", "one", "", "three four", "-x", NULL }, *variables[] = { "A=1", "B=", NULL };
	char *script[] = { "ignored", "one", "two", NULL }, *script2[] = { "ignored", "x", NULL };
	char *f[] = { "zero", "f", NULL }, *at[] = { "zero", "at", NULL }, *rel[] = { "zero", "rel", NULL }, *dash[] = { "zero", "d", NULL };
	char *none[] = { NULL }, *chain[] = { "chain", "0", NULL };
	pid_t pid;

	if (argc == 0 || (argc == 1 && !*argv[0]))
		return 1;
	if (argc > 1)
		return executed(argc, argv);
	MUST(readlink("/proc/self/exe", self, sizeof self - 1) > 0 && mkdtemp(folder) && chdir(folder) == 0);
	if (!(pid = begin()))
		execve(self, plain, variables);
	MUST(end(pid) == 0);
	if (!(pid = begin()))
		kept();
	MUST(end(pid) == 0);
	errors();

	snprintf(text, sizeof text, "#!%s first arg\n", self);
	make("script", text, 0755);
	if (!(pid = begin()))
		execv("./script", script);
	MUST(end(pid) == 0);
	snprintf(text, sizeof text, "#!%s\n", self);
	make("script1", text, 0755);
	snprintf(text, sizeof text, "#! %s/script1\n", folder);
	make("script2", text, 0755);
	if (!(pid = begin()))
		execv("./script2", script2);
	MUST(end(pid) == 0);
	make("script3", "#!/nowhere/at/all\n", 0755);
	printf("script, interpreter missing: %s\n", error(execv("./script3", script)));

	printf("fexecve: ");
	if (!(pid = begin())) {
		struct rlimit few = { 100, 100 };       /* few descriptors */
		MUST(setrlimit(RLIMIT_NOFILE, &few) == 0);
		fexecve(open(self, O_RDONLY | O_CLOEXEC), f, environ);
	}
	MUST(end(pid) == 0);
	MUST(symlink(self, "link") == 0 && link("plain", "other") == 0);
	printf("execveat, folder: ");
	if (!(pid = begin())) {
		int fd = open(folder, O_RDONLY | O_DIRECTORY);
		MUST(chdir("/") == 0);
		syscall(SYS_execveat, fd, "link", at, environ, 0);
	}
	MUST(end(pid) == 0);
	printf("relative: ");
	if (!(pid = begin()))
		execv("link", rel);
	MUST(end(pid) == 0);
	if (!(pid = begin()))
		execv(self, none);
	printf("no arguments: %d\n", end(pid));
	MUST(symlink(self, "-dash") == 0);
	printf("-dash: ");
	if (!(pid = begin()))
		execv("-dash", dash);
	MUST(end(pid) == 0);
	if (!(pid = begin()))
		execv(self, chain);
	printf("chain: %d\n", end(pid));
	static const char *const files[] = { "script", "script1", "script2", "script3", "link", "other", "plain", "-dash" };
	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	rmdir(folder);
	return 0;
}
