/* SPDX-License-Identifier: MIT */
/* Probes of the 2017 interface at random places, chosen by the seed in args= ("N" or "N,trace"). See probes.h. What the library is, the build says:
 *
 *     ACCESS=0, 1, 2  callbacks look at no register, read them, write them (and memory)
 *     SHORT           callbacks only add up, short enough to be put in line; with ACCESS=1 registers too, SHORT says which
 *     STATIC          needs are asked at translation only
 *     MODEL           needs are always true, and callbacks look up the choice */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "plugins.h"
#include "regnum.h"
#include "tests/random/probes.h"

enum Kind { INSN, MEM, WRITE, KINDS, BLOCK = KINDS };

#ifdef STATIC
const bool plugin_needs_is_static = true;
#endif
#ifdef MODEL
enum { MODELLED = true };
#else
enum { MODELLED = false };
#endif

static void say(const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	qemulib_log("%s", line);
}

/* -- registers --------------------------------------------------------------------------------------------------------- */

#if ACCESS > 0
static uint64_t get(void *cpu, unsigned reg)
{
	uint64_t value = 0;

	if (qemulib_read_register(cpu, (uint8_t *)&value, reg) != 8)
		complain("register cannot be read", reg, 0);
	return value;
}

static uint64_t get_all(void *cpu)
{
	uint64_t hash = get(cpu, RISCV64_FCSR_REGNUM);

	for (unsigned i = 0; i < RISCV64_CSR_REGNUM; i++)
		hash = mix(hash, get(cpu, i));
	return hash;
}

/* A hash of some registers, sometimes of all. */
static inline uint64_t look(uint64_t pc, void *cpu, unsigned kind)
{
	uint64_t random = lot(pc, kind), hash = 0;

	if (random % 8 == 0)
		return get_all(cpu);
	for (unsigned i = 0, n = 1 + (random >> 8) % 4; i < n; i++, random = mix(random, i))
		hash = mix(hash, get(cpu, random % RISCV64_CSR_REGNUM));
	if (get(cpu, RISCV64_PC_REGNUM) != pc)
		complain("pc differs", pc, get(cpu, RISCV64_PC_REGNUM));
	return hash;
}
#else
static inline uint64_t look(uint64_t pc, void *cpu, unsigned kind)
{
	(void)pc, (void)cpu, (void)kind;
	return 0;
}
#endif

#if ACCESS > 1
static void write_register(uint64_t pc, void *cpu)
{
	uint64_t random = lot(pc, WRITE);
	unsigned choice = (random >> 16) % 8;
	unsigned reg = choice == 0 ? RISCV64_FFLAGS_REGNUM : choice < 4 ? RISCV64_F0_REGNUM + random % 32 : writable(random);
	uint64_t value = get(cpu, reg) ^ mix(random, account[WRITE].count);

	if (reg == RISCV64_FFLAGS_REGNUM)
		value &= 31;
	if (qemulib_write_register(cpu, (const uint8_t *)&value, reg) != 8 || get(cpu, reg) != value)
		complain("register is not what was written", pc, reg);
	note(WRITE, "write", pc, value);
}

/* Changes what is about to be loaded. */
static void write_memory(uint64_t pc, void *cpu, uint64_t vaddr)
{
	uint8_t byte = account[MEM].count;

	if (qemulib_write_memory(cpu, vaddr, &byte, 1))
		complain("memory cannot be written", pc, vaddr);
}
#endif

/* -- needs --------------------------------------------------------------------------------------------------------------- */

#if ACCESS > 0 && !defined STATIC && !defined SHORT
/* A callback sees what the needs function saw that was asked for it. */
static uint64_t asked_pc, asked_hash;

static bool needs(uint64_t pc, void *cpu, enum Kind kind)
{
	bool answer = MODELLED || chosen(pc, kind);

	asked_pc = pc;
	asked_hash = answer ? look(pc, cpu, kind) : 0;
	return answer;
}

static void compare_with_needs(uint64_t pc, uint64_t hash)
{
	if (pc != asked_pc || hash != asked_hash)
		complain("needs saw other registers than the callback", pc, asked_pc);
}
#else
static bool needs(uint64_t pc, void *cpu, enum Kind kind)
{
	(void)cpu;
	return MODELLED || chosen(pc, kind);
}

static inline void compare_with_needs(uint64_t pc, uint64_t hash)
{
	(void)pc, (void)hash;
}
#endif

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	return needs(pc, cpu, INSN);
}

bool plugin_needs_before_mem(uint64_t pc, void *cpu)
{
	return needs(pc, cpu, MEM);
}

/* -- callbacks ------------------------------------------------------------------------------------------------------------- */

static uint64_t blocks;

#ifdef SHORT

static uint64_t insns, addresses, bytes, stores, registers, products;

/* The Nth register; those that are given are constants. */
#define REGISTER(n) ((SHORT * 5 + (n) * 11) % RISCV64_CSR_REGNUM)

#if ACCESS > 0
static inline uint64_t read_short(void *cpu, unsigned reg)
{
	uint64_t value;

	qemulib_read_register(cpu, (uint8_t *)&value, reg);
	return value;
}
#define READ_SHORT(cpu, n) read_short(cpu, REGISTER(n))
#else
#define READ_SHORT(cpu, n) (0)
#endif

void plugin_before_insn(uint64_t pc, void *cpu)
{
	(void)cpu;
#ifdef MODEL
	if (!chosen(pc, INSN))
		return;
#else
	(void)pc;
#endif
	insns++;
	registers += READ_SHORT(cpu, 0);
}

void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	(void)cpu;
#ifdef MODEL
	if (!chosen(pc, MEM))
		return;
#else
	(void)pc;
#endif
	addresses += vaddr;
	bytes += size;
	stores += is_store;
	products ^= READ_SHORT(cpu, 1) * READ_SHORT(cpu, 2);
}

bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	return needs(pc, cpu, BLOCK);
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	blocks++;
}

void plugin_exit(void)
{
	say("insns %" PRIu64 " addresses %" PRIx64 " bytes %" PRIu64 " stores %" PRIu64 "\n", insns, addresses, bytes, stores);
	say("registers %016" PRIx64 " products %016" PRIx64 "\n", registers, products);
}

#else

enum { FLUSHES = 5000 };        /* callbacks from one flush to the next */

/* The block whose callback was the last to be called. */
static uint64_t block_pc, block_hash;
static bool at_block;

void plugin_before_insn(uint64_t pc, void *cpu)
{
	if (MODELLED && !chosen(pc, INSN))
		return;
	uint64_t hash = look(pc, cpu, INSN);
	compare_with_needs(pc, hash);
#if ACCESS > 0
	if (at_block && block_pc == pc && get_all(cpu) != block_hash)
		complain("registers differ between a block and its first instruction", pc, block_hash);
#endif
	at_block = false;
	note(INSN, "insn", pc, hash);
#if ACCESS > 1
	if (chosen(pc, WRITE) && may_write(pc))
		write_register(pc, cpu);
#endif
	if (account[INSN].count % FLUSHES == 0)
		qemulib_flush();
}

void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	uint64_t there = 0;

	if (MODELLED && !chosen(pc, MEM))
		return;
	uint64_t hash = look(pc, cpu, MEM);
	compare_with_needs(pc, hash);
	at_block = false;
	if (size < 1 || size > 8 || qemulib_read_memory(cpu, vaddr, (uint8_t *)&there, size))
		complain("memory cannot be read", pc, vaddr);
	note(MEM, "mem", pc, mix(mix(there, hash), mix(vaddr, size << 1 | is_store)));
#if ACCESS > 1
	if (!is_store && lot(pc, MEM) >> 8 & 1 && is_scratch(vaddr))
		write_memory(pc, cpu, vaddr);
#endif
}

bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	(void)cpu;
	return !MODELLED && chosen(pc, BLOCK);
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	blocks++;
	block_pc = pc;
	at_block = true;
#if ACCESS > 0
	block_hash = get_all(cpu);
#else
	(void)cpu;
	(void)block_hash;
#endif
}

void plugin_exit(void)
{
	static const char *const names[KINDS] = { "insn", "mem", "write" };

	print_account(names, KINDS);
}

#endif

bool plugin_init(const char *args)
{
	char *end;

	seed = mix(strtoull(args ? args : "", &end, 0), 1);
	trace = !strcmp(end, ",trace");
	return args && end != args && (!*end || trace);
}
