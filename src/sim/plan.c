#include "sim/plan.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/stream.h"

#define FAULTS_OF_KIND_MAX 3u
#define DURATION_MIN_US 400000u
#define DURATION_DRAWN_MAX_US 4000000u

bool craft_sim_plan_add(struct craft_sim_plan *plan,
                        struct craft_sim_fault fault)
{
    struct craft_sim_fault *faults =
        craft_sim_grow(plan->faults, &plan->max, plan->len + 1, sizeof *faults);

    if (faults == NULL) {
        return false;
    }
    plan->faults = faults;
    faults[plan->len] = fault;
    plan->len++;
    return true;
}

bool craft_sim_plan_copy(struct craft_sim_plan *to,
                         const struct craft_sim_plan *from)
{
    struct craft_sim_fault *faults = NULL;
    size_t max = 0;

    if (from->len > 0) {
        faults = craft_sim_grow(NULL, &max, from->len, sizeof *faults);
        if (faults == NULL) {
            return false;
        }
        memcpy(faults, from->faults, from->len * sizeof *faults);
    }
    *to = *from;
    to->faults = faults;
    to->max = max;
    return true;
}

void craft_sim_plan_free(struct craft_sim_plan *plan)
{
    free(plan->faults);
    memset(plan, 0, sizeof *plan);
}

/* ----------------------------------------------------------------- drawing */

static void shape_draw(struct craft_sim_plan *plan, uint64_t seed,
                       uint32_t servers)
{
    static const uint8_t sizes[16] = {1, 2, 3, 3, 3, 3, 3, 4,
                                      4, 5, 5, 5, 6, 7, 8, 9};
    struct craft_random random;
    bool learners;

    craft_sim_stream(&random, seed, CRAFT_SIM_FOR_SHAPE, 0, 0);
    plan->servers = sizes[craft_random_below(&random, 16)];
    if (servers != 0) {
        plan->servers = servers;
    }
    learners = craft_random_below(&random, 4) == 0;
    plan->learners = craft_random_below(&random, plan->servers);
    if (!learners) {
        plan->learners = 0;
    }
    plan->clients = craft_sim_between(&random, 1, 5);
    plan->duration_us =
        craft_sim_between(&random, DURATION_MIN_US, DURATION_DRAWN_MAX_US);
}

/* Some servers, at least one; rarely all. */
static uint32_t servers_draw(struct craft_random *random, uint32_t servers)
{
    uint32_t all = ((1u << servers) - 1) << 1;
    uint32_t mask;

    switch (craft_random_below(random, 4)) {
    case 0:
        return all;
    case 1:
        mask = craft_random_below(random, 1u << servers) << 1;
        break;
    default:
        mask = 0;
        break;
    }
    return mask | 1u << craft_sim_between(random, 1, servers);
}

static void places_draw(struct craft_sim_fault *fault,
                        struct craft_random *random, uint32_t servers)
{
    uint32_t scope = craft_sim_faults[fault->kind].scope;

    fault->from = servers_draw(random, servers);
    fault->to = 0;
    if (scope == CRAFT_SIM_LINKS) {
        fault->to = servers_draw(random, servers);
    } else if (scope == CRAFT_SIM_SIDES) {
        uint32_t all = ((1u << servers) - 1) << 1;
        uint32_t bridge = craft_random_below(random, 3) == 0
                              ? 1u << craft_sim_between(random, 1, servers)
                              : 0;

        fault->from = craft_random_below(random, 1u << servers) << 1;
        fault->to = all & ~fault->from & ~bridge;
        fault->from &= ~bridge;
    }
}

static bool kind_draw(struct craft_sim_plan *plan, uint64_t seed, uint32_t kind,
                      uint32_t chance)
{
    const struct craft_sim_fault_about *about = &craft_sim_faults[kind];
    uint32_t duration = (uint32_t)plan->duration_us;
    struct craft_random random;
    uint32_t count;
    bool ok = true;

    craft_sim_stream(&random, seed, CRAFT_SIM_FOR_PLAN, kind, 0);
    if (!craft_sim_chance(&random, chance)) {
        return true;
    }
    count = craft_sim_between(&random, 1, FAULTS_OF_KIND_MAX) *
            (1 + duration / 1000000);
    for (uint32_t i = 0; i < count && ok; i++) {
        struct craft_sim_fault fault = {.kind = kind};
        uint64_t span = about->span_max_us;

        fault.at = craft_random_below(&random, duration);
        span = span > 0 ? craft_random_below(&random, (uint32_t)span) + 1 : 0;
        fault.until = fault.at + span;
        if (fault.until > duration) {
            fault.until = duration;
        }
        fault.strength = craft_sim_between(&random, about->strength_min,
                                           about->strength_max);
        if (craft_random_below(&random, 2) == 0) { /* mild ones too */
            fault.strength =
                craft_sim_between(&random, about->strength_min, fault.strength);
        }
        places_draw(&fault, &random, plan->servers);
        if (fault.from != 0 &&
            (fault.to != 0 || about->scope == CRAFT_SIM_SERVERS)) {
            ok = craft_sim_plan_add(plan, fault);
        }
    }
    return ok;
}

int craft_sim_plan_draw(struct craft_sim_plan *plan, uint64_t seed,
                        const char *profile, uint32_t servers)
{
    uint32_t kinds;
    uint32_t chance;

    memset(plan, 0, sizeof *plan);
    if (!craft_sim_profile_find(profile, &kinds, &chance)) {
        return CRAFT_ERR_INVALID;
    }
    shape_draw(plan, seed, servers);
    for (uint32_t kind = 0; kind < CRAFT_SIM_FAULT_KINDS; kind++) {
        if ((kinds >> kind & 1u) != 0 && !kind_draw(plan, seed, kind, chance)) {
            craft_sim_plan_free(plan);
            return CRAFT_ERR_NOMEM;
        }
    }
    return 0;
}
