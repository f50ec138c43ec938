/*
 * Flow control (thesis 10.2): what a peer that is dead, stuck or far away
 * costs, what is lost and mended, and that nothing grows without a bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

#define OVERHEAD 64u

/* ------------------------------------------------- what a dead peer costs */

/* What was sent to a server since the last call, and is forgotten. */
struct traffic {
    size_t messages;
    size_t with_entries;
    size_t bytes; /* as they are encoded */
};

static struct traffic traffic_to(struct cluster *cluster, uint32_t to)
{
    struct traffic traffic = {0, 0, 0};

    for (size_t i = 0; i < cluster_count(cluster, play_link(1, to)); i++) {
        struct cluster_message *sent =
            cluster_find(cluster, play_link(1, to), i);

        traffic.messages++;
        traffic.with_entries += sent->entries_len > 0;
        sent->message.as.append.entries_len = 0; /* not set: see cluster.h */
        traffic.bytes += craft_message_encoded_len(&sent->message);
        for (size_t k = 0; k < sent->entries_len; k++) {
            traffic.bytes += sent->entries[k]->data_len;
        }
    }
    (void)cluster_drop(cluster, play_link(1, to));
    return traffic;
}

static struct cluster *leader_with_backlog(void)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.entry_bytes_max = 4096;
    options.config.message_bytes_max = 65536;
    cluster = cluster_new(&options);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, true);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(cluster_propose_sized(cluster, 1, 1000), 0);
    }
    return cluster;
}

/* A server that is down is asked once, with a few entries; from then on it gets
 * one empty append in each heartbeat, for ever, however much is proposed. */
static void dead_peer_costs_an_empty_append_per_heartbeat(void **state)
{
    struct cluster *cluster = leader_with_backlog();
    struct traffic traffic;
    size_t memory;

    (void)state;
    traffic = traffic_to(cluster, 3);
    assert_int_equal(traffic.messages, 2); /* the vote, the first question */
    (void)cluster_tick(cluster, 1, 1);
    (void)traffic_to(cluster, 3);
    memory = cluster_node(cluster, 1)->memory;
    for (int i = 0; i < 1000; i++) {
        (void)cluster_tick(cluster, 1, 1);
        (void)cluster_propose_sized(cluster, 1, 0);
    }
    traffic = traffic_to(cluster, 3);
    assert_int_equal(traffic.messages, 1000);
    assert_int_equal(traffic.with_entries, 0);
    assert_in_range(traffic.bytes, 1, 1000 * 128);
    assert_in_range(cluster_node(cluster, 1)->memory, 1, memory + 300000);
    cluster_free(cluster);
}

/* The same for one that died while the leader replicated to it, and for one
 * whose link the host gives up at each heartbeat. */
static void peer_that_dies_costs_an_empty_append_per_heartbeat(void **state)
{
    struct traffic traffic;

    (void)state;
    for (int breaks = 0; breaks < 2; breaks++) {
        struct cluster *cluster = leader_with_backlog();

        (void)play_match(cluster, 3, 2, 2);
        assert_int_equal(cluster_peer(cluster, 1, 3).progress,
                         CRAFT_PROGRESS_REPLICATE);
        (void)traffic_to(cluster, 3);
        for (int i = 0; i < 100; i++) {
            if (breaks) {
                (void)cluster_unreachable(cluster, 1, 3);
            }
            (void)cluster_tick(cluster, 1, 1);
            (void)cluster_propose_sized(cluster, 1, 4000);
        }
        traffic = traffic_to(cluster, 3);
        if (breaks) {
            assert_int_equal(traffic.messages, 100);
            assert_int_equal(traffic.with_entries, 0);
        } else {
            /* And what its window holds. */
            assert_in_range(traffic.messages, 100,
                            100 + cluster->options.config.inflight_max);
            assert_in_range(cluster_peer(cluster, 1, 3).inflight, 1,
                            cluster->options.config.inflight_max);
        }
        (void)cluster_tick(cluster, 1, 10);
        (void)cluster_tick(cluster, 1, 10);
        traffic = traffic_to(cluster, 3);
        assert_int_equal(traffic.messages, 2);
        assert_int_equal(traffic.with_entries, 0);
        cluster_free(cluster);
    }
}

/* As soon as it says anything, it is asked with entries: not a heartbeat
 * later. */
static void peer_that_comes_back_is_asked_at_once(void **state)
{
    struct cluster *cluster = leader_with_backlog();
    struct traffic traffic;

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)cluster_tick(cluster, 1, 1);
    }
    (void)traffic_to(cluster, 3);
    (void)play_present(cluster, 3, 2, 0);
    traffic = traffic_to(cluster, 3);
    assert_int_equal(traffic.messages, 1);
    assert_int_equal(traffic.with_entries, 1);
    assert_in_range(traffic.bytes, 1000, 17000);
    (void)play_match(cluster, 3, 2, 2);
    traffic = traffic_to(cluster, 3);
    assert_in_range(traffic.with_entries, 2, 64);
    cluster_free(cluster);
}

/* One that answers and takes nothing, as with a full disk, gets entries once
 * in a heartbeat, however often it answers. */
static void peer_that_takes_nothing_is_asked_once_per_heartbeat(void **state)
{
    struct cluster *cluster = leader_with_backlog();

    (void)state;
    (void)traffic_to(cluster, 3);
    for (int i = 0; i < 100; i++) {
        struct traffic traffic;

        (void)cluster_tick(cluster, 1, 1);
        for (int k = 0; k < 10; k++) {
            (void)play_present(cluster, 3, 2, 0);
        }
        traffic = traffic_to(cluster, 3);
        assert_in_range(traffic.messages, 1, 2);
        assert_int_equal(traffic.with_entries, 1);
    }
    cluster_free(cluster);
}

/* One that refuses the same question again and again is asked no more often. */
static void repeated_refusal_is_no_flood(void **state)
{
    struct cluster *cluster = leader_with_backlog();
    struct traffic traffic;

    (void)state;
    (void)traffic_to(cluster, 3);
    for (int i = 0; i < 100; i++) {
        (void)play_reject(cluster,
                          (struct play_reject){
                              .from = 3, .term = 2, .rejected = 1, .hint = 0});
    }
    traffic = traffic_to(cluster, 3);
    assert_int_equal(traffic.messages, 1);
    assert_int_equal(cluster_peer(cluster, 1, 3).next_index, 1);
    cluster_free(cluster);
}

/* A refusal tells presence and round as well: it is the only answer. */
static void refused_append_is_answered_once(void **state)
{
    struct cluster *cluster = play_one(3);
    const craft_message *reply;

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 5, .prev_term = 2, .round = 7});
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY),
                     1);
    reply = play_sent(cluster, 2, CRAFT_MESSAGE_APPEND_REPLY);
    assert_int_equal(reply->as.append_reply.rejected, 1);
    assert_int_equal(reply->round, 7);
    cluster_free(cluster);
}

/* -------------------------------------------------- a slow state machine */

/* Server 1 leads, the state machine of server 3 ends nothing by itself. */
static struct cluster *cluster_with_slow_machine(void)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 3);
    options.config.entry_bytes_max = 1024;
    options.config.message_bytes_max = 4096;
    options.config.log_cache_bytes_max = 32768;
    options.config.uncommitted_bytes_max = 65536;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    cluster_run(cluster, 2);
    cluster_node(cluster, 3)->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    return cluster;
}

static void deliver_all(struct cluster *cluster)
{
    while (cluster->network_len > 0) {
        (void)cluster_deliver(cluster, play_all());
    }
}

static void replicate(struct cluster *cluster, int commands)
{
    for (int i = 0; i < commands; i++) {
        assert_int_equal(cluster_propose_sized(cluster, 1, 200), 0);
        deliver_all(cluster);
        if (i % 20 == 0) {
            (void)cluster_tick(cluster, 1, 1);
            deliver_all(cluster);
        }
    }
}

/*
 * A follower whose state machine stands still goes on to log and acknowledge:
 * the group does not wait for it. What it cannot hold in memory it reads back
 * from its disk, also while one batch is open all the time.
 */
static void slow_machine_of_a_follower_is_bounded_in_memory(void **state)
{
    struct cluster *cluster = cluster_with_slow_machine();
    struct cluster_node *slow = cluster_node(cluster, 3);
    craft_status status;

    (void)state;
    replicate(cluster, 10000); /* 2.6 MB of log */
    status = cluster_status(cluster, 3);
    assert_int_equal(status.durable_index, 10002);
    assert_in_range(status.commit_index, 9900, 10002);
    assert_in_range(status.applied_index, 2, 3);
    assert_in_range(status.log_bytes, 1, 32768 + 65536 + 4096);
    assert_in_range(slow->memory_most, 1, 400000);
    assert_non_null(slow->batch);

    for (int i = 0; i < 100; i++) { /* slow, but not that slow */
        (void)cluster_apply_all(cluster, 3);
        replicate(cluster, 1);
    }
    assert_in_range(cluster_status(cluster, 3).applied_index, 500, 5000);
    assert_in_range(slow->memory_most, 1, 400000);

    slow->apply_ends = CLUSTER_ENDS_INSIDE;
    (void)cluster_apply_all(cluster, 3);
    cluster_run(cluster, 2);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 10102);
    assert_in_range(slow->memory_most, 1, 400000);
    replicate(cluster, 100);
    assert_in_range(cluster_status(cluster, 3).log_bytes, 1, 32768 + 65536);
    cluster_free(cluster);
}

/* Its memory is of use again: it may lead, and serves the others from it. */
static void slow_machine_does_not_keep_a_follower_from_leading(void **state)
{
    struct cluster *cluster = cluster_with_slow_machine();

    (void)state;
    replicate(cluster, 1000);
    cluster_isolate(cluster, 1);
    (void)cluster_campaign(cluster, 3);
    deliver_all(cluster);
    assert_int_equal(cluster_leader(cluster), 3);
    assert_int_equal(cluster_status(cluster, 3).commit_index, 1003);
    assert_in_range(cluster_status(cluster, 3).applied_index, 2, 3);
    /* What waits for it in memory is more than it may be: it pushes back. */
    assert_int_equal(cluster_propose_sized(cluster, 3, 1024), CRAFT_ERR_BUSY);
    cluster_heal(cluster);
    cluster_converge(cluster);
    assert_int_equal(cluster_status(cluster, 3).applied_index,
                     cluster_status(cluster, 2).applied_index);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dead_peer_costs_an_empty_append_per_heartbeat),
        cmocka_unit_test(peer_that_dies_costs_an_empty_append_per_heartbeat),
        cmocka_unit_test(peer_that_comes_back_is_asked_at_once),
        cmocka_unit_test(peer_that_takes_nothing_is_asked_once_per_heartbeat),
        cmocka_unit_test(repeated_refusal_is_no_flood),
        cmocka_unit_test(refused_append_is_answered_once),
        cmocka_unit_test(slow_machine_of_a_follower_is_bounded_in_memory),
        cmocka_unit_test(slow_machine_does_not_keep_a_follower_from_leading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
