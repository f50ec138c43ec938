/*
 * Log replication at the follower: thesis 3.5; Figure 3.1, "AppendEntries RPC,
 * Receiver implementation".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* Its reply to the leader, the latest. */
static const craft_append_reply *reply_to(struct cluster *cluster, uint32_t to)
{
    const craft_message *message =
        play_sent(cluster, to, CRAFT_MESSAGE_APPEND_REPLY);

    assert_non_null(message);
    return &message->as.append_reply;
}

static void assert_log(struct cluster *cluster, const char *terms)
{
    char text[128];

    play_log(cluster, 1, text, sizeof text);
    assert_string_equal(text, terms);
}

/* A follower of 2 in term 2 with the log [1 2 2 2]. */
static struct cluster *follower(void)
{
    struct cluster *cluster = play_one(3);

    assert_int_equal(
        play_append(cluster, (struct play_append){.from = 2,
                                                  .term = 2,
                                                  .prev = 1,
                                                  .prev_term = 1,
                                                  .entries = {2, 2, 2}}),
        0);
    return cluster;
}

/* Figure 3.1: "Append any new entries not already in the log." */
static void follower_appends_new_entries_and_acknowledges(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    assert_log(cluster, "1 2 2 2");
    assert_int_equal(reply_to(cluster, 2)->rejected, 0);
    assert_int_equal(reply_to(cluster, 2)->match_index, 4);
    cluster_free(cluster);
}

/* Figure 3.1: "Reply false if log doesn't contain an entry at prevLogIndex
 * whose term matches prevLogTerm." */
static void follower_rejects_what_does_not_follow_its_log(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 9, .prev_term = 2, .entries = {2}});
    assert_int_equal(reply_to(cluster, 2)->rejected, 1);
    assert_int_equal(reply_to(cluster, 2)->rejected_index, 9);
    assert_int_equal(reply_to(cluster, 2)->hint_index, 4);
    assert_int_equal(reply_to(cluster, 2)->hint_term, 2);
    assert_log(cluster, "1 2 2 2");
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 3, .term = 5, .prev = 4, .prev_term = 4, .entries = {5}});
    assert_int_equal(reply_to(cluster, 3)->rejected, 1);
    assert_log(cluster, "1 2 2 2");
    cluster_free(cluster);
}

/* Figure 3.1: "If an existing entry conflicts with a new one (same index but
 * different terms), delete the existing entry and all that follow it."
 * Pitfall: the check goes by index only (willemt 3fc7f32, etcd 255b5d1). */
static void conflicting_entries_are_replaced(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 3, .term = 4, .prev = 2, .prev_term = 2, .entries = {4}});
    assert_log(cluster, "1 2 4");
    assert_int_equal(reply_to(cluster, 3)->match_index, 3);
    cluster_free(cluster);
}

/* Pitfall: a late duplicate truncates what matches (willemt 77fb611, openraft
 * 9540c904). Only a conflict truncates. */
static void late_duplicate_truncates_nothing(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 1, .prev_term = 1, .entries = {2}});
    assert_log(cluster, "1 2 2 2");
    /* Cumulative, and no less than what was promised before. */
    assert_int_equal(reply_to(cluster, 2)->match_index, 4);
    cluster_free(cluster);
}

/* Pitfall: an empty append rolls a longer tail back (NuRaft d6ee5ee). */
static void empty_append_keeps_the_tail(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 2, .prev_term = 2, .round = 1});
    assert_log(cluster, "1 2 2 2");
    cluster_free(cluster);
}

/* 3.5: the tail behind what this leader has verified is not acknowledged to
 * it: [3 4] are of term 2, and 3 knows only 2. */
static void unverified_tail_is_not_acknowledged(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 3, .term = 3, .prev = 2, .prev_term = 2, .round = 1});
    assert_int_equal(reply_to(cluster, 3)->rejected, 0);
    assert_int_equal(reply_to(cluster, 3)->match_index, 2);
    assert_log(cluster, "1 2 2 2");
    cluster_free(cluster);
}

/* Pitfall: the reply carries the term before the update (willemt 795c5e9). */
static void reply_carries_the_new_term(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 3, .term = 9, .prev = 4, .prev_term = 2, .round = 1});
    assert_int_equal(play_sent(cluster, 3, CRAFT_MESSAGE_APPEND_REPLY)->term,
                     9);
    (void)play_vote(cluster, 2, 12, 9, 9);
    assert_int_equal(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY)->term, 12);
    cluster_free(cluster);
}

/* Figure 3.1: "If leaderCommit > commitIndex, set commitIndex =
 * min(leaderCommit, index of last new entry)." Pitfall, seven times: beyond
 * what this leader has verified (copycat 265, scylla 9965, NuRaft 5214005). */
static void commit_stops_at_the_last_verified_entry(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    /* Entries 3 and 4 are obsolete; the leader of term 3 has others. */
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 3, .term = 3, .prev = 2, .prev_term = 2, .commit = 4});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    (void)play_append(cluster, (struct play_append){.from = 3,
                                                    .term = 3,
                                                    .prev = 2,
                                                    .prev_term = 2,
                                                    .commit = 4,
                                                    .entries = {3, 3}});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    assert_log(cluster, "1 2 3 3");
    cluster_free(cluster);
}

/* Pitfall: commit beyond the log (etcd "tocommit is out of range", 13509). */
static void commit_beyond_the_log_waits_for_the_entries(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 4, .prev_term = 2, .commit = 100});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    cluster_free(cluster);
}

/* The leader's commit is a fact of its term: entries that come later, with an
 * older commit, are committed by it. */
static void commit_heard_early_counts_for_later_entries(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 4, .prev_term = 2, .commit = 6});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 4,
                                                    .prev_term = 2,
                                                    .commit = 3,
                                                    .entries = {2, 2, 2}});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 6);
    cluster_free(cluster);
}

/* 3.5, fast backup. Pitfall: divergent tails take one round trip per entry
 * (cockroach 60612, etcd 3984dc6): here one per term at most. */
static void conflict_hints_skip_whole_terms(void **state)
{
    struct cluster *cluster = play_cluster(3);
    size_t rejections = 0;

    (void)state;
    /* 3 collects long tails alone, in two terms. */
    cluster_elect(cluster, 3);
    for (int term = 0; term < 2; term++) {
        cluster_isolate(cluster, 3);
        for (int i = 0; i < 100; i++) {
            (void)cluster_propose(cluster, 3);
        }
        cluster_elect(cluster, 1);
        for (int i = 0; i < 50; i++) {
            (void)cluster_propose(cluster, 1);
        }
        cluster_settle(cluster);
        cluster_elect(cluster, 2);
        cluster_heal(cluster);
        (void)cluster_tick(cluster, 2, 1);
        while (cluster->network_len > 0) {
            const craft_message *next = &cluster->network[0]->message;

            rejections += next->kind == CRAFT_MESSAGE_APPEND_REPLY &&
                          next->from == 3 &&
                          next->as.append_reply.rejected != 0;
            (void)cluster_deliver_one(cluster, play_all());
        }
        cluster_run(cluster, 2);
        assert_int_equal(cluster_status(cluster, 3).last_index,
                         cluster_status(cluster, 2).last_index);
        cluster_elect(cluster, 3);
    }
    assert_in_range(rejections, 2, 4);
    cluster_free(cluster);
}

/* A hint never points below what is committed. Pitfall: it indexes what is
 * gone (etcd 0c22de0). */
static void hint_is_not_below_the_commit_index(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 3, .prev_term = 2, .commit = 3});
    (void)play_append(
        cluster,
        (struct play_append){.from = 3, .term = 9, .prev = 8, .prev_term = 1});
    assert_int_equal(reply_to(cluster, 3)->rejected, 1);
    assert_int_equal(reply_to(cluster, 3)->hint_index, 3);
    assert_int_equal(reply_to(cluster, 3)->hint_term, 2);
    cluster_free(cluster);
}

/* 3.5: "the leader never overwrites or deletes entries in its own log": who
 * sends other entries of its own term than before is none. */
static void leader_that_rewrites_its_own_term_is_refused(void **state)
{
    struct cluster *cluster = follower();
    craft_message message = play_message(cluster, CRAFT_MESSAGE_APPEND, 2, 2);
    craft_entry entry = {.index = 3, .term = 1, .kind = CRAFT_ENTRY_NOOP};

    (void)state;
    message.as.append.prev_index = 1;
    message.as.append.prev_term = 1;
    message.as.append.entries = &entry;
    message.as.append.entries_len = 1;
    entry.index = 2;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    assert_log(cluster, "1 2 2 2");
    cluster_free(cluster);
}

/* Entries that two appends of one hold bring are one record and one reply. */
static void appends_of_one_hold_are_written_and_answered_once(void **state)
{
    struct cluster *cluster = play_one(3);
    const struct cluster_node *node = cluster_node(cluster, 1);
    uint32_t persists;

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){.from = 2, .term = 2, .prev = 1, .prev_term = 1});
    persists = node->effects[CRAFT_EFFECT_PERSIST];
    play_forget(cluster);
    cluster_hold(cluster, 1);
    for (craft_index i = 1; i <= 2; i++) {
        (void)play_append(cluster,
                          (struct play_append){.from = 2,
                                               .term = 2,
                                               .prev = i,
                                               .prev_term = i > 1 ? 2 : 1,
                                               .entries = {2}});
    }
    cluster_release(cluster, 1);
    assert_int_equal(node->effects[CRAFT_EFFECT_PERSIST], persists + 1);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY),
                     1);
    assert_int_equal(reply_to(cluster, 2)->match_index, 3);
    cluster_free(cluster);
}

/* Reordered: what comes too early is refused, and comes again. */
static void reordered_appends_end_in_the_same_log(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 5, .prev_term = 2, .entries = {2}});
    assert_int_equal(reply_to(cluster, 2)->rejected, 1);
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 4, .prev_term = 2, .entries = {2}});
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 5, .prev_term = 2, .entries = {2}});
    assert_log(cluster, "1 2 2 2 2 2");
    assert_int_equal(reply_to(cluster, 2)->match_index, 6);
    cluster_free(cluster);
}

/* Pitfall: old bytes survive a truncation in a cache (cockroach PR 63302):
 * what is applied and sent afterwards is the new entry. */
static void replaced_entries_are_never_read_again(void **state)
{
    struct cluster *cluster = follower();

    (void)state;
    (void)play_append(cluster, (struct play_append){.from = 3,
                                                    .term = 3,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .commit = 4,
                                                    .entries = {3, 3, 3}});
    assert_int_equal(cluster_status(cluster, 1).applied_index, 4);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 4, true);
    play_forget(cluster);
    (void)play_reject(
        cluster,
        (struct play_reject){
            .from = 2, .term = 4, .rejected = 4, .hint = 1, .hint_term = 1});
    assert_int_equal(
        play_sent(cluster, 2, CRAFT_MESSAGE_APPEND)->as.append.entries_len, 4);
    cluster_free(cluster);
}

/* 4.1: "servers always use the latest configuration in their log", also when
 * a truncation takes it away. Pitfall, six times (NuRaft 98b42ac, canonical
 * 250): the configuration stays. */
static void truncated_configuration_is_no_longer_in_force(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;
    craft_message message;
    craft_entry entry;

    (void)state;
    cluster_options_init(&options, 3);
    options.blank = 1u << 1; /* 1 is joining; 2 has founded the group */
    options.puppets = 1u << 3;
    cluster = cluster_new(&options);
    cluster->blind = true;
    memset(&entry, 0, sizeof entry);
    entry.index = 1;
    entry.term = 1;
    entry.kind = CRAFT_ENTRY_CONFIGURATION;
    entry.data = cluster->entries[0]->data;
    entry.data_len = cluster->entries[0]->data_len;
    message = play_message(cluster, CRAFT_MESSAGE_APPEND, 3, 5);
    message.as.append.entries = &entry;
    message.as.append.entries_len = 1;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message), 0);
    assert_int_equal(cluster_status(cluster, 1).configuration_index, 1);
    assert_int_equal(cluster_status(cluster, 1).peers_len, 2);
    memset(&entry, 0, sizeof entry);
    entry.index = 1;
    entry.term = 6;
    entry.kind = CRAFT_ENTRY_NOOP;
    message.term = 6;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message), 0);
    assert_int_equal(cluster_status(cluster, 1).configuration_index, 0);
    assert_int_equal(cluster_status(cluster, 1).peers_len, 0);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follower_appends_new_entries_and_acknowledges),
        cmocka_unit_test(follower_rejects_what_does_not_follow_its_log),
        cmocka_unit_test(conflicting_entries_are_replaced),
        cmocka_unit_test(late_duplicate_truncates_nothing),
        cmocka_unit_test(empty_append_keeps_the_tail),
        cmocka_unit_test(unverified_tail_is_not_acknowledged),
        cmocka_unit_test(reply_carries_the_new_term),
        cmocka_unit_test(commit_stops_at_the_last_verified_entry),
        cmocka_unit_test(commit_beyond_the_log_waits_for_the_entries),
        cmocka_unit_test(commit_heard_early_counts_for_later_entries),
        cmocka_unit_test(conflict_hints_skip_whole_terms),
        cmocka_unit_test(hint_is_not_below_the_commit_index),
        cmocka_unit_test(leader_that_rewrites_its_own_term_is_refused),
        cmocka_unit_test(appends_of_one_hold_are_written_and_answered_once),
        cmocka_unit_test(reordered_appends_end_in_the_same_log),
        cmocka_unit_test(replaced_entries_are_never_read_again),
        cmocka_unit_test(truncated_configuration_is_no_longer_in_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
