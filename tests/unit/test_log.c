/* SPDX-License-Identifier: MIT */
/* The log: items, files, threads, and what survives fork, exec, _exit and signals. */
#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instrument/log.h"
#include "tests/unit/suite.h"

static char *folder, *file;

static void make_folder(void)
{
	folder = g_dir_make_tmp("forerun-log-XXXXXX", NULL);
	file = g_build_filename(folder, "log", NULL);
}

static void remove_folder(void)
{
	g_unlink(file);
	g_rmdir(folder);
	g_free(file);
	g_free(folder);
}

static void open_log(const char *name)
{
	char *error = NULL;
	ck_assert_msg(log_open(name, &error), "%s", error);
}

static char *contents(const char *name)
{
	char *text = NULL;
	ck_assert(g_file_get_contents(name, &text, NULL, NULL));
	return text;
}

static void check_contents(const char *expected)
{
	char *text = contents(file);
	ck_assert_str_eq(text, expected);
	g_free(text);
}

START_TEST(items)
{
	unsigned items;

	ck_assert(log_parse_items("in_asm,exec", &items));
	ck_assert_uint_eq(items, LOG_IN_ASM | LOG_EXEC);
	ck_assert(log_parse_items("all", &items));
	ck_assert(!(items & LOG_NOCHAIN) && items & LOG_PAGE);
	ck_assert(!log_parse_items("help", &items));
	ck_assert(!log_parse_items("in_asm,nonsense", &items));
	ck_assert(!log_parse_items("", &items));
}
END_TEST

START_TEST(names)
{
	char *error = NULL, *pattern = g_strconcat(file, ".%d", NULL), *name = g_strdup_printf("%s.%d", file, (int)getpid());

	ck_assert(!log_open("/nonexistent/folder/log", &error));
	ck_assert_ptr_nonnull(strstr(error, "/nonexistent/folder/log"));
	ck_assert_ptr_null(strchr(error, '\n'));
	open_log(pattern);
	log_printf("%s", "here\n");
	log_flush();
	char *text = contents(name);
	ck_assert_str_eq(text, "here\n");
	ck_assert(g_str_has_prefix(log_forward_file(), "+/"));
	ck_assert(g_str_has_suffix(log_forward_file(), ".%d"));
	ck_assert_int_gt(log_descriptor(), 64);
	g_unlink(name);
}
END_TEST

START_TEST(truncates_and_adds)
{
	char *added = g_strconcat("+", file, NULL);

	open_log(file);
	log_printf("one\n");
	log_flush();
	open_log(added);
	log_printf("two\n");
	log_flush();
	check_contents("one\ntwo\n");
	open_log(file);
	log_printf("three\n");
	log_flush();
	check_contents("three\n");
}
END_TEST

START_TEST(long_texts)
{
	size_t length = 3 << 20;
	char *text = g_malloc(length + 1);

	memset(text, 'x', length);
	text[length] = 0;
	text[length - 1] = '\n';
	open_log(file);
	log_printf("before\n");
	log_printf("%s", text);
	log_printf("after\n");
	log_flush();
	char *found = contents(file);
	ck_assert_uint_eq(strlen(found), length + 13);
	ck_assert(g_str_has_prefix(found, "before\nxxx") && g_str_has_suffix(found, "xxx\nafter\n"));
}
END_TEST

enum { THREADS = 8, LINES = 20000 };

/* Every second line comes in three pieces. */
static void *writer(void *data)
{
	int me = GPOINTER_TO_INT(data);

	for (int i = 0; i < LINES; i++)
		if (i & 1) {
			log_printf("thread %d ", me);
			log_printf("line %d", i);
			log_printf(" end\n");
		} else {
			log_printf("thread %d line %d end\n", me, i);
		}
	log_printf("thread %d says bye", me);   /* no newline: the thread's end is the line's */
	return NULL;
}

START_TEST(threads_do_not_mix)
{
	pthread_t thread[THREADS];
	int next[THREADS] = { 0 }, bye = 0;

	open_log(file);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, writer, GINT_TO_POINTER(i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	log_flush();
	char *text = contents(file), **lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		int who, n, end = 0;
		if (sscanf(*line, "thread %d line %d end%n", &who, &n, &end) == 2 && end == (int)strlen(*line)) {
			ck_assert_int_eq(n, next[who]);
			next[who]++;
		} else if (**line) {
			ck_assert_msg(g_str_has_suffix(*line, " says bye") && strlen(*line) == strlen("thread 0 says bye"), "mixed: '%s'", *line);
			bye++;
		}
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(next[i], LINES);
	ck_assert_int_eq(bye, THREADS);
	g_strfreev(lines);
	g_free(text);
}
END_TEST

START_TEST(fork_repeats_nothing)
{
	open_log(file);
	log_printf("buffered\n");
	log_printf("unfinished ");
	log_fork_prepare();
	pid_t child = fork();
	log_fork_done(child == 0);
	if (!child) {
		log_printf("child\n");
		log_flush();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	log_printf("parent\n");
	log_flush();
	check_contents("buffered\nchild\nunfinished parent\n");
}
END_TEST

static void handler(int sig)
{
	log_flush_crash();
	signal(sig, SIG_DFL);
	raise(sig);
}

START_TEST(crash_loses_nothing)
{
	static volatile uintptr_t nowhere = 8;          /* volatile: of a constant the compiler would complain */
	int status;
	pid_t child = fork();

	if (!child) {
		open_log(file);
		signal(SIGSEGV, handler);
		log_printf("last words\n");
		log_printf("no end");
		*(volatile int *)nowhere = 0;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	check_contents("last words\nno end");
}
END_TEST

/* Without a file every text is written at once. */
START_TEST(standard_error_is_not_buffered)
{
	int ends[2];
	char text[64] = "";

	ck_assert_int_eq(pipe(ends), 0);
	int saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	log_printf("now\n");
	report("bad %s", "thing");
	dup2(saved, STDERR_FILENO);
	ck_assert_int_gt(read(ends[0], text, sizeof text - 1), 0);
	ck_assert_str_eq(text, "now\nforerun: bad thing\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *log = tcase_create("log");

	tcase_set_timeout(log, 60);
	tcase_add_checked_fixture(log, make_folder, remove_folder);
	tcase_add_test(log, items);
	tcase_add_test(log, names);
	tcase_add_test(log, truncates_and_adds);
	tcase_add_test(log, long_texts);
	tcase_add_test(log, threads_do_not_mix);
	tcase_add_test(log, fork_repeats_nothing);
	tcase_add_test(log, crash_loses_nothing);
	tcase_add_test(log, standard_error_is_not_buffered);
	suite_add_tcase(suite, log);
	return run_suite(suite);
}
