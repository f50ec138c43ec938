/*
 * Limits of records and segments, and file calls that answer what they seldom
 * answer: a table of calls stands in for that of the memory files.
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

#include "wal/format.h"
#include "wal_store.h"

#define SEGMENT(n) "000000000000000" #n ".wal"

/* ---------------------------------------------------------------- limits */

static void a_group_has_as_many_records_as_one_write_takes(void **state)
{
    struct wal_store store;
    craft_persist records[200];
    craft_restore restore = {.struct_size = sizeof restore};
    uint64_t writes;
    size_t appended = 0;

    (void)state;
    memset(records, 0, sizeof records);
    for (size_t i = 0; i < 200; i++) {
        records[i].flags = CRAFT_PERSIST_HARD_STATE;
        records[i].term = i + 1;
    }
    wal_store_init(&store, 65536);
    assert_int_equal(wal_store_open(&store), 0);
    writes = memory_files_calls_of(store.files, MEMORY_CALL_WRITE);
    assert_int_equal(craft_wal_append(store.wal, records, 200, &appended), 0);
    assert_int_equal(appended, 200);
    writes = memory_files_calls_of(store.files, MEMORY_CALL_WRITE) - writes;
    assert_in_range(writes, 2, 4); /* not 200 */
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 1);
    assert_int_equal(restore.term, 200);
    wal_store_free(&store);
}

/* Appends len entries of data_len bytes each, one record for each. */
static int append_large(struct wal_store *store, craft_index first, size_t len,
                        size_t data_len)
{
    craft_entry *entries = calloc(len, sizeof *entries);
    craft_persist *records = calloc(len, sizeof *records);
    uint8_t *data = calloc(1, data_len);
    size_t appended = 0;
    int rv;

    assert_non_null(entries);
    assert_non_null(records);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++) {
        entries[i] = (craft_entry){.index = first + i,
                                   .term = 1,
                                   .kind = CRAFT_ENTRY_COMMAND,
                                   .data = data,
                                   .data_len = data_len};
        records[i].flags = CRAFT_PERSIST_ENTRIES;
        records[i].first_index = first + i;
        records[i].entries = &entries[i];
        records[i].entries_len = 1;
    }
    rv = craft_wal_append(store->wal, records, len, &appended);
    assert_true(rv != 0 || appended == len);
    free(entries);
    free(records);
    free(data);
    return rv;
}

static craft_index last_index(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    return status.last_index;
}

/* Of bytes there is a measure, too; and what was not synced when the process
 * died is written once more, however much it is. */
static void many_large_records_are_found_again(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 8u << 20);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(append_large(&store, 1, 30, 100000), 0);
    assert_int_equal(append_large(&store, 31, 1, 9000000), 0);
    assert_int_equal(last_index(&store), 31);
    memory_files_faults(store.files)->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_kill(store.files);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(last_index(&store), 31);
    memory_files_faults(store.files)->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_crash(store.files, MEMORY_CRASH_NONE, 1);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(last_index(&store), 31);
    wal_store_free(&store);
}

static void a_store_of_many_segments_is_found_again(void **state)
{
    struct wal_store store;
    uint8_t data[8];
    craft_entry entry;
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = &entry,
                             .entries_max = 1,
                             .data = data,
                             .data_max = sizeof data};

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    for (craft_index i = 1; i <= 100; i++) {
        assert_int_equal(append_large(&store, 2 * i - 1, 1, 2000), 0);
        assert_int_equal(append_large(&store, 2 * i, 1, 8), 0);
    }
    assert_true(memory_files_calls_of(store.files, MEMORY_CALL_RENAME) > 64);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(last_index(&store), 200);
        for (craft_index i = 1; i <= 100; i++) {
            assert_int_equal(craft_wal_read(store.wal, 2 * i, &batch), 0);
            assert_int_equal(entry.index, 2 * i);
        }
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
    }
    wal_store_free(&store);
}

/* A store whose second segment is in use, and not begun: the disk was full when
 * its first record came. */
static memory_faults *fill_unbegun(struct wal_store *store)
{
    memory_faults *faults;

    wal_store_init(store, 4096);
    assert_int_equal(wal_store_open(store), 0);
    faults = memory_files_faults(store->files);
    assert_int_equal(append_large(store, 1, 1, 2000), 0);
    assert_int_equal(craft_wal_sync(store->wal), 0);
    assert_int_equal(craft_wal_prepare(store->wal), 0);
    /* The seal of segment 1 gets through, the first batch of 2 does not. */
    faults->full_from = memory_files_calls(store->files) + 3;
    faults->full_to = faults->full_from + 2;
    assert_int_equal(append_large(store, 2, 1, 2000), CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(last_index(store), 1);
    return faults;
}

/* The record that comes instead is larger than the segment; it, too, finds the
 * disk full at first. */
static void an_unbegun_segment_grows_for_a_larger_record(void **state)
{
    struct wal_store store;
    memory_faults *faults = fill_unbegun(&store);

    (void)state;
    faults->full_from = memory_files_calls(store.files) + 1;
    faults->full_to = faults->full_from + 2;
    assert_int_equal(append_large(&store, 2, 1, 20000), CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(append_large(&store, 2, 1, 20000), 0);
    assert_int_equal(last_index(&store), 2);
    assert_int_equal(wal_store_close(&store), 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(last_index(&store), 2);
    wal_store_free(&store);
}

static void a_segment_that_grows_may_fail_at_every_call(void **state)
{
    (void)state;
    for (uint64_t k = 1; k < 8; k++) {
        struct wal_store store;
        memory_faults *faults = fill_unbegun(&store);
        int rv;

        faults->fail_at = memory_files_calls(store.files) + k;
        faults->fail_error = EIO;
        rv = append_large(&store, 2, 1, 20000);
        assert_true(rv == 0 || rv == CRAFT_WAL_ERR_IO);
        assert_int_equal(last_index(&store), rv == 0 ? 2 : 1);
        (void)wal_store_close(&store);
        memory_files_kill(store.files);
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(rv != 0 || last_index(&store) == 2);
        wal_store_free(&store);
    }
}

/* What was written of a batch that did not fit cannot be taken back: nobody
 * knows what the disk holds, so the store takes no more. */
static void a_batch_that_cannot_be_taken_back_fails_the_store(void **state)
{
    (void)state;
    for (uint64_t later = 1; later <= 2; later++) { /* the zeroes, the sync */
        struct wal_store store;
        memory_faults *faults;

        wal_store_init(&store, 8192);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_vote(&store, 1, 1), 0);
        assert_int_equal(wal_store_sync(&store), 0);
        faults = memory_files_faults(store.files);
        faults->full_from = memory_files_calls(store.files) + 1;
        faults->full_to = faults->full_from + 2;
        faults->fail_at = faults->full_from + 1 + later;
        faults->fail_error = EIO;
        assert_int_equal(wal_store_entries(&store, 2, 300), CRAFT_WAL_ERR_IO);
        assert_int_equal(wal_store_vote(&store, 2, 1), CRAFT_WAL_ERR_FAILED);
        (void)wal_store_close(&store);
        memory_files_kill(store.files);
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(wal_store_matches(&store));
        wal_store_free(&store);
    }
}

/* As large a file as the limit of the process allows is a full disk. */
static void a_file_size_limit_is_a_full_disk(void **state)
{
    struct wal_store store;
    memory_faults *faults;

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    faults = memory_files_faults(store.files);
    faults->fail_at = memory_files_calls(store.files) + 1;
    faults->fail_error = EFBIG;
    assert_int_equal(wal_store_vote(&store, 1, 1), CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    wal_store_free(&store);
}

/* ----------------------------------------------------------------- reading */

/* Each file call of a read fails once: the read says so, and the next one
 * gives what it should. Where the failed one stopped, in one segment, was once
 * taken for a place in the next: what stands there was called damage. */
static void a_read_that_fails_can_be_repeated(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(wal_store_entries(&store, 2, 500), 0);
    }
    for (uint64_t k = 1; k < 60; k++) {
        memory_faults *faults = memory_files_faults(store.files);

        faults->fail_at = memory_files_calls(store.files) + k;
        faults->fail_error = EIO;
        (void)wal_store_equal(&store);
        faults->fail_at = 0;
        assert_true(wal_store_equal(&store));
    }
    wal_store_free(&store);
}

/* The same of opening, whatever is to be found: intact, torn, or damaged. */
static void an_opening_that_fails_can_be_repeated(void **state)
{
    (void)state;
    for (int found = 0; found < 3; found++) {
        for (uint64_t k = 1; k < 60; k++) {
            struct wal_store store;
            size_t len = 0;
            uint8_t *data;
            int rv;

            wal_store_init(&store, 4096);
            assert_int_equal(wal_store_open(&store), 0);
            assert_int_equal(wal_store_vote(&store, 1, 1), 0);
            for (int i = 0; i < 8; i++) {
                assert_int_equal(wal_store_entries(&store, 2, 500), 0);
            }
            assert_int_equal(wal_store_close(&store), 0);
            data = memory_files_data(store.files, SEGMENT(1), &len);
            assert_non_null(data);
            if (found == 2) {
                data[1500] ^= 1;
            } else if (found == 1) {
                data = memory_files_data(store.files, SEGMENT(3), &len);
                assert_non_null(data);
                data[len - 16] = 1;
            }
            memory_files_faults(store.files)->fail_at =
                memory_files_calls(store.files) + k;
            memory_files_faults(store.files)->fail_error = EIO;
            rv = wal_store_open(&store);
            assert_true(rv == 0 || rv == CRAFT_WAL_ERR_IO ||
                        (found == 2 && rv == CRAFT_WAL_ERR_DAMAGED));
            (void)wal_store_close(&store);
            memory_files_faults(store.files)->fail_at = 0;
            assert_int_equal(wal_store_open(&store),
                             found == 2 ? CRAFT_WAL_ERR_DAMAGED : 0);
            assert_true(found == 2 || wal_store_equal(&store));
            wal_store_free(&store);
        }
    }
}

/* A closed store, and a word of a torn batch at that place. */
static void fill_torn(struct wal_store *store, uint64_t place)
{
    size_t len = 0;
    uint8_t *data;

    wal_store_init(store, 262144);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 1, 1), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(wal_store_close(store), 0);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    assert_non_null(data);
    data[place] = 1;
}

/* Over the edge of what is read at a time, too; and it is not lost from sight
 * when a call fails. */
static void a_torn_tail_is_found_wherever_it_begins(void **state)
{
    (void)state;
    for (uint64_t back = 8; back <= 48; back += 8) {
        for (uint64_t k = 0; k < 30; k++) {
            struct wal_store store;
            uint64_t torn = CRAFT_WAL_HEADER_LEN + 65536 - back;
            memory_faults *faults;
            int rv;

            fill_torn(&store, torn);
            faults = memory_files_faults(store.files);
            faults->fail_at = k > 0 ? memory_files_calls(store.files) + k : 0;
            faults->fail_error = EIO;
            rv = wal_store_open(&store);
            if (rv == 0) {
                assert_true(store.report.flags & CRAFT_WAL_REPORT_TORN);
                assert_true(store.report.offset == torn);
            } else {
                assert_int_equal(rv, CRAFT_WAL_ERR_IO);
                assert_true(k > 0);
                assert_int_equal(wal_store_open(&store), 0);
            }
            assert_true(wal_store_equal(&store));
            wal_store_free(&store);
        }
    }
}

/* -------------------------------------------------------------- file calls */

/* A table of calls that does one thing differently. */
struct bent {
    craft_wal_files table;
    int error;       /* of the call that is bent */
    uint64_t passes; /* calls that go well before */
};

static struct bent bent;

static int64_t write_nothing(void *ctx, int file, const void *data,
                             size_t data_len, uint64_t offset)
{
    (void)ctx;
    (void)file;
    (void)data;
    (void)data_len;
    (void)offset;
    return 0;
}

static int64_t size_beyond(void *ctx, int file)
{
    int64_t size = memory_files_table()->size(ctx, file);

    return size < 0 ? size : size + ((int64_t)1 << 33);
}

static int path_fails(void *ctx, const char *path)
{
    (void)ctx;
    (void)path;
    return -bent.error;
}

static int random_fails(void *ctx, void *data, size_t data_len)
{
    if (bent.passes > 0) {
        bent.passes--;
        return memory_files_table()->random(ctx, data, data_len);
    }
    return -bent.error;
}

static void bend(struct wal_store *store, int error)
{
    bent.table = *memory_files_table();
    bent.error = error;
    bent.passes = 0;
    store->options.files = &bent.table;
}

/* POSIX allows a write of nothing; tried again, it would be for ever. */
static void a_write_of_nothing_is_an_error(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    bend(&store, 0);
    assert_int_equal(wal_store_open(&store), 0);
    bent.table.write = write_nothing;
    assert_int_equal(wal_store_vote(&store, 1, 1), CRAFT_WAL_ERR_IO);
    assert_int_equal(wal_store_vote(&store, 1, 1), CRAFT_WAL_ERR_FAILED);
    bent.table = *memory_files_table();
    wal_store_free(&store);
}

/* A file that is longer than its segment harms nobody, however long. */
static void a_segment_file_may_be_longer_than_its_segment(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_entries(&store, 2, 100), 0);
    assert_int_equal(wal_store_close(&store), 0);
    bend(&store, 0);
    bent.table.size = size_beyond;
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

static void an_identity_is_drawn_or_nothing_is_made(void **state)
{
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    for (uint64_t passes = 0; passes < 2; passes++) {
        bend(&store, ENOSYS);
        bent.passes = passes;
        bent.table.random = random_fails;
        assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_IO);
        assert_int_equal(store.report.system_error, ENOSYS);
        assert_non_null(strstr(store.report.text, "random"));
    }
    bend(&store, 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(store.report.flags & CRAFT_WAL_REPORT_CREATED);
    wal_store_free(&store);
}

/* Each error of the system, in words, and what it means for the store. */
static void errors_of_the_system_are_told_in_words(void **state)
{
    static const struct {
        int error;
        int result;
        const char *text;
    } told[] = {
        {EWOULDBLOCK, CRAFT_WAL_ERR_LOCKED, "the store is in use"},
        {EAGAIN, CRAFT_WAL_ERR_LOCKED, "the store is in use"},
        {ENOSPC, CRAFT_WAL_ERR_NOSPACE, "no space left on the device"},
        {EDQUOT, CRAFT_WAL_ERR_NOSPACE, "the quota is used up"},
        {EIO, CRAFT_WAL_ERR_IO, "the device failed"},
        {EACCES, CRAFT_WAL_ERR_IO, "permission denied"},
        {EPERM, CRAFT_WAL_ERR_IO, "permission denied"},
        {ENOENT, CRAFT_WAL_ERR_IO, "not there"},
        {EROFS, CRAFT_WAL_ERR_IO, "the file system is read-only"},
        {EMFILE, CRAFT_WAL_ERR_IO, "too many open files"},
        {ENFILE, CRAFT_WAL_ERR_IO, "too many open files"},
        {EXDEV, CRAFT_WAL_ERR_IO, "the system says no"},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof told / sizeof told[0]; i++) {
        struct wal_store store;

        wal_store_init(&store, 4096);
        bend(&store, told[i / 2].error);
        if (i % 2 == 0) {
            bent.table.make_directory = path_fails;
        } else {
            bent.table.lock = path_fails;
        }
        assert_int_equal(wal_store_open(&store), told[i / 2].result);
        assert_int_equal(store.report.system_error, told[i / 2].error);
        assert_non_null(strstr(store.report.text, told[i / 2].text));
        wal_store_free(&store);
    }
}

/* ---------------------------------------------------------------- the names */

static char synced[4][64];
static size_t synced_len;

static int note_synced(void *ctx, const char *path)
{
    assert_true(synced_len < 4);
    (void)snprintf(synced[synced_len], sizeof synced[0], "%s", path);
    synced_len++;
    return memory_files_table()->sync_directory(ctx, path);
}

/* The name of the directory is itself a name in another one. */
static void the_directory_above_is_synced_too(void **state)
{
    static const char *const names[][2] = {
        {"wal", "."},      {"a/wal", "a"}, {"/wal", "/"}, {"a//b/wal", "a//b"},
        {"a//wal//", "a"}, {"//wal", "/"}, {"wal/", "."}, {"/", "/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct wal_store store;

        wal_store_init(&store, 4096);
        bend(&store, 0);
        bent.table.sync_directory = note_synced;
        store.options.directory = names[i][0];
        synced_len = 0;
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(synced_len > 0);
        assert_string_equal(synced[synced_len - 1], names[i][1]);
        wal_store_free(&store);
    }
}

static void other_files_in_the_directory_are_left_alone(void **state)
{
    static const char *const names[] = {"0123", "0000000000000001.old",
                                        "000000000000000g.wal", "notes"};
    struct wal_store store;
    size_t len = 0;

    (void)state;
    wal_store_init(&store, 4096);
    for (size_t i = 0; i < 4; i++) {
        memory_files_put(store.files, names[i], (const uint8_t *)"x", 1);
    }
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_close(&store), 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_equal(&store));
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *data = memory_files_data(store.files, names[i], &len);

        assert_non_null(data);
        assert_int_equal(len, 1);
        assert_int_equal(*data, 'x');
    }
    wal_store_free(&store);
}

/* ----------------------------------------------------------- large segments */

/* Of forty synced records the first are gone; those that are left say so,
 * far behind, whichever call fails meanwhile. */
static void a_witness_is_found_however_far_behind(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 40; k++) {
        struct wal_store store;
        size_t len = 0;
        uint8_t *data;
        int rv;

        wal_store_init(&store, 262144);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_vote(&store, 1, 1), 0);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(wal_store_entries(&store, 1, 4100), 0);
            assert_int_equal(wal_store_sync(&store), 0);
        }
        memory_files_faults(store.files)->stop_at = 1;
        (void)wal_store_close(&store);
        memory_files_kill(store.files);
        memory_files_settle(store.files);
        memory_files_faults(store.files)->stop_at = 0;
        data = memory_files_data(store.files, SEGMENT(1), &len);
        assert_non_null(data);
        memset(data + 8192 + (k & 1) * 65536, 0xee, 80000);
        memory_files_faults(store.files)->fail_at =
            k > 0 ? memory_files_calls(store.files) + k : 0;
        memory_files_faults(store.files)->fail_error = EIO;
        rv = wal_store_open(&store);
        assert_true(rv == CRAFT_WAL_ERR_DAMAGED ||
                    (k > 0 && rv == CRAFT_WAL_ERR_IO));
        memory_files_faults(store.files)->fail_at = 0;
        assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_DAMAGED);
        wal_store_free(&store);
    }
}

/* Of two records in one batch the second rots, under an open store; its length
 * decides what is left behind the sector in which it begins. */
static void rot_at_the_end_of_a_batch_is_found_by_the_read(void **state)
{
    (void)state;
    for (uint32_t data_len = 1; data_len < 600; data_len += 8) {
        struct wal_store store;
        craft_wal_status status = {.struct_size = sizeof status};
        craft_entry entry;
        uint8_t into[600];
        craft_wal_batch batch = {.struct_size = sizeof batch,
                                 .entries = &entry,
                                 .entries_max = 1,
                                 .data = into,
                                 .data_max = sizeof into};
        size_t len = 0;
        uint8_t *data;

        wal_store_init(&store, 4096);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_entries(&store, 1, 40), 0);
        assert_int_equal(craft_wal_status_get(store.wal, &status), 0);
        assert_int_equal(wal_store_entries(&store, 1, data_len), 0);
        data = memory_files_data(store.files, SEGMENT(1), &len);
        assert_non_null(data);
        data[status.segment_offset] ^= 1;
        assert_int_equal(craft_wal_read(store.wal, 2, &batch),
                         CRAFT_WAL_ERR_DAMAGED);
        assert_int_equal(craft_wal_read(store.wal, 1, &batch), 0);
        wal_store_free(&store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_has_as_many_records_as_one_write_takes),
        cmocka_unit_test(many_large_records_are_found_again),
        cmocka_unit_test(a_store_of_many_segments_is_found_again),
        cmocka_unit_test(an_unbegun_segment_grows_for_a_larger_record),
        cmocka_unit_test(a_segment_that_grows_may_fail_at_every_call),
        cmocka_unit_test(a_batch_that_cannot_be_taken_back_fails_the_store),
        cmocka_unit_test(a_file_size_limit_is_a_full_disk),
        cmocka_unit_test(a_read_that_fails_can_be_repeated),
        cmocka_unit_test(an_opening_that_fails_can_be_repeated),
        cmocka_unit_test(a_torn_tail_is_found_wherever_it_begins),
        cmocka_unit_test(a_write_of_nothing_is_an_error),
        cmocka_unit_test(a_segment_file_may_be_longer_than_its_segment),
        cmocka_unit_test(an_identity_is_drawn_or_nothing_is_made),
        cmocka_unit_test(errors_of_the_system_are_told_in_words),
        cmocka_unit_test(the_directory_above_is_synced_too),
        cmocka_unit_test(other_files_in_the_directory_are_left_alone),
        cmocka_unit_test(a_witness_is_found_however_far_behind),
        cmocka_unit_test(rot_at_the_end_of_a_batch_is_found_by_the_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
