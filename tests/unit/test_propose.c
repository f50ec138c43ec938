/* Proposals: all or none, tokens, limits, fates (etcd a370b6f, cockroach
 * 27772). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static int propose(struct rig *rig, size_t data_len, uint64_t token)
{
    static uint8_t data[1 << 20];

    return craft_propose(rig->node, data, data_len, token);
}

/* A leader of three with an empty queue, whose term is 2. */
static struct rig *rig_leader(void)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    (void)rig_told(rig);
    return rig;
}

static void only_a_leader_takes_proposals(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(propose(rig, 1, 1), CRAFT_ERR_NOT_LEADER);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(propose(rig, 1, 1), CRAFT_ERR_NOT_LEADER);
    rig_run(rig);
    assert_int_equal(rig_status(rig).tokens_open, 0);
    assert_int_equal(rig_status(rig).last_index, 1);
    rig_free(rig);
}

/* What came in the same hold decides who leads (decision 6). */
static void a_proposal_meets_the_role_that_was_settled_first(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message reply;

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, 2);
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    assert_int_equal(propose(rig, 1, 7), 0);
    assert_int_equal(rig_status(rig).last_index, 3);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    rig_free(rig);
}

/* What was decided in one leadership is not entered by another; the term that
 * counts is the one that is settled. */
static void a_proposal_may_name_its_term(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message reply;

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_propose_at(rig->node, 1, NULL, 0, 1),
                     CRAFT_ERR_NOT_LEADER);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, 2);
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_hold(rig->node), 0);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    assert_int_equal(craft_propose_at(rig->node, 1, NULL, 0, 1),
                     CRAFT_ERR_TERM);
    assert_int_equal(craft_propose_at(rig->node, 3, NULL, 0, 1),
                     CRAFT_ERR_TERM);
    assert_int_equal(craft_propose_at(rig->node, 2, NULL, 1, 1),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_propose_at(rig->node, 2, NULL, 0, 1), 0);
    assert_int_equal(craft_release(rig->node), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).last_index, 3);
    assert_int_equal(rig_status(rig).tokens_open, 1);
    rig_free(rig);
}

static void a_command_over_the_limit_is_invalid(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.entry_bytes_max = 1000;
    rig_lead(rig, 1);
    assert_int_equal(propose(rig, 1001, 1), CRAFT_ERR_INVALID);
    assert_int_equal(propose(rig, 1000, 1), 0);
    assert_int_equal(propose(rig, 0, 2), 0);
    rig_run(rig);
    assert_int_equal(rig->applied, 2);
    rig_free(rig);
}

/* ---------------------------------------------------------------- many */

static void many_commands_are_taken_in_their_order(void **state)
{
    static const craft_command commands[] = {{(const uint8_t *)"a", 1, 5},
                                             {NULL, 0, 0},
                                             {(const uint8_t *)"ccc", 3, 6}};
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 1);
    (void)rig_told(rig);
    assert_int_equal(craft_propose_many(rig->node, commands, 3), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #4 [3@2 \"a\" 4@2 \"\" 5@2 \"ccc\"]\n"
                        "apply [3@2 \"a\" 4@2 \"\" 5@2 \"ccc\"]\n"
                        "done token=5 ok index=3\n"
                        "done token=6 ok index=5\n");
    rig_free(rig);
}

static void no_commands_are_no_proposal(void **state)
{
    struct rig *rig = rig_leader();
    craft_command command = {NULL, 0, 0};

    (void)state;
    assert_int_equal(craft_propose_many(rig->node, NULL, 0), 0);
    assert_int_equal(craft_propose_many(rig->node, &command, 0), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    rig_free(rig);
}

static void assert_many_refused(struct rig *rig, const craft_command *commands,
                                size_t len, int error)
{
    uint32_t before = rig_digest(rig);

    assert_int_equal(craft_propose_many(rig->node, commands, len), error);
    assert_int_equal(rig_digest(rig), before);
    assert_null(craft_check(rig->node));
}

static void many_commands_are_taken_all_or_none(void **state)
{
    struct rig *rig = rig_new(1);
    craft_command commands[6];
    uint8_t data[1001] = {0};

    (void)state;
    rig->config.entry_bytes_max = 1000;
    rig->config.tokens_max = 4;
    rig_lead(rig, 3);
    for (size_t i = 0; i < 6; i++) {
        commands[i] = (craft_command){data, 10, i + 1};
    }
    commands[3].data_len = 1001;
    assert_many_refused(rig, commands, 4, CRAFT_ERR_INVALID);
    commands[3].data_len = 1;
    commands[3].data = NULL;
    assert_many_refused(rig, commands, 4, CRAFT_ERR_INVALID);
    commands[3].data = data;
    assert_many_refused(rig, commands, 5, CRAFT_ERR_BUSY); /* tokens */
    commands[4].token = 0;
    assert_int_equal(craft_propose_many(rig->node, commands, 5), 0);
    assert_many_refused(rig, commands, 1, CRAFT_ERR_BUSY);
    rig->memory.fail_all = true;
    commands[0].token = 0;
    commands[0].data_len = 1000;
    for (size_t i = 1; i < 6; i++) {
        commands[i] = commands[0];
    }
    assert_many_refused(rig, commands, 6, CRAFT_ERR_NOMEM);
    rig->memory.fail_all = false;
    assert_int_equal(craft_propose_many(rig->node, commands, 6), 0);
    rig_free(rig);
}

/* ---------------------------------------------------------------- tokens */

static void tokens_are_bounded_and_free_again(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.tokens_max = 100;
    rig_lead(rig, 3);
    for (int round = 0; round < 5; round++) {
        for (uint64_t i = 1; i <= 100; i++) {
            assert_int_equal(propose(rig, 1, i), 0);
            assert_int_equal(rig_status(rig).tokens_open, i);
        }
        assert_int_equal(propose(rig, 1, 101), CRAFT_ERR_BUSY);
        assert_int_equal(propose(rig, 1, 0), 0); /* not interested */
        rig_run(rig);
        assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index),
                         0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).tokens_open, 0);
    }
    rig_free(rig);
}

/* The ring grows while its oldest stands anywhere in it. */
static void tokens_end_in_order_while_their_table_grows(void **state)
{
    struct rig *rig = rig_leader();
    uint64_t next = 1;
    uint64_t ended = 0;

    (void)state;
    for (uint64_t wave = 1; wave <= 60; wave++) {
        craft_index last;

        for (uint64_t i = 0; i < wave; i++) {
            assert_int_equal(propose(rig, 1, next), 0);
            next++;
        }
        last = rig_status(rig).last_index;
        assert_int_equal(rig_acknowledge(rig, 2, last - wave / 2), 0);
        while (rig_pull(rig) != 0) {
            if (rig->effect.kind == CRAFT_EFFECT_DONE) {
                ended++;
                assert_int_equal(rig->effect.token, ended);
                assert_int_equal(rig->effect.result, CRAFT_RESULT_OK);
                assert_int_equal(rig->effect.index, ended + 2);
            } else if (rig->effect.kind == CRAFT_EFFECT_PERSIST) {
                assert_int_equal(rig_persisted(rig), 0);
            } else if (rig->effect.kind == CRAFT_EFFECT_APPLY) {
                assert_int_equal(
                    craft_applied(rig->node, rig->apply_last, CRAFT_ENDING_OK),
                    0);
            }
        }
    }
    assert_int_equal(ended, next - 1 - 30);
    assert_int_equal(rig_status(rig).tokens_open, 30);
    rig_free(rig);
}

/* A truncated proposal is open until commitment decides. */
static void a_truncated_proposal_is_superseded_when_another_commits(void **s)
{
    struct rig *rig = rig_leader();
    craft_entry entry;
    craft_append payload = {2, 2, 2, &entry, 1};

    (void)s;
    assert_int_equal(propose(rig, 1, 7), 0);
    assert_int_equal(propose(rig, 1, 8), 0);
    rig_run(rig);
    (void)rig_told(rig);
    rig_entries(&entry, 1, 3, 5, 1);
    assert_int_equal(rig_append(rig, 2, 5, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).last_index, 3);
    assert_int_equal(rig_status(rig).tokens_open, 2);
    payload = (craft_append){3, 5, 3, NULL, 0};
    (void)rig_told(rig);
    assert_int_equal(rig_append(rig, 2, 5, &payload), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 2 append_reply t5 match=3\n"
                                       "apply [3@5 \"x\"]\n"
                                       "done token=7 superseded index=3\n"
                                       "done token=8 superseded index=4\n");
    rig_free(rig);
}

/* A committed index decides, though nothing of a later term is known to be. */
static void a_proposal_is_superseded_by_an_older_entry_that_commits(void **s)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[2];
    craft_append payload = {1, 1, 3, entries, 2};

    (void)s;
    rig_lead(rig, 3);
    assert_int_equal(propose(rig, 1, 7), 0);
    rig_run(rig);
    rig_entries(entries, 2, 2, 1, 1);
    assert_int_equal(rig_append(rig, 2, 5, &payload), 0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_int_equal(rig_status(rig).tokens_open, 0);
    assert_non_null(strstr(rig_told(rig), "done token=7 superseded index=3\n"));
    rig_free(rig);
}

static void a_truncated_proposal_that_returns_is_ok(void **state)
{
    struct rig *rig = rig_leader();
    craft_entry entries[2];
    craft_append payload = {2, 2, 2, entries, 1};

    (void)state;
    assert_int_equal(propose(rig, 1, 7), 0);
    rig_run(rig);
    rig_entries(entries, 1, 3, 3, 1); /* of a leader that commits nothing */
    assert_int_equal(rig_append(rig, 2, 3, &payload), 0);
    rig_run(rig);
    rig_entries(entries, 2, 3, 2, 1); /* of one that had the old entry */
    entries[1].term = 4;
    payload.entries_len = 2;
    payload.commit = 4;
    assert_int_equal(rig_append(rig, 3, 4, &payload), 0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #6 term=4 vote=0 truncate=3 "
                                       "[3@2 \"x\" 4@4 \"x\"]\n"
                                       "1 -> 3 append_reply t4 match=4\n"
                                       "apply [3@2 \"x\" 4@4 \"x\"]\n"
                                       "done token=7 ok index=3\n");
    rig_free(rig);
}

/* ------------------------------------------------------- uncommitted bytes */

static void proposals_over_the_uncommitted_limit_are_busy(void **state)
{
    struct rig *rig = rig_new(1);
    size_t taken = 0;

    (void)state;
    rig->config.entry_bytes_max = 1000;
    rig->config.uncommitted_bytes_max = 10000;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).uncommitted_bytes, 0);
    for (int rv = 0; rv == 0; taken++) {
        rv = propose(rig, 1000, 0);
        assert_true(rv == 0 || rv == CRAFT_ERR_BUSY);
        assert_true(rig_status(rig).uncommitted_bytes <= 10000);
    }
    assert_int_equal(taken - 1, 10000 / 1064);
    rig_run(rig);
    assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).uncommitted_bytes, 0);
    assert_int_equal(propose(rig, 1000, 0), 0);
    rig_free(rig);
}

/* A command as large as the limit is taken when nothing waits. */
static void a_command_is_always_taken_when_nothing_waits(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.entry_bytes_max = 1001;
    rig->config.uncommitted_bytes_max = 1065;
    rig_lead(rig, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(propose(rig, 1001, 0), 0);
        assert_int_equal(propose(rig, 0, 0), CRAFT_ERR_BUSY);
        rig_run(rig);
        assert_int_equal(rig_status(rig).uncommitted_bytes, 0);
    }
    rig_free(rig);
}

/* A slow state machine pushes back as a slow quorum does. */
static void what_is_not_yet_applied_counts(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.entry_bytes_max = 1000;
    rig->config.uncommitted_bytes_max = 1064;
    rig->slow_machine = true;
    rig_lead(rig, 1);
    assert_int_equal(propose(rig, 1000, 0), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).commit_index, 3);
    assert_int_equal(propose(rig, 1000, 0), CRAFT_ERR_BUSY);
    assert_int_equal(craft_applied(rig->node, 3, CRAFT_ENDING_OK), 0);
    assert_int_equal(propose(rig, 1000, 0), 0);
    rig_free(rig);
}

/* etcd a370b6f: the counter that leaked when leadership was lost and
 * regained. */
static void uncommitted_bytes_return_to_zero_after_changes_of_leader(void **s)
{
    struct rig *rig = rig_leader();

    (void)s;
    for (craft_term term = 3; term < 60; term += 2) {
        craft_status status = rig_status(rig);
        craft_entry entry;
        craft_append payload = {status.commit_index, 0, 0, &entry, 1};
        craft_message reply;

        payload.prev_term = status.last_term;
        for (int i = 0; i < 3; i++) {
            assert_int_equal(propose(rig, (size_t)(i * 100), 0), 0);
        }
        rig_run(rig);
        rig_entries(&entry, 1, status.commit_index + 1, term, 50);
        payload.commit = entry.index;
        assert_int_equal(rig_append(rig, 2, term, &payload), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).uncommitted_bytes, 0);
        assert_int_equal(craft_campaign(rig->node), 0);
        rig_run(rig);
        reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, term + 1);
        reply.as.vote_reply.granted = 1;
        assert_int_equal(craft_receive(rig->node, &reply), 0);
        rig_run(rig);
        assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index),
                         0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).uncommitted_bytes, 0);
    }
    rig_free(rig);
}

/* ------------------------------------------------------------ flow to peers */

/* cockroach 27772, etcd 42419da: a peer that never answers is sent a window,
 * then heartbeats. */
static void a_silent_peer_is_sent_no_more_than_its_window(void **state)
{
    struct rig *rig = rig_new(1);
    size_t sent = 0;

    (void)state;
    rig->config.inflight_max = 8;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(propose(rig, 10, 0), 0);
        assert_int_equal(craft_tick(rig->node, 1), 0);
        while (rig_pull(rig) != 0) {
            const craft_message *message = rig->effect.message;

            sent += rig->effect.kind == CRAFT_EFFECT_SEND && message->to == 2 &&
                    message->as.append.entries_len > 0;
            if (rig->effect.kind == CRAFT_EFFECT_PERSIST) {
                assert_int_equal(rig_persisted(rig), 0);
            }
        }
        assert_true(rig_peer(rig, 0).inflight <= 8);
        (void)rig_told(rig);
    }
    assert_int_equal(sent, 8);
    rig_free(rig);
}

static void a_window_in_bytes_holds_back_what_is_larger(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.inflight_bytes_max = 1000;
    rig_lead(rig, 2);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(propose(rig, 600, 0), 0);
        rig_run(rig);
    }
    assert_int_equal(rig_peer(rig, 0).next_index, 5); /* 2 * 664 > 1000 */
    assert_int_equal(rig_acknowledge(rig, 2, 4), 0);  /* goes on */
    rig_run(rig);
    assert_int_equal(rig_peer(rig, 0).next_index, 13);
    rig_free(rig);
}

/* braft 94a68f3: an entry alone is sent, however small a message is to be. */
static void an_entry_as_large_as_a_message_is_sent_alone(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig->config.entry_bytes_max = 1000;
    rig->config.message_bytes_max = 1064;
    rig_lead(rig, 2);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    assert_int_equal(craft_hold(rig->node), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(propose(rig, 1000, 0), 0);
    }
    assert_int_equal(craft_release(rig->node), 0);
    for (craft_index i = 3; i < 8; i++) {
        assert_int_equal(rig_pull(rig), CRAFT_EFFECT_SEND);
        assert_int_equal(rig->effect.message->as.append.prev_index, i - 1);
        assert_int_equal(rig->effect.message->as.append.entries_len, 1);
    }
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_PERSIST);
    rig_free(rig);
}

/* raft f215eff, etcd 06c21e9. */
static void campaigning_again_changes_nothing(void **state)
{
    struct rig *rig = rig_new(1);
    uint32_t before;

    (void)state;
    rig_found(rig, 3);
    assert_int_equal(craft_campaign(rig->node), 0);
    before = rig_digest(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(rig_digest(rig), before);
    rig_free(rig);
    rig = rig_leader();
    before = rig_digest(rig);
    assert_int_equal(craft_campaign(rig->node), 0);
    assert_int_equal(rig_digest(rig), before);
    rig_free(rig);
}

/*
 * A candidate whose vote did not fit on its disk has asked nobody. Who grants
 * it all the same makes a leader that can keep nothing: it takes no commands,
 * and yields when the next record does not fit either.
 */
static void a_leader_whose_disk_is_full_takes_no_proposals(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_found(rig, 3);
    rig->slow_disk = true;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    for (craft_id id = 2; id <= 3; id++) {
        craft_message reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, id, 2);

        reply.as.vote_reply.granted = 1;
        assert_int_equal(craft_receive(rig->node, &reply), 0);
    }
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    assert_int_equal(propose(rig, 1, 1), CRAFT_ERR_NOSPACE);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_leader_takes_proposals),
        cmocka_unit_test(a_proposal_meets_the_role_that_was_settled_first),
        cmocka_unit_test(a_proposal_may_name_its_term),
        cmocka_unit_test(a_command_over_the_limit_is_invalid),
        cmocka_unit_test(many_commands_are_taken_in_their_order),
        cmocka_unit_test(no_commands_are_no_proposal),
        cmocka_unit_test(many_commands_are_taken_all_or_none),
        cmocka_unit_test(tokens_are_bounded_and_free_again),
        cmocka_unit_test(tokens_end_in_order_while_their_table_grows),
        cmocka_unit_test(
            a_truncated_proposal_is_superseded_when_another_commits),
        cmocka_unit_test(
            a_proposal_is_superseded_by_an_older_entry_that_commits),
        cmocka_unit_test(a_truncated_proposal_that_returns_is_ok),
        cmocka_unit_test(proposals_over_the_uncommitted_limit_are_busy),
        cmocka_unit_test(a_command_is_always_taken_when_nothing_waits),
        cmocka_unit_test(what_is_not_yet_applied_counts),
        cmocka_unit_test(
            uncommitted_bytes_return_to_zero_after_changes_of_leader),
        cmocka_unit_test(a_silent_peer_is_sent_no_more_than_its_window),
        cmocka_unit_test(a_window_in_bytes_holds_back_what_is_larger),
        cmocka_unit_test(an_entry_as_large_as_a_message_is_sent_alone),
        cmocka_unit_test(campaigning_again_changes_nothing),
        cmocka_unit_test(a_leader_whose_disk_is_full_takes_no_proposals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
