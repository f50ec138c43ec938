/*
 * random: a small generator (PCG32: O'Neill 2014), owned by its node, so that
 * the same seed gives the same elections.
 */
#ifndef CRAFT_BASE_RANDOM_H
#define CRAFT_BASE_RANDOM_H

#include "base/base.h"

struct craft_random {
    uint64_t state;
};

/* stream tells nodes apart that were given the same seed. */
CRAFT_INTERNAL void craft_random_init(struct craft_random *random,
                                      uint64_t seed, uint64_t stream);

/* Uniform in 0 .. bound - 1; bound > 0. */
CRAFT_INTERNAL uint32_t craft_random_below(struct craft_random *random,
                                           uint32_t bound);

#endif
