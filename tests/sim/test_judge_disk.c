/* judge: records that are not well formed, endings, and what is lent. */
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

/* A record of that server, changed, is its next. */
static void record_convicts(uint32_t server, struct judge_write write,
                            void (*change)(craft_persist *record),
                            const char *words)
{
    struct judge_play *play = play_led();
    craft_persist record = judge_play_record(play, server, write);

    change(&record);
    craft_judge_persist(play->judge, server, &record);
    judge_play_convicted(play, words);
}

static const struct judge_write appends = {.first = 4, .entries = "2b 2c"};

static void unknown_flag(craft_persist *record)
{
    record->flags |= 1u << 9;
}

static void no_sync(craft_persist *record)
{
    record->flags &= ~(uint32_t)CRAFT_PERSIST_MUST_SYNC;
}

static void nothing(craft_persist *record)
{
    record->flags = CRAFT_PERSIST_MUST_SYNC;
    record->entries_len = 0;
}

static void no_entries(craft_persist *record)
{
    record->entries_len = 0;
}

static void entries_not_told(craft_persist *record)
{
    record->flags =
        CRAFT_PERSIST_MUST_SYNC | (uint32_t)CRAFT_PERSIST_HARD_STATE;
}

static void cut_without_flag(craft_persist *record)
{
    record->truncate_from = 4;
}

static void cut_elsewhere(craft_persist *record)
{
    record->flags |= CRAFT_PERSIST_TRUNCATE;
    record->truncate_from = 3;
}

static void cut_alone(craft_persist *record)
{
    record->flags = CRAFT_PERSIST_MUST_SYNC | (uint32_t)CRAFT_PERSIST_TRUNCATE;
    record->truncate_from = 4;
    record->entries_len = 0;
}

static void records_with_flags_that_do_not_fit(void **state)
{
    (void)state;
    record_convicts(1, appends, unknown_flag, "flags that are not known");
    record_convicts(1, appends, no_sync, "need not be durable");
    record_convicts(1, appends, nothing, "a record of nothing");
    record_convicts(1, appends, no_entries, "do not fit its entries");
    record_convicts(1, appends, entries_not_told, "do not fit its entries");
    record_convicts(1, appends, cut_without_flag, "a truncation that does not");
    record_convicts(1, appends, cut_elsewhere, "a truncation that does not");
    record_convicts(1, appends, cut_alone, "do not fit its entries");
}

static void skip_ticket(craft_persist *record)
{
    record->ticket++;
}

static void repeat_ticket(craft_persist *record)
{
    record->ticket--;
}

static void tickets_that_are_not_consecutive(void **state)
{
    (void)state;
    record_convicts(1, appends, skip_ticket, "a ticket out of order");
    record_convicts(1, appends, repeat_ticket, "a ticket out of order");
}

static void lower_term(craft_persist *record)
{
    record->term = 1;
}

static void other_vote(craft_persist *record)
{
    record->voted_for = judge_play_id(3);
    record->flags |= CRAFT_PERSIST_HARD_STATE;
}

static void higher_term(craft_persist *record)
{
    record->term = 3;
    record->voted_for = 0;
}

static void lower_hint(craft_persist *record)
{
    record->commit_hint = 0;
}

static void hint_beyond_log(craft_persist *record)
{
    record->commit_hint = 6;
}

static void hint_beyond_commit(craft_persist *record)
{
    record->commit_hint = 4;
}

static void hard_states_that_must_not_be(void **state)
{
    (void)state;
    record_convicts(1, appends, lower_term, "a term that falls");
    record_convicts(1, appends, other_vote, "another vote of the same term");
    record_convicts(1, appends, higher_term, "without the hard state");
    record_convicts(1, appends, lower_hint, "a commit hint that falls");
    record_convicts(1, appends, hint_beyond_log,
                    "commit hint 6 with a log up to 5");
    record_convicts(1, appends, hint_beyond_commit,
                    "commit hint 4 with a log up to 5, of which 3 is");
}

static void more_records_than_may_be_open(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    for (craft_index i = 4; i <= 6; i++) {
        (void)judge_play_write(
            play, 1, (struct judge_write){.first = i, .entries = "2b"});
    }
    judge_play_convicted(play, "more records than may be open");
}

static void entries_that_leave_a_gap(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_save(play, 1, (struct judge_write){.first = 5, .entries = "2b"});
    judge_play_convicted(play, "entries from 5 on behind a log up to 3");
}

/* What a record holds that was voided is not there to be built on. */
static void entries_behind_what_was_voided(void **state)
{
    struct judge_play *play = play_led();
    uint64_t ticket = judge_play_write(
        play, 1, (struct judge_write){.first = 4, .entries = "2b"});

    (void)state;
    craft_judge_persisted(play->judge, 1, ticket, CRAFT_ENDING_NOSPACE, 0);
    judge_play_save(play, 1, (struct judge_write){.first = 5, .entries = "2c"});
    judge_play_convicted(play, "entries from 5 on behind a log up to 3");
}

/* ------------------------------------------------------------- truncations */

static const struct judge_write replaces = {
    .truncate_from = 4, .first = 4, .entries = "2x"};

static void a_truncation_behind_the_log(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_save(play, 2, replaces);
    judge_play_convicted(play, "a truncation behind its log");
}

static void a_truncation_of_what_is_durable(void **state)
{
    struct judge_play *play = play_led();
    craft_persist record;

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    judge_play_step(play, 2);
    record = judge_play_record(play, 2, replaces);
    craft_judge_persist(play->judge, 2, &record);
    judge_play_convicted(play, "a truncation of what it calls durable");
}

static void a_truncation_by_the_leader(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 4, .entries = "2b"});
    judge_play_save(play, 1, replaces);
    judge_play_convicted(play, "a truncation, as the leader");
}

/* --------------------------------------------------------------- the lives */

static void a_server_that_acts_when_it_is_down(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_crash(play, 2, 0);
    judge_play_match(play, 2, 1, 1);
    judge_play_convicted(play, "2 sends a message after it has come to its");
}

static struct judge_play *play_halted(void)
{
    struct judge_play *play = play_led();
    uint64_t ticket = judge_play_write(
        play, 1, (struct judge_write){.first = 4, .entries = "2b"});

    craft_judge_persisted(play->judge, 1, ticket, CRAFT_ENDING_ERROR, 1);
    assert_null(craft_judge_broken(play->judge));
    assert_int_equal(craft_judge_disk(play->judge, 1)->log.len, 4);
    return play;
}

static void a_server_that_speaks_after_a_failed_write(void **state)
{
    struct judge_play *play = play_halted();

    (void)state;
    judge_play_append(play, 1, 2, (struct judge_append){3, 2, NULL, 3});
    judge_play_convicted(play, "1 sends a message after it has come to its");
}

static void a_server_that_goes_on_after_a_failed_write(void **state)
{
    struct judge_play *play = play_halted();

    (void)state;
    judge_play_step(play, 1);
    judge_play_convicted(play, "1 goes on after a failed write");
}

static void a_server_that_writes_after_it_has_stopped(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    play->status[1].flags |= CRAFT_STATUS_STOPPED;
    judge_play_step(play, 1);
    judge_play_save(play, 1, appends);
    judge_play_convicted(play, "1 writes to its disk after it has come to");
}

static void a_start_beyond_what_is_committed(void **state)
{
    struct judge_play *play = play_led();

    (void)state;
    judge_play_take(play, 1, 2, "2b");
    judge_play_crash(play, 2, 0);
    judge_play_start(play, 2, 4);
    judge_play_convicted(play, "2 begins with 4 applied");
}

/* ------------------------------------------------------------ what is lent */

enum ending {
    BY_OK,
    BY_NOSPACE,
    BY_ERROR,
    BY_CRASH
};

/* The command of what server 1 lent changes before the ticket ends. */
static void lent_convicts(enum ending ending, void (*change)(craft_entry *lent))
{
    struct judge_play *play = play_led();
    craft_entry *lent;
    uint64_t ticket;

    (void)judge_play_propose(play, 1);
    (void)judge_play_write(play, 1,
                           (struct judge_write){.first = 4, .entries = "2b"});
    ticket = judge_play_write(
        play, 1, (struct judge_write){.first = 5, .entries = "2c#1 2d"});
    lent = &play->pool[play->pool_len - 2];
    change(lent);
    switch (ending) {
    case BY_OK:
        craft_judge_persisted(play->judge, 1, ticket, CRAFT_ENDING_OK, 0);
        break;
    case BY_NOSPACE:
        craft_judge_persisted(play->judge, 1, ticket - 1, CRAFT_ENDING_NOSPACE,
                              0);
        break;
    case BY_ERROR:
        craft_judge_persisted(play->judge, 1, ticket, CRAFT_ENDING_ERROR, 1);
        break;
    default:
        craft_judge_crash(play->judge, 1, 1);
        break;
    }
    judge_play_convicted(play, "1: what ticket 5 lent has changed");
}

static void change_data(craft_entry *lent)
{
    lent->data = (const uint8_t *)"z";
}

static void change_length(craft_entry *lent)
{
    lent->data_len = 0;
}

static void change_index(craft_entry *lent)
{
    lent->index++;
}

static void change_entry_term(craft_entry *lent)
{
    lent->term++;
}

static void change_token(craft_entry *lent)
{
    lent->token = 0;
}

static void what_is_lent_changes_before_its_ending(void **state)
{
    (void)state;
    lent_convicts(BY_OK, change_data);
    lent_convicts(BY_OK, change_length);
    lent_convicts(BY_OK, change_index);
    lent_convicts(BY_OK, change_entry_term);
    lent_convicts(BY_OK, change_token);
    lent_convicts(BY_NOSPACE, change_data);
    lent_convicts(BY_ERROR, change_data);
    lent_convicts(BY_CRASH, change_data);
}

/* ------------------------------------------------------------------- fetch */

static void fetch_convicts(uint64_t ticket, craft_index first, size_t entries)
{
    struct judge_play *play = play_led();
    craft_fetch fetch = {sizeof fetch, 0, ticket, first, entries, 100};

    craft_judge_fetch(play->judge, 1, &fetch);
    judge_play_convicted(play, "1 fetches");
}

static void fetches_of_what_is_not_there(void **state)
{
    struct judge_play *play = play_led();
    craft_fetch fetch = {sizeof fetch, 0, 1, 3, 1, 100};

    (void)state;
    craft_judge_fetch(play->judge, 1, &fetch);
    judge_play_free(play);
    fetch_convicts(2, 3, 1);
    fetch_convicts(1, 0, 1);
    fetch_convicts(1, 4, 1);
    fetch_convicts(1, 3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_with_flags_that_do_not_fit),
        cmocka_unit_test(tickets_that_are_not_consecutive),
        cmocka_unit_test(hard_states_that_must_not_be),
        cmocka_unit_test(more_records_than_may_be_open),
        cmocka_unit_test(entries_that_leave_a_gap),
        cmocka_unit_test(entries_behind_what_was_voided),
        cmocka_unit_test(a_truncation_behind_the_log),
        cmocka_unit_test(a_truncation_of_what_is_durable),
        cmocka_unit_test(a_truncation_by_the_leader),
        cmocka_unit_test(a_server_that_acts_when_it_is_down),
        cmocka_unit_test(a_server_that_speaks_after_a_failed_write),
        cmocka_unit_test(a_server_that_goes_on_after_a_failed_write),
        cmocka_unit_test(a_server_that_writes_after_it_has_stopped),
        cmocka_unit_test(a_start_beyond_what_is_committed),
        cmocka_unit_test(what_is_lent_changes_before_its_ending),
        cmocka_unit_test(fetches_of_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
