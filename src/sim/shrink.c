#include "sim/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"

#define RUNS_DEFAULT 1000u
#define WORDS_COMPARED 4u

struct shrinker {
    craft_sim_options options; /* of all runs, but for the plan */
    const struct craft_sim_runner *runner;
    struct craft_sim_plan plan; /* the smallest one so far */
    char broken[CRAFT_SIM_BROKEN_MAX];
    uint32_t runs_left;
    int error;
};

/* ---------------------------------------------------------------- property */

/* The next word without a digit in it; its length, 0: there is none. */
static size_t next_word(const char **at)
{
    for (;;) {
        size_t len;

        *at += strspn(*at, " ");
        len = strcspn(*at, " ");
        if (len == 0 || strcspn(*at, "0123456789") >= len) {
            return len;
        }
        *at += len;
    }
}

bool craft_sim_same_property(const char *a, const char *b)
{
    for (uint32_t i = 0; i < WORDS_COMPARED; i++) {
        size_t len = next_word(&a);

        if (next_word(&b) != len || strncmp(a, b, len) != 0) {
            return false;
        }
        a += len;
        b += len;
    }
    return true;
}

/* ------------------------------------------------------------------- trials */

/* What is not longer part of the run leaves the faults. */
static void plan_trim(struct craft_sim_plan *plan)
{
    uint32_t all = ((1u << plan->servers) - 1) << 1;
    size_t len = 0;

    if (plan->learners >= plan->servers) {
        plan->learners = plan->servers - 1;
    }
    for (size_t i = 0; i < plan->len; i++) {
        struct craft_sim_fault fault = plan->faults[i];
        bool links = fault.to != 0;

        fault.from &= all;
        fault.to &= all;
        if (fault.until > plan->duration_us) {
            fault.until = plan->duration_us;
        }
        if (fault.from != 0 && (fault.to != 0 || !links) &&
            fault.at <= fault.until) {
            plan->faults[len] = fault;
            len++;
        }
    }
    plan->len = len;
}

/*
 * Is this plan, which becomes the shrinker's, as good as the one so far? If
 * so it takes its place.
 */
static bool keeps(struct shrinker *shrinker, struct craft_sim_plan *plan)
{
    craft_sim_options options = shrinker->options;
    char broken[CRAFT_SIM_BROKEN_MAX] = "";
    char *text;

    plan_trim(plan);
    text = craft_sim_plan_print(plan);
    if (shrinker->runs_left == 0 || shrinker->error != 0 || text == NULL) {
        shrinker->error = text == NULL ? CRAFT_ERR_NOMEM : shrinker->error;
        craft_sim_plan_free(plan);
        free(text);
        return false;
    }
    shrinker->runs_left--;
    options.plan = text;
    options.servers = 0;
    shrinker->error =
        shrinker->runner->run(shrinker->runner->ctx, &options, broken);
    free(text);
    if (shrinker->error != 0 || broken[0] == '\0' ||
        !craft_sim_same_property(broken, shrinker->broken)) {
        craft_sim_plan_free(plan);
        return false;
    }
    craft_sim_plan_free(&shrinker->plan);
    shrinker->plan = *plan;
    return true;
}

static bool plan_begin(struct shrinker *shrinker, struct craft_sim_plan *plan)
{
    if (!craft_sim_plan_copy(plan, &shrinker->plan)) {
        shrinker->error = CRAFT_ERR_NOMEM;
    }
    return shrinker->error == 0 && shrinker->runs_left > 0;
}

/* ------------------------------------------------------------------- faults */

static bool without(struct shrinker *shrinker, size_t from, size_t len)
{
    struct craft_sim_plan plan;
    size_t after;

    if (!plan_begin(shrinker, &plan)) {
        return false;
    }
    after = from + len < plan.len ? plan.len - from - len : 0;
    if (after > 0) {
        memmove(plan.faults + from, plan.faults + from + len,
                after * sizeof plan.faults[0]);
    }
    plan.len = from + after;
    return keeps(shrinker, &plan);
}

/* Leave out larger parts first, then smaller ones. */
static bool fewer_faults(struct shrinker *shrinker)
{
    size_t before = shrinker->plan.len;
    size_t part = before;

    while (part > 0 && shrinker->plan.len > 0) {
        size_t from = 0;

        while (from < shrinker->plan.len) {
            if (!without(shrinker, from, part)) {
                from += part;
            }
        }
        part = part > 1 ? (part + 1) / 2 : 0;
    }
    return shrinker->plan.len < before;
}

/* ---------------------------------------------------------------- the rest */

static bool shorter(struct shrinker *shrinker)
{
    bool any = false;

    for (uint64_t part = 2; part <= 16; part *= 2) {
        struct craft_sim_plan plan;

        while (plan_begin(shrinker, &plan) && plan.duration_us > 1000) {
            plan.duration_us -= plan.duration_us / part;
            if (!keeps(shrinker, &plan)) {
                break;
            }
            any = true;
        }
    }
    return any;
}

/* Of the count that stands there in a plan. */
static bool fewer_of(struct shrinker *shrinker, size_t offset, uint32_t least)
{
    struct craft_sim_plan plan;
    bool any = false;
    uint32_t count;

    while (plan_begin(shrinker, &plan)) {
        memcpy(&count, (char *)&plan + offset, sizeof count);
        if (count <= least) {
            craft_sim_plan_free(&plan);
            break;
        }
        count--;
        memcpy((char *)&plan + offset, &count, sizeof count);
        if (!keeps(shrinker, &plan)) {
            break;
        }
        any = true;
    }
    return any;
}

/* One server less at each fault, as long as that goes. */
static bool fewer_places(struct shrinker *shrinker)
{
    bool any = false;

    for (size_t i = 0; i < shrinker->plan.len; i++) {
        for (uint32_t bit = 0; bit < 32; bit++) {
            struct craft_sim_plan plan;
            uint32_t *mask;

            if (!plan_begin(shrinker, &plan)) {
                return any;
            }
            mask = bit < 16 ? &plan.faults[i].from : &plan.faults[i].to;
            if ((*mask >> bit % 16 & 1u) == 0 ||
                (*mask & ~(1u << bit % 16)) == 0) {
                craft_sim_plan_free(&plan);
                continue;
            }
            *mask &= ~(1u << bit % 16);
            any = keeps(shrinker, &plan) || any;
        }
    }
    return any;
}

static bool smaller(struct shrinker *shrinker)
{
    bool any = fewer_faults(shrinker);

    any = shorter(shrinker) || any;
    any =
        fewer_of(shrinker, offsetof(struct craft_sim_plan, learners), 0) || any;
    any =
        fewer_of(shrinker, offsetof(struct craft_sim_plan, servers), 1) || any;
    any =
        fewer_of(shrinker, offsetof(struct craft_sim_plan, clients), 0) || any;
    any = fewer_places(shrinker) || any;
    return any;
}

/* ------------------------------------------------------------------- public */

static int plan_of(const craft_sim_options *options,
                   struct craft_sim_plan *plan)
{
    craft_sim *sim;
    int rv = craft_sim_new(options, &sim);

    if (rv == 0) {
        rv = craft_sim_plan_read(plan, craft_sim_plan(sim));
        craft_sim_free(sim);
    }
    return rv;
}

int craft_sim_shrink_with(const craft_sim_options *options, uint32_t runs_max,
                          const struct craft_sim_runner *runner,
                          char **plan_out)
{
    struct shrinker shrinker = {.runner = runner};
    bool any = true;
    int rv;

    shrinker.options = *options;
    shrinker.options.trace = NULL;
    shrinker.runs_left = runs_max > 0 ? runs_max : RUNS_DEFAULT;
    rv = runner->run(runner->ctx, &shrinker.options, shrinker.broken);
    if (rv == 0 && shrinker.broken[0] == '\0') {
        rv = CRAFT_ERR_STATE;
    }
    if (rv == 0) {
        rv = plan_of(&shrinker.options, &shrinker.plan);
    }
    if (rv != 0) {
        return rv;
    }
    while (any && shrinker.runs_left > 0 && shrinker.error == 0) {
        any = smaller(&shrinker);
    }
    *plan_out = craft_sim_plan_print(&shrinker.plan);
    craft_sim_plan_free(&shrinker.plan);
    return *plan_out != NULL ? shrinker.error : CRAFT_ERR_NOMEM;
}

static int run_here(void *ctx, const craft_sim_options *options, char *broken)
{
    craft_sim *sim;
    int rv = craft_sim_new(options, &sim);
    craft_sim_report report = {.struct_size = sizeof report};

    (void)ctx;
    if (rv == 0) {
        (void)craft_sim_run(sim);
        rv = craft_sim_look(sim, &report);
        (void)snprintf(broken, CRAFT_SIM_BROKEN_MAX, "%s",
                       report.broken != NULL ? report.broken : "");
        craft_sim_free(sim);
    }
    return rv;
}

int craft_sim_shrink(const craft_sim_options *options, uint32_t runs_max,
                     craft_sim **shrunk_out)
{
    struct craft_sim_runner runner = {.run = run_here, .ctx = NULL};
    craft_sim_options shrunk;
    char *plan = NULL;
    int rv;

    if (options == NULL || shrunk_out == NULL ||
        options->struct_size != sizeof *options) {
        return CRAFT_ERR_INVALID;
    }
    rv = craft_sim_shrink_with(options, runs_max, &runner, &plan);
    if (rv == 0) {
        shrunk = *options;
        shrunk.trace = NULL;
        shrunk.servers = 0;
        shrunk.plan = plan;
        rv = craft_sim_new(&shrunk, shrunk_out);
    }
    free(plan);
    if (rv == 0) {
        (void)craft_sim_run(*shrunk_out);
    }
    return rv;
}
