/* SPDX-License-Identifier: MIT */
/* The guest's mappings: mmap, munmap, mprotect, mremap, brk and shared memory, in a sorted table beside the host's page tables. */
#include "target/linux/mm_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/linux/syscalls.h"
#include "target/linux/task.h"
#include "translator/translator.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

pthread_mutex_t mm_lock = PTHREAD_MUTEX_INITIALIZER;
struct MmLayout mm_layout;

/* All mappings, ascending, without overlap. Under mm_lock. */
static struct Mapping *maps;
static unsigned nmaps, room;

static const char shared_memory[] = "/SYSV";    /* label of what shmat() made: shmdt() takes it away as one piece */

static uint64_t brk_start, brk_end;     /* brk_end is exact, its page is mapped */

static const uint64_t task_size = 1ull << 38, lowest_pick = 0x10000, grow_gap = 256 * MM_PAGE;

/* -- the table ------------------------------------------------------------------------------------------------------ */

/* Index of the first mapping that ends above ADDR. */
static unsigned index_of(uint64_t addr)
{
	unsigned low = 0, high = nmaps;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (maps[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct Mapping *mm_find(uint64_t addr)
{
	unsigned index = index_of(addr);
	return index < nmaps && maps[index].start <= addr ? &maps[index] : NULL;
}

struct Mapping *mm_mapping(unsigned index)
{
	return index < nmaps ? &maps[index] : NULL;
}

static struct MmFile *file_hold(struct MmFile *file)
{
	if (file)
		file->references++;
	return file;
}

static void file_drop(struct MmFile *file)
{
	if (file && !--file->references)
		free(file);
}

/* The file that FD stands for, or NULL. */
static struct MmFile *file_of(int fd)
{
	char link[32], path[4096];
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		length = 0;
	path[length] = 0;
	struct MmFile *file = malloc(sizeof(*file) + length + 1);
	if (!file)
		abort();
	*file = (struct MmFile){ .references = 1, .dev = st.st_dev, .ino = st.st_ino };
	memcpy(file->path, path, length + 1);
	return file;
}

static bool same_file(const struct MmFile *a, const struct MmFile *b)
{
	return a == b || (a && b && a->dev == b->dev && a->ino == b->ino && !strcmp(a->path, b->path));
}

/* Whether B can go on where A ends. */
static bool continues(const struct Mapping *a, const struct Mapping *b)
{
	return a->end == b->start && a->label != shared_memory && a->prot == b->prot && a->shared == b->shared && a->grows == b->grows && a->label == b->label && same_file(a->file, b->file) &&
	       (!a->file || a->offset + (a->end - a->start) == b->offset);
}

static void table_insert(unsigned index, const struct Mapping *mapping)
{
	if (nmaps == room) {
		room = room ? room * 2 : 64;
		maps = realloc(maps, room * sizeof(*maps));
		if (!maps)
			abort();
	}
	memmove(&maps[index + 1], &maps[index], (nmaps - index) * sizeof(*maps));
	maps[index] = *mapping;
	nmaps++;
}

static void table_remove(unsigned index, unsigned count)
{
	for (unsigned i = index; i < index + count; i++)
		file_drop(maps[i].file);
	memmove(&maps[index], &maps[index + count], (nmaps - index - count) * sizeof(*maps));
	nmaps -= count;
}

/* Makes ADDR a border between mappings if it lies inside one. */
static void split(uint64_t addr)
{
	struct Mapping *mapping = mm_find(addr);
	if (!mapping || mapping->start == addr)
		return;
	struct Mapping upper = *mapping;
	upper.start = addr;
	upper.offset += addr - mapping->start;
	file_hold(upper.file);
	mapping->end = addr;
	table_insert(mapping - maps + 1, &upper);
}

/* Joins neighbours from the mapping before START to the one behind END where they continue each other. */
static void join(uint64_t start, uint64_t end)
{
	unsigned index = index_of(start);
	if (index)
		index--;
	while (index + 1 < nmaps && maps[index].start <= end) {
		if (continues(&maps[index], &maps[index + 1])) {
			maps[index].end = maps[index + 1].end;
			table_remove(index + 1, 1);
		} else {
			index++;
		}
	}
}

static void table_cut(uint64_t start, uint64_t end)
{
	split(start);
	split(end);
	unsigned first = index_of(start), last = index_of(end - 1);
	if (last < nmaps && maps[last].start < end)
		last++;
	if (last > first)
		table_remove(first, last - first);
}

/* Puts a mapping in, in place of whatever was there; takes over its reference of the file. */
static void table_put(const struct Mapping *mapping)
{
	table_cut(mapping->start, mapping->end);
	table_insert(index_of(mapping->start), mapping);
	join(mapping->start, mapping->end);
}

static bool all_owned(uint64_t start, uint64_t end)
{
	for (unsigned i = index_of(start); start < end; i++) {
		if (i == nmaps || maps[i].start > start)
			return false;
		start = maps[i].end;
	}
	return true;
}

static bool none_owned(uint64_t start, uint64_t end)
{
	unsigned index = index_of(start);
	return index == nmaps || maps[index].start >= end;
}

/* Where the room that MAPPING leaves to others ends. */
static uint64_t low_end(const struct Mapping *mapping)
{
	return mapping->grows && mapping->start > grow_gap ? mapping->start - grow_gap : mapping->start;
}

/* The highest free range of LEN bytes below TOP with START % ALIGN == 0, or 0. */
static uint64_t find_room(uint64_t len, uint64_t align, uint64_t top)
{
	unsigned index = index_of(top - 1);
	if (index < nmaps && low_end(&maps[index]) < top)
		top = low_end(&maps[index]);
	for (;;) {
		uint64_t bottom = index ? maps[index - 1].end : mm_layout.base + lowest_pick;
		if (top >= bottom && top - bottom >= len) {
			uint64_t start = (top - len) & ~(align - 1);
			if (start >= bottom)
				return start;
		}
		if (!index)
			return 0;
		top = low_end(&maps[--index]);
	}
}

/* -- the host ------------------------------------------------------------------------------------------------------- */

static int64_t host_mmap(uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t offset)
{
	void *result = mmap((void *)addr, len, prot, flags, fd, offset);
	if (result == MAP_FAILED)
		return -errno;
	if (flags & MAP_FIXED_NOREPLACE && (uint64_t)result != addr) {
		munmap(result, len);            /* a kernel too old to know the flag */
		return -EEXIST;
	}
	return (int64_t)result;
}

/* Takes the parts of the range that are not the guest's for it, so that MAP_FIXED can hit nothing of ours: 0 or -ENOMEM, then nothing is changed. */
static int64_t reserve(uint64_t start, uint64_t end)
{
	uint64_t at = start;
	unsigned index = index_of(start);
	while (at < end) {
		if (index < nmaps && maps[index].start <= at) {
			at = maps[index++].end;
			continue;
		}
		uint64_t stop = index < nmaps && maps[index].start < end ? maps[index].start : end;
		int64_t result = host_mmap(at, stop - at, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
		if (result < 0) {
			for (uint64_t undo = start; undo < at;) {
				unsigned i = index_of(undo);
				if (i < nmaps && maps[i].start <= undo) {
					undo = maps[i].end;
					continue;
				}
				uint64_t undo_end = i < nmaps && maps[i].start < at ? maps[i].start : at;
				munmap((void *)undo, undo_end - undo);
				undo = undo_end;
			}
			return result == -EEXIST ? -ENOMEM : result;
		}
		at = stop;
	}
	return 0;
}

/* Gives back what reserve() took and nobody used. */
static void unreserve(uint64_t start, uint64_t end)
{
	unsigned index = index_of(start);
	while (start < end) {
		if (index < nmaps && maps[index].start <= start) {
			start = maps[index++].end;
			continue;
		}
		uint64_t stop = index < nmaps && maps[index].start < end ? maps[index].start : end;
		munmap((void *)start, stop - start);
		start = stop;
	}
}

/* Unmaps what the guest owns of the range, in the host and in the table. True if there was code. */
static bool drop_range(uint64_t start, uint64_t end)
{
	for (unsigned i = index_of(start); i < nmaps && maps[i].start < end; i++) {
		uint64_t low = maps[i].start > start ? maps[i].start : start, high = maps[i].end < end ? maps[i].end : end;
		munmap((void *)low, high - low);
	}
	table_cut(start, end);
	return mm_forget_code(start, end);
}

static bool window_free(uint64_t base)
{
	uint64_t start = base + (task_size >> 2), len = task_size - (task_size >> 2);
	int64_t result = host_mmap(start, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (result == -EEXIST)
		return false;
	if (result >= 0)
		munmap((void *)start, len);
	return true;
}

void mm_init(size_t stack_size)
{
	static const uint64_t bases[] = { 0, 1ull << 45, 3ull << 44, 1ull << 46, 0 };
	unsigned i = 0;
	while (i + 1 < sizeof(bases) / sizeof(bases[0]) && !window_free(bases[i]))
		i++;
	uint64_t gap = page_up(stack_size) + (1 << 20);         /* as the kernel: at least 128 MiB, at most five sixths of all */
	if (gap < 128 << 20)
		gap = 128 << 20;
	if (gap > task_size / 6 * 5)
		gap = task_size / 6 * 5;
	mm_layout = (struct MmLayout){
		.base = bases[i],
		.end = bases[i] + task_size,
		.mmap_top = bases[i] + page_down(task_size - gap),
		.pie_base = bases[i] + page_down(task_size / 3 * 2),
	};
}

/* -- mmap and its family -------------------------------------------------------------------------------------------- */

/* A range given by the guest: page-aligned start, LEN not 0 and rounded up without wrapping. */
static bool good_range(uint64_t addr, uint64_t len, uint64_t *end)
{
	*end = addr + page_up(len);
	return !(addr % MM_PAGE) && len && page_up(len) >= len && *end > addr;
}

int64_t mm_mmap(uint64_t addr, size_t len, int prot, int flags, int fd, uint64_t offset)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE), anonymous = flags & MAP_ANONYMOUS;
	int host_flags = flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_32BIT);
	prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
	if (!len || offset % MM_PAGE || (fixed && addr % MM_PAGE))
		return -EINVAL;
	uint64_t size = page_up(len);
	if (size < len || size > mm_layout.end - mm_layout.base)
		return -ENOMEM;
	struct MmFile *file = anonymous ? NULL : file_of(fd);
	int64_t result = -ENOMEM;
	bool code = false;

	pthread_mutex_lock(&mm_lock);
	if (fixed) {
		if (addr + size < addr || addr + size > mm_layout.end)
			goto out;
		if (none_owned(addr, addr + size)) {
			result = host_mmap(addr, size, mm_host_prot(prot), host_flags | MAP_FIXED_NOREPLACE, fd, offset);
			if (result == -EEXIST && !(flags & MAP_FIXED_NOREPLACE))
				result = -ENOMEM;
		} else if (flags & MAP_FIXED_NOREPLACE) {
			result = -EEXIST;
		} else if (!(result = reserve(addr, addr + size))) {
			result = host_mmap(addr, size, mm_host_prot(prot), host_flags | MAP_FIXED, fd, offset);
			if (result < 0)
				unreserve(addr, addr + size);
		}
	} else {
		/* huge pages want their own alignment: the kernel checks it by itself only where it chooses the address */
		uint64_t align = flags & MAP_HUGETLB ? 2 << 20 : MM_PAGE, wish = page_down(addr);
		if (!(wish >= mm_layout.base + lowest_pick && wish + size <= mm_layout.end && wish + size > wish && !(wish % align) &&
		      none_owned(wish, wish + size)))
			wish = find_room(size, align, mm_layout.mmap_top);
		result = -EEXIST;
		if (wish)
			result = host_mmap(wish, size, mm_host_prot(prot), host_flags | MAP_FIXED_NOREPLACE, fd, offset);
		for (uint64_t top = mm_layout.mmap_top; result == -EEXIST && top > (4ull << 30);) {
			/* something of ours is in the window: go down past it by big steps, in the end anywhere */
			top -= 4ull << 30;
			wish = find_room(size, align, top);
			if (!wish)
				break;
			result = host_mmap(wish, size, mm_host_prot(prot), host_flags | MAP_FIXED_NOREPLACE, fd, offset);
		}
		if (result == -EEXIST)
			result = host_mmap(0, size, mm_host_prot(prot), host_flags, fd, offset);
	}
	if (result >= 0) {
		uint64_t start = result;
		code = mm_forget_code(start, start + size);
		table_put(&(struct Mapping){ .start = start, .end = start + size, .offset = file ? offset : 0, .file = file_hold(file), .prot = prot,
					     .shared = (flags & MAP_TYPE) != MAP_PRIVATE, .grows = flags & MAP_GROWSDOWN });
	}
out:
	file_drop(file);
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(result, size);
	return result;
}

int64_t mm_munmap(uint64_t addr, size_t len)
{
	uint64_t end;
	if (!good_range(addr, len, &end))
		return -EINVAL;
	pthread_mutex_lock(&mm_lock);
	bool code = drop_range(addr, end);
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(addr, end - addr);
	return 0;
}

int64_t mm_mprotect(uint64_t addr, size_t len, int prot)
{
	uint64_t end;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */ | PROT_GROWSDOWN) || addr % MM_PAGE)
		return -EINVAL;
	if (!len)
		return 0;
	if (!good_range(addr, len, &end))
		return -ENOMEM;
	bool from_start = prot & PROT_GROWSDOWN;
	prot &= PROT_READ | PROT_WRITE | PROT_EXEC;
	int64_t result = 0;
	pthread_mutex_lock(&mm_lock);
	if (from_start) {
		struct Mapping *stack = mm_find(addr);
		if (!stack || !(stack->grows || (stack->label && !strcmp(stack->label, "[stack]")))) {
			pthread_mutex_unlock(&mm_lock);
			return stack ? -EINVAL : -ENOMEM;
		}
		addr = stack->start;
	}
	uint64_t at = addr;
	/* mapping by mapping, as the kernel: what precedes a hole or a refusal is changed */
	while (at < end) {
		struct Mapping *mapping = mm_find(at);
		if (!mapping) {
			result = -ENOMEM;
			break;
		}
		uint64_t stop = mapping->end < end ? mapping->end : end;
		if (mprotect((void *)at, stop - at, mm_host_prot(prot)) < 0) {
			result = -errno;
			break;
		}
		at = stop;
	}
	bool code = false;
	if (at > addr) {
		code = mm_forget_code(addr, at);
		split(addr);
		split(at);
		for (unsigned i = index_of(addr); i < nmaps && maps[i].start < at; i++)
			maps[i].prot = prot;
		join(addr, at);
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(addr, at - addr);
	return result;
}

/* Under the lock: where a moved or duplicated mapping of SIZE goes; reserved in the host. 0: no room. */
static uint64_t reserve_room(uint64_t size)
{
	uint64_t addr = find_room(size, MM_PAGE, mm_layout.mmap_top);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	int64_t result = addr ? host_mmap(addr, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0) : -EEXIST;
	if (result == -EEXIST)
		result = host_mmap(0, size, PROT_NONE, flags, -1, 0);
	return result < 0 ? 0 : result;
}

/* mremap with all arguments checked; under the lock. Fills in the range whose translations are void. */
static int64_t move(uint64_t old, uint64_t old_size, uint64_t new_size, int flags, uint64_t new_addr, uint64_t *void_start, uint64_t *void_end)
{
	struct Mapping *mapping = mm_find(old), moved;
	if (!mapping || mapping->end - old < old_size)
		return -EFAULT;
	moved = *mapping;
	moved.offset += old - moved.start;

	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && old_size) {
		if (new_size <= old_size) {
			if (new_size < old_size && drop_range(old + new_size, old + old_size)) {
				*void_start = old + new_size;
				*void_end = old + old_size;
			}
			return old;
		}
		/* grow in place if the pages behind are free for the guest and the host */
		if (mapping->end == old + old_size && old + new_size <= mm_layout.end && none_owned(old + old_size, old + new_size)) {
			mprotect((void *)old, old_size, mm_host_prot(moved.prot));
			if (mm_forget_code(old, old + old_size))
				*void_start = old, *void_end = old + old_size;
			if (mremap((void *)old, old_size, new_size, 0) != MAP_FAILED) {
				mapping->end = old + new_size;
				join(old, old + new_size);
				return old;
			}
		}
	}
	if (!(flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	if (flags & MREMAP_FIXED) {
		if (reserve(new_addr, new_addr + new_size) < 0)
			return -ENOMEM;
	} else {
		new_addr = reserve_room(new_size);
		if (!new_addr)
			return -ENOMEM;
	}
	if (old_size)
		mprotect((void *)old, old_size, mm_host_prot(moved.prot));      /* one piece again where code pages had been guarded */
	void *result = mremap((void *)old, old_size, new_size, MREMAP_MAYMOVE | MREMAP_FIXED | (flags & MREMAP_DONTUNMAP), (void *)new_addr);
	if (result == MAP_FAILED) {
		int error = errno;
		unreserve(new_addr, new_addr + new_size);
		return -error;
	}
	bool code = mm_forget_code(old, old + old_size);
	if (mm_forget_code(new_addr, new_addr + new_size) || code) {
		*void_start = old < new_addr ? old : new_addr;
		*void_end = old + old_size > new_addr + new_size ? old + old_size : new_addr + new_size;
	}
	moved.start = new_addr;
	moved.end = new_addr + new_size;
	file_hold(moved.file);
	if (old_size && !(flags & MREMAP_DONTUNMAP))
		table_cut(old, old + old_size);
	table_put(&moved);
	return new_addr;
}

int64_t mm_mremap(uint64_t old, size_t old_len, size_t new_len, int flags, uint64_t new_addr)
{
	uint64_t old_size = page_up(old_len), new_size = page_up(new_len), void_start = 0, void_end = 0;
	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || old % MM_PAGE || !new_size || new_size < new_len || old_size < old_len ||
	    (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) || (flags & MREMAP_DONTUNMAP && old_size != new_size))
		return -EINVAL;
	if (new_size > mm_layout.end - mm_layout.base || old + old_size < old)
		return -ENOMEM;
	if (flags & MREMAP_FIXED && (new_addr % MM_PAGE || new_addr + new_size < new_addr || new_addr + new_size > mm_layout.end ||
				     (new_addr < old + old_size && old < new_addr + new_size)))
		return -EINVAL;
	pthread_mutex_lock(&mm_lock);
	int64_t result = move(old, old_size, new_size, flags, new_addr, &void_start, &void_end);
	pthread_mutex_unlock(&mm_lock);
	if (void_end)
		cache_invalidate(void_start, void_end - void_start);
	return result;
}

int64_t mm_madvise(uint64_t addr, size_t len, int advice)
{
	uint64_t end;
	if (addr % MM_PAGE)
		return -EINVAL;
	if (!len)
		return 0;
	if (!good_range(addr, len, &end))
		return -EINVAL;
	bool discards = advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE || advice == 24 /* DONTNEED_LOCKED */ ||
			advice == MADV_GUARD_INSTALL;
	int64_t result = 0;
	bool code = false;
	pthread_mutex_lock(&mm_lock);
	if (!all_owned(addr, end))
		result = -ENOMEM;
	for (unsigned i = index_of(addr); i < nmaps && maps[i].start < end; i++) {
		uint64_t low = maps[i].start > addr ? maps[i].start : addr, high = maps[i].end < end ? maps[i].end : end;
		if (madvise((void *)low, high - low, advice) < 0) {
			result = -errno;
			break;
		}
		if (discards && maps[i].prot & PROT_EXEC) {
			mprotect((void *)low, high - low, mm_host_prot(maps[i].prot));
			code |= mm_forget_code(low, high);
		}
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(addr, end - addr);
	return result;
}

/* -- System V shared memory ------------------------------------------------------------------------------------------ */

int64_t mm_shmat(int id, uint64_t addr, int flags)
{
	struct shmid_ds ds;
	if (shmctl(id, IPC_STAT, &ds) < 0)
		return -errno;
	uint64_t size = page_up(ds.shm_segsz);
	bool code = false;
	if (flags & SHM_RND)
		addr = page_down(addr);
	if (addr % MM_PAGE || (!addr && flags & SHM_REMAP))
		return -EINVAL;
	pthread_mutex_lock(&mm_lock);
	int64_t result = -ENOMEM;
	bool ours = false;
	if (!addr) {
		addr = reserve_room(size);
		ours = addr;
	} else if (addr + size < addr || addr + size > mm_layout.end || (!(flags & SHM_REMAP) && !none_owned(addr, addr + size))) {
		result = -EINVAL;
		addr = 0;
	} else if ((result = reserve(addr, addr + size)) < 0) {
		addr = 0;
	} else {
		ours = true;
	}
	if (addr) {
		void *at = shmat(id, (void *)addr, (flags & (SHM_RDONLY)) | SHM_REMAP);
		result = at == (void *)-1 ? -errno : (int64_t)at;
		if (result < 0) {
			if (ours)
				unreserve(addr, addr + size);
		} else {
			int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
			code = mm_forget_code(addr, addr + size);
			table_put(&(struct Mapping){ .start = addr, .end = addr + size, .prot = prot, .shared = true, .label = shared_memory });
		}
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(addr, size);
	return result;
}

int64_t mm_shmdt(uint64_t addr)
{
	bool code = false;
	uint64_t end = 0;
	pthread_mutex_lock(&mm_lock);
	struct Mapping *mapping = mm_find(addr);
	int64_t result = -EINVAL;
	if (mapping && mapping->start == addr && mapping->label == shared_memory) {
		result = shmdt((void *)addr) < 0 ? -errno : 0;
		end = mapping->end;
		if (!result)
			code = drop_range(addr, end);
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(addr, end - addr);
	return result;
}

/* -- stacks that grow ------------------------------------------------------------------------------------------------ */

bool mm_grow(uint64_t addr)
{
	uint64_t limit = limit_of_stack();
	bool grown = false;

	pthread_mutex_lock(&mm_lock);
	unsigned index = index_of(addr);
	struct Mapping *mapping = index < nmaps && maps[index].grows ? &maps[index] : NULL;
	if (mapping && mapping->start <= addr) {
		grown = true;           /* by another thread, perhaps */
	} else if (mapping) {
		uint64_t start = page_down(addr), bottom = index && maps[index - 1].prot ? maps[index - 1].end + grow_gap : lowest_pick;
		grown = start >= bottom && mapping->end - start <= limit &&
			host_mmap(start, mapping->start - start, mm_host_prot(mapping->prot), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) >= 0;
		if (grown)
			mapping->start = start;
	}
	pthread_mutex_unlock(&mm_lock);
	return grown;
}

/* -- the heap -------------------------------------------------------------------------------------------------------- */

void mm_set_brk(uint64_t start)
{
	brk_start = brk_end = page_up(start);
}

int64_t mm_brk(uint64_t addr)
{
	bool code = false;
	pthread_mutex_lock(&mm_lock);
	uint64_t old_end = page_up(brk_end), new_end = page_up(addr), result = brk_end;
	if (addr >= brk_start && addr < mm_layout.end) {
		if (new_end <= old_end) {
			if (new_end < old_end)
				code = drop_range(new_end, old_end);
			result = brk_end = addr;
		} else if (none_owned(old_end, new_end) &&
			   host_mmap(old_end, new_end - old_end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) >= 0) {
			table_put(&(struct Mapping){ .start = old_end, .end = new_end, .prot = PROT_READ | PROT_WRITE, .label = "[heap]" });
			result = brk_end = addr;
		}
	}
	pthread_mutex_unlock(&mm_lock);
	if (code)
		cache_invalidate(new_end, old_end - new_end);
	return result;
}

/* -- questions ------------------------------------------------------------------------------------------------------- */

int mm_prot(uint64_t addr)
{
	pthread_mutex_lock(&mm_lock);
	struct Mapping *mapping = mm_find(addr);
	int prot = mapping ? mapping->prot : -1;
	pthread_mutex_unlock(&mm_lock);
	return prot;
}

void mm_label(uint64_t addr, const char *label)
{
	pthread_mutex_lock(&mm_lock);
	struct Mapping *mapping = mm_find(addr);
	if (mapping)
		mapping->label = label;
	pthread_mutex_unlock(&mm_lock);
}

void mm_for_each(void (*fn)(const struct MmRange *range, void *data), void *data)
{
	pthread_mutex_lock(&mm_lock);
	unsigned count = nmaps;
	struct Mapping *copy = malloc((count + 1) * sizeof(*copy));
	if (!copy)
		abort();
	memcpy(copy, maps, count * sizeof(*copy));
	for (unsigned i = 0; i < count; i++)
		file_hold(copy[i].file);
	pthread_mutex_unlock(&mm_lock);

	for (unsigned i = 0; i < count; i++) {
		struct MmFile *file = copy[i].file;
		fn(&(struct MmRange){ .start = copy[i].start, .end = copy[i].end, .offset = copy[i].offset, .prot = copy[i].prot,
				      .shared = copy[i].shared, .grows = copy[i].grows, .dev = file ? file->dev : 0, .ino = file ? file->ino : 0,
				      .path = file ? file->path : copy[i].label ? copy[i].label : "" }, data);
	}

	pthread_mutex_lock(&mm_lock);
	for (unsigned i = 0; i < count; i++)
		file_drop(copy[i].file);
	pthread_mutex_unlock(&mm_lock);
	free(copy);
}

struct Range { uint64_t start, end; };

/* Where in B the memory may be that shared mapping A has in RANGE. Without a file it is not known where: such memory can be mapped twice, too (mremap, shmat), and two
 * neighbours that have the same are one mapping here. */
static struct Range alias_in(const struct Mapping *b, const struct Mapping *a, struct Range range)
{
	if (!a->file || !b->file)
		return !a->file && !b->file && b->shared ? (struct Range){ b->start, b->end } : (struct Range){ 0, 0 };
	if (a->file->dev != b->file->dev || a->file->ino != b->file->ino)
		return (struct Range){ 0, 0 };
	uint64_t low = range.start - a->start + a->offset, high = low + (range.end - range.start), b_high = b->offset + (b->end - b->start);
	if (low < b->offset)
		low = b->offset;
	if (high > b_high)
		high = b_high;
	return low < high ? (struct Range){ b->start + (low - b->offset), b->start + (high - b->offset) } : (struct Range){ 0, 0 };
}

void mm_for_each_alias(uint64_t start, uint64_t end, void (*fn)(uint64_t addr, uint64_t len))
{
	struct Range *found = NULL;
	unsigned count = 0, room = 0;

	pthread_mutex_lock(&mm_lock);
	for (unsigned in = index_of(start); in < nmaps && maps[in].start < end; in++) {
		const struct Mapping *mapping = &maps[in];
		struct Range part = { mapping->start > start ? mapping->start : start, mapping->end < end ? mapping->end : end };
		for (unsigned i = 0; mapping->shared && i < nmaps; i++) {
			struct Range alias = alias_in(&maps[i], mapping, part);
			if (!(maps[i].prot & PROT_EXEC) || alias.start == alias.end)
				continue;
			if (count == room) {
				room = 2 * room + 8;
				found = realloc(found, room * sizeof *found);
				if (!found)
					abort();
			}
			found[count++] = alias;
		}
	}
	pthread_mutex_unlock(&mm_lock);
	fn(start, end - start);
	for (unsigned i = 0; i < count; i++)
		fn(found[i].start, found[i].end - found[i].start);
	free(found);
}

void mm_fork_prepare(void)
{
	pthread_mutex_lock(&mm_lock);
}

void mm_fork_done(bool child)
{
	(void)child;
	pthread_mutex_unlock(&mm_lock);
}
