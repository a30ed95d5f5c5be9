/* SPDX-License-Identifier: MIT */
/* Pages that hold translated code: finding out when they change, and access to guest memory for the translator and plugins. */
#include "target/linux/mm_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "target/guest.h"
#include "translator/translator.h"

/* Two bits for each guest page, in chunks of 1 GiB of address space made when the first code appears there. CODE: the translator has
 * blocks from it. GUARDED: the guest may write but the host may not; outlives CODE until somebody writes. GUARDED pages lie in
 * mappings with PROT_WRITE and PROT_EXEC. All under mm_lock. */
enum { CHUNK_SHIFT = 30, CHUNK_PAGES = 1 << (CHUNK_SHIFT - 12), CHUNKS = 1 << (47 - CHUNK_SHIFT) };
_Static_assert(MM_PAGE == 1 << 12, "chunks count pages of 4 KiB");

struct Chunk {
	uint64_t code[CHUNK_PAGES / 64];
	uint64_t guarded[CHUNK_PAGES / 64];
};
static struct Chunk *chunks[CHUNKS];
static atomic_size_t guarded_count;

static struct Chunk *chunk_of(uint64_t addr)
{
	uint64_t index = addr >> CHUNK_SHIFT;
	return index < CHUNKS ? chunks[index] : NULL;
}

/* Returns what it was. */
static bool bit_set(uint64_t *bits, uint64_t addr, bool value)
{
	unsigned page = (addr >> 12) % CHUNK_PAGES;
	uint64_t mask = 1ull << (page % 64);
	bool old = bits[page / 64] & mask;
	if (value)
		bits[page / 64] |= mask;
	else
		bits[page / 64] &= ~mask;
	return old;
}

bool mm_forget_code(uint64_t start, uint64_t end)
{
	bool code = false;
	for (uint64_t page = page_down(start); page < end;) {
		struct Chunk *chunk = chunk_of(page);
		uint64_t chunk_end = ((page >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;
		uint64_t stop = end < chunk_end ? end : chunk_end;
		if (!chunk) {
			page = stop;
			continue;
		}
		while (page < stop) {
			unsigned word = (page >> 12) % CHUNK_PAGES / 64;
			if (!(page & (64 * MM_PAGE - 1)) && stop - page >= 64 * MM_PAGE && !chunk->code[word] && !chunk->guarded[word]) {
				page += 64 * MM_PAGE;
				continue;
			}
			if (bit_set(chunk->code, page, false))
				code = true;
			if (bit_set(chunk->guarded, page, false))
				guarded_count--;
			page += MM_PAGE;
		}
	}
	return code;
}

/* Under the lock: gives the host's write right back to the guarded pages of the range; true if there was one. *CODE: one of them held code. */
static bool unguard(uint64_t start, uint64_t end, bool *code)
{
	bool any = false;
	for (uint64_t page = page_down(start); page < end;) {
		struct Chunk *chunk = chunk_of(page);
		if (!chunk) {
			page = ((page >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;
			continue;
		}
		if (bit_set(chunk->guarded, page, false)) {
			guarded_count--;
			any = true;
			if (bit_set(chunk->code, page, false))
				*code = true;
			struct Mapping *mapping = mm_find(page);
			if (mapping)
				mprotect((void *)page, MM_PAGE, mm_host_prot(mapping->prot));
		}
		page += MM_PAGE;
	}
	return any;
}

bool mm_unprotect(uint64_t addr, size_t len)
{
	if (!atomic_load_explicit(&guarded_count, memory_order_relaxed) || !len)
		return false;
	bool code = false;
	uint64_t end = addr + len < addr ? mm_layout.end : addr + len;
	if (end > (uint64_t)CHUNKS << CHUNK_SHIFT)
		end = (uint64_t)CHUNKS << CHUNK_SHIFT;
	pthread_mutex_lock(&mm_lock);
	bool any = unguard(addr, end, &code);
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(page_down(addr), page_up(end) - page_down(addr));
	return any;
}

bool mm_unprotect_all(void)
{
	if (!atomic_load_explicit(&guarded_count, memory_order_relaxed))
		return false;
	bool any = false;
	struct Range { uint64_t start, end; } *changed = NULL;
	unsigned count = 0;
	pthread_mutex_lock(&mm_lock);
	struct Mapping *mapping;
	for (unsigned i = 0; (mapping = mm_mapping(i)); i++) {
		bool code = false;
		if (!(mapping->prot & PROT_WRITE) || !(mapping->prot & PROT_EXEC))
			continue;
		if (unguard(mapping->start, mapping->end, &code))
			any = true;
		if (code) {
			struct Range *more = realloc(changed, (count + 1) * sizeof(*more));
			if (!more)
				abort();
			changed = more;
			changed[count++] = (struct Range){ mapping->start, mapping->end };
		}
	}
	pthread_mutex_unlock(&mm_lock);
	for (unsigned i = 0; i < count; i++)
		cache_invalidate(changed[i].start, changed[i].end - changed[i].start);
	free(changed);
	return any;
}

/* -- struct Environment -------------------------------------------------------------------------------------------- */

size_t mm_fetch(uint64_t addr, void *buf, size_t len)
{
	size_t room = 0;
	pthread_mutex_lock(&mm_lock);
	while (room < len) {
		struct Mapping *mapping = mm_find(addr + room);
		if (!mapping || !(mapping->prot & PROT_EXEC))
			break;
		uint64_t rest = mapping->end - (addr + room);
		room = rest < len - room ? room + rest : len;
	}
	pthread_mutex_unlock(&mm_lock);
	/* mapped memory may still have no file behind it: then as much as whole pages give */
	if (room && guest_read(buf, addr, room))
		return room;
	size_t done = 0;
	while (done < room) {
		size_t step = page_down(addr + done) + MM_PAGE - (addr + done);
		if (step > room - done)
			step = room - done;
		if (!guest_read((char *)buf + done, addr + done, step))
			break;
		done += step;
	}
	return done;
}

void mm_code_made(uint64_t addr)
{
	uint64_t page = page_down(addr), index = page >> CHUNK_SHIFT;
	if (index >= CHUNKS)
		return;
	pthread_mutex_lock(&mm_lock);
	if (!chunks[index]) {
		void *chunk = mmap(NULL, sizeof(struct Chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (chunk == MAP_FAILED)
			abort();
		chunks[index] = chunk;
	}
	bit_set(chunks[index]->code, page, true);
	struct Mapping *mapping = mm_find(page);
	if (mapping && mapping->prot & PROT_WRITE && !bit_set(chunks[index]->guarded, page, true)) {
		guarded_count++;
		mprotect((void *)page, MM_PAGE, mm_host_prot(mapping->prot) & ~PROT_WRITE);
	}
	pthread_mutex_unlock(&mm_lock);
}

void mm_code_dropped(uint64_t addr)
{
	pthread_mutex_lock(&mm_lock);
	struct Chunk *chunk = chunk_of(addr);
	if (chunk)
		bit_set(chunk->code, addr, false);
	pthread_mutex_unlock(&mm_lock);
}

/* How often in a row one thread may fault on one writable page without a reason we see, before we take it for a real fault: another thread may
 * just have made the page writable. */
enum { SPURIOUS_MAX = 16 };

bool mm_code_written(struct Cpu *cpu, uint64_t addr)
{
	static _Thread_local uint64_t last;
	static _Thread_local unsigned repeated;
	bool code = false, known = false, writable = false;
	(void)cpu;

	pthread_mutex_lock(&mm_lock);
	struct Mapping *mapping = mm_find(addr);
	if (mapping && mapping->prot & PROT_WRITE) {
		writable = true;
		known = unguard(page_down(addr), page_down(addr) + MM_PAGE, &code);
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(page_down(addr), MM_PAGE);
	repeated = known || page_down(addr) != last ? 0 : repeated + 1;
	last = page_down(addr);
	return known || (writable && repeated < SPURIOUS_MAX);
}

/* Copies through /proc/self/mem, which asks for no rights. */
static bool force_copy(uint64_t addr, void *buf, size_t len, bool write)
{
	int fd = open("/proc/self/mem", (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t done = 0;
	while (done < len) {
		ssize_t n = write ? pwrite(fd, (char *)buf + done, len - done, addr + done) : pread(fd, (char *)buf + done, len - done, addr + done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += n;
	}
	close(fd);
	return done == len;
}

/* Whether all of the range has RIGHTS for the guest; *OWNED: whether it is mapped at all. */
static bool range_has(uint64_t addr, size_t len, int rights, bool *owned)
{
	bool has = true;
	uint64_t end = addr + len;
	*owned = end >= addr;
	pthread_mutex_lock(&mm_lock);
	for (uint64_t at = addr; at < end;) {
		struct Mapping *mapping = mm_find(at);
		if (!mapping) {
			*owned = false;
			break;
		}
		if ((mm_host_prot(mapping->prot) & rights) != rights)
			has = false;
		at = mapping->end;
	}
	pthread_mutex_unlock(&mm_lock);
	return has && *owned;
}

bool mm_owns(uint64_t addr, uint64_t len)
{
	bool owned;
	range_has(addr, len, 0, &owned);
	return owned;
}

bool mm_read_memory(struct Cpu *cpu, uint64_t addr, void *buf, size_t len)
{
	bool owned;
	(void)cpu;
	if (range_has(addr, len, PROT_READ, &owned))
		return guest_read(buf, addr, len);
	return owned && force_copy(addr, buf, len, false);
}

/* This thread's cpu may be in what has been invalidated, and nothing in the guest's code says that it is to look for something new. */
static void leave_changed_code(void)
{
	if (cpu_current())
		cpu_interrupt(cpu_current());
}

bool mm_write_memory(struct Cpu *cpu, uint64_t addr, const void *buf, size_t len)
{
	bool owned;
	(void)cpu;
	if (!len)
		return true;
	if (range_has(addr, len, PROT_WRITE, &owned)) {
		if (mm_unprotect(addr, len))
			leave_changed_code();
		return guest_write(addr, buf, len);
	}
	if (!owned || !force_copy(addr, (void *)buf, len, true))
		return false;
	cache_invalidate(addr, len);
	leave_changed_code();
	return true;
}
