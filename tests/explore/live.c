/*
 * Liveness, by a bounded argument: from the worlds that are met, when no more
 * faults come, a fair schedule leads to agreement within a bound of time-outs.
 *
 * In that schedule every message arrives and every write ends before time goes
 * on. Then, while a server leads, its heartbeat is due; while none does, nobody
 * is heard, and the servers' timers run out one after the other. Which one is
 * first is chosen in every way: so whoever may win is among the first ones.
 */
#include <stdio.h>

#include "explore.h"

enum {
    DRAIN_MAX = 1000, /* steps without time going on */
    TURNS_MAX = 12,   /* of time */
    TIMEOUTS_MAX = 4  /* of those, that make a server campaign */
};

/* Of all worlds looked at. */
static uint32_t worlds_looked_at;
static uint32_t timeouts_most;
static uint32_t turns_most;

/* What goes on without time, in this order; 0 = does not. */
static uint8_t rank_of(uint8_t kind)
{
    switch (kind) {
    case STEP_PULL:
        return 5;
    case STEP_WRITTEN:
        return 4;
    case STEP_APPLIED:
        return 3;
    case STEP_FETCHED:
        return 2;
    case STEP_DELIVER:
        return 1;
    default:
        return 0;
    }
}

static void take(struct world *world, const struct step *step)
{
    if (telling) {
        tell_step(world, step);
    }
    world_step(world, step);
}

static void take_time(struct world *world, uint8_t kind, uint8_t place)
{
    struct step step = {kind, place, 0, 0};

    take(world, &step);
}

/* The next step, all of what is open at once; false: there is none. */
static bool drain_one(struct world *world)
{
    struct step steps[STEPS_MAX];
    size_t len = world_steps(world, steps, STEPS_MAX);
    size_t best = 0;
    uint8_t rank = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t this = rank_of(steps[i].kind);

        if (this > rank || (this == rank && this > 1 &&
                            steps[i].server == steps[best].server)) {
            best = i;
            rank = this;
        }
    }
    if (rank > 0) {
        take(world, &steps[best]);
    }
    return rank > 0;
}

static void drain(struct world *world)
{
    uint32_t steps = 0;

    while (explore_broken() == NULL && drain_one(world)) {
        steps++;
        if (steps == DRAIN_MAX) {
            explore_break("liveness: it comes to rest");
        }
    }
}

static const struct image *image_at(const struct world *world, uint8_t place)
{
    return image_of(world->servers[place].image);
}

/* The place of a leader, or options.servers. */
static uint8_t leader_of(const struct world *world)
{
    uint8_t place = 0;

    while (place < options.servers &&
           image_at(world, place)->role != CRAFT_ROLE_LEADER) {
        place++;
    }
    return place;
}

/* One leads, all have its log and know that all of it is committed. */
static bool agreed(const struct world *world)
{
    uint8_t place = leader_of(world);
    const struct image *leader;

    if (place == options.servers) {
        return false;
    }
    leader = image_at(world, place);
    for (uint8_t i = 0; i < options.servers; i++) {
        const struct image *image = image_at(world, i);

        if (image->term != leader->term || image->log_len != leader->log_len ||
            image->commit != leader->log_len ||
            (i != place && image->role != CRAFT_ROLE_FOLLOWER)) {
            return false;
        }
    }
    return true;
}

/* What has failed is tried again, a tick each; there are more of these than
 * of anything else that needs time. */
static void ticks(struct world *world)
{
    for (uint32_t turn = 0; turn < LOG_MAX; turn++) {
        for (uint8_t i = 0; i < options.servers; i++) {
            if (image_at(world, i)->role != CRAFT_ROLE_LEADER &&
                image_at(world, i)->awaits_tick) {
                take_time(world, STEP_TICK, i);
            }
        }
        drain(world);
    }
}

/* A heartbeat is due; half an election timeout where that matters. */
static void time_of_leaders(struct world *world)
{
    bool half = options.steady || options.budget.transfers > 0;

    for (uint8_t i = 0; i < options.servers; i++) {
        if (image_at(world, i)->role == CRAFT_ROLE_LEADER) {
            take_time(world, half ? STEP_SILENCE : STEP_HEARTBEAT, i);
        }
    }
}

static void time_of_one(struct world *world, uint8_t place)
{
    for (uint8_t i = 0; i < options.servers; i++) {
        if (options.steady && image_at(world, i)->hears) {
            take_time(world, STEP_SILENCE, i);
        }
    }
    drain(world);
    take_time(world, STEP_TIMEOUT, place);
}

/* Until they agree. first: whose timer runs out first, when one does. */
static void run(struct world *world, uint8_t first)
{
    uint32_t timeouts = 0;
    uint32_t turns = 0;

    drain(world);
    while (explore_broken() == NULL && !agreed(world)) {
        if (turns == TURNS_MAX || timeouts > TIMEOUTS_MAX) {
            explore_break("liveness: in time they agree");
            return;
        }
        turns++;
        ticks(world);
        if (leader_of(world) < options.servers) {
            time_of_leaders(world);
        } else {
            time_of_one(world, (uint8_t)((first + timeouts) % options.servers));
            timeouts++;
        }
        drain(world);
    }
    timeouts_most = timeouts > timeouts_most ? timeouts : timeouts_most;
    turns_most = turns > turns_most ? turns : turns_most;
}

void live_check(const struct world *world)
{
    bool check_facts = options.check_facts;

    worlds_looked_at++;
    options.check_facts = false; /* the search itself looks for those */
    for (uint8_t i = 0; i < options.servers && explore_broken() == NULL; i++) {
        struct world copy = *world;

        memset(&copy.budget, 0, sizeof copy.budget);
        copy.budget.term = TERMS_MAX;
        copy.budget.heartbeats = UINT8_MAX;
        copy.budget.flight = BAG_MAX;
        copy.budget.open = options.budget.open;
        if (telling) {
            printf("and without more faults, when server %u is first:\n",
                   i + 1u);
        }
        run(&copy, i);
    }
    options.check_facts = check_facts;
}

void live_tell(void)
{
    printf("explore: agreement from %u worlds, after %u time-outs and %u "
           "turns at most\n",
           worlds_looked_at, timeouts_most, turns_most);
}
