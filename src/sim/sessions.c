/*
 * Sessions: the state machine behind a table of craft/session.h, which gives
 * each command of a client one effect, however often it is proposed.
 *
 * The machine of the servers is this one; what a history is compared with is
 * the bare one, in which each command that a client made happens once. So a
 * table that forgets, or takes a copy for a new command, is convicted by what
 * the clients see.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "craft/session.h"
#include "sim/mix.h"
#include "sim/sim.h"

#define REFUSED 0xffu /* not a command of a session */

struct instance {
    void *bare;
    craft_sessions *table;
};

static void sessions_close(void *ctx, void *opened)
{
    const struct craft_sim *sim = ctx;
    struct instance *instance = opened;

    if (instance->bare != NULL) {
        sim->bare->close(sim->bare->ctx, instance->bare);
    }
    craft_sessions_free(instance->table);
    free(instance);
}

/* Every client has its session from the beginning, known by its position. */
static void *sessions_open(void *ctx, craft_id server)
{
    const struct craft_sim *sim = ctx;
    struct instance *instance = calloc(1, sizeof *instance);
    int rv;

    if (instance == NULL) {
        return NULL;
    }
    instance->bare = sim->bare->open(sim->bare->ctx, server);
    rv = craft_sessions_new(NULL, NULL, &instance->table);
    for (uint32_t i = 1; rv == 0 && i <= sim->plan.clients; i++) {
        rv = craft_session_open(instance->table, i);
    }
    if (instance->bare == NULL || rv != 0) {
        sessions_close(ctx, instance);
        return NULL;
    }
    return instance;
}

static size_t carry_out(const struct craft_sim *sim, struct instance *instance,
                        craft_command command, uint8_t *reply, size_t reply_max)
{
    size_t len = sim->bare->apply(sim->bare->ctx, instance->bare, command.data,
                                  command.data_len, reply, reply_max);

    /* A reply that is too long is the simulator's to say. */
    (void)craft_session_end(instance->table, reply, len <= reply_max ? len : 0);
    return len;
}

static size_t sessions_apply(void *ctx, void *opened, const uint8_t *command,
                             size_t command_len, uint8_t *reply,
                             size_t reply_max)
{
    struct instance *instance = opened;
    craft_session_request request = {.struct_size = sizeof request};
    craft_session_reply kept = {.struct_size = sizeof kept};
    craft_command bare = {0};
    int verdict;

    reply[0] = REFUSED;
    if (command_len < CRAFT_SIM_SESSION_HEAD) {
        return 1;
    }
    request.session = craft_load64(command);
    request.number = craft_load64(command + 8);
    request.first_open = craft_load64(command + 16);
    bare.data = command + CRAFT_SIM_SESSION_HEAD;
    bare.data_len = command_len - CRAFT_SIM_SESSION_HEAD;
    verdict =
        craft_session_begin(instance->table, &request, reply_max - 1, &kept);
    if (verdict == CRAFT_SESSION_NEW) {
        reply[0] = CRAFT_SIM_SESSION_DONE;
        return 1 + carry_out(ctx, instance, bare, reply + 1, reply_max - 1);
    }
    if (verdict != CRAFT_SESSION_REPEATED) {
        reply[0] = verdict > 0 ? (uint8_t)verdict : REFUSED;
        return 1;
    }
    reply[0] = CRAFT_SIM_SESSION_DONE;
    if (kept.data_len > 0) {
        memcpy(reply + 1, kept.data, kept.data_len);
    }
    return 1 + kept.data_len;
}

static uint64_t sessions_digest(void *ctx, const void *opened)
{
    const struct craft_sim *sim = ctx;
    const struct instance *instance = opened;
    uint64_t digest = sim->bare->digest(sim->bare->ctx, instance->bare);
    size_t len = craft_sessions_saved_len(instance->table);
    uint8_t *image = malloc(len);

    if (image == NULL ||
        craft_sessions_save(instance->table, image, len, &len) != 0) {
        free(image);
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        digest = craft_sim_mix(digest ^ image[i]);
    }
    free(image);
    return digest;
}

void craft_sim_sessions_wrap(struct craft_sim *sim)
{
    sim->bare = sim->machine;
    sim->wrapped = (craft_sim_machine){
        .struct_size = sizeof sim->wrapped,
        .name = sim->bare->name,
        .ctx = sim,
        .open = sessions_open,
        .close = sessions_close,
        .apply = sessions_apply,
        .digest = sessions_digest,
    };
    sim->machine = &sim->wrapped;
}

/* ----------------------------------------------------------------- clients */

void craft_sim_sessions_head(struct craft_sim_client *client, uint8_t *command)
{
    client->number++;
    craft_store64(command, client->position);
    craft_store64(command + 8, client->number);
    craft_store64(command + 16, client->first_open);
}

/* 1 when the client still waited for it. */
static int take_pending(struct craft_sim_client *client, size_t first)
{
    for (uint32_t i = 0; i < client->pending_len; i++) {
        if (client->pending[i] == first) {
            client->pending_len--;
            memmove(&client->pending[i], &client->pending[i + 1],
                    (client->pending_len - i) * sizeof client->pending[0]);
            return 1;
        }
    }
    return 0;
}

struct craft_sim_request *
craft_sim_sessions_answered(struct craft_sim *sim,
                            const struct craft_sim_request *request,
                            const struct craft_sim_answer *answer)
{
    struct craft_sim_request *first = &sim->requests[request->first];
    const craft_sim_operation *operation = &first->operation;
    int refused =
        answer->reply_len == 0 || answer->reply[0] != CRAFT_SIM_SESSION_DONE;

    if (take_pending(&sim->clients[request->client], request->first)) {
        if (refused) {
            craft_judge_convict(sim->judge,
                                "exactly once: client %u waits for a command "
                                "that is refused at %llu",
                                request->client,
                                (unsigned long long)request->index);
        }
        return first;
    }
    /* A late copy: acknowledged, or still known. */
    if (!refused &&
        (answer->reply_len != operation->reply_len ||
         memcmp(answer->reply, operation->reply, answer->reply_len) != 0)) {
        craft_judge_convict(sim->judge,
                            "exactly once: a copy of a command of client %u "
                            "has another reply at %llu",
                            request->client,
                            (unsigned long long)request->index);
    }
    return NULL;
}
