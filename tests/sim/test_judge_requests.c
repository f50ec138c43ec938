/* judge: requests with a wrong fate, wrong batches, wrong statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judge_play.h"

/* Server 1 leads term 2, all have [1 2 2a], committed, not applied. */
static struct judge_play *play_led(void)
{
    struct judge_play *play = judge_play_new(3);

    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a");
    return play;
}

/* Token 1 is the leader's 4@2, on its disk alone. */
static struct judge_play *play_proposed(void)
{
    struct judge_play *play = play_led();

    (void)judge_play_propose(play, 1);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 4, .entries = "2b#1"});
    return play;
}

/* It is committed, too. */
static struct judge_play *play_agreed(void)
{
    struct judge_play *play = play_proposed();

    judge_play_take(play, 1, 2, "2b");
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    return play;
}

/* ----------------------------------------------------------------- requests */

static void fate_convicts(struct judge_play *play, int result,
                          craft_index index, const char *words)
{
    judge_play_done(play, 1, 1, result, index);
    judge_play_convicted(play, words);
}

static void a_request_that_ends_before_it_is_applied(void **state)
{
    (void)state;
    fate_convicts(play_agreed(), CRAFT_RESULT_OK, 4, "as applied, which it is");
}

static void a_request_that_ends_well_and_was_never_written(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_apply(play, 1, 3, "2a");
    (void)judge_play_propose(play, 1);
    fate_convicts(play, CRAFT_RESULT_OK, 3, "as applied, which it is");
}

static void a_request_superseded_before_that_is_certain(void **state)
{
    (void)state;
    fate_convicts(play_proposed(), CRAFT_RESULT_SUPERSEDED, 4,
                  "as superseded, which is not certain");
}

static void a_request_superseded_though_committed(void **state)
{
    (void)state;
    fate_convicts(play_agreed(), CRAFT_RESULT_SUPERSEDED, 4,
                  "as superseded, which is not certain");
}

static void a_request_unknown_while_its_server_goes_on(void **state)
{
    (void)state;
    fate_convicts(play_proposed(), CRAFT_RESULT_UNKNOWN, 4,
                  "as unknown, while it goes on");
}

static void a_request_with_no_such_result(void **state)
{
    (void)state;
    fate_convicts(play_proposed(), 7, 4, "with no such result");
}

static void a_request_that_ends_elsewhere(void **state)
{
    (void)state;
    fate_convicts(play_agreed(), CRAFT_RESULT_OK, 3, "at an index that is not");
}

static void a_request_that_ends_twice(void **state)
{
    struct judge_play *play = play_agreed();

    (void)state;
    judge_play_apply(play, 1, 3, "2a 2b#1");
    judge_play_done(play, 1, 1, CRAFT_RESULT_OK, 4);
    assert_null(craft_judge_broken(play->judge));
    fate_convicts(play, CRAFT_RESULT_OK, 4,
                  "1 ends token 1, which is not open");
}

static void a_request_that_was_never_given(void **state)
{
    struct judge_play *play = play_agreed();

    (void)state;
    judge_play_done(play, 1, 2, CRAFT_RESULT_OK, 4);
    judge_play_convicted(play, "1 ends token 2, which is not open");
}

static void a_request_that_another_server_ends(void **state)
{
    struct judge_play *play = play_agreed();

    (void)state;
    judge_play_done(play, 2, 1, CRAFT_RESULT_OK, 4);
    judge_play_convicted(play, "2 ends token 1, which is not open");
}

static void a_request_that_ends_in_another_life(void **state)
{
    struct judge_play *play = play_agreed();

    (void)state;
    judge_play_crash(play, 1, 0);
    judge_play_start(play, 1, 0);
    fate_convicts(play, CRAFT_RESULT_OK, 4,
                  "1 ends token 1, which is not open");
}

static void a_request_that_is_forgotten(void **state)
{
    struct judge_play *play = play_proposed();

    (void)state;
    play->status[1].tokens_open = 0;
    judge_play_step(play, 1);
    judge_play_convicted(play, "it has lost a request");
}

static void a_token_on_another_server(void **state)
{
    struct judge_play *play = play_proposed();

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    judge_play_step(play, 2);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b#1", 3});
    assert_null(craft_judge_broken(play->judge));
    judge_play_save(play, 3,
                    (struct judge_write){.first = 4, .entries = "2b#1"});
    judge_play_convicted(play, "3: entry 4@2 has token 1, which is not of");
}

static void a_token_on_two_entries(void **state)
{
    struct judge_play *play = play_proposed();

    (void)state;
    judge_play_save(play, 1,
                    (struct judge_write){.first = 5, .entries = "2c#1"});
    judge_play_convicted(play, "1: entry 5@2 has token 1 of another entry");
}

static void two_tokens_on_an_entry(void **state)
{
    struct judge_play *play = play_proposed();

    (void)state;
    (void)judge_play_propose(play, 1);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b#2", 3});
    judge_play_convicted(play, "1: entry 4@2 has token 2 of another entry");
}

static void a_token_on_an_entry_of_another_term(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    (void)judge_play_propose(play, 1);
    judge_play_elect(play, 1, 3);
    judge_play_save(play, 1,
                    (struct judge_write){.first = 4, .entries = "3b#1"});
    judge_play_convicted(play, "1: entry 4@3 has token 1 of another entry");
}

/* ------------------------------------------------------------ state machine */

static void batch_convicts(struct judge_play *play, uint32_t server,
                           craft_index first, const char *entries,
                           const char *words)
{
    size_t len = 0;
    const craft_entry *batch = judge_play_entries(play, first, entries, &len);

    craft_judge_apply(play->judge, server, batch, len);
    judge_play_convicted(play, words);
}

static void a_command_applied_twice(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_apply(play, 1, 3, "2a");
    batch_convicts(play, 1, 3, "2a", "1 applies what it has applied: 3");
}

static void a_command_applied_before_it_is_committed(void **state)
{
    (void)state;
    batch_convicts(play_proposed(), 1, 3, "2a 2b#1",
                   "1 applies what is not committed: 3 and 1 more");
}

static void a_command_applied_before_it_is_durable(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    judge_play_take(play, 1, 3, "2b");
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 4, .entries = "2b"});
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    batch_convicts(play, 1, 3, "2a 2b", "1 applies ahead of its disk");
}

static void a_command_left_out(void **state)
{
    struct judge_play *play = play_agreed();

    (void)state;
    batch_convicts(play, 1, 4, "2b", "1 never applies 3");
}

static void a_command_passed_over(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    play->status[1].applied_index = 3;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1 never applies 3");
}

static void a_batch_of_something_else(void **state)
{
    (void)state;
    batch_convicts(play_led(), 1, 3, "3a", "state machine safety: 1 applies");
    batch_convicts(play_led(), 1, 2, "2 2a", "state machine safety: 1 applies");
    batch_convicts(play_led(), 1, 3, "2z", "log matching: 1 has another entry");
    batch_convicts(play_led(), 1, 3, NULL, "1 applies nothing");
}

static void a_batch_with_a_gap(void **state)
{
    struct judge_play *play = play_agreed();
    size_t len;
    craft_entry *batch = judge_play_entries(play, 3, "2a 2b", &len);

    (void)state;
    batch[1].index = 5;
    craft_judge_apply(play->judge, 1, batch, len);
    judge_play_convicted(play, "state machine safety: 1 applies 5@2");
}

static void two_batches_at_once(void **state)
{
    struct judge_play *play = play_agreed();
    size_t len;
    const craft_entry *batch = judge_play_entries(play, 3, "2a", &len);

    (void)state;
    craft_judge_apply(play->judge, 1, batch, len);
    batch_convicts(play, 1, 4, "2b", "1 applies while it is applying");
}

static void a_batch_that_changes_before_its_ending(void **state)
{
    struct judge_play *play = play_led();
    size_t len;
    craft_entry *batch = judge_play_entries(play, 3, "2a", &len);

    (void)state;
    craft_judge_apply(play->judge, 1, batch, len);
    batch->data = (const uint8_t *)"z";
    craft_judge_applied(play->judge, 1, 3, CRAFT_ENDING_OK);
    judge_play_convicted(play, "1: the batch to apply up to 3 has changed");
}

static void a_server_that_goes_on_after_a_failed_apply(void **state)
{
    struct judge_play *play = play_led();
    size_t len;
    const craft_entry *batch = judge_play_entries(play, 3, "2a", &len);

    (void)state;
    craft_judge_apply(play->judge, 1, batch, len);
    craft_judge_applied(play->judge, 1, 3, CRAFT_ENDING_ERROR);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, NULL, 3});
    judge_play_convicted(play, "1 sends a message after it has come to its");
}

/* ------------------------------------------------------- what a server says */

static void status_convicts(uint32_t server,
                            void (*change)(craft_status *status),
                            const char *words)
{
    struct judge_play *play = play_led();

    judge_play_apply(play, server, 3, "2a");
    assert_null(craft_judge_broken(play->judge));
    change(&play->status[server]);
    judge_play_step(play, server);
    judge_play_convicted(play, words);
}

static void term_falls(craft_status *status)
{
    status->term--;
    status->role = CRAFT_ROLE_FOLLOWER;
}

static void vote_changes(craft_status *status)
{
    status->voted_for = judge_play_id(3);
}

static void commit_falls(craft_status *status)
{
    status->commit_index--;
}

static void applied_falls(craft_status *status)
{
    status->applied_index--;
}

static void durable_rises(craft_status *status)
{
    status->durable_index = 4;
}

static void durable_falls(craft_status *status)
{
    status->durable_index = 2;
}

static void applied_rises(craft_status *status)
{
    status->applied_index = 4;
}

static void record_appears(craft_status *status)
{
    status->persists_open = 3;
}

static void token_appears(craft_status *status)
{
    status->tokens_open = 1;
}

static void log_in_memory_grows(craft_status *status)
{
    status->first_index = 2;
    status->log_bytes = 100000;
}

static void statuses_that_must_not_be(void **state)
{
    (void)state;
    status_convicts(2, term_falls, "2: term falls");
    status_convicts(2, vote_changes, "2: vote changes within a term");
    status_convicts(2, commit_falls, "2: commit index falls");
    status_convicts(2, applied_falls, "2: applied index falls");
    status_convicts(2, durable_rises, "2: what it calls durable is not on");
    status_convicts(2, durable_falls, "2: it has applied what is not");
    status_convicts(2, applied_rises, "2: it has applied what is not");
    status_convicts(2, record_appears, "2: it has lost a record");
    status_convicts(2, token_appears, "2: it has lost a request");
    status_convicts(2, log_in_memory_grows, "2 keeps 100000 bytes of its log");
}

static void a_record_that_is_forgotten(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 4, .entries = "2b"});
    play->status[1].persists_open = 0;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1: it has lost a record");
}

static void a_batch_called_applied_before_its_ending(void **state)
{
    struct judge_play *play = play_led();
    size_t len;
    const craft_entry *batch = judge_play_entries(play, 3, "2a", &len);

    (void)state;
    craft_judge_apply(play->judge, 1, batch, len);
    play->status[1].applied_index = 3;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1: it calls a batch applied that has not");
}

/* A term that a message has told. */
static void a_term_that_falls_behind_its_messages(void **state)
{
    struct judge_play *play = play_led();
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_VOTE_REPLY, 1, 2);

    (void)state;
    message.term = 3;
    craft_judge_send(play->judge, 1, &message);
    judge_play_step(play, 1);
    judge_play_convicted(play, "1: term falls");
}

static void memory_that_nothing_explains(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    play->memory = (size_t)1 << 15;
    judge_play_step(play, 1);
    assert_null(craft_judge_broken(play->judge));
    play->memory = (size_t)1 << 17;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1 has 131072 bytes of memory");
}

/* --------------------------------------------------------------- agreement */

static struct judge_play *play_converged(void)
{
    struct judge_play *play = play_led();

    for (uint32_t i = 1; i <= 3; i++) {
        judge_play_apply(play, i, 3, "2a");
    }
    return play;
}

static void no_leader_in_the_end(void **state)
{
    struct judge_play *play = play_converged();

    (void)state;
    play->status[1].role = CRAFT_ROLE_FOLLOWER;
    judge_play_step(play, 1);
    craft_judge_converged(play->judge);
    judge_play_convicted(play, "it does not converge: 0 leaders");
}

static void agreement_convicts(void (*change)(craft_status *status))
{
    struct judge_play *play = play_converged();

    change(&play->status[3]);
    judge_play_step(play, 3);
    craft_judge_converged(play->judge);
    judge_play_convicted(play, "3: it does not converge");
}

static void other_leader(craft_status *status)
{
    status->leader = 0;
}

static void longer_log(craft_status *status)
{
    status->last_index++;
}

static void a_server_that_stands_elsewhere_in_the_end(void **state)
{
    (void)state;
    agreement_convicts(other_leader);
    agreement_convicts(longer_log);
}

static void a_server_that_has_not_applied_all_in_the_end(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_apply(play, 1, 3, "2a");
    judge_play_apply(play, 2, 3, "2a");
    craft_judge_converged(play->judge);
    judge_play_convicted(play, "3: it does not converge");
}

static void a_request_that_never_ends(void **state)
{
    struct judge_play *play = play_converged();

    (void)state;
    (void)judge_play_propose(play, 1);
    judge_play_step(play, 1);
    craft_judge_converged(play->judge);
    judge_play_convicted(play, "1: it does not converge");
}

static void the_first_conviction_stays(void **state)
{
    struct judge_play *play = play_converged();

    (void)state;
    craft_judge_convict(play->judge, "%s %u", "replies differ", 4u);
    craft_judge_convict(play->judge, "something else");
    judge_play_elect(play, 2, 1);
    judge_play_convicted(play, "replies differ 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_ends_before_it_is_applied),
        cmocka_unit_test(a_request_that_ends_well_and_was_never_written),
        cmocka_unit_test(a_request_superseded_before_that_is_certain),
        cmocka_unit_test(a_request_superseded_though_committed),
        cmocka_unit_test(a_request_unknown_while_its_server_goes_on),
        cmocka_unit_test(a_request_with_no_such_result),
        cmocka_unit_test(a_request_that_ends_elsewhere),
        cmocka_unit_test(a_request_that_ends_twice),
        cmocka_unit_test(a_request_that_was_never_given),
        cmocka_unit_test(a_request_that_another_server_ends),
        cmocka_unit_test(a_request_that_ends_in_another_life),
        cmocka_unit_test(a_request_that_is_forgotten),
        cmocka_unit_test(a_token_on_another_server),
        cmocka_unit_test(a_token_on_two_entries),
        cmocka_unit_test(two_tokens_on_an_entry),
        cmocka_unit_test(a_token_on_an_entry_of_another_term),
        cmocka_unit_test(a_command_applied_twice),
        cmocka_unit_test(a_command_applied_before_it_is_committed),
        cmocka_unit_test(a_command_applied_before_it_is_durable),
        cmocka_unit_test(a_command_left_out),
        cmocka_unit_test(a_command_passed_over),
        cmocka_unit_test(a_batch_of_something_else),
        cmocka_unit_test(a_batch_with_a_gap),
        cmocka_unit_test(two_batches_at_once),
        cmocka_unit_test(a_batch_that_changes_before_its_ending),
        cmocka_unit_test(a_server_that_goes_on_after_a_failed_apply),
        cmocka_unit_test(statuses_that_must_not_be),
        cmocka_unit_test(a_record_that_is_forgotten),
        cmocka_unit_test(a_batch_called_applied_before_its_ending),
        cmocka_unit_test(a_term_that_falls_behind_its_messages),
        cmocka_unit_test(memory_that_nothing_explains),
        cmocka_unit_test(no_leader_in_the_end),
        cmocka_unit_test(a_server_that_stands_elsewhere_in_the_end),
        cmocka_unit_test(a_server_that_has_not_applied_all_in_the_end),
        cmocka_unit_test(a_request_that_never_ends),
        cmocka_unit_test(the_first_conviction_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
