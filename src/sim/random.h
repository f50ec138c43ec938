/*
 * sim/random: the stream that a state machine draws its commands from, apart
 * from the one that decides the faults: the same faults with another machine.
 */
#ifndef CRAFT_SIM_RANDOM_H
#define CRAFT_SIM_RANDOM_H

#include "base/random.h"
#include "craft/sim.h"

struct craft_sim_random {
    struct craft_random base;
};

void craft_sim_random_init(craft_sim_random *random, uint64_t seed,
                           uint64_t stream);

#endif
