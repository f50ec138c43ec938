/*
 * Damage, and torn tails. What is wrong with a store is refused with the file
 * and the offset, or is in the one place that only a torn write can explain;
 * a log is never shorter in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wal/format.h"
#include "wal_store.h"

#define SEGMENT(n) "000000000000000" #n ".wal"

/* Where the last synced batch begins. */
struct last_batch {
    char name[32];
    uint64_t offset;
};

/* Some batches over three segments, all synced; the process then dies without
   closing, or closes. */
static struct last_batch fill(struct wal_store *store, int orderly)
{
    craft_wal_status status = {.struct_size = sizeof status};
    struct last_batch last;

    wal_store_init(store, 4096);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 2, 1), 0);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(wal_store_sync(store), 0);
        assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
        assert_int_equal(wal_store_entries(store, 2, 200), 0);
        if (i == 5) {
            assert_int_equal(wal_store_rewrite(store, 4, 1, 40), 0);
        }
    }
    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(craft_wal_prepare(store->wal), 0);
    memset(&last, 0, sizeof last);
    memcpy(last.name, SEGMENT(3), sizeof SEGMENT(3));
    last.offset = (status.segment_offset + 511) / 512 * 512;
    assert_int_equal(status.sequence, 3);
    if (!orderly) {
        memory_files_faults(store->files)->stop_at = 1;
    }
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    memory_files_settle(store->files);
    wal_store_forget(store);
    return last;
}

/* The report is one that a person can act on. */
static void report_names(const struct wal_store *store, const char *name)
{
    assert_string_equal(store->report.file, name);
    assert_non_null(strstr(store->report.text, name));
    assert_non_null(strstr(store->report.text, " at offset "));
    assert_true(store->report.text[strlen(store->report.text) - 1] != ' ');
}

static void must_refuse(struct wal_store *store, int error, const char *name)
{
    int rv = wal_store_open(store);

    if (rv != error) {
        fail_msg("opened with %d instead of %d: %s", rv, error,
                 store->report.text);
    }
    assert_null(store->wal);
    assert_int_equal(store->report.error, error);
    report_names(store, name);
}

/* Open what was damaged at name, offset: refused, or all there, or, where
   `last` allows it, a torn tail. Returns whether it was that. */
static int judge(struct wal_store *store, const struct last_batch *last,
                 const char *name, uint64_t offset)
{
    int rv = wal_store_open(store);

    if (rv != 0) {
        assert_true(rv == CRAFT_WAL_ERR_DAMAGED || rv == CRAFT_WAL_ERR_FOREIGN);
        assert_true(store->report.file[0] != '\0');
        report_names(store, store->report.file);
        return 0;
    }
    if (wal_store_equal(store)) {
        return 0;
    }
    if (last == NULL || strcmp(name, last->name) != 0 ||
        offset < last->offset ||
        !(store->report.flags & CRAFT_WAL_REPORT_TORN)) {
        fail_msg("a log is shorter in silence: %s at %llu", name,
                 (unsigned long long)offset);
    }
    return 1;
}

/* Flip one bit and judge; the files are as they were afterwards. */
static int flip(struct wal_store *store, const struct last_batch *last,
                const char *name, size_t offset, int bit)
{
    struct wal_store fork;
    uint8_t *data;
    size_t len;
    int torn;

    wal_store_fork(store, &fork);
    data = memory_files_data(fork.files, name, &len);
    assert_true(offset < len);
    data[offset] = (uint8_t)(data[offset] ^ (1u << bit));
    memory_files_settle(fork.files);
    torn = judge(&fork, last, name, offset);
    wal_store_free(&fork);
    return torn;
}

/* Flip every bit of what was written, and one of each other byte. */
static int flip_all(struct wal_store *store, const struct last_batch *last,
                    const char *name)
{
    size_t len;
    uint8_t *seen = memory_files_data(store->files, name, &len);
    uint8_t *data = malloc(len);
    int torn = 0;

    assert_non_null(data);
    memcpy(data, seen, len);
    for (size_t i = 0; i < len; i++) {
        int bits = data[i] != 0 || (i > 0 && data[i - 1] != 0) ? 8 : 1;

        for (int bit = 0; bit < bits; bit++) {
            torn += flip(store, last, name, i, bits == 1 ? (int)(i % 8) : bit);
        }
    }
    free(data);
    return torn;
}

/* Scenario (Protocol-Aware Recovery, FAST '18): one bit rots anywhere
   in a store whose process was killed. */
static void any_flipped_bit_is_refused_harmless_or_in_the_last_batch(void **s)
{
    struct wal_store store;
    struct last_batch last = fill(&store, 0);

    (void)s;
    assert_int_equal(flip_all(&store, &last, SEGMENT(1)), 0);
    assert_int_equal(flip_all(&store, &last, SEGMENT(2)), 0);
    assert_true(flip_all(&store, &last, SEGMENT(3)) > 0);
    assert_int_equal(flip_all(&store, &last, SEGMENT(4)), 0);
    assert_int_equal(flip_all(&store, &last, "store"), 0);
    wal_store_free(&store);
}

/* Scenario (nats 7549, rocksdb 12488, tigerbeetle): the same after an
 * orderly close: the mark leaves no bit whose loss could be taken for a torn
 * write. */
static void after_a_close_no_flipped_bit_shortens_the_log(void **state)
{
    struct wal_store store;

    (void)state;
    (void)fill(&store, 1);
    assert_int_equal(flip_all(&store, NULL, SEGMENT(1)), 0);
    assert_int_equal(flip_all(&store, NULL, SEGMENT(3)), 0);
    assert_int_equal(flip_all(&store, NULL, "store"), 0);
    wal_store_free(&store);
}

/* Scenario (nats 7549): r1..r10 synced, a bit of r5 flips. The report names the
   record's own offset and the index that is no longer certain. */
static void damage_is_reported_with_its_place(void **state)
{
    struct wal_store store;
    uint64_t offsets[10];
    uint8_t *data;
    size_t len;

    (void)state;
    wal_store_init(&store, 16384);
    assert_int_equal(wal_store_open(&store), 0);
    for (int i = 0; i < 10; i++) {
        craft_wal_status status = {.struct_size = sizeof status};

        assert_int_equal(craft_wal_status_get(store.wal, &status), 0);
        offsets[i] = (status.segment_offset + 511) / 512 * 512;
        assert_int_equal(wal_store_entries(&store, 1, 60), 0);
        assert_int_equal(wal_store_sync(&store), 0);
    }
    memory_files_faults(store.files)->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_kill(store.files);
    data = memory_files_data(store.files, SEGMENT(1), &len);
    data[offsets[4] + 70] ^= 4;
    memory_files_settle(store.files);
    must_refuse(&store, CRAFT_WAL_ERR_DAMAGED, SEGMENT(1));
    assert_int_equal(store.report.offset, offsets[4]);
    assert_int_equal(store.report.index, 5);
    wal_store_free(&store);
}

/* A store with one synced batch and one that was not; where the latter is. */
static size_t half_synced(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    wal_store_init(store, 8192);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 2, 1), 0);
    assert_int_equal(wal_store_entries(store, 2, 100), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    assert_int_equal(wal_store_entries(store, 1, 700), 0);
    assert_int_equal(wal_store_vote(store, 3, 2), 0);
    assert_int_equal(wal_store_entries(store, 2, 500), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    memory_files_settle(store->files);
    return ((size_t)status.segment_offset + 511) / 512 * 512;
}

/* Nothing lies behind the last record, so nothing can come back. */
static void tail_is_zeroes(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};
    uint8_t *data;
    size_t len;

    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    for (size_t i = (size_t)status.segment_offset; i < len; i++) {
        assert_int_equal(data[i], 0);
    }
}

/* Open a torn store; it goes on, and the second recovery finds all of it. */
static void goes_on(struct wal_store *store)
{
    assert_int_equal(wal_store_open(store), 0);
    assert_true(wal_store_matches(store));
    tail_is_zeroes(store);
    assert_int_equal(wal_store_vote(store, 8, 1), 0);
    assert_int_equal(wal_store_entries(store, 1, 30), 0);
    assert_int_equal(wal_store_sync(store), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_crash(store->files, MEMORY_CRASH_NONE, 0);
    assert_int_equal(wal_store_open(store), 0);
    assert_true(wal_store_matches(store));
}

/* Scenario (raft-wal 10; cqlite 1390): the last batch was not synced. It ends
   at any byte, or any of its sectors is zero or random. */
static void an_unsynced_batch_may_be_torn_anywhere(void **state)
{
    struct wal_store store;
    size_t from = half_synced(&store);
    size_t end = from + 2560;

    (void)state;
    for (size_t cut = from; cut < end; cut++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, SEGMENT(1), &len);
        memset(data + cut, 0, len - cut);
        memory_files_settle(fork.files);
        goes_on(&fork);
        wal_store_free(&fork);
    }
    for (unsigned set = 0; set < 243; set++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;
        unsigned digit = set;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, SEGMENT(1), &len);
        for (size_t at = from; at < end; at += 512, digit /= 3) {
            for (size_t i = 0; i < 512 && digit % 3 != 0; i++) {
                data[at + i] =
                    digit % 3 == 1 ? 0 : (uint8_t)wal_store_random(&fork, 256);
            }
        }
        memory_files_settle(fork.files);
        goes_on(&fork);
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* Scenario (etcd 5230 for preallocated files; rocksdb 12488): a file that is
   shorter than its header says was not cut by a crash. */
static void a_shortened_segment_is_refused_at_every_length(void **state)
{
    struct wal_store store;

    (void)state;
    (void)fill(&store, 0);
    for (size_t keep = 0; keep < 4096; keep += 7) {
        struct wal_store fork;
        uint8_t copy[4096];
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, SEGMENT(3), &len);
        memcpy(copy, data, keep);
        memory_files_put(fork.files, SEGMENT(3), copy, keep);
        must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED,
                    keep < 512 ? fork.report.file : SEGMENT(3));
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* Write [vote], sync, then [entry, vote], and tear the entry. */
static size_t tear_two(struct wal_store *store, uint32_t first_len,
                       uint8_t *old)
{
    craft_wal_status status = {.struct_size = sizeof status};
    size_t from;
    uint8_t *data;
    size_t len;

    wal_store_init(store, 8192);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 2, 1), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    from = ((size_t)status.segment_offset + 511) / 512 * 512;
    store->random = 77;
    assert_int_equal(wal_store_entries(store, 1, first_len), 0);
    assert_int_equal(wal_store_vote(store, 9, 3), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    memcpy(old, data, len);
    data[from + 50] ^= 1;
    memory_files_settle(store->files);
    assert_int_equal(wal_store_open(store), 0);
    assert_true(store->report.flags & CRAFT_WAL_REPORT_TORN);
    assert_true(wal_store_matches(store));
    assert_int_equal(store->model.term, 2);
    return from;
}

/* The zeroes of the recovery never reached the disk: what was torn off is
   still behind the records that were written and synced since. */
static void put_back_and_open(struct wal_store *store, const uint8_t *old)
{
    craft_wal_status status = {.struct_size = sizeof status};
    uint8_t *data;
    size_t len;

    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    assert_int_equal(wal_store_close(store), 0);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    memcpy(data + status.segment_offset, old + status.segment_offset,
           len - (size_t)status.segment_offset);
    memory_files_settle(store->files);
    assert_int_equal(wal_store_open(store), 0);
    assert_true(wal_store_equal(store));
    assert_int_equal(wal_store_entries(store, 1, 61), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_true(wal_store_equal(store));
}

/* Scenario (rocksdb 12488, redisraft 39c65d4): r4 r5 are torn off, an
   r4' takes their place, and the old r5 stands exactly where the record after
   r4' would. */
static void stale_records_do_not_come_back(void **state)
{
    struct wal_store store;
    uint8_t old[8192];

    (void)state;
    (void)tear_two(&store, 144, old);
    /* 40 bytes go to the record that begins this life. */
    assert_int_equal(wal_store_entries(&store, 1, 104), 0);
    put_back_and_open(&store, old);
    wal_store_free(&store);
}

/* Scenario (rocksdb 12488): the same record is written again, bit for bit,
 * so that the old r5 names the check of its predecessor: it must not follow
 * either. */
static void a_record_written_again_does_not_bring_back_the_next(void **state)
{
    struct wal_store store;
    uint8_t old[8192];

    (void)state;
    (void)tear_two(&store, 144, old);
    store.random = 77;
    assert_int_equal(wal_store_entries(&store, 1, 144), 0);
    put_back_and_open(&store, old);
    wal_store_free(&store);
}

/* Scenario (tigerbeetle): a segment from another history of the same store,
 * which parted when a copy of its directory was taken. */
static void a_segment_of_another_history_is_refused(void **state)
{
    struct wal_store store;
    struct wal_store fork;
    size_t len;
    uint8_t *data;
    uint8_t copy[4096];

    (void)state;
    (void)fill(&store, 1);
    wal_store_fork(&store, &fork);
    fork.random = 99;
    for (int i = 0; i < 2; i++) {
        struct wal_store *each = i == 0 ? &store : &fork;

        assert_int_equal(wal_store_open(each), 0);
        for (int j = 0; j < 8; j++) {
            assert_int_equal(wal_store_entries(each, 1, 400), 0);
        }
        assert_int_equal(wal_store_close(each), 0);
    }
    data = memory_files_data(fork.files, SEGMENT(4), &len);
    assert_int_equal(len, sizeof copy);
    memcpy(copy, data, len);
    memory_files_put(store.files, SEGMENT(4), copy, len);
    must_refuse(&store, CRAFT_WAL_ERR_DAMAGED, SEGMENT(4));
    wal_store_free(&fork);
    wal_store_free(&store);
}

/* A store whose third segment has a first batch that was not synced. */
static void begin_third(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    wal_store_init(store, 4096);
    assert_int_equal(wal_store_open(store), 0);
    assert_int_equal(wal_store_vote(store, 2, 1), 0);
    while (status.sequence < 3) {
        assert_int_equal(wal_store_entries(store, 1, 300), 0);
        assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
        if (status.sequence == 3) {
            store->synced = store->states_len - 2;
        }
    }
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    memory_files_settle(store->files);
}

/* Scenario (logcabin 191, redisraft 46a6ad0): of the first batch of a
 * segment the header reached the disk, the rest did not. It begins anew,
 * with the term and the vote. */
static void a_torn_beginning_of_a_segment_is_begun_anew(void **state)
{
    struct wal_store store;
    uint8_t *data;
    size_t len;

    (void)state;
    begin_third(&store);
    data = memory_files_data(store.files, SEGMENT(3), &len);
    memset(data + 512, 0, 512);
    memory_files_settle(store.files);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(store.report.flags & CRAFT_WAL_REPORT_TORN);
    assert_string_equal(store.report.file, SEGMENT(3));
    assert_true(wal_store_matches(&store));
    assert_int_equal(wal_store_entries(&store, 1, 300), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    data = memory_files_data(store.files, SEGMENT(3), &len);
    assert_int_equal(craft_load32(data + 512 + 20), CRAFT_WAL_RECORD_BEGIN);
    assert_int_equal(craft_load64(data + 512 + 32), 2);
    assert_int_equal(wal_store_close(&store), 0);
    assert_int_equal(wal_store_open(&store), 0);
    assert_true(wal_store_equal(&store));
    wal_store_free(&store);
}

/* Scenario (rocksdb 12488): the last segment is gone. The one before says
 * that it was sealed, which is not done before its successor has a durable
 * name. */
static void a_lost_last_segment_is_missed(void **state)
{
    struct wal_store store;

    (void)state;
    begin_third(&store);
    memory_files_remove(store.files, SEGMENT(3));
    must_refuse(&store, CRAFT_WAL_ERR_DAMAGED, SEGMENT(3));
    wal_store_free(&store);
}

/* Scenario (tigerbeetle): a record's bytes stand where another's should
   be, with right checksums. */
static void a_misdirected_record_is_refused(void **state)
{
    struct wal_store store;
    uint64_t from;
    uint8_t *data;
    size_t len;

    (void)state;
    from = fill(&store, 0).offset;
    data = memory_files_data(store.files, SEGMENT(3), &len);
    assert_true(from >= 512 + 1024);
    memcpy(data + from - 1024, data + from, 512);
    memory_files_settle(store.files);
    must_refuse(&store, CRAFT_WAL_ERR_DAMAGED, SEGMENT(3));
    wal_store_free(&store);
}

static void copy_file(memory_files *to, const char *new_name,
                      memory_files *from, const char *name)
{
    size_t len;
    uint8_t *data = memory_files_data(from, name, &len);
    uint8_t *copy = malloc(len + 1);

    assert_non_null(data);
    assert_non_null(copy);
    memcpy(copy, data, len);
    memory_files_put(to, new_name, copy, len);
    free(copy);
}

/* Scenario (etcd 9143bef42; tigerbeetle): segments are missing, doubled,
   exchanged, or of another store. */
static void segments_out_of_order_are_refused(void **state)
{
    static const char *const names[3] = {SEGMENT(1), SEGMENT(2), SEGMENT(3)};
    struct wal_store store;
    struct wal_store other;
    struct wal_store fork;

    (void)state;
    (void)fill(&store, 0);
    (void)fill(&other, 0);
    memory_files_free(other.files);
    other.files = memory_files_new();
    {
        uint64_t draw;

        (void)memory_files_table()->random(other.files, &draw, sizeof draw);
    }
    other.random = 5;
    assert_int_equal(wal_store_open(&other), 0);
    assert_int_equal(wal_store_close(&other), 0);
    for (int i = 0; i < 3; i++) {
        wal_store_fork(&store, &fork);
        memory_files_remove(fork.files, names[i]);
        must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, names[i]);
        wal_store_free(&fork);

        wal_store_fork(&store, &fork);
        copy_file(fork.files, names[i], fork.files, names[(i + 1) % 3]);
        must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, names[i]);
        wal_store_free(&fork);

        wal_store_fork(&store, &fork);
        copy_file(fork.files, names[i], other.files, SEGMENT(1));
        must_refuse(&fork, CRAFT_WAL_ERR_FOREIGN, names[i]);
        wal_store_free(&fork);
    }
    wal_store_fork(&store, &fork);
    copy_file(fork.files, SEGMENT(4), fork.files, SEGMENT(3));
    must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, SEGMENT(4));
    wal_store_free(&fork);
    wal_store_fork(&store, &fork);
    copy_file(fork.files, SEGMENT(6), fork.files, SEGMENT(3));
    must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, SEGMENT(6));
    wal_store_free(&fork);
    wal_store_free(&store);
    wal_store_free(&other);
}

/* Scenario (memgraph 4528): everything but the identity is gone, or the
   identity itself. */
static void a_lost_log_is_not_a_new_one(void **state)
{
    struct wal_store store;
    struct wal_store fork;

    (void)state;
    (void)fill(&store, 1);
    wal_store_fork(&store, &fork);
    for (const char *name; (name = memory_files_name(fork.files, 0)) != NULL;) {
        if (strcmp(name, "store") == 0) {
            name = memory_files_name(fork.files, 1);
            if (name == NULL) {
                break;
            }
        }
        memory_files_remove(fork.files, name);
    }
    must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, SEGMENT(1));
    wal_store_free(&fork);
    wal_store_fork(&store, &fork);
    memory_files_remove(fork.files, "store");
    must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, "store");
    wal_store_free(&fork);
    wal_store_fork(&store, &fork);
    memory_files_put(fork.files, "store", NULL, 0);
    must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, "store");
    wal_store_free(&fork);
    wal_store_free(&store);
}

/* Scenario (logcabin 191): the last segment is empty, or zeroes: a
   crash right after it was made. In the middle that is damage. */
static void an_empty_last_segment_is_used(void **state)
{
    static const uint8_t zeroes[4096];
    static const size_t lens[4] = {0, 512, 4096, 100};
    struct wal_store store;

    (void)state;
    (void)fill(&store, 0);
    for (int i = 0; i < 4; i++) {
        struct wal_store fork;

        wal_store_fork(&store, &fork);
        memory_files_put(fork.files, SEGMENT(4), zeroes, lens[i]);
        assert_int_equal(wal_store_open(&fork), 0);
        assert_true(wal_store_equal(&fork));
        for (int j = 0; j < 20; j++) {
            assert_int_equal(wal_store_entries(&fork, 1, 300), 0);
        }
        assert_int_equal(wal_store_close(&fork), 0);
        assert_int_equal(wal_store_open(&fork), 0);
        assert_true(wal_store_equal(&fork));
        wal_store_free(&fork);

        wal_store_fork(&store, &fork);
        memory_files_put(fork.files, SEGMENT(2), zeroes, lens[i]);
        must_refuse(&fork, CRAFT_WAL_ERR_DAMAGED, SEGMENT(2));
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

/* Scenario (etcd c716d764d, oss-fuzz 44433): lengths that no record has
   where the next record would be. */
static void absurd_lengths_are_not_believed(void **state)
{
    static const uint32_t lengths[6] = {0xffffffffu, 0xfffffff8u, 0x80000000u,
                                        4096,        8,           0};
    struct wal_store store;
    size_t from = half_synced(&store);

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct wal_store fork;
        uint8_t *data;
        size_t len;

        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, SEGMENT(1), &len);
        craft_store32(data + from + 12, lengths[i]);
        memory_files_settle(fork.files);
        goes_on(&fork);
        wal_store_free(&fork);

        /* And with a right checksum of the header. */
        wal_store_fork(&store, &fork);
        data = memory_files_data(fork.files, SEGMENT(1), &len);
        craft_store32(data + from + 12, lengths[i]);
        craft_store32(data + from,
                      craft_crc32c(craft_wal_seed(craft_load64(data + 16), 1) ^
                                       (uint32_t)from,
                                   data + from + 4, 28));
        memory_files_settle(fork.files);
        goes_on(&fork);
        wal_store_free(&fork);
    }
    wal_store_free(&store);
}

static void versions_and_groups_are_told(void **state)
{
    struct wal_store store;
    struct wal_store fork;
    uint8_t *data;
    size_t len;

    (void)state;
    (void)fill(&store, 1);
    store.options.group = 8;
    must_refuse(&store, CRAFT_WAL_ERR_GROUP, SEGMENT(1));
    store.options.group = 7;

    wal_store_fork(&store, &fork);
    data = memory_files_data(fork.files, SEGMENT(2), &len);
    craft_store32(data + 12, CRAFT_WAL_FORMAT_VERSION + 1);
    craft_store32(data + 8, craft_crc32c(0, data + 12, 500));
    memory_files_settle(fork.files);
    must_refuse(&fork, CRAFT_WAL_ERR_VERSION, SEGMENT(2));
    wal_store_free(&fork);

    wal_store_fork(&store, &fork);
    data = memory_files_data(fork.files, SEGMENT(1), &len);
    craft_store32(data + 512 + 20, CRAFT_WAL_RECORD_BEGIN | 1u << 30);
    craft_store32(data + 512,
                  craft_crc32c(craft_wal_seed(craft_load64(data + 16), 1) ^ 512,
                               data + 512 + 4, 28));
    memory_files_settle(fork.files);
    must_refuse(&fork, CRAFT_WAL_ERR_VERSION, SEGMENT(1));
    wal_store_free(&fork);
    wal_store_free(&store);
}

/* Scenario (PITFALLS choice 7): what rots while the store is open is found by
   the read, which hands out nothing of it. */
static void rot_under_an_open_store_is_found_by_the_read(void **state)
{
    struct wal_store store;
    craft_wal_report report = {.struct_size = sizeof report};
    uint8_t buffer[4096];
    craft_entry entries[8];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 8,
                             .data = buffer,
                             .data_max = sizeof buffer};
    uint8_t *data;
    size_t len;

    (void)state;
    (void)fill(&store, 1);
    assert_int_equal(wal_store_open(&store), 0);
    data = memory_files_data(store.files, SEGMENT(1), &len);
    data[1600] ^= 1;
    assert_int_equal(craft_wal_read(store.wal, 1, &batch),
                     CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(batch.entries_len, 0);
    assert_int_equal(craft_wal_last_report(store.wal, &report), 0);
    assert_string_equal(report.file, SEGMENT(1));
    wal_store_free(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            any_flipped_bit_is_refused_harmless_or_in_the_last_batch),
        cmocka_unit_test(after_a_close_no_flipped_bit_shortens_the_log),
        cmocka_unit_test(damage_is_reported_with_its_place),
        cmocka_unit_test(an_unsynced_batch_may_be_torn_anywhere),
        cmocka_unit_test(a_shortened_segment_is_refused_at_every_length),
        cmocka_unit_test(stale_records_do_not_come_back),
        cmocka_unit_test(a_record_written_again_does_not_bring_back_the_next),
        cmocka_unit_test(a_segment_of_another_history_is_refused),
        cmocka_unit_test(a_torn_beginning_of_a_segment_is_begun_anew),
        cmocka_unit_test(a_lost_last_segment_is_missed),
        cmocka_unit_test(a_misdirected_record_is_refused),
        cmocka_unit_test(segments_out_of_order_are_refused),
        cmocka_unit_test(a_lost_log_is_not_a_new_one),
        cmocka_unit_test(an_empty_last_segment_is_used),
        cmocka_unit_test(absurd_lengths_are_not_believed),
        cmocka_unit_test(versions_and_groups_are_told),
        cmocka_unit_test(rot_under_an_open_store_is_found_by_the_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
