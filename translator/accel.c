/* SPDX-License-Identifier: MIT */
/* Choosing the host and its options (-accel), and setting the translator up. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translator/fault.h"
#include "translator/perfmap.h"
#include "translator/translate.h"

const struct Host *host;

enum { DEFAULT_MAX_INSNS = 128, DEFAULT_HEAT = 16384 };
#define ALL "all"               /* the option for all switches at once */

/* What -accel NAME,key=value sets. */
struct Settings {
	const char *name;               /* NULL: the best */
#define TECHNIQUE(member, name, help, asks) bool member;
#include "translator/techniques.def"
#undef TECHNIQUE
	unsigned long cache_mib, max_insns, heat;
};

static const struct Setting {
	const char *key, *help;
	enum { SWITCH, NUMBER } kind;
	size_t offset;
	unsigned long low, high;
} settings[] = {
#define TECHNIQUE(member, name, help, asks) { name, "on|off  " help " (default on)", SWITCH, offsetof(struct Settings, member), 0, 0 },
#include "translator/techniques.def"
#undef TECHNIQUE
	{ "heat", "N  times that a branch back is taken before its loop is hot, 2 to 65536 (default 16384)", NUMBER,
	  offsetof(struct Settings, heat), 2, 65536 },
	{ "cache", "N  size of the code cache in MiB, 1 to 1024 (default 128)", NUMBER,
	  offsetof(struct Settings, cache_mib), 1, 1024 },
	{ "max-insns", "N  guest instructions per block, 1 to 512 (default 128)", NUMBER,
	  offsetof(struct Settings, max_insns), 1, TRANSLATE_MAX_INSNS },
};

void translator_accel_help(void)
{
	printf("-accel NAME[,option=value]...\nNames:\n");
	for (unsigned i = 0; hosts[i]; i++)
		printf("  %-10s %s\n", hosts[i]->is_jit ? "jit" : hosts[i]->name,
		       hosts[i]->is_jit ? "translates to host code" : "interprets; slower, and the judge of the other");
	printf("Options:\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(settings); i++)
		printf("  %-10s %s\n", settings[i].key, settings[i].help);
	printf("  %-10s %s\n", ALL, "on|off  all that are on or off; those named behind it differ");
}

static bool parse_switch(const char *value, bool *on)
{
	*on = !strcmp(value, "on");
	return *on || !strcmp(value, "off");
}

static bool set(struct Settings *s, const char *text, char **error)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	const char *value = equals ? equals + 1 : "on";
	bool all = length == strlen(ALL) && !memcmp(ALL, text, length), on;

	if (all && parse_switch(value, &on)) {
		for (unsigned i = 0; i < G_N_ELEMENTS(settings); i++)
			if (settings[i].kind == SWITCH)
				*(bool *)((char *)s + settings[i].offset) = on;
		return true;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(settings); i++) {
		const struct Setting *setting = &settings[i];
		if (strlen(setting->key) != length || memcmp(setting->key, text, length) != 0)
			continue;
		void *field = (char *)s + setting->offset;
		if (setting->kind == SWITCH) {
			if (!parse_switch(value, &on))
				break;
			*(bool *)field = on;
			return true;
		}
		char *end;
		unsigned long number = strtoul(value, &end, 10);
		if (!*value || *end || number < setting->low || number > setting->high)
			break;
		*(unsigned long *)field = number;
		return true;
	}
	*error = g_strdup_printf("-accel: '%s' is no option or has a bad value; see -accel help", text);
	return false;
}

static bool parse(struct Settings *s, const char *accel, char **error)
{
	char **parts = g_strsplit(accel ? accel : "", ",", 0);
	bool ok = true;

	for (unsigned i = 0; ok && parts[i]; i++) {
		if (i)
			ok = set(s, parts[i], error);
		else if (parts[0][0])
			s->name = g_intern_string(parts[0]);
	}
	g_strfreev(parts);
	return ok;
}

/* Takes the first host that is wanted and works here. */
static bool choose_host(const char *name, char **error)
{
	for (unsigned i = 0; hosts[i]; i++)
		if (!name || !strcmp(name, hosts[i]->name) || (hosts[i]->is_jit && !strcmp(name, "jit"))) {
			host = hosts[i];
			return true;
		}
	*error = g_strdup_printf("-accel: there is no '%s' here; see -accel help", name);
	return false;
}

bool translator_init(const struct TranslatorOptions *options, const struct Guest *guest, const struct Environment *env,
		     char **error)
{
	struct Settings s = {
#define TECHNIQUE(member, name, help, asks) .member = true,
#include "translator/techniques.def"
#undef TECHNIQUE
		.heat = DEFAULT_HEAT,
	};
	struct CodeBuffer buf;
	const char *why;

	if (!parse(&s, options->accel, error) || !choose_host(s.name, error))
		return false;
	if (options->max_insns)
		s.max_insns = options->max_insns;
	s.chain = s.chain && !options->no_chain;
	s.regions = s.regions && s.chain && s.max_insns != 1;
	translator = (struct Translator){
		.guest = guest, .env = env, .counters = options->counters,
#define TECHNIQUE(member, name, help, asks) .member = s.member,
#include "translator/techniques.def"
#undef TECHNIQUE
		.heat_step = ((1ull << 32) + s.heat - 1) / s.heat,
		.max_insns = s.max_insns ? MIN(s.max_insns, (unsigned long)TRANSLATE_MAX_INSNS) : DEFAULT_MAX_INSNS,
	};
	if (!cache_init(options->cache_size ? options->cache_size : s.cache_mib << 20, host->is_jit, error))
		return false;
	cache_reserve(&buf);
	if (!host->init(&buf, guest, &why)) {
		*error = g_strdup_printf("-accel %s: %s; try -accel interp", host->name, why);
		return false;
	}
	cache_commit_common(&buf);
	if (options->perfmap && host->is_jit)
		perfmap_open();
	fault_init();
	return true;
}
