/* judge: commands that went to a leader, and what became of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judge_play.h"

/* Server 1 leads term 2, all have [1 2 2a]; the commands were offered to 2. */
static struct judge_play *play_offered(uint32_t commands)
{
    struct judge_play *play = judge_play_new(3);

    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a");
    for (uint32_t i = 0; i < commands; i++) {
        (void)judge_play_propose(play, 2);
    }
    return play;
}

/* They were sent, and are committed from 4 on, but applied nowhere. */
static struct judge_play *play_entered(uint32_t commands, const char *entries)
{
    struct judge_play *play = play_offered(commands);

    judge_play_forward(play, 2, 1, entries);
    judge_play_replicate(play, 1, entries);
    judge_play_taken(play, 1, 2, 4, commands);
    return play;
}

/* ------------------------------------------------------------------ healthy */

static void a_command_goes_to_the_leader_and_is_applied_here(void **state)
{
    struct judge_play *play = play_entered(2, "2A 2B");

    (void)state;
    judge_play_apply(play, 2, 3, "2a 2A 2B");
    judge_play_done(play, 2, 1, CRAFT_RESULT_OK, 4);
    judge_play_done(play, 2, 2, CRAFT_RESULT_OK, 5);
    judge_play_step(play, 2);
    assert_int_equal(craft_judge_proposed(play->judge, 2)->index, 5);
    judge_play_free(play);
}

/* The second would have come behind it. */
static void refused_commands_may_be_offered_again(void **state)
{
    struct judge_play *play = play_offered(2);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_done(play, 2, 1, CRAFT_RESULT_REFUSED, 0);
    judge_play_done(play, 2, 2, CRAFT_RESULT_REFUSED, 0);
    assert_int_equal(judge_play_propose(play, 2), 3);
    judge_play_forward(play, 2, 1, "2C");
    judge_play_replicate(play, 1, "2C");
    judge_play_apply(play, 2, 3, "2a 2C");
    judge_play_done(play, 2, 3, CRAFT_RESULT_OK, 4);
    judge_play_step(play, 2);
    assert_null(craft_judge_proposed(play->judge, 1));
    judge_play_free(play);
}

static void a_command_without_an_answer_may_enter_late(void **state)
{
    struct judge_play *play = play_offered(2);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_done(play, 2, 1, CRAFT_RESULT_UNKNOWN, 0);
    judge_play_done(play, 2, 2, CRAFT_RESULT_REFUSED, 0);
    judge_play_step(play, 2);
    judge_play_replicate(play, 1, "2A");
    judge_play_free(play);
}

/* Nobody but the old leader ever has it. */
static void a_command_of_an_old_term_is_superseded(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_taken(play, 1, 2, 3, 1);
    judge_play_elect(play, 3, 3);
    judge_play_replicate(play, 3, "3");
    judge_play_done(play, 2, 1, CRAFT_RESULT_SUPERSEDED, 4);
    judge_play_free(play);
}

static void a_command_outlives_the_life_of_who_offered_it(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 0);
    judge_play_replicate(play, 1, "2A");
    judge_play_free(play);
}

/* ----------------------------------------------------------------- entering */

static void a_command_that_enters_twice(void **state)
{
    struct judge_play *play = play_entered(1, "2A");

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){4, 2, "2A", 4});
    judge_play_convicted(play, "5@2 is the command 1, which has an entry");
}

static void a_command_that_enters_after_its_refusal(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_done(play, 2, 1, CRAFT_RESULT_REFUSED, 0);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2A", 3});
    judge_play_convicted(play, "4@2 is the command 1, which was refused");
}

static void a_command_that_nobody_offered(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2B", 3});
    judge_play_convicted(play, "is the command 2, which nobody proposed");
}

static void a_command_that_enters_in_another_term(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_elect(play, 3, 3);
    judge_play_append(play, 3, 2, (struct judge_append){3, 2, "3A", 3});
    judge_play_convicted(play, "4@3 is the command 1, which was proposed in");
}

static void commands_in_another_order(void **state)
{
    struct judge_play *play = play_offered(2);

    (void)state;
    judge_play_forward(play, 2, 1, "2A 2B");
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2B 2A", 3});
    judge_play_convicted(play, "5@2 is the command 1, behind one that was");
}

static void a_command_that_overtakes_a_refusal(void **state)
{
    struct judge_play *play = play_offered(2);

    (void)state;
    judge_play_forward(play, 2, 1, "2A 2B");
    judge_play_done(play, 2, 1, CRAFT_RESULT_REFUSED, 0);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2B", 3});
    judge_play_convicted(play, "command 2, which was offered behind one that");
}

static void a_command_elsewhere_than_was_said(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    play->status[1].flags = 0; /* it hears of nothing */
    judge_play_elect(play, 3, 3);
    judge_play_replicate(play, 3, "3");
    judge_play_done(play, 2, 1, CRAFT_RESULT_SUPERSEDED, 4);
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b 2A", 3});
    judge_play_convicted(play, "5@2 is the command 1, which was said to stand");
}

/* A forwarded command has no token on the leader. */
static void a_forwarded_command_with_its_token(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_take(play, 1, 3, "2A");
    judge_play_save(play, 2,
                    (struct judge_write){.first = 4, .entries = "2A#1"});
    judge_play_convicted(play, "2: entry 4@2 has token 1 of another entry");
}

/* ------------------------------------------------------------------ sending */

static void sending_convicts(struct judge_play *play, const char *commands,
                             const char *words)
{
    judge_play_forward(play, 2, 1, commands);
    judge_play_convicted(play, words);
}

static void a_command_that_is_sent_twice(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    sending_convicts(play, "2A", "2 forwards the command 1, which it has sent");
}

static void a_command_that_is_sent_after_its_end(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_done(play, 2, 1, CRAFT_RESULT_REFUSED, 0);
    sending_convicts(play, "2A", "the command 1, which has ended");
}

static void a_command_of_another_server_or_life(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    sending_convicts(play, "2B", "the command 2, which was not offered to it");
    play = play_offered(0);
    (void)judge_play_propose(play, 3);
    sending_convicts(play, "2A", "the command 1, which was not offered to it");
    play = play_offered(0);
    (void)judge_play_propose(play, 1);
    sending_convicts(play, "2A", "the command 1, which was not offered to it");
    play = play_offered(1);
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 0);
    sending_convicts(play, "2A", "the command 1, which was not offered to it");
}

static void a_command_that_is_sent_in_another_term(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_elect(play, 1, 3);
    sending_convicts(play, "2A", "the command 1, which was offered in another");
}

static void commands_for_who_does_not_lead(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 3, "2A");
    judge_play_convicted(play, "2 forwards to 13, who does not lead term 2");
}

static void an_answer_of_who_does_not_lead(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_taken(play, 3, 2, 3, 1);
    judge_play_convicted(play, "election safety");
}

static void an_answer_about_what_is_not_there(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_taken(play, 1, 2, 3, 2);
    judge_play_convicted(play, "1 has taken 2 commands from 3 on, its log has");
}

/* -------------------------------------------------------------------- fates */

static void fate_convicts(struct judge_play *play, int result,
                          craft_index index, const char *words)
{
    judge_play_done(play, 2, 1, result, index);
    judge_play_convicted(play, words);
}

static void a_forwarded_request_that_ends_before_it_is_applied(void **state)
{
    struct judge_play *play = play_entered(1, "2A");

    (void)state;
    judge_play_apply(play, 1, 3, "2a 2A"); /* at the leader */
    fate_convicts(play, CRAFT_RESULT_OK, 4, "as applied, which it is not here");
}

static void a_forwarded_request_that_ends_elsewhere(void **state)
{
    struct judge_play *play = play_entered(2, "2A 2B");

    (void)state;
    judge_play_apply(play, 2, 3, "2a 2A 2B");
    fate_convicts(play, CRAFT_RESULT_OK, 5, "at an index that is not its own");
    fate_convicts(play_entered(1, "2A"), CRAFT_RESULT_OK, 0, "at no index");
}

/* The entry there is another one: its own was never taken. */
static void a_forwarded_request_that_takes_credit(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_apply(play, 2, 3, "2a");
    fate_convicts(play, CRAFT_RESULT_OK, 3, "as applied, which it is not here");
}

static void a_request_refused_though_it_entered(void **state)
{
    (void)state;
    fate_convicts(play_entered(1, "2A"), CRAFT_RESULT_REFUSED, 0,
                  "as refused, which has entered a log");
}

static void a_request_refused_though_one_behind_it_entered(void **state)
{
    struct judge_play *play = play_offered(2);

    (void)state;
    judge_play_forward(play, 2, 1, "2B");
    judge_play_replicate(play, 1, "2B");
    fate_convicts(play, CRAFT_RESULT_REFUSED, 0,
                  "as refused, behind which another has entered");
}

static void a_request_of_a_leader_that_is_refused(void **state)
{
    struct judge_play *play = play_offered(0);

    (void)state;
    (void)judge_play_propose(play, 1);
    judge_play_done(play, 1, 1, CRAFT_RESULT_REFUSED, 4);
    judge_play_convicted(play, "with no such result");
}

static void a_request_unknown_that_was_not_sent(void **state)
{
    (void)state;
    fate_convicts(play_offered(1), CRAFT_RESULT_UNKNOWN, 0,
                  "as unknown, which nobody was sent");
}

static void a_request_unknown_whose_place_is_known(void **state)
{
    (void)state;
    fate_convicts(play_entered(1, "2A"), CRAFT_RESULT_UNKNOWN, 4,
                  "as unknown, while it goes on");
}

static void a_forwarded_request_superseded_too_early(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    judge_play_forward(play, 2, 1, "2A");
    judge_play_take(play, 1, 3, "2A");
    fate_convicts(play, CRAFT_RESULT_SUPERSEDED, 4,
                  "as superseded, which is not certain");
}

static void a_forwarded_request_that_is_forgotten(void **state)
{
    struct judge_play *play = play_offered(1);

    (void)state;
    play->status[2].forwards_open = 0;
    judge_play_step(play, 2);
    judge_play_convicted(play, "2: it has lost a request");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_goes_to_the_leader_and_is_applied_here),
        cmocka_unit_test(refused_commands_may_be_offered_again),
        cmocka_unit_test(a_command_without_an_answer_may_enter_late),
        cmocka_unit_test(a_command_of_an_old_term_is_superseded),
        cmocka_unit_test(a_command_outlives_the_life_of_who_offered_it),
        cmocka_unit_test(a_command_that_enters_twice),
        cmocka_unit_test(a_command_that_enters_after_its_refusal),
        cmocka_unit_test(a_command_that_nobody_offered),
        cmocka_unit_test(a_command_that_enters_in_another_term),
        cmocka_unit_test(commands_in_another_order),
        cmocka_unit_test(a_command_that_overtakes_a_refusal),
        cmocka_unit_test(a_command_elsewhere_than_was_said),
        cmocka_unit_test(a_forwarded_command_with_its_token),
        cmocka_unit_test(a_command_that_is_sent_twice),
        cmocka_unit_test(a_command_that_is_sent_after_its_end),
        cmocka_unit_test(a_command_of_another_server_or_life),
        cmocka_unit_test(a_command_that_is_sent_in_another_term),
        cmocka_unit_test(commands_for_who_does_not_lead),
        cmocka_unit_test(an_answer_of_who_does_not_lead),
        cmocka_unit_test(an_answer_about_what_is_not_there),
        cmocka_unit_test(a_forwarded_request_that_ends_before_it_is_applied),
        cmocka_unit_test(a_forwarded_request_that_ends_elsewhere),
        cmocka_unit_test(a_forwarded_request_that_takes_credit),
        cmocka_unit_test(a_request_refused_though_it_entered),
        cmocka_unit_test(a_request_refused_though_one_behind_it_entered),
        cmocka_unit_test(a_request_of_a_leader_that_is_refused),
        cmocka_unit_test(a_request_unknown_that_was_not_sent),
        cmocka_unit_test(a_request_unknown_whose_place_is_known),
        cmocka_unit_test(a_forwarded_request_superseded_too_early),
        cmocka_unit_test(a_forwarded_request_that_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
