/* SPDX-License-Identifier: MIT */
/* Loads capstone and reads code with it; built without it, there is none to open. */
#include "instrument/capstone.h"

#ifdef HAVE_CAPSTONE

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <glib.h>

#define NAME_OF(major) "libcapstone.so." G_STRINGIFY(major)

static const struct { cs_arch arch; cs_mode mode; } codes[] = {
	[CAPSTONE_X86_64] = { CS_ARCH_X86, CS_MODE_64 },
};

struct Capstone {
	csh handle;
	cs_insn *insn;
};

/* Its functions of these names. */
static struct {
	__typeof__(cs_open) *open;
	__typeof__(cs_close) *close;
	__typeof__(cs_malloc) *malloc;
	__typeof__(cs_free) *free;
	__typeof__(cs_disasm_iter) *disasm_iter;
} functions;

static gpointer load(gpointer data)
{
	void *library = dlopen(NAME_OF(CS_API_MAJOR), RTLD_LAZY | RTLD_LOCAL);
	const struct { const char *name; void **to; } symbols[] = {
		{ "cs_open", (void **)&functions.open }, { "cs_close", (void **)&functions.close }, { "cs_malloc", (void **)&functions.malloc },
		{ "cs_free", (void **)&functions.free }, { "cs_disasm_iter", (void **)&functions.disasm_iter },
	};

	(void)data;
	for (unsigned i = 0; library && i < G_N_ELEMENTS(symbols); i++)
		if (!(*symbols[i].to = dlsym(library, symbols[i].name)))
			library = NULL;
	return library;
}

struct Capstone *capstone_open(enum CapstoneCode code)
{
	static GOnce once = G_ONCE_INIT;
	csh handle;

	if (code == CAPSTONE_NONE || !g_once(&once, load, NULL) || functions.open(codes[code].arch, codes[code].mode, &handle) != CS_ERR_OK)
		return NULL;
	struct Capstone *capstone = g_new(struct Capstone, 1);
	*capstone = (struct Capstone){ .handle = handle, .insn = functions.malloc(handle) };
	return capstone;
}

bool capstone_read(struct Capstone *capstone, const uint8_t *bytes, size_t size, uint64_t address, struct CapstoneInsn *insn)
{
	const cs_insn *read = capstone->insn;

	if (!functions.disasm_iter(capstone->handle, &bytes, &size, &address, capstone->insn))
		return false;
	*insn = (struct CapstoneInsn){ .size = read->size, .mnemonic = read->mnemonic, .operands = read->op_str };
	return true;
}

void capstone_close(struct Capstone *capstone)
{
	if (!capstone)
		return;
	functions.free(capstone->insn, 1);
	functions.close(&capstone->handle);
	g_free(capstone);
}

#else

struct Capstone *capstone_open(enum CapstoneCode code)
{
	(void)code;
	return NULL;
}

bool capstone_read(struct Capstone *capstone, const uint8_t *bytes, size_t size, uint64_t address, struct CapstoneInsn *insn)
{
	(void)capstone, (void)bytes, (void)size, (void)address, (void)insn;
	return false;
}

void capstone_close(struct Capstone *capstone)
{
	(void)capstone;
}

#endif
