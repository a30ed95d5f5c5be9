/* SPDX-License-Identifier: MIT */
/* The ELF reader: what a good file gives, and the reason every kind of bad one is refused for. */
#include <check.h>
#include <elf.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/linux/elf.h"
#include "tests/unit/suite.h"

/* A file of three pages: header, program headers behind it, code on the first page, data on the second. */
static struct File {
	Elf64_Ehdr header;
	Elf64_Phdr program[6];
	char interpreter[32];
	char rest[3 * 4096 - sizeof(Elf64_Ehdr) - 6 * sizeof(Elf64_Phdr) - 32];
} file;
static struct ElfPlan plan;
static const char *why;

enum { TEXT, DATA, INTERP, STACK };

static void setup(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.header.e_ident, ELFMAG, SELFMAG);
	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_ident[EI_VERSION] = EV_CURRENT;
	file.header.e_version = EV_CURRENT;
	file.header.e_type = ET_DYN;
	file.header.e_machine = EM_RISCV;
	file.header.e_entry = 0x200;
	file.header.e_phoff = offsetof(struct File, program);
	file.header.e_phentsize = sizeof(Elf64_Phdr);
	file.header.e_phnum = 4;
	strcpy(file.interpreter, "/lib/ld.so.1");
	file.program[TEXT] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 0x1000, .p_memsz = 0x1000, .p_align = 0x1000 };
	file.program[DATA] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x1010, .p_vaddr = 0x3010, .p_filesz = 0x100,
					   .p_memsz = 0x5000, .p_align = 0x10000 };
	file.program[INTERP] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(struct File, interpreter), .p_filesz = 13, .p_memsz = 13 };
	file.program[STACK] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	why = NULL;
}

static bool parse(size_t size)
{
	/* a copy of its own size, so that sanitizers see reads beyond it */
	void *copy = g_memdup2(&file, size);
	struct ElfSource source = elf_bytes(copy, size);
	bool good = elf_parse(&source, &plan, &why);
	g_free(copy);
	return good;
}

static void refused(const char *part)
{
	ck_assert(!parse(sizeof(file)));
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, part), "refused because '%s', not '%s'", why, part);
}

START_TEST(good_file)
{
	ck_assert(parse(sizeof(file)));
	ck_assert_uint_eq(plan.machine, EM_RISCV);
	ck_assert(!plan.fixed);
	ck_assert(!plan.exec_stack);
	ck_assert_uint_eq(plan.entry, 0x200);
	ck_assert_uint_eq(plan.phdr, sizeof(Elf64_Ehdr));
	ck_assert_uint_eq(plan.phnum, 4);
	ck_assert_uint_eq(plan.nsegments, 2);
	ck_assert_uint_eq(plan.low, 0);
	ck_assert_uint_eq(plan.high, 0x9000);
	ck_assert_uint_eq(plan.align, 0x10000);
	ck_assert_str_eq(plan.interpreter, "/lib/ld.so.1");
	ck_assert_int_eq(plan.segments[0].prot, PROT_READ | PROT_EXEC);
	ck_assert_int_eq(plan.segments[1].prot, PROT_READ | PROT_WRITE);
	ck_assert_uint_eq(plan.segments[1].vaddr, 0x3010);
	file.header.e_type = ET_EXEC;
	file.program[STACK].p_flags |= PF_X;
	ck_assert(parse(sizeof(file)));
	ck_assert(plan.fixed && plan.exec_stack);
	/* nothing of it is in the file, so it does not matter where that ends */
	file.program[DATA].p_filesz = 0;
	file.program[DATA].p_offset += 0x100000;
	ck_assert(parse(sizeof(file)));
}
END_TEST

START_TEST(every_truncation)
{
	/* what a shorter file holds is either refused with a reason or planned within it */
	for (size_t size = 0; size < sizeof(file); size += size < 700 ? 1 : 97) {
		why = NULL;
		if (parse(size))
			for (unsigned i = 0; i < plan.nsegments; i++)
				ck_assert_uint_le(plan.segments[i].offset + plan.segments[i].filesz, size);
		else
			ck_assert_ptr_nonnull(why);
	}
	ck_assert(!parse(0x1080));
	ck_assert_ptr_nonnull(strstr(why, "truncated"));
}
END_TEST

START_TEST(bad_header)
{
	static const struct { size_t offset; uint8_t size; uint64_t value; const char *why; } changes[] = {
		{ 0, 1, 0x7e, "not an ELF file" },
		{ EI_CLASS, 1, ELFCLASS32, "64-bit" },
		{ EI_DATA, 1, ELFDATA2MSB, "64-bit" },
		{ EI_VERSION, 1, 7, "version" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_REL, "object file" },
		{ offsetof(Elf64_Ehdr, e_type), 2, ET_CORE, "core file" },
		{ offsetof(Elf64_Ehdr, e_type), 2, 99, "neither" },
		{ offsetof(Elf64_Ehdr, e_phentsize), 2, 32, "unknown size" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0, "no program headers" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, "too many" },
		{ offsetof(Elf64_Ehdr, e_phnum), 2, 1000, "headers are cut" },
		{ offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX - 8, "headers are cut" },
		{ offsetof(Elf64_Ehdr, e_phoff), 8, sizeof(file), "headers are cut" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		setup();
		memcpy((char *)&file + changes[i].offset, &changes[i].value, changes[i].size);
		refused(changes[i].why);
	}
}
END_TEST

START_TEST(bad_segment)
{
	static const struct { size_t offset; uint64_t value; const char *why; } changes[] = {
		{ offsetof(Elf64_Phdr, p_memsz), 0, "more bytes in the file" },
		{ offsetof(Elf64_Phdr, p_memsz), 0x80, "more bytes in the file" },
		{ offsetof(Elf64_Phdr, p_memsz), UINT64_MAX, "outside the address space" },
		{ offsetof(Elf64_Phdr, p_memsz), 1ull << 47, "outside the address space" },
		{ offsetof(Elf64_Phdr, p_vaddr), UINT64_MAX - 0xfef, "outside the address space" },
		{ offsetof(Elf64_Phdr, p_vaddr), 1ull << 63 | 0x10, "outside the address space" },
		{ offsetof(Elf64_Phdr, p_vaddr), 0x3018, "disagree" },
		{ offsetof(Elf64_Phdr, p_vaddr), 0x10, "overlap" },
		{ offsetof(Elf64_Phdr, p_offset), UINT64_MAX - 0xfef, "beyond its end" },
		{ offsetof(Elf64_Phdr, p_offset), sizeof(file) + 0x10, "beyond its end" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		setup();
		memcpy((char *)&file.program[DATA] + changes[i].offset, &changes[i].value, 8);
		refused(changes[i].why);
	}
	setup();
	file.program[DATA].p_filesz = file.program[DATA].p_memsz = UINT64_MAX - 0x100;
	refused("beyond its end");
	setup();
	file.program[TEXT].p_type = file.program[DATA].p_type = PT_NULL;
	refused("nothing to load");
}
END_TEST

START_TEST(segments_may_share_a_page)
{
	file.program[DATA].p_vaddr = 0x1010;
	ck_assert(parse(sizeof(file)));
	ck_assert_uint_eq(plan.high, 0x7000);
}
END_TEST

START_TEST(bad_interpreter)
{
	file.program[INTERP].p_filesz = 12;             /* no NUL at its end */
	refused("malformed");
	file.program[INTERP].p_filesz = 1;
	refused("malformed");
	file.program[INTERP].p_filesz = UINT64_MAX;
	refused("malformed");
	file.program[INTERP].p_filesz = 13;
	file.program[INTERP].p_offset = sizeof(file) - 4;
	refused("malformed");
	setup();
	file.interpreter[0] = 0;
	refused("empty");
}
END_TEST

START_TEST(too_many_segments)
{
	static char many[sizeof(Elf64_Ehdr) + 200 * sizeof(Elf64_Phdr)];
	file.header.e_phnum = 200;
	file.header.e_phoff = sizeof(Elf64_Ehdr);
	memcpy(many, &file.header, sizeof(file.header));
	for (unsigned i = 0; i < 200; i++) {
		Elf64_Phdr program = { .p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = i * 0x1000ull, .p_memsz = 0x1000 };
		memcpy(many + sizeof(Elf64_Ehdr) + i * sizeof(program), &program, sizeof(program));
	}
	struct ElfSource source = elf_bytes(many, sizeof(many));
	ck_assert(!elf_parse(&source, &plan, &why));
	ck_assert_ptr_nonnull(strstr(why, "too many segments"));
}
END_TEST

START_TEST(random_damage)
{
	/* any bytes of the headers changed: never a plan that breaks its promises */
	GRand *random = g_rand_new_with_seed(20260101);
	for (unsigned round = 0; round < 20000; round++) {
		setup();
		for (unsigned n = g_rand_int_range(random, 1, 6); n; n--)
			((uint8_t *)&file)[g_rand_int_range(random, 0, sizeof(Elf64_Ehdr) + 6 * sizeof(Elf64_Phdr))] = g_rand_int(random);
		if (!parse(sizeof(file)))
			continue;
		uint64_t last = 0;
		for (unsigned i = 0; i < plan.nsegments; i++) {
			const struct ElfSegment *segment = &plan.segments[i];
			ck_assert_uint_ge(segment->vaddr, last);
			ck_assert_uint_le(segment->filesz, segment->memsz);
			ck_assert_uint_le(segment->offset + segment->filesz, sizeof(file));
			last = segment->vaddr + segment->memsz;
			ck_assert_uint_le(last, ELF_LIMIT);
		}
		ck_assert_uint_le(last, plan.high);
	}
	g_rand_free(random);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("elf");
	TCase *tcase = tcase_create("reader");
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, good_file);
	tcase_add_test(tcase, every_truncation);
	tcase_add_test(tcase, bad_header);
	tcase_add_test(tcase, bad_segment);
	tcase_add_test(tcase, segments_may_share_a_page);
	tcase_add_test(tcase, bad_interpreter);
	tcase_add_test(tcase, too_many_segments);
	tcase_add_test(tcase, random_damage);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
