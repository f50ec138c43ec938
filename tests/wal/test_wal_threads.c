/* Readers and helpers in other threads than the writer, on real files; meant
   to be run under a thread sanitizer too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "craft/wal.h"

#define RECORDS 2000u
#define DATA_LEN 200u

struct shared {
    craft_wal *wal;
    atomic_ullong last; /* appended */
    atomic_int stop;
    atomic_int faults;
    atomic_ullong reads;
    craft_term terms[RECORDS + 1]; /* the writer's own */
};

/* The byte that fills the data of an entry. */
static uint8_t fill_of(craft_index index, craft_term term)
{
    return (uint8_t)(index * 7 + term * 13);
}

static void check_entry(struct shared *shared, const craft_entry *entry,
                        craft_index index)
{
    int wrong = entry->index != index || entry->data_len != DATA_LEN;

    for (size_t i = 0; !wrong && i < DATA_LEN; i++) {
        wrong = entry->data[i] != fill_of(index, entry->term);
    }
    atomic_fetch_add(&shared->faults, wrong);
}

static void *read_all_the_time(void *arg)
{
    struct shared *shared = arg;
    craft_entry entries[32];
    uint8_t data[32 * DATA_LEN];
    uint64_t random = (uint64_t)(uintptr_t)&random;

    while (!atomic_load(&shared->stop)) {
        craft_wal_batch batch = {.struct_size = sizeof batch,
                                 .entries = entries,
                                 .entries_max = 32,
                                 .data = data,
                                 .data_max = sizeof data};
        craft_index last = atomic_load(&shared->last);
        craft_index first;
        int rv;

        if (last == 0) {
            continue;
        }
        random = random * 6364136223846793005u + 1;
        first = 1 + (random >> 33) % last;
        rv = craft_wal_read(shared->wal, first, &batch);
        if (rv == CRAFT_WAL_ERR_RANGE || rv == CRAFT_WAL_ERR_COMPACTED) {
            continue; /* truncated meanwhile */
        }
        atomic_fetch_add(&shared->faults, rv != 0);
        for (size_t i = 0; i < batch.entries_len; i++) {
            check_entry(shared, &entries[i], first + i);
            if (i > 0 && entries[i].term < entries[i - 1].term) {
                atomic_fetch_add(&shared->faults, 1);
            }
        }
        atomic_fetch_add(&shared->reads, batch.entries_len);
    }
    return NULL;
}

static void *help_all_the_time(void *arg)
{
    struct shared *shared = arg;

    while (!atomic_load(&shared->stop)) {
        uint32_t wants = craft_wal_wants(shared->wal);
        craft_wal_status status = {.struct_size = sizeof status};
        craft_restore restore = {.struct_size = sizeof restore};

        if (wants & CRAFT_WAL_WANTS_PREPARE) {
            atomic_fetch_add(&shared->faults,
                             craft_wal_prepare(shared->wal) != 0);
        }
        if (wants & CRAFT_WAL_WANTS_MARK) {
            atomic_fetch_add(&shared->faults, craft_wal_mark(shared->wal) != 0);
        }
        (void)craft_wal_status_get(shared->wal, &status);
        (void)craft_wal_read_state(shared->wal, &restore);
    }
    return NULL;
}

static void append_one(struct shared *shared, craft_index index,
                       craft_term term, int truncate)
{
    uint8_t data[DATA_LEN];
    craft_entry entry = {.index = index,
                         .term = term,
                         .kind = CRAFT_ENTRY_COMMAND,
                         .data = data,
                         .data_len = DATA_LEN};
    craft_persist persist = {.struct_size = sizeof persist,
                             .flags = CRAFT_PERSIST_ENTRIES |
                                      CRAFT_PERSIST_MUST_SYNC,
                             .truncate_from = index,
                             .first_index = index,
                             .entries = &entry,
                             .entries_len = 1};

    persist.flags |= truncate ? CRAFT_PERSIST_TRUNCATE : 0u;
    memset(data, fill_of(index, term), sizeof data);
    assert_int_equal(craft_wal_append(shared->wal, &persist, 1, NULL), 0);
    atomic_store(&shared->last, index);
    shared->terms[index] = term;
}

static void compact(struct shared *shared, craft_index index)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot,
                               .index = index,
                               .term = shared->terms[index],
                               .configuration = (const uint8_t *)"members",
                               .configuration_len = 7};
    craft_persist persist = {.struct_size = sizeof persist,
                             .flags =
                                 CRAFT_PERSIST_SNAPSHOT | CRAFT_PERSIST_COMPACT,
                             .snapshot = &snapshot,
                             .keep_from = index - 5};

    assert_int_equal(craft_wal_append(shared->wal, &persist, 1, NULL), 0);
}

/* Appends, truncates, syncs; compacts so often, 0: never. */
static void write_all(struct shared *shared, unsigned compact_every)
{
    craft_index index = 0;
    craft_index base = 20;
    craft_term term = 1;

    for (unsigned i = 0; i < RECORDS; i++) {
        /* Each truncation leaves a mark, so that the index has to grow. */
        int far = i % 200 == 199;
        int truncate = far || i % 2 == 1;

        term += truncate ? 1 : 0;
        index = far ? index - 20 : index + !truncate;
        append_one(shared, index, term, truncate);
        if (compact_every != 0 && i % compact_every == 0 && index > base + 30) {
            base = index - 30;
            compact(shared, base);
        }
        if (i % 8 == 0) {
            assert_int_equal(craft_wal_sync(shared->wal), 0);
        }
    }
}

/* Scenario (redisraft df54d6b): the writer appends, truncates, rolls and
 * compacts while others read what is there, prepare and remove segments and
 * write marks. */
static void run_beside(uint64_t segment_bytes, unsigned compact_every)
{
    char parent[] = "/tmp/craft-wal-XXXXXX";
    char command[64];
    craft_wal_options options;
    struct shared shared;
    pthread_t threads[4];

    assert_non_null(mkdtemp(parent));
    craft_wal_options_init(&options, sizeof options);
    options.directory = parent;
    options.segment_bytes = segment_bytes;
    memset(&shared, 0, sizeof shared);
    assert_int_equal(craft_wal_open(&options, &shared.wal, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL,
                           i < 3 ? read_all_the_time : help_all_the_time,
                           &shared),
            0);
    }
    write_all(&shared, compact_every);
    atomic_store(&shared.stop, 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.faults), 0);
    assert_true(atomic_load(&shared.reads) > 0);
    assert_int_equal(craft_wal_close(shared.wal), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", parent);
    assert_int_equal(system(command), 0);
}

static void reads_run_beside_the_writer(void **state)
{
    (void)state;
    run_beside(65536, 0);
}

static void reads_run_beside_compaction(void **state)
{
    (void)state;
    run_beside(8192, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_run_beside_the_writer),
        cmocka_unit_test(reads_run_beside_compaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
