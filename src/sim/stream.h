/*
 * stream: one source of chance for each purpose, all from the seed of the run,
 * so that a draw more here changes nothing there.
 */
#ifndef CRAFT_SIM_STREAM_H
#define CRAFT_SIM_STREAM_H

#include "base/random.h"
#include "sim/mix.h"

enum craft_sim_purpose {
    CRAFT_SIM_FOR_SHAPE = 1, /* how many servers, clients; the limits */
    CRAFT_SIM_FOR_PLAN,      /* a: kind of fault */
    CRAFT_SIM_FOR_SERVER,    /* a: server; what kind of host it is */
    CRAFT_SIM_FOR_CLOCK,     /* a: server */
    CRAFT_SIM_FOR_DISK,      /* a: server */
    CRAFT_SIM_FOR_WORK,      /* a: server; apply, fetch */
    CRAFT_SIM_FOR_CRASH,     /* a: server; what is left */
    CRAFT_SIM_FOR_HOST,      /* a: server; holds, inputs inside hooks */
    CRAFT_SIM_FOR_MEMORY,    /* a: server */
    CRAFT_SIM_FOR_LINK,      /* a: from, b: to; delays */
    CRAFT_SIM_FOR_NOISE,     /* a: from, b: to; faults */
    CRAFT_SIM_FOR_CLIENT,    /* a: client; when, whom */
    CRAFT_SIM_FOR_COMMAND,   /* a: client; what */
    CRAFT_SIM_FOR_LEASE,     /* of this run */
    CRAFT_SIM_FOR_TIME,      /* a: server; what its clock shows, and when */
    CRAFT_SIM_FOR_FORWARD    /* of this run */
};

static inline void craft_sim_stream(struct craft_random *random, uint64_t seed,
                                    uint32_t purpose, uint32_t a, uint32_t b)
{
    uint64_t place = (uint64_t)purpose << 32 | (uint64_t)a << 16 | b;

    craft_random_init(random, craft_sim_mix(seed), craft_sim_mix(place));
}

/* Uniform in min .. max. */
static inline uint32_t craft_sim_between(struct craft_random *random,
                                         uint32_t min, uint32_t max)
{
    return min + craft_random_below(random, max - min + 1);
}

/* Draws only where it may be: a chance of 0 leaves the stream alone. */
static inline bool craft_sim_chance(struct craft_random *random,
                                    uint32_t per_thousand)
{
    return per_thousand > 0 && craft_random_below(random, 1000) < per_thousand;
}

#endif
