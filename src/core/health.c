#include "core/health.h"

CRAFT_INTERNAL void craft_health_tell(struct craft_node *node, uint32_t kind,
                                      int32_t value, craft_id id)
{
    struct craft_level *level;

    CRAFT_ASSERT(kind < CRAFT_EVENT_KIND_END);
    if (node->health.levels == NULL) {
        return;
    }
    level = &node->health.levels[kind];
    level->id = id;
    level->value = value;
    level->term = node->standing.term;
    level->index =
        kind == CRAFT_EVENT_CONFIGURATION && node->configuration != NULL
            ? node->configuration->index
            : node->commit_index;
    level->count += level->count < UINT32_MAX;
    node->health.pending |= 1u << kind;
    craft_changed(node, CRAFT_FACT_EVENT);
}

CRAFT_INTERNAL bool craft_health_yields(const struct craft_node *node)
{
    return node->standing.role == CRAFT_ROLE_LEADER && node->persist.full;
}

/* Counts what is received alone: that something can be sent says nothing of
 * whether anybody answers. */
CRAFT_INTERNAL bool craft_health_quorum_lost(const struct craft_node *node)
{
    uint32_t voters = node->peers.voters_len;
    uint32_t heard;

    if (node->standing.role != CRAFT_ROLE_LEADER ||
        (node->config.flags & CRAFT_CONFIG_CHECK_QUORUM) == 0) {
        return false;
    }
    heard = craft_peers_heard(&node->peers, node->config.election_ticks);
    return craft_majority_tally(heard, voters - heard, voters) ==
           CRAFT_TALLY_LOST;
}

/* Is nobody else further? Where all disks are slow a leader is none the worse
 * for its own: to yield would cost the group every leader. */
static bool disk_keeps_up(const struct craft_node *node)
{
    return node->standing.role == CRAFT_ROLE_LEADER &&
           node->commit_index <= node->persist.durable.match;
}

/*
 * A ticket counts from the first tick that finds it open: the time of a host
 * that ticks rarely is not the disk's.
 */
CRAFT_INTERNAL void craft_health_elapse(struct craft_node *node, uint32_t ticks)
{
    const struct craft_persistence *persist = &node->persist;
    struct craft_health *health = &node->health;
    bool open = persist->oldest != persist->next;

    if (!open || persist->oldest != health->disk_ticket) {
        health->disk_ticket = open ? persist->oldest : 0;
        health->disk_ticks = 0;
        return;
    }
    if (disk_keeps_up(node)) {
        return;
    }
    health->disk_ticks = ticks > UINT32_MAX - health->disk_ticks
                             ? UINT32_MAX
                             : health->disk_ticks + ticks;
}

CRAFT_INTERNAL bool craft_health_disk_silent(const struct craft_node *node)
{
    return node->standing.role == CRAFT_ROLE_LEADER &&
           node->peers.voters != 0 && craft_disk_silent(node);
}

/* Peers that began to probe or to replicate, as the leader has them. */
static void tell_turned(struct craft_node *node)
{
    struct craft_peers *peers = &node->peers;

    while (peers->turned != 0) {
        const struct craft_peer *peer =
            &peers->slots[craft_peers_lowest(peers->turned)];

        peers->turned &= peers->turned - 1;
        craft_health_tell(node, CRAFT_EVENT_PEER, peer->progress, peer->id);
    }
}

CRAFT_INTERNAL bool craft_health_derive(struct craft_node *node)
{
    craft_event *event = &node->out.event;
    struct craft_level *level;
    uint32_t kind;

    tell_turned(node);
    if (node->health.pending == 0) {
        node->due &= ~(uint32_t)CRAFT_DERIVE_EVENT;
        return false;
    }
    kind = craft_peers_lowest(node->health.pending);
    level = &node->health.levels[kind];
    node->health.pending &= ~(1u << kind);
    event->struct_size = sizeof *event;
    event->kind = kind;
    event->count = level->count;
    event->value = level->value;
    event->id = level->id;
    event->term = level->term;
    event->index = level->index;
    level->count = 0;
    return true;
}
