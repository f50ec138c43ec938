#include "api/delivery.h"

CRAFT_INTERNAL int craft_enter_slow(const struct craft_node *node)
{
    if (node == NULL) {
        return CRAFT_ERR_INVALID;
    }
    CRAFT_ASSERT(node->phase != CRAFT_PHASE_STARTED);
    switch (node->phase) {
    case CRAFT_PHASE_STOPPED:
        return CRAFT_ERR_STOPPED;
    case CRAFT_PHASE_HALTED:
        return CRAFT_ERR_HALTED;
    default:
        return CRAFT_ERR_STATE;
    }
}

CRAFT_INTERNAL int craft_deliver(struct craft_node *node, int rv)
{
    struct craft_delivery *delivery = &node->delivery;

    if (CRAFT_UNLIKELY(delivery->pull) && delivery->pulled == NULL) {
        craft_settle(node); /* the host has to ask */
        return rv;
    }
    craft_effects_run(node);
    if (CRAFT_UNLIKELY((delivery->holds & CRAFT_HOLDS_FREE) != 0)) {
        craft_node_destroy(node);
    }
    return rv;
}

/* ------------------------------------------------------- the door to pull */

/* The loop ends: what else follows is derived at the next pull. */
static craft_effect *pull_begin(struct craft_node *node, uint32_t kind)
{
    craft_effect *effect = node->delivery.pulled;
    uint32_t size = effect->struct_size;

    CRAFT_ASSERT(!node->delivery.lent);
    node->due |= CRAFT_DELIVERY_ENDS;
    node->delivery.lent = true;
    memset(effect, 0, sizeof *effect);
    effect->struct_size = size;
    effect->kind = kind;
    return effect;
}

static void pull_send(void *host, const craft_message *message)
{
    pull_begin(host, CRAFT_EFFECT_SEND)->message = message;
}

static void pull_persist(void *host, const craft_persist *record)
{
    pull_begin(host, CRAFT_EFFECT_PERSIST)->persist = record;
}

static void pull_apply(void *host, const craft_entry *entries,
                       size_t entries_len)
{
    craft_effect *effect = pull_begin(host, CRAFT_EFFECT_APPLY);

    effect->entries = entries;
    effect->entries_len = entries_len;
}

static void pull_fetch(void *host, const craft_fetch *fetch)
{
    pull_begin(host, CRAFT_EFFECT_FETCH)->fetch = fetch;
}

static void pull_snapshot_read(void *host, const craft_snapshot_read *read)
{
    pull_begin(host, CRAFT_EFFECT_SNAPSHOT_READ)->snapshot_read = read;
}

static void pull_snapshot_write(void *host, const craft_snapshot_write *write)
{
    pull_begin(host, CRAFT_EFFECT_SNAPSHOT_WRITE)->snapshot_write = write;
}

static void pull_install(void *host, const craft_snapshot *snapshot)
{
    pull_begin(host, CRAFT_EFFECT_INSTALL)->snapshot = snapshot;
}

static void pull_done(void *host, uint64_t token, int result, craft_index index)
{
    craft_effect *effect = pull_begin(host, CRAFT_EFFECT_DONE);

    effect->token = token;
    effect->result = result;
    effect->index = index;
}

static void pull_event(void *host, const craft_event *event)
{
    pull_begin(host, CRAFT_EFFECT_EVENT)->event = event;
}

CRAFT_INTERNAL void craft_delivery_init(struct craft_node *node,
                                        const craft_hooks *hooks, void *host)
{
    static const craft_hooks pull = {
        .struct_size = sizeof pull,
        .send = pull_send,
        .persist = pull_persist,
        .apply = pull_apply,
        .fetch = pull_fetch,
        .done = pull_done,
        .event = pull_event,
        .snapshot_read = pull_snapshot_read,
        .snapshot_write = pull_snapshot_write,
        .install = pull_install,
    };

    node->delivery.pull = hooks == NULL;
    node->delivery.host = hooks != NULL ? host : node;
    node->hooks = hooks != NULL ? *hooks : pull;
}

/* ------------------------------------------------------------------- holds */

int craft_hold(craft_node *node)
{
    int rv = craft_enter(node);

    if (rv == 0 &&
        (node->delivery.holds & CRAFT_HOLDS_MAX) == CRAFT_HOLDS_MAX) {
        rv = CRAFT_ERR_BUSY;
    }
    if (rv == 0) {
        node->delivery.holds++;
        node->due |= CRAFT_DELIVERY_ENDS;
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
    if ((node->delivery.holds & ~CRAFT_HOLDS_RUNNING) == 0) {
        node->due &= ~(uint32_t)CRAFT_DELIVERY_ENDS;
    }
    return craft_leave(node, 0);
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
    node->delivery.pulled = effect;
    (void)craft_deliver(node, 0);
    node->delivery.pulled = NULL;
    node->due &= ~(uint32_t)CRAFT_DELIVERY_ENDS;
    return node->delivery.lent ? 1 : 0;
}
