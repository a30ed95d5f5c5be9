/* SPDX-License-Identifier: MIT */
/* The TCG plugin interface: recognising, installing, resetting and unloading plugins. */
#include "instrument/api_tcg.h"

#include <dlfcn.h>
#include <glib.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "instrument/fork.h"
#include "instrument/log.h"
#include "translator/translate.h"

_Thread_local struct TcgFrame *tcg_frame;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of messages */
static struct TcgState *states;         /* changed by the main thread alone, before guest code runs */
static atomic_bool ended;               /* the guest is at its end: nothing but exit callbacks any more */

/* In the child: callbacks of other threads will never return. */
static void forked(void)
{
	for (struct TcgState *state = states; state; state = state->next) {
		unsigned mine = 0;
		for (struct TcgFrame *frame = tcg_frame; frame; frame = frame->outer)
			mine += frame->state == state;
		atomic_store(&state->inflight, mine);
	}
}

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, forked);
}

/* -- who calls ------------------------------------------------------------------------------------------------------------ */

/* The plugin that a call comes from: by the callback that runs, else by the code that calls. */
static struct Plugin *plugin_of(const void *caller)
{
	if (tcg_frame)
		return tcg_frame->state->plugin;
	for (struct TcgState *state = states; state; state = state->next)
		if (image_contains(&state->plugin->image, (uintptr_t)caller))
			return state->plugin;
	return states && !states->next ? states->plugin : NULL;
}

static bool told(struct TcgState *state, const char *function)
{
	for (unsigned i = 0; i < state->ntold; i++)
		if (state->told[i] == function)
			return true;
	if (state->ntold < TCG_TOLD_MAX)
		state->told[state->ntold++] = function;
	return false;
}

static void complain(struct TcgState *state, const char *function, const char *format, va_list args)
{
	pthread_mutex_lock(&lock);
	bool again = state && told(state, g_intern_string(function));
	pthread_mutex_unlock(&lock);
	if (again)
		return;
	char *text = g_strdup_vprintf(format, args);
	log_printf("plugin %s: %s: %s\n", state ? state->plugin->given : "(unknown)", function, text);
	g_free(text);
}

void tcg_complain(const char *function, const void *caller, const char *format, ...)
{
	struct Plugin *plugin = plugin_of(caller);
	va_list args;

	va_start(args, format);
	complain(plugin ? plugin->state : NULL, function, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 3, 4))) complain_of(struct TcgState *state, const char *function, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(state, function, format, args);
	va_end(args);
}

struct TcgState *tcg_state(qemu_plugin_id_t id, const char *function, const void *caller)
{
	for (struct TcgState *state = states; state; state = state->next)
		if (state->id == id) {
			if (atomic_load(&state->phase) != TCG_GONE)
				return state;
			complain_of(state, function, "it has been uninstalled");
			return NULL;
		}
	tcg_complain(function, caller, "there is no plugin with the id 0x%" PRIx64, id);
	return NULL;
}

/* -- callbacks from C code --------------------------------------------------------------------------------------------------- */

static void finish(void *data);

/* Runs FN with all cpus stopped: now where that can be, else soon. */
static void exclusively(void (*fn)(void *data), void *data)
{
	if (cpu_current() || cpu_in_exclusive())
		cpu_exclusive_later(fn, data);
	else
		cpu_exclusive(fn, data);
}

static void count_out(struct TcgState *state)
{
	if (atomic_fetch_sub(&state->inflight, 1) == 1 && atomic_load(&state->waiting) && atomic_exchange(&state->waiting, false))
		exclusively(finish, state);
}

bool tcg_enter(struct TcgFrame *frame, struct TcgState *state, enum TcgAccess access, const char *name)
{
	atomic_fetch_add(&state->inflight, 1);
	if (atomic_load(&state->closed)) {
		count_out(state);
		return false;
	}
	*frame = (struct TcgFrame){ .state = state, .outer = tcg_frame, .access = access };
	frame->calling = calling_enter(state->plugin, name);
	tcg_frame = frame;
	return true;
}

void tcg_leave(struct TcgFrame *frame)
{
	tcg_frame = frame->outer;
	calling_leave(frame->calling);
	count_out(frame->state);
}

void tcg_leave_all(void)
{
	while (tcg_frame)
		tcg_leave(tcg_frame);
}

/* Calls the function that was to be told of the end of an uninstall or reset. */
static void call_done(struct TcgState *state)
{
	struct TcgFrame frame;

	if (!state->done.fn || !tcg_enter(&frame, state, TCG_NO_CPU, "uninstall or reset callback"))
		return;
	if (state->version >= TCG_VERSION_USERDATA)
		((qemu_plugin_udata_cb_t)state->done.fn)(state->done.userdata);
	else
		((void (*)(qemu_plugin_id_t))state->done.fn)(state->id);
	tcg_leave(&frame);
}

static void free_arguments(struct TcgState *state)
{
	for (int i = 0; i < state->argc; i++)
		g_free(state->argv[i]);
	g_free(state->argv);
	state->argv = NULL;
	state->argc = 0;
}

/* The last step: nothing of the plugin is running, and nothing can begin. */
static void complete(struct TcgState *state)
{
	bool unload = atomic_load(&state->phase) == TCG_UNINSTALLING;
	struct TcgCallback *next;

	for (struct TcgCallback *c = state->retired; c; c = next) {
		next = c->retired;
		g_free(c);
	}
	state->retired = NULL;
	if (!unload)
		atomic_store(&state->phase, TCG_RUNNING);       /* so that the function may register */
	atomic_store(&state->closed, false);
	call_done(state);
	if (!unload)
		return;
	atomic_store(&state->closed, true);
	subscriber_remove(&state->subscriber);
	plugin_close(state->plugin);
	free_arguments(state);
	atomic_store(&state->phase, TCG_GONE);
}

/* All cpus stopped: drops what the plugin has, and completes if none of its callbacks is running in C code; else the last of them calls again. */
static void finish(void *data)
{
	struct TcgState *state = data;

	atomic_store(&state->closed, true);
	for (int event = 0; event < TCG_EVENTS; event++) {
		struct TcgCallback *callback = atomic_exchange(&state->callbacks[event], NULL);
		if (callback) {
			callback->retired = state->retired;
			state->retired = callback;
		}
	}
	cache_flush_all();
	atomic_store(&state->waiting, true);
	if (atomic_load(&state->inflight) == 0 && atomic_exchange(&state->waiting, false))
		complete(state);
}

static void begin(qemu_plugin_id_t id, enum TcgPhase phase, void *fn, void *userdata, const char *function, const void *caller)
{
	struct TcgState *state = tcg_state(id, function, caller);
	int running = TCG_RUNNING;

	if (!state)
		return;
	if (atomic_load(&ended)) {
		complain_of(state, function, "the guest has ended, and so do all plugins");
		return;
	}
	if (atomic_load(&state->phase) == TCG_INSTALLING) {
		tcg_complain(function, caller, "not while qemu_plugin_install runs: return a value other than 0 to refuse");
		return;
	}
	/* One at a time: a second call changes nothing. */
	if (!atomic_compare_exchange_strong(&state->phase, &running, phase))
		return;
	state->done = (struct TcgCallback){ .fn = fn, .userdata = userdata };
	exclusively(finish, state);
}

void qemu_plugin_uninstall(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata)
{
	begin(id, TCG_UNINSTALLING, cb, userdata, "qemu_plugin_uninstall", TCG_CALLER);
}

void qemu_plugin_reset(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata)
{
	begin(id, TCG_RESETTING, cb, userdata, "qemu_plugin_reset", TCG_CALLER);
}

/* -- the end ----------------------------------------------------------------------------------------------------------------- */

bool tcg_ended(void)
{
	return atomic_load(&ended);
}

static void on_exit_event(struct Subscriber *self)
{
	struct TcgState *state = self->data;
	const struct TcgCallback *callback = tcg_callback(state, TCG_ATEXIT);
	struct TcgFrame frame;

	atomic_store(&ended, true);
	for (int event = 0; event < TCG_EVENTS; event++)
		if (event != TCG_ATEXIT)
			atomic_store(&state->callbacks[event], NULL);
	if (!callback || !tcg_enter(&frame, state, TCG_MEMORY, "atexit callback"))
		return;
	if (state->version >= TCG_VERSION_USERDATA)
		((qemu_plugin_udata_cb_t)callback->fn)(callback->userdata);
	else
		((void (*)(qemu_plugin_id_t, void *))callback->fn)(state->id, callback->userdata);
	tcg_leave(&frame);
}

/* -- loading ------------------------------------------------------------------------------------------------------------------ */

static bool recognises(void *handle)
{
	return dlsym(handle, "qemu_plugin_install") || dlsym(handle, "qemu_plugin_version");
}

/* Neither a counter nor an address: nothing that a plugin could build on. */
static qemu_plugin_id_t new_id(void)
{
	qemu_plugin_id_t id;

	do
		id = (qemu_plugin_id_t)g_random_int() << 32 | g_random_int();
	while (!id);
	return id;
}

static bool load(struct Plugin *plugin, const struct Scan *scan, char **error)
{
	const int *version = dlsym(plugin->handle, "qemu_plugin_version");

	if (!dlsym(plugin->handle, "qemu_plugin_install")) {
		*error = g_strdup("it declares qemu_plugin_version but has no qemu_plugin_install; export one");
		return false;
	}
	if (!version) {
		*error = g_strdup_printf("it does not say for which API version it is built; give it an int qemu_plugin_version of %d to %d",
					 TCG_VERSION_MIN, TCG_VERSION_MAX);
		return false;
	}
	if (*version < TCG_VERSION_MIN || *version > TCG_VERSION_MAX) {
		*error = g_strdup_printf("it is built for API version %d, and this forerun serves versions %d to %d; build it for one of these",
					 *version, TCG_VERSION_MIN, TCG_VERSION_MAX);
		return false;
	}
	struct TcgState *state = g_new0(struct TcgState, 1);
	state->plugin = plugin;
	state->version = *version;
	state->id = new_id();
	state->subscriber = (struct Subscriber){ .owner = plugin, .data = state, .on_exit = on_exit_event };
	if (!tcg_bind(state, scan, error)) {
		g_free(state);
		return false;
	}
	tcg_explain_registers();
	tcg_explain_scoreboards();
	state->next = states;
	states = state;
	plugin->state = state;
	return true;
}

/* QEMU calls the plugin loaded last first, the interface of 2017 the one loaded first, and between the kinds the order is that of the command line: so
 * a plugin goes before its neighbours of the same kind. */
static struct Subscriber *successor(const struct Plugin *plugin)
{
	struct TcgState *before = NULL;

	for (const struct Plugin *p = plugin_first(); p && p != plugin; p = p->next)
		before = p->api == plugin->api ? p->state : NULL;
	return before ? &before->subscriber : NULL;
}

static bool init(struct Plugin *plugin, char **error)
{
	struct TcgState *state = plugin->state;
	int (*install)(qemu_plugin_id_t, const qemu_info_t *, int, char **);
	qemu_info_t info = { .target_name = translator.guest->name, .version = { TCG_VERSION_MIN, TCG_VERSION_MAX } };
	struct TcgFrame frame;

	if (!tcg_arguments(state, error))
		return false;
	install = (int (*)(qemu_plugin_id_t, const qemu_info_t *, int, char **))dlsym(plugin->handle, "qemu_plugin_install");
	atomic_store(&state->phase, TCG_INSTALLING);
	tcg_enter(&frame, state, TCG_NO_CPU, "qemu_plugin_install");
	int code = install(state->id, &info, state->argc, state->argv);
	tcg_leave(&frame);
	if (code) {
		*error = g_strdup_printf("qemu_plugin_install returned error code %d; it may want other arguments (name=value behind its path)", code);
		atomic_store(&state->closed, true);
		return false;
	}
	atomic_store(&state->phase, TCG_RUNNING);
	subscriber_add_before(&state->subscriber, successor(plugin));
	return true;
}

const struct PluginApi plugin_api_tcg = {
	.name = "QEMU's TCG plugin interface (qemu_plugin_install)", .recognises = recognises, .load = load, .init = init, .once = true,
	.read_register = "qemu_plugin_read_register", .write_register = "qemu_plugin_write_register",
	.read_value = "qemu_plugin_mem_get_value", .set_pc = "qemu_plugin_set_pc",
};
