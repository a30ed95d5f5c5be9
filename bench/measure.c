/* SPDX-License-Identifier: MIT */
/* Runs a command and writes its processor seconds, peak KiB and seconds by the clock to a file. A program of its own, because the kernel counts
 * into a child's peak memory what its parent held at the fork: this one holds next to nothing.
 *
 * usage: measure FILE COMMAND [ARGUMENTS...]      exit status: the command's, 128 and more if it died of a signal */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	struct timespec start, end;
	int status;

	if (argc < 3)
		return 125;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t child = fork();
	if (child < 0)
		return 125;
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (wait4(child, &status, 0, &usage) != child)
		return 125;
	clock_gettime(CLOCK_MONOTONIC, &end);
	FILE *file = fopen(argv[1], "w");
	if (!file)
		return 125;
	fprintf(file, "%.6f %ld %.6f\n", usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		usage.ru_maxrss, end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9);
	fclose(file);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
