/*
 * quorum: what a set of voters has decided.
 *
 * Pure functions over numbers. Knows no logs and no messages, keeps no state,
 * allocates nothing. Thesis 3.4 (elections), 3.6.2 (commitment).
 */
#ifndef CRAFT_QUORUM_QUORUM_H
#define CRAFT_QUORUM_QUORUM_H

#include "base/base.h"

enum craft_tally {
    CRAFT_TALLY_OPEN,
    CRAFT_TALLY_WON,
    CRAFT_TALLY_LOST
};

/*
 * The largest value that a majority of values[values_len] has reached;
 * reorders values. values_len > 0. O(values_len^2), lengths are small.
 */
CRAFT_INTERNAL uint64_t craft_majority_reached(uint64_t *values,
                                               size_t values_len);

/* The same of three voters, as most groups have. */
static inline uint64_t craft_majority_of_3(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b;
    uint64_t high = a < b ? b : a;

    if (c <= low) {
        return low;
    }
    return c < high ? c : high;
}

/* How many more voters a majority needs, of so many that have it. */
CRAFT_INTERNAL unsigned craft_majority_missing(unsigned have, unsigned voters);

/* What `granted` and `refused` votes of `voters` decide; voters > 0. */
CRAFT_INTERNAL enum craft_tally
craft_majority_tally(unsigned granted, unsigned refused, unsigned voters);

#endif
