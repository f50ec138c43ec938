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

/*
 * Messages that promise nothing, the disk, promises that are durable now,
 * fetches, the state machine, requests that ended, events. A duty that finds
 * nothing takes its bit off.
 */
static uint32_t effect_derive(struct craft_node *node, uint32_t bit)
{
    switch (bit) {
    case CRAFT_DERIVE_APPEND:
        return craft_replicate_derive(node) ? CRAFT_EFFECT_SEND : 0;
    case CRAFT_DERIVE_REFUSAL:
        return craft_refuse_derive(node) ? CRAFT_EFFECT_SEND : 0;
    case CRAFT_DERIVE_PERSIST:
        return craft_persist_derive(node) ? CRAFT_EFFECT_PERSIST : 0;
    case CRAFT_DERIVE_VOTE:
        return craft_elect_derive(node) ? CRAFT_EFFECT_SEND : 0;
    case CRAFT_DERIVE_REPLY:
        return craft_follow_derive(node) ? CRAFT_EFFECT_SEND : 0;
    case CRAFT_DERIVE_FETCH:
        return craft_fetch_derive(node, craft_apply_missing(node))
                   ? CRAFT_EFFECT_FETCH
                   : 0;
    case CRAFT_DERIVE_APPLY:
        return craft_apply_derive(node) ? CRAFT_EFFECT_APPLY : 0;
    case CRAFT_DERIVE_DONE:
        return craft_propose_derive(node) ? CRAFT_EFFECT_DONE : 0;
    default:
        CRAFT_ASSERT(bit == CRAFT_DERIVE_EVENT);
        return craft_health_derive(node) ? CRAFT_EFFECT_EVENT : 0;
    }
}

CRAFT_INTERNAL uint32_t craft_effects_next(struct craft_node *node)
{
    uint32_t due;

    if (CRAFT_UNLIKELY(node->phase != CRAFT_PHASE_STARTED)) {
        node->due &= CRAFT_DERIVE_LAST | ~(uint32_t)CRAFT_DERIVE_ALL;
    }
    while ((due = node->due & CRAFT_DERIVE_ALL) != 0) {
        uint32_t kind = effect_derive(node, due & (0u - due));

        if (kind != 0) {
            return kind;
        }
    }
    return 0;
}
