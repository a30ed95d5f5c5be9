/* SPDX-License-Identifier: MIT */
/* The command line: options and their environment variables, then the program is handed to its parts. */
#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "instrument/log.h"
#include "instrument/plugin.h"
#include "target/guest.h"
#include "target/linux/linux.h"
#include "translator/translator.h"

enum {
	STATUS_USAGE = 1,               /* exit status of everything that is wrong with the command line */
	AUX_PRESERVE_ARGV0 = 1,         /* bit of AT_FLAGS: binfmt_misc passed the program's own argv[0] behind its path */
	STACK_MIN = 64 << 10,           /* bytes: arguments and environment must fit */
	STACK_MAX_BITS = 36,            /* 64 GiB: of the address space, the rest is for the program */
};

/* What options and environment variables have set. */
static struct {
	struct LinuxOptions linux_options;
	struct TranslatorOptions translator;
	const char *cpu, *log_file;
	char **environment;             /* of the guest, g_environ_* */
	GPtrArray *plugins;             /* -plugin arguments in order */
} settings;

/* One option. The table gives -h, the parser, the environment variables, and what guest programs started by the guest run under. */
struct Option {
	const char *name, *argument;    /* without dash; ARGUMENT is what -h calls it, NULL for a switch */
	const char *variable;           /* environment variable that stands for it, or NULL */
	bool (*set)(const char *value, char **error);   /* VALUE: "" for a switch; lives as long as the process */
	enum { LOCAL, FORWARD } reach;  /* FORWARD: children get it as it was given */
	const char *help;               /* NULL: another name of the option before */
};

static void print_help(void);

static void done(void) __attribute__((noreturn));
static void done(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		exit(STATUS_USAGE);
	exit(EXIT_SUCCESS);
}

static bool is_help(const char *value)
{
	return !strcmp(value, "help") || !strcmp(value, "?");
}

static bool set_help(const char *value, char **error)
{
	(void)value, (void)error;
	print_help();
	done();
}

static bool set_version(const char *value, char **error)
{
	(void)value, (void)error;
	printf("forerun %s\nCopyright (c) 2026 The forerun authors; MIT License\n", PACKAGE_VERSION);
	done();
}

static bool set_plugin(const char *value, char **error)
{
	bool help = false;

	if (!is_help(value)) {
		g_ptr_array_add(settings.plugins, (char *)value);
		return true;
	}
	if (!plugin_option("help", &help, error))
		return false;
	done();
}

static bool set_cpu(const char *value, char **error)
{
	(void)error;
	if (is_help(value)) {
		for (unsigned i = 0; guests[i]; i++)
			guests[i]->cpu_help();
		done();
	}
	settings.cpu = value;
	return true;
}

static bool set_accel(const char *value, char **error)
{
	(void)error;
	if (is_help(value)) {
		translator_accel_help();
		done();
	}
	settings.translator.accel = value;
	return true;
}

static bool set_perfmap(const char *value, char **error)
{
	(void)value, (void)error;
	settings.translator.perfmap = true;
	return true;
}

static bool set_items(const char *value, char **error)
{
	unsigned items;

	if (is_help(value)) {
		log_help();
		done();
	}
	if (!log_parse_items(value, &items)) {
		*error = g_strdup_printf("-d: '%s' names an unknown log item; see -d help", value);
		return false;
	}
	log_items |= items;
	return true;
}

static bool set_log_file(const char *value, char **error)
{
	if (!*value) {
		*error = g_strdup("-D: the name of the log is empty");
		return false;
	}
	settings.log_file = value;
	return true;
}

static bool set_sysroot(const char *value, char **error)
{
	(void)error;
	settings.linux_options.sysroot = g_canonicalize_filename(value, NULL);
	return true;
}

static bool set_argv0(const char *value, char **error)
{
	(void)error;
	settings.linux_options.argv0 = value;
	return true;
}

/* A size in bytes, or with the suffix k, M or G. */
static bool set_stack_size(const char *value, char **error)
{
	static const char suffixes[] = "kMG";
	char *end;

	errno = 0;
	unsigned long size = strtoul(value, &end, 0);
	const char *suffix = *end ? strchr(suffixes, *end == 'K' ? 'k' : *end == 'm' ? 'M' : *end) : NULL;
	unsigned shift = suffix ? 10 * (suffix - suffixes + 1) : 0;
	bool good = g_ascii_isdigit(value[0]) && !errno && (!*end || (suffix && !end[1])) && size <= (1ul << STACK_MAX_BITS) >> shift;

	if (!good || size << shift < STACK_MIN) {
		*error = g_strdup_printf("-s: '%s' is no stack size; give bytes or a number with k, M or G, from %dk to %dG",
					 value, STACK_MIN >> 10, 1 << (STACK_MAX_BITS - 30));
		return false;
	}
	settings.linux_options.stack_size = size << shift;
	return true;
}

/* Calls EACH for the parts of a comma-separated LIST in which a doubled comma stands for one. */
static bool for_each_part(const char *list, bool (*each)(const char *part, char **error), char **error)
{
	GString *part = g_string_new(NULL);
	bool good = true;

	for (const char *p = list; good; p++) {
		if (*p == ',' && p[1] == ',') {
			g_string_append_c(part, *p++);
		} else if (*p && *p != ',') {
			g_string_append_c(part, *p);
		} else {
			good = each(part->str, error);
			g_string_truncate(part, 0);
			if (!*p)
				break;
		}
	}
	g_string_free(part, TRUE);
	return good;
}

static bool set_one_variable(const char *part, char **error)
{
	const char *equals = strchr(part, '=');

	if (!equals || equals == part) {
		*error = g_strdup_printf("-E: '%s' is not of the form name=value", part);
		return false;
	}
	char *name = g_strndup(part, equals - part);
	settings.environment = g_environ_setenv(settings.environment, name, equals + 1, TRUE);
	g_free(name);
	return true;
}

static bool unset_one_variable(const char *part, char **error)
{
	if (!*part || strchr(part, '=')) {
		*error = g_strdup_printf("-U: '%s' is no name of a variable", part);
		return false;
	}
	settings.environment = g_environ_unsetenv(settings.environment, part);
	return true;
}

static bool set_variables(const char *value, char **error)
{
	return for_each_part(value, set_one_variable, error);
}

static bool unset_variables(const char *value, char **error)
{
	return for_each_part(value, unset_one_variable, error);
}

static bool set_strace(const char *value, char **error)
{
	(void)value, (void)error;
	log_items |= LOG_STRACE;
	return true;
}

static bool set_one_insn(const char *value, char **error)
{
	(void)value, (void)error;
	settings.translator.max_insns = 1;
	return true;
}

static const struct Option options[] = {
	{ "h", NULL, NULL, set_help, LOCAL, "print this help" },
	{ "help", NULL, NULL, set_help, LOCAL, NULL },
	{ "version", NULL, NULL, set_version, LOCAL, "print the version" },
	{ "plugin", "file=PATH[,args=TEXT]", "FORERUN_PLUGIN", set_plugin, LOCAL,
	  "load a plugin: by PATH, or by the NAME of an installed one; 'help' lists those" },
	{ "d", "ITEM[,ITEM]...", "FORERUN_LOG", set_items, FORWARD, "log these items; 'help' lists them" },
	{ "D", "FILE", "FORERUN_LOG_FILENAME", set_log_file, LOCAL,
	  "write the log to FILE, %d in it being the process id (default: stderr)" },
	{ "L", "FOLDER", "FORERUN_LD_PREFIX", set_sysroot, LOCAL,
	  "look for the guest's ELF interpreter and libraries in FOLDER first" },
	{ "E", "NAME=VALUE[,...]", "FORERUN_SET_ENV", set_variables, LOCAL, "set variables of the guest's environment" },
	{ "U", "NAME[,...]", "FORERUN_UNSET_ENV", unset_variables, LOCAL, "remove variables from the guest's environment" },
	{ "0", "NAME", "FORERUN_ARGV0", set_argv0, LOCAL, "give the guest NAME as its argv[0]" },
	{ "s", "SIZE", "FORERUN_STACK_SIZE", set_stack_size, FORWARD, "size of the first thread's stack in bytes, or with k, M, G" },
	{ "strace", NULL, "FORERUN_STRACE", set_strace, FORWARD, "log system calls as strace does (the same as -d strace)" },
	{ "cpu", "MODEL", "FORERUN_CPU", set_cpu, FORWARD, "processor model and its extensions; 'help' lists them" },
	{ "accel", "NAME[,OPTION=VALUE]...", "FORERUN_ACCEL", set_accel, FORWARD, "how guest code is run; 'help' lists the ways" },
	{ "perfmap", NULL, "FORERUN_PERFMAP", set_perfmap, FORWARD, "write /tmp/perf-PID.map, by which perf names translated code" },
	{ "one-insn-per-tb", NULL, "FORERUN_ONE_INSN_PER_TB", set_one_insn, FORWARD, "translate one instruction per block" },
	{ "singlestep", NULL, "FORERUN_SINGLESTEP", set_one_insn, FORWARD, NULL },
};

static void print_help(void)
{
	printf("usage: forerun [options] program [arguments...]\n"
	       "Runs a Linux program made for another processor (%s), with plugins before its instructions.\n\n"
	       "Options and the environment variables that stand for them; one or two dashes:\n\n", guests[0]->name);
	for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
		const struct Option *o = &options[i];
		char *left = g_strconcat("-", o->name, o->argument ? " " : "", o->argument, NULL);

		printf("  %-32s %s\n", left, o->help ? o->help : "the same, by another name");
		if (o->variable)
			printf("  %-32s   [%s]\n", "", o->variable);
		g_free(left);
	}
	printf("\nA comma inside a -E, -U or -plugin value is written ',,'. The command line wins over the environment.\n"
	       "Exit status: the program's; 1 for a bad option; 126 or 127 if the program cannot be run or found.\n");
}

static const struct Option *find_option(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(options); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

/* -- what children run under -------------------------------------------------------------------------------------------- */

/* Arguments before the program's name for a guest program that the guest executes. The array is made once at its full size, because
 * the Linux personality keeps a pointer to it. */
static struct {
	const char **list;
	unsigned used, size;
} forward;

static void forward_add(const char *option, const char *value)
{
	const char *parts[] = { g_strconcat("-", option, NULL), value };

	for (unsigned i = 0; i < (value ? 2 : 1); i++) {
		if (forward.used + 1 >= forward.size)   /* one -plugin may name many */
			forward.list = g_renew(const char *, forward.list, forward.size *= 2);
		forward.list[forward.used++] = parts[i];
		forward.list[forward.used] = NULL;
	}
}

/* The options whose words must not depend on the folder or on how often they are read. After all plugins have been opened. */
static void forward_finish(void)
{
	if (settings.linux_options.sysroot)
		forward_add("L", settings.linux_options.sysroot);
	if (log_forward_file())
		forward_add("D", log_forward_file());
	for (const char *const *p = plugin_options(); *p; p++)
		forward_add("plugin", *p);
}

/* -- reading ------------------------------------------------------------------------------------------------------------- */

static void fail(char *error, int status) __attribute__((noreturn));
static void fail(char *error, int status)
{
	report("%s", error ? error : "unknown error");
	g_free(error);
	log_flush();
	exit(status);
}

static void apply(const struct Option *option, const char *value)
{
	char *error = NULL;

	if (!option->set(value, &error))
		fail(error, STATUS_USAGE);
	if (option->reach == FORWARD)
		forward_add(option->name, option->argument ? value : NULL);
}

/* The variables of the table act first and are then hidden from the guest: its children get what they stand for as options. */
static void read_environment(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
		const struct Option *option = &options[i];
		const char *value = option->variable ? getenv(option->variable) : NULL;

		if (!value)
			continue;
		settings.environment = g_environ_unsetenv(settings.environment, option->variable);
		if (option->argument || *value)
			apply(option, option->argument ? g_strdup(value) : "");
	}
}

/* What to tell of ARGUMENT; "-cpu=max" is a likely slip. */
static char *unknown_option(const char *argument)
{
	const char *equals = strchr(argument, '=');
	char *name = equals ? g_strndup(argument, equals - argument) : g_strdup(argument);
	const struct Option *option = find_option(name + 1 + (name[1] == '-'));
	char *error = equals && option && option->argument ?
		      g_strdup_printf("unknown option '%s'; write %s %s", argument, name, equals + 1) :
		      g_strdup_printf("unknown option '%s'; see forerun -h", argument);

	g_free(name);
	return error;
}

/* Returns the index of the program in ARGV. */
static int read_arguments(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "--"))
			return i + 1;
		const char *name = argv[i] + 1 + (argv[i][1] == '-');
		const struct Option *option = find_option(name);
		if (!option)
			fail(unknown_option(argv[i]), STATUS_USAGE);
		if (option->argument && ++i == argc)
			fail(g_strdup_printf("option '-%s' wants %s behind it", name, option->argument), STATUS_USAGE);
		apply(option, option->argument ? argv[i] : "");
	}
	return i;
}

/* The guest that the name we are called by stands for ("forerun-riscv64"), or NULL. */
static const struct Guest *guest_of_name(const char *self)
{
	char *base = g_path_get_basename(self);
	const char *dash = strrchr(base, '-');
	const struct Guest *guest = g_str_has_prefix(base, "forerun-") ? guest_by_name(dash + 1) : NULL;

	g_free(base);
	return guest;
}

static void check_guest_name(const char *self, const struct Guest *guest, const char *program)
{
	const struct Guest *wanted = guest_of_name(self);

	if (wanted && wanted != guest)
		fail(g_strdup_printf("'%s' is a %s program, and this is forerun-%s; call forerun", program, guest->name,
				     wanted->name), 126);
}

int main(int argc, char **argv)
{
	char *error = NULL;
	int status = STATUS_USAGE;
	bool help = false;

	setlocale(LC_CTYPE, "C.UTF-8");
	settings.environment = g_get_environ();
	settings.plugins = g_ptr_array_new();
	forward.size = 2 * (argc + 2 * G_N_ELEMENTS(options)) + 1;
	forward.list = g_new0(const char *, forward.size);
	read_environment();
	int first = read_arguments(argc, argv);

	if (first + 1 < argc && (getauxval(AT_FLAGS) & AUX_PRESERVE_ARGV0)) {
		settings.linux_options.argv0 = argv[first + 1];
		argv[first + 1] = argv[first];
		first++;
	}
	if (first >= argc)
		fail(g_strdup("no program given; see forerun -h"), STATUS_USAGE);

	if (!log_open(settings.log_file, &error))
		fail(error, STATUS_USAGE);
	settings.linux_options.environment = settings.environment;
	settings.linux_options.strace = log_wants(LOG_STRACE);
	settings.linux_options.forward = forward.list;
	settings.translator.no_chain = log_wants(LOG_NOCHAIN);

	struct LinuxProgram *program = linux_open(&settings.linux_options, argc - first, argv + first, &error, &status);
	if (!program)
		fail(error, status);
	const struct Guest *guest = linux_program_guest(program);
	check_guest_name(argv[0], guest, argv[first]);
	if (!guest->configure(settings.cpu, &error))
		fail(error, STATUS_USAGE);
	for (unsigned i = 0; i < settings.plugins->len; i++)
		if (!plugin_option(settings.plugins->pdata[i], &help, &error))
			fail(error, STATUS_USAGE);
	if (help)
		done();
	forward_finish();
	settings.translator.counters = settings.plugins->len > 0;
	if (!translator_init(&settings.translator, guest, &linux_environment, &error))
		fail(error, STATUS_USAGE);
	if (!linux_load(program, &error, &status))
		fail(error, status);
	if (!plugin_init_all(&error))
		fail(error, STATUS_USAGE);
	return linux_run(program);
}
