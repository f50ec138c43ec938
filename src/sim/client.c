/*
 * Clients: each sends a command, or a few, to the server that it believes
 * leads, follows hints, loses patience, and goes on with new operations. What
 * it saw is kept for the check of linearizability.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define BURSTS 120u /* of 1000 requests, how many are of several commands */
#define RETRY_MIN_US 2000u
#define RETRY_MAX_US 30000u

static void client_at(struct craft_sim *sim, struct craft_sim_client *client,
                      uint32_t delay_us)
{
    struct craft_sim_event event = {.kind = CRAFT_SIM_CLIENT};

    client->life++;
    event.time = sim->now_us + delay_us;
    event.server = (uint16_t)client->position;
    event.life = client->life;
    craft_sim_at(sim, event);
}

void craft_sim_clients_init(struct craft_sim *sim)
{
    for (uint32_t i = 1; i <= sim->plan.clients; i++) {
        struct craft_sim_client *client = &sim->clients[i];
        struct craft_random *random = &client->random;

        craft_sim_stream(random, sim->seed, CRAFT_SIM_FOR_CLIENT, i, 0);
        craft_sim_random_init(&client->commands, sim->seed,
                              craft_sim_mix(CRAFT_SIM_FOR_COMMAND) + i);
        client->position = i;
        client->server = craft_sim_between(random, 1, sim->plan.servers);
        client->think_us = 1000u << craft_random_below(random, 6);
        client->patience_us = craft_sim_between(random, 50000, 500000);
        client_at(sim, client, craft_random_below(random, 50000));
    }
}

/* ---------------------------------------------------------------- requests */

static bool request_draw(struct craft_sim *sim, struct craft_sim_client *client,
                         craft_sim_operation *operation)
{
    const craft_sim_machine *machine = sim->machine;
    uint8_t command[CRAFT_SIM_COMMAND_LEN_MAX];

    memset(operation, 0, sizeof *operation);
    sim->commands++;
    operation->command_len =
        machine->draw(machine->ctx, &client->commands, sim->commands, command,
                      sizeof command, &operation->key);
    if (operation->command_len > sizeof command) {
        craft_judge_convict(sim->judge, "machine: a command of %zu bytes",
                            operation->command_len);
        return false;
    }
    operation->command =
        craft_sim_arena_copy(&sim->arena, command, operation->command_len);
    if (operation->command == NULL) {
        craft_sim_out_of_memory(sim);
    }
    return operation->command != NULL;
}

/* Room for those of one request, behind the accepted ones: they become real
 * when the server takes them. */
static bool requests_room(struct craft_sim *sim)
{
    struct craft_sim_request *requests = craft_sim_grow(
        sim->requests, &sim->requests_max,
        sim->requests_len + CRAFT_SIM_BURST_MAX, sizeof *requests);

    if (requests == NULL) {
        craft_sim_out_of_memory(sim);
        return false;
    }
    sim->requests = requests;
    return true;
}

void craft_sim_client_accepted(struct craft_sim_server *server,
                               size_t commands_len, uint32_t state)
{
    struct craft_sim *sim = server->sim;
    craft_status status = craft_sim_server_status(server);
    struct craft_sim_client *client = &sim->clients[sim->asking];

    for (size_t i = 0; i < commands_len; i++) {
        struct craft_sim_request *request = &sim->requests[sim->requests_len];

        request->operation.begin = sim->steps;
        request->operation.end = UINT64_MAX;
        request->index = status.last_index - (commands_len - 1 - i);
        request->term = status.term;
        request->floor = sim->answered_index;
        request->state = state;
        request->client = client->position;
        request->server = server->position;
        request->life = server->life;
        client->open++;
        sim->requests_len++;
    }
}

static void tell_request(struct craft_sim *sim,
                         const struct craft_sim_client *client,
                         const craft_sim_operation *operation)
{
    const craft_sim_machine *machine = sim->machine;
    char text[160] = "a command";

    if (sim->trace == NULL) {
        return;
    }
    if (machine->describe != NULL) {
        (void)machine->describe(machine->ctx, operation->command,
                                operation->command_len, NULL, 0, text,
                                sizeof text);
    }
    craft_sim_tell(sim, client->server, "client %u: %s", client->position,
                   text);
}

/* Who leads, as this server knows; else the next one. */
static void client_turn(struct craft_sim *sim, struct craft_sim_client *client)
{
    craft_status status =
        craft_sim_server_status(&sim->servers[client->server]);
    uint32_t leader = craft_sim_position(sim, status.leader);

    if (leader == 0 || leader == client->server) {
        leader = client->server % sim->plan.servers + 1;
    }
    client->server = leader;
}

static int client_propose(struct craft_sim *sim,
                          struct craft_sim_client *client)
{
    craft_command commands[CRAFT_SIM_BURST_MAX];
    size_t len = 1;

    if (craft_sim_chance(&client->random, BURSTS)) {
        len = craft_sim_between(&client->random, 2, CRAFT_SIM_BURST_MAX);
    }
    if (!requests_room(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    for (size_t i = 0; i < len; i++) {
        craft_sim_operation *operation =
            &sim->requests[sim->requests_len + i].operation;

        if (!request_draw(sim, client, operation)) {
            return CRAFT_ERR_NOMEM;
        }
        commands[i].data = operation->command;
        commands[i].data_len = operation->command_len;
        tell_request(sim, client, operation);
    }
    sim->asking = client->position;
    return craft_sim_server_propose(&sim->servers[client->server], commands,
                                    len);
}

static int client_transfer(struct craft_sim *sim,
                           struct craft_sim_client *client)
{
    uint32_t target =
        craft_random_below(&client->random, sim->plan.servers + 1);

    if (!requests_room(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    craft_sim_tell(sim, client->server, "client %u: hand over to %u",
                   client->position, target);
    memset(&sim->requests[sim->requests_len].operation, 0,
           sizeof(craft_sim_operation));
    sim->asking = client->position;
    return craft_sim_server_transfer(&sim->servers[client->server], target);
}

/* At the server that it asks for all else, or at any. */
static int client_read(struct craft_sim *sim, struct craft_sim_client *client)
{
    struct craft_sim_server *server = &sim->servers[client->server];

    if (craft_random_below(&client->random, 2) == 0) {
        server = &sim->servers[craft_sim_between(&client->random, 1,
                                                 sim->plan.servers)];
    }
    if (!craft_sim_server_is_up(server) ||
        server->mode.paused_until > sim->now_us) {
        return CRAFT_ERR_BUSY;
    }
    if (!requests_room(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    craft_sim_tell(sim, server->position, "client %u: read", client->position);
    memset(&sim->requests[sim->requests_len].operation, 0,
           sizeof(craft_sim_operation));
    sim->asking = client->position;
    return craft_sim_server_read(server);
}

/* What a client may do when it wakes; more kinds stand here as the library
 * grows: reconfigurations. */
static const struct action {
    uint32_t weight;
    int (*act)(struct craft_sim *sim, struct craft_sim_client *client);
} actions[] = {
    {200, client_propose},
    {50, client_read},
    {1, client_transfer},
};

#define ACTIONS (sizeof actions / sizeof actions[0])

static int client_act(struct craft_sim *sim, struct craft_sim_client *client)
{
    uint32_t sum = 0;
    uint32_t drawn;
    size_t i = 0;

    for (size_t k = 0; k < ACTIONS; k++) {
        sum += actions[k].weight;
    }
    drawn = craft_random_below(&client->random, sum);
    while (drawn >= actions[i].weight) {
        drawn -= actions[i].weight;
        i++;
    }
    return actions[i].act(sim, client);
}

/* It waits for an answer, or is ready for the next request. */
void craft_sim_client_wakes(struct craft_sim *sim, uint32_t position)
{
    struct craft_sim_client *client = &sim->clients[position];
    const struct craft_sim_server *server;
    uint32_t life = client->life;
    int rv = CRAFT_ERR_NOT_LEADER;

    if (sim->ceased) {
        return;
    }
    if (client->open > 0) { /* no patience any more: their fate is open */
        client->open = 0;
        client_turn(sim, client);
    }
    server = &sim->servers[client->server];
    if (craft_sim_server_is_up(server) &&
        server->mode.paused_until <= sim->now_us) {
        rv = client_act(sim, client);
    }
    if (rv == CRAFT_ERR_NOT_LEADER || rv <= -900) {
        client_turn(sim, client);
    }
    if (rv != 0) {
        client_at(
            sim, client,
            craft_sim_between(&client->random, RETRY_MIN_US, RETRY_MAX_US));
    } else if (client->life == life) { /* not answered yet */
        client_at(sim, client, client->patience_us);
    }
}

/* ------------------------------------------------------------------ answers */

static void answered(struct craft_sim *sim, struct craft_sim_request *request,
                     craft_index index)
{
    const struct craft_sim_answer *answer;

    if (index != request->index || index > sim->reference.index) {
        craft_judge_convict(
            sim->judge, "done: a request at %llu has ended at %llu",
            (unsigned long long)request->index, (unsigned long long)index);
        return;
    }
    if (index <= request->floor) {
        craft_judge_convict(sim->judge,
                            "linearizability: %llu was asked for after %llu "
                            "was answered",
                            (unsigned long long)index,
                            (unsigned long long)request->floor);
    }
    answer = &sim->reference.answers[index - 1];
    request->state = CRAFT_SIM_OPERATION_ANSWERED;
    request->operation.end = sim->steps;
    request->operation.reply = answer->reply;
    request->operation.reply_len = answer->reply_len;
    if (sim->answered_index < index) {
        sim->answered_index = index;
    }
}

/* It sees what its server has applied by now: nothing older than what anybody
 * was answered before it began. */
static void read_answered(const struct craft_sim_server *server,
                          const struct craft_sim_request *request, int result)
{
    struct craft_sim *sim = server->sim;

    if (result != CRAFT_RESULT_OK) {
        return;
    }
    if (server->applied < request->floor) {
        craft_judge_convict(sim->judge,
                            "linearizability: a read of %u sees %llu, begun "
                            "after %llu was answered",
                            server->position,
                            (unsigned long long)server->applied,
                            (unsigned long long)request->floor);
    }
    if (sim->answered_index < server->applied) {
        sim->answered_index = server->applied;
    }
}

void craft_sim_client_done(struct craft_sim_server *server, uint64_t token,
                           int result, craft_index index)
{
    struct craft_sim *sim = server->sim;
    struct craft_sim_request *request;
    struct craft_sim_client *client;

    if (token == 0 || token > sim->requests_len) {
        craft_judge_convict(sim->judge, "done: %u ends a token never given",
                            server->position);
        return;
    }
    request = &sim->requests[token - 1];
    client = &sim->clients[request->client];
    if (request->state == CRAFT_SIM_OPERATION_READ) {
        read_answered(server, request, result);
    } else if (request->state == CRAFT_SIM_OPERATION_TRANSFER) {
        craft_sim_digest(sim, token);
    } else if (result == CRAFT_RESULT_OK) {
        answered(sim, request, index);
    } else {
        request->state = result == CRAFT_RESULT_SUPERSEDED
                             ? CRAFT_SIM_OPERATION_NEVER
                             : CRAFT_SIM_OPERATION_UNKNOWN;
    }
    if (client->open > 0) {
        client->open--;
        if (client->open == 0) {
            client_at(sim, client,
                      craft_random_below(&client->random, client->think_us) +
                          1);
        }
    }
}

/* A client that is waiting finds out by its own clock. */
void craft_sim_clients_lose(struct craft_sim_server *server)
{
    struct craft_sim *sim = server->sim;
    uint32_t open = craft_sim_server_status(server).tokens_open;

    for (size_t i = sim->requests_len; i > 0 && open > 0; i--) {
        struct craft_sim_request *request = &sim->requests[i - 1];

        if (request->state == CRAFT_SIM_OPERATION_OPEN &&
            request->server == server->position &&
            request->life == server->life) {
            request->state = CRAFT_SIM_OPERATION_UNKNOWN;
            open--;
        }
    }
}
