/*
 * Commitment: thesis 3.5, 3.6.2, 10.2.1; Figure 3.1, "Leaders"; Figures 3.7
 * and 3.2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cluster_play.h"

/* Figure 3.1, Leaders: "If there exists an N such that N > commitIndex, a
 * majority of matchIndex[i] >= N, and log[N].term == currentTerm: set
 * commitIndex = N." */
static void leader_commits_what_a_majority_has(void **state)
{
    struct cluster *cluster = play_leader(5);

    (void)state;
    (void)cluster_propose(cluster, 1);
    (void)play_match(cluster, 2, 2, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    (void)play_match(cluster, 3, 2, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    (void)play_match(cluster, 3, 2, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    cluster_free(cluster);
}

/* An even number of voters needs more than half of them. */
static void half_of_four_is_no_majority(void **state)
{
    struct cluster *cluster = play_leader(4);

    (void)state;
    (void)play_match(cluster, 2, 2, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    (void)play_match(cluster, 4, 2, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    cluster_free(cluster);
}

/* 3.6.2: "Raft never commits log entries from previous terms by counting
 * replicas." Pitfall in many, the author's own LogCabin among them (44). */
static void
leader_commits_only_entries_of_its_own_term_by_counting(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .entries = {2, 2}});
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 3, 3, true); /* its no-op is entry 4 */
    (void)play_match(cluster, 2, 3, 3);
    (void)play_match(cluster, 3, 3, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    (void)play_match(cluster, 3, 3, 4);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    cluster_free(cluster);
}

/* Each append carries one entry. */
static struct cluster *five_with_short_messages(void)
{
    struct cluster_options options;

    cluster_options_init(&options, 5);
    options.config.entry_bytes_max = 16;
    options.config.message_bytes_max = 100;
    return cluster_new(&options);
}

/* Campaigns until its votes suffice; of the rest nothing is delivered. */
static void elect_alone(struct cluster *cluster, uint32_t position)
{
    for (int i = 0; i < 400 && cluster_leader(cluster) != position; i++) {
        (void)cluster_tick(cluster, position, 1);
        (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_VOTE));
        (void)cluster_deliver(cluster, play_kind(CRAFT_MESSAGE_VOTE_REPLY));
    }
    assert_int_equal(cluster_leader(cluster), position);
}

static void assert_starts(struct cluster *cluster, uint32_t position,
                          const char *terms)
{
    char text[64];

    play_log(cluster, position, text, sizeof text);
    assert_memory_equal(text, terms, strlen(terms));
}

/* Figure 3.7 (Figure 8 of the paper), step by step, with five real servers.
 * The cluster's own watch would see the committed entry overwritten. */
static void figure_3_7_is_survived(void **state)
{
    struct cluster *cluster = five_with_short_messages();

    (void)state;
    /* (a) S1 leads in term 2 and replicates entry 2 partially, to S2. */
    elect_alone(cluster, 1);
    (void)cluster_deliver(cluster, play_link(1, 2));
    play_forget(cluster);
    assert_starts(cluster, 2, "1 2");
    /* (b) S1 crashes; S5 is elected in term 3 by S3, S4 and itself, and has
     * another entry 2. */
    cluster_crash(cluster, 1, CLUSTER_ALL);
    elect_alone(cluster, 5);
    assert_int_equal(cluster_status(cluster, 5).term, 3);
    play_forget(cluster);
    /* (c) S5 crashes; S1 is elected again and continues: entry 2 of term 2 is
     * on a majority, S1, S2 and S3, but not committed. */
    cluster_crash(cluster, 5, CLUSTER_ALL);
    cluster_restart(cluster, 1);
    elect_alone(cluster, 1);
    assert_in_range(cluster_status(cluster, 1).term, 4, 9);
    (void)cluster_deliver(cluster, play_link(1, 2));
    (void)cluster_deliver(cluster, play_link(2, 1));
    for (int i = 0; i < 2; i++) { /* refused, then entry 2 alone */
        (void)cluster_deliver_one(cluster, play_link(1, 3));
        (void)cluster_deliver(cluster, play_link(3, 1));
    }
    assert_starts(cluster, 3, "1 2");
    assert_int_equal(cluster_peer(cluster, 1, 2).match_index, 3);
    assert_int_equal(cluster_peer(cluster, 1, 3).match_index, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    play_forget(cluster);
    /* (d) S1 crashes; S5 is elected by S3, S4 and itself and overwrites. */
    cluster_crash(cluster, 1, 0);
    cluster_restart(cluster, 5);
    elect_alone(cluster, 5);
    cluster_settle(cluster);
    cluster_run(cluster, 3);
    assert_starts(cluster, 2, "1 3");
    assert_starts(cluster, 3, "1 3");
    assert_in_range(cluster_status(cluster, 5).commit_index, 3, 9);
    cluster_restart(cluster, 1);
    cluster_run(cluster, 5);
    assert_starts(cluster, 1, "1 3");
    cluster_free(cluster);
}

/* Figure 3.7 (e): "if S1 replicates an entry from its current term on a
 * majority ... before crashing, then this entry is committed": all before it
 * are, too, and S5 can win no more. */
static void older_entries_commit_with_one_of_the_own_term(void **state)
{
    struct cluster *cluster = play_cluster(5);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_isolate(cluster, 1);
    (void)cluster_propose(cluster, 1);
    cluster_crash(cluster, 1, CLUSTER_ALL);
    cluster_heal(cluster);
    play_forget(cluster);
    cluster_restart(cluster, 1);
    cluster_cut(cluster, 1, 5);
    cluster_elect(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    cluster_heal(cluster);
    cluster_crash(cluster, 1, 0);
    (void)cluster_campaign(cluster, 5);
    cluster_settle(cluster);
    assert_int_not_equal(cluster_leader(cluster), 5);
    cluster_free(cluster);
}

/* Pitfall: the answering server's match is counted for everybody (willemt
 * 05608a3); a duplicate counts once. */
static void one_server_counts_once(void **state)
{
    struct cluster *cluster = play_leader(5);

    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)play_match(cluster, 2, 2, 2);
    }
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    cluster_free(cluster);
}

/* Pitfall: commit or match goes back (raft.tla 18, KAFKA-16530). */
static void late_acknowledgement_takes_nothing_back(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    (void)cluster_propose(cluster, 1);
    (void)play_match(cluster, 2, 2, 3);
    (void)play_match(cluster, 2, 2, 1);
    assert_int_equal(cluster_peer(cluster, 1, 2).match_index, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    cluster_free(cluster);
}

/* Pitfall: acknowledgements of an old term are counted in the new one. */
static void acknowledgement_of_an_old_term_counts_for_nothing(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    (void)play_vote(cluster, 3, 3, 9, 2);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 2, 4, true);
    assert_int_equal(cluster_leader(cluster), 1);
    (void)play_match(cluster, 2, 2, 3);
    assert_int_equal(cluster_peer(cluster, 1, 2).match_index, 0);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    cluster_free(cluster);
}

/* 10.2.1: the leader writes in parallel with its followers: "The leader may
 * even commit an entry before it has been written to its own disk, if a
 * majority of followers have written it." It applies only what is on its
 * disk. */
static void leader_may_commit_before_its_own_write_ends(void **state)
{
    struct cluster *cluster = play_leader(3);
    craft_status status;

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    assert_int_equal(cluster_node(cluster, 1)->records_len, 1);
    (void)play_match(cluster, 2, 2, 3);
    (void)play_match(cluster, 3, 2, 3);
    status = cluster_status(cluster, 1);
    assert_int_equal(status.commit_index, 3);
    assert_int_equal(status.durable_index, 2);
    assert_int_equal(status.applied_index, 2);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3);
    cluster_free(cluster);
}

/* 10.2.1: appends leave before the write of the leader begins. */
static void appends_leave_before_the_leaders_write(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_present(cluster, 2, 2, 2);
    (void)play_present(cluster, 3, 2, 2);
    play_forget(cluster);
    (void)cluster_propose(cluster, 1);
    assert_int_equal(play_sent_count(cluster, 2, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(play_sent_count(cluster, 3, CRAFT_MESSAGE_APPEND), 1);
    assert_int_equal(cluster_node(cluster, 1)->disk.log.len, 2);
    cluster_free(cluster);
}

/* 10.2.1: the leader counts itself only up to what is durable. Pitfall: a
 * majority of one in memory (etcd 14370, redisraft 2c94439). */
static void leader_counts_itself_only_when_durable(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)play_match(cluster, 2, 2, 3);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    cluster_free(cluster);

    cluster = play_cluster(1);
    cluster_elect(cluster, 1);
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 2);
    assert_int_equal(cluster_token(cluster, 1)->state, CLUSTER_TOKEN_OPEN);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3);
    assert_int_equal(cluster_token(cluster, 1)->state, CLUSTER_TOKEN_ENDED);
    cluster_free(cluster);
}

/* Pitfall: what a leader committed ahead of its disk upsets it when it is
 * deposed (canonical/raft d144504). */
static void
deposed_leader_keeps_what_it_committed_ahead_of_its_disk(void **state)
{
    struct cluster *cluster = play_leader(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    (void)play_match(cluster, 2, 2, 3);
    (void)play_match(cluster, 3, 2, 3);
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 3,
                                                    .prev = 3,
                                                    .prev_term = 2,
                                                    .commit = 4,
                                                    .entries = {3}});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 4);
    while (cluster_persist_one(cluster, 1, CRAFT_ENDING_OK)) {
    }
    assert_int_equal(cluster_status(cluster, 1).applied_index, 4);
    assert_int_equal(cluster_token(cluster, 1)->result, CRAFT_RESULT_OK);
    cluster_free(cluster);
}

/* 3.6.2, 6.4: a leader commits a no-op at the start of its term. Pitfall:
 * inherited entries wait for a client (redisraft PR 22, cowsql 109d2379). */
static void inherited_entries_commit_without_a_client(void **state)
{
    struct cluster *cluster = play_cluster(3);

    (void)state;
    cluster_elect(cluster, 1);
    cluster_cut(cluster, 2, 1);
    cluster_cut(cluster, 3, 1);
    (void)cluster_propose(cluster, 1);
    cluster_settle(cluster);
    cluster_crash(cluster, 1, 0);
    assert_int_equal(cluster_status(cluster, 2).commit_index, 2);
    cluster_heal(cluster);
    cluster_elect(cluster, 2);
    assert_int_equal(cluster_status(cluster, 2).commit_index, 4);
    assert_int_equal(cluster_status(cluster, 2).applied_index, 4);
    cluster_free(cluster);
}

/* 3.5: the commit index travels with appends "so that the other servers
 * eventually find out", with a heartbeat at the latest. */
static void followers_learn_the_commit_with_the_next_heartbeat(void **state)
{
    struct cluster *cluster = play_cluster(3);

    (void)state;
    cluster_elect(cluster, 1);
    (void)cluster_propose(cluster, 1);
    cluster_settle(cluster);
    (void)cluster_tick(cluster, 1, 1);
    cluster_settle(cluster);
    assert_int_equal(cluster_status(cluster, 2).applied_index, 3);
    assert_int_equal(cluster_status(cluster, 3).applied_index, 3);
    cluster_free(cluster);
}

/* Pitfall: a commit that came before the write ended is never looked at again
 * (redpanda PR 31642, braft c278b25). */
static void commit_heard_before_the_write_ends_is_applied_after_it(void **state)
{
    struct cluster *cluster = play_one(3);

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .commit = 3,
                                                    .entries = {2, 2}});
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 1);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3);
    cluster_free(cluster);
}

/* The same when a batch ends, or only entries of the library's own have been
 * passed, while the rest is not durable yet. */
static void applying_goes_on_when_the_disk_catches_up(void **state)
{
    struct cluster *cluster = play_one(3);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 1,
                                                    .prev_term = 1,
                                                    .commit = 2,
                                                    .entries = {2}});
    node->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)play_append(cluster, (struct play_append){.from = 2,
                                                    .term = 2,
                                                    .prev = 2,
                                                    .prev_term = 2,
                                                    .commit = 3,
                                                    .entries = {2}});
    assert_true(cluster_apply_all(cluster, 1));
    assert_null(node->batch);
    assert_true(cluster_persist_all(cluster, 1));
    assert_non_null(node->batch);
    assert_true(cluster_apply_all(cluster, 1));
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3);
    cluster_free(cluster);
}

static void applying_goes_on_behind_a_no_op(void **state)
{
    struct cluster *cluster = play_leader(3); /* its no-op is entry 2 */

    (void)state;
    cluster_node(cluster, 1)->persist_ends = CLUSTER_ENDS_WHEN_TOLD;
    (void)cluster_propose(cluster, 1);
    cluster_hold(cluster, 1);
    (void)play_match(cluster, 2, 2, 3);
    (void)play_match(cluster, 3, 2, 3);
    cluster_release(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 3);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 2);
    (void)cluster_persist_all(cluster, 1);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 3);
    cluster_free(cluster);
}

/* Figure 3.1, All servers: "If commitIndex > lastApplied: increment
 * lastApplied, apply log[lastApplied]": in order, and one batch at a time. */
static void commands_are_applied_in_batches_one_at_a_time(void **state)
{
    struct cluster *cluster = play_one(3);
    struct cluster_node *node = cluster_node(cluster, 1);

    (void)state;
    node->apply_ends = CLUSTER_ENDS_WHEN_TOLD;
    for (craft_index i = 1; i <= 4; i++) {
        (void)play_append(cluster,
                          (struct play_append){.from = 2,
                                               .term = 2,
                                               .prev = i,
                                               .prev_term = i > 1 ? 2 : 1,
                                               .commit = i + 1,
                                               .entries = {2}});
    }
    assert_int_equal(node->batch_last, 2);
    (void)cluster_apply_all(cluster, 1);
    assert_int_equal(node->batch_first, 3);
    assert_int_equal(node->batch_last, 5);
    /* A smaller index: the rest comes again. */
    assert_int_equal(cluster_applied(cluster, 1, 4, CRAFT_ENDING_OK), 0);
    assert_int_equal(node->batch_first, 5);
    assert_int_equal(cluster_applied(cluster, 1, 9, CRAFT_ENDING_OK),
                     CRAFT_ERR_INVALID);
    (void)cluster_apply_all(cluster, 1);
    assert_int_equal(cluster_applied(cluster, 1, 5, CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    assert_int_equal(cluster_status(cluster, 1).applied_index, 5);
    cluster_free(cluster);
}

/* Pitfall: servers that have no vote are counted (openraft beb0302b). */
static void answers_of_strangers_commit_nothing(void **state)
{
    struct cluster_options options;
    struct cluster *cluster;

    (void)state;
    cluster_options_init(&options, 5);
    options.puppets = 0xfcu;
    options.blank = 1u << 4 | 1u << 5;
    cluster = cluster_new(&options);
    (void)cluster_campaign(cluster, 1);
    (void)play_vote_reply(cluster, 4, 2, true);
    (void)play_vote_reply(cluster, 5, 2, true);
    assert_int_equal(cluster_leader(cluster), 0);
    (void)play_vote_reply(cluster, 2, 2, true);
    assert_int_equal(cluster_leader(cluster), 1);
    (void)play_match(cluster, 4, 2, 2);
    (void)play_match(cluster, 5, 2, 2);
    assert_int_equal(cluster_status(cluster, 1).commit_index, 1);
    /* Its higher term is heard all the same. */
    (void)play_reject(cluster, (struct play_reject){.from = 4, .term = 9});
    assert_int_equal(cluster_status(cluster, 1).term, 9);
    cluster_free(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leader_commits_what_a_majority_has),
        cmocka_unit_test(half_of_four_is_no_majority),
        cmocka_unit_test(
            leader_commits_only_entries_of_its_own_term_by_counting),
        cmocka_unit_test(figure_3_7_is_survived),
        cmocka_unit_test(older_entries_commit_with_one_of_the_own_term),
        cmocka_unit_test(one_server_counts_once),
        cmocka_unit_test(late_acknowledgement_takes_nothing_back),
        cmocka_unit_test(acknowledgement_of_an_old_term_counts_for_nothing),
        cmocka_unit_test(leader_may_commit_before_its_own_write_ends),
        cmocka_unit_test(appends_leave_before_the_leaders_write),
        cmocka_unit_test(leader_counts_itself_only_when_durable),
        cmocka_unit_test(
            deposed_leader_keeps_what_it_committed_ahead_of_its_disk),
        cmocka_unit_test(inherited_entries_commit_without_a_client),
        cmocka_unit_test(followers_learn_the_commit_with_the_next_heartbeat),
        cmocka_unit_test(
            commit_heard_before_the_write_ends_is_applied_after_it),
        cmocka_unit_test(applying_goes_on_when_the_disk_catches_up),
        cmocka_unit_test(applying_goes_on_behind_a_no_op),
        cmocka_unit_test(commands_are_applied_in_batches_one_at_a_time),
        cmocka_unit_test(answers_of_strangers_commit_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
