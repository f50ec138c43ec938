/* What follows for the host, in the order of delivery. */
#include "core/apply.h"
#include "core/elect.h"
#include "core/fetch.h"
#include "core/follow.h"
#include "core/health.h"
#include "core/persist.h"
#include "core/propose.h"
#include "core/refuse.h"
#include "core/replicate.h"
#include "engine/engine.h"

static inline void hook_call(struct craft_node *node, uint32_t kind)
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

enum outcome {
    OUTCOME_NEXT,  /* nothing is left of this kind: the next one */
    OUTCOME_AGAIN, /* something earlier is due, or a hold was taken */
    OUTCOME_PULLED
};

typedef bool (*deriver)(struct craft_node *node);

/*
 * Hand out what one duty derives, until it finds nothing and takes its bit
 * off. Facts are read anew before every effect: a hook may have changed any.
 */
static inline enum outcome stage(struct craft_node *node, uint32_t bit,
                                 deriver derive, uint32_t kind,
                                 craft_effect *pulled)
{
    while ((node->due & bit) != 0) {
        if (!derive(node)) {
            continue;
        }
        node->delivery.lent = true;
        if (CRAFT_UNLIKELY(pulled != NULL)) {
            effect_fill(node, kind, pulled);
            return OUTCOME_PULLED;
        }
        hook_call(node, kind);
        node->delivery.lent = false;
        if (CRAFT_UNLIKELY((node->due & (bit - 1)) != 0 ||
                           (node->delivery.holds & ~CRAFT_HOLDS_RUNNING) !=
                               0)) {
            return OUTCOME_AGAIN;
        }
    }
    return OUTCOME_NEXT;
}

static bool fetch_derive(struct craft_node *node)
{
    return craft_fetch_derive(node, craft_apply_missing(node));
}

/* What comes last, also of a node that stopped or halted. */
static enum outcome stages_last(struct craft_node *node, craft_effect *pulled)
{
    enum outcome outcome = stage(node, CRAFT_DERIVE_DONE, craft_propose_derive,
                                 CRAFT_EFFECT_DONE, pulled);

    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_EVENT, craft_health_derive,
                        CRAFT_EFFECT_EVENT, pulled);
    }
    return outcome;
}

/* Messages that promise nothing, the disk, promises that are durable now. */
static inline enum outcome stages_first(struct craft_node *node,
                                        craft_effect *pulled)
{
    enum outcome outcome =
        stage(node, CRAFT_DERIVE_APPEND, craft_replicate_derive,
              CRAFT_EFFECT_SEND, pulled);

    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_REFUSAL, craft_refuse_derive,
                        CRAFT_EFFECT_SEND, pulled);
    }
    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_PERSIST, craft_persist_derive,
                        CRAFT_EFFECT_PERSIST, pulled);
    }
    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_VOTE, craft_elect_derive,
                        CRAFT_EFFECT_SEND, pulled);
    }
    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_REPLY, craft_follow_derive,
                        CRAFT_EFFECT_SEND, pulled);
    }
    return outcome;
}

/* In the order of delivery. */
static inline enum outcome stages(struct craft_node *node, craft_effect *pulled)
{
    enum outcome outcome = stages_first(node, pulled);

    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_FETCH, fetch_derive,
                        CRAFT_EFFECT_FETCH, pulled);
    }
    if (outcome == OUTCOME_NEXT) {
        outcome = stage(node, CRAFT_DERIVE_APPLY, craft_apply_derive,
                        CRAFT_EFFECT_APPLY, pulled);
    }
    if (outcome == OUTCOME_NEXT && (node->due & CRAFT_DERIVE_LAST) != 0) {
        outcome = stages_last(node, pulled);
    }
    return outcome;
}

CRAFT_INTERNAL bool craft_effects_run(struct craft_node *node,
                                      craft_effect *pulled)
{
    while (node->due != 0 &&
           (node->delivery.holds & ~CRAFT_HOLDS_RUNNING) == 0) {
        enum outcome outcome;

        if ((node->due & CRAFT_SETTLE_ALL) != 0) {
            craft_settle(node);
        }
        if (CRAFT_UNLIKELY((node->due & CRAFT_TIDY_MEMORY) != 0)) {
            craft_tidy(node);
        }
        outcome = stages(node, pulled);
        if (outcome == OUTCOME_PULLED) {
            return true;
        }
    }
    return false;
}
