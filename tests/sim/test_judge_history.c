/* judge: histories that break Figure 3.2; promises that no disk justifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "judge_play.h"

/* Server 1 leads term 2, all have [1 2 2a], committed. */
static struct judge_play *play_led(void)
{
    struct judge_play *play = judge_play_new(3);

    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a");
    return play;
}

/* Only server 1 has 2b, at 4; server 2 leads term 3 without it. */
static struct judge_play *play_parted(void)
{
    struct judge_play *play = play_led();

    judge_play_save(play, 1, (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_save(
        play, 2,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    judge_play_save(
        play, 3,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    play->status[2].role = CRAFT_ROLE_LEADER;
    judge_play_step(play, 2);
    return play;
}

/* -------------------------------------------------------------- Figure 3.2 */

static void two_leaders_of_one_term(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    play->status[3].role = CRAFT_ROLE_LEADER;
    judge_play_step(play, 3);
    judge_play_convicted(play, "election safety: 1 and 3 lead in term 2");
}

static void an_append_of_another_leader(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 3, 2, (struct judge_append){1, 1, NULL, 1});
    judge_play_convicted(play, "election safety: 1 and 3 lead in term 2");
}

static void a_leader_that_shows_another_log(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_append(play, 2, 3, (struct judge_append){4, 2, NULL, 3});
    judge_play_convicted(play, "leader append-only: 2 has another log");
}

static void a_leader_that_replaces_its_own_entry(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_save(play, 2, (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_convicted(play, "leader append-only: 2 has another log");
}

static void another_command_under_the_same_index_and_term(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2c", 3});
    judge_play_convicted(play, "log matching: 1 has another entry 4@2");
}

static void another_entry_before_the_same_one(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3 3x", 3});
    judge_play_append(play, 2, 3, (struct judge_append){4, 2, "3x", 3});
    judge_play_convicted(play, "log matching: 2 has another entry 5@3");
}

static void an_entry_made_by_a_follower(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_save(play, 3, (struct judge_write){.first = 4, .entries = "3"});
    judge_play_convicted(play, "3 has 4@3, which the leader of that term, 2");
}

static void a_leader_without_what_is_committed(void **state)
{
    struct judge_play *play = judge_play_new(3);

    (void)state;
    judge_play_crash(play, 3, 0);
    judge_play_elect(play, 1, 2);
    judge_play_replicate(play, 1, "2 2a");
    judge_play_start(play, 3, 0);
    judge_play_save(
        play, 3,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(3)});
    play->status[3].role = CRAFT_ROLE_LEADER;
    judge_play_step(play, 3);
    judge_play_convicted(play, "leader completeness: 3 leads term 3 without "
                               "3@2");
}

/* The later leader is known first. */
static void a_later_leader_without_what_is_committed(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    /* 2 took it in term 2, though it voted in term 3. */
    play->status[3].role = CRAFT_ROLE_FOLLOWER;
    judge_play_append(play, 1, 3, (struct judge_append){3, 2, "2b", 3});
    judge_play_save(play, 3, (struct judge_write){.first = 4, .entries = "2b"});
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    judge_play_convicted(play, "leader completeness: 2 leads term 3 without "
                               "4@2");
}

static void what_is_committed_twice(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_save(play, 2, (struct judge_write){.first = 4, .entries = "3"});
    judge_play_save(play, 3, (struct judge_write){.first = 4, .entries = "3"});
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    judge_play_convicted(play, "leader 1 of term 2 commits 4, which is not "
                               "what is committed");
}

static void what_is_committed_over_something_else(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_save(play, 2, (struct judge_write){.first = 4, .entries = "3"});
    judge_play_save(play, 3, (struct judge_write){.first = 4, .entries = "3"});
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    judge_play_save(play, 1, (struct judge_write){.first = 5, .entries = "2c"});
    play->status[1].commit_index = 5;
    judge_play_step(play, 1);
    judge_play_convicted(play, "leader 1 of term 2 commits 5, over what is "
                               "committed");
}

static void an_older_term_committed_by_counting(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    judge_play_take(play, 1, 3, "2b");
    judge_play_save(play, 1, (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_elect(play, 2, 3);
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    judge_play_convicted(play, "leader 2 of term 3 commits 4, which is no "
                               "entry of that term");
}

static void an_entry_committed_on_one_disk(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_save(play, 1, (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b", 4});
    judge_play_convicted(play, "commits 4, which no majority has on its disks");
}

static void a_commit_that_no_leader_made(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    judge_play_convicted(play, "2: no leader has committed so much");
}

static void a_log_below_its_commit_index_that_is_another(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_save(play, 2, (struct judge_write){.first = 4, .entries = "3"});
    judge_play_save(play, 3, (struct judge_write){.first = 4, .entries = "3"});
    play->status[2].commit_index = 4;
    judge_play_step(play, 2);
    play->status[1].term = 3;
    play->status[1].role = CRAFT_ROLE_FOLLOWER;
    play->status[1].commit_index = 4;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1: state machine safety: its log below");
}

/* ----------------------------------------------------------------- appends */

static void an_append_behind_what_nobody_has(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){7, 2, "2b", 3});
    judge_play_convicted(play, "1 builds on 7@2, which nobody has");
}

static void entries_whose_terms_fall(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "1x", 3});
    judge_play_convicted(play, "entry 4@1 stands behind 3@2");
}

static void entries_of_a_term_to_come(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "9x", 3});
    judge_play_convicted(play, "entry 4@9 stands behind 3@2 in term 2");
}

static void entries_with_a_gap(void **state)
{
    struct judge_play *play = play_led();
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_APPEND, 1, 2);
    craft_entry *entries =
        judge_play_entries(play, 4, "2x 2y", &message.as.append.entries_len);

    (void)state;
    entries[1].index = 6;
    message.as.append.prev_index = 3;
    message.as.append.prev_term = 2;
    message.as.append.entries = entries;
    craft_judge_send(play->judge, 1, &message);
    judge_play_convicted(play, "entry 6@2 stands behind 4@2");
}

static void an_entry_of_a_kind_that_does_not_exist(void **state)
{
    struct judge_play *play = play_led();
    craft_persist record = judge_play_record(
        play, 1, (struct judge_write){.first = 4, .entries = "2x"});

    (void)state;
    play->pool[play->pool_len - 1].kind = 9;
    craft_judge_persist(play->judge, 1, &record);
    judge_play_convicted(play, "an entry of kind 9");
}

static void a_commit_told_before_it_is_one(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, NULL, 3});
    play->status[1].commit_index = 2;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1: commit index falls");
}

/* ---------------------------------------------------------------- promises */

static void a_vote_request_before_its_vote_is_durable(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    (void)judge_play_write(
        play, 2,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    judge_play_ask(play, 2);
    judge_play_convicted(play, "2: a vote of term 3 for 12 leaves, its disk "
                               "has term 2 and 11");
}

static void a_vote_request_that_advertises_more_than_the_disk_has(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b", 3});
    judge_play_save(
        play, 2,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(2)});
    (void)judge_play_write(play, 2,
                           (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_ask(play, 2);
    judge_play_convicted(play, "2 advertises a log up to 4@2, its disk has "
                               "3@2");
}

static void a_vote_granted_before_it_is_durable(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    (void)judge_play_write(
        play, 2,
        (struct judge_write){.term = 3, .voted_for = judge_play_id(3)});
    judge_play_grant(play, 2, 3);
    judge_play_convicted(play, "a vote of term 3 for 13 leaves");
}

static void a_vote_granted_to_two(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_grant(play, 2, 3);
    judge_play_convicted(play, "a vote of term 2 for 13 leaves, its disk has "
                               "term 2 and 11");
}

static void a_vote_that_changes_across_a_restart(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 0);
    judge_play_save(play, 2,
                    (struct judge_write){.voted_for = judge_play_id(3)});
    judge_play_convicted(play, "2 writes another vote of the same term");
}

static void a_match_that_is_not_durable(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, "2b", 3});
    (void)judge_play_write(play, 2,
                           (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_match(play, 2, 1, 4);
    judge_play_convicted(play, "2 accepts 4@2, its disk has 3 entries");
}

static void a_match_of_other_entries(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    judge_play_append(play, 2, 3, (struct judge_append){3, 2, "3", 3});
    judge_play_save(play, 1, (struct judge_write){.term = 3});
    judge_play_match(play, 1, 2, 4);
    judge_play_convicted(play, "1 accepts 4@3, its disk has 4 entries without");
}

static void a_match_before_its_term_is_durable(void **state)
{
    struct judge_play *play = play_parted();

    (void)state;
    (void)judge_play_write(play, 1, (struct judge_write){.term = 3});
    judge_play_match(play, 1, 2, 3);
    judge_play_convicted(play, "1 accepts 3 in term 3, its disk has term 2");
}

static void a_match_of_what_no_leader_showed(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_match(play, 2, 1, 4);
    judge_play_convicted(play, "2 accepts 4, which the leader of term 2 never "
                               "showed");
}

/* ---------------------------------------------------------------- messages */

static void message_convicts(void (*change)(craft_message *message),
                             const char *words)
{
    struct judge_play *play = play_led();
    craft_message message =
        judge_play_message(play, CRAFT_MESSAGE_VOTE_REPLY, 1, 2);

    change(&message);
    craft_judge_send(play->judge, 1, &message);
    judge_play_convicted(play, words);
}

static void change_from(craft_message *message)
{
    message->from = judge_play_id(3);
}

static void change_to(craft_message *message)
{
    message->to = judge_play_id(1);
}

static void change_group(craft_message *message)
{
    message->group++;
}

static void change_term(craft_message *message)
{
    message->term = 1;
}

static void change_kind(craft_message *message)
{
    message->kind = CRAFT_MESSAGE_KIND_END;
}

static void messages_with_a_wrong_address(void **state)
{
    (void)state;
    message_convicts(change_from, "in the name of another");
    message_convicts(change_to, "to itself");
    message_convicts(change_group, "of another group");
    message_convicts(change_term, "of a term that it has left");
    message_convicts(change_kind, "a message of kind");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_leaders_of_one_term),
        cmocka_unit_test(an_append_of_another_leader),
        cmocka_unit_test(a_leader_that_shows_another_log),
        cmocka_unit_test(a_leader_that_replaces_its_own_entry),
        cmocka_unit_test(another_command_under_the_same_index_and_term),
        cmocka_unit_test(another_entry_before_the_same_one),
        cmocka_unit_test(an_entry_made_by_a_follower),
        cmocka_unit_test(a_leader_without_what_is_committed),
        cmocka_unit_test(a_later_leader_without_what_is_committed),
        cmocka_unit_test(what_is_committed_twice),
        cmocka_unit_test(what_is_committed_over_something_else),
        cmocka_unit_test(an_older_term_committed_by_counting),
        cmocka_unit_test(an_entry_committed_on_one_disk),
        cmocka_unit_test(a_commit_that_no_leader_made),
        cmocka_unit_test(a_log_below_its_commit_index_that_is_another),
        cmocka_unit_test(an_append_behind_what_nobody_has),
        cmocka_unit_test(entries_whose_terms_fall),
        cmocka_unit_test(entries_of_a_term_to_come),
        cmocka_unit_test(entries_with_a_gap),
        cmocka_unit_test(an_entry_of_a_kind_that_does_not_exist),
        cmocka_unit_test(a_commit_told_before_it_is_one),
        cmocka_unit_test(a_vote_request_before_its_vote_is_durable),
        cmocka_unit_test(a_vote_request_that_advertises_more_than_the_disk_has),
        cmocka_unit_test(a_vote_granted_before_it_is_durable),
        cmocka_unit_test(a_vote_granted_to_two),
        cmocka_unit_test(a_vote_that_changes_across_a_restart),
        cmocka_unit_test(a_match_that_is_not_durable),
        cmocka_unit_test(a_match_of_other_entries),
        cmocka_unit_test(a_match_before_its_term_is_durable),
        cmocka_unit_test(a_match_of_what_no_leader_showed),
        cmocka_unit_test(messages_with_a_wrong_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
