/* SPDX-License-Identifier: MIT */
/* Software floating point against the host's hardware (binary32, binary64), against a table of all numbers (binary16), and by cases. */
#include <check.h>
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "target/guest.h"
#include "tests/unit/suite.h"
#include "translator/softfloat.h"

#ifdef __clang__
#pragma STDC FENV_ACCESS ON      /* gcc knows no such pragma; volatile serves it */
#endif

static struct Cpu cpu;
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

/* Pairs per operation and rounding mode; SOFTFLOAT_COUNT in the environment asks for more. */
static long count(void)
{
	const char *text = getenv("SOFTFLOAT_COUNT");
	return text ? atol(text) : 20000;
}

static const int host_round[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };

static uint8_t host_flags(void)
{
	int e = fetestexcept(FE_ALL_EXCEPT);
	return (e & FE_INEXACT ? FPX_INEXACT : 0) | (e & FE_UNDERFLOW ? FPX_UNDERFLOW : 0) | (e & FE_OVERFLOW ? FPX_OVERFLOW : 0) |
	       (e & FE_DIVBYZERO ? FPX_DIVZERO : 0) | (e & FE_INVALID ? FPX_INVALID : 0);
}

static double as_double(uint64_t bits) { double d; memcpy(&d, &bits, 8); return d; }
static float as_float(uint64_t bits) { uint32_t b = bits; float f; memcpy(&f, &b, 4); return f; }
static uint64_t double_bits(double d) { uint64_t b; memcpy(&b, &d, 8); return b; }
static uint64_t float_bits(float f) { uint32_t b; memcpy(&b, &f, 4); return b; }

enum { NAN16 = 0x7e00 };
static const uint64_t nan32 = 0x7fc00000, nan64 = 0x7ff8000000000000;

/* Bits of a number in a format: special values, numbers near the limits and near each other, random ones. */
static uint64_t pick(unsigned exp_bits, unsigned frac_bits)
{
	uint64_t frac_max = ((uint64_t)1 << frac_bits) - 1, exp_max = (1u << exp_bits) - 1;
	uint64_t r = random64(), frac = random64() & frac_max, exp = random64() & exp_max;

	switch (r & 7) {
	case 0: exp = (r >> 8 & 1) ? exp_max - (r >> 9 & 1) : (r >> 9 & 1); break;
	case 1: exp = (exp_max >> 1) + (r >> 8 & 7) - 4; break;
	case 2: exp = (exp_max >> 1) + (r >> 8 & 127) - 64; break;
	case 3: exp = r >> 8 & frac_bits; break;
	}
	switch (r >> 32 & 7) {
	case 0: frac = 0; break;
	case 1: frac = frac_max; break;
	case 2: frac = 1; break;
	case 3: frac &= frac_max << (r >> 40 & 63) % frac_bits; break;
	case 4: frac = (uint64_t)1 << (r >> 40 & 63) % frac_bits; break;
	}
	return (r >> 63) << (exp_bits + frac_bits) | (exp & exp_max) << frac_bits | frac;
}

static uint64_t pick16(void) { return pick(5, 10); }
static uint64_t pick32(void) { return pick(8, 23); }
static uint64_t pick64(void) { return pick(11, 52); }

static void expect(const char *what, unsigned round, uint64_t a, uint64_t b, uint64_t c, uint64_t got, uint64_t want, uint8_t want_flags)
{
	if (got != want || cpu.fflags != want_flags)
		ck_abort_msg("%s round %u of %#lx %#lx %#lx: got %#lx flags %#x, expected %#lx flags %#x", what, round, a, b, c,
			     got, cpu.fflags, want, want_flags);
	cpu.fflags = 0;
}

/* -- binary32 and binary64 against the host ----------------------------------------------------------------------- */

/* Runs EXPR on the host in ROUND; its bits to WANT and its flags to FLAGS. */
#define ON_HOST(TYPE, EXPR) do { \
	fesetround(host_round[round]); \
	feclearexcept(FE_ALL_EXCEPT); \
	volatile TYPE r_ = (EXPR); \
	flags = host_flags(); \
	fesetround(FE_TONEAREST); \
	result = r_; \
} while (0)

#define HOST_TEST(NAME, TYPE, F, PICK, AS, BITS, NAN, FMA, SQRT) \
START_TEST(NAME) \
{ \
	static const char *const names[] = { "add", "sub", "mul", "div", "sqrt", "fmadd", "fmsub", "fnmsub", "fnmadd" }; \
	for (unsigned round = ROUND_NE; round <= ROUND_UP; round++) \
		for (long i = count() * 9; i-- > 0;) { \
			uint64_t ab = PICK(), bb = PICK(), cb = PICK(), got; \
			if (i % 9 >= 5 && (random64() & 3) == 0) { \
				/* an addend that nearly cancels the product */ \
				cb = sf_##F##_mul(&cpu, ab, bb, ROUND_TZ) + (random64() & 3) - 1; \
				cpu.fflags = 0; \
			} else if (i % 9 < 2 && (random64() & 3) == 0) { \
				bb = ab + (random64() & 7) - 3; \
			} \
			volatile TYPE a = AS(ab), b = AS(bb), c = AS(cb), result; \
			uint8_t flags; \
			switch (i % 9) { \
			case 0: ON_HOST(TYPE, a + b); got = sf_##F##_add(&cpu, ab, bb, round); break; \
			case 1: ON_HOST(TYPE, a - b); got = sf_##F##_sub(&cpu, ab, bb, round); break; \
			case 2: ON_HOST(TYPE, a * b); got = sf_##F##_mul(&cpu, ab, bb, round); break; \
			case 3: ON_HOST(TYPE, a / b); got = sf_##F##_div(&cpu, ab, bb, round); break; \
			case 4: ON_HOST(TYPE, SQRT(a)); got = sf_##F##_sqrt(&cpu, ab, round); break; \
			case 5: ON_HOST(TYPE, FMA(a, b, c)); got = sf_##F##_fmadd(&cpu, ab, bb, cb, round); break; \
			case 6: ON_HOST(TYPE, FMA(a, b, -c)); got = sf_##F##_fmsub(&cpu, ab, bb, cb, round); break; \
			case 7: ON_HOST(TYPE, FMA(-a, b, c)); got = sf_##F##_fnmsub(&cpu, ab, bb, cb, round); break; \
			default: ON_HOST(TYPE, FMA(-a, b, -c)); got = sf_##F##_fnmadd(&cpu, ab, bb, cb, round); break; \
			} \
			TYPE r = result; \
			if (i % 9 >= 5 && isnan(c) && ((isinf(a) && b == 0) || (a == 0 && isinf(b)))) \
				flags |= FPX_INVALID;   /* the host need not raise it for a quiet addend */ \
			feclearexcept(FE_ALL_EXCEPT); \
			expect(names[i % 9], round, ab, bb, cb, got, isnan(r) ? NAN : BITS(r), flags); \
		} \
} \
END_TEST
HOST_TEST(test_f64_host, double, f64, pick64, as_double, double_bits, nan64, fma, sqrt)
HOST_TEST(test_f32_host, float, f32, pick32, as_float, float_bits, nan32, fmaf, sqrtf)

START_TEST(test_compare_host)
{
	for (long i = count() * 4; i-- > 0;) {
		uint64_t ab = pick64(), bb = random64() & 3 ? pick64() : ab ^ (random64() & (uint64_t)1 << 63), got;
		uint64_t af = pick32(), bf = random64() & 3 ? pick32() : af ^ (random64() & 1u << 31);
		volatile double a = as_double(ab), b = as_double(bb);
		volatile float x = as_float(af), y = as_float(bf);
		volatile int r;

#define COMPARE(EXPR, CALL) do { \
	feclearexcept(FE_ALL_EXCEPT); r = (EXPR); uint8_t flags = host_flags() & FPX_INVALID; got = (CALL); \
	expect(#CALL, 0, ab, bb, 0, got, r, flags); \
} while (0)
		COMPARE(a == b, sf_f64_eq(&cpu, ab, bb));
		COMPARE(a < b, sf_f64_lt(&cpu, ab, bb));
		COMPARE(a <= b, sf_f64_le(&cpu, ab, bb));
		COMPARE(x == y, sf_f32_eq(&cpu, af, bf));
		COMPARE(x < y, sf_f32_lt(&cpu, af, bf));
		COMPARE(x <= y, sf_f32_le(&cpu, af, bf));
#undef COMPARE
	}
}
END_TEST

/* What an integer conversion of the host's exact integral value V (or NaN) gives. */
static uint64_t saturate(double v, int width, bool is_signed, uint8_t *flags)
{
	double top = ldexp(1, width - is_signed), bottom = is_signed ? -top : 0;
	uint64_t max = is_signed ? ((uint64_t)1 << (width - 1)) - 1 : width == 64 ? ~(uint64_t)0 : 0xffffffff;
	uint64_t value;

	if (isnan(v) || v >= top) {
		value = max;
		*flags = FPX_INVALID;
	} else if (v < bottom) {
		value = is_signed ? max + 1 : 0;
		*flags = FPX_INVALID;
	} else {
		value = v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v;
	}
	return width == 32 ? (uint64_t)(int32_t)value : value;
}

START_TEST(test_to_integer_host)
{
	for (unsigned round = ROUND_NE; round <= ROUND_MM; round++)
		for (long i = count() * 4; i-- > 0;) {
			uint64_t af = pick32(), ab = i & 1 ? pick64() : double_bits(as_float(af));
			volatile double a = as_double(ab), v;
			bool single = !(i & 1), nan = isnan(a);
			if (round == ROUND_MM) {
				v = trunc(a);
				if (!nan && fabs(a - v) >= 0.5)
					v += copysign(1, a);
			} else {
				v = round == ROUND_NE ? rint(a) : round == ROUND_TZ ? trunc(a) : round == ROUND_DN ? floor(a) : ceil(a);
			}
			uint8_t inexact = !nan && v != a ? FPX_INEXACT : 0, flags;
			uint64_t want;
#define TO(NAME, WIDTH, SIGNED) do { \
	flags = inexact; \
	want = saturate(v, WIDTH, SIGNED, &flags); \
	expect("f64_to_" #NAME, round, ab, 0, 0, sf_f64_to_##NAME(&cpu, ab, round), want, flags); \
	if (single) \
		expect("f32_to_" #NAME, round, af, 0, 0, sf_f32_to_##NAME(&cpu, af, round), want, flags); \
} while (0)
			TO(i32, 32, true);
			TO(u32, 32, false);
			TO(i64, 64, true);
			TO(u64, 64, false);
#undef TO
		}
}
END_TEST

START_TEST(test_from_integer_host)
{
	for (unsigned round = ROUND_NE; round <= ROUND_UP; round++)
		for (long i = count() * 4; i-- > 0;) {
			volatile uint64_t a = random64() >> (random64() & 63);
			if (random64() & 1)
				a = -a;
			if (!(random64() & 7))
				a &= ~(uint64_t)0 << (random64() & 63);
			volatile double d;
			volatile float f;
			uint8_t flags;
#define FROM(NAME, TYPE) do { \
	volatile TYPE from = (TYPE)a; \
	{ double result; ON_HOST(double, (double)from); d = result; } \
	expect(#NAME "_to_f64", round, a, 0, 0, sf_##NAME##_to_f64(&cpu, a, round), double_bits(d), flags); \
	{ float result; ON_HOST(float, (float)from); f = result; } \
	expect(#NAME "_to_f32", round, a, 0, 0, sf_##NAME##_to_f32(&cpu, a, round), float_bits(f), flags); \
} while (0)
			FROM(i32, int32_t);
			FROM(u32, uint32_t);
			FROM(i64, int64_t);
			FROM(u64, uint64_t);
#undef FROM
		}
}
END_TEST

START_TEST(test_formats_host)
{
	for (unsigned round = ROUND_NE; round <= ROUND_UP; round++)
		for (long i = count() * 4; i-- > 0;) {
			uint64_t ab = pick64(), af = pick32();
			if (i & 1)      /* in and around binary32's range */
				ab = (ab & ~((uint64_t)0x7ff << 52)) | (0x3ff - 160 + random64() % 300) << 52;
			if (!(i & 6))
				ab &= ~(uint64_t)0 << 28;
			volatile double a = as_double(ab), d;
			volatile float x = as_float(af), f;
			uint8_t flags;
			{ float result; ON_HOST(float, (float)a); f = result; }
			expect("f64_to_f32", round, ab, 0, 0, sf_f64_to_f32(&cpu, ab, round), isnan(f) ? nan32 : float_bits(f), flags);
			{ double result; ON_HOST(double, (double)x); d = result; }
			/* (the host's denormal-operand flag is not ours) */
			expect("f32_to_f64", round, af, 0, 0, sf_f32_to_f64(&cpu, af, round), isnan(d) ? nan64 : double_bits(d),
			       flags & FPX_INVALID);
		}
}
END_TEST

/* -- binary16 against the table of its numbers ------------------------------------------------------------------------ */

enum { INF16 = 0x7c00 };

/* The value of bits below INF16, and what would follow the largest. */
static double value16(unsigned bits)
{
	return bits < 0x400 ? ldexp(bits, -24) : ldexp((bits & 0x3ff) | 0x400, (int)(bits >> 10) - 25);
}

/* V >= 0, or what lies just off it if it is not EXACT (then the host has rounded it in the same direction), as an index of the table. */
static unsigned nearest16(double v, unsigned round, bool negative)
{
	unsigned low = 0, high = INF16;

	if (v >= value16(INF16))
		low = INF16 - 1;
	else
		while (high - low > 1) {
			unsigned middle = (low + high) / 2;
			*(value16(middle) <= v ? &low : &high) = middle;
		}
	double below = value16(low), middle = (below + value16(low + 1)) / 2;
	if (v == below)
		return low;
	switch (round) {
	case ROUND_NE: return v > middle || (v == middle && low & 1) ? low + 1 : low;
	case ROUND_MM: return v >= middle ? low + 1 : low;
	case ROUND_TZ: return low;
	case ROUND_DN: return negative ? low + 1 : low;
	default: return negative ? low : low + 1;
	}
}

/* Narrows V, which the host computed with FLAGS. For + - * / and sqrt rounding twice in one direction, or to nearest with 53 >= 2 * 11 + 2 digits
 * first, gives what rounding once gives. */
static uint64_t narrow16(double v, unsigned round, uint8_t *flags)
{
	if (isnan(v))
		return NAN16;
	bool negative = signbit(v);
	uint64_t sign = negative ? 0x8000 : 0;
	if (isinf(v))
		return sign | INF16;
	v = fabs(v);
	unsigned n = nearest16(v, round, negative);
	bool inexact = n == INF16 || value16(n) != v || *flags & FPX_INEXACT;
	if (n == INF16 || v >= value16(INF16))
		*flags |= FPX_OVERFLOW;
	/* tiny: as if the exponent had no end, judged two binades higher */
	if (inexact && v < value16(0x400) && nearest16(v * 4, round, negative) < 0xc00)
		*flags |= FPX_UNDERFLOW;
	if (inexact)
		*flags |= FPX_INEXACT;
	return sign | n;
}

static double widen16(uint64_t bits)
{
	unsigned magnitude = bits & 0x7fff;
	double v = magnitude > INF16 ? NAN : magnitude == INF16 ? INFINITY : value16(magnitude);
	return bits & 0x8000 ? -v : v;
}

static bool signaling16(uint64_t bits) { return (bits & 0x7fff) > INF16 && !(bits & 0x200); }

START_TEST(test_f16_table)
{
	for (unsigned mode = ROUND_NE; mode <= ROUND_MM; mode++)
		for (long i = count() * 2; i-- > 0;) {
			uint64_t ab = pick16(), bb = pick16();
			volatile double a = widen16(ab), b = widen16(bb);
			unsigned round = mode == ROUND_MM ? ROUND_NE : mode;
			uint8_t flags;
			uint64_t want;
#define TABLE(NAME, EXPR, SIGNALING, ...) do { \
	double result; \
	ON_HOST(double, EXPR); \
	want = narrow16(result, mode, &flags); \
	if (SIGNALING) flags |= FPX_INVALID; \
	feclearexcept(FE_ALL_EXCEPT); \
	expect("f16_" #NAME, mode, ab, bb, 0, sf_f16_##NAME(&cpu, __VA_ARGS__, mode), want, flags); \
} while (0)
			bool signaling = signaling16(ab) || signaling16(bb);
			TABLE(add, a + b, signaling, ab, bb);
			TABLE(sub, a - b, signaling, ab, bb);
			TABLE(mul, a * b, signaling, ab, bb);
			TABLE(div, a / b, signaling, ab, bb);
			TABLE(sqrt, sqrt(a), signaling16(ab), ab);
			TABLE(fmadd, a * b + a, signaling, ab, bb, ab);
#undef TABLE
			int64_t v = (int64_t)random64() >> (random64() & 63);
			double exact = (double)(v >> 12);
			flags = 0;
			want = narrow16(exact, mode, &flags);
			expect("i64_to_f16", mode, v >> 12, 0, 0, sf_i64_to_f16(&cpu, v >> 12, mode), want, flags);
		}
}
END_TEST

START_TEST(test_f16_formats)
{
	for (unsigned round = ROUND_NE; round <= ROUND_MM; round++) {
		for (unsigned bits = 0; bits < 0x10000; bits++) {
			double v = widen16(bits);
			uint8_t flags = signaling16(bits) ? FPX_INVALID : 0;
			expect("f16_to_f64", round, bits, 0, 0, sf_f16_to_f64(&cpu, bits, round), isnan(v) ? nan64 : double_bits(v), flags);
			expect("f16_to_f32", round, bits, 0, 0, sf_f16_to_f32(&cpu, bits, round), isnan(v) ? nan32 : float_bits(v), flags);
			uint64_t wide = sf_f16_to_f64(&cpu, bits, round);
			cpu.fflags = 0;
			uint64_t want = sf_f64_to_i64(&cpu, wide, round);
			flags = cpu.fflags | flags;
			cpu.fflags = 0;
			uint64_t got = sf_f16_to_i64(&cpu, bits, round);
			expect("f16_to_i64", round, bits, 0, 0, got, want, flags);
		}
		for (long i = count() * 2; i-- > 0;) {
			uint64_t bits = pick32();
			if (i & 1)
				bits = (bits & ~(0xffu << 23)) | (127 - 30 + random64() % 50) << 23;
			if (!(i & 6))
				bits &= ~0u << (11 + (i >> 3) % 4);
			double v = as_float(bits);
			uint8_t flags = isnan(v) && !(bits >> 22 & 1) ? FPX_INVALID : 0;
			uint64_t want = narrow16(v, round, &flags);
			expect("f32_to_f16", round, bits, 0, 0, sf_f32_to_f16(&cpu, bits, round), want, flags);
			if (!isnan(v))
				expect("f64_to_f16", round, bits, 0, 0, sf_f64_to_f16(&cpu, double_bits(v), round), want, flags);
		}
	}
}
END_TEST

/* -- ROUND_MM of the wide formats ------------------------------------------------------------------------------------- */

START_TEST(test_max_magnitude)
{
	/* products of binary32 are exact in binary64, so the nearer of the two neighbours can be told */
	for (long i = count() * 8; i-- > 0;) {
		uint64_t a = pick32(), b = pick32();
		if (i & 1) {
			a &= ~0u << 11;
			b &= ~0u << 11;
		}
		double exact = (double)as_float(a) * as_float(b);
		uint64_t low = sf_f32_mul(&cpu, a, b, ROUND_TZ), high = sf_f32_mul(&cpu, a, b, signbit(exact) ? ROUND_DN : ROUND_UP);
		uint8_t flags = cpu.fflags;
		cpu.fflags = 0;
		if (isnan(exact) || flags & (FPX_OVERFLOW | FPX_UNDERFLOW))
			continue;
		double middle = ((double)as_float(low) + as_float(high)) / 2;
		uint64_t want = fabs(exact) >= fabs(middle) ? high : low;
		expect("mul rmm", ROUND_MM, a, b, 0, sf_f32_mul(&cpu, a, b, ROUND_MM), want, flags);
	}
	/* ties and their neighbours in binary64 */
	uint64_t one = double_bits(1), minus = double_bits(-1), half_ulp = double_bits(0x1p-53);
	expect("tie", ROUND_MM, 0, 0, 0, sf_f64_add(&cpu, one, half_ulp, ROUND_MM), one + 1, FPX_INEXACT);
	expect("tie", ROUND_NE, 0, 0, 0, sf_f64_add(&cpu, one, half_ulp, ROUND_NE), one, FPX_INEXACT);
	expect("tie", ROUND_MM, 0, 0, 0, sf_f64_sub(&cpu, minus, half_ulp, ROUND_MM), minus + 1, FPX_INEXACT);
	expect("below", ROUND_MM, 0, 0, 0, sf_f64_add(&cpu, one, half_ulp - 1, ROUND_MM), one, FPX_INEXACT);
	expect("0.5", ROUND_MM, 0, 0, 0, sf_f64_to_i64(&cpu, double_bits(0.5), ROUND_MM), 1, FPX_INEXACT);
	expect("-2.5", ROUND_MM, 0, 0, 0, sf_f64_to_i32(&cpu, double_bits(-2.5), ROUND_MM), -(uint64_t)3, FPX_INEXACT);
	expect("max", ROUND_MM, 0, 0, 0, sf_f64_mul(&cpu, double_bits(0x1.fffffffffffffp1023), double_bits(2), ROUND_MM),
	       double_bits(INFINITY), FPX_OVERFLOW | FPX_INEXACT);
}
END_TEST

/* -- cases -------------------------------------------------------------------------------------------------------- */

START_TEST(test_min_max)
{
	uint64_t quiet = 0x7ff8000000000001, signaling = 0x7ff0000000000001, one = double_bits(1), zero = 0, minus_zero = double_bits(-0.0);
	static const struct { int a, b, min, max; uint8_t flags; } rows[] = {
		{ 0, 3, 3, 0, 0 }, { 3, 0, 3, 0, 0 }, { 2, 3, 2, 3, 0 }, { 3, 2, 2, 3, 0 }, { 0, 2, 2, 0, 0 }, { 0, 1, 0, 0, 0 }, { 1, 0, 0, 0, 0 },
		{ 4, 0, 0, 0, FPX_INVALID }, { 0, 4, 0, 0, FPX_INVALID }, { 1, 4, 5, 5, FPX_INVALID }, { 1, 1, 5, 5, 0 },
	};
	uint64_t v[] = { one, quiet, minus_zero, zero, signaling, nan64 };
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		expect("min", 0, v[rows[i].a], v[rows[i].b], 0, sf_f64_min(&cpu, v[rows[i].a], v[rows[i].b]), v[rows[i].min], rows[i].flags);
		expect("max", 0, v[rows[i].a], v[rows[i].b], 0, sf_f64_max(&cpu, v[rows[i].a], v[rows[i].b]), v[rows[i].max], rows[i].flags);
	}
	for (long i = count(); i-- > 0;) {
		uint64_t a = pick32(), b = pick32();
		float x = as_float(a), y = as_float(b);
		if (isnan(x) || isnan(y) || x == y)
			continue;
		expect("min", 0, a, b, 0, sf_f32_min(&cpu, a, b), x < y ? a : b, 0);
		expect("max", 0, a, b, 0, sf_f32_max(&cpu, a, b), x < y ? b : a, 0);
	}
	expect("bits above", 0, 0, 0, 0, sf_f32_min(&cpu, 0xffffffff3f800000, 0xffffffff40000000), 0x3f800000, 0);
}
END_TEST

START_TEST(test_class)
{
	static const struct { uint64_t bits; unsigned bit; } rows[] = {
		{ 0xfff0000000000000, 0 }, { 0xbff0000000000000, 1 }, { 0x8010000000000000, 1 }, { 0x800fffffffffffff, 2 },
		{ 0x8000000000000000, 3 }, { 0, 4 }, { 1, 5 }, { 0x3ff0000000000000, 6 }, { 0x7ff0000000000000, 7 },
		{ 0x7ff0000000000001, 8 }, { 0xfff7ffffffffffff, 8 }, { 0x7ff8000000000000, 9 },
	};
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ck_assert_uint_eq(sf_f64_class(rows[i].bits), 1u << rows[i].bit);
	ck_assert_uint_eq(sf_f32_class(0xff800000), 1);
	ck_assert_uint_eq(sf_f32_class(0xffffffff00000001), 1 << 5);
	ck_assert_uint_eq(sf_f16_class(0x8001), 1 << 2);
	ck_assert_uint_eq(sf_f16_class(0x7d00), 1 << 8);
}
END_TEST

START_TEST(test_flags)
{
	uint64_t inf = double_bits(INFINITY), quiet = nan64 | 5;

	/* the addend's quiet NaN does not hide the product's invalid */
	expect("fma", 0, inf, 0, quiet, sf_f64_fmadd(&cpu, inf, 0, quiet, ROUND_NE), nan64, FPX_INVALID);
	expect("div", 0, 0, 0, 0, sf_f64_div(&cpu, double_bits(-1), 0, ROUND_NE), double_bits(-INFINITY), FPX_DIVZERO);
	/* flags accumulate */
	sf_f64_div(&cpu, double_bits(1), 0, ROUND_NE);
	sf_f64_div(&cpu, double_bits(1), double_bits(3), ROUND_NE);
	ck_assert_uint_eq(cpu.fflags, FPX_DIVZERO | FPX_INEXACT);
	cpu.fflags = 0;
	/* tiny after rounding to full precision, though the least normal number results */
	expect("tiny", 0, 0, 0, 0, sf_f64_mul(&cpu, 0x0010000000000000, double_bits(0x1.fffffffffffffp-1), ROUND_NE), 0x0010000000000000,
	       FPX_INEXACT | FPX_UNDERFLOW);
	/* below it only before rounding: not tiny */
	expect("tiny", 0, 0, 0, 0, sf_f64_mul(&cpu, 0x0010000000000001, double_bits(0x1.ffffffffffffep-1), ROUND_NE), 0x0010000000000000,
	       FPX_INEXACT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("softfloat");
	TCase *host = tcase_create("against the host"), *half = tcase_create("binary16"), *cases = tcase_create("cases");

	tcase_set_timeout(host, 0);
	tcase_set_timeout(half, 0);
	tcase_add_test(host, test_f64_host);
	tcase_add_test(host, test_f32_host);
	tcase_add_test(host, test_compare_host);
	tcase_add_test(host, test_to_integer_host);
	tcase_add_test(host, test_from_integer_host);
	tcase_add_test(host, test_formats_host);
	tcase_add_test(half, test_f16_table);
	tcase_add_test(half, test_f16_formats);
	tcase_add_test(cases, test_max_magnitude);
	tcase_add_test(cases, test_min_max);
	tcase_add_test(cases, test_class);
	tcase_add_test(cases, test_flags);
	suite_add_tcase(suite, host);
	suite_add_tcase(suite, half);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
