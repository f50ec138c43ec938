/*
 * wal/index: where in the files an entry is.
 *
 * A sparse, ordered array: one mark per 64 KiB of records, at the beginning
 * of each segment, and after each truncation. Invariant: for a mark and any
 * index up to the next mark's, the first record at or after the mark's place
 * that holds the index holds the live entry; so a reader goes to the last
 * mark at or below the index and walks on.
 *
 * It is 24 bytes per 64 KiB of log, plus 24 for each truncation that left its
 * place in the log. What is compacted has no mark.
 */
#ifndef CRAFT_WAL_INDEX_H
#define CRAFT_WAL_INDEX_H

#include "wal/format.h"

#define CRAFT_WAL_INDEX_BYTES 65536u

struct craft_wal_place {
    craft_index index; /* first entry of the record */
    uint64_t sequence; /* of its segment */
    uint32_t offset;   /* of the record */
    uint32_t reserved;
};

struct craft_wal_index {
    struct craft_wal_place *places;
    size_t places_len;
    size_t places_cap;
    int broken; /* the next entries need a mark */
};

/* A record of this step lies at the place, whose index is not looked at; needs
 * room for one mark more. */
void craft_wal_index_step(struct craft_wal_index *index,
                          const struct craft_wal_step *step,
                          const struct craft_wal_place *place);

/*
 * The last mark at or below `at`, and in *limit_out the index where it ends to
 * hold: that of the next mark, UINT64_MAX after the last. NULL if there is
 * none.
 */
const struct craft_wal_place *
craft_wal_index_find(const struct craft_wal_index *index, craft_index at,
                     craft_index *limit_out);

#endif
