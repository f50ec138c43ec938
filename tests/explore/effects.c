/* What a node asks for, taken into the world. */
#include "explore.h"

uint64_t effects_sum;

static void take_send(struct world *world, uint8_t server,
                      const craft_node *node, const craft_message *message)
{
    struct letter letter;

    check_leaving(world, server, node, message);
    letter_of(message, &letter);
    if (options.check_facts) {
        effects_sum += mix_bytes(1, &letter, sizeof letter); /* in any order */
    }
    if (telling) {
        script_sent(&letter, world->flight_len,
                    world->flight_len < world->budget.flight);
    }
    if (world->flight_len < world->budget.flight) {
        world->flight[world->flight_len] = letter;
        world->flight_len++;
    } /* else it is lost */
}

static void take_persist(struct server *server, const craft_persist *persist)
{
    struct record *record = &server->open[server->open_len];

    if (server->open_len >= OPEN_MAX || persist->entries_len > LOG_MAX) {
        explore_break("persist: records are within their bounds");
        return;
    }
    memset(record, 0, sizeof *record);
    record->flags = (uint8_t)persist->flags;
    if ((persist->flags & CRAFT_PERSIST_HARD_STATE) != 0) {
        record->term = (uint8_t)persist->term;
        record->voted_for = (uint8_t)persist->voted_for;
        record->commit_hint = (uint8_t)persist->commit_hint;
    }
    record->truncate_from = (uint8_t)persist->truncate_from;
    record->first = (uint8_t)persist->first_index;
    record->len = (uint8_t)persist->entries_len;
    for (size_t i = 0; i < persist->entries_len; i++) {
        record->things[i] = thing_of(&persist->entries[i]);
    }
    server->open_len++;
    if (options.check_facts) {
        effects_sum = mix_bytes(effects_sum, record, sizeof *record);
    }
}

static void take_fetch(struct server *server, const craft_node *node,
                       const craft_fetch *wanted)
{
    struct fetch *fetch;
    uint8_t which = 0;

    while (which < CRAFT_FETCH_COUNT &&
           node->fetching.stretches[which].ticket != wanted->ticket) {
        which++;
    }
    if (!options.fetch || which == CRAFT_FETCH_COUNT ||
        server->fetches[which].first != 0 || wanted->first > server->disk.len) {
        explore_break("fetch: what has left memory is on the disk");
        return;
    }
    fetch = &server->fetches[which];
    fetch->first = (uint8_t)wanted->first;
    fetch->max = (uint8_t)wanted->entries_max;
    fetch->len = host_has(server, fetch);
    memcpy(fetch->things, &server->disk.log[fetch->first - 1],
           fetch->len * sizeof fetch->things[0]);
    if (options.check_facts) {
        effects_sum =
            mix(effects_sum, (uint64_t)which << 16 |
                                 (uint64_t)fetch->first << 8 | fetch->max);
    }
}

static void take_apply(struct world *world, uint8_t server, craft_node *node,
                       const craft_effect *effect)
{
    craft_index last = node->apply.last;

    check_apply(world, server, node, effect);
    if (options.check_facts) {
        effects_sum = mix(effects_sum, node->apply.first << 8 | last);
    }
    if (!options.slow_apply) {
        world->servers[server].machine = (uint8_t)last;
        (void)craft_applied(node, last, CRAFT_ENDING_OK);
    }
}

static void take_done(struct world *world, uint8_t server,
                      const craft_node *node, const craft_effect *effect)
{
    if (options.check_facts) {
        effects_sum = mix(effects_sum, effect->token);
        effects_sum = mix(effects_sum, (uint64_t)effect->result);
    }
    check_done(world, server, node, effect);
}

static void take_one(struct world *world, uint8_t server, craft_node *node,
                     const craft_effect *effect)
{
    if (node->phase == CRAFT_PHASE_HALTED &&
        effect->kind != CRAFT_EFFECT_DONE &&
        effect->kind != CRAFT_EFFECT_EVENT) {
        explore_break("halted: it says nothing more");
    }
    switch (effect->kind) {
    case CRAFT_EFFECT_SEND:
        take_send(world, server, node, effect->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        take_persist(&world->servers[server], effect->persist);
        break;
    case CRAFT_EFFECT_FETCH:
        take_fetch(&world->servers[server], node, effect->fetch);
        break;
    case CRAFT_EFFECT_APPLY:
        take_apply(world, server, node, effect);
        break;
    case CRAFT_EFFECT_DONE:
        take_done(world, server, node, effect);
        break;
    case CRAFT_EFFECT_EVENT:
        break;
    default:
        explore_break("explore: an effect that it does not know");
        break;
    }
}

static bool pull(craft_node *node, craft_effect *effect)
{
    int rv;

    arena_closed = true;
    rv = craft_next_effect(node, effect);
    arena_closed = false;
    return rv == 1;
}

void effects_take(struct world *world, uint8_t server, craft_node *node)
{
    craft_effect effect;

    memset(&effect, 0, sizeof effect);
    effect.struct_size = (uint32_t)sizeof effect;
    while (pull(node, &effect)) {
        if (telling) {
            tell_effect(server, &effect);
        }
        take_one(world, server, node, &effect);
    }
}
