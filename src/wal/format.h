/*
 * wal/format: the bytes of a store, and nothing else (docs/wal-format.md).
 *
 * Pure functions: structs in, bytes out, and back. Nothing read from a disk is
 * trusted before its check; a record's length is covered by a check of its
 * own, so that it can be believed before the body is read.
 */
#ifndef CRAFT_WAL_FORMAT_H
#define CRAFT_WAL_FORMAT_H

#include "base/base.h"

/* Of segments; those of version 1, without snapshots, are read as well. The
 * mark is as it was. */
#define CRAFT_WAL_FORMAT_VERSION 2u
#define CRAFT_WAL_MARK_VERSION 1u

/* A batch begins on a sector, so that no synced byte is written again. */
#define CRAFT_WAL_SECTOR 512u
#define CRAFT_WAL_HEADER_LEN CRAFT_WAL_SECTOR
#define CRAFT_WAL_RECORD_LEN 32u /* of a record's header */
#define CRAFT_WAL_BEGIN_LEN 48u
#define CRAFT_WAL_LIFE_LEN 8u
#define CRAFT_WAL_STATE_LEN 24u
#define CRAFT_WAL_TRUNCATE_LEN 8u
#define CRAFT_WAL_SNAPSHOT_LEN 40u /* and the configuration */
#define CRAFT_WAL_COMPACT_LEN 8u
#define CRAFT_WAL_ENTRIES_LEN 16u
#define CRAFT_WAL_ENTRY_LEN 16u

enum craft_wal_record_flags {
    CRAFT_WAL_RECORD_STATE = 1u << 0,
    CRAFT_WAL_RECORD_TRUNCATE = 1u << 1,
    CRAFT_WAL_RECORD_ENTRIES = 1u << 2,
    CRAFT_WAL_RECORD_BEGIN = 1u << 3, /* a group's state, first in a segment */
    CRAFT_WAL_RECORD_SEAL = 1u << 4,  /* last in a segment */
    CRAFT_WAL_RECORD_LIFE = 1u << 5,  /* first since the store was opened */
    CRAFT_WAL_RECORD_SNAPSHOT = 1u << 6,
    CRAFT_WAL_RECORD_COMPACT = 1u << 7,
    CRAFT_WAL_RECORD_KNOWN = (1u << 8) - 1u
};

struct craft_wal_header {
    uint64_t store_id;
    uint64_t sequence;
    uint64_t segment_bytes;
    uint32_t prev_end;   /* where the records of the segment before end */
    uint32_t prev_check; /* check of its last record */
    uint32_t check;      /* of this header; the first record names it */
};

struct craft_wal_record {
    uint32_t check; /* of this header, and so of all the record */
    uint32_t body_check;
    uint32_t prev;   /* check of the record before */
    uint32_t length; /* header and body, a multiple of 8 */
    uint32_t synced; /* all of the segment below was on the disk */
    uint32_t flags;  /* enum craft_wal_record_flags */
    uint64_t group;
};

/*
 * What a group has on the disk, so far: the entries behind gone_index up to
 * last_index. Invariant: gone_index <= base_index <= last_index.
 */
struct craft_wal_state {
    craft_term term;
    craft_id voted_for;
    craft_index commit_hint;
    craft_index last_index;
    craft_term last_term;   /* 0 = not known */
    craft_index gone_index; /* compacted up to here; 0 = nothing */
    craft_index base_index; /* of the newest snapshot; 0 = none */
    craft_term base_term;
};

/* A record's meaning without its data. */
struct craft_wal_summary {
    uint32_t flags; /* enum craft_wal_record_flags */
    uint32_t entries_len;
    struct craft_wal_state begin; /* BEGIN; the first three also STATE, the
                                     last two also SNAPSHOT */
    craft_index truncate_from;
    craft_index keep_from;
    craft_index first_index;
    craft_term first_term;
    craft_term last_term;
    const uint8_t *entries;  /* the first entry's bytes */
    const uint8_t *snapshot; /* SNAPSHOT: its bytes, [snapshot_len] */
    uint32_t snapshot_len;
};

/* What a record did to the log, for whoever keeps places of entries. */
struct craft_wal_step {
    uint32_t flags;     /* enum craft_wal_record_flags */
    uint32_t restarted; /* all entries went, by SNAPSHOT */
    craft_index truncate_from;
    craft_index first_index; /* ENTRIES */
    craft_index gone_index;  /* after it */
    craft_index last_index;  /* after it */
};

/* The position up to which the log was synced, noted outside it. */
struct craft_wal_mark {
    uint64_t store_id;
    uint64_t number;   /* 1, 2, ...: the greater is the newer */
    uint64_t sequence; /* 0 = nothing was synced yet */
    uint32_t offset;
    uint32_t check;
    craft_index last_index;
};

enum craft_wal_header_kind {
    CRAFT_WAL_HEADER_VALID,
    CRAFT_WAL_HEADER_EMPTY, /* all zeroes */
    CRAFT_WAL_HEADER_BAD,
    CRAFT_WAL_HEADER_NEWER /* intact, of a version from the future */
};

/* The next multiple of a sector, and of 8. */
static inline uint32_t craft_wal_align(uint32_t offset)
{
    return (offset + CRAFT_WAL_SECTOR - 1) & ~(CRAFT_WAL_SECTOR - 1);
}

static inline size_t craft_wal_pad8(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

/* Mixed into every check of a segment, so that no record of another store,
 * segment or place is ever taken for one of this. */
uint32_t craft_wal_seed(uint64_t store_id, uint64_t sequence);

/* data is [CRAFT_WAL_HEADER_LEN]; sets header->check. */
void craft_wal_header_encode(struct craft_wal_header *header, uint8_t *data);
enum craft_wal_header_kind
craft_wal_header_decode(struct craft_wal_header *header, const uint8_t *data);

/*
 * Complete a record whose body stands at data + CRAFT_WAL_RECORD_LEN: computes
 * both checks and writes the header. salt is the seed ^ the record's offset.
 */
void craft_wal_record_finish(struct craft_wal_record *record, uint32_t salt,
                             uint8_t *data);

/* Whether data, [CRAFT_WAL_RECORD_LEN], is a record header written with this
 * salt; fills it in then. Says nothing about the body. */
int craft_wal_record_decode(struct craft_wal_record *record, uint32_t salt,
                            const uint8_t *data);

/* Whether the body, [record->length - CRAFT_WAL_RECORD_LEN], is intact. */
int craft_wal_record_body_intact(const struct craft_wal_record *record,
                                 const uint8_t *body);

/* What an intact body says: 0, or an error of craft_wal.h. */
int craft_wal_summary_decode(struct craft_wal_summary *summary,
                             const struct craft_wal_record *record,
                             const uint8_t *body);

/*
 * Bytes of the record for `persist`, and its summary (entries is NULL); 0 if
 * it contradicts itself or is too long.
 */
size_t craft_wal_persist_len(const craft_persist *persist,
                             struct craft_wal_summary *summary);

/* Write the body of `persist`; returns its length. */
size_t craft_wal_persist_encode(const craft_persist *persist, uint8_t *body);

/* Write the BEGIN part of a body, [CRAFT_WAL_BEGIN_LEN]. */
void craft_wal_begin_encode(const struct craft_wal_state *state, uint8_t *body);

/* One entry at data, [*data_len]; data->data borrows. Its length. */
size_t craft_wal_entry_decode(craft_entry *entry, const uint8_t *data);

/* The bytes of a snapshot's part of a body, and writing them. */
size_t craft_wal_snapshot_len(const craft_snapshot *snapshot);
void craft_wal_snapshot_encode(const craft_snapshot *snapshot, uint8_t *data);
/* data as written by the above; the configuration is borrowed from it. */
void craft_wal_snapshot_decode(craft_snapshot *snapshot, const uint8_t *data);

/* Take the state that the first segment begins with, those before it being
 * gone: NULL, or what is wrong with it. */
const char *craft_wal_state_begin(struct craft_wal_state *state,
                                  const struct craft_wal_summary *summary);

/*
 * Take a record: NULL, or what is wrong with it, and then nothing is changed.
 * step may be NULL.
 */
const char *craft_wal_state_step(struct craft_wal_state *state,
                                 const struct craft_wal_summary *summary,
                                 struct craft_wal_step *step);

#define CRAFT_WAL_MARK_LEN CRAFT_WAL_SECTOR

/* data is [CRAFT_WAL_MARK_LEN]. */
void craft_wal_mark_encode(const struct craft_wal_mark *mark, uint8_t *data);
/* Whether data holds an intact mark; fills it in then. */
int craft_wal_mark_decode(struct craft_wal_mark *mark, const uint8_t *data);

#endif
