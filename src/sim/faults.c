/*
 * The plan, carried out. What lasts is not switched on and off but derived
 * anew from the faults of the moment, so that they may overlap as they like.
 */
#include <string.h>

#include "sim/sim.h"

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ----------------------------------------------------------- of this moment */

static void link_suffer(struct craft_sim_link *link,
                        const struct craft_sim_fault *fault)
{
    switch (fault->kind) {
    case CRAFT_SIM_LOSS:
        link->loss = larger(link->loss, fault->strength);
        break;
    case CRAFT_SIM_DUPLICATE:
        link->duplicate = larger(link->duplicate, fault->strength);
        break;
    case CRAFT_SIM_REORDER:
        link->reorder = larger(link->reorder, fault->strength);
        break;
    case CRAFT_SIM_DELAY:
        link->slow = larger(link->slow, fault->strength);
        break;
    case CRAFT_SIM_STALE:
        link->stale = larger(link->stale, fault->strength);
        break;
    case CRAFT_SIM_CUT:
    case CRAFT_SIM_PARTITION:
        link->cut = true;
        break;
    default:
        break;
    }
}

static void mode_suffer(struct craft_sim_mode *mode,
                        const struct craft_sim_fault *fault)
{
    uint32_t strength = fault->strength;

    switch (fault->kind) {
    case CRAFT_SIM_DISK_SLOW:
        mode->disk_slow = larger(mode->disk_slow, strength);
        break;
    case CRAFT_SIM_DISK_STALL:
        mode->stalled_until = later(mode->stalled_until, fault->until);
        break;
    case CRAFT_SIM_DISK_FULL:
        mode->disk_full = larger(mode->disk_full, strength);
        break;
    case CRAFT_SIM_DISK_ERROR:
        mode->disk_error = larger(mode->disk_error, strength);
        break;
    case CRAFT_SIM_CRASH:
    case CRAFT_SIM_STOP:
        mode->down_until = later(mode->down_until, fault->until);
        break;
    case CRAFT_SIM_PAUSE:
        mode->paused_until = later(mode->paused_until, fault->until);
        mode->catches_up = mode->catches_up || strength > 0;
        break;
    case CRAFT_SIM_CLOCK:
        mode->clock = strength;
        break;
    case CRAFT_SIM_JITTER:
        mode->jitter = larger(mode->jitter, strength);
        break;
    case CRAFT_SIM_APPLY_SLOW:
        mode->apply_slow = larger(mode->apply_slow, strength);
        break;
    case CRAFT_SIM_APPLY_ERROR:
        mode->apply_error = larger(mode->apply_error, strength);
        break;
    case CRAFT_SIM_FETCH_ERROR:
        mode->fetch_error = larger(mode->fetch_error, strength);
        break;
    case CRAFT_SIM_MEMORY:
        mode->memory = larger(mode->memory, strength);
        break;
    case CRAFT_SIM_HOLD:
        mode->hold = larger(mode->hold, strength);
        break;
    case CRAFT_SIM_INSIDE:
        mode->inside = larger(mode->inside, strength);
        break;
    default:
        break;
    }
}

static void links_suffer(struct craft_sim *sim,
                         const struct craft_sim_fault *fault)
{
    bool both = craft_sim_faults[fault->kind].scope == CRAFT_SIM_SIDES;

    for (uint32_t from = 1; from <= sim->plan.servers; from++) {
        for (uint32_t to = 1; to <= sim->plan.servers; to++) {
            bool one_way = (fault->from >> from & fault->to >> to & 1u) != 0;
            bool back = (fault->from >> to & fault->to >> from & 1u) != 0;

            if (one_way || (both && back)) {
                link_suffer(&sim->network.links[from][to], fault);
            }
        }
    }
}

/* That server, from all others. */
static void links_end(struct craft_sim *sim, uint32_t server)
{
    for (uint32_t other = 1; other <= sim->plan.servers; other++) {
        sim->network.links[server][other].cut = true;
        sim->network.links[other][server].cut = true;
    }
}

static void links_calm(struct craft_sim *sim)
{
    for (uint32_t from = 1; from <= CRAFT_SIM_SERVERS_MAX; from++) {
        for (uint32_t to = 1; to <= CRAFT_SIM_SERVERS_MAX; to++) {
            struct craft_sim_link *link = &sim->network.links[from][to];

            link->loss = 0;
            link->duplicate = 0;
            link->reorder = 0;
            link->stale = 0;
            link->slow = 0;
            link->cut = false;
        }
    }
}

void craft_sim_faults_renew(struct craft_sim *sim)
{
    links_calm(sim);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        memset(&sim->servers[i].mode, 0, sizeof sim->servers[i].mode);
    }
    for (size_t k = 0; k < sim->plan.len && !sim->ceased; k++) {
        const struct craft_sim_fault *fault = &sim->plan.faults[k];

        if (fault->at > sim->now_us || fault->until <= sim->now_us) {
            continue;
        }
        if (fault->kind == CRAFT_SIM_DEPOSE) {
            links_end(sim, fault->to); /* 0: nobody */
            continue;
        }
        if (craft_sim_faults[fault->kind].scope != CRAFT_SIM_SERVERS) {
            links_suffer(sim, fault);
            continue;
        }
        for (uint32_t i = 1; i <= sim->plan.servers; i++) {
            if ((fault->from >> i & 1u) != 0) {
                mode_suffer(&sim->servers[i].mode, fault);
            }
        }
    }
}

/* ------------------------------------------------------------------ at once */

static void restart_at(struct craft_sim_server *server, uint64_t time)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_RESTART};

    event.time = time;
    event.server = (uint16_t)server->position;
    craft_sim_at(server->sim, event);
}

static void server_strike(struct craft_sim_server *server,
                          const struct craft_sim_fault *fault)
{
    switch (fault->kind) {
    case CRAFT_SIM_CRASH:
        server->crash_in = fault->strength;
        if (fault->strength == 0) {
            craft_sim_server_crash(server);
        }
        restart_at(server, fault->until);
        break;
    case CRAFT_SIM_STOP:
        craft_sim_server_stop(server);
        restart_at(server, fault->until);
        break;
    case CRAFT_SIM_CAMPAIGN:
        craft_sim_server_campaign(server);
        break;
    case CRAFT_SIM_DEPOSE:
        if (fault->strength > 0 && fault->to != 0 &&
            fault->to != server->position) {
            craft_sim_server_crash(server);
            restart_at(server, server->sim->now_us);
        }
        break;
    case CRAFT_SIM_TICKS:
        if (craft_sim_server_is_up(server)) {
            craft_sim_server_tick(server, fault->strength);
        }
        break;
    default:
        break;
    }
}

static void unreachable_strike(struct craft_sim_server *server,
                               const struct craft_sim_fault *fault)
{
    for (uint32_t to = 1; to <= server->sim->plan.servers; to++) {
        if (to != server->position && (fault->to >> to & 1u) != 0) {
            craft_sim_server_unreachable(server, to);
        }
    }
}

/* Of those who lead, or believe so, the one of the latest term; or 0. */
static uint32_t leader_now(struct craft_sim *sim)
{
    craft_term latest = 0;
    uint32_t leader = 0;

    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        craft_status status = craft_sim_server_status(&sim->servers[i]);

        if (status.role == CRAFT_ROLE_LEADER && status.term > latest) {
            latest = status.term;
            leader = i;
        }
    }
    return leader;
}

void craft_sim_fault_begin(struct craft_sim *sim, size_t at)
{
    struct craft_sim_fault *fault = &sim->plan.faults[at];

    craft_sim_tell(sim, 0, "fault: %s", craft_sim_faults[fault->kind].name);
    if (fault->kind == CRAFT_SIM_DEPOSE) {
        fault->to = leader_now(sim);
    }
    craft_sim_faults_renew(sim);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        if ((fault->from >> i & 1u) == 0) {
            continue;
        }
        if (fault->kind == CRAFT_SIM_UNREACHABLE) {
            unreachable_strike(&sim->servers[i], fault);
        } else {
            server_strike(&sim->servers[i], fault);
        }
    }
}

/* ---------------------------------------------------------------- schedule */

bool craft_sim_faults_schedule(struct craft_sim *sim)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_CEASE};

    for (size_t i = 0; i < sim->plan.len; i++) {
        struct craft_sim_event change = {.kind = CRAFT_SIM_FAULT_BEGIN};

        change.as.number = i;
        change.time = sim->plan.faults[i].at;
        craft_sim_at(sim, change);
        change.kind = CRAFT_SIM_FAULT_END;
        change.time = sim->plan.faults[i].until;
        craft_sim_at(sim, change);
    }
    event.time = sim->plan.duration_us;
    craft_sim_at(sim, event);
    return !sim->no_memory;
}

/* From now on nothing goes wrong: all come back, no hold stays. */
void craft_sim_faults_cease(struct craft_sim *sim)
{
    craft_sim_tell(sim, 0, "all faults cease");
    sim->ceased = true;
    craft_sim_faults_renew(sim);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        struct craft_sim_server *server = &sim->servers[i];

        server->crash_in = 0;
        while (server->node != NULL && server->holds > 0) {
            craft_sim_server_release(server);
        }
        if (!craft_sim_server_is_up(server)) {
            restart_at(server, sim->now_us);
        }
    }
}
