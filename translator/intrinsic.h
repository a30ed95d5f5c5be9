/* SPDX-License-Identifier: MIT */
/* What functions that plugins call do, told in terms that a host can put in place of the call: a host that reads the machine code of a short callback asks here
 * when the code calls something.
 *
 * The one that offers a function gives an `explain`, which is asked about one call: it looks at what is known of the arguments, and says the effects in their
 * order. It may take for granted what it needs to know (`constant`, `word`): the host sees to it that the function itself is called when that is otherwise.
 * It calls nothing back that could translate, and does not keep the Call. */
#ifndef FORERUN_INTRINSIC_H
#define FORERUN_INTRINSIC_H

#include <stdbool.h>
#include <stdint.h>

struct Register;

/* Memory: the address that argument ARG has, plus DISP; DISP itself if ARG is NO_ARGUMENT. */
struct Address {
	int arg;
	uint64_t disp;
};
enum { NO_ARGUMENT = -1 };

/* A call that is being explained. Arguments are numbered from 0, one for each register that passes integers. */
struct Call {
	/* Argument ARG, if it can be a constant: *VALUE. False: no. */
	bool (*constant)(struct Call *call, unsigned arg, uint64_t *value);
	/* The SIZE (4 or 8) bytes of memory at ADDRESS, likewise. The address need not be mapped: false then. */
	bool (*word)(struct Call *call, uint64_t address, unsigned size, uint64_t *value);
	/* Whether ARG is the struct Cpu of the cpu at work, or its index (32 bits). */
	bool (*is_cpu)(struct Call *call, unsigned arg);
	bool (*is_index)(struct Call *call, unsigned arg);

	/* Effects. False: it cannot be put in line; return that then. */
	bool (*store_register)(struct Call *call, struct Address to, const struct Register *reg);       /* 8 bytes, of a plain register */
	bool (*store_constant)(struct Call *call, struct Address to, unsigned size, uint64_t value);    /* 4 or 8 bytes */
	/* On the 64 bits at offset SLOT of the struct Cpu. */
	bool (*slot_add)(struct Call *call, uint32_t slot, unsigned arg);
	bool (*slot_store)(struct Call *call, uint32_t slot, unsigned arg);
	/* The function's result; at most one of these, last: */
	bool (*give_constant)(struct Call *call, uint64_t value);
	bool (*give_slot)(struct Call *call, uint32_t slot);            /* the 64 bits there */
	bool (*give_slot_address)(struct Call *call, uint32_t slot);
};

/* False: this call is to be called. */
typedef bool Explain(struct Call *call);

/* Makes FN known; once more does nothing. Before the first translation, one thread. */
void intrinsic_add(const void *fn, Explain *explain);
/* NULL: nothing is known of FN. Any thread. */
Explain *intrinsic_find(const void *fn);

#endif
