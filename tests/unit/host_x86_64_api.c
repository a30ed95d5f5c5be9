/* SPDX-License-Identifier: MIT */
/* Functions that callbacks call, explained to the host, and such callbacks: for the tests of the x86-64 host. */
#include <check.h>
#include <string.h>

#include "tests/unit/host_x86_64.h"
#include "translator/intrinsic.h"

void clobber(void)
{
	__asm__ volatile("mov $0x5a5a5a5a5a5a5a5a, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%r8;"
			 "mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11; movq %%rax, %%xmm0; movq %%rax, %%xmm1; movq %%rax, %%xmm2;"
			 "movq %%rax, %%xmm3; movq %%rax, %%xmm4; movq %%rax, %%xmm5; movq %%rax, %%xmm6; movq %%rax, %%xmm7; movq %%rax, %%xmm8;"
			 "movq %%rax, %%xmm9; movq %%rax, %%xmm10; movq %%rax, %%xmm11; movq %%rax, %%xmm12; movq %%rax, %%xmm13; movq %%rax, %%xmm14;"
			 "movq %%rax, %%xmm15" ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			 "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}

/* A register by number: x, f, and then what is no global. */
static struct Register plain[NINT + NFLOAT + 4];

uint64_t api_read(struct TestCpu *c, void *to, uint32_t number);
uint64_t api_read(struct TestCpu *c, void *to, uint32_t number)
{
	memcpy(to, (char *)c + plain[number].offset, 8);
	clobber();
	return 8;
}

static bool explain_read(struct Call *call)
{
	uint64_t number;

	return call->constant(call, 2, &number) && call->is_cpu(call, 0) &&
	       call->store_register(call, (struct Address){ .arg = 1 }, &plain[(uint32_t)number]) && call->give_constant(call, 8);
}

struct Handle handles[2] = { { offsetof(struct TestCpu, slot) }, { offsetof(struct TestCpu, slot[2]) } };
struct Handle *api_handle = handles;
uint32_t api_number = 3;

uint64_t *api_find(const struct Handle *handle, uint32_t index);
uint64_t *api_find(const struct Handle *handle, uint32_t index)
{
	ck_assert_uint_eq(index, cpu->cpu.index);
	clobber();
	return (uint64_t *)((char *)cpu + handle->slot);
}

void api_add(const struct Handle *handle, uint32_t index, uint64_t added);
void api_add(const struct Handle *handle, uint32_t index, uint64_t added) { *api_find(handle, index) += added; }
uint64_t api_get(const struct Handle *handle, uint32_t index);
uint64_t api_get(const struct Handle *handle, uint32_t index) { return *api_find(handle, index); }
void api_set(const struct Handle *handle, uint32_t index, uint64_t value);
void api_set(const struct Handle *handle, uint32_t index, uint64_t value) { *api_find(handle, index) = value; }
void (*api_add_word)(const struct Handle *, uint32_t, uint64_t) = api_add;

static bool explain_slot(struct Call *call, uint64_t *slot)
{
	uint64_t handle;

	return call->constant(call, 0, &handle) && call->is_index(call, 1) && call->word(call, handle, 8, slot);
}

static bool explain_find(struct Call *call) { uint64_t slot; return explain_slot(call, &slot) && call->give_slot_address(call, slot); }
static bool explain_add(struct Call *call) { uint64_t slot; return explain_slot(call, &slot) && call->slot_add(call, slot, 2); }
static bool explain_get(struct Call *call) { uint64_t slot; return explain_slot(call, &slot) && call->give_slot(call, slot); }
static bool explain_set(struct Call *call) { uint64_t slot; return explain_slot(call, &slot) && call->slot_store(call, slot, 2); }

void add_intrinsics(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(plain); i++)
		plain[i] = (struct Register){
			.size = 8, .global = i < NINT + NFLOAT ? (int)i : -1,
			.offset = i < NINT + NFLOAT ? guest.globals[i].offset : offsetof(struct TestCpu, state[i - NINT - NFLOAT]),
		};
	intrinsic_add((void *)(uintptr_t)api_read, explain_read);
	intrinsic_add((void *)(uintptr_t)api_find, explain_find);
	intrinsic_add((void *)(uintptr_t)api_add, explain_add);
	intrinsic_add((void *)(uintptr_t)api_get, explain_get);
	intrinsic_add((void *)(uintptr_t)api_set, explain_set);
}

/* Their arguments are the cpu, its index, and two numbers. */
__asm__(
	".pushsection .text\n"
	".globl api_one, api_float, api_two, api_halves, api_variable, api_count, api_sum, api_address, api_copy, api_moves\n"
	".globl not_escape, not_known, not_unbalanced, not_restored, not_explained, not_own, not_failure\n"
	"api_one: sub $24, %rsp; mov $3, %edx; lea 8(%rsp), %rsi; call api_read; mov 8(%rsp), %rax; add %rax, leaf_cells(%rip); add $24, %rsp; ret\n"
	"api_float: endbr64; push %rax; mov %rsp, %rsi; mov $24, %edx; call api_read; mov (%rsp), %rcx; sub %rcx, leaf_cells+8(%rip); pop %rdx; ret\n"
	"api_two: push %rbp; push %rbx; mov %rdi, %rbp; mov %rdx, %rbx; sub $40, %rsp; mov %fs:0x28, %rax; mov %rax, 24(%rsp); xor %eax, %eax\n"
	"	mov %rsp, %rsi; mov $14, %edx; call api_read; lea 8(%rsp), %rsi; mov $33, %edx; mov %rbp, %rdi; call api_read\n"
	"	mov (%rsp), %rax; imul 8(%rsp), %rax; xor %rax, leaf_cells+16(%rip); add %rbx, 8(%rsp); movzbl 9(%rsp), %ecx\n"
	"	add %rcx, leaf_cells+24(%rip); mov 24(%rsp), %rax; sub %fs:0x28, %rax; jne 1f; add $40, %rsp; pop %rbx; pop %rbp; ret\n"
	"1:	call *__stack_chk_fail@GOTPCREL(%rip)\n"
	"api_halves: sub $8, %rsp; mov %rcx, %r9; mov $1, %edx; mov %rsp, %rsi; movl $7, leaf_cells+32(%rip); call api_read\n"
	"	movslq 4(%rsp), %rax; add (%rsp), %eax; add %rax, leaf_cells+32(%rip); adcl $0, leaf_cells+40(%rip); add $8, %rsp; ret\n"
	"api_variable: sub $24, %rsp; mov api_number(%rip), %edx; mov %rsp, %rsi; call api_read; cmp $8, %eax; sete %cl; movzbl %cl, %ecx\n"
	"	add %rcx, leaf_cells+48(%rip); mov (%rsp), %rax; mov %rax, leaf_cells+56(%rip); add $24, %rsp; ret\n"
	"api_count: mov api_handle(%rip), %rdi; mov $3, %edx; jmp api_add\n"
	"api_sum: mov api_handle(%rip), %rdi; jmp *api_add_word(%rip)\n"
	"api_address: push %rbx; mov %rdx, %rbx; mov api_handle(%rip), %rdi; call api_find; incq 8(%rax); sub %rbx, (%rax); pop %rbx; ret\n"
	"api_copy: push %r12; mov %esi, %r12d; mov api_handle(%rip), %rdi; call api_get; add $5, %rax; mov %rax, leaf_cells+56(%rip)\n"
	"	mov %rax, %rdx; mov %r12d, %esi; mov api_handle(%rip), %rdi; pop %r12; jmp api_set\n"
	"api_moves: sub $24, %rsp; mov api_number(%rip), %edx; mov %rsp, %rsi; call api_read; mov (%rsp), %rax; add %rax, leaf_cells(%rip)\n"
	"	xorl $4, api_number(%rip); add $24, %rsp; ret\n"
	"not_escape: sub $24, %rsp; mov $3, %edx; lea 8(%rsp), %rsi; mov %rsi, leaf_cells(%rip); call api_read; add $24, %rsp; ret\n"
	"not_known: sub $24, %rsp; mov %rsp, %rsi; call api_read; add $24, %rsp; ret\n"
	"not_unbalanced: sub $24, %rsp; ret\n"
	"not_restored: push %rbx; mov %rdi, %rbx; pop %rax; ret\n"
	"not_explained: sub $8, %rsp; call random_count_of; add $8, %rsp; ret\n"
	"random_count_of: ret\n"
	"not_own: mov api_handle(%rip), %rdi; mov $1, %esi; jmp api_get\n"
	"not_failure: cmp $0, %rdi; jne 1f; ret; 1: call random_count_of; ret\n"
	".popsection");
