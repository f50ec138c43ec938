/* Three hosts that elect, replicate, stop and come back; both WAL modes. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_cluster.h"

static uint32_t wal_inline; /* of the round that is running */

static int set_up_servers(void **state, size_t servers_len)
{
    struct fleet *cluster = fleet_new(servers_len);

    cluster->options.wal_inline = wal_inline;
    *state = cluster;
    return 0;
}

static int set_up(void **state)
{
    return set_up_servers(state, 3);
}

static int set_up_single(void **state)
{
    return set_up_servers(state, 1);
}

static int tear_down(void **state)
{
    fleet_free(*state);
    return 0;
}

static void hosts_elect_and_replicate(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (uint64_t i = 1; i <= 500; i++) {
        fleet_propose(leader, i);
        fleet_turn(cluster);
    }
    fleet_settle(cluster, 500);
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 500);
    assert_int_equal(leader->done[CRAFT_RESULT_UNKNOWN], 0);
    assert_true(leader->turns > 0);
}

/* 64 proposals of one turn share one record of the log and one sync. */
static void proposals_of_one_turn_share_a_sync(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    craft_host_counters before = {.struct_size = sizeof before};
    craft_host_counters after = {.struct_size = sizeof after};

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_turn_for(cluster, 100);
    assert_int_equal(craft_host_count(leader->host, &before), 0);
    assert_int_equal(craft_hold(craft_host_node(leader->host)), 0);
    for (uint64_t i = 1; i <= 64; i++) {
        fleet_propose(leader, i);
    }
    assert_int_equal(craft_release(craft_host_node(leader->host)), 0);
    fleet_settle(cluster, 64);
    assert_int_equal(craft_host_count(leader->host, &after), 0);
    assert_true(after.records - before.records <= 2);
    assert_true(after.syncs - before.syncs <= 2);
}

static void restarted_cluster_has_what_it_had(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    craft_status before;
    craft_status after;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (uint64_t i = 1; i <= 3000; i++) {
        fleet_propose(leader, i);
        if (i % 100 == 0) {
            fleet_turn(cluster);
        }
    }
    fleet_settle(cluster, 3000);
    fleet_status(leader, &before);
    for (size_t i = 0; i < 3; i++) {
        fleet_stop(cluster, i);
    }
    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_settle(cluster, 3000);
    fleet_status(leader, &after);
    assert_true(after.term > before.term);
    fleet_propose(leader, 3001);
    fleet_settle(cluster, 3001);
}

/* Not stopped: dropped, as far as its memory goes. */
static void cluster_survives_the_loss_of_its_leader(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    size_t lost;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (uint64_t i = 1; i <= 100; i++) {
        fleet_propose(leader, i);
    }
    fleet_settle(cluster, 100);
    lost = (size_t)(leader - cluster->servers);
    fleet_drop(cluster, lost);
    leader = fleet_elect(cluster);
    assert_true((size_t)(leader - cluster->servers) != lost);
    for (uint64_t i = 101; i <= 200; i++) {
        fleet_propose(leader, i);
    }
    fleet_settle(cluster, 200);
    fleet_open(cluster, lost);
    fleet_settle(cluster, 200);
}

/* A follower that was away gets entries that have left the leader's memory. */
static void follower_that_was_away_is_served_from_the_log(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    craft_config core;
    craft_status status;
    size_t away;

    craft_config_init(&core, sizeof core);
    core.log_cache_bytes_max = 4096;
    cluster->options.core = &core;
    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    away = (size_t)(leader - cluster->servers) == 0 ? 1 : 0;
    fleet_stop(cluster, away);
    for (uint64_t i = 1; i <= 2000; i++) {
        fleet_propose(leader, i);
        if (i % 50 == 0) {
            fleet_settle(cluster, (size_t)i);
        }
    }
    fleet_status(leader, &status);
    assert_true(status.first_index > 1000);
    fleet_open(cluster, away);
    fleet_settle(cluster, 2000);
}

/*
 * As after SIGSTOP or swapping: far more than an election timeout is missed,
 * and the leader was alive all the time. What waited in the sockets is read
 * before the ticks are told, and they are not told all at once.
 */
static void server_that_stood_still_does_not_campaign(void **state)
{
    struct fleet *fleet = *state;
    struct fleet_server *leader;
    struct fleet_server *still;
    craft_status before;
    craft_status after;
    uint64_t until;

    fleet_open_all(fleet);
    leader = fleet_elect(fleet);
    fleet_turn_for(fleet, 100);
    fleet_status(leader, &before);
    still = leader == fleet->servers ? leader + 1 : fleet->servers;
    still->ended = 1; /* not turned */
    until = fleet_now_ms() + 1500;
    while (fleet_now_ms() < until) {
        fleet_turn(fleet);
        (void)usleep(500);
    }
    still->ended = 0;
    fleet_turn_for(fleet, 300);
    fleet_status(leader, &after);
    assert_int_equal(after.role, CRAFT_ROLE_LEADER);
    assert_true(after.term == before.term);
    fleet_status(still, &after);
    assert_true(after.term == before.term);
}

static void single_server_serves_alone(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (uint64_t i = 1; i <= 100; i++) {
        fleet_propose(leader, i);
    }
    fleet_settle(cluster, 100);
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 100);
    fleet_stop(cluster, 0);
    fleet_open_all(cluster);
    fleet_settle(cluster, 100);
}

/* ---------------------------------------------------------------- messages */

static void message_of_the_application_reaches_the_other_server(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *from = &cluster->servers[0];
    struct fleet_server *to = &cluster->servers[2];
    uint8_t *long_message;
    size_t max;

    fleet_open_all(cluster);
    assert_int_equal(craft_host_send(from->host, 3, (const uint8_t *)"x", 1),
                     CRAFT_HOST_ERR_LINK);
    assert_int_equal(craft_host_send(from->host, 9, (const uint8_t *)"x", 1),
                     CRAFT_ERR_UNKNOWN_ID);
    assert_int_equal(craft_host_send(from->host, 1, (const uint8_t *)"x", 1),
                     CRAFT_ERR_INVALID);
    while (from->links_up < 2) {
        fleet_turn(cluster);
    }
    assert_int_equal(
        craft_host_send(from->host, 3, (const uint8_t *)"hello", 5), 0);
    while (to->messages == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(to->message_from, 1);
    assert_int_equal(to->message_len, 5);
    assert_memory_equal(to->message, "hello", 5);
    max = craft_host_send_max(from->host);
    assert_true(max >= (size_t)1024 * 1024 + 64);
    long_message = calloc(1, max + 1);
    assert_non_null(long_message);
    assert_int_equal(craft_host_send(from->host, 3, long_message, max + 1),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_host_send(from->host, 3, long_message, max), 0);
    assert_int_equal(craft_host_send(from->host, 3, NULL, 0), 0);
    while (to->messages < 3) {
        fleet_turn(cluster);
    }
    assert_int_equal(to->message_len, 0);
    free(long_message);
}

/* ----------------------------------------------------------------- threads */

#define THREADS 4
#define PROPOSALS 500

struct proposer {
    struct fleet_server *server;
    uint64_t first;
    atomic_size_t *taken;
};

static void *propose_many(void *ctx)
{
    struct proposer *proposer = ctx;

    for (uint64_t i = 0; i < PROPOSALS; i++) {
        uint64_t number = proposer->first + i;

        while (craft_host_propose_threadsafe(
                   proposer->server->host, (const uint8_t *)&number,
                   sizeof number, number) == CRAFT_ERR_BUSY) {
            (void)usleep(100);
        }
        atomic_fetch_add(proposer->taken, 1);
    }
    return NULL;
}

static void count_call(void *ctx)
{
    *(int *)ctx += 1;
}

static void threads_propose_and_every_proposal_ends_once(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct proposer proposers[THREADS];
    pthread_t threads[THREADS];
    atomic_size_t taken;
    int called = 0;
    int rv;

    atomic_init(&taken, 0);
    cluster->options.queue_bytes_max = 8192;
    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (uint64_t i = 0; i < THREADS; i++) {
        proposers[i] = (struct proposer){leader, i * PROPOSALS + 1, &taken};
        assert_int_equal(
            pthread_create(&threads[i], NULL, propose_many, &proposers[i]), 0);
    }
    while ((rv = craft_host_call_threadsafe(leader->host, count_call,
                                            &called)) == CRAFT_ERR_BUSY) {
        fleet_turn(cluster); /* the proposers have filled the queue */
    }
    assert_int_equal(rv, 0);
    fleet_settle(cluster, (size_t)THREADS * PROPOSALS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(leader->done[CRAFT_RESULT_OK], THREADS * PROPOSALS);
    assert_int_equal(leader->refused, 0);
    assert_int_equal(called, 1);
}

/* Nobody leads yet. */
static void proposal_without_a_leader_ends_with_an_error(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *other = &cluster->servers[0];
    uint64_t number = 5;

    fleet_open(cluster, 0);
    assert_int_equal(craft_host_propose_threadsafe(
                         other->host, (const uint8_t *)&number, 8, 5),
                     0);
    while (other->refused == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(other->refused_with, CRAFT_ERR_NOT_LEADER);
    assert_int_equal(craft_host_propose_threadsafe(
                         other->host, (const uint8_t *)&number, 8, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_host_propose_threadsafe(other->host,
                                                   (const uint8_t *)&number,
                                                   (size_t)1024 * 1024 + 1, 1),
                     CRAFT_ERR_INVALID);
}

static void proposal_to_a_follower_goes_to_the_leader(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *other;
    craft_status status;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    other = leader == &cluster->servers[0] ? leader + 1 : cluster->servers;
    do {
        fleet_turn(cluster);
        fleet_status(other, &status);
    } while (status.leader != leader->id); /* it has yet to hear of it */
    for (uint64_t i = 1; i <= 100; i++) {
        assert_int_equal(craft_host_propose_threadsafe(
                             other->host, (const uint8_t *)&i, 8, i),
                         0);
    }
    fleet_settle(cluster, 100);
    assert_int_equal(other->done[CRAFT_RESULT_OK], 100);
    assert_int_equal(other->refused, 0);
    assert_int_equal(leader->ended, 0);
}

/* What is open ends with UNKNOWN, what is queued with STOPPED, each once. */
static void stop_ends_every_token(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    uint64_t number = 1;
    int called = 0;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    for (size_t i = 0; i < 3; i++) {
        if (&cluster->servers[i] != leader) {
            fleet_stop(cluster, i); /* so that nothing can commit */
        }
    }
    for (; number <= 10; number++) {
        fleet_propose(leader, number);
    }
    assert_int_equal(craft_host_read(leader->host, 100), 0);
    craft_host_stop(leader->host);
    assert_int_equal(craft_host_turn(leader->host, 0), 0); /* it waits */
    craft_host_stop(leader->host);
    assert_int_equal(craft_host_turn(leader->host, 0), CRAFT_ERR_STOPPED);
    assert_int_equal(leader->done[CRAFT_RESULT_UNKNOWN], 10);
    assert_int_equal(leader->done[CRAFT_RESULT_RETRY], 1);
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 0);
    assert_int_equal(craft_host_propose_threadsafe(
                         leader->host, (const uint8_t *)&number, 8, 11),
                     CRAFT_ERR_STOPPED);
    assert_int_equal(
        craft_host_call_threadsafe(leader->host, count_call, &called),
        CRAFT_ERR_STOPPED);
    assert_int_equal(craft_host_turn(leader->host, 0), CRAFT_ERR_STOPPED);
    assert_int_equal(craft_host_run(leader->host), CRAFT_ERR_STATE);
}

static void queued_proposal_ends_when_the_host_stops(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];
    uint64_t number = 1;
    int called = 0;

    fleet_open(cluster, 0);
    assert_int_equal(craft_host_propose_threadsafe(
                         server->host, (const uint8_t *)&number, 8, 7),
                     0);
    assert_int_equal(
        craft_host_call_threadsafe(server->host, count_call, &called), 0);
    craft_host_stop(server->host);
    assert_int_equal(craft_host_turn(server->host, 0), CRAFT_ERR_STOPPED);
    assert_int_equal(server->refused + server->done[CRAFT_RESULT_UNKNOWN], 1);
    assert_int_equal(server->done_token, 7);
    assert_int_equal(called, 1);
}

/* ----------------------------------------------------------------- signals */

struct runner {
    struct fleet_server *server;
    int result;
};

static void *run_host(void *ctx)
{
    struct runner *runner = ctx;

    runner->result = craft_host_run(runner->server->host);
    return NULL;
}

static void sigterm_ends_the_run_in_order(void **state)
{
    struct fleet *cluster = *state;
    struct runner runners[3];
    pthread_t threads[3];

    fleet_open_all(cluster);
    assert_int_equal(craft_host_handle_signals(cluster->servers[0].host), 0);
    assert_int_equal(craft_host_handle_signals(cluster->servers[0].host),
                     CRAFT_ERR_STATE);
    for (size_t i = 0; i < 3; i++) {
        runners[i] = (struct runner){&cluster->servers[i], -1};
        assert_int_equal(
            pthread_create(&threads[i], NULL, run_host, &runners[i]), 0);
    }
    (void)usleep(600000); /* three threads, three loops: an election */
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    craft_host_stop(cluster->servers[1].host);
    craft_host_stop(cluster->servers[2].host);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_int_equal(pthread_join(threads[2], NULL), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(runners[i].result, 0);
        assert_string_equal(craft_host_error_text(cluster->servers[i].host),
                            "");
        fleet_drop(cluster, i);
    }
    fleet_open_all(cluster);
    (void)fleet_elect(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hosts_elect_and_replicate, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(proposals_of_one_turn_share_a_sync,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(restarted_cluster_has_what_it_had,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(cluster_survives_the_loss_of_its_leader,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            follower_that_was_away_is_served_from_the_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            server_that_stood_still_does_not_campaign, set_up, tear_down),
        cmocka_unit_test_setup_teardown(single_server_serves_alone,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(
            message_of_the_application_reaches_the_other_server, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            threads_propose_and_every_proposal_ends_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            proposal_without_a_leader_ends_with_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            proposal_to_a_follower_goes_to_the_leader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_ends_every_token, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            queued_proposal_ends_when_the_host_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sigterm_ends_the_run_in_order, set_up,
                                        tear_down),
    };
    int failed = 0;

    for (wal_inline = 0; wal_inline <= 1; wal_inline++) {
        failed |= cmocka_run_group_tests_name(
            wal_inline ? "wal inline" : "wal on a thread", tests, NULL, NULL);
    }
    return failed;
}
