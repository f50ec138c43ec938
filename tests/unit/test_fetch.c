/* Entries that left memory are read back: well, badly, of another log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static int propose(struct rig *rig, uint64_t token)
{
    return craft_propose(rig->node, (const uint8_t *)"x", 1, token);
}

/* So many of the others as make a majority have all that this leader has. */
static void acknowledge_all(struct rig *rig, craft_id voters)
{
    for (craft_id id = 2; id <= voters / 2 + 1; id++) {
        assert_int_equal(rig_acknowledge(rig, id, rig_status(rig).last_index),
                         0);
        rig_run(rig);
    }
}

/* A leader with little in memory, and peers that want it all. */
static struct rig *rig_fetching_of(craft_id voters)
{
    struct rig *rig = rig_new(1);

    rig->config.log_cache_bytes_max = 0;
    rig->config.heartbeat_ticks = 3;
    rig_lead(rig, voters);
    acknowledge_all(rig, voters);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(propose(rig, 0), 0);
        rig_run(rig);
        acknowledge_all(rig, voters);
        (void)rig_told(rig);
    }
    assert_true(rig_status(rig).first_index > 10);
    rig->slow_fetch = true;
    (void)rig_told(rig);
    for (craft_id id = voters / 2 + 2; id <= voters; id++) {
        craft_message reply =
            rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, id, 2);

        reply.as.append_reply.rejected = 1;
        reply.as.append_reply.rejected_index = 1;
        assert_int_equal(craft_receive(rig->node, &reply), 0);
        rig_run(rig);
    }
    assert_int_equal(rig->fetch_first, 1);
    return rig;
}

static struct rig *rig_fetching(void)
{
    return rig_fetching_of(3);
}

static void a_fetch_that_is_not_open_is_refused(void **state)
{
    struct rig *rig = rig_fetching();
    craft_entry entry;

    (void)state;
    rig_entries(&entry, 1, 1, 1, 1);
    assert_int_equal(craft_fetched(rig->node, 0, &entry, 1, CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket + 1, &entry, 1,
                                   CRAFT_ENDING_OK),
                     CRAFT_ERR_TICKET);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket + 1, NULL, 0,
                                   CRAFT_ENDING_ERROR),
                     CRAFT_ERR_TICKET);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, &entry, 1,
                                   CRAFT_ENDING_NOSPACE),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void entries_of_another_log_are_corrupt(void **state)
{
    struct rig *rig = rig_fetching();
    craft_entry good[3];
    craft_entry bad[3];

    (void)state;
    rig_entries(good, 3, 1, 2, 1);
    good[0].term = 1;
    for (int which = 0; which < 8; which++) {
        uint32_t before = rig_digest(rig);
        size_t len = 3;

        memcpy(bad, good, sizeof good);
        bad[1].index += which == 0;
        bad[2].term += which == 1;
        bad[1].kind = which == 2 ? 9 : bad[1].kind;
        bad[2].kind = which == 7 ? 0 : bad[2].kind;
        bad[1].data = which == 3 ? NULL : bad[1].data;
        bad[0].index += which == 4;
        len = which == 5 ? 0 : len;
        assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket,
                                       which == 6 ? NULL : bad, len,
                                       CRAFT_ENDING_OK),
                         CRAFT_ERR_CORRUPT);
        assert_int_equal(rig_digest(rig), before);
    }
    assert_int_equal(
        craft_fetched(rig->node, rig->fetch_ticket, good, 3, CRAFT_ENDING_OK),
        0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 3 append t2 prev=0@0 commit=202 "
                                       "[1@1 \"x\" 2@2 \"x\" 3@2 \"x\"]\n");
    assert_int_equal(
        craft_fetched(rig->node, rig->fetch_ticket, good, 3, CRAFT_ENDING_OK),
        CRAFT_ERR_TICKET); /* twice */
    rig_free(rig);
}

static void more_entries_than_asked_for_are_corrupt(void **state)
{
    struct rig *rig = rig_fetching();
    size_t asked = rig->fetch_max;
    craft_entry *entries = calloc(asked + 1, sizeof *entries);

    (void)state;
    assert_non_null(entries);
    assert_true(asked < rig_status(rig).last_index);
    rig_entries(entries, asked + 1, 1, 2, 1);
    entries[0].term = 1;
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries,
                                   asked + 1, CRAFT_ENDING_OK),
                     CRAFT_ERR_CORRUPT);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries, asked,
                                   CRAFT_ENDING_OK),
                     0);
    free(entries);
    rig_free(rig);
}

static void a_failed_fetch_is_asked_again_after_a_tick(void **state)
{
    struct rig *rig = rig_fetching();

    (void)state;
    rig->tell_events = true;
    (void)rig_told(rig);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, NULL, 0,
                                   CRAFT_ENDING_ERROR),
                     0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "event fetch value=2 id=0 term=2 index=202\n");
    assert_int_equal(craft_ticks_until_due(rig->node), 1);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "fetch #2 from 1 max "));
    assert_int_equal(rig_fetched(rig), 0);
    rig_run(rig);
    rig_free(rig);
}

/* What is fetched is a copy: the host's may go at once. */
/* Of two that wanted what could not be read, one has it from elsewhere. */
static void a_fetch_is_asked_again_for_whoever_still_wants_it(void **state)
{
    struct rig *rig = rig_fetching_of(5);

    (void)state;
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, NULL, 0,
                                   CRAFT_ENDING_ERROR),
                     0);
    assert_int_equal(rig_acknowledge(rig, 4, rig_status(rig).last_index), 0);
    rig_run(rig);
    (void)rig_told(rig);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "fetch #2 from 1 max "));
    rig_free(rig);
}

static void fetched_entries_are_copied(void **state)
{
    struct rig *rig = rig_fetching();
    craft_entry *entries = malloc(2 * sizeof *entries);
    uint8_t *data = malloc(4);

    (void)state;
    assert_non_null(entries);
    assert_non_null(data);
    memcpy(data, "abcd", 4);
    rig_entries(entries, 2, 1, 2, 0);
    entries[0].term = 1;
    entries[0].data = data;
    entries[0].data_len = 2;
    entries[1].data = data + 2;
    entries[1].data_len = 2;
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries, 2,
                                   CRAFT_ENDING_OK),
                     0);
    free(data);
    free(entries);
    (void)rig_told(rig);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "[1@1 \"ab\" 2@2 \"cd\"]\n"));
    rig_free(rig);
}

/* It wins with the vote of 2, and 3 says that it has the first entry alone. */
static void lead_and_lack(struct rig *rig)
{
    craft_term term = rig_status(rig).term + 1;
    craft_message reply = rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, 2, term);

    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 3, term);
    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = rig_status(rig).last_index - 1;
    reply.as.append_reply.hint_index = 1;
    reply.as.append_reply.hint_term = 1;
    (void)rig_told(rig);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

/* Entries 1 to 100 come back from the disk, and few of them stay in memory. */
static struct rig *rig_of_much(void)
{
    craft_restore restore = {sizeof restore, 0, 2, 0, 0, 0, NULL};
    struct rig *rig = rig_new(1);
    craft_entry entries[100];
    uint8_t blob[512];

    rig->config.log_cache_bytes_max = 0;
    rig->slow_fetch = true;
    rig_entries(entries, 100, 1, 2, 1);
    entries[0].term = 1;
    entries[0].kind = CRAFT_ENTRY_CONFIGURATION;
    entries[0].data = blob;
    entries[0].data_len = rig_blob(3, blob, sizeof blob);
    rig->disk_last = 100;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 100), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    return rig;
}

/*
 * Restored, uncommitted entries are read back for a follower; a leader of a
 * later term replaces some of them; this server leads again. What it has read
 * is not of its log any more, although the indexes are.
 */
static void what_was_fetched_does_not_outlive_a_truncation(void **state)
{
    struct rig *rig = rig_of_much();
    craft_entry entries[20];
    craft_append payload = {8, 2, 0, entries, 20};

    (void)state;
    assert_true(rig_status(rig).first_index > 20);
    lead_and_lack(rig);
    assert_non_null(strstr(rig_told(rig), "fetch #1 from 2 max "));
    rig_entries(entries, 10, 2, 2, 1);
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries, 10,
                                   CRAFT_ENDING_OK),
                     0); /* 2 .. 11 */
    rig_run(rig);
    rig_entries(entries, 20, 9, 4, 1);
    assert_int_equal(rig_append(rig, 2, 4, &payload), 0);
    rig_run(rig);
    lead_and_lack(rig);
    assert_string_equal(rig_told(rig), "fetch #2 from 2 max 7\n");
    rig_free(rig);
}

static void an_entry_larger_than_memory_is_no_memory(void **state)
{
    struct rig *rig = rig_fetching();
    craft_entry entries[2];
    uint32_t before = rig_digest(rig);

    (void)state;
    rig_entries(entries, 2, 1, 2, 1);
    entries[0].term = 1;
    entries[1].data_len = SIZE_MAX / 4;
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries, 2,
                                   CRAFT_ENDING_OK),
                     CRAFT_ERR_NOMEM);
    assert_int_equal(rig_digest(rig), before);
    entries[1].data_len = 1;
    assert_int_equal(craft_fetched(rig->node, rig->fetch_ticket, entries, 2,
                                   CRAFT_ENDING_OK),
                     0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fetch_that_is_not_open_is_refused),
        cmocka_unit_test(entries_of_another_log_are_corrupt),
        cmocka_unit_test(more_entries_than_asked_for_are_corrupt),
        cmocka_unit_test(a_failed_fetch_is_asked_again_after_a_tick),
        cmocka_unit_test(a_fetch_is_asked_again_for_whoever_still_wants_it),
        cmocka_unit_test(fetched_entries_are_copied),
        cmocka_unit_test(what_was_fetched_does_not_outlive_a_truncation),
        cmocka_unit_test(an_entry_larger_than_memory_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
