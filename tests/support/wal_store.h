/*
 * A store on memory files together with a model of what it must hold.
 *
 * After every record the whole state of the model is kept, so that what a
 * crash left can be looked up: it must be the state after some record, and no
 * earlier one than the last that was synced.
 */
#ifndef WAL_STORE_H
#define WAL_STORE_H

#include "memory_files.h"

#define WAL_STORE_ENTRIES_MAX 160u
#define WAL_STORE_STATES_MAX 256u

struct wal_model_entry {
    uint64_t seed;
    craft_term term;
    uint32_t kind;
    uint32_t len;
};

struct wal_model {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    craft_index gone; /* entries up to here are compacted */
    craft_index base_index;
    craft_term base_term;
    uint64_t base_seed;
    uint32_t base_len;  /* of its configuration */
    size_t entries_len; /* behind gone */
    struct wal_model_entry entries[WAL_STORE_ENTRIES_MAX];
};

/* One record to append. */
struct wal_record {
    uint32_t flags; /* enum craft_persist_flags */
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    craft_index truncate_from;
    uint32_t entries_len; /* at most 8 */
    uint32_t len;         /* of each entry's data, at most 8192 */
    craft_term entry_term;
    craft_index snapshot_index;
    craft_term snapshot_term;
    uint32_t snapshot_len; /* of its configuration, at most 8192 */
    craft_index keep_from;
};

struct wal_store {
    memory_files *files;
    craft_wal *wal;
    craft_wal_options options;
    craft_wal_report report;
    struct wal_model model;
    struct wal_model *states; /* [states_len]: after each record */
    size_t states_len;
    size_t states_max;
    size_t synced; /* states[synced] and later ones may be found */
    uint64_t random;
};

/* The last index of the log. */
craft_index wal_model_last(const struct wal_model *model);
/* Of an entry that is there, or of the snapshot. */
craft_term wal_model_term(const struct wal_model *model, craft_index index);

/* Make all checks of a segment right again, by the lengths that its records
 * tell. */
void wal_store_sign(uint8_t *data, size_t len);

void wal_store_init(struct wal_store *store, uint64_t segment_bytes);
void wal_store_free(struct wal_store *store);
/* A copy that goes its own way; nothing may be open. */
void wal_store_fork(const struct wal_store *store, struct wal_store *fork);
int wal_store_open(struct wal_store *store);
/* Close whatever state it is in; the files stay. */
int wal_store_close(struct wal_store *store);

int wal_store_append(struct wal_store *store, const struct wal_record *record);
int wal_store_sync(struct wal_store *store);
/* Shorthands: a vote; entries at the end of the log, in the current term. */
int wal_store_vote(struct wal_store *store, craft_term term, craft_id id);
int wal_store_entries(struct wal_store *store, uint32_t entries_len,
                      uint32_t len);
/* A snapshot at an index of the log, or behind it, and a compaction up to
 * keep_from, 0: none, in one record. */
int wal_store_snapshot(struct wal_store *store, craft_index index,
                       craft_index keep_from, uint32_t len);
int wal_store_rewrite(struct wal_store *store, craft_index from,
                      uint32_t entries_len, uint32_t len);

/* Do something random; what the call returned. */
int wal_store_step(struct wal_store *store);

/*
 * Read the whole store and find the state it is in: 1 if it is one that may be
 * there, which the model then takes; 0 if not.
 */
int wal_store_matches(struct wal_store *store);
/* Whether it is in exactly the model's state. */
int wal_store_equal(struct wal_store *store);
/* Whether another opening of the same files has the state after record `from`
 * or a later one. */
int wal_store_holds(const struct wal_store *store, craft_wal *wal, size_t from);
/* Whether another opening gives the model's entries from one on: 1 it does, 0
 * another one, -1 not even the first. */
int wal_store_gives(const struct wal_store *store, craft_wal *wal,
                    craft_index index);
/* Forget all states but the present one, which is synced. */
void wal_store_forget(struct wal_store *store);

uint64_t wal_store_random(struct wal_store *store, uint64_t below);

#endif
