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

/* Why no input may be taken in this phase. */
CRAFT_INTERNAL int craft_enter_slow(const struct craft_node *node);

static inline int craft_enter(const struct craft_node *node)
{
    if (CRAFT_LIKELY(node != NULL && node->phase == CRAFT_PHASE_STARTED)) {
        return 0;
    }
    return craft_enter_slow(node);
}

/* The hooks; without, those that make an effect to be pulled of each call. */
CRAFT_INTERNAL void craft_delivery_init(struct craft_node *node,
                                        const craft_hooks *hooks, void *host);

/* Settle, and with hooks deliver; rv is the input's, returned as it is. */
CRAFT_APART CRAFT_INTERNAL int craft_deliver(struct craft_node *node, int rv);

/* The input is taken: settle and deliver, unless held or inside a hook. To be
 * called last, so that the input needs no frame of its own. */
static inline int craft_leave(struct craft_node *node, int rv)
{
    if (node->delivery.holds == 0 && node->due != 0) {
        return craft_deliver(node, rv);
    }
    return rv;
}

/* Copy as much of a struct as the caller knows of; its struct_size stays. 0, or
 * CRAFT_ERR_INVALID. */
CRAFT_INTERNAL int craft_copy_out(void *out, const void *from, uint32_t size,
                                  uint32_t caller_size);

/* It stops or halts: only what ended is told. */
CRAFT_INTERNAL void craft_node_end(struct craft_node *node, uint32_t phase);

/* Free all of it; not from within the loop. */
CRAFT_INTERNAL void craft_node_destroy(struct craft_node *node);

#endif
