/*
 * Snapshots of one server (thesis 5.1): described, noted by the store, and the
 * log given up; a start from what the store then holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

static void propose(struct rig *rig, size_t entries, size_t data_len)
{
    static const uint8_t data[4096];

    for (size_t i = 0; i < entries; i++) {
        assert_int_equal(craft_propose(rig->node, data, data_len, 0), 0);
        rig_run(rig);
    }
}

/* A voter alone that has applied entries up to `last`, of that size. */
static struct rig *rig_applied(craft_index last, size_t data_len)
{
    struct rig *rig = rig_new(1);

    rig_lead(rig, 1);
    propose(rig, (size_t)(last - rig_status(rig).last_index), data_len);
    assert_int_equal(rig_status(rig).applied_index, last);
    (void)rig_told(rig);
    return rig;
}

static craft_snapshot begin(struct rig *rig, craft_index index)
{
    craft_snapshot snapshot;

    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    assert_int_equal(craft_snapshot_begin(rig->node, index, &snapshot), 0);
    return snapshot;
}

static void end(struct rig *rig, const craft_snapshot *snapshot,
                size_t keep_bytes)
{
    assert_int_equal(craft_snapshot_end(rig->node, snapshot, keep_bytes), 0);
    rig_run(rig);
}

static void take(struct rig *rig, craft_index index, size_t keep_bytes)
{
    craft_snapshot snapshot = begin(rig, index);

    end(rig, &snapshot, keep_bytes);
}

/* ---------------------------------------------------------------- describe */

static void a_snapshot_is_described_as_of_its_index(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    uint32_t before = rig_digest(rig);
    craft_snapshot snapshot = begin(rig, 0);

    (void)state;
    assert_int_equal(snapshot.index, 10);
    assert_int_equal(snapshot.term, 2);
    assert_true(snapshot.configuration_len > 0);
    assert_int_equal(snapshot.size, 0);
    assert_int_equal(snapshot.digest, 0);
    snapshot = begin(rig, 1);
    assert_int_equal(snapshot.index, 1);
    assert_int_equal(snapshot.term, 1);
    assert_int_equal(rig_digest(rig), before);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    rig_free(rig);
}

/* canonical 250, redisraft 12: not with one that is only appended yet. */
static void a_snapshot_has_the_configuration_of_its_index(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entry;
    craft_append append = {1, 1, 1, &entry, 1};
    craft_configuration now;
    craft_snapshot before;
    uint8_t blob[400];

    (void)state;
    rig_found(rig, 3);
    before = begin(rig, 1);
    memset(&entry, 0, sizeof entry);
    entry.index = 2;
    entry.term = 1;
    entry.kind = CRAFT_ENTRY_CONFIGURATION;
    entry.data = blob;
    entry.data_len = rig_blob(5, blob, sizeof blob);
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    rig_run(rig);
    now.struct_size = sizeof now;
    assert_int_equal(craft_node_configuration(rig->node, &now), 0);
    assert_int_equal(now.members_len, 5);
    assert_int_equal(begin(rig, 0).configuration_len, before.configuration_len);
    /* Also when it is committed, of an image that was taken before. */
    append.prev_index = 2;
    append.commit = 2;
    append.entries_len = 0;
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 2);
    assert_int_equal(begin(rig, 1).configuration_len, before.configuration_len);
    assert_true(begin(rig, 2).configuration_len > before.configuration_len);
    rig_free(rig);
}

static void only_what_is_applied_can_be_described(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot snapshot;

    (void)state;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    rig->slow_machine = true;
    propose(rig, 1, 1);
    assert_int_equal(craft_snapshot_begin(rig->node, 0, &snapshot),
                     CRAFT_ERR_BUSY);
    assert_int_equal(craft_snapshot_begin(rig->node, 11, &snapshot),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_snapshot_begin(rig->node, 10, &snapshot), 0);
    assert_int_equal(craft_applied(rig->node, 11, CRAFT_ENDING_OK), 0);
    assert_int_equal(craft_snapshot_begin(rig->node, 11, &snapshot), 0);
    assert_int_equal(craft_snapshot_begin(rig->node, UINT64_MAX, &snapshot),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

static void structs_of_another_size_are_refused(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot snapshot = begin(rig, 0);
    uint32_t before = rig_digest(rig);

    (void)state;
    snapshot.struct_size++;
    assert_int_equal(craft_snapshot_begin(rig->node, 0, &snapshot),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_snapshot_begin(rig->node, 0, NULL),
                     CRAFT_ERR_INVALID);
    assert_int_equal(craft_snapshot_end(rig->node, NULL, 0), CRAFT_ERR_INVALID);
    assert_int_equal(rig_digest(rig), before);
    rig_free(rig);
}

static void a_server_without_configuration_has_nothing_to_describe(void **state)
{
    struct rig *rig = rig_new(1);
    craft_snapshot snapshot;

    (void)state;
    memset(&snapshot, 0, sizeof snapshot);
    snapshot.struct_size = sizeof snapshot;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_snapshot_begin(rig->node, 0, &snapshot),
                     CRAFT_ERR_STATE);
    assert_int_equal(craft_node_start(rig->node), 0);
    assert_int_equal(craft_snapshot_begin(rig->node, 0, &snapshot),
                     CRAFT_ERR_INVALID);
    rig_free(rig);
}

/* --------------------------------------------------------------------- end */

static void
the_store_notes_the_snapshot_and_may_drop_what_it_stands_for(void **state)
{
    struct rig *rig = rig_applied(10, 1);

    (void)state;
    take(rig, 8, 0);
    assert_string_equal(rig_told(rig), "persist #12 snapshot=8@2 keep=9\n");
    assert_int_equal(rig_status(rig).snapshot_index, 8);
    assert_int_equal(rig_status(rig).base_index, 8);
    assert_int_equal(rig_status(rig).first_index, 9);
    assert_int_equal(rig_status(rig).last_index, 10);
    propose(rig, 1, 1);
    assert_int_equal(rig_status(rig).applied_index, 11);
    rig_free(rig);
}

/* The log may well be empty (thesis 5.1.3). */
static void all_of_the_log_may_go(void **state)
{
    struct rig *rig = rig_applied(10, 1);

    (void)state;
    take(rig, 0, 0);
    assert_int_equal(rig_status(rig).base_index, 10);
    assert_int_equal(rig_status(rig).last_index, 10);
    assert_int_equal(rig_status(rig).last_term, 2);
    assert_int_equal(rig_status(rig).log_bytes, 0);
    propose(rig, 3, 1);
    take(rig, 13, 0);
    assert_int_equal(rig_status(rig).base_index, 13);
    rig_free(rig);
}

static void a_tail_within_its_bytes_is_kept(void **state)
{
    struct rig *rig = rig_applied(10, 36); /* 100 with overhead */

    (void)state;
    take(rig, 9, 399);
    assert_string_equal(rig_told(rig), "persist #12 snapshot=9@2 keep=7\n");
    assert_int_equal(rig_status(rig).base_index, 6);
    assert_int_equal(rig_status(rig).snapshot_index, 9);
    take(rig, 10, SIZE_MAX);
    assert_string_equal(rig_told(rig), "persist #13 snapshot=10@2\n");
    assert_int_equal(rig_status(rig).base_index, 6);
    rig_free(rig);
}

/* RedisLabs b727e5f, NuRaft 9de4522: what is finished late does not take back
 * what is newer, and nothing is dropped beyond it. */
static void snapshots_finished_out_of_order_never_go_back(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot old = begin(rig, 6);
    uint8_t blob[200];
    craft_snapshot newer;
    uint32_t before;

    (void)state;
    assert_true(old.configuration_len <= sizeof blob);
    memcpy(blob, old.configuration, old.configuration_len);
    old.configuration = blob;
    propose(rig, 5, 1);
    newer = begin(rig, 9);
    end(rig, &newer, SIZE_MAX);
    before = rig_digest(rig);
    assert_int_equal(craft_snapshot_end(rig->node, &old, 0), CRAFT_ERR_INVALID);
    newer = begin(rig, 10);
    newer.index = 9;
    assert_int_equal(craft_snapshot_end(rig->node, &newer, 0),
                     CRAFT_ERR_INVALID);
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(rig_status(rig).base_index, 0);
    rig_free(rig);
}

static void what_differs_from_the_own_record_is_refused(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot good = begin(rig, 8);
    craft_snapshot bad[5] = {good, good, good, good, good};
    uint8_t blob[200];
    uint32_t before;

    (void)state;
    memcpy(blob, good.configuration, good.configuration_len);
    blob[9] ^= 1; /* of the lineage */
    bad[0].term--;
    bad[1].index = 11; /* not applied */
    bad[2].configuration = blob;
    bad[3].configuration_len--;
    bad[4].configuration = NULL;
    before = rig_digest(rig);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(craft_snapshot_end(rig->node, &bad[i], 0),
                         CRAFT_ERR_INVALID);
        assert_int_equal(rig_digest(rig), before);
    }
    end(rig, &good, 0);
    rig_free(rig);
}

static void the_next_one_waits_until_the_store_has_noted_the_last(void **state)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot snapshot;

    (void)state;
    rig->slow_disk = true;
    take(rig, 5, 0);
    snapshot = begin(rig, 8);
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0),
                     CRAFT_ERR_BUSY);
    assert_int_equal(rig_persisted(rig), 0);
    end(rig, &snapshot, 0);
    assert_int_equal(rig_status(rig).snapshot_index, 8);
    assert_int_equal(rig_persisted(rig), 0);
    rig_free(rig);
}

/* A full disk still takes what makes room on it. */
static void a_snapshot_is_noted_on_a_full_disk(void **state)
{
    struct rig *rig = rig_applied(10, 1);

    (void)state;
    rig->slow_disk = true;
    propose(rig, 1, 1);
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    rig_run(rig);
    rig->disk_last = 10;
    assert_true(rig_status(rig).flags & CRAFT_STATUS_DISK_FULL);
    (void)rig_told(rig);
    take(rig, 10, 0);
    assert_string_equal(rig_told(rig), "persist #13 snapshot=10@2 keep=11\n");
    /* Not even that fits: a tick asks again. */
    assert_int_equal(
        craft_persisted(rig->node, rig->ticket, CRAFT_ENDING_NOSPACE), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #14 snapshot=10@2 [11@2 \"\\x00\"] keep=11\n");
    assert_int_equal(rig_persisted(rig), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).durable_index, 11);
    rig_free(rig);
}

/* What a hook that is running holds is not given up under it. */
static void what_is_lent_to_a_message_outlives_the_compaction(void **state)
{
    struct rig *rig = rig_new(1);
    craft_snapshot snapshot;
    const craft_entry *entries;

    (void)state;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    rig_run(rig);
    propose(rig, 8, 200);
    assert_int_equal(rig_acknowledge(rig, 2, 10), 0);
    rig_run(rig);
    assert_int_equal(craft_peer_unreachable(rig->node, 3), 0);
    assert_int_equal(rig_acknowledge(rig, 3, 2), 0);
    do {
        assert_int_equal(rig_pull(rig), CRAFT_EFFECT_SEND);
    } while (rig->effect.message->to != 3);
    entries = rig->effect.message->as.append.entries;
    assert_int_equal(entries[0].index, 3);
    snapshot = begin(rig, 10);
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0), 0);
    assert_int_equal(entries[0].index, 3);
    assert_int_equal(entries[0].data_len, 200);
    assert_int_equal(entries[0].data[199], 0);
    assert_int_equal(rig_status(rig).base_index, 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).base_index, 10);
    rig_free(rig);
}

/* ------------------------------------------------------------------ tokens */

/* The fate of a command is what it was, although its entry is gone. */
static void tokens_end_as_they_would_have_without_the_snapshot(void **state)
{
    struct rig *rig = rig_applied(5, 1);
    craft_snapshot snapshot;

    (void)state;
    assert_int_equal(craft_propose(rig->node, NULL, 0, 77), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_PERSIST);
    assert_int_equal(rig_persisted(rig), 0);
    assert_int_equal(rig_pull(rig), CRAFT_EFFECT_APPLY);
    assert_int_equal(craft_propose(rig->node, NULL, 0, 78), 0);
    assert_int_equal(craft_applied(rig->node, 6, CRAFT_ENDING_OK), 0);
    snapshot = begin(rig, 6);
    assert_int_equal(craft_snapshot_end(rig->node, &snapshot, 0), 0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "persist #8 snapshot=6@2 [7@2 \"\"] keep=7\n"
                        "apply [7@2 \"\"]\n"
                        "done token=77 ok index=6\n"
                        "done token=78 ok index=7\n");
    rig_free(rig);
}

/* -------------------------------------------------------------------- peers */

/* A leader of three with 12 entries applied; 2 has all, 3 has two. */
static struct rig *rig_behind(size_t pin_bytes_max)
{
    struct rig *rig = rig_new(1);

    rig->config.snapshot_pin_bytes_max = pin_bytes_max;

    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    propose(rig, 10, 1);
    assert_int_equal(rig_acknowledge(rig, 2, 12), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).applied_index, 12);
    (void)rig_told(rig);
    return rig;
}

static void a_peer_that_lacks_what_is_gone_is_asked_for_the_base(void **state)
{
    struct rig *rig = rig_behind(SIZE_MAX);
    craft_message reply;

    (void)state;
    take(rig, 8, 0);
    reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 3, 2);
    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = rig_peer(rig, 1).next_index - 1;
    (void)rig_told(rig);
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_SNAPSHOT);
    assert_int_equal(craft_tick(rig->node, 1), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 append t2 prev=8@2 commit=12\n"));
    /* Refusals are of no consequence, whatever they hint at. */
    reply.as.append_reply.rejected_index = 8;
    reply.as.append_reply.hint_index = 1;
    reply.as.append_reply.hint_term = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_peer(rig, 1).silent_ticks, 0);
    /* It has come by it: all goes on by appends (etcd/raft 110). */
    assert_int_equal(rig_acknowledge(rig, 3, 8), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 append t2 prev=8@2 commit=12 [9@2"));
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_REPLICATE);
    rig_free(rig);
}

static void a_later_compaction_asks_for_the_later_base(void **state)
{
    struct rig *rig = rig_behind(0);

    (void)state;
    assert_int_equal(craft_peer_unreachable(rig->node, 3), 0);
    take(rig, 8, 0);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_SNAPSHOT);
    assert_int_equal(rig_peer(rig, 1).next_index, 9);
    take(rig, 11, 0);
    assert_int_equal(rig_peer(rig, 1).next_index, 12);
    assert_int_equal(rig_acknowledge(rig, 3, 8), 0);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_SNAPSHOT);
    assert_int_equal(rig_acknowledge(rig, 3, 12), 0);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_REPLICATE);
    rig_free(rig);
}

static void a_peer_within_the_tail_goes_on_by_appends(void **state)
{
    struct rig *rig = rig_behind(SIZE_MAX);

    (void)state;
    assert_int_equal(rig_acknowledge(rig, 3, 6), 0);
    rig_run(rig);
    take(rig, 8, (size_t)65 * 4);
    assert_int_equal(rig_status(rig).base_index, 4);
    assert_int_equal(craft_peer_unreachable(rig->node, 3), 0);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_PROBE);
    (void)rig_told(rig);
    assert_int_equal(rig_acknowledge(rig, 3, 6), 0);
    rig_run(rig);
    assert_non_null(
        strstr(rig_told(rig), "1 -> 3 append t2 prev=6@2 commit=12 [7@2"));
    rig_free(rig);
}

/* An answer to a fetch of entries that were compacted meanwhile. */
static void a_fetch_of_what_is_gone_ends_in_peace(void **state)
{
    struct rig *rig = rig_new(1);
    craft_message reply;

    (void)state;
    rig->config.log_cache_bytes_max = 0;
    rig_lead(rig, 3);
    assert_int_equal(rig_acknowledge(rig, 2, 2), 0);
    rig_run(rig);
    for (int i = 0; i < 100; i++) {
        propose(rig, 1, 1);
        assert_int_equal(rig_acknowledge(rig, 2, rig_status(rig).last_index),
                         0);
        rig_run(rig);
    }
    assert_true(rig_status(rig).first_index > 20);
    rig->slow_fetch = true;
    reply = rig_message(rig, CRAFT_MESSAGE_APPEND_REPLY, 3, 2);
    reply.as.append_reply.rejected = 1;
    reply.as.append_reply.rejected_index = 1;
    assert_int_equal(craft_receive(rig->node, &reply), 0);
    rig_run(rig);
    assert_int_equal(rig->fetch_first, 1);
    take(rig, 15, 0);
    assert_int_equal(rig_peer(rig, 1).progress, CRAFT_PROGRESS_SNAPSHOT);
    assert_int_equal(rig_fetched(rig), 0);
    (void)rig_told(rig);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    /* It has the base: what is behind it is read back. */
    assert_int_equal(rig_acknowledge(rig, 3, 15), 0);
    rig_run(rig);
    assert_int_equal(rig->fetch_first, 16);
    assert_int_equal(rig_fetched(rig), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "prev=15@2"));
    rig_free(rig);
}

/* ---------------------------------------------------------------- follower */

/* A follower of three whose log is a snapshot at 5, of term 1, and 6, 7. */
static struct rig *rig_following(void)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[6];
    craft_append append = {1, 1, 7, entries, 6};

    rig_found(rig, 3);
    rig_entries(entries, 6, 2, 1, 1);
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    rig_run(rig);
    take(rig, 5, 0);
    assert_int_equal(rig_status(rig).base_index, 5);
    assert_int_equal(rig_status(rig).commit_index, 7);
    (void)rig_told(rig);
    return rig;
}

/* RedisLabs 49, MicroRaft d300e13, braft 5dd342f: entries that the snapshot
 * stands for are neither conflicts nor new. */
static void
appends_that_begin_before_the_base_are_taken_by_their_rest(void **state)
{
    static const craft_index prevs[] = {0, 1, 3, 4, 5, 6};
    craft_entry entries[9];

    (void)state;
    for (size_t i = 0; i < sizeof prevs / sizeof prevs[0]; i++) {
        struct rig *rig = rig_following();
        craft_index prev = prevs[i];
        craft_append append = {prev, prev > 0, 7, entries, 8 - (size_t)prev};

        rig_entries(entries, 8 - (size_t)prev, prev + 1, 1, 1);
        entries[7 - prev].term = 2;
        assert_int_equal(rig_append(rig, 3, 2, &append), 0);
        rig_run(rig);
        assert_int_equal(rig_status(rig).last_index, 8);
        assert_int_equal(rig_status(rig).last_term, 2);
        assert_non_null(strstr(rig_told(rig), "8@2 \"x\"]\n"));
        rig_free(rig);
    }
}

static void appends_that_end_before_the_base_change_nothing(void **state)
{
    struct rig *rig = rig_following();
    craft_entry entries[3];
    craft_append append = {1, 1, 7, entries, 3};

    (void)state;
    rig_entries(entries, 3, 2, 1, 1);
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    append.entries_len = 0;
    append.entries = NULL;
    append.prev_index = 3;
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    append.prev_index = 5;
    assert_int_equal(rig_append(rig, 2, 1, &append), 0);
    rig_run(rig);
    assert_int_equal(rig_status(rig).last_index, 7);
    rig_free(rig);
}

/* Every leader has what is committed: who contradicts it is none. */
static void an_append_that_contradicts_the_base_is_refused(void **state)
{
    struct rig *rig = rig_following();
    craft_entry entries[4];
    craft_append append = {3, 1, 7, entries, 4};

    (void)state;
    rig_entries(entries, 4, 4, 2, 1); /* 5 is of term 1 */
    assert_int_equal(rig_append(rig, 3, 2, &append), CRAFT_ERR_MESSAGE);
    append.prev_index = 5;
    append.prev_term = 2;
    append.entries_len = 0;
    assert_int_equal(rig_append(rig, 3, 2, &append), CRAFT_ERR_MESSAGE);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_status(rig).term, 1);
    assert_int_equal(rig_status(rig).last_index, 7);
    rig_free(rig);
}

/* etcd 0c22de0: a hint may not look below the base. */
static void a_refusal_hints_at_nothing_below_the_base(void **state)
{
    struct rig *rig = rig_following();
    craft_append append = {15, 1, 7, NULL, 0};

    (void)state;
    assert_int_equal(rig_append(rig, 3, 2, &append), 0);
    rig_run(rig);
    assert_non_null(strstr(rig_told(rig), "hint=7@1"));
    rig_free(rig);
}

/* ----------------------------------------------------------------- restart */

struct kept {
    craft_snapshot snapshot;
    uint8_t blob[200];
};

static void keep(struct kept *kept, const craft_snapshot *snapshot)
{
    kept->snapshot = *snapshot;
    assert_true(snapshot->configuration_len <= sizeof kept->blob);
    memcpy(kept->blob, snapshot->configuration, snapshot->configuration_len);
    kept->snapshot.configuration = kept->blob;
}

static void kept_of(struct kept *kept, craft_index index)
{
    struct rig *rig = rig_applied(10, 1);
    craft_snapshot snapshot = begin(rig, index);

    keep(kept, &snapshot);
    rig_free(rig);
}

static craft_restore restore_of(const struct kept *kept)
{
    craft_restore restore;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = sizeof restore;
    restore.term = 3;
    restore.snapshot = &kept->snapshot;
    return restore;
}

static void a_start_from_a_snapshot_alone(void **state)
{
    struct rig *rig = rig_new(1);
    craft_configuration configuration;
    struct kept kept;
    craft_restore restore;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig->disk_last = 10;
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_status(rig).applied_index, 10);
    assert_int_equal(rig_status(rig).commit_index, 10);
    assert_int_equal(rig_status(rig).durable_index, 10);
    assert_int_equal(rig_status(rig).base_index, 10);
    assert_int_equal(rig_status(rig).last_term, 2);
    configuration.struct_size = sizeof configuration;
    assert_int_equal(craft_node_configuration(rig->node, &configuration), 0);
    assert_int_equal(configuration.index, 1);
    assert_int_equal(configuration.members_len, 1);
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    propose(rig, 1, 1);
    assert_int_equal(rig_status(rig).applied_index, 12);
    rig_free(rig);
}

/* redisraft 51c1b78, swarmkit 238: the configuration is in the second one,
 * too, although no entry of this life has it. */
static void a_second_snapshot_carries_the_configuration_on(void **state)
{
    struct rig *rig = rig_new(1);
    craft_snapshot second;
    struct kept kept;
    craft_restore restore;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig->disk_last = 10;
    assert_int_equal(craft_campaign(rig->node), 0);
    rig_run(rig);
    propose(rig, 5, 1);
    second = begin(rig, 0);
    assert_int_equal(second.configuration_len, kept.snapshot.configuration_len);
    assert_memory_equal(second.configuration, kept.blob,
                        kept.snapshot.configuration_len);
    end(rig, &second, 0);
    rig_free(rig);
}

static void entries_behind_the_snapshot_follow_it(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[3];
    struct kept kept;
    craft_restore restore;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    restore.commit_hint = 12;
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_entries(entries, 3, 11, 3, 1);
    entries[0].index = 12; /* a gap */
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 1),
                     CRAFT_ERR_CORRUPT);
    entries[0].index = 11;
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 3), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig),
                        "apply [11@3 \"x\"]\napply [12@3 \"x\"]\n");
    rig_free(rig);
}

/* The store has not dropped all that the snapshot stands for. */
static void entries_that_the_snapshot_stands_for_serve_as_a_tail(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[8];
    struct kept kept;
    craft_restore restore;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_entries(entries, 8, 5, 2, 1);
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 3), 0);
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 1),
                     CRAFT_ERR_CORRUPT); /* once */
    assert_int_equal(craft_node_restore_entries(rig->node, entries + 3, 5), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_run(rig);
    assert_string_equal(rig_told(rig), "");
    assert_int_equal(rig_status(rig).base_index, 5);
    assert_int_equal(rig_status(rig).snapshot_index, 10);
    assert_int_equal(rig_status(rig).last_index, 12);
    assert_int_equal(rig_status(rig).applied_index, 10);
    rig_free(rig);
}

static void a_batch_of_the_tail_is_taken_whole_or_not(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[8];
    struct kept kept;
    craft_restore restore;
    uint32_t before;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    before = rig_digest(rig);
    rig_entries(entries, 8, 5, 2, 1);
    entries[7].term = 1;
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 8),
                     CRAFT_ERR_CORRUPT);
    assert_int_equal(rig_digest(rig), before);
    entries[7].term = 2;
    entries[5].term = 3; /* the snapshot says 2 of entry 10 */
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 8),
                     CRAFT_ERR_CORRUPT);
    entries[5].term = 2;
    entries[0].index = 0;
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 1),
                     CRAFT_ERR_CORRUPT);
    entries[0].index = 5;
    entries[0].term = 3; /* later than the snapshot's */
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 1),
                     CRAFT_ERR_CORRUPT);
    entries[0].term = 2;
    assert_int_equal(rig_digest(rig), before);
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 8), 0);
    assert_int_equal(craft_node_start(rig->node), 0);
    rig_free(rig);
}

/* A log that ends before its snapshot is none that a store may have. */
static void a_tail_that_ends_before_the_snapshot_is_corrupt(void **state)
{
    struct rig *rig = rig_new(1);
    craft_entry entries[2];
    struct kept kept;
    craft_restore restore;

    (void)state;
    kept_of(&kept, 10);
    restore = restore_of(&kept);
    assert_int_equal(rig_open(rig), 0);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_entries(entries, 2, 5, 2, 1);
    assert_int_equal(craft_node_restore_entries(rig->node, entries, 2), 0);
    assert_int_equal(craft_node_start(rig->node), CRAFT_ERR_CORRUPT);
    rig_free(rig);
}

static void restore_refuses_snapshots_that_cannot_be(void **state)
{
    struct rig *rig = rig_new(1);
    struct kept bad;
    craft_restore restore;

    (void)state;
    assert_int_equal(rig_open(rig), 0);
    for (int i = 0; i < 8; i++) {
        uint32_t before = rig_digest(rig);

        kept_of(&bad, 10);
        restore = restore_of(&bad);
        bad.snapshot.index = i == 0 ? 0 : 10;
        bad.snapshot.index = i == 1 ? CRAFT_NUMBER_MAX : bad.snapshot.index;
        bad.snapshot.term = i == 2 ? 0 : 2;
        bad.snapshot.term = i == 3 ? 4 : bad.snapshot.term;
        bad.blob[30] ^= i == 4; /* damage */
        bad.snapshot.configuration_len -= i == 5;
        bad.snapshot.configuration = i == 6 ? NULL : bad.blob;
        bad.snapshot.struct_size -= i == 7;
        assert_int_equal(craft_node_restore(rig->node, &restore),
                         i == 7 ? CRAFT_ERR_INVALID : CRAFT_ERR_CORRUPT);
        assert_int_equal(rig_digest(rig), before);
    }
    kept_of(&bad, 10);
    bad.snapshot.index = 0; /* in 1 the configuration stands */
    kept_of(&bad, 1);
    restore = restore_of(&bad);
    assert_int_equal(craft_node_restore(rig->node, &restore), 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_is_described_as_of_its_index),
        cmocka_unit_test(a_snapshot_has_the_configuration_of_its_index),
        cmocka_unit_test(only_what_is_applied_can_be_described),
        cmocka_unit_test(structs_of_another_size_are_refused),
        cmocka_unit_test(
            a_server_without_configuration_has_nothing_to_describe),
        cmocka_unit_test(
            the_store_notes_the_snapshot_and_may_drop_what_it_stands_for),
        cmocka_unit_test(all_of_the_log_may_go),
        cmocka_unit_test(a_tail_within_its_bytes_is_kept),
        cmocka_unit_test(snapshots_finished_out_of_order_never_go_back),
        cmocka_unit_test(what_differs_from_the_own_record_is_refused),
        cmocka_unit_test(the_next_one_waits_until_the_store_has_noted_the_last),
        cmocka_unit_test(a_snapshot_is_noted_on_a_full_disk),
        cmocka_unit_test(what_is_lent_to_a_message_outlives_the_compaction),
        cmocka_unit_test(tokens_end_as_they_would_have_without_the_snapshot),
        cmocka_unit_test(a_peer_that_lacks_what_is_gone_is_asked_for_the_base),
        cmocka_unit_test(a_later_compaction_asks_for_the_later_base),
        cmocka_unit_test(a_peer_within_the_tail_goes_on_by_appends),
        cmocka_unit_test(a_fetch_of_what_is_gone_ends_in_peace),
        cmocka_unit_test(
            appends_that_begin_before_the_base_are_taken_by_their_rest),
        cmocka_unit_test(appends_that_end_before_the_base_change_nothing),
        cmocka_unit_test(an_append_that_contradicts_the_base_is_refused),
        cmocka_unit_test(a_refusal_hints_at_nothing_below_the_base),
        cmocka_unit_test(a_start_from_a_snapshot_alone),
        cmocka_unit_test(a_second_snapshot_carries_the_configuration_on),
        cmocka_unit_test(entries_behind_the_snapshot_follow_it),
        cmocka_unit_test(entries_that_the_snapshot_stands_for_serve_as_a_tail),
        cmocka_unit_test(a_batch_of_the_tail_is_taken_whole_or_not),
        cmocka_unit_test(a_tail_that_ends_before_the_snapshot_is_corrupt),
        cmocka_unit_test(restore_refuses_snapshots_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
