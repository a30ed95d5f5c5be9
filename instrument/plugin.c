/* SPDX-License-Identifier: MIT */
/* Loading plugin libraries: options, finding and opening files, telling the API, ending. */
#include "instrument/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instrument/loader.h"
#include "instrument/log.h"
#include "instrument/probe.h"

#ifndef PLUGINDIR
#define PLUGINDIR "/usr/local/lib/forerun/plugins"
#endif

static bool unsupported_load(struct Plugin *plugin, const struct Scan *scan, char **error);

static bool exports(void *handle, const char *const *names)
{
	for (; *names; names++)
		if (dlsym(handle, *names))
			return true;
	return false;
}

static bool recognises_2015(void *handle)
{
	return exports(handle, (const char *const[]){ "pi_start", NULL });
}

static const struct PluginApi api_2015 = {
	.name = "the plugin interface of 2015 (pi_start)", .recognises = recognises_2015, .load = unsupported_load,
};

/* Asked in this order: a library of another kind may well have a function plugin_something. */
static const struct PluginApi *const apis[] = { &plugin_api_tcg, &api_2015, &plugin_api_2017 };

static struct Plugin *plugins, **plugins_end = &plugins;
static GPtrArray *forward;              /* plugin_options() */
static GHashTable *own_libraries;       /* names of what was loaded before any plugin: known not to be a plugin's */

static bool unsupported_load(struct Plugin *plugin, const struct Scan *scan, char **error)
{
	(void)scan;
	*error = g_strdup_printf("it uses %s, which this version of forerun does not have; use its counterpart for plugin_init",
				 plugin->api->name);
	return false;
}

const struct Plugin *plugin_first(void)
{
	return plugins;
}

/* -- options ---------------------------------------------------------------------------------------------------------- */

/* Splits at single commas; ",," is one comma in the text. Returns a NULL-terminated list. */
static char **split_items(const char *text)
{
	GPtrArray *items = g_ptr_array_new();
	GString *item = g_string_new(NULL);

	for (; *text; text++) {
		if (text[0] != ',') {
			g_string_append_c(item, *text);
		} else if (text[1] == ',') {
			g_string_append_c(item, ',');
			text++;
		} else {
			g_ptr_array_add(items, g_string_free(item, FALSE));
			item = g_string_new(NULL);
		}
	}
	g_ptr_array_add(items, g_string_free(item, FALSE));
	g_ptr_array_add(items, NULL);
	return (char **)g_ptr_array_free(items, FALSE);
}

/* The reverse for one item. */
static void append_item(GString *text, const char *item)
{
	for (; *item; item++) {
		g_string_append_c(text, *item);
		if (*item == ',')
			g_string_append_c(text, ',');
	}
}

/* Takes the plugins of -plugin ARGUMENT apart: keys go to the file before them, those before the first to that. Returns a list of struct Plugin, one without
 * a name if there is no file at all. */
static GPtrArray *parse_options(const char *argument)
{
	char **items = split_items(argument);
	GPtrArray *list = g_ptr_array_new();
	struct Plugin *plugin = NULL;

	for (unsigned i = 0; items[i]; i++) {
		char *equals = strchr(items[i], '='), *file = NULL;
		if (!equals && i == 0)
			file = items[i];
		else if (g_str_has_prefix(items[i], "file="))
			file = equals + 1;
		if (!plugin || (file && plugin->given)) {
			plugin = g_new0(struct Plugin, 1);
			plugin->options = g_new0(struct PluginOption, g_strv_length(items));
			g_ptr_array_add(list, plugin);
		}
		if (file) {
			plugin->given = g_strdup(file);
			plugin->options_first = plugin->noptions > 0;
		} else if (*items[i]) {
			struct PluginOption *option = &plugin->options[plugin->noptions++];
			option->key = equals ? g_strndup(items[i], equals - items[i]) : g_strdup(items[i]);
			option->value = equals ? g_strdup(equals + 1) : NULL;
		}
	}
	g_strfreev(items);
	return list;
}

/* The option that loads PLUGIN from any folder. */
static char *unparse_options(const struct Plugin *plugin)
{
	GString *text = g_string_new("file=");

	append_item(text, plugin->path);
	for (unsigned i = 0; i < plugin->noptions; i++) {
		g_string_append_c(text, ',');
		append_item(text, plugin->options[i].key);
		if (plugin->options[i].value) {
			g_string_append_c(text, '=');
			append_item(text, plugin->options[i].value);
		}
	}
	return g_string_free(text, FALSE);
}

const char *const *plugin_options(void)
{
	if (!forward) {
		forward = g_ptr_array_new();
		g_ptr_array_add(forward, NULL);
	}
	return (const char *const *)forward->pdata;
}

/* -- files ------------------------------------------------------------------------------------------------------------ */

/* The folders with installed plugins, NULL-terminated. */
static char **folders(void)
{
	const char *path = getenv("FORERUN_PLUGIN_PATH");
	return g_strsplit(path && *path ? path : PLUGINDIR, ":", -1);
}

static char *find_installed(const char *name)
{
	static const char *const patterns[] = { "%s", "%s.so", "lib%s.so" };
	char **list = folders(), *found = NULL;

	for (char **folder = list; *folder && !found; folder++)
		for (size_t i = 0; i < G_N_ELEMENTS(patterns) && !found; i++) {
			char *base = i == 0 ? g_strdup(name) : i == 1 ? g_strdup_printf("%s.so", name) : g_strdup_printf("lib%s.so", name);
			char *path = g_build_filename(*folder, base, NULL);
			if (g_str_has_suffix(base, ".so") && access(path, F_OK) == 0)
				found = g_canonicalize_filename(path, NULL);
			g_free(path);
			g_free(base);
		}
	g_strfreev(list);
	return found;
}

/* The absolute path of the file that the user calls NAME. A name with '/' is a path; one without that ends in ".so" is looked for in the current
 * folder first and among the installed ones then, any other the other way round. NULL with *ERROR if there is none. */
static char *find_file(const char *name, char **error)
{
	bool is_path = strchr(name, '/') != NULL, here_first = is_path || g_str_has_suffix(name, ".so");
	bool here = access(name, F_OK) == 0;
	char *found = is_path || (here_first && here) ? NULL : find_installed(name);

	if (found)
		return found;
	if (here)
		return g_canonicalize_filename(name, NULL);
	if (is_path)
		*error = g_strdup_printf("cannot load plugin '%s': %s", name, strerror(ENOENT));
	else
		*error = g_strdup_printf("cannot find plugin '%s' here or among the installed ones; give its path, or see -plugin help", name);
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* One line for each plugin in FOLDER. Returns how many. */
static unsigned list_folder(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	unsigned count = 0;

	for (const char *name; dir && (name = g_dir_read_name(dir));)
		if (g_str_has_suffix(name, ".so"))
			g_ptr_array_add(names, g_strdup(name));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(names, compare_names);
	for (unsigned i = 0; i < names->len; i++) {
		char *path = g_build_filename(folder, names->pdata[i], NULL), *error = NULL;
		struct Scan scan;
		if (scan_library(path, false, &scan, &error)) {
			char *name = g_strdup(g_str_has_prefix(names->pdata[i], "lib") ? (char *)names->pdata[i] + 3 : names->pdata[i]);
			name[strlen(name) - 3] = 0;
			printf("  %-16s %s\n", name, scan.description ? scan.description : path);
			g_free(name);
			scan_free(&scan);
			count++;
		}
		g_free(error);
		g_free(path);
	}
	g_ptr_array_free(names, TRUE);
	return count;
}

static void list_plugins(void)
{
	char **list = folders();

	printf("-plugin NAME or -plugin file=PATH[,args=STRING] (a comma in STRING is written twice)\n");
	for (char **folder = list; *folder; folder++) {
		printf("Plugins in %s:\n", *folder);
		if (!list_folder(*folder))
			printf("  none\n");
	}
	g_strfreev(list);
}

/* -- what a library brings along -------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int note_library(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	g_hash_table_add(own_libraries, g_strdup(base_name(info->dlpi_name)));
	return 0;
}

/* Functions of forerun that plugins call while guest code runs and that compute nothing with floating point. Others look into tables of glib's, which do when they
 * grow and shrink, or into libraries. */
static bool own_function_computes(const char *name)
{
	static const char *const starts[] = {
		"qemulib_log", "qemulib_read_", "qemulib_write_register", "qemulib_get_", "qemulib_register_id", "qemulib_syscall_name",
		"qemu_plugin_outs", "qemu_plugin_read_", "qemu_plugin_write_register", "qemu_plugin_get_", "qemu_plugin_u64_",
		"qemu_plugin_scoreboard_", "qemu_plugin_mem_", "qemu_plugin_hwaddr_", "qemu_plugin_n_", "qemu_plugin_num_vcpus", "qemu_plugin_tb_",
		"qemu_plugin_insn_", "qemu_plugin_register_", "qemu_plugin_bool_parse", "qemu_plugin_path_to_binary", "qemu_plugin_start_code",
		"qemu_plugin_end_code", "qemu_plugin_entry_code", "qemu_plugin_set_pc", "qemu_plugin_translate_vaddr", "qemu_plugin_update_ns",
		"qemu_plugin_request_time_control",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
		if (g_str_has_prefix(name, starts[i]))
			return false;
	return true;
}

/* Functions of the C library and of glib, where calls are else taken to leave the floating-point state alone, that do compute with it. */
static bool c_library_computes(const char *name)
{
	static const char *const words[] = {
		"g_hash_table_add", "g_hash_table_insert", "g_hash_table_replace", "g_hash_table_remove", "g_hash_table_steal", "g_hash_table_foreach_",
		"g_hash_table_unref", "g_hash_table_destroy", "g_ascii_formatd", "g_ascii_dtostr",
		"strtod", "strtof", "strtold", "atof", "wcstod", "wcstof", "scanf", "rand48", "difftime", "ecvt", "fcvt", "gcvt", "getloadavg",
		"_double", "g_timer", "fesetround", "feraiseexcept", "feclearexcept", "strfmon", "strfrom", "dlopen", "dlsym",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

/* Whether a call of NAME may disturb the floating-point state. */
static bool import_computes(void *handle, const char *name)
{
	void *address = dlsym(handle, name);
	Dl_info info, own;

	if (!address)
		address = dlsym(RTLD_DEFAULT, name);
	if (!address || !dladdr(address, &info) || !info.dli_fname)
		return true;
	if (dladdr((void *)(uintptr_t)plugin_first, &own) && own.dli_fbase == info.dli_fbase)
		return own_function_computes(name);
	const char *library = base_name(info.dli_fname);
	if (g_str_has_prefix(library, "libc.") || g_str_has_prefix(library, "libc-") || g_str_has_prefix(library, "ld-") ||
	    g_str_has_prefix(library, "libpthread") || g_str_has_prefix(library, "libglib-"))
		return c_library_computes(name);
	return true;
}

/* Learns from SCAN what PLUGIN may do, and from the libraries that came with it, which SEEN holds. */
static void learn(struct Plugin *plugin, const struct Scan *scan, GHashTable *seen)
{
	const struct PluginApi *api = plugin->api;
	bool any = scan_imports(scan, "dlsym") || scan_imports(scan, "dlopen");

	plugin->reads_registers |= any || scan_imports(scan, api->read_register);
	plugin->writes_registers |= any || scan_imports(scan, api->write_register);
	plugin->reads_values |= any || scan_imports(scan, api->read_value);
	plugin->sets_pc |= any || scan_imports(scan, api->set_pc);
	plugin->uses_fp |= scan->arithmetic;
	for (char **name = scan->imports; *name && !plugin->uses_fp; name++)
		plugin->uses_fp = import_computes(plugin->handle, *name);
	for (char **name = scan->needed; *name; name++) {
		struct link_map *map = NULL;
		struct Scan other;
		char *error = NULL;
		const char *base = base_name(*name);    /* a library without a name of its own is linked by its path */
		if (g_hash_table_contains(own_libraries, base) || !g_hash_table_add(seen, g_strdup(base)))
			continue;
		if (dlinfo(plugin->handle, RTLD_DI_LINKMAP, &map) != 0)
			map = NULL;
		while (map && strcmp(base_name(map->l_name), base) != 0)
			map = map->l_next;
		/* One that cannot be read is taken to do everything. */
		if (map && scan_library(map->l_name, true, &other, &error)) {
			learn(plugin, &other, seen);
			scan_free(&other);
		} else {
			plugin->reads_registers = plugin->writes_registers = plugin->reads_values = plugin->sets_pc = plugin->uses_fp = true;
		}
		g_free(error);
	}
}

/* The first function that the library wants and nobody has; NULL: none. */
static const char *missing_import(void *handle, const struct Scan *scan)
{
	for (char **name = scan->imports; *name; name++) {
		dlerror();
		if (!dlsym(handle, *name) && dlerror() && !dlsym(RTLD_DEFAULT, *name))
			return *name;
	}
	return NULL;
}

/* -- loading ------------------------------------------------------------------------------------------------------------ */

/* The plugin that the library of PLUGIN, named once more, adds options to; NULL: it is a plugin of its own. */
static struct Plugin *merges(const struct Plugin *plugin)
{
	for (struct Plugin *p = plugins; p; p = p->next)
		if (plugin->api->once && p->handle == plugin->handle)
			return p;
	return NULL;
}

/* Moves the options of PLUGIN to the end of those of TO. */
static void merge_options(struct Plugin *to, struct Plugin *plugin)
{
	to->options = g_renew(struct PluginOption, to->options, to->noptions + plugin->noptions);
	for (unsigned i = 0; i < plugin->noptions; i++)
		to->options[to->noptions++] = plugin->options[i];
	plugin->noptions = 0;
}

/* A library called exit(), or main() returned: ends what is not ended, and does not let the C library call destructors again. */
static void at_exit(int status, void *data)
{
	(void)data;
	instrument_exit();
	fflush(NULL);
	log_flush();
	_exit(status);
}

/* Opens the library and finds out what it is. False with what is wrong, the plugin not named, in *ERROR. */
static bool open_library(struct Plugin *plugin, char **error)
{
	struct Scan scan;
	const char *missing;

	if (!own_libraries) {
		own_libraries = g_hash_table_new(g_str_hash, g_str_equal);
		dl_iterate_phdr(note_library, NULL);
		on_exit(at_exit, NULL);
	}
	if (!scan_library(plugin->path, true, &scan, error))
		return false;
	struct Calling outer = calling_enter(plugin, "constructor");
	/* what is bound now will not change; a library that lacks something is opened to see what */
	plugin->handle = dlopen(plugin->path, RTLD_NOW | RTLD_LOCAL);
	if (!plugin->handle)
		plugin->handle = dlopen(plugin->path, RTLD_LAZY | RTLD_LOCAL);
	calling_leave(outer);
	if (!plugin->handle) {
		const char *text = dlerror();
		const char *rest = g_str_has_prefix(text, plugin->path) ? text + strlen(plugin->path) : text;
		*error = g_strdup(rest + strspn(rest, ": "));
	} else if ((missing = missing_import(plugin->handle, &scan))) {
		*error = g_strdup_printf("it needs '%s', which neither forerun nor a library it is linked with has; link that "
					 "library, or build against this version's plugins.h", missing);
	} else {
		for (size_t i = 0; i < G_N_ELEMENTS(apis) && !plugin->api; i++)
			if (apis[i]->recognises(plugin->handle))
				plugin->api = apis[i];
		if (!plugin->api)
			*error = g_strdup("it exports none of plugin_init, plugin_needs_before_insn, plugin_needs_before_tb and "
					  "plugin_needs_before_mem, so it is no plugin (hidden visibility, or C++ without extern \"C\"?)");
	}
	if (plugin->api) {
		GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		learn(plugin, &scan, seen);
		g_hash_table_destroy(seen);
		image_load(&plugin->image, plugin->handle, plugin->path);
	}
	bool good = plugin->api && (merges(plugin) || plugin->api->load(plugin, &scan, error));
	scan_free(&scan);
	return good;
}

/* How many plugins were loaded before PLUGIN. */
static unsigned position(const struct Plugin *plugin)
{
	unsigned n = 0;

	for (const struct Plugin *p = plugins; p != plugin; p = p->next)
		n++;
	return n;
}

static void free_plugin(struct Plugin *plugin)
{
	for (unsigned i = 0; i < plugin->noptions; i++) {
		g_free(plugin->options[i].key);
		g_free(plugin->options[i].value);
	}
	g_free(plugin->options);
	image_free(&plugin->image);
	g_free(plugin->given);
	g_free(plugin->path);
	g_free(plugin);
}

/* Finds and opens the library of PLUGIN, which -plugin ARGUMENT has named, and puts it into the list, or its options to those of the plugin that has it. */
static bool load(struct Plugin *plugin, const char *argument, char **error)
{
	char *why = NULL;

	if (!plugin->given || !*plugin->given)
		*error = g_strdup_printf("-plugin '%s' names no library; write -plugin file=PATH[,args=STRING]", argument);
	else if ((plugin->path = find_file(plugin->given, error)) && open_library(plugin, &why)) {
		struct Plugin *first = merges(plugin);
		if (first) {
			merge_options(first, plugin);
			g_free(forward->pdata[position(first)]);
			forward->pdata[position(first)] = unparse_options(first);
			dlclose(plugin->handle);
			free_plugin(plugin);
			return true;
		}
		*plugins_end = plugin;
		plugins_end = &plugin->next;
		plugin_options();
		forward->pdata[forward->len - 1] = unparse_options(plugin);
		g_ptr_array_add(forward, NULL);
		if (log_wants(LOG_PLUGIN))
			log_printf("plugin %s: %s%s\n", plugin->path, plugin->writes_registers ? "writes registers" :
				   plugin->reads_registers ? "reads registers" : "reads no registers",
				   plugin->uses_fp ? ", computes with floating point" : "");
		return true;
	}
	if (why)
		*error = g_strdup_printf("cannot load plugin '%s': %s", plugin->given, why);
	g_free(why);
	/* The library stays open: destructors of what is not going to run are not wanted. */
	free_plugin(plugin);
	return false;
}

bool plugin_option(const char *argument, bool *help, char **error)
{
	bool good = true;

	*help = strcmp(argument, "help") == 0;
	if (!*argument)
		return true;    /* as in QEMU: a script's variable that holds no plugin */
	if (*help) {
		list_plugins();
		return true;
	}
	GPtrArray *list = parse_options(argument);
	for (unsigned i = 0; i < list->len; i++)
		if (good)
			good = load(list->pdata[i], argument, error);
		else
			free_plugin(list->pdata[i]);
	g_ptr_array_free(list, TRUE);
	return good;
}

bool plugin_init_all(char **error)
{
	for (struct Plugin *plugin = plugins; plugin; plugin = plugin->next) {
		char *why = NULL;
		if (plugin->api->init(plugin, &why))
			continue;
		*error = g_strdup_printf("cannot start plugin '%s': %s", plugin->given, why);
		g_free(why);
		return false;
	}
	return true;
}

/* -- ending ---------------------------------------------------------------------------------------------------------------- */

/* Calls the functions that dlclose() would: the array backwards, then DT_FINI. The C runtime's own entry among them runs what the
 * library registered with atexit() and the destructors of C++ objects. */
static void call_destructors(const struct Plugin *plugin)
{
	struct link_map *map;
	const ElfW(Dyn) *array = NULL, *size = NULL, *last = NULL;

	if (dlinfo(plugin->handle, RTLD_DI_LINKMAP, &map) != 0)
		return;
	for (const ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_FINI_ARRAY)
			array = dyn;
		else if (dyn->d_tag == DT_FINI_ARRAYSZ)
			size = dyn;
		else if (dyn->d_tag == DT_FINI)
			last = dyn;
	}
	struct Calling outer = calling_enter(plugin, "destructor");
	if (array && size) {
		void (**functions)(void) = (void (**)(void))(map->l_addr + array->d_un.d_ptr);
		for (size_t i = size->d_un.d_val / sizeof *functions; i-- > 0;)
			if (functions[i])
				functions[i]();
	}
	if (last)
		((void (*)(void))(map->l_addr + last->d_un.d_ptr))();
	calling_leave(outer);
}

void plugin_close(struct Plugin *plugin)
{
	plugin->closed = true;
	call_destructors(plugin);
}

void plugin_finish_all(void)
{
	GPtrArray *order = g_ptr_array_new();

	for (struct Plugin *plugin = plugins; plugin; plugin = plugin->next)
		g_ptr_array_add(order, plugin);
	for (unsigned i = order->len; i-- > 0;) {
		const struct Plugin *plugin = order->pdata[i];
		bool again = plugin->closed;    /* or the same library given twice */
		for (unsigned j = i + 1; j < order->len; j++)
			again |= ((struct Plugin *)order->pdata[j])->handle == plugin->handle;
		if (!again)
			call_destructors(plugin);
	}
	g_ptr_array_free(order, TRUE);
}
