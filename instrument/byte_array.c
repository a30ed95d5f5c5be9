/* SPDX-License-Identifier: MIT */
/* Finding out how glib keeps byte arrays, and what its functions do with them. */
#include "instrument/byte_array.h"

bool byte_array_known;

static struct ByteArray *inside(void *array) { return array; }

/* Whether an array of elements of SIZE bytes says so, and with which flags. */
static bool describes(bool zero_terminated, bool clear, guint size)
{
	GArray *array = g_array_new(zero_terminated, clear, size);
	const struct ByteArray *a = inside(array);
	guint flags = (zero_terminated ? BYTE_ARRAY_ZERO_TERMINATED : 0) | (clear ? BYTE_ARRAY_CLEAR : 0);
	bool good = a->element == size && (a->flags & (BYTE_ARRAY_ZERO_TERMINATED | BYTE_ARRAY_CLEAR)) == flags;

	g_array_free(array, TRUE);
	return good;
}

/* Whether capacity is what it seems to be, and is all that an array is asked before it is moved; what is cut off stays in place. */
static bool grows(void)
{
	enum { ROOM = 100, SHORT = 10 };
	static const guint8 bytes[ROOM] = { [SHORT] = 1, [ROOM - 1] = 2 };
	GByteArray *array = g_byte_array_sized_new(ROOM);
	const struct ByteArray *a = inside(array);
	guint capacity = a->capacity;
	bool good = a->data == array->data && capacity >= ROOM && capacity < 8 * ROOM && a->len == 0 && a->element == 1 &&
		    !(a->flags & (BYTE_ARRAY_ZERO_TERMINATED | BYTE_ARRAY_CLEAR));

	if (good) {
		const uint8_t *data = a->data;
		g_byte_array_append(array, bytes, ROOM);
		g_byte_array_set_size(array, SHORT);
		good = a->len == SHORT && a->capacity == capacity && a->data == data && memcmp(data, bytes, ROOM) == 0;
		g_byte_array_set_size(array, capacity);
		good &= a->len == capacity && a->capacity == capacity && a->data == data && data[ROOM - 1] == 2;
		g_byte_array_append(array, bytes, 1);
		good &= a->len == capacity + 1 && a->capacity > capacity && a->data == array->data;
	}
	g_byte_array_free(array, TRUE);
	return good;
}

/* The member of the array at ARRAY at OFFSET. */
static bool member(struct Call *call, uint64_t array, size_t offset, unsigned size, uint64_t *value)
{
	return call->word(call, array + offset, size, value);
}

/* Its length and capacity, if it is one of bytes. */
static bool room(struct Call *call, uint64_t array, uint64_t *capacity)
{
	uint64_t size;

	return byte_array_known && array && member(call, array, offsetof(struct ByteArray, capacity), 4, capacity) &&
	       member(call, array, offsetof(struct ByteArray, element), 4, &size) && size == 1 &&
	       !(((const struct ByteArray *)(uintptr_t)array)->flags & BYTE_ARRAY_ZERO_TERMINATED);
}

static bool set_length(struct Call *call, uint64_t array, uint64_t length)
{
	struct Address at = { .arg = NO_ARGUMENT, .disp = array + offsetof(struct ByteArray, len) };

	return call->store_constant(call, at, 4, length);
}

bool byte_array_explain_append(struct Call *call, uint64_t array, const struct Register *reg)
{
	uint64_t capacity, length, data;

	if (!room(call, array, &capacity) || !member(call, array, offsetof(struct ByteArray, len), 4, &length) || length > capacity ||
	    capacity - length < sizeof(uint64_t) || !member(call, array, offsetof(struct ByteArray, data), 8, &data))
		return false;
	return call->store_register(call, (struct Address){ .arg = NO_ARGUMENT, .disp = data + length }, reg) &&
	       set_length(call, array, length + sizeof(uint64_t));
}

/* g_byte_array_set_size() within the capacity. */
static bool explain_set_size(struct Call *call)
{
	uint64_t array, length, capacity;

	return call->constant(call, 0, &array) && call->constant(call, 1, &length) && room(call, array, &capacity) &&
	       (guint)length <= capacity && set_length(call, array, (guint)length) && call->give_constant(call, array);
}

void byte_array_init(void)
{
	if (byte_array_known)
		return;
	byte_array_known = grows() && describes(true, false, 1) && describes(false, true, 1) && describes(false, false, 4);
	if (byte_array_known)
		intrinsic_add((const void *)(uintptr_t)g_byte_array_set_size, explain_set_size);
}
