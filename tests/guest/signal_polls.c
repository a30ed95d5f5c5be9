/* SPDX-License-Identifier: MIT */
/* Hot loops without end of which most polls may go: each is interrupted by another thread's signals over and over, goes on, and the process ends while all of them
 * run. Loops: small ones, nested ones of few rounds, of calls, of functions that call themselves, and one that leaves its usual way for one without branches back. */
/* expect:
small: 20 signals
nested: 20 signals
calls: 20 signals
recursion: 20 signals
elsewhere: 20 signals
all end
*/
/* exit: 7 */
/* timeout: 240 */
#include "must.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SIGNALS = 20 };

static atomic_uint taken, running;
static volatile unsigned long sink;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	taken++;
}

#if defined __riscv

__asm__(
	".option push\n.option norvc\n"
	".globl small_loop, nested_loop, calls_loop, recursion_loop, elsewhere_loop\n"
	"small_loop:	addi a0, a0, 1\n	xor a1, a1, a0\n	j small_loop\n"
	/* outer rounds of three inner ones, past which there is a way */
	"nested_loop:	li a0, 3\n	addi a2, a2, 1\n	andi a3, a2, 15\n	beqz a3, 2f\n"
	"1:	addi a0, a0, -1\n	addw a1, a1, a0\n	bnez a0, 1b\n"
	"2:	add a4, a4, a1\n	bne a4, a5, nested_loop\n	mv a4, zero\n	j nested_loop\n"
	"calls_loop:	jal ra, 1f\n	jal ra, 1f\n	jal ra, 2f\n	j calls_loop\n"
	"1:	addi a0, a0, 1\n	ret\n"
	"2:	mv t1, ra\n	jal t0, 3f\n	jr t1\n"
	"3:	addi a1, a1, 1\n	jr t0\n"
	"recursion_loop:	li a0, 6\n	jal ra, 1f\n	j recursion_loop\n"
	"1:	beqz a0, 2f\n	addi sp, sp, -16\n	sd ra, 0(sp)\n	sd a0, 8(sp)\n	addi a0, a0, -1\n	jal ra, 1b\n	ld a0, 8(sp)\n"
	"	addi a0, a0, -1\n	srai a0, a0, 1\n	jal ra, 1b\n	ld ra, 0(sp)\n	addi sp, sp, 16\n"
	"2:	ret\n"
	/* rounds that end at the branch back, until the function returns 20 bytes further up, from where all ways lead forward */
	"elsewhere_loop:	li a2, 100000\n	j 2f\n"
	"1:	addi a1, a1, 1\n	j 2f\n	nop\n"
	"2:	addi a0, a0, 1\n	jal ra, 3f\n	j 2b\n"
	"3:	sltu a3, a2, a0\n	slli a4, a3, 2\n	slli a3, a3, 4\n	add a3, a3, a4\n	sub ra, ra, a3\n	ret\n"
	".option pop\n");
void small_loop(void), nested_loop(void), calls_loop(void), recursion_loop(void), elsewhere_loop(void);

#else

static void small_loop(void) { for (;;) sink++; }
#define nested_loop small_loop
#define calls_loop small_loop
#define recursion_loop small_loop
#define elsewhere_loop small_loop

#endif

static void *run(void *loop)
{
	running++;
	((void (*)(void))loop)();
	return NULL;
}

static void interrupt(const char *name, void (*loop)(void))
{
	pthread_t thread;
	unsigned before = running;

	taken = 0;
	MUST(pthread_create(&thread, NULL, run, (void *)loop) == 0);
	while (running == before)
		sched_yield();
	usleep(20000);          /* it is hot by now, on any machine that is not very busy */
	for (unsigned i = 0; i < SIGNALS; i++) {
		MUST(pthread_kill(thread, SIGUSR1) == 0);
		while (taken <= i)
			usleep(100);
	}
	printf("%s: %u signals\n", name, taken);
	fflush(stdout);
}

int main(void)
{
	handle(SIGUSR1, note, SA_RESTART);
	interrupt("small", small_loop);
	interrupt("nested", nested_loop);
	interrupt("calls", calls_loop);
	interrupt("recursion", recursion_loop);
	interrupt("elsewhere", elsewhere_loop);
	printf("all end\n");
	fflush(stdout);
	_exit(7);
}
