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

CRAFT_INTERNAL void craft_random_init(struct craft_random *random,
                                      uint64_t seed, uint64_t stream)
{
    random->state = 0;
    (void)random_next(random);
    random->state += seed;
    (void)random_next(random);
    random->state += stream * PCG_MULTIPLIER;
    (void)random_next(random);
}

CRAFT_INTERNAL uint32_t craft_random_below(struct craft_random *random,
                                           uint32_t bound)
{
    CRAFT_ASSERT(bound > 0);
    return (uint32_t)(((uint64_t)random_next(random) * bound) >> 32);
}
