/* SPDX-License-Identifier: MIT */
/* x86-64 as plugin libraries and crash reports see it. */
#include <elf.h>
#include <string.h>
#include <ucontext.h>

#include "instrument/host/machine.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Whether the mnemonic's last two letters say that it works on floating-point elements. */
static bool has_float_suffix(const char *name, size_t length)
{
	const char *end = name + length - 2;

	return length > 3 && (end[0] == 's' || end[0] == 'p') && (end[1] == 's' || end[1] == 'd');
}

/* Arithmetic on floating-point elements ends in ss, sd, ps or pd and begins with one of the stems; conversions and the like have names of their
 * own. All of x87 counts. The string instruction cmpsd counts as the comparison of the same name: rare, and only a cost. */
static bool computes(const char *name)
{
	static const char *const whole[] = { "cvt", "comis", "ucomis", "ldmxcsr", "fxrstor", "xrstor" };
	static const char *const stems[] = {
		"add", "sub", "mul", "div", "sqrt", "min", "max", "cmp", "hadd", "hsub", "dp", "round", "rndscale", "rcp", "rsqrt", "range",
		"reduce", "scalef", "getexp", "getmant", "fixup", "fmadd", "fmsub", "fnmadd", "fnmsub", "fmaddsub", "fmsubadd", "exp2", "fpclass",
	};

	if (name[0] == 'f')
		return true;
	if (name[0] == 'v')
		name++;
	for (size_t i = 0; i < COUNT(whole); i++)
		if (starts(name, whole[i]))
			return true;
	if (!has_float_suffix(name, strlen(name)))
		return false;
	for (size_t i = 0; i < COUNT(stems); i++)
		if (starts(name, stems[i]))
			return true;
	return false;
}

static bool stores_address(unsigned type)
{
	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64;
}

static uint64_t stack_pointer(const void *ucontext)
{
	const ucontext_t *uc = ucontext;

	return uc->uc_mcontext.gregs[REG_RSP];
}

const struct Machine machine = {
	.name = "x86_64", .elf_machine = EM_X86_64, .code = CAPSTONE_X86_64,
	.computes = computes, .stores_address = stores_address, .stack_pointer = stack_pointer,
};
