/*
 * Restarts (thesis 3.8) and entries that left memory: restore in batches, what
 * a store may not hold, fetches for peers and for the state machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* Small messages, nothing cached. */
static struct cluster *without_cache(uint32_t nodes)
{
    struct cluster_options options;

    cluster_options_init(&options, nodes);
    options.config.entry_bytes_max = 64;
    options.config.message_bytes_max = 320;
    options.config.log_cache_bytes_max = 0;
    return cluster_new(&options);
}

static void propose_settled(struct cluster *cluster, uint32_t leader, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(cluster_propose(cluster, leader), 0);
    }
    cluster_settle(cluster);
}

/* 3.8: term, vote and log survive; the commit index and the state machine do
 * not have to: the log is applied again, in order, once per life. */
static void restarted_server_applies_its_log_again(void **state)
{
    (void)state;
    for (size_t batch = 1; batch < 40; batch += 6) {
        struct cluster *cluster = play_cluster(3);

        cluster_elect(cluster, 1);
        propose_settled(cluster, 1, 30);
        for (uint32_t i = 1; i <= 3; i++) {
            cluster_crash(cluster, i, 0);
            cluster_restart_with(cluster, i, batch, 0);
        }
        cluster_elect(cluster, 2);
        cluster_run(cluster, 2);
        for (uint32_t i = 1; i <= 3; i++) {
            assert_int_equal(cluster_status(cluster, i).applied_index, 33);
            assert_int_equal(cluster_node(cluster, i)->applied, 32);
        }
        cluster_free(cluster);
    }
}

/* A state machine that is durable itself goes on where it stands. Pitfall:
 * entries applied again after a restart (dragonboat cfbf68a). */
static void durable_state_machine_goes_on_where_it_stands(void **state)
{
    struct cluster *cluster = play_cluster(1);

    (void)state;
    cluster_elect(cluster, 1);
    propose_settled(cluster, 1, 10);
    cluster_crash(cluster, 1, 0);
    cluster_restart_with(cluster, 1, 4, 7);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 7);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 7);
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 13);
    cluster_free(cluster);
}

/* The commit hint lets a server apply before it hears of a leader. */
static void commit_hint_is_applied_at_once(void **state)
{
    struct cluster *cluster = play_cluster(3);
    craft_index hint;

    (void)state;
    cluster_elect(cluster, 1);
    propose_settled(cluster, 1, 5);
    cluster_run(cluster, 1);
    cluster_elect(cluster, 2); /* a hard state, with the hint */
    hint = cluster_node(cluster, 1)->disk.commit_hint;
    assert_in_range(hint, 7, 9);
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, hint);
    assert_int_equal(cluster_status(cluster, 1).applied_index, hint);
    cluster_free(cluster);
}

/* Pitfall: limited batches of applying skip or repeat an entry across a
 * restart (etcd 8ecce32). */
static void limited_batches_skip_and_repeat_nothing(void **state)
{
    (void)state;
    for (craft_index applied = 2; applied <= 22; applied++) {
        struct cluster *cluster = without_cache(1);
        craft_index from = applied;

        cluster_elect(cluster, 1);
        for (size_t i = 0; i < 20; i++) {
            (void)cluster_propose_sized(cluster, 1, 8 + 3 * i % 57);
        }
        cluster_crash(cluster, 1, 0);
        cluster_restart_with(cluster, 1, 7, from);
        cluster_elect(cluster, 1);
        assert_int_equal(cluster_status(cluster, 1).applied_index, 23);
        cluster_free(cluster);
    }
}

/* ------------------------------------------------------------------ stores */

static craft_node *node_raw(void)
{
    craft_config config;
    craft_node *node = NULL;

    craft_config_init(&config, sizeof config);
    config.id = 1;
    assert_int_equal(craft_node_new(&config, NULL, NULL, &node), 0);
    return node;
}

static craft_restore restore_of(craft_term term)
{
    craft_restore restore;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = sizeof restore;
    restore.term = term;
    return restore;
}

static craft_entry entry_of(craft_index index, craft_term term)
{
    craft_entry entry;

    memset(&entry, 0, sizeof entry);
    entry.index = index;
    entry.term = term;
    entry.kind = CRAFT_ENTRY_NOOP;
    return entry;
}

/* Pitfall: a term below that of the last entry, a gap, a commit index beyond
 * the log are taken in silence (raft-rs 2ebbed5, etcd 98379fc). */
static void store_that_contradicts_itself_is_corrupt(void **state)
{
    static const struct {
        craft_index index;
        craft_term term;
        uint32_t kind;
    } wrong[] = {{2, 2, 2}, {4, 2, 2}, {3, 1, 2}, {3, 6, 2},
                 {3, 0, 2}, {3, 2, 0}, {3, 2, 9}, {3, 2, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        craft_node *node = node_raw();
        craft_restore restore = restore_of(5);
        craft_entry entries[3] = {entry_of(1, 1), entry_of(2, 2),
                                  entry_of(wrong[i].index, wrong[i].term)};

        entries[2].kind = wrong[i].kind;
        assert_int_equal(craft_node_restore(node, &restore), 0);
        assert_int_equal(craft_node_restore_entries(node, entries, 3),
                         CRAFT_ERR_CORRUPT);
        /* Nothing of the batch was taken: the good part can come again. */
        assert_int_equal(craft_node_restore_entries(node, entries, 2), 0);
        assert_int_equal(craft_node_start(node), 0);
        craft_node_free(node);
    }
}

static void numbers_beyond_the_log_are_corrupt(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        craft_node *node = node_raw();
        craft_restore restore = restore_of(which == 2 ? 0 : 5);
        craft_entry entry = entry_of(1, 1);

        restore.commit_hint = which == 0 ? 2 : 0;
        restore.applied_index = which == 1 ? 2 : 0;
        restore.voted_for = which == 2 ? 3 : 0;
        if (which == 3) {
            restore.term = CRAFT_NUMBER_MAX;
        }
        if (which >= 2) {
            assert_int_equal(craft_node_restore(node, &restore),
                             which == 2 ? CRAFT_ERR_CORRUPT
                                        : CRAFT_ERR_INVALID);
        } else {
            assert_int_equal(craft_node_restore(node, &restore), 0);
            assert_int_equal(craft_node_restore_entries(node, &entry, 1), 0);
            assert_int_equal(craft_node_start(node), CRAFT_ERR_CORRUPT);
        }
        craft_node_free(node);
    }
}

/* Pitfall: inputs before the start, beginnings twice (openraft cd7ff90e,
 * redisraft a04cc0c). */
static void phases_of_a_life_are_kept_apart(void **state)
{
    craft_node *node = node_raw();
    craft_restore restore = restore_of(1);
    craft_member member = {.id = 1, .role = CRAFT_MEMBER_VOTER};
    craft_entry entry = entry_of(1, 1);

    (void)state;
    assert_int_equal(craft_tick(node, 1), CRAFT_ERR_STATE);
    assert_int_equal(craft_propose(node, NULL, 0, 0), CRAFT_ERR_STATE);
    assert_int_equal(craft_campaign(node), CRAFT_ERR_STATE);
    assert_int_equal(craft_persisted(node, 1, 0), CRAFT_ERR_STATE);
    assert_int_equal(craft_node_restore_entries(node, &entry, 1),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_node_bootstrap(node, &member, 0), CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_bootstrap(node, &member, 1), 0);
    assert_int_equal(craft_node_bootstrap(node, &member, 1), CRAFT_ERR_STATE);
    assert_int_equal(craft_node_restore(node, &restore), CRAFT_ERR_STATE);
    assert_int_equal(craft_node_start(node), 0);
    assert_int_equal(craft_node_start(node), CRAFT_ERR_STATE);
    assert_int_equal(craft_node_restore_entries(node, &entry, 1),
                     CRAFT_ERR_STATE);
    craft_node_free(node);
    craft_node_free(NULL);
}

/* A group whose first disk is full at the first start, and crashes: it comes
 * up again and founds itself, with the vote it may have given. */
static void founding_survives_a_full_disk_and_a_crash(void **state)
{
    (void)state;
    for (size_t survive = 0; survive < 3; survive++) {
        struct cluster_options options;
        struct cluster *cluster;

        cluster_options_init(&options, 1);
        options.puppets = 1u << 1;
        cluster = cluster_new(&options);
        cluster_node(cluster, 1)->puppet = false;
        cluster_node(cluster, 1)->disk_full = true;
        cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
        cluster_restart(cluster, 1);
        (void)cluster_persist_all(cluster, 1);
        (void)cluster_tick(cluster, 1, 30);
        (void)cluster_persist_all(cluster, 1);
        cluster_node(cluster, 1)->disk_full = false;
        cluster_crash(cluster, 1, survive);
        cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_INSIDE;
        cluster_restart(cluster, 1);
        cluster_run(cluster, 60);
        assert_int_equal(cluster_leader(cluster), 1);
        cluster_free(cluster);
    }
}

/* ----------------------------------------------------------------- fetches */

/* What left memory is read back for a peer that was away. */
static void lagging_peer_is_fed_from_the_disk(void **state)
{
    struct cluster *cluster = without_cache(3);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_crash(cluster, 3, 0);
    propose_settled(cluster, 1, 100);
    assert_in_range(cluster_status(cluster, 1).first_index, 50, 103);
    cluster_restart(cluster, 3);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 102);
    assert_in_range(cluster_node(cluster, 1)->effects[CRAFT_EFFECT_FETCH], 1,
                    200);
    cluster_free(cluster);
}

/* And for the state machine after a restart. */
static void state_machine_is_fed_from_the_disk_after_a_restart(void **state)
{
    struct cluster *cluster = without_cache(1);

    (void)state;
    cluster_elect(cluster, 1);
    propose_settled(cluster, 1, 100);
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 103);
    assert_in_range(cluster_node(cluster, 1)->effects[CRAFT_EFFECT_FETCH], 1,
                    200);
    cluster_free(cluster);
}

/* A leader of 1 in term 2 with [1 2 2 ... ] on disk and 3 wanting entry 2. */
static struct cluster *fetching(void)
{
    struct cluster *cluster = without_cache(3);

    cluster_elect(cluster, 1);
    cluster_crash(cluster, 3, 0);
    propose_settled(cluster, 1, 60);
    cluster_node(cluster, 1)->fetch_ends = CLUSTER_ENDS_WHEN_TOLD;
    cluster_restart(cluster, 3);
    (void)cluster_tick(cluster, 1, 1);
    for (int i = 0; i < 8; i++) {
        (void)cluster_deliver(cluster, play_all());
    }
    assert_int_equal(cluster_node(cluster, 1)->fetches_len, 1);
    return cluster;
}

/* Heartbeats go on while a fetch is open; an error is asked again with a
 * tick, and told. */
static void failed_fetch_is_tried_again_with_a_tick(void **state)
{
    struct cluster *cluster = fetching();
    struct cluster_node *node = cluster_node(cluster, 1);
    uint32_t fetches = node->effects[CRAFT_EFFECT_FETCH];

    (void)state;
    (void)cluster_fetch_one(cluster, 1, CRAFT_ENDING_ERROR);
    assert_int_equal(node->events[CRAFT_EVENT_FETCH].value, CRAFT_ENDING_ERROR);
    assert_int_equal(node->effects[CRAFT_EFFECT_FETCH], fetches);
    assert_int_equal(craft_ticks_until_due(node->node), 1);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(node->effects[CRAFT_EFFECT_FETCH], fetches + 1);
    cluster_run(cluster, 4);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 62);
    cluster_free(cluster);
}

/* Entries of another log are refused, and the fetch stays open. */
static void fetched_entries_are_checked_against_the_log(void **state)
{
    struct cluster *cluster = fetching();
    struct cluster_node *node = cluster_node(cluster, 1);
    craft_fetch fetch = node->fetches[0];
    craft_entry entry = entry_of(fetch.first, 2);

    (void)state;
    assert_int_equal(craft_fetched(node->node, fetch.ticket + 1, &entry, 1, 0),
                     CRAFT_ERR_TICKET);
    assert_int_equal(craft_fetched(node->node, fetch.ticket, &entry, 0, 0),
                     CRAFT_ERR_CORRUPT);
    entry.term = 7;
    assert_int_equal(craft_fetched(node->node, fetch.ticket, &entry, 1, 0),
                     CRAFT_ERR_CORRUPT);
    entry = entry_of(fetch.first + 1, 2);
    assert_int_equal(craft_fetched(node->node, fetch.ticket, &entry, 1, 0),
                     CRAFT_ERR_CORRUPT);
    assert_int_equal(craft_fetched(node->node, fetch.ticket, NULL, 0, 7),
                     CRAFT_ERR_INVALID);
    (void)cluster_fetch_one(cluster, 1, CRAFT_ENDING_OK);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 62);
    cluster_free(cluster);
}

/* A fetch that ends after the leadership has changed is harmless. */
static void fetch_that_ends_too_late_is_harmless(void **state)
{
    struct cluster *cluster = fetching();

    (void)state;
    cluster_elect(cluster, 2);
    (void)cluster_fetch_one(cluster, 1, CRAFT_ENDING_OK);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 63);
    cluster_elect(cluster, 1);
    cluster_run(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 64);
    cluster_free(cluster);
}

/* Two servers that want different stretches are both served. */
static void peers_at_different_places_are_both_fed(void **state)
{
    struct cluster *cluster = without_cache(5);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_crash(cluster, 4, 0);
    propose_settled(cluster, 1, 40);
    cluster_crash(cluster, 5, 0);
    propose_settled(cluster, 1, 40);
    cluster_restart(cluster, 4);
    cluster_restart(cluster, 5);
    cluster_run(cluster, 4);
    assert_int_equal(cluster_status(cluster, 4).applied_index, 82);
    assert_int_equal(cluster_status(cluster, 5).applied_index, 82);
    cluster_free(cluster);
}

/* A restarted follower whose uncommitted tail left memory truncates it. */
static void tail_that_left_memory_is_truncated(void **state)
{
    struct cluster *cluster = without_cache(3);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_isolate(cluster, 1);
    for (int i = 0; i < 30; i++) {
        (void)cluster_propose(cluster, 1);
    }
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    cluster_elect(cluster, 2);
    propose_settled(cluster, 2, 5);
    cluster_heal(cluster);
    cluster_run(cluster, 4);
    assert_int_equal(cluster_status(cluster, 1).last_index, 8);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 8);
    cluster_elect(cluster, 1);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarted_server_applies_its_log_again),
        cmocka_unit_test(durable_state_machine_goes_on_where_it_stands),
        cmocka_unit_test(commit_hint_is_applied_at_once),
        cmocka_unit_test(limited_batches_skip_and_repeat_nothing),
        cmocka_unit_test(store_that_contradicts_itself_is_corrupt),
        cmocka_unit_test(numbers_beyond_the_log_are_corrupt),
        cmocka_unit_test(phases_of_a_life_are_kept_apart),
        cmocka_unit_test(founding_survives_a_full_disk_and_a_crash),
        cmocka_unit_test(lagging_peer_is_fed_from_the_disk),
        cmocka_unit_test(state_machine_is_fed_from_the_disk_after_a_restart),
        cmocka_unit_test(failed_fetch_is_tried_again_with_a_tick),
        cmocka_unit_test(fetched_entries_are_checked_against_the_log),
        cmocka_unit_test(fetch_that_ends_too_late_is_harmless),
        cmocka_unit_test(peers_at_different_places_are_both_fed),
        cmocka_unit_test(tail_that_left_memory_is_truncated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
