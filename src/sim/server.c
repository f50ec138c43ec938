/* A server's life, and the inputs to its node. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define POISON 0xdb
#define HOLD_MAX_US 30000u
#define REVIVE_MAX_US 300000u
#define RESTORE_BATCH_MAX 16u

bool craft_sim_server_is_up(const struct craft_sim_server *server)
{
    return server->node != NULL && !server->halted;
}

craft_status craft_sim_server_status(const struct craft_sim_server *server)
{
    craft_status status;

    memset(&status, 0, sizeof status);
    status.struct_size = sizeof status;
    if (server->node != NULL) {
        (void)craft_node_status(server->node, &status);
    }
    return status;
}

/* ------------------------------------------------------------------ memory */

/* Counts what the node has; refuses by chance; what is freed is spoilt, so
 * that a late reader is seen. */
static void *node_realloc(void *ctx, void *ptr, size_t old_size,
                          size_t new_size)
{
    struct craft_sim_server *server = ctx;
    uint8_t *fresh = NULL;

    if (new_size > 0 && !server->allocates) {
        craft_judge_convict(server->sim->judge,
                            "memory: %u allocates in a delivery or an ending",
                            server->position);
    }
    if (old_size > server->memory || (ptr == NULL) != (old_size == 0)) {
        craft_judge_convict(server->sim->judge, "memory: %u tells a wrong size",
                            server->position);
    }
    if (new_size > 0) {
        if (craft_sim_chance(&server->refusals, server->mode.memory)) {
            return NULL;
        }
        fresh = malloc(new_size);
        if (fresh == NULL) {
            craft_sim_out_of_memory(server->sim);
            return NULL;
        }
    }
    if (ptr != NULL) {
        if (fresh != NULL) {
            memcpy(fresh, ptr, old_size < new_size ? old_size : new_size);
        }
        memset(ptr, POISON, old_size);
        free(ptr);
    }
    server->memory = server->memory - old_size + new_size;
    return fresh;
}

/* ------------------------------------------------- around calls into a node */

struct input {
    struct craft_sim_server *server;
    uint32_t life;
    bool allocated;
};

static struct input input_begin(struct craft_sim_server *server, bool allocates)
{
    struct input input = {server, server->life, server->allocates};

    server->allocates = allocates;
    server->depth++;
    server->sim->steps++;
    return input;
}

/* The node may have crashed in its own hook: then there is nothing to see. */
static void input_end(struct input input)
{
    struct craft_sim_server *server = input.server;

    if (server->depth == 1 && server->life == input.life && server->pulls) {
        craft_sim_server_pull(server);
    }
    server->depth--;
    server->allocates = input.allocated;
    if (server->depth > 0) {
        return;
    }
    if (server->life == input.life) {
        craft_judge_step(server->sim->judge, server->position, server->memory);
        craft_sim_leases_judge(server);
    } else if (server->memory != 0) {
        craft_judge_convict(server->sim->judge, "memory: %u leaks %zu bytes",
                            server->position, server->memory);
    }
}

/* What may happen to any input: the node was stopped or has halted. */
static void expect(struct craft_sim_server *server, const char *what, int rv)
{
    if (rv != 0 && !(rv <= -900 && server->halted)) {
        craft_judge_convict(server->sim->judge, "%s of %u gives %s", what,
                            server->position, craft_error_name(rv));
    }
}

static bool may_lack_memory(const struct craft_sim_server *server, int rv)
{
    return rv == CRAFT_ERR_NOMEM && server->mode.memory > 0;
}

/* -------------------------------------------------------------------- life */

static int node_bootstrap(struct craft_sim_server *server)
{
    const struct craft_sim *sim = server->sim;
    craft_member members[CRAFT_SIM_SERVERS_MAX];
    uint32_t voters = sim->plan.servers - sim->plan.learners;

    if (server->position > voters) {
        return 0; /* it hears of its group from a leader */
    }
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i < sim->plan.servers; i++) {
        members[i].id = sim->servers[i + 1].id;
        members[i].role =
            i < voters ? CRAFT_MEMBER_VOTER : CRAFT_MEMBER_LEARNER;
    }
    return craft_node_bootstrap(server->node, members, sim->plan.servers);
}

static void entry_of(craft_entry *entry, const struct craft_judge_entry *from)
{
    memset(entry, 0, sizeof *entry);
    entry->index = from->index;
    entry->term = from->term;
    entry->kind = from->kind;
    entry->data = from->data_len > 0 ? from->data : NULL;
    entry->data_len = from->data_len;
}

static int node_restore(struct craft_sim_server *server,
                        const struct craft_judge_disk *disk)
{
    size_t batch = server->sim->restore_batch;
    craft_entry entries[RESTORE_BATCH_MAX];
    craft_restore restore;
    int rv;

    memset(&restore, 0, sizeof restore);
    restore.struct_size = sizeof restore;
    restore.term = disk->term;
    restore.voted_for = disk->voted_for;
    restore.commit_hint = disk->commit_hint;
    restore.applied_index = server->applied;
    rv = craft_node_restore(server->node, &restore);
    for (size_t i = 0; rv == 0 && i < disk->log.len; i += batch) {
        size_t len = disk->log.len - i < batch ? disk->log.len - i : batch;

        for (size_t k = 0; k < len; k++) {
            entry_of(&entries[k], disk->log.entries[i + k]);
        }
        rv = craft_node_restore_entries(server->node, entries, len);
    }
    return rv;
}

/* An empty state machine, unless it has outlived the crash. */
static bool machine_open(struct craft_sim_server *server)
{
    const craft_sim_machine *machine = server->sim->machine;

    if (server->instance != NULL && server->durable) {
        return true;
    }
    if (server->instance != NULL) {
        machine->close(machine->ctx, server->instance);
    }
    server->instance = machine->open(machine->ctx, server->id);
    server->applied = 0;
    return server->instance != NULL;
}

craft_config craft_sim_server_config(const struct craft_sim_server *server)
{
    craft_config config = server->sim->config;

    config.priority = server->priority;
    config.flags |= server->passive ? (uint32_t)CRAFT_CONFIG_PASSIVE : 0u;
    config.flags |= server->forwards ? (uint32_t)CRAFT_CONFIG_FORWARD : 0u;
    return config;
}

static int node_make(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    const struct craft_judge_disk *disk =
        craft_judge_disk(sim->judge, server->position);
    craft_config config = craft_sim_server_config(server);
    craft_hooks hooks = craft_sim_hooks;
    int rv;

    if (!server->fetches_back) {
        hooks.fetch = NULL;
    }
    config.id = server->id;
    config.seed = craft_sim_mix(sim->seed + ((uint64_t)server->life << 32)) +
                  server->position;
    config.allocator.realloc = node_realloc;
    config.allocator.ctx = server;
    rv = craft_node_new(&config, server->pulls ? NULL : &hooks, server,
                        &server->node);
    if (rv == 0) {
        rv = disk->term != 0 || disk->log.len > 0 ? node_restore(server, disk)
                                                  : node_bootstrap(server);
    }
    return rv;
}

void craft_sim_server_start(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    uint32_t refusals = server->mode.memory;
    struct craft_sim_event tick = {.kind = CRAFT_SIM_TICK};
    struct input input;
    int rv;

    server->life++;
    server->halted = false;
    server->ticked_us = sim->now_us;
    if (!machine_open(server)) {
        craft_sim_out_of_memory(sim);
        return;
    }
    craft_sim_tell(sim, server->position, "starts, applied %llu",
                   (unsigned long long)server->applied);
    craft_sim_clock_begin(server);
    input = input_begin(server, true);
    server->mode.memory = 0;
    rv = node_make(server);
    if (rv == 0) {
        craft_judge_start(sim->judge, server->position, server->node,
                          server->applied);
        rv = craft_node_start(server->node);
    }
    server->mode.memory = refusals;
    expect(server, "start", rv);
    input_end(input);
    tick.time =
        sim->now_us + craft_random_below(&server->clock, server->tick_us) + 1;
    tick.server = (uint16_t)server->position;
    tick.life = server->life;
    craft_sim_at(sim, tick);
}

/* Also from inside a hook: the delivery ends there. */
void craft_sim_server_crash(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    craft_node *node = server->node;
    size_t records;
    size_t survive;

    if (node == NULL) {
        return;
    }
    records = craft_judge_records(sim->judge, server->position);
    survive = craft_random_below(&server->crash, (uint32_t)records + 1);
    craft_sim_tell(sim, server->position, "crashes, %zu of %zu records stay",
                   survive, records);
    craft_sim_digest(sim, survive);
    craft_judge_crash(sim->judge, server->position, survive);
    craft_sim_clients_lose(server);
    server->node = NULL;
    server->life++;
    server->halted = false;
    server->crash_in = 0;
    server->holds = 0;
    server->in_hook = false;
    server->late = false;
    server->tickets_len = 0;
    server->fetches_len = 0;
    server->batch = NULL;
    sim->crashes++;
    craft_node_free(node);
    if (server->depth == 0 && server->memory != 0) {
        craft_judge_convict(sim->judge, "memory: %u leaks %zu bytes",
                            server->position, server->memory);
    }
}

void craft_sim_server_stop(struct craft_sim_server *server)
{
    struct input input;

    if (!craft_sim_server_is_up(server)) {
        return;
    }
    craft_sim_tell(server->sim, server->position, "is stopped");
    input = input_begin(server, false);
    server->halted = true;
    expect(server, "stop", craft_node_stop(server->node));
    input_end(input);
}

void craft_sim_server_revive(struct craft_sim_server *server)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_RESTART};

    event.time =
        server->sim->now_us + craft_random_below(&server->crash, REVIVE_MAX_US);
    event.server = (uint16_t)server->position;
    craft_sim_at(server->sim, event);
}

/* ------------------------------------------------------------------- holds */

void craft_sim_server_hold(struct craft_sim_server *server)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_RELEASE};
    int rv;

    if (!craft_sim_server_is_up(server) || server->holds >= 3) {
        return;
    }
    craft_sim_tell(server->sim, server->position, "is held");
    rv = craft_hold(server->node);
    expect(server, "hold", rv);
    server->holds += rv == 0;
    event.time =
        server->sim->now_us + craft_random_below(&server->host, HOLD_MAX_US);
    event.server = (uint16_t)server->position;
    event.life = server->life;
    craft_sim_at(server->sim, event);
}

void craft_sim_server_release(struct craft_sim_server *server)
{
    struct input input;

    if (server->node == NULL || server->holds == 0) {
        return;
    }
    craft_sim_tell(server->sim, server->position, "is released");
    server->holds--;
    input = input_begin(server, true);
    expect(server, "release", craft_release(server->node));
    input_end(input);
}

static void hold_by_chance(struct craft_sim_server *server)
{
    if (craft_sim_chance(&server->host, server->mode.hold)) {
        craft_sim_server_hold(server);
    }
}

/* ------------------------------------------------------------------ inputs */

static void tell_time(struct craft_sim_server *server, bool at_tick)
{
    if (!server->halted && craft_sim_clock_is_told(server, at_tick)) {
        uint64_t now_ns = craft_sim_server_time(server);

        craft_sim_tell(server->sim, server->position, "its time is %llu",
                       (unsigned long long)now_ns);
        expect(server, "time", craft_clock(server->node, now_ns));
    }
}

void craft_sim_server_tick(struct craft_sim_server *server, uint32_t ticks)
{
    struct input input;

    if (server->node == NULL) {
        return;
    }
    hold_by_chance(server);
    input = input_begin(server, true);
    tell_time(server, true);
    expect(server, "tick", craft_tick(server->node, ticks));
    input_end(input);
}

void craft_sim_server_receive(struct craft_sim_server *server,
                              const struct craft_sim_packet *packet)
{
    struct input input;
    int rv;

    if (server->node == NULL) {
        return;
    }
    hold_by_chance(server);
    input = input_begin(server, true);
    rv = packet->bytes != NULL
             ? craft_receive_bytes(server->node, packet->bytes,
                                   packet->bytes_len)
             : craft_receive(server->node, &packet->message);
    if (!may_lack_memory(server, rv)) {
        expect(server, "a message from a correct server to one", rv);
    }
    if (server->life == input.life) {
        tell_time(server, false);
    }
    input_end(input);
}

/* No vote, no room, or a record that its disk does not end. */
static bool may_not_campaign(const struct craft_sim_server *server, int rv)
{
    return rv == CRAFT_ERR_NOT_VOTER || rv == CRAFT_ERR_NOSPACE ||
           (rv == CRAFT_ERR_LEASE && server->sim->config.lease_ms > 0) ||
           (rv == CRAFT_ERR_BUSY &&
            craft_sim_server_status(server).persists_open > 0);
}

void craft_sim_server_campaign(struct craft_sim_server *server)
{
    struct input input;
    int rv;

    if (!craft_sim_server_is_up(server)) {
        return;
    }
    craft_sim_tell(server->sim, server->position, "campaigns");
    input = input_begin(server, true);
    rv = craft_campaign(server->node);
    if (!may_not_campaign(server, rv) && !may_lack_memory(server, rv)) {
        expect(server, "campaign", rv);
    }
    input_end(input);
}

void craft_sim_server_unreachable(struct craft_sim_server *server,
                                  uint32_t peer)
{
    struct input input;
    int rv;

    if (!craft_sim_server_is_up(server)) {
        return;
    }
    craft_sim_tell(server->sim, server->position, "cannot reach %u", peer);
    input = input_begin(server, false);
    rv = craft_peer_unreachable(server->node, server->sim->servers[peer].id);
    if (rv != CRAFT_ERR_UNKNOWN_ID) { /* a learner without configuration */
        expect(server, "unreachable", rv);
    }
    input_end(input);
}

/* The judge hears of the tokens before any effect: so they are held. */
int craft_sim_server_propose(struct craft_sim_server *server,
                             craft_command *commands, size_t commands_len)
{
    struct craft_sim *sim = server->sim;
    uint64_t token = sim->requests_len;
    struct input input;
    int rv;

    for (size_t i = 0; i < commands_len; i++) {
        commands[i].token = token + i + 1;
    }
    input = input_begin(server, true);
    expect(server, "hold", craft_hold(server->node));
    rv = commands_len == 1
             ? craft_propose(server->node, commands->data, commands->data_len,
                             commands->token)
             : craft_propose_many(server->node, commands, commands_len);
    for (size_t i = 0; rv == 0 && i < commands_len; i++) {
        craft_judge_propose(sim->judge, server->position, token + i + 1);
    }
    if (rv == 0) {
        craft_sim_client_accepted(server, commands_len,
                                  CRAFT_SIM_OPERATION_OPEN);
    } else if (rv / 100 != -2 ||
               (rv == CRAFT_ERR_NOMEM && server->mode.memory == 0)) {
        expect(server, "a proposal", rv);
    }
    expect(server, "release", craft_release(server->node));
    input_end(input);
    return rv;
}

int craft_sim_server_transfer(struct craft_sim_server *server, uint32_t target)
{
    struct craft_sim *sim = server->sim;
    uint64_t token = sim->requests_len + 1;
    struct input input;
    int rv;

    input = input_begin(server, false);
    expect(server, "hold", craft_hold(server->node));
    rv = craft_transfer(server->node, target != 0 ? sim->servers[target].id : 0,
                        token);
    if (rv == 0) {
        craft_judge_transfer(sim->judge, server->position, token, target);
        craft_sim_client_accepted(server, 1, CRAFT_SIM_OPERATION_TRANSFER);
    } else if (rv / 100 != -2 && rv != CRAFT_ERR_UNKNOWN_ID &&
               (rv != CRAFT_ERR_INVALID || target != server->position)) {
        expect(server, "a transfer", rv);
    }
    expect(server, "release", craft_release(server->node));
    input_end(input);
    return rv;
}

int craft_sim_server_read(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    uint64_t token = sim->requests_len + 1;
    struct input input;
    int rv;

    input = input_begin(server, true);
    expect(server, "hold", craft_hold(server->node));
    rv = craft_sim_reads_by_lease(server)
             ? craft_read_lease(server->node, token,
                                craft_sim_server_time(server))
             : craft_read(server->node, token);
    if (rv == 0) {
        craft_judge_read(sim->judge, server->position, token);
        craft_sim_client_accepted(server, 1, CRAFT_SIM_OPERATION_READ);
    } else if (rv != CRAFT_ERR_CLOCK && /* never told: it is never behind */
               (rv / 100 != -2 ||
                (rv == CRAFT_ERR_NOMEM && server->mode.memory == 0))) {
        expect(server, "a read", rv);
    }
    expect(server, "release", craft_release(server->node));
    input_end(input);
    return rv;
}

/* ----------------------------------------------------------------- endings */

void craft_sim_server_persisted(struct craft_sim_server *server,
                                uint64_t ticket, int ending)
{
    struct craft_sim *sim = server->sim;
    size_t survive = 0;
    struct input input;

    if (ending == CRAFT_ENDING_ERROR) {
        size_t records = craft_judge_records(sim->judge, server->position);

        survive = craft_random_below(&server->crash, (uint32_t)records + 1);
    }
    craft_sim_tell(sim, server->position, "persisted #%llu %s",
                   (unsigned long long)ticket,
                   ending == CRAFT_ENDING_OK        ? "ok"
                   : ending == CRAFT_ENDING_NOSPACE ? "no space"
                                                    : "error");
    craft_judge_persisted(sim->judge, server->position, ticket, ending,
                          survive);
    input = input_begin(server, false);
    expect(server, "persisted", craft_persisted(server->node, ticket, ending));
    input_end(input);
}

void craft_sim_server_applied(struct craft_sim_server *server,
                              craft_index index, int ending)
{
    struct craft_sim *sim = server->sim;
    const craft_entry *batch = server->batch;
    size_t len = server->batch_len;
    struct input input;

    craft_sim_tell(sim, server->position, "applied %llu%s",
                   (unsigned long long)index,
                   ending == CRAFT_ENDING_OK ? "" : " error");
    craft_judge_applied(sim->judge, server->position, index, ending);
    for (size_t i = 0; i < len; i++) { /* before an error, too */
        if (batch[i].index <= index) {
            craft_sim_machine_take(server, &batch[i]);
        }
    }
    server->batch = NULL;
    input = input_begin(server, false);
    expect(server, "applied", craft_applied(server->node, index, ending));
    input_end(input);
}

#define FETCHED_MAX 64u

/* From the disk, as much as is wanted and fits. */
static size_t fetch_collect(struct craft_sim_server *server,
                            const craft_fetch *fetch, craft_entry *entries)
{
    const struct craft_judge_log *log =
        &craft_judge_disk(server->sim->judge, server->position)->log;
    size_t max =
        fetch->entries_max < FETCHED_MAX ? fetch->entries_max : FETCHED_MAX;
    size_t bytes = 0;
    size_t len = 0;

    if (craft_random_below(&server->work, 4) == 0) {
        max = 1 + craft_random_below(&server->work, (uint32_t)max);
    }
    while (len < max && fetch->first + len <= log->len) {
        const struct craft_judge_entry *from =
            log->entries[fetch->first + len - 1];

        bytes += from->data_len;
        if (len > 0 && bytes > fetch->bytes_max) {
            break;
        }
        entry_of(&entries[len], from);
        len++;
    }
    return len;
}

void craft_sim_server_fetched(struct craft_sim_server *server, int ending)
{
    craft_fetch fetch = server->fetches[0];
    craft_entry entries[FETCHED_MAX];
    size_t len = 0;
    struct input input;
    int rv;

    server->fetches_len--;
    memmove(server->fetches, server->fetches + 1,
            server->fetches_len * sizeof fetch);
    if (ending == CRAFT_ENDING_OK) {
        len = fetch_collect(server, &fetch, entries);
    }
    craft_sim_tell(server->sim, server->position, "fetched #%llu %zu entries",
                   (unsigned long long)fetch.ticket, len);
    input = input_begin(server, true);
    rv = craft_fetched(server->node, fetch.ticket, entries, len, ending);
    if (rv == CRAFT_ERR_CORRUPT || may_lack_memory(server, rv)) {
        /* Its log has moved on, or no memory: it asks again. */
        rv = craft_fetched(server->node, fetch.ticket, NULL, 0,
                           CRAFT_ENDING_ERROR);
    }
    expect(server, "fetched", rv);
    input_end(input);
}
