/*
 * A store that is only looked at: while another process writes it, when its end
 * is torn, when it is damaged, when there is none. Nothing is changed by it.
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

#include "wal_store.h"

#define SEGMENT(n) "000000000000000" #n ".wal"

/* What a look gave. */
struct look {
    craft_wal *wal;
    craft_wal_report report;
};

static int look(const struct wal_store *store, uint32_t flags,
                const craft_wal_visitor *visitor, struct look *look)
{
    craft_wal_options options = store->options;

    options.flags = CRAFT_WAL_READ_ONLY | flags;
    options.visitor = visitor;
    options.group = 0; /* not known to whoever looks */
    memset(look, 0, sizeof *look);
    look->report.struct_size = sizeof look->report;
    return craft_wal_open(&options, &look->wal, &look->report);
}

static uint64_t changes(const struct wal_store *store)
{
    uint64_t calls = 0;

    for (int kind = 0; kind < MEMORY_CALL_KIND_END; kind++) {
        if (kind == MEMORY_CALL_WRITE || kind == MEMORY_CALL_SYNC ||
            kind == MEMORY_CALL_RENAME || kind == MEMORY_CALL_UNLINK ||
            kind == MEMORY_CALL_SYNC_DIRECTORY) {
            calls +=
                memory_files_calls_of(store->files, (enum memory_call)kind);
        }
    }
    return calls;
}

static void begin(struct wal_store *store, uint64_t seed)
{
    wal_store_init(store, 4096);
    store->random = seed;
    assert_int_equal(wal_store_open(store), 0);
}

static void a_store_in_use_is_read_and_left_alone(void **state)
{
    craft_wal_status status = {.struct_size = sizeof status};
    struct wal_store store;
    struct look seen;
    uint64_t before;

    (void)state;
    begin(&store, 1);
    assert_int_equal(wal_store_vote(&store, 3, 2), 0);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(wal_store_entries(&store, 2, 200), 0);
        assert_int_equal(wal_store_sync(&store), 0);
    }
    before = changes(&store);
    assert_int_equal(look(&store, 0, NULL, &seen), 0);
    assert_int_equal(seen.report.flags, 0);
    assert_true(wal_store_holds(&store, seen.wal, store.states_len - 1));
    assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
    assert_int_equal(status.last_index, 24);
    assert_int_equal(status.durable_index, 24);
    assert_int_equal(status.group, 7);
    assert_true(status.sequence > 1);
    assert_int_equal(craft_wal_wants(seen.wal), 0);
    assert_int_equal(changes(&store), before);
    /* It stays as it was found, whatever the writer does. */
    assert_int_equal(wal_store_rewrite(&store, 3, 1, 10), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_true(wal_store_holds(&store, seen.wal, store.states_len - 2));
    assert_false(wal_store_holds(&store, seen.wal, store.states_len - 1));
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

static void whoever_looks_cannot_write(void **state)
{
    craft_persist record = {.flags = CRAFT_PERSIST_HARD_STATE, .term = 9};
    struct wal_store store;
    struct look seen;

    (void)state;
    begin(&store, 1);
    assert_int_equal(look(&store, 0, NULL, &seen), 0);
    assert_int_equal(craft_wal_append(seen.wal, &record, 1, NULL),
                     CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_sync(seen.wal), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_prepare(seen.wal), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_mark(seen.wal), CRAFT_WAL_ERR_INVALID);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

/* --------------------------------------------------------------- visitors */

struct seen_records {
    size_t records;
    size_t entries;
    uint32_t flags; /* of all of them */
    craft_index next;
    craft_term term;
    craft_index snapshot;
    craft_index keep_from;
    uint64_t sequence;
    uint64_t end;
    int out_of_order;
};

static void see_record(void *ctx, const craft_wal_item *item)
{
    struct seen_records *seen = ctx;

    if (item->struct_size != sizeof *item || item->group != 7 ||
        item->sequence < seen->sequence ||
        (item->sequence == seen->sequence && item->offset < seen->end)) {
        seen->out_of_order = 1;
    }
    if (item->flags & CRAFT_WAL_ITEM_TRUNCATE) {
        seen->next = item->truncate_from;
    }
    if (item->flags & CRAFT_WAL_ITEM_ENTRIES &&
        item->first_index != seen->next) {
        seen->out_of_order = 1;
    }
    if (item->flags & CRAFT_WAL_ITEM_SNAPSHOT) {
        seen->snapshot = item->snapshot->index;
    }
    if (item->flags & CRAFT_WAL_ITEM_COMPACT) {
        seen->keep_from = item->keep_from;
    }
    if (item->flags & CRAFT_WAL_ITEM_STATE) {
        seen->term = item->term;
    }
    seen->records++;
    seen->flags |= item->flags;
    seen->sequence = item->sequence;
    seen->end = item->offset + item->length;
}

static void see_entry(void *ctx, const craft_entry *entry)
{
    struct seen_records *seen = ctx;

    if (entry->index != seen->next) {
        seen->out_of_order = 1;
    }
    seen->next = entry->index + 1;
    seen->entries++;
}

static const uint32_t all_flags =
    CRAFT_WAL_ITEM_STATE | CRAFT_WAL_ITEM_TRUNCATE | CRAFT_WAL_ITEM_ENTRIES |
    CRAFT_WAL_ITEM_BEGIN | CRAFT_WAL_ITEM_SEAL | CRAFT_WAL_ITEM_LIFE |
    CRAFT_WAL_ITEM_SNAPSHOT | CRAFT_WAL_ITEM_COMPACT;

static void a_visitor_sees_every_record_in_order(void **state)
{
    struct seen_records seen = {.next = 1};
    craft_wal_visitor visitor = {.struct_size = sizeof visitor,
                                 .ctx = &seen,
                                 .record = see_record,
                                 .entry = see_entry};
    struct wal_store store;
    struct look looked;

    (void)state;
    begin(&store, 1);
    assert_int_equal(wal_store_vote(&store, 3, 2), 0);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(wal_store_entries(&store, 3, 200), 0);
    }
    assert_int_equal(wal_store_rewrite(&store, 5, 2, 20), 0);
    assert_int_equal(wal_store_snapshot(&store, 3, 2, 30), 0);
    assert_int_equal(wal_store_sync(&store), 0);
    assert_int_equal(look(&store, 0, &visitor, &looked), 0);
    assert_int_equal(craft_wal_close(looked.wal), 0);
    assert_false(seen.out_of_order);
    assert_int_equal(seen.flags, all_flags);
    assert_int_equal(seen.term, 3);
    assert_int_equal(seen.entries, 20);
    assert_int_equal(seen.next, 7);
    assert_int_equal(seen.snapshot, 3);
    assert_int_equal(seen.keep_from, 2);
    /* A vote, six appends, a truncation, a snapshot; a life; a begin for each
       segment and a seal for each but the last. */
    assert_int_equal(seen.records, 9 + 1 + 2 * seen.sequence - 1);
    /* Whoever opens the store to write sees the same. */
    assert_int_equal(wal_store_close(&store), 0);
    memset(&seen, 0, sizeof seen);
    seen.next = 1;
    visitor.entry = NULL;
    store.options.visitor = &visitor;
    assert_int_equal(wal_store_open(&store), 0);
    assert_int_equal(seen.records, 9 + 1 + 2 * seen.sequence - 1);
    assert_int_equal(seen.entries, 0);
    wal_store_free(&store);
}

/* ------------------------------------------------------- nothing, or torn */

static void where_there_is_no_store_it_says_so(void **state)
{
    struct wal_store store;
    struct look seen;

    (void)state;
    wal_store_init(&store, 4096);
    assert_int_equal(look(&store, 0, NULL, &seen), CRAFT_WAL_ERR_IO);
    assert_int_equal(seen.report.system_error, ENOENT);
    assert_non_null(strstr(seen.report.text, "no store"));
    assert_null(seen.wal);
    assert_int_equal(changes(&store), 0);
    wal_store_free(&store);
}

/* A crash while it was made: the identity is there and no segment. */
static void a_store_that_was_never_finished_is_empty(void **state)
{
    craft_restore restore = {.struct_size = sizeof restore};
    struct wal_store store;
    struct look seen;

    (void)state;
    begin(&store, 1);
    memory_files_faults(store.files)->stop_at = 1;
    (void)wal_store_close(&store);
    memory_files_kill(store.files);
    memory_files_remove(store.files, SEGMENT(1));
    assert_int_equal(look(&store, 0, NULL, &seen), 0);
    assert_int_equal(craft_wal_read_state(seen.wal, &restore), 0);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

/* A store whose last batch was never synced, and of which a part is wrong. */
static void tear(struct wal_store *store)
{
    uint8_t *data;
    size_t len;

    begin(store, 1);
    assert_int_equal(wal_store_entries(store, 2, 100), 0);
    assert_int_equal(wal_store_sync(store), 0);
    assert_int_equal(wal_store_entries(store, 1, 100), 0);
    memory_files_faults(store->files)->stop_at = 1;
    (void)wal_store_close(store);
    memory_files_kill(store->files);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    data[2048 - 512 + 60] ^= 1;
    memory_files_settle(store->files);
}

static void a_torn_tail_is_told_and_not_cut_off(void **state)
{
    struct wal_store store;
    struct look seen;
    uint64_t before;

    (void)state;
    tear(&store);
    before = changes(&store);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(look(&store, 0, NULL, &seen), 0);
        assert_int_equal(seen.report.flags, CRAFT_WAL_REPORT_TORN);
        assert_string_equal(seen.report.file, SEGMENT(1));
        assert_int_equal(seen.report.offset, 1536);
        assert_true(wal_store_holds(&store, seen.wal, 1));
        assert_int_equal(craft_wal_close(seen.wal), 0);
    }
    assert_int_equal(changes(&store), before);
    wal_store_free(&store);
}

/* --------------------------------------------------------------- damaged */

/* Entries 1..30, closed, and a bit of the batch with entries 11 and 12 wrong.
 */
static void damage(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};
    uint64_t offset = 0;
    uint8_t *data;
    size_t len;

    wal_store_init(store, 65536);
    assert_int_equal(wal_store_open(store), 0);
    for (int i = 0; i < 15; i++) {
        if (i == 5) {
            assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
            offset = (status.segment_offset + 511) / 512 * 512;
        }
        assert_int_equal(wal_store_entries(store, 2, 100), 0);
        assert_int_equal(wal_store_sync(store), 0);
    }
    assert_int_equal(wal_store_close(store), 0);
    data = memory_files_data(store->files, SEGMENT(1), &len);
    data[offset + 90] ^= 16;
    memory_files_settle(store->files);
}

static void a_damaged_store_is_read_up_to_the_damage_if_asked(void **state)
{
    craft_wal_status status = {.struct_size = sizeof status};
    struct seen_records records = {.next = 1};
    craft_wal_visitor visitor = {.struct_size = sizeof visitor,
                                 .ctx = &records,
                                 .record = see_record,
                                 .entry = see_entry};
    struct wal_store store;
    struct look seen;
    uint64_t before;

    (void)state;
    damage(&store);
    before = changes(&store);
    assert_int_equal(look(&store, 0, &visitor, &seen), CRAFT_WAL_ERR_DAMAGED);
    assert_null(seen.wal);
    assert_int_equal(seen.report.index, 11);
    /* Every record before it, and each of them once. */
    assert_int_equal(records.entries, 10);
    assert_false(records.out_of_order);
    assert_int_equal(look(&store, CRAFT_WAL_SALVAGE, NULL, &seen), 0);
    assert_int_equal(seen.report.error, CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(seen.report.index, 11);
    assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
    assert_int_equal(status.last_index, 10);
    assert_true(wal_store_holds(&store, seen.wal, 5));
    assert_false(wal_store_holds(&store, seen.wal, 6));
    assert_int_equal(craft_wal_close(seen.wal), 0);
    assert_int_equal(changes(&store), before);
    wal_store_free(&store);
}

static void
what_is_left_of_a_store_without_its_first_segment_is_nothing(void **state)
{
    craft_wal_status status = {.struct_size = sizeof status};
    struct wal_store store;
    struct look seen;

    (void)state;
    damage(&store);
    memory_files_remove(store.files, SEGMENT(1));
    assert_int_equal(look(&store, CRAFT_WAL_SALVAGE, NULL, &seen), 0);
    assert_int_equal(seen.report.error, CRAFT_WAL_ERR_DAMAGED);
    assert_string_equal(seen.report.file, SEGMENT(1));
    assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
    assert_int_equal(status.last_index, 0);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

/* Change a byte of a segment that is not the last one, and look. */
static void damage_and_look(struct wal_store *store, uint64_t sequence,
                            size_t offset, struct look *seen)
{
    char name[40];
    uint8_t *data;
    size_t len;

    (void)snprintf(name, sizeof name, "%016llx.wal",
                   (unsigned long long)sequence);
    data = memory_files_data(store->files, name, &len);
    assert_non_null(data);
    data[offset % len] ^= 64;
    memory_files_settle(store->files);
    assert_int_equal(look(store, CRAFT_WAL_SALVAGE, NULL, seen), 0);
}

/* Four segments with two entries of 300 bytes in each record, and a snapshot
   that stands for the first three; closed. */
static void fill_four(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    begin(store, 1);
    assert_int_equal(wal_store_vote(store, 3, 2), 0);
    assert_int_equal(wal_store_entries(store, 4, 10), 0);
    assert_int_equal(wal_store_snapshot(store, 3, 0, 8), 0);
    while (status.sequence < 4) {
        assert_int_equal(wal_store_entries(store, 2, 300), 0);
        assert_int_equal(wal_store_sync(store), 0);
        assert_int_equal(craft_wal_status_get(store->wal, &status), 0);
    }
    assert_int_equal(wal_store_vote(store, 9, 1), 0);
    assert_int_equal(wal_store_close(store), 0);
}

/* Each segment begins with all that there was before it, but the entries. */
static void behind_damage_only_entries_are_lost(void **state)
{
    craft_restore restore = {.struct_size = sizeof restore};
    craft_wal_status status = {.struct_size = sizeof status};
    struct wal_store store;
    struct look seen;
    craft_index last;

    (void)state;
    fill_four(&store);
    last = wal_model_last(&store.model);
    damage_and_look(&store, 2, 1000, &seen);
    assert_int_equal(seen.report.error, CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(seen.report.flags, CRAFT_WAL_REPORT_RANGE);
    assert_string_equal(seen.report.file, SEGMENT(2));
    /* Of those in front of the damage only what a snapshot stands for is
       certain: what is damaged may have truncated and replaced the others. */
    assert_int_equal(seen.report.index, 4);
    assert_in_range(seen.report.last_index, 8, last - 3);
    assert_int_equal(craft_wal_read_state(seen.wal, &restore), 1);
    assert_int_equal(restore.term, 9);
    assert_int_equal(restore.voted_for, 1);
    assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
    assert_int_equal(status.first_index, 1);
    assert_int_equal(status.last_index, last);
    assert_int_equal(status.oldest_sequence, 1);
    for (craft_index at = 1; at <= last; at++) {
        int is_lost = at >= seen.report.index && at <= seen.report.last_index;

        assert_int_equal(wal_store_gives(&store, seen.wal, at),
                         is_lost ? -1 : 1);
    }
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

/* The vote of the last term may be what is gone. */
static void damage_in_the_last_segment_has_no_range(void **state)
{
    struct wal_store store;
    struct look seen;

    (void)state;
    fill_four(&store);
    damage_and_look(&store, 4, 530, &seen);
    assert_int_equal(seen.report.error, CRAFT_WAL_ERR_DAMAGED);
    assert_int_equal(seen.report.flags, 0);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

static void two_damages_have_no_range(void **state)
{
    craft_wal_status status = {.struct_size = sizeof status};
    struct wal_store store;
    struct look seen;

    (void)state;
    fill_four(&store);
    damage_and_look(&store, 3, 1000, &seen);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    damage_and_look(&store, 1, 1700, &seen);
    assert_string_equal(seen.report.file, SEGMENT(1));
    assert_int_equal(seen.report.flags, 0);
    assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
    assert_int_equal(status.last_index + 1, seen.report.index);
    assert_int_equal(craft_wal_close(seen.wal), 0);
    wal_store_free(&store);
}

/* Entries that are not lost to the damage may be missing for another reason. */
static void damage_and_a_missing_segment_have_no_range(void **state)
{
    (void)state;
    for (int votes = 0; votes < 2; votes++) {
        craft_wal_status status = {.struct_size = sizeof status};
        struct wal_store store;
        struct look seen;

        begin(&store, 1);
        assert_int_equal(wal_store_vote(&store, 3, 2), 0);
        assert_int_equal(wal_store_entries(&store, 5, 10), 0);
        assert_int_equal(wal_store_snapshot(&store, 3, 0, 8), 0);
        while (status.sequence < 4) {
            assert_int_equal(
                votes ? wal_store_vote(&store, store.model.term + 1, 2)
                      : wal_store_entries(&store, 1, 300),
                0);
            assert_int_equal(wal_store_sync(&store), 0);
            assert_int_equal(craft_wal_status_get(store.wal, &status), 0);
        }
        assert_int_equal(wal_store_close(&store), 0);
        memory_files_remove(store.files, SEGMENT(1));
        damage_and_look(&store, 2, 1050, &seen);
        assert_int_equal(seen.report.error, CRAFT_WAL_ERR_DAMAGED);
        assert_int_equal(seen.report.flags, 0);
        assert_int_equal(craft_wal_close(seen.wal), 0);
        wal_store_free(&store);
    }
}

/* Each call of a look fails once. */
static void a_look_that_fails_is_repeated_or_says_why(void **state)
{
    int done = 0;

    (void)state;
    for (uint64_t k = 1; !done; k++) {
        struct wal_store store;
        struct look seen;
        uint8_t *data;
        size_t len;
        int rv;

        fill_four(&store);
        data = memory_files_data(store.files, SEGMENT(2), &len);
        data[1000] ^= 64;
        memory_files_settle(store.files);
        memory_files_calls_reset(store.files);
        memory_files_faults(store.files)->fail_at = k;
        memory_files_faults(store.files)->fail_error = EIO;
        rv = look(&store, CRAFT_WAL_SALVAGE, NULL, &seen);
        done = memory_files_calls(store.files) < k;
        assert_int_equal(rv, 0);
        assert_true(seen.report.error == CRAFT_WAL_ERR_DAMAGED ||
                    seen.report.error == CRAFT_WAL_ERR_IO);
        assert_true(!done || seen.report.flags == CRAFT_WAL_REPORT_RANGE);
        assert_int_equal(craft_wal_close(seen.wal), 0);
        wal_store_free(&store);
    }
}

/* A device that never says the same twice: looking ends. */
static uint64_t rotten_reads;

static int64_t rotten_read(void *ctx, int file, void *data, size_t data_len,
                           uint64_t offset)
{
    int64_t rv = memory_files_table()->read(ctx, file, data, data_len, offset);

    if (rv > 2048) {
        ((uint8_t *)data)[100 + rotten_reads++ * 512 % 2048] ^= 1;
    }
    return rv;
}

static void a_rotten_device_is_not_looked_at_for_ever(void **state)
{
    craft_wal_files table = *memory_files_table();
    struct wal_store store;
    struct look seen;

    (void)state;
    fill_four(&store);
    table.read = rotten_read;
    store.options.files = &table;
    assert_int_equal(look(&store, 0, NULL, &seen), CRAFT_WAL_ERR_DAMAGED);
    assert_in_range(rotten_reads, 2, 100);
    wal_store_free(&store);
}

static void *no_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    int *left = ctx;

    (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    *left -= *left > 0;
    return *left == 0 ? NULL : realloc(ptr, new_size);
}

static void a_look_without_memory_says_so(void **state)
{
    int rv = CRAFT_WAL_ERR_NOMEM;
    struct wal_store store;

    (void)state;
    fill_four(&store);
    for (int n = 1; rv != 0; n++) {
        int left = n;
        struct look seen;

        store.options.allocator.realloc = no_realloc;
        store.options.allocator.ctx = &left;
        rv = look(&store, CRAFT_WAL_SALVAGE, NULL, &seen);
        assert_true(rv == 0 || rv == CRAFT_WAL_ERR_NOMEM);
        assert_int_equal(craft_wal_close(seen.wal), 0);
    }
    wal_store_free(&store);
}

/* Whatever is said to be left is what was written, wherever the damage is. */
static void what_is_left_of_a_damaged_store_is_right(void **state)
{
    uint64_t ranges = 0;
    uint64_t nothing_lost = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        craft_wal_status status = {.struct_size = sizeof status};
        craft_restore restore = {.struct_size = sizeof restore};
        struct wal_store store;
        struct look seen;
        craft_index at;

        begin(&store, seed);
        for (uint64_t i = 0; i < 20 + seed % 100; i++) {
            assert_int_equal(wal_store_step(&store), 0);
        }
        assert_int_equal(craft_wal_status_get(store.wal, &status), 0);
        assert_int_equal(wal_store_close(&store), 0);
        damage_and_look(&store,
                        status.oldest_sequence +
                            seed %
                                (status.sequence - status.oldest_sequence + 1),
                        512 + wal_store_random(&store, 3000), &seen);
        if (!(seen.report.flags & CRAFT_WAL_REPORT_RANGE)) {
            assert_int_equal(craft_wal_close(seen.wal), 0);
            wal_store_free(&store);
            continue;
        }
        assert_int_equal(craft_wal_read_state(seen.wal, &restore), 1);
        assert_int_equal(restore.term, store.model.term);
        assert_int_equal(restore.voted_for, store.model.voted_for);
        assert_int_equal(craft_wal_status_get(seen.wal, &status), 0);
        assert_int_equal(status.last_index, wal_model_last(&store.model));
        assert_int_equal(status.snapshot_index, store.model.base_index);
        for (at = store.model.gone + 1; at <= status.last_index; at++) {
            int is_lost =
                at >= seen.report.index && at <= seen.report.last_index;

            assert_int_equal(wal_store_gives(&store, seen.wal, at),
                             is_lost ? -1 : 1);
        }
        ranges++;
        nothing_lost += seen.report.last_index < seen.report.index;
        assert_int_equal(craft_wal_close(seen.wal), 0);
        wal_store_free(&store);
    }
    print_message("%llu ranges, %llu without a loss\n",
                  (unsigned long long)ranges, (unsigned long long)nothing_lost);
    assert_true(nothing_lost > 5 && ranges - nothing_lost > 30);
}

/* --------------------------------------------------- while it is written */

/* File calls of somebody who looks, at the n-th of which the writer runs. */
struct meanwhile {
    struct wal_store *store;
    uint64_t calls;
    uint64_t at;
    int steps;
    uint64_t held; /* looks that could be compared */
    int torn;      /* a byte of the latest batch is not written before that */
};

/* Of the batch at 1536. */
static void flip(struct wal_store *store)
{
    size_t len;
    uint8_t *data = memory_files_data(store->files, SEGMENT(1), &len);

    data[1536 + 60] ^= 255;
}

static void maybe_write(struct meanwhile *meanwhile)
{
    meanwhile->calls++;
    if (meanwhile->calls != meanwhile->at) {
        return;
    }
    if (meanwhile->torn) {
        flip(meanwhile->store);
    }
    for (int i = 0; i < meanwhile->steps; i++) {
        assert_int_equal(wal_store_step(meanwhile->store), 0);
    }
}

static int look_list(void *ctx, const char *path,
                     void (*each)(void *arg, const char *name), void *arg)
{
    struct meanwhile *meanwhile = ctx;

    maybe_write(meanwhile);
    return memory_files_table()->list(meanwhile->store->files, path, each, arg);
}

static int look_open(void *ctx, const char *path, uint32_t flags)
{
    struct meanwhile *meanwhile = ctx;

    assert_int_equal(flags, 0);
    maybe_write(meanwhile);
    return memory_files_table()->open(meanwhile->store->files, path, flags);
}

static int look_close(void *ctx, int file)
{
    struct meanwhile *meanwhile = ctx;

    return memory_files_table()->close(meanwhile->store->files, file);
}

static int64_t look_size(void *ctx, int file)
{
    struct meanwhile *meanwhile = ctx;

    maybe_write(meanwhile);
    return memory_files_table()->size(meanwhile->store->files, file);
}

static int64_t look_read(void *ctx, int file, void *data, size_t data_len,
                         uint64_t offset)
{
    struct meanwhile *meanwhile = ctx;

    maybe_write(meanwhile);
    return memory_files_table()->read(meanwhile->store->files, file, data,
                                      data_len, offset);
}

static void look_meanwhile(struct meanwhile *meanwhile)
{
    craft_wal_files table = *memory_files_table();
    struct wal_store *store = meanwhile->store;
    craft_wal_options options = store->options;
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal_status status = {.struct_size = sizeof status};
    craft_wal_status now = {.struct_size = sizeof now};
    size_t from = store->synced;
    craft_wal *wal = NULL;
    int rv;

    table.list = look_list;
    table.open = look_open;
    table.close = look_close;
    table.size = look_size;
    table.read = look_read;
    options.files = &table;
    options.files_ctx = meanwhile;
    options.flags = CRAFT_WAL_READ_ONLY;
    rv = craft_wal_open(&options, &wal, &report);
    if (rv != 0) {
        fail_msg("call %llu: %d %s", (unsigned long long)meanwhile->at, rv,
                 report.text);
    }
    assert_int_equal(craft_wal_status_get(wal, &status), 0);
    if (wal_store_holds(store, wal, from)) {
        meanwhile->held++;
    } else { /* files were removed since */
        assert_int_equal(craft_wal_status_get(store->wal, &now), 0);
        assert_true(status.oldest_sequence < now.oldest_sequence);
    }
    assert_int_equal(craft_wal_close(wal), 0);
}

/*
 * At every file call of a look the writer appends, syncs, rolls, truncates and
 * marks: nothing of that is taken for damage, and nothing synced before is
 * missed.
 */
static void what_a_writer_does_meanwhile_is_no_damage(void **state)
{
    uint64_t held = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        int done = 0;

        for (uint64_t at = 1; !done; at++) {
            struct wal_store store;
            struct meanwhile meanwhile = {.store = &store, .at = at};

            begin(&store, seed);
            meanwhile.steps = 1 + (int)(seed % 3) * 12;
            for (uint64_t i = 0; i < 10 + seed; i++) {
                assert_int_equal(wal_store_step(&store), 0);
            }
            look_meanwhile(&meanwhile);
            held += meanwhile.held;
            done = meanwhile.calls < at;
            wal_store_free(&store);
        }
    }
    print_message("%llu looks\n", (unsigned long long)held);
    assert_in_range(held, 100, UINT32_MAX);
}

/* Only a part of a batch is there when it is read, and all of it, synced, with
   more behind it, when what follows is. */
static void a_batch_half_written_is_no_damage(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        int done = 0;

        for (uint64_t at = 1; !done; at++) {
            struct wal_store store;
            struct meanwhile meanwhile = {
                .store = &store, .at = at, .steps = 20, .torn = 1};

            begin(&store, seed);
            assert_int_equal(wal_store_entries(&store, 2, 100), 0);
            assert_int_equal(wal_store_sync(&store), 0);
            assert_int_equal(wal_store_entries(&store, 1, 100), 0);
            flip(&store);
            look_meanwhile(&meanwhile);
            done = meanwhile.calls < at;
            wal_store_free(&store);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_in_use_is_read_and_left_alone),
        cmocka_unit_test(whoever_looks_cannot_write),
        cmocka_unit_test(a_visitor_sees_every_record_in_order),
        cmocka_unit_test(where_there_is_no_store_it_says_so),
        cmocka_unit_test(a_store_that_was_never_finished_is_empty),
        cmocka_unit_test(a_torn_tail_is_told_and_not_cut_off),
        cmocka_unit_test(a_damaged_store_is_read_up_to_the_damage_if_asked),
        cmocka_unit_test(
            what_is_left_of_a_store_without_its_first_segment_is_nothing),
        cmocka_unit_test(behind_damage_only_entries_are_lost),
        cmocka_unit_test(damage_in_the_last_segment_has_no_range),
        cmocka_unit_test(two_damages_have_no_range),
        cmocka_unit_test(damage_and_a_missing_segment_have_no_range),
        cmocka_unit_test(what_is_left_of_a_damaged_store_is_right),
        cmocka_unit_test(a_look_that_fails_is_repeated_or_says_why),
        cmocka_unit_test(a_rotten_device_is_not_looked_at_for_ever),
        cmocka_unit_test(a_look_without_memory_says_so),
        cmocka_unit_test(what_a_writer_does_meanwhile_is_no_damage),
        cmocka_unit_test(a_batch_half_written_is_no_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
