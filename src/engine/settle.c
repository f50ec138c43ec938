/* The consequences of changed facts, in one written order. */
#include "core/commit.h"
#include "core/elect.h"
#include "core/fetch.h"
#include "core/follow.h"
#include "core/forward.h"
#include "core/health.h"
#include "core/lease.h"
#include "core/persist.h"
#include "core/prefer.h"
#include "core/propose.h"
#include "core/read.h"
#include "core/receiving.h"
#include "core/replicate.h"
#include "core/sending.h"
#include "core/snapshot.h"
#include "core/take.h"
#include "core/transfer.h"
#include "engine/engine.h"

/* Each settling changes facts that others read; chains are short. */
#define SETTLE_ROUNDS_MAX 16

static void settle_configuration(struct craft_node *node)
{
    craft_peers_follow(&node->peers, node->configuration, node->config.id,
                       node->log.last + 1);
    craft_health_tell(node, CRAFT_EVENT_CONFIGURATION, 0, 0);
}

/* May it campaign, and is there room for what winning appends? */
static bool campaign_ready(const struct craft_node *node)
{
    return craft_elect_may_campaign(node) == 0 && craft_elect_reserved(node);
}

static void election_won(struct craft_node *node)
{
    if (node->standing.role == CRAFT_ROLE_CANDIDATE) {
        craft_role_lead(node);
    } else if (campaign_ready(node)) {
        craft_role_campaign(node, false);
    } else {
        craft_role_follow(node, node->standing.term, 0);
    }
}

static void settle_election(struct craft_node *node)
{
    if (node->standing.role != CRAFT_ROLE_CANDIDATE &&
        node->standing.role != CRAFT_ROLE_PRE_CANDIDATE) {
        return;
    }
    switch (craft_elect_tally(node)) {
    case CRAFT_TALLY_WON:
        election_won(node);
        break;
    case CRAFT_TALLY_LOST:
        craft_role_follow(node, node->standing.term, 0);
        break;
    default:
        craft_when_durable(node, CRAFT_SETTLE_ELECTION); /* its own vote */
        break;
    }
}

static void settle_reads(struct craft_node *node)
{
    if (craft_read_wants_round(node)) {
        craft_replicate_round(node);
    }
    craft_read_settle(node);
    craft_lease_settle(node);
}

static void settle_transfer(struct craft_node *node)
{
    if (craft_transfer_settle(node)) {
        craft_health_tell(node, CRAFT_EVENT_TRANSFER_ENDED,
                          node->transfer.ended_result,
                          node->transfer.ended_target);
    }
    if (craft_transfer_take_told(node) && campaign_ready(node)) {
        craft_role_campaign(node, true);
    }
}

static void settle_health(struct craft_node *node)
{
    if (craft_health_yields(node)) {
        craft_role_follow(node, node->standing.term, 0);
    }
}

/* Leadership goes back to whom it is meant for. */
static void hand_over(struct craft_node *node)
{
    craft_id whom = craft_prefer_whom(node);

    if (whom != 0 && craft_transfer_begin(node, whom, 0) == 0) {
        craft_prefer_tried(node);
        craft_health_tell(node, CRAFT_EVENT_TRANSFER, 0, whom);
    }
}

static void settle_time(struct craft_node *node)
{
    craft_persist_retry(node);
    craft_fetch_retry(node);
    if (craft_forward_expire(node)) {
        craft_health_tell(node, CRAFT_EVENT_FORWARD, 0, node->standing.leader);
    }
    if (craft_health_quorum_lost(node) || craft_health_disk_silent(node)) {
        craft_role_follow(node, node->standing.term, 0);
    } else if (node->standing.role == CRAFT_ROLE_LEADER) {
        if (craft_replicate_tick(node)) {
            craft_sending_beat(node);
        }
        hand_over(node);
    } else if (craft_elect_gives_up(node)) {
        craft_role_follow(node, node->standing.term, 0);
    } else if (craft_elect_tick(node) && craft_elect_reserved(node)) {
        craft_role_stand(node); /* no room: the next tick tries again */
    }
}

static void settle_all(struct craft_node *node)
{
    uint32_t rounds = 0;

    while ((node->due & CRAFT_SETTLE_ALL) != 0) {
        /* Always the first one that is due: what it changes may concern an
         * earlier one. */
        uint32_t bit = node->due & (0u - node->due);

        CRAFT_ASSERT(rounds < SETTLE_ROUNDS_MAX);
        rounds++;
        node->due &= ~bit;
        switch (bit) {
        case CRAFT_SETTLE_DURABLE:
            craft_persist_settle(node);
            break;
        case CRAFT_SETTLE_CONFIGURATION:
            settle_configuration(node);
            break;
        case CRAFT_SETTLE_ELECTION:
            settle_election(node);
            break;
        case CRAFT_SETTLE_COMMIT:
            craft_commit_settle(node);
            break;
        case CRAFT_SETTLE_FORWARD:
            craft_take_settle(node);
            break;
        case CRAFT_SETTLE_READS:
            settle_reads(node);
            break;
        case CRAFT_SETTLE_TRANSFER:
            settle_transfer(node);
            break;
        case CRAFT_SETTLE_HEALTH:
            settle_health(node);
            break;
        default:
            CRAFT_ASSERT(bit == CRAFT_SETTLE_TIME);
            settle_time(node);
            break;
        }
    }
}

CRAFT_HOT void craft_settle(struct craft_node *node)
{
    /* A leader's acknowledgements, most of all that is ever settled. */
    if (CRAFT_LIKELY((node->due & CRAFT_SETTLE_ALL) == CRAFT_SETTLE_COMMIT)) {
        node->due &= ~(uint32_t)CRAFT_SETTLE_COMMIT;
        craft_commit_settle(node);
    }
    if (CRAFT_UNLIKELY((node->due & CRAFT_SETTLE_ALL) != 0)) {
        settle_all(node);
    }
}

/* The era in which the oldest record that is out was lent. */
static uint64_t tidy_records_era(const struct craft_node *node)
{
    const struct craft_persistence *persist = &node->persist;

    return persist->oldest != persist->next
               ? persist->tickets[persist->oldest & persist->mask].era
               : UINT64_MAX;
}

/*
 * The leader's snapshot takes the place of the log, which ends before it or
 * conflicts with it: none of the rest can be kept (Figure 5.3). The whole of
 * it follows: the configuration is the one that it carries, whatever was in
 * force (openraft 1808), and the store is told with one record.
 */
static void take_over(struct craft_node *node)
{
    struct craft_receiving *receiving = &node->receiving;
    craft_index index = receiving->incoming.index;
    craft_index committed = node->commit_index;

    craft_propose_hide(node, index, receiving->incoming.term);
    craft_forward_hide(node, index, receiving->incoming.term);
    craft_log_begin(&node->log, index, receiving->incoming.term, false);
    craft_members_pop(&node->configuration, 0, &node->config.allocator);
    craft_members_push(&node->configuration, receiving->members);
    craft_snapshot_adopt(node, &receiving->incoming, receiving->configuration);
    craft_persist_begun(node, committed);
    craft_commit_raise(node, index);
    craft_receiving_taken(node);
    craft_follow_vouch(node, index);
    craft_changed(node, CRAFT_FACT_BEGUN_ANEW);
}

static void tidy_received(struct craft_node *node)
{
    const craft_snapshot *incoming = &node->receiving.incoming;

    if (craft_receiving_covered(node, incoming->index, incoming->term)) {
        craft_receiving_reset(node); /* entries were quicker */
        craft_changed(node, CRAFT_DERIVE_PERSIST | CRAFT_DERIVE_APPLY);
    } else if (craft_takeover_waits(node)) {
        if (node->persist.oldest != node->persist.next) {
            craft_when_durable(node, CRAFT_FACT_RECEIVED);
        } else {
            take_over(node);
        }
    }
}

/* Give up what a snapshot stands for: nobody holds it now. */
static void tidy_compact(struct craft_node *node)
{
    craft_index base;

    craft_snapshot_tidy(node);
    base = craft_snapshot_base(node);
    if (base > node->log.base) {
        craft_propose_hide(node, base, 0);
        craft_forward_hide(node, base, 0);
        craft_log_compact(&node->log, base);
        craft_replicate_compacted(node);
        craft_changed(node, CRAFT_DERIVE_PERSIST);
    }
}

CRAFT_INTERNAL void craft_tidy(struct craft_node *node)
{
    const struct craft_application *apply = &node->apply;
    craft_index limit = node->persist.durable.match;
    uint64_t era = tidy_records_era(node);

    CRAFT_ASSERT(!node->delivery.lent);
    node->due &= ~(uint32_t)CRAFT_TIDY_MEMORY;
    if (CRAFT_UNLIKELY(node->receiving.complete)) {
        tidy_received(node);
    }
    tidy_compact(node);
    /* Until the next snapshot, which may be of any state after the latest. */
    craft_members_settle(node->configuration, node->snapshot.latest.index,
                         &node->config.allocator);
    if (limit > apply->index) {
        limit = apply->index;
    }
    craft_log_evict(&node->log, limit);
    /* More than may be waits for the state machine: what is durable is read
     * back for it later. */
    if (craft_log_over(&node->log)) {
        craft_log_evict_over(&node->log, node->persist.durable.match,
                             apply->first, apply->last);
    }
    craft_log_keep(&node->log, apply->first);
    craft_log_reclaim(&node->log,
                      apply->first != 0 && apply->era < era ? apply->era : era,
                      era);
}
