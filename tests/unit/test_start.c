/* The beginning of a life: bootstrap, restore, a voter alone (raft-rs 214). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static struct rig *rig_restored(craft_restore restore)
{
    struct rig *rig = rig_new(1);

    restore.struct_size = sizeof restore;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    return rig;
}

/* --------------------------------------------------------------- bootstrap */

static void bootstrap_refuses_a_list_that_is_no_group(void **state)
{
    craft_member members[20];
    struct rig *rig = rig_new(1);
    uint32_t before;

    (void)state;
    memset(members, 0, sizeof members);
    for (size_t i = 0; i < 20; i++) {
        members[i].id = i + 1;
        members[i].role = CRAFT_MEMBER_LEARNER;
    }
    assert_int_equal(rig_open(rig), 0);
    before = rig_digest(rig);
    assert_int_equal(craft_node_bootstrap(rig->node, NULL, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 3),
                     CRAFT_ERR_INVALID);
    members[0].role = CRAFT_MEMBER_VOTER;
    assert_int_equal(craft_node_bootstrap(rig->node, members, 17),
                     CRAFT_ERR_INVALID);
    members[2].id = 1;
    assert_int_equal(craft_node_bootstrap(rig->node, members, 3),
                     CRAFT_ERR_INVALID);
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 2), 0);
    rig_free(rig);
}

/* Entry 1 is the same on every server that was given the list. */
static void bootstrap_persists_the_configuration_as_entry_one(void **state)
{
    struct rig *rig = rig_new(1);
    uint8_t blob[400];
    size_t len = rig_blob(3, blob, sizeof blob);

    (void)state;
    rig_found(rig, 3);
    assert_string_equal(rig_told(rig),
                        "persist #1 term=1 vote=0 [1@1 configuration]\n");
    assert_int_equal(rig->disk_last, 1);
    assert_int_equal(rig->disk[1].data_len, len);
    assert_memory_equal(rig->disk[1].data, blob, len);
    assert_int_equal(rig_status(rig).commit_index, 1);
    rig_free(rig);
}

static void a_learner_may_bootstrap_and_never_campaigns(void **state)
{
    static const craft_member members[2] = {
        {1, 0, CRAFT_MEMBER_LEARNER, 0, 0, 0, NULL, 0},
        {2, 0, CRAFT_MEMBER_VOTER, 0, 0, 0, NULL, 0}};
    struct rig *rig = rig_new(1);

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_bootstrap(rig->node, members, 2), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_NOT_VOTER);
    assert_int_equal(craft_tick(rig->node, 100), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).term, 1);
    rig_free(rig);
}

/* ----------------------------------------------------------------- restore */

static void restore_refuses_numbers_that_cannot_be(void **state)
{
    static const craft_restore good = {sizeof good, 0, 5, 2, 0, 0, NULL};
    struct rig *rig = rig_new(1);
    craft_restore bad[6] = {good, good, good, good, good, good};

    (void)state;
    bad[0].term = CRAFT_NUMBER_MAX;
    bad[1].voted_for = CRAFT_NUMBER_MAX;
    bad[2].commit_hint = CRAFT_NUMBER_MAX;
    bad[3].applied_index = UINT64_MAX;
    bad[4].struct_size = 0;
    bad[5].term = 0; /* a vote without a term */
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, NULL), CRAFT_ERR_INVALID);
    for (size_t i = 0; i < 6; i++) {
        uint32_t before = rig_digest(rig);

        assert_int_equal(craft_node_restore(rig->node, &bad[i]),
                         i == 5 ? CRAFT_ERR_CORRUPT : CRAFT_ERR_INVALID);
        assert_int_equal(rig_digest(rig), before);
    }
    assert_int_equal(craft_node_restore(rig->node, &good), 0);
    rig_free(rig);
}

static void assert_corrupt(struct rig *rig, const craft_entry *entries,
                           size_t len)
{
    uint32_t before = rig_digest(rig);

    assert_int_equal(craft_node_restore_entries(rig->node, entries, len),
                     CRAFT_ERR_CORRUPT);
    assert_int_equal(rig_digest(rig), before);
    assert_null(craft_check(rig->node));
}

/* raft-rs 214: a log that contradicts itself is refused whole, batch by
 * batch; what is right afterwards is taken. */
static void a_log_that_contradicts_itself_is_refused(void **state)
{
    struct rig *rig = rig_restored((craft_restore){.term = 5});
    craft_entry good[6];
    craft_entry bad[6];

    (void)state;
    rig_entries(good, 6, 1, 2, 10);
    memcpy(bad, good, sizeof good);
    assert_corrupt(rig, good + 1, 3); /* begins behind the first */
    bad[3].index = 5;                 /* a gap */
    assert_corrupt(rig, bad, 6);
    bad[3] = good[2]; /* twice */
    assert_corrupt(rig, bad, 6);
    bad[3] = good[3];
    bad[3].term = 1; /* falls */
    assert_corrupt(rig, bad, 6);
    bad[3].term = 0;
    assert_corrupt(rig, bad, 6);
    bad[3].term = 6; /* beyond the hard state */
    assert_corrupt(rig, bad, 6);
    bad[3] = good[3];
    bad[5].kind = 0;
    assert_corrupt(rig, bad, 6);
    bad[5].kind = 4;
    assert_corrupt(rig, bad, 6);
    bad[5].kind = CRAFT_ENTRY_CONFIGURATION; /* "xxxx" is none */
    assert_corrupt(rig, bad, 6);
    bad[5] = good[5];
    bad[5].data = NULL;
    assert_corrupt(rig, bad, 6);
    assert_int_equal(craft_node_restore_entries(rig->node, good, 6), 0);
    assert_corrupt(rig, good, 6); /* a second time */
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_int_equal(rig_status(rig).last_index, 6);
    rig_free(rig);
}

static void a_configuration_in_a_refused_batch_leaves_no_trace(void **state)
{
    struct rig *rig = rig_restored((craft_restore){.term = 5});
    craft_entry entries[3];
    uint8_t blob[400];

    (void)state;
    rig_entries(entries, 3, 1, 2, 10);
    entries[1].kind = CRAFT_ENTRY_CONFIGURATION;
    entries[1].data = blob;
    entries[1].data_len = rig_blob(3, blob, sizeof blob);
    entries[2].term = 9;
    assert_corrupt(rig, entries, 3);
    assert_int_equal(rig_status(rig).configuration_index, 0);
    entries[2].term = 5;
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 3), 0);
    assert_int_equal(rig_status(rig).configuration_index, 2);
    rig_free(rig);
}

static void known_commits_beyond_the_log_are_corrupt(void **state)
{
    static const craft_restore beyond[] = {
        {.term = 5, .commit_hint = 7},
        {.term = 5, .applied_index = 7},
        {.term = 5, .applied_index = 3, .commit_hint = 7},
    };
    craft_entry entries[7];

    (void)state;
    rig_entries(entries, 7, 1, 2, 10);
    for (size_t i = 0; i < 3; i++) {
        struct rig *rig = rig_restored(beyond[i]);

        assert_int_equal(craft_node_restore_entries(rig->node, entries, 6), 0);
        assert_int_equal(craft_node_start(rig->node), CRAFT_ERR_CORRUPT);
        assert_int_equal(craft_tick(rig->node, 1), CRAFT_ERR_STATE);
        assert_int_equal(craft_node_restore_entries(rig->node, entries + 6, 1),
                         0);
        assert_int_equal(craft_node_start(rig->node), 0);
        assert_int_equal(rig_status(rig).commit_index, 7);
        rig_free(rig);
    }
}

static void a_restored_node_stands_where_it_stood(void **state)
{
    struct rig *rig = rig_restored((craft_restore){
        .term = 9, .voted_for = 3, .commit_hint = 5, .applied_index = 2});
    craft_entry entries[8];
    craft_status status;

    (void)state;
    rig_entries(entries, 8, 1, 2, 1);
    entries[7].term = 4;
    entries[0].token = entries[4].token = 99; /* means nothing any more */
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 3), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, NULL, 0), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, entries + 3, 5), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    status = rig_status(rig);
    assert_int_equal(status.term, 9);
    assert_int_equal(status.voted_for, 3);
    assert_int_equal(status.role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(status.leader, 0);
    assert_int_equal(status.last_index, 8);
    assert_int_equal(status.last_term, 4);
    assert_int_equal(status.durable_index, 8);
    assert_int_equal(status.commit_index, 5);
    assert_int_equal(status.applied_index, 2);
    /* Nothing to write; what is committed and not applied goes on. */
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_APPLY);
    assert_int_equal(rig->effect.entries[0].index, 3);
    assert_int_equal(rig->effect.entries_len, 3);
    assert_int_equal(rig->effect.entries[2].token, 0);
    rig_free(rig);
}

static void a_vote_is_kept_through_a_restore(void **state)
{
    struct rig *rig = rig_restored((craft_restore){.term = 9, .voted_for = 3});
    craft_message vote;

    (void)state;
    assert_int_equal(craft_node_start(rig->node), 0);
    vote = rig_message(rig, CRAFT_MESSAGE_VOTE, 2, 9);
    vote.as.vote.last_index = 100;
    vote.as.vote.last_term = 8;
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 2 vote_reply t9 refused\n");
    vote.from = 3;
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 3 vote_reply t9 granted\n");
    rig_free(rig);
}

/* ------------------------------------------------------------- a lone voter */

static void a_lone_voter_leads_after_its_vote_is_durable(void **state)
{
    struct rig *rig = rig_new(1);
    uint32_t due;

    (void)state;
    rig_found(rig, 1);
    (void)rig_told(rig);
    rig->slow_disk = true;
    due = craft_ticks_until_due(rig->node);
    assert_int_equal(craft_tick(rig->node, due), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #2 term=2 vote=1\n");
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_CANDIDATE);
    /* Its disk is slow: waiting does not raise the term. */
    assert_int_equal(craft_tick(rig->node, 1000), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).term, 2);
    assert_int_equal(rig_persisted(rig), 0);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_LEADER);
    assert_int_equal(rig_status(rig).term, 2);
    rig_free(rig);
}

static void a_lone_voter_applies_only_what_is_durable(void **state)
{
    struct rig *rig = rig_new(1);

    (void)state;
    rig_lead(rig, 1);
    (void)rig_told(rig);
    rig->slow_disk = true;
    assert_int_equal(craft_propose(rig->node, (const uint8_t *)"x", 1, 5), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #4 [3@2 \"x\"]\n");
    assert_int_equal(rig_status(rig).commit_index, 2);
    assert_int_equal(rig_persisted(rig), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "apply [3@2 \"x\"]\n"
                                       "done token=5 ok index=3\n");
    rig_free(rig);
}

static void a_lone_voter_comes_back_with_one_new_term(void **state)
{
    struct rig *rig = rig_restored((craft_restore){.term = 2, .voted_for = 1});
    craft_entry entries[3];
    uint8_t blob[200];

    (void)state;
    rig_entries(entries, 3, 1, 1, 1);
    entries[0].kind = CRAFT_ENTRY_CONFIGURATION;
    entries[0].data = blob;
    entries[0].data_len = rig_blob(1, blob, sizeof blob);
    entries[1].term = entries[2].term = 2;
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 3), 0);
    rig->disk_last = 3;
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(craft_tick(rig->node, craft_ticks_until_due(rig->node)),
                     0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #1 term=3 vote=1\n"
                                       "persist #2 [4@3 noop]\n"
                                       "apply [2@2 \"x\" 3@2 \"x\"]\n");
    assert_int_equal(rig_status(rig).term, 3);
    assert_int_equal(rig_status(rig).applied_index, 4);
    rig_free(rig);
}

/* A store that was made and never written to: no term, no vote, no log. */
static void an_empty_store_is_a_beginning(void **state)
{
    struct rig *rig = rig_restored((craft_restore){.term = 0});

    (void)state;
    assert_int_equal(craft_node_restore_entries(rig->node, NULL, 0), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, NULL, 1),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_status(rig).last_index, 0);
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_NOT_VOTER);
    rig_free(rig);
}

/* "currentTerm, votedFor: updated on stable storage before responding"
 * (Figure 3.1): also of a server that has no log yet. */
static void a_joining_server_keeps_its_vote(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message vote;

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    vote = rig_message(rig, CRAFT_MESSAGE_VOTE, 2, 5);
    vote.as.vote.last_index = 3;
    vote.as.vote.last_term = 2;
    assert_int_equal(craft_receive(rig->node, &vote), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "persist #1 term=5 vote=2\n"
                                       "1 -> 2 vote_reply t5 granted\n");
    rig_free(rig);
}

/* It has no configuration, and follows whoever leads all the same. */
static void a_joining_server_gives_up_what_conflicts(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[3];
    craft_append payload = {0, 0, 0, entries, 3};

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_entries(entries, 3, 1, 2, 1);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig->disk_last, 3);
    rig_entries(entries, 1, 2, 3, 1);
    payload = (craft_append){1, 2, 1, entries, 1};
    assert_int_equal(rig_append(rig, 3, 3, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig->disk_last, 2);
    assert_int_equal(rig->disk[2].term, 3);
    assert_int_equal(rig_status(rig).last_index, 2);
    rig_free(rig);
}

/* "Reply false if log doesn't contain an entry at prevLogIndex" (Figure 3.1):
 * it contains none, and says so. */
static void a_joining_server_asks_for_the_log_from_its_beginning(void **state)
{
    struct rig *rig = rig_new(1);
    craft_append payload = {5, 2, 3, NULL, 0};

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_int_equal(rig_append(rig, 2, 2, &payload), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "1 -> 2 append_reply t2 rejected=5 hint=0@0\n"));
    assert_int_equal(rig_status(rig).commit_index, 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_refuses_a_list_that_is_no_group),
        cmocka_unit_test(bootstrap_persists_the_configuration_as_entry_one),
        cmocka_unit_test(a_learner_may_bootstrap_and_never_campaigns),
        cmocka_unit_test(restore_refuses_numbers_that_cannot_be),
        cmocka_unit_test(a_log_that_contradicts_itself_is_refused),
        cmocka_unit_test(a_configuration_in_a_refused_batch_leaves_no_trace),
        cmocka_unit_test(known_commits_beyond_the_log_are_corrupt),
        cmocka_unit_test(a_restored_node_stands_where_it_stood),
        cmocka_unit_test(a_vote_is_kept_through_a_restore),
        cmocka_unit_test(a_lone_voter_leads_after_its_vote_is_durable),
        cmocka_unit_test(a_lone_voter_applies_only_what_is_durable),
        cmocka_unit_test(a_lone_voter_comes_back_with_one_new_term),
        cmocka_unit_test(an_empty_store_is_a_beginning),
        cmocka_unit_test(a_joining_server_keeps_its_vote),
        cmocka_unit_test(a_joining_server_gives_up_what_conflicts),
        cmocka_unit_test(a_joining_server_asks_for_the_log_from_its_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
