/* SPDX-License-Identifier: MIT */
/* The pages of memory that were read and written most.
 *
 * page=BYTES (4096), top=N (20), sort=reads, writes or address. Output needs -d plugin. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "the pages that were read and written most (page=, top=, sort=; -d plugin)";

struct Page {
	uint64_t number;
	uint64_t count[2];      /* reads, writes */
};

enum { RECENT = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *pages;       /* &Page.number -> struct Page */
static struct Page *recent[RECENT];
static guint64 page_size = 4096, top = 20;
static const char *sort = "";   /* by both */

/* Most accesses go to few pages: those are found without the hash table. Under the lock. */
static struct Page *page_of(uint64_t number)
{
	struct Page **guess = &recent[number % RECENT];

	if (*guess && (*guess)->number == number)
		return *guess;
	*guess = g_hash_table_lookup(pages, &number);
	if (!*guess) {
		*guess = g_new0(struct Page, 1);
		(*guess)->number = number;
		g_hash_table_insert(pages, &(*guess)->number, *guess);
	}
	return *guess;
}

static void accessed(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, vaddr);

	(void)vcpu, (void)data;
	if (hwaddr && qemu_plugin_hwaddr_is_io(hwaddr))
		return;
	pthread_mutex_lock(&lock);
	page_of((hwaddr ? qemu_plugin_hwaddr_phys_addr(hwaddr) : vaddr) / page_size)->count[qemu_plugin_mem_is_store(info)]++;
	pthread_mutex_unlock(&lock);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), accessed, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, NULL);
}

static uint64_t weight(const struct Page *page)
{
	return (strcmp(sort, "writes") ? page->count[0] : 0) + (strcmp(sort, "reads") ? page->count[1] : 0);
}

static gint in_order(gconstpointer a, gconstpointer b)
{
	const struct Page *x = a, *y = b;

	if (strcmp(sort, "address") && weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	GList *list = g_list_sort(g_hash_table_get_values(pages), in_order);
	unsigned shown = 0;
	char line[120];

	(void)id, (void)data;
	snprintf(line, sizeof line, "%u pages\n%-18s %15s %15s\n", g_list_length(list), "address", "reads", "writes");
	qemu_plugin_outs(line);
	for (GList *l = list; l && shown++ < top; l = l->next) {
		const struct Page *page = l->data;
		snprintf(line, sizeof line, "0x%016" PRIx64 " %15" PRIu64 " %15" PRIu64 "\n", page->number * page_size, page->count[0],
			 page->count[1]);
		qemu_plugin_outs(line);
	}
	g_list_free(list);
}

static bool number(const char *argument, const char *name, uint64_t least, guint64 *value)
{
	return g_str_has_prefix(argument, name) && g_ascii_string_to_unsigned(argument + strlen(name), 10, least, INT_MAX, value, NULL);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "sort=reads") || !strcmp(argv[i], "sort=writes") || !strcmp(argv[i], "sort=address")) {
			sort = argv[i] + 5;
		} else if (!number(argv[i], "page=", 1, &page_size) && !number(argv[i], "top=", 0, &top)) {
			fprintf(stderr, "tcg-hot-pages: page=BYTES, top=N, sort=reads, writes or address are what it takes, not '%s'\n", argv[i]);
			return -1;
		}
	}
	pages = g_hash_table_new(g_int64_hash, g_int64_equal);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
