/*
 * Clients: each sends a command, or a few, to the server that it believes
 * leads, follows hints, loses patience, and goes on with new operations. What
 * it saw is kept for the check of linearizability.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/sim.h"

#define BURSTS 120u    /* of 1000 requests, how many are of several commands */
#define OLD_COPIES 50u /* likewise, of an old command, with sessions */
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

uint64_t craft_sim_token_of(const uint8_t *data, size_t data_len)
{
    return data_len >= CRAFT_SIM_NAME_LEN ? craft_load64(data) : UINT64_MAX;
}

/* What is proposed is the command behind its name; the operation gets that copy
 * of it. */
static bool request_name(struct craft_sim *sim, uint64_t token,
                         craft_sim_operation *operation,
                         craft_command *command_out)
{
    uint8_t data[CRAFT_SIM_NAME_LEN + CRAFT_SIM_COMMAND_LEN_MAX];

    craft_store64(data, token);
    memcpy(data + CRAFT_SIM_NAME_LEN, operation->command,
           operation->command_len);
    command_out->data_len = CRAFT_SIM_NAME_LEN + operation->command_len;
    command_out->data =
        craft_sim_arena_copy(&sim->arena, data, command_out->data_len);
    if (command_out->data == NULL) {
        craft_sim_out_of_memory(sim);
        return false;
    }
    operation->command = command_out->data + CRAFT_SIM_NAME_LEN;
    return true;
}

static bool request_draw(struct craft_sim *sim, struct craft_sim_client *client,
                         uint64_t token, craft_command *command_out)
{
    const craft_sim_machine *machine = sim->bare;
    craft_sim_operation *operation = &sim->requests[token - 1].operation;
    uint8_t command[CRAFT_SIM_COMMAND_LEN_MAX];
    size_t head = sim->sessions ? CRAFT_SIM_SESSION_HEAD : 0;

    memset(operation, 0, sizeof *operation);
    sim->commands++;
    operation->command_len =
        head + machine->draw(machine->ctx, &client->commands, sim->commands,
                             command + head, CRAFT_SIM_COMMAND_LEN_MAX - head,
                             &operation->key);
    if (sim->sessions) {
        craft_sim_sessions_head(client, command);
    }
    if (operation->command_len > CRAFT_SIM_COMMAND_LEN_MAX) {
        craft_judge_convict(sim->judge, "machine: a command of %zu bytes",
                            operation->command_len);
        return false;
    }
    operation->command = command;
    return request_name(sim, token, operation, command_out);
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
    bool leads = status.role == CRAFT_ROLE_LEADER;

    for (size_t i = 0; i < commands_len; i++) {
        struct craft_sim_request *request = &sim->requests[sim->requests_len];

        request->operation.begin = sim->steps;
        request->operation.end = UINT64_MAX;
        request->index = leads ? status.last_index - (commands_len - 1 - i) : 0;
        request->floor = sim->answered_index;
        request->state = state;
        if (!client->repeats) {
            request->first = sim->requests_len;
            if (sim->sessions && state == CRAFT_SIM_OPERATION_OPEN) {
                client->pending[client->pending_len] = sim->requests_len;
                client->pending_len++;
            }
        }
        request->client = client->position;
        request->server = server->position;
        request->life = server->life;
        client->open++;
        sim->requests_len++;
    }
}

static void tell_request(struct craft_sim *sim, uint32_t server,
                         const craft_sim_operation *operation)
{
    const craft_sim_machine *machine = sim->bare;
    size_t head = sim->sessions ? CRAFT_SIM_SESSION_HEAD : 0;
    char text[160] = "a command";

    if (sim->trace == NULL) {
        return;
    }
    if (machine->describe != NULL) {
        (void)machine->describe(machine->ctx, operation->command + head,
                                operation->command_len - head, NULL, 0, text,
                                sizeof text);
    }
    craft_sim_tell(sim, server, "client %u: %s", sim->asking, text);
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

/* The server that it asks for all else, or any; NULL: that does not answer. */
static struct craft_sim_server *server_draw(struct craft_sim *sim,
                                            struct craft_sim_client *client)
{
    struct craft_sim_server *server = &sim->servers[client->server];

    if (craft_random_below(&client->random, 2) == 0) {
        server = &sim->servers[craft_sim_between(&client->random, 1,
                                                 sim->plan.servers)];
    }
    return craft_sim_server_is_up(server) &&
                   server->mode.paused_until <= sim->now_us
               ? server
               : NULL;
}

/* To one that forwards as well as to one that leads. */
static int client_propose(struct craft_sim *sim,
                          struct craft_sim_client *client)
{
    struct craft_sim_server *server = server_draw(sim, client);
    craft_command commands[CRAFT_SIM_BURST_MAX];
    size_t first = sim->requests_len;
    size_t len = 1;
    int rv;

    if (craft_sim_chance(&client->random, BURSTS)) {
        len = craft_sim_between(&client->random, 2, CRAFT_SIM_BURST_MAX);
    }
    if (server == NULL) {
        return CRAFT_ERR_BUSY;
    }
    if (!requests_room(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    sim->asking = client->position;
    client->first_open = client->number + 1; /* it has all earlier replies */
    for (size_t i = 0; i < len; i++) {
        if (!request_draw(sim, client, sim->requests_len + i + 1,
                          &commands[i])) {
            return CRAFT_ERR_NOMEM;
        }
        tell_request(sim, server->position,
                     &sim->requests[sim->requests_len + i].operation);
    }
    rv = craft_sim_server_propose(server, commands, len);
    if (rv == 0 && sim->sessions) {
        client->made++;
        client->old = client->newest;
        client->newest = first;
    }
    return rv;
}

/* These requests once more, under other names: the same commands, in the same
 * order. */
static int client_repeat(struct craft_sim *sim, struct craft_sim_client *client,
                         const size_t *firsts, size_t len)
{
    struct craft_sim_server *server = server_draw(sim, client);
    craft_command commands[CRAFT_SIM_BURST_MAX];
    int rv;

    if (server == NULL) {
        return CRAFT_ERR_BUSY;
    }
    if (!requests_room(sim)) {
        return CRAFT_ERR_NOMEM;
    }
    sim->asking = client->position;
    for (size_t i = 0; i < len; i++) {
        size_t at = sim->requests_len + i;
        craft_sim_operation *operation = &sim->requests[at].operation;

        sim->requests[at].first = firsts[i];
        *operation = sim->requests[firsts[i]].operation;
        if (!request_name(sim, at + 1, operation, &commands[i])) {
            return CRAFT_ERR_NOMEM;
        }
        tell_request(sim, server->position, operation);
    }
    client->repeats = true;
    rv = craft_sim_server_propose(server, commands, len);
    client->repeats = false;
    return rv;
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

static int client_read(struct craft_sim *sim, struct craft_sim_client *client)
{
    struct craft_sim_server *server = server_draw(sim, client);

    if (server == NULL) {
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

    if (client->pending_len > 0) {
        return client_repeat(sim, client, client->pending, client->pending_len);
    }
    if (client->made > 1 && craft_sim_chance(&client->random, OLD_COPIES)) {
        return client_repeat(sim, client, &client->old, 1);
    }
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

    if (request->index == 0) {
        request->index = index; /* which the judge has found right */
    }
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
    if (sim->answered_index < index) {
        sim->answered_index = index;
    }
    if (sim->sessions) {
        request = craft_sim_sessions_answered(sim, request, answer);
    }
    if (request == NULL) {
        return;
    }
    request->state = CRAFT_SIM_OPERATION_ANSWERED;
    request->operation.end = sim->steps;
    request->operation.reply = answer->reply;
    request->operation.reply_len = answer->reply_len;
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
    } else if (request->state != CRAFT_SIM_OPERATION_ANSWERED) {
        /* Of one that is repeated a copy may happen. */
        request->state = !sim->sessions && (result == CRAFT_RESULT_SUPERSEDED ||
                                            result == CRAFT_RESULT_REFUSED)
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
    craft_status status = craft_sim_server_status(server);
    uint32_t open = status.tokens_open + status.forwards_open;

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
