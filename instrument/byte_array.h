/* SPDX-License-Identifier: MIT */
/* glib's byte arrays seen from inside: appending without a call, and what the calls do told to hosts that put callbacks in line. */
#ifndef FORERUN_BYTE_ARRAY_H
#define FORERUN_BYTE_ARRAY_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "translator/intrinsic.h"

/* How glib keeps an array; not part of its interface. */
struct ByteArray {
	uint8_t *data;
	guint len;
	guint capacity;                 /* in elements */
	guint element;                  /* bytes of one */
	guint flags;                    /* BYTE_ARRAY_*; the other bits are anything */
};
enum { BYTE_ARRAY_ZERO_TERMINATED = 1, BYTE_ARRAY_CLEAR = 2 };
_Static_assert(offsetof(struct ByteArray, len) == offsetof(GByteArray, len), "the part that glib declares");

/* Whether this glib keeps them so, which byte_array_init() has found out. */
extern bool byte_array_known;

/* Tries glib, and makes the calls known that can be put in line. Once more does nothing. One thread. */
void byte_array_init(void);

/* Appends 8 bytes. */
static inline void byte_array_append_u64(GByteArray *array, uint64_t value)
{
	struct ByteArray *a = (struct ByteArray *)array;

	if (G_UNLIKELY(!byte_array_known || a->element != 1 || a->flags & BYTE_ARRAY_ZERO_TERMINATED ||
		       a->len > a->capacity || a->capacity - a->len < sizeof value)) {
		g_byte_array_append(array, (const guint8 *)&value, sizeof value);
		return;
	}
	memcpy(a->data + a->len, &value, sizeof value);
	a->len += sizeof value;
}

/* The effects on the array at ARRAY of appending the 8 bytes of register REG: as Call.store_register. */
bool byte_array_explain_append(struct Call *call, uint64_t array, const struct Register *reg);

#endif
