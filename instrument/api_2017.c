/* SPDX-License-Identifier: MIT */
/* The plugin interface of 2017, with the additions that plugins.h documents: maps its functions to probes and events. */
#include <dlfcn.h>
#include <glib.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "instrument/loader.h"
#include "instrument/log.h"
#include "instrument/probe.h"
#include "instrument/symbols.h"
#include "plugins/include/plugins.h"
#include "target/linux/linux.h"
#include "translator/host/host.h"
#include "translator/intrinsic.h"
#include "translator/translate.h"

typedef bool Needs(uint64_t pc, void *cpu);
typedef void Before(uint64_t pc, void *cpu);
typedef void BeforeMem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store);

enum Pair { PAIR_TB, PAIR_INSN, PAIR_MEM, PAIRS };

struct State {
	struct Subscriber subscriber;
	struct Plugin *plugin;
	char *args;                     /* NULL: none given */
	bool (*init)(const char *args);
	void (*exit)(void);
	Needs *needs[PAIRS];
	union {
		void *any;
		Before *plain;
		BeforeMem *mem;
	} before[PAIRS];
	bool is_static;                 /* needs are asked at translation only */
};

/* -- from translated code ------------------------------------------------------------------------------------------------- */

static bool ask(const struct State *state, enum Pair pair, uint64_t pc, void *cpu);

/* What is called where needs are asked again at each execution; one for each pair, so that the pair costs no argument. */
static void run_tb(struct State *state, uint64_t pc, struct Cpu *cpu)
{
	if (ask(state, PAIR_TB, pc, cpu) && state->before[PAIR_TB].plain)
		state->before[PAIR_TB].plain(pc, cpu);
}

static void run_insn(struct State *state, uint64_t pc, struct Cpu *cpu)
{
	if (ask(state, PAIR_INSN, pc, cpu) && state->before[PAIR_INSN].plain)
		state->before[PAIR_INSN].plain(pc, cpu);
}

static void run_mem(struct State *state, uint64_t pc, struct Cpu *cpu, uint64_t vaddr, uint64_t size, uint64_t is_store)
{
	if (ask(state, PAIR_MEM, pc, cpu) && state->before[PAIR_MEM].mem)
		state->before[PAIR_MEM].mem(pc, cpu, vaddr, size, is_store);
}

/* The three pairs: how they are called and where they go. */
static const struct {
	const char *needs_name, *before_name;
	void *run;
	enum ProbePlace place;
	uint8_t args[6];                /* of `before`; `run` takes the state before them */
} pairs[PAIRS] = {
	[PAIR_TB] = { "plugin_needs_before_tb", "plugin_before_tb", run_tb, PROBE_BLOCK, { ARG_PC, ARG_CPU } },
	[PAIR_INSN] = { "plugin_needs_before_insn", "plugin_before_insn", run_insn, PROBE_INSN, { ARG_PC, ARG_CPU } },
	[PAIR_MEM] = { "plugin_needs_before_mem", "plugin_before_mem", run_mem, PROBE_MEM_BEFORE,
		       { ARG_PC, ARG_CPU, ARG_VADDR, ARG_SIZE, ARG_IS_STORE } },
};

static inline bool ask(const struct State *state, enum Pair pair, uint64_t pc, void *cpu)
{
	return state->needs[pair](pc, cpu);
}

/* -- translation ------------------------------------------------------------------------------------------------------------ */

/* Whether a needs function is seen to do nothing but give one answer, so that there is no use in asking it again. */
static bool answers_always(Needs *needs)
{
	struct FunctionFacts facts;

	return host->examine && host->examine((const void *)needs, &facts) && facts.constant;
}

/* Asks for one place, and attaches what the answer asks for. */
static void place(struct State *state, struct ProbeUnit *unit, enum Pair pair, uint64_t pc, unsigned index)
{
	const struct Plugin *plugin = state->plugin;
	struct Cpu *cpu = probe_cpu(unit);
	struct Probe probe = {
		.kind = PROBE_CALL, .cond = COND_ALWAYS, .mem = PROBE_LOADS | PROBE_STORES, .fp = plugin->uses_fp, .owner = state->plugin,
		.access = plugin->writes_registers ? PROBE_REGISTERS_WRITE : plugin->reads_registers ? PROBE_REGISTERS : PROBE_NOTHING,
	};

	if (!state->needs[pair])
		return;
	struct Calling outer = calling_enter(plugin, pairs[pair].needs_name);
	uint64_t at = cpu->pc;
	cpu->pc = pc;           /* for a plugin that reads it */
	bool wanted = ask(state, pair, pc, cpu);
	cpu->pc = at;
	calling_leave(outer);
	if (!wanted)
		return;
	if (!state->is_static && !answers_always(state->needs[pair])) {
		probe.fn = pairs[pair].run;
		probe.args[0] = ARG_DATA;
		probe.data = state;
		memcpy(probe.args + 1, pairs[pair].args, sizeof pairs[pair].args);
	} else {
		probe.fn = state->before[pair].any;
		memcpy(probe.args, pairs[pair].args, sizeof pairs[pair].args);
	}
	probe.name = pairs[pair].before_name;
	if (probe.fn)
		probe_attach(unit, pairs[pair].place, index, &probe);
}
_Static_assert(sizeof pairs[0].args + 1 <= sizeof((struct Probe *)0)->args, "the state and all arguments fit a probe");

static void on_translate(struct Subscriber *self, struct ProbeUnit *unit)
{
	struct State *state = self->data;

	place(state, unit, PAIR_TB, probe_block_pc(unit), 0);
	for (unsigned i = 0; i < probe_ninsns(unit); i++) {
		uint64_t pc = probe_insn(unit, i)->pc;
		place(state, unit, PAIR_INSN, pc, i);
		if (probe_insn_accesses(unit, i))
			place(state, unit, PAIR_MEM, pc, i);
	}
}

static void on_exit_event(struct Subscriber *self)
{
	struct State *state = self->data;
	struct Calling outer = calling_enter(state->plugin, "plugin_exit");

	state->exit();
	calling_leave(outer);
}

/* -- loading ---------------------------------------------------------------------------------------------------------------- */

static bool recognises(void *handle)
{
	static const char *const names[] = { "plugin_init", "plugin_before_insn", "plugin_before_tb", "plugin_before_mem" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (dlsym(handle, names[i]))
			return true;
	for (int i = 0; i < PAIRS; i++)
		if (dlsym(handle, pairs[i].needs_name))
			return true;
	return false;
}

static bool explain_read_register(struct Call *call);

static bool load(struct Plugin *plugin, const struct Scan *scan, char **error)
{
	struct State *state = g_new0(struct State, 1);
	const bool *is_static = dlsym(plugin->handle, "plugin_needs_is_static");
	bool any = false;

	(void)scan;
	for (unsigned i = 0; i < plugin->noptions; i++) {
		const struct PluginOption *option = &plugin->options[i];
		if (strcmp(option->key, "args") == 0 && option->value) {
			state->args = option->value;
		} else if (strcmp(option->key, "id") != 0 || !option->value) {
			*error = g_strdup_printf("it does not take '%s'; this kind takes file=PATH and args=STRING, a comma in STRING is written "
						 "twice", option->key);
			g_free(state);
			return false;
		}
	}
	state->plugin = plugin;
	state->is_static = is_static && *is_static;
	state->init = (bool (*)(const char *))dlsym(plugin->handle, "plugin_init");
	state->exit = (void (*)(void))dlsym(plugin->handle, "plugin_exit");
	for (int i = 0; i < PAIRS; i++) {
		state->needs[i] = (Needs *)dlsym(plugin->handle, pairs[i].needs_name);
		state->before[i].any = dlsym(plugin->handle, pairs[i].before_name);
		any |= state->needs[i] != NULL;
		if (!state->needs[i] && state->before[i].any && log_wants(LOG_PLUGIN))
			log_printf("plugin %s: %s is never called, for there is no %s\n", plugin->path, pairs[i].before_name,
				   pairs[i].needs_name);
	}
	state->subscriber = (struct Subscriber){
		.owner = plugin, .data = state, .on_translate = any ? on_translate : NULL, .on_exit = state->exit ? on_exit_event : NULL,
	};
	plugin->state = state;
	intrinsic_add((const void *)(uintptr_t)qemulib_read_register, explain_read_register);
	return true;
}

static bool init(struct Plugin *plugin, char **error)
{
	struct State *state = plugin->state;
	struct Calling outer = calling_enter(plugin, "plugin_init");
	bool good = !state->init || state->init(state->args);

	calling_leave(outer);
	if (good)
		subscriber_add(&state->subscriber);
	else if (state->args)
		*error = g_strdup_printf("its plugin_init refused the arguments '%s' or failed", state->args);
	else
		*error = g_strdup("its plugin_init failed; it may want args=STRING");
	return good;
}

const struct PluginApi plugin_api_2017 = {
	.name = "the plugin interface of 2017 (plugin_init)", .recognises = recognises, .load = load, .init = init,
	.read_register = "qemulib_read_register", .write_register = "qemulib_write_register",
};

/* -- register numbers ------------------------------------------------------------------------------------------------------- */

/* The numbers of this interface by guest: up to `same` they are gdb's of today; from `csr` on, control registers by their address;
 * what neither has comes behind, in the order of the guest's table. */
static const struct Numbering {
	const char *guest;
	unsigned same, csr, csr_count;
	const char *csr_feature, *csr_first;    /* a control register whose address is csr_first_address */
	unsigned csr_first_address;
} numberings[] = {
	{ "riscv64", 65, 65, 4096, "org.gnu.gdb.riscv.csr", "fflags", 1 },
};

static struct {
	const struct Register **by_id;
	unsigned count;
	/* By number: where the 64 bits of a register are that is nothing but these, plus one; else 0. Empty until register_by_id() was called. */
	uint32_t *plain;
	unsigned nplain;
} registers;

static void number_registers(void)
{
	const struct Guest *guest = translator.guest;
	const struct Numbering *n = NULL;
	unsigned top = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(numberings); i++)
		if (strcmp(numberings[i].guest, guest->name) == 0)
			n = &numberings[i];
	for (unsigned i = 0; i < guest->nregisters; i++)
		top = MAX(top, guest->registers[i].gdb + 1);
	if (n)
		top = n->csr + n->csr_count;
	const struct Register *first = n ? register_find(guest, n->csr_first) : NULL;
	registers.by_id = g_new0(const struct Register *, top + guest->nregisters);
	registers.count = top;
	for (unsigned i = 0; i < guest->nregisters; i++) {
		const struct Register *r = &guest->registers[i];
		unsigned id;
		if (!n || r->gdb < n->same)
			id = r->gdb;
		else if (first && strcmp(r->feature, n->csr_feature) == 0)
			id = n->csr + (r->gdb - first->gdb + n->csr_first_address);
		else
			id = registers.count++;
		registers.by_id[id] = r;
	}
	registers.plain = g_new0(uint32_t, registers.count);
	for (unsigned id = 0; id < registers.count; id++)
		if (registers.by_id[id] && register_is_plain(guest, registers.by_id[id]))
			registers.plain[id] = registers.by_id[id]->offset + 1;
	registers.nplain = registers.count;
}

/* The register with number ID, or NULL. */
static inline const struct Register *register_by_id(int id)
{
	static gsize numbered;

	if (g_once_init_enter(&numbered)) {
		number_registers();
		g_once_init_leave(&numbered, 1);
	}
	return id >= 0 && (unsigned)id < registers.count ? registers.by_id[id] : NULL;
}

/* Other names that people use: riscv's x10 and f10, s0. */
static int alias(const char *name)
{
	enum { RISCV_F0 = 33 };
	char *end;

	if (strcmp(translator.guest->name, "riscv64") != 0)
		return -1;
	if (strcmp(name, "s0") == 0)
		return 8;
	if ((name[0] != 'x' && name[0] != 'f') || !g_ascii_isdigit(name[1]))
		return -1;
	unsigned long n = strtoul(name + 1, &end, 10);
	return *end || n > 31 ? -1 : (int)(name[0] == 'f' ? RISCV_F0 + n : n);
}

/* -- what plugins call ---------------------------------------------------------------------------------------------------------- */

void qemulib_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vprintf(format, args);
	va_end(args);
}

int qemulib_read_memory(void *cpu, uint64_t addr, uint8_t *buf, int len)
{
	struct Cpu *c = cpu;

	return c && len >= 0 && (len == 0 || c->env->read_memory(c, addr, buf, len)) ? 0 : -1;
}

int qemulib_write_memory(void *cpu, uint64_t addr, const uint8_t *buf, int len)
{
	struct Cpu *c = cpu;

	return c && len >= 0 && (len == 0 || c->env->write_memory(c, addr, buf, len)) ? 0 : -1;
}

static __attribute__((noinline)) int read_any_register(void *cpu, uint8_t *buf, int reg)
{
	const struct Register *r = register_by_id(reg);

	return cpu && r ? (int)register_read(cpu, r, buf) : 0;
}

int qemulib_read_register(void *cpu, uint8_t *buf, int reg)
{
	uint32_t at = (unsigned)reg < registers.nplain ? registers.plain[reg] : 0;

	if (G_UNLIKELY(!at || !cpu))
		return read_any_register(cpu, buf, reg);
	memcpy(buf, (const char *)cpu + at - 1, sizeof(uint64_t));
	return sizeof(uint64_t);
}

/* The usual call, of a register that is nothing but 8 bytes. */
static bool explain_read_register(struct Call *call)
{
	const struct Register *reg;
	uint64_t id;

	return call->constant(call, 2, &id) && call->is_cpu(call, 0) && (reg = register_by_id((int)id)) && register_is_plain(translator.guest, reg) &&
	       call->store_register(call, (struct Address){ .arg = 1 }, reg) && call->give_constant(call, sizeof(uint64_t));
}

int qemulib_write_register(void *cpu, const uint8_t *buf, int reg)
{
	const struct Register *r = register_by_id(reg);

	return cpu && r && register_write(cpu, r, buf) ? r->size : 0;
}

int qemulib_register_id(const char *name)
{
	register_by_id(0);
	for (unsigned id = 0; id < registers.count; id++)
		if (registers.by_id[id] && strcmp(registers.by_id[id]->name, name) == 0)
			return id;
	return alias(name);
}

const char *qemulib_get_arch_name(void)
{
	return translator.guest ? translator.guest->name : "unknown";
}

int qemulib_get_cpuid(void *cpu)
{
	return ((struct Cpu *)cpu)->index;
}

const char *qemulib_lookup_symbol(uint64_t addr)
{
	return symbol_lookup(addr, NULL);
}

const char *qemulib_lookup_symbol_offset(uint64_t addr, uint64_t *offset)
{
	return symbol_lookup(addr, offset);
}

void qemulib_flush(void)
{
	cache_flush();
}

const char *qemulib_syscall_name(int64_t number)
{
	return translator.guest ? linux_syscall_name(translator.guest, number) : NULL;
}

void qemulib_for_each_module(qemulib_module_fn *fn, void *data)
{
	linux_for_each_module(fn, data);
}
