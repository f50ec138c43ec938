/*
 * Crashes at every file call: whatever of the unsynced bytes and names is
 * left, everything that was acknowledged is there, and the store goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wal_store.h"

/* Open what a crash left, look at it, write a little more, lose the power
   once more, and look again. */
static void goes_on_after(struct wal_store *store, enum memory_crash how,
                          uint64_t seed)
{
    memory_files_crash(store->files, how, seed);
    if (wal_store_open(store) != 0) {
        print_error("crash %d seed %llu: %s\n", (int)how,
                    (unsigned long long)seed, store->report.text);
        fail();
    }
    if (!wal_store_matches(store)) {
        fail_msg("crash %d seed %llu: acknowledged records are lost", (int)how,
                 (unsigned long long)seed);
    }
    assert_int_equal(wal_store_vote(store, store->model.term + 1, 3), 0);
    assert_int_equal(wal_store_entries(store, 1, 10), 0);
    assert_int_equal(wal_store_sync(store), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_crash(store->files, MEMORY_CRASH_NONE, 0);
    assert_int_equal(wal_store_open(store), 0);
    assert_true(wal_store_matches(store));
}

/* The same random work every time, until the `stop_at`-th file call. */
static int work(struct wal_store *store, uint64_t seed, uint64_t stop_at,
                int steps)
{
    int rv;

    wal_store_init(store, 4096);
    store->random = seed;
    memory_files_faults(store->files)->stop_at = stop_at;
    rv = wal_store_open(store);
    for (int i = 0; rv == 0 && i < steps; i++) {
        rv = wal_store_step(store);
    }
    return rv;
}

/* Scenario (cqlite 1390, logcabin 191, redisraft
 * 46a6ad0, ALICE, OSDI '14): power fails at the k-th file call; raft-wal 10,
 * etcd 5230, etcd bd7107bd4. */
static void every_crash_keeps_what_was_synced(void **state)
{
    uint64_t crashes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct wal_store store;
        int done = 0;

        for (uint64_t k = 2; !done; k++) {
            done = work(&store, seed, k, 40) == 0;
            (void)wal_store_close(&store);
            for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
                struct wal_store fork;

                wal_store_fork(&store, &fork);
                goes_on_after(&fork, (enum memory_crash)how, seed * 1000 + k);
                wal_store_free(&fork);
                crashes++;
            }
            wal_store_free(&store);
        }
    }
    print_message("%llu crash states\n", (unsigned long long)crashes);
}

/* Scenario (amelie 17): a second crash while the first is recovered
   from: at every file call of the recovery. */
static void a_crash_during_recovery_loses_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct wal_store store;
        uint64_t k = 20 + seed * 7 % 150;
        enum memory_crash how =
            (enum memory_crash)(seed % MEMORY_CRASH_KIND_END);

        (void)work(&store, seed, k, 60);
        (void)wal_store_close(&store);
        memory_files_crash(store.files, how, seed);
        for (uint64_t j = 2; j < 60; j++) {
            struct wal_store fork;
            int opened;

            wal_store_fork(&store, &fork);
            memory_files_calls_reset(fork.files);
            memory_files_faults(fork.files)->stop_at = j;
            opened = wal_store_open(&fork) == 0;
            (void)wal_store_close(&fork);
            goes_on_after(&fork, (enum memory_crash)(j % MEMORY_CRASH_KIND_END),
                          j);
            wal_store_free(&fork);
            if (opened) {
                break;
            }
        }
        wal_store_free(&store);
    }
}

/* Scenario (etcd 6368): the process is killed at the k-th call, so that all it
   wrote is in the cache; it starts again, says that it has everything, and
   then the power fails. What it said it had must be there. */
static void what_a_killed_process_left_is_durable_once_opened(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        int done = 0;

        for (uint64_t k = 2; !done; k++) {
            struct wal_store store;

            done = work(&store, seed, k, 40) == 0;
            (void)wal_store_close(&store);
            memory_files_kill(store.files);
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_matches(&store));
            wal_store_forget(&store);
            memory_files_faults(store.files)->stop_at = 1;
            (void)wal_store_close(&store);
            goes_on_after(&store, (enum memory_crash)(k % 10), k);
            wal_store_free(&store);
        }
    }
}

/* Scenario ("Can applications recover from fsync failures?", ATC '20):
   a sync fails, its pages stay in the cache, clean, and never reach the disk;
   the process starts again on the same cache. What it then says it has must
   survive the power failure that follows. */
static void what_a_failed_sync_left_in_the_cache_is_written_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        for (uint64_t k = 12; k < 150; k++) {
            struct wal_store store;
            memory_faults *faults;
            int rv;

            wal_store_init(&store, 4096);
            store.random = seed;
            faults = memory_files_faults(store.files);
            faults->fail_at = k;
            faults->fail_error = 5;
            rv = wal_store_open(&store);
            for (int i = 0; rv == 0 && i < 40; i++) {
                rv = wal_store_step(&store);
            }
            (void)wal_store_close(&store);
            memory_files_kill(store.files);
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_matches(&store));
            wal_store_forget(&store);
            memory_files_faults(store.files)->stop_at = 1;
            (void)wal_store_close(&store);
            goes_on_after(&store, (enum memory_crash)(k % 10), k);
            wal_store_free(&store);
        }
    }
}

/* Scenario (etcd 11918; rocksdb 12488): random appends, truncations, rolls,
   marks and reopens; every reopen verifies and gives back exactly the log. */
static void random_work_is_read_back_as_written(void **state)
{
    static const uint64_t sizes[3] = {4096, 8192, 65536};

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct wal_store store;

        wal_store_init(&store, sizes[seed % 3]);
        store.random = seed;
        assert_int_equal(wal_store_open(&store), 0);
        for (int i = 0; i < 200; i++) {
            assert_int_equal(wal_store_step(&store), 0);
            if (i % 8 == 0) {
                assert_true(wal_store_equal(&store));
            }
        }
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(store.report.flags, 0);
        assert_true(wal_store_equal(&store));
        wal_store_free(&store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_is_read_back_as_written),
        cmocka_unit_test(every_crash_keeps_what_was_synced),
        cmocka_unit_test(a_crash_during_recovery_loses_nothing),
        cmocka_unit_test(what_a_killed_process_left_is_durable_once_opened),
        cmocka_unit_test(what_a_failed_sync_left_in_the_cache_is_written_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
