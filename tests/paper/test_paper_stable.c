/*
 * What keeps a group with one leader while that leader is well: pre-votes
 * (thesis 9.6), voters that stick to their leader (4.2.3), a leader that is
 * heard by no majority (6.2). The public failures that each of them alone has
 * caused stand at the tests.
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

/* Server 1 is real, the others are played. */
static struct cluster *one_of(uint32_t nodes, uint32_t flags)
{
    struct cluster_options options;

    cluster_options_init(&options, nodes);
    options.puppets = 0xfcu;
    options.config.flags = flags;
    return cluster_new(&options);
}

/* All are real; server 1 leads, nothing is under way. */
static struct cluster *led(uint32_t nodes, uint32_t flags)
{
    struct cluster_options options;
    struct cluster *cluster;

    cluster_options_init(&options, nodes);
    options.config.flags = flags;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_leader(cluster), 1);
    return cluster;
}

/* Server 1 leads the played others in term 2. */
static struct cluster *one_leads(uint32_t nodes, uint32_t flags)
{
    struct cluster *cluster = one_of(nodes, flags);

    assert_int_equal(cluster_campaign(cluster, 1), 0);
    for (uint32_t i = 2; i <= nodes && flags != 0; i++) {
        (void)play_pre_vote_reply(cluster, i, 1, true);
    }
    for (uint32_t i = 2; i <= nodes; i++) {
        (void)play_vote_reply(cluster, i, 2, true);
    }
    assert_int_equal(cluster_leader(cluster), 1);
    play_forget(cluster);
    return cluster;
}

static void hear_leader(struct cluster *cluster, uint32_t from, craft_term term)
{
    assert_int_equal(play_append(cluster, (struct play_append){.from = from,
                                                               .term = term,
                                                               .prev = 1,
                                                               .prev_term = 1}),
                     0);
}

static uint32_t role(struct cluster *cluster, uint32_t position)
{
    return cluster_status(cluster, position).role;
}

static bool granted(struct cluster *cluster, uint32_t to, uint32_t kind)
{
    const craft_message *message = play_sent(cluster, to, kind);

    assert_non_null(message);
    return message->as.vote_reply.granted != 0;
}

/* ----------------------------------------------------------------- pre-vote */

/* 9.6: "a candidate only increments its term if it first learns from a
 * majority of the cluster that they would be willing to grant the candidate
 * their votes". Nothing of it is for the disk (etcd/raft, becomePreCandidate).
 */
static void server_asks_before_it_campaigns(void **state)
{
    struct cluster *cluster = one_of(3, ALL);
    craft_status status;

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.role, CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(status.term, 1);
    assert_int_equal(status.voted_for, 0);
    for (uint32_t to = 2; to <= 3; to++) {
        const craft_message *message =
            play_sent(cluster, to, CRAFT_MESSAGE_PRE_VOTE);

        assert_non_null(message);
        assert_int_equal(message->term, 1);
        assert_int_equal(message->as.vote.last_index, 1);
        assert_int_equal(message->as.vote.last_term, 1);
        assert_int_equal(play_sent_count(cluster, to, CRAFT_MESSAGE_VOTE), 0);
    }
    cluster_free(cluster);
}

static void majority_of_pre_votes_begins_a_campaign(void **state)
{
    struct cluster *cluster = one_of(5, ALL);
    craft_status status;

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(play_pre_vote_reply(cluster, 3, 1, true), 0);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.role, CRAFT_ROLE_CANDIDATE);
    assert_int_equal(status.term, 2);
    assert_int_equal(status.voted_for, 1);
    assert_int_equal(play_sent_count(cluster, 4, CRAFT_MESSAGE_VOTE), 1);
    cluster_free(cluster);
}

/* A single voter needs nobody's word. */
static void single_voter_leads_at_once(void **state)
{
    struct cluster *cluster = led(1, ALL);

    (void)state;
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);
}

static void refused_pre_candidate_follows_and_asks_again_later(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, false), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(play_pre_vote_reply(cluster, 3, 1, false), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_status(cluster, 1).term, 1);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_PRE_VOTE), 2);
    cluster_free(cluster);
}

/* A candidate whose campaign ends in nothing asks again before the next one:
 * its term has been raised once. */
static void candidate_without_a_majority_asks_again(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_CANDIDATE);
    for (int i = 0; i < 10; i++) {
        (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
        assert_int_equal(role(cluster, 1), CRAFT_ROLE_PRE_CANDIDATE);
        assert_int_equal(cluster_status(cluster, 1).term, 2);
    }
    cluster_free(cluster);
}

/* openraft 511f33c7, braft 740908b: grants that come late start another
 * campaign of one that leads, or that has turned to a leader. */
static void late_pre_votes_start_nothing(void **state)
{
    struct cluster *cluster = one_leads(5, ALL);

    (void)state;
    assert_int_equal(play_pre_vote_reply(cluster, 4, 2, true), 0);
    assert_int_equal(play_pre_vote_reply(cluster, 5, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);

    cluster = one_of(3, ALL);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    hear_leader(cluster, 3, 1);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_status(cluster, 1).leader, 3);
    cluster_free(cluster);
}

/*
 * A server asked in term 2, which only its memory knew, and crashed; it asked
 * again in term 1 and campaigns in term 2. What was willing then may have given
 * its vote away since.
 */
static void late_pre_votes_elect_nobody(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_CANDIDATE);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 2, true), 0);
    assert_int_equal(play_pre_vote_reply(cluster, 3, 2, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_CANDIDATE);
    assert_int_equal(play_vote_reply(cluster, 3, 2, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    cluster_free(cluster);
}

/* It would not vote for itself any more. */
static void vote_given_away_ends_the_own_question(void **state)
{
    struct cluster *cluster = one_of(5, ALL);

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 1, true), 0);
    assert_int_equal(play_vote(cluster, 3, 2, 1, 1), 0);
    assert_true(granted(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    assert_int_equal(play_pre_vote_reply(cluster, 4, 1, true), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);
}

/* The same for a vote in the very term in which it asks. */
static void vote_of_this_term_ends_the_own_question(void **state)
{
    struct cluster *cluster = one_of(5, ALL);

    (void)state;
    assert_int_equal(play_pre_vote(cluster, 2, 5, 1, 1), 0); /* takes term 5 */
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_PRE_CANDIDATE);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 5, true), 0);
    assert_int_equal(play_vote(cluster, 3, 5, 1, 1), 0);
    assert_true(granted(cluster, 3, CRAFT_MESSAGE_VOTE_REPLY));
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    assert_int_equal(play_pre_vote_reply(cluster, 4, 5, true), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 5);
    cluster_free(cluster);
}

/* The leader whose entries it holds is the same one, if it is heard again: what
 * becomes durable meanwhile is told then, and to nobody before. */
static void match_is_told_when_the_leader_is_heard_again(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .entries = {2}}),
                     0);
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 2, false), 0);
    assert_int_equal(play_pre_vote_reply(cluster, 3, 2, false), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    play_forget(cluster);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND_REPLY),
                     0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 2,
                                                               .prev = 2,
                                                               .prev_term = 2}),
                     0);
    assert_int_equal(play_sent(cluster, 3, CRAFT_MESSAGE_APPEND_REPLY)
                         ->as.append_reply.match_index,
                     2);
    cluster_free(cluster);
}

/* ----------------------------------------------------- answering a pre-vote */

/* 9.6: nothing changes with whom it is asked of: no term, no vote, no clock. */
static void pre_vote_changes_nothing_in_who_grants_it(void **state)
{
    struct cluster *cluster = one_of(3, ALL);
    craft_status status;

    (void)state;
    (void)cluster_tick(cluster, 1, TIMEOUT - 1);
    for (uint32_t i = 0; i < TIMEOUT; i++) {
        assert_int_equal(play_pre_vote(cluster, 2, 1, 1, 1), 0);
        (void)cluster_tick(cluster, 1, 1);
    }
    status = cluster_status(cluster, 1);
    assert_int_equal(status.term, 1);
    assert_int_equal(status.voted_for, 0);
    assert_int_equal(status.role, CRAFT_ROLE_PRE_CANDIDATE); /* in its time */
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    cluster_free(cluster);
}

/* ClickHouse/NuRaft 134: one that could never win campaigned for 32 minutes. */
static void pre_vote_is_judged_by_the_log(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    assert_int_equal(
        play_append(cluster, (struct play_append){.from = 3,
                                                  .term = 2,
                                                  .prev = 1,
                                                  .prev_term = 1,
                                                  .entries = {2, 2}}),
        0);
    (void)cluster_tick(cluster, 1, TIMEOUT); /* the leader has gone */
    assert_int_equal(play_pre_vote(cluster, 2, 2, 2, 2), 0);
    assert_false(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    assert_int_equal(play_pre_vote(cluster, 2, 2, 9, 1), 0);
    assert_false(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    assert_int_equal(play_pre_vote(cluster, 2, 2, 3, 2), 0);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    cluster_free(cluster);
}

/* 9.6: not while it has "heard from a valid leader" within the least election
 * timeout (etcd/raft 9204, hashicorp/raft 12). */
static void pre_vote_is_refused_while_a_leader_is_heard(void **state)
{
    struct cluster *cluster = one_of(3, CRAFT_CONFIG_PRE_VOTE);

    (void)state;
    hear_leader(cluster, 3, 2);
    (void)cluster_tick(cluster, 1, TIMEOUT - 1);
    assert_int_equal(play_pre_vote(cluster, 2, 2, 9, 2), 0);
    assert_false(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(play_pre_vote(cluster, 2, 2, 9, 2), 0);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    cluster_free(cluster);
}

/* hashicorp/raft 605: the one that asks is whom it believes to lead; that one
 * knows better. */
static void leader_that_asks_is_not_refused_for_its_own_sake(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    hear_leader(cluster, 2, 2);
    assert_int_equal(play_pre_vote(cluster, 2, 2, 1, 1), 0);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    assert_int_equal(play_vote(cluster, 2, 3, 1, 1), 0);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

/* etcd 8243: the answer of a server behind in terms was dropped, so that two
 * of three could not elect. It takes the term and answers in it. */
static void server_behind_in_terms_takes_part(void **state)
{
    struct cluster *cluster = one_of(3, ALL);
    const craft_message *reply;

    (void)state;
    assert_int_equal(play_pre_vote(cluster, 3, 5, 4, 5), 0);
    reply = play_sent(cluster, 3, CRAFT_MESSAGE_PRE_VOTE_REPLY);
    assert_non_null(reply);
    assert_int_equal(reply->term, 5);
    assert_true(reply->as.vote_reply.granted);
    cluster_free(cluster);
}

/* openraft 1796, etcd 8501: of two that cannot win without each other, one has
 * the longer log, one the higher term. A refusal tells the term, which is taken
 * without a vote; the longer log then wins. */
static void refusal_of_a_higher_term_is_taken(void **state)
{
    struct cluster *cluster = one_of(3, ALL);
    craft_status status;

    (void)state;
    (void)cluster_tick(cluster, 1, 2 * TIMEOUT);
    assert_int_equal(play_pre_vote_reply(cluster, 2, 7, false), 0);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(status.term, 7);
    assert_int_equal(status.voted_for, 0);
    assert_int_equal(play_pre_vote(cluster, 2, 6, 1, 1), 0); /* asks in turn */
    assert_int_equal(play_sent(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY)->term,
                     7);
    assert_false(granted(cluster, 2, CRAFT_MESSAGE_PRE_VOTE_REPLY));
    cluster_free(cluster);
}

/* ----------------------------------------------------------------- sticking */

/* 4.2.3: "if a server receives a RequestVote request within the minimum
 * election timeout of hearing from a current leader, it does not update its
 * term or grant its vote". */
static void follower_sticks_to_the_leader_it_hears(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    hear_leader(cluster, 3, 2);
    (void)cluster_tick(cluster, 1, TIMEOUT - 1);
    assert_int_equal(play_vote(cluster, 2, 9, 5, 5), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    assert_int_equal(cluster_status(cluster, 1).leader, 3);
    (void)cluster_tick(cluster, 1, 1);
    assert_int_equal(play_vote(cluster, 2, 9, 5, 5), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 9);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

static void leader_sticks_to_itself(void **state)
{
    struct cluster *cluster = one_leads(3, ALL);

    (void)state;
    assert_int_equal(play_vote(cluster, 2, 9, 5, 5), 0);
    assert_int_equal(play_pre_vote(cluster, 3, 9, 5, 5), 0);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    cluster_free(cluster);
}

static void without_sticking_a_higher_term_is_taken(void **state)
{
    struct cluster *cluster = one_of(3, CRAFT_CONFIG_PRE_VOTE);

    (void)state;
    hear_leader(cluster, 3, 2);
    assert_int_equal(play_vote(cluster, 2, 9, 5, 5), 0);
    assert_int_equal(cluster_status(cluster, 1).term, 9);
    cluster_free(cluster);
}

/* etcd 7b8cdf3: a voter that waits for a timeout of its own after a restart
 * keeps a group without a leader. */
static void restarted_voter_votes_at_once(void **state)
{
    struct cluster *cluster = one_of(3, ALL);

    (void)state;
    hear_leader(cluster, 3, 2);
    cluster_crash(cluster, 1, CLUSTER_ALL);
    cluster_restart(cluster, 1);
    assert_int_equal(play_vote(cluster, 2, 3, 1, 1), 0);
    assert_true(granted(cluster, 2, CRAFT_MESSAGE_VOTE_REPLY));
    cluster_free(cluster);
}

/* ------------------------------------------------------------- check-quorum */

/* The played peers in `heard` answer the leader. */
static void answer_rounds(struct cluster *cluster, uint32_t heard,
                          uint32_t ticks)
{
    for (uint32_t i = 0; i < ticks; i++) {
        (void)cluster_tick(cluster, 1, 1);
        for (uint32_t peer = 2; peer <= cluster->options.nodes; peer++) {
            if ((heard >> peer & 1u) != 0 &&
                role(cluster, 1) == CRAFT_ROLE_LEADER) {
                assert_int_equal(play_present(cluster, peer, 2, 1), 0);
            }
        }
    }
}

/* 6.2: "a leader steps down if an election timeout elapses without a
 * successful round of heartbeats to a majority of its cluster". */
static void leader_that_hears_no_majority_steps_down(void **state)
{
    struct cluster *cluster = one_leads(3, ALL);
    craft_status status;

    (void)state;
    answer_rounds(cluster, 0, TIMEOUT - 1);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    (void)cluster_tick(cluster, 1, 1);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(status.term, 2);
    assert_int_equal(status.leader, 0);
    cluster_free(cluster);
}

/* braft 3884640, raft-rs 2d89626: half of an even group is no majority; of
 * five, two others are one. */
static void majority_is_counted_with_the_leader(void **state)
{
    struct cluster *cluster = one_leads(4, ALL);

    (void)state;
    answer_rounds(cluster, 1u << 2, 2 * TIMEOUT);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_FOLLOWER);
    cluster_free(cluster);

    cluster = one_leads(5, ALL);
    answer_rounds(cluster, 1u << 2 | 1u << 5, 5 * TIMEOUT);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    cluster_free(cluster);
}

static void without_check_quorum_a_leader_stays(void **state)
{
    struct cluster *cluster =
        one_leads(3, CRAFT_CONFIG_PRE_VOTE | CRAFT_CONFIG_STICKY);

    (void)state;
    answer_rounds(cluster, 0, 10 * TIMEOUT);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    cluster_free(cluster);
}

/* A host that stalled reads its messages in the same hold before its silence
 * is judged. */
static void answers_of_the_same_hold_count(void **state)
{
    struct cluster *cluster = one_leads(3, ALL);

    (void)state;
    answer_rounds(cluster, 0, 1);
    cluster_hold(cluster, 1);
    (void)cluster_tick(cluster, 1, 50 * TIMEOUT);
    assert_int_equal(play_present(cluster, 2, 2, 1), 0);
    cluster_release(cluster, 1);
    assert_int_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    cluster_free(cluster);
}

/* ------------------------------------------------------------- all together */

/* 9.6: a server that was cut off comes back and nobody notices. */
static void server_that_was_cut_off_disturbs_nobody(void **state)
{
    struct cluster *cluster = led(3, ALL);

    (void)state;
    cluster_isolate(cluster, 3);
    cluster_run(cluster, 20 * TIMEOUT);
    assert_int_equal(cluster_status(cluster, 3).term, 2);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    cluster_heal(cluster);
    cluster_run(cluster, 4 * TIMEOUT);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(cluster_status(cluster, i).term, 2);
        assert_int_equal(cluster_status(cluster, i).leader, 1);
        assert_int_equal(cluster_status(cluster, i).applied_index, 3);
    }
    cluster_free(cluster);
}

/* cockroach 79699, etcd 13527: the leader's messages arrive and nothing
 * reaches it: it keeps its followers from electing and commits nothing. */
static void leader_that_cannot_receive_is_replaced(void **state)
{
    struct cluster *cluster = led(3, ALL);

    (void)state;
    cluster_cut(cluster, 2, 1);
    cluster_cut(cluster, 3, 1);
    cluster_run(cluster, 5 * TIMEOUT);
    assert_int_not_equal(cluster_leader(cluster), 0);
    assert_int_not_equal(cluster_leader(cluster), 1);
    assert_int_not_equal(role(cluster, 1), CRAFT_ROLE_LEADER);
    assert_int_equal(cluster_propose(cluster, cluster_leader(cluster)), 0);
    cluster_run(cluster, 20 * TIMEOUT); /* it keeps asking */
    assert_int_equal(cluster_status(cluster, 2).term, 3);
    assert_int_equal(cluster_status(cluster, 2).commit_index, 4);
    cluster_free(cluster);
}

/* Cloudflare's outage of 2020-11-02: one link of three is broken, and the two
 * servers at its ends depose each other in turn. */
static void broken_link_between_two_moves_no_leader(void **state)
{
    struct cluster *cluster = led(3, ALL);

    (void)state;
    cluster_cut(cluster, 1, 2);
    cluster_cut(cluster, 2, 1);
    cluster_run(cluster, 50 * TIMEOUT);
    assert_int_equal(cluster_leader(cluster), 1);
    assert_int_equal(cluster_status(cluster, 1).term, 2);
    assert_int_equal(cluster_status(cluster, 3).term, 2);
    cluster_free(cluster);
}

/* Of five, all links but those of server 3 break: only 3 reaches a majority,
 * and it is the one that does not hear its leader's silence first. */
static void bridge_is_elected_when_only_it_reaches_a_majority(void **state)
{
    struct cluster *cluster = led(5, ALL);

    (void)state;
    for (uint32_t from = 1; from <= 5; from++) {
        for (uint32_t to = 1; to <= 5; to++) {
            if (from != to && from != 3 && to != 3) {
                cluster_cut(cluster, from, to);
            }
        }
    }
    cluster_run(cluster, 10 * TIMEOUT);
    assert_int_equal(cluster_leader(cluster), 3);
    assert_int_equal(cluster_propose(cluster, 3), 0);
    cluster_run(cluster, 20 * TIMEOUT);
    assert_int_equal(cluster_leader(cluster), 3);
    assert_int_equal(cluster_status(cluster, 3).term, 3);
    cluster_free(cluster);
}

/* A server that met a higher term while it was cut off comes back: its refusal
 * moves the group to a later term, once, and it takes part again. */
static void server_of_a_higher_term_is_taken_back(void **state)
{
    struct cluster *cluster = led(3, ALL);
    craft_term term;

    (void)state;
    cluster_isolate(cluster, 3);
    cluster_run(cluster, 3 * TIMEOUT);
    cluster_node(cluster, 3)->disk.term = 7; /* of campaigns without pre-vote */
    cluster_node(cluster, 3)->disk.voted_for = 3;
    cluster_node(cluster, 3)->view.term = 7;
    cluster_node(cluster, 3)->view.voted_for = 3;
    cluster_crash(cluster, 3, 0);
    cluster_restart(cluster, 3);
    assert_int_equal(cluster_status(cluster, 3).term, 7);
    cluster_heal(cluster);
    cluster_run(cluster, 5 * TIMEOUT);
    term = cluster_status(cluster, cluster_leader(cluster)).term;
    assert_in_range(term, 8, 9);
    cluster_run(cluster, 20 * TIMEOUT);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(cluster_status(cluster, i).term, term);
    }
    cluster_converge(cluster);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_asks_before_it_campaigns),
        cmocka_unit_test(majority_of_pre_votes_begins_a_campaign),
        cmocka_unit_test(single_voter_leads_at_once),
        cmocka_unit_test(refused_pre_candidate_follows_and_asks_again_later),
        cmocka_unit_test(candidate_without_a_majority_asks_again),
        cmocka_unit_test(late_pre_votes_start_nothing),
        cmocka_unit_test(late_pre_votes_elect_nobody),
        cmocka_unit_test(vote_given_away_ends_the_own_question),
        cmocka_unit_test(vote_of_this_term_ends_the_own_question),
        cmocka_unit_test(match_is_told_when_the_leader_is_heard_again),
        cmocka_unit_test(pre_vote_changes_nothing_in_who_grants_it),
        cmocka_unit_test(pre_vote_is_judged_by_the_log),
        cmocka_unit_test(pre_vote_is_refused_while_a_leader_is_heard),
        cmocka_unit_test(leader_that_asks_is_not_refused_for_its_own_sake),
        cmocka_unit_test(server_behind_in_terms_takes_part),
        cmocka_unit_test(refusal_of_a_higher_term_is_taken),
        cmocka_unit_test(follower_sticks_to_the_leader_it_hears),
        cmocka_unit_test(leader_sticks_to_itself),
        cmocka_unit_test(without_sticking_a_higher_term_is_taken),
        cmocka_unit_test(restarted_voter_votes_at_once),
        cmocka_unit_test(leader_that_hears_no_majority_steps_down),
        cmocka_unit_test(majority_is_counted_with_the_leader),
        cmocka_unit_test(without_check_quorum_a_leader_stays),
        cmocka_unit_test(answers_of_the_same_hold_count),
        cmocka_unit_test(server_that_was_cut_off_disturbs_nobody),
        cmocka_unit_test(leader_that_cannot_receive_is_replaced),
        cmocka_unit_test(broken_link_between_two_moves_no_leader),
        cmocka_unit_test(bridge_is_elected_when_only_it_reaches_a_majority),
        cmocka_unit_test(server_of_a_higher_term_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
