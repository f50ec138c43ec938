/* What a store does when nothing goes wrong, and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "wal_store.h"

static craft_wal_status status_of(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    return status;
}

static void reopen(struct wal_store *store)
{
    assert_int_equal(wal_store_close(store), 0);
    assert_int_equal(wal_store_open(store), 0);
}

static void a_new_store_is_empty(void **state)
{
    struct wal_store store;
    craft_restore restore = {.struct_size = sizeof restore};
    craft_wal_status status;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(store.report.flags, CRAFT_WAL_REPORT_CREATED);
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 0);
    status = status_of(&store);
    assert_true(status.store_id != 0);
    assert_int_equal(status.group, 7);
    assert_int_equal(status.last_index, 0);
    assert_int_equal(status.flags, CRAFT_WAL_STATUS_EMPTY);
    reopen(&store);
    assert_int_equal(store.report.flags, 0);
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 0);
    assert_true(status_of(&store).store_id == status.store_id);
    wal_store_free(&store);
}

static void records_are_read_back_after_a_reopen(void **state)
{
    struct wal_store store;
    craft_restore restore = {.struct_size = sizeof restore};

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 3, 2), 0);
    assert_int_equal(wal_store_entries(&store, 3, 100), 0);
    assert_int_equal(wal_store_entries(&store, 1, 0), 0);
    assert_true(wal_store_equal(&store));
    assert_int_equal(status_of(&store).durable_index, 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_int_equal(status_of(&store).durable_index, 4);
    reopen(&store);
    assert_true(wal_store_equal(&store));
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 1);
    assert_int_equal(restore.term, 3);
    assert_int_equal(restore.voted_for, 2);
    assert_int_equal(status_of(&store).last_index, 4);
    wal_store_free(&store);
}

static void a_read_gives_what_fits(void **state)
{
    struct wal_store store;
    uint8_t data[250];
    craft_entry entries[4];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 4,
                             .data = data,
                             .data_max = sizeof data};

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_entries(&store, 8, 100), 0);
    assert_int_equal(craft_wal_read(store.wal, 2, &batch), 0);
    assert_int_equal(batch.entries_len, 2);
    assert_int_equal(batch.data_len, 200);
    assert_int_equal(entries[0].index, 2);
    assert_int_equal(entries[1].index, 3);
    assert_ptr_equal(entries[1].data, data + 100);
    batch.data_max = 99;
    assert_int_equal(craft_wal_read(store.wal, 8, &batch),
                     CRAFT_WAL_ERR_BUFFER);
    assert_int_equal(batch.data_len, 100);
    assert_int_equal(batch.entries_len, 0);
    batch.data_max = 250;
    batch.entries_max = 1;
    assert_int_equal(craft_wal_read(store.wal, 8, &batch), 0);
    assert_int_equal(batch.entries_len, 1);
    assert_int_equal(craft_wal_read(store.wal, 0, &batch), CRAFT_WAL_ERR_RANGE);
    assert_int_equal(craft_wal_read(store.wal, 9, &batch), CRAFT_WAL_ERR_RANGE);
    batch.entries_max = 0;
    assert_int_equal(craft_wal_read(store.wal, 1, &batch),
                     CRAFT_WAL_ERR_INVALID);
    wal_store_free(&store);
}

/* Scenario (braft 10cd9e3; rocksdb 12488): truncate far back over several
   segments, write other entries, and again. */
static void truncation_reaches_back_over_segments(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(wal_store_entries(&store, 1, 300), 0);
    }
    assert_true(status_of(&store).sequence >= 4);
    assert_int_equal(wal_store_vote(&store, 2, 1), 0);
    assert_int_equal(wal_store_rewrite(&store, 8, 2, 50), 0);
    assert_true(wal_store_equal(&store));
    assert_int_equal(wal_store_entries(&store, 3, 40), 0);
    assert_int_equal(wal_store_rewrite(&store, 12, 0, 0), 0);
    assert_int_equal(wal_store_rewrite(&store, 3, 1, 10), 0);
    assert_int_equal(wal_store_rewrite(&store, 50, 0, 0), 0);
    assert_true(wal_store_equal(&store));
    reopen(&store);
    assert_true(wal_store_equal(&store));
    assert_int_equal(status_of(&store).last_index, 3);
    wal_store_free(&store);
}

/* Whose log is replaced inside the read call that this counts down to. */
static struct wal_store *replaced;
static int replace_in;

static int64_t replacing_read(void *ctx, int file, void *data, size_t data_len,
                              uint64_t offset)
{
    struct wal_store *store = replaced;

    if (store != NULL && replace_in == 0) {
        replaced = NULL;
        assert_int_equal(wal_store_rewrite(store, 2, 8, 400), 0);
        assert_int_equal(wal_store_entries(store, 8, 400), 0);
        assert_int_equal(wal_store_entries(store, 8, 400), 0);
    }
    replace_in--;
    return memory_files_table()->read(ctx, file, data, data_len, offset);
}

/* A writer truncates while a reader goes from segment to segment. */
static void a_batch_is_of_one_log(void **state)
{
    craft_wal_files files = *memory_files_table();
    static uint8_t data[32768];
    craft_entry entries[32];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 32,
                             .data = data,
                             .data_max = sizeof data};
    int reads = 0;

    (void)state;
    files.read = replacing_read;
    do {
        struct wal_store store;

        wal_store_init(&store, 4096);
        store.options.files = &files;
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_vote(&store, 1, 1), 0);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(wal_store_entries(&store, 1, 400), 0);
        }
        assert_int_equal(wal_store_vote(&store, 2, 1), 0);
        replaced = &store;
        replace_in = reads;
        assert_int_equal(craft_wal_read(store.wal, 1, &batch), 0);
        assert_true(batch.entries_len >= 2);
        for (size_t i = 1; i < batch.entries_len; i++) {
            assert_int_equal(entries[i].term, entries[1].term);
        }
        wal_store_free(&store);
        reads++;
    } while (replaced == NULL);
    replaced = NULL;
    assert_true(reads > 2);
}

/* Scenario (redisraft 46a6ad0): the term and the vote are in every
   segment, so that none depends on an older one. */
static void term_and_vote_begin_every_segment(void **state)
{
    struct wal_store store;
    uint8_t *data;
    size_t len;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 9, 3), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(wal_store_entries(&store, 1, 500), 0);
    }
    assert_int_equal(wal_store_close(&store), 0);
    data = memory_files_data(store.files, "0000000000000002.wal", &len);
    assert_non_null(data);
    assert_int_equal(data[512 + 32], 9);
    assert_int_equal(data[512 + 32 + 8], 3);
    wal_store_free(&store);
}

/* Scenario (etcd ccf477d12): a legal record of any size is stored and
   read back, however small the segments are. */
static void a_record_larger_than_a_segment_gets_a_larger_one(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_entries(&store, 8, 8192), 0);
    assert_int_equal(status_of(&store).sequence, 2);
    assert_int_equal(wal_store_entries(&store, 1, 5), 0);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_int_equal(wal_store_entries(&store, 8, 8192), 0);
    assert_true(wal_store_equal(&store));
    reopen(&store);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

/* Scenario: the group commit. Many records of one call are one write, and one
   sync makes all of them durable. */
static void many_records_are_one_write_and_one_sync(void **state)
{
    struct wal_store store;
    craft_persist records[50];
    craft_entry entries[50];
    size_t appended = 0;

    (void)state;
    wal_store_init(&store, 65536);
    assert_int_equal(wal_store_open(&store), 0);
    memset(records, 0, sizeof records);
    memset(entries, 0, sizeof entries);
    for (size_t i = 0; i < 50; i++) {
        entries[i].index = i + 1;
        entries[i].term = 1;
        entries[i].kind = CRAFT_ENTRY_COMMAND;
        entries[i].data = (const uint8_t *)"abcd";
        entries[i].data_len = 4;
        records[i].struct_size = sizeof records[i];
        records[i].flags = CRAFT_PERSIST_ENTRIES;
        records[i].first_index = i + 1;
        records[i].entries = &entries[i];
        records[i].entries_len = 1;
    }
    memory_files_calls_reset(store.files);
    assert_int_equal(craft_wal_append(store.wal, records, 50, &appended), 0);
    assert_int_equal(appended, 50);
    assert_int_equal(memory_files_calls(store.files), 1);
    assert_int_equal(craft_wal_sync(store.wal), 0);
    assert_int_equal(craft_wal_sync(store.wal), 0);
    assert_int_equal(memory_files_calls(store.files), 2);
    assert_int_equal(memory_files_calls_of(store.files, MEMORY_CALL_SYNC), 1);
    wal_store_free(&store);
}

/* Scenario: the next segment was prepared, so the end of a segment costs the
   writer data and syncs, but no file is made or renamed. */
static void a_prepared_segment_spares_the_writer(void **state)
{
    struct wal_store store;
    uint64_t sequence;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    assert_int_equal(craft_wal_prepare(store.wal), 0);
    assert_false(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    assert_int_equal(status_of(&store).flags & CRAFT_WAL_STATUS_PREPARED,
                     CRAFT_WAL_STATUS_PREPARED);
    sequence = status_of(&store).sequence;
    memory_files_calls_reset(store.files);
    while (status_of(&store).sequence == sequence) {
        assert_int_equal(wal_store_entries(&store, 1, 200), 0);
        assert_int_equal(wal_store_sync(&store), 0);
    }
    assert_int_equal(memory_files_calls_of(store.files, MEMORY_CALL_OPEN), 0);
    assert_int_equal(memory_files_calls_of(store.files, MEMORY_CALL_RENAME), 0);
    assert_int_equal(
        memory_files_calls_of(store.files, MEMORY_CALL_SYNC_DIRECTORY), 0);
    assert_true(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    wal_store_free(&store);
}

static void an_orderly_reopen_writes_nothing(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_entries(&store, 5, 10), 0);
    assert_int_equal(wal_store_close(&store), 0);
    memory_files_calls_reset(store.files);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(memory_files_calls_of(store.files, MEMORY_CALL_WRITE), 0);
    assert_int_equal(craft_wal_wants(store.wal), CRAFT_WAL_WANTS_PREPARE);
    wal_store_free(&store);
}

/* Records that may not follow term 5, vote 2, entries 1..3 of term 5. */
static const struct wal_record refused[] = {
    {.flags = CRAFT_PERSIST_HARD_STATE, .term = 4},
    {.flags = CRAFT_PERSIST_HARD_STATE, .term = 5, .voted_for = 3},
    {.flags = CRAFT_PERSIST_HARD_STATE, .term = 5},
    {.flags = CRAFT_PERSIST_HARD_STATE, .term = CRAFT_NUMBER_MAX},
    {.flags = CRAFT_PERSIST_TRUNCATE},
    {.flags = CRAFT_PERSIST_ENTRIES, .entries_len = 1, .entry_term = 4},
    {.flags = CRAFT_PERSIST_ENTRIES, .entries_len = 0, .entry_term = 5},
    {.flags = 1u << 20},
};

/* Scenario (etcd 9143bef42, redisraft df54d6b): the store takes no record
 * that its own recovery would have to refuse. */
static void records_out_of_order_are_refused(void **state)
{
    struct wal_store store;
    craft_entry entry = {.index = 5, .term = 5, .kind = 1};
    craft_persist gap = {.struct_size = sizeof gap,
                         .flags = CRAFT_PERSIST_ENTRIES,
                         .first_index = 5,
                         .entries = &entry,
                         .entries_len = 1};
    craft_wal_report report = {.struct_size = sizeof report};
    uint64_t bytes;

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 5, 2), 0);
    assert_int_equal(wal_store_entries(&store, 3, 10), 0);
    bytes = status_of(&store).bytes;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(wal_store_append(&store, &refused[i]),
                         CRAFT_WAL_ERR_INVALID);
    }
    assert_int_equal(craft_wal_append(store.wal, &gap, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    gap.first_index = 3;
    assert_int_equal(craft_wal_append(store.wal, &gap, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_last_report(store.wal, &report), 0);
    assert_int_equal(report.error, CRAFT_WAL_ERR_INVALID);
    assert_true(status_of(&store).bytes == bytes);
    assert_true(wal_store_equal(&store));
    reopen(&store);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

static void records_before_a_refused_one_stay_appended(void **state)
{
    struct wal_store store;
    craft_persist records[3] = {
        {.flags = CRAFT_PERSIST_HARD_STATE, .term = 1, .voted_for = 1},
        {.flags = CRAFT_PERSIST_MUST_SYNC},
        {.flags = CRAFT_PERSIST_HARD_STATE, .term = 0},
    };
    craft_restore restore = {.struct_size = sizeof restore};
    size_t appended = 9;

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(craft_wal_append(store.wal, records, 3, &appended),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(appended, 2);
    assert_int_equal(craft_wal_append(store.wal, NULL, 0, &appended), 0);
    assert_int_equal(appended, 0);
    assert_int_equal(craft_wal_sync(store.wal), 0);
    reopen(&store);
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 1);
    assert_int_equal(restore.term, 1);
    wal_store_free(&store);
}

static void options_out_of_range_are_refused(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096 - 8);
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.segment_bytes = 4096 + 512;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.segment_bytes = (uint64_t)1 << 31;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.segment_bytes = 4096;
    store.options.directory = NULL;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.directory = "";
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    assert_null(store.wal);
    assert_int_equal(craft_wal_open(&store.options, NULL, NULL),
                     CRAFT_WAL_ERR_INVALID);
    wal_store_free(&store);
}

static void calls_on_nothing_are_refused(void **state)
{
    (void)state;
    assert_int_equal(craft_wal_close(NULL), 0);
    assert_int_equal(craft_wal_append(NULL, NULL, 0, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_sync(NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_prepare(NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_mark(NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_wants(NULL), 0);
    assert_int_equal(craft_wal_read(NULL, 1, NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_read_state(NULL, NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_status_get(NULL, NULL), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_last_report(NULL, NULL), CRAFT_WAL_ERR_INVALID);
    for (int error = 1; error > -500; error--) {
        assert_non_null(craft_wal_strerror(error));
    }
}

static void a_store_in_use_is_locked(void **state)
{
    struct wal_store store;
    craft_wal *second = NULL;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(craft_wal_open(&store.options, &second, &store.report),
                     CRAFT_WAL_ERR_LOCKED);
    assert_null(second);
    assert_non_null(strstr(store.report.text, "in use"));
    reopen(&store);
    wal_store_free(&store);
}

/* The same on real files: the table of this system keeps its promises. */
static void real_files_hold_a_store(void **state)
{
    char parent[] = "/tmp/craft-wal-XXXXXX";
    char directory[64];
    char command[128];
    struct wal_store store;
    craft_wal *second = NULL;

    (void)state;
    assert_non_null(mkdtemp(parent));
    (void)snprintf(directory, sizeof directory, "%s/missing/wal", parent);
    wal_store_init(&store, 8192);
    store.options.files = NULL;
    store.options.directory = directory;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_IO);
    assert_true(store.report.system_error != 0);
    (void)snprintf(directory, sizeof directory, "%s/wal/", parent);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(craft_wal_open(&store.options, &second, NULL),
                     CRAFT_WAL_ERR_LOCKED);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(wal_store_entries(&store, 1, 300), 0);
        if (i % 10 == 0) {
            assert_int_equal(wal_store_sync(&store), 0);
            assert_int_equal(craft_wal_prepare(store.wal), 0);
            assert_int_equal(craft_wal_mark(store.wal), 0);
        }
    }
    assert_true(wal_store_equal(&store));
    reopen(&store);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
    (void)snprintf(command, sizeof command, "rm -r %s", parent);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_is_empty),
        cmocka_unit_test(records_are_read_back_after_a_reopen),
        cmocka_unit_test(a_read_gives_what_fits),
        cmocka_unit_test(truncation_reaches_back_over_segments),
        cmocka_unit_test(a_batch_is_of_one_log),
        cmocka_unit_test(term_and_vote_begin_every_segment),
        cmocka_unit_test(a_record_larger_than_a_segment_gets_a_larger_one),
        cmocka_unit_test(many_records_are_one_write_and_one_sync),
        cmocka_unit_test(a_prepared_segment_spares_the_writer),
        cmocka_unit_test(an_orderly_reopen_writes_nothing),
        cmocka_unit_test(records_out_of_order_are_refused),
        cmocka_unit_test(records_before_a_refused_one_stay_appended),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(calls_on_nothing_are_refused),
        cmocka_unit_test(a_store_in_use_is_locked),
        cmocka_unit_test(real_files_hold_a_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
