/* SPDX-License-Identifier: MIT */
/* The argument kinds of -strace: names of flags and constants, and how each kind is printed. */
#ifndef FORERUN_STRACE_KINDS_H
#define FORERUN_STRACE_KINDS_H

#include "target/linux/strace.h"

/* Names of constants. The bits of MASK are one number, printed as the name that equals it; each further bit or group of bits has a name of
 * its own. Names of the number come first. */
struct FlagName {
	uint64_t value;
	const char *name;
};
struct FlagSet {
	const char *kind;               /* as in syscalls.def */
	uint64_t mask;
	const char *zero;               /* what 0 is called, NULL: "0" */
	const struct FlagName *names;   /* ended by a NULL name */
};
extern const struct FlagSet strace_flag_sets[];         /* ended by a NULL kind */
const struct FlagSet *strace_flags_find(const char *kind, size_t length);
/* Appends VALUE as names of SET joined by '|', what has no name in hexadecimal. */
void strace_flags(GString *text, const struct FlagSet *set, uint64_t value);

/* Prints VALUE; LENGTH is the argument behind the colon, 0 without. */
struct ArgumentKind {
	const char *name;
	void (*print)(struct Strace *strace, uint64_t value, uint64_t length);
	bool after;                     /* known only when the call has returned */
};
const struct ArgumentKind *strace_kind_find(const char *name, size_t length);
/* Appends an argument of kind WORD ("out:2"); an unknown kind is an assertion of ours. */
void strace_argument(struct Strace *strace, const char *word, size_t word_length, uint64_t value);
/* Whether WORD is known only after the call. */
bool strace_argument_after(const char *word, size_t word_length);

#endif
