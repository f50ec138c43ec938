/*
 * delivery: how an input is taken, and how effects reach the host.
 *
 * An input enters, changes facts and leaves. Leaving the outermost one that is
 * not held settles and delivers. With hooks, a loop derives one effect after
 * another, reading the facts anew before each; what a hook causes follows when
 * it has returned, without recursion. Without hooks the host pulls the same
 * sequence.
 */
#ifndef CRAFT_API_DELIVERY_H
#define CRAFT_API_DELIVERY_H

#include "engine/engine.h"

/* May an input be taken in this phase? 0 or the reason. */
CRAFT_INTERNAL int craft_enter_slow(const struct craft_node *node);

static inline int craft_enter(const struct craft_node *node)
{
    if (CRAFT_LIKELY(node != NULL && node->phase == CRAFT_PHASE_STARTED)) {
        return 0;
    }
    return craft_enter_slow(node);
}

/* Settle, and with hooks deliver. */
CRAFT_INTERNAL void craft_deliver(struct craft_node *node);

/* The input is taken: settle and deliver, unless held or inside a hook. */
static inline void craft_leave(struct craft_node *node)
{
    if (node->delivery.holds == 0 && node->due != 0) {
        craft_deliver(node);
    }
}

/* Free all of it; not from within the loop. */
CRAFT_INTERNAL void craft_node_destroy(struct craft_node *node);

#endif
