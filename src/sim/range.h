/*
 * range: many seeds, on several processes at a time.
 */
#ifndef CRAFT_SIM_RANGE_H
#define CRAFT_SIM_RANGE_H

#include "base/base.h"
#include "craft/sim.h"

struct craft_sim_range {
    const craft_sim_options *options; /* of all, but for the seed */
    uint64_t first;
    uint64_t last;
    uint32_t jobs;
    uint32_t seconds_max;  /* for one seed */
    uint32_t failures_max; /* after so many it ends */
    /* A seed has failed: what it breaks. */
    void (*failed)(void *ctx, uint64_t seed, const char *broken);
    void *ctx;

    /* What came of it. */
    uint64_t passed;
    uint64_t failures;
    uint64_t steps;
    uint64_t committed;
    uint64_t operations;
    uint64_t crashes;
    uint64_t elections;
    uint64_t undecided;
    uint64_t digest; /* of all runs, in whatever order they came */
};

/* Of how many processors there are. */
uint32_t craft_sim_jobs_default(void);

/* False: no process can be started. Progress goes to stderr. */
bool craft_sim_range_run(struct craft_sim_range *range);

#endif
