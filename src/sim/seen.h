/*
 * sim/seen: which states of a search have been seen (Lowe 2017).
 *
 * Keeps 128 bits of each instead of the set of operations and the state
 * themselves: 16 bytes and O(1) whatever the history. Two states of a million
 * look the same with a probability below 2^-88.
 */
#ifndef CRAFT_SIM_SEEN_H
#define CRAFT_SIM_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct craft_sim_mark {
    uint64_t a;
    uint64_t b; /* both 0: no mark */
};

/* All zero: empty. */
struct craft_sim_seen {
    struct craft_sim_mark *marks; /* [1 << bits], a table with open places */
    uint32_t bits;
    size_t len;
};

/* 1 for a new one, 0 for one that was seen, or CRAFT_ERR_NOMEM. */
int craft_sim_seen_add(struct craft_sim_seen *seen, struct craft_sim_mark mark);

void craft_sim_seen_free(struct craft_sim_seen *seen);

#endif
