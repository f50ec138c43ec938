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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_without_their_bytes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
