/*
 * A leader's snapshot to peers that lack what was compacted (thesis 5.3):
 * offers, parts within a window, what is lost, what a newer one changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static void propose(struct rig *rig, size_t entries)
{
    for (size_t i = 0; i < entries; i++) {
        assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0),
                         0);
        rig_run(rig);
        assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index),
                         0);
        rig_run(rig);
    }
}

/* Takes one whose state has so many bytes; no tail is kept. */
static void take(struct rig *rig, craft_index index, uint64_t size)
{
    craft_snapshot snapshot;

    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    assert_int_equal(craft_snapshot_begin(rig->node, index, &snapshot), 0);
    snapshot.size = size;
    snapshot.digest = index;
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0), 0);
    rig_run(rig);
}

/* A leader of so many with 12 entries, applied by 1 and 2; parts have at most
 * 4 bytes, two of them on their way. */
static struct rig *leader(size_t voters)
{
    struct rig *rig = rig_new(1);

    rig->config.snapshot_chunk_bytes = 4;
    rig->config.snapshot_window = 2;
    rig_lead(rig, voters);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    if (voters > 3) {
        assert_int_equal(rig_acknowledge(rig, 4, 2), 0);
        rig_run(rig);
    }
    propose(rig, 10);
    if (voters > 3) {
        assert_int_equal(rig_acknowledge(rig, 4, 12), 0);
        rig_run(rig);
    }
    assert_int_equal(rig_status(rig).applied_index, 12);
    (void)rig_told(rig);
    return rig;
}

/* The peer refuses what it was asked: its log is empty. */
static void lacks_all(struct rig *rig, craft_id from, uint32_t position)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, from, 2);

    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index =
        rig_peer(rig, position).next_index - 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig_peer(rig, position).progress, CRAFT_PROGRESS_SNAPSHOT);
}

static void reply(struct rig *rig, craft_id from, uint64_t offset,
                  uint64_t written, uint32_t gap)
{
    craft_message message =
        rig_message(rig, CRAFT_MESSAGE_SNAPSHOT_REPLY, from, 2);

    message.as.snapshot_reply.index = 8;
    message.as.snapshot_reply.term = 2;
    message.as.snapshot_reply.offset = offset;
    message.as.snapshot_reply.written = written;
    message.as.snapshot_reply.gap = gap;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
}

/* A leader whose peer 3 lacks what its snapshot at 8 stands for. */
static struct rig *sending(uint64_t size)
{
    struct rig *rig = leader(3);

    take(rig, 8, size);
    lacks_all(rig, 3, 1);
    return rig;
}

/* ----------------------------------------------------------------- parts */

static void a_peer_gets_what_it_wants_within_a_window(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 snapshot t2 8@2 size=10 offered\n"));
    assert_int_equal(rig_status(rig).sending_index, 8);
    reply(rig, 3, 0, 0, 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_read #1 8@2 offset=0 max 4\n"
                        "1 -> 3 snapshot t2 8@2 size=10 offset=0 len=4\n"
                        "snapshot_read #2 8@2 offset=4 max 4\n"
                        "1 -> 3 snapshot t2 8@2 size=10 offset=4 len=4\n");
    reply(rig, 3, 4, 0, 0); /* arrived, not written */
    assert_string_equal(rig_told(rig), "");
    reply(rig, 3, 8, 4, 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_read #3 8@2 offset=8 max 2\n"
                        "1 -> 3 snapshot t2 8@2 size=10 offset=8 len=2\n");
    assert_int_equal(rig_peer(rig, 1).snapshot_written, 4);
    reply(rig, 3, 10, 10, 0);
    assert_string_equal(rig_told(rig), "");
    /* It tells by an append reply that it has taken over. */
    assert_int_equal(rig_acknowledge(rig, 3, 8), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "1 -> 3 append t2 prev=8@2"));
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).sending_index, 0);
    rig_free(rig);
}

static void a_peer_that_has_a_part_gets_the_rest(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    (void)rig_told(rig);
    reply(rig, 3, 8, 8, 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_read #1 8@2 offset=8 max 2\n"
                        "1 -> 3 snapshot t2 8@2 size=10 offset=8 len=2\n");
    rig_free(rig);
}

/* openraft eed681d5: what was read counts, not what was asked for. */
static void a_short_read_is_followed_by_the_next_byte(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0);
    (void)rig_told(rig);
    assert_int_equal(rig_part_read(rig, 0), CRAFT_ERR_INVALID);
    assert_int_equal(rig_part_read(rig, 5), CRAFT_ERR_INVALID);
    assert_int_equal(rig_part_read(rig, 1), 0);
    assert_int_equal(rig_part_read(rig, 1), CRAFT_ERR_TICKET);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "1 -> 3 snapshot t2 8@2 size=10 offset=0 len=1\n"
                        "snapshot_read #2 8@2 offset=1 max 4\n");
    rig_free(rig);
}

static void a_state_without_bytes_is_an_offer_alone(void **state)
{
    struct rig *rig = sending(0);

    (void)state;
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 snapshot t2 8@2 size=0 offered\n"));
    reply(rig, 3, 0, 0, 0);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_acknowledge(rig, 3, 8), 0);
    rig_run(rig);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_REPLICATE);
    rig_free(rig);
}

/* ------------------------------------------------------------------ losses */

/* etcd bf6a59d, redpanda 3245: nobody waits for ever for what was lost. */
static void a_silent_peer_is_offered_it_at_every_heartbeat(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)rig_told(rig);
        assert_int_equal(craft_tick(rig->node, 1), 0);
        rig_run(rig);
        assert_non_null(
            strstr(rig_told(rig), "1 -> 3 snapshot t2 8@2 size=10 offered\n"));
    }
    rig_free(rig);
}

static void parts_that_went_missing_are_asked_for_anew(void **state)
{
    struct rig *rig = sending(20);

    (void)state;
    reply(rig, 3, 0, 0, 0);
    (void)rig_told(rig);
    reply(rig, 3, 0, 0, 1); /* the first part was lost */
    assert_string_equal(rig_told(rig),
                        "1 -> 3 snapshot t2 8@2 size=20 offered\n");
    reply(rig, 3, 0, 0, 1); /* of a part before the offer */
    assert_string_equal(rig_told(rig), "");
    reply(rig, 3, 0, 0, 0);
    assert_non_null(strstr(rig_told(rig), "offset=0 len=4\n"));
    /* All of the window was lost. */
    for (uint32_t i = 0; i < rig->config.election_ticks; i++) {
        (void)rig_told(rig);
        assert_int_equal(craft_tick(rig->node, 1), 0);
        rig_run(rig);
    }
    assert_non_null(strstr(rig_told(rig), "offered\n"));
    rig_free(rig);
}

static void a_read_that_fails_is_tried_again_with_a_heartbeat(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0);
    rig->tell_events = true;
    (void)rig_told(rig);
    assert_int_equal(craft_snapshot_read_done(rig->node, rig->read_ticket, NULL,
                                              CRAFT_ENDING_ERROR),
                     0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "event snapshot value=2 id=0 term=2 index=12\n");
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "offered\n"));
    rig_free(rig);
}

static void answers_that_cannot_be_change_nothing(void **state)
{
    struct rig *rig = sending(10);
    craft_message message =
        rig_message(rig, CRAFT_MESSAGE_SNAPSHOT_REPLY, 3, 2);
    craft_snapshot_reply *as = &message.as.snapshot_reply;

    (void)state;
    (void)rig_told(rig);
    as->index = 8;
    as->term = 2;
    as->gap = 2;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_MESSAGE);
    as->gap = 0;
    as->written = 1;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_MESSAGE);
    as->written = 0;
    as->offset = CRAFT_NUMBER_MAX;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_MESSAGE);
    as->offset = 11; /* beyond its size */
    assert_int_equal(craft_receive(rig->node, &message), 0);
    as->offset = 0;
    as->index = 7; /* of another */
    assert_int_equal(craft_receive(rig->node, &message), 0);
    message.from = 9; /* a stranger */
    as->index = 8;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    rig_free(rig);
}

/* ------------------------------------------------------------- newer ones */

/* NuRaft 6ae69b0: a state that takes longer to send than the next one takes
 * to come arrives nevertheless, and so does what follows it. */
static void a_newer_snapshot_does_not_disturb_the_transfer(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0);
    take(rig, 11, 10);
    assert_int_equal(rig_status(rig).snapshot_index, 11);
    assert_int_equal(rig_status(rig).sending_index, 8);
    assert_int_equal(rig_status(rig).base_index, 8);
    (void)rig_told(rig);
    rig->slow_parts = false;
    assert_int_equal(rig_part_read(rig, 4), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "1 -> 3 snapshot t2 8@2 size=10 offset=0 len=4\n"
                        "snapshot_read #2 8@2 offset=4 max 4\n"
                        "1 -> 3 snapshot t2 8@2 size=10 offset=4 len=4\n");
    assert_int_equal(rig_acknowledge(rig, 3, 8), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "prev=8@2 commit=12 [9@2"));
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).sending_index, 0);
    assert_int_equal(rig_status(rig).base_index, 11);
    rig_free(rig);
}

/* What is kept for it has a limit; beyond that it begins with the newer. */
static void a_log_that_grows_too_long_ends_the_transfer(void **state)
{
    struct rig *rig = leader(3);

    (void)state;
    rig_free(rig);
    rig = rig_new(1);
    rig->config.snapshot_chunk_bytes = 4;
    rig->config.snapshot_pin_bytes_max = 200;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    propose(rig, 10);
    take(rig, 8, 10);
    lacks_all(rig, 3, 1);
    assert_int_equal(rig_status(rig).sending_index, 8);
    take(rig, 11, 6);
    assert_int_equal(rig_status(rig).base_index, 11);
    (void)rig_told(rig);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 snapshot t2 11@2 size=6 offered\n"));
    assert_int_equal(rig_status(rig).sending_index, 11);
    rig_free(rig);
}

static void two_of_them_are_busy_with_the_old_and_the_latest(void **state)
{
    struct rig *rig = sending(10);
    craft_snapshot snapshot;

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0); /* the host reads of 8 */
    take(rig, 11, 10);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    propose(rig, 3);
    take(rig, 14, 10);
    assert_int_equal(rig_status(rig).snapshot_index, 14);
    /* A read of 8 is open, and it is sent. */
    assert_int_equal(rig_status(rig).sending_index, 8);
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    assert_int_equal(rig_part_read(rig, 4), 0);
    rig_run(rig);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_SNAPSHOT);
    rig_free(rig);
}

/* -------------------------------------------------------------- several */

static void peers_take_turns_and_others_are_not_held_up(void **state)
{
    struct rig *rig = leader(5);

    (void)state;
    take(rig, 8, 12);
    lacks_all(rig, 3, 1);
    lacks_all(rig, 5, 3);
    (void)rig_told(rig);
    reply(rig, 3, 0, 0, 0);
    reply(rig, 5, 0, 0, 0);
    reply(rig, 3, 8, 8, 0);
    (void)rig_told(rig);
    rig->slow_parts = true;
    reply(rig, 5, 8, 8, 0);
    propose(rig, 1);
    assert_non_null(strstr(rig_told(rig), "1 -> 2 append t2 prev=12@2"));
    assert_int_equal(rig_status(rig).sending_index, 8);
    rig_free(rig);
}

static void who_leads_no_more_sends_no_more(void **state)
{
    struct rig *rig = sending(10);
    craft_append append = {12, 2, 12, NULL, 0};

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0);
    assert_int_equal(rig_append(rig, 2, 3, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).sending_index, 0);
    (void)rig_told(rig);
    assert_int_equal(rig_part_read(rig, 4), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    rig_free(rig);
}

static void a_read_that_finds_no_memory_stays_open(void **state)
{
    struct rig *rig = sending(10);

    (void)state;
    rig->slow_parts = true;
    reply(rig, 3, 0, 0, 0);
    rig->memory.fail_at = rig->memory.allocations + 1;
    assert_int_equal(rig_part_read(rig, 4), CRAFT_ERR_NOMEM);
    rig->memory.fail_at = 0;
    assert_int_equal(rig_part_read(rig, 4), 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_gets_what_it_wants_within_a_window),
        cmocka_unit_test(a_peer_that_has_a_part_gets_the_rest),
        cmocka_unit_test(a_short_read_is_followed_by_the_next_byte),
        cmocka_unit_test(a_state_without_bytes_is_an_offer_alone),
        cmocka_unit_test(a_silent_peer_is_offered_it_at_every_heartbeat),
        cmocka_unit_test(parts_that_went_missing_are_asked_for_anew),
        cmocka_unit_test(a_read_that_fails_is_tried_again_with_a_heartbeat),
        cmocka_unit_test(answers_that_cannot_be_change_nothing),
        cmocka_unit_test(a_newer_snapshot_does_not_disturb_the_transfer),
        cmocka_unit_test(a_log_that_grows_too_long_ends_the_transfer),
        cmocka_unit_test(two_of_them_are_busy_with_the_old_and_the_latest),
        cmocka_unit_test(peers_take_turns_and_others_are_not_held_up),
        cmocka_unit_test(who_leads_no_more_sends_no_more),
        cmocka_unit_test(a_read_that_finds_no_memory_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
