/* quorum: exhaustively against the definition, up to seven voters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "quorum/quorum.h"

#define VOTERS_MAX 7u

/* Have more than half of them reached it? */
static bool majority_has(const uint64_t *values, size_t len, uint64_t value)
{
    size_t have = 0;

    for (size_t i = 0; i < len; i++) {
        have += values[i] >= value;
    }
    return 2 * have > len;
}

/* The largest of the values that a majority has, or 0. */
static uint64_t reached_by_definition(const uint64_t *values, size_t len)
{
    uint64_t best = 0;

    for (size_t i = 0; i < len; i++) {
        if (values[i] > best && majority_has(values, len, values[i])) {
            best = values[i];
        }
    }
    return best;
}

/* Count on, as digits of that base; false at the end. */
static bool next_combination(uint64_t *values, size_t len, uint64_t base)
{
    for (size_t i = 0; i < len; i++) {
        values[i]++;
        if (values[i] < base) {
            return true;
        }
        values[i] = 0;
    }
    return false;
}

static void majority_reached_is_the_definition(void **state)
{
    (void)state;
    for (size_t len = 1; len <= VOTERS_MAX; len++) {
        uint64_t base = len <= 5 ? 6 : 5;
        uint64_t values[VOTERS_MAX] = {0};

        do {
            uint64_t copy[VOTERS_MAX];

            memcpy(copy, values, sizeof copy);
            assert_int_equal(craft_majority_reached(copy, len),
                             reached_by_definition(values, len));
            if (len == 3) {
                assert_int_equal(
                    craft_majority_of_3(values[0], values[1], values[2]),
                    reached_by_definition(values, len));
            }
        } while (next_combination(values, len, base));
    }
}

/* RedisLabs 59770f6: a difference cut to an int is a wrong order. */
static void majority_reached_holds_for_numbers_far_apart(void **state)
{
    static const uint64_t far[] = {
        0, 1, 0x80000000u, 0x100000000u, UINT64_MAX / 2, UINT64_MAX};
    uint64_t digits[5] = {0};

    (void)state;
    do {
        uint64_t values[5];
        uint64_t copy[5];

        for (size_t i = 0; i < 5; i++) {
            values[i] = far[digits[i]];
        }
        memcpy(copy, values, sizeof copy);
        assert_true(craft_majority_reached(copy, 5) ==
                    reached_by_definition(values, 5));
    } while (next_combination(digits, 5, sizeof far / sizeof far[0]));
}

static void majority_reached_keeps_the_values(void **state)
{
    uint64_t values[5] = {5, 1, 4, 2, 3};
    uint64_t sum = 0;

    (void)state;
    assert_int_equal(craft_majority_reached(values, 5), 3);
    for (size_t i = 0; i < 5; i++) {
        assert_in_range(values[i], 1, 5);
        sum += values[i];
    }
    assert_int_equal(sum, 15);
}

/* Won: a majority granted. Lost: no answer still to come can make one. */
static void tally_is_the_definition(void **state)
{
    (void)state;
    for (unsigned voters = 1; voters <= VOTERS_MAX; voters++) {
        for (unsigned granted = 0; granted <= voters; granted++) {
            for (unsigned refused = 0; granted + refused <= voters; refused++) {
                unsigned most = voters - refused;
                enum craft_tally want = 2 * granted > voters ? CRAFT_TALLY_WON
                                        : 2 * most > voters  ? CRAFT_TALLY_OPEN
                                                             : CRAFT_TALLY_LOST;

                assert_int_equal(craft_majority_tally(granted, refused, voters),
                                 want);
            }
        }
    }
}

/* Two majorities share a voter: the ground on which all of Raft stands. */
static void what_a_majority_lacks_makes_one(void **state)
{
    (void)state;
    for (unsigned voters = 1; voters <= 64; voters++) {
        for (unsigned have = 0; have <= voters; have++) {
            unsigned more = craft_majority_missing(have, voters);

            assert_true(2 * (have + more) > voters);
            assert_true(more == 0 || 2 * (have + more - 1) <= voters);
        }
    }
}

static void an_election_cannot_be_won_twice(void **state)
{
    (void)state;
    for (unsigned voters = 1; voters <= 64; voters++) {
        for (unsigned granted = 0; granted <= voters; granted++) {
            bool one =
                craft_majority_tally(granted, 0, voters) == CRAFT_TALLY_WON;
            bool other = craft_majority_tally(voters - granted, 0, voters) ==
                         CRAFT_TALLY_WON;

            assert_false(one && other);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(majority_reached_is_the_definition),
        cmocka_unit_test(majority_reached_holds_for_numbers_far_apart),
        cmocka_unit_test(majority_reached_keeps_the_values),
        cmocka_unit_test(tally_is_the_definition),
        cmocka_unit_test(what_a_majority_lacks_makes_one),
        cmocka_unit_test(an_election_cannot_be_won_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
