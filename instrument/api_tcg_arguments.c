/* SPDX-License-Identifier: MIT */
/* The arguments of TCG plugins: from -plugin's options to argv, by the rules of QEMU's option parser. */
#include <glib.h>
#include <string.h>

#include "instrument/api_tcg.h"

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

/* A key alone is a switch: on; off without the "no" it begins with. */
static char *expand_switch(const char *key)
{
	return strncmp(key, "no", 2) == 0 ? g_strconcat(key + 2, "=off", NULL) : g_strconcat(key, "=on", NULL);
}

/* "arg=TEXT", the only form there once was: TEXT takes the place of the whole. To a library of that time it is passed as it is. */
static char *expand_arg(const char *text, int version)
{
	bool value;

	if (version == 0 || strchr(text, '='))
		return g_strdup(text);
	if (parse_word(text, &value))
		return g_strconcat("arg=", text, NULL);
	return g_strconcat(text, "=on", NULL);
}

bool tcg_arguments(struct TcgState *state, char **error)
{
	const struct Plugin *plugin = state->plugin;

	state->argv = plugin->noptions ? g_new0(char *, plugin->noptions) : NULL;
	for (unsigned i = 0; i < plugin->noptions; i++) {
		const struct PluginOption *option = &plugin->options[i];
		if (!option->value) {
			state->argv[state->argc++] = expand_switch(option->key);
		} else if (strcmp(option->key, "arg") == 0) {
			state->argv[state->argc++] = expand_arg(option->value, state->version);
		} else if (strcmp(option->key, "id") != 0) {
			state->argv[state->argc++] = g_strconcat(option->key, "=", option->value, NULL);
		} else if (!is_identifier(option->value)) {
			*error = g_strdup_printf("id '%s' is no identifier; begin with a letter and use letters, digits, '-', '.' and '_'", option->value);
			return false;
		}
	}
	return true;
}
