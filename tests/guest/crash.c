/* SPDX-License-Identifier: MIT */
/* A guest that dies of a signal makes forerun die of it, its output written before. */
/* exit: signal 11 */
/* expect:
before
*/
#include <stdio.h>

int main(void)
{
	puts("before");
	fflush(stdout);
	*(volatile int *)16 = 1;
	puts("after");
	return 0;
}
