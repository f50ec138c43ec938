/*
 * The durable log opened on files that hold anything. Whatever they hold,
 * opening ends, says what is wrong, takes no more memory than the files are
 * worth, and leaves them alone when it refuses them. What it opens can be read
 * to its end, appended to, and is found again.
 *
 * Input: what a store is built with, an end of it, then changes of its files.
 * A change may be signed: the checks of all records are made right again, so
 * that what is behind them is met.
 */
#include <string.h>

#include "fuzz.h"
#include "test_memory.h"
#include "wal/format.h"
#include "wal_store.h"

#define BUILD_MAX 24u
#define CHANGES_MAX 16u
#define FILE_LEN_MAX 65536u
#define SEQUENCE_MAX 9u
#define READ_ENTRIES 16u
#define READ_BYTES 262144u

/* Memory that does not depend on the files: a window, a batch buffer. */
#define MEMORY_BASE 262144u
#define MEMORY_FACTOR 8u

/* -------------------------------------------------------------------- build */

/* Of what there is, or further; with a compaction or without. */
static void build_snapshot(struct wal_store *store, uint32_t how)
{
    craft_index last = wal_model_last(&store->model);
    craft_index base = store->model.base_index;
    craft_index index =
        how % 8 == 7 ? last + 2 : base + how % 8 * (last - base) / 6;

    (void)wal_store_snapshot(store, index, how / 8 % 2 ? index + 1 : 0,
                             how / 16 * 30);
}

static void build_step(struct fuzz_input *in, struct wal_store *store)
{
    static const uint32_t lens[8] = {0, 1, 8, 30, 100, 400, 1500, 3300};
    uint32_t what = fuzz_byte(in);
    uint32_t how = fuzz_byte(in);
    craft_term term = store->model.term;

    switch (what % 8) {
    case 0:
        (void)wal_store_vote(store, term + 1 + how / 8 % 2, 1 + how % 3);
        break;
    case 1:
    case 2:
    case 3:
        (void)wal_store_entries(store, 1 + how % 3, lens[how / 4 % 8]);
        break;
    case 4:
        if (wal_model_last(&store->model) > store->model.base_index) {
            (void)wal_store_rewrite(store,
                                    store->model.base_index + 1 +
                                        how / 16 %
                                            (wal_model_last(&store->model) -
                                             store->model.base_index),
                                    how % 3, lens[how / 4 % 4]);
        }
        break;
    case 5:
        (void)wal_store_sync(store);
        break;
    case 6:
        (void)craft_wal_prepare(store->wal);
        break;
    default:
        if (how < 64) {
            (void)craft_wal_mark(store->wal);
        } else {
            build_snapshot(store, how);
        }
        break;
    }
}

static void build(struct fuzz_input *in, struct wal_store *store)
{
    uint32_t how = fuzz_byte(in);
    uint32_t steps = how % BUILD_MAX;

    wal_store_init(store, CRAFT_WAL_SEGMENT_BYTES_MIN);
    fuzz_check(wal_store_open(store) == 0, "a store can be made");
    for (uint32_t i = 0; i < steps; i++) {
        build_step(in, store);
    }
    if (how < 128) {
        fuzz_check(wal_store_close(store) == 0, "a store can be closed");
    } else { /* as a process leaves it that is killed */
        memory_files_settle(store->files);
        (void)wal_store_sync(store);
        memory_files_faults(store->files)->stop_at = 1;
        (void)wal_store_close(store);
        memory_files_kill(store->files);
        memory_files_settle(store->files);
    }
}

/* ------------------------------------------------------------------ signing */

static void marks_sign(uint8_t *data, size_t len)
{
    for (size_t at = 0; at + CRAFT_WAL_MARK_LEN <= len; at += 4096) {
        craft_store32(data + at + 8,
                      craft_crc32c(0, data + at + 12, CRAFT_WAL_MARK_LEN - 12));
    }
}

/* Where the n-th record of a segment begins, or behind the last one. */
static size_t record_find(const uint8_t *data, size_t len, uint32_t n)
{
    size_t at = CRAFT_WAL_HEADER_LEN;

    while (n > 0 && len >= CRAFT_WAL_RECORD_LEN + at) {
        uint32_t length = craft_load32(data + at + 12);

        if (length == 0 && at % CRAFT_WAL_SECTOR != 0) {
            at = craft_wal_align((uint32_t)at);
        } else if (length < CRAFT_WAL_RECORD_LEN || length > len - at) {
            return at;
        } else {
            at += length;
            n--;
        }
    }
    return at;
}

/* ------------------------------------------------------------------ changes */

static uint64_t number(struct fuzz_input *in)
{
    static const uint64_t ends[8] = {
        CRAFT_NUMBER_MAX - 1, CRAFT_NUMBER_MAX,  UINT64_MAX, (uint64_t)1 << 63,
        UINT32_MAX,           (uint64_t)1 << 32, 4096,       INT32_MAX};
    uint32_t byte = fuzz_byte(in);

    if (byte < 64) {
        return byte;
    }
    return byte < 224 ? (byte % 32) * 8 : ends[byte % 8];
}

/* A field of a record, or of a mark, takes another value. */
static void field_change(struct fuzz_input *in, uint8_t *data, size_t len)
{
    size_t at = record_find(data, len, fuzz_byte(in) % 8);
    size_t field = fuzz_byte(in);
    uint64_t value = number(in);

    /* Mostly those that every record has, and the next. */
    field = (field < 224 ? 3 + field % 16 : field % 128) * 4;
    if (len < 8 || at >= len || field > len - 8 || at > len - 8 - field) {
        return;
    }
    at += field;
    if (fuzz_byte(in) % 2 == 0) {
        craft_store32(data + at, (uint32_t)value);
    } else {
        craft_store64(data + at, value);
    }
}

/* A record ends earlier or later than it did. */
static void length_change(struct fuzz_input *in, uint8_t *data, size_t len)
{
    size_t at = record_find(data, len, fuzz_byte(in) % 8);
    uint32_t length = CRAFT_WAL_RECORD_LEN + 8u * (fuzz_byte(in) % 16);

    if (fuzz_byte(in) % 8 == 1) {
        length = (uint32_t)number(in);
    }
    if (at < len && len - at >= CRAFT_WAL_RECORD_LEN) {
        craft_store32(data + at + 12, length);
    }
}

static void bytes_change(struct fuzz_input *in, uint8_t *data, size_t len)
{
    size_t at = fuzz_word(in);
    size_t count = 1 + fuzz_byte(in) % 32;

    for (size_t i = 0; i < count && in->len > 0 && len > 0; i++) {
        data[(at + i) % len] ^= fuzz_byte(in);
    }
}

/* Cut, grown, or with other bytes in it. */
static void file_replace(struct fuzz_input *in, memory_files *files,
                         const char *name, const uint8_t *old, size_t old_len)
{
    size_t len = fuzz_word(in);
    uint8_t *data = fuzz_alloc(len);

    if (len > 0 && old_len > 0) {
        memcpy(data, old, len < old_len ? len : old_len);
    }
    memory_files_put(files, name, data, len);
    free(data);
}

static void file_invent(struct fuzz_input *in, memory_files *files)
{
    char name[32];
    size_t len = fuzz_byte(in);
    size_t max = (size_t)1024 * (fuzz_byte(in) % 9);
    uint8_t *data = fuzz_alloc(max > len ? max : len);
    uint32_t what = fuzz_byte(in) % (SEQUENCE_MAX + 2);

    len = len < in->len ? len : in->len;
    max = max > len ? max : len;
    if (len > 0) {
        memcpy(data, in->data, len);
        in->data += len;
        in->len -= len;
    }
    if (what > 0) {
        (void)snprintf(name, sizeof name, "%016x.wal", what);
    } else {
        (void)snprintf(name, sizeof name, "store");
    }
    memory_files_put(files, name, data, max);
    free(data);
}

static bool is_segment(const char *name)
{
    return strlen(name) == 20 && strcmp(name + 16, ".wal") == 0;
}

/* A name that is there, a segment if it must be one; 0: there is none. */
static int name_pick(struct fuzz_input *in, memory_files *files,
                     bool only_segments, char name[40])
{
    uint32_t wanted = fuzz_byte(in) % 8;
    uint32_t left = 64;
    size_t at = 0;

    while (left-- > 0) {
        const char *found = memory_files_name(files, at);

        if (found == NULL) {
            at = 0;
            continue;
        }
        at++;
        if ((only_segments && !is_segment(found)) || wanted-- > 0) {
            continue;
        }
        (void)snprintf(name, 40, "%s", found);
        return 1;
    }
    return 0;
}

static void change(struct fuzz_input *in, memory_files *files)
{
    uint32_t how = fuzz_byte(in);
    char name[40];
    size_t len = 0;
    uint8_t *data;

    if (how % 16 == 1) {
        file_invent(in, files);
        return;
    }
    if (!name_pick(in, files, how % 16 > 4, name)) {
        return;
    }
    data = memory_files_data(files, name, &len);
    switch (how % 16) {
    case 0:
        memory_files_remove(files, name);
        return;
    case 2:
        file_replace(in, files, name, data, len);
        data = memory_files_data(files, name, &len);
        break;
    case 3:
    case 4:
    case 5:
        bytes_change(in, data, len);
        break;
    case 6:
    case 7:
    case 8:
        length_change(in, data, len);
        break;
    default:
        field_change(in, data, len);
        break;
    }
    if (how < 64) {
        return;
    }
    if (is_segment(name)) {
        wal_store_sign(data, len);
    } else {
        marks_sign(data, len);
    }
}

/* -------------------------------------------------------------------- judge */

struct files_sum {
    size_t bytes;
    uint32_t sum; /* in any order of names */
};

static struct files_sum files_look(memory_files *files)
{
    struct files_sum look = {0, 0};
    const char *name;

    for (size_t n = 0; (name = memory_files_name(files, n)) != NULL; n++) {
        size_t len = 0;
        const uint8_t *data = memory_files_data(files, name, &len);

        if (strcmp(name, "lock") != 0) {
            uint32_t sum = craft_crc32c(0, name, strlen(name));

            look.sum += craft_crc32c(sum, data, len);
            look.bytes += len;
        }
    }
    return look;
}

/* Entries first .. last as one number, each read, none missing, and the newest
 * snapshot. */
static uint32_t entries_sum(struct wal_store *store, craft_index first,
                            craft_index last)
{
    static uint8_t data[READ_BYTES];
    craft_entry entries[READ_ENTRIES];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = READ_ENTRIES,
                             .data = data,
                             .data_max = sizeof data};
    craft_snapshot snapshot = {.struct_size = sizeof snapshot};
    craft_index next = first;
    uint32_t sum = 0;

    if (craft_wal_read_snapshot(store->wal, &snapshot) == 1) {
        sum = craft_crc32c(snapshot.digest & UINT32_MAX, snapshot.configuration,
                           snapshot.configuration_len);
    }

    while (next <= last) {
        fuzz_check(craft_wal_read(store->wal, next, &batch) == 0 &&
                       batch.entries_len > 0,
                   "an entry up to the last one can be read");
        for (size_t i = 0; i < batch.entries_len && next <= last; i++) {
            fuzz_check(entries[i].index == next && entries[i].token == 0,
                       "entries are read in order");
            sum = craft_crc32c(sum, &entries[i].term, sizeof(craft_term));
            sum = craft_crc32c(sum, &entries[i].kind, sizeof entries[i].kind);
            sum = craft_crc32c(sum, entries[i].data, entries[i].data_len);
            next++;
        }
    }
    return sum;
}

/* Of the last entry, or of the snapshot behind which there is none. */
static craft_term last_term(struct wal_store *store,
                            const craft_wal_status *status)
{
    static uint8_t data[READ_BYTES];
    craft_entry entry = {.term = 0};
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = &entry,
                             .entries_max = 1,
                             .data = data,
                             .data_max = sizeof data};

    craft_snapshot snapshot = {.struct_size = sizeof snapshot};

    if (status->first_index <= status->last_index) {
        fuzz_check(craft_wal_read(store->wal, status->last_index, &batch) == 0,
                   "the last entry can be read");
    } else if (status->last_index > 0) {
        fuzz_check(craft_wal_read_snapshot(store->wal, &snapshot) == 1 &&
                       snapshot.index == status->last_index,
                   "a snapshot stands for the entries that are gone");
        entry.term = snapshot.term;
    }
    return entry.term;
}

static craft_wal_status status_of(struct wal_store *store)
{
    craft_wal_status status = {.struct_size = sizeof status};

    fuzz_check(craft_wal_status_get(store->wal, &status) == 0,
               "an open store has a status");
    return status;
}

/* One more term, vote and entry, and everything is found again. */
static void append_try(struct wal_store *store)
{
    craft_restore restore = {.struct_size = sizeof restore};
    craft_wal_status status = status_of(store);
    craft_term term = last_term(store, &status);
    craft_entry entry = {.index = status.last_index + 1, .kind = 1};
    craft_persist record = {.struct_size = sizeof record, .ticket = 1};
    uint32_t sum = entries_sum(store, status.first_index, status.last_index);
    craft_wal_status after;

    fuzz_check(craft_wal_read_state(store->wal, &restore) >= 0,
               "an open store has a state");
    term = term > restore.term ? term : restore.term;
    if (term + 1 >= CRAFT_NUMBER_MAX) {
        return;
    }
    entry.term = term + 1;
    record.flags = CRAFT_PERSIST_HARD_STATE | CRAFT_PERSIST_ENTRIES |
                   CRAFT_PERSIST_MUST_SYNC;
    record.term = term + 1;
    record.voted_for = 3;
    record.commit_hint = restore.commit_hint;
    record.first_index = entry.index;
    record.entries = &entry;
    record.entries_len = 1;
    fuzz_check(craft_wal_append(store->wal, &record, 1, NULL) == 0,
               "an open store can be appended to");
    fuzz_check(craft_wal_sync(store->wal) == 0, "and synced");
    fuzz_check(wal_store_close(store) == 0, "and closed");
    fuzz_check(wal_store_open(store) == 0, "and opened again");
    fuzz_check((store->report.flags & CRAFT_WAL_REPORT_TORN) == 0,
               "nothing is torn after a close");
    fuzz_check(craft_wal_read_state(store->wal, &restore) == 1 &&
                   restore.term == term + 1 && restore.voted_for == 3,
               "the new state is found");
    after = status_of(store);
    fuzz_check(after.last_index == entry.index &&
                   last_term(store, &after) == term + 1,
               "the new entry is found");
    fuzz_check(entries_sum(store, status.first_index, status.last_index) == sum,
               "the old entries are found");
}

/* Whoever only looks reads what is intact, and leaves the files alone. Returns
 * the error in the report. */
static int look_try(struct wal_store *store)
{
    static uint8_t data[READ_BYTES];
    craft_entry entries[READ_ENTRIES];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = READ_ENTRIES,
                             .data = data,
                             .data_max = sizeof data};
    craft_wal_report report = {.struct_size = sizeof report};
    craft_wal_status status = {.struct_size = sizeof status};
    craft_wal_options options = store->options;
    craft_wal *wal = NULL;
    craft_index at;

    options.flags = CRAFT_WAL_READ_ONLY | CRAFT_WAL_SALVAGE;
    if (craft_wal_open(&options, &wal, &report) != 0) {
        return CRAFT_WAL_ERR_IO;
    }
    fuzz_check(craft_wal_status_get(wal, &status) == 0, "a look has a status");
    at = status.first_index;
    for (uint32_t i = 0; i < 64 && at <= status.last_index; i++) {
        int rv = craft_wal_read(wal, at, &batch);

        fuzz_check(rv == 0 || rv == CRAFT_WAL_ERR_DAMAGED,
                   "what a look has can be read, or is damaged");
        fuzz_check(rv == 0 || report.error != 0, "of what is not damaged all");
        at += rv == 0 ? batch.entries_len : 1;
        if (rv != 0 && at <= report.last_index) {
            at = report.last_index + 1;
        }
    }
    (void)craft_wal_close(wal);
    return report.error;
}

static void open_try(struct wal_store *store)
{
    struct test_memory memory = {.allocations = 0};
    struct files_sum before = files_look(store->files);
    struct files_sum after;
    int looked;
    int rv;

    store->options.allocator = test_memory_allocator(&memory);
    looked = look_try(store);
    after = files_look(store->files);
    fuzz_check(before.sum == after.sum, "who looks leaves it alone");
    rv = wal_store_open(store);
    fuzz_check((looked == 0) == (rv == 0) || rv == CRAFT_WAL_ERR_GROUP ||
                   looked == CRAFT_WAL_ERR_IO,
               "who looks sees what is opened");
    fuzz_check(memory.bytes_peak <= MEMORY_BASE + MEMORY_FACTOR * before.bytes,
               "memory is bounded by the files");
    if (rv == 0) {
        append_try(store);
        (void)wal_store_close(store);
    } else {
        after = files_look(store->files);
        fuzz_check(store->wal == NULL, "there is no store on an error");
        fuzz_check(store->report.error == rv && store->report.text[0] != '\0',
                   "an error is reported");
        fuzz_check(rv == CRAFT_WAL_ERR_DAMAGED || rv == CRAFT_WAL_ERR_FOREIGN ||
                       rv == CRAFT_WAL_ERR_GROUP || rv == CRAFT_WAL_ERR_VERSION,
                   "the error is one of files");
        fuzz_check(before.sum == after.sum, "what is refused is left alone");
    }
    fuzz_check(memory.blocks == 0, "all memory is given back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct fuzz_input in = {data, len};
    struct wal_store store;

    build(&in, &store);
    for (uint32_t i = 0; i < CHANGES_MAX && in.len > 0; i++) {
        change(&in, store.files);
    }
    open_try(&store);
    wal_store_free(&store);
    return 0;
}
