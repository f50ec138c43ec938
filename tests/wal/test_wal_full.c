/*
 * A disk of limited size: when it is full votes are still recorded, and a
 * compaction makes room for everything else, at any crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wal_store.h"

#define SEGMENT_BYTES 65536u
#define SEGMENTS 4u
/* And the identity of the store. */
#define DISK_BYTES ((uint64_t)SEGMENTS * SEGMENT_BYTES + 8192)

static void begin(struct wal_store *store)
{
    wal_store_init(store, SEGMENT_BYTES);
    memory_files_faults(store->files)->bytes_max = DISK_BYTES;
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 1, 1), 0);
    assert_int_equal(wal_store_sync(store), 0);
}

/* Entries of 3000 bytes until there is no room; how the last call ended. */
static int fill(struct wal_store *store)
{
    int rv = 0;

    while (rv == 0) {
        rv = wal_store_entries(store, 4, 3000);
        if (rv == 0) {
            rv = wal_store_sync(store);
        }
        wal_store_forget(store);
    }
    return rv;
}

/* As many as are recorded, but no more than `most`. */
static int vote(struct wal_store *store, int most)
{
    int votes = 0;

    while (votes < most &&
           wal_store_vote(store, store->model.term + 1, 2) == 0) {
        assert_int_equal(wal_store_sync(store), 0);
        votes++;
    }
    return votes;
}

static int compact(struct wal_store *store, uint32_t len)
{
    craft_index last = wal_model_last(&store->model);
    int rv = wal_store_snapshot(store, last - 1, last, len);

    return rv == 0 ? wal_store_sync(store) : rv;
}

/* With a helper, or by the writer alone. */
static void cycle(struct wal_store *store, int helper)
{
    assert_int_equal(fill(store), CRAFT_WAL_ERR_NOSPACE);
    if (helper) {
        assert_int_equal(craft_wal_prepare(store->wal), CRAFT_WAL_ERR_NOSPACE);
    }
    assert_int_equal(wal_store_entries(store, 4, 3000), CRAFT_WAL_ERR_NOSPACE);
    assert_in_range(vote(store, 5), 5, 5);
    assert_int_equal(compact(store, 100), 0);
    if (helper) {
        assert_int_equal(craft_wal_prepare(store->wal), 0);
    }
    assert_int_equal(wal_store_entries(store, 4, 3000), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_true(wal_store_equal(store));
}

static void a_full_disk_is_compacted_and_goes_on(void **state)
{
    (void)state;
    for (int helper = 0; helper < 2; helper++) {
        struct wal_store store;

        begin(&store);
        for (int i = 0; i < 20; i++) {
            cycle(&store, helper);
        }
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
        assert_true(wal_store_equal(&store));
        cycle(&store, helper);
        wal_store_free(&store);
    }
}

/* However long the disk is full, and however many elections that sees. */
static void votes_leave_room_for_a_compaction(void **state)
{
    struct wal_store store;

    (void)state;
    begin(&store);
    assert_int_equal(fill(&store), CRAFT_WAL_ERR_NOSPACE);
    assert_in_range(vote(&store, 1000), 5, 100);
    assert_int_equal(wal_store_vote(&store, store.model.term + 1, 2),
                     CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(compact(&store, 3000), 0);
    assert_int_equal(wal_store_vote(&store, store.model.term + 1, 2), 0);
    assert_int_equal(wal_store_entries(&store, 4, 3000), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

/* A server that starts on a full disk votes and compacts as well. */
static void a_full_disk_is_opened_again(void **state)
{
    struct wal_store store;

    (void)state;
    begin(&store);
    assert_int_equal(fill(&store), CRAFT_WAL_ERR_NOSPACE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wal_store_close(&store), 0);
        assert_int_equal(wal_store_open(&store), 0);
        assert_int_equal(wal_store_entries(&store, 4, 3000),
                         CRAFT_WAL_ERR_NOSPACE);
        assert_int_equal(vote(&store, 1), 1);
    }
    assert_int_equal(compact(&store, 100), 0);
    assert_int_equal(wal_store_entries(&store, 4, 3000), 0);
    wal_store_free(&store);
}

/* A removed file has its space until nobody has it open. */
static void a_reader_does_not_hold_the_space_of_what_is_gone(void **state)
{
    static uint8_t data[8192];
    craft_entry entry;
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = &entry,
                             .entries_max = 1,
                             .data = data,
                             .data_max = sizeof data};
    struct wal_store store;

    (void)state;
    wal_store_init(&store, SEGMENT_BYTES);
    memory_files_faults(store.files)->bytes_max =
        DISK_BYTES - 2 * SEGMENT_BYTES;
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(wal_store_vote(&store, 1, 1), 0);
    assert_int_equal(fill(&store), CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(craft_wal_read(store.wal, 1, &batch), 0);
    assert_int_equal(compact(&store, 100), 0);
    assert_int_equal(wal_store_entries(&store, 4, 3000), 0);
    wal_store_free(&store);
}

/* The power fails at the k-th call of making room, and of opening after it. */
static void a_crash_on_a_full_disk_loses_nothing(void **state)
{
    struct wal_store filled;
    int done = 0;

    (void)state;
    begin(&filled);
    assert_int_equal(fill(&filled), CRAFT_WAL_ERR_NOSPACE);
    assert_int_equal(wal_store_close(&filled), 0);
    for (uint64_t k = 1; !done; k++) {
        for (int how = 0; how < MEMORY_CRASH_KIND_END; how++) {
            struct wal_store store;

            wal_store_fork(&filled, &store);
            memory_files_calls_reset(store.files);
            memory_files_faults(store.files)->stop_at = k;
            done = wal_store_open(&store) == 0 &&
                   wal_store_vote(&store, store.model.term + 1, 2) == 0 &&
                   wal_store_sync(&store) == 0 && compact(&store, 100) == 0 &&
                   craft_wal_prepare(store.wal) == 0 &&
                   wal_store_entries(&store, 4, 3000) == 0 &&
                   wal_store_sync(&store) == 0;
            (void)wal_store_close(&store);
            memory_files_crash(store.files, (enum memory_crash)how, k);
            memory_files_faults(store.files)->bytes_max = DISK_BYTES;
            assert_int_equal(wal_store_open(&store), 0);
            assert_true(wal_store_matches(&store));
            assert_int_equal(vote(&store, 1), 1);
            assert_int_equal(compact(&store, 100), 0);
            assert_int_equal(wal_store_entries(&store, 4, 3000), 0);
            assert_int_equal(wal_store_sync(&store), 0);
            assert_true(wal_store_equal(&store));
            wal_store_free(&store);
        }
    }
    wal_store_free(&filled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_compacted_and_goes_on),
        cmocka_unit_test(votes_leave_room_for_a_compaction),
        cmocka_unit_test(a_full_disk_is_opened_again),
        cmocka_unit_test(a_reader_does_not_hold_the_space_of_what_is_gone),
        cmocka_unit_test(a_crash_on_a_full_disk_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
