/* SPDX-License-Identifier: MIT */
/* The arguments of TCG plugins: from -plugin's options to argv, by the rules of QEMU's option parser. */
#include <dlfcn.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/api_tcg.h"
#include "instrument/log.h"

/* The words of qemu_plugin_bool_parse(). */
static const struct {
	const char *word;
	bool value;
} words[] = {
	{ "on", true }, { "yes", true }, { "true", true }, { "y", true },
	{ "off", false }, { "no", false }, { "false", false }, { "n", false },
};

static bool parse_word(const char *word, bool *value)
{
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		if (strcmp(words[i].word, word) == 0) {
			*value = words[i].value;
			return true;
		}
	return false;
}

bool qemu_plugin_bool_parse(const char *name, const char *val, bool *ret)
{
	return name && val && ret && parse_word(val, ret);
}

/* An identifier of the option parser: a letter, then letters, digits, and -._ */
static bool is_identifier(const char *text)
{
	if (!g_ascii_isalpha(*text))
		return false;
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && !strchr("-._", *text))
			return false;
	return true;
}

/* A key alone is a switch: on; off without the "no" it begins with. That may not be what was meant, so it is said. */
static char *expand_switch(const struct Plugin *plugin, const char *key)
{
	bool off = strncmp(key, "no", 2) == 0;
	char *text = g_strconcat(off ? key + 2 : key, off ? "=off" : "=on", NULL);

	report("warning: plugin '%s': '%s' alone is deprecated and taken for '%s'; write that", plugin->given, key, text);
	return text;
}

/* "arg=TEXT", the only form there once was: TEXT takes the place of the whole. To a library of that time it is passed as it is. */
static char *expand_arg(const struct Plugin *plugin, const char *value, int version)
{
	bool word;

	if (version == 0)
		return g_strdup(value);
	if (parse_word(value, &word))
		return g_strconcat("arg=", value, NULL);
	char *text = strchr(value, '=') ? g_strdup(value) : g_strconcat(value, "=on", NULL);
	report("warning: plugin '%s': 'arg=%s' is deprecated and taken for '%s'; write that", plugin->given, value, text);
	return text;
}

/* Prints what the plugin is and ends, as for any option that asks for help. */
static void help(const struct Plugin *plugin, const char *description)
{
	printf("%s%s%s\n  file=PATH    the library\n  NAME=VALUE   passed to it as an argument\n", plugin->given, description ? ": " : "",
	       description ? description : "");
	exit(EXIT_SUCCESS);
}

static bool asks_for_help(const char *value)
{
	return value && (strcmp(value, "help") == 0 || strcmp(value, "?") == 0);
}

bool tcg_arguments(struct TcgState *state, char **error)
{
	const struct Plugin *plugin = state->plugin;

	if (plugin->options_first) {
		*error = g_strdup_printf("'%s' stands before the file; write file=PATH first and its arguments behind it", plugin->options[0].key);
		return false;
	}
	state->argv = plugin->noptions ? g_new0(char *, plugin->noptions) : NULL;
	for (unsigned i = 0; i < plugin->noptions; i++) {
		const struct PluginOption *option = &plugin->options[i];
		if (asks_for_help(option->value))
			help(plugin, plugin->handle ? dlsym(plugin->handle, "plugin_description") : NULL);
		if (!option->value) {
			state->argv[state->argc++] = expand_switch(plugin, option->key);
		} else if (strcmp(option->key, "arg") == 0) {
			state->argv[state->argc++] = expand_arg(plugin, option->value, state->version);
		} else if (strcmp(option->key, "id") != 0) {
			state->argv[state->argc++] = g_strconcat(option->key, "=", option->value, NULL);
		} else if (!is_identifier(option->value)) {
			*error = g_strdup_printf("id '%s' is no identifier; begin with a letter and use letters, digits, '-', '.' and '_'", option->value);
			return false;
		}
	}
	return true;
}
