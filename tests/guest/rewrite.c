/* SPDX-License-Identifier: MIT */
/* Code that is written, run, written again: the new instructions run after a fence, a thousand times over. */
/* expect:
sum 499500
*/
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;

	for (uint32_t i = 0; i < 1000; i++) {
		code[0] = i << 20 | 10 << 7 | 0x13;             /* addi a0, zero, i */
		code[1] = 0x00008067;                           /* ret */
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		sum += ((int (*)(void))code)();
	}
	printf("sum %ld\n", sum);
	return 0;
}
