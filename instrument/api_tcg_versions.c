/* SPDX-License-Identifier: MIT */
/* Functions of the TCG interface that changed under one name: each library gets those that its version means.
 *
 * What the program exports is the newest form. After a library is opened, the words of its own tables that hold (or, before the first call, will
 * hold) the address of such a function are set to the form of its version. */
#include <dlfcn.h>
#include <glib.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "instrument/api_tcg.h"
#include "instrument/host/machine.h"

/* The forms of a function: from the version of a row on, until the next row of the name. */
static const struct Form {
	const char *name;
	int since;
	void *fn;
} forms[] = {
	{ "qemu_plugin_insn_data", 0, tcg_insn_data_pointer },
	{ "qemu_plugin_insn_data", TCG_VERSION_COPIES_DATA, qemu_plugin_insn_data },
	{ "qemu_plugin_read_register", 0, tcg_read_register_early },
	{ "qemu_plugin_read_register", TCG_VERSION_MINUS_ONE, tcg_read_register_int },
	{ "qemu_plugin_read_register", TCG_VERSION_BOOL_REGISTERS, qemu_plugin_read_register },
	{ "qemu_plugin_write_register", 0, tcg_write_register_int },
	{ "qemu_plugin_write_register", TCG_VERSION_BOOL_REGISTERS, qemu_plugin_write_register },
	{ "qemu_plugin_get_registers", 0, tcg_get_registers_short },
	{ "qemu_plugin_get_registers", TCG_VERSION_BOOL_REGISTERS, qemu_plugin_get_registers },
};

/* The form of NAME for VERSION; NULL: it never changed. */
static const struct Form *form_of(const char *name, int version)
{
	const struct Form *found = NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
		if (forms[i].since <= version && strcmp(forms[i].name, name) == 0)
			found = &forms[i];
	return found;
}

/* The dynamic section of a loaded library, as far as it matters here. */
struct Tables {
	const ElfW(Sym) *symbols;
	const char *strings;
	struct {
		const ElfW(Rela) *entries;
		size_t bytes;
	} relocations[2];               /* DT_RELA, DT_JMPREL */
};

static struct Tables tables_of(const struct link_map *map)
{
	struct Tables t = { 0 };
	bool plt_rela = true;

	for (const ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++) {
		/* Some C libraries have added the load address already. */
		uintptr_t p = dyn->d_un.d_ptr < map->l_addr ? dyn->d_un.d_ptr + map->l_addr : dyn->d_un.d_ptr;
		switch (dyn->d_tag) {
		case DT_SYMTAB: t.symbols = (const ElfW(Sym) *)p; break;
		case DT_STRTAB: t.strings = (const char *)p; break;
		case DT_RELA: t.relocations[0].entries = (const ElfW(Rela) *)p; break;
		case DT_RELASZ: t.relocations[0].bytes = dyn->d_un.d_val; break;
		case DT_JMPREL: t.relocations[1].entries = (const ElfW(Rela) *)p; break;
		case DT_PLTRELSZ: t.relocations[1].bytes = dyn->d_un.d_val; break;
		case DT_PLTREL: plt_rela = dyn->d_un.d_val == DT_RELA; break;
		}
	}
	if (!plt_rela)
		t.relocations[1].bytes = 0;
	return t;
}

struct Word {
	uintptr_t address;
	bool relro;                     /* read-only after relocation */
};

/* Whether the word lies where its library is read-only once relocated. */
static int find_relro(struct dl_phdr_info *info, size_t size, void *data)
{
	struct Word *word = data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO && word->address - start < info->dlpi_phdr[i].p_memsz)
			word->relro = true;
	}
	return word->relro;
}

static void set_word(uintptr_t address, void *value)
{
	struct Word word = { .address = address };
	size_t page = sysconf(_SC_PAGESIZE);
	void *start = (void *)(address & -page);

	dl_iterate_phdr(find_relro, &word);
	if (word.relro)
		mprotect(start, page, PROT_READ | PROT_WRITE);
	*(void **)address = value;
	if (word.relro)
		mprotect(start, page, PROT_READ);
}

/* Sets the words of the library MAP. Notes the names that it found in SEEN. */
static void bind_library(const struct link_map *map, int version, GHashTable *seen)
{
	struct Tables t = tables_of(map);

	if (!t.symbols || !t.strings)
		return;
	for (int table = 0; table < 2; table++)
		for (size_t i = 0; i < t.relocations[table].bytes / sizeof(ElfW(Rela)); i++) {
			const ElfW(Rela) *r = &t.relocations[table].entries[i];
			const ElfW(Sym) *symbol = &t.symbols[ELF64_R_SYM(r->r_info)];
			const char *name = t.strings + symbol->st_name;
			const struct Form *form;
			if (!ELF64_R_SYM(r->r_info) || symbol->st_shndx != SHN_UNDEF || !(form = form_of(name, version)) ||
			    !machine.stores_address(ELF64_R_TYPE(r->r_info)))
				continue;
			set_word(map->l_addr + r->r_offset, form->fn);
			g_hash_table_add(seen, (char *)form->name);
		}
}

/* The library with that name among all loaded ones. */
static const struct link_map *find_library(const struct link_map *any, const char *name)
{
	while (any->l_prev)
		any = any->l_prev;
	for (; any; any = any->l_next) {
		const char *slash = strrchr(any->l_name, '/');
		if (strcmp(slash ? slash + 1 : any->l_name, name) == 0)
			return any;
	}
	return NULL;
}

/* MAP and those it is linked with, each once. */
static void bind_all(const struct link_map *map, int version, GHashTable *libraries, GHashTable *seen)
{
	const char *strings = tables_of(map).strings;

	if (!strings || !g_hash_table_add(libraries, (void *)map))
		return;
	bind_library(map, version, seen);
	for (const ElfW(Dyn) *dyn = map->l_ld; dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag != DT_NEEDED)
			continue;
		const char *name = strings + dyn->d_un.d_val, *slash = strrchr(name, '/');
		const struct link_map *other = find_library(map, slash ? slash + 1 : name);
		if (other)
			bind_all(other, version, libraries, seen);
	}
}

bool tcg_bind(struct TcgState *state, const struct Scan *scan, char **error)
{
	GHashTable *libraries = g_hash_table_new(NULL, NULL), *seen = g_hash_table_new(g_str_hash, g_str_equal);
	struct link_map *map;
	const char *missed = NULL;

	if (dlinfo(state->plugin->handle, RTLD_DI_LINKMAP, &map) == 0)
		bind_all(map, state->version, libraries, seen);
	/* What is wanted in another form than the exported one must have been found. */
	for (char **name = scan->imports; *name && !missed; name++) {
		const struct Form *form = form_of(*name, state->version), *newest = form_of(*name, TCG_VERSION_MAX);
		if (form != newest && !g_hash_table_contains(seen, form->name))
			missed = form->name;
	}
	if (missed)
		*error = g_strdup_printf("it is built for API version %d, whose %s this forerun cannot give it on %s; build it for version %d",
					 state->version, missed, machine.name, TCG_VERSION_MAX);
	g_hash_table_destroy(libraries);
	g_hash_table_destroy(seen);
	return !missed;
}
