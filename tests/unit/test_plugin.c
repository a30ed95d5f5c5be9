/* SPDX-License-Identifier: MIT */
/* Loading plugins: options, files of every wrong kind, order, what the loader learns, the end. Needs a compiler ($HOST_CC or cc). */
#include <check.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instrument/capstone.h"
#include "instrument/host/machine.h"
#include "instrument/loader.h"
#include "instrument/log.h"
#include "instrument/plugin.h"
#include "instrument/probe.h"
#include "tests/unit/suite.h"

static char *folder;
static const char *source;

/* Builds a library in the test's folder from text or from a file of tests/plugins, and returns its path. */
static char *build(const char *name, const char *text, const char *flags)
{
	const char *cc = g_getenv("HOST_CC") ? g_getenv("HOST_CC") : "cc";
	char *so = g_strdup_printf("%s/%s.so", folder, name), *c = g_strdup_printf("%s/%s.c", text ? folder : source, name);
	char *command;

	if (text)
		ck_assert(g_file_set_contents(c, text, -1, NULL));
	command = g_strdup_printf("%s -O2 -w -shared -fPIC -I'%s/../../plugins/include' %s -o '%s' '%s'", cc, source,
				  flags ? flags : "", so, c);
	ck_assert_msg(system(command) == 0, "%s", command);
	g_free(command);
	g_free(c);
	return so;
}

static void make_folder(void)
{
	const char *srcdir = g_getenv("SRCDIR");
	folder = g_dir_make_tmp("forerun-plugin-XXXXXX", NULL);
	source = g_strdup_printf("%s/tests/plugins", srcdir ? srcdir : ".");
}

static void remove_folder(void)
{
	char *command = g_strdup_printf("rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
	g_free(command);
}

/* The option must fail with one line that has each of the words. */
static void refuse(const char *option, const char *word, const char *other)
{
	char *error = NULL;
	bool help;

	ck_assert(!plugin_option(option, &help, &error) && !help);
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error, word) && strstr(error, other), "%s", error);
	ck_assert_ptr_null(strchr(error, '\n'));
	g_free(error);
}

static const struct Plugin *accept(const char *path, const char *rest)
{
	char *option = g_strdup_printf("file=%s%s", path, rest), *error = NULL;
	bool help;

	ck_assert_msg(plugin_option(option, &help, &error), "%s", error);
	g_free(option);
	const struct Plugin *plugin = plugin_first();
	while (plugin->next)
		plugin = plugin->next;
	return plugin;
}

START_TEST(bad_options)
{
	char *so = build("bad-init", NULL, NULL), *option = g_strdup_printf("%s,size=3", so), *error = NULL;
	bool help = true;

	ck_assert(plugin_option("", &help, &error) && !help && !error);         /* none */
	refuse("file=", "file=", "file=PATH");
	refuse("args=x", "args=x", "file=PATH");
	refuse("nowhere", "nowhere", "help");
	refuse("/no/where.so", "/no/where.so", "No such file");
	refuse(option, "bad-init.so", "'size'");
	accept(so, ",args=a,,b");
	ck_assert(!plugin_init_all(&error));
	ck_assert(strstr(error, so) && strstr(error, "a,b"));
	ck_assert_ptr_null(strchr(error, '\n'));
}
END_TEST

START_TEST(bad_files)
{
	char *text = g_build_filename(folder, "text.so", NULL), *empty = g_build_filename(folder, "empty.so", NULL);

	ck_assert(g_file_set_contents(text, "no library\n", -1, NULL) && g_file_set_contents(empty, "", 0, NULL));
	refuse(text, "text.so", "ELF");
	refuse(empty, "empty.so", "ELF");
	refuse(folder, folder, "not a file");
	refuse(build("no-entry", NULL, NULL), "no-entry.so", "plugin_init");
	refuse(build("unresolved", NULL, NULL), "unresolved.so", "function_that_nobody_has");
	refuse(build("later", "int qemu_plugin_version = 99; int qemu_plugin_install(void) { return 0; }", NULL), "99", "0 to 7");
	refuse(build("unsaid", "int qemu_plugin_install(void) { return 0; }", NULL), "unsaid.so", "qemu_plugin_version of 0 to 7");
	refuse(build("halved", "int qemu_plugin_version = 2;", NULL), "halved.so", "qemu_plugin_install");
	refuse(build("signals", "int pi_start(void) { return 0; }", NULL), "signals.so", "pi_start");
	/* the header of another machine */
	char *so = build("ends", NULL, NULL), *bytes;
	gsize length;
	ck_assert(g_file_get_contents(so, &bytes, &length, NULL));
	bytes[18] = 8;
	ck_assert(g_file_set_contents(text, bytes, length, NULL));
	refuse(text, "text.so", "another machine");
	bytes[18] = 62;
	ck_assert(g_file_set_contents(text, bytes, length / 3, NULL));
	refuse(text, "text.so", "truncated");
}
END_TEST

START_TEST(learns)
{
	struct Capstone *capstone = capstone_open(machine.code);
	const struct Plugin *p;

	p = accept(build("plain", "#include <string.h>\n#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { qemulib_log(\"%d\", a && strlen(a)); return true; }\n", NULL), "");
	ck_assert(!p->reads_registers && !p->writes_registers);
	ck_assert(p->uses_fp == !capstone);     /* who cannot read the code says yes */
	capstone_close(capstone);
	p = accept(build("reader", "#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { return a && qemulib_read_register(0, 0, 0); }\n", NULL), "");
	ck_assert(p->reads_registers && !p->writes_registers);
	p = accept(build("writer", "#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { return a && qemulib_write_register(0, 0, 0); }\n", NULL), "");
	ck_assert(p->writes_registers);
	p = accept(build("floats", "#include \"plugins.h\"\nvolatile double d;\n"
			 "bool plugin_init(const char *a) { d = d / 3; return true; }\n", NULL), "");
	ck_assert(p->uses_fp && !p->reads_registers);
	p = accept(build("parses", "#include <stdlib.h>\n#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { return a && strtod(a, 0) == strtod(a + 1, 0); }\n", NULL), "");
	ck_assert(p->uses_fp);
	/* tables of glib's, its own and forerun's, whose size is computed so */
	p = accept(build("hashes", "#include \"plugins.h\"\nextern int g_hash_table_insert(void *, void *, void *);\n"
			 "bool plugin_init(const char *a) { return a && g_hash_table_insert(0, 0, 0); }\n", NULL), "");
	ck_assert(p->uses_fp);
	p = accept(build("flushes", "#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { if (a) qemulib_flush(); return true; }\n", NULL), "");
	ck_assert(p->uses_fp);
	p = accept(build("loads", "#include <dlfcn.h>\n#include \"plugins.h\"\n"
			 "bool plugin_init(const char *a) { return a && dlsym(0, a); }\n", NULL), "");
	ck_assert(p->reads_registers && p->writes_registers && p->uses_fp);
	/* what it does through a library of its own */
	build("libhelper", "#include \"plugins.h\"\nint help(void) { return qemulib_read_register(0, 0, 0); }\n", NULL);
	char *flags = g_strdup_printf("-L'%s' -Wl,-rpath,'%s' -Wl,--no-as-needed '%s/libhelper.so'", folder, folder, folder);
	p = accept(build("helped", "#include \"plugins.h\"\nint help(void);\n"
			 "bool plugin_init(const char *a) { return a && help(); }\n", flags), "");
	ck_assert(p->reads_registers && !p->writes_registers);
	const struct ImageSymbol *symbol = image_symbol(&p->image, (uintptr_t)p->image.segments[0].start);
	ck_assert(image_contains(&p->image, p->image.segments[0].start) && (!symbol || symbol->name));
}
END_TEST

START_TEST(order_and_forwarding)
{
	char *so = build("ends", NULL, NULL), *error = NULL, *log = g_build_filename(folder, "log", NULL), *text;
	char *second = g_strdup_printf("%s/second.so", folder), *command = g_strdup_printf("cp '%s' '%s'", so, second);

	ck_assert_int_eq(system(command), 0);
	ck_assert(log_open(log, &error));
	ck_assert_ptr_null(plugin_options()[0]);
	accept(so, ",args=x,,y");
	g_setenv("FORERUN_PLUGIN_PATH", folder, TRUE);
	accept("second", "");
	const char *const *options = plugin_options();
	ck_assert(g_str_has_prefix(options[0], "file=/") && g_str_has_suffix(options[0], "/ends.so,args=x,,y"));
	ck_assert(g_str_has_suffix(options[1], "/second.so"));
	ck_assert_ptr_null(options[2]);
	ck_assert(plugin_init_all(&error));
	instrument_exit();
	instrument_exit();
	ck_assert(g_file_get_contents(log, &text, NULL, NULL));
	ck_assert_str_eq(text, "ends: init x,y\nends: init (null)\nends: exit\nends: exit\n"
			 "ends: destructor\nends: atexit\nends: destructor\nends: atexit\n");
}
END_TEST

/* A plugin that calls exit() ends as the guest would; nothing runs twice. (The C library has its own place for atexit() then.) */
START_TEST(exit_inside)
{
	char *so = build("ends", NULL, NULL), *log = g_build_filename(folder, "log", NULL), *error = NULL, *text;
	int status;
	pid_t child = fork();

	if (!child) {
		if (!log_open(log, &error))
			_exit(99);
		accept(so, "");
		plugin_init_all(&error);
		exit(7);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	ck_assert(g_file_get_contents(log, &text, NULL, NULL));
	ck_assert_str_eq(text, "ends: init (null)\nends: atexit\nends: exit\nends: destructor\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plugin");
	TCase *plugin = tcase_create("plugin");

	tcase_set_timeout(plugin, 60);
	tcase_add_checked_fixture(plugin, make_folder, remove_folder);
	tcase_add_test(plugin, bad_options);
	tcase_add_test(plugin, bad_files);
	tcase_add_test(plugin, learns);
	tcase_add_test(plugin, order_and_forwarding);
	tcase_add_test(plugin, exit_inside);
	suite_add_tcase(suite, plugin);
	return run_suite(suite);
}
