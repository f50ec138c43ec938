/* What a node asks of its host: by hooks, or pulled. */
#include <string.h>

#include "sim/sim.h"

static uint32_t effect_begin(struct craft_sim_server *server,
                             const craft_effect *effect)
{
    struct craft_sim *sim = server->sim;

    if (server->in_hook) {
        craft_judge_convict(sim->judge, "delivery: %u has a hook in a hook",
                            server->position);
    }
    if (server->halted && effect->kind <= CRAFT_EFFECT_APPLY) {
        craft_judge_convict(sim->judge, "halted: %u still has an effect of %u",
                            server->position, effect->kind);
    }
    server->in_hook = true;
    craft_sim_digest_effect(server, effect);
    if (sim->trace != NULL) {
        craft_sim_tell_effect(server, effect);
    }
    return server->life;
}

/* Inputs that a host makes from inside of a hook, of the same node. */
static void inside(struct craft_sim_server *server)
{
    switch (craft_random_below(&server->host, 4)) {
    case 0:
        craft_sim_server_tick(server, 1);
        break;
    case 1:
        if (server->tickets_len > 0) {
            craft_sim_persist_ends(server, server->tickets[0].ticket);
        }
        break;
    case 2:
        craft_sim_server_unreachable(
            server,
            craft_sim_between(&server->host, 1, server->sim->plan.servers));
        break;
    default:
        craft_sim_apply_ends(server);
        break;
    }
}

static void effect_end(struct craft_sim_server *server, uint32_t life)
{
    if (server->life == life &&
        craft_sim_chance(&server->host, server->mode.inside)) {
        inside(server);
    }
    if (server->life == life && server->crash_in > 0) {
        server->crash_in--;
        if (server->crash_in == 0) {
            craft_sim_server_crash(server);
        }
    }
    if (server->life == life) {
        server->in_hook = false;
    }
    server->allocates = false; /* the rest of this input delivers */
}

/* ------------------------------------------------------------------- hooks */

static void on_send(void *host, const craft_message *message)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_SEND, .message = message};
    uint32_t life = effect_begin(server, &effect);

    craft_judge_send(server->sim->judge, server->position, message);
    craft_sim_network_send(server->sim, message);
    effect_end(server, life);
}

static void on_persist(void *host, const craft_persist *persist)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_PERSIST, .persist = persist};
    uint32_t life = effect_begin(server, &effect);

    craft_judge_persist(server->sim->judge, server->position, persist);
    craft_sim_persist_begins(server, persist);
    effect_end(server, life);
}

static void on_apply(void *host, const craft_entry *entries, size_t entries_len)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_APPLY,
                           .entries = entries,
                           .entries_len = entries_len};
    uint32_t life = effect_begin(server, &effect);

    craft_judge_apply(server->sim->judge, server->position, entries,
                      entries_len);
    server->batch = entries;
    server->batch_len = entries_len;
    server->batch_first = entries_len > 0 ? entries[0].index : 0;
    craft_sim_apply_begins(server);
    effect_end(server, life);
}

static void on_fetch(void *host, const craft_fetch *fetch)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_FETCH, .fetch = fetch};
    uint32_t life = effect_begin(server, &effect);

    craft_judge_fetch(server->sim->judge, server->position, fetch);
    if (server->fetches_len == CRAFT_SIM_FETCHES_MAX) {
        craft_judge_convict(server->sim->judge, "fetch: %u has too many open",
                            server->position);
    } else {
        server->fetches[server->fetches_len] = *fetch;
        server->fetches_len++;
        craft_sim_fetch_begins(server);
    }
    effect_end(server, life);
}

static void on_done(void *host, uint64_t token, int result, craft_index index)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_DONE,
                           .token = token,
                           .result = result,
                           .index = index};
    uint32_t life = effect_begin(server, &effect);

    craft_judge_done(server->sim->judge, server->position, token, result,
                     index);
    craft_sim_client_done(server, token, result, index);
    effect_end(server, life);
}

static void on_event(void *host, const craft_event *event)
{
    struct craft_sim_server *server = host;
    craft_effect effect = {.kind = CRAFT_EFFECT_EVENT, .event = event};
    uint32_t life = effect_begin(server, &effect);

    if (event->kind >= CRAFT_EVENT_KIND_END || event->count == 0) {
        craft_judge_convict(server->sim->judge, "event: %u has one of kind %u",
                            server->position, event->kind);
    }
    effect_end(server, life);
}

const craft_hooks craft_sim_hooks = {
    .struct_size = sizeof craft_sim_hooks,
    .send = on_send,
    .persist = on_persist,
    .apply = on_apply,
    .fetch = on_fetch,
    .done = on_done,
    .event = on_event,
};

/* ------------------------------------------------------------------ pulled */

static void effect_take(struct craft_sim_server *server,
                        const craft_effect *effect)
{
    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        on_send(server, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        on_persist(server, effect->persist);
        break;
    case CRAFT_EFFECT_FETCH:
        on_fetch(server, effect->fetch);
        break;
    case CRAFT_EFFECT_APPLY:
        on_apply(server, effect->entries, effect->entries_len);
        break;
    case CRAFT_EFFECT_DONE:
        on_done(server, effect->token, effect->result, effect->index);
        break;
    default:
        on_event(server, effect->event);
        break;
    }
}

void craft_sim_server_pull(struct craft_sim_server *server)
{
    craft_effect effect = {.struct_size = sizeof effect};
    uint32_t life = server->life;

    while (server->life == life &&
           craft_next_effect(server->node, &effect) == 1) {
        effect_take(server, &effect);
    }
}
