/* SPDX-License-Identifier: MIT */
/* Guest memory as the interpreter reaches it. */
#include "translator/host/interp/access.h"

/* The guest's memory is not ours to be checked, and its races are its own. */
#define GUEST_MEMORY __attribute__((noinline, no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))

struct Unaligned16 { uint16_t v; } __attribute__((packed, may_alias));
struct Unaligned32 { uint32_t v; } __attribute__((packed, may_alias));
struct Unaligned64 { uint64_t v; } __attribute__((packed, may_alias));
typedef uint32_t __attribute__((may_alias)) word32;
typedef uint64_t __attribute__((may_alias)) word64;
typedef uint16_t __attribute__((may_alias)) word16;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "MEM_BE is what is swapped");

uint64_t access_extend(uint64_t value, unsigned mem)
{
	switch (mem & (MEM_SIZE | MEM_SIGNED)) {
	case MEM_8: return (uint8_t)value;
	case MEM_16: return (uint16_t)value;
	case MEM_32: return (uint32_t)value;
	case MEM_8 | MEM_SIGNED: return (int8_t)value;
	case MEM_16 | MEM_SIGNED: return (int16_t)value;
	case MEM_32 | MEM_SIGNED: return (int32_t)value;
	default: return value;
	}
}

static uint64_t swap(uint64_t value, unsigned mem)
{
	return __builtin_bswap64(value) >> (64 - (8u << (mem & MEM_SIZE)));
}

GUEST_MEMORY static uint64_t load(uintptr_t addr, unsigned mem)
{
	switch (mem & MEM_SIZE) {
	case MEM_8:
		return *(volatile uint8_t *)addr;
	case MEM_16:
		if (addr & 1)
			return ((volatile struct Unaligned16 *)addr)->v;
		return __atomic_load_n((word16 *)addr, __ATOMIC_RELAXED);
	case MEM_32:
		if (addr & 3)
			return ((volatile struct Unaligned32 *)addr)->v;
		return __atomic_load_n((word32 *)addr, __ATOMIC_RELAXED);
	default:
		if (addr & 7)
			return ((volatile struct Unaligned64 *)addr)->v;
		return __atomic_load_n((word64 *)addr, __ATOMIC_RELAXED);
	}
}

GUEST_MEMORY static void store(uintptr_t addr, unsigned mem, uint64_t value)
{
	switch (mem & MEM_SIZE) {
	case MEM_8:
		*(volatile uint8_t *)addr = value;
		break;
	case MEM_16:
		if (addr & 1)
			((volatile struct Unaligned16 *)addr)->v = value;
		else
			__atomic_store_n((word16 *)addr, value, __ATOMIC_RELAXED);
		break;
	case MEM_32:
		if (addr & 3)
			((volatile struct Unaligned32 *)addr)->v = value;
		else
			__atomic_store_n((word32 *)addr, value, __ATOMIC_RELAXED);
		break;
	default:
		if (addr & 7)
			((volatile struct Unaligned64 *)addr)->v = value;
		else
			__atomic_store_n((word64 *)addr, value, __ATOMIC_RELAXED);
	}
}

uint64_t access_load(uint64_t addr, unsigned mem)
{
	uint64_t value = load(addr, mem);

	if (mem & MEM_BE)
		value = swap(value, mem);
	return access_extend(value, mem);
}

void access_store(uint64_t addr, unsigned mem, uint64_t value)
{
	store(addr, mem, mem & MEM_BE ? swap(value, mem) : value);
}

void access_load128(uint64_t addr, unsigned mem, uint64_t value[2])
{
	bool swapped = mem & MEM_BE;
	unsigned half = (mem & ~MEM_SIZE) | MEM_64;
	uint64_t first = access_load(addr, half), second = access_load(addr + 8, half);

	value[swapped] = first;
	value[!swapped] = second;
}

void access_store128(uint64_t addr, unsigned mem, const uint64_t value[2])
{
	bool swapped = mem & MEM_BE;
	unsigned half = (mem & ~MEM_SIZE) | MEM_64;

	access_store(addr, half, value[swapped]);
	access_store(addr + 8, half, value[!swapped]);
}

/* What OP writes in place of OLD, both in the guest's order and extended as MEM says. */
static uint64_t modify(enum IrOp op, uint64_t old, uint64_t b, unsigned mem)
{
	unsigned size = mem & MEM_SIZE;
	uint64_t u = access_extend(b, size), old_u = access_extend(old, size);
	int64_t s = access_extend(b, size | MEM_SIGNED), old_s = access_extend(old, size | MEM_SIGNED);

	switch (op) {
	case IR_FADDI: return old + b;
	case IR_FANDI: return old & b;
	case IR_FORI: return old | b;
	case IR_FXORI: return old ^ b;
	case IR_FMINS: return old_s < s ? old_s : s;
	case IR_FMAXS: return old_s > s ? old_s : s;
	case IR_FMINU: return old_u < u ? old_u : u;
	case IR_FMAXU: return old_u > u ? old_u : u;
	default: return b;
	}
}

/* One strong compare and exchange: true if *OLD was found and NEW written, else *OLD is what was found. */
GUEST_MEMORY static bool compare_exchange(uintptr_t addr, unsigned mem, uint64_t *old, uint64_t new)
{
	if ((mem & MEM_SIZE) == MEM_32) {
		uint32_t old32 = *old;
		bool done = __atomic_compare_exchange_n((word32 *)addr, (word32 *)&old32, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		*old = old32;
		return done;
	}
	return __atomic_compare_exchange_n((word64 *)addr, (word64 *)old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

uint64_t access_atomic(enum IrOp op, uint64_t addr, unsigned mem, uint64_t b, uint64_t c)
{
	bool swapped = mem & MEM_BE;
	unsigned size = mem & MEM_SIZE;
	uint64_t old;

	if (op == IR_CMPXCHG) {
		old = swapped ? swap(b, mem) : access_extend(b, size);
		compare_exchange(addr, mem, &old, swapped ? swap(c, mem) : c);
	} else {
		/* every one, also on hosts that have it as one instruction: a fault shows as a store's, as the guest's does */
		uint64_t new;
		old = load(addr, mem);
		do {
			new = modify(op, swapped ? swap(old, mem) : old, b, mem);
			if (swapped)
				new = swap(new, mem);
		} while (!compare_exchange(addr, mem, &old, new));
	}
	return access_extend(swapped ? swap(old, mem) : old, mem);
}
