/*
 * Leadership handed over: thesis 3.10. "the prior leader sends its log entries
 * to the target server, then the target server runs an election without
 * waiting for the election timeout to elapse".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster_play.h"

#define ALL                                                                    \
    (CRAFT_CONFIG_PRE_VOTE | CRAFT_CONFIG_STICKY | CRAFT_CONFIG_CHECK_QUORUM)
#define TIMEOUT 10u /* the least one, in ticks */

/* All are real; server 1 leads, nothing is under way. */
static struct cluster *led(uint32_t nodes)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, nodes);
    options.config.flags = ALL;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    return cluster;
}

/* Server 1 leads the played others in term 2; its log ends with 2@2. */
static struct cluster *one_leads(uint32_t nodes)
{
    struct cluster *cluster = play_leader(nodes);

    assert_int_equal(cluster_status(cluster, 1).last_index, 2);
    return cluster;
}

/* Server 1 is real and follows server 2 in term 2; its log ends with 2@2. */
static struct cluster *one_follows(void)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.flags = ALL;
    cluster = cluster_new(&options);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 2,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .entries = {2}}),
                     0);
    play_forget(cluster);
    return cluster;
}

static int timeout_now(struct cluster *cluster, uint32_t from, craft_term term,
                       craft_index last_index, craft_term last_term)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_TIMEOUT_NOW, from, term);

    message.as.timeout_now.last_index = last_index;
    message.as.timeout_now.last_term = last_term;
    return cluster_inject(cluster, &message);
}

static const struct cluster_token *last_token(struct cluster *cluster)
{
    return cluster_token(cluster, cluster_last_token(cluster));
}

static void assert_ended(struct cluster *cluster, int result)
{
    assert_int_equal(last_token(cluster)->state, CLUSTER_TOKEN_ENDED);
    assert_int_equal(last_token(cluster)->result, result);
}

/* --------------------------------------------------------------- the leader */

static void leadership_goes_to_the_server_that_was_named(void **state)
{
    struct cluster *cluster = led(5);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 4), 0);
    assert_int_equal(cluster_status(cluster, 1).transfer_target, 4);
    cluster_settle(cluster); /* no tick */
    assert_int_equal(cluster_leader(cluster), 4);
    assert_int_equal(cluster_status(cluster, 1).term, 3);
    assert_int_equal(cluster_status(cluster, 1).transfer_target, 0);
    assert_ended(cluster, CRAFT_RESULT_OK);
    cluster_converge(cluster);
    cluster_free(cluster);
}

/* With ids that are not positions, the token outlives the step-down. */
static void leadership_goes_to_the_most_complete_voter(void **state)
{
    struct cluster *cluster = one_leads(5);

    (void)state;
    assert_int_equal(play_match(cluster, 2, 2, 1), 0);
    assert_int_equal(play_match(cluster, 4, 2, 2), 0);
    play_forget(cluster);
    assert_int_equal(cluster_transfer(cluster, 1, 0), 0);
    assert_int_equal(cluster_status(cluster, 1).transfer_target, 4);
    assert_int_equal(play_sent_count(cluster, 4, CRAFT_MESSAGE_TIMEOUT_NOW), 1);
    assert_int_equal(play_sent(cluster, 4, CRAFT_MESSAGE_TIMEOUT_NOW)
                         ->as.timeout_now.last_index,
                     2);
    cluster_free(cluster);
}

static void what_cannot_lead_is_no_target(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 1), CRAFT_ERR_INVALID);
    assert_int_equal(craft_transfer(cluster_node(cluster, 1)->node, 99, 0),
                     CRAFT_ERR_UNKNOWN_ID);
    assert_int_equal(
        craft_transfer(cluster_node(cluster, 1)->node, CRAFT_NUMBER_MAX, 0),
        CRAFT_ERR_INVALID);
    (void)cluster_tick(cluster, 1, TIMEOUT); /* the others are silent */
    assert_int_equal(cluster_transfer(cluster, 1, 0), CRAFT_ERR_NOT_VOTER);
    cluster_free(cluster);

    cluster = led(1);
    assert_int_equal(cluster_transfer(cluster, 1, 0), CRAFT_ERR_NOT_VOTER);
    cluster_free(cluster);

    cluster = led(3);
    assert_int_equal(cluster_transfer(cluster, 2, 3), CRAFT_ERR_NOT_LEADER);
    cluster_free(cluster);
}

/* canonical/raft 64b0b8b, redpanda 2606: told before its disk holds all there
 * is, the target cannot win. */
static void target_is_told_when_its_disk_holds_all(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    assert_int_equal(play_match(cluster, 2, 2, 2), 0);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_int_equal(play_match(cluster, 2, 2, 2), 0);
    assert_int_equal(play_match(cluster, 3, 2, 3), 0);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_TIMEOUT_NOW), 0);
    assert_int_equal(play_match(cluster, 2, 2, 3), 0);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_TIMEOUT_NOW), 1);
    cluster_free(cluster);
}

/* hashicorp/raft 581: a proposal taken meanwhile leaves the target behind.
 * etcd/raft: and one that is refused must not be so for ever. */
static void proposals_wait_no_longer_than_an_election_timeout(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    for (uint32_t i = 0; i < TIMEOUT; i++) {
        assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_TRANSFER);
        (void)cluster_tick(cluster, 1, 1);
    }
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_LEADER);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_TIMEOUT);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    cluster_free(cluster);
}

/* etcd/raft: a second request neither moves the first one's time nor leaves
 * anything of it behind. */
static void second_transfer_waits_for_the_first(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    (void)cluster_tick(cluster, 1, TIMEOUT - 1);
    assert_int_equal(cluster_transfer(cluster, 1, 2), CRAFT_ERR_BUSY);
    assert_int_equal(cluster_transfer(cluster, 1, 3), CRAFT_ERR_BUSY);
    assert_int_equal(cluster_token(cluster, 1)->state, CLUSTER_TOKEN_OPEN);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_TIMEOUT);
    assert_int_equal(cluster_transfer(cluster, 1, 3), 0);
    cluster_free(cluster);
}

/* The order may be lost: it is given again with the heartbeats. */
static void lost_order_is_given_again(void **state)
{
    struct cluster *cluster = led(3);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 3), 0);
    assert_int_equal(
        cluster_drop(cluster, play_kind(CRAFT_MESSAGE_TIMEOUT_NOW)), 1);
    cluster_settle(cluster);
    assert_int_equal(cluster_leader(cluster), 1);
    cluster_run(cluster, 2);
    assert_int_equal(cluster_leader(cluster), 3);
    assert_ended(cluster, CRAFT_RESULT_OK);
    cluster_free(cluster);
}

static void request_ends_when_another_leads(void **state)
{
    struct cluster *cluster = one_leads(5);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 3,
                                                               .prev = 1,
                                                               .prev_term = 1}),
                     0);
    assert_ended(cluster, CRAFT_RESULT_TIMEOUT);
    assert_int_equal(cluster_status(cluster, 1).transfer_target, 0);
    cluster_free(cluster);
}

static void request_ends_when_nobody_is_seen_to_lead(void **state)
{
    struct cluster *cluster = one_leads(5);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_int_equal(play_vote(cluster, 3, 3, 1, 1), 0);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(last_token(cluster)->state, CLUSTER_TOKEN_OPEN);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT - 1);
    assert_int_equal(last_token(cluster)->state, CLUSTER_TOKEN_OPEN);
    (void)cluster_tick(cluster, 1, 1);
    assert_ended(cluster, CRAFT_RESULT_TIMEOUT);
    cluster_free(cluster);
}

static void request_ends_when_the_node_stops_or_halts(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_int_equal(cluster_stop(cluster, 1), 0);
    assert_ended(cluster, CRAFT_RESULT_UNKNOWN);
    cluster_free(cluster);

    cluster = one_leads(3);
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    assert_int_equal(cluster_propose(cluster, 1), 0);
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_true(cluster_persist_one(cluster, 1, CRAFT_ENDING_ERROR));
    assert_ended(cluster, CRAFT_RESULT_UNKNOWN);
    cluster_free(cluster);
}

static void host_sleeps_no_longer_than_the_request_lasts(void **state)
{
    struct cluster *cluster = one_leads(5);

    (void)state;
    assert_int_equal(cluster_transfer(cluster, 1, 2), 0);
    assert_int_equal(play_vote(cluster, 3, 3, 2, 2), 0);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT - 1);
    assert_int_equal(craft_ticks_until_due(cluster_node(cluster, 1)->node), 1);
    cluster_free(cluster);
}

/* --------------------------------------------------------------- the target */

/* It "increments its current term, votes for itself, and sends" requests: at
 * once, without a pre-vote, and with the flag that says why (dragonboat
 * 1c7ebd3, cowsql ac53ca37: the others stick to the leader). */
static void target_campaigns_at_once(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    assert_int_equal(timeout_now(cluster, 2, 2, 2, 2), 0);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_CANDIDATE);
    assert_int_equal(cluster_status(cluster, 1).term, 3);
    assert_int_equal(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE)->as.vote.flags,
                     CRAFT_VOTE_TRANSFER);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_PRE_VOTE), 0);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT); /* in vain: as always, then */
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(
        play_sent(cluster, 3, CRAFT_MESSAGE_PRE_VOTE)->as.vote.flags, 0);
    assert_int_equal(play_pre_vote_reply(cluster, 3, 3, true), 0);
    assert_int_equal(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE)->as.vote.flags,
                     0);
    cluster_free(cluster);
}

/* zeebe 58339, CCF late_nomination, raft-rs 234: an order that is late, or
 * given by nobody who may. */
static void late_order_moves_nobody(void **state)
{
    static const struct {
        uint32_t from;
        craft_term term;
        craft_index last_index;
        craft_term last_term;
    } orders[] = {
        {2, 1, 1, 1}, /* of an earlier term */
        {3, 2, 2, 2}, /* of no leader */
        {2, 2, 1, 1}, /* the leader has taken proposals since */
        {2, 2, 3, 2}, /* or has more */
        {3, 3, 2, 2}, /* of a leader that is not known yet */
    };

    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct cluster *cluster = one_follows();

        assert_int_equal(timeout_now(cluster, orders[i].from, orders[i].term,
                                     orders[i].last_index, orders[i].last_term),
                         0);
        assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
        assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_VOTE), 0);
        cluster_free(cluster);
    }
}

/* It was told, and in the same hold a later term came. */
static void order_of_a_term_that_has_passed_is_forgotten(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    cluster_hold(cluster, 1);
    assert_int_equal(timeout_now(cluster, 2, 2, 2, 2), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 5,
                                                               .prev = 2,
                                                               .prev_term = 2}),
                     0);
    cluster_release(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_status(cluster, 1).term, 5);
    cluster_free(cluster);
}

/* etcd/raft 816fc51: told to campaign, and has no vote. */
static void learner_that_is_told_does_not_campaign(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.blank = 1u << 1; /* no member of anything */
    cluster = cluster_new(&options);
    assert_int_equal(
        play_append(cluster,
                    (struct play_append){.from = 2, .term = 2, .entries = {2}}),
        0);
    assert_int_equal(timeout_now(cluster, 2, 2, 1, 2), 0);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    cluster_free(cluster);
}

/* --------------------------------------------------------------- the voters */

static int vote_for_transfer(struct cluster *cluster, uint32_t from,
                             craft_term term, craft_index last_index,
                             craft_term last_term)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_VOTE, from, term);

    message.as.vote.last_index = last_index;
    message.as.vote.last_term = last_term;
    message.as.vote.flags = CRAFT_VOTE_TRANSFER;
    return cluster_inject(cluster, &message);
}

static bool granted(struct cluster *cluster, uint32_t to)
{
    const craft_message *message =
        play_sent(cluster, to, CRAFT_MESSAGE_VOTE_REPLY);

    assert_non_null(message);
    return message->as.vote_reply.granted != 0;
}

static void flag_overrides_sticking(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    assert_int_equal(vote_for_transfer(cluster, 3, 3, 2, 2), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 3);
    assert_true(granted(cluster, 3));
    cluster_free(cluster);
}

/* cowsql ad19f79a: and neither a vote that was given nor the logs. */
static void flag_overrides_nothing_else(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    assert_int_equal(vote_for_transfer(cluster, 3, 3, 1, 1), 0);
    assert_false(granted(cluster, 3));
    assert_int_equal(vote_for_transfer(cluster, 2, 3, 2, 2), 0);
    assert_true(granted(cluster, 2));
    assert_int_equal(vote_for_transfer(cluster, 3, 3, 9, 2), 0);
    assert_false(granted(cluster, 3));
    cluster_free(cluster);
}

static void unknown_flag_is_refused(void **state)
{
    struct cluster *cluster = one_follows();
    craft_message message = play_message(cluster, CRAFT_MESSAGE_VOTE, 3, 3);

    (void)state;
    message.as.vote.last_index = 2;
    message.as.vote.last_term = 2;
    message.as.vote.flags = CRAFT_VOTE_TRANSFER << 1;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.kind = CRAFT_MESSAGE_PRE_VOTE;
    message.as.vote.flags = CRAFT_VOTE_TRANSFER;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leadership_goes_to_the_server_that_was_named),
        cmocka_unit_test(leadership_goes_to_the_most_complete_voter),
        cmocka_unit_test(what_cannot_lead_is_no_target),
        cmocka_unit_test(target_is_told_when_its_disk_holds_all),
        cmocka_unit_test(proposals_wait_no_longer_than_an_election_timeout),
        cmocka_unit_test(second_transfer_waits_for_the_first),
        cmocka_unit_test(lost_order_is_given_again),
        cmocka_unit_test(request_ends_when_another_leads),
        cmocka_unit_test(request_ends_when_nobody_is_seen_to_lead),
        cmocka_unit_test(request_ends_when_the_node_stops_or_halts),
        cmocka_unit_test(host_sleeps_no_longer_than_the_request_lasts),
        cmocka_unit_test(target_campaigns_at_once),
        cmocka_unit_test(late_order_moves_nobody),
        cmocka_unit_test(order_of_a_term_that_has_passed_is_forgotten),
        cmocka_unit_test(learner_that_is_told_does_not_campaign),
        cmocka_unit_test(flag_overrides_sticking),
        cmocka_unit_test(flag_overrides_nothing_else),
        cmocka_unit_test(unknown_flag_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
