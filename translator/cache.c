/* SPDX-License-Identifier: MIT */
/* The code cache: memory for translations, and how they are found, chained and forgotten.
 *
 * Blocks are found without a lock; everything that changes the cache holds the translation lock. Memory of a block stays
 * until the next full flush, for which all cpus are stopped, so a cpu may go on in a block that was invalidated behind it: to its end, or, as a region may have none,
 * to the next poll. */
#include "translator/translate.h"

#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "translator/block_table.h"
#include "translator/cpus.h"
#include "translator/kept.h"
#include "translator/perfmap.h"

enum {
	PAGE_BITS = 12,
	CODE_ALIGN = 4,                 /* hosts that want more align by themselves */
	SMALLEST_BLOCK = 32,            /* bytes of code on the average: room for block numbers */
	CODE_ROOM = 256 << 10,          /* bytes of code and of meta that any one translation fits in */
	STAYED_MAX = 32,                /* so that the list is short: then cpus leave what they write to */
	META_RATIO = 2,                 /* address space for meta, in sizes of the code cache */
	DEFAULT_SIZE = 128 << 20,
};

static struct {
	pthread_mutex_t lock;           /* the translation lock; recursive: a plugin may flush while its block is translated */
	uint8_t *code, *code_end, *code_next;   /* writable alias */
	ptrdiff_t exec_delta;
	bool executable;
	uint8_t *fork_copy;             /* between fork_prepare and fork_done: the code for the child, or NULL */
	uint8_t *meta, *meta_end, *meta_next;
	uint8_t *code_first;            /* first byte behind the host's common code */
	GHashTable *pages;              /* guest page number -> GArray of Place: its blocks */
	uint64_t recent_page;           /* the page last looked for, and what PAGES has of it */
	GArray *recent_blocks;
	GPtrArray *stayed;              /* forgotten regions that the cpu may have stayed in that wrote to their pages */
	Place *order;                   /* blocks by rising code address */
	atomic_uint norder;
	unsigned order_cap;
	struct CacheStatistics statistics;
	_Atomic uint64_t generation;    /* counts the times all blocks were forgotten */
	uint64_t changes;               /* counts the times some may have been by what the guest or a plugin did */
} cache;

uint8_t *cache_places;

static struct ExitSite *site_at(Place place) { return at_place(place); }

/* -- memory ----------------------------------------------------------------------------------------------------- */

/* Shared anonymous memory, which can be mapped twice, and which perf takes for what it is: code that no file describes. */
static uint8_t *new_code_memory(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* Maps the SIZE bytes at CODE a second time, executable: at EXEC, or where the kernel likes if it is NULL. That is near the libraries, plugins among
 * them: their callbacks are then within reach of a direct call. */
static uint8_t *map_executable(uint8_t *code, size_t size, uint8_t *exec)
{
	/* an old size of 0 doubles the mapping */
	exec = mremap(code, 0, size, MREMAP_MAYMOVE | (exec ? MREMAP_FIXED : 0), exec);
	if (exec != MAP_FAILED && mprotect(exec, size, PROT_READ | PROT_EXEC) != 0)
		return MAP_FAILED;
	return exec;
}

static bool map_code(size_t size, bool executable)
{
	cache.executable = executable;
	if (!executable) {
		cache.code = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		return cache.code != MAP_FAILED;
	}
	cache.code = new_code_memory(size);
	if (cache.code == MAP_FAILED)
		return false;
	uint8_t *exec = map_executable(cache.code, size, NULL);
	cache.exec_delta = exec - cache.code;
	return exec != MAP_FAILED;
}

static void init_lock(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&cache.lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* Room for SIZE bytes of metadata, or MAP_FAILED. A small program's is in small pages, and what comes behind in huge ones where the kernel gives them to who asks: there are
 * fewer faults, and blocks are looked up all over it. */
static void *map_meta(size_t size)
{
	enum { SMALL = 512 << 10, HUGE = 2 << 20 };
	uint8_t *room = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return room;
	uint8_t *huge = (uint8_t *)(((uintptr_t)room + SMALL + HUGE - 1) & -(uintptr_t)HUGE);
	madvise(huge, size - SMALL, MADV_HUGEPAGE);       /* it does without if need be */
	return huge - SMALL;
}

bool cache_init(size_t size, bool executable, char **error)
{
	init_lock();
	if (!size)
		size = DEFAULT_SIZE;
	size = MIN(MAX(size, (size_t)4 * CODE_ROOM), ((size_t)UINT32_MAX + 1) * PLACE_UNIT / META_RATIO) & ~(size_t)4095;
	cache.meta = map_meta(size * META_RATIO);
	if (cache.meta == MAP_FAILED || !map_code(size, executable)) {
		*error = g_strdup_printf("cannot map a code cache of %zu MiB: %s", size >> 20, g_strerror(errno));
		return false;
	}
	cache.code_next = cache.code;
	cache.code_end = cache.code + size;
	cache.meta_next = cache.meta + PLACE_FIRST * PLACE_UNIT;
	cache.meta_end = cache.meta + size * META_RATIO;
	cache_places = cache.meta;
	block_table_init();
	cache.stayed = g_ptr_array_new();
	cache.pages = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
	cache.order_cap = size / SMALLEST_BLOCK;
	cache.order = mmap(NULL, cache.order_cap * sizeof *cache.order, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	g_assert(cache.order != MAP_FAILED);
	return true;
}

void cache_lock(void)
{
	pthread_mutex_lock(&cache.lock);
}

void cache_unlock(void)
{
	pthread_mutex_unlock(&cache.lock);
}

uint64_t cache_generation(void)
{
	return cache.generation;
}

uint64_t cache_changes(void)
{
	return cache.changes;
}

bool cache_reserve(struct CodeBuffer *buf)
{
	*buf = (struct CodeBuffer){
		.start = cache.code_next, .end = cache.code_end, .exec_delta = cache.exec_delta,
		.meta = cache.meta_next, .meta_end = cache.meta_end,
	};
	return buf->end - buf->start >= CODE_ROOM && buf->meta_end - buf->meta >= CODE_ROOM &&
	       cache.norder < cache.order_cap;
}

static uint8_t *align_up(uint8_t *p, unsigned align)
{
	return (uint8_t *)(((uintptr_t)p + align - 1) & -(uintptr_t)align);
}

void cache_commit_common(const struct CodeBuffer *buf)
{
	cache.code_next = cache.code_first = align_up(buf->start, 64);
}

struct Block *cache_new_block(struct CodeBuffer *buf)
{
	struct Block *block = (struct Block *)buf->meta;

	buf->meta = (uint8_t *)(block + 1);
	return memset(block, 0, sizeof *block);
}

/* -- lists of blocks by guest page, forgotten ones included --------------------------------------------------------- */

static gpointer page_key(uint64_t page)
{
	return (gpointer)(uintptr_t)(page + 1);
}

/* The list of PAGE, or NULL. Most blocks are of the page of the one before. */
static GArray *blocks_of(uint64_t page)
{
	if (!cache.recent_blocks || cache.recent_page != page) {
		cache.recent_page = page;
		cache.recent_blocks = g_hash_table_lookup(cache.pages, page_key(page));
	}
	return cache.recent_blocks;
}

static struct Block *listed(const GArray *list, unsigned i)
{
	return block_at(g_array_index(list, Place, i));
}

static void page_add(const struct Block *block, uint64_t page)
{
	GArray *list = blocks_of(page);
	Place place = place_of(block);

	if (!list) {
		list = g_array_new(FALSE, FALSE, sizeof(Place));
		g_hash_table_insert(cache.pages, page_key(page), list);
	}
	g_array_append_val(list, place);
}

static void page_remove(const struct Block *block, uint64_t page)
{
	GArray *list = blocks_of(page);
	unsigned i = 0;

	while (listed(list, i) != block)
		i++;
	g_array_remove_index_fast(list, i);
}

/* Takes BLOCK out of the lists of its pages other than EXCEPT. */
static void unlist(const struct Block *block, uint64_t except)
{
	uint64_t pages[BLOCK_PAGES];

	for (unsigned i = kept_pages(block, pages); i-- > 0;)
		if (pages[i] != except)
			page_remove(block, pages[i]);
}

bool cache_had(uint64_t pc, uint32_t key)
{
	const GArray *list = blocks_of(pc >> PAGE_BITS);

	for (unsigned i = 0; list && i < list->len; i++)
		if (listed(list, i)->pc == pc && listed(list, i)->key == key)
			return true;
	return false;
}

bool cache_knows_page(uint64_t page)
{
	return blocks_of(page >> PAGE_BITS) != NULL;
}

/* -- finding ---------------------------------------------------------------------------------------------------- */

struct Block *cache_find(uint64_t pc, uint32_t key)
{
	return block_table_find(pc, key);
}

bool cache_has_code(const void *host_pc)
{
	const uint8_t *p = (const uint8_t *)host_pc - cache.exec_delta;

	return cache.code && p >= cache.code && p < cache.code_end;
}

struct Block *cache_find_code(const void *host_pc)
{
	const uint8_t *p = host_pc;
	unsigned low = 0, high = atomic_load_explicit(&cache.norder, memory_order_acquire);

	if (!cache_has_code(host_pc))
		return NULL;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (block_at(cache.order[middle])->code <= p)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	struct Block *block = block_at(cache.order[low - 1]);
	/* a return address may lie just behind the last call of a block */
	return p <= block->code + block->code_size ? block : NULL;
}

/* Makes BLOCK one that is found. */
static void enter(struct Block *block)
{
	uint64_t pages[BLOCK_PAGES];

	for (unsigned i = kept_pages(block, pages); i-- > 0;)
		page_add(block, pages[i]);
	__atomic_store_n(&block->valid, true, __ATOMIC_RELEASE);
	block_table_add(block);
}

void cache_commit(struct CodeBuffer *buf, struct Block *block)
{
	uint8_t *code_next = align_up(buf->start, CODE_ALIGN), *meta_next = align_up(buf->meta, PLACE_UNIT);

	cache.statistics.blocks++;
	cache.statistics.regions += block->region;
	cache.statistics.guest_bytes += block->guest_size;
	cache.statistics.guest_insns += block->ninsns;
	cache.statistics.host_bytes += code_next - cache.code_next;
	cache.statistics.meta_bytes += meta_next - cache.meta_next;
	cache.code_next = code_next;
	cache.meta_next = meta_next;
	cache.order[cache.norder] = place_of(block);
	atomic_store_explicit(&cache.norder, cache.norder + 1, memory_order_release);
	enter(block);
	if (perfmap_active())
		perfmap_add(block);
}

void cache_revive(struct Block *block)
{
	g_ptr_array_remove_fast(cache.stayed, block);
	enter(block);
	cache.statistics.revivals++;
}

/* -- chaining --------------------------------------------------------------------------------------------------- */

/* Takes SITE out of the list of its target. */
static void unlink_site(struct ExitSite *site)
{
	Place *link = &block_at(site->target)->incoming, place = place_of(site);

	while (*link != place)
		link = &site_at(*link)->next;
	*link = site->next;
	site->target = 0;
}

void cache_chain(struct ExitSite *site, struct Block *target)
{
	cache_lock();
	assert(site->pc == target->pc);
	if (exit_block(site)->valid && target->valid && block_at(site->target) != target) {
		if (site->target)
			unlink_site(site);
		site->target = place_of(target);
		site->next = target->incoming;
		target->incoming = place_of(site);
		host->chain(site, target);
		cache.statistics.chains++;
	}
	cache_unlock();
}

static void unchain_incoming(struct Block *block)
{
	for (struct ExitSite *site = site_at(block->incoming), *next; site; site = next) {
		next = site_at(site->next);
		host->chain(site, NULL);
		site->target = site->next = 0;
	}
	block->incoming = 0;
}

static void forget_jump(struct Cpu *cpu, const struct Block *block)
{
	unsigned index = jump_index(block->pc, cpu->guest->insn_align);
	struct Jump *jump = &cpu->jumps->entry[index];

	if (__atomic_load_n(&jump->code, __ATOMIC_RELAXED) == block->code)
		__atomic_store_n(&jump->tag, jump_none(index), __ATOMIC_SEQ_CST);
}

/* CPU enters BLOCK no more, and does not stay in it: a region may go round for ever. This thread's may stay: it leaves when it looks for what it has written, or somebody else
 * changes the code. */
static void keep_out(struct Cpu *cpu, void *data)
{
	const struct Block *block = data;

	forget_jump(cpu, block);
	/* who begins to run after this look does not find the block */
	if (!block->region || block->lingers || !__atomic_load_n(&cpu->running, __ATOMIC_SEQ_CST))
		return;
	if (cpu == cpu_current() && g_ptr_array_find(cache.stayed, block, NULL))
		return;
	if (cpu == cpu_current() && cache.stayed->len < STAYED_MAX)
		g_ptr_array_add(cache.stayed, (void *)block);
	else
		cpu_interrupt(cpu);
}

/* The block stays in the lists of its pages. Kept ones do not: they are listed again when they come back. */
void cache_forget(struct Block *block)
{
	if (!block->valid)
		return;
	__atomic_store_n(&block->valid, false, __ATOMIC_SEQ_CST);
	block_table_remove(block);
	unchain_incoming(block);
	atomic_thread_fence(memory_order_seq_cst);
	cpu_for_each(keep_out, block);
	cache.statistics.invalidations++;
}

void cache_forget_entry(struct Block *block)
{
	block->lingers = block->valid;
	cache_forget(block);
}

/* The code of BLOCK, which is not valid, has changed. */
static void drive_out(struct Block *block)
{
	if (!block->lingers)
		return;
	block->lingers = false;
	cpu_for_each(keep_out, block);
}

void cache_forget_containing(uint64_t addr)
{
	const GArray *list = blocks_of(addr >> PAGE_BITS);

	for (unsigned i = 0; list && i < list->len; i++) {
		struct Block *block = listed(list, i);
		if (!block->region && addr - block->pc < block->guest_size)
			cache_forget(block);
	}
}

/* -- forgetting by address ------------------------------------------------------------------------------------------- */

/* Forgets the blocks of a page, which leaves cache.pages. */
static void forget_page(uint64_t page)
{
	const GArray *list = blocks_of(page);

	for (unsigned i = 0; i < list->len; i++) {
		struct Block *block = listed(list, i);
		if (!block->valid) {
			drive_out(block);
			continue;
		}
		cache_forget(block);
		unlist(block, page);
		kept_add(block);
	}
	cache.recent_blocks = NULL;
	g_hash_table_remove(cache.pages, page_key(page));
	translator.env->code_dropped(page << PAGE_BITS);
}

static bool is_in_pages(const struct Block *block, uint64_t first, uint64_t last)
{
	uint64_t pages[BLOCK_PAGES];

	for (unsigned i = kept_pages(block, pages); i-- > 0;)
		if (pages[i] >= first && pages[i] <= last)
			return true;
	return false;
}

/* Makes cpus leave forgotten regions of pages FIRST to LAST that they have stayed in; if REFRESH, those whose code differs. */
static void drive_out_stayed(uint64_t first, uint64_t last, bool refresh)
{
	bool inside = cpu_current() && cpu_current()->running;

	for (unsigned i = cache.stayed->len; i-- > 0;) {
		struct Block *block = g_ptr_array_index(cache.stayed, i);
		if (!is_in_pages(block, first, last) || (refresh && kept_matches(block)))
			continue;
		cpu_for_each(keep_out, block);
		/* it may be this cpu that stays there */
		if (!inside)
			g_ptr_array_remove_index_fast(cache.stayed, i);
	}
}

/* The pages of [FIRST, LAST] that hold code, by looking at all that do. Ends with page ~0. */
static GArray *pages_in_range(uint64_t first, uint64_t last)
{
	GArray *found = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	GHashTableIter iter;
	gpointer key;

	g_hash_table_iter_init(&iter, cache.pages);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		uint64_t page = (uintptr_t)key - 1;
		if (page >= first && page <= last)
			g_array_append_val(found, page);
	}
	return found;
}

void cache_invalidate(uint64_t addr, uint64_t len)
{
	if (!len || !cache.pages)
		return;
	uint64_t first = addr >> PAGE_BITS, last = (addr + len - 1) >> PAGE_BITS;

	cache_lock();
	cache.changes++;
	drive_out_stayed(first, last, false);
	if (last - first < 64) {
		for (uint64_t page = first; page <= last; page++)
			if (blocks_of(page))
				forget_page(page);
	} else {
		GArray *pages = pages_in_range(first, last);
		for (unsigned i = 0; i < pages->len; i++)
			forget_page(g_array_index(pages, uint64_t, i));
		g_array_free(pages, TRUE);
	}
	cache_unlock();
}

/* BLOCK stays if it is what would be translated now. */
static void refresh(struct Block *block)
{
	if ((block->valid || block->lingers) && !kept_matches(block)) {
		if (!block->valid) {
			drive_out(block);
			return;
		}
		cache_forget(block);
		unlist(block, UINT64_MAX);
		kept_add(block);
	}
}

void cache_refresh(uint64_t addr, uint64_t len)
{
	uint64_t first = addr >> PAGE_BITS, last = (addr + (len - 1)) >> PAGE_BITS;

	if (!len || !cache.pages)
		return;
	cache_lock();
	drive_out_stayed(first, last, true);
	if (last - first < 64) {
		for (uint64_t page = first; page <= last; page++) {
			/* backwards, because what goes has its place taken by the last one */
			const GArray *list = blocks_of(page);
			for (unsigned i = list ? list->len : 0; i-- > 0;)
				refresh(listed(list, i));
		}
	} else {
		for (unsigned i = 0, n = cache.norder; i < n; i++)
			refresh(block_at(cache.order[i]));
	}
	cache_unlock();
}

static void flush_event(void *data)
{
	(void)data;
	/* nobody runs translated code, but somebody may be making some */
	cache_lock();
	bool half_full = cache.code_next - cache.code > (cache.code_end - cache.code) / 2;
	cache_unlock();
	if (half_full)
		cache_flush_all();
	else
		instrument_flush();
}

void cache_flush(void)
{
	cache_lock();
	GArray *pages = pages_in_range(0, UINT64_MAX);
	for (unsigned i = 0; i < pages->len; i++)
		forget_page(g_array_index(pages, uint64_t, i));
	g_array_free(pages, TRUE);
	g_ptr_array_set_size(cache.stayed, 0);  /* all leave for what comes below */
	kept_clear();
	cache.generation++;
	cache.changes++;
	cache_unlock();
	cpu_exclusive_later(flush_event, NULL);
}

static void forget_cpu(struct Cpu *cpu, void *data)
{
	(void)data;
	for (unsigned i = 0; i < JUMPS_COUNT; i++)
		cpu->jumps->entry[i].tag = jump_none(i);
	__atomic_store_n(&cpu->leave_site, NULL, __ATOMIC_RELAXED);
}

void cache_flush_all(void)
{
	GHashTableIter iter;
	gpointer key;

	cache_lock();
	g_hash_table_iter_init(&iter, cache.pages);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		translator.env->code_dropped(((uintptr_t)key - 1) << PAGE_BITS);
	cache.recent_blocks = NULL;
	g_hash_table_remove_all(cache.pages);
	g_ptr_array_set_size(cache.stayed, 0);
	kept_clear();
	block_table_clear();
	atomic_store(&cache.norder, 0);
	cache.code_next = cache.code_first;
	cache.meta_next = cache.meta + PLACE_FIRST * PLACE_UNIT;
	cpu_for_each(forget_cpu, NULL);
	if (host->flushed)
		host->flushed();
	cache.statistics.flushes++;
	cache.generation++;
	cache_unlock();
	instrument_flush();
}

uint64_t cache_translated(void) { return cache.statistics.blocks; }

void cache_statistics(struct CacheStatistics *statistics)
{
	cache_lock();
	*statistics = cache.statistics;
	statistics->code_bytes = cache.code_end - cache.code;
	statistics->code_used = cache.code_next - cache.code;
	statistics->meta_used = cache.meta_next - cache.meta;
	cache_unlock();
}

/* The two aliases are shared mappings, so a forked child must get memory of its own. It is filled before the fork: afterwards
 * the parent would change code while the child copies it. */
static uint8_t *copy_code(void)
{
	uint8_t *copy = new_code_memory(cache.code_end - cache.code);

	return copy == MAP_FAILED ? NULL : memcpy(copy, cache.code, cache.code_next - cache.code);
}

static void adopt_code(uint8_t *copy)
{
	size_t size = cache.code_end - cache.code;

	if (!copy || mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, cache.code) == MAP_FAILED ||
	    map_executable(cache.code, size, cache.code + cache.exec_delta) == MAP_FAILED) {
		report("no memory for the code cache of a forked process");
		_exit(1);
	}
}

void translator_fork_prepare(void)
{
	cpus_fork_prepare();
	cache_lock();
	cpus_fork_prepare_list();
	if (cache.executable)
		cache.fork_copy = copy_code();
}

void translator_fork_done(bool child)
{
	if (cache.executable) {
		if (child)
			adopt_code(cache.fork_copy);
		else if (cache.fork_copy)
			munmap(cache.fork_copy, cache.code_end - cache.code);
	}
	cpus_fork_done(child);
	if (child && perfmap_active()) {
		perfmap_open();
		for (unsigned i = 0; i < cache.norder && perfmap_active(); i++)
			perfmap_add(block_at(cache.order[i]));
	}
	cache_unlock();
	/* a recursive lock knows its owner, which in the child has another number, and refuses */
	if (child)
		init_lock();
}
