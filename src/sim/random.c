#include "sim/random.h"

void craft_sim_random_init(craft_sim_random *random, uint64_t seed,
                           uint64_t stream)
{
    craft_random_init(&random->base, seed, stream);
}

uint32_t craft_sim_random_below(craft_sim_random *random, uint32_t bound)
{
    /* A machine's mistake, not ours: it gets the only value there is. */
    return bound > 0 ? craft_random_below(&random->base, bound) : 0;
}
