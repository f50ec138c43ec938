/* What follows for the host, in the order of delivery. */
#include "core/answer.h"
#include "core/apply.h"
#include "core/elect.h"
#include "core/fetch.h"
#include "core/follow.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/persist.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/receiving.h"
#include "core/replicate.h"
#include "core/sending.h"
#include "core/take.h"
#include "core/transfer.h"
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
    case CRAFT_EFFECT_SNAPSHOT_READ:
        hooks->snapshot_read(host, &out->snapshot_read);
        break;
    case CRAFT_EFFECT_SNAPSHOT_WRITE:
        hooks->snapshot_write(host, &out->snapshot_write);
        break;
    case CRAFT_EFFECT_INSTALL:
        hooks->install(host, &node->snapshot.latest);
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

typedef bool (*deriver)(struct craft_node *node);

/*
 * Hand out what one duty derives; one that finds nothing takes its bit off.
 * Facts are read anew before every effect: a hook may have changed any. False
 * when this, something earlier or the end of the loop is due now.
 */
static inline bool stage(struct craft_node *node, uint32_t bit, deriver derive,
                         uint32_t kind)
{
    if ((node->due & bit) == 0 || !derive(node)) {
        return true;
    }
    hook_call(node, kind);
    return CRAFT_LIKELY((node->due & ((2 * bit - 1) | CRAFT_DELIVERY_ENDS)) ==
                        0);
}

static bool fetch_derive(struct craft_node *node)
{
    return craft_fetch_derive(node, craft_apply_missing(node));
}

/* Parts of snapshots, and answers to them; they promise nothing. */
static bool parts_derive(struct craft_node *node)
{
    if (craft_receiving_derive(node) || craft_sending_derive(node)) {
        return true;
    }
    node->due &= ~(uint32_t)CRAFT_DERIVE_PART;
    return false;
}

CRAFT_COLD static bool stage_install(struct craft_node *node)
{
    return stage(node, CRAFT_DERIVE_APPLY, craft_apply_derive_install,
                 CRAFT_EFFECT_INSTALL);
}

static inline bool stage_apply(struct craft_node *node)
{
    if (craft_install_due(node)) {
        return stage_install(node);
    }
    return stage(node, CRAFT_DERIVE_APPLY, craft_apply_derive,
                 CRAFT_EFFECT_APPLY);
}

/* Of the reads and commands of one server at another: questions, answers. */
static bool ask_derive(struct craft_node *node)
{
    if (craft_read_derive(node) || (node->standing.role == CRAFT_ROLE_LEADER
                                        ? craft_take_derive(node)
                                        : craft_forward_derive(node))) {
        return true;
    }
    node->due &= ~(uint32_t)CRAFT_DERIVE_ASK;
    return false;
}

static bool done_derive(struct craft_node *node)
{
    return craft_transfer_derive_done(node) || craft_read_derive_done(node) ||
           (CRAFT_UNLIKELY(craft_forward_waits(node)) &&
            craft_forward_derive_done(node)) ||
           craft_propose_derive(node);
}

/* What comes last, also of a node that stopped or halted. */
static inline void stages_last(struct craft_node *node)
{
    /* Many end at once: not each from the top. */
    while (!stage(node, CRAFT_DERIVE_DONE, done_derive, CRAFT_EFFECT_DONE)) {
        if ((node->due & ~(uint32_t)CRAFT_DERIVE_LAST) != 0) {
            return;
        }
    }
    (void)stage(node, CRAFT_DERIVE_EVENT, craft_health_derive,
                CRAFT_EFFECT_EVENT);
}

/* Messages that promise nothing, but for appends. */
CRAFT_APART static bool stages_words(struct craft_node *node)
{
    return stage(node, CRAFT_DERIVE_ANSWER, craft_answer_derive,
                 CRAFT_EFFECT_SEND) &&
           stage(node, CRAFT_DERIVE_TELL, craft_transfer_derive,
                 CRAFT_EFFECT_SEND) &&
           stage(node, CRAFT_DERIVE_ASK, ask_derive, CRAFT_EFFECT_SEND) &&
           stage(node, CRAFT_DERIVE_PART, parts_derive, CRAFT_EFFECT_SEND);
}

/* What is wanted from the host's store, or for it. */
CRAFT_APART static bool stages_store(struct craft_node *node)
{
    return stage(node, CRAFT_DERIVE_FETCH, fetch_derive, CRAFT_EFFECT_FETCH) &&
           stage(node, CRAFT_DERIVE_CHUNK_READ, craft_sending_derive_read,
                 CRAFT_EFFECT_SNAPSHOT_READ) &&
           stage(node, CRAFT_DERIVE_CHUNK_WRITE, craft_receiving_derive_write,
                 CRAFT_EFFECT_SNAPSHOT_WRITE);
}

/* In the order of delivery; one look for those of which an entry needs none. */
static inline void stages(struct craft_node *node)
{
    if (!stage(node, CRAFT_DERIVE_APPEND, craft_replicate_derive,
               CRAFT_EFFECT_SEND) ||
        (CRAFT_UNLIKELY((node->due & CRAFT_DERIVE_WORDS) != 0) &&
         !stages_words(node)) ||
        !stage(node, CRAFT_DERIVE_PERSIST, craft_persist_derive,
               CRAFT_EFFECT_PERSIST) ||
        !stage(node, CRAFT_DERIVE_VOTE, craft_elect_derive,
               CRAFT_EFFECT_SEND) ||
        !stage(node, CRAFT_DERIVE_REPLY, craft_follow_derive,
               CRAFT_EFFECT_SEND) ||
        (CRAFT_UNLIKELY((node->due & CRAFT_DERIVE_STORE) != 0) &&
         !stages_store(node)) ||
        !stage_apply(node)) {
        return;
    }
    if ((node->due & CRAFT_DERIVE_LAST) != 0) {
        stages_last(node);
    }
}

CRAFT_HOT void craft_effects_run(struct craft_node *node)
{
    CRAFT_ASSERT(node->delivery.holds == 0);
    node->delivery.holds = CRAFT_HOLDS_RUNNING;
    /* While something is due, and not the end. */
    while (node->due - 1u < CRAFT_DELIVERY_ENDS - 1u) {
        if ((node->due & CRAFT_SETTLE_ALL) != 0) {
            craft_settle(node);
        }
        if (CRAFT_UNLIKELY((node->due & CRAFT_TIDY_MEMORY) != 0)) {
            craft_tidy(node);
            continue; /* a snapshot may have taken over */
        }
        stages(node);
    }
    if (CRAFT_LIKELY(node->delivery.holds == CRAFT_HOLDS_RUNNING)) {
        node->delivery.holds = 0;
    } else {
        node->delivery.holds &= ~CRAFT_HOLDS_RUNNING;
    }
}
