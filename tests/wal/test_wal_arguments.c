/* What the host gives: structs of other sizes, records that cannot be stored;
 * and what the calls of this system answer when they fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "wal/format.h"
#include "wal_store.h"

static void options_of_any_size_begin_as_defaults(void **state)
{
    craft_wal_options options;
    uint8_t bytes[2 * sizeof options];

    (void)state;
    craft_wal_options_init(NULL, sizeof options);
    memset(bytes, 7, sizeof bytes);
    memcpy(&options, bytes, sizeof options);
    craft_wal_options_init(&options, 3); /* not even its size fits */
    assert_memory_equal(&options, bytes, sizeof options);
    craft_wal_options_init(&options, 8);
    assert_int_equal(options.struct_size, 8);
    assert_memory_equal((uint8_t *)&options + 8, bytes, sizeof options - 8);
    craft_wal_options_init(&options, sizeof options);
    assert_int_equal(options.segment_bytes, 64u << 20);
    assert_null(options.files);
}

static void options_of_another_version_are_refused(void **state)
{
    craft_wal_files other = *memory_files_table();
    craft_wal_visitor visitor = {.struct_size = sizeof visitor};
    char directory[5000];
    struct wal_store store;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(craft_wal_open(NULL, &store.wal, NULL),
                     CRAFT_WAL_ERR_INVALID);
    store.options.struct_size = 8;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.struct_size = sizeof store.options;
    store.options.flags = 1u << 2;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.flags = CRAFT_WAL_SALVAGE; /* never to write to it */
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.flags = 0;
    store.options.visitor = &visitor;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    visitor.struct_size = 8;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    visitor.struct_size = sizeof visitor;
    visitor.reserved = 1;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.visitor = NULL;
    other.struct_size = 8;
    store.options.files = &other;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    store.options.files = memory_files_table();
    memset(directory, 'd', sizeof directory);
    directory[sizeof directory - 1] = '\0';
    store.options.directory = directory;
    assert_int_equal(wal_store_open(&store), CRAFT_WAL_ERR_INVALID);
    wal_store_free(&store);
}

/* A caller that knows less, or more, of a struct than the library. */
static void structs_of_other_sizes_are_filled_or_refused(void **state)
{
    struct wal_store store;
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal_status status = {.struct_size = 16};
    craft_restore restore = {.struct_size = 8};

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(craft_wal_last_report(store.wal, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_last_report(store.wal, &report), 0);
    report.struct_size = sizeof report + 8;
    assert_int_equal(craft_wal_last_report(store.wal, &report),
                     CRAFT_WAL_ERR_INVALID);
    report.struct_size = 8;
    assert_int_equal(craft_wal_last_report(store.wal, &report),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_read_state(store.wal, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_read_state(store.wal, &restore),
                     CRAFT_WAL_ERR_INVALID);
    status.last_index = 99;
    assert_int_equal(craft_wal_status_get(store.wal, &status), 0);
    assert_int_equal(status.struct_size, 16);
    status.struct_size = sizeof status + 8;
    assert_int_equal(craft_wal_status_get(store.wal, &status),
                     CRAFT_WAL_ERR_INVALID);
    status.struct_size = 3;
    assert_int_equal(craft_wal_status_get(store.wal, &status),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_status_get(store.wal, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_append(store.wal, NULL, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    wal_store_free(&store);
}

static void a_read_into_nothing_is_refused(void **state)
{
    struct wal_store store;
    craft_entry entry;
    uint8_t data[64];
    craft_wal_batch good = {.struct_size = sizeof good,
                            .entries = &entry,
                            .entries_max = 1,
                            .data = data,
                            .data_max = sizeof data};
    craft_wal_batch bad[4] = {good, good, good, good};

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_entries(&store, 1, 0), 0);
    bad[0].struct_size = 8;
    bad[1].entries = NULL;
    bad[2].entries_max = 0;
    bad[3].data = NULL;
    assert_int_equal(craft_wal_read(store.wal, 1, NULL), CRAFT_WAL_ERR_INVALID);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(craft_wal_read(store.wal, 1, &bad[i]),
                         CRAFT_WAL_ERR_INVALID);
    }
    good.data = NULL; /* enough for an entry without data */
    good.data_max = 0;
    assert_int_equal(craft_wal_read(store.wal, 1, &good), 0);
    assert_int_equal(good.entries_len, 1);
    wal_store_free(&store);
}

/* Lengths alone decide: no byte of such entries is looked at. */
static void records_that_cannot_be_stored_are_refused(void **state)
{
    static const uint8_t data[8];
    struct wal_store store;
    craft_entry entries[2] = {{.index = 1, .term = 1, .kind = 1, .data = data},
                              {.index = 2, .term = 1, .kind = 1, .data = data}};
    craft_persist record = {.flags = CRAFT_PERSIST_ENTRIES,
                            .first_index = 1,
                            .entries = entries,
                            .entries_len = 2};

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    for (int which = 0; which < 5; which++) {
        size_t most = CRAFT_WAL_RECORD_BYTES_MAX;

        record.entries = which == 0 ? NULL : entries;
        entries[0].data_len = which == 1 ? most + 1 : 0; /* one is too large */
        if (which == 2) {                                /* both together are */
            entries[0].data_len = most - CRAFT_WAL_ENTRY_LEN;
        } else if (which == 3) { /* or with what stands around them */
            entries[0].data_len = most - (size_t)2 * CRAFT_WAL_ENTRY_LEN;
        }
        entries[0].term = which == 4 ? 2 : 1; /* the term falls */
        assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL),
                         CRAFT_WAL_ERR_INVALID);
    }
    entries[0].term = 1;
    assert_int_equal(craft_wal_append(store.wal, &record, 1, NULL), 0);
    wal_store_free(&store);
}

/* A record that says nothing takes no place. */
static void a_record_without_meaning_is_no_write(void **state)
{
    static const craft_persist nothing = {.flags = CRAFT_PERSIST_MUST_SYNC};
    struct wal_store store;
    uint64_t writes;
    size_t appended = 0;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    writes = memory_files_calls_of(store.files, MEMORY_CALL_WRITE);
    assert_int_equal(craft_wal_append(store.wal, &nothing, 1, &appended), 0);
    assert_int_equal(appended, 1);
    assert_true(memory_files_calls_of(store.files, MEMORY_CALL_WRITE) ==
                writes);
    wal_store_free(&store);
}

/* ------------------------------------------------------------ POSIX errors */

static void failing_calls_of_the_system_give_their_errno(void **state)
{
    const craft_wal_files *files = craft_wal_files_posix();
    char directory[] = "/tmp/craft-wal-XXXXXX";
    char path[64];
    char other[64];
    uint8_t byte = 1;
    int file;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/a", directory);
    (void)snprintf(other, sizeof other, "%s/none/a", directory);
    assert_int_equal(files->open(NULL, path, 0), -ENOENT);
    assert_int_equal(files->unlink(NULL, path), -ENOENT);
    assert_int_equal(files->lock(NULL, other), -ENOENT);
    assert_int_equal(files->sync_directory(NULL, other), -ENOENT);
    assert_int_equal(files->list(NULL, other, NULL, NULL), -ENOENT);
    assert_int_equal(files->make_directory(NULL, other), -ENOENT);
    file =
        files->open(NULL, path, CRAFT_WAL_OPEN_WRITE | CRAFT_WAL_OPEN_CREATE);
    assert_true(file >= 0);
    assert_int_equal(files->write(NULL, file, &byte, 1, 4), 1);
    assert_int_equal(files->size(NULL, file), 5);
    assert_int_equal(files->rename(NULL, path, other), -ENOENT);
    assert_int_equal(files->close(NULL, file), 0);
    assert_int_equal(files->close(NULL, -1), -EBADF);
    assert_int_equal(files->size(NULL, -1), -EBADF);
    assert_int_equal(files->read(NULL, -1, &byte, 1, 0), -EBADF);
    assert_int_equal(files->write(NULL, -1, &byte, 1, 0), -EBADF);
    assert_int_equal(files->sync(NULL, -1, 0), -EBADF);
    assert_int_equal(files->sync(NULL, -1, 1), -EBADF);
    assert_int_equal(files->unlink(NULL, path), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_any_size_begin_as_defaults),
        cmocka_unit_test(options_of_another_version_are_refused),
        cmocka_unit_test(structs_of_other_sizes_are_filled_or_refused),
        cmocka_unit_test(a_read_into_nothing_is_refused),
        cmocka_unit_test(records_that_cannot_be_stored_are_refused),
        cmocka_unit_test(a_record_without_meaning_is_no_write),
        cmocka_unit_test(failing_calls_of_the_system_give_their_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
