/*
 * Records whose checks are right and whose meaning cannot be: no crash leaves
 * them, so they are refused as damage, and nothing else happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wal/format.h"
#include "wal_store.h"

#define SEGMENT_1 "0000000000000001.wal"

/* A store with a vote and then one entry without data, closed. */
static void fill(struct wal_store *store)
{
    wal_store_init(store, 4096);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 2, 1), 0);
    assert_int_equal(wal_store_entries(store, 1, 0), 0);
    assert_int_equal(wal_store_sync(store), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    memory_files_settle(store->files);
}

/* The record with the entry: where it begins, and what it names. */
static uint8_t *entries_record(struct wal_store *store,
                               struct craft_wal_record *record,
                               uint32_t *salt_out)
{
    size_t len = 0;
    uint8_t *data = memory_files_data(store->files, SEGMENT_1, &len);
    uint32_t at = CRAFT_WAL_HEADER_LEN;
    uint32_t seed;

    assert_non_null(data);
    seed = craft_wal_seed(craft_load64(data + 16), 1);
    do {
        if (craft_load32(data + at + 12) == 0) {
            at = craft_wal_align(at);
        }
        assert_int_equal(craft_wal_record_decode(record, seed ^ at, data + at),
                         1);
        at += record->length;
    } while ((record->flags & CRAFT_WAL_RECORD_ENTRIES) == 0);
    at -= record->length;
    assert_int_equal(record->flags, CRAFT_WAL_RECORD_ENTRIES);
    assert_int_equal(record->length, 64);
    *salt_out = seed ^ at;
    return data + at;
}

/* Found by fuzzing: a body that ended before its first entry was taken for
 * complete, and reading the entries went on behind it. */
static void entries_without_their_bytes_are_refused(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 4; count++) {
        struct wal_store store;
        struct craft_wal_record record;
        uint32_t salt = 0;
        uint8_t *data;

        fill(&store);
        data = entries_record(&store, &record, &salt);
        record.length = CRAFT_WAL_RECORD_LEN + CRAFT_WAL_ENTRIES_LEN;
        memset(data + record.length, 0, CRAFT_WAL_ENTRY_LEN);
        craft_store32(data + CRAFT_WAL_RECORD_LEN + 8, count);
        craft_wal_record_finish(&record, salt, data);
        memory_files_settle(store.files);
        assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_DAMAGED);
        wal_store_free(&store);
    }
}

/* ---------------------------------------------------- records, one by one */

static int summary_of(uint32_t flags, const uint8_t *body, size_t body_len,
                      struct craft_wal_summary *summary)
{
    struct craft_wal_record record = {
        .length = CRAFT_WAL_RECORD_LEN + (uint32_t)body_len,
        .flags = flags,
    };

    return craft_wal_summary_decode(summary, &record, body);
}

static void a_body_is_as_long_as_its_parts(void **state)
{
    struct craft_wal_summary summary;
    uint8_t body[128] = {0};

    (void)state;
    assert_int_equal(
        summary_of(CRAFT_WAL_RECORD_STATE, body, CRAFT_WAL_STATE_LEN, &summary),
        0);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_STATE, body,
                                CRAFT_WAL_STATE_LEN + 8, &summary),
                     CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_STATE, body,
                                CRAFT_WAL_STATE_LEN - 8, &summary),
                     CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_KNOWN + 1u, body, 0, &summary),
                     CRAFT_WAL_ERR_VERSION);
    /* A record of no entries decodes, and is in no order. */
    craft_store64(body, 1);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_ENTRIES, body,
                                CRAFT_WAL_ENTRIES_LEN, &summary),
                     0);
    assert_non_null(craft_wal_state_step(&(struct craft_wal_state){.term = 1},
                                         &summary, NULL));
}

static void no_entry_goes_beyond_the_last_number(void **state)
{
    struct craft_wal_state last = {
        .term = 1, .last_index = CRAFT_NUMBER_MAX - 3, .last_term = 1};
    struct craft_wal_state state_out = last;
    struct craft_wal_summary summary = {.flags = CRAFT_WAL_RECORD_ENTRIES,
                                        .first_index = CRAFT_NUMBER_MAX - 2,
                                        .first_term = 1,
                                        .last_term = 1};

    (void)state;
    summary.entries_len = 3;
    assert_string_equal(craft_wal_state_step(&state_out, &summary, NULL),
                        "the index is out of range");
    assert_memory_equal(&state_out, &last, sizeof last);
    summary.entries_len = 2;
    assert_null(craft_wal_state_step(&state_out, &summary, NULL));
    assert_int_equal(state_out.last_index, CRAFT_NUMBER_MAX - 1);
}

static void a_configuration_is_not_longer_than_the_body(void **state)
{
    struct craft_wal_summary summary;
    uint8_t body[128] = {0};

    (void)state;
    craft_store32(body + 32, 16);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_SNAPSHOT, body,
                                CRAFT_WAL_SNAPSHOT_LEN + 16, &summary),
                     0);
    assert_int_equal(summary.snapshot_len, CRAFT_WAL_SNAPSHOT_LEN + 16);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_SNAPSHOT, body,
                                CRAFT_WAL_SNAPSHOT_LEN + 8, &summary),
                     CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_SNAPSHOT, body,
                                CRAFT_WAL_SNAPSHOT_LEN + 24, &summary),
                     CRAFT_WAL_ERR_DAMAGED);
    /* What is behind it keeps its place. */
    assert_int_equal(
        summary_of(CRAFT_WAL_RECORD_SNAPSHOT | CRAFT_WAL_RECORD_COMPACT, body,
                   CRAFT_WAL_SNAPSHOT_LEN + 16, &summary),
        CRAFT_WAL_ERR_DAMAGED);
    craft_store32(body + 32, UINT32_MAX);
    assert_int_equal(summary_of(CRAFT_WAL_RECORD_SNAPSHOT, body,
                                CRAFT_WAL_SNAPSHOT_LEN + 16, &summary),
                     CRAFT_WAL_ERR_DAMAGED);
}

static const struct craft_wal_state so_far = {.term = 7,
                                              .voted_for = 2,
                                              .commit_hint = 8,
                                              .last_index = 12,
                                              .last_term = 6,
                                              .gone_index = 4,
                                              .base_index = 9,
                                              .base_term = 5};

/* A segment begins with the state so far, in each of its numbers. */
static void a_segment_begins_with_no_other_state(void **state)
{
    const uint32_t flags = CRAFT_WAL_RECORD_BEGIN | CRAFT_WAL_RECORD_SNAPSHOT;
    struct craft_wal_state before = so_far;

    (void)state;
    for (size_t i = 0; i <= sizeof so_far / sizeof(uint64_t); i++) {
        struct craft_wal_summary summary = {.flags = flags, .begin = so_far};
        int is_same = i == sizeof so_far / sizeof(uint64_t);
        const char *wrong;

        if (!is_same) {
            ((uint64_t *)&summary.begin)[i]++;
        }
        wrong = craft_wal_state_step(&before, &summary, NULL);
        assert_int_equal(wrong == NULL, is_same);
        summary.flags |= CRAFT_WAL_RECORD_ENTRIES;
        assert_non_null(craft_wal_state_step(&before, &summary, NULL));
    }
    assert_memory_equal(&before, &so_far, sizeof so_far);
}

static void what_is_left_of_a_log_begins_with_a_state(void **state)
{
    struct craft_wal_state first = {.term = 0};
    struct craft_wal_summary summary = {.begin = so_far};

    (void)state;
    summary.flags = CRAFT_WAL_RECORD_SNAPSHOT;
    assert_non_null(craft_wal_state_begin(&first, &summary));
    summary.flags = CRAFT_WAL_RECORD_BEGIN | CRAFT_WAL_RECORD_LIFE;
    assert_non_null(craft_wal_state_begin(&first, &summary));
    summary.flags = CRAFT_WAL_RECORD_BEGIN | CRAFT_WAL_RECORD_SNAPSHOT;
    assert_null(craft_wal_state_begin(&first, &summary));
    assert_memory_equal(&first, &so_far, sizeof so_far);
}

static void a_snapshot_follows_the_one_before(void **state)
{
    static const struct {
        craft_index index;
        craft_term term;
        int is_allowed;
    } snapshots[] = {
        {9, 5, 1},
        {9, 6, 0}, /* two of one index */
        {8, 5, 0},
        {10, 4, 0}, /* of an older term */
        {10, 6, 1},
        {CRAFT_NUMBER_MAX, 6, 0},
        {20, CRAFT_NUMBER_MAX, 0},
        {20, 7, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof snapshots / sizeof snapshots[0]; i++) {
        struct craft_wal_state after = so_far;
        struct craft_wal_step step;
        struct craft_wal_summary summary = {
            .flags = CRAFT_WAL_RECORD_SNAPSHOT,
            .begin = {.base_index = snapshots[i].index,
                      .base_term = snapshots[i].term}};
        const char *wrong = craft_wal_state_step(&after, &summary, &step);

        assert_int_equal(wrong == NULL, snapshots[i].is_allowed);
        if (wrong == NULL) {
            assert_int_equal(step.restarted, snapshots[i].index > 12);
        }
    }
}

/* --------------------------------------------------------------- segments */

/* A header with another size, and with the right check. */
static void a_segment_of_a_size_that_cannot_be_is_refused(void **state)
{
    static const uint64_t sizes[] = {512, 4096 + 8, 8192, 1u << 30};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct wal_store store;
        struct craft_wal_header header;
        size_t len = 0;
        uint8_t *data;
        uint8_t longer[4608];

        fill(&store);
        data = memory_files_data(store.files, SEGMENT_1, &len);
        assert_non_null(data);
        assert_int_equal(len, 4096);
        memset(longer, 0, sizeof longer);
        memcpy(longer, data, len);
        assert_int_equal(craft_wal_header_decode(&header, longer),
                         CRAFT_WAL_HEADER_VALID);
        header.segment_bytes = sizes[i];
        craft_wal_header_encode(&header, longer);
        memory_files_put(store.files, SEGMENT_1, longer, sizeof longer);
        memory_files_settle(store.files);
        assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_DAMAGED);
        assert_non_null(strstr(store.report.text, "shorter than its header"));
        wal_store_free(&store);
    }
}

/* Of another history: it does not say where this one ends. */
static void a_segment_that_does_not_follow_is_refused(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct wal_store store;
        struct craft_wal_header header;
        size_t len = 0;
        uint8_t *data;

        wal_store_init(&store, 4096);
        assert_int_equal(wal_store_open(&store), 0);
        for (int i = 0; i < 8; i++) {
            assert_int_equal(wal_store_entries(&store, 2, 500), 0);
        }
        assert_int_equal(wal_store_close(&store), 0);
        data = memory_files_data(store.files, "0000000000000002.wal", &len);
        assert_non_null(data);
        assert_int_equal(craft_wal_header_decode(&header, data),
                         CRAFT_WAL_HEADER_VALID);
        header.prev_end += which == 0 ? 8 : 0;
        header.prev_check += which == 1;
        craft_wal_header_encode(&header, data);
        memory_files_settle(store.files);
        assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_DAMAGED);
        assert_non_null(strstr(store.report.text, "does not follow"));
        wal_store_free(&store);
    }
}

/* Under a store that is open, where recovery looks no more. */
static void a_read_believes_no_record_either(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct wal_store store;
        struct craft_wal_record record;
        craft_entry entry;
        craft_wal_batch batch = {
            .struct_size = sizeof batch, .entries = &entry, .entries_max = 1};
        uint32_t salt = 0;
        uint8_t *data;

        fill(&store);
        assert_int_equal(wal_store_open(&store), 0);
        data = entries_record(&store, &record, &salt) + CRAFT_WAL_RECORD_LEN;
        if (which == 0) {
            craft_store32(data + 8, 2); /* entries, of which one is there */
        } else {
            craft_store64(data, 2); /* the second entry, and no first */
        }
        craft_wal_record_finish(&record, salt, data - CRAFT_WAL_RECORD_LEN);
        assert_int_equal(craft_wal_read(store.wal, 1, &batch),
                         CRAFT_WAL_ERR_DAMAGED);
        wal_store_free(&store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_without_their_bytes_are_refused),
        cmocka_unit_test(a_body_is_as_long_as_its_parts),
        cmocka_unit_test(no_entry_goes_beyond_the_last_number),
        cmocka_unit_test(a_configuration_is_not_longer_than_the_body),
        cmocka_unit_test(a_segment_begins_with_no_other_state),
        cmocka_unit_test(what_is_left_of_a_log_begins_with_a_state),
        cmocka_unit_test(a_snapshot_follows_the_one_before),
        cmocka_unit_test(a_segment_of_a_size_that_cannot_be_is_refused),
        cmocka_unit_test(a_segment_that_does_not_follow_is_refused),
        cmocka_unit_test(a_read_believes_no_record_either),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
