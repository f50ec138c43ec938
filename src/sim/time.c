/*
 * What the clocks of servers show, for leases (thesis 6.4.1): each its own
 * time, from any beginning, at a rate that changes within what the config
 * allows. Ticks are another matter, and keep to no such bound.
 */
#include "sim/sim.h"

#define MILLION 1000000u

/* Roundings, of which the bound says nothing. */
#define MARGIN_PPM 2u

static bool has_leases(const struct craft_sim *sim)
{
    return (sim->config.flags & CRAFT_CONFIG_LEASE) != 0;
}

/* In most runs; short and long ones, with clocks good and bad. */
void craft_sim_lease_draw(struct craft_sim *sim)
{
    static const uint32_t drifts[4] = {100, 1000, 50000, 300000};
    static const uint32_t parts[4] = {50, 100, 200, 400};
    craft_config *config = &sim->config;
    struct craft_random random;
    uint32_t election_ms = config->election_ticks * CRAFT_SIM_TICK_US / 1000;

    craft_sim_stream(&random, sim->seed, CRAFT_SIM_FOR_LEASE, 0, 0);
    if (craft_random_below(&random, 4) == 0) {
        return;
    }
    config->flags |= CRAFT_CONFIG_LEASE;
    config->clock_drift_ppm = drifts[craft_random_below(&random, 4)];
    if (craft_random_below(&random, 2) == 0) { /* nor does silence end them */
        config->flags &= ~(uint32_t)CRAFT_CONFIG_CHECK_QUORUM;
    }
    config->lease_ms =
        election_ms * parts[craft_random_below(&random, 4)] / 100;
}

uint64_t craft_sim_server_time(const struct craft_sim_server *server)
{
    uint64_t passed_us = server->sim->now_us - server->shown_us;

    return server->shown_ns + passed_us * server->rate_ppm / 1000;
}

/* As fast as may be, as slow as may be, or anything between. */
static void rate_draw(struct craft_sim_server *server)
{
    uint32_t most = server->sim->config.clock_drift_ppm - MARGIN_PPM;
    uint32_t drift = 2 * most;

    switch (craft_random_below(&server->time, 3)) {
    case 0:
        drift = 0;
        break;
    case 1:
        break;
    default:
        drift = craft_random_below(&server->time, drift + 1);
        break;
    }
    server->shown_ns = craft_sim_server_time(server);
    server->shown_us = server->sim->now_us;
    server->rate_ppm = MILLION - most + drift;
}

void craft_sim_clock_begin(struct craft_sim_server *server)
{
    if (!has_leases(server->sim)) {
        return;
    }
    if (server->rate_ppm == 0 || craft_random_below(&server->time, 2) == 0) {
        /* The machine has begun anew, and its time with it. */
        server->shown_us = server->sim->now_us;
        server->shown_ns = craft_random_below(&server->time, UINT32_MAX);
        server->tells = craft_random_below(&server->time, 3);
    }
    rate_draw(server);
}

/* Some hosts tell the time in every turn, some now and then. */
bool craft_sim_clock_is_told(struct craft_sim_server *server, bool at_tick)
{
    if (!has_leases(server->sim)) {
        return false;
    }
    if (craft_random_below(&server->time, 32) == 0) {
        rate_draw(server);
    }
    if (!at_tick) {
        return server->tells > 0 && craft_random_below(&server->time, 2) == 0;
    }
    return server->tells < 2 || craft_random_below(&server->time, 2) == 0;
}

bool craft_sim_reads_by_lease(struct craft_sim_server *server)
{
    return has_leases(server->sim) && craft_random_below(&server->time, 4) != 0;
}

/* Who may answer reads alone has all that is committed, as anybody knows. */
static void lease_judge(struct craft_sim_server *server)
{
    craft_status status = craft_sim_server_status(server);
    size_t committed = craft_judge_committed(server->sim->judge)->len;

    if (craft_sim_server_time(server) < status.lease_until_ns &&
        status.commit_index < committed) {
        craft_judge_convict(server->sim->judge,
                            "lease: %u may answer reads alone from %llu, of "
                            "%llu that are committed",
                            server->position,
                            (unsigned long long)status.commit_index,
                            (unsigned long long)committed);
    }
}

/* After a step of that server: of its own lease, and when it has committed
 * something, of all. */
void craft_sim_leases_judge(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    size_t committed = craft_judge_committed(sim->judge)->len;

    if (!has_leases(sim)) {
        return;
    }
    if (committed == sim->leases_judged) {
        lease_judge(server);
        return;
    }
    sim->leases_judged = committed;
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        lease_judge(&sim->servers[i]);
    }
}
