/* SPDX-License-Identifier: MIT */
/* The parts of the TCG plugin interface that need no plugin library: arguments, booleans, scoreboards, misuse, descriptors. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/api_tcg.h"
#include "tests/unit/suite.h"
#include "translator/cpus.h"
#include "translator/translate.h"

static uint64_t get_nothing(struct Cpu *cpu)
{
	(void)cpu;
	return 0;
}

static const struct Register registers[] = {
	{ .name = "pc", .size = 8, .offset = offsetof(struct Cpu, pc), .feature = "core" },
	{ .name = "word", .size = 8, .offset = offsetof(struct Cpu, fault_addr), .feature = "core" },
	{ .name = "clock", .size = 8, .get = get_nothing, .feature = "other" },
};
static const struct Guest guest = {
	.name = "fake", .elf_data = 1, .cpu_size = sizeof(struct Cpu), .registers = registers, .nregisters = G_N_ELEMENTS(registers),
};

/* -- arguments -------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *key, *value;
	int version;
	const char *argument;           /* NULL: it does not reach the plugin */
} argument_rows[] = {
	{ "inline", NULL, 4, "inline=on" },
	{ "note", NULL, 4, "te=off" },
	{ "noinline", NULL, 4, "inline=off" },
	{ "y", "", 4, "y=" },
	{ "a", "b=c", 4, "a=b=c" },
	{ "arg", "foo", 4, "foo=on" },
	{ "arg", "a=b", 4, "a=b" },
	{ "arg", "yes", 4, "arg=yes" },
	{ "arg", "n", 1, "arg=n" },
	{ "arg", "0x100000", 1, "0x100000=on" },
	{ "arg", "0x100000", 0, "0x100000" },
	{ "id", "x1", 4, NULL },
	{ "help", NULL, 4, "help=on" },
};

START_TEST(arguments)
{
	struct PluginOption option = { (char *)argument_rows[_i].key, (char *)argument_rows[_i].value };
	struct Plugin plugin = { .options = &option, .noptions = 1 };
	struct TcgState state = { .plugin = &plugin, .version = argument_rows[_i].version };
	char *error = NULL;

	ck_assert(tcg_arguments(&state, &error));
	ck_assert_int_eq(state.argc, argument_rows[_i].argument != NULL);
	if (state.argc)
		ck_assert_str_eq(state.argv[0], argument_rows[_i].argument);
}
END_TEST

START_TEST(bad_identifier)
{
	struct PluginOption option = { (char *)"id", (char *)"7up" };
	struct Plugin plugin = { .options = &option, .noptions = 1 };
	struct TcgState state = { .plugin = &plugin, .version = 4 };
	char *error = NULL;

	ck_assert(!tcg_arguments(&state, &error));
	ck_assert(strstr(error, "7up") && !strchr(error, '\n'));
}
END_TEST

START_TEST(booleans)
{
	static const char *const yes[] = { "on", "yes", "true", "y" }, *const no[] = { "off", "no", "false", "n" };
	bool value;

	for (int i = 0; i < 4; i++) {
		value = false;
		ck_assert(qemu_plugin_bool_parse("x", yes[i], &value) && value);
		ck_assert(qemu_plugin_bool_parse("x", no[i], &value) && !value);
	}
	value = true;
	ck_assert(!qemu_plugin_bool_parse("x", "ON", &value) && value);
	ck_assert(!qemu_plugin_bool_parse("x", "", &value) && value);
	ck_assert(!qemu_plugin_bool_parse("x", NULL, &value) && value);
	ck_assert(!qemu_plugin_bool_parse(NULL, "on", &value) && value);
}
END_TEST

/* -- scoreboards ---------------------------------------------------------------------------------------------------------------- */

static struct Cpu *start_cpu(unsigned index)
{
	struct Cpu *cpu = cpu_memory_take(&guest, index);

	ck_assert_ptr_nonnull(cpu);
	cpu->index = index;
	cpu->guest = &guest;
	instrument_cpu_init(cpu);
	return cpu;
}

static uint32_t use(qemu_plugin_u64 cell)
{
	return tcg_use_cell(cell, "test", NULL);
}

START_TEST(scoreboards)
{
	struct element {
		char odd[3];
		uint64_t a, b;
	};
	translator.guest = &guest;
	ck_assert_int_eq(qemu_plugin_num_vcpus(), 0);
	struct qemu_plugin_scoreboard *early = qemu_plugin_scoreboard_new(sizeof(struct element));
	qemu_plugin_u64 a = qemu_plugin_scoreboard_u64_in_struct(early, struct element, a);
	qemu_plugin_u64 b = qemu_plugin_scoreboard_u64_in_struct(early, struct element, b);
	ck_assert_ptr_null(qemu_plugin_scoreboard_find(early, 0));
	ck_assert_uint_eq(qemu_plugin_u64_sum(a), 0);

	struct Cpu *first = start_cpu(0);
	start_cpu(1);
	ck_assert_int_eq(qemu_plugin_num_vcpus(), 2);
	struct element *one = qemu_plugin_scoreboard_find(early, 1);
	qemu_plugin_u64_add(a, 0, 5);
	qemu_plugin_u64_set(a, 1, 7);
	qemu_plugin_u64_set(b, 1, 100);
	ck_assert_uint_eq(one->a, 7);
	ck_assert_uint_eq(one->b, 100);
	ck_assert_uint_eq(qemu_plugin_u64_sum(a), 12);
	ck_assert_ptr_eq((char *)first + use(a), &((struct element *)qemu_plugin_scoreboard_find(early, 0))->a);

	/* a vcpu ends, and the next one with its index finds what it left, at the same place */
	start_cpu(1);
	ck_assert_ptr_eq(qemu_plugin_scoreboard_find(early, 1), one);
	ck_assert_uint_eq(qemu_plugin_u64_get(a, 1), 7);
	ck_assert_int_eq(qemu_plugin_num_vcpus(), 2);

	/* what code uses is not given to another until that code is gone */
	qemu_plugin_scoreboard_free(early);
	ck_assert_uint_eq(qemu_plugin_u64_get(a, 1), 0);
	ck_assert_uint_eq(use(a), 0);
	struct qemu_plugin_scoreboard *unused = qemu_plugin_scoreboard_new(sizeof(struct element));
	struct element *room = qemu_plugin_scoreboard_find(unused, 1);
	ck_assert_ptr_ne(room, one);
	ck_assert_uint_eq(one->a, 7);
	room->a = 8;

	/* other room is, at once; what is new is zero, whoever had the room before, and no handle comes again */
	qemu_plugin_scoreboard_free(unused);
	struct qemu_plugin_scoreboard *late = qemu_plugin_scoreboard_new(sizeof(struct element));
	ck_assert_ptr_eq(qemu_plugin_scoreboard_find(late, 1), room);
	ck_assert_ptr_ne(late, unused);
	ck_assert_uint_eq(room->a, 0);
	ck_assert_ptr_null(qemu_plugin_scoreboard_find(unused, 1));

	/* cells that are not there */
	ck_assert_uint_eq(use((qemu_plugin_u64){ late, sizeof(struct element) - 7 }), 0);
	ck_assert_uint_ne(use((qemu_plugin_u64){ late, sizeof(struct element) - 8 }), 0);
	ck_assert_uint_eq(use((qemu_plugin_u64){ NULL, 0 }), 0);
	qemu_plugin_u64_set((qemu_plugin_u64){ late, SIZE_MAX }, 0, 1);
	ck_assert_uint_eq(qemu_plugin_u64_get((qemu_plugin_u64){ late, 0 }, 99), 0);
	for (unsigned i = 0; i < 5000; i++)
		qemu_plugin_u64_add(qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(8)), 1, 1);
	ck_assert_uint_eq(((struct element *)qemu_plugin_scoreboard_find(late, 1))->a, 0);
}
END_TEST

/* -- registers and handles --------------------------------------------------------------------------------------------------------- */

START_TEST(descriptors)
{
	translator.guest = &guest;
	GArray *all = qemu_plugin_get_registers(), *old = tcg_get_registers_short();
	ck_assert_uint_eq(all->len, 3);
	ck_assert_uint_eq(old->len, 3);
	ck_assert_uint_eq(g_array_get_element_size(all), 32);
	ck_assert_uint_eq(g_array_get_element_size(old), 24);
	qemu_plugin_reg_descriptor *d = (qemu_plugin_reg_descriptor *)(void *)all->data;
	ck_assert(d[0].is_readonly && !d[1].is_readonly && d[2].is_readonly);
	ck_assert_str_eq(d[1].name, "word");
	ck_assert_ptr_nonnull(d[0].handle);

	/* no vcpu is at work here */
	GByteArray *buf = g_byte_array_new();
	ck_assert(!qemu_plugin_read_register(d[1].handle, buf) && buf->len == 0);
	ck_assert_int_eq(tcg_read_register_early(d[1].handle, buf), 0);
	ck_assert_int_eq(tcg_read_register_int(d[1].handle, buf), -1);
	ck_assert_int_eq(tcg_write_register_int(d[1].handle, buf), -1);
	ck_assert(!qemu_plugin_read_register((struct qemu_plugin_register *)4711, buf));
	ck_assert(!qemu_plugin_read_memory_vaddr(0, buf, 8) && buf->len == 0);
}
END_TEST

START_TEST(stale_handles)
{
	uint64_t room[8] = { 0 };
	const struct qemu_plugin_tb *tb = (const void *)room;
	const struct qemu_plugin_insn *insn = (const void *)room;
	uint8_t bytes[4];

	ck_assert_uint_eq(qemu_plugin_tb_n_insns(tb), 0);
	ck_assert_uint_eq(qemu_plugin_tb_vaddr(tb), 0);
	ck_assert_ptr_null(qemu_plugin_tb_get_insn(tb, 0));
	ck_assert_uint_eq(qemu_plugin_insn_data(insn, bytes, 4), 0);
	ck_assert_ptr_null(tcg_insn_data_pointer(insn));
	ck_assert_uint_eq(qemu_plugin_insn_size(insn), 0);
	ck_assert_ptr_null(qemu_plugin_insn_haddr(insn));
	ck_assert_ptr_null(qemu_plugin_insn_symbol(insn));
	ck_assert_str_eq(qemu_plugin_insn_disas(insn), "");
	/* an id that nobody has */
	qemu_plugin_register_vcpu_init_cb(1, NULL, NULL);
	qemu_plugin_uninstall(1, NULL, NULL);
	qemu_plugin_vcpu_for_each(1, NULL, NULL);
}
END_TEST

START_TEST(user_mode)
{
	ck_assert_int_eq(qemu_plugin_n_vcpus(), -1);
	ck_assert_int_eq(qemu_plugin_n_max_vcpus(), -1);
	ck_assert_ptr_null(qemu_plugin_get_hwaddr(0, 0));
	ck_assert(!qemu_plugin_hwaddr_is_io(NULL));
	ck_assert_uint_eq(qemu_plugin_hwaddr_phys_addr(NULL), 0);
	ck_assert_uint_eq(qemu_plugin_hwaddr_device_offset(NULL), 0);
	ck_assert_str_eq(qemu_plugin_hwaddr_device_name(NULL), "Invalid");
	ck_assert_ptr_null(qemu_plugin_request_time_control());
	ck_assert_int_eq(qemu_plugin_read_memory_hwaddr(0, NULL, 0), QEMU_PLUGIN_HWADDR_OPERATION_ERROR);
	ck_assert(!qemu_plugin_translate_vaddr(0, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("api_tcg");
	TCase *c = tcase_create("api_tcg");

	tcase_add_loop_test(c, arguments, 0, G_N_ELEMENTS(argument_rows));
	tcase_add_test(c, bad_identifier);
	tcase_add_test(c, booleans);
	tcase_add_test(c, scoreboards);
	tcase_add_test(c, descriptors);
	tcase_add_test(c, stale_handles);
	tcase_add_test(c, user_mode);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
