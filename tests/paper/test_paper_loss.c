/*
 * Every message of a flow is lost in turn, one alone: a heartbeat and the round
 * trips that follow it mend it (thesis 3.5: "retries indefinitely"; 10.2: the
 * follower's answer tells what it lacks). No timer counts for single messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster_play.h"

enum {
    LOST_NONE = 1000
};

struct flow {
    const char *name;
    void (*prepare)(struct cluster *cluster);
    void (*begin)(struct cluster *cluster); /* messages are under way then */
    bool apart; /* and again with server 3 cut off */
};

static void propose(struct cluster *cluster)
{
    assert_int_equal(cluster_propose_sized(cluster, 1, 100), 0);
}

/* -------------------------------------------------------------- preparing */

static void lead(struct cluster *cluster)
{
    cluster_elect(cluster, 1);
    cluster_run(cluster, 2);
}

/* Server 2 has entries that are not those of the others. */
static void differ(struct cluster *cluster)
{
    cluster_elect(cluster, 2);
    cluster_run(cluster, 2);
    cluster_isolate(cluster, 2);
    for (int i = 0; i < 3; i++) {
        (void)cluster_propose(cluster, 2);
    }
    cluster_elect(cluster, 1);
    for (int i = 0; i < 3; i++) {
        propose(cluster);
    }
    cluster_settle(cluster);
    cluster_heal(cluster);
}

static void away(struct cluster *cluster)
{
    lead(cluster);
    cluster_isolate(cluster, 2);
    for (int i = 0; i < 3; i++) {
        propose(cluster);
    }
    cluster_run(cluster, 2);
    cluster_heal(cluster);
}

/* -------------------------------------------------------------- beginning */

static void append_three(struct cluster *cluster)
{
    for (int i = 0; i < 3; i++) {
        propose(cluster);
    }
}

static void fill_the_window(struct cluster *cluster)
{
    for (int i = 0; i < 9; i++) {
        propose(cluster);
    }
}

/* The first appends of a leadership. */
static void take_office(struct cluster *cluster)
{
    cluster_isolate(cluster, 2);
    (void)cluster_campaign(cluster, 1);
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_VOTE));
    cluster_heal(cluster);
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_VOTE_REPLY));
    assert_int_equal(cluster_leader(cluster), 1);
    propose(cluster);
}

static void tell_the_news(struct cluster *cluster)
{
    propose(cluster);
    while (cluster->network_len > 0) {
        (void)cluster_deliver(cluster, play_all());
    }
    (void)cluster_tick(cluster, 1, 1);
}

static void begin_with_heartbeat(struct cluster *cluster)
{
    propose(cluster);
    (void)cluster_tick(cluster, 1, 1);
}

static void break_link(struct cluster *cluster)
{
    propose(cluster);
    (void)cluster_drop(cluster, play_link(1, 2));
    (void)cluster_unreachable(cluster, 1, 2);
    (void)cluster_tick(cluster, 1, 1);
}

static void read_here(struct cluster *cluster)
{
    assert_int_equal(cluster_read(cluster, 1), 0);
}

static void read_there(struct cluster *cluster)
{
    assert_int_equal(cluster_read(cluster, 2), 0);
}

/* ---------------------------------------------------------------- judging */

/* Deliver all in order but one; how many there were. */
static size_t deliver_but(struct cluster *cluster, size_t lost)
{
    size_t count = 0;

    while (cluster->network_len > 0) {
        if (count == lost) {
            cluster_drop_message(cluster, cluster->network[0]);
        } else {
            (void)cluster_deliver_one(cluster, play_all());
        }
        count++;
    }
    return count;
}

static void heartbeat(struct cluster *cluster, bool apart)
{
    for (uint32_t i = 1; i <= (apart ? 2u : 3u); i++) {
        (void)cluster_tick(cluster, i, 1);
    }
    (void)deliver_but(cluster, LOST_NONE);
}

static void assert_mended(struct cluster *cluster, bool apart)
{
    craft_index last = cluster_status(cluster, 1).last_index;

    heartbeat(cluster, apart);
    assert_int_equal(cluster_status(cluster, 1).commit_index, last);
    assert_int_equal(cluster_status(cluster, 1).applied_index, last);
    assert_int_equal(cluster_status(cluster, 1).tokens_open, 0);
    for (uint32_t i = 2; i <= (apart ? 2u : 3u); i++) {
        assert_int_equal(cluster_status(cluster, i).durable_index, last);
        assert_int_equal(cluster_peer(cluster, 1, i).progress,
                         CRAFT_PROGRESS_REPLICATE);
    }
    /* What is committed is told by the next one. */
    heartbeat(cluster, apart);
    for (uint32_t i = 1; i <= (apart ? 2u : 3u); i++) {
        assert_int_equal(cluster_status(cluster, i).applied_index, last);
        assert_int_equal(cluster_status(cluster, i).reads_open, 0);
    }
}

/* How many messages there were. */
static size_t run(const struct flow *flow, bool apart, size_t lost)
{
    struct cluster_options options;
    struct cluster *cluster;
    size_t count;

    cluster_options_init(&options, 3);
    options.config.inflight_max = 2;
    cluster = cluster_new(&options);
    flow->prepare(cluster);
    if (apart) {
        cluster_isolate(cluster, 3);
    }
    flow->begin(cluster);
    count = deliver_but(cluster, lost);
    assert_mended(cluster, apart);
    cluster_free(cluster);
    return count;
}

static void nothing(struct cluster *cluster)
{
    (void)cluster;
}

static const struct flow flows[] = {
    {"entries", lead, append_three, true},
    {"a full window", lead, fill_the_window, true},
    {"a heartbeat behind entries", lead, begin_with_heartbeat, true},
    {"the first appends", nothing, take_office, false},
    {"news of what is committed", lead, tell_the_news, true},
    {"the search for where logs differ", differ, begin_with_heartbeat, true},
    {"a server that was away", away, begin_with_heartbeat, true},
    {"a link that broke", lead, break_link, true},
    {"a read of the leader", lead, read_here, true},
    {"a read of a follower", lead, read_there, true},
};

static void any_single_loss_is_mended_within_a_heartbeat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof flows / sizeof flows[0]; i++) {
        for (unsigned apart = 0; apart <= flows[i].apart; apart++) {
            size_t messages = run(&flows[i], apart != 0, LOST_NONE);

            print_message("%s%s: %zu messages\n", flows[i].name,
                          apart ? ", of two" : "", messages);
            assert_in_range(messages, 2, 100);
            for (size_t lost = 0; lost < messages; lost++) {
                (void)run(&flows[i], apart != 0, lost);
            }
        }
    }
}

/* ------------------------------------------------------------- far apart */

enum {
    FAR_TICKS = 6
}; /* one way: a round trip is twelve heartbeats */

/* Time passes; what was sent so long ago arrives. */
static void pass(struct cluster *cluster, uint64_t *sent, int ticks)
{
    for (int i = 0; i < ticks; i++) {
        for (uint32_t k = 1; k <= 3; k++) {
            (void)cluster_tick(cluster, k, 1);
        }
        while (cluster->network_len > 0 &&
               cluster->network[0]->serial <= sent[0]) {
            (void)cluster_deliver_one(cluster, play_all());
        }
        for (int k = 0; k + 1 < FAR_TICKS; k++) {
            sent[k] = sent[k + 1];
        }
        sent[FAR_TICKS - 1] = cluster->serial;
    }
}

/* A question that is asked again while the answer to it is on its way does not
 * begin anew, each time: or nobody would ever read where a round trip is longer
 * than the time after which it is asked again. */
static void reads_and_writes_end_where_servers_are_far_apart(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;
    uint64_t sent[FAR_TICKS] = {0};

    (void)state;
    cluster_options_init(&options, 3);
    options.config.election_ticks = 100;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    pass(cluster, sent, 3 * FAR_TICKS);
    propose(cluster);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(cluster_read(cluster, 2), 0);
    pass(cluster, sent, 4 * FAR_TICKS + 4);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    assert_int_equal(cluster_status(cluster, 1).reads_open, 0);
    assert_int_equal(cluster_status(cluster, 2).reads_open, 0);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_single_loss_is_mended_within_a_heartbeat),
        cmocka_unit_test(reads_and_writes_end_where_servers_are_far_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
