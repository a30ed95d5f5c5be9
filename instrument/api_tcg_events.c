/* SPDX-License-Identifier: MIT */
/* Events of TCG plugins: registering callbacks, and calling them in the shape of the plugin's version. */
#include <glib.h>
#include <pthread.h>

#include "instrument/api_tcg.h"
#include "instrument/fork.h"
#include "instrument/log.h"
#include "translator/translator.h"

/* The shapes of versions before 7. */
typedef void IdOnly(qemu_plugin_id_t id);
typedef void IdVcpu(qemu_plugin_id_t id, unsigned vcpu);
typedef void IdSyscall(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		       uint64_t a6, uint64_t a7, uint64_t a8);
typedef void IdSyscallRet(qemu_plugin_id_t id, unsigned vcpu, int64_t number, int64_t result);
typedef bool IdFilter(qemu_plugin_id_t id, unsigned vcpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		      uint64_t a6, uint64_t a7, uint64_t a8, uint64_t *result);
typedef void IdDiscon(qemu_plugin_id_t id, unsigned vcpu, enum qemu_plugin_discon_type type, uint64_t from_pc, uint64_t to_pc);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;        /* of registrations */

static void __attribute__((constructor)) watch_forks(void)
{
	fork_keeps(&lock, NULL);
}

/* -- calling --------------------------------------------------------------------------------------------------------------- */

const struct TcgCallback *tcg_callback(struct TcgState *state, enum TcgEvent event)
{
	return atomic_load_explicit(&state->callbacks[event], memory_order_acquire);
}

static bool has_userdata(const struct TcgState *state)
{
	return state->version >= TCG_VERSION_USERDATA;
}

/* Enters the callback of EVENT, or returns NULL. */
static const struct TcgCallback *enter(struct TcgFrame *frame, struct TcgState *state, enum TcgEvent event, enum TcgAccess access,
				       const char *name)
{
	const struct TcgCallback *callback;

	if (!tcg_callback(state, event) || !tcg_enter(frame, state, access, name))
		return NULL;
	callback = tcg_callback(state, event);
	if (!callback)
		tcg_leave(frame);
	return callback;
}

static void call_vcpu(struct TcgState *state, enum TcgEvent event, struct Cpu *cpu, const char *name)
{
	struct TcgFrame frame;
	const struct TcgCallback *callback = enter(&frame, state, event, TCG_RW_REGS, name);

	if (!callback)
		return;
	if (has_userdata(state))
		((qemu_plugin_vcpu_udata_cb_t)callback->fn)(cpu->index, callback->userdata);
	else
		((IdVcpu *)callback->fn)(state->id, cpu->index);
	tcg_leave(&frame);
}

static void on_cpu_init(struct Subscriber *self, struct Cpu *cpu)
{
	call_vcpu(self->data, TCG_INIT, cpu, "vcpu init callback");
}

static void on_cpu_exit(struct Subscriber *self, struct Cpu *cpu)
{
	call_vcpu(self->data, TCG_EXIT, cpu, "vcpu exit callback");
}

static bool on_syscall(struct Subscriber *self, struct Cpu *cpu, int64_t number, const uint64_t *a, uint64_t *result)
{
	struct TcgState *state = self->data;
	const struct TcgCallback *callback;
	struct TcgFrame frame;
	bool skip = false;

	if ((callback = enter(&frame, state, TCG_SYSCALL, TCG_RW_REGS_PC, "syscall callback"))) {
		frame.redirects = true;
		if (has_userdata(state))
			((qemu_plugin_vcpu_syscall_cb_t)callback->fn)(cpu->index, number, a[0], a[1], a[2], a[3], a[4], a[5], 0, 0,
								      callback->userdata);
		else
			((IdSyscall *)callback->fn)(state->id, cpu->index, number, a[0], a[1], a[2], a[3], a[4], a[5], 0, 0);
		tcg_leave(&frame);
	}
	if ((callback = enter(&frame, state, TCG_FILTER, TCG_RW_REGS_PC, "syscall filter callback"))) {
		int64_t value = 0;
		frame.redirects = true;
		if (has_userdata(state))
			skip = ((qemu_plugin_vcpu_syscall_filter_cb_t)callback->fn)(cpu->index, number, a[0], a[1], a[2], a[3], a[4], a[5],
										    0, 0, &value, callback->userdata);
		else
			skip = ((IdFilter *)callback->fn)(state->id, cpu->index, number, a[0], a[1], a[2], a[3], a[4], a[5], 0, 0,
							  (uint64_t *)&value);
		tcg_leave(&frame);
		*result = value;
	}
	return skip;
}

static void on_syscall_return(struct Subscriber *self, struct Cpu *cpu, int64_t number, int64_t result)
{
	struct TcgState *state = self->data;
	struct TcgFrame frame;
	const struct TcgCallback *callback = enter(&frame, state, TCG_SYSCALL_RET, TCG_RW_REGS, "syscall return callback");

	if (!callback)
		return;
	if (has_userdata(state))
		((qemu_plugin_vcpu_syscall_ret_cb_t)callback->fn)(cpu->index, number, result, callback->userdata);
	else
		((IdSyscallRet *)callback->fn)(state->id, cpu->index, number, result);
	tcg_leave(&frame);
}

static void on_exception(struct Subscriber *self, struct Cpu *cpu, uint64_t from_pc)
{
	struct TcgState *state = self->data;
	struct TcgFrame frame;
	const struct TcgCallback *callback;

	if (!(atomic_load(&state->discon) & QEMU_PLUGIN_DISCON_EXCEPTION) ||
	    !(callback = enter(&frame, state, TCG_DISCON, TCG_RW_REGS, "discontinuity callback")))
		return;
	if (has_userdata(state))
		((qemu_plugin_vcpu_discon_cb_t)callback->fn)(cpu->index, QEMU_PLUGIN_DISCON_EXCEPTION, from_pc, cpu->pc, callback->userdata);
	else
		((IdDiscon *)callback->fn)(state->id, cpu->index, QEMU_PLUGIN_DISCON_EXCEPTION, from_pc, cpu->pc);
	tcg_leave(&frame);
}

static void on_flush(struct Subscriber *self)
{
	struct TcgState *state = self->data;
	struct TcgFrame frame;
	const struct TcgCallback *callback = enter(&frame, state, TCG_FLUSH, TCG_NO_CPU, "flush callback");

	if (!callback)
		return;
	if (has_userdata(state))
		((qemu_plugin_udata_cb_t)callback->fn)(callback->userdata);
	else
		((IdOnly *)callback->fn)(state->id);
	tcg_leave(&frame);
}

/* -- registering ------------------------------------------------------------------------------------------------------------- */

void tcg_subscribe(struct TcgState *state, enum TcgEvent event)
{
	struct Subscriber *s = &state->subscriber;

	switch (event) {
	case TCG_INIT: s->on_cpu_init = on_cpu_init; break;
	case TCG_EXIT: s->on_cpu_exit = on_cpu_exit; break;
	case TCG_TRANS: s->on_translate = tcg_on_translate; break;
	case TCG_SYSCALL: case TCG_FILTER: s->on_syscall = on_syscall; break;
	case TCG_SYSCALL_RET: s->on_syscall_return = on_syscall_return; break;
	case TCG_DISCON: s->on_exception = on_exception; break;
	case TCG_FLUSH: s->on_flush = on_flush; break;
	case TCG_IDLE: case TCG_RESUME: case TCG_ATEXIT: case TCG_EVENTS: return;
	}
	subscriber_changed();
}

void tcg_register(qemu_plugin_id_t id, enum TcgEvent event, void *fn, void *userdata, const char *function, const void *caller)
{
	struct TcgState *state = tcg_state(id, function, caller);
	struct TcgCallback *callback = NULL;

	if (!state)
		return;
	if (fn) {
		callback = g_new(struct TcgCallback, 1);
		*callback = (struct TcgCallback){ .fn = fn, .userdata = has_userdata(state) || event == TCG_ATEXIT ? userdata : NULL };
	}
	pthread_mutex_lock(&lock);
	int phase = atomic_load(&state->phase);
	if (phase == TCG_INSTALLING || phase == TCG_RUNNING) {
		callback = atomic_exchange(&state->callbacks[event], callback);
		if (callback) {
			callback->retired = state->retired;
			state->retired = callback;
		}
		tcg_subscribe(state, event);
	} else {
		g_free(callback);       /* on its way out: ignored */
	}
	pthread_mutex_unlock(&lock);
}

/* Libraries of versions before 7 leave the last argument unset, and it is not looked at for them. */
#define REGISTER(function, type, event)                                                         \
	void function(qemu_plugin_id_t id, type cb, void *userdata)                             \
	{                                                                                       \
		tcg_register(id, event, cb, userdata, #function, TCG_CALLER);                   \
	}

REGISTER(qemu_plugin_register_vcpu_init_cb, qemu_plugin_vcpu_udata_cb_t, TCG_INIT)
REGISTER(qemu_plugin_register_vcpu_exit_cb, qemu_plugin_vcpu_udata_cb_t, TCG_EXIT)
REGISTER(qemu_plugin_register_vcpu_idle_cb, qemu_plugin_vcpu_udata_cb_t, TCG_IDLE)
REGISTER(qemu_plugin_register_vcpu_resume_cb, qemu_plugin_vcpu_udata_cb_t, TCG_RESUME)
REGISTER(qemu_plugin_register_vcpu_tb_trans_cb, qemu_plugin_vcpu_tb_trans_cb_t, TCG_TRANS)
REGISTER(qemu_plugin_register_vcpu_syscall_cb, qemu_plugin_vcpu_syscall_cb_t, TCG_SYSCALL)
REGISTER(qemu_plugin_register_vcpu_syscall_ret_cb, qemu_plugin_vcpu_syscall_ret_cb_t, TCG_SYSCALL_RET)
REGISTER(qemu_plugin_register_vcpu_syscall_filter_cb, qemu_plugin_vcpu_syscall_filter_cb_t, TCG_FILTER)
REGISTER(qemu_plugin_register_flush_cb, qemu_plugin_udata_cb_t, TCG_FLUSH)
REGISTER(qemu_plugin_register_atexit_cb, qemu_plugin_udata_cb_t, TCG_ATEXIT)

void qemu_plugin_register_vcpu_discon_cb(qemu_plugin_id_t id, enum qemu_plugin_discon_type type, qemu_plugin_vcpu_discon_cb_t cb,
					 void *userdata)
{
	struct TcgState *state = tcg_state(id, __func__, TCG_CALLER);

	if (!state)
		return;
	atomic_store(&state->discon, type);
	tcg_register(id, TCG_DISCON, cb, userdata, __func__, TCG_CALLER);
}

/* -- vcpus --------------------------------------------------------------------------------------------------------------------- */

static void collect(struct Cpu *cpu, void *data)
{
	if (cpu->instrument)
		g_array_append_val((GArray *)data, cpu->index);
}

void qemu_plugin_vcpu_for_each(qemu_plugin_id_t id, qemu_plugin_vcpu_udata_cb_t cb, void *userdata)
{
	struct TcgState *state = tcg_state(id, __func__, TCG_CALLER);
	struct TcgFrame frame;
	struct Cpu *cpu;

	if (!state || !cb || !tcg_enter(&frame, state, tcg_access(&cpu), "vcpu_for_each callback"))
		return;
	GArray *indices = g_array_new(FALSE, FALSE, sizeof(unsigned));
	cpu_for_each(collect, indices);
	for (unsigned i = 0; i < indices->len; i++)
		if (has_userdata(state))
			cb(g_array_index(indices, unsigned, i), userdata);
		else
			((IdVcpu *)(void *)cb)(state->id, g_array_index(indices, unsigned, i));
	g_array_free(indices, TRUE);
	tcg_leave(&frame);
}

int qemu_plugin_num_vcpus(void)
{
	return instrument_vcpus();
}

int qemu_plugin_n_vcpus(void)
{
	return -1;
}

int qemu_plugin_n_max_vcpus(void)
{
	return -1;
}
