/* SPDX-License-Identifier: MIT */
/* Linux on riscv64: calling convention of system calls, signal frames, and the calls that only this architecture has.
 * Layouts are those of arch/riscv/include/uapi/asm/{sigcontext,ucontext,hwprobe}.h of Linux 6.x. */
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/linux/abi.h"
#include "target/riscv64/cpu.h"
#include "translator/translator.h"

enum { REG_RA = 1, REG_SP = 2, REG_TP = 4, REG_A0 = 10, REG_A1 = 11, REG_A2 = 12, REG_A7 = 17 };

/* -- facts --------------------------------------------------------------------------------------------------------- */

/* Bit 'x' - 'a' for each single-letter extension. */
static uint64_t hwcap(void)
{
	static const struct { char letter; uint8_t extension; } letters[] = {
		{ 'i', RISCV_EXT_I }, { 'm', RISCV_EXT_M }, { 'a', RISCV_EXT_A }, { 'f', RISCV_EXT_F }, { 'd', RISCV_EXT_D }, { 'c', RISCV_EXT_C },
	};
	uint64_t bits = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(letters); i++)
		if (riscv_has[letters[i].extension])
			bits |= 1ull << (letters[i].letter - 'a');
	return bits;
}

static const char *cpuinfo(void)
{
	static char text[1024];

	snprintf(text, sizeof text, "hart\t\t: 0\nisa\t\t: %s\nmmu\t\t: sv39\nmvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\n\n", riscv_isa_string());
	return text;
}

/* -- system calls --------------------------------------------------------------------------------------------------- */

static int64_t syscall_number(const struct Cpu *cpu)
{
	return riscv_cpu_const(cpu)->x[REG_A7];
}

static void syscall_args(const struct Cpu *cpu, uint64_t args[6])
{
	memcpy(args, &riscv_cpu_const(cpu)->x[REG_A0], 6 * sizeof *args);
}

static void syscall_result(struct Cpu *cpu, int64_t result)
{
	riscv_cpu(cpu)->x[REG_A0] = result;
}

static void start(struct Cpu *cpu, uint64_t pc, uint64_t sp)
{
	cpu->pc = pc;
	riscv_cpu(cpu)->x[REG_SP] = sp;
	riscv_cpu(cpu)->reserved_size = 0;
}

static uint64_t stack_pointer(const struct Cpu *cpu)
{
	return riscv_cpu_const(cpu)->x[REG_SP];
}

static void set_stack_pointer(struct Cpu *cpu, uint64_t sp)
{
	riscv_cpu(cpu)->x[REG_SP] = sp;
}

static void set_tls(struct Cpu *cpu, uint64_t tls)
{
	riscv_cpu(cpu)->x[REG_TP] = tls;
}

/* -- signal frames -------------------------------------------------------------------------------------------------- */

struct GuestStack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

/* The room of a quad-precision state, of which the double-precision one fills the beginning; where a kernel with more
 * extensions appends their records the terminating header stands. */
struct GuestFpState {
	uint64_t f[32];
	uint32_t fcsr;
	uint32_t unused[64];
	uint32_t reserved;              /* zero */
	uint32_t end_magic, end_size;   /* zero: no further records */
} __attribute__((aligned(16)));

struct GuestSigcontext {
	uint64_t pc, x[31];             /* x1..x31 */
	struct GuestFpState fp;
};

struct GuestUcontext {
	uint64_t flags, link;
	struct GuestStack stack;
	uint64_t sigmask;
	uint8_t unused[1024 / 8 - 8];   /* room for a larger mask */
	struct GuestSigcontext mcontext;
};

struct GuestSigframe {
	siginfo_t info;                 /* the host's has the same layout: asm-generic, 64 bits */
	struct GuestUcontext uc;
};
_Static_assert(sizeof(siginfo_t) == 128 && offsetof(struct GuestUcontext, sigmask) == 40, "asm-generic");
_Static_assert(offsetof(struct GuestUcontext, mcontext) == 176, "sigcontext is aligned to 16");
_Static_assert(offsetof(struct GuestFpState, reserved) == 516 && sizeof(struct GuestFpState) == 528, "union __riscv_fp_state");
_Static_assert(sizeof(struct GuestSigcontext) == 784 && sizeof(struct GuestSigframe) == 1088, "struct rt_sigframe");

static bool push_signal(struct Cpu *cpu, uint64_t sp, int sig, const siginfo_t *info, uint64_t mask, const stack_t *stack,
			uint64_t handler, uint64_t restorer)
{
	struct Riscv64Cpu *riscv = riscv_cpu(cpu);
	struct GuestSigframe frame = {
		.info = *info,
		.uc = {
			.stack = { .sp = (uintptr_t)stack->ss_sp, .flags = stack->ss_flags, .size = stack->ss_size },
			.sigmask = mask,
			.mcontext.pc = cpu->pc,
		},
	};

	memcpy(frame.uc.mcontext.x, &riscv->x[1], sizeof frame.uc.mcontext.x);
	if (riscv_has[RISCV_EXT_F]) {
		memcpy(frame.uc.mcontext.fp.f, riscv->f, sizeof riscv->f);
		frame.uc.mcontext.fp.fcsr = riscv_read_fcsr(cpu);
	}
	sp = (sp - sizeof frame) & ~15ull;
	if (!guest_write(sp, &frame, sizeof frame))
		return false;
	riscv->x[REG_RA] = restorer;
	riscv->x[REG_SP] = sp;
	riscv->x[REG_A0] = sig;
	riscv->x[REG_A1] = sp + offsetof(struct GuestSigframe, info);
	riscv->x[REG_A2] = sp + offsetof(struct GuestSigframe, uc);
	riscv->reserved_size = 0;
	cpu->pc = handler & ~1ull;
	return true;
}

static bool pop_signal(struct Cpu *cpu, uint64_t *mask, stack_t *stack)
{
	struct Riscv64Cpu *riscv = riscv_cpu(cpu);
	struct GuestUcontext uc;

	if (!guest_read(&uc, riscv->x[REG_SP] + offsetof(struct GuestSigframe, uc), sizeof uc))
		return false;
	const struct GuestFpState *fp = &uc.mcontext.fp;
	if (fp->reserved || fp->end_magic || fp->end_size)
		return false;
	memcpy(&riscv->x[1], uc.mcontext.x, sizeof uc.mcontext.x);
	cpu->pc = uc.mcontext.pc & ~1ull;
	if (riscv_has[RISCV_EXT_F]) {
		memcpy(riscv->f, fp->f, sizeof riscv->f);
		riscv_set_fcsr(cpu, fp->fcsr & 0xff);
	}
	riscv->reserved_size = 0;
	*mask = uc.sigmask;
	*stack = (stack_t){ .ss_sp = (void *)(uintptr_t)uc.stack.sp, .ss_flags = uc.stack.flags, .ss_size = uc.stack.size };
	return true;
}

/* li a7, 139 (rt_sigreturn); ecall */
static const uint8_t trampoline[] = { 0x93, 0x08, 0xb0, 0x08, 0x73, 0x00, 0x00, 0x00 };

/* -- riscv_hwprobe --------------------------------------------------------------------------------------------------- */

enum { SYS_RISCV_HWPROBE = 258 };
enum { HWPROBE_WHICH_CPUS = 1 };

struct HwprobePair {
	int64_t key;
	uint64_t value;
};

/* How the value of a key is compared when cpus are sought. */
enum HwprobeKind { UNKNOWN_KEY, VALUE, BITS };

enum { MISALIGNED_FAST = 3, MISALIGNED_VECTOR_UNSUPPORTED = 4 };

/* The highest address a user program can have: this host's. */
#define HIGHEST_ADDRESS ((1ull << 47) - 4096 - 1)

/* The answer to KEY of the configured cpu. */
static enum HwprobeKind hwprobe(int64_t key, uint64_t *value)
{
	bool ima = riscv_has[RISCV_EXT_M] && riscv_has[RISCV_EXT_A];

	*value = 0;
	switch (key) {
	case 0: case 1: case 2:         /* vendor, architecture, implementation: unnamed */
		return VALUE;
	case 3:                         /* base behaviour: IMA */
		*value = ima;
		return BITS;
	case 4:                         /* extensions beyond IMA */
		*value = ima ? riscv_hwprobe_extensions() : 0;
		return BITS;
	case 5:                         /* misaligned access, the old key for it */
		*value = MISALIGNED_FAST;
		return BITS;
	case 6:                         /* cbo.zero block */
		*value = riscv_has[RISCV_EXT_ZICBOZ] ? RISCV_CACHE_BLOCK : 0;
		return VALUE;
	case 7:
		*value = HIGHEST_ADDRESS;
		return VALUE;
	case 8:
		*value = RISCV_TIMEBASE;
		return VALUE;
	case 9:                         /* misaligned scalars */
		*value = MISALIGNED_FAST;
		return VALUE;
	case 10:                        /* misaligned vectors */
		*value = MISALIGNED_VECTOR_UNSUPPORTED;
		return VALUE;
	case 11: case 13: case 14:      /* extensions of T-Head, SiFive, MIPS */
		return BITS;
	case 12:                        /* cbo.clean block */
		*value = riscv_has[RISCV_EXT_ZICBOM] ? RISCV_CACHE_BLOCK : 0;
		return VALUE;
	case 15:                        /* prefetch block */
		*value = riscv_has[RISCV_EXT_ZICBOP] ? RISCV_CACHE_BLOCK : 0;
		return VALUE;
	default:
		return UNKNOWN_KEY;
	}
}

enum { CPUSET_BYTES = 128 };            /* of the largest set of cpus looked at: 1024 */

/* Reads the guest's set of SIZE bytes at ADDR into SET, reduced to the cpus online. False if it cannot be read. */
static bool read_cpus(uint64_t addr, uint64_t size, uint8_t set[CPUSET_BYTES], bool *empty)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	memset(set, 0, CPUSET_BYTES);
	if (!guest_read(set, addr, MIN(size, CPUSET_BYTES)))
		return false;
	*empty = true;
	for (long cpu = 0; cpu < CPUSET_BYTES * 8; cpu++) {
		if (cpu >= online)
			set[cpu / 8] &= ~(1u << cpu % 8);
		else if (set[cpu / 8] >> cpu % 8 & 1)
			*empty = false;
	}
	return true;
}

/* All cpus are alike, so the set matters only in that it must not be empty. */
static int64_t hwprobe_values(uint64_t pairs, uint64_t count, uint64_t cpuset_size, uint64_t cpus)
{
	uint8_t set[CPUSET_BYTES];
	bool empty;

	if (cpuset_size || cpus) {
		if (!cpuset_size || !cpus)
			return -EINVAL;
		if (!read_cpus(cpus, cpuset_size, set, &empty))
			return -EFAULT;
		if (empty)
			return -EINVAL;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct HwprobePair pair;
		uint64_t addr = pairs + i * sizeof pair;
		if (!guest_read(&pair, addr, sizeof pair))
			return -EFAULT;
		if (hwprobe(pair.key, &pair.value) == UNKNOWN_KEY)
			pair.key = -1;
		if (!guest_write(addr, &pair, sizeof pair))
			return -EFAULT;
	}
	return 0;
}

/* Reduces the set of cpus to those whose answers match all pairs: all of them or none. An empty set stands for all. */
static int64_t hwprobe_cpus(uint64_t pairs, uint64_t count, uint64_t cpuset_size, uint64_t cpus)
{
	uint8_t set[CPUSET_BYTES];
	bool empty, match = true;

	if (!cpuset_size || !cpus)
		return -EINVAL;
	if (!read_cpus(cpus, cpuset_size, set, &empty))
		return -EFAULT;
	if (empty)
		for (long cpu = 0, online = sysconf(_SC_NPROCESSORS_ONLN); cpu < online && cpu < CPUSET_BYTES * 8; cpu++)
			set[cpu / 8] |= 1u << cpu % 8;
	for (uint64_t i = 0; i < count; i++) {
		struct HwprobePair pair;
		uint64_t addr = pairs + i * sizeof pair, value;
		if (!guest_read(&pair, addr, sizeof pair))
			return -EFAULT;
		enum HwprobeKind kind = hwprobe(pair.key, &value);
		if (kind == UNKNOWN_KEY) {
			match = false;
			pair = (struct HwprobePair){ .key = -1 };
			if (!guest_write(addr, &pair, sizeof pair))
				return -EFAULT;
		} else if (kind == BITS ? (value & pair.value) != pair.value : value != pair.value) {
			match = false;
		}
	}
	if (!match)
		memset(set, 0, sizeof set);
	return guest_write(cpus, set, MIN(cpuset_size, CPUSET_BYTES)) ? 0 : -EFAULT;
}

static int64_t arch_syscall(struct Cpu *cpu, int64_t number, const uint64_t args[6])
{
	(void)cpu;
	switch (number) {
	case SYS_RISCV_HWPROBE:
		if ((uint32_t)args[4] == 0)
			return hwprobe_values(args[0], args[1], args[2], args[3]);
		return (uint32_t)args[4] == HWPROBE_WHICH_CPUS ? hwprobe_cpus(args[0], args[1], args[2], args[3]) : -EINVAL;
	default:
		return -ENOSYS;
	}
}

const struct LinuxAbi riscv_linux_abi = {
	.machine = "riscv64",
	.syscall_column = 0,
	.hwcap = hwcap,
	.cpuinfo = cpuinfo,
	.syscall_length = 4,
	.signal_frame_size = sizeof(struct GuestSigframe),
	.syscall_number = syscall_number,
	.syscall_args = syscall_args,
	.syscall_result = syscall_result,
	.start = start,
	.stack_pointer = stack_pointer,
	.set_stack_pointer = set_stack_pointer,
	.set_tls = set_tls,
	.push_signal = push_signal,
	.pop_signal = pop_signal,
	.trampoline = trampoline,
	.trampoline_size = sizeof trampoline,
	.arch_syscall = arch_syscall,
};
