/* log: terms, batches, eviction, memory; see also test_log_model.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "log/log.h"
#include "test_memory.h"

#define SPARE_MAX ((size_t)64 * 1024)

/* Append an entry as a leader does its own, with the token. */
static void append_entry(struct craft_log *log, const craft_entry *entry)
{
    craft_command command = {entry->data, entry->data_len, entry->token};

    craft_log_append_own(log, entry->term, entry->kind, &command);
}

/* Evict up to limit what is over bytes_max. */
static void evict_to(struct craft_log *log, craft_index limit,
                     uint64_t bytes_max)
{
    log->cache_bytes_max = bytes_max;
    craft_log_evict(log, limit);
    craft_log_keep(log, 0);
}

struct fixture {
    struct test_memory memory;
    craft_allocator allocator;
    struct craft_log log;
};

static uint8_t bytes[512 * 1024];

static void open_log(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->allocator = test_memory_allocator(&fixture->memory);
    craft_log_init(&fixture->log, &fixture->allocator, SPARE_MAX);
}

static void close_log(struct fixture *fixture)
{
    assert_null(craft_log_check(&fixture->log));
    craft_log_free(&fixture->log);
    assert_int_equal(fixture->memory.blocks, 0);
}

static void append(struct craft_log *log, craft_term term, size_t data_len)
{
    craft_entry entry;

    memset(&entry, 0, sizeof entry);
    entry.term = term;
    entry.token = log->last + 1;
    entry.kind = CRAFT_ENTRY_COMMAND;
    entry.data = data_len > 0 ? bytes : NULL;
    entry.data_len = data_len;
    assert_int_equal(craft_log_reserve(log, 1, craft_log_space(data_len), 1),
                     0);
    append_entry(log, &entry);
}

static void append_many(struct craft_log *log, size_t len, size_t data_len)
{
    for (size_t i = 0; i < len; i++) {
        append(log, 1, data_len);
    }
}

/* etcd 8746360b: no sum of an empty log goes below zero. */
static void an_empty_log_has_no_last_entry(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    assert_int_equal(f.log.first, 1);
    assert_int_equal(f.log.last, 0);
    assert_int_equal(craft_log_term(&f.log, 0), 0);
    assert_int_equal(craft_log_bytes_after(&f.log, 0), 0);
    assert_int_equal(craft_log_last_at_most(&f.log, 100, 100), 0);
    evict_to(&f.log, 0, 0);
    craft_log_reclaim(&f.log, UINT64_MAX, UINT64_MAX);
    assert_int_equal(f.memory.allocations, 0);
    close_log(&f);
}

static void an_entry_stands_as_it_was_appended(void **state)
{
    struct fixture f;
    const craft_entry *entry;

    (void)state;
    open_log(&f);
    append(&f.log, 3, 5);
    append(&f.log, 4, 0);
    entry = craft_log_entry(&f.log, 1);
    assert_int_equal(entry->index, 1);
    assert_int_equal(entry->term, 3);
    assert_int_equal(entry->token, 1);
    assert_int_equal(entry->kind, CRAFT_ENTRY_COMMAND);
    assert_int_equal(entry->reserved, 0);
    assert_int_equal(entry->data_len, 5);
    assert_true(entry->data != bytes);
    entry = craft_log_entry(&f.log, 2);
    assert_int_equal(entry->data_len, 0);
    assert_int_equal(craft_log_bytes_after(&f.log, 0),
                     2 * CRAFT_ENTRY_OVERHEAD + 5);
    assert_int_equal(craft_log_bytes_after(&f.log, 1), CRAFT_ENTRY_OVERHEAD);
    close_log(&f);
}

static void assert_last_at_most(const struct craft_log *log,
                                const craft_term *terms, craft_index limit)
{
    for (craft_term term = 0; term <= 11; term++) {
        craft_index want = limit < log->last ? limit : log->last;

        while (want > 0 && terms[want - 1] > term) {
            want--;
        }
        assert_int_equal(craft_log_last_at_most(log, limit, term), want);
    }
}

/* Thesis 3.5: hints skip whole terms; wrong ones would cost a round each. */
static void last_at_most_is_the_definition(void **state)
{
    static const craft_term terms[] = {1, 1, 3, 3, 3, 6, 7, 7, 9, 9};
    struct fixture f;

    (void)state;
    open_log(&f);
    for (size_t len = 0; len <= 10; len++) {
        if (len > 0) {
            append(&f.log, terms[len - 1], 1);
        }
        for (craft_index limit = 0; limit <= 12; limit++) {
            assert_last_at_most(&f.log, terms, limit);
        }
    }
    close_log(&f);
}

/* -------------------------------------------------------------- batches */

static void a_batch_holds_one_entry_at_least(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 4, 100);
    assert_int_equal(craft_log_batch(&f.log, 2, 4, 0), 2);
    assert_int_equal(craft_log_batch(&f.log, 2, 4, 1), 2);
    assert_int_equal(craft_log_batch(&f.log, 4, 4, 0), 4);
    close_log(&f);
}

static void a_batch_counts_data_and_overhead(void **state)
{
    const uint64_t one = 100 + CRAFT_ENTRY_OVERHEAD;
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 3, 100);
    for (uint64_t room = one; room < 4 * one; room++) {
        craft_index want = room / one < 3 ? room / one : 3;

        assert_int_equal(craft_log_batch(&f.log, 1, 3, room), want);
    }
    assert_int_equal(craft_log_batch(&f.log, 1, 2, UINT64_MAX / 2), 2);
    close_log(&f);
}

static void assert_batches(const struct craft_log *log, craft_index from,
                           craft_index to)
{
    for (uint64_t room = 0; room < 1600; room += 23) {
        uint64_t limit = craft_log_end(log, from - 1) + room;
        craft_index want = from;

        while (want < to && craft_log_end(log, want + 1) <= limit) {
            want++;
        }
        assert_int_equal(craft_log_batch(log, from, to, room), want);
    }
}

/* Entries 1 .. last with sizes that differ, every from, to and limit. */
static void a_batch_is_the_longest_within_its_limit(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    for (size_t i = 0; i < 13; i++) {
        append(&f.log, 1, (i * 37) % 50);
    }
    for (craft_index from = 1; from <= 13; from++) {
        for (craft_index to = from; to <= 13; to++) {
            assert_batches(&f.log, from, to);
        }
    }
    close_log(&f);
}

/* The array is a ring: what is lent is contiguous, so a batch ends there. */
static void a_batch_ends_where_the_array_wraps(void **state)
{
    struct fixture f;
    craft_index last;
    uint64_t slots;

    (void)state;
    open_log(&f);
    append_many(&f.log, 40, 100);
    for (int i = 0; i < 40; i++) {
        evict_to(&f.log, f.log.last, 0);
        append_many(&f.log, 1, 100);
    }
    append_many(&f.log, 10, 100);
    slots = f.log.mask + 1;
    for (craft_index from = f.log.first; from <= f.log.last; from++) {
        last = craft_log_batch(&f.log, from, f.log.last, UINT64_MAX / 2);
        assert_true(last == f.log.last || (last + 1) % slots == 0);
        for (craft_index i = from; i <= last; i++) {
            assert_ptr_equal(craft_log_entry(&f.log, from) + (i - from),
                             craft_log_entry(&f.log, i));
        }
    }
    close_log(&f);
}

/* --------------------------------------------------------------- memory */

static void eviction_stops_at_the_limit_and_at_the_bytes(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 1000, 100);
    evict_to(&f.log, 0, 0);
    assert_int_equal(f.log.first, 1);
    evict_to(&f.log, 1000, 1000 * (100 + CRAFT_ENTRY_OVERHEAD));
    assert_int_equal(f.log.first, 1);
    evict_to(&f.log, 600, 0);
    assert_in_range(f.log.first, 2, 601);
    assert_int_equal(craft_log_term(&f.log, 1), 1);
    evict_to(&f.log, 1000, 0);
    assert_ptr_equal(f.log.oldest, f.log.newest); /* it is being filled */
    assert_int_equal(f.log.last, 1000);
    close_log(&f);
}

/* Append, lend, evict, end: as a log does that has found its size. */
static void steady_state_allocates_nothing(void **state)
{
    struct fixture f;
    size_t before = 0;

    (void)state;
    open_log(&f);
    for (int i = 0; i < 20000; i++) {
        uint64_t era = f.log.era; /* of the write before, still out */

        append_many(&f.log, 3, (size_t)(i * 7 % 200));
        evict_to(&f.log, f.log.last - 3, 20000);
        craft_log_reclaim(&f.log, era, era);
        if (i == 5000) {
            before = f.memory.allocations;
        }
    }
    assert_int_equal(f.memory.allocations, before);
    close_log(&f);
}

/* etcd 101ac57: a burst leaves no more behind than was agreed. */
static void memory_after_a_burst_is_bounded(void **state)
{
    struct fixture f;
    size_t segment = 70000;

    (void)state;
    open_log(&f);
    append_many(&f.log, 4000, 1000);
    assert_true(f.memory.bytes > 4000u * 1000u);
    evict_to(&f.log, f.log.last, 0);
    craft_log_reclaim(&f.log, UINT64_MAX, UINT64_MAX);
    assert_true(f.log.spare_room <= SPARE_MAX);
    assert_true(f.memory.bytes <
                SPARE_MAX + segment + 4096 * 80 /* array */ + 4096);
    assert_null(f.log.retired.first);
    close_log(&f);
}

static void an_entry_larger_than_a_segment_has_its_own(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append(&f.log, 1, 10);
    append(&f.log, 1, sizeof bytes);
    append(&f.log, 1, 10);
    assert_memory_equal(craft_log_entry(&f.log, 2)->data, bytes, sizeof bytes);
    assert_true(f.memory.bytes < sizeof bytes + 200000);
    close_log(&f);
}

static void empty_entries_need_no_data(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 10000, 0);
    assert_int_equal(craft_log_bytes_after(&f.log, 0),
                     10000 * CRAFT_ENTRY_OVERHEAD);
    evict_to(&f.log, 10000, 0);
    assert_true(f.log.first > 1);
    close_log(&f);
}

static void a_reservation_holds_until_the_next_append(void **state)
{
    struct fixture f;
    craft_entry entry;

    (void)state;
    open_log(&f);
    append_many(&f.log, 100, 100);
    assert_int_equal(
        craft_log_reserve(&f.log, 50, 50 * craft_log_space(1000), 50), 0);
    evict_to(&f.log, 100, 0);
    craft_log_reclaim(&f.log, UINT64_MAX, UINT64_MAX);
    f.memory.sealed = true;
    for (craft_term term = 2; term < 52; term++) {
        memset(&entry, 0, sizeof entry);
        entry.term = term;
        entry.kind = CRAFT_ENTRY_COMMAND;
        entry.data = bytes;
        entry.data_len = 1000;
        append_entry(&f.log, &entry);
    }
    assert_int_equal(f.log.last, 150);
    f.memory.sealed = false;
    close_log(&f);
}

/* No size wraps, whatever is asked for. */
static void absurd_reservations_are_refused(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 3, 10);
    assert_int_equal(craft_log_reserve(&f.log, SIZE_MAX, 8, 1),
                     CRAFT_ERR_NOMEM);
    assert_int_equal(craft_log_reserve(&f.log, SIZE_MAX / 256, 8, 1),
                     CRAFT_ERR_NOMEM);
    f.memory.fail_all = true;
    assert_int_equal(craft_log_reserve(&f.log, 1, SIZE_MAX, 1),
                     CRAFT_ERR_NOMEM);
    assert_int_equal(craft_log_reserve(&f.log, 1, SIZE_MAX - 7, 1),
                     CRAFT_ERR_NOMEM);
    assert_int_equal(craft_log_reserve(&f.log, 1, 8, UINT32_MAX),
                     CRAFT_ERR_NOMEM);
    f.memory.fail_all = false;
    append_many(&f.log, 3, 10);
    close_log(&f);
}

static uint32_t contents(const struct craft_log *log)
{
    uint32_t crc = craft_crc32c(0, &log->last, sizeof log->last);

    crc = craft_crc32c(crc, &log->first, sizeof log->first);
    for (craft_index i = 1; i <= log->last; i++) {
        craft_term term = craft_log_term(log, i);

        crc = craft_crc32c(crc, &term, sizeof term);
    }
    for (craft_index i = log->first; i <= log->last; i++) {
        const craft_entry *entry = craft_log_entry(log, i);
        uint64_t end = craft_log_end(log, i);

        crc = craft_crc32c(crc, &end, sizeof end);
        crc = craft_crc32c(crc, &entry->token, sizeof entry->token);
        crc = craft_crc32c(crc, entry->data, entry->data_len);
    }
    return crc;
}

static int reserve_all(struct craft_log *log, size_t entries)
{
    int rv = craft_log_reserve(log, entries, entries * 5000, entries);

    return rv != 0 ? rv : craft_log_reserve_fresh(log, entries);
}

/* willemt e34e4e6: for every allocation that can fail. */
static void a_refused_reservation_leaves_the_log_as_it_was(void **state)
{
    struct fixture f;
    size_t refused = 0;
    int rv = CRAFT_ERR_NOMEM;

    (void)state;
    for (size_t k = 1; rv != 0; k++) {
        uint32_t before;

        open_log(&f);
        append_many(&f.log, 30, 100);
        append(&f.log, 2, 100);
        before = contents(&f.log);
        f.memory.fail_at = f.memory.allocations + k;
        rv = reserve_all(&f.log, 100);
        refused += rv != 0;
        assert_true(rv == 0 || rv == CRAFT_ERR_NOMEM);
        assert_int_equal(contents(&f.log), before);
        assert_null(craft_log_check(&f.log));
        f.memory.fail_at = 0;
        assert_int_equal(reserve_all(&f.log, 100), 0);
        append(&f.log, 3, 5000);
        close_log(&f);
    }
    assert_int_equal(refused, 4); /* array, runs, segment, fresh array */
}

/* Several truncations before anybody has looked: the lowest one counts, since
 * what was appended between them is not what was there before. */
static void the_lowest_truncation_counts(void **state)
{
    struct fixture f;

    (void)state;
    open_log(&f);
    append_many(&f.log, 10, 8);
    craft_log_truncate(&f.log, 8, false);
    assert_int_equal(f.log.truncated_from, 8);
    craft_log_truncate(&f.log, 4, false);
    assert_int_equal(f.log.truncated_from, 4);
    append_many(&f.log, 5, 8);
    craft_log_truncate(&f.log, 7, false);
    assert_int_equal(f.log.truncated_from, 4);
    assert_int_equal(f.log.last, 6);
    close_log(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_log_has_no_last_entry),
        cmocka_unit_test(an_entry_stands_as_it_was_appended),
        cmocka_unit_test(last_at_most_is_the_definition),
        cmocka_unit_test(a_batch_holds_one_entry_at_least),
        cmocka_unit_test(a_batch_counts_data_and_overhead),
        cmocka_unit_test(a_batch_is_the_longest_within_its_limit),
        cmocka_unit_test(a_batch_ends_where_the_array_wraps),
        cmocka_unit_test(eviction_stops_at_the_limit_and_at_the_bytes),
        cmocka_unit_test(steady_state_allocates_nothing),
        cmocka_unit_test(memory_after_a_burst_is_bounded),
        cmocka_unit_test(an_entry_larger_than_a_segment_has_its_own),
        cmocka_unit_test(empty_entries_need_no_data),
        cmocka_unit_test(a_reservation_holds_until_the_next_append),
        cmocka_unit_test(absurd_reservations_are_refused),
        cmocka_unit_test(a_refused_reservation_leaves_the_log_as_it_was),
        cmocka_unit_test(the_lowest_truncation_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
