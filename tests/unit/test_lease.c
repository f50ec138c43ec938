/*
 * Reads by the clock (thesis 6.4.1): what is promised, by whom and until when;
 * from when a lease counts; what voids it. One node, its peers played.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define MS ((uint64_t)1000000)
#define LEASE_MS 100u
#define DRIFT_PPM 10000u /* one per cent */

/* 100 ms * 0.99 / 1.01 */
#define LENGTH_NS ((uint64_t)98019801)

static struct rig *lease_rig(void)
{
    struct rig *rig = rig_new(1);

    rig->config.flags = CRAFT_CONFIG_LEASE;
    rig->config.lease_ms = LEASE_MS;
    rig->config.clock_drift_ppm = DRIFT_PPM;
    return rig;
}

static void at(struct rig *rig, uint64_t ns)
{
    assert_int_equal(craft_clock(rig->node, ns), 0);
}

static uint64_t lease_until(const struct rig *rig)
{
    return rig_status(rig).lease_until_ns;
}

/* Begin a life of its own, quiet since the time 0, and campaign. */
static struct rig *campaigner(size_t voters)
{
    struct rig *rig = lease_rig();

    rig_found(rig, voters);
    at(rig, 0);
    at(rig, LEASE_MS * MS);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    return rig;
}

static void voted_for(struct rig *rig, craft_id from)
{
    craft_message reply =
        rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, from, rig_status(rig).term);

    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

/* An answer to that round; match says how much is durable there. */
static void answer(struct rig *rig, craft_id from, uint64_t round,
                   uint32_t promise_ms)
{
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, from,
                                      rig_status(rig).term);

    reply.round = round;
    reply.as.append_reply.match_index = rig_status(rig).last_index;
    reply.as.append_reply.promise_ms = promise_ms;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

/* Leads in term 2 since the time 200 ms, its no-op committed by answers that
 * promise nothing: there is no lease yet. */
static struct rig *leader(size_t voters)
{
    struct rig *rig = campaigner(voters);

    at(rig, 200 * MS);
    for (craft_id id = 2; id <= voters; id++) {
        voted_for(rig, id);
    }
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    for (craft_id id = 2; id <= voters; id++) {
        answer(rig, id, rig_status(rig).round, 0);
    }
    assert_int_equal(rig_status(rig).commit_index, 2);
    (void)rig_told(rig);
    return rig;
}

/* A heartbeat for all: the number of its round. */
static uint64_t beat(struct rig *rig)
{
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    return rig_status(rig).round;
}

/* With a lease from the time 200 ms on. */
static struct rig *leader_with_lease(void)
{
    struct rig *rig = leader(3);

    answer(rig, 2, beat(rig), LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    (void)rig_told(rig);
    return rig;
}

static void read_at(struct rig *rig, uint64_t token, uint64_t now_ns)
{
    assert_int_equal(craft_read_lease(rig->node, token, now_ns), 0);
    rig_run(rig);
}

static void assert_read_alone(struct rig *rig, uint64_t now_ns)
{
    (void)rig_told(rig);
    read_at(rig, 9, now_ns);
    assert_string_equal(rig_told(rig), "done token=9 ok index=2\n");
}

static void assert_asks(struct rig *rig, uint64_t now_ns)
{
    (void)rig_told(rig);
    read_at(rig, 9, now_ns);
    assert_non_null(strstr(rig_told(rig), "1 -> 2 append"));
    assert_int_equal(rig_status(rig).reads_open, 1);
}

/* An append of server 2, who leads in that term. */
static void hear(struct rig *rig, craft_term term)
{
    craft_append append;

    memset(&append, 0, sizeof append);
    append.prev_index = 1;
    append.prev_term = 1;
    assert_int_equal(rig_append(rig, 2, term, &append), 0);
    rig_run(rig);
    (void)rig_told(rig);
}

static void ask_vote(struct rig *rig, uint32_t kind, craft_term term,
                     uint32_t flags)
{
    craft_message request = rig_message(rig, kind, 3, term);

    request.as.vote.last_index = 9;
    request.as.vote.last_term = 1;
    request.as.vote.flags = flags;
    (void)rig_told(rig);
    assert_int_equal(craft_receive(rig->node, &request), 0);
    rig_run(rig);
}

static void assert_refuses(struct rig *rig, craft_term term)
{
    craft_term before = rig_status(rig).term;

    ask_vote(rig, CRAFT_MESSAGE_VOTE, term, 0);
    assert_null(strstr(rig_told(rig), "granted"));
    ask_vote(rig, CRAFT_MESSAGE_PRE_VOTE, term, 0);
    assert_null(strstr(rig_told(rig), "granted"));
    assert_int_equal(rig_status(rig).term, before);
}

static void assert_grants(struct rig *rig, craft_term term)
{
    ask_vote(rig, CRAFT_MESSAGE_VOTE, term, 0);
    assert_non_null(strstr(rig_told(rig), "granted"));
    assert_int_equal(rig_status(rig).term, term);
}

/* ------------------------------------------------------------- the promise */

/* "a server that has heard from a leader within the minimum election timeout
 * does not grant its vote" (4.2.3), by its own clock and in whole. */
static void voter_elects_nobody_for_as_long_as_it_promised(void **state)
{
    struct rig *rig = lease_rig();

    (void)state;
    rig_found(rig, 3);
    at(rig, 0);
    hear(rig, 2);
    at(rig, 500 * MS);
    at(rig, (500 + LEASE_MS) * MS - 1);
    assert_refuses(rig, 3);
    at(rig, (500 + LEASE_MS) * MS);
    assert_grants(rig, 3);
    rig_free(rig);
}

static void replies_say_how_long_it_promises(void **state)
{
    struct rig *rig = lease_rig();
    craft_append append;

    (void)state;
    rig_found(rig, 3);
    memset(&append, 0, sizeof append);
    append.prev_index = 1;
    append.prev_term = 1;
    assert_int_equal(rig_append(rig, 2, 2, &append), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "match=1 promise=100\n"));
    rig_free(rig);
    rig = rig_new(1);
    rig->config.lease_ms = LEASE_MS; /* without the flag: none */
    rig_found(rig, 3);
    assert_int_equal(rig_append(rig, 2, 2, &append), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "match=1\n"));
    rig_free(rig);
}

/* The time that was told before the leader was heard is not when: a host may
 * have been stopped in between. */
static void promise_counts_from_a_time_told_after_hearing(void **state)
{
    struct rig *rig = lease_rig();

    (void)state;
    rig_found(rig, 3);
    at(rig, 0);
    hear(rig, 2);
    assert_refuses(rig, 3); /* no time was told since */
    at(rig, 1000 * MS);
    assert_refuses(rig, 3);
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_LEASE);
    at(rig, (1000 + LEASE_MS) * MS);
    assert_grants(rig, 3);
    rig_free(rig);
}

/* A later term, from whatever message, takes nothing of the promise away. */
static void promise_outlives_a_change_of_term(void **state)
{
    struct rig *rig = lease_rig();
    craft_message reply;

    (void)state;
    rig_found(rig, 3);
    at(rig, 0);
    hear(rig, 2);
    at(rig, 10 * MS);
    reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, 7);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).term, 7);
    assert_int_equal(rig_status(rig).leader, 0);
    assert_refuses(rig, 7);
    assert_refuses(rig, 8);
    at(rig, (10 + LEASE_MS) * MS);
    assert_grants(rig, 8);
    rig_free(rig);
}

/* What was promised before a crash is not known: so whatever could be is kept
 * (thesis 6.4.1; the opposite of what a voter without leases does). */
static void
voter_that_has_just_started_waits_as_if_it_had_promised(void **state)
{
    static const craft_restore restore = {sizeof restore, 0, 2, 0, 0, 0, NULL};
    struct rig *rig = lease_rig();

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_refuses(rig, 3);
    at(rig, 77 * MS);
    at(rig, (77 + LEASE_MS) * MS - 1);
    assert_refuses(rig, 3);
    at(rig, (77 + LEASE_MS) * MS);
    assert_grants(rig, 3);
    rig_free(rig);
    rig = rig_new(1); /* without leases: at once */
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_grants(rig, 3);
    rig_free(rig);
}

/* Its own vote is one, too: ticks alone, however many, move nobody. */
static void voter_does_not_campaign_within_its_promise(void **state)
{
    struct rig *rig = lease_rig();

    (void)state;
    rig_found(rig, 3);
    at(rig, 0);
    hear(rig, 2);
    at(rig, 10 * MS);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(craft_tick(rig->node, 1000), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
        assert_int_equal(craft_ticks_until_due(rig->node), 1);
    }
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_LEASE);
    at(rig, (10 + LEASE_MS) * MS);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    rig_free(rig);
}

/* Who is told to campaign has the leader's word, which gives up its lease. */
static void promise_yields_to_a_transfer(void **state)
{
    struct rig *rig = lease_rig();
    craft_message order;

    (void)state;
    rig_found(rig, 3);
    at(rig, 0);
    hear(rig, 2);
    ask_vote(rig, CRAFT_MESSAGE_VOTE, 3, CRAFT_VOTE_TRANSFER);
    assert_non_null(strstr(rig_told(rig), "granted"));
    rig_free(rig);

    rig = lease_rig();
    rig_found(rig, 3);
    hear(rig, 2);
    order = rig_message(rig, CRAFT_MESSAGE_TIMEOUT_NOW, 2, 2);
    order.as.timeout_now.last_index = 1;
    order.as.timeout_now.last_term = 1;
    assert_int_equal(craft_receive(rig->node, &order), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    rig_free(rig);
}

/* --------------------------------------------------------------- the lease */

static void leader_with_a_lease_reads_without_a_message(void **state)
{
    struct rig *rig = leader_with_lease();
    uint64_t until = 200 * MS + LENGTH_NS;

    (void)state;
    assert_read_alone(rig, 200 * MS);
    assert_read_alone(rig, until - 1);
    assert_asks(rig, until);
    rig_free(rig);
}

/* From when it was sent, however late the answers come: sofa-jraft 25 counted
 * from a check that came later, and had two leaders for two seconds. */
static void lease_counts_from_the_sending_of_its_round(void **state)
{
    struct rig *rig = leader(3);
    uint64_t round = beat(rig);

    (void)state;
    at(rig, 250 * MS);
    answer(rig, 2, round, LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    /* Nor does a later answer to it count from then. */
    at(rig, 260 * MS);
    answer(rig, 3, round, LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

/* Each round is sent later than the one before it has been answered. */
static void lease_grows_with_rounds_that_overtake_each_other(void **state)
{
    struct rig *rig = leader_with_lease();
    uint64_t rounds[8];

    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        at(rig, (210 + 10 * i) * MS);
        rounds[i] = beat(rig);
        if (i >= 3) {
            answer(rig, 3, rounds[i - 3], LEASE_MS);
        }
    }
    /* Of the answered ones, [3] was the newest when [0] was answered. */
    assert_int_equal(lease_until(rig), 240 * MS + LENGTH_NS);
    answer(rig, 2, rounds[7], LEASE_MS);
    assert_int_equal(lease_until(rig), 280 * MS + LENGTH_NS);
    rig_free(rig);
}

static void lease_takes_a_majority(void **state)
{
    struct rig *rig = leader(5);
    uint64_t round = beat(rig);

    (void)state;
    answer(rig, 2, round, LEASE_MS);
    answer(rig, 2, round, LEASE_MS);
    assert_int_equal(lease_until(rig), 0);
    answer(rig, 5, round, LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

/* Of a group in which not all promise, or not for as long. */
static void answers_that_promise_too_little_do_not_count(void **state)
{
    struct rig *rig = leader(3);
    uint64_t round = beat(rig);

    (void)state;
    answer(rig, 2, round, 0);
    answer(rig, 3, round, LEASE_MS - 1);
    assert_int_equal(lease_until(rig), 0);
    assert_asks(rig, 201 * MS);
    round = rig_status(rig).round;
    answer(rig, 3, round, LEASE_MS + 1);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

/* "a leader ... must have the latest information on which entries are
 * committed" (6.4, step 1): not before its no-op is. */
static void no_lease_before_an_entry_of_the_term_has_committed(void **state)
{
    struct rig *rig = campaigner(3);
    craft_message reply;

    (void)state;
    voted_for(rig, 2);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    reply =
        rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 2, rig_status(rig).term);
    reply.round = rig_status(rig).round;
    reply.as.append_reply.match_index = 1;
    reply.as.append_reply.promise_ms = LEASE_MS;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).commit_index, 1);
    assert_int_equal(lease_until(rig), 0);
    answer(rig, 3, rig_status(rig).round, 0); /* the no-op is durable there */
    assert_int_equal(rig_status(rig).commit_index, 2);
    assert_int_equal(lease_until(rig), LEASE_MS * MS + LENGTH_NS);
    rig_free(rig);
}

static void lease_ends_with_the_office(void **state)
{
    struct rig *rig = leader_with_lease();
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 3, 9);
    uint64_t round;

    (void)state;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(lease_until(rig), 0);
    assert_int_equal(craft_read_lease(rig->node, 5, 201 * MS),
                     CRAFT_ERR_NOT_LEADER);
    /* And does not come back with the next one: it has to be proven anew. */
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    voted_for(rig, 2);
    round = rig_status(rig).round;
    answer(rig, 3, round, 0);
    assert_true(rig_status(rig).commit_index >= 3);
    assert_int_equal(lease_until(rig), 0);
    answer(rig, 2, beat(rig), LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

/* A majority of one. */
static void only_voter_has_a_lease_of_its_own(void **state)
{
    struct rig *rig = campaigner(1);

    (void)state;
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    at(rig, 300 * MS);
    (void)beat(rig);
    assert_int_equal(lease_until(rig), 300 * MS + LENGTH_NS);
    assert_read_alone(rig, 300 * MS);
    rig_free(rig);
}

/* They were taken by a leader who is one still. */
static void reads_that_wait_for_a_round_end_with_a_lease_read(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    assert_int_equal(craft_read(rig->node, 1), 0);
    assert_int_equal(craft_read(rig->node, 2), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).reads_open, 2);
    (void)rig_told(rig);
    read_at(rig, 3, 201 * MS);
    assert_string_equal(rig_told(rig), "done token=1 ok index=2\ndone token=2 "
                                       "ok index=2\ndone token=3 ok index=2\n");
    rig_free(rig);
}

/* Redisraft 316: an index alone is not yet a state to read from. */
static void lease_read_waits_for_the_state_machine(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    rig->slow_machine = true;
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0), 0);
    rig_run(rig);
    answer(rig, 2, rig_status(rig).round, LEASE_MS);
    assert_int_equal(rig_status(rig).commit_index, 3);
    (void)rig_told(rig);
    read_at(rig, 4, 201 * MS);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(craft_applied(rig->node, 3, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "done token=4 ok index=3\n");
    rig_free(rig);
}

static void lease_read_of_a_follower_asks_its_leader(void **state)
{
    struct rig *rig = lease_rig();

    (void)state;
    rig_found(rig, 3);
    at(rig, 5 * MS);
    hear(rig, 2);
    read_at(rig, 4, 6 * MS);
    assert_non_null(strstr(rig_told(rig), "1 -> 2 read t2"));
    assert_int_equal(rig_status(rig).reads_open, 1);
    rig_free(rig);
}

/* ------------------------------------------------------------ the transfer */

static void transfer_to(struct rig *rig, craft_id target)
{
    assert_int_equal(craft_transfer(rig->node, target, 0), 0);
    rig_run(rig);
}

static void give_up(struct rig *rig)
{
    assert_int_equal(craft_tick(rig->node, rig->config.election_ticks), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).transfer_target, 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
}

/* raft-rs 234: a transfer was given up, its order came late, and the voters
 * elected its target while the old leader still answered by its lease. */
static void lease_is_void_until_no_order_can_arrive(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    answer(rig, 3, beat(rig), LEASE_MS);
    transfer_to(rig, 3);
    assert_non_null(strstr(rig_told(rig), "timeout_now"));
    assert_int_equal(lease_until(rig), 0);
    assert_asks(rig, 201 * MS);
    give_up(rig);
    answer(rig, 2, beat(rig), LEASE_MS);
    assert_int_equal(lease_until(rig), 0);
    /* Whose log was seen to go on has not obeyed, and never will. */
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0), 0);
    rig_run(rig);
    answer(rig, 2, rig_status(rig).round, LEASE_MS);
    assert_int_equal(lease_until(rig), 0);
    answer(rig, 3, rig_status(rig).round, LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

/* As long as nobody was told, nobody can obey. */
static void transfer_that_told_nobody_leaves_the_lease(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0), 0);
    rig_run(rig);
    transfer_to(rig, 3); /* who lacks that entry */
    assert_null(strstr(rig_told(rig), "timeout_now"));
    assert_int_equal(lease_until(rig), 0);
    give_up(rig);
    answer(rig, 2, beat(rig), LEASE_MS);
    assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    rig_free(rig);
}

static void orders_to_two_void_the_lease_for_the_term(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    answer(rig, 3, beat(rig), LEASE_MS);
    transfer_to(rig, 3);
    give_up(rig);
    answer(rig, 2, beat(rig), LEASE_MS);
    transfer_to(rig, 2);
    give_up(rig);
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0), 0);
    rig_run(rig);
    answer(rig, 2, rig_status(rig).round, LEASE_MS);
    answer(rig, 3, rig_status(rig).round, LEASE_MS);
    assert_int_equal(lease_until(rig), 0);
    rig_free(rig);
}

/* An order that is settled does not spoil the next one. */
static void one_transfer_after_the_other_leaves_the_lease(void **state)
{
    struct rig *rig = leader_with_lease();

    (void)state;
    for (craft_id target = 2; target <= 3; target++) {
        answer(rig, 2, beat(rig), LEASE_MS);
        answer(rig, 3, rig_status(rig).round, LEASE_MS);
        transfer_to(rig, target);
        give_up(rig);
        assert_int_equal(lease_until(rig), 0);
        assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 0),
                         0);
        rig_run(rig);
        answer(rig, target, rig_status(rig).round, LEASE_MS);
        assert_int_equal(lease_until(rig), 200 * MS + LENGTH_NS);
    }
    rig_free(rig);
}

/* --------------------------------------------------------------- the clock */

/* "refused when time runs backwards": and nothing changes. */
static void time_that_runs_backwards_is_refused(void **state)
{
    struct rig *rig = leader_with_lease();
    uint32_t before = rig_digest(rig);

    (void)state;
    assert_int_equal(craft_clock(rig->node, 200 * MS - 1), CRAFT_ERR_CLOCK);
    assert_int_equal(craft_read_lease(rig->node, 1, 200 * MS - 1),
                     CRAFT_ERR_CLOCK);
    assert_int_equal(craft_clock(rig->node, CRAFT_NUMBER_MAX),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_read_lease(rig->node, 1, CRAFT_NUMBER_MAX),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_read_lease(rig->node, 0, 200 * MS),
                     CRAFT_ERR_INVALID);
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(craft_clock(rig->node, 200 * MS), 0); /* the same again */
    rig_free(rig);
}

static void lease_reads_need_a_clock_and_the_flag(void **state)
{
    struct rig *rig = lease_rig();

    (void)state;
    rig_found(rig, 3);
    hear(rig, 2);
    assert_int_equal(craft_read_lease(rig->node, 1, 0), CRAFT_ERR_CLOCK);
    at(rig, 0);
    assert_int_equal(craft_read_lease(rig->node, 1, 0), 0);
    rig_free(rig);
    rig = rig_new(1);
    rig_lead(rig, 1);
    assert_int_equal(craft_clock(rig->node, 5), 0);
    assert_int_equal(craft_read_lease(rig->node, 1, 5), CRAFT_ERR_INVALID);
    assert_int_equal(lease_until(rig), 0);
    rig_free(rig);
}

/* A round that was sent before any time was told proves no time. */
static void round_before_the_first_time_gives_no_lease(void **state)
{
    struct rig *rig = lease_rig();
    craft_message order;
    uint64_t round;

    (void)state;
    rig_found(rig, 3);
    hear(rig, 2);
    order = rig_message(rig, CRAFT_MESSAGE_TIMEOUT_NOW, 2, 2);
    order.as.timeout_now.last_index = 1;
    order.as.timeout_now.last_term = 1;
    assert_int_equal(craft_receive(rig->node, &order), 0);
    rig_run(rig);
    voted_for(rig, 2);
    round = rig_status(rig).round;
    at(rig, 0);
    answer(rig, 3, round, LEASE_MS);
    assert_int_equal(rig_status(rig).commit_index, 2);
    assert_int_equal(lease_until(rig), 0);
    answer(rig, 3, beat(rig), LEASE_MS);
    assert_int_equal(lease_until(rig), LENGTH_NS);
    rig_free(rig);
}

/* NuRaft 660: counters of milliseconds in 32 bits. */
static void times_are_right_up_to_the_largest(void **state)
{
    static const uint64_t starts[] = {
        ((uint64_t)1 << 31) * MS,        ((uint64_t)1 << 32) * MS,
        ((uint64_t)1 << 31) - 5,         ((uint64_t)1 << 32) - 5,
        CRAFT_NUMBER_MAX - 1 - 200 * MS,
    };

    (void)state;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct rig *rig = leader(3);
        uint64_t start = starts[i];

        at(rig, start);
        answer(rig, 2, beat(rig), LEASE_MS);
        assert_true(lease_until(rig) == start + LENGTH_NS);
        assert_read_alone(rig, start + LENGTH_NS - 1);
        assert_asks(rig, start + LENGTH_NS);
        rig_free(rig);
    }
}

/* The longest lease, the largest drift: no sum wraps. */
static void length_is_the_promise_less_what_two_clocks_may_differ(void **state)
{
    static const struct {
        uint32_t lease_ms;
        uint32_t drift_ppm;
        uint64_t length_ns;
    } cases[] = {
        {100, 1, 99999800},
        {100, 500, 99900049},
        {100, 500000, 33333333},
        {1, 10000, 980198},
        {UINT32_MAX, 500000, 1431655765000000},
        {UINT32_MAX, 1, 4294958705073999},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *rig = rig_new(1);

        rig->config.flags = CRAFT_CONFIG_LEASE;
        rig->config.lease_ms = cases[i].lease_ms;
        rig->config.clock_drift_ppm = cases[i].drift_ppm;
        rig_found(rig, 1);
        at(rig, 0);
        at(rig, cases[i].lease_ms * MS);
        assert_int_equal(craft_campaign(rig->node), 0);
        rig_run(rig);
        assert_true(lease_until(rig) ==
                    cases[i].lease_ms * MS + cases[i].length_ns);
        rig_free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(voter_elects_nobody_for_as_long_as_it_promised),
        cmocka_unit_test(replies_say_how_long_it_promises),
        cmocka_unit_test(promise_counts_from_a_time_told_after_hearing),
        cmocka_unit_test(promise_outlives_a_change_of_term),
        cmocka_unit_test(
            voter_that_has_just_started_waits_as_if_it_had_promised),
        cmocka_unit_test(voter_does_not_campaign_within_its_promise),
        cmocka_unit_test(promise_yields_to_a_transfer),
        cmocka_unit_test(leader_with_a_lease_reads_without_a_message),
        cmocka_unit_test(lease_counts_from_the_sending_of_its_round),
        cmocka_unit_test(lease_grows_with_rounds_that_overtake_each_other),
        cmocka_unit_test(lease_takes_a_majority),
        cmocka_unit_test(answers_that_promise_too_little_do_not_count),
        cmocka_unit_test(no_lease_before_an_entry_of_the_term_has_committed),
        cmocka_unit_test(lease_ends_with_the_office),
        cmocka_unit_test(only_voter_has_a_lease_of_its_own),
        cmocka_unit_test(reads_that_wait_for_a_round_end_with_a_lease_read),
        cmocka_unit_test(lease_read_waits_for_the_state_machine),
        cmocka_unit_test(lease_read_of_a_follower_asks_its_leader),
        cmocka_unit_test(lease_is_void_until_no_order_can_arrive),
        cmocka_unit_test(transfer_that_told_nobody_leaves_the_lease),
        cmocka_unit_test(orders_to_two_void_the_lease_for_the_term),
        cmocka_unit_test(one_transfer_after_the_other_leaves_the_lease),
        cmocka_unit_test(time_that_runs_backwards_is_refused),
        cmocka_unit_test(lease_reads_need_a_clock_and_the_flag),
        cmocka_unit_test(round_before_the_first_time_gives_no_lease),
        cmocka_unit_test(times_are_right_up_to_the_largest),
        cmocka_unit_test(length_is_the_promise_less_what_two_clocks_may_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
