/* When a leader hands over to a preferred voter, and how often it tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define TIMEOUT 10u /* config.election_ticks */

static void answer(struct rig *rig, craft_id from, craft_index match,
                   uint32_t priority)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, from,
                                      rig_status(rig).term);

    reply.as.append_reply.match_index = match;
    reply.as.append_reply.priority = priority;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

static void tick(struct rig *rig, uint32_t ticks)
{
    assert_int_equal(craft_tick(rig->node, ticks), 0);
    rig_run(rig);
}

/* Server 2 answers and would lead, until it is told to: so many ticks later. */
static uint32_t ticks_until_handed(struct rig *rig, uint32_t most)
{
    uint32_t ticks = 0;

    do {
        answer(rig, 2, rig_status(rig).last_index, 7);
        tick(rig, 1);
        ticks++;
    } while (rig_status(rig).transfer_target == 0 && ticks < most);
    return ticks;
}

/* What it was told it does not do: the request ends. */
static uint32_t ticks_until_given_up(struct rig *rig)
{
    uint32_t ticks = 0;

    while (rig_status(rig).transfer_target != 0) {
        answer(rig, 2, rig_status(rig).last_index, 7);
        tick(rig, 1);
        ticks++;
    }
    return ticks;
}

static struct rig *rig_that_leads(size_t voters)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, voters);
    answer(rig, 3, 2, 0);
    return rig;
}

static void attempts_follow_at_growing_distance(void **state)
{
    static const uint32_t pauses[] = {4, 8, 16, 32, 64, 64};
    struct rig *rig = rig_that_leads(3);

    (void)state;
    assert_in_range(ticks_until_handed(rig, 100), TIMEOUT, TIMEOUT + 1);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        uint32_t ticks = ticks_until_given_up(rig);

        assert_int_equal(ticks, TIMEOUT);
        ticks += ticks_until_handed(rig, 1000);
        assert_int_equal(ticks, pauses[i] * TIMEOUT);
    }
    rig_free(rig);
}

static void an_attempt_long_ago_is_forgotten(void **state)
{
    struct rig *rig = rig_that_leads(3);

    (void)state;
    (void)ticks_until_handed(rig, 100);
    (void)ticks_until_given_up(rig);
    (void)ticks_until_handed(rig, 100);
    (void)ticks_until_given_up(rig); /* the pause would be 8, then 16 */
    for (uint32_t i = 0; i < 32 * TIMEOUT; i++) {
        answer(rig, 2, 2, 0);
        tick(rig, 1);
    }
    (void)ticks_until_handed(rig, 100);
    assert_int_equal(ticks_until_given_up(rig) + ticks_until_handed(rig, 100),
                     4 * TIMEOUT);
    rig_free(rig);
}

static void the_time_of_a_host_that_ticks_rarely_is_no_proof(void **state)
{
    struct rig *rig = rig_that_leads(3);

    (void)state;
    for (uint32_t i = 0; i < TIMEOUT - 1; i++) {
        answer(rig, 2, 2, 7);
        tick(rig, TIMEOUT / 2);
        assert_int_equal(rig_status(rig).transfer_target, 0);
    }
    answer(rig, 2, 2, 7);
    tick(rig, TIMEOUT / 2);
    answer(rig, 2, 2, 7);
    tick(rig, TIMEOUT / 2);
    assert_int_equal(rig_status(rig).transfer_target, 2);
    rig_free(rig);
}

static void a_leader_that_has_committed_nothing_stays(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 5); /* it and server 2 are no majority */
    assert_int_equal(ticks_until_handed(rig, 100), 100);
    answer(rig, 3, rig_status(rig).last_index, 0);
    assert_int_equal(ticks_until_handed(rig, 100), 1);
    rig_free(rig);
}

/* Proposes in every tick; server 2 has what was there a heartbeat ago, less so
 * many entries. */
static bool handed_with_lag(uint32_t lag)
{
    struct rig *rig = rig_that_leads(3);
    bool handed = false;

    for (uint32_t i = 0; i < 50 && !handed; i++) {
        craft_index last = rig_status(rig).last_index;

        answer(rig, 3, last, 0);
        answer(rig, 2, last - (i < lag ? i : lag), 7);
        assert_int_equal(craft_propose(rig->node, NULL, 0, 0), 0);
        tick(rig, 1);
        handed = rig_status(rig).transfer_target == 2;
    }
    rig_free(rig);
    return handed;
}

static void a_preferred_server_that_lags_behind_is_not_told(void **state)
{
    (void)state;
    assert_true(handed_with_lag(0));
    assert_false(handed_with_lag(1));
}

static void what_was_told_to_another_leadership_does_not_count(void **state)
{
    struct rig *rig = rig_that_leads(3);
    craft_message reply;

    (void)state;
    for (uint32_t i = 0; i < TIMEOUT - 1; i++) {
        answer(rig, 2, 2, 7);
        tick(rig, 1);
    }
    reply =
        rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, rig_status(rig).term + 1);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, rig_status(rig).term);
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    answer(rig, 3, 3, 0);
    assert_in_range(ticks_until_handed(rig, 100), TIMEOUT, TIMEOUT + 1);
    rig_free(rig);
}

static void who_never_campaigns_has_no_priority(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.flags = CRAFT_CONFIG_PASSIVE;
    rig->config.priority = 1;
    assert_int_equal(rig_open(rig), CRAFT_ERR_INVALID);
    rig->config.priority = 0;
    rig->config.reserved = 1;
    assert_int_equal(rig_open(rig), CRAFT_ERR_INVALID);
    rig->config.reserved = 0;
    assert_int_equal(rig_open(rig), 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_follow_at_growing_distance),
        cmocka_unit_test(an_attempt_long_ago_is_forgotten),
        cmocka_unit_test(the_time_of_a_host_that_ticks_rarely_is_no_proof),
        cmocka_unit_test(a_leader_that_has_committed_nothing_stays),
        cmocka_unit_test(a_preferred_server_that_lags_behind_is_not_told),
        cmocka_unit_test(what_was_told_to_another_leadership_does_not_count),
        cmocka_unit_test(who_never_campaigns_has_no_priority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
