/*
 * The disk: thesis 3.8, 10.2.1; what may leave before a write has ended, full
 * disks, broken disks, endings that come late or in another order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* Follower of 2 in term 2, log [1 2], its disk to be ended by the test. */
static struct cluster *follower(void)
{
    struct cluster *cluster = play_one(3);

    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 1, .prev_term = 1, .entries = {2}});
    play_forget(cluster);
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    return cluster;
}

static void append_after(struct cluster *cluster, uint32_t from,
                         craft_index prev, craft_term term)
{
    const struct cluster_log *log = &cluster_node(cluster, 1)->view.log;
    craft_term prev_term = log->entries[prev - 1]->term;

    (void)play_append(cluster, (struct play_append){.from = from,
                                                    .term = term,
                                                    .prev = prev,
                                                    .prev_term = prev_term,
                                                    .entries = {term}});
}

static craft_index acknowledged(struct cluster *cluster, uint32_t to)
{
    const craft_message *reply =
        play_sent(cluster, to, CRAFT_MESSAGE_APPEND_REPLY);

    return reply == NULL ? 0 : reply->as.append_reply.match_index;
}

static void assert_log(struct cluster *cluster, const char *terms)
{
    char text[128];

    play_log(cluster, 1, text, sizeof text);
    assert_string_equal(text, terms);
}

/* 3.8: entries are on stable storage before the follower acknowledges them.
 * Pitfall: acknowledged before the sync (nats 7564, openraft ee460f37). */
static void entries_are_acknowledged_when_durable(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    append_after(cluster, 2, 2, 2);
    append_after(cluster, 2, 3, 2);
    assert_int_equal(acknowledged(cluster, 2), 0);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(acknowledged(cluster, 2), 3);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(acknowledged(cluster, 2), 4);
    cluster_free(cluster);
}

/* Presence, with the match of before, waits for no disk. */
static void heartbeats_are_answered_while_the_disk_is_slow(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    append_after(cluster, 2, 2, 2);
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 3, .prev_term = 2, .round = 7});
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY),
                     1);
    assert_int_equal(play_sent(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY)->round,
                     7);
    assert_int_equal(acknowledged(cluster, 2), 2);
    /* New entries do not keep a new round waiting. */
    play_forget(cluster);
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 3,
                                                    .prev_term = 2,
                                                    .round = 8,
                                                    .entries = {2}});
    assert_int_equal(play_sent(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY)->round,
                     8);
    assert_int_equal(acknowledged(cluster, 2), 2);
    cluster_free(cluster);
}

/* OK for a ticket covers all before it; their own endings say nothing new. */
static void ending_of_a_ticket_covers_earlier_ones(void **state)
{
    struct cluster *cluster = follower();
    uint64_t first;

    (void)state;
    append_after(cluster, 2, 2, 2);
    append_after(cluster, 2, 3, 2);
    first = cluster_node(cluster, 1)->records[0].ticket;
    assert_true(cluster_persist_all(cluster, 1));
    assert_int_equal(acknowledged(cluster, 2), 4);
    play_forget(cluster);
    assert_int_equal(cluster_persisted(cluster, 1, first, CRAFT_ENDING_OK), 0);
    assert_int_equal(cluster->network_len, 0);
    assert_int_equal(cluster_persisted(cluster, 1, 99, CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    assert_int_equal(cluster_persisted(cluster, 1, 0, CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    cluster_free(cluster);
}

/* Pitfall, ABA: the late ending of an old write makes a rewrite of the same
 * indexes durable (etcd 897e1cf, ra PR 516, redpanda PR 16105). */
static void late_ending_does_not_acknowledge_what_replaced_it(void **state)
{
    struct cluster *cluster = follower();
    uint64_t old;

    (void)state;
    append_after(cluster, 2, 2, 2); /* entry 3 of term 2 */
    old = cluster_node(cluster, 1)->records[0].ticket;
    append_after(cluster, 3, 2, 3); /* replaced by one of term 3 */
    (void)cluster_persisted(cluster, 1, old, CRAFT_ENDING_OK);
    assert_log(cluster, "1 2 2");
    assert_int_equal(acknowledged(cluster, 3), 0); /* its term is to come */
    assert_int_equal(cluster_status(cluster, 1).durable_index, 2);
    (void)cluster_persist_all(cluster, 1);
    assert_log(cluster, "1 2 3");
    assert_int_equal(acknowledged(cluster, 3), 3);
    cluster_free(cluster);
}

/* The same when the very entry that was truncated returns. */
static void entry_that_returns_is_acknowledged_by_its_own_write(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    append_after(cluster, 2, 2, 2); /* ticket a: 3@2 */
    append_after(cluster, 3, 2, 3); /* ticket b: 3@3 */
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 4,
                                                    .prev = 2,
                                                    .prev_term = 2,
                                                    .entries = {2, 4}});
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_log(cluster, "1 2 2");
    assert_int_equal(acknowledged(cluster, 2), 0); /* b is still to come */
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_log(cluster, "1 2 3");
    assert_int_equal(acknowledged(cluster, 2), 0); /* and term 4 */
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_log(cluster, "1 2 2 4");
    assert_int_equal(acknowledged(cluster, 2), 4);
    cluster_free(cluster);
}

/* Pitfall: overlapping appends while the first is being written (canonical
 * recvTwice, NuRaft 972f02d): nothing twice, nothing early. */
static void overlapping_appends_are_written_once(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    for (int i = 0; i < 3; i++) {
        (void)play_append(cluster,
                          (struct play_append){
                              .from = 2,
                              .term = 2,
                              .prev = 2,
                              .prev_term = 2,
                              .entries = {2, 2, (craft_term)(i > 0 ? 2 : 0)}});
    }
    /* The wrap of the array may split a range. */
    assert_in_range(cluster_node(cluster, 1)->records_len, 2, 3);
    (void)cluster_persist_all(cluster, 1);
    assert_log(cluster, "1 2 2 2 2");
    assert_int_equal(acknowledged(cluster, 2), 5);
    cluster_free(cluster);
}

/* No more tickets are open than the limit; what waits goes out together. */
static void open_tickets_are_bounded(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;
    struct cluster_node *node;

    (void)state;
    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.persist_inflight_max = 2;
    cluster = cluster_new(&options);
    node = cluster_node(cluster, 1);
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    for (craft_index i = 1; i <= 10; i++) {
        (void)play_append(cluster,
                          (struct play_append){.from = 2,
                                               .term = 2,
                                               .prev = i,
                                               .prev_term = i > 1 ? 2 : 1,
                                               .entries = {2}});
        assert_in_range(node->records_len, 1, 2);
    }
    while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
    }
    assert_int_equal(acknowledged(cluster, 2), 11);
    assert_in_range(node->next_ticket, 4, 8);
    cluster_free(cluster);
}

/* A change of the commit index alone writes nothing; every record of a term,
 * a vote or entries is to be synced (pitfall: etcd 0675f3d). */
static void commit_alone_writes_nothing(void **state)
{
    struct cluster *cluster = follower();
    uint32_t persists = cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST];

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 2, .prev_term = 2, .commit = 2});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    assert_int_equal(cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST],
                     persists);
    cluster_free(cluster);
}

/* No store says that more is committed than it holds: neither a follower that
 * is ahead of its disk, nor the first of two records of a range that wraps. */
static void commit_hint_stays_within_the_record(void **state)
{
    (void)state;
    for (size_t survive = 0; survive < 6; survive++) {
        struct cluster *cluster = follower();

        for (craft_index i = 2; i < 12; i += 3) {
            (void)play_append(cluster,
                              (struct play_append){.from = 2,
                                                   .term = 2,
                                                   .prev = i,
                                                   .prev_term = 2,
                                                   .commit = i + 3,
                                                   .entries = {2, 2, 2}});
        }
        assert_int_equal(cluster_status(cluster, 1).commit_index, 14);
        cluster_crash(cluster, 1, survive);
        cluster_restart(cluster, 1); /* CORRUPT when it is beyond */
        cluster_free(cluster);
    }
}

/* -------------------------------------------------------------- full disks */

/* NOSPACE voids the ticket and all later ones; their endings, should they
 * come, are nothing. The hard state alone goes first, at once. */
static void full_disk_voids_the_ticket_and_all_later_ones(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);
    uint64_t first;

    (void)state;
    append_after(cluster, 2, 2, 2);       /* entry 3 */
    (void)play_vote(cluster, 3, 5, 9, 4); /* a hard state */
    first = node->records[0].ticket;
    assert_int_equal(node->records_len, 2);
    assert_int_equal(cluster_persisted(cluster, 1, first, CRAFT_ENDING_NOSPACE),
                     0);
    assert_int_equal(node->records_len, 1);
    assert_int_equal(node->records[0].ticket, first + 2);
    assert_int_equal(node->records[0].flags & CRAFT_PERSIST_ENTRIES, 0);
    assert_int_equal(node->records[0].voted_for, 3);
    /* Late endings of the voided ones, of any kind. */
    (void)cluster_persisted(cluster, 1, first, CRAFT_ENDING_OK);
    (void)cluster_persisted(cluster, 1, first + 1, CRAFT_ENDING_OK);
    (void)cluster_persisted(cluster, 1, first + 1, CRAFT_ENDING_NOSPACE);
    assert_int_equal(craft_persisted(node->node, first, CRAFT_ENDING_ERROR), 0);
    assert_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    assert_int_equal(cluster_status(cluster, 1).durable_index, 2);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(node->disk.term, 5);
    assert_non_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    assert_int_equal(node->records_len, 0); /* entries wait for a tick */
    assert_int_equal(cluster_status(cluster, 1).flags & CRAFT_STATUS_DISK_FULL,
                     CRAFT_STATUS_DISK_FULL);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(node->records_len, 1);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_log(cluster, "1 2 2");
    assert_int_equal(cluster_status(cluster, 1).flags & CRAFT_STATUS_DISK_FULL,
                     0);
    cluster_free(cluster);
}

/* What was truncated meanwhile is voided like anything else. */
static void full_disk_voids_what_was_truncated(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);
    uint64_t first;

    (void)state;
    append_after(cluster, 2, 2, 2);
    append_after(cluster, 3, 2, 3); /* hard state and another entry 3 */
    first = node->records[0].ticket;
    (void)cluster_persisted(cluster, 1, first, CRAFT_ENDING_NOSPACE);
    (void)cluster_persisted(cluster, 1, first + 1, CRAFT_ENDING_OK); /* late */
    assert_int_equal(acknowledged(cluster, 3), 0); /* its term is to come */
    (void)cluster_tick(cluster, 1, 1);
    (void)cluster_persist_all(cluster, 1);
    (void)cluster_tick(cluster, 1, 1);
    (void)cluster_persist_all(cluster, 1);
    assert_log(cluster, "1 2 3");
    assert_int_equal(node->disk.term, 3);
    assert_int_equal(acknowledged(cluster, 3), 3);
    cluster_free(cluster);
}

/* Earlier tickets are written all the same. */
static void full_disk_leaves_earlier_tickets_open(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    append_after(cluster, 2, 2, 2);
    append_after(cluster, 2, 3, 2);
    (void)cluster_persisted(cluster, 1, node->records[1].ticket,
                            CRAFT_ENDING_NOSPACE);
    assert_int_equal(node->records_len, 1);
    /* A late ending of the voided one does not end them. */
    (void)cluster_persisted(cluster, 1, node->records[0].ticket + 1,
                            CRAFT_ENDING_OK);
    assert_int_equal(acknowledged(cluster, 2), 0);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(acknowledged(cluster, 2), 3);
    cluster_free(cluster);
}

/* A leader whose disk is full yields, takes no more, and loses no request. */
static void leader_with_a_full_disk_yields_and_loses_nothing(void **state)
{
    struct cluster *cluster = play_cluster(3);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    cluster_elect(cluster, 1);
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_NOSPACE);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
    assert_int_equal(cluster_campaign(cluster, 1), CRAFT_ERR_NOSPACE);
    assert_int_equal(cluster_status(cluster, 1).tokens_open, 1);
    assert_int_equal(cluster_status(cluster, 1).last_index, 3);
    (void)cluster_deliver(cluster, play_all()); /* the others have it */
    (void)cluster_campaign(cluster, 2);
    cluster_settle(cluster);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_leader(cluster), 2);
    assert_int_equal(cluster_token(cluster, 1)->state, CLUSTER_TOKEN_ENDED);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_OK);
    cluster_free(cluster);
}

/* When not even the hard state fits, it waits for a tick, and no vote leaves
 * meanwhile; nothing is tried over and over. */
static void hard_state_waits_for_a_tick_when_nothing_fits(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    (void)play_vote(cluster, 3, 5, 9, 4);
    assert_int_equal(node->records_len, 1);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_NOSPACE);
    assert_int_equal(node->records_len, 0);
    assert_int_equal(craft_ticks_until_due(node->node), 1);
    assert_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    (void)cluster_tick(cluster, 1, 1);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(node->disk.voted_for, 3);
    assert_non_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

/* A hard state that found the disk full is not forgotten when an earlier
 * write ends: entries of a new term never go to the disk before the term. */
static void hard_state_is_written_after_an_earlier_write_ends(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    append_after(cluster, 2, 2, 2); /* covers the whole log */
    (void)play_vote(cluster, 3, 5, 9, 4);
    (void)cluster_persisted(cluster, 1, node->records[1].ticket,
                            CRAFT_ENDING_NOSPACE);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    (void)cluster_persist_all(cluster, 1);
    (void)cluster_tick(cluster, 1, 1);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(node->disk.term, 5);
    assert_int_equal(node->disk.voted_for, 3);
    cluster_free(cluster);
}

/* While it is full a follower takes no more entries, but answers; with room
 * again it catches up. */
static void full_follower_answers_and_catches_up(void **state)
{
    struct cluster *cluster = follower();
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    append_after(cluster, 2, 2, 2);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_NOSPACE);
    play_forget(cluster);
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 3,
                                                    .prev_term = 2,
                                                    .commit = 4,
                                                    .entries = {2}});
    assert_int_equal(acknowledged(cluster, 2), 2);
    assert_int_equal(cluster_status(cluster, 1).last_index, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 2);
    (void)cluster_tick(cluster, 1, 1);
    (void)cluster_persist_all(cluster, 1);
    append_after(cluster, 2, 3, 2);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(node->disk.log.len, 4);
    assert_int_equal(acknowledged(cluster, 2), 4);
    cluster_free(cluster);
}

/* ------------------------------------------------------------ broken disks */

/* Pitfall: going on after a failed write (openraft 19f2f037, nats 3870): the
 * node halts, says nothing more, and ends its requests. */
static void broken_disk_halts_the_node(void **state)
{
    struct cluster *cluster = play_leader(3);
    struct cluster_node *node = cluster_node(cluster, 1);
    uint64_t ticket;

    (void)state;
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)play_present(cluster, 2, 2, 2);
    play_forget(cluster);
    ticket = node->records[0].ticket;
    assert_int_equal(cluster_persisted(cluster, 1, ticket, CRAFT_ENDING_ERROR),
                     0);
    assert_int_equal(cluster->network_len, 0);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_UNKNOWN);
    assert_int_not_equal(cluster_status(cluster, 1).flags & CRAFT_STATUS_HALTED,
                         0);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_HALTED);
    assert_int_equal(cluster_tick(cluster, 1, 100), CRAFT_ERR_HALTED);
    assert_int_equal(play_vote(cluster, 3, 9, 9, 8), CRAFT_ERR_HALTED);
    assert_int_equal(cluster_persisted(cluster, 1, ticket, CRAFT_ENDING_OK),
                     CRAFT_ERR_HALTED);
    assert_int_equal(cluster->network_len, 0);
    assert_int_equal(node->events[CRAFT_EVENT_STORAGE].value,
                     CRAFT_ENDING_ERROR);
    cluster_free(cluster);
}

/* Also what was due before: within a hold nothing has left yet. */
static void halted_node_says_nothing_that_was_due(void **state)
{
    struct cluster *cluster = play_leader(3);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    (void)play_present(cluster, 2, 2, 2);
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    play_forget(cluster);
    cluster_hold(cluster, 1);
    (void)cluster_propose(cluster, 1);
    (void)play_vote(cluster, 3, 2, 1, 1);
    (void)cluster_tick(cluster, 1, 5);
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_ERROR);
    cluster_release(cluster, 1);
    assert_int_equal(cluster->network_len, 0);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_UNKNOWN);
    assert_int_equal(cluster_token(cluster, 2)->result, CRAFT_RESULT_UNKNOWN);
    cluster_free(cluster);
}

/* A state machine that fails halts the node, too. */
static void broken_state_machine_halts_the_node(void **state)
{
    struct cluster *cluster = play_cluster(1);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_node(cluster, 1)->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)cluster_applied(cluster, 1, 3, CRAFT_ENDING_ERROR);
    assert_int_not_equal(cluster_status(cluster, 1).flags & CRAFT_STATUS_HALTED,
                         0);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_UNKNOWN);
    cluster_free(cluster);
}

/* ------------------------------------------------------------- role changes */

/* Pitfall: a campaign while entries are being written, and their ending in
 * the new role (canonical 634cb11): the request waits and advertises all. */
static void campaign_while_writing_waits_for_the_log(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    append_after(cluster, 2, 2, 2);
    (void)cluster_campaign(cluster, 1);
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE));
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE));
    (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
    assert_int_equal(
        play_sent(cluster, 2, CRAFT_MESSAGE_VOTE)->as.vote.last_index, 3);
    cluster_free(cluster);
}

/* What a deposed leader had handed out ends in its new role. */
static void writes_of_a_deposed_leader_end_quietly(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 5, .prev = 2, .prev_term = 2, .round = 1});
    play_forget(cluster);
    while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
    }
    /* Entry 3 is not known to the new leader: it is not acknowledged. */
    assert_int_equal(acknowledged(cluster, 2), 2);
    assert_int_equal(cluster_status(cluster, 1).durable_index, 3);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_acknowledged_when_durable),
        cmocka_unit_test(heartbeats_are_answered_while_the_disk_is_slow),
        cmocka_unit_test(ending_of_a_ticket_covers_earlier_ones),
        cmocka_unit_test(late_ending_does_not_acknowledge_what_replaced_it),
        cmocka_unit_test(entry_that_returns_is_acknowledged_by_its_own_write),
        cmocka_unit_test(overlapping_appends_are_written_once),
        cmocka_unit_test(open_tickets_are_bounded),
        cmocka_unit_test(commit_alone_writes_nothing),
        cmocka_unit_test(commit_hint_stays_within_the_record),
        cmocka_unit_test(full_disk_voids_the_ticket_and_all_later_ones),
        cmocka_unit_test(full_disk_voids_what_was_truncated),
        cmocka_unit_test(full_disk_leaves_earlier_tickets_open),
        cmocka_unit_test(leader_with_a_full_disk_yields_and_loses_nothing),
        cmocka_unit_test(hard_state_waits_for_a_tick_when_nothing_fits),
        cmocka_unit_test(hard_state_is_written_after_an_earlier_write_ends),
        cmocka_unit_test(full_follower_answers_and_catches_up),
        cmocka_unit_test(broken_disk_halts_the_node),
        cmocka_unit_test(halted_node_says_nothing_that_was_due),
        cmocka_unit_test(broken_state_machine_halts_the_node),
        cmocka_unit_test(campaign_while_writing_waits_for_the_log),
        cmocka_unit_test(writes_of_a_deposed_leader_end_quietly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
