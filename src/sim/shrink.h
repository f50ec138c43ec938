/*
 * shrink: from a plan that breaks a property to a small one that breaks the
 * same, by delta debugging (Zeller and Hildebrandt 2002) of the faults, then
 * of how long, how many and where.
 */
#ifndef CRAFT_SIM_SHRINK_H
#define CRAFT_SIM_SHRINK_H

#include "base/base.h"
#include "craft/sim.h"

#define CRAFT_SIM_BROKEN_MAX 320u

/* Runs a simulation to its end: what it breaks, "" for nothing, in
 * broken[CRAFT_SIM_BROKEN_MAX]. 0, or an error of craft_sim_new(). */
struct craft_sim_runner {
    int (*run)(void *ctx, const craft_sim_options *options, char *broken);
    void *ctx;
};

/* The same property: the first words of both are, numbers aside. */
bool craft_sim_same_property(const char *a, const char *b);

/* The text of the smallest plan found, to be freed with free(). 0, or as
 * craft_sim_shrink(). */
int craft_sim_shrink_with(const craft_sim_options *options, uint32_t runs_max,
                          const struct craft_sim_runner *runner,
                          char **plan_out);

#endif
