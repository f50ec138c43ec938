/* How slow work ends: persist, apply; well, badly, late, twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static int propose(struct rig *rig, uint64_t token)
{
    return craft_propose(rig->node, (const uint8_t *)"x", 1, token);
}

/* A lone leader, the disk slow from now on; tickets 4, 5, ... come next. */
static struct rig *rig_slow(void)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, 1);
    rig->slow_disk = true;
    (void)rig_told(rig);
    return rig;
}

static int persisted(struct rig *rig, uint64_t ticket, int ending)
{
    int rv;

    rig->memory.sealed = true;
    rv = craft_persisted(rig->node, ticket, ending);
    rig->memory.sealed = false;
    return rv;
}

static void assert_ending_refused(struct rig *rig, uint64_t ticket, int ending,
                                  int error)
{
    uint32_t before = rig_digest(rig);

    assert_int_equal(persisted(rig, ticket, ending), error);
    assert_int_equal(rig_digest(rig), before);
    assert_null(craft_check(rig->node));
}

/* ----------------------------------------------------------------- persist */

static void a_ticket_that_was_never_handed_out_is_refused(void **state)
{
    struct rig *rig = rig_slow();

    (void)state;
    assert_int_equal(propose(rig, 7), 0);
    rig_run(rig);
    for (int ending = CRAFT_ENDING_OK; ending <= CRAFT_ENDING_ERROR; ending++) {
        assert_ending_refused(rig, 0, ending, CRAFT_ERR_TICKET);
        assert_ending_refused(rig, 5, ending, CRAFT_ERR_TICKET);
        assert_ending_refused(rig, UINT64_MAX, ending, CRAFT_ERR_TICKET);
    }
    assert_ending_refused(rig, 4, -1, CRAFT_ERR_INVALID);
    assert_ending_refused(rig, 4, 3, CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void ok_covers_all_earlier_tickets(void **state)
{
    struct rig *rig = rig_slow();

    (void)state;
    for (uint64_t token = 1; token <= 3; token++) {
        assert_int_equal(propose(rig, token), 0);
        rig_run(rig);
    }
    assert_int_equal(rig_status(rig).persists_open, 3);
    (void)rig_told(rig);
    assert_int_equal(persisted(rig, 5, CRAFT_ENDING_OK), 0);
    assert_int_equal(rig_status(rig).persists_open, 1);
    assert_int_equal(rig_status(rig).durable_index, 4);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "apply [3@2 \"x\" 4@2 \"x\"]\n"
                                       "done token=1 ok index=3\n"
                                       "done token=2 ok index=4\n");
    assert_ending_refused(rig, 4, CRAFT_ENDING_OK, 0); /* late: nothing new */
    assert_ending_refused(rig, 5, CRAFT_ENDING_OK, 0); /* twice */
    assert_int_equal(persisted(rig, 6, CRAFT_ENDING_OK), 0);
    assert_int_equal(rig_status(rig).durable_index, 5);
    rig_free(rig);
}

static void no_more_tickets_are_open_than_allowed(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.persist_inflight_max = 3;
    rig_lead(rig, 1);
    rig->slow_disk = true;
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(propose(rig, 0), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).persists_open, i < 3 ? i + 1 : 3);
    }
    (void)rig_told(rig);
    assert_int_equal(persisted(rig, 4, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).persists_open, 3);
    assert_int_equal(rig->disk_last, 12); /* all that waited, in one record */
    rig_free(rig);
}

/* Decision 4: what a void ticket held goes out again, hard state first. */
static void nospace_voids_a_ticket_and_all_later_ones(void **state)
{
    struct rig *rig = rig_slow();

    (void)state;
    for (uint64_t token = 1; token <= 3; token++) {
        assert_int_equal(propose(rig, token), 0);
        rig_run(rig);
    }
    assert_int_equal(persisted(rig, 5, CRAFT_ENDING_NOSPACE), 0);
    assert_true(rig_status(rig).flags & CRAFT_STATUS_DISK_FULL);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(propose(rig, 9), CRAFT_ERR_NOT_LEADER);
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_NOSPACE);
    /* Their endings are ignored, whatever they say. */
    assert_ending_refused(rig, 5, CRAFT_ENDING_OK, 0);
    assert_ending_refused(rig, 6, CRAFT_ENDING_OK, 0);
    assert_ending_refused(rig, 6, CRAFT_ENDING_NOSPACE, 0);
    assert_ending_refused(rig, 6, CRAFT_ENDING_ERROR, 0);
    assert_int_equal(persisted(rig, 4, CRAFT_ENDING_OK), 0);
    assert_int_equal(rig_status(rig).durable_index, 3);
    assert_ending_refused(rig, 6, CRAFT_ENDING_ERROR, 0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig), ""); /* nobody leads: no commit */
    rig->disk_last = 3; /* of the records that were not written */
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #7 [4@2 \"x\" 5@2 \"x\"]\n");
    assert_int_equal(persisted(rig, 7, CRAFT_ENDING_OK), 0);
    assert_false(rig_status(rig).flags & CRAFT_STATUS_DISK_FULL);
    assert_int_equal(rig_status(rig).tokens_open, 3);
    rig->slow_disk = false;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #8 term=3 vote=1\n"
                                       "persist #9 [6@3 noop]\n"
                                       "apply [3@2 \"x\" 4@2 \"x\" 5@2 \"x\"]\n"
                                       "done token=1 ok index=3\n"
                                       "done token=2 ok index=4\n"
                                       "done token=3 ok index=5\n");
    rig_free(rig);
}

static void a_hard_state_that_does_not_fit_waits_for_a_tick(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    (void)rig_told(rig);
    for (uint64_t ticket = 2; ticket < 6; ticket++) {
        assert_int_equal(persisted(rig, ticket, CRAFT_ENDING_NOSPACE), 0);
        rig_run(rig);
        assert_string_equal(rig_told(rig), "");
        assert_int_equal(craft_ticks_until_due(rig->node), 1);
        assert_int_equal(craft_tick(rig->node, 1), 0);
        rig_run(rig);
        assert_true(rig->ticket == ticket + 1);
        (void)rig_told(rig);
    }
    assert_int_equal(persisted(rig, 6, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_false(rig_status(rig).flags & CRAFT_STATUS_DISK_FULL);
    rig_free(rig);
}

/* canonical 23ed201, canonical 50d72f2: a failed write halts; every token
 * ends, nothing is said. */
/*
 * A lone voter is told of a later term, campaigns, and its entries do not fit:
 * it has its own vote all the same, and keeps nothing for anyone before a tick
 * has tried again.
 */
static void who_wins_with_a_full_disk_takes_no_proposal(void **state)
{
    struct rig *rig = rig_slow();
    craft_message vote = rig_message(rig, CRAFT_MESSAGE_VOTE, 9, 3);

    (void)state;
    assert_int_equal(propose(rig, 7), 0);
    rig_run(rig); /* ticket 4 */
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig); /* 5 */
    assert_int_equal(persisted(rig, 4, CRAFT_ENDING_NOSPACE), 0);
    rig->disk_last = 2;
    rig_run(rig);
    assert_int_equal(rig->ticket, 6); /* the hard state alone */
    assert_int_equal(persisted(rig, 6, CRAFT_ENDING_OK), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    rig_run(rig);
    assert_int_equal(rig->ticket, 6);
    for (uint64_t ticket = 7; ticket <= 8; ticket++) { /* the array wraps */
        assert_int_equal(propose(rig, 8), CRAFT_ERR_NOSPACE);
        assert_int_equal(craft_tick(rig->node, 1), 0);
        rig_run(rig);
        assert_int_equal(persisted(rig, ticket, CRAFT_ENDING_OK), 0);
        rig_run(rig);
    }
    assert_int_equal(propose(rig, 8), 0);
    rig_free(rig);
}

static void an_error_halts_and_ends_every_token(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    rig->slow_disk = true;
    rig->tell_events = true;
    assert_int_equal(propose(rig, 7), 0);
    assert_int_equal(propose(rig, 8), 0);
    rig_run(rig);
    (void)rig_told(rig);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(persisted(rig, rig->ticket, CRAFT_ENDING_ERROR), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "done token=7 unknown index=3\n"
                        "done token=8 unknown index=4\n"
                        "event peer value=1 id=2 term=2 index=2\n"
                        "event storage value=2 id=0 term=2 index=2\n");
    assert_true(rig_status(rig).flags & CRAFT_STATUS_HALTED);
    assert_int_equal(persisted(rig, rig->ticket, CRAFT_ENDING_OK),
                     CRAFT_ERR_HALTED);
    rig_free(rig);
}

/* Truncated is not durable, whatever a late ending says (decision 4). */
static void a_late_ending_does_not_make_a_rewritten_entry_durable(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[4];
    craft_append payload = {1, 1, 0, entries, 4};

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    rig_entries(entries, 4, 2, 2, 1);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    rig_entries(entries, 4, 2, 3, 1);
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(rig_append(rig, 3, 3, &payload), 0);
    assert_int_equal(persisted(rig, 2, CRAFT_ENDING_OK), 0);
    assert_int_equal(rig_status(rig).durable_index, 1);
    assert_int_equal(craft_release(rig->node), 0);
    assert_int_equal(rig_status(rig).durable_index, 1);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #3 term=3 vote=0 truncate=2 [2@3 \"x\" 3@3 "
                        "\"x\" 4@3 \"x\" 5@3 \"x\"]\n"
                        "1 -> 3 append_reply t3 match=0\n");
    assert_int_equal(persisted(rig, 3, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 3 append_reply t3 match=5\n");
    rig_free(rig);
}

/* What the first took away is not durable either. */
static void of_two_truncations_in_a_hold_the_lower_one_counts(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[4];
    craft_append payload = {1, 1, 0, entries, 4};

    (void)state;
    rig_found(rig, 3);
    rig_entries(entries, 4, 2, 2, 1);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).durable_index, 5);
    (void)rig_told(rig);
    rig->slow_disk = true;
    assert_int_equal(craft_hold(rig->node), 0);
    rig_entries(entries, 4, 2, 3, 1);
    assert_int_equal(rig_append(rig, 3, 3, &payload), 0);
    rig_entries(entries, 1, 5, 4, 1);
    payload = (craft_append){4, 3, 0, entries, 1};
    assert_int_equal(rig_append(rig, 2, 4, &payload), 0);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #3 term=4 vote=0 truncate=2 [2@3 \"x\" 3@3 "
                        "\"x\" 4@3 \"x\" 5@4 \"x\"]\n"
                        "1 -> 2 append_reply t4 match=0\n");
    assert_int_equal(rig_status(rig).durable_index, 1);
    rig_free(rig);
}

/* ------------------------------------------------------------------- apply */

static struct rig *rig_applying(void)
{
    struct rig *rig = rig_new(1);

    rig->slow_machine = true;
    rig_lead(rig, 1);
    assert_int_equal(craft_hold(rig->node), 0);
    for (uint64_t token = 1; token <= 5; token++) {
        assert_int_equal(propose(rig, token), 0);
    }
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_int_equal(rig->apply_last, 7); /* 3 .. 7 */
    (void)rig_told(rig);
    return rig;
}

static void an_apply_batch_ends_within_itself(void **state)
{
    struct rig *rig = rig_applying();
    static const craft_index outside[] = {0, 1, 8, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint32_t before = rig_digest(rig);

        assert_int_equal(craft_applied(rig->node, outside[i], CRAFT_ENDING_OK),
                         CRAFT_ERR_INVALID);
        assert_int_equal(rig_digest(rig), before);
    }
    assert_int_equal(craft_applied(rig->node, 7, CRAFT_ENDING_NOSPACE),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_applied(rig->node, 8, CRAFT_ENDING_ERROR),
                     CRAFT_ERR_INVALID);
    assert_false(rig_status(rig).flags & CRAFT_STATUS_HALTED);
    assert_int_equal(craft_applied(rig->node, 7, CRAFT_ENDING_OK), 0);
    assert_int_equal(craft_applied(rig->node, 7, CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    rig_free(rig);
}

static void the_rest_of_a_batch_is_handed_out_again(void **state)
{
    struct rig *rig = rig_applying();

    (void)state;
    assert_int_equal(craft_applied(rig->node, 4, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "apply [5@2 \"x\" 6@2 \"x\" 7@2 \"x\"]\n"
                                       "done token=1 ok index=3\n"
                                       "done token=2 ok index=4\n");
    assert_int_equal(craft_applied(rig->node, 4, CRAFT_ENDING_OK), 0);
    rig_run(rig); /* nothing of it was applied */
    assert_string_equal(rig_told(rig),
                        "apply [5@2 \"x\" 6@2 \"x\" 7@2 \"x\"]\n");
    rig_free(rig);
}

static void a_failed_apply_halts(void **state)
{
    struct rig *rig = rig_applying();

    (void)state;
    assert_int_equal(craft_applied(rig->node, 2, CRAFT_ENDING_ERROR), 0);
    rig_run(rig);
    assert_true(rig_status(rig).flags & CRAFT_STATUS_HALTED);
    assert_int_equal(rig_status(rig).tokens_open, 0);
    rig_free(rig);
}

static void an_unreachable_peer_is_probed_at_the_next_heartbeat(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(craft_peer_unreachable(rig->node, 1),
                     CRAFT_ERR_UNKNOWN_ID);
    assert_int_equal(craft_peer_unreachable(rig->node, 9),
                     CRAFT_ERR_UNKNOWN_ID);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_int_equal(propose(rig, 0), 0);
    rig_run(rig);
    assert_int_equal(rig_peer(rig, 0).inflight, 1);
    assert_int_equal(craft_peer_unreachable(rig->node, 2), 0);
    assert_int_equal(rig_peer(rig, 0).inflight, 0);
    assert_int_equal(rig_peer(rig, 0).next_index, 3);
    assert_int_equal(rig_peer(rig, 0).progress, CRAFT_PROGRESS_PROBE);
    (void)rig_told(rig);
    assert_int_equal(propose(rig, 0), 0);
    rig_run(rig);
    assert_null(strstr(rig_told(rig), "1 -> 2"));
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "1 -> 2 append t2 prev=2@2"));
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_that_was_never_handed_out_is_refused),
        cmocka_unit_test(ok_covers_all_earlier_tickets),
        cmocka_unit_test(no_more_tickets_are_open_than_allowed),
        cmocka_unit_test(nospace_voids_a_ticket_and_all_later_ones),
        cmocka_unit_test(a_hard_state_that_does_not_fit_waits_for_a_tick),
        cmocka_unit_test(who_wins_with_a_full_disk_takes_no_proposal),
        cmocka_unit_test(an_error_halts_and_ends_every_token),
        cmocka_unit_test(a_late_ending_does_not_make_a_rewritten_entry_durable),
        cmocka_unit_test(of_two_truncations_in_a_hold_the_lower_one_counts),
        cmocka_unit_test(an_apply_batch_ends_within_itself),
        cmocka_unit_test(the_rest_of_a_batch_is_handed_out_again),
        cmocka_unit_test(a_failed_apply_halts),
        cmocka_unit_test(an_unreachable_peer_is_probed_at_the_next_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
