/*
 * A snapshot that arrives from the leader (thesis 5.3): what is taken of it,
 * when it takes over, and what becomes of the log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "members/members.h"
#include "rig.h"

#define SIZE 10u

static uint8_t carried[400];
static size_t carried_len;
static const uint8_t state_bytes[SIZE] = "0123456789";

/* The configuration of so many voters, as of entry `index`. */
static void configuration_carried(size_t voters, craft_index index)
{
    uint8_t blob[400];
    size_t len = rig_blob(voters, blob, sizeof blob);
    size_t size = craft_members_block_size(blob, len, 16);
    struct craft_members *members = malloc(size);

    assert_non_null(members);
    craft_members_decode(blob, len, size, members);
    members->index = index;
    carried_len = craft_members_carried_len(members);
    assert_true(carried_len <= sizeof carried);
    craft_members_carry(members, carried);
    free(members);
}

static craft_message part(struct rig *rig, craft_term term, uint64_t offset,
                          size_t len)
{
    craft_message message = rig_message(rig, CRAFT_MESSAGE_SNAPSHOT, 2, term);
    craft_snapshot_part *as = &message.as.snapshot;

    as->index = 20;
    as->term = 2;
    as->size = SIZE;
    as->digest = 7;
    as->offset = offset;
    as->configuration = carried;
    as->configuration_len = carried_len;
    as->data = len > 0 ? state_bytes + offset : NULL;
    as->data_len = len;
    message.round = 0;
    return message;
}

static int send(struct rig *rig, uint64_t offset, size_t len)
{
    craft_message message = part(rig, 3, offset, len);
    int rv = craft_receive(rig->node, &message);

    rig_run(rig);
    return rv;
}

/* A follower with entries 1 .. last, those above 1 of that term. */
static struct rig *follower(craft_index last, craft_term term,
                            craft_index commit)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[64];
    craft_append append = {1, 1, commit, entries, (size_t)last - 1};

    configuration_carried(3, 1);
    rig_found(rig, 3);
    rig_entries(entries, (size_t)last - 1, 2, term, 1);
    assert_int_equal(rig_append(rig, 3, term, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, commit);
    (void)rig_told(rig);
    return rig;
}

/* ---------------------------------------------------------------- the parts */

static void a_snapshot_arrives_in_parts_and_takes_over(void **state)
{
    struct rig *rig = follower(5, 1, 3);

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_string_equal(rig_told(rig),
                        "persist #3 term=3 vote=0\n"
                        "snapshot_write #1 20@2 offset=0 len=0 first\n"
                        "1 -> 2 snapshot_reply t3 20@2 offset=0 written=0\n");
    assert_int_equal(rig_status(rig).receiving_index, 20);
    assert_int_equal(send(rig, 0, 6), 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_write #2 20@2 offset=0 len=6\n"
                        "1 -> 2 snapshot_reply t3 20@2 offset=6 written=6\n");
    assert_int_equal(rig_status(rig).last_index, 5);
    assert_int_equal(send(rig, 6, 4), 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_write #3 20@2 offset=6 len=4 last\n"
                        "persist #4 snapshot=20@2 keep=21\n"
                        "1 -> 2 append_reply t3 match=20\n"
                        "install 20@2\n");
    assert_int_equal(rig_status(rig).applied_index, 20);
    assert_int_equal(rig_status(rig).base_index, 20);
    assert_int_equal(rig_status(rig).commit_index, 20);
    assert_int_equal(rig_status(rig).snapshot_index, 20);
    assert_int_equal(rig_status(rig).receiving_index, 0);
    /* openraft 2eccb9e1: the last part once more, and the offer. */
    assert_int_equal(send(rig, 6, 4), 0);
    assert_string_equal(rig_told(rig), "1 -> 2 append_reply t3 match=20\n");
    assert_int_equal(send(rig, 0, 0), 0);
    assert_string_equal(rig_told(rig), "1 -> 2 append_reply t3 match=20\n");
    rig_free(rig);
}

/* braft 5204e09, dragonboat ee51a44: bytes that are not in a row, or of
 * another snapshot, are never put together. */
static void parts_out_of_order_are_not_taken(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message other;

    (void)state;
    assert_int_equal(send(rig, 3, 3), 0); /* never offered */
    assert_string_equal(rig_told(rig), "persist #3 term=3 vote=0\n");
    assert_int_equal(send(rig, 0, 0), 0);
    (void)rig_told(rig);
    assert_int_equal(send(rig, 3, 3), 0); /* a gap */
    assert_string_equal(
        rig_told(rig),
        "1 -> 2 snapshot_reply t3 20@2 offset=0 written=0 gap\n");
    assert_int_equal(send(rig, 0, 3), 0);
    (void)rig_told(rig);
    assert_int_equal(send(rig, 0, 3), 0); /* again */
    assert_string_equal(rig_told(rig), "");
    other = part(rig, 3, 3, 3);
    other.as.snapshot.index = 19;
    assert_int_equal(craft_receive(rig->node, &other), 0);
    other = part(rig, 3, 3, 3);
    other.as.snapshot.digest = 8;
    assert_int_equal(craft_receive(rig->node, &other), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(send(rig, 0, 0), 0); /* asked anew */
    assert_string_equal(rig_told(rig),
                        "1 -> 2 snapshot_reply t3 20@2 offset=3 written=3\n");
    rig_free(rig);
}

static void another_snapshot_begins_at_its_beginning(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message other;

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_int_equal(send(rig, 0, 6), 0);
    (void)rig_told(rig);
    other = part(rig, 3, 0, 0);
    other.as.snapshot.index = 22;
    assert_int_equal(craft_receive(rig->node, &other), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "snapshot_write #3 22@2 offset=0 len=0 first\n"
                        "1 -> 2 snapshot_reply t3 22@2 offset=0 written=0\n");
    rig_free(rig);
}

/* The same bytes from another leader: the transfer goes on where it was. */
static void a_new_leader_goes_on_where_the_old_one_was(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message message;

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_int_equal(send(rig, 0, 6), 0);
    (void)rig_told(rig);
    message = part(rig, 4, 0, 0);
    message.from = 3;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "1 -> 3 snapshot_reply t4 20@2 offset=6 written=6\n"
                        "persist #4 term=4 vote=0\n");
    message = part(rig, 4, 6, 4);
    message.from = 3;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);
}

/* Without a digest nobody knows whether the bytes are the same. */
static void without_a_digest_another_sender_begins_anew(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message message;

    (void)state;
    message = part(rig, 3, 0, 0);
    message.as.snapshot.digest = 0;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    message = part(rig, 3, 0, 6);
    message.as.snapshot.digest = 0;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    (void)rig_told(rig);
    message = part(rig, 4, 0, 0);
    message.as.snapshot.digest = 0;
    message.from = 3;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "snapshot_write #3 20@2 offset=0 len=0 first\n"));
    rig_free(rig);
}

/* A host that has a part of it from an earlier life, or all of it by other
 * ways, says so. */
static void the_host_says_from_where_on_it_is_wanted(void **state)
{
    struct rig *rig = follower(5, 1, 3);

    (void)state;
    rig->slow_parts = true;
    assert_int_equal(send(rig, 0, 0), 0);
    (void)rig_told(rig);
    assert_int_equal(send(rig, 0, 0), 0); /* it has not said yet */
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(craft_snapshot_written(rig->node, rig->write_ticket,
                                            SIZE + 1, CRAFT_ENDING_OK),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_snapshot_written(rig->node, rig->write_ticket, 6,
                                            CRAFT_ENDING_OK),
                     0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "1 -> 2 snapshot_reply t3 20@2 offset=6 written=6\n");
    assert_int_equal(send(rig, 6, 4), 0);
    assert_int_equal(rig_part_written(rig), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);

    rig = follower(5, 1, 3);
    rig->slow_parts = true;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_int_equal(craft_snapshot_written(rig->node, rig->write_ticket, SIZE,
                                            CRAFT_ENDING_OK),
                     0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);
}

/* RedisLabs 9a0c6c0: what could not be written, or was found damaged, can be
 * sent again. */
static void a_write_that_fails_begins_anew(void **state)
{
    struct rig *rig = follower(5, 1, 3);

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    rig->slow_parts = true;
    assert_int_equal(send(rig, 0, 10), 0);
    rig->tell_events = true;
    (void)rig_told(rig);
    assert_int_equal(craft_snapshot_written(rig->node, rig->write_ticket, 0,
                                            CRAFT_ENDING_ERROR),
                     0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "event snapshot value=2 id=0 term=3 index=3\n");
    assert_int_equal(rig_status(rig).receiving_index, 0);
    assert_int_equal(rig_part_written(rig), CRAFT_ERR_TICKET);
    rig->slow_parts = false;
    rig->tell_events = false;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_int_equal(send(rig, 0, 10), 0);
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);
}

static void parts_wait_in_memory_while_one_is_written(void **state)
{
    struct rig *rig = follower(5, 1, 3);

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    rig->slow_parts = true;
    (void)rig_told(rig);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(send(rig, i, 1), 0);
    }
    assert_string_equal(rig_told(rig),
                        "snapshot_write #2 20@2 offset=0 len=1\n");
    assert_int_equal(send(rig, 0, 0), 0);
    assert_string_equal(rig_told(rig),
                        "1 -> 2 snapshot_reply t3 20@2 offset=3 written=0\n");
    assert_int_equal(rig_part_written(rig), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "1 -> 2 snapshot_reply t3 20@2 offset=3 written=1\n"
                        "snapshot_write #3 20@2 offset=1 len=1\n");
    rig_free(rig);
}

/* Heartbeats are answered all the while (canonical: heartbeats during an
 * installation), and nobody campaigns before it is over (etcd f1f74e0). */
static void heartbeats_are_answered_while_it_is_installed(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_append beat = {20, 2, 20, NULL, 0};

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    rig->slow_machine = true;
    assert_int_equal(send(rig, 0, 10), 0);
    assert_int_equal(rig_status(rig).applied_index, 3);
    assert_int_equal(rig_status(rig).commit_index, 20);
    (void)rig_told(rig);
    assert_int_equal(rig_append(rig, 2, 3, &beat), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "1 -> 2 append_reply t3 match=20\n");
    assert_int_equal(craft_campaign(rig->node), CRAFT_ERR_BUSY);
    assert_int_equal(craft_tick(rig->node, 100), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).role, CRAFT_ROLE_FOLLOWER);
    assert_int_equal(craft_applied(rig->node, 19, CRAFT_ENDING_OK),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_applied(rig->node, 20, CRAFT_ENDING_OK), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 20);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_free(rig);
}

/* ------------------------------------------------------------- the own log */

/* etcd 80615be, zeebe 6092, redisraft 0779f60: what is in the log already is
 * answered, and nothing of it goes. */
static void a_late_snapshot_of_what_is_there_is_answered_only(void **state)
{
    struct rig *rig = follower(25, 2, 22);

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_string_equal(rig_told(rig), "persist #3 term=3 vote=0\n"
                                       "1 -> 2 append_reply t3 match=20\n");
    assert_int_equal(rig_status(rig).last_index, 25);
    assert_int_equal(rig_status(rig).receiving_index, 0);
    rig_free(rig);
}

/* Also when it is not committed here: the entry it ends with is the same, so
 * all before it are (Figure 3.2, log matching). */
static void a_matching_log_needs_no_snapshot(void **state)
{
    struct rig *rig = follower(25, 2, 5);

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    assert_string_equal(rig_told(rig), "persist #3 term=3 vote=0\n"
                                       "1 -> 2 append_reply t3 match=20\n");
    assert_int_equal(rig_status(rig).last_index, 25);
    assert_int_equal(rig_status(rig).commit_index, 5);
    rig_free(rig);
}

/* cowsql af243f81: a *later* term at its index is no match. openraft 674e78aa:
 * what conflicts goes with the very record that notes the snapshot. */
static void a_conflicting_log_goes_with_one_record(void **state)
{
    struct rig *rig = follower(25, 1, 5);
    craft_message message;

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    (void)rig_told(rig);
    assert_int_equal(send(rig, 0, 10), 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_write #2 20@2 offset=0 len=10 last\n"
                        "persist #4 truncate=20 snapshot=20@2 keep=21\n"
                        "1 -> 2 append_reply t3 match=20\n"
                        "install 20@2\n");
    assert_int_equal(rig_status(rig).last_index, 20);
    assert_int_equal(rig_status(rig).last_term, 2);
    rig_free(rig);

    rig = follower(25, 3, 1); /* of a later term than the snapshot's */
    message = part(rig, 4, 0, 0);
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    message = part(rig, 4, 0, 10);
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), " truncate=20 snapshot=20@2"));
    assert_int_equal(rig_status(rig).last_term, 2);
    rig_free(rig);
}

/* openraft 1892: what is committed here is the same everywhere. */
static void
a_snapshot_that_contradicts_what_is_committed_is_refused(void **state)
{
    struct rig *rig = follower(25, 1, 22);

    (void)state;
    assert_int_equal(send(rig, 0, 0), CRAFT_ERR_MESSAGE);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_status(rig).term, 1);
    rig_free(rig);
}

static void entries_that_were_quicker_make_it_useless(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_entry entries[18];
    craft_append append = {5, 1, 21, entries, 17};

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    rig->slow_parts = true;
    assert_int_equal(send(rig, 0, 10), 0);
    rig_entries(entries, 17, 6, 2, 1);
    assert_int_equal(rig_append(rig, 2, 3, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 21);
    (void)rig_told(rig);
    assert_int_equal(rig_part_written(rig), 0);
    rig_run(rig);
    assert_null(strstr(rig_told(rig), "install"));
    assert_int_equal(rig_status(rig).last_index, 22);
    assert_int_equal(rig_status(rig).snapshot_index, 0);
    assert_int_equal(rig_status(rig).receiving_index, 0);
    rig_free(rig);
}

/* Nobody holds what it replaces: records and batches that are out end first,
 * and no new ones follow. */
static void it_takes_over_when_nothing_is_lent(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_entry entries[2];
    craft_append append = {5, 1, 3, entries, 2};

    (void)state;
    assert_int_equal(send(rig, 0, 0), 0);
    rig->slow_disk = true;
    rig_entries(entries, 2, 6, 1, 1);
    assert_int_equal(rig_append(rig, 2, 3, &append), 0);
    rig_run(rig);
    (void)rig_told(rig);
    assert_int_equal(send(rig, 0, 10), 0);
    assert_string_equal(rig_told(rig),
                        "snapshot_write #2 20@2 offset=0 len=10 last\n"
                        "1 -> 2 snapshot_reply t3 20@2 offset=10 written=10\n");
    assert_int_equal(rig_status(rig).last_index, 7);
    assert_int_equal(rig_persisted(rig), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "persist #5 snapshot=20@2 keep=21\n"));
    assert_int_equal(rig_status(rig).last_index, 20);
    assert_int_equal(rig_status(rig).applied_index, 3);
    assert_int_equal(rig_persisted(rig), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "install 20@2\n"));
    rig_free(rig);
}

/* openraft 1808: an uncommitted configuration of the log that goes does not
 * stay in force; the role is what the snapshot says (etcd 2f28e8a). */
static void the_configuration_is_the_one_that_it_carries(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_configuration configuration;
    craft_entry entry;
    craft_append append = {5, 1, 3, &entry, 1};
    uint8_t blob[400];

    (void)state;
    memset(&entry, 0, sizeof entry);
    entry.index = 6;
    entry.term = 1;
    entry.kind = CRAFT_ENTRY_CONFIGURATION;
    entry.data = blob;
    entry.data_len = rig_blob(5, blob, sizeof blob);
    assert_int_equal(rig_append(rig, 3, 1, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).peers_len, 4);
    configuration_carried(2, 5); /* an older entry, and it counts */
    assert_int_equal(send(rig, 0, 0), 0);
    assert_int_equal(send(rig, 0, 10), 0);
    configuration.struct_size = sizeof configuration;
    assert_int_equal(craft_node_configuration(rig->node, &configuration), 0);
    assert_int_equal(configuration.index, 5);
    assert_int_equal(configuration.members_len, 2);
    assert_int_equal(rig_status(rig).peers_len, 1);
    rig_free(rig);
}

/* --------------------------------------------------------------- refusals */

static void parts_that_no_leader_sends_are_refused(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message good = part(rig, 3, 0, 0);

    (void)state;
    for (int i = 0; i < 12; i++) {
        craft_message bad = good;
        craft_snapshot_part *as = &bad.as.snapshot;
        uint8_t damaged[400];

        memcpy(damaged, carried, carried_len);
        damaged[8] ^= 1;
        as->index = i == 0 ? 0 : i == 1 ? CRAFT_NUMBER_MAX : as->index;
        as->term = i == 2 ? 0 : i == 3 ? 4 : as->term;
        as->size = i == 4 ? CRAFT_NUMBER_MAX : as->size;
        as->offset = i == 5 ? SIZE + 1 : 0;
        as->data_len = i == 6 ? SIZE + 1 : i == 7 ? 1 : 0;
        as->data = i == 6 ? state_bytes : NULL;
        as->configuration = i == 8 ? NULL : i == 9 ? damaged : carried;
        as->configuration_len -= i == 10;
        as->index = i == 11 ? 4 : as->index; /* before its configuration */
        configuration_carried(3, i == 11 ? 5 : 1);
        assert_int_equal(craft_receive(rig->node, &bad), CRAFT_ERR_MESSAGE);
        rig_run(rig);
        assert_string_equal(rig_told(rig), "");
        assert_int_equal(rig_status(rig).term, 1);
    }
    rig_free(rig);
}

static void memory_that_is_refused_changes_nothing(void **state)
{
    struct rig *rig = follower(5, 1, 3);
    craft_message message = part(rig, 3, 0, 0);
    uint32_t before = rig_digest(rig);

    (void)state;
    for (size_t n = 1;; n++) {
        int rv;

        rig->memory.fail_at = rig->memory.allocations + n;
        rv = craft_receive(rig->node, &message);
        rig->memory.fail_at = 0;
        if (rv == 0) {
            break;
        }
        assert_int_equal(rv, CRAFT_ERR_NOMEM);
        assert_int_equal(rig_digest(rig), before);
    }
    rig_run(rig);
    message = part(rig, 3, 0, 10);
    rig->memory.fail_at = rig->memory.allocations + 1;
    assert_int_equal(craft_receive(rig->node, &message), CRAFT_ERR_NOMEM);
    rig->memory.fail_at = 0;
    assert_int_equal(craft_receive(rig->node, &message), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);
}

/* A state machine that is itself durable, behind what its store has noted:
 * the crash was between the record and the installation. */
static void a_restart_installs_what_was_noted(void **state)
{
    struct rig *rig = rig_new(1);
    craft_snapshot snapshot = {sizeof snapshot, 0,           20,   2,
                               carried,         carried_len, SIZE, 7};
    craft_restore restore = {sizeof restore, 0, 3, 0, 0, 5, &snapshot};

    (void)state;
    configuration_carried(3, 1);
    snapshot.configuration_len = carried_len;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "install 20@2\n");
    assert_int_equal(rig_status(rig).applied_index, 20);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_arrives_in_parts_and_takes_over),
        cmocka_unit_test(parts_out_of_order_are_not_taken),
        cmocka_unit_test(another_snapshot_begins_at_its_beginning),
        cmocka_unit_test(a_new_leader_goes_on_where_the_old_one_was),
        cmocka_unit_test(without_a_digest_another_sender_begins_anew),
        cmocka_unit_test(the_host_says_from_where_on_it_is_wanted),
        cmocka_unit_test(a_write_that_fails_begins_anew),
        cmocka_unit_test(parts_wait_in_memory_while_one_is_written),
        cmocka_unit_test(heartbeats_are_answered_while_it_is_installed),
        cmocka_unit_test(a_late_snapshot_of_what_is_there_is_answered_only),
        cmocka_unit_test(a_matching_log_needs_no_snapshot),
        cmocka_unit_test(a_conflicting_log_goes_with_one_record),
        cmocka_unit_test(
            a_snapshot_that_contradicts_what_is_committed_is_refused),
        cmocka_unit_test(entries_that_were_quicker_make_it_useless),
        cmocka_unit_test(it_takes_over_when_nothing_is_lent),
        cmocka_unit_test(the_configuration_is_the_one_that_it_carries),
        cmocka_unit_test(parts_that_no_leader_sends_are_refused),
        cmocka_unit_test(memory_that_is_refused_changes_nothing),
        cmocka_unit_test(a_restart_installs_what_was_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
