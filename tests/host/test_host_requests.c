/* Reads, transfers and stops of hosts; both WAL modes. */
#include "host_cluster.h"

#include <unistd.h>

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

/* -------------------------------------------------- reads and transfers */

static struct fleet_server *other_than(struct fleet *cluster,
                                       const struct fleet_server *server)
{
    return server == cluster->servers ? cluster->servers + 1 : cluster->servers;
}

/* What was acknowledged before it is there when it is answered. */
static void read_on_a_follower_sees_what_was_acknowledged(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *follower;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    follower = other_than(cluster, leader);
    for (uint64_t i = 1; i <= 50; i++) {
        size_t reads = follower->done[CRAFT_RESULT_OK];

        fleet_propose(leader, i);
        while (leader->done[CRAFT_RESULT_OK] < i) {
            fleet_turn(cluster);
        }
        /* In the loop and from elsewhere, in turn. */
        assert_int_equal(
            i % 2 == 0 ? craft_host_read(follower->host, 1000 + i)
                       : craft_host_read_threadsafe(follower->host, 1000 + i),
            0);
        while (follower->done[CRAFT_RESULT_OK] == reads) {
            fleet_turn(cluster);
        }
        assert_true(follower->done_token == 1000 + i);
        assert_true(follower->done_applied >= i);
    }
    assert_int_equal(craft_host_read_threadsafe(leader->host, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_host_read(NULL, 1), CRAFT_ERR_INVALID);
}

static void reads_of_one_turn_share_a_round(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    craft_status before;
    craft_status after;

    cluster->options.heartbeat_ticks = 49; /* no rounds of their own */
    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_turn_for(cluster, 20);
    fleet_status(leader, &before);
    for (uint64_t i = 1; i <= 64; i++) {
        assert_int_equal(craft_host_read_threadsafe(leader->host, i), 0);
    }
    while (leader->done[CRAFT_RESULT_OK] < 64) {
        fleet_turn(cluster);
    }
    fleet_status(leader, &after);
    assert_in_range(after.round - before.round, 1, 2);
    assert_true(after.last_index == before.last_index);
}

static void read_without_a_leader_ends_with_an_error(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *server = &cluster->servers[0];

    fleet_open(cluster, 0);
    assert_int_equal(craft_host_read_threadsafe(server->host, 3), 0);
    fleet_turn_for(cluster, 20);
    assert_int_equal(server->refused, 1);
    assert_int_equal(server->refused_with, CRAFT_ERR_NOT_LEADER);
    assert_true(server->done_token == 3);
}

static void leadership_moves_on_request(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *target;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    target = other_than(cluster, leader);
    assert_int_equal(
        craft_host_transfer_threadsafe(target->host, leader->id, 6), 0);
    while (target->refused == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(target->refused_with, CRAFT_ERR_NOT_LEADER);
    assert_int_equal(
        craft_host_transfer_threadsafe(leader->host, target->id, 7), 0);
    while (leader->done[CRAFT_RESULT_OK] == 0) {
        assert_int_equal(leader->done[CRAFT_RESULT_TIMEOUT], 0);
        fleet_turn(cluster);
    }
    assert_true(leader->done_token == 7);
    assert_ptr_equal(fleet_elect(cluster), target);
    assert_int_equal(craft_host_transfer(target->host, target->id, 8),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_host_transfer(target->host, leader->id, 9), 0);
    while (target->done[CRAFT_RESULT_OK] == 0) {
        fleet_turn(cluster);
    }
    assert_ptr_equal(fleet_elect(cluster), leader);
}

/*
 * A command of another thread that comes while leadership is handed over
 * waits until it is known what came of it: here the target does not answer,
 * and the leader goes on.
 */
static void queued_proposal_waits_for_the_end_of_a_transfer(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *target;
    uint64_t number = 1;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    target = other_than(cluster, leader);
    fleet_turn_for(cluster, 50);
    target->ended = 1; /* not turned */
    assert_int_equal(craft_host_transfer(leader->host, target->id, 5), 0);
    assert_int_equal(craft_host_propose(leader->host, (const uint8_t *)&number,
                                        sizeof number, 6),
                     CRAFT_ERR_TRANSFER);
    assert_int_equal(craft_host_propose_threadsafe(leader->host,
                                                   (const uint8_t *)&number,
                                                   sizeof number, number),
                     0);
    while (leader->done[CRAFT_RESULT_OK] == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(leader->refused, 0);
    assert_int_equal(leader->done[CRAFT_RESULT_TIMEOUT], 1);
    assert_true(leader->done_token == number);
}

/* -------------------------------------------------------------------- stop */

static struct fleet_server *turn_until_ended(struct fleet *cluster,
                                             struct fleet_server *server)
{
    while (server->ended == 0) {
        fleet_turn(cluster);
    }
    assert_int_equal(server->ended, CRAFT_ERR_STOPPED);
    return server;
}

/* The next leader is there when the last one ends, and nothing is unknown. */
static void stop_of_a_leader_hands_leadership_over(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    craft_status status;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_turn_for(cluster, 20);
    for (uint64_t i = 1; i <= 100; i++) {
        fleet_propose(leader, i);
    }
    fleet_status(leader, &status);
    craft_host_stop(leader->host);
    (void)turn_until_ended(cluster, leader);
    assert_int_equal(leader->stopping, 1);
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 100);
    assert_non_null(fleet_leader(cluster));
    assert_ptr_not_equal(fleet_leader(cluster), leader);
    fleet_status(fleet_leader(cluster), &status);
    assert_int_equal(leader->done[CRAFT_RESULT_UNKNOWN], 0);
    fleet_propose(fleet_leader(cluster), 101);
    fleet_settle(cluster, 101);
}

static void stop_waits_for_nobody_longer_than_an_election_timeout(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    uint64_t from;
    uint64_t took;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_turn_for(cluster, 50);
    for (size_t i = 0; i < 3; i++) {
        cluster->servers[i].ended = &cluster->servers[i] != leader;
    }
    from = fleet_now_ms();
    craft_host_stop(leader->host);
    (void)turn_until_ended(cluster, leader);
    took = fleet_now_ms() - from;
    assert_in_range(took, 240, 1500); /* 50 ticks of 5 ms */
}

/* A single server has nobody to hand over to, and nothing to wait for. */
static void stop_of_a_single_server_does_not_wait(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    uint64_t from;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    fleet_propose(leader, 1);
    from = fleet_now_ms();
    craft_host_stop(leader->host);
    (void)turn_until_ended(cluster, leader);
    assert_true(fleet_now_ms() - from < 200);
    assert_int_equal(leader->done[CRAFT_RESULT_OK], 1);
}

static void stop_waits_while_the_application_is_busy(void **state)
{
    struct fleet *cluster = *state;
    struct fleet_server *leader;
    struct fleet_server *other;

    fleet_open_all(cluster);
    leader = fleet_elect(cluster);
    other = other_than(cluster, leader);
    craft_host_busy(other->host, 1);
    craft_host_stop(other->host);
    fleet_turn_for(cluster, 60);
    assert_int_equal(other->ended, 0);
    assert_int_equal(other->stopping, 1);
    craft_host_busy(other->host, 0);
    fleet_turn(cluster);
    assert_int_equal(other->ended, CRAFT_ERR_STOPPED);
    assert_int_equal(other->stopping, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            read_on_a_follower_sees_what_was_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_of_one_turn_share_a_round, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            read_without_a_leader_ends_with_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leadership_moves_on_request, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            queued_proposal_waits_for_the_end_of_a_transfer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_of_a_leader_hands_leadership_over,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            stop_waits_for_nobody_longer_than_an_election_timeout, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(stop_of_a_single_server_does_not_wait,
                                        set_up_single, tear_down),
        cmocka_unit_test_setup_teardown(
            stop_waits_while_the_application_is_busy, set_up, tear_down),
    };
    int failed = 0;

    for (wal_inline = 0; wal_inline <= 1; wal_inline++) {
        failed |= cmocka_run_group_tests_name(
            wal_inline ? "wal inline" : "wal on a thread", tests, NULL, NULL);
    }
    return failed;
}
