/* judge: unusual histories in which all is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judge_play.h"

static void a_plain_history_is_accepted(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a 2b");
    for (uint32_t i = 1; i <= 3; i++) {
        judge_play_apply(play, i, 3, "2a 2b");
    }
    judge_play_elect(play, 2, 3);
    judge_play_replicate(play, 2, "3 3c");
    for (uint32_t i = 1; i <= 3; i++) {
        judge_play_apply(play, i, 6, "3c");
    }
    craft_judge_converged(play->judge);
    assert_int_equal(craft_judge_elections(play->judge), 2);
    assert_int_equal(craft_judge_committed(play->judge)->len, 6);
    judge_play_free(play);
}

static void a_single_voter_commits_alone(void **state)
{
    struct judge_play *play = judge_play_new(1);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a");
    judge_play_apply(play, 1, 3, "2a");
    craft_judge_converged(play->judge);
    judge_play_free(play);
}

static void a_truncated_entry_may_return(void **state)
{
    struct judge_play *play = judge_play_new(3);
    const struct craft_judge_log *log;

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_take(play, 1, 2, "2 2a");
    judge_play_take(play, 1, 3, "2 2a");
    judge_play_crash(play, 3, 0);
    judge_play_start(play, 3, 0);
    judge_play_elect(play, 2, 3);
    /* Server 3 makes room for the no-op of a leader and takes all of it back
     * before that is written; what goes to the disk is what was there. */
    play->status[3].durable_index = 2;
    judge_play_step(play, 3);
    judge_play_save(
        play, 3,
        (struct judge_write){.truncate_from = 3, .first = 3, .entries = "2a"});
    log = &craft_judge_disk(play->judge, 3)->log;
    assert_int_equal(log->len, 3);
    assert_ptr_equal(log->entries[2],
                     craft_judge_disk(play->judge, 2)->log.entries[2]);
    judge_play_step_all(play);
    judge_play_free(play);
}

static void a_tail_that_was_never_committed_is_replaced(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 2, .entries = "2 2a 2b"});
    judge_play_crash(play, 1, 0);
    judge_play_elect(play, 2, 3);
    judge_play_replicate(play, 2, "3 3c");
    judge_play_start(play, 1, 0);
    judge_play_append(play, 2, 1, (struct judge_append){1, 1, "3 3c", 3});
    judge_play_save(
        play, 1,
        (struct judge_write){
            .term = 3, .truncate_from = 2, .first = 2, .entries = "3 3c"});
    judge_play_match(play, 1, 2, 3);
    play->status[1].commit_index = 3;
    play->status[1].leader = judge_play_id(2);
    judge_play_step(play, 1);
    for (uint32_t i = 1; i <= 3; i++) {
        judge_play_apply(play, i, 3, "3c");
    }
    craft_judge_converged(play->judge);
    judge_play_free(play);
}

static void a_full_disk_voids_and_is_asked_anew(void **state)
{
    struct judge_play *play = judge_play_new(3);
    uint64_t first;
    uint64_t second;

    (void)state;
    judge_play_elect(play, 1, 2);
    first = judge_play_write(play, 1,
                             (struct judge_write){.first = 2, .entries = "2"});
    second = judge_play_write(
        play, 1, (struct judge_write){.first = 3, .entries = "2a"});
    craft_judge_persisted(play->judge, 1, first, CRAFT_ENDING_NOSPACE, 0);
    assert_int_equal(craft_judge_records(play->judge, 1), 0);
    play->status[1].persists_open = 0;
    play->status[1].role = CRAFT_ROLE_FOLLOWER;
    judge_play_step(play, 1);
    /* Late endings of what was voided say nothing. */
    craft_judge_persisted(play->judge, 1, second, CRAFT_ENDING_OK, 0);
    craft_judge_persisted(play->judge, 1, first, CRAFT_ENDING_OK, 0);
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 1);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 2, .entries = "2 2a"});
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 3);
    judge_play_step(play, 1);
    judge_play_free(play);
}

static void the_later_of_two_endings_covers_the_earlier(void **state)
{
    struct judge_play *play = judge_play_new(3);
    uint64_t first;

    (void)state;
    judge_play_elect(play, 1, 2);
    first = judge_play_write(play, 1,
                             (struct judge_write){.first = 2, .entries = "2"});
    judge_play_wrote(
        play, 1,
        judge_play_write(play, 1,
                         (struct judge_write){.first = 3, .entries = "2a"}));
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 3);
    judge_play_wrote(play, 1, first);
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 3);
    judge_play_step(play, 1);
    judge_play_free(play);
}

static void a_crash_leaves_a_prefix_of_what_was_written(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 2, .entries = "2"});
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 3, .entries = "2a"});
    judge_play_crash(play, 1, 1);
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 2);
    judge_play_start(play, 1, 0);
    judge_play_step(play, 1);
    judge_play_elect(play, 1, 3);
    judge_play_take(play, 1, 2, "2 3");
    judge_play_free(play);
}

static void a_vote_may_be_repeated_for_the_same_candidate(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_grant(play, 2, 1);
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 0);
    judge_play_grant(play, 2, 1);
    judge_play_free(play);
}

static void two_candidates_may_share_a_term(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    for (uint32_t i = 1; i <= 2; i++) {
        judge_play_save(
            play, i,
            (struct judge_write){.term = 2, .voted_for = judge_play_id(i)});
        judge_play_ask(play, i);
    }
    judge_play_step_all(play);
    judge_play_free(play);
}

/* Its acknowledgements were under way while another was elected. */
static void a_leader_may_learn_late_that_it_has_committed(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 2, .entries = "2 2a"});
    judge_play_take(play, 1, 2, "2 2a");
    judge_play_save(
        play, 2,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    judge_play_ask(play, 2);
    judge_play_save(
        play, 3,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    judge_play_grant(play, 3, 2);
    play->status[2].role = CRAFT_ROLE_LEADER;
    judge_play_step(play, 2);
    play->status[1].commit_index = 3;
    judge_play_step(play, 1);
    assert_int_equal(craft_judge_committed(play->judge)->len, 3);

    /* Also when the other has committed more by then. */
    judge_play_take(play, 2, 3, "2 2a 3");
    judge_play_free(play);
}

static void a_server_may_start_with_what_it_has_applied(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a 2b");
    judge_play_apply(play, 2, 3, "2a 2b");
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 3);
    play->status[2].commit_index = 4;
    judge_play_apply(play, 2, 4, "2b");
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 0);
    play->status[2].commit_index = 4;
    judge_play_apply(play, 2, 3, "2a 2b"); /* it was not durable */
    judge_play_free(play);
}

static void what_a_batch_left_over_comes_again(void **state)
{
    struct judge_play *play = judge_play_new(3);
    const craft_entry *batch;
    size_t len;

    (void)state;
    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a 2b 2c");
    batch = judge_play_entries(play, 3, "2a 2b 2c", &len);
    craft_judge_apply(play->judge, 1, batch, len);
    craft_judge_applied(play->judge, 1, 2, CRAFT_ENDING_OK);
    play->status[1].applied_index = 2;
    judge_play_step(play, 1);
    craft_judge_apply(play->judge, 1, batch, len);
    craft_judge_applied(play->judge, 1, 9, CRAFT_ENDING_OK); /* refused */
    craft_judge_applied(play->judge, 1, 4, CRAFT_ENDING_OK);
    play->status[1].applied_index = 4;
    judge_play_step(play, 1);
    judge_play_apply(play, 1, 5, "2c");
    judge_play_free(play);
}

/* It is no member yet: nobody waits for it. */
static void a_joining_server_begins_with_nothing(void **state)
{
    const craft_id ids[] = {11, 12};
    craft_config configs[2];
    struct craft_judge_options options = {2, ids, configs, true, NULL};
    struct craft_judge *judge;
    craft_status status;

    (void)state;
    craft_config_init(&configs[0], sizeof configs[0]);
    configs[1] = configs[0];
    judge = craft_judge_new(&options);
    assert_non_null(judge);
    craft_judge_start(judge, 2, NULL, 0);
    memset(&status, 0, sizeof status);
    status.flags = CRAFT_STATUS_STARTED;
    craft_judge_step_status(judge, 2, &status, 0);
    assert_null(craft_judge_broken(judge));
    craft_judge_free(judge);
}

/* Of each fate, while nothing is amiss. */
static void requests_end_with_their_fates(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    assert_int_equal(judge_play_propose(play, 1), 1);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 2, .entries = "2 2a#1"});
    judge_play_take(play, 1, 2, "2 2a");
    judge_play_take(play, 1, 3, "2 2a");
    play->status[1].commit_index = 3;
    judge_play_step(play, 1);
    judge_play_apply(play, 1, 3, "2a#1");
    judge_play_done(play, 1, 1, CRAFT_RESULT_OK, 3);
    assert_int_equal(craft_judge_committed(play->judge)->entries[2]->token, 1);

    assert_int_equal(judge_play_propose(play, 1), 2); /* nobody hears of it */
    judge_play_crash(play, 3, 0);
    judge_play_start(play, 3, 0);
    judge_play_elect(play, 2, 3);
    judge_play_replicate(play, 2, "3");
    judge_play_done(play, 1, 2, CRAFT_RESULT_SUPERSEDED, 4);
    judge_play_step_all(play);

    assert_int_equal(judge_play_propose(play, 2), 3);
    play->status[2].flags |= CRAFT_STATUS_STOPPED;
    judge_play_step(play, 2);
    judge_play_done(play, 2, 3, CRAFT_RESULT_UNKNOWN, 5);
    judge_play_free(play);
}

/* Its entry went and came back, and is applied without its token. */
static void a_request_ends_well_when_its_entry_returns(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_elect(play, 1, 2);
    (void)judge_play_propose(play, 1);
    (void)judge_play_write(
        play, 1, (struct judge_write){.first = 2, .entries = "2 2a#1"});
    judge_play_take(play, 1, 2, "2 2a");
    judge_play_elect(play, 2, 3);
    judge_play_take(play, 2, 3, "2 2a 3");
    play->status[1].durable_index = 1;
    judge_play_step(play, 1);
    judge_play_append(play, 2, 1, (struct judge_append){1, 1, "2 2a 3", 1});
    judge_play_save(play, 1,
                    (struct judge_write){
                        .truncate_from = 2, .first = 2, .entries = "2 2a 3"});
    judge_play_save(play, 2, (struct judge_write){.first = 4, .entries = "3"});
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    judge_play_apply(play, 1, 3, "2a");
    judge_play_done(play, 1, 1, CRAFT_RESULT_OK, 3);
    judge_play_free(play);
}

/* Far back in a long log, where entries are found by jumps. */
static void a_probe_may_reach_far_back(void **state)
{
    struct judge_play *play = judge_play_new(3);
    const struct craft_judge_log *log;

    (void)state;
    judge_play_elect(play, 1, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        play->pool_len = 3; /* all is written: nothing is lent */
        judge_play_save(play, 1,
                        (struct judge_write){.first = 2 + i, .entries = "2x"});
    }
    log = &craft_judge_disk(play->judge, 1)->log;
    assert_int_equal(log->len, 1001);
    for (craft_index i = 1; i <= 1000; i++) {
        play->pool_len = 3;
        judge_play_append(play, 1, 2,
                          (struct judge_append){i, i > 1 ? 2 : 1, "2x", 1});
        assert_int_equal(log->entries[i - 1]->index, i);
    }
    judge_play_free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_history_is_accepted),
        cmocka_unit_test(a_single_voter_commits_alone),
        cmocka_unit_test(a_truncated_entry_may_return),
        cmocka_unit_test(a_tail_that_was_never_committed_is_replaced),
        cmocka_unit_test(a_full_disk_voids_and_is_asked_anew),
        cmocka_unit_test(the_later_of_two_endings_covers_the_earlier),
        cmocka_unit_test(a_crash_leaves_a_prefix_of_what_was_written),
        cmocka_unit_test(a_vote_may_be_repeated_for_the_same_candidate),
        cmocka_unit_test(two_candidates_may_share_a_term),
        cmocka_unit_test(a_leader_may_learn_late_that_it_has_committed),
        cmocka_unit_test(a_server_may_start_with_what_it_has_applied),
        cmocka_unit_test(what_a_batch_left_over_comes_again),
        cmocka_unit_test(a_joining_server_begins_with_nothing),
        cmocka_unit_test(requests_end_with_their_fates),
        cmocka_unit_test(a_request_ends_well_when_its_entry_returns),
        cmocka_unit_test(a_probe_may_reach_far_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
