/* judge: beside a real node, which is alone in its group or with a learner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node.h"
#include "sim/judge.h"

#define TICKS 40u

struct alone {
    struct craft_judge *judge;
    craft_node *node;
    bool disk_hidden; /* the judge is not told of writes that end */
    uint32_t dones;
};

static void alone_begin(struct alone *alone, uint32_t learners)
{
    const craft_id ids[] = {1, 2, 3};
    const craft_member members[] = {{.id = 1, .role = CRAFT_MEMBER_VOTER},
                                    {.id = 2, .role = CRAFT_MEMBER_LEARNER},
                                    {.id = 3, .role = CRAFT_MEMBER_LEARNER}};
    craft_config configs[3];
    struct craft_judge_options options = {3, ids, configs, true, NULL};

    memset(alone, 0, sizeof *alone);
    craft_config_init(&configs[0], sizeof configs[0]);
    configs[0].id = 1;
    configs[1] = configs[0];
    configs[2] = configs[0];
    alone->judge = craft_judge_new(&options);
    assert_non_null(alone->judge);
    assert_int_equal(craft_node_new(&configs[0], NULL, NULL, &alone->node), 0);
    assert_int_equal(craft_node_bootstrap(alone->node, members, 1 + learners),
                     0);
    craft_judge_start(alone->judge, 1, alone->node, 0);
    assert_int_equal(craft_node_start(alone->node), 0);
}

static void alone_end(struct alone *alone)
{
    craft_judge_crash(alone->judge, 1, 0);
    craft_node_free(alone->node);
    craft_judge_free(alone->judge);
}

static void effect_take(struct alone *alone, const craft_effect *effect)
{
    craft_index last;

    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        craft_judge_send(alone->judge, 1, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        craft_judge_persist(alone->judge, 1, effect->persist);
        if (!alone->disk_hidden) {
            craft_judge_persisted(alone->judge, 1, effect->persist->ticket,
                                  CRAFT_ENDING_OK, 0);
        }
        (void)craft_persisted(alone->node, effect->persist->ticket,
                              CRAFT_ENDING_OK);
        break;
    case CRAFT_EFFECT_APPLY:
        last = effect->entries[effect->entries_len - 1].index;
        craft_judge_apply(alone->judge, 1, effect->entries,
                          effect->entries_len);
        craft_judge_applied(alone->judge, 1, last, CRAFT_ENDING_OK);
        (void)craft_applied(alone->node, last, CRAFT_ENDING_OK);
        break;
    case CRAFT_EFFECT_DONE:
        craft_judge_done(alone->judge, 1, effect->token, effect->result,
                         effect->index);
        alone->dones++;
        break;
    default:
        break;
    }
}

static void alone_step(struct alone *alone)
{
    craft_effect effect = {.struct_size = sizeof effect};

    while (craft_next_effect(alone->node, &effect) == 1) {
        effect_take(alone, &effect);
    }
    craft_judge_step(alone->judge, 1, 0);
}

static void alone_lead(struct alone *alone)
{
    alone_step(alone);
    for (uint32_t i = 0; i < TICKS; i++) {
        assert_int_equal(craft_tick(alone->node, 1), 0);
        alone_step(alone);
    }
}

static void a_node_alone_is_accepted(void **state)
{
    struct alone alone;

    (void)state;
    alone_begin(&alone, 0);
    alone_lead(&alone);
    for (uint64_t token = 1; token <= 100; token++) {
        craft_judge_propose(alone.judge, 1, token);
        assert_int_equal(
            craft_propose(alone.node, (const uint8_t *)"x", 1, token), 0);
        alone_step(&alone);
    }
    assert_null(craft_judge_broken(alone.judge));
    assert_int_equal(alone.dones, 100);
    assert_int_equal(craft_judge_elections(alone.judge), 1);
    assert_int_equal(craft_judge_committed(alone.judge)->len, 102);
    alone_end(&alone);
}

/* Their disks are empty, and do not count. */
static void learners_make_no_majority(void **state)
{
    struct alone alone;

    (void)state;
    alone_begin(&alone, 2);
    alone_lead(&alone);
    assert_null(craft_judge_broken(alone.judge));
    assert_int_equal(craft_judge_committed(alone.judge)->len, 2);
    alone_end(&alone);
}

static void a_commit_that_is_on_no_disk(void **state)
{
    struct alone alone;

    (void)state;
    alone_begin(&alone, 0);
    alone_step(&alone);
    alone.disk_hidden = true;
    assert_int_equal(craft_campaign(alone.node), 0);
    alone_step(&alone);
    assert_non_null(craft_judge_broken(alone.judge));
    assert_non_null(strstr(craft_judge_broken(alone.judge), "which no "
                                                            "majority has"));
    alone_end(&alone);
}

static void a_broken_invariant(void **state)
{
    struct alone alone;

    (void)state;
    alone_begin(&alone, 0);
    alone_lead(&alone);
    assert_null(craft_judge_broken(alone.judge));
    alone.node->log.last_term++;
    craft_judge_step(alone.judge, 1, 0);
    assert_non_null(craft_judge_broken(alone.judge));
    assert_non_null(
        strstr(craft_judge_broken(alone.judge), "1: craft_check: log: "));
    alone_end(&alone);
}

/* So many entries are in memory that not every step looks at them all. */
static void a_broken_invariant_of_a_long_log(void **state)
{
    struct alone alone;
    uint32_t steps = 0;

    (void)state;
    alone_begin(&alone, 0);
    alone_lead(&alone);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(craft_propose(alone.node, NULL, 0, 0), 0);
        alone_step(&alone);
    }
    assert_null(craft_judge_broken(alone.judge));
    alone.node->log.last_term++;
    while (craft_judge_broken(alone.judge) == NULL && steps < 100) {
        craft_judge_step(alone.judge, 1, 0);
        steps++;
    }
    assert_in_range(steps, 1, 17);
    alone_end(&alone);
}

static void a_broken_invariant_at_a_crash(void **state)
{
    struct alone alone;

    (void)state;
    alone_begin(&alone, 0);
    alone_lead(&alone);
    alone.node->log.last_term++;
    craft_judge_crash(alone.judge, 1, 0);
    assert_non_null(craft_judge_broken(alone.judge));
    alone_end(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_alone_is_accepted),
        cmocka_unit_test(learners_make_no_majority),
        cmocka_unit_test(a_commit_that_is_on_no_disk),
        cmocka_unit_test(a_broken_invariant),
        cmocka_unit_test(a_broken_invariant_of_a_long_log),
        cmocka_unit_test(a_broken_invariant_at_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
