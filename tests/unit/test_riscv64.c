/* SPDX-License-Identifier: MIT */
/* riscv64: the table of instructions, decoder, disassembler, -cpu strings, registers, and the IR of every row. */
#include <check.h>
#include <glib.h>
#include <string.h>

#include "target/guest.h"
#include "target/linux/abi.h"
#include "target/riscv64/cpu.h"
#include "tests/unit/suite.h"

static void configure(const char *model)
{
	char *error = NULL;

	ck_assert_msg(guest_riscv64.configure(model, &error), "%s: %s", model ? model : "default", error);
}

static void configure_default(void)
{
	configure(NULL);
}

/* Different bits each time, the same in every run. */
static uint32_t random_bits(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 32;
}

/* An encoding of ROW with its operand bits taken from BITS. */
static uint32_t encode(const struct RiscvInsn *row, uint32_t bits)
{
	uint32_t opcode = row->match | (bits & ~row->mask);

	return row->length == 2 ? opcode & 0xffff : opcode;
}

static char *disassemble(uint64_t pc, uint32_t opcode)
{
	GString *text = g_string_new(NULL);
	const uint8_t bytes[4] = { opcode, opcode >> 8, opcode >> 16, opcode >> 24 };

	guest_riscv64.disassemble(pc, bytes, guest_riscv64.insn_length(bytes, 4), text);
	return g_string_free(text, FALSE);
}

/* -- the table ------------------------------------------------------------------------------------------------------- */

START_TEST(rows_are_consistent)
{
	for (unsigned i = 0; i < riscv_ninsns; i++) {
		const struct RiscvInsn *row = &riscv_insns[i];
		ck_assert_msg((row->match & ~row->mask) == 0, "%s: match has bits outside mask", row->name);
		ck_assert_msg(row->length == riscv_length(row->match), "%s: length", row->name);
		ck_assert_msg((row->mask & 3) == 3, "%s: the length is not fixed", row->name);
		ck_assert_msg(row->length == 4 || row->mask <= 0xffff, "%s: mask of a 16-bit row", row->name);
		ck_assert_msg(row->length == 4 || !strncmp(row->name, "c.", 2), "%s: name of a 16-bit row", row->name);
		ck_assert_msg((row->length == 4) == (row->format < RISCV_FMT_CNONE), "%s: format", row->name);
	}
}
END_TEST

/* Whether a third row, more specific than I and J, takes all encodings that fit both. */
static bool is_settled(unsigned i, unsigned j)
{
	const struct RiscvInsn *a = &riscv_insns[i], *b = &riscv_insns[j];
	uint32_t mask = a->mask | b->mask, match = a->match | b->match;

	for (unsigned k = 0; k < riscv_ninsns; k++) {
		const struct RiscvInsn *c = &riscv_insns[k];
		if (k != i && k != j && c->length == a->length && (c->mask & mask) == c->mask && (match & c->mask) == c->match &&
		    __builtin_popcount(c->mask) > __builtin_popcount(a->mask))
			return true;
	}
	return false;
}

START_TEST(no_two_rows_claim_an_encoding)
{
	for (unsigned i = 0; i < riscv_ninsns; i++) {
		for (unsigned j = i + 1; j < riscv_ninsns; j++) {
			const struct RiscvInsn *a = &riscv_insns[i], *b = &riscv_insns[j];
			bool overlap = a->length == b->length && ((a->match ^ b->match) & a->mask & b->mask) == 0;
			if (overlap && __builtin_popcount(a->mask) == __builtin_popcount(b->mask))
				ck_assert_msg(is_settled(i, j), "%s and %s overlap", a->name, b->name);
		}
	}
}
END_TEST

/* The row that fits OPCODE by the rule of insns.def, found without the index. */
static const struct RiscvInsn *search(uint32_t opcode)
{
	const struct RiscvInsn *best = NULL;

	for (unsigned i = 0; i < riscv_ninsns; i++) {
		const struct RiscvInsn *row = &riscv_insns[i];
		if (riscv_has[row->extension] && row->length == riscv_length(opcode) && (opcode & row->mask) == row->match &&
		    (!best || __builtin_popcount(row->mask) > __builtin_popcount(best->mask)))
			best = row;
	}
	return best;
}

START_TEST(decoder_finds_the_row)
{
	static const char *const cpus[] = { "max", "rv64i", "rv64,zbb=off,c=off,f=off,zfh=off" };

	for (unsigned c = 0; c < G_N_ELEMENTS(cpus); c++) {
		configure(cpus[c]);
		for (unsigned i = 0; i < riscv_ninsns; i++) {
			for (unsigned k = 0; k < 64; k++) {
				uint32_t opcode = encode(&riscv_insns[i], k ? random_bits() : 0);
				ck_assert_msg(riscv_decode(opcode) == search(opcode), "%s: %08x on %s", riscv_insns[i].name, opcode, cpus[c]);
			}
		}
		for (unsigned opcode = 0; opcode < 0x10000; opcode++)
			if ((opcode & 3) != 3)
				ck_assert_msg(riscv_decode(opcode) == search(opcode), "%04x on %s", opcode, cpus[c]);
		for (unsigned k = 0; k < 20000; k++) {
			uint32_t opcode = random_bits() | 3;
			ck_assert_msg(riscv_decode(opcode) == search(opcode), "%08x on %s", opcode, cpus[c]);
		}
	}
}
END_TEST

/* -- disassembly ------------------------------------------------------------------------------------------------------ */

static const struct { uint32_t opcode; const char *text; } texts[] = {
	{ 0x12345537, "lui     a0,0x12345" }, { 0x00001597, "auipc   a1,0x1" }, { 0x008000ef, "jal     0x10008" },
	{ 0xffdff06f, "j       0xfffc" }, { 0x0080026f, "jal     tp,0x10008" }, { 0x00008067, "ret" }, { 0x000780e7, "jalr    a5" },
	{ 0x00478067, "jr      4(a5)" }, { 0x00878567, "jalr    a0,8(a5)" }, { 0x00b50863, "beq     a0,a1,0x10010" },
	{ 0xfe051ee3, "bnez    a0,0xfffc" }, { 0x00a05463, "blez    a0,0x10008" }, { 0xff853783, "ld      a5,-8(a0)" },
	{ 0x00f52223, "sw      a5,4(a0)" }, { 0x00000013, "nop" }, { 0x02a00513, "li      a0,42" }, { 0x00058513, "mv      a0,a1" },
	{ 0xfff5c513, "not     a0,a1" }, { 0x0005851b, "sext.w  a0,a1" }, { 0x02059513, "slli    a0,a1,0x20" },
	{ 0x4015d51b, "sraiw   a0,a1,0x1" }, { 0x40c58533, "sub     a0,a1,a2" }, { 0x40b00533, "neg     a0,a1" },
	{ 0x00b03533, "snez    a0,a1" }, { 0x0ff0000f, "fence" }, { 0x0310000f, "fence   rw,w" }, { 0x8330000f, "fence.tso" },
	{ 0x0100000f, "pause" }, { 0x00000073, "ecall" }, { 0x00100073, "ebreak" }, { 0x0000100f, "fence.i" },
	{ 0x00202573, "frrm    a0" }, { 0x00151073, "fsflags a0" }, { 0x00339573, "fscsr   a0,t2" }, { 0xc0102573, "rdtime  a0" },
	{ 0x30002573, "csrr    a0,0x300" }, { 0x0013d073, "fsflagsi 7" }, { 0xc0001073, "unimp" },
	{ 0x02c58533, "mul     a0,a1,a2" }, { 0x02c5d53b, "divuw   a0,a1,a2" }, { 0x1005a52f, "lr.w    a0,(a1)" },
	{ 0x1ec5b52f, "sc.d.aqrl a0,a2,(a1)" }, { 0x04c5a52f, "amoadd.w.aq a0,a2,(a1)" }, { 0x0ac5a52f, "amoswap.w.rl a0,a2,(a1)" },
	{ 0x20c5a533, "sh1add  a0,a1,a2" }, { 0x0805853b, "zext.w  a0,a1" }, { 0x0845951b, "slli.uw a0,a1,0x4" },
	{ 0x6b85d513, "rev8    a0,a1" }, { 0x0805c53b, "zext.h  a0,a1" }, { 0x2875d513, "orc.b   a0,a1" }, { 0x0ac59533, "clmul   a0,a1,a2" },
	{ 0x4845d513, "bexti   a0,a1,0x4" }, { 0x0ec5d533, "czero.eqz a0,a1,a2" }, { 0x0045200f, "cbo.zero (a0)" },
	{ 0x02156013, "prefetch.r 32(a0)" }, { 0x0005a507, "flw     fa0,0(a1)" }, { 0x02a53427, "fsd     fa0,40(a0)" },
	{ 0x00c5f553, "fadd.s  fa0,fa1,fa2" }, { 0x02c58553, "fadd.d  fa0,fa1,fa2,rne" }, { 0x6ac5f543, "fmadd.d fa0,fa1,fa2,fa3" },
	{ 0x22b58553, "fmv.d   fa0,fa1" }, { 0x20c59553, "fsgnjn.s fa0,fa1,fa2" }, { 0xc0059553, "fcvt.w.s a0,fa1,rtz" },
	{ 0xd2058553, "fcvt.d.w fa0,a1" }, { 0xa2c5a553, "feq.d   a0,fa1,fa2" }, { 0xe2059553, "fclass.d a0,fa1" },
	{ 0xf2058553, "fmv.d.x fa0,a1" }, { 0x04c5f553, "fadd.h  fa0,fa1,fa2" }, { 0x40258553, "fcvt.s.h fa0,fa1" },
	{ 0x0001, "nop" }, { 0x8082, "ret" }, { 0x0000, "unimp" }, { 0x1141, "addi    sp,sp,-16" }, { 0xe406, "sd      ra,8(sp)" },
	{ 0x60a2, "ld      ra,8(sp)" }, { 0x4501, "li      a0,0" }, { 0x852e, "mv      a0,a1" }, { 0x952e, "add     a0,a0,a1" },
	{ 0x0808, "addi    a0,sp,16" }, { 0x6505, "lui     a0,0x1" }, { 0x757d, "lui     a0,0xfffff" }, { 0x713d, "addi    sp,sp,-32" },
	{ 0x8d0d, "sub     a0,a0,a1" }, { 0xa001, "j       0x10000" }, { 0xc111, "beqz    a0,0x10004" }, { 0x9502, "jalr    a0" },
	{ 0x8502, "jr      a0" }, { 0x9002, "ebreak" }, { 0x2108, "fld     fa0,0(a0)" }, { 0x2501, "sext.w  a0,a0" },
	{ 0xffffffff, ".4byte  0xffffffff" }, { 0x8000, ".2byte  0x8000" }, { 0x4002, ".2byte  0x4002" },
};

START_TEST(text_is_as_objdump_writes_it)
{
	configure_default();
	char *text = disassemble(0x10000, texts[_i].opcode);
	ck_assert_str_eq(text, texts[_i].text);
	g_free(text);
}
END_TEST

START_TEST(every_row_has_a_text)
{
	configure_default();
	for (unsigned i = 0; i < riscv_ninsns; i++) {
		const struct RiscvInsn *row = &riscv_insns[i];
		for (unsigned k = 0; k < 16; k++) {
			uint32_t opcode = encode(row, random_bits());
			char *text = disassemble(0x10000, opcode);
			bool unknown = text[0] == '.';
			bool is_insn = riscv_decode(opcode)->format != RISCV_FMT_CRESERVED;
			ck_assert_msg(unknown != is_insn, "%s %08x: %s", row->name, opcode, text);
			g_free(text);
		}
	}
}
END_TEST

/* -- translation ------------------------------------------------------------------------------------------------------ */

/* Translates OPCODE at 0x10000 under KEY into a unit that ends; *RESULT as translate_insn says. */
static struct Ir *translate_one(struct Arena *arena, uint32_t opcode, uint32_t key, enum TranslateResult *result)
{
	struct Ir *ir = ir_new(arena, &guest_riscv64, 0x10000, key);

	ir_mark(ir, 0x10000, &opcode, riscv_length(opcode));
	*result = guest_riscv64.translate_insn(ir, &ir->insns[0]);
	if (*result == TRANSLATE_NEXT)
		ir_exit(ir, 0x10000 + riscv_length(opcode), EXIT_JUMP, 0);
	return ir;
}

static bool raises(const struct Ir *ir, enum Cause cause)
{
	const struct Ins *last = &ir->ins[ir->nins - 1];

	return last->op == IR_RAISE && last->imm == (int)cause;
}

START_TEST(every_row_makes_sound_ir)
{
	struct Arena arena = { 0 };
	enum TranslateResult result;

	configure_default();
	for (unsigned i = 0; i < riscv_ninsns; i++) {
		for (unsigned k = 0; k < 64; k++) {
			struct Ir *ir = translate_one(&arena, encode(&riscv_insns[i], k ? random_bits() : 0), k % 6, &result);
			ir_check(ir, riscv_insns[i].name);
			arena_reset(&arena);
		}
	}
	arena_free(&arena);
}
END_TEST

/* "Exactness" of ir.h: no register is assigned before an operation that may fault or read the registers. */
START_TEST(registers_change_after_the_last_fault)
{
	struct Arena arena = { 0 };
	enum TranslateResult result;

	configure_default();
	for (unsigned i = 0; i < riscv_ninsns; i++) {
		for (unsigned k = 0; k < 16; k++) {
			uint32_t opcode = encode(&riscv_insns[i], random_bits());
			struct Ir *ir = translate_one(&arena, opcode, 0, &result);
			bool assigned = false;
			for (unsigned at = 0; at < ir->nins; at++) {
				ck_assert_msg(!assigned || !ir_observes(ir, &ir->ins[at]), "%s %08x", riscv_insns[i].name, opcode);
				assigned |= ref_is_var(ir->ins[at].d) && ir_is_global(ir, ir->ins[at].d);
			}
			arena_reset(&arena);
		}
	}
	arena_free(&arena);
}
END_TEST

START_TEST(illegal_encodings_raise)
{
	static const struct { uint32_t opcode, key; const char *why; } rows[] = {
		{ 0x0000, 0, "all zeros" }, { 0xffffffff, 0, "all ones" }, { 0x00c5d553, 0, "rm 5" }, { 0x00c5e553, 0, "rm 6" },
		{ 0x00c5f553, RISCV_KEY_RESERVED, "dynamic rounding while frm is reserved" }, { 0xc0101073, 0, "write to time" },
		{ 0x30002573, 0, "mstatus" }, { 0x0000200f, 0, "cbo.inval" }, { 0x4002, 0, "c.lwsp x0" }, { 0x6101, 0, "c.addi16sp 0" },
		{ 0x6501, 0, "c.lui 0" }, { 0x2001, 0, "c.addiw x0" }, { 0x8002, 0, "c.jr x0" }, { 0x8000, 0, "quadrant 0, funct3 4" },
		{ 0x0000707b, 0, "custom-3" }, { 0x10500073, 0, "wfi" }, { 0x4805951b, 0, "bclri of words" },
	};
	struct Arena arena = { 0 };
	enum TranslateResult result;

	configure_default();
	struct Ir *ir = translate_one(&arena, rows[_i].opcode, rows[_i].key, &result);
	ck_assert_msg(result == TRANSLATE_END && raises(ir, CAUSE_ILLEGAL), "%s", rows[_i].why);
	arena_free(&arena);
}
END_TEST
enum { NILLEGAL = 17 };

START_TEST(exceptions_have_their_causes)
{
	static const struct { uint32_t opcode; enum Cause cause; } rows[] = {
		{ 0x00000073, CAUSE_SYSCALL }, { 0x00100073, CAUSE_BREAKPOINT }, { 0x9002, CAUSE_BREAKPOINT }, { 0x0000100f, CAUSE_FENCE_I },
	};
	struct Arena arena = { 0 };
	enum TranslateResult result;

	configure_default();
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		ck_assert(raises(translate_one(&arena, rows[i].opcode, 0, &result), rows[i].cause));
	arena_free(&arena);
}
END_TEST

START_TEST(branches_say_where_and_how)
{
	static const struct { uint32_t opcode; uint8_t op, hint; uint64_t pc, link; bool polls; } rows[] = {
		{ 0x008000ef, IR_EXIT, EXIT_CALL, 0x10008, 0x10004, false },            /* jal ra, 8 */
		{ 0xffdff06f, IR_EXIT, EXIT_JUMP, 0xfffc, 0, true },                    /* j -4 */
		{ 0x00008067, IR_EXITIND, EXIT_RETURN, 0, 0, true },                    /* ret */
		{ 0x8082, IR_EXITIND, EXIT_RETURN, 0, 0, true },
		{ 0x9502, IR_EXITIND, EXIT_CALL_INDIRECT, 0, 0x10002, true },           /* c.jalr a0 */
		{ 0x00050067, IR_EXITIND, EXIT_JUMP, 0, 0, true },                      /* jr a0 */
		{ 0xa001, IR_EXIT, EXIT_JUMP, 0x10000, 0, true },                       /* c.j 0 */
		{ 0xc111, IR_EXIT, EXIT_JUMP, 0x10002, 0, false },                      /* c.beqz a0, 4 */
		{ 0xfe051ee3, IR_EXIT, EXIT_JUMP, 0x10004, 0, true },                   /* bnez a0, -4 */
	};
	struct Arena arena = { 0 };
	enum TranslateResult result;

	configure_default();
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct Ir *ir = translate_one(&arena, rows[i].opcode, 0, &result);
		const struct Ins *last = &ir->ins[ir->nins - 1];
		ck_assert_int_eq(result, TRANSLATE_END);
		ck_assert_int_eq(last->op, rows[i].op);
		ck_assert_int_eq(ir->exits[last->imm].hint, rows[i].hint);
		ck_assert_uint_eq(ir->exits[last->imm].pc, rows[i].pc);
		ck_assert_uint_eq(ir->exits[last->imm].link, rows[i].link);
		ck_assert_int_eq(guest_riscv64.insn_polls(&ir->insns[0]), rows[i].polls);
	}
	arena_free(&arena);
}
END_TEST

/* -- cpu models ------------------------------------------------------------------------------------------------------- */

START_TEST(cpu_strings_select_extensions)
{
	static const struct { const char *model, *isa; } rows[] = {
		{ "rv64i", "rv64i" },
		{ "rv64i,m=on", "rv64im_zmmul" },
		{ "rv64i,+zmmul", "rv64i_zmmul" },
		{ "rv64i,d=true", "rv64ifd_zicsr" },
		{ "rv64i,g=on,c=on", "rv64imafdc_zicsr_zifencei_zmmul_zaamo_zalrsc_zca_zcd" },
		{ "sifive-u54", "rv64imafdc_zicntr_zicsr_zifencei_zmmul_zaamo_zalrsc_zca_zcd" },
		{ "sifive-u54,f=off", "rv64imac_zicntr_zicsr_zifencei_zmmul_zaamo_zalrsc_zca" },
		{ "sifive-u54,zicsr=off", "rv64imac_zifencei_zmmul_zaamo_zalrsc_zca" },
		{ "max,a=off,c=off,zihintntl=off,zicbom=n,zicbop=n,zicboz=n,zawrs=off,zalrsc=on",
		  "rv64imfd_zicntr_zicond_zicsr_zifencei_zihintpause_zmmul_zalrsc_zfh_zfhmin_zba_zbb_zbc_zbs" },
		{ "sifive-u54,v=off,mmu=true,zaamo=no", "rv64imfdc_zicntr_zicsr_zifencei_zmmul_zalrsc_zca_zcd" },
		{ "rv64i,zfh=y,Zba=on,cboz_blocksize=64", "rv64if_zicsr_zfh_zfhmin_zba" },
		{ "sifive-u54,zba=on,zba=off", "rv64imafdc_zicntr_zicsr_zifencei_zmmul_zaamo_zalrsc_zca_zcd" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		configure(rows[i].model);
		ck_assert_str_eq(riscv_isa_string(), rows[i].isa);
	}
}
END_TEST

START_TEST(bad_cpu_strings_are_explained)
{
	static const struct { const char *model, *culprit, *remedy; } rows[] = {
		{ "cortex-a53", "'cortex-a53'", "-cpu help" }, { "", "''", "-cpu help" }, { "rv64,zbbb=on", "'zbbb'", "'zbb'" },
		{ "rv64,quux=on", "'quux'", "-cpu help" }, { "rv64,zba=maybe", "'zba=maybe'", "zba=on" }, { "rv64,zba", "'zba'", "zba=on" },
		{ "rv64,d=on,zicsr=off", "'d'", "zicsr=off" }, { "rv64,v=on", "'v'", "v=off" }, { "rv64,i=off", "'i'", "i=off" },
		{ "rv64,d=on,f=off", "'d'", "f=off" },
		{ "rv64,,zba=on", "empty", "comma" }, { "rv64,cboz_blocksize=32", "cboz_blocksize", "64" }, { "rv64,g=off", "'g'", "rv64i" },
	};

	configure("rv64i");
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *error = NULL;
		ck_assert_msg(!guest_riscv64.configure(rows[i].model, &error), "%s", rows[i].model);
		ck_assert_msg(strstr(error, rows[i].culprit) && strstr(error, rows[i].remedy) && !strchr(error, '\n'), "%s", error);
		ck_assert_str_eq(riscv_isa_string(), "rv64i");
		g_free(error);
	}
}
END_TEST

START_TEST(absent_extensions_are_illegal)
{
	static const struct { uint32_t opcode; const char *model; } rows[] = {
		{ 0x02c58533, "rv64,m=off" }, { 0x40c5f533, "rv64,zbb=off" }, { 0x852e, "rv64,c=off" }, { 0x2108, "rv64,d=off" },
		{ 0x00c5f553, "rv64,f=off" }, { 0x04c5f553, "rv64" }, { 0x0ec5d533, "rv64" }, { 0x00302573, "rv64,f=off" },
		{ 0xc0102573, "rv64,zicntr=off" }, { 0x0000100f, "rv64,zifencei=off" },
	};
	struct Arena arena = { 0 };
	enum TranslateResult result;

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		configure(NULL);
		ck_assert(!raises(translate_one(&arena, rows[i].opcode, 0, &result), CAUSE_ILLEGAL));
		configure(rows[i].model);
		ck_assert_msg(raises(translate_one(&arena, rows[i].opcode, 0, &result), CAUSE_ILLEGAL), "%s", rows[i].model);
	}
	arena_free(&arena);
}
END_TEST

/* -- registers and facts ---------------------------------------------------------------------------------------------- */

START_TEST(registers_have_gdb_numbers)
{
	static const struct { const char *name; uint32_t gdb; const char *feature; } rows[] = {
		{ "zero", 0, "org.gnu.gdb.riscv.cpu" }, { "fp", 8, "org.gnu.gdb.riscv.cpu" }, { "t6", 31, "org.gnu.gdb.riscv.cpu" },
		{ "pc", 32, "org.gnu.gdb.riscv.cpu" }, { "ft0", 33, "org.gnu.gdb.riscv.fpu" }, { "fa0", 43, "org.gnu.gdb.riscv.fpu" },
		{ "ft11", 64, "org.gnu.gdb.riscv.fpu" }, { "priv", 65, "org.gnu.gdb.riscv.virtual" }, { "fflags", 67, "org.gnu.gdb.riscv.csr" },
		{ "frm", 68, "org.gnu.gdb.riscv.csr" }, { "fcsr", 69, "org.gnu.gdb.riscv.csr" }, { "cycle", 3138, "org.gnu.gdb.riscv.csr" },
		{ "time", 3139, "org.gnu.gdb.riscv.csr" }, { "instret", 3140, "org.gnu.gdb.riscv.csr" },
	};
	const struct Register *registers = guest_riscv64.registers;
	unsigned found = 0;

	ck_assert_uint_eq(guest_riscv64.nregisters, 72);
	for (unsigned i = 0; i < guest_riscv64.nregisters; i++) {
		ck_assert(i == 0 || registers[i].gdb > registers[i - 1].gdb);
		ck_assert((registers[i].get == NULL) == (registers[i].set == NULL));
		if (registers[i].global >= 0)
			ck_assert_uint_eq(guest_riscv64.globals[registers[i].global].offset, registers[i].offset);
		for (unsigned k = 0; k < G_N_ELEMENTS(rows); k++)
			if (!strcmp(rows[k].name, registers[i].name)) {
				ck_assert_uint_eq(registers[i].gdb, rows[k].gdb);
				ck_assert_str_eq(registers[i].feature, rows[k].feature);
				found++;
			}
	}
	ck_assert_uint_eq(found, G_N_ELEMENTS(rows));
}
END_TEST

START_TEST(hot_registers_are_distinct)
{
	bool seen[RISCV_NGLOBALS] = { false };

	for (unsigned i = 0; i < guest_riscv64.nhot; i++) {
		ck_assert_uint_lt(guest_riscv64.hot[i], RISCV_GLOBAL_F0);
		ck_assert(!seen[guest_riscv64.hot[i]]);
		seen[guest_riscv64.hot[i]] = true;
	}
}
END_TEST

START_TEST(keys_are_rounding_modes)
{
	struct Riscv64Cpu cpu = { 0 };

	for (unsigned frm = 0; frm < 8; frm++) {
		cpu.frm = frm;
		uint32_t key = guest_riscv64.block_key(&cpu.common);
		ck_assert_uint_eq(key, frm <= 4 ? frm : RISCV_KEY_RESERVED);
		ck_assert_uint_eq(guest_riscv64.key_round(key), frm <= 4 ? frm : ROUND_NE);
	}
}
END_TEST

START_TEST(guests_are_found)
{
	ck_assert_ptr_eq(guest_by_name("riscv64"), &guest_riscv64);
	ck_assert_ptr_null(guest_by_name("riscv32"));
	ck_assert_ptr_eq(guest_by_elf(243, 2, 1), &guest_riscv64);
	ck_assert_ptr_null(guest_by_elf(243, 1, 1));
	ck_assert_ptr_null(guest_by_elf(62, 2, 1));
}
END_TEST

START_TEST(linux_hears_the_truth)
{
	const struct LinuxAbi *abi = guest_riscv64.linux_abi;

	configure_default();
	ck_assert_uint_eq(abi->hwcap(), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 12);
	ck_assert_ptr_nonnull(strstr(abi->cpuinfo(), riscv_isa_string()));
	ck_assert_uint_eq(riscv_hwprobe_extensions() & 7, 3);           /* fd, c, no v */
	ck_assert(riscv_hwprobe_extensions() >> 35 & 1);                /* zicond */
	configure("rv64i");
	ck_assert_uint_eq(abi->hwcap(), 1 << 8);
	ck_assert_uint_eq(riscv_hwprobe_extensions(), 0);
	ck_assert_uint_eq(abi->trampoline_size, 8);
	char *text = disassemble(0, 0x08b00893);
	ck_assert_str_eq(text, "li      a7,139");
	ck_assert_mem_eq(abi->trampoline, "\x93\x08\xb0\x08\x73\0\0\0", 8);
	g_free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("riscv64");
	TCase *table = tcase_create("table"), *ir = tcase_create("translation"), *cpu = tcase_create("cpu");

	tcase_add_test(table, rows_are_consistent);
	tcase_add_test(table, no_two_rows_claim_an_encoding);
	tcase_add_test(table, decoder_finds_the_row);
	tcase_add_loop_test(table, text_is_as_objdump_writes_it, 0, G_N_ELEMENTS(texts));
	tcase_add_test(table, every_row_has_a_text);
	tcase_set_timeout(table, 60);
	suite_add_tcase(suite, table);
	tcase_add_test(ir, every_row_makes_sound_ir);
	tcase_add_test(ir, registers_change_after_the_last_fault);
	tcase_add_loop_test(ir, illegal_encodings_raise, 0, NILLEGAL);
	tcase_add_test(ir, exceptions_have_their_causes);
	tcase_add_test(ir, branches_say_where_and_how);
	tcase_set_timeout(ir, 60);
	suite_add_tcase(suite, ir);
	tcase_add_test(cpu, cpu_strings_select_extensions);
	tcase_add_test(cpu, bad_cpu_strings_are_explained);
	tcase_add_test(cpu, absent_extensions_are_illegal);
	tcase_add_test(cpu, registers_have_gdb_numbers);
	tcase_add_test(cpu, hot_registers_are_distinct);
	tcase_add_test(cpu, keys_are_rounding_modes);
	tcase_add_test(cpu, guests_are_found);
	tcase_add_test(cpu, linux_hears_the_truth);
	suite_add_tcase(suite, cpu);

	return run_suite(suite);
}
