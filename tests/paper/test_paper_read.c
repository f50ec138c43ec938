/*
 * Linearizable reads without the log: thesis 6.4. Of each read the cluster
 * checks that it sees what was committed when it was taken (cluster.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster_play.h"

/* Server 1 leads the played others in term 2; its no-op 2@2 is committed. */
static struct cluster *one_leads(uint32_t nodes)
{
    struct cluster *cluster = play_leader(nodes);

    for (uint32_t i = 2; i <= nodes / 2 + 1; i++) {
        assert_int_equal(play_match(cluster, i, 2, 2), 0);
    }
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    play_forget(cluster);
    return cluster;
}

/* Server 1 is real and follows server 2 in term 2; its log ends with 2@2, of
 * which the commitment is not known yet. */
static struct cluster *one_follows(void)
{
    struct cluster *cluster = play_one(3);

    assert_int_equal(play_append(cluster, (struct play_append){.from = 2,
                                                               .term = 2,
                                                               .prev = 1,
                                                               .prev_term = 1,
                                                               .entries = {2}}),
                     0);
    play_forget(cluster);
    return cluster;
}

static int answer(struct cluster *cluster, uint32_t from, uint64_t round)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_APPEND_REPLY, from, 2);

    message.round = round;
    message.as.append_reply.match_index = 2;
    return cluster_inject(cluster, &message);
}

static int read_reply(struct cluster *cluster, uint32_t from, craft_term term,
                      uint64_t question, craft_index index)
{
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_READ_REPLY, from, term);

    message.as.read_reply.question = question;
    message.as.read_reply.index = index;
    return cluster_inject(cluster, &message);
}

/* The latest question of server 1 to that one. */
static uint64_t question_to(struct cluster *cluster, uint32_t to)
{
    const craft_message *message = play_sent(cluster, to, CRAFT_MESSAGE_READ);

    assert_non_null(message);
    return message->as.read.question;
}

static void hear_commit(struct cluster *cluster, craft_index commit)
{
    assert_int_equal(
        play_append(cluster, (struct play_append){.from = 2,
                                                  .term = 2,
                                                  .prev = 2,
                                                  .prev_term = 2,
                                                  .commit = commit}),
        0);
}

static void assert_open(struct cluster *cluster, uint64_t token)
{
    assert_int_equal(cluster_token(cluster, token)->state, CLUSTER_TOKEN_OPEN);
}

static void assert_ended(struct cluster *cluster, uint64_t token, int result,
                         craft_index index)
{
    assert_int_equal(cluster_token(cluster, token)->state, CLUSTER_TOKEN_ENDED);
    assert_int_equal(cluster_token(cluster, token)->result, result);
    assert_int_equal(cluster_token(cluster, token)->index, index);
}

/* --------------------------------------------------------------- the leader */

/* "issues a new round of heartbeats and waits for their acknowledgments from a
 * majority of the cluster" */
static void leader_reads_when_a_majority_has_answered(void **state)
{
    struct cluster *cluster = one_leads(5);
    uint64_t round = cluster_status(cluster, 1).round;

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(cluster_status(cluster, 1).round, round + 1);
    for (uint32_t to = 2; to <= 5; to++) {
        assert_int_equal(play_sent(cluster, to, CRAFT_MESSAGE_APPEND)->round,
                         round + 1);
    }
    assert_int_equal(answer(cluster, 2, round + 1), 0);
    assert_int_equal(answer(cluster, 2, round + 1), 0);
    assert_open(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).reads_open, 1);
    assert_int_equal(answer(cluster, 4, round + 1), 0);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 2);
    assert_int_equal(cluster_status(cluster, 1).reads_open, 0);
    cluster_free(cluster);
}

/* An answer to a round that began before the read proves nothing of it. */
static void answers_to_earlier_rounds_prove_nothing(void **state)
{
    struct cluster *cluster = one_leads(3);
    uint64_t round;

    (void)state;
    (void)cluster_tick(cluster, 1, 1); /* a heartbeat is under way */
    round = cluster_status(cluster, 1).round;
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(answer(cluster, 2, round), 0);
    assert_int_equal(answer(cluster, 3, round), 0);
    assert_open(cluster, 1);
    assert_int_equal(answer(cluster, 3, round + 1), 0);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

/* 6.4: "the leader can ... amortize the cost of" them: one round for all that
 * came in the same hold, proposals between them or not; and no write. */
static void reads_of_one_hold_share_a_round(void **state)
{
    struct cluster *cluster = one_leads(3);
    uint64_t round = cluster_status(cluster, 1).round;
    uint32_t writes = cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST];

    (void)state;
    cluster_hold(cluster, 1);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(cluster_read(cluster, 1), 0);
    }
    cluster_release(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).round, round + 1);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(answer(cluster, 2, round + 1), 0);
    for (uint64_t token = 1; token <= 64; token++) {
        assert_ended(cluster, token, CRAFT_RESULT_OK, 2);
    }
    assert_int_equal(cluster_node(cluster, 1)->effects[CRAFT_EFFECT_PERSIST],
                     writes);
    cluster_free(cluster);
}

/* 6.4, step 1; etcd 7331, redisraft 18, tikv 9351: before an entry of its own
 * term is committed, a leader does not know what is. */
static void new_leader_reads_when_its_no_op_is_committed(void **state)
{
    struct cluster *cluster = play_leader(3);
    uint64_t round;

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    round = cluster_status(cluster, 1).round;
    assert_int_equal(play_present(cluster, 2, 2, 1), 0);
    assert_int_equal(play_present(cluster, 3, 2, 1), 0);
    assert_open(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).round, round);
    assert_int_equal(play_match(cluster, 2, 2, 2), 0);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

static void single_voter_reads_at_once(void **state)
{
    struct cluster *cluster = play_cluster(1);

    (void)state;
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_ended(cluster, 2, CRAFT_RESULT_OK, 3);
    cluster_free(cluster);
}

/* redisraft 316: the read's index is known, and the state machine is not
 * there yet. */
static void read_waits_for_the_state_machine(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    cluster_node(cluster, 1)->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    assert_int_equal(cluster_propose(cluster, 1), 0);
    assert_int_equal(play_match(cluster, 2, 2, 3), 0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(play_present(cluster, 2, 2, 3), 0);
    assert_open(cluster, 2);
    assert_true(cluster_apply_all(cluster, 1));
    assert_ended(cluster, 2, CRAFT_RESULT_OK, 3);
    cluster_free(cluster);
}

/* etcd 9f83a29b3, MicroRaft 8cef993: reads that survive a step-down are ended
 * by answers that came for another leadership. */
static void reads_end_with_the_leadership(void **state)
{
    struct cluster *cluster = one_leads(3);
    uint64_t round;

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    round = cluster_status(cluster, 1).round;
    assert_int_equal(play_vote(cluster, 3, 3, 1, 1), 0);
    assert_ended(cluster, 1, CRAFT_RESULT_RETRY, 0);
    assert_int_equal(answer(cluster, 2, round), 0);
    assert_int_equal(cluster_status(cluster, 1).reads_open, 0);
    cluster_free(cluster);
}

/* A leader in a minority answers no read, however long; with check-quorum it
 * says so. */
static void leader_without_a_majority_reads_nothing(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 3);
    options.config.flags = CRAFT_CONFIG_CHECK_QUORUM;
    cluster = cluster_new(&options);
    cluster_elect(cluster, 1);
    cluster_run(cluster, 1);
    cluster_isolate(cluster, 1);
    assert_int_equal(cluster_read(cluster, 1), 0);
    cluster_run(cluster, 9);
    assert_open(cluster, 1);
    cluster_run(cluster, 2);
    assert_ended(cluster, 1, CRAFT_RESULT_RETRY, 0);
    cluster_free(cluster);
}

/* ------------------------------------------------------------- the follower */

static void follower_asks_its_leader(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(read_reply(cluster, 2, 2, question_to(cluster, 2), 2), 0);
    assert_open(cluster, 1); /* not applied here */
    hear_commit(cluster, 2);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

/* One question at a time, for all that wait; the next one for those that came
 * meanwhile. */
static void follower_asks_once_for_many_reads(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t question;

    (void)state;
    hear_commit(cluster, 2);
    cluster_hold(cluster, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(cluster_read(cluster, 1), 0);
    }
    cluster_release(cluster, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(cluster_read(cluster, 1), 0);
    }
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_READ), 1);
    question = question_to(cluster, 2);
    assert_int_equal(read_reply(cluster, 2, 2, question, 2), 0);
    assert_ended(cluster, 10, CRAFT_RESULT_OK, 2);
    assert_open(cluster, 11);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_READ), 2);
    assert_true(question_to(cluster, 2) > question);
    assert_int_equal(read_reply(cluster, 2, 2, question_to(cluster, 2), 2), 0);
    assert_ended(cluster, 20, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

static void question_without_an_answer_is_asked_again(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t question;

    (void)state;
    hear_commit(cluster, 2);
    assert_int_equal(cluster_read(cluster, 1), 0);
    question = question_to(cluster, 2);
    assert_int_equal(craft_ticks_until_due(cluster_node(cluster, 1)->node), 2);
    (void)cluster_tick(cluster, 1, 2);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_READ), 2);
    /* The answer to the first was only late. */
    assert_int_equal(read_reply(cluster, 2, 2, question, 2), 0);
    assert_ended(cluster, 1, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

/* The question that an earlier life of this server asked, in the same term,
 * is answered now: of a later read it proves nothing. */
static void answer_to_an_earlier_life_proves_nothing(void **state)
{
    struct cluster *cluster = one_follows();
    uint64_t question;

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    question = question_to(cluster, 2);
    cluster_crash(cluster, 1, CLUSTER_ALL);
    cluster_restart(cluster, 1);
    hear_commit(cluster, 2);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_not_equal(question_to(cluster, 2), question);
    assert_int_equal(read_reply(cluster, 2, 2, question, 1), 0);
    assert_open(cluster, 2);
    /* Whichever of the two numbers is the larger one. */
    assert_int_equal(read_reply(cluster, 2, 2, CRAFT_NUMBER_MAX - 1, 1), 0);
    assert_open(cluster, 2);
    cluster_free(cluster);
}

static void reads_end_when_the_leader_changes(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 3,
                                                               .prev = 2,
                                                               .prev_term = 2}),
                     0);
    assert_ended(cluster, 1, CRAFT_RESULT_RETRY, 0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_READ), 1);
    cluster_free(cluster);
}

/* Held: the old reads end, and those that came after the change are asked of
 * the new leader. */
static void reads_before_and_after_a_change_are_told_apart(void **state)
{
    struct cluster *cluster = one_follows();

    (void)state;
    cluster_hold(cluster, 1);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(play_append(cluster, (struct play_append){.from = 3,
                                                               .term = 3,
                                                               .prev = 2,
                                                               .prev_term = 2,
                                                               .commit = 2}),
                     0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    cluster_release(cluster, 1);
    assert_ended(cluster, 1, CRAFT_RESULT_RETRY, 0);
    assert_open(cluster, 2);
    assert_int_equal(read_reply(cluster, 3, 3, question_to(cluster, 3), 2), 0);
    assert_ended(cluster, 2, CRAFT_RESULT_OK, 2);
    cluster_free(cluster);
}

/* Reads of every server, through a real leader: one round for a question. */
static void followers_and_leader_share_rounds(void **state)
{
    struct cluster *cluster = play_cluster(5);
    uint64_t round;

    (void)state;
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_propose(cluster, 1), 0);
    cluster_settle(cluster);
    round = cluster_status(cluster, 1).round;
    cluster_hold(cluster, 1);
    for (uint32_t i = 1; i <= 5; i++) {
        assert_int_equal(cluster_read(cluster, i), 0);
    }
    (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_READ));
    cluster_release(cluster, 1);
    cluster_settle(cluster); /* no tick: the round told the commit, too */
    assert_int_equal(cluster_status(cluster, 1).round, round + 1);
    for (uint64_t token = 2; token <= 6; token++) {
        assert_ended(cluster, token, CRAFT_RESULT_OK, 3);
    }
    cluster_free(cluster);
}

/* A question of a server that the leader does not count among its own. */
static void question_of_a_stranger_is_no_ones(void **state)
{
    struct cluster *cluster = one_leads(3);
    craft_message message = play_message(cluster, CRAFT_MESSAGE_READ, 2, 2);
    uint64_t round = cluster_status(cluster, 1).round;

    (void)state;
    message.from = 77;
    message.as.read.question = 5;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message), 0);
    assert_int_equal(cluster_status(cluster, 1).round, round);
    cluster_free(cluster);
}

/* ------------------------------------------------------------------ limits */

static void reads_are_bounded(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 3);
    options.puppets = 0xfcu;
    options.config.tokens_max = 3;
    cluster = cluster_new(&options);
    assert_int_equal(craft_read(cluster_node(cluster, 1)->node, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(cluster_read(cluster, 1), CRAFT_ERR_NOT_LEADER);
    hear_commit(cluster, 0); /* a gap: there is a leader, though */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cluster_read(cluster, 1), 0);
    }
    assert_int_equal(cluster_read(cluster, 1), CRAFT_ERR_BUSY);
    assert_int_equal(read_reply(cluster, 2, 2, question_to(cluster, 2), 1), 0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    cluster_free(cluster);
}

static void reads_end_when_the_node_stops(void **state)
{
    struct cluster *cluster = one_leads(3);

    (void)state;
    cluster_node(cluster, 1)->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    assert_int_equal(cluster_propose(cluster, 1), 0);
    assert_int_equal(play_match(cluster, 2, 2, 3), 0);
    assert_int_equal(cluster_read(cluster, 1), 0);
    assert_int_equal(play_present(cluster, 2, 2, 3), 0); /* confirmed */
    assert_int_equal(cluster_read(cluster, 1), 0);       /* not */
    assert_int_equal(cluster_stop(cluster, 1), 0);
    assert_ended(cluster, 2, CRAFT_RESULT_RETRY, 0);
    assert_ended(cluster, 3, CRAFT_RESULT_RETRY, 0);
    cluster_free(cluster);
}

static void answers_that_nobody_gives_are_refused(void **state)
{
    struct cluster *cluster = one_follows();
    craft_message message =
        play_message(cluster, CRAFT_MESSAGE_READ_REPLY, 2, 2);
    uint64_t question;

    (void)state;
    assert_int_equal(cluster_read(cluster, 1), 0);
    question = question_to(cluster, 2);
    message.as.read_reply.question = CRAFT_NUMBER_MAX;
    message.as.read_reply.index = 2;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.as.read_reply.question = question;
    message.as.read_reply.index = 0;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.as.read_reply.index = CRAFT_NUMBER_MAX;
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message),
                     CRAFT_ERR_MESSAGE);
    message.as.read_reply.index = 1;
    message.from = 3; /* does not lead */
    assert_int_equal(cluster_inject_hostile(cluster, 1, &message), 0);
    assert_open(cluster, 1);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leader_reads_when_a_majority_has_answered),
        cmocka_unit_test(answers_to_earlier_rounds_prove_nothing),
        cmocka_unit_test(reads_of_one_hold_share_a_round),
        cmocka_unit_test(new_leader_reads_when_its_no_op_is_committed),
        cmocka_unit_test(single_voter_reads_at_once),
        cmocka_unit_test(read_waits_for_the_state_machine),
        cmocka_unit_test(reads_end_with_the_leadership),
        cmocka_unit_test(leader_without_a_majority_reads_nothing),
        cmocka_unit_test(follower_asks_its_leader),
        cmocka_unit_test(follower_asks_once_for_many_reads),
        cmocka_unit_test(question_without_an_answer_is_asked_again),
        cmocka_unit_test(answer_to_an_earlier_life_proves_nothing),
        cmocka_unit_test(reads_end_when_the_leader_changes),
        cmocka_unit_test(reads_before_and_after_a_change_are_told_apart),
        cmocka_unit_test(followers_and_leader_share_rounds),
        cmocka_unit_test(question_of_a_stranger_is_no_ones),
        cmocka_unit_test(reads_are_bounded),
        cmocka_unit_test(reads_end_when_the_node_stops),
        cmocka_unit_test(answers_that_nobody_gives_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
