/* SPDX-License-Identifier: MIT */
/* What the tests of the x86-64 host share: a cpu with memory, units emitted for either host and run, random numbers, and functions that are emitted in line. */
#include "tests/unit/host_x86_64.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "translator/fault.h"

static struct IrGlobal globals[NINT + NFLOAT + NWIDE];
static const uint8_t hot[] = { 3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 10 };
static void disassemble(uint64_t pc, const uint8_t *bytes, unsigned length, struct _GString *text)
{
	g_string_append_printf(text, "insn at %lx of %u bytes, first %02x", (long)pc, length, bytes[0]);
}
struct Guest guest = {
	.name = "test", .elf_data = 1, .insn_align = 1, .cpu_size = sizeof(struct TestCpu), .globals = globals,
	.nglobals = G_N_ELEMENTS(globals), .hot = hot, .nhot = G_N_ELEMENTS(hot), .disassemble = disassemble,
};

struct TestCpu *cpu;
static size_t cpu_room;
struct JumpCache jumps;
uint8_t *memory, *forbidden, *writable;
static uint8_t *code_start, *meta;
ptrdiff_t exec_delta;
struct CodeBuffer x86_buf;
static struct CodeBuffer interp_buf;
static struct Arena arena;
struct Ir *ir;
const struct Host *running;
struct Block *running_block;

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	uint64_t poll = (uintptr_t)cpu + cpu_poll_offset(&guest), addr = (uintptr_t)info->si_addr;
	bool is_poll = addr >= poll && addr < poll + 4096;

	if (sig == SIGFPE && cpu->cpu.running && host_x86_64.fp_trap(&cpu->cpu, ucontext))
		return;
	cpu->cpu.fault_addr = addr;
	if (!cpu->cpu.running || !running->recover(&cpu->cpu, running_block, ucontext, is_poll ? CAUSE_INTERRUPT : CAUSE_FAULT_LOAD)) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

void setup(void)
{
	const struct KernelAction action = { .handler = on_fault, .flags = SA_NODEFER };
	static char names[G_N_ELEMENTS(globals)][8];

	for (unsigned i = 0; i < G_N_ELEMENTS(globals); i++) {
		unsigned k = i < F0 ? i : i < V0 ? i - F0 : i - V0;
		snprintf(names[i], sizeof names[i], "%c%u", i < F0 ? 'x' : i < V0 ? 'f' : 'v', k);
		size_t offset = i < F0 ? offsetof(struct TestCpu, x[k]) : i < V0 ? offsetof(struct TestCpu, f[k]) : offsetof(struct TestCpu, v[k]);
		globals[i] = (struct IrGlobal){ names[i], offset, i < F0 ? IR_I64 : i < V0 ? IR_F64 : IR_V128 };
	}
	add_intrinsics();
	/* they are left by jumps, so no sanitizer may put its own before them */
	kernel_sigaction(SIGSEGV, &action, NULL);
	kernel_sigaction(SIGFPE, &action, NULL);
	cpu_room = cpu_poll_offset(&guest) + 8192;
	cpu = mmap(NULL, cpu_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cpu->cpu.guest = &guest;
	cpu->cpu.jumps = &jumps;
	for (unsigned i = 0; i < JUMPS_COUNT; i++)
		jumps.entry[i].tag = jump_none(i);
	memory = g_malloc0(MEMORY);
	forbidden = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("code", 0);
	ck_assert(ftruncate(fd, ROOM) == 0);
	writable = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* within reach of this program's functions and data */
	static unsigned times;
	uint8_t *code = MAP_FAILED;
	for (unsigned tries = 0; code == MAP_FAILED && tries < 100; tries++) {
		void *near = (void *)(((uintptr_t)&cpu + (256 << 20) + 2 * ROOM * times++) & -(uintptr_t)4096);
		code = mmap(near, ROOM, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	}
	ck_assert(code != MAP_FAILED);
	exec_delta = code - writable;
	close(fd);
	meta = g_malloc(ROOM);
	interp_buf.start = g_malloc(ROOM);
	interp_buf.end = interp_buf.start + ROOM;
	interp_buf.meta = g_malloc(ROOM);
	interp_buf.meta_end = interp_buf.meta + ROOM;
}

void start_host(unsigned features)
{
	const char *why = NULL;

	x86_64_limit(features);
	x86_buf = (struct CodeBuffer){ writable, writable + ROOM, exec_delta, meta, meta + ROOM };
	ck_assert_msg(host_x86_64.init(&x86_buf, &guest, &why), "%s", why);
	code_start = x86_buf.start;
}

void begin(uint64_t pc)
{
	arena_reset(&arena);
	x86_buf.start = code_start;
	x86_buf.meta = meta;
	ir = ir_new(&arena, &guest, pc, 0);
	ir->round = cpu->cpu.round;
	ir_mark(ir, pc, "\1\0\0", 4);
}

struct Block *emit_with(const struct Host *h, GString *text)
{
	struct CodeBuffer interp = interp_buf, *buf = h == &host_interp ? &interp : &x86_buf;
	struct Block *block = memset(buf->meta, 0, sizeof *block);

	buf->meta = (uint8_t *)(block + 1);
	ir_check(ir, "test");
	block->pc = ir->pc;
	block->valid = true;
	ck_assert_int_eq(h->emit(ir, buf, block, text), EMIT_OK);
	return block;
}

void run(const struct Host *h, struct Block *block)
{
	running = h;
	running_block = block;
	cpu->cpu.running = 1;
	cpu->cpu.cause = CAUSE_NONE;
	h->enter(&cpu->cpu, block);
	cpu->cpu.running = 0;
	ck_assert_uint_eq(_mm_getcsr() & ~63u, MXCSR_MASKED);
}

Ref c(uint64_t value) { return ir_const(ir, value); }

/* -- random numbers ------------------------------------------------------------------------------------------------------ */

uint64_t seed = 88172645463325252u;
uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}
unsigned below(unsigned n) { return (rnd() >> 33) % n; }
bool one_in(unsigned n) { return below(n) == 0; }

/* -- leaves ---------------------------------------------------------------------------------------------------------------- */

uint64_t leaf_cells[8];
__asm__(
	".pushsection .text\n"
	".globl leaf_count, leaf_count_far, leaf_count_down, leaf_nothing, leaf_sum, leaf_mix, leaf_index, leaf_widths, leaf_select, leaf_true\n"
	".globl leaf_false, leaf_asks, leaf_wild, leaf_stack, not_kept, not_straight, not_vector, not_high, not_leaf\n"
	"leaf_count: endbr64; addq $1, leaf_cells(%rip); ret\n"
	"leaf_count_far: lea leaf_cells(%rip), %rax; addq $1000, (%rax); ret\n"
	"leaf_count_down: decq leaf_cells+8(%rip); subl $3, leaf_cells+16(%rip); ret\n"
	"leaf_nothing: xor %eax, %eax; nopw 0(%rax,%rax); mov %rdi, %rdx; ret\n"
	"leaf_sum: movslq %esi, %rsi; add %rdi, %rsi; add %rsi, leaf_cells+24(%rip); ret\n"
	"leaf_mix: xor %eax, %eax; cmp %rsi, %rdi; setb %al; imul $77, %rdx, %rcx; lea (%rcx,%rax,4), %r9; xor %r8d, %r8d; mov %dil, %r8b\n"
	"	xor %r8, %r9; and $7, %edi; lea leaf_cells(%rip), %r11; xor %r9, 32(%r11); ret\n"
	"leaf_index: and $7, %edi; lea leaf_cells(%rip), %rax; add %rcx, (%rax,%rdi,8); movb %sil, 40(%rax); movw $9, 50(%rax); ret\n"
	"leaf_widths: movzbl %dl, %eax; movsbq %cl, %rcx; add %eax, %ecx; shl $3, %rcx; lock; xadd %rcx, leaf_cells+48(%rip)\n"
	"	not %rcx; mov %rcx, leaf_cells+56(%rip); ret\n"
	"leaf_select: mov $5, %eax; test %rdi, %rdi; cmovs %rsi, %rax; neg %rax; sbb %rdx, %rdx; adc %rax, leaf_cells+56(%rip); ret\n"
	"leaf_true: endbr64; mov $1, %eax; ret\n"
	"leaf_false: xor %eax, %eax; ret\n"
	"leaf_asks: mov leaf_cells(%rip), %al; ret\n"
	"leaf_wild: mov (%rdi), %rax; ret\n"
	"leaf_stack: push %rax; pop %rax; ret\n"
	"not_kept: mov %rdi, %rbx; ret\n"
	"not_straight: test %edi, %edi; je 1f; incl leaf_cells(%rip); 1: ret\n"
	"not_vector: pxor %xmm0, %xmm0; ret\n"
	"not_high: mov %ah, %al; ret\n"
	"not_leaf: jmp leaf_true\n"
	".popsection");
