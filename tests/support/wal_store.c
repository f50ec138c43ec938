#include "wal_store.h"

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

static uint64_t hash_head(uint64_t term, uint64_t voted_for, uint64_t commit)
{
    return hash(hash(hash(1, term), voted_for), commit);
}

static uint8_t data_byte(uint64_t seed, uint32_t i)
{
    return (uint8_t)((seed * 31 + i) * 2654435761u >> 13);
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
    uint64_t digest =
        hash_head(model->term, model->voted_for, model->commit_hint);

    for (size_t i = 0; i < model->entries_len; i++) {
        const struct wal_model_entry *from = &model->entries[i];
        craft_entry entry = {.index = i + 1,
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
    craft_index next = 1;
    uint64_t digest;
    int rv;

    if (craft_wal_read_state(wal, &restore) < 0) {
        return 0;
    }
    digest = hash_head(restore.term, restore.voted_for, restore.commit_hint);
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

static void model_apply(struct wal_store *store,
                        const struct wal_record *record, uint64_t seed)
{
    struct wal_model *model = &store->model;

    if (record->flags & CRAFT_PERSIST_HARD_STATE) {
        model->term = record->term;
        model->voted_for = record->voted_for;
        model->commit_hint = record->commit_hint;
    }
    if (record->flags & CRAFT_PERSIST_TRUNCATE &&
        record->truncate_from <= model->entries_len) {
        model->entries_len = record->truncate_from - 1;
    }
    if (record->flags & CRAFT_PERSIST_ENTRIES) {
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
    }
    if (store->states_len == store->states_max) {
        abort();
    }
    store->states[store->states_len] = *model;
    store->states_len++;
}

int wal_store_append(struct wal_store *store, const struct wal_record *record)
{
    static uint8_t data[RECORD_ENTRIES_MAX][ENTRY_LEN_MAX];
    craft_entry entries[RECORD_ENTRIES_MAX];
    uint64_t seed = wal_store_random(store, 1u << 30);
    craft_index first = store->model.entries_len + 1;
    craft_persist persist = {.struct_size = sizeof persist,
                             .flags = record->flags,
                             .ticket = 1,
                             .term = record->term,
                             .voted_for = record->voted_for,
                             .commit_hint = record->commit_hint,
                             .truncate_from = record->truncate_from,
                             .entries = entries,
                             .entries_len = record->entries_len};
    int rv;

    if (record->flags & CRAFT_PERSIST_TRUNCATE &&
        record->truncate_from < first) {
        first = record->truncate_from;
    }
    persist.first_index = first;
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
        model_apply(store, record, seed);
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

static int step_append(struct wal_store *store)
{
    static const uint32_t lens[8] = {0, 1, 7, 8, 100, 100, 500, 3500};
    struct wal_model *model = &store->model;
    uint32_t entries_len = (uint32_t)wal_store_random(store, 4);
    uint32_t len = lens[wal_store_random(store, 8)];
    struct wal_record record = {
        .term = model->term,
        .voted_for = model->voted_for,
        .commit_hint = model->entries_len,
        .entries_len = entries_len,
        .len = len,
    };

    if (wal_store_random(store, 3) == 0) {
        record.flags |= CRAFT_PERSIST_HARD_STATE;
        record.term += wal_store_random(store, 3);
        if (record.term > model->term) {
            record.voted_for = wal_store_random(store, 4);
        }
    }
    record.entry_term = record.term;
    if (model->entries_len > 0 && wal_store_random(store, 4) == 0) {
        record.flags |= CRAFT_PERSIST_TRUNCATE;
        record.truncate_from = 1 + wal_store_random(store, model->entries_len);
    }
    if (entries_len > 0 &&
        model->entries_len + entries_len < WAL_STORE_ENTRIES_MAX) {
        record.flags |= CRAFT_PERSIST_ENTRIES;
    } else {
        record.entries_len = 0;
    }
    if (record.flags == 0) {
        return 0;
    }
    return wal_store_append(store, &record);
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

void wal_store_forget(struct wal_store *store)
{
    store->states[0] = store->model;
    store->states_len = 1;
    store->synced = 0;
}
