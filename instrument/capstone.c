/* SPDX-License-Identifier: MIT */
/* Loads capstone. */
#include "instrument/capstone.h"

#include <dlfcn.h>
#include <glib.h>

#define NAME_OF(major) "libcapstone.so." G_STRINGIFY(major)

static struct Capstone functions;

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
	return library ? &functions : NULL;
}

const struct Capstone *capstone_load(void)
{
	static GOnce once = G_ONCE_INIT;

	return g_once(&once, load, NULL);
}
