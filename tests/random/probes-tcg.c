/* SPDX-License-Identifier: MIT */
/* Probes of the TCG interface at random places: seed=N chooses them; model=on computes what they must see; trace=on prints each event. See probes.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-plugin.h"
#include "tests/random/probes.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static bool model;

/* An instrumented instruction. */
struct Site {
	uint64_t pc;
	uint32_t loaded;        /* x and f registers that its accesses may set: not looked at by callbacks behind them */
};

/* A block as it runs. */
struct Piece {
	uint64_t start, end, ninsns;
};

/* What the inline operations work on, of the one vcpu. */
struct Cells {
	uint64_t sum, last, gate, bytes, insns, blocks, adds, mixed, addresses;
};
static struct qemu_plugin_scoreboard *score;
static struct Cells modelled;
static const struct Piece *running;
static uint64_t called_blocks;

static struct Cells *cells(void)
{
	return model ? &modelled : qemu_plugin_scoreboard_find(score, 0);
}

static void say(const char *format, ...)
{
	char line[200];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	qemu_plugin_outs(line);
}

enum Kind {
	CALL, READ, WRITE, COUNT, STORE, GATE, MATCH, SHORT_READ, SHORT_ADD, SHORT_MIX, INSN_KINDS,
	MEM_CALL = INSN_KINDS, MEM_READ, MEM_COUNT, MEM_STORE, MEM_SHORT, KINDS,
	BLOCK_SUM = KINDS, BLOCK_CALL, BLOCK_READ, BLOCK_GATE, ALL_KINDS,
};
_Static_assert((int)ALL_KINDS <= (int)EVENTS, "room in the account");
static const char *const kind_names[KINDS] = {
	"call", "read", "write", "count", "store", "gate", "match", "short read", "short add", "short mix",
	"mem call", "mem read", "mem count", "mem store", "mem short",
};

/* -- registers ---------------------------------------------------------------------------------------------------- */

enum { F0 = 32, PC = 64, FCSR, FFLAGS, REGISTERS };
static struct qemu_plugin_register *registers[REGISTERS];
static GByteArray *buffer;

static void find_registers(void)
{
	GArray *all = qemu_plugin_get_registers();

	for (unsigned i = 0; i < all->len; i++) {
		const qemu_plugin_reg_descriptor *d = &g_array_index(all, qemu_plugin_reg_descriptor, i);
		/* the table begins with x0 to x31, pc, f0 to f31 */
		unsigned at = i < 32 ? i : i == 32 ? PC : i < 65 ? i - 33 + F0 : !strcmp(d->name, "fcsr") ? FCSR :
			      !strcmp(d->name, "fflags") ? FFLAGS : REGISTERS;
		if (at < REGISTERS)
			registers[at] = d->handle;
	}
	g_array_free(all, TRUE);
	buffer = g_byte_array_new();
}

static uint64_t get(unsigned reg)
{
	uint64_t value = 0;

	g_byte_array_set_size(buffer, 0);
	if (!qemu_plugin_read_register(registers[reg], buffer) || buffer->len != 8)
		complain("register cannot be read", reg, buffer->len);
	else
		memcpy(&value, buffer->data, 8);
	return value;
}

static void put(unsigned reg, uint64_t value)
{
	g_byte_array_set_size(buffer, 0);
	g_byte_array_append(buffer, (const guint8 *)&value, 8);
	if (!qemu_plugin_write_register(registers[reg], buffer))
		complain("register cannot be written", reg, value);
}

/* A hash of some registers, sometimes of all; those in WITHOUT are left out. */
static uint64_t look(const struct Site *site, unsigned kind, uint32_t without)
{
	uint64_t random = lot(site->pc, kind), hash = 0;
	bool all = random % 8 == 0;

	for (unsigned i = 0, n = all ? PC : 1 + (random >> 8) % 4; i < n; i++, random = mix(random, i)) {
		unsigned reg = all ? i : random % PC;
		if (!(without >> reg % 32 & 1))
			hash = mix(hash, get(reg));
	}
	if (random % 3 == 0)
		hash = mix(hash, get(FCSR));
	if (get(PC) != site->pc)
		complain("pc differs", site->pc, get(PC));
	return hash;
}

/* -- callbacks short enough to be put in line; what they use changes now and then --------------------------------------------- */

static struct qemu_plugin_register *short_register;
static qemu_plugin_u64 sum_cell, adds_cell, mixed_cell;
static uint64_t short_sum;

static void change_register(void)
{
	static unsigned at = 10, count;

	if (!short_register || ++count % 64 == 0)
		short_register = registers[at = (at + 7) % FCSR];
}

static void on_short_read(unsigned vcpu, void *data)
{
	uint64_t value;

	(void)vcpu, (void)data;
	g_byte_array_set_size(buffer, 0);
	qemu_plugin_read_register(short_register, buffer);
	memcpy(&value, buffer->data, sizeof value);
	short_sum += value;
}

static void on_short_add(unsigned vcpu, void *data)
{
	(void)data;
	qemu_plugin_u64_add(adds_cell, vcpu, 3);
	qemu_plugin_u64_add(sum_cell, vcpu, 1);
}

static void on_short_mix(unsigned vcpu, void *data)
{
	(void)data;
	qemu_plugin_u64_set(mixed_cell, vcpu, qemu_plugin_u64_get(mixed_cell, vcpu) * 3 + qemu_plugin_u64_get(adds_cell, vcpu));
}

static void on_mem_short(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct Cells *c = qemu_plugin_scoreboard_find(score, vcpu);

	(void)info, (void)data;
	c->addresses += vaddr;
}

/* -- what callbacks do; vcpu is always 0 ------------------------------------------------------------------------------ */

static void on_call(unsigned vcpu, void *data)
{
	const struct Site *site = data;

	(void)vcpu;
	change_register();
	if (running && site->pc - running->start >= running->end - running->start)
		complain("instruction outside its block", site->pc, running->start);
	note(CALL, kind_names[CALL], site->pc, 0);
}

static void on_read(unsigned vcpu, void *data)
{
	const struct Site *site = data;

	(void)vcpu;
	note(READ, kind_names[READ], site->pc, look(site, READ, 0));
}

static void on_write(unsigned vcpu, void *data)
{
	const struct Site *site = data;
	uint64_t random = lot(site->pc, WRITE);
	unsigned choice = (random >> 16) % 8, reg = choice == 0 ? FFLAGS : choice < 4 ? F0 + random % 32 : writable(random);
	uint64_t value = get(reg) ^ mix(random, account[WRITE].count);

	(void)vcpu;
	if (reg == FFLAGS)
		value &= 31;
	if (random >> 32 & 1)
		note(WRITE, kind_names[WRITE], site->pc, look(site, WRITE, 0));
	put(reg, value);
	if (get(reg) != value)
		complain("register is not what was written", site->pc, reg);
	note(WRITE, kind_names[WRITE], site->pc, value);
}

static void on_gate(unsigned vcpu, void *data)
{
	const struct Site *site = data;

	(void)vcpu;
	note(GATE, kind_names[GATE], site->pc, mix(cells()->gate, look(site, GATE, 0)));
	cells()->gate = lot(site->pc, GATE) % 16;
}

static void on_match(unsigned vcpu, void *data)
{
	const struct Site *site = data;

	(void)vcpu;
	note(MATCH, kind_names[MATCH], site->pc, cells()->last);
}

static uint64_t value_of(qemu_plugin_meminfo_t info)
{
	qemu_plugin_mem_value v = qemu_plugin_mem_get_value(info);

	switch (v.type) {
	case QEMU_PLUGIN_MEM_VALUE_U8: return v.data.u8;
	case QEMU_PLUGIN_MEM_VALUE_U16: return v.data.u16;
	case QEMU_PLUGIN_MEM_VALUE_U32: return v.data.u32;
	case QEMU_PLUGIN_MEM_VALUE_U64: return v.data.u64;
	default: return mix(v.data.u128.low, v.data.u128.high);
	}
}

static uint64_t access_hash(qemu_plugin_meminfo_t info, uint64_t vaddr)
{
	unsigned is = qemu_plugin_mem_size_shift(info) << 2 | qemu_plugin_mem_is_store(info) << 1 | qemu_plugin_mem_is_sign_extended(info);

	return mix(mix(vaddr, is), value_of(info));
}

static void on_mem_call(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	const struct Site *site = data;

	(void)vcpu;
	note(MEM_CALL, kind_names[MEM_CALL], site->pc, access_hash(info, vaddr));
}

static void on_mem_read(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	const struct Site *site = data;
	size_t size = (size_t)1 << qemu_plugin_mem_size_shift(info);
	uint64_t there = 0;

	(void)vcpu;
	g_byte_array_set_size(buffer, 0);
	if (!qemu_plugin_read_memory_vaddr(vaddr, buffer, size) || buffer->len != size)
		complain("memory cannot be read", site->pc, vaddr);
	else
		memcpy(&there, buffer->data, MIN(size, sizeof there));
	note(MEM_READ, kind_names[MEM_READ], site->pc, mix(there, mix(access_hash(info, vaddr), look(site, MEM_READ, site->loaded))));
}

/* -- the probes of one place --------------------------------------------------------------------------------------------- */

enum { GATE_LIMIT = 40, VALUES = 8 };

static uint64_t added(const struct Site *site, unsigned kind)
{
	return 1 + lot(site->pc, kind) % 3 * (lot(site->pc, kind) >> 20 & 0xffff);
}

static uint64_t stored(const struct Site *site, unsigned kind)
{
	return (lot(site->pc, kind) >> 8) % VALUES;
}

static enum qemu_plugin_mem_rw direction(const struct Site *site, unsigned kind)
{
	return 1 + (lot(site->pc, kind) >> 16) % 3;
}

static enum qemu_plugin_cond condition(const struct Site *site)
{
	return (lot(site->pc, MATCH) >> 16) % (QEMU_PLUGIN_COND_GE + 1);
}

static bool holds(enum qemu_plugin_cond cond, uint64_t a, uint64_t b)
{
	switch (cond) {
	case QEMU_PLUGIN_COND_NEVER: return false;
	case QEMU_PLUGIN_COND_ALWAYS: return true;
	case QEMU_PLUGIN_COND_EQ: return a == b;
	case QEMU_PLUGIN_COND_NE: return a != b;
	case QEMU_PLUGIN_COND_LT: return a < b;
	case QEMU_PLUGIN_COND_LE: return a <= b;
	case QEMU_PLUGIN_COND_GT: return a > b;
	case QEMU_PLUGIN_COND_GE: return a >= b;
	}
	return false;
}

static qemu_plugin_u64 cell(size_t offset)
{
	return (qemu_plugin_u64){ score, offset };
}

#define CELL(member) cell(offsetof(struct Cells, member))

static void insert(struct qemu_plugin_insn *insn, struct Site *site, enum Kind kind)
{
	enum qemu_plugin_mem_rw rw = direction(site, kind);

	switch (kind) {
	case CALL:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_call, QEMU_PLUGIN_CB_NO_REGS, site);
		break;
	case READ:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_read, QEMU_PLUGIN_CB_R_REGS, site);
		break;
	case WRITE:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_write, QEMU_PLUGIN_CB_RW_REGS, site);
		break;
	case COUNT:
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, CELL(sum), added(site, COUNT));
		break;
	case STORE:
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, CELL(last), stored(site, STORE));
		break;
	case GATE:
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, CELL(gate), 1);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_gate, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_GE, CELL(gate), GATE_LIMIT,
							    site);
		break;
	case MATCH:
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, on_match, QEMU_PLUGIN_CB_NO_REGS, condition(site), CELL(last),
							    stored(site, MATCH), site);
		break;
	case SHORT_READ:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_short_read, QEMU_PLUGIN_CB_R_REGS, NULL);
		break;
	case SHORT_ADD:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_short_add, QEMU_PLUGIN_CB_NO_REGS, NULL);
		break;
	case SHORT_MIX:
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_short_mix, QEMU_PLUGIN_CB_NO_REGS, NULL);
		break;
	case MEM_SHORT:
		qemu_plugin_register_vcpu_mem_cb(insn, on_mem_short, QEMU_PLUGIN_CB_NO_REGS, rw, NULL);
		break;
	case MEM_CALL:
		qemu_plugin_register_vcpu_mem_cb(insn, on_mem_call, QEMU_PLUGIN_CB_NO_REGS, rw, site);
		break;
	case MEM_READ:
		qemu_plugin_register_vcpu_mem_cb(insn, on_mem_read, QEMU_PLUGIN_CB_R_REGS, rw, site);
		break;
	case MEM_COUNT:
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, rw, QEMU_PLUGIN_INLINE_ADD_U64, CELL(bytes), added(site, MEM_COUNT));
		break;
	case MEM_STORE:
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, rw, QEMU_PLUGIN_INLINE_STORE_U64, CELL(last), stored(site, MEM_STORE));
		break;
	default:
		break;
	}
}

/* -- the model ------------------------------------------------------------------------------------------------------------ */

static bool has(const struct Site *site, enum Kind kind)
{
	return chosen(site->pc, kind) && (kind != WRITE || may_write(site->pc));
}

/* The kinds of one place come in an order of the place's own: the first of them is this, the others follow. */
static unsigned turn(const struct Site *site, unsigned count)
{
	return (mix(seed, site->pc) >> 24) % count;
}

static void model_insn(unsigned vcpu, void *data)
{
	struct Site *site = data;

	modelled.insns++;
	for (unsigned i = 0; i < INSN_KINDS; i++) {
		enum Kind kind = (i + turn(site, INSN_KINDS)) % INSN_KINDS;
		if (!has(site, kind))
			continue;
		switch (kind) {
		case CALL: on_call(vcpu, data); break;
		case READ: on_read(vcpu, data); break;
		case WRITE: on_write(vcpu, data); break;
		case COUNT: modelled.sum += added(site, COUNT); break;
		case STORE: modelled.last = stored(site, STORE); break;
		case GATE:
			if (++modelled.gate >= GATE_LIMIT)
				on_gate(vcpu, data);
			break;
		case SHORT_READ: on_short_read(vcpu, data); break;
		case SHORT_ADD:
			modelled.adds += 3;
			modelled.sum++;
			break;
		case SHORT_MIX: modelled.mixed = modelled.mixed * 3 + modelled.adds; break;
		default:
			if (holds(condition(site), modelled.last, stored(site, MATCH)))
				on_match(vcpu, data);
		}
	}
}

static void model_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct Site *site = data;
	enum { COUNT_OF = KINDS - INSN_KINDS };

	for (unsigned i = 0; i < COUNT_OF; i++) {
		enum Kind kind = INSN_KINDS + (i + turn(site, COUNT_OF)) % COUNT_OF;
		if (!has(site, kind) || !(direction(site, kind) & (qemu_plugin_mem_is_store(info) ? QEMU_PLUGIN_MEM_W : QEMU_PLUGIN_MEM_R)))
			continue;
		switch (kind) {
		case MEM_CALL: on_mem_call(vcpu, info, vaddr, data); break;
		case MEM_READ: on_mem_read(vcpu, info, vaddr, data); break;
		case MEM_COUNT: modelled.bytes += added(site, MEM_COUNT); break;
		case MEM_SHORT: modelled.addresses += vaddr; break;
		default: modelled.last = stored(site, MEM_STORE);
		}
	}
}

/* -- blocks: where they begin is not the guest's matter, so their probes only check ------------------------------------------ */

static void on_block(unsigned vcpu, void *data)
{
	(void)vcpu;
	running = data;
	called_blocks++;
}

static void on_block_read(unsigned vcpu, void *data)
{
	const struct Piece *piece = data;

	(void)vcpu;
	if (get(PC) != piece->start)
		complain("pc differs at a block", piece->start, get(PC));
}

static void on_block_gate(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	cells()->blocks -= GATE_LIMIT;
	account[BLOCK_GATE].count++;
}

static bool everywhere(enum Kind kind)
{
	return mix(seed, kind + 2000) & 1;
}

static void insert_block(struct qemu_plugin_tb *tb, struct Piece *piece)
{
	if (everywhere(BLOCK_SUM))
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, CELL(insns), piece->ninsns);
	if (chosen(piece->start, BLOCK_READ))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block_read, QEMU_PLUGIN_CB_R_REGS, piece);
	if (everywhere(BLOCK_CALL))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, piece);
	if (everywhere(BLOCK_GATE)) {
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, CELL(blocks), 1);
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_block_gate, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GT, CELL(blocks),
							  GATE_LIMIT, piece);
	}
}

/* -- the plugin -------------------------------------------------------------------------------------------------------------- */

static uint32_t loaded_registers(const struct qemu_plugin_insn *insn)
{
	uint8_t bytes[4] = { 0 };

	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof bytes);
	uint32_t rd = 1u << ((bytes[0] >> 7 | bytes[1] << 1) & 31);
	return size == 2 ? rd | 0xff00 : rd;
}

/* A description of an instruction or block that lasts: the same when it is translated again. */
static void *keep(GHashTable **table, uint64_t key, const void *value, size_t size)
{
	if (!*table)
		*table = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	void *kept = g_hash_table_lookup(*table, &key);
	if (!kept || memcmp(kept, value, size)) {
		gint64 *stored_key = g_new(gint64, 1);
		*stored_key = key;
		if (kept)
			g_hash_table_steal(*table, &key);       /* code that uses it may still run */
		kept = g_memdup2(value, size);
		g_hash_table_insert(*table, stored_key, kept);
	}
	return kept;
}

static void translated(struct qemu_plugin_tb *tb, void *userdata)
{
	static GHashTable *sites, *pieces;
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, n - 1);
	struct Piece piece = { qemu_plugin_tb_vaddr(tb), qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last), n };

	(void)userdata;
	if (!buffer) {
		find_registers();
		change_register();
	}
	if (!model)
		insert_block(tb, keep(&pieces, piece.start, &piece, sizeof piece));
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct Site site = { .pc = qemu_plugin_insn_vaddr(insn), .loaded = loaded_registers(insn) };
		struct Site *kept = keep(&sites, site.pc, &site, sizeof site);
		if (model) {
			qemu_plugin_register_vcpu_insn_exec_cb(insn, model_insn, QEMU_PLUGIN_CB_RW_REGS, kept);
			qemu_plugin_register_vcpu_mem_cb(insn, model_access, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_MEM_RW, kept);
			continue;
		}
		for (unsigned k = 0; k < INSN_KINDS; k++) {
			enum Kind kind = (k + turn(kept, INSN_KINDS)) % INSN_KINDS;
			if (has(kept, kind))
				insert(insn, kept, kind);
		}
		enum { COUNT_OF = KINDS - INSN_KINDS };
		for (unsigned k = 0; k < COUNT_OF; k++) {
			enum Kind kind = INSN_KINDS + (k + turn(kept, COUNT_OF)) % COUNT_OF;
			if (has(kept, kind))
				insert(insn, kept, kind);
		}
	}
}

static void ended(void *userdata)
{
	const struct Cells *c = cells();

	(void)userdata;
	print_account(kind_names, KINDS);
	say("sum %" PRIu64 " last %" PRIu64 " gate %" PRIu64 " bytes %" PRIu64 "\n", c->sum, c->last, c->gate, c->bytes);
	say("short %016" PRIx64 " adds %" PRIu64 " mixed %016" PRIx64 " addresses %016" PRIx64 "\n", short_sum, c->adds, c->mixed, c->addresses);
	if (everywhere(BLOCK_SUM))
		say("instructions %" PRIu64 "\n", c->insns);
	if (everywhere(BLOCK_GATE) && everywhere(BLOCK_CALL) && !model &&
	    called_blocks != c->blocks + GATE_LIMIT * account[BLOCK_GATE].count)
		complain("blocks are not what was counted", called_blocks, c->blocks);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "seed=", 5))
			seed = mix(strtoull(argv[i] + 5, NULL, 0), 0);
		else if (strncmp(argv[i], "model=", 6) || !qemu_plugin_bool_parse("model", argv[i] + 6, &model))
			if (strncmp(argv[i], "trace=", 6) || !qemu_plugin_bool_parse("trace", argv[i] + 6, &trace))
				return fprintf(stderr, "probes: seed=N, model=on and trace=on are what it takes, not '%s'\n", argv[i]);
	}
	score = qemu_plugin_scoreboard_new(sizeof(struct Cells));
	sum_cell = CELL(sum);
	adds_cell = CELL(adds);
	mixed_cell = CELL(mixed);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
