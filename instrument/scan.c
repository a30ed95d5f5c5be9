/* SPDX-License-Identifier: MIT */
/* Reading plugin libraries: what they import and contain, where they lie once loaded. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glib.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instrument/capstone.h"
#include "instrument/host/machine.h"
#include "instrument/loader.h"

enum { DESCRIPTION_MAX = 200 };

/* -- the file ---------------------------------------------------------------------------------------------------------- */

/* The file opened by libelf. */
struct LibraryFile {
	int fd;
	Elf *elf;
	GElf_Ehdr header;
};

/* Whether the file has all that the loader would map: beyond its end a map is there, but cannot be touched. */
static bool is_complete(const struct LibraryFile *file, uint64_t size)
{
	size_t count;

	if (elf_getphdrnum(file->elf, &count) != 0 || !count)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;
		if (!gelf_getphdr(file->elf, i, &header))
			return false;
		if (header.p_type == PT_LOAD && (header.p_offset > size || header.p_filesz > size - header.p_offset))
			return false;
	}
	return true;
}

static bool check_header(struct LibraryFile *file, uint64_t size, char **error)
{
	if (elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &file->header)) {
		*error = g_strdup("it is not an ELF shared library");
		return false;
	}
	if (file->header.e_machine != machine.elf_machine && machine.elf_machine != EM_NONE) {
		*error = g_strdup_printf("it is built for another machine; a plugin runs inside forerun, so build it for %s", machine.name);
		return false;
	}
	if (file->header.e_type != ET_DYN) {
		*error = g_strdup("it is not a shared library; build it with -shared -fPIC");
		return false;
	}
	if (!is_complete(file, size)) {
		*error = g_strdup("it is truncated; build it again");
		return false;
	}
	return true;
}

static void close_file(struct LibraryFile *file)
{
	if (file->elf)
		elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
}

static bool open_file(struct LibraryFile *file, const char *path, char **error)
{
	struct stat st;

	*file = (struct LibraryFile){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (file->fd < 0 || fstat(file->fd, &st) < 0) {
		*error = g_strdup(strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		*error = g_strdup("it is not a file");
	} else {
		elf_version(EV_CURRENT);
		file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
		if (!file->elf)
			*error = g_strdup("it is not an ELF shared library");
		else if (check_header(file, st.st_size, error))
			return true;
	}
	close_file(file);
	return false;
}

/* The next section of TYPE behind SECTION; NULL: none. */
static Elf_Scn *next_section(Elf *elf, Elf_Scn *section, unsigned type, GElf_Shdr *header)
{
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, header) && header->sh_type == type)
			return section;
	return NULL;
}

/* The bytes that the file has for address ADDR, at most LENGTH; NULL: none. */
static char *read_address(Elf *elf, uint64_t addr, size_t length)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = next_section(elf, section, SHT_PROGBITS, &header))) {
		Elf_Data *data;
		if (addr < header.sh_addr || addr >= header.sh_addr + header.sh_size || !(header.sh_flags & SHF_ALLOC))
			continue;
		data = elf_getdata(section, NULL);
		if (data && data->d_buf && addr - header.sh_addr < data->d_size)
			return g_strndup((char *)data->d_buf + (addr - header.sh_addr),
					 MIN(length, data->d_size - (addr - header.sh_addr)));
	}
	return NULL;
}

static void scan_symbols(struct LibraryFile *file, struct Scan *scan)
{
	GPtrArray *imports = g_ptr_array_new();
	GElf_Shdr header;
	Elf_Scn *section = next_section(file->elf, NULL, SHT_DYNSYM, &header);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	GElf_Sym symbol;

	for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(file->elf, header.sh_link, symbol.st_name);
		if (!name)
			continue;
		if (symbol.st_shndx == SHN_UNDEF && GELF_ST_BIND(symbol.st_info) == STB_GLOBAL)
			g_ptr_array_add(imports, g_strdup(name));
		if (symbol.st_shndx != SHN_UNDEF && strcmp(name, "plugin_description") == 0 && !scan->description)
			scan->description = read_address(file->elf, symbol.st_value, MIN(symbol.st_size, DESCRIPTION_MAX));
	}
	g_ptr_array_add(imports, NULL);
	scan->imports = (char **)g_ptr_array_free(imports, FALSE);
}

static void scan_dynamic(struct LibraryFile *file, struct Scan *scan)
{
	GPtrArray *needed = g_ptr_array_new();
	GElf_Shdr header;
	Elf_Scn *section = next_section(file->elf, NULL, SHT_DYNAMIC, &header);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	GElf_Dyn entry;

	for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
		const char *name = entry.d_tag == DT_NEEDED || entry.d_tag == DT_SONAME ?
				   elf_strptr(file->elf, header.sh_link, entry.d_un.d_val) : NULL;
		if (name && entry.d_tag == DT_NEEDED)
			g_ptr_array_add(needed, g_strdup(name));
		else if (name)
			scan->soname = g_strdup(name);
	}
	g_ptr_array_add(needed, NULL);
	scan->needed = (char **)g_ptr_array_free(needed, FALSE);
}

/* -- floating point ----------------------------------------------------------------------------------------------------------- */

static bool scan_code(struct Capstone *capstone, const uint8_t *code, size_t size, uint64_t addr)
{
	struct CapstoneInsn insn;

	for (size_t at = 0; at < size; at += insn.size)
		if (!capstone_read(capstone, code + at, size - at, addr + at, &insn))
			insn.size = 1;
		else if (machine.computes(insn.mnemonic))
			return true;
	return false;
}

/* Whether the library's code has floating-point arithmetic; says yes where it cannot tell. */
static bool scan_arithmetic(struct LibraryFile *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	struct Capstone *capstone = capstone_open(machine.code);
	bool found = false;

	if (!capstone)
		return true;
	while (!found && (section = next_section(file->elf, section, SHT_PROGBITS, &header))) {
		Elf_Data *data = header.sh_flags & SHF_EXECINSTR ? elf_getdata(section, NULL) : NULL;
		if (data && data->d_buf)
			found = scan_code(capstone, data->d_buf, data->d_size, header.sh_addr);
	}
	capstone_close(capstone);
	return found;
}

bool scan_library(const char *path, bool deep, struct Scan *scan, char **error)
{
	struct LibraryFile file;

	*scan = (struct Scan){ 0 };
	if (!open_file(&file, path, error))
		return false;
	scan_symbols(&file, scan);
	scan_dynamic(&file, scan);
	if (deep)
		scan->arithmetic = scan_arithmetic(&file);
	close_file(&file);
	return true;
}

void scan_free(struct Scan *scan)
{
	g_free(scan->soname);
	g_free(scan->description);
	g_strfreev(scan->imports);
	g_strfreev(scan->needed);
	*scan = (struct Scan){ 0 };
}

bool scan_imports(const struct Scan *scan, const char *name)
{
	return name && scan->imports && g_strv_contains((const char *const *)scan->imports, name);
}

/* -- the library in memory ------------------------------------------------------------------------------------------------------ */

struct Finding {
	struct Image *image;
	uint64_t base;
};

static int find_segments(struct dl_phdr_info *info, size_t size, void *data)
{
	struct Finding *finding = data;
	struct Image *image = finding->image;

	(void)size;
	if (info->dlpi_addr != finding->base)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X &&
		    image->nsegments < G_N_ELEMENTS(image->segments)) {
			uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			image->segments[image->nsegments].start = start;
			image->segments[image->nsegments++].end = start + info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

static int by_start(const void *a, const void *b)
{
	const struct ImageSymbol *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void find_symbols(struct Image *image, Elf *elf, unsigned type, uint64_t base)
{
	GArray *symbols = g_array_new(FALSE, FALSE, sizeof(struct ImageSymbol));
	GElf_Shdr header;
	Elf_Scn *section = next_section(elf, NULL, type, &header);
	Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
	GElf_Sym symbol;

	for (int i = 1; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF || !name || !*name)
			continue;
		struct ImageSymbol s = { base + symbol.st_value, symbol.st_size, g_intern_string(name) };
		g_array_append_val(symbols, s);
	}
	g_array_sort(symbols, by_start);
	image->nsymbols = symbols->len;
	image->symbols = (struct ImageSymbol *)g_array_free(symbols, FALSE);
}

void image_load(struct Image *image, void *handle, const char *path)
{
	struct link_map *map;
	struct LibraryFile file;
	char *error = NULL;

	*image = (struct Image){ 0 };
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return;
	dl_iterate_phdr(find_segments, &(struct Finding){ image, map->l_addr });
	if (!open_file(&file, path, &error)) {
		g_free(error);
		return;
	}
	find_symbols(image, file.elf, SHT_SYMTAB, map->l_addr);
	if (!image->nsymbols) {
		g_free(image->symbols);
		find_symbols(image, file.elf, SHT_DYNSYM, map->l_addr);
	}
	close_file(&file);
}

bool image_contains(const struct Image *image, uint64_t addr)
{
	for (unsigned i = 0; i < image->nsegments; i++)
		if (addr >= image->segments[i].start && addr < image->segments[i].end)
			return true;
	return false;
}

const struct ImageSymbol *image_symbol(const struct Image *image, uint64_t addr)
{
	unsigned low = 0, high = image->nsymbols;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (image->symbols[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	const struct ImageSymbol *s = &image->symbols[low - 1];
	return !s->size || addr - s->start < s->size ? s : NULL;
}

void image_free(struct Image *image)
{
	g_free(image->symbols);
	*image = (struct Image){ 0 };
}
