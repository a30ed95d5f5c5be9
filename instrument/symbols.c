/* SPDX-License-Identifier: MIT */
/* Symbol tables of guest modules: read with libelf, kept by file, searched by address. */
#include "instrument/symbols.h"

#include <fcntl.h>
#include <gelf.h>
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instrument/fork.h"
#include "target/linux/linux.h"

enum { NESTING = 16 };          /* symbols looked back over for one that encloses an address */

struct Symbol {
	uint64_t start, size;           /* address in the file's own numbering, bytes; size 0: to the next symbol */
	const char *name;
	uint8_t rank;                   /* smaller is better among symbols at one address */
};

struct Segment {
	uint64_t vaddr, offset, file_size;
};

/* What is known of a file. Never freed: names are handed out. */
struct Module {
	struct timespec changed;        /* with the size and inode, tells a new file at the same path */
	uint64_t size, inode, device;
	struct Symbol *symbols;         /* sorted by start */
	unsigned nsymbols;
	struct Segment *segments;
	unsigned nsegments;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *modules;             /* path -> struct Module */

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, NULL);
}

/* -- reading a file ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct Symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (int)x->rank - y->rank;
}

/* Functions, and untyped labels of assembler code; not the compiler's local labels and mapping symbols. */
static bool is_code(Elf *elf, const GElf_Sym *symbol, const char *name)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	GElf_Shdr header;
	Elf_Scn *section;

	if (symbol->st_shndx == SHN_UNDEF || !name || !*name || name[0] == '$' || g_str_has_prefix(name, ".L"))
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		return true;
	return type == STT_NOTYPE && symbol->st_shndx < SHN_LORESERVE && (section = elf_getscn(elf, symbol->st_shndx)) &&
	       gelf_getshdr(section, &header) && header.sh_flags & SHF_EXECINSTR;
}

static void read_symbols(Elf *elf, unsigned type, GArray *symbols)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Sym symbol;

	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
			const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (!is_code(elf, &symbol, name))
				continue;
			unsigned bind = GELF_ST_BIND(symbol.st_info), kind = GELF_ST_TYPE(symbol.st_info);
			struct Symbol s = {
				.start = symbol.st_value, .size = symbol.st_size, .name = g_intern_string(name),
				.rank = (kind == STT_NOTYPE) * 4 + (bind == STB_GLOBAL ? 0 : bind == STB_WEAK ? 1 : 2),
			};
			g_array_append_val(symbols, s);
		}
	}
}

/* Keeps the best symbol of each address. */
static void take_symbols(struct Module *module, GArray *symbols)
{
	struct Symbol *s = (struct Symbol *)(void *)symbols->data;
	unsigned kept = 0;

	g_array_sort(symbols, compare);
	for (unsigned i = 0; i < symbols->len; i++)
		if (!kept || s[i].start != s[kept - 1].start)
			s[kept++] = s[i];
	module->nsymbols = kept;
	module->symbols = (struct Symbol *)(void *)g_array_free(symbols, FALSE);
}

static void read_elf(struct Module *module, Elf *elf)
{
	GArray *symbols = g_array_new(FALSE, FALSE, sizeof(struct Symbol));
	size_t count;

	read_symbols(elf, SHT_SYMTAB, symbols);
	if (!symbols->len)
		read_symbols(elf, SHT_DYNSYM, symbols);
	take_symbols(module, symbols);
	if (elf_getphdrnum(elf, &count) != 0)
		return;
	module->segments = g_new0(struct Segment, count);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		if (gelf_getphdr(elf, i, &header) && header.p_type == PT_LOAD)
			module->segments[module->nsegments++] =
				(struct Segment){ header.p_vaddr, header.p_offset, header.p_filesz };
	}
}

static void read_file(struct Module *module, int fd)
{
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		read_elf(module, elf);
	if (elf)
		elf_end(elf);
}

/* The record of the file at PATH, read now if it is new. Under the lock. */
static const struct Module *module_of(const char *path)
{
	struct stat st;
	struct Module *module;

	if (!modules)
		modules = g_hash_table_new(g_str_hash, g_str_equal);
	module = g_hash_table_lookup(modules, path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return module;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    !(module && module->inode == st.st_ino && module->device == st.st_dev && module->size == (uint64_t)st.st_size &&
	      memcmp(&module->changed, &st.st_mtim, sizeof st.st_mtim) == 0)) {
		module = g_new0(struct Module, 1);
		module->changed = st.st_mtim;
		module->inode = st.st_ino;
		module->device = st.st_dev;
		module->size = st.st_size;
		read_file(module, fd);
		g_hash_table_replace(modules, (char *)g_intern_string(path), module);
	}
	close(fd);
	return module;
}

/* -- searching ---------------------------------------------------------------------------------------------------------- */

/* The address that file offset OFFSET has in the file's own numbering; false if no segment has it. */
static bool offset_to_vaddr(const struct Module *module, uint64_t offset, uint64_t *vaddr)
{
	for (unsigned i = 0; i < module->nsegments; i++) {
		const struct Segment *s = &module->segments[i];
		if (offset >= s->offset && offset - s->offset < s->file_size) {
			*vaddr = s->vaddr + (offset - s->offset);
			return true;
		}
	}
	return false;
}

/* The symbol whose extent has VADDR; of nested ones, the innermost. */
static const struct Symbol *find(const struct Module *module, uint64_t vaddr)
{
	const struct Symbol *s = module->symbols;
	unsigned low = 0, high = module->nsymbols;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (s[middle].start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	for (unsigned i = low; i-- > 0 && low - i <= NESTING;)
		if (s[i].size ? vaddr - s[i].start < s[i].size : i + 1 == low)
			return &s[i];
	return NULL;
}

const char *symbol_lookup(uint64_t addr, uint64_t *offset)
{
	uint64_t start, end, file_offset, vaddr;
	const struct Symbol *symbol = NULL;
	char *path = NULL;

	if (!linux_find_module(addr, &path, &start, &end, &file_offset))
		return NULL;
	pthread_mutex_lock(&lock);
	const struct Module *module = module_of(path);
	if (module && offset_to_vaddr(module, file_offset + (addr - start), &vaddr))
		symbol = find(module, vaddr);
	pthread_mutex_unlock(&lock);
	g_free(path);
	if (symbol && offset)
		*offset = vaddr - symbol->start;
	return symbol ? symbol->name : NULL;
}
