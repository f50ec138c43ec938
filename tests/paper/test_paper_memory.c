/*
 * What is lent stays as it is; memory is bounded; a steady state allocates
 * nothing. The cluster checks every lent byte at its ending, poisons what is
 * freed and watches when the allocator is called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

static struct cluster *single(size_t cache)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 1);
    options.config.log_cache_bytes_max = cache;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    return cluster;
}

/* Pitfall: entries move while a write reads them (canonical 8be539d, cowsql
 * 8664f007): the log grows under open tickets and an open batch. */
static void growth_moves_nothing_that_is_lent(void **state)
{
    struct cluster *cluster = single(1u << 22);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose_sized(cluster, 1, 1000); /* the open batch */
    assert_non_null(node->batch);
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    for (size_t i = 0; i < 3000; i++) {
        (void)cluster_propose_sized(cluster, 1, 8 + i % 200);
    }
    assert_int_equal(node->records_len, 4);
    while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
    }
    while (cluster_apply_all(cluster, 1)) {
    }
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3003);
    cluster_free(cluster);
}

/* And when the state machine is the only one that still reads: the disk is done
 * with all of it. */
static void growth_leaves_an_open_batch_alone(void **state)
{
    struct cluster *cluster = single(1u << 22);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    for (size_t i = 0; i < 3000; i++) {
        (void)cluster_propose_sized(cluster, 1, 8 + i % 200);
        if (i % 100 == 0) {
            (void)cluster_tick(cluster, 1, 1); /* unused memory goes */
        }
    }
    assert_int_equal(node->batch_first, 3);
    while (cluster_apply_all(cluster, 1)) {
    }
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3002);
    cluster_free(cluster);
}

/* The same when what is lent is truncated and its places are used again. */
static void truncation_leaves_what_is_lent(void **state)
{
    (void)state;
    for (uint32_t lent = 0; lent < 3; lent++) {
        struct cluster *cluster = play_one(3);
        struct cluster_node *node = cluster_node(cluster, 1);

        node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
        (void)play_append(cluster, (struct play_append){.from = 2,
                                                        .term = 2,
                                                        .prev = 1,
                                                        .prev_term = 1,
                                                        .commit = 2,
                                                        .entries = {2}});
        assert_non_null(node->batch); /* entry 2 */
        if (lent != 1) {
            node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
        }
        for (craft_term term = 2; term < 40; term++) {
            (void)play_append(
                cluster,
                (struct play_append){.from = 2 + (uint32_t)(term & 1),
                                     .term = term,
                                     .prev = 2,
                                     .prev_term = 2,
                                     .entries = {term, term, term, term}});
            if (lent == 2 && term % 3 == 0) {
                (void)cluster_persist_one(cluster, 1, CRAFT_ENDING_OK);
            }
        }
        while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
        }
        (void)cluster_apply_all(cluster, 1);
        assert_int_equal(cluster_status(cluster, 1).durable_index, 6);
        assert_int_equal(cluster_status(cluster, 1).last_term, 39);
        cluster_free(cluster);
    }
}

static void truncate_inside(struct cluster_node *node, uint32_t kind)
{
    struct cluster *cluster = node->cluster;
    craft_term term = *(craft_term *)cluster->inside_data;

    if (kind != CRAFT_EFFECT_PERSIST || term > 60) {
        return;
    }
    *(craft_term *)cluster->inside_data = term + 1;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = term,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .entries = {term, term}});
}

/* And inside the hook that holds it, ended within the same hook. */
static void truncation_inside_the_hook_leaves_what_it_holds(void **state)
{
    struct cluster *cluster = play_one(3);
    craft_term term = 3;

    (void)state;
    cluster->inside = truncate_inside;
    cluster->inside_data = &term;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .entries = {2, 2, 2}});
    cluster->inside = NULL;
    assert_int_equal(cluster_status(cluster, 1).last_term, 60);
    assert_int_equal(cluster_status(cluster, 1).durable_index, 3);
    cluster_free(cluster);
}

/* Pitfall: the memory of truncated entries is kept (etcd 101ac57, dragonboat
 * c9edfab): many tails come and go, and memory does not grow. */
static void memory_of_truncated_entries_is_given_back(void **state)
{
    struct cluster *cluster = play_one(3);
    struct cluster_node *node = cluster_node(cluster, 1);
    uint8_t data[3000];
    size_t memory = 0;

    (void)state;
    memset(data, 7, sizeof data);
    for (craft_term term = 2; term < 300; term++) {
        craft_message message = play_message(cluster, CRAFT_MESSAGE_APPEND,
                                             2 + (uint32_t)(term & 1), term);
        craft_entry entries[30];

        memset(entries, 0, sizeof entries);
        for (size_t i = 0; i < 30; i++) {
            entries[i].index = 2 + i;
            entries[i].term = term;
            entries[i].kind = CRAFT_ENTRY_COMMAND;
            entries[i].data = data;
            entries[i].data_len = sizeof data;
        }
        message.as.append.prev_index = 1;
        message.as.append.prev_term = 1;
        message.as.append.entries = entries;
        message.as.append.entries_len = 30;
        assert_int_equal(cluster_inject(cluster, &message), 0);
        if (term == 20) {
            memory = node->memory;
        }
    }
    assert_in_range(node->memory, 1, memory * 2);
    cluster_free(cluster);
}

/* Applied entries leave memory when there are more than the cache holds. */
static void log_cache_is_bounded(void **state)
{
    struct cluster *cluster = single(64 * 1024);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    for (int i = 0; i < 20000; i++) {
        (void)cluster_propose_sized(cluster, 1, 200);
    }
    assert_in_range(cluster_status(cluster, 1).log_bytes, 1, 3 * 64 * 1024);
    assert_in_range(node->memory_most, 1, 600 * 1024);
    assert_in_range(cluster_status(cluster, 1).first_index, 19000, 20002);
    cluster_free(cluster);
}

/* Without fetch nothing leaves memory. */
static void without_fetch_everything_stays_in_memory(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 1);
    options.no_fetch = true;
    options.config.log_cache_bytes_max = 0;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    for (int i = 0; i < 1000; i++) {
        (void)cluster_propose_sized(cluster, 1, 200);
    }
    assert_int_equal(cluster_status(cluster, 1).first_index, 1);
    cluster_free(cluster);
}

/* Pitfall: unbounded growth without a quorum (cockroach 27772): the limit on
 * what is uncommitted bounds memory. */
static void leader_without_a_quorum_is_bounded(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;
    struct cluster_node *node;
    size_t memory;

    (void)state;
    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.entry_bytes_max = 1000;
    options.config.message_bytes_max = 4096;
    options.config.uncommitted_bytes_max = 65536;
    cluster = cluster_new(&options);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, true);
    node = cluster_node(cluster, 1);
    while (cluster_propose_sized(cluster, 1, 500) == 0) {
    }
    memory = node->memory;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(cluster_propose_sized(cluster, 1, 500),
                         CRAFT_ERR_BUSY);
        (void)cluster_tick(cluster, 1, 1);
        play_forget(cluster);
    }
    assert_in_range(node->memory, 1, memory);
    cluster_free(cluster);
}

/* A steady state allocates nothing, on the leader and on followers. */
static void steady_state_allocates_nothing(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;
    uint64_t allocations[4];

    (void)state;
    cluster_options_init(&options, 3);
    options.config.log_cache_bytes_max = 16 * 1024;
    options.config.uncommitted_bytes_max = 1u << 21;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    for (int i = 0; i < 4000; i++) {
        if (i == 2000) {
            for (uint32_t k = 1; k <= 3; k++) {
                allocations[k] = cluster_node(cluster, k)->allocations;
            }
        }
        (void)cluster_propose_sized(cluster, 1, 100);
        cluster_settle(cluster);
        if (i % 10 == 0) {
            cluster_run(cluster, 1);
        }
    }
    for (uint32_t k = 1; k <= 3; k++) {
        assert_int_equal(cluster_node(cluster, k)->allocations, allocations[k]);
    }
    cluster_free(cluster);
}

/* Pitfall: memory that is refused in the middle of an operation (canonical's
 * heap faults, willemt e34e4e6): the node is unchanged, and goes on later. */
static void refused_memory_changes_nothing(void **state)
{
    struct cluster *cluster = play_leader(3);
    struct cluster_node *node = cluster_node(cluster, 1);
    struct play_state before;
    struct play_state after;

    (void)state;
    for (int i = 0; i < 300; i++) {
        int rv;

        node->allocations_fail = 1000;
        before = play_look(cluster, 1);
        rv = cluster_propose_sized(cluster, 1, 300);
        after = play_look(cluster, 1);
        node->allocations_fail = 0;
        if (rv != 0) {
            assert_int_equal(rv, CRAFT_ERR_NOMEM);
            assert_null(play_differs(&before, &after));
            assert_int_equal(cluster_propose_sized(cluster, 1, 300), 0);
        }
    }
    assert_int_equal(cluster_status(cluster, 1).last_index, 302);
    cluster_free(cluster);
}

/* A time-out that finds no memory is tried again at the next tick. */
static void campaign_without_memory_is_tried_again(void **state)
{
    struct cluster *cluster = play_one(3);
    struct cluster_node *node = cluster_node(cluster, 1);
    uint32_t refused = 0;

    (void)state;
    for (craft_index i = 1; i < 40; i++) {
        (void)play_append(cluster,
                          (struct play_append){.from = 2,
                                               .term = 2,
                                               .prev = i,
                                               .prev_term = i > 1 ? 2 : 1,
                                               .entries = {2}});
        node->allocations_fail = 1000;
        if (cluster_campaign(cluster, 1) == CRAFT_ERR_NOMEM) {
            assert_int_equal(cluster_status(cluster, 1).term, 2);
            (void)cluster_tick(cluster, 1, 100);
            assert_int_equal(cluster_status(cluster, 1).term, 2);
            node->allocations_fail = 0;
            (void)cluster_tick(cluster, 1, 1);
            assert_int_equal(cluster_status(cluster, 1).term, 3);
            refused++;
            break;
        }
        cluster_free(cluster);
        cluster = play_one(3);
        node = cluster_node(cluster, 1);
        for (craft_index k = 1; k <= i; k++) {
            (void)play_append(cluster,
                              (struct play_append){.from = 2,
                                                   .term = 2,
                                                   .prev = k,
                                                   .prev_term = k > 1 ? 2 : 1,
                                                   .entries = {2}});
        }
    }
    assert_int_equal(refused, 1);
    cluster_free(cluster);
}

static void tick_inside(struct cluster_node *node, uint32_t kind)
{
    if (kind == CRAFT_EFFECT_SEND) {
        node->cluster->inside = NULL; /* once */
        (void)cluster_tick(node->cluster, node->position, 100);
    }
}

/* The allocator is never called between two effects: a campaign that begins in
 * a hook takes its room with the tick. The cluster watches. */
static void campaign_that_begins_in_a_hook_allocates_with_the_tick(void **state)
{
    (void)state;
    for (craft_index entries = 1; entries < 20; entries++) {
        struct cluster *cluster = play_one(3);

        for (craft_index i = 1; i <= entries; i++) {
            if (i == entries) {
                cluster->inside = tick_inside;
            }
            (void)play_append(cluster,
                              (struct play_append){.from = 2,
                                                   .term = 2,
                                                   .prev = i,
                                                   .prev_term = i > 1 ? 2 : 1,
                                                   .entries = {2}});
        }
        assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_CANDIDATE);
        (void)play_vote_reply(cluster, 2, cluster_status(cluster, 1).term,
                              true);
        assert_int_equal(cluster_leader(cluster), 1);
        cluster_free(cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_moves_nothing_that_is_lent),
        cmocka_unit_test(growth_leaves_an_open_batch_alone),
        cmocka_unit_test(truncation_leaves_what_is_lent),
        cmocka_unit_test(truncation_inside_the_hook_leaves_what_it_holds),
        cmocka_unit_test(memory_of_truncated_entries_is_given_back),
        cmocka_unit_test(log_cache_is_bounded),
        cmocka_unit_test(without_fetch_everything_stays_in_memory),
        cmocka_unit_test(leader_without_a_quorum_is_bounded),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(refused_memory_changes_nothing),
        cmocka_unit_test(campaign_without_memory_is_tried_again),
        cmocka_unit_test(
            campaign_that_begins_in_a_hook_allocates_with_the_tick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
