/* SPDX-License-Identifier: MIT */
/* Events, subscribers, and the pass that inserts probes into a unit: the one model of instrumentation that all plugin APIs lower to.
 *
 * An API subscribes to events (struct Subscriber). While a block is translated, the instrument pass gives each subscriber, in
 * the order of the command line, the view of the block (struct ProbeUnit) to which it attaches probes. */
#ifndef FORERUN_PROBE_H
#define FORERUN_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/guest.h"

struct ProbeUnit;

/* What a probe's function may look at: the less, the cheaper. */
enum ProbeAccess { PROBE_NOTHING, PROBE_REGISTERS, PROBE_REGISTERS_WRITE };

/* Where a probe goes. */
enum ProbePlace {
	PROBE_BLOCK,            /* before the first instruction of the block */
	PROBE_INSN,             /* before an instruction */
	PROBE_MEM_BEFORE,       /* before each memory access of an instruction, its address known; the access may yet fault */
	PROBE_MEM_AFTER,        /* after each access that succeeded; Cpu.mem_value holds the value if the probe wants it (the access's
				 * bytes of it, the rest is undefined). The instruction's result may have been assigned already */
};

/* The arguments of a call, in order; the list ends with ARG_END. */
enum ProbeArg {
	ARG_END,
	ARG_CPU,                /* struct Cpu * */
	ARG_INDEX,              /* Cpu.index, 32 bits */
	ARG_PC,                 /* of the instruction or block */
	ARG_DATA,               /* Probe.data */
	ARG_DATA2,              /* Probe.data2 */
	ARG_VADDR,              /* memory: guest virtual address */
	ARG_SIZE,               /* memory: bytes */
	ARG_IS_STORE,           /* memory: 0 or 1 */
	ARG_MEMINFO,            /* memory: PROBE_MEMINFO of the access, 32 bits */
};
enum {
	PROBE_MEMINFO_SHIFT = 7, PROBE_MEMINFO_SIGNED = 8, PROBE_MEMINFO_BE = 16, PROBE_MEMINFO_STORE = 32,
};

/* The last two work on the host's 64 bits at Probe.data, which all cpus share: not atomic. */
enum ProbeKind { PROBE_CALL, PROBE_SLOT_ADD, PROBE_SLOT_STORE, PROBE_HOST_ADD, PROBE_HOST_STORE };

struct Probe {
	uint8_t kind;           /* enum ProbeKind */
	uint8_t access;         /* enum ProbeAccess, of a call */
	uint8_t mem;            /* memory places: PROBE_LOADS, PROBE_STORES or both. Every atomic read-modify-write is a load, then a store to
				 * the same address: a compare-and-exchange (riscv's store-conditional) too, whether or not it changes memory */
	bool want_value;        /* PROBE_MEM_AFTER */
	bool fp;                /* the function may disturb floating-point flags (Plugin.uses_fp) */
	uint8_t cond;           /* enum IrCond: call only if slot COND imm (unsigned); COND_ALWAYS */
	uint8_t mark;           /* of a call: what Cpu.in_probe says while it runs, for the API's own use; 0: it is left alone */
	uint8_t args[IR_MAXARGS + 1];   /* enum ProbeArg */
	uint32_t slot;          /* slot kinds and conditional calls: offset from struct Cpu, from probe_slot_new() */
	uint64_t imm;
	void *fn;
	void *data, *data2;
	const char *name;       /* of the callback, for crash reports: a static or long-lived string */
	void *owner;            /* struct Plugin */
};

/* The block as a subscriber sees it, valid during on_translate: a region is shown block by block. */
unsigned probe_ninsns(const struct ProbeUnit *unit);
uint64_t probe_block_pc(const struct ProbeUnit *unit);
const struct IrInsn *probe_insn(const struct ProbeUnit *unit, unsigned index);
struct Cpu *probe_cpu(const struct ProbeUnit *unit);            /* the translating cpu */
/* What memory accesses instruction INDEX may make: union of PROBE_LOADS and PROBE_STORES. */
enum { PROBE_LOADS = 1, PROBE_STORES = 2 };
unsigned probe_insn_accesses(const struct ProbeUnit *unit, unsigned index);
/* Attaches a copy of PROBE at PLACE of instruction INDEX (ignored for PROBE_BLOCK). Probes at one place run in the order of their attachment. */
void probe_attach(struct ProbeUnit *unit, enum ProbePlace place, unsigned index, const struct Probe *probe);

/* What an API wants to hear of. Any member may be NULL. Called without the translator's knowledge of APIs. */
struct Subscriber {
	void *owner;                                            /* struct Plugin */
	void *data;
	/* a block is being translated: attach probes. Under the translation lock, on the translating cpu's thread */
	void (*on_translate)(struct Subscriber *self, struct ProbeUnit *unit);
	void (*on_cpu_init)(struct Subscriber *self, struct Cpu *cpu);          /* before its first instruction, on its thread */
	void (*on_cpu_exit)(struct Subscriber *self, struct Cpu *cpu);          /* on its thread, at its end */
	/* before and after a system call; ARGS are six; before may return true to skip the call with *RESULT as its result */
	bool (*on_syscall)(struct Subscriber *self, struct Cpu *cpu, int64_t number, const uint64_t *args, uint64_t *result);
	void (*on_syscall_return)(struct Subscriber *self, struct Cpu *cpu, int64_t number, int64_t result);
	void (*on_exception)(struct Subscriber *self, struct Cpu *cpu, uint64_t from_pc);       /* after the state is set up: Cpu.pc is the handler's */
	void (*on_flush)(struct Subscriber *self);              /* the code cache has been emptied, all cpus stopped */
	void (*on_exit)(struct Subscriber *self);               /* once, when the guest ends, however it ends */
};

/* A member may go from NULL to a function later, never back; this makes it known. Any thread. */
void subscriber_changed(void);
/* Adds before another, at the end if that is NULL. */
void subscriber_add_before(struct Subscriber *subscriber, struct Subscriber *before);
/* Adds at the end of the list, or removes. Not from the subscriber's own on_translate. Blocks translated before are not changed: call
 * cache_flush() for that. Any thread. */
void subscriber_add(struct Subscriber *subscriber);
void subscriber_remove(struct Subscriber *subscriber);
/* Whether anybody wants translations at all: if not, the pass is not run. */
bool instrument_active(void);

/* THE pass: asks the subscribers and inserts their probes. Called by translate(). */
void instrument_unit(struct Ir *ir, struct Cpu *cpu);

/* Events, told by translator and environment. Cheap when nobody listens. */
void instrument_cpu_init(struct Cpu *cpu);
void instrument_cpu_exit(struct Cpu *cpu);
bool instrument_syscall(struct Cpu *cpu, int64_t number, const uint64_t args[6], uint64_t *result);     /* true: skip the call */
void instrument_syscall_return(struct Cpu *cpu, int64_t number, int64_t result);
void instrument_exception(struct Cpu *cpu, uint64_t from_pc);
void instrument_flush(void);
/* Generation of the code cache in which the oldest code that can still run was made: no probe put in before is left. Any thread. */
uint64_t instrument_drained(void);
/* One more than the highest index of a cpu whose start was told; never less than before. Any thread. */
unsigned instrument_vcpus(void);
/* The guest ends: on_exit of every subscriber (plugins' exit functions among them), plugins' destructors, stdio, the log. Idempotent: the second and later calls wait
 * for nothing and do nothing. Libraries stay mapped, since other threads may still be in them or come to them: the destructors are called, the
 * library is not closed, and whoever calls this ends the process by _exit() or a signal (exit() is caught and does the same). Called on the ending thread from exit_group, a fatal signal (outside the handler), and the last thread's exit; and from
 * execve before the point of no return if COMING_BACK is false. */
void instrument_exit(void);

/* Per-cpu slots of 64-bit cells: SIZE bytes for every cpu index, zeroed, aligned to 64; a cpu finds what the one before with its index left. Returns the offset from struct Cpu, or 0 if the
 * space (CPU_SLOTS_SIZE) is exhausted. Any thread. */
enum { SLOT_LINE = 64 };        /* bytes: no two allocations share a line */
uint32_t probe_slots_new(size_t size);
void probe_slots_free(uint32_t offset, size_t size);
static inline void *probe_slot(struct Cpu *cpu, uint32_t offset) { return (char *)cpu + offset; }

/* Registers by the table of struct Register, for APIs, logs and gdb. BUF needs 16 bytes, in guest byte order. Return bytes, 0 if there is none. On the cpu's thread in a
 * callback with PROBE_REGISTERS access (or between blocks). */
static inline unsigned register_read(struct Cpu *cpu, const struct Register *reg, void *buf);
/* The same, with PROBE_REGISTERS_WRITE access. False, and nothing changes, for read-only registers, for pc, and for a value that would change the key
 * under which the running code was translated (riscv64: another rounding mode). */
bool register_write(struct Cpu *cpu, const struct Register *reg, const void *buf);
/* By gdb's name; NULL if the guest has none. Any thread. */
const struct Register *register_find(const struct Guest *guest, const char *name);

/* The same for every kind of register; register_read() has the usual kind in line, one load. */
unsigned register_read_any(struct Cpu *cpu, const struct Register *reg, void *buf);

/* Whether it is 64 bits in struct Cpu and nothing else, in the host's byte order. */
static inline bool register_is_plain(const struct Guest *guest, const struct Register *reg)
{
	return reg->size == 8 && !reg->get && guest->elf_data == 1 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

static inline unsigned register_read(struct Cpu *cpu, const struct Register *reg, void *buf)
{
	if (__builtin_expect(!register_is_plain(cpu->guest, reg), 0))
		return register_read_any(cpu, reg, buf);
	__builtin_memcpy(buf, (const char *)cpu + reg->offset, 8);
	return 8;
}

/* In a signal handler: a host fault outside translated and guarded code. Prints a short report naming plugin, callback and guest pc if a plugin's callback was running
 * (else forerun itself), writes the log out, and dies of SIG. */
void instrument_crash(int sig, void *fault_addr, void *ucontext, struct Cpu *cpu) __attribute__((noreturn));

#endif
