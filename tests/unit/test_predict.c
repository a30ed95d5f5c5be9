/* SPDX-License-Identifier: MIT */
/* Observing branches: what is called hard to predict, what is not although it changes all the time, and who may ask when. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"
#include "translator/predict.h"

enum { ROUNDS = 4096 };

static void setup_predict(void)
{
	setup();
	translator.heat_step = ((uint64_t)1 << 32) / ROUNDS;
}

/* A block whose last instruction branches to 0x2000 if r3 < r4, observed as the branch at PC if that is being observed. */
static struct Block *block_of(uint64_t pc)
{
	begin(pc);
	ir_exit_cond(ir, IR_I64, COND_LTU, 3, 4, 0x2000);
	struct Ins branch = ir->ins[--ir->nins];
	predict_observe(ir, pc, &branch);
	*ir_append(ir, branch.op, branch.type) = branch;
	ir_exit(ir, 0x3000, EXIT_JUMP, 0);
	return emit_unit();
}

static bool is_observed(uint64_t pc)
{
	begin(pc);
	ir_exit_cond(ir, IR_I64, COND_LTU, 3, 4, 0x2000);
	struct Ins branch = ir->ins[ir->nins - 1];
	predict_observe(ir, pc, &branch);
	return ir->ncalls != 0;
}

static void execute(const struct Block *block, bool taken)
{
	cpu->r[3] = 5;
	cpu->r[4] = taken ? 6 : 5;
	enter(block);
	ck_assert_uint_eq(cpu->cpu.pc, taken ? 0x2000 : 0x3000);
}

static uint64_t seed;
static unsigned random_number(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 40;
}

static bool random_half(unsigned n) { return n < ROUNDS && random_number() & 1; }
static bool random_eighth(unsigned n) { return n < ROUNDS && random_number() % 8 == 0; }
static bool random_sixty_fourth(unsigned n) { return n < ROUNDS && random_number() % 64 == 0; }
static bool never(unsigned n) { return n == ROUNDS; }
static bool always(unsigned n) { return n < ROUNDS; }
static bool in_turn(unsigned n) { return n & 1; }
static bool seven_of_eight(unsigned n) { return n % 8 != 7; }
static bool pattern(unsigned n) { return 0x6b >> n % 7 & 1; }

/* Observes a branch at PC that goes as TAKEN says; the most operations that could take its place. */
static unsigned loss(uint64_t pc, bool (*taken)(unsigned n))
{
	unsigned cost = 0;
	bool stale = false;

	ck_assert(!predict_ask(pc, &stale));
	ck_assert(stale);
	ck_assert(!predict_hard(pc, 0));
	const struct Block *block = block_of(pc);
	for (unsigned n = 0; n < ROUNDS; n++)
		execute(block, taken(n));
	stale = false;
	ck_assert(predict_ask(pc, &stale));
	ck_assert(stale);
	ck_assert(!is_observed(pc));
	while (predict_hard(pc, cost + 1))
		cost++;
	return cost;
}

START_TEST(what_is_hard)
{
	unsigned half = loss(0x10000, random_half), eighth = loss(0x10010, random_eighth), seldom = loss(0x10020, random_sixty_fourth);

	/* 64 operations for each wrong guess */
	ck_assert_uint_ge(half, 28);
	ck_assert_uint_le(half, 36);
	ck_assert_uint_ge(eighth, 6);
	ck_assert_uint_le(eighth, 12);
	ck_assert_uint_le(seldom, 2);
}
END_TEST

START_TEST(what_is_easy)
{
	bool (*const easy[])(unsigned) = { never, always, in_turn, seven_of_eight, pattern };

	for (unsigned i = 0; i < G_N_ELEMENTS(easy); i++)
		ck_assert_msg(loss(0x20000 + 0x10 * i, easy[i]) <= 2, "behaviour %u", i);
}
END_TEST

/* One branch does what another, random one has done just before. */
START_TEST(what_follows_another)
{
	bool stale = false, taken;
	const uint64_t first = 0x30000, second = 0x30010;

	ck_assert(!predict_ask(first, &stale));
	ck_assert(!predict_ask(second, &stale));
	const struct Block *a = block_of(first), *b = block_of(second);
	for (unsigned n = 0; n < ROUNDS; n++) {
		taken = random_number() & 1;
		execute(a, taken);
		execute(b, !taken);
	}
	ck_assert(predict_ask(first, &stale));
	ck_assert(predict_ask(second, &stale));
	ck_assert(predict_hard(first, 24));
	ck_assert(!predict_hard(second, 6));
}
END_TEST

START_TEST(what_is_not_executed_may_be_asked_for_again)
{
	bool stale;

	for (unsigned tries = 0; tries < 3; tries++) {
		stale = false;
		ck_assert(!predict_ask(0x40000, &stale));
		ck_assert(stale && is_observed(0x40000));
		const struct Block *block = block_of(0x40000);
		for (unsigned n = 0; n < ROUNDS / 16; n++)
			execute(block, random_number() & 1);
		stale = false;
		ck_assert(predict_ask(0x40000, &stale));
		ck_assert(stale && !predict_hard(0x40000, 1));
	}
	stale = false;
	ck_assert(predict_ask(0x40000, &stale));
	ck_assert(!stale && !is_observed(0x40000));
}
END_TEST

/* Two branches that share a place: the second is not observed while the first is. */
START_TEST(one_at_a_time)
{
	uint64_t other = 0;
	bool stale = false;

	ck_assert(!predict_ask(0x50000, &stale));
	for (uint64_t pc = 0x50002; !other; pc += 2) {
		stale = false;
		if (predict_ask(pc, &stale))
			other = pc;
	}
	ck_assert(!stale && !is_observed(other) && !predict_hard(other, 0));
	/* what is known makes room */
	ck_assert(predict_ask(0x50000, &stale));
	ck_assert(!predict_ask(other, &stale));
	ck_assert(is_observed(other));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("predict");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup_predict, teardown);
	tcase_add_test(all, what_is_hard);
	tcase_add_test(all, what_is_easy);
	tcase_add_test(all, what_follows_another);
	tcase_add_test(all, what_is_not_executed_may_be_asked_for_again);
	tcase_add_test(all, one_at_a_time);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
