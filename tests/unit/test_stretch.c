/*
 * Entries that were read back from the disk, and are not those of the log any
 * more: it was truncated meanwhile. Only a server that came back holds entries
 * on its disk alone that can still be replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define LAST 200u

static void receive_vote_reply(struct rig *rig, craft_id from)
{
    craft_message reply =
        rig_message(rig, CRAFT_MESSAGE_VOTE_REPLY, from, rig_status(rig).term);

    reply.as.vote_reply.granted = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

/* Leads in a new term; server 3 has nothing of its log: a fetch from 1 on. */
static void lead_and_fetch(struct rig *rig)
{
    craft_message reply;
    craft_status status;

    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    receive_vote_reply(rig, 2);
    status = rig_status(rig);
    assert_int_equal(status.role, CRAFT_ROLE_LEADER);
    reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 3, status.term);
    reply.round = status.round;
    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = status.last_index - 1;
    rig->fetch_first = 0;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
}

/* Server 1 of three, restored with entries 1 .. LAST of term 1, of which the
 * first is committed and most have left memory. It leads and fetches. */
static struct rig *rig_with_fetch(craft_entry *entries, uint8_t *blob,
                                  size_t blob_max)
{
    static const craft_restore restore = {.struct_size = sizeof restore,
                                          .term = 1,
                                          .commit_hint = 1,
                                          .applied_index = 1};
    struct rig *rig = rig_new(1);

    rig->config.log_cache_bytes_max = 0;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_entries(entries, LAST, 1, 1, 1);
    entries[0].kind = CRAFT_ENTRY_CONFIGURATION;
    entries[0].data = blob;
    entries[0].data_len = rig_blob(3, blob, blob_max);
    for (size_t i = 0; i < LAST; i++) {
        assert_int_equal(craft_node_restore_entries(rig->node, &entries[i], 1),
                         0);
    }
    rig->disk_last = LAST;
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_true(rig_status(rig).first_index > 100);
    rig->slow_fetch = true;
    lead_and_fetch(rig);
    assert_int_equal(rig->fetch_first, 1);
    assert_true(rig->fetch_max > 50);
    return rig;
}

/* The leader of the next term has another entry 11, and len - 1 more. */
static void replace_from_11(struct rig *rig, size_t len)
{
    craft_entry entries[256];
    craft_append payload = {10, 1, 1, entries, len};

    rig_entries(entries, len, 11, rig_status(rig).term + 1, 1);
    assert_int_equal(rig_append(rig, 2, entries[0].term, &payload), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).last_index, 10 + len);
}

static int fetched(struct rig *rig, const craft_entry *entries, size_t len)
{
    return craft_fetched(rig->node, rig->fetch_ticket, entries, len,
                         CRAFT_ENDING_OK);
}

static void what_was_truncated_while_it_was_read_is_refused(void **state)
{
    craft_entry entries[LAST];
    uint8_t blob[400];
    struct rig *rig = rig_with_fetch(entries, blob, sizeof blob);
    uint32_t before;

    (void)state;
    replace_from_11(rig, 1);
    before = rig_digest(rig);
    assert_int_equal(fetched(rig, entries, 50), CRAFT_ERR_CORRUPT);
    assert_int_equal(fetched(rig, entries, 11), CRAFT_ERR_CORRUPT);
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(fetched(rig, entries, 10), 0);
    rig_free(rig);
}

/* What is held was good when it came. */
static void what_was_truncated_since_it_was_read_is_read_again(void **state)
{
    static const size_t lens[] = {1, 240};

    (void)state;
    for (size_t i = 0; i < 2; i++) { /* the log is shorter now, or longer */
        craft_entry entries[LAST];
        uint8_t blob[400];
        struct rig *rig = rig_with_fetch(entries, blob, sizeof blob);
        uint64_t ticket = rig->fetch_ticket;
        const char *told;

        assert_int_equal(fetched(rig, entries, 50), 0);
        replace_from_11(rig, lens[i]);
        (void)rig_told(rig);
        lead_and_fetch(rig);
        told = rig_told(rig);
        assert_non_null(strstr(told, "fetch #"));
        assert_null(strstr(told, "1 -> 3 append t4 prev=0"));
        assert_true(rig->fetch_ticket > ticket);
        assert_int_equal(rig->fetch_first, 1);
        assert_int_equal(fetched(rig, entries, 10), 0);
        rig_run(rig);
        assert_non_null(strstr(rig_told(rig), "1 -> 3 append t4 prev=0"));
        rig_free(rig);
    }
}

/* While asking, entries go out in small messages: one of them at least, or one
 * that is larger than those would never arrive. */
static void a_large_entry_that_was_read_back_is_sent_alone(void **state)
{
    struct rig *rig = rig_new(1);
    uint8_t data[20000] = {0};
    const char *told;

    (void)state;
    rig->config.log_cache_bytes_max = 0;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    rig_run(rig);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(craft_propose(rig->node, data, sizeof data, 0), 0);
        rig_run(rig);
        assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index),
                         0);
        rig_run(rig);
    }
    assert_true(rig_status(rig).first_index > 4);
    assert_int_equal(craft_peer_unreachable(rig->node, 3), 0);
    rig_run(rig);
    (void)rig_told(rig);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0); /* it is there again */
    rig_run(rig);
    told = rig_told(rig);
    assert_non_null(strstr(told, "1 -> 3 append t2 prev=2@2 commit=22 [3@2"));
    assert_null(strstr(told, " 4@2"));
    assert_int_equal(rig_peer(rig, 1).next_index, 3);
    assert_int_equal(rig_acknowledge(rig, 3, 3), 0);
    assert_int_equal(rig_peer(rig, 1).match_index, 3);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_truncated_while_it_was_read_is_refused),
        cmocka_unit_test(what_was_truncated_since_it_was_read_is_read_again),
        cmocka_unit_test(a_large_entry_that_was_read_back_is_sent_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
