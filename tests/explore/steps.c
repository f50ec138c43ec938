/* The steps that a world allows, and how one is taken. */
#include "explore.h"

struct steps {
    struct step *steps;
    size_t len;
    size_t max;
};

static void add(struct steps *steps, uint8_t kind, uint8_t server,
                uint8_t number, uint8_t other)
{
    if (steps->len == steps->max) {
        explore_break("explore: too many steps: raise STEPS_MAX");
        return;
    }
    steps->steps[steps->len].kind = kind;
    steps->steps[steps->len].server = server;
    steps->steps[steps->len].number = number;
    steps->steps[steps->len].other = other;
    steps->len++;
}

/* What it is offered goes to the leader, whom it may lose. */
static void follower_steps(const struct world *world, uint8_t place,
                           struct steps *steps)
{
    if (world->budget.proposals > 0) {
        add(steps, STEP_PROPOSE, place, 0, 0);
    }
    for (uint8_t i = 0; world->budget.breaks > 0 && i < options.servers; i++) {
        if (i != place) {
            add(steps, STEP_BREAK, place, (uint8_t)(i + 1), 0);
        }
    }
}

/* --------------------------------------------------------------- the steps */

static void role_steps(const struct world *world, uint8_t place,
                       struct steps *steps)
{
    const struct image *image = image_of(world->servers[place].image);
    const struct budget *budget = &world->budget;

    if (image->role != CRAFT_ROLE_LEADER) {
        if (image->term < budget->term) {
            add(steps, STEP_TIMEOUT, place, 0, 0);
        }
        if (options.steady && image->hears) {
            add(steps, STEP_SILENCE, place, 0, 0);
        }
        if (image->awaits_tick) {
            add(steps, STEP_TICK, place, 0, 0);
        }
        if (options.forward) {
            follower_steps(world, place, steps);
        }
        return;
    }
    if (budget->heartbeats > 0) {
        add(steps, STEP_HEARTBEAT, place, 0, 0);
        if ((options.steady || options.budget.transfers > 0) &&
            options.servers > 1) {
            add(steps, STEP_SILENCE, place, 0, 0);
        }
    }
    if (budget->proposals > 0) {
        add(steps, STEP_PROPOSE, place, 0, 0);
    }
    for (uint8_t i = 0; budget->breaks > 0 && i < options.servers; i++) {
        if (i != place) {
            add(steps, STEP_BREAK, place, (uint8_t)(i + 1), 0);
        }
    }
    for (uint8_t i = 0; budget->transfers > 0 && i < options.servers; i++) {
        if (i != place) {
            add(steps, STEP_TRANSFER, place, (uint8_t)(i + 1), 0);
        }
    }
}

static void disk_steps(const struct world *world, uint8_t place,
                       struct steps *steps)
{
    for (uint8_t i = 1; i <= world->servers[place].open_len; i++) {
        add(steps, STEP_WRITTEN, place, i, 0);
        if (world->budget.full_disks > 0) {
            add(steps, STEP_FULL, place, (uint8_t)(i - 1), 0);
        }
        if (world->budget.errors > 0) {
            add(steps, STEP_ERROR, place, (uint8_t)(i - 1), 0);
        }
    }
}

static void apply_steps(const struct world *world, uint8_t place,
                        struct steps *steps)
{
    const struct image *image = image_of(world->servers[place].image);

    if (image->apply_first == 0) {
        return;
    }
    for (uint8_t i = image->apply_first; i <= image->apply_last + 1; i++) {
        add(steps, STEP_APPLIED, place, (uint8_t)(i - 1), 0);
    }
    if (world->budget.errors > 0) {
        add(steps, STEP_APPLY_ERROR, place, image->apply_last, 0);
    }
}

static void fetch_steps(const struct world *world, uint8_t place,
                        struct steps *steps)
{
    const struct server *server = &world->servers[place];

    for (uint8_t which = 0; which < CRAFT_FETCH_COUNT; which++) {
        const struct fetch *fetch = &server->fetches[which];
        uint8_t has = host_has(server, fetch);

        if (fetch->first == 0) {
            continue;
        }
        for (uint8_t i = 1; i <= has; i++) {
            add(steps, STEP_FETCHED, place, i, which);
        }
        if (has < fetch->len ||
            memcmp(fetch->things, &server->disk.log[fetch->first - 1],
                   fetch->len * sizeof fetch->things[0]) != 0) {
            add(steps, STEP_FETCHED_LATE, place, fetch->len, which);
        }
        if (has == 0 || world->budget.errors > 0) {
            add(steps, STEP_FETCH_ERROR, place, 0, which);
        }
    }
}

/* A state machine that is durable may have more than it has told. */
static void crash_steps(const struct world *world, uint8_t place,
                        struct steps *steps)
{
    const struct server *server = &world->servers[place];
    const struct image *image = image_of(server->image);
    uint8_t least = options.durable_machine ? server->machine : 0;
    uint8_t most = least;

    if (options.durable_machine && image->apply_first != 0) {
        most = image->apply_last;
    }
    for (uint8_t i = 0; i <= server->open_len; i++) {
        add(steps, STEP_CRASH, place, i, least);
        for (uint8_t at = image->apply_first; at > 0 && at <= most; at++) {
            add(steps, STEP_CRASH, place, i, at);
        }
    }
}

static void server_steps(const struct world *world, uint8_t place,
                         struct steps *steps)
{
    const struct image *image = image_of(world->servers[place].image);

    if (world->budget.crashes > 0) {
        crash_steps(world, place, steps);
    }
    if (image->owes) {
        add(steps, STEP_PULL, place, 0, 0);
    }
    if (!image->halted) {
        role_steps(world, place, steps);
        disk_steps(world, place, steps);
        apply_steps(world, place, steps);
        fetch_steps(world, place, steps);
    }
}

/*
 * A message that is never delivered is as good as lost, but for the room that
 * it takes: so one is dropped only where others may want its place.
 */
size_t world_steps(const struct world *world, struct step *array, size_t max)
{
    struct steps steps = {array, 0, max};

    for (uint8_t i = 0; i < options.servers; i++) {
        server_steps(world, i, &steps);
    }
    for (uint8_t i = 0; i < world->flight_len; i++) {
        uint8_t to = (uint8_t)(world->flight[i].to - 1);

        if (!image_of(world->servers[to].image)->halted) {
            add(&steps, STEP_DELIVER, to, i, 0);
            if (world->budget.duplicates > 0) {
                add(&steps, STEP_DELIVER_COPY, to, i, 0);
            }
        }
        if (world->flight_len + options.servers > world->budget.flight) {
            add(&steps, STEP_DROP, to, i, 0);
        }
    }
    return steps.len;
}

/* --------------------------------------------------------------- one input */

static void letter_remove(struct world *world, uint8_t place)
{
    world->flight_len--;
    if (telling) {
        script_removed(place, world->flight_len);
    }
    world->flight[place] = world->flight[world->flight_len];
    memset(&world->flight[world->flight_len], 0, sizeof world->flight[0]);
}

static int step_deliver(struct world *world, const struct step *step,
                        craft_node *node)
{
    struct letter letter = world->flight[step->number];
    craft_entry entries[LOG_MAX];
    craft_message message;
    int rv;

    if (step->kind == STEP_DELIVER) {
        letter_remove(world, step->number);
    } else {
        world->budget.duplicates--;
    }
    letter_open(&letter, &message, entries);
    rv = craft_receive(node, &message);
    if (rv != 0 && rv != CRAFT_ERR_NOMEM) {
        explore_break("step: a server takes what a correct one has sent");
    }
    return rv;
}

static int step_propose(struct world *world, craft_node *node)
{
    uint8_t what = (uint8_t)(WHAT_COMMAND + options.budget.proposals -
                             world->budget.proposals);
    int rv = craft_propose(node, command_of(what), command_len(), what);

    if (rv == 0) {
        world->budget.proposals--;
    }
    return rv;
}

/* Of a record that failed nobody knows what was written, nor of later ones. */
static int step_persisted(struct world *world, const struct step *step,
                          craft_node *node)
{
    struct server *server = &world->servers[step->server];

    if (step->kind == STEP_ERROR) {
        world->budget.errors--;
        return craft_persisted(node, ticket_at(node, step->number),
                               CRAFT_ENDING_ERROR);
    }
    if (step->kind == STEP_WRITTEN) {
        uint64_t ticket = ticket_at(node, (uint8_t)(step->number - 1));

        tickets_write(server, step->number);
        return craft_persisted(node, ticket, CRAFT_ENDING_OK);
    }
    world->budget.full_disks--;
    memset(&server->open[step->number], 0,
           (size_t)(OPEN_MAX - step->number) * sizeof server->open[0]);
    server->open_len = step->number;
    return craft_persisted(node, ticket_at(node, step->number),
                           CRAFT_ENDING_NOSPACE);
}

static int step_applied(struct world *world, const struct step *step,
                        craft_node *node)
{
    struct server *server = &world->servers[step->server];
    int ending = CRAFT_ENDING_OK;

    if (step->kind == STEP_APPLY_ERROR) {
        world->budget.errors--;
        ending = CRAFT_ENDING_ERROR;
    }
    if (step->number >= node->apply.first) {
        server->machine = step->number;
    }
    return craft_applied(node, step->number, ending);
}

/* What is no longer of this log is refused, and then there is nothing. */
static int step_fetched(struct world *world, const struct step *step,
                        craft_node *node)
{
    struct server *server = &world->servers[step->server];
    struct fetch *fetch = &server->fetches[step->other];
    craft_entry entries[LOG_MAX];
    uint64_t ticket = node->fetching.stretches[step->other].ticket;
    int rv = CRAFT_ERR_CORRUPT;

    if (step->kind != STEP_FETCH_ERROR) {
        ticket = host_read(node, step, server, entries);
        rv =
            craft_fetched(node, ticket, entries, step->number, CRAFT_ENDING_OK);
    } else if (host_has(server, fetch) > 0) {
        world->budget.errors--;
    }
    if (rv == CRAFT_ERR_CORRUPT) {
        rv = craft_fetched(node, ticket, NULL, 0, CRAFT_ENDING_ERROR);
    }
    if (rv == 0) {
        memset(fetch, 0, sizeof *fetch);
    }
    return rv;
}

static craft_node *step_crash(struct world *world, const struct step *step)
{
    struct server *server = &world->servers[step->server];

    world->budget.crashes--;
    tickets_write(server, step->number);
    server->open_len = 0;
    server->machine = step->other;
    memset(server->open, 0, sizeof server->open);
    memset(server->fetches, 0, sizeof server->fetches);
    return host_start(world, step->server);
}

static int step_time(struct world *world, const struct step *step,
                     craft_node *node)
{
    uint32_t ticks = 1;

    if (node->standing.role == CRAFT_ROLE_LEADER) {
        world->budget.heartbeats--;
    }
    if (step->kind == STEP_TIMEOUT) {
        ticks = node->election.timeout_ticks;
    } else if (step->kind == STEP_SILENCE) {
        ticks = node->standing.role == CRAFT_ROLE_LEADER
                    ? node->config.election_ticks / SILENCES
                    : node->config.election_ticks;
    }
    return craft_tick(node, ticks);
}

int step_input(struct world *world, const struct step *step, craft_node **node)
{
    switch (step->kind) {
    case STEP_TIMEOUT:
    case STEP_HEARTBEAT:
    case STEP_TICK:
    case STEP_SILENCE:
        return step_time(world, step, *node);
    case STEP_PROPOSE:
        return step_propose(world, *node);
    case STEP_BREAK:
        world->budget.breaks--;
        return craft_peer_unreachable(*node, step->number);
    case STEP_TRANSFER:
        world->budget.transfers--;
        return craft_transfer(*node, step->number, TOKEN_TRANSFER);
    case STEP_WRITTEN:
    case STEP_FULL:
    case STEP_ERROR:
        return step_persisted(world, step, *node);
    case STEP_APPLIED:
    case STEP_APPLY_ERROR:
        return step_applied(world, step, *node);
    case STEP_FETCHED:
    case STEP_FETCHED_LATE:
    case STEP_FETCH_ERROR:
        return step_fetched(world, step, *node);
    case STEP_CRASH:
        *node = step_crash(world, step);
        return 0;
    case STEP_PULL:
        return 0;
    default:
        return step_deliver(world, step, *node);
    }
}

void step_effects(struct world *world, const struct step *step,
                  craft_node *node)
{
    if (options.held) {
        if (step->kind == STEP_PULL) {
            (void)craft_release(node);
            effects_take(world, step->server, node);
        }
        if (step->kind == STEP_PULL || step->kind == STEP_CRASH) {
            (void)craft_hold(node);
        }
    } else if (!options.lazy || step->kind == STEP_PULL) {
        effects_take(world, step->server, node);
    }
}

/* ---------------------------------------------------------------- one step */

/* Facts and input, as a number. */
static uint64_t step_sum(const struct world *world, const struct step *step)
{
    struct server server = world->servers[step->server];
    uint64_t sum = mix(step->kind, image_of(server.image)->facts[0]);

    sum = mix(sum, (uint64_t)step->other << 8 | step->number);
    switch (step->kind) {
    case STEP_DELIVER:
    case STEP_DELIVER_COPY:
        sum = mix(step->kind, image_of(server.image)->facts[0]);
        return mix_bytes(sum, &world->flight[step->number],
                         sizeof world->flight[0]);
    case STEP_CRASH:
        tickets_write(&server, step->number);
        sum = mix(STEP_CRASH, (uint64_t)step->other << 8 | step->server);
        return mix_bytes(sum, &server.disk, sizeof server.disk);
    case STEP_FETCHED:
    case STEP_FETCHED_LATE:
        sum = mix_bytes(sum, &server.fetches[step->other],
                        sizeof server.fetches[0]);
        return mix_bytes(sum, &server.disk.log, sizeof server.disk.log);
    case STEP_PROPOSE:
        return mix(sum, world->budget.proposals);
    default:
        return sum;
    }
}

void world_step(struct world *world, const struct step *step)
{
    struct server *server = &world->servers[step->server];
    struct world start = *world;
    uint64_t sum = 0;
    uint64_t after;
    craft_node *node;

    if (step->kind == STEP_DROP) {
        letter_remove(world, step->number);
        return;
    }
    if (options.check_facts) {
        sum = step_sum(world, step);
        effects_sum = 0;
    }
    node = image_load(step->server, server->image);
    (void)step_input(world, step, &node);
    step_effects(world, step, node);
    server->image = image_store(step->server, node);
    if (options.check_facts) {
        after = mix(effects_sum, image_of(server->image)->facts[0]);
        if (memo_check(sum, after) && options.refuse_memory) {
            refuse_memory(&start, step, after);
        }
    }
    check_change(world, step->server,
                 step->kind == STEP_CRASH ? 0
                                          : start.servers[step->server].image);
}
