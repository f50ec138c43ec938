/* What must change nothing. */
#include "explore.h"

/* Longer than any input asks for memory. */
#define REFUSALS_MAX 64u

static void changes_nothing(const craft_node *node, uint64_t before,
                            const char *rule)
{
    if (facts_exact(node) != before) {
        explore_break(rule);
    }
}

/* False when the input asks for memory less often than that. */
static bool refuse_one(const struct world *world, const struct step *step,
                       uint32_t which, uint64_t after)
{
    struct world scratch = *world;
    craft_node *node =
        image_load(step->server, world->servers[step->server].image);
    struct craft_health health;
    uint32_t transfer_ticks;
    uint64_t before;
    int rv;

    if (options.held && step->kind == STEP_PROPOSE) {
        (void)craft_campaign(node); /* a leader's does nothing but settle */
    }
    before = facts_exact(node);
    health = node->health;
    transfer_ticks = node->transfer.elapsed_ticks;
    effects_sum = 0;
    arena_refuse(which);
    rv = step_input(&scratch, step, &node);
    if (!arena_relent()) {
        return false;
    }
    if (step->kind != STEP_CRASH) {
        if (rv == CRAFT_ERR_NOMEM) {
            changes_nothing(node, before, "memory: an error changes nothing");
        } else if (rv != 0 || step->kind != STEP_TIMEOUT) {
            explore_break("memory: what is refused is told");
        }
        if (step->kind == STEP_TIMEOUT) { /* as if time had passed once */
            node->health.disk_ticks = health.disk_ticks;
            node->health.disk_ticket = health.disk_ticket;
            node->transfer.elapsed_ticks = transfer_ticks;
        }
        scratch = *world;
        (void)step_input(&scratch, step, &node);
    }
    step_effects(&scratch, step, node);
    time_forget(node);
    /* What leaves memory goes by the segment, and a start that was refused one
     * leaves others behind. */
    if (mix(effects_sum, facts_of(node, 0)) != after &&
        (step->kind != STEP_CRASH || !options.fetch)) {
        explore_break("memory: once more, and it is as if none was refused");
    }
    return true;
}

void refuse_memory(const struct world *world, const struct step *step,
                   uint64_t after)
{
    uint32_t which = 1;

    while (refuse_one(world, step, which, after)) {
        which++;
        if (which == REFUSALS_MAX) {
            explore_break("memory: an input asks for it without end");
            break;
        }
    }
}

/* ---------------------------------------------------------------- endings */

static void expect(int rv, int wanted)
{
    if (rv != wanted) {
        explore_break("endings: one out of turn is told so");
    }
}

static bool ticket_open(const craft_node *node, uint64_t ticket)
{
    const struct craft_persistence *persist = &node->persist;

    return ticket >= persist->oldest && ticket < persist->next &&
           persist->tickets[ticket & persist->mask].era != CRAFT_ERA_VOIDED;
}

static void refuse_persisted(craft_node *node)
{
    uint64_t next = node->persist.next;

    for (uint64_t ticket = next > 4 ? next - 4 : 0; ticket <= next; ticket++) {
        bool known = ticket > 0 && ticket < next;
        int wanted = known ? 0 : CRAFT_ERR_TICKET;

        if (ticket_open(node, ticket)) {
            expect(craft_persisted(node, ticket, CRAFT_ENDING_ERROR + 1),
                   CRAFT_ERR_INVALID);
            continue;
        }
        expect(craft_persisted(node, ticket, CRAFT_ENDING_OK), wanted);
        expect(craft_persisted(node, ticket, CRAFT_ENDING_NOSPACE), wanted);
        expect(craft_persisted(node, ticket, CRAFT_ENDING_ERROR), wanted);
    }
}

static void refuse_applied(craft_node *node)
{
    craft_index index = node->apply.index;

    if (node->apply.first == 0) {
        expect(craft_applied(node, index, CRAFT_ENDING_OK), CRAFT_ERR_TICKET);
        return;
    }
    expect(craft_applied(node, index - 1, CRAFT_ENDING_OK), CRAFT_ERR_INVALID);
    expect(craft_applied(node, node->apply.last + 1, CRAFT_ENDING_OK),
           CRAFT_ERR_INVALID);
    expect(craft_applied(node, index, CRAFT_ENDING_NOSPACE), CRAFT_ERR_INVALID);
}

static void refuse_fetched(craft_node *node)
{
    expect(craft_fetched(node, node->fetching.next_ticket, NULL, 0,
                         CRAFT_ENDING_ERROR),
           CRAFT_ERR_TICKET);
    for (size_t i = 0; i < CRAFT_FETCH_COUNT; i++) {
        uint64_t ticket = node->fetching.stretches[i].ticket;

        if (ticket != 0) {
            expect(craft_fetched(node, ticket, NULL, 0, CRAFT_ENDING_OK),
                   CRAFT_ERR_CORRUPT);
        }
    }
}

void refuse_endings(craft_node *node)
{
    uint64_t before = facts_exact(node);

    if (node->phase == CRAFT_PHASE_HALTED) {
        expect(craft_tick(node, 100), CRAFT_ERR_HALTED);
        expect(craft_persisted(node, 1, CRAFT_ENDING_OK), CRAFT_ERR_HALTED);
        expect(craft_campaign(node), CRAFT_ERR_HALTED);
    } else {
        refuse_persisted(node);
        refuse_applied(node);
        refuse_fetched(node);
        expect(craft_peer_unreachable(node, SERVERS_MAX + 1),
               CRAFT_ERR_UNKNOWN_ID);
    }
    changes_nothing(node, before, "endings: one out of turn changes nothing");
}
