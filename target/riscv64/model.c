/* SPDX-License-Identifier: MIT */
/* The -cpu string: models, and properties that switch extensions. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "target/riscv64/cpu.h"

/* -- models and extensions ----------------------------------------------------------------------------------------- */

enum {
	MODEL_MAX = 1, MODEL_RV64 = 2, MODEL_RV64I = 4, MODEL_U54 = 8, MODEL_RVA22 = 16, MODEL_ALL = 31,
};

static const struct { const char *name; unsigned bit; const char *text; } models[] = {
	{ "max", MODEL_MAX, "every extension there is (the default)" },
	{ "rv64", MODEL_RV64, "the general-purpose cpu, as QEMU's but for zfa and zihpm" },
	{ "rv64i", MODEL_RV64I, "the base instruction set alone, to add extensions to" },
	{ "sifive-u54", MODEL_U54, "rv64gc" },
	{ "rva22u64", MODEL_RVA22, "what the application profile of 2022 asks for, but for zihpm" },
};

static const struct { const char *name; unsigned models; int hwprobe; const char *text; } extensions[] = {
#define EXT(id, name, models, hwprobe, text) [RISCV_EXT_##id] = { name, models, hwprobe, text },
#include "target/riscv64/extensions.def"
};
enum { NEXTENSIONS = G_N_ELEMENTS(extensions) };
_Static_assert((int)NEXTENSIONS == (int)RISCV_EXT_ZFHMIN_D && NEXTENSIONS <= 64, "extensions with names come first, and sets are 64 bits");

static const struct { uint8_t a, b; } implications[] = {
#define IMPLIES(a, b) { RISCV_EXT_##a, RISCV_EXT_##b },
#include "target/riscv64/extensions.def"
};

/* Properties of QEMU's cpus that concern what user programs cannot see: taken and ignored. */
static const char *const ignored[] = {
	"s", "u", "mmu", "pmp", "priv_spec", "smaia", "smepmp", "smstateen", "ssaia", "sscofpmf", "ssstateen", "sstc", "svade", "svadu",
	"svinval", "svnapot", "svpbmt", "debug", "mvendorid", "marchid", "mimpid", "resetvec", "pmu-mask", "pmu-num", "ssccptr",
	"sscounterenw", "sstvala", "sstvecd", "sm1p13", "svvptc", "ssu64xl", "satp", "sv39", "sv48", "sv57", "sv64", "zkt", "ziccif",
	"zicclsm", "ziccamoa", "ziccrse", "za64rs", "zic64b",
};

/* Properties of QEMU's cpus for extensions that are not here: they may be switched off. */
static const char *const absent[] = {
	"v", "h", "e", "zfa", "zihpm", "zacas", "zabha", "zama16b", "zalasr", "zcb", "zce", "zcf", "zcmp", "zcmt", "zcmop", "zimop", "zdinx",
	"zfinx", "zhinx", "zhinxmin", "zfbfmin", "zkr", "zk", "zkn", "zknd", "zkne", "zknh", "zks", "zksed", "zksh", "zbkb", "zbkc", "zbkx",
	"ztso", "zicfilp", "zicfiss", "zve32f", "zve32x", "zve64d", "zve64f", "zve64x", "zvfh", "zvfhmin", "zvfbfmin", "zvfbfwma", "zvbb",
	"zvbc", "zvkb", "zvkg", "zvkn", "zvknc", "zvkned", "zvkng", "zvknha", "zvknhb", "zvks", "zvksc", "zvksed", "zvksg", "zvksh", "zvkt",
	"smcntrpmf", "supm", "sspm", "svukte", "xtheadba", "xtheadbb", "xtheadbs", "xtheadcmo", "xtheadcondmov", "xtheadfmemidx",
	"xtheadfmv", "xtheadmac", "xtheadmemidx", "xtheadmempair", "xtheadsync", "xventanacondops",
};

static bool in_list(const char *const *list, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (!g_ascii_strcasecmp(list[i], name))
			return true;
	return false;
}

static int find_extension(const char *name)
{
	for (int i = 0; i < NEXTENSIONS; i++)
		if (!g_ascii_strcasecmp(extensions[i].name, name))
			return i;
	return -1;
}

/* -- properties ---------------------------------------------------------------------------------------------------- */

/* What the user asked for: sets of 1 << enum RiscvExtension. */
struct Wish { uint64_t on, off; };

static uint64_t bit(unsigned extension)
{
	return 1ull << extension;
}

/* The number of letters to change, add or drop to make B of A. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], n = strlen(b);

	if (n >= G_N_ELEMENTS(row))
		return n;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned change = diagonal + (g_ascii_tolower(a[i - 1]) != b[j - 1]);
			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

static char *unknown_property(const char *name)
{
	int nearest = -1;
	unsigned least = 2;

	for (int i = 0; i < NEXTENSIONS; i++) {
		unsigned d = distance(name, extensions[i].name);
		if (d <= least && d < strlen(extensions[i].name)) {
			least = d;
			nearest = i;
		}
	}
	if (nearest >= 0)
		return g_strdup_printf("-cpu: there is no property '%s'; is '%s' meant? (-cpu help lists them)", name, extensions[nearest].name);
	return g_strdup_printf("-cpu: there is no property '%s' (-cpu help lists them)", name);
}

static bool parse_switch(const char *value, bool *on)
{
	static const char *const yes[] = { "on", "true", "yes", "y" }, *const no[] = { "off", "false", "no", "n" };

	*on = in_list(yes, G_N_ELEMENTS(yes), value);
	return *on || in_list(no, G_N_ELEMENTS(no), value);
}

static void wish(struct Wish *w, int extension, bool on)
{
	*(on ? &w->on : &w->off) |= bit(extension);
	*(on ? &w->off : &w->on) &= ~bit(extension);
}

/* Block sizes of cbo.*, of which there is one. */
static bool is_block_size(const char *name)
{
	static const char *const names[] = { "cbom_blocksize", "cbop_blocksize", "cboz_blocksize" };

	return in_list(names, G_N_ELEMENTS(names), name);
}

/* Takes NAME=VALUE into W. Returns NULL or the error. */
static char *take_property(struct Wish *w, const char *name, const char *value)
{
	int extension = find_extension(name);
	bool on;

	if (in_list(ignored, G_N_ELEMENTS(ignored), name))
		return NULL;
	if (is_block_size(name))
		return !strcmp(value, "64") ? NULL : g_strdup_printf("-cpu: %s is always 64, not '%s'", name, value);
	bool is_absent = in_list(absent, G_N_ELEMENTS(absent), name), is_g = !g_ascii_strcasecmp(name, "g");
	if (extension < 0 && !is_absent && !is_g)
		return unknown_property(name);
	if (!parse_switch(value, &on))
		return g_strdup_printf("-cpu: '%s=%s' is neither on nor off; write %s=on or %s=off", name, value, name, name);
	if (is_absent)
		return on ? g_strdup_printf("-cpu: extension '%s' is not supported; leave it out or write %s=off", name, name) : NULL;
	if (is_g) {
		static const uint8_t general[] = { RISCV_EXT_M, RISCV_EXT_A, RISCV_EXT_F, RISCV_EXT_D, RISCV_EXT_ZICSR, RISCV_EXT_ZIFENCEI };
		if (!on)
			return g_strdup("-cpu: 'g' cannot be switched off as a whole; switch off its parts, or take model rv64i");
		for (unsigned i = 0; i < G_N_ELEMENTS(general); i++)
			wish(w, general[i], true);
		return NULL;
	}
	if (extension == RISCV_EXT_I && !on)
		return g_strdup("-cpu: 'i', the base instruction set, cannot be switched off; leave i=off out");
	wish(w, extension, on);
	return NULL;
}

static char *take_item(struct Wish *w, const char *item)
{
	if (*item == '+' || *item == '-')
		return take_property(w, item + 1, *item == '+' ? "on" : "off");
	const char *equals = strchr(item, '=');
	if (!equals)
		return *item ? g_strdup_printf("-cpu: property '%s' has no value; write %s=on or %s=off", item, item, item) :
			g_strdup("-cpu: an empty property; is there a comma too many?");
	char *name = g_strndup(item, equals - item), *error = take_property(w, name, equals + 1);
	g_free(name);
	return error;
}

/* SET with all that its extensions imply, directly or not. */
static uint64_t implied(uint64_t set)
{
	uint64_t before;

	do {
		before = set;
		for (unsigned i = 0; i < G_N_ELEMENTS(implications); i++)
			if (set & bit(implications[i].a))
				set |= bit(implications[i].b);
	} while (set != before);
	return set;
}

/* NULL, or the error if one extension that the user asked for needs one that he does not want. */
static char *contradiction(const struct Wish *w)
{
	for (unsigned a = 0; a < NEXTENSIONS; a++) {
		uint64_t missing = w->on & bit(a) ? implied(bit(a)) & w->off : 0;
		if (!missing)
			continue;
		unsigned b = __builtin_ctzll(missing);
		return g_strdup_printf("-cpu: extension '%s' needs '%s', which is switched off; drop %s=off or %s=on",
				       extensions[a].name, extensions[b].name, extensions[b].name, extensions[a].name);
	}
	return NULL;
}

/* SET with all that its extensions imply, but without those that need one of OFF; of these the parts that do not stay. */
static uint64_t closed(uint64_t set, uint64_t off)
{
	uint64_t before;

	do {
		before = set;
		for (unsigned a = 0; a < NEXTENSIONS; a++)
			if (set & bit(a) && implied(bit(a)) & off)
				set = (set | implied(bit(a))) & ~bit(a) & ~off;
	} while (set != before);
	return implied(set);
}

static void install(uint64_t set)
{
	for (unsigned i = 0; i < NEXTENSIONS; i++)
		riscv_has[i] = set >> i & 1;
	riscv_has[RISCV_EXT_ZFHMIN_D] = riscv_has[RISCV_EXT_ZFHMIN] && riscv_has[RISCV_EXT_D];
	riscv_decoder_build();
}

/* The extensions of MODEL with W, free of contradictions, applied. */
static uint64_t resolve(unsigned model, const struct Wish *w)
{
	uint64_t set = 0, doubles = bit(RISCV_EXT_C) | bit(RISCV_EXT_D);

	for (unsigned i = 0; i < NEXTENSIONS; i++)
		if (extensions[i].models & model)
			set |= bit(i);
	set = closed((set & ~w->off) | w->on, w->off);
	/* c takes in what d makes of it */
	if ((set & doubles) == doubles && !(w->off & bit(RISCV_EXT_ZCD)))
		set |= bit(RISCV_EXT_ZCD);
	return set;
}

bool riscv_configure(const char *model, char **error)
{
	char **items = g_strsplit(model ? model : "max", ",", -1), *wrong = NULL;
	unsigned bits = 0;
	struct Wish w = { 0 };

	for (unsigned i = 0; items[0] && i < G_N_ELEMENTS(models); i++)
		if (!strcmp(items[0], models[i].name))
			bits = models[i].bit;
	if (!bits)
		wrong = g_strdup_printf("-cpu: there is no riscv64 cpu '%s'; take max or rv64 (-cpu help lists all)", items[0] ? items[0] : "");
	for (unsigned i = 1; !wrong && items[i]; i++)
		wrong = take_item(&w, items[i]);
	if (!wrong)
		wrong = contradiction(&w);
	if (!wrong)
		install(resolve(bits, &w));
	g_strfreev(items);
	if (wrong)
		*error = wrong;
	return !wrong;
}

void riscv_cpu_help(void)
{
	printf("riscv64 cpus:\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(models); i++)
		printf("  %-12s %s\n", models[i].name, models[i].text);
	printf("Properties, each =on or =off (or +name, -name), after the cpu and a comma:\n");
	for (unsigned i = 0; i < NEXTENSIONS; i++)
		printf("  %-12s %s\n", extensions[i].name, extensions[i].text);
	printf("  %-12s %s\n", "g", "short for m, a, f, d, zicsr and zifencei");
}

/* -- facts of the configured cpu ----------------------------------------------------------------------------------- */

const char *riscv_isa_string(void)
{
	static char isa[32 + NEXTENSIONS * 16];
	gsize length = g_strlcpy(isa, "rv64", sizeof isa);

	for (unsigned i = 0; i < NEXTENSIONS; i++) {
		if (!riscv_has[i])
			continue;
		if (extensions[i].name[1])
			length = g_strlcat(isa, "_", sizeof isa);
		length = g_strlcat(isa, extensions[i].name, sizeof isa);
	}
	g_assert(length < sizeof isa);
	return isa;
}

uint64_t riscv_hwprobe_extensions(void)
{
	uint64_t value = riscv_has[RISCV_EXT_F] && riscv_has[RISCV_EXT_D];

	for (unsigned i = 0; i < NEXTENSIONS; i++)
		if (riscv_has[i] && extensions[i].hwprobe >= 0)
			value |= 1ull << extensions[i].hwprobe;
	return value;
}
