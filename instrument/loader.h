/* SPDX-License-Identifier: MIT */
/* Plugin libraries and what the APIs know of them: internal to instrument/. */
#ifndef FORERUN_LOADER_H
#define FORERUN_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct PluginApi;

/* What the functions of a plugin are called from C code as; a fault in between is the plugin's. Of the calling thread. Code that
 * leaves a callback by a jump restores it. */
struct Calling {
	const void *owner;              /* struct Plugin; NULL: no plugin is running, or it was called from translated code */
	const char *name;               /* of the callback */
};
extern _Thread_local struct Calling calling;
struct Calling calling_enter(const void *owner, const char *name);      /* returns what was before */
void calling_leave(struct Calling outer);

/* A function in a library's code. */
struct ImageSymbol {
	uint64_t start, size;           /* host address, bytes */
	const char *name;
};

/* Where a loaded library lies and what its functions are called: gathered at loading, so that a signal handler can read it. */
struct Image {
	struct { uint64_t start, end; } segments[8];    /* executable ones */
	unsigned nsegments;
	struct ImageSymbol *symbols;    /* sorted by start */
	unsigned nsymbols;
};

/* What a library's file says before it is opened, and after. */
struct Scan {
	char *soname;                   /* NULL: none */
	char **imports;                 /* functions and objects it takes from others, NULL-terminated; weak ones not included */
	char **needed;                  /* names of libraries it is linked with */
	char *description;              /* text of `plugin_description`, or NULL */
	bool arithmetic;                /* its code has floating-point arithmetic */
};
/* Reads the library's file. On failure returns false and what is wrong with the file, no name, in *ERROR (g_free). DEEP: its code too. */
bool scan_library(const char *path, bool deep, struct Scan *scan, char **error);
void scan_free(struct Scan *scan);
bool scan_imports(const struct Scan *scan, const char *name);
/* Fills in IMAGE for the library opened as HANDLE from PATH. */
void image_load(struct Image *image, void *handle, const char *path);
/* Async-signal-safe. */
bool image_contains(const struct Image *image, uint64_t addr);
const struct ImageSymbol *image_symbol(const struct Image *image, uint64_t addr);
void image_free(struct Image *image);

struct PluginOption {
	char *key, *value;              /* value NULL: the key stood alone */
};

struct Plugin {
	char *given;                    /* as the user named it, for messages */
	char *path;                     /* of the file, absolute */
	struct PluginOption *options;   /* those after the file */
	unsigned noptions;
	bool options_first;             /* some of them stood before the file */
	const struct PluginApi *api;
	void *handle;                   /* of dlopen */
	bool closed;                    /* its destructors have run */
	void *state;                    /* the API's own */
	/* It (or a library it brings along) can call the API's functions for that. */
	bool reads_registers, writes_registers, reads_values, sets_pc;
	bool uses_fp;                   /* its code may disturb the host's floating-point flags */
	struct Image image;
	struct Plugin *next;            /* command-line order */
};

/* One generation of the plugin interface. */
struct PluginApi {
	const char *name;
	/* Whether the open library is of this kind: rows are asked in order. */
	bool (*recognises)(void *handle);
	/* Checks options and finds the library's functions. False with one line, the plugin not named, in *ERROR. */
	bool (*load)(struct Plugin *plugin, const struct Scan *scan, char **error);
	/* Calls the library's init function and subscribes. Same result. */
	bool (*init)(struct Plugin *plugin, char **error);
	/* Functions whose import says what the plugin does; NULL: there is none. */
	const char *read_register, *write_register, *read_value, *set_pc;
	bool once;                      /* a library named again gets the further options, and is not initialised again */
};
extern const struct PluginApi plugin_api_2017, plugin_api_tcg;

/* All plugins, in command-line order; for crash reports: async-signal-safe. */
const struct Plugin *plugin_first(void);

/* Ends a plugin that is unloaded while the guest runs: its destructors run. The library stays mapped, since a thread of the plugin's own may be in it. */
void plugin_close(struct Plugin *plugin);

/* Calls the destructors of all libraries, in reverse order; they stay mapped. Once, from instrument_exit(). */
void plugin_finish_all(void);

#endif
