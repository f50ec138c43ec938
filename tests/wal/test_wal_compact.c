/*
 * Snapshots and compaction: what they take from the log stays taken, what they
 * leave stays there, and the files of what is gone go, at any crash.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test_memory.h"
#include "wal/format.h"
#include "wal_store.h"

static craft_wal_status status_of(const struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    return status;
}

static void name_of(char name[40], uint64_t sequence)
{
    (void)snprintf(name, 40, "%016llx.wal", (unsigned long long)sequence);
}

static int is_there(struct wal_store *store, uint64_t sequence)
{
    char name[40];
    size_t len;

    name_of(name, sequence);
    return memory_files_data(store->files, name, &len) != NULL;
}

static size_t segments(const struct wal_store *store)
{
    size_t count = 0;
    const char *name;

    for (size_t n = 0; (name = memory_files_name(store->files, n)) != NULL;
         n++) {
        count += strstr(name, ".wal") != NULL;
    }
    return count;
}

/* One record of two entries per batch, until the log has that many segments. */
static void fill(struct wal_store *store, uint64_t sequence)
{
    while (status_of(store).sequence < sequence) {
        assert_int_equal(wal_store_entries(store, 2, 300), 0);
        assert_int_equal(wal_store_sync(store), 0);
    }
}

static void begin(struct wal_store *store)
{
    wal_store_init(store, 4096);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 9, 3), 0);
    assert_int_equal(wal_store_sync(store), 0);
}

/* A snapshot at `index`, everything up to it compacted, durably. */
static void compact(struct wal_store *store, craft_index index)
{
    assert_int_equal(wal_store_snapshot(store, index, index + 1, 40), 0);
    assert_int_equal(wal_store_sync(store), 0);
}

static void die(struct wal_store *store)
{
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
}

static void must_open_the_same(struct wal_store *store)
{
    if (wal_store_open(store) != 0) {
        fail_msg("%s", store->report.text);
    }
    assert_true(wal_store_equal(store));
}

/* --------------------------------------------------------------- contents */

static void the_newest_snapshot_is_given_back(void **state)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot};
    struct wal_store store;

    (void)state;
    begin(&store);
    assert_int_equal(craft_wal_read_snapshot(store.wal, &snapshot), 0);
    fill(&store, 2);
    assert_int_equal(wal_store_snapshot(&store, 2, 0, 100), 0);
    assert_int_equal(wal_store_snapshot(&store, 3, 0, 33), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(craft_wal_read_snapshot(store.wal, &snapshot), 1);
        assert_int_equal(snapshot.struct_size, sizeof snapshot);
        assert_int_equal(snapshot.index, 3);
        assert_int_equal(snapshot.term, 9);
        assert_int_equal(snapshot.configuration_len, 33);
        assert_int_equal(snapshot.size, store.model.base_seed);
        assert_int_equal(status_of(&store).snapshot_index, 3);
        /* It alone takes nothing away. */
        assert_int_equal(status_of(&store).first_index, 1);
        assert_int_equal(wal_store_close(&store), 0);
        must_open_the_same(&store);
    }
    snapshot.struct_size = 8;
    assert_int_equal(craft_wal_read_snapshot(store.wal, &snapshot),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_read_snapshot(store.wal, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_read_snapshot(NULL, &snapshot),
                     CRAFT_WAL_ERR_INVALID);
    wal_store_free(&store);
}

/* A server that holds nothing but a snapshot that it was sent. */
static void
a_log_that_ends_before_the_snapshot_begins_anew_behind_it(void **state)
{
    struct wal_store store;

    (void)state;
    begin(&store);
    fill(&store, 2);
    assert_int_equal(wal_store_snapshot(&store, 100, 0, 10), 0);
    assert_int_equal(status_of(&store).first_index, 101);
    assert_int_equal(status_of(&store).last_index, 100);
    assert_true(wal_store_equal(&store));
    assert_int_equal(wal_store_entries(&store, 2, 20), 0);
    assert_int_equal(status_of(&store).last_index, 102);
    assert_true(wal_store_equal(&store));
    assert_int_equal(wal_store_close(&store), 0);
    must_open_the_same(&store);
    wal_store_free(&store);
}

/* Scenario (openraft 674e78aa, zeebe 10183): a log that contradicts the
   snapshot goes with it, in one record: after a crash at any call there is the
   old log or the new one, never the snapshot with entries that contradict
   it. */
static void what_contradicts_a_snapshot_goes_with_it(void **state)
{
    struct wal_record record = {
        .flags = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_TRUNCATE |
                 CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_ENTRIES |
                 CRAFT_PERSIST_COMPACT,
        .term = 12,
        .truncate_from = 3,
        .snapshot_index = 10,
        .snapshot_term = 11,
        .snapshot_len = 600,
        .entries_len = 1,
        .len = 900,
        .entry_term = 12,
        .keep_from = 11,
    };
    int done = 0;

    (void)state;
    for (uint64_t k = 1; !done; k++) {
        for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
            struct wal_store store;

            begin(&store);
            assert_int_equal(wal_store_entries(&store, 6, 100), 0);
            assert_int_equal(wal_store_entries(&store, 6, 100), 0);
            assert_int_equal(wal_store_sync(&store), 0);
            memory_files_calls_reset(store.files);
            memory_files_faults(store.files)->stop_at = k;
            done = wal_store_append(&store, &record) == 0 &&
                   wal_store_sync(&store) == 0 &&
                   craft_wal_prepare(store.wal) == 0;
            (void)wal_store_close(&store);
            memory_files_crash(store.files, (enum memory_crash)how, k);
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_matches(&store));
            wal_store_free(&store);
        }
    }
}

static void what_the_snapshots_do_not_allow_is_refused(void **state)
{
    struct wal_store store;
    size_t states;

    (void)state;
    begin(&store);
    assert_int_equal(wal_store_entries(&store, 6, 10), 0);
    assert_int_equal(wal_store_snapshot(&store, 4, 0, 8), 0);
    states = store.states_len;
    /* An older one; entries that it does not hold; those that it holds. */
    assert_int_equal(wal_store_snapshot(&store, 3, 0, 8),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(wal_store_snapshot(&store, 4, 6, 8),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(wal_store_rewrite(&store, 4, 1, 8), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(store.states_len, states);
    assert_true(wal_store_equal(&store));
    /* The same once more is none of these. */
    assert_int_equal(wal_store_snapshot(&store, 4, 5, 8), 0);
    assert_int_equal(wal_store_snapshot(&store, 4, 2, 8), 0);
    assert_int_equal(status_of(&store).first_index, 5);
    assert_int_equal(wal_store_rewrite(&store, 5, 1, 8), 0);
    assert_int_equal(wal_store_close(&store), 0);
    must_open_the_same(&store);
    wal_store_free(&store);
}

static void a_record_that_says_nothing_of_its_snapshot_is_refused(void **state)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot,
                               .index = 1,
                               .term = 1,
                               .configuration_len = 1};
    craft_persist record = {.flags = CRAFT_PERSIST_SNAPSHOT};
    struct wal_store store;

    (void)state;
    begin(&store);
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    record.snapshot = &snapshot; /* a configuration of nothing */
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    snapshot.configuration = (const uint8_t *)"";
    snapshot.configuration_len = CRAFT_WAL_RECORD_BYTES_MAX + 1;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    snapshot.configuration_len = 0;
    snapshot.struct_size = 8;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    snapshot.struct_size = sizeof snapshot;
    snapshot.term = 0;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    snapshot.term = CRAFT_NUMBER_MAX;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    snapshot.term = 1;
    snapshot.index = 0;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    record.flags = CRAFT_PERSIST_COMPACT;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_true(wal_store_equal(&store));
    /* The store itself does not mind that it is empty. */
    record.flags = CRAFT_PERSIST_SNAPSHOT;
    snapshot.index = 1;
    snapshot.configuration = NULL;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL), 0);
    wal_store_free(&store);
}

/* A segment begins with the newest snapshot, which may be longer than one. */
static void a_configuration_may_be_longer_than_a_segment(void **state)
{
    struct wal_store store;

    (void)state;
    begin(&store);
    for (uint64_t i = 1; i <= 60; i++) {
        craft_index last;

        assert_int_equal(wal_store_entries(&store, 1, 8000), 0);
        last = wal_model_last(&store.model);
        assert_int_equal(wal_store_snapshot(&store, last, last, 8000), 0);
        assert_int_equal(craft_wal_prepare(store.wal), 0);
        assert_int_equal(wal_store_sync(&store), 0);
        assert_true(wal_store_equal(&store));
    }
    assert_true(status_of(&store).oldest_sequence > 3);
    assert_int_equal(wal_store_close(&store), 0);
    must_open_the_same(&store);
    wal_store_free(&store);
}

/* ------------------------------------------------------------------ files */

/* Scenario (redisraft 46a6ad0, 7400fab): {9, vote 3} stands in a segment that
   is removed, and so does the snapshot that removes it. */
static void
term_vote_and_snapshot_outlive_the_segments_they_were_in(void **state)
{
    craft_restore restore = {.struct_size = sizeof restore};
    struct wal_store store;

    (void)state;
    begin(&store);
    fill(&store, 3);
    compact(&store, 2);
    fill(&store, 6);
    assert_int_equal(
        wal_store_snapshot(&store, 2, wal_model_last(&store.model) > 2 ? 3 : 0,
                           8),
        0);
    fill(&store, 8);
    compact(&store, wal_model_last(&store.model));
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(status_of(&store).oldest_sequence, 8);
    assert_int_equal(segments(&store), 2);
    die(&store);
    memory_files_crash(store.files, MEMORY_CRASH_NONE, 1);
    must_open_the_same(&store);
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 1);
    assert_int_equal(restore.term, 9);
    assert_int_equal(restore.voted_for, 3);
    assert_int_equal(status_of(&store).snapshot_index, store.model.base_index);
    wal_store_free(&store);
}

static void segments_go_when_the_compaction_is_durable(void **state)
{
    struct wal_store store;
    craft_index last;

    (void)state;
    begin(&store);
    fill(&store, 5);
    last = wal_model_last(&store.model);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE, 0);
    assert_int_equal(wal_store_snapshot(&store, last, last, 40), 0);
    /* Nothing is synced: nothing goes. */
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_true(is_there(&store, 1));
    assert_int_equal(status_of(&store).oldest_sequence, 1);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_true(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE, 0);
    /* The last entry is in the segment in use, behind it is the next one. */
    assert_int_equal(status_of(&store).oldest_sequence, 5);
    assert_int_equal(segments(&store), 2);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

/* A process that does not know of helpers. */
static void the_writer_removes_segments_itself_if_nobody_else_does(void **state)
{
    struct wal_store store;

    (void)state;
    begin(&store);
    for (uint64_t i = 2; i < 40; i++) {
        fill(&store, i);
        compact(&store, wal_model_last(&store.model));
    }
    assert_in_range(segments(&store), 1, 3);
    wal_store_free(&store);
}

static void what_is_compacted_cannot_be_read(void **state)
{
    craft_entry entry;
    uint8_t data[400];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = &entry,
                             .entries_max = 1,
                             .data = data,
                             .data_max = sizeof data};
    struct wal_store store;
    craft_index last;

    (void)state;
    begin(&store);
    fill(&store, 4);
    last = wal_model_last(&store.model);
    /* A reader stands in the first segment. */
    assert_int_equal(craft_wal_read(store.wal, 1, &batch), 0);
    compact(&store, last - 1);
    assert_int_equal(craft_wal_read(store.wal, 2, &batch),
                     CRAFT_WAL_ERR_COMPACTED);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(craft_wal_read(store.wal, 2, &batch),
                     CRAFT_WAL_ERR_COMPACTED);
    assert_int_equal(craft_wal_read(store.wal, last - 1, &batch),
                     CRAFT_WAL_ERR_COMPACTED);
    assert_int_equal(craft_wal_read(store.wal, 0, &batch), CRAFT_WAL_ERR_RANGE);
    assert_int_equal(craft_wal_read(store.wal, last + 1, &batch),
                     CRAFT_WAL_ERR_RANGE);
    assert_int_equal(craft_wal_read(store.wal, last, &batch), 0);
    assert_int_equal(entry.index, last);
    wal_store_free(&store);
}

/* The reader has looked where the entry is, and before it opens that file the
   entry is compacted and the file removed. */
static struct wal_store *racing;

static int racing_open(void *ctx, const char *path, uint32_t flags)
{
    if (racing != NULL && flags == 0) {
        struct wal_store *store = racing;

        racing = NULL;
        compact(store, wal_model_last(&store->model));
        memory_files_remove(store->files, "0000000000000001.wal");
    }
    return memory_files_table()->open(ctx, path, flags);
}

static void a_file_that_goes_under_a_reader_is_no_failure(void **state)
{
    craft_wal_files table = *memory_files_table();
    craft_entry entry;
    uint8_t data[400];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = &entry,
                             .entries_max = 1,
                             .data = data,
                             .data_max = sizeof data};
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    table.open = racing_open;
    store.options.files = &table;
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 9, 3), 0);
    fill(&store, 4);
    racing = &store;
    assert_int_equal(craft_wal_read(store.wal, 1, &batch),
                     CRAFT_WAL_ERR_COMPACTED);
    assert_null(racing);
    wal_store_free(&store);
}

/* A segment that cannot be removed is tried again. */
static void a_segment_that_cannot_be_removed_is_removed_later(void **state)
{
    struct wal_store store;
    memory_faults *faults;

    (void)state;
    begin(&store);
    fill(&store, 5);
    compact(&store, wal_model_last(&store.model));
    faults = memory_files_faults(store.files);
    faults->fail_at = memory_files_calls(store.files) + 2;
    faults->fail_error = EACCES;
    assert_int_equal(craft_wal_prepare(store.wal), CRAFT_WAL_ERR_IO);
    assert_int_equal(status_of(&store).oldest_sequence, 2);
    assert_true(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    assert_int_equal(wal_store_entries(&store, 1, 10), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(status_of(&store).oldest_sequence, 5);
    wal_store_free(&store);
}

/* A store of eight segments, of which the last two are needed. */
static void begin_compacted(struct wal_store *store)
{
    craft_index keep;

    begin(store);
    fill(store, 7);
    keep = wal_model_last(&store->model);
    assert_int_equal(wal_store_entries(store, 1, 10), 0);
    fill(store, 8);
    assert_int_equal(wal_store_snapshot(store, keep, keep, 40), 0);
    assert_int_equal(wal_store_sync(store), 0);
}

/* Of segments 1 to 6 those of the set are left. */
static void keep_only(struct wal_store *store, unsigned set)
{
    for (uint64_t i = 1; i <= 6; i++) {
        char name[40];

        name_of(name, i);
        if (!(set >> (i - 1) & 1)) {
            memory_files_remove(store->files, name);
        }
    }
}

/* Of the names that are removed a crash brings back any. */
static void any_removed_segment_may_come_back(void **state)
{
    struct wal_store store;

    (void)state;
    begin_compacted(&store);
    die(&store);
    for (unsigned set = 0; set < 64; set++) {
        struct wal_store fork;

        wal_store_fork(&store, &fork);
        keep_only(&fork, set);
        for (int i = 0; i < 2; i++) {
            must_open_the_same(&fork);
            assert_true(craft_wal_wants(fork.wal) & CRAFT_WAL_WANTS_PREPARE);
            assert_int_equal(craft_wal_prepare(fork.wal), 0);
            assert_int_equal(status_of(&fork).oldest_sequence, 7);
            assert_int_equal(segments(&fork), 3);
            assert_int_equal(wal_store_entries(&fork, 1, 50), 0);
            assert_int_equal(wal_store_sync(&fork), 0);
            die(&fork);
            memory_files_remove(fork.files, "0000000000000009.wal");
        }
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* But a segment that is needed is missed, whatever else is there. */
static void a_needed_segment_is_missed(void **state)
{
    struct wal_store store;

    (void)state;
    begin_compacted(&store);
    die(&store);
    for (unsigned set = 0; set < 128; set++) {
        uint64_t gone = 7 + set % 2;
        struct wal_store fork;
        char name[40];

        wal_store_fork(&store, &fork);
        keep_only(&fork, set / 2);
        name_of(name, gone);
        memory_files_remove(fork.files, name);
        assert_int_equal(wal_store_open(&fork), CRAFT_WAL_ERR_DAMAGED);
        assert_string_equal(fork.report.file, name);
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* Scenario (cqlite 1390): power fails at the k-th call of a removal, and at
   the k-th call of the opening after it. */
static void a_crash_while_segments_are_removed_loses_nothing(void **state)
{
    int done = 0;

    (void)state;
    for (uint64_t k = 1; !done; k++) {
        struct wal_store store;

        begin_compacted(&store);
        memory_files_calls_reset(store.files);
        memory_files_faults(store.files)->stop_at = k;
        done = craft_wal_prepare(store.wal) == 0;
        (void)wal_store_close(&store);
        for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
            for (uint64_t j = 1; j < 40; j += 3) {
                struct wal_store fork;

                wal_store_fork(&store, &fork);
                memory_files_crash(fork.files, (enum memory_crash)how, k);
                memory_files_calls_reset(fork.files);
                memory_files_faults(fork.files)->stop_at = j;
                (void)wal_store_open(&fork);
                (void)wal_store_close(&fork);
                memory_files_crash(fork.files, (enum memory_crash)how, j);
                must_open_the_same(&fork);
                assert_int_equal(craft_wal_prepare(fork.wal), 0);
                assert_true(wal_store_equal(&fork));
                wal_store_free(&fork);
            }
        }
        wal_store_free(&store);
    }
}

/* -------------------------------------------------------------- for years */

static void files_and_memory_do_not_grow(void **state)
{
    struct test_memory memory = {.allocations = 0};
    struct wal_store store;
    size_t peak = 0;
    uint64_t allocations = 0;

    (void)state;
    wal_store_init(&store, 4096);
    store.options.allocator = test_memory_allocator(&memory);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    for (uint64_t i = 1; i <= 3000; i++) {
        assert_int_equal(wal_store_entries(&store, 2, 300), 0);
        compact(&store, wal_model_last(&store.model) - 1);
        assert_int_equal(craft_wal_prepare(store.wal), 0);
        assert_in_range(segments(&store), 2, 3);
        wal_store_forget(&store);
        if (i == 200) {
            peak = memory.bytes_peak;
            allocations = memory.allocations;
        }
    }
    assert_int_equal(status_of(&store).last_index, 6000);
    assert_true(status_of(&store).oldest_sequence > 500);
    assert_int_equal(memory.bytes_peak, peak);
    assert_int_equal(memory.allocations, allocations);
    assert_int_equal(wal_store_close(&store), 0);
    must_open_the_same(&store);
    assert_int_equal(wal_store_close(&store), 0);
    assert_int_equal(memory.blocks, 0);
    wal_store_free(&store);
}

/* --------------------------------------------------------------- damaged */

/* What the first segment begins with is all that is known of those before. */
static void
no_flipped_bit_changes_what_a_compacted_log_begins_with(void **state)
{
    struct wal_store store;

    (void)state;
    begin_compacted(&store);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(wal_store_close(&store), 0);
    for (size_t at = 0; at < 1024; at++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, "0000000000000007.wal", &len);
        data[at] ^= (uint8_t)(1u << at % 8);
        memory_files_settle(fork.files);
        if (wal_store_open(&fork) == 0) {
            assert_true(wal_store_equal(&fork)); /* padding */
        } else {
            assert_string_equal(fork.report.file, "0000000000000007.wal");
        }
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* A first segment that was written by somebody else, with right checks. */
static void a_beginning_that_contradicts_itself_is_refused(void **state)
{
    static const struct {
        size_t at; /* in the body */
        uint64_t value;
    } changes[] = {
        {0, CRAFT_NUMBER_MAX},  /* term */
        {24, CRAFT_NUMBER_MAX}, /* last index */
        {24, 1},                /* before the snapshot */
        {40, 50},               /* compacted further than the snapshot */
    };
    struct wal_store store;

    (void)state;
    begin(&store);
    fill(&store, 3);
    compact(&store, 3);
    fill(&store, 4);
    compact(&store, wal_model_last(&store.model));
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(status_of(&store).oldest_sequence, 4);
    assert_int_equal(wal_store_close(&store), 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, "0000000000000004.wal", &len);
        craft_store64(data + 512 + 32 + changes[i].at, changes[i].value);
        wal_store_sign(data, len);
        memory_files_settle(fork.files);
        assert_int_equal(wal_store_open(&fork), CRAFT_WAL_ERR_DAMAGED);
        assert_non_null(strstr(fork.report.text, "contradicts itself"));
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* The snapshot that a segment begins with is the one before it, and as long. */
static void a_segment_that_begins_with_another_snapshot_is_refused(void **state)
{
    const size_t snapshot = 512 + 32 + CRAFT_WAL_BEGIN_LEN;
    struct wal_store store;

    (void)state;
    begin(&store);
    assert_int_equal(wal_store_entries(&store, 4, 10), 0);
    assert_int_equal(wal_store_snapshot(&store, 2, 0, 40), 0);
    fill(&store, 3);
    assert_int_equal(wal_store_close(&store), 0);
    for (int shorter = 0; shorter < 2; shorter++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, "0000000000000002.wal", &len);
        if (shorter) {
            craft_store32(data + 512 + 12, craft_load32(data + 512 + 12) - 8);
            craft_store32(data + snapshot + 32, 32);
        } else {
            data[snapshot + CRAFT_WAL_SNAPSHOT_LEN + 7] ^= 1;
        }
        wal_store_sign(data, len);
        memory_files_settle(fork.files);
        assert_int_equal(wal_store_open(&fork), CRAFT_WAL_ERR_DAMAGED);
        assert_non_null(strstr(fork.report.text, "another snapshot"));
        assert_int_equal(fork.report.offset, 512);
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* Version 1 had no snapshots: such a store is read, and goes on in this. */
static void a_store_of_version_1_is_read(void **state)
{
    struct wal_store store;
    uint8_t *data;
    size_t len;

    (void)state;
    begin(&store);
    assert_int_equal(wal_store_entries(&store, 2, 300), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    die(&store);
    data = memory_files_data(store.files, "0000000000000001.wal", &len);
    craft_store32(data + 12, 1);
    wal_store_sign(data, len);
    memory_files_settle(store.files);
    must_open_the_same(&store);
    fill(&store, 4);
    compact(&store, wal_model_last(&store.model) - 1);
    assert_int_equal(wal_store_close(&store), 0);
    must_open_the_same(&store);
    wal_store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_snapshot_is_given_back),
        cmocka_unit_test(
            a_log_that_ends_before_the_snapshot_begins_anew_behind_it),
        cmocka_unit_test(what_contradicts_a_snapshot_goes_with_it),
        cmocka_unit_test(what_the_snapshots_do_not_allow_is_refused),
        cmocka_unit_test(a_record_that_says_nothing_of_its_snapshot_is_refused),
        cmocka_unit_test(a_configuration_may_be_longer_than_a_segment),
        cmocka_unit_test(
            term_vote_and_snapshot_outlive_the_segments_they_were_in),
        cmocka_unit_test(segments_go_when_the_compaction_is_durable),
        cmocka_unit_test(
            the_writer_removes_segments_itself_if_nobody_else_does),
        cmocka_unit_test(what_is_compacted_cannot_be_read),
        cmocka_unit_test(a_file_that_goes_under_a_reader_is_no_failure),
        cmocka_unit_test(a_segment_that_cannot_be_removed_is_removed_later),
        cmocka_unit_test(any_removed_segment_may_come_back),
        cmocka_unit_test(a_needed_segment_is_missed),
        cmocka_unit_test(a_crash_while_segments_are_removed_loses_nothing),
        cmocka_unit_test(files_and_memory_do_not_grow),
        cmocka_unit_test(
            no_flipped_bit_changes_what_a_compacted_log_begins_with),
        cmocka_unit_test(a_beginning_that_contradicts_itself_is_refused),
        cmocka_unit_test(
            a_segment_that_begins_with_another_snapshot_is_refused),
        cmocka_unit_test(a_store_of_version_1_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
