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

static void hook_call(struct craft_node *node, uint32_t kind)
{
    struct craft_outbox *out = &node->out;
    const craft_hooks *hooks = &node->hooks;
    void *host = node->delivery.host;

    switch (kind) {
    case CRAFT_EFFECT_SEND:
        hooks->send(host, &out->message);
        break;
    case CRAFT_EFFECT_PERSIST:
        hooks->persist(host, &out->persist);
        break;
    case CRAFT_EFFECT_FETCH:
        hooks->fetch(host, &out->fetch);
        break;
    case CRAFT_EFFECT_APPLY:
        hooks->apply(host, out->entries, out->entries_len);
        break;
    case CRAFT_EFFECT_DONE:
        if (hooks->done != NULL) {
            hooks->done(host, out->token, out->result, out->index);
        }
        break;
    default:
        CRAFT_ASSERT(kind == CRAFT_EFFECT_EVENT);
        hooks->event(host, &out->event);
        break;
    }
}

/* Settle, tidy, derive: the next effect, or 0. Nothing is lent meanwhile. */
static uint32_t delivery_next(struct craft_node *node)
{
    if ((node->due & CRAFT_SETTLE_ALL) != 0) {
        craft_settle(node);
    }
    if (CRAFT_UNLIKELY((node->due & CRAFT_TIDY_MEMORY) != 0 ||
                       node->log.retired != NULL)) {
        craft_tidy(node);
    }
    return craft_effects_next(node);
}

static void delivery_loop(struct craft_node *node)
{
    struct craft_delivery *delivery = &node->delivery;

    delivery->running = true;
    while (delivery->holds == 0 && !delivery->free_me) {
        uint32_t kind = delivery_next(node);

        if (kind == 0) {
            break;
        }
        delivery->lent = true;
        hook_call(node, kind);
        delivery->lent = false;
    }
    delivery->running = false;
    if (CRAFT_UNLIKELY(delivery->free_me)) {
        craft_node_destroy(node);
    }
}

CRAFT_INTERNAL void craft_leave(struct craft_node *node)
{
    const struct craft_delivery *delivery = &node->delivery;

    if (delivery->holds > 0 || delivery->running || node->due == 0) {
        return;
    }
    if (delivery->pull) {
        craft_settle(node);
    } else {
        delivery_loop(node);
    }
}

int craft_hold(craft_node *node)
{
    int rv = craft_enter(node);

    if (rv == 0 && node->delivery.holds == UINT32_MAX) {
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
    if (node->delivery.holds == 0) {
        return CRAFT_ERR_STATE;
    }
    node->delivery.holds--;
    craft_leave(node);
    return 0;
}

static void effect_fill(const struct craft_node *node, uint32_t kind,
                        craft_effect *effect)
{
    const struct craft_outbox *out = &node->out;
    uint32_t size = effect->struct_size;

    memset(effect, 0, sizeof *effect);
    effect->struct_size = size;
    effect->kind = kind;
    switch (kind) {
    case CRAFT_EFFECT_SEND:
        effect->message = &out->message;
        break;
    case CRAFT_EFFECT_PERSIST:
        effect->persist = &out->persist;
        break;
    case CRAFT_EFFECT_FETCH:
        effect->fetch = &out->fetch;
        break;
    case CRAFT_EFFECT_APPLY:
        effect->entries = out->entries;
        effect->entries_len = out->entries_len;
        break;
    case CRAFT_EFFECT_DONE:
        effect->token = out->token;
        effect->result = out->result;
        effect->index = out->index;
        break;
    default:
        effect->event = &out->event;
        break;
    }
}

int craft_next_effect(craft_node *node, craft_effect *effect)
{
    uint32_t kind;

    if (node == NULL || effect == NULL ||
        effect->struct_size != sizeof *effect) {
        return CRAFT_ERR_INVALID;
    }
    if (!node->delivery.pull || node->phase < CRAFT_PHASE_STARTED) {
        return CRAFT_ERR_STATE;
    }
    if (node->delivery.holds > 0) {
        return 0;
    }
    node->delivery.lent = false; /* what the last pull gave out is back */
    kind = delivery_next(node);
    if (kind == 0) {
        return 0;
    }
    node->delivery.lent = true;
    effect_fill(node, kind, effect);
    return 1;
}
