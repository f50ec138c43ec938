/* A disk that is full, slow to take bytes, interrupted, or failing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wal_store.h"

static int is_failed(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    return (status.flags & CRAFT_WAL_STATUS_FAILED) != 0;
}

/* Everything that writes says that the store has failed, and does nothing. */
static void takes_no_more(struct wal_store *store)
{
    uint64_t calls = memory_files_calls(store->files);

    assert_true(is_failed(store));
    assert_int_equal(wal_store_vote(store, store->model.term + 1, 1),
                     CRAFT_WAL_ERR_FAILED);
    assert_int_equal(wal_store_entries(store, 1, 1), CRAFT_WAL_ERR_FAILED);
    assert_int_equal(craft_wal_sync(store->wal), CRAFT_WAL_ERR_FAILED);
    assert_int_equal(craft_wal_prepare(store->wal), CRAFT_WAL_ERR_FAILED);
    assert_int_equal(craft_wal_mark(store->wal), CRAFT_WAL_ERR_FAILED);
    assert_int_equal(wal_store_close(store), CRAFT_WAL_ERR_FAILED);
    assert_true(memory_files_calls_of(store->files, MEMORY_CALL_SYNC) <= calls);
    assert_true(memory_files_calls(store->files) == calls);
}

/* Scenario (PostgreSQL "fsyncgate"; openraft 1795): fsync fails once and then
   says that all is well. Nothing is acknowledged until the store was opened
   anew, and then what it gives back is on the disk. */
static void a_failed_sync_is_never_forgotten(void **state)
{
    struct wal_store store;
    memory_faults *faults;
    craft_wal_report report = {.struct_size = sizeof report};

    (void)state;
    wal_store_init(&store, 8192);
    faults = memory_files_faults(store.files);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_int_equal(wal_store_entries(&store, 3, 100), 0);
    faults->fail_at = memory_files_calls(store.files) + 1;
    faults->fail_error = EIO;
    assert_int_equal(wal_store_sync(&store), CRAFT_WAL_ERR_IO);
    assert_int_equal(craft_wal_last_report(store.wal, &report), 0);
    assert_int_equal(report.system_error, EIO);
    assert_string_equal(report.file, "0000000000000001.wal");
    takes_no_more(&store);
    memory_files_kill(store.files);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_matches(&store));
    wal_store_forget(&store);
    memory_files_faults(store.files)->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_crash(store.files, MEMORY_CRASH_NONE, 1);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_matches(&store));
    wal_store_free(&store);
}

/* Scenario (raft-wal 32, braft 3654ef8): a write fails at each call.
   The store either goes on as if nothing was asked, or takes no more; the
   records that were not taken are not seen. */
static void a_failed_write_leaves_nothing_behind(void **state)
{
    static const int errors[3] = {EIO, ENOSPC, EDQUOT};

    (void)state;
    for (int e = 0; e < 3; e++) {
        for (uint64_t k = 1; k < 60; k++) {
            struct wal_store store;
            memory_faults *faults;
            int rv = 0;

            wal_store_init(&store, 4096);
            faults = memory_files_faults(store.files);
            assert_int_equal(wal_store_open(&store), 0);
            faults->fail_at = memory_files_calls(store.files) + k;
            faults->fail_error = errors[e];
            for (int i = 0; rv == 0 && i < 30; i++) {
                rv = i == 0 ? wal_store_vote(&store, 1, 1)
                            : wal_store_entries(&store, 1, 150);
                rv = rv == 0 && i % 3 == 0 ? wal_store_sync(&store) : rv;
            }
            assert_true(wal_store_equal(&store));
            if (is_failed(&store)) {
                takes_no_more(&store);
            } else {
                assert_int_equal(wal_store_entries(&store, 1, 20), 0);
                assert_int_equal(wal_store_close(&store), 0);
            }
            memory_files_crash(store.files, MEMORY_CRASH_NONE, k);
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_matches(&store));
            wal_store_free(&store);
        }
    }
}

/* Random work while files cannot grow; the store may end up closed. */
static void work_on_a_full_disk(struct wal_store *store)
{
    for (int i = 0; i < 60 && store->wal != NULL; i++) {
        int rv = wal_store_step(store);

        assert_true(rv == 0 || rv == CRAFT_WAL_ERR_NOSPACE);
        if (store->wal != NULL) {
            assert_true(wal_store_equal(store));
            assert_false(is_failed(store));
        }
    }
}

/* Scenario (canonical eac383b3, etcd 8935): the disk is full from the
   k-th call on, then there is room again. */
static void a_full_disk_loses_nothing_and_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        for (uint64_t k = 14; k < 140; k++) {
            struct wal_store store;

            wal_store_init(&store, 4096);
            store.random = seed;
            assert_int_equal(wal_store_open(&store), 0);
            memory_files_faults(store.files)->space_from = k;
            work_on_a_full_disk(&store);
            memory_files_faults(store.files)->space_from = 0;
            if (store.wal == NULL) {
                assert_int_equal(wal_store_open(&store), 0);
            }
            for (int i = 0; i < 10; i++) {
                assert_int_equal(wal_store_step(&store), 0);
            }
            assert_true(wal_store_equal(&store));
            assert_int_equal(wal_store_close(&store), 0);
            memory_files_crash(store.files, MEMORY_CRASH_NONE, k);
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_equal(&store));
            wal_store_free(&store);
        }
    }
}

/* Scenario (canonical 8265021c, canonical eac383b3): half of a batch is
 * written when the disk, of a file system that copies on write, turns out to
 * be full; then the power fails. */
static void half_a_batch_on_a_full_disk_is_taken_back(void **state)
{
    (void)state;
    for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
        struct wal_store store;
        memory_faults *faults;

        wal_store_init(&store, 8192);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_vote(&store, 1, 1), 0);
        assert_int_equal(wal_store_sync(&store), 0);
        faults = memory_files_faults(store.files);
        faults->full_from = memory_files_calls(store.files) + 1;
        faults->full_to = faults->full_from + 2;
        assert_int_equal(wal_store_entries(&store, 4, 300),
                         CRAFT_WAL_ERR_NOSPACE);
        assert_false(is_failed(&store));
        assert_true(wal_store_equal(&store));
        assert_int_equal(wal_store_entries(&store, 2, 30), 0);
        assert_true(wal_store_equal(&store));
        faults->stop_at = 1;
        (void)wal_store_close(&store);
        memory_files_crash(store.files, (enum memory_crash)how, 3);
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(wal_store_matches(&store));
        wal_store_free(&store);
    }
}

/* Scenario ("NOSPACE for n voids n and every later ticket"): of three
   records two are in the file when the disk is full. The first is given once
   more, alone; the second must not follow it after a crash. */
static void a_voided_record_does_not_follow_its_predecessor(void **state)
{
    struct wal_store store;
    memory_faults *faults;
    uint8_t data[300] = {0};
    craft_entry entry = {.index = 1,
                         .term = 3,
                         .kind = 1,
                         .data = data,
                         .data_len = sizeof data};
    craft_persist records[3] = {
        {.flags = CRAFT_PERSIST_HARD_STATE, .term = 2},
        {.flags = CRAFT_PERSIST_HARD_STATE, .term = 3},
        {.flags = CRAFT_PERSIST_ENTRIES,
         .first_index = 1,
         .entries = &entry,
         .entries_len = 1},
    };
    craft_restore restore = {.struct_size = sizeof restore};
    size_t appended = 9;

    (void)state;
    wal_store_init(&store, 8192);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    faults = memory_files_faults(store.files);
    faults->full_from = memory_files_calls(store.files) + 1;
    faults->full_to = faults->full_from + 2;
    assert_int_equal(craft_wal_append(store.wal, records, 3, &appended),
                     CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(appended, 0);
    assert_int_equal(craft_wal_append(store.wal, records, 1, &appended), 0);
    assert_int_equal(craft_wal_sync(store.wal), 0);
    faults->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_crash(store.files, MEMORY_CRASH_ALL, 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(craft_wal_read_state(store.wal, &restore), 1);
    assert_int_equal(restore.term, 2);
    wal_store_free(&store);
}

/* Scenario: entries no longer fit, but a
   vote does, many times over. */
static void votes_are_recorded_on_a_full_disk(void **state)
{
    struct wal_store store;
    memory_faults *faults;

    (void)state;
    wal_store_init(&store, 131072);
    assert_int_equal(wal_store_open(&store), 0);
    faults = memory_files_faults(store.files);
    faults->space_from = memory_files_calls(store.files) + 1;
    assert_int_equal(craft_wal_prepare(store.wal), CRAFT_WAL_ERR_NOSPACE);
    assert_true(craft_wal_wants(store.wal) & CRAFT_WAL_WANTS_PREPARE);
    while (wal_store_entries(&store, 1, 4000) == 0) {
        assert_int_equal(wal_store_sync(&store), 0);
    }
    assert_int_equal(wal_store_entries(&store, 1, 4000), CRAFT_WAL_ERR_NOSPACE);
    for (craft_term term = 1; term <= 12; term++) {
        assert_int_equal(wal_store_vote(&store, term, 2), 0);
        assert_int_equal(wal_store_sync(&store), 0);
    }
    assert_false(is_failed(&store));
    faults->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_crash(store.files, MEMORY_CRASH_NONE, 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_matches(&store));
    assert_int_equal(wal_store_entries(&store, 2, 4000), 0);
    wal_store_free(&store);
}

/* Scenario (canonical 8265021c): every read and write is short, every other
 * call is interrupted. */
static void short_and_interrupted_calls_are_made_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct wal_store store;

        wal_store_init(&store, 4096);
        store.random = seed;
        memory_files_faults(store.files)->short_writes = 1;
        memory_files_faults(store.files)->interrupts = seed % 2 == 0;
        assert_int_equal(wal_store_open(&store), 0);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(wal_store_step(&store), 0);
        }
        assert_true(wal_store_equal(&store));
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(wal_store_equal(&store));
        wal_store_free(&store);
    }
}

/* Refuses the allocation that makes `left` 0, and all after it. */
struct poor {
    int left;
    int open; /* blocks not freed */
};

static void *poor_realloc(void *ctx, void *ptr, size_t old_size,
                          size_t new_size)
{
    struct poor *poor = ctx;
    void *grown;

    (void)old_size;
    if (new_size == 0) {
        poor->open -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (poor->left == 0) {
        return NULL;
    }
    poor->left--;
    grown = realloc(ptr, new_size);
    assert_non_null(grown);
    poor->open += ptr == NULL;
    return grown;
}

/* Whether it takes more than so many allocations to open the store. */
static int wal_store_open_with(struct wal_store *store, struct poor *poor,
                               int allocations)
{
    int rv;

    poor->left = allocations;
    rv = wal_store_open(store);
    assert_true(rv == 0 || rv == CRAFT_WAL_ERR_NOMEM);
    return rv != 0;
}

static void every_refused_allocation_is_survived(void **state)
{
    int done = 0;

    (void)state;
    for (int n = 0; !done; n++) {
        struct poor poor = {.left = n};
        struct wal_store store;
        int rv;

        wal_store_init(&store, 65536);
        store.options.allocator.realloc = poor_realloc;
        store.options.allocator.ctx = &poor;
        rv = wal_store_open(&store);
        if (rv == 0) {
            rv = wal_store_vote(&store, 1, 1);
        }
        for (int i = 0; rv == 0 && i < 4; i++) {
            rv = wal_store_entries(&store, 8, 2000);
        }
        if (rv == 0) {
            rv = wal_store_snapshot(&store, 2, 2, 8000);
        }
        done = rv == 0;
        assert_true(rv == 0 || rv == CRAFT_WAL_ERR_NOMEM);
        poor.left = 1000;
        if (store.wal == NULL) {
            assert_int_equal(poor.open, 0);
            assert_int_equal(wal_store_open(&store), 0);
        }
        assert_true(wal_store_equal(&store));
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(poor.open, 0);
        /* With n for the next round left as it is: none is passed over. */
        for (int m = 0; wal_store_open_with(&store, &poor, m); m++) {
            assert_int_equal(poor.open, 0);
        }
        poor.left = 1000;
        assert_true(wal_store_equal(&store));
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(poor.open, 0);
        wal_store_free(&store);
    }
}

static int put_entries(struct wal_store *store)
{
    return wal_store_entries(store, 6, 2000);
}

static int put_snapshot(struct wal_store *store)
{
    return wal_store_snapshot(store, 3, 2, 7500);
}

static int put_entry(struct wal_store *store)
{
    return wal_store_entries(store, 1, 7000);
}

/* A record needs a buffer for itself, for its snapshot, for the first record of
   a life, for the beginning of a segment: each is refused in turn. */
static void a_record_without_memory_leaves_the_log_as_it_was(void **state)
{
    int (*const puts[])(struct wal_store *) = {put_entries,  put_snapshot,
                                               put_entries,  put_entry,
                                               put_snapshot, put_entries};
    struct poor poor = {.left = 1000};
    struct wal_store store;
    int refused = 0;

    (void)state;
    wal_store_init(&store, 16384);
    store.options.allocator.realloc = poor_realloc;
    store.options.allocator.ctx = &poor;
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    for (size_t i = 0; i < sizeof puts / sizeof puts[0]; i++) {
        int rv;

        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
        for (poor.left = 0; (rv = puts[i](&store)) != 0; refused++) {
            assert_int_equal(rv, CRAFT_WAL_ERR_NOMEM);
            poor.left = 1000;
            assert_true(wal_store_equal(&store));
            poor.left = 1; /* one more than it had, at least */
        }
        poor.left = 1000;
        assert_true(wal_store_equal(&store));
    }
    assert_in_range(refused, 6, 100);
    assert_int_equal(wal_store_close(&store), 0);
    assert_int_equal(poor.open, 0);
    wal_store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_sync_is_never_forgotten),
        cmocka_unit_test(a_failed_write_leaves_nothing_behind),
        cmocka_unit_test(a_full_disk_loses_nothing_and_ends),
        cmocka_unit_test(half_a_batch_on_a_full_disk_is_taken_back),
        cmocka_unit_test(a_voided_record_does_not_follow_its_predecessor),
        cmocka_unit_test(votes_are_recorded_on_a_full_disk),
        cmocka_unit_test(short_and_interrupted_calls_are_made_whole),
        cmocka_unit_test(every_refused_allocation_is_survived),
        cmocka_unit_test(a_record_without_memory_leaves_the_log_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
