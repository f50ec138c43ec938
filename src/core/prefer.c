#include "core/prefer.h"

/* Of the pause after an attempt, in election timeouts. */
#define PAUSE_MIN 4u
#define PAUSE_MAX 64u

/* So many pauses after an attempt, the next one is like a first. */
#define PAUSES_REMEMBERED 4u

CRAFT_INTERNAL void craft_prefer_begin(struct craft_node *node)
{
    node->prefer.mark = node->log.last;
    node->prefer.look_ticks = 0;
}

static bool peer_is_preferred(const struct craft_node *node, uint32_t slot)
{
    return (node->peers.voters >> slot & 1u) != 0 &&
           node->peers.slots[slot].priority > node->config.priority;
}

/*
 * Its answer is fresh, and its disk has by now what the log had at the last
 * look, a heartbeat ago: so a hand-over keeps proposals waiting for about as
 * long. A disk that stands still fails this; one that is known to, says so by
 * its priority (craft_priority_now).
 */
static bool peer_is_well(const struct craft_node *node, uint32_t slot)
{
    const struct craft_peer *peer = &node->peers.slots[slot];

    return peer_is_preferred(node, slot) &&
           peer->match_index >= node->prefer.mark &&
           peer->silent_ticks <= node->config.election_ticks / 2;
}

/* However many ticks have passed, a look is one observation. */
static void look(struct craft_node *node)
{
    uint32_t enough = node->config.election_ticks;

    for (uint32_t i = 0; i < node->peers.len; i++) {
        struct craft_peer *peer = &node->peers.slots[i];
        uint32_t ticks = peer->well_ticks + node->config.heartbeat_ticks;

        peer->well_ticks = ticks < enough ? ticks : enough;
        if (!peer_is_well(node, i)) {
            peer->well_ticks = 0;
        }
    }
    node->prefer.mark = node->log.last;
    node->prefer.look_ticks = 0;
}

CRAFT_INTERNAL void craft_prefer_elapse(struct craft_node *node, uint32_t ticks)
{
    struct craft_preference *prefer = &node->prefer;

    if (prefer->pause_ticks != 0) {
        prefer->since_ticks += ticks;
        if (prefer->since_ticks >= PAUSES_REMEMBERED * prefer->pause_ticks) {
            prefer->since_ticks = 0;
            prefer->pause_ticks = 0;
        }
    }
    if (node->standing.role == CRAFT_ROLE_LEADER) {
        prefer->look_ticks = ticks > UINT32_MAX - prefer->look_ticks
                                 ? UINT32_MAX
                                 : prefer->look_ticks + ticks;
        if (prefer->look_ticks >= node->config.heartbeat_ticks) {
            look(node);
        }
    }
}

/*
 * Not before an entry of the own term is committed: nothing is settled sooner,
 * and a leader that was elected and leaves at once has done nothing.
 */
static bool may_leave(const struct craft_node *node)
{
    return node->standing.role == CRAFT_ROLE_LEADER &&
           node->transfer.target == 0 && node->transfer.ended_token == 0 &&
           node->commit_index >= node->replication.first_of_term &&
           node->prefer.since_ticks >= node->prefer.pause_ticks;
}

CRAFT_INTERNAL craft_id craft_prefer_whom(const struct craft_node *node)
{
    const struct craft_peer *best = NULL;

    if (!may_leave(node)) {
        return 0;
    }
    for (uint32_t i = 0; i < node->peers.len; i++) {
        const struct craft_peer *peer = &node->peers.slots[i];

        if (peer->well_ticks >= node->config.election_ticks &&
            peer_is_preferred(node, i) &&
            (best == NULL || peer->priority > best->priority)) {
            best = peer;
        }
    }
    return best != NULL ? best->id : 0;
}

CRAFT_INTERNAL void craft_prefer_tried(struct craft_node *node)
{
    struct craft_preference *prefer = &node->prefer;
    uint64_t timeout = node->config.election_ticks;

    prefer->since_ticks = 0;
    prefer->pause_ticks = prefer->pause_ticks == 0 ? PAUSE_MIN * timeout
                                                   : 2 * prefer->pause_ticks;
    if (prefer->pause_ticks > PAUSE_MAX * timeout) {
        prefer->pause_ticks = PAUSE_MAX * timeout;
    }
}
