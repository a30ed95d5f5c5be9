/* SPDX-License-Identifier: MIT */
/* Reading and writing guest registers by the guest's table. */
#include <glib.h>
#include <string.h>

#include "instrument/probe.h"
#include "translator/translator.h"

enum { VALUE_BYTES = 8 };       /* of a computed register */

/* The bytes of VALUE in the guest's order, the SIZE low ones. */
static void store_value(const struct Guest *guest, uint64_t value, unsigned size, void *buf)
{
	value = guest->elf_data == 2 ? GUINT64_TO_BE(value << 8 * (VALUE_BYTES - size)) : GUINT64_TO_LE(value);
	memcpy(buf, &value, size);
}

static uint64_t load_value(const struct Guest *guest, unsigned size, const void *buf)
{
	uint64_t value = 0;

	memcpy(&value, buf, size);
	return guest->elf_data == 2 ? GUINT64_FROM_BE(value) >> 8 * (VALUE_BYTES - size) : GUINT64_FROM_LE(value);
}

unsigned register_read_any(struct Cpu *cpu, const struct Register *reg, void *buf)
{
	if (reg->get) {
		cpu->fflags |= cpu_fflags(cpu);
		store_value(cpu->guest, reg->get(cpu), reg->size, buf);
	} else if (reg->size <= VALUE_BYTES) {
		uint64_t value = 0;
		memcpy(&value, (const char *)cpu + reg->offset, reg->size);
		store_value(cpu->guest, GUINT64_FROM_LE(value), reg->size, buf);
	} else {
		memcpy(buf, (const char *)cpu + reg->offset, reg->size);
	}
	return reg->size;
}

/* Sets a computed register, unless the code that runs was translated for another state than would then be. The guest's function tells the
 * host of flags and rounding mode. */
static bool set_computed(struct Cpu *cpu, const struct Register *reg, uint64_t value)
{
	cpu->fflags |= cpu_fflags(cpu);
	uint32_t key = cpu->guest->block_key(cpu);
	uint64_t before = reg->get(cpu);

	reg->set(cpu, value);
	if (cpu->guest->block_key(cpu) != key) {
		reg->set(cpu, before);
		return false;
	}
	return true;
}

bool register_write(struct Cpu *cpu, const struct Register *reg, const void *buf)
{
	bool is_pc = !reg->get && reg->offset == offsetof(struct Cpu, pc);

	if (reg->read_only || is_pc)
		return false;
	if (reg->get)
		return reg->set && set_computed(cpu, reg, load_value(cpu->guest, reg->size, buf));
	if (reg->size <= VALUE_BYTES) {
		uint64_t value = GUINT64_TO_LE(load_value(cpu->guest, reg->size, buf));
		memcpy((char *)cpu + reg->offset, &value, reg->size);
	} else {
		memcpy((char *)cpu + reg->offset, buf, reg->size);
	}
	return true;
}

const struct Register *register_find(const struct Guest *guest, const char *name)
{
	for (unsigned i = 0; i < guest->nregisters; i++)
		if (strcmp(guest->registers[i].name, name) == 0)
			return &guest->registers[i];
	return NULL;
}
