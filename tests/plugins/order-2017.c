/* SPDX-License-Identifier: MIT */
/* For tests/tcg/several: a plugin of the other interface that says what it is told first, and forgets all translations at its first system call. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "plugins.h"

static char name[32];
static bool done, flushing;

bool plugin_init(const char *args)
{
	strncpy(name, args ? args : "", sizeof name - 1);
	flushing = strstr(name, "flush") != NULL;
	qemulib_log("%s install\n", name);
	return true;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	const char *symbol = qemulib_lookup_symbol(pc);

	(void)cpu;
	return !done || (symbol && !strcmp(symbol, "leaf"));
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	if (done) {
		uint64_t value = 0;
		int t6 = qemulib_register_id("t6");
		(void)pc;
		qemulib_read_register(cpu, (uint8_t *)&value, t6);
		qemulib_log("%s leaf sees %d\n", name, (int)value);
		value = name[strlen(name) - 1] - '0';
		qemulib_write_register(cpu, (const uint8_t *)&value, t6);
		return;
	}
	done = true;
	qemulib_log("%s insn\n", name);
	if (flushing)
		qemulib_flush();
	flushing = false;
}

void plugin_exit(void)
{
	qemulib_log("%s exit\n", name);
}
