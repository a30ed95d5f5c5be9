/* SPDX-License-Identifier: MIT */
/* How a unit test ends. */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <check.h>

/* Runs and frees SUITE; what CK_RUN_CASE, CK_VERBOSITY and so on ask for. The exit status. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
