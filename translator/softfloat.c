/* SPDX-License-Identifier: MIT */
/* IEEE 754 arithmetic in integers; one generic implementation serves all formats.
 *
 * A finite non-zero number is unpacked to sig * 2^(exp - 63) with bit 63 of sig set, subnormals too. Operations compute
 * exactly, or to far more bits than any format has with the lowest bit standing for all that was lost ("jammed"), and finish in
 * round_pack(). */
#include "translator/softfloat.h"

#include <stdbool.h>

#include "target/guest.h"

typedef unsigned __int128 u128;

struct Format {
	uint8_t exp_bits, frac_bits;
};
static const struct Format f16 = { 5, 10 }, f32 = { 8, 23 }, f64 = { 11, 52 };

enum Kind { ZERO, FINITE, INFINITE, QUIET, SIGNALING };

struct Number {
	enum Kind kind;
	bool sign;
	int exp;                /* FINITE: 2^exp <= magnitude < 2^(exp + 1) */
	uint64_t sig;
};

static inline int bias(struct Format f) { return (1 << (f.exp_bits - 1)) - 1; }
static inline uint64_t exp_max(struct Format f) { return (1u << f.exp_bits) - 1; }
static inline uint64_t sign_bit(struct Format f, bool sign) { return (uint64_t)sign << (f.exp_bits + f.frac_bits); }
static inline uint64_t infinity(struct Format f, bool sign) { return sign_bit(f, sign) | exp_max(f) << f.frac_bits; }
static inline uint64_t canonical_nan(struct Format f) { return infinity(f, false) | (uint64_t)1 << (f.frac_bits - 1); }
static inline bool is_nan(struct Number n) { return n.kind >= QUIET; }

static uint64_t invalid(struct Cpu *cpu, struct Format f)
{
	cpu->fflags |= FPX_INVALID;
	return canonical_nan(f);
}

static struct Number unpack(struct Format f, uint64_t bits)
{
	uint64_t frac = bits & (((uint64_t)1 << f.frac_bits) - 1);
	uint64_t exp = bits >> f.frac_bits & exp_max(f);
	struct Number n = { .kind = FINITE, .sign = bits >> (f.exp_bits + f.frac_bits) & 1 };

	if (exp == exp_max(f)) {
		n.kind = !frac ? INFINITE : frac >> (f.frac_bits - 1) ? QUIET : SIGNALING;
	} else if (exp) {
		n.exp = (int)exp - bias(f);
		n.sig = (frac | (uint64_t)1 << f.frac_bits) << (63 - f.frac_bits);
	} else if (frac) {
		int lead = __builtin_clzll(frac);
		n.exp = 1 - bias(f) - (lead - (63 - f.frac_bits));
		n.sig = frac << lead;
	} else {
		n.kind = ZERO;
	}
	return n;
}

/* Shifts right by any COUNT >= 0, the lowest bit of the result standing for the bits lost. */
static u128 shift_right_jam(u128 v, int count)
{
	if (count == 0)
		return v;
	if (count > 127)
		return v != 0;
	return v >> count | ((v << (128 - count)) != 0);
}

/* Whether a magnitude whose last kept digit is ODD goes up when a rest of REST out of 2*HALF is cut off. */
static bool rounds_up(unsigned round, bool sign, bool odd, u128 rest, u128 half)
{
	switch (round) {
	case ROUND_NE: return rest > half || (rest == half && odd);
	case ROUND_MM: return rest >= half;
	case ROUND_DN: return rest && sign;
	case ROUND_UP: return rest && !sign;
	default: return false;
	}
}

/* SIG / 2^SHIFT (1 <= SHIFT) as an integer in the given rounding; *INEXACT is set if it is not exact. */
static u128 round_shift(unsigned round, bool sign, u128 sig, int shift, bool *inexact)
{
	if (shift > 128) {
		sig = sig != 0;
		shift = 128;
	}
	u128 kept = shift == 128 ? 0 : sig >> shift;
	u128 rest = shift == 128 ? sig : sig & (((u128)1 << shift) - 1);

	*inexact = rest != 0;
	return kept + rounds_up(round, sign, kept & 1, rest, (u128)1 << (shift - 1));
}

static uint64_t overflow(struct Cpu *cpu, struct Format f, unsigned round, bool sign)
{
	cpu->fflags |= FPX_OVERFLOW | FPX_INEXACT;
	bool to_infinity = round == ROUND_NE || round == ROUND_MM || round == (sign ? ROUND_DN : ROUND_UP);
	return infinity(f, sign) - !to_infinity;
}

/* The number SIG * 2^EXP (SIG not 0, its lowest bit possibly jammed), rounded to the format. */
static uint64_t round_pack(struct Cpu *cpu, struct Format f, unsigned round, bool sign, int exp, u128 sig)
{
	int lead = sig >> 64 ? __builtin_clzll(sig >> 64) : 64 + __builtin_clzll(sig);
	int normal_shift = 127 - f.frac_bits, least = 1 - bias(f);
	bool inexact, ignored;

	sig <<= lead;
	exp += 127 - lead;      /* 2^exp <= magnitude < 2^(exp + 1) */
	if (exp >= least) {
		uint64_t kept = round_shift(round, sign, sig, normal_shift, &inexact);
		/* the leading one of kept, or two after a carry, adds to the exponent field */
		uint64_t biased = (uint64_t)(exp - least) + (kept >> f.frac_bits);
		if (biased >= exp_max(f))
			return overflow(cpu, f, round, sign);
		if (inexact)
			cpu->fflags |= FPX_INEXACT;
		return sign_bit(f, sign) | (((uint64_t)(exp - least) << f.frac_bits) + kept);
	}
	uint64_t kept = round_shift(round, sign, sig, normal_shift + least - exp, &inexact);
	if (inexact) {
		/* not tiny if with an unlimited exponent it would have rounded to the least normal number */
		bool tiny = exp < least - 1 ||
			    round_shift(round, sign, sig, normal_shift, &ignored) >> (f.frac_bits + 1) == 0;
		cpu->fflags |= FPX_INEXACT | (tiny ? FPX_UNDERFLOW : 0);
	}
	return sign_bit(f, sign) | kept;
}

/* The NaN that an operation with a NaN among its operands gives. */
static uint64_t nan_result(struct Cpu *cpu, struct Format f, bool signaling)
{
	return signaling ? invalid(cpu, f) : canonical_nan(f);
}

/* The sum of a * 2^exp_a and b * 2^exp_b, rounded. The numbers have their leading one at bit 124 or 125 and at least 16 clear low bits, so that what
 * alignment jams lies far below what rounding keeps. */
static uint64_t add_wide(struct Cpu *cpu, struct Format f, unsigned round, bool sign_a, int exp_a, u128 a, bool sign_b, int exp_b, u128 b)
{
	if (exp_a < exp_b) {
		u128 sig = a; a = b; b = sig;
		int exp = exp_a; exp_a = exp_b; exp_b = exp;
		bool sign = sign_a; sign_a = sign_b; sign_b = sign;
	}
	b = shift_right_jam(b, exp_a - exp_b);
	if (sign_a == sign_b)
		return round_pack(cpu, f, round, sign_a, exp_a, a + b);
	if (a == b)
		return sign_bit(f, round == ROUND_DN);
	if (a > b)
		return round_pack(cpu, f, round, sign_a, exp_a, a - b);
	return round_pack(cpu, f, round, sign_b, exp_a, b - a);
}

static uint64_t zero_sum(struct Format f, unsigned round, bool sign_a, bool sign_b)
{
	return sign_bit(f, sign_a == sign_b ? sign_a : round == ROUND_DN);
}

static uint64_t add(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, bool negate_b, unsigned round)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits);

	if (is_nan(a) || is_nan(b))
		return nan_result(cpu, f, a.kind == SIGNALING || b.kind == SIGNALING);
	b.sign ^= negate_b;
	if (a.kind == INFINITE)
		return b.kind == INFINITE && a.sign != b.sign ? invalid(cpu, f) : infinity(f, a.sign);
	if (b.kind == INFINITE)
		return infinity(f, b.sign);
	if (a.kind == ZERO && b.kind == ZERO)
		return zero_sum(f, round, a.sign, b.sign);
	if (a.kind == ZERO)
		return round_pack(cpu, f, round, b.sign, b.exp - 63, b.sig);
	if (b.kind == ZERO)
		return round_pack(cpu, f, round, a.sign, a.exp - 63, a.sig);
	return add_wide(cpu, f, round, a.sign, a.exp - 125, (u128)a.sig << 62, b.sign, b.exp - 125, (u128)b.sig << 62);
}

static uint64_t mul(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, unsigned round)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits);
	bool sign = a.sign ^ b.sign;

	if (is_nan(a) || is_nan(b))
		return nan_result(cpu, f, a.kind == SIGNALING || b.kind == SIGNALING);
	if (a.kind == INFINITE || b.kind == INFINITE)
		return a.kind == ZERO || b.kind == ZERO ? invalid(cpu, f) : infinity(f, sign);
	if (a.kind == ZERO || b.kind == ZERO)
		return sign_bit(f, sign);
	return round_pack(cpu, f, round, sign, a.exp + b.exp - 126, (u128)a.sig * b.sig);
}

static uint64_t divide(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, unsigned round)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits);
	bool sign = a.sign ^ b.sign;

	if (is_nan(a) || is_nan(b))
		return nan_result(cpu, f, a.kind == SIGNALING || b.kind == SIGNALING);
	if (a.kind == INFINITE)
		return b.kind == INFINITE ? invalid(cpu, f) : infinity(f, sign);
	if (b.kind == INFINITE)
		return sign_bit(f, sign);
	if (b.kind == ZERO) {
		if (a.kind == ZERO)
			return invalid(cpu, f);
		cpu->fflags |= FPX_DIVZERO;
		return infinity(f, sign);
	}
	if (a.kind == ZERO)
		return sign_bit(f, sign);
	/* the quotient has 64 or 65 bits: more than any format keeps, and one to jam */
	u128 dividend = (u128)a.sig << 64, quotient = dividend / b.sig;
	return round_pack(cpu, f, round, sign, a.exp - b.exp - 64, quotient | (quotient * b.sig != dividend));
}

static uint64_t square_root(struct Cpu *cpu, struct Format f, uint64_t a_bits, unsigned round)
{
	struct Number a = unpack(f, a_bits);

	if (is_nan(a))
		return nan_result(cpu, f, a.kind == SIGNALING);
	if (a.kind == ZERO)
		return sign_bit(f, a.sign);
	if (a.sign)
		return invalid(cpu, f);
	if (a.kind == INFINITE)
		return infinity(f, false);
	/* scale to an even power of two; the root is then found digit by digit */
	int odd = a.exp & 1;
	u128 rest = (u128)a.sig << (61 + odd), root = 0;
	for (u128 digit = (u128)1 << 124; digit; digit >>= 2) {
		if (rest >= root + digit) {
			rest -= root + digit;
			root = (root >> 1) + digit;
		} else {
			root >>= 1;
		}
	}
	return round_pack(cpu, f, round, false, (a.exp - odd) / 2 - 63, root << 1 | (rest != 0));
}

static uint64_t fused(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, uint64_t c_bits, bool negate_product,
		      bool negate_c, unsigned round)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits), c = unpack(f, c_bits);
	bool sign = a.sign ^ b.sign ^ negate_product;

	c.sign ^= negate_c;
	if (a.kind == SIGNALING || b.kind == SIGNALING || c.kind == SIGNALING)
		return invalid(cpu, f);
	if ((a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE))
		return invalid(cpu, f);
	if (is_nan(a) || is_nan(b) || is_nan(c))
		return canonical_nan(f);
	if (a.kind == INFINITE || b.kind == INFINITE)
		return c.kind == INFINITE && c.sign != sign ? invalid(cpu, f) : infinity(f, sign);
	if (c.kind == INFINITE)
		return infinity(f, c.sign);
	if (a.kind == ZERO || b.kind == ZERO) {
		if (c.kind == ZERO)
			return zero_sum(f, round, sign, c.sign);
		return round_pack(cpu, f, round, c.sign, c.exp - 63, c.sig);
	}
	/* significands have at least 11 clear low bits, so nothing of the product is lost */
	u128 product = ((u128)a.sig * b.sig) >> 2;
	int exp = a.exp + b.exp - 124;
	if (c.kind == ZERO)
		return round_pack(cpu, f, round, sign, exp, product);
	return add_wide(cpu, f, round, sign, exp, product, c.sign, c.exp - 125, (u128)c.sig << 62);
}

/* a < b, or a <= b with EQUAL, of numbers that are not NaN. */
static bool less(struct Format f, uint64_t a_bits, uint64_t b_bits, bool equal)
{
	uint64_t sign = sign_bit(f, true), a = a_bits & (sign - 1), b = b_bits & (sign - 1);
	bool a_negative = a_bits & sign && a, b_negative = b_bits & sign && b;

	if (a_negative != b_negative)
		return a_negative;
	if (a == b)
		return equal;
	return a_negative ? a > b : a < b;
}

enum Comparison { EQUAL, LESS, LESS_EQUAL };

static uint64_t compare(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, enum Comparison how)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits);

	if (is_nan(a) || is_nan(b)) {
		if (how != EQUAL || a.kind == SIGNALING || b.kind == SIGNALING)
			cpu->fflags |= FPX_INVALID;
		return 0;
	}
	if (how == EQUAL)
		return less(f, a_bits, b_bits, true) && less(f, b_bits, a_bits, true);
	return less(f, a_bits, b_bits, how == LESS_EQUAL);
}

static uint64_t min_max(struct Cpu *cpu, struct Format f, uint64_t a_bits, uint64_t b_bits, bool max)
{
	struct Number a = unpack(f, a_bits), b = unpack(f, b_bits);
	uint64_t all = sign_bit(f, true) * 2 - 1;

	if (a.kind == SIGNALING || b.kind == SIGNALING)
		cpu->fflags |= FPX_INVALID;
	if (is_nan(a) && is_nan(b))
		return canonical_nan(f);
	if (is_nan(a))
		return b_bits & all;
	if (is_nan(b))
		return a_bits & all;
	bool a_first = a.kind == ZERO && b.kind == ZERO ? a.sign : less(f, a_bits, b_bits, false);
	return (a_first != max ? a_bits : b_bits) & all;
}

static uint64_t classify(struct Format f, uint64_t bits)
{
	struct Number n = unpack(f, bits);
	/* fclass: -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf, signaling, quiet */
	unsigned magnitude;

	switch (n.kind) {
	case SIGNALING: return 1 << 8;
	case QUIET: return 1 << 9;
	case INFINITE: magnitude = 3; break;
	case FINITE: magnitude = n.exp < 1 - bias(f) ? 1 : 2; break;
	default: magnitude = 0;
	}
	return (uint64_t)1 << (n.sign ? 3 - magnitude : 4 + magnitude);
}

/* To an integer of WIDTH bits, saturating. */
static uint64_t to_integer(struct Cpu *cpu, struct Format f, uint64_t bits, unsigned width, bool is_signed, unsigned round)
{
	struct Number n = unpack(f, bits);
	bool negative = n.sign && !is_nan(n), inexact = false;
	/* the largest magnitude of that sign */
	u128 limit = ((u128)1 << (width - is_signed)) - 1;
	if (negative)
		limit = is_signed ? limit + 1 : 0;
	u128 magnitude = 0;

	if (is_nan(n) || n.kind == INFINITE || (n.kind == FINITE && n.exp > 63))
		magnitude = limit + 1;
	else if (n.kind == FINITE)
		magnitude = round_shift(round, n.sign, (u128)n.sig << 64, 127 - n.exp, &inexact);
	if (magnitude > limit) {
		cpu->fflags |= FPX_INVALID;
		magnitude = limit;
	} else if (inexact) {
		cpu->fflags |= FPX_INEXACT;
	}
	uint64_t value = negative ? -(uint64_t)magnitude : (uint64_t)magnitude;
	return width == 32 ? (uint64_t)(int32_t)value : value;
}

static uint64_t from_integer(struct Cpu *cpu, struct Format f, bool sign, uint64_t magnitude, unsigned round)
{
	return magnitude ? round_pack(cpu, f, round, sign, 0, magnitude) : 0;
}

static uint64_t convert(struct Cpu *cpu, struct Format to, struct Format from, uint64_t bits, unsigned round)
{
	struct Number n = unpack(from, bits);

	switch (n.kind) {
	case ZERO: return sign_bit(to, n.sign);
	case INFINITE: return infinity(to, n.sign);
	case FINITE: return round_pack(cpu, to, round, n.sign, n.exp - 63, n.sig);
	default: return nan_result(cpu, to, n.kind == SIGNALING);
	}
}

#define C struct Cpu *cpu
#define U uint64_t
#define SF_DEFINE(F) \
	U sf_##F##_add(C, U a, U b, U round) { return add(cpu, F, a, b, false, round); } \
	U sf_##F##_sub(C, U a, U b, U round) { return add(cpu, F, a, b, true, round); } \
	U sf_##F##_mul(C, U a, U b, U round) { return mul(cpu, F, a, b, round); } \
	U sf_##F##_div(C, U a, U b, U round) { return divide(cpu, F, a, b, round); } \
	U sf_##F##_sqrt(C, U a, U round) { return square_root(cpu, F, a, round); } \
	U sf_##F##_fmadd(C, U a, U b, U c, U round) { return fused(cpu, F, a, b, c, false, false, round); } \
	U sf_##F##_fmsub(C, U a, U b, U c, U round) { return fused(cpu, F, a, b, c, false, true, round); } \
	U sf_##F##_fnmsub(C, U a, U b, U c, U round) { return fused(cpu, F, a, b, c, true, false, round); } \
	U sf_##F##_fnmadd(C, U a, U b, U c, U round) { return fused(cpu, F, a, b, c, true, true, round); } \
	U sf_##F##_min(C, U a, U b) { return min_max(cpu, F, a, b, false); } \
	U sf_##F##_max(C, U a, U b) { return min_max(cpu, F, a, b, true); } \
	U sf_##F##_eq(C, U a, U b) { return compare(cpu, F, a, b, EQUAL); } \
	U sf_##F##_lt(C, U a, U b) { return compare(cpu, F, a, b, LESS); } \
	U sf_##F##_le(C, U a, U b) { return compare(cpu, F, a, b, LESS_EQUAL); } \
	U sf_##F##_class(U a) { return classify(F, a); } \
	U sf_##F##_to_i32(C, U a, U round) { return to_integer(cpu, F, a, 32, true, round); } \
	U sf_##F##_to_u32(C, U a, U round) { return to_integer(cpu, F, a, 32, false, round); } \
	U sf_##F##_to_i64(C, U a, U round) { return to_integer(cpu, F, a, 64, true, round); } \
	U sf_##F##_to_u64(C, U a, U round) { return to_integer(cpu, F, a, 64, false, round); } \
	U sf_i32_to_##F(C, U a, U round) { int64_t v = (int32_t)a; return from_integer(cpu, F, v < 0, v < 0 ? -v : v, round); } \
	U sf_u32_to_##F(C, U a, U round) { return from_integer(cpu, F, false, (uint32_t)a, round); } \
	U sf_i64_to_##F(C, U a, U round) { bool minus = a >> 63; return from_integer(cpu, F, minus, minus ? -a : a, round); } \
	U sf_u64_to_##F(C, U a, U round) { return from_integer(cpu, F, false, a, round); }
SF_DEFINE(f16)
SF_DEFINE(f32)
SF_DEFINE(f64)

#define SF_CONVERT(X, Y) U sf_##X##_to_##Y(C, U a, U round) { return convert(cpu, Y, X, a, round); }
SF_CONVERT(f16, f32)
SF_CONVERT(f16, f64)
SF_CONVERT(f32, f16)
SF_CONVERT(f32, f64)
SF_CONVERT(f64, f16)
SF_CONVERT(f64, f32)
