/* SPDX-License-Identifier: MIT */
/* Threads that call the kernel, begin and end without pause, while the process makes children that do the same. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 25 };

static _Atomic int stop;

static void *nothing(void *data)
{
	getppid();
	return data;
}

static void *call(void *data)
{
	while (!stop) {
		getppid();
		*(volatile int *)data += 1;
	}
	return NULL;
}

static void *make_threads(void *data)
{
	pthread_t thread;

	while (!stop) {
		pthread_create(&thread, NULL, nothing, data);
		pthread_join(thread, NULL);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[3];
	int count[2] = { 0, 0 }, good = 0;

	pthread_create(&threads[0], NULL, call, &count[0]);
	pthread_create(&threads[1], NULL, call, &count[1]);
	pthread_create(&threads[2], NULL, make_threads, NULL);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();
		int status = -1;
		if (pid == 0) {
			pthread_t thread;
			getppid();
			pthread_create(&thread, NULL, nothing, NULL);
			pthread_join(thread, NULL);
			_exit(5);
		}
		good += waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5;
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("%d children\n", good);
	return 0;
}
