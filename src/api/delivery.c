#include "api/delivery.h"

CRAFT_INTERNAL int craft_enter_slow(const struct craft_node *node)
{
    if (node == NULL) {
        return CRAFT_ERR_INVALID;
    }
    switch (node->phase) {
    case CRAFT_PHASE_STARTED:
        return 0;
    case CRAFT_PHASE_STOPPED:
        return CRAFT_ERR_STOPPED;
    case CRAFT_PHASE_HALTED:
        return CRAFT_ERR_HALTED;
    default:
        return CRAFT_ERR_STATE;
    }
}

CRAFT_INTERNAL void craft_deliver(struct craft_node *node)
{
    struct craft_delivery *delivery = &node->delivery;

    CRAFT_ASSERT(delivery->holds == 0);
    if (CRAFT_UNLIKELY(delivery->pull)) {
        craft_settle(node);
        return;
    }
    delivery->holds = CRAFT_HOLDS_RUNNING;
    (void)craft_effects_run(node, NULL);
    delivery->holds &= ~CRAFT_HOLDS_RUNNING;
    if (CRAFT_UNLIKELY((delivery->holds & CRAFT_HOLDS_FREE) != 0)) {
        craft_node_destroy(node);
    }
}

int craft_hold(craft_node *node)
{
    int rv = craft_enter(node);

    if (rv == 0 &&
        (node->delivery.holds & CRAFT_HOLDS_MAX) == CRAFT_HOLDS_MAX) {
        rv = CRAFT_ERR_BUSY;
    }
    if (rv == 0) {
        node->delivery.holds++;
    }
    return rv;
}

/* Also of a node that stopped or halted while held: what ended is told. */
int craft_release(craft_node *node)
{
    if (node == NULL) {
        return CRAFT_ERR_INVALID;
    }
    if ((node->delivery.holds & CRAFT_HOLDS_MAX) == 0) {
        return CRAFT_ERR_STATE;
    }
    node->delivery.holds--;
    craft_leave(node);
    return 0;
}

int craft_next_effect(craft_node *node, craft_effect *effect)
{
    if (node == NULL || effect == NULL ||
        effect->struct_size != sizeof *effect) {
        return CRAFT_ERR_INVALID;
    }
    if (!node->delivery.pull || node->phase < CRAFT_PHASE_STARTED) {
        return CRAFT_ERR_STATE;
    }
    if (node->delivery.holds > 0) {
        return 0; /* nor is what the last pull gave out given up */
    }
    node->delivery.lent = false;
    return craft_effects_run(node, effect) ? 1 : 0;
}
