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

void craft_wal_index_truncate(struct craft_wal_index *index, craft_index from)
{
    CRAFT_ASSERT(from > 0);
    index->places_len = upper_bound(index, from - 1);
    index->broken = 1;
}

void craft_wal_index_note(struct craft_wal_index *index,
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
