/*
 * Leader election: thesis 3.3, 3.4, 3.6.1, 3.8, 3.9; Figure 3.1, "Rules for
 * Servers" and "RequestVote RPC".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster_play.h"

/* -------------------------------------------------------- Rules for Servers */

/* 3.4: "When servers start up, they begin as followers." */
static void server_starts_as_a_follower_without_a_leader(void **state)
{
    struct cluster *cluster = play_one(3);
    craft_status status = cluster_status(cluster, 1);

    (void)state;
    assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(status.leader, 0);
    assert_int_equal(status.voted_for, 0);
    cluster_free(cluster);
}

/* 3.4: "A server remains in follower state as long as it receives valid RPCs
 * from a leader or candidate." */
static void follower_that_hears_its_leader_does_not_campaign(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    for (uint64_t round = 1; round < 100; round++) {
        (void)cluster_tick(cluster, 1, 9);
        assert_int_equal(
            play_append(cluster, (struct play_append){.from = 2,
                                                      .term = 2,
                                                      .prev = 1,
                                                      .prev_term = 1,
                                                      .round = round}),
            0);
    }
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    assert_int_equal(cluster_status(cluster, 1).leader, 2);
    cluster_free(cluster);
}

/* 3.4: "If a follower receives no communication over a period of time called
 * the election timeout, then it ... begins an election": "increments its
 * current term and transitions to candidate state", "votes for itself". */
static void follower_campaigns_after_its_election_timeout(void **state)
{
    struct cluster *cluster = play_one(3);
    craft_status status;
    uint32_t ticks = 0;

    (void)state;
    while (cluster_status(cluster, 1).term == 1 && ticks < 100) {
        (void)cluster_tick(cluster, 1, 1);
        ticks++;
    }
    status = cluster_status(cluster, 1);
    assert_in_range(ticks, 10, 19);
    assert_int_equal(status.role, CRAFT_ROLE_CANDIDATE);
    assert_int_equal(status.term, 2);
    assert_int_equal(status.voted_for, 1);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_VOTE), 1);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_VOTE), 1);
    cluster_free(cluster);
}

/* 3.4: "A candidate wins an election if it receives votes from a majority of
 * the servers in the full cluster for the same term." Of 5: the own and 2; of
 * 4: the own and 2. */
static void candidate_wins_with_a_majority_and_not_before(void **state)
{
    (void)state;
    for (uint32_t nodes = 4; nodes <= 5; nodes++) {
        struct cluster *cluster = play_one(nodes);

        assert_int_equal(cluster_campaign(cluster, 1), 0);
        assert_int_equal(play_vote_reply(cluster, 2, 2, true), 0);
        assert_int_equal(play_vote_reply(cluster, 2, 2, true), 0); /* again */
        assert_int_equal(cluster_leader(cluster), 0);
        assert_int_equal(play_vote_reply(cluster, 3, 2, true), 0);
        assert_int_equal(cluster_leader(cluster), 1);
        cluster_free(cluster);
    }
}

/* 3.4: "Once a candidate wins an election ... it then sends heartbeat messages
 * to all of the other servers to establish its authority". */
static void leader_tells_all_others_at_once(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    assert_int_equal(cluster_campaign(cluster, 1), 0);
    assert_int_equal(play_vote_reply(cluster, 2, 2, true), 0);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), 1);
    cluster_free(cluster);
}

/* Figure 3.1: "repeat during idle periods to prevent election timeouts". */
static void leader_repeats_heartbeats_while_idle(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    for (size_t i = 1; i <= 5; i++) {
        (void)cluster_tick(cluster, 1, 1);
        assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), i);
    }
    cluster_free(cluster);
}

/* Figure 3.1, Candidates: "If AppendEntries RPC received from new leader:
 * convert to follower." Pitfall: a candidate that does not yield to the leader
 * of its own term (noraft PR 24, logcabin 42). */
static void candidate_yields_to_the_leader_of_its_term(void **state)
{
    struct cluster *cluster = play_one(3);
    craft_status status;

    (void)state;
    assert_int_equal(cluster_campaign(cluster, 1), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1}),
                     0);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(status.leader, 3);
    assert_int_equal(status.voted_for, 1); /* it keeps its vote */
    cluster_free(cluster);
}

/* Pitfall: votedFor was used to refuse the appends of another winner (noraft
 * PR 24): who voted for 2 follows 3 when 3 has won. */
static void follower_accepts_a_leader_it_did_not_vote_for(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    assert_int_equal(play_vote(cluster, 2, 2, 1, 1), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .entries = {2}}),
                     0);
    assert_int_equal(cluster_status(cluster, 1).last_index, 2);
    assert_int_equal(cluster_status(cluster, 1).voted_for, 2);
    cluster_free(cluster);
}

/* Figure 3.1, All servers: "If RPC request or response contains term T >
 * currentTerm: set currentTerm = T, convert to follower." Pitfall: a "rogue
 * leader" that ignores a higher term in some message (willemt 75b0104). */
static void higher_term_in_any_message_makes_a_follower(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct cluster *cluster = play_leader(3);
        craft_status status;

        if (which == 0) {
            (void)play_vote(cluster, 3, 5, 1, 1);
        } else if (which == 1) {
            (void)play_vote_reply(cluster, 3, 5, false);
        } else if (which == 2) {
            (void)play_append(
                cluster, (struct play_append){
                             .from = 3, .term = 5, .prev = 1, .prev_term = 1});
        } else {
            (void)play_reject(cluster,
                              (struct play_reject){.from = 3, .term = 5});
        }
        status = cluster_status(cluster, 1);
        assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
        assert_int_equal(status.term, 5);
        /* Pitfall: the leader's id is not cleared (NuRaft 88b4de3). */
        assert_int_equal(status.leader, which == 2 ? 3 : 0);
        /* Pitfall: an ex-leader stamps entries with the new term (zeebe
         * 5360, NuRaft dd65d03). */
        assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
        cluster_free(cluster);
    }
}

/* 3.3: "If a server receives a request with a stale term number, it rejects
 * the request." Pitfall: a deposed leader's message refreshes timer, leader or
 * log (etcd 6618455). */
static void message_of_an_old_term_changes_nothing(void **state)
{
    struct cluster *cluster = play_one(3);
    struct play_state before;
    struct play_state after;
    const craft_message *reply;

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){.from = 2, .term = 5, .prev = 1, .prev_term = 1});
    before = play_look(cluster, 1);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 4,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .entries = {4}}),
                     0);
    reply = play_sent(cluster, 3, CRAFT_MESSAGE_APPEND_REPLY);
    assert_non_null(reply);
    assert_int_equal(reply->term, 5);
    assert_int_equal(reply->as.append_reply.rejected, 1);
    (void)play_vote(cluster, 3, 4, 9, 3);
    reply = play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY);
    assert_int_equal(reply->term, 5);
    assert_int_equal(reply->as.vote_reply.granted, 0);
    after = play_look(cluster, 1);
    after.effects[CRAFT_EFFECT_SEND] = before.effects[CRAFT_EFFECT_SEND];
    assert_null(play_differs(&before, &after));
    cluster_free(cluster);
}

/* 3.4, last paragraph: many followers may split the vote; "Raft uses
 * randomized election timeouts". Pitfall: timeouts that are not drawn anew, or
 * drawn alike (hashicorp cda1ee8, cowsql 27607f34). */
static void split_votes_are_resolved_by_new_draws(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct cluster_options options;
        struct cluster *cluster;

        cluster_options_init(&options, 4);
        options.seed = seed;
        cluster = cluster_new(&options);
        for (uint32_t i = 1; i <= 4; i++) {
            (void)cluster_campaign(cluster, i);
        }
        cluster_settle(cluster);
        assert_int_equal(cluster_leader(cluster), 0);
        cluster_run(cluster, 100);
        assert_int_not_equal(cluster_leader(cluster), 0);
        cluster_free(cluster);
    }
}

/*
 * 3.4: timeouts "are chosen randomly from a fixed interval". Pitfall: one that
 * never campaigns keeps its first draw. Whoever draws less leads next, and
 * draws again when it is back: what is left behind are the longest draws, and
 * the group waits for those.
 */
static void follower_draws_anew_for_each_leader(void **state)
{
    struct cluster *cluster = play_cluster(3);
    uint32_t draws[20] = {0};
    uint32_t others = 0;

    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        (void)cluster_campaign(cluster, 1 + i % 2);
        cluster_settle(cluster);
        assert_int_equal(cluster_leader(cluster), 1 + i % 2);
        draws[i] = craft_ticks_until_due(cluster_node(cluster, 3)->node);
        assert_in_range(draws[i], 10, 19);
        others += draws[i] != draws[0];
    }
    assert_true(others > 10);
    cluster_free(cluster);
}

/* A candidate starts "a new election" when its own times out (3.4). */
static void candidate_without_answers_campaigns_again(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)cluster_tick(cluster, 1, 1);
    }
    assert_in_range(cluster_status(cluster, 1).term, 1 + 100 / 20, 1 + 10);
    cluster_free(cluster);
}

/* ---------------------------------------------------------- RequestVote RPC */

/* Figure 3.1, RequestVote 2: "If votedFor is null or candidateId, and
 * candidate's log is at least as up-to-date as receiver's log, grant vote." */
static void server_votes_once_per_term(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)play_vote(cluster, 2, 2, 1, 1);
    assert_int_equal(
        play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        1);
    (void)play_vote(cluster, 3, 2, 1, 1);
    assert_int_equal(
        play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        0);
    /* The same candidate again: the first answer may be lost. */
    play_forget(cluster);
    (void)play_vote(cluster, 2, 2, 1, 1);
    assert_int_equal(
        play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        1);
    cluster_free(cluster);
}

/* Pitfall, found eight times: the vote is forgotten by a step down within the
 * term (etcd 9d2a465, braft 2b4d0f7, willemt 75b0104). */
static void vote_is_kept_by_a_step_down_within_the_term(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)cluster_campaign(cluster, 1); /* votes for itself in term 2 */
    (void)play_append(
        cluster,
        (struct play_append){.from = 2, .term = 2, .prev = 1, .prev_term = 1});
    (void)play_vote(cluster, 3, 2, 9, 1); /* delayed */
    assert_int_equal(
        play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        0);
    assert_int_equal(cluster_status(cluster, 1).voted_for, 1);
    cluster_free(cluster);
}

/* 3.6.1: "If the logs have last entries with different terms, then the log
 * with the later term is more up-to-date. If the logs end with the same term,
 * then whichever log is longer is more up-to-date." Pitfall: compared field by
 * field, nobody can win (hashicorp 441bd09). */
static void votes_go_by_last_term_then_by_length(void **state)
{
    /* The voter's log is [1 1 3 3]. */
    static const struct {
        craft_index last;
        craft_term term;
        uint32_t granted;
    } asks[] = {{2, 3, 0}, {9, 2, 0}, {3, 3, 0}, {4, 3, 1},
                {5, 3, 1}, {2, 4, 1}, {1, 4, 1}, {0, 0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct cluster *cluster = play_one(3);

        (void)play_append(cluster, (struct play_append){.from = 2,
                                                        .term = 3,
                                                        .prev = 1,
                                                        .prev_term = 1,
                                                        .entries = {1, 3, 3}});
        (void)play_vote(cluster, 3, 7, asks[i].last, asks[i].term);
        assert_int_equal(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY)
                             ->as.vote_reply.granted,
                         asks[i].granted);
        cluster_free(cluster);
    }
}

/* 3.8: "each server must persist its current term and vote" before it answers.
 * Pitfall: the grant leaves first (openraft ee460f37, nats 7567). */
static void vote_leaves_only_when_it_is_durable(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_vote(cluster, 2, 2, 1, 1);
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY));
    /* Power off: it may vote for another, since nobody has heard. */
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    (void)play_vote(cluster, 3, 2, 1, 1);
    assert_true(cluster_persist_all(cluster, 1));
    assert_int_equal(
        play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        1);
    /* Power off again: now it may not. */
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    (void)play_vote(cluster, 2, 2, 9, 1);
    assert_int_equal(
        play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY)->as.vote_reply.granted,
        0);
    cluster_free(cluster);
}

/* A change of term voids the promises that have not left. */
static void grant_of_an_old_term_never_leaves(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_vote(cluster, 2, 2, 1, 1);
    (void)play_vote(cluster, 3, 3, 1, 1);
    while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
    }
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY));
    assert_non_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

/* Pitfall: the candidate counts its own vote before it is durable (etcd
 * e9e525d), or never records it (nebula PR 3415). */
static void own_vote_counts_only_when_it_is_durable(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    assert_int_equal(cluster_campaign(cluster, 1), 0);
    assert_null(play_sent(cluster, 2, CRAFT_MESSAGE_VOTE));
    (void)play_vote_reply(cluster, 2, 2, true); /* out of thin air */
    assert_int_equal(cluster_leader(cluster), 0);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    cluster_free(cluster);
}

/* Figure 3.1: a refusal answers, too; when a majority refuses, the candidate
 * gives up at once and waits for another. Grants of an old term are nothing. */
static void candidate_that_lost_waits_as_a_follower(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, false);
    (void)play_vote_reply(cluster, 3, 2, false);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    (void)play_vote_reply(cluster, 2, 2, true); /* reordered */
    assert_int_equal(cluster_leader(cluster), 0);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 2, true);
    (void)play_vote_reply(cluster, 3, 2, true);
    assert_int_equal(cluster_leader(cluster), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 3);
    cluster_free(cluster);
}

/* Pitfall: a term that was only seen is recorded as a vote (openraft
 * b06cbb37). */
static void seen_term_is_no_vote(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 5, false);
    assert_int_equal(cluster_status(cluster, 1).term, 5);
    assert_int_equal(cluster_status(cluster, 1).voted_for, 0);
    (void)play_vote_reply(cluster, 3, 2, true); /* late, of term 2 */
    assert_int_equal(cluster_leader(cluster), 0);
    (void)play_vote(cluster, 3, 5, 1, 1);
    assert_int_equal(cluster_status(cluster, 1).voted_for, 3);
    /* The vote alone is a hard state, too: it is written, and leaves. */
    assert_int_equal(cluster_node(cluster, 1)->disk.voted_for, 3);
    assert_non_null(play_sent(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

/* Pitfall: a refused candidate that cannot win keeps resetting the clock of
 * the one that can (braft 783f96e, hashicorp bfc1fc9). */
static void refused_candidates_do_not_keep_a_better_one_waiting(void **state)
{
    struct cluster *cluster = play_one(3);
    uint32_t ticks = 0;
    craft_term term = 5;

    (void)state;
    (void)play_append(
        cluster,
        (struct play_append){
            .from = 2, .term = 2, .prev = 1, .prev_term = 1, .entries = {2}});
    while (cluster_status(cluster, 1).role == CRAFT_ROLE_FOLLOWER &&
           ticks < 60) {
        (void)play_vote(cluster, 3, term, 1, 1); /* shorter */
        (void)cluster_tick(cluster, 1, 1);
        term++;
        ticks++;
    }
    assert_in_range(ticks, 1, 20);
    cluster_free(cluster);
}

/* Pitfall: a server without a configuration elects itself (etcd 7c8872a,
 * braft 755c275); it takes what a leader sends. */
static void server_without_a_configuration_never_campaigns(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 3);
    options.blank = 1u << 3;
    cluster = cluster_new(&options);
    (void)cluster_tick(cluster, 3, 1000);
    assert_int_equal(cluster_status(cluster, 3).term, 0);
    assert_int_equal(cluster_campaign(cluster, 3), CRAFT_ERR_NOT_VOTER);
    assert_int_equal(craft_ticks_until_due(cluster_node(cluster, 3)->node),
                     UINT32_MAX);
    cluster_free(cluster);
}

/* Pitfall: a single voter elects itself twice, or never, or leads without
 * having voted durably (openraft 86e2ccd0, RedisLabs 04cdff0). */
static void single_voter_elects_itself_once(void **state)
{
    struct cluster *cluster = play_cluster(1);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_tick(cluster, 1, 20);
    (void)cluster_tick(cluster, 1, 20); /* its vote is still under way */
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    assert_int_equal(cluster_leader(cluster), 0);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    cluster_free(cluster);
}

/* Pitfall: leading goes on after a restart in the same term (KAFKA-10527). */
static void restarted_leader_is_a_follower_of_its_own_term(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    (void)cluster_propose(cluster, 1);
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    assert_int_equal(cluster_propose(cluster, 1), CRAFT_ERR_NOT_LEADER);
    (void)play_vote_reply(cluster, 3, 2, true); /* late */
    assert_int_equal(cluster_leader(cluster), 0);
    cluster_free(cluster);
}

/*
 * Pitfall (asynchronous storage of etcd/raft): the vote request advertises a
 * log that is not durable. After a crash the candidate comes back with the
 * shorter log, campaigns in the same term, and the old grant is counted.
 */
static void grant_earned_by_a_lost_log_elects_nobody(void **state)
{
    struct cluster *cluster = play_cluster(3);
    struct cluster_filter votes = play_kind(CRAFT_MESSAGE_VOTE);

    (void)state;
    cluster_elect(cluster, 3);
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 3);
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_APPEND));
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_APPEND_REPLY));
    assert_int_equal(cluster_status(cluster, 3).commit_index, 3); /* {2, 3} */
    (void)cluster_campaign(cluster, 1);
    assert_int_equal(cluster_count(cluster, votes), 0); /* it must wait */
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 1);
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_INSIDE;
    (void)cluster_campaign(cluster, 1);
    cluster_settle(cluster);
    assert_int_not_equal(cluster_leader(cluster), 1);
    cluster_free(cluster);
}

/* Pitfall: term and vote written by two stores (hashicorp 661): a record has
 * both, so that any crash leaves {1, 0} or {2, 3} and never {2, 0}. */
static void term_and_vote_are_written_together(void **state)
{
    struct cluster *cluster = play_one(3);
    const struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_vote(cluster, 3, 2, 1, 1);
    assert_int_equal(node->records_len, 1);
    assert_int_equal(node->records[0].term, 2);
    assert_int_equal(node->records[0].voted_for, 3);
    cluster_free(cluster);
}

/* Pitfall: the clock runs on while the disk is slow, and the candidate climbs
 * from term to term (logcabin 200, RATIS-980). */
static void candidate_with_a_stuck_disk_stays_in_its_term(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    for (int i = 0; i < 500; i++) {
        (void)cluster_tick(cluster, 1, 1);
    }
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);
}

/* Pitfall: a burst of ticks after a stall starts several elections (etcd
 * 6315e22); heartbeats received in the same hold are read first. */
static void burst_of_ticks_causes_at_most_one_campaign(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)cluster_tick(cluster, 1, 10000);
    (void)cluster_tick(cluster, 1, UINT32_MAX);
    (void)cluster_tick(cluster, 1, UINT32_MAX);
    assert_in_range(cluster_status(cluster, 1).term, 2, 4);
    cluster_free(cluster);

    cluster = play_one(3);
    cluster_hold(cluster, 1);
    (void)cluster_tick(cluster, 1, 10000);
    (void)play_append(
        cluster,
        (struct play_append){.from = 2, .term = 1, .prev = 1, .prev_term = 1});
    cluster_release(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).term, 1);
    assert_int_equal(cluster_status(cluster, 1).leader, 2);
    cluster_free(cluster);
}

/* Pitfall: a campaign of the leader costs the leadership (openraft 4490c678,
 * etcd 06c21e9). */
static void campaign_of_a_leader_does_nothing(void **state)
{
    struct cluster *cluster = play_leader(3);
    struct play_state before = play_look(cluster, 1);
    struct play_state after;

    (void)state;
    assert_int_equal(cluster_campaign(cluster, 1), 0);
    after = play_look(cluster, 1);
    assert_null(play_differs(&before, &after));
    cluster_free(cluster);
}

/* Pitfall: ids that differ by 2^32 compare as equal (RedisLabs 59770f6), or an
 * id is taken for "no vote" (willemt fe60545). */
static void ids_far_apart_are_told_apart(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 5);
    options.ids[1] = 5;
    options.ids[2] = 5 + ((uint64_t)1 << 31);
    options.ids[3] = 5 + ((uint64_t)1 << 32);
    options.ids[4] = 5 + ((uint64_t)1 << 33);
    options.ids[5] = CRAFT_NUMBER_MAX - 1;
    cluster = cluster_new(&options);
    for (uint32_t i = 1; i <= 5; i++) {
        cluster_elect(cluster, i);
        assert_int_equal(cluster_propose(cluster, i), 0);
        cluster_settle(cluster);
    }
    cluster_run(cluster, 2);
    for (uint32_t i = 1; i <= 5; i++) {
        assert_int_equal(cluster_status(cluster, i).applied_index, 11);
    }
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_starts_as_a_follower_without_a_leader),
        cmocka_unit_test(follower_that_hears_its_leader_does_not_campaign),
        cmocka_unit_test(follower_campaigns_after_its_election_timeout),
        cmocka_unit_test(candidate_wins_with_a_majority_and_not_before),
        cmocka_unit_test(leader_tells_all_others_at_once),
        cmocka_unit_test(leader_repeats_heartbeats_while_idle),
        cmocka_unit_test(candidate_yields_to_the_leader_of_its_term),
        cmocka_unit_test(follower_accepts_a_leader_it_did_not_vote_for),
        cmocka_unit_test(higher_term_in_any_message_makes_a_follower),
        cmocka_unit_test(message_of_an_old_term_changes_nothing),
        cmocka_unit_test(split_votes_are_resolved_by_new_draws),
        cmocka_unit_test(follower_draws_anew_for_each_leader),
        cmocka_unit_test(candidate_without_answers_campaigns_again),
        cmocka_unit_test(server_votes_once_per_term),
        cmocka_unit_test(vote_is_kept_by_a_step_down_within_the_term),
        cmocka_unit_test(votes_go_by_last_term_then_by_length),
        cmocka_unit_test(vote_leaves_only_when_it_is_durable),
        cmocka_unit_test(grant_of_an_old_term_never_leaves),
        cmocka_unit_test(own_vote_counts_only_when_it_is_durable),
        cmocka_unit_test(candidate_that_lost_waits_as_a_follower),
        cmocka_unit_test(seen_term_is_no_vote),
        cmocka_unit_test(refused_candidates_do_not_keep_a_better_one_waiting),
        cmocka_unit_test(server_without_a_configuration_never_campaigns),
        cmocka_unit_test(single_voter_elects_itself_once),
        cmocka_unit_test(restarted_leader_is_a_follower_of_its_own_term),
        cmocka_unit_test(grant_earned_by_a_lost_log_elects_nobody),
        cmocka_unit_test(term_and_vote_are_written_together),
        cmocka_unit_test(candidate_with_a_stuck_disk_stays_in_its_term),
        cmocka_unit_test(burst_of_ticks_causes_at_most_one_campaign),
        cmocka_unit_test(campaign_of_a_leader_does_nothing),
        cmocka_unit_test(ids_far_apart_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
