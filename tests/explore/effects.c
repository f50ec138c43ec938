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

static void take_apply(craft_node *node, const craft_effect *effect)
{
    craft_index index = node->apply.index;

    for (size_t i = 0; i < effect->entries_len; i++) {
        const craft_entry *entry = &effect->entries[i];

        index++;
        if (entry->index != index || entry->kind != CRAFT_ENTRY_COMMAND ||
            index > node->commit_index) {
            explore_break("apply: committed commands, in order, once");
        }
    }
    (void)craft_applied(node, index, CRAFT_ENDING_OK);
}

static void take_done(struct world *world, const craft_node *node,
                      const craft_effect *effect)
{
    if (options.check_facts) {
        effects_sum = mix(effects_sum, effect->token);
    }
    if (effect->result == CRAFT_RESULT_OK) {
        const craft_entry *entry;

        if (effect->index == 0 || effect->index > node->apply.index) {
            explore_break("done: OK is told of what is applied here");
            return;
        }
        entry = craft_log_entry(&node->log, effect->index);
        if (entry->kind != CRAFT_ENTRY_COMMAND ||
            entry->data[0] != effect->token) {
            explore_break("done: OK is told of the very entry");
        }
    } else {
        world->history.superseded |=
            (uint8_t)(1u << (effect->token - WHAT_COMMAND));
    }
}

void effects_take(struct world *world, uint8_t server, craft_node *node)
{
    craft_effect effect;

    memset(&effect, 0, sizeof effect);
    effect.struct_size = (uint32_t)sizeof effect;
    while (craft_next_effect(node, &effect) == 1) {
        if (telling) {
            tell_effect(server, &effect);
        }
        switch (effect.kind) {
        case CRAFT_EFFECT_SEND:
            take_send(world, server, node, effect.message);
            break;
        case CRAFT_EFFECT_PERSIST:
            take_persist(&world->servers[server], effect.persist);
            break;
        case CRAFT_EFFECT_APPLY:
            take_apply(node, &effect);
            break;
        case CRAFT_EFFECT_DONE:
            take_done(world, node, &effect);
            break;
        case CRAFT_EFFECT_EVENT:
            break;
        default:
            explore_break("explore: an effect that it does not know");
            break;
        }
    }
}
