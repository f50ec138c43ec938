#include "base/random.h"

#define PCG_MULTIPLIER 6364136223846793005u
#define PCG_INCREMENT 1442695040888963407u

static uint32_t random_next(struct craft_random *random)
{
    uint64_t old = random->state;
    uint32_t xored = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);

    random->state = old * PCG_MULTIPLIER + PCG_INCREMENT;
    return (xored >> turn) | (xored << ((32u - turn) & 31u));
}

/* The finalizer of SplitMix64 (Steele, Lea and Flood 2014): one to one. */
static uint64_t random_scatter(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/*
 * The seed is scattered before the stream is added: nodes 1 and 2 with the
 * seeds 8 and 7 must not draw the same, or they split their votes for ever.
 */
CRAFT_INTERNAL void craft_random_init(struct craft_random *random,
                                      uint64_t seed, uint64_t stream)
{
    random->state = random_scatter(random_scatter(seed) + stream);
}

CRAFT_INTERNAL uint32_t craft_random_below(struct craft_random *random,
                                           uint32_t bound)
{
    CRAFT_ASSERT(bound > 0);
    return (uint32_t)(((uint64_t)random_next(random) * bound) >> 32);
}
