/* SPDX-License-Identifier: MIT */
/* Loads and stores of every width at every offset, within and across cache lines and pages, of integers and floating point. */
/* expect:
integers 12a2c452f396e2eb
floating point
*/
#include "must.h"

#include <sys/mman.h>

#define MIX(h, v) ((h) = ((h) ^ (uint64_t)(v)) * 0x100000001b3u, (h) ^= (h) >> 29)
#define LOAD(type, at) ({ type v_; __builtin_memcpy(&v_, (at), sizeof v_); v_; })

/* Volatile packed structures: one access of the full width where the machine has it. */
#define WIDTH(type) struct __attribute__((packed)) Packed_##type { type v; }
WIDTH(int16_t);
WIDTH(uint16_t);
WIDTH(int32_t);
WIDTH(uint32_t);
WIDTH(int64_t);
WIDTH(float);
WIDTH(double);

#ifdef __riscv
#define GET(type, insn, at) ({ type v_; __asm__ volatile(insn " %0, (%1)" : "=r"(v_) : "r"(at) : "memory"); v_; })
#define PUT(type, insn, at, value) __asm__ volatile(insn " %0, (%1)" : : "r"(value), "r"(at) : "memory")
#define GETF(type, insn, at) ({ type v_; __asm__ volatile(insn " %0, (%1)" : "=f"(v_) : "r"(at) : "memory"); v_; })
#define PUTF(type, insn, at, value) __asm__ volatile(insn " %0, (%1)" : : "f"(value), "r"(at) : "memory")
#else
#define GET(type, insn, at) (((volatile struct Packed_##type *)(at))->v)
#define PUT(type, insn, at, value) ((void)(((volatile struct Packed_##type *)(at))->v = (type)(value)))
#define GETF GET
#define PUTF PUT
#endif

int main(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t h = 14695981039346656037u;
	static const int starts[] = { 0, 56, 4080 };

	for (int i = 0; i < 8192; i++)
		p[i] = i * 37 + (i >> 8);
	for (int s = 0; s < 3; s++)
		for (int o = 0; o < 24; o++) {
			unsigned char *at = p + starts[s] + o;
			MIX(h, GET(int16_t, "lh", at));
			MIX(h, GET(uint16_t, "lhu", at));
			MIX(h, GET(int32_t, "lw", at));
			MIX(h, GET(uint32_t, "lwu", at));
			MIX(h, GET(int64_t, "ld", at));
			PUT(int16_t, "sh", at, h);
			MIX(h, LOAD(uint64_t, at - (at > p ? 1 : 0)));
			PUT(int32_t, "sw", at + 3, h >> 7);
			MIX(h, LOAD(uint64_t, at));
			PUT(int64_t, "sd", at + 1, h);
			MIX(h, LOAD(uint64_t, at + 2));
		}
	printf("integers %016lx\n", (unsigned long)h);

	for (int o = 0; o < 16; o++) {
		unsigned char *at = p + 4088 + o;
		PUTF(double, "fsd", at, 1.5 + o);
		MUST(LOAD(double, at) == 1.5 + o && GETF(double, "fld", at) == 1.5 + o);
		PUTF(float, "fsw", at, 0.25f * o);
		MUST(LOAD(float, at) == 0.25f * o && GETF(float, "flw", at) == 0.25f * o);
	}
	puts("floating point");
	return 0;
}
