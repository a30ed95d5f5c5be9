/* SPDX-License-Identifier: MIT */
/* Writes a static riscv64 program of random instruction streams, made from the decoder's own table.
 *
 * usage: generate SEED STREAMS OUTPUT [only=NAME-PREFIX] [skip=EXTENSION-OR-NAME]... [length=N] [loop=N] [flow]
 *
 * Each stream starts from random registers, fcsr and memory, runs its instructions, and appends its final state to a buffer
 * that the program writes to its standard output when all streams have run: per stream x0-x31, f0-f31, fcsr, and the scratch memory.
 * Two runs of the program, on whatever executes it, must print the same bytes; compare.c tells which stream and register differ.
 *
 * The streams own every register but three: sp, s0 and s1 (x2, x8, x9) point into the scratch memory, 16-byte aligned, and no instruction
 * writes them; with loop=N also gp, which counts N rounds of each stream, enough to make it a region. Other branches go forward over at most a few
 * instructions; with "flow" streams also have what flow.c makes, and leave it FLOW_REGS. */
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "target/riscv64/insns.h"
#include "tests/random/generate.h"

/* -- random numbers, the same everywhere ---------------------------------------------------------------------------- */

static uint64_t state;

uint64_t rnd(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

unsigned below(unsigned n)
{
	return rnd() % n;
}

/* Numbers that break arithmetic more often than chance would. */
static uint64_t interesting(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, ~0ull, ~1ull, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0xffffffff80000000, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 63, 64, 31, 32,
	};
	switch (below(4)) {
	case 0:
		return values[below(sizeof values / sizeof *values)];
	case 1:
		return rnd() >> below(64);
	case 2:
		return -(rnd() >> below(64));
	default:
		return rnd();
	}
}

static uint64_t interesting_double(void)
{
	static const uint64_t values[] = {
		0x0000000000000000, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x4000000000000000,
		0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001,
		0x7ff4000000000000, 0xfff7ffffffffffff, 0x0010000000000000, 0x000fffffffffffff, 0x0000000000000001,
		0x7fefffffffffffff, 0xffefffffffffffff, 0x41dfffffffc00000, 0xc1e0000000000000, 0x43e0000000000000,
		0x43dfffffffffffff, 0xc3e0000000000000, 0x41efffffffe00000, 0x3fe0000000000000, 0x3ff8000000000000,
		0x4004000000000000, 0xbfe0000000000000, 0x36a0000000000000, 0x380fffffe0000000, 0x47efffffe0000000,
		0x43f0000000000000, 0x7fffffffffffffff,
	};
	switch (below(4)) {
	case 0:
		return values[below(sizeof values / sizeof *values)];
	case 1:         /* near 1, few bits: exact sums and ties */
		return (rnd() & 0x800f000000000000) | (uint64_t)(0x3f0 + below(32)) << 52 | (rnd() & 0x000fffff00000000 & -(uint64_t)below(2));
	default:
		return rnd();
	}
}

static uint64_t interesting_single(void)
{
	static const uint32_t values[] = {
		0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
		0x7f800001, 0x7fa00000, 0x00800000, 0x007fffff, 0x00000001, 0x80000001, 0x7f7fffff, 0xff7fffff, 0x4effffff,
		0x4f000000, 0xcf000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x3f000000, 0x3fc00000, 0x40200000,
		0xbf000000, 0x33000000, 0x477fe000, 0x47800000, 0x38800000,
	};
	return below(2) ? values[below(sizeof values / sizeof *values)] : (uint32_t)rnd();
}

static uint64_t interesting_fp(void)
{
	static const uint16_t halves[] = {
		0x0000, 0x8000, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0x7c01, 0x0400, 0x03ff, 0x0001, 0x7bff, 0xfbff, 0x3800,
	};
	switch (below(8)) {
	case 0: case 1: case 2:
		return interesting_double();
	case 3: case 4: case 5:
		return 0xffffffff00000000 | interesting_single();
	case 6:
		return 0xffffffffffff0000 | (below(2) ? halves[below(sizeof halves / sizeof *halves)] : (uint16_t)rnd());
	default:
		return rnd();
	}
}

/* -- code -------------------------------------------------------------------------------------------------------- */

static uint8_t code[64 << 20];
size_t code_size;
static size_t exit_code;

void put(uint32_t insn, unsigned length)
{
	memcpy(code + code_size, &insn, length);
	code_size += length;
}

void put_data(uint64_t value)
{
	memcpy(code + code_size, &value, sizeof value);
	code_size += sizeof value;
}

void patch(size_t at, uint32_t insn)
{
	memcpy(code + at, &insn, sizeof insn);
}

uint32_t code_word(size_t at)
{
	uint32_t insn;

	memcpy(&insn, code + at, sizeof insn);
	return insn;
}

uint32_t i_type(unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, int imm)
{
	return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | (uint32_t)imm << 20;
}

uint32_t s_type(unsigned opcode, unsigned funct3, unsigned rs1, unsigned rs2, int imm)
{
	return opcode | (imm & 31) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (uint32_t)(imm >> 5) << 25;
}

/* rd = VALUE, 0 <= VALUE < 2^31. */
void load_address(unsigned rd, uint32_t value)
{
	put(0x37 | rd << 7 | ((value + 0x800) & 0xfffff000), 4);
	put(i_type(0x1b, 0, rd, rd, value & 0xfff), 4);
}

/* Loads all registers from the stream's input at ADDRESS: x1..x31 but the three, f0..f31, fcsr. */
static void load_state(uint32_t address)
{
	load_address(T0, address + 1024);
	for (unsigned i = 0; i < 32; i++)
		put(i_type(0x07, 3, i, T0, -1024 + 256 + (int)i * 8), 4);
	put(i_type(0x03, 3, T1, T0, -1024 + 512), 4);
	put(0x00301073 | T1 << 15, 4);                                  /* csrw fcsr, t1 */
	for (unsigned i = 1; i < 32; i++)
		if (i != T0 && i != SP && i != S0 && i != S1)
			put(i_type(0x03, 3, i, T0, -1024 + (int)i * 8), 4);
	load_address(SP, address + STATE_MEMORY + SCRATCH_BASE);
	put(i_type(0x13, 0, S0, SP, 0), 4);
	put(i_type(0x13, 0, S1, SP, 0), 4);
	put(i_type(0x03, 3, T0, T0, -1024 + T0 * 8), 4);
}

/* Stores all registers to ADDRESS. x5 and sp are parked in a global-free way: through fcsr-neutral stores relative to s0. */
static void store_state(uint32_t address)
{
	put(s_type(0x23, 3, S0, T0, -SCRATCH_BASE + SCRATCH_SIZE), 4);   /* just behind the scratch memory */
	load_address(T0, address + 1024);
	for (unsigned i = 0; i < 32; i++)
		if (i != T0)
			put(s_type(0x23, 3, T0, i, -1024 + (int)i * 8), 4);
	for (unsigned i = 0; i < 32; i++)
		put(s_type(0x27, 3, T0, i, -1024 + 256 + (int)i * 8), 4);
	put(0x00302373, 4);                                             /* csrr t1, fcsr */
	put(s_type(0x23, 3, T0, T1, -1024 + 512), 4);
	put(i_type(0x03, 3, T1, S0, -SCRATCH_BASE + SCRATCH_SIZE), 4);
	put(s_type(0x23, 3, T0, T1, -1024 + T0 * 8), 4);
}

/* -- choosing instructions ------------------------------------------------------------------------------------------- */

static const char *const extension_names[] = {
#define EXT(id, name, models, hwprobe, text) name,
#include "target/riscv64/extensions.def"
};

static const char *only;
static const char *skip[16];
static unsigned nskip;

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static unsigned rounds;
static bool flow;
enum { CONTROL_STACK = 1 << 16 };       /* bytes behind the states */

/* Whether streams must leave REG alone. */
static bool is_pointer(unsigned reg)
{
	return reg == SP || reg == S0 || reg == S1 || (rounds && reg == GP) || (flow && FLOW_REGS >> reg & 1);
}

/* Control flow, traps, time and what the kernel may refuse are not for random choice. */
static bool wanted(const struct RiscvInsn *row)
{
	static const char *const never[] = {
		"ecall", "ebreak", "fence.i", "c.ebreak", "c.j", "c.jr", "c.jalr", "c.beqz", "c.bnez", "jal", "jalr", "mret", "sret",
		"wfi", "wrs", "cbo.", "rdcycle", "rdtime", "rdinstret", "c.unimp", "unimp", "c.addi16sp",
		"auipc", "lr.", "sc.", "pause", "prefetch", "csr", "fr", "fs.", "beq", "bne", "blt", "bge", "seed",
	};
	if (only && !starts(row->name, only))
		return false;
	for (unsigned i = 0; i < sizeof never / sizeof *never; i++)
		if (starts(row->name, never[i]))
			return false;
	for (unsigned i = 0; i < nskip; i++)
		if (!strcmp(row->name, skip[i]))
			return false;
	for (unsigned i = 0; i < nskip; i++)
		if (row->extension < sizeof extension_names / sizeof *extension_names &&
		    !strcmp(extension_names[row->extension], skip[i]))
			return false;
	return !row->reserved;
}

static const struct RiscvInsn *rows[1024];
static unsigned nrows;

static void collect(void)
{
	for (unsigned i = 0; i < RISCV_EXT_COUNT; i++)
		riscv_has[i] = true;
	riscv_decoder_build();
	for (unsigned i = 0; i < riscv_ninsns && nrows < 1024; i++)
		if (wanted(&riscv_insns[i]))
			rows[nrows++] = &riscv_insns[i];
	if (!nrows) {
		fputs("generate: no instruction is left to choose from\n", stderr);
		exit(2);
	}
}

/* A 32-bit instruction of ROW; 0 if the random fields cannot be had. */
static uint32_t random_wide(const struct RiscvInsn *row)
{
	uint32_t insn = row->match | ((uint32_t)rnd() & ~row->mask);
	unsigned opcode = insn & 0x7f, rd = insn >> 7 & 31;

	switch (opcode) {
	case 0x03: case 0x07:           /* loads */
		insn = (insn & 0x000fffff & ~(31u << 15)) | S0 << 15 | (uint32_t)((int)below(256) - 128) << 20;
		break;
	case 0x23: case 0x27: {         /* stores */
		int imm = (int)below(256) - 128;
		insn = (insn & 0x01fff07f & ~(31u << 15)) | S0 << 15 | (uint32_t)(imm & 31) << 7 | (uint32_t)(imm >> 5) << 25;
		return insn;
	}
	case 0x2f:                      /* atomics */
		insn = (insn & ~(31u << 15)) | S1 << 15;
		break;
	case 0x43: case 0x47: case 0x4b: case 0x4f: case 0x53:
		if (!(row->mask & 0x7000)) {
			static const unsigned char modes[] = { 0, 1, 2, 3, 4, 7, 7, 7 };
			insn = (insn & ~0x7000u) | modes[below(8)] << 12;
		}
		/* rd may be an FP register: any number, but then the three are merely not used */
		break;
	case 0x0f:
		return insn;
	}
	return is_pointer(rd) ? 0 : insn;
}

/* Whether a compressed instruction ROW leaves the three alone; memory ones have them as base. */
static uint32_t random_compressed(const struct RiscvInsn *row)
{
	uint32_t insn = (row->match | ((uint32_t)rnd() & ~row->mask)) & 0xffff;
	unsigned quadrant = insn & 3, funct3 = insn >> 13;
	unsigned rd = insn >> 7 & 31, rd_low = 8 + (insn >> 2 & 7), rs1_low = 8 + (insn >> 7 & 7);

	if (quadrant == 0) {
		if (funct3 != 0)        /* base register s0 or s1 */
			insn = (insn & ~(7u << 7)) | below(2) << 7, (void)rs1_low;
		if (funct3 < 4 && is_pointer(rd_low))
			return 0;
		return insn;
	}
	if (quadrant == 1)
		return is_pointer(funct3 < 4 ? rd : rs1_low) ? 0 : insn;
	if (funct3 >= 5)
		return insn;            /* stores to the stack */
	return is_pointer(rd) ? 0 : insn;
}

/* lr/sc, csr accesses and branches need more than random fields. */
static void put_special(void)
{
	unsigned rd = 10 + below(6), rs = 10 + below(6), width = 2 + below(2);

	switch (below(4)) {
	case 0:
		put(0x1000202f | (width - 2) << 12 | S1 << 15 | rd << 7, 4);                    /* lr */
		if (below(2))
			put(0x13 | 16 << 7 | 16 << 15 | 1 << 20, 4);                             /* addi a6, a6, 1 */
		put(0x1800202f | (width - 2) << 12 | S1 << 15 | rs << 20 | (10 + below(6)) << 7, 4); /* sc */
		break;
	case 1: {
		static const unsigned functs[] = { 1, 2, 3, 5, 6, 7 };
		unsigned csr = 1 + below(3), funct = functs[below(6)], source = funct >= 5 ? below(32) : rs;
		put(0x73 | rd << 7 | funct << 12 | source << 15 | csr << 20, 4);
		put(0x00205073, 4);                                                             /* csrwi frm, 0..4 */
		code[code_size - 2] |= 0;
		uint32_t mode = below(5);
		code_size -= 4;
		put(0x00205073 | mode << 15, 4);
		break;
	}
	case 2: {                       /* branch over one instruction */
		static const unsigned functs[] = { 0, 1, 4, 5, 6, 7 };
		put(0x63 | functs[below(6)] << 12 | below(32) << 15 | below(32) << 20 | 8 << 7, 4);
		put(0x13 | rd << 7 | rd << 15 | 1 << 20, 4);
		break;
	}
	default:                        /* auipc; its value is the same wherever the program runs */
		put(0x17 | rd << 7 | (uint32_t)rnd() << 12, 4);
	}
}

/* bne rs1, zero, TARGET, a code offset behind us. */
static void put_branch_back(unsigned rs1, size_t target)
{
	int back = (int)target - (int)code_size;

	put(0x63 | 1 << 12 | rs1 << 15 | (back >> 11 & 1) << 7 | (back >> 1 & 15) << 8 | (uint32_t)(back >> 5 & 63) << 25 |
	    (uint32_t)(back >> 12 & 1) << 31, 4);
}

void put_straight(unsigned length)
{
	for (unsigned i = 0; i < length; i++) {
		if (!only && below(16) == 0) {
			put_special();
			continue;
		}
		if (!only && below(16) == 0) {
			put_idiom();
			continue;
		}
		const struct RiscvInsn *row = rows[below(nrows)];
		uint32_t insn = 0;
		for (unsigned tries = 0; !insn && tries < 64; tries++) {
			insn = row->length == 2 ? random_compressed(row) : random_wide(row);
			if (insn && riscv_decode(insn) != row)
				insn = 0;
		}
		if (insn)
			put(insn, row->length);
	}
}

static void put_stream(unsigned length)
{
	if (flow)
		put_functions();
	if (rounds)
		load_address(GP, rounds);
	size_t start = code_size;
	if (flow)
		put_flow();
	else
		put_straight(length);
	if (!rounds)
		return;
	put(i_type(0x13, 0, GP, GP, -1), 4);
	if (!flow) {
		put_branch_back(GP, start);
		return;
	}
	/* the way back may be long */
	put(0x63 | GP << 15 | 8 << 7, 4);                               /* beqz gp, over the jump */
	int back = (int)start - (int)code_size;
	put(0x6f | (back >> 12 & 255) << 12 | (uint32_t)(back >> 11 & 1) << 20 | (uint32_t)(back >> 1 & 1023) << 21 |
	    (uint32_t)(back >> 20 & 1) << 31, 4);
}

/* -- the file ---------------------------------------------------------------------------------------------------- */

/* Begins the program: a jump to the streams, and what they come back to when all have run. */
static void put_frame(uint32_t output, size_t size)
{
	load_address(T0, STREAMS_BASE);
	put(i_type(0x67, 0, ZERO, T0, 0), 4);
	exit_code = code_size;
	load_address(A1, output);
	load_address(A2, size);
	size_t loop = code_size;
	put(i_type(0x13, 0, A0, ZERO, 1), 4);
	put(i_type(0x13, 0, A7, ZERO, 64), 4);
	put(0x73, 4);                                                   /* write(1, a1, a2) */
	put(0x63 | 5 << 12 | ZERO << 15 | A0 << 20 | 16 << 7, 4);        /* bge zero, a0: give up, forward 16 */
	put(0x33 | A1 << 7 | A1 << 15 | A0 << 20, 4);
	put(0x40000033 | A2 << 7 | A2 << 15 | A0 << 20, 4);
	put_branch_back(A2, loop);
	put(i_type(0x13, 0, A0, ZERO, 0), 4);
	put(i_type(0x13, 0, A7, ZERO, 94), 4);
	put(0x73, 4);
	code_size = STREAMS_BASE - CODE_BASE;
}

static bool write_elf(const char *path, const uint8_t *data, size_t data_size, size_t bss)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_RISCV, .e_version = EV_CURRENT, .e_entry = CODE_BASE, .e_phoff = sizeof eh,
		.e_flags = 5, .e_ehsize = sizeof eh, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
	};
	size_t code_offset = 4096, data_offset = (code_offset + code_size + 4095) & ~(size_t)4095;
	Elf64_Phdr ph[2] = {
		{ PT_LOAD, PF_R | PF_X, code_offset, CODE_BASE, CODE_BASE, code_size, code_size, 4096 },
		{ PT_LOAD, PF_R | PF_W, data_offset, DATA_BASE, DATA_BASE, data_size, data_size + bss, 4096 },
	};
	FILE *f = fopen(path, "wb");

	if (!f)
		return false;
	fwrite(&eh, sizeof eh, 1, f);
	fwrite(ph, sizeof ph, 1, f);
	fseek(f, code_offset, SEEK_SET);
	fwrite(code, code_size, 1, f);
	fseek(f, data_offset, SEEK_SET);
	fwrite(data, data_size, 1, f);
	return fclose(f) == 0 && chmod(path, 0755) == 0;
}

static void fill_state(uint8_t *state_bytes)
{
	for (unsigned i = 0; i < 32; i++) {
		uint64_t x = interesting(), f = interesting_fp();
		memcpy(state_bytes + i * 8, &x, 8);
		memcpy(state_bytes + 256 + i * 8, &f, 8);
	}
	uint64_t fcsr = below(32) | (below(3) ? 0 : below(5)) << 5;
	memcpy(state_bytes + 512, &fcsr, 8);
	for (unsigned i = 0; i < SCRATCH_SIZE; i += 8) {
		uint64_t value = below(3) ? interesting_fp() : interesting();
		memcpy(state_bytes + STATE_MEMORY + i, &value, 8);
	}
}

int main(int argc, char **argv)
{
	unsigned length = 40;

	if (argc < 4) {
		fputs("usage: generate SEED STREAMS OUTPUT [only=PREFIX] [skip=EXTENSION-OR-NAME]... [length=N] [loop=N] [flow]\n", stderr);
		return 2;
	}
	state = strtoull(argv[1], NULL, 0) * 0x2545f4914f6cdd1dull;
	unsigned streams = atoi(argv[2]);
	for (int i = 4; i < argc; i++) {
		if (starts(argv[i], "only="))
			only = argv[i] + 5;
		else if (starts(argv[i], "skip=") && nskip < 16)
			skip[nskip++] = argv[i] + 5;
		else if (starts(argv[i], "length="))
			length = atoi(argv[i] + 7);
		else if (starts(argv[i], "loop="))
			rounds = atoi(argv[i] + 5);
		else if (!strcmp(argv[i], "flow"))
			flow = true;
	}
	collect();
	size_t data_size = (size_t)streams * STATE_SIZE;
	uint8_t *data = calloc(1, data_size);
	put_frame(DATA_BASE, data_size);
	for (unsigned i = 0; i < streams; i++) {
		uint32_t address = DATA_BASE + i * STATE_SIZE;
		fill_state(data + (size_t)i * STATE_SIZE);
		load_state(address);
		if (flow)
			load_address(TP, DATA_BASE + data_size);
		put_stream(1 + below(length));
		store_state(address);
		if (code_size > sizeof code - (1 << 20)) {
			fputs("generate: too many streams for one program\n", stderr);
			return 2;
		}
	}
	load_address(T0, CODE_BASE + exit_code);
	put(i_type(0x67, 0, ZERO, T0, 0), 4);
	if (!write_elf(argv[3], data, data_size, CONTROL_STACK)) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
