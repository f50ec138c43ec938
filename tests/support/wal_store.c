#include "wal_store.h"

#include "wal/format.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_ENTRIES_MAX 8u
#define ENTRY_LEN_MAX 8192u

uint64_t wal_store_random(struct wal_store *store, uint64_t below)
{
    store->random = store->random * 6364136223846793005u + 1442695040888963407u;
    return (store->random >> 33) % below;
}

/* ------------------------------------------------------------------ digest */

static uint64_t hash(uint64_t digest, uint64_t value)
{
    digest = (digest ^ value) * 0x9e3779b97f4a7c15u;
    return digest ^ (digest >> 29);
}

static uint64_t hash_head(uint64_t term, uint64_t voted_for, uint64_t commit,
                          uint64_t gone)
{
    return hash(hash(hash(hash(1, term), voted_for), commit), gone);
}

static uint8_t data_byte(uint64_t seed, uint32_t i)
{
    return (uint8_t)((seed * 31 + i) * 2654435761u >> 13);
}

static uint64_t hash_snapshot(uint64_t digest, const craft_snapshot *snapshot)
{
    digest = hash(digest, snapshot->index);
    digest = hash(digest, snapshot->term);
    digest = hash(digest, snapshot->size);
    digest = hash(digest, snapshot->digest);
    digest = hash(digest, snapshot->configuration_len);
    for (size_t i = 0; i < snapshot->configuration_len; i++) {
        digest = hash(digest, snapshot->configuration[i]);
    }
    return digest;
}

/* Of the model's newest snapshot; data is [base_len]. */
static craft_snapshot snapshot_make(const struct wal_model *model,
                                    uint8_t *data)
{
    craft_snapshot snapshot = {.struct_size = sizeof snapshot,
                               .index = model->base_index,
                               .term = model->base_term,
                               .configuration = data,
                               .configuration_len = model->base_len,
                               .size = model->base_seed,
                               .digest = ~model->base_seed};

    for (uint32_t j = 0; j < model->base_len; j++) {
        data[j] = data_byte(model->base_seed, j);
    }
    return snapshot;
}

static uint64_t hash_entry(uint64_t digest, const craft_entry *entry)
{
    digest = hash(digest, entry->index);
    digest = hash(digest, entry->term);
    digest = hash(digest, entry->kind);
    digest = hash(digest, entry->data_len);
    for (size_t i = 0; i < entry->data_len; i++) {
        digest = hash(digest, entry->data[i]);
    }
    return digest;
}

static uint64_t model_digest(const struct wal_model *model)
{
    static uint8_t data[ENTRY_LEN_MAX];
    uint64_t digest = hash_head(model->term, model->voted_for,
                                model->commit_hint, model->gone);

    if (model->base_index > 0) {
        craft_snapshot snapshot = snapshot_make(model, data);

        digest = hash_snapshot(digest, &snapshot);
    }
    for (size_t i = 0; i < model->entries_len; i++) {
        const struct wal_model_entry *from = &model->entries[i];
        craft_entry entry = {.index = model->gone + i + 1,
                             .term = from->term,
                             .kind = from->kind,
                             .data = data,
                             .data_len = from->len};

        for (uint32_t j = 0; j < from->len; j++) {
            data[j] = data_byte(from->seed, j);
        }
        digest = hash_entry(digest, &entry);
    }
    return digest;
}

/* The same of what the store gives back; 0 when it gives an error. */
static uint64_t store_digest(craft_wal *wal)
{
    static uint8_t data[2 * ENTRY_LEN_MAX];
    craft_entry entries[7];
    craft_restore restore = {.struct_size = sizeof restore};
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 7,
                             .data = data,
                             .data_max = sizeof data};
    craft_wal_status status = {.struct_size = sizeof status};
    craft_snapshot snapshot = {.struct_size = sizeof snapshot};
    craft_index next;
    uint64_t digest;
    int rv;

    if (craft_wal_read_state(wal, &restore) < 0 ||
        craft_wal_status_get(wal, &status) != 0) {
        return 0;
    }
    next = status.first_index;
    digest = hash_head(restore.term, restore.voted_for, restore.commit_hint,
                       next - 1);
    if (craft_wal_read_snapshot(wal, &snapshot) == 1) {
        digest = hash_snapshot(digest, &snapshot);
        if (restore.snapshot == NULL ||
            restore.snapshot->digest != snapshot.digest ||
            restore.snapshot->configuration != snapshot.configuration) {
            return 0;
        }
    } else if (restore.snapshot != NULL) {
        return 0;
    }
    if (next > 1 &&
        craft_wal_read(wal, next - 1, &batch) != CRAFT_WAL_ERR_COMPACTED) {
        return 0;
    }
    while ((rv = craft_wal_read(wal, next, &batch)) == 0) {
        for (size_t i = 0; i < batch.entries_len; i++) {
            if (entries[i].index != next + i) {
                return 0;
            }
            digest = hash_entry(digest, &entries[i]);
        }
        next += batch.entries_len;
    }
    return rv == CRAFT_WAL_ERR_RANGE ? digest : 0;
}

/* ------------------------------------------------------------------- life */

void wal_store_init(struct wal_store *store, uint64_t segment_bytes)
{
    memset(store, 0, sizeof *store);
    store->files = memory_files_new();
    craft_wal_options_init(&store->options, sizeof store->options);
    store->options.directory = "data/wal";
    store->options.group = 7;
    store->options.segment_bytes = segment_bytes;
    store->options.files = memory_files_table();
    store->options.files_ctx = store->files;
    store->states_max = WAL_STORE_STATES_MAX;
    store->states = calloc(store->states_max, sizeof *store->states);
    if (store->states == NULL) {
        abort();
    }
    store->states_len = 1;
    store->random = 1;
}

void wal_store_free(struct wal_store *store)
{
    (void)wal_store_close(store);
    memory_files_free(store->files);
    free(store->states);
}

void wal_store_fork(const struct wal_store *store, struct wal_store *fork)
{
    *fork = *store;
    fork->wal = NULL;
    fork->files = memory_files_clone(store->files);
    fork->states_max = store->states_len + 32;
    fork->states = calloc(fork->states_max, sizeof *fork->states);
    if (fork->states == NULL) {
        abort();
    }
    memcpy(fork->states, store->states,
           store->states_len * sizeof *fork->states);
}

int wal_store_open(struct wal_store *store)
{
    memset(&store->report, 0, sizeof store->report);
    store->report.struct_size = sizeof store->report;
    store->options.files_ctx = store->files;
    return craft_wal_open(&store->options, &store->wal, &store->report);
}

int wal_store_close(struct wal_store *store)
{
    craft_wal *wal = store->wal;

    store->wal = NULL;
    return craft_wal_close(wal);
}

/* ----------------------------------------------------------------- records */

craft_index wal_model_last(const struct wal_model *model)
{
    return model->gone + model->entries_len;
}

craft_term wal_model_term(const struct wal_model *model, craft_index index)
{
    return index > model->gone ? model->entries[index - model->gone - 1].term
                               : model->base_term;
}

/* Entries up to `gone` go. */
static void model_compact(struct wal_model *model, craft_index gone)
{
    size_t count = gone > model->gone ? (size_t)(gone - model->gone) : 0;

    count = count < model->entries_len ? count : model->entries_len;
    memmove(model->entries, model->entries + count,
            (model->entries_len - count) * sizeof model->entries[0]);
    model->entries_len -= count;
    model->gone = gone > model->gone ? gone : model->gone;
}

static void model_snapshot(struct wal_model *model,
                           const struct wal_record *record, uint64_t seed)
{
    model->base_index = record->snapshot_index;
    model->base_term = record->snapshot_term;
    model->base_len = record->snapshot_len;
    model->base_seed = seed;
    if (record->snapshot_index > wal_model_last(model)) {
        model_compact(model, record->snapshot_index);
    }
}

static void model_apply(struct wal_model *model,
                        const struct wal_record *record, uint64_t seed)
{
    if (record->flags & CRAFT_PERSIST_HARD_STATE) {
        model->term = record->term;
        model->voted_for = record->voted_for;
        model->commit_hint = record->commit_hint;
    }
    if (record->flags & CRAFT_PERSIST_TRUNCATE &&
        record->truncate_from <= wal_model_last(model)) {
        model->entries_len = record->truncate_from > model->gone
                                 ? record->truncate_from - model->gone - 1
                                 : 0;
    }
    if (record->flags & CRAFT_PERSIST_SNAPSHOT) {
        model_snapshot(model, record, seed);
    }
    for (uint32_t i = 0; i < record->entries_len; i++) {
        struct wal_model_entry entry = {.seed = seed + i,
                                        .term = record->entry_term,
                                        .kind = 1 + i % 3,
                                        .len = record->len};

        if (model->entries_len == WAL_STORE_ENTRIES_MAX) {
            abort();
        }
        model->entries[model->entries_len] = entry;
        model->entries_len++;
    }
    if (record->flags & CRAFT_PERSIST_COMPACT) {
        model_compact(model, record->keep_from - 1);
    }
}

int wal_store_append(struct wal_store *store, const struct wal_record *record)
{
    static uint8_t data[RECORD_ENTRIES_MAX][ENTRY_LEN_MAX];
    static uint8_t configuration[ENTRY_LEN_MAX];
    craft_entry entries[RECORD_ENTRIES_MAX];
    uint64_t seed = wal_store_random(store, 1u << 30);
    struct wal_model after = store->model;
    craft_persist persist = {.struct_size = sizeof persist,
                             .flags = record->flags,
                             .ticket = 1,
                             .term = record->term,
                             .voted_for = record->voted_for,
                             .commit_hint = record->commit_hint,
                             .truncate_from = record->truncate_from,
                             .entries = entries,
                             .entries_len = record->entries_len,
                             .keep_from = record->keep_from};
    craft_snapshot snapshot;
    craft_index first;
    int rv;

    model_apply(&after, record, seed);
    first = wal_model_last(&after) + 1 - record->entries_len;
    persist.first_index = first;
    if (record->flags & CRAFT_PERSIST_SNAPSHOT) {
        snapshot = snapshot_make(&after, configuration);
        persist.snapshot = &snapshot;
    }
    memset(entries, 0, sizeof entries);
    for (uint32_t i = 0; i < record->entries_len; i++) {
        entries[i].index = first + i;
        entries[i].term = record->entry_term;
        entries[i].kind = 1 + i % 3;
        entries[i].data = data[i];
        entries[i].data_len = record->len;
        for (uint32_t j = 0; j < record->len; j++) {
            data[i][j] = data_byte(seed + i, j);
        }
    }
    rv = craft_wal_append(store->wal, &persist, 1, NULL);
    if (rv == 0) {
        if (store->states_len == store->states_max) {
            abort();
        }
        store->model = after;
        store->states[store->states_len] = after;
        store->states_len++;
    }
    return rv;
}

int wal_store_sync(struct wal_store *store)
{
    int rv = craft_wal_sync(store->wal);

    if (rv == 0) {
        store->synced = store->states_len - 1;
    }
    return rv;
}

int wal_store_vote(struct wal_store *store, craft_term term, craft_id id)
{
    struct wal_record record = {.flags = CRAFT_PERSIST_HARD_STATE,
                                .term = term,
                                .voted_for = id,
                                .commit_hint = store->model.commit_hint};

    return wal_store_append(store, &record);
}

int wal_store_entries(struct wal_store *store, uint32_t entries_len,
                      uint32_t len)
{
    struct wal_record record = {.flags = CRAFT_PERSIST_ENTRIES |
                                         CRAFT_PERSIST_MUST_SYNC,
                                .entries_len = entries_len,
                                .len = len,
                                .entry_term = store->model.term};

    return wal_store_append(store, &record);
}

int wal_store_snapshot(struct wal_store *store, craft_index index,
                       craft_index keep_from, uint32_t len)
{
    const struct wal_model *model = &store->model;
    struct wal_record record = {.flags = CRAFT_PERSIST_SNAPSHOT,
                                .snapshot_index = index,
                                .snapshot_term = model->term,
                                .snapshot_len = len,
                                .keep_from = keep_from};

    if (index <= wal_model_last(model)) {
        record.snapshot_term = wal_model_term(model, index);
    }
    record.flags |= keep_from > 0 ? CRAFT_PERSIST_COMPACT : 0u;
    return wal_store_append(store, &record);
}

int wal_store_rewrite(struct wal_store *store, craft_index from,
                      uint32_t entries_len, uint32_t len)
{
    struct wal_record record = {
        .flags = CRAFT_PERSIST_TRUNCATE,
        .truncate_from = from,
        .entries_len = entries_len,
        .len = len,
        .entry_term = store->model.term,
    };

    record.flags |= entries_len > 0 ? CRAFT_PERSIST_ENTRIES : 0u;
    return wal_store_append(store, &record);
}

/* ------------------------------------------------------------------ random */

/* Truncate what no snapshot holds. */
static void step_truncate(struct wal_store *store, struct wal_record *record)
{
    const struct wal_model *model = &store->model;
    craft_index last = wal_model_last(model);

    if (last > model->base_index && wal_store_random(store, 4) == 0) {
        record->flags |= CRAFT_PERSIST_TRUNCATE;
        record->truncate_from =
            model->base_index + 1 +
            wal_store_random(store, last - model->base_index);
    }
}

/* A snapshot of what stays in the log, or, sometimes, of a longer one. */
static void step_snapshot(struct wal_store *store, struct wal_record *record)
{
    static const uint32_t lens[4] = {8, 0, 60, 700};
    const struct wal_model *model = &store->model;
    craft_index last = wal_model_last(model);

    if (record->flags & CRAFT_PERSIST_TRUNCATE) {
        last = record->truncate_from - 1;
    }
    if (wal_store_random(store, 6) != 0) {
        return;
    }
    record->snapshot_index =
        wal_store_random(store, 3) == 0
            ? last + 1 + wal_store_random(store, 3)
            : model->base_index +
                  wal_store_random(store, last - model->base_index + 1);
    record->snapshot_term = record->snapshot_index > last
                                ? record->term
                                : wal_model_term(model, record->snapshot_index);
    if (record->snapshot_index == 0 || record->snapshot_term == 0) {
        return;
    }
    record->flags |= CRAFT_PERSIST_SNAPSHOT;
    record->snapshot_len = lens[wal_store_random(store, 4)];
}

static void step_compact(struct wal_store *store, struct wal_record *record)
{
    craft_index base = record->flags & CRAFT_PERSIST_SNAPSHOT
                           ? record->snapshot_index
                           : store->model.base_index;

    if (base > 0 && wal_store_random(store, 3) == 0) {
        record->flags |= CRAFT_PERSIST_COMPACT;
        record->keep_from = base + 1 - wal_store_random(store, base + 1) / 4;
    }
}

static int step_append(struct wal_store *store)
{
    static const uint32_t lens[8] = {0, 1, 7, 8, 100, 100, 500, 3500};
    struct wal_model *model = &store->model;
    uint32_t entries_len = (uint32_t)wal_store_random(store, 4);
    struct wal_record record = {
        .term = model->term,
        .voted_for = model->voted_for,
        .commit_hint = model->base_index, /* never truncated */
        .len = lens[wal_store_random(store, 8)],
    };

    if (wal_store_random(store, 3) == 0 || model->term == 0) {
        record.flags |= CRAFT_PERSIST_HARD_STATE;
        record.term += wal_store_random(store, 3) + (model->term == 0);
        if (record.term > model->term) {
            record.voted_for = wal_store_random(store, 4);
        }
    }
    record.entry_term = record.term;
    step_truncate(store, &record);
    step_snapshot(store, &record);
    step_compact(store, &record);
    if (entries_len > 0 &&
        model->entries_len + entries_len < WAL_STORE_ENTRIES_MAX) {
        record.flags |= CRAFT_PERSIST_ENTRIES;
        record.entries_len = entries_len;
    }
    return record.flags == 0 ? 0 : wal_store_append(store, &record);
}

int wal_store_step(struct wal_store *store)
{
    int rv;

    switch (wal_store_random(store, 16)) {
    case 0:
        return craft_wal_prepare(store->wal);
    case 1:
        return craft_wal_mark(store->wal);
    case 2:
        rv = wal_store_close(store);
        if (rv == 0) {
            store->synced = store->states_len - 1;
            rv = wal_store_open(store);
        }
        return rv;
    case 3:
    case 4:
    case 5:
    case 6:
        return wal_store_sync(store);
    default:
        return step_append(store);
    }
}

/* ---------------------------------------------------------------- checking */

int wal_store_equal(struct wal_store *store)
{
    return store_digest(store->wal) == model_digest(&store->model);
}

int wal_store_matches(struct wal_store *store)
{
    uint64_t digest = store_digest(store->wal);
    size_t at = store->states_len;

    while (at > store->synced) {
        at--;
        if (model_digest(&store->states[at]) == digest) {
            store->model = store->states[at];
            store->states_len = at + 1;
            store->synced = at;
            return 1;
        }
    }
    return 0;
}

int wal_store_holds(const struct wal_store *store, craft_wal *wal, size_t from)
{
    uint64_t digest = store_digest(wal);

    for (size_t at = store->states_len; at > from; at--) {
        if (model_digest(&store->states[at - 1]) == digest) {
            return 1;
        }
    }
    return 0;
}

/* Whether it is the model's entry. */
static int is_entry(const struct wal_model *model, const craft_entry *entry)
{
    const struct wal_model_entry *from;

    if (entry->index <= model->gone || entry->index > wal_model_last(model)) {
        return 0;
    }
    from = &model->entries[entry->index - model->gone - 1];
    for (uint32_t j = 0; j < from->len; j++) {
        if (entry->data_len != from->len ||
            entry->data[j] != data_byte(from->seed, j)) {
            return 0;
        }
    }
    return entry->term == from->term && entry->data_len == from->len;
}

int wal_store_gives(const struct wal_store *store, craft_wal *wal,
                    craft_index index)
{
    static uint8_t data[4 * ENTRY_LEN_MAX];
    craft_entry entries[8];
    craft_wal_batch batch = {.struct_size = sizeof batch,
                             .entries = entries,
                             .entries_max = 8,
                             .data = data,
                             .data_max = sizeof data};

    if (craft_wal_read(wal, index, &batch) != 0) {
        return -1;
    }
    for (size_t i = 0; i < batch.entries_len; i++) {
        if (entries[i].index != index + i ||
            !is_entry(&store->model, &entries[i])) {
            return 0;
        }
    }
    return 1;
}

void wal_store_forget(struct wal_store *store)
{
    store->states[0] = store->model;
    store->states_len = 1;
    store->synced = 0;
}

/* ----------------------------------------------------------------- signing */

void wal_store_sign(uint8_t *data, size_t len)
{
    struct craft_wal_header header;
    size_t at = CRAFT_WAL_HEADER_LEN;
    uint32_t seed;

    if (len < CRAFT_WAL_HEADER_LEN) {
        return;
    }
    craft_store32(data + 8,
                  craft_crc32c(0, data + 12, CRAFT_WAL_HEADER_LEN - 12));
    (void)craft_wal_header_decode(&header, data);
    seed = craft_wal_seed(craft_load64(data + 16), craft_load64(data + 24));
    header.check = craft_load32(data + 8);
    while (at <= len && len - at >= CRAFT_WAL_RECORD_LEN) {
        struct craft_wal_record record = {.prev = header.check};

        record.length = craft_load32(data + at + 12);
        if (record.length == 0 && at % CRAFT_WAL_SECTOR != 0) {
            at = craft_wal_align((uint32_t)at);
            continue;
        }
        if (record.length < CRAFT_WAL_RECORD_LEN || record.length % 8 != 0 ||
            record.length > len - at) { /* a header that is right alone */
            craft_store32(data + at + 8, header.check);
            craft_store32(data + at,
                          craft_crc32c(seed ^ (uint32_t)at, data + at + 4,
                                       CRAFT_WAL_RECORD_LEN - 4));
            return;
        }
        record.synced = craft_load32(data + at + 16);
        record.flags = craft_load32(data + at + 20);
        record.group = craft_load64(data + at + 24);
        craft_wal_record_finish(&record, seed ^ (uint32_t)at, data + at);
        header.check = record.check;
        at += record.length;
    }
}
