#include "wal/index.h"

/* The first place with an index above `at`. */
static size_t upper_bound(const struct craft_wal_index *index, craft_index at)
{
    size_t low = 0;
    size_t high = index->places_len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (index->places[middle].index <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Entries at and after `from` are gone. */
static void truncate_at(struct craft_wal_index *index, craft_index from)
{
    CRAFT_ASSERT(from > 0);
    index->places_len = upper_bound(index, from - 1);
    index->broken = 1;
}

/* Entries up to `gone` are gone, `last` being the last one. */
static void forget(struct craft_wal_index *index, craft_index gone,
                   craft_index last)
{
    size_t kept_from;

    if (last <= gone) {
        truncate_at(index, 1);
        return;
    }
    /* The mark from which the first entry is found, and those behind it. */
    kept_from = upper_bound(index, gone + 1);
    if (kept_from > 1) {
        kept_from--;
        index->places_len -= kept_from;
        memmove(index->places, index->places + kept_from,
                index->places_len * sizeof *index->places);
    }
}

static void note(struct craft_wal_index *index,
                 const struct craft_wal_place *place)
{
    if (index->places_len > 0 && !index->broken) {
        const struct craft_wal_place *last =
            &index->places[index->places_len - 1];

        CRAFT_ASSERT(last->index < place->index);
        if (last->sequence == place->sequence &&
            place->offset - last->offset < CRAFT_WAL_INDEX_BYTES) {
            return;
        }
    }
    CRAFT_ASSERT(index->places_len < index->places_cap);
    index->places[index->places_len] = *place;
    index->places_len++;
    index->broken = 0;
}

void craft_wal_index_step(struct craft_wal_index *index,
                          const struct craft_wal_step *step,
                          const struct craft_wal_place *place)
{
    if (step->flags & CRAFT_WAL_RECORD_TRUNCATE) {
        truncate_at(index, step->truncate_from);
    }
    if (step->restarted) {
        truncate_at(index, 1);
    }
    if (step->flags & CRAFT_WAL_RECORD_ENTRIES) {
        struct craft_wal_place entries = *place;

        entries.index = step->first_index;
        note(index, &entries);
    }
    if (step->flags & CRAFT_WAL_RECORD_COMPACT) {
        forget(index, step->gone_index, step->last_index);
    }
}

const struct craft_wal_place *
craft_wal_index_find(const struct craft_wal_index *index, craft_index at,
                     craft_index *limit_out)
{
    size_t next = upper_bound(index, at);

    CRAFT_ASSERT(next > 0);
    *limit_out =
        next < index->places_len ? index->places[next].index : UINT64_MAX;
    return &index->places[next - 1];
}
