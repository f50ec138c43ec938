/*
 * What is drawn before the first event: the limits of the nodes, small or
 * large, their ids, what kind of host each has, how quick network and disks
 * are.
 */
#include <string.h>

#include "sim/sim.h"

static size_t pick(struct craft_random *random, size_t small, size_t large)
{
    return craft_random_below(random, 2) == 0 ? small : large;
}

static void config_draw(struct craft_sim *sim, struct craft_random *random)
{
    craft_config *config = &sim->config;

    craft_config_init(config, sizeof *config);
    config->group = craft_random_below(random, 1000);
    config->election_ticks = craft_sim_between(random, 8, 20);
    config->heartbeat_ticks = craft_sim_between(random, 1, 3);
    if (craft_random_below(random, 3) == 0) {
        config->flags = craft_random_below(random, 8); /* any of them */
    }
    config->flags &= ~(uint32_t)CRAFT_CONFIG_FORWARD; /* see forward_draw() */
    config->entry_bytes_max = 512;
    config->message_bytes_max = pick(random, 576, 4096);
    config->inflight_bytes_max = pick(random, 600, 65536);
    config->inflight_max = (uint32_t)pick(random, 2, 16);
    config->uncommitted_bytes_max = pick(random, 1024, 65536);
    config->log_cache_bytes_max = pick(random, 0, 2048);
    config->tokens_max = (uint32_t)pick(random, 5, 1000);
    config->persist_inflight_max = craft_sim_between(random, 1, 5);
}

static void ids_draw(struct craft_sim *sim, struct craft_random *random)
{
    uint32_t kind = craft_random_below(random, 4);
    uint64_t base = kind == 1   ? CRAFT_NUMBER_MAX - 1 - CRAFT_SIM_SERVERS_MAX
                    : kind == 2 ? craft_random_below(random, 1000000)
                                : 0;

    for (uint32_t i = 1; i <= CRAFT_SIM_SERVERS_MAX; i++) {
        sim->servers[i].id =
            base + (kind == 3 ? CRAFT_SIM_SERVERS_MAX + 1 - i : i);
    }
}

/* Of 1000 endings, how many come inside of their hook. */
static uint32_t inside_draw(struct craft_random *random)
{
    static const uint32_t chances[4] = {0, 0, 500, 1000};

    return chances[craft_random_below(random, 4)];
}

static void server_draw(struct craft_sim *sim, uint32_t position, bool fetches)
{
    struct craft_sim_server *server = &sim->servers[position];
    struct craft_random random;
    uint64_t seed = sim->seed;

    craft_sim_stream(&random, seed, CRAFT_SIM_FOR_SERVER, position, 0);
    craft_sim_stream(&server->clock, seed, CRAFT_SIM_FOR_CLOCK, position, 0);
    craft_sim_stream(&server->disk, seed, CRAFT_SIM_FOR_DISK, position, 0);
    craft_sim_stream(&server->work, seed, CRAFT_SIM_FOR_WORK, position, 0);
    craft_sim_stream(&server->crash, seed, CRAFT_SIM_FOR_CRASH, position, 0);
    craft_sim_stream(&server->host, seed, CRAFT_SIM_FOR_HOST, position, 0);
    craft_sim_stream(&server->refusals, seed, CRAFT_SIM_FOR_MEMORY, position,
                     0);
    craft_sim_stream(&server->time, seed, CRAFT_SIM_FOR_TIME, position, 0);
    server->sim = sim;
    server->position = position;
    server->fetches_back = fetches;
    /* A node that is pulled always fetches. */
    server->pulls = craft_random_below(&random, 4) == 0 && fetches;
    server->durable = craft_random_below(&random, 2) == 0;
    server->tick_us =
        CRAFT_SIM_TICK_US / 100 * craft_sim_between(&random, 97, 103);
    server->disk_us = 50u << craft_random_below(&random, 7);
    server->apply_us = 20u << craft_random_below(&random, 6);
    server->persist_inside = inside_draw(&random);
    server->apply_inside = inside_draw(&random);
    server->fetch_inside = inside_draw(&random);
}

/*
 * Some groups prefer some servers; some servers never campaign: fewer than half
 * of the voters, or the rest could lack what only those have.
 */
static void wishes_draw(struct craft_sim *sim)
{
    uint32_t voters = sim->plan.servers - sim->plan.learners;
    uint32_t passive = (voters - 1) / 2;
    struct craft_random random;
    bool prefers;

    craft_sim_stream(&random, sim->seed, CRAFT_SIM_FOR_SHAPE, 2, 0);
    prefers = craft_random_below(&random, 3) == 0;
    if (craft_random_below(&random, 4) != 0) {
        passive = 0;
    }
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        struct craft_sim_server *server = &sim->servers[i];

        server->passive = passive > 0 && craft_random_below(&random, 2) == 0;
        passive -= server->passive;
        if (prefers && !server->passive) {
            server->priority = craft_random_below(&random, 4);
        }
    }
}

/* In three of four runs all forward what they are offered, or some do. */
static void forward_draw(struct craft_sim *sim)
{
    struct craft_random random;
    uint32_t kind;

    craft_sim_stream(&random, sim->seed, CRAFT_SIM_FOR_FORWARD, 0, 0);
    kind = craft_random_below(&random, 4);
    sim->config.forward_bytes_max = pick(&random, 1024, 65536);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        sim->servers[i].forwards =
            kind > 1 || (kind == 1 && craft_random_below(&random, 2) == 0);
    }
}

static struct craft_judge *judge_new(const struct craft_sim *sim, bool fetches)
{
    craft_id ids[CRAFT_SIM_SERVERS_MAX];
    craft_config configs[CRAFT_SIM_SERVERS_MAX];
    struct craft_judge_options options;

    for (uint32_t i = 0; i < sim->plan.servers; i++) {
        ids[i] = sim->servers[i + 1].id;
        configs[i] = craft_sim_server_config(&sim->servers[i + 1]);
    }
    options.servers = sim->plan.servers;
    options.ids = ids;
    options.config = configs;
    options.fetch = fetches;
    options.token_of = craft_sim_token_of;
    return craft_judge_new(&options);
}

int craft_sim_shape(struct craft_sim *sim)
{
    struct craft_random random;
    bool fetches;

    craft_sim_stream(&random, sim->seed, CRAFT_SIM_FOR_SHAPE, 1, 0);
    config_draw(sim, &random);
    craft_sim_lease_draw(sim);
    ids_draw(sim, &random);
    fetches = craft_random_below(&random, 4) != 0;
    sim->restore_batch = craft_sim_between(&random, 1, 16);
    sim->network.encode = craft_random_below(&random, 3) == 0;
    /* Below a tenth of the election timeout, or nobody is ever elected. */
    sim->network.delay_us = 50u << craft_random_below(&random, 6);
    sim->network.spread_us = 50u << craft_random_below(&random, 6);
    craft_sim_network_init(sim);
    for (uint32_t i = 1; i <= sim->plan.servers; i++) {
        server_draw(sim, i, fetches);
    }
    wishes_draw(sim);
    forward_draw(sim);
    sim->judge = judge_new(sim, fetches);
    if (sim->judge == NULL || !craft_sim_reference_init(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    return 0;
}
