/* SPDX-License-Identifier: MIT */
/* Models the first-level caches, one pair for all vcpus, least recently used out first, and says which functions miss most.
 *
 * size=BYTES (32768), line=BYTES (64), ways=N (8), top=N functions (20). Output needs -d plugin. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "cache misses by function (size=, line=, ways=, top=; -d plugin)";

/* What a function did: accesses and misses of data and instructions. */
struct Function {
	const char *name;
	uint64_t accesses[2], misses[2];
};
enum { DATA, FETCH };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t *tags[2];       /* sets of ways, most recently used first; the line's number + 1, 0: empty */
static guint64 size = 32768, line = 64, ways = 8, top = 20, sets, line_bits;
static GHashTable *functions;           /* name -> struct Function */
static struct Function all = { .name = "all" };

static struct Function *function_of(struct qemu_plugin_insn *insn)
{
	const char *name = qemu_plugin_insn_symbol(insn);

	name = g_intern_string(name ? name : "(unknown)");
	pthread_mutex_lock(&lock);
	struct Function *f = g_hash_table_lookup(functions, name);
	if (!f) {
		f = g_new0(struct Function, 1);
		f->name = name;
		g_hash_table_insert(functions, (char *)name, f);
	}
	pthread_mutex_unlock(&lock);
	return f;
}

static void look_up(struct Function *f, int kind, uint64_t address)
{
	uint64_t tag = (address >> line_bits) + 1;
	uint64_t *set = tags[kind] + tag % sets * ways;
	unsigned way = 0;

	pthread_mutex_lock(&lock);
	while (way < ways && set[way] != tag)
		way++;
	f->accesses[kind]++, all.accesses[kind]++;
	if (way == ways) {
		f->misses[kind]++, all.misses[kind]++;
		way--;
	}
	memmove(set + 1, set, way * sizeof *set);
	set[0] = tag;
	pthread_mutex_unlock(&lock);
}

static void data_accessed(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)info;
	look_up(data, DATA, vaddr);
}

/* What a fetch needs at run time; kept for the whole run. */
struct Fetch {
	struct Function *function;
	uint64_t address;
};

static void fetched(unsigned vcpu, void *data)
{
	struct Fetch *fetch = data;

	(void)vcpu;
	look_up(fetch->function, FETCH, fetch->address);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct Fetch *fetches = g_new(struct Fetch, n);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		fetches[i] = (struct Fetch){ function_of(insn), qemu_plugin_insn_vaddr(insn) };
		qemu_plugin_register_vcpu_insn_exec_cb(insn, fetched, QEMU_PLUGIN_CB_NO_REGS, &fetches[i]);
		qemu_plugin_register_vcpu_mem_cb(insn, data_accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, fetches[i].function);
	}
}

static gint most_first(gconstpointer a, gconstpointer b)
{
	const struct Function *x = a, *y = b;
	uint64_t mx = x->misses[DATA] + x->misses[FETCH], my = y->misses[DATA] + y->misses[FETCH];

	return mx != my ? (mx < my ? 1 : -1) : strcmp(x->name, y->name);
}

static void print(const struct Function *f)
{
	char text[256];

	snprintf(text, sizeof text, "%-32s %13" PRIu64 " %11" PRIu64 " %6.2f%% %13" PRIu64 " %11" PRIu64 " %6.2f%%\n", f->name,
		 f->accesses[DATA], f->misses[DATA], f->accesses[DATA] ? 100.0 * f->misses[DATA] / f->accesses[DATA] : 0,
		 f->accesses[FETCH], f->misses[FETCH], f->accesses[FETCH] ? 100.0 * f->misses[FETCH] / f->accesses[FETCH] : 0);
	qemu_plugin_outs(text);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	GList *list = g_list_sort(g_hash_table_get_values(functions), most_first);
	unsigned shown = 0;

	(void)id, (void)data;
	qemu_plugin_outs("function                                  data      misses    rate         insns      misses    rate\n");
	print(&all);
	for (GList *l = list; l && shown++ < top; l = l->next)
		print(l->data);
	g_list_free(list);
}

static bool number(const char *argument, const char *name, guint64 *value)
{
	return g_str_has_prefix(argument, name) && g_ascii_string_to_unsigned(argument + strlen(name), 10, 1, 1 << 28, value, NULL);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!number(argv[i], "size=", &size) && !number(argv[i], "line=", &line) && !number(argv[i], "ways=", &ways) &&
		    !number(argv[i], "top=", &top))
			return fprintf(stderr, "tcg-cache: size=, line=, ways= and top= with a number are what it takes, not '%s'\n", argv[i]), -1;
	sets = size / line / ways;
	if (!sets || line & (line - 1) || size % (line * ways))
		return fprintf(stderr, "tcg-cache: size is a multiple of line times ways, and line a power of two\n"), -1;
	line_bits = g_bit_nth_msf(line, -1);
	tags[DATA] = g_new0(uint64_t, sets * ways);
	tags[FETCH] = g_new0(uint64_t, sets * ways);
	functions = g_hash_table_new(NULL, NULL);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
