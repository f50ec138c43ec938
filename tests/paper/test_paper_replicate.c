/*
 * The leader's progress with each follower: thesis 3.5, 10.2; windows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

#define OVERHEAD 64u

static const craft_append *append_to(struct cluster *cluster, uint32_t to)
{
    const craft_message *message = play_sent(cluster, to, CRAFT_MESSAGE_APPEND);

    assert_non_null(message);
    return &message->as.append;
}

/* Server 1 leads; windows of so many messages and bytes; 2 and 3 present. */
static struct cluster *leader_with_windows(uint32_t messages, size_t bytes)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.inflight_max = messages;
    options.config.inflight_bytes_max = bytes;
    options.config.entry_bytes_max = 1024;
    options.config.message_bytes_max = 1024 + OVERHEAD;
    cluster = cluster_new(&options);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, true);
    (void)play_match(cluster, 2, 2, 2);
    (void)play_match(cluster, 3, 2, 2);
    play_forget(cluster);
    return cluster;
}

/* Data messages under way to a server. */
static size_t data_to(struct cluster *cluster, uint32_t to)
{
    struct cluster_filter filter = {1, to, CRAFT_MESSAGE_APPEND};
    size_t count = 0;

    for (size_t i = 0; i < cluster_count(cluster, filter); i++) {
        count += cluster_find(cluster, filter, i)->entries_len > 0;
    }
    return count;
}

/* 3.5: "When a leader first comes to power, it initializes all nextIndex
 * values to the index just after the last one in its log", matchIndex to 0. */
static void new_leader_begins_behind_its_last_entry(void **state)
{
    struct cluster *cluster = play_one(3);
    craft_peer_status peer;

    (void)state;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .entries = {2, 2}});
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 3, true);
    peer = cluster_peer(cluster, 1, 2);
    assert_int_equal(peer.match_index, 0);
    assert_int_equal(peer.next_index, 4);
    assert_int_equal(peer.progress, CRAFT_PROGRESS_PROBE);
    assert_int_equal(append_to(cluster, 2)->prev_index, 3);
    assert_int_equal(append_to(cluster, 2)->prev_term, 2);
    assert_int_equal(append_to(cluster, 2)->entries_len, 1);
    cluster_free(cluster);
}

/* 3.5: "After a rejection, the leader decrements nextIndex and retries";
 * "Eventually nextIndex will reach a point where the logs match." */
static void rejected_leader_tries_an_earlier_entry(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    (void)play_reject(
        cluster,
        (struct play_reject){.from = 2, .term = 2, .rejected = 1, .hint = 0});
    assert_int_equal(append_to(cluster, 2)->prev_index, 0);
    assert_in_range(append_to(cluster, 2)->entries_len, 1, 2);
    cluster_free(cluster);
}

/* Pitfall: next falls to 0 or below, or wraps (NuRaft 7207197, willemt
 * f297457): refusals at the very beginning change nothing. */
static void refusals_at_the_first_entry_do_not_underflow(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)play_reject(cluster,
                          (struct play_reject){
                              .from = 2, .term = 2, .rejected = 1, .hint = 0});
        (void)play_reject(cluster,
                          (struct play_reject){
                              .from = 2, .term = 2, .rejected = 0, .hint = 0});
    }
    assert_int_equal(cluster_peer(cluster, 1, 2).next_index, 1);
    (void)cluster_tick(cluster, 1, 1);
    (void)play_present(cluster, 2, 2, 0);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(append_to(cluster, 2)->prev_index, 0);
    cluster_free(cluster);
}

/* Pitfall: a refusal that is late lowers next to what is matched (etcd
 * 91ff7cd, 6439482; CCF 5341). */
static void late_refusal_does_not_lower_next_below_match(void **state)
{
    struct cluster *cluster = leader_with_windows(8, 65536);

    (void)state;
    (void)cluster_propose(cluster, 1);
    (void)cluster_propose(cluster, 1);
    (void)play_match(cluster, 2, 2, 4);
    (void)cluster_unreachable(cluster, 1, 2);
    (void)play_reject(
        cluster,
        (struct play_reject){
            .from = 2, .term = 2, .rejected = 3, .hint = 2, .hint_term = 2});
    assert_int_equal(cluster_peer(cluster, 1, 2).match_index, 4);
    assert_int_equal(cluster_peer(cluster, 1, 2).next_index, 5);
    cluster_free(cluster);
}

/* Pitfall: a heartbeat that the follower could not yet match, later read as
 * loss of its log (openraft 2bdfae5d). */
static void
refused_heartbeat_is_forgotten_after_the_acknowledgement(void **state)
{
    struct cluster *cluster = leader_with_windows(8, 65536);

    (void)state;
    (void)cluster_propose(cluster, 1);
    (void)cluster_tick(cluster, 1, 1); /* prev = 3, overtakes the entry */
    (void)play_match(cluster, 2, 2, 3);
    play_forget(cluster);
    (void)play_reject(
        cluster,
        (struct play_reject){
            .from = 2, .term = 2, .rejected = 3, .hint = 2, .hint_term = 2});
    assert_int_equal(cluster_peer(cluster, 1, 2).next_index, 4);
    assert_int_equal(cluster_peer(cluster, 1, 2).progress,
                     CRAFT_PROGRESS_REPLICATE);
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_APPEND));
    cluster_free(cluster);
}

/* Pitfall: each refusal of several pipelined appends moves next (RedisLabs
 * 85d154b, ra PR 516): one step back, behind the match. */
static void many_refusals_are_one_step_back(void **state)
{
    struct cluster *cluster = leader_with_windows(8, 65536);

    (void)state;
    for (int i = 0; i < 4; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
    }
    assert_int_equal(data_to(cluster, 2), 4);
    play_forget(cluster);
    for (craft_index i = 3; i <= 5; i++) { /* the first was lost */
        (void)play_reject(cluster, (struct play_reject){.from = 2,
                                                        .term = 2,
                                                        .rejected = i,
                                                        .hint = 2,
                                                        .hint_term = 2});
    }
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(append_to(cluster, 2)->prev_index, 2);
    assert_int_equal(cluster_peer(cluster, 1, 2).progress,
                     CRAFT_PROGRESS_PROBE);
    (void)play_match(cluster, 2, 2, 3);
    assert_int_equal(cluster_peer(cluster, 1, 2).progress,
                     CRAFT_PROGRESS_REPLICATE);
    assert_int_equal(cluster_peer(cluster, 1, 2).next_index, 7);
    cluster_free(cluster);
}

/* 10.2.1: "the leader can pipeline AppendEntries": next moves on before the
 * answer comes. */
static void appends_are_pipelined(void **state)
{
    struct cluster *cluster = leader_with_windows(8, 65536);

    (void)state;
    (void)cluster_propose(cluster, 1);
    (void)cluster_propose(cluster, 1);
    assert_int_equal(data_to(cluster, 2), 2);
    assert_int_equal(append_to(cluster, 2)->prev_index, 3);
    assert_int_equal(cluster_peer(cluster, 1, 2).inflight, 2);
    cluster_free(cluster);
}

/* A lost append is noticed with the next heartbeat and sent again: one round
 * trip later. */
static void lost_append_is_noticed_within_one_heartbeat(void **state)
{
    struct cluster *cluster = play_cluster(3);

    (void)state;
    cluster_elect(cluster, 1);
    (void)cluster_propose(cluster, 1);
    play_forget(cluster);
    (void)cluster_tick(cluster, 1, 1);
    cluster_settle(cluster);
    assert_int_equal(cluster_status(cluster, 2).last_index, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    cluster_free(cluster);
}

/* The same when an answer is lost. */
static void lost_acknowledgement_is_repeated_within_one_heartbeat(void **state)
{
    struct cluster *cluster = play_cluster(3);

    (void)state;
    cluster_elect(cluster, 1);
    (void)cluster_propose(cluster, 1);
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_APPEND));
    play_forget(cluster);
    (void)cluster_tick(cluster, 1, 1);
    cluster_settle(cluster);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    cluster_free(cluster);
}

/* Pitfall: a lost first probe stops everything (braft 13e5460, openraft
 * 369e5d1c). */
static void lost_probe_is_repeated_with_heartbeats(void **state)
{
    struct cluster *cluster = play_cluster(3);

    (void)state;
    cluster_isolate(cluster, 3);
    cluster_elect(cluster, 1);
    cluster_run(cluster, 5);
    cluster_heal(cluster);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).last_index,
                     cluster_status(cluster, 1).last_index);
    cluster_free(cluster);
}

/* A probe is one append per heartbeat or answer, however much is offered. */
static void probing_sends_one_append_per_heartbeat(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    for (int i = 0; i < 20; i++) {
        (void)cluster_propose(cluster, 1);
    }
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 0);
    for (size_t i = 1; i <= 5; i++) {
        (void)cluster_tick(cluster, 1, 1);
        assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), i);
    }
    cluster_free(cluster);
}

/* Pitfall: entries leak to a stuck follower although its window is full (etcd
 * 42419da, PR 14633): heartbeats are empty then. */
static void stuck_follower_gets_no_more_than_its_window(void **state)
{
    struct cluster *cluster = leader_with_windows(4, 65536);

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
        (void)cluster_tick(cluster, 1, 1);
        (void)play_present(cluster, 2, 2, 2);
    }
    assert_int_equal(data_to(cluster, 2), 4);
    assert_int_equal(data_to(cluster, 3), 4);
    assert_int_equal(cluster_peer(cluster, 1, 2).inflight, 4);
    cluster_free(cluster);
}

/* The same in bytes: at most one message over. */
static void window_in_bytes_is_kept(void **state)
{
    struct cluster *cluster = leader_with_windows(1000, 4000);
    craft_peer_status peer;

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
    }
    peer = cluster_peer(cluster, 1, 2);
    assert_in_range(peer.inflight_bytes, 4000, 4000 + 1024 + OVERHEAD);
    assert_int_equal(data_to(cluster, 2), 4);
    cluster_free(cluster);
}

/* Pitfall: a window that is never freed again (etcd e419ba5, dcd623a): any
 * acknowledgement lets more follow, one that was lost included. */
static void window_is_freed_by_match(void **state)
{
    struct cluster *cluster = leader_with_windows(4, 65536);
    craft_index match = 2;

    (void)state;
    for (int i = 0; i < 60; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
    }
    for (int i = 0; i < 40 && match < 62; i++) {
        match = cluster_peer(cluster, 1, 2).next_index - 1;
        (void)play_match(cluster, 2, 2, match); /* only the last of each */
    }
    assert_int_equal(match, 62);
    assert_int_equal(cluster_peer(cluster, 1, 2).inflight, 0);
    assert_int_equal(cluster_peer(cluster, 1, 2).inflight_bytes, 0);
    cluster_free(cluster);
}

/* Pitfall: the counts survive probing (etcd e419ba5). */
static void window_is_empty_after_probing(void **state)
{
    struct cluster *cluster = leader_with_windows(4, 3000);

    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
    }
    (void)cluster_unreachable(cluster, 1, 2);
    assert_int_equal(cluster_peer(cluster, 1, 2).inflight, 0);
    assert_int_equal(cluster_peer(cluster, 1, 2).next_index, 3);
    play_forget(cluster);
    (void)cluster_tick(cluster, 1, 1);
    (void)play_match(cluster, 2, 2, 3);
    assert_in_range(cluster_peer(cluster, 1, 2).inflight, 2, 3);
    cluster_free(cluster);
}

/* Pitfall: a message that skips the entry that is too large, and takes the
 * next (logcabin 160); or one that is never sent (braft 94a68f3). */
static void batches_are_contiguous_and_large_entries_go_alone(void **state)
{
    struct cluster *cluster = leader_with_windows(64, 65536);
    struct cluster_filter filter = {1, 2, CRAFT_MESSAGE_APPEND};
    static const size_t sizes[6] = {100, 100, 1024, 8, 1024, 200};
    craft_index next = 3;

    (void)state;
    cluster_hold(cluster, 1);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(cluster_propose_sized(cluster, 1, sizes[i]), 0);
    }
    cluster_release(cluster, 1);
    for (size_t i = 0; i < cluster_count(cluster, filter); i++) {
        const struct cluster_message *message =
            cluster_find(cluster, filter, i);
        size_t bytes = 0;

        assert_int_equal(message->message.as.append.prev_index, next - 1);
        for (size_t k = 0; k < message->entries_len; k++) {
            bytes += message->entries[k]->data_len + OVERHEAD;
        }
        assert_in_range(bytes, 1, 1024 + OVERHEAD);
        next += message->entries_len;
    }
    assert_int_equal(next, 9);
    cluster_free(cluster);
}

/* Pitfall: one peer in trouble stops the others (RedisLabs 02fda63). */
static void peers_do_not_wait_for_each_other(void **state)
{
    struct cluster *cluster = leader_with_windows(2, 65536);

    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)cluster_propose_sized(cluster, 1, 1000);
        (void)play_match(cluster, 3, 2, 3 + (craft_index)i);
    }
    assert_int_equal(cluster_peer(cluster, 1, 3).match_index, 12);
    assert_int_equal(data_to(cluster, 2), 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 12);
    cluster_free(cluster);
}

/* Pitfall: an acknowledgement beyond the leader's log hits an assertion
 * (RedisLabs); it is refused. */
static void acknowledgement_beyond_the_log_is_refused(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    assert_int_equal(play_match(cluster, 2, 2, 3), CRAFT_ERR_MESSAGE);
    assert_int_equal(cluster_peer(cluster, 1, 2).match_index, 0);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    cluster_free(cluster);
}

/* A follower whose disk is full is there, but takes nothing: it gets one
 * append per heartbeat, not as many as the link carries. */
static void follower_with_a_full_disk_is_not_flooded(void **state)
{
    struct cluster *cluster = play_cluster(3);
    struct cluster_node *full = cluster_node(cluster, 3);
    struct cluster_filter to_full = {1, 3, CRAFT_MESSAGE_APPEND};
    size_t sent = 0;

    (void)state;
    cluster_elect(cluster, 1);
    full->disk_full = true;
    for (int i = 0; i < 20; i++) {
        (void)cluster_propose(cluster, 1);
    }
    cluster_settle(cluster);
    for (int i = 0; i < 10; i++) {
        (void)cluster_tick(cluster, 1, 1);
        (void)cluster_tick(cluster, 3, 1);
        for (int k = 0; k < 50; k++) {
            sent += cluster_count(cluster, to_full);
            (void)cluster_deliver(cluster, play_all());
        }
        assert_int_equal(cluster->network_len, 0);
    }
    assert_in_range(sent, 10, 40);
    full->disk_full = false;
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).durable_index, 22);
    cluster_free(cluster);
}

/* The role of the round: whoever answers has heard this leader since. */
static void answers_carry_the_round_of_the_leader(void **state)
{
    struct cluster *cluster = play_cluster(3);
    uint64_t round;

    (void)state;
    cluster_elect(cluster, 1);
    cluster_run(cluster, 3);
    round = cluster_status(cluster, 1).round;
    assert_int_equal(cluster_peer(cluster, 1, 2).round, round);
    cluster_isolate(cluster, 2);
    (void)cluster_tick(cluster, 1, 4);
    cluster_settle(cluster);
    assert_int_equal(cluster_peer(cluster, 1, 2).round, round);
    assert_int_equal(cluster_peer(cluster, 1, 3).round, round + 1);
    assert_int_equal(cluster_peer(cluster, 1, 2).silent_ticks, 4);
    assert_int_equal(cluster_peer(cluster, 1, 3).silent_ticks, 0);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_leader_begins_behind_its_last_entry),
        cmocka_unit_test(rejected_leader_tries_an_earlier_entry),
        cmocka_unit_test(refusals_at_the_first_entry_do_not_underflow),
        cmocka_unit_test(late_refusal_does_not_lower_next_below_match),
        cmocka_unit_test(
            refused_heartbeat_is_forgotten_after_the_acknowledgement),
        cmocka_unit_test(many_refusals_are_one_step_back),
        cmocka_unit_test(appends_are_pipelined),
        cmocka_unit_test(lost_append_is_noticed_within_one_heartbeat),
        cmocka_unit_test(lost_acknowledgement_is_repeated_within_one_heartbeat),
        cmocka_unit_test(lost_probe_is_repeated_with_heartbeats),
        cmocka_unit_test(probing_sends_one_append_per_heartbeat),
        cmocka_unit_test(stuck_follower_gets_no_more_than_its_window),
        cmocka_unit_test(window_in_bytes_is_kept),
        cmocka_unit_test(window_is_freed_by_match),
        cmocka_unit_test(window_is_empty_after_probing),
        cmocka_unit_test(batches_are_contiguous_and_large_entries_go_alone),
        cmocka_unit_test(peers_do_not_wait_for_each_other),
        cmocka_unit_test(acknowledgement_beyond_the_log_is_refused),
        cmocka_unit_test(follower_with_a_full_disk_is_not_flooded),
        cmocka_unit_test(answers_carry_the_round_of_the_leader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
