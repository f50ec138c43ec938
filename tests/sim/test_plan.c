/* plan: faults as data, drawn, printed and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/plan.h"

#define HEAD "servers 3\nlearners 1\nclients 2\nduration 500000\n"

static void assert_same(const struct craft_sim_plan *a,
                        const struct craft_sim_plan *b)
{
    assert_int_equal(a->servers, b->servers);
    assert_int_equal(a->learners, b->learners);
    assert_int_equal(a->clients, b->clients);
    assert_int_equal(a->duration_us, b->duration_us);
    assert_int_equal(a->len, b->len);
    for (size_t i = 0; i < a->len; i++) {
        assert_int_equal(a->faults[i].kind, b->faults[i].kind);
        assert_int_equal(a->faults[i].at, b->faults[i].at);
        assert_int_equal(a->faults[i].until, b->faults[i].until);
        assert_int_equal(a->faults[i].strength, b->faults[i].strength);
        assert_int_equal(a->faults[i].from, b->faults[i].from);
        assert_int_equal(a->faults[i].to, b->faults[i].to);
    }
}

static void a_drawn_plan_prints_and_reads_back_the_same(void **state)
{
    const char *profile;

    (void)state;
    for (size_t i = 0; (profile = craft_sim_profile(i, NULL)) != NULL; i++) {
        for (uint64_t seed = 1; seed <= 100; seed++) {
            struct craft_sim_plan plan;
            struct craft_sim_plan again;
            char *text;

            assert_int_equal(craft_sim_plan_draw(&plan, seed, profile, 0), 0);
            text = craft_sim_plan_print(&plan);
            assert_non_null(text);
            assert_int_equal(craft_sim_plan_read(&again, text), 0);
            assert_same(&plan, &again);
            free(text);
            craft_sim_plan_free(&plan);
            craft_sim_plan_free(&again);
        }
    }
}

/* Swarm testing: every kind is in some plans and not in others. */
static void swarm_draws_each_kind_in_some_seeds_and_not_in_others(void **state)
{
    uint32_t seeds_with[CRAFT_SIM_FAULT_KINDS] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct craft_sim_plan plan;
        uint32_t kinds = 0;

        assert_int_equal(craft_sim_plan_draw(&plan, seed, "swarm", 0), 0);
        for (size_t i = 0; i < plan.len; i++) {
            kinds |= 1u << plan.faults[i].kind;
            assert_true(plan.faults[i].at <= plan.faults[i].until);
            assert_true(plan.faults[i].until <= plan.duration_us);
        }
        for (uint32_t kind = 0; kind < CRAFT_SIM_FAULT_KINDS; kind++) {
            seeds_with[kind] += kinds >> kind & 1u;
        }
        craft_sim_plan_free(&plan);
    }
    for (uint32_t kind = 0; kind < CRAFT_SIM_FAULT_KINDS; kind++) {
        assert_in_range(seeds_with[kind], 100, 300);
    }
}

static void every_size_is_drawn(void **state)
{
    uint32_t seen = 0;
    uint32_t learners = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct craft_sim_plan plan;

        assert_int_equal(craft_sim_plan_draw(&plan, seed, "calm", 0), 0);
        assert_int_equal(plan.len, 0);
        assert_true(plan.learners < plan.servers);
        seen |= 1u << plan.servers;
        learners += plan.learners > 0;
        craft_sim_plan_free(&plan);
        assert_int_equal(craft_sim_plan_draw(&plan, seed, "calm", 4), 0);
        assert_int_equal(plan.servers, 4);
        craft_sim_plan_free(&plan);
    }
    assert_int_equal(seen, 0x3fe);
    assert_in_range(learners, 20, 200);
}

static void comments_and_blank_lines_are_passed_over(void **state)
{
    struct craft_sim_plan plan;

    (void)state;
    assert_int_equal(craft_sim_plan_read(&plan,
                                         "# a run\n\n" HEAD "  # nothing yet\n"
                                         "crash 10..20 1,3 2 # both\n"
                                         "cut 0..500000 1>2,3 0"),
                     0);
    assert_int_equal(plan.len, 2);
    assert_int_equal(plan.faults[0].kind, CRAFT_SIM_CRASH);
    assert_int_equal(plan.faults[0].from, 0xa);
    assert_int_equal(plan.faults[0].to, 0);
    assert_int_equal(plan.faults[1].from, 0x2);
    assert_int_equal(plan.faults[1].to, 0xc);
    craft_sim_plan_free(&plan);
}

static void what_is_no_plan_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "servers 3\n",
        "learners 0\nservers 3\nclients 2\nduration 5\n",
        "servers 0\nlearners 0\nclients 2\nduration 5\n",
        "servers 10\nlearners 0\nclients 2\nduration 5\n",
        "servers 3\nlearners 3\nclients 2\nduration 5\n",
        "servers 3\nlearners 0\nclients 9\nduration 5\n",
        "servers 3\nlearners 0\nclients 2\nduration 0\n",
        "servers 03\nlearners 0\nclients 2\nduration 5\n",
        HEAD "crash\n",
        HEAD "crash 1..2 1\n",
        HEAD "crash 1..2 1 13\n",     /* too strong */
        HEAD "crash 2..1 1 0\n",      /* ends before it begins */
        HEAD "crash 1..500001 1 0\n", /* and after the run */
        HEAD "crash 1..2 0 0\n",
        HEAD "crash 1..2 10 0\n",
        HEAD "crash 1..2 2,1 0\n",
        HEAD "crash 1..2 1,1 0\n",
        HEAD "crash 1..2 1>2 0\n", /* of servers, not of links */
        HEAD "loss 1..2 1 100\n",  /* of links */
        HEAD "loss 1..2 1>2 9\n",  /* too weak */
        HEAD "loss 1..2 1>2 -10\n",
        HEAD "loss 1..2 1>2 100 7\n",
        HEAD "loss 1..2  1>2 100\n",
        HEAD "losses 1..2 1>2 100\n",
        HEAD "loss 1..18446744073709551616 1>2 100\n",
    };
    struct craft_sim_plan plan;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int rv = craft_sim_plan_read(&plan, texts[i]);

        if (rv != CRAFT_ERR_INVALID) {
            print_message("%s", texts[i]);
        }
        assert_int_equal(rv, CRAFT_ERR_INVALID);
        assert_null(plan.faults);
    }
    assert_int_equal(craft_sim_plan_draw(&plan, 1, "tempest", 0),
                     CRAFT_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drawn_plan_prints_and_reads_back_the_same),
        cmocka_unit_test(swarm_draws_each_kind_in_some_seeds_and_not_in_others),
        cmocka_unit_test(every_size_is_drawn),
        cmocka_unit_test(comments_and_blank_lines_are_passed_over),
        cmocka_unit_test(what_is_no_plan_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
