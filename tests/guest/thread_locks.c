/* SPDX-License-Identifier: MIT */
/* Mutexes whose owner dies, with and without priority inheritance, and timed and error-checking ones. */
/* expect:
robust, thread ends: EOWNERDEAD, consistent 0, again 0
robust, waiting while the owner ends: EOWNERDEAD
robust, trylock after join: EOWNERDEAD
robust, not made consistent: ENOTRECOVERABLE
robust, shared, process ends: EOWNERDEAD
robust, shared, process killed: EOWNERDEAD
robust, shared, process execs: EOWNERDEAD
inheriting: 40000
inheriting, robust: EOWNERDEAD
inheriting, waiting while the owner ends: EOWNERDEAD
inheriting, condition: 100
timed: ETIMEDOUT
inheriting, timed: ETIMEDOUT
error checking: EDEADLK, EPERM
recursive: 0 0
*/
#include "must.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *name(int error)
{
	switch (error) {
	case EOWNERDEAD: return "EOWNERDEAD";
	case ENOTRECOVERABLE: return "ENOTRECOVERABLE";
	case ETIMEDOUT: return "ETIMEDOUT";
	case EDEADLK: return "EDEADLK";
	case EPERM: return "EPERM";
	case EBUSY: return "EBUSY";
	case 0: return "0";
	default: return strerror(error);
	}
}

static void make(pthread_mutex_t *mutex, int type, int robust, int shared, int protocol)
{
	pthread_mutexattr_t attributes;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutexattr_setrobust(&attributes, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setpshared(&attributes, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	MUST(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
	MUST(pthread_mutex_init(mutex, &attributes) == 0);
}

static void *lock_and_end(void *mutex)
{
	pthread_mutex_lock(mutex);
	return NULL;
}

/* Set once another thread or process has the mutex; shared with children. */
static volatile int *owned;

static void wait_until_owned(void)
{
	while (!*owned)
		usleep(1000);
	*owned = 0;
}

static void *lock_wait_and_end(void *mutex)
{
	pthread_mutex_lock(mutex);
	*owned = 1;
	usleep(50000);
	return NULL;
}

static int after_thread(pthread_mutex_t *mutex, void *(*function)(void *), int join)
{
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, function, mutex) == 0);
	if (join)
		pthread_join(thread, NULL);
	else
		wait_until_owned();
	int error = pthread_mutex_lock(mutex);
	if (!join)
		pthread_join(thread, NULL);
	return error;
}

static int after_process(pthread_mutex_t *mutex, int how, char **argv)
{
	pid_t pid = fork();
	if (!pid) {
		char *args[] = { argv[0], "end", NULL };
		pthread_mutex_lock(mutex);
		*owned = 1;
		if (how == 1)
			raise(SIGKILL);
		if (how == 2)
			execv("/proc/self/exe", args);
		_exit(0);
	}
	wait_until_owned();
	int error = pthread_mutex_lock(mutex);
	waitpid(pid, NULL, 0);
	if (error == EOWNERDEAD)
		pthread_mutex_consistent(mutex);
	pthread_mutex_unlock(mutex);
	return error;
}

static pthread_mutex_t inheriting;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static int ball;

static void *count(void *data)
{
	for (int i = 0; i < 10000; i++) {
		pthread_mutex_lock(&inheriting);
		counter++;
		pthread_mutex_unlock(&inheriting);
	}
	return data;
}

static void *play(void *data)
{
	pthread_mutex_lock(&inheriting);
	for (int i = 0; i < 50; i++) {
		while (ball % 2 != 1)
			pthread_cond_wait(&condition, &inheriting);
		ball++;
		pthread_cond_signal(&condition);
	}
	pthread_mutex_unlock(&inheriting);
	return data;
}

static void *try_timed(void *mutex)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 30000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_nsec -= 1000000000, until.tv_sec++;
	return (void *)(long)pthread_mutex_timedlock(mutex, &until);
}

static const char *timed(pthread_mutex_t *mutex)
{
	pthread_t thread;
	void *result;
	pthread_mutex_lock(mutex);
	pthread_create(&thread, NULL, try_timed, mutex);
	pthread_join(thread, &result);
	pthread_mutex_unlock(mutex);
	return name((long)result);
}

int main(int argc, char **argv)
{
	pthread_mutex_t mutex;
	pthread_t threads[4], thread;

	if (argc > 1)
		return 0;
	owned = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make(&mutex, PTHREAD_MUTEX_NORMAL, 1, 0, PTHREAD_PRIO_NONE);
	int error = after_thread(&mutex, lock_and_end, 1), consistent = pthread_mutex_consistent(&mutex);
	pthread_mutex_unlock(&mutex);
	printf("robust, thread ends: %s, consistent %d, again %d\n", name(error), consistent, pthread_mutex_lock(&mutex));
	pthread_mutex_unlock(&mutex);
	error = after_thread(&mutex, lock_wait_and_end, 0);
	printf("robust, waiting while the owner ends: %s\n", name(error));
	pthread_mutex_consistent(&mutex);
	pthread_mutex_unlock(&mutex);
	MUST(pthread_create(&thread, NULL, lock_and_end, &mutex) == 0);
	pthread_join(thread, NULL);
	printf("robust, trylock after join: %s\n", name(pthread_mutex_trylock(&mutex)));
	pthread_mutex_unlock(&mutex);
	printf("robust, not made consistent: %s\n", name(pthread_mutex_lock(&mutex)));

	pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make(shared, PTHREAD_MUTEX_NORMAL, 1, 1, PTHREAD_PRIO_NONE);
	fflush(stdout);
	static const char *const how[] = { "ends", "killed", "execs" };
	for (int i = 0; i < 3; i++)
		printf("robust, shared, process %s: %s\n", how[i], name(after_process(shared, i, argv))), fflush(stdout);

	make(&inheriting, PTHREAD_MUTEX_NORMAL, 0, 0, PTHREAD_PRIO_INHERIT);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, count, NULL) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("inheriting: %ld\n", counter);
	make(&mutex, PTHREAD_MUTEX_NORMAL, 1, 0, PTHREAD_PRIO_INHERIT);
	printf("inheriting, robust: %s\n", name(after_thread(&mutex, lock_and_end, 1)));
	pthread_mutex_consistent(&mutex);
	pthread_mutex_unlock(&mutex);
	printf("inheriting, waiting while the owner ends: %s\n", name(after_thread(&mutex, lock_wait_and_end, 0)));

	MUST(pthread_create(&thread, NULL, play, NULL) == 0);
	pthread_mutex_lock(&inheriting);
	for (int i = 0; i < 50; i++) {
		while (ball % 2 != 0)
			pthread_cond_wait(&condition, &inheriting);
		ball++;
		pthread_cond_signal(&condition);
	}
	pthread_mutex_unlock(&inheriting);
	pthread_join(thread, NULL);
	printf("inheriting, condition: %d\n", ball);

	make(&mutex, PTHREAD_MUTEX_NORMAL, 0, 0, PTHREAD_PRIO_NONE);
	printf("timed: %s\n", timed(&mutex));
	printf("inheriting, timed: %s\n", timed(&inheriting));
	make(&mutex, PTHREAD_MUTEX_ERRORCHECK, 0, 0, PTHREAD_PRIO_NONE);
	pthread_mutex_lock(&mutex);
	error = pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	printf("error checking: %s, %s\n", name(error), name(pthread_mutex_unlock(&mutex)));
	make(&mutex, PTHREAD_MUTEX_RECURSIVE, 0, 0, PTHREAD_PRIO_NONE);
	error = pthread_mutex_lock(&mutex);
	printf("recursive: %s %s\n", name(error), name(pthread_mutex_lock(&mutex)));
	return 0;
}
